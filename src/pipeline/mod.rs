//! Joins the stages: what flows from an inventory to a verdict, a tracker and a checklist.
//!
//! The only module that knows every stage. It decides order and hands values on; it has no opinion
//! of its own on what evidence means, how a probe speaks or how a report looks.

pub mod assessing;
pub mod bundle;
pub mod catalogue;
pub mod checks;
pub mod claims;
pub mod classify;
pub mod dashboard;
#[cfg(test)]
mod datagrams;
pub mod difference;
pub mod edits;
pub mod hosts;
pub mod judged;
pub mod merge;
pub mod names;
pub mod negative;
pub mod papers;
pub mod plan;
pub mod planning;
pub mod record;
pub mod rehearsal;
#[cfg(test)]
mod replay;
pub mod revocations;
pub mod runtime;
pub mod select;
pub mod serve;
pub mod session;
pub mod settings;
pub mod single;
pub mod source;
pub mod sweep;
pub mod tracker;
pub mod verify;
pub mod watch;
