//! Acts out a [`Face`] on one connection. Every wait ends with the client, with the endpoint, or after
//! [`LIFETIME`].

use std::{io, sync::Arc, time::Duration};

use rand::Rng as _;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt as _, join, split},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    connection::{Connection, Incoming},
    face::{Behaviour, EarlyCcs, Ending, Face, Reaction, Sslv2},
    flight::{self, Answer},
};
use crate::{
    model::observation::TlsVersion,
    wire::tls::{
        alert,
        empty_secret::ClientKeys,
        handshake as hs,
        heartbeat::{self, Message},
        record, sslv2, version_number,
    },
};

/// The longest that a connection is kept.
const LIFETIME: Duration = Duration::from_secs(300);
/// The most records that are taken from one client after its hello.
const MAX_RECORDS: u32 = 10_000;
/// Called when the client is blocked from now on, with how its later connections end.
pub(super) type Block<'a> = &'a (dyn Fn(Ending) + Sync);

/// Serves one connection to its end.
pub(super) async fn serve(connection: Connection<'_>, face: &Face, block: Block<'_>) {
    // What goes wrong with a client is its own affair.
    let _ = timeout(LIFETIME, act(connection, face, block)).await;
}

async fn act(mut connection: Connection<'_>, face: &Face, block: Block<'_>) -> io::Result<()> {
    let version = version_number(face.newest.min(TlsVersion::Tls12));
    match face.behaviour {
        Behaviour::Tarpit => connection.hold().await,
        Behaviour::EndsAtOnce(ending) => connection.end(ending, version).await,
        Behaviour::SmtpGreeting => {
            connection.send(b"220 mail.drill.test ESMTP drill\r\n").await?;
            connection.hold().await
        }
        Behaviour::Speaks(words) => {
            connection.send(words).await?;
            connection.hold().await
        }
        Behaviour::PlainHttp => {
            if connection.hears_something().await? {
                connection.send(BAD_REQUEST).await?;
            }
            connection.end(Ending::Close, version).await
        }
        _ => tls(connection, face, block).await,
    }
}

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\
    Content-Length: 41\r\nConnection: close\r\n\r\n<html><body>400 Bad Request</body></html>";

async fn tls(mut connection: Connection<'_>, face: &Face, block: Block<'_>) -> io::Result<()> {
    let old = version_number(TlsVersion::Tls10);
    let body = match client_hello(&mut connection).await {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(()),
        Err(First::NotTls) if sslv2::is_client_hello(connection.first_bytes()) => {
            return speak_sslv2(connection, face, old).await;
        }
        Err(First::NotTls) => return connection.end(Ending::Close, old).await,
        Err(First::Unexpected) => {
            return connection.end(Ending::Alert(alert::UNEXPECTED_MESSAGE), old).await;
        }
        Err(First::Io(error)) => return Err(error),
    };
    let Ok(hello) = hs::ClientHello::parse(&body) else {
        return connection.end(Ending::Alert(alert::DECODE_ERROR), old).await;
    };
    let offers_tls13 = hello
        .supported_versions()
        .is_some_and(|mut list| list.any(|v| v == version_number(TlsVersion::Tls13)));
    if face.behaviour == Behaviour::Tls13Only || (face.tls13_too && offers_tls13) {
        return tls13(connection, face, hello.sni().is_some()).await;
    }
    connection.past_hello();
    let (client, server) = (*hello.random, random());
    match flight::answer(face, &hello, body.len() + 4, &server) {
        Answer::End { version, ending } => connection.end(ending, version).await,
        Answer::Flight { version, records } => {
            if let Some((length, ending)) = face.cut
                && let Some(cut) = records.get(..length)
            {
                connection.send(cut).await?;
                return connection.end(ending, version).await;
            }
            connection.send(&records).await?;
            let keys = ClientKeys::derive(&client, &server);
            converse(connection, face, version, keys, block).await
        }
    }
}

