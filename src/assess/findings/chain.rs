//! What a trust store made of the chain, and the order it comes in.
//!
//! A chain that breaks off may lack a certificate, or come from a private authority whose root servers need not send
//! (RFC 5246, 7.4.2): both look the same from outside, and the sentence names both.

use super::{name_of, quoted};
use crate::model::{
    finding::{Finding, FindingKind},
    observation::{Certificate, Observation},
    served::{Served, Trust, TrustResult},
};

/// What is wrong with the chain.
pub(super) fn findings(observation: &Observation) -> Vec<Finding> {
    let (Some(leaf), Some(served)) = (&observation.certificate, &observation.served) else {
        return Vec::new();
    };
    let mut found: Vec<Finding> = match &served.trust {
        Some(trust) => untrusted(leaf, served, trust).into_iter().collect(),
        None => self_issued(leaf).into_iter().collect(),
    };
    found.extend(order(leaf, served));
    found
}

fn untrusted(leaf: &Certificate, served: &Served, trust: &Trust) -> Option<Finding> {
    let store = store(trust);
    let because = trust.detail.as_deref().map(|d| format!(": {}", super::plain(d))).unwrap_or_default();
    let (kind, detail) = match trust.result {
        // The dates themselves are told of each certificate.
        TrustResult::Trusted | TrustResult::OutsideDates => return None,
        TrustResult::SelfSigned => {
            let detail = format!("the certificate {} signed itself and is not in {store}", name_of(leaf));
            (FindingKind::SelfSigned, detail)
        }
        TrustResult::UnknownIssuer => {
            (FindingKind::UnknownIssuer, format!("the chain is whole and leads to no root of {store}"))
        }
        TrustResult::Incomplete => (FindingKind::ChainIncomplete, incomplete(leaf, served, &store)),
        TrustResult::Broken => (FindingKind::ChainBroken, format!("clients refuse the chain{because}")),
        TrustResult::Unsupported => {
            (FindingKind::CertificateUnchecked, format!("the chain could not be judged{because}"))
        }
    };
    Some(Finding { kind, detail, certificate: Some(leaf.sha256) })
}

fn store(trust: &Trust) -> String {
    if &*trust.store == "system" { "the system's trust store".to_owned() } else { quoted(&trust.store) }
}

/// Names the issuer that nobody has. It is that of the first certificate on the way up whose issuer was not served.
fn incomplete(leaf: &Certificate, served: &Served, store: &str) -> String {
    let mut last = leaf;
    // At most as many steps as certificates: issuers that name each other in a circle end it.
    for _ in &served.issuers {
        let next = served.issuers.iter().find(|c| c.subject.is_some() && c.subject == last.issuer);
        match next {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let issuer = last.issuer.as_deref().filter(|i| !i.is_empty());
    let issuer = issuer.map(|i| format!(" {}", quoted(i))).unwrap_or_default();
    format!(
        "the issuer{issuer} was not served and is not in {store}: a missing certificate, or a private authority"
    )
}

/// Without a store: what can be said all the same.
fn self_issued(leaf: &Certificate) -> Option<Finding> {
    leaf.details.as_ref()?.self_issued.then(|| Finding {
        kind: FindingKind::SelfSigned,
        detail: format!(
            "the certificate {} names itself as its issuer; there is no trust store to find it in",
            name_of(leaf)
        ),
        certificate: Some(leaf.sha256),
    })
}

fn order(leaf: &Certificate, served: &Served) -> Option<Finding> {
    if served.in_order || served.issuers.is_empty() {
        return None;
    }
    let all = std::iter::once(leaf).chain(&served.issuers);
    let unread = all.filter(|c| c.subject.is_none()).count();
    let note = match unread {
        0 => String::new(),
        n => format!("; {n} of them cannot be read"),
    };
    Some(Finding {
        kind: FindingKind::ChainOrder,
        detail: format!(
            "of the {} certificates served, not each was issued by the next one{note}",
            served.issuers.len().saturating_add(1)
        ),
        certificate: None,
    })
}
