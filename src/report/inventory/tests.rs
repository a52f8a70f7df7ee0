//! What people and scripts read of an inventory.

use std::sync::Arc;

use super::*;
use crate::model::{
    loading::{BadRow, Notice},
    service::{Declared, Source},
    wrap::{Transport, Wrap},
};

fn source(line: u32) -> Source {
    Source { format: "csv".into(), file: "hosts.csv".into(), line, path: None }
}

fn service(id: &str, name: Option<&str>, addresses: &[&str]) -> Service {
    Service {
        row_id: RowId::declared(id),
        name: name.map(Arc::from),
        addresses: addresses.iter().map(|a| a.parse().expect("an address")).collect(),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: true,
        declared: Arc::default(),
        sources: Arc::from([source(2)]),
    }
}

fn secret(id: &str, services: &[&str]) -> Secret {
    Secret {
        delivered_through: Vec::new(),
        checks: Vec::new(),
        id: id.to_owned(),
        kind: "C7".to_owned(),
        services: services.iter().map(|s| RowId::declared(s)).collect(),
        unresolved: Vec::new(),
        owner: None,
        location: None,
        issued_at: None,
        runbook: None,
        implied: false,
        source: None,
    }
}

fn table(services: &[Service]) -> String {
    let mut out = Vec::new();
    list_table(services, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_json_line_has_the_documented_keys() {
    let bare = service("web", Some("web01.example.test"), &[]);
    let none = SecretsByService::new();
    assert_eq!(
        list_jsonl(&bare, None, &none),
        r#"{"row_id":"web","name":"web01.example.test","port":443,"transport":"tcp","wrap":"tls","tags":[],"secrets":[],"sources":[{"format":"csv","file":"hosts.csv","line":2}]}"#
    );
    let full = Service {
        sni: Some("www.example.test".into()),
        declared: Arc::new(Declared {
            owner: Some("ops".into()),
            team: Some("web".into()),
            env: Some("prod".into()),
            site: Some("fra1".into()),
            exposure: Some(Exposure::Public),
            service_type: Some("https".into()),
            tls_stack: Some(TlsStack::Openssl),
            issues_tokens: Some(true),
            zone: Some("dmz".into()),
            fragile: Some(false),
            expect: Some("https 200 /".into()),
            tags: vec!["a".into()],
        }),
        ..service("web", Some("web01"), &["192.0.2.2", "192.0.2.1"])
    };
    let secrets = [secret("b", &["web"]), secret("a", &["web", "other"])];
    let line: Value =
        serde_json::from_str(&list_jsonl(&full, None, &secrets_by_service(&secrets))).expect("JSON");
    let keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "row_id",
            "name",
            "address",
            "addresses",
            "port",
            "transport",
            "wrap",
            "sni",
            "owner",
            "team",
            "env",
            "site",
            "exposure",
            "service_type",
            "tls_stack",
            "issues_tokens",
            "zone",
            "fragile",
            "expect",
            "tags",
            "secrets",
            "sources"
        ]
    );
    assert_eq!((&line["address"], &line["secrets"]), (&json!("192.0.2.2"), &json!(["b", "a"])));
}

