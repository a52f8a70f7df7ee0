//! The dashboard: one report of the whole incident, for people who look rather than read. Data ([`data`]) that every
//! form shows, filled from a view ([`build`]); one self-contained HTML page, Markdown, and JSON (`allclear.report/1`).
//!
//! It judges nothing and asks nobody. What servers and people wrote is hostile text: every form passes it through its
//! own escape.

mod build;
mod charts;
pub mod data;
mod html;
mod json;
mod markdown;
mod redact;
#[cfg(test)]
mod tests;

pub use build::{Beside, Snapshot, build, snapshot};
pub use data::Dashboard;
pub use html::{How, Links, Page, html};
pub use json::json;
pub use markdown::markdown;
pub use redact::redacted;