/// Answers a hello of SSL 2.0.
async fn speak_sslv2(mut connection: Connection<'_>, face: &Face, version: u16) -> io::Result<()> {
    let certificate = face.identities.first().map(|i| &*i.certificate_der).unwrap_or_default();
    let mut out = Vec::new();
    match face.sslv2 {
        Sslv2::Refused(ending) => connection.end(ending, version).await,
        Sslv2::Spoken(kinds) => {
            sslv2::encode_server_hello(&mut out, certificate, kinds);
            connection.send(&out).await?;
            connection.hold().await
        }
        Sslv2::Cut(length, ending) => {
            sslv2::encode_server_hello(&mut out, certificate, 7);
            out.truncate(length);
            connection.send(&out).await?;
            connection.end(ending, version).await
        }
        Sslv2::Endless(bytes) => loop {
            connection.send(bytes).await?;
        },
    }
}

/// Why no ClientHello came.
enum First {
    NotTls,
    Unexpected,
    Io(io::Error),
}

/// The first message's body, where it is a ClientHello. `None`: the client went before it was whole.
async fn client_hello(connection: &mut Connection<'_>) -> Result<Option<Vec<u8>>, First> {
    let mut messages = hs::Assembler::new();
    loop {
        let found = match connection.record().await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(First::NotTls),
            Err(error) => return Err(First::Io(error)),
        };
        if found.content_type != record::HANDSHAKE {
            return Err(First::Unexpected);
        }
        match messages.read(&mut &*found.fragment) {
            Ok(None) => {}
            Ok(Some(m)) if m.kind == hs::CLIENT_HELLO => return Ok(Some(m.body.to_vec())),
            Ok(Some(_)) | Err(_) => return Err(First::Unexpected),
        }
    }
}

/// What comes of a message after ServerHelloDone.
enum Next {
    Go,
    Say(Vec<u8>),
    End(Ending),
    Block { this: Ending, later: Ending },
}

/// The conversation after ServerHelloDone: heartbeats, pokes, alerts.
async fn converse(
    mut connection: Connection<'_>,
    face: &Face,
    version: u16,
    keys: Option<ClientKeys>,
    block: Block<'_>,
) -> io::Result<()> {
    let mut state = Conversation {
        face,
        version,
        messages: hs::Assembler::new(),
        pokes_left: face.pokes_dropped,
        keys,
        early: None,
    };
    for _ in 0..MAX_RECORDS {
        let found = match connection.record().await {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return connection.end(Ending::Alert(alert::UNEXPECTED_MESSAGE), version).await;
            }
            Err(error) => return Err(error),
        };
        match state.next(&found) {
            Next::Go => {}
            Next::Say(answer) => connection.answer(&answer).await?,
            Next::End(ending) => return connection.end(ending, version).await,
            Next::Block { this, later } => {
                block(later);
                return connection.end(this, version).await;
            }
        }
    }
    Ok(())
}

struct Conversation<'a> {
    face: &'a Face,
    version: u16,
    messages: hs::Assembler,
    pokes_left: u8,
    /// The keys of an empty secret.
    keys: Option<ClientKeys>,
    /// How a record ends it that those do not open, once they are in force.
    early: Option<Ending>,
}

