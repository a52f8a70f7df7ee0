//! Whose package it is and of which release, and which rows of a disclosure are about that release.
//!
//! The mark in a version (`+deb11u8`, `.el9_4`, `.fc20`) outranks the host's os-release: packages outlive an upgrade
//! of the distribution, and in containers and imported lists there is no os-release. Versions are not compared here.

use std::fmt::Write as _;

use crate::model::{
    disclosure::Affected,
    host::{Ecosystem, Os},
};

const DEBIAN: &str = "Debian";
const UBUNTU: &str = "Ubuntu";
const RED_HAT: &str = "Red Hat";
const CENTOS: &str = "CentOS";
const FEDORA: &str = "Fedora";
const AMAZON: &str = "Amazon Linux";
const MAGEIA: &str = "Mageia";
const SUSE: &str = "SUSE";
const OPENSUSE: &str = "openSUSE";
const ALPINE: &str = "Alpine";

/// The distributions whose rows can be matched: `ID` of os-release, and OSV's name.
const FAMILIES: &[(&str, &str)] = &[
    ("debian", DEBIAN),
    ("ubuntu", UBUNTU),
    ("rhel", RED_HAT),
    ("centos", CENTOS),
    ("almalinux", "AlmaLinux"),
    ("rocky", "Rocky Linux"),
    ("ol", "Oracle Linux"),
    ("fedora", FEDORA),
    ("amzn", AMAZON),
    ("mageia", MAGEIA),
    ("sles", SUSE),
    ("sles_sap", SUSE),
    ("sled", SUSE),
    ("opensuse", OPENSUSE),
    ("opensuse-leap", OPENSUSE),
    ("opensuse-tumbleweed", OPENSUSE),
    ("alpine", ALPINE),
    ("wolfi", "Wolfi"),
    ("chainguard", "Chainguard"),
    ("openEuler", "openEuler"),
    ("azurelinux", "Azure Linux"),
];

/// Which releases of a distribution a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// Every release of Alpine's third series.
    Series,
    /// Alpine's third series from this one on.
    Since(u32),
    Release(String),
    /// An extended stream of Red Hat, of one minor release or of a whole major one.
    Stream(u32, Option<u32>),
    /// Ubuntu Pro, of a release; with FIPS or without.
    Pro(String, bool),
    Never,
}

/// Whose packages a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whose<'d> {
    family: &'d str,
    which: Which,
}

/// Where a package comes from, as far as that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Empty: not told, and no row fits.
    family: &'static str,
    /// Empty: not told.
    release: String,
    minor: Option<u32>,
    /// Whether it is from Ubuntu Pro: with FIPS or without.
    pro: Option<bool>,
    /// A rebuild of Red Hat's sources whose builds are its own.
    rebuild: bool,
    /// Whether the version itself bears the mark of the release.
    pub(super) marked: bool,
    /// Whether the distribution is a guess by that mark.
    pub(super) guessed: bool,
}

/// How well a row fits a package; the greater the closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit(u8);

impl Fit {
    const OWN: u8 = 20;

    /// Whether the row names the release.
    pub(super) const fn names_release(self) -> bool {
        self.0 % Self::OWN >= 4
    }

    /// Whether it is a record of Red Hat's, and the package a rebuild of another maker.
    pub(super) const fn is_foreign(self) -> bool {
        self.0 == 0
    }
}

impl<'d> Whose<'d> {
    pub(super) fn new(row: &'d Affected) -> Self {
        let (family, rest) = row.ecosystem.split_once(':').unwrap_or((&row.ecosystem, ""));
        let which = match family {
            _ if rest.is_empty() => Which::All,
            UBUNTU => ubuntu_row(rest),
            RED_HAT => red_hat_row(rest),
            ALPINE => alpine_row(rest),
            _ => Which::Release(rest.to_owned()),
        };
        Self { family, which }
    }

    /// How well the row fits; nothing where it is about other packages.
    pub(super) fn fit(&self, place: &Place) -> Option<Fit> {
        let own = self.family == place.family;
        let of_red_hat = self.family == RED_HAT && (place.family == CENTOS || place.rebuild);
        if place.family.is_empty() || !(own || of_red_hat) {
            return None;
        }
        let rank = self.rank(place)?;
        let foreign = of_red_hat && place.rebuild;
        Some(Fit(if foreign { 0 } else { rank + if own { Fit::OWN } else { 0 } }))
    }

