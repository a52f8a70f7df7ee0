//! One association: the hello with its cookie, the server's flight, and, where it is wanted, a handshake that is
//! finished; then single records. What goes out and may be lost is sent again on the timer of RFC 6347, 4.2.4, shortened
//! where the round trip is known.

use std::time::{Duration, Instant};

use super::{
    super::tls::{account, session::Missed},
    ear::{Behind, Ear},
};
use crate::{
    model::observation::{Contact, HeartbeatExtension, TlsVersion},
    probe::{
        certificate::rsa_key,
        context::Context,
        dial::{Datagrams, Wait},
        flight::Facts,
        kind::Target,
        limits::Timeouts,
        trace::Way,
    },
    wire::{
        dtls::{self, record as records},
        secure::{
            negotiation::{Answer, Keys, Negotiation},
            prf::Side,
            protect::Half,
        },
        tls::{handshake as hs, hello::Hello, record, suites, version_number},
    },
};

/// The version in records before any was chosen (RFC 6347, 4.1).
const BEFORE: u16 = 0xfeff;
/// The first wait for an answer to a hello; RFC 6347 has a second, and a path where a second is short is rare.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// The shortest wait for a flight where the round trip is known.
const LEAST_WAIT: Duration = Duration::from_millis(100);
/// How often a datagram goes out at most: enough for a path that loses a third of them.
const TRIES: u32 = 8;

/// Why a handshake was not finished, where nothing says why.
pub(super) const SILENCE: &str = "silence within the limit";

/// The next wait: half as long again. RFC 6347 doubles; a look does not last long enough to crowd a network.
fn longer(wait: Duration) -> Duration {
    wait.saturating_add(wait / 2)
}

/// An association after ServerHelloDone, or behind a finished handshake.
pub(super) struct Association {
    datagrams: Datagrams,
    pub(super) ear: Ear,
    pub(super) limits: Timeouts,
    pub(super) rtt: Duration,
    version: u16,
    /// The number of the next record in the epoch.
    sequence: u64,
    /// The number of the next handshake message.
    message: u16,
    write: Option<Half>,
}

/// What a hello goes through: sent, sent again with a cookie, sent again for what was lost.
struct Greeting<'a> {
    hello: Hello<'a>,
    random: [u8; 32],
    cookie: Vec<u8>,
    number: u16,
}

impl Greeting<'_> {
    fn message(&self) -> Vec<u8> {
        dtls::whole(hs::CLIENT_HELLO, self.number, &self.hello.body(&self.random, Some(&self.cookie)))
    }
}

impl Association {
    /// Sends a hello and listens up to ServerHelloDone. `finish`: the handshake is to be finished afterwards.
    ///
    /// # Errors
    ///
    /// [`Missed`].
    pub(super) async fn open(
        target: Target<'_>,
        context: &Context,
        hello: Hello<'_>,
        limits: Timeouts,
        finish: bool,
    ) -> Result<Self, Missed> {
        let datagrams = context.dialer.associate(target.address).await.map_err(Missed::NoConnection)?;
        let random: [u8; 32] = rand::random();
        let negotiation = finish.then(|| Negotiation::new(random, hello.number()));
        let mut association = Self {
            datagrams,
            ear: Ear::new(hello.version, negotiation),
            limits,
            rtt: Duration::ZERO,
            version: BEFORE,
            sequence: 0,
            message: 0,
            write: None,
        };
        target.tell(Way::Sent, || account::hello(hello));
        let greeting = Greeting { hello, random, cookie: Vec::new(), number: 0 };
        let greeted = association.greet(greeting, target).await;
        let settled = greeted.and_then(|()| association.settled());
        if let Err(missed) = settled {
            target.aside.add_stray(association.ear.foreign);
            target.tell(Way::Came, || account::missed(missed));
            association.leave().await;
            return Err(missed);
        }
        if let Some(facts) = association.ear.facts() {
            association.version = version_number(facts.version);
            target.tell(Way::Came, || account::flight(facts));
        }
        Ok(association)
    }

