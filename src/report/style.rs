//! Colours for a terminal, off unless the caller says that they are wanted.
//!
//! Whether they are (`NO_COLOR`, `--color`, a terminal at all) is the caller's decision.

use std::fmt;

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Write ANSI colour codes.
    pub color: bool,
}

/// What a text means, for its colour. The words say it too: colour never carries meaning alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    #[default]
    Plain,
    /// A heading.
    Bold,
    /// Open.
    Bad,
    /// Not known, or late.
    Warn,
    /// Done.
    Good,
    /// Beside the point.
    Dim,
}

impl Ink {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Bad => Some("1;31"),
            Self::Warn => Some("33"),
            Self::Good => Some("32"),
            Self::Dim => Some("2"),
        }
    }
}

impl Style {
    /// The text in its colour, or as it is. The text must be safe to show already.
    pub const fn paint(self, ink: Ink, text: &str) -> Painted<'_> {
        Painted { code: if self.color { ink.code() } else { None }, text }
    }
}

/// A text with its colour, to be displayed.
#[derive(Clone, Copy, Debug)]
pub struct Painted<'a> {
    code: Option<&'static str>,
    text: &'a str,
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text),
            None => f.write_str(self.text),
        }
    }
}

/// A terminal to write for.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Its width in columns.
    pub width: usize,
    /// Its colours.
    pub style: Style,
    /// The incident file as the user named it, where it is not the default: commands to copy then say it.
    pub incident: Option<String>,
}

impl Default for Screen {
    fn default() -> Self {
        Self { width: 80, style: Style::default(), incident: None }
    }
}

impl Screen {
    /// A command to copy, with the incident file where it has to be named.
    pub fn command(&self, arguments: &str) -> String {
        match &self.incident {
            Some(file) => format!("allclear {arguments} --incident {}", shell_word(file)),
            None => format!("allclear {arguments}"),
        }
    }
}

/// A word that a shell takes as it stands: quoted unless it is made of harmless characters.
pub fn shell_word(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_when_asked() {
        assert_eq!(Style { color: false }.paint(Ink::Bad, "x").to_string(), "x");
        assert_eq!(Style { color: true }.paint(Ink::Bad, "x").to_string(), "\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(Style { color: true }.paint(Ink::Plain, "x").to_string(), "x");
    }

    #[test]
    fn a_command_to_copy_cannot_run_another() {
        let table =
            [("web01:443", "web01:443"), ("$(reboot)", "'$(reboot)'"), ("it's", "'it'\\''s'"), ("", "''")];
        for (input, expected) in table {
            assert_eq!(shell_word(input), expected, "input: {input:?}");
        }
        let screen = Screen { incident: Some("my case.db".to_owned()), ..Screen::default() };
        assert_eq!(screen.command("status"), "allclear status --incident 'my case.db'");
    }
}
