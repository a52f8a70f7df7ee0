//! CVE-2014-0160: what the heartbeat ladder's answers mean (DESIGN's verdict table, PROBING 2).
//!
//! Every attempt is judged alone; then the worst decides. Nothing here looks at more than one
//! observation, and nothing here can turn silence into a clean verdict.

use crate::model::{
    observation::{Answer, Attempt, Contact, HeartbeatExtension, Observation, Pairs, Skip, TlsVersion},
    verdict::{Grade, Reason, Verdict},
};

use super::verdict::{Finding, tried};

type Outcome = (Verdict, Reason);

/// Protocols whose greeting says that TLS may wait behind a STARTTLS.
const UPGRADABLE: &[&str] = &[
    "smtp",
    "smtp-or-ftp",
    "lmtp",
    "pop3",
    "imap",
    "ftp",
    "nntp",
    "sieve",
    "xmpp",
    "ldap",
    "postgres",
    "mysql",
    "irc",
    "telnet",
    "vnc",
    "rdp",
    "mssql",
    "nats",
];

/// Clean reasons, weakest first: the weakest of several attempts is the one that is reported.
const WEAKEST_FIRST: &[Reason] = &[
    Reason::HeartbeatNotAnswered,
    Reason::HeartbeatRefused,
    Reason::FixProved,
    Reason::Tls13Only,
    Reason::NotTls,
];

/// Judges one observation.
pub(super) fn judge(observation: &Observation) -> Finding {
    let outcomes: Vec<Outcome> = observation.attempts.iter().map(|a| attempt(a, observation)).collect();
    let vulnerable = outcomes.iter().filter(|o| o.0 == Verdict::Vulnerable).count();
    let (verdict, reason) = aggregate(&outcomes, observation);
    Finding {
        verdict,
        reason,
        grade: Grade::E2,
        vulnerable: u32::try_from(vulnerable).unwrap_or(u32::MAX),
        tried: tried(observation),
    }
}

/// Any vulnerable attempt decides; then any that decides nothing; only then a clean one.
fn aggregate(outcomes: &[Outcome], observation: &Observation) -> Outcome {
    if let Some(bad) = outcomes.iter().find(|o| o.0 == Verdict::Vulnerable) {
        return *bad;
    }
    let whole = contact(observation.contact, observation);
    if outcomes.is_empty() || observation.contact == Contact::Skipped {
        return whole;
    }
    let unsure = outcomes
        .iter()
        .find(|o| o.0 == Verdict::Inconclusive)
        .or_else(|| outcomes.iter().find(|o| !o.0.is_clean()));
    if let Some(unsure) = unsure {
        return *unsure;
    }
    // A look that was cut off or went elsewhere is no cleaner than the whole contact says.
    if observation.contact != Contact::Answered {
        return if whole.0.is_clean() && outcomes.iter().any(|o| *o != whole) {
            (Verdict::Inconclusive, Reason::WrapMismatch)
        } else {
            whole
        };
    }
    let strength = |reason: Reason| WEAKEST_FIRST.iter().position(|r| *r == reason);
    outcomes.iter().copied().min_by_key(|o| strength(o.1)).unwrap_or(whole)
}

/// One attempt: its questions in the clear, and the same ones behind a finished handshake, where they were asked there.
fn attempt(attempt: &Attempt, observation: &Observation) -> Outcome {
    let Some(behind) = attempt.encrypted.as_deref() else {
        return stage(attempt, observation, Stage::Clear);
    };
    let behind = stage(behind, observation, Stage::Encrypted);
    if attempt.malformed.is_none() && attempt.contact == Contact::Answered {
        return behind; // not asked in the clear
    }
    let clear = stage(attempt, observation, Stage::Clear);
    let bad = |o: &Outcome| o.0 == Verdict::Vulnerable;
    // An answer that makes no sense is not outvoted by silence elsewhere.
    let odd = |o: &Outcome| o.1 == Reason::UnexpectedAnswer;
    if let Some(found) =
        [clear, behind].into_iter().find(bad).or_else(|| [clear, behind].into_iter().find(odd))
    {
        return found;
    }
    let decides = clear.0.is_clean() && clear.1 != Reason::HeartbeatNotAnswered;
    if decides || !behind.0.is_decided() { clear } else { behind }
}

/// Where a question was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Clear,
    Encrypted,
}

/// The questions of one stage by their answers, or by how the contact ended where none was asked.
fn stage(attempt: &Attempt, observation: &Observation, stage: Stage) -> Outcome {
    let steps = [attempt.malformed, attempt.control, attempt.poke, attempt.alone];
    if attempt.malformed == Some(Answer::Echoed) {
        return (Verdict::Vulnerable, Reason::MalformedHeartbeatAnswered);
    }
    let odd = |step: &Option<Answer>| matches!(step, Some(Answer::Other { .. } | Answer::Unexpected { .. }));
    if steps.iter().any(odd) || attempt.poke == Some(Answer::Echoed) {
        return (Verdict::Inconclusive, Reason::UnexpectedAnswer);
    }
    if attempt.contact != Contact::Answered {
        return contact(attempt.contact, observation);
    }
    match (attempt.malformed, attempt.control) {
        (None, _) => unasked(attempt.version.or(observation.tls.as_ref().map(|t| t.version))),
        (Some(end), _) if is_refusal(end) => (Verdict::NotVulnerable, Reason::HeartbeatRefused),
        (Some(Answer::Silent), Some(Answer::Echoed)) => {
            // Over datagrams a question that was lost looks like one that was ignored.
            if attempt.pairs.is_none_or(Pairs::outweighs_loss) {
                (Verdict::NotVulnerable, Reason::FixProved)
            } else {
                (Verdict::Inconclusive, Reason::ProbeTimedOut)
            }
        }
        (Some(Answer::Silent), Some(Answer::Silent)) => after_silence(attempt, stage),
        (Some(Answer::Silent), None) => (Verdict::Inconclusive, Reason::ProbeTimedOut),
        // Nothing was answered before the control, so its end may be a slow server's answer to either.
        (Some(Answer::Silent), Some(end)) if is_refusal(end) => {
            (Verdict::NotVulnerable, Reason::HeartbeatRefused)
        }
        (Some(Answer::Silent), Some(end)) | (Some(end), _) => ended(end, attempt),
    }
}

