//! Lists of packages: dpkg, rpm, apk.

use crate::{
    host::cover::Cover,
    model::host::{Document, Ecosystem, Origin, Os, Package, is_openssl_source},
};

/// Architectures at the end of an rpm's name.
const RPM_ARCHITECTURES: &[&str] = &[
    "x86_64",
    "noarch",
    "aarch64",
    "i686",
    "i586",
    "i486",
    "i386",
    "ppc64le",
    "ppc64",
    "s390x",
    "s390",
    "armv7hl",
    "armv7l",
    "armv6hl",
    "riscv64",
    "loongarch64",
    "ia64",
    "x86_64_v2",
    "src",
    "(none)",
];

/// What a line says.
enum Line {
    Package(Box<Package>),
    /// A heading, or something that is listed and not installed.
    Nothing,
}

/// Whether a line is one of this tool's. A name and a version alone fit dpkg and rpm: for rpm something
/// has to be there that only rpm prints.
pub(super) fn fits(origin: Origin, line: &str) -> bool {
    let fits = parse(origin, line).is_some();
    if origin != Origin::RpmQa || line.split_whitespace().count() < 2 {
        return fits;
    }
    let only_rpm = |word: &str| {
        !rpm_arch(word).1.is_empty()
            || is_rpm_file(word)
            || word.contains("(none)")
            || matches!(word, "x86_64" | "noarch" | "aarch64" | "i686" | "ppc64le")
            || [".el", ".fc", ".amzn"].iter().any(|mark| word.contains(mark))
    };
    fits && line.split_whitespace().any(only_rpm)
}

pub(super) fn read(origin: Origin, text: &[u8], cover: &Cover, document: &mut Document) {
    for (index, line) in super::lines(text).enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match parse(origin, &line) {
            Some(Line::Package(package)) => document.packages.push(*package),
            Some(Line::Nothing) => {}
            None => super::unreadable(cover, index),
        }
    }
    document.packages.sort();
    document.packages.dedup();
    if origin == Origin::DpkgQuery {
        document.header.os = release(&document.packages);
    }
    cover.count("packages_seen", document.packages.len() as u64);
}

/// The release that a list of packages is of, where one of them tells: each release of Debian and Ubuntu has its own
/// `base-files`, and Ubuntu's release upgrader bears the number of the release.
fn release(packages: &[Package]) -> Option<Os> {
    let os = |id: &str, version: &str, by: &Package| Os {
        id: id.to_owned(),
        version: version.to_owned(),
        name: format!("{id} {version}, by {} {}", by.name, by.version),
    };
    let version = |p: &Package| p.version.split_once(':').map_or(&*p.version, |(_, rest)| rest).to_owned();
    if let Some(upgrader) = packages.iter().find(|p| p.name == "ubuntu-release-upgrader-core") {
        let version = version(upgrader);
        let numbers: Vec<&str> = version.split('.').take(2).collect();
        let fits = |n: &&&str| n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit());
        if numbers.iter().filter(fits).count() == 2 {
            return Some(os("ubuntu", &numbers.join("."), upgrader));
        }
    }
    let base = packages.iter().find(|p| p.name == "base-files")?;
    let text = version(base);
    if text.contains("ubuntu") {
        let fits = |start: &str| text.strip_prefix(start).is_some_and(|r| r.is_empty() || r.starts_with('.'));
        let release = UBUNTU_BASE.iter().find(|(start, _)| fits(start))?.1;
        return Some(os("ubuntu", release, base));
    }
    let major: String = text.chars().take_while(char::is_ascii_digit).collect();
    let derived = text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains("+deb");
    (!major.is_empty() && !derived).then(|| os("debian", &major, base))
}

/// What the version of base-files begins with in each long-term release; later uploads add a dot and a number.
const UBUNTU_BASE: &[(&str, &str)] = &[
    ("7.2ubuntu5", "14.04"),
    ("9.4ubuntu4", "16.04"),
    ("10.1ubuntu2", "18.04"),
    ("11ubuntu5", "20.04"),
    ("12ubuntu4", "22.04"),
    ("13ubuntu10", "24.04"),
];

fn parse(origin: Origin, line: &str) -> Option<Line> {
    match origin {
        Origin::ApkList => apk(line),
        Origin::RpmQa => rpm(line),
        Origin::DpkgQuery => dpkg(line),
        _ => None,
    }
}

