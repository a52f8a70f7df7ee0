//! STARTTLS in IRC (IRCv3 `tls`).
//!
//! The client speaks at once; what servers tell meanwhile (looking up a name, a PING against spoofing) is passed over
//! or answered. No nick and no user is registered. InspIRCd without its module says nothing at all to STARTTLS; so the
//! capabilities are asked for first, and a list without `tls` is a refusal. Who offers it lists it.

use super::{
    Asked, Dialogue, Ended, Entry,
    lines::{Log, Protocol, Text, Turn, temporary},
};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The longest token that a PING gets back.
const MAX_TOKEN: usize = 128;

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "irc", wrap: Wrap::Irc, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Irc::default()))
}

#[derive(Debug, Default)]
struct Irc {
    begun: bool,
    /// Whether `CAP LS` was answered: what comes then is about STARTTLS.
    listed: bool,
    /// Whether the list has `tls` in it.
    offered: bool,
}

/// One message (RFC 2812, 2.3.1), its tags and its source left out.
struct Message<'a> {
    /// Whether it names who sent it, as servers do.
    sourced: bool,
    command: &'a [u8],
    parameters: &'a [u8],
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, rest.trim_ascii_start())
}

fn message(line: &[u8]) -> Message<'_> {
    let mut rest = line.trim_ascii_start();
    let mut sourced = false;
    if rest.starts_with(b"@") {
        rest = word(rest).1;
    }
    if rest.starts_with(b":") {
        sourced = true;
        rest = word(rest).1;
    }
    let (command, parameters) = word(rest);
    Message { sourced, command, parameters }
}

