//! Times of waits and rounds, and what a round says by its exit code.

use super::*;
use crate::model::facet::Regression;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn failures_double_the_wait_up_to_an_hour_or_the_interval() {
    let table = [
        (900, 0, 900),
        (900, 1, 1800),
        (900, 2, 3600),
        (900, 3, 3600),
        (900, u32::MAX, 3600),
        (10, 1, 20),
        (10, 4, 160),
        (86_400, 0, 86_400),
        (86_400, 3, 86_400),
    ];
    for (every, failed, expected) in table {
        assert_eq!(back_off(seconds(every), failed), seconds(expected), "every {every} s, {failed} failed");
    }
}

#[test]
fn jitter_is_a_twentieth_at_the_most() {
    for (random, expected) in [(0.0, 1000), (1.0, 1050), (-1.0, 950), (7.0, 1050), (-7.0, 950)] {
        let millis = jittered(seconds(1000), random).as_millis();
        assert_eq!((millis + 500) / 1000, expected, "{random}");
    }
}

#[test]
fn a_wait_ends_by_either_clock() {
    let minute = 60_000_000;
    let table = [
        (seconds(59), 59 * 1_000_000, false, "neither"),
        (seconds(60), minute, true, "both"),
        (seconds(3), 100 * minute, true, "the machine slept: its monotonic clock stood"),
        (seconds(60), -100 * minute, true, "the clock was set back"),
        (seconds(3), -100 * minute, false, "set back, and not yet time"),
        (seconds(3), i64::MAX, true, "set far ahead"),
        (seconds(3), i64::MIN, false, "set far back"),
    ];
    for (monotonic, wall, expected, why) in table {
        assert_eq!(is_over(seconds(60), monotonic, wall), expected, "{why}");
    }
}

#[test]
fn intervals_in_words() {
    for (length, expected) in [(15, "15 s"), (60, "1 min"), (90, "90 s"), (900, "15 min"), (7200, "2 h")] {
        assert_eq!(in_words(seconds(length)), expected);
    }
}

fn change(from: Option<State>, to: State, code: Option<Regression>) -> Change {
    Change { row_id: RowId::declared("a"), from, to, code, sweep_a: None, sweep_b: SweepId(2) }
}

#[test]
fn only_what_got_worse_asks_somebody_to_act() {
    use State::*;
    let table = [
        (change(Some(Exposed), ClosedKeyAtRisk, None), None),
        (change(Some(AwaitingVerification), Verified, None), None),
        (change(Some(Unknown), AwaitingVerification, None), None),
        (change(Some(Unknown), Exposed, None), Some(Exit::Open)),
        (change(None, Exposed, None), Some(Exit::Open)),
        (change(Some(Exposed), Contradicted, None), Some(Exit::Open)),
        (change(Some(AwaitingVerification), Unknown, None), Some(Exit::Incomplete)),
        (change(Some(ClosedKeyAtRisk), Regressed, Some(Regression::R1)), Some(Exit::Regression)),
        (change(Some(Waived), Unknown, Some(Regression::R9)), Some(Exit::Regression)),
        (change(Some(ClosedKeyAtRisk), ClosedKeyAtRisk, Some(Regression::R3)), Some(Exit::Regression)),
    ];
    for (change, expected) in table {
        assert_eq!(severity(&change), expected, "{change:?}");
    }
}

#[test]
fn what_another_try_cannot_mend_ends_the_watch() {
    let missing = store::Error::Missing { path: "incident.db".into() };
    let tampered = Error::Tampered { path: "incident.db".into(), what: "row 3".into() };
    let table = [
        (Error::Calibration("the fixed endpoint gave no answer".into()), true),
        (Error::Internal("signals".into()), true),
        (Error::Store(store::Error::DiskFull { path: "incident.db".into() }), true),
        (Error::Store(missing), false),
        (tampered, false),
        (Error::Usage("no service is called `x`".into()), false),
        (Error::Input("bad".into()), false),
        (Error::stdout(std::io::Error::from(std::io::ErrorKind::BrokenPipe)), false),
    ];
    for (error, expected) in table {
        assert_eq!(may_pass(&error), expected, "{error}");
    }
}
