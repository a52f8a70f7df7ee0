//! JSON as it may reach a terminal: like `serde_json`, and every character that acts on a terminal
//! written as `\uNNNN`. The value that a reader gets is the same.
//!
//! `serde_json` alone escapes C0 controls only; a C1 control or a bidirectional override in a
//! certificate's subject would pass through it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::model::text::acts_on_a_terminal;

struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts_on_a_terminal(*c)) {
            let (before, after) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Writes one value on one line, without a line end.
pub fn write<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Safe)).map_err(io::Error::from)
}

/// The same as a string.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::with_capacity(1024);
    let written = write(value, &mut out);
    debug_assert!(written.is_ok(), "memory takes every byte, and keys are strings");
    String::from_utf8(out).unwrap_or_default()
}

/// Holds a text to what this file promises; for the fuzz target.
pub(super) fn check_round_trip(text: &str) {
    let line = to_string(text);
    assert!(!line.contains(acts_on_a_terminal), "{line:?} is safe to show");
    let back: Option<String> = serde_json::from_str(&line).ok();
    assert_eq!(back.as_deref(), Some(text), "{line:?} reads back");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal_and_everything_reads_back() {
        let table = [
            ("plain \"quoted\" \\ ümlaut", r#""plain \"quoted\" \\ ümlaut""#),
            ("\u{1b}[31m\r\n\u{7f}", r#""\u001b[31m\r\n\u007f""#),
            ("csi\u{9b}2J gpj\u{202e}exe", r#""csi\u009b2J gpj\u202eexe""#),
            ("tag\u{e0041}", r#""tag\udb40\udc41""#),
        ];
        for (input, expected) in table {
            assert_eq!(to_string(input), expected, "input: {input:?}");
            check_round_trip(input);
        }
    }
}
