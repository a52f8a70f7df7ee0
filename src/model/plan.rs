//! The order for the whole fleet as data: what `remediate` layers into waves and `report` lays out, with the blast
//! radius of each key. It computes nothing beyond look-ups in itself.
//!
//! Steps are kept once, in working order; everything else names them by position in [`Plan::steps`], since ids come
//! from people and are long.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    assessment::KeyExposure,
    checklist::Line,
    facet::State,
    ids::{RowId, Sha256, Spki},
    secret::Tier,
    time::Timestamp,
};

/// What is left to do for a whole fleet, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every line of the checklist that somebody still has to act on, in working order. A narrowed plan keeps all of
    /// them: what is waited for may be somebody else's.
    pub steps: Vec<Step>,
    /// What may go at the same time, one wave after the other.
    pub waves: Vec<Wave>,
    /// What no wave brings up: it waits for something that nobody is going to do, such as a key that stays by a waiver.
    pub held: Vec<Action>,
    /// The keys that were in reach of the leak and are not dealt with.
    pub blasts: Vec<Blast>,
    /// How much is left, of the whole fleet.
    pub counts: Counts,
}

impl Plan {
    /// A step by its position.
    pub fn step(&self, at: usize) -> Option<&Step> {
        self.steps.get(at)
    }

    /// The steps of an action, with their positions.
    pub fn steps_of<'a>(&'a self, action: &'a Action) -> impl Iterator<Item = &'a Step> {
        action.steps.iter().filter_map(|at| self.steps.get(*at))
    }
}

/// How much is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines of the checklist.
    pub lines: usize,
    /// Those that are done, not owed or waived.
    pub settled: usize,
    /// Those that one sweep saw done and another has to confirm. They hold up nothing.
    pub seen: usize,
    /// Services known.
    pub services: usize,
    /// Services that give no line.
    pub nothing_owed: usize,
    /// Services whose state is `unknown`: never clean.
    pub unknown: usize,
}

/// One line of the checklist and its place in the order.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line.
    pub line: Line,
    /// Its wave, from 1; absent for what is held up by something that nobody is going to do.
    pub wave: Option<usize>,
    /// What is restarted, where it is known: a systemd unit, a container.
    pub unit: Option<String>,
    /// Positions of the steps that it waits for and that nothing else it waits for waits for in turn.
    pub waits: Vec<usize>,
    /// Positions of the steps that wait for it.
    pub blocks: Vec<usize>,
}

impl Step {
    /// Who acts on it: its owner, or each owner of its services. `None` stands for nobody known.
    pub fn owners(&self) -> BTreeSet<Option<&str>> {
        match (&self.line.owner, self.line.service_owners.as_slice()) {
            (Some(owner), _) => BTreeSet::from([Some(owner.as_str())]),
            (None, []) => BTreeSet::from([None]),
            (None, several) => several.iter().map(Option::as_deref).collect(),
        }
    }
}

/// What may go at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// From 1.
    pub number: usize,
    /// What happens in it, in a few words.
    pub title: String,
    /// What is done, by owner.
    pub actions: Vec<Action>,
    /// What of earlier waves it waits for.
    pub waits_for: Vec<Need>,
}

/// The same thing to do by the same people on one or many services, keys or secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its tier.
    pub tier: Tier,
    /// The lines' code, such as `A2`.
    pub code: String,
    /// What to do.
    pub title: String,
    /// What is restarted.
    pub unit: Option<String>,
    /// Who acts; `None` stands for services that nobody answers for, and is last.
    pub owners: Vec<Option<String>>,
    /// Positions of its steps.
    pub steps: Vec<usize>,
}

/// What a wave waits for: lines of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The wave they are in.
    pub wave: usize,
    /// Their code.
    pub code: String,
    /// What is done in them.
    pub title: String,
    /// How many there are.
    pub lines: usize,
}

/// One key and everything that it concerns: whoever has it can pose as all of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Blast {
    /// The key.
    pub spki: Spki,
    /// What became of it.
    pub exposure: KeyExposure,
    /// The last time it was in reach of the leak.
    pub exposed_at: Option<Timestamp>,
    /// Every place that serves or served it, by name, port and address.
    pub endpoints: Vec<BlastEndpoint>,
    /// Every certificate on it, by serial and digest.
    pub certificates: Vec<BlastCertificate>,
    /// Who answers for its services; `None` stands for nobody known, and is last.
    pub owners: Vec<Option<String>>,
    /// How many services it is on.
    pub services: usize,
    /// The step that puts a new key in its place, while there is one.
    pub rekey: Option<usize>,
    /// When its certificates can be revoked.
    pub revoke: Revoke,
    /// What changes if its services no longer share one; absent where nothing is to be rekeyed.
    pub split: Option<Split>,
}

impl Blast {
    /// The endpoints that hold up the revocation.
    pub fn blockers(&self) -> impl Iterator<Item = &BlastEndpoint> {
        self.revoke.blocked_by.iter().filter_map(|at| self.endpoints.get(*at))
    }
}

/// One place that serves or served a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlastEndpoint {
    /// The service.
    pub row_id: RowId,
    /// Its name with port, for people.
    pub name: String,
    /// The address, where one is known.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The state of the service; absent where nobody judged it.
    pub state: Option<State>,
    /// Whether the last look that saw keys there saw this one.
    pub serves_now: bool,
    /// Whether the service itself leaked; else it only shares the key.
    pub leaked: bool,
    /// Whether the service still leaks, as far as the last looks say.
    pub leaks_now: bool,
}

impl BlastEndpoint {
    /// `mail.example.test:993@192.0.2.7`, as `keys.csv` writes places.
    pub fn place(&self) -> String {
        self.address.map_or_else(|| self.name.clone(), |address| format!("{}@{address}", self.name))
    }
}

/// One certificate on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlastCertificate {
    /// Its digest.
    pub sha256: Sha256,
    /// Its subject, as the server gave it.
    pub subject: Option<String>,
    /// Its serial, `0x` and hex.
    pub serial: Option<String>,
    /// Who issued it, as the server gave it.
    pub issuer: Option<String>,
    /// When its time runs out.
    pub not_after: Option<Timestamp>,
    /// Whether it is revoked, by its authority or by a person's word.
    pub revoked: bool,
    /// Whether its time has run out.
    pub expired: bool,
    /// Whether it was issued on the key after that was exposed.
    pub reissued: bool,
}

/// When the certificates on a key can be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoke {
    /// The step, while it is owed.
    pub step: Option<usize>,
    /// Positions in [`Blast::endpoints`] of those that still serve the key: revoking before they have left it turns
    /// their clients away.
    pub blocked_by: Vec<usize>,
    /// Positions of the steps that come first.
    pub waits: Vec<usize>,
}

/// When a new key can be made, if its services share one again, if each owner has one, if each service has one.
///
/// A new key on an endpoint that still leaks is burnt. So one that is shared waits for the restart of everything
/// that gets it, and one of its own only for its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// One new key for everything that serves the old one.
    pub shared: Part,
    /// One for each owner.
    pub owners: Vec<Part>,
    /// One for each service.
    pub services: Vec<Part>,
}

/// What gets one new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The owner, or the service's name with port; absent for services that nobody answers for, and for a shared key
    /// of several owners.
    pub who: Option<String>,
    /// Services.
    pub services: usize,
    /// Endpoints that have to leave the old key.
    pub endpoints: usize,
    /// Positions of the steps that its new key waits for.
    pub waits: Vec<usize>,
    /// The first wave in which its new key can be made, from 1.
    pub wave: usize,
}
