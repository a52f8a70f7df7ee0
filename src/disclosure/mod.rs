//! The catalogue of disclosures: one TOML file each under `disclosures/`, embedded in the binary.
//!
//! It says what a disclosure is; what evidence means for it is the business of `assess`.
//!
//! To add one: write `disclosures/<ID>.toml` and add its line to [`FILES`].

use crate::model::verdict::Disclosure;

/// Every file of the catalogue: its name without the ending, and its text.
pub const FILES: &[(&str, &str)] = &[("CVE-2014-0160", include_str!("../../disclosures/CVE-2014-0160.toml"))];

/// Why a disclosure could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A catalogue file that cannot be read.
    #[error("disclosures/{file}.toml: {message}")]
    Bad {
        /// The file's name without the ending.
        file: &'static str,
        /// What is wrong, with its place.
        message: String,
    },
    /// A name that no disclosure goes by.
    #[error("no disclosure is called `{name}`; known: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Ids and aliases, comma separated.
        known: String,
    },
}

/// The whole catalogue, in the order of [`FILES`].
pub fn all() -> Result<Vec<Disclosure>, Error> {
    FILES
        .iter()
        .map(|(file, text)| toml::from_str(text).map_err(|e| Error::Bad { file, message: e.to_string() }))
        .collect()
}

/// A disclosure by its id or an alias, whatever the case.
pub fn find(name: &str) -> Result<Disclosure, Error> {
    let all = all()?;
    let wanted = name.to_lowercase();
    let known =
        all.iter().map(|d| format!("{} ({})", d.id, d.aliases.join(", "))).collect::<Vec<_>>().join("; ");
    all.into_iter()
        .find(|d| d.id.to_lowercase() == wanted || d.aliases.contains(&wanted))
        .ok_or_else(|| Error::Unknown { name: name.chars().take(80).collect(), known })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn every_file_is_registered_and_named_by_its_id() {
        let files: BTreeSet<String> = fs::read_dir("disclosures")
            .expect("tests run from the package root")
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let ids: BTreeSet<String> = all().unwrap().iter().map(|d| d.id.to_string()).collect();
        assert_eq!(files, listed);
        assert_eq!(ids, listed);
    }

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        let mut seen = BTreeSet::new();
        for d in all().unwrap() {
            for alias in &d.aliases {
                assert!(seen.insert(alias.clone()), "alias {alias} is used twice");
                assert_eq!(*alias, alias.to_lowercase());
                assert_eq!(find(&alias.to_uppercase()).unwrap().id, d.id);
            }
        }
        assert!(find("shellshock").unwrap_err().to_string().contains("heartbleed"));
    }
}
