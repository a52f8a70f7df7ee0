//! The other questions of `--depth full`: versions, suites, an early ChangeCipherSpec, SSL 2.0. One connection each, one
//! after the other. What came is recorded as it came; nothing here says vulnerable or clean.
//!
//! An alert is an answer. A close or a reset where an alert was due is none: a filter does the same, and no further
//! question tells the two apart: what is no more to a server's taste than this one, and harmless to a filter, the server
//! behind the filter ends in the same way whether it has the hole or not. node 0.8 and 0.10 and dovecot 2.3 are such
//! servers (measured). The heartbeat question is another matter: there a server with the hole answers the harmless half.

mod ccs;
mod line;
mod sslv2;

use std::sync::Arc;

use line::Line;

use super::{First, Way as Reached, open_tls13, session::Missed};
use crate::{
    model::{
        asked::{Asked, Came, Question},
        observation::TlsVersion,
    },
    probe::{context::Context, kind::Target, tls13::Schemes, trace::Way},
    wire::tls::{
        hello::Hello,
        suites::{self, Offer},
    },
};

/// Questions in a row that found nobody: the rest is not asked, since something turned against us.
const PATIENCE: usize = 2;

const VERSIONS: &[(Question, TlsVersion)] = &[
    (Question::Sslv3, TlsVersion::Ssl3),
    (Question::Tls10, TlsVersion::Tls10),
    (Question::Tls11, TlsVersion::Tls11),
    (Question::Tls12, TlsVersion::Tls12),
];

/// Asks everything, of an endpoint with which a handshake came about.
pub(super) async fn ask_all(first: &First<'_>, target: Target<'_>, context: &Context) -> Vec<Asked> {
    let hello = match first.way {
        Reached::Hello(hello) => hello,
        Reached::Tls13 => Hello::first(target.sni),
    };
    // Under the name that worked.
    let target = if matches!(first.way, Reached::Hello(_)) && !hello.sends_sni() {
        Target { sni: None, ..target }
    } else {
        target
    };
    let mut desk = Desk { hello, target, context, asked: Vec::new() };
    desk.versions().await;
    if let Some(best) = desk.best() {
        desk.ask_fallback().await;
        desk.ask_early_ccs(best).await;
        for (question, offer) in
            [(Question::RsaExport, Offer::RsaExport), (Question::DheExport, Offer::DheExport)]
        {
            desk.ask_export(question, offer, best).await;
        }
        desk.ask_suites(Question::Dhe, Offer::Dhe, best).await;
        desk.ask_suites(Question::RsaExchange, Offer::RsaExchange, best).await;
    }
    desk.ask_sslv2().await;
    desk.asked
}

/// Who is asked, how, and what came so far.
struct Desk<'a> {
    hello: Hello<'a>,
    target: Target<'a>,
    context: &'a Context,
    asked: Vec<Asked>,
}

