//! What the probes of one sweep share: its settings, its dialer, its clock.

use std::sync::Arc;

use super::{dial::Dialer, limits::Timeouts};
use crate::{
    clock::Clock,
    model::{ids::SweepId, vocabulary},
};

vocabulary! {
    /// How much is asked of each endpoint.
    Depth, "depth" {
        /// One connection where it decides.
        Quick = "quick",
        /// A second hello for the server's other kind of key as well.
        Standard = "standard",
        /// And one without SNI.
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
    /// From where it is looked.
    pub vantage: Arc<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            samples: 1,
            depth: Depth::Standard,
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
}
