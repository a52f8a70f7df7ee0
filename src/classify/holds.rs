//! What a service holds that has to be made anew, and whether it issues tokens to others.

use std::collections::BTreeSet;

use super::declared;
use crate::model::{
    classified::{Answer, Basis},
    kinds::ServiceType,
    service::Service,
};

/// The key that every TLS service has.
const TLS_KEY: &str = "B1";

/// Codes of what an issuer of tokens holds: sessions, signing keys, API keys.
const TOKENS: &[&str] = &["D1", "D3", "D4", "D5", "C4"];

/// By the inventory, else by its type, else by what such a type holds.
pub(super) fn issues_tokens(service: &Service, kind: &ServiceType) -> Answer<Option<bool>> {
    if let Some(word) = service.declared.issues_tokens {
        return declared(Some(word));
    }
    if let Some(usual) = kind.issues_tokens {
        return Answer::new(Some(usual), Basis::Guessed, format!("usual for {}", kind.title));
    }
    if let Some(code) = kind.holds.iter().find(|code| TOKENS.contains(&code.as_str())) {
        return Answer::new(Some(true), Basis::Guessed, format!("a {} holds {code}", kind.title));
    }
    Answer::new(None, Basis::Nothing, "nobody said")
}

/// In the order of the tiers.
pub(super) fn codes(service: &Service, kind: &ServiceType, listed: Option<&BTreeSet<String>>) -> Vec<String> {
    let mut codes: BTreeSet<String> = kind.holds.iter().cloned().collect();
    codes.insert(TLS_KEY.to_owned());
    codes.extend(listed.into_iter().flatten().cloned());
    if service.declared.issues_tokens == Some(true) {
        codes.extend(["D1", "D3"].map(str::to_owned));
    }
    let mut codes: Vec<String> = codes.into_iter().collect();
    codes.sort_by_key(|code| (code.as_bytes().first().copied(), code.len(), code.clone()));
    codes
}
