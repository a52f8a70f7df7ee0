//! What the public halves of keys show by themselves: ROCA (CVE-2017-15361), and Debian's predictable keys (CVE-2008-0166) by
//! the lists that were given at the look. A fact of the key, whoever serves it; every key of a look counts.
//!
//! Not here: what is owed for such a key; that is as for any other exposed one.

use crate::model::{
    observation::{Contact, Observation},
    served::Details,
    verdict::{Grade, Reason, Verdict},
};

use super::{
    heartbleed,
    verdict::{Finding, tried},
};

type Outcome = (Verdict, Reason);

/// CVE-2017-15361.
pub(super) fn roca(observation: &Observation) -> Finding {
    judge(observation, |details| match (details.roca, &details.modulus_sha1, details.key.as_deref()) {
        (true, ..) => (Verdict::Vulnerable, Reason::KeyWeak),
        (false, Some(_), _) => (Verdict::NotVulnerable, Reason::KeyNotWeak),
        // The library makes RSA keys alone.
        (false, None, Some(kind)) if !kind.starts_with("rsa") => {
            (Verdict::NotApplicable, Reason::KeyKindNotAffected)
        }
        _ => (Verdict::Inconclusive, Reason::KeyNotSeen),
    })
}

/// CVE-2008-0166. Keys of other kinds were predictable too, and no list names them.
pub(super) fn debian(observation: &Observation) -> Finding {
    judge(observation, |details| match details.listed_weak {
        Some(true) => (Verdict::Vulnerable, Reason::KeyWeak),
        Some(false) => (Verdict::NotVulnerable, Reason::KeyNotWeak),
        None => (Verdict::Inconclusive, Reason::ListDoesNotCover),
    })
}

/// The worst key decides; what is not known outweighs what is clean.
fn judge(observation: &Observation, of_key: impl Fn(&Details) -> Outcome) -> Finding {
    let outcomes: Vec<Outcome> = observation
        .certificates()
        .map(|c| c.details.as_deref().map_or((Verdict::Inconclusive, Reason::KeyNotSeen), &of_key))
        .collect();
    let rank = |o: &Outcome| match o.0 {
        Verdict::Vulnerable => 0,
        Verdict::NotVulnerable => 2,
        Verdict::NotApplicable => 3,
        _ => 1,
    };
    let vulnerable = u32::from(outcomes.iter().any(|o| o.0 == Verdict::Vulnerable));
    let (verdict, reason) =
        outcomes.into_iter().min_by_key(rank).unwrap_or_else(|| match observation.contact {
            Contact::Answered => (Verdict::Inconclusive, Reason::KeyNotSeen),
            contact => heartbleed::contact(contact, observation),
        });
    Finding { verdict, reason, grade: Grade::E2, vulnerable, tried: tried(observation) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::assess::invariants::{History, Shows};

    fn look(details: &[Option<Details>]) -> Observation {
        let mut history = History::new(1);
        history.sweep(1);
        let keys: Vec<&str> = ["K1", "K2", "K3"].into_iter().take(details.len()).collect();
        history.look("a", 1, Shows::Clean, &keys, true);
        let mut look = history.evidence.observations.remove(0);
        let others = look.other_keys.iter_mut().flatten().filter_map(|k| k.certificate.as_mut());
        let certificates = look.certificate.iter_mut().chain(others);
        for (certificate, details) in certificates.zip(details) {
            certificate.details = details.clone().map(Box::new);
        }
        look
    }

    fn rsa(roca: bool, listed_weak: Option<bool>) -> Details {
        Details {
            key: Some(Arc::from("rsa")),
            modulus_sha1: Some(Arc::from("00")),
            roca,
            listed_weak,
            ..Details::default()
        }
    }

    #[test]
    fn a_weak_key_decides_and_what_is_not_known_is_not_clean() {
        let curve = Some(Details { key: Some(Arc::from("ec-p256")), ..Details::default() });
        let old = Some(Details { key: Some(Arc::from("rsa")), ..Details::default() });
        let table: &[(&str, Option<Details>, &str, &str)] = &[
            ("marked", Some(rsa(true, None)), "vulnerable/key-weak", "inconclusive/list-does-not-cover"),
            ("listed", Some(rsa(false, Some(true))), "not-vulnerable/key-not-weak", "vulnerable/key-weak"),
            (
                "neither",
                Some(rsa(false, Some(false))),
                "not-vulnerable/key-not-weak",
                "not-vulnerable/key-not-weak",
            ),
            (
                "no list",
                Some(rsa(false, None)),
                "not-vulnerable/key-not-weak",
                "inconclusive/list-does-not-cover",
            ),
            ("a curve", curve, "not-applicable/key-kind-not-affected", "inconclusive/list-does-not-cover"),
            ("of an earlier release", old, "inconclusive/key-not-seen", "inconclusive/list-does-not-cover"),
            ("unreadable", None, "inconclusive/key-not-seen", "inconclusive/key-not-seen"),
        ];
        let told = |f: Finding| format!("{}/{}", f.verdict, f.reason);
        for (what, details, by_mark, by_list) in table {
            let seen = look(std::slice::from_ref(details));
            assert_eq!(
                (told(roca(&seen)), told(debian(&seen))),
                ((*by_mark).to_owned(), (*by_list).to_owned()),
                "{what}"
            );
        }
        let mut silent = look(&[Some(rsa(false, None))]);
        (silent.certificate, silent.contact) = (None, Contact::ProbeTimedOut);
        assert_eq!(told(roca(&silent)), "inconclusive/probe-timed-out");
    }
}
