//! What we compute of a key against what the tools that made it say.

use std::{fs, path::Path, process::Command};

use super::super::{
    der::spki_of_certificate,
    private::{Found, certificate_spki, keys_in},
};
use crate::model::{
    host::{KeyAlgorithm, KeyForm},
    ids::Sha256,
};

/// Runs a tool in a folder. `None` where it is not installed; a test then says that it was skipped, or
/// fails where peers are required.
fn tool(folder: &Path, line: &str) -> Option<Vec<u8>> {
    let words: Vec<&str> = line.split(' ').collect();
    let (program, arguments) = words.split_first().unwrap();
    let arguments = arguments.iter().map(|a| if *a == "EMPTY" { "" } else { a });
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => panic!("{line}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(e) => {
            let required = std::env::var("ALLCLEAR_REQUIRE_PEERS").is_ok_and(|v| !v.is_empty());
            assert!(!required, "{program}: {e}");
            super::skipped(&format!("{program} is not installed"));
            None
        }
    }
}

fn only(folder: &Path, name: &str) -> Found {
    let found = keys_in(&fs::read(folder.join(name)).unwrap(), &[]);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].clone()
}

/// What openssl says is the public key.
fn public(folder: &Path, name: &str) -> Option<Sha256> {
    let der = tool(folder, &format!("openssl pkey -in {name} -passin pass:secret -pubout -outform DER"))?;
    Some(Sha256::of(&der))
}

#[test]
fn every_form_gives_the_public_key_that_openssl_gives() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (rsa, ec) = (KeyAlgorithm::Rsa, KeyAlgorithm::Ec);
    let genpkey = "openssl genpkey -out k -algorithm";
    let table: &[(&str, KeyForm, KeyAlgorithm, u32)] = &[
        ("openssl genrsa -traditional -out k 2048", KeyForm::Pkcs1, rsa, 2048),
        ("openssl genrsa -out k 1024", KeyForm::Pkcs8, rsa, 1024),
        ("openssl genrsa -traditional -out k 2047", KeyForm::Pkcs1, rsa, 2047),
        ("openssl genrsa -3 -out k 1536", KeyForm::Pkcs8, rsa, 1536),
        ("openssl genrsa -primes 3 -traditional -out k 2048", KeyForm::Pkcs1, rsa, 2048),
        (&format!("{genpkey} RSA-PSS -pkeyopt rsa_keygen_bits:1024"), KeyForm::Pkcs8, rsa, 1024),
        ("openssl ecparam -name prime256v1 -genkey -noout -out k", KeyForm::Sec1, ec, 256),
        ("openssl ecparam -name prime256v1 -genkey -out k", KeyForm::Sec1, ec, 256),
        ("openssl ecparam -name secp384r1 -genkey -noout -out k", KeyForm::Sec1, ec, 384),
        ("openssl ecparam -name secp521r1 -genkey -noout -out k", KeyForm::Sec1, ec, 521),
        ("openssl ecparam -name secp256k1 -genkey -noout -out k", KeyForm::Sec1, ec, 256),
        ("openssl ecparam -name brainpoolP320r1 -genkey -noout -out k", KeyForm::Sec1, ec, 320),
        ("openssl ecparam -name brainpoolP512t1 -genkey -noout -out k", KeyForm::Sec1, ec, 512),
        (&format!("{genpkey} EC -pkeyopt ec_paramgen_curve:P-256"), KeyForm::Pkcs8, ec, 256),
        (&format!("{genpkey} EC -pkeyopt ec_paramgen_curve:P-521"), KeyForm::Pkcs8, ec, 521),
        (&format!("{genpkey} ED25519"), KeyForm::Pkcs8, KeyAlgorithm::Ed25519, 256),
        ("openssl genrsa -traditional -out k -outform DER 2048", KeyForm::Pkcs1, rsa, 2048),
    ];
    for (line, form, algorithm, bits) in table {
        let line = line.replace(" -outform DER", "");
        if tool(folder, &line).is_none() {
            return;
        }
        let found = only(folder, "k");
        assert_eq!((found.form, found.algorithm, found.bits), (*form, *algorithm, Some(*bits)), "{line}");
        assert_eq!(found.spki, public(folder, "k"), "{line}");
        // The same key in DER.
        tool(folder, "openssl pkey -in k -outform DER -out k.der").unwrap();
        assert_eq!(only(folder, "k.der").spki, found.spki, "{line} in DER");
    }
}

