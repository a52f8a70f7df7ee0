//! The steps of a look in words, for `allclear probe`. Our own words and numbers; no byte that a server chose.

use std::fmt::Write as _;

use super::session::Missed;
use crate::{
    model::observation::{Answer, Attempt},
    probe::{flight::Facts, link, tls13::Shown},
    wire::tls::{
        hello::Hello,
        suites::{self, Offer},
    },
};

/// A hello that goes out.
pub(in crate::probe::kind) fn hello(hello: Hello<'_>) -> String {
    let suites = match hello.offer {
        Offer::Certificates => "every suite with a certificate",
        Offer::LastResort => "anonymous, PSK and export suites",
        Offer::Short => "a short list of suites",
        Offer::Anything => "a list of any kind of suite",
        Offer::Finishable => "suites with which a handshake can be finished",
        Offer::Fallback => "every suite with a certificate, marked as a fallback",
        Offer::Cbc => "CBC suites alone",
        Offer::RsaExport => "RSA_EXPORT suites alone",
        Offer::DheExport => "DHE_EXPORT suites alone",
        Offer::Dhe => "DHE suites alone",
        Offer::RsaExchange => "suites with RSA key exchange alone",
        Offer::EmptySecret => "AES-128-GCM alone",
        _ => "suites of the other kind of key alone",
    };
    let mut text = format!("ClientHello, {} at most, {suites}", hello.version);
    if hello.sends_sni() {
        text.extend([", SNI ", hello.sni.unwrap_or_default()]);
    } else {
        text.push_str(", without SNI");
    }
    text.push_str(if hello.offers_heartbeat() { ", heartbeats offered" } else { ", heartbeats not offered" });
    text
}

/// A server's flight up to ServerHelloDone.
pub(in crate::probe::kind) fn flight(facts: &Facts) -> String {
    let certificates = facts.chain.len();
    format!(
        "ServerHello {}, {}, heartbeats {}; {}{}; ServerHelloDone",
        facts.version,
        suites::name(facts.suite),
        if facts.heartbeat { "acknowledged" } else { "not acknowledged" },
        match certificates {
            0 => "no certificate".to_owned(),
            1 => "one certificate".to_owned(),
            n => format!("{n} certificates"),
        },
        if facts.staple.is_some() { " and an OCSP answer" } else { "" },
    )
}

/// A whole handshake of TLS 1.3.
pub(in crate::probe::kind) fn tls13(shown: &Shown) -> String {
    format!(
        "TLSv1.3, {}, {} certificates: the handshake is whole",
        suites::name(shown.suite),
        shown.chain.len()
    )
}

/// A handshake that did not come about.
pub(in crate::probe::kind) fn missed(missed: Missed) -> String {
    match missed {
        Missed::NoConnection(contact) => format!("no connection: {contact}"),
        Missed::Closed => "closed without a byte".to_owned(),
        Missed::TimedOut => "silence within the limit".to_owned(),
        Missed::Unlinked(unlinked) => link::words(unlinked),
        Missed::NotTls(Some(greeting)) => format!("no TLS: a greeting of {greeting}"),
        Missed::NotTls(None) => "no TLS: bytes of a protocol that is not known here".to_owned(),
        Missed::StillPlain => "plain text where TLS should have begun".to_owned(),
        Missed::Broken => "TLS, and then nothing that can be read".to_owned(),
        Missed::Alert(code) => alert(code),
    }
}

/// An alert by its number and name.
pub(super) fn alert(code: u8) -> String {
    format!("alert {code}{}", alert_name(code))
}

/// The question: one heartbeat whose whole payload is sent and whose padding is missing.
pub(in crate::probe::kind) fn malformed(length: u16) -> String {
    format!("heartbeat, malformed: claims {length} bytes, carries {length} of ours, no padding")
}

/// The control.
pub(in crate::probe::kind) fn well_formed(length: u16) -> String {
    format!("heartbeat, well formed: {length} bytes of ours and 16 of padding")
}

/// The poke.
pub(in crate::probe::kind) fn poke() -> String {
    "an empty ServerHelloDone, out of order: provokes an alert, which also flushes what is held back"
        .to_owned()
}

/// What came after a step.
pub(in crate::probe::kind) fn answer(answer: Answer) -> String {
    match answer {
        Answer::Echoed => "a heartbeat answer with exactly our own bytes".to_owned(),
        Answer::Other { len } => format!("a heartbeat message of {len} bytes that does not hold ours"),
        Answer::Silent => "silence within the wait".to_owned(),
        Answer::Alert { level, code } => {
            let level = if level == 2 { "fatal alert" } else { "alert" };
            format!("{level} {code}{}", alert_name(code))
        }
        Answer::Closed => "the connection was closed without an alert".to_owned(),
        Answer::Reset => "the connection was reset".to_owned(),
        Answer::Unexpected { content_type: 0 } => "bytes that are no TLS record".to_owned(),
        Answer::Unexpected { content_type } => {
            format!("a record of type {content_type}, which has no place there")
        }
    }
}

/// What an attempt comes to, before anything is concluded from it.
pub(in crate::probe::kind) fn attempt(attempt: &Attempt) -> String {
    let step = |name: &str, came: Option<Answer>| came.map(|a| format!("{name}: {}", answer(a)));
    let steps = [
        step("malformed", attempt.malformed),
        step("well formed", attempt.control),
        step("poke", attempt.poke),
        step("well formed alone, on one more connection", attempt.alone),
    ];
    let mut text = steps.into_iter().flatten().collect::<Vec<_>>().join("; ");
    if let Some(up) = attempt.still_up {
        text.push_str(if up {
            "; a plain handshake still works"
        } else {
            "; no handshake comes about any more"
        });
    }
    if let Some(pairs) = attempt.pairs.filter(|pairs| pairs.sent > 0) {
        let _ = write!(text, "; {} of {} well-formed ones answered", pairs.answered, pairs.sent);
    }
    if text.is_empty() {
        text.push_str("no heartbeat was asked");
    }
    format!("{text}. Foreign bytes: {}", attempt.foreign_bytes)
}

/// The usual name of an alert (RFC 5246, 7.2; RFC 6066; RFC 8446).
const fn alert_name(code: u8) -> &'static str {
    match code {
        0 => " (close_notify)",
        10 => " (unexpected_message)",
        20 => " (bad_record_mac)",
        22 => " (record_overflow)",
        40 => " (handshake_failure)",
        42 => " (bad_certificate)",
        47 => " (illegal_parameter)",
        50 => " (decode_error)",
        70 => " (protocol_version)",
        71 => " (insufficient_security)",
        80 => " (internal_error)",
        86 => " (inappropriate_fallback)",
        109 => " (missing_extension)",
        112 => " (unrecognized_name)",
        116 => " (certificate_required)",
        120 => " (no_application_protocol)",
        _ => "",
    }
}
