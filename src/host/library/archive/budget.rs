//! How much one outer archive may cost: a few kilobytes can unpack to terabytes.

use std::{
    cell::Cell,
    io::{self, Read},
};

/// Unpacked bytes of one outer archive, nested ones counted again.
const UNPACKED: u64 = 4 << 30;
/// How often its own size an archive may unpack to; real ones stay far below.
const RATIO: u64 = 200;
/// What any archive may unpack to, however small.
const FLOOR: u64 = 256 << 20;
/// Members of one outer archive, nested ones included.
const MEMBERS: u64 = 200_000;

/// What is left for one outer archive.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: Cell<u64>,
    members: Cell<u64>,
    over: Cell<bool>,
}

impl Budget {
    /// For an archive of so many bytes.
    pub(super) fn new(size: u64) -> Self {
        let bytes = size.saturating_mul(RATIO).clamp(FLOOR, UNPACKED);
        Self { bytes: Cell::new(bytes), members: Cell::new(MEMBERS), over: Cell::new(false) }
    }

    /// For an input of fuzzing.
    pub(super) fn small() -> Self {
        Self { bytes: Cell::new(16 << 20), members: Cell::new(1000), over: Cell::new(false) }
    }

    /// Takes one member; whether there was one left.
    pub(super) fn member(&self) -> bool {
        match self.members.get().checked_sub(1) {
            Some(left) => self.members.set(left),
            None => self.over.set(true),
        }
        !self.over.get()
    }

    /// Whether it is used up.
    pub(super) fn over(&self) -> bool {
        self.over.get()
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let Some(left) = self.bytes.get().checked_sub(bytes) else {
            self.over.set(true);
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.bytes.set(left);
        Ok(())
    }
}

/// Counts what is unpacked.
pub(super) struct Counted<'b, R> {
    pub(super) reader: R,
    pub(super) budget: &'b Budget,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.budget.over() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let n = self.reader.read(into)?;
        self.budget.take(n as u64)?;
        Ok(n)
    }
}