fn package(ecosystem: Ecosystem, name: &str, version: String, arch: &str, source: Option<&str>) -> Line {
    let source = match source {
        Some(source) if !source.is_empty() => source.to_owned(),
        _ if is_openssl_binary(name) => "openssl".to_owned(),
        _ => name.to_owned(),
    };
    let epoch = version.split_once(':').and_then(|(epoch, _)| epoch.parse().ok());
    Line::Package(Box::new(Package {
        name: name.to_owned(),
        version,
        epoch,
        arch: arch.to_owned(),
        openssl: is_openssl_source(&source),
        source,
        source_version: None,
        ecosystem,
        installed_at: None,
        upgraded_from: None,
        container: None,
    }))
}

/// Whether a binary package is one of OpenSSL's, by the names that distributions give them, for lists that do
/// not name sources: `libssl3t64`, `libssl1.0.0`, `libcrypto3`, `libopenssl1_1`, `openssl-libs`, `libssl-dev`.
/// A package whose own name is a source's name (`compat-openssl11`) stands for itself.
fn is_openssl_binary(name: &str) -> bool {
    if is_openssl_source(name) {
        return false;
    }
    let known = ["openssl-libs", "openssl-devel", "openssl-perl", "openssl-dev", "openssl-fips-provider"];
    if known.contains(&name) {
        return true;
    }
    let Some(rest) = ["libssl", "libcrypto", "libopenssl"].iter().find_map(|p| name.strip_prefix(p)) else {
        return false;
    };
    let rest = ["-dev", "-devel", "-dbg", "-udeb"].iter().find_map(|s| rest.strip_suffix(s)).unwrap_or(rest);
    let rest = ["t64", "-32bit", "-hmac", "-fips-provider"]
        .iter()
        .find_map(|s| rest.strip_suffix(s))
        .unwrap_or(rest);
    rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

/// `name\tversion`, `name version arch source`, and the table of `dpkg -l`.
fn dpkg(line: &str) -> Option<Line> {
    let heading = ["Desired=", "| Status=", "|/ Err?=", "||/ Name", "+++-"];
    if heading.iter().any(|heading| line.starts_with(heading)) {
        return Some(Line::Nothing);
    }
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    let mut from_table = false;
    if let [status, _, version, _, ..] = fields.as_slice()
        && is_status(status)
        && is_dpkg_version(version)
    {
        from_table = true;
        if !status.chars().nth(1).is_some_and(|c| "iUHFWt".contains(c)) {
            return Some(Line::Nothing); // removed, with configuration left behind
        }
        fields.remove(0);
    }
    let (&name, &version) = (fields.first()?, fields.get(1)?);
    let (name, qualifier) = name.split_once(':').unwrap_or((name, ""));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let named = name.len() > 1 && name.chars().all(plain) && !name.starts_with(['-', '.', '+']);
    if !named || !is_dpkg_version(version) || (!from_table && fields.len() > 5) {
        return None;
    }
    let arch = fields.get(2).copied().unwrap_or(qualifier);
    let source = if from_table { None } else { fields.get(3).copied() };
    Some(package(Ecosystem::Dpkg, name, version.to_owned(), arch, source))
}

/// Wanted state, state, and an error where there is one: `ii`, `rc`, `iFR`.
fn is_status(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| "uihrp".contains(c))
        && letters.next().is_some_and(|c| "ncHUFWti".contains(c))
        && letters.next().is_none_or(|c| c == 'R')
        && letters.next().is_none()
}

fn is_dpkg_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+-:~".contains(c))
}

/// `name-version-release.arch`, with an epoch before name or version, alone or before a date (`--last`);
/// or fields of their own: `name epoch:version-release.arch source.rpm`, `name epoch version-release arch …`.
fn rpm(line: &str) -> Option<Line> {
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    let first = *fields.first()?;
    if first.starts_with("gpg-pubkey") {
        return Some(Line::Nothing); // a key, kept among the packages
    }
    let next = fields.get(1).copied().unwrap_or_default();
    let in_fields = is_rpm_evr(next) || (is_epoch(next) && fields.get(2).is_some_and(|f| is_rpm_evr(f)));
    if !in_fields {
        return rpm_nvra(first, fields.len());
    }
    if !first.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)) {
        return None;
    }
    let mut epoch = "";
    if is_epoch(next) {
        epoch = next;
        fields.remove(1);
    }
    let (evr, arch) = rpm_arch(fields.get(1)?);
    let (epoch, version) = evr.split_once(':').unwrap_or((epoch, evr));
    let source = fields.iter().find_map(|f| rpm_source(f));
    let arch = if arch.is_empty() {
        fields.get(2).copied().filter(|f| RPM_ARCHITECTURES.contains(f)).unwrap_or_default()
    } else {
        arch
    };
    Some(package(Ecosystem::Rpm, first, with_epoch(epoch, version), arch, source))
}

