//! Pure codecs of what travels on the wire. No sockets, no clocks, no judgement.
//!
//! Every parser here is incremental or works on borrowed bytes, holds a bounded amount, and returns an
//! error for bytes that it does not like. None panics, whatever the bytes are; [`fuzz`] is the entry that
//! holds them to it.

pub mod banner;
pub(crate) mod cursor;
pub mod dtls;
pub mod greeting;
pub mod secure;
pub mod ssh;
pub mod starttls;
pub mod stun;
pub mod ticket;
pub mod tls;

use tls::{
    alert, certificates, handshake,
    heartbeat::{self, Payload},
    record::{self, RecordReader},
};

/// Runs every parser over `data`, once in a single piece and once cut into chunks, and asserts that both
/// ways come to the same result. For fuzzers and property tests.
///
/// # Panics
///
/// When a parser panics, or when the result depends on how the bytes were cut.
pub fn fuzz(data: &[u8]) {
    let (step, rest) = match data.split_first() {
        Some((first, rest)) => (usize::from(*first % 37) + 1, rest),
        None => (1, data),
    };
    let whole = events(rest, rest.len().max(1));
    let cut = events(rest, step);
    assert_eq!(whole, cut, "the result depends on chunks of {step}");
    // Each body parser meets the raw bytes too: behind the readers only well-framed ones get there.
    let _ = describe(handshake::SERVER_HELLO, rest);
    let _ = describe(handshake::CLIENT_HELLO, rest);
    let _ = describe(handshake::CERTIFICATE, rest);
    let _ = describe(handshake::CERTIFICATE_REQUEST, rest);
    let _ = handshake::ocsp_response(rest);
    let _ = alert::Alert::parse(rest);
    let _ = greeting::recognise(rest);
    banner::fuzz(rest);
    stun::fuzz(rest);
    dtls::fuzz(rest);
    secure::fuzz(rest);
    ssh::fuzz(rest, step);
    ticket::fuzz(rest, step);
    starttls::tds::fuzz(rest);
    tls::sslv2::fuzz(rest);
    tls::key_exchange::fuzz(rest);
    // One of them for each input: all of them would slow every other parser down.
    let chosen = data.last().map_or(0, |last| usize::from(*last) % starttls::DIALOGUES.len());
    if let Some(entry) = starttls::DIALOGUES.get(chosen) {
        starttls::fuzzing::fuzz(entry, data);
    }
    let sent = [Payload::new([7; 16]), Payload::new([8; 16])];
    let heard = heartbeat::hear(rest, &sent);
    assert!(heard.foreign <= rest.len() as u64);
    let _ = heartbeat::Message::parse(rest);
}

/// What the readers make of a byte stream that arrives in chunks of `step`.
fn events(data: &[u8], step: usize) -> Vec<String> {
    let mut records = RecordReader::new();
    let mut messages = handshake::Assembler::new();
    let mut out = Vec::new();
    for chunk in data.chunks(step) {
        let mut input = chunk;
        loop {
            match records.read(&mut input) {
                Ok(None) => break,
                Ok(Some(found)) => read_record(&found, &mut messages, &mut out),
                Err(error) => {
                    out.push(error.to_string());
                    break;
                }
            }
        }
    }
    out.push(format!("{:?}", records.greeting()));
    out.dedup(); // a failed reader repeats its error at every chunk
    out
}

fn read_record(found: &record::Record<'_>, messages: &mut handshake::Assembler, out: &mut Vec<String>) {
    out.push(format!("{} {:x} {}", found.content_type, found.version, found.fragment.len()));
    if found.content_type != record::HANDSHAKE {
        return;
    }
    let mut fragment = found.fragment;
    loop {
        match messages.read(&mut fragment) {
            Ok(None) => break,
            Ok(Some(message)) => out.push(describe(message.kind, message.body)),
            Err(error) => {
                out.push(error.to_string());
                break;
            }
        }
    }
}

/// A text of what a handshake message holds: every accessor runs.
fn describe(kind: u8, body: &[u8]) -> String {
    match kind {
        handshake::SERVER_HELLO => format!(
            "{:?}",
            handshake::ServerHello::parse(body).map(|h| (h.suite, h.heartbeat(), h.selected_version()))
        ),
        handshake::CLIENT_HELLO => format!(
            "{:?}",
            handshake::ClientHello::parse(body).map(|h| {
                let suites = h.suites().count();
                let schemes = h.signature_algorithms().map(Iterator::count);
                let versions = h.supported_versions().map(Iterator::count);
                (suites, h.sni().map(<[u8]>::len), h.heartbeat(), schemes, versions)
            })
        ),
        handshake::CERTIFICATE => format!("{:?}", certificates::parse(body).map(|c| c.len())),
        _ => format!("{kind} {}", body.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic_or_depend_on_chunks(data in prop::collection::vec(any::<u8>(), 0..400)) {
            fuzz(&data);
        }

        #[test]
        fn framed_bytes_do_not_either(
            step in any::<u8>(),
            parts in prop::collection::vec((20u8..26, prop::collection::vec(any::<u8>(), 0..200)), 0..6),
        ) {
            let mut data = vec![step];
            for (content_type, fragment) in &parts {
                record::encode(&mut data, *content_type, 0x0303, fragment);
            }
            fuzz(&data);
        }

        #[test]
        fn framed_messages_do_not_either(
            step in any::<u8>(),
            parts in prop::collection::vec((0u8..24, prop::collection::vec(any::<u8>(), 0..120)), 0..6),
        ) {
            let mut flight = Vec::new();
            for (kind, body) in &parts {
                handshake::encode_message(&mut flight, *kind, body);
            }
            let mut data = vec![step];
            for piece in flight.chunks(1 + usize::from(step)) {
                record::encode(&mut data, record::HANDSHAKE, 0x0301, piece);
            }
            fuzz(&data);
        }
    }
}
