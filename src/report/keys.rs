//! `keys.csv`: every key that was ever seen, by SPKI, with everything that served it: the blast radius.
//!
//! `endpoints` lists `ROW_ID@ADDRESS:PORT`, `certs` the digests of its certificates, `exposed` the last
//! time at which it was in reach of the leak (empty: never). With several disclosures a key has the worst
//! exposure of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use crate::model::{
    assessment::{KeyAssessment, KeyEndpoint, KeyExposure},
    ids::Spki,
};

use super::{
    Export, Form, View,
    csv::{Cell, Dialect, Sheet, list},
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "keys",
    about: "every key with what serves it and whether it leaked",
    form: Form::Csv,
    notes: &[],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    "spki,endpoints,certs,exposed,first_seen,last_seen,state".split(',').collect()
}

/// Writes header and rows by SPKI. A filter keeps every key that a wanted service serves or served, with
/// all its endpoints: a key that two owners share concerns both.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    let mut keys: BTreeMap<Spki, Vec<&KeyAssessment>> = BTreeMap::new();
    for key in view.judged.iter().flat_map(|j| &j.assessment.keys) {
        if view.filter.is_empty() || key.endpoints.iter().any(|e| view.wants(&e.row_id)) {
            keys.entry(key.spki).or_default().push(key);
        }
    }
    for (spki, judged) in keys {
        let endpoints: BTreeSet<String> = judged.iter().flat_map(|k| &k.endpoints).map(place).collect();
        let certificates: BTreeSet<_> =
            judged.iter().flat_map(|k| &k.certificates).map(|c| c.sha256).collect();
        sheet.row([
            Cell::tool(spki),
            Cell::text(list(endpoints)),
            Cell::tool(list(certificates)),
            Cell::time(judged.iter().filter_map(|k| k.exposed_at).max()),
            Cell::time(judged.iter().map(|k| k.first_seen).min()),
            Cell::time(judged.iter().map(|k| k.last_seen).max()),
            Cell::tool(state(&judged)),
        ])?;
    }
    sheet.finish()
}

fn place(endpoint: &KeyEndpoint) -> String {
    match endpoint.address {
        Some(IpAddr::V4(a)) => format!("{}@{a}:{}", endpoint.row_id, endpoint.port),
        Some(a) => format!("{}@{}", endpoint.row_id, SocketAddr::new(a, endpoint.port)),
        None => format!("{}@:{}", endpoint.row_id, endpoint.port),
    }
}

/// What became of the key and whether anything still serves it.
pub(super) fn state(judged: &[&KeyAssessment]) -> &'static str {
    let served = judged.iter().any(|k| k.endpoints.iter().any(|e| e.serves_now));
    let worst = judged.iter().map(|k| k.exposure).min();
    match (worst, served) {
        (Some(KeyExposure::Exposed), true) => "exposed-served",
        (Some(KeyExposure::Exposed), false) => "exposed-left",
        (Some(KeyExposure::Presumed), true) => "presumed-served",
        (Some(KeyExposure::Presumed), false) => "presumed-left",
        (Some(KeyExposure::Clean) | None, _) => "clean",
    }
}
