//! Which host a certificate names, with the `openssl` command as the second opinion.
#![expect(clippy::print_stdout, reason = "how a test says what it compared, or that it has not run")]

use std::process::Command;

use super::{
    super::names::{host_name, names_host},
    *,
};

/// Names of a certificate, a host, whether it is named, and whether OpenSSL agrees where it differs.
const TABLE: &[(&[&str], &str, bool)] = &[
    (&["web.test"], "web.test", true),
    (&["web.test"], "WEB.Test", true),
    (&["WEB.TEST"], "web.test", true),
    (&["web.test"], "web.test.", true),
    (&["web.test"], "www.web.test", false),
    (&["www.web.test"], "web.test", false),
    (&["a.test", "b.test", "web.test"], "web.test", true),
    (&["*.web.test"], "a.web.test", true),
    (&["*.WEB.test"], "a.web.TEST", true),
    (&["*.web.test"], "web.test", false),
    (&["*.web.test"], "a.b.web.test", false),
    (&["*.web.test"], "xn--bcher-kva.web.test", true),
    (&["*.test"], "web.test", false),
    (&["*"], "web", false),
    (&["*."], "web.", false),
    (&["a*.web.test"], "ab.web.test", false),
    (&["*a.web.test"], "ba.web.test", false),
    (&["xn--*.web.test"], "xn--bcher-kva.web.test", false),
    (&["a.*.test"], "a.web.test", false),
    (&["*.*.test"], "a.web.test", false),
    (&["**.web.test"], "a.web.test", false),
    (&["xn--bcher-kva.test"], "bücher.test", true),
    (&["xn--bcher-kva.test"], "BÜCHER.test", true),
    (&["*.xn--bcher-kva.test"], "www.bücher.test", true),
    (&["xn--strae-oqa.test"], "straße.test", true),
    (&["strasse.test"], "straße.test", false),
    (&["web.test.evil.test"], "web.test", false),
    (&["web"], "web", true),
    (&["DNS:192.0.2.1"], "192.0.2.1", false),
    (&[], "web.test", false),
];

/// Where the two differ on purpose: OpenSSL lets a star stand for a part of a label (RFC 6125 did, RFC 9525 does not).
const PARTIAL: &[&str] = &["a*.web.test", "*a.web.test"];

#[test]
fn hosts_are_named_as_rfc_9525_says() {
    for (names, host, expected) in TABLE {
        let host = host_name(host).unwrap();
        assert_eq!(names.iter().any(|n| names_host(n, &host)), *expected, "{names:?} and {host}");
    }
    for bad in ["", ".", "a..test", "a b.test", &"x".repeat(64), &["x"; 200].join("."), "\u{1b}.test"] {
        assert_eq!(host_name(bad), None, "{bad:?}");
    }
}

#[test]
fn openssl_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let openssl =
        |arguments: &[&str]| Command::new("openssl").args(arguments).current_dir(folder.path()).output();
    let key = ["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "k.pem"];
    if let Err(e) = openssl(&key) {
        println!("SKIPPED: no openssl command: {e}");
        return;
    }
    let mut compared = 0;
    for (names, host, expected) in TABLE {
        let host = host_name(host).unwrap();
        let mut request = vec!["req", "-x509", "-new", "-key", "k.pem", "-subj", "/O=x", "-out", "c.pem"];
        let san: Vec<String> =
            names.iter().map(|n| format!("DNS:{}", n.trim_start_matches("DNS:"))).collect();
        let san = format!("subjectAltName={}", san.join(","));
        if !names.is_empty() {
            request.extend(["-addext", &san]);
        }
        assert!(openssl(&request).unwrap().status.success(), "{san}");
        let said = openssl(&["x509", "-in", "c.pem", "-noout", "-checkhost", &host]).unwrap().stdout;
        let theirs = String::from_utf8_lossy(&said).contains("does match");
        // A text of digits is for OpenSSL a host like any other; a client that asks for an address asks with -checkip.
        let on_purpose = names.iter().any(|n| PARTIAL.contains(n) || n.starts_with("DNS:"));
        assert_eq!(theirs, *expected || on_purpose, "{names:?} and {host}");
        compared += 1;
    }
    println!("{compared} names compared with openssl");
}

fn judged(leaf: Certificate, service: &Service) -> Vec<String> {
    let observation = look(leaf, &[], TrustResult::Trusted);
    let all = findings(&observation, service, at(NOW), &FindingRules::default(), None);
    all.iter().map(|f| format!("{}: {}", f.kind, f.detail)).collect()
}

