//! Host documents of `allclear host collect`: what listens there. One file may hold those of several hosts.
//!
//! Packages, libraries and keys are the business of `allclear host`; here a document is one more look at which
//! ports are open.

#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use serde::Deserialize;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Addresses, Host, parse_host},
        intake::Intake,
        left_out::Tally,
    },
    model::{
        discovery::{Discovered, Role, TlsSeen},
        host::{Header, Listener, Protocol, Record, SCHEMA},
        loading::NoticeKind,
        wrap::{Transport, Wrap},
    },
};

pub(super) const FORMAT: Format = Format { name: "host", letter: b'D', role: Role::Discovers, detect, read };

/// Ports of protocols without TLS. SSH is encrypted, and not by TLS.
const PLAIN_PORTS: &[u16] = &[22, 53, 80, 111];

fn detect(peek: &Peek<'_>) -> bool {
    let line = peek.first_line();
    let line = line.get(..line.len().min(4096)).unwrap_or(line);
    peek.has_json_keys(&["schema", "record"])
        && line.windows(b"\"allclear.host/".len()).any(|part| part == b"\"allclear.host/")
}

/// What every line has.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    schema: std::borrow::Cow<'l, str>,
    #[serde(borrow)]
    record: std::borrow::Cow<'l, str>,
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut documents = Documents { file, header: None, tally: Tally::new(file, &FORMAT), listeners: 0 };
    for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
        if !line.trim_ascii().is_empty() {
            documents.line(number, line, intake)?;
        }
    }
    if documents.listeners == 0 {
        let here = Some(file.source(&FORMAT, 1, None));
        intake.notice(NoticeKind::LeftOut, "the document tells of no listening socket", here);
    }
    documents.tally.tell(intake);
    Ok(())
}

struct Documents<'f, 't> {
    file: &'f TextFile<'t>,
    header: Option<Box<Header>>,
    tally: Tally<'f, 't>,
    listeners: u64,
}

