//! `allclear sweep`: loads, probes, stores, assesses, prints a summary.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{
    Console, Globals,
    inventory::{Files, How},
    probe::TrustArgs,
    progress::Shown,
    stop::stop_signal,
    values::{parse_duration, parse_resolver, read},
};
use crate::{
    clock::Clock,
    config::{self, Found},
    error::{Error, Exit},
    model::{
        address::is_address_or_network, facet::State, loading::Loaded, policy::Presume, text::printable,
    },
    pipeline::{
        checks,
        judged::{self, Choice},
        plan::{self, Fate, Planned},
        revocations,
        session::Session,
        settings::{Depth, DepthNotice, Resolve, Settings},
        sweep::{Outcome, Sinks, trust_notice},
    },
    report,
};

/// Sweep an inventory: who is vulnerable, who is not, who cannot be told
///
/// Examples:
///   allclear sweep hosts.txt
///   allclear sweep services.csv secrets.csv --exclude 192.0.2.0/28
///   allclear sweep hosts.txt --dry-run        the exact list, nothing is contacted
///   allclear sweep --resume                   go on after Ctrl-C, kill or a crash
///
/// A sweep that completed exits 0, whatever it found; see --fail-on and `allclear verify`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    limits: LimitArgs,
    /// Addresses, networks or names to leave alone, or a file of them; repeatable
    #[arg(long, value_name = "CIDR|FILE")]
    exclude: Vec<String>,
    /// A file of networks, addresses and names: nothing outside it is touched
    #[arg(long, value_name = "FILE")]
    scope: Option<PathBuf>,
    /// Print the exact list of targets and contact none
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Go on with the sweep that was cut off; needs no inventory
    #[arg(long)]
    resume: bool,
    /// One JSON object for each finished endpoint on standard output
    #[arg(long)]
    jsonl: bool,
    /// Exit 1 when a service is in one of these states; without it a sweep that completed exits 0
    #[arg(long, value_delimiter = ',', value_name = "STATE,...", value_parser = words!(State))]
    fail_on: Vec<State>,
    /// Which services that were clean on their first look owe new keys all the same
    #[arg(long, value_name = "WHICH", value_parser = words!(Presume))]
    presume: Option<Presume>,
    /// A name for where this sweep looks from
    #[arg(long, value_name = "NAME")]
    vantage: Option<String>,
    /// Resolve names now, or use the addresses of the last sweep. Where name servers do not answer, those are looked at
    /// as well
    #[arg(long, default_value = "live", value_name = "HOW")]
    resolve: Resolve,
}

/// Limits of a sweep; shared with `verify`.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Endpoints in flight [default: 500]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// New connections a second, 0 for no limit [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Endpoints in flight at one address; never two at one port [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) per_host: Option<usize>,
    /// Limit of a connect, such as 3s or 500ms
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// Limit of a probe's step; grows with the measured round trip
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) probe_timeout: Duration,
    /// Connections that ask the question, for each address: finds one bad backend behind a balancer
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) samples: u32,
    /// quick: one connection; standard: also the server's other key type; full: also without SNI, and the questions of
    /// other disclosures (versions, SSLv2, early ChangeCipherSpec, export suites, Diffie-Hellman), some 15 connections
    /// more, one after the other [default: standard; full where a --disclosure is asked about at that depth alone]
    #[arg(long, value_name = "HOW", value_parser = words!(Depth))]
    pub(crate) depth: Option<Depth>,
    /// The local address to connect from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source: Option<IpAddr>,
    /// The resolver to ask for names, of targets and of secrets' checks; /etc/hosts still comes first
    /// [default: the system's]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = parse_resolver)]
    pub(crate) resolver: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

impl LimitArgs {
    /// Puts what was typed over the configuration over the defaults.
    pub(crate) fn apply(&self, settings: &mut Settings, config: &config::Limits) -> Result<(), Error> {
        settings.concurrency = self.concurrency.or(config.concurrency).unwrap_or(settings.concurrency);
        settings.rate = self.rate.or(config.rate).unwrap_or(settings.rate);
        settings.per_host = self.per_host.or(config.per_host).unwrap_or(settings.per_host);
        if settings.concurrency == 0 || settings.per_host == 0 {
            return Err(Error::Usage("--concurrency and --per-host must be at least 1".to_owned()));
        }
        settings.timeout = self.timeout;
        settings.probe_timeout = self.probe_timeout;
        settings.samples = self.samples;
        settings.depth = self.depth.unwrap_or(settings.depth);
        settings.source = self.source;
        settings.resolver = self.resolver;
        self.trust.apply(settings)
    }

    /// The settings of a command that sweeps again what is known: the same over `settings`, and what the configuration
    /// keeps it away from.
    pub(super) fn again(&self, mut settings: Settings, config: &config::Config) -> Result<Settings, Error> {
        self.apply(&mut settings, &config.limits)?;
        settings.exclude.clone_from(&config.limits.exclude);
        settings.fragile.clone_from(&config.fragile);
        Ok(settings)
    }
}

