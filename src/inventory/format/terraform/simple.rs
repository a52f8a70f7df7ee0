//! Resources that are services by themselves: which attributes hold their names, addresses and ports, by type.

use super::{State, one_address, resource::Resource};
use crate::{
    inventory::{
        Error,
        host::{Addresses, parse_ports, split_port},
        intake::Intake,
        tree::Node,
    },
    model::{
        service::{Exposure, TlsStack},
        wrap::Wrap,
    },
};

/// What is read of a type.
struct Kind {
    names: &'static [&'static str],
    /// Text attributes with a name, or `name:port`.
    hosts: &'static [&'static str],
    /// Attributes with an address; the first that has one is taken.
    addresses: &'static [&'static str],
    port: Port,
    managed: bool,
}

/// Where the port stands.
enum Port {
    /// The default ports.
    Default,
    Fixed(&'static str),
    Attribute(&'static str),
}

const fn host(
    names: &'static [&'static str],
    hosts: &'static [&'static str],
    addresses: &'static [&'static str],
) -> Kind {
    Kind { names, hosts, addresses, port: Port::Default, managed: false }
}

const fn managed(names: &'static [&'static str], hosts: &'static [&'static str], port: Port) -> Kind {
    Kind { names, hosts, addresses: &[], port, managed: true }
}

const SIMPLE: &[Kind] = &[
    host(&["aws_instance"], &["public_dns"], &["public_ip", "private_ip"]),
    managed(&["aws_db_instance"], &["address", "endpoint"], Port::Attribute("port")),
    managed(&["aws_rds_cluster"], &["endpoint", "reader_endpoint"], Port::Attribute("port")),
    managed(
        &["aws_elasticache_replication_group"],
        &["primary_endpoint_address", "reader_endpoint_address", "configuration_endpoint_address"],
        Port::Attribute("port"),
    ),
    managed(
        &["aws_elasticache_cluster"],
        &["cluster_address", "configuration_endpoint"],
        Port::Attribute("port"),
    ),
    host(&["google_compute_global_address", "google_compute_address"], &[], &["address"]),
    host(&["azurerm_public_ip"], &["fqdn"], &["ip_address"]),
    host(
        &["azurerm_linux_virtual_machine", "azurerm_windows_virtual_machine"],
        &[],
        &["public_ip_address", "private_ip_address"],
    ),
    managed(
        &["azurerm_postgresql_server", "azurerm_postgresql_flexible_server"],
        &["fqdn"],
        Port::Fixed("5432"),
    ),
    managed(&["azurerm_mysql_server", "azurerm_mysql_flexible_server"], &["fqdn"], Port::Fixed("3306")),
    managed(&["azurerm_mssql_server"], &["fully_qualified_domain_name"], Port::Fixed("1433")),
    managed(&["azurerm_redis_cache"], &["hostname"], Port::Attribute("ssl_port")),
    managed(
        &["azurerm_linux_web_app", "azurerm_windows_web_app", "azurerm_app_service"],
        &["default_hostname"],
        Port::Fixed("443"),
    ),
    host(&["digitalocean_droplet"], &[], &["ipv4_address", "ipv6_address"]),
    host(&["digitalocean_loadbalancer"], &[], &["ip"]),
    host(&["hcloud_server"], &[], &["ipv4_address", "ipv6_address"]),
    host(&["hcloud_load_balancer"], &[], &["ipv4"]),
];

