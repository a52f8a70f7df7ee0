//! The dashboard as one self-contained page: light and dark, printed, by keyboard, without script. Its policy lets
//! nothing in and nothing out: style and script are named by their hashes, and every text of a server or a person is
//! escaped. Laid out here; counted in [`super::build`].

mod answers;
mod keys;
mod lists;
mod people;
mod sections;
mod table;

use std::{collections::HashMap, fmt::Write as _};

use data_encoding::BASE64;
use handlebars::html_escape;

use super::{
    super::blast,
    charts,
    data::{Dashboard, ServiceRow},
    json::embedded,
};
use crate::model::{ids::RowId, text::printable, time::Timestamp};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The page of an owner; absent where there is none.
pub type Links<'a> = dyn Fn(Option<&str>) -> Option<String> + 'a;

/// How a page is shown.
#[derive(Clone, Copy, Default)]
pub struct How<'a> {
    /// Served by this machine while things happen: it follows them.
    pub live: bool,
    /// The page of an owner's checklist, relative to this one, where there is such a file.
    pub checklist: Option<&'a Links<'a>>,
}

/// A page and the policy under which it works, for a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The page.
    pub html: String,
    /// Its Content-Security-Policy; the page has it in a `meta` as well.
    pub csp: String,
}

/// The sections in order: anchor, and what it is called in the head of the page.
const SECTIONS: [(&str, &str); 12] = [
    ("changes", "Changes"),
    ("facets", "Facets"),
    ("sweeps", "Burn-down"),
    ("owners", "Owners"),
    ("keys", "Keys"),
    ("timeline", "Timeline"),
    ("unknown", "Unknown"),
    ("words", "Waivers and words"),
    ("secrets", "Secrets"),
    ("services", "All services"),
    ("hosts", "Hosts"),
    ("method", "Method"),
];

/// What writing the page's parts needs.
struct Pen<'a> {
    d: &'a Dashboard,
    how: How<'a>,
    services: HashMap<&'a RowId, &'a ServiceRow>,
    out: String,
}

/// The dashboard as a page.
pub fn html(d: &Dashboard, how: How<'_>) -> Page {
    let style = format!("{STYLE}{}{}", charts::style(), blast::STYLE);
    let csp = policy(&style, how.live);
    let mut pen =
        Pen { d, how, services: d.services.iter().map(|s| (&s.row_id, s)).collect(), out: String::new() };
    // Writing to a string cannot fail.
    let _ = pen.page(&style, &csp);
    Page { html: pen.out, csp }
}

fn policy(style: &str, live: bool) -> String {
    let hash =
        |text: &str| BASE64.encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    let connect = if live { " connect-src 'self';" } else { "" };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}';{connect} base-uri 'none'; form-action 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

/// Hostile text made fit for a page.
fn text(words: &str) -> String {
    html_escape(&printable(words))
}

fn code(words: &str) -> String {
    format!("<code>{}</code>", text(words))
}

/// A count with thousands apart: `5,000`.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 service`, `2 services`.
fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn minute(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), Timestamp::short)
}

impl Pen<'_> {
    fn page(&mut self, style: &str, csp: &str) -> std::fmt::Result {
        let d = self.d;
        let title = format!("{}: {}", text(&d.incident), text(&d.disclosure.title));
        write!(
            self.out,
            r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{csp}">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">To the answers</a>
"##
        )?;
        if self.how.live {
            writeln!(self.out, "<p id=\"live\" role=\"status\">Live: waiting for the first word.</p>")?;
        }
        writeln!(self.out, "<main id=\"main\" data-mark=\"{}\">", d.method.chain_head)?;
        self.head()?;
        self.nav()?;
        self.changes()?;
        self.facets()?;
        self.burn_down()?;
        self.owners()?;
        self.keys()?;
        self.timeline()?;
        self.unknown()?;
        self.words()?;
        self.secrets()?;
        self.all_services()?;
        self.hosts()?;
        self.method()?;
        writeln!(
            self.out,
            "</main>\n<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>",
            embedded(d)
        )
    }

    fn nav(&mut self) -> std::fmt::Result {
        write!(self.out, "<nav aria-label=\"Sections\">")?;
        for (id, name) in SECTIONS {
            write!(self.out, "<a href=\"#{id}\">{name}</a>")?;
        }
        writeln!(self.out, "</nav>")
    }

    fn heading(&mut self, id: &str, title: &str) -> std::fmt::Result {
        writeln!(self.out, "<h2 id=\"{id}\">{title}</h2>")
    }

    /// What a row is called.
    fn label(&self, row: &RowId) -> String {
        text(self.services.get(row).map_or(row.as_str(), |s| &s.label))
    }

    fn owner_of(&self, row: &RowId) -> String {
        text(self.services.get(row).and_then(|s| s.owner.as_deref()).unwrap_or("nobody known"))
    }
}
