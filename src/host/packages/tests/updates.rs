//! Pending updates: outputs as the tools print them, and the running of a tool.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use super::{peer, put};
use crate::{
    host::{
        cover::Cover,
        packages::{
            outputs::kept_back,
            parse_apk_version, parse_apt, parse_dnf_list, parse_dnf_security,
            tool::{Failure, run},
            updates,
            updates::tell_security,
        },
        root::Root,
    },
    model::host::{Part, Update},
};

/// As `apt-get -s dist-upgrade` printed it on Debian 12, with lines in Ubuntu's form.
const APT: &str = "NOTE: This is only a simulation!
Reading package lists...
The following packages have been kept back:
  linux-image-amd64 snapd
The following upgrades have been deferred due to phasing:
  fwupd
The following packages will be upgraded:
  libssl3 libssl-dev
Inst libssl3 [3.0.11-1~deb12u2] (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64]) []
Inst liblcms2-2 [2.14-2] (2.14-2+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst base-files [12.4+deb12u1] (12.4+deb12u2 Debian:12.15/oldstable [amd64]) [libc6:amd64 ]
Inst libssl3:i386 [3.0.2-0ubuntu1.10] (3.0.2-0ubuntu1.15 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [i386])
Inst docker-ce [5:24.0.1-1] (5:24.0.2-1 Docker CE:12/bookworm [amd64])
Inst linux-image-6.1.0-32 (6.1.129-1 Debian:12.15/oldstable [amd64])
Inst local [1] (2 [all])
Inst broken
Conf libssl3 (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64])
";

fn line(update: &Update) -> String {
    let Update { package, arch, installed, available, origin, security, tool } = update;
    let installed = installed.as_deref().unwrap_or("-");
    format!("{tool} {package} {arch} {installed} {available} [{origin}] {security:?}")
}

#[test]
fn apt_is_read_with_its_security_origins() {
    let found: Vec<String> = parse_apt(APT).iter().map(line).collect();
    assert_eq!(
        found,
        [
            "apt-get base-files amd64 12.4+deb12u1 12.4+deb12u2 [Debian:12.15/oldstable] Some(false)",
            "apt-get docker-ce amd64 5:24.0.1-1 5:24.0.2-1 [Docker CE:12/bookworm] Some(false)",
            "apt-get liblcms2-2 amd64 2.14-2 2.14-2+deb12u1 [Debian:12.15/oldstable, Debian-Security:12/oldstable-security] Some(true)",
            "apt-get libssl3 amd64 3.0.11-1~deb12u2 3.0.17-1~deb12u2 [Debian-Security:12/stable-security] Some(true)",
            "apt-get libssl3 i386 3.0.2-0ubuntu1.10 3.0.2-0ubuntu1.15 [Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security] Some(true)",
            "apt-get linux-image-6.1.0-32 amd64 - 6.1.129-1 [Debian:12.15/oldstable] Some(false)",
            "apt-get local all 1 2 [] None",
        ]
    );
    assert_eq!(kept_back(APT), ["linux-image-amd64", "snapd", "fwupd"]);
}

/// As dnf 4.14 and yum 3 printed it; the second break of a line is yum's, at 80 columns.
const DNF: &str = "Last metadata expiration check: 0:00:02 ago on Tue Nov 24 14:14:40 2026.
Available Upgrades
a-package-with-a-really-very-long-name-that-breaks-lines.noarch 1.2-2.el9        local
openssl.noarch                                                  1:3.0.8-28.el9_4 local
openssl-libs.x86_64                                             1:3.0.8-28.el9_4 rhel-9-for-x86_64-baseos-rpms
java-1.8.0-openjdk-headless.x86_64
                       1:1.8.0.412.b08-1.el7_9
                                                         rhel-7-server-rpms
python3.noarch 3.6 broken
Security: kernel-core-4.18.0-513.el8.x86_64 is an installed security update
Obsoleting Packages
openssl11.x86_64    1:1.1.1k-7.el8    epel
";

const ADVISORIES: &str = "RHBA-2024:1    bugfix         a-package-with-a-really-very-long-name-that-breaks-lines-1.2-2.el9.noarch
RHSA-2024:2447 Important/Sec. openssl-libs-1:3.0.8-28.el9_4.x86_64
RHBA-2024:2500 bugfix         openssl-libs-1:3.0.8-28.el9_4.x86_64
i RHSA-2023:1  Low/Sec.       openssl-1:3.0.7-1.el9.noarch
FEDORA-2024-1  security important java-1.8.0-openjdk-headless-1:1.8.0.412.b08-1.el7_9.x86_64 2024-04-30 00:00:00
updateinfo list done
";

