//! One handshake from the client's side up to its keys, apart from framing: the messages of the server's flight go in,
//! the bodies of our answers and the keys of both directions come out (RFC 5246, 7.3).
//!
//! The transcript is the caller's to feed, since DTLS writes its headers differently (RFC 6347, 4.2.6).

use super::{
    exchange::{self, RsaKey, Unable},
    prf::{Prf, Side},
    protect::{self, Half},
    suite::{self, Suite},
};
use crate::wire::tls::{
    certificates,
    handshake::{self as hs, ServerHello},
};

/// The longest transcript that is kept.
const MAX_TRANSCRIPT: usize = 256 * 1024;

/// What a handshake agreed on, without any secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The version as it stands on the wire.
    pub version: u16,
    /// The suite.
    pub suite: &'static Suite,
}

/// Why a flight leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A message makes no sense, or comes where it has no place.
    #[error("a handshake message makes no sense")]
    Malformed,
    /// A suite, a version or an extension that was not offered.
    #[error("something was agreed on that was not offered")]
    NotOffered,
    /// The key exchange.
    #[error(transparent)]
    Exchange(#[from] Unable),
}

/// Keys of both directions, and what Finished is made of.
pub struct Keys {
    prf: Prf,
    master: Vec<u8>,
    /// What the client writes.
    pub client: Half,
    /// What the server writes.
    pub server: Half,
}

impl Keys {
    /// From what both sides have: a premaster secret and the two randoms.
    pub fn derive(agreed: Agreed, premaster: &[u8], client: &[u8; 32], server: &[u8; 32]) -> Option<Self> {
        let prf = prf_of(agreed);
        let master = prf.master(premaster, client, server);
        let block = prf.key_block(&master, client, server, agreed.suite.key_block_len());
        let (client, server) = protect::halves(agreed.suite, &block, agreed.version != 0x0301)?;
        Some(Self { prf, master, client, server })
    }

    /// The body of a Finished message over this transcript.
    pub fn finished(&self, side: Side, transcript: &[u8]) -> Vec<u8> {
        self.prf.finished(&self.master, side, transcript)
    }
}

/// TLS 1.2 and DTLS 1.2 derive by the suite's digest, everything older by MD5 and SHA-1.
const fn prf_of(agreed: Agreed) -> Prf {
    match (agreed.version, agreed.suite.sha384) {
        (0x0303 | 0xfefd, true) => Prf::Sha384,
        (0x0303 | 0xfefd, false) => Prf::Sha256,
        _ => Prf::Legacy,
    }
}

/// The client's answers to a flight.
pub struct Answer {
    /// The body of an empty Certificate, where one was asked for.
    pub certificate: Option<Vec<u8>>,
    /// The body of ClientKeyExchange.
    pub exchange: Vec<u8>,
    /// The keys.
    pub keys: Keys,
}

/// A handshake in which the server is heard.
#[derive(Debug)]
pub struct Negotiation {
    random: [u8; 32],
    offered: u16,
    transcript: Vec<u8>,
    server: Option<(Agreed, [u8; 32])>,
    leaf: Option<Vec<u8>>,
    exchange: Option<Vec<u8>>,
    asks_certificate: bool,
}

impl Negotiation {
    /// A handshake whose hello had this random and this version.
    pub const fn new(random: [u8; 32], offered: u16) -> Self {
        Self {
            random,
            offered,
            transcript: Vec::new(),
            server: None,
            leaf: None,
            exchange: None,
            asks_certificate: false,
        }
    }

    /// Adds a message, as it is transcribed, in the order in which it went over the wire. What is too long is cut, and
    /// the server's Finished will then not be right.
    pub fn transcribe(&mut self, message: &[u8]) {
        let room = MAX_TRANSCRIPT.saturating_sub(self.transcript.len());
        self.transcript.extend_from_slice(message.get(..room).unwrap_or(message));
    }

    /// Forgets the transcript and begins it with this message.
    pub fn restart(&mut self, message: &[u8]) {
        self.transcript.clear();
        self.transcribe(message);
    }

    /// All messages so far.
    pub fn transcript(&self) -> &[u8] {
        &self.transcript
    }

    /// Hears a message of the server. `true`: the flight is whole.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn hear(&mut self, kind: u8, body: &[u8]) -> Result<bool, Refused> {
        match kind {
            hs::SERVER_HELLO if self.server.is_none() => {
                let hello = ServerHello::parse(body).map_err(|_| Refused::Malformed)?;
                let suite = suite::find(hello.suite).ok_or(Refused::NotOffered)?;
                // It would derive other keys, and was not offered.
                let extended = hello.extensions.find(hs::EXT_EXTENDED_MASTER_SECRET).is_some();
                let known = matches!(hello.version, 0x0301..=0x0303 | 0xfefd | 0xfeff);
                if extended || !known || hello.compression != 0 {
                    return Err(Refused::NotOffered);
                }
                self.server = Some((Agreed { version: hello.version, suite }, *hello.random));
            }
            hs::CERTIFICATE => {
                let chain = certificates::parse(body).map_err(|_| Refused::Malformed)?;
                self.leaf = chain.first().map(|der| der.to_vec());
            }
            hs::SERVER_KEY_EXCHANGE => self.exchange = Some(body.to_vec()),
            hs::CERTIFICATE_REQUEST => self.asks_certificate = true,
            hs::SERVER_HELLO_DONE => return self.server.map(|_| true).ok_or(Refused::Malformed),
            _ => {}
        }
        Ok(false)
    }

    /// What was agreed on, once the server's hello came.
    pub fn agreed(&self) -> Option<Agreed> {
        self.server.map(|(agreed, _)| agreed)
    }

    /// The server's certificate, DER.
    pub fn leaf(&self) -> Option<&[u8]> {
        self.leaf.as_deref()
    }

    /// The answers to a whole flight. `key` is the RSA key of the certificate, where it holds one.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn answer(&self, key: Option<&RsaKey>) -> Result<Answer, Refused> {
        let (agreed, random) = self.server.ok_or(Refused::Malformed)?;
        let shared = exchange::answer(agreed.suite, self.offered, self.exchange.as_deref(), key)?;
        let keys =
            Keys::derive(agreed, &shared.premaster, &self.random, &random).ok_or(Refused::Malformed)?;
        Ok(Answer {
            certificate: self.asks_certificate.then(|| vec![0, 0, 0]),
            exchange: shared.message,
            keys,
        })
    }
}
