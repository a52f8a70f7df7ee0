//! The heartbeat question behind a finished handshake (PROBING 3): asked where the clear stage stayed silent and that
//! decides nothing, and at full depth beside it. On a connection of its own; nothing is held back there, so that 16 bytes
//! are enough and answers come at once.
//!
//! RSA, ECDHE and DHE with AES, TLS 1.0 to 1.2 (`wire::secure`). What cannot be finished stays undecided.

use std::time::Duration;

use super::{account, session::Request};
use crate::{
    model::{
        observation::{Answer, Attempt, Contact, HeartbeatExtension, TlsVersion},
        relay::Relay,
    },
    probe::{
        certificate::rsa_key, context::Context, dial::Wait, kind::Target, limits::Timeouts, link::Link,
        relay::Relaying, trace::Way,
    },
    wire::{
        secure::{
            negotiation::{Keys, Negotiation},
            prf::Side,
            protect::Half,
        },
        tls::{
            alert::Alert,
            handshake::{self as hs, Assembler},
            heartbeat::{self, PADDING_LEN, Payload},
            hello::Hello,
            record::{self, RecordReader},
            suites::Offer,
            version_of,
        },
    },
};

/// The most application data that waits.
const MAX_PLAIN: usize = 16 * 1024;
/// Body of a ChangeCipherSpec.
const CHANGE: &[u8] = &[1];

/// Asks behind a finished handshake. `None`: no handshake came to an end, and the account says why.
pub(super) async fn ask(target: Target<'_>, context: &Context, hello: Hello<'_>) -> Option<Attempt> {
    target.tell(Way::Note, || {
        "the same question behind a finished handshake, on a connection of its own".to_owned()
    });
    let hello = Hello { offer: Offer::Finishable, ..hello };
    let limits = context.settings.timeouts;
    match Channel::open(target, context, hello, limits).await {
        Ok(mut channel) => {
            let attempt = channel.climb(target, hello).await;
            channel.leave().await;
            target.tell(Way::Note, || account::attempt(&attempt));
            Some(attempt)
        }
        Err(why) => {
            target.tell(Way::Came, || format!("no finished handshake: {why}"));
            None
        }
    }
}

/// Asks a relay behind a finished handshake. `None`: none came about, or nobody answers STUN there. TLS 1.0 to 1.2.
pub(super) async fn relay(target: Target<'_>, context: &Context) -> Option<Relay> {
    target.tell(Way::Note, || "STUN and TURN behind a finished handshake, up to TLS 1.2".to_owned());
    let limits = context.settings.timeouts;
    let hello = Hello { offer: Offer::Finishable, ..Hello::first(target.sni) };
    let mut channel = match Channel::open(target, context, hello, limits).await {
        Ok(channel) => channel,
        Err(why) => {
            target.tell(Way::Came, || format!("no finished handshake: {why}"));
            return None;
        }
    };
    let mut relaying = Relaying::new(true);
    while let Some(message) = relaying.message() {
        target.tell(Way::Sent, || relaying.told().to_owned());
        channel.send(record::APPLICATION_DATA, &message).await;
        let mut answered = false;
        while !answered {
            let answer = channel.listen(limits.step, |ear| !ear.plain.is_empty()).await;
            let plain = std::mem::take(&mut channel.ear.plain);
            if plain.is_empty() {
                target.tell(Way::Came, || account::answer(answer));
                relaying.silent(target);
                break;
            }
            answered = relaying.hear_stream(&plain, target);
        }
    }
    channel.leave().await;
    relaying.is_answered().then(|| relaying.into_relay())
}

/// What was heard on a connection.
#[expect(clippy::struct_excessive_bools, reason = "marks that have nothing to do with each other")]
struct Ear {
    records: RecordReader,
    messages: Assembler,
    negotiation: Negotiation,
    /// The server's flight is whole.
    whole: bool,
    /// What the server writes, from its ChangeCipherSpec on.
    behind: Option<Behind>,
    changed: bool,
    /// The server's Finished came and is right.
    finished: bool,
    alert: Option<Alert>,
    fault: Option<&'static str>,
    sent: Vec<Payload>,
    echoed: [bool; 2],
    other: Option<u32>,
    foreign: u64,
    heartbeat: bool,
    /// Application data that was not taken yet.
    plain: Vec<u8>,
}

