//! Zone files as a user meets them: a text or a folder in; services, secrets, bad rows and notices out.

use crate::{
    inventory::{Input, Loaded, Options, load},
    model::{check::CheckKind, loading::NoticeKind, service::Service},
};

fn options() -> Options {
    Options { partial: true, ..Options::default() }
}

fn read_as(name: &str, text: impl AsRef<[u8]>) -> Loaded {
    let input = Input::Text { name: name.into(), text: text.as_ref().into(), format: Some("zone") };
    load(&[input], &[], &options()).unwrap_or_else(|error| panic!("{error}"))
}

/// A text of the zone `example.test`.
fn read(text: &str) -> Loaded {
    read_as("z", format!("$ORIGIN example.test.\n{text}"))
}

fn describe(service: &Service) -> String {
    let mut addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
    addresses.sort_unstable();
    let sni = service.sni.as_ref().map_or_else(String::new, |sni| format!(" sni={sni}"));
    let tags = service.declared.tags.iter().map(|tag| format!(" {tag}")).collect::<String>();
    format!("{} {} [{}]{sni}{tags}", service.place(), service.wrap, addresses.join(" "))
}

fn services(loaded: &Loaded) -> Vec<String> {
    let mut all: Vec<String> = loaded.services.iter().map(describe).collect();
    all.sort_unstable();
    all
}

fn bad(loaded: &Loaded) -> Vec<String> {
    loaded.bad.iter().map(ToString::to_string).collect()
}

fn left(loaded: &Loaded) -> String {
    let left = loaded.notices.iter().filter(|notice| notice.kind == NoticeKind::LeftOut);
    left.map(|notice| format!("{notice}\n")).collect()
}

fn path(name: &str) -> Input {
    Input::Path(std::path::Path::new("inventory").join(name))
}

#[test]
fn the_sample_and_what_bind_compiled_of_it_are_the_same() {
    let source = load(&[path("example.test.zone")], &[], &Options::default()).expect("the sample");
    assert_eq!((bad(&source), source.faults()), (vec![], 0));
    assert_eq!(
        services(&source),
        [
            "mx1.example.test:25 starttls-smtp [192.0.2.25] caa=letsencrypt.org mx-for=example.test",
            "mx1.example.test:443 tls [192.0.2.25] caa=letsencrypt.org",
            "node1.example.test:443 tls [192.0.2.101] caa=letsencrypt.org",
            "node2.example.test:443 tls [192.0.2.102] caa=letsencrypt.org",
            "node3.example.test:443 tls [192.0.2.103] caa=letsencrypt.org",
            "ns1.example.test:443 tls [192.0.2.53] caa=letsencrypt.org",
            "turn1.example.test:443 tls [192.0.2.34] caa=letsencrypt.org",
            "turn1.example.test:5349 tls [192.0.2.34] caa=letsencrypt.org",
            "web01.example.test:443 tls [192.0.2.11 2001:db8::11] caa=letsencrypt.org",
            "www.example.test:443 tls [192.0.2.11 2001:db8::11] caa=letsencrypt.org",
            "xmpp.example.test:443 tls [192.0.2.52] caa=letsencrypt.org",
            "xmpp.example.test:5222 starttls-xmpp-client [192.0.2.52] sni=example.test caa=letsencrypt.org",
        ]
    );
    let [secret] = source.secrets.as_slice() else { panic!("{:?}", source.secrets) };
    assert_eq!((secret.id.as_str(), secret.kind.as_str()), ("tlsa:_443._tcp.www.example.test", "B8"));
    let www = source.services.iter().find(|s| s.name.as_deref() == Some("www.example.test")).expect("www");
    assert_eq!((secret.services.as_slice(), secret.unresolved.len()), ([www.row_id.clone()].as_slice(), 0));
    assert_eq!(secret.location.as_deref(), Some("DNS record _443._tcp.www.example.test TLSA 3 1 1"));
    let [check] = secret.checks.as_slice() else { panic!("{:?}", secret.checks) };
    assert_eq!((check.kind, check.target.as_str()), (CheckKind::Tlsa, "_443._tcp.www.example.test"));
    assert!(
        left(&source).contains("2 of 17 records name no service by themselves: 1 NS, 1 SOA"),
        "{}",
        left(&source)
    );

    let compiled = load(&[path("example.test.zone.compiled")], &[], &Options::default()).expect("compiled");
    assert_eq!((services(&compiled), bad(&compiled)), (services(&source), vec![]));
    let both =
        load(&[path("example.test.zone"), path("example.test.zone.compiled")], &[], &Options::default());
    let both = both.expect("both");
    assert_eq!((services(&both), both.secrets.len(), bad(&both)), (services(&source), 1, vec![]));
}

