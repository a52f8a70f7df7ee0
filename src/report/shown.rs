//! What is wrong with what services show, apart from the disclosure: one line for each kind, outages first. Laid out
//! here; found in the assessment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Row,
    style::{Ink, Screen},
    table::fit,
    tally::Tally,
};
use crate::model::{
    finding::{Finding, FindingKind},
    ids::{RowId, Sha256},
    revocation::Revocation,
    text::printable,
};

/// Services that a line names before it only counts.
const NAMED: usize = 3;

/// A line for each kind of finding, at most `most`; nothing where nothing is wrong.
pub(super) fn section(tally: &Tally<'_>, screen: &Screen, most: usize) -> Vec<String> {
    // With several disclosures a service has several rows, and the same findings in each.
    let mut known: BTreeSet<&RowId> = BTreeSet::new();
    let with = tally.rows.iter().filter(|r| !r.entry.findings.is_empty());
    let rows: Vec<&Row<'_>> = with.filter(|r| known.insert(&r.entry.row_id)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut kinds: BTreeMap<(bool, FindingKind), Vec<(&Row<'_>, &Finding)>> = BTreeMap::new();
    for row in &rows {
        let mut seen = Vec::new();
        for finding in &row.entry.findings {
            if !seen.contains(&finding.kind) {
                seen.push(finding.kind);
                kinds.entry((!finding.kind.is_outage(), finding.kind)).or_default().push((row, finding));
            }
        }
    }
    let title = format!("FINDINGS apart from the disclosure, at {}:", services(rows.len()));
    let mut lines = vec![screen.style.paint(Ink::Bold, &title).to_string()];
    let hidden = kinds.len().saturating_sub(most);
    for ((harmless, kind), found) in kinds.into_iter().take(most) {
        let names: Vec<String> =
            found.iter().take(NAMED).map(|(row, _)| fit(&printable(&row.label()), 40)).collect();
        let more = found.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let detail = match found.as_slice() {
            [(_, only)] => format!(": {}", printable(&only.detail)),
            _ => String::new(),
        };
        let text = format!("{kind} ({}) {}{more}{detail}", found.len(), names.join(", "));
        let ink = if harmless { Ink::Warn } else { Ink::Bad };
        let first = fit(&text, screen.width.saturating_sub(2));
        lines.push(format!("  {}", screen.style.paint(ink, &first)));
    }
    if hidden > 0 {
        lines
            .push(format!("  and {hidden} more kinds; `allclear export tracker` has all, column `findings`"));
    }
    lines
}

fn services(n: usize) -> String {
    if n == 1 { "1 service".to_owned() } else { format!("{n} services") }
}

/// What CRL and OCSP say of a service's certificates on keys that were in reach, for JSON.
#[derive(Serialize)]
pub(super) struct OldBody<'a> {
    certificate: Sha256,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    expired: bool,
    revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'a Revocation>,
}

/// Every certificate of a service on keys that were in reach.
pub(super) fn old<'a>(row: &Row<'a>) -> Vec<OldBody<'a>> {
    row.entry
        .old_certificates
        .iter()
        .map(|old| OldBody {
            certificate: old.certificate.sha256,
            serial: old.certificate.serial.as_deref(),
            expired: old.expired,
            revoked: old.revoked,
            check: old.check.as_ref(),
        })
        .collect()
}
