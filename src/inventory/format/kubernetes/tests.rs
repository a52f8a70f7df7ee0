use std::collections::BTreeSet;

use super::*;
use crate::{
    inventory::{Error, Input, Loaded, Options, load},
    model::{
        service::{Exposure, TlsStack},
        wrap::{Transport, Wrap},
    },
};

const SAMPLE: &str = include_str!("../../../../inventory/kubernetes.json");

fn loaded(text: &str) -> Loaded {
    tried(text).unwrap_or_else(|error| panic!("{error}"))
}

fn tried(text: &str) -> Result<Loaded, Error> {
    let input = Input::Text { name: "k.json".into(), text: text.into(), format: Some("kubernetes") };
    load(&[input], &[], &Options { partial: true, ..Options::default() })
}

fn rows(loaded: &Loaded) -> Vec<String> {
    loaded.services.iter().map(crate::model::service::Service::place).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn the_sample_gives_every_name_with_tls_and_counts_the_rest() {
    let loaded = loaded(SAMPLE);
    assert_eq!(
        rows(&loaded),
        [
            "www.example.test:443",
            "shop.example.test:443",
            "api.eu.example.test:443",
            "alb.example.test:443",
            "mail.example.test:993",
            "mail.example.test:25",
            "db.shop.svc.cluster.local:5432",
            "edge.example.test:8443",
        ]
    );
    let [www, ..] = loaded.services.as_slice() else { panic!() };
    assert_eq!(
        www.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.80", "2001:db8::80"]
    );
    assert_eq!((www.owner(), www.declared.env.as_deref()), (Some("team-web"), Some("prod")));
    assert_eq!(www.tls_stack(), TlsStack::OpensslDynamic);
    assert_eq!(
        www.declared.tags,
        ["namespace=shop", "app.kubernetes.io/name=shop", "tls-secret=shop/www-tls"]
    );
    assert_eq!(www.sources[0].path.as_deref(), Some("shop/shop"));
    assert_eq!(www.sources[0].line, 4);
    let alb = &loaded.services[3];
    assert!(
        alb.declared.tags.contains(&"balancer=k8s-alb-1.elb.example.test".to_owned())
            && alb.addresses.is_empty()
    );
    let smtp = &loaded.services[5];
    assert_eq!((smtp.wrap, smtp.addresses[0].to_string()), (Wrap::Smtp, "192.0.2.25".to_owned()));
    assert_eq!(smtp.declared.team.as_deref(), Some("mail"));
    let db = &loaded.services[6];
    assert_eq!(
        (db.wrap, db.exposure(), db.addresses[0].to_string()),
        (Wrap::Postgres, Exposure::Internal, "198.51.100.5".to_owned())
    );
    assert!(loaded.bad.is_empty() && loaded.disagreements.is_empty(), "{:?}", loaded.bad);
    let notices = notices(&loaded);
    for part in [
        "wildcard hosts, which are not one service each; list the hosts behind them: 1 (`*.eu.example.test`)",
        "hosts of ingresses without TLS: port 80 alone: 1 (`plain.example.test`)",
        "ingresses with a rule for any host: 1 (`shop/shop`)",
        "ports of balancers that speak another protocol than TLS: 1",
        "UDP and SCTP ports that are not known to carry TLS: 1",
        "neither an address nor a name yet: 1 (`shop/pending`)",
        "ports that do not look like TLS, which are left out: 2 (the first: `shop/db`)",
        "headless services, whose pods the file does not tell: 1",
        "NodePort services, whose node ports are on nodes that the file does not tell: 1",
        "ExternalName services, which only lead to a name elsewhere: 1",
        "Secret objects in this file, whose data is not read: 1",
        "gateway listeners without TLS: 1",
        "kinds that are not read: Service.serving.knative.dev 1",
        "rotationPolicy is not `Always`, so a renewal may keep the old key: 1 (`shop/www-tls`)",
        "no row of this file serves on port 443: 1 (`old.example.test`)",
    ] {
        assert!(notices.contains(part), "{part} is not in:\n{notices}");
    }
}

#[test]
fn services_on_one_secret_are_tied_together() {
    let loaded = loaded(SAMPLE);
    let got: Vec<(&str, &str, usize)> =
        loaded.secrets.iter().map(|s| (s.id.as_str(), s.kind.as_str(), s.services.len())).collect();
    assert_eq!(got, [("kubernetes:shop/eu-tls", "B1", 1), ("kubernetes:shop/www-tls", "B1", 3)]);
    let secret = &loaded.secrets[1];
    let expected: BTreeSet<_> = [0, 1, 7].map(|at: usize| loaded.services[at].row_id.clone()).into();
    assert_eq!(secret.services.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(secret.location.as_deref(), Some("Kubernetes secret shop/www-tls"));
    assert!(secret.unresolved.is_empty());
}

#[test]
fn data_of_secrets_and_annotations_is_nowhere() {
    let yaml =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: MARKER}\nstringData: {p: MARKER}\n";
    for text in [SAMPLE, yaml] {
        let all = format!("{:?}", loaded(text));
        assert!(!all.contains("MARKER") && !all.contains("TUFSS0VS"), "{all}");
    }
}

#[test]
fn one_object_several_objects_typed_lists_and_yaml_are_read() {
    let ingress =
        r#""metadata":{"name":"a"},"spec":{"tls":[{"secretName":"t"}],"rules":[{"host":"A.example.test"}]}"#;
    let one = format!(r#"{{"kind":"Ingress","apiVersion":"networking.k8s.io/v1",{ingress}}}"#);
    let other = one.replace("A.example", "b.example");
    let typed =
        format!(r#"{{"apiVersion":"networking.k8s.io/v1","items":[{{{ingress}}}],"kind":"IngressList"}}"#);
    let yaml = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec:\n  tls:\n  - hosts: [a.example.test]\n    secretName: t\n";
    let table: &[(String, &[&str])] = &[
        (one.clone(), &["a.example.test:443"]),
        (format!("{one}\n{other}\n"), &["a.example.test:443", "b.example.test:443"]),
        (format!("[{one},{other}]"), &["a.example.test:443", "b.example.test:443"]),
        (typed, &["a.example.test:443"]),
        (yaml.to_owned(), &["a.example.test:443"]),
        (
            format!("---\n{yaml}---\n{}", yaml.replace("a.ex", "b.ex")),
            &["a.example.test:443", "b.example.test:443"],
        ),
        (format!("\u{feff}{}", one.replace(',', ",\r\n")), &["a.example.test:443"]),
    ];
    for (text, expected) in table {
        let input = [Input::text("t", text.as_str())];
        let loaded = load(&input, &[], &Options::default()).unwrap_or_else(|e| panic!("{e} in {text}"));
        assert_eq!(rows(&loaded), *expected, "{text}");
        assert_eq!(&*loaded.services[0].sources[0].format, "kubernetes");
        assert_eq!(loaded.secrets[0].id, "kubernetes:default/t");
    }
}

#[test]
fn two_files_with_one_secret_join_it() {
    let text = |host: &str| {
        format!(
            r#"{{"kind":"Ingress","apiVersion":"networking.k8s.io/v1","metadata":{{"name":"a"}},"spec":{{"tls":[{{"secretName":"t","hosts":["{host}"]}}]}}}}"#
        )
    };
    let inputs = [Input::text("a", text("a.example.test")), Input::text("b", text("b.example.test"))];
    let loaded = load(&inputs, &[], &Options::default()).unwrap();
    assert_eq!((loaded.secrets.len(), loaded.secrets[0].services.len()), (1, 2));
    assert!(loaded.bad.is_empty() && notices(&loaded).contains("of two clusters"));
}

#[test]
fn bad_records_are_told_and_the_rest_goes_on() {
    let service = |ports: &str, annotations: &str| {
        format!(
            r#"{{"kind":"Service","apiVersion":"v1","metadata":{{"name":"a","annotations":{annotations}}},"spec":{{"type":"LoadBalancer","ports":{ports}}},"status":{{"loadBalancer":{{"ingress":[{{"ip":"192.0.2.1"}}]}}}}}}"#
        )
    };
    let table = [
        (service(r#"[{"port":99999},{"port":443}]"#, "{}"), 1, "is not a port"),
        (service(r#"[{"port":443}]"#, r#"{"allclear.exposure":"everyone"}"#), 1, "exposure"),
        (service(r#"[{"port":443}]"#, r#"{"allclear.port":"1"}"#), 1, "allclear.port"),
        (service(r#"[{"port":443}]"#, r#"{"allclear.wrap":"smtp"}"#), 0, ""),
        (service(r#"[{"port":5349,"protocol":"UDP","name":"turn"},{"port":443}]"#, "{}"), 0, ""),
    ];
    for (text, bad, part) in table {
        let loaded = loaded(&text);
        assert_eq!(loaded.bad.len(), bad, "{text}: {:?}", loaded.bad);
        assert!(loaded.bad.iter().all(|row| row.message.contains(part)), "{:?}", loaded.bad);
        assert_eq!(loaded.services.last().map(|s| s.port), Some(443), "{text}");
        if text.contains("smtp") {
            assert_eq!(loaded.services[0].wrap, Wrap::Smtp);
        }
        if text.contains("UDP") {
            assert_eq!((loaded.services[0].transport, loaded.services[0].wrap), (Transport::Udp, Wrap::Dtls));
        }
    }
    let host = r#"{"kind":"Ingress","apiVersion":"networking.k8s.io/v1","metadata":{"name":"a"},"spec":{"tls":[{"secretName":"t","hosts":["a b","ok.example.test"]}]}}"#;
    let loaded = loaded(host);
    assert_eq!((rows(&loaded), loaded.bad.len()), (vec!["ok.example.test:443".to_owned()], 1));
    assert_eq!(loaded.secrets[0].services.len(), 1);
}

#[test]
fn hints_tell_tls_from_other_ports() {
    use hints::{Looks, looks};
    let table = [
        (443, "", "", Looks::Tls),
        (80, "https-web", "", Looks::Tls),
        (9000, "", "kubernetes.io/wss", Looks::Tls),
        (5432, "", "", Looks::Tls),
        (80, "", "", Looks::Plain),
        (9000, "http-metrics", "", Looks::Plain),
        (22, "", "", Looks::Plain),
        (9000, "grpc", "", Looks::Unknown),
    ];
    for (port, name, protocol, expected) in table {
        assert_eq!(looks(port, name, protocol), expected, "{port} {name} {protocol}");
    }
}

#[test]
fn hostile_texts_end_in_a_clear_error_or_a_count() {
    for cut in 0..SAMPLE.len() {
        let _ = tried(SAMPLE.get(..cut).unwrap_or_default());
    }
    let deep = format!("{}{}", r#"{"items":["#.repeat(5000), "]}".repeat(5000));
    let wide = format!(
        r#"{{"kind":"Ingress","apiVersion":"networking.k8s.io/v1","metadata":{{"name":"{}"}}}}"#,
        "x".repeat(10 << 20)
    );
    for text in [deep.as_str(), "{\u{0}}", "[]", "{}", "null", "{\"kind\":7,\"apiVersion\":[]}", &wide] {
        if let Err(error) = tried(text) {
            assert!(
                !error.to_string().chars().any(|c| c.is_control() && c != '\n')
                    && error.to_string().len() < 2000
            );
        }
    }
}

#[test]
fn samples_are_told_apart_by_their_content() {
    let mine = ["kubernetes", "terraform", "gitleaks", "trufflehog", "host"];
    let table: &[(&str, &str)] = &[
        (SAMPLE, "kubernetes"),
        (include_str!("../../../../inventory/terraform.json"), "terraform"),
        (include_str!("../../../../inventory/terraform.tfstate"), "terraform"),
        (include_str!("../../../../inventory/gitleaks.json"), "gitleaks"),
        (include_str!("../../../../inventory/trufflehog.ndjson"), "trufflehog"),
        (include_str!("../../../../inventory/host.jsonl"), "host"),
        (include_str!("../../../../inventory/services.csv"), ""),
        (include_str!("../../../../inventory/secrets.csv"), ""),
        (include_str!("../../../../inventory/hosts.txt"), ""),
        (r#"{"_meta":{"hostvars":{}},"all":{"children":["web"]}}"#, ""),
        (r#"{"header":{"revision":3},"kvs":[],"count":0}"#, ""),
        (r#"[{"Node":"n1","Address":"192.0.2.11","ServiceName":"web","ServicePort":443}]"#, ""),
        (r#"[{"ip":"192.0.2.11","timestamp":"1","ports":[{"port":443}]}]"#, ""),
        ("{\"name\":\"web01\",\"port\":443}\n{\"name\":\"web02\",\"level\":\"x\"}\n", ""),
        ("all:\n  hosts:\n    web01:\n      kind: x\n      apiVersion: y\n", ""),
        ("services:\n- name: web01\n", ""),
    ];
    for (text, expected) in table {
        let file = TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        let got = crate::inventory::format::by_content(&file).map_or("", |format| format.name);
        let got = if mine.contains(&got) { got } else { "" };
        assert_eq!(got, *expected, "{}", text.get(..60).unwrap_or(text));
    }
}

#[test]
fn seeds_are_read_and_hold_however_they_are_damaged() {
    let seeds: [&[u8]; 5] = [
        include_bytes!("../../../../fuzz/seeds/f-kubernetes"),
        include_bytes!("../../../../fuzz/seeds/f-terraform"),
        include_bytes!("../../../../fuzz/seeds/f-gitleaks"),
        include_bytes!("../../../../fuzz/seeds/f-trufflehog"),
        include_bytes!("../../../../fuzz/seeds/f-host"),
    ];
    for seed in seeds {
        let text = seed.strip_prefix(b"f").unwrap();
        let format = crate::inventory::format::FORMATS.iter().find(|f| f.letter == text[0]).unwrap();
        let input = Input::Text { name: "s".into(), text: text[1..].to_vec(), format: Some(format.name) };
        let loaded = load(&[input], &[], &Options { partial: true, ..Options::default() }).unwrap();
        assert!(loaded.rows > 0 && loaded.bad.is_empty(), "{}", format.name);
        for at in 1..text.len() {
            crate::inventory::fuzz_format(&text[..at]);
            for byte in [b'"', b'0', b'{', 0, 0xff] {
                let mut damaged = text.to_vec();
                damaged[at] = byte;
                crate::inventory::fuzz_format(&damaged);
            }
        }
    }
}
