//! One connection for one question: a hello, the flight that follows or how it failed, and single records after it.

use std::{sync::Arc, time::Duration};

use super::super::peer::{Fault, Peer};
use crate::{
    model::asked::{Asked, Came, Question},
    probe::{
        context::Context,
        dial::Wait,
        flight::Facts,
        kind::Target,
        limits::Timeouts,
        link::{self, Link, Unlinked},
        trace::Way,
    },
    wire::tls::{alert, hello::Hello, suites},
};

/// What came after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Silence,
    Alert(u8),
    Closed,
    Reset,
    /// Anything that is no answer.
    Other,
}

impl Heard {
    /// The end of a connection without a word.
    pub(super) const fn is_mute_end(self) -> bool {
        matches!(self, Self::Closed | Self::Reset)
    }

    /// The same as an answer to a question.
    pub(super) const fn asked(self, question: Question) -> Asked {
        match self {
            Self::Silence => Asked::ended(question, Came::Silent),
            Self::Alert(code) => Asked::refused(question, code),
            Self::Closed => Asked::ended(question, Came::Closed),
            Self::Reset => Asked::ended(question, Came::Reset),
            Self::Other => Asked::ended(question, Came::Other),
        }
    }

    /// In words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Silence => "silence within the wait".to_owned(),
            Self::Alert(code) => super::super::account::alert(code),
            Self::Closed => "the connection was closed without an alert".to_owned(),
            Self::Reset => "the connection was reset".to_owned(),
            Self::Other => "something that has no place there".to_owned(),
        }
    }
}

/// A connection after ServerHelloDone.
#[derive(Debug)]
pub(super) struct Line<'a> {
    link: Link,
    peer: Peer,
    limits: Timeouts,
    target: Target<'a>,
    /// The random that our hello had.
    pub(super) random: [u8; 32],
}

/// What a link that did not come about says of a question.
pub(super) fn unreached(question: Question, unlinked: Unlinked) -> Asked {
    let mut asked = Asked::ended(question, Came::Unreached);
    asked.detail = Some(link::words(unlinked));
    asked
}

impl<'a> Line<'a> {
    /// Connects, sends a hello, and reads up to ServerHelloDone.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(super) async fn open(
        question: Question,
        hello: Hello<'_>,
        target: Target<'a>,
        context: &Context,
    ) -> Result<Self, Box<Asked>> {
        let limits = context.settings.timeouts;
        let linked = Box::pin(Link::open(target, context, limits)).await;
        let mut link = linked.map_err(|unlinked| Box::new(unreached(question, unlinked)))?;
        let mut peer = Peer::new(hello.version);
        let random: [u8; 32] = rand::random();
        let mut out = Vec::with_capacity(640);
        hello.encode(&mut out, &random);
        target.tell(Way::Sent, || super::super::account::hello(hello));
        let _ = link.send(&out, limits.step).await; // what went wrong shows in what is received
        let wait = link
            .receive(limits.step, |bytes| {
                peer.absorb(bytes);
                peer.has_settled()
            })
            .await;
        if peer.facts().is_none() || peer.alert.is_some() {
            target.aside.add_stray(peer.foreign);
            let asked = missed(question, &peer, wait);
            target.tell(Way::Came, || asked.answer());
            return Err(Box::new(asked));
        }
        if let Some(facts) = peer.facts() {
            target.tell(Way::Came, || super::super::account::flight(facts));
        }
        peer.warning = None;
        peer.forget_handshake();
        Ok(Self { link, peer, limits, target, random })
    }

    /// What the flight showed.
    pub(super) const fn facts(&self) -> Option<&Facts> {
        self.peer.facts()
    }

    /// The wait for an answer that need not come.
    pub(super) fn short_wait(&self) -> Duration {
        self.limits.short_wait(self.link.rtt())
    }

    /// The most that is waited for.
    pub(super) const fn step(&self) -> Duration {
        self.limits.step
    }

    /// Sends records and listens for at most `limit`.
    pub(super) async fn say(&mut self, records: &[u8], limit: Duration) -> Heard {
        let _ = self.link.send(records, self.limits.step).await;
        let Self { link, peer, .. } = self;
        let decides =
            |p: &Peer| p.alert.is_some() || p.fault.is_some() || p.other.is_some() || p.unexpected.is_some();
        let wait = link
            .receive(limit, |bytes| {
                peer.absorb(bytes);
                decides(peer)
            })
            .await;
        match (self.peer.alert, wait) {
            (Some(found), _) if found.code == alert::CLOSE_NOTIFY => Heard::Closed,
            (Some(found), _) => Heard::Alert(found.code),
            (None, _) if decides(&self.peer) => Heard::Other,
            (None, Wait::Closed) => Heard::Closed,
            (None, Wait::Reset) => Heard::Reset,
            (None, Wait::TimedOut) => Heard::Silence,
            (None, Wait::Met | Wait::Flooded) => Heard::Other,
        }
    }

    /// That the server agreed, with what its flight showed. The connection is closed.
    pub(super) fn taken(self, question: Question) -> Asked {
        let mut asked = Asked::ended(question, Came::Taken);
        if let Some(facts) = self.facts() {
            shown(&mut asked, facts);
        }
        asked
    }
}

impl Drop for Line<'_> {
    /// Bytes that were not ours to have count wherever they come.
    fn drop(&mut self) {
        self.target.aside.add_stray(self.peer.foreign);
    }
}

/// Notes what a flight showed.
pub(super) fn shown(asked: &mut Asked, facts: &Facts) {
    let certificate = facts.leaf.as_ref().map(|leaf| &leaf.certificate);
    asked.version = Some(facts.version);
    asked.cipher = Some(Arc::from(suites::name(facts.suite)));
    asked.bits = facts.exchange.bits;
    asked.group = facts.exchange.group.map(Arc::from);
    asked.spki_sha256 = certificate.and_then(|c| c.spki_sha256);
    if asked.question == Question::RsaExport && asked.bits.is_none() {
        // Without a short key of its own the certificate's is used: it is short enough then.
        asked.bits = certificate.and_then(|c| c.details.as_ref()).and_then(|d| d.key_bits);
    }
}

/// Why no flight came about.
fn missed(question: Question, peer: &Peer, wait: Wait) -> Asked {
    let (came, detail) = match (peer.fault, peer.alert) {
        (Some(Fault::NotTls), _) => (Came::Other, Some("no TLS")),
        (_, Some(found)) if found.code == alert::CLOSE_NOTIFY => (Came::Closed, Some("with a close_notify")),
        (_, Some(found)) => return Asked::refused(question, found.code),
        (Some(Fault::Garbled), None) => (Came::Other, Some("TLS that cannot be read")),
        (None, None) => match wait {
            Wait::TimedOut => (Came::Silent, (!peer.is_mute()).then_some("in the middle of its flight")),
            Wait::Closed | Wait::Reset if !peer.is_mute() => (Came::Other, Some("a flight that breaks off")),
            Wait::Closed => (Came::Closed, None),
            Wait::Reset => (Came::Reset, None),
            Wait::Met | Wait::Flooded => (Came::Other, Some("a flight that does not end")),
        },
    };
    let mut asked = Asked::ended(question, came);
    asked.detail = detail.map(str::to_owned);
    asked
}