struct Behind {
    half: Half,
    sequence: u64,
    finished: Vec<u8>,
}

impl Ear {
    fn new(negotiation: Negotiation) -> Self {
        Self {
            records: RecordReader::new(),
            messages: Assembler::new(),
            negotiation,
            whole: false,
            behind: None,
            changed: false,
            finished: false,
            alert: None,
            fault: None,
            sent: Vec::new(),
            echoed: [false; 2],
            other: None,
            foreign: 0,
            heartbeat: false,
            plain: Vec::new(),
        }
    }

    /// Whether it is pointless to listen on.
    const fn has_ended(&self) -> bool {
        self.alert.is_some() || self.fault.is_some()
    }

    fn absorb(&mut self, mut bytes: &[u8]) {
        while self.fault.is_none() {
            let found = match self.records.read(&mut bytes) {
                Ok(None) => return,
                Err(_) => return self.fault = Some("something that is no TLS"),
                Ok(Some(found)) => (found.content_type, found.version, found.fragment.to_vec()),
            };
            self.record(found.0, found.1, found.2);
        }
    }

    fn record(&mut self, content_type: u8, version: u16, fragment: Vec<u8>) {
        let plain = match &mut self.behind {
            Some(behind) if self.changed => {
                let opened = behind.half.open(behind.sequence, content_type, version, &fragment);
                behind.sequence += 1;
                match opened {
                    Some(plain) => plain,
                    None => return self.fault = Some("a record that cannot be read with the keys agreed on"),
                }
            }
            _ => fragment,
        };
        match content_type {
            record::CHANGE_CIPHER_SPEC if !self.changed => self.changed = true,
            record::HANDSHAKE => self.handshake(&plain),
            record::ALERT => match Alert::parse(&plain) {
                Some(alert) if alert.goes_on() => {}
                Some(alert) => _ = self.alert.get_or_insert(alert),
                None => self.fault = Some("half an alert"),
            },
            record::HEARTBEAT => {
                let heard = heartbeat::hear(&plain, &self.sent);
                self.foreign = self.foreign.saturating_add(heard.foreign);
                match heard.payload.and_then(|i| self.echoed.get_mut(i)) {
                    Some(echoed) => *echoed = true,
                    None => _ = self.other.get_or_insert(heard.len),
                }
            }
            record::APPLICATION_DATA if self.changed && self.plain.len() < MAX_PLAIN => {
                self.plain.extend_from_slice(&plain);
            }
            _ => {}
        }
    }

    fn handshake(&mut self, mut fragment: &[u8]) {
        loop {
            let (kind, body) = match self.messages.read(&mut fragment) {
                Ok(None) => return,
                Err(_) => return self.fault = Some("a handshake message that makes no sense"),
                Ok(Some(message)) => (message.kind, message.body.to_vec()),
            };
            if let Some(behind) = &self.behind {
                // Nothing else counts after the flight; a server may ask for a new handshake.
                if kind == hs::FINISHED {
                    self.finished = self.changed && behind.finished == body;
                    if !self.finished {
                        return self.fault = Some("a Finished that is not right");
                    }
                }
                continue;
            }
            let mut message = Vec::with_capacity(body.len() + 4);
            hs::encode_message(&mut message, kind, &body);
            self.negotiation.transcribe(&message);
            if kind == hs::SERVER_HELLO {
                self.heartbeat = hs::ServerHello::parse(&body).is_ok_and(|h| h.heartbeat().is_some());
            }
            match self.negotiation.hear(kind, &body) {
                Ok(whole) => self.whole |= whole,
                Err(_) => return self.fault = Some("an agreement that cannot be finished here"),
            }
        }
    }
}

/// A connection behind a finished handshake.
struct Channel {
    link: Link,
    ear: Ear,
    limits: Timeouts,
    version: u16,
    write: Half,
    sequence: u64,
}

