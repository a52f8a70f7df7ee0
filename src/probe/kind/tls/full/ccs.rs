//! A ChangeCipherSpec right after ServerHelloDone, and then a record that nobody can decrypt (CVE-2014-0224). Code with
//! the flaw takes the first, makes keys of nothing, and stumbles over the second: alert 20 (OpenSSL 1.0.1e, measured).
//! Fixed code refuses the first: alert 10 (1.0.1l, 1.0.1u, 1.0.2d, 1.0.2q, 3.0 and GnuTLS, measured).
//!
//! node 0.10.0 (1.0.1e as well) has the flaw and never gets its alerts out: silence, then a close (measured). A close alone
//! says nothing, so on one more connection records are sealed with the very keys that such a server makes: one that reads
//! several of them without a word, and ends at the first that is sealed with nothing, has shown that it made those keys.

use super::line::{Heard, Line, shown};
use crate::{
    model::{
        asked::{Asked, Came, Question},
        observation::TlsVersion,
    },
    probe::{context::Context, kind::Target, trace::Way},
    wire::tls::{
        alert, empty_secret::ClientKeys, handshake, hello::Hello, record, suites::Offer, version_number,
    },
};

/// Sealed records that are sent in turn, pieces of a ClientKeyExchange that is never finished: a server that reads them
/// waits for the rest. Each has its own wait, so that one that closes late is not taken for one that reads.
const SEALED: &[&[u8]] = &[&[16, 0, 1, 2, 1], &[0, 0], &[0, 0]];
/// Bytes of the record that nobody can decrypt: whole blocks, and long enough for every suite.
const JUNK: usize = 64;

/// Asks, on a hello that the server took.
pub(super) async fn ask(hello: Hello<'_>, target: Target<'_>, context: &Context) -> Asked {
    let mut line = match Line::open(Question::EarlyCcs, hello, target, context).await {
        Ok(line) => line,
        Err(asked) if asked.came == Came::Alert => {
            // To the hello, which it took before; not to anything that is asked here.
            let mut other = Asked::ended(Question::EarlyCcs, Came::Other);
            other.detail = Some(format!("no flight this time: {}", asked.answer()));
            return other;
        }
        Err(asked) => return *asked,
    };
    let Some(version) = line.facts().map(|f| f.version) else {
        return Asked::ended(Question::EarlyCcs, Came::Other);
    };
    let first = change(&mut line, version, target).await;
    let mut heard = first;
    if first == Heard::Silence {
        heard = stumble(&mut line, version, target).await;
    }
    let mut asked = heard.asked(Question::EarlyCcs);
    if let Some(facts) = line.facts() {
        shown(&mut asked, facts);
        (asked.bits, asked.group) = (None, None); // of the key exchange, which this is not about
    }
    drop(line); // never two connections at once to one port
    match (first, heard) {
        (Heard::Alert(alert::BAD_RECORD_MAC), _) => {
            asked.came = Came::Other;
            asked.detail = Some("alert 20 before anything was there to decrypt".to_owned());
        }
        (Heard::Silence, end) if end.is_mute_end() => {
            asked.detail = Some("at the record that nobody can decrypt, not before".to_owned());
            if version == TlsVersion::Tls12 {
                prove(&mut asked, hello, target, context).await;
            }
        }
        _ => {}
    }
    asked
}

/// Sends the ChangeCipherSpec and waits a short while.
async fn change(line: &mut Line<'_>, version: TlsVersion, target: Target<'_>) -> Heard {
    let mut out = Vec::new();
    record::encode(&mut out, record::CHANGE_CIPHER_SPEC, version_number(version), &[1]);
    target.tell(Way::Sent, || "ChangeCipherSpec, before any key was exchanged".to_owned());
    let wait = line.short_wait();
    let heard = line.say(&out, wait).await;
    target.tell(Way::Came, || heard.words());
    heard
}

/// Sends what nobody can decrypt, twice where silence follows: something in between may hold the first one back.
async fn stumble(line: &mut Line<'_>, version: TlsVersion, target: Target<'_>) -> Heard {
    // Read in the clear it is a message out of order: a server that ignored the first record refuses it by alert 10.
    let mut junk = Vec::with_capacity(JUNK);
    handshake::encode_message(&mut junk, handshake::SERVER_HELLO_DONE, &rand::random::<[u8; JUNK - 4]>());
    let mut out = Vec::new();
    record::encode(&mut out, record::HANDSHAKE, version_number(version), &junk);
    target.tell(Way::Sent, || format!("a record of {JUNK} bytes that nobody can decrypt"));
    let mut heard = Heard::Silence;
    for limit in [line.short_wait(), line.step()] {
        heard = line.say(&out, limit).await;
        if heard != Heard::Silence {
            break;
        }
    }
    target.tell(Way::Came, || heard.words());
    heard
}

/// On one more connection: whether the server made keys of nothing. Only that changes what is recorded.
async fn prove(asked: &mut Asked, hello: Hello<'_>, target: Target<'_>, context: &Context) {
    target.tell(Way::Note, || {
        "an end without an alert says nothing: records under the keys of an empty secret tell, on one more connection"
            .to_owned()
    });
    let hello = Hello { version: TlsVersion::Tls12, offer: Offer::EmptySecret, ..hello };
    let Ok(mut line) = Line::open(Question::EarlyCcs, hello, target, context).await else { return };
    let Some(mut keys) = line
        .facts()
        .filter(|f| f.version == TlsVersion::Tls12)
        .and_then(|f| ClientKeys::derive(&line.random, &f.random))
    else {
        return;
    };
    if change(&mut line, TlsVersion::Tls12, target).await != Heard::Silence {
        return;
    }
    let wait = line.short_wait().saturating_mul(2);
    target.tell(Way::Sent, || {
        format!(
            "{} pieces of a message, each sealed with the keys that follow from both hellos and an empty secret",
            SEALED.len()
        )
    });
    for piece in SEALED {
        let mut out = Vec::new();
        if keys.seal(&mut out, record::HANDSHAKE, piece).is_none() {
            return;
        }
        let heard = line.say(&out, wait).await;
        if heard != Heard::Silence {
            target.tell(Way::Came, || heard.words());
            return;
        }
    }
    target.tell(Way::Came, || "silence after each".to_owned());
    let end = stumble(&mut line, TlsVersion::Tls12, target).await;
    if end.is_mute_end() || end == Heard::Alert(alert::BAD_RECORD_MAC) {
        asked.came = Came::Taken;
        asked.detail = Some(
            "it read records under keys of an empty secret, and ended at one that nobody can decrypt"
                .to_owned(),
        );
    }
}
