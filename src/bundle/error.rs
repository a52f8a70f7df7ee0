//! Why a bundle or a key cannot be used. Texts name the file, what is wrong and what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::model::text::printable;

fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

/// A reason why a bundle or a key could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something else.
    #[error("{} is no bundle of allclear ({what})", shown(path))]
    NotABundle {
        /// The file.
        path: PathBuf,
        /// How it shows.
        what: String,
    },
    /// It is not what was made.
    #[error(
        "{}: the bundle was changed or damaged after it was made ({what}); nothing is concluded from it",
        shown(path)
    )]
    Edited {
        /// The file.
        path: PathBuf,
        /// How it shows.
        what: String,
    },
    /// Somebody else signed it, or nobody did.
    #[error("{}: {what}", shown(path))]
    Signer {
        /// The file.
        path: PathBuf,
        /// What is wrong with the signature.
        what: String,
    },
    /// A key file that cannot be used.
    #[error("{}: {what}", shown(path))]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The system's word.
    #[error("cannot {action} {}: {source}", shown(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(super) fn edited(path: &Path, what: impl Into<String>) -> Self {
        Self::Edited { path: path.to_path_buf(), what: what.into() }
    }
}
