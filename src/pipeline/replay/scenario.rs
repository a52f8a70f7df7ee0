//! A scenario as it is written. Unknown fields and words are errors with their line; names are resolved when it is
//! read, so that a mistake never looks like a finding.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    drill::peer::{Behaviour, Ending},
    model::{
        checklist::LineState,
        claim::Justification,
        facet::{FacetKind, FacetValue, Gate, GateResult, Regression, State},
        policy::Policy,
        secret::SecretState,
        time::Timestamp,
        verdict::{Grade, Reason, Verdict},
    },
};

/// One scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    #[serde(skip)]
    pub(super) file: String,
    #[serde(skip)]
    text: String,
    /// What happened in 2014.
    story: String,
    /// When the clock stands at first.
    pub(super) start: Timestamp,
    /// The inventory in the native CSV; `{net}` is the first three numbers of every address.
    pub(super) services: String,
    /// The secrets in the native CSV.
    #[serde(default)]
    pub(super) secrets: String,
    /// The policy in force.
    #[serde(default)]
    pub(super) policy: Policy,
    /// Names that the name server knows, with the last numbers of their addresses.
    #[serde(default)]
    pub(super) names: BTreeMap<String, Vec<u8>>,
    #[serde(default, rename = "certificate")]
    pub(super) certificates: Vec<Certificate>,
    #[serde(rename = "peer")]
    pub(super) peers: Vec<Spanned<Peer>>,
    #[serde(default, rename = "host")]
    pub(super) hosts: Vec<Host>,
    #[serde(rename = "step")]
    pub(super) steps: Vec<Step>,
}

/// A certificate. Those that name the same key are on the same key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Certificate {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) names: Vec<String>,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// What stands at an address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    /// The last number of the address, and the port: `11:8443`.
    pub(super) at: String,
    pub(super) behaviour: Kind,
    #[serde(default)]
    pub(super) certificate: Option<String>,
}

/// How a peer treats heartbeats and clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Vulnerable,
    Fixed,
    WithoutHeartbeats,
    /// Something in the way resets the connection at a malformed heartbeat; the server behind answers others.
    EatsMalformed,
    /// Something in the way swallows a malformed heartbeat, and resets every connection after it.
    BlocksAfterMalformed,
    /// Nothing listens.
    Closed,
}

impl Kind {
    /// None: nothing listens.
    pub(super) const fn behaviour(self) -> Option<Behaviour> {
        Some(match self {
            Self::Vulnerable => Behaviour::Vulnerable,
            Self::Fixed => Behaviour::Fixed,
            Self::WithoutHeartbeats => Behaviour::WithoutHeartbeats,
            Self::EatsMalformed => Behaviour::EatsMalformed(Ending::Reset),
            Self::BlocksAfterMalformed => Behaviour::BlocksAfterMalformed(Ending::Reset),
            Self::Closed => return None,
        })
    }
}

/// A host's document, as `host collect` writes it; `{now}` is the time at which it is taken in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Host {
    pub(super) id: String,
    pub(super) document: String,
}

/// What happens, in this order, and what must be known then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) say: Spanned<String>,
    /// Hours that pass first.
    #[serde(default)]
    pub(super) advance: i64,
    #[serde(default, rename = "become")]
    pub(super) changes: Vec<Become>,
    /// Whether the name server answers from here on.
    #[serde(default)]
    pub(super) dns: Option<Dns>,
    /// Documents that are taken in, by id.
    #[serde(default)]
    pub(super) host: Vec<String>,
    #[serde(default)]
    pub(super) attest: Vec<Attest>,
    #[serde(default)]
    pub(super) sweep: Option<Sweep>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<Expect>>,
    /// Secrets by id: `open`, `closed`, or a state such as `too-early`.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) wire: Vec<Wire>,
    /// Gates by name, and what each says of everything.
    #[serde(default)]
    pub(super) gates: BTreeMap<Gate, GateResult>,
}

/// A change of a peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Become {
    pub(super) peer: String,
    #[serde(default)]
    pub(super) behaviour: Option<Kind>,
    #[serde(default)]
    pub(super) certificate: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dns {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sweep {
    /// Names are looked up.
    Live,
    /// The addresses of the last sweep.
    Last,
}

/// A person's word: exactly one of the last five.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attest {
    #[serde(default)]
    pub(super) service: Vec<String>,
    #[serde(default)]
    pub(super) secret: Vec<String>,
    #[serde(default)]
    pub(super) reference: Option<String>,
    #[serde(default)]
    pub(super) facet: Option<FacetKind>,
    #[serde(default)]
    pub(super) state: Option<SecretState>,
    #[serde(default)]
    pub(super) not_affected: Option<Justification>,
    /// A waiver for so many hours.
    #[serde(default)]
    pub(super) waive_hours: Option<i64>,
    #[serde(default)]
    pub(super) withdraw: bool,
}

