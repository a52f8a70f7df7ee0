//! What a STUN or TURN server is asked, whatever carries the messages: a binding, and whether it relays for anybody. An
//! allocation that is granted is given back at once. No credentials, nothing is relayed.
//!
//! Messages in, messages out: datagrams, streams and what is encrypted in either are the callers' business.

use crate::{
    model::relay::{Allocation, Relay},
    probe::{kind::Target, trace::Way},
    wire::{
        banner,
        stun::{self, Method},
    },
};

/// The most bytes of a stream that wait for the end of a message.
const MAX_HELD: usize = 4096;

/// One conversation.
pub(super) struct Relaying {
    method: Method,
    transaction: [u8; 12],
    allocates: bool,
    over: bool,
    held: Vec<u8>,
    relay: Relay,
}

impl Relaying {
    /// Begins with a binding; `allocates`: then asks for an allocation.
    pub(super) fn new(allocates: bool) -> Self {
        Self {
            method: Method::Binding,
            transaction: rand::random(),
            allocates,
            over: false,
            held: Vec::new(),
            relay: Relay { binding: false, allocation: None, given_back: None, error: None },
        }
    }

    /// What goes out now, the same each time until it is answered or given up. `None`: it is over.
    pub(super) fn message(&self) -> Option<Vec<u8>> {
        (!self.over).then(|| stun::request(self.method, self.transaction))
    }

    /// What goes out now in words.
    pub(super) const fn told(&self) -> &'static str {
        match self.method {
            Method::Binding => "STUN Binding request",
            Method::Allocate => "TURN Allocate request, without credentials",
            Method::Release => "TURN Refresh with a lifetime of zero: the allocation is given back",
        }
    }

    /// Hears a whole message. `true`: it is the answer, and the next question is due.
    pub(super) fn hear(&mut self, message: &[u8], target: Target<'_>) -> bool {
        if self.over {
            return true;
        }
        let Ok(answer) = stun::answer(message, self.method, &self.transaction) else { return false };
        target.aside.add_software(banner::software(banner::Source::StunSoftware, &answer.software));
        target.tell(Way::Came, || match answer.error {
            None => "success".to_owned(),
            Some(code) => format!("error {code}"),
        });
        match self.method {
            Method::Binding => {
                self.relay.binding = true;
                self.go_on_to(if self.allocates { Some(Method::Allocate) } else { None });
            }
            Method::Allocate => {
                self.relay.error = answer.error;
                self.relay.allocation = Some(match answer.error {
                    None => Allocation::Open,
                    Some(401) => Allocation::NeedsCredentials,
                    Some(_) => Allocation::Refused,
                });
                self.go_on_to(answer.error.is_none().then_some(Method::Release));
            }
            Method::Release => {
                if self.relay.allocation == Some(Allocation::Open) {
                    self.relay.given_back = Some(answer.error.is_none());
                }
                self.go_on_to(None);
            }
        }
        true
    }

    /// Hears bytes of a stream. `true`: an answer came, and the next question is due.
    pub(super) fn hear_stream(&mut self, bytes: &[u8], target: Target<'_>) -> bool {
        self.held.extend_from_slice(bytes);
        let mut answered = false;
        loop {
            match stun::length(&self.held) {
                Ok(Some(length)) => {
                    let message: Vec<u8> = self.held.drain(..length).collect();
                    answered |= self.hear(&message, target);
                }
                Ok(None) if self.held.len() <= MAX_HELD => return answered,
                _ => {
                    // Something else is spoken: no answer will come of it.
                    self.over = true;
                    self.held.clear();
                    return true;
                }
            }
        }
    }

    /// Nobody answered what went out. A relay may be told to answer no binding and allocate all the same; and an answer
    /// to an allocation may have been lost, so it is given back unseen.
    pub(super) fn silent(&mut self, target: Target<'_>) {
        target.tell(Way::Came, || "silence within the wait".to_owned());
        match self.method {
            Method::Binding if self.allocates && !self.relay.binding => self.go_on_to(Some(Method::Allocate)),
            Method::Allocate => {
                self.relay.allocation = Some(Allocation::Silent);
                self.go_on_to(self.relay.binding.then_some(Method::Release));
            }
            Method::Release if self.relay.allocation == Some(Allocation::Open) => {
                self.relay.given_back = Some(false);
                self.over = true;
            }
            Method::Binding | Method::Release => self.over = true,
        }
    }

    /// Whether any question was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.relay.binding || self.relay.allocation.is_some_and(|a| a != Allocation::Silent)
    }

    /// What was learned.
    pub(super) fn into_relay(self) -> Relay {
        self.relay
    }

    fn go_on_to(&mut self, method: Option<Method>) {
        self.transaction = rand::random();
        match method {
            Some(method) => self.method = method,
            None => self.over = true,
        }
    }
}
