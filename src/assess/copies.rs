//! What one copy of a TLS library on a host means for a disclosure: its version, its code, who built it.
//!
//! A file that only uses a library, or holds no more than the text of its headers, has no verdict of its
//! own. Joining copies with services and with what the network showed is not done here.

use std::collections::BTreeMap;

use crate::model::{
    host::{
        CopiesAssessed, CopyKind, CopyRole, Document, Library, OldCopy, Package, Process, Runner, TlsLibrary,
    },
    verdict::{Disclosure, Reason, Verdict},
    version::OpensslVersion,
};

/// Judges every copy of a document, and what runs with an old one.
pub fn judge_copies(document: &Document, disclosure: &Disclosure) -> CopiesAssessed {
    let verdicts: Vec<_> = document.libraries.iter().map(|copy| judge_copy(copy, disclosure)).collect();
    let on_disk: BTreeMap<(&Option<String>, &str), usize> = (document.libraries.iter().enumerate())
        .filter(|(_, copy)| copy.kind == CopyKind::Disk)
        .map(|(i, copy)| ((&copy.container, copy.path.as_str()), i))
        .collect();
    let processes: BTreeMap<u32, &Process> = document.processes.iter().map(|p| (p.pid, p)).collect();
    let mut old = Vec::new();
    for (i, copy) in document.libraries.iter().enumerate() {
        if copy.replaced.is_none() && !copy.deleted {
            continue;
        }
        let disk = match on_disk.get(&(&copy.container, copy.path.as_str())) {
            Some(at) => verdicts.get(*at).copied().flatten(),
            None => on_disk_now(copy).and_then(|disk| judge_copy(&disk, disclosure)),
        };
        for ((runner, program), pids) in by_runner(copy, &processes) {
            old.push(OldCopy {
                runner,
                program,
                processes: pids,
                container: copy.container.clone(),
                library: i,
                replaced: copy.replaced,
                verdict: verdicts.get(i).copied().flatten(),
                disk_verdict: disk,
            });
        }
    }
    old.sort_by_key(|o| (urgency(o.verdict), o.program.clone(), o.processes.clone(), o.library));
    let packages = document.packages.iter().map(|package| judge_package(package, disclosure)).collect();
    CopiesAssessed { verdicts, packages, old }
}

/// Judges a package of OpenSSL by its upstream version: out of range, it cannot have the hole; in range, its
/// distribution may have repaired it under that version. Nothing for other packages.
fn judge_package(package: &Package, disclosure: &Disclosure) -> Option<(Verdict, Reason)> {
    if !package.openssl {
        return None;
    }
    let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
    let upstream = version.split(['-', '+', '~']).next().unwrap_or(version);
    Some(match upstream.parse::<OpensslVersion>() {
        Ok(_) if disclosure.openssl.is_empty() => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
        Err(_) => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
        Ok(v) if disclosure.openssl.iter().any(|range| range.holds(&v)) => {
            (Verdict::Inconclusive, Reason::BackportLikely)
        }
        Ok(_) => (Verdict::NotVulnerable, Reason::VersionNotAffected),
    })
}

/// The file on disk under a mapped copy's name, as far as the mapped copy's record tells of it: where files
/// were not searched it has no record of its own.
fn on_disk_now(copy: &Library) -> Option<Library> {
    let disk = copy.on_disk.as_ref()?;
    let mut now = Library::new(copy.path.clone(), CopyKind::Disk, copy.lib, copy.role);
    now.version.clone_from(&disk.version);
    now.features.clone_from(&disk.features);
    Some(now)
}

/// The processes of a copy, those together that one restart renews.
fn by_runner(
    copy: &Library,
    processes: &BTreeMap<u32, &Process>,
) -> BTreeMap<(Option<Runner>, String), Vec<u32>> {
    let mut groups: BTreeMap<(Option<Runner>, String), Vec<u32>> = BTreeMap::new();
    for pid in &copy.processes {
        let process = processes.get(pid);
        let runner = process.and_then(|p| p.runner.clone());
        let program = process.map_or_else(String::new, |p| p.name.clone());
        groups.entry((runner, program)).or_default().push(*pid);
    }
    groups
}

