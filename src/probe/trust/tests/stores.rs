//! Trust stores: the system's, and PEM bundles good and bad.
#![expect(clippy::print_stdout, reason = "how a test says what it compared, or that it has not run")]

use data_encoding::BASE64;

use super::*;

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn a_bundle_is_read_with_what_people_write_between() {
    let p = pki();
    let one = pem("CERTIFICATE", &p.root.der);
    let two = pem("X509 CERTIFICATE", &Authority::root("two").der).replace('\n', "\r\n");
    let trusted = pem("TRUSTED CERTIFICATE", &[&Authority::root("three").der[..], &[0x30, 0]].concat());
    let bundle = format!("\u{feff}# our roots\n\nsubject=CN=root\n{one}\n   \n{two}{trusted}{one}");
    let store = TrustStore::from_pem("roots.pem", bundle.as_bytes()).unwrap();
    assert_eq!((store.name(), store.roots().len(), store.unread()), ("roots.pem", 3, 0));
    assert!(store.roots().any(|der| der == p.root.der));
    let trust = store.check(&[&p.leaf, &p.lower.der, &p.upper.der], now());
    assert_eq!((&*trust.store, trust.result), ("roots.pem", TrustResult::Trusted));
}

#[test]
fn a_bad_bundle_is_refused_with_the_line() {
    let good = pem("CERTIFICATE", &Authority::root("root").der);
    let table: &[(String, &str)] = &[
        (String::new(), "roots.pem: no certificate in it; expected PEM"),
        ("just text\n".into(), "roots.pem: no certificate in it; expected PEM"),
        (format!("{good}-----BEGIN PRIVATE KEY-----\nAAAA\n"), "a block that is no certificate"),
        (
            format!("x\n{}", good.replace("-----END CERTIFICATE-----\n", "")),
            "roots.pem:2: a certificate without an end",
        ),
        (
            format!("{}{good}", good.replace("-----END CERTIFICATE-----\n", "")),
            "roots.pem:1: a certificate without an end",
        ),
        ("\n\n-----END CERTIFICATE-----".into(), "roots.pem:3: an end without a beginning"),
        (pem("CERTIFICATE", &[0x30, 0, 0]), "roots.pem:1: not a certificate"),
        (pem("CERTIFICATE", &[]), "roots.pem:1: not a certificate"),
        (pem("CERTIFICATE", &[0x30, 0]), "roots.pem:1: a certificate that cannot be read"),
        ("-----BEGIN CERTIFICATE-----\n\u{1b}[2J\n-----END CERTIFICATE-----".into(), "that is not base64"),
        (format!("-----BEGIN CERTIFICATE-----\n{}", "A".repeat(2 << 20)), "that is far too long"),
    ];
    for (i, (text, expected)) in table.iter().enumerate() {
        let error = TrustStore::from_pem("roots.pem", text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "row {i}: {error}");
        assert!(!error.contains('\u{1b}'));
    }
}

#[test]
fn every_prefix_of_a_bundle_is_read_or_refused() {
    let bundle = pem("CERTIFICATE", &Authority::root("root").der);
    for end in 0..bundle.len() {
        let whole = end >= bundle.len() - 1;
        assert_eq!(TrustStore::from_pem("p", &bundle.as_bytes()[..end]).is_ok(), whole, "prefix of {end}");
    }
}

#[test]
fn the_systems_store_knows_its_roots_and_not_ours() {
    let store = match TrustStore::system() {
        Ok(store) => store,
        Err(e) => {
            println!("SKIPPED: {e}");
            return;
        }
    };
    println!("{} roots in the system's store, {} not read", store.roots().len(), store.unread());
    let p = pki();
    let chain: [&[u8]; 4] = [&p.leaf, &p.lower.der, &p.upper.der, &p.root.der];
    assert_eq!(result(&store, &chain), TrustResult::UnknownIssuer);
    for root in store.roots() {
        let certificate = Leaf::read(root).certificate;
        let details = certificate.details.unwrap();
        assert!(details.key.is_some() && details.key_bits >= Some(256), "{:?}", certificate.subject);
        assert!(details.signature.is_some_and(|s| !s.contains('.')), "{:?}", certificate.subject);
        let trust = store.check(&[root], certificate.not_before.unwrap());
        assert_eq!(trust.result, TrustResult::Trusted, "{:?}", certificate.subject);
    }
}