#[test]
fn every_kind_of_record_gives_its_services() {
    let table: &[(&str, &[&str])] = &[
        ("a A 192.0.2.1\na AAAA 2001:db8::1\n", &["a.example.test:443 tls [192.0.2.1 2001:db8::1]"]),
        ("b CNAME c.other.test.\n", &["b.example.test:443 tls []"]),
        (
            "b CNAME c\nc CNAME d\nd A 192.0.2.1\n",
            &[
                "b.example.test:443 tls [192.0.2.1]",
                "c.example.test:443 tls [192.0.2.1]",
                "d.example.test:443 tls [192.0.2.1]",
            ],
        ),
        ("@ MX 10 mx.other.test.\n", &["mx.other.test:25 starttls-smtp [] mx-for=example.test"]),
        ("@ MX 0 .\n", &[]),
        ("_imaps._tcp SRV 0 1 993 m\n", &["m.example.test:993 tls []"]),
        ("_imap._tcp SRV 0 1 143 m\n", &["m.example.test:143 starttls-imap []"]),
        ("_submission._tcp SRV 0 1 587 m\n", &["m.example.test:587 starttls-smtp []"]),
        (
            "_xmpp-server._tcp SRV 0 1 5269 x\n",
            &["x.example.test:5269 starttls-xmpp-server [] sni=example.test"],
        ),
        ("_xmpps-client._tcp SRV 0 1 5223 x\n", &["x.example.test:5223 tls [] sni=example.test"]),
        ("_turns._udp SRV 0 1 5349 t\n", &["t.example.test:5349 dtls []"]),
        ("_turn._udp SRV 0 1 3478 t\n", &["t.example.test:3478 turn []"]),
        ("_stun._udp SRV 0 1 3478 t\n", &["t.example.test:3478 stun []"]),
        ("_ldap._tcp.dc._msdcs SRV 0 1 389 dc1\n", &["dc1.example.test:389 starttls-ldap []"]),
        ("_own._tcp SRV 0 1 8443 o\n", &["o.example.test:8443 tls []"]),
        ("_sip._tcp SRV 0 1 5060 s\n_sips._tcp SRV 0 0 0 .\n", &[]),
        ("_25._tcp.mx TLSA 3 1 1 aabb ccdd\n", &["mx.example.test:25 starttls-smtp []"]),
        ("_443._udp.q TLSA 3 1 1 aabb\n", &["q.example.test:443 dtls []"]),
        ("w HTTPS 1 . alpn=\"h2,h3\" port=8443\n", &["w.example.test:8443 tls []"]),
        ("w HTTPS 1 cdn.other.test.\n", &["cdn.other.test:443 tls [] sni=w.example.test"]),
        ("@ HTTPS 0 w\nw A 192.0.2.1\n", &["example.test:443 tls []", "w.example.test:443 tls [192.0.2.1]"]),
        ("_8443._https.w HTTPS 1 .\n", &["w.example.test:8443 tls []"]),
        ("_dns.r SVCB 1 . alpn=dot\n", &["r.example.test:853 tls []"]),
        ("w HTTPS 1 . alpn=h3 no-default-alpn\n", &[]),
        ("w HTTPS 1 . key3=\\032\\251\n", &["w.example.test:8443 tls []"]),
        ("*.w A 192.0.2.1\n", &[]),
        ("sel._domainkey CNAME k.other.test.\n", &[]),
        ("localhost A 127.0.0.1\nsink A 0.0.0.0\n", &[]),
        ("lo A 127.0.0.5\n", &["lo.example.test:443 tls [127.0.0.5]"]),
        ("a CH A 192.0.2.1\n", &[]),
        ("11.2.0.192.in-addr.arpa. PTR web\n", &["web.example.test:443 tls [192.0.2.11]"]),
        (
            "1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR web\n",
            &["web.example.test:443 tls [2001:db8::11]"],
        ),
        ("_http._tcp PTR web\n", &[]),
        ("@ NS ns1\n@ SOA ns1 h 1 2 3 4 5\n", &[]),
    ];
    for (text, expected) in table {
        let loaded = read(text);
        assert_eq!(
            (services(&loaded).as_slice(), bad(&loaded)),
            ((*expected).iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice(), vec![]),
            "{text}"
        );
        assert!(!expected.is_empty() || !left(&loaded).is_empty(), "nothing is left out in silence: {text}");
    }
}

