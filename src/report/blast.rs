//! The blast radius of one key as a picture: certificates on the left, the key, and on the right everything that
//! serves or served it, coloured by what became of it. An SVG that stands inside a page: no script, no reference to
//! anything, every text escaped. Colour never carries meaning alone: each box says the same in words.
//!
//! Boxes and lines only; it is not a graph library and lays out nothing but three columns.

use std::fmt::Write as _;

use handlebars::html_escape;

use super::table::fit;
use crate::model::{
    plan::{Blast, BlastCertificate, BlastEndpoint},
    text::printable,
};

/// Endpoints that are drawn; the rest is counted.
const ENDPOINTS: usize = 40;
/// Certificates that are drawn; the rest is counted.
const CERTIFICATES: usize = 12;

/// Height of a box with its gap, in user units.
const ROW: usize = 48;
/// Height of a box.
const BOX: usize = 40;
/// Left edge and width of the three columns.
const LEFT: (usize, usize) = (4, 250);
const MIDDLE: (usize, usize) = (304, 190);
const RIGHT: (usize, usize) = (544, 452);
/// Width of the picture.
const WIDTH: usize = 1000;
/// Width of a character of the boxes' font in hundredths of a unit.
const CHARACTER: usize = 680;

/// What the classes of the pictures look like, once for a page; it wants `--text`, `--soft`, `--line`, `--bad`,
/// `--wait` and `--done` there.
pub const STYLE: &str = "\
svg.blast { width: 100%; height: auto; font: 11px ui-monospace, monospace; }
svg.blast rect { fill: var(--soft); stroke: var(--line); stroke-width: 1.5; rx: 4px; }
svg.blast path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg.blast text { fill: var(--text); } svg.blast .strong { font-weight: 700; }
svg.blast .bad { stroke: var(--bad); } svg.blast .wait { stroke: var(--wait); } svg.blast .done { stroke: var(--done); }
svg.blast path.done { stroke-dasharray: 4 4; }
";

/// The picture of one key. At most 40 endpoints and 12 certificates are drawn, those first that still count; the rest
/// is counted in a box of its own.
pub fn svg(blast: &Blast) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = draw(blast, &mut out);
    out
}

fn draw(blast: &Blast, out: &mut String) -> std::fmt::Result {
    let right = endpoint_boxes(blast);
    let left = certificate_boxes(blast);
    let rows = right.len().max(left.len()).max(1);
    let height = rows * ROW + 8;
    let label = escaped(&format!(
        "Key {}: {} endpoints, {} of them serve it; {} certificates",
        blast.spki,
        blast.endpoints.len(),
        blast.revoke.blocked_by.len(),
        blast.certificates.len()
    ));
    writeln!(
        out,
        r#"<svg class="blast" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">"#
    )?;
    let middle = height / 2;
    for (column, boxes) in [(LEFT, &left), (RIGHT, &right)] {
        for (i, each) in boxes.iter().enumerate() {
            let y = top(i, boxes.len(), height) + BOX / 2;
            let (from, to) = if column == LEFT {
                ((LEFT.0 + LEFT.1, y), (MIDDLE.0, middle))
            } else {
                ((MIDDLE.0 + MIDDLE.1, middle), (RIGHT.0, y))
            };
            let bend = usize::midpoint(from.0, to.0);
            writeln!(
                out,
                r#"<path class="{}" d="M{} {} C{bend} {} {bend} {} {} {}"/>"#,
                each.class, from.0, from.1, from.1, to.1, to.0, to.1
            )?;
        }
    }
    let key = blast.spki.to_string();
    let short: String = key.chars().take("sha256:".len() + 12).collect();
    let shown = Shown {
        class: if blast.revoke.blocked_by.is_empty() { "done" } else { "bad" },
        first: format!("{short}…"),
        second: format!("key, {}", blast.exposure),
        whole: key,
    };
    shown.draw(MIDDLE, middle - BOX / 2, out)?;
    for (column, boxes) in [(LEFT, &left), (RIGHT, &right)] {
        for (i, each) in boxes.iter().enumerate() {
            each.draw(column, top(i, boxes.len(), height), out)?;
        }
    }
    writeln!(out, "</svg>")
}

/// The upper edge of a box: the column stands in the middle of the picture.
const fn top(i: usize, of: usize, height: usize) -> usize {
    (height - of * ROW) / 2 + i * ROW + (ROW - BOX) / 2
}

