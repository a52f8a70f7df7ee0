use super::*;
use crate::model::{
    host::Reach,
    rules::Rule,
    secret::Secret,
    wrap::{Transport, Wrap},
};

fn service(name: Option<&str>, addresses: &[&str], declared: Declared) -> Service {
    Service {
        row_id: RowId::declared(name.unwrap_or("row")),
        name: name.map(Arc::from),
        addresses: addresses.iter().map(|a| a.parse().expect("an address")).collect(),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: true,
        declared: Arc::new(declared),
        sources: Arc::from([]),
    }
}

fn tagged(tags: &[&str]) -> Declared {
    Declared { tags: tags.iter().map(|t| (*t).to_owned()).collect(), ..Declared::default() }
}

fn zoned(zone: &str) -> Declared {
    Declared { zone: Some(zone.to_owned()), ..Declared::default() }
}

fn rules() -> Policy {
    let rule = |owner: Option<&str>, exposure, names: &[&str], networks: &[&str], tags: &[&str]| Rule {
        owner: owner.map(str::to_owned),
        exposure,
        names: names.iter().map(|t| (*t).to_owned()).collect(),
        networks: networks.iter().map(|n| n.parse().expect("a network")).collect(),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        zones: Vec::new(),
    };
    Policy {
        rule: vec![
            rule(Some("team-mail"), None, &["mx*.example.test"], &[], &[]),
            rule(None, Some(Exposure::Partner), &["b2b.*"], &[], &[]),
            rule(Some("team-net"), Some(Exposure::Internal), &[], &["10.0.0.0/8"], &["lb"]),
            rule(Some("everyone"), None, &["*"], &[], &[]),
        ],
        ..Policy::default()
    }
}

fn one(service: &Service, kind: &ServiceType, seen: Option<Seen>) -> Classified {
    let seen = seen.map(|s| (service.row_id.clone(), s)).into_iter().collect();
    let policy = rules();
    Classifier::new(&[], &policy, &|_| kind, &|s| s.kind.clone(), &seen).answer(service)
}

#[test]
fn exposure_has_its_reason() {
    let table = [
        (
            service(Some("a"), &["192.0.2.1"], Declared::default()),
            "public",
            "guessed",
            "192.0.2.1 is a public address",
        ),
        (
            service(Some("a"), &["172.16.0.1"], Declared::default()),
            "internal",
            "guessed",
            "172.16.0.1 is a private",
        ),
        (
            service(Some("a"), &["172.16.0.1", "192.0.2.1"], Declared::default()),
            "public",
            "guessed",
            "192.0.2.1",
        ),
        (service(Some("a"), &["fd00::1"], Declared::default()), "internal", "guessed", "fd00::1"),
        (service(Some("a"), &[], Declared::default()), "unknown", "nothing", "nobody said"),
        (service(Some("a"), &["172.16.0.1"], zoned("DMZ")), "public", "said", "zone DMZ"),
        (service(Some("a"), &["192.0.2.1"], tagged(&["intranet"])), "internal", "said", "tag intranet"),
        // A place in a design is a hint, and none against a public address.
        (
            service(Some("a"), &[], tagged(&["network=extranet"])),
            "partner",
            "guessed",
            "tag network=extranet",
        ),
        (
            service(Some("a"), &["192.0.2.1"], tagged(&["tier=backend"])),
            "public",
            "guessed",
            "192.0.2.1 is a public address",
        ),
        (service(Some("a"), &[], tagged(&["public", "internal"])), "unknown", "nothing", "nobody said"),
        (service(Some("a"), &[], tagged(&["note=public"])), "unknown", "nothing", "nobody said"),
        (
            service(Some("b2b.example.test"), &["192.0.2.1"], zoned("dmz")),
            "partner",
            "said",
            "rule: name b2b.*",
        ),
        (
            service(Some("a"), &["10.1.2.3"], Declared::default()),
            "internal",
            "said",
            "rule: network 10.0.0.0/8",
        ),
        (
            service(
                Some("a"),
                &["10.1.2.3"],
                Declared { exposure: Some(Exposure::Public), ..Declared::default() },
            ),
            "public",
            "said",
            "the inventory says so",
        ),
    ];
    for (service, value, basis, because) in table {
        let what = format!("{service:?}");
        let got = one(&service, &ServiceType::default(), None).exposure;
        assert_eq!((got.value.as_str(), got.basis.as_str()), (value, basis), "{what}");
        assert!(got.because.starts_with(because), "{what}: {}", got.because);
    }
}

