//! What is collected beside an observation while an endpoint is looked at, and the account of a look, step by step,
//! for whoever doubts it. In our own words: a line of the account never holds a byte that the server chose, but for
//! numbers.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

pub use crate::model::account::{Line, Way};
use crate::model::{ids::Sha256, served::Software};

/// The most software that is kept of one look.
const MAX_SOFTWARE: usize = 8;

/// The account of one look.
#[derive(Debug)]
pub struct Trace {
    began: Instant,
    lines: Mutex<Vec<Line>>,
}

impl Trace {
    /// An empty account that begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), lines: Mutex::default() }
    }

    /// Adds a line.
    pub fn tell(&self, way: Way, text: String) {
        let ms = self.began.elapsed().as_secs_f64() * 1000.0;
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(Line { ms, way, text });
    }

    /// Every line, in order.
    pub fn into_lines(self) -> Vec<Line> {
        self.lines.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is collected on the side of one look.
#[derive(Debug, Default)]
pub struct Aside {
    /// Foreign bytes that came on connections which are no attempt: failed handshakes, second hellos.
    stray: AtomicU64,
    software: Mutex<Vec<Software>>,
    /// Certificates behind leaves, as DER by digest.
    issuers: Mutex<BTreeMap<Sha256, Vec<u8>>>,
    staple: Mutex<Option<Vec<u8>>>,
    /// The account, where one is wanted.
    pub trace: Option<Trace>,
}

impl Aside {
    /// One that keeps an account.
    pub fn traced() -> Self {
        Self { trace: Some(Trace::begin()), ..Self::default() }
    }

    /// Counts foreign bytes.
    pub fn add_stray(&self, bytes: u64) {
        self.stray.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Foreign bytes so far.
    pub fn stray(&self) -> u64 {
        self.stray.load(Ordering::Relaxed)
    }

    /// Takes in what a banner named; what is known already changes nothing.
    pub fn add_software(&self, found: Vec<Software>) {
        let mut all = self.software.lock().unwrap_or_else(PoisonError::into_inner);
        for one in found {
            if all.len() < MAX_SOFTWARE && !all.contains(&one) {
                all.push(one);
            }
        }
    }

    /// What banners named, in order.
    pub fn take_software(&self) -> Vec<Software> {
        let mut all = std::mem::take(&mut *self.software.lock().unwrap_or_else(PoisonError::into_inner));
        all.sort();
        all
    }

    /// Takes in a certificate behind a leaf.
    pub fn add_issuer(&self, der: &[u8]) {
        let mut all = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(Sha256::of(der)).or_insert_with(|| der.to_vec());
    }

    /// Keeps the OCSP answer that came with a leaf; the first one counts.
    pub fn set_staple(&self, der: &[u8]) {
        let mut staple = self.staple.lock().unwrap_or_else(PoisonError::into_inner);
        staple.get_or_insert_with(|| der.to_vec());
    }

    /// The OCSP answer that came with the leaf.
    pub fn take_staple(&self) -> Option<Vec<u8>> {
        self.staple.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Certificates behind leaves, by digest.
    pub fn take_issuers(&self) -> Vec<(Sha256, Vec<u8>)> {
        std::mem::take(&mut *self.issuers.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }
}