impl Conversation<'_> {
    fn next(&mut self, found: &Incoming) -> Next {
        if found.version != self.version {
            return Next::End(Ending::Alert(alert::PROTOCOL_VERSION));
        }
        if let Some(ending) = self.early {
            let opened = self.keys.as_mut().and_then(|keys| keys.open(found.content_type, &found.fragment));
            return if opened.is_some() { Next::Go } else { Next::End(ending) };
        }
        match found.content_type {
            record::CHANGE_CIPHER_SPEC => match self.face.early_ccs {
                EarlyCcs::Refused(ending) => Next::End(ending),
                EarlyCcs::Dropped => Next::Go,
                EarlyCcs::Taken(ending) => {
                    self.early = Some(ending);
                    Next::Go
                }
            },
            record::HEARTBEAT => self.heartbeat(&found.fragment),
            record::HANDSHAKE => self.handshake(&found.fragment),
            record::ALERT => match alert::Alert::parse(&found.fragment) {
                Some(alert) if alert.goes_on() => Next::Go,
                _ => Next::End(Ending::Close),
            },
            _ => Next::End(Ending::Alert(alert::UNEXPECTED_MESSAGE)),
        }
    }

    fn heartbeat(&self, fragment: &[u8]) -> Next {
        let Some(message) = Message::parse(fragment).filter(|m| m.kind == heartbeat::REQUEST) else {
            return Next::Go; // RFC 6520, 4: what makes no sense is dropped
        };
        let (malformed, well_formed, _) = self.face.behaviour.heartbeats();
        let reaction = if message.is_well_formed() { well_formed } else { malformed };
        let payload = message.payload().unwrap_or(message.rest);
        match reaction {
            Reaction::Echo => Next::Say(response(self.version, payload, 0)),
            Reaction::EchoAndMore(n) => Next::Say(response(self.version, payload, n)),
            Reaction::EchoWrong => {
                let wrong: Vec<u8> = payload.iter().map(|byte| !byte).collect();
                Next::Say(response(self.version, &wrong, 0))
            }
            Reaction::Drop => Next::Go,
            Reaction::End(ending) => Next::End(ending),
            Reaction::Block { this, later } => Next::Block { this, later },
        }
    }

    fn handshake(&mut self, fragment: &[u8]) -> Next {
        let mut rest = fragment;
        loop {
            match self.messages.read(&mut rest) {
                Ok(None) => return Next::Go,
                Ok(Some(m)) if matches!(m.kind, hs::CERTIFICATE | hs::CLIENT_KEY_EXCHANGE) => {
                    // No keys are made here, so that a client that goes on has to be sent away.
                    return Next::End(Ending::Alert(alert::HANDSHAKE_FAILURE));
                }
                Ok(Some(_)) if self.pokes_left > 0 => self.pokes_left -= 1,
                Ok(Some(_)) => return Next::End(self.face.on_poke),
                Err(_) => return Next::End(Ending::Alert(alert::DECODE_ERROR)),
            }
        }
    }
}

/// A response with a payload that the client sent, 16 random bytes of padding, and `more` zero bytes.
fn response(version: u16, payload: &[u8], more: u16) -> Vec<u8> {
    let mut padding = [0; heartbeat::PADDING_LEN];
    rand::rng().fill_bytes(&mut padding);
    let mut out = Vec::new();
    heartbeat::encode_response(&mut out, version, payload, &padding);
    if more == 0 {
        return out;
    }
    let mut message = out.split_off(record::HEADER_LEN.min(out.len()));
    let room = record::MAX_PLAIN.saturating_sub(message.len());
    message.resize(message.len() + room.min(more.into()), 0);
    out.clear();
    record::encode(&mut out, record::HEARTBEAT, version, &message);
    out
}

fn random() -> [u8; 32] {
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    random
}

/// Hands the connection, from its first byte, to rustls limited to TLS 1.3.
async fn tls13(connection: Connection<'_>, face: &Face, named: bool) -> io::Result<()> {
    let Some(identity) = face.identity_for_tls13(named) else {
        return connection.end(Ending::Alert(alert::INTERNAL_ERROR), version_number(TlsVersion::Tls12)).await;
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![
        CertificateDer::from(identity.certificate_der.to_vec()),
        CertificateDer::from(identity.issuer_der.to_vec()),
    ];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key_der.to_vec()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    let (stream, first) = connection.into_parts();
    let (read, write) = split(stream);
    let whole = join(io::Cursor::new(first).chain(read), write);
    let mut session = TlsAcceptor::from(Arc::new(config)).accept(whole).await?;
    let mut buffer = vec![0; 4096];
    while session.read(&mut buffer).await? > 0 {}
    Ok(())
}
