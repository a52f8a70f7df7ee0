//! How far each facet is: one bar of services for each, done first.

use super::{
    super::data::{Dashboard, FacetCount, Stage},
    WIDTH, bar, color, share, svg, units, words,
};
use crate::model::facet::{FacetKind, State};

const LEFT: i32 = 100;
const RIGHT: i32 = 200;
const FUNNEL: i32 = 620;
const ROW: i32 = 34;
const BAR: i32 = 22;

/// The bars of one group of services.
pub(in super::super) fn funnel(stage: &Stage, whose: &str) -> String {
    let height = units(FacetKind::ALL.len() as u64) * ROW + 4;
    let label = format!("How many of {} services ({whose}) have each facet done", stage.services);
    let width = FUNNEL - LEFT - RIGHT;
    svg(FUNNEL.unsigned_abs(), height.unsigned_abs(), &label, |area| {
        for ((kind, count), row) in stage.facets.iter().zip(0..) {
            let top = row * ROW + 6;
            words(area, kind.as_str(), (4, top + 4), 17, color::TEXT)?;
            let mut from = LEFT;
            let parts = [
                (count.done, color::DONE),
                (count.weak, color::WAIT),
                (count.unknown, color::GREY),
                (count.open, color::BAD),
                (count.waived, color::LINE),
                (count.not_owed, color::FAINT),
            ];
            let mut sum = 0;
            for (part, mark) in parts {
                sum += part;
                let to = LEFT + share(sum, stage.services, width);
                bar(area, (from, top), (to, top + BAR), mark)?;
                from = to;
            }
            let text = progress(count, stage.services);
            words(area, &text, (LEFT + width + 12, top + 4), 16, color::TEXT)?;
        }
        Ok(())
    })
}

/// `9 of 13, 69 %, 2 waived`: of those that owe it or owed it.
pub(in super::super) fn progress(count: &FacetCount, services: u64) -> String {
    let owed = services.saturating_sub(count.not_owed + count.waived);
    let waived = if count.waived > 0 { format!(", {} waived", count.waived) } else { String::new() };
    if owed == 0 {
        return format!("owed by none{waived}");
    }
    format!("{} of {owed}, {} %{waived}", count.done, count.done * 100 / owed)
}

/// Services that are clean at their last look and still owe something.
pub(in super::super) fn owing(d: &Dashboard) -> u64 {
    (d.services.len() as u64)
        .saturating_sub(d.totals.vulnerable + d.totals.unknown + d.totals.waived + settled(d))
}

/// Services that owe nothing by what was seen.
pub(in super::super) fn settled(d: &Dashboard) -> u64 {
    (d.totals.finished).saturating_sub(d.services.iter().filter(|s| s.state == State::Waived).count() as u64)
}

/// One bar of all services: vulnerable, unknown, owing, waived, done.
pub(in super::super) fn standing(d: &Dashboard) -> String {
    let whole = d.services.len() as u64;
    let label =
        format!("{} of {whole} services vulnerable, {} unknown", d.totals.vulnerable, d.totals.unknown);
    svg(WIDTH, 30, &label, |area| {
        let width = units(u64::from(WIDTH));
        let (mut sum, mut from) = (0, 0);
        for (part, mark) in [
            (d.totals.vulnerable, color::BAD),
            (d.totals.unknown, color::GREY),
            (owing(d), color::WAIT),
            (d.totals.waived, color::FAINT),
            (settled(d), color::DONE),
        ] {
            sum += part;
            let to = share(sum, whole, width);
            bar(area, (from, 2), (to, 28), mark)?;
            from = to;
        }
        Ok(())
    })
}
