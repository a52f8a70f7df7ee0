//! One row as other systems are told of it: whether it is open, how bad it is, and the same words everywhere.
//!
//! | state | outcome | severity (public, partner or nobody said; internal) |
//! |---|---|---|
//! | regressed, contradicted, exposed, patched-not-restarted | open | Critical; High |
//! | rekeyed-too-early, closed-key-at-risk | open | High |
//! | presumed-affected, rekeyed-old-not-revoked, secrets-pending | open | Medium |
//! | unknown, stale | unknown | Medium |
//! | awaiting-verification | unconfirmed | Low |
//! | waived | waived | Critical; High where the last look was vulnerable, else Medium |
//! | verified | done | Info |
//! | not-affected | not applicable | Info |
//! | decommissioned | gone | Info |
//!
//! An outcome is closed only where the state is finished and nobody waived it: unknown is never clean, and accepted is
//! never fixed. Not the formats: each has its own file.

use crate::model::{
    assessment::ServiceAssessment,
    facet::{FacetKind, State},
    ids::RowId,
    service::Exposure,
    verdict::Verdict,
    wrap::Transport,
};

use super::{Row, View, explain, joined, markdown::tame};

/// The most addresses, or rows that share a key, that a text names.
const NAMED: usize = 10;
/// The most characters of a name in a title. Jira and GitLab take 255 in all.
const NAME: usize = 120;

/// What a system that knows open and closed is to make of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Work is owed.
    Open,
    /// It could not be judged, or not for too long.
    Unknown,
    /// Everything was done once; the look that confirms it is missing.
    Unconfirmed,
    /// Accepted by a person, with an end. Never fixed.
    Waived,
    /// Done and confirmed.
    Done,
    /// The question never arose.
    NotApplicable,
    /// The service is no more.
    Gone,
}

impl Outcome {
    /// The outcome of a state.
    pub(super) const fn of(state: State) -> Self {
        match state {
            State::Regressed
            | State::Contradicted
            | State::Exposed
            | State::PatchedNotRestarted
            | State::RekeyedTooEarly
            | State::ClosedKeyAtRisk
            | State::PresumedAffected
            | State::RekeyedOldNotRevoked
            | State::SecretsPending => Self::Open,
            State::Unknown | State::Stale => Self::Unknown,
            State::AwaitingVerification => Self::Unconfirmed,
            State::Waived => Self::Waived,
            State::Verified => Self::Done,
            State::NotAffected => Self::NotApplicable,
            State::Decommissioned => Self::Gone,
        }
    }

    /// Whether nothing is left to do, by evidence and not by acceptance.
    pub(super) const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::NotApplicable | Self::Gone)
    }

    /// Whether an issue tracker is to hold an issue for it.
    pub(super) const fn is_owed(self) -> bool {
        matches!(self, Self::Open | Self::Unknown | Self::Unconfirmed)
    }
}

/// How bad it is, in the words that DefectDojo knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Nothing is owed.
    Info,
    /// To be confirmed.
    Low,
    /// A secret, a certificate, or nothing known.
    Medium,
    /// A key at risk, or a hole that only the organisation reaches.
    High,
    /// A hole that others reach.
    Critical,
}

impl Severity {
    /// The word, letter for letter as DefectDojo wants it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

/// One row, for the outside.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// The row.
    pub(super) row: Row<'a>,
    /// Whether it is open.
    pub(super) outcome: Outcome,
    /// How bad it is.
    pub(super) severity: Severity,
}

/// Every row of a view as a case, in the order of [`View::rows`].
pub(super) fn cases<'a>(view: &View<'a>) -> Vec<Case<'a>> {
    view.rows().into_iter().map(Case::of).collect()
}

impl<'a> Case<'a> {
    /// The case of a row.
    pub(super) fn of(row: Row<'a>) -> Self {
        let exposure = row.service.map_or(Exposure::Unknown, super::super::model::service::Service::exposure);
        Self { row, outcome: Outcome::of(row.entry.state), severity: severity(row.entry, exposure) }
    }

