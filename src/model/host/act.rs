//! What has to be done on a host before it is rid of a hole.

use serde::{Deserialize, Serialize};

use super::process::{Runner, RunnerKind};
use crate::model::{text::printable, vocabulary};

/// How many processes a sentence names.
const PROCESSES: usize = 8;

vocabulary! {
    /// What kind of work it is.
    ActKind, "act" {
        /// Install the fixed package.
        Upgrade = "upgrade",
        /// The library is linked in or bundled: build it, or get it, anew.
        Rebuild = "rebuild",
        /// A container's image: rebuild it and recreate the container.
        Recreate = "recreate",
        /// The fixed version is on disk: restart what still runs the old one.
        Restart = "restart",
        /// Nobody could tell: find out.
        FindOut = "find-out",
    }
}

/// One piece of work on one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Act {
    /// What kind of work.
    pub kind: ActKind,
    /// What it is done to: a package, a file, a unit's or container's name, a program.
    pub target: String,
    /// The version that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first version that is fixed, where the record says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What runs it, where it is about a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// The program's name, where it is about a process.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// The processes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<u32>,
    /// The container that it is in; absent: the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The wheel, npm package, jar or the like that brought a file, as `wheel cryptography 38.0.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Whether it cuts people off: display managers, VPNs, message buses, services whose restart drops users.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caution: bool,
}

impl Act {
    /// Work of which no more is known than its kind and what it is done to.
    pub fn new(kind: ActKind, target: &str) -> Self {
        Self {
            kind,
            target: target.to_owned(),
            from: None,
            to: None,
            runner: None,
            program: String::new(),
            processes: Vec::new(),
            container: None,
            bundle: None,
            caution: false,
        }
    }

    /// What to do, as one sentence that begins small and may stand after the host's name. It is safe to show, and
    /// a name in a command is quoted for a shell.
    pub fn sentence(&self) -> String {
        let text = match self.kind {
            ActKind::Upgrade => self.upgrade(),
            ActKind::Rebuild => self.rebuild(),
            ActKind::Recreate => self.recreate(),
            ActKind::Restart => self.restart(),
            ActKind::FindOut => self.find_out(),
        };
        let caution = if self.cuts_people_off() { "; it cuts people off: choose the hour" } else { "" };
        printable(&format!("{text}{caution}.")).into_owned()
    }

    /// Whether doing it cuts people off.
    pub fn cuts_people_off(&self) -> bool {
        self.caution || self.runner.as_ref().is_some_and(|r| r.caution)
    }

    /// The unit, container, script or program that it is about; what it is done to where nothing runs it.
    pub fn unit(&self) -> &str {
        match &self.runner {
            Some(runner) => &runner.name,
            None if self.program.is_empty() => &self.target,
            None => &self.program,
        }
    }

    /// How what runs a process is restarted, without the end of the sentence.
    pub fn restart_of(runner: &Runner) -> String {
        let name = &runner.name;
        match runner.kind {
            RunnerKind::Unit => format!("restart {name} (systemctl restart {})", word(name)),
            RunnerKind::UserUnit => {
                format!("restart the user's unit {name} (systemctl --user restart {})", word(name))
            }
            RunnerKind::Session => format!("have the user of the login session {name} log out and in again"),
            RunnerKind::Systemd => "restart systemd itself (systemctl daemon-reexec)".to_owned(),
            RunnerKind::Container => {
                let engine = runner.engine.as_deref().unwrap_or_default();
                let engine = if engine.is_empty() { String::new() } else { format!("{engine} ") };
                format!(
                    "rebuild the image and recreate {engine}container {name}; do not restart the engine for it"
                )
            }
            RunnerKind::Vm => format!("restart the virtual machine {name}, or migrate it away and back"),
            RunnerKind::InitScript => {
                format!("restart {name} (/etc/init.d/{} restart, if that is what started it)", word(name))
            }
            RunnerKind::Process => format!("stop and start {name} by hand: no unit runs it"),
        }
    }

