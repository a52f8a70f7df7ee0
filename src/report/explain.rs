//! The closed lists in plain words, short enough for one line of a terminal beside their code.

use crate::model::{
    facet::{Regression, State},
    verdict::Reason,
};

/// A reason, said of the service: `it …`.
pub const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::MalformedHeartbeatAnswered => "leaks memory to malformed heartbeats",
        Reason::FixProved => "ignores malformed heartbeats: fixed",
        Reason::HeartbeatRefused => "refuses heartbeats",
        Reason::Blocked => "a filter on the way may hide it",
        Reason::UnexpectedAnswer => "answered a heartbeat with other bytes than ours",
        Reason::HeartbeatNotAnswered => "answers no heartbeat at all",
        Reason::Tls13Only => "speaks TLS 1.3 only, which cannot have the hole",
        Reason::NotTls => "is open and does not speak TLS",
        Reason::WrapMismatch => "greets with another protocol than declared",
        Reason::StackNotAffected => "its TLS library never had the hole",
        Reason::PackageAffected => "its package is affected, by its distribution",
        Reason::VersionAffected => "its version is in the affected range",
        Reason::FeaturePresent => "the affected code is in its binary",
        Reason::FeatureAbsent => "the affected code is not in its binary",
        Reason::PackageFixed => "its package is fixed, by its distribution",
        Reason::VersionNotAffected => "its version is outside the affected range",
        Reason::NotAsked => "not asked: --depth full asks about it",
        Reason::Sslv3CbcTaken => "takes SSLv3 with CBC suites",
        Reason::Sslv3CbcRefused => "refuses SSLv3, or its CBC suites",
        Reason::EarlyCcsTaken => "takes a ChangeCipherSpec before any key",
        Reason::EarlyCcsRefused => "refuses a ChangeCipherSpec before any key",
        Reason::RsaExportTaken => "takes RSA export suites",
        Reason::RsaExportRefused => "refuses RSA export suites",
        Reason::DheExportTaken => "takes Diffie-Hellman export suites",
        Reason::DhPrimeShort => "its Diffie-Hellman prime is under 1024 bits",
        Reason::DhPrimeShared => "its 1024-bit prime is shared by many",
        Reason::DhPrimeUnknown => "its prime has 1024 bits and is in no list",
        Reason::DhPrimeLong => "its Diffie-Hellman prime is long enough",
        Reason::DheRefused => "refuses Diffie-Hellman (DHE)",
        Reason::Sslv2Spoken => "speaks SSLv2",
        Reason::KeySharedWithSslv2 => "its key is served over SSLv2 elsewhere",
        Reason::Sslv2NoCiphers => "speaks SSLv2 and names no cipher",
        Reason::Sslv2Refused => "refuses SSLv2",
        Reason::RsaKeyExchangeOffered => "offers RSA key exchange; no more is asked",
        Reason::RsaKeyExchangeRefused => "refuses RSA key exchange",
        Reason::EndedWithoutAlert => "hung up without an alert, as a filter would",
        Reason::OtherAnswer => "answered something else than was asked",
        Reason::WrapUnsupported => "allclear cannot speak its protocol yet",
        Reason::TransportNotAffected => "is not reached over UDP, which the hole needs",
        Reason::KeyWeak => "serves a key that is known to be weak",
        Reason::KeyNotWeak => "serves no key with this weakness",
        Reason::KeyKindNotAffected => "serves a kind of key that cannot have it",
        Reason::ListDoesNotCover => "no list of weak keys that was given covers its key",
        Reason::KeyNotSeen => "no key was seen that could be looked at",
        Reason::BranchNotAnalysed => "no probe and no record tells: nobody analysed it",
        Reason::RowUnconfirmed => "the catalogue's entry is not confirmed",
        Reason::SymbolsUnavailable => "its binary's symbols could not be read",
        Reason::BackportLikely => "its version may carry the fix as a backport",
        Reason::BannerOnly => "only a banner is known, which proves nothing",
        Reason::HandshakeFailed => "no TLS handshake came about",
        Reason::ProbeTimedOut => "took the connection and stayed silent",
        Reason::ClosedEarly => "closed the connection before TLS",
        Reason::StarttlsRefused => "does not offer STARTTLS",
        Reason::RateLimited => "asked to be contacted less often",
        Reason::LocalError => "this machine ran out of files or ports",
        Reason::Interrupted => "the sweep was stopped before its turn",
        Reason::Refused => "refuses connections on this port",
        Reason::NoRoute => "no route to it from here",
        Reason::ConnectTimedOut => "did not take the connection in time",
        Reason::DnsFailed => "its name has no address",
        Reason::Fragile => "marked fragile, so it was not asked",
        Reason::OutOfScope => "outside the scope, so it was not contacted",
        Reason::Excluded => "excluded, so it was not contacted",
    }
}

