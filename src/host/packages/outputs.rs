//! What the distributions' tools print about pending updates, in the C locale.
//!
//! Pure: texts in, records out. A line that is none of the expected ones is passed over, since these tools
//! print notes and progress between.

use std::collections::BTreeMap;

use crate::model::host::Update;

/// The most updates taken from one output.
const MAX_UPDATES: usize = 50_000;

/// Reads `apt-get --simulate dist-upgrade`:
/// `Inst libssl3 [3.0.11-1] (3.0.17-1 Debian-Security:12/stable-security [amd64]) []`.
/// Packages that would newly come along are in it too, without an installed version.
pub fn parse_apt(text: &str) -> Vec<Update> {
    let mut found: Vec<Update> = text.lines().filter_map(apt_line).take(MAX_UPDATES).collect();
    found.sort();
    found.dedup();
    found
}

fn apt_line(line: &str) -> Option<Update> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let (before, rest) = rest.split_once('(')?;
    let installed = before.trim().strip_prefix('[').and_then(|b| b.strip_suffix(']'));
    let (inside, _) = rest.split_once(')')?;
    let (available, rest) = inside.split_once(' ').unwrap_or((inside, ""));
    let (origin, arch) = match rest.rsplit_once('[') {
        Some((origin, arch)) => (origin.trim(), arch.trim_end_matches(']')),
        None => (rest.trim(), ""),
    };
    let (name, foreign) = name.split_once(':').unwrap_or((name, ""));
    if name.is_empty() || available.is_empty() {
        return None;
    }
    let security = (!origin.is_empty()).then(|| origin.split(", ").any(is_security_origin));
    Some(Update {
        package: name.to_owned(),
        arch: if arch.is_empty() { foreign } else { arch }.to_owned(),
        installed: installed.map(str::to_owned),
        available: available.to_owned(),
        origin: origin.to_owned(),
        security,
        tool: "apt-get".to_owned(),
    })
}

/// `Debian-Security:12/stable-security`, `Ubuntu:22.04/jammy-security`, `UbuntuESM:22.04/jammy-infra-security`.
fn is_security_origin(origin: &str) -> bool {
    origin.contains("-Security") || origin.ends_with("-security")
}

/// The packages that apt says have an update and leaves as they are: on hold, or not yet their turn.
pub(super) fn kept_back(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("  ") {
            if inside {
                found.extend(line.split_ascii_whitespace().map(str::to_owned));
            }
        } else {
            inside = line.contains("kept back") || line.contains("deferred due to phasing");
        }
    }
    found.truncate(MAX_UPDATES);
    found
}

/// Reads `dnf check-update`, `dnf list --upgrades` or `yum list updates`: `openssl-libs.x86_64  1:3.0.7-28.el9_4  baseos`, where
/// a long name breaks the line. Whether one is a security update, only [`parse_dnf_security`] tells.
pub fn parse_dnf_list(text: &str) -> Vec<Update> {
    let mut found = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("Obsoleting ") {
            break;
        }
        if !line.starts_with([' ', '\t']) {
            words.clear();
        }
        words.extend(line.split_ascii_whitespace());
        if words.len() == 3 {
            found.extend(dnf_row(&words));
        }
        if words.len() >= 3 {
            words.clear();
        }
        if found.len() >= MAX_UPDATES {
            break;
        }
    }
    found.sort();
    found.dedup();
    found
}

fn dnf_row(words: &[&str]) -> Option<Update> {
    let [package, available, origin] = words else { return None };
    let (name, arch) = package.rsplit_once('.')?;
    let whole = !name.is_empty()
        && !arch.is_empty()
        && available.contains('-')
        && available.starts_with(|c: char| c.is_ascii_alphanumeric());
    whole.then(|| Update {
        package: name.to_owned(),
        arch: arch.to_owned(),
        installed: None,
        available: (*available).to_owned(),
        origin: (*origin).to_owned(),
        security: None,
        tool: "dnf".to_owned(),
    })
}

/// Reads `dnf updateinfo list`: `RHSA-2024:2447 Low/Sec. openssl-libs-1:3.0.7-27.el9.x86_64`, in dnf 5
/// `FEDORA-2024-1 security important openssl-libs-1:3.2.1-2.fc40.x86_64 …`. By name and architecture,
/// whether any of the advisories that wait for a package is about security; a package that is in none is
/// not in it, and nothing is known of that one.
pub fn parse_dnf_security(text: &str) -> BTreeMap<(String, String), bool> {
    let mut found = BTreeMap::new();
    for line in text.lines().take(MAX_UPDATES * 4) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some((advisory, rest)) = words.split_first() else { continue };
        // `i` marks an advisory that is installed already.
        if rest.len() < 2 || *advisory == "i" {
            continue;
        }
        let Some(package) = rest.iter().find_map(|word| name_and_arch(word)) else { continue };
        let security =
            rest.iter().any(|word| word.ends_with("/Sec.") || word.eq_ignore_ascii_case("security"));
        let known = found.entry(package).or_insert(false);
        *known |= security;
    }
    found
}

/// `openssl-libs-1:3.0.7-27.el9.x86_64` → `openssl-libs`, `x86_64`.
fn name_and_arch(text: &str) -> Option<(String, String)> {
    let (rest, arch) = text.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let whole = !name.is_empty()
        && !release.is_empty()
        && version.starts_with(|c: char| c.is_ascii_alphanumeric())
        && arch.starts_with(|c: char| c.is_ascii_alphabetic());
    whole.then(|| (name.to_owned(), arch.to_owned()))
}

/// Reads `apk version -l '<'`: `libcrypto3-3.1.4-r5    < 3.1.8-r0`. apk does not know of security.
pub fn parse_apk_version(text: &str) -> Vec<Update> {
    let mut found: Vec<Update> = text.lines().filter_map(apk_line).take(MAX_UPDATES).collect();
    found.sort();
    found.dedup();
    found
}

fn apk_line(line: &str) -> Option<Update> {
    let mut words = line.split_ascii_whitespace();
    let (package, sign, available) = (words.next()?, words.next()?, words.next()?);
    let (rest, revision) = package.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    if sign != "<" || name.is_empty() || !revision.starts_with('r') {
        return None;
    }
    Some(Update {
        package: name.to_owned(),
        arch: String::new(),
        installed: Some(format!("{version}-{revision}")),
        available: available.to_owned(),
        origin: words.next().unwrap_or_default().to_owned(),
        security: None,
        tool: "apk".to_owned(),
    })
}
