//! Rotation: what is still owed after a disclosure, by whom, and in which order. Pure.
//!
//! [`checklist`] turns an assessment into lines, [`by_owner`] hands them to the people who act, and
//! [`implied_secrets`] names what services of a type hold although nobody listed it. The order rules
//! (no restart before the fix, no new key before the restart, no revocation before every endpoint
//! has left the key, internal secrets before those of users, passwords last) are edges between
//! lines, so a line says what it waits for and never stands before it.
//!
//! [`plan`] layers the open lines into waves, with the blast radius of every key that is not dealt with.
//!
//! It does not judge evidence: states come from `assess`. It does not lay anything out: that is
//! `report`. What it knows about service and secret types is data, in `service_types.toml` and
//! `secret_types.toml`, over which a user's own rows are laid ([`Types::with`]).
//!
//! Codes beside those of the secret table: `A0` find out, `A0c` settle what network and host say, `A1` install the fix, `A2` restart, `B1r`
//! revoke the old certificates, `C0` a secret of a type that the table does not know.

mod blast;
mod conflict;
mod draft;
mod exposed;
mod find_out;
mod fleet;
mod hints;
mod implied;
mod keys;
mod on_hosts;
mod order;
mod owners;
mod prove;
mod secrets;
mod stop;
mod tls;
mod types;
mod unknown;
mod waves;
mod words;

#[cfg(test)]
mod tests;

use crate::model::{
    assessment::Assessment,
    checklist::Line,
    ids::Spki,
    plan::{Blast, Plan},
    sweep::Evidence,
};

pub use implied::implied_secrets;
pub use owners::{by_owner, for_service, nothing_owed};
pub use types::{SecretType, ServiceType, Types, TypesError};
pub use waves::narrowed;

/// Every line of the whole fleet, in working order: tier by tier, and within a tier what others wait
/// for first, then by owner (lines without one last), name and port. In tier A services that leak now
/// come before those that nobody could judge, and these before what only wants a record; among equals
/// the public ones first. The same evidence and types give the same lines.
pub fn checklist(evidence: &Evidence, assessment: &Assessment, types: &Types) -> Vec<Line> {
    let fleet = fleet::Fleet::new(evidence, assessment, types);
    let mut drafts = draft::Drafts::default();
    find_out::lines(&fleet, &mut drafts);
    conflict::lines(&fleet, &mut drafts);
    stop::lines(&fleet, &mut drafts);
    keys::lines(&fleet, &mut drafts);
    secrets::lines(&fleet, &mut drafts);
    prove::lines(&fleet, &mut drafts);
    order::arrange(&fleet, drafts)
}

/// The order for the whole fleet: the open ones of `lines`, as [`checklist`] gave them, in waves, and the blast
/// radius of every key that was in reach and is still served or has certificates that stand.
pub fn plan(evidence: &Evidence, assessment: &Assessment, types: &Types, lines: Vec<Line>) -> Plan {
    waves::plan(&fleet::Fleet::new(evidence, assessment, types), lines)
}

/// The blast radius of one key, also of one that is clean or dealt with; nothing where no look ever saw it.
pub fn blast(
    evidence: &Evidence,
    assessment: &Assessment,
    types: &Types,
    plan: &Plan,
    spki: Spki,
) -> Option<Blast> {
    let known = plan.blasts.iter().find(|blast| blast.spki == spki).cloned();
    known.or_else(|| {
        let fleet = fleet::Fleet::new(evidence, assessment, types);
        blast::of(&fleet, &plan.steps, spki)
    })
}
