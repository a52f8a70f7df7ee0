//! TLS up to 1.2 in the clear, as far as a client needs it that stops before keys are exchanged, and as far
//! as a scripted server needs it (RFC 5246, RFC 6101, RFC 6520), and the first messages of SSL 2.0. No cryptography but
//! for the keys that no secret is in (`empty_secret`); TLS 1.3 is left to rustls.

pub mod alert;
pub mod certificates;
pub mod empty_secret;
pub mod groups;
pub mod handshake;
pub mod heartbeat;
pub mod hello;
pub mod key_exchange;
pub mod record;
pub mod sslv2;
pub mod suites;

use crate::model::observation::TlsVersion;

/// The number that stands for a version on the wire.
pub const fn version_number(version: TlsVersion) -> u16 {
    match version {
        TlsVersion::Ssl3 => 0x0300,
        TlsVersion::Tls10 => 0x0301,
        TlsVersion::Tls11 => 0x0302,
        TlsVersion::Tls12 => 0x0303,
        TlsVersion::Tls13 => 0x0304,
        TlsVersion::Dtls10 => 0xfeff,
        TlsVersion::Dtls12 => 0xfefd,
    }
}

/// The version that a number stands for.
pub const fn version_of(number: u16) -> Option<TlsVersion> {
    match number {
        0x0300 => Some(TlsVersion::Ssl3),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        0x0304 => Some(TlsVersion::Tls13),
        0xfeff => Some(TlsVersion::Dtls10),
        0xfefd => Some(TlsVersion::Dtls12),
        _ => None,
    }
}
