//! How one kind of fragile device is told (PROBING 6): data, built in or of the user's. What is done with it is said
//! elsewhere.

use serde::{Deserialize, Serialize};

/// A shorter pattern of names and banners matches too much by chance.
const SHORTEST: usize = 5;

/// How one kind of device is told. Any of the keys is enough; of `subject` and of `issuer`, all pieces must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signature {
    /// What it is, for people.
    pub name: String,
    /// Where it is known from.
    pub note: Option<String>,
    /// Pieces of the certificate's subject, as RFC 4514 writes it, with a comma before and behind the whole.
    pub subject: Vec<String>,
    /// The same of its issuer.
    pub issuer: Vec<String>,
    /// A piece of a banner.
    pub server: Option<String>,
    /// A tag of the inventory, whole, or the value of a `name=value` tag whose name says type, kind, class or category.
    pub tag: Option<String>,
}

impl Signature {
    /// What is wrong with it, if anything: a pattern that would match nearly everything must not hide a fleet.
    ///
    /// # Errors
    ///
    /// What is wrong, for whoever wrote it.
    pub fn check(&self) -> Result<(), String> {
        let name = super::text::printable(&self.name);
        if self.name.trim().is_empty() {
            return Err("a signature of fragile devices needs a name".to_owned());
        }
        let empty = self.subject.is_empty() && self.issuer.is_empty();
        if empty && self.server.is_none() && self.tag.is_none() {
            return Err(format!(
                "the signature `{name}` has no pattern; give subject, issuer, server or tag"
            ));
        }
        for (key, pieces) in [("subject", &self.subject), ("issuer", &self.issuer)] {
            // Pieces are asked for together, so the longest of them decides how telling they are.
            let longest = pieces.iter().map(|p| telling(p)).max();
            if longest.is_some_and(|n| n < SHORTEST) || pieces.iter().any(|p| telling(p) == 0) {
                return Err(format!("the {key} of `{name}` is so short that it would match ordinary names"));
            }
        }
        if self.server.as_deref().is_some_and(|p| telling(p) < SHORTEST) {
            return Err(format!("the server of `{name}` is so short that it would match ordinary banners"));
        }
        if self.tag.as_deref().is_some_and(|tag| tag.trim().is_empty()) {
            return Err(format!("the tag of `{name}` is empty"));
        }
        Ok(())
    }
}

/// How many characters of a pattern tell anything: an attribute's name and its commas do not.
fn telling(piece: &str) -> usize {
    let value = piece.split_once('=').map_or(piece, |(_, value)| value);
    value.chars().filter(|c| c.is_alphanumeric()).count()
}
