//! What answers mean, without asking anybody.

use super::*;
use crate::model::loading::NoticeKind;

fn set(addresses: &str) -> BTreeSet<IpAddr> {
    addresses.split_whitespace().map(|a| a.parse().unwrap()).collect()
}

/// What a resolver says: addresses, `nxdomain`, `none`, `timeout`, or IPv4 addresses and `v6?` where AAAA stayed open.
fn said(text: &str) -> Said {
    let failed = || Err("no name server answered in time".to_owned());
    let none = || Ok(BTreeSet::new());
    match text {
        "nxdomain" => Said { v4: none(), v6: none(), exists: Some(false) },
        "none" => Said { v4: none(), v6: none(), exists: Some(true) },
        "timeout" => Said { v4: failed(), v6: failed(), exists: None },
        _ => {
            let (addresses, open) = match text.strip_suffix("v6?") {
                Some(addresses) => (addresses, true),
                None => (text, false),
            };
            let (v4, v6) = set(addresses).into_iter().partition(IpAddr::is_ipv4);
            Said { v4: Ok(v4), v6: if open { failed() } else { Ok(v6) }, exists: Some(true) }
        }
    }
}

fn source(line: u32) -> Source {
    Source { format: "csv".into(), file: "services.csv".into(), line, path: None }
}

/// The notices about one name, as `kind: message`.
fn told(declared: &str, hosts: &str, answers: &[&str]) -> Vec<String> {
    let entry = Declared {
        addresses: set(declared).into_iter().map(|a| (a, Some(source(3)))).collect(),
        source: Some(source(2)),
        hosts: set(hosts),
    };
    let said = answers.iter().map(|text| said(text)).collect();
    let resolvers = ["one", "two", "three"].iter().take(answers.len()).map(|r| (*r).into()).collect();
    let names = BTreeMap::from([("app.example.test".into(), (entry, said))]);
    let looked = Looked { resolvers, names, ..Looked::default() };
    looked.notices().iter().map(|notice| format!("{}: {}", notice.kind, notice.message)).collect()
}

#[test]
fn names_are_told_by_what_resolvers_say() {
    let table: &[(&str, &str, &[&str], &[&str])] = &[
        ("", "", &["192.0.2.1"], &[]),
        ("", "", &["192.0.2.1 192.0.2.2", "192.0.2.2 192.0.2.1"], &[]),
        ("192.0.2.1", "", &["192.0.2.1 2001:db8::1"], &[]),
        ("", "", &["nxdomain"], &["no-such-name: app.example.test does not exist in DNS"]),
        ("", "", &["nxdomain", "nxdomain"], &["no-such-name: app.example.test does not exist in DNS"]),
        (
            "192.0.2.1",
            "",
            &["nxdomain"],
            &["dns: app.example.test does not exist in DNS; a sweep uses the declared address"],
        ),
        (
            "",
            "192.0.2.1",
            &["nxdomain"],
            &[
                "dns: app.example.test does not exist in DNS; a sweep uses this machine's /etc/hosts, and another \
               machine cannot",
            ],
        ),
        ("", "", &["none"], &["dns: app.example.test has neither an A nor an AAAA record"]),
        (
            "",
            "",
            &["timeout"],
            &[
                "dns: not everything was answered by one (no name server answered in time) for: app.example.test",
            ],
        ),
        // One that is silent makes no difference; one that knows another set does.
        (
            "",
            "",
            &["192.0.2.1", "timeout"],
            &[
                "dns: not everything was answered by two (no name server answered in time) for: app.example.test",
            ],
        ),
        (
            "",
            "",
            &["192.0.2.1 2001:db8::1", "192.0.2.1 v6?"],
            &[
                "dns: not everything was answered by two (no name server answered in time) for: app.example.test",
            ],
        ),
        (
            "",
            "",
            &["192.0.2.1 192.0.2.11", "192.0.2.1 192.0.2.12"],
            &[
                "dns-risk: resolvers disagree on app.example.test: 192.0.2.1 from all; 192.0.2.11 from one; 192.0.2.12 \
               from two",
            ],
        ),
        (
            "",
            "",
            &["10.0.0.5", "192.0.2.5", "192.0.2.5"],
            &[
                "dns-risk: resolvers disagree on app.example.test: 10.0.0.5 from one; 192.0.2.5 from two, three \
               (private addresses against public ones: split horizon)",
            ],
        ),
        (
            "",
            "",
            &["192.0.2.1", "nxdomain"],
            &["dns-risk: resolvers disagree on app.example.test: 192.0.2.1 from one; no address from two"],
        ),
        (
            "192.0.2.11",
            "",
            &["192.0.2.12"],
            &["dns: app.example.test is declared at 192.0.2.11, and DNS says 192.0.2.12"],
        ),
        // The open question may have it.
        (
            "2001:db8::7",
            "",
            &["192.0.2.1 v6?"],
            &[
                "dns: not everything was answered by one (no name server answered in time) for: app.example.test",
            ],
        ),
    ];
    for (declared, hosts, answers, expected) in table {
        assert_eq!(told(declared, hosts, answers), *expected, "{declared} {hosts} {answers:?}");
    }
}

