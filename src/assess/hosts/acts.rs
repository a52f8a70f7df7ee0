//! What has to be done on a host, from what was found on it: upgrade, rebuild, recreate, restart, find out.
//!
//! In that order, since each has to come before the next. Verdicts are taken as they stand, and the words for
//! people are not made here.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    disclosure::Compare,
    host::{
        Act, ActKind, CopyKind, CopyRole, Document, Ecosystem, Finding, Library, OldCopy, Owner, Package,
        Process, Runner, RunnerKind, TlsLibrary,
    },
    verdict::{Reason, Verdict},
};

use super::copies::by_runner;

/// Everything that has to be done, in order; each target once.
pub(super) fn acts(
    document: &Document,
    verdicts: &[Option<Finding>],
    packages: &[Option<Finding>],
    old: &[OldCopy],
) -> Vec<Act> {
    let open = |finding: &Option<Finding>| finding.as_ref().is_some_and(|f| !f.verdict.is_clean());
    if old.is_empty() && !verdicts.iter().chain(packages).any(open) {
        return Vec::new();
    }
    let mut plan = Plan::new(document);
    for (package, finding) in document.packages.iter().zip(packages) {
        if let Some(finding) = finding {
            plan.package(package, finding);
        }
    }
    for (copy, finding) in document.libraries.iter().zip(verdicts) {
        if let Some(finding) = finding {
            plan.copy(copy, finding);
        }
    }
    for one in old {
        if let Some(copy) = document.libraries.get(one.library) {
            plan.old(one, copy);
        }
    }
    plan.finish()
}

/// What the acts on one target gather up.
#[derive(Default)]
struct Work {
    from: Option<String>,
    to: Option<String>,
    runners: BTreeSet<Option<Runner>>,
    programs: BTreeSet<String>,
    processes: BTreeSet<u32>,
    bundle: Option<String>,
}

/// The acts so far: by kind, container and target, and for restarts by what runs the processes as well.
struct Plan<'a> {
    processes: BTreeMap<u32, &'a Process>,
    work: BTreeMap<(ActKind, Option<String>, String, Option<Runner>), Work>,
}

impl<'a> Plan<'a> {
    fn new(document: &'a Document) -> Self {
        let processes = document.processes.iter().map(|process| (process.pid, process)).collect();
        Self { processes, work: BTreeMap::new() }
    }

    fn work(&mut self, kind: ActKind, container: Option<&String>, target: &str) -> &mut Work {
        self.work.entry((kind, container.cloned(), target.to_owned(), None)).or_default()
    }

    fn package(&mut self, package: &Package, finding: &Finding) {
        let container = package.container.as_ref();
        match (finding.verdict, container) {
            (Verdict::Vulnerable, None) => {
                let work = self.work(ActKind::Upgrade, None, &package.source);
                work.take_versions(finding);
                work.from.get_or_insert_with(|| shown_version(package).to_owned());
            }
            (Verdict::Vulnerable, Some(id)) => {
                let engine = self.container_runner(id);
                let work = self.work(ActKind::Recreate, container, id);
                work.take_versions(finding);
                work.runners.extend(engine.map(Some));
            }
            (verdict, _) if !verdict.is_clean() => {
                self.work(ActKind::FindOut, container, &package.source);
            }
            _ => {}
        }
    }

    fn container_runner(&self, id: &str) -> Option<Runner> {
        let mut inside = self.processes.values().filter(|process| process.container.as_deref() == Some(id));
        inside
            .find_map(|process| process.runner.clone().filter(|runner| runner.kind == RunnerKind::Container))
    }

