//! An answer, cut into its parts (RFC 6960, 4.2.1). Nothing is checked here.

use super::{
    super::der::{
        BIT_STRING, ENUMERATED, Extension, INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING, Reader,
        SEQUENCE, context, context_plain, extension, number, octets,
    },
    NONCE,
};
use crate::model::{revocation::RevocationReason, time::Timestamp};

/// id-pkix-ocsp-basic.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// The most certificates of an answer that are looked at.
const MAX_CERTIFICATES: usize = 8;
/// The most entries about one certificate.
const MAX_SINGLES: usize = 32;

/// Whose answer it says it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Responder<'a> {
    /// By name, header included.
    Named(&'a [u8]),
    /// By the SHA-1 of its key.
    Keyed(&'a [u8]),
}

/// A BasicOCSPResponse.
#[derive(Clone, Debug)]
pub(super) struct Basic<'a> {
    /// What is signed, header included.
    pub(super) signed: &'a [u8],
    /// The AlgorithmIdentifier, header included.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) responder: Responder<'a>,
    pub(super) produced_at: Timestamp,
    /// The certificates that came along.
    pub(super) certificates: Vec<&'a [u8]>,
    responses: &'a [u8],
    extensions: &'a [u8],
}

/// What the extensions of an answer say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks<'a> {
    pub(super) nonce: Option<&'a [u8]>,
    pub(super) odd: bool,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked { at: Timestamp, reason: Option<RevocationReason> },
    Unknown,
}

/// A SingleResponse.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single<'a> {
    pub(super) hash: &'a [u8],
    pub(super) issuer_name: &'a [u8],
    pub(super) issuer_key: &'a [u8],
    /// In the shortest form.
    pub(super) serial: &'a [u8],
    pub(super) status: Status,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
    /// A critical extension that is not known here.
    pub(super) odd: bool,
}

impl<'a> Basic<'a> {
    /// Reads an OCSPResponse; the inner failure is its status where it is not `successful`.
    pub(super) fn read(der: &'a [u8]) -> Result<Result<Self, u8>, Malformed> {
        let mut file = Reader(der);
        let mut response = file.inside(SEQUENCE)?;
        file.end()?;
        let [status] = response.one(ENUMERATED)?.value else { return Err(Malformed) };
        if *status != 0 {
            return Ok(Err(*status));
        }
        let mut bytes = response.inside(context(0))?.inside(SEQUENCE)?;
        if bytes.one(OBJECT_IDENTIFIER)?.value != BASIC {
            return Err(Malformed);
        }
        let mut basic = Reader(bytes.one(OCTET_STRING)?.value).inside(SEQUENCE)?;
        let signed = basic.one(SEQUENCE)?;
        let algorithm = basic.one(SEQUENCE)?.raw;
        let signature = octets(&basic.one(BIT_STRING)?)?;
        let certificates = match basic.maybe(context(0))? {
            Some(list) => certificates(list.value)?,
            None => Vec::new(),
        };
        let mut data = Reader(signed.value);
        // The only version there is says 0, and is left out by those who write DER as it should be.
        if let Some(version) = data.maybe(context(0))?
            && Reader(version.value).one(INTEGER)?.value != [0]
        {
            return Err(Malformed);
        }
        let responder = responder(&mut data)?;
        let produced_at = data.time()?;
        let responses = data.one(SEQUENCE)?.value;
        let extensions = explicit_extensions(&mut data)?;
        data.end()?;
        let signed = signed.raw;
        Ok(Ok(Self {
            signed,
            algorithm,
            signature,
            responder,
            produced_at,
            certificates,
            responses,
            extensions,
        }))
    }

    /// What the extensions of the whole answer say.
    pub(super) fn marks(&self) -> Result<Marks<'a>, Malformed> {
        let mut marks = Marks::default();
        let mut list = Reader(self.extensions);
        while let Some(Extension { id, critical, value }) = extension(&mut list)? {
            if id == NONCE {
                marks.nonce = Some(value);
            } else {
                marks.odd |= critical;
            }
        }
        Ok(marks)
    }

    /// The entries that are wanted, at most 32. All of them have to be readable.
    pub(super) fn singles(&self, wanted: impl Fn(&Single<'a>) -> bool) -> Result<Vec<Single<'a>>, Malformed> {
        let mut found = Vec::new();
        let mut list = Reader(self.responses);
        while !list.is_empty() {
            let single = single(list.inside(SEQUENCE)?)?;
            if wanted(&single) {
                if found.len() == MAX_SINGLES {
                    return Err(Malformed);
                }
                found.push(single);
            }
        }
        Ok(found)
    }
}

fn certificates(value: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut list = Reader(value).inside(SEQUENCE)?;
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < MAX_CERTIFICATES {
        found.push(list.one(SEQUENCE)?.raw);
    }
    Ok(found)
}

fn responder<'a>(data: &mut Reader<'a>) -> Result<Responder<'a>, Malformed> {
    let element = data.any()?;
    let mut inner = Reader(element.value);
    let responder = if element.kind == context(1) {
        Responder::Named(inner.one(SEQUENCE)?.raw)
    } else if element.kind == context(2) {
        Responder::Keyed(inner.one(OCTET_STRING)?.value)
    } else {
        return Err(Malformed);
    };
    inner.end()?;
    Ok(responder)
}

/// The content of `[1] EXPLICIT Extensions OPTIONAL`.
fn explicit_extensions<'a>(fields: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    match fields.maybe(context(1))? {
        Some(outer) => Ok(Reader(outer.value).one(SEQUENCE)?.value),
        None => Ok(&[]),
    }
}

fn single(mut fields: Reader<'_>) -> Result<Single<'_>, Malformed> {
    let mut id = fields.inside(SEQUENCE)?;
    let hash = id.inside(SEQUENCE)?.one(OBJECT_IDENTIFIER)?.value;
    let issuer_name = id.one(OCTET_STRING)?.value;
    let issuer_key = id.one(OCTET_STRING)?.value;
    let serial = number(id.one(INTEGER)?.value)?;
    id.end()?;
    let status = status(&mut fields)?;
    let this_update = fields.time()?;
    let next_update = match fields.maybe(context(0))? {
        Some(outer) => Some(Reader(outer.value).time()?),
        None => None,
    };
    let mut extensions = Reader(explicit_extensions(&mut fields)?);
    fields.end()?;
    let mut odd = false;
    while let Some(extension) = extension(&mut extensions)? {
        odd |= extension.critical;
    }
    Ok(Single { hash, issuer_name, issuer_key, serial, status, this_update, next_update, odd })
}

fn status(fields: &mut Reader<'_>) -> Result<Status, Malformed> {
    let element = fields.any()?;
    if element.kind == context_plain(0) && element.value.is_empty() {
        return Ok(Status::Good);
    }
    if element.kind == context_plain(2) {
        return Ok(Status::Unknown);
    }
    if element.kind != context(1) {
        return Err(Malformed);
    }
    let mut info = Reader(element.value);
    let at = info.time()?;
    let reason = match info.maybe(context(0))? {
        Some(outer) => match Reader(outer.value).one(ENUMERATED)?.value {
            [code] => RevocationReason::from_code(*code),
            _ => return Err(Malformed),
        },
        None => None,
    };
    info.end()?;
    Ok(Status::Revoked { at, reason })
}
