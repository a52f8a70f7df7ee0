//! What the other side of one connection has said so far: bytes in, facts out. No sockets, no waiting.
//!
//! Heartbeats are compared with every payload that was sent on this connection, whenever they come: an answer
//! that arrives late is still told apart from one to a later request.

use crate::{
    model::observation::TlsVersion,
    probe::certificate::Leaf,
    wire::{
        greeting::Greeting,
        tls::{
            alert::Alert,
            certificates, groups,
            handshake::{self as hs, Assembler, ServerHello},
            heartbeat::{self, Payload},
            key_exchange::{self, Dh},
            record::{self, RecordError, RecordReader},
            suites::{self, Suite},
            version_of,
        },
    },
};

/// The most certificates of a chain that are kept beside the leaf.
pub(super) const MAX_CHAIN: usize = 10;

/// What a server's flight up to ServerHelloDone showed.
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

/// What makes it pointless to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something else than TLS.
    NotTls,
    /// TLS, and then something that cannot be read.
    Garbled,
}

/// One side of a connection, as far as it was heard.
#[derive(Debug)]
pub(super) struct Peer {
    records: RecordReader,
    messages: Assembler,
    highest: TlsVersion,
    facts: Option<Facts>,
    /// ServerHelloDone came.
    pub(super) done: bool,
    /// The alert that ends the connection.
    pub(super) alert: Option<Alert>,
    /// The last alert that does not.
    pub(super) warning: Option<Alert>,
    pub(super) fault: Option<Fault>,
    sent: Vec<Payload>,
    echoed: [bool; 2],
    /// Length of the first heartbeat that holds none of our payloads.
    pub(super) other: Option<u32>,
    pub(super) foreign: u64,
    /// The content type of a record that has no place there.
    pub(super) unexpected: Option<u8>,
}

impl Peer {
    /// Nothing heard yet; the hello offered `highest`.
    pub(super) const fn new(highest: TlsVersion) -> Self {
        Self {
            records: RecordReader::new(),
            messages: Assembler::new(),
            highest,
            facts: None,
            done: false,
            alert: None,
            warning: None,
            fault: None,
            sent: Vec::new(),
            echoed: [false; 2],
            other: None,
            foreign: 0,
            unexpected: None,
        }
    }

    /// Remembers a payload that goes out, and returns its index.
    pub(super) fn expect(&mut self, payload: Payload) -> usize {
        self.sent.push(payload);
        self.sent.len() - 1
    }

    /// Whether the payload with this index came back.
    pub(super) fn has_echoed(&self, index: usize) -> bool {
        self.echoed.get(index).copied().unwrap_or(false)
    }

    /// Whether any payload came back.
    pub(super) fn has_echoed_any(&self) -> bool {
        self.echoed.contains(&true)
    }

    /// Whether nothing at all was said.
    pub(super) const fn is_mute(&self) -> bool {
        self.records.is_untouched()
    }

    /// What was said instead of TLS, as far as it is held.
    pub(super) fn said(&self) -> &[u8] {
        self.records.said()
    }

    /// The protocol that was recognised instead of TLS.
    pub(super) fn greeting(&self) -> Option<Greeting> {
        self.records.greeting()
    }

    /// Whether enough was said instead of TLS to tell what it is.
    pub(super) fn greeting_is_whole(&self) -> bool {
        self.records.greeting_is_whole()
    }

    /// What the handshake showed, once it is done.
    pub(super) const fn facts(&self) -> Option<&Facts> {
        if self.done { self.facts.as_ref() } else { None }
    }

    /// The same, by value.
    pub(super) fn into_facts(self) -> Option<Facts> {
        self.facts.filter(|_| self.done)
    }

    /// Whether the handshake is as far as it goes, one way or the other.
    pub(super) const fn has_settled(&self) -> bool {
        self.done || self.alert.is_some() || self.fault.is_some()
    }

    /// Gives back the memory that the handshake took.
    pub(super) fn forget_handshake(&mut self) {
        self.records.shrink();
        self.messages = Assembler::new();
    }

    /// Takes in what came.
    pub(super) fn absorb(&mut self, mut bytes: &[u8]) {
        loop {
            match self.records.read(&mut bytes) {
                Ok(None) => return,
                Err(error) => {
                    let fault = match error {
                        RecordError::NotTls => Fault::NotTls,
                        RecordError::BadHeader { .. } => Fault::Garbled,
                    };
                    self.fault.get_or_insert(fault);
                    return;
                }
                Ok(Some(found)) => {
                    let (content_type, fragment) = (found.content_type, found.fragment);
                    match content_type {
                        record::HANDSHAKE if !self.done => {
                            let mut flight = Flight {
                                facts: &mut self.facts,
                                highest: self.highest,
                                done: &mut self.done,
                            };
                            if flight.take(&mut self.messages, fragment).is_none() {
                                self.fault.get_or_insert(Fault::Garbled);
                            }
                        }
                        record::ALERT => match Alert::parse(fragment) {
                            Some(alert) if alert.goes_on() => self.warning = Some(alert),
                            Some(alert) => _ = self.alert.get_or_insert(alert),
                            None => self.unexpected = Some(content_type),
                        },
                        record::HEARTBEAT => {
                            let heard = heartbeat::hear(fragment, &self.sent);
                            self.foreign = self.foreign.saturating_add(heard.foreign);
                            match heard.payload.and_then(|i| self.echoed.get_mut(i)) {
                                Some(echoed) => *echoed = true,
                                None => _ = self.other.get_or_insert(heard.len),
                            }
                        }
                        _ => self.unexpected = Some(content_type),
                    }
                }
            }
        }
    }
}

/// The part of a [`Peer`] that handshake messages change, while a record is borrowed from it.
struct Flight<'a> {
    facts: &'a mut Option<Facts>,
    highest: TlsVersion,
    done: &'a mut bool,
}

impl Flight<'_> {
    /// `None`: the messages make no sense.
    fn take(&mut self, messages: &mut Assembler, mut fragment: &[u8]) -> Option<()> {
        while !*self.done {
            let Some(message) = messages.read(&mut fragment).ok()? else {
                return Some(());
            };
            match message.kind {
                hs::SERVER_HELLO => {
                    let hello = ServerHello::parse(message.body).ok()?;
                    let version = version_of(hello.selected_version()).filter(|v| *v <= self.highest)?;
                    *self.facts = Some(Facts {
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
                    let chain = certificates::parse(message.body).ok()?;
                    if let (Some(facts), Some(leaf)) = (self.facts.as_mut(), chain.first()) {
                        facts.leaf = Some(Box::new(Leaf::read(leaf)));
                        facts.chain = chain.iter().take(MAX_CHAIN + 1).map(|der| der.to_vec()).collect();
                    }
                }
                hs::CERTIFICATE_STATUS => {
                    if let Some(facts) = self.facts.as_mut() {
                        facts.staple = hs::ocsp_response(message.body).map(<[u8]>::to_vec);
                    }
                }
                hs::SERVER_KEY_EXCHANGE => {
                    if let Some(facts) = self.facts.as_mut() {
                        facts.exchange = Exchange::read(facts.suite, message.body);
                    }
                }
                hs::SERVER_HELLO_DONE => {
                    self.facts.as_ref()?;
                    *self.done = true;
                }
                _ => {}
            }
        }
        Some(())
    }
}
