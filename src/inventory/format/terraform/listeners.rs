//! Load balancers of AWS with their listeners, distributions, and the certificates that tie them to one key.

use std::collections::BTreeMap;

use super::{State, resource::Resource, texts};
use crate::{
    inventory::{Error, host::parse_port, intake::Intake, tree::Node},
    model::service::TlsStack,
};

/// The types that are read here.
pub(super) const KINDS: &[&str] = &[
    "aws_lb",
    "aws_alb",
    "aws_elb",
    "aws_lb_listener",
    "aws_alb_listener",
    "aws_lb_listener_certificate",
    "aws_alb_listener_certificate",
    "aws_cloudfront_distribution",
    "aws_acm_certificate",
];

const UNUSED: &str = "load balancers without a listener in the state";

/// Reads all of them together, since they name one another.
pub(super) fn read(
    state: &mut State<'_, '_>,
    resources: &[Resource<'_, '_>],
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let of = |kinds: &'static [&'static str]| resources.iter().filter(move |r| kinds.contains(&r.kind));
    let mut balancers = BTreeMap::new();
    for balancer in of(&["aws_lb", "aws_alb"]) {
        match balancer.text("arn").or_else(|| balancer.text("id")) {
            Some(arn) => {
                balancers.insert(arn, (balancer, false));
            }
            None => state.tally.add(UNUSED, balancer.line, &balancer.address),
        }
    }
    for certificate in of(&["aws_acm_certificate"]) {
        if let Some(arn) = certificate.text("arn") {
            state.certificate(arn, certificate.line).resource = Some(certificate.address.clone());
        }
    }
    let mut more: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for extra in of(&["aws_lb_listener_certificate", "aws_alb_listener_certificate"]) {
        if let (Some(listener), Some(arn)) = (extra.text("listener_arn"), extra.text("certificate_arn")) {
            more.entry(listener).or_default().push(arn);
        }
    }
    for listener in of(&["aws_lb_listener", "aws_alb_listener"]).filter(|r| !r.data) {
        let own = listener.text("arn").and_then(|arn| more.get(arn)).map(Vec::as_slice).unwrap_or_default();
        let mut arns: Vec<&str> = listener.text("certificate_arn").into_iter().collect();
        arns.extend(own);
        let found = listener.text("load_balancer_arn").and_then(|arn| balancers.get_mut(arn));
        let Some((balancer, served)) = found else {
            state.tally.add(
                "listeners whose load balancer the state does not have",
                listener.line,
                &listener.address,
            );
            continue;
        };
        *served = true;
        let secure = matches!(listener.text("protocol"), Some("HTTPS" | "TLS"));
        let port = listener.number("port").unwrap_or_default();
        point(state, listener, balancer, (&port, secure), &arns, intake)?;
    }
    for (balancer, _) in balancers.values().filter(|(balancer, served)| !served && !balancer.data) {
        state.tally.add(UNUSED, balancer.line, &balancer.address);
    }
    for balancer in of(&["aws_elb"]).filter(|r| !r.data) {
        classic(state, balancer, intake)?;
    }
    for distribution in of(&["aws_cloudfront_distribution"]).filter(|r| !r.data) {
        cloudfront(state, distribution, intake)?;
    }
    Ok(())
}

/// One port of a balancer.
fn point(
    state: &mut State<'_, '_>,
    listener: &Resource<'_, '_>,
    balancer: &Resource<'_, '_>,
    (port, secure): (&str, bool),
    arns: &[&str],
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    if !secure {
        state.tally.add("listeners without TLS", listener.line, &listener.address);
        return Ok(());
    }
    let mut draft = state.draft(balancer);
    draft.declared.service_type = Some("balancer".to_owned());
    draft.declared.tls_stack = Some(TlsStack::Provider);
    let port = match parse_port(port) {
        Ok(port) => port,
        Err(message) => {
            state.bad(listener, message, intake);
            return Ok(());
        }
    };
    draft.ports = vec![port];
    if let Err(message) = balancer.text("dns_name").map_or(Ok(()), |name| draft.host(name)) {
        state.bad(listener, message, intake);
        return Ok(());
    }
    if let Some(name) = &draft.name {
        for arn in arns {
            state.certificate(arn, listener.line).used_by.insert(format!("{name}:{port}"));
        }
    }
    state.take(&draft, &[], listener, intake)
}

/// A classic balancer has its listeners within it.
fn classic(
    state: &mut State<'_, '_>,
    balancer: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    for listener in balancer.get("listener").map(Node::items).unwrap_or_default() {
        let text = |key: &str| listener.get(key).and_then(Node::scalar).unwrap_or_default();
        let protocol = text("lb_protocol").to_ascii_lowercase();
        let arn = text("ssl_certificate_id");
        let arns: Vec<&str> = Some(arn.as_ref()).filter(|arn| !arn.is_empty()).into_iter().collect();
        let secure = matches!(protocol.as_str(), "https" | "ssl");
        point(state, balancer, balancer, (&text("lb_port"), secure), &arns, intake)?;
    }
    Ok(())
}

/// A distribution: its own name and its aliases, one row each.
fn cloudfront(
    state: &mut State<'_, '_>,
    distribution: &Resource<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let viewer = distribution.get("viewer_certificate").and_then(|node| node.items().first());
    let arn =
        viewer.and_then(|v| v.get("acm_certificate_arn")).and_then(Node::text).filter(|arn| !arn.is_empty());
    let own = distribution.text("domain_name").map(|name| (name, false));
    let aliases = texts(distribution.get("aliases")).map(|name| (name, true));
    for (name, alias) in own.into_iter().chain(aliases) {
        if name.starts_with('*') {
            state.tally.add("wildcard names, which are not one service each", distribution.line, name);
            continue;
        }
        let mut draft = state.draft(distribution);
        draft.declared.tls_stack = Some(TlsStack::Provider);
        draft.ports = vec![443];
        if let Err(message) = draft.host(name) {
            state.bad(distribution, message, intake);
            continue;
        }
        // The provider's name has a certificate of the provider.
        if let (Some(arn), Some(name), true) = (arn, &draft.name, alias) {
            state.certificate(arn, distribution.line).used_by.insert(format!("{name}:443"));
        }
        state.take(&draft, &[], distribution, intake)?;
    }
    Ok(())
}
