//! The comparison against scans and names that are written out here.

use std::time::Instant;

use super::*;
use crate::{
    inventory::{Input, Options, load},
    model::{
        difference::{Near, Tie},
        discovery::ScannedHost,
        wrap::Transport,
    },
};

fn source(format: &str, line: u32) -> Source {
    Source { format: format.into(), file: format!("{format}.txt").into(), line, path: None }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn open(address: &str, port: u16, tls: TlsSeen, names: &[&str]) -> Discovered {
    Discovered {
        address: ip(address),
        port,
        transport: Transport::Tcp,
        names: names.iter().map(|n| Arc::from(*n)).collect(),
        service: None,
        tls,
        wrap: None,
        certificate_names: Vec::new(),
        at: None,
        source: source("nmap", u32::from(port)),
    }
}

/// A scan of ports 1 to 1000 of every host that is named: `address up|down [port state]...`.
fn scan(hosts: &[(&str, bool, &[(u16, PortState)])]) -> Scan {
    let host = |&(address, up, ports): &(&str, bool, &[(u16, PortState)])| ScannedHost {
        address: ip(address),
        up,
        ports: ports.iter().map(|&(port, state)| (Transport::Tcp, port, state)).collect(),
        rest: Some(PortState::Closed),
    };
    Scan {
        file: "nmap.txt".into(),
        complete: true,
        ports: vec![(Transport::Tcp, 1, 1000)],
        hosts: hosts.iter().map(host).collect(),
        ..Scan::default()
    }
}

fn declared(csv: &str) -> Loaded {
    load(&[Input::text("declared.csv", csv)], &[], &Options::default()).unwrap()
}

fn places(undeclared: &[Undeclared]) -> Vec<String> {
    undeclared.iter().map(|u| format!("{}:{}", u.found.address, u.found.port)).collect()
}

fn rows<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<String> {
    services.map(Service::display_port).collect()
}

#[test]
fn what_no_one_declared_is_told_with_whose_it_may_be() {
    let loaded = declared(
        "name,address,port,owner\n,192.0.2.1,443,team-web\n,192.0.2.1,8443,team-web\nmail.example.test,192.0.2.9,465,team-mail\n",
    );
    let mut sides = Sides::of(&loaded);
    let mut by_certificate = open("192.0.2.5", 993, TlsSeen::Yes, &[]);
    by_certificate.certificate_names = vec!["mail.example.test".into()];
    sides.discovered = vec![
        open("192.0.2.1", 443, TlsSeen::Yes, &[]),
        open("192.0.2.1", 9443, TlsSeen::Maybe, &[]),
        open("::ffff:192.0.2.1", 8443, TlsSeen::Yes, &[]),
        open("192.0.2.1", 22, TlsSeen::No, &[]),
        open("192.0.2.3", 465, TlsSeen::Yes, &["mail.example.test"]),
        by_certificate,
        open("192.0.2.7", 443, TlsSeen::Yes, &["x.example.test"]),
    ];
    let difference = compare(&sides);
    // Those with certain TLS first. The name of a service whose address is known is a hint, and no match.
    let expected = ["192.0.2.3:465", "192.0.2.5:993", "192.0.2.7:443", "192.0.2.1:9443"];
    assert_eq!(places(&difference.undeclared), expected);
    let near: Vec<_> = difference
        .undeclared
        .iter()
        .map(|u| u.near.as_ref().map(|n| (n.tie, rows(n.services.iter()), n.owners())))
        .collect();
    let mail = || vec!["mail.example.test:465".to_owned()];
    let host = vec!["192.0.2.1:443".to_owned(), "192.0.2.1:8443".to_owned()];
    assert_eq!(
        near,
        [
            Some((Tie::Name, mail(), vec!["team-mail"])),
            Some((Tie::Certificate, mail(), vec!["team-mail"])),
            None,
            Some((Tie::Address, host, vec!["team-web"])),
        ]
    );
    let counts = difference.counts;
    assert_eq!((counts.agree, counts.without_tls, counts.not_looked_at), (2, 1, 1));
    assert_eq!((counts.declared, counts.discovered), (3, 7));
}

#[test]
fn several_scans_of_one_port_are_one_thing() {
    let loaded = declared("address\n192.0.2.200\n");
    let mut sides = Sides::of(&loaded);
    let table = [
        ([TlsSeen::Maybe, TlsSeen::Yes], Some(TlsSeen::Yes)),
        ([TlsSeen::No, TlsSeen::Yes], Some(TlsSeen::Yes)),
        ([TlsSeen::Maybe, TlsSeen::No], None),
        ([TlsSeen::Maybe, TlsSeen::Maybe], Some(TlsSeen::Maybe)),
    ];
    for (both, expected) in table {
        sides.discovered = both.iter().map(|tls| open("192.0.2.1", 8443, *tls, &["a"])).collect();
        if let Some(second) = sides.discovered.last_mut() {
            second.source = source("masscan", 7);
        }
        let found = compare(&sides).undeclared;
        assert_eq!(found.first().map(|u| u.found.tls), expected, "{both:?}");
        assert!(found.iter().all(|u| u.found.sources.len() == 2 && u.found.names.len() == 1));
    }
}

#[test]
fn a_name_without_a_known_address_is_found_by_name_and_port() {
    let loaded = declared(
        "name,port,tags\nweb1.example.test,443,\nweb2.example.test,443,\nold.example.test,443,retired\n",
    );
    let mut sides = Sides::of(&loaded);
    sides.discovered = vec![
        open("192.0.2.1", 443, TlsSeen::Yes, &["web1.example.test"]),
        open("192.0.2.1", 8443, TlsSeen::Yes, &["web1.example.test"]),
        open("192.0.2.2", 443, TlsSeen::Yes, &["old.example.test"]),
    ];
    let given = [("192.0.2.1", 443, "web1"), ("192.0.2.1", 8443, "web1"), ("192.0.2.2", 443, "old")];
    for (address, port, name) in given {
        let name = format!("{name}.example.test").into();
        sides.given.insert((ip(address), crate::model::wrap::Transport::Tcp, port), name);
    }
    // What an address calls itself proves nothing.
    sides.discovered.push(open("192.0.2.66", 443, TlsSeen::Yes, &["web2.example.test"]));
    let difference = compare(&sides);
    assert_eq!(places(&difference.undeclared).pop().as_deref(), Some("192.0.2.66:443"));
    sides.discovered.pop();
    let difference = compare(&sides);
    assert_eq!(rows(difference.probable.iter().map(|p| &p.service)), ["web1.example.test:443"]);
    assert_eq!(places(&difference.undeclared), ["192.0.2.1:8443"]);
    assert_eq!(rows(difference.retired.iter().map(|r| &r.service)), ["old.example.test:443"]);
    assert_eq!((difference.counts.probable, difference.counts.no_address), (1, 1));

    // With an address from the last sweep, or from a resolver, it is a match like any other.
    let row = loaded.services.first().unwrap().row_id.clone();
    sides.last.insert(row, vec![ip("192.0.2.1")]);
    sides.resolved.insert("web2.example.test".to_owned(), vec![ip("192.0.2.4")]);
    sides.discovered.push(open("192.0.2.4", 443, TlsSeen::Yes, &[]));
    let difference = compare(&sides);
    assert!(difference.probable.is_empty());
    assert_eq!((difference.counts.agree, difference.counts.no_address), (2, 0));
}

#[test]
fn gone_is_what_every_scan_that_looked_says_is_closed() {
    use PortState::{Closed, Filtered, Open};
    let csv = "name,address,port\n,192.0.2.1,443\n,192.0.2.2,443\n,192.0.2.3,443\n,192.0.2.4,443\n,192.0.2.5,443\n,192.0.2.6,8443\n,192.0.2.7,443\n\
               two.example.test,192.0.2.20,443\ntwo.example.test,192.0.2.21,443\n";
    let loaded = declared(csv);
    let mut sides = Sides::of(&loaded);
    sides.scans = vec![
        scan(&[
            ("192.0.2.1", true, &[(443, Open)]),
            ("192.0.2.2", true, &[(443, Closed)]),
            ("192.0.2.3", true, &[(443, Filtered)]),
            ("192.0.2.4", false, &[]),
            ("192.0.2.6", true, &[]),
            ("192.0.2.7", true, &[]),
            ("192.0.2.20", true, &[]),
        ]),
        scan(&[("192.0.2.7", true, &[(443, Open)])]),
    ];
    let difference = compare(&sides);
    assert_eq!(rows(difference.gone.iter().map(|g| &g.service)), ["192.0.2.2:443"]);
    let counts = difference.counts;
    // .1 and .7 are open; .3 and .4 give no answer; .5, port 8443 of .6 and the second address of `two` were not looked at.
    assert_eq!((counts.agree, counts.filtered, counts.not_looked_at), (2, 2, 3));

    sides.scans.push(scan(&[("192.0.2.21", true, &[])]));
    let gone = compare(&sides).gone;
    assert_eq!(rows(gone.iter().map(|g| &g.service)), ["192.0.2.2:443", "two.example.test:443"]);
}

#[test]
fn closed_addresses_of_a_network_are_not_services_that_are_gone() {
    let loaded = declared("address,port\n192.0.2.0/30,443\n192.0.2.9,443\n");
    let mut sides = Sides::of(&loaded);
    let addresses = ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"];
    sides.scans = vec![scan(&addresses.map(|a| (a, true, [].as_slice())))];
    sides.discovered = vec![open("192.0.2.1", 443, TlsSeen::Yes, &[])];
    let difference = compare(&sides);
    assert_eq!(rows(difference.gone.iter().map(|g| &g.service)), ["192.0.2.9:443"]);
    assert_eq!((difference.counts.closed_in_networks, difference.counts.agree), (3, 1));
}

#[test]
fn retired_and_open_is_told_by_every_word_for_it() {
    let csv = "name,address,port,env,tags\n,192.0.2.1,443,,retired\n,192.0.2.2,443,EOL,\n,192.0.2.3,443,,status=Decommissioned\n\
               ,192.0.2.4,443,,web;eol\n,192.0.2.5,443,,status=live\n,192.0.2.6,443,,retired\n,192.0.2.7,443,,\n\
               old.example.test,192.0.2.8,443,,retired\nnew.example.test,192.0.2.8,443,,\n";
    let loaded = declared(csv);
    let mut sides = Sides::of(&loaded);
    let attested = loaded.services.iter().find(|s| s.display_name() == "192.0.2.7").unwrap();
    sides.retired.insert(attested.row_id.clone(), "decommissioned in incident.db".to_owned());
    sides.discovered =
        (1..=5).chain(7..=8).map(|n| open(&format!("192.0.2.{n}"), 443, TlsSeen::Yes, &[])).collect();
    sides.scans = vec![scan(&[("192.0.2.6", true, &[])])];
    let difference = compare(&sides);
    let says: Vec<&str> = difference.retired.iter().map(|r| r.says.as_str()).collect();
    let expected =
        ["tag retired", "env EOL", "tag status=Decommissioned", "tag eol", "decommissioned in incident.db"];
    assert_eq!(says, expected);
    let counts = difference.counts;
    assert_eq!((counts.retired_closed, counts.retired_shared, counts.agree), (1, 1, 2));
    assert!(difference.undeclared.is_empty() && difference.gone.is_empty());
}

#[test]
fn names_that_no_one_declared_lead_somewhere() {
    let loaded =
        declared("name,address,port,owner,sni\nweb.example.test,192.0.2.1,443,team-web,alias.example.test\n");
    let mut sides = Sides::of(&loaded);
    let named = |name: &str, address: &str, format: &str| Named {
        name: name.into(),
        addresses: vec![ip(address)],
        sources: vec![source(format, 3)],
    };
    sides.named = vec![
        named("web.example.test", "192.0.2.1", "hosts"),
        named("alias.example.test", "192.0.2.1", "hosts"),
        named("shop.example.test", "192.0.2.1", "hosts"),
        named("lab.example.test", "192.0.2.77", "hosts"),
        named("far.example.test", "198.51.100.1", "hosts"),
        named("zoned.example.test", "198.51.100.2", "zone"),
    ];
    sides.discovered = vec![open("192.0.2.77", 8443, TlsSeen::Maybe, &[])];
    let difference = compare(&sides);
    let told: Vec<(&str, Vec<&str>, usize)> = difference
        .names
        .iter()
        .map(|s| (&*s.name, s.near.as_ref().map(Near::owners).unwrap_or_default(), s.open.len()))
        .collect();
    let expected = [
        ("lab.example.test", vec![], 1),
        ("shop.example.test", vec!["team-web"], 0),
        ("zoned.example.test", vec![], 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(difference.counts.names_elsewhere, 1);
}

#[test]
fn a_name_that_its_zone_does_not_have_is_gone() {
    let loaded = declared(
        "name,address,port\nold.example.test,192.0.2.1,443\nwww.example.test,192.0.2.1,443\nx.example.org,192.0.2.1,443\n",
    );
    let zone = |name: &str| Zone::new("example.test".into(), [Arc::from(name)], [], source("zone", 1));
    let zones = [zone("www.example.test")];
    let mut sides = Sides { zones: &zones, ..Sides::of(&loaded) };
    sides.discovered = vec![open("192.0.2.1", 443, TlsSeen::Yes, &[])];
    let gone = compare(&sides).gone;
    assert_eq!(rows(gone.iter().map(|g| &g.service)), ["old.example.test:443"]);
    let open_still =
        gone.iter().any(|g| matches!(&g.why, Why::NotInZone { port: Some(PortState::Open), .. }));
    assert!(open_still, "{gone:?}");
    // The other side of a split horizon has it.
    let zones = [zone("www.example.test"), zone("old.example.test")];
    assert!(compare(&Sides { zones: &zones, ..sides }).gone.is_empty());
}

#[test]
fn the_index_says_what_a_scan_says() {
    use PortState::{Closed, Filtered, Open};
    let mut scan = scan(&[
        ("192.0.2.9", true, &[(22, Open), (443, Filtered), (2000, Open)]),
        ("192.0.2.1", false, &[(80, Closed)]),
        ("2001:db8::1", true, &[]),
    ]);
    scan.ports = vec![
        (Transport::Tcp, 400, 500),
        (Transport::Tcp, 1, 100),
        (Transport::Tcp, 450, 600),
        (Transport::Tcp, 9, 1),
    ];
    let scans = [scan.clone()];
    let looked = Looked::new(&scans);
    for address in ["192.0.2.9", "192.0.2.1", "2001:db8::1", "192.0.2.2"].map(ip) {
        for transport in [Transport::Tcp, Transport::Udp] {
            for port in [0, 1, 22, 80, 100, 101, 399, 400, 443, 550, 600, 601, 2000, 65535] {
                let got = looked.state((address, transport, port), &mut Vec::new());
                assert_eq!(got, scan.state(address, transport, port), "{address} {transport} {port}");
            }
        }
    }
}

#[test]
fn a_large_fleet_is_compared_in_seconds() {
    let declared: Vec<Service> = {
        let loaded = declared("name,address,port\na.example.test,192.0.2.1,443\n");
        let one = loaded.services.first().unwrap();
        (0..200_000_u32)
            .map(|n| Service {
                row_id: RowId::declared(&format!("r{n}")),
                name: Some(format!("h{n}.example.test").into()),
                addresses: [IpAddr::from((0x0a00_0000 + n).to_be_bytes())].into(),
                ..one.clone()
            })
            .collect()
    };
    let address = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes()).to_string();
    let mut sides = Sides { declared: declared.iter().collect(), ..Sides::default() };
    sides.discovered = (0..20_000).map(|n| open(&address(n * 2), 443, TlsSeen::Yes, &[])).collect();
    sides.discovered.extend((0..20_000).map(|n| open(&address(n), 8443, TlsSeen::Yes, &[])));
    let hosts: Vec<String> = (0..40_000).map(address).collect();
    let hosts: Vec<(&str, bool, &[(u16, PortState)])> =
        hosts.iter().map(|a| (a.as_str(), true, [].as_slice())).collect();
    sides.scans = vec![scan(&hosts)];
    let began = Instant::now();
    let difference = compare(&sides);
    assert_eq!((difference.counts.agree, difference.undeclared.len()), (20_000, 20_000));
    assert_eq!((difference.gone.len(), difference.counts.not_looked_at), (20_000, 160_000));
    // A linear look-up in hosts or services would take many minutes here.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