    /// What it is, everywhere and always: row and disclosure.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.row.entry.row_id, self.row.entry.disclosure)
    }

    /// `CVE-2014-0160 (Heartbleed): web01.example.test:443`. The same in every state; nothing in it acts anywhere.
    pub(super) fn subject(&self) -> String {
        let (id, title) = (&*self.row.entry.disclosure, &*self.row.assessment.disclosure.title);
        // `Heartbleed: what it does`: its name is enough here.
        let name = title.split_once(':').map_or(title, |(name, _)| name);
        let called =
            if name.is_empty() || title == id { String::new() } else { format!(" ({})", tame(name, 60)) };
        format!("{}{called}: {}", tame(id, 40), tame(&self.row.label(), NAME))
    }

    /// The same with its state, for an issue: `... is exposed`.
    pub(super) fn title(&self) -> String {
        format!("{} is {}", self.subject(), self.row.entry.state)
    }

    /// Where it is, as a URI: `tls://web01.example.test:443`, IPv6 in brackets, `dtls` over UDP. Absent where neither the
    /// name nor an address can stand in one.
    pub(super) fn uri(&self) -> Option<String> {
        let service = self.row.service?;
        let scheme = if service.transport == Transport::Udp { "dtls" } else { "tls" };
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let name = service.name.as_deref().filter(|n| !n.is_empty() && n.len() <= 253 && n.chars().all(host));
        let address = || {
            let seen = self.row.entry.endpoints.iter().filter_map(|e| e.address);
            service.addresses.iter().copied().chain(seen).min()
        };
        let host = match name {
            Some(name) => name.to_owned(),
            None => match address()? {
                std::net::IpAddr::V4(a) => a.to_string(),
                std::net::IpAddr::V6(a) => format!("[{a}]"),
            },
        };
        Some(format!("{scheme}://{host}:{}", service.port))
    }

    /// Why it is in its state: what was seen of it, and what a person must know.
    pub(super) fn why(&self) -> String {
        let entry = self.row.entry;
        let mut parts = vec![explain::state(entry.state).to_owned()];
        match (entry.verdict, entry.reason) {
            (Some(verdict), Some(reason)) => {
                parts.push(format!("last look: {verdict} ({reason}): it {}", explain::reason(reason)));
            }
            _ => parts.push("it was never looked at".to_owned()),
        }
        parts.extend(entry.regressions.iter().map(|&r| format!("{r}: {}", explain::regression(r))));
        parts.extend(entry.version.as_ref().map(|v| format!("{} ({}: {})", v.value, v.grade, v.because)));
        parts.extend(entry.conflicts.iter().map(|c| c.words.clone()));
        parts.extend(entry.notes.iter().map(|n| n.trim_end_matches('.').to_owned()));
        parts.join("; ")
    }

    /// What to do next, on hosts too.
    pub(super) fn next(&self) -> String {
        let entry = self.row.entry;
        let mut parts = vec![entry.next_action.clone()];
        parts.extend(joined::to_do(entry));
        for part in &mut parts {
            part.truncate(part.trim_end_matches('.').len());
        }
        parts.retain(|p| !p.trim().is_empty());
        if parts.is_empty() {
            parts.push(
                if self.outcome.is_closed() { "nothing is owed" } else { "see `allclear checklist`" }
                    .to_owned(),
            );
        }
        parts.join("; ")
    }

    /// Everything that a ticket says, under its headings, in the order of reading. Texts may quote others.
    pub(super) fn facts(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let (entry, service) = (self.row.entry, self.row.service);
        let mut facts = vec![
            ("Service", self.row.label()),
            ("State", self.state()),
            ("Why", self.why()),
            ("Next", self.next()),
            ("Blocked by", entry.blocked_by.join("; ")),
            ("Facets", facets(entry)),
            ("Seen", endpoints(entry)),
            ("Key shared with", shared(view, &entry.key_shared_with)),
            ("Owner", self.row.owner().unwrap_or("nobody").to_owned()),
            ("Due", entry.due.map(super::super::model::time::Timestamp::seconds).unwrap_or_default()),
            (
                "Exposure",
                service
                    .map_or(Exposure::Unknown, super::super::model::service::Service::exposure)
                    .to_string(),
            ),
            ("Ticket", self.ticket(view).unwrap_or_default()),
            ("Row", self.id()),
            ("Incident", view.evidence.incident.name.clone()),
        ];
        facts.retain(|(_, text)| !text.trim().is_empty());
        facts
    }

    fn state(&self) -> String {
        let since = self.row.entry.state_since.map(|t| format!(" since {} UTC", t.short()));
        format!("{}{}", self.row.entry.state, since.unwrap_or_default())
    }

    /// The ticket that people keep with it already.
    fn ticket(&self, view: &View<'_>) -> Option<String> {
        let subject = crate::model::claim::Subject::Service(self.row.entry.row_id.clone());
        view.evidence.tracked.get(&subject)?.ticket.clone()
    }

    /// What a waiver in force says: by whom, until when, why.
    pub(super) fn waiver(&self) -> Option<String> {
        let waiver = self.row.entry.waiver.as_ref().filter(|_| self.outcome == Outcome::Waived)?;
        let until = waiver.until.map(|t| format!(" until {}", t.seconds())).unwrap_or_default();
        let why = waiver.reference.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
        Some(format!("accepted by {}{until}{why}", waiver.by))
    }
}

