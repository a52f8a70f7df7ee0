//! Views of the catalogue: `disclosure list` and `disclosure show`, as text and as JSON. What is in a disclosure was
//! decided where it was written; which ones to list is the caller's choice.
//!
//! An imported record is somebody else's text: everything passes [`printable`] on its way to a terminal.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
    sync::Arc,
};

use serde::Serialize;

use crate::model::{
    disclosure::{Affected, Confidence, Disclosure, RowStatus, UPSTREAM},
    text::printable,
};

use super::{
    json,
    style::{Ink, Screen},
    table::{Column, Table, wrap},
};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.disclosure/1";

/// The narrowest column that text is wrapped to.
const NARROWEST: usize = 40;

/// Where a disclosure came from, in one word.
fn origin(disclosure: &Disclosure) -> &'static str {
    if disclosure.sources.is_empty() { "built-in" } else { "imported" }
}

/// The name that people call it by: unlike the ids of records, those are in lower case.
fn nickname(disclosure: &Disclosure) -> Option<&str> {
    disclosure.aliases.iter().find(|alias| **alias == alias.to_lowercase()).map(String::as_str)
}

/// A line for each disclosure: when, which, what it is called, how grave, how it is probed, its rows, where it came
/// from, and what leaks.
pub fn list(disclosures: &[Arc<Disclosure>], screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let columns = [
        Column::text("DATE", 10),
        Column::text("ID", 24),
        Column::text("NAME", 16),
        Column::text("SEVERITY", 10),
        Column::text("PROBE", 11),
        Column::number("ROWS"),
        Column::text("FROM", 8),
        Column::text("WHAT LEAKS OR BREAKS", 120),
    ];
    let mut table = Table::new(0, &columns);
    for d in disclosures {
        let plain = |text: &str| (text.to_owned(), Ink::Plain);
        table.row(vec![
            plain(&d.disclosed_at.date()),
            (d.id.to_string(), Ink::Bold),
            plain(nickname(d).unwrap_or("-")),
            plain(d.severity.as_deref().unwrap_or("-")),
            plain(d.probe.kind.as_str()),
            plain(&d.affected.len().to_string()),
            plain(origin(d)),
            plain(&d.leaks),
        ]);
    }
    for line in table.lines(screen.width, screen.style) {
        writeln!(out, "{line}")?;
    }
    match disclosures.len() {
        0 => writeln!(out, "No disclosure."),
        1 => writeln!(out, "\n1 disclosure."),
        n => writeln!(out, "\n{n} disclosures."),
    }
}

/// Everything about one disclosure, what is needed first on top.
pub fn show(disclosure: &Disclosure, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let d = disclosure;
    let mut page = Page { out, screen };
    page.paragraph(0, Ink::Bold, &format!("{}: {}", d.id, d.title))?;
    let severity = d.severity.as_ref().map_or_else(String::new, |severity| format!(", severity {severity}"));
    let confidence = match &*d.confidence {
        "" => String::new(),
        confidence => format!(", confidence {confidence}"),
    };
    page.text(2, &format!("Public since {}{severity}{confidence}; {}.", d.disclosed_at.date(), origin(d)))?;
    if !d.aliases.is_empty() {
        page.text(2, &format!("Also called {}.", d.aliases.join(", ")))?;
    }
    page.list("First of all", Ink::Bad, &d.first_words)?;
    page.section("What leaks or breaks")?;
    page.text(2, &d.leaks)?;
    if !d.exposes.is_empty() {
        page.text(2, &format!("In reach: {}.", d.exposes.join("; ")))?;
    }
    if !d.preconditions.is_empty() {
        page.section("When it matters")?;
        page.text(2, &d.preconditions)?;
    }
    if let Some(feature) = &d.feature {
        page.text(2, &format!("A build without the function {feature} does not have it."))?;
    }
    if let Some(transport) = d.only_over {
        page.text(2, &format!("Concerns services over {transport} alone."))?;
    }
    if !d.never_in.is_empty() {
        let never: Vec<&str> = d.never_in.iter().map(|library| library.as_str()).collect();
        page.text(2, &format!("Never in {}.", never.join(", ")))?;
    }
    page.section("What to rotate, in this order")?;
    page.text(2, &format!("Keys: {}. Secrets: {}.", d.rotate.keys, d.rotate.secrets))?;
    for (number, step) in (1..).zip(&d.rotate.steps) {
        page.item(&format!("{number}."), step)?;
    }
    page.section("From the network")?;
    page.text(2, &format!("Probe: {}.", d.probe.kind))?;
    page.text(2, &d.probe.method)?;
    for (what, text) in [("What it proves", &d.probe.proves), ("What it cannot tell", &d.probe.cannot)] {
        if !text.is_empty() {
            page.text(2, &format!("{what}: {text}"))?;
        }
    }
    rows(d, &mut page)?;
    page.list("Notes", Ink::Plain, &d.notes)?;
    page.verbatim("Links", &d.links)?;
    page.verbatim("Sources", &d.sources)
}

