//! STARTTLS in NNTP (RFC 4642).
//!
//! INN answers on its port with the transit server, which knows no STARTTLS and hands the connection over to the
//! reader's at `MODE READER`; so after a command that is not known, or the hint of 401 that the mode is wrong, that is
//! sent once. 580, no TLS for want of a key or of memory, counts as a refusal: the key is the usual reason.

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Replies, Reply, Text, Turn},
};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "nntp", wrap: Wrap::Nntp, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Nntp { replies: Replies::any_code(), stage: Stage::Greeting, switched: false }))
}

#[derive(Debug)]
struct Nntp {
    replies: Replies,
    stage: Stage,
    /// Whether MODE READER was sent.
    switched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Start,
    Mode,
}

/// 400 and 403, the service is not available for now; what else is in 4xx asks for other commands first.
const fn for_now(code: u16) -> bool {
    matches!(code, 400 | 403)
}

impl Nntp {
    fn start(&mut self, log: &mut Log) -> Turn {
        self.stage = Stage::Start;
        log.say("STARTTLS")
    }

    fn greeted(&mut self, code: u16, log: &mut Log) -> Turn {
        match code {
            200 | 201 | 400..=403 | 480 | 502 => log.came(format!("greeting, code {code}")),
            _ => return Turn::Foreign,
        }
        match code {
            200 | 201 => self.start(log),
            _ if for_now(code) => Turn::End(Ended::RateLimited),
            _ => Turn::End(Ended::Refused),
        }
    }

    fn started(&mut self, code: u16, log: &mut Log) -> Turn {
        match code {
            382 => {
                log.came(format!("STARTTLS accepted, code {code}"));
                Turn::Tls
            }
            _ if for_now(code) => {
                log.came(format!("STARTTLS put off, code {code}"));
                Turn::End(Ended::RateLimited)
            }
            400..=599 => {
                log.came(format!("STARTTLS refused, code {code}"));
                if !self.switched && matches!(code, 401 | 500 | 501) {
                    self.switched = true;
                    self.stage = Stage::Mode;
                    return log.say("MODE READER");
                }
                Turn::End(Ended::Refused)
            }
            _ => Turn::End(Ended::Garbled),
        }
    }

    fn switched(&mut self, code: u16, log: &mut Log) -> Turn {
        match code {
            200..=299 => {
                log.came(format!("MODE READER accepted, code {code}"));
                self.start(log)
            }
            400..=599 => {
                log.came(format!("MODE READER refused, code {code}"));
                Turn::End(if for_now(code) { Ended::RateLimited } else { Ended::Refused })
            }
            _ => Turn::End(Ended::Garbled),
        }
    }
}

impl Protocol for Nntp {
    const OWN: &'static [Greeting] = &[Greeting::Nntp];

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        let greeting = self.stage == Stage::Greeting;
        let Some(Reply { code, last, .. }) = self.replies.read(line) else {
            return if greeting { Turn::Foreign } else { Turn::End(Ended::Garbled) };
        };
        if !last {
            // No reply of NNTP has several lines.
            return if greeting { Turn::Foreign } else { Turn::End(Ended::Garbled) };
        }
        match self.stage {
            Stage::Greeting => {
                let turn = self.greeted(code, log);
                if turn != Turn::Foreign {
                    log.banner(line);
                }
                turn
            }
            Stage::Start => self.started(code, log),
            Stage::Mode => self.switched(code, log),
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
    fn starttls_leads_to_tls() {
        for script in [&b"200 news.example InterNetNews\r\n382 Begin\r\n"[..], b"201 no posting\n382\n"] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "STARTTLS\r\n");
        }
    }

    #[test]
    fn the_reader_is_asked_for_once() {
        for code in ["401", "500", "501"] {
            let script = format!("200 innd\r\n{code} what\r\n200 nnrpd\r\n382 go\r\n");
            let outcome = leads_to_tls(&ENTRY, script.as_bytes());
            assert_eq!(sent(&outcome), "STARTTLS\r\nMODE READER\r\nSTARTTLS\r\n");
        }
        ends(&ENTRY, b"200 innd\r\n500 what\r\n200 nnrpd\r\n500 what\r\n", Ended::Refused);
        ends(&ENTRY, b"200 innd\r\n500 what\r\n502 no\r\n", Ended::Refused);
        ends(&ENTRY, b"200 innd\r\n500 what\r\n400 later\r\n", Ended::RateLimited);
        ends(&ENTRY, b"200 innd\r\n500 what\r\n111 date\r\n", Ended::Garbled);
    }

    #[test]
    fn refusals_are_told_from_delays() {
        for (script, ended) in [
            (&b"400 too many\r\n"[..], Ended::RateLimited),
            (b"502 not you\r\n", Ended::Refused),
            (b"480 log in\r\n", Ended::Refused),
            (b"200 x\r\n400 later\r\n", Ended::RateLimited),
            (b"200 x\r\n403 fault\r\n", Ended::RateLimited),
            (b"200 x\r\n480 log in\r\n", Ended::Refused),
            (b"200 x\r\n483 encrypt\r\n", Ended::Refused),
            (b"200 x\r\n502 no\r\n", Ended::Refused),
            (b"200 x\r\n580 no key\r\n", Ended::Refused),
            (b"200 x\r\n382-go\r\n", Ended::Garbled),
            (b"200 x\r\nwhat\r\n", Ended::Garbled),
            (b"220 mx ESMTP\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"421 bye\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"hello\r\n", Ended::NotThis(None)),
        ] {
            ends(&ENTRY, script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(&ENTRY, &[b"200 ", b"201 x\r\n", b"382", b"382 ", b"500 ", b"401 ", b"400 ", b"-", b"\0"]);
        assert_eq!(flood(&ENTRY, b"200 ", b"x"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"200 x\r\n", b"x"), Ended::Garbled);
    }

    #[test]
    fn the_banner_is_kept_and_no_word_of_it_noted() {
        let outcome = leads_to_tls(&ENTRY, b"200 news INN 2.7.0 ready\r\n382 Begin\r\n");
        assert_eq!(outcome.banner, b"200 news INN 2.7.0 ready");
        notes_hide(&outcome, "INN");
        notes_hide(&outcome, "Begin");
    }
}
