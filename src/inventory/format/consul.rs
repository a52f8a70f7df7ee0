//! Consul's catalogue, as its HTTP API answers: `/v1/catalog/service/NAME`, `/v1/health/service/NAME`,
//! `/v1/catalog/nodes`, `/v1/catalog/node/NAME`, `/v1/agent/services`. Several answers may stand one after another.
//!
//! What health checks say decides nothing: a service that is down today is asked for tomorrow.

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Host, parse_host, parse_name, quoted},
        intake::Intake,
        registry::{self, put_host},
        tree::{self, Node, Value},
    },
    model::{discovery::Role, loading::NoticeKind},
};

pub(super) const FORMAT: Format = Format { name: "consul", letter: b'C', role: Role::Declares, detect, read };

fn detect(peek: &Peek<'_>) -> bool {
    const SHAPES: &[&[&str]] = &[
        &["Node", "Address", "ServiceName"],
        &["Node", "Service", "Checks"],
        &["Node", "Address", "Datacenter", "TaggedAddresses"],
        &["Node", "Services"],
    ];
    SHAPES.iter().any(|keys| peek.has_json_keys(keys)) || is_agent(peek)
}

/// `/v1/agent/services`: a map whose keys are ids, so that only what they lead to tells.
fn is_agent(peek: &Peek<'_>) -> bool {
    if peek.first_byte() != Some(b'{') {
        return false;
    }
    let mut braces = memchr::memchr_iter(b'{', peek.text).skip(1);
    let inner = braces.next().and_then(|at| peek.text.get(at..)).map(tree::json_keys).unwrap_or_default();
    ["ID", "Service", "Port"].iter().all(|key| inner.iter().any(|k| k == key))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut reader = Reader { file, intake, found: 0, nowhere: 0, refused: 0 };
    for answer in tree::json_stream(file.text, &[]) {
        let answer = answer.map_err(|fault| file.broken(fault))?;
        reader.answer(&answer)?;
    }
    reader.tell()
}

struct Reader<'r, 't, 'o> {
    file: &'r TextFile<'t>,
    intake: &'r mut Intake<'o>,
    /// Services and nodes.
    found: u64,
    /// Services of an agent that have no address of their own.
    nowhere: u64,
    /// Values that were not kept.
    refused: u64,
}

/// One service, wherever its parts stand.
#[derive(Clone, Copy, Default)]
struct Found<'n> {
    service: Option<&'n str>,
    /// The service's own address, else its node's.
    address: Option<&'n str>,
    port: Option<&'n Node<'n>>,
    tags: Option<&'n Node<'n>>,
    meta: Option<&'n Node<'n>>,
    node: Option<&'n str>,
    datacenter: Option<&'n str>,
    kind: Option<&'n str>,
    /// It is all that an agent says, which leaves out its own address.
    of_agent: bool,
}

/// A text that is not empty.
fn text<'n>(node: &'n Node<'_>, name: &str) -> Option<&'n str> {
    node.get(name)?.text().map(str::trim).filter(|text| !text.is_empty())
}

