//! When a package came to its version, and from which: dpkg's log, and apt's where that one says nothing.
//!
//! Both write local time without a zone; see `zone`. Logs are rotated away: what they do not say stays
//! unknown, and that is no gap.

use std::{collections::HashMap, io::Read as _};

use flate2::read::MultiGzDecoder;

use super::{note, zone::Zone};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Package, Part},
};

/// The most that is read of one log, unpacked, and of all of them.
const MAX_LOG: u64 = 64 << 20;
const MAX_LOGS: u64 = 512 << 20;

/// Rotated logs that are looked at, by name.
const MAX_FILES: usize = 200;

/// Events kept at most.
const MAX_EVENTS: usize = 1_000_000;

/// What happened to a package, in a log's own time: seconds since 1970 as if its clock had run in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) name: String,
    /// Empty where the log does not say.
    pub(super) arch: String,
    pub(super) change: Change,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Installed(String),
    Upgraded { from: String, to: String },
    Removed,
}

/// Fills in `installed_at` and `upgraded_from`.
pub(super) fn fill(root: &Root, cover: &Cover, packages: &mut [Package]) {
    let mut logs = read_logs(root, cover, "/var/log", "dpkg.log", parse_dpkg);
    let mut older = read_logs(root, cover, "/var/log/apt", "history.log", parse_apt_history);
    logs.sort_by_key(|event| event.at);
    older.sort_by_key(|event| event.at);
    if logs.is_empty() && older.is_empty() {
        return;
    }
    let zone = Zone::read(root, cover);
    let (logs, older) = (Story::of(logs), Story::of(older));
    if !zone.known() {
        cover.gap(Part::Updates, "local-time", "/etc/localtime");
    }
    for package in packages {
        let Some((at, from)) = logs.of_package(package).or_else(|| older.of_package(package)) else {
            continue;
        };
        package.installed_at = Some(zone.to_utc(at));
        package.upgraded_from = from;
    }
}

/// The last word on each package.
struct Story(HashMap<(String, String), (String, i64, Option<String>)>);

impl Story {
    /// From events in the order of time.
    fn of(events: Vec<Event>) -> Self {
        let mut last: HashMap<(String, String), (String, i64, Option<String>)> = HashMap::new();
        for Event { at, name, arch, change } in events {
            let key = (name, arch);
            let (to, from) = match change {
                Change::Removed => {
                    last.remove(&key);
                    continue;
                }
                Change::Installed(to) => (to, None),
                Change::Upgraded { from, to } => (to, Some(from)),
            };
            // The same version again is a repair: it was there before.
            if last.get(&key).is_none_or(|(version, _, _)| *version != to) {
                let from = from.filter(|from| *from != to);
                last.insert(key, (to, at, from));
            }
        }
        Self(last)
    }

    fn of_package(&self, package: &Package) -> Option<(i64, Option<String>)> {
        // dpkg names packages of `all` with the host's own architecture in some versions.
        let exact = self.0.get(&(package.name.clone(), package.arch.clone()));
        let (version, at, from) = exact.or_else(|| self.0.get(&(package.name.clone(), String::new())))?;
        (*version == package.version).then(|| (*at, from.clone()))
    }
}

/// All rotations of a log.
fn read_logs(
    root: &Root,
    cover: &Cover,
    folder: &str,
    stem: &str,
    parse: fn(&str, &mut Vec<Event>),
) -> Vec<Event> {
    let names = match root.list(folder) {
        Ok(names) => names,
        Err(error) => {
            note(cover, Part::Updates, folder, &error);
            return Vec::new();
        }
    };
    let mut events = Vec::new();
    let mut left = MAX_LOGS;
    let names = names.iter().filter_map(|name| name.to_str());
    let logs: Vec<&str> = names
        .filter(|name| {
            name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        })
        .collect();
    for (n, name) in logs.into_iter().enumerate() {
        let place = format!("{folder}/{name}");
        if n >= MAX_FILES || left == 0 || events.len() >= MAX_EVENTS {
            cover.gap(Part::Updates, "too-large", place);
            break;
        }
        if cover.out_of_time() {
            cover.gap(Part::Updates, "time-limit", place);
            break;
        }
        let Some(text) = log_text(root, cover, &place, left.min(MAX_LOG)) else { continue };
        left = left.saturating_sub(text.len() as u64);
        parse(&text, &mut events);
        events.truncate(MAX_EVENTS);
    }
    events
}

