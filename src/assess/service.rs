//! One service from its history to its entry in the assessment: the views that date its state, then
//! the last one with words.
//!
//! The words say what was read off; nothing is decided here.

use std::collections::BTreeSet;

use crate::model::{
    assessment::{EndpointAssessment, OldCertificate, ServiceAssessment},
    claim::Subject,
    facet::{Facet, FacetKind, FacetValue, Facets},
    ids::{RowId, Spki},
    revocation::{RevocationReason, RevocationStatus},
    time::Timestamp,
};

use super::{
    beside,
    claims::{Standing, short},
    facets::{Mark, Marks, View},
    history::{Class, Endpoint, Track, replay},
    index::{Index, Look, Moment, NONE, count},
    keys::{KeyPlace, Keys},
    next, regressions,
    secrets::{Line, Status},
    shown,
    state::{Headline, Memory, headline},
};

/// How many services that share a key are listed. A wildcard key on a whole network would otherwise
/// cost its square; the keys' own entries name every place.
const SHARED_LISTED: usize = 100;

/// What every service is judged against.
pub(super) struct Fleet<'a, 'e> {
    pub(super) index: &'e Index<'e>,
    pub(super) keys: &'a Keys<'e>,
    pub(super) lines: &'a [Line],
    pub(super) secrets: &'a [Status<'e>],
    /// Keys served now, sorted.
    pub(super) served: &'a [KeyPlace],
    pub(super) now: Timestamp,
}

impl<'e> Fleet<'_, 'e> {
    /// The entry of one service.
    pub(super) fn assess(&self, service: usize) -> ServiceAssessment {
        let mut memory = Memory::default();
        let (track, said) = replay(self.index, self.keys, service, |track, said, moment| {
            let by = self.index.settled(moment);
            let mut view = self.view(service, track, said, by, memory.left_keys_at);
            view.now = moment.at.min(self.now);
            memory.keep(&headline(&view), moment, by);
        });
        let mut view = self.view(service, &track, &said, Moment::end_of(NONE), memory.left_keys_at);
        view.is_final = true;
        let headline = headline(&view);
        memory.end(&headline, &view);
        self.entry(&view, &headline, &memory)
    }

    fn view<'v>(
        &'v self,
        service: usize,
        track: &'v Track<'e>,
        said: &'v Standing<'e>,
        by: Moment,
        left_keys_at: Option<Moment>,
    ) -> View<'v, 'e> {
        View {
            index: self.index,
            keys: self.keys,
            lines: self.lines,
            secrets: self.secrets,
            service,
            track,
            said,
            by,
            now: self.now,
            left_keys_at,
            is_final: false,
        }
    }

    fn entry(&self, view: &View<'_, 'e>, headline: &Headline, memory: &Memory) -> ServiceAssessment {
        let index = self.index;
        let (track, said, marks) = (view.track, view.said, &headline.marks);
        let declared = index.evidence.services.get(view.service);
        let sharing = self.sharing(view);
        let endpoints = endpoints(view);
        let hosts = beside::views(track, said);
        let (findings, software) = shown::of_service(view);
        let worst = marks.picture.worst.or(marks.picture.worst_left);
        let decided = |e: &&EndpointAssessment| e.verdict.is_decided();
        let linked = index.secrets_of.get(view.service).map_or(&[][..], Vec::as_slice);
        let done = linked.iter().filter(|n| self.secrets.get(**n as usize).is_some_and(|s| s.closed));
        ServiceAssessment {
            row_id: declared.map_or_else(|| RowId::declared(""), |s| s.row_id.clone()),
            disclosure: index.disclosure.id.clone(),
            state: headline.state,
            state_since: memory.since,
            verdict: worst.map(|(verdict, _)| verdict),
            reason: worst.map(|(_, reason)| reason),
            facets: facets(view, marks, memory),
            spki_before: self.spkis(track.keys.keys().copied().filter(|k| risky(view, *k))),
            spki_now: self.spkis(view.endpoints().flat_map(|e| e.served(index))),
            certificate: track.certificate.cloned(),
            old_certificates: old_certificates(view, marks),
            next_action: next::action(view, headline),
            blocked_by: next::blocked_by(view, headline, &sharing),
            regressions: regressions::codes(view, headline, memory),
            notes: notes(view, headline, sharing.len()),
            key_shared_with: sharing.into_iter().take(SHARED_LISTED).collect(),
            presumed: marks.presumed,
            last_bad: track.last_bad.map(|m| m.at),
            first_good: first_good(view, marks).map(|m| m.at),
            first_seen: track.first_seen.map(|m| m.at),
            last_seen: track.last_seen.map(|m| m.at),
            probes_ok: count(endpoints.iter().filter(decided).count()),
            probes_total: count(endpoints.len()),
            endpoints,
            secrets_total: count(linked.len()),
            secrets_done: count(done.count()),
            due: declared.map(|s| {
                tracked_due(index, &s.row_id).unwrap_or_else(|| due(index, s.exposure(), track.first_seen))
            }),
            claim: said.last(),
            waiver: standing_waiver(view).map(|said| short(said.claim)),
            justification: said.not_affected().map(|(why, _)| why),
            conflicts: beside::entries(track, said),
            linkage: beside::linkage(&hosts, declared),
            version: beside::version(&hosts).or_else(|| shown::named(&software)),
            hosts,
            findings,
            software,
        }
    }

    fn spkis(&self, keys: impl Iterator<Item = u32>) -> Vec<Spki> {
        let unique: BTreeSet<Spki> =
            keys.filter_map(|key| self.index.spkis.get(key as usize).copied()).collect();
        unique.into_iter().collect()
    }

    /// Other services that serve, or served when last seen, a key at risk of this one.
    fn sharing(&self, view: &View<'_, 'e>) -> Vec<RowId> {
        let mut others = BTreeSet::new();
        for key in view.track.keys.keys().filter(|k| risky(view, **k)) {
            let start = self.served.partition_point(|p| p.0 < *key);
            let all = self.served.get(start..).unwrap_or_default().iter();
            let others_here = all.take_while(|p| p.0 == *key).map(|p| p.1);
            // One more than is listed is enough to know that there are more.
            let room = SHARED_LISTED + 2;
            let mut last = NONE;
            for other in others_here.filter(|other| *other as usize != view.service) {
                if other != last && others.insert(other) && others.len() >= room {
                    break;
                }
                last = other;
            }
        }
        let rows = others
            .into_iter()
            .filter_map(|n| Some(self.index.evidence.services.get(n as usize)?.row_id.clone()));
        rows.collect()
    }
}