/// Says what depth has to do with the disclosures that were named.
pub(super) fn tell_depth(notice: Option<DepthNotice>, console: &mut Console) {
    match notice {
        Some(DepthNotice::Full(text)) => console.note(&text),
        Some(DepthNotice::NotAsked(text)) => console.warn(&text),
        None => {}
    }
}

impl SweepArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if self.files.inventories.is_empty() && !self.resume {
            return Err(Error::Usage(
                "name an inventory (a file, or a live one such as etcd://HOST/PREFIX), `-` for standard input, or --resume"
                    .to_owned(),
            ));
        }
        let found = self.config(globals)?;
        let mut settings = self.settings(globals, &found)?;
        let scoped = settings.scope.is_some();
        let given = !self.files.inventories.is_empty();
        if settings.offline && self.files.any_live() {
            return Err(Error::Usage(
                "--offline asks nobody but the targets, and a live inventory would have to be asked; name a file"
                    .to_owned(),
            ));
        }
        let resolvers = self.limits.resolver.as_slice();
        let loaded = if given {
            Some(self.files.load(&How {
                scoped,
                resolvers,
                known: Some(&globals.incident),
                ..How::under(&settings.policy)
            })?)
        } else {
            None
        };
        if let Some(loaded) = &loaded {
            super::inventory::report_faults(loaded, console);
            self.take_scope(loaded, &mut settings, console);
        }
        if !self.resume {
            tell_depth(settings.set_depth(self.limits.depth), console);
        }
        if let Some(loaded) = &loaded {
            // Before anything is stored: a sweep with a broken scope must not begin.
            for entry in plan::scope(&loaded.services, &settings)?.unmatched() {
                console.warn(&format!(
                    "--scope or --exclude: {} fits no service of the inventory",
                    printable(entry)
                ));
            }
        }
        if self.dry_run {
            return dry_run(loaded, &settings, globals, console);
        }
        let rules = found.path.as_ref().map_or_else(|| "built-in".to_owned(), |p| p.display().to_string());
        console.detail(&format!("incident file: {}", globals.incident.display()));
        console.detail(&format!("policy ({rules}): {}", settings.policy.summary()));
        console.detail(&format!(
            "limits: {} in flight, {} connections a second, {} an address, connect {:?}, step {:?}, depth {}",
            settings.concurrency,
            settings.rate,
            settings.per_host,
            settings.timeout,
            settings.probe_timeout,
            settings.depth
        ));
        if let Some(notice) = trust_notice(&settings) {
            console.warn(&notice);
        }
        let session = self.session(globals, loaded.as_ref(), settings, console)?;
        drop(loaded); // from here on the incident file holds it
        let services = session.prepared().services;
        let outcome = run_with_progress(session, self.jsonl, console)?;
        self.conclude(globals, services, &outcome, &found, console)
    }

    /// What native inventories exclude is always left alone; their scope holds where none was typed.
    fn take_scope(&self, loaded: &Loaded, settings: &mut Settings, console: &mut Console) {
        settings.exclude.extend(loaded.exclude.iter().cloned());
        let Some((files, rules)) = &loaded.scope else { return };
        let files = printable(files);
        let note = if self.scope.is_some() {
            format!("The scope of {files} is not used: --scope takes its place.")
        } else {
            settings.scope = Some((files.to_string(), rules.clone()));
            format!("The scope of {files} is in force: nothing outside of it is touched.")
        };
        if !self.resume {
            console.note(&note);
        }
    }

    fn config(&self, globals: &Globals) -> Result<Found, Error> {
        let mut folders = Vec::new();
        folders.extend(self.files.folder());
        globals.config(&folders)
    }

    fn settings(&self, globals: &Globals, found: &Found) -> Result<Settings, Error> {
        let limits = &found.config.limits;
        let mut settings = Settings { policy: found.config.policy.clone(), ..Settings::default() };
        self.limits.apply(&mut settings, limits)?;
        if let Some(presume) = self.presume {
            settings.policy.presume = presume;
        }
        if let Some(vantage) = self.vantage.as_ref().or(limits.vantage.as_ref()) {
            settings.vantage = Arc::from(vantage.as_str());
        }
        settings.resolve = self.resolve;
        settings.ports = self.files.port_numbers();
        settings.wrap = self.files.fixed_wrap();
        settings.find_wrap = self.files.wrap.is_some_and(|choice| choice.0.is_none());
        settings.fragile.clone_from(&found.config.fragile);
        settings.exclude = expand_excludes(limits.exclude.iter().chain(&self.exclude))?;
        settings.scope = match &self.scope {
            Some(path) => Some((path.display().to_string(), read(path)?)),
            None => None,
        };
        settings.set_disclosures(&globals.disclosure, &globals.incident)?;
        Ok(settings)
    }

    fn session(
        &self,
        globals: &Globals,
        loaded: Option<&Loaded>,
        settings: Settings,
        console: &mut Console,
    ) -> Result<Session, Error> {
        let incident = &globals.incident;
        let session = match loaded {
            _ if self.resume => Session::resume(incident, loaded)?,
            Some(loaded) => {
                Session::begin(incident, None, loaded, settings, &super::command_line(), &Clock::System)?
            }
            None => return Err(Error::Usage("name an inventory".to_owned())),
        };
        for notice in session.notices() {
            console.note(notice);
        }
        if self.resume {
            let prepared = session.prepared();
            console.note(&format!("Resuming sweep {} of {} services.", prepared.sweep, prepared.services));
        }
        Ok(session)
    }

    fn conclude(
        &self,
        globals: &Globals,
        services: u64,
        outcome: &Outcome,
        found: &Found,
        console: &mut Console,
    ) -> Result<Exit, Error> {
        if outcome.interrupted {
            let resume = console.screen(globals).command("sweep --resume");
            console.warn(&format!(
                "Interrupted: {} of {services} services have their row and are kept. Go on with: {resume}",
                outcome.counts.done
            ));
            return Ok(Exit::Interrupted);
        }
        let mut policy = found.path.is_some().then(|| found.config.policy.clone());
        if let (Some(policy), Some(presume)) = (&mut policy, self.presume) {
            policy.presume = presume;
        }
        if let (Some(policy), Some(hours)) = (&mut policy, self.limits.trust.expiry_warn) {
            policy.findings.expiry_warn_hours = hours;
        }
        let choice = Choice { disclosure: globals.disclosure.first().cloned(), policy, ..Choice::default() };
        let mut judged = judged::load(&globals.incident, &choice, Clock::System.now())?;
        if !outcome.offline {
            let round = revocations::after_sweep(&globals.incident, &judged, None, &Clock::System);
            let checked = checks::after_sweep(&globals.incident, &judged, None, &Clock::System);
            let words: Vec<String> = [round.words(), checked.words()].into_iter().flatten().collect();
            for words in &words {
                console.note(&printable(words));
            }
            if !words.is_empty() {
                judged = judged::load(&globals.incident, &choice, Clock::System.now())?;
            }
        }
        let mut screen = console.screen(globals);
        let out = if self.jsonl {
            screen.style.color = console.color_err; // standard output belongs to the rows
            &mut console.err
        } else {
            &mut console.out
        };
        if !(self.jsonl && console.quiet) {
            judged
                .view(&judged.changes(None), |view| report::summary::write(view, &screen, out))
                .map_err(Error::stdout)?;
        }
        let failed = judged.assessment.services.iter().any(|s| self.fail_on.contains(&s.state));
        Ok(if failed { Exit::Open } else { Exit::Done })
    }
}

