//! STARTTLS in IMAP (RFC 9051).
//!
//! `CAPABILITY` is not asked, as in POP3. Untagged lines may come at any time and are passed over, with the literals
//! in them; the text of a status is free and may look as if it announced one.

use super::{
    Asked, Dialogue, Ended, Entry, MAX_BANNER,
    lines::{Log, Protocol, Text, Turn, begins, response_code, temporary},
};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "imap", wrap: Wrap::Imap, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Imap::default()))
}

const STATUS: [&str; 5] = ["OK", "NO", "BAD", "PREAUTH", "BYE"];

#[derive(Debug, Default)]
struct Imap {
    asked: bool,
}

/// The status word that a text begins with, and what follows it.
fn status(text: &[u8]) -> Option<(&'static str, &[u8])> {
    let word = STATUS.into_iter().find(|word| begins(text, word))?;
    Some((word, text.get(word.len()..).unwrap_or_default()))
}

/// What a greeting says of the server. A list of capabilities can be longer than all that is kept: then what follows it.
fn itself(line: &[u8]) -> &[u8] {
    let behind = line.iter().position(|b| *b == b']').and_then(|end| line.get(end + 1..));
    behind.filter(|_| line.len() > MAX_BANNER).unwrap_or(line)
}

/// The end for a refusal: by its response code (RFC 5530), or by its words where it has none.
fn refusal(subject: &str, text: &[u8], log: &mut Log) -> Turn {
    let later = match response_code(text) {
        Some(code) => ["UNAVAILABLE", "INUSE", "LIMIT"].iter().any(|known| begins(code, known)),
        None => temporary(text),
    };
    log.came(format!("{subject}{}", if later { " for now" } else { "" }));
    Turn::End(if later { Ended::RateLimited } else { Ended::Refused })
}

impl Imap {
    fn greeting(&mut self, text: &[u8], log: &mut Log) -> Turn {
        match status(text) {
            Some(("OK", _)) => {
                log.came("greeting, ok");
                self.asked = true;
                log.said("STARTTLS");
                Turn::Say(b"a1 STARTTLS\r\n".to_vec())
            }
            Some(("PREAUTH", _)) => {
                // STARTTLS is for those who are not logged in yet.
                log.came("greeting, logged in already");
                Turn::End(Ended::Refused)
            }
            Some(("BYE", rest)) => refusal("greeting, goodbye", rest, log),
            _ => Turn::Foreign,
        }
    }
}

impl Protocol for Imap {
    const OWN: &'static [Greeting] = &[Greeting::Imap];

    fn literals(line: &[u8]) -> bool {
        line.strip_prefix(b"* ").is_some_and(|text| status(text).is_none())
    }

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        if let Some(text) = line.strip_prefix(b"* ") {
            if !self.asked {
                let turn = self.greeting(text, log);
                if turn != Turn::Foreign {
                    log.banner(itself(line));
                }
                return turn;
            }
            return match status(text) {
                Some(("BYE", rest)) => refusal("goodbye", rest, log),
                _ => Turn::More,
            };
        }
        if !self.asked {
            return Turn::Foreign;
        }
        match line.split_at_checked(3).map(|(tag, text)| (tag.eq_ignore_ascii_case(b"a1 "), status(text))) {
            Some((true, Some(("OK", _)))) => {
                log.came("STARTTLS accepted");
                Turn::Tls
            }
            Some((true, Some(("NO" | "BAD", rest)))) => refusal("STARTTLS refused", rest, log),
            _ => Turn::End(Ended::Garbled),
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
        for script in [
            &b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\na1 OK Begin TLS negotiation now.\r\n"[..],
            b"* ok\na1 ok\n",
            b"* OK x\r\n* CAPABILITY IMAP4rev1\r\n* OK still here\r\nA1 OK\r\n",
            // A literal that looks like our answer, and a text that looks like a literal.
            b"* OK x\r\n* LIST {17}\r\na1 OK not yet now more {5+}\r\na1 OK end\r\na1 OK\r\n",
            b"* OK ready {5}\r\na1 OK go\r\n",
        ] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "a1 STARTTLS\r\n");
        }
    }

    #[test]
    fn refusals_are_told_from_delays() {
        for (script, ended) in [
            (&b"* OK x\r\na1 BAD unknown\r\n"[..], Ended::Refused),
            (b"* OK x\r\na1 NO [UNAVAILABLE] x\r\n", Ended::RateLimited),
            (b"* OK x\r\na1 NO [limit] x\r\n", Ended::RateLimited),
            (b"* OK x\r\na1 NO [INUSE] x\r\n", Ended::RateLimited),
            (b"* OK x\r\na1 NO [CANNOT] x\r\n", Ended::Refused),
            (b"* OK x\r\n* BYE [UNAVAILABLE] x\r\n", Ended::RateLimited),
            (b"* OK x\r\n* BYE x\r\n", Ended::Refused),
            (b"* BYE Too many connections\r\n", Ended::RateLimited),
            (b"* BYE not you\r\n", Ended::Refused),
            (b"* PREAUTH welcome\r\n", Ended::Refused),
            (b"* OK x\r\na2 OK x\r\n", Ended::Garbled),
            (b"* OK x\r\na1 PREAUTH x\r\n", Ended::Garbled),
            (b"* OK x\r\n+ go on\r\n", Ended::Garbled),
            (b"* OK x\r\na1\r\n", Ended::Garbled),
            (b"* OK x\r\n* LIST {99999999999999999999999}\r\n", Ended::Garbled),
            (b"* BAD x\r\n", Ended::Garbled),
            (b"* 12 EXISTS\r\n", Ended::NotThis(None)),
            (b"+OK POP3\r\n", Ended::NotThis(Some(Greeting::Pop3))),
            (b"\"IMPLEMENTATION\" \"x\"\r\n", Ended::NotThis(Some(Greeting::Sieve))),
        ] {
            ends(&ENTRY, script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(
            &ENTRY,
            &[
                b"* OK",
                b"* BYE ",
                b"a1 OK",
                b"a1 NO ",
                b"* LIST ",
                b"{3}",
                b"{2+}",
                b"{70000}",
                b"* OK x\r\n",
                b"\0",
            ],
        );
        assert_eq!(flood(&ENTRY, b"* OK x\r\n", b"* 1 EXISTS\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"* OK x\r\n* LIST {60000}\r\n", b"x"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"* OK", b" "), Ended::Garbled);
    }

    #[test]
    fn the_banner_is_kept_and_no_word_of_it_noted() {
        let outcome = leads_to_tls(&ENTRY, b"* OK Dovecot ready.\r\na1 OK Begin\r\n");
        assert_eq!(outcome.banner, b"* OK Dovecot ready.");
        notes_hide(&outcome, "Dovecot");
        notes_hide(&outcome, "Begin");
        let long = format!("* OK [CAPABILITY{}] Dovecot ready.\r\na1 OK\r\n", " X=YZ".repeat(60));
        assert_eq!(leads_to_tls(&ENTRY, long.as_bytes()).banner, b" Dovecot ready.");
    }
}
