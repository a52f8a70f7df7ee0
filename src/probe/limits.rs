//! How fast and how patiently the prober works: a bucket of new connections, and time limits.
//!
//! Concurrency is not here: the scheduler owns it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Time limits of one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to stand.
    pub connect: Duration,
    /// For one step of a probe: the most that is waited for bytes which must come.
    pub step: Duration,
    /// Added to the measured round trip where an answer may come and need not.
    pub short: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            step: Duration::from_secs(5),
            short: Duration::from_millis(30),
        }
    }
}

impl Timeouts {
    /// The limits of the one retry after a time-out.
    pub const fn doubled(self) -> Self {
        Self {
            connect: self.connect.saturating_mul(2),
            step: self.step.saturating_mul(2),
            short: self.short.saturating_mul(2),
        }
    }

    /// The wait for an answer that need not come, over a path with this round trip.
    pub fn short_wait(&self, rtt: Duration) -> Duration {
        rtt.saturating_add(self.short).min(self.step)
    }
}

/// A global rate of new connections, shared by everything that dials. Permits come at an even pace, after a
/// burst of at most a tenth of a second's worth.
#[derive(Debug)]
pub struct Rate {
    pace: Option<Pace>,
}

#[derive(Debug)]
struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next permit is due, were there no burst.
    due: Mutex<Option<Instant>>,
}

impl Rate {
    /// So many connections a second; 0 is no limit.
    pub fn per_second(connections: u32) -> Self {
        let pace = (connections > 0).then(|| {
            let interval = Duration::from_secs(1) / connections;
            Pace { interval, burst: interval.saturating_mul(connections / 10), due: Mutex::new(None) }
        });
        Self { pace }
    }

    /// Waits for a permit to open one connection.
    pub async fn permit(&self) {
        if let Some(pace) = &self.pace {
            let wait = pace.reserve(Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }
}

impl Pace {
    /// Takes the next permit and says how long after `now` it is good.
    fn reserve(&self, now: Instant) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let at = due.map_or(now, |due| due.max(now));
        *due = Some(at + self.interval);
        at.saturating_duration_since(now).saturating_sub(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `n` permits asked for at once is good, in milliseconds.
    fn permits(rate: u32, n: usize) -> Vec<u128> {
        let rate = Rate::per_second(rate);
        let now = Instant::now();
        (0..n).map(|_| rate.pace.as_ref().map_or(0, |p| p.reserve(now).as_millis())).collect()
    }

    #[test]
    fn permits_come_at_an_even_pace_after_a_small_burst() {
        assert_eq!(permits(1, 4), [0, 1000, 2000, 3000], "one a second has no burst");
        assert_eq!(permits(20, 6), [0, 0, 0, 50, 100, 150], "a burst of two beyond the first");
        assert_eq!(permits(0, 3), [0, 0, 0], "no limit");
    }

    #[test]
    fn a_pause_earns_no_more_than_the_burst() {
        let rate = Rate::per_second(10);
        let pace = rate.pace.as_ref().unwrap();
        let start = Instant::now();
        assert_eq!(pace.reserve(start), Duration::ZERO);
        let later = start + Duration::from_secs(3600);
        let waits: Vec<_> = (0..4).map(|_| pace.reserve(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
    }

    #[test]
    fn a_short_wait_grows_with_the_round_trip_and_stays_within_the_step() {
        let limits = Timeouts::default();
        assert_eq!(limits.short_wait(Duration::ZERO), Duration::from_millis(30));
        assert_eq!(limits.short_wait(Duration::from_millis(200)), Duration::from_millis(230));
        assert_eq!(limits.short_wait(Duration::from_secs(60)), limits.step);
        assert_eq!(limits.doubled().short_wait(Duration::from_secs(60)), limits.step * 2);
    }
}
