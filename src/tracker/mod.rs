//! A tracker that comes back: what people changed in a file that was exported, whatever a spreadsheet did to it since.
//!
//! [`read`] makes cells of bytes, `damage` undoes what spreadsheets do to cells, [`merge()`] compares a file with the rows
//! as they stand now, `words` makes claims of cells. Nothing here reads the incident file or writes to it: the caller
//! brings the rows and records what comes out.

mod damage;
mod dates;
mod fuzzing;
mod known;
mod merge;
mod plan;
pub mod read;
mod words;

#[cfg(test)]
mod tests;

pub use fuzzing::fuzz;
pub use known::{Column, Known, KnownRow, Origin, Whose};
pub use merge::{How, key, merge};
pub use plan::{Change, Conflict, Counts, Plan, Problem, Refused, RowPlan, Said};
