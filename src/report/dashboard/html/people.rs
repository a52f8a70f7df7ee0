//! What could not be judged, what rests on somebody's word, and the secrets.

use std::fmt::Write as _;

use super::{
    Pen, count, counted,
    table::{Cell, Column, Table, moment},
    text,
};
use crate::report::{dashboard::data::Standing, explain};

/// Rows of one of these tables.
const ROWS: usize = 2000;

impl Pen<'_> {
    pub(super) fn unknown(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("unknown", "Unknown: never clean")?;
        if d.unknowns.is_empty() {
            writeln!(self.out, "<p>Every service was judged.</p>")?;
        } else {
            let columns = [
                Column::text("Service"),
                Column::choose("Owner"),
                Column::choose("How"),
                Column::choose("Reason"),
                Column::text("In words"),
                Column::text("Last look"),
            ];
            let rows: Vec<Vec<Cell>> = d
                .unknowns
                .iter()
                .map(|u| {
                    vec![
                        self.label(&u.row_id).into(),
                        self.owner_of(&u.row_id).into(),
                        u.how.as_str().into(),
                        u.reason.map_or("-", |r| r.as_str()).into(),
                        Cell::of("x", u.reason.map_or("no sweep has looked at it", explain::reason)),
                        moment(u.last_seen),
                    ]
                })
                .collect();
            let table = Table {
                id: "unknown",
                caption: "Services that nobody could judge",
                columns: &columns,
                filter: rows.len() > 12,
            };
            table.write(&mut self.out, ROWS, rows.into_iter())?;
        }
        if d.undeclared.is_empty() {
            return Ok(());
        }
        let mut named: Vec<String> = d.undeclared.iter().take(50).map(|row| self.label(row)).collect();
        if d.undeclared.len() > 50 {
            named.push(format!("and {} more", d.undeclared.len() - 50));
        }
        writeln!(
            self.out,
            "<h3>Found, and declared by nobody</h3>\n<p>{} came from a scan, a zone or a network alone: {}.</p>",
            counted(d.undeclared.len() as u64, "service", "services"),
            named.join(", ")
        )
    }

    pub(super) fn words(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("words", "Waivers, and what rests on somebody's word")?;
        if d.words.is_empty() {
            return writeln!(self.out, "<p>Nobody has said anything: everything here was seen.</p>");
        }
        let unconfirmed = d.words.iter().filter(|w| w.standing == Standing::NeverConfirmed).count() as u64;
        writeln!(
            self.out,
            "<p>{} no sweep, host or try has confirmed.</p>",
            counted(unconfirmed, "word", "words")
        )?;
        let columns = [
            Column::text("About"),
            Column::choose("What"),
            Column::choose("By"),
            Column::text("When"),
            Column::text("Reference"),
            Column::text("Ends"),
            Column::choose("Standing"),
        ];
        let rows: Vec<Vec<Cell>> = d
            .words
            .iter()
            .map(|w| {
                let about = match (&w.row_id, &w.secret) {
                    (Some(row), _) => self.label(row),
                    (None, Some(secret)) => format!("secret {}", text(&self.secret(secret))),
                    (None, None) => "-".to_owned(),
                };
                let class = match w.standing {
                    Standing::Contradicted | Standing::RunOut => "b",
                    Standing::NeverConfirmed => "w",
                    _ => "",
                };
                vec![
                    about.into(),
                    text(&w.what).into(),
                    text(&w.by).into(),
                    moment(Some(w.at)),
                    Cell::of("x", w.reference.as_deref().map_or_else(|| "-".to_owned(), text)),
                    moment(w.until),
                    Cell::of(class, w.standing.as_str()),
                ]
            })
            .collect();
        let table = Table {
            id: "words",
            caption: "Waivers and attestations that count now",
            columns: &columns,
            filter: rows.len() > 12,
        };
        table.write(&mut self.out, ROWS, rows.into_iter())
    }

    pub(super) fn secrets(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("secrets", "Secrets, by tier")?;
        let reach: Vec<_> = d.secrets.iter().filter(|s| s.in_reach).collect();
        let closed = reach.iter().filter(|s| s.closed).count() as u64;
        writeln!(
            self.out,
            "<p>{} in reach of the leak, {} of them rotated and the old one dead; {} out of reach. Names and places, never values.</p>",
            counted(reach.len() as u64, "secret is", "secrets are"),
            count(closed),
            count((d.secrets.len() - reach.len()) as u64)
        )?;
        if reach.is_empty() {
            return Ok(());
        }
        let columns = [
            Column::choose("Tier"),
            Column::text("Secret"),
            Column::choose("Type"),
            Column::choose("Owner"),
            Column::choose("State"),
            Column::text("Grade"),
            Column::text("Held by"),
            Column::text("Waits for"),
        ];
        let names = |rows: &[crate::model::ids::RowId]| {
            let mut names: Vec<String> = rows.iter().take(3).map(|r| self.label(r)).collect();
            if rows.len() > 3 {
                names.push(format!("{} more", rows.len() - 3));
            }
            if names.is_empty() { "-".to_owned() } else { names.join(", ") }
        };
        let rows: Vec<Vec<Cell>> = reach
            .iter()
            .map(|s| {
                let listed = if s.implied { " (not listed, implied)" } else { "" };
                vec![
                    s.tier.as_str().into(),
                    format!("{}{listed}", text(&self.secret(&s.id))).into(),
                    format!("{} {}", text(&s.kind), text(&s.title)).into(),
                    text(s.owner.as_deref().unwrap_or("-")).into(),
                    Cell::of(if s.closed { "d" } else { "b" }, s.state.as_str()),
                    s.grade.map_or("-", |g| g.as_str()).into(),
                    names(&s.services).into(),
                    names(&s.blocked_by).into(),
                ]
            })
            .collect();
        let table = Table {
            id: "secrets",
            caption: "Secrets in reach, the open ones first",
            columns: &columns,
            filter: rows.len() > 12,
        };
        table.write(&mut self.out, ROWS, rows.into_iter())
    }

    /// What a secret is called: an implied one has the row in its id, which nobody knows by heart.
    fn secret(&self, id: &str) -> String {
        let Some((row, code)) = id.rsplit_once('/') else { return id.to_owned() };
        let row = crate::model::ids::RowId::declared(row);
        self.services.get(&row).map_or_else(|| id.to_owned(), |s| format!("{code} of {}", s.label))
    }
}
