//! Lists of an authority, good, foreign, expired, of another scope and kept between runs.

use std::{path::Path, time::Duration};

use allclear::{
    clock::Clock,
    model::ids::Sha256,
    revocation::{Asked, Cache, Settings},
};

use super::{ask, ask_with, expect, facts, settings, told};
use crate::support::ca::{Ca, Files, Issued, Reply};

/// A result's line and detail.
type Told<'a> = (&'a str, &'a str);
/// What it is, a list, and what it says of the revoked and of the other certificate.
type Row<'a> = (&'a str, Vec<u8>, Told<'a>, Told<'a>);

/// What `openssl verify` makes of the same certificates and list.
#[test]
fn openssl_comes_to_the_same() {
    let (ca, files) = (Ca::new(), Files::new());
    let url = files.url("/a.crl");
    let (old, new) = (ca.issue("old.test", &[&url], &[]), ca.issue("new.test", &[&url], &[]));
    ca.revoke(&old, "keyCompromise");
    files.put("/a.crl", Reply::Body(ca.crl()));
    for (leaf, ours, theirs) in [(&old, "revoked by crl keyCompromise", false), (&new, "good by crl", true)] {
        expect(&ask(&ca, &[leaf])[0], ours, "");
        let verified = std::process::Command::new("openssl")
            .args(["verify", "-crl_check", "-CRLfile", "list.pem"])
            .args([Path::new("-CAfile"), &ca.root_pem(), Path::new("-untrusted"), &ca.intermediate_pem()])
            .arg(&leaf.pem)
            .current_dir(ca.folder())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&verified.stderr);
        assert_eq!(verified.status.success(), theirs, "{said}");
        assert_eq!(said.contains("certificate revoked"), !theirs, "{said}");
    }
}

#[test]
fn a_list_tells_revoked_and_good_and_is_downloaded_once() {
    let (ca, files) = (Ca::new(), Files::new());
    let url = files.url("/a.crl");
    let issue = |name: &str| ca.issue(name, &[&url], &[]);
    let (old, new, held) = (issue("old.test"), issue("new.test"), issue("held.test"));
    ca.revoke(&old, "keyCompromise");
    ca.revoke(&held, "certificateHold");
    files.put("/a.crl", Reply::Body(ca.crl()));
    let before = Clock::System.now();
    let results = ask(&ca, &[&old, &new, &held]);
    expect(&results[0], "revoked by crl keyCompromise", "");
    expect(&results[1], "good by crl", "");
    expect(&results[2], "revoked by crl certificateHold", "");
    assert_eq!(files.asked(), ["GET /a.crl"]);
    let first = &results[0];
    assert_eq!(first.url.as_deref(), Some(url.as_str()));
    assert_eq!(first.certificate, Sha256::of(&old.der));
    for time in [first.revoked_at.unwrap(), first.this_update.unwrap()] {
        assert!((0..60).contains(&before.seconds_since(time)), "{time}");
    }
    assert_eq!(first.next_update.unwrap().seconds_since(first.this_update.unwrap()), 86_400);
    assert_eq!(results[1].revoked_at, None);
}

