//! The XML of nmap (`-oX`), and that of masscan, which is the same with less in it.
//!
//! A scan that was killed has no end: every host that it had finished counts. What a document type declares is
//! not read, so no entity is expanded and nothing is fetched.

mod port;
#[cfg(test)]
mod tests;
mod xml;

use std::net::IpAddr;

use quick_xml::events::{BytesStart, Event};

use self::{
    port::{Port, Script, state},
    xml::{Pull, Step, attribute, reference},
};
use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::quoted,
        intake::Intake,
        records::Place,
        scanned::{Findings, certificate::LONGEST, checked_names, weaker},
    },
    model::{
        discovery::{PortState, Role, Scan},
        loading::NoticeKind,
        time::Timestamp,
    },
};

pub(super) const FORMAT: Format = Format { name: "nmap", letter: b'N', role: Role::Discovers, detect, read };

fn detect(peek: &Peek<'_>) -> bool {
    let has = |text: &[u8]| memchr::memmem::find(peek.text, text).is_some();
    peek.first_byte() == Some(b'<') && (has(b"<nmaprun") || has(b"<!DOCTYPE nmaprun"))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    // nmap writes ASCII; a byte that is no UTF-8 costs its own name alone.
    let text = String::from_utf8_lossy(file.text);
    let mut pull = Pull::new(&text);
    let mut report = Report { file, intake, run: None, runs: 0 };
    loop {
        match pull.step() {
            Step::Event(Event::Start(tag)) => report.start(&tag, &mut pull)?,
            Step::Event(Event::Empty(tag)) => {
                report.start(&tag, &mut pull)?;
                report.end(tag.name().0);
            }
            Step::Event(Event::End(tag)) => report.end(tag.name().0),
            Step::Event(Event::Text(text)) => report.text(&text.xml10_content()),
            Step::Event(Event::CData(text)) => report.text(&text.xml10_content()),
            Step::Event(Event::GeneralRef(e)) => match reference(&e) {
                Some(text) => report.text(&text),
                None => report.unknown_reference(&mut pull),
            },
            Step::Event(Event::DocType(text)) if text.xml10_content().contains('[') => {
                let message =
                    "a document type that declares entities; it is not read, and no entity is expanded";
                let source = file.source(&FORMAT, pull.place().line, None);
                report.intake.notice(NoticeKind::LeftOut, message, Some(source));
            }
            Step::Event(_) => {}
            Step::Broken(message) => {
                let place = pull.place();
                report.bad(place, message);
                report.drop_host();
            }
            Step::End => break,
        }
    }
    report.finish()?;
    if report.runs == 0 {
        return Err(file.refused(
            1,
            1,
            "there is no <nmaprun> in this XML; expected what nmap -oX writes".into(),
        ));
    }
    Ok(())
}

/// A file that is being read: one scan, or several that were appended to one another.
struct Report<'f, 'i, 'o> {
    file: &'f TextFile<'f>,
    intake: &'i mut Intake<'o>,
    run: Option<Run>,
    runs: u32,
}

/// One scan.
struct Run {
    line: u32,
    scan: Scan,
    findings: Findings,
    host: Option<Host>,
    /// Names that are no host names: how many, and one of them.
    odd_names: (u64, Option<String>),
}

/// One host, until its end.
struct Host {
    place: Place,
    up: bool,
    address: Option<IpAddr>,
    fault: Option<(Place, String)>,
    asked: Vec<String>,
    hints: Vec<String>,
    rest: Option<PortState>,
    at: Option<Timestamp>,
    ports: Vec<Port>,
    /// The last one in `ports` is not at its end.
    in_port: bool,
}

