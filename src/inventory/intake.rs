//! Where the rows of every format meet: expansion, row ids, merging, and what does not fit.
//!
//! A format reads text and hands over [`Row`]s; it decides nothing about services. Everything that
//! is costly per service is shared: one CIDR row holds its declarations and its source once.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::{Error, Options, host::Addresses, merge, wraps};
use crate::model::{
    ids::RowId,
    loading::{BadRow, Loaded, Notice, NoticeKind},
    secret::Secret,
    service::{Declared, Service, Source},
    wrap::{Transport, Wrap},
};

/// The most addresses that are held at all. An IPv6 network of any usual size is beyond it.
pub(super) const MOST_ADDRESSES: u64 = 1 << 24;

/// The most addresses without a scope (DESIGN: command line).
pub(super) const MOST_WITHOUT_SCOPE: u64 = 1 << 20;

/// For how many rows room is made at once: a file of empty lines is no reason for more.
const MOST_EXPECTED: usize = 1 << 20;

/// One data row as a format read it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) source: Source,
    pub(super) id: Option<Cow<'a, str>>,
    /// In lower case.
    pub(super) name: Option<String>,
    pub(super) addresses: Option<Addresses>,
    /// Empty: the default ports.
    pub(super) ports: Vec<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) wrap: Option<Wrap>,
    pub(super) sni: Option<String>,
    pub(super) declared: Arc<Declared>,
}

/// The part of a row that a fault is about, for the format to find its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Id,
    Host,
    Address,
    Transport,
}

/// Why a row was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The row is bad.
    Row(Part, String),
    /// The whole load stops: part and message.
    Load(Part, String),
}

/// What makes two rows the same service.
struct Identity<'a> {
    name: Option<&'a Arc<str>>,
    address: Option<IpAddr>,
    port: u16,
    transport: Transport,
    wrap: Wrap,
    sni: Option<&'a Arc<str>>,
}

impl Identity<'_> {
    fn row_id(&self) -> RowId {
        let sni = self.sni.map_or("", |sni| sni);
        match (self.name, self.address) {
            (Some(name), _) => RowId::derived(name, self.port, self.transport, self.wrap, sni),
            (None, Some(address)) => {
                RowId::derived(&address.to_string(), self.port, self.transport, self.wrap, sni)
            }
            (None, None) => RowId::derived("", self.port, self.transport, self.wrap, sni),
        }
    }

    fn is(&self, service: &Service) -> bool {
        let same_host = match self.name {
            Some(name) => service.name.as_ref() == Some(name),
            None => service.name.is_none() && service.addresses.first().copied() == self.address,
        };
        same_host
            && (self.port, self.transport, self.wrap) == (service.port, service.transport, service.wrap)
            && self.sni == service.sni.as_ref()
    }
}

/// What a service gets beside its own fields once a second row declares it.
#[derive(Default)]
struct Extra {
    /// Every word after the first, and its line.
    later: Vec<merge::Later>,
    /// Every address, where there are more than the first row's.
    addresses: Vec<IpAddr>,
    seen: HashSet<IpAddr>,
}

/// Takes rows and makes services of them.
pub(super) struct Intake<'o> {
    options: &'o Options,
    pub(super) loaded: Loaded,
    index: HashMap<RowId, usize>,
    extras: HashMap<usize, Extra>,
    addresses: u64,
    secrets: HashMap<String, String>,
    /// Rows and bad rows up to the end of the last file.
    before: (u64, u64, usize),
    /// Whether a file brought a scope, which allows what would be too much without.
    scoped: bool,
    /// Words for kinds of services that have several ports: how many rows without any, and the first one.
    by_type: BTreeMap<String, (u64, Source)>,
}

