//! Reports as nmap and masscan write them, whole, killed, and made by an enemy.

use std::path::Path;

use crate::{
    inventory::{Input, Options, load},
    model::{
        discovery::{PortState, TlsSeen},
        loading::Loaded,
        wrap::Transport,
    },
};

fn loaded(inputs: &[Input]) -> Loaded {
    load(inputs, &[], &Options { partial: true, ..Options::default() }).expect("a report")
}

fn of(text: &str) -> Loaded {
    loaded(&[Input::text("scan.xml", text)])
}

fn sample(name: &str) -> Input {
    Input::Path(Path::new("inventory").join(name))
}

fn services(loaded: &Loaded) -> Vec<String> {
    let shown = |s: &crate::model::service::Service| format!("{} {} {}", s.place(), s.transport, s.wrap);
    loaded.services.iter().map(shown).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

/// A report with one host and these ports.
fn report(ports: &str) -> String {
    format!(
        "<nmaprun scanner=\"nmap\" start=\"1795356109\">\n<host><status state=\"up\"/>\
         <address addr=\"192.0.2.1\" addrtype=\"ipv4\"/><ports>{ports}</ports></host>\n\
         <runstats><finished exit=\"success\"/></runstats></nmaprun>\n"
    )
}

fn port(number: u16, rest: &str) -> String {
    format!("<port protocol=\"tcp\" portid=\"{number}\"><state state=\"open\"/>{rest}</port>")
}

#[test]
fn the_sample_gives_every_service_that_can_have_tls() {
    let loaded = loaded(&[sample("nmap.xml")]);
    assert_eq!(
        services(&loaded),
        [
            "127.0.0.1:14443 tcp tls",
            "mx1.example.test:2525 tcp starttls-smtp",
            "mx1.example.test:9443 tcp tls",
            "mx1.example.test:3478 udp stun",
        ]
    );
    assert!(loaded.bad.is_empty(), "{:?}", loaded.bad);
    let tags = |at: usize| loaded.services[at].declared.tags.clone();
    assert_eq!(tags(0), ["ptr=localhost", "certificate=web01.example.test"]);
    assert_eq!(tags(2), ["ptr=mail-25.example.test", "nmap=nginx 1.22.1"]);
    assert_eq!(loaded.services[1].addresses[0].to_string(), "192.0.2.25");
    assert!(loaded.services[0].wrap_declared && loaded.services[0].sources[0].line == 14);
    let said = notices(&loaded);
    assert!(said.contains("1 of 6 open ports are without TLS") && said.contains("22/tcp ssh"), "{said}");
    assert!(said.contains("over UDP") && said.contains("123/udp ntp"), "{said}");

    let seen: Vec<(u16, TlsSeen)> = loaded.discovered.iter().map(|d| (d.port, d.tls)).collect();
    let expected = [
        (14443, TlsSeen::Yes),
        (22, TlsSeen::No),
        (2525, TlsSeen::Maybe),
        (9443, TlsSeen::Yes),
        (3478, TlsSeen::Maybe),
        (123, TlsSeen::Maybe),
    ];
    assert_eq!(seen, expected);
    assert_eq!(loaded.discovered[0].certificate_names.len(), 1);
    assert_eq!(
        loaded.discovered[0].at.map(crate::model::time::Timestamp::seconds).as_deref(),
        Some("2026-11-22T14:07:11Z")
    );
}

#[test]
fn what_the_scan_looked_at_is_kept() {
    let loaded = loaded(&[sample("nmap.xml")]);
    let [scan] = loaded.scans.as_slice() else { panic!("{:?}", loaded.scans) };
    assert!(scan.complete && scan.started_at.is_some());
    let state =
        |address: &str, transport, port| scan.state(address.parse().expect("an address"), transport, port);
    let table = [
        ("127.0.0.1", Transport::Tcp, 14443, Some(PortState::Open)),
        ("127.0.0.1", Transport::Tcp, 14444, Some(PortState::Closed)),
        ("127.0.0.1", Transport::Tcp, 443, None),
        ("192.0.2.25", Transport::Tcp, 14444, Some(PortState::Filtered)),
        ("192.0.2.25", Transport::Udp, 5349, Some(PortState::Filtered)),
        ("2001:db8::9", Transport::Tcp, 22, Some(PortState::Filtered)),
        ("192.0.2.99", Transport::Tcp, 22, None),
    ];
    for (address, transport, port, expected) in table {
        assert_eq!(state(address, transport, port), expected, "{address} {transport} {port}");
    }
}

#[test]
fn one_host_in_two_reports_is_one_service() {
    let both = loaded(&[sample("nmap.xml"), sample("nmap-heartbleed.xml")]);
    let found = both.services.iter().find(|s| s.port == 14443).expect("the port of both");
    assert_eq!((found.sources.len(), both.merged, both.scans.len()), (2, 1, 2));
    assert!(both.disagreements.is_empty(), "{:?}", both.disagreements);
    // `NOT VULNERABLE` is no proof that TLS was spoken.
    assert_eq!(both.discovered.last().map(|d| d.tls), Some(TlsSeen::Maybe));
}

#[test]
fn what_a_port_says_decides_about_tls() {
    let probed = |name: &str, more: &str| format!("<service name=\"{name}\" method=\"probed\" {more}/>");
    let table = [
        (22, String::new(), None, "no"),
        (22, probed("ssh", "tunnel=\"ssl\""), Some("tls"), "yes"),
        (443, probed("ssh", ""), None, "no"),
        (443, String::new(), Some("tls"), "maybe"),
        (443, probed("tcpwrapped", ""), Some("tls"), "maybe"),
        (25, probed("smtp", "tunnel=\"ssl\""), Some("tls"), "yes"),
        (25, probed("http", ""), None, "no"),
        (15432, probed("postgresql", ""), Some("starttls-postgres"), "maybe"),
        (5900, String::new(), Some("starttls-vnc"), "maybe"),
        (143, "<script id=\"ssl-cert\" output=\"Subject: x\"/>".to_owned(), Some("starttls-imap"), "yes"),
        (8443, "<script id=\"ssl-cert\" output=\"ERROR: failed\"/>".to_owned(), Some("tls"), "maybe"),
        (8443, "<script id=\"ssl-heartbleed\" output=\"State: VULNERABLE\"/>".to_owned(), Some("tls"), "yes"),
        (4444, "<script id=\"ssl-enum-ciphers\" output=\"TLSv1.2:\"/>".to_owned(), Some("tls"), "yes"),
    ];
    for (number, rest, wrap, tls) in table {
        let loaded = of(&report(&port(number, &rest)));
        let got = loaded.services.first().map(|s| s.wrap.to_string());
        assert_eq!(got.as_deref(), wrap, "{number} {rest}");
        assert_eq!(loaded.discovered[0].tls.to_string(), tls, "{number} {rest}");
    }
}

#[test]
fn a_killed_scan_keeps_every_host_that_it_finished() {
    let whole = std::fs::read_to_string("inventory/nmap.xml").expect("the sample");
    let mut most = 0;
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let piece = &whole[..cut];
        let ended = piece.matches("</host>").count();
        let input = [Input::Text { name: "cut".into(), text: piece.into(), format: Some("nmap") }];
        let Ok(loaded) = load(&input, &[], &Options { partial: true, ..Options::default() }) else {
            assert!(!piece.contains("xmloutputversion=\"1.05\">"), "refused at {cut}");
            continue;
        };
        let hosts = loaded.scans.first().map_or(0, |scan| scan.hosts.len());
        assert_eq!(hosts, ended, "cut at {cut}");
        let complete = loaded.scans.first().is_some_and(|scan| scan.complete);
        assert!(complete || notices(&loaded).contains("did not come to its end"), "cut at {cut}");
        most = most.max(hosts);
    }
    assert_eq!(most, 3);
}

