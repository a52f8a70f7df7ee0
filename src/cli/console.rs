//! Where a command writes: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use super::Globals;
use crate::report::style::{Screen, Style};

/// The two streams, and what may be done on them.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a terminal")]
pub(crate) struct Console {
    /// Results.
    pub(crate) out: Box<dyn Write + Send>,
    /// Progress and messages.
    pub(crate) err: Box<dyn Write + Send>,
    /// Whether results may be coloured.
    pub(crate) color_out: bool,
    /// Whether messages may be coloured.
    pub(crate) color_err: bool,
    /// Whether standard error is a terminal that can redraw a line.
    pub(crate) animate: bool,
    /// Only what matters.
    pub(crate) quiet: bool,
    /// More.
    pub(crate) verbose: bool,
    /// Columns of the output.
    pub(crate) width: usize,
}

impl Console {
    /// The streams of this process. Colour needs a terminal, no `NO_COLOR`, and no `TERM=dumb`.
    pub(crate) fn of_process(color: clap::ColorChoice, quiet: bool, verbose: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let wanted = |terminal: bool| match color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => terminal && !dumb && !no_color,
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        Self {
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(io::stderr().is_terminal()),
            animate: io::stderr().is_terminal() && !dumb,
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            quiet,
            verbose,
            width: columns.unwrap_or(100).clamp(60, 200),
        }
    }

    /// The terminal for views of `report`.
    pub(crate) fn screen(&self, globals: &Globals) -> Screen {
        let default = globals.incident.as_os_str() == "incident.db";
        Screen {
            width: self.width,
            style: Style { color: self.color_out },
            incident: (!default).then(|| globals.incident.display().to_string()),
        }
    }

    /// Says something that is not a result. A message that cannot be written must not stop the work.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// Says something that is only wanted with `--verbose`.
    pub(crate) fn detail(&mut self, text: &str) {
        if self.verbose {
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// Says something that must be seen even with `--quiet`.
    pub(crate) fn warn(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("quiet", &self.quiet)
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}
