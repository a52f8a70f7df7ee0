use super::*;
use crate::{
    drill::{
        peer::{Content, Ending, Reaction},
        testing::{Client, Event, hello_of},
    },
    model::observation::TlsVersion,
    wire::tls::record,
};

const ALERT_10: Event = Event::Alert(2, 10);
const ECHO: Event = Event::Echo(4115, 0);

#[tokio::test]
async fn each_behaviour_answers_heartbeats_as_its_model_does() {
    use Behaviour as B;
    use Event as E;
    let custom = B::Custom {
        malformed: Reaction::End(Ending::Alert(47)),
        well_formed: Reaction::Drop,
        acknowledges: false,
    };
    // Behaviour, acknowledged, after a malformed one, after a well-formed one on another connection.
    let table: &[(Behaviour, bool, Event, Event)] = &[
        (B::Vulnerable, true, ECHO, ECHO),
        (B::Fixed, true, E::Silent, ECHO),
        (B::WithoutHeartbeats, false, ALERT_10, ALERT_10),
        (B::RefusesWith(40), false, E::Alert(2, 40), E::Alert(2, 40)),
        (B::ClosesOnHeartbeat, false, E::Closed, E::Closed),
        (B::ResetsOnHeartbeat, false, E::Reset, E::Reset),
        (B::SilentOnHeartbeat, false, E::Silent, E::Silent),
        (B::AcknowledgesThenRefuses, true, ALERT_10, ALERT_10),
        (B::EatsMalformed(Ending::Reset), true, E::Reset, ECHO),
        (B::EatsMalformed(Ending::Close), true, E::Closed, ECHO),
        (B::AnswersWrongPayload, true, E::Wrong(4115), E::Wrong(4115)),
        (B::AnswersWithMore(5), true, E::Echo(4120, 5), E::Echo(4120, 5)),
        (custom, false, E::Alert(2, 47), E::Silent),
    ];
    for (behaviour, acknowledges, malformed, well_formed) in table {
        let peer = start_as(behaviour.clone()).await;
        let hello = hello_of(TlsVersion::Tls12);
        let (mut client, flight) = Client::greet(peer.address(), &hello).await;
        assert_eq!(flight.unwrap().acknowledged, *acknowledges, "{behaviour:?}");
        client.malformed().await;
        assert_eq!(after(&mut client, malformed).await, *malformed, "{behaviour:?}");
        let mut client = Client::past_flight(peer.address()).await;
        client.well_formed().await;
        assert_eq!(after(&mut client, well_formed).await, *well_formed, "{behaviour:?}");
    }
}

/// Waits as long as it takes for something, and a moment for silence.
async fn after(client: &mut Client, expected: &Event) -> Event {
    match expected {
        Event::Silent => client.soon().await,
        _ => client.next().await,
    }
}

#[tokio::test]
async fn the_ladder_tells_vulnerable_from_fixed_on_one_connection() {
    let fixed = start_as(Behaviour::Fixed).await;
    let mut client = Client::past_flight(fixed.address()).await;
    client.malformed().await;
    client.well_formed().await;
    client.poke().await;
    let events = [client.next().await, client.next().await, client.next().await];
    assert_eq!(events, [ECHO, ALERT_10, Event::Closed], "one echo only");

    let vulnerable = start_as(Behaviour::Vulnerable).await;
    let mut client = Client::past_flight(vulnerable.address()).await;
    client.malformed().await;
    client.well_formed().await;
    client.poke().await;
    let events = [client.next().await, client.next().await, client.next().await];
    assert_eq!(events[..2], [ECHO, ECHO]);
    assert_eq!(events[2], ALERT_10);
}

#[tokio::test]
async fn an_answer_is_held_until_the_write_buffer_is_full_or_an_alert_comes() {
    let peer = start_as(Behaviour::Vulnerable).await;
    let request = |n: u16| [&[1][..], &n.to_be_bytes(), &vec![9; n.into()]].concat();
    for (length, at_once) in [(4072, false), (4073, true), (16, false)] {
        let mut client = Client::past_flight(peer.address()).await;
        client.record(record::HEARTBEAT, 0x0303, &request(length)).await;
        let answer = Event::Wrong(u32::from(length) + 19); // not the payload that this client compares with
        if at_once {
            assert_eq!(client.next().await, answer, "{length} bytes");
        } else {
            assert_eq!(client.soon().await, Event::Silent, "{length} bytes");
            client.poke().await;
            assert_eq!(client.next().await, answer, "{length} bytes");
        }
    }
}

