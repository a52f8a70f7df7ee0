//! `export.meta.json`: what an export holds and what it leaves out, written beside it.
//!
//! A row that is absent from an export was filtered out; tools downstream read absence as fixed, so the
//! filter is stated here with the counts before and after it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use crate::model::{
    assessment::Coverage,
    facet::State,
    ids::{Sha256, SweepId},
    policy::Policy,
    time::Timestamp,
};

use super::{Export, Filter, View, csv::Dialect, json, tally};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.export/1";

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// What was exported.
    pub export: &'a Export,
    /// The file, as named on the command line.
    pub file: &'a str,
    /// Its rows, without the header.
    pub rows: u64,
    /// How it was written.
    pub dialect: Dialect,
}

#[derive(Serialize)]
struct Meta<'a> {
    schema: &'static str,
    tool: &'static str,
    kind: &'a str,
    file: &'a str,
    rows: u64,
    absent_rows: &'static str,
    filters: Filters<'a>,
    form: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<DialectBody>,
    incident: &'a str,
    disclosures: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_at: Option<Timestamp>,
    services: Services,
    coverage: CoverageBody,
    counts: BTreeMap<State, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a Policy>,
    chain_head: Sha256,
    evidence_rows: u64,
}

#[derive(Serialize)]
struct Filters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the dialect's switches, as JSON")]
struct DialectBody {
    tsv: bool,
    excel: bool,
    formula_guard: bool,
    multiline: bool,
}

#[derive(Serialize)]
struct Services {
    known: usize,
    in_filter: usize,
}

#[derive(Serialize)]
struct CoverageBody {
    known: u64,
    probed: u64,
    unknown: u64,
}

/// Writes the file. `coverage` and `counts` are of the whole fleet, whatever the filter.
pub fn write(view: &View<'_>, written: &Written<'_>, out: &mut dyn Write) -> io::Result<()> {
    let whole = view.filtered(Filter::default());
    let Coverage { known, probed, unknown } = tally::coverage(&whole);
    let services = &view.evidence.services;
    let latest = view.judged.iter().map(|j| j.assessment);
    let meta = Meta {
        schema: SCHEMA,
        tool: concat!("allclear ", env!("CARGO_PKG_VERSION")),
        kind: written.export.name,
        file: written.file,
        rows: written.rows,
        absent_rows: "a row that is not in the file was filtered out; absent does not mean fixed",
        filters: Filters { owner: view.filter.owner.as_deref(), service: view.filter.service.as_deref() },
        form: written.export.form.as_str(),
        notes: written.export.notes,
        dialect: written.export.form.is_csv().then_some(DialectBody {
            tsv: written.dialect.tsv,
            excel: written.dialect.excel,
            formula_guard: !written.dialect.raw,
            multiline: written.dialect.multiline,
        }),
        incident: &view.evidence.incident.name,
        disclosures: latest.clone().map(|a| &*a.disclosure.id).collect(),
        sweep: latest.clone().filter_map(|a| a.sweep).max(),
        judged_at: latest.clone().map(|a| a.now).max(),
        services: Services {
            known: services.len(),
            in_filter: services.iter().filter(|s| view.filter.allows(s)).count(),
        },
        coverage: CoverageBody { known, probed, unknown },
        counts: tally::states(&whole.rows()),
        policy: latest.clone().map(|a| &a.policy).next(),
        chain_head: view.evidence.incident.chain_head,
        evidence_rows: view.evidence.incident.evidence_rows,
    };
    json::write(&meta, out)?;
    writeln!(out)
}