#[test]
fn entities_are_never_expanded_and_nothing_is_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let marker = folder.path().join("marker");
    std::fs::write(&marker, "marker-that-was-read").expect("a marker");
    let mut bomb = String::from("<!DOCTYPE nmaprun [<!ENTITY l0 \"lol\">");
    for n in 1..30 {
        bomb.push_str(&format!("<!ENTITY l{n} \"&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};\">", n - 1));
    }
    bomb.push_str(&format!("<!ENTITY x SYSTEM \"file://{}\">]>\n", marker.display()));
    let script = |text: &str| {
        format!(
            "<script id=\"ssl-cert\" output=\"Subject: x\"><table key=\"subject\"><elem key=\"commonName\">{text}</elem></table></script>"
        )
    };
    let text = format!(
        "{bomb}{}",
        report(
            &[port(443, &script("&x;")), port(8443, &script("&l29;")), port(9443, "<service name=\"&x;\"/>")]
                .concat()
        )
    );
    let loaded = of(&text);
    let ports: Vec<u16> = loaded.services.iter().map(|s| s.port).collect();
    assert_eq!((ports.as_slice(), loaded.bad.len()), ([443, 8443, 9443].as_slice(), 3), "{:?}", loaded.bad);
    assert!(loaded.bad.iter().all(|bad| bad.message.contains("never expanded")), "{:?}", loaded.bad);
    assert!(notices(&loaded).contains("no entity is expanded"), "{}", notices(&loaded));
    let all = format!("{loaded:?}");
    assert!(!all.contains("marker-that-was-read") && !all.contains("lollol") && all.len() < 20_000);
}

