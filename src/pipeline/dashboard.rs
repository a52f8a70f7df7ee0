//! The dashboard from the judged incident: what stood at the end of each sweep, what stands now, and whose pages hang
//! on it.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use super::{
    hosts,
    judged::Judged,
    papers::{self, Layout, Which},
    select::Selection,
};
use crate::{
    assess,
    error::Error,
    inventory,
    model::{
        discovery::Role,
        ids::{RowId, Sha256},
        service::Service,
    },
    remediate,
    report::{
        Filter,
        dashboard::{self, Beside, Dashboard, How, Snapshot},
        split,
    },
};

/// Sweeps of the burn-down. Of more, the first, the last and evenly chosen ones between them are shown.
const POINTS: usize = 60;

/// The dashboard of everything, or of one owner's services.
pub fn of(judged: &Judged, owner: Option<&str>) -> Result<Dashboard, Error> {
    if let Some(owner) = owner {
        // A name that fits nobody would give an empty page, which reads as done.
        let selection = Selection { owners: vec![owner.to_owned()], ..Selection::default() };
        selection.of(&judged.evidence.services, &|_| None)?;
    }
    let (history, left_out) = history(judged);
    let undeclared = undeclared(&judged.evidence.services);
    let hosts = hosts::beside(judged).hosts;
    let beside = Beside {
        history: &history,
        left_out,
        secret_type: &|kind| judged.types.secret_type(kind).clone(),
        undeclared: &|row| undeclared.contains(row),
        hosts: &hosts,
        rules: rules(judged),
    };
    let built = judged.view(&judged.changes(None), |view| {
        let filter = Filter { owner: owner.map(str::to_owned), ..Filter::default() };
        dashboard::build(&view.filtered(filter), &beside)
    });
    built.ok_or_else(|| Error::Internal("a report without a disclosure".to_owned()))
}

fn history(judged: &Judged) -> (Vec<Snapshot>, u64) {
    let sweeps = &judged.evidence.sweeps;
    let chosen = chosen(sweeps.len());
    let a = &judged.assessment;
    let snapshots = chosen.iter().filter_map(|i| sweeps.get(*i)).map(|sweep| {
        if sweeps.last().is_some_and(|last| last.id == sweep.id) {
            return dashboard::snapshot(sweep, a);
        }
        let then = sweep.finished_at.unwrap_or(sweep.started_at);
        let as_of = assess::assess_as_of(&judged.evidence, &a.disclosure, &a.policy, then, sweep.id);
        dashboard::snapshot(sweep, &as_of)
    });
    (snapshots.collect(), (sweeps.len() - chosen.len()) as u64)
}

/// Which of `count` sweeps are shown: the last two always, since what changed is told between these.
fn chosen(count: usize) -> BTreeSet<usize> {
    if count <= POINTS {
        return (0..count).collect();
    }
    let step = |i: usize| i * (count - 1) / (POINTS - 2);
    (0..POINTS - 1).map(step).chain([count - 2, count - 1]).collect()
}

/// Services that no inventory declares: every place that names them only saw them, or knows that the name exists.
fn undeclared(services: &[Service]) -> HashSet<RowId> {
    let seen_only = |s: &&Service| {
        !s.sources.is_empty()
            && s.sources.iter().all(|source| inventory::role(&source.format) != Role::Declares)
    };
    services.iter().filter(seen_only).map(|s| s.row_id.clone()).collect()
}

/// A digest over everything that turns evidence into verdicts here.
pub(super) fn rules(judged: &Judged) -> Sha256 {
    let a = &judged.assessment;
    let all = serde_json::to_vec(&(env!("CARGO_PKG_VERSION"), &a.disclosure, &a.policy));
    Sha256::of(&all.unwrap_or_default())
}

/// Writes the page, and beside it one page an owner with that owner's checklist, which the table of owners links to.
/// Returns what was written, the main page first.
pub fn write_by_owner(judged: &Judged, path: &Path) -> Result<Vec<PathBuf>, Error> {
    let d = of(judged, None)?;
    let lists = remediate::by_owner(judged.lines());
    let owners: Vec<Option<&str>> = lists.iter().filter_map(|list| list.owner.as_deref()).map(Some).collect();
    let stem = path.file_stem().map_or_else(|| "report".to_owned(), |s| s.to_string_lossy().into_owned());
    let names: Vec<String> = split::slugs(&owners).iter().map(|slug| format!("{stem}-{slug}.html")).collect();
    let link = |owner: Option<&str>| {
        owners.iter().zip(&names).find(|(o, _)| **o == owner).map(|(_, name)| name.clone())
    };
    let page = dashboard::html(&d, How { live: false, checklist: Some(&link) });
    papers::write_file(path, page.html.as_bytes())?;
    let mut written = vec![path.to_path_buf()];
    for (owner, name) in owners.iter().zip(&names) {
        let file = path.with_file_name(name);
        let which = Which { owner: *owner, ..Which::default() };
        papers::write_file(&file, papers::checklist(judged, which, Layout::Html, None)?.as_bytes())?;
        written.push(file);
    }
    Ok(written)
}
