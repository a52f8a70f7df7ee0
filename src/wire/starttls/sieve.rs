//! STARTTLS in ManageSieve (RFC 5804).
//!
//! The server begins with its capabilities, one on a line, each a string or two, and ends them with `OK`. A string may
//! be a literal, which may hold line feeds and anything else. STARTTLS is tried also where it is not among them.

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Text, Turn, begins, literal, response_code, temporary},
};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "sieve", wrap: Wrap::Sieve, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Sieve::default()))
}

#[derive(Debug, Default)]
struct Sieve {
    begun: bool,
    offered: bool,
    asked: bool,
}

/// Takes a quoted string or a literal off the beginning. Escapes stay as they are.
fn string<'a>(line: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = line.trim_ascii_start();
    let (found, rest) = if let Some(quoted) = text.strip_prefix(b"\"") {
        let mut escaped = false;
        let end = quoted.iter().position(|b| {
            let closes = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            closes
        })?;
        (quoted.get(..end)?, quoted.get(end + 1..)?)
    } else {
        let feed = text.iter().position(|b| *b == b'\n')?;
        let announced = text.get(..feed).filter(|head| head.starts_with(b"{"))?;
        let length = literal(announced.trim_ascii_end())?;
        text.get(feed + 1..)?.split_at_checked(length)?
    };
    *line = rest;
    Some(found)
}

/// The end for NO and BYE: by the response code, or by the words where there is none.
fn refusal(subject: &str, text: &[u8], log: &mut Log) -> Turn {
    let later = match response_code(text) {
        Some(code) => begins(code, "TRYLATER"),
        None => temporary(text),
    };
    log.came(format!("{subject}{}", if later { " for now" } else { "" }));
    Turn::End(if later { Ended::RateLimited } else { Ended::Refused })
}

impl Sieve {
    fn capability(&mut self, mut line: &[u8], log: &mut Log) -> Option<()> {
        let name = string(&mut line)?;
        if name.eq_ignore_ascii_case(b"STARTTLS") {
            self.offered = true;
        }
        if name.eq_ignore_ascii_case(b"IMPLEMENTATION")
            && let Some(value) = string(&mut line)
        {
            log.banner(value);
        }
        Some(())
    }
}

impl Protocol for Sieve {
    const OWN: &'static [Greeting] = &[Greeting::Sieve];