/// `unexpected_message`, fatal: what a server without heartbeats says (RFC 5246, 7.2.2).
const fn is_refusal(answer: Answer) -> bool {
    matches!(answer, Answer::Alert { level: 2, code: 10 })
}

const fn unasked(version: Option<TlsVersion>) -> Outcome {
    match version {
        Some(TlsVersion::Tls13) => (Verdict::NotApplicable, Reason::Tls13Only),
        _ => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
    }
}

/// A close, a reset or another alert: an IPS does the same, so the well-formed message alone must
/// end in the same way before it counts as the server's own refusal.
fn ended(end: Answer, attempt: &Attempt) -> Outcome {
    let same = match (end, attempt.alone) {
        (Answer::Closed | Answer::Reset, Some(Answer::Closed | Answer::Reset)) => true,
        (Answer::Alert { code: a, .. }, Some(Answer::Alert { code: b, .. })) => a == b,
        _ => false,
    };
    if same && attempt.extension == Some(HeartbeatExtension::Offered) {
        (Verdict::NotVulnerable, Reason::HeartbeatRefused)
    } else {
        (Verdict::Inconclusive, Reason::Blocked)
    }
}

/// Malformed and control both ignored: the poke decides whether anyone was listening.
///
/// Over datagrams silence in the clear is never clean: a vulnerable server may hold its answer back for ever (PROBING 3).
fn after_silence(attempt: &Attempt, stage: Stage) -> Outcome {
    let held_back = stage == Stage::Clear && attempt.version.is_some_and(TlsVersion::is_datagram);
    match attempt.poke {
        Some(Answer::Alert { .. } | Answer::Closed | Answer::Reset) => {
            let clean = attempt.extension == Some(HeartbeatExtension::Offered) && !held_back;
            let verdict = if clean { Verdict::NotVulnerable } else { Verdict::Inconclusive };
            (verdict, Reason::HeartbeatNotAnswered)
        }
        Some(Answer::Silent) if attempt.still_up == Some(false) => (Verdict::Inconclusive, Reason::Blocked),
        _ => (Verdict::Inconclusive, Reason::ProbeTimedOut),
    }
}

/// What the end of a contact alone says.
pub(super) fn contact(contact: Contact, observation: &Observation) -> Outcome {
    let inconclusive = |reason| (Verdict::Inconclusive, reason);
    let unreachable = |reason| (Verdict::Unreachable, reason);
    match contact {
        Contact::Answered => unasked(observation.tls.as_ref().map(|t| t.version)),
        // Where STARTTLS was to be spoken, something else says nothing about what stands behind.
        Contact::NotTls if greets_upgradable(observation) || observation.wrap.is_starttls() => {
            inconclusive(Reason::WrapMismatch)
        }
        Contact::NotTls => (Verdict::NotApplicable, Reason::NotTls),
        Contact::HandshakeFailed => inconclusive(Reason::HandshakeFailed),
        Contact::ClosedEarly => inconclusive(Reason::ClosedEarly),
        Contact::ProbeTimedOut => inconclusive(Reason::ProbeTimedOut),
        Contact::StarttlsRefused => inconclusive(Reason::StarttlsRefused),
        Contact::RateLimited => inconclusive(Reason::RateLimited),
        Contact::Blocked => inconclusive(Reason::Blocked),
        Contact::LocalError => inconclusive(Reason::LocalError),
        Contact::Interrupted => inconclusive(Reason::Interrupted),
        Contact::ConnectTimedOut => unreachable(Reason::ConnectTimedOut),
        Contact::Refused => unreachable(Reason::Refused),
        Contact::NoRoute => unreachable(Reason::NoRoute),
        Contact::DnsFailed => unreachable(Reason::DnsFailed),
        Contact::Skipped => match observation.skip {
            Some(Skip::Fragile) => (Verdict::Skipped, Reason::Fragile),
            Some(Skip::OutOfScope) => (Verdict::Skipped, Reason::OutOfScope),
            Some(Skip::Excluded) => (Verdict::Skipped, Reason::Excluded),
            None => inconclusive(Reason::WrapUnsupported),
        },
    }
}

/// Whether the greeting was one of a protocol that can be upgraded. That it was not TLS from the
/// first byte then says nothing, whatever wrap was declared.
fn greets_upgradable(observation: &Observation) -> bool {
    let greeting = observation.detail.as_deref().and_then(|d| d.strip_prefix("greeting of "));
    let word = greeting.and_then(|g| g.split(|c: char| !c.is_ascii_alphanumeric()).next());
    word.is_some_and(|w| UPGRADABLE.contains(&w))
}

#[cfg(test)]
mod tests;
