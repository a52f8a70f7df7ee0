//! Network probes: what was seen, never what it means.
pub mod engine;