impl<'o> Intake<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self {
            options,
            loaded: Loaded::default(),
            index: HashMap::new(),
            extras: HashMap::new(),
            addresses: 0,
            secrets: HashMap::new(),
            before: (0, 0, 0),
            scoped: false,
            by_type: BTreeMap::new(),
        }
    }

    /// Makes room for a file with a row on most of its lines: growing step by step moves everything that is there.
    pub(super) fn expect_lines(&mut self, text: &[u8]) {
        let rows = memchr::memchr_iter(b'\n', text).count().min(MOST_EXPECTED);
        self.index.reserve(rows);
        self.loaded.services.reserve(rows);
    }

    /// Counts a data row, good or bad.
    pub(super) fn count_row(&mut self) {
        self.loaded.rows += 1;
    }

    /// Rows and bad rows since the last file ended, and whether it brought anything else worth having: a scan that
    /// found nothing, a count of what it holds besides services, a scope.
    pub(super) fn end_of_file(&mut self) -> (u64, u64, bool) {
        let loaded = &self.loaded;
        let scope = loaded.exclude.len() + loaded.scope.as_ref().map_or(0, |(_, text)| text.len());
        let found = loaded.scans.len() + loaded.discovered.len() + loaded.zones.len();
        let other = found + loaded.notices.len() + scope;
        let now = (self.loaded.rows, self.loaded.bad.len() as u64, other);
        let before = std::mem::replace(&mut self.before, now);
        (now.0 - before.0, now.1 - before.1, now.2 > before.2)
    }

    /// Keeps something worth telling.
    pub(super) fn notice(&mut self, kind: NoticeKind, message: impl Into<String>, source: Option<Source>) {
        self.loaded.notices.push(Notice { kind, message: message.into(), source });
    }

    /// Takes a secret; the error says that its id was read before. What it names in `unresolved` is looked up among
    /// the services once all is read.
    pub(super) fn take_secret(&mut self, secret: Secret) -> Result<(), String> {
        match self.new_secret(&secret) {
            None => {
                self.loaded.secrets.push(secret);
                Ok(())
            }
            Some(first) => {
                let id = super::host::quoted(&secret.id);
                Err(format!("secret_id {id} is at {first} already; expected each once"))
            }
        }
    }

    /// Takes a secret that several files may bring, with its row counted; where it is there already, what it names is
    /// added. False: it was there.
    pub(super) fn join_secret(&mut self, secret: Secret) -> bool {
        if self.new_secret(&secret).is_none() {
            self.count_row();
            self.loaded.secrets.push(secret);
            return true;
        }
        if let Some(first) = self.loaded.secrets.iter_mut().find(|s| s.id == secret.id) {
            let new = secret.unresolved.into_iter().filter(|entry| !first.unresolved.contains(entry));
            let new: Vec<String> = new.collect();
            first.unresolved.extend(new);
        }
        false
    }

    /// Takes a scope that a native inventory brings: lines as a scope file has them.
    pub(super) fn take_scope(&mut self, file: &Arc<str>, allow: &[String], exclude: &[String]) {
        self.loaded.exclude.extend_from_slice(exclude);
        if allow.is_empty() {
            return;
        }
        self.scoped = true;
        let (name, text) = self.loaded.scope.get_or_insert_with(|| (String::new(), String::new()));
        if !name.is_empty() {
            name.push_str(", ");
        }
        name.push_str(file);
        for line in allow {
            text.push_str(line);
            text.push('\n');
        }
    }

    /// Keeps a bad row.
    pub(super) fn bad(&mut self, file: &Arc<str>, line: u32, column: u32, message: String) {
        self.loaded.bad.push(BadRow { file: Arc::clone(file), line, column, message });
    }

    /// Notes a secret's id. Where it was read before, `file:line` of that.
    pub(super) fn new_secret(&mut self, secret: &Secret) -> Option<String> {
        if let Some(first) = self.secrets.get(&secret.id) {
            return Some(first.clone());
        }
        let place = secret.source.as_ref().map_or_else(String::new, |s| format!("{}:{}", s.file, s.line));
        self.secrets.insert(secret.id.clone(), place);
        None
    }

    /// Takes a row whole, or not at all.
    pub(super) fn take(&mut self, row: Row<'_>) -> Result<(), Refusal> {
        let addresses = row.addresses.map_or(1, Addresses::count);
        let ports = self.ports(&row);
        fits(&row, addresses, ports.len())?;
        let reached = ports.iter().map(|&port| self.reach(&row, port)).collect::<Result<Vec<_>, _>>()?;
        self.limit(addresses, ports.len())?;

        let (name, sni): (Option<Arc<str>>, Option<Arc<str>>) =
            (row.name.map(Arc::from), row.sni.map(Arc::from));
        let identity = |address, (port, transport, wrap)| Identity {
            name: name.as_ref(),
            address,
            port,
            transport,
            wrap,
            sni: sni.as_ref(),
        };
        let each = || {
            let hosts: Box<dyn Iterator<Item = Option<IpAddr>>> = match row.addresses {
                Some(addresses) => Box::new(addresses.iter().map(Some)),
                None => Box::new(std::iter::once(None)),
            };
            hosts.flat_map(|address| reached.iter().map(move |&how| identity(address, how)))
        };
        // All ids first: a row is taken whole or not at all.
        let mut ids = Vec::with_capacity(reached.len());
        for identity in each() {
            let row_id = row.id.as_deref().map_or_else(|| identity.row_id(), RowId::declared);
            if let Some(other) = self.index.get(&row_id).and_then(|&at| self.loaded.services.get(at))
                && !identity.is(other)
            {
                return Err(Refusal::Row(Part::Id, clash(&row_id, other)));
            }
            ids.push(row_id);
        }
        let shared: Arc<[Source]> = Arc::from([row.source]);
        let new = New {
            id_declared: row.id.is_some(),
            wrap_declared: row.wrap.is_some() || self.options.wrap.is_some(),
            declared: &row.declared,
            sources: &shared,
        };
        for (row_id, identity) in ids.into_iter().zip(each()) {
            self.add(row_id, &identity, &new);
        }
        self.addresses = self.addresses.saturating_add(addresses);
        if row.wrap.is_some() {
            self.unusual_wraps(&reached, &shared);
        }
        Ok(())
    }

    fn ports(&mut self, row: &Row<'_>) -> Vec<u16> {
        match (row.ports.is_empty(), self.options.default_ports.is_empty()) {
            (false, _) => row.ports.clone(),
            (true, false) => {
                let mut ports = self.options.default_ports.clone();
                ports.retain(|&port| port > 0);
                ports.sort_unstable();
                ports.dedup();
                ports
            }
            (true, true) => {
                let word = row
                    .declared
                    .service_type
                    .as_deref()
                    .map(|word| word.to_lowercase().replace([' ', '_'], "-"));
                let usual = word.and_then(|word| Some((self.options.type_ports.get(&word)?, word)));
                let Some(((first, others), word)) =
                    usual.and_then(|(ports, w)| Some((ports.split_first()?, w)))
                else {
                    return vec![443];
                };
                if !others.is_empty() {
                    let told = self.by_type.entry(word).or_insert_with(|| (0, row.source.clone()));
                    told.0 += 1;
                }
                vec![*first]
            }
        }
    }

    /// How TLS is reached on a port of this row.
    fn reach(&self, row: &Row<'_>, port: u16) -> Result<(u16, Transport, Wrap), Refusal> {
        let wrap = row.wrap.or(self.options.wrap).unwrap_or_else(|| Wrap::for_port(port));
        let transport = row.transport.unwrap_or_else(|| wrap.transport());
        let fits = match (transport, wrap) {
            (_, Wrap::Plain | Wrap::Stun | Wrap::Turn) => true,
            (transport, wrap) => transport == wrap.transport(),
        };
        if fits {
            return Ok((port, transport, wrap));
        }
        let expected = match transport {
            Transport::Udp => "udp needs a wrap that it carries: dtls, stun or turn",
            Transport::Tcp => "dtls is carried by udp",
        };
        Err(Refusal::Row(
            Part::Transport,
            format!("transport {transport} does not carry wrap {wrap}; {expected}"),
        ))
    }

    fn limit(&self, addresses: u64, ports: usize) -> Result<(), Refusal> {
        let all = self.addresses.saturating_add(addresses);
        if all > MOST_WITHOUT_SCOPE && !self.options.allow_huge && !self.scoped {
            let message = format!(
                "with this row the inventory has more than {MOST_WITHOUT_SCOPE} addresses; give --scope if that is meant"
            );
            return Err(Refusal::Load(Part::Address, message));
        }
        let services =
            addresses.saturating_mul(ports as u64).saturating_add(self.loaded.services.len() as u64);
        if all > MOST_ADDRESSES || services > MOST_ADDRESSES {
            let message = format!(
                "with this row the inventory has more than {MOST_ADDRESSES} services, which is the most that one sweep holds; split it"
            );
            return Err(Refusal::Load(Part::Address, message));
        }
        Ok(())
    }

    fn add(&mut self, row_id: RowId, identity: &Identity<'_>, new: &New<'_>) {
        self.loaded.expanded += 1;
        if let Some(&at) = self.index.get(&row_id) {
            self.loaded.merged += 1;
            self.fold(at, identity.address, new);
            return;
        }
        self.index.insert(row_id.clone(), self.loaded.services.len());
        self.loaded.services.push(Service {
            row_id,
            name: identity.name.cloned(),
            addresses: identity.address.into_iter().collect(),
            port: identity.port,
            transport: identity.transport,
            wrap: identity.wrap,
            wrap_declared: new.wrap_declared,
            sni: identity.sni.cloned(),
            id_declared: new.id_declared,
            declared: Arc::clone(new.declared),
            sources: Arc::clone(new.sources),
        });
    }

    /// Adds what a later row says to the service that is there.
    fn fold(&mut self, at: usize, address: Option<IpAddr>, new: &New<'_>) {
        let (Some(service), Some(source)) = (self.loaded.services.get_mut(at), new.sources.first()) else {
            return;
        };
        let extra = self.extras.entry(at).or_default();
        service.wrap_declared |= new.wrap_declared;
        if let Some(address) = address {
            extra.add_address(&service.addresses, address);
        }
        extra.later.push((Arc::clone(new.declared), source.clone()));
    }

    fn unusual_wraps(&mut self, reached: &[(u16, Transport, Wrap)], sources: &[Source]) {
        for &(port, transport, wrap) in reached {
            if let Some(usual) = wraps::contradicted(port, transport, wrap) {
                self.loaded.notices.push(Notice {
                    kind: NoticeKind::UnusualWrap,
                    message: format!("port {port} usually has wrap {usual}, and {wrap} is declared"),
                    source: sources.first().cloned(),
                });
            }
        }
    }

    /// Tells of which kinds of services rows without a port got the usual one alone.
    fn tell_ports(&mut self) {
        for (word, (count, source)) in std::mem::take(&mut self.by_type) {
            let ports = self.options.type_ports.get(&word).map(Vec::as_slice).unwrap_or_default();
            let Some((first, others)) = ports.split_first() else { continue };
            let others = others.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            let message = format!(
                "rows of service_type {word} without a port: {count}; they are taken at {first} alone, and such services often \
                 answer at {others} as well: write the ports where they do"
            );
            self.notice(NoticeKind::DefaultPort, message, Some(source));
        }
    }

    /// Puts what later rows said into the services. The index maps row ids to places among them.
    pub(super) fn finish(mut self) -> (Loaded, HashMap<RowId, usize>) {
        self.tell_ports();
        let mut merger = merge::Merger::default();
        for (at, service) in self.loaded.services.iter_mut().enumerate() {
            let Some(extra) = self.extras.remove(&at) else {
                continue;
            };
            service.declared = merger.merge(service, &extra.later);
            let later = extra.later.into_iter().map(|(_, source)| source);
            service.sources = service.sources.iter().cloned().chain(later).collect();
            if !extra.addresses.is_empty() {
                service.addresses = extra.addresses.into();
            }
        }
        self.loaded.disagreements = merger.disagreements;
        (self.loaded, self.index)
    }
}