/// What is bad comes first, then what is not known, then what is clean.
fn urgency(verdict: Option<(Verdict, Reason)>) -> u8 {
    match verdict {
        Some((Verdict::Vulnerable, _)) => 0,
        Some((v, _)) if v.is_clean() => 2,
        _ => 1,
    }
}

/// Judges one copy; nothing where the file holds no code of a library.
pub fn judge_copy(copy: &Library, disclosure: &Disclosure) -> Option<(Verdict, Reason)> {
    match copy.role {
        CopyRole::Uses | CopyRole::HeaderText => return None,
        CopyRole::Unreadable => return Some((Verdict::Inconclusive, Reason::SymbolsUnavailable)),
        CopyRole::Embeds | CopyRole::BuildInput | CopyRole::Provider => {}
    }
    Some(match copy.lib {
        TlsLibrary::Openssl => openssl(copy, disclosure),
        other if disclosure.never_in.contains(&other) => (Verdict::NotApplicable, Reason::StackNotAffected),
        _ => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
    })
}

fn openssl(copy: &Library, disclosure: &Disclosure) -> (Verdict, Reason) {
    if disclosure.openssl.is_empty() {
        return (Verdict::Inconclusive, Reason::BranchNotAnalysed);
    }
    let Some(version) = copy.version.as_deref().and_then(|v| v.parse::<OpensslVersion>().ok()) else {
        return (Verdict::Inconclusive, Reason::SymbolsUnavailable);
    };
    if !disclosure.openssl.iter().any(|range| range.holds(&version)) {
        return (Verdict::NotVulnerable, Reason::VersionNotAffected);
    }
    let feature = disclosure.feature.as_ref().map(|name| copy.features.get(name).copied().flatten());
    match feature {
        Some(Some(false)) => (Verdict::NotVulnerable, Reason::FeatureAbsent),
        // A distribution repairs under the same version: only its own record can tell.
        _ if is_distributions(copy, &version) => (Verdict::Inconclusive, Reason::BackportLikely),
        Some(Some(true)) => (Verdict::Vulnerable, Reason::FeaturePresent),
        Some(None) => (Verdict::Inconclusive, Reason::SymbolsUnavailable),
        None => (Verdict::Vulnerable, Reason::VersionAffected),
    }
}

