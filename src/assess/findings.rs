//! What is wrong with what an endpoint serves: certificates, chain, what users get. Apart from any disclosure: nothing
//! here moves a verdict, a facet or a state.
//!
//! Judged as of `now`, from one look: a certificate that was good when it was seen and has ended since is expired.
//! Whether the certificate served is revoked, and whether the wrap is another one, others tell.
//!
//! - Dates and strength are told of every certificate served: the leaf, leaves of other keys, those behind the leaf.
//!   Names are compared for the first leaf alone, since another key may have come to a hello that named no host, which
//!   the evidence does not say.
//! - What could not be judged is a finding of its own (`certificate-unchecked`). Without a trust store there is none
//!   for each endpoint: the sweep says that once.

mod chain;
mod dates;
mod names;
mod strength;

use crate::model::{
    finding::{Finding, FindingKind, FindingRules},
    observation::{Certificate, Observation},
    served::Expectation,
    service::Service,
    text::printable,
    time::Timestamp,
};

/// The longest text of a name, an expectation or a note that enters a sentence, in characters.
const MAX_TEXT: usize = 80;

/// Everything that is wrong at one endpoint, outages first, then by kind, then as served. `staple`: whether an OCSP
/// answer came with the leaf that can be believed; None where nobody asked for one.
pub(super) fn findings(
    observation: &Observation,
    service: &Service,
    now: Timestamp,
    rules: &FindingRules,
    staple: Option<bool>,
) -> Vec<Finding> {
    let served = certificates(observation);
    let mut found = Vec::new();
    for one in &served {
        found.extend(dates::findings(one, observation, now, rules));
        found.extend(strength::findings(one));
    }
    found.extend(names::finding(observation, service));
    found.extend(chain::findings(observation));
    found.extend(staple_missing(observation, staple));
    found.extend(observation.expectations.iter().flat_map(expectation));
    // Stable: within a kind the order served stays.
    found.sort_by_key(|f| (!f.kind.is_outage(), f.kind));
    found.dedup();
    found
}

/// What a certificate is in what was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Leaf,
    OtherLeaf,
    Issuer,
    /// Issued by itself and not the leaf: clients take this one from their own store.
    Root,
}

/// One certificate that was served.
#[derive(Clone, Copy, Debug)]
struct Shown<'o> {
    certificate: &'o Certificate,
    role: Role,
}

impl Shown<'_> {
    /// What to call it in a sentence.
    fn title(&self) -> String {
        let what = match self.role {
            Role::Leaf => "the certificate",
            Role::OtherLeaf => "the certificate of another key",
            Role::Issuer => "the authority's certificate",
            Role::Root => "the root's certificate",
        };
        format!("{what} {}", name_of(self.certificate))
    }

    fn finding(&self, kind: FindingKind, detail: String) -> Finding {
        Finding { kind, detail, certificate: Some(self.certificate.sha256) }
    }
}

/// Every certificate that was served, each once: leaves first, then those behind the first leaf.
fn certificates(observation: &Observation) -> Vec<Shown<'_>> {
    let leaf = observation.certificate.iter().map(|c| (c, Role::Leaf));
    let others = observation.other_keys.iter().flatten().filter_map(|k| k.certificate.as_ref());
    let issuers = observation.served.iter().flat_map(|s| &s.issuers).map(|c| {
        let root = c.details.as_ref().is_some_and(|d| d.self_issued);
        (c, if root { Role::Root } else { Role::Issuer })
    });
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for (certificate, role) in leaf.chain(others.map(|c| (c, Role::OtherLeaf))).chain(issuers) {
        if !shown.iter().any(|s| s.certificate.sha256 == certificate.sha256) {
            shown.push(Shown { certificate, role });
        }
    }
    shown
}

/// A certificate by its subject, its first name or its digest, in back quotes.
fn name_of(certificate: &Certificate) -> String {
    let subject = certificate.subject.as_deref().filter(|s| !s.is_empty());
    match subject.or(certificate.names.first().map(String::as_str)) {
        Some(text) => quoted(text),
        None => format!("with SHA-256 `{:.16}`", certificate.sha256.to_string()),
    }
}

/// A text that somebody else wrote, safe to show and not too long, in back quotes.
fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(MAX_TEXT).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", printable(&cut).replace('`', "'"))
}

/// The certificate demands a stapled answer and none came. Absent facts are no fault.
fn staple_missing(observation: &Observation, staple: Option<bool>) -> Option<Finding> {
    let leaf = observation.certificate.as_ref()?;
    let demanded = leaf.details.as_ref().is_some_and(|d| d.must_staple);
    (demanded && staple == Some(false)).then(|| Finding {
        kind: FindingKind::StapleMissing,
        detail: format!(
            "the certificate {} demands a stapled OCSP answer and none came that holds",
            name_of(leaf)
        ),
        certificate: Some(leaf.sha256),
    })
}

/// What users must get and did not, or could not be tried, and what their page loads in the clear.
fn expectation(one: &Expectation) -> Vec<Finding> {
    let expect = quoted(&one.expect);
    let because = one.saw.as_deref().map(|saw| format!(": {}", plain(saw))).unwrap_or_default();
    let plain_finding = |kind, detail| Finding { kind, detail, certificate: None };
    let mut found = Vec::new();
    match one.met {
        Some(true) => {}
        Some(false) => {
            let detail = format!("users do not get what is expected, {expect}{because}");
            found.push(plain_finding(FindingKind::ExpectationFailed, detail));
        }
        None => {
            let detail = format!("what users get could not be tried, {expect}{because}");
            found.push(plain_finding(FindingKind::ExpectationUntried, detail));
        }
    }
    match one.mixed.len() {
        0 => {}
        n => {
            let detail =
                format!("the page of {expect} loads {n} {} in the clear", plural(n, "resource", "resources"));
            found.push(plain_finding(FindingKind::MixedContent, detail));
        }
    }
    found
}

/// A note of ours, bounded all the same.
fn plain(note: &str) -> String {
    printable(&note.chars().take(2 * MAX_TEXT).collect::<String>()).into_owned()
}

const fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

#[cfg(test)]
mod tests;
