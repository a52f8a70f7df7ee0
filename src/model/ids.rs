//! Identifiers: rows, sweeps, keys, certificates. Each is a type of its own, parsed once.

use std::{fmt, str::FromStr, sync::Arc};

use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wrap::{Transport, Wrap};

/// The stable identity of a service row: the inventory's own `id`, or one derived from what was declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(Arc<str>);

impl RowId {
    /// An id that the inventory gives, taken as it stands.
    pub fn declared(id: &str) -> Self {
        Self(Arc::from(id))
    }

    /// The id of a row without one: `svc-` and 12 characters of base32 over SHA-256 of
    /// `allclear/1|NAME|PORT|TRANSPORT|WRAP|SNI`. `name` is the declared name, or the address where
    /// there is none; `sni` is empty unless declared. Nothing that a sweep detects enters it.
    pub fn derived(name: &str, port: u16, transport: Transport, wrap: Wrap, sni: &str) -> Self {
        let text = format!("allclear/1|{}|{port}|{transport}|{wrap}|{sni}", name.to_lowercase());
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let base32 = BASE32_NOPAD.encode(digest.as_ref()).to_lowercase();
        Self(Arc::from(format!("svc-{}", &base32[..12])))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A sweep's number within an incident, from 1; written `s0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SweepId(pub u32);

impl fmt::Display for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{:04}", self.0)
    }
}

impl FromStr for SweepId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.strip_prefix('s')
            .and_then(|n| n.parse().ok())
            .map(Self)
            .ok_or_else(|| BadId::new("sweep id", text))
    }
}

/// A text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}")]
pub struct BadId {
    what: &'static str,
    text: String,
}

impl BadId {
    pub(super) fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.chars().take(80).collect() }
    }
}

/// A SHA-256 digest, written `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(out)
    }

    /// From the 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight hex digits, for a screen. Files always carry the whole digest.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..4])
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new("sha256 digest", text);
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| bad())?;
        Ok(Self(bytes.try_into().map_err(|_| bad())?))
    }
}

macro_rules! serde_as_text {
    ($($name:ty),+) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}
serde_as_text!(SweepId, Sha256);

/// The SHA-256 of a certificate's SubjectPublicKeyInfo: the key, whatever certificate carries it.
pub type Spki = Sha256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_row_id_matches_the_published_vector() {
        let id = RowId::derived("web01.example.test", 443, Transport::Tcp, Wrap::Tls, "");
        assert_eq!(id.as_str(), "svc-2wyf2llav7a7");
        assert_eq!(RowId::derived("WEB01.example.TEST", 443, Transport::Tcp, Wrap::Tls, ""), id);
    }

    #[test]
    fn ids_read_what_they_write() {
        let spki = Sha256::of(b"key");
        assert_eq!(spki.to_string().parse(), Ok(spki));
        assert_eq!(SweepId(12).to_string().parse(), Ok(SweepId(12)));
        assert!("sha256:00".parse::<Sha256>().is_err());
        assert!("0001".parse::<SweepId>().is_err());
    }
}
