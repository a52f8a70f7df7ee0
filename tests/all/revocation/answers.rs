//! Answers of OCSP responders and staples, good, foreign, replayed, run out and broken.

use std::sync::Arc;

use allclear::{clock::Clock, model::revocation::RevocationStatus, revocation::judge_staple};

use super::{ask, expect, facts, told};
use crate::support::ca::{Ca, Files, Issued, Reply};

#[test]
fn answers_that_do_not_count_leave_it_unknown() {
    let (ca, stranger, files) = (Arc::new(Ca::new()), Ca::new(), Files::new());
    let url = files.url("/ocsp");
    let (leaf, other) = (ca.issue("a.test", &[], &[&url]), ca.issue("b.test", &[], &[&url]));
    let question = ca.ocsp_request(&leaf);
    let signed_by = |extensions: &str| {
        let responder = ca.responder_certificate(extensions);
        ca.ocsp_answer(&question, Some(&responder), &["-ndays", "1"])
    };
    let answer = |options: &[&str]| ca.ocsp_answer(&question, None, options);
    let mut nonce = ca.ocsp_answer(&ask_nonce(&ca, &leaf), None, &["-ndays", "1"]);
    let good = "good by ocsp";
    let unknown = "unknown by nobody";
    let table: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("without a nonce", answer(&["-ndays", "1"]), good, ""),
        ("by key", answer(&["-ndays", "1", "-resp_key_id"]), good, ""),
        ("without certificates", answer(&["-ndays", "1", "-resp_no_certs"]), good, ""),
        ("without nextUpdate", answer(&[]), good, ""),
        (
            "another nonce",
            std::mem::take(&mut nonce),
            unknown,
            "OCSP: the answer carries another nonce than ours",
        ),
        (
            "for another serial",
            ca.ocsp_answer(&ca.ocsp_request(&other), None, &["-ndays", "1"]),
            unknown,
            "OCSP: the answer is about another certificate",
        ),
        ("delegated", signed_by("extendedKeyUsage=OCSPSigning\nkeyUsage=digitalSignature"), good, ""),
        (
            "delegated without the right",
            signed_by("extendedKeyUsage=serverAuth"),
            unknown,
            "OCSP: the responder's certificate is not for signing OCSP answers",
        ),
        (
            "delegated with any purpose",
            signed_by("extendedKeyUsage=anyExtendedKeyUsage"),
            unknown,
            "OCSP: the responder's certificate is not for signing OCSP answers",
        ),
        (
            "by a leaf",
            signed_by(""),
            unknown,
            "OCSP: the responder's certificate is not for signing OCSP answers",
        ),
        (
            "delegated by a key that may not sign",
            signed_by("extendedKeyUsage=OCSPSigning\nkeyUsage=keyAgreement"),
            unknown,
            "OCSP: the responder's key is not for signing",
        ),
        (
            "another CA of the same name",
            stranger.ocsp_answer(
                &stranger.ocsp_request(&stranger.issue("s.test", &[], &[])),
                None,
                &["-ndays", "1"],
            ),
            unknown,
            "OCSP: the signature does not hold",
        ),
        (
            "a stranger's delegate",
            {
                let delegate = stranger.responder_certificate("extendedKeyUsage=OCSPSigning");
                ca.ocsp_answer(&question, Some(&delegate), &["-ndays", "1"])
            },
            unknown,
            "OCSP: the responder's certificate: the signature does not hold",
        ),
        (
            "a broken signature",
            answer(&["-ndays", "1", "-badsig"]),
            unknown,
            "OCSP: the signature does not hold",
        ),
    ];
    for (what, bytes, line, detail) in table {
        files.put("/ocsp", Reply::Body(bytes));
        let results = ask(&ca, &[&leaf]);
        assert_eq!(told(&results[0]), (line.to_owned(), detail), "{what}");
    }
}

/// A question with a nonce that is not ours.
fn ask_nonce(ca: &Ca, issued: &Issued) -> Vec<u8> {
    let plain = ca.ocsp_request(issued);
    let status = std::process::Command::new("openssl")
        .args(["ocsp", "-issuer", "int.pem", "-serial", &issued.serial, "-nonce", "-reqout", "request.der"])
        .current_dir(ca.folder())
        .status()
        .unwrap();
    assert!(status.success());
    let with = std::fs::read(ca.folder().join("request.der")).unwrap();
    assert!(with.len() > plain.len());
    with
}

