//! The six facets of one service at one moment.
//!
//! Every facet is worked out from looks and claims alone; the headline state (state.rs) is read off
//! from them. Sentences for people are added at the very end (service.rs), since most views only serve
//! to date a state.

use crate::model::{
    facet::{FacetKind, FacetValue},
    time::Timestamp,
    verdict::Grade,
};

use super::{
    beside,
    claims::Standing,
    history::{Class, Endpoint, Track, is_after},
    index::{Index, Moment},
    keys::Keys,
    picture::Picture,
    secrets::{self, Line, Status},
};

/// A facet without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) value: FacetValue,
    pub(super) grade: Option<Grade>,
    pub(super) at: Option<Moment>,
    pub(super) until: Option<Timestamp>,
    /// It rests on a word alone, and nobody could be asked.
    pub(super) uncheckable: bool,
}

impl Mark {
    pub(super) const fn new(value: FacetValue) -> Self {
        Self { value, grade: None, at: None, until: None, uncheckable: false }
    }

    const fn at(value: FacetValue, grade: Grade, at: Option<Moment>) -> Self {
        Self { value, grade: Some(grade), at, until: None, uncheckable: false }
    }

    /// Whether nothing is owed, at whatever grade.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self.value, FacetValue::Done | FacetValue::NotApplicable | FacetValue::Waived)
    }

    /// Whether nothing is owed, at the minimum grade; or at E1, where nothing better can be had.
    pub(super) fn satisfies(&self, minimum: Grade) -> bool {
        let minimum = if self.uncheckable { minimum.min(Grade::E1) } else { minimum };
        self.is_settled() && (self.value != FacetValue::Done || self.grade.is_some_and(|g| g >= minimum))
    }
}

/// A secret on more services than this is judged once, as it stands at the end, also where an
/// earlier state of a service is dated: else a secret of the whole fleet would cost its square.
const WIDE_PATH: usize = 64;

/// Two documents of a host within so many seconds are one collection.
const COLLECTED_AGAIN: i64 = 2;

/// Everything that a service's facets depend on.
pub(super) struct View<'a, 'e> {
    pub(super) index: &'e Index<'e>,
    pub(super) keys: &'a Keys<'e>,
    pub(super) lines: &'a [Line],
    /// Every secret as it stands at the end.
    pub(super) secrets: &'a [Status<'e>],
    pub(super) service: usize,
    pub(super) track: &'a Track<'e>,
    pub(super) said: &'a Standing<'e>,
    /// Evidence up to here is known.
    pub(super) by: Moment,
    /// Waivers and certificates end by this time.
    pub(super) now: Timestamp,
    /// When the service last left every key at risk, at an earlier view.
    pub(super) left_keys_at: Option<Moment>,
    pub(super) is_final: bool,
}

/// The keys of a service at one moment. Each answer is asked for on its own; none excludes another.
#[expect(clippy::struct_excessive_bools, reason = "nine independent yes-or-no answers")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyView {
    /// It served, at some time, a key that is exposed or presumed.
    pub(super) owes: bool,
    /// It serves one now that is exposed.
    pub(super) serves_exposed: bool,
    /// It serves one now that is exposed or presumed.
    pub(super) serves_risky: bool,
    /// One of those took the place of an older key while the service still leaked.
    pub(super) early: bool,
    /// One of those was known to be at risk when the service had left them all.
    pub(super) again: bool,
    /// A look after a claim of new keys showed one of those.
    pub(super) denies_claim: bool,
    /// It serves one that is not newer than the last bad look, exposed or not.
    pub(super) serves_old: bool,
    /// It owes new keys, and which it has is not known.
    pub(super) blind: bool,
    /// Since when it serves only safe keys.
    pub(super) safe_from: Option<Moment>,
    /// Since when it owes.
    pub(super) risk_from: Option<Moment>,
}

/// Facets, and what they were read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) picture: Picture,
    pub(super) keys: KeyView,
    pub(super) presumed: bool,
    pub(super) patched: Mark,
    pub(super) restarted: Mark,
    pub(super) rekeyed: Mark,
    pub(super) revoked: Mark,
    pub(super) secrets: Mark,
    pub(super) verified: Mark,
}

impl Marks {
    /// The five that a confirming sweep confirms.
    pub(super) const fn five(&self) -> [(FacetKind, Mark); 5] {
        [
            (FacetKind::Patched, self.patched),
            (FacetKind::Restarted, self.restarted),
            (FacetKind::Rekeyed, self.rekeyed),
            (FacetKind::Revoked, self.revoked),
            (FacetKind::Secrets, self.secrets),
        ]
    }
}