fn naming(subject: &str, names: &[&str]) -> Certificate {
    with(subject, |c| c.names = names.iter().map(|n| (*n).to_owned()).collect())
}

#[test]
fn a_mismatch_says_what_the_certificate_names() {
    let service = service_of(Some("web.test"), None);
    let table: &[(&str, &[&str], &str)] = &[
        ("CN=x", &["other.test"], "name-mismatch: the certificate names `other.test`, not `web.test`"),
        (
            "CN=x",
            &["a.test", "b.test", "c.test", "d.test", "e.test"],
            "name-mismatch: the certificate names `a.test`, `b.test`, `c.test` and 2 more, not `web.test`",
        ),
        (
            "O=W\\, Inc+CN=web.test,C=DE",
            &[],
            "name-mismatch: the certificate names no host, not `web.test`; its common name does, where clients do not look",
        ),
        (
            "CN=*.test,CN=WEB.test",
            &["other.test"],
            "name-mismatch: the certificate names `other.test`, not `web.test`; its common name does, where clients do \
             not look",
        ),
        (
            "O=CN\\=web.test\\,CN=web.test",
            &[],
            "name-mismatch: the certificate names no host, not `web.test`",
        ),
    ];
    for (subject, names, expected) in table {
        assert_eq!(judged(naming(subject, names), &service), [*expected], "{subject}");
    }
}

#[test]
fn the_name_that_clients_send_is_what_counts() {
    let leaf = || naming("CN=x", &["web.test", "192.0.2.9"]);
    let table: &[(Option<&str>, Option<&str>, &[&str])] = &[
        (Some("web.test"), None, &[]),
        (Some("other.test"), Some("web.test"), &[]),
        (Some("web.test"), Some("other.test"), &["name-mismatch"]),
        // By address alone: 192.0.2.1 was contacted, and the certificate names another address.
        (None, None, &["name-mismatch"]),
        (Some("192.0.2.9"), None, &[]),
        (Some("192.0.2.8"), None, &["name-mismatch"]),
        (Some("a..b"), None, &["certificate-unchecked"]),
    ];
    for (name, sni, expected) in table {
        let told = judged(leaf(), &service_of(*name, *sni));
        let kinds: Vec<&str> = told.iter().filter_map(|t| t.split_once(": ")).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, *expected, "{name:?} {sni:?}: {told:?}");
    }
}

#[test]
fn a_row_without_a_name_is_judged_by_addresses_only() {
    let service = service_of(None, None);
    let table: &[(&[&str], &[&str])] = &[
        (&["web.test"], &[]),
        (&[], &[]),
        (&["192.0.2.1"], &[]),
        (&["::ffff:192.0.2.1"], &[]),
        (&["web.test", "DNS:192.0.2.5"], &[]),
        (
            &["web.test", "192.0.2.5", "2001:db8::1"],
            &["name-mismatch: the certificate names `192.0.2.5`, `2001:db8::1`, not `192.0.2.1`"],
        ),
    ];
    for (names, expected) in table {
        assert_eq!(judged(naming("CN=x", names), &service), *expected, "{names:?}");
    }
}

#[test]
fn a_list_of_names_that_was_cut_proves_nothing() {
    let many: Vec<String> = (0..100).map(|i| format!("h{i}.test")).collect();
    let leaf = || with("CN=x", |c| c.names.clone_from(&many));
    let told = judged(leaf(), &service_of(Some("web.test"), None));
    assert_eq!(
        told,
        [
            "certificate-unchecked: the certificate `CN=x` has 100 names or more, and `web.test` is not among the first 100"
        ]
    );
    assert_eq!(judged(leaf(), &service_of(Some("h99.test"), None)), Vec::<String>::new());
}

proptest::proptest! {
    #[test]
    fn no_name_panics_and_a_host_always_names_itself(presented in "\\PC{0,80}", host in "[a-z0-9.*-]{0,80}") {
        if let Some(host) = host_name(&host) {
            names_host(&presented, &host);
            proptest::prop_assert!(names_host(&host, &host) || host.parse::<std::net::IpAddr>().is_ok() || host.starts_with("*."));
        }
        host_name(&presented);
        judged(naming(&presented, &[&presented]), &service_of(Some(&host), None));
    }
}
