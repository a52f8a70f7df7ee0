use std::{fs, path::Path};

use super::*;

fn manifest() -> Manifest {
    Manifest {
        schema: SCHEMA.to_owned(),
        tool: "allclear test".to_owned(),
        made_at: Timestamp::from_seconds(1_000_000),
        command_line: Some("allclear evidence export".to_owned()),
        incident: Some("drill".to_owned()),
        redacted: false,
        disclosure: "CVE-2014-0160".to_owned(),
        rules: Sha256::of(b"rules"),
        chain_head: Sha256::of(b"head"),
        evidence_rows: 3,
        payload: Payload { sha256: Sha256::of(b""), bytes: 0, expanded: 0, lines: 0 },
        public_key: None,
    }
}

fn made(path: &Path, key: Option<&SigningKey>) -> Manifest {
    let mut writer = Writer::create(path).unwrap();
    for n in 0..20 {
        writer.line(&format!("{{\"line\":{n}}}")).unwrap();
    }
    writer.finish(manifest(), key).unwrap()
}

#[test]
fn what_went_in_comes_out_and_is_signed_by_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key_file) = (folder.path().join("b"), folder.path().join("key"));
    let public = generate(&key_file).unwrap();
    let key = SigningKey::read(&key_file).unwrap();
    let written = made(&path, Some(&key));
    let mut bundle = Bundle::open(&path).unwrap();
    assert_eq!((&bundle.manifest, bundle.signer), (&written, Some(public)));
    let lines: Vec<String> = bundle.lines().unwrap().map(Result::unwrap).collect();
    assert_eq!((lines.len(), lines[19].as_str()), (20, "{\"line\":19}"));
    bundle.signed_by(&PublicKey::read(&folder.path().join("key.pub")).unwrap()).unwrap();
    let other = generate(&folder.path().join("other")).unwrap();
    let refused = bundle.signed_by(&other).unwrap_err().to_string();
    assert!(refused.contains("and not by"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left beside it");
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    generate(&key_file).unwrap();
    let key = SigningKey::read(&key_file).unwrap();
    for key in [None, Some(&key)] {
        let path = folder.path().join("b");
        made(&path, key);
        let whole = fs::read(&path).unwrap();
        let changed = folder.path().join("changed");
        let found = |bytes: &[u8]| {
            fs::write(&changed, bytes).unwrap();
            Bundle::open(&changed).is_err()
        };
        assert!(!found(&whole));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                assert!(found(&bytes), "bit {bit} of byte {at} of {}", whole.len());
            }
        }
        for length in 0..whole.len() {
            assert!(found(&whole[..length]), "cut to {length}");
        }
        assert!(found(&[whole.as_slice(), b"\n"].concat()));
    }
}

#[test]
fn a_payload_that_lies_about_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    made(&path, None);
    let whole = fs::read(&path).unwrap();
    // Somebody who may write a digest of their own can make any head; what follows has to fit it all the same.
    let at = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(2).unwrap().0 + 1;
    let payload = &whole[at..];
    let forged = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = Bundle::open(&path).unwrap().manifest;
        change(&mut manifest);
        let head = format!("{MAGIC}\n{}\n", serde_json::to_string(&manifest).unwrap());
        let seal = Sha256::of(head.as_bytes()).to_string();
        let file = folder.path().join("forged");
        fs::write(&file, [head.as_bytes(), seal.as_bytes(), b"\n", payload].concat()).unwrap();
        let mut bundle = Bundle::open(&file)?;
        bundle.lines()?.collect::<Result<Vec<_>, _>>()
    };
    assert!(forged(&|_| ()).is_ok());
    for change in [
        (|m: &mut Manifest| m.payload.lines += 1) as fn(&mut Manifest),
        |m| m.payload.lines -= 1,
        |m| m.payload.expanded -= 1,
        |m| m.payload.expanded += 1,
        |m| m.payload.expanded = u64::MAX / 2,
        |m| m.payload.bytes += 1,
        |m| m.public_key = Some("AAAA".to_owned()),
        |m| m.schema = "allclear.bundle/2".to_owned(),
    ] {
        assert!(forged(&change).is_err());
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("k");
        fs::write(&path, text).unwrap();
        path
    };
    let why = |text: &str| SigningKey::read(&file(text)).unwrap_err().to_string();
    assert!(why("").contains("no `PRIVATE KEY`"));
    assert!(why("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").contains("no Ed25519 key"));
    assert!(why("-----BEGIN ENCRYPTED PRIVATE KEY-----").contains("passphrase"));
    assert!(SigningKey::read(folder.path()).unwrap_err().to_string().contains("no regular file"));
    assert!(PublicKey::read(&file("nonsense")).is_err());
    generate(&folder.path().join("once")).unwrap();
    assert!(generate(&folder.path().join("once")).is_err(), "a key is never written over");
}
