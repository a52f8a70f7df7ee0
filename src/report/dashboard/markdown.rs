//! The dashboard as GitHub-flavoured Markdown, for a ticket, a wiki or a terminal. The same figures as the page, without
//! its pictures; long lists are cut and say so. Names of others are escaped: they make no link, no heading, no cell.

use std::fmt::Write as _;

use super::{
    super::{checklist::escape::Format, explain},
    charts,
    data::{Dashboard, ServiceRow},
};
use crate::model::{facet::FacetKind, ids::RowId, text::printable, time::Timestamp};

/// Rows of a table; JSON has all.
const ROWS: usize = 200;

/// All of it as Markdown.
pub fn markdown(d: &Dashboard) -> String {
    let services = d.services.iter().map(|s| (&s.row_id, s)).collect();
    let mut pen = Pen { d, services, out: String::new() };
    // Writing to a string cannot fail.
    let _ = pen.page();
    pen.out
}

struct Pen<'a> {
    d: &'a Dashboard,
    services: std::collections::HashMap<&'a RowId, &'a ServiceRow>,
    out: String,
}

fn text(words: &str) -> String {
    Format::Markdown.text(&printable(words)).replace('|', "\\|").replace("\\\\|", "\\|")
}

fn minute(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), Timestamp::short)
}

