use std::collections::BTreeSet;

use super::*;

#[test]
fn numbers_and_names_are_unique() {
    let numbers: BTreeSet<u16> = SUITES.iter().map(|s| s.number).collect();
    let names: BTreeSet<&str> = SUITES.iter().map(|s| s.name).collect();
    assert_eq!((numbers.len(), names.len()), (SUITES.len(), SUITES.len()));
}

#[test]
fn names_are_those_of_openssl() {
    let table = [
        (0x009c, "AES128-GCM-SHA256"),
        (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
        (0x0016, "EDH-RSA-DES-CBC3-SHA"),
        (0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (0x1301, "TLS_AES_128_GCM_SHA256"),
        (0xfefe, "0xFEFE"),
    ];
    for (number, expected) in table {
        assert_eq!(name(number), expected, "number: {number:#06x}");
    }
}

#[test]
fn the_first_offer_begins_with_rsa_key_exchange_and_holds_no_anonymous_or_export_suite() {
    let offer = Offer::Certificates.suites();
    let names: Vec<&str> = offer.iter().map(|n| find(*n).unwrap().name).collect();
    assert_eq!(names[0], "AES128-GCM-SHA256");
    let place =
        |name: &str| names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("{name} is not offered"));
    let order = [
        "AES256-SHA256",
        "ECDHE-RSA-AES256-SHA",
        "DHE-RSA-AES256-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "CAMELLIA256-SHA",
        "SEED-SHA",
        "IDEA-CBC-SHA",
        "RC4-SHA",
        "DES-CBC3-SHA",
    ];
    for pair in order.windows(2) {
        assert!(place(pair[0]) < place(pair[1]), "{pair:?}");
    }
    for name in names {
        assert!(!["ADH", "AECDH", "PSK", "EXP", "SRP"].iter().any(|w| name.contains(w)), "{name}");
    }
}

#[test]
fn two_offers_cover_every_suite_once() {
    let both: Vec<u16> = [Offer::Certificates.suites(), Offer::LastResort.suites()].concat();
    for suite in SUITES.iter().filter(|s| !matches!(s.auth, Srp | Tls13)) {
        assert_eq!(both.iter().filter(|n| **n == suite.number).count(), 1, "{}", suite.name);
    }
}

#[test]
fn the_second_hello_asks_for_another_key() {
    for (first, offer) in [(Rsa, Offer::NotRsa), (Ecdsa, Offer::RsaOnly), (Dsa, Offer::RsaOnly)] {
        assert_eq!(Offer::for_other_key(first), offer);
        assert!(offer.suites().iter().all(|n| find(*n).unwrap().auth != first), "first: {first:?}");
        assert!(!offer.suites().is_empty());
    }
    assert!(Offer::EcdsaOnly.suites().iter().all(|n| find(*n).unwrap().auth == Ecdsa));
}

#[test]
fn a_last_hello_prefers_certificates_and_takes_anything() {
    let numbers = Offer::Anything.suites_before_tls12();
    let place = |wanted: u16| numbers.iter().position(|n| *n == wanted);
    let [rsa, export, anonymous] = [0x002f, 0x0003, 0x0034].map(place);
    assert!(rsa.is_some() && rsa < export && export < anonymous);
}

#[test]
fn an_offer_for_one_question_holds_what_it_asks_about_alone() {
    let names = |offer: Offer| -> Vec<&str> {
        offer.suites().iter().filter_map(|n| find(*n)).map(|s| s.name).collect()
    };
    assert_eq!(
        names(Offer::RsaExport),
        ["EXP-RC4-MD5", "EXP-RC2-CBC-MD5", "EXP-DES-CBC-SHA", "EXP1024-DES-CBC-SHA", "EXP1024-RC4-SHA"]
    );
    let export = names(Offer::DheExport);
    assert!(export.contains(&"EXP-EDH-RSA-DES-CBC-SHA") && export.iter().all(|n| n.starts_with("EXP")));
    assert!(names(Offer::Dhe).iter().all(|n| n.starts_with("DHE-") || n.starts_with("EDH-")));
    assert!(names(Offer::RsaExchange).iter().all(|n| !n.contains("DH") && !n.starts_with("EXP")));
    assert!(names(Offer::RsaExchange).contains(&"AES128-SHA"));
    let cbc = Offer::Cbc.suites_ssl3();
    assert!(cbc.contains(&0x000a) && cbc.contains(&0x002f) && !cbc.contains(&0x0005), "{cbc:?}");
    assert_eq!(names(Offer::EmptySecret).len(), 4);
    for list in
        [Offer::Fallback.suites(), Offer::Fallback.suites_before_tls12(), Offer::Fallback.suites_ssl3()]
    {
        assert_eq!(list.last(), Some(&FALLBACK_SCSV));
    }
}

#[test]
fn older_versions_are_offered_what_they_have() {
    for n in Offer::Certificates.suites_ssl3() {
        assert!(*n < 0xc000, "{n:#06x} needs extensions");
    }
    assert!(Offer::Certificates.suites_before_tls12().contains(&0xc014));
    assert!(!Offer::Certificates.suites_before_tls12().contains(&0x009c));
    assert_eq!(Offer::Certificates.suites_ssl3().last(), Some(&RENEGOTIATION_SCSV));
}
