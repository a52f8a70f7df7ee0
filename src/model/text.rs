//! Hostile text made safe to show. Names, subjects and banners come from servers and from files
//! that somebody else wrote: no control character of theirs may reach a terminal.
//!
//! Quoting for CSV, HTML or JSON is the writer's own business; this is only about characters that
//! act on a terminal or hide what stands there.

use std::fmt::{self, Write as _};

/// Shows a text with every control, bidirectional-override and invisible format character as `\xNN`
/// or `\u{NNNN}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if acts_on_a_terminal(c) {
                escape(c, f)?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// The printable form as a string, borrowed where nothing had to change.
pub fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.chars().any(acts_on_a_terminal) { Printable(text).to_string().into() } else { text.into() }
}

/// Like [`printable`], for a text of several lines of ours: line feeds stay.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Whether a character does something other than show itself: C0 and C1 controls, delete, line and
/// paragraph separators, bidirectional controls, zero-width and tag characters.
pub fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let code = u32::from(c);
    if code < 0x100 { write!(f, "\\x{code:02X}") } else { write!(f, "\\u{{{code:04X}}}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_passes() {
        let table = [
            ("plain ümlaut 日本", "plain ümlaut 日本"),
            ("\u{1b}[31mred\u{7}", "\\x1B[31mred\\x07"),
            ("a\r\nb\tc", "a\\x0D\\x0Ab\\x09c"),
            ("csi\u{9b}2J", "csi\\x9B2J"),
            ("gpj\u{202e}exe", "gpj\\u{202E}exe"),
        ];
        for (input, expected) in table {
            assert_eq!(printable(input), expected, "input: {input:?}");
        }
    }
}
