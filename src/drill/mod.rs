//! An embedded fleet with known faults: TLS endpoints in this process that behave as real servers were
//! measured to behave (PROBING 1 and 2), for the calibration of every sweep, for the drill and for tests.
//!
//! Not a TLS library: up to TLS 1.2 a handshake goes as far as ServerHelloDone and no further; TLS 1.3 is
//! rustls; over datagrams handshakes are finished, with one kind of key. Nothing here leaks: what looks like a vulnerable server returns bytes that it was sent, plus
//! padding that it made, and never more. What a rehearsal tells is `pipeline`'s business.

pub mod datagram;
pub mod fleet;
pub mod peer;
#[cfg(test)]
mod testing;

use std::{io, net::SocketAddr};

/// Why an endpoint or a fleet cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key or certificate could not be made.
    #[error("cannot issue a certificate for `{subject}`: {reason}")]
    Issue {
        /// The certificate's common name.
        subject: String,
        /// What the certificate library said.
        reason: String,
    },
    /// No network of loopback addresses could be used whole.
    #[error("cannot start the fleet on any of 127.83.0.0/24 to 127.99.0.0/24; {address} says: {source}")]
    NoNetwork {
        /// The last address and port that was tried.
        address: SocketAddr,
        /// Why it cannot be bound.
        source: io::Error,
    },
    /// The fleet has no service of this name, or it has been retired.
    #[error("the fleet has no service `{0}`")]
    UnknownService(String),
    /// The service has no endpoint at this address.
    #[error("`{name}` has no endpoint at {address}")]
    UnknownAddress {
        /// The service's name.
        name: String,
        /// The address that was asked for.
        address: std::net::IpAddr,
    },
    /// The service has no key: it does not speak TLS.
    #[error("`{0}` has no key")]
    NoKey(String),
}
