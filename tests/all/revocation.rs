//! Whether revoked certificates of a real authority are seen as revoked: lists and answers are made by `openssl`,
//! handed out on loopback, and asked for as the product does.

mod answers;
mod lists;

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use allclear::{
    model::{
        ids::Sha256,
        observation::Certificate,
        revocation::{Revocation, RevocationReason, RevocationSource},
        served::Details,
    },
    revocation::{Asked, Settings, check},
};

use crate::support::ca::{Ca, Files, Issued, Reply};

fn facts(issued: &Issued) -> Certificate {
    Certificate {
        sha256: Sha256::of(&issued.der),
        spki_sha256: None,
        serial: Some(issued.serial.clone()),
        subject: None,
        issuer: None,
        not_before: None,
        not_after: None,
        names: Vec::new(),
        details: Some(Box::new(Details {
            crl: issued.crl.clone(),
            ocsp: issued.ocsp.clone(),
            ..Details::default()
        })),
    }
}

fn settings() -> Settings {
    Settings { timeout: Duration::from_millis(1500), ..Settings::default() }
}

fn ask_with(asked: Vec<Asked>, settings: &Settings) -> Vec<Revocation> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let results = runtime.block_on(check(asked, settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
    results
}

fn ask(ca: &Ca, issued: &[&Issued]) -> Vec<Revocation> {
    let asked = issued.iter().map(|one| Asked { certificate: facts(one), issuer: Some(ca.issuer()) });
    ask_with(asked.collect(), &settings())
}

/// A result's status, source and reason in one line, and its detail.
fn told(result: &Revocation) -> (String, &str) {
    let source = result.source.map_or("nobody", RevocationSource::as_str);
    let reason = result.reason.map_or("", RevocationReason::as_str);
    (
        format!("{} by {source} {reason}", result.status).trim_end().to_owned(),
        result.detail.as_deref().unwrap_or(""),
    )
}

#[track_caller]
fn expect(result: &Revocation, line: &str, detail: &str) {
    assert_eq!(told(result), (line.to_owned(), detail), "{result:?}");
}

/// A port of loopback where nobody listens now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_real_responder_tells_revoked_and_good() {
    let ca = Ca::new();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/");
    let (old, new) = (ca.issue("old.test", &[], &[&url]), ca.issue("new.test", &[], &[&url]));
    ca.revoke(&old, "keyCompromise");
    let _responder = ca.responder(port, None);
    let results = ask(&ca, &[&old, &new]);
    expect(&results[0], "revoked by ocsp keyCompromise", "");
    assert!(results[0].revoked_at.is_some() && results[0].url.as_deref() == Some(url.as_str()));
    expect(&results[1], "good by ocsp", "");
}

#[test]
fn both_are_asked_and_the_one_that_revokes_decides() {
    let (ca, files) = (Arc::new(Ca::new()), Files::new());
    let list = files.url("/a.crl");
    let answer = |ca: &Ca, request: &[u8]| ca.ocsp_answer(request, None, &["-ndays", "1"]);
    let ocsp = files.put("/ocsp", Reply::Made(answer, Arc::clone(&ca)));
    let (old, new) = (ca.issue("old.test", &[&list], &[&ocsp]), ca.issue("new.test", &[&list], &[&ocsp]));
    files.put("/a.crl", Reply::Body(ca.crl()));
    // The list is of before the revocation, the responder's answer of after it.
    ca.revoke(&old, "superseded");
    let results = ask(&ca, &[&old, &new]);
    expect(&results[0], "revoked by ocsp superseded", "");
    expect(&results[1], "good by crl", "");
    assert_eq!(files.asked(), ["GET /a.crl", "POST /ocsp", "POST /ocsp"]);
    // Where the list says revoked, nobody is asked further.
    files.put("/a.crl", Reply::Body(ca.crl()));
    expect(&ask(&ca, &[&old])[0], "revoked by crl superseded", "");
    assert_eq!(files.asked().len(), 4);
}