impl Channel {
    async fn open(
        target: Target<'_>,
        context: &Context,
        hello: Hello<'_>,
        limits: Timeouts,
    ) -> Result<Self, String> {
        let mut link =
            Box::pin(Link::open(target, context, limits)).await.map_err(crate::probe::link::words)?;
        let random: [u8; 32] = rand::random();
        let mut ear = Ear::new(Negotiation::new(random, hello.number()));
        let mut message = Vec::new();
        hs::encode_message(&mut message, hs::CLIENT_HELLO, &hello.body(&random, None));
        ear.negotiation.transcribe(&message);
        let mut out = Vec::new();
        record::encode(&mut out, record::HANDSHAKE, hello.number().min(0x0301), &message);
        target.tell(Way::Sent, || account::hello(hello));
        let _ = link.send(&out, limits.step).await; // what went wrong shows in what is received
        until(&mut link, &mut ear, limits.step, |ear| ear.whole).await?;
        let key = ear.negotiation.leaf().and_then(rsa_key);
        let answer = ear.negotiation.answer(key.as_ref()).map_err(|e| e.to_string())?;
        let agreed = ear.negotiation.agreed().ok_or("no version")?;
        let version = agreed.version;
        let mut plain = Vec::new();
        if let Some(certificate) = &answer.certificate {
            hs::encode_message(&mut plain, hs::CERTIFICATE, certificate);
        }
        hs::encode_message(&mut plain, hs::CLIENT_KEY_EXCHANGE, &answer.exchange);
        ear.negotiation.transcribe(&plain);
        let mut finished = Vec::new();
        let body = answer.keys.finished(Side::Client, ear.negotiation.transcript());
        hs::encode_message(&mut finished, hs::FINISHED, &body);
        ear.negotiation.transcribe(&finished);
        let expected = answer.keys.finished(Side::Server, ear.negotiation.transcript());
        let Keys { client: mut write, server, .. } = answer.keys;
        ear.behind = Some(Behind { half: server, sequence: 0, finished: expected });
        let mut out = Vec::new();
        record::encode(&mut out, record::HANDSHAKE, version, &plain);
        record::encode(&mut out, record::CHANGE_CIPHER_SPEC, version, CHANGE);
        let sealed = write.seal(0, record::HANDSHAKE, version, &finished);
        record::encode(&mut out, record::HANDSHAKE, version, &sealed);
        target.tell(Way::Sent, || "ClientKeyExchange, ChangeCipherSpec, Finished".to_owned());
        let _ = link.send(&out, limits.step).await;
        until(&mut link, &mut ear, limits.step, |ear| ear.finished).await?;
        target.tell(Way::Came, || {
            let suite = crate::wire::tls::suites::name(agreed.suite.number);
            format!("Finished: {suite}; what follows is encrypted")
        });
        Ok(Self { link, ear, limits, version, write, sequence: 1 })
    }

    /// Malformed, control, poke, as in the clear.
    async fn climb(&mut self, target: Target<'_>, hello: Hello<'_>) -> Attempt {
        let mut attempt = Attempt::ended(Contact::Answered);
        attempt.version = version_of(self.version);
        attempt.extension = Some(match (self.ear.heartbeat, hello.offers_heartbeat()) {
            (true, _) => HeartbeatExtension::Acknowledged,
            (false, true) => HeartbeatExtension::Offered,
            (false, false) => HeartbeatExtension::NotOffered,
        });
        let answer = self.ask(Request::Malformed, target).await;
        attempt.malformed = Some(answer);
        if answer == Answer::Silent {
            let answer = self.ask(Request::WellFormed, target).await;
            attempt.control = Some(answer);
            if answer == Answer::Silent {
                attempt.poke = Some(self.poke(target).await);
            }
        }
        // However late.
        for (slot, echoed) in [&mut attempt.malformed, &mut attempt.control].into_iter().zip(self.ear.echoed)
        {
            if echoed {
                *slot = Some(Answer::Echoed);
            }
        }
        if attempt.poke == Some(Answer::Silent) {
            attempt.contact = Contact::ProbeTimedOut;
        }
        attempt.foreign_bytes = self.ear.foreign;
        attempt
    }

