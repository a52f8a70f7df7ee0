//! A server's answer to a ClientHello up to TLS 1.2: which version, which suite, which certificate, and the
//! records from ServerHello to ServerHelloDone (RFC 5246, 7.3). Pure: bytes in, bytes out.
//!
//! Key exchange parameters have the right shape and no meaning: no handshake here is ever finished.

use super::{
    face::{Ending, Face, Framing, SniRule},
    identity::Identity,
};
use crate::{
    model::observation::TlsVersion,
    wire::tls::{
        alert::{self, Alert},
        certificates, handshake as hs, key_exchange as parameters, record,
        suites::{self, Auth, Suite},
        version_number, version_of,
    },
};

/// What a hello earns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The records of the whole flight, in this version.
    Flight {
        /// The version number that was chosen.
        version: u16,
        /// The records.
        records: Vec<u8>,
    },
    /// The end, with alerts in records of this version.
    End {
        /// The version number to write.
        version: u16,
        /// How.
        ending: Ending,
    },
}

/// Answers a ClientHello whose message was `length` bytes long. `random` is the server's.
pub(super) fn answer(face: &Face, hello: &hs::ClientHello<'_>, length: usize, random: &[u8; 32]) -> Answer {
    let asked = newest_offered(hello);
    let version = asked.min(face.newest).min(TlsVersion::Tls12);
    let number = version_number(version);
    let end = |ending| Answer::End { version: number, ending };
    if let Some((longest, ending)) = face.longest_hello
        && length > longest
    {
        return end(ending);
    }
    if let Some(ending) = face.intolerance
        && asked > face.newest
    {
        return end(ending);
    }
    if version < face.oldest {
        return end(Ending::Alert(alert::PROTOCOL_VERSION));
    }
    let named = hello.sni().is_some();
    match face.sni {
        SniRule::Needed(ending) if !named => return end(ending),
        SniRule::Refused(ending) if named => return end(ending),
        _ => {}
    }
    let below = version < face.newest || (face.tls13_too && version <= TlsVersion::Tls12);
    if let Some(ending) = face.on_fallback.filter(|_| below)
        && hello.suites().any(|suite| suite == suites::FALLBACK_SCSV)
    {
        return end(ending);
    }
    let Some(suite) = choose(face, hello, version) else {
        return end(face.no_suite);
    };
    let mut records = Vec::new();
    if face.sni == SniRule::Warns && named {
        let warning = Alert { level: alert::WARNING, code: alert::UNRECOGNIZED_NAME };
        warning.encode(&mut records, number);
    }
    let identity = face.identity_for(suite.auth, named);
    let messages = [
        Some(server_hello(face, hello, version, suite, random)),
        identity.filter(|_| suite.auth.has_certificate()).map(certificate),
        key_exchange(face, suite, version, identity),
        face.asks_certificate.then(|| certificate_request(number)),
        Some(hello_done()),
    ];
    frame(&mut records, face.framing, number, messages.into_iter().flatten());
    Answer::Flight { version: number, records }
}

/// The newest version up to TLS 1.2 that a client offers; what is older than SSL 3.0 counts as that.
fn newest_offered(hello: &hs::ClientHello<'_>) -> TlsVersion {
    let field = hello.version.min(version_number(TlsVersion::Tls12));
    let listed = hello
        .supported_versions()
        .and_then(|list| list.filter_map(version_of).filter(|v| *v <= TlsVersion::Tls12).max());
    listed.or(version_of(field)).unwrap_or(TlsVersion::Ssl3)
}

