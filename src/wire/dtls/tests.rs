use proptest::prelude::*;

use super::{
    handshake::{self, Fragment, Reassembler, Whole},
    record::{self, Record},
};

fn one_record(content_type: u8, version: u16, epoch: u16, sequence: u64, fragment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    record::encode(&mut out, content_type, version, epoch, sequence, fragment);
    out
}

#[test]
fn records_are_read_as_they_were_written_and_up_to_what_is_none() {
    let datagram = [
        one_record(22, 0xfeff, 0, 7, b"one"),
        one_record(24, 0xfefd, 1, record::MAX_SEQUENCE, b""),
        b"\x16\xfe\xff\0\0".to_vec(),
    ]
    .concat();
    let all: Vec<Record<'_>> = record::records(&datagram).collect();
    assert_eq!(all.len(), 2, "half a header is no record");
    assert_eq!(
        (all[0].content_type, all[0].version, all[0].sequence, all[0].fragment),
        (22, 0xfeff, 7, &b"one"[..])
    );
    assert_eq!(all[1].bound(), (1 << 48) | record::MAX_SEQUENCE);
    for not_dtls in [&b"\x16\x03\x01\0\x05hello"[..], b"\0\x01\0\0!\x12\xa4B", b"", &[22; 13], &[0xfe; 40]] {
        assert_eq!(record::records(not_dtls).count(), 0, "{not_dtls:?}");
    }
    let mut long = one_record(22, 0xfeff, 0, 0, &[1; 100]);
    long.pop();
    assert_eq!(record::records(&long).count(), 0, "a record does not go on in another datagram");
}

/// Every fragment of a message cut into pieces of `step`.
fn cut(kind: u8, sequence: u16, body: &[u8], step: usize) -> Vec<Vec<u8>> {
    let length = body.len();
    let mut out = Vec::new();
    let mut offset = 0;
    loop {
        let piece = &body[offset..(offset + step).min(length)];
        let mut bytes = Vec::new();
        handshake::encode(&mut bytes, &Fragment { kind, length, sequence, offset, body: piece });
        out.push(bytes);
        offset += step;
        if offset >= length {
            return out;
        }
    }
}

fn all_of(pieces: &[Vec<u8>]) -> Vec<Whole> {
    let mut messages = Reassembler::new();
    let mut found = Vec::new();
    for piece in pieces {
        for fragment in handshake::fragments(piece) {
            messages.take(&fragment);
        }
        while let Some(whole) = messages.next() {
            found.push(whole);
        }
    }
    found
}

#[test]
fn what_contradicts_or_floods_is_dropped() {
    let mut messages = Reassembler::new();
    let piece = |length, offset, body| Fragment { kind: 11, length, sequence: 0, offset, body };
    messages.take(&piece(4, 0, b"ab"));
    messages.take(&piece(5, 2, b"cde"));
    messages.take(&Fragment { kind: 12, ..piece(4, 2, b"XY") });
    assert_eq!(messages.next(), None, "another length and another kind");
    messages.take(&piece(4, 1, b"bcd"));
    assert_eq!(messages.next().unwrap().body, b"abcd");
    for sequence in 1..u16::MAX {
        messages.take(&Fragment { sequence, ..piece(60_000, 0, b"a") });
        assert!(messages.held() <= handshake::MAX_HELD);
    }
    messages.take(&Fragment { sequence: 1, ..piece(0x00ff_ffff, 0, b"a") });
    assert!(messages.held() <= handshake::MAX_HELD);
    let mut pieces = Reassembler::new();
    for n in 0..40_000 {
        pieces.take(&piece(100_000, n * 2, b"a"));
    }
    assert_eq!(pieces.next(), None, "many pieces apart");
}

#[test]
fn empty_messages_are_whole_and_a_skip_forgets_what_is_past() {
    assert_eq!(all_of(&[super::whole(14, 0, &[])]), [Whole { kind: 14, sequence: 0, body: vec![] }]);
    let mut messages = Reassembler::new();
    messages.take(&Fragment { kind: 2, length: 10, sequence: 0, offset: 0, body: b"half" });
    messages.take(&Fragment { kind: 2, length: 2, sequence: 1, offset: 0, body: b"ab" });
    messages.skip_to(1);
    assert_eq!((messages.held(), messages.due()), (2, 1));
    assert_eq!(messages.next().unwrap().body, b"ab");
}

#[test]
fn a_cookie_is_read_and_half_a_one_is_none() {
    assert_eq!(handshake::cookie(&[0xfe, 0xff, 3, 1, 2, 3]), Some(&[1, 2, 3][..]));
    assert_eq!(handshake::cookie(&[0xfe, 0xff, 0]), Some(&[][..]));
    for body in [&[][..], &[0xfe, 0xff], &[0xfe, 0xff, 3, 1, 2]] {
        assert_eq!(handshake::cookie(body), None, "{body:?}");
    }
}

proptest! {
    #[test]
    fn messages_come_whole_and_in_order_whatever_happens_to_their_fragments(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6),
        step in 1usize..80,
        seed in any::<u64>(),
    ) {
        use rand::{SeedableRng as _, seq::SliceRandom as _};
        let mut pieces: Vec<Vec<u8>> = bodies
            .iter()
            .enumerate()
            .flat_map(|(n, body)| {
                let mut pieces = cut(11, u16::try_from(n).unwrap(), body, step);
                pieces.extend(cut(11, u16::try_from(n).unwrap(), body, step + 7));
                pieces
            })
            .collect();
        pieces.shuffle(&mut rand::rngs::SmallRng::seed_from_u64(seed));
        let found: Vec<Vec<u8>> = all_of(&pieces).into_iter().map(|w| w.body).collect();
        prop_assert_eq!(found, bodies);
    }

    #[test]
    fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
        super::fuzz(&data);
    }
}
