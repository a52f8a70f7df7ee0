//! What one copy of a TLS library means for a disclosure: by the package that owns it, by its Build-ID, or by its
//! upstream version and its code; and what runs with a copy whose file has changed since.
//!
//! A file that only uses a library, or holds no more than the text of its headers, has no verdict of its own.
//! What has to be done about a copy is said in `acts`.

use std::collections::BTreeMap;

use crate::model::{
    host::{
        CopyKind, CopyRole, Document, Finding, Library, OldCopy, Owner, Package, Process, Replaced, Runner,
        TlsLibrary,
    },
    verdict::{Reason, Verdict},
    version::OpensslVersion,
};

use super::{
    BuildIds, Judge, Subject, caveated,
    upstream::{OPENSSL, Says, upstream_part},
};

/// A document under judgement.
pub(super) struct Context<'c, 'd> {
    pub(super) judge: &'c Judge<'d>,
    pub(super) document: &'c Document,
    pub(super) builds: &'c BuildIds,
    pub(super) packages: &'c [Option<Finding>],
    /// The packages that the disclosure is about, by their place in the document's list.
    pub(super) concerned: Vec<usize>,
}

/// What a file tells of the function that the disclosure turns on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Feature {
    /// The disclosure turns on none.
    NotAsked,
    Present,
    Absent,
    Untold,
}

/// Whose code a copy is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// Nobody's that we know of: upstream's record holds.
    Anyone,
    /// A package's that has no record: repaired or not under the same version.
    Distribution,
}

const UNCHECKED: &str = "not compared with what the package brought";

impl Context<'_, '_> {
    /// Judges one copy; nothing where the file holds no code of a library, or the disclosure is not about any.
    pub(super) fn copy(&self, copy: &Library) -> Option<Finding> {
        if !self.judge.about_openssl || matches!(copy.role, CopyRole::Uses | CopyRole::HeaderText) {
            return None;
        }
        if copy.role == CopyRole::Unreadable {
            return Some(Finding::new(Verdict::Inconclusive, Reason::SymbolsUnavailable));
        }
        Some(match copy.lib {
            TlsLibrary::Openssl if is_old(copy) && !is_same(copy) => self.replaced(copy),
            TlsLibrary::Openssl => self.standing(copy),
            other if self.judge.disclosure.never_in.contains(&other) => {
                Finding::new(Verdict::NotApplicable, Reason::StackNotAffected)
            }
            _ => Finding::new(Verdict::Inconclusive, Reason::BranchNotAnalysed),
        })
    }

    /// A copy whose file is the one that stands on disk.
    fn standing(&self, copy: &Library) -> Finding {
        let Some(owner) = copy.owner.as_ref().filter(|owner| owner.intact != Some(false)) else {
            return self.by_code(copy, Maker::Anyone);
        };
        let container = copy.container.as_deref();
        let by_package = self
            .package_of(copy, owner)
            .map(|(finding, _)| finding.clone())
            .or_else(|| self.at_odds(copy, owner))
            .or_else(|| self.judge.owner(owner, container, &self.document.header));
        match by_package {
            Some(finding) if owner.intact.is_none() => self.with_feature(caveated(&finding, UNCHECKED), copy),
            Some(finding) => self.with_feature(finding, copy),
            None => self.by_code(copy, Maker::Distribution),
        }
    }

    /// The package that owns a copy, and what it means.
    fn package_of(&self, copy: &Library, owner: &Owner) -> Option<(&Finding, &Package)> {
        let named = |i: &&usize| {
            self.document.packages.get(**i).is_some_and(|package| {
                package.name == owner.package
                    && package.ecosystem == owner.ecosystem
                    && package.container == copy.container
            })
        };
        let fits = |i: &&usize| {
            self.document.packages.get(**i).is_some_and(|package| {
                let version = owner.version.is_empty() || owner.version == package.version;
                version && (owner.arch.is_empty() || package.arch.is_empty() || owner.arch == package.arch)
            })
        };
        // Several versions under one name are told apart by the owner's own; else nobody knows which one it is.
        let at = *self.concerned.iter().filter(named).find(fits)?;
        Some((self.packages.get(at)?.as_ref()?, self.document.packages.get(at)?))
    }

