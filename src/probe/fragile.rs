//! Signatures of devices that a probe may hurt (PROBING 6): management cards, power strips, printers. Data in
//! `fragile.toml`, and what the user adds.
//!
//! It tells that a device looks like one of them. What follows, a handshake and nothing more, is the caller's; an
//! inventory that says `fragile = no` outranks it.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::fragile::Signature;

/// A list of signatures. Those of the user come first, so that their names are the ones told.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    all: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fragile: Vec<Signature>,
}

static BUILT_IN: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    // Tests read the file and every entry of it.
    toml::from_str::<File>(include_str!("fragile.toml")).map(|f| f.fragile).unwrap_or_default()
});

impl Signatures {
    /// Those that come with this build.
    pub fn built_in() -> Self {
        Self { all: BUILT_IN.iter().map(folded).collect() }
    }

    /// These and the user's. A signature of the user's that does not pass [`Signature::check`] matches nothing.
    #[must_use]
    pub fn with(mut self, user: &[Signature]) -> Self {
        let checked = user.iter().filter(|s| s.check().is_ok()).map(folded);
        self.all.splice(..0, checked);
        self
    }

    /// The name of the first signature that matches. Certificates' names are RFC 4514 text; `server` is a banner.
    pub fn matches(
        &self,
        subject: Option<&str>,
        issuer: Option<&str>,
        tags: &[String],
        server: Option<&str>,
    ) -> Option<&str> {
        let name = |text: &str| format!(",{},", text.to_lowercase());
        let (subject, issuer) = (subject.map(name), issuer.map(name));
        let server = server.map(str::to_lowercase);
        let tags: Vec<String> = tags.iter().map(|tag| tag.trim().to_lowercase()).collect();
        let found = self.all.iter().find(|s| {
            all_in(&s.subject, subject.as_deref())
                || all_in(&s.issuer, issuer.as_deref())
                || s.server
                    .as_ref()
                    .zip(server.as_ref())
                    .is_some_and(|(piece, text)| text.contains(piece.as_str()))
                || s.tag.as_ref().is_some_and(|tag| tags.iter().any(|t| is_tag(t, tag)))
        });
        found.map(|s| s.name.as_str())
    }
}

fn all_in(pieces: &[String], name: Option<&str>) -> bool {
    !pieces.is_empty() && name.is_some_and(|name| pieces.iter().all(|p| name.contains(p.as_str())))
}

/// A column of an inventory counts where it says what a thing is: `Device Type=PDU` does, `Management=iLO` is about the
/// server behind it.
fn is_tag(tag: &str, wanted: &str) -> bool {
    let of_a_kind = |name: &str| ["type", "kind", "class", "category"].iter().any(|word| name.contains(word));
    let in_column =
        tag.split_once('=').is_some_and(|(name, value)| of_a_kind(name) && value.trim() == wanted);
    tag == wanted || in_column
}

/// A signature ready for comparing.
fn folded(signature: &Signature) -> Signature {
    let all = |pieces: &[String]| pieces.iter().map(|p| p.to_lowercase()).collect();
    Signature {
        name: signature.name.clone(),
        note: None,
        subject: all(&signature.subject),
        issuer: all(&signature.issuer),
        server: signature.server.as_ref().map(|p| p.to_lowercase()),
        tag: signature.tag.as_ref().map(|t| t.trim().to_lowercase()),
    }
}

#[cfg(test)]
mod tests;
