//! One connection: the hello, the server's flight up to ServerHelloDone, and then single requests with their
//! answers. Which request follows which is the ladder's business, which hello the fallback's.

use std::time::{Duration, Instant};

use super::{
    account,
    peer::{Fault, Peer},
};
use crate::{
    model::{
        observation::{Answer, Contact, HeartbeatExtension, TlsVersion},
        served::Software,
    },
    probe::{
        context::Context,
        dial::Wait,
        flight::Facts,
        kind::Target,
        limits::Timeouts,
        link::{Link, Unlinked},
        trace::Way,
    },
    wire::{
        banner,
        greeting::Greeting,
        tls::{
            handshake as hs,
            heartbeat::{self, Payload},
            hello::Hello,
            record, version_number,
        },
    },
};

/// Why a connection did not get as far as ServerHelloDone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe::kind) enum Missed {
    /// There was no connection.
    NoConnection(Contact),
    /// Closed or reset without a byte.
    Closed,
    /// Silence, or a flight that does not end.
    TimedOut,
    /// The dialogue before TLS did not lead to it.
    Unlinked(Unlinked),
    /// Something else than TLS.
    NotTls(Option<Greeting>),
    /// Plain text where the server itself said that TLS begins.
    StillPlain,
    /// TLS, and then nothing that can be read.
    Broken,
    /// An alert.
    Alert(u8),
}

impl From<Unlinked> for Missed {
    fn from(unlinked: Unlinked) -> Self {
        match unlinked {
            Unlinked::NoConnection(contact) => Self::NoConnection(contact),
            other => Self::Unlinked(other),
        }
    }
}

/// Which heartbeat request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe::kind) enum Request {
    /// Its whole payload, and no padding.
    Malformed,
    /// With 16 bytes of padding.
    WellFormed,
}

/// A connection after ServerHelloDone.
#[derive(Debug)]
pub(super) struct Session {
    link: Link,
    peer: Peer,
    limits: Timeouts,
    /// The longer of the connection's and the handshake's round trip.
    rtt: Duration,
    version: TlsVersion,
    /// How the connection ended, once it has.
    ended: Option<Answer>,
}

impl Session {
    /// Connects, sends a hello and reads up to ServerHelloDone.
    ///
    /// # Errors
    ///
    /// [`Missed`].
    pub(super) async fn open(
        target: Target<'_>,
        context: &Context,
        hello: Hello<'_>,
        limits: Timeouts,
    ) -> Result<Self, Missed> {
        let mut link = Box::pin(Link::open(target, context, limits)).await.map_err(Missed::from)?;
        let mut peer = Peer::new(hello.version);
        let started = Instant::now();
        // What went wrong while sending shows in what is received.
        target.tell(Way::Sent, || account::hello(hello));
        let _ = link.send(&encoded(hello), limits.step).await;
        let mut first_byte = None;
        let wait = link
            .receive(limits.step, |bytes| {
                first_byte.get_or_insert_with(|| started.elapsed());
                peer.absorb(bytes);
                peer.has_settled()
            })
            .await;
        let rtt = link.rtt().max(first_byte.unwrap_or_default());
        let mut wait = wait;
        if peer.fault == Some(Fault::NotTls)
            && !link.is_upgraded()
            && !peer.greeting_is_whole()
            && wait == Wait::Met
        {
            // The rest of the banner tells which protocol it is, and may come as slowly as anything else.
            wait = link
                .receive(limits.step, |bytes| {
                    peer.absorb(bytes);
                    peer.greeting_is_whole()
                })
                .await;
        }
        let Some(version) = peer.facts().map(|f| f.version) else {
            target.aside.add_stray(peer.foreign);
            target.aside.add_software(software(&peer));
            let missed = missed(&peer, wait, link.is_upgraded());
            target.tell(Way::Came, || account::missed(missed));
            return Err(missed);
        };
        if peer.alert.is_some() || peer.unexpected.is_some() || peer.other.is_some() {
            // It answers what nobody has asked yet: none of what follows would be an answer.
            target.aside.add_stray(peer.foreign);
            target.tell(Way::Came, || "a whole flight, and an answer before any question".to_owned());
            return Err(Missed::Broken);
        }
        // Of the handshake, such as that a name is not known: no answer to anything that comes now.
        peer.warning = None;
        if let Some(facts) = peer.facts() {
            target.tell(Way::Came, || account::flight(facts));
        }
        peer.forget_handshake();
        let ended = None;
        Ok(Self { link, peer, limits, rtt, version, ended })
    }

    /// What the handshake showed.
    pub(super) const fn facts(&self) -> Option<&Facts> {
        self.peer.facts()
    }

    /// The same, and the connection is closed.
    pub(super) fn into_facts(self, target: Target<'_>) -> Option<Facts> {
        target.aside.add_stray(self.peer.foreign);
        self.peer.into_facts()
    }

    /// What became of the heartbeat extension, `hello` being the one that was sent. SSL 3.0 has none,
    /// whatever was offered.
    pub(super) fn extension(&self, hello: Hello<'_>) -> HeartbeatExtension {
        let acknowledged = self.facts().is_some_and(|f| f.heartbeat);
        match (acknowledged, hello.offers_heartbeat() && self.version > TlsVersion::Ssl3) {
            (true, _) => HeartbeatExtension::Acknowledged,
            (false, true) => HeartbeatExtension::Offered,
            (false, false) => HeartbeatExtension::NotOffered,
        }
    }

    /// Bytes that were not ours to have.
    pub(super) const fn foreign_bytes(&self) -> u64 {
        self.peer.foreign
    }

