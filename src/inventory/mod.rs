//! Inventories: from files that people have to services and secrets, each with its file and line.
//!
//! Loading reads every row, expands port lists and CIDRs, gives each service its row id, merges rows
//! about one service, and keeps every bad row and disagreement beside the result: nothing is dropped
//! in silence. What may be touched is [`scope`]'s; names become addresses in [`resolve`].
//!
//! It does not probe, store or print; standard input is read by the caller.

mod ansible;
mod credential;
mod declare;
pub mod diff;
pub mod dns;
mod error;
mod format;
mod fuzzing;
mod host;
mod include;
mod intake;
mod left_out;
pub mod live;
mod load;
mod machine;
mod merge;
mod native;
mod notices;
mod records;
mod registry;
pub mod resolve;
mod scanned;
pub mod scope;
mod secrets;
mod slip;
mod table;
mod tree;
mod wraps;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use format::{names as formats, role};
pub use fuzzing::{fuzz, fuzz_format};
pub use load::{Input, Options, digest, load};

pub use crate::model::loading::{BadRow, Disagreement, Loaded, Notice, NoticeKind};
