use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{
    drill::{
        peer::{Calibration, Ending},
        testing::{Client, Event},
    },
    wire::tls::hello::Hello,
};

#[tokio::test]
async fn other_protocols_and_none_are_spoken() {
    let http = start(Face::bare(Behaviour::PlainHttp)).await;
    let mut client = Client::connect(http.address()).await;
    client.hello(&Hello::first(None)).await;
    let text = client.text().await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "), "{text}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{text}");

    let table = [
        (Behaviour::SmtpGreeting, Event::Plain),
        (Behaviour::Speaks(b"421 too busy\r\n"), Event::Plain),
        (Behaviour::Speaks(b"SSH-2.0-drill\r\n"), Event::Plain),
        (Behaviour::Tarpit, Event::Silent),
        (Behaviour::EndsAtOnce(Ending::Close), Event::Closed),
        (Behaviour::EndsAtOnce(Ending::Reset), Event::Reset),
        (Behaviour::EndsAtOnce(Ending::Alert(40)), Event::Alert(2, 40)),
    ];
    for (behaviour, expected) in table {
        let peer = start(Face::bare(behaviour.clone())).await;
        let mut client = Client::connect(peer.address()).await;
        let got = match expected {
            Event::Silent => {
                client.hello(&Hello::first(None)).await;
                client.soon().await
            }
            _ => client.next().await,
        };
        assert_eq!(got, expected, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_pool_takes_turns() {
    let key = identity();
    let pool = vec![Face::new(Behaviour::Fixed, &key), Face::new(Behaviour::WithoutHeartbeats, &key)];
    let peer = Peer::start_pool(LOOPBACK, pool).await.unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..4 {
        let (_, flight) = Client::greet(peer.address(), &Hello::first(None)).await;
        acknowledged.push(flight.unwrap().acknowledged);
    }
    assert_eq!(acknowledged, [true, false, true, false]);
    peer.set_pool(Vec::new());
    let mut client = Client::connect(peer.address()).await;
    assert_eq!(client.next().await, Event::Closed);
}

#[tokio::test]
async fn connections_are_counted_and_overlaps_seen() {
    let peer = start_as(Behaviour::Fixed).await;
    for _ in 0..20 {
        drop(Client::past_flight(peer.address()).await);
    }
    assert_eq!((peer.connections(), peer.most_at_once()), (20, 1), "one after another");
    assert!(peer.arrivals().is_sorted());
    let held = [
        Client::past_flight(peer.address()).await,
        Client::past_flight(peer.address()).await,
        Client::past_flight(peer.address()).await,
    ];
    while peer.most_at_once() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(held);
    assert_eq!((peer.connections(), peer.most_at_once(), peer.arrivals().len()), (23, 3, 23));
}

#[tokio::test]
async fn an_endpoint_ends_with_its_connections() {
    let peer = start(Face::bare(Behaviour::Tarpit)).await;
    let at = peer.address();
    let mut client = Client::connect(at).await;
    client.hello(&Hello::first(None)).await;
    peer.stop().await;
    assert!(matches!(client.next().await, Event::Closed | Event::Reset));
    assert!(TcpStream::connect(at).await.is_err(), "the port is closed");
    TcpListener::bind(at).await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let peer = start_as(Behaviour::Fixed).await;
    let again = Peer::start(peer.address(), Face::bare(Behaviour::Tarpit)).await;
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn calibration_has_one_endpoint_of_each_kind() {
    let calibration = Calibration::start().await.unwrap();
    let table = [
        (calibration.vulnerable(), vec![Event::Echo(4115, 0), Event::Echo(4115, 0)]),
        (calibration.fixed(), vec![Event::Echo(4115, 0), Event::Alert(2, 10)]),
        (calibration.without_heartbeats(), vec![Event::Alert(2, 10), Event::Closed]),
    ];
    for (at, expected) in table {
        let mut client = Client::past_flight(at).await;
        client.malformed().await;
        client.well_formed().await;
        client.poke().await;
        let mut got = Vec::new();
        for _ in &expected {
            got.push(client.next().await);
        }
        assert_eq!(got, expected, "{at}");
    }
}
