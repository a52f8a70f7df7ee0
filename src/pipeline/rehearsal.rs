//! The drill: one incident from the first sweep to all clear, against the embedded fleet, through the
//! same pipeline as the real thing. Only the fleet and the clock are made up.

use std::{
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    claims::{self, Word},
    dashboard,
    judged::{self, Choice, Judged},
    papers::{self, Layout, Which},
    record::{Counts, Progress},
    runtime,
    select::Selection,
    session::Session,
    settings::Settings,
    source::{self, Input, Options},
    sweep::Sinks,
};
use crate::{
    clock::Clock,
    drill::{fleet::Fleet, peer},
    error::{Error, Exit},
    model::{
        claim::Statement,
        facet::{FacetKind, State},
        loading::Loaded,
        policy::Policy,
        secret::SecretState,
        service::Service,
        text::printable,
    },
    report::{
        self,
        csv::Dialect,
        style::{Ink, Screen, Style},
    },
};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// How the drill's configuration begins: what marks a folder as a drill's own.
const MARK: &str = "# The drill's policy.";

/// Files that a drill leaves behind, and that the next one replaces.
const FILES: &[&str] = &[
    "incident.db",
    "incident.db-wal",
    "incident.db-shm",
    "incident-day0.db",
    "incident-day0.db-wal",
    "incident-day0.db-shm",
    "services.csv",
    "secrets.csv",
    "allclear.toml",
    "tracker-day0.csv",
    "tracker-day0.csv.meta.json",
    "checklist-day0.md",
    "checklist-day0.html",
    "report-day0.html",
    "incident-day1.db",
    "incident-day1.db-wal",
    "incident-day1.db-shm",
    "tracker-day1.csv",
    "tracker-day1.csv.meta.json",
    "checklist-day1.md",
    "checklist-day1.html",
    "report-day1.html",
    "tracker.csv",
    "tracker.csv.meta.json",
    "keys.csv",
    "keys.csv.meta.json",
    "checklist.md",
    "checklist.html",
    "report.html",
];

struct Silent;

impl Progress for Silent {
    fn update(&self, _: &Counts, _: u64, _: Duration) {}
    fn note(&self, _: &str) {}
}

/// Runs the drill in `folder` and tells its story on `out`.
pub fn run(
    folder: &Path,
    out: &mut (dyn Write + Send),
    width: usize,
    color: bool,
    stop: watch::Receiver<bool>,
) -> Result<Exit, Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "create",
        path: folder.to_path_buf(),
        source,
    })?;
    guard(folder)?;
    for name in FILES {
        let _ = std::fs::remove_file(folder.join(name)); // most often there is none
    }
    let start = Clock::System.now().plus_seconds(-6 * DAY);
    // A runtime of its own: the fleet answers while each sweep has another.
    let runtime = runtime::start()?;
    let fleet = runtime
        .block_on(Fleet::start(start))
        .map_err(|e| Error::Internal(format!("the drill's fleet cannot start: {e}")))?;
    let policy = Policy { confirm_after_hours: 24, ..Policy::default() };
    let mut drill = Drill {
        folder,
        incident: folder.join("incident.db"),
        clock: Clock::simulated(start),
        start,
        choice: Choice { policy: Some(policy.clone()), ..Choice::default() },
        policy,
        fleet,
        stop,
        style: Style { color },
        width,
        out,
    };
    match drill.story() {
        Err(Error::Usage(text)) => Err(Error::Internal(text)), // the story typed it, not the user
        other => other,
    }
}

