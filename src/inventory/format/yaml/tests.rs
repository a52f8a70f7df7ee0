//! The native YAML as it is loaded: the sample, what stands above what, scopes, and what is refused.

use crate::{
    inventory::{Error, Input, Loaded, Options, format, load},
    model::wrap::Transport,
};

fn read(text: &str) -> Result<Loaded, Error> {
    let options = Options { partial: true, format: Some("yaml".to_owned()), ..Options::default() };
    load(&[Input::text("t.yaml", text)], &[], &options)
}

fn good(text: &str) -> Loaded {
    read(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn the_sample_is_told_by_its_content_and_loads() {
    let text = include_str!("../../../../inventory/services.yaml");
    let loaded = load(&[Input::text("s.yaml", text)], &[], &Options::default()).expect("loads");
    assert_eq!(loaded.bad, []);
    assert_eq!((loaded.rows, loaded.services.len(), loaded.secrets.len()), (8, 14, 2));
    let web = &loaded.services[0];
    assert_eq!((web.name.as_deref(), web.port), (Some("web01.example.test"), 443));
    let declared = &web.declared;
    assert_eq!((declared.owner.as_deref(), declared.env.as_deref()), (Some("team-web"), Some("prod")));
    assert_eq!(
        (declared.issues_tokens, &declared.tags[..]),
        (Some(true), ["pci", "shop"].map(String::from).as_slice())
    );
    assert_eq!(declared.exposure.map(crate::model::service::Exposure::as_str), Some("public"));
    assert_eq!(
        loaded.services[1].declared.exposure.map(crate::model::service::Exposure::as_str),
        Some("internal")
    );
    let api = &loaded.services[2];
    assert_eq!((api.row_id.as_str(), api.name.as_deref()), ("api", Some("api.example.test")));
    assert_eq!(api.addresses[0].to_string(), "192.0.2.11");
    let mx = &loaded.services[3];
    assert_eq!(
        (mx.addresses.len(), mx.port, &mx.declared.tags[..]),
        (2, 25, ["rack=12".to_owned()].as_slice())
    );
    assert!(loaded.services.iter().any(|s| s.transport == Transport::Udp));
    assert_eq!(loaded.secrets[0].services.len(), 2, "{:?}", loaded.notices);
    let (name, rules) = loaded.scope.as_ref().expect("a scope");
    assert_eq!((name.as_str(), rules.as_str()), ("s.yaml", "192.0.2.0/24\n2001:db8::/64\n*.example.test\n"));
    assert_eq!(loaded.exclude, ["192.0.2.99", "cash.example.test."]);
}

#[test]
fn the_nearest_word_stands_and_null_takes_it_back() {
    let loaded = good(
        "defaults: {owner: far, port: 8443, tags: [d]}\nhosts:\n- name: h\n  owner: near\n  services:\n  - {owner: own, tags: [s]}\n  - {port: 443, owner: ~}\n- {name: alone}\n",
    );
    let got: Vec<_> = loaded
        .services
        .iter()
        .map(|s| (s.port, s.declared.owner.as_deref(), s.declared.tags.concat()))
        .collect();
    let expected = [
        (8443, Some("own"), "s".to_owned()),
        (443, None, "d".to_owned()),
        (8443, Some("far"), "d".to_owned()),
    ];
    assert_eq!(got, expected);
}

#[test]
fn a_scope_allows_what_is_huge_wherever_it_stands() {
    let rows = "services:\n- {address: 8.0.0.0/7}\n";
    let error = read(rows).expect_err("too much").to_string();
    assert!(error.starts_with("t.yaml:2:13: ") && error.contains("--scope"), "{error}");
    // With one, only what no sweep holds is too much.
    let scoped = read(&format!("{rows}scope: {{allow: [8.0.0.0/7]}}\n")).expect_err("too much").to_string();
    assert!(scoped.contains("the most that one sweep holds"), "{scoped}");
    let only = good("scope: {exclude: [web01]}\n");
    assert_eq!((only.rows, only.exclude.len(), only.scope), (0, 1, None));
}

#[test]
fn what_makes_no_sense_as_a_whole_refuses_the_file_at_its_place() {
    let table = [
        ("servces: []\n", "1:1", "did you mean `services`?"),
        ("allclear: 2\nservices: [{name: a}]\n", "1:11", "version `2`"),
        ("services: [{name: a}]\nservices: []\n", "2:1", "stands twice"),
        ("services: {name: a}\n", "1:11", "expected a list"),
        ("- name: a\n", "1:1", "expected a map"),
        ("scope: {alow: [10.0.0.0/8]}\n", "1:9", "did you mean `allow`?"),
        ("scope:\n  allow:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n", "4:5", "host bits"),
        ("scope: {allow: []}\n", "1:16", "allow is empty"),
        ("scope: {allow: 10.0.0.0/8}\n", "1:16", "expected a list"),
        ("scope: {exclude: [{a: b}]}\n", "1:19", "expected a rule"),
        ("defaults: {wrap: ssl}\nservices: [{name: a}]\n", "1:18", "ssl"),
        ("defaults: {name: a}\n", "1:12", "is no default"),
        ("services: [{name: a, db: {password: hunter2}}]\n", "1:27", "refused whole"),
        ("x-a: {token: hunter2}\n", "1:7", "refused whole"),
        ("services: [\n", "2:1", "not YAML"),
        ("a: &a [*a]\n", "1:8", "alias"),
    ];
    for (text, place, said) in table {
        let error = read(text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("t.yaml:{place}: ")), "{text}: {error}");
        assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn a_bad_row_is_counted_at_its_place_and_the_rest_goes_on() {
    let table = [
        ("services:\n- {name: a, port: 0}\n- {name: b}\n", "2:19", "1 to 65535"),
        ("services:\n- a\n- {name: b}\n", "2:3", "a text stands here"),
        ("services:\n- {name: a, prots: [443]}\n- {name: b}\n", "2:13", "did you mean `port`?"),
        ("services:\n- {name: a, name: c}\n- {name: b}\n", "2:13", "stands twice"),
        ("hosts:\n- {name: a, services: []}\n- {name: b}\n", "2:23", "without `services`"),
        ("hosts:\n- {name: a, id: x, services: [{port: 1}]}\n- {name: b}\n", "2:17", "one service's"),
        ("hosts:\n- {port: 443}\n- {name: b}\n", "2:3", "needs a name"),
        ("services: [{name: b}]\nsecrets:\n- {secret_id: k}\n", "3:3", "type is empty"),
        ("services: [{name: b}]\nsecrets: [k]\n", "2:11", "expected a map"),
    ];
    for (text, place, said) in table {
        let loaded = good(text);
        assert_eq!((loaded.services.len(), loaded.bad.len(), loaded.rows), (1, 1, 2), "{text}");
        let bad = loaded.bad[0].to_string();
        assert!(bad.starts_with(&format!("t.yaml:{place}: ")) && bad.contains(said), "{text}: {bad}");
    }
}

#[test]
fn the_content_tells_the_native_layout_from_ansible() {
    let table = [
        (include_str!("../../../../inventory/services.yaml"), Some("yaml")),
        ("---\n# x\nhosts:\n  - name: a\n", Some("yaml")),
        ("services: [{name: a}]\n", Some("yaml")),
        ("{\"allclear\": 1, \"services\": [{\"name\": \"a\"}]}", Some("yaml")),
        ("scope:\n  exclude: [a]\n", Some("yaml")),
        ("hosts:\n  hosts:\n    web01:\n", Some("list")),
        ("all:\n  children:\n    hosts:\n      hosts:\n", Some("list")),
        ("web01:443\n", Some("list")),
    ];
    for (text, expected) in table {
        let file = format::TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        let found = format::by_content(&file).ok().map(|f| f.name);
        match expected {
            Some("yaml") => assert_eq!(found, expected, "{text}"),
            _ => assert_ne!(found, Some("yaml"), "{text}"),
        }
    }
}

#[test]
fn hostile_bytes_end_in_an_error_or_a_count() {
    let sample = include_bytes!("../../../../inventory/services.yaml");
    for end in (0..sample.len()).step_by(7) {
        let options = Options { partial: true, format: Some("yaml".to_owned()), ..Options::default() };
        let _ = load(&[Input::text("t", &sample[..end])], &[], &options);
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let deep = format!("services: {}{}", "[".repeat(3000), "]".repeat(3000));
    let crlf = "\u{feff}allclear: 1\r\nservices:\r\n- {name: a}\r\n";
    assert!(read(bomb).expect_err("a bomb").to_string().contains("aliases"));
    assert!(read(&deep).expect_err("deep").to_string().starts_with("t.yaml:1:"));
    assert_eq!(good(crlf).services.len(), 1);
    assert!(
        read("services: [{name: \"a\u{0}\"}]").is_ok_and(|l| l.bad.len() == 1)
            || read("services: [{name: \"a\u{0}\"}]").is_err()
    );
}
