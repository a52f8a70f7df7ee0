//! What stops loading as a whole. A bad row alone is no error: it is counted beside the good ones.

use std::{io, sync::Arc};

use crate::model::{loading::BadRow, text::Printable};

/// An input that cannot be used; exit code 5.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is missing, a directory, or not ours to read.
    #[error("{}: cannot be read: {source}", Printable(file))]
    Unreadable {
        /// The file as it was named.
        file: Arc<str>,
        /// What the system said.
        source: io::Error,
    },
    /// The file as a whole is refused; the place says where the reason stands.
    #[error("{}:{line}:{column}: {}", Printable(file), Printable(message))]
    Refused {
        /// The file as it was named.
        file: Arc<str>,
        /// The line, from 1.
        line: u32,
        /// The byte column, from 1.
        column: u32,
        /// Why, and what was expected.
        message: String,
    },
    /// A live source did not give what was asked for.
    #[error("{}: {}", Printable(source_name), Printable(message))]
    Live {
        /// The source as it was written, without a password.
        source_name: Arc<str>,
        /// What went wrong, and what to do.
        message: String,
    },
    /// No row at all: sweeping nothing must not look like an all clear.
    #[error(
        "{}: holds no row; expected a host on each line, or a CSV with a header and rows",
        Printable(file)
    )]
    Empty {
        /// The file as it was named.
        file: Arc<str>,
    },
    /// The inputs hold secrets and not one service.
    #[error("no input holds a service; expected a list of hosts, or a CSV with a name or an address column")]
    NoService,
    /// Every row of a file is bad. All bad rows of all files are in here.
    #[error("{}", bad_rows(&format!("{}: every row is bad", Printable(file)), bad))]
    WhollyBad {
        /// The first file of which every row is bad.
        file: Arc<str>,
        /// Every bad row, in reading order.
        bad: Vec<BadRow>,
    },
    /// Some rows are bad and `--strict` was given.
    #[error("{}", bad_rows("bad rows, and --strict was given", bad))]
    Strict {
        /// Every bad row, in reading order.
        bad: Vec<BadRow>,
    },
    /// A scope or exclusion that cannot be read as a whole: half a scope would touch what it should not.
    #[error("{}", bad_rows("the scope cannot be used", bad))]
    BadScope {
        /// Every bad line.
        bad: Vec<BadRow>,
    },
    /// `--format` names nothing that is known.
    #[error("--format {}: no such format; this build reads: {built}", Printable(name))]
    UnknownFormat {
        /// The name.
        name: String,
        /// What can be read, comma separated.
        built: String,
    },
}

impl Error {
    /// The file that the error is about, and the message without it; both empty-handed where it is about the inputs
    /// as a whole. The place is line and column, where there is one.
    pub fn place(&self) -> (Option<&str>, Option<(u32, u32)>, String) {
        match self {
            Self::Refused { file, line, column, message } => {
                (Some(file), Some((*line, *column)), message.clone())
            }
            Self::Unreadable { file, source } => (Some(file), None, format!("cannot be read: {source}")),
            Self::Empty { file } => (Some(file), None, "holds no row".to_owned()),
            other => (None, None, other.to_string()),
        }
    }

    /// Every bad row that the error is about; empty where it is about something else.
    pub fn bad_rows(&self) -> &[BadRow] {
        match self {
            Self::WhollyBad { bad, .. } | Self::Strict { bad } | Self::BadScope { bad } => bad,
            _ => &[],
        }
    }
}

/// A heading and every bad row on a line of its own, so that nobody has to correct a file row by row.
fn bad_rows(heading: &str, bad: &[BadRow]) -> String {
    let mut text = format!("{heading} ({} in all)", bad.len());
    for row in bad {
        text.push_str("\n  ");
        text.push_str(&row.to_string());
    }
    text
}
