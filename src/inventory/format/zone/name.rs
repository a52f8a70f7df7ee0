//! Domain names as master files write them, and the origin of a file that does not tell it.

use std::{fmt::Write as _, path::Path, sync::Arc};

use super::lexer::Lexer;
use crate::inventory::host::{parse_name, quoted};

/// An absolute name in lower case, without its last dot; the root is empty. A byte that no host name has stays
/// escaped (`\046`), so that dots are always borders of labels.
pub(super) type Name = Arc<str>;

/// A relative name has no origin to which it could be relative.
pub(super) const NO_ORIGIN: &str = "is relative, and nothing tells the origin; add a line `$ORIGIN example.test.` with the zone's name at the top";

/// How many entries are looked at for an SOA record.
const LOOKED_AT: usize = 4096;

/// The bytes of a text with its escapes worked out: `\065` and `\.`.
pub(super) fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, _, after)) = next_byte(rest) {
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// The first byte, whether it was escaped, and what follows.
fn next_byte(raw: &[u8]) -> Option<(u8, bool, &[u8])> {
    match raw {
        [b'\\', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let value = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            Some((u8::try_from(value).unwrap_or(b'\\'), true, rest))
        }
        [b'\\', byte, rest @ ..] => Some((*byte, true, rest)),
        [byte, rest @ ..] => Some((*byte, false, rest)),
        [] => None,
    }
}

/// A name, made absolute with the origin. The error is the end of a sentence about it.
pub(super) fn absolute(raw: &[u8], origin: Option<&Name>) -> Result<Name, String> {
    let no_origin = || format!("{} {NO_ORIGIN}", quoted(&String::from_utf8_lossy(raw)));
    if raw == b"@" {
        return origin.cloned().ok_or_else(no_origin);
    }
    if raw == b"." {
        return Ok("".into());
    }
    let bad =
        |why: &str| Err(format!("{} is not a domain name: {why}", quoted(&String::from_utf8_lossy(raw))));
    let mut name = String::with_capacity(raw.len() + origin.map_or(0, |o| o.len() + 1));
    let (mut label, mut length, mut rest, mut whole) = (0_usize, 1_usize, raw, false);
    while let Some((byte, escaped, after)) = next_byte(rest) {
        rest = after;
        if byte == b'.' && !escaped {
            if label == 0 {
                return bad("a part between dots is empty");
            }
            (label, length) = (0, length + 1);
            whole = rest.is_empty();
            if !whole {
                name.push('.');
            }
            continue;
        }
        (label, length) = (label + 1, length + 1);
        if label > 63 || length > 255 {
            return bad("a part between dots has at most 63 bytes, and a name 255");
        }
        if byte.is_ascii_graphic() && !b".\\\"();@$".contains(&byte) {
            name.push(char::from(byte.to_ascii_lowercase()));
        } else {
            let _ = write!(name, "\\{byte:03}"); // into a string, cannot fail
        }
    }
    if name.is_empty() {
        return bad("it is empty");
    }
    if !whole {
        let origin = origin.ok_or_else(no_origin)?;
        if length + origin.len() + 1 > 255 {
            return bad("with its origin it is longer than 255 bytes");
        }
        if !origin.is_empty() {
            name.push('.');
            name.push_str(origin);
        }
    }
    Ok(name.into())
}

/// The origin of a file before its first `$ORIGIN`: from an SOA record with an absolute owner, or from the name of the
/// file; in the second case true.
pub(super) fn first_origin(text: &[u8], file: &str) -> Option<(Name, bool)> {
    let is_soa = |entry: &super::lexer::Entry<'_>| entry.words.iter().take(4).any(|word| word.is("SOA"));
    let soa = Lexer::new(text).take(LOOKED_AT).find(is_soa);
    if let Some(soa) = &soa
        && !soa.indented
        && let Some(owner) = soa.words.first()
        && owner.raw.ends_with(b".")
        && let Ok(name) = absolute(owner.raw, None)
    {
        return Some((name, false));
    }
    by_file_name(file, soa.is_some()).map(|name| (name.into(), true))
}

/// The zone of `db.example.test` or `example.test.zone`; `example.zone` tells none. A file that begins a zone may be
/// named by the zone's name alone.
fn by_file_name(file: &str, begins_zone: bool) -> Option<String> {
    let mut name = Path::new(file).file_name()?.to_str()?.to_ascii_lowercase();
    let mut told = false;
    while let Some(rest) = [".zone", ".db", ".dns", ".compiled", ".signed", ".hosts", ".txt"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
    {
        (name, told) = (rest.to_owned(), true);
    }
    if let Some(rest) = ["db.", "zone.", "named.", "pri."].iter().find_map(|begin| name.strip_prefix(begin)) {
        (name, told) = (rest.to_owned(), true);
    }
    let other_file = [".conf", ".cfg", ".dat", ".bak", ".old", ".orig", ".inc", ".include", ".local", ".out"]
        .iter()
        .any(|end| name.ends_with(end));
    let name = parse_name(&name).ok().filter(|name| name.contains('.'))?;
    (told || (begins_zone && !other_file)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute_in_lower_case_with_their_escapes() {
        let origin: Name = "example.test".into();
        let table: &[(&str, Result<&str, &str>)] = &[
            ("WWW", Ok("www.example.test")),
            ("www.Example.TEST.", Ok("www.example.test")),
            ("@", Ok("example.test")),
            (".", Ok("")),
            (r"\065b", Ok("ab.example.test")),
            (r"a\.b", Ok(r"a\046b.example.test")),
            (r"a\.", Ok(r"a\046.example.test")),
            (r"\@", Ok(r"\064.example.test")),
            ("a..b", Err("empty")),
            (".a", Err("empty")),
            ("", Err("empty")),
            (r"a\999", Ok(r"a\092.example.test")),
        ];
        for (raw, expected) in table {
            match (absolute(raw.as_bytes(), Some(&origin)), expected) {
                (Ok(name), Ok(want)) => assert_eq!(&*name, *want, "{raw}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{raw}: {got}"),
                (got, _) => panic!("{raw}: {got:?}"),
            }
        }
        assert!(absolute(b"www", None).is_err_and(|why| why.contains("$ORIGIN")));
        assert!(absolute("x".repeat(64).as_bytes(), Some(&origin)).is_err());
        assert!(absolute("x.".repeat(130).as_bytes(), None).is_err());
    }

    #[test]
    fn the_name_of_a_file_tells_its_zone_or_nothing() {
        let table = [
            ("db.example.test", false, Some("example.test")),
            ("/etc/bind/db.example.test", false, Some("example.test")),
            ("example.test.zone", false, Some("example.test")),
            ("example.test.zone.compiled", false, Some("example.test")),
            ("Example.TEST.db", false, Some("example.test")),
            ("2.0.192.in-addr.arpa.zone", false, Some("2.0.192.in-addr.arpa")),
            ("example.test", true, Some("example.test")),
            ("example.test", false, None),
            ("example.zone", true, None),
            ("named.conf", true, None),
            ("-", true, None),
            ("dns:example.test", true, None),
        ];
        for (file, begins_zone, expected) in table {
            assert_eq!(by_file_name(file, begins_zone).as_deref(), expected, "{file}");
        }
    }
}