/// Whether a distribution built it: as its package brought it, or by the mark of a FIPS build.
fn is_distributions(copy: &Library, version: &OpensslVersion) -> bool {
    let owned = copy.owner.as_ref().is_some_and(|owner| owner.intact != Some(false));
    // The file on disk belongs to the package; an older one that is still mapped did so as well, most likely.
    owned || version.is_fips()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::host::{CopyKind, Ecosystem, Owner};

    fn heartbleed() -> Disclosure {
        toml::from_str(include_str!("../../disclosures/CVE-2014-0160.toml")).unwrap()
    }

    /// `feature` is none, or what its record says.
    fn copy(version: &str, feature: &[Option<bool>]) -> Library {
        let mut copy =
            Library::new("/opt/node".to_owned(), CopyKind::Disk, TlsLibrary::Openssl, CopyRole::Embeds);
        copy.version = (!version.is_empty()).then(|| version.to_owned());
        for value in feature {
            copy.features.insert("tls1_process_heartbeat".to_owned(), *value);
        }
        copy
    }

    fn words(copy: &Library) -> String {
        judge_copy(copy, &heartbleed()).map_or("none".to_owned(), |(v, r)| format!("{v} {r}"))
    }

    #[test]
    fn the_same_version_is_told_apart_by_its_code() {
        let table: [(&str, &[Option<bool>], &str); 12] = [
            ("1.0.1e", &[Some(true)], "vulnerable feature-present"),
            ("1.0.1e", &[Some(false)], "not-vulnerable feature-absent"),
            ("1.0.1e", &[None], "inconclusive symbols-unavailable"),
            ("1.0.1e", &[], "inconclusive symbols-unavailable"),
            ("1.0.1g", &[Some(true)], "not-vulnerable version-not-affected"),
            ("1.0.0m", &[], "not-vulnerable version-not-affected"),
            ("1.0.2-beta1", &[Some(true)], "vulnerable feature-present"),
            ("1.0.2", &[Some(true)], "not-vulnerable version-not-affected"),
            ("3.0.2+quic", &[], "not-vulnerable version-not-affected"),
            ("1.0.1e-fips", &[Some(true)], "inconclusive backport-likely"),
            ("", &[], "inconclusive symbols-unavailable"),
            ("?", &[], "inconclusive symbols-unavailable"),
        ];
        for (version, feature, expected) in table {
            assert_eq!(words(&copy(version, feature)), expected, "{version} {feature:?}");
        }
    }

    #[test]
    fn a_package_may_be_repaired_under_the_same_version_and_a_changed_file_is_not_the_packages() {
        let mut owned = copy("1.0.1e", &[Some(true)]);
        let mut package = Owner {
            package: "libssl1.0.0".to_owned(),
            version: "1.0.1e-2+deb7u5".to_owned(),
            source: "openssl".to_owned(),
            arch: "amd64".to_owned(),
            ecosystem: Ecosystem::Dpkg,
            intact: Some(true),
        };
        owned.owner = Some(package.clone());
        assert_eq!(words(&owned), "inconclusive backport-likely");
        package.intact = Some(false);
        owned.owner = Some(package);
        assert_eq!(words(&owned), "vulnerable feature-present");
    }

    #[test]
    fn a_package_in_range_is_not_decided_and_one_outside_is_clean() {
        let mut package: Package = serde_json::from_str(
            r#"{"name":"libssl","version":"","source":"openssl","ecosystem":"dpkg","openssl":true}"#,
        )
        .unwrap();
        for (version, expected) in [
            ("1.0.1e-2+deb7u4", (Verdict::Inconclusive, Reason::BackportLikely)),
            ("0:1.0.1e-15.el6", (Verdict::Inconclusive, Reason::BackportLikely)),
            ("1.0.1f-r0", (Verdict::Inconclusive, Reason::BackportLikely)),
            ("1.0.1k-3+deb8u2", (Verdict::NotVulnerable, Reason::VersionNotAffected)),
            ("1:3.0.7-24.el9", (Verdict::NotVulnerable, Reason::VersionNotAffected)),
            ("odd", (Verdict::Inconclusive, Reason::BranchNotAnalysed)),
        ] {
            version.clone_into(&mut package.version);
            assert_eq!(judge_package(&package, &heartbleed()), Some(expected), "{version}");
        }
        package.openssl = false;
        assert_eq!(judge_package(&package, &heartbleed()), None);
    }

    #[test]
    fn other_libraries_and_files_without_code_are_kept_apart() {
        let mut other = copy("1.0.1e", &[Some(true)]);
        for (lib, role, expected) in [
            (TlsLibrary::Boringssl, CopyRole::Embeds, "not-applicable stack-not-affected"),
            (TlsLibrary::AwsLc, CopyRole::Embeds, "not-applicable stack-not-affected"),
            (TlsLibrary::Unknown, CopyRole::Embeds, "inconclusive branch-not-analysed"),
            (TlsLibrary::Unknown, CopyRole::Unreadable, "inconclusive symbols-unavailable"),
            (TlsLibrary::Openssl, CopyRole::Uses, "none"),
            (TlsLibrary::Openssl, CopyRole::HeaderText, "none"),
            (TlsLibrary::Openssl, CopyRole::BuildInput, "vulnerable feature-present"),
        ] {
            other.lib = lib;
            other.role = role;
            assert_eq!(words(&other), expected, "{lib} {role}");
        }
        let mut unknown = heartbleed();
        unknown.openssl.clear();
        other.lib = TlsLibrary::Openssl;
        assert_eq!(judge_copy(&other, &unknown), Some((Verdict::Inconclusive, Reason::BranchNotAnalysed)));
    }
}