#[test]
fn a_packet_filter_is_evidence() {
    let open = |reach| {
        let open_to = OpenTo { reach, from: Vec::new(), because: "policy drop".to_owned() };
        Some(Seen { open_to: Some(("web01".to_owned(), open_to)), ..Seen::default() })
    };
    let table = [
        (Reach::Loopback, "172.16.0.1", "internal", "seen"),
        (Reach::Nobody, "192.0.2.1", "internal", "seen"),
        (Reach::Anyone, "192.0.2.1", "public", "seen"),
        (Reach::Anyone, "172.16.0.1", "internal", "guessed"),
        (Reach::Unknown, "192.0.2.1", "public", "guessed"),
    ];
    for (reach, address, value, basis) in table {
        let service = service(Some("a"), &[address], Declared::default());
        let got = one(&service, &ServiceType::default(), open(reach)).exposure;
        assert_eq!((got.value.as_str(), got.basis.as_str()), (value, basis), "{reach} {address}");
    }
}

#[test]
fn owners_and_exposure_are_filled_by_a_persons_word_alone() {
    let mut services = [
        service(Some("mx1.example.test"), &["10.0.0.25"], Declared::default()),
        service(
            Some("web"),
            &["192.0.2.1"],
            Declared { owner: Some("ops".to_owned()), ..Declared::default() },
        ),
        service(Some("app"), &["172.16.0.9"], tagged(&["LB"])),
        service(None, &["172.16.0.10"], Declared::default()),
    ];
    fill(&mut services, &rules());
    let got: Vec<_> = services.iter().map(|s| (s.owner().unwrap_or("-"), s.exposure().as_str())).collect();
    assert_eq!(
        got,
        [("team-mail", "internal"), ("ops", "unknown"), ("team-net", "internal"), ("-", "unknown")],
        "guesses from addresses fill nothing"
    );
}

#[test]
fn what_is_filled_stays_shared() {
    let declared = Arc::new(Declared::default());
    let mut services: Vec<Service> = (0..3)
        .map(|n| Service {
            declared: Arc::clone(&declared),
            ..service(Some(&format!("w{n}")), &[], Declared::default())
        })
        .collect();
    fill(&mut services, &rules());
    assert_eq!(services[0].owner(), Some("everyone"));
    assert!(Arc::ptr_eq(&services[0].declared, &services[2].declared));
}

#[test]
fn stack_and_tokens_say_what_they_rest_on() {
    let kind = ServiceType {
        name: "turn".to_owned(),
        title: "TURN server".to_owned(),
        holds: vec!["C7".to_owned()],
        stack: Some(TlsStack::OpensslStatic),
        issues_tokens: Some(true),
        ..ServiceType::default()
    };
    let plain = || service(Some("turn1"), &[], Declared::default());
    let got = one(&plain(), &kind, None);
    assert_eq!((got.stack.value, got.stack.basis), (TlsStack::OpensslStatic, Basis::Guessed));
    assert_eq!(got.stack.because, "usual for TURN server");
    assert_eq!((got.issues_tokens.value, got.holds.join(" ").as_str()), (Some(true), "B1 C7"));
    assert_eq!(got.unknowns(), 1);

    let host = Graded {
        value: TlsStack::Other,
        grade: crate::model::verdict::Grade::E3,
        because: "turnserver on turn1".to_owned(),
    };
    let got = one(&plain(), &kind, Some(Seen { stack: Some(host), open_to: None }));
    assert_eq!((got.stack.value, got.stack.basis), (TlsStack::Other, Basis::Seen));

    let said = Declared { issues_tokens: Some(false), ..tagged(&["openssl-indirect"]) };
    let got = one(&service(Some("turn1"), &[], said), &kind, None);
    assert_eq!((got.stack.value, got.stack.basis), (TlsStack::OpensslIndirect, Basis::Said));
    assert_eq!((got.issues_tokens.value, got.issues_tokens.basis), (Some(false), Basis::Said));

    let got = one(&plain(), &ServiceType::default(), None);
    assert_eq!(got.unknowns(), 3);
    assert_eq!(got.stack.value, TlsStack::Unknown);
}

#[test]
fn listed_secrets_are_among_what_is_held() {
    let service = service(Some("app"), &[], Declared { issues_tokens: Some(true), ..Declared::default() });
    let secret = Secret {
        id: "s".to_owned(),
        kind: "C10".to_owned(),
        services: vec![service.row_id.clone()],
        delivered_through: Vec::new(),
        checks: Vec::new(),
        unresolved: Vec::new(),
        owner: None,
        location: None,
        issued_at: None,
        runbook: None,
        implied: false,
        source: None,
    };
    let (kind, policy, seen, secrets) =
        (ServiceType::default(), Policy::default(), BTreeMap::new(), [secret]);
    let kind = |_: &Service| &kind;
    let got = Classifier::new(&secrets, &policy, &kind, &|s| s.kind.clone(), &seen).answer(&service);
    assert_eq!(got.holds, ["B1", "C10", "D1", "D3"]);
}