impl<'e> View<'_, 'e> {
    /// All six facets.
    pub(super) fn marks(&self) -> Marks {
        let picture = self.track.picture(self.index, self.said);
        let presumed = self.track.last_bad.is_none()
            && self.keys.service_presumed(self.index, self.service, self.by).is_some();
        let keys = self.key_view(presumed);
        let mut marks = Marks {
            picture,
            keys,
            presumed,
            patched: self.patched(&picture, presumed),
            restarted: self.restarted(&picture),
            rekeyed: self.rekeyed(&keys),
            revoked: self.revoked(&keys),
            secrets: self.secrets_mark(),
            verified: Mark::new(FacetValue::Open),
        };
        let red = picture.bad > 0;
        // No waiver stands before what the last look saw red.
        self.waive(FacetKind::Patched, &mut marks.patched, red);
        self.waive(FacetKind::Restarted, &mut marks.restarted, red);
        self.waive(FacetKind::Rekeyed, &mut marks.rekeyed, false);
        self.waive(FacetKind::Revoked, &mut marks.revoked, false);
        // Where the key stays by a waiver, its certificate stays with it: revoked, it would turn users away.
        let stays = marks.rekeyed.value == FacetValue::Waived && keys.serves_risky;
        if stays && matches!(marks.revoked.value, FacetValue::Open | FacetValue::Unknown) {
            marks.revoked = marks.rekeyed;
        }
        self.waive(FacetKind::Secrets, &mut marks.secrets, false);
        marks.verified = self.verified(&marks);
        self.waive(FacetKind::Verified, &mut marks.verified, red);
        marks
    }

    fn waive(&self, facet: FacetKind, mark: &mut Mark, red: bool) {
        let open = matches!(
            mark.value,
            FacetValue::Open | FacetValue::Unknown | FacetValue::Claimed | FacetValue::TooEarly
        );
        if let Some((said, until)) = self.said.waived(Some(facet), self.now).filter(|_| open && !red) {
            *mark = Mark::at(FacetValue::Waived, said.claim.grade(), Some(said.moment));
            mark.until = Some(until);
        }
    }

    /// Endpoints that count.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint<'e>> {
        let counts = |e: &&Endpoint<'e>| self.track.class(e, self.said) != Class::Left;
        self.track.endpoints.iter().filter(counts)
    }

    /// Whether a person says that the hole cannot be there, and nothing ever showed it.
    pub(super) fn is_excused(&self) -> bool {
        self.track.last_bad.is_none() && self.said.not_affected().is_some()
    }

    fn patched(&self, picture: &Picture, presumed: bool) -> Mark {
        let owed = self.track.last_bad.is_some() || presumed;
        if let Some(mark) = beside::installed(self.track, self.said).filter(|_| owed) {
            return mark;
        }
        if let Some(bad) = picture.bad_at {
            return self.while_bad(FacetKind::Patched, bad);
        }
        if self.track.last_bad.is_none() && !presumed {
            let known = picture.is_closed() || self.is_excused();
            return Mark::new(if known { FacetValue::NotApplicable } else { FacetValue::Unknown });
        }
        // What was said before the last bad look was not true of what ran then.
        match self.said.best(FacetKind::Patched, self.track.last_bad) {
            Some((grade, at)) if grade > Grade::E0 => Mark::at(FacetValue::Done, grade, Some(at)),
            Some((grade, at)) => Mark::at(FacetValue::Claimed, grade, Some(at)),
            None => Mark::new(FacetValue::Open),
        }
    }

    /// A facet that a bad look denies: contradicted where it had been claimed, claimed where it has
    /// been since, open otherwise.
    fn while_bad(&self, facet: FacetKind, bad: Moment) -> Mark {
        if let Some((grade, at)) = self.said.best(facet, Some(bad)) {
            Mark::at(FacetValue::Claimed, grade, Some(at))
        } else if self.said.done(facet).next().is_some() {
            Mark::new(FacetValue::Contradicted)
        } else {
            Mark::new(FacetValue::Open)
        }
    }

    fn restarted(&self, picture: &Picture) -> Mark {
        if let Some(bad) = picture.bad_at {
            return if self.is_bad_again(picture) {
                Mark::new(FacetValue::Regressed)
            } else {
                self.while_bad(FacetKind::Restarted, bad)
            };
        }
        let never_bad = self.track.last_bad.is_none();
        if !picture.is_closed() {
            return Mark::new(match (never_bad, self.is_excused()) {
                _ if picture.unknown_unrestarted > 0 => FacetValue::Open,
                (true, true) => FacetValue::NotApplicable,
                (true, false) => FacetValue::Unknown,
                (false, _) => FacetValue::Open,
            });
        }
        if never_bad && picture.applicable == 0 {
            return Mark::new(FacetValue::NotApplicable);
        }
        let grade = beside::closed_grade(self.track, self.said);
        let since = self.endpoints().filter_map(|e| e.clean_since).max();
        Mark::at(FacetValue::Done, grade, since)
    }

    /// R1: everything was clean at the end of an earlier sweep, and something is bad now.
    pub(super) fn is_bad_again(&self, picture: &Picture) -> bool {
        let closed = self.track.closed_in;
        closed.is_some_and(|sweep| picture.bad_at.is_some_and(|bad| bad.sweep > sweep))
    }

    fn key_view(&self, presumed: bool) -> KeyView {
        let mut view = KeyView::default();
        if !self.index.owes_keys {
            return view;
        }
        for key in self.track.keys.keys() {
            let risk = self.keys.at_risk_from(self.index, *key, self.by);
            if let Some(from) = risk {
                view.owes = true;
                view.risk_from = Some(view.risk_from.map_or(from, |m| m.min(from)));
            }
        }
        view.blind = self.track.bad_without_key || (presumed && !view.owes);
        let claims: Vec<Moment> = self.said.done(FacetKind::Rekeyed).map(|said| said.moment).collect();
        for endpoint in self.endpoints() {
            self.add_served(endpoint, &claims, &mut view);
        }
        view
    }

    fn add_served(&self, endpoint: &Endpoint<'e>, claims: &[Moment], view: &mut KeyView) {
        let seen = endpoint.key_look.map(|l| l.moment);
        for key in endpoint.served(self.index) {
            let first = self.keys.first_seen(key);
            view.serves_old |= !is_after(first, self.track.last_bad);
            let Some(risk) = self.keys.at_risk_from(self.index, key, self.by) else {
                continue;
            };
            view.serves_risky = true;
            view.serves_exposed |= self.keys.exposed(key, self.by);
            view.again |= self.left_keys_at.is_some_and(|left| risk <= left);
            view.denies_claim |= claims.iter().any(|claim| seen.is_some_and(|seen| seen > *claim));
            let in_window = self.track.first_bad.is_some_and(|bad| first > Some(bad))
                && first <= self.track.last_bad
                && self.keys.exposed(key, self.by);
            view.early |= in_window && endpoint.replaced_by(self.index, key);
        }
        view.safe_from = view.safe_from.max(endpoint.safe_from());
    }

    fn rekeyed(&self, keys: &KeyView) -> Mark {
        if !keys.owes && !keys.blind {
            let known = self.track.last_answer.is_some() || self.is_excused();
            return Mark::new(if known { FacetValue::NotApplicable } else { FacetValue::Unknown });
        }
        if keys.serves_risky || keys.serves_old {
            return match self.said.best(FacetKind::Rekeyed, self.track.last_seen) {
                _ if keys.again => Mark::new(FacetValue::Regressed),
                _ if keys.denies_claim => Mark::new(FacetValue::Contradicted),
                _ if keys.early => Mark::new(FacetValue::TooEarly),
                Some((grade, at)) => Mark::at(FacetValue::Claimed, grade, Some(at)),
                None => Mark::new(FacetValue::Open),
            };
        }
        if keys.blind {
            return Mark::new(FacetValue::Unknown);
        }
        let grade = if self.track.safe_sweeps(self.said) >= 2 { Grade::E3 } else { Grade::E2 };
        Mark::at(FacetValue::Done, grade, keys.safe_from.or(self.track.last_seen))
    }

    fn revoked(&self, keys: &KeyView) -> Mark {
        if !keys.owes {
            return Mark::new(if keys.blind { FacetValue::Unknown } else { FacetValue::NotApplicable });
        }
        let word = self.revocation_word(keys);
        let mut mark = Mark::at(FacetValue::Done, Grade::E4, None);
        let (mut open, mut denied, mut rests, mut nobody) = (false, false, false, true);
        for certificate in self.old_certificates() {
            let standing = self.index.revocations.of(certificate);
            let expired = certificate.not_after.filter(|end| *end < self.now);
            let (grade, at) = match (expired, standing.and_then(|s| Some((s.since?, s.again))), word) {
                // The clock ended it, whichever sweep is the last.
                (Some(at), ..) => (Grade::E2, Moment { sweep: 0, at }),
                (None, Some((since, again)), _) => (if again { Grade::E3 } else { Grade::E2 }, since),
                (None, None, Some(word)) => {
                    denied |= standing.is_some_and(|s| s.vouched_after(word.1));
                    rests = true;
                    nobody &= !certificate.is_checkable();
                    word
                }
                (None, None, None) => {
                    open = true;
                    continue;
                }
            };
            mark.grade = mark.grade.map(|g| g.min(grade));
            mark.at = mark.at.max(Some(at));
        }
        mark.uncheckable = rests && nobody;
        if denied {
            return Mark::new(FacetValue::Contradicted);
        }
        if open {
            return Mark::new(FacetValue::Open);
        }
        match mark.grade {
            Some(Grade::E0) => mark.value = FacetValue::Claimed,
            // No certificate was ever seen whole, so none can be checked.
            Some(Grade::E4) => return Mark::new(FacetValue::Unknown),
            _ => {}
        }
        mark
    }

    /// A person's word that the old certificates are revoked, given after the last bad look, or after
    /// the keys came to be at risk where the service was never bad itself.
    pub(super) fn revocation_word(&self, keys: &KeyView) -> Option<(Grade, Moment)> {
        let after = self.track.last_bad.or(keys.risk_from);
        self.said.best(FacetKind::Revoked, after)
    }

    /// Certificates that this service showed on keys at risk.
    pub(super) fn old_certificates(
        &self,
    ) -> impl Iterator<Item = &'e crate::model::observation::Certificate> {
        let risky = |key: u32| self.keys.at_risk_from(self.index, key, self.by).is_some();
        let all = self.track.certificates.iter();
        all.filter(move |((key, _), _)| risky(*key)).map(|(_, certificate)| *certificate)
    }

    fn secrets_mark(&self) -> Mark {
        let linked = self.index.secrets_of.get(self.service).map_or(&[][..], Vec::as_slice);
        secrets::facet(linked.iter().filter_map(|secret| {
            let number = *secret as usize;
            let path = self.index.path_of.get(number).map_or(0, Vec::len);
            if self.is_final || path > WIDE_PATH {
                return self.secrets.get(number).cloned();
            }
            Some(secrets::status(self.index, self.keys, self.lines, number, self.by, self.now))
        }))
    }

    /// Done when every endpoint was clean, with its keys in order, at a look in a later sweep than the
    /// moment at which each of the five others was done.
    fn verified(&self, marks: &Marks) -> Mark {
        let unknown = !marks.picture.is_closed();
        let disputed = beside::conflicts(self.track, self.said).next().is_some();
        if unknown || disputed || !marks.five().iter().all(|(_, mark)| mark.is_settled()) {
            return Mark::new(FacetValue::Open);
        }
        // An address that a person's word removed is confirmed to be gone by a later sweep without it.
        let all = self.track.endpoints.iter();
        let removed = all.filter_map(|e| self.track.gone_by_word(e, self.said)).max();
        let wait = i64::from(self.index.policy.confirm_after_hours).saturating_mul(3600);
        let mut at = None;
        let speaks = |e: &&Endpoint<'e>| self.track.class(e, self.said) != Class::Deferred;
        for endpoint in self.endpoints().filter(speaks) {
            let look = endpoint.last.moment;
            // A host's documents are not parts of a sweep: a later one confirms like a later sweep, where it is a
            // collection of its own.
            let later = |done: Moment| {
                let again = look.at > done.at.plus_seconds(COLLECTED_AGAIN);
                look.sweep > done.sweep || (endpoint.last.host.is_some() && again)
            };
            let confirms = |done: Option<Moment>| {
                done.is_none_or(|done| later(done) && look.at > done.at.plus_seconds(wait))
            };
            if !confirms(removed) || !marks.five().iter().all(|(_, mark)| confirms(mark.at)) {
                return Mark::new(FacetValue::Open);
            }
            at = at.max(Some(look));
        }
        Mark::at(FacetValue::Done, Grade::E3, at)
    }
}
