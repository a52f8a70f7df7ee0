//! CVE-2016-0800 across the fleet: a server that speaks SSL 2.0 with a key opens the sessions of every other service that
//! uses this key, wherever that stands. The key decides, not the certificate.
//!
//! Within one sweep the order of looks does not matter. A key stays in danger until the place that spoke SSL 2.0 with it
//! refuses that in a later sweep: silence and not being asked take nothing back.

use std::collections::{BTreeMap, BTreeSet};

use super::super::index::{Index, Look, NONE};
use crate::model::{
    asked::{Came, Question},
    ids::Spki,
    observation::Observation,
    verdict::Verdict,
};

/// The places of looks that were not bad by their own answer, and saw a key with which SSL 2.0 is spoken elsewhere.
pub(in super::super) fn tainted(index: &Index<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..index.looks.len()).collect();
    order.sort_by_key(|n| index.looks.get(*n).map(|l| l.moment));
    let of_network =
        |n: &usize| index.looks.get(*n).filter(|l| l.host.is_none() && l.place != NONE).map(|l| (*n, l));
    let looks: Vec<(usize, &Look<'_>)> = order.iter().filter_map(of_network).collect();
    let mut spoken: BTreeMap<u32, BTreeSet<Spki>> = BTreeMap::new();
    let mut tainted = Vec::new();
    for sweep in looks.chunk_by(|(_, a), (_, b)| a.moment.sweep == b.moment.sweep) {
        take_in(sweep, &mut spoken);
        let mut keys: BTreeMap<Spki, BTreeSet<u32>> = BTreeMap::new();
        for (place, key) in spoken.iter().flat_map(|(place, keys)| keys.iter().map(move |k| (place, k))) {
            keys.entry(*key).or_default().insert(*place);
        }
        let elsewhere = |look: &Look<'_>, key: &Spki| {
            keys.get(key).is_some_and(|places| places.iter().any(|p| *p != look.place))
        };
        tainted.extend(sweep.iter().filter_map(|(n, look)| {
            let is_shared = look.seen.keys().any(|key| elsewhere(look, &key));
            (look.finding.verdict != Verdict::Vulnerable && is_shared).then_some(*n)
        }));
    }
    tainted
}

/// What the looks of one sweep say of each place: one that spoke counts before one that refused.
fn take_in(sweep: &[(usize, &Look<'_>)], spoken: &mut BTreeMap<u32, BTreeSet<Spki>>) {
    let mut now: BTreeMap<u32, BTreeSet<Spki>> = BTreeMap::new();
    for (_, look) in sweep {
        match said(look.seen) {
            Said::Spoken(key) => _ = now.entry(look.place).or_default().insert(key),
            Said::Refused => _ = now.entry(look.place).or_default(),
            Said::Nothing => {}
        }
    }
    for (place, keys) in now {
        if keys.is_empty() {
            spoken.remove(&place);
        } else {
            spoken.insert(place, keys);
        }
    }
}

/// What a look says of SSL 2.0.
enum Said {
    /// It was spoken with this key.
    Spoken(Spki),
    /// It was refused by an alert.
    Refused,
    /// It was not asked, or the answer decides nothing.
    Nothing,
}

fn said(seen: &Observation) -> Said {
    let Some(asked) = seen.asked.iter().find(|a| a.question == Question::Sslv2) else { return Said::Nothing };
    match (asked.came, asked.ciphers) {
        (Came::Taken, Some(1..)) => asked.spki_sha256.map_or(Said::Nothing, Said::Spoken),
        (Came::Alert, _) => Said::Refused,
        _ => Said::Nothing,
    }
}
