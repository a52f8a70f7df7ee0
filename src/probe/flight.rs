//! A server's flight up to ServerHelloDone, message by message, over a stream or over datagrams: what it shows, and what a
//! look makes of it. No sockets; how messages are framed is the caller's business.

use std::sync::Arc;

use super::{
    certificate::Leaf,
    context::Context,
    kind::{Seen, Target},
    signer::is_authority_of,
    trace, trust,
};
use crate::{
    model::{
        ids::Sha256,
        observation::{Certificate, Contact, HeartbeatExtension, Skip, TlsFacts, TlsVersion},
    },
    wire::tls::{
        certificates, groups,
        handshake::{self as hs, ServerHello},
        hello::Hello,
        key_exchange::{self, Dh},
        suites::{self, Suite},
        version_of,
    },
};

/// The most certificates of a chain that are kept beside the leaf.
pub(super) const MAX_CHAIN: usize = 10;

/// What a whole flight showed.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) version: TlsVersion,
    pub(super) suite: u16,
    /// The server's random.
    pub(super) random: [u8; 32],
    /// The parameters of its key exchange.
    pub(super) exchange: Exchange,
    /// Whether the heartbeat extension came back.
    pub(super) heartbeat: bool,
    pub(super) leaf: Option<Box<Leaf>>,
    /// The chain as DER, leaf first.
    pub(super) chain: Vec<Vec<u8>>,
    /// The OCSP answer that came with it.
    pub(super) staple: Option<Vec<u8>>,
}

/// What a ServerKeyExchange told of its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exchange {
    /// Bits of the Diffie-Hellman prime, or of the short RSA key.
    pub(super) bits: Option<u32>,
    /// The name of a prime that many share.
    pub(super) group: Option<&'static str>,
}

impl Exchange {
    /// By the suite, since the message itself does not say what it holds.
    fn read(suite: u16, body: &[u8]) -> Self {
        let suite = suites::find(suite);
        if suite.is_some_and(Suite::is_dhe) {
            let dh = Dh::parse(body);
            Self {
                bits: dh.map(|dh| key_exchange::bits(dh.prime)),
                group: dh.and_then(|dh| groups::shared(dh.prime)),
            }
        } else if suite.is_some_and(|s| s.is_export() && s.is_rsa_exchange()) {
            Self { bits: key_exchange::rsa_modulus(body).map(key_exchange::bits), group: None }
        } else {
            Self::default()
        }
    }
}

/// A flight as far as it was heard.
#[derive(Debug)]
pub(super) struct Flight {
    highest: TlsVersion,
    facts: Option<Facts>,
    done: bool,
}

impl Flight {
    /// Nothing heard yet; the hello offered `highest`.
    pub(super) const fn new(highest: TlsVersion) -> Self {
        Self { highest, facts: None, done: false }
    }

    /// ServerHelloDone came.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// What the handshake showed, once it is done.
    pub(super) const fn facts(&self) -> Option<&Facts> {
        if self.done { self.facts.as_ref() } else { None }
    }

    /// The same, by value.
    pub(super) fn into_facts(self) -> Option<Facts> {
        self.facts.filter(|_| self.done)
    }