fn risky(view: &View<'_, '_>, key: u32) -> bool {
    view.keys.at_risk_from(view.index, key, view.by).is_some()
}

/// The first moment by which every endpoint that counts was clean again.
fn first_good(view: &View<'_, '_>, marks: &Marks) -> Option<Moment> {
    view.track.last_bad.filter(|_| marks.picture.is_closed())?;
    view.endpoints().filter_map(|e| e.clean_since).max()
}

fn standing_waiver<'e>(view: &View<'_, 'e>) -> Option<super::index::Said<'e>> {
    let facets = FacetKind::ALL.iter().copied().map(Some);
    let in_force = std::iter::once(None).chain(facets).find_map(|facet| view.said.waived(facet, view.now));
    in_force.or_else(|| view.said.expired(view.now)).map(|(said, _)| said)
}

/// The date that a person set in the tracker.
fn tracked_due(index: &Index<'_>, row: &RowId) -> Option<Timestamp> {
    index.evidence.tracked.get(&Subject::Service(row.clone()))?.due
}

fn due(
    index: &Index<'_>,
    exposure: crate::model::service::Exposure,
    first_seen: Option<Moment>,
) -> Timestamp {
    let hours = index.policy.due_hours.of(exposure);
    // Nobody can be late with what nobody had looked at: the clock starts with the first look, or the incident.
    let known = first_seen.map_or(index.evidence.incident.created_at, |m| m.at);
    let from = known.max(index.disclosure.disclosed_at);
    from.plus_seconds(i64::from(hours) * 3600)
}