#[tokio::test]
async fn a_claim_beyond_what_was_sent_gets_nothing_more() {
    let peer = start(Face { write_buffer: 0, ..Face::new(Behaviour::Vulnerable, &identity()) }).await;
    let table: &[(&[u8], Event)] =
        &[(&[1, 0x40, 0x00, 1, 2, 3], Event::Wrong(3 + 3 + 16)), (&[1, 0xff, 0xff], Event::Wrong(3 + 16))];
    for (request, expected) in table {
        let mut client = Client::past_flight(peer.address()).await;
        client.record(record::HEARTBEAT, 0x0303, request).await;
        assert_eq!(client.next().await, *expected, "request: {request:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_dropped() {
    let peer = start_as(Behaviour::Vulnerable).await;
    let response = [&[2, 0x10, 0][..], &[3; 4096 + 16]].concat();
    for fragment in [&response[..], &[1], &[1, 0], &[9, 0, 0]] {
        let mut client = Client::past_flight(peer.address()).await;
        client.record(record::HEARTBEAT, 0x0303, fragment).await;
        client.poke().await;
        assert_eq!(client.next().await, ALERT_10, "{} bytes", fragment.len());
    }
}

#[tokio::test]
async fn ssl3_echoes_without_an_extension() {
    let face = Face::new(Behaviour::Vulnerable, &identity()).only(TlsVersion::Ssl3);
    let peer = start(face).await;
    let (mut client, flight) = Client::greet(peer.address(), &hello_of(TlsVersion::Ssl3)).await;
    let flight = flight.unwrap();
    assert_eq!((flight.version, flight.extensions), (0x0300, 0));
    client.malformed().await;
    assert_eq!(client.next().await, ECHO);
}

#[tokio::test]
async fn a_block_lasts_until_the_face_is_set_again() {
    let peer = start_as(Behaviour::BlocksAfterMalformed(Ending::Reset)).await;
    let mut client = Client::past_flight(peer.address()).await;
    client.malformed().await;
    assert_eq!(client.soon().await, Event::Silent);
    client.poke().await;
    assert_eq!(client.soon().await, Event::Silent, "not even the poke");
    for _ in 0..2 {
        let mut later = Client::connect(peer.address()).await;
        assert_eq!(later.next().await, Event::Reset, "while the first is still open");
    }
    peer.set(Face::new(Behaviour::Fixed, &identity()));
    let mut client = Client::past_flight(peer.address()).await;
    client.well_formed().await;
    assert_eq!(client.next().await, ECHO);
}

#[tokio::test]
async fn pokes_end_a_conversation_as_the_face_says() {
    let table = [
        (Ending::Alert(10), 0, vec![ALERT_10]),
        (Ending::Alert(80), 0, vec![Event::Alert(2, 80)]),
        (Ending::Close, 0, vec![Event::Closed]),
        (Ending::Reset, 0, vec![Event::Reset]),
        (Ending::Silent, 0, vec![Event::Silent, Event::Silent]),
        (Ending::Alert(10), 1, vec![Event::Silent, ALERT_10]),
    ];
    for (on_poke, pokes_dropped, expected) in table {
        let peer = start(Face { on_poke, pokes_dropped, ..Face::new(Behaviour::Fixed, &identity()) }).await;
        let mut client = Client::past_flight(peer.address()).await;
        for event in &expected {
            client.poke().await;
            assert_eq!(after(&mut client, event).await, *event, "{on_poke:?} {pokes_dropped}");
        }
    }
}

#[tokio::test]
async fn an_answer_can_wait_for_the_poke_or_be_lost_with_it() {
    for (on_poke, expected) in [(Ending::Alert(10), ECHO), (Ending::Close, Event::Closed)] {
        let peer =
            start(Face { write_buffer: 1 << 16, on_poke, ..Face::new(Behaviour::Vulnerable, &identity()) })
                .await;
        let mut client = Client::past_flight(peer.address()).await;
        client.malformed().await;
        assert_eq!(client.soon().await, Event::Silent, "{on_poke:?}");
        client.poke().await;
        assert_eq!(client.next().await, expected, "{on_poke:?}");
    }
}

#[tokio::test]
async fn a_record_of_another_version_is_fatal() {
    let peer = start_as(Behaviour::Vulnerable).await;
    let mut client = Client::past_flight(peer.address()).await;
    let request = [&[1, 0x10, 0][..], &[5; 4096]].concat();
    client.record(record::HEARTBEAT, 0x0301, &request).await;
    assert_eq!(client.next().await, Event::Alert(2, 70));
}

#[tokio::test]
async fn reading_by_edges_leaves_the_second_of_two_records_unread() {
    let peer = start(Face { one_record_per_arrival: true, ..Face::new(Behaviour::Fixed, &identity()) }).await;
    let mut client = Client::past_flight(peer.address()).await;
    let malformed = [&[1, 0, 4][..], &[5; 4]].concat();
    let mut both = Vec::new();
    record::encode(&mut both, record::HEARTBEAT, 0x0303, &malformed);
    record::encode(&mut both, record::HANDSHAKE, 0x0303, &[14, 0, 0, 0]);
    client.send(&both).await;
    assert_eq!(client.soon().await, Event::Silent, "the poke is not read");
    client.poke().await;
    assert_eq!(client.next().await, ALERT_10, "the next arrival has it read");
}

#[tokio::test]
async fn the_endpoint_tells_what_it_was_sent() {
    let peer = start_as(Behaviour::Fixed).await;
    let mut client = Client::past_flight(peer.address()).await;
    client.malformed().await;
    client.well_formed().await;
    client.poke().await;
    while client.next().await != ALERT_10 {}
    let heartbeats: Vec<(u16, usize, usize)> = peer
        .received()
        .iter()
        .filter_map(|r| match r.content {
            Content::Heartbeat { claimed, carried, .. } => Some((claimed, carried, r.len)),
            _ => None,
        })
        .collect();
    assert_eq!(heartbeats, [(4096, 4096, 4099), (4096, 4112, 4115)]);
    let last = peer.received().pop().unwrap();
    assert_eq!(
        (last.connection, last.content_type, last.version, last.content),
        (1, record::HANDSHAKE, 0x0303, Content::Handshake(14))
    );
}