#[test]
fn dnf_is_read_with_its_advisories() {
    let mut found = parse_dnf_list(DNF);
    assert!(found.iter().all(|update| update.security.is_none()));
    tell_security(&mut found, &parse_dnf_security(ADVISORIES));
    let found: Vec<String> = found.iter().map(line).collect();
    assert_eq!(
        found,
        [
            "dnf a-package-with-a-really-very-long-name-that-breaks-lines noarch - 1.2-2.el9 [local] Some(false)",
            "dnf java-1.8.0-openjdk-headless x86_64 - 1:1.8.0.412.b08-1.el7_9 [rhel-7-server-rpms] Some(true)",
            "dnf openssl noarch - 1:3.0.8-28.el9_4 [local] None",
            "dnf openssl-libs x86_64 - 1:3.0.8-28.el9_4 [rhel-9-for-x86_64-baseos-rpms] Some(true)",
        ]
    );
}

#[test]
fn apk_is_read() {
    let text = "Installed:                                Available:\n\
        libcrypto3-3.1.4-r5                     < 3.1.8-r0 \n\
        ca-certificates-bundle-20230506-r0      < 20240226-r0 @edge\n\
        musl-1.2.4-r2                           = 1.2.4-r2\nodd < 1\n";
    let found: Vec<String> = parse_apk_version(text).iter().map(line).collect();
    assert_eq!(
        found,
        [
            "apk ca-certificates-bundle  20230506-r0 20240226-r0 [@edge] None",
            "apk libcrypto3  3.1.4-r5 3.1.8-r0 [] None",
        ]
    );
}

#[test]
fn only_the_running_host_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "/var/lib/dpkg/status", "Package: a\n\n");
    let cover = Cover::default();
    assert!(updates(&Root::new(folder.path()), &cover).is_empty());
    assert!(cover.coverage().parts.is_empty());
}

#[test]
fn this_hosts_apt_answers_and_nothing_is_written() {
    if peer("apt-get").is_none() || !std::path::Path::new("/var/lib/dpkg/status").is_file() {
        return;
    }
    let places = ["/var/cache/apt", "/var/lib/apt/lists", "/var/log/apt/eipp.log.xz"];
    let state = || places.map(|place| std::fs::metadata(place).and_then(|meta| meta.modified()).ok());
    // Another apt may be at work meanwhile.
    let mut untouched = false;
    for _ in 0..3 {
        let before = state();
        let cover = Cover::default();
        let found = updates(&Root::host(), &cover);
        let gaps = super::gaps(&cover);
        assert!(!gaps.contains(&"tool-failed".to_owned()), "{:?}", cover.coverage());
        assert!(found.iter().all(|u| u.tool == "apt-get" && u.security.is_some() != u.origin.is_empty()));
        assert!(cover.coverage().parts.contains(&Part::Updates));
        untouched = state() == before;
        if untouched {
            break;
        }
    }
    assert!(untouched, "apt wrote something");
}

#[test]
fn a_tool_is_ended_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    let mark = folder.path().join("pid");
    let script = |text: &str| {
        put(folder.path(), "/tool", format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let second = Duration::from_secs(10);
    script("echo $0 $LC_ALL $1 $SECRET; exit 100");
    assert_eq!(run(&tool, &["one"], &[0, 100], second).unwrap(), format!("{} C one\n", tool.display()));
    assert_eq!(run(&tool, &[], &[0], second), Err(Failure::Failed));
    script(&format!("sleep 60 & echo $! > {}; echo begun; wait", mark.display()));
    let start = Instant::now();
    assert_eq!(run(&tool, &[], &[0], Duration::from_millis(500)), Err(Failure::TimeLimit));
    assert!(start.elapsed() < Duration::from_secs(5));
    let helper = std::fs::read_to_string(&mark).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let state = std::fs::read_to_string(format!("/proc/{}/stat", helper.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "its helper still runs: {state}");
    script("exec cat /dev/zero");
    assert_eq!(run(&tool, &[], &[0], second), Err(Failure::TooLarge));
    assert_eq!(run(&folder.path().join("none"), &[], &[0], second), Err(Failure::NotRunnable));
}
