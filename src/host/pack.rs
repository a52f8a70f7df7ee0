//! A text that a host gave, as evidence: kept whole and as it came, compressed.

use std::io::{self, Read as _, Write as _};

use data_encoding::BASE64;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};

use crate::model::{
    host::{HostEvidence, Origin},
    ids::Sha256,
    time::Timestamp,
};

/// The longest text that is taken in, bytes.
pub const MAX: u64 = 256 << 20;

/// Why a stored text cannot be had back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what was packed.
    #[error("the stored text of {host} does not have the digest it was recorded with")]
    Digest {
        /// The host.
        host: String,
    },
    /// It cannot be unpacked.
    #[error("the stored text of {host} cannot be unpacked: {reason}")]
    Broken {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
}

/// Makes a text a piece of evidence.
pub fn pack(
    host: &str,
    origin: Origin,
    source: &str,
    at: Timestamp,
    text: &[u8],
) -> io::Result<HostEvidence> {
    if text.len() as u64 > MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {MAX} bytes")));
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text)?;
    Ok(HostEvidence {
        host: host.to_owned(),
        at,
        origin,
        source: source.to_owned(),
        sha256: Sha256::of(text),
        gzip: BASE64.encode(&encoder.finish()?),
        bytes: text.len() as u64,
    })
}

/// Unpacks what gzip compressed; an error where that is more than [`MAX`] bytes.
pub fn gunzip(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(packed).take(MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {MAX} bytes")));
    }
    Ok(text)
}

/// The text of a piece of evidence, held to its digest.
pub fn unpack(evidence: &HostEvidence) -> Result<Vec<u8>, Error> {
    let broken = |reason: String| Error::Broken {
        host: evidence.host.clone(),
        reason: reason.chars().take(200).collect(),
    };
    let packed = BASE64.decode(evidence.gzip.as_bytes()).map_err(|e| broken(e.to_string()))?;
    let text = gunzip(&packed).map_err(|e| broken(e.to_string()))?;
    if Sha256::of(&text) != evidence.sha256 {
        return Err(Error::Digest { host: evidence.host.clone() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was_and_no_other_does() {
        let text = b"libssl3\t3.0.11\n\xff\x1b[2J".repeat(1000);
        let mut evidence =
            pack("web01", Origin::DpkgQuery, "web01.txt", Timestamp::from_seconds(0), &text).unwrap();
        assert_eq!(unpack(&evidence).unwrap(), text);
        assert!(evidence.gzip.len() < text.len() / 10);
        let good = evidence.clone();
        evidence.gzip = pack("web01", Origin::DpkgQuery, "", good.at, b"other").unwrap().gzip;
        assert!(matches!(unpack(&evidence), Err(Error::Digest { .. })));
        evidence.gzip = good.gzip[..good.gzip.len() / 8 * 4].to_owned();
        assert!(matches!(unpack(&evidence), Err(Error::Broken { .. })));
    }
}
