//! Certificates out of a PEM bundle (RFC 7468), with the line of what is wrong. A trust store that lost a root to a
//! damaged line would call good chains bad, so nothing is passed over.

use data_encoding::BASE64;

use super::StoreError;
use crate::{probe::certificate::der::element, wire::cursor::Cursor};

/// The most certificates that are taken from one bundle.
const MAX_ROOTS: usize = 10_000;
/// The longest certificate, in characters of its base64 form.
const MAX_TEXT: usize = 1 << 20;

/// Every certificate, with the line it begins on.
pub(super) fn certificates(name: &str, bytes: &[u8]) -> Result<Vec<(usize, Vec<u8>)>, StoreError> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Kind, Vec<u8>)> = None;
    let fault = |line: usize, what: &'static str| StoreError::Pem { name: name.to_owned(), line, what };
    for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let (number, line) = (i + 1, line.trim_ascii());
        match (&mut open, Line::of(line)) {
            (None, Line::Begin(Some(kind))) => open = Some((number, kind, Vec::new())),
            (None, Line::Begin(None)) => return Err(fault(number, "a block that is no certificate")),
            (None, Line::End) => return Err(fault(number, "an end without a beginning")),
            (None, Line::Text) => {} // what stands between blocks is for people
            (Some((begun, ..)), Line::Begin(_)) => return Err(fault(*begun, "a certificate without an end")),
            (Some((begun, kind, text)), Line::End) => {
                let der =
                    BASE64.decode(text).map_err(|_| fault(*begun, "a certificate that is not base64"))?;
                found.push((
                    *begun,
                    kind.certificate_of(der).ok_or_else(|| fault(*begun, "not a certificate"))?,
                ));
                open = None;
            }
            (Some((begun, _, text)), Line::Text) => {
                text.extend(line.iter().filter(|b| !b.is_ascii_whitespace()));
                if text.len() > MAX_TEXT {
                    return Err(fault(*begun, "a certificate that is far too long"));
                }
            }
        }
        if found.len() > MAX_ROOTS {
            return Err(fault(number, "more certificates than a trust store has"));
        }
    }
    match open {
        Some((begun, ..)) => Err(fault(begun, "a certificate without an end")),
        None => Ok(found),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Certificate,
    /// OpenSSL's form, with trust settings of its own behind the certificate.
    Trusted,
}

impl Kind {
    /// The certificate, which must be one whole DER element.
    fn certificate_of(self, mut der: Vec<u8>) -> Option<Vec<u8>> {
        let length = element(&mut Cursor(&der))?.len();
        match self {
            Self::Certificate if length != der.len() => None,
            _ => {
                der.truncate(length);
                Some(der)
            }
        }
    }
}

enum Line {
    Begin(Option<Kind>),
    End,
    Text,
}

impl Line {
    fn of(line: &[u8]) -> Self {
        match line {
            b"-----BEGIN CERTIFICATE-----" | b"-----BEGIN X509 CERTIFICATE-----" => {
                Self::Begin(Some(Kind::Certificate))
            }
            b"-----BEGIN TRUSTED CERTIFICATE-----" => Self::Begin(Some(Kind::Trusted)),
            _ if line.starts_with(b"-----BEGIN ") => Self::Begin(None),
            _ if line.starts_with(b"-----END ") && line.ends_with(b"-----") => Self::End,
            _ => Self::Text,
        }
    }
}
