//! One file to one record.

use super::elf::Elf;
use crate::{
    host::library::identify_bytes,
    model::host::{CopyRole, Library, TlsLibrary},
};

const DATED: &str = "OpenSSL 1.0.1e 11 Feb 2013";
const HEARTBEATS: [&str; 2] = ["tls1_process_heartbeat", "dtls1_process_heartbeat"];

fn look(elf: &Elf, path: &str) -> Option<Library> {
    identify_bytes(&elf.bytes(), path)
}

fn what(elf: &Elf, path: &str) -> (TlsLibrary, CopyRole, Option<String>) {
    let library = look(elf, path).unwrap_or_else(|| panic!("{path}: nothing"));
    (library.lib, library.role, library.version)
}

#[test]
fn proof_decides_between_code_and_text() {
    use CopyRole::{Embeds, HeaderText, Uses};
    let openssl = TlsLibrary::Openssl;
    let some = |version: &str| Some(version.to_owned());
    for proof in ["OPENSSLDIR: \"/usr/lib/ssl\"", "crypto/evp/evp_enc.c", "evp_enc.c", "ssl/t1_lib.c"] {
        let elf = Elf::new().text(DATED).text(proof);
        assert_eq!(what(&elf, "/bin/x"), (openssl, Embeds, some("1.0.1e")), "{proof}");
    }
    assert_eq!(
        what(&Elf::new().text("AES part of OpenSSL 1.0.1e 11 Feb 2013"), "/bin/x"),
        (openssl, Embeds, some("1.0.1e"))
    );
    let symbols = Elf::new().text(DATED).exports(&["SSL_CTX_new"]);
    assert_eq!(what(&symbols, "/bin/x"), (openssl, Embeds, some("1.0.1e")));
    // The text of headers.
    assert_eq!(what(&Elf::new().text(DATED), "/bin/x"), (openssl, HeaderText, None));
    assert_eq!(what(&Elf::new().text(DATED).needs("libssl.so.3"), "/bin/x"), (openssl, Uses, None));
    assert_eq!(what(&Elf::new().text(DATED).calls(&["SSL_CTX_new"]), "/bin/x"), (openssl, Uses, None));
    let plain = Elf::new().needs("libcrypto-ea28cefb.so.1.1").needs("libc.so.6");
    assert_eq!(what(&plain, "/bin/curl"), (openssl, Uses, None));
    assert_eq!(look(&plain, "/bin/curl").unwrap().needed, ["libcrypto-ea28cefb.so.1.1"]);
    // The command line tool of OpenSSL holds this, and no code of the library.
    assert_eq!(what(&Elf::new().text(DATED).text("%s (Library: %s)"), "/bin/x"), (openssl, HeaderText, None));
    for nothing in [
        Elf::new().text("OpenSSL 3.0.0 and newer it returns"),
        Elf::new().needs("libssl3.so").needs("libnss3.so"),
        Elf::new().text("CRYPTOGRAPHY_IS_BORINGSSL"),
        Elf::new().text("see https://boringssl.googlesource.com/boringssl/ for it"),
        Elf::new(),
    ] {
        assert_eq!(look(&nothing, "/bin/x"), None);
    }
}

#[test]
fn code_without_a_banner_is_still_code() {
    let library = look(&Elf::new().text("crypto/evp/evp_enc.c"), "/bin/x").unwrap();
    assert_eq!((library.lib, library.role, library.version), (TlsLibrary::Openssl, CopyRole::Embeds, None));
    assert!(library.note.unwrap().contains("no banner"));
}

