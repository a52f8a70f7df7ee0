//! All endpoints of a service taken together, at one moment.
//!
//! Not here: what an endpoint counts as (`history`), and what the whole means (`state`).

use crate::model::verdict::{Reason, Verdict};

use super::{
    history::Class,
    index::{Look, Moment},
    join::HostLook,
};

/// All endpoints of a service taken together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Picture {
    pub(super) bad: u32,
    pub(super) clean: u32,
    pub(super) unknown: u32,
    pub(super) left: u32,
    /// Those of the bad ones where the fixed version is installed and the old one still runs.
    pub(super) bad_unrestarted: u32,
    /// Those of the unknown ones where the fixed version is installed and something older still runs.
    pub(super) unknown_unrestarted: u32,
    /// The latest and the earliest of the bad looks that stand.
    pub(super) bad_at: Option<Moment>,
    /// Clean endpoints where the question arises.
    pub(super) applicable: u32,
    /// A person said that the service is gone, and enough sweeps in a row reached nothing.
    pub(super) gone: bool,
    /// The worst verdict and its reason.
    pub(super) worst: Option<(Verdict, Reason)>,
    pub(super) worst_left: Option<(Verdict, Reason)>,
}

impl Picture {
    pub(super) fn add(&mut self, class: Class, look: &Look<'_>) {
        let unrestarted = u32::from(look.host.is_some_and(HostLook::is_unrestarted));
        match class {
            Class::Bad => {
                self.bad += 1;
                self.bad_unrestarted += unrestarted;
                self.bad_at = self.bad_at.max(Some(look.moment));
            }
            Class::Clean => {
                self.clean += 1;
                self.applicable += u32::from(look.finding.verdict != Verdict::NotApplicable);
            }
            Class::Unknown => {
                self.unknown += 1;
                self.unknown_unrestarted += unrestarted;
            }
            Class::Deferred => return,
            Class::Left => self.left += 1,
        }
        let found = (look.finding.verdict, look.finding.reason);
        let rank = |v: Verdict| match v {
            Verdict::Vulnerable => 5,
            Verdict::Inconclusive => 4,
            Verdict::Unreachable => 3,
            Verdict::Skipped => 2,
            Verdict::NotVulnerable => 1,
            Verdict::NotApplicable => 0,
        };
        // Endpoints that were left count only where there is nothing else to report.
        let worst = if class == Class::Left { &mut self.worst_left } else { &mut self.worst };
        if worst.is_none_or(|(worst, _)| rank(found.0) > rank(worst)) {
            *worst = Some(found);
        }
    }

    /// Whether everything that counts was clean.
    pub(super) const fn is_closed(&self) -> bool {
        self.bad == 0 && self.unknown == 0 && self.clean > 0
    }
}
