//! The probes, one folder or file each, by the wraps that they speak.
//!
//! To add one, write `probe/kind/<name>.rs` with a `pub(super) const KIND`, and add its `mod` line and its
//! entry in [`KINDS`] below.

use std::{future::Future, net::SocketAddr, pin::Pin};

use super::{
    context::Context,
    trace::{Aside, Way},
};
use crate::model::{
    asked::Asked,
    ids::Sha256,
    observation::{Attempt, Certificate, Contact, OtherKey, Skip, TlsFacts},
    relay::Relay,
    served::{Expectation, Served},
    wrap::{Transport, Wrap},
};

mod dtls;
mod stun;
mod tls;
/// Every probe.
pub const KINDS: &[Kind] = &[dtls::KIND, stun::OVER_UDP, stun::OVER_TCP, tls::KIND];

/// Hands any bytes to those who hear a server on a connection of their own. For fuzzers and property tests.
///
/// # Panics
///
/// When one of them does, or takes something for an answer that is none.
pub fn fuzz(data: &[u8]) {
    dtls::fuzz(data);
    tls::fuzz(data);
}

/// One probe.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name: that of its file.
    pub name: &'static str,
    /// The transport that it uses.
    pub transport: Transport,
    /// The wraps that it speaks.
    pub wraps: &'static [Wrap],
    /// Looks at one target, over one connection at a time.
    pub look: Look,
}

/// How a probe is called.
pub type Look = for<'a> fn(Target<'a>, &'a Context) -> Pin<Box<dyn Future<Output = Seen> + Send + 'a>>;

/// The probe for a wrap over a transport, where this build has one.
pub fn find(wrap: Wrap, transport: Transport) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.transport == transport && k.wraps.contains(&wrap))
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "marks that have nothing to do with each other")]
pub struct Target<'a> {
    /// What is collected on the side.
    pub aside: &'a Aside,
    /// Where it listens.
    pub address: SocketAddr,
    /// The transport of its row.
    pub transport: Transport,
    /// How TLS is reached, as far as is known.
    pub wrap: Wrap,
    /// The host name to send.
    pub sni: Option<&'a str>,
    /// Never beyond a handshake (PROBING 6).
    pub fragile: bool,
    /// What it speaks is being found out: one try, without a second one after silence.
    pub trial: bool,
    /// The inventory says that it is not fragile, whatever it looks like.
    pub sturdy: bool,
    /// It relays, by what the inventory calls it or by its port: STUN and TURN are asked about inside TLS and DTLS too.
    pub relays: bool,
}

impl Target<'_> {
    /// Adds a line to the account of this look, where one is kept.
    pub fn tell(&self, way: Way, text: impl FnOnce() -> String) {
        if let Some(trace) = &self.aside.trace {
            trace.tell(way, text());
        }
    }
}

/// What a look brought: the part of an observation that the probe fills.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How it ended.
    pub contact: Contact,
    /// The wrap that the service turned out to speak, where that is another one.
    pub wrap: Option<Wrap>,
    /// Why policy held it back.
    pub skip: Option<Skip>,
    /// More about the contact, in our own words.
    pub detail: Option<String>,
    /// The handshake.
    pub tls: Option<TlsFacts>,
    /// The leaf.
    pub certificate: Option<Certificate>,
    /// Digests of the rest of the chain.
    pub chain: Vec<Sha256>,
    /// Other keys served.
    pub other_keys: Option<Vec<OtherKey>>,
    /// The connections that asked.
    pub attempts: Vec<Attempt>,
    /// The chain behind the leaf.
    pub served: Option<Box<Served>>,
    /// What users must still get.
    pub expectations: Vec<Expectation>,
    /// Other questions and what came of them.
    pub asked: Vec<Asked>,
    /// What it said as a relay.
    pub relay: Option<Relay>,
}

impl Seen {
    /// Nothing but how it ended.
    pub const fn ended(contact: Contact) -> Self {
        Self {
            contact,
            wrap: None,
            skip: None,
            detail: None,
            tls: None,
            certificate: None,
            chain: Vec::new(),
            other_keys: None,
            attempts: Vec::new(),
            served: None,
            expectations: Vec::new(),
            asked: Vec::new(),
            relay: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_probe_file_is_registered() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/probe/kind");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
            .filter(|stem| stem != "mod")
            .collect();
        let names: BTreeSet<String> = KINDS.iter().map(|k| k.name.to_owned()).collect();
        assert_eq!(files, names);
    }

    #[test]
    fn a_wrap_has_one_probe_at_most() {
        for wrap in Wrap::ALL {
            for transport in Transport::ALL {
                let fits = |k: &&Kind| k.transport == *transport && k.wraps.contains(wrap);
                let n = KINDS.iter().filter(fits).count();
                assert!(n <= 1, "{wrap} over {transport} has {n} probes");
            }
        }
        assert_eq!(find(Wrap::Tls, Transport::Tcp).map(|k| k.name), Some("tls"));
        assert_eq!(find(Wrap::Turn, Transport::Udp).map(|k| k.name), Some("stun"));
        assert_eq!(find(Wrap::Turn, Transport::Tcp).map(|k| k.name), Some("stun"));
        assert_eq!(find(Wrap::Dtls, Transport::Udp).map(|k| k.name), Some("dtls"));
        assert!(find(Wrap::Tls, Transport::Udp).is_none());
    }
}