#[test]
fn relatives_are_told_apart() {
    use TlsLibrary::{AwsLc, Boringssl, Libressl, Openssl, Unknown};
    let table: [(Elf, TlsLibrary, Option<&str>); 8] = [
        (Elf::new().text("third_party/boringssl/ssl/t1_lib.c"), Boringssl, None),
        (Elf::new().text("src/ssl/ssl_lib.cc"), Boringssl, None),
        (Elf::new().exports(&["BORINGSSL_self_test", "SSL_CTX_new"]), Boringssl, None),
        (Elf::new().texts(&["/src/aws-lc/crypto/mem.c", "AWS-LC 1.69.0"]), AwsLc, Some("1.69.0")),
        (Elf::new().text("LibreSSL 3.8.2").text("OPENSSLDIR: \"/etc/ssl\""), Libressl, Some("3.8.2")),
        // Both: what is affected must not hide behind what is not.
        (
            Elf::new().texts(&["x/boringssl/src/crypto/mem.cc", DATED, "OPENSSLDIR: \"/\""]),
            Openssl,
            Some("1.0.1e"),
        ),
        (Elf::new().text(DATED).text("CRYPTOGRAPHY_IS_BORINGSSL").text("evp_enc.c"), Openssl, Some("1.0.1e")),
        (Elf::new().exports(&["SSL_CTX_new", "CRYPTO_free", "EVP_EncryptInit_ex"]), Unknown, None),
    ];
    for (elf, lib, version) in table {
        let found = look(&elf, "/usr/lib/libssl.so.0").unwrap();
        assert_eq!((found.lib, found.role), (lib, CopyRole::Embeds), "{found:?}");
        assert_eq!(found.version.as_deref(), version, "{found:?}");
        assert!(!found.proof.is_empty(), "{found:?}");
    }
}

#[test]
fn the_library_s_own_banner_is_told_from_that_of_headers() {
    let elf = Elf::new().text("OpenSSL 3.0.2 15 Mar 2022").pad(9000).texts(&[
        "OpenSSL 3.0.7 1 Nov 2022",
        "OPENSSLDIR: \"/\"",
        "built on: Thu Nov  3 02:17:22 2022 UTC",
    ]);
    let library = look(&elf, "/bin/x").unwrap();
    assert_eq!(library.version.as_deref(), Some("3.0.7"));
    assert_eq!(library.built_on.as_deref(), Some("Thu Nov  3 02:17:22 2022 UTC"));
    let elf = Elf::new().texts(&["OpenSSL 3.0.2 15 Mar 2022", "MD5 part of OpenSSL 1.0.1e 11 Feb 2013"]);
    assert_eq!(look(&elf, "/bin/x").unwrap().version.as_deref(), Some("1.0.1e"));
    let elf = Elf::new().texts(&["OpenSSL 3.0.2 15 Mar 2022", DATED, "evp_enc.c"]);
    let library = look(&elf, "/bin/x").unwrap();
    assert_eq!(library.version, None);
    assert!(library.note.unwrap().contains("1.0.1e, 3.0.2"));
}

#[test]
fn what_the_headers_of_the_file_say_is_read_in_every_form() {
    for (narrow, big) in [(false, false), (false, true), (true, false), (true, true)] {
        let elf = Elf::new()
            .form(narrow, big)
            .texts(&[DATED, "evp_enc.c"])
            .soname("libssl-abc.so.1.0.0")
            .needs("libcrypto.so.1.0.0")
            .build_id(&[0xde, 0xad, 0xbe, 0xef])
            .full(&["SSL_CTX_new", "ssl3_read_bytes", "tls1_process_heartbeat"]);
        let library = look(&elf, "/lib/x").unwrap();
        assert_eq!(library.build_id.as_deref(), Some("deadbeef"));
        assert_eq!(library.soname.as_deref(), Some("libssl-abc.so.1.0.0"));
        assert_eq!(library.needed, ["libcrypto.so.1.0.0"]);
        assert_eq!(library.features["tls1_process_heartbeat"], Some(true));
        assert_eq!(library.features["dtls1_process_heartbeat"], Some(false));
        assert_eq!(library.sha256.unwrap(), crate::model::ids::Sha256::of(&elf.bytes()));
    }
}