    async fn ask(&mut self, request: Request, target: Target<'_>) -> Answer {
        let payload = Payload::short(rand::random());
        let index = self.ear.sent.len();
        self.ear.sent.push(payload);
        let padding: [u8; PADDING_LEN] = rand::random();
        let (message, told) = match request {
            Request::Malformed => (heartbeat::message(&payload, &[]), account::malformed(payload.length())),
            Request::WellFormed => {
                (heartbeat::message(&payload, &padding), account::well_formed(payload.length()))
            }
        };
        target.tell(Way::Sent, || told);
        self.send(record::HEARTBEAT, &message).await;
        let wait = self.limits.short_wait(self.link.rtt());
        let answer = self.listen(wait, |ear| ear.echoed.contains(&true) || ear.other.is_some()).await;
        let answer = if self.ear.echoed.get(index) == Some(&true) { Answer::Echoed } else { answer };
        target.tell(Way::Came, || account::answer(answer));
        answer
    }

    async fn poke(&mut self, target: Target<'_>) -> Answer {
        let mut message = Vec::new();
        hs::encode_server_hello_done(&mut message);
        target.tell(Way::Sent, account::poke);
        let mut answer = Answer::Silent;
        for limit in [self.limits.short_wait(self.link.rtt()), self.limits.step] {
            self.send(record::HANDSHAKE, &message).await;
            answer = self.listen(limit, |ear| ear.echoed.contains(&true) || ear.other.is_some()).await;
            if answer != Answer::Silent {
                break;
            }
        }
        target.tell(Way::Came, || account::answer(answer));
        answer
    }

    async fn send(&mut self, content_type: u8, plain: &[u8]) {
        let sealed = self.write.seal(self.sequence, content_type, self.version, plain);
        self.sequence += 1;
        let mut out = Vec::new();
        record::encode(&mut out, content_type, self.version, &sealed);
        let _ = self.link.send(&out, self.limits.step).await;
    }

    async fn listen(&mut self, limit: Duration, met: impl Fn(&Ear) -> bool + Send + Sync) -> Answer {
        let Self { link, ear, .. } = self;
        let wait = if met(ear) || ear.has_ended() {
            Wait::Met
        } else {
            link.receive(limit, |bytes| {
                ear.absorb(bytes);
                met(ear) || ear.has_ended()
            })
            .await
        };
        match (ear.other, ear.alert, wait) {
            (Some(len), ..) => Answer::Other { len },
            (None, Some(alert), _) => Answer::Alert { level: alert.level, code: alert.code },
            (None, None, _) if ear.fault.is_some() => Answer::Unexpected { content_type: 0 },
            (None, None, Wait::Closed) => Answer::Closed,
            (None, None, Wait::Reset) => Answer::Reset,
            (None, None, Wait::Flooded) => Answer::Unexpected { content_type: 0 },
            (None, None, Wait::Met | Wait::TimedOut) => Answer::Silent,
        }
    }

    /// Says goodbye in order.
    async fn leave(mut self) {
        if !self.ear.has_ended() {
            self.send(record::ALERT, &[1, 0]).await;
        }
    }
}

/// Listens until something is so.
async fn until(
    link: &mut Link,
    ear: &mut Ear,
    limit: Duration,
    met: impl Fn(&Ear) -> bool + Send + Sync,
) -> Result<(), String> {
    let wait = link
        .receive(limit, |bytes| {
            ear.absorb(bytes);
            met(ear) || ear.has_ended()
        })
        .await;
    if met(ear) {
        return Ok(());
    }
    Err(match (ear.fault, ear.alert, wait) {
        (Some(fault), ..) => fault.to_owned(),
        (None, Some(alert), _) => format!("alert {}", alert.code),
        (None, None, Wait::TimedOut) => "silence within the limit".to_owned(),
        (None, None, _) => "the connection ended".to_owned(),
    })
}

/// Whether a version can be finished here.
pub(super) const fn is_finishable(version: TlsVersion) -> bool {
    matches!(version, TlsVersion::Tls10 | TlsVersion::Tls11 | TlsVersion::Tls12)
}

/// Any bytes as what a server says, before and after keys are agreed on.
pub(super) fn fuzz(data: &[u8]) {
    let mut ear = Ear::new(Negotiation::new([1; 32], 0x0303));
    ear.absorb(data);
    assert!(!ear.finished && ear.echoed == [false; 2], "answers to what was never asked");
    if ear.whole {
        let _ = ear.negotiation.answer(None);
    }
}