#[test]
fn a_tlsa_record_is_a_secret_once_for_its_name_and_says_where_a_ca_is_meant() {
    let loaded = read(
        "_25._tcp.mx TLSA 3 1 1 aabb\n_25._tcp.mx TLSA 2 0 1 ccdd\n_465._tcp.mx CNAME _dane\n_dane TLSA 3 1 2 eeff\n_993._tcp.* TLSA 3 1 1 aa\n",
    );
    assert_eq!(bad(&loaded), Vec::<String>::new());
    let all: Vec<_> =
        loaded.secrets.iter().map(|s| (s.id.as_str(), s.location.as_deref(), s.services.len())).collect();
    assert_eq!(
        all,
        [
            (
                "tlsa:_25._tcp.mx.example.test",
                Some("DNS record _25._tcp.mx.example.test TLSA 3 1 1, 2 0 1 (of a CA)"),
                1
            ),
            ("tlsa:_465._tcp.mx.example.test", Some("DNS record _dane.example.test TLSA 3 1 2"), 1),
        ]
    );
    assert_eq!(services(&loaded), ["mx.example.test:25 starttls-smtp []", "mx.example.test:465 tls []"]);
    assert!(
        left(&loaded).contains("a wildcard") && left(&loaded).contains("belongs to no port"),
        "{}",
        left(&loaded)
    );
}

#[test]
fn the_closest_caa_records_say_who_may_issue() {
    let loaded = read(
        "@ CAA 0 issue \"Letsencrypt.org; accounturi=https://x\"\n@ CAA 0 issue \"other.test\"\ninner CAA 0 issue \";\"\nfree CAA 0 iodef \"mailto:a@example.test\"\n\
         a A 192.0.2.1\na.inner A 192.0.2.2\na.free A 192.0.2.3\n",
    );
    assert_eq!(
        services(&loaded),
        [
            "a.example.test:443 tls [192.0.2.1] caa=letsencrypt.org caa=other.test",
            "a.free.example.test:443 tls [192.0.2.3]",
            "a.inner.example.test:443 tls [192.0.2.2] caa=nobody",
        ]
    );
}

