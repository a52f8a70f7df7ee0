use data_encoding::BASE64;

use crate::inventory::{
    Input, Loaded, NoticeKind, Options,
    format::{TextFile, by_content},
    load,
};

const SAMPLE: &[u8] = include_bytes!("../../../../inventory/etcd.json");

fn answer(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let kv = |(key, value): &(&str, &[u8])| {
        format!("{{\"key\":\"{}\",\"value\":\"{}\"}}", BASE64.encode(key.as_bytes()), BASE64.encode(value))
    };
    let kvs: Vec<String> = pairs.iter().map(kv).collect();
    format!("{{\"header\":{{\"revision\":\"3\"}},\"kvs\":[{}],\"count\":\"{}\"}}", kvs.join("\n,"), kvs.len())
        .into_bytes()
}

fn loaded(text: &[u8]) -> Result<Loaded, String> {
    let input = [Input::Text { name: "etcd.json".into(), text: text.to_vec(), format: Some("etcd") }];
    load(&input, &[], &Options { partial: true, ..Options::default() }).map_err(|error| error.to_string())
}

/// Name or address, port, owner and tags, of the first service.
fn shown(loaded: &Loaded) -> String {
    let Some(s) = loaded.services.first() else { return "-".to_owned() };
    let name = s.name.as_deref().unwrap_or("-");
    let addresses: Vec<String> = s.addresses.iter().map(ToString::to_string).collect();
    format!("{name} {} {} {}", addresses.join("+"), s.port, s.declared.tags.join(" ")).trim_end().to_owned()
}

#[test]
fn the_sample_gives_a_json_value_and_a_record_of_skydns() {
    let found = loaded(SAMPLE).unwrap();
    let [web01, web] = found.services.as_slice() else { panic!("{:?}", found.services) };
    assert_eq!(web01.display_port(), "web01.example.test:443");
    assert_eq!(web01.declared.owner.as_deref(), Some("team-web"));
    assert_eq!(web01.sources[0].path.as_deref(), Some("/services/web/web01"));
    assert_eq!((web.name.as_deref(), web.port), (Some("web.example.test"), 443));
    assert_eq!(web.addresses.as_ref(), ["192.0.2.11".parse::<std::net::IpAddr>().unwrap()]);
    assert!(found.bad.is_empty() && found.notices.is_empty(), "{:?}", found.notices);
}

#[test]
fn the_content_tells_it_and_nothing_else_is_taken_for_it() {
    let two = [SAMPLE, b"\n", SAMPLE].concat();
    let empty = b"{\"header\":{\"cluster_id\":14841639068965178418,\"revision\":3}}";
    for text in [SAMPLE, &two, empty] {
        let file = TextFile { name: "t".into(), text, folder: None };
        assert_eq!(by_content(&file).map(|f| f.name).ok(), Some("etcd"));
    }
    let foreign: &[&[u8]] =
        &[b"name,port\nkvs,443\n", b"{\"name\":\"web01\",\"port\":443}\n", b"{\"header\":1}", b"kvs\n"];
    for &text in foreign {
        let file = TextFile { name: "t".into(), text, folder: None };
        assert_ne!(by_content(&file).map(|f| f.name).ok(), Some("etcd"));
    }
}