    /// Where the list of packages has the owner in another version than the file's record, nobody knows which is true.
    fn at_odds(&self, copy: &Library, owner: &Owner) -> Option<Finding> {
        let all = self.concerned.iter().filter_map(|i| self.document.packages.get(*i));
        let named = |p: &&Package| {
            p.name == owner.package && p.ecosystem == owner.ecosystem && p.container == copy.container
        };
        let known = all.filter(named).any(|p| !owner.version.is_empty() && p.version != owner.version);
        known.then(|| Finding::new(Verdict::Inconclusive, Reason::BackportLikely))
    }

    fn feature(&self, copy: &Library) -> Feature {
        let Some(name) = &self.judge.disclosure.feature else { return Feature::NotAsked };
        match copy.features.get(name) {
            Some(Some(true)) => Feature::Present,
            Some(Some(false)) => Feature::Absent,
            Some(None) | None => Feature::Untold,
        }
    }

    /// A record speaks of the package; a function that is not in the file cannot be called.
    fn with_feature(&self, finding: Finding, copy: &Library) -> Finding {
        if finding.verdict.is_clean() || self.feature(copy) != Feature::Absent {
            return finding;
        }
        Finding { verdict: Verdict::NotVulnerable, reason: Reason::FeatureAbsent, ..finding }
    }

    /// By the upstream version and the code that is in the file.
    fn by_code(&self, copy: &Library, maker: Maker) -> Finding {
        let open = |reason| Finding::new(Verdict::Inconclusive, reason);
        let Some(text) = copy.version.as_deref() else { return open(Reason::SymbolsUnavailable) };
        let Ok(version) = text.parse::<OpensslVersion>() else { return open(Reason::SymbolsUnavailable) };
        let Some(ruling) = self.judge.openssl(text) else { return open(Reason::BranchNotAnalysed) };
        let found = |verdict, reason| Finding { verdict, reason, compare: ruling.compare.clone() };
        match ruling.says {
            Says::NotAffected => return found(Verdict::NotVulnerable, Reason::VersionNotAffected),
            Says::NotAnalysed => return found(Verdict::Inconclusive, Reason::BranchNotAnalysed),
            Says::Unconfirmed => return found(Verdict::Inconclusive, Reason::RowUnconfirmed),
            Says::Unreadable => return found(Verdict::Inconclusive, Reason::SymbolsUnavailable),
            Says::Affected => {}
        }
        let feature = self.feature(copy);
        if feature == Feature::Absent {
            return found(Verdict::NotVulnerable, Reason::FeatureAbsent);
        }
        // A changed file keeps the Build-ID of what it was.
        let is_changed = copy.owner.as_ref().is_some_and(|owner| owner.intact == Some(false));
        let id = copy.build_id.as_deref().filter(|_| !is_changed);
        // Another host's word on a build convicts, and never clears: it may be wrong, or not be honest.
        match self.builds.judge(self.judge, id, Some(text)) {
            Some(finding) if !finding.verdict.is_clean() => return finding,
            Some(finding) if feature != Feature::Present => {
                return Finding { reason: Reason::BackportLikely, verdict: Verdict::Inconclusive, ..finding };
            }
            _ => {}
        }
        if maker == Maker::Distribution || version.is_fips() || is_fips_banner(copy) {
            return found(Verdict::Inconclusive, Reason::BackportLikely);
        }
        match feature {
            Feature::Present => found(Verdict::Vulnerable, Reason::FeaturePresent),
            Feature::Absent => found(Verdict::NotVulnerable, Reason::FeatureAbsent),
            Feature::Untold => found(Verdict::Inconclusive, Reason::SymbolsUnavailable),
            Feature::NotAsked => found(Verdict::Vulnerable, Reason::VersionAffected),
        }
    }