    fn copy(&mut self, copy: &Library, finding: &Finding) {
        // What to do about a copy that is no longer on disk depends on what is there now.
        if finding.verdict.is_clean() || copy.replaced.is_some() || copy.deleted {
            return;
        }
        let container = copy.container.as_ref();
        if finding.verdict != Verdict::Vulnerable {
            self.find_out(copy);
            return;
        }
        if let Some(id) = container {
            self.work(ActKind::Recreate, container, id).take_versions(finding);
            self.take_processes(ActKind::Recreate, container, id, copy);
        } else if let Some(owner) = package_of(copy).filter(|_| is_packages(finding)) {
            self.work(ActKind::Upgrade, None, &owner.source).take_versions(finding);
            self.restart(copy, finding, None);
        } else {
            self.rebuild(copy, finding);
        }
    }

    /// What a package brought is a question about the package.
    fn find_out(&mut self, copy: &Library) {
        let target = package_of(copy).map_or(copy.path.as_str(), |owner| owner.source.as_str());
        self.work(ActKind::FindOut, copy.container.as_ref(), target);
    }

    fn rebuild(&mut self, copy: &Library, finding: &Finding) {
        let work = self.work(ActKind::Rebuild, None, &copy.path);
        work.take_versions(finding);
        if let Some(version) = &copy.version {
            work.from.get_or_insert_with(|| version.clone());
        }
        if work.bundle.is_none() {
            work.bundle = copy.bundle.as_ref().map(|bundle| {
                let words = [&bundle.kind, &bundle.name, &bundle.version];
                let words: Vec<&str> =
                    words.into_iter().map(String::as_str).filter(|w| !w.is_empty()).collect();
                words.join(" ")
            });
        }
        self.take_processes(ActKind::Rebuild, None, &copy.path, copy);
    }

    fn take_processes(&mut self, kind: ActKind, container: Option<&String>, target: &str, copy: &Library) {
        let groups = by_runner(copy, &self.processes);
        let work = self.work(kind, container, target);
        for ((runner, program), pids) in groups {
            work.runners.insert(runner.cloned());
            work.programs.insert(program.to_owned());
            work.processes.extend(pids);
        }
    }

    /// What runs a copy has to be started anew. `only`: those processes alone.
    fn restart(&mut self, copy: &Library, finding: &Finding, only: Option<&OldCopy>) {
        let groups = match only {
            Some(old) => [((old.runner.as_ref(), old.program.as_str()), old.processes.clone())].into(),
            None => by_runner(copy, &self.processes),
        };
        for ((runner, program), pids) in groups {
            let target = match runner {
                Some(runner) if runner.kind == RunnerKind::Systemd => "systemd",
                Some(runner) if !runner.name.is_empty() => &runner.name,
                _ if !program.is_empty() => program,
                _ => &copy.path,
            };
            let key = (ActKind::Restart, copy.container.clone(), target.to_owned(), runner.cloned());
            let work = self.work.entry(key).or_default();
            work.take_versions(finding);
            work.runners.insert(runner.cloned());
            if !work.programs.contains(program) {
                work.programs.insert(program.to_owned());
            }
            work.processes.extend(pids);
        }
    }

    fn old(&mut self, old: &OldCopy, copy: &Library) {
        let Some(mapped) = old.verdict.as_ref().filter(|mapped| !mapped.verdict.is_clean()) else { return };
        match (old.disk_verdict.as_ref(), &copy.container) {
            (Some(disk), Some(id)) if disk.verdict == Verdict::Vulnerable => {
                self.work(ActKind::Recreate, copy.container.as_ref(), id).take_versions(disk);
                self.take_processes(ActKind::Recreate, copy.container.as_ref(), id, copy);
            }
            (Some(disk), None) if disk.verdict == Verdict::Vulnerable => {
                if let Some(owner) = package_of(copy).filter(|_| is_packages(disk)) {
                    self.work(ActKind::Upgrade, None, &owner.source).take_versions(disk);
                    self.restart(copy, mapped, Some(old));
                } else {
                    self.rebuild(copy, disk);
                }
            }
            // A restart would take in something of which nobody knows what it is.
            (Some(disk), _) if !disk.verdict.is_clean() => self.find_out(copy),
            _ => self.restart(copy, mapped, Some(old)),
        }
    }