fn rpm_nvra(text: &str, fields: usize) -> Option<Line> {
    let (nvr, arch) = rpm_arch(text);
    let (rest, release) = nvr.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let (name, first_epoch) = match name.split_once(':') {
        Some((epoch, name)) if is_epoch(epoch) => (name, epoch),
        _ => (name, ""),
    };
    let (epoch, version) = version.split_once(':').unwrap_or((first_epoch, version));
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+._~^-".contains(c))
    };
    let digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    // Without an architecture (rpm of old) the form alone has to do.
    let fits = word(name) && word(version) && word(release) && digit(version) && digit(release);
    if !fits || (arch.is_empty() && fields > 1) {
        return None;
    }
    Some(package(Ecosystem::Rpm, name, with_epoch(epoch, &format!("{version}-{release}")), arch, None))
}

fn rpm_arch(text: &str) -> (&str, &str) {
    match text.rsplit_once('.') {
        Some((rest, arch)) if RPM_ARCHITECTURES.contains(&arch) => {
            (rest, if arch == "(none)" { "" } else { arch })
        }
        _ => (text, ""),
    }
}

/// The name of a source from `openssl-1.1.1k-12.el8_9.src.rpm`.
fn rpm_source(text: &str) -> Option<&str> {
    let rest = text.strip_suffix(".src.rpm").or_else(|| text.strip_suffix(".nosrc.rpm"))?;
    let (rest, _) = rest.rsplit_once('-')?;
    rest.rsplit_once('-').map(|(name, _)| name).filter(|name| !name.is_empty())
}

fn is_rpm_file(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, end)| end == "rpm")
}

fn is_epoch(text: &str) -> bool {
    text == "(none)" || (!text.is_empty() && text.len() < 10 && text.chars().all(|c| c.is_ascii_digit()))
}

fn is_rpm_evr(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (rest, arch) = rpm_arch(rest);
    let known = !arch.is_empty() || !is_rpm_file(rest);
    known
        && is_epoch(epoch)
        && rest.rsplit_once('-').is_some_and(|(version, release)| {
            !version.is_empty()
                && !release.is_empty()
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || "+._~^-".contains(c))
                && version.chars().any(|c| c.is_ascii_digit())
        })
}

fn with_epoch(epoch: &str, version: &str) -> String {
    // An epoch of nothing is none: rpm compares both in the same way.
    match epoch.trim_start_matches('0') {
        "" | "(none)" => version.to_owned(),
        epoch => format!("{epoch}:{version}"),
    }
}

/// `name-version-rN`, alone, before a description, or before `arch {origin} (licence) [installed]`.
fn apk(line: &str) -> Option<Line> {
    let mut fields = line.split_whitespace();
    let first = fields.next()?;
    let (rest, release) = first.rsplit_once("-r")?;
    let (name, version) = rest.rsplit_once('-')?;
    let numbers = !release.is_empty() && release.chars().all(|c| c.is_ascii_digit());
    let versioned = version.starts_with(|c: char| c.is_ascii_digit());
    if !numbers || !versioned || name.is_empty() || name.contains(':') {
        return None;
    }
    let rest: Vec<&str> = fields.collect();
    let origin = rest.get(1).and_then(|f| f.strip_prefix('{')?.strip_suffix('}'));
    let arch = if origin.is_some() { rest.first().copied().unwrap_or_default() } else { "" };
    let listed = line.trim_end().ends_with(']');
    if origin.is_some() && listed && !line.contains("[installed") && !line.contains("[upgradable") {
        return Some(Line::Nothing);
    }
    Some(package(Ecosystem::Apk, name, format!("{version}-r{release}"), arch, origin))
}