    /// Sends the hello until a flight came or the time is up.
    async fn greet(&mut self, mut greeting: Greeting<'_>, target: Target<'_>) -> Result<(), Missed> {
        let deadline = Instant::now() + self.limits.step;
        let mut wait = FIRST_WAIT.min(self.limits.step);
        for _ in 0..=TRIES {
            let message = greeting.message();
            let sent = Instant::now();
            self.send_clear(record::HANDSHAKE, &message).await.map_err(Missed::NoConnection)?;
            let left = deadline.saturating_duration_since(Instant::now());
            let limit = if left <= longer(wait) { left } else { wait };
            self.listen(limit, |ear| ear.cookie.is_some() || ear.has_settled())
                .await
                .map_err(Missed::NoConnection)?;
            if self.ear.spoke {
                // Never too short: an answer to an earlier try may have come late.
                self.rtt = self.rtt.max(sent.elapsed()).min(self.limits.step);
            }
            if let Some(cookie) = self.ear.cookie.take() {
                target.tell(Way::Came, || {
                    format!("HelloVerifyRequest with a cookie of {} bytes", cookie.len())
                });
                target.tell(Way::Sent, || "the same hello with the cookie".to_owned());
                greeting.cookie = cookie;
                greeting.number = 1;
                wait = self.rtt.saturating_mul(4).max(LEAST_WAIT).min(wait);
                continue;
            }
            if self.ear.has_settled() {
                break;
            }
            if Instant::now() >= deadline {
                return Err(Missed::TimedOut);
            }
            wait = longer(wait);
        }
        self.message = greeting.number + 1;
        if let Some(negotiation) = &mut self.ear.negotiation {
            // The hello that was answered stands first; what came was transcribed while it was heard.
            let heard = negotiation.transcript().to_vec();
            negotiation.restart(&greeting.message());
            negotiation.transcribe(&heard);
        }
        Ok(())
    }

    /// Whether the flight came whole, and if not, why.
    const fn settled(&self) -> Result<(), Missed> {
        match (&self.ear.alert, self.ear.garbled) {
            (_, true) => Err(Missed::Broken),
            (Some(alert), _) if self.ear.facts().is_none() => Err(Missed::Alert(alert.code)),
            _ if self.ear.facts().is_some() => Ok(()),
            _ => Err(Missed::TimedOut),
        }
    }

    /// Finishes the handshake. `Err` says why it could not be, in words.
    pub(super) async fn finish(&mut self, target: Target<'_>) -> Result<(), String> {
        let Some(negotiation) = &mut self.ear.negotiation else {
            return Err("no suite or curve of it is known here".to_owned());
        };
        let key = negotiation.leaf().and_then(rsa_key);
        let Answer { certificate, exchange, keys } =
            negotiation.answer(key.as_ref()).map_err(|error| error.to_string())?;
        let mut plain = Vec::new();
        for (kind, body) in [(hs::CERTIFICATE, certificate), (hs::CLIENT_KEY_EXCHANGE, Some(exchange))] {
            let Some(body) = body else { continue };
            let message = dtls::whole(kind, self.message, &body);
            self.message += 1;
            negotiation.transcribe(&message);
            plain.push(message);
        }
        let finished =
            dtls::whole(hs::FINISHED, self.message, &keys.finished(Side::Client, negotiation.transcript()));
        self.message += 1;
        negotiation.transcribe(&finished);
        let expected = keys.finished(Side::Server, negotiation.transcript());
        let Keys { client, server, .. } = keys;
        self.ear.behind = Some(Behind { half: server, expected });
        target.tell(Way::Sent, || "ClientKeyExchange, ChangeCipherSpec, Finished".to_owned());
        self.conclude(&plain, client, &finished).await?;
        target.tell(Way::Came, || "Finished; what follows is encrypted".to_owned());
        Ok(())
    }