fn dry_run(
    loaded: Option<Loaded>,
    settings: &Settings,
    globals: &Globals,
    console: &mut Console,
) -> Result<Exit, Error> {
    let Some(loaded) = loaded else {
        return Err(Error::Usage("--dry-run needs an inventory".to_owned()));
    };
    let planned = plan::list(loaded.services, settings, &globals.incident)?;
    let mut probed = 0_u64;
    for next in &planned {
        probed += u64::from(matches!(next.fate, Fate::Probe { .. }));
        writeln!(console.out, "{}", dry_line(next)).map_err(Error::stdout)?;
    }
    console.note(&format!(
        "Dry run: {probed} endpoints would be contacted, {} would not; nothing was sent to any of them.",
        planned.len() as u64 - probed
    ));
    Ok(Exit::Done)
}

fn dry_line(planned: &Planned) -> String {
    let service = &planned.service;
    let address = planned.address.map_or_else(|| "-".to_owned(), |a| a.to_string());
    let fate = match &planned.fate {
        Fate::Probe { fragile: false } => "probe".to_owned(),
        Fate::Probe { fragile: true } => "handshake-only (fragile)".to_owned(),
        Fate::NotSpoken => "not-contacted (this release does not speak the wrap)".to_owned(),
        Fate::Skip(skip) => format!("skip ({skip})"),
        Fate::NoAddress(why) => format!("no-address ({})", printable(why)),
    };
    format!(
        "{fate}\t{address}\t{}\t{}\t{}\t{}",
        service.port,
        service.transport,
        service.wrap,
        service.display_name()
    )
}

/// Runs a sweep with progress on standard error and a stop by Ctrl-C or SIGTERM.
fn run_with_progress(session: Session, jsonl: bool, console: &mut Console) -> Result<Outcome, Error> {
    let progress = Shown::new(console.quiet, console.animate);
    let sinks =
        Sinks { jsonl: jsonl.then_some(&mut *console.out), progress: &progress, stop: stop_signal()? };
    let outcome = session.run(&Clock::System, sinks);
    progress.finish();
    outcome
}

/// Replaces every file among the exclusions by its lines; comments and blank lines fall away.
fn expand_excludes<'a>(given: impl Iterator<Item = &'a String>) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for entry in given {
        let path = std::path::Path::new(entry);
        if !is_address_or_network(entry) && path.is_file() {
            let text = read(path)?;
            let lines = text.lines().map(|l| l.split('#').next().unwrap_or("").trim());
            all.extend(lines.filter(|l| !l.is_empty()).map(str::to_owned));
        } else {
            all.push(entry.clone());
        }
    }
    Ok(all)
}
