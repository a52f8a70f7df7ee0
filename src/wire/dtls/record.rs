//! Records in a datagram (RFC 6347, 4.1): a header of 13 bytes with an epoch and a number, and no record across two
//! datagrams.

use crate::wire::{
    cursor::Cursor,
    tls::record::{CHANGE_CIPHER_SPEC, HEARTBEAT},
};

/// Bytes before the fragment.
pub const HEADER_LEN: usize = 13;
/// The largest number of a record; 48 bits.
pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// A record, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The content type.
    pub content_type: u8,
    /// The version, `0xfeff` or `0xfefd`.
    pub version: u16,
    /// How often keys were changed before it.
    pub epoch: u16,
    /// Its number in the epoch.
    pub sequence: u64,
    /// What it carries, protected from epoch 1 on.
    pub fragment: &'a [u8],
}

impl Record<'_> {
    /// Epoch and number in one, as MAC and GCM bind them.
    pub const fn bound(&self) -> u64 {
        bound(self.epoch, self.sequence)
    }
}

/// Epoch and number in one.
pub const fn bound(epoch: u16, sequence: u64) -> u64 {
    (epoch as u64) << 48 | (sequence & MAX_SEQUENCE)
}

/// The records of a datagram, up to the first thing that is none.
pub fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = Cursor(datagram);
    std::iter::from_fn(move || record(&mut at))
}

fn record<'a>(at: &mut Cursor<'a>) -> Option<Record<'a>> {
    let content_type = at.u8().filter(|t| (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(t))?;
    let version = at.u16().filter(|v| v >> 8 == 0xfe)?;
    let epoch = at.u16()?;
    let high = at.u16()?;
    let low = u32::from_be_bytes(*at.array()?);
    let sequence = u64::from(high) << 32 | u64::from(low);
    Some(Record { content_type, version, epoch, sequence, fragment: at.vec16()? })
}

/// Appends a record. A fragment beyond 2^16 - 1 bytes is cut; nothing here is that long.
pub fn encode(out: &mut Vec<u8>, content_type: u8, version: u16, epoch: u16, sequence: u64, fragment: &[u8]) {
    let fragment = fragment.get(..usize::from(u16::MAX)).unwrap_or(fragment);
    out.push(content_type);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&bound(epoch, sequence).to_be_bytes());
    out.extend_from_slice(&u16::try_from(fragment.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(fragment);
}