    /// Sends the last flight until the server's Finished came.
    async fn conclude(&mut self, plain: &[Vec<u8>], mut write: Half, finished: &[u8]) -> Result<(), String> {
        let deadline = Instant::now() + self.limits.step;
        let mut wait = self.rtt.saturating_mul(4).max(LEAST_WAIT);
        let mut sealed = 0;
        for _ in 0..TRIES {
            let mut datagram = Vec::new();
            for message in plain {
                records::encode(&mut datagram, record::HANDSHAKE, self.version, 0, self.sequence, message);
                self.sequence += 1;
            }
            let change = record::CHANGE_CIPHER_SPEC;
            records::encode(&mut datagram, change, self.version, 0, self.sequence, &[1]);
            self.sequence += 1;
            let bound = records::bound(1, sealed);
            let fragment = write.seal(bound, record::HANDSHAKE, self.version, finished);
            records::encode(&mut datagram, record::HANDSHAKE, self.version, 1, sealed, &fragment);
            sealed += 1;
            self.datagrams.send(&datagram).await.map_err(|contact| contact.to_string())?;
            let left = deadline.saturating_duration_since(Instant::now());
            self.listen(wait.min(left), |ear| ear.finished || ear.has_ended())
                .await
                .map_err(|contact| contact.to_string())?;
            if self.ear.finished {
                (self.write, self.sequence) = (Some(write), sealed);
                return Ok(());
            }
            if let Some(alert) = self.ear.alert {
                return Err(format!("alert {}", alert.code));
            }
            if self.ear.garbled {
                return Err("a Finished that is not right".to_owned());
            }
            wait = longer(wait);
        }
        Err(SILENCE.to_owned())
    }

    /// What became of the heartbeat extension.
    pub(super) fn extension(&self, hello: Hello<'_>) -> HeartbeatExtension {
        match (self.ear.facts().is_some_and(|f| f.heartbeat), hello.offers_heartbeat()) {
            (true, _) => HeartbeatExtension::Acknowledged,
            (false, true) => HeartbeatExtension::Offered,
            (false, false) => HeartbeatExtension::NotOffered,
        }
    }

    /// The version and the suite's name, once the flight is whole.
    pub(super) fn agreed(&self) -> Option<(TlsVersion, String)> {
        self.ear.facts().map(|facts| (facts.version, suites::name(facts.suite).into_owned()))
    }

    /// What the handshake showed, and the association is over.
    pub(super) async fn into_facts(mut self, target: Target<'_>) -> Option<Facts> {
        self.goodbye().await;
        target.aside.add_stray(self.ear.foreign);
        self.ear.into_facts()
    }

    /// Sends one record, protected where keys are agreed on.
    pub(super) async fn send(&mut self, content_type: u8, plain: &[u8]) -> Result<(), Contact> {
        let Some(write) = &mut self.write else { return self.send_clear(content_type, plain).await };
        let bound = records::bound(1, self.sequence);
        let fragment = write.seal(bound, content_type, self.version, plain);
        let mut out = Vec::new();
        records::encode(&mut out, content_type, self.version, 1, self.sequence, &fragment);
        self.sequence += 1;
        self.datagrams.send(&out).await
    }

    async fn send_clear(&mut self, content_type: u8, plain: &[u8]) -> Result<(), Contact> {
        let mut out = Vec::new();
        records::encode(&mut out, content_type, self.version, 0, self.sequence, plain);
        self.sequence += 1;
        self.datagrams.send(&out).await
    }

    /// An empty ServerHelloDone with the number that is due: out of order, it provokes an alert.
    pub(super) async fn send_poke(&mut self) -> Result<(), Contact> {
        let message = dtls::whole(hs::SERVER_HELLO_DONE, self.message, &[]);
        self.send(record::HANDSHAKE, &message).await
    }

    /// Listens until something is so, for at most `limit`.
    pub(super) async fn listen(
        &mut self,
        limit: Duration,
        met: impl Fn(&Ear) -> bool + Send + Sync,
    ) -> Result<Wait, Contact> {
        let Self { datagrams, ear, .. } = self;
        if met(ear) {
            return Ok(Wait::Met);
        }
        datagrams
            .receive(limit, |datagram| {
                ear.absorb(datagram);
                met(ear)
            })
            .await
    }

    /// Ends it in order, so that a server that serves one at a time is free again.
    pub(super) async fn leave(mut self) {
        self.goodbye().await;
    }

    async fn goodbye(&mut self) {
        if self.ear.alert.is_none() {
            // close_notify behind a handshake, user_canceled before, fatal so that nobody waits on.
            let alert: &[u8] = if self.write.is_some() { &[1, 0] } else { &[2, 90] };
            let _ = self.send(record::ALERT, alert).await;
        }
    }
}
