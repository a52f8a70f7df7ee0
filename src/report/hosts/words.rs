//! The words for a host's facts: who runs what, from where, open to whom, and what ends it.

use std::collections::BTreeMap;

use crate::model::{
    host::{
        Act, CopyRole, Document, Finding, Library, Listener, Look, OldCopy, Replaced, Runner, TlsLibrary,
    },
    verdict::Verdict,
};

use crate::report::style::Ink;

/// `1 copy`, `2 copies`, `3 hosts`, `2 copies run`.
pub(in crate::report) fn number(n: usize, what: &str) -> String {
    let many = match what {
        "copy" => "copies".to_owned(),
        "copy runs" => "copies run".to_owned(),
        "archive was" => "archives were".to_owned(),
        "file uses" => "files use".to_owned(),
        "process" => "processes".to_owned(),
        _ => format!("{what}s"),
    };
    format!("{n} {}", if n == 1 { what } else { &many })
}

pub(super) fn provenance(look: &Look) -> String {
    let header = &look.document.header;
    let os = header.os.as_ref().map_or_else(String::new, |os| {
        let name = if os.name.is_empty() { &os.id } else { &os.name };
        format!("{name}, ")
    });
    let user = match (header.privileged, header.uid) {
        (true, _) => " as root".to_owned(),
        (false, Some(uid)) => format!(" as user {uid}"),
        (false, None) => String::new(),
    };
    let whole = if header.coverage.complete { "whole" } else { "in part" };
    let root = if header.root == "/" { String::new() } else { format!(" of {}", header.root) };
    let cut = if look.document.footer.is_none() && look.origin == crate::model::host::Origin::Document {
        ", CUT OFF"
    } else {
        ""
    };
    let source = if look.source.is_empty() { String::new() } else { format!(" ({})", look.source) };
    format!("{os}{}{root} at {}{user}, seen {whole}{cut}{source}", header.tool, header.at.short())
}

pub(super) fn old_sentence(old: &OldCopy, copy: &Library) -> String {
    let who = if old.program.is_empty() { "a process" } else { &old.program };
    let pids: Vec<String> = old.processes.iter().map(u32::to_string).collect();
    let verdict = old
        .verdict
        .as_ref()
        .map_or_else(|| "not told".to_owned(), |f| format!("{}, {}", f.verdict, f.reason));
    let id = copy.build_id.as_deref().map_or_else(String::new, |id| format!(", Build-ID {id}"));
    let disk = copy.on_disk.as_ref();
    let now = match (old.replaced, disk.and_then(|d| d.version.as_deref())) {
        (Some(Replaced::Removed), _) => "its file was removed since".to_owned(),
        (Some(Replaced::Overwritten), _) => {
            "its file was overwritten since it started: what it runs is not certain".to_owned()
        }
        (None, _) => "it is not the file on disk any more".to_owned(),
        (Some(Replaced::Renamed), Some(version)) => format!("replaced on disk by {version} since"),
        (Some(Replaced::Renamed), None) => "replaced on disk since".to_owned(),
    };
    let disk_id =
        disk.and_then(|d| d.build_id.as_deref()).map_or_else(String::new, |id| format!(" (Build-ID {id})"));
    let after = old
        .disk_verdict
        .as_ref()
        .map_or_else(String::new, |f| format!("; the file on disk is {}", f.verdict));
    format!(
        "{who} (pid {}) has {} from {}{id} [{verdict}]: {now}{disk_id}{after}",
        pids.join(", "),
        named(copy),
        copy.path
    )
}

/// What to do so that the old copy is gone.
pub(super) fn restart_words(old: &OldCopy) -> String {
    // A restart into leaking code puts fresh keys into its memory.
    let needed = match old.disk_verdict.as_ref().map(|f| f.verdict) {
        _ if old.verdict.as_ref().is_some_and(|f| f.verdict.is_clean()) => "Not needed for this disclosure: ",
        Some(Verdict::Vulnerable) => {
            "Not yet: the file on disk is vulnerable. Install the fixed version first, then "
        }
        Some(v) if !v.is_clean() => "Make sure first that the file on disk is fixed, then ",
        _ => "Do: ",
    };
    let Some(runner) = &old.runner else {
        return format!("{needed}restart what runs these processes");
    };
    let caution = if runner.caution { " (cuts people off: choose the hour)" } else { "" };
    format!("{needed}{}{caution}", runner_words(runner))
}