    /// A mapped copy whose file has been replaced, removed or overwritten since.
    fn replaced(&self, copy: &Library) -> Finding {
        let overwritten = copy.replaced == Some(Replaced::Overwritten);
        // What can be read of an overwritten file are the new bytes.
        if !overwritten
            && let Some(finding) =
                self.builds.judge(self.judge, copy.build_id.as_deref(), copy.version.as_deref())
        {
            return self.with_feature(finding, copy);
        }
        if let Some(finding) = self.before_upgrade(copy) {
            return if overwritten { finding } else { self.with_feature(finding, copy) };
        }
        if overwritten {
            return self.overwritten(copy);
        }
        let maker =
            if copy.owner.is_some() || is_system_path(copy) { Maker::Distribution } else { Maker::Anyone };
        self.by_code(copy, maker)
    }

    /// What runs is what the file held before or what it holds now.
    fn overwritten(&self, copy: &Library) -> Finding {
        let now = self.standing(copy);
        let upstream = self.judge.upstream(OPENSSL);
        let may_hide = copy.version.as_deref().is_none_or(|version| {
            upstream.is_some_and(|upstream| upstream.may_have_replaced_affected(version))
        });
        if !may_hide || !now.verdict.is_clean() {
            return now;
        }
        let was = "written to since the process started: it may run what was there before";
        Finding {
            verdict: Verdict::Inconclusive,
            reason: Reason::SymbolsUnavailable,
            compare: caveated(&now, was).compare,
        }
    }

    /// By the version that the owning package was upgraded from, where every process began before that.
    fn before_upgrade(&self, copy: &Library) -> Option<Finding> {
        let (_, package) = self.package_of(copy, copy.owner.as_ref()?)?;
        let (before, at) = (package.upgraded_from.as_deref()?, package.installed_at?);
        // The source's version of then is not recorded; where it is the package's own now, it was so then.
        if package.source_version.as_deref().is_some_and(|source| source != package.version) {
            return None;
        }
        let started = |pid: &u32| {
            let process = self.document.processes.iter().find(|process| process.pid == *pid);
            process.and_then(|process| process.started_at)
        };
        let all_before = copy.processes.iter().all(|pid| started(pid).is_some_and(|then| then < at));
        if copy.processes.is_empty() || !all_before {
            return None;
        }
        // The copy's own version has to be that of the package, or it was an upgrade before the last one.
        let part = upstream_part(before, OPENSSL);
        let same = |version: &str| {
            let (a, b) = (version.parse::<OpensslVersion>(), part.parse::<OpensslVersion>());
            a.is_ok_and(|a| b.is_ok_and(|b| a == b))
        };
        let overwritten = copy.replaced == Some(Replaced::Overwritten);
        if !overwritten && !copy.version.as_deref().is_none_or(same) {
            return None;
        }
        let finding = self.judge.subject(&Subject::at(package, before, &self.document.header));
        let caveat = format!("{} was upgraded from it at {at}, after the process started", package.name);
        Some(caveated(&finding, &caveat))
    }

    /// What runs with a copy that is not the one on disk, worst first.
    pub(super) fn old(&self, verdicts: &[Option<Finding>]) -> Vec<OldCopy> {
        let libraries = &self.document.libraries;
        if !self.judge.about_openssl || !libraries.iter().any(is_old) {
            return Vec::new();
        }
        let on_disk: BTreeMap<(&Option<String>, &str), usize> = (libraries.iter().enumerate())
            .filter(|(_, copy)| copy.kind == CopyKind::Disk)
            .map(|(i, copy)| ((&copy.container, copy.path.as_str()), i))
            .collect();
        let processes: BTreeMap<u32, &Process> = self.document.processes.iter().map(|p| (p.pid, p)).collect();
        let mut old = Vec::new();
        for (i, copy) in libraries.iter().enumerate().filter(|(_, copy)| is_old(copy)) {
            let disk = match on_disk.get(&(&copy.container, copy.path.as_str())) {
                Some(at) => verdicts.get(*at).cloned().flatten(),
                None => self.on_disk_now(copy).and_then(|disk| self.copy(&disk)),
            };
            for ((runner, program), pids) in by_runner(copy, &processes) {
                old.push(OldCopy {
                    runner: runner.cloned(),
                    program: program.to_owned(),
                    processes: pids,
                    container: copy.container.clone(),
                    library: i,
                    replaced: copy.replaced,
                    verdict: verdicts.get(i).cloned().flatten(),
                    disk_verdict: disk.clone(),
                });
            }
        }
        old.sort_by(|a, b| {
            let key = |o: &OldCopy| urgency(o.verdict.as_ref());
            (key(a), &a.program, &a.processes, a.library).cmp(&(key(b), &b.program, &b.processes, b.library))
        });
        old
    }

