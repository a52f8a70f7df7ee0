//! Host evidence: which TLS libraries a host has, in which packages, files and processes; who can reach
//! what listens; where its keys lie.
//!
//! Collects here or over ssh, reads documents and the output of other tools, and says what it could not
//! see. It reads only: nothing on a host is changed, no key's bytes leave it. It never says what a fact
//! means for a disclosure: that is `assess`.
//!
//! Parts do not see each other; `collect` joins them. Everything that a host holds is untrusted: each
//! part is bounded and counts what it leaves out in [`cover::Cover`].

pub mod cover;
pub mod document;
pub mod pack;
pub mod root;