/// Why a verdict with this reason follows from what came, for whoever doubts it.
pub const fn because(reason: Reason) -> &'static str {
    if let Some(text) = of_full_depth(reason) {
        return text;
    }
    match reason {
        Reason::MalformedHeartbeatAnswered => {
            "The malformed heartbeat claimed and carried the same bytes, but no padding. Fixed code drops such a message (1 + 2 + payload + 16 must fit the record); this server answered it with exactly our bytes, so the bounds check is missing. It would answer a larger claim with its own memory; that is never asked for"
        }
        Reason::FixProved => {
            "The well-formed heartbeat was answered and the malformed one was not: the server speaks heartbeats and checks their length. That is the fix itself at work"
        }
        Reason::HeartbeatRefused => {
            "The heartbeat was refused: by alert 10, or by an end that a well-formed heartbeat met in the same way while the extension was offered and not acknowledged. A server without heartbeat code does that; nothing can be read out of it this way"
        }
        Reason::Blocked => {
            "What ended the connection may have been a filter on the way: the well-formed heartbeat alone did not end in the same way, or a handshake that worked before does not any more. Nothing was learned of the server itself"
        }
        Reason::UnexpectedAnswer => {
            "Something came that is neither our own payload nor an alert. Nobody can say what it means, so it is no verdict"
        }
        Reason::HeartbeatNotAnswered => {
            "Neither heartbeat was answered, and the out-of-order record ended the conversation. Where the extension was offered and not acknowledged, that is a server without heartbeats; else silence proves nothing"
        }
        Reason::Tls13Only => {
            "Nothing older than TLS 1.3 was accepted. The code with the hole cannot speak TLS 1.3"
        }
        Reason::NotTls => "The port is open and speaks another protocol, in which TLS cannot be begun",
        Reason::WrapMismatch => {
            "The greeting belongs to another protocol than the one that was asked for, and no way to TLS was found"
        }
        Reason::StarttlsRefused => {
            "The protocol answered and does not offer TLS, or refused it. Whether the software behind has the hole on another port is not known"
        }
        Reason::RateLimited => {
            "The service asked to come again later, was waited for once, and asked again. Try later, or from an address that it knows"
        }
        Reason::HandshakeFailed => {
            "No handshake up to ServerHelloDone came about, so no question could be asked"
        }
        Reason::ProbeTimedOut => {
            "The connection stood and then nothing came within the limit, twice. Silence is never taken for clean"
        }
        Reason::ClosedEarly => "The connection was closed before TLS was spoken, at every try",
        Reason::Fragile => {
            "The device is one that a probe may hang (by its row, its tags or its certificate): a handshake was made and no question asked"
        }
        Reason::BannerOnly | Reason::BranchNotAnalysed => {
            "The network cannot ask about this disclosure. Evidence of the host's packages or files can decide it: `allclear host collect`, then `allclear assess`"
        }
        Reason::Refused | Reason::NoRoute | Reason::ConnectTimedOut | Reason::DnsFailed => {
            "Nothing was reached, so nothing is known: unreachable is never clean"
        }
        Reason::TransportNotAffected => {
            "The hole needs DTLS, and this endpoint is reached over TCP. What the same process may answer over UDP is an endpoint of its own"
        }
        Reason::KeyWeak => {
            "The public half shows it: the modulus bears the mark of the faulty generator, or the key stands in a list of weak keys that was given. No new version repairs it, only a new key does"
        }
        Reason::KeyNotWeak => {
            "Every key that was seen was looked at, and none has this weakness, by its mark or by lists that cover keys of its size"
        }
        Reason::KeyKindNotAffected => "Only RSA keys have this weakness, and none was seen here",
        Reason::ListDoesNotCover => {
            "Weak keys of this kind are known by lists alone. None was given (--weak-keys FILE), or none that covers the kind and size of a key that was seen"
        }
        Reason::KeyNotSeen => "No certificate was seen whose key could be looked at",
        _ => "Nothing that came decides it",
    }
}