#[test]
fn the_syntax_of_master_files_is_read_as_bind_does() {
    let table: &[(&str, &[&str])] = &[
        ("a 1h30m IN A 192.0.2.1\nb IN 60 A 192.0.2.2\nc in a 192.0.2.3\n", &["a", "b", "c"]),
        ("a A 192.0.2.1\n\tAAAA 2001:db8::1\n  1D A 192.0.2.2 ; note\n", &["a"]),
        (
            "@ IN SOA ns1 h (\n2026112201 ; serial (not closed here\n7200\n3600 1209600 3600 )\n   A 192.0.2.1\n",
            &["@"],
        ),
        ("t TXT \"a;b ( c\" ( \"d\\\"e\"\n\"f\" )\na A 192.0.2.1\n", &["a"]),
        ("\\065 A 192.0.2.1\nb\\099 A 192.0.2.2\n", &["a", "bc"]),
        ("a A ( 192.0.2.1 )\n( b A 192.0.2.1 )\n", &["a", "b"]),
        ("a A 192.0.2.1\r\nb A 192.0.2.2\r\n", &["a", "b"]),
        ("$ORIGIN sub\na A 192.0.2.1\n$ORIGIN example.test.\nb A 192.0.2.1\n", &["a.sub", "b"]),
        ("$TTL 1h\n$GENERATE 1-5/2 n${0,2} A 192.0.2.$\n", &["n01", "n03", "n05"]),
        ("$GENERATE 1-2 n$ 1h IN CNAME web$.other.test.\n", &["n1", "n2"]),
        ("b A 192.0.2.9\n$GENERATE 1-2 n$ A 192.0.2.$\n  AAAA 2001:db8::1\n", &["b", "n1", "n2"]),
        (
            "a TYPE65 \\# 4 00010000\nb TYPE65534 \\# 1 00\na A \\# 4 c0000201\nc FOO bar\nd A 192.0.2.1\n",
            &["d"],
        ),
    ];
    for (text, names) in table {
        let loaded = read(text);
        let mut got: Vec<String> =
            loaded.services.iter().map(crate::model::service::Service::display_name).collect();
        got.sort_unstable();
        let want: Vec<String> = names
            .iter()
            .map(|n| if *n == "@" { "example.test".into() } else { format!("{n}.example.test") })
            .collect();
        assert_eq!((got, bad(&loaded)), (want, vec![]), "{text}");
    }
    let dig = "; <<>> DiG 9.18 <<>> axfr example.test\n;; global options: +cmd\nexample.test.\t\t3600\tIN\tSOA\tns1.example.test. h.example.test. 1 2 3 4 5\n\
               a.example.test.\t\t3600\tIN\tA\t192.0.2.1\nexample.test. 3600 IN SOA ns1.example.test. h.example.test. 1 2 3 4 5\n;; Query time: 0 msec\n";
    assert_eq!(services(&read_as("-", dig)), ["a.example.test:443 tls [192.0.2.1]"]);
}

#[test]
fn a_bad_line_costs_its_record_alone_and_is_told_at_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("x A 192.0.2.300\n", &["z:2:5: `192.0.2.300` in this A record is not an IPv4 address"]),
        ("x A\n", &["z:2:1: this A record lacks an IPv4 address"]),
        ("x A 192.0.2.1 192.0.2.2\n", &["z:2:15: `192.0.2.2` stands behind the end of this A record"]),
        ("x\n", &["z:2:1: this line has no record type; expected an owner, a type such as A, and its data"]),
        ("x TXT \"open\n", &["z:2:7: this quote is not closed on its line"]),
        ("x MX ten mx\n", &["z:2:6: `ten` in this MX record is not a preference from 0 to 65535"]),
        ("x_y! A 192.0.2.1\n", &["z:2:1: `x_y!.example.test` is not a host name: `!` is not allowed in it"]),
        ("a..b A 192.0.2.1\n", &["z:2:1: `a..b` is not a domain name: a part between dots is empty"]),
        ("x A 192.0.2.1 )\n", &["z:2:15: `)` without a `(` before it"]),
        (
            "x SOA ns h (\n1 2 3\n  4 5\n",
            &[
                "z:2:12: this `(` is not closed; the record is not read",
                "z:3:5: `3` is no record type",
                "z:4:5: `5` is no record type",
            ],
        ),
        ("$FOO x\n", &["z:2:1: `$FOO` is no directive; expected $ORIGIN, $TTL, $INCLUDE or $GENERATE"]),
        ("x SRV 1 1 443 t\n", &["z:2:1: `x.example.test` is no owner of an SRV record"]),
        ("_a._tcp SRV 1 1 0 t\n", &["z:2:1: port 0 in this SRV record"]),
        (
            "x CNAME y\ny CNAME x\n",
            &["z:2:1: `x.example.test` is an alias, and its CNAME", "z:3:1: `y.example.test` is an alias"],
        ),
        ("_1._tcp.x TLSA 3 1 1 zz\n", &["z:2:22: `zz` in this TLSA record is not hexadecimal"]),
        ("$GENERATE 1-999999999 n$ A 192.0.2.1\n", &["z:2:11: this $GENERATE makes 999999999 records"]),
        ("$GENERATE 254-256 n$ A 192.0.2.$\n", &["z:2:1: $GENERATE, at 256: `192.0.2.256` in this A"]),
        ("$GENERATE 3-1 n$ A 192.0.2.1\n", &["z:2:11: `3-1` is not a range"]),
        ("w HTTPS 1 . port=0\n", &["z:2:13: `port=0` has no port from 1 to 65535"]),
    ];
    for (text, expected) in table {
        let loaded = read(&format!("{text}good A 192.0.2.99\n"));
        let got = bad(&loaded);
        assert_eq!(got.len(), expected.len(), "{text}: {got:?}");
        for (got, want) in got.iter().zip(*expected) {
            assert!(got.starts_with(want), "{text}: {got}");
        }
        assert!(loaded.services.iter().any(|s| s.name.as_deref() == Some("good.example.test")), "{text}");
    }
}

