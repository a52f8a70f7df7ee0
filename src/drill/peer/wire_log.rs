//! What clients sent to an endpoint: kinds and lengths, for tests that read the wire. No payload is kept.

use std::sync::{Mutex, PoisonError};

use crate::wire::tls::{
    handshake as hs,
    heartbeat::Message,
    record::{self, Record},
};

/// One record that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The connection, counted from 1 for the endpoint.
    pub connection: u64,
    /// The record's content type: 20 to 24.
    pub content_type: u8,
    /// The version in the record's header.
    pub version: u16,
    /// Bytes that the record carried.
    pub len: usize,
    /// What it held.
    pub content: Content,
}

/// What a record held, as far as tests ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A whole ClientHello.
    Hello {
        /// Its version field.
        version: u16,
        /// The suites on offer.
        suites: Vec<u16>,
        /// The host name of the SNI, as UTF-8 as far as it is that.
        sni: Option<String>,
        /// The heartbeat mode on offer.
        heartbeat: Option<u8>,
        /// How many extensions there were.
        extensions: usize,
    },
    /// A heartbeat message.
    Heartbeat {
        /// 1 request, 2 response.
        kind: u8,
        /// The payload length that it claims.
        claimed: u16,
        /// Bytes behind its three bytes of header: payload and padding.
        carried: usize,
    },
    /// An alert.
    Alert {
        /// 1 warning, 2 fatal.
        level: u8,
        /// Its code.
        code: u8,
    },
    /// Another handshake message, by its type, as far as one begins with the record.
    Handshake(u8),
    /// Anything else.
    Other,
}

/// The most records that are kept; later ones are not.
const LIMIT: usize = 10_000;

/// The log of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Received>>);

impl Log {
    pub(super) fn add(&self, connection: u64, found: &Record<'_>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() < LIMIT {
            records.push(Received {
                connection,
                content_type: found.content_type,
                version: found.version,
                len: found.fragment.len(),
                content: content(found),
            });
        }
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn content(found: &Record<'_>) -> Content {
    let read = match found.content_type {
        record::HEARTBEAT => Message::parse(found.fragment).map(|m| Content::Heartbeat {
            kind: m.kind,
            claimed: m.claimed,
            carried: m.rest.len(),
        }),
        record::ALERT => match *found.fragment {
            [level, code, ..] => Some(Content::Alert { level, code }),
            _ => None,
        },
        record::HANDSHAKE => {
            hello(found.fragment).or_else(|| found.fragment.first().map(|kind| Content::Handshake(*kind)))
        }
        _ => None,
    };
    read.unwrap_or(Content::Other)
}

fn hello(fragment: &[u8]) -> Option<Content> {
    let [hs::CLIENT_HELLO, _, _, _, body @ ..] = fragment else {
        return None;
    };
    let hello = hs::ClientHello::parse(body).ok()?;
    Some(Content::Hello {
        version: hello.version,
        suites: hello.suites().collect(),
        sni: hello.sni().map(|name| String::from_utf8_lossy(name).into_owned()),
        heartbeat: hello.heartbeat(),
        extensions: hello.extensions.iter().count(),
    })
}
