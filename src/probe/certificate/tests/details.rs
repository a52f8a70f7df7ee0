//! Algorithms, uses and URLs, beside what the `openssl` command says of the same certificate.
#![expect(clippy::print_stdout, reason = "how a test says what it compared, or that it has not run")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use rcgen::{BasicConstraints, CustomExtension, IsCa};

use super::*;
use crate::{model::served::Details, probe::certificate::details};

fn details_of(der: &[u8]) -> Details {
    *Leaf::read(der).certificate.details.expect("a certificate that can be parsed")
}

/// Runs `openssl` in a folder; None where it is missing or refuses.
fn openssl(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let run = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    match run {
        Ok(out) if out.status.success() => Some(out.stdout),
        Ok(out) => {
            println!("openssl {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
            None
        }
        Err(e) => {
            println!("SKIPPED: no openssl command: {e}");
            None
        }
    }
}

/// A self-signed certificate over a new key, in DER, and OpenSSL's text of it.
fn made_by_openssl(key: &[&str], request: &[&str]) -> Option<(Vec<u8>, String)> {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), key)?;
    let base = [
        "req",
        "-x509",
        "-new",
        "-key",
        "key.pem",
        "-subj",
        "/CN=odd.test",
        "-outform",
        "DER",
        "-out",
        "c.der",
    ];
    openssl(folder.path(), &[&base[..], request].concat())?;
    let text = openssl(folder.path(), &["x509", "-inform", "DER", "-in", "c.der", "-noout", "-text"])?;
    Some((std::fs::read(folder.path().join("c.der")).unwrap(), String::from_utf8_lossy(&text).into_owned()))
}

fn word_after<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_whitespace().next()
}

