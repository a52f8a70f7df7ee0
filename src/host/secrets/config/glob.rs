//! Patterns of file names, expanded inside a root: `*`, `?`, `[a-z]` in a component, and `**` for folders
//! at any depth. Bounded in results and depth; a folder that may not be listed is a gap.

use std::{
    ffi::OsString,
    io::ErrorKind,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::super::PART;
use crate::{
    host::{
        cover::Cover,
        root::{Root, path_text},
    },
    model::glob::matches_file,
};

/// Paths that one pattern leads to at most.
const RESULTS: usize = 10_000;

/// Folders that one pattern makes us look into at most.
const FOLDERS: usize = 20_000;

/// How deep `**` goes.
const DEPTH: usize = 8;

/// Whether a text is a pattern rather than a name.
pub(in super::super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The paths inside the root that a pattern leads to, sorted. Where it is a name, the name itself, whether
/// or not there is such a file.
pub(in super::super) fn expand(root: &Root, cover: &Cover, pattern: &Path) -> Vec<PathBuf> {
    let mut reached = vec![PathBuf::from("/")];
    let mut folders: usize = 0;
    for part in pattern.components() {
        let part = match part {
            std::path::Component::Normal(part) => part,
            std::path::Component::ParentDir => std::ffi::OsStr::new(".."),
            _ => continue,
        };
        if !part.as_bytes().iter().any(|b| b"*?[".contains(b)) {
            for path in &mut reached {
                path.push(part);
            }
            continue;
        }
        let mut next = Vec::new();
        for folder in reached {
            folders = folders.saturating_add(1);
            if folders > FOLDERS || next.len() >= RESULTS || cover.out_of_time() {
                cover.gap(PART, "too-many-files", path_text(pattern));
                break;
            }
            if part == "**" {
                below(root, cover, folder, &mut next, &mut folders);
                continue;
            }
            let names = list(root, cover, &folder).into_iter();
            next.extend(
                names.filter(|n| matches_file(part.as_bytes(), n.as_bytes())).map(|n| folder.join(n)),
            );
        }
        next.truncate(RESULTS);
        reached = next;
    }
    reached.sort();
    reached.dedup();
    reached
}

/// A folder and the folders below it. Links to folders are not followed: they could lead round in circles.
fn below(root: &Root, cover: &Cover, top: PathBuf, into: &mut Vec<PathBuf>, folders: &mut usize) {
    let mut left = vec![(top, 0)];
    while let Some((folder, depth)) = left.pop() {
        *folders = folders.saturating_add(1);
        if *folders > FOLDERS || cover.out_of_time() {
            cover.gap(PART, "too-many-files", path_text(&folder));
            return;
        }
        for name in list(root, cover, &folder) {
            let path = folder.join(&name);
            let is_folder = std::fs::symlink_metadata(root.locate(&path)).is_ok_and(|m| m.is_dir());
            if is_folder && depth < DEPTH {
                left.push((path, depth + 1));
            } else if is_folder {
                cover.gap(PART, "too-deep", path_text(&path));
            }
        }
        into.push(folder);
    }
}

/// The names in a folder; none where it does not exist.
pub(in super::super) fn list(root: &Root, cover: &Cover, folder: &Path) -> Vec<OsString> {
    match root.list(folder) {
        Ok(names) => names,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Vec::new(),
        Err(_) => {
            cover.gap(PART, "folder-unreadable", path_text(folder));
            Vec::new()
        }
    }
}
