//! STLS in POP3 (RFC 2595).
//!
//! `CAPA` is not asked: a server without STLS says so when it meets it, which saves a round trip and finds one that
//! only hides it.

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Text, Turn, begins, response_code, temporary},
};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "pop3", wrap: Wrap::Pop3, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Pop3::default()))
}

#[derive(Debug, Default)]
struct Pop3 {
    asked: bool,
}

/// Whether a refusal is one for now: by its response code (RFC 2449, 8; RFC 3206), or by its words where it has none.
fn for_now(text: &[u8]) -> bool {
    match response_code(text) {
        Some(code) => ["SYS/TEMP", "IN-USE", "LOGIN-DELAY"].iter().any(|known| begins(code, known)),
        None => temporary(text),
    }
}

impl Protocol for Pop3 {
    const OWN: &'static [Greeting] = &[Greeting::Pop3];

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        let subject = if self.asked { "STLS" } else { "greeting" };
        if !self.asked && (begins(line, "+OK") || begins(line, "-ERR")) {
            log.banner(line);
        }
        if begins(line, "+OK") {
            log.came(format!("{subject}, ok"));
            if self.asked {
                return Turn::Tls;
            }
            self.asked = true;
            return log.say("STLS");
        }
        if begins(line, "-ERR") {
            let later = for_now(line.get(4..).unwrap_or_default());
            log.came(format!("{subject}, {}", if later { "an error for now" } else { "an error" }));
            return Turn::End(if later { Ended::RateLimited } else { Ended::Refused });
        }
        if self.asked { Turn::End(Ended::Garbled) } else { Turn::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, sent},
        *,
    };

    #[test]
    fn stls_leads_to_tls() {
        for script in [
            &b"+OK Dovecot ready.\r\n+OK Begin TLS negotiation now.\r\n"[..],
            b"+OK\n+ok\n",
            b"+OK <1896.697170952@host.example>\r\n+OK\r\n",
            b"\r\n+OK nul \0 inside\r\n+OK\r\r\n",
        ] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "STLS\r\n");
        }
    }

    #[test]
    fn refusals_are_told_from_delays() {
        for (script, ended) in [
            (&b"+OK x\r\n-ERR unknown command\r\n"[..], Ended::Refused),
            (b"+OK x\r\n-ERR\r\n", Ended::Refused),
            (b"+OK x\r\n-ERR [SYS/PERM] no certificate\r\n", Ended::Refused),
            (b"+OK x\r\n-ERR [sys/temp] later\r\n", Ended::RateLimited),
            (b"-ERR [IN-USE] locked\r\n", Ended::RateLimited),
            (b"-ERR [LOGIN-DELAY] wait\r\n", Ended::RateLimited),
            (b"-ERR Too many connections from your address\r\n", Ended::RateLimited),
            (b"-ERR not for you\r\n", Ended::Refused),
            (b"+OK x\r\nwhat\r\n", Ended::Garbled),
            (b"+OK x\r\n220 go\r\n", Ended::Garbled),
            (b"* OK IMAP\r\n", Ended::NotThis(Some(Greeting::Imap))),
            (b"220 mx ESMTP\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"+OKAY\r\n", Ended::Garbled),
            (b"hello\r\n", Ended::NotThis(None)),
        ] {
            ends(&ENTRY, script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(&ENTRY, &[b"+OK", b"-ERR", b"[SYS/TEMP]", b"[", b"]", b"\0", b"+OK x\r\n"]);
        assert_eq!(flood(&ENTRY, b"+OK", b"A"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"+OK x\r\n", b"A"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"", b"A"), Ended::NotThis(None));
        assert_eq!(flood(&ENTRY, b"", b"\r\n"), Ended::NotThis(None));
        assert_eq!(flood(&ENTRY, b"", b"\0"), Ended::NotThis(None));
    }

    #[test]
    fn the_banner_is_kept_and_no_word_of_it_noted() {
        let outcome = leads_to_tls(&ENTRY, b"+OK Dovecot ready.\r\n+OK Begin\r\n");
        assert_eq!(outcome.banner, b"+OK Dovecot ready.");
        notes_hide(&outcome, "Dovecot");
        notes_hide(&outcome, "Begin");
        let outcome = ends(&ENTRY, b"-ERR [IN-USE] secret\r\n", Ended::RateLimited);
        notes_hide(&outcome, "secret");
    }
}
