//! Disclosures as the public records have them, and hosts made for the test.

mod acts;
mod builds;
mod copies;
mod packages;
mod properties;
mod upstream;

use std::fmt::Write as _;

use super::{BuildIds, Judge, judge_copies};
use crate::model::{
    disclosure::{Affected, Confidence, Disclosure, RowStatus},
    host::{
        Collector, CopiesAssessed, CopyKind, CopyRole, Document, Ecosystem, Finding, Header, Library, Os,
        Owner, Package, Process, Runner, RunnerKind, TlsLibrary,
    },
};

/// `versions`: `from..before`, either end open; `last=..` a last affected one; `=` before an exact one.
fn row(ecosystem: &str, package: &str, versions: &str) -> Affected {
    let mut row = Affected::new(ecosystem, package, "record");
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some(exact) = versions.strip_prefix('=') {
        row.versions = vec![exact.to_owned()];
    } else if let Some((from, last)) = versions.split_once("..=") {
        (row.introduced, row.last_affected) = (some(from), some(last));
    } else if let Some((from, before)) = versions.split_once("..") {
        (row.introduced, row.fixed) = (some(from), some(before));
    }
    row
}

fn spared(ecosystem: &str, package: &str, versions: &str) -> Affected {
    Affected { status: RowStatus::NotAffected, ..row(ecosystem, package, versions) }
}

fn unknown(ecosystem: &str, package: &str) -> Affected {
    Affected { status: RowStatus::Unknown, ..row(ecosystem, package, "") }
}

fn unconfirmed(mut row: Affected) -> Affected {
    row.confidence = Confidence::Unconfirmed;
    row
}

fn disclosure(rows: Vec<Affected>) -> Disclosure {
    let mut disclosure: Disclosure = toml::from_str(
        "id = 'CVE-2000-0001'\ntitle = 't'\ndisclosed_at = '2014-04-07T00:00:00Z'\nleaks = 'memory'",
    )
    .unwrap();
    disclosure.affected = rows;
    disclosure
}

/// CVE-2014-0160, by the OpenSSL advisory, Debian's, Ubuntu's, Red Hat's and Amazon's records.
fn heartbleed() -> Disclosure {
    let redhat = "0:1.0.1e-15.el6..0:1.0.1e-16.el6_5.7";
    let mut heartbleed = disclosure(vec![
        row("upstream", "openssl", "1.0.1-dev..1.0.1g"),
        row("upstream", "openssl", "1.0.2-dev..1.0.2-beta2"),
        spared("upstream", "openssl", "..1.0.1-dev"),
        row("Debian:7", "openssl", "1.0.1e-2..1.0.1e-2+deb7u5"),
        row("Debian:sid", "openssl", "1.0.1-1..1.0.1g-1"),
        spared("Debian:6", "openssl", ""),
        row("Ubuntu:12.04:LTS", "openssl", "0..1.0.1-4ubuntu5.12"),
        row("Ubuntu:14.04:LTS", "openssl", "0..1.0.1f-1ubuntu2"),
        spared("Ubuntu:all", "openssl098", ""),
        row("Red Hat:enterprise_linux:6", "openssl", redhat),
        spared("Red Hat:enterprise_linux:7", "openssl", ""),
        row("CentOS:6", "openssl", redhat),
        unconfirmed(spared("CentOS:6", "openssl", "=0:1.0.1e-16.el6_5.4.0.1.centos")),
        row("Amazon Linux:1", "openssl", "0..1:1.0.1e-37.66.amzn1"),
        unconfirmed(row("Fedora:20", "openssl", "0..1:1.0.1e-37.fc20.1")),
        unknown("Mageia", "openssl"),
    ]);
    heartbleed.feature = Some("tls1_process_heartbeat".to_owned());
    heartbleed.never_in = vec![TlsLibrary::Boringssl, TlsLibrary::AwsLc, TlsLibrary::Libressl];
    heartbleed
}

/// CVE-2024-5535: an over-read; Debian 11's record twice, once without its version.
fn alpn() -> Disclosure {
    let upstream =
        ["1.0.2..1.0.2zk", "1.1.1..1.1.1za", "3.0.0..3.0.15", "3.1.0..3.1.7", "3.2.0..3.2.3", "3.3.0..3.3.2"];
    let mut rows: Vec<Affected> = upstream.iter().map(|range| row("upstream", "openssl", range)).collect();
    rows.extend([
        row("Debian:12", "openssl", "0..3.0.15-1~deb12u1"),
        unknown("Debian:11", "openssl"),
        row("Debian:11", "openssl", "0..1.1.1w-0+deb11u2"),
        row("Debian:sid", "openssl", "0..3.3.2-1"),
        unknown("Ubuntu", "openssl"),
        row("Red Hat:enterprise_linux:8::baseos", "openssl", "0..1:1.1.1k-14.el8_6"),
        row("Alpine:v3.20+", "openssl", "0..3.3.1-r1"),
    ]);
    disclosure(rows)
}

