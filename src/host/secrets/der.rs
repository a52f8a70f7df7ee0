//! As much of DER as keys and certificates need: walk over elements, and write a SubjectPublicKeyInfo.
//! Not a validator: what is not there in the expected shape is `None`.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BITS: u8 = 0x03;
/// OCTET STRING.
pub(super) const OCTETS: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[1]`, primitive: the implicit public key of a PKCS#8 of version 2.
pub(super) const IMPLICIT_1: u8 = 0x81;

/// One element. No `Debug`: its bytes may be a key's.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// The tag; only tags of one byte are understood.
    pub(super) tag: u8,
    /// What is inside.
    pub(super) content: &'a [u8],
    /// All of it, with tag and length.
    pub(super) whole: &'a [u8],
}

/// A walk over the elements of some bytes.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a>(pub(super) &'a [u8]);

impl<'a> Walk<'a> {
    /// The next element.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0_u64, |sum, b| (sum << 8) | u64::from(*b));
                (usize::try_from(length).ok()?, rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len().checked_sub(after.len())?)?;
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// The next element, if it has this tag; otherwise nothing is taken.
    pub(super) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|e| e.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// The inside of the next element, if it has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Walk<'a>> {
        self.take(tag).map(|e| Walk(e.content))
    }

    /// Whether nothing is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The bytes of a positive integer without leading zeros.
pub(super) fn magnitude(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|b| **b == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

/// How many bits a positive integer has.
pub(super) fn bit_length(integer: &[u8]) -> Option<u32> {
    let bytes = magnitude(integer);
    let first = bytes.first()?;
    u32::try_from(bytes.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

/// Writes an element around the parts.
pub(super) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = magnitude(&bytes);
        // At most eight, so it fits.
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0));
        out.extend_from_slice(bytes);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Writes a positive integer in its shortest form.
pub(super) fn write_integer(integer: &[u8]) -> Vec<u8> {
    let bytes = magnitude(integer);
    if bytes.first().is_none_or(|b| b & 0x80 != 0) {
        write(INTEGER, &[&[0], bytes])
    } else {
        write(INTEGER, &[bytes])
    }
}

/// Writes a SubjectPublicKeyInfo: the algorithm identifier as it stands and the public key.
pub(super) fn write_spki(algorithm: &[u8], public: &[u8]) -> Vec<u8> {
    write(SEQUENCE, &[algorithm, &write(BITS, &[&[0], public])])
}

/// The SubjectPublicKeyInfo of a certificate.
pub(super) fn spki_of_certificate(der: &[u8]) -> Option<&[u8]> {
    let mut outer = Walk(der).enter(SEQUENCE)?;
    let mut tbs = outer.enter(SEQUENCE)?;
    // After the to-be-signed part comes the signature's algorithm: this is how a key is told from it.
    outer.take(SEQUENCE)?;
    let _version = tbs.take(CONTEXT_0);
    tbs.take(INTEGER)?;
    for _ in ["signature", "issuer", "validity", "subject"] {
        tbs.take(SEQUENCE)?;
    }
    let spki = tbs.take(SEQUENCE)?;
    let mut inside = Walk(spki.content);
    inside.take(SEQUENCE)?;
    inside.take(BITS)?;
    Some(spki.whole)
}