#[test]
fn dsa_is_read_where_its_public_number_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if tool(folder, "openssl dsaparam -genkey -noout -out p8 1024").is_none() {
        return;
    }
    tool(folder, "openssl pkey -in p8 -traditional -out old").unwrap();
    let old = only(folder, "old");
    assert_eq!((old.algorithm, old.bits, old.spki), (KeyAlgorithm::Dsa, Some(1024), public(folder, "old")));
    // PKCS#8 has only the private number: the size is known, the public key is not.
    tool(folder, "openssl pkcs8 -topk8 -nocrypt -in p8 -out new").unwrap();
    let new = only(folder, "new");
    assert_eq!(
        (new.form, new.algorithm, new.bits, new.spki),
        (KeyForm::Pkcs8, KeyAlgorithm::Dsa, Some(1024), None)
    );
}

#[test]
fn keys_under_a_pass_phrase_take_the_public_key_from_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if tool(folder, "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=x -days 1")
        .is_none()
    {
        return;
    }
    tool(folder, "openssl pkcs8 -topk8 -in k -passout pass:secret -out p8").unwrap();
    tool(folder, "openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in k -passout pass:secret -out p5").unwrap();
    tool(folder, "openssl pkcs8 -topk8 -in k -passout pass:secret -outform DER -out p8der").unwrap();
    tool(folder, "openssl rsa -in k -traditional -aes128 -passout pass:secret -out old").unwrap();
    let expected = public(folder, "k");
    let certificate = certificate_spki(&fs::read(folder.join("c")).unwrap()).unwrap();
    assert_eq!(Some(Sha256::of(&certificate)), expected);
    for (name, form) in [
        ("p8", KeyForm::Pkcs8Encrypted),
        ("p5", KeyForm::Pkcs8Encrypted),
        ("p8der", KeyForm::Pkcs8Encrypted),
        ("old", KeyForm::PemEncrypted),
    ] {
        let alone = only(folder, name);
        assert_eq!((alone.form, alone.spki, alone.from), (form, None, None), "{name}");
        let bytes = fs::read(folder.join(name)).unwrap();
        let found = keys_in(&bytes, std::slice::from_ref(&certificate));
        assert_eq!((found[0].spki, found[0].from), (expected, Some(0)), "{name}");
        assert_eq!((found[0].algorithm, found[0].bits), (KeyAlgorithm::Rsa, Some(2048)), "{name}");
    }
}

#[test]
fn an_ec_key_without_its_public_half_only_takes_the_certificate_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (curve, checked) in [("prime256v1", true), ("secp384r1", true), ("secp521r1", false)] {
        if tool(folder, &format!("openssl ecparam -name {curve} -genkey -noout -out k")).is_none() {
            return;
        }
        tool(folder, "openssl req -x509 -key k -out c -subj /CN=x -days 1").unwrap();
        tool(folder, "openssl ec -in k -no_public -out bare").unwrap();
        tool(folder, &format!("openssl ecparam -name {curve} -genkey -noout -out other")).unwrap();
        tool(folder, "openssl req -x509 -key other -out oc -subj /CN=x -days 1").unwrap();
        let read = |name: &str| certificate_spki(&fs::read(folder.join(name)).unwrap()).unwrap();
        let (right, wrong) = (read("c"), read("oc"));
        let bare = fs::read(folder.join("bare")).unwrap();
        assert_eq!(keys_in(&bare, &[])[0].spki, None, "{curve}");
        assert_eq!(keys_in(&bare, std::slice::from_ref(&right))[0].spki, public(folder, "k"), "{curve}");
        let both = &keys_in(&bare, &[wrong.clone(), right])[0];
        if checked {
            assert_eq!((both.spki, both.from), (public(folder, "k"), Some(1)), "{curve}");
            let none = &keys_in(&bare, &[wrong])[0];
            assert_eq!((none.spki, none.from), (None, None), "{curve}");
            assert!(none.note.is_some());
        } else {
            assert_eq!((both.spki, both.note), (None, Some("several certificates beside it")), "{curve}");
        }
    }
}

#[test]
fn ed448_takes_the_public_key_from_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if tool(folder, "openssl genpkey -algorithm ED448 -out k").is_none() {
        return;
    }
    tool(folder, "openssl req -x509 -key k -out c -subj /CN=x -days 1").unwrap();
    let bare = only(folder, "k");
    assert_eq!((bare.algorithm, bare.bits, bare.spki), (KeyAlgorithm::Ed448, Some(456), None));
    let both = [fs::read(folder.join("c")).unwrap(), fs::read(folder.join("k")).unwrap()].concat();
    let certificate = certificate_spki(&both).unwrap();
    assert_eq!(keys_in(&both, &[certificate])[0].spki, public(folder, "k"));
}