    /// Sends a heartbeat request with a payload of its own and waits a short while: a round trip and a little.
    /// Returns its index and what came.
    pub(super) async fn ask(&mut self, request: Request, target: Target<'_>) -> (usize, Answer) {
        let payload = Payload::new(rand::random());
        let index = self.peer.expect(payload);
        let mut out = Vec::with_capacity(5 * 1024);
        match request {
            Request::Malformed => heartbeat::malformed(&mut out, version_number(self.version), &payload),
            Request::WellFormed => {
                heartbeat::well_formed(&mut out, version_number(self.version), &payload, &rand::random());
            }
        }
        target.tell(Way::Sent, || match request {
            Request::Malformed => account::malformed(payload.length()),
            Request::WellFormed => account::well_formed(payload.length()),
        });
        let sent = self.link.send(&out, self.limits.step).await;
        drop(out);
        let wait = self.limits.short_wait(self.rtt);
        let came = if sent == Err(Wait::TimedOut) { Answer::Silent } else { self.listen(wait).await };
        let answer = if self.peer.has_echoed(index) { Answer::Echoed } else { came };
        target.tell(Way::Came, || account::answer(answer));
        (index, answer)
    }

    /// Sends an out-of-order handshake record, twice where silence follows: it provokes an alert, which also
    /// flushes what a server holds back.
    pub(super) async fn poke(&mut self, target: Target<'_>) -> Answer {
        let mut message = Vec::new();
        hs::encode_server_hello_done(&mut message);
        let mut out = Vec::new();
        record::encode(&mut out, record::HANDSHAKE, version_number(self.version), &message);
        let mut came = Answer::Silent;
        target.tell(Way::Sent, account::poke);
        for limit in [self.limits.short_wait(self.rtt), self.limits.step] {
            let _ = self.link.send(&out, self.limits.step).await;
            came = self.listen(limit).await;
            if came != Answer::Silent {
                break;
            }
        }
        // A warning is a word too, where there was no other.
        let answer = match (came, self.peer.warning) {
            (Answer::Silent, Some(a)) => Answer::Alert { level: a.level, code: a.code },
            _ => came,
        };
        target.tell(Way::Came, || account::answer(answer));
        answer
    }

    /// Whether the payload with this index came back, however late.
    pub(super) fn has_echoed(&self, index: usize) -> bool {
        self.peer.has_echoed(index)
    }

    /// Whether the connection is over.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Waits for anything that decides: a heartbeat, an alert, an end.
    async fn listen(&mut self, limit: Duration) -> Answer {
        let Self { link, peer, .. } = self;
        let decides = |peer: &Peer| {
            peer.has_echoed_any() || peer.other.is_some() || peer.alert.is_some() || peer.fault.is_some()
        };
        let wait = if decides(peer) {
            Wait::Met
        } else {
            link.receive(limit, |bytes| {
                peer.absorb(bytes);
                decides(peer)
            })
            .await
        };
        let ended = match (peer.alert, wait) {
            (Some(alert), _) => Some(Answer::Alert { level: alert.level, code: alert.code }),
            (None, Wait::Closed) => Some(Answer::Closed),
            (None, Wait::Reset) => Some(Answer::Reset),
            (None, Wait::Flooded) => Some(Answer::Unexpected { content_type: peer.unexpected.unwrap_or(0) }),
            // Bytes that are no record: there is no content type to name.
            (None, _) if peer.fault.is_some() => Some(Answer::Unexpected { content_type: 0 }),
            (None, Wait::Met | Wait::TimedOut) => None,
        };
        self.ended = ended;
        match (self.peer.other, ended, self.peer.unexpected.take()) {
            (Some(len), ..) => Answer::Other { len },
            (None, Some(end), _) => end,
            (None, None, Some(content_type)) => Answer::Unexpected { content_type },
            (None, None, None) => Answer::Silent,
        }
    }
}

/// What a server that speaks something else named itself, where that is known to hold a version.
fn software(peer: &Peer) -> Vec<Software> {
    match peer.greeting() {
        Some(Greeting::Http) => banner::http_server_header(peer.said())
            .map_or_else(Vec::new, |value| banner::software(banner::Source::HttpServer, value)),
        Some(Greeting::Ssh) => banner::software(banner::Source::Ssh, peer.said()),
        _ => Vec::new(),
    }
}

fn encoded(hello: Hello<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    hello.encode(&mut out, &rand::random());
    out
}

/// Why the handshake did not come about: what was said outweighs how it ended.
fn missed(peer: &Peer, wait: Wait, upgraded: bool) -> Missed {
    match (peer.fault, peer.alert.or(peer.warning)) {
        (Some(Fault::NotTls), _) if upgraded => Missed::StillPlain,
        // Half a greeting, and then nothing more: nobody knows what it would have said.
        (Some(Fault::NotTls), _) if !peer.greeting_is_whole() => match wait {
            Wait::TimedOut => Missed::TimedOut,
            _ => Missed::Broken,
        },
        (Some(Fault::NotTls), _) => Missed::NotTls(peer.greeting()),
        (_, Some(alert)) => Missed::Alert(alert.code),
        (Some(Fault::Garbled), None) => Missed::Broken,
        (None, None) => match wait {
            Wait::TimedOut => Missed::TimedOut,
            Wait::Closed | Wait::Reset if peer.is_mute() => Missed::Closed,
            Wait::Closed | Wait::Reset | Wait::Flooded | Wait::Met => Missed::Broken,
        },
    }
}