/// CVE-2026-84782: heap memory over DTLS; three branches that nobody analysed.
fn dtls() -> Disclosure {
    let upstream = [
        "4.0.0..4.0.3",
        "3.6.0..3.6.5",
        "3.5.0..3.5.9",
        "3.4.0..3.4.8",
        "3.0.0..3.0.23",
        "1.1.1..1.1.1zj",
        "1.0.2..1.0.2zs",
    ];
    let mut rows: Vec<Affected> = upstream.iter().map(|range| row("upstream", "openssl", range)).collect();
    rows.extend([
        unconfirmed(unknown("Debian:13", "openssl")),
        row("Debian:13", "openssl", "0..3.5.7-1~deb13u3"),
        row("Debian:12", "openssl", "0..3.0.22-1~deb12u2"),
        row("Ubuntu:24.04:LTS", "openssl", "0..3.0.13-0ubuntu3.16"),
        row("Ubuntu:22.04:LTS", "openssl", "0..3.0.2-0ubuntu1.30"),
        unknown("Ubuntu:Pro:18.04:LTS", "openssl"),
    ]);
    let mut dtls = disclosure(rows);
    dtls.not_analysed = ["3.1", "3.2", "3.3"].map(str::to_owned).to_vec();
    dtls
}

/// `os`: id, VERSION_ID and, where it matters, the name; empty: none is known.
fn host(os: &str, collector: Collector) -> Document {
    let mut words = os.splitn(3, ' ');
    let mut next = || words.next().unwrap_or_default().trim_matches('-').to_owned();
    let os = (!os.is_empty()).then(|| Os { id: next(), version: next(), name: next() });
    let mut header = Header::named("web01", "2026-11-01T00:00:00Z".parse().unwrap(), collector);
    header.os = os;
    Document::new(header)
}

fn database(os: &str, version: &str) -> Ecosystem {
    let rpm = [".el", ".fc", ".amzn", ".mga", "+el"].iter().any(|mark| version.contains(mark));
    match os.split(' ').next().unwrap_or_default() {
        "alpine" | "wolfi" => Ecosystem::Apk,
        "debian" | "ubuntu" | "raspbian" | "linuxmint" => Ecosystem::Dpkg,
        "" if version.contains("-r") => Ecosystem::Apk,
        "" if !rpm => Ecosystem::Dpkg,
        _ => Ecosystem::Rpm,
    }
}

fn package(name: &str, source: &str, version: &str, ecosystem: Ecosystem) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        epoch: None,
        arch: "amd64".to_owned(),
        source: source.to_owned(),
        source_version: None,
        ecosystem,
        openssl: crate::model::host::is_openssl_source(source),
        installed_at: None,
        upgraded_from: None,
        container: None,
    }
}

fn words(finding: Option<&Finding>) -> String {
    finding.map_or("none".to_owned(), |finding| format!("{} {}", finding.verdict, finding.reason))
}

fn compared(finding: Option<&Finding>) -> String {
    finding.and_then(|finding| finding.compare.as_ref()).map_or(String::new(), ToString::to_string)
}

/// What one package of a host means, and what was compared.
fn told(disclosure: &Disclosure, os: &str, name: &str, version: &str) -> (String, String) {
    let header = host(os, Collector::Binary).header;
    let package = package(name, name, version, database(os, version));
    let finding = Judge::new(disclosure).package(&package, &header);
    (words(finding.as_ref()), compared(finding.as_ref()))
}

fn openssl(disclosure: &Disclosure, os: &str, version: &str) -> String {
    told(disclosure, os, "openssl", version).0
}

fn copy(path: &str, kind: CopyKind, version: &str) -> Library {
    let mut copy = Library::new(path.to_owned(), kind, TlsLibrary::Openssl, CopyRole::Embeds);
    copy.version = (!version.is_empty()).then(|| version.to_owned());
    copy
}

fn with_heartbeat(mut copy: Library, there: Option<bool>) -> Library {
    copy.features.insert("tls1_process_heartbeat".to_owned(), there);
    copy
}

/// A copy that a package of the document owns.
fn owned(mut copy: Library, package: &Package, intact: Option<bool>) -> Library {
    copy.owner = Some(Owner {
        package: package.name.clone(),
        version: package.version.clone(),
        source: package.source.clone(),
        arch: package.arch.clone(),
        ecosystem: package.ecosystem,
        intact,
    });
    copy.container.clone_from(&package.container);
    copy
}

fn process(pid: u32, name: &str, unit: &str, started: &str) -> Process {
    let mut process: Process = serde_json::from_str(r#"{"pid":1,"name":"","role":"server"}"#).unwrap();
    process.pid = pid;
    name.clone_into(&mut process.name);
    process.started_at = (!started.is_empty()).then(|| started.parse().unwrap());
    process.runner = (!unit.is_empty()).then(|| runner(RunnerKind::Unit, unit));
    process
}

fn runner(kind: RunnerKind, name: &str) -> Runner {
    Runner { kind, name: name.to_owned(), engine: None, caution: false }
}

fn judged(document: &Document, disclosure: &Disclosure) -> CopiesAssessed {
    judge_copies(document, disclosure)
}

/// The acts, one line each.
fn acts(assessed: &CopiesAssessed) -> Vec<String> {
    let optional = |name: &str, value: &Option<String>| {
        value.as_ref().map(|v| format!(" {name} {v}")).unwrap_or_default()
    };
    assessed
        .acts
        .iter()
        .map(|act| {
            let mut line = format!("{} {}", act.kind, act.target);
            line += &optional("from", &act.from);
            line += &optional("to", &act.to);
            line += &optional("in", &act.container);
            line += &optional("of", &act.bundle);
            if let Some(runner) = &act.runner {
                let _ = write!(line, " by {} {}", runner.kind, runner.name);
            }
            if !act.processes.is_empty() {
                let _ = write!(line, " {} {:?}", act.program, act.processes);
            }
            if act.caution {
                line += " caution";
            }
            line
        })
        .collect()
}