/// The same for the questions of `--depth full`.
const fn of_full_depth(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NotAsked => {
            "This disclosure is asked about at --depth full, and this look was less deep. Nothing was learned about it"
        }
        Reason::Sslv3CbcTaken => {
            "SSLv3 was offered alone, with CBC suites alone, and taken. That is the whole hole: the padding of those suites cannot be checked. Whether the mark of a fallback (TLS_FALLBACK_SCSV) is honoured stands among the answers; it protects clients that send it and closes nothing"
        }
        Reason::Sslv3CbcRefused => {
            "SSLv3 was offered alone, and refused by an alert: as a whole, or with its CBC suites"
        }
        Reason::EarlyCcsTaken => {
            "A ChangeCipherSpec went out before any key was exchanged. Fixed code refuses it by alert 10; this server took it, and then tried to decrypt what nobody could have encrypted (alert 20), or read what was sealed with the keys of an empty secret"
        }
        Reason::EarlyCcsRefused => {
            "A ChangeCipherSpec went out before any key was exchanged, and was refused by alert 10: that is the fix at work"
        }
        Reason::RsaExportTaken => {
            "RSA_EXPORT suites were offered alone, and one was taken: whoever sits in the middle can force it on a client that has the flaw, and break its key in hours"
        }
        Reason::RsaExportRefused => {
            "RSA_EXPORT suites were offered alone, and refused by an alert. Clients are another half of the matter, which no look at a server shows"
        }
        Reason::DheExportTaken => {
            "DHE_EXPORT suites were offered alone, and one was taken: whoever sits in the middle can force it on a client, and break its prime of 512 bits in minutes"
        }
        Reason::DhPrimeShort => {
            "The server's Diffie-Hellman prime has less than 1024 bits, which is within reach of many"
        }
        Reason::DhPrimeShared => {
            "The server's Diffie-Hellman prime has 1024 bits and is one that many servers share: whoever broke it once reads all of them"
        }
        Reason::DhPrimeUnknown => {
            "The server's Diffie-Hellman prime has 1024 bits and is in no list of shared ones here. If it is the server's own, breaking it pays for nobody but a state; whether it is, nobody can see from outside"
        }
        Reason::DhPrimeLong => {
            "Export suites were refused by an alert, and the server's Diffie-Hellman prime has more than 1024 bits"
        }
        Reason::DheRefused => {
            "Ephemeral Diffie-Hellman was refused by an alert, with export suites and without"
        }
        Reason::Sslv2Spoken => {
            "A hello of SSLv2 was answered in kind, with a certificate and ciphers. Every service with this key is in danger, here and elsewhere"
        }
        Reason::KeySharedWithSslv2 => {
            "Another endpoint speaks SSLv2 with the very key that is served here: recorded sessions of this service can be decrypted through it"
        }
        Reason::Sslv2NoCiphers => {
            "A hello of SSLv2 was answered with a certificate and no cipher. Before 1.0.1r and 1.0.2f OpenSSL lets a client use one all the same (CVE-2015-3197); to find out would take a key exchange, which is not done"
        }
        Reason::Sslv2Refused => {
            "A hello of SSLv2 was refused by an alert. That no other service speaks it with the same key is seen when the whole fleet is swept at full depth"
        }
        Reason::RsaKeyExchangeOffered => {
            "RSA key exchange is offered, which the attack needs. Whether the server tells right padding from wrong is not asked: that would be the attack's own first step, handshakes with padding that is wrong on purpose"
        }
        Reason::RsaKeyExchangeRefused => {
            "RSA key exchange was offered alone, and refused by an alert: without it there is nothing to attack"
        }
        Reason::EndedWithoutAlert => {
            "The connection was closed or reset where an alert was due. Some servers never get their alerts out (old node, dovecot), and a filter that knows the question does the same: nobody can tell the two apart from here"
        }
        Reason::OtherAnswer => {
            "Something came that is no answer to the question. Nobody can say what it means, so it is no verdict"
        }
        _ => return None,
    })
}