#[test]
fn who_does_not_answer_leaves_it_unknown_within_the_limit() {
    let (ca, files) = (Ca::new(), Files::new());
    let closed = format!("http://127.0.0.1:{}/", free_port());
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'x'; 300 * 1024]].concat();
    let table = [
        (closed, "no connection: connection refused"),
        (files.put("/silent", Reply::Silent), "no answer within 1.5 s"),
        (
            files.put("/garbage", Reply::Raw(b"\0\x01nonsense\r\n\r\n".to_vec())),
            "the answer is not HTTP, or its head is too long",
        ),
        (files.put("/empty", Reply::Raw(Vec::new())), "closed without an answer"),
        (files.put("/500", Reply::Status(500)), "HTTP status 500"),
        (
            files.put("/301", Reply::Redirect(files.url("/never"))),
            "HTTP status 301; redirects are not followed",
        ),
        (files.put("/html", Reply::Body(b"<html>".to_vec())), "what came is no OCSP answer that can be read"),
        (files.put("/later", Reply::Body(b"\x30\x03\x0a\x01\x03".to_vec())), "the responder says: try later"),
        (
            files.put("/no", Reply::Body(b"\x30\x03\x0a\x01\x06".to_vec())),
            "the responder says: unauthorized, so it does not speak for this certificate",
        ),
        (files.put("/endless", Reply::Raw(endless)), "the body of the answer is longer than 262144 bytes"),
        ("https://127.0.0.1/".to_owned(), "its address is https, and only http is asked"),
        // A label of 64 letters cannot be asked for, so that no name server is.
        (format!("http://{}/", "a".repeat(64)), "its host has no address"),
    ];
    for (url, why) in table {
        let leaf = ca.issue("a.test", &[], &[&url]);
        let began = Instant::now();
        expect(&ask(&ca, &[&leaf])[0], "unknown by nobody", &format!("OCSP: {why}"));
        assert!(began.elapsed() < Duration::from_secs(6), "{url}");
    }
    assert!(!files.asked().iter().any(|a| a.contains("never")), "a redirect was followed");
}

#[test]
fn a_list_without_an_answer_does_not_spoil_a_responder_that_has_one() {
    let (ca, files) = (Arc::new(Ca::new()), Files::new());
    let answer = |ca: &Ca, request: &[u8]| ca.ocsp_answer(request, None, &["-ndays", "1"]);
    let ocsp = files.put("/ocsp", Reply::Made(answer, Arc::clone(&ca)));
    let (one, two) = (files.put("/gone.crl", Reply::Status(404)), "ldap:///CN=x");
    let leaf = ca.issue("a.test", &[&one, two], &[&ocsp]);
    let detail = "CRL 1: HTTP status 404; CRL 2: its address is LDAP, and only http is asked";
    expect(&ask(&ca, &[&leaf])[0], "good by ocsp", detail);
}

#[test]
fn who_cannot_be_asked_about_is_not_and_nobody_is_contacted() {
    let (ca, files) = (Ca::new(), Files::new());
    let url = files.put("/a.crl", Reply::Body(ca.crl()));
    let (with, without) = (ca.issue("a.test", &[&url], &[]), ca.issue("b.test", &[], &[]));
    let mut no_serial = facts(&with);
    no_serial.serial = None;
    let mut no_details = facts(&with);
    no_details.details = None;
    let issuer = || Some(ca.issuer());
    let asked = vec![
        Asked { certificate: facts(&without), issuer: issuer() },
        Asked { certificate: facts(&with), issuer: None },
        Asked { certificate: facts(&with), issuer: Some(vec![0x30, 0]) },
        Asked { certificate: no_serial, issuer: issuer() },
        Asked { certificate: no_details, issuer: issuer() },
    ];
    let details: Vec<String> = ask_with(asked, &settings())
        .into_iter()
        .map(|r| format!("{}: {}", r.status, r.detail.unwrap()))
        .collect();
    let expected = [
        "unknown: it names neither CRL nor OCSP",
        "unknown: its issuer's certificate is not known, so no answer could be checked",
        "unknown: its issuer's certificate cannot be read",
        "unknown: its serial number is not known",
        "unknown: where it could be asked about is not known",
    ];
    assert_eq!(details, expected);
    assert_eq!(files.asked(), [""; 0]);
    assert_eq!(ask_with(Vec::new(), &settings()), []);
}

#[test]
fn a_dead_host_is_not_waited_for_again_and_again() {
    let (ca, files) = (Ca::new(), Files::new());
    let url = files.put("/silent", Reply::Silent);
    let leaves: Vec<Issued> = (0..6).map(|n| ca.issue(&format!("l{n}.test"), &[], &[&url])).collect();
    let began = Instant::now();
    let quick = Settings { timeout: Duration::from_millis(500), ..settings() };
    let asked = leaves.iter().map(|one| Asked { certificate: facts(one), issuer: Some(ca.issuer()) });
    let results = ask_with(asked.collect(), &quick);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    for (n, result) in results.iter().enumerate() {
        let why = if n < 3 {
            "OCSP: no answer within 0.5 s"
        } else {
            "OCSP: not asked, since its host did not answer 3 times running"
        };
        expect(result, "unknown by nobody", why);
    }
    assert_eq!(files.asked().len(), 3);
}
