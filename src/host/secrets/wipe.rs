//! Buffers that held key text: overwritten when they are dropped. No `Debug`, no `Clone`, no way out of
//! here but a borrow. It is a courtesy to the host's memory, not a guarantee: the compiler and the kernel
//! may have made copies.

use std::{
    fs::File,
    io::{self, Read as _},
    ops::Deref,
};

/// Bytes that are zeroed at the end.
pub(super) struct Wiped(Vec<u8>);

impl Wiped {
    /// Takes the bytes over.
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What is left of a file, at most `max` bytes, into one buffer that never moves: growing it would leave
    /// copies behind. `None` where there is more.
    pub(super) fn read(file: &mut File, max: usize) -> io::Result<Option<Self>> {
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if size > max {
            return Ok(None);
        }
        let mut buffer = Self(vec![0; size.saturating_add(1)]);
        let mut filled: usize = 0;
        while let Some(space) = buffer.0.get_mut(filled..).filter(|space| !space.is_empty()) {
            match file.read(space) {
                Ok(0) => {
                    buffer.0.truncate(filled);
                    return Ok(Some(buffer));
                }
                Ok(n) => filled = filled.saturating_add(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        // It grew while it was read, or it is one of those files that say that they are empty.
        let mut rest = Self(Vec::with_capacity(max.saturating_add(1)));
        rest.0.extend_from_slice(&buffer.0);
        file.take((max.saturating_add(1).saturating_sub(filled)) as u64).read_to_end(&mut rest.0)?;
        Ok((rest.0.len() <= max).then_some(rest))
    }

    /// As text; what is not UTF-8 in it is replaced.
    pub(super) fn into_text(mut self) -> WipedText {
        let bytes = std::mem::take(&mut self.0);
        WipedText(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let bytes = Self(e.into_bytes());
                String::from_utf8_lossy(&bytes).into_owned()
            }
        })
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        // The buffer is looked at after it was cleared, so that clearing it is not left out as useless.
        std::hint::black_box(&self.0);
    }
}

/// Text that is zeroed at the end: configuration, which may hold keys and passwords.
pub(super) struct WipedText(String);

impl Deref for WipedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for WipedText {
    fn drop(&mut self) {
        drop(Wiped(std::mem::take(&mut self.0).into_bytes()));
    }
}