    fn upgrade(&self) -> String {
        let from = self.from.as_deref().map_or_else(String::new, |v| format!(" from {v}"));
        let to = match &self.to {
            Some(version) => format!("{version} or later"),
            None => "a version that is fixed (the record names none yet)".to_owned(),
        };
        format!("upgrade {}{}{from} to {to}", self.target, self.inside())
    }

    fn rebuild(&self) -> String {
        let about = self.about();
        let restart = match &self.runner {
            Some(runner) => format!(", run by {}; then {}", self.unit(), Self::restart_of(runner)),
            None if !self.program.is_empty() => format!(", run by {}; then start it anew", self.program),
            None => String::new(),
        };
        format!("rebuild or replace {}{}{about}{restart}{}", self.target, self.inside(), self.pids())
    }

    fn recreate(&self) -> String {
        let engine = self.runner.as_ref().and_then(|r| r.engine.as_deref()).unwrap_or_default();
        let engine = if engine.is_empty() { String::new() } else { format!("{engine} ") };
        format!(
            "rebuild the image of {engine}container {}{} and recreate the container{}; do not restart the engine for it",
            self.target,
            self.about(),
            self.pids()
        )
    }

    fn restart(&self) -> String {
        let how = match &self.runner {
            Some(runner) => Self::restart_of(runner),
            None => format!("stop and start {} by hand: nobody knows what runs it", self.unit()),
        };
        let program = if self.program.is_empty() || self.program == self.unit() {
            String::new()
        } else {
            format!(", which runs {}", self.program)
        };
        format!("{how}{program}{}", self.pids())
    }

    fn find_out(&self) -> String {
        let run = match (&self.runner, self.program.is_empty()) {
            (Some(runner), _) => format!(", run by {}", runner.name),
            (None, false) if self.program != self.target => format!(", run by {}", self.program),
            _ => String::new(),
        };
        format!(
            "find out whether {}{}{}{run}{} is affected",
            self.target,
            self.inside(),
            self.about(),
            self.pids()
        )
    }

    fn inside(&self) -> String {
        self.container.as_deref().map_or_else(String::new, |c| format!(" in container {c}"))
    }

