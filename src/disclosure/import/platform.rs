//! Names of platforms and packages in other vocabularies, turned into ecosystems as OSV names them.
//!
//! CPE names, `distro` qualifiers of package URLs, RPM's name-epoch:version-release.arch. What is not known has no
//! answer here: a guess would judge the wrong release.

use super::purl::Purl;

/// Code names of releases that package URLs use in place of numbers.
const CODE_NAMES: &[(&str, &str, &str)] = &[
    ("debian", "wheezy", "7"),
    ("debian", "jessie", "8"),
    ("debian", "stretch", "9"),
    ("debian", "buster", "10"),
    ("debian", "bullseye", "11"),
    ("debian", "bookworm", "12"),
    ("debian", "trixie", "13"),
    ("debian", "forky", "14"),
    ("ubuntu", "precise", "12.04"),
    ("ubuntu", "trusty", "14.04"),
    ("ubuntu", "xenial", "16.04"),
    ("ubuntu", "bionic", "18.04"),
    ("ubuntu", "focal", "20.04"),
    ("ubuntu", "jammy", "22.04"),
    ("ubuntu", "noble", "24.04"),
    ("ubuntu", "resolute", "26.04"),
];

/// Makers of RPM distributions: what a `distro` qualifier may call them, and their ecosystem.
const RPM_MAKERS: &[(&str, &str)] = &[
    ("rhel", "Red Hat:enterprise_linux"),
    ("redhat", "Red Hat:enterprise_linux"),
    ("centos", "CentOS"),
    ("rocky", "Rocky Linux"),
    ("almalinux", "AlmaLinux"),
    ("alma", "AlmaLinux"),
    ("fedora", "Fedora"),
    ("amzn", "Amazon Linux"),
    ("amazon", "Amazon Linux"),
    ("ol", "Oracle Linux"),
    ("mageia", "Mageia"),
];

/// The ecosystem of a CPE name, in either writing; `name` is what the product is called beside it.
pub(super) fn of_cpe(cpe: &str, name: Option<&str>) -> Option<String> {
    let parts = cpe_parts(cpe)?;
    let vendor = parts.get(1)?;
    let rest = parts.get(2..)?;
    match vendor.as_str() {
        "redhat" => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
            let product = rest.join(":");
            let product = product.trim_end_matches(':');
            let named = rest.first().is_some_and(|first| !first.is_empty());
            (named && product.chars().all(|c| c == ':' || fits(c))).then(|| format!("Red Hat:{product}"))
        }
        // Their ecosystems are named as the release calls itself.
        "suse" => name?.strip_prefix("SUSE ").map(|product| format!("SUSE:{product}")),
        "opensuse" => name?.strip_prefix("openSUSE ").map(|product| format!("openSUSE:{product}")),
        _ => None,
    }
}

/// The version that a CPE name gives OpenSSL itself: absent where it is not OpenSSL, empty where none is given.
pub(super) fn openssl_of_cpe(cpe: &str) -> Option<String> {
    let parts = cpe_parts(cpe)?;
    let own = parts.get(1)? == "openssl" && parts.get(2)? == "openssl";
    own.then(|| parts.get(3).cloned().unwrap_or_default())
}

/// Part, vendor, product, version and so on; what stands for anything is empty.
fn cpe_parts(cpe: &str) -> Option<Vec<String>> {
    if cpe.len() > 300 {
        return None;
    }
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let plain = |part: &str| if part == "*" { String::new() } else { part.replace('\\', "") };
    Some(rest.split(':').map(plain).collect())
}

/// The ecosystem of a package URL, by its type, namespace and `distro`.
pub(super) fn of_purl(purl: &Purl) -> Result<String, String> {
    let distro = purl.qualifier("distro").unwrap_or_default().to_ascii_lowercase();
    let namespace = purl.namespace.to_ascii_lowercase();
    let (maker, release) = match distro.rsplit_once('-') {
        Some((maker, release)) => (maker, release),
        None => (namespace.as_str(), distro.as_str()),
    };
    let said = match purl.kind.as_str() {
        "apk" if ["wolfi", "chainguard"].contains(&namespace.as_str()) => {
            return Ok(if namespace == "wolfi" { "Wolfi" } else { "Chainguard" }.to_owned());
        }
        "deb" => deb(maker, release),
        "rpm" => rpm(maker, release),
        "apk" => apk(maker, release),
        "generic" if namespace.is_empty() && purl.name == "openssl" => Some("upstream".to_owned()),
        other => return Err(format!("a package of type `{other}`, which no distribution here has")),
    };
    said.ok_or_else(|| match distro.as_str() {
        "" => "no `distro` qualifier: which release is meant is not said".to_owned(),
        distro => format!("the distribution `{}` is not known", super::read::shown(distro)),
    })
}

fn numbers(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.split('.').collect();
    let fits = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() <= 3 && parts.iter().all(fits)).then_some(parts)
}

