//! The head of the page: what it is about, and the five answers that a reader came for. Beside it, what changed.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    Pen, charts, code, count, counted, minute,
    table::{Cell, Column, Table, moment},
    text,
};
use crate::{
    model::{
        assessment::KeyExposure,
        facet::{Regression, State},
    },
    report::explain,
};

/// Changes that are listed.
const CHANGES: usize = 500;

/// Changes from which on they are counted as well.
const MOVES: usize = 13;

impl Pen<'_> {
    pub(super) fn head(&mut self) -> std::fmt::Result {
        let d = self.d;
        writeln!(self.out, "<header>\n<h1>{}</h1>", text(&d.disclosure.title))?;
        let age = d.judged_at.seconds_since(d.disclosure.disclosed_at).max(0);
        let age = if age < 3 * 86_400 {
            counted(age.unsigned_abs() / 3600, "hour", "hours")
        } else {
            counted(age.unsigned_abs() / 86_400, "day", "days")
        };
        let sweep = d.sweep.map_or_else(
            || "No sweep yet".to_owned(),
            |s| {
                let at = d.burn_down.last().map(|p| p.at);
                format!("Sweep {s} of {}", minute(at))
            },
        );
        writeln!(
            self.out,
            "<p class=\"mute\">Incident {}, {}, disclosed {} ({age} ago). {sweep}; judged {}. All times are UTC.</p>",
            code(&d.incident),
            text(&d.disclosure.id),
            d.disclosure.disclosed_at.short(),
            d.judged_at.short()
        )?;
        if let Some(owner) = &d.only_owner {
            let whose = if owner.is_empty() { "nobody".to_owned() } else { code(owner) };
            writeln!(self.out, "<p><b>Only services of {whose} are on this page.</b></p>")?;
        }
        if d.redacted {
            writeln!(
                self.out,
                "<p><b>Names are hidden.</b> The same stand-in is the same thing everywhere; sentences and references are withheld.</p>"
            )?;
        }
        if !d.other_disclosures.is_empty() {
            let others: Vec<String> = d.other_disclosures.iter().map(|id| code(id)).collect();
            writeln!(
                self.out,
                "<p>This page is about one disclosure. The incident has others: {}; name one with <code>--disclosure</code>.</p>",
                others.join(", ")
            )?;
        }
        self.first_words()?;
        writeln!(self.out, "</header>\n<ul class=\"answers\">")?;
        self.how_bad()?;
        self.how_unknown()?;
        self.who_is_late()?;
        self.worst_key()?;
        self.what_changed()?;
        writeln!(self.out, "</ul>")?;
        writeln!(self.out, "<figure>{}", charts::standing(d))?;
        writeln!(
            self.out,
            "<ul class=\"legend\"><li class=\"b\">vulnerable {}<li class=\"u\">unknown {}<li class=\"w\">clean, and still owing keys, secrets or proof {}<li class=\"d\">done, gone or not affected {}<li class=\"n\">waived {}</ul></figure>",
            count(d.totals.vulnerable),
            count(d.totals.unknown),
            count(charts::owing(d)),
            count(charts::settled(d)),
            count(d.totals.waived)
        )
    }

    fn first_words(&mut self) -> std::fmt::Result {
        if self.d.totals.vulnerable == 0 || self.d.disclosure.first_words.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "<div class=\"warning\" role=\"note\">")?;
        for words in &self.d.disclosure.first_words {
            writeln!(self.out, "<p><b>{}</b></p>", text(words))?;
        }
        writeln!(self.out, "</div>")
    }

    fn answer(&mut self, class: &str, question: &str, big: &str, lines: &[String]) -> std::fmt::Result {
        write!(self.out, "<li class=\"{class}\"><h3>{question}</h3><span class=\"big\">{big}</span>")?;
        for line in lines.iter().filter(|l| !l.is_empty()) {
            write!(self.out, "<p>{line}</p>")?;
        }
        writeln!(self.out, "</li>")
    }

    fn how_bad(&mut self) -> std::fmt::Result {
        let (d, t) = (self.d, &self.d.totals);
        let hosts = match t.hosts_affected {
            0 => String::new(),
            n => format!(
                "<a href=\"#hosts\">{}</a> with a vulnerable copy or package",
                counted(n, "host", "hosts")
            ),
        };
        let class = if t.vulnerable + t.hosts_affected > 0 {
            "b"
        } else if t.open > 0 {
            "w"
        } else {
            "d"
        };
        let said = match (t.regressed, t.contradicted) {
            (0, 0) => String::new(),
            (0, c) => format!("{} said to be done and seen not to be", count(c)),
            (r, 0) => format!("{} went backwards", count(r)),
            (r, c) => format!("{} went backwards, {} said to be done and seen not to be", count(r), count(c)),
        };
        let known = counted(d.coverage.known, "service", "services");
        let lines = [
            format!("of {known}; {} still owe something, {} are done", count(t.open), count(t.finished)),
            said,
            hosts,
        ];
        self.answer(class, "How bad?", &format!("{} vulnerable", count(t.vulnerable)), &lines)
    }

    fn how_unknown(&mut self) -> std::fmt::Result {
        let (d, t) = (self.d, &self.d.totals);
        let share = (d.coverage.probed * 100).checked_div(d.coverage.known).unwrap_or(0);
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for unknown in &d.unknowns {
            *reasons.entry(unknown.reason.map_or("never-looked-at", |r| r.as_str())).or_default() += 1;
        }
        let mut reasons: Vec<(&str, u64)> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let named: Vec<String> =
            reasons.iter().take(3).map(|(reason, n)| format!("{} {reason}", count(*n))).collect();
        let lines = [
            format!("{} of {} reached ({share} %)", count(d.coverage.probed), count(d.coverage.known)),
            named.join(", "),
        ];
        let class = if t.unknown > 0 { "w" } else { "d" };
        self.answer(class, "How much is unknown?", &format!("{} unknown", count(t.unknown)), &lines)
    }

    fn who_is_late(&mut self) -> std::fmt::Result {
        let t = &self.d.totals;
        let mut late: Vec<&super::super::data::Owner> =
            self.d.owners.iter().filter(|o| o.overdue > 0).collect();
        late.sort_by_key(|o| std::cmp::Reverse((o.overdue, o.oldest_hours)));
        let name = |o: &&super::super::data::Owner| {
            format!("{} {}", text(o.owner.as_deref().unwrap_or("nobody known")), count(o.overdue))
        };
        let mut names: Vec<String> = late.iter().take(3).map(name).collect();
        if late.len() > 3 {
            names.push(format!("{} more", late.len() - 3));
        }
        let lines = [names.join(", "), if late.is_empty() { "Nobody.".to_owned() } else { String::new() }];
        let class = if t.overdue > 0 { "b" } else { "d" };
        self.answer(class, "Who is late?", &format!("{} overdue", count(t.overdue)), &lines)
    }

    fn worst_key(&mut self) -> std::fmt::Result {
        let Some(key) = self.d.keys.first().filter(|k| k.serving > 0) else {
            let none = "No key that was in reach is served any more.".to_owned();
            return self.answer("d", "Which key is the worst?", "none", &[none]);
        };
        let standing = key.certificates.iter().filter(|c| !c.revoked && !c.expired).count() as u64;
        let owners = if key.owners.is_empty() {
            "nobody known".to_owned()
        } else {
            key.owners.iter().take(3).map(|o| text(o)).collect::<Vec<_>>().join(", ")
        };
        let how = if key.exposure == KeyExposure::Exposed {
            "was in reach"
        } else {
            "is presumed to have been in reach"
        };
        let others = self.d.totals.keys_at_risk - 1;
        let lines = [
            format!(
                "{how}, and {} still serve it ({owners}); {}",
                counted(key.serving, "endpoint", "endpoints"),
                counted(standing, "certificate on it stands", "certificates on it stand")
            ),
            if others > 0 {
                format!("{} like it", counted(others, "more key", "more keys"))
            } else {
                String::new()
            },
        ];
        let big = format!("<a href=\"#key-{0}\">{0}</a>", key.spki.short());
        self.answer("b", "Which key is the worst?", &big, &lines)
    }

    fn what_changed(&mut self) -> std::fmt::Result {
        let c = &self.d.changes;
        if self.d.sweep.is_none() {
            return self.answer("", "What changed?", "no sweep yet", &[]);
        }
        let Some(since) = c.since else {
            let first = "This is the first sweep: there is nothing to compare with.".to_owned();
            return self.answer("", "What changed?", "first look", &[first]);
        };
        let class = if c.worse > 0 {
            "b"
        } else if c.better > 0 {
            "d"
        } else {
            ""
        };
        let lines = [
            format!("{} came nearer to the end, {} newly found", count(c.better), count(c.appeared)),
            format!("since sweep {since}"),
        ];
        self.answer(class, "What changed?", &format!("{} worse", count(c.worse)), &lines)
    }

    /// How many went from where to where: of hundreds nobody reads each.
    fn moves(&mut self) -> std::fmt::Result {
        let d = self.d;
        if d.changes.rows.len() < MOVES {
            return Ok(());
        }
        let mut moves: BTreeMap<(bool, Option<State>, State), u64> = BTreeMap::new();
        for c in &d.changes.rows {
            *moves.entry((!c.worse, c.from, c.to)).or_default() += 1;
        }
        let row = |((better, from, to), n): ((bool, Option<State>, State), u64)| {
            vec![
                from.map_or("newly found", State::as_str).into(),
                Cell::of(if better { "d" } else { "b" }, to.as_str()),
                Cell::number(n, ""),
                Cell::of("x", explain::state(to)),
            ]
        };
        let columns = [
            Column::text("Before"),
            Column::text("Now"),
            Column::number("Services"),
            Column::text("What that means"),
        ];
        let table = Table {
            id: "moves",
            caption: "From where to where, steps back first",
            columns: &columns,
            filter: false,
        };
        table.write(&mut self.out, CHANGES, moves.into_iter().map(row).collect::<Vec<_>>().into_iter())
    }

    pub(super) fn changes(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("changes", "What changed since the sweep before, and what went backwards")?;
        if let Some(since) = d.changes.since.filter(|_| !d.changes.rows.is_empty()) {
            self.moves()?;
            let columns = [
                Column::text("Service"),
                Column::choose("Owner"),
                Column::choose("Before"),
                Column::choose("Now"),
                Column::choose("Code"),
                Column::text("What that means"),
            ];
            let rows: Vec<Vec<Cell>> = d
                .changes
                .rows
                .iter()
                .map(|c| {
                    let worse = c.worse;
                    vec![
                        self.label(&c.row_id).into(),
                        self.owner_of(&c.row_id).into(),
                        c.from.map_or("newly found", State::as_str).into(),
                        Cell::of(if worse { "b" } else { "d" }, c.to.as_str()),
                        c.code.map_or("-", Regression::as_str).into(),
                        Cell::of("x", c.code.map_or(explain::state(c.to), explain::regression)),
                    ]
                })
                .collect();
            let caption = format!("Services whose state is another than at sweep {since}");
            let table =
                Table { id: "changes", caption: &caption, columns: &columns, filter: rows.len() > 12 };
            table.write(&mut self.out, CHANGES, rows.into_iter())?;
        } else {
            let none = if d.changes.since.is_some() {
                "No service changed its state."
            } else {
                "There is one sweep, and nothing to compare it with."
            };
            writeln!(self.out, "<p>{none}</p>")?;
        }
        if d.regressions.is_empty() {
            return writeln!(self.out, "<p>Nothing has gone backwards and stands so now.</p>");
        }
        let columns = [
            Column::text("Service"),
            Column::choose("Owner"),
            Column::choose("Code"),
            Column::text("What that means"),
            Column::choose("State"),
            Column::text("Since"),
        ];
        let rows: Vec<Vec<Cell>> = d
            .regressions
            .iter()
            .map(|r| {
                vec![
                    self.label(&r.row_id).into(),
                    self.owner_of(&r.row_id).into(),
                    Cell::of("b", r.code.as_str()),
                    explain::regression(r.code).into(),
                    r.state.as_str().into(),
                    moment(r.since),
                ]
            })
            .collect();
        let table = Table {
            id: "regressions",
            caption: "What went backwards, or is half done, as it stands now",
            columns: &columns,
            filter: rows.len() > 12,
        };
        table.write(&mut self.out, CHANGES, rows.into_iter())
    }
}
