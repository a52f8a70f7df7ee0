//! Hostile and odd input for the readers, without any tool.

use std::{fmt::Write as _, net::IpAddr, time::Instant};

use proptest::prelude::*;

use crate::{
    host::exposure::{
        self, Filters,
        drift::{compare, same_nft},
        iptables,
        network::Net,
        nft,
        rules::Ruleset,
        space::{Family, Spans},
    },
    model::host::{OpenTo, Protocol, Reach},
};

fn filters(sets: Vec<Ruleset>) -> Filters {
    Filters::new(sets, Net::default(), [None, None], true)
}

/// What IPv4 rules of the filter table say about a TCP port.
fn said(rules: &str, port: u16) -> OpenTo {
    let set = iptables::read(&format!("*filter\n{rules}\nCOMMIT\n"), Family::V4, "iptables-save");
    filters(vec![set]).open_to(Protocol::Tcp, IpAddr::from([0, 0, 0, 0]), port)
}

fn said_by_nft(rules: &str, port: u16) -> OpenTo {
    let json = format!(
        r#"{{"nftables":[{{"table":{{"family":"inet","name":"f"}}}},
        {{"chain":{{"family":"inet","table":"f","name":"in","type":"filter","hook":"input","prio":0,"policy":"drop"}}}},
        {{"chain":{{"family":"inet","table":"f","name":"a"}}}},{rules}]}}"#
    );
    let set = nft::read(json.as_bytes(), "nft").unwrap();
    filters(vec![set]).open_to(Protocol::Tcp, IpAddr::from([0, 0, 0, 0]), port)
}