impl Message<'_> {
    fn is(&self, name: &str) -> bool {
        self.command.eq_ignore_ascii_case(name.as_bytes())
    }

    fn numeric(&self) -> Option<u16> {
        let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = self.command else {
            return None;
        };
        std::str::from_utf8(self.command).ok()?.parse().ok()
    }

    fn names(&self, word: &str) -> bool {
        let mut words = self.parameters.split(|b| *b == b' ');
        words.any(|w| w.strip_prefix(b":").unwrap_or(w).eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether a server that nobody registered with may begin like this. A number without a source is more likely the
    /// reply of a mail server.
    fn may_begin(&self) -> bool {
        ["NOTICE", "ERROR", "PING", "CAP"].iter().any(|name| self.is(name))
            || (self.sourced && self.numeric().is_some())
    }
}

impl Irc {
    /// A line of the list of capabilities: `CAP * LS :multi-prefix tls`, with another `*` where more follow.
    fn capabilities(&mut self, message: &Message<'_>, log: &mut Log) -> Turn {
        let (_, rest) = word(message.parameters);
        let (subcommand, rest) = word(rest);
        if self.listed || !subcommand.eq_ignore_ascii_case(b"LS") {
            return Turn::More;
        }
        self.offered |= message.names("tls");
        if word(rest).0 == b"*" {
            return Turn::More;
        }
        self.listed = true;
        if self.offered {
            log.came("tls offered");
            Turn::More
        } else {
            log.came("tls not offered");
            Turn::End(Ended::Refused)
        }
    }

    fn numeric(&mut self, numeric: u16, message: &Message<'_>, log: &mut Log) -> Turn {
        let ended = match numeric {
            670 => {
                log.came(format!("STARTTLS accepted, numeric {numeric}"));
                return Turn::Tls;
            }
            // The command is not known, or not before registration: the first such is about CAP.
            410 | 421 | 451 if !self.listed && !message.names("STARTTLS") => {
                log.came(format!("CAP refused, numeric {numeric}"));
                self.listed = true;
                return Turn::More;
            }
            // Try again later.
            263 => Ended::RateLimited,
            // STARTTLS failed; not known; not before registration; banned.
            691 | 421 | 451 | 465 => Ended::Refused,
            _ => return Turn::More,
        };
        log.came(format!("STARTTLS refused, numeric {numeric}"));
        Turn::End(ended)
    }
}

impl Protocol for Irc {
    const OWN: &'static [Greeting] = &[Greeting::Irc];

    fn open(&mut self, log: &mut Log) -> Option<Vec<u8>> {
        log.said("CAP LS");
        log.said("STARTTLS");
        Some(b"CAP LS\r\nSTARTTLS\r\n".to_vec())
    }

    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn {
        let message = message(line);
        if !self.begun && !message.may_begin() {
            return Turn::Foreign;
        }
        self.begun = true;
        if message.is("PING") {
            let token = message.parameters;
            log.came("PING");
            if token.is_empty() || token.len() > MAX_TOKEN {
                return Turn::More;
            }
            log.said("PONG");
            return Turn::Say([b"PONG ", token, b"\r\n"].concat());
        }
        if message.is("ERROR") {
            let later = temporary(message.parameters);
            log.came(if later { "closed with an error, for now" } else { "closed with an error" });
            return Turn::End(if later { Ended::RateLimited } else { Ended::Refused });
        }
        if message.is("CAP") {
            return self.capabilities(&message, log);
        }
        match message.numeric() {
            Some(numeric) => self.numeric(numeric, &message, log),
            None => Turn::More, // notices and whatever else is told
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play, sent},
        *,
    };

    #[test]
    fn starttls_leads_to_tls() {
        for script in [
            &b":irc.example 670 * :STARTTLS successful, go ahead with TLS handshake\r\n"[..],
            b":irc.example NOTICE * :*** Looking up your hostname...\r\n:irc.example 670 * :go\r\n",
            b"NOTICE AUTH :*** Checking Ident\n670 * :go\n",
            b"@time=2014-04-07T00:00:00Z :irc.example 670 * :go\r\n",
        ] {
            assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "CAP LS\r\nSTARTTLS\r\n");
        }
    }

    #[test]
    fn the_list_of_capabilities_decides_where_starttls_is_passed_over() {
        for script in [
            &b":irc.example CAP * LS :multi-prefix tls\r\n:irc.example 670 * :go\r\n"[..],
            b":irc.example CAP * LS * :tls\r\n:irc.example CAP * LS :sasl\r\n:irc.example 670 * :go\r\n",
            b":irc.example 421 * CAP :Unknown command\r\n:irc.example 670 * :go\r\n",
            b":irc.example 451 * :You have not registered\r\n:irc.example 670 * :go\r\n",
        ] {
            leads_to_tls(&ENTRY, script);
        }
        ends(&ENTRY, b":irc.example CAP * LS :multi-prefix cap-notify\r\n", Ended::Refused);
        ends(&ENTRY, b":irc.example CAP * LS :\r\n", Ended::Refused);
        ends(&ENTRY, b":irc.example CAP * LS :tls\r\n:irc.example 691 * :no\r\n", Ended::Refused);
        assert_eq!(play(&ENTRY, b":irc.example CAP * LS :tls\r\n:irc.example CAP * LS :x\r\n").ended, None);
    }

    #[test]
    fn a_ping_is_answered_with_its_token_unless_that_is_too_long() {
        let outcome = leads_to_tls(&ENTRY, b"PING :abc\0def\r\n:irc.example 670 * :go\r\n");
        assert_eq!(sent(&outcome), "CAP LS\r\nSTARTTLS\r\nPONG :abc\0def\r\n");
        let long = [b"PING :", &[b'x'; MAX_TOKEN][..], b"\r\n:irc.example 670 * :go\r\n"].concat();
        assert_eq!(sent(&leads_to_tls(&ENTRY, &long)), "CAP LS\r\nSTARTTLS\r\n");
        let bare = b"PING\r\n:irc.example 670 * :go\r\n";
        assert_eq!(sent(&leads_to_tls(&ENTRY, bare)), "CAP LS\r\nSTARTTLS\r\n");
    }

    #[test]
    fn refusals_are_told_from_delays() {
        for (script, ended) in [
            (&b":irc.example 691 * :STARTTLS failed\r\n"[..], Ended::Refused),
            (b":irc.example 421 * STARTTLS :Unknown command\r\n", Ended::Refused),
            (b":irc.example 421 * :CAP what\r\n:irc.example 421 * :what\r\n", Ended::Refused),
            (
                b":irc.example 451 * :You have not registered\r\n:irc.example 451 * :not yet\r\n",
                Ended::Refused,
            ),
            (b":irc.example 465 * :You are banned\r\n", Ended::Refused),
            (b":irc.example 263 * STARTTLS :Please wait\r\n", Ended::RateLimited),
            (b"ERROR :Closing link: (unknown@127.0.0.1) [Registration timeout]\r\n", Ended::Refused),
            (b"ERROR :Closing Link: [127.0.0.1] (Throttled: Reconnecting too fast)\r\n", Ended::RateLimited),
            (b"ERROR :Your host is trying to (re)connect too fast -- throttled\r\n", Ended::RateLimited),
            (b"ERROR :All connections in use\r\n", Ended::RateLimited),
            (b"NOTICE AUTH :x\r\nERROR :Trying to reconnect too fast.\r\n", Ended::RateLimited),
            (b"220 mx ESMTP\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"421 mx too many connections\r\n", Ended::NotThis(Some(Greeting::Smtp))),
            (b"HTTP/1.1 400 Bad Request\r\n", Ended::NotThis(Some(Greeting::Http))),
            (b"\x15\x03\x03\x00\x02\x02\x0a", Ended::NotThis(None)),
            (b"hello there\r\n", Ended::NotThis(None)),
        ] {
            ends(&ENTRY, script, ended);
        }
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(
            &ENTRY,
            &[
                b":a NOTICE ",
                b"PING :x\r\n",
                b"PING ",
                b"ERROR :",
                b":a 670 ",
                b":a CAP * LS ",
                b"* :",
                b"tls",
                b"691",
                b" 421",
                b"@",
                b":",
                b"\0",
            ],
        );
        assert_eq!(flood(&ENTRY, b"", b":a NOTICE * :x\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b"", b"PING :x\r\n"), Ended::Garbled);
        assert_eq!(flood(&ENTRY, b":a NOTICE ", b"x"), Ended::Garbled);
    }

    #[test]
    fn no_word_of_the_servers_is_noted_and_no_banner_kept() {
        let outcome = leads_to_tls(
            &ENTRY,
            b":irc.example NOTICE * :words\r\nPING words\r\n:words 670 words :words\r\n",
        );
        notes_hide(&outcome, "words");
        assert!(outcome.banner.is_empty());
    }
}
