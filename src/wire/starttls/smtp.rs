//! STARTTLS in SMTP (RFC 3207), and the machine that LMTP shares.
//!
//! `STARTTLS` is tried even where EHLO was refused or did not offer it: filters on the way blank the keyword out of the
//! answer, and what stands behind them may take the command all the same. It costs one round trip, and a server that
//! means it says no (Postfix and Dovecot without TLS, and Postfix told to hide the keyword: 502).

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Replies, Reply, Text, Turn, begins},
};
use crate::{
    model::wrap::Wrap,
    wire::greeting::{Greeting, recognise},
};

/// The name that we greet with: one that nobody can own (RFC 2606).
const OURSELVES: &str = "allclear.invalid";

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "smtp", wrap: Wrap::Smtp, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Smtp::new("EHLO", &[Greeting::Lmtp, Greeting::Ftp])))
}

/// The machine of SMTP and LMTP.
#[derive(Debug)]
pub(super) struct Smtp {
    replies: Replies,
    /// `EHLO` or `LHLO`.
    hello: &'static str,
    /// What it is when the greeting says so and the hello is refused.
    others: &'static [Greeting],
    stage: Stage,
    begun: bool,
    /// What the greeting looks like.
    greeting: Option<Greeting>,
    /// Whether the answer to our hello names STARTTLS.
    offered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Hello,
    Start,
}

impl Smtp {
    pub(super) const fn new(hello: &'static str, others: &'static [Greeting]) -> Self {
        Self {
            replies: Replies::any_code(),
            hello,
            others,
            stage: Stage::Greeting,
            begun: false,
            greeting: None,
            offered: false,
        }
    }

    fn greeted(&mut self, code: u16, log: &mut Log) -> Turn {
        log.came(format!("greeting, code {code}"));
        match code {
            220 => {
                self.stage = Stage::Hello;
                log.said(self.hello);
                Turn::Say(format!("{} {OURSELVES}\r\n", self.hello).into_bytes())
            }
            400..=499 => Turn::End(Ended::RateLimited),
            500..=599 => Turn::End(Ended::Refused),
            _ => Turn::End(Ended::Garbled),
        }
    }

    fn answered(&mut self, code: u16, log: &mut Log) -> Turn {
        match code {
            250 if self.offered => {
                log.came(format!("{} accepted, code {code}, STARTTLS offered", self.hello));
            }
            250 => log.came(format!("{} accepted, code {code}, STARTTLS not offered", self.hello)),
            400..=499 => {
                log.came(format!("{} put off, code {code}", self.hello));
                return Turn::End(Ended::RateLimited);
            }
            500..=599 => {
                log.came(format!("{} refused, code {code}", self.hello));
                if let Some(other) = self.greeting.filter(|greeting| self.others.contains(greeting)) {
                    return Turn::End(Ended::NotThis(Some(other)));
                }
            }
            _ => return Turn::End(Ended::Garbled),
        }
        self.stage = Stage::Start;
        log.say("STARTTLS")
    }

    fn started(code: u16, log: &mut Log) -> Turn {
        match code {
            220 => {
                log.came(format!("STARTTLS accepted, code {code}"));
                Turn::Tls
            }
            400..=499 => {
                log.came(format!("STARTTLS put off, code {code}"));
                Turn::End(Ended::RateLimited)
            }
            500..=599 => {
                log.came(format!("STARTTLS refused, code {code}"));
                Turn::End(Ended::Refused)
            }
            _ => Turn::End(Ended::Garbled),
        }
    }
}

impl Protocol for Smtp {
    const OWN: &'static [Greeting] = &[Greeting::Smtp, Greeting::Lmtp, Greeting::Ftp, Greeting::SmtpOrFtp];

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        let first = !std::mem::replace(&mut self.begun, true);
        let Some(Reply { code, last, text }) = self.replies.read(line) else {
            return if first { Turn::Foreign } else { Turn::End(Ended::Garbled) };
        };
        if first {
            if !matches!(code, 220 | 400..=599) {
                return Turn::Foreign;
            }
            self.greeting = recognise(line);
            log.banner(line);
        }
        if self.stage == Stage::Hello && code == 250 {
            self.offered |= begins(text.trim_ascii_start(), "STARTTLS");
        }
        match self.stage {
            _ if !last => Turn::More,
            Stage::Greeting => self.greeted(code, log),
            Stage::Hello => self.answered(code, log),
            Stage::Start => Self::started(code, log),
        }
    }
}

#[cfg(test)]
mod tests;