#[test]
fn values_are_services_where_they_say_so() {
    let table: &[(&str, &str, &str)] = &[
        (
            "/s/a",
            r#"{"host":"web01.example.test","port":"8443","rack":12}"#,
            "web01.example.test  8443 rack=12",
        ),
        ("/s/a", r#"{"Op":0,"Addr":"192.0.2.11:9443","Metadata":null}"#, "- 192.0.2.11 9443 Op=0"),
        ("/s/a", r#"{"endpoint":"https://web01.example.test/x?token=hunter2"}"#, "web01.example.test  443"),
        ("/s/a", r#"{"name":"web","address":"192.0.2.11","port":443}"#, "- 192.0.2.11 443 name=web"),
        ("/s/a", r#"{"name":"web01.example.test","ip":"192.0.2.11"}"#, "web01.example.test 192.0.2.11 443"),
        ("/s/a", r#"{"host":"2001:db8::5","ports":[443,8443]}"#, "- 2001:db8::5 443"),
        (
            "/s/a",
            r#"{"host":"a.test","tags":["x","k=v"],"labels":{"tier":"front"}}"#,
            "a.test  443 x k=v tier=front",
        ),
        ("/traefik/web/url", "http://192.0.2.11:8080/", "- 192.0.2.11 8080"),
        ("/services/web/x:443", "192.0.2.11:443\n", "- 192.0.2.11 443"),
        ("/services/web/y", "\"web01.example.test:443\"", "web01.example.test  443"),
        ("/skydns/test/example/web", r#"{"host":"192.0.2.1","port":443}"#, "web.example.test 192.0.2.1 443"),
        ("/skydns/test/example/web/4f2a9c1b", r#"{"host":"192.0.2.1"}"#, "web.example.test 192.0.2.1 443"),
        ("/skydns/test/example/a1", r#"{"host":"192.0.2.1"}"#, "a1.example.test 192.0.2.1 443"),
        ("/skydns/test/example/web/web01", r#"{"host":"192.0.2.1"}"#, "web01.web.example.test 192.0.2.1 443"),
        (
            "/skydns/test/example/www",
            r#"{"host":"web01.example.test.","port":0,"text":"blue","ttl":60}"#,
            "www.example.test  443 target=web01.example.test text=blue",
        ),
        ("/skydns/test/example/mx", r#"{"host":"192.0.2.25","mail":true}"#, "mx.example.test 192.0.2.25 25"),
    ];
    for (key, value, expected) in table {
        let found = loaded(&answer(&[(key, value.as_bytes())])).unwrap();
        assert!(found.bad.is_empty(), "{value}: {:?}", found.bad);
        assert_eq!(shown(&found), *expected, "{key} {value}");
    }
}

#[test]
fn what_is_no_service_is_counted_and_repeated_nowhere() {
    let others: &[&[u8]] = &[
        b"hunter2",
        b"admin:12345",
        b"hunter2:hunter2@192.0.2.1:5432",
        br#"{"password":"hunter2"}"#,
        br#"{"name":"hunter2"}"#,
        br#"{"url":"https://hunter2.example.test/hunter2"}"#,
        br#"{"name":"hunter2","address":"hunter2 street"}"#,
        b"{hunter2",
        b"",
        b"\xff\x00hunter2",
        b"443",
        b"[\"hunter2\"]",
    ];
    let mut pairs: Vec<(&str, &[u8])> = others.iter().map(|value| ("/config/x", *value)).collect();
    pairs.push(("/skydns/arpa/in-addr/192/0/2/1", br#"{"host":"hunter2.example.test"}"#));
    pairs.push(("/skydns/test/example/txt", br#"{"text":"hunter2"}"#));
    pairs.push(("/services/a", br#"{"host":"a.test","password":"hunter2","api_key":"hunter2"}"#));
    pairs.push(("/services/b", br#"{"host":"hunter2 hunter2","port":443}"#));
    pairs.push(("/services/c", br#"{"host":"c.test","port":"hunter2"}"#));
    let found = loaded(&answer(&pairs)).unwrap();
    let said = format!("{found:?}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!((found.services.len(), found.bad.len(), found.rows), (1, 2, 3));
    let told: Vec<&str> = found.notices.iter().map(|n| n.message.as_str()).collect();
    assert!(
        told[0].starts_with("14 of 17 keys hold no service") && told[1].starts_with("2 values"),
        "{told:?}"
    );
    assert!(found.notices.iter().all(|n| n.kind == NoticeKind::LeftOut));
    assert_eq!((found.bad[0].line, found.bad[0].message.contains("/services/b")), (16, true));
}

#[test]
fn hostile_and_broken_answers_are_told() {
    let table: &[(&[u8], &str)] = &[
        (b"/services/web\n{\"host\":\"web01\"}\n", "-w json"),
        (b"{\"kvs\":{}}", "expected an answer of etcd"),
        (b"{\"error\":\"x\",\"code\":7}", "error of etcd"),
        (b"{\"header\":{}}", "holds no key"),
        (b"{\"header\":{},\"kvs\":[", "not JSON"),
        (b"{\"kvs\":[{\"key\":\"!!\",\"value\":\"YQ==\"},7]}", "every row is bad"),
        (b"{\"kvs\":[]}\n\xff", "not UTF-8"),
    ];
    for (text, expected) in table {
        let said = loaded(text).expect_err("refused");
        assert!(said.contains(expected), "{said}");
    }
    let more = [SAMPLE.strip_suffix(b"}").unwrap_or(SAMPLE.trim_ascii_end()), b""].concat();
    let more = [more.trim_ascii_end().strip_suffix(b"}").unwrap_or(&more), b",\"more\":true}"].concat();
    let found = loaded(&more).unwrap();
    assert!(found.notices[0].message.contains("more keys than were printed"));
    // Ids beyond 2^53, several answers, CRLF, and the same service twice.
    let twice = [SAMPLE, b"\r\n", SAMPLE].concat();
    let found = loaded(&twice).unwrap();
    assert_eq!((found.services.len(), found.merged), (2, 2));
    for end in 0..SAMPLE.len() {
        crate::inventory::fuzz_format(&[b"E", &SAMPLE[..end]].concat());
    }
    let long = answer(&[("/services/x", &b"{\"host\":\"".repeat(1_000_000)), ("/s/y", b"192.0.2.1:443")]);
    assert_eq!(loaded(&long).unwrap().services.len(), 1);
}
