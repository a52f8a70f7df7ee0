//! Services: what a balancer serves from outside, and what looks like TLS inside the cluster.

use super::{
    Dump, Object, balancer,
    hints::{self, Looks},
    meta, one_address,
};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Addresses, parse_port},
        intake::Intake,
        tree::Node,
    },
    model::{
        service::Exposure,
        wrap::{Transport, Wrap},
    },
};

/// The annotation by which external-dns gives names to a service.
const EXTERNAL_DNS: &str = "external-dns.alpha.kubernetes.io/hostname";

/// A Service, by its type.
pub(super) fn service(
    dump: &mut Dump<'_, '_>,
    object: &Object<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let line = object.node.place.line;
    let spec = |key: &str| object.node.at(&["spec", key]);
    let kind = spec("type").and_then(Node::text).unwrap_or("ClusterIP");
    if kind == "ExternalName" {
        dump.tally.add("ExternalName services, which only lead to a name elsewhere", line, &object.path());
        return Ok(());
    }
    let (mut addresses, names) = balancer(object);
    let listed = spec("externalIPs").map(Node::items).unwrap_or_default();
    addresses.extend(listed.iter().filter_map(Node::text).filter_map(one_address));
    if addresses.is_empty() && names.is_empty() {
        addresses.extend(spec("loadBalancerIP").and_then(Node::text).and_then(one_address));
    }
    if kind == "LoadBalancer" || !addresses.is_empty() {
        return outside(dump, object, &addresses, &names, intake);
    }
    if kind == "NodePort" {
        dump.tally.add(
            "NodePort services, whose node ports are on nodes that the file does not tell",
            line,
            &object.path(),
        );
    }
    if spec("clusterIP").and_then(Node::text) == Some("None") {
        dump.tally.add("headless services, whose pods the file does not tell", line, &object.path());
        return Ok(());
    }
    inside(dump, object, intake)
}

/// What is reached through a balancer or an address of its own.
fn outside(
    dump: &mut Dump<'_, '_>,
    object: &Object<'_, '_>,
    addresses: &[Addresses],
    balancers: &[String],
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let own = meta::annotation(object, EXTERNAL_DNS).unwrap_or_default();
    let own: Vec<&str> =
        own.split(',').map(str::trim).filter(|n| !n.is_empty() && !n.starts_with('*')).collect();
    let names: Vec<&str> = if own.is_empty() { balancers.iter().map(String::as_str).collect() } else { own };
    if names.is_empty() && addresses.is_empty() {
        let reason = "LoadBalancer services that have neither an address nor a name yet";
        dump.tally.add(reason, object.node.place.line, &object.path());
        return Ok(());
    }
    let mut base = meta::draft(dump, object, intake);
    base.tag_pair("service", &object.path());
    for name in balancers {
        base.tag_pair("balancer", name);
    }
    for port in ports(dump, object, intake) {
        if port.looks == Looks::Plain {
            dump.tally.add(
                "ports of balancers that speak another protocol than TLS",
                port.line,
                &object.path(),
            );
            continue;
        }
        if names.is_empty() {
            dump.take(&port.draft(&base), addresses, object, intake)?;
        }
        for name in &names {
            let mut draft = port.draft(&base);
            match draft.host(name) {
                Ok(()) => {
                    dump.take(&draft, addresses, object, intake)?;
                }
                Err(message) => dump.bad(object.node, message, intake),
            }
        }
    }
    Ok(())
}

/// What is reached from inside the cluster alone.
fn inside(dump: &mut Dump<'_, '_>, object: &Object<'_, '_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut ports = ports(dump, object, intake);
    let all = ports.len();
    ports.retain(|port| port.looks == Looks::Tls);
    if ports.len() < all {
        let reason = "services inside the cluster with ports that do not look like TLS, which are left out";
        dump.tally.add(reason, object.node.place.line, &object.path());
    }
    if ports.is_empty() {
        return Ok(());
    }
    let mut base = meta::draft(dump, object, intake);
    // A node port is open on every node.
    if object.node.at(&["spec", "type"]).and_then(Node::text) != Some("NodePort") {
        base.declared.exposure.get_or_insert(Exposure::Internal);
    }
    if let Err(message) = base.host(&format!("{}.{}.svc.cluster.local", object.name, object.namespace)) {
        dump.bad(object.node, message, intake);
        return Ok(());
    }
    let spec = |key: &str| object.node.at(&["spec", key]);
    let several = spec("clusterIPs").map(Node::items).unwrap_or_default().iter().filter_map(Node::text);
    let mut addresses: Vec<Addresses> = several.filter_map(one_address).collect();
    if addresses.is_empty() {
        addresses.extend(spec("clusterIP").and_then(Node::text).and_then(one_address));
    }
    for port in ports {
        dump.take(&port.draft(&base), &addresses, object, intake)?;
    }
    Ok(())
}

/// One port that TCP or UDP carries.
struct Port {
    number: u16,
    line: u32,
    transport: Transport,
    wrap: Option<Wrap>,
    looks: Looks,
}

impl Port {
    fn draft(&self, base: &Draft) -> Draft {
        Draft {
            ports: vec![self.number],
            transport: Some(self.transport),
            wrap: base.wrap.or(self.wrap),
            ..base.clone()
        }
    }
}

fn ports(dump: &mut Dump<'_, '_>, object: &Object<'_, '_>, intake: &mut Intake<'_>) -> Vec<Port> {
    let mut ports = Vec::new();
    for node in object.node.at(&["spec", "ports"]).map(Node::items).unwrap_or_default() {
        let line = node.place.line;
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
        let number = node.get("port").and_then(Node::scalar).unwrap_or_default();
        let port = match parse_port(&number) {
            Ok(port) => port,
            Err(message) => {
                dump.bad(node, message, intake);
                continue;
            }
        };
        match text("protocol") {
            "" | "TCP" => {
                let looks = hints::looks(port, text("name"), text("appProtocol"));
                ports.push(Port { number: port, line, transport: Transport::Tcp, wrap: None, looks });
            }
            "UDP" if hints::udp(port, text("name")).is_some() => {
                let wrap = hints::udp(port, text("name"));
                ports.push(Port { number: port, line, transport: Transport::Udp, wrap, looks: Looks::Tls });
            }
            _ => dump.tally.add("UDP and SCTP ports that are not known to carry TLS", line, &object.path()),
        }
    }
    ports
}
