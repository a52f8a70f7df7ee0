//! The incident file: one SQLite database that holds what was declared, seen and said.
//!
//! It stores and gives back; it decides nothing. What evidence means is `assess`, and what a report
//! shows of it is `report`. No network, no clock of its own: every time comes from the caller.
//!
//! **Evidence** is one table that only grows. Triggers refuse every change of it, and a hash chain
//! shows changes made around them. A row's hash covers the previous hash, the row's kind, its facts and a salted
//! commitment to its body ([`commit`]); in files of before schema 6 the body itself. The
//! first row's previous hash is [`genesis`], SHA-256 of the text `allclear/evidence/1`. Sweeps have no
//! table: their beginning, calibration and end are evidence, and [`Reader::sweeps`] reads them there.
//! A chain shows edits made without recomputing it, no more; its head is printed in every report, so
//! that one who kept a report can tell.
//!
//! **What was declared** (services, secrets) is kept in versions: the newest one counts, older sweeps
//! keep the ones they used. Attributes and sources that many services share are stored once.
//!
//! **One writer**: [`Store`] holds an advisory lock on `FILE-lock` for as long as it lives. Any number
//! of [`Reader`]s work beside it. **After kill -9** the file is whole up to the last batch.

mod chain;
mod check;
mod commit;
mod dump;
mod error;
mod follow;
mod lock;
mod open;
mod reader;
mod schema;
mod services;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::{ChainReport, Kind, fuzz, genesis};
pub use dump::{CoveredChain, Record, restore};
pub use error::Error;
pub use follow::{Place, Step};
pub use reader::Reader;
pub use writer::{NewSweep, Store};
