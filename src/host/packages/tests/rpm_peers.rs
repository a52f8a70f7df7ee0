//! Real databases, made and told by rpm itself: SQLite by rpm, Berkeley DB from the same records by
//! `db5.3_load`, and the answers of `rpm --query` beside ours.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{gaps, output, peer, put};
use crate::{
    host::{
        cover::Cover,
        packages::{Databases, parse_dnf_list, parse_dnf_security, tool, updates::tell_security},
        root::Root,
    },
    model::host::Package,
};

const SPEC: &str = r"
Name: openssl
Version: 3.0.7
Release: 27.el9
Epoch: 1
Summary: fixture
License: none
BuildArch: noarch
%description
fixture
%package libs
Summary: fixture
%description libs
fixture
%package devel
Summary: fixture without an epoch
Epoch: 0
%description devel
fixture
%install
mkdir -p %{buildroot}/usr/lib64 %{buildroot}/usr/bin %{buildroot}/etc/pki
echo library > %{buildroot}/usr/lib64/libcrypto.so.3.0.7
ln -s libcrypto.so.3.0.7 %{buildroot}/usr/lib64/libcrypto.so.3
echo program > %{buildroot}/usr/bin/openssl
echo config > %{buildroot}/etc/pki/openssl.cnf
%files
/usr/bin/openssl
%files libs
/usr/lib64/*
%config /etc/pki/openssl.cnf
%files devel
";

/// A root with the packages of the recipe installed, and its database moved to where a host has it.
struct Host {
    folder: tempfile::TempDir,
    rpm: PathBuf,
}

impl Host {
    fn new(digest: u32) -> Option<Self> {
        let (rpm, build) = (peer("rpm")?, peer("rpmbuild")?);
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        let path = |name: &str| base.join(name).display().to_string();
        fs::write(folder.path().join("x.spec"), SPEC).unwrap();
        let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
        output(
            Command::new(build)
                .args(define("_topdir", &path("top")))
                .args(define("_source_filedigest_algorithm", &digest.to_string()))
                .args(define("_binary_filedigest_algorithm", &digest.to_string()))
                .args(define("_build_id_links", "none"))
                .args(["-bb", &path("x.spec")]),
        );
        let host = Self { folder, rpm };
        fs::create_dir_all(host.root().base()).unwrap();
        let packages = fs::read_dir(path("top/RPMS/noarch")).unwrap().map(|entry| entry.unwrap().path());
        let root = host.root().base().display().to_string();
        output(host.query("/var/lib/rpm").args(["--root", &root, "-i", "--nodeps"]).args(packages));
        Some(host)
    }

    fn root(&self) -> Root {
        Root::new(self.folder.path().join("root"))
    }

    /// rpm with a database that its own configuration would not take.
    fn query(&self, database: &str) -> Command {
        let mut command = Command::new(&self.rpm);
        command.args(["--dbpath", database]);
        command
    }

    fn database(&self) -> PathBuf {
        self.root().locate("/var/lib/rpm")
    }

    fn told(&self, folder: &Path, more: &[&str]) -> Vec<String> {
        let format = "%{NAME}|%{EVR}|%{ARCH}|%{SOURCERPM}|%{INSTALLTIME}\n";
        let text = output(self.query(folder.to_str().unwrap()).args(more).args(["-qa", "--qf", format]));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn lines(packages: &[Package]) -> Vec<String> {
    let mut lines: Vec<String> = packages
        .iter()
        .map(|p| {
            let plain = p.version.split_once(':').map_or(p.version.as_str(), |(_, rest)| rest);
            let source = format!("{}-{}.src.rpm", p.source, p.source_version.as_deref().unwrap_or(plain));
            let at = p.installed_at.unwrap().micros() / 1_000_000;
            format!("{}|{}|{}|{source}|{at}", p.name, p.version, p.arch)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_real_sqlite_database_tells_what_rpm_tells() {
    // MD5 as on RHEL 5, SHA-1, SHA-256 as today, SHA-512.
    for digest in [1, 2, 8, 10] {
        let Some(host) = Host::new(digest) else { return };
        let (root, cover) = (host.root(), Cover::default());
        let databases = Databases::read(&root, &cover);
        assert_eq!(lines(&databases.packages()), host.told(&host.database(), &[]));
        assert_eq!(databases.len(), 3);
        let paths = ["/usr/lib64/libcrypto.so.3", "/usr/lib64/libcrypto.so.3.0.7", "/usr/bin/openssl"]
            .map(str::to_owned);
        let owners = databases.owners(&root, &paths, &cover);
        let told = |n: usize| (owners[&paths[n]].package.as_str(), owners[&paths[n]].intact);
        assert_eq!(told(0), ("openssl-libs", Some(true)), "through its link");
        assert_eq!(told(1), ("openssl-libs", Some(true)));
        assert_eq!(told(2), ("openssl", Some(true)));
        put(root.base(), &paths[1], "replaced");
        let owner = databases.owner(&root, &paths[0], &cover).unwrap();
        assert_eq!(
            (owner.version.as_str(), owner.source.as_str(), owner.intact),
            ("1:3.0.7-27.el9", "openssl", Some(false))
        );
        assert!(cover.coverage().complete, "{:?}", cover.coverage());
    }
}

#[test]
fn a_link_of_a_package_to_a_strange_file_has_no_owner() {
    let Some(host) = Host::new(8) else { return };
    let root = host.root();
    put(root.base(), "/opt/strange.so", "strange");
    fs::remove_file(root.locate("/usr/lib64/libcrypto.so.3")).unwrap();
    std::os::unix::fs::symlink("/opt/strange.so", root.locate("/usr/lib64/libcrypto.so.3")).unwrap();
    let cover = Cover::default();
    assert_eq!(Databases::read(&root, &cover).owner(&root, "/usr/lib64/libcrypto.so.3", &cover), None);
}

#[test]
fn rpm_can_still_use_the_database_afterwards() {
    let Some(host) = Host::new(8) else { return };
    let before = host.told(&host.database(), &[]);
    for _ in 0..3 {
        assert_eq!(Databases::read(&host.root(), &Cover::default()).len(), 3);
    }
    assert_eq!(host.told(&host.database(), &[]), before);
    let root = host.root().base().display().to_string();
    output(host.query("/var/lib/rpm").args(["--root", &root, "-e", "--nodeps", "openssl-devel"]));
    assert_eq!(Databases::read(&host.root(), &Cover::default()).len(), 2);
}

#[test]
fn a_real_berkeley_database_tells_what_rpm_tells() {
    let (Some(host), Some(load)) = (Host::new(1), peer("db5.3_load")) else { return };
    let told = host.told(&host.database(), &[]);
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("var/lib/rpm");
    // Small pages make chains, large ones hold whole records; and the order of bytes of another machine.
    for (page, order) in [(512, 1234), (4096, 1234), (65_536, 1234), (4096, 4321)] {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut dump = format!(
            "VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={page}\ndb_lorder={order}\nHEADER=END\n 00000000\n 09000000\n"
        );
        for (n, record) in records(&host.database().join("rpmdb.sqlite")).iter().enumerate() {
            let encode = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
            writeln!(dump, " {}\n {}", encode(&u32::try_from(n + 1).unwrap().to_le_bytes()), encode(record))
                .unwrap();
        }
        dump += "DATA=END\n";
        fs::write(base.path().join("dump"), dump).unwrap();
        output(Command::new(&load).arg("-f").arg(base.path().join("dump")).arg(folder.join("Packages")));
        let cover = Cover::default();
        let found = Databases::read(&Root::new(base.path()), &cover);
        assert_eq!(lines(&found.packages()), told, "{page} {order}");
        assert_eq!(gaps(&cover), Vec::<String>::new());
        if order == 1234 {
            assert_eq!(host.told(&folder, &["--define", "_db_backend bdb_ro"]), told, "rpm reads it as well");
        }
    }
}

/// The records of a database that is ours to open.
fn records(database: &Path) -> Vec<Vec<u8>> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut statement = connection.prepare("SELECT blob FROM Packages ORDER BY hnum").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn the_answers_of_a_real_dnf_are_read() {
    let (Some(rpm), Some(build)) = (peer("rpm"), peer("rpmbuild")) else { return };
    let (Some(dnf), Some(create), Some(modify)) = (peer("dnf"), peer("createrepo_c"), peer("modifyrepo_c"))
    else {
        return;
    };
    let base = tempfile::tempdir().unwrap();
    let path = |name: &str| base.path().join(name).display().to_string();
    for (top, release) in [("old", "1.el9"), ("new", "2.el9")] {
        put(base.path(), &format!("{top}.spec"), SPEC.replace("27.el9", release));
        let define = format!("_topdir {}", path(top));
        output(Command::new(&build).args(["--define", &define, "-bb", &path(&format!("{top}.spec"))]));
    }
    let (old, repo, root) = (path("old/RPMS/noarch"), path("new/RPMS/noarch"), path("root"));
    let packages = fs::read_dir(old).unwrap().map(|entry| entry.unwrap().path());
    fs::create_dir_all(&root).unwrap();
    // dnf looks where rpm by itself puts its database; Debian has that below the home folder.
    output(Command::new(rpm).env("HOME", "/").args(["--root", &root, "-i", "--nodeps"]).args(packages));
    output(Command::new(create).args(["-q", &repo]));
    put(base.path(), "updateinfo.xml", ADVISORY);
    output(Command::new(modify).args([
        "--mdtype=updateinfo",
        &path("updateinfo.xml"),
        &format!("{repo}/repodata"),
    ]));
    put(base.path(), "repos/l.repo", format!("[local]\nname=l\nbaseurl=file://{repo}\ngpgcheck=0\n"));
    // dnf takes its folder of logs both inside and outside of the root.
    for logs in [path("logs"), format!("{root}{}", path("logs"))] {
        fs::create_dir_all(logs).unwrap();
    }
    let ask = |arguments: &[&str]| {
        let options = [
            format!("--installroot={root}"),
            "--releasever=9".to_owned(),
            "--setopt=cachedir=/cache".to_owned(),
            format!("--setopt=reposdir={}", path("repos")),
            format!("--setopt=logdir={}", path("logs")),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        tool::run(&dnf, &[&options, arguments].concat(), &[0, 100], std::time::Duration::from_secs(50))
            .unwrap()
    };
    ask(&["-q", "makecache"]);
    let mut found = parse_dnf_list(&ask(&["-q", "-C", "check-update"]));
    tell_security(&mut found, &parse_dnf_security(&ask(&["-q", "-C", "updateinfo", "list"])));
    let lines: Vec<String> = found
        .iter()
        .map(|u| format!("{}.{} {} {} {:?}", u.package, u.arch, u.available, u.origin, u.security))
        .collect();
    assert_eq!(
        lines,
        [
            "openssl.noarch 1:3.0.7-2.el9 local None",
            "openssl-devel.noarch 3.0.7-2.el9 local Some(false)",
            "openssl-libs.noarch 1:3.0.7-2.el9 local Some(true)",
        ]
    );
}

const ADVISORY: &str = r#"<?xml version="1.0"?><updates>
<update from="x" status="final" type="security" version="1"><id>RHSA-2024:2447</id><title>t</title>
<severity>Important</severity><issued date="2024-04-30 00:00:00"/><description>d</description>
<pkglist><collection><name>c</name><package name="openssl-libs" version="3.0.7" release="2.el9" epoch="1"
arch="noarch" src="o"><filename>a.rpm</filename></package></collection></pkglist></update>
<update from="x" status="final" type="bugfix" version="1"><id>RHBA-2024:1</id><title>t</title>
<issued date="2024-04-30 00:00:00"/><description>d</description>
<pkglist><collection><name>c</name><package name="openssl-devel" version="3.0.7" release="2.el9" epoch="0"
arch="noarch" src="o"><filename>b.rpm</filename></package></collection></pkglist></update></updates>
"#;