pub(super) fn runner_words(runner: &Runner) -> String {
    Act::restart_of(runner)
}

/// What was compared to come to a finding, where anything was.
pub(super) fn compared(finding: &Finding) -> Option<String> {
    finding.compare.as_ref().map(ToString::to_string)
}

/// `openssl 1.0.1e`, `boringssl`, `openssl (no version)`.
pub(in crate::report) fn named(copy: &Library) -> String {
    let version = match (&copy.version, copy.lib) {
        (Some(version), _) => format!(" {version}"),
        (None, TlsLibrary::Openssl) => " (no version)".to_owned(),
        (None, _) => String::new(),
    };
    let role = match copy.role {
        CopyRole::BuildInput => ", static",
        CopyRole::Provider => ", provider",
        CopyRole::Unreadable => ", unreadable",
        CopyRole::Embeds | CopyRole::Uses | CopyRole::HeaderText => "",
    };
    format!("{}{version}{role}", copy.lib)
}

pub(super) fn from(copy: &Library) -> String {
    if let Some(owner) = &copy.owner {
        let changed = match owner.intact {
            Some(false) => ", changed since",
            Some(true) => "",
            None => ", not compared",
        };
        return format!("{} {}{changed}", owner.package, owner.version);
    }
    if let Some(bundle) = &copy.bundle {
        return format!("{} {} {}", bundle.kind, bundle.name, bundle.version);
    }
    "no package".to_owned()
}

/// Which runners have a copy, by process.
pub(super) fn runners(document: &Document) -> BTreeMap<u32, String> {
    document
        .processes
        .iter()
        .map(|p| (p.pid, p.runner.as_ref().map_or_else(|| p.name.clone(), |r| r.name.clone())))
        .collect()
}

pub(super) fn place(copy: &Library, runners: &BTreeMap<u32, String>) -> String {
    let inside = copy.container.as_deref().map_or_else(String::new, |c| format!(" in container {c}"));
    if copy.processes.is_empty() {
        return format!("{}{inside}", copy.path);
    }
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for pid in &copy.processes {
        *by.entry(runners.get(pid).map_or("?", String::as_str)).or_insert(0) += 1;
    }
    let names: Vec<String> = by
        .iter()
        .map(|(name, n)| if *n == 1 { (*name).to_owned() } else { format!("{name} x{n}") })
        .collect();
    format!("{}{inside}: {}", copy.path, names.join(", "))
}

pub(super) fn socket(listener: &Listener) -> String {
    let inside = listener.container.as_deref().map_or_else(String::new, |c| format!(" in {c}"));
    let address = if listener.address.is_ipv6() {
        format!("[{}]", listener.address)
    } else {
        listener.address.to_string()
    };
    format!("{} {address}:{}{inside}", listener.protocol, listener.port)
}

pub(super) fn open_to(listener: &Listener) -> String {
    let open = &listener.open_to;
    let from = if open.from.is_empty() { String::new() } else { format!(" ({})", open.from.join(", ")) };
    let because = if open.because.is_empty() { String::new() } else { format!(": {}", open.because) };
    let leads = listener
        .published
        .as_ref()
        .map_or_else(String::new, |p| format!(", leads to {}:{}", p.to_address, p.to_port));
    format!("{}{from}{leads}{because}", open.reach)
}

pub(super) fn urgency(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Vulnerable => 0,
        v if v.is_clean() => 2,
        _ => 1,
    }
}

pub(super) fn verdict_ink(verdict: Verdict) -> Ink {
    match urgency(verdict) {
        0 => Ink::Bad,
        2 => Ink::Good,
        _ => Ink::Warn,
    }
}
