//! The account of one look, step by step, for whoever doubts its verdict. In our own words: a line never holds a byte
//! that the server chose, but for numbers.

use serde::Serialize;

use super::vocabulary;

vocabulary! {
    /// Which way something went.
    Way, "way" {
        /// We sent it.
        Sent = "sent",
        /// It came.
        Came = "came",
        /// A remark.
        Note = "note",
    }
}

/// One line of the account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Milliseconds since the look began.
    pub ms: f64,
    /// Which way it went.
    pub way: Way,
    /// What it was.
    pub text: String,
}