fn choose(face: &Face, hello: &hs::ClientHello<'_>, version: TlsVersion) -> Option<&'static Suite> {
    let named = hello.sni().is_some();
    let number = if face.suites.is_empty() {
        hello.suites().find(|number| {
            let certified = suites::find(*number).is_some_and(|s| s.auth.has_certificate() && !s.is_export());
            certified && face.serves(*number, version, named)
        })
    } else {
        let offered: Vec<u16> = hello.suites().collect();
        let wanted = |number: &&u16| offered.contains(number) && face.serves(**number, version, named);
        face.suites.iter().find(wanted).copied()
    };
    suites::find(number?)
}

fn server_hello(
    face: &Face,
    hello: &hs::ClientHello<'_>,
    version: TlsVersion,
    suite: &Suite,
    random: &[u8; 32],
) -> Vec<u8> {
    let mut extensions: Vec<(u16, &[u8])> = Vec::new();
    if version > TlsVersion::Ssl3 {
        if hello.extensions.find(hs::EXT_RENEGOTIATION_INFO).is_some()
            || hello.suites().any(|s| s == suites::RENEGOTIATION_SCSV)
        {
            extensions.push((hs::EXT_RENEGOTIATION_INFO, &[0]));
        }
        if face.acknowledges() && hello.heartbeat().is_some() {
            extensions.push((hs::EXT_HEARTBEAT, &[1])); // peer_allowed_to_send
        }
    }
    let mut out = Vec::new();
    hs::encode_server_hello(&mut out, version_number(version), random, suite.number, &extensions);
    out
}

fn certificate(identity: &Identity) -> Vec<u8> {
    let mut out = Vec::new();
    certificates::encode(&mut out, &[&identity.certificate_der, &identity.issuer_der]);
    out
}

fn certificate_request(version: u16) -> Vec<u8> {
    let mut out = Vec::new();
    hs::encode_certificate_request(&mut out, version);
    out
}

fn hello_done() -> Vec<u8> {
    let mut out = Vec::new();
    hs::encode_server_hello_done(&mut out);
    out
}

/// The ServerKeyExchange of suites that have one, in the shape of RFC 8422, 5.4 or RFC 5246, 7.4.3.
fn key_exchange(
    face: &Face,
    suite: &Suite,
    version: TlsVersion,
    identity: Option<&Identity>,
) -> Option<Vec<u8>> {
    const NAMED_CURVE: u8 = 3;
    const SECP256R1: u8 = 23;
    /// A prime and a short modulus where none are set.
    const PRIME: &[u8] = &[0xff; 256];
    const MODULUS: &[u8] = &[0x81; 64];
    let starts = |words: &[&str]| words.iter().any(|word| suite.name.starts_with(word));
    let mut body = Vec::new();
    if starts(&["ECDHE-", "AECDH-"]) {
        let own = identity.filter(|i| i.auth == Auth::Ecdsa);
        let point = own.map_or(&[4][..], |i| &*i.public);
        body.extend_from_slice(&[NAMED_CURVE, 0, SECP256R1]);
        body.push(u8::try_from(point.len()).ok()?);
        body.extend_from_slice(point);
    } else if suite.is_dhe() {
        let prime = if face.dh_prime.is_empty() { PRIME } else { &face.dh_prime };
        parameters::encode_dh(&mut body, prime);
    } else if suite.is_export() && suite.is_rsa_exchange() {
        let modulus = if face.export_modulus.is_empty() { MODULUS } else { &face.export_modulus };
        parameters::encode_rsa(&mut body, modulus);
    } else {
        return None;
    }
    let signature = match suite.auth {
        Auth::Anonymous | Auth::Psk => None,
        Auth::Rsa => Some((1, vec![1; 256])),
        _ => Some((3, [&[0x30, 0x44, 2, 32][..], &[1; 32], &[2, 32], &[1; 32]].concat())),
    };
    if let Some((algorithm, bytes)) = signature {
        if version >= TlsVersion::Tls12 {
            body.extend_from_slice(&[4, algorithm]); // SHA-256
        }
        put_vec16(&mut body, &bytes);
    }
    let mut out = Vec::new();
    hs::encode_server_key_exchange(&mut out, &body);
    Some(out)
}

fn put_vec16(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn frame(out: &mut Vec<u8>, framing: Framing, version: u16, messages: impl Iterator<Item = Vec<u8>>) {
    let pieces = match framing {
        Framing::PerMessage => messages.collect(),
        Framing::OneRecord => vec![messages.flatten().collect()],
        Framing::Fragments(n) => {
            let flight: Vec<u8> = messages.flatten().collect();
            flight.chunks(n.max(1)).map(<[u8]>::to_vec).collect::<Vec<_>>()
        }
    };
    for piece in pieces {
        record::encode(out, record::HANDSHAKE, version, &piece);
    }
}
