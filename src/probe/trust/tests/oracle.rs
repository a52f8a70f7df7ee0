//! The `openssl` command as the second opinion: on chains of every selection and order, and on keys and signatures
//! that the verifier here does not know.
#![expect(clippy::print_stdout, reason = "how a test says what it compared, or that it has not run")]

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::*;

fn openssl(folder: &Path, arguments: &[&str]) -> Option<bool> {
    match Command::new("openssl").args(arguments).current_dir(folder).output() {
        Ok(out) => {
            if !out.status.success() {
                println!("openssl {arguments:?}: {}", String::from_utf8_lossy(&out.stderr).trim());
            }
            Some(out.status.success())
        }
        Err(e) => {
            println!("SKIPPED: no openssl command: {e}");
            None
        }
    }
}

fn write_pem(folder: &Path, name: &str, ders: &[&[u8]]) {
    let text = ders.iter().fold(String::new(), |mut text, der| {
        let _ =
            writeln!(text, "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", BASE64.encode(der));
        text
    });
    std::fs::write(folder.join(name), text).unwrap();
}

/// Whether OpenSSL builds a path for the chain at the moment of these tests.
fn openssl_builds(folder: &Path, roots: &[&[u8]], chain: &[&[u8]]) -> Option<bool> {
    write_pem(folder, "roots.pem", roots);
    write_pem(folder, "leaf.pem", &chain[..1]);
    let moment = (now().micros() / 1_000_000).to_string();
    let mut arguments =
        vec!["verify", "-attime", &moment, "-no-CApath", "-no-CAstore", "-CAfile", "roots.pem"];
    if chain.len() > 1 {
        write_pem(folder, "rest.pem", &chain[1..]);
        arguments.extend(["-untrusted", "rest.pem"]);
    }
    arguments.extend(["-purpose", "sslserver", "leaf.pem"]);
    openssl(folder, &arguments)
}

#[test]
fn chains_of_every_kind_stand_where_openssl_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (root, old_root) = (Authority::root("root"), Authority::root("old root"));
    let upper = root.authority("upper", |_| {});
    let lower = upper.authority("lower", |_| {});
    let upper_expired = {
        let mut again = upper.params.clone();
        expired(&mut again);
        root.sign(&again, &upper.key)
    };
    let cross = old_root.sign(&root.params, &root.key);
    let leaves = [lower.leaf(|_| {}), lower.leaf(expired), root.leaf(|_| {})];
    let pool: [&[u8]; 6] = [&lower.der, &upper.der, &upper_expired, &cross, &root.der, &old_root.der];
    let stores: [&[&[u8]]; 2] = [&[&root.der], &[&old_root.der]];
    let mut seed = 0x2545_f491_u32;
    let (mut compared, mut trusted) = (0, 0);
    for round in 0..120 {
        // An arbitrary selection in an arbitrary order, the same in every run.
        let mut chain: Vec<&[u8]> = vec![&leaves[round % leaves.len()]];
        let mut rest: Vec<&[u8]> = pool.to_vec();
        while !rest.is_empty() {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let one = rest.remove(seed as usize % rest.len());
            if seed & 0x300 != 0 {
                chain.push(one);
            }
        }
        let roots = stores[round % stores.len()];
        let Some(mut theirs) = openssl_builds(folder.path(), roots, &chain) else { return };
        if !theirs {
            // OpenSSL does not turn back once it took a root that is not in the store, where a cross-certificate of
            // the same name leads on. That the path is there shows when the root is taken away.
            let without: Vec<&[u8]> = chain.iter().copied().filter(|der| **der != root.der).collect();
            theirs = openssl_builds(folder.path(), roots, &without).unwrap();
        }
        let ours = result(&store_of(roots), &chain);
        assert_eq!(
            ours == TrustResult::Trusted,
            theirs,
            "round {round}, {} certificates: {ours}",
            chain.len()
        );
        assert_ne!(ours, TrustResult::Broken, "round {round}");
        compared += 1;
        trusted += i32::from(theirs);
    }
    println!("{compared} chains compared, {trusted} of them stand");
    assert!(trusted > 20 && compared - trusted > 20, "the chains are too much alike");
}