impl Desk<'_> {
    /// Whether asking on makes sense.
    fn is_over(&self) -> bool {
        let lost = self.asked.iter().rev().take_while(|a| a.came == Came::Unreached).count();
        lost >= PATIENCE
    }

    /// Says what comes next; false where nothing does.
    fn begin(&self, question: Question) -> bool {
        if self.is_over() {
            return false;
        }
        self.target.tell(Way::Note, || format!("Question: {}", question.words()));
        true
    }

    fn came(&self, question: Question) -> Option<Came> {
        self.asked.iter().find(|a| a.question == question).map(|a| a.came)
    }

    /// The versions up to TLS 1.2 that were taken, newest first.
    fn taken(&self) -> impl Iterator<Item = TlsVersion> + '_ {
        let is_taken = |question: &Question| self.came(*question) == Some(Came::Taken);
        VERSIONS.iter().rev().filter(move |(question, _)| is_taken(question)).map(|(_, version)| *version)
    }

    fn best(&self) -> Option<TlsVersion> {
        self.taken().next()
    }

    /// One version after the other, each as the highest; taken is what was chosen exactly.
    async fn versions(&mut self) {
        for (question, version) in VERSIONS {
            if self.begin(*question) {
                let hello = Hello { version: *version, ..self.hello };
                let asked = self.ask_hello(*question, hello).await;
                self.asked.push(exactly(asked, *version));
            }
            // Where SSL 3.0 was refused as a whole, its suites are as well.
            if *question == Question::Sslv3
                && self.came(*question) != Some(Came::Alert)
                && self.begin(Question::Sslv3Cbc)
            {
                let hello = Hello { version: *version, offer: Offer::Cbc, ..self.hello };
                let asked = self.ask_hello(Question::Sslv3Cbc, hello).await;
                self.asked.push(exactly(asked, *version));
            }
        }
        if self.begin(Question::Tls13) {
            let limits = self.context.settings.timeouts;
            let opened = Box::pin(open_tls13(self.target, self.context, Schemes::Any, limits)).await;
            self.asked.push(match opened {
                Ok(shown) => {
                    let mut asked = Asked::ended(Question::Tls13, Came::Taken);
                    asked.version = Some(TlsVersion::Tls13);
                    asked.cipher = Some(Arc::from(suites::name(shown.suite)));
                    asked
                }
                Err(missed) => of_missed(Question::Tls13, missed),
            });
        }
    }

    /// A hello below the best version with the mark of a fallback; only where there is something below it.
    async fn ask_fallback(&mut self) {
        let has_tls13 = self.came(Question::Tls13) == Some(Came::Taken);
        let Some(version) = self.taken().nth(usize::from(!has_tls13)) else { return };
        if self.begin(Question::FallbackScsv) {
            let hello = Hello { version, offer: Offer::Fallback, ..self.hello };
            let mut asked = self.ask_hello(Question::FallbackScsv, hello).await;
            asked.offered = Some(version);
            self.asked.push(asked);
        }
    }

    async fn ask_early_ccs(&mut self, version: TlsVersion) {
        if self.begin(Question::EarlyCcs) {
            let hello = Hello { version, ..self.hello };
            let asked = Box::pin(ccs::ask(hello, self.target, self.context)).await;
            self.asked.push(asked);
        }
    }

    async fn ask_suites(&mut self, question: Question, offer: Offer, version: TlsVersion) {
        if self.begin(question) {
            let mut asked = self.ask_hello(question, Hello { version, offer, ..self.hello }).await;
            asked.offered = Some(version);
            self.asked.push(asked);
        }
    }

    /// Export suites belong to SSL 3.0 and TLS 1.0. OpenSSL takes them in any version, others in those alone: both are
    /// asked where they are not the same.
    async fn ask_export(&mut self, question: Question, offer: Offer, best: TlsVersion) {
        self.ask_suites(question, offer, best).await;
        let old = self.taken().find(|version| *version <= TlsVersion::Tls10);
        if let Some(old) = old.filter(|old| *old != best && self.came(question) != Some(Came::Taken)) {
            self.ask_suites(question, offer, old).await;
        }
    }

    async fn ask_sslv2(&mut self) {
        if self.begin(Question::Sslv2) {
            let asked = Box::pin(sslv2::ask(self.target, self.context)).await;
            self.asked.push(asked);
        }
    }

    async fn ask_hello(&self, question: Question, hello: Hello<'_>) -> Asked {
        match Box::pin(Line::open(question, hello, self.target, self.context)).await {
            Err(asked) => *asked,
            Ok(line) => {
                let offered = line.facts().is_some_and(|f| hello.numbers().contains(&f.suite));
                let mut asked = line.taken(question);
                if !offered {
                    asked.came = Came::Other;
                    asked.detail = Some("it chose what was not on offer".to_owned());
                }
                asked
            }
        }
    }
}

/// A question for one version, to which a server that chose another one did not agree.
fn exactly(mut asked: Asked, version: TlsVersion) -> Asked {
    if asked.came == Came::Taken && asked.version != Some(version) {
        asked.came = Came::Other;
        asked.detail = Some("an older version than was asked for".to_owned());
    }
    (asked.bits, asked.group) = (None, None); // of the key exchange, which this is not about
    asked
}

/// How a whole handshake that did not come about answers a question.
fn of_missed(question: Question, missed: Missed) -> Asked {
    let ended = |came| Asked::ended(question, came);
    match missed {
        Missed::Alert(code) => Asked::refused(question, code),
        Missed::NoConnection(_) => ended(Came::Unreached),
        Missed::Unlinked(unlinked) => line::unreached(question, unlinked),
        Missed::Closed => ended(Came::Closed),
        Missed::TimedOut => ended(Came::Silent),
        Missed::NotTls(_) | Missed::StillPlain | Missed::Broken => ended(Came::Other),
    }
}
