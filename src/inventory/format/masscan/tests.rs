//! What masscan writes, in each form, whole and cut, and made by an enemy.

use std::path::Path;

use crate::{
    inventory::{Input, Options, load},
    model::{
        discovery::{PortState, TlsSeen},
        loading::Loaded,
        wrap::Transport,
    },
};

const SAMPLES: [&str; 3] = ["masscan.json", "masscan.ndjson", "masscan.list"];

fn try_load(input: Input) -> Result<Loaded, String> {
    load(&[input], &[], &Options { partial: true, ..Options::default() }).map_err(|e| e.to_string())
}

fn of(text: impl Into<Vec<u8>>) -> Loaded {
    try_load(Input::text("scan", text)).expect("a scan")
}

fn services(loaded: &Loaded) -> Vec<String> {
    let shown = |s: &crate::model::service::Service| format!("{} {} {}", s.place(), s.transport, s.wrap);
    loaded.services.iter().map(shown).collect()
}

#[test]
fn every_form_says_the_same() {
    for name in SAMPLES {
        let loaded = try_load(Input::Path(Path::new("inventory").join(name))).expect(name);
        assert!(loaded.bad.is_empty(), "{name}: {:?}", loaded.bad);
        assert_eq!(
            services(&loaded),
            ["192.0.2.11:443 tcp tls", "[2001:db8::25]:25 tcp starttls-smtp"],
            "{name}"
        );
        assert_eq!(
            loaded.services[0].declared.tags,
            ["certificate=web01.example.test", "certificate=www.example.test"],
            "{name}"
        );
        let seen: Vec<_> = loaded.discovered.iter().map(|d| (d.port, d.tls)).collect();
        assert_eq!(seen, [(443, TlsSeen::Yes), (2222, TlsSeen::No), (25, TlsSeen::Maybe)], "{name}");
        let [scan] = loaded.scans.as_slice() else { panic!("{name}: {:?}", loaded.scans) };
        assert!(scan.complete && scan.ports.is_empty() && scan.hosts.len() == 2, "{name}: {scan:?}");
        assert_eq!(
            scan.started_at.map(crate::model::time::Timestamp::seconds).as_deref(),
            Some("2026-11-22T14:01:49Z"),
            "{name}"
        );
        let address = "192.0.2.11".parse().expect("an address");
        assert_eq!(scan.state(address, Transport::Tcp, 443), Some(PortState::Open), "{name}");
        assert_eq!(scan.state(address, Transport::Tcp, 80), None, "{name}: nothing is said about it");
        assert_eq!(&*loaded.services[0].sources[0].format, "masscan");
        assert_eq!(loaded.notices.len(), 1, "{name}: {:?}", loaded.notices);
        assert!(loaded.notices[0].message.contains("2222/tcp ssh"), "{name}: {:?}", loaded.notices);
    }
}

#[test]
fn a_line_that_cannot_be_read_costs_itself() {
    let open = |n: u8| {
        format!(
            "{{ \"ip\": \"192.0.2.{n}\", \"timestamp\": \"1\", \"ports\": [ {{\"port\": 443, \"proto\": \"tcp\", \"status\": \"open\"}} ] }}"
        )
    };
    let bad = [
        "{ \"ip\": \"192.0.2.9\", \"ports\": [ {\"port\": 44",
        "{ \"ip\": \"nonsense\", \"ports\": [ {\"port\": 443, \"status\": \"open\"} ] }",
        "{ \"ip\": \"192.0.2.9\", \"ports\": [ {\"port\": 99999999999999999999, \"status\": \"open\"} ] }",
        "{ \"ip\": \"192.0.2.9\", \"ports\": [ {\"port\": 443} ] }",
        "nonsense \u{1b}[31m",
        "open tcp 0 192.0.2.9 1",
    ];
    for line in bad {
        let loaded = of(format!("[\n{}\n,\n{line}\n,\n{},\n]\n", open(1), open(2)));
        assert_eq!((loaded.services.len(), loaded.bad.len()), (2, 1), "{line}: {:?}", loaded.bad);
        assert_eq!(loaded.bad[0].line, 4, "{line}");
        assert!(loaded.scans[0].complete);
    }
}