impl Reader<'_, '_, '_> {
    fn answer(&mut self, answer: &Node<'_>) -> Result<(), Error> {
        let is_map = |node: &Node<'_>| matches!(node.value, Value::Map(_));
        match &answer.value {
            Value::Seq(items) => items.iter().try_for_each(|item| self.entry(item)),
            Value::Map(_) if answer.get("ServiceName").is_some() => self.entry(answer),
            Value::Map(_) if answer.get("Services").is_some() => self.node(answer),
            Value::Map(entries) if entries.iter().all(|e| matches!(e.node.value, Value::Seq(_))) => self
                .refuse(
                    answer,
                    "these are names of services, or nothing; ask /v1/catalog/service/NAME for each, or name \
                     consul://HOST:PORT as the inventory",
                ),
            Value::Map(entries) if entries.iter().all(|e| is_map(&e.node)) => {
                entries.iter().try_for_each(|entry| self.agent(&entry.node, None))
            }
            _ => {
                self.refuse(answer, "expected an answer of Consul, such as that of /v1/catalog/service/NAME")
            }
        }
    }

    fn refuse(&self, at: &Node<'_>, message: &str) -> Result<(), Error> {
        Err(self.file.refused(at.place.line, at.place.column, message.to_owned()))
    }

    /// One of a list: of a service, of its health, of nodes.
    fn entry(&mut self, entry: &Node<'_>) -> Result<(), Error> {
        if let (Some(node), Some(_)) = (entry.get("Node"), entry.get("Service"))
            && matches!(node.value, Value::Map(_))
        {
            return entry.get("Service").map_or(Ok(()), |service| self.agent(service, Some(node)));
        }
        let found = Found {
            service: text(entry, "ServiceName"),
            address: text(entry, "ServiceAddress").or_else(|| text(entry, "Address")),
            port: entry.get("ServicePort"),
            tags: entry.get("ServiceTags"),
            meta: entry.get("ServiceMeta").or_else(|| entry.get("Meta")),
            node: text(entry, "Node"),
            datacenter: text(entry, "Datacenter"),
            kind: text(entry, "ServiceKind"),
            of_agent: false,
        };
        self.take(entry, found)
    }

    /// A node with its services, as a map or a list.
    fn node(&mut self, answer: &Node<'_>) -> Result<(), Error> {
        let node = answer.get("Node");
        let services = answer.get("Services");
        let listed = services.map_or(&[][..], Node::items).iter();
        let mapped = services.map_or(&[][..], Node::entries).iter().map(|entry| &entry.node);
        listed.chain(mapped).try_for_each(|service| self.agent(service, node))
    }

    /// A service as an agent writes it, with its node where that is known.
    fn agent(&mut self, service: &Node<'_>, node: Option<&Node<'_>>) -> Result<(), Error> {
        let found = Found {
            service: text(service, "Service"),
            address: text(service, "Address").or_else(|| text(node?, "Address")),
            port: service.get("Port"),
            tags: service.get("Tags"),
            meta: service.get("Meta"),
            node: node.and_then(|node| text(node, "Node")),
            datacenter: text(service, "Datacenter").or_else(|| text(node?, "Datacenter")),
            kind: text(service, "Kind"),
            of_agent: node.is_none(),
        };
        self.take(service, found)
    }

    fn take(&mut self, at: &Node<'_>, found: Found<'_>) -> Result<(), Error> {
        let (line, column) = (at.place.line, at.place.column);
        self.found += 1;
        if found.of_agent && found.service.is_some() && found.address.is_none() {
            self.nowhere += 1;
            return Ok(());
        }
        self.intake.count_row();
        let draft = match draft(&found) {
            Ok((draft, refused)) => {
                self.refused += refused;
                draft
            }
            Err(why) => {
                let why = match found.service {
                    Some(service) => format!("service {}: {why}", quoted(service)),
                    None => why,
                };
                self.intake.bad(&self.file.name, line, column, why);
                return Ok(());
            }
        };
        let path: Vec<&str> = found.node.into_iter().chain(found.service).collect();
        let path = Some(path.join("/")).filter(|path| !path.is_empty());
        let row = draft.row(self.file.source(&FORMAT, line, path.as_deref()));
        match self.intake.take(row) {
            Ok(()) => Ok(()),
            Err(refusal) => refusal.settle(self.intake, &self.file.name, |_| (line, column)),
        }
    }

    fn tell(self) -> Result<(), Error> {
        if self.found == 0 {
            let message =
                "holds no service; look at the name that was asked for, and at what the token may read";
            return Err(self.file.refused(1, 1, message.to_owned()));
        }
        let source = self.file.source(&FORMAT, 1, None);
        if self.nowhere > 0 {
            let message = format!(
                "{} of {} services have no address but their agent's, which this answer does not say; ask \
                 /v1/catalog/service/NAME for them",
                self.nowhere, self.found
            );
            self.intake.notice(NoticeKind::LeftOut, message, Some(source.clone()));
        }
        registry::tell_refused(self.intake, self.refused, source);
        Ok(())
    }
}

/// The row of a service or a node, and how many values were not kept.
fn draft(found: &Found<'_>) -> Result<(Draft, u64), String> {
    let mut draft = Draft::default();
    let address = found.address.ok_or("neither the service nor its node has an address")?;
    let host = parse_host(address)?;
    let is_address = matches!(host, Host::Address(_));
    put_host(&mut draft, host);
    draft.ports = match found.port.map(registry::port) {
        Some(Ok(port)) => port.into_iter().collect(),
        Some(Err(why)) => return Err(format!("its port is none: {why}")),
        None => Vec::new(),
    };
    // A node alone is a host, and its name may be the one that DNS knows.
    if found.service.is_none() && is_address {
        draft.name = found.node.filter(|node| node.contains('.')).and_then(|node| parse_name(node).ok());
    }
    let own =
        [("consul", found.service), ("node", found.node), ("dc", found.datacenter), ("kind", found.kind)];
    for (key, value) in own {
        if let Some(value) = value.filter(|value| value.len() < 128 && !value.chars().any(char::is_control)) {
            draft.tag(format!("{key}={value}"));
        }
    }
    let more = [found.meta, found.tags];
    let refused = more.into_iter().flatten().map(|node| registry::fields(&mut draft, node)).sum();
    Ok((draft, refused))
}

#[cfg(test)]
mod tests;
