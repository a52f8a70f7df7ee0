//! What one value of etcd says: a service, or something that is nobody's business.
//!
//! Values are taken for services by rules that rather leave one out than keep a secret: a bare text needs a port and
//! a host that is an address or has a dot, a JSON object a host. Messages name keys and fields, never values.

use crate::inventory::{
    declare::Draft,
    host::{Addresses, Host, parse_name, quoted},
    registry::{self, Endpoint, endpoint, put_host},
    tree::{self, Node, Value},
};

/// What a value is.
pub(super) enum Found {
    /// A service, and how many of its fields were not kept.
    Service(Box<Draft>, u64),
    /// Something that should be a service, and what is wrong with it.
    Bad(String),
    /// Something else.
    Other,
}

/// Fields that say where a service is, in the order in which they are believed. A `name` is often one for people.
const PLACES: &[&str] =
    &["host", "hostname", "fqdn", "address", "addr", "ip", "ip_address", "endpoint", "url", "name"];

/// Fields whose maps hold one tag each.
const LABELS: &[&str] = &["labels", "meta", "metadata", "attributes", "tags"];

/// Reads the value of a key.
pub(super) fn service(key: &str, value: &[u8]) -> Found {
    let mut segments = key.split('/').filter(|segment| !segment.is_empty());
    let value = value.trim_ascii();
    let skydns = segments.next() == Some("skydns");
    match value.first() {
        Some(b'{') => match tree::json(value) {
            Ok(node) if skydns => record(segments, &node),
            Ok(node) => object(&node),
            Err(_) => Found::Other,
        },
        Some(b'"') => {
            let node = tree::json(value).ok();
            node.as_ref().and_then(Node::text).map_or(Found::Other, bare)
        }
        Some(_) if !skydns => std::str::from_utf8(value).map_or(Found::Other, bare),
        _ => Found::Other,
    }
}

/// A text that is a place with a port.
fn bare(text: &str) -> Found {
    let Some(Endpoint { host, port: Some(port), explicit: true }) = endpoint(text) else {
        return Found::Other;
    };
    // `admin:12345` is as likely a password.
    if matches!(&host, Host::Name(name) if !name.contains('.')) {
        return Found::Other;
    }
    let mut draft = Draft { ports: vec![port], ..Draft::default() };
    put_host(&mut draft, host);
    Found::Service(Box::new(draft), 0)
}

/// Fields in lower case; where one stands twice, the last counts.
struct Fields<'n, 't>(&'n Node<'t>);

impl<'n, 't> Fields<'n, 't> {
    fn get(&self, name: &str) -> Option<&'n Node<'t>> {
        let mut found = self.0.entries().iter().rev();
        found.find(|entry| entry.key.eq_ignore_ascii_case(name)).map(|entry| &entry.node)
    }

    fn text(&self, name: &str) -> Option<&'n str> {
        self.get(name)?.text().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The ports of `port`, or of a list `ports`.
    fn ports(&self) -> Result<Vec<u16>, String> {
        let wrong = |name: &str, why: &str| format!("`{name}` is no port: {why}");
        if let Some(node) = self.get("port").filter(|node| node.value != Value::Null) {
            return Ok(registry::port(node).map_err(|why| wrong("port", why))?.into_iter().collect());
        }
        let mut ports = Vec::new();
        for item in self.get("ports").map_or(&[][..], Node::items) {
            let port = registry::port(item).map_err(|why| wrong("ports", why))?;
            ports.extend(port.filter(|port| !ports.contains(port)));
        }
        Ok(ports)
    }
}

/// A record of SkyDNS, as CoreDNS reads it too: the key is the name with its labels turned round.
fn record<'k>(labels: impl Iterator<Item = &'k str>, node: &Node<'_>) -> Found {
    let labels: Vec<&str> = labels.collect();
    let fields = Fields(node);
    // A record without a host is a text (TXT); `arpa` holds addresses turned round, whose names stand elsewhere too.
    let Some(host) = fields.text("host").filter(|_| labels.first() != Some(&"arpa")) else {
        return Found::Other;
    };
    let mut ports = match fields.ports() {
        Ok(ports) => ports,
        Err(why) => return Found::Bad(why),
    };
    let mail = matches!(fields.get("mail").map(|mail| &mail.value), Some(Value::Bool(true)));
    if mail && ports.is_empty() {
        ports.push(25);
    }
    let Some(Endpoint { host, .. }) = endpoint(host) else {
        return Found::Bad("`host` is neither an address nor a host name".to_owned());
    };
    let name = name_of(&labels);
    let mut draft = Draft { ports, ..Draft::default() };
    match parse_name(&name) {
        Ok(name) => draft.name = Some(name),
        Err(_) if labels.is_empty() => {}
        Err(_) => return Found::Bad(format!("{} is not a host name", quoted(&name))),
    }
    match host {
        Host::Address(address) => draft.addresses = Some(Addresses::One(address)),
        // DNS answers for the key's name, with an alias of this one.
        Host::Name(target) if draft.name.as_ref().is_some_and(|name| *name != target) => {
            draft.tag(format!("target={target}"));
        }
        Host::Name(target) => draft.name = Some(target),
    }
    let known = ["host", "port", "ports", "mail", "priority", "weight", "ttl", "targetstrip", "group", "key"];
    let refused = rest(&mut draft, node, &known);
    Found::Service(Box::new(draft), refused)
}