#[test]
fn json_that_another_tool_laid_out_is_read() {
    let one = "{\"ip\":\"192.0.2.1\",\"timestamp\":\"1\",\"ports\":[{\"port\":443,\"proto\":\"tcp\",\"status\":\"open\"}]}";
    let pretty = one.replace(',', ",\n  ").replace('{', "{\n  ");
    for text in
        [format!("[{one},{one}]"), format!("[\n{pretty}\n]\n"), format!("\u{feff}[\r\n{one},\r\n]\r\n")]
    {
        let loaded = of(text.clone());
        assert_eq!(
            (services(&loaded), loaded.bad.len()),
            (vec!["192.0.2.1:443 tcp tls".to_owned()], 0),
            "{text}"
        );
    }
}

#[test]
fn banners_tell_tls_from_the_rest() {
    let table = [
        ("ssl  ALERT(0x0246) ", Some("tls"), "yes"),
        ("X509 !!! no base64", Some("tls"), "yes"),
        ("ssh SSH-2.0-x", None, "no"),
        ("http HTTP/1.1 200 OK", None, "no"),
        ("http HTTP/1.1 400 Bad Request", Some("tls"), "maybe"),
        ("title 400 The plain HTTP request was sent to HTTPS port", Some("tls"), "maybe"),
        ("smtp 220 mx1.example.test ESMTP", Some("starttls-smtp"), "maybe"),
        ("pop +OK", Some("starttls-pop3"), "maybe"),
    ];
    for (banner, wrap, tls) in table {
        let loaded =
            of(format!("#masscan\nopen tcp 8444 192.0.2.1 1\nbanner tcp 8444 192.0.2.1 2 {banner}\n# end\n"));
        let got = loaded.services.first().map(|s| s.wrap.to_string());
        assert_eq!((got.as_deref(), loaded.discovered[0].tls.to_string().as_str()), (wrap, tls), "{banner}");
        assert_eq!((loaded.discovered.len(), loaded.bad.len()), (1, 0), "{banner}");
    }
}

#[test]
fn a_cut_file_keeps_its_whole_lines() {
    for name in SAMPLES {
        let whole = std::fs::read(Path::new("inventory").join(name)).expect(name);
        for cut in 0..whole.len() {
            let text = whole[..cut].to_vec();
            let lines = text.iter().filter(|b| **b == b'\n').count();
            let input = Input::Text { name: name.into(), text, format: Some("masscan") };
            if let Ok(loaded) = try_load(input) {
                assert!(loaded.bad.len() <= 1, "{name} cut at {cut}: {:?}", loaded.bad);
                assert_eq!(
                    !loaded.services.is_empty(),
                    loaded.discovered.iter().any(|d| d.port == 443),
                    "{cut}"
                );
                assert!(lines < 3 || !loaded.discovered.is_empty(), "{name} cut at {cut}");
            } else {
                assert!(lines < 3, "{name} cut at {cut}");
            }
        }
    }
    let cut = of("#masscan\nopen tcp 443 192.0.2.1 1\n");
    assert!(!cut.scans[0].complete && cut.notices[0].message.contains("did not come to its end"));
}

#[test]
fn hostile_texts_end_soon_and_without_a_panic() {
    let long = "a".repeat(10 << 20);
    let texts: [Vec<u8>; 6] = [
        format!("#masscan\nbanner tcp 443 192.0.2.1 1 X509 {long}\nopen tcp 443 192.0.2.2 1\n").into_bytes(),
        format!("[\n{{\"ip\":\"192.0.2.1\",\"ports\":{}\n", "[".repeat(1 << 20)).into_bytes(),
        b"#masscan\nopen tcp 443 192.0.2.1 1\n\0\0\0\n\xff\xfe\n".to_vec(),
        b"#masscan\nopen tcp 443 192.0.2.1 99999999999999999999999\nopen tcp 443 192.0.2.2 -9223372036854775808\n".to_vec(),
        ",\n".repeat(1 << 20).into_bytes(),
        b"{finished: 1}".to_vec(),
    ];
    for text in texts {
        let input = Input::Text { name: "hostile".into(), text, format: Some("masscan") };
        if let Ok(loaded) = try_load(input) {
            assert!(loaded.bad.iter().all(|bad| bad.to_string().len() < 1000), "no line is quoted whole");
        }
    }
}

#[test]
fn only_its_own_texts_are_taken_for_masscans() {
    let others = ["services.csv", "hosts.txt", "secrets.csv", "nmap.xml"];
    for name in others {
        let loaded = try_load(Input::Path(Path::new("inventory").join(name))).expect(name);
        assert!(
            loaded.services.iter().all(|s| s.sources.iter().all(|source| &*source.format != "masscan")),
            "{name}"
        );
    }
}