#[test]
fn a_broken_piece_costs_its_host_alone() {
    let host = |n: u8, inner: &str| {
        format!(
            "<host><address addr=\"192.0.2.{n}\" addrtype=\"ipv4\"/><ports>{}{inner}</ports></host>\n",
            port(443, "")
        )
    };
    let table = [
        (host(2, "<port <"), 3),
        (host(2, "<![X"), 2),
        ("<host><status state=\"up\"/></host>".to_owned(), 2),
        (host(2, "<port protocol=\"tcp\" portid=\"70000\"><state state=\"open\"/></port>"), 3),
        ("<host><address addr=\"192.0.2.300\" addrtype=\"ipv4\"/></host>".to_owned(), 2),
        ("<host><address addr=\"&boom;\" addrtype=\"ipv4\"/></host>".to_owned(), 2),
    ];
    for (broken, expected) in table {
        let text = format!("<nmaprun>\n{}{broken}{}</nmaprun>", host(1, ""), host(3, ""));
        let loaded = of(&text);
        assert_eq!(loaded.services.len(), expected, "{broken}: {:?}", loaded.bad);
        assert_eq!(loaded.bad.len(), 1, "{broken}: {:?}", loaded.bad);
        assert!(loaded.bad[0].line >= 3, "{broken}: {:?}", loaded.bad);
    }
}

#[test]
fn hostile_texts_end_soon_and_without_a_panic() {
    let long = "a".repeat(10 << 20);
    let deep = "<table>".repeat(200_000);
    let texts = [
        report(&port(443, &format!("<service name=\"{long}\" product=\"{long}\" method=\"probed\"/>"))),
        report(&port(
            443,
            &format!("<script id=\"ssl-cert\" output=\"x\">{deep}<elem key=\"pem\">{long}</elem></script>"),
        )),
        report(&port(443, "<service name=\"\0\u{1b}[31m\" version=\"\0\"/>")),
        format!("<nmaprun>{}", "<host <!-- ".repeat(100_000)),
        format!("<nmaprun><host {}>", "a=\"1\" ".repeat(100_000)),
        format!(
            "<nmaprun><scaninfo protocol=\"tcp\" services=\"9-1,x,1-99999999,{}\"/>",
            "1,".repeat(100_000)
        ),
        report(&port(443, "")).replace('\n', "\r\n"),
    ];
    for text in texts {
        let (began, length) = (std::time::Instant::now(), text.len());
        let input = [Input::Text { name: "hostile".into(), text: text.into_bytes(), format: Some("nmap") }];
        if let Ok(loaded) = load(&input, &[], &Options { partial: true, ..Options::default() }) {
            assert!(notices(&loaded).len() < 10_000);
        }
        assert!(began.elapsed().as_secs() < 60, "{length} bytes took {:?}", began.elapsed());
    }
}