#[test]
fn the_origin_is_told_by_the_file_or_asked_for() {
    let relative = "@ IN SOA ns1 h 1 2 3 4 5\nwww A 192.0.2.1\nabs.example.test. A 192.0.2.2\n";
    let by_name = read_as("zones/db.example.test", relative);
    assert_eq!((services(&by_name).len(), bad(&by_name)), (2, vec![]));
    assert!(
        left(&by_name).contains("as below `example.test`, by the name of the file"),
        "{}",
        left(&by_name)
    );
    let by_soa = read_as("-", relative.replace('@', "example.test."));
    assert_eq!(services(&by_soa).len(), 2);
    assert!(!left(&by_soa).contains("by the name of the file"));
    for name in ["-", "example.zone"] {
        let unknown = read_as(name, relative);
        assert_eq!(services(&unknown), ["abs.example.test:443 tls [192.0.2.2]"]);
        assert!(
            unknown.bad.len() == 2 && bad(&unknown).iter().all(|b| b.contains("$ORIGIN")),
            "{:?}",
            bad(&unknown)
        );
    }
    let lost = read_as("-", "x.test. A 192.0.2.1\nwww A 192.0.2.2\n  A 192.0.2.3\n");
    assert_eq!(services(&lost), ["x.test:443 tls [192.0.2.1]"], "a record goes to no other owner");
}

#[test]
fn included_files_are_read_below_the_folder_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &[u8]| std::fs::write(at(name), text).expect("a file");
    std::fs::create_dir_all(at("zone/sub")).expect("a folder");
    write("secret.txt", b"out A 192.0.2.66\n");
    write(
        "zone/main.zone",
        b"$ORIGIN example.test.\na A 192.0.2.1\n$INCLUDE sub/b.inc sub\n  AAAA 2001:db8::1\n$INCLUDE ../secret.txt\n$INCLUDE /etc/hostname\n\
          $INCLUDE fifo\n$INCLUDE none\n$INCLUDE main.zone\n$INCLUDE large\n$INCLUDE sub\nz A 192.0.2.9\n",
    );
    write(
        "zone/sub/b.inc",
        b"\xef\xbb\xbf  A 192.0.2.2\nb A 192.0.2.3\nbad A x\n$ORIGIN other.test.\n$INCLUDE c.inc\n",
    );
    write("zone/sub/c.inc", b"c A 192.0.2.4\n$INCLUDE b.inc\n");
    std::fs::File::create(at("zone/large"))
        .and_then(|file| file.set_len((16 << 20) + 1))
        .expect("a large file");
    let fifo = std::process::Command::new("mkfifo").arg(at("zone/fifo")).status();
    assert!(fifo.is_ok_and(|status| status.success()));
    let loaded = load(&[Input::Path(at("zone/main.zone"))], &[], &options()).expect("a zone");
    assert_eq!(
        services(&loaded),
        [
            "a.example.test:443 tls [192.0.2.1 192.0.2.2 2001:db8::1]",
            "b.sub.example.test:443 tls [192.0.2.3]",
            "c.other.test:443 tls [192.0.2.4]",
            "z.example.test:443 tls [192.0.2.9]",
        ]
    );
    let bad = bad(&loaded);
    assert!(bad.len() == 1 && bad[0].contains("b.inc:3:7: `x`"), "{bad:?}");
    let told = left(&loaded);
    for part in [
        "2 of 9 included files left out: it includes itself",
        "regular file (the first: `fifo`)",
        "16 MiB",
        "no such file",
        "only below the folder",
    ] {
        assert!(told.contains(part) || told.contains(&part.replace('9', "10")), "{part}: {told}");
    }
    let alone = read("$INCLUDE other\na A 192.0.2.1\n");
    assert!(left(&alone).contains("a text that is no file"), "{}", left(&alone));
}