/// What must be known of a service. Only what is written is compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    pub(super) service: String,
    pub(super) state: Option<State>,
    pub(super) verdict: Option<Verdict>,
    pub(super) reason: Option<Reason>,
    /// A value, or a value and a grade: `done E3`.
    pub(super) facets: BTreeMap<FacetKind, Standing>,
    /// All codes.
    pub(super) regressions: Option<Vec<Regression>>,
    /// Each is a part of some note.
    pub(super) notes: Vec<String>,
    /// Each is a part of the next action.
    pub(super) next: Vec<String>,
    /// Each is a part of something that must come first.
    pub(super) blocked_by: Vec<String>,
    /// By the last number of the address: verdict and reason.
    pub(super) endpoints: BTreeMap<String, String>,
    /// The services that share an exposed key with it, all of them.
    pub(super) shared_with: Option<Vec<String>>,
    /// Whether it serves a key that was in reach.
    pub(super) serves_old_key: Option<bool>,
    /// Where network and host say opposite things: each is a part of one of the sentences. Absent and `[]`: none is
    /// compared; `["none"]`: there is none.
    pub(super) conflicts: Vec<String>,
    pub(super) lines: Vec<LineExpected>,
    /// Codes of lines that must not be there.
    pub(super) no_lines: Vec<String>,
}

/// A line of the checklist that must be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineExpected {
    pub(super) code: String,
    pub(super) state: LineState,
    /// Each is a part of what the line says anywhere.
    #[serde(default)]
    pub(super) says: Vec<String>,
    /// What it does not say anywhere.
    #[serde(default)]
    pub(super) never_says: Vec<String>,
    /// Each is a part of something that it waits for.
    #[serde(default)]
    pub(super) waits_for: Vec<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
}

/// What was sent to a peer since it first stood.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) peer: String,
    pub(super) heartbeats: Amount,
    /// The most connections.
    #[serde(default)]
    pub(super) connections: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Amount {
    None,
    Some,
}

/// A facet's value, and its grade where that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) value: FacetValue,
    pub(super) grade: Option<Grade>,
}

impl<'de> Deserialize<'de> for Standing {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(d)?;
        let mut words = text.split_whitespace();
        let value = words.next().unwrap_or_default().parse().map_err(D::Error::custom)?;
        let grade = words.next().map(str::parse).transpose().map_err(D::Error::custom)?;
        match words.next() {
            None => Ok(Self { value, grade }),
            Some(more) => Err(D::Error::custom(format!("`{more}` is one word too many"))),
        }
    }
}

impl Scenario {
    /// Reads a scenario and checks that every name in it leads somewhere.
    pub(super) fn read(name: &str, text: &str) -> Result<Self, String> {
        let file = format!("tests/scenarios/{name}.toml");
        let mut scenario: Self = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(1, |span| line_of(text, span.start));
            format!("{file}:{at}: {}", e.message())
        })?;
        text.clone_into(&mut scenario.text);
        scenario.file = file;
        scenario.check()?;
        Ok(scenario)
    }

    /// `file:line` of something that was read.
    pub(super) fn place<T>(&self, of: &Spanned<T>) -> String {
        format!("{}:{}", self.file, line_of(&self.text, of.span().start))
    }

    fn check(&self) -> Result<(), String> {
        if self.story.trim().is_empty() {
            return Err(format!("{}:1: a scenario tells what happened", self.file));
        }
        for peer in &self.peers {
            let wanted = peer.get_ref().certificate.as_ref();
            self.has_certificate(wanted).map_err(|why| format!("{}: {why}", self.place(peer)))?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            let at = || format!("{}: step {} ({})", self.place(&step.say), number + 1, step.say.get_ref());
            self.check_step(step).map_err(|why| format!("{} {why}", at()))?;
        }
        Ok(())
    }

    fn check_step(&self, step: &Step) -> Result<(), String> {
        for change in &step.changes {
            self.has_peer(&change.peer)?;
            self.has_certificate(change.certificate.as_ref())?;
        }
        for wire in &step.wire {
            self.has_peer(&wire.peer)?;
        }
        for id in &step.host {
            if !self.hosts.iter().any(|h| h.id == *id) {
                return Err(format!("no host document is called `{id}`"));
            }
        }
        let silent = step.expect.is_empty()
            && step.secrets.is_empty()
            && step.wire.is_empty()
            && step.gates.is_empty();
        if silent { Err("expects nothing".to_owned()) } else { Ok(()) }
    }

    fn has_peer(&self, at: &str) -> Result<(), String> {
        let known = self.peers.iter().any(|p| p.get_ref().at == at);
        if known { Ok(()) } else { Err(format!("no peer stands at `{at}`")) }
    }

    fn has_certificate(&self, id: Option<&String>) -> Result<(), String> {
        match id {
            Some(id) if !self.certificates.iter().any(|c| c.id == *id) => {
                Err(format!("no certificate is called `{id}`"))
            }
            _ => Ok(()),
        }
    }
}

/// The line, from 1, of a byte.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}
