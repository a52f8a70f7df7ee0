//! From records to rows: one for each fact. Rows about one service meet in the intake by its name.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::{
    FORMAT,
    name::Name,
    reader::Zone,
    record::{Binding, Data, Record},
    services::{Reached, labels, reached},
};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Addresses, parse_name, quoted},
        intake::Intake,
        left_out::LeftOut,
        machine::{is_own_name, leads_somewhere},
    },
    model::{
        check::{CheckKind, SecretCheck},
        discovery,
        loading::NoticeKind,
        secret::Secret,
        service::Source,
        wrap::Wrap,
    },
};

/// How many aliases lead to a name at most; resolvers give up at about as many.
const MOST_ALIASES: usize = 16;

const WILDCARD: &str = "a wildcard stands for no one host";
const NO_HOST: &str = "a name with a part that begins with `_` is no host";
const NO_ADDRESS: &str = "localhost, 0.0.0.0 and multicast addresses lead to no server";
const NO_TLS: &str = "the service that an SRV record names has no TLS that could be looked at";
const NO_SERVICE: &str = "the target `.` says that there is no such service";
const NO_REVERSE: &str = "the owner of a PTR record is no address";
const NOT_TCP: &str = "an HTTPS or SVCB record offers QUIC alone";
const NO_TLSA_PORT: &str = "a TLSA record whose owner is no `_PORT._tcp.NAME` belongs to no port";
const KNOWN_TLSA: &str = "a secret for the same TLSA records was read before";

/// Makes rows and secrets of a zone.
pub(super) fn rows(mut zone: Zone, intake: &mut Intake<'_>) -> Result<(), Error> {
    whole(&mut zone, intake);
    let records = std::mem::take(&mut zone.records);
    let mut derive = Derive { known: Known::of(&records), left: std::mem::take(&mut zone.left), intake };
    for record in &records {
        derive.record(record)?;
    }
    derive.secrets(&records);
    let left = derive.left;
    left.tell(zone.all, "records", intake);
    let of_types = zone.types.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    if of_types > 0 {
        let types: Vec<String> = zone.types.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let message =
            format!("{of_types} of {} records name no service by themselves: {}", zone.all, types.join(", "));
        intake.notice(NoticeKind::LeftOut, message, zone.first_of_types);
    }
    Ok(())
}

/// Where a file holds a zone whole, from its SOA record on, it also says which names are not there.
fn whole(zone: &mut Zone, intake: &mut Intake<'_>) {
    let origins = std::mem::take(&mut zone.origins);
    let [(origin, source)] = origins.as_slice() else { return };
    if zone.incomplete {
        return;
    }
    let owners = std::mem::take(&mut zone.owners);
    let below = |name: &Name| {
        let rest = name.strip_suffix(&**origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let names = owners.into_iter().filter(below);
    let delegated = std::mem::take(&mut zone.delegated).into_iter();
    intake.loaded.zones.push(discovery::Zone::new(origin.clone(), names, delegated, source.clone()));
}

/// What the zone says about names, to be looked up.
struct Known<'r> {
    addresses: HashMap<&'r str, Vec<IpAddr>>,
    aliases: HashMap<&'r str, &'r str>,
    issuers: HashMap<&'r str, Vec<&'r str>>,
    /// Usage, selector and matching type of TLSA records.
    tlsa: HashMap<&'r str, Vec<(u8, u8, u8)>>,
}

impl<'r> Known<'r> {
    fn of(records: &'r [Record]) -> Self {
        let mut known = Self {
            addresses: HashMap::new(),
            aliases: HashMap::new(),
            issuers: HashMap::new(),
            tlsa: HashMap::new(),
        };
        for record in records {
            let owner = &*record.owner;
            match &record.data {
                Data::Address(address) if leads_somewhere(address.to_canonical()) => {
                    known.addresses.entry(owner).or_default().push(address.to_canonical());
                }
                Data::Alias(target) => {
                    known.aliases.entry(owner).or_insert(target);
                }
                Data::Issuer(issuer) => {
                    known.issuers.entry(owner).or_default().extend(issuer.as_deref());
                }
                &Data::Tlsa { usage, selector, matching } => {
                    known.tlsa.entry(owner).or_default().push((usage, selector, matching));
                }
                _ => {}
            }
        }
        known
    }

    /// The name at the end of a chain of aliases. None: the chain has no end.
    fn end<'n>(&self, name: &'n str) -> Option<&'n str>
    where
        'r: 'n,
    {
        let mut at = name;
        for _ in 0..=MOST_ALIASES {
            match self.aliases.get(at) {
                Some(next) => at = next,
                None => return Some(at),
            }
        }
        None
    }

    /// Every address of a name, through its aliases, each once.
    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let found = self.end(name).and_then(|end| self.addresses.get(end));
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.into_iter().flatten() {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }

    /// The issuers that the closest CAA records at or above a name allow (RFC 8659, section 3).
    fn issuers(&self, name: &str) -> &[&'r str] {
        if self.issuers.is_empty() {
            return &[];
        }
        let mut at = name;
        loop {
            if let Some(issuers) = self.issuers.get(at) {
                return issuers;
            }
            match at.split_once('.') {
                Some((_, above)) => at = above,
                None => return &[],
            }
        }
    }
}