/// Whether a row's host, id and numbers go together.
fn fits(row: &Row<'_>, addresses: u64, ports: usize) -> Result<(), Refusal> {
    if row.name.is_none() && row.addresses.is_none() {
        return Err(Refusal::Row(Part::Host, "a row needs a name or an address".to_owned()));
    }
    if row.name.is_some() && addresses > 1 {
        let message =
            "a CIDR with a name: a name is one service; leave the name out, or write a row for each address";
        return Err(Refusal::Row(Part::Address, message.to_owned()));
    }
    if row.id.is_some() && (addresses > 1 || ports > 1) {
        let message = "an id is one row, and this row has more than one address or port; leave the id out, or write a row for each";
        return Err(Refusal::Row(Part::Id, message.to_owned()));
    }
    Ok(())
}

/// What all services of one row share.
struct New<'a> {
    id_declared: bool,
    wrap_declared: bool,
    declared: &'a Arc<Declared>,
    sources: &'a Arc<[Source]>,
}

impl Extra {
    fn add_address(&mut self, first: &[IpAddr], address: IpAddr) {
        if self.addresses.is_empty() {
            if first.contains(&address) {
                return;
            }
            self.addresses.extend_from_slice(first);
            self.seen.extend(first);
        }
        if self.seen.insert(address) {
            self.addresses.push(address);
        }
    }
}

