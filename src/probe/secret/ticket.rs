//! The name of the key of TLS 1.2 session tickets: whole handshakes, since a ticket comes at their end.
//!
//! Any certificate is accepted: what is looked for is a name that the server shows to everybody, not who it is. Nothing
//! is sent but the handshake and the notice of closing it. Tickets of TLS 1.3 are encrypted and not looked at; servers
//! use one key for both.

use std::sync::{Arc, LazyLock};

use data_encoding::HEXLOWER;
use rustls::{ClientConfig, ClientConnection, Error, client::Resumption, pki_types::ServerName};

use super::Seen;
use crate::{
    probe::{
        context::Context,
        dial::Wait,
        kind::Target,
        limits::Timeouts,
        link::{self, Link},
        tls13::{Anything, Schemes},
    },
    wire::ticket::{NAME_LEN, Ticket, Watcher},
};

/// Two handshakes, and a third where their tickets begin differently: two nodes have two keys, and a ticket without a
/// key's name begins differently each time.
pub(super) async fn ask(target: Target<'_>, context: &Context) -> Seen {
    let mut names: Vec<[u8; NAME_LEN]> = Vec::new();
    let mut without = 0;
    for round in 0..3 {
        if round == 2 && !differ(&names) {
            break;
        }
        match handshake(target, context).await {
            Ok(Some(Ticket::Named(name))) => names.push(name),
            Ok(Some(Ticket::Short)) => return Seen::nothing("the ticket is too short to name a key"),
            Ok(Some(Ticket::Empty) | None) => without += 1,
            Err(why) => return Seen::nothing(why),
        }
    }
    judged(&names, without)
}

fn differ(names: &[[u8; NAME_LEN]]) -> bool {
    matches!(names, [first, second] if first != second)
}

/// What the names of two or three handshakes tell.
fn judged(names: &[[u8; NAME_LEN]], without: usize) -> Seen {
    let detail = match names {
        [] => return Seen::these([], Some("issues no tickets".to_owned())),
        [a, b, c] if a != b && b != c && a != c => {
            return Seen::nothing(
                "the ticket names no key: its first bytes are different each time, or many nodes have a key each",
            );
        }
        [_] if without > 0 => Some("one of several handshakes brought a ticket".to_owned()),
        [a, b, _] if a != b => Some("several keys: several nodes, or a change under way".to_owned()),
        // A third handshake brought none.
        [a, b] if a != b => {
            return Seen::nothing("two tickets begin differently, and no third one came to tell why");
        }
        _ => None,
    };
    Seen::these(names.iter().map(|name| HEXLOWER.encode(name)), detail)
}

/// One handshake, and the ticket that it brought.
async fn handshake(target: Target<'_>, context: &Context) -> Result<Option<Ticket>, String> {
    let limits = context.settings.timeouts;
    let name = target
        .sni
        .and_then(|n| ServerName::try_from(n.to_owned()).ok())
        .unwrap_or_else(|| ServerName::IpAddress(target.address.ip().into()));
    let setup = || "the TLS client could not be set up".to_owned();
    let client = ClientConnection::new(config().ok_or_else(setup)?, name).map_err(|_| setup())?;
    let mut link = Link::open(target, context, limits).await.map_err(link::words)?;
    let mut client = Box::new(client);
    let mut watcher = Watcher::new();
    while client.is_handshaking() {
        flush(&mut client, &mut link, limits).await?;
        let mut error = None;
        let wait = link
            .receive(limits.step, |bytes| {
                let heard = watcher.hear(bytes).map_err(|e| e.to_string());
                error = heard.and_then(|()| take(&mut client, bytes).map_err(|e| words(&e))).err();
                error.is_some() || !client.is_handshaking() || client.wants_write()
            })
            .await;
        if let Some(error) = error {
            let _ = flush(&mut client, &mut link, limits).await; // our alert, as a courtesy
            return Err(error);
        }
        match wait {
            Wait::Met => {}
            Wait::Closed | Wait::Reset => return Err("closed in the middle of the handshake".to_owned()),
            Wait::TimedOut => {
                return Err(format!("no answer to the handshake within {} ms", limits.step.as_millis()));
            }
            Wait::Flooded => return Err("the handshake does not end".to_owned()),
        }
    }
    client.send_close_notify();
    let _ = flush(&mut client, &mut link, limits).await;
    Ok(watcher.found())
}

async fn flush(client: &mut ClientConnection, link: &mut Link, limits: Timeouts) -> Result<(), String> {
    let mut out = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut out).map_err(|_| "the handshake could not be written".to_owned())?;
    }
    if out.is_empty() {
        return Ok(());
    }
    match link.send(&out, limits.step).await {
        // The server may have said why before it closed.
        Ok(()) | Err(Wait::Reset) => Ok(()),
        Err(_) => Err("the server takes no more bytes".to_owned()),
    }
}

fn take(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() && client.is_handshaking() {
        let n = client
            .read_tls(&mut bytes)
            .map_err(|_| Error::General("the handshake holds too much".to_owned()))?;
        client.process_new_packets()?;
        if n == 0 {
            break;
        }
    }
    Ok(())
}

/// Why a handshake failed; no text of the server's.
fn words(error: &Error) -> String {
    const ONLY: &str = "tickets are seen in TLS 1.2 with modern ciphers alone";
    match error {
        Error::AlertReceived(alert) => {
            let number = u8::from(*alert);
            let why = if matches!(number, 40 | 70 | 71) { format!("; {ONLY}") } else { String::new() };
            format!("the server ends the handshake with alert {number}{why}")
        }
        Error::PeerIncompatible(_) => format!("no common TLS version or cipher; {ONLY}"),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::PeerSentOversizedRecord => {
            "the answer is not TLS, or makes no sense in it".to_owned()
        }
        Error::DecryptError => "the server's TLS records do not decrypt".to_owned(),
        _ => "the handshake could not be carried out".to_owned(),
    }
}

/// TLS 1.2 alone, with an empty store: nothing is resumed, since a resumed session brings no ticket or an old one.
fn config() -> Option<Arc<ClientConfig>> {
    static BASE: LazyLock<Option<ClientConfig>> = LazyLock::new(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .ok()?;
        let verifier = Arc::new(Anything(Schemes::Any));
        Some(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    });
    let mut config = BASE.as_ref()?.clone();
    // By default tickets are offered (RFC 5077, 3.2). The store ends with the connection.
    config.resumption = Resumption::in_memory_sessions(1);
    Some(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
    fn names_tell_keys_from_chance() {
        let (a, b, c) = ([1; 16], [2; 16], [3; 16]);
        let hex = |name: [u8; 16]| HEXLOWER.encode(&name);
        let table: &[(&[[u8; 16]], usize, Option<Vec<String>>)] = &[
            (&[], 2, Some(vec![])),
            (&[a, a], 0, Some(vec![hex(a)])),
            (&[a], 1, Some(vec![hex(a)])),
            (&[b, a, b], 0, Some(vec![hex(a), hex(b)])),
            (&[b, a, a], 0, Some(vec![hex(a), hex(b)])),
            (&[a, b, c], 0, None),
            (&[a, b], 1, None),
        ];
        for (names, without, expected) in table {
            assert_eq!(judged(names, *without).seen, *expected, "{names:?}");
        }
    }
}
