//! Network probes: what was seen, never what it means.
//!
//! A probe looks at one endpoint and returns an observation; `assess` turns observations into verdicts, and
//! the scheduler alone decides how many endpoints are looked at at a time. Sockets to targets are opened in
//! [`dial`] and nowhere else. To add a probe, see [`kind`].

pub mod calibration;
pub mod certificate;
pub mod dial;
pub mod endpoint;
pub mod engine;
pub mod kind;
pub mod limits;
pub mod tls13;

pub use endpoint::{Context, Depth, Job, Settings, probe_endpoint};