fn endpoints(view: &View<'_, '_>) -> Vec<EndpointAssessment> {
    let latest = view.track.last_seen.map(|m| m.sweep);
    let entry = |look: &Look<'_>, address, keys: Vec<Spki>| EndpointAssessment {
        address,
        vantage: look.seen.vantage.clone(),
        sweep: look.seen.sweep,
        at: look.seen.at,
        verdict: look.finding.verdict,
        reason: look.finding.reason,
        vulnerable: look.finding.vulnerable,
        tried: look.finding.tried,
        keys,
        current: latest == Some(look.moment.sweep),
    };
    let spkis = |endpoint: &Endpoint<'_>| {
        let keys = endpoint.key_look.map_or(&[][..], |l| view.index.keys(l));
        keys.iter().filter_map(|k| view.index.spkis.get(*k as usize).copied()).collect()
    };
    // A host is no endpoint: what it says has a list of its own.
    let known = view.track.endpoints.iter().filter(|e| e.last.host.is_none());
    let known = known.map(|e| entry(view.track.standing_look(e), e.address, spkis(e)));
    let nameless = view.track.nameless().map(|look| entry(look, None, Vec::new()));
    let mut all: Vec<_> = known.chain(nameless).collect();
    all.sort_by(|a, b| (a.address, &a.vantage).cmp(&(b.address, &b.vantage)));
    all
}

fn old_certificates(view: &View<'_, '_>, marks: &Marks) -> Vec<OldCertificate> {
    let word = view.revocation_word(&marks.keys);
    let attested = word.is_some_and(|(grade, _)| grade > crate::model::verdict::Grade::E0);
    view.old_certificates()
        .map(|certificate| {
            let standing = view.index.revocations.of(certificate);
            OldCertificate {
                certificate: certificate.clone(),
                expired: certificate.not_after.is_some_and(|end| end < view.now),
                revoked: standing.is_some_and(|s| s.is_revoked())
                    || (attested && !word.zip(standing).is_some_and(|((_, said), s)| s.vouched_after(said))),
                check: standing.map(|s| s.decided.map_or(s.last, |(check, _)| check).clone()),
            }
        })
        .collect()
}

fn facets(view: &View<'_, '_>, marks: &Marks, memory: &Memory) -> Facets {
    let words = |kind: FacetKind, mark: &Mark| {
        let mut facet = Facet::new(mark.value);
        facet.grade = mark.grade;
        facet.at = mark.at.map(|m| m.at);
        facet.until = mark.until;
        facet.justification = justification(view, kind, mark);
        facet
    };
    let mut facets = Facets {
        patched: words(FacetKind::Patched, &marks.patched),
        restarted: words(FacetKind::Restarted, &marks.restarted),
        rekeyed: words(FacetKind::Rekeyed, &marks.rekeyed),
        revoked: words(FacetKind::Revoked, &marks.revoked),
        secrets: words(FacetKind::Secrets, &marks.secrets),
        verified: words(FacetKind::Verified, &marks.verified),
    };
    if marks.verified.value == FacetValue::Done && memory.confirmed_at.is_some() {
        facets.verified.at = memory.confirmed_at;
    }
    facets
}

fn justification(view: &View<'_, '_>, kind: FacetKind, mark: &Mark) -> Option<String> {
    match mark.value {
        FacetValue::Waived => {
            let (said, _) = view.said.waived(Some(kind), view.now)?;
            said.claim.note.clone().or_else(|| said.claim.reference.clone())
        }
        FacetValue::Done | FacetValue::Claimed => {
            let said = view.said.done(kind).find(|said| Some(said.moment) == mark.at)?;
            said.claim.reference.clone().or_else(|| said.claim.note.clone())
        }
        FacetValue::NotApplicable => {
            let (why, _) = view.said.not_affected().filter(|_| view.is_excused())?;
            Some(why.to_string())
        }
        _ => None,
    }
}

