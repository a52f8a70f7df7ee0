//! When packages were installed, by logs in local time.

use std::{fmt::Write as _, io::Write as _, process::Command};

use super::{gaps, output, peer, put};
use crate::{
    host::{
        cover::Cover,
        packages::{Databases, zone::Zone},
        root::Root,
    },
    model::time::Timestamp,
};

const STATUS: &str = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.17-1\n\n\
    Package: new\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n\n\
    Package: silent\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// `name since from` of each package.
fn told(folder: &std::path::Path) -> (Vec<String>, Cover) {
    let cover = Cover::default();
    let packages = Databases::read(&Root::new(folder), &cover).packages();
    let line = |p: &crate::model::host::Package| {
        let at = p.installed_at.map_or_else(|| "-".to_owned(), Timestamp::seconds);
        format!("{} {at} {}", p.name, p.upgraded_from.as_deref().unwrap_or("-"))
    };
    (packages.iter().map(line).collect(), cover)
}

#[test]
fn the_logs_tell_since_when_and_from_what() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "/var/lib/dpkg/status", STATUS);
    put(
        folder,
        "/var/log/dpkg.log",
        "2026-02-01 10:00:00 upgrade libssl3:amd64 3.0.16-1 3.0.17-1\n\
         2026-02-01 10:00:01 status installed libssl3:amd64 3.0.17-1\n\
         2026-03-01 10:00:00 upgrade libssl3:amd64 3.0.17-1 3.0.17-1\n\
         2026-03-01 10:00:02 status installed libssl3:amd64 3.0.17-1\n\
         2026-03-02 10:00:02 trigproc libssl3:amd64 3.0.17-1 <none>\nnot a line\n",
    );
    put(
        folder,
        "/var/log/dpkg.log.1",
        "2026-01-01 09:00:00 install silent:amd64 <none> 1\n2026-01-02 09:00:00 remove silent:amd64 1 <none>\n",
    );
    put(
        folder,
        "/var/log/dpkg.log.2.gz",
        gzip(
            "2025-12-01 08:30:00 install new:all <none> 2\n2025-12-01 08:30:00 install libssl3:amd64 <none> 3.0.16-1\n",
        ),
    );
    let (lines, cover) = told(folder);
    assert_eq!(lines, ["libssl3 2026-02-01T10:00:00Z 3.0.16-1", "new 2025-12-01T08:30:00Z -", "silent - -"]);
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
}

#[test]
fn apt_tells_what_dpkg_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "/var/lib/dpkg/status", STATUS);
    put(
        folder,
        "/var/log/apt/history.log.1.gz",
        gzip(
            "\nStart-Date: 2026-02-01  10:00:00\nCommandline: apt-get upgrade\nRequested-By: me (1000)\n\
            Install: new:all (2, automatic), silent:amd64 (0.9)\n\
            Upgrade: other:amd64 (1, 2), libssl3:amd64 (3.0.16-1, 3.0.17-1)\nEnd-Date: 2026-02-01  10:00:05\n",
        ),
    );
    let (lines, cover) = told(folder);
    assert_eq!(
        lines,
        ["libssl3 2026-02-01T10:00:00Z 3.0.16-1", "new 2026-02-01T10:00:00Z -", "silent - -"],
        "another version is no word on this one"
    );
    assert!(cover.coverage().complete);
}

#[test]
fn logs_that_cannot_be_read_are_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "/var/lib/dpkg/status", STATUS);
    put(folder, "/var/log/dpkg.log.1.xz", "x");
    let whole = gzip(&"2026-02-01 10:00:00 upgrade libssl3:amd64 3.0.16-1 3.0.17-1\n".repeat(3));
    put(folder, "/var/log/dpkg.log.2.gz", &whole[..whole.len() - 8]);
    let (lines, cover) = told(folder);
    assert_eq!(lines[0], "libssl3 2026-02-01T10:00:00Z 3.0.16-1", "what came before the damage counts");
    assert_eq!(gaps(&cover), ["compressed", "unreadable"]);
}

#[test]
fn a_zone_that_cannot_be_read_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "/var/lib/dpkg/status", STATUS);
    put(folder, "/etc/localtime", "TZif2 and nothing more");
    put(
        folder,
        "/var/log/dpkg.log",
        "2026-02-01 10:00:00 install libssl3:amd64 <none> 3.0.17-1\n2026-02-01 10:00:00 install new:all <none> 2\n",
    );
    let (lines, cover) = told(folder);
    assert_eq!(lines[0], "libssl3 2026-02-01T10:00:00Z -");
    let gap = cover.coverage().gaps.remove(0);
    assert_eq!((gap.what.as_str(), gap.count), ("local-time", 1));
}

#[test]
fn local_times_are_those_of_date() {
    let Some(date) = peer("date") else { return };
    if !std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").is_file() {
        return super::skipped("no zone files");
    }
    let zones = [
        "Etc/UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Europe/Dublin",
        "Pacific/Kiritimati",
        "Africa/Casablanca",
        "America/Santiago",
    ];
    for zone in zones {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        put(folder.path(), "/etc/localtime", std::fs::read(format!("/usr/share/zoneinfo/{zone}")).unwrap());
        let cover = Cover::default();
        let found = Zone::read(&root, &cover);
        assert!(found.known(), "{zone}");
        // Every 13 days and some hours, past the last change that a file lists.
        let times: Vec<i64> = (0..800).map(|n| 1_400_000_000 + n * 1_150_000).collect();
        let mut input = String::new();
        for time in &times {
            writeln!(input, "@{time}").unwrap();
        }
        put(folder.path(), "/times", &input);
        let text = output(
            Command::new(&date)
                .args(["+%Y-%m-%dT%H:%M:%SZ", "-f"])
                .arg(folder.path().join("times"))
                .env("TZ", zone),
        );
        assert_eq!(text.lines().count(), times.len());
        for (local, time) in text.lines().zip(times) {
            let local: Timestamp = local.parse().unwrap();
            let utc = found.to_utc(local.micros() / 1_000_000);
            assert_eq!(utc.micros() / 1_000_000, time, "{zone} {local}");
        }
        assert!(cover.coverage().complete, "{zone}");
    }
}

#[test]
fn an_hour_that_comes_twice_is_read_as_the_later() {
    if !std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").is_file() {
        return super::skipped("no zone files");
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "/etc/localtime", std::fs::read("/usr/share/zoneinfo/Europe/Berlin").unwrap());
    let (root, cover) = (Root::new(folder.path()), Cover::default());
    let zone = Zone::read(&root, &cover);
    let read = |local: &str| {
        let local: Timestamp = local.parse().unwrap();
        zone.to_utc(local.micros() / 1_000_000).seconds()
    };
    assert_eq!(read("2026-10-25T02:30:00Z"), "2026-10-25T01:30:00Z");
    // This one never was; a reading within the hour is near enough.
    assert_eq!(read("2026-03-29T02:30:00Z"), "2026-03-29T01:30:00Z");
}
