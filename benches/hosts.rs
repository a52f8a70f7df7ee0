//! The joined judgement at a fleet's size: 5,000 host documents against the whole catalogue. Ratios within one run are what counts: `cargo bench --bench hosts`.

use std::hint::black_box;

use allclear::{
    assess::{self, Judge},
    disclosure::Catalogue,
    model::{
        host::{
            Collector, CopyKind, CopyRole, Document, Ecosystem, Header, Library, Os, Owner, Package, Process,
            ProcessRole, Replaced, Runner, RunnerKind, TlsLibrary,
        },
        sweep::HostDocument,
        time::Timestamp,
    },
};
use rayon::prelude::*;

fn main() {
    divan::main();
}

const HOSTS: u32 = 5000;

/// All 700 packages of each host are looked at, as where a document is judged as it came.
#[divan::bench(sample_count = 5)]
fn documents_5_000_whole_catalogue_all_packages(bencher: divan::Bencher<'_, '_>) {
    judge_all(bencher, |_| true);
}

/// As commands do it: packages that no disclosure is about were left out when the documents were read.
#[divan::bench(sample_count = 5)]
fn documents_5_000_whole_catalogue(bencher: divan::Bencher<'_, '_>) {
    judge_all(bencher, |package| package.openssl);
}

fn judge_all(bencher: divan::Bencher<'_, '_>, keep: impl Fn(&Package) -> bool + Sync) {
    let hosts: Vec<HostDocument> = (0..HOSTS).into_par_iter().map(|n| host(n, &keep)).collect();
    let catalogue = Catalogue::built_in().expect("the built-in catalogue");
    bencher.bench_local(|| {
        let builds = assess::builds(&hosts);
        let judges: Vec<Judge<'_>> = catalogue.iter().map(|d| Judge::new(d)).collect();
        let acts: usize = hosts
            .par_iter()
            .map(|host| judges.iter().map(|j| j.document(&host.document, &builds).acts.len()).sum::<usize>())
            .sum();
        black_box(acts)
    });
}

fn host(n: u32, keep: &impl Fn(&Package) -> bool) -> HostDocument {
    let releases = [
        ("12", "3.0.22-1~deb12u2", "3.0.17-1~deb12u2", "3.0.22"),
        ("11", "1.1.1w-0+deb11u8", "1.1.1w-0+deb11u1", "1.1.1w"),
        ("13", "3.5.7-1~deb13u3", "3.5.7-1~deb13u2", "3.5.7"),
    ];
    let (release, fixed, behind, upstream) = releases[n as usize % 3];
    let version = if n.is_multiple_of(5) { behind } else { fixed };
    let at = Timestamp::from_seconds(1_790_000_000);
    let mut header = Header::named(&format!("host{n}"), at, Collector::Binary);
    header.os = Some(Os { id: "debian".into(), version: release.into(), name: String::new() });
    let mut document = Document::new(header);
    document.packages = (0..700).map(|i| package(i, version)).filter(keep).collect();
    document.processes = (0..40).map(process).collect();
    document.libraries = (0..15).map(|i| copy(i, n, version, upstream)).collect();
    HostDocument { host: format!("host{n}"), at, document: document.into() }
}

fn package(i: u32, openssl: &str) -> Package {
    let (name, source, version) = match i {
        300 => ("libssl3".to_owned(), "openssl".to_owned(), openssl.to_owned()),
        301 => ("openssl".to_owned(), "openssl".to_owned(), openssl.to_owned()),
        _ => (format!("libother{i}"), format!("other{i}"), format!("1.{i}-1")),
    };
    Package {
        openssl: source == "openssl",
        name,
        version,
        epoch: None,
        arch: "amd64".into(),
        source,
        source_version: None,
        ecosystem: Ecosystem::Dpkg,
        installed_at: None,
        upgraded_from: None,
        container: None,
    }
}

fn process(i: u32) -> Process {
    Process {
        pid: 100 + i,
        ppid: None,
        name: "nginx".into(),
        exe: None,
        exe_deleted: false,
        uid: None,
        user: None,
        started_at: None,
        runner: Some(Runner {
            kind: RunnerKind::Unit,
            name: format!("service{}.service", i / 4),
            engine: None,
            caution: false,
        }),
        container: None,
        own_mounts: false,
        role: ProcessRole::Server,
        listens: Vec::new(),
        libraries: Vec::new(),
        holds: Vec::new(),
        readable: true,
    }
}

fn copy(i: u32, host: u32, version: &str, upstream: &str) -> Library {
    let role = if i < 8 { CopyRole::Embeds } else { CopyRole::Uses };
    let kind = if i < 4 { CopyKind::Mapped } else { CopyKind::Disk };
    let path = format!("/usr/lib/x86_64-linux-gnu/file{i}.so");
    let mut copy = Library::new(path, kind, TlsLibrary::Openssl, role);
    copy.version = Some(if i < 6 { upstream } else { "3.0.16+quic" }.to_owned());
    copy.build_id = Some(format!("{:040x}", i % 6 + host % 3 * 100));
    copy.owner = (i < 6).then(|| Owner {
        package: "libssl3".into(),
        version: version.to_owned(),
        source: "openssl".into(),
        arch: "amd64".into(),
        ecosystem: Ecosystem::Dpkg,
        intact: Some(true),
    });
    if i < 4 {
        copy.processes = (100..140).filter(|pid| pid % 4 == i).collect();
    }
    if i == 3 {
        copy.deleted = true;
        copy.replaced = Some(Replaced::Renamed);
    }
    copy
}
