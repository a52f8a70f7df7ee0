//! One exposed key as two lines: a new key (B1) and the revocation of the old certificates (B1r), over
//! everything that serves it. Which keys are exposed is for `assess` to say.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fleet::{COMMAND, Fleet, leaked, lets_go_on, said, settled},
    tls,
    words::{attest_facet, count, shell, tick, ticks, verify},
};
use crate::model::{
    assessment::{KeyAssessment, KeyExposure, OldCertificate},
    checklist::{Line, LineState},
    facet::{FacetKind, FacetValue, State},
    ids::{RowId, Sha256, Spki},
    observation::Certificate,
    revocation::{RevocationReason, RevocationSource, RevocationStatus},
    secret::Tier,
    service::TlsStack,
};

/// How many services or owners a command for looking again names.
const NAMED: usize = 4;
/// How many certificates a line spells out; `export keys` has all.
const CERTIFICATES: usize = 20;

/// One exposed key and what has become of it.
pub(super) struct Plan<'a> {
    fleet: &'a Fleet<'a>,
    key: &'a KeyAssessment,
    name: String,
    /// Everything that ever served it.
    pub(super) rows: Vec<RowId>,
    /// What serves it now.
    pub(super) serving: Vec<RowId>,
    /// What left it for another exposed key; that other key's line speaks for these.
    moved_on: BTreeSet<RowId>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        fleet: &'a Fleet<'a>,
        key: &'a KeyAssessment,
        in_use: &BTreeMap<&RowId, BTreeSet<Spki>>,
        name: String,
    ) -> Self {
        let rows = fleet.sorted(key.endpoints.iter().map(|e| e.row_id.clone()));
        let serves = |row: &RowId| in_use.get(row).is_some_and(|keys| keys.contains(&key.spki));
        let still = rows.iter().filter(|row| serves(row)).cloned().collect();
        let moved_on = rows.iter().filter(|row| in_use.contains_key(row) && !serves(row)).cloned().collect();
        Self { fleet, key, name, rows, serving: still, moved_on }
    }

    /// Where a facet's line stands on each of some services.
    fn states<'r>(&self, rows: impl IntoIterator<Item = &'r RowId>, kind: FacetKind) -> Vec<LineState> {
        let judged = rows.into_iter().filter_map(|row| self.fleet.assessment_of(row));
        judged.map(|s| self.fleet.facet_state(s, kind)).collect()
    }

    fn rekey_state(&self) -> LineState {
        if !self.serving.is_empty() {
            let states = self.states(&self.serving, FacetKind::Rekeyed);
            return match first_of(&states, &[LineState::Contradicted, LineState::TooEarly]) {
                Some(state) => state,
                None if states.iter().all(|s| *s == LineState::Waived) => LineState::Waived,
                None => LineState::Open,
            };
        }
        let left = self.rows.iter().filter(|row| !self.moved_on.contains(*row) && !self.gone(row));
        let states = self.states(left, FacetKind::Rekeyed);
        match first_of(&states, &[LineState::Contradicted, LineState::TooEarly]) {
            Some(state) => state,
            None if states.iter().all(|s| settled(*s)) => LineState::Done,
            None if states.iter().all(|s| lets_go_on(*s)) => LineState::Seen,
            None => LineState::Claimed,
        }
    }

    fn gone(&self, row: &RowId) -> bool {
        self.fleet.assessment_of(row).is_some_and(|s| s.state == State::Decommissioned)
    }

    pub(super) fn rekey(&self) -> Line {
        let id = rekey_id(&self.name);
        let kind = self.fleet.types.secret_type("B1");
        let mut line = self.fleet.line(id, Tier::B, "B1", "New key and certificate", self.rows.clone());
        line.state = self.rekey_state();
        line.why = self.why();
        line.steps = self.rekey_steps();
        line.overlap = kind.overlap;
        line.impact = Some(kind.impact.clone());
        let since = self.key.exposed_at.map_or(String::new(), |t| format!(" after {}", t.short()));
        line.tool_checks = Some(format!(
            "Whether every endpoint serves a key first seen{since}; a new certificate on the old key does not count: `{}`.",
            self.verify_command()
        ));
        line.evidence_wanted = String::from("A new key on every endpoint.");
        line.evidence_seen = Some(self.rekey_seen(line.state));
        if settled(line.state) {
            let facets =
                self.rows.iter().filter_map(|r| self.fleet.assessment_of(r)).map(|s| &s.facets.rekeyed);
            let done: Vec<_> = facets.filter(|f| f.value == FacetValue::Done).collect();
            line.grade = done.iter().filter_map(|f| f.grade).min();
            line.done_at = done.iter().filter_map(|f| f.at).max();
            if let (Some(seen), Some(at)) = (&mut line.evidence_seen, line.done_at) {
                *seen = format!("{seen}, as seen on {}", at.short());
            }
        }
        line
    }

    fn rekey_seen(&self, state: LineState) -> String {
        let still = ticks(&self.fleet.names(&self.serving));
        match state {
            _ if !self.serving.is_empty() => {
                let over = self.rows.len() - self.serving.len();
                let left = if over == 0 { String::new() } else { format!("; {} left it", count(over, "service has", "services have")) };
                format!("still served by {still}{left}")
            }
            LineState::TooEarly => "no endpoint serves it, but the new key was made while the service still leaked: it is exposed as well, make another".to_owned(),
            LineState::Seen | LineState::Claimed => "no endpoint served it when last seen; one more look confirms it".to_owned(),
            _ => "no endpoint serves it any more".to_owned(),
        }
    }

    /// Who leaked it, when last, and who else serves it.
    fn why(&self) -> String {
        let (leaking, others): (Vec<RowId>, Vec<RowId>) =
            self.rows.iter().cloned().partition(|row| self.fleet.assessment_of(row).is_some_and(leaked));
        let when = self.key.exposed_at.map_or(String::new(), |t| format!(", last on {}", t.short()));
        let key = tick(&self.name);
        let leaking = ticks(&self.fleet.names(&leaking));
        let mut text = match self.key.exposure {
            _ if leaking.is_empty() => format!("Key {key} was in the memory of a process that leaked{when}."),
            KeyExposure::Presumed => {
                format!("Key {key} was served by {leaking}, which is presumed to have leaked{when}.")
            }
            _ => format!("Key {key} was in the memory of {leaking} while it leaked{when}."),
        };
        if !others.is_empty() && !leaking.is_empty() {
            let names = ticks(&self.fleet.names(&others));
            text = format!("{text} The same key is on {names}: whoever has it can pose as these too.");
        }
        if !self.key.reissued.is_empty() {
            let n = count(self.key.reissued.len(), "certificate was", "certificates were");
            text = format!("{text} Since then {n} issued anew on this same key: that changes nothing.");
        }
        text
    }

    fn rekey_steps(&self) -> Vec<String> {
        let mut steps = tls::new_key();
        steps.push(
            "Where a TLSA record or a client pins the key: publish the new one beside the old, and wait its TTL, before the new certificate is served. The record of the new key (`3 1 1`): `openssl pkey -in new.key -pubout -outform der | sha256sum`."
                .to_owned(),
        );
        let rows = if self.serving.is_empty() { &self.rows } else { &self.serving };
        if rows.len() > 1 {
            let owners: BTreeSet<&str> = rows.iter().filter_map(|row| self.fleet.owner(row)).collect();
            let owners: Vec<String> = owners.into_iter().map(str::to_owned).collect();
            let whose = match owners.as_slice() {
                [] | [_] => String::new(),
                several => format!(" Agree on it first: they belong to {}.", ticks(several)),
            };
            steps.push(format!(
                "Install it on every one of the {} services, or give each a key of its own: {}.{whose}",
                rows.len(),
                ticks(&self.fleet.names(rows))
            ));
        }
        if !self.serving.is_empty() && self.serving.len() < self.rows.len() {
            let still = ticks(&self.fleet.names(&self.serving));
            steps.push(format!("Only {still} still has to leave the old key."));
        }
        let services: Vec<_> = rows.iter().filter_map(|row| self.fleet.service(row)).collect();
        if services.iter().any(|s| s.tls_stack() == TlsStack::Provider) {
            steps.push(
                "Where a provider holds the key: have it replaced there, and ask for the date.".to_owned(),
            );
        }
        steps.extend(tls::install(self.fleet, rows));
        steps.extend(tls::check(self.fleet, rows, &self.name));
        steps.push(
            "Do not revoke the old certificate yet: clients would be turned away where it is still served."
                .to_owned(),
        );
        steps
    }

    fn verify_command(&self) -> String {
        let gate = Some("rekeyed");
        if self.rows.len() <= NAMED {
            return verify(&self.fleet.which(&self.rows), gate);
        }
        let known: Option<BTreeSet<&str>> = self.rows.iter().map(|row| self.fleet.owner(row)).collect();
        let owners = known.filter(|owners| owners.len() <= NAMED).unwrap_or_default();
        let each: Vec<String> =
            owners.iter().map(|o| format!("--owner {}", shell(o).replace('`', "'"))).collect();
        verify(&each.join(" "), gate)
    }

    pub(super) fn revoke(&self) -> Line {
        let id = revoke_id(&self.name);
        let mut line = self.fleet.line(id, Tier::B, "B1r", "Revoke the old certificates", self.rows.clone());
        let status = self.certificate_status();
        let open: Vec<&Certificate> =
            self.key.certificates.iter().filter(|c| !status.contains(&c.sha256)).collect();
        line.state = self.revoke_state(open.is_empty());
        let total = count(self.key.certificates.len(), "certificate", "certificates");
        line.why = format!(
            "Whoever has key {} can pose with {total} on it, until revoked or expired.",
            tick(&self.name)
        );
        line.steps = revoke_steps(&open);
        line.impact = Some(
            "Nothing once no endpoint serves them; where one still does, every client that checks."
                .to_owned(),
        );
        line.tool_checks = Some(
            "Whether every endpoint has left the key, when a certificate expires, and what CRL and OCSP say of it, at each sweep. Where a certificate names neither, the revocation is yours to record."
                .to_owned(),
        );
        let attest = attest_facet(&self.fleet.which(&self.rows), FacetKind::Revoked.as_str());
        line.attest = Some(if self.rows.len() > COMMAND {
            format!(
                "# {COMMAND} of {} services are named; `--filter state={}` instead of --service selects all that wait for it\n{attest}",
                self.rows.len(),
                State::RekeyedOldNotRevoked
            )
        } else {
            attest
        });
        line.evidence_wanted =
            String::from("Each of them in its CA's CRL or in OCSP, with reason keyCompromise; or expired.");
        let mut seen = self.revocation_words();
        let claims = self.rows.iter().filter_map(|row| self.fleet.claim(row, FacetKind::Revoked));
        if let Some(claim) = claims.max_by_key(|c| c.at) {
            line.done_by = Some(claim.by.clone());
            line.done_at = Some(claim.effective());
            line.grade = Some(claim.grade());
            let minimum = self.fleet.assessment.policy.minimum_grades.revoked;
            if line.state == LineState::Contradicted {
                line.attest = None;
                line.steps = vec![
                    "It is recorded as revoked, and the authority's later CRL or OCSP answer still vouches for it: ask the CA why, and have it revoked (reason keyCompromise). The next sweep asks again.".to_owned(),
                ];
            } else if !settled(line.state) && claim.grade() < minimum {
                line.attest = None;
                line.steps = vec![format!(
                    "It is recorded as done, at grade {}, and the policy wants {minimum}, which a CRL or an OCSP answer gives: sweep again once the authority shows it, without --offline. Or wait until they have expired, or write into allclear.toml that the record is enough: `revoked = \"E1\"` under `[policy.minimum_grades]`.",
                    claim.grade()
                )];
            }
            seen = format!("{seen}; {}", said(&claim.by, claim.effective(), claim.reference.as_deref()));
        }
        line.evidence_seen = Some(seen);
        line
    }

    /// What is known of each certificate on the key, told apart by who says so.
    fn revocation_words(&self) -> String {
        let judged = self.rows.iter().filter_map(|row| self.fleet.assessment_of(row));
        let old: BTreeMap<Sha256, &OldCertificate> =
            judged.flat_map(|s| &s.old_certificates).map(|o| (o.certificate.sha256, o)).collect();
        let now = self.fleet.assessment.now;
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for certificate in &self.key.certificates {
            let expired = certificate.not_after.is_some_and(|t| t < now);
            *parts.entry(standing(expired, old.get(&certificate.sha256).copied())).or_default() += 1;
        }
        let parts: Vec<String> = parts.into_iter().map(|(word, n)| format!("{n} {word}")).collect();
        format!("of {}: {}", self.key.certificates.len(), parts.join(", "))
    }

    /// Certificates on the key that are revoked or expired.
    fn certificate_status(&self) -> BTreeSet<Sha256> {
        let judged = self.rows.iter().filter_map(|row| self.fleet.assessment_of(row));
        let old = judged.flat_map(|s| &s.old_certificates).filter(|o| o.expired || o.revoked);
        let now = self.fleet.assessment.now;
        let expired = self.key.certificates.iter().filter(|c| c.not_after.is_some_and(|t| t < now));
        old.map(|o| o.certificate.sha256).chain(expired.map(|c| c.sha256)).collect()
    }

    fn revoke_state(&self, all_closed: bool) -> LineState {
        let states = self.states(&self.rows, FacetKind::Revoked);
        let bad = first_of(&states, &[LineState::Contradicted, LineState::TooEarly]);
        let claimed = states.iter().any(|s| matches!(s, LineState::Seen | LineState::Claimed));
        match (all_closed, bad) {
            (_, Some(state)) => state,
            (true, None) => {
                if claimed {
                    LineState::Claimed
                } else {
                    LineState::Done
                }
            }
            (false, None) if claimed => LineState::Claimed,
            (false, None) if !states.is_empty() && states.iter().all(|s| *s == LineState::Waived) => {
                LineState::Waived
            }
            (false, None) => LineState::Open,
        }
    }
}