    /// The file on disk under a mapped copy's name, as far as the mapped copy's record tells of it: where files
    /// were not searched it has no record of its own.
    fn on_disk_now(&self, copy: &Library) -> Option<Library> {
        let disk = copy.on_disk.as_ref()?;
        let mut now = Library::new(copy.path.clone(), CopyKind::Disk, copy.lib, copy.role);
        now.version = disk.version.clone().or_else(|| self.version_beside(copy));
        now.features.clone_from(&disk.features);
        now.build_id.clone_from(&disk.build_id);
        now.container.clone_from(&copy.container);
        now.owner.clone_from(&copy.owner);
        if let Some(owner) = &mut now.owner
            && owner.version.is_empty()
            && let Some((_, package)) = self.package_of(copy, owner)
        {
            owner.version.clone_from(&package.version);
        }
        Some(now)
    }

    /// A libssl since 3.0 says no version: it has that of the libcrypto that it was seen with, as that one lies on disk.
    fn version_beside(&self, copy: &Library) -> Option<String> {
        let from = copy.version_from.as_ref()?;
        let crypto = self.document.libraries.iter().find(|other| {
            other.path == *from && other.container == copy.container && other.kind == copy.kind
        })?;
        if is_old(crypto) { crypto.on_disk.as_ref()?.version.clone() } else { crypto.version.clone() }
    }
}

/// Whether a mapped copy's file has changed since.
fn is_old(copy: &Library) -> bool {
    copy.replaced.is_some() || copy.deleted
}

/// Whether the file that took its place holds the very same code.
fn is_same(copy: &Library) -> bool {
    copy.replaced != Some(Replaced::Overwritten)
        && copy.on_disk.as_ref().is_some_and(|disk| disk.same == Some(true))
}

/// Distributions build with FIPS, and repair under the same version.
fn is_fips_banner(copy: &Library) -> bool {
    copy.banner.as_deref().is_some_and(|banner| banner.to_ascii_lowercase().contains("fips"))
}

/// Whether it lay where only packages put files: its package may be gone together with it.
fn is_system_path(copy: &Library) -> bool {
    let dirs = ["/usr/lib", "/lib", "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"];
    dirs.iter().any(|dir| copy.path.starts_with(dir)) && copy.bundle.is_none()
}

/// The processes of a copy, those together that one restart renews.
pub(super) fn by_runner<'p>(
    copy: &Library,
    processes: &BTreeMap<u32, &'p Process>,
) -> BTreeMap<(Option<&'p Runner>, &'p str), Vec<u32>> {
    let mut groups: BTreeMap<(Option<&Runner>, &str), Vec<u32>> = BTreeMap::new();
    for pid in &copy.processes {
        let process = processes.get(pid);
        let runner = process.and_then(|p| p.runner.as_ref());
        let program = process.map_or("", |p| p.name.as_str());
        groups.entry((runner, program)).or_default().push(*pid);
    }
    groups
}

/// What is bad comes first, then what is not known, then what is clean.
fn urgency(verdict: Option<&Finding>) -> u8 {
    match verdict.map(|finding| finding.verdict) {
        Some(Verdict::Vulnerable) => 0,
        Some(verdict) if verdict.is_clean() => 2,
        _ => 1,
    }
}
