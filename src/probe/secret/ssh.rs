//! SSH host keys: a connection for each kind of key that the server lists, up to the reply that shows the key.
//!
//! The key exchange is not finished and its signature not verified: whoever stands between shows a key of their own, as
//! with `ssh-keyscan`. Nobody is logged in; the server sees a connection that ends before it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use data_encoding::BASE64_NOPAD;
use ring::{agreement, digest, rand::SystemRandom};

use super::Seen;
use crate::{
    probe::{
        context::Context,
        dial::{Connection, Wait},
    },
    wire::ssh::{self, Event, KexInit, Reader, SshError},
};

/// The key exchanges that are offered, best first (RFC 8731, RFC 5656).
const EXCHANGES: &[&str] = &["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"];
/// Names of one and the same RSA key, best first (RFC 8332).
const RSA: &[&str] = &["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"];
/// The most kinds of keys that are asked for.
const MAX_KINDS: usize = 6;
/// The most messages before the one that is waited for.
const MAX_MESSAGES: usize = 32;
const IDENTIFICATION: &[u8] = concat!("SSH-2.0-allclear_", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes();

pub(super) async fn ask(address: SocketAddr, context: &Context) -> Seen {
    let (kinds, mut found) = match exchange(address, context, None).await {
        Ok((kinds, key)) => (kinds, vec![key]),
        Err(why) => return Seen::nothing(why),
    };
    if kinds.len() > MAX_KINDS {
        return Seen::nothing(format!("more than {MAX_KINDS} kinds of host keys"));
    }
    for kind in kinds.iter().skip(1) {
        match exchange(address, context, Some(kind)).await {
            Ok((_, key)) => found.push(key),
            Err(why) => return Seen::nothing(format!("host key of kind {kind}: {why}")),
        }
    }
    Seen::these(found, None)
}

/// One connection: the kinds of keys that the server lists, and the fingerprint of the wanted one, or of the first.
async fn exchange(
    address: SocketAddr,
    context: &Context,
    wanted: Option<&str>,
) -> Result<(Vec<String>, String), String> {
    let limits = context.settings.timeouts;
    let dialled = context.dialer.dial(address, limits.connect).await;
    let connection = dialled.map_err(|contact| format!("no connection: {contact}"))?;
    let mut talk = Talk {
        connection,
        reader: Reader::new(),
        rest: Vec::new(),
        deadline: Instant::now() + limits.step.saturating_mul(2),
        step: limits.step,
    };
    talk.say(IDENTIFICATION).await;
    let theirs = talk.hear(ssh::KEXINIT).await?;
    let init = KexInit::parse(&theirs).ok_or("a malformed list of algorithms")?;
    let kinds = kinds(init.host_keys());
    let kind = match wanted {
        Some(kind) => kind,
        None => kinds.first().ok_or("no host key is offered")?,
    };
    let exchange = EXCHANGES.iter().find(|ours| init.exchanges().any(|theirs| theirs == **ours));
    let exchange =
        exchange.ok_or_else(|| format!("no common key exchange; offered: {}", EXCHANGES.join(", ")))?;
    let point = point(exchange).ok_or("no key of our own could be made")?;
    talk.say(&ssh::packet(&init.answer(exchange, kind, rand::random()))).await;
    talk.say(&ssh::packet(&ssh::ecdh_init(&point))).await;
    let reply = talk.hear(ssh::ECDH_REPLY).await?;
    let key = ssh::host_key(&reply).ok_or("a malformed reply to the key exchange")?;
    let expected = if RSA.contains(&kind) { "ssh-rsa" } else { kind };
    if ssh::kind_of(key) != Some(expected) {
        return Err(format!("asked for a key of kind {kind}, the server shows another"));
    }
    let shown = format!("SHA256:{}", BASE64_NOPAD.encode(digest::digest(&digest::SHA256, key).as_ref()));
    talk.say(&ssh::packet(&ssh::disconnect())).await;
    Ok((kinds, shown))
}

/// The kinds of keys in a list of algorithms: RSA once, certificates not at all, since their keys are listed as well.
fn kinds<'a>(listed: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for name in listed.filter(|name| !name.contains("-cert-v")) {
        let known = |kind: &String| kind == name || (RSA.contains(&name) && RSA.contains(&kind.as_str()));
        if !kinds.iter().any(known) {
            kinds.push(name.to_owned());
        }
    }
    kinds
}