#[test]
fn only_a_name_that_nothing_knows_is_a_fault() {
    for kind in NoticeKind::ALL.iter().filter(|kind| kind.as_str().contains("dns")) {
        assert!(!kind.is_fault(), "{kind}");
    }
    assert!(NoticeKind::NoSuchName.is_fault());
}

#[test]
fn a_dead_resolver_is_one_line_for_all_its_names() {
    let name = |n: u32| Arc::<str>::from(format!("h{n}.example.test"));
    let names = (0..7).map(|n| (name(n), (Declared::default(), vec![said("timeout")]))).collect();
    let looked = Looked { resolvers: vec!["192.0.2.53:53".into()], names, ..Looked::default() };
    let told: Vec<String> = looked.notices().iter().map(ToString::to_string).collect();
    let expected = "not everything was answered by 192.0.2.53:53 (no name server answered in time) for: \
                    h0.example.test, h1.example.test, h2.example.test, h3.example.test, h4.example.test and 2 more";
    assert_eq!(told, [expected]);
}

/// A zone `example.test` of 12 names; servers as `NAME ZONE ADDRESS...`, the zone `-` where it is unknown.
fn of_zone(servers: &[&str]) -> Option<String> {
    let server = |text: &&str| {
        let mut words = text.split(' ');
        let (name, zone) = (words.next().unwrap(), words.next().unwrap());
        let zone = (zone != "-").then(|| zone.to_owned());
        (name.to_owned(), Server { zone, addresses: words.map(|a| a.parse().unwrap()).collect() })
    };
    let servers = Ok(servers.iter().map(server).collect());
    let zone = Zone { name: "example.test".to_owned(), names: 12, servers };
    zones::notice(&zone).map(|notice| format!("{}: {}", notice.kind, notice.message))
}

#[test]
fn a_zone_that_hangs_on_one_thing_is_told() {
    let lost = "when that is down, none of its 12 names can be looked up";
    let only = |who: &str| {
        Some(format!("dns-risk: zone example.test is served by one provider only ({who}): {lost}"))
    };
    let network = |which: &str| {
        let what = format!("has all its name servers in one network ({which})");
        Some(format!("dns-risk: zone example.test {what}: {lost}"))
    };
    let table: &[(&[&str], Option<String>)] = &[
        (&["ns1.p34.dynect.net dynect.net 192.0.2.1", "ns2.p34.dynect.net dynect.net 198.51.100.1"], only("dynect.net")),
        // One provider under many names.
        (
            &["ns-1.awsdns-01.com awsdns-01.com", "ns-2.awsdns-22.net awsdns-22.net", "ns-3.awsdns-3.co.uk -"],
            only("Amazon Route 53"),
        ),
        (&["ns1-07.azure-dns.com azure-dns.com", "ns2-07.azure-dns.net azure-dns.net"], only("Azure DNS")),
        (&["dns1.p01.nsone.net p01.nsone.net", "dns2.p01.nsone.net -"], only("nsone.net")),
        (&["a.notawsdns-1.com notawsdns-1.com 192.0.2.1", "b.awsdns-2.com awsdns-2.com 198.51.100.1"], None),
        // Two of them, or one and its own.
        (&["ns1.p34.dynect.net dynect.net 192.0.2.1", "pdns1.ultradns.net ultradns.net 198.51.100.1"], None),
        (&["ns1.p34.dynect.net dynect.net 192.0.2.1", "ns.example.test example.test 198.51.100.1"], None),
        // From inside itself, by two networks and by one.
        (&["ns1.example.test example.test 192.0.2.1", "ns2.example.test example.test 198.51.100.1"], None),
        (
            &["ns1.example.test example.test 192.0.2.1", "ns2.example.test example.test 192.0.2.77"],
            network("192.0.2.0/24"),
        ),
        (
            &["ns1.example.test example.test 192.0.2.1 2001:db8:1:2::1", "ns2.example.test example.test 2001:db8:1::9"],
            network("192.0.2.0/24 and 2001:db8:1::/48"),
        ),
        (&["ns1.example.test example.test 192.0.2.1", "ns2.example.test example.test"], None),
        (
            &["ns1.example.test example.test 192.0.2.1"],
            Some(
                "dns-risk: zone example.test has one name server only (ns1.example.test): when it is down, none of its \
                 12 names can be looked up"
                    .to_owned(),
            ),
        ),
        // Nobody knows whose the second one is.
        (&["ns1.p34.dynect.net dynect.net 192.0.2.1", "ns.unknown.test - 198.51.100.1"], None),
        (
            &[],
            Some("dns: who serves zone example.test could not be found out: it has no NS record".to_owned()),
        ),
    ];
    for (servers, expected) in table {
        assert_eq!(of_zone(servers), *expected, "{servers:?}");
    }
}