#[test]
fn hostile_text_reaches_no_terminal() {
    let hostile = "\u{1b}[2J\u{9b}x\u{202e}\u{7f}\n\u{e0041}";
    let mut bad = service(hostile, Some("web01"), &[]);
    bad.declared = Arc::new(Declared {
        owner: Some(hostile.to_owned()),
        tags: vec![hostile.to_owned()],
        ..Declared::default()
    });
    let json = list_jsonl(&bad, None, &SecretsByService::new());
    assert!(!json.chars().any(acts_on_a_terminal), "{json:?}");
    let back: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(back["owner"], hostile, "and says the same");
    let loaded = Loaded {
        services: vec![Service { declared: Arc::default(), ..bad.clone() }],
        bad: vec![BadRow { file: hostile.into(), line: 1, column: 1, message: hostile.into() }],
        notices: vec![Notice { kind: NoticeKind::UnusualWrap, message: hostile.into(), source: None }],
        ..Loaded::default()
    };
    let mut check = Vec::new();
    check_text(&loaded, "", &mut check).expect("memory");
    for text in [table(&[bad]), String::from_utf8(check).expect("text")] {
        assert!(!text.chars().any(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
    }
}

#[test]
fn the_table_is_aligned() {
    let owned = |owner: &str| Arc::new(Declared { owner: Some(owner.to_owned()), ..Declared::default() });
    let services = [
        Service {
            declared: owned("ops"),
            ..service("lb", Some("lb.example.test"), &["192.0.2.1", "192.0.2.2"])
        },
        Service { declared: owned("運用"), ..service("svc-2wyf2llav7a7", None, &["2001:db8::1"]) },
        Service { sources: Arc::from([source(3), source(9)]), ..service("x", Some(&"long".repeat(20)), &[]) },
    ];
    let table = table(&services);
    insta::assert_snapshot!(table, @r"
    ROW               SERVICE                                       WRAP  OWNER  ENV  EXPOSURE  TYPE  TLS STACK  FROM
    lb                lb.example.test:443 (2 addresses)             tls   ops    -    unknown   -     unknown    hosts.csv:2
    svc-2wyf2llav7a7  [2001:db8::1]:443                             tls   運用   -    unknown   -     unknown    hosts.csv:2
    x                 longlonglonglonglonglonglonglonglonglon…:443  tls   -      -    unknown   -     unknown    hosts.csv:3 (+1)
    ");
}

#[test]
fn the_check_says_what_to_correct() {
    let loaded = example();
    let mut out = Vec::new();
    check_text(&loaded, "\nThe three questions: ...\n", &mut out).expect("memory");
    let text = String::from_utf8(out).expect("text");
    insta::assert_snapshot!(text, @r"
    5 rows read: 2 services, 1 secret, 1 bad row.
    1 duplicate named a service that was there already and went into it.

    Bad rows: 1
      hosts.csv:4:7: `x` is not a port

    Disagreements (the first word stands): 1
      hosts.csv:5: owner of web is `dev` here and `ops` at hosts.csv:2; `ops` stands

    Secrets of services that are not in the inventory: 1
      hosts.csv:2: secret `turn` names `turn1`

    One address and port under several names (right for virtual hosts): 1
      hosts.csv:2: 192.0.2.1:443 is declared as a, b

    Services without an owner: 1
      mx mx1:443 (hosts.csv:2)

    The three questions: ...

    3 things to correct.
    ");
    assert!(text.ends_with(&format!("{} things to correct.\n", loaded.faults())));
}

fn example() -> Loaded {
    let owned = Arc::new(Declared {
        owner: Some("ops".into()),
        exposure: Some(Exposure::Public),
        tls_stack: Some(TlsStack::Openssl),
        ..Declared::default()
    });
    Loaded {
        services: vec![
            Service { declared: owned, ..service("web", Some("web01"), &[]) },
            service("mx", Some("mx1"), &[]),
        ],
        secrets: vec![secret("turn", &[])],
        bad: vec![BadRow {
            file: "hosts.csv".into(),
            line: 4,
            column: 7,
            message: "`x` is not a port".into(),
        }],
        disagreements: vec![crate::model::loading::Disagreement {
            row_id: RowId::declared("web"),
            field: "owner",
            kept: ("ops".into(), source(2)),
            other: ("dev".into(), source(5)),
            more: 0,
        }],
        notices: vec![
            Notice {
                kind: NoticeKind::SharedAddress,
                message: "192.0.2.1:443 is declared as a, b".into(),
                source: Some(source(2)),
            },
            Notice {
                kind: NoticeKind::UnresolvedService,
                message: "secret `turn` names `turn1`".into(),
                source: Some(source(2)),
            },
        ],
        rows: 5,
        expanded: 3,
        merged: 1,
        ..Loaded::default()
    }
}

#[test]
fn a_clean_inventory_has_nothing_to_correct() {
    let mut loaded = example();
    loaded.services.truncate(1);
    (loaded.bad, loaded.disagreements, loaded.notices, loaded.secrets) = (vec![], vec![], vec![], vec![]);
    let mut out = Vec::new();
    check_text(&loaded, "", &mut out).expect("memory");
    let text = String::from_utf8(out).expect("text");
    assert!(text.ends_with("Nothing to correct.\n") && !text.contains("unknown"), "{text}");
}
