//! Reading and writing the little DER (X.690) that lists and answers need, element by element.
//!
//! The elements themselves are cut by asn1-rs, which x509-parser stands on. Nothing here descends by itself, so no
//! input chooses a depth, and nothing is copied. Not a library of ASN.1: tag numbers above 30 are never ours.

use x509_parser::{
    asn1_rs::{Any, FromDer as _},
    time::ASN1Time,
};

use crate::model::time::Timestamp;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The identifier octet of a context-specific constructed element.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The identifier octet of a context-specific primitive element.
pub(super) const fn context_plain(number: u8) -> u8 {
    0x80 | number
}

/// Bytes that are not the DER they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// The identifier octet.
    pub(super) kind: u8,
    /// The content.
    pub(super) value: &'a [u8],
    /// Header and content.
    pub(super) raw: &'a [u8],
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, of any kind.
    pub(super) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let (rest, any) = Any::from_der(self.0).map_err(|_| Malformed)?;
        let length = self.0.len().checked_sub(rest.len()).ok_or(Malformed)?;
        let raw = self.0.get(..length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(Element { kind: *raw.first().ok_or(Malformed)?, value: any.data, raw })
    }

    /// The next element, which must be of this kind.
    pub(super) fn one(&mut self, kind: u8) -> Result<Element<'a>, Malformed> {
        self.maybe(kind)?.ok_or(Malformed)
    }

    /// The next element where it is of this kind.
    pub(super) fn maybe(&mut self, kind: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.0.first() == Some(&kind) { self.any().map(Some) } else { Ok(None) }
    }

    /// A reader of the content of the next element, which must be of this kind.
    pub(super) fn inside(&mut self, kind: u8) -> Result<Reader<'a>, Malformed> {
        Ok(Reader(self.one(kind)?.value))
    }

    /// The next element, which must be a time of one of the two kinds.
    pub(super) fn time(&mut self) -> Result<Timestamp, Malformed> {
        let element = self.any()?;
        if !matches!(element.kind, UTC_TIME | GENERALIZED_TIME) {
            return Err(Malformed);
        }
        let (_, time) = ASN1Time::from_der(element.raw).map_err(|_| Malformed)?;
        Ok(Timestamp::from_seconds(time.timestamp()))
    }

    /// Whether the next element is of one of these kinds.
    pub(super) fn next_is(&self, kinds: &[u8]) -> bool {
        self.0.first().is_some_and(|kind| kinds.contains(kind))
    }

    /// Whether nothing is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Demands that nothing is left.
    pub(super) const fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// The bytes of a BIT STRING of whole octets.
pub(super) fn octets<'a>(bits: &Element<'a>) -> Result<&'a [u8], Malformed> {
    match bits.value.split_first() {
        Some((0, octets)) => Ok(octets),
        _ => Err(Malformed),
    }
}

/// A BOOLEAN's content, whatever its tag.
pub(super) fn truth(value: &[u8]) -> Result<bool, Malformed> {
    match value {
        [0] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(Malformed),
    }
}

/// One extension (RFC 5280, 4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension<'a> {
    /// The content of its OBJECT IDENTIFIER.
    pub(super) id: &'a [u8],
    /// Whether one who does not know it must not go on.
    pub(super) critical: bool,
    /// The content of its OCTET STRING.
    pub(super) value: &'a [u8],
}

/// The next extension of the content of Extensions; none at its end.
pub(super) fn extension<'a>(list: &mut Reader<'a>) -> Result<Option<Extension<'a>>, Malformed> {
    if list.is_empty() {
        return Ok(None);
    }
    let mut fields = list.inside(SEQUENCE)?;
    let id = fields.one(OBJECT_IDENTIFIER)?.value;
    let critical = fields.maybe(BOOLEAN)?.map_or(Ok(false), |b| truth(b.value))?;
    let value = fields.one(OCTET_STRING)?.value;
    fields.end()?;
    Ok(Some(Extension { id, critical, value }))
}

/// The shortest form of an INTEGER's content: the number itself, so that two of them can be compared.
pub(super) fn number(mut content: &[u8]) -> Result<&[u8], Malformed> {
    if content.is_empty() {
        return Err(Malformed);
    }
    // An octet that only repeats the sign of the next one says nothing.
    while let [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = content {
        content = content.get(1..).ok_or(Malformed)?;
    }
    Ok(content)
}

/// An element with this identifier octet around these contents.
pub(super) fn wrap(kind: u8, contents: &[&[u8]]) -> Vec<u8> {
    let content = contents.concat();
    let mut out = vec![kind];
    if let Ok(short @ 0..=0x7f) = u8::try_from(content.len()) {
        out.push(short);
    } else {
        let length = content.len().to_be_bytes();
        let zeros = length.iter().take_while(|b| **b == 0).count();
        let digits = length.get(zeros..).unwrap_or_default();
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
        out.extend_from_slice(digits);
    }
    out.extend_from_slice(&content);
    out
}
