//! The three questions of a response, answered for one service: who can reach it, how it comes by its
//! TLS code, what it holds that has to be made anew. Each answer has its reason. Plain data.

use std::collections::BTreeMap;

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

/// How many services have an answer, by what it rests on and says.
pub type Tally = BTreeMap<(Basis, &'static str), usize>;

/// The three questions as counts; a million services are counted in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Who can reach them.
    pub exposure: Tally,
    /// How they come by their TLS code.
    pub stack: Tally,
    /// Whether they issue tokens.
    pub issues_tokens: Tally,
}

impl Counts {
    /// Counts one service.
    pub fn add(&mut self, one: &Classified) {
        let mut count = |tally: fn(&mut Self) -> &mut Tally, key| *tally(self).entry(key).or_default() += 1;
        count(|c| &mut c.exposure, (one.exposure.basis, one.exposure.value.as_str()));
        count(|c| &mut c.stack, (one.stack.basis, one.stack.value.as_str()));
        count(|c| &mut c.issues_tokens, (one.issues_tokens.basis, yes_or_no(one.issues_tokens.value)));
    }

    /// Together with what was counted elsewhere.
    pub fn with(mut self, other: Self) -> Self {
        let pairs = [
            (&mut self.exposure, other.exposure),
            (&mut self.stack, other.stack),
            (&mut self.issues_tokens, other.issues_tokens),
        ];
        for (tally, more) in pairs {
            for (key, n) in more {
                *tally.entry(key).or_default() += n;
            }
        }
        self
    }
}

/// An answer to a question of yes or no as a word.
pub const fn yes_or_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