    fn rank(&self, place: &Place) -> Option<u8> {
        if let Which::Pro(release, fips) = &self.which {
            return (place.pro == Some(*fips) && place.has_release(release)).then_some(7);
        }
        if place.pro.is_some() {
            return None;
        }
        let major = || place.release.parse::<u32>().ok();
        match &self.which {
            Which::All => Some(1),
            Which::Series => place.alpine_minor().map(|_| 2),
            Which::Since(first) => place.alpine_minor().filter(|minor| minor >= first).map(|_| 3),
            Which::Release(release) => place.has_release(release).then_some(5),
            Which::Stream(of, None) => (major() == Some(*of)).then_some(4),
            Which::Stream(of, minor) => (major() == Some(*of) && place.minor == *minor).then_some(6),
            Which::Pro(..) | Which::Never => None,
        }
    }
}

fn ubuntu_row(rest: &str) -> Which {
    if matches!(rest, "all" | "released") {
        return Which::All;
    }
    let mut parts = rest.split(':');
    let release = parts.find(|part| part.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default();
    if rest.split(':').any(|part| part == "Pro") {
        // Kernels and the like of Pro have lists of their own.
        let more = parts.any(|part| part != "LTS");
        return if more { Which::Never } else { Which::Pro(release.to_owned(), rest.contains("FIPS")) };
    }
    Which::Release(release.to_owned())
}

fn red_hat_row(rest: &str) -> Which {
    let product = rest.split("::").next().unwrap_or(rest);
    let (name, version) = product.split_once(':').unwrap_or((product, "*"));
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (name, version, numbers.next(), numbers.next()) {
        ("enterprise_linux", "*", ..) => Which::All,
        ("enterprise_linux", _, Some(Ok(major)), _) => Which::Release(major.to_string()),
        (name, _, Some(Ok(major)), minor) if name.starts_with("rhel_") => match minor {
            None => Which::Stream(major, None),
            Some(Ok(minor)) => Which::Stream(major, Some(minor)),
            Some(Err(_)) => Which::Never,
        },
        _ => Which::Never,
    }
}

fn alpine_row(rest: &str) -> Which {
    let number = rest.strip_prefix("v3.").unwrap_or_default();
    if number == "x" {
        return Which::Series;
    }
    match number.strip_suffix('+').map(str::parse) {
        Some(Ok(first)) => Which::Since(first),
        Some(Err(_)) => Which::Never,
        None => Which::Release(rest.to_owned()),
    }
}

impl Place {
    const fn unknown() -> Self {
        Self {
            family: "",
            release: String::new(),
            minor: None,
            pro: None,
            rebuild: false,
            marked: false,
            guessed: false,
        }
    }

    /// Where a package of this version comes from. `os`: the host's, where the package is the host's own.
    pub(super) fn of(version: &str, database: Ecosystem, os: Option<&Os>) -> Self {
        let os = os.filter(|os| !os.id.is_empty());
        let host = os.map(Self::of_host);
        match database {
            Ecosystem::Dpkg => dpkg(version, host),
            Ecosystem::Rpm => rpm(version, host),
            Ecosystem::Apk => host.unwrap_or(Self::unknown()),
        }
    }

    fn of_host(os: &Os) -> Self {
        let family = FAMILIES.iter().find(|(id, _)| *id == os.id).map_or("", |(_, family)| *family);
        let (major, minor) = os.version.split_once('.').unwrap_or((&os.version, ""));
        let release = match family {
            DEBIAN if os.version.is_empty() && os.name.contains("sid") => "sid".to_owned(),
            DEBIAN if major.parse().is_ok_and(|m: u32| m < 4) => os.version.clone(),
            AMAZON if major.len() == 4 && !minor.is_empty() => "1".to_owned(),
            DEBIAN | RED_HAT | CENTOS | "AlmaLinux" | "Rocky Linux" | "Oracle Linux" | AMAZON => {
                major.to_owned()
            }
            ALPINE if os.name.contains("edge") || os.version.contains('_') => "edge".to_owned(),
            ALPINE => format!("v{major}.{}", minor.split('.').next().unwrap_or_default()),
            OPENSUSE if os.id == "opensuse-tumbleweed" => "Tumbleweed".to_owned(),
            _ => os.version.clone(),
        };
        let stream = family == CENTOS && os.name.contains("Stream");
        let rebuild = stream || matches!(family, "AlmaLinux" | "Rocky Linux" | "Oracle Linux");
        Self { family, release, rebuild, ..Self::unknown() }
    }

    /// Everything that rows see of it, for a key.
    pub(super) fn write(&self, key: &mut String) {
        let Self { family, release, minor, pro, rebuild, marked, guessed } = self;
        let _ = write!(key, " {family}:{release} {minor:?} {pro:?} {rebuild} {marked} {guessed}");
    }

    fn alpine_minor(&self) -> Option<u32> {
        self.release.strip_prefix("v3.").filter(|_| self.family == ALPINE)?.parse().ok()
    }

    fn has_release(&self, named: &str) -> bool {
        if self.release.is_empty() {
            return false;
        }
        named == self.release
            || match self.family {
                SUSE => self.is_suse(named),
                OPENSUSE => named.strip_prefix("Leap ") == Some(&self.release),
                _ => false,
            }
    }

    /// `SLES 15 SP5`, `Linux Enterprise Server 15 SP5`, `Linux Enterprise Module for Basesystem 15 SP5`, and
    /// `SLES 11` for all of that release.
    fn is_suse(&self, named: &str) -> bool {
        let ours = ["SLES ", "Linux Enterprise Server ", "Linux Enterprise Module for "];
        let (major, pack) = self.release.split_once('.').unwrap_or((&self.release, "0"));
        let words: Vec<&str> = named.split(' ').collect();
        ours.iter().any(|name| named.starts_with(name))
            && match words.as_slice() {
                [.., number, last] if last.starts_with("SP") => {
                    *number == major && last.strip_prefix("SP") == Some(pack)
                }
                [.., number] => *number == major && (pack == "0" || named.starts_with("SLES ")),
                [] => false,
            }
    }
}

fn dpkg(version: &str, host: Option<Place>) -> Place {
    let family = host.as_ref().map_or("", |host| host.family);
    if host.is_some() && family != DEBIAN && family != UBUNTU {
        return Place::unknown(); // a derivative: its builds are its own
    }
    if version.contains("ubuntu") {
        let release = host.filter(|host| host.family == UBUNTU).map_or_else(String::new, |host| host.release);
        return Place { family: UBUNTU, release, pro: pro(version), ..Place::unknown() };
    }
    if version.contains("~bpo") {
        return Place::unknown(); // a backport: neither this release's nor the next one's
    }
    match debian_mark(version) {
        Some(release) => Place { family: DEBIAN, release, marked: true, ..Place::unknown() },
        None => host.map_or(Place::unknown(), |host| Place {
            pro: pro(version).filter(|_| host.family == UBUNTU),
            ..host
        }),
    }
}

fn pro(version: &str) -> Option<bool> {
    let fips = version.to_ascii_lowercase().contains("fips");
    (fips || version.contains("+esm")).then_some(fips)
}

/// The release in `+deb11u8`, `~deb12u2`, `-4etch3`: the last one named.
fn debian_mark(version: &str) -> Option<String> {
    let numbered = |at: usize| {
        let rest = version.get(at + 4..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, rest) = rest.split_at(end);
        (!number.is_empty() && number.len() <= 3 && rest.starts_with('u')).then(|| number.to_owned())
    };
    let marks = version.rmatch_indices("+deb").chain(version.rmatch_indices("~deb"));
    let newest = marks.filter_map(|(at, _)| numbered(at).map(|number| (at, number))).max();
    // Before Debian 7 the release stood there by its name.
    let names = [("etch", "4"), ("lenny", "5"), ("squeeze", "6")];
    newest.map(|(_, number)| number).or_else(|| {
        let revision = version.rsplit_once('-')?.1;
        names.iter().find(|(name, _)| revision.contains(name)).map(|(_, number)| (*number).to_owned())
    })
}

fn rpm(version: &str, host: Option<Place>) -> Place {
    let Some((family, major, minor)) = rpm_mark(version) else {
        return host.unwrap_or(Place::unknown());
    };
    let release = major.to_string();
    let enterprise = family == RED_HAT;
    match host {
        None => {
            let family = if enterprise && version.contains(".centos") { CENTOS } else { family };
            Place { family, release, minor, marked: true, guessed: enterprise, ..Place::unknown() }
        }
        Some(host) if host.family == family || (enterprise && (host.family == CENTOS || host.rebuild)) => {
            Place { release, minor, marked: true, ..host }
        }
        Some(_) => Place::unknown(), // another distribution's build
    }
}

/// The mark that a build system puts into the release: `el9_4`, `fc20`, `amzn1`, `mga9`; the last one.
fn rpm_mark(version: &str) -> Option<(&'static str, u32, Option<u32>)> {
    let release = version.rsplit_once('-')?.1;
    release.rsplit(['.', '+']).find_map(|part| {
        let marks = [("el", RED_HAT), ("fc", FEDORA), ("amzn", AMAZON), ("mga", MAGEIA)];
        let (rest, family) =
            marks.iter().find_map(|(word, family)| Some((part.strip_prefix(word)?, *family)))?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at(end);
        let minor = rest.strip_prefix('_').and_then(|minor| {
            minor.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
        });
        Some((family, major.parse().ok()?, minor))
    })
}
