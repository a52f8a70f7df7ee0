//! What time it is. The one place that asks the system, so that tests and the drill can fix it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::model::time::Timestamp;

/// A source of the present time. Cloning shares it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands until it is moved. Each reading is one microsecond after the last, so
    /// that no two pieces of evidence tie.
    Simulated(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn simulated(start: Timestamp) -> Self {
        Self::Simulated(Arc::new(AtomicI64::new(start.micros())))
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let micros = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
                Timestamp::from_micros(micros)
            }
            Self::Simulated(micros) => Timestamp::from_micros(micros.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Moves a simulated clock forward; the system's clock is not ours to move.
    pub fn advance(&self, seconds: i64) {
        if let Self::Simulated(micros) = self {
            micros.fetch_add(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
        }
    }
}
