//! AUTH TLS in FTP (RFC 4217), and AUTH SSL for servers older than that.

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Replies, Reply, Text, Turn},
};
use crate::{
    model::wrap::Wrap,
    wire::greeting::{Greeting, recognise},
};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "ftp", wrap: Wrap::Ftp, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Ftp {
        replies: Replies::same_code(),
        greeting: None,
        stage: Stage::Greeting,
        begun: false,
    }))
}

#[derive(Debug)]
struct Ftp {
    replies: Replies,
    /// What the greeting looks like.
    greeting: Option<Greeting>,
    stage: Stage,
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Tls,
    Ssl,
}

impl Ftp {
    fn greeted(&mut self, code: u16, log: &mut Log) -> Turn {
        log.came(format!("greeting, code {code}"));
        match code {
            120 => Turn::More, // ready in some minutes: a 220 follows
            220 => {
                self.stage = Stage::Tls;
                log.say("AUTH TLS")
            }
            400..=499 => Turn::End(Ended::RateLimited),
            500..=599 => Turn::End(Ended::Refused),
            _ => Turn::End(Ended::Garbled),
        }
    }

    fn answered(&mut self, code: u16, log: &mut Log) -> Turn {
        let asked = if self.stage == Stage::Tls { "AUTH TLS" } else { "AUTH SSL" };
        match code {
            234 | 334 => {
                log.came(format!("{asked} accepted, code {code}"));
                Turn::Tls
            }
            400..=499 => {
                log.came(format!("{asked} put off, code {code}"));
                Turn::End(Ended::RateLimited)
            }
            500..=599 => {
                log.came(format!("{asked} refused, code {code}"));
                match self.greeting {
                    _ if self.stage == Stage::Tls => {
                        self.stage = Stage::Ssl;
                        log.say("AUTH SSL")
                    }
                    Some(other @ (Greeting::Smtp | Greeting::Lmtp)) => Turn::End(Ended::NotThis(Some(other))),
                    _ => Turn::End(Ended::Refused),
                }
            }
            _ => Turn::End(Ended::Garbled),
        }
    }
}

impl Protocol for Ftp {
    const OWN: &'static [Greeting] = &[Greeting::Smtp, Greeting::Lmtp, Greeting::Ftp, Greeting::SmtpOrFtp];

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        let first = !std::mem::replace(&mut self.begun, true);
        let Some(Reply { code, last, .. }) = self.replies.read(line) else {
            return if first { Turn::Foreign } else { Turn::End(Ended::Garbled) };
        };
        if first && !matches!(code, 120 | 220 | 400..=599) {
            return Turn::Foreign;
        }
        if self.stage == Stage::Greeting && self.greeting.is_none() && code != 120 {
            // A bare code tells nothing but that it is one of these.
            self.greeting = recognise(line).or(Some(Greeting::SmtpOrFtp));
            log.banner(line);
        }
        match self.stage {
            _ if !last => Turn::More,
            Stage::Greeting => self.greeted(code, log),
            Stage::Tls | Stage::Ssl => self.answered(code, log),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, sent},
        *,
    };

    #[test]
    fn auth_tls_leads_to_tls() {
        for script in [
            &b"220 (vsFTPd 3.0.3)\r\n234 Proceed with negotiation.\r\n"[..],
            b"220\n334\n",
            b"220-Welcome\r\n530 is not the end\r\n   220 nor is this\r\n220-nor this\r\n220 now\r\n234 ok\r\n",
            b"120 ready in 1 minute\r\n220 ready\r\n234-one\r\n234 two\r\n",
            b"220 \0\r\n234 ok\r\n",
        ] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "AUTH TLS\r\n");
        }
    }

    #[test]
    fn auth_ssl_is_tried_once() {
        let outcome = leads_to_tls(&ENTRY, b"220 old\r\n504 Auth type not supported\r\n334 AUTH SSL ok\r\n");
        assert_eq!(sent(&outcome), "AUTH TLS\r\nAUTH SSL\r\n");
        let outcome = ends(&ENTRY, b"220 old\r\n530 login\r\n530 login\r\n", Ended::Refused);
        assert_eq!(sent(&outcome), "AUTH TLS\r\nAUTH SSL\r\n");
    }

    #[test]
    fn refusals_are_told_from_delays() {
        for (script, ended) in [
            (&b"421 Too many users\r\n"[..], Ended::RateLimited),
            (b"120 soon\r\n421 not so soon\r\n", Ended::RateLimited),
            (b"220 x\r\n421 bye\r\n", Ended::RateLimited),
            (b"220 x\r\n431 no resource\r\n", Ended::RateLimited),
            (b"220 x\r\n500 what\r\n421 bye\r\n", Ended::RateLimited),
            (b"530 not you\r\n", Ended::Refused),
            (b"220 x\r\n200 fine\r\n", Ended::Garbled),
            (b"220 x\r\nwhat\r\n", Ended::Garbled),
            (b"120 soon\r\nwhat\r\n", Ended::Garbled),
            (b"220 mx ESMTP\r\n502 no\r\n502 no\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", Ended::NotThis(Some(Greeting::Ssh))),
            (b"200 news ready\r\n", Ended::NotThis(Some(Greeting::Nntp))),
            (b"230 x\r\n", Ended::NotThis(None)),
        ] {
            ends(&ENTRY, script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(
            &ENTRY,
            &[b"220 ", b"220-", b"120 a", b"234 ", b"234-", b"504 ", b"421 ", b"220 x\r\n", b"\0"],
        );
        assert_eq!(flood(&ENTRY, b"220-x\r\n", b"y\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"", b"120 soon\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"220 ", b"y"), Ended::Garbled);
    }

    #[test]
    fn the_banner_is_kept_and_no_word_of_it_noted() {
        let outcome = leads_to_tls(&ENTRY, b"220-(vsFTPd 3.0.3)\r\n220 hello\r\n234 Proceed\r\n");
        assert_eq!(outcome.banner, b"220-(vsFTPd 3.0.3)");
        notes_hide(&outcome, "vsFTPd");
        notes_hide(&outcome, "Proceed");
    }
}
