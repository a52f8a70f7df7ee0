//! The authority that issued a certificate, as far as its lists and answers need it: name, key and what the key is for.
//!
//! Whether the authority itself is to be trusted is not asked here: a path to a root is the matter of whoever names it.

use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::der::{Malformed, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use super::signature::Key;

const SET: u8 = 0x31;
/// UTF8String, PrintableString, IA5String: the same text in each is the same name.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// An issuer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authority<'a> {
    /// Its subject name, header included.
    pub(super) name: &'a [u8],
    /// Its key.
    pub(super) key: Key<'a>,
    /// Whether its key may sign lists; an absent keyUsage allows everything.
    pub(super) signs_lists: bool,
}

impl<'a> Authority<'a> {
    /// Reads an issuer's certificate.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Malformed)?;
        let usage = parsed.key_usage().map_err(|_| Malformed)?;
        Ok(Self {
            name: parsed.tbs_certificate.subject.as_raw(),
            key: Key::read(parsed.tbs_certificate.subject_pki.raw)?,
            signs_lists: usage.is_none_or(|u| u.value.crl_sign()),
        })
    }

    /// Whether a name, header included, is this authority's.
    pub(super) fn is_named(&self, name: &[u8]) -> bool {
        self.name == name || same_name(self.name, name).unwrap_or(false)
    }
}

/// Whether two names are the same by RFC 5280, 7.1, as far as ASCII goes: neither the kind of string nor case nor runs
/// of blanks matter. That is kind to authorities that write their name in two ways; their key decides in the end.
fn same_name(one: &[u8], other: &[u8]) -> Result<bool, Malformed> {
    let (mut one, mut other) = (Reader(one).inside(SEQUENCE)?, Reader(other).inside(SEQUENCE)?);
    while !one.is_empty() && !other.is_empty() {
        let (mut left, mut right) = (one.inside(SET)?, other.inside(SET)?);
        while !left.is_empty() && !right.is_empty() {
            if !same_attribute(left.inside(SEQUENCE)?, right.inside(SEQUENCE)?)? {
                return Ok(false);
            }
        }
        if !(left.is_empty() && right.is_empty()) {
            return Ok(false);
        }
    }
    Ok(one.is_empty() && other.is_empty())
}

fn same_attribute(mut one: Reader<'_>, mut other: Reader<'_>) -> Result<bool, Malformed> {
    if one.one(OBJECT_IDENTIFIER)?.value != other.one(OBJECT_IDENTIFIER)?.value {
        return Ok(false);
    }
    let (one, other) = (one.any()?, other.any()?);
    let texts = TEXTS.contains(&one.kind) && TEXTS.contains(&other.kind);
    Ok(one.raw == other.raw || (texts && folded(one.value).eq(folded(other.value))))
}

/// Lower case, without blanks at the ends, and one blank for each run of them.
fn folded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let words = text.split(|b| *b == b' ').filter(|word| !word.is_empty());
    words.enumerate().flat_map(|(n, word)| {
        let blank = (n > 0).then_some(b' ');
        blank.into_iter().chain(word.iter().map(u8::to_ascii_lowercase))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::der::wrap, *};

    fn name(parts: &[(u8, &str)]) -> Vec<u8> {
        let id = wrap(OBJECT_IDENTIFIER, &[&[0x55, 0x04, 0x0a]]);
        let parts: Vec<Vec<u8>> = parts
            .iter()
            .map(|(kind, text)| wrap(SET, &[&wrap(SEQUENCE, &[&id, &wrap(*kind, &[text.as_bytes()])])]))
            .collect();
        wrap(SEQUENCE, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_is_the_same_in_another_kind_of_string_and_not_another_name() {
        let ours = name(&[(0x13, "Some  Authority"), (0x0c, "X")]);
        let table: &[(&[(u8, &str)], bool)] = &[
            (&[(0x13, "Some  Authority"), (0x0c, "X")], true),
            (&[(0x0c, " some authority "), (0x13, "x")], true),
            (&[(0x13, "SomeAuthority"), (0x0c, "X")], false),
            (&[(0x13, "Some Authority")], false),
            (&[(0x13, "Some Authority"), (0x0c, "X"), (0x0c, "Y")], false),
            (&[(0x1e, "Some Authority"), (0x0c, "X")], false),
            (&[], false),
        ];
        for (parts, expected) in table {
            assert_eq!(same_name(&ours, &name(parts)), Ok(*expected), "{parts:?}");
        }
        assert_eq!(same_name(&ours, b"\x30\x03abc"), Err(Malformed));
    }
}
