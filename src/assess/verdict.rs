//! From one observation to one judgement, by disclosure.
//!
//! A later disclosure is one file with a `judge` of this shape and one line in [`RULES`]. Nothing in
//! here knows about other observations, claims or time: what a service owes is for the other files.

use crate::model::{
    disclosure::{Affected, Disclosure},
    observation::{Contact, Observation},
    verdict::{Grade, Judgement, Reason, Verdict},
};

use super::{heartbleed, keys_seen, probed};

/// What a rule finds in one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) reason: Reason,
    pub(super) grade: Grade,
    pub(super) vulnerable: u32,
    pub(super) tried: u32,
}

/// The judgement of one disclosure.
pub(super) type Rule = fn(&Observation) -> Finding;

/// Every disclosure that this build can judge at any depth, by its primary id; those of `--depth full` stand in
/// [`probed::RULES`].
pub(super) const RULES: &[(&str, Rule)] = &[
    ("CVE-2014-0160", heartbleed::judge),
    ("CVE-2017-15361", keys_seen::roca),
    ("CVE-2008-0166", keys_seen::debian),
];

/// The rule of a disclosure; one that says `branch-not-analysed` where there is none.
pub(super) fn rule(disclosure: &Disclosure) -> Rule {
    let mut all = RULES.iter().chain(probed::RULES);
    all.find(|(id, _)| *id == &*disclosure.id).map_or(not_analysed, |(_, rule)| *rule)
}

/// What a rule finds in an observation. Where the network cannot tell and a banner names software that the disclosure is
/// about, that is said; it is no verdict all the same, since banners name what they like and never a backport.
pub(super) fn found(observation: &Observation, disclosure: &Disclosure, rule: Rule) -> Finding {
    if disclosure.only_over.is_some_and(|transport| transport != observation.transport) {
        let (verdict, reason) = (Verdict::NotApplicable, Reason::TransportNotAffected);
        return Finding { verdict, reason, grade: Grade::E2, vulnerable: 0, tried: tried(observation) };
    }
    let mut finding = rule(observation);
    let about = |product: &str| disclosure.affected.iter().any(|row| names(row, product));
    if finding.reason == Reason::BranchNotAnalysed && observation.software.iter().any(|s| about(&s.product)) {
        finding.reason = Reason::BannerOnly;
    }
    finding
}

/// Whether a banner's product is what a row is about: its package, or the box of a maker (`vendor:F5 BIG-IP`), which calls
/// itself now this way and now that (`BigIP`).
fn names(row: &Affected, product: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let boxed = || {
        let product = letters(product);
        let maker = row.ecosystem.strip_prefix("vendor:").map(letters);
        product.len() > 3 && maker.is_some_and(|maker| maker.ends_with(&product))
    };
    row.package.eq_ignore_ascii_case(product) || boxed()
}

/// What was not reached, was left alone or failed on our side is so whatever the disclosure is.
fn not_analysed(observation: &Observation) -> Finding {
    let (verdict, reason) = match observation.contact {
        Contact::Skipped
        | Contact::DnsFailed
        | Contact::Refused
        | Contact::NoRoute
        | Contact::ConnectTimedOut
        | Contact::LocalError
        | Contact::Interrupted => heartbleed::contact(observation.contact, observation),
        _ => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
    };
    Finding { verdict, reason, grade: Grade::E2, vulnerable: 0, tried: tried(observation) }
}

/// Attempts made: those that asked, and at least one where anything was contacted at all.
pub(super) fn tried(observation: &Observation) -> u32 {
    let contacted = !matches!(
        observation.contact,
        Contact::Skipped | Contact::DnsFailed | Contact::LocalError | Contact::Interrupted
    );
    u32::try_from(observation.attempts.len()).unwrap_or(u32::MAX).max(u32::from(contacted))
}

/// Whether a disclosure, by its primary id, is asked about at `--depth full` alone.
pub fn needs_full_depth(id: &str) -> bool {
    probed::RULES.iter().any(|(known, _)| *known == id)
}

/// Judges one observation against one disclosure: the whole verdict table of DESIGN.
///
/// A single look from the network is grade E2. A disclosure without a rule in this build is
/// `inconclusive`, `branch-not-analysed`: unknown is never clean.
pub fn judge(observation: &Observation, disclosure: &Disclosure) -> Judgement {
    let finding = found(observation, disclosure, rule(disclosure));
    Judgement {
        disclosure: disclosure.id.clone(),
        verdict: finding.verdict,
        reason: finding.reason,
        grade: finding.grade,
        vulnerable: finding.vulnerable,
        tried: finding.tried,
        foreign_bytes: observation.foreign_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_known_by_the_name_that_it_gives_itself() {
        let row = Affected::new("vendor:F5 BIG-IP", "tmos", "K05121675");
        for product in ["BIG-IP", "BigIP", "bigip", "TMOS"] {
            assert!(names(&row, product), "{product}");
        }
        for product in ["nginx", "IP", "", "BIG-IQ"] {
            assert!(!names(&row, product), "{product}");
        }
        assert!(!names(&Affected::new("Debian:12", "openssl", "DSA-1"), "Debian"));
    }
}