/// Reads a resource; false where its type is not known.
pub(super) fn read(
    state: &mut State<'_, '_>,
    resource: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<bool, Error> {
    match resource.kind {
        "google_compute_instance" => google_instance(state, resource, intake)?,
        "google_compute_forwarding_rule" | "google_compute_global_forwarding_rule" => {
            forwarding_rule(state, resource, intake)?;
        }
        kind => match SIMPLE.iter().find(|simple| simple.names.contains(&kind)) {
            Some(simple) => take(state, simple, resource, intake)?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

fn take(
    state: &mut State<'_, '_>,
    simple: &Kind,
    resource: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let off = resource.get("transit_encryption_enabled").and_then(Node::scalar).as_deref() == Some("false");
    if off {
        state.tally.add("caches without encryption in transit", resource.line, &resource.address);
        return Ok(());
    }
    let mut base = state.draft(resource);
    base.wrap = resource.text("engine").and_then(wrap_of_engine);
    if simple.managed {
        base.declared.tls_stack = Some(TlsStack::Provider);
    }
    let port = match simple.port {
        Port::Default => String::new(),
        Port::Fixed(port) => port.to_owned(),
        Port::Attribute(name) => resource.number(name).unwrap_or_default(),
    };
    let addresses: Vec<Addresses> =
        simple.addresses.iter().filter_map(|name| one_address(resource.text(name)?)).take(1).collect();
    let mut hosts: Vec<&str> = simple.hosts.iter().filter_map(|name| resource.text(name)).collect();
    // `endpoint` of a database is its address and port once more.
    if simple.managed && resource.kind == "aws_db_instance" {
        hosts.truncate(1);
    }
    if let Some(name) = own_name(resource).filter(|_| !simple.managed) {
        hosts = vec![name];
    }
    if hosts.is_empty() {
        base.ports = parse_ports(&port).unwrap_or_default();
        return state.take(&base, &addresses, resource, intake);
    }
    for host in hosts {
        let (name, own_port) = split_port(host);
        let mut draft = base.clone();
        let parsed = draft.host(name).and_then(|()| parse_ports(own_port.unwrap_or(&port)));
        match parsed {
            Ok(ports) => draft.ports = ports,
            Err(message) => {
                state.bad(resource, message, intake);
                continue;
            }
        }
        state.take(&draft, &addresses, resource, intake)?;
    }
    Ok(())
}

/// The tag or attribute `Name`, where it is a full host name: people write anything there.
fn own_name<'n>(resource: &Resource<'n, '_>) -> Option<&'n str> {
    let tag = resource.get("tags").and_then(|tags| tags.get("Name")?.text());
    let named = ["hostname", "name"].into_iter().filter_map(|attribute| resource.text(attribute));
    let full = |name: &&str| name.contains('.') && crate::inventory::host::parse_name(name).is_ok();
    tag.into_iter().chain(named).find(full)
}

fn wrap_of_engine(engine: &str) -> Option<Wrap> {
    let begins = |with: &str| engine.contains(with);
    match engine {
        _ if begins("postgres") => Some(Wrap::Postgres),
        _ if begins("mysql") || begins("mariadb") || engine == "aurora" => Some(Wrap::Mysql),
        _ if begins("sqlserver") => Some(Wrap::Mssql),
        _ => None,
    }
}

/// An instance of Google Cloud: the outer address of an interface, else the inner one.
fn google_instance(
    state: &mut State<'_, '_>,
    resource: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let interfaces = resource.get("network_interface").map(Node::items).unwrap_or_default();
    let outer = interfaces
        .iter()
        .flat_map(|interface| interface.get("access_config").map(Node::items).unwrap_or_default())
        .filter_map(|access| one_address(access.get("nat_ip")?.text()?));
    let inner = interfaces.iter().filter_map(|interface| one_address(interface.get("network_ip")?.text()?));
    let addresses: Vec<Addresses> = outer.chain(inner).take(1).collect();
    let mut draft = state.draft(resource);
    if let Some(name) = own_name(resource)
        && let Err(message) = draft.host(name)
    {
        state.bad(resource, message, intake);
        return Ok(());
    }
    state.take(&draft, &addresses, resource, intake)
}

/// A forwarding rule: an address and a range of ports, of which one is served by TLS or not.
fn forwarding_rule(
    state: &mut State<'_, '_>,
    resource: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let addresses: Vec<Addresses> = resource.text("ip_address").and_then(one_address).into_iter().collect();
    let range = resource.number("port_range").unwrap_or_default();
    let (first, last) = range.split_once('-').unwrap_or((&range, &range));
    if first != last {
        let reason = "forwarding rules for a range of ports, which tells no single one";
        state.tally.add(reason, resource.line, &resource.address);
        return Ok(());
    }
    if matches!(first, "22" | "80" | "8080") || resource.text("ip_protocol") == Some("UDP") {
        state.tally.add("forwarding rules without TLS", resource.line, &resource.address);
        return Ok(());
    }
    let mut draft = state.draft(resource);
    match parse_ports(first) {
        Ok(ports) => draft.ports = ports,
        Err(message) => {
            state.bad(resource, message, intake);
            return Ok(());
        }
    }
    if resource.text("load_balancing_scheme").is_some_and(|scheme| scheme.starts_with("INTERNAL")) {
        draft.declared.exposure = Some(Exposure::Internal);
    }
    state.take(&draft, &addresses, resource, intake)
}