    /// What brought it, which version it has, from which one on it is fixed.
    fn about(&self) -> String {
        let parts = [
            self.bundle.clone(),
            self.from.as_deref().map(|v| format!("it has {v}")),
            self.to.as_deref().map(|v| format!("fixed in {v}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }

    fn pids(&self) -> String {
        if self.processes.is_empty() {
            return String::new();
        }
        let shown: Vec<String> = self.processes.iter().take(PROCESSES).map(u32::to_string).collect();
        let more = self.processes.len().saturating_sub(PROCESSES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(" (pid {}{more})", shown.join(", "))
    }
}

/// A name as one word of a command: quoted for a shell unless it is made of harmless characters.
fn word(name: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(harmless) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::acts_on_a_terminal;

    fn act(kind: ActKind, target: &str) -> Act {
        Act::new(kind, target)
    }

    fn runner(kind: RunnerKind, name: &str) -> Runner {
        Runner { kind, name: name.to_owned(), engine: None, caution: false }
    }

    #[test]
    fn each_kind_of_work_says_what_from_where_to_and_by_whom() {
        let upgrade = Act {
            from: Some("1.0-1".to_owned()),
            to: Some("1.0-2".to_owned()),
            ..act(ActKind::Upgrade, "openssl")
        };
        let inside = Act { container: Some("web".to_owned()), to: None, ..upgrade.clone() };
        let wheel = Act {
            bundle: Some("wheel cryptography 38.0.1".to_owned()),
            from: Some("3.0.5".to_owned()),
            to: Some("3.0.7".to_owned()),
            runner: Some(runner(RunnerKind::Unit, "api.service")),
            processes: vec![7],
            ..act(ActKind::Rebuild, "/opt/api/_rust.abi3.so")
        };
        let image = Act {
            runner: Some(Runner { engine: Some("docker".to_owned()), ..runner(RunnerKind::Container, "c1") }),
            ..act(ActKind::Recreate, "c1")
        };
        let restart = Act {
            runner: Some(runner(RunnerKind::Unit, "nginx.service")),
            program: "nginx".to_owned(),
            processes: (1..=10).collect(),
            ..act(ActKind::Restart, "nginx.service")
        };
        let find = Act { from: Some("1.1.1w".to_owned()), ..act(ActKind::FindOut, "/opt/x") };
        let table = [
            (upgrade, "upgrade openssl from 1.0-1 to 1.0-2 or later."),
            (
                inside,
                "upgrade openssl in container web from 1.0-1 to a version that is fixed (the record names none yet).",
            ),
            (
                wheel,
                "rebuild or replace /opt/api/_rust.abi3.so (wheel cryptography 38.0.1, it has 3.0.5, fixed in 3.0.7), run by api.service; then restart api.service (systemctl restart api.service) (pid 7).",
            ),
            (
                image,
                "rebuild the image of docker container c1 and recreate the container; do not restart the engine for it.",
            ),
            (
                restart,
                "restart nginx.service (systemctl restart nginx.service), which runs nginx (pid 1, 2, 3, 4, 5, 6, 7, 8 and 2 more).",
            ),
            (find, "find out whether /opt/x (it has 1.1.1w) is affected."),
        ];
        for (act, expected) in table {
            assert_eq!(act.sentence(), expected);
        }
    }

    #[test]
    fn every_runner_is_restarted_in_its_own_way() {
        for (kind, expected) in [
            (RunnerKind::Unit, "systemctl restart x"),
            (RunnerKind::UserUnit, "systemctl --user restart x"),
            (RunnerKind::Session, "log out"),
            (RunnerKind::Systemd, "systemctl daemon-reexec"),
            (RunnerKind::Container, "recreate container x"),
            (RunnerKind::Vm, "virtual machine x"),
            (RunnerKind::InitScript, "/etc/init.d/x restart"),
            (RunnerKind::Process, "by hand"),
        ] {
            let act = Act { runner: Some(runner(kind, "x")), ..act(ActKind::Restart, "x") };
            assert!(act.sentence().contains(expected), "{kind}: {}", act.sentence());
            assert!(!act.sentence().contains("cuts people off"), "{kind}");
        }
        let lonely = act(ActKind::Restart, "sshd").sentence();
        assert!(lonely.contains("sshd by hand"), "{lonely}");
    }

    #[test]
    fn what_cuts_people_off_says_so_whoever_noticed() {
        let mut vpn = Act {
            runner: Some(runner(RunnerKind::Unit, "openvpn.service")),
            ..act(ActKind::Restart, "openvpn.service")
        };
        vpn.caution = true;
        assert!(vpn.sentence().ends_with("it cuts people off: choose the hour."), "{}", vpn.sentence());
        vpn.caution = false;
        vpn.runner.as_mut().unwrap().caution = true;
        assert!(vpn.cuts_people_off() && vpn.sentence().contains("cuts people off"));
    }

    #[test]
    fn a_hostile_name_acts_neither_in_a_terminal_nor_in_a_shell() {
        let evil = "x; reboot #\u{1b}[2J\u{202e}'";
        for kind in RunnerKind::ALL {
            for what in ActKind::ALL {
                let act = Act {
                    runner: Some(runner(*kind, evil)),
                    program: evil.to_owned(),
                    container: Some(evil.to_owned()),
                    bundle: Some(evil.to_owned()),
                    from: Some(evil.to_owned()),
                    ..act(*what, evil)
                };
                assert!(!act.sentence().contains(acts_on_a_terminal), "{kind} {what}: {}", act.sentence());
            }
        }
        let unit = Act { runner: Some(runner(RunnerKind::Unit, evil)), ..act(ActKind::Restart, evil) };
        assert!(unit.sentence().contains("systemctl restart 'x; reboot #"), "{}", unit.sentence());
    }
}
