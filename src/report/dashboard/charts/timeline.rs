//! What happened when, against the day of disclosure: sweeps, repairs, steps back, and for each key the time in which
//! it could be read. Weekends are shaded.

use plotters::{element::Circle, prelude::PathElement, style::Color};

use super::{
    super::data::{Dashboard, Happening, Key},
    Area, Drawn, WIDTH, bar, color, svg, units, words,
};
use crate::model::time::Timestamp;

const LEFT: i32 = 150;
const RIGHT: i32 = 24;
const TOP: i32 = 34;
const LANE: i32 = 28;
/// Keys that are drawn; the table has all.
const KEYS: usize = 12;
const DAY: i64 = 86_400;
/// Beyond that weekends are too thin to be seen.
const WEEKENDS: i64 = 150 * DAY;
/// Seconds between marks on the axis.
const STEPS: [i64; 13] = [
    60,
    600,
    3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    91 * DAY,
    365 * DAY,
];

/// From a time to a place on the axis.
struct Axis {
    from: Timestamp,
    to: Timestamp,
    /// Whether the disclosure lies before the axis.
    disclosed_before: bool,
}

impl Axis {
    fn of(d: &Dashboard) -> Self {
        let first = d.method.sweeps.first().map_or(d.begun_at, |s| s.started_at).min(d.judged_at);
        let span = d.judged_at.seconds_since(first).max(600);
        let disclosed = d.disclosure.disclosed_at;
        // An old disclosure would press everything that happened into one line at the right edge.
        let far = first.seconds_since(disclosed) > span.saturating_mul(4);
        let from = if far { first } else { first.min(disclosed) };
        let margin = d.judged_at.seconds_since(from).max(600) / 25;
        Self { from: from.plus_seconds(-margin), to: d.judged_at.plus_seconds(margin), disclosed_before: far }
    }

    fn x(&self, at: Timestamp) -> i32 {
        let width = i64::from(units(u64::from(WIDTH)) - LEFT - RIGHT);
        let span = self.to.seconds_since(self.from).max(1);
        let passed = at.seconds_since(self.from).clamp(0, span);
        LEFT + i32::try_from(passed * width / span).unwrap_or(0)
    }

    fn seconds(&self) -> i64 {
        self.to.seconds_since(self.from).max(1)
    }
}

/// The kinds that have a lane of their own, with colours.
const LANES: [(Happening, &str, plotters::style::RGBColor); 5] = [
    (Happening::Closed, "hole closed", color::DONE),
    (Happening::Rekeyed, "new key served", color::DONE),
    (Happening::Revoked, "old one revoked", color::DONE),
    (Happening::TooEarly, "too early", color::WAIT),
    (Happening::Regressed, "went backwards", color::BAD),
];

/// The chart.
pub(in super::super) fn timeline(d: &Dashboard) -> String {
    let keys: Vec<&Key> = d.keys.iter().take(KEYS).collect();
    let height = TOP + LANE * units((LANES.len() + keys.len()) as u64) + 34;
    let label = format!(
        "Events from {} to {}, and when each of {} keys could be read",
        d.begun_at.date(),
        d.judged_at.date(),
        keys.len()
    );
    svg(WIDTH, height.unsigned_abs(), &label, |area| {
        let axis = Axis::of(d);
        let bottom = height - 30;
        ground(area, d, &axis, bottom)?;
        for ((what, name, mark), lane) in LANES.into_iter().zip(0..) {
            let y = TOP + lane * LANE + LANE / 2;
            words(area, name, (4, y - 8), 15, color::TEXT)?;
            for event in d.events.iter().filter(|e| e.what == what) {
                let x = axis.x(event.at);
                area.draw(&Circle::new((x, y), 7, mark.filled()))?;
                if event.rows.len() > 1 {
                    words(area, &event.rows.len().to_string(), (x + 10, y - 8), 14, color::TEXT)?;
                }
            }
        }
        for (key, lane) in keys.iter().zip(units(LANES.len() as u64)..) {
            one_key(area, d, key, &axis, TOP + lane * LANE)?;
        }
        Ok(())
    })
}

/// Weekends, marks of time, the disclosure, the sweeps, now.
fn ground(area: &Area<'_>, d: &Dashboard, axis: &Axis, bottom: i32) -> Drawn {
    if axis.seconds() < WEEKENDS {
        let first_day = axis.from.micros().div_euclid(1_000_000 * DAY);
        for day in first_day..=first_day + axis.seconds() / DAY + 1 {
            // 1970-01-01 was a Thursday.
            if matches!((day + 4).rem_euclid(7), 0 | 6) {
                let begin = Timestamp::from_seconds(day * DAY);
                let edges = (axis.x(begin), axis.x(begin.plus_seconds(DAY)));
                bar(area, (edges.0, TOP - 8), (edges.1, bottom), color::FAINT)?;
            }
        }
    }
    let step = STEPS.into_iter().find(|s| axis.seconds() / s <= 9).unwrap_or(365 * DAY);
    let mut mark = Timestamp::from_seconds((axis.from.micros() / 1_000_000 / step + 1) * step);
    while mark < axis.to {
        let x = axis.x(mark);
        area.draw(&PathElement::new([(x, TOP - 8), (x, bottom)], color::FAINT))?;
        let text =
            if step >= DAY { mark.date() } else { mark.short().get(5..).unwrap_or_default().to_owned() };
        words(area, &text, (x - 34, bottom + 8), 13, color::MUTE)?;
        mark = mark.plus_seconds(step);
    }
    for sweep in d.events.iter().filter(|e| e.what == Happening::Sweep) {
        let x = axis.x(sweep.at);
        area.draw(&PathElement::new([(x, TOP - 8), (x, bottom)], color::LINE))?;
    }
    let disclosed = d.disclosure.disclosed_at;
    let text = if axis.disclosed_before {
        let days = axis.from.seconds_since(disclosed) / DAY;
        format!("< disclosed {}, {days} days before", disclosed.date())
    } else {
        let x = axis.x(disclosed);
        area.draw(&PathElement::new([(x, TOP - 14), (x, bottom)], color::BAD.stroke_width(2)))?;
        format!("disclosed {}", disclosed.short())
    };
    let x = if axis.disclosed_before { LEFT } else { axis.x(disclosed) + 4 };
    words(area, &text, (x.min(units(u64::from(WIDTH)) - 240), 4), 14, color::BAD)
}

/// Light where it could be read as far as anybody knows, full where it was seen so, then in use though the leak was
/// closed.
fn one_key(area: &Area<'_>, d: &Dashboard, key: &Key, axis: &Axis, y: i32) -> Drawn {
    let name = format!("key {}", key.spki.short());
    words(area, &name, (4, y + 6), 15, color::TEXT)?;
    let (top, low) = (y + 6, y + 20);
    let leak_end = if key.window.open { d.judged_at } else { key.window.until.unwrap_or(key.first_seen) };
    let in_use = key.window.last_served.unwrap_or(d.judged_at).max(leak_end);
    bar(area, (axis.x(key.window.from), top), (axis.x(leak_end), low), color::SOFT_BAD)?;
    // What was seen once has no length and must be seen all the same.
    let seen = axis.x(key.first_seen.max(key.window.from));
    bar(area, (seen, top), (axis.x(leak_end).max(seen + 6), low), color::BAD)?;
    bar(area, (axis.x(leak_end), top + 3), (axis.x(in_use), low - 3), color::WAIT)
}