fn clash(row_id: &RowId, other: &Service) -> String {
    let place = other.sources.first().map_or_else(String::new, |s| format!(" at {}:{}", s.file, s.line));
    let id = super::host::quoted(row_id.as_str());
    format!(
        "the id {id} belongs to {}{place}, which is another service; an id names one",
        other.display_port()
    )
}

impl Refusal {
    /// The error, or the bad row, at the place that the format found for the part.
    pub(super) fn settle(
        self,
        intake: &mut Intake<'_>,
        file: &Arc<str>,
        place: impl FnOnce(Part) -> (u32, u32),
    ) -> Result<(), Error> {
        match self {
            Self::Row(part, message) => {
                let (line, column) = place(part);
                intake.bad(file, line, column, message);
                Ok(())
            }
            Self::Load(part, message) => {
                let (line, column) = place(part);
                Err(Error::Refused { file: Arc::clone(file), line, column, message })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        let table = [
            (false, MOST_WITHOUT_SCOPE, 1, true),
            (false, MOST_WITHOUT_SCOPE + 1, 1, false),
            (false, MOST_WITHOUT_SCOPE, 16, true),
            (true, MOST_WITHOUT_SCOPE + 1, 1, true),
            (true, MOST_ADDRESSES, 1, true),
            (true, MOST_ADDRESSES, 2, false),
            (true, u64::MAX, 3, false),
        ];
        for (allow_huge, addresses, ports, allowed) in table {
            let options = Options { allow_huge, ..Options::default() };
            let got = Intake::new(&options).limit(addresses, ports);
            assert_eq!(got.is_ok(), allowed, "{allow_huge} {addresses} {ports}");
        }
    }
}
