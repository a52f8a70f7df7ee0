//! Native JSON Lines as they are loaded: the sample, what a listing prints, and what is no record.

use crate::{
    inventory::{Error, Input, Loaded, Options, format, load},
    model::{loading::NoticeKind, wrap::Transport},
};

fn read(text: &str) -> Result<Loaded, Error> {
    let options = Options { partial: true, format: Some("jsonl".to_owned()), ..Options::default() };
    load(&[Input::text("t.jsonl", text)], &[], &options)
}

fn good(text: &str) -> Loaded {
    read(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn the_sample_is_told_by_its_content_and_loads() {
    let text = include_str!("../../../../inventory/services.jsonl");
    let loaded = load(&[Input::text("s.jsonl", text)], &[], &Options::default()).expect("loads");
    assert_eq!(loaded.bad, []);
    assert_eq!((loaded.rows, loaded.services.len(), loaded.secrets.len()), (8, 7, 2));
    let web = &loaded.services[0];
    assert_eq!(web.sources[0].to_string(), "s.jsonl:1");
    assert_eq!(&*web.sources[0].format, "jsonl");
    assert_eq!(web.declared.tags, ["pci", "shop", "rack=12"]);
    assert_eq!((web.declared.issues_tokens, web.sni.as_deref()), (Some(true), Some("www.example.test")));
    assert_eq!(loaded.services[2].port, 8443);
    let lb = &loaded.services[3];
    assert_eq!((lb.row_id.as_str(), lb.addresses.len(), lb.port), ("lb-www", 2, 443));
    assert_eq!(loaded.services[5].transport, Transport::Udp);
    assert_eq!(loaded.services[6].declared.fragile, Some(true));
    assert_eq!(loaded.secrets[0].services.len(), 2);
    assert_eq!(loaded.secrets[1].source.as_ref().map(|s| s.line), Some(9));
}

#[test]
fn what_a_listing_prints_is_read_back() {
    let listed = concat!(
        r#"{"row_id":"svc-2wyf2llav7a7","name":"web01.example.test","address":"192.0.2.1","addresses":["192.0.2.1","192.0.2.2"],"#,
        r#""port":443,"transport":"tcp","wrap":"tls","tags":["a=1"],"secrets":["k"],"sources":[{"format":"csv","file":"s.csv","line":2}],"derived":{"exposure":{"value":"public"},"token":1}}"#,
        "\n",
        r#"{"row_id":"lb","name":"lb.example.test","port":443,"transport":"tcp","wrap":"tls","tags":[],"secrets":[],"sources":[]}"#,
        "\n",
        r#"{"row_id":"lb","id":"own","address":"2001:db8::1","port":443}"#,
    );
    let loaded = good(listed);
    let ids: Vec<_> = loaded.services.iter().map(|s| (s.row_id.as_str(), s.id_declared)).collect();
    assert_eq!(ids, [("svc-2wyf2llav7a7", false), ("lb", true), ("own", true)]);
    assert_eq!(loaded.services[0].addresses.len(), 2);
    assert_eq!(loaded.services[0].declared.tags, ["a=1"]);
    assert!(loaded.notices.iter().all(|n| n.kind != NoticeKind::LeftOut), "{:?}", loaded.notices);
}

#[test]
fn arrays_and_one_object_over_lines_are_read_too() {
    let table = [
        ("[{\"name\":\"web\"},\n {\"name\":\"mail\",\"port\":\"25;587\"}]", vec![1, 2, 2]),
        ("[\n]", vec![]),
        ("{\n  \"name\": \"web\"\n}\n", vec![1]),
        ("\r\n{\"name\":\"web\"}\r\n\r\n{\"name\":\"mail\"}\r\n", vec![2, 4]),
    ];
    for (text, lines) in table {
        match read(text) {
            Ok(loaded) => {
                let got: Vec<u32> = loaded.services.iter().map(|s| s.sources[0].line).collect();
                assert_eq!((got, loaded.bad.len()), (lines, 0), "{text}");
            }
            Err(error) => {
                assert!(lines.is_empty() && error.to_string().contains("no row"), "{text}: {error}");
            }
        }
    }
}

#[test]
fn a_bad_record_is_counted_at_its_place_and_the_rest_goes_on() {
    let table = [
        (r#"{"name":"web","port":0}"#, 22, "1 to 65535"),
        (r#"{"name":"web","port":[443,"x"]}"#, 27, "1 to 65535"),
        (r#"{"name":"web","port":{"a":1}}"#, 22, "is a map"),
        (r#"{"name":["web"]}"#, 9, "is a list"),
        (r#"{"name":"web","name":"mail"}"#, 15, "stands twice"),
        (r#"{"port":443}"#, 1, "needs a name or an address"),
        (r#"{"hostname":"web"}"#, 2, "is called `name` here"),
        (r#"{"name":"web","":"x"}"#, 15, "empty key"),
        (r#"{"name":"web","address":["192.0.2.0/24","192.0.2.1"]}"#, 26, "CIDR with a name"),
        (r#"{"id":"x","address":["192.0.2.1","192.0.2.2"]}"#, 22, "an id is one row"),
        (r#"{"name":"we\u0000b"}"#, 9, "control character"),
        (r#"{"name":"web","fragile":"perhaps"}"#, 25, "yes or no"),
        (r#"["web"]"#, 1, "a list stands here"),
        (r#"{"name":"web""#, 13, "this is not JSON"),
        (r#"{"secret_id":"k"}"#, 1, "type is empty"),
        (r#"{"secret_id":"k","type":"B1","check":"hunter2"}"#, 38, "cannot be read"),
        (r#"{"secret_id":"k","type":"B1","issued_at":"hunter2"}"#, 42, "not a time"),
        (r#"{"secret_id":"k","type":"B1","owner":["hunter2"]}"#, 38, "is a list"),
    ];
    for (line, column, said) in table {
        let loaded = good(&format!("{{\"name\":\"first\"}}\n{line}\n{{\"name\":\"last\"}}\n"));
        assert_eq!((loaded.services.len(), loaded.bad.len(), loaded.rows), (2, 1, 3), "{line}");
        let bad = &loaded.bad[0];
        assert_eq!((bad.line, bad.column), (2, column), "{line}: {bad}");
        assert!(bad.message.contains(said) && !bad.message.contains("hunter2"), "{line}: {bad}");
    }
}

#[test]
fn a_key_for_a_value_refuses_the_whole_file() {
    for record in [
        r#"{"name":"web","password":"hunter2"}"#,
        r#"{"secret_id":"k","type":"B1","value":"hunter2"}"#,
        r#"{"name":"web","vars":{"db":[{"api-key":"hunter2"}]}}"#,
    ] {
        let error = read(&format!("{{\"name\":\"first\"}}\n{record}\n")).expect_err(record).to_string();
        assert!(error.starts_with("t.jsonl:2:") && error.contains("refused whole"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_cannot_be_a_tag_is_counted_once() {
    let loaded =
        good("{\"name\":\"a\",\"labels\":{\"x\":\"y\"},\"rack\":7}\n{\"name\":\"b\",\"labels\":[]}\n");
    assert_eq!(loaded.services[0].declared.tags, ["rack=7"]);
    let left: Vec<_> = loaded.notices.iter().filter(|n| n.kind == NoticeKind::LeftOut).collect();
    assert_eq!(left.len(), 1);
    assert!(
        left[0].message.contains("2 lists or maps") && left[0].message.contains("`labels`"),
        "{}",
        left[0]
    );
}

#[test]
fn secrets_alone_are_not_held_against_an_inventory_that_is_not_there() {
    let loaded = good(r#"{"secret_id":"k","type":"b1","services":["web01"],"colour":"red"}"#);
    assert_eq!((loaded.faults(), loaded.secrets[0].kind.as_str()), (0, "B1"));
    let kinds: Vec<_> = loaded.notices.iter().map(|n| n.kind).collect();
    assert_eq!(kinds, [NoticeKind::IgnoredColumn, NoticeKind::LeftOut]);
    let with = good("{\"name\":\"web02\"}\n{\"secret_id\":\"k\",\"type\":\"B1\",\"services\":\"web01\"}");
    assert_eq!(with.faults(), 1);
}

#[test]
fn the_content_tells_records_from_other_json() {
    let table = [
        (r#"{"name":"web"}"#, Some("jsonl")),
        (r#"[{"address":"192.0.2.1"}]"#, Some("jsonl")),
        (r#"{"secret_id":"k","type":"B1"}"#, Some("jsonl")),
        (r#"{"schema":"allclear.endpoint/1","row_id":"x","name":"web"}"#, None),
        (r#"{"name":"left-pad","version":"1.0.0"}"#, None),
        (r#"{"what":"web"}"#, None),
    ];
    for (text, expected) in table {
        let file = format::TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        assert_eq!(format::by_content(&file).ok().map(|f| f.name), expected, "{text}");
    }
}

#[test]
fn hostile_bytes_end_in_an_error_or_a_count() {
    let sample = include_bytes!("../../../../inventory/services.jsonl");
    for end in 0..sample.len() {
        let options = Options { partial: true, format: Some("jsonl".to_owned()), ..Options::default() };
        if let Ok(loaded) = load(&[Input::text("t", &sample[..end])], &[], &options) {
            assert!(loaded.bad.len() <= 1, "only the cut line is bad: {:?}", loaded.bad);
        }
    }
    let deep = format!("{{\"name\":\"a\",\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let long = format!("{{\"name\":\"a\",\"x\":\"{}\"}}", "y".repeat(10 << 20));
    let wide = format!("{{\"name\":\"a\"{}}}", ",\"k\":1".repeat(100_000));
    for text in [deep.as_str(), &long, &wide, "{\"name\":\"a\u{0}\"}", "{\"port\":1e999,\"name\":\"a\"}"] {
        match read(text) {
            Ok(loaded) => assert_eq!((loaded.services.len(), loaded.bad.len()), (0, 1)),
            Err(error) => assert!(error.to_string().len() < 2000),
        }
    }
}
