//! What the other side of an association has said so far: datagrams in, facts out. No sockets, no waiting.
//!
//! Anybody may send a datagram that looks as if it came from the server, so what makes no sense is dropped and decides
//! nothing; what was heard twice counts once.

use crate::{
    model::observation::TlsVersion,
    probe::flight::{Facts, Flight},
    wire::{
        dtls::{
            self,
            handshake::{self as fragments, Reassembler, Whole},
            record as records,
        },
        secure::{negotiation::Negotiation, protect::Half},
        tls::{
            alert::Alert,
            handshake as hs,
            heartbeat::{self, Payload},
            record,
        },
    },
};

/// The most bytes of application data that are kept.
const MAX_PLAIN: usize = 16 * 1024;

/// What the server writes once keys are agreed on.
pub(super) struct Behind {
    pub(super) half: Half,
    /// The body of the server's Finished, when it is right.
    pub(super) expected: Vec<u8>,
}

/// One side of an association, as far as it was heard.
#[expect(clippy::struct_excessive_bools, reason = "marks that have nothing to do with each other")]
pub(super) struct Ear {
    flight: Flight,
    messages: Reassembler,
    /// Of a HelloVerifyRequest that was not answered yet.
    pub(super) cookie: Option<Vec<u8>>,
    /// The handshake, where it is to be finished and can be.
    pub(super) negotiation: Option<Negotiation>,
    /// From the client's Finished on.
    pub(super) behind: Option<Behind>,
    /// The server's Finished came and is right.
    pub(super) finished: bool,
    /// The alert that ends the association.
    pub(super) alert: Option<Alert>,
    /// A flight that makes no sense.
    pub(super) garbled: bool,
    /// Any record of DTLS came.
    pub(super) spoke: bool,
    /// Something came that is none.
    pub(super) strange: bool,
    sent: Vec<(Payload, bool)>,
    /// Length of the first heartbeat that holds none of our payloads.
    pub(super) other: Option<u32>,
    pub(super) foreign: u64,
    /// Application data, a datagram each.
    pub(super) plain: Vec<Vec<u8>>,
}

impl Ear {
    /// Nothing heard yet; the hello offered `highest`.
    pub(super) const fn new(highest: TlsVersion, negotiation: Option<Negotiation>) -> Self {
        Self {
            flight: Flight::new(highest),
            messages: Reassembler::new(),
            cookie: None,
            negotiation,
            behind: None,
            finished: false,
            alert: None,
            garbled: false,
            spoke: false,
            strange: false,
            sent: Vec::new(),
            other: None,
            foreign: 0,
            plain: Vec::new(),
        }
    }

    /// What the handshake showed, once the flight is whole.
    pub(super) const fn facts(&self) -> Option<&Facts> {
        self.flight.facts()
    }

    /// The same, by value.
    pub(super) fn into_facts(self) -> Option<Facts> {
        self.flight.into_facts()
    }

    /// Whether the handshake is as far as it goes, one way or the other.
    pub(super) const fn has_settled(&self) -> bool {
        self.flight.is_done() || self.has_ended()
    }

    /// Whether nothing more is to be expected.
    pub(super) const fn has_ended(&self) -> bool {
        self.alert.is_some() || self.garbled
    }

    /// Remembers a payload that goes out, and returns its index.
    pub(super) fn expect(&mut self, payload: Payload) -> usize {
        self.sent.push((payload, false));
        self.sent.len() - 1
    }

    /// Whether the payload with this index came back.
    pub(super) fn has_echoed(&self, index: usize) -> bool {
        self.sent.get(index).is_some_and(|(_, echoed)| *echoed)
    }

    /// Takes in a datagram.
    pub(super) fn absorb(&mut self, datagram: &[u8]) {
        let mut any = false;
        for found in records::records(datagram) {
            any = true;
            let plain = match (found.epoch, &mut self.behind) {
                (0, _) => Some(found.fragment.to_vec()),
                (_, Some(behind)) => {
                    behind.half.open(found.bound(), found.content_type, found.version, found.fragment)
                }
                (_, None) => None,
            };
            if let Some(plain) = plain {
                self.record(found.content_type, found.epoch, &plain);
            }
        }
        self.spoke |= any;
        self.strange |= !any;
    }

    fn record(&mut self, content_type: u8, epoch: u16, plain: &[u8]) {
        // In the clear, anybody could say it once there are keys.
        let counts = epoch > 0 || self.behind.is_none();
        match content_type {
            record::HANDSHAKE => self.handshake(plain, epoch),
            record::ALERT => match Alert::parse(plain) {
                Some(alert) if !alert.goes_on() => _ = self.alert.get_or_insert(alert),
                _ => {}
            },
            record::HEARTBEAT if counts => self.heartbeat(plain),
            record::APPLICATION_DATA if epoch > 0 => {
                let held: usize = self.plain.iter().map(Vec::len).sum();
                if held + plain.len() <= MAX_PLAIN {
                    self.plain.push(plain.to_vec());
                }
            }
            _ => {}
        }
    }

    fn heartbeat(&mut self, plain: &[u8]) {
        let payloads: Vec<Payload> = self.sent.iter().map(|(payload, _)| *payload).collect();
        let heard = heartbeat::hear(plain, &payloads);
        self.foreign = self.foreign.saturating_add(heard.foreign);
        match heard.payload.and_then(|i| self.sent.get_mut(i)) {
            Some((_, echoed)) => *echoed = true,
            None => _ = self.other.get_or_insert(heard.len),
        }
    }

    fn handshake(&mut self, plain: &[u8], epoch: u16) {
        for fragment in fragments::fragments(plain) {
            // A Finished that is not protected is nobody's.
            if epoch > 0 || fragment.kind != hs::FINISHED {
                self.messages.take(&fragment);
            }
        }
        while let Some(whole) = self.messages.next() {
            self.message(&whole);
        }
    }

    fn message(&mut self, whole: &Whole) {
        if whole.kind == fragments::HELLO_VERIFY_REQUEST {
            self.cookie = fragments::cookie(&whole.body).map(<[u8]>::to_vec);
            return;
        }
        if self.flight.is_done() {
            if let Some(behind) = self.behind.as_ref().filter(|_| whole.kind == hs::FINISHED) {
                self.finished = behind.expected == whole.body;
                self.garbled |= !self.finished;
            }
            return;
        }
        if let Some(negotiation) = &mut self.negotiation {
            negotiation.transcribe(&dtls::whole(whole.kind, whole.sequence, &whole.body));
            if negotiation.hear(whole.kind, &whole.body).is_err() {
                self.negotiation = None; // it can be looked at all the same
            }
        }
        self.garbled |= self.flight.hear(whole.kind, &whole.body).is_none();
    }
}

/// Any bytes as datagrams: whole, and cut in two.
pub(super) fn fuzz(data: &[u8]) {
    let mut ear = Ear::new(TlsVersion::Dtls12, Some(Negotiation::new([1; 32], 0xfefd)));
    let index = ear.expect(Payload::short([7; 16]));
    ear.absorb(data);
    let (head, tail) = data.split_at(data.len() / 2);
    ear.absorb(head);
    ear.absorb(tail);
    assert!(!ear.finished && !ear.has_echoed(index), "answers that nobody can have made");
    assert!(ear.plain.is_empty(), "data without keys");
}

#[cfg(test)]
mod tests;
