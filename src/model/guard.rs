//! The guard against cells that a spreadsheet would run: which texts get a leading `'`, and how it comes off.
//!
//! Not a writer or reader of CSV: exports put the guard on, the tracker's import takes it off.

use std::borrow::Cow;

/// Puts a `'` before every line that a spreadsheet would run: first character, after blanks, one of
/// `= + - @`, tab, carriage return or a full-width form. So does a line that would be taken for a guarded
/// one, so that [`unguard`] gives back every text.
pub fn guard(text: &str) -> Cow<'_, str> {
    if !text.split('\n').any(needs_guard) {
        return text.into();
    }
    let lines: Vec<Cow<'_, str>> = text
        .split('\n')
        .map(|line| if needs_guard(line) { Cow::Owned(format!("'{line}")) } else { Cow::Borrowed(line) })
        .collect();
    Cow::Owned(lines.join("\n"))
}

/// Takes away one leading `'` of each line, only where it stands before something that [`guard`] would
/// have protected.
pub fn unguard(text: &str) -> Cow<'_, str> {
    let stripped = |line| match str::strip_prefix(line, '\'') {
        Some(rest) if needs_guard(rest) => rest,
        _ => line,
    };
    if !text.contains('\'') {
        return text.into();
    }
    let lines: Vec<&str> = text.split('\n').map(stripped).collect();
    Cow::Owned(lines.join("\n"))
}

/// Whether a spreadsheet would run this line.
pub fn runs(line: &str) -> bool {
    let blank = |c: char| c.is_whitespace() && !matches!(c, '\t' | '\r');
    line.trim_start_matches(blank)
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

fn needs_guard(line: &str) -> bool {
    runs(line) || (line.starts_with('\'') && runs(line.trim_start_matches('\'')))
}