impl Documents<'_, '_> {
    fn line(&mut self, number: u32, line: &[u8], intake: &mut Intake<'_>) -> Result<(), Error> {
        let bad = |intake: &mut Intake<'_>, column: usize, message: &str| {
            intake.count_row();
            let column = u32::try_from(column).unwrap_or(u32::MAX).max(1);
            intake.bad(&self.file.name, number, column, message.to_owned());
        };
        let kind = match serde_json::from_slice::<Line<'_>>(line) {
            Ok(kind) => kind,
            Err(error) => {
                bad(
                    intake,
                    error.column(),
                    "this is no record of a host document: JSON with `schema` and `record`",
                );
                return Ok(());
            }
        };
        if kind.schema != SCHEMA {
            self.tally.add("lines of another schema than allclear.host/1", number, "");
            return Ok(());
        }
        if !matches!(kind.record.as_ref(), "header" | "listener") {
            return Ok(());
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(Record::Header(header)) => {
                if header.coverage.failed.is_some() {
                    self.tally.add("hosts that could not be collected", number, &header.host);
                }
                self.header = Some(header);
            }
            Ok(Record::Listener(listener)) => return self.listener(&listener, number, intake),
            Ok(_) => {}
            Err(error) => bad(
                intake,
                error.column(),
                "this record cannot be read: a field is missing or of another kind",
            ),
        }
        Ok(())
    }

    fn listener(&mut self, listener: &Listener, number: u32, intake: &mut Intake<'_>) -> Result<(), Error> {
        self.listeners += 1;
        let Some(header) = self.header.as_deref() else {
            intake.count_row();
            let message = "a listener before any header: nothing tells on which host";
            intake.bad(&self.file.name, number, 1, message.into());
            return Ok(());
        };
        let what = format!("{} {}:{}", header.host, listener.address, listener.port);
        if let Some(reason) = out_of_reach(listener) {
            self.tally.add(reason, number, &what);
            return Ok(());
        }
        let (name, addresses) = (name(header), addresses(header, listener.address));
        let wrap = udp_wrap(listener);
        let ssh = listener.program.as_deref() == Some("sshd");
        let plain = ssh || (listener.protocol == Protocol::Tcp && PLAIN_PORTS.contains(&listener.port));
        let other = plain || (listener.protocol == Protocol::Udp && wrap.is_none());
        let source = self.file.source(&FORMAT, number, Some(&header.host));
        let transport = match listener.protocol {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
        };
        for &address in &addresses {
            intake.loaded.discovered.push(Discovered {
                address,
                port: listener.port,
                transport,
                names: name.iter().map(|name| Arc::from(name.as_str())).collect(),
                service: listener.program.as_deref().map(Arc::from),
                tls: if other { TlsSeen::No } else { TlsSeen::Maybe },
                wrap,
                certificate_names: Vec::new(),
                at: Some(header.at),
                source: source.clone(),
            });
        }
        if other {
            self.tally.add("listeners of protocols without TLS", number, &what);
            return Ok(());
        }
        if name.is_none() && addresses.is_empty() {
            self.tally.add("listeners of hosts with neither a usable name nor an address", number, &what);
            return Ok(());
        }
        let mut draft =
            Draft { name, ports: vec![listener.port], transport: Some(transport), wrap, ..Draft::default() };
        if let Some(program) = &listener.program {
            draft.tag_pair("process", program);
        }
        draft.tag_pair("reach", listener.open_to.reach.as_str());
        let container = listener.published.as_ref().and_then(|published| published.container.as_deref());
        if let Some(container) = container {
            draft.tag(format!(
                "container={}",
                container.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
            ));
        }
        let each: Vec<Option<Addresses>> = match addresses.as_slice() {
            [] => vec![None],
            some => some.iter().map(|&address| Some(Addresses::One(address))).collect(),
        };
        for address in each {
            intake.count_row();
            let row = Draft { addresses: address, ..draft.clone() }.row(source.clone());
            if let Err(refusal) = intake.take(row) {
                refusal.settle(intake, &self.file.name, |_| (number, 1))?;
            }
        }
        Ok(())
    }
}

/// Why nobody reaches this listener from another machine; None: somebody may.
fn out_of_reach(listener: &Listener) -> Option<&'static str> {
    if listener.address.is_loopback() {
        Some("listeners on loopback alone")
    } else if listener.container.is_some() && listener.published.is_none() {
        Some("listeners in networks of containers, which are reached through published ports")
    } else if listener.port == 0 {
        Some("listeners without a port")
    } else {
        None
    }
}

/// The host's name, where it is one that tells it from others.
fn name(header: &Header) -> Option<String> {
    let names = [Some(header.host.as_str()), header.asked_as.as_deref()];
    names.into_iter().flatten().find_map(|name| match parse_host(name) {
        Ok(Host::Name(name)) if name != "localhost" => Some(name),
        _ => None,
    })
}

/// Where a socket is reached: its address; bound to all of them, every one of the host's.
fn addresses(header: &Header, bound: IpAddr) -> Vec<IpAddr> {
    let link_local = |address: &IpAddr| matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if !bound.is_unspecified() {
        return Some(bound.to_canonical()).into_iter().filter(|address| !link_local(address)).collect();
    }
    // A socket on `::` takes IPv4 too, unless it says otherwise, which the document does not tell.
    let own = header.addresses.iter().filter(|address| bound.is_ipv6() || address.is_ipv4());
    own.map(IpAddr::to_canonical).filter(|address| !link_local(address) && !address.is_loopback()).collect()
}

/// How TLS is reached on a UDP port, where it is known to carry any.
fn udp_wrap(listener: &Listener) -> Option<Wrap> {
    match (listener.protocol, listener.port) {
        (Protocol::Udp, 5349) => Some(Wrap::Dtls),
        (Protocol::Udp, 3478) => Some(Wrap::Turn),
        _ => None,
    }
}
