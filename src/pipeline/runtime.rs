//! The asynchronous runtime that sweeps, plans and the drill's fleet run on.

use crate::error::Error;

/// A runtime with one thread per core: the kernel does most of the work, so more would not help.
pub fn start() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Internal(format!("no threads could be started: {e}")))
}
