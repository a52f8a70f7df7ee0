use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, SerialNumber};

use super::*;

mod details;

fn made(change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["web01.example.test".to_owned()]).unwrap();
    change(&mut params);
    (params.self_signed(&key).unwrap().der().to_vec(), key)
}

#[test]
fn facts_are_read_as_they_stand() {
    let (der, key) = made(|p| {
        p.distinguished_name = rcgen::DistinguishedName::new();
        p.distinguished_name.push(DnType::OrganizationName, "Widgets, Inc");
        p.distinguished_name.push(DnType::CommonName, "web01");
        p.serial_number = Some(SerialNumber::from_slice(&[0x00, 0xab, 0x01]));
        p.not_before = rcgen::date_time_ymd(2014, 4, 1);
        p.not_after = rcgen::date_time_ymd(2049, 12, 31);
        p.subject_alt_names.push(SanType::IpAddress("192.0.2.7".parse().unwrap()));
        p.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
    });
    let leaf = Leaf::read(&der);
    let c = &leaf.certificate;
    assert_eq!(c.sha256, Sha256::of(&der));
    assert_eq!(c.spki_sha256, Some(Sha256::of(&rcgen::PublicKeyData::subject_public_key_info(&key))));
    assert_eq!(c.serial.as_deref(), Some("0xab01"));
    assert_eq!(c.subject.as_deref(), Some("CN=web01,O=Widgets\\, Inc"));
    assert_eq!(c.issuer, c.subject);
    assert_eq!(c.not_before.unwrap().to_string(), "2014-04-01T00:00:00.000000Z");
    assert_eq!(c.not_after.unwrap().to_string(), "2049-12-31T00:00:00.000000Z");
    assert_eq!(c.names, ["web01.example.test", "192.0.2.7", "2001:db8::1"]);
    assert_eq!(leaf.key, Some(Auth::Ecdsa));
    assert_eq!(leaf.clone().into_other_key().map(|k| k.spki_sha256), c.spki_sha256);
}

#[test]
fn serials_are_safe_of_sign_and_zeros() {
    let table: &[(&[u8], Option<&str>)] = &[
        (&[0], Some("0x00")),
        (&[0x00, 0x8f], Some("0x8f")),
        (&[0x0f, 0x00], Some("0x0f00")),
        (&[0x80], Some("-0x80")),
        (&[0xff], Some("-0x01")),
        (&[0xff, 0x00], Some("-0x0100")),
        (&[], None),
        (&[1; 65], None),
    ];
    for (integer, expected) in table {
        assert_eq!(serial_text(integer).as_deref(), *expected, "integer: {integer:?}");
    }
}

#[test]
fn names_are_escaped() {
    let table = [
        ("a+b;c<d>\"e\\f=g", "CN=a\\+b\\;c\\<d\\>\\\"e\\\\f=g"),
        (" edge ", "CN=\\ edge\\ "),
        ("#hash", "CN=\\#hash"),
        ("bell\u{7}esc\u{1b}[2J", "CN=bell\\07esc\\1b[2J"),
        ("right\u{202e}left", "CN=right\\e2\\80\\aeleft"),
        ("ümlaut", "CN=ümlaut"),
    ];
    for (value, expected) in table {
        let (der, _) = made(|p| {
            p.distinguished_name = rcgen::DistinguishedName::new();
            p.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(value.to_owned()));
        });
        assert_eq!(Leaf::read(&der).certificate.subject.as_deref(), Some(expected), "value: {value:?}");
    }
}

#[test]
fn types_without_a_short_name_are_written_in_hex() {
    let (der, _) = made(|p| {
        p.distinguished_name = rcgen::DistinguishedName::new();
        p.distinguished_name
            .push(DnType::CustomDnType(vec![2, 5, 4, 12]), DnValue::Utf8String("Dr".to_owned()));
    });
    assert_eq!(Leaf::read(&der).certificate.subject.as_deref(), Some("2.5.4.12=#0c024472"));
}

#[test]
fn what_a_server_sends_is_bounded() {
    let (der, _) = made(|p| {
        p.distinguished_name.push(DnType::OrganizationName, "x".repeat(30_000));
        p.subject_alt_names =
            (0..500).map(|i| SanType::DnsName(format!("h{i}.test").try_into().unwrap())).collect();
        p.subject_alt_names.insert(0, SanType::DnsName("y".repeat(5000).try_into().unwrap()));
    });
    let c = Leaf::read(&der).certificate;
    assert!(c.subject.as_ref().unwrap().len() <= name::MAX_LEN + 3);
    assert_eq!((c.names.len(), c.names[0].as_str()), (MAX_NAMES, "h0.test"));
}

#[test]
fn the_key_is_found_where_a_date_makes_no_sense() {
    let (mut der, _) = made(|p| p.not_before = rcgen::date_time_ymd(2014, 4, 1));
    let whole = Leaf::read(&der);
    let at = der.windows(13).position(|w| w == b"140401000000Z").unwrap();
    der[at..at + 12].copy_from_slice(b"999999999999");
    let odd = Leaf::read(&der).certificate;
    assert_eq!(odd.spki_sha256, whole.certificate.spki_sha256);
    assert_eq!(odd.serial, whole.certificate.serial);
    assert_eq!(odd.subject, None);
}

#[test]
fn rubbish_has_a_digest_and_nothing_else() {
    let table: &[&[u8]] = &[b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00", &[0x30; 300]];
    for der in table {
        let leaf = Leaf::read(der);
        assert_eq!(leaf.certificate.sha256, Sha256::of(der));
        assert_eq!((leaf.certificate.spki_sha256, leaf.key), (None, None), "der: {der:?}");
        assert_eq!(leaf.into_other_key(), None);
    }
}

proptest! {
    #[test]
    fn no_mutation_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        static DER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| made(|_| {}).0);
        let mut der = DER.clone();
        let i = at.index(der.len());
        der[i] = byte;
        Leaf::read(&der);
        Leaf::read(&der[..cut.index(der.len())]);
    }

    #[test]
    fn no_bytes_panic(der in prop::collection::vec(any::<u8>(), 0..300)) {
        Leaf::read(&der);
    }
}
