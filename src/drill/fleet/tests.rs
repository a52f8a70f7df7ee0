use std::collections::{BTreeMap, BTreeSet};

use x509_parser::prelude::*;

use super::*;
use crate::{
    drill::testing::{Client, Event},
    model::{
        ids::Sha256,
        service::{Exposure, TlsStack},
        wrap::Wrap,
    },
    wire::tls::hello::Hello,
};

fn now() -> Timestamp {
    "2026-11-22T14:00:00Z".parse().unwrap()
}

async fn fleet() -> Fleet {
    Fleet::start(now()).await.unwrap()
}

fn at(fleet: &Fleet, name: &str, n: usize) -> SocketAddr {
    let address = fleet.addresses(name).unwrap()[n];
    SocketAddr::from((address, fleet.port(name).unwrap()))
}

/// Key hash, first day of validity and names of the certificate that is served.
async fn served(at: SocketAddr) -> (Spki, String, usize) {
    let flight = Client::greet(at, &Hello::first(None)).await.1.unwrap();
    let (_, leaf) = X509Certificate::from_der(&flight.chain[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    let from = Timestamp::from_seconds(leaf.validity().not_before.timestamp());
    let spki = Sha256::of(leaf.public_key().raw);
    (spki, from.date(), names.value.general_names.len())
}

/// What a malformed heartbeat earns.
async fn malformed(at: SocketAddr) -> Event {
    let mut client = Client::past_flight(at).await;
    client.malformed().await;
    client.poke().await;
    client.next().await
}

const ECHO: Event = Event::Echo(4115, 0);
const ALERT_10: Event = Event::Alert(2, 10);

#[tokio::test]
async fn every_service_shows_what_the_roster_says() {
    let fleet = fleet().await;
    let table = [
        ("www1.drill.test", 0, ECHO),
        ("www2.drill.test", 0, ECHO),
        ("mail.drill.test", 0, ALERT_10),
        ("turn.drill.test", 0, ECHO),
        ("chat.drill.test", 0, ECHO),
        ("pay.drill.test", 0, ALERT_10),
        ("pay.drill.test", 1, ECHO),
        ("vpn.drill.test", 0, ECHO),
        ("shop.drill.test", 0, ALERT_10),
        ("docs.drill.test", 0, ALERT_10),
        ("api.drill.test", 0, Event::Closed),
        ("printer.drill.test", 0, ALERT_10),
    ];
    for (name, n, expected) in table {
        let got = malformed(at(&fleet, name, n)).await;
        // A close after which the poke still arrives is a reset; both are an end without an alert.
        let got = if got == Event::Reset { Event::Closed } else { got };
        assert_eq!(got, expected, "{name} {n}");
    }
    let hello = Hello::first(None);
    let edge = Client::greet(at(&fleet, "edge.drill.test", 0), &hello).await.1;
    assert_eq!(edge.unwrap_err(), Event::Alert(2, 70));
    let mut status = Client::connect(at(&fleet, "status.drill.test", 0)).await;
    status.hello(&hello).await;
    assert!(status.text().await.starts_with("HTTP/1.1 400"));
    let mut gateway = Client::connect(at(&fleet, "gateway.drill.test", 0)).await;
    gateway.hello(&hello).await;
    assert_eq!(gateway.soon().await, Event::Silent);
    let legacy = tokio::net::TcpStream::connect(at(&fleet, "legacy.drill.test", 0)).await;
    assert_eq!(legacy.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(fleet.connections("legacy.drill.test").unwrap(), 0);
    assert_eq!(fleet.connections("pay.drill.test").unwrap(), 2);
}

#[tokio::test]
async fn keys_are_shared_as_the_roster_says_and_certificates_have_their_age() {
    let fleet = fleet().await;
    let mut holders: BTreeMap<Spki, Vec<&str>> = BTreeMap::new();
    for name in fleet.names() {
        if let Some(spki) = fleet.spki(name).unwrap() {
            holders.entry(spki).or_default().push(name);
        }
    }
    let shared: Vec<_> = holders.values().filter(|names| names.len() > 1).collect();
    assert_eq!(shared, [&["www1.drill.test", "www2.drill.test", "mail.drill.test"]]);
    let first = served(at(&fleet, "www1.drill.test", 0)).await;
    assert_eq!(first, served(at(&fleet, "mail.drill.test", 0)).await);
    assert_eq!((first.1.as_str(), first.2), ("2026-08-14", 3));
    assert_eq!(Some(first.0), fleet.spki("www2.drill.test").unwrap());
    assert_eq!(served(at(&fleet, "shop.drill.test", 0)).await.1, "2013-06-01");
    assert_eq!(served(at(&fleet, "pay.drill.test", 0)).await, served(at(&fleet, "pay.drill.test", 1)).await);
}

#[tokio::test]
async fn repairs_change_what_they_say_and_nothing_else() {
    let mut fleet = fleet().await;
    let later = now().plus_seconds(DAY);
    let spki = |fleet: &Fleet, name: &str| fleet.spki(name).unwrap().unwrap();
    let (www, mail, turn, pay) = ("www1.drill.test", "mail.drill.test", "turn.drill.test", "pay.drill.test");

    let before = spki(&fleet, www);
    fleet.patch(www).unwrap();
    assert_eq!(malformed(at(&fleet, www, 0)).await, ALERT_10);
    assert_eq!(served(at(&fleet, www, 0)).await.0, before, "a patch keeps the key");
    assert_eq!(malformed(at(&fleet, "www2.drill.test", 0)).await, ECHO, "not asked for");

    fleet.rekey(&[www, "www2.drill.test"], later).unwrap();
    let after = served(at(&fleet, www, 0)).await;
    assert_ne!(after.0, before);
    assert_eq!((after.1.as_str(), after.2), ("2026-11-23", 2));
    assert_eq!(served(at(&fleet, "www2.drill.test", 0)).await, after);
    assert_eq!(malformed(at(&fleet, "www2.drill.test", 0)).await, ECHO, "a rekey patches nothing");
    assert_eq!(served(at(&fleet, mail, 0)).await.0, before, "forgotten");

    let before = served(at(&fleet, turn, 0)).await;
    fleet.reissue_same_key(&[turn, mail], later).unwrap();
    let after = served(at(&fleet, turn, 0)).await;
    assert_eq!((after.0, after.1.as_str()), (before.0, "2026-11-23"));
    assert_ne!(before.1, after.1);

    let bad = fleet.addresses(pay).unwrap()[1];
    let before = spki(&fleet, pay);
    fleet.rekey_address(pay, bad, later).unwrap();
    assert_eq!(malformed(at(&fleet, pay, 1)).await, ECHO);
    assert_ne!(served(at(&fleet, pay, 1)).await.0, before);
    assert_eq!(served(at(&fleet, pay, 0)).await.0, before);
    fleet.patch_address(pay, bad).unwrap();
    assert_eq!(malformed(at(&fleet, pay, 1)).await, ALERT_10);

    let retired = at(&fleet, "vpn.drill.test", 0);
    fleet.retire("vpn.drill.test").await.unwrap();
    let refused = tokio::net::TcpStream::connect(retired).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_repaired() {
    let mut fleet = fleet().await;
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    assert!(matches!(fleet.patch("nobody.drill.test"), Err(Error::UnknownService(_))));
    assert!(matches!(fleet.retire("").await, Err(Error::UnknownService(_))));
    assert!(matches!(fleet.patch_address("pay.drill.test", elsewhere), Err(Error::UnknownAddress { .. })));
    let key = fleet.spki("pay.drill.test").unwrap();
    for name in ["status.drill.test", "legacy.drill.test"] {
        let names = ["pay.drill.test", name];
        assert!(matches!(fleet.rekey(&names, now()), Err(Error::NoKey(n)) if n == name));
        assert!(matches!(fleet.reissue_same_key(&names, now()), Err(Error::NoKey(n)) if n == name));
    }
    assert_eq!(fleet.spki("pay.drill.test").unwrap(), key, "nothing was half done");
}

#[tokio::test]
async fn two_fleets_stand_beside_each_other() {
    let (one, two) = (fleet().await, fleet().await);
    assert_ne!(one.network(), two.network());
    assert_eq!(malformed(at(&two, "turn.drill.test", 0)).await, ECHO);
}

#[tokio::test]
async fn the_inventory_reads_as_the_native_format() {
    let fleet = fleet().await;
    let text = fleet.services_csv();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns.join(","), SERVICE_COLUMNS);
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 16, "two rows for the balancer");
    let names: BTreeSet<&str> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(names, fleet.names().into_iter().collect());
    let mut addresses = BTreeSet::new();
    for row in &rows {
        let name = &row["name"];
        let address: IpAddr = row["address"].parse().unwrap();
        assert!(addresses.insert(address), "{name}: {address} twice");
        assert!(fleet.addresses(name).unwrap().contains(&address), "{name}");
        assert_eq!(row["port"], fleet.port(name).unwrap().to_string(), "{name}");
        assert!(row["exposure"].parse::<Exposure>().is_ok(), "{name}");
        assert!(row["tls_stack"].parse::<TlsStack>().is_ok(), "{name}");
        assert!(row["wrap"].is_empty() || row["wrap"].parse() == Ok(Wrap::Tls), "{name}");
        assert_eq!(Wrap::for_port(row["port"].parse().unwrap()), Wrap::Tls, "{name}");
        assert!(!row["owner"].is_empty(), "{name}");
        assert_eq!(row["fragile"] == "yes", name == "printer.drill.test", "{name}");
    }
}

#[tokio::test]
async fn the_secrets_have_places_and_no_values() {
    let fleet = fleet().await;
    let text = fleet.secrets_csv();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns.join(","), SECRET_COLUMNS);
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let kinds: Vec<&str> = rows.iter().map(|row| row["type"].as_str()).collect();
    assert_eq!(kinds, ["D1", "D3", "C7", "C1", "C8", "B6", "C9"]);
    let names = fleet.names();
    for row in &rows {
        let id = &row["secret_id"];
        assert!(row["services"].split(';').all(|s| names.contains(&s)), "{id}");
        assert!(row["location"].contains(':'), "{id}");
        assert!(row["issued_at"].parse::<Timestamp>().unwrap() < now(), "{id}");
    }
}