/// The id of the line that replaces a key, by the key's short name.
pub(super) fn rekey_id(name: &str) -> String {
    format!("key:{name}/B1")
}

/// The id of the line that revokes its certificates.
pub(super) fn revoke_id(name: &str) -> String {
    format!("key:{name}/B1r")
}

fn standing(expired: bool, known: Option<&OldCertificate>) -> String {
    let check = known.and_then(|o| o.check.as_ref());
    match (expired, check.map(|c| (c.status, c))) {
        (true, _) => "expired".to_owned(),
        (false, Some((RevocationStatus::Revoked, check))) => {
            let source = check.source.map_or("its authority", RevocationSource::as_str);
            let reason = check.reason.map_or("without a reason", RevocationReason::as_str);
            format!("revoked by {source} ({reason})")
        }
        (false, Some((RevocationStatus::Good, check))) => {
            format!("still good for its authority as of {}", check.this_update.unwrap_or(check.at).short())
        }
        (false, _) if known.is_some_and(|o| o.revoked) => "revoked by a person's word alone".to_owned(),
        (false, _) => "not known to be revoked".to_owned(),
    }
}

fn revoke_steps(open: &[&Certificate]) -> Vec<String> {
    let mut steps = vec![
        "Only when no endpoint serves them any more.".to_owned(),
        "Revoke each at its CA with reason keyCompromise, a certificate reissued on the same key too. Ask whether the reissue revoked the old one by itself, and when.".to_owned(),
    ];
    for certificate in open.iter().take(CERTIFICATES) {
        let serial = certificate.serial.as_deref().unwrap_or("without serial");
        let issuer = certificate.issuer.as_deref().map_or(String::new(), |i| format!(" by {}", tick(i)));
        let until = certificate.not_after.map_or(String::new(), |t| format!(", valid until {}", t.date()));
        steps.push(format!("Serial {}{issuer}{until}.", tick(serial)));
    }
    let more = open.len().saturating_sub(CERTIFICATES);
    if more > 0 {
        steps.push(format!("And {more} more: `allclear export keys` lists all."));
    }
    steps
}

fn first_of(states: &[LineState], wanted: &[LineState]) -> Option<LineState> {
    wanted.iter().copied().find(|w| states.contains(w))
}