#[test]
fn a_hundred_thousand_hosts_are_read() {
    let mut text = String::from("<nmaprun start=\"1\">\n");
    for n in 0..100_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
        text.push_str(&format!("<host><status state=\"up\"/><address addr=\"{address}\" addrtype=\"ipv4\"/><ports>{}</ports></host>\n", port(443, "")));
    }
    text.push_str("<runstats><finished exit=\"success\"/></runstats></nmaprun>");
    let loaded = of(&text);
    assert_eq!((loaded.services.len(), loaded.scans[0].hosts.len()), (100_000, 100_000));
    assert_eq!(loaded.services[99_999].sources[0].line, 100_001);
}

#[test]
fn masscans_own_xml_is_read_as_well() {
    let text = "<?xml version=\"1.0\"?>\n<!-- masscan v1.0 scan -->\n\
        <nmaprun scanner=\"masscan\" start=\"1796082807\" version=\"1.0-BETA\"  xmloutputversion=\"1.03\">\n\
        <scaninfo type=\"syn\" protocol=\"tcp\" />\n\
        <host endtime=\"1796082807\"><address addr=\"192.0.2.11\" addrtype=\"ipv4\"/><ports><port protocol=\"tcp\" portid=\"443\"><state state=\"open\" reason=\"syn-ack\" reason_ttl=\"64\"/></port></ports></host>\n\
        <host endtime=\"1796082811\"><address addr=\"192.0.2.11\" addrtype=\"ipv4\"/><ports><port protocol=\"tcp\" portid=\"443\"><state state=\"open\" reason=\"response\" reason_ttl=\"64\" /><service name=\"ssl\" banner=\" ALERT(0x0246) \"></service></port></ports></host>\n\
        <host endtime=\"1796082811\"><address addr=\"192.0.2.11\" addrtype=\"ipv4\"/><ports><port protocol=\"tcp\" portid=\"2222\"><state state=\"open\" reason=\"response\" reason_ttl=\"64\" /><service name=\"ssh\" banner=\"SSH-2.0-OpenSSH_9.2p1\"></service></port></ports></host>\n\
        <runstats>\n<finished time=\"1796082811\" timestr=\"2026-11-30 23:53:31\" elapsed=\"4\" />\n</runstats>\n</nmaprun>\n";
    let loaded = of(text);
    assert_eq!(services(&loaded), ["192.0.2.11:443 tcp tls"]);
    let seen: Vec<_> = loaded.discovered.iter().map(|d| (d.port, d.tls)).collect();
    assert_eq!(seen, [(443, TlsSeen::Yes), (2222, TlsSeen::No)]);
    assert!(loaded.scans[0].complete && loaded.scans[0].ports.is_empty() && loaded.scans[0].hosts.len() == 1);
}

#[test]
fn the_seeds_of_the_fuzz_target_are_read() {
    for name in ["f-nmap", "f-masscan"] {
        let seed = std::fs::read(Path::new("fuzz/seeds").join(name)).expect(name);
        let rest = seed.strip_prefix(b"f").expect("the target's letter");
        for cut in 1..rest.len() {
            crate::inventory::fuzz_format(&rest[..cut]);
        }
        let format = Some(if name == "f-nmap" { "nmap" } else { "masscan" });
        let loaded = loaded(&[Input::Text { name: name.into(), text: rest[1..].to_vec(), format }]);
        assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 0), "{name}");
    }
}
