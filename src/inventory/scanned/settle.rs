//! The end of a scan: which of the open ports become services, and what is told about the others.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{Findings, Found, protocol};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        format::{Format, TextFile},
        host::{Addresses, quoted},
        intake::Intake,
    },
    model::{
        discovery::{Discovered, PortState, Scan, TlsSeen},
        loading::NoticeKind,
        wrap::{Transport, Wrap},
    },
};

/// How many names of a kind become tags.
const TAGGED: usize = 4;

/// How many examples a notice has.
const EXAMPLES: usize = 5;

/// What becomes of an open port.
enum Fate {
    Service(TlsSeen, Option<Wrap>),
    /// No TLS: what it is.
    Plain(String),
    /// UDP, and nothing that can be asked for TLS.
    Datagrams(String),
}

/// What of a scan did not become services.
#[derive(Default)]
struct Left {
    plain: BTreeMap<String, u64>,
    datagrams: BTreeMap<String, u64>,
    tags: u64,
}

impl Findings {
    /// Hands everything to the intake.
    pub(in crate::inventory) fn settle(
        mut self,
        file: &TextFile<'_>,
        format: &Format,
        mut scan: Scan,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        let (mut left, all) = (Left::default(), self.open.len());
        for found in std::mem::take(&mut self.open) {
            let fate = found.fate();
            intake.loaded.discovered.push(found.discovered(&fate, file, format));
            match fate {
                Fate::Service(_, wrap) => take(found, wrap, file, format, intake, &mut left)?,
                Fate::Plain(what) => *left.plain.entry(what).or_default() += 1,
                Fate::Datagrams(what) => *left.datagrams.entry(what).or_default() += 1,
            }
        }
        left.tell(all, file, format, intake);
        for host in &mut self.hosts {
            // Open stands before the other states, so that it is the one that is kept.
            host.ports.sort_by_key(|(transport, port, state)| (*transport, *port, *state != PortState::Open));
            host.ports.dedup_by_key(|(transport, port, _)| (*transport, *port));
        }
        scan.hosts = self.hosts;
        intake.loaded.scans.push(scan);
        Ok(())
    }
}

impl Left {
    fn tell(&self, all: usize, file: &TextFile<'_>, format: &Format, intake: &mut Intake<'_>) {
        let mut say = |message: String| {
            intake.notice(NoticeKind::LeftOut, message, Some(file.source(format, 1, None)));
        };
        let parts = [
            (&self.plain, "without TLS, by what they answered or by their number"),
            (&self.datagrams, "over UDP with nothing that can be asked for TLS"),
        ];
        for (counts, what) in parts {
            let sum: u64 = counts.values().sum();
            if sum > 0 {
                say(format!("{sum} of {all} open ports are {what}, and left out: {}", examples(counts)));
            }
        }
        if self.tags > 0 {
            say(format!(
                "{} values are no tags, since they are too long or may be credentials, and left out",
                self.tags
            ));
        }
    }
}