#[test]
fn time_and_delegates_run_out() {
    let ca = Ca::new();
    let leaf = ca.issue("a.test", &[], &[]);
    let delegate = ca.responder_certificate("extendedKeyUsage=OCSPSigning");
    let question = ca.ocsp_request(&leaf);
    let day = ca.ocsp_answer(&question, None, &["-ndays", "1"]);
    let open = ca.ocsp_answer(&question, None, &[]);
    let delegated = ca.ocsp_answer(&question, Some(&delegate), &["-ndays", "1000"]);
    let now = Clock::System.now();
    let judged = |der: &[u8], seconds: i64| {
        let result = judge_staple(&facts(&leaf), &ca.issuer(), der, now.plus_seconds(seconds));
        (told(&result).0, result.detail)
    };
    let good = ("good by staple".to_owned(), None);
    let unknown = |why: &str| ("unknown by nobody".to_owned(), Some(format!("staple: {why}")));
    assert_eq!(judged(&day, 86_400 + 200), good, "our clock may be 5 minutes fast");
    assert_eq!(judged(&day, 86_400 + 400).0, "unknown by nobody");
    assert_eq!(judged(&day, -200), good, "or slow");
    assert_eq!(judged(&day, -400).1, unknown("the answer was made in the future").1);
    assert_eq!(judged(&open, 80_000), good);
    let old = "the answer is older than a day and does not say how long it holds";
    assert_eq!(judged(&open, 90_000), unknown(old));
    assert_eq!(judged(&delegated, 20 * 86_400), good);
    let dates = "the responder's certificate is outside its dates";
    assert_eq!(judged(&delegated, 40 * 86_400), unknown(dates));
}

#[test]
fn a_staple_is_judged_without_asking_anybody() {
    let ca = Ca::new();
    let (old, new) = (ca.issue("old.test", &[], &[]), ca.issue("new.test", &[], &[]));
    ca.revoke(&old, "keyCompromise");
    let now = Clock::System.now();
    let staple = |issued: &Issued| ca.ocsp_answer(&ca.ocsp_request(issued), None, &["-ndays", "1"]);
    let judge = |issued: &Issued, der: &[u8]| judge_staple(&facts(issued), &ca.issuer(), der, now);
    expect(&judge(&old, &staple(&old)), "revoked by staple keyCompromise", "");
    expect(&judge(&new, &staple(&new)), "good by staple", "");
    expect(
        &judge(&old, &staple(&new)),
        "unknown by nobody",
        "staple: the answer is about another certificate",
    );
    expect(&judge(&new, b""), "unknown by nobody", "staple: what came is no OCSP answer that can be read");
    let wrong_issuer = judge_staple(&facts(&new), b"", &staple(&new), now);
    expect(&wrong_issuer, "unknown by nobody", "staple: its issuer's certificate cannot be read");
}

#[test]
fn an_answer_signed_with_sha1_counts_for_a_revocation_only() {
    let ca = Ca::with_key(&["-newkey", "rsa:2048"]);
    let (old, new) = (ca.issue("old.test", &[], &[]), ca.issue("new.test", &[], &[]));
    ca.revoke(&old, "superseded");
    let now = Clock::System.now();
    let judge = |issued: &Issued, digest: &str| {
        let der = ca.ocsp_answer(&ca.ocsp_request(issued), None, &["-ndays", "1", "-rmd", digest]);
        judge_staple(&facts(issued), &ca.issuer(), &der, now)
    };
    for (digest, for_new, why) in [
        ("sha256", "good by staple", ""),
        ("sha1", "unknown by nobody", "staple: signed with SHA-1, which counts for a revocation only"),
    ] {
        expect(&judge(&old, digest), "revoked by staple superseded", "");
        expect(&judge(&new, digest), for_new, why);
    }
}

/// No change of one bit, and no cut, makes another answer of a revoked one than `revoked` or `unknown`.
#[test]
fn bits_and_cuts_never_make_revoked_good() {
    let ca = Ca::new();
    let old = ca.issue("old.test", &[], &[]);
    ca.revoke(&old, "keyCompromise");
    let delegate = ca.responder_certificate("extendedKeyUsage=OCSPSigning");
    let now = Clock::System.now();
    let issuer = ca.issuer();
    let certificate = facts(&old);
    let own = ca.ocsp_answer(&ca.ocsp_request(&old), None, &["-ndays", "1"]);
    let delegated = ca.ocsp_answer(&ca.ocsp_request(&old), Some(&delegate), &["-ndays", "1"]);
    for original in [own, delegated] {
        let judge = |der: &[u8]| judge_staple(&certificate, &issuer, der, now);
        assert_eq!(judge(&original).status, RevocationStatus::Revoked);
        let mut changed = original.clone();
        for bit in 0..original.len() * 8 {
            let mask = 1 << (bit % 8);
            changed[bit / 8] ^= mask;
            assert_ne!(judge(&changed).status, RevocationStatus::Good, "bit {bit}");
            changed[bit / 8] ^= mask;
        }
        for length in 0..original.len() {
            assert_eq!(judge(&original[..length]).status, RevocationStatus::Unknown, "cut at {length}");
        }
    }
}
