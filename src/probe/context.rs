//! What the probes of one sweep share: its settings, its dialer, its clock.

use std::sync::Arc;

use super::{dial::Dialer, fragile::Signatures, limits::Timeouts, trust::TrustStore};
use crate::{
    clock::Clock,
    model::{ids::SweepId, observation::Certificate, vocabulary, weak_keys::WeakKeys},
};

vocabulary! {
    /// How much is asked of each endpoint.
    Depth, "depth" {
        /// One connection where it decides.
        Quick = "quick",
        /// A second hello for the server's other kind of key as well.
        Standard = "standard",
        /// And one without SNI, every version, and the questions of other disclosures.
        Full = "full",
    }
}

/// What holds for every endpoint of a sweep.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time limits.
    pub timeouts: Timeouts,
    /// Connections per address that ask the heartbeat question; 0 counts as 1.
    pub samples: u32,
    /// How much is asked.
    pub depth: Depth,
    /// Whether a port that shows nothing is tried with protocols in which the client speaks first.
    pub find_wrap: bool,
    /// From where it is looked.
    pub vantage: Arc<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            samples: 1,
            depth: Depth::Standard,
            find_wrap: false,
            vantage: Arc::from("local"),
        }
    }
}

/// What the probes of a sweep share.
#[derive(Debug)]
pub struct Context {
    /// The settings.
    pub settings: Settings,
    /// Opens connections, under the global rate.
    pub dialer: Dialer,
    /// What time it is.
    pub clock: Clock,
    /// The sweep that observations belong to.
    pub sweep: SweepId,
    /// What chains are checked against; absent: they are not.
    pub trust: Option<Arc<TrustStore>>,
    /// Lists of weak keys; absent: none was given.
    pub weak_keys: Option<Arc<WeakKeys>>,
    /// How devices are told that a probe may hurt.
    pub fragile: Arc<Signatures>,
}

impl Context {
    /// A context without a trust store, with the built-in signatures of fragile devices.
    pub fn new(settings: Settings, dialer: Dialer, clock: Clock, sweep: SweepId) -> Self {
        Self {
            settings,
            dialer,
            clock,
            sweep,
            trust: None,
            weak_keys: None,
            fragile: Arc::new(Signatures::built_in()),
        }
    }

    /// The signature of a fragile device that a certificate bears, if it does.
    pub fn fragile_by(&self, certificate: Option<&Certificate>) -> Option<&str> {
        let certificate = certificate?;
        self.fragile.matches(certificate.subject.as_deref(), certificate.issuer.as_deref(), &[], None)
    }
}