/// A folder that holds files of these names and no drill's mark is somebody's real incident.
fn guard(folder: &Path) -> Result<(), Error> {
    let mark = std::fs::read_to_string(folder.join(crate::config::FILE_NAME)).unwrap_or_default();
    let taken = FILES.iter().find(|name| folder.join(name).exists());
    match taken {
        Some(name) if !mark.starts_with(MARK) => Err(Error::Usage(format!(
            "{} holds {name}, which no drill made; choose another --folder",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

struct Drill<'a> {
    folder: &'a Path,
    incident: PathBuf,
    clock: Clock,
    start: crate::model::time::Timestamp,
    choice: Choice,
    policy: Policy,
    fleet: Fleet,
    stop: watch::Receiver<bool>,
    style: Style,
    width: usize,
    out: &'a mut (dyn Write + Send),
}

impl Drill<'_> {
    fn story(&mut self) -> Result<Exit, Error> {
        let loaded = self.inventory()?;
        self.say(&format!(
            "allclear drill: {} services on this machine's loopback play a small company on the day\n\
             Heartbleed is disclosed. Probes, verdicts and files are the real thing; only the clock is simulated.\n",
            loaded.services.len()
        ))?;
        if !self.first_day(&loaded)? || !self.hurried_repair(&loaded)? || !self.half_repaired(&loaded)? {
            return Ok(Exit::Interrupted);
        }
        if !self.proper_repair(&loaded)? {
            return Ok(Exit::Interrupted);
        }
        self.all_clear(&loaded)
    }

    fn inventory(&self) -> Result<Loaded, Error> {
        let services = self.fleet.services_csv();
        let secrets = self.fleet.secrets_csv();
        papers::write_file(&self.folder.join("services.csv"), services.as_bytes())?;
        papers::write_file(&self.folder.join("secrets.csv"), secrets.as_bytes())?;
        let toml = format!(
            "{MARK} The confirming sweep comes a day after everything is done.\n[policy]\nconfirm_after_hours = 24\n"
        );
        papers::write_file(&self.folder.join("allclear.toml"), toml.as_bytes())?;
        let text = |name: &str, text: String| Input::text(self.folder.join(name).display().to_string(), text);
        let options = Options { strict: true, default_ports: vec![443], ..Options::default() };
        source::load(&[text("services.csv", services)], &[text("secrets.csv", secrets)], &options)
    }

    fn first_day(&mut self, loaded: &Loaded) -> Result<bool, Error> {
        self.heading("The disclosure. One command finds out who is vulnerable: allclear sweep services.csv")?;
        let Some(judged) = self.sweep(loaded)? else {
            return Ok(false);
        };
        let screen = Screen {
            width: self.width,
            style: self.style,
            incident: Some(self.incident.display().to_string()),
        };
        let out = &mut self.out;
        judged
            .view(&judged.changes(None), |view| report::summary::write(view, &screen, out))
            .map_err(Error::stdout)?;
        self.keep(&judged, "-day0")?;
        Ok(true)
    }

    /// Leaves what a day came to: a copy of the incident file where the story goes on with it, tracker, checklists, report.
    fn keep(&self, judged: &Judged, day: &str) -> Result<(), Error> {
        let named = |stem: &str, ending: &str| self.folder.join(format!("{stem}{day}.{ending}"));
        if !day.is_empty() {
            // Nothing has the incident file open here, so it can be copied as it is.
            let path = named("incident", "db");
            std::fs::copy(&self.incident, &path).map_err(|source| Error::Io {
                action: "write",
                path,
                source,
            })?;
        }
        let tracker = papers::Kind::new("tracker", false, Dialect::default())?;
        papers::export_file(judged, tracker, &named("tracker", "csv"))?;
        for (ending, layout) in [("md", Layout::Markdown), ("html", Layout::Html)] {
            let text = papers::checklist(judged, Which::default(), layout, None)?;
            papers::write_file(&named("checklist", ending), text.as_bytes())?;
        }
        let page = report::dashboard::html(&dashboard::of(judged, None)?, report::dashboard::How::default());
        papers::write_file(&named("report", "html"), page.html.as_bytes())
    }

    /// Day 1: what happens at three in the morning.
    fn hurried_repair(&mut self, loaded: &Loaded) -> Result<bool, Error> {
        self.clock.advance(DAY);
        self.heading("The repair, in a hurry")?;
        let now = self.clock.now();
        let broken = |e: crate::drill::Error| Error::Internal(format!("the drill's fleet: {e}"));
        for name in ["www1.drill.test", "www2.drill.test", "turn.drill.test", "vpn.drill.test"] {
            self.fleet.patch(name).map_err(broken)?;
        }
        self.fleet.reissue_same_key(&["www1.drill.test", "www2.drill.test"], now).map_err(broken)?;
        self.fleet.rekey(&["turn.drill.test"], now).map_err(broken)?;
        self.fleet.rekey(&["vpn.drill.test"], now).map_err(broken)?;
        self.fleet.rekey(&["chat.drill.test"], now).map_err(broken)?;
        self.say(
            "  team-web   patches www1 and www2 and orders new certificates, on the old key\n\
             \x20 team-chat  makes a new key for chat, before the patch\n\
             \x20 team-pay   patches the balancer and says so, and forgets one backend\n\
             \x20 team-rtc   rebuilds the statically linked TURN server, new key\n\
             \x20 team-net   installs the maker's firmware on the VPN, new key\n\
             \x20 team-docs  says that legacy was switched off long ago\n",
        )?;
        self.attest(&["pay.drill.test"], Statement::FacetDone { facet: FacetKind::Patched }, "CHG-104")?;
        self.attest(&["legacy.drill.test"], Statement::Decommissioned { address: None }, "CHG-088")?;
        self.clock.advance(2 * HOUR);
        self.heading("The second sweep shows what the hurry missed")?;
        let Some(judged) = self.sweep(loaded)? else {
            return Ok(false);
        };
        self.show(&judged, &["www1", "www2", "mail", "chat", "pay", "turn", "vpn"])?;
        self.keep(&judged, "-day1")?;
        Ok(true)
    }

    /// Day 2: the leak is closed, the keys are not done.
    fn half_repaired(&mut self, loaded: &Loaded) -> Result<bool, Error> {
        self.clock.advance(DAY);
        let broken = |e: crate::drill::Error| Error::Internal(format!("the drill's fleet: {e}"));
        self.fleet.patch("chat.drill.test").map_err(broken)?;
        self.fleet.patch("pay.drill.test").map_err(broken)?;
        self.heading("chat and the forgotten backend are patched. Is it over?")?;
        let Some(judged) = self.sweep(loaded)? else {
            return Ok(false);
        };
        self.show(&judged, &["chat", "pay", "www1", "mail", "shop"])?;
        Ok(true)
    }

    /// Day 3: new keys after the leak is closed, everything that a sweep cannot see attested.
    fn proper_repair(&mut self, loaded: &Loaded) -> Result<bool, Error> {
        self.clock.advance(DAY);
        self.heading("The checklist, followed: new keys, old certificates revoked, secrets rotated")?;
        let now = self.clock.now();
        let broken = |e: crate::drill::Error| Error::Internal(format!("the drill's fleet: {e}"));
        let web = ["www1.drill.test", "www2.drill.test", "mail.drill.test"];
        self.fleet.rekey(&web, now).map_err(broken)?;
        for name in ["chat.drill.test", "pay.drill.test", "shop.drill.test"] {
            self.fleet.rekey(&[name], now).map_err(broken)?;
        }
        self.clock.advance(HOUR);
        let Some(judged) = self.sweep(loaded)? else {
            return Ok(false);
        };
        self.show(&judged, &["www1", "mail", "chat", "pay", "shop", "turn"])?;
        self.clock.advance(HOUR);
        self.say("  What no sweep can see is attested, each with its reference:\n")?;
        let leaked = ["www1", "www2", "turn", "chat", "pay", "vpn", "shop"].map(full_name);
        let leaked: Vec<&str> = leaked.iter().map(String::as_str).collect();
        self.attest(&leaked, Statement::FacetDone { facet: FacetKind::Patched }, "CHG-110")?;
        let mut revoked = leaked.clone();
        revoked.push("mail.drill.test");
        self.attest(&revoked, Statement::FacetDone { facet: FacetKind::Revoked }, "CA-REQ-7")?;
        self.attest(&leaked, Statement::FacetDone { facet: FacetKind::Secrets }, "CHG-112")?;
        self.attest_secrets(&judged)?;
        self.waive(
            "printer.drill.test",
            "fragile; handshake only; replaced in March; its network is closed off",
        )?;
        self.waive("gateway.drill.test", "answers nobody; maker's statement awaited (ticket NET-31)")?;
        Ok(true)
    }

    /// Day 5: the confirming sweep.
    fn all_clear(&mut self, loaded: &Loaded) -> Result<Exit, Error> {
        self.clock.advance(2 * DAY);
        self.heading("The confirming sweep, more than a day later: allclear verify --gate verified")?;
        let Some(judged) = self.sweep(loaded)? else {
            return Ok(Exit::Interrupted);
        };
        self.ending(&judged)?;
        self.keep(&judged, "")?;
        let keys = papers::Kind::new("keys", false, Dialect::default())?;
        papers::export_file(&judged, keys, &self.folder.join("keys.csv"))?;
        self.closing_words(&judged)?;
        let open = judged.assessment.services.iter().filter(|s| !s.state.is_finished()).count();
        if open > 0 {
            return Err(Error::Internal(format!(
                "the drill ends with {open} services open; it should end with none"
            )));
        }
        Ok(Exit::Done)
    }

    /// One sweep through the real pipeline; none when the user stopped it.
    fn sweep(&mut self, loaded: &Loaded) -> Result<Option<Judged>, Error> {
        let settings = Settings {
            rate: 0,
            timeout: Duration::from_millis(400),
            probe_timeout: Duration::from_millis(400),
            policy: self.policy.clone(),
            vantage: "drill".into(),
            offline: true,
            trust: peer::authority_pem().map(|pem| ("the drill's".to_owned(), pem)),
            ..Settings::default()
        };
        let session =
            Session::begin(&self.incident, Some("drill"), loaded, settings, "allclear drill", &self.clock)?;
        let sinks = Sinks { jsonl: None, progress: &Silent, stop: self.stop.clone() };
        let outcome = session.run(&self.clock, sinks)?;
        if outcome.interrupted {
            return Ok(None);
        }
        Ok(Some(judged::load(&self.incident, &self.choice, self.clock.now())?))
    }

    fn attest(&mut self, names: &[&str], statement: Statement, reference: &str) -> Result<(), Error> {
        let what = match &statement {
            Statement::FacetDone { facet } => format!("--facet {facet}"),
            Statement::Decommissioned { .. } => "--decommissioned".to_owned(),
            _ => String::new(),
        };
        let whom = names.iter().map(|n| format!("--service {n}")).collect::<Vec<_>>().join(" ");
        self.record(names, &[], statement, Some(reference), None)?;
        self.say(&format!("  > allclear attest {what} --reference {reference} {whom}\n"))
    }

    /// Every listed secret that was in reach: rotated, and the old one refused.
    fn attest_secrets(&mut self, judged: &Judged) -> Result<(), Error> {
        let listed: Vec<String> = judged
            .evidence
            .secrets
            .iter()
            .filter(|s| !s.implied)
            .filter(|s| judged.assessment.secrets.iter().any(|a| a.id == s.id && a.in_reach))
            .map(|s| s.id.clone())
            .collect();
        let statement = Statement::SecretIs { state: SecretState::OldRefused };
        self.record(&[], &listed, statement, Some("CHG-113"), None)?;
        self.say(&format!(
            "  > allclear attest --state old-refused --reference CHG-113 {}\n",
            listed.iter().map(|id| format!("--secret {id}")).collect::<Vec<_>>().join(" ")
        ))
    }

    fn waive(&mut self, name: &str, reason: &str) -> Result<(), Error> {
        let until = self.start.plus_seconds(90 * DAY);
        self.record(&[name], &[], Statement::Waive { facet: None, until }, None, Some(reason))?;
        self.say(&format!(
            "  > allclear waive --service {name} --until {} --reason \"{reason}\"\n",
            until.date()
        ))
    }

    fn record(
        &self,
        names: &[&str],
        secrets: &[String],
        statement: Statement,
        reference: Option<&str>,
        note: Option<&str>,
    ) -> Result<(), Error> {
        let word = Word {
            selection: Selection {
                services: names.iter().map(|n| (*n).to_owned()).collect(),
                ..Selection::default()
            },
            secrets: secrets.to_vec(),
            statement,
            by: "drill".to_owned(),
            done_at: None,
            reference: reference.map(str::to_owned),
            note: note.map(str::to_owned),
            through: Vec::new(),
        };
        claims::record(&self.incident, &word, &self.choice, &self.clock).map(|_| ())
    }

    /// The named services, each with its state, what was noticed, and what comes next.
    fn show(&mut self, judged: &Judged, names: &[&str]) -> Result<(), Error> {
        let mut text = String::new();
        for name in names {
            let full = full_name(name);
            let rows = judged.evidence.services.iter().zip(&judged.assessment.services);
            for (service, s) in rows.filter(|(service, _)| service.name.as_deref() == Some(full.as_str())) {
                let state =
                    self.style.paint(report::state_ink(s.state), &format!("{:<24}", s.state)).to_string();
                _ = write!(text, "  {:<24}{state}", service.display_port());
                let codes = s.regressions.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(" ");
                _ = writeln!(text, "{codes}");
                for note in &s.notes {
                    _ = writeln!(text, "      {}", printable(note));
                }
                _ = writeln!(text, "      next: {}", printable(&s.next_action));
            }
        }
        self.say(&text)
    }

    /// Every service with its end and its why.
    fn ending(&mut self, judged: &Judged) -> Result<(), Error> {
        let mut text = String::new();
        for (service, s) in judged.evidence.services.iter().zip(&judged.assessment.services) {
            let state = self.style.paint(report::state_ink(s.state), &format!("{:<16}", s.state)).to_string();
            _ = writeln!(text, "  {:<24}{state}{}", service.display_port(), printable(&why(service, s)));
        }
        text.push('\n');
        let counts: Vec<String> = State::ALL
            .iter()
            .map(|state| (state, judged.assessment.services.iter().filter(|s| s.state == *state).count()))
            .filter(|(_, n)| *n > 0)
            .map(|(state, n)| format!("{n} {state}"))
            .collect();
        _ = writeln!(
            text,
            "  {} services: {}. Foreign bytes taken from anyone's memory: {}.",
            judged.assessment.services.len(),
            counts.join(", "),
            judged.assessment.foreign_bytes
        );
        self.say(&text)
    }

    fn closing_words(&mut self, judged: &Judged) -> Result<(), Error> {
        let folder = self.folder.display();
        let head = judged.evidence.incident.chain_head;
        let rows = judged.evidence.incident.evidence_rows;
        self.say(&format!(
            "\nLeft in {folder}: incident.db ({rows} rows of evidence, chain head {head}),\n\
             report.html, tracker.csv, keys.csv, checklist.md, checklist.html; *-day0.* and *-day1.* are those days'\n\
             The dashboard:  open {folder}/report-day1.html in a browser (it needs no network)\n\
             The first day:  allclear status --incident {folder}/incident-day0.db\n\
             The last:       allclear status --incident {folder}/incident.db\n\
             Your fleet:     allclear sweep hosts.txt\n"
        ))
    }

    fn heading(&mut self, text: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let day = now.seconds_since(self.start) / DAY;
        let line = format!("\nDay {day}, {}. {text}", now.short());
        let line = self.style.paint(Ink::Bold, &line).to_string();
        self.say(&format!("{line}\n"))
    }

    fn say(&mut self, text: &str) -> Result<(), Error> {
        let text = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(Error::stdout)
    }
}

fn full_name(short: &str) -> String {
    format!("{short}.drill.test")
}

/// Why a service counts as finished, in one sentence.
fn why(service: &Service, s: &crate::model::assessment::ServiceAssessment) -> String {
    match s.state {
        State::Waived | State::Decommissioned => {
            let standing = s.waiver.as_ref().filter(|_| s.state == State::Waived).or(s.claim.as_ref());
            standing.map_or_else(String::new, |c| {
                let until = c.until.map(|u| format!(", until {}", u.date())).unwrap_or_default();
                format!("{}{until}", c.reference.as_deref().unwrap_or(&c.what))
            })
        }
        State::NotAffected => s.reason.map_or_else(String::new, |r| report::explain::reason(r).to_owned()),
        State::Verified if s.spki_before.is_empty() => {
            format!("clean on every look ({})", s.reason.map_or("", |r| r.as_str()))
        }
        State::Verified => {
            let keys = if s.spki_before.len() == 1 { "old key gone" } else { "old keys gone" };
            let secrets = if s.secrets_total > 0 {
                format!(", {} secrets rotated", s.secrets_total)
            } else {
                String::new()
            };
            let patched = if s.last_bad.is_some() || s.presumed { "patched, " } else { "" };
            format!("{patched}{keys}, old certificate revoked{secrets}, confirmed by a later sweep")
        }
        _ => format!("{} ({})", s.next_action, service.row_id),
    }
}
