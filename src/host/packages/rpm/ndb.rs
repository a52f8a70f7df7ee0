//! rpm's own database format ("ndb", SUSE): pages of slots, each of which points to a record. Little-endian.

use super::{MAX_RECORD, Trouble, store::Bytes};
use crate::{host::cover::Cover, model::host::Part};

const PAGE: usize = 4096;
const BLOCK: u64 = 16;
const SLOT: usize = 16;
/// Slots taken by the file's own head.
const FIRST_SLOT: usize = 2;
/// Bytes around a record: in front a mark, its number, a generation, its length; behind a checksum, the
/// length again, a mark.
const HEAD: usize = 16;
const TAIL: usize = 12;

/// Pages of slots; one holds 256.
const MAX_PAGES: u64 = 4096;

/// Hands each record to `take`, in the order of their slots.
pub(super) fn records(
    file: &impl Bytes,
    place: &str,
    cover: &Cover,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    // A database without a package has a head all the same.
    if file.size() == 0 {
        return Err("bad-database");
    }
    let mut head = [0; 32];
    if !file.fill(0, &mut head) || head.get(..8) != Some(b"RpmP\0\0\0\0") {
        return Err("bad-database");
    }
    let pages = u64::from(word(&head, 12).ok_or("bad-database")?);
    if pages > MAX_PAGES {
        return Err("bad-database");
    }
    let mut page = vec![0; PAGE];
    let mut left = file.size();
    for number in 0..pages {
        if !file.fill(number * PAGE as u64, &mut page) {
            return Err("truncated");
        }
        let skip = if number == 0 { FIRST_SLOT } else { 0 };
        for slot in page.chunks_exact(SLOT).skip(skip) {
            let (Some(package), Some(block), Some(blocks)) = (word(slot, 4), word(slot, 8), word(slot, 12))
            else {
                continue;
            };
            if !slot.starts_with(b"Slot") {
                return Err("bad-database");
            }
            if block == 0 {
                continue;
            }
            match record(file, package, u64::from(block), u64::from(blocks), &mut left) {
                Some(record) => take(&record)?,
                None => {
                    cover.gap(
                        Part::Packages,
                        "bad-header",
                        format_args!("{place}: record {package} is damaged"),
                    );
                }
            }
        }
    }
    Ok(())
}

fn record(file: &impl Bytes, package: u32, block: u64, blocks: u64, left: &mut u64) -> Option<Vec<u8>> {
    let start = block * BLOCK;
    let mut head = [0; HEAD];
    if !file.fill(start, &mut head) || !head.starts_with(b"BlbS") || word(&head, 4)? != package {
        return None;
    }
    let len = word(&head, 12)?;
    if blocks != ((HEAD + TAIL) as u64 + u64::from(len)).div_ceil(BLOCK) {
        return None;
    }
    let mut tail = [0; TAIL];
    if !file.fill(start + blocks * BLOCK - TAIL as u64, &mut tail)
        || !tail.ends_with(b"BlbE")
        || word(&tail, 4)? != len
    {
        return None;
    }
    // Records do not overlap, so together they are no larger than the file.
    *left = left.checked_sub(u64::from(len))?;
    let len = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORD)?;
    let mut record = vec![0; len];
    file.fill(start + HEAD as u64, &mut record).then_some(record)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
