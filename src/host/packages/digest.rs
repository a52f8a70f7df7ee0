//! Whether a file is still what its package brought, by the digest in the package database.
//!
//! Not proof against an attacker who is root: the database lies on the same host. It tells a replaced
//! library from the package's own. On hosts that prelink, rpm's digests differ for every library.

use std::{collections::HashMap, fs::File, io::Read as _};

use md5::Digest as _;

use super::note;
use crate::{
    host::{cover::Cover, root::Root},
    model::host::Part,
};

/// The largest file that is compared.
const MAX_FILE: u64 = 2 << 30;

/// A kind of digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// By rpm's number for it, which is OpenPGP's (RFC 9580 section 9.5).
    pub(super) fn of_rpm(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Md5,
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            _ => return None,
        })
    }

    /// Bytes in a digest.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A digest from a package database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) algorithm: Algorithm,
    pub(super) bytes: Vec<u8>,
}

impl Digest {
    /// A digest of the right length; absent otherwise.
    pub(super) fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.len()).then_some(Self { algorithm, bytes })
    }

    /// From hexadecimal.
    pub(super) fn from_hex(algorithm: Algorithm, hex: &[u8]) -> Option<Self> {
        if hex.len() != algorithm.len() * 2 {
            return None;
        }
        Self::new(algorithm, data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok()?)
    }
}

/// Computes digests of files, each once.
pub(super) struct Judge<'a> {
    root: &'a Root,
    cover: &'a Cover,
    known: HashMap<(String, Algorithm), Option<Vec<u8>>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(root: &'a Root, cover: &'a Cover) -> Self {
        Self { root, cover, known: HashMap::new() }
    }

    /// Whether the file has this digest; absent where it is gone or cannot be read.
    pub(super) fn intact(&mut self, path: &str, digest: &Digest) -> Option<bool> {
        let key = (path.to_owned(), digest.algorithm);
        let (root, cover) = (self.root, self.cover);
        let found = self.known.entry(key).or_insert_with(|| of_file(root, cover, path, digest.algorithm));
        found.as_ref().map(|bytes| *bytes == digest.bytes)
    }
}

enum State {
    Md5(md5::Md5),
    Ring(ring::digest::Context),
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        let ring = |kind| Self::Ring(ring::digest::Context::new(kind));
        match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => ring(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha256 => ring(&ring::digest::SHA256),
            Algorithm::Sha384 => ring(&ring::digest::SHA384),
            Algorithm::Sha512 => ring(&ring::digest::SHA512),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(state) => state.update(bytes),
            Self::Ring(state) => state.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Ring(state) => state.finish().as_ref().to_vec(),
        }
    }
}

fn of_file(root: &Root, cover: &Cover, path: &str, algorithm: Algorithm) -> Option<Vec<u8>> {
    match root.open(path) {
        Ok(file) => of_open(file, cover, path, algorithm),
        Err(error) => {
            note(cover, Part::Packages, path, &error);
            None
        }
    }
}

fn of_open(mut file: File, cover: &Cover, path: &str, algorithm: Algorithm) -> Option<Vec<u8>> {
    let mut state = State::new(algorithm);
    let mut buffer = vec![0; 128 << 10];
    let mut seen = 0_u64;
    loop {
        if cover.out_of_time() {
            cover.gap(Part::Packages, "time-limit", path);
            return None;
        }
        let n = match file.read(&mut buffer) {
            Ok(0) => return Some(state.finish()),
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                note(cover, Part::Packages, path, &error);
                return None;
            }
        };
        seen = seen.saturating_add(n as u64);
        if seen > MAX_FILE {
            cover.gap(Part::Packages, "too-large", path);
            return None;
        }
        state.update(buffer.get(..n)?);
    }
}