fn rule(chain: &str, expressions: &str) -> String {
    format!(r#"{{"rule":{{"family":"inet","table":"f","chain":"{chain}","expr":[{expressions}]}}}}"#)
}

#[test]
fn what_is_not_understood_makes_unknown_and_is_quoted() {
    let open = said(":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m geoip ! --src-cc DE -j DROP", 443);
    assert_eq!(open.reach, Reach::Unknown);
    assert!(open.because.contains("--src-cc DE -j DROP"), "{open:?}");
    // Where every way ends alike it does not matter.
    let open = said(":INPUT DROP [0:0]\n-A INPUT -p tcp -m geoip ! --src-cc DE -j DROP", 443);
    assert_eq!(open.reach, Reach::Nobody);
    // Nor where it was decided before, or is about another port.
    let open = said(
        ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 443 -j ACCEPT\n-A INPUT -m geoip --src-cc DE -j DROP",
        443,
    );
    assert_eq!((open.reach, open.because.contains("--dport 443")), (Reach::Anyone, true));
    let open = said(":INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -m geoip --src-cc DE -j DROP", 443);
    assert_eq!(open.reach, Reach::Anyone);
    // A set that is not expanded, a queue, a target that nobody knows.
    for rest in ["-m set --match-set bad src -j DROP", "-j NFQUEUE --queue-num 1", "-j WHATEVER --odd"] {
        assert_eq!(said(&format!(":INPUT ACCEPT [0:0]\n-A INPUT {rest}"), 1).reach, Reach::Unknown, "{rest}");
    }
    let open = said_by_nft(&rule("in", r#"{"osf":{"key":"name"}},{"accept":null}"#), 1);
    assert_eq!(open.reach, Reach::Unknown, "{open:?}");
    assert!(open.because.contains("osf"), "{open:?}");
}

#[test]
fn a_mark_that_is_set_on_the_way_is_not_forgotten() {
    let drop = rule("in", r#"{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"drop":null}"#);
    let accept = rule("in", r#"{"accept":null}"#);
    let mark = rule("in", r#"{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}},{"jump":{"target":"a"}}"#);
    let said = |rules: &[&String]| {
        said_by_nft(&rules.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(","), 22).reach
    };
    assert_eq!(said(&[&drop, &accept]), Reach::Anyone);
    assert_eq!(said(&[&mark, &drop, &accept]), Reach::Unknown);
}

#[test]
fn loopback_and_established_do_not_count() {
    let open = said(
        ":INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -s 127.0.0.0/8 -j ACCEPT\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
        22,
    );
    assert_eq!((open.reach, open.from.len()), (Reach::Nobody, 0), "{open:?}");
    assert_eq!(open.because, "iptables-save filter: INPUT policy DROP");
    let all = filters(Vec::new());
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(all.open_to(Protocol::Tcp, address.parse().unwrap(), 1).reach, Reach::Loopback);
    }
    assert_eq!(
        all.open_to(Protocol::Tcp, "::".parse().unwrap(), 1).because,
        "by IPv4: no packet filter is in force"
    );
}

#[test]
fn a_dual_stack_socket_is_as_open_as_its_more_open_family() {
    let v4 = iptables::read("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", Family::V4, "iptables-save");
    let v6 = iptables::read(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -s fd00::/8 -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        Family::V6,
        "ip6tables-save",
    );
    let open = filters(vec![v4, v6]).open_to(Protocol::Tcp, "::".parse().unwrap(), 22);
    assert_eq!((open.reach, open.from.as_slice()), (Reach::Some, &["fd00::/8".to_owned()][..]));
    assert!(open.because.starts_with("by IPv6: ip6tables-save filter: -A INPUT"), "{open:?}");
}

#[test]
fn a_rule_that_leads_to_loopback_makes_it_unknown() {
    let nat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 127.0.0.1:3000\nCOMMIT\n";
    let all = filters(vec![iptables::read(nat, Family::V4, "iptables-save")]);
    let open = all.open_to(Protocol::Tcp, "127.0.0.1".parse().unwrap(), 3000);
    assert_eq!((open.reach, open.because.contains("--dport 80")), (Reach::Unknown, true), "{open:?}");
    assert_eq!(all.open_to(Protocol::Tcp, "127.0.0.1".parse().unwrap(), 3001).reach, Reach::Loopback);
}

#[test]
fn loops_and_masses_of_rules_end_in_unknown_soon() {
    let start = Instant::now();
    let looped =
        ":INPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\n-A b -j a";
    assert_eq!(said(looped, 22).reach, Reach::Unknown);
    // Each chain jumps to the next one twice.
    let mut doubled = String::from(":INPUT ACCEPT [0:0]\n-A INPUT -j c0\n");
    for n in 0..40 {
        write!(
            doubled,
            ":c{n} - [0:0]\n-A c{n} -s 10.0.0.{n} -j c{m}\n-A c{n} -j c{m}\n-A c{n} -j c{m}\n",
            m = n + 1
        )
        .unwrap();
    }
    doubled += ":c40 - [0:0]\n-A c40 -s 10.0.0.1 -j RETURN\n";
    assert_eq!(said(&doubled, 22).reach, Reach::Unknown);
    let gotos =
        format!("{},{}", rule("in", r#"{"goto":{"target":"a"}}"#), rule("a", r#"{"jump":{"target":"a"}}"#));
    assert_eq!(said_by_nft(&gotos, 22).reach, Reach::Unknown);
    let mut many = String::from(":INPUT ACCEPT [0:0]\n");
    for n in 0..100_000_u32 {
        let [a, b, c, _] = (n << 8).to_be_bytes();
        writeln!(many, "-A INPUT -s {}.{b}.{c}.7/32 -j DROP", a | 32).unwrap();
    }
    many += "-A INPUT -p tcp --dport 22 -s 192.0.2.0/24 -j ACCEPT\n-A INPUT -j DROP\n";
    let open = said(&many, 22);
    assert_eq!((open.reach, open.from.as_slice()), (Reach::Some, &["192.0.2.0/24".to_owned()][..]));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn errors_have_their_line_and_a_text_that_breaks_off_is_never_trusted() {
    let read = |text: &str| iptables::read(text, Family::V4, "iptables-save");
    let cases = [
        ("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP", "line 3: no COMMIT at the end"),
        (
            "*filter\n-A INPUT -m comment --comment \"no end -j DROP\nCOMMIT\n",
            "line 2: quotes that do not end",
        ),
        ("-A INPUT -j DROP\n", "line 1: a rule outside of a table"),
        ("*filter\nwhat\nCOMMIT\n", "line 2: not a rule that is appended to a chain"),
        ("*filter\n*nat\nCOMMIT\n", "line 2: a table begins before the last one ends"),
        (":INPUT\n", "line 1: a chain without a name, a policy or a table"),
        ("COMMIT\n", "line 1: COMMIT without a table"),
    ];
    for (text, error) in cases {
        let set = read(text);
        assert_eq!(set.errors, [error], "{text}");
    }
    for (text, _) in &cases[..4] {
        let open = filters(vec![read(text)]).open_to(Protocol::Tcp, IpAddr::from([0, 0, 0, 0]), 22);
        assert_eq!(open.reach, Reach::Unknown, "{text}");
    }
    let bad = ["", "{}", "[]", "{\"nftables\":1}", "{\"nftables\":[", "\u{0}"];
    for json in bad {
        assert!(nft::read(json.as_bytes(), "nft").is_err(), "{json}");
    }
    let deep = format!("{{\"nftables\":{}", "[".repeat(100_000));
    assert!(nft::read(deep.as_bytes(), "nft").is_err());
}

#[test]
fn saved_and_running_rules_in_other_words_are_the_same() {
    let frame = |rules: &str| format!("*filter\n:INPUT ACCEPT [12:34]\n{rules}\nCOMMIT\n# made by hand\n");
    let saved = frame(
        "-A INPUT --protocol tcp --dport 22 -s 10.0.0.1 -j ACCEPT\n-A INPUT -p tcp --syn -j DROP\n-A INPUT -s 10.1.0.0/255.255.0.0 -j DROP",
    );
    let running = frame(
        "[1:2] -A INPUT -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j ACCEPT\n-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP\n-A INPUT -s 10.1.0.0/16 -j DROP",
    );
    assert!(compare(&saved, &[&running], false).is_empty(), "{:?}", compare(&saved, &[&running], false));
    // Order counts.
    let swapped = frame(
        "-A INPUT -p tcp --syn -j DROP\n-A INPUT -p tcp --dport 22 -s 10.0.0.1 -j ACCEPT\n-A INPUT -s 10.1.0.0/16 -j DROP",
    );
    let drift = compare(&saved, &[&swapped], false);
    assert_eq!((drift.saved_total, drift.running_total), (1, 1), "{drift:?}");
    // Lists are bounded, totals are not.
    let many: Vec<String> =
        (0..500).map(|n| format!("-A INPUT -s 10.2.0.{}/32 -p tcp --dport {n} -j DROP", n % 250)).collect();
    let many = many.join("\n");
    let drift = compare(&saved, &[&frame(&many)], false);
    assert_eq!((drift.only_running.len(), drift.running_total, drift.saved_total), (50, 500, 3));
    assert!(same_nft("flush ruleset\ntable ip x {\n}\n", "# a\ntable  ip x {\n}"));
    assert!(same_nft(
        "tcp dport 22 counter packets 1 bytes 2 accept",
        "tcp dport 22 counter packets 9 bytes 99 accept"
    ));
    assert!(!same_nft("tcp dport 22 accept", "tcp dport 23 accept"));
}

#[test]
fn fuzzing_starts_from_every_format() {
    for first in 0..8_u8 {
        for rest in [
            "",
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j a\nCOMMIT\n",
            "{\"nftables\":[{\"rule\":{\"expr\":[null,1,\"a\",{}]}}]}",
        ] {
            let mut data = vec![first];
            data.extend(rest.as_bytes());
            exposure::fuzz(&data);
        }
        let mut data = vec![first];
        data.extend(include_bytes!("../fixtures/docker.rules"));
        exposure::fuzz(&data);
        data.truncate(1);
        data.extend(include_bytes!("../fixtures/firewalld.json"));
        exposure::fuzz(&data);
    }
    exposure::fuzz(&[]);
}

/// A small model of sources: 16 addresses, two interfaces.
fn model_rule() -> impl Strategy<Value = (bool, u8, u8, bool, u8, bool)> {
    (any::<bool>(), 0..16_u8, 28..=32_u8, any::<bool>(), 0..3_u8, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every address alone, taken through the rules one after the other, ends as the answer says.
    #[test]
    fn answers_agree_with_one_packet_at_a_time(
        rules in proptest::collection::vec(model_rule(), 0..12),
        drops in any::<bool>(),
    ) {
        let mut text = format!(":INPUT {} [0:0]\n", if drops { "DROP" } else { "ACCEPT" });
        for (negated, host, length, accept, iface, by_port) in &rules {
            let sign = if *negated { "! " } else { "" };
            let iface = ["", " -i eth0", " ! -i eth0"][usize::from(*iface)];
            let port = if *by_port { " -p tcp -m tcp --dport 22" } else { "" };
            let target = if *accept { "ACCEPT" } else { "DROP" };
            writeln!(text, "-A INPUT {sign}-s 198.51.100.{host}/{length}{iface}{port} -j {target}").unwrap();
        }
        let open = said(&text, 22);
        for host in 0..16_u8 {
            for eth0 in [true, false] {
                let decided = rules.iter().find(|(negated, net, length, _, iface, _)| {
                    let mask = u8::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
                    let inside = (host & mask) == (net & mask);
                    (inside != *negated) && [true, eth0, !eth0][usize::from(*iface)]
                });
                let expected = decided.map_or(!drops, |(.., accept, _, _)| *accept);
                let address = format!("198.51.100.{host}");
                let iface = if eth0 { "eth0" } else { "eth7" };
                if let Some(got) = super::lab::lets_in(&open, &address, iface) {
                    prop_assert_eq!(got, expected, "{} {} {:?}\n{}", address, iface, open, text);
                } else {
                    let cut = open.from.iter().any(|entry| entry.contains('…'));
                    prop_assert!(cut || open.because.contains("not open to"), "{:?}", open);
                }
            }
        }
    }

    #[test]
    fn sets_of_sources_behave_as_sets(ops in proptest::collection::vec((0..64_u128, 0..64_u128, any::<bool>()), 0..20)) {
        let (mut set, mut model) = (Spans::default(), [false; 64]);
        for (a, b, add) in ops {
            let (first, last) = (a.min(b), a.max(b));
            if add {
                set.insert(first, last);
            } else {
                set.split(&[(first, last)], false);
            }
            for n in first..=last {
                model[usize::try_from(n).unwrap()] = add;
            }
            let size = model.iter().filter(|in_it| **in_it).count() as u128;
            prop_assert_eq!(set.size(), size);
            let runs = (0..64).filter(|n| model[*n] && (*n == 0 || !model[n - 1])).count();
            prop_assert_eq!(set.len(), runs);
        }
    }

    #[test]
    fn odd_bytes_never_end_it(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        exposure::fuzz(&data);
    }

    #[test]
    fn odd_rules_never_end_it(words in proptest::collection::vec(prop_oneof![
        Just("-A INPUT"), Just("\n"), Just("-j"), Just("ACCEPT"), Just("a"), Just("!"), Just("-s"), Just("10.0.0.0/8"),
        Just("0.0.0.0/0"), Just("/99"), Just("--dport"), Just("1:2"), Just("99999"), Just("-p tcp"), Just("\"x\\"),
        Just("*filter"), Just("COMMIT"), Just(":a - [0:0]"), Just("-g a"), Just("-m set --match-set"), Just("--to-destination"),
        Just("-i"), Just("+"), Just("eth+"), Just("*nat"), Just(":PREROUTING ACCEPT"), Just("DNAT"), Just("-A PREROUTING"),
    ], 0..60), first in 0..4_u8) {
        let mut data = vec![first];
        data.extend(words.join(" ").as_bytes());
        exposure::fuzz(&data);
    }
}
