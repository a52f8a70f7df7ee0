//! The three questions of a response, answered for one service: who can reach it, how it comes by its
//! TLS code, what it holds that has to be made anew. Each answer has its reason. Plain data.

use super::{
    service::{Exposure, TlsStack},
    vocabulary,
};

vocabulary! {
    /// What an answer rests on.
    Basis, "basis of an answer" {
        /// A person's word: the inventory, a rule, a tag, a zone.
        Said = "said",
        /// A host's own evidence.
        Seen = "seen",
        /// What such services usually are.
        Guessed = "guessed",
        /// Nothing: there is no answer.
        Nothing = "nothing",
    }
}

/// An answer and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// What it rests on.
    pub basis: Basis,
    /// Why, in a few words.
    pub because: String,
}

impl<T> Answer<T> {
    /// An answer.
    pub fn new(value: T, basis: Basis, because: impl Into<String>) -> Self {
        Self { value, basis, because: because.into() }
    }
}

/// What is known of a service, or guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// Who answers for it, by the inventory or a rule; absent: nobody said.
    pub owner: Option<Answer<String>>,
    /// Who can reach it.
    pub exposure: Answer<Exposure>,
    /// How it comes by its TLS code.
    pub stack: Answer<TlsStack>,
    /// Whether it issues tokens to others; `None`: unknown.
    pub issues_tokens: Answer<Option<bool>>,
    /// Codes of the secrets that it holds: listed ones and those of its type, each once, in their order; `B1`, the key
    /// that it serves, always is.
    pub holds: Vec<String>,
    /// The kind of service that it was taken for.
    pub kind: String,
}

impl Classified {
    /// How many of the three questions have no answer: where somebody has to look first.
    pub fn unknowns(&self) -> usize {
        usize::from(self.exposure.value == Exposure::Unknown)
            + usize::from(self.stack.value == TlsStack::Unknown)
            + usize::from(self.issues_tokens.value.is_none())
    }
}