/// The rows, upstream's first, then those of each ecosystem under its name.
fn rows(d: &Disclosure, page: &mut Page<'_>) -> io::Result<()> {
    let mut ecosystems: BTreeMap<(bool, &str), Vec<&Affected>> = BTreeMap::new();
    for row in &d.affected {
        ecosystems.entry((row.ecosystem != UPSTREAM, &row.ecosystem)).or_default().push(row);
    }
    page.section("Versions")?;
    if ecosystems.is_empty() {
        page.text(2, "No row: nothing is judged by its version.")?;
    }
    if !d.not_analysed.is_empty() {
        page.text(2, &format!("Branches of OpenSSL that nobody analysed: {}.", d.not_analysed.join(", ")))?;
    }
    for ((_, ecosystem), rows) in ecosystems {
        let judged = rows.iter().any(|row| row.scheme().is_some());
        let remark = if judged { "" } else { " (for people: not compared)" };
        page.paragraph(2, Ink::Bold, &format!("{ecosystem}{remark}"))?;
        for row in rows {
            page.text(4, &row_line(row))?;
            if let Some(note) = &row.note {
                page.text(6, note)?;
            }
        }
    }
    Ok(())
}

/// `openssl: affected from 1.0.1-1, fixed in 1.0.1g-1 (Debian bug 743883)`
fn row_line(row: &Affected) -> String {
    let status = match row.status {
        RowStatus::Affected => "affected",
        RowStatus::NotAffected => "not affected",
        RowStatus::Unknown => "not known",
    };
    let mut line = format!("{}: {status}", row.package);
    if let Some(introduced) = row.introduced.as_deref().filter(|version| *version != "0") {
        let _ = write!(line, " from {introduced}"); // into a string, cannot fail
    }
    if let Some(fixed) = &row.fixed {
        let below = if row.status == RowStatus::Affected { ", fixed in" } else { " below" };
        let _ = write!(line, "{below} {fixed}");
    }
    if let Some(last) = &row.last_affected {
        let _ = write!(line, " up to and with {last}");
    }
    if !row.versions.is_empty() {
        let _ = write!(line, " in exactly {}", row.versions.join(", "));
    }
    let unconfirmed = if row.confidence == Confidence::Unconfirmed { ", unconfirmed" } else { "" };
    line + &format!(" ({}{unconfirmed})", row.advisory)
}

/// A page under construction: every text is made safe to show and wrapped.
struct Page<'a> {
    out: &'a mut dyn Write,
    screen: &'a Screen,
}

impl Page<'_> {
    fn line(&mut self, indent: usize, ink: Ink, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:indent$}{}", "", self.screen.style.paint(ink, &printable(text)))
    }

    fn wrapped(&self, indent: usize, text: &str) -> Vec<String> {
        wrap(&printable(text), self.screen.width.saturating_sub(indent).max(NARROWEST))
    }

    fn paragraph(&mut self, indent: usize, ink: Ink, text: &str) -> io::Result<()> {
        self.wrapped(indent, text).iter().try_for_each(|line| self.line(indent, ink, line))
    }

    fn section(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.line(0, Ink::Bold, title)
    }

    fn text(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.paragraph(indent, Ink::Plain, text)
    }

    /// A text after its mark; further lines stand under the first one.
    fn item(&mut self, mark: &str, text: &str) -> io::Result<()> {
        let mut mark = mark;
        for line in self.wrapped(6, text) {
            writeln!(self.out, "  {mark:>3} {line}")?;
            mark = "";
        }
        Ok(())
    }

    /// A titled list, where there is anything in it.
    fn list(&mut self, title: &str, ink: Ink, items: &[String]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        self.line(0, if ink == Ink::Plain { Ink::Bold } else { ink }, title)?;
        items.iter().try_for_each(|item| self.item("-", item))
    }

    /// A titled list of texts that people copy: not wrapped.
    fn verbatim(&mut self, title: &str, items: &[String]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.section(title)?;
        items.iter().try_for_each(|item| self.line(2, Ink::Plain, item))
    }
}

/// A disclosure in JSON: the keys of a catalogue file, the schema before them.
#[derive(Serialize)]
struct Body<'d> {
    schema: &'static str,
    origin: &'static str,
    #[serde(flatten)]
    disclosure: &'d Disclosure,
}

/// Writes one disclosure as one line of JSON ([`SCHEMA`]).
pub fn show_json(disclosure: &Disclosure, out: &mut dyn Write) -> io::Result<()> {
    json::write(&Body { schema: SCHEMA, origin: origin(disclosure), disclosure }, out)?;
    writeln!(out)
}

/// Writes a line of JSON for each disclosure, everything in it ([`SCHEMA`]).
pub fn list_json(disclosures: &[Arc<Disclosure>], out: &mut dyn Write) -> io::Result<()> {
    disclosures.iter().try_for_each(|disclosure| show_json(disclosure, out))
}

#[cfg(test)]
mod tests;