impl Report<'_, '_, '_> {
    fn bad(&mut self, place: Place, message: String) {
        self.intake.count_row();
        self.intake.bad(&self.file.name, place.line, place.column, message);
    }

    fn start(&mut self, tag: &BytesStart<'_>, pull: &mut Pull<'_>) -> Result<(), Error> {
        let name = tag.name().0;
        if name == "nmaprun" {
            self.finish()?;
            self.runs = self.runs.saturating_add(1);
            let mut run = Run::new(pull.place().line, &self.file.name);
            run.scan.started_at = attribute(tag, "start").ok().flatten().as_deref().and_then(seconds);
            self.run = Some(run);
            return Ok(());
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        if name == "host" {
            let left = run.host.take().map(|host| host.place);
            run.host = Some(Host::new(pull.place(), tag));
            if let Some(place) = left {
                self.bad(place, "this host has no end, and another one begins in it".to_owned());
            }
            return Ok(());
        }
        if let Err(message) = run.element(name, tag, pull) {
            let place = pull.place();
            self.bad(place, message);
        }
        Ok(())
    }

    fn end(&mut self, name: &str) {
        let Some(run) = &mut self.run else { return };
        if name != "host" {
            if let Some(host) = &mut run.host {
                host.end(name);
            }
            return;
        }
        let Some(host) = run.host.take() else { return };
        for (place, message) in run.take(host) {
            self.bad(place, message);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(held) = self.script().and_then(|script| script.text.as_mut())
            && held.len() + text.len() <= LONGEST
        {
            held.push_str(text);
        }
    }

    /// A reference to an entity in a text that is read costs that text.
    fn unknown_reference(&mut self, pull: &mut Pull<'_>) {
        let Some(script) = self.script().filter(|script| script.text.is_some()) else { return };
        script.text = None;
        let place = pull.place();
        self.bad(place, "a reference to an entity that is none of XML's own; such are never expanded".into());
    }

    fn script(&mut self) -> Option<&mut Script> {
        self.run.as_mut()?.host.as_mut()?.port()?.script.as_mut()
    }

    /// The host in which something is broken is not whole.
    fn drop_host(&mut self) {
        if let Some(run) = &mut self.run {
            run.host = None;
        }
    }

    /// The end of a scan, or of the file.
    fn finish(&mut self) -> Result<(), Error> {
        let Some(run) = self.run.take() else { return Ok(()) };
        let source = || Some(self.file.source(&FORMAT, run.line, None));
        if !run.scan.complete {
            let hosts = run.findings.host_count();
            let begun = if run.host.is_some() { ", and one that it had begun is left out" } else { "" };
            let message = format!(
                "the scan did not come to its end; the hosts that it had finished are read: {hosts}{begun}"
            );
            self.intake.notice(NoticeKind::LeftOut, message, source());
        }
        if let (count, Some(example)) = &run.odd_names {
            let message =
                format!("{count} names of hosts are no host names, and left out, such as {example}");
            self.intake.notice(NoticeKind::LeftOut, message, source());
        }
        run.findings.settle(self.file, &FORMAT, run.scan, self.intake)
    }
}

impl Run {
    fn new(line: u32, file: &std::sync::Arc<str>) -> Self {
        let scan = Scan { file: std::sync::Arc::clone(file), ..Scan::default() };
        Self { line, scan, findings: Findings::default(), host: None, odd_names: (0, None) }
    }

    /// An element within a scan, besides hosts.
    fn element(&mut self, name: &str, tag: &BytesStart<'_>, pull: &mut Pull<'_>) -> Result<(), String> {
        match (name, &mut self.host) {
            ("scaninfo", None) => {
                let transport = attribute(tag, "protocol")?.and_then(|word| word.parse().ok());
                let services = attribute(tag, "services")?.unwrap_or_default();
                if let Some(transport) = transport {
                    self.scan.ports.extend(ranges(&services).map(|(first, last)| (transport, first, last)));
                }
            }
            ("finished", None) => {
                self.scan.complete = attribute(tag, "exit")?.is_none_or(|exit| exit == "success");
            }
            (_, Some(host)) => host.element(name, tag, pull)?,
            _ => {}
        }
        Ok(())
    }

    /// A host that is whole. What of it is bad, each with its place.
    fn take(&mut self, mut host: Host) -> Vec<(Place, String)> {
        let Some(address) = host.address else {
            let no_address = || (host.place, "this host has no address".to_owned());
            return vec![host.fault.take().unwrap_or_else(no_address)];
        };
        self.findings.host(address, host.up, host.rest);
        let (asked, odd) = checked_names(&host.asked);
        let (hints, odd_hint) = checked_names(&host.hints);
        let kept = asked.len() + hints.len();
        self.odd_names.0 += (host.asked.len() + host.hints.len() - kept) as u64;
        self.odd_names.1 = self.odd_names.1.take().or(odd).or(odd_hint);
        let at = host.at.or(self.scan.started_at);
        let mut faults: Vec<(Place, String)> = host.fault.into_iter().collect();
        for port in host.ports {
            let Some(state) = port.state else { continue };
            let number = match &port.number {
                Ok(number) => *number,
                Err(message) if state == PortState::Open => {
                    faults.push((port.place, message.clone()));
                    continue;
                }
                Err(_) => continue,
            };
            self.findings.port(address, port.transport, number, state);
            if state != PortState::Open {
                continue;
            }
            let Some(found) = self.findings.open(address, port.transport, number, port.place.line) else {
                continue;
            };
            found.names(&asked, &hints);
            found.at = found.at.max(at);
            port.tell(found);
        }
        faults
    }
}

impl Host {
    fn new(place: Place, tag: &BytesStart<'_>) -> Self {
        let time = |name| attribute(tag, name).ok().flatten().as_deref().and_then(seconds);
        Self {
            place,
            // masscan tells of hosts that answered, and has no word for it.
            up: true,
            address: None,
            fault: None,
            asked: Vec::new(),
            hints: Vec::new(),
            rest: None,
            at: time("endtime").or_else(|| time("starttime")),
            ports: Vec::new(),
            in_port: false,
        }
    }

    /// The port that is being read.
    fn port(&mut self) -> Option<&mut Port> {
        if self.in_port { self.ports.last_mut() } else { None }
    }

    fn element(&mut self, name: &str, tag: &BytesStart<'_>, pull: &mut Pull<'_>) -> Result<(), String> {
        match name {
            "status" => self.up = attribute(tag, "state")?.is_none_or(|state| state == "up"),
            "address" => {
                if let Err(message) = self.address(tag) {
                    self.fault = Some((pull.place(), message));
                }
            }
            "hostname" => {
                if let Some(name) = attribute(tag, "name")? {
                    let asked = attribute(tag, "type")?.is_some_and(|kind| kind == "user");
                    let names = if asked { &mut self.asked } else { &mut self.hints };
                    names.push(name.into_owned());
                }
            }
            "extraports" => {
                self.rest = weaker(self.rest, attribute(tag, "state")?.map(|word| state(&word)));
            }
            "port" => {
                self.in_port = false;
                if let Some(port) = Port::new(tag, pull)? {
                    self.ports.push(port);
                    self.in_port = true;
                }
            }
            _ => {
                if let Some(port) = self.port() {
                    port.element(name, tag)?;
                }
            }
        }
        Ok(())
    }

    /// The first address that is one of the internet protocol.
    fn address(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        let text = attribute(tag, "addr")?.unwrap_or_default();
        let kind = attribute(tag, "addrtype")?;
        if self.address.is_some() || kind.is_some_and(|kind| kind != "ipv4" && kind != "ipv6") {
            return Ok(());
        }
        let bad = |_| format!("{} is not an address; expected IPv4 or IPv6", quoted(&text));
        self.address = Some(text.parse::<IpAddr>().map_err(bad)?.to_canonical());
        Ok(())
    }

    fn end(&mut self, name: &str) {
        match name {
            "port" => self.in_port = false,
            "script" | "table" | "elem" => {
                if let Some(port) = self.port() {
                    port.end(name);
                }
            }
            _ => {}
        }
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_seconds)
}

/// `1-100,443` as first and last ports. What is none is passed over.
fn ranges(text: &str) -> impl Iterator<Item = (u16, u16)> {
    text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some((first, last))
    })
}