    /// Hears a message. `None`: it makes no sense.
    pub(super) fn hear(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        match kind {
            hs::SERVER_HELLO => {
                let hello = ServerHello::parse(body).ok()?;
                let version = version_of(hello.selected_version()).filter(|v| self.may_be(*v))?;
                self.facts = Some(Facts {
                    version,
                    suite: hello.suite,
                    random: *hello.random,
                    exchange: Exchange::default(),
                    heartbeat: hello.heartbeat().is_some(),
                    leaf: None,
                    chain: Vec::new(),
                    staple: None,
                });
            }
            hs::CERTIFICATE => {
                let chain = certificates::parse(body).ok()?;
                if let (Some(facts), Some(leaf)) = (self.facts.as_mut(), chain.first()) {
                    facts.leaf = Some(Box::new(Leaf::read(leaf)));
                    facts.chain = chain.iter().take(MAX_CHAIN + 1).map(|der| der.to_vec()).collect();
                }
            }
            hs::CERTIFICATE_STATUS => {
                if let Some(facts) = self.facts.as_mut() {
                    facts.staple = hs::ocsp_response(body).map(<[u8]>::to_vec);
                }
            }
            hs::SERVER_KEY_EXCHANGE => {
                if let Some(facts) = self.facts.as_mut() {
                    facts.exchange = Exchange::read(facts.suite, body);
                }
            }
            hs::SERVER_HELLO_DONE => {
                self.facts.as_ref()?;
                self.done = true;
            }
            _ => {}
        }
        Some(())
    }

    /// Whether a server may choose it: not above what was offered, and not of the other framing.
    fn may_be(&self, version: TlsVersion) -> bool {
        version.is_datagram() == self.highest.is_datagram() && version.of_stream() <= self.highest.of_stream()
    }
}

/// What was seen, after a handshake: spared where the service is fragile, by its row or by the certificate that it
/// shows.
pub(super) fn answered(
    target: Target<'_>,
    context: &Context,
    leaf: Option<&Leaf>,
    chain: &[Vec<u8>],
) -> Seen {
    let certificate = leaf.map(|leaf| &leaf.certificate);
    let signature = context.fragile_by(certificate).filter(|_| !target.sturdy);
    let mut seen = Seen::ended(Contact::Answered);
    if target.fragile || signature.is_some() {
        seen = Seen::ended(Contact::Skipped);
        seen.skip = Some(Skip::Fragile);
        seen.detail = signature.map(|name| format!("its certificate is that of a fragile device: {name}"));
        target.tell(trace::Way::Note, || "fragile: a handshake, and nothing more".to_owned());
    }
    let ders: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    for der in ders.iter().skip(1) {
        target.aside.add_issuer(der);
    }
    seen.chain = ders.iter().skip(1).take(MAX_CHAIN).map(|der| Sha256::of(der)).collect();
    seen.served = trust::served(&ders, context.trust.as_deref(), context.clock.now()).map(Box::new);
    seen.certificate = certificate.cloned().map(|c| with_issuer(c, &ders));
    seen
}

/// Notes which of the certificates served signed the leaf, so that its authority can be asked later by the right key.
fn with_issuer(mut leaf: Certificate, chain: &[&[u8]]) -> Certificate {
    if let (Some(details), Some((der, rest))) = (&mut leaf.details, chain.split_first()) {
        let signer = rest.iter().find(|candidate| is_authority_of(candidate, der));
        details.issuer = signer.map(|der| Sha256::of(der));
    }
    leaf
}

/// What was seen of a flight, and the kind of key that it showed.
pub(super) fn seen_flight(
    target: Target<'_>,
    context: &Context,
    facts: &Facts,
    extension: HeartbeatExtension,
    hello: Hello<'_>,
) -> (Seen, Option<suites::Auth>) {
    let mut seen = answered(target, context, facts.leaf.as_deref(), &facts.chain);
    if let Some(staple) = &facts.staple {
        target.aside.set_staple(staple);
    }
    seen.tls = Some(TlsFacts {
        version: facts.version,
        cipher: Arc::from(suites::name(facts.suite)),
        heartbeat_extension: match extension {
            HeartbeatExtension::NotOffered => None,
            HeartbeatExtension::Offered => Some(false),
            HeartbeatExtension::Acknowledged => Some(true),
        },
        without_sni: !hello.sends_sni() && Hello::first(target.sni).sends_sni(),
    });
    let by_suite = suites::find(facts.suite).map(|s| s.auth).filter(|a| a.has_certificate());
    (seen, facts.leaf.as_ref().and_then(|leaf| leaf.key).or(by_suite))
}
