//! What the other side of one connection has said so far: bytes in, facts out. No sockets, no waiting.
//!
//! Heartbeats are compared with every payload that was sent on this connection, whenever they come: an answer
//! that arrives late is still told apart from one to a later request.

use crate::{
    model::observation::TlsVersion,
    probe::flight::{Facts, Flight},
    wire::{
        greeting::Greeting,
        tls::{
            alert::Alert,
            handshake::Assembler,
            heartbeat::{self, Payload},
            record::{self, RecordError, RecordReader},
        },
    },
};

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
    flight: Flight,
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
            flight: Flight::new(highest),
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
        self.flight.facts()
    }

    /// The same, by value.
    pub(super) fn into_facts(self) -> Option<Facts> {
        self.flight.into_facts()
    }

    /// Whether the handshake is as far as it goes, one way or the other.
    pub(super) const fn has_settled(&self) -> bool {
        self.flight.is_done() || self.alert.is_some() || self.fault.is_some()
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
                        record::HANDSHAKE if !self.flight.is_done() => {
                            if take(&mut self.flight, &mut self.messages, fragment).is_none() {
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

/// `None`: the messages make no sense.
fn take(flight: &mut Flight, messages: &mut Assembler, mut fragment: &[u8]) -> Option<()> {
    while !flight.is_done() {
        let Some(message) = messages.read(&mut fragment).ok()? else {
            return Some(());
        };
        flight.hear(message.kind, message.body)?;
    }
    Some(())
}
