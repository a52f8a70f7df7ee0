//! Whether a leaf names the host that clients ask for (RFC 9525).
//!
//! - Only subjectAltName counts, never the common name; where the common name alone matches, the sentence says so.
//! - A wildcard is a whole left-most label and stands for one whole label, A-labels among them. Behind it stand at
//!   least two labels, as OpenSSL and Firefox demand: `*.test` names nothing.
//! - The host is what clients send as SNI: the declared SNI, else the declared name, as A-labels in lower case and
//!   without a final dot. For XMPP that is the domain, which certificates of XMPP name.
//! - A row that gives an address alone cannot be judged by name: inventories of networks have them, and what users
//!   type is not known. Only where the certificate names addresses, and not this one, is that a finding.
//! - As many names as are kept of a certificate, and none of them the host: nothing is known of the rest.

use std::net::IpAddr;

use super::{name_of, quoted};
use crate::model::{
    finding::{Finding, FindingKind},
    observation::{Certificate, Observation},
    service::Service,
};

/// As many names as evidence keeps of a certificate: there may have been more.
const MAX_KEPT: usize = 100;
/// How many of a certificate's names a sentence shows.
const SHOWN: usize = 3;

/// What is wrong with the names of the leaf.
pub(super) fn finding(observation: &Observation, service: &Service) -> Option<Finding> {
    let leaf = observation.certificate.as_ref()?;
    leaf.not_before?; // could not be read, and that is told elsewhere
    let (kind, detail) = match service.sni_to_send() {
        Some(host) => by_host(leaf, host)?,
        None => by_address(leaf, declared_address(service).or(observation.address)?)?,
    };
    Some(Finding { kind, detail, certificate: Some(leaf.sha256) })
}

fn by_host(leaf: &Certificate, declared: &str) -> Option<(FindingKind, String)> {
    let Some(host) = host_name(declared) else {
        let detail =
            format!("the declared name {} is no host name that a certificate can name", quoted(declared));
        return Some((FindingKind::CertificateUnchecked, detail));
    };
    if leaf.names.iter().any(|presented| names_host(presented, &host)) {
        return None;
    }
    if leaf.names.len() >= MAX_KEPT {
        let detail = format!(
            "the certificate {} has {MAX_KEPT} names or more, and {} is not among the first {MAX_KEPT}",
            name_of(leaf),
            quoted(&host)
        );
        return Some((FindingKind::CertificateUnchecked, detail));
    }
    let common = leaf.common_names();
    let note = if common.iter().any(|name| names_host(name, &host)) {
        "; its common name does, where clients do not look"
    } else {
        ""
    };
    let detail = format!("the certificate {}, not {}{note}", what_it_names(&leaf.names), quoted(&host));
    Some((FindingKind::NameMismatch, detail))
}

fn by_address(leaf: &Certificate, address: IpAddr) -> Option<(FindingKind, String)> {
    let address = address.to_canonical();
    let named: Vec<String> = leaf.names.iter().filter(|n| n.parse::<IpAddr>().is_ok()).cloned().collect();
    let is_it = |n: &String| n.parse::<IpAddr>().is_ok_and(|n| n.to_canonical() == address);
    if named.is_empty() || named.iter().any(is_it) || leaf.names.len() >= MAX_KEPT {
        return None;
    }
    Some((FindingKind::NameMismatch, format!("the certificate {}, not `{address}`", what_it_names(&named))))
}

fn declared_address(service: &Service) -> Option<IpAddr> {
    service.sni.as_deref().or(service.name.as_deref())?.parse().ok()
}

fn what_it_names(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|n| quoted(n)).collect();
    match (shown.is_empty(), names.len().saturating_sub(SHOWN)) {
        (true, _) => "names no host".to_owned(),
        (_, 0) => format!("names {}", shown.join(", ")),
        (_, more) => format!("names {} and {more} more", shown.join(", ")),
    }
}

/// A declared name as certificates write it: A-labels, lower case, no final dot (RFC 5891, RFC 9525 section 2).
pub(super) fn host_name(declared: &str) -> Option<String> {
    let name = idna::domain_to_ascii(declared.strip_suffix('.').unwrap_or(declared)).ok()?;
    let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_graphic());
    (name.len() <= 253 && name.split('.').all(label)).then_some(name)
}

/// Whether a presented name names a host, which [`host_name`] made.
pub(super) fn names_host(presented: &str, host: &str) -> bool {
    if presented.parse::<IpAddr>().is_ok() {
        return false;
    }
    let Some(parent) = presented.strip_prefix("*.") else {
        return presented.eq_ignore_ascii_case(host);
    };
    let at_least_two =
        parent.contains('.') && parent.split('.').all(|label| !label.is_empty() && label != "*");
    at_least_two && host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
}
