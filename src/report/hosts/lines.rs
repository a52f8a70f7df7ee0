//! Copies as JSON Lines: what a program reads of hosts.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use crate::model::{
    disclosure::{Compare, Disclosure},
    host::{HostJudged, Library, Package, Process, ProcessRole, Runner},
    time::Timestamp,
    verdict::{Reason, Verdict},
};

use crate::report::{joined::ActBody, json};

/// The schema of one line of [`jsonl`].
pub const SCHEMA: &str = "allclear.copy/1";

#[derive(Serialize)]
struct Copy<'a> {
    schema: &'static str,
    host: &'a str,
    source: &'a str,
    disclosure: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<&'a Compare>,
    whole: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    run_by: Vec<RunBy<'a>>,
    #[serde(flatten)]
    library: &'a Library,
}

#[derive(Serialize)]
struct RunBy<'a> {
    pid: u32,
    name: &'a str,
    role: ProcessRole,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner: Option<&'a Runner>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    holds: &'a [String],
}

#[derive(Serialize)]
struct Silent<'a> {
    schema: &'static str,
    host: &'a str,
    disclosure: &'a str,
    verdict: Verdict,
    reason: &'a str,
    message: &'a str,
    whole: bool,
}

/// What one look at a host came to: a host without any copy has a row as well.
#[derive(Serialize)]
struct Seen<'a> {
    schema: &'static str,
    host: &'a str,
    source: &'a str,
    disclosure: &'a str,
    at: Timestamp,
    whole: bool,
    copies: usize,
    packages: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acts: Vec<ActBody<'a>>,
}

#[derive(Serialize)]
struct PackageRow<'a> {
    schema: &'static str,
    host: &'a str,
    source: &'a str,
    disclosure: &'a str,
    verdict: Verdict,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<&'a Compare>,
    whole: bool,
    package: &'a Package,
}

/// Writes, for each look at a host, one object that sums it up and one for each package that it is about, each copy and
/// each client, with its verdict; and one for a host that gave nothing when it was asked last.
pub fn jsonl(disclosure: &Disclosure, hosts: &[HostJudged], out: &mut dyn Write) -> io::Result<()> {
    for host in hosts {
        if let Some((_, failure)) = &host.state.failed {
            let silent = Silent {
                schema: SCHEMA,
                host: &host.state.host,
                disclosure: &disclosure.id,
                verdict: Verdict::Unreachable,
                reason: failure.code.as_str(),
                message: &failure.message,
                whole: false,
            };
            json::write(&silent, out)?;
            writeln!(out)?;
        }
        for (look, assessed) in host.state.looks().zip(&host.assessed) {
            let processes: BTreeMap<u32, &Process> =
                look.document.processes.iter().map(|p| (p.pid, p)).collect();
            let seen = Seen {
                schema: SCHEMA,
                host: &host.state.host,
                source: &look.source,
                disclosure: &disclosure.id,
                at: look.document.header.at,
                whole: look.document.header.coverage.complete,
                copies: assessed.verdicts.iter().flatten().count(),
                packages: assessed.packages.iter().flatten().count(),
                acts: assessed.acts.iter().map(ActBody::of).collect(),
            };
            json::write(&seen, out)?;
            writeln!(out)?;
            for (package, finding) in look.document.packages.iter().zip(&assessed.packages) {
                let Some(finding) = finding else { continue };
                let row = PackageRow {
                    schema: SCHEMA,
                    host: &host.state.host,
                    source: &look.source,
                    disclosure: &disclosure.id,
                    verdict: finding.verdict,
                    reason: finding.reason,
                    compare: finding.compare.as_deref(),
                    whole: look.document.header.coverage.complete,
                    package,
                };
                json::write(&row, out)?;
                writeln!(out)?;
            }
            for (library, finding) in look.document.libraries.iter().zip(&assessed.verdicts) {
                let copy = Copy {
                    schema: SCHEMA,
                    host: &host.state.host,
                    source: &look.source,
                    disclosure: &disclosure.id,
                    verdict: finding.as_ref().map(|f| f.verdict),
                    reason: finding.as_ref().map(|f| f.reason),
                    compare: finding.as_ref().and_then(|f| f.compare.as_deref()),
                    whole: look.document.header.coverage.complete,
                    run_by: library
                        .processes
                        .iter()
                        .filter_map(|pid| processes.get(pid).copied().map(run_by))
                        .collect(),
                    library,
                };
                json::write(&copy, out)?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

fn run_by(process: &Process) -> RunBy<'_> {
    RunBy {
        pid: process.pid,
        name: &process.name,
        role: process.role,
        runner: process.runner.as_ref(),
        holds: &process.holds,
    }
}