fn deb(maker: &str, release: &str) -> Option<String> {
    let by_name = CODE_NAMES.iter().find(|(_, code, _)| *code == release);
    let (maker, release) = match by_name {
        Some((whose, _, number)) if maker.is_empty() || maker == *whose => (*whose, *number),
        _ => (maker, release),
    };
    match maker {
        "debian" if ["sid", "unstable"].contains(&release) => Some("Debian:sid".to_owned()),
        "debian" => Some(format!("Debian:{}", numbers(release)?.first()?)),
        "ubuntu" => match numbers(release)?.as_slice() {
            [year, "04"] if year.parse::<u32>().is_ok_and(|y| y.is_multiple_of(2)) => {
                Some(format!("Ubuntu:{year}.04:LTS"))
            }
            [year, month] => Some(format!("Ubuntu:{year}.{month}")),
            [year, month, _] => deb("ubuntu", &format!("{year}.{month}")),
            _ => None,
        },
        _ => None,
    }
}

fn rpm(maker: &str, release: &str) -> Option<String> {
    let parts = numbers(release)?;
    let major = parts.first()?;
    match maker {
        "sles" => {
            let pack = parts.get(1).filter(|pack| **pack != "0").map(|pack| format!(" SP{pack}"));
            Some(format!("SUSE:Linux Enterprise Server {major}{}", pack.unwrap_or_default()))
        }
        "opensuse-leap" => Some(format!("openSUSE:Leap {release}")),
        _ => RPM_MAKERS.iter().find(|(name, _)| *name == maker).map(|(_, eco)| format!("{eco}:{major}")),
    }
}

fn apk(maker: &str, release: &str) -> Option<String> {
    match numbers(release.trim_start_matches('v'))?.as_slice() {
        [major, minor, ..] if maker == "alpine" => Some(format!("Alpine:v{major}.{minor}")),
        _ => None,
    }
}

/// Architectures of RPM files. A name's last part is one of these or belongs to the release.
const ARCHITECTURES: &[&str] = &[
    "src", "nosrc", "noarch", "x86_64", "i386", "i486", "i586", "i686", "aarch64", "ppc", "ppc64", "ppc64le",
    "s390", "s390x", "ia64", "armv7hl", "riscv64",
];

/// An RPM's full name in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nevra<'a> {
    pub(super) name: &'a str,
    pub(super) epoch: Option<&'a str>,
    /// Version and release.
    pub(super) version: &'a str,
    pub(super) arch: Option<&'a str>,
}

