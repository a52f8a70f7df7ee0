//! Looks into archives, and archives in archives, without unpacking anything to disk.
//!
//! Reads tar, gzip and zip (wheels, jars, eggs, npm packages, gems). What it cannot open it counts as a gap
//! `compressed`; what would cost too much, as `too-large` or `too-deep`; what breaks off, as `damaged`.

mod budget;
mod clues;
mod forms;
mod members;
mod tar;
mod zip;

use std::{
    fs::File,
    io::{self, Read},
    sync::{Mutex, MutexGuard, PoisonError},
};

use flate2::read::MultiGzDecoder;

use self::forms::{Form, form};
use self::{
    budget::{Budget, Counted},
    clues::Clues,
};
use super::{
    identify::HEAD,
    source::{Cursor, word},
};
use crate::{
    host::{cover::Cover, library::resolve::adopt},
    model::host::{Library, Part},
};

/// How deep archives may stand in each other.
const DEPTH: usize = 6;

/// Whether a file is an archive, by what it begins with.
pub(super) fn is_one(head: &[u8], name: &str) -> bool {
    form(head, name).is_some()
}

/// Looks into one archive. `large` is held while more than a little memory is needed, so that many threads
/// do not need much at once.
pub(super) fn read(file: &File, path: &str, cover: &Cover, large: &Mutex<()>) -> Vec<Library> {
    let size = file.metadata().map_or(0, |meta| meta.len());
    let budget = Budget::new(size);
    let mut unpacker = Unpacker::new(cover, &budget, large);
    let name = path.rsplit('/').next().unwrap_or(path);
    let head = super::source::range(file, 0, HEAD as u64, HEAD).unwrap_or_default();
    if form(&head, name) == Some(Form::Zip) {
        unpacker.zip(file, path, 0);
    } else {
        unpacker.stream(&mut Cursor::new(file), path, None, 0);
    }
    unpacker.finish(path)
}

/// The same for bytes, with little to spend, so that each input of fuzzing is fast.
pub(super) fn of_bytes(data: &[u8], path: &str, cover: &Cover) -> Vec<Library> {
    let large = Mutex::new(());
    let budget = Budget::small();
    let mut unpacker = Unpacker::new(cover, &budget, &large);
    if form(data, path) == Some(Form::Zip) {
        unpacker.zip(data, path, 0);
    } else {
        unpacker.stream(&mut io::Cursor::new(data), path, None, 0);
    }
    unpacker.finish(path)
}

/// The work on one outer archive.
struct Unpacker<'a> {
    cover: &'a Cover,
    budget: &'a Budget,
    large: &'a Mutex<()>,
    guard: Option<MutexGuard<'a, ()>>,
    /// Bytes held in memory for archives that cannot be streamed.
    held: usize,
    clues: Clues,
    found: Vec<Library>,
    late: bool,
}

impl<'a> Unpacker<'a> {
    fn new(cover: &'a Cover, budget: &'a Budget, large: &'a Mutex<()>) -> Self {
        Self {
            cover,
            budget,
            large,
            guard: None,
            held: 0,
            clues: Clues::default(),
            found: Vec::new(),
            late: false,
        }
    }

    /// Looks at one stream, which is the outer archive itself or a member of one. `size` is what its header
    /// says, believed only to save copies.
    fn stream(&mut self, stream: &mut dyn Read, path: &str, size: Option<u64>, depth: usize) {
        let mut head = Vec::new();
        if let Err(error) = Read::take(&mut *stream, HEAD as u64).read_to_end(&mut head) {
            return self.broken(&error, path);
        }
        let name = path.rsplit(['/', '!']).next().unwrap_or(path);
        let form = form(&head, name);
        if form.is_some() && depth > DEPTH {
            return self.gap("too-deep", path);
        }
        let mut whole = io::Cursor::new(&head).chain(&mut *stream);
        match form {
            Some(Form::Tar) => self.tar(&mut whole, path, depth),
            Some(Form::Gzip) => self.gzip(&mut whole, path, depth),
            Some(Form::Zip) => self.nested_zip(&head, stream, path, size, depth),
            Some(Form::Closed) => self.gap("compressed", path),
            None => self.member(&head, stream, path, size),
        }
    }

    /// A gzip stream: around a tar it is not a level of its own in a path; around a file it is.
    fn gzip(&mut self, stream: &mut dyn Read, path: &str, depth: usize) {
        let budget = self.budget;
        let mut unpacked = Counted { reader: MultiGzDecoder::new(stream), budget };
        let mut head = Vec::new();
        if let Err(error) = Read::take(&mut unpacked, HEAD as u64).read_to_end(&mut head) {
            return self.broken(&error, path);
        }
        let mut whole = io::Cursor::new(&head).chain(unpacked);
        if forms::tar(&head) {
            return self.tar(&mut whole, path, depth);
        }
        let name = path.rsplit(['/', '!']).next().unwrap_or(path);
        let inner = name.strip_suffix(".gz").unwrap_or(name);
        self.stream(&mut whole, &format!("{path}!{inner}"), None, depth + 1);
    }

    /// Whether to go on; says once why not.
    fn go_on(&mut self, path: &str) -> bool {
        if self.cover.out_of_time() {
            if !self.late {
                self.late = true;
                self.gap("time-limit", path);
            }
            return false;
        }
        !self.budget.over()
    }

    /// Takes the right to use much memory, until this outer archive is done.
    fn need_memory(&mut self) {
        if self.guard.is_none() {
            self.guard = Some(self.large.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn broken(&mut self, error: &io::Error, path: &str) {
        match error.kind() {
            // Said once, at the end.
            io::ErrorKind::FileTooLarge if self.budget.over() => {}
            io::ErrorKind::TimedOut => {
                let _ = self.go_on(path);
            }
            io::ErrorKind::PermissionDenied => self.gap(word(error), path),
            _ => self.gap("damaged", path),
        }
    }

    fn gap(&self, what: &str, path: &str) {
        self.cover.gap(Part::Archives, what, path);
    }

    fn finish(mut self, path: &str) -> Vec<Library> {
        if self.budget.over() {
            self.gap("too-large", path);
        }
        self.pair();
        self.clues.assign(&mut self.found);
        self.found
    }

    /// Gives each libssl without a version that of the libcrypto that it needs, in the same archive: in its
    /// own folder, or the only one of that name.
    fn pair(&mut self) {
        for at in 0..self.found.len() {
            let Some(library) = self.found.get(at).filter(|l| l.version.is_none()) else { continue };
            let (archive, _) = library.path.rsplit_once('!').unwrap_or_default();
            let (folder, _) = split(&library.path);
            let named = self.found.iter().filter(|other| {
                let inside = other.path.rsplit_once('!').is_some_and(|(of, _)| of == archive);
                let needed = library.needed.iter().any(|name| name == split(&other.path).1);
                inside && needed && other.version.is_some()
            });
            let named: Vec<&Library> = named.collect();
            let beside = named.iter().find(|other| split(&other.path).0 == folder);
            let only = if named.len() == 1 { named.first() } else { None };
            let Some(other) = beside.or(only).map(|other| (*other).clone()) else { continue };
            if let Some(library) = self.found.get_mut(at)
                && library.role == crate::model::host::CopyRole::Embeds
            {
                adopt(library, &other);
            }
        }
    }
}

/// The folder, or archive, and the name of a member.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once(['/', '!']).unwrap_or(("", path))
}
