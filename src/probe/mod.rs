//! Network probes: what was seen, never what it means.

pub mod certificate;
pub mod dial;
pub mod limits;