fn log_text(root: &Root, cover: &Cover, place: &str, max: u64) -> Option<String> {
    if [".xz", ".bz2", ".zst", ".lz4"].iter().any(|end| place.ends_with(end)) {
        cover.gap(Part::Updates, "compressed", place);
        return None;
    }
    let file = match root.open(place) {
        Ok(file) => file,
        Err(error) => {
            note(cover, Part::Updates, place, &error);
            return None;
        }
    };
    let mut bytes = Vec::new();
    let more = max.saturating_add(1);
    let read = if place.strip_suffix(".gz").is_some() {
        MultiGzDecoder::new(file).take(more).read_to_end(&mut bytes)
    } else {
        file.take(more).read_to_end(&mut bytes)
    };
    if let Err(error) = read {
        // What came before the damage still counts.
        note(cover, Part::Updates, place, &error);
    }
    if bytes.len() as u64 > max {
        cover.gap(Part::Updates, "too-large", place);
        bytes.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `2025-06-24 14:36:25 upgrade libssl3:amd64 3.0.15-1 3.0.16-1`. The lines with `status installed` are of no
/// use: a trigger or a reconfiguration writes them too.
pub(super) fn parse_dpkg(text: &str, events: &mut Vec<Event>) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(date), Some(time), Some(action), Some(package)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Some(at) = local_time(date, time) else { continue };
        let change = match (action, words.next(), words.next()) {
            ("install", Some(_), Some(to)) => Change::Installed(to.to_owned()),
            ("upgrade", Some(from), Some(to)) => {
                Change::Upgraded { from: from.to_owned(), to: to.to_owned() }
            }
            ("remove" | "purge", _, _) => Change::Removed,
            _ => continue,
        };
        let (name, arch) = package.split_once(':').unwrap_or((package, ""));
        events.push(Event { at, name: name.to_owned(), arch: arch.to_owned(), change });
    }
}

/// Paragraphs with `Start-Date: 2025-06-24  14:36:25` and `Upgrade: libssl3:amd64 (3.0.15-1, 3.0.16-1), …`.
pub(super) fn parse_apt_history(text: &str, events: &mut Vec<Event>) {
    let mut at = None;
    for line in text.lines() {
        let Some((field, value)) = line.split_once(": ") else { continue };
        if field == "Start-Date" {
            let mut words = value.split_ascii_whitespace();
            at = words.next().zip(words.next()).and_then(|(date, time)| local_time(date, time));
        }
        let Some(at) = at else { continue };
        if !matches!(field, "Install" | "Upgrade" | "Downgrade" | "Reinstall" | "Remove" | "Purge") {
            continue;
        }
        for item in value.split("), ") {
            let Some((package, versions)) = item.trim_end_matches(')').split_once(" (") else { continue };
            let mut versions = versions.split(", ");
            let (first, second) = (versions.next().unwrap_or_default(), versions.next());
            let change = match (field, second) {
                ("Remove" | "Purge", _) => Change::Removed,
                ("Upgrade" | "Downgrade", Some(to)) => {
                    Change::Upgraded { from: first.to_owned(), to: to.to_owned() }
                }
                ("Install" | "Reinstall", _) => Change::Installed(first.to_owned()),
                _ => continue,
            };
            let (name, arch) = package.split_once(':').unwrap_or((package, ""));
            events.push(Event { at, name: name.to_owned(), arch: arch.to_owned(), change });
        }
    }
}

/// `2025-06-24`, `14:36:25` as seconds.
fn local_time(date: &str, time: &str) -> Option<i64> {
    if date.len() != 10 || time.len() != 8 {
        return None;
    }
    let at: crate::model::time::Timestamp = format!("{date}T{time}Z").parse().ok()?;
    Some(at.micros().div_euclid(1_000_000))
}

/// For fuzzing.
pub(super) fn fuzz(text: &str) {
    let mut events = Vec::new();
    parse_dpkg(text, &mut events);
    parse_apt_history(text, &mut events);
    events.sort_by_key(|event| event.at);
    let story = Story::of(events);
    assert!(story.0.values().all(|(_, _, from)| from.as_ref().is_none_or(|from| !from.is_empty())));
}
