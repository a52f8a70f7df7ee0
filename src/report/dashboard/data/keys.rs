//! Keys that were in reach, as data: what serves them, their certificates, their windows.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{
    assessment::KeyExposure,
    ids::{RowId, Sha256, Spki},
    time::Timestamp,
};

/// One key that was in reach of the leak, or presumed so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The key.
    pub spki: Spki,
    /// Whether that was seen or is presumed.
    pub exposure: KeyExposure,
    /// Endpoints that still serve it.
    pub serving: u64,
    /// Whose services serve or served it.
    pub owners: Vec<String>,
    /// Its window of exposure.
    pub window: Window,
    /// First and last seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Everything that serves or served it.
    pub endpoints: Vec<KeyPlace>,
    /// The certificates that carried it.
    pub certificates: Vec<KeyCertificate>,
}

/// When a key could be read. What lies before the disclosure nobody can bound: the hole is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From when on anybody could know how: the disclosure, or the first sight of the key where every certificate that
    /// carried it was issued later.
    pub from: Timestamp,
    /// The last time at which it was seen, or is presumed, in reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether something that leaks still serves it.
    pub open: bool,
    /// Where nothing serves it any more: when it was last seen served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_served: Option<Timestamp>,
}

/// One place that serves or served a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPlace {
    /// The service.
    pub row_id: RowId,
    /// The address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Whether it still serves it.
    pub serves_now: bool,
    /// Whether the service itself was seen to leak; else it shares the key with one that was.
    pub leaked: bool,
    /// Whether it leaks now.
    pub leaks_now: bool,
}

/// One certificate on a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyCertificate {
    /// Its digest.
    pub sha256: Sha256,
    /// Its subject, as the server gave it: hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// When its time runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Revoked, by its authority or by a word that stands.
    pub revoked: bool,
    /// Run out.
    pub expired: bool,
    /// Issued on the key after that was exposed.
    pub reissued: bool,
}
