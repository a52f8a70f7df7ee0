//! What stops a command, and the exit code that a script may rely on (DESIGN: exit codes).
//!
//! A host that cannot be reached is evidence and never an error. Each stage has its own error type;
//! this one only says who must act, by the exit code.

use std::{io, path::PathBuf};

/// Exit codes. The first that applies in the order 130 6 2 5 4 1 3 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `verify`, the gate holds.
    Done,
    /// Open findings (`verify`, `sweep --fail-on`).
    Open,
    /// Usage.
    Usage,
    /// Coverage incomplete, and nothing known open (`verify`).
    Incomplete,
    /// Regression (`verify`).
    Regression,
    /// Bad input.
    BadInput,
    /// Storage, calibration or internal.
    Internal,
    /// Interrupted, resumable.
    Interrupted,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Open => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Regression => 4,
            Self::BadInput => 5,
            Self::Internal => 6,
            Self::Interrupted => 130,
        }
    }
}

/// A reason that a command could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// An input is missing, unreadable or wholly bad.
    #[error("{0}")]
    Input(String),
    /// An inventory cannot be used.
    #[error(transparent)]
    Inventory(#[from] crate::inventory::Error),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    /// The catalogue, or a name that is not in it.
    #[error(transparent)]
    Disclosure(#[from] crate::disclosure::Error),
    /// The incident file.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A bundle, or a key for one.
    #[error(transparent)]
    Bundle(#[from] crate::bundle::Error),
    /// A checklist template.
    #[error(transparent)]
    Checklist(#[from] crate::report::checklist::Error),
    /// The probes do not see what they must see.
    #[error("calibration failed, so no verdict can be trusted and none is shown: {0}")]
    Calibration(String),
    /// The incident file was changed outside of allclear.
    #[error(
        "{}: the evidence was changed after it was recorded ({what}); nothing is concluded from it. Keep this file, \
         and go on with the last good copy",
        path.display()
    )]
    Tampered {
        /// The file.
        path: PathBuf,
        /// Where it shows.
        what: String,
    },
    /// A file or stream could not be written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `write`, `create`, ...
        action: &'static str,
        /// The file, or `<stdout>`.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A fault of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The exit code that this error ends the process with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Disclosure(crate::disclosure::Error::Unknown { .. }) => Exit::Usage,
            Self::Store(crate::store::Error::Missing { .. })
            | Self::Input(_)
            | Self::Inventory(_)
            | Self::Config(_)
            | Self::Bundle(
                crate::bundle::Error::NotABundle { .. }
                | crate::bundle::Error::Key { .. }
                | crate::bundle::Error::Io { action: "read", .. },
            )
            | Self::Checklist(_) => Exit::BadInput,
            _ => Exit::Internal,
        }
    }

    /// Whether the reader of our output went away, which is no fault.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Wraps an error of writing to standard output.
    pub fn stdout(source: io::Error) -> Self {
        Self::Io { action: "write", path: PathBuf::from("<stdout>"), source }
    }
}
