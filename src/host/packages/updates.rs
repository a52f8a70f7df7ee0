//! Updates that wait, by the running host's own tool, from what it knows already.
//!
//! Nothing is fetched and nothing changed: apt simulates, dnf and yum look into their cache only, apk
//! compares its databases. So an answer is as old as the host's lists, and missing or old lists are a gap.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{apk, outputs, rpm, scratch::Scratch, tool};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Part, Update},
};

/// The longest that one tool may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Lists older than this are said to be old.
const OLD_SECONDS: u64 = 7 * 86_400;

/// The exit status of dnf and yum where updates wait.
const DNF_SOME: i32 = 100;

/// apt, kept from writing its caches and the logs of its planner, which it does even when it simulates.
const APT: [&str; 12] = [
    "-s",
    "-o",
    "Debug::NoLocking=1",
    "-o",
    "Dir::Cache::pkgcache=",
    "-o",
    "Dir::Cache::srcpkgcache=",
    "-o",
    "Dir::Log::Planner=/dev/null",
    "-o",
    "Dir::Log::Solver=/dev/null",
    "dist-upgrade",
];

/// The updates that wait. Only of the running host: of any other root there is nothing.
pub fn updates(root: &Root, cover: &Cover) -> Vec<Update> {
    if !root.is_host() {
        return Vec::new();
    }
    cover.part(Part::Updates);
    let mut found = Vec::new();
    let mut known = false;
    if root.metadata("/var/lib/dpkg/status").is_ok_and(|meta| meta.len() > 0) {
        known = true;
        found.extend(apt(root, cover));
    }
    // The program `rpm` alone, as on Debian, makes an empty database that says nothing of updates.
    if has_rpm(root) {
        known = true;
        found.extend(dnf(cover));
    }
    if apk::PLACES.iter().any(|place| root.metadata(place).is_ok()) {
        known = true;
        found.extend(apk_version(cover));
    }
    if !known {
        cover.gap(Part::Updates, "no-tool", "no known package database");
    }
    found.sort();
    found.dedup();
    found
}

fn has_rpm(root: &Root) -> bool {
    let places = rpm::FOLDERS.iter().flat_map(|folder| {
        ["rpmdb.sqlite", "Packages.db", "Packages"].iter().map(move |name| format!("{folder}/{name}"))
    });
    let other = root.metadata("/var/lib/dpkg/status").is_ok_and(|meta| meta.len() > 0);
    !other && places.into_iter().any(|place| root.metadata(place).is_ok_and(|meta| meta.len() > 0))
}

/// Runs a tool by name; a gap where it is not there or does not answer.
fn ask(name: &str, arguments: &[&str], cover: &Cover) -> Option<String> {
    let Some(program) = tool::find(name) else {
        cover.gap(Part::Updates, "no-tool", name);
        return None;
    };
    ask_program(&program, arguments, &[0], cover)
}

fn ask_program(program: &Path, arguments: &[&str], fine: &[i32], cover: &Cover) -> Option<String> {
    let limit = cover.time_left().map_or(LIMIT, |left| left.min(LIMIT));
    match tool::run(program, arguments, fine, limit) {
        Ok(text) => Some(text),
        Err(failure) => {
            cover.gap(Part::Updates, failure.word(), program.display());
            None
        }
    }
}

fn apt(root: &Root, cover: &Cover) -> Vec<Update> {
    match newest_list(root) {
        None => cover.gap(Part::Updates, "no-lists", "/var/lib/apt/lists"),
        Some(time) if SystemTime::now().duration_since(time).is_ok_and(|age| age.as_secs() > OLD_SECONDS) => {
            cover.gap(Part::Updates, "old-lists", "/var/lib/apt/lists");
        }
        Some(_) => {}
    }
    let Some(text) = ask("apt-get", &APT, cover) else { return Vec::new() };
    for package in outputs::kept_back(&text) {
        cover.gap(Part::Updates, "kept-back", package);
    }
    outputs::parse_apt(&text)
}

/// When apt's lists were last renewed: the newest time of a list or of its release file.
fn newest_list(root: &Root) -> Option<SystemTime> {
    let folder = "/var/lib/apt/lists";
    let names = root.list(folder).ok()?;
    let names: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    if !names.iter().any(|name| name.contains("_Packages")) {
        return None;
    }
    // The time of a list is that of the archive; the folder `partial` is touched by each renewal.
    let times = names.iter().chain(&["partial"]).filter_map(|name| {
        let meta = root.metadata(format!("{folder}/{name}")).ok()?;
        meta.modified().ok()
    });
    times.max()
}

fn dnf(cover: &Cover) -> Vec<Update> {
    let found = ["dnf", "yum"].into_iter().find_map(|name| Some((name, tool::find(name)?)));
    let Some((name, program)) = found else {
        cover.gap(Part::Updates, "no-tool", "dnf, yum");
        return Vec::new();
    };
    // Its logs go where they can be removed again; yum has one log only, and no such option by that name.
    let scratch = Scratch::candidates().next();
    let logs = scratch.as_ref().map(|scratch| format!("--setopt=logdir={}", scratch.path().display()));
    let mut arguments = vec!["-q", "-C"];
    if name == "dnf" {
        let Some(logs) = &logs else {
            cover.gap(Part::Updates, "no-temporary-folder", name);
            return Vec::new();
        };
        arguments.push(logs);
    } else {
        arguments.push("--setopt=logfile=/dev/null");
    }
    let ask = |more: &[&str]| ask_program(&program, &[&arguments, more].concat(), &[0, DNF_SOME], cover);
    // Unlike `list`, which fails where there is nothing to list.
    let Some(text) = ask(&["check-update"]) else { return Vec::new() };
    let mut found = outputs::parse_dnf_list(&text);
    if found.is_empty() {
        return found;
    }
    let advisories = ask(&["updateinfo", "list"]).unwrap_or_default();
    tell_security(&mut found, &outputs::parse_dnf_security(&advisories));
    for update in &mut found {
        name.clone_into(&mut update.tool);
    }
    found
}

pub(super) fn tell_security(found: &mut [Update], advisories: &BTreeMap<(String, String), bool>) {
    for update in found {
        let key = (update.package.clone(), update.arch.clone());
        update.security = advisories.get(&key).copied();
    }
}

fn apk_version(cover: &Cover) -> Vec<Update> {
    let text = ask("apk", &["--no-network", "version", "-l", "<"], cover);
    text.map_or_else(Vec::new, |text| outputs::parse_apk_version(&text))
}