/// The most frequent first.
fn examples(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, u64)> = counts.iter().map(|(what, count)| (what, *count)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = sorted.iter().take(EXAMPLES).map(|(what, count)| match count {
        1 => (*what).clone(),
        more => format!("{what} ({more} times)"),
    });
    let shown: Vec<String> = shown.collect();
    let more = if sorted.len() > EXAMPLES { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

impl Found {
    fn fate(&self) -> Fate {
        let usual = || protocol::usual_wrap(self.transport, self.port);
        let label = |name: &str| format!("{}/{} {}", self.port, self.transport, short(name));
        let name = self.service.as_deref();
        let fits = |wrap: &Wrap| *wrap == Wrap::Turn || *wrap == Wrap::Stun || self.carries(*wrap);
        let wrap = self.wrap.filter(fits);
        match (self.transport, self.tls) {
            (Transport::Tcp, true) => {
                let direct = self.tunnel.then_some(Wrap::Tls);
                Fate::Service(TlsSeen::Yes, direct.or(wrap).or_else(usual))
            }
            (Transport::Udp, true) => Fate::Service(TlsSeen::Yes, Some(Wrap::Dtls)),
            (Transport::Tcp, false) if wrap.is_some() => Fate::Service(TlsSeen::Maybe, wrap),
            (Transport::Tcp, false) if self.plain => Fate::Plain(label(name.unwrap_or("plain"))),
            (Transport::Tcp, false) => match protocol::usually_plain(self.port) {
                Some(plain) if !self.probed => Fate::Plain(label(plain)),
                _ => Fate::Service(TlsSeen::Maybe, usual()),
            },
            (Transport::Udp, false) => match wrap.or_else(|| usual().filter(|_| !self.plain)) {
                Some(wrap) => Fate::Service(TlsSeen::Maybe, Some(wrap)),
                None => Fate::Datagrams(label(name.unwrap_or("unknown"))),
            },
        }
    }

    fn carries(&self, wrap: Wrap) -> bool {
        wrap.transport() == self.transport
    }

    fn discovered(&self, fate: &Fate, file: &TextFile<'_>, format: &Format) -> Discovered {
        let (tls, wrap) = match fate {
            Fate::Service(tls, wrap) => (*tls, *wrap),
            Fate::Plain(_) => (TlsSeen::No, None),
            Fate::Datagrams(_) if self.plain => (TlsSeen::No, None),
            Fate::Datagrams(_) => (TlsSeen::Maybe, None),
        };
        let mut names = self.asked.clone();
        super::add(&mut names, self.hints.iter().cloned());
        let shared = |names: &[String]| names.iter().map(|name| Arc::from(name.as_str())).collect();
        Discovered {
            address: self.address,
            port: self.port,
            transport: self.transport,
            names: shared(&names),
            service: self.service.as_deref().map(|name| Arc::from(short(name))),
            tls,
            wrap,
            certificate_names: shared(&self.certificate_names),
            at: self.at,
            source: file.source(format, self.line, None),
        }
    }

    /// The row's tags: hints of names, product, names of the certificate. Counts what is no tag.
    fn tags(&self, draft: &mut Draft, format: &Format) -> u64 {
        let mut refused = 0;
        for name in self.hints.iter().take(TAGGED) {
            refused += u64::from(!draft.tag_pair("ptr", name));
        }
        if let Some(product) = &self.product {
            refused += u64::from(!draft.tag_pair(format.name, product));
        }
        // Checked names, which are no credentials whatever the key looks like.
        for name in self.certificate_names.iter().take(TAGGED) {
            draft.tag(format!("certificate={name}"));
        }
        refused
    }
}

/// A scanner's word, not longer than words are.
fn short(name: &str) -> &str {
    let end = name.char_indices().nth(40).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or_default()
}

/// One row for each name that was asked for, or one for the address.
fn take(
    found: Found,
    wrap: Option<Wrap>,
    file: &TextFile<'_>,
    format: &Format,
    intake: &mut Intake<'_>,
    left: &mut Left,
) -> Result<(), Error> {
    let mut draft = Draft {
        addresses: Some(Addresses::One(canonical(found.address))),
        ports: vec![found.port],
        transport: Some(found.transport),
        wrap,
        ..Draft::default()
    };
    left.tags += found.tags(&mut draft, format);
    let names: Vec<Option<String>> = match found.asked.len() {
        0 => vec![None],
        _ => found.asked.into_iter().map(Some).collect(),
    };
    for name in names {
        intake.count_row();
        let row = Draft { name, ..draft.clone() }.row(file.source(format, found.line, None));
        if let Err(refusal) = intake.take(row) {
            refusal.settle(intake, &file.name, |_| (found.line, 1))?;
        }
    }
    Ok(())
}

/// The address as every other format has it.
pub(in crate::inventory) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Names of a host that are host names, and how many are not, with one of these.
pub(in crate::inventory) fn checked_names(names: &[String]) -> (Vec<String>, Option<String>) {
    let (mut good, mut bad) = (Vec::new(), None);
    for name in names {
        match crate::inventory::host::parse_name(name) {
            Ok(name) => good.push(name),
            Err(_) => bad = Some(quoted(name)),
        }
    }
    (good, bad)
}
