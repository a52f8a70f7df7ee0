//! The vocabulary that every stage shares: plain data, its names and its text forms.
//!
//! Nothing in here does I/O, knows a socket or a file, or decides what evidence means. A stage may
//! use everything in `model`; `model` uses nothing but itself.

pub mod account;
pub mod address;
pub mod asked;
pub mod assessment;
pub mod check;
pub mod checklist;
pub mod claim;
pub mod classified;
pub mod difference;
pub mod disclosure;
pub mod discovery;
pub mod edit;
pub mod edit_version;
pub mod expect;
pub mod facet;
pub mod finding;
pub mod fragile;
pub mod glob;
pub mod guard;
pub mod host;
pub mod ids;
pub mod joined;
pub mod kinds;
pub mod loading;
pub mod merge;
pub mod observation;
pub mod plan;
pub mod policy;
pub mod relay;
pub mod revocation;
pub mod rules;
pub mod secret;
pub mod served;
pub mod service;
pub mod sweep;
pub mod text;
pub mod time;
pub mod verdict;
pub mod version;
pub mod weak_keys;
pub mod wrap;

/// Declares a closed vocabulary: an enum whose variants have one text form each, used on the
/// command line, in CSV, in JSON and in the incident file alike.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every member, in the order of the document that defines them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text form, the same everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| $crate::model::UnknownWord {
                    what: $what,
                    word: text.chars().take(80).collect(),
                    expected: Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use vocabulary;

/// A word that is not in the closed list it was looked up in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a known {what}; expected one of: {expected}")]
pub struct UnknownWord {
    /// What kind of word was wanted.
    pub what: &'static str,
    /// What was given, cut at 80 characters.
    pub word: String,
    /// The whole list, comma separated.
    pub expected: String,
}
