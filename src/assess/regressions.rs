//! What went backwards, by code (REMEDIATION 1.5). A code stands for as long as what it names is so.

use crate::model::{
    facet::{FacetKind, FacetValue, Regression, State},
    observation::Certificate,
};

use super::{
    beside,
    facets::View,
    index::Moment,
    state::{Headline, Memory},
};

/// The codes of a service, in their order.
pub(super) fn codes(view: &View<'_, '_>, headline: &Headline, memory: &Memory) -> Vec<Regression> {
    let marks = &headline.marks;
    let finished = headline.state.is_finished();
    let table = [
        (Regression::R1, view.is_bad_again(&marks.picture)),
        (Regression::R2, marks.keys.again || has_new_endpoint_on_old_key(view)),
        (Regression::R3, reissued(view).next().is_some()),
        (Regression::R4, is_mixed(view, headline)),
        (Regression::R5, old_secret_works(headline)),
        (Regression::R6, serves_revoked(view, headline)),
        (Regression::R7, !finished && has_new_address(view, memory)),
        (Regression::R8, headline.state == State::Stale),
        (Regression::R9, !finished && view.said.expired(view.now).is_some()),
        (Regression::R10, host_denies(view)),
    ];
    table.into_iter().filter(|(_, holds)| *holds).map(|(code, _)| code).collect()
}

/// R2: an endpoint that is newer than the exposure of the key that it serves.
fn has_new_endpoint_on_old_key(view: &View<'_, '_>) -> bool {
    view.endpoints().any(|endpoint| {
        let first = view.track.address_first(endpoint.address).unwrap_or(endpoint.first);
        endpoint.served(view.index).any(|key| {
            let exposed = view.keys.exposed_from(key);
            exposed.is_some_and(|from| first.sweep > from.sweep)
        })
    })
}

/// R3: certificates that this service shows on a key that it still serves, and that were first seen
/// after the key was exposed.
pub(super) fn reissued<'a, 'e>(
    view: &'a View<'_, 'e>,
) -> impl Iterator<Item = &'e Certificate> + use<'a, 'e> {
    let served =
        view.endpoints().flat_map(|e| e.served(view.index)).collect::<std::collections::BTreeSet<u32>>();
    let own = view.track.certificates.iter();
    let (keys, index) = (view.keys, view.index);
    own.filter(move |((key, _), certificate)| {
        served.contains(key) && keys.reissued(index, *key).any(|c| c.certificate.sha256 == certificate.sha256)
    })
    .map(|(_, certificate)| *certificate)
}

/// R4: some addresses bad and some clean, where all of them once were the same.
fn is_mixed(view: &View<'_, '_>, headline: &Headline) -> bool {
    let picture = &headline.marks.picture;
    let earlier = |bad: Moment| view.track.uniform_in.is_some_and(|sweep| sweep < bad.sweep);
    picture.clean > 0 && picture.bad_at.is_some_and(earlier)
}

/// R10: clean by the network, and a host says later that the hole is there.
fn host_denies(view: &View<'_, '_>) -> bool {
    let mut all = beside::conflicts(view.track, view.said);
    all.any(|(network, own, _)| network.finding.verdict.is_clean() && own.moment > network.moment)
}

/// R5: the old one of a linked secret works, after it had been gone or said to be.
fn old_secret_works(headline: &Headline) -> bool {
    matches!(headline.marks.secrets.value, FacetValue::Regressed | FacetValue::Contradicted)
}

/// R6: said to be revoked, and still shown at a later look.
fn serves_revoked(view: &View<'_, '_>, headline: &Headline) -> bool {
    if serves_what_its_authority_revoked(view) {
        return true;
    }
    let Some((_, said)) = view.revocation_word(&headline.marks.keys) else {
        return false;
    };
    let shows =
        |look: &super::index::Look<'_>| {
            look.moment > said
                && view.index.keys(look).iter().any(|key| {
                    view.keys.at_risk_from(view.index, *key, view.by).is_some_and(|from| from <= said)
                })
        };
    view.said.done(FacetKind::Revoked).next().is_some()
        && view.endpoints().filter_map(|e| e.key_look).any(shows)
}

/// R6 as well: a later look shows a certificate that its authority had revoked by then.
fn serves_what_its_authority_revoked(view: &View<'_, '_>) -> bool {
    view.endpoints().filter_map(|e| e.key_look).any(|look| {
        look.seen.certificates().any(|certificate| {
            let standing = view.index.revocations.of(certificate);
            standing.and_then(|s| s.since).is_some_and(|since| look.moment > since)
        })
    })
}

/// R7: an address that was first seen after the service had been verified.
fn has_new_address(view: &View<'_, '_>, memory: &Memory) -> bool {
    let Some(verified) = memory.verified_at else {
        return false;
    };
    let first = |address| view.track.address_first(address);
    view.endpoints().any(|e| first(e.address).is_some_and(|first| first > verified))
}