/// A fresh public key of ours. Its private half is dropped: the exchange is not finished.
fn point(exchange: &str) -> Option<Vec<u8>> {
    let curve: &'static agreement::Algorithm =
        if exchange.starts_with("curve25519") { &agreement::X25519 } else { &agreement::ECDH_P256 };
    let private = agreement::EphemeralPrivateKey::generate(curve, &SystemRandom::new()).ok()?;
    Some(private.compute_public_key().ok()?.as_ref().to_vec())
}

/// One conversation, under one deadline however slowly it is dragged out.
struct Talk {
    connection: Connection,
    reader: Reader,
    /// What came and was not read yet.
    rest: Vec<u8>,
    deadline: Instant,
    step: Duration,
}

impl Talk {
    /// What goes wrong while sending shows in what is received.
    async fn say(&mut self, bytes: &[u8]) {
        let _ = self.connection.send(bytes, self.step).await;
    }

    /// The payload of the next message of this kind; debugging and ignored ones may come before it.
    async fn hear(&mut self, kind: u8) -> Result<Vec<u8>, String> {
        let mut heard = Listener { reader: &mut self.reader, kind, messages: 0, got: None };
        let before = std::mem::take(&mut self.rest);
        heard.take(&before, &mut self.rest);
        if heard.got.is_none() {
            let left = self.deadline.saturating_duration_since(Instant::now()).min(self.step);
            let rest = &mut self.rest;
            let wait = self.connection.receive(left, |bytes| heard.take(bytes, rest)).await;
            if heard.got.is_none() {
                return Err(match wait {
                    Wait::Met | Wait::Flooded => "more was said than makes sense".to_owned(),
                    Wait::Closed | Wait::Reset => "closed in the middle of the key exchange".to_owned(),
                    Wait::TimedOut => format!("no answer within {} ms", left.as_millis()),
                });
            }
        }
        heard.got.unwrap_or_else(|| Err("no answer".to_owned()))
    }
}

/// Waits for one message.
struct Listener<'a> {
    reader: &'a mut Reader,
    kind: u8,
    messages: usize,
    got: Option<Result<Vec<u8>, String>>,
}

impl Listener<'_> {
    /// Whether it came, or nothing can come any more. What lies behind it is kept in `rest`.
    fn take(&mut self, mut bytes: &[u8], rest: &mut Vec<u8>) -> bool {
        while self.got.is_none() {
            match self.reader.read(&mut bytes) {
                Ok(None) => return false,
                Ok(Some(Event::Identification(_))) => {}
                Ok(Some(Event::Packet(payload))) => {
                    self.messages += 1;
                    let first = payload.first().copied();
                    self.got = match first {
                        Some(kind) if kind == self.kind => Some(Ok(payload.to_vec())),
                        Some(ssh::IGNORE | ssh::DEBUG) if self.messages <= MAX_MESSAGES => None,
                        Some(ssh::DISCONNECT) => Some(Err("the server disconnects".to_owned())),
                        _ => Some(Err("another message than the one that is due".to_owned())),
                    };
                }
                Err(error) => self.got = Some(Err(said(error))),
            }
        }
        rest.extend_from_slice(bytes);
        true
    }
}

fn said(error: SshError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_key_is_asked_for_once() {
        let listed = "rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,ssh-rsa";
        assert_eq!(kinds(listed.split(',')), ["rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-ed25519"]);
    }

    #[test]
    fn points_have_the_length_of_their_curve() {
        let lengths: Vec<_> = EXCHANGES.iter().map(|e| point(e).unwrap().len()).collect();
        assert_eq!(lengths, [32, 32, 65]);
    }
}