#[test]
fn lists_that_do_not_count_leave_it_unknown() {
    let (ca, other, files) = (Ca::new(), Ca::new(), Files::new());
    let url = files.url("/a.crl");
    let (old, new) = (ca.issue("old.test", &[&url], &[]), ca.issue("new.test", &[&url], &[]));
    ca.revoke(&old, "keyCompromise");
    let dates = |from: &str, to: &str| ca.crl_with(&["-crl_lastupdate", from, "-crl_nextupdate", to], "");
    let scoped = |flags: &str| {
        let point = format!("issuingDistributionPoint=critical,@scope\n[scope]\n{flags}");
        ca.crl_with(&["-crldays", "1"], &point)
    };
    let (revoked, unknown) = ("revoked by crl keyCompromise", "unknown by nobody");
    let but = |why: &str| format!("CRL: not on the list, but {why}");
    let unread = "CRL: what came is no list that can be read";
    let table: &[Row<'_>] = &[
        (
            "another CA of the same name",
            other.crl(),
            (unknown, "CRL: the signature does not hold"),
            (unknown, "CRL: the signature does not hold"),
        ),
        (
            "expired",
            dates("20200101000000Z", "20200201000000Z"),
            (unknown, "CRL: the list expired at 2020-02-01T00:00:00Z; this certificate stood on it"),
            (unknown, "CRL: the list expired at 2020-02-01T00:00:00Z"),
        ),
        (
            "of the future",
            dates("20900101000000Z", "20910101000000Z"),
            (
                unknown,
                "CRL: the list is of 2090-01-01T00:00:00Z, which is to come; this certificate stood on it",
            ),
            (unknown, "CRL: the list is of 2090-01-01T00:00:00Z, which is to come"),
        ),
        (
            "its own point",
            scoped(&format!("fullname=URI:{url}\nonlyuser=TRUE")),
            (revoked, ""),
            ("good by crl", ""),
        ),
        (
            "another point",
            scoped("fullname=URI:http://127.0.0.1/other.crl"),
            (revoked, ""),
            (unknown, &but("it is the list of another distribution point")),
        ),
        (
            "some reasons",
            scoped("onlysomereasons=keyCompromise"),
            (revoked, ""),
            (unknown, &but("it is a list of some reasons only")),
        ),
        (
            "authorities",
            scoped("onlyCA=TRUE"),
            (revoked, ""),
            (unknown, &but("it is a list of authorities' certificates only")),
        ),
        ("indirect", scoped("indirectCRL=TRUE"), (revoked, ""), (unknown, &but("it is an indirect list"))),
        (
            "attributes",
            scoped("onlyAA=TRUE"),
            (unknown, "CRL: the list is of attribute certificates"),
            (unknown, "CRL: the list is of attribute certificates"),
        ),
        (
            "an unknown critical extension",
            ca.crl_with(&["-crldays", "1"], "1.2.3.4=critical,DER:0500"),
            (revoked, ""),
            (unknown, &but("it has a critical extension that is not known here")),
        ),
        (
            "a delta list",
            ca.crl_with(&["-crldays", "1"], "2.5.29.27=critical,DER:020101"),
            (unknown, "CRL: it is a delta list, which tells changes only"),
            (unknown, "CRL: it is a delta list, which tells changes only"),
        ),
        ("more behind it", [ca.crl(), vec![0]].concat(), (unknown, unread), (unknown, unread)),
        ("a certificate", ca.issuer(), (unknown, unread), (unknown, unread)),
        (
            "PEM",
            std::fs::read({
                ca.crl();
                ca.folder().join("list.pem")
            })
            .unwrap(),
            (revoked, ""),
            ("good by crl", ""),
        ),
    ];
    for (what, list, for_old, for_new) in table {
        files.put("/a.crl", Reply::Body(list.clone()));
        let results = ask(&ca, &[&old, &new]);
        assert_eq!(told(&results[0]), (for_old.0.to_owned(), for_old.1), "{what}: the revoked one");
        assert_eq!(told(&results[1]), (for_new.0.to_owned(), for_new.1), "{what}: the other one");
    }
}