/// How to make a key, how to sign with it, and what both are called.
type Row = (Vec<&'static str>, &'static [&'static str], &'static str, Option<u32>, &'static str);

#[test]
fn keys_and_signatures_are_named_as_openssl_names_them() {
    const OUT: &[&str] = &["-out", "key.pem"];
    let genpkey = |rest: &[&'static str]| [&["genpkey"], OUT, rest].concat();
    let ec = |curve: &'static str| [&["ecparam", "-genkey", "-noout", "-name", curve], OUT].concat();
    let rsa = |bits: &'static str| [&["genrsa"], OUT, &[bits]].concat();
    let table: Vec<Row> = vec![
        (rsa("512"), &["-sha1"], "rsa", Some(512), "sha1WithRSAEncryption"),
        (rsa("1024"), &["-md5"], "rsa", Some(1024), "md5WithRSAEncryption"),
        (rsa("2048"), &["-sha256"], "rsa", Some(2048), "sha256WithRSAEncryption"),
        (rsa("2047"), &["-sha512"], "rsa", Some(2047), "sha512WithRSAEncryption"),
        (rsa("2048"), &["-sha1", "-sigopt", "rsa_padding_mode:pss"], "rsa", Some(2048), "rsassaPss-sha1"),
        (rsa("2048"), &["-sha384", "-sigopt", "rsa_padding_mode:pss"], "rsa", Some(2048), "rsassaPss-sha384"),
        (
            genpkey(&["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]),
            &["-sha256"],
            "rsa-pss",
            Some(2048),
            "rsassaPss-sha256",
        ),
        (ec("prime256v1"), &["-sha1"], "ec-p256", Some(256), "ecdsa-with-SHA1"),
        (ec("secp384r1"), &["-sha384"], "ec-p384", Some(384), "ecdsa-with-SHA384"),
        (ec("secp521r1"), &["-sha512"], "ec-p521", Some(521), "ecdsa-with-SHA512"),
        (ec("prime192v1"), &["-sha256"], "ec-p192", Some(192), "ecdsa-with-SHA256"),
        (ec("brainpoolP256r1"), &["-sha256"], "ec-brainpoolp256r1", Some(256), "ecdsa-with-SHA256"),
        (ec("brainpoolP512t1"), &["-sha256"], "ec-1.3.36.3.3.2.8.1.1.14", None, "ecdsa-with-SHA256"),
        (ec("sect163r2"), &["-sha256"], "ec-sect163r2", Some(163), "ecdsa-with-SHA256"),
        (
            [ec("secp521r1"), vec!["-param_enc", "explicit"]].concat(),
            &["-sha256"],
            "ec-explicit",
            Some(521),
            "ecdsa-with-SHA256",
        ),
        (
            [ec("sect233r1"), vec!["-param_enc", "explicit"]].concat(),
            &["-sha256"],
            "ec-explicit",
            Some(233),
            "ecdsa-with-SHA256",
        ),
        (genpkey(&["-algorithm", "ED25519"]), &[], "ed25519", Some(255), "ED25519"),
        (genpkey(&["-algorithm", "ED448"]), &[], "ed448", Some(448), "ED448"),
        (
            ["dsaparam", "-genkey", "-noout", "-out", "key.pem", "1024"].to_vec(),
            &["-sha256"],
            "dsa",
            Some(1024),
            "dsa_with_SHA256",
        ),
    ];
    let mut compared = 0;
    for (key, request, name, bits, signature) in table {
        let Some((der, text)) = made_by_openssl(&key, request) else { continue };
        let details = details_of(&der);
        assert_eq!(
            (details.key.as_deref(), details.key_bits, details.signature.as_deref()),
            (Some(name), bits, Some(signature)),
            "key: {key:?}"
        );
        let said = word_after(&text, "Signature Algorithm:").unwrap();
        assert!(signature.starts_with(said), "openssl says {said}");
        let said = word_after(&text, "Public-Key: (").map(|n| n.parse::<u32>().unwrap());
        // OpenSSL gives the order of the group for curves, which may be one bit shorter than the field.
        let same = bits
            .zip(said)
            .is_none_or(|(ours, theirs)| ours.abs_diff(theirs) <= u32::from(name.starts_with("ec")));
        assert!(same, "openssl says {said:?} of {key:?}");
        compared += 1;
    }
    let there = openssl(Path::new("."), &["version"]).is_some();
    assert!(!there || compared >= 12, "openssl made {compared} kinds of key only");
}

#[test]
fn urls_uses_and_demands_are_read() {
    let key = ["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "key.pem"];
    let request = [
        "-sha256",
        "-addext",
        "tlsfeature=status_request",
        "-addext",
        "authorityInfoAccess=OCSP;URI:http://ocsp.test/a,caIssuers;URI:http://ca.test/i.crt,OCSP;URI:ldap://o.test/",
        "-addext",
        "crlDistributionPoints=URI:http://crl.test/1.crl,URI:ldap://crl.test/cn=x",
    ];
    let Some((der, _)) = made_by_openssl(&key, &request) else { return };
    let details = details_of(&der);
    assert!(details.must_staple && details.is_ca && details.self_issued);
    assert_eq!(details.ocsp, ["http://ocsp.test/a", "ldap://o.test/"]);
    assert_eq!(details.crl, ["http://crl.test/1.crl", "ldap://crl.test/cn=x"]);
}

#[test]
fn a_certificate_without_extensions_demands_and_offers_nothing() {
    let key = ["genrsa", "-out", "key.pem", "1024"];
    let folder = tempfile::tempdir().unwrap();
    let steps: [&[&str]; 3] = [
        &key,
        &["req", "-new", "-key", "key.pem", "-subj", "/CN=v1.test", "-out", "r.pem"],
        &["x509", "-req", "-in", "r.pem", "-signkey", "key.pem", "-outform", "DER", "-out", "c.der"],
    ];
    if steps.iter().any(|step| openssl(folder.path(), step).is_none()) {
        return;
    }
    let der = std::fs::read(folder.path().join("c.der")).unwrap();
    let text =
        openssl(folder.path(), &["x509", "-inform", "DER", "-in", "c.der", "-noout", "-text"]).unwrap();
    assert!(String::from_utf8_lossy(&text).contains("Version: 1 "), "openssl made another version");
    let details = details_of(&der);
    assert_eq!((details.key.as_deref(), details.key_bits), (Some("rsa"), Some(1024)));
    assert!(!details.is_ca && details.self_issued && !details.must_staple);
    assert!(details.sct.is_empty() && details.ocsp.is_empty() && details.crl.is_empty());
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let n = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, n[0], n[1]], content].concat()
}

/// An embedded SCT list with these times in milliseconds (RFC 6962, 3.3).
fn sct_list(times: &[u64]) -> Vec<u8> {
    let entries: Vec<u8> = times
        .iter()
        .flat_map(|t| {
            let sct = [&[0][..], &[7; 32], &t.to_be_bytes(), &[0, 0, 4, 3, 0, 2, 0x30, 0]].concat();
            [&u16::try_from(sct.len()).unwrap().to_be_bytes()[..], &sct].concat()
        })
        .collect();
    tlv(4, &[&u16::try_from(entries.len()).unwrap().to_be_bytes()[..], &entries].concat())
}

const SCT_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 11_129, 2, 4, 2];

#[test]
fn sct_times_are_read_in_order_and_bounded() {
    let with = |times: &[u64]| {
        let list = sct_list(times);
        made(|p| p.custom_extensions.push(CustomExtension::from_oid_content(SCT_OID, list))).0
    };
    let der = with(&[1_396_872_000_123, 1_396_871_000_000]);
    let times: Vec<String> = details_of(&der).sct.iter().map(ToString::to_string).collect();
    assert_eq!(times, ["2014-04-07T11:43:20.000000Z", "2014-04-07T12:00:00.123000Z"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.der"), &der).unwrap();
    if let Some(text) = openssl(folder.path(), &["x509", "-inform", "DER", "-in", "c.der", "-noout", "-text"])
    {
        assert!(
            String::from_utf8_lossy(&text).contains("Apr  7 12:00:00.123 2014 GMT"),
            "openssl reads other times"
        );
    }
    let many = details_of(&with(&[u64::MAX; 500])).sct;
    assert_eq!(many.len(), details::MAX_SCTS);
    assert_eq!(many[0].to_string(), "9999-12-31T23:59:59.999999Z");
}

#[test]
fn hostile_urls_are_left_out_whole_and_the_rest_bounded() {
    let uri = |text: &str| tlv(0x86, text.as_bytes());
    let points = |urls: &[String]| {
        let points: Vec<u8> = urls.iter().flat_map(|u| tlv(0x30, &tlv(0xa0, &tlv(0xa0, &uri(u))))).collect();
        tlv(0x30, &points)
    };
    let urls: Vec<String> = [
        "http://a.test/\u{1b}[2J".to_owned(),
        "http://a.test/\r\nHost: b".to_owned(),
        "http://a.test/ b".to_owned(),
        format!("http://{}/", "x".repeat(details::MAX_URL_LEN)),
        String::new(),
        "http://ok.test/".to_owned(),
        "http://ok.test/".to_owned(),
    ]
    .into_iter()
    .chain((0..50).map(|i| format!("http://{i}.test/")))
    .collect();
    let der = made(|p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 31], points(&urls)));
    })
    .0;
    let details = details_of(&der);
    assert_eq!(details.crl, ["http://ok.test/", "http://0.test/", "http://1.test/", "http://2.test/"]);
    assert_eq!(details.crl.len(), details::MAX_URLS);
    assert!(details.is_ca);
}

#[test]
fn a_dns_name_that_reads_as_an_address_does_not_look_like_an_address() {
    let (der, _) = made(|p| {
        p.subject_alt_names = vec![
            SanType::DnsName("192.0.2.7".try_into().unwrap()),
            SanType::IpAddress("192.0.2.8".parse().unwrap()),
        ];
    });
    assert_eq!(Leaf::read(&der).certificate.names, ["DNS:192.0.2.7", "192.0.2.8"]);
}

#[test]
fn no_part_of_a_certificate_with_everything_panics() {
    let (der, _) = made(|p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.custom_extensions.push(CustomExtension::from_oid_content(SCT_OID, sct_list(&[1, 2, 3])));
        let feature = vec![0x30, 3, 2, 1, 5];
        p.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], feature));
    });
    assert!(details_of(&der).must_staple);
    for end in 0..der.len() {
        let leaf = Leaf::read(&der[..end]);
        assert_eq!(leaf.certificate.details, None, "prefix of {end} bytes");
    }
    for at in 0..der.len() {
        for byte in [0, 0x7f, 0x80, 0xff, der[at] ^ 1] {
            let mut damaged = der.clone();
            damaged[at] = byte;
            Leaf::read(&damaged);
        }
    }
}