impl Pen<'_> {
    fn page(&mut self) -> std::fmt::Result {
        self.head()?;
        self.facets()?;
        self.sweeps()?;
        self.owners()?;
        self.keys()?;
        self.unknown()?;
        self.words()?;
        self.secrets()?;
        self.changes()?;
        self.services()?;
        self.hosts()?;
        self.method()
    }

    fn label(&self, row: &RowId) -> String {
        text(self.services.get(row).map_or(row.as_str(), |s| &s.label))
    }

    fn owner(&self, row: &RowId) -> String {
        text(self.services.get(row).and_then(|s| s.owner.as_deref()).unwrap_or("nobody known"))
    }

    fn table(&mut self, heads: &[&str], rows: Vec<Vec<String>>) -> std::fmt::Result {
        writeln!(self.out, "| {} |", heads.join(" | "))?;
        writeln!(self.out, "|{}", "---|".repeat(heads.len()))?;
        let left = rows.len().saturating_sub(ROWS);
        for cells in rows.into_iter().take(ROWS) {
            writeln!(self.out, "| {} |", cells.join(" | "))?;
        }
        if left > 0 {
            writeln!(self.out, "\n{left} more: `allclear report --format json`")?;
        }
        writeln!(self.out)
    }

    fn head(&mut self) -> std::fmt::Result {
        let (d, t) = (self.d, self.d.totals);
        writeln!(self.out, "# {}\n", text(&d.disclosure.title))?;
        let sweep = d.sweep.map_or_else(|| "no sweep yet".to_owned(), |s| format!("sweep {s}"));
        writeln!(
            self.out,
            "Incident {}, {}, disclosed {}; {sweep}, judged {} (UTC).\n",
            text(&d.incident),
            text(&d.disclosure.id),
            d.disclosure.disclosed_at.short(),
            d.judged_at.short()
        )?;
        if let Some(owner) = &d.only_owner {
            let whose = if owner.is_empty() { "nobody".to_owned() } else { text(owner) };
            writeln!(self.out, "**Only services of {whose}.**\n")?;
        }
        if d.redacted {
            writeln!(self.out, "**Names are hidden**; sentences and references are withheld.\n")?;
        }
        if t.vulnerable > 0 {
            for words in &d.disclosure.first_words {
                writeln!(self.out, "> **{}**\n", text(words))?;
            }
        }
        writeln!(
            self.out,
            "- **How bad?** {} vulnerable of {}; {} still owe something, {} are done. {} went backwards, {} are contradicted.",
            t.vulnerable, d.coverage.known, t.open, t.finished, t.regressed, t.contradicted
        )?;
        if t.hosts_affected > 0 {
            writeln!(self.out, "  {} hosts have a vulnerable copy or package.", t.hosts_affected)?;
        }
        writeln!(
            self.out,
            "- **How much is unknown?** {}; {} of {} were reached.",
            t.unknown, d.coverage.probed, d.coverage.known
        )?;
        let late: Vec<String> = d
            .owners
            .iter()
            .filter(|o| o.overdue > 0)
            .map(|o| format!("{} {}", text(o.owner.as_deref().unwrap_or("nobody known")), o.overdue))
            .collect();
        let late = if late.is_empty() { "nobody".to_owned() } else { late.join(", ") };
        writeln!(self.out, "- **Who is late?** {} overdue: {late}.", t.overdue)?;
        match d.keys.first().filter(|k| k.serving > 0) {
            Some(key) => writeln!(
                self.out,
                "- **Which key is the worst?** {}: {} endpoints serve it, of {}. {} keys at risk are served.",
                key.spki.short(),
                key.serving,
                if key.owners.is_empty() { "nobody known".to_owned() } else { text(&key.owners.join(", ")) },
                t.keys_at_risk
            )?,
            None => writeln!(self.out, "- **Which key is the worst?** None that was in reach is served.")?,
        }
        match d.changes.since {
            Some(since) => writeln!(
                self.out,
                "- **What changed?** Since {since}: {} worse, {} nearer to the end, {} newly found.\n",
                d.changes.worse, d.changes.better, d.changes.appeared
            ),
            None if d.sweep.is_none() => writeln!(self.out, "- **What changed?** No sweep yet.\n"),
            None => writeln!(self.out, "- **What changed?** This is the first sweep.\n"),
        }
    }

    fn facets(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## How far\n\nDone, of the services that owe it.\n")?;
        let mut heads = vec!["exposure", "services"];
        heads.extend(FacetKind::ALL.iter().map(|k| k.as_str()));
        let rows = self.d.funnel.iter().map(|stage| {
            let mut cells =
                vec![stage.exposure.map_or("all", |e| e.as_str()).to_owned(), stage.services.to_string()];
            cells.extend(stage.facets.values().map(|c| charts::progress(c, stage.services)));
            cells
        });
        self.table(&heads, rows.collect())
    }

    fn sweeps(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Burn-down\n")?;
        let heads = [
            "sweep",
            "ended",
            "known",
            "open",
            "newly found",
            "vulnerable",
            "unknown",
            "closed",
            "reopened",
            "regressed",
            "not looked at",
        ];
        let row = |p: &super::data::Point| {
            let mut cells = vec![p.sweep.to_string(), p.at.short()];
            let numbers = [
                p.known,
                p.open,
                p.newly_found,
                p.exposed,
                p.unknown,
                p.closed,
                p.reopened,
                p.regressed,
                p.not_rechecked,
            ];
            cells.extend(numbers.map(|n| n.to_string()));
            cells
        };
        self.table(&heads, self.d.burn_down.iter().map(row).collect())
    }

    fn owners(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Owners\n")?;
        let row = |o: &super::data::Owner| {
            let mut cells = vec![text(o.owner.as_deref().unwrap_or("nobody known"))];
            let numbers = [o.services, o.vulnerable, o.overdue, o.unknown, o.open, o.secrets];
            cells.extend(numbers.map(|n| n.to_string()));
            cells.push(o.oldest_hours.to_string());
            cells
        };
        let heads = [
            "owner",
            "services",
            "vulnerable",
            "overdue",
            "unknown",
            "open",
            "secrets open",
            "oldest, hours",
        ];
        self.table(&heads, self.d.owners.iter().map(row).collect())
    }

    fn keys(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Keys that were in reach\n")?;
        let row = |k: &super::data::Key| {
            let standing = k.certificates.iter().filter(|c| !c.revoked && !c.expired).count();
            let until = if k.window.open { "open now".to_owned() } else { minute(k.window.until) };
            vec![
                k.spki.short(),
                k.exposure.to_string(),
                k.serving.to_string(),
                k.endpoints.len().to_string(),
                if k.owners.is_empty() { "nobody known".to_owned() } else { text(&k.owners.join(", ")) },
                standing.to_string(),
                until,
                minute(k.window.last_served),
            ]
        };
        let heads = [
            "key",
            "exposure",
            "served by",
            "ever",
            "owners",
            "certificates that stand",
            "in reach until",
            "last seen served",
        ];
        self.table(&heads, self.d.keys.iter().map(row).collect())
    }

    fn unknown(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Unknown\n")?;
        let row = |u: &super::data::Unknown| {
            vec![
                self.label(&u.row_id),
                self.owner(&u.row_id),
                u.how.to_string(),
                u.reason.map_or("no sweep has looked at it", explain::reason).to_owned(),
                minute(u.last_seen),
            ]
        };
        let rows = self.d.unknowns.iter().map(row).collect();
        self.table(&["service", "owner", "how", "why", "last look"], rows)
    }

    fn words(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Waivers and words\n")?;
        let row = |w: &super::data::Word| {
            let about = match (&w.row_id, &w.secret) {
                (Some(row), _) => self.label(row),
                (None, secret) => format!("secret {}", text(secret.as_deref().unwrap_or("-"))),
            };
            let reference = w.reference.as_deref().map_or_else(|| "-".to_owned(), text);
            let standing = w.standing.to_string();
            vec![about, text(&w.what), text(&w.by), w.at.short(), reference, minute(w.until), standing]
        };
        let rows = self.d.words.iter().map(row).collect();
        self.table(&["about", "what", "by", "when", "reference", "ends", "standing"], rows)
    }

    fn secrets(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Secrets in reach\n")?;
        let row = |s: &super::data::SecretRow| {
            let owner = text(s.owner.as_deref().unwrap_or("-"));
            let kind = text(&format!("{} {}", s.kind, s.title));
            vec![
                s.tier.to_string(),
                text(&s.id),
                kind,
                owner,
                s.state.to_string(),
                s.grade.map_or_else(|| "-".to_owned(), |g| g.to_string()),
            ]
        };
        let rows = self.d.secrets.iter().filter(|s| s.in_reach).map(row).collect();
        self.table(&["tier", "secret", "type", "owner", "state", "grade"], rows)
    }

    fn changes(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Went backwards, as it stands now\n")?;
        let row = |r: &super::data::Backwards| {
            vec![
                self.label(&r.row_id),
                self.owner(&r.row_id),
                r.code.to_string(),
                explain::regression(r.code).to_owned(),
                r.state.to_string(),
                minute(r.since),
            ]
        };
        let rows = self.d.regressions.iter().map(row).collect();
        self.table(&["service", "owner", "code", "what that means", "state", "since"], rows)
    }

    fn services(&mut self) -> std::fmt::Result {
        writeln!(self.out, "## Services\n")?;
        let row = |s: &ServiceRow| {
            let mut cells =
                vec![text(&s.label), text(s.owner.as_deref().unwrap_or("nobody known")), s.state.to_string()];
            cells.extend(s.facets.values().map(|cell| match cell.grade {
                Some(grade) => format!("{} {grade}", cell.value),
                None => cell.value.to_string(),
            }));
            cells.push(s.due.map_or_else(|| "-".to_owned(), Timestamp::date));
            cells
        };
        let mut heads = vec!["service", "owner", "state"];
        heads.extend(FacetKind::ALL.iter().map(|k| k.as_str()));
        heads.push("due");
        self.table(&heads, self.d.services.iter().map(row).collect())
    }

    fn hosts(&mut self) -> std::fmt::Result {
        if self.d.hosts.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "## Hosts\n")?;
        let row = |h: &super::data::HostRow| {
            let why = h.reason.map_or("-", explain::reason).to_owned();
            vec![text(&h.host), h.standing.to_string(), why, minute(h.at)]
        };
        let rows = self.d.hosts.iter().map(row).collect();
        self.table(&["host", "standing", "why", "as of"], rows)
    }

    fn method(&mut self) -> std::fmt::Result {
        let (d, m) = (self.d, &self.d.method);
        writeln!(self.out, "## Method\n")?;
        writeln!(
            self.out,
            "- Probe: {}. Bytes taken from anyone's memory: {}.",
            text(&d.disclosure.probe),
            d.totals.foreign_bytes
        )?;
        writeln!(self.out, "- Evidence: {} rows, head of the chain `{}`.", m.evidence_rows, m.chain_head)?;
        writeln!(self.out, "- Judged by {}, rules `{}`: {}.", text(&d.tool), m.rules, text(&m.policy))?;
        for line in &m.not_tested {
            writeln!(self.out, "- Not tested or claimed: {}", text(line))?;
        }
        writeln!(self.out)?;
        let row = |s: &super::data::SweepRow| {
            let command = text(&s.command_line);
            vec![
                s.sweep.to_string(),
                s.started_at.short(),
                s.state.to_string(),
                text(&s.vantage),
                s.services.to_string(),
                text(&s.tool),
                command,
            ]
        };
        self.table(
            &["sweep", "began", "state", "from", "services", "by", "command line"],
            m.sweeps.iter().rev().map(row).collect(),
        )
    }
}
