//! Banners, and the files that name packages.

use proptest::prelude::*;

use crate::host::library::{banner, metadata};

#[test]
fn every_banner_that_was_seen_is_read() {
    let table = [
        ("OpenSSL 1.0.1e 11 Feb 2013\0", "1.0.1e"),
        ("OpenSSL 1.0.1u  22 Sep 2016", "1.0.1u"),
        ("OpenSSL 1.1.1  11 Sep 2018\0", "1.1.1"),
        ("OpenSSL 1.1.1k+quic  25 Mar 2021", "1.1.1k+quic"),
        ("OpenSSL 3.0.8+quic 7 Feb 2023", "3.0.8+quic"),
        ("OpenSSL 1.1.1k  FIPS 25 Mar 2021", "1.1.1k-fips"),
        ("OpenSSL 1.0.1e-fips 11 Feb 2013", "1.0.1e-fips"),
        ("OpenSSL 0.9.8e-fips-rhel5 01 Jul 2008", "0.9.8e-fips-rhel5"),
        ("OpenSSL 4.0.3 29 Sep 2026", "4.0.3"),
        ("OpenSSL 1.0.2zg  7 Feb 2023", "1.0.2zg"),
        ("OpenSSL 1.0.2-beta1 24 Feb 2014", "1.0.2-beta1"),
        ("OpenSSL 3.0.0-alpha1 23 Apr 2020", "3.0.0-alpha1"),
        ("OpenSSL 3.2.0-dev xx XXX xxxx", "3.2.0-dev"),
        ("OpenSSL 1.1.0-pre6 (beta) 4 Aug 2016", "1.1.0-pre6"),
        ("OpenSSL 3.0.20 7 Apr 2026", "3.0.20"),
    ];
    for (text, version) in table {
        let read = banner::openssl(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(read.version, version, "{text}");
        assert_eq!(read.text, text.trim_end_matches('\0'));
    }
}

#[test]
fn prose_and_halves_are_no_banners() {
    for text in [
        "OpenSSL 3.0.0 and newer it returns",
        "OpenSSL 1.1.0, buffers are malloced",
        "OpenSSL/0.9.8x'",
        "OpenSSL 3.0.13+qgetNearestParent",
        "OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)",
        "OpenSSL 1.0.1e 41 Feb 2013",
        "OpenSSL 1.0.1e 11 Feb 20135",
        "OpenSSL 1.0.1e 11 Fes 2013",
        "OpenSSL 1.0 11 Feb 2013",
        "OpenSSL ",
        "",
    ] {
        assert_eq!(banner::openssl(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn relatives_have_banners_without_dates() {
    let version = |text: &str, name| banner::relative(text.as_bytes(), name).map(|banner| banner.version);
    assert_eq!(version("LibreSSL 3.8.2\0", "LibreSSL").as_deref(), Some("3.8.2"));
    assert_eq!(version("AWS-LC 5.12.0", "AWS-LC").as_deref(), Some("5.12.0"));
    assert_eq!(version("AWS-LC FIPS 3.0.0", "AWS-LC").as_deref(), Some("3.0.0-fips"));
    assert_eq!(version("LibreSSL is", "LibreSSL"), None);
    assert!(banner::bare_version("3.5.7") && !banner::bare_version("3.5") && !banner::bare_version("3.5.7a"));
}

#[test]
fn package_files_are_read() {
    let package = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
    assert_eq!(metadata::package_json(br#"{"name":"node","version":"18.0.0"}"#), package("node", "18.0.0"));
    assert_eq!(metadata::package_json(br#"{"private":true}"#), None);
    assert_eq!(metadata::package_json(b"{"), None);
    let text = b"Metadata-Version: 2.1\r\nName: cryptography\r\nVersion: 38.0.1\r\n\r\nVersion: 9\r\n";
    assert_eq!(metadata::wheel(text), package("cryptography", "38.0.1"));
    let record = b"a/_x.abi3.so,sha256=abc,1\r\n\"odd,name.so\",sha256=x,2\nbroken\n,,\n";
    assert_eq!(metadata::record(record).collect::<Vec<_>>(), ["a/_x.abi3.so", "odd,name.so"]);
    let conda = br#"{"name":"openssl","version":"3.0.7","files":["lib/libcrypto.so.3"]}"#;
    assert_eq!(metadata::conda(conda, "lib/libcrypto.so.3"), package("openssl", "3.0.7"));
    assert_eq!(metadata::conda(conda, "lib/libz.so"), None);
    let sbom =
        br#"{"bomFormat":"CycloneDX","components":[{"name":"zlib"},{"name":"openssl","version":"4.0.3"}]}"#;
    assert_eq!(metadata::sbom(sbom).as_deref(), Some("its SBOM names openssl 4.0.3"));
    let sbom = br#"{"spdxVersion":"SPDX-2.3","packages":[{"name":"OpenSSL","versionInfo":"3.0.1"}]}"#;
    assert_eq!(metadata::sbom(sbom).as_deref(), Some("its SBOM names openssl 3.0.1"));
    assert_eq!(metadata::sbom(br#"{"components":[{"name":"openssl-sys"}]}"#), None);
    let named = metadata::by_file_name("/x/netty-tcnative-2.0.61.Final-linux-x86_64.jar");
    assert_eq!(named, ("netty-tcnative".to_owned(), "2.0.61.Final".to_owned()));
    assert_eq!(metadata::by_file_name("plain.jar"), ("plain".to_owned(), String::new()));
}

proptest! {
    #[test]
    fn a_banner_that_is_written_is_read(
        (major, minor, patch) in (0_u16..10, 0_u16..10, 0_u16..30), letters in "[a-z]{0,2}",
        suffix in "(|-fips|\\+quic|-beta1)", blank in " {1,2}", day in 1_u8..32, year in 1998_u16..2099,
        junk in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let version = format!("{major}.{minor}.{patch}{letters}{suffix}");
        let mut text = format!("OpenSSL {version}{blank}{day} Mar {year}\0").into_bytes();
        text.extend(junk);
        prop_assert_eq!(banner::openssl(&text).unwrap().version, version);
    }
}
