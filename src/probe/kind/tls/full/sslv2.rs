//! Whether SSL 2.0 is spoken: one CLIENT-HELLO, and what comes. Nothing is sent after it.

use super::line::unreached;
use crate::{
    model::asked::{Asked, Came, Question},
    probe::{certificate::Leaf, context::Context, dial::Wait, kind::Target, link::Link, trace::Way},
    wire::tls::{
        alert,
        sslv2::{self, Answer},
    },
};

const SSLV2: Question = Question::Sslv2;

/// Asks once.
pub(super) async fn ask(target: Target<'_>, context: &Context) -> Asked {
    let limits = context.settings.timeouts;
    let mut link = match Box::pin(Link::open(target, context, limits)).await {
        Ok(link) => link,
        Err(unlinked) => return unreached(SSLV2, unlinked),
    };
    let mut out = Vec::new();
    sslv2::encode_client_hello(&mut out, &rand::random());
    target.tell(Way::Sent, || "CLIENT-HELLO of SSL 2.0, every kind of cipher".to_owned());
    let _ = link.send(&out, limits.step).await; // what went wrong shows in what is received
    let mut heard: Vec<u8> = Vec::new();
    let wait = link
        .receive(limits.step, |bytes| {
            let room = sslv2::MAX_ANSWER.saturating_sub(heard.len());
            heard.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            heard.len() >= sslv2::MAX_ANSWER || sslv2::read(&heard) != Answer::More
        })
        .await;
    let asked = read(&heard, wait);
    target.tell(Way::Came, || asked.answer());
    asked
}

/// What was heard, as an answer.
fn read(heard: &[u8], wait: Wait) -> Asked {
    let other = |detail: String| {
        let mut asked = Asked::ended(SSLV2, Came::Other);
        asked.detail = Some(detail);
        asked
    };
    match sslv2::read(heard) {
        Answer::Hello(hello) => {
            let mut asked = Asked::ended(SSLV2, Came::Taken);
            asked.ciphers = u32::try_from(hello.kinds).ok();
            asked.spki_sha256 = Leaf::read(hello.certificate).certificate.spki_sha256;
            asked
        }
        Answer::Alert(found) if found.code == alert::CLOSE_NOTIFY => Asked::ended(SSLV2, Came::Closed),
        Answer::Alert(found) => Asked::refused(SSLV2, found.code),
        Answer::Error(code) => other(format!("an error of SSL 2.0, number {code}")),
        Answer::Other => other("neither SSL 2.0 nor an alert".to_owned()),
        Answer::More => match wait {
            Wait::TimedOut => Asked::ended(SSLV2, Came::Silent),
            Wait::Closed | Wait::Reset if !heard.is_empty() => other("an answer that breaks off".to_owned()),
            Wait::Closed => Asked::ended(SSLV2, Came::Closed),
            Wait::Reset => Asked::ended(SSLV2, Came::Reset),
            Wait::Met | Wait::Flooded => other("an answer that does not end".to_owned()),
        },
    }
}
