//! How far everything is: facets, sweeps, owners, and the timeline. Each picture has its figures in a table beside it.

use std::fmt::Write as _;

use super::{
    Pen, charts, code, counted,
    table::{Cell, Column, Table, moment},
    text,
};
use crate::model::facet::FacetKind;

impl Pen<'_> {
    pub(super) fn facets(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("facets", "How far: six facets, by who can reach the service")?;
        writeln!(
            self.out,
            "<p>Patched is the easy part. A service is verified when all five before it are done at the grade that policy asks for, and a later sweep confirmed it.</p>\n<ul class=\"legend\"><li class=\"d\">done<li class=\"w\">said, or seen once<li class=\"b\">owed<li class=\"u\">unknown<li>waived<li class=\"n\">not owed</ul>\n<div class=\"pair\">"
        )?;
        for stage in &d.funnel {
            let whose = stage.exposure.map_or("all services", |e| e.as_str());
            writeln!(
                self.out,
                "<figure><figcaption>{whose}: {}</figcaption>{}</figure>",
                counted(stage.services, "service", "services"),
                charts::funnel(stage, whose)
            )?;
        }
        writeln!(self.out, "</div>")?;
        let mut columns = vec![Column::text("Exposure"), Column::number("Services")];
        columns.extend(FacetKind::ALL.iter().map(|k| Column::text(k.as_str())));
        let rows: Vec<Vec<Cell>> = d
            .funnel
            .iter()
            .map(|stage| {
                let mut cells = vec![
                    stage.exposure.map_or("all", |e| e.as_str()).into(),
                    Cell::number(stage.services, ""),
                ];
                cells.extend(stage.facets.values().map(|c| Cell::from(charts::progress(c, stage.services))));
                cells
            })
            .collect();
        let caption = "Done, of the services that owe it; unknown exposure is treated as public";
        let table = Table { id: "facets", caption, columns: &columns, filter: false };
        table.write(&mut self.out, usize::MAX, rows.into_iter())
    }

    pub(super) fn burn_down(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("sweeps", "Burn-down: what was open after each sweep")?;
        if d.burn_down.is_empty() {
            return writeln!(self.out, "<p>No sweep yet.</p>");
        }
        writeln!(
            self.out,
            "<ul class=\"legend\"><li class=\"w\">open, known before<li class=\"c\">open, found by this sweep for the first time<li class=\"b\">line: the hole seen open<li class=\"d\">line: done</ul>\n<figure>{}</figure>",
            charts::burndown(&d.burn_down)
        )?;
        if d.sweeps_left_out > 0 {
            writeln!(
                self.out,
                "<p>{} between these are not drawn.</p>",
                counted(d.sweeps_left_out, "sweep", "sweeps")
            )?;
        }
        let columns = [
            "Known",
            "Open",
            "Newly found",
            "Vulnerable",
            "Unknown",
            "Closed",
            "Reopened",
            "Regressed",
            "Not looked at",
        ];
        let mut heads = vec![Column::text("Sweep"), Column::text("Ended")];
        heads.extend(columns.map(Column::number));
        let rows: Vec<Vec<Cell>> = d
            .burn_down
            .iter()
            .map(|p| {
                vec![
                    p.sweep.to_string().into(),
                    moment(Some(p.at)),
                    Cell::number(p.known, ""),
                    Cell::number(p.open, "w"),
                    Cell::number(p.newly_found, ""),
                    Cell::number(p.exposed, "b"),
                    Cell::number(p.unknown, "w"),
                    Cell::number(p.closed, ""),
                    Cell::number(p.reopened, "b"),
                    Cell::number(p.regressed, "b"),
                    Cell::number(p.not_rechecked, ""),
                ]
            })
            .collect();
        let caption = "Services as they stood at the end of each sweep";
        Table { id: "sweeps", caption, columns: &heads, filter: false }.write(
            &mut self.out,
            60,
            rows.into_iter(),
        )
    }

    pub(super) fn owners(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("owners", "By owner, the worst first")?;
        writeln!(
            self.out,
            "<p>One owner's page, in working order: <code>allclear checklist --owner NAME --format html</code></p>"
        )?;
        let heads = ["Services", "Vulnerable", "Overdue", "Unknown", "Open", "Secrets open", "Oldest, hours"];
        let mut columns = vec![Column::text("Owner")];
        columns.extend(heads.map(Column::number));
        let rows: Vec<Vec<Cell>> = d
            .owners
            .iter()
            .map(|o| {
                let name = text(o.owner.as_deref().unwrap_or("nobody known"));
                let page = self.how.checklist.and_then(|page| page(o.owner.as_deref()));
                let name = match page {
                    Some(page) => format!("<a href=\"{}\">{name}</a>", text(&page)),
                    None => name,
                };
                vec![
                    Cell::of(if o.owner.is_none() { "w" } else { "" }, name),
                    Cell::number(o.services, ""),
                    Cell::number(o.vulnerable, "b"),
                    Cell::number(o.overdue, "b"),
                    Cell::number(o.unknown, "w"),
                    Cell::number(o.open, ""),
                    Cell::number(o.secrets, ""),
                    Cell::number(o.oldest_hours.max(0).unsigned_abs(), ""),
                ]
            })
            .collect();
        let table = Table {
            id: "owners",
            caption: "What each owner has open",
            columns: &columns,
            filter: rows.len() > 12,
        };
        table.write(&mut self.out, 1000, rows.into_iter())
    }

    pub(super) fn timeline(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("timeline", "Timeline against the disclosure")?;
        writeln!(
            self.out,
            "<p>Thin lines are sweeps, grey bands weekends. A number says of how many services. For each key: when it could be read, from the disclosure on; the hole itself is older, so what lies before nobody can bound.</p>\n<ul class=\"legend\"><li class=\"s\">known how to read it, key not seen yet<li class=\"b\">in reach<li class=\"w\">still in use after the leak was closed</ul>\n<figure>{}</figure>",
            charts::timeline(d)
        )?;
        let columns =
            [Column::text("When"), Column::choose("What"), Column::number("Services"), Column::text("Which")];
        let events: Vec<_> = d.events.iter().filter(|e| !e.rows.is_empty()).collect();
        let rows: Vec<Vec<Cell>> = events
            .into_iter()
            .map(|e| {
                let named: Vec<String> = e.rows.iter().take(4).map(|r| self.label(r)).collect();
                let more = e.rows.len().saturating_sub(4);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                vec![
                    moment(Some(e.at)),
                    e.what.as_str().into(),
                    Cell::number(e.rows.len() as u64, ""),
                    Cell::of("x", format!("{}{more}", named.join(", "))),
                ]
            })
            .collect();
        writeln!(self.out, "<details id=\"d-events\"><summary>The same as a table</summary>")?;
        let table =
            Table { id: "events", caption: "What happened when", columns: &columns, filter: rows.len() > 12 };
        table.write(&mut self.out, 500, rows.into_iter())?;
        writeln!(self.out, "</details>")
    }

    pub(super) fn method(&mut self) -> std::fmt::Result {
        let (d, m) = (self.d, &self.d.method);
        self.heading("method", "Method: how it was found out, and what was not")?;
        writeln!(self.out, "<h3>What is not tested, and not claimed</h3>\n<ul>")?;
        for line in &m.not_tested {
            writeln!(self.out, "<li>{}</li>", text(line))?;
        }
        writeln!(self.out, "</ul>\n<h3>What it rests on</h3>\n<ul>")?;
        writeln!(
            self.out,
            "<li>Probe: {}. Bytes taken from anyone's memory: {}.</li>",
            text(&d.disclosure.probe),
            d.totals.foreign_bytes
        )?;
        writeln!(
            self.out,
            "<li>{} with evidence of their own; {} of packages in the disclosure's record.</li>",
            counted(m.hosts, "host", "hosts"),
            counted(m.catalogue_rows, "row", "rows")
        )?;
        writeln!(
            self.out,
            "<li>Evidence: {}, chained by hashes; the head of the chain is {}. Keep it apart from the incident file: rows cut off at its end show only against a head that was kept.</li>",
            counted(m.evidence_rows, "row", "rows"),
            code(&m.chain_head.to_string())
        )?;
        writeln!(
            self.out,
            "<li>Judged by {} under these rules: {} (digest of program, disclosure and policy: {}).</li>",
            text(&d.tool),
            text(&m.policy),
            code(&m.rules.to_string())
        )?;
        for record in &m.records {
            writeln!(self.out, "<li>Record taken in: {}</li>", text(record))?;
        }
        writeln!(self.out, "</ul>")?;
        let columns = [
            Column::text("Sweep"),
            Column::text("Began"),
            Column::text("Ended"),
            Column::text("State"),
            Column::text("From"),
            Column::number("Services"),
            Column::number("Bad rows"),
            Column::text("Calibrated"),
            Column::text("By"),
            Column::text("Command line"),
        ];
        let rows: Vec<Vec<Cell>> = m
            .sweeps
            .iter()
            .rev()
            .map(|s| {
                vec![
                    s.sweep.to_string().into(),
                    moment(Some(s.started_at)),
                    moment(s.finished_at),
                    s.state.as_str().into(),
                    text(&s.vantage).into(),
                    Cell::number(s.services, ""),
                    Cell::number(s.bad_rows, "w"),
                    s.calibrated.map_or("-", |ok| if ok { "yes" } else { "no" }).into(),
                    text(&s.tool).into(),
                    Cell::of("x", code(&s.command_line)),
                ]
            })
            .collect();
        let table = Table {
            id: "method",
            caption: "Every sweep, the newest first",
            columns: &columns,
            filter: false,
        };
        table.write(&mut self.out, 200, rows.into_iter())
    }
}
