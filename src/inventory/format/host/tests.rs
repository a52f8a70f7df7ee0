use crate::{
    inventory::{Error, Input, Loaded, Options, load},
    model::{
        discovery::TlsSeen,
        wrap::{Transport, Wrap},
    },
};

const SAMPLE: &str = include_str!("../../../../inventory/host.jsonl");

fn tried(text: impl Into<Vec<u8>>) -> Result<Loaded, Error> {
    let input = Input::Text { name: "h".into(), text: text.into(), format: Some("host") };
    load(&[input], &[], &Options { partial: true, ..Options::default() })
}

fn rows(loaded: &Loaded) -> Vec<String> {
    loaded.services.iter().map(crate::model::service::Service::place).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn listeners_that_others_can_reach_become_rows() {
    let loaded = load(&[Input::text("h", SAMPLE)], &[], &Options::default()).unwrap();
    let name = "web01.example.test";
    let expected: Vec<String> = [443, 8443, 5349, 10443].map(|port| format!("{name}:{port}")).into();
    assert_eq!(rows(&loaded), expected);
    let addresses =
        |at: usize| loaded.services[at].addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(addresses(0), ["192.0.2.11"]);
    assert_eq!(addresses(1), ["192.0.2.11", "2001:db8::11"]);
    assert_eq!(loaded.services[0].declared.tags, ["process=nginx", "reach=anyone"]);
    assert!(loaded.services[3].declared.tags.contains(&"container=shop".to_owned()));
    assert_eq!((loaded.services[2].transport, loaded.services[2].wrap), (Transport::Udp, Wrap::Dtls));
    assert_eq!(loaded.services[0].sources[0].path.as_deref(), Some(name));
    let found: Vec<_> = loaded.discovered.iter().map(|d| (d.address.to_string(), d.port, d.tls)).collect();
    let at = |address: &str, port, tls| (address.to_owned(), port, tls);
    assert_eq!(
        found,
        [
            at("192.0.2.11", 443, TlsSeen::Maybe),
            at("192.0.2.11", 8443, TlsSeen::Maybe),
            at("2001:db8::11", 8443, TlsSeen::Maybe),
            at("192.0.2.11", 22, TlsSeen::No),
            at("192.0.2.11", 5349, TlsSeen::Maybe),
            at("192.0.2.11", 123, TlsSeen::No),
            at("192.0.2.11", 10443, TlsSeen::Maybe),
        ]
    );
    assert!(loaded.discovered[0].at.is_some() && loaded.bad.is_empty());
    let notices = notices(&loaded);
    for part in [
        "listeners on loopback alone: 2 (the first: `web01.example.test 127.0.0.1:9443`)",
        "listeners of protocols without TLS: 2",
        "listeners in networks of containers, which are reached through published ports: 1",
    ] {
        assert!(notices.contains(part), "{part} is not in:\n{notices}");
    }
}

#[test]
fn several_hosts_and_what_does_not_fit_are_told() {
    let header = SAMPLE.lines().next().unwrap();
    let listener = SAMPLE.lines().nth(4).unwrap();
    let other = header.replace("web01", "web02").replace("192.0.2.11", "192.0.2.12");
    let table: &[(String, &[&str], usize, &str)] = &[
        (
            format!("{header}\n{listener}\n{other}\n{listener}"),
            &["web01.example.test:443", "web02.example.test:443"],
            0,
            "",
        ),
        (header.to_owned(), &[], 0, "no listening socket"),
        (format!("{header}\n{listener}\n{{\"schema\"\n"), &["web01.example.test:443"], 1, ""),
        (
            format!("{header}\n{listener}\n{}", listener.replace("443", "99999")),
            &["web01.example.test:443"],
            1,
            "",
        ),
        (
            format!("{header}\n{listener}\n{}", listener.replace("host/1", "host/2")),
            &["web01.example.test:443"],
            0,
            "another schema",
        ),
        (
            format!("{}\n{listener}", header.replace("web01.example.test", "localhost")),
            &["192.0.2.11:443"],
            0,
            "",
        ),
        (
            format!("{}\n{listener}", header.replace("web01.example.test", "\\u001b[0m")),
            &["192.0.2.11:443"],
            0,
            "",
        ),
    ];
    for (text, expected, bad, part) in table {
        let loaded = tried(text.as_str()).unwrap_or_else(|e| panic!("{e} in {text}"));
        assert_eq!(
            (rows(&loaded).as_slice(), loaded.bad.len()),
            (expected.map_ref().as_slice(), *bad),
            "{text}"
        );
        assert!(notices(&loaded).contains(part), "{}", notices(&loaded));
    }
    let error = tried(listener).unwrap_err().to_string();
    assert!(error.contains("before any header"), "{error}");
}

/// For comparing with owned texts.
trait MapRef {
    fn map_ref(&self) -> Vec<String>;
}

impl MapRef for &[&str] {
    fn map_ref(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn hostile_texts_end_in_a_clear_error_or_a_count() {
    for cut in 0..SAMPLE.len() {
        let _ = tried(&SAMPLE[..cut]);
    }
    let header = SAMPLE.lines().next().unwrap();
    let long = format!("{header}\n{{\"schema\":\"{}\"", "x".repeat(10 << 20));
    for text in [long.as_str(), "\u{0}", "{}", "[]", "{\"schema\":\"allclear.host/1\",\"record\":\"header\"}"]
    {
        if let Err(error) = tried(text) {
            assert!(error.to_string().len() < 500, "{error}");
        }
    }
}
