//! Every service with its facets, the worst first.

use std::fmt::Write as _;

use super::{
    Pen,
    table::{Cell, Column, Table, moment},
    text,
};
use crate::{
    model::{
        facet::{FacetKind, FacetValue, State},
        time::Timestamp,
    },
    report::{
        dashboard::data::{FacetCell, HostStanding, ServiceRow},
        explain,
    },
};

/// Rows of the table: more would be a page of many megabytes.
const ROWS: usize = 5000;

impl Pen<'_> {
    pub(super) fn all_services(&mut self) -> std::fmt::Result {
        self.heading("services", "All services, the worst first")?;
        let mut columns = vec![
            Column::text("Service"),
            Column::choose("Owner"),
            Column::choose("Exposure"),
            Column::choose("State"),
        ];
        columns.extend(FacetKind::ALL.iter().map(|k| Column::text(k.as_str())));
        columns.extend([Column::text("Due"), Column::number("Hours"), Column::text("Next")]);
        let rows: Vec<Vec<Cell>> = self.d.services.iter().map(row).collect();
        let caption = "A facet with its grade: E0 said, E1 with a reference, E2 seen once, E3 seen twice, E4 host and network agree";
        let table = Table { id: "services", caption, columns: &columns, filter: true };
        table.write(&mut self.out, ROWS, rows.into_iter())
    }
}

impl Pen<'_> {
    pub(super) fn hosts(&mut self) -> std::fmt::Result {
        self.heading("hosts", "Hosts, by what they say of themselves")?;
        if self.d.hosts.is_empty() {
            return writeln!(
                self.out,
                "<p>{}</p>",
                if self.d.only_owner.is_some() {
                    "Hosts are not told apart by owner."
                } else {
                    "No host was asked: <code>allclear host collect</code>."
                }
            );
        }
        let columns = [
            Column::text("Host"),
            Column::choose("Standing"),
            Column::choose("Reason"),
            Column::text("In words"),
            Column::text("As of"),
        ];
        let rows: Vec<Vec<Cell>> = self
            .d
            .hosts
            .iter()
            .map(|h| {
                let class = match h.standing {
                    HostStanding::Affected => "b",
                    HostStanding::Clean => "d",
                    _ => "w",
                };
                vec![
                    text(&h.host).into(),
                    Cell::of(class, h.standing.as_str()),
                    h.reason.map_or("-", |r| r.as_str()).into(),
                    Cell::of("x", h.reason.map_or("-", explain::reason)),
                    moment(h.at),
                ]
            })
            .collect();
        let caption = "Copies and packages, installed and running; allclear assess shows each";
        Table { id: "hosts", caption, columns: &columns, filter: rows.len() > 12 }.write(
            &mut self.out,
            ROWS,
            rows.into_iter(),
        )
    }
}

fn row(s: &ServiceRow) -> Vec<Cell> {
    let mut cells = vec![
        text(&s.label).into(),
        text(s.owner.as_deref().unwrap_or("nobody known")).into(),
        s.exposure.as_str().into(),
        Cell::of(ink(s.state), s.state.as_str()).sorted(s.state as u64),
    ];
    cells.extend(FacetKind::ALL.iter().map(|kind| s.facets.get(kind).map_or_else(|| "-".into(), facet)));
    cells.push(Cell::of(
        if s.overdue { "b t" } else { "t" },
        s.due.map_or_else(|| "-".to_owned(), Timestamp::date),
    ));
    cells.push(s.age_hours.map_or_else(|| "-".into(), |h| Cell::number(h.max(0).unsigned_abs(), "")));
    let next =
        if s.state.is_finished() || s.next_action.is_empty() { "-".to_owned() } else { text(&s.next_action) };
    cells.push(Cell::of("x", next));
    cells
}

const fn ink(state: State) -> &'static str {
    match state {
        State::Regressed | State::Contradicted | State::Exposed => "b",
        state if state.is_finished() => "d",
        State::Unknown => "u",
        _ => "w",
    }
}

fn facet(cell: &FacetCell) -> Cell {
    let class = match cell.value {
        FacetValue::Done if cell.satisfied => "d",
        FacetValue::Done | FacetValue::Claimed | FacetValue::Waived => "w",
        FacetValue::NotApplicable | FacetValue::Unknown => "n",
        _ => "b",
    };
    let word = match cell.value {
        FacetValue::NotApplicable => "n/a",
        value => value.as_str(),
    };
    Cell::of(class, cell.grade.map_or_else(|| word.to_owned(), |grade| format!("{word} {grade}")))
}