impl<'a> Nevra<'a> {
    /// `openssl-1:3.0.7-27.el9.x86_64`, `openssl-1.0.1e-16.el6_5.7`, `1:openssl-3.0.7-27.el9`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (text, arch) = match text.rsplit_once('.') {
            Some((rest, arch)) if ARCHITECTURES.contains(&arch) => (rest, Some(arch)),
            _ => (text, None),
        };
        let digits = |s: &str| !s.is_empty() && s.len() <= 10 && s.bytes().all(|b| b.is_ascii_digit());
        let (front, text) = match text.split_once(':') {
            Some((epoch, rest)) if digits(epoch) => (Some(epoch), rest),
            _ => (None, text),
        };
        let release_at = text.rfind('-')?;
        let name_end = text.get(..release_at)?.rfind('-')?;
        let name = text.get(..name_end)?;
        let version = text.get(name_end.checked_add(1)?..)?;
        let (epoch, version) = match version.split_once(':') {
            Some((epoch, rest)) if digits(epoch) && front.is_none() => (Some(epoch), rest),
            Some(_) => return None,
            None => (front, version),
        };
        let (number, release) = version.rsplit_once('-')?;
        let whole = !version.contains(':') && !name.is_empty() && !number.is_empty() && !release.is_empty();
        whole.then_some(Self { name, epoch, version, arch })
    }

    /// `epoch:version-release`; without the epoch where the name has none.
    pub(super) fn evr(&self) -> String {
        self.epoch.map_or_else(|| self.version.to_owned(), |epoch| format!("{epoch}:{}", self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpe_names_of_either_writing_are_the_same_ecosystem() {
        let table = [
            ("cpe:/o:redhat:enterprise_linux:9::baseos", None, Some("Red Hat:enterprise_linux:9::baseos")),
            ("cpe:/o:redhat:enterprise_linux:9", None, Some("Red Hat:enterprise_linux:9")),
            ("cpe:/a:redhat:rhel_eus:9.2::appstream", None, Some("Red Hat:rhel_eus:9.2::appstream")),
            (
                "cpe:2.3:o:redhat:enterprise_linux:9:*:baseos:*:*:*:*:*",
                None,
                Some("Red Hat:enterprise_linux:9::baseos"),
            ),
            (
                "cpe:/o:suse:sles:15:sp5",
                Some("SUSE Linux Enterprise Server 15 SP5"),
                Some("SUSE:Linux Enterprise Server 15 SP5"),
            ),
            ("cpe:/o:redhat:", None, None),
            ("cpe:/o:redhat:a b", None, None),
            ("cpe:/o:canonical:ubuntu_linux:22.04", None, None),
            ("cpe", None, None),
        ];
        for (cpe, name, expected) in table {
            assert_eq!(of_cpe(cpe, name).as_deref(), expected, "input: {cpe}");
        }
        assert_eq!(openssl_of_cpe("cpe:2.3:a:openssl:openssl:3.0.6:*:*:*:*:*:*:*").as_deref(), Some("3.0.6"));
        assert_eq!(openssl_of_cpe("cpe:/a:openssl:openssl").as_deref(), Some(""));
        assert_eq!(openssl_of_cpe("cpe:/a:redhat:openssl:1"), None);
    }

    #[test]
    fn a_package_url_names_its_release_or_none() {
        let table = [
            ("pkg:deb/debian/openssl@3?distro=debian-12", Ok("Debian:12")),
            ("pkg:deb/debian/openssl@3?distro=debian-12.7", Ok("Debian:12")),
            ("pkg:deb/debian/openssl@3?distro=bookworm", Ok("Debian:12")),
            ("pkg:deb/debian/openssl@3?distro=sid", Ok("Debian:sid")),
            ("pkg:deb/ubuntu/openssl@3?distro=ubuntu-22.04", Ok("Ubuntu:22.04:LTS")),
            ("pkg:deb/ubuntu/openssl@3?distro=ubuntu-22.04.5", Ok("Ubuntu:22.04:LTS")),
            ("pkg:deb/ubuntu/openssl@3?distro=jammy", Ok("Ubuntu:22.04:LTS")),
            ("pkg:deb/ubuntu/openssl@3?distro=ubuntu-25.10", Ok("Ubuntu:25.10")),
            ("pkg:deb/ubuntu/openssl@3?distro=ubuntu-25.04", Ok("Ubuntu:25.04")),
            ("pkg:rpm/redhat/openssl@3?distro=rhel-9.4", Ok("Red Hat:enterprise_linux:9")),
            ("pkg:rpm/fedora/openssl@3?distro=fedora-40", Ok("Fedora:40")),
            ("pkg:rpm/suse/openssl@3?distro=sles-15.5", Ok("SUSE:Linux Enterprise Server 15 SP5")),
            ("pkg:rpm/opensuse/openssl@3?distro=opensuse-leap-15.6", Ok("openSUSE:Leap 15.6")),
            ("pkg:apk/alpine/openssl@3?distro=alpine-3.20.3", Ok("Alpine:v3.20")),
            ("pkg:apk/alpine/openssl@3?distro=3.20", Ok("Alpine:v3.20")),
            ("pkg:apk/wolfi/openssl@3", Ok("Wolfi")),
            ("pkg:generic/openssl@3.0.7", Ok("upstream")),
            ("pkg:deb/debian/openssl@3", Err("no `distro` qualifier")),
            ("pkg:deb/debian/openssl@3?distro=jammy", Err("`jammy` is not known")),
            ("pkg:rpm/x/openssl@3?distro=mystery-9", Err("`mystery-9` is not known")),
            ("pkg:oci/web@sha256%3Aab", Err("type `oci`")),
            ("pkg:generic/zlib@1", Err("type `generic`")),
        ];
        for (text, expected) in table {
            match (of_purl(&Purl::parse(text).unwrap()), expected) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "input: {text}"),
                (Err(found), Err(wanted)) => assert!(found.contains(wanted), "input: {text}, error: {found}"),
                (found, wanted) => panic!("input: {text}, found {found:?}, wanted {wanted:?}"),
            }
        }
    }

    #[test]
    fn full_names_of_rpms_come_apart() {
        let table = [
            ("openssl-1:3.0.7-27.el9.x86_64", Some(("openssl", "1:3.0.7-27.el9", Some("x86_64")))),
            ("openssl-libs-1:3.0.7-27.el9.src", Some(("openssl-libs", "1:3.0.7-27.el9", Some("src")))),
            ("1:openssl-3.0.7-27.el9", Some(("openssl", "1:3.0.7-27.el9", None))),
            ("openssl-1.0.1e-16.el6_5.7", Some(("openssl", "1.0.1e-16.el6_5.7", None))),
            ("openssl", None),
            ("openssl-3", None),
            ("-1-2", None),
            ("a--", None),
            ("nodejs:16-8060020221003.ad008a3a", None),
            ("a-1:2:3-4", None),
            ("", None),
        ];
        for (text, expected) in table {
            let parts = Nevra::parse(text).map(|n| (n.name, n.evr(), n.arch));
            assert_eq!(parts, expected.map(|(n, v, a)| (n, v.to_owned(), a)), "input: {text}");
        }
    }
}