/// The name of a record. Its last label may be an id that tells instances apart (`a1`, `1`, a hash), where what
/// remains is still the name of a host in a domain.
fn name_of(labels: &[&str]) -> String {
    let labels = match labels.split_last() {
        Some((last, before)) if before.len() >= 3 && is_instance(last) => before,
        _ => labels,
    };
    let turned: Vec<&str> = labels.iter().rev().copied().collect();
    turned.join(".")
}

/// `a1`, `1`, `x10`, or eight and more hexadecimal digits with a decimal one among them.
fn is_instance(label: &str) -> bool {
    let digits = label.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(label);
    let short = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    let hash = label.len() >= 8
        && label.bytes().all(|b| b.is_ascii_hexdigit())
        && label.bytes().any(|b| b.is_ascii_digit());
    short || hash
}

/// A JSON object that may say where a service is.
fn object(node: &Node<'_>) -> Found {
    let fields = Fields(node);
    let ports = fields.ports();
    let with_port = !matches!(&ports, Ok(ports) if ports.is_empty());
    let mut draft = Draft::default();
    let (mut by_place, mut faulty) = (None, None);
    let mut known = vec!["port", "ports"];
    for &place in PLACES {
        let Some(text) = fields.text(place) else { continue };
        let placed = draft.name.is_some() || draft.addresses.is_some();
        let Some(Endpoint { host, port, explicit }) = endpoint(text) else {
            faulty = faulty.or(Some(place));
            continue;
        };
        // A URL of some documentation is no service of ours, and `name` may be a person's.
        let dotted = matches!(&host, Host::Address(_)) || matches!(&host, Host::Name(n) if n.contains('.'));
        let meant = match place {
            "url" => placed || explicit || with_port,
            "name" => (placed && dotted) || (!placed && (explicit || with_port)),
            "endpoint" => port.is_some() || with_port,
            _ => true,
        };
        if meant && put_host(&mut draft, host) {
            by_place = by_place.or(port);
            known.push(place);
        }
    }
    match (draft.name.is_some() || draft.addresses.is_some(), faulty) {
        (true, _) => {}
        (false, Some(place)) if with_port && place != "name" && place != "url" => {
            return Found::Bad(format!("`{place}` is neither an address nor a host name"));
        }
        (false, _) => return Found::Other,
    }
    draft.ports = match ports {
        Ok(ports) if ports.is_empty() => by_place.into_iter().collect(),
        Ok(ports) => ports,
        Err(why) => return Found::Bad(why),
    };
    if let Some(Err(why)) = fields.text("wrap").map(|wrap| draft.set("wrap", wrap)) {
        return Found::Bad(why);
    }
    let refused = rest(&mut draft, node, &known);
    Found::Service(Box::new(draft), refused)
}

/// Everything else that an object says. The number of values that were not kept.
fn rest(draft: &mut Draft, node: &Node<'_>, known: &[&str]) -> u64 {
    let is = |key: &str, names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    let mut refused = 0;
    for entry in node.entries().iter().filter(|entry| !is(&entry.key, known)) {
        refused += match &entry.node.value {
            Value::Null => 0,
            Value::Seq(_) | Value::Map(_) if is(&entry.key, LABELS) => registry::fields(draft, &entry.node),
            Value::Text(text) if entry.key.eq_ignore_ascii_case("tags") => {
                text.split(';').map(|tag| u64::from(!registry::tag(draft, tag))).sum()
            }
            _ => {
                let text = entry.node.scalar();
                u64::from(!text.is_some_and(|text| registry::field(draft, &entry.key, &text)))
            }
        };
    }
    refused
}
