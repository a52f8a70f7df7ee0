//! Signatures and keys that are too weak. The limits are those of SP 800-57 for 112 bits of security: RSA and DSA
//! from 2048 bits, curves from 224.
//!
//! A root's own signature proves nothing to anybody and is left out; that of a leaf which signed itself is not.

use super::{Role, Shown};
use crate::model::finding::{Finding, FindingKind};

/// What is weak about one.
pub(super) fn findings(one: &Shown<'_>) -> Vec<Finding> {
    let Some(details) = one.certificate.details.as_deref() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(hash) = details.signature.as_deref().and_then(weak_hash)
        && one.role != Role::Root
    {
        found.push(one.finding(FindingKind::WeakSignature, format!("{} is signed with {hash}", one.title())));
    }
    if let (Some(key), Some(bits)) = (details.key.as_deref(), details.key_bits)
        && let Some((kind, least)) = least_bits(key)
        && bits < least
    {
        let detail =
            format!("{} has a key of {kind} with {bits} bits, of which {least} is the least", one.title());
        found.push(one.finding(FindingKind::WeakKey, detail));
    }
    found
}

/// The broken hash in a signature algorithm's name. Names are ours: `probe` gives them by object identifier.
fn weak_hash(signature: &str) -> Option<&'static str> {
    const WEAK: &[(&str, &str)] = &[("md2", "MD2"), ("md4", "MD4"), ("md5", "MD5"), ("sha1", "SHA-1")];
    let name = signature.to_ascii_lowercase();
    WEAK.iter().find(|(hash, _)| name.contains(hash)).map(|(_, shown)| *shown)
}

fn least_bits(key: &str) -> Option<(&'static str, u32)> {
    match key {
        "rsa" | "rsa-pss" | "rsa-oaep" => Some(("RSA", 2048)),
        "dsa" => Some(("DSA", 2048)),
        _ if key == "ec" || key.starts_with("ec-") => Some(("an elliptic curve", 224)),
        _ => None,
    }
}