/// The table of this file's head.
#[expect(clippy::match_same_arms, reason = "the table, row by row")]
fn severity(entry: &ServiceAssessment, exposure: Exposure) -> Severity {
    let hole = if exposure == Exposure::Internal { Severity::High } else { Severity::Critical };
    match entry.state {
        State::Regressed | State::Contradicted | State::Exposed | State::PatchedNotRestarted => hole,
        State::RekeyedTooEarly | State::ClosedKeyAtRisk => Severity::High,
        State::PresumedAffected
        | State::RekeyedOldNotRevoked
        | State::SecretsPending
        | State::Unknown
        | State::Stale => Severity::Medium,
        State::AwaitingVerification => Severity::Low,
        State::Waived if entry.verdict == Some(Verdict::Vulnerable) => hole,
        State::Waived => Severity::Medium,
        State::Verified | State::NotAffected | State::Decommissioned => Severity::Info,
    }
}

/// `patched done (E3), restarted open, ...`.
pub(super) fn facets(entry: &ServiceAssessment) -> String {
    let one = |kind: &FacetKind| {
        let facet = entry.facets.get(*kind);
        facet
            .grade
            .map_or_else(|| format!("{kind} {}", facet.value), |g| format!("{kind} {} ({g})", facet.value))
    };
    FacetKind::ALL.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn endpoints(entry: &ServiceAssessment) -> String {
    let one = |e: &crate::model::assessment::EndpointAssessment| {
        let place = e.address.map_or_else(|| "no address".to_owned(), |a| a.to_string());
        format!("{place} {} at {} UTC from {}", e.verdict, e.at.short(), e.vantage)
    };
    let mut shown: Vec<String> = entry.endpoints.iter().take(NAMED).map(one).collect();
    if entry.endpoints.len() > NAMED {
        shown.push(format!("and {} more", entry.endpoints.len() - NAMED));
    }
    shown.join("; ")
}

fn shared(view: &View<'_>, rows: &[RowId]) -> String {
    let mut shown: Vec<String> = rows.iter().take(NAMED).map(|r| view.label(r)).collect();
    if rows.len() > NAMED {
        shown.push(format!("and {} more", rows.len() - NAMED));
    }
    shown.join("; ")
}
