//! MSSQL by MS-TDS: the pre-login, and TLS in its packets.

use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Endless, Heard, Mood, Speaker, Tunnel,
    binary::{big_endian, take},
};

pub(super) struct Mssql(pub(super) Mood);

const PRELOGIN: u8 = 0x12;
const RESPONSE: u8 = 0x04;
/// The size of packets before another one is agreed upon.
const PACKET: usize = 4096;

fn tds_packet(kind: u8, last: bool, number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[kind, u8::from(last)], &length[..], &[0, 0, number, 0], payload].concat()
}

/// TLS in as many pre-login packets as it takes.
pub(super) fn packets(bytes: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = bytes.chunks(PACKET - 8).collect();
    let packet = |(at, piece): (usize, &&[u8])| {
        let number = u8::try_from(at & 0xff).unwrap();
        tds_packet(PRELOGIN, at + 1 == pieces.len(), number, piece)
    };
    pieces.iter().enumerate().flat_map(packet).collect()
}

/// A packet of this kind that came whole.
fn unpacked(held: &mut Vec<u8>, kind: u8) -> Result<Option<Vec<u8>>, ()> {
    let Some(start) = held.get(..8) else { return Ok(None) };
    let length = big_endian(&start[2..4]);
    if start[0] != kind || !(8..=PACKET).contains(&length) {
        return Err(());
    }
    Ok(take(held, length).map(|packet| packet[8..].to_vec()))
}

impl Mssql {
    /// What the client wants of encryption: the second of the options, each a token, offset and length. All that is
    /// said of them has to hold.
    fn wanted(payload: &[u8]) -> Option<u8> {
        let mut wanted = None;
        let mut options = payload.chunks(5);
        loop {
            let option = options.next()?;
            if option[0] == 0xff {
                return wanted;
            }
            let (at, length) = (big_endian(option.get(1..3)?), big_endian(option.get(3..5)?));
            let value = payload.get(at..at + length)?;
            if option[0] == 1 {
                wanted = Some(*value.first()?);
            }
        }
    }
}

impl Speaker for Mssql {
    fn greeting(&mut self) -> Heard {
        Heard::More
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let payload = match unpacked(held, PRELOGIN) {
            Ok(Some(payload)) => payload,
            Ok(None) => return Heard::More,
            Err(()) => return Heard::Bye(Vec::new()),
        };
        let Some(wanted) = Self::wanted(&payload) else { return Heard::Bye(Vec::new()) };
        // Off, on, not supported: a server that can and need not.
        let answer = match (self.0, wanted) {
            (Mood::Honest, 0 | 1) => wanted,
            (Mood::Honest, 3) => 1,
            _ => 2,
        };
        let options = [
            &[0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 2, 0, 23, 0, 1][..], // version, encryption, instance
            &[0xff],
            &[16, 0, 0x10, 0x35, 0, 0],
            &[answer],
            &[0],
        ];
        let packet = tds_packet(RESPONSE, true, 1, &options.concat());
        if answer == 2 { Heard::Say(packet) } else { Heard::Go(packet) }
    }

    fn plain(&self) -> Vec<u8> {
        // A DONE token.
        tds_packet(RESPONSE, true, 1, &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn endless(&self) -> Endless {
        // Each packet is full and says that another one follows.
        let piece = tds_packet(RESPONSE, false, 1, &[0; PACKET - 8]);
        Endless { field: vec![RESPONSE, 0, 0xff, 0xff, 0, 0, 1, 0], head: Vec::new(), piece }
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::Tds
    }
}

/// What a client sends, out of its packets as long as they are such.
pub(super) struct Unpack<'a> {
    held: Vec<u8>,
    packed: &'a AtomicBool,
}

impl<'a> Unpack<'a> {
    pub(super) fn new(held: Vec<u8>, packed: &'a AtomicBool) -> Self {
        Self { held, packed }
    }

    /// The next bytes of TLS, if they are here.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.held.is_empty() {
            return None;
        }
        if self.packed.load(Ordering::SeqCst) {
            // A type of TLS record: the handshake is over, and the packets are inside TLS now.
            let over = (20..=24).contains(&self.held[0]);
            self.packed.store(!over, Ordering::SeqCst);
            if !over {
                // What is neither ends it: the TLS server hears nothing more.
                return unpacked(&mut self.held, PRELOGIN).unwrap_or_default();
            }
        }
        Some(std::mem::take(&mut self.held))
    }

    /// Waits for more; whether it came.
    pub(super) fn fill(&mut self, from: &mut impl Read) -> bool {
        let mut piece = [0_u8; 8192];
        let read = from.read(&mut piece).unwrap_or(0);
        self.held.extend_from_slice(&piece[..read]);
        read > 0 && self.held.len() < 1 << 20
    }
}