/// A state: what it means for whoever has to act.
pub const fn state(state: State) -> &'static str {
    match state {
        State::Regressed => "was closed, and went backwards",
        State::Contradicted => "said to be done, seen not to be",
        State::Exposed => "the hole is open: patch, then restart",
        State::Unknown => "could not be judged: not clean",
        State::PatchedNotRestarted => "old code still runs: restart",
        State::RekeyedTooEarly => "new key made while it leaked: make another",
        State::ClosedKeyAtRisk => "hole closed; still serves an exposed key",
        State::PresumedAffected => "clean now, may have leaked before: new key",
        State::RekeyedOldNotRevoked => "new key; revoke the old certificate",
        State::SecretsPending => "its secrets are still to be rotated",
        State::AwaitingVerification => "all done once; a later sweep must confirm",
        State::Stale => "verified, and not seen for too long",
        State::Verified => "done and confirmed",
        State::NotAffected => "cannot have the hole",
        State::Waived => "accepted by a person, with an end",
        State::Decommissioned => "gone",
    }
}

/// A regression.
pub const fn regression(code: Regression) -> &'static str {
    match code {
        Regression::R1 => "vulnerable again",
        Regression::R2 => "an exposed key is served again",
        Regression::R3 => "new certificate on an exposed key",
        Regression::R4 => "mixed: some addresses are old",
        Regression::R5 => "an old secret is accepted",
        Regression::R6 => "a revoked certificate is served",
        Regression::R7 => "new endpoint of a verified service",
        Regression::R8 => "verified, and not seen for too long",
        Regression::R9 => "its waiver has run out",
        Regression::R10 => "clean probe, old library on the host",
    }
}

/// A gate's result, as in `verify --json`.
pub fn gate(result: &str) -> &'static str {
    match result {
        "holds" => "nothing that it asks for is open",
        "open" => "something that it asks for is still open",
        "incomplete" => "nothing is known to be open, and not everything could be judged",
        "regressed" => "something that was closed went backwards",
        _ => "see the changes",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_fits_on_a_line_with_its_code_and_no_two_read_alike() {
        let mut seen = BTreeSet::new();
        for &r in Reason::ALL {
            let words = reason(r);
            assert!(seen.insert(words), "`{words}` stands for two reasons");
            let shown = 8 + words.len() + 3 + r.as_str().len();
            assert!(shown <= 80, "{r} takes {shown} columns");
        }
    }

    #[test]
    fn every_state_fits_beside_its_name() {
        for &s in State::ALL {
            assert!(state(s).len() <= 43, "{s}: {}", state(s).len());
        }
        assert!(!state(State::Unknown).starts_with("clean"), "unknown is never clean");
    }
}