#[test]
fn a_chain_of_includes_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..20 {
        let text = format!("$ORIGIN example.test.\nh{n} A 192.0.2.{n}\n$INCLUDE f{}.zone\n", n + 1);
        std::fs::write(folder.path().join(format!("f{n}.zone")), text).expect("a file");
    }
    let loaded = load(&[Input::Path(folder.path().join("f0.zone"))], &[], &options()).expect("a zone");
    assert_eq!(loaded.services.len(), 9);
    assert!(left(&loaded).contains("at most 8 deep"), "{}", left(&loaded));
}

#[test]
fn hostile_texts_end_soon_and_are_told() {
    let began = std::time::Instant::now();
    let long = format!("x TXT {}\ny A 192.0.2.1\n", "a ".repeat(5 << 20));
    let loaded = read(&long);
    assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 1), "{:?}", bad(&loaded));
    let long = format!("{} A 192.0.2.1\ny A 192.0.2.1\n", "a".repeat(10 << 20));
    assert_eq!(read(&long).services.len(), 1);
    let opened = format!("{}y A 192.0.2.1\n", "x A (\n".repeat(200_000));
    assert_eq!(read(&opened).services.len(), 1);
    let deep = format!("x A {}192.0.2.1{}\ny A 192.0.2.1\n", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(read(&deep).services.len(), 2);
    let quotes = format!("{}\ny A 192.0.2.1\n", "x TXT \"\n".repeat(50_000));
    assert_eq!(read(&quotes).services.len(), 1);
    let nul = read("a\0b A 192.0.2.1\n\0\0\0\ny A 192.0.2.1\0\nä A 192.0.2.1\nz A 192.0.2.1\n");
    assert_eq!((nul.services.len(), nul.bad.len()), (1, 4), "{:?}", bad(&nul));
    let generated = "$GENERATE 1-65537 n$ CNAME x\n".repeat(40);
    assert_eq!(read(&format!("{generated}y A 192.0.2.1\n")).bad.len(), 40);
    let chain: String = (0..50_000).map(|n| format!("n{n} CNAME n{}\n", n + 1)).collect();
    assert!(read(&chain).bad.len() > 49_000);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn a_text_that_ends_anywhere_is_accounted_for() {
    let text = std::fs::read("inventory/example.test.zone").expect("the sample");
    for end in 0..text.len() {
        let mut seed = b"Z".to_vec();
        seed.extend_from_slice(&text[..end]);
        crate::inventory::fuzz_format(&seed);
    }
}

#[test]
fn the_content_shows_a_zone_and_nothing_else_does() {
    let detected = |text: &[u8]| (super::FORMAT.detect)(&super::Peek::new(text));
    for text in [
        "$TTL 1h\n",
        "; a zone\n\n@ IN SOA ns1 h (\n",
        "www A 192.0.2.1\n",
        "www.example.test. 300 IN HTTPS 1 .\n",
        "  IN NS ns1\n",
        "@ MX 10 mx\n",
    ] {
        assert!(detected(text.as_bytes()), "{text}");
    }
    for text in [
        "web01.example.test\n",
        "192.0.2.1 a mx b\n",
        "Host mx ns web\n",
        "name,port\nweb01,443\n",
        "[web]\na ansible_host=192.0.2.1\n",
        "key type value\n",
        "a 300 key\n",
        "",
    ] {
        assert!(!detected(text.as_bytes()), "{text}");
    }
    for name in ["services.csv", "secrets.csv", "hosts.txt", "hosts", "ssh_config", "known_hosts"] {
        assert!(!detected(&std::fs::read(format!("inventory/{name}")).expect("a sample")), "{name}");
    }
}
