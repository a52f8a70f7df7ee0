//! Network probes: what was seen, never what it means.
//!
//! A probe looks at one endpoint and returns an observation; `assess` turns observations into verdicts, and
//! the scheduler alone decides how many endpoints are looked at at a time. Sockets to targets are opened in
//! [`dial`] and nowhere else. To add a probe, see [`kind`].

pub mod calibration;
pub mod certificate;
pub mod context;
pub mod dial;
pub mod endpoint;
pub mod engine;
pub mod expect;
mod flight;
pub mod fragile;
pub mod kind;
pub mod limits;
pub mod link;
mod relay;
pub mod secret;
pub mod signer;
pub mod tls13;
pub mod trace;
pub mod trust;

pub use context::{Context, Depth, Settings};
pub use endpoint::{Job, Looked, look, probe_endpoint};

/// The fuzz target of this stage: any bytes as a certificate, as what services publish of their secrets, and as
/// what comes on a connection whose handshake is to be finished.
///
/// # Panics
///
/// When an invariant does not hold; that is its purpose.
pub fn fuzz(data: &[u8]) {
    secret::fuzz(data);
    kind::fuzz(data);
    let leaf = certificate::Leaf::read(data);
    assert_eq!(leaf.certificate.sha256, crate::model::ids::Sha256::of(data));
    assert!(leaf.certificate.names.len() <= certificate::MAX_NAMES);
    assert!(leaf.certificate.names.iter().all(|n| n.len() <= certificate::MAX_NAME_LEN));
}