#[test]
fn keys_and_digests_that_authorities_use() {
    let rsa = ["-newkey", "rsa:2048"];
    let weak = "signed with SHA-1, which counts for a revocation only";
    let cases: &[(&[&str], &[&str], &str, &str)] = &[
        (&rsa, &["-md", "sha256"], "good by crl", ""),
        (&rsa, &["-md", "sha384"], "good by crl", ""),
        (&rsa, &["-md", "sha512"], "good by crl", ""),
        (
            &rsa,
            &["-md", "sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"],
            "good by crl",
            "",
        ),
        (&rsa, &["-md", "sha1"], "unknown by nobody", weak),
        (&rsa, &["-md", "md5"], "unknown by nobody", "signature algorithm not known"),
        (
            &["-newkey", "rsa:1024"],
            &["-md", "sha256"],
            "unknown by nobody",
            "the signer's key is shorter than 2048 bits",
        ),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], &["-md", "sha384"], "good by crl", ""),
        (
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
            &["-md", "sha512"],
            "unknown by nobody",
            "signature algorithm not known",
        ),
        (&["-newkey", "ed25519"], &["-md", "null"], "good by crl", ""),
    ];
    let files = Files::new();
    let url = files.url("/a.crl");
    let mut last: Option<(&[&str], Ca, Issued, Issued)> = None;
    for (key, options, line, why) in cases {
        if last.as_ref().is_none_or(|(of, ..)| of != key) {
            let ca = Ca::with_key(key);
            let (old, new) = (ca.issue("old.test", &[&url], &[]), ca.issue("new.test", &[&url], &[]));
            ca.revoke(&old, "keyCompromise");
            last = Some((key, ca, old, new));
        }
        let (_, ca, old, new) = last.as_ref().unwrap();
        let options = [&["-crldays", "1"], *options].concat();
        files.put("/a.crl", Reply::Body(ca.crl_with(&options, "")));
        let results = ask(ca, &[old, new]);
        let told_new = told(&results[1]);
        assert_eq!(told_new.0, *line, "{key:?} {options:?}: {}", told_new.1);
        assert!(told_new.1.ends_with(why), "{key:?} {options:?}: {}", told_new.1);
        let believed = *line == "good by crl" || *why == weak;
        let expected = if believed { "revoked by crl keyCompromise" } else { "unknown by nobody" };
        assert_eq!(told(&results[0]).0, expected, "{key:?} {options:?}");
    }
}

#[test]
fn a_kept_list_is_used_and_never_trusted() {
    let (ca, other, files) = (Ca::new(), Ca::new(), Files::new());
    let folder = tempfile::tempdir().unwrap();
    let url = files.url("/a.crl");
    let old = ca.issue("old.test", &[&url], &[]);
    files.put("/a.crl", Reply::Body(ca.crl()));
    let cache = Cache { folder: folder.path().join("lists"), max_age: Duration::from_secs(3600) };
    let with = Settings { cache: Some(cache.clone()), ..settings() };
    let asked = || vec![Asked { certificate: facts(&old), issuer: Some(ca.issuer()) }];
    expect(&ask_with(asked(), &with)[0], "good by crl", "");
    expect(&ask_with(asked(), &with)[0], "good by crl", "CRL: by a list kept from an earlier download");
    assert_eq!(files.asked().len(), 1);
    let file = std::fs::read_dir(&cache.folder).unwrap().next().unwrap().unwrap().path();
    // Somebody puts another list in its place, and one that is cut off.
    let good = std::fs::read(&file).unwrap();
    for planted in [other.crl(), good[..good.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&file, planted).unwrap();
        let asked_before = files.asked().len();
        expect(&ask_with(asked(), &with)[0], "good by crl", "");
        assert_eq!(files.asked().len(), asked_before + 1);
    }
    // A list that does not count is not kept.
    std::fs::remove_file(&file).unwrap();
    files.put("/a.crl", Reply::Body(other.crl()));
    expect(&ask_with(asked(), &with)[0], "unknown by nobody", "CRL: the signature does not hold");
    assert_eq!(std::fs::read_dir(&cache.folder).unwrap().count(), 0);
    // Past nextUpdate by our clock, it is asked for again.
    files.put("/a.crl", Reply::Body(ca.crl()));
    expect(&ask_with(asked(), &with)[0], "good by crl", "");
    let later = Clock::simulated(Clock::System.now().plus_seconds(2 * 86_400));
    let patient = Cache { max_age: Duration::from_secs(30 * 86_400), ..cache };
    let later = Settings { cache: Some(patient), clock: later, ..settings() };
    files.put("/a.crl", Reply::Body(ca.crl_with(&["-crldays", "7"], "")));
    expect(&ask_with(asked(), &later)[0], "good by crl", "");
}

#[test]
fn a_list_longer_than_is_borne_is_not_taken() {
    let (ca, files) = (Ca::new(), Files::new());
    let url = files.put("/a.crl", Reply::Body(ca.crl()));
    let leaf = ca.issue("a.test", &[&url], &[]);
    let small = Settings { max_crl_bytes: 100, ..settings() };
    let result = ask_with(vec![Asked { certificate: facts(&leaf), issuer: Some(ca.issuer()) }], &small);
    expect(&result[0], "unknown by nobody", "CRL: the body of the answer is longer than 100 bytes");
}
