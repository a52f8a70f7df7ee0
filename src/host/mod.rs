//! Host evidence: which TLS libraries a host has, in which packages, files and processes; who can reach
//! what listens; where its keys lie.
//!
//! Collects here or over ssh, reads documents and the output of other tools, and says what it could not
//! see. It reads only: nothing on a host is changed, no key's bytes leave it. It never says what a fact
//! means for a disclosure: that is `assess`.
//!
//! Parts do not see each other; `collect` joins them. Everything that a host holds is untrusted: each
//! part is bounded and counts what it leaves out in [`cover::Cover`].

pub mod clients;
pub mod collect;
pub mod cover;
pub mod document;
pub mod exposure;
pub mod facts;
pub mod import;
pub mod library;
pub mod pack;
pub mod packages;
pub mod process;
pub mod root;
pub mod script;
pub mod secrets;
pub mod ssh;
pub mod state;

/// The entry for fuzzing: the first byte picks the part, the rest is its input. The letters are in the
/// seeds, so a letter is never given to another part.
pub fn fuzz(data: &[u8]) {
    let Some((part, rest)) = data.split_first() else { return };
    match part {
        b'd' => document::fuzz(rest),
        b'e' => exposure::fuzz(rest),
        b'i' => import::fuzz(rest),
        b'k' => secrets::fuzz(rest),
        b'l' => library::fuzz(rest),
        b'p' => packages::fuzz(rest),
        b'r' => process::fuzz(rest),
        b's' => ssh::fuzz(rest),
        _ => {}
    }
}
