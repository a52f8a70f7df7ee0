//! The names under which a package may list an asked path.
//!
//! On a merged system `/lib` is a link to `/usr/lib`: a process maps `/usr/lib/…` while the package lists
//! `/lib/…`, or the other way round. On an unmerged one they are two folders, and two files. So the links
//! of the root itself decide.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use crate::host::root::{Root, path_text};

/// Folders that a distribution may have made into links.
const MERGED: [&str; 19] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/libo32",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/var/run",
    "/var/lock",
];

/// The asked paths in all their spellings.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Spelling → which asked path, and which of its spellings this is.
    pub(super) paths: HashMap<Vec<u8>, Vec<(usize, usize)>>,
    /// The last parts of all spellings, to pass over most of a table at once.
    pub(super) names: HashSet<Vec<u8>>,
}

impl Wanted {
    pub(super) fn new(root: &Root, asked: &[String]) -> Self {
        let links = links(root);
        let mut wanted = Self::default();
        for (n, path) in asked.iter().enumerate() {
            for (order, spelling) in spellings(root, &links, path).into_iter().enumerate() {
                let name = spelling.rsplit('/').next().unwrap_or_default();
                wanted.names.insert(name.as_bytes().to_vec());
                wanted.paths.entry(spelling.into_bytes()).or_default().push((n, order));
            }
        }
        wanted
    }
}

/// The folders of this root that are links, with where they lead.
fn links(root: &Root) -> Vec<(&'static str, String)> {
    MERGED
        .iter()
        .filter_map(|link| {
            let target = path_text(&root.resolve(link).ok()?);
            (target != *link).then_some((*link, target))
        })
        .collect()
}

/// The best spelling first.
fn spellings(root: &Root, links: &[(&'static str, String)], asked: &str) -> Vec<String> {
    let mut found = Vec::new();
    match root.resolve(asked) {
        Ok(real) => add(&mut found, links, &path_text(&real)),
        Err(_) => return vec![asked.to_owned()],
    }
    // A link's own owner did not bring what it leads to; one among its folders makes no difference.
    if !is_link(root, asked) {
        add(&mut found, links, asked);
    }
    found
}

fn add(found: &mut Vec<String>, links: &[(&'static str, String)], path: &str) {
    let more = links.iter().filter_map(|(link, target)| {
        let rest = path.strip_prefix(target.as_str())?;
        rest.starts_with('/').then(|| format!("{link}{rest}"))
    });
    for spelling in std::iter::once(path.to_owned()).chain(more) {
        if !found.contains(&spelling) {
            found.push(spelling);
        }
    }
}

fn is_link(root: &Root, asked: &str) -> bool {
    let path = Path::new(asked);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let Ok(folder) = root.resolve(folder) else { return false };
    std::fs::symlink_metadata(root.locate(folder.join(name))).is_ok_and(|meta| meta.is_symlink())
}
