//! What one client meets: cookie, flight, heartbeats, a finished handshake. Datagrams in, datagrams out.

use std::{sync::atomic::Ordering, time::Instant};

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

use super::{
    super::peer::{Ending, Reaction},
    Counts, Face, Held,
};
use crate::{
    model::observation::TlsVersion,
    wire::{
        dtls::{
            self,
            handshake::{self as fragments, Fragment, Reassembler, Whole},
            record as records,
        },
        secure::{
            exchange::{Ephemeral, NAMED_CURVE},
            negotiation::{Agreed, Keys},
            prf::Side,
            suite::{self, Bulk, Exchange, Mac},
        },
        tls::{
            alert, certificates, handshake as hs,
            heartbeat::{self, Message},
            record,
            suites::{self, Auth},
            version_number,
        },
    },
};

/// The curve that is used: P-256.
const CURVE: u16 = 23;
/// A cookie that is worth nothing, since every client is welcome.
const COOKIE: [u8; 20] = *b"a cookie of twenty b";
/// How often a flight is sent again.
const MOST_REPEATS: u32 = 3;

/// A session with one client address.
pub(super) struct Session {
    messages: Reassembler,
    random: [u8; 32],
    client: [u8; 32],
    version: u16,
    agreed: Option<Agreed>,
    ephemeral: Option<Ephemeral>,
    transcript: Vec<u8>,
    /// Handshake messages of the last flight, to be sent again.
    flight: Vec<Vec<u8>>,
    repeats: u32,
    sent_at: Option<Instant>,
    /// Answers that wait.
    held: Vec<Vec<u8>>,
    keys: Option<Keys>,
    finished: bool,
    /// The next record's number, in the clear and behind the handshake.
    sequence: [u64; 2],
    number: u16,
    over: bool,
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            messages: Reassembler::new(),
            random: rand::random(),
            client: [0; 32],
            version: 0xfeff,
            agreed: None,
            ephemeral: None,
            transcript: Vec::new(),
            flight: Vec::new(),
            repeats: 0,
            sent_at: None,
            held: Vec::new(),
            keys: None,
            finished: false,
            sequence: [0; 2],
            number: 0,
            over: false,
        }
    }

    /// Whether nothing more comes of it.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// What the timer sends.
    pub(super) fn due(&mut self, face: &Face, now: Instant) -> Vec<Vec<u8>> {
        let (Some(timer), Some(sent)) = (face.timer, self.sent_at) else { return Vec::new() };
        let wait = timer.saturating_mul(1 << self.repeats.min(8));
        if self.finished || self.repeats >= MOST_REPEATS || now.duration_since(sent) < wait {
            return Vec::new();
        }
        self.repeats += 1;
        self.repeat(face)
    }

    /// The flight once more, with what waited.
    fn repeat(&mut self, face: &Face) -> Vec<Vec<u8>> {
        self.sent_at = Some(Instant::now());
        let mut out = Vec::new();
        for message in self.flight.clone() {
            out.extend(self.pieces(face, &message));
        }
        if face.held != Held::ForEver {
            out.append(&mut self.held);
        }
        out
    }

    /// Takes in a datagram.
    pub(super) fn hear(&mut self, face: &Face, counts: &Counts, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for found in records::records(datagram) {
            if self.over {
                break;
            }
            let plain = match (found.epoch, &mut self.keys) {
                (0, _) => Some(found.fragment.to_vec()),
                (_, Some(keys)) => {
                    keys.client.open(found.bound(), found.content_type, found.version, found.fragment)
                }
                (_, None) => None,
            };
            let Some(plain) = plain else { continue };
            match found.content_type {
                record::HANDSHAKE => self.fragments(face, counts, &plain, &mut out),
                record::HEARTBEAT => self.heartbeat(face, counts, found.epoch, &plain, &mut out),
                record::ALERT => self.over = true,
                _ => {}
            }
        }
        out
    }

    fn fragments(&mut self, face: &Face, counts: &Counts, plain: &[u8], out: &mut Vec<Vec<u8>>) {
        for fragment in fragments::fragments(plain) {
            let past = fragment.sequence < self.messages.due();
            if past && fragment.kind == hs::FINISHED && self.finished {
                out.push(self.last_flight());
                return;
            }
            let again = past && fragment.kind == hs::CLIENT_HELLO;
            if again && self.keys.is_none() && !self.flight.is_empty() {
                out.append(&mut self.repeat(face));
                return;
            }
            self.messages.take(&fragment);
        }
        while let Some(message) = self.messages.next() {
            self.message(face, counts, &message, out);
        }
    }

    fn message(&mut self, face: &Face, counts: &Counts, message: &Whole, out: &mut Vec<Vec<u8>>) {
        match message.kind {
            hs::CLIENT_HELLO if self.agreed.is_none() => self.hello(face, counts, message, out),
            hs::CERTIFICATE if self.agreed.is_some() && self.keys.is_none() => self.transcribe(message),
            hs::CLIENT_KEY_EXCHANGE if self.agreed.is_some() && self.keys.is_none() => {
                if face.finishes {
                    self.transcribe(message);
                    self.exchange(message);
                } else {
                    self.alert(alert::HANDSHAKE_FAILURE, out);
                }
            }
            hs::FINISHED if self.keys.is_some() && !self.finished => {
                self.conclude(face, counts, message, out);
            }
            _ if face.held == Held::ForEver && !self.finished => {}
            _ => self.alert(alert::UNEXPECTED_MESSAGE, out),
        }
    }

    fn transcribe(&mut self, message: &Whole) {
        self.transcript.extend(dtls::whole(message.kind, message.sequence, &message.body));
    }

    fn hello(&mut self, face: &Face, counts: &Counts, message: &Whole, out: &mut Vec<Vec<u8>>) {
        let Some((cookie, plain)) = without_cookie(&message.body) else { return };
        if face.cookie && cookie != COOKIE {
            let mut body = vec![0xfe, 0xff, u8::try_from(COOKIE.len()).unwrap_or(0)];
            body.extend_from_slice(&COOKIE);
            let verify = dtls::whole(fragments::HELLO_VERIFY_REQUEST, message.sequence, &body);
            out.push(self.clear(record::HANDSHAKE, &verify));
            return;
        }
        let Ok(hello) = hs::ClientHello::parse(&plain) else { return };
        self.client = *hello.random;
        // Numbers of DTLS go down as versions go up.
        let newest = version_number(face.version);
        self.version = newest.max(hello.version);
        if hello.version > 0xfeff || self.version < 0xfefd {
            return self.alert(alert::PROTOCOL_VERSION, out);
        }
        let new = self.version == version_number(TlsVersion::Dtls12);
        let taken = hello.suites().filter_map(suite::find).find(|s| {
            let own = suites::find(s.number).is_some_and(|s| s.auth == Auth::Ecdsa);
            own && s.exchange == Exchange::Ecdhe && (new || s.bulk == Bulk::Cbc(Mac::Sha1))
        });
        let Some(suite) = taken else { return self.alert(alert::HANDSHAKE_FAILURE, out) };
        self.agreed = Some(Agreed { version: self.version, suite });
        self.number = message.sequence;
        self.transcribe(message);
        counts.flights.fetch_add(1, Ordering::Relaxed);
        self.answer(face, suite.number, hello.heartbeat().is_some());
        out.append(&mut self.repeat(face));
    }

    /// Makes the flight up to ServerHelloDone.
    fn answer(&mut self, face: &Face, number: u16, heartbeats: bool) {
        let mut extensions: Vec<(u16, &[u8])> = vec![(hs::EXT_RENEGOTIATION_INFO, &[0])];
        if heartbeats && face.behaviour.heartbeats().2 {
            extensions.push((hs::EXT_HEARTBEAT, &[1]));
        }
        let mut plain = Vec::new();
        hs::encode_server_hello(&mut plain, self.version, &self.random, number, &extensions);
        certificates::encode(&mut plain, &[&face.identity.certificate_der, &face.identity.issuer_der]);
        if let Ok(ephemeral) = Ephemeral::new(CURVE) {
            let body = self.exchange_body(face, &ephemeral.public);
            hs::encode_message(&mut plain, hs::SERVER_KEY_EXCHANGE, &body);
            self.ephemeral = Some(ephemeral);
        }
        hs::encode_server_hello_done(&mut plain);
        let mut messages = hs::Assembler::new();
        let mut rest = &*plain;
        while let Ok(Some(message)) = messages.read(&mut rest) {
            let whole = dtls::whole(message.kind, self.number, message.body);
            self.number += 1;
            self.transcript.extend_from_slice(&whole);
            self.flight.push(whole);
        }
    }

    /// Curve, point, and a signature over them (RFC 8422, 5.4).
    fn exchange_body(&self, face: &Face, point: &[u8]) -> Vec<u8> {
        let mut body = vec![NAMED_CURVE];
        body.extend_from_slice(&CURVE.to_be_bytes());
        body.push(u8::try_from(point.len()).unwrap_or(0));
        body.extend_from_slice(point);
        let signed = [&self.client[..], &self.random, &body].concat();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &face.identity.key_der, &random);
        let signature = key.ok().and_then(|key| key.sign(&random, &signed).ok());
        if self.version == version_number(TlsVersion::Dtls12) {
            body.extend_from_slice(&[4, 3]); // SHA-256, ECDSA
        }
        let signature = signature.as_ref().map_or(&[][..], AsRef::as_ref);
        body.extend_from_slice(&u16::try_from(signature.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(signature);
        body
    }

    fn exchange(&mut self, message: &Whole) {
        let point = message.body.get(1..).unwrap_or_default();
        let secret = self.ephemeral.take().and_then(|ours| ours.meet(point).ok());
        if let (Some(secret), Some(agreed)) = (secret, self.agreed) {
            self.keys = Keys::derive(agreed, &secret, &self.client, &self.random);
        }
    }

    fn conclude(&mut self, face: &Face, counts: &Counts, message: &Whole, out: &mut Vec<Vec<u8>>) {
        let Some(keys) = &self.keys else { return };
        if keys.finished(Side::Client, &self.transcript) != message.body {
            return self.alert(20, out);
        }
        self.transcribe(message);
        let Some(keys) = &self.keys else { return };
        let body = keys.finished(Side::Server, &self.transcript);
        self.flight = vec![dtls::whole(hs::FINISHED, self.number, &body)];
        self.number += 1;
        self.finished = true;
        counts.finished.fetch_add(1, Ordering::Relaxed);
        out.push(self.last_flight());
        if face.held != Held::ForEver {
            out.append(&mut self.held);
        }
    }

    /// ChangeCipherSpec and Finished, again where the client did not hear them (RFC 6347, 4.2.4).
    fn last_flight(&mut self) -> Vec<u8> {
        let mut datagram = self.clear(record::CHANGE_CIPHER_SPEC, &[1]);
        let finished = self.flight.concat();
        datagram.extend(self.sealed(record::HANDSHAKE, &finished));
        datagram
    }

    fn heartbeat(&mut self, face: &Face, counts: &Counts, epoch: u16, plain: &[u8], out: &mut Vec<Vec<u8>>) {
        let Some(message) = Message::parse(plain).filter(|m| m.kind == heartbeat::REQUEST) else { return };
        counts.heartbeats.fetch_add(1, Ordering::Relaxed);
        counts.largest_claim.fetch_max(u64::from(message.claimed), Ordering::Relaxed);
        let in_the_clear = epoch == 0;
        if self.agreed.is_none() || (in_the_clear && (self.finished || face.held == Held::ForEver)) {
            return;
        }
        let (malformed, well_formed, _) = face.behaviour.heartbeats();
        let reaction = if message.is_well_formed() { well_formed } else { malformed };
        let mut payload = message.payload().unwrap_or(message.rest).to_vec();
        match reaction {
            Reaction::Drop => return,
            Reaction::End(Ending::Alert(code)) => return self.alert(code, out),
            Reaction::End(_) | Reaction::Block { .. } => {
                self.over = true;
                return;
            }
            Reaction::EchoWrong => payload.iter_mut().for_each(|b| *b = !*b),
            Reaction::Echo | Reaction::EchoAndMore(_) => {}
        }
        let answer = heartbeat::response(&payload, &rand::random());
        if in_the_clear {
            let datagram = self.clear(record::HEARTBEAT, &answer);
            match face.held {
                Held::Not => out.push(datagram),
                Held::Back | Held::ForEver => self.held.push(datagram),
            }
        } else {
            let datagram = self.sealed(record::HEARTBEAT, &answer);
            out.push(datagram);
        }
    }

    /// A fatal alert; what waited goes out before it.
    fn alert(&mut self, code: u8, out: &mut Vec<Vec<u8>>) {
        out.append(&mut self.held);
        let body = [alert::FATAL, code];
        let datagram =
            if self.finished { self.sealed(record::ALERT, &body) } else { self.clear(record::ALERT, &body) };
        out.push(datagram);
        self.over = true;
    }

    /// A message in records of their own, in as many pieces as the face wants.
    fn pieces(&mut self, face: &Face, message: &[u8]) -> Vec<Vec<u8>> {
        let Some(whole) = fragments::fragments(message).next() else { return Vec::new() };
        let step = if face.fragment == 0 { usize::MAX } else { face.fragment };
        let mut out = Vec::new();
        let mut offset: usize = 0;
        loop {
            let end = offset.saturating_add(step).min(whole.length);
            let body = whole.body.get(offset..end).unwrap_or_default();
            let mut piece = Vec::new();
            fragments::encode(&mut piece, &Fragment { offset, body, ..whole });
            out.push(self.clear(record::HANDSHAKE, &piece));
            offset = end;
            if offset >= whole.length {
                return out;
            }
        }
    }

    fn clear(&mut self, content_type: u8, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        records::encode(&mut out, content_type, self.version, 0, self.sequence[0], plain);
        self.sequence[0] += 1;
        out
    }

    fn sealed(&mut self, content_type: u8, plain: &[u8]) -> Vec<u8> {
        let Some(keys) = &mut self.keys else { return Vec::new() };
        let number = self.sequence[1];
        self.sequence[1] += 1;
        let fragment = keys.server.seal(records::bound(1, number), content_type, self.version, plain);
        let mut out = Vec::new();
        records::encode(&mut out, content_type, self.version, 1, number, &fragment);
        out
    }
}

/// The cookie of a hello's body, and the body as TLS has it.
fn without_cookie(body: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let session = 2 + 32;
    let at = session + 1 + usize::from(*body.get(session)?);
    let length = usize::from(*body.get(at)?);
    let cookie = body.get(at + 1..at + 1 + length)?;
    let plain = [body.get(..at)?, body.get(at + 1 + length..)?].concat();
    Some((cookie, plain))
}
