//! `export --by owner`: one file per owner, under a name that is safe as a file name.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use crate::model::ids::Sha256;

use super::{Export, Filter, View, csv::Dialect};

/// One owner's part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The owner; absent for what has none.
    pub owner: Option<String>,
    /// A file name's stem: lower-case ASCII letters, digits, `-`, `_` and inner dots. Unique among the parts.
    pub slug: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its rows, without the header.
    pub rows: u64,
}

/// Splits an export by owner, those without one last. An owner without rows has no part. The view's own
/// owner filter, if any, is replaced.
pub fn by_owner(export: &Export, view: &View<'_>, dialect: Dialect) -> io::Result<Vec<Part>> {
    let services = view.evidence.services.iter().filter_map(|s| s.owner());
    let secrets = view.evidence.secrets.iter().filter_map(|s| s.owner.as_deref());
    let owners: BTreeSet<&str> = services.chain(secrets).map(str::trim).filter(|o| !o.is_empty()).collect();
    let owners: Vec<Option<&str>> = owners.into_iter().map(Some).chain([None]).collect();
    let slugs = slugs(&owners);
    let mut parts = Vec::new();
    for (owner, slug) in owners.into_iter().zip(slugs) {
        let part = view
            .filtered(Filter { owner: Some(owner.unwrap_or_default().to_owned()), ..view.filter.clone() });
        let mut bytes = Vec::new();
        let rows = (export.write)(&part, dialect, &mut bytes)?;
        if rows > 0 {
            parts.push(Part { owner: owner.map(str::to_owned), slug, bytes, rows });
        }
    }
    Ok(parts)
}

/// One stem per owner, in their order. Owners whose stems would be the same, or say nothing, are told apart
/// by a piece of their digest rather than by a number, which would change when an owner appears.
pub fn slugs(owners: &[Option<&str>]) -> Vec<String> {
    let plain: Vec<String> = owners.iter().map(|o| o.map_or("unowned".into(), slug)).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for stem in &plain {
        *uses.entry(stem).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    owners
        .iter()
        .zip(&plain)
        .map(|(owner, stem)| {
            // The plain stem goes to whoever has it alone, or whose name it is letter for letter.
            let alone = uses.get(stem.as_str()) == Some(&1) && !stem.is_empty();
            let own = *owner == Some(stem) && !stem.is_empty();
            let digest = Sha256::of(owner.unwrap_or_default().as_bytes()).short();
            let mut name = match (alone || own, stem.as_str()) {
                (true, stem) => stem.to_owned(),
                (false, "") => format!("owner-{digest}"),
                (false, stem) => format!("{stem}-{digest}"),
            };
            while !taken.insert(name.clone()) {
                name.push_str("-x");
            }
            name
        })
        .collect()
}

fn slug(owner: &str) -> String {
    let mut stem = String::new();
    for c in owner.chars() {
        let c = c.to_ascii_lowercase();
        let c = if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
        let repeats = matches!(c, '-' | '.') && stem.ends_with(['-', '.']);
        if !repeats && stem.len() < 60 {
            stem.push(c);
        }
    }
    let stem = stem.trim_matches(['-', '.', '_']);
    // Names that Windows keeps for devices, with any extension.
    let first = stem.split('.').next().unwrap_or_default();
    let device = matches!(first, "con" | "prn" | "aux" | "nul")
        || (first.len() == 4 && (first.starts_with("com") || first.starts_with("lpt")));
    if device { format!("owner-{stem}") } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_never_a_path_and_no_two_share_a_file() {
        let owners = [
            "web",
            "Web",
            "../../x",
            "..",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "日本",
            "",
            "con",
            "nul.txt",
            "x\0y",
            "unowned",
            "-rf",
            ".hidden",
            "a\nb",
        ];
        let listed: Vec<Option<&str>> = owners.iter().copied().map(Some).chain([None]).collect();
        let names = slugs(&listed);
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), listed.len(), "{names:?}");
        for (owner, name) in listed.iter().zip(&names) {
            let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
            assert!(name.chars().all(safe), "{owner:?} became {name:?}");
            assert!(
                !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(".."),
                "{owner:?}: {name:?}"
            );
        }
        assert_eq!(names[0], "web", "the plain name goes to the owner who has it");
        assert_ne!(names[1], "web");
    }

    #[test]
    fn a_file_keeps_its_name_when_another_owner_appears() {
        let before = slugs(&[Some("日本"), Some("mail")]);
        let after = slugs(&[Some("日本"), Some("zwölf"), Some("mail")]);
        assert_eq!((&before[0], &before[1]), (&after[0], &after[2]));
    }
}
