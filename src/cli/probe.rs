//! `allclear probe`: one target, explained step by step.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;

use super::{
    Console, Globals,
    sweep::tell_depth,
    values::{WrapChoice, parse_duration, parse_wrap, read, wrap_help},
};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::weak_keys::WeakKeys,
    pipeline::{
        settings::{Depth, Settings},
        single::{self, Question},
        sweep::trust_notice,
    },
    report,
};

/// Probe one target and tell, step by step, what was sent, what came, and why the verdict follows
///
/// Examples:
///   allclear probe www.example.test                      port 443
///   allclear probe mail.example.test:25                  STARTTLS, as the port says
///   allclear probe 192.0.2.7:8443 --sni www.example.test --expect 'https 200 /login'
///   allclear probe db.example.test:7000 --wrap auto      find out what it speaks
///
/// Nothing is stored. No byte of a server is shown but what its certificates say. CRL and OCSP are asked at the
/// URLs that the certificates name, unless --offline. Exit code 0 whatever the verdict.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ProbeArgs {
    /// host, host:port, address, [v6]:port; every address of a name is asked
    #[arg(value_name = "TARGET")]
    target: String,
    /// How TLS is reached
    #[arg(long, value_name = "WRAP", value_parser = parse_wrap, help = wrap_help())]
    wrap: Option<WrapChoice>,
    /// The host name to send, instead of the target's
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// What a user must get, such as `https 200 /login` or `smtp 220`
    #[arg(long, value_name = "WHAT")]
    expect: Option<String>,
    /// quick: one connection; standard: also the server's other key type; full: also without SNI, and the questions of
    /// other disclosures (versions, SSLv2, early ChangeCipherSpec, export suites, Diffie-Hellman), some 15 connections
    /// more, one after the other [default: standard; full where a --disclosure is asked about at that depth alone]
    #[arg(long, value_name = "HOW", value_parser = words!(Depth))]
    depth: Option<Depth>,
    /// Connections that ask the question
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,
    /// Limit of a connect, such as 3s or 500ms
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = parse_duration)]
    timeout: Duration,
    /// Limit of a probe's step
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse_duration)]
    probe_timeout: Duration,
    /// The local address to connect from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    #[command(flatten)]
    trust: TrustArgs,
    /// One JSON object for each address, on one line
    #[arg(long)]
    json: bool,
}

/// How certificates are judged; shared with `sweep` and `verify`.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Roots in PEM to check chains against [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// A list of weak RSA keys, such as Debian's openssl-blacklist (docs/weak-keys.md); repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) weak_keys: Vec<PathBuf>,
    /// Warn of certificates that end within this time, such as 15d or 36h [default: 15d]
    #[arg(long, value_name = "TIME", value_parser = parse_days)]
    pub(crate) expiry_warn: Option<u32>,
    /// No request but to the targets: neither CRL nor OCSP, nor checks of secrets
    #[arg(long)]
    pub(crate) offline: bool,
}

impl TrustArgs {
    /// Puts what was typed over what is set.
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        if let Some(path) = &self.trust {
            settings.trust = Some((path.display().to_string(), read(path)?));
        }
        if !self.weak_keys.is_empty() {
            let mut lists = WeakKeys::default();
            for path in &self.weak_keys {
                let name = path.display().to_string();
                let added = lists.add(&name, &read(path)?);
                added.map_err(|bad| Error::Input(format!("{name}:{bad}")))?;
            }
            settings.weak_keys = Some(Arc::new(lists));
        }
        if let Some(hours) = self.expiry_warn {
            settings.policy.findings.expiry_warn_hours = hours;
        }
        settings.offline |= self.offline;
        Ok(())
    }
}

/// A time in whole hours.
fn parse_days(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not a time; write 15d or 36h");
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (None, Some(hours)) => (hours, 1),
        (None, None) => (text, 24),
    };
    let count: u32 = number.trim().parse().map_err(|_| wrong())?;
    count.checked_mul(hours).filter(|h| *h <= 24 * 3660).ok_or_else(wrong)
}

impl ProbeArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let found = globals.config(&[])?;
        let mut settings = Settings { policy: found.config.policy.clone(), ..Settings::default() };
        settings.fragile.clone_from(&found.config.fragile);
        settings.samples = self.samples;
        settings.set_disclosures(&globals.disclosure, &globals.incident)?;
        tell_depth(settings.set_depth(self.depth), console);
        (settings.timeout, settings.probe_timeout) = (self.timeout, self.probe_timeout);
        (settings.source, settings.rate) = (self.source, 0);
        if let Some(choice) = self.wrap {
            (settings.wrap, settings.find_wrap) = (choice.0, choice.0.is_none());
        }
        self.trust.apply(&mut settings)?;
        if settings.offline {
            console.note("--offline: neither CRL nor OCSP is asked");
        }
        if let Some(notice) = trust_notice(&settings) {
            console.warn(&notice);
        }
        let question = Question {
            target: &self.target,
            sni: self.sni.as_deref(),
            expect: self.expect.as_deref(),
            settings: &settings,
            disclosures: &globals.disclosure,
        };
        let answers = single::ask(&question, &globals.incident, &Clock::System)?;
        let screen = console.screen(globals);
        for (number, answer) in answers.iter().enumerate() {
            let target = answer.service.display_port();
            let judgements: Vec<_> = answer.judgements.iter().map(|(d, j)| (d.title.as_str(), j)).collect();
            let page = report::probe::Page {
                target: &target,
                observation: &answer.observation,
                account: &answer.account,
                judgements: &judgements,
                findings: &answer.findings,
                revocations: &answer.revocations,
            };
            let written = if self.json {
                report::probe::json(&page, &mut console.out)
            } else {
                let gap = if number > 0 { writeln!(console.out) } else { Ok(()) };
                gap.and_then(|()| report::probe::text(&page, &screen, &mut console.out))
            };
            written.map_err(Error::stdout)?;
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_warn_within_are_days_or_hours() {
        let table = [
            ("15d", Some(360)),
            ("36h", Some(36)),
            ("7", Some(168)),
            ("0d", Some(0)),
            ("x", None),
            ("99999999d", None),
            ("-1d", None),
        ];
        for (text, hours) in table {
            assert_eq!(parse_days(text).ok(), hours, "{text}");
        }
    }
}
