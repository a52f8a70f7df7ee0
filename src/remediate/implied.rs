//! Secrets that nobody listed and that a service of its type holds all the same. Not those that are
//! listed: they come from the inventory.

use std::collections::{BTreeMap, BTreeSet};

use super::types::Types;
use crate::model::{ids::RowId, secret::Secret, service::Service};

/// What an issuer of tokens holds.
const TOKENS: [&str; 2] = ["D1", "D3"];

/// One secret for every code that a service's type implies, unless a declared secret of that type is
/// linked to the service. The id is `ROW_ID/CODE`. A service that is declared to issue tokens implies
/// D1 and D3; one that is declared not to implies neither.
pub fn implied_secrets(services: &[Service], declared: &[Secret], types: &Types) -> Vec<Secret> {
    let mut covered: BTreeMap<&RowId, BTreeSet<&str>> = BTreeMap::new();
    for secret in declared.iter().filter(|s| !s.implied) {
        let code = types.secret_type(&secret.kind).code.as_str();
        for row in &secret.services {
            covered.entry(row).or_default().insert(code);
        }
    }
    let mut out = Vec::new();
    for service in services {
        let have = covered.get(&service.row_id);
        let codes = codes(types, service);
        for code in codes.into_iter().filter(|c| !have.is_some_and(|h| h.contains(c))) {
            out.push(Secret {
                delivered_through: Vec::new(),
                checks: Vec::new(),
                id: format!("{}/{code}", service.row_id),
                kind: code.to_owned(),
                services: vec![service.row_id.clone()],
                unresolved: Vec::new(),
                owner: service.owner().map(str::to_owned),
                location: None,
                issued_at: None,
                runbook: None,
                implied: true,
                source: None,
            });
        }
    }
    out
}

fn codes<'a>(types: &'a Types, service: &Service) -> Vec<&'a str> {
    let mut codes: Vec<&str> = types.of_service(service).holds.iter().map(String::as_str).collect();
    match service.declared.issues_tokens {
        Some(true) => codes.extend(TOKENS.into_iter().filter(|c| !codes.contains(c)).collect::<Vec<_>>()),
        Some(false) => codes.retain(|c| !TOKENS.contains(c)),
        None => {}
    }
    codes.sort_by_key(|c| (c.as_bytes().first().copied(), c.len(), *c));
    codes
}

#[cfg(test)]
mod tests {
    use super::{super::tests::build, *};

    fn implied(service: &Service, declared: &[Secret]) -> Vec<String> {
        let out = implied_secrets(std::slice::from_ref(service), declared, Types::embedded());
        assert!(out.iter().all(|s| s.implied && s.services == [service.row_id.clone()]));
        out.into_iter().map(|s| s.id.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_service_type_implies_what_it_holds() {
        let table: &[(&str, u16, Option<bool>, &[&str])] = &[
            ("turn", 443, None, &["C7"]),
            ("coturn", 443, None, &["C7"]),
            ("", 5349, None, &["C7"]),
            ("postfix", 10025, None, &["C9", "D6"]),
            ("", 25, None, &["C9", "D6"]),
            ("openvpn", 443, None, &["B6", "E1"]),
            ("Load Balancer", 443, None, &["B2"]),
            ("idp", 443, None, &["D1", "D3", "D4", "E1"]),
            ("https", 443, None, &[]),
            ("https", 443, Some(true), &["D1", "D3"]),
            ("api", 443, Some(true), &["C4", "D1", "D3"]),
            ("api", 443, Some(false), &["C4"]),
            ("something of our own", 5432, None, &["C1"]),
            ("", 12345, None, &[]),
        ];
        for (kind, port, tokens, expected) in table {
            let service = build::typed("host.example.test", *port, kind, *tokens);
            assert_eq!(implied(&service, &[]), *expected, "type {kind:?} port {port} tokens {tokens:?}");
        }
    }

    #[test]
    fn a_declared_secret_covers_its_own_type_and_service_only() {
        let vpn = build::typed("vpn.example.test", 1194, "vpn", None);
        let other = build::typed("vpn2.example.test", 1194, "vpn", None);
        let table: &[(&str, &Service, &[&str])] = &[
            ("B6", &vpn, &["E1"]),
            ("tls_crypt", &vpn, &["E1"]),
            ("C1", &vpn, &["B6", "E1"]),
            ("our own word", &vpn, &["B6", "E1"]),
            ("B6", &other, &["B6", "E1"]),
        ];
        for (kind, linked, expected) in table {
            let declared = build::secret("s1", kind, &[linked], None);
            assert_eq!(
                implied(&vpn, &[declared]),
                *expected,
                "declared {kind:?} on {}",
                linked.display_name()
            );
        }
    }

    #[test]
    fn ids_join_row_and_code() {
        let turn = build::typed("turn.example.test", 5349, "turn", None);
        let out = implied_secrets(std::slice::from_ref(&turn), &[], Types::embedded());
        assert_eq!(out.first().map(|s| s.id.clone()), Some(format!("{}/C7", turn.row_id)));
    }
}