/// One service, before its addresses are looked up.
#[derive(Default)]
struct Fact {
    name: String,
    port: Option<u16>,
    wrap: Option<Wrap>,
    sni: Option<String>,
    /// `key` and `value` of a tag.
    tag: Option<(&'static str, String)>,
    /// The only address that this fact is about; absent: every address of the name.
    address: Option<IpAddr>,
}

struct Derive<'r, 'i, 'o> {
    known: Known<'r>,
    left: LeftOut,
    intake: &'i mut Intake<'o>,
}

fn source(record: &Record) -> Source {
    Source { format: FORMAT.name.into(), file: Arc::clone(&record.file), line: record.line, path: None }
}

impl Derive<'_, '_, '_> {
    fn record(&mut self, record: &Record) -> Result<(), Error> {
        match &record.data {
            Data::Address(address) => self.address(record, address.to_canonical()),
            Data::Alias(_) => self.alias(record),
            Data::Mail(target) => {
                let tag = Some(("mx-for", record.owner.to_string()));
                self.target(record, target, Fact { port: Some(25), tag, ..Fact::default() })
            }
            Data::Service { port, target } => self.service(record, *port, target),
            Data::Tlsa { .. } => self.tlsa(record, &record.owner),
            Data::Binding(binding) => self.binding(record, binding),
            Data::Pointer(target) => match reverse(&record.owner) {
                Some(address) => self.host(record, target, Some(address)),
                None => self.leave(NO_REVERSE, record),
            },
            Data::Issuer(_) => Ok(()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends a record as the other ways do")]
    fn leave(&mut self, why: &'static str, record: &Record) -> Result<(), Error> {
        self.left.add(why, || quoted(&record.owner), || source(record));
        Ok(())
    }

    fn address(&mut self, record: &Record, address: IpAddr) -> Result<(), Error> {
        if !leads_somewhere(address) {
            return self.leave(NO_ADDRESS, record);
        }
        self.host(record, &record.owner, Some(address))
    }

    /// A name as it is, with the ports that the user wants for such.
    fn host(&mut self, record: &Record, name: &Name, address: Option<IpAddr>) -> Result<(), Error> {
        if name.split('.').any(|label| label == "*") {
            return self.leave(WILDCARD, record);
        }
        if is_own_name(name) {
            return self.leave(NO_ADDRESS, record);
        }
        if name.split('.').any(|label| label.starts_with('_')) {
            return self.leave(NO_HOST, record);
        }
        self.take(record, &Fact { name: name.to_string(), address, ..Fact::default() })
    }

    fn alias(&mut self, record: &Record) -> Result<(), Error> {
        let Some(end) = self.known.end(&record.owner) else {
            let message = format!(
                "{} is an alias, and its CNAME records lead round in a circle or through more than {MOST_ALIASES} names; it has no address",
                quoted(&record.owner)
            );
            return self.bad(record, message);
        };
        // `_443._tcp.www CNAME _dane`: the TLSA records of a port may stand elsewhere (RFC 7671, section 7).
        if self.known.tlsa.contains_key(end) && port_of(&record.owner).is_some() {
            return self.tlsa(record, &record.owner);
        }
        self.host(record, &record.owner, None)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends a record as the other ways do")]
    fn bad(&mut self, record: &Record, message: String) -> Result<(), Error> {
        self.intake.count_row();
        self.intake.bad(&record.file, record.line, record.column, message);
        Ok(())
    }

    /// A service at the name that a record leads to.
    fn target(&mut self, record: &Record, target: &Name, fact: Fact) -> Result<(), Error> {
        if target.is_empty() {
            return self.leave(NO_SERVICE, record);
        }
        self.take(record, &Fact { name: target.to_string(), ..fact })
    }

    fn service(&mut self, record: &Record, port: u16, target: &Name) -> Result<(), Error> {
        let Some((service, protocol, domain)) = labels(&record.owner) else {
            let message = format!(
                "{} is no owner of an SRV record; expected _service._protocol.domain (RFC 2782)",
                quoted(&record.owner)
            );
            return self.bad(record, message);
        };
        let (wrap, sni) = match reached(service, protocol) {
            Reached::NoTls => return self.leave(NO_TLS, record),
            Reached::Port => (None, None),
            Reached::By(wrap) => (Some(wrap), None),
            Reached::ForDomain(wrap) => (Some(wrap), parse_name(domain).ok()),
        };
        if port == 0 && !target.is_empty() {
            return self.bad(record, "port 0 in this SRV record; expected 1 to 65535".to_owned());
        }
        self.target(record, target, Fact { port: Some(port), wrap, sni, ..Fact::default() })
    }

    fn tlsa(&mut self, record: &Record, owner: &str) -> Result<(), Error> {
        if owner.split('.').any(|label| label == "*") {
            return self.leave(WILDCARD, record);
        }
        let Some((port, wrap, name)) = port_of(owner) else {
            return self.leave(NO_TLSA_PORT, record);
        };
        self.take(record, &Fact { name: name.to_owned(), port: Some(port), wrap, ..Fact::default() })
    }

    fn binding(&mut self, record: &Record, binding: &Binding) -> Result<(), Error> {
        let udp = |id: &String| id.starts_with("h3") || id.starts_with("doq");
        if binding.no_default_alpn && binding.alpn.iter().all(udp) {
            return self.leave(NOT_TCP, record);
        }
        // `_8443._https.www`: the port and the scheme may stand before the name (RFC 9460, section 2.3).
        let mut name: &str = &record.owner;
        let mut port = None;
        while let Some((label, rest)) = name.strip_prefix('_').and_then(|name| name.split_once('.')) {
            port = port.or_else(|| label.parse::<u16>().ok().filter(|port| *port > 0));
            name = rest;
        }
        if name.split('.').any(|label| label == "*") {
            return self.leave(WILDCARD, record);
        }
        let dns = binding.alpn.iter().any(|id| id == "dot");
        let port = binding.port.or(port).unwrap_or(if dns { 853 } else { 443 });
        let elsewhere = !binding.alias && !binding.target.is_empty() && *binding.target != *name;
        let (name, sni) = if elsewhere {
            (binding.target.to_string(), parse_name(name).ok())
        } else {
            (name.to_owned(), None)
        };
        if !binding.https && binding.port.is_none() && binding.alpn.is_empty() && !binding.alias {
            return self.leave(NO_TLS, record);
        }
        self.take(record, &Fact { name, port: Some(port), sni, ..Fact::default() })
    }

    /// Hands a fact over: a row for each address of its name, or one row without.
    fn take(&mut self, record: &Record, fact: &Fact) -> Result<(), Error> {
        let issuers = self.known.issuers(&fact.name).to_vec();
        let known = match fact.address {
            Some(address) => vec![address],
            None => self.known.addresses(&fact.name),
        };
        let each = known.iter().copied().map(Some).chain(known.is_empty().then_some(None));
        for address in each {
            let mut draft = Draft { wrap: fact.wrap, sni: fact.sni.clone(), ..Draft::default() };
            if let Err(message) = draft.host(&fact.name) {
                return self.bad(record, message);
            }
            draft.addresses = address.map(Addresses::One).or(draft.addresses);
            draft.ports.extend(fact.port);
            for issuer in &issuers {
                draft.tag_pair("caa", if issuer.is_empty() { "nobody" } else { issuer });
            }
            if let Some((key, value)) = &fact.tag {
                draft.tag_pair(key, value);
            }
            self.intake.count_row();
            if let Err(refusal) = self.intake.take(draft.row(source(record))) {
                refusal.settle(self.intake, &record.file, |_| (record.line, record.column))?;
            }
        }
        Ok(())
    }

    /// A secret for each name with TLSA records: they have to change with the key of the service.
    fn secrets(&mut self, records: &[Record]) {
        let mut done = std::collections::HashSet::new();
        for record in records {
            let at = match &record.data {
                Data::Tlsa { .. } => &*record.owner,
                Data::Alias(_) if port_of(&record.owner).is_some() => match self.known.end(&record.owner) {
                    Some(end) => end,
                    None => continue,
                },
                _ => continue,
            };
            let (Some(all), Some((port, _, name))) = (self.known.tlsa.get(at), port_of(&record.owner)) else {
                continue;
            };
            let wild = record.owner.split('.').any(|label| label == "*");
            if wild || parse_name(name).is_err() || !done.insert(&*record.owner) {
                continue;
            }
            let taken = self.intake.take_secret(secret(record, at, all, &format!("{name}:{port}")));
            match taken {
                Ok(()) => self.intake.count_row(),
                Err(_) => self.left.add(KNOWN_TLSA, || quoted(&record.owner), || source(record)),
            }
        }
    }
}

fn secret(record: &Record, at: &str, all: &[(u8, u8, u8)], service: &str) -> Secret {
    let mut forms: Vec<String> = Vec::new();
    for (usage, selector, matching) in all {
        // RFC 6698, section 2.1.1: 0 and 2 name a certification authority.
        let of = if matches!(usage, 0 | 2) { " (of a CA)" } else { "" };
        let form = format!("{usage} {selector} {matching}{of}");
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    Secret {
        id: format!("tlsa:{}", record.owner),
        kind: "B8".to_owned(),
        services: Vec::new(),
        delivered_through: Vec::new(),
        checks: vec![SecretCheck { kind: CheckKind::Tlsa, target: record.owner.to_string(), old: None }],
        unresolved: vec![service.to_owned()],
        owner: None,
        location: Some(format!("DNS record {at} TLSA {}", forms.join(", "))),
        issued_at: None,
        runbook: None,
        implied: false,
        source: Some(source(record)),
    }
}

/// Port, wrap where the port does not decide, and name of `_PORT._tcp.NAME`.
fn port_of(owner: &str) -> Option<(u16, Option<Wrap>, &str)> {
    let (port, protocol, name) = labels(owner)?;
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
    match protocol {
        "tcp" => Some((port, None, name)),
        "udp" => Some((port, Some(Wrap::Dtls), name)),
        _ => None,
    }
}

/// The address of a name below `in-addr.arpa` or `ip6.arpa`.
fn reverse(owner: &str) -> Option<IpAddr> {
    if let Some(rest) = owner.strip_suffix(".in-addr.arpa") {
        let parts: Vec<u8> = rest.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [d, c, b, a] = parts.as_slice() else { return None };
        return Some(Ipv4Addr::new(*a, *b, *c, *d).into());
    }
    let rest = owner.strip_suffix(".ip6.arpa")?;
    let mut bits = 0_u128;
    let mut count = 0;
    for nibble in rest.split('.').rev() {
        let digit = u8::from_str_radix(nibble, 16).ok().filter(|_| nibble.len() == 1)?;
        bits = bits.checked_mul(16)? | u128::from(digit);
        count += 1;
    }
    (count == 32).then(|| IpAddr::from(Ipv6Addr::from(bits)).to_canonical())
}