#[test]
fn stores_are_told_by_what_they_begin_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if tool(folder, "openssl req -x509 -newkey rsa:1024 -nodes -keyout k -out c -subj /CN=x -days 1")
        .is_none()
    {
        return;
    }
    tool(folder, "openssl pkcs12 -export -inkey k -in c -passout pass:secret -out p12").unwrap();
    assert_eq!(only(folder, "p12").form, KeyForm::Store);
    let keytool = "keytool -genkeypair -keyalg RSA -dname CN=x -storepass secret -keypass secret -keystore";
    if tool(folder, &format!("{keytool} jks -storetype JKS")).is_some() {
        assert_eq!(only(folder, "jks").form, KeyForm::Store);
        tool(folder, &format!("{keytool} jp12 -storetype PKCS12")).unwrap();
        assert_eq!(only(folder, "jp12").form, KeyForm::Store);
        tool(folder, &format!("{keytool} jceks -storetype JCEKS")).unwrap();
        assert_eq!(only(folder, "jceks").form, KeyForm::Store);
    }
}

#[test]
fn openssh_keys_give_the_public_key_also_under_a_pass_phrase() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (kind, algorithm) in [
        ("rsa -b 2048", KeyAlgorithm::Rsa),
        ("ecdsa -b 256", KeyAlgorithm::Ec),
        ("ecdsa -b 384", KeyAlgorithm::Ec),
        ("ecdsa -b 521", KeyAlgorithm::Ec),
        ("ed25519", KeyAlgorithm::Ed25519),
    ] {
        for phrase in ["EMPTY", "secret"] {
            let _ = fs::remove_file(folder.join("k"));
            if tool(folder, &format!("ssh-keygen -q -t {kind} -N {phrase} -f k")).is_none() {
                return;
            }
            let found = only(folder, "k");
            assert_eq!((found.form, found.algorithm), (KeyForm::Openssh, algorithm), "{kind}");
            assert_eq!(found.note.is_some(), phrase == "secret", "{kind}");
            // ssh-keygen writes the public key as SubjectPublicKeyInfo for all but Ed25519.
            if algorithm == KeyAlgorithm::Ed25519 {
                assert_eq!(found.spki, ed25519_of_line(&fs::read_to_string(folder.join("k.pub")).unwrap()));
                continue;
            }
            let pem = tool(folder, "ssh-keygen -e -m PKCS8 -f k.pub").unwrap();
            fs::write(folder.join("pub"), pem).unwrap();
            let der = tool(folder, "openssl pkey -pubin -in pub -outform DER").unwrap();
            assert_eq!(found.spki, Some(Sha256::of(&der)), "{kind}");
        }
    }
}

/// The public key of a line of authorized_keys, by RFC 8709 and RFC 8410.
fn ed25519_of_line(line: &str) -> Option<Sha256> {
    let blob = data_encoding::BASE64.decode(line.split(' ').nth(1)?.as_bytes()).ok()?;
    let key = blob.get(blob.len() - 32..)?;
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    Some(Sha256::of(&[prefix.as_slice(), key].concat()))
}

#[test]
fn several_keys_and_certificates_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if tool(folder, "openssl req -x509 -newkey rsa:1024 -nodes -keyout k -out c -subj /CN=x -days 1")
        .is_none()
    {
        return;
    }
    tool(folder, "openssl ecparam -name prime256v1 -genkey -out e").unwrap();
    let all: Vec<u8> = ["c", "k", "c", "e"].iter().flat_map(|n| fs::read(folder.join(n)).unwrap()).collect();
    // Text around it, as `openssl x509 -text` leaves it there, and line ends of Windows.
    let text = format!("Bag Attributes\n    a: b\n{}", String::from_utf8(all).unwrap()).replace('\n', "\r\n");
    let found = keys_in(text.as_bytes(), &[]);
    let spkis: Vec<_> = found.iter().map(|f| f.spki).collect();
    assert_eq!(spkis, [public(folder, "k"), public(folder, "e")]);
}

#[test]
fn rcgen_agrees_on_keys_and_certificates() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let expected = Some(Sha256::of(&rcgen::PublicKeyData::subject_public_key_info(&key)));
        assert_eq!(keys_in(key.serialize_pem().as_bytes(), &[])[0].spki, expected);
        assert_eq!(keys_in(key.serialized_der(), &[])[0].spki, expected);
        let certificate = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        assert_eq!(spki_of_certificate(certificate.der()).map(Sha256::of), expected);
        assert_eq!(certificate_spki(certificate.pem().as_bytes()).map(|s| Sha256::of(&s)), expected);
    }
}