/// A box with two lines of text; `whole` is what a pointer shows.
struct Shown {
    class: &'static str,
    first: String,
    second: String,
    whole: String,
}

impl Shown {
    fn draw(&self, (x, width): (usize, usize), y: usize, out: &mut String) -> std::fmt::Result {
        let most = (width - 16) * 100 / CHARACTER;
        let line = |text: &str| escaped(&fit(&printable(text), most));
        writeln!(
            out,
            r#"<g><title>{}</title><rect class="{}" x="{x}" y="{y}" width="{width}" height="{BOX}"/><text class="strong" x="{tx}" y="{}">{}</text><text x="{tx}" y="{}">{}</text></g>"#,
            escaped(&self.whole),
            self.class,
            y + 16,
            line(&self.first),
            y + 32,
            line(&self.second),
            tx = x + 8,
        )
    }
}

fn endpoint_boxes(blast: &Blast) -> Vec<Shown> {
    let serving: std::collections::BTreeSet<usize> = blast.revoke.blocked_by.iter().copied().collect();
    let mut all: Vec<(bool, &BlastEndpoint)> =
        blast.endpoints.iter().enumerate().map(|(i, e)| (serving.contains(&i), e)).collect();
    all.sort_by_key(|(serves, e)| (!serves, !e.leaks_now)); // stable: by name within
    let mut boxes: Vec<Shown> = all.iter().take(ENDPOINTS).map(|(serves, e)| endpoint(e, *serves)).collect();
    let rest = all.get(ENDPOINTS..).unwrap_or_default();
    if !rest.is_empty() {
        let serve = rest.iter().filter(|(serves, _)| *serves).count();
        boxes.push(Shown {
            class: if serve > 0 { "wait" } else { "done" },
            first: format!("and {} more endpoints", rest.len()),
            second: format!("{serve} of them still serve it"),
            whole: format!("{} endpoints are not drawn; the table has all", rest.len()),
        });
    }
    boxes
}

fn endpoint(e: &BlastEndpoint, serves: bool) -> Shown {
    let (class, word) = match (serves, e.leaks_now, e.leaked) {
        (true, true, _) => ("bad", "serves it and leaks now"),
        (true, false, true) => ("wait", "serves it; leaked"),
        (true, false, false) => ("wait", "serves it; shares the key"),
        (false, true, _) => ("bad", "left it; leaks now"),
        (false, false, _) => ("done", "left it"),
    };
    let owner = e.owner.as_deref().unwrap_or("nobody known");
    let state = e.state.map_or_else(|| "not judged".to_owned(), |s| s.to_string());
    Shown {
        class,
        first: e.place(),
        second: format!("{word} · {owner}"),
        whole: format!("{} · {owner} · {word} · {state}", e.place()),
    }
}

fn certificate_boxes(blast: &Blast) -> Vec<Shown> {
    let dead = |c: &BlastCertificate| c.revoked || c.expired;
    let mut all: Vec<&BlastCertificate> = blast.certificates.iter().collect();
    all.sort_by_key(|c| dead(c));
    let mut boxes: Vec<Shown> = all.iter().take(CERTIFICATES).map(|c| certificate(c)).collect();
    let rest = all.get(CERTIFICATES..).unwrap_or_default();
    if !rest.is_empty() {
        let stand = rest.iter().filter(|c| !dead(c)).count();
        boxes.push(Shown {
            class: if stand > 0 { "wait" } else { "done" },
            first: format!("and {} more certificates", rest.len()),
            second: format!("{stand} of them stand"),
            whole: format!("{} certificates are not drawn; the table has all", rest.len()),
        });
    }
    boxes
}

fn certificate(c: &BlastCertificate) -> Shown {
    let (class, word) = match (c.revoked, c.expired) {
        (true, _) => ("done", "revoked"),
        (false, true) => ("done", "expired"),
        (false, false) => ("wait", "stands"),
    };
    let serial = c.serial.as_deref().unwrap_or("without a serial");
    let subject = c.subject.as_deref().unwrap_or("without a subject");
    let again = if c.reissued { ", reissued on it" } else { "" };
    Shown {
        class,
        first: subject.to_owned(),
        second: format!("{word}{again} · {serial}"),
        whole: format!("{subject} · {serial} · {word}{again} · {}", c.sha256),
    }
}

fn escaped(text: &str) -> String {
    html_escape(&printable(text))
}