#[test]
fn a_missing_name_proves_something_only_where_it_would_be_seen() {
    let code = || Elf::new().texts(&[DATED, "evp_enc.c", "t1_lib.c"]);
    let tell = |elf: &Elf, path: &str| look(elf, path).unwrap().features.get(HEARTBEATS[0]).copied();
    // Stripped of everything.
    assert_eq!(tell(&code(), "/bin/x"), Some(None));
    // Public functions only: internal ones are hidden.
    assert_eq!(tell(&code().exports(&["SSL_CTX_new"]), "/lib/libssl.so.1.0.0"), Some(None));
    // Internal functions are there to be seen, and this one is not.
    assert_eq!(tell(&code().exports(&["SSL_CTX_new", "ssl3_read_bytes"]), "/bin/x"), Some(Some(false)));
    assert_eq!(tell(&code().full(&["ssl3_read_bytes"]), "/bin/x"), Some(Some(false)));
    assert_eq!(tell(&code().exports(&["tls1_process_heartbeat"]), "/bin/x"), Some(Some(true)));
    // A call of it is no definition, nor is a longer name that ends in it.
    assert_eq!(tell(&code().calls(&["tls1_process_heartbeat"]), "/bin/x"), Some(None));
    assert_eq!(tell(&code().exports(&["my_tls1_process_heartbeat"]), "/bin/x"), Some(None));
    // libcrypto cannot tell of libssl.
    let crypto = Elf::new().texts(&[DATED, "evp_enc.c"]).exports(&["CRYPTO_free", "bn_mul_words"]);
    assert_eq!(tell(&crypto, "/lib/libcrypto.so.1.0.0"), None);
    // Its flags can.
    let flags = crypto.text("compiler: gcc -O2 -DOPENSSL_NO_HEARTBEATS -DL_ENDIAN");
    assert_eq!(tell(&flags, "/lib/libcrypto.so.1.0.0"), Some(Some(false)));
    // A series that never had it is not asked.
    let new = Elf::new().texts(&["OpenSSL 3.0.7 1 Nov 2022", "evp_enc.c"]).full(&["ossl_punycode_decode"]);
    assert_eq!(tell(&new, "/bin/x"), None);
    assert_eq!(look(&new, "/bin/x").unwrap().features["ossl_punycode_decode"], Some(true));
}

#[test]
fn providers_static_archives_and_packed_programs_have_roles_of_their_own() {
    let fips =
        Elf::new().texts(&["OpenSSL FIPS Provider", "3.5.7", "evp_enc.c"]).exports(&["OSSL_provider_init"]);
    let library = look(&fips, "/usr/lib/ossl-modules/fips.so").unwrap();
    assert_eq!((library.lib, library.role), (TlsLibrary::Openssl, CopyRole::Provider));
    assert_eq!(library.version.as_deref(), Some("3.5.7"));
    let legacy =
        Elf::new().text("OpenSSL Legacy Provider").needs("libcrypto.so.3").exports(&["OSSL_provider_init"]);
    assert_eq!(what(&legacy, "/usr/lib/ossl-modules/legacy.so").1, CopyRole::Uses);

    let index = b"\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0SSL_CTX_new\0ssl3_read_bytes\0my_SSLv3_method\0";
    let mut archive = b"!<arch>\n".to_vec();
    archive.extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "/", 0, 0, 0, 0, index.len()).bytes());
    archive.extend_from_slice(index);
    archive.extend_from_slice(b"\0OpenSSL 1.0.2k  26 Jan 2017\0\0ssl/t1_lib.c\0");
    let library = identify_bytes(&archive, "/usr/lib/libssl.a").unwrap();
    assert_eq!((library.role, library.version.as_deref()), (CopyRole::BuildInput, Some("1.0.2k")));
    assert_eq!(library.features["SSLv3_method"], Some(false));

    let mut packed = b"\x7fELF\x02\x01\x01".to_vec();
    packed.resize(240, 0);
    packed.extend_from_slice(b"UPX!");
    packed.resize(30 << 10, 7);
    let library = identify_bytes(&packed, "/opt/tool").unwrap();
    assert_eq!((library.lib, library.role), (TlsLibrary::Unknown, CopyRole::Unreadable));
    assert!(library.note.unwrap().contains("UPX"));
}

#[test]
fn nothing_is_lost_at_the_edge_of_a_piece() {
    // Pieces are of 256 KiB; a text that straddles an edge must be seen, wherever it falls.
    for before in (262_144 - 400..262_144 + 60).step_by(7) {
        let elf = Elf::new().pad(before).texts(&["AES part of OpenSSL 1.0.1e 11 Feb 2013", "evp_enc.c"]);
        let library = look(&elf, "/bin/x").unwrap_or_else(|| panic!("{before}"));
        assert_eq!(library.version.as_deref(), Some("1.0.1e"), "{before}");
        assert_eq!(library.proof, ["evp_enc.c", "part of OpenSSL"], "{before}");
    }
}