/// Things that a reader must know, one sentence each.
fn notes(view: &View<'_, '_>, headline: &Headline, sharing: usize) -> Vec<String> {
    let mut notes = Vec::new();
    note_looks(view, &mut notes);
    note_certificates(view, &mut notes);
    note_window(view, headline, &mut notes);
    if headline.marks.keys.blind {
        notes.push("The key that it served while it was in reach was never seen.".to_owned());
    }
    if sharing > SHARED_LISTED {
        notes.push(format!(
            "More than {SHARED_LISTED} other services serve one of its keys; the list of keys names them all."
        ));
    }
    note_revocations(view, &mut notes);
    if let Some((_, until)) = view.said.expired(view.now) {
        notes.push(format!("A waiver ran out on {}.", until.short()));
    }
    notes
}

/// Revoked for another reason than a leak wants, or only held back for now.
fn note_revocations(view: &View<'_, '_>, notes: &mut Vec<String>) {
    for certificate in view.old_certificates() {
        let standing = view.index.revocations.of(certificate);
        let check = standing.and_then(|s| s.decided).map(|(check, _)| check);
        let Some(check) = check.filter(|c| c.status == RevocationStatus::Revoked) else { continue };
        let serial = certificate.serial.as_deref().unwrap_or("without serial");
        match check.reason {
            Some(RevocationReason::KeyCompromise) => {}
            Some(RevocationReason::CertificateHold) => notes.push(format!(
                "The old certificate {serial} is on hold and not revoked: it may come back. Have it revoked with reason keyCompromise."
            )),
            reason => notes.push(format!(
                "The old certificate {serial} is revoked with reason {}, and a leak wants keyCompromise: some clients look at the reason.",
                reason.map_or("unspecified", RevocationReason::as_str)
            )),
        }
    }
}

fn note_looks(view: &View<'_, '_>, notes: &mut Vec<String>) {
    for endpoint in view.track.endpoints.iter().filter(|e| e.last.host.is_none()) {
        let look = view.track.standing_look(endpoint);
        let address = endpoint.address.map_or_else(|| "the service".to_owned(), |a| a.to_string());
        let found = &look.finding;
        if found.vulnerable > 0 && found.vulnerable < found.tried {
            notes.push(format!(
                "At {address} {} of {} attempts came out vulnerable: several backends stand behind it.",
                found.vulnerable, found.tried
            ));
        }
        let left = view.track.has_left(endpoint);
        if left && view.track.class(endpoint, view.said) == Class::Bad {
            notes.push(format!(
                "{address} was vulnerable when last seen ({}), and the name no longer leads there.",
                look.seen.at.short()
            ));
        }
    }
}

fn note_certificates(view: &View<'_, '_>, notes: &mut Vec<String>) {
    let disclosed = view.index.disclosure.disclosed_at;
    let old = |look: &Look<'_>| look.seen.certificates().any(|c| c.not_before.is_some_and(|t| t < disclosed));
    if view.endpoints().filter_map(|e| e.key_look).any(old) {
        notes.push("A certificate that it serves was issued before the disclosure.".to_owned());
    }
    for certificate in regressions::reissued(view) {
        let dated = certificate.not_before.map_or_else(String::new, |t| format!(", valid from {}", t.date()));
        notes.push(format!(
            "Certificate {}{dated}, was first seen after its key had been in reach: reissued on the same key.",
            certificate.sha256.short()
        ));
    }
}

/// A key that came with the first clean look may have been made before the leak was closed.
fn note_window(view: &View<'_, '_>, headline: &Headline, notes: &mut Vec<String>) {
    let (Some(bad), Some(good)) = (view.track.last_bad, first_good(view, &headline.marks)) else {
        return;
    };
    for look in view.endpoints().filter_map(|e| e.key_look) {
        for (key, certificate) in view.index.certificates(look) {
            let first = view.keys.first_seen(key);
            let with_good = first.is_some_and(|m| m > bad && m.sweep == good.sweep);
            if let Some(dated) = certificate.not_before.filter(|t| with_good && *t <= bad.at) {
                let note = format!(
                    "Key {} was first seen when the leak was closed; made before that? Its certificate is dated {}.",
                    view.index.spkis.get(key as usize).map(Spki::short).unwrap_or_default(),
                    dated.date()
                );
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }
}
