use proptest::prelude::*;

use super::*;
use crate::wire::{
    secure::{negotiation::Agreed, negotiation::Keys, suite},
    tls::heartbeat::PADDING_LEN,
};

const VERSION: u16 = 0xfefd;

fn record_of(content_type: u8, epoch: u16, sequence: u64, fragment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    records::encode(&mut out, content_type, VERSION, epoch, sequence, fragment);
    out
}

fn ear() -> Ear {
    Ear::new(TlsVersion::Dtls12, None)
}

/// The answer to a payload, as a server makes it.
fn answer(payload: &Payload) -> Vec<u8> {
    let request = heartbeat::message(payload, &[]);
    heartbeat::response(&request[heartbeat::HEADER_LEN..], &[0; PADDING_LEN])
}

#[test]
fn an_echo_is_told_from_what_is_none_and_what_is_foreign_is_counted() {
    let mut ear = ear();
    let [ours, other] = [[1; 16], [2; 16]].map(Payload::short);
    let index = ear.expect(ours);
    ear.absorb(&record_of(record::HEARTBEAT, 0, 0, &answer(&other)));
    assert!(!ear.has_echoed(index));
    assert_eq!((ear.other, ear.foreign), (Some(35), 16));
    ear.absorb(&record_of(record::HEARTBEAT, 0, 1, &[answer(&ours), b"leak".to_vec()].concat()));
    assert!(ear.has_echoed(index));
    assert_eq!(ear.foreign, 20);
}

#[test]
fn what_is_no_dtls_decides_nothing() {
    let mut ear = ear();
    for bytes in [&b"GET / HTTP/1.0"[..], b"", &[22; 100], &[22, 3, 3, 0, 5, 1, 2, 3, 4, 5]] {
        ear.absorb(bytes);
    }
    assert!(ear.strange && !ear.spoke && !ear.has_settled());
    // Of another epoch, without keys; a Finished that is not protected; half an alert.
    ear.absorb(&record_of(record::ALERT, 1, 0, &[2, 10]));
    ear.absorb(&record_of(record::HANDSHAKE, 0, 0, &dtls::whole(hs::FINISHED, 0, &[0; 12])));
    ear.absorb(&record_of(record::ALERT, 0, 0, &[2]));
    assert!(ear.spoke && !ear.has_settled() && !ear.finished);
    ear.absorb(&record_of(record::ALERT, 0, 1, &[2, 40]));
    assert!(ear.has_ended());
}

#[test]
fn behind_a_handshake_only_what_is_sealed_counts_as_an_answer() {
    let agreed = Agreed { version: VERSION, suite: suite::find(0xc02b).unwrap() };
    let keys = || Keys::derive(agreed, &[5; 32], &[1; 32], &[2; 32]).unwrap();
    let (ours, mut theirs) = (keys(), keys());
    let mut ear = ear();
    let payload = Payload::short([9; 16]);
    let index = ear.expect(payload);
    ear.behind = Some(Behind { half: ours.server, expected: vec![0; 12] });
    ear.absorb(&record_of(record::HEARTBEAT, 0, 0, &answer(&payload)));
    assert!(!ear.has_echoed(index), "anybody can say it in the clear");
    let sealed = theirs.server.seal(records::bound(1, 4), record::HEARTBEAT, VERSION, &answer(&payload));
    let mut forged = sealed.clone();
    *forged.last_mut().unwrap() ^= 1;
    ear.absorb(&record_of(record::HEARTBEAT, 1, 4, &forged));
    assert!(!ear.has_echoed(index));
    ear.absorb(&record_of(record::HEARTBEAT, 1, 4, &sealed));
    assert!(ear.has_echoed(index));
    let data = theirs.server.seal(records::bound(1, 5), record::APPLICATION_DATA, VERSION, &[7; 1000]);
    for _ in 0..100 {
        ear.absorb(&record_of(record::APPLICATION_DATA, 1, 5, &data));
    }
    assert!(ear.plain.iter().map(Vec::len).sum::<usize>() <= MAX_PLAIN, "bounded");
}

proptest! {
    #[test]
    fn no_datagrams_panic(
        data in prop::collection::vec(any::<u8>(), 0..300),
        kind in 20_u8..25,
        epoch in 0_u16..3,
    ) {
        fuzz(&data);
        fuzz(&record_of(kind, epoch, 1, &data));
        fuzz(&record_of(record::HANDSHAKE, 0, 1, &dtls::whole(kind % 17, 0, &data)));
    }
}
