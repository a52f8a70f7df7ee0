//! Private keys: which ones services are configured to use, where they lie, and which public key each
//! belongs to, so that a key on disk can be joined with what the network shows.
//!
//! It reads configuration and key files. It never decrypts a key, never tries a pass phrase, and nothing
//! of a private key or of a configured value that is not a path leaves it.

mod collect;
mod config;
mod der;
mod fuzz;
mod openssh;
mod pem;
mod private;
mod wipe;

#[cfg(test)]
mod tests;

pub use fuzz::fuzz;

use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Key, Part},
};

const PART: Part = Part::Secrets;

/// The private keys that the services of a host are configured to use, and those that lie where keys lie
/// by custom; sorted by path. What could not be read or understood is a gap.
pub fn keys(root: &Root, cover: &Cover) -> Vec<Key> {
    cover.part(PART);
    let mut visit = config::Visit::new(root, cover);
    config::table::services(&mut visit);
    config::nginx::read(&mut visit);
    config::apache::read(&mut visit);
    config::haproxy::read(&mut visit);
    config::exim::read(&mut visit);
    config::lua::read(&mut visit);
    config::tags::read(&mut visit);
    config::small::read(&mut visit);
    config::table::folders(&mut visit);
    let named = collect::by_path(root, visit.mentions);
    let collector = collect::Collector::new(root, cover);
    let mut keys = Vec::new();
    for named in &named {
        if cover.out_of_time() {
            cover.gap(PART, "time-limit", "keys");
            break;
        }
        keys.extend(collector.keys(named));
    }
    keys.sort_by(|a, b| (&a.path, a.number).cmp(&(&b.path, b.number)));
    keys.dedup();
    keys
}