    fn finish(mut self) -> Vec<Act> {
        self.restart_all_of_rebuilt();
        let recreated: BTreeSet<Option<String>> = (self.work.keys())
            .filter(|(kind, ..)| *kind == ActKind::Recreate)
            .map(|(_, container, ..)| container.clone())
            .collect();
        let mut acts: Vec<Act> = Vec::new();
        for ((kind, container, target, _), work) in self.work {
            // Recreating a container starts everything in it anew.
            if kind == ActKind::Restart && recreated.contains(&container) {
                continue;
            }
            let runner =
                if work.runners.len() == 1 { work.runners.into_iter().next().flatten() } else { None };
            let caution = runner.as_ref().is_some_and(cuts_people_off);
            let programs: Vec<String> = work.programs.into_iter().filter(|name| !name.is_empty()).collect();
            acts.push(Act {
                kind,
                target,
                from: work.from,
                to: work.to,
                runner,
                program: programs.join(", "),
                processes: work.processes.into_iter().collect(),
                container,
                bundle: work.bundle,
                caution,
            });
        }
        acts.sort();
        acts
    }

    /// A rebuilt file that several things run has room for one of them only: each is a restart of its own.
    fn restart_all_of_rebuilt(&mut self) {
        let mut more = Vec::new();
        for ((kind, container, path, _), work) in &self.work {
            if *kind == ActKind::Rebuild && work.runners.len() > 1 {
                let mut copy =
                    Library::new(path.clone(), CopyKind::Mapped, TlsLibrary::Openssl, CopyRole::Embeds);
                copy.container.clone_from(container);
                copy.processes = work.processes.iter().copied().collect();
                more.push(copy);
            }
        }
        let nothing_compared = Finding::new(Verdict::Vulnerable, Reason::VersionAffected);
        for copy in &more {
            self.restart(copy, &nothing_compared, None);
        }
    }
}

impl Work {
    fn take_versions(&mut self, finding: &Finding) {
        let Some(compare) = finding.compare.as_deref() else { return };
        self.from.get_or_insert_with(|| compare.installed.clone());
        if self.to.is_none() {
            self.to = fixed(compare).map(str::to_owned);
        }
    }
}

fn fixed(compare: &Compare) -> Option<&str> {
    compare.bound.as_deref().filter(|_| compare.bound_is == "fixed")
}

fn shown_version(package: &Package) -> &str {
    match (&package.source_version, package.ecosystem) {
        (Some(version), Ecosystem::Dpkg) => version,
        _ => &package.version,
    }
}

/// The package that a copy is of, where it is as the package brought it.
fn package_of(copy: &Library) -> Option<&Owner> {
    copy.owner.as_ref().filter(|owner| owner.intact != Some(false))
}

/// Whether a verdict comes from a package's record.
fn is_packages(finding: &Finding) -> bool {
    finding.reason == Reason::PackageAffected
}

/// Whether a restart drops people: what the host said of it, and the services that are known for it.
fn cuts_people_off(runner: &Runner) -> bool {
    const WORDS: &[&str] = &[
        "dbus",
        "gdm",
        "lightdm",
        "sddm",
        "xdm",
        "lxdm",
        "display-manager",
        "xrdp",
        "networkmanager",
        "wpa_supplicant",
        "systemd-networkd",
        "openvpn",
        "wg-quick",
        "strongswan",
        "ipsec",
        "charon",
        "libreswan",
        "openconnect",
        "ocserv",
        "tailscaled",
        "frr",
        "bird",
        "quagga",
        "bluetooth",
        "getty",
        "libvirtd",
    ];
    let name = runner.name.to_ascii_lowercase();
    runner.caution
        || matches!(runner.kind, RunnerKind::Session | RunnerKind::Vm)
        || WORDS.iter().any(|word| {
            let rest = name.strip_prefix(word);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        })
}
