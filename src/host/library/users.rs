//! Programs that come to libssl or libcrypto through other libraries only, as curl does through libcurl.
//!
//! Follows DT_NEEDED as a loader would. What a program opens by name while it runs (plugins) does not show.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
};

use super::{classify::half, elf::Elf, resolve::Place};
use crate::{
    host::{cover::Cover, root::Root, root::path_text},
    model::host::{CopyKind, CopyRole, Library, Part, TlsLibrary},
};

/// Libraries of one program that are followed at most.
const LIBRARIES: usize = 300;

/// Answers for many programs, and reads each library once.
#[derive(Debug)]
pub struct Users<'a> {
    root: &'a Root,
    cover: &'a Cover,
    /// What each file needs: the names themselves, and the paths that those lead to.
    needs: BTreeMap<String, Needs>,
}

#[derive(Clone, Debug, Default)]
struct Needs {
    tls: Vec<String>,
    paths: Vec<String>,
}

impl<'a> Users<'a> {
    /// For the files of one root.
    pub const fn new(root: &'a Root, cover: &'a Cover) -> Self {
        Self { root, cover, needs: BTreeMap::new() }
    }

    /// The record of a program that uses the library through another one; nothing where it does not, or is no
    /// program. The note names the library in between.
    pub fn through_others(&mut self, path: &str) -> Option<Library> {
        let real = path_text(&self.root.resolve(path).ok()?);
        let mut waiting: VecDeque<String> = self.of(&real).paths.into();
        let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
        while let Some(library) = waiting.pop_front() {
            let needs = self.of(&library);
            if !needs.tls.is_empty() {
                let mut user =
                    Library::new(path.to_owned(), CopyKind::Disk, TlsLibrary::Openssl, CopyRole::Uses);
                user.needed = needs.tls;
                user.note = Some(format!("through {library}"));
                return Some(user);
            }
            for next in needs.paths {
                if seen.len() >= LIBRARIES {
                    self.cover.gap(Part::Files, "too-many-libraries", path);
                    return None;
                }
                if seen.insert(next.clone()) {
                    waiting.push_back(next);
                }
            }
        }
        None
    }

    fn of(&mut self, path: &str) -> Needs {
        if let Some(known) = self.needs.get(path) {
            return known.clone();
        }
        let needs = self.read(path).unwrap_or_default();
        self.needs.insert(path.to_owned(), needs.clone());
        needs
    }

    fn read(&self, path: &str) -> Option<Needs> {
        let file = match self.root.open(path) {
            Ok(file) => file,
            Err(error) => {
                self.cover.gap(Part::Files, "program-unreadable", format_args!("{path}: {error}"));
                return None;
            }
        };
        let elf = Elf::read(&file).ok()??;
        let dynamic = elf.dynamic(&file)?;
        let search = dynamic.search.unwrap_or_default();
        let place = Place { path: Path::new(path), search: &search, wide: elf.wide() };
        let (tls, others): (Vec<String>, Vec<String>) =
            dynamic.needed.into_iter().take(LIBRARIES).partition(|name| half(name).is_some());
        let paths = others.iter().filter_map(|name| Some(place.find(name, self.root)?.0)).collect();
        Some(Needs { tls, paths })
    }
}
