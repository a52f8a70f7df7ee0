//! Which files are archives, by their first bytes, and by name where bytes do not tell.

use crate::host::library::metadata;

/// How a file holds others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::library) enum Form {
    Tar,
    Gzip,
    Zip,
    /// An archive that cannot be opened here.
    Closed,
}

/// First bytes of formats that hold files in a way that is not read here.
const CLOSED: [&[u8]; 7] = [
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xed\xab\xee\xdb",
    b"!<arch>\ndebian-binary",
    b"hsqs",
    b"MSCF\0\0\0\0",
    b"070701",
];

/// First bytes of compressed streams that are not read here. Those of kernel modules are no loss.
const STREAMS: [&[u8]; 4] = [b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh", b"\x04\x22\x4d\x18"];

/// What a file is, if an archive.
pub(in crate::host::library) fn form(head: &[u8], name: &str) -> Option<Form> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Form::Zip)
    } else if head.starts_with(b"\x1f\x8b\x08") {
        Some(Form::Gzip)
    } else if tar(head) {
        Some(Form::Tar)
    } else if CLOSED.iter().any(|magic| head.starts_with(magic))
        || (STREAMS.iter().any(|magic| head.starts_with(magic)) && !name.contains(".ko."))
    {
        Some(Form::Closed)
    } else if head.starts_with(b"\x7fELF") || head.is_empty() {
        None
    } else if metadata::zip_by_name(name) {
        // A program may stand before it (`#!`), since a zip is read from its end.
        Some(Form::Zip)
    } else {
        metadata::may_hold_libraries(name).then_some(Form::Closed)
    }
}

/// Whether the first block is a header of tar; old ones have no mark, and only their checksum tells.
pub(super) fn tar(head: &[u8]) -> bool {
    if head.get(257..262) == Some(b"ustar") {
        return true;
    }
    let (Some(block), Some(field)) = (head.get(..512), head.get(148..156)) else { return false };
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    let own: u32 = field.iter().map(|b| u32::from(*b)).sum();
    let text = std::str::from_utf8(field).unwrap_or_default();
    let said = u32::from_str_radix(text.trim_matches(['\0', ' ']), 8);
    block.first() != Some(&0) && said == Ok(sum - own + 8 * u32::from(b' '))
}
