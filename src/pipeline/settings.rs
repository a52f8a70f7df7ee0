//! The settings of one sweep: what was typed, made whole with its defaults (DESIGN: `sweep` options).
//! Stored with the sweep, so that `--resume` goes on under the same rules.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use crate::probe::Depth;
use crate::{
    assess,
    error::Error,
    model::{finding::FindingRules, fragile::Signature, policy::Policy, weak_keys::WeakKeys, wrap::Wrap},
    pipeline::catalogue,
};

/// Everything that a sweep needs to know besides its services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Endpoints in flight.
    pub concurrency: usize,
    /// New connections a second; 0 is no limit.
    pub rate: u32,
    /// Endpoints in flight at one address.
    pub per_host: usize,
    /// Limit of a connect.
    pub timeout: Duration,
    /// Limit of a probe's step.
    pub probe_timeout: Duration,
    /// Connections that ask the question, for each address.
    pub samples: u32,
    /// How much is asked.
    pub depth: Depth,
    /// Ports for hosts and networks that name none.
    pub ports: Vec<u16>,
    /// The wrap for rows that name none; absent: the port decides.
    pub wrap: Option<Wrap>,
    /// Whether a port that shows nothing is tried with protocols in which the client speaks first.
    pub find_wrap: bool,
    /// No request but to the targets themselves: neither CRL nor OCSP, nor checks of secrets.
    pub offline: bool,
    /// The trust store's name and text in PEM; absent: the system's.
    pub trust: Option<(String, String)>,
    /// Lists of weak keys. Not kept: they may be large, and a resumed sweep is given them again.
    #[serde(skip)]
    pub weak_keys: Option<Arc<WeakKeys>>,
    /// Signatures of fragile devices beside the built-in ones.
    pub fragile: Vec<Signature>,
    /// Addresses, networks and names that are left alone.
    pub exclude: Vec<String>,
    /// The scope file's name and text.
    pub scope: Option<(String, String)>,
    /// The local address to connect from.
    pub source: Option<IpAddr>,
    /// The resolver that is asked for names, of targets and of secrets' checks; absent: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver: Option<SocketAddr>,
    /// From where this sweep looks.
    pub vantage: Arc<str>,
    /// Whether names are resolved, or the last sweep's addresses are used.
    pub resolve: Resolve,
    /// Disclosures by id.
    pub disclosures: Vec<String>,
    /// The rules in force.
    pub policy: Policy,
}

/// Where addresses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Resolve {
    /// The resolver, now.
    Live,
    /// The addresses of the last sweep that had any; the resolver for names without.
    Last,
}

impl Settings {
    /// The same under the rules that are in force; what was typed about findings goes before those.
    pub fn under(&self, policy: &Policy) -> Self {
        let mut policy = policy.clone();
        if self.policy.findings != FindingRules::default() {
            policy.findings = self.policy.findings.clone();
        }
        Self { policy, ..self.clone() }
    }

    /// Takes disclosures by id or alias, from the catalogue as an incident has it; none given keeps what is set.
    pub fn set_disclosures(&mut self, names: &[String], incident: &Path) -> Result<(), Error> {
        if !names.is_empty() {
            let catalogue = catalogue::of(incident)?;
            let found = names.iter().map(|name| catalogue.find(name));
            self.disclosures = found.map(|d| d.map(|d| d.id.to_string())).collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}

/// What a user should know of the depth of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepthNotice {
    /// It is full since a disclosure asks for that.
    Full(String),
    /// It was typed, and some disclosure is not asked about at it.
    NotAsked(String),
}

impl Settings {
    /// Makes the depth full where that is how a disclosure is asked about.
    #[must_use]
    pub fn deep_enough_for(mut self, disclosure: &str) -> Self {
        if assess::needs_full_depth(disclosure) {
            self.depth = Depth::Full;
        }
        self
    }

    /// Puts the depth in force: what was typed, else full where a disclosure is asked about at that depth alone.
    pub fn set_depth(&mut self, typed: Option<Depth>) -> Option<DepthNotice> {
        self.depth = typed.unwrap_or(self.depth);
        let wanting: Vec<&str> =
            self.disclosures.iter().map(String::as_str).filter(|id| assess::needs_full_depth(id)).collect();
        if wanting.is_empty() || self.depth == Depth::Full {
            return None;
        }
        let named = wanting.join(", ");
        if typed.is_none() {
            self.depth = Depth::Full;
            return Some(DepthNotice::Full(format!("--depth full, since only that asks about {named}")));
        }
        let text = format!("--depth {} does not ask about {named}: that takes --depth full", self.depth);
        Some(DepthNotice::NotAsked(text))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 500,
            rate: 1000,
            per_host: 4,
            timeout: Duration::from_secs(3),
            probe_timeout: Duration::from_secs(5),
            samples: 1,
            depth: Depth::Standard,
            ports: vec![443],
            wrap: None,
            find_wrap: false,
            offline: false,
            trust: None,
            weak_keys: None,
            fragile: Vec::new(),
            exclude: Vec::new(),
            scope: None,
            source: None,
            resolver: None,
            vantage: Arc::from("local"),
            resolve: Resolve::Live,
            disclosures: vec!["CVE-2014-0160".to_owned()],
            policy: Policy::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disclosure_of_full_depth_makes_the_depth_full_unless_one_was_typed() {
        let table: &[(&[&str], Option<Depth>, Depth, Option<bool>)] = &[
            (&["CVE-2014-0160"], None, Depth::Standard, None),
            (&["CVE-2014-0160"], Some(Depth::Quick), Depth::Quick, None),
            (&["CVE-2014-0160", "CVE-2014-3566"], None, Depth::Full, Some(true)),
            (&["CVE-2014-3566"], Some(Depth::Full), Depth::Full, None),
            (&["CVE-2014-3566"], Some(Depth::Standard), Depth::Standard, Some(false)),
            (&["ROBOT"], Some(Depth::Quick), Depth::Quick, Some(false)),
            (&["CVE-2022-3602"], None, Depth::Standard, None),
        ];
        for (ids, typed, expected, told) in table {
            let disclosures = ids.iter().map(|id| (*id).to_owned()).collect();
            let mut settings = Settings { disclosures, ..Settings::default() };
            let notice = settings.set_depth(*typed).map(|n| matches!(n, DepthNotice::Full(_)));
            assert_eq!((settings.depth, notice), (*expected, *told), "{ids:?} {typed:?}");
        }
    }
}
