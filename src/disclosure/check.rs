//! Whether a text is a disclosure: every fault of it in one go, each with its line and column.
//!
//! First the syntax, then the shape (fields, types, closed lists), then what contradicts itself. Whether a record
//! is right about the world, nobody can tell from its text.

mod rows;
mod shape;

use std::{collections::BinaryHeap, fmt, ops::Range};

use toml::de::DeTable;

use crate::model::{disclosure::Disclosure, text::Printable};

/// The largest text that is read, in bytes: a thousand times a large record.
const LARGEST: usize = 8 << 20;

/// In a larger text the first fault of syntax is told and no other: finding them all takes memory for each.
const EVERY_SYNTAX_FAULT: usize = 256 << 10;

/// Faults listed by place; of more there is only the number.
const LISTED: usize = 100;

/// Characters of a text that a fault quotes.
const QUOTED: usize = 80;

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, Printable(&self.message))
    }
}

/// Reads a disclosure, or says everything that is wrong with the text, in the order of the text.
pub fn check(text: &str) -> Result<Disclosure, Vec<Fault>> {
    let mut faults = Faults::default();
    if text.len() > LARGEST {
        faults.add(0, format!("{} bytes; a disclosure has at most {LARGEST}", text.len()));
        return Err(faults.listed(text));
    }
    let every = text.len() <= EVERY_SYNTAX_FAULT;
    let (root, errors) = if every {
        DeTable::parse_recoverable(text)
    } else {
        match DeTable::parse(text) {
            Ok(root) => (root, Vec::new()),
            Err(error) => (toml::Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    };
    for error in &errors {
        faults.add(start(error.span()), format!("TOML: {}", error.message()));
    }
    if errors.is_empty() {
        shape::disclosure(root.get_ref(), &mut faults);
    }
    if faults.count == 0 {
        // What was found right above is read once more into the type; an error here would be a gap above.
        match toml::from_str(text) {
            Ok(disclosure) => return Ok(disclosure),
            Err(error) => faults.add(start(error.span()), error.message().to_owned()),
        }
    }
    Err(faults.listed(text))
}

fn start(span: Option<Range<usize>>) -> usize {
    span.map_or(0, |span| span.start)
}

/// A text of the file, short enough to be quoted.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push('\u{2026}');
    }
    short
}

/// The faults that come first in the text, and how many there are in all.
#[derive(Debug, Default)]
struct Faults {
    /// The last one in the text is on top and gives way.
    first: BinaryHeap<(usize, String)>,
    count: usize,
}

impl Faults {
    fn add(&mut self, at: usize, message: String) {
        self.add_with(at, || message);
    }

    /// As [`Self::add`], for a message that takes time to make: it is made only where it may be listed.
    fn add_with(&mut self, at: usize, message: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() >= LISTED && self.first.peek().is_some_and(|(last, _)| at > *last) {
            return;
        }
        self.first.push((at, message()));
        if self.first.len() > LISTED {
            self.first.pop();
        }
    }

    fn listed(self, text: &str) -> Vec<Fault> {
        let more = self.count - self.first.len();
        let mut faults = Vec::with_capacity(LISTED + 1);
        let (mut line, mut line_start, mut seen) = (1, 0, 0);
        for (at, message) in self.first.into_sorted_vec() {
            let at = at.min(text.len());
            for (i, _) in text.get(seen..at).unwrap_or_default().match_indices('\n') {
                (line, line_start) = (line + 1, seen + i + 1);
            }
            seen = at;
            let column = text.get(line_start..at).map_or(1, |before| before.chars().count() + 1);
            faults.push(Fault { line, column, message });
        }
        if let Some(last) = faults.last().filter(|_| more > 0) {
            let (line, column) = (last.line, last.column);
            faults.push(Fault { line, column, message: format!("and {more} more from here on") });
        }
        faults
    }
}

/// Checks arbitrary text. What passes can be written, in both layouts, and passes again as the same value.
///
/// # Panics
///
/// When one of that does not hold; that is its purpose.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match check(&text) {
        Ok(disclosure) => {
            let ours = super::write(&disclosure);
            assert_eq!(check(&ours).as_ref(), Ok(&disclosure), "written as {ours}");
            match toml::to_string(&disclosure) {
                Ok(theirs) => assert_eq!(check(&theirs), Ok(disclosure), "written as {theirs}"),
                Err(e) => panic!("cannot be written: {e}"),
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty() && faults.len() <= LISTED + 1);
            assert!(faults.is_sorted_by_key(|fault| (fault.line, fault.column)), "{faults:?}");
        }
    }
}
