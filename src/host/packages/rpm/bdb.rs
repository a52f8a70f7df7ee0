//! Berkeley DB hash files, the format of rpm up to RHEL 8: only as much of it as finds all values.
//!
//! Every page is looked at in turn; a hash page's values lie on it or in chains of overflow pages.

use super::{MAX_RECORD, Trouble, store::Bytes};
use crate::{host::cover::Cover, model::host::Part};

/// Bytes before a page's own content.
const HEAD: usize = 26;

/// The mark of a hash file, at byte 12.
const MAGIC: u32 = 0x0006_1561;

/// Kinds of pages.
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;

/// Kinds of items on a hash page.
const ON_PAGE: u8 = 1;
const OFF_PAGE: u8 = 3;

/// Hands each value to `take`, in the order of the pages.
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
    let mut walk = Walk::open(file).ok_or("bad-database")?;
    let mut page = vec![0; walk.page_size];
    for number in 1..=walk.last {
        if number.is_multiple_of(1024) && cover.out_of_time() {
            return Err("time-limit");
        }
        if !walk.read(number, &mut page) {
            return Err("truncated");
        }
        if !matches!(page.get(25), Some(&HASH | &HASH_UNSORTED)) {
            continue;
        }
        let items = usize::from(walk.order.half(&page, 20).unwrap_or_default());
        for pair in 0..items / 2 {
            match walk.value(&page, pair) {
                Ok(Some(record)) => take(&record)?,
                Ok(None) => {}
                Err(()) => {
                    let place = format_args!("{place}: page {number}, value {pair} is damaged");
                    cover.gap(Part::Packages, "bad-header", place);
                }
            }
        }
    }
    Ok(())
}

/// The byte order of the machine that wrote the file.
#[derive(Clone, Copy, Debug)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    fn half(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }
}

struct Walk<'a, F> {
    file: &'a F,
    order: Order,
    page_size: usize,
    last: u32,
    /// What values may still take: they do not overlap, so together they are no larger than the file.
    left: u64,
}

impl<'a, F: Bytes> Walk<'a, F> {
    fn open(file: &'a F) -> Option<Self> {
        let mut head = [0; 72];
        if !file.fill(0, &mut head) {
            return None;
        }
        let order =
            [Order::Little, Order::Big].into_iter().find(|order| order.word(&head, 12) == Some(MAGIC))?;
        let page_size = usize::try_from(order.word(&head, 20)?).ok()?;
        // Byte 24 says how it is encrypted.
        let fits = page_size.is_power_of_two()
            && (512..=65_536).contains(&page_size)
            && head.get(24) == Some(&0)
            && head.get(25) == Some(&HASH_META);
        let last = order.word(&head, 32)?;
        // A file may end before its last page where that was never written; then it says so itself.
        fits.then_some(Self { file, order, page_size, last, left: file.size() })
    }

    fn read(&self, number: u32, page: &mut [u8]) -> bool {
        self.file.fill(u64::from(number) * self.page_size as u64, page)
    }

    /// The value of a pair; absent for the counter that rpm keeps under key 0.
    fn value(&mut self, page: &[u8], pair: usize) -> Result<Option<Vec<u8>>, ()> {
        let key = self.item(page, pair * 2).ok_or(())?;
        if key == [ON_PAGE, 0, 0, 0, 0] {
            return Ok(None);
        }
        let value = self.item(page, pair * 2 + 1).ok_or(())?;
        let (kind, rest) = value.split_first().ok_or(())?;
        match *kind {
            ON_PAGE => {
                self.spend(rest.len()).ok_or(())?;
                Ok(Some(rest.to_vec()))
            }
            OFF_PAGE => {
                let first = self.order.word(value, 4).ok_or(())?;
                let len = self.order.word(value, 8).and_then(|len| usize::try_from(len).ok()).ok_or(())?;
                self.chain(first, len).map(Some).ok_or(())
            }
            _ => Err(()),
        }
    }

    /// An item: items lie from the page's end towards its front, in order.
    fn item<'p>(&self, page: &'p [u8], number: usize) -> Option<&'p [u8]> {
        let start = usize::from(self.order.half(page, HEAD + number * 2)?);
        let end = match number.checked_sub(1) {
            None => page.len(),
            Some(before) => usize::from(self.order.half(page, HEAD + before * 2)?),
        };
        (start >= HEAD).then(|| page.get(start..end))?
    }

    fn chain(&mut self, first: u32, len: usize) -> Option<Vec<u8>> {
        self.spend(len)?;
        if len > MAX_RECORD {
            return None;
        }
        let mut value = Vec::new();
        let mut page = vec![0; self.page_size];
        let mut next = first;
        while value.len() < len {
            if next == 0 || next > self.last || !self.read(next, &mut page) || page.get(25) != Some(&OVERFLOW)
            {
                return None;
            }
            let held = usize::from(self.order.half(&page, 22)?);
            // An empty page would let a circle of pages go on for ever.
            let part = page.get(HEAD..HEAD.checked_add(held)?).filter(|part| !part.is_empty())?;
            value.extend_from_slice(part);
            next = self.order.word(&page, 16)?;
        }
        (value.len() == len).then_some(value)
    }

    fn spend(&mut self, len: usize) -> Option<()> {
        self.left = self.left.checked_sub(len as u64)?;
        Some(())
    }
}