    fn literals(_: &[u8]) -> bool {
        true
    }

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        if begins(line, "BYE") {
            return refusal("goodbye", line.get(3..).unwrap_or_default(), log);
        }
        if self.asked {
            if begins(line, "OK") {
                log.came("STARTTLS accepted");
                return Turn::Tls;
            }
            if begins(line, "NO") {
                return refusal("STARTTLS refused", line.get(2..).unwrap_or_default(), log);
            }
            return Turn::End(Ended::Garbled);
        }
        if self.begun && begins(line, "OK") {
            let offered = if self.offered { "STARTTLS offered" } else { "STARTTLS not offered" };
            log.came(format!("greeting, ok, {offered}"));
            self.asked = true;
            return log.say("STARTTLS");
        }
        if self.begun && begins(line, "NO") {
            return refusal("greeting, no", line.get(2..).unwrap_or_default(), log);
        }
        match self.capability(line, log) {
            Some(()) => {
                self.begun = true;
                Turn::More
            }
            None if self.begun => Turn::End(Ended::Garbled),
            None => Turn::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play, sent},
        *,
    };

    const CAPABILITIES: &[u8] =
        b"\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\n\
        \"VERSION\" \"1.0\"\r\nOK \"Dovecot ready.\"\r\n";

    #[test]
    fn starttls_leads_to_tls() {
        for script in [
            &[CAPABILITIES, b"OK \"Begin TLS negotiation now.\"\r\n"].concat()[..],
            b"\"IMPLEMENTATION\" {17}\r\nOK\r\nOK\r\n\"a\" \"b\"\r\n\"starttls\"\nOK\nOK\n",
            b"{14}\r\nIMPLEMENTATION {2}\r\nOK\r\n{8+}\r\nSTARTTLS\r\nok {3}\r\nOK\n\r\nOK\r\n",
            b"\"IMPLEMENTATION\" \"a \\\" {5}\"\r\nOK\r\nOK (TAG) {4}\r\n\r\n\r\n\r\n",
        ] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "STARTTLS\r\n");
        }
    }

    #[test]
    fn what_was_offered_is_noted() {
        for (script, offered) in [
            (CAPABILITIES, "greeting, ok, STARTTLS offered"),
            (b"\"IMPLEMENTATION\" \"STARTTLS\"\r\nOK\r\n", "greeting, ok, STARTTLS not offered"),
            (b"{14}\r\nIMPLEMENTATION \"x\"\r\n{8}\r\nSTARTTLS\r\nOK\r\n", "greeting, ok, STARTTLS offered"),
        ] {
            assert!(
                play(&ENTRY, script).notes.contains(&super::super::Note::Came(offered.into())),
                "{offered}"
            );
        }
    }

    #[test]
    fn refusals_are_told_from_delays() {
        let after = |answer: &[u8]| [CAPABILITIES, answer].concat();
        for (script, ended) in [
            (after(b"NO \"TLS not available\"\r\n"), Ended::Refused),
            (after(b"NO (TRYLATER) \"x\"\r\n"), Ended::RateLimited),
            (after(b"NO\r\n"), Ended::Refused),
            (after(b"BYE (TRYLATER) \"x\"\r\n"), Ended::RateLimited),
            (after(b"BYE\r\n"), Ended::Refused),
            (after(b"\"IMPLEMENTATION\" \"x\"\r\n"), Ended::Garbled),
            (after(b"OKAY\r\n"), Ended::Garbled),
            (b"BYE (TRYLATER) \"shutting down\"\r\n".to_vec(), Ended::RateLimited),
            (b"BYE \"Too many connections\"\r\n".to_vec(), Ended::RateLimited),
            (b"BYE (REFERRAL \"sieve://x\") \"try again there\"\r\n".to_vec(), Ended::Refused),
            (b"\"IMPLEMENTATION\" \"x\"\r\nNO\r\n".to_vec(), Ended::Refused),
            (b"\"IMPLEMENTATION\" \"x\"\r\nwhat\r\n".to_vec(), Ended::Garbled),
            (b"\"IMPLEMENTATION\" {99999}\r\n".to_vec(), Ended::Garbled),
            (b"\"IMPLEMENTATION\r\n".to_vec(), Ended::NotThis(None)),
            (b"* OK imap\r\n".to_vec(), Ended::NotThis(Some(Greeting::Imap))),
            (b"220 mx LMTP\r\n".to_vec(), Ended::NotThis(Some(Greeting::Lmtp))),
            (b"OK\r\n".to_vec(), Ended::NotThis(None)),
        ] {
            ends(&ENTRY, &script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(
            &ENTRY,
            &[
                b"\"IMPLEMENTATION\" \"x\"\r\n",
                b"\"STARTTLS\"",
                b"OK",
                b"NO ",
                b"BYE ",
                b"{3}\r\n",
                b"{2+}\n",
                b"\"",
                b"\\",
                b"(TRYLATER)",
                b"\0",
            ],
        );
        assert_eq!(flood(&ENTRY, b"", b"\"SIEVE\" \"x\"\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"\"IMPLEMENTATION\" {60000}\r\n", b"x"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"\"x", b"x"), Ended::NotThis(None));
    }

    #[test]
    fn the_implementation_is_the_banner_and_no_word_of_it_noted() {
        let outcome = leads_to_tls(&ENTRY, &[CAPABILITIES, b"OK \"Begin\"\r\n"].concat());
        assert_eq!(outcome.banner, b"Dovecot Pigeonhole");
        notes_hide(&outcome, "Dovecot");
        notes_hide(&outcome, "Begin");
    }
}
