//! Histories in one line each, and what a user would be told at their end.
//!
//! The language: `s2` goes on to sweep 2; `a@2 bad K1+E1` is a look at service `a`, second address, that
//! saw keys K1 and E1 (`K1?`: other keys were not asked for; `K1/2`: its second certificate; keys that
//! begin with `old` have certificates older than the disclosure); `a says patched ref`; `a waives all
//! 5h`; `secret x says old-refused ref`; `secret x tried refused control`; `secret x active 3 -5h` is a count of those issued
//! five hours before now; `secret x shows jwks@target kid1+kid2` is a check by the network (`none`, `blind`); `wait 5h`; `host h@2 1.0.1e 1.0.1g` is a document of host `h`, which has the
//! second address: what listens on port 443 runs the first version, and the second one lies on disk; `authority K1 revoked` is a
//! check of the first certificate on K1 by its CRL (`good`, `unknown`).

mod beside;
mod keys;
mod people;
mod revocations;
mod secrets;
mod states;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::invariants::{History, Shows, certificate, check, fuzz, heartbleed, secret};
use super::*;
use crate::model::{
    assessment::{Assessment, KeyExposure, ServiceAssessment},
    claim::{Justification, Statement, Subject},
    facet::{FacetKind, FacetValue, Gate, GateResult, Regression, State},
    ids::{RowId, Sha256},
    policy::Presume,
    secret::SecretState,
    service::{Declared, Exposure, TlsStack},
    verdict::Grade,
};

const NAMES: &[(&str, Shows)] = &[
    ("bad", Shows::Bad),
    ("clean", Shows::Clean),
    ("tls13", Shows::Tls13),
    ("nottls", Shows::NotTls),
    ("odd", Shows::Odd),
    ("refused", Shows::Refused),
    ("noname", Shows::NoName),
];

fn tell(text: &str) -> History {
    tell_on(History::new(3), text)
}

fn tell_on(mut history: History, text: &str) -> History {
    for step in text.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["host", place, runs, disk @ ..] => {
                beside::collected(&mut history, place, runs, disk.first().copied());
            }
            ["authority", key, says] => revocations::checked(&mut history, key, says),
            ["wait", hours] => history.now = history.now.plus_seconds(hours_of(hours)),
            ["secret", id, rest @ ..] => secrets::told(&mut history, id, rest),
            [row, "says", what, rest @ ..] => {
                let statement = statement(what);
                history.say(Subject::Service(RowId::declared(row)), statement, rest.contains(&"ref"));
                backdate(&mut history, rest);
            }
            [row, "waives", what, hours] => {
                let until = history.now.plus_seconds(hours_of(hours));
                let facet = what.parse().ok();
                let statement = Statement::Waive { facet, until };
                history.say(Subject::Service(RowId::declared(row)), statement, true);
            }
            [place, shows, keys @ ..] => look(&mut history, place, shows, keys.first()),
            [sweep] => history.sweep(sweep.trim_start_matches('s').parse().expect(step)),
            [] => {}
        }
    }
    history
}

fn hours_of(text: &str) -> i64 {
    text.trim_end_matches('h').parse::<i64>().expect("hours") * 3600
}

fn backdate(history: &mut History, rest: &[&str]) {
    let hours = rest.iter().find_map(|w| w.strip_prefix("done-"));
    if let (Some(hours), Some(claim)) = (hours, history.evidence.claims.last_mut()) {
        claim.done_at = Some(claim.at.plus_seconds(-hours_of(hours)));
    }
}

fn statement(what: &str) -> Statement {
    if let Some(address) = what.strip_prefix("gone@") {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, address.parse().expect("address")));
        return Statement::Decommissioned { address: Some(address) };
    }
    match what {
        "gone" => Statement::Decommissioned { address: None },
        "withdraw" => Statement::Withdraw { facet: None },
        "not-affected" => Statement::NotAffected { justification: Justification::ComponentNotPresent },
        facet => Statement::FacetDone { facet: facet.parse().expect("facet") },
    }
}

fn look(history: &mut History, place: &str, shows: &str, keys: Option<&&str>) {
    let (row, address) = place.split_once('@').unwrap_or((place, "1"));
    let shows = NAMES.iter().find(|n| n.0 == shows).expect("verdict").1;
    let text = keys.copied().unwrap_or("");
    let (names, serial) =
        text.trim_end_matches('?').split_once('/').unwrap_or((text.trim_end_matches('?'), "1"));
    let names: Vec<&str> = names.split('+').filter(|k| !k.is_empty()).collect();
    history.look(row, address.parse().expect("address"), shows, &names, !text.ends_with('?'));
    let serial: u32 = serial.parse().expect("serial");
    if let Some(seen) = history.evidence.observations.last_mut().filter(|_| serial > 1) {
        seen.certificate = names.first().map(|key| certificate(key, serial));
    }
}

fn end(text: &str) -> Assessment {
    let history = tell(text);
    check(&history, &Policy::default());
    history.assess(&Policy::default())
}

fn of<'a>(assessment: &'a Assessment, row: &str) -> &'a ServiceAssessment {
    let found = assessment.services.iter().find(|s| s.row_id.as_str() == row);
    found.expect("the service")
}

/// Bad on K1, then clean on K2, attested, confirmed: the way to verified, revocation at grade E1.
const REPAIRED: &str = "s1; a bad K1; a says patched ref; s2; a clean K2; a says revoked ref; s3; a clean K2";

fn lenient() -> Policy {
    let mut policy = Policy::default();
    policy.minimum_grades.revoked = Grade::E1;
    policy
}