/// A root and a leaf with keys that `openssl` makes; each is `genpkey` or the like with `-out KEY`.
fn made_by_openssl(root: &[&str], root_request: &[&str], leaf_sign: &[&str]) -> Option<(Vec<u8>, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| openssl(folder.path(), arguments).filter(|ok| *ok);
    run(&[root, &["-out", "root.key"]].concat())?;
    let request = [
        "req",
        "-x509",
        "-new",
        "-key",
        "root.key",
        "-subj",
        "/CN=odd root",
        "-days",
        "30",
        "-out",
        "root.pem",
    ];
    run(&[&request[..], root_request].concat())?;
    run(&["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "leaf.key"])?;
    run(&["req", "-new", "-key", "leaf.key", "-subj", "/CN=odd.test", "-out", "leaf.csr"])?;
    let sign = [
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-set_serial",
        "7",
        "-days",
        "20",
        "-out",
        "leaf.pem",
    ];
    std::fs::write(folder.path().join("v3"), "subjectAltName=DNS:odd.test\n").unwrap();
    let v3: &[&str] = if leaf_sign.contains(&"v1") { &[] } else { &["-extfile", "v3"] };
    let rest: Vec<&str> = leaf_sign.iter().copied().filter(|a| *a != "v1").collect();
    run(&[&sign[..], v3, &rest].concat())?;
    let read = |name: &str| {
        let text = std::fs::read(folder.path().join(name)).unwrap();
        pem::certificates(name, &text).unwrap().remove(0).1
    };
    Some((read("root.pem"), read("leaf.pem")))
}

/// A root's key, how it is signed, how it signs, and what comes of it.
type Row = (&'static str, Vec<&'static str>, &'static [&'static str], &'static [&'static str], TrustResult);

#[test]
fn what_the_verifier_does_not_know_is_unsupported_and_not_broken() {
    let ec = |curve: &'static str| vec!["ecparam", "-genkey", "-noout", "-name", curve];
    let genpkey = |rest: &[&'static str]| [&["genpkey"], rest].concat();
    let rsa = |bits: &'static str| genpkey(&["-algorithm", "RSA", "-pkeyopt", bits]);
    let table: Vec<Row> = vec![
        ("RSA 2048", rsa("rsa_keygen_bits:2048"), &["-sha256"], &["-sha256"], TrustResult::Trusted),
        ("RSA 1024", rsa("rsa_keygen_bits:1024"), &["-sha256"], &["-sha256"], TrustResult::Unsupported),
        ("SHA-1", rsa("rsa_keygen_bits:2048"), &["-sha256"], &["-sha1"], TrustResult::Unsupported),
        ("P-192", ec("prime192v1"), &["-sha256"], &["-sha256"], TrustResult::Unsupported),
        ("P-521", ec("secp521r1"), &["-sha512"], &["-sha512"], TrustResult::Unsupported),
        ("brainpool", ec("brainpoolP256r1"), &["-sha256"], &["-sha256"], TrustResult::Unsupported),
        ("Ed25519", genpkey(&["-algorithm", "ED25519"]), &[], &[], TrustResult::Trusted),
        ("Ed448", genpkey(&["-algorithm", "ED448"]), &[], &[], TrustResult::Unsupported),
        ("version 1", ec("prime256v1"), &["-sha256"], &["-sha256", "v1"], TrustResult::Unsupported),
    ];
    let (mut seen, other) = (0, Authority::root("other"));
    for (what, key, request, sign, expected) in table {
        let Some((root, leaf)) = made_by_openssl(&key, request, sign) else { continue };
        let moment = Leaf::read(&leaf).certificate.not_before.unwrap();
        let store = store_of(&[&root]);
        assert_eq!(store.check(&[&leaf], moment).result, expected, "{what}");
        assert_eq!(store.check(&[&leaf, &root], moment).result, expected, "{what}, root served");
        // The root itself as a leaf: in its own store, and in another.
        assert_eq!(store.check(&[&root], moment).result, TrustResult::Trusted, "{what}, root alone");
        assert_eq!(store_of(&[&other.der]).check(&[&root], moment).result, TrustResult::SelfSigned, "{what}");
        seen += 1;
    }
    println!("{seen} kinds of root made by openssl");
}
