//! Protocols of lines (SMTP by RFC 5321 and 3207, LMTP by RFC 2033, POP3 by RFC 2595 and 3206, IMAP by RFC 9051 and
//! 5530, FTP by RFC 4217 and 2228, NNTP by RFC 3977 and 4642, ManageSieve by RFC 5804, IRC by the IRCv3 `tls`
//! capability) and XMPP (RFC 6120).

use super::{Endless, Heard, Mood, Speaker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Smtp,
    Lmtp,
    Pop3,
    Imap,
    Ftp,
    Nntp,
    Sieve,
    Irc,
}

pub(super) fn speaker(protocol: &str, mood: Mood) -> Option<Box<dyn Speaker>> {
    let kind = match protocol {
        "smtp" => Kind::Smtp,
        "lmtp" => Kind::Lmtp,
        "pop3" => Kind::Pop3,
        "imap" => Kind::Imap,
        "ftp" => Kind::Ftp,
        "nntp" => Kind::Nntp,
        "sieve" => Kind::Sieve,
        "irc" => Kind::Irc,
        "xmpp-client" => return Some(Box::new(Xmpp { space: "jabber:client", mood, open: false })),
        "xmpp-server" => return Some(Box::new(Xmpp { space: "jabber:server", mood, open: false })),
        _ => return None,
    };
    Some(Box::new(Lines { kind, mood }))
}

struct Lines {
    kind: Kind,
    mood: Mood,
}

fn say(text: impl Into<String>) -> Heard {
    Heard::Say(text.into().into_bytes())
}

impl Lines {
    fn offers(&self) -> bool {
        self.mood != Mood::Refuses
    }

    /// The answer to the request for TLS: yes, no, not now.
    fn upgrade(&self, yes: &str, no: &str, later: &str) -> Heard {
        match self.mood {
            Mood::Honest => Heard::Go(yes.into()),
            Mood::Refuses | Mood::Busy => say(no),
            Mood::Later => say(later),
        }
    }

    /// A list with an entry for TLS in it, where TLS is offered.
    fn list(&self, before: &str, entry: &str, after: &str) -> Heard {
        say(format!("{before}{}{after}", if self.offers() { entry } else { "" }))
    }

    fn mail(&self, verb: &str) -> Heard {
        match (verb, self.kind) {
            ("EHLO", Kind::Smtp) | ("LHLO", Kind::Lmtp) => self.list(
                "250-mail.example.test\r\n250-PIPELINING\r\n",
                "250-STARTTLS\r\n",
                "250 8BITMIME\r\n",
            ),
            ("HELO", Kind::Smtp) => say("250 mail.example.test\r\n"),
            ("STARTTLS", _) => self.upgrade(
                "220 2.0.0 Ready to start TLS\r\n",
                "502 5.5.1 Command not implemented\r\n",
                "454 4.7.0 TLS not available due to temporary reason\r\n",
            ),
            ("QUIT", _) => Heard::Bye(b"221 2.0.0 Bye\r\n".into()),
            _ => say("500 5.5.2 Command not recognized\r\n"),
        }
    }

    fn pop3(&self, verb: &str) -> Heard {
        match verb {
            "CAPA" => self.list("+OK\r\nUIDL\r\nSASL PLAIN\r\n", "STLS\r\n", ".\r\n"),
            "STLS" => self.upgrade(
                "+OK Begin TLS negotiation\r\n",
                "-ERR Unknown command\r\n",
                "-ERR [SYS/TEMP] Not now\r\n",
            ),
            "QUIT" => Heard::Bye(b"+OK\r\n".into()),
            _ => say("-ERR Unknown command\r\n"),
        }
    }

    fn imap(&self, tag: &str, verb: &str) -> Heard {
        let tls = if self.offers() { " STARTTLS" } else { "" };
        match verb {
            "CAPABILITY" => say(format!("* CAPABILITY IMAP4rev1{tls} LOGINDISABLED\r\n{tag} OK done\r\n")),
            "STARTTLS" => self.upgrade(
                &format!("{tag} OK Begin TLS negotiation now\r\n"),
                &format!("{tag} BAD Unknown command\r\n"),
                &format!("{tag} NO [UNAVAILABLE] Not now\r\n"),
            ),
            "LOGOUT" => Heard::Bye(format!("* BYE\r\n{tag} OK\r\n").into_bytes()),
            _ => say(format!("{tag} BAD Unknown command\r\n")),
        }
    }

    fn ftp(&self, verb: &str, argument: &str) -> Heard {
        match (verb, argument) {
            ("FEAT", _) => self.list("211-Features:\r\n EPSV\r\n", " AUTH TLS\r\n PBSZ\r\n", "211 End\r\n"),
            ("AUTH", "TLS" | "TLS-C" | "SSL") => self.upgrade(
                "234 Proceed with negotiation.\r\n",
                "502 Command not implemented.\r\n",
                "431 Need some unavailable resource to process security.\r\n",
            ),
            ("QUIT", _) => Heard::Bye(b"221 Goodbye.\r\n".into()),
            _ => say("530 Please login with USER and PASS.\r\n"),
        }
    }

    fn nntp(&self, verb: &str) -> Heard {
        match verb {
            "CAPABILITIES" => {
                self.list("101 Capability list:\r\nVERSION 2\r\nREADER\r\n", "STARTTLS\r\n", ".\r\n")
            }
            "STARTTLS" => self.upgrade(
                "382 Continue with TLS negotiation\r\n",
                "500 Unknown command\r\n",
                "400 Temporarily unavailable\r\n",
            ),
            "QUIT" => Heard::Bye(b"205 Bye\r\n".into()),
            _ => say("500 Unknown command\r\n"),
        }
    }

    fn sieve(&self, verb: &str) -> Heard {
        match verb {
            "CAPABILITY" => self.sieve_capabilities(),
            "STARTTLS" => self.upgrade(
                "OK \"Begin TLS negotiation now.\"\r\n",
                "NO \"Unknown command\"\r\n",
                "NO (TRYLATER) \"Not now\"\r\n",
            ),
            "LOGOUT" => Heard::Bye(b"OK\r\n".into()),
            _ => say("NO \"Unknown command\"\r\n"),
        }
    }

    fn sieve_capabilities(&self) -> Heard {
        let before = "\"IMPLEMENTATION\" \"Example\"\r\n\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"\"\r\n";
        self.list(before, "\"STARTTLS\"\r\n", "\"VERSION\" \"1.0\"\r\nOK \"ready\"\r\n")
    }

    fn irc(&self, verb: &str, argument: &str) -> Heard {
        match (verb, argument) {
            // IRC has no greeting of its own; who is sent away hears so at the first word.
            _ if self.mood == Mood::Busy => {
                Heard::Bye(b"ERROR :Closing link: (127.0.0.1) [Trying to reconnect too fast.]\r\n".into())
            }
            ("CAP", "LS") => self.list(":irc.example.test CAP * LS :multi-prefix ", "tls ", "sasl\r\n"),
            ("STARTTLS", _) => self.upgrade(
                ":irc.example.test 670 * :STARTTLS successful, proceed with TLS handshake\r\n",
                ":irc.example.test 421 * STARTTLS :Unknown command\r\n",
                ":irc.example.test 691 * :STARTTLS failure\r\n",
            ),
            ("PING", token) => say(format!(":irc.example.test PONG irc.example.test {token}\r\n")),
            ("QUIT", _) => Heard::Bye(b"ERROR :Closing link\r\n".into()),
            ("CAP" | "NICK" | "USER" | "PASS", _) => say(""),
            _ => say(":irc.example.test 451 * :You have not registered\r\n"),
        }
    }
}

impl Speaker for Lines {
    fn greeting(&mut self) -> Heard {
        let busy = self.mood == Mood::Busy;
        let (ready, not_now) = match self.kind {
            Kind::Smtp => ("220 mail.example.test ESMTP\r\n", "421 4.3.2 Too many connections\r\n"),
            Kind::Lmtp => ("220 mail.example.test LMTP\r\n", "421 4.3.2 Too many connections\r\n"),
            Kind::Pop3 => ("+OK ready\r\n", "-ERR [SYS/TEMP] Come back later\r\n"),
            Kind::Imap => ("* OK ready\r\n", "* BYE [UNAVAILABLE] Come back later\r\n"),
            Kind::Ftp => ("220 ready\r\n", "421 Too many connections, come back later.\r\n"),
            Kind::Nntp => ("200 ready\r\n", "400 Come back later\r\n"),
            Kind::Sieve if busy => ("", "BYE (TRYLATER) \"Come back later\"\r\n"),
            Kind::Sieve => return self.sieve_capabilities(),
            Kind::Irc => return Heard::More,
        };
        if busy { Heard::Bye(not_now.into()) } else { say(ready) }
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let Some(end) = held.iter().position(|b| *b == b'\n') else { return Heard::More };
        let line: Vec<u8> = held.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut words = line.split(' ').map(str::to_ascii_uppercase);
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match self.kind {
            Kind::Smtp | Kind::Lmtp => self.mail(&first),
            Kind::Pop3 => self.pop3(&first),
            // A tag is given back as it came.
            Kind::Imap => self.imap(line.split(' ').next().unwrap_or_default(), &second),
            Kind::Ftp => self.ftp(&first, &second),
            Kind::Nntp => self.nntp(&first),
            Kind::Sieve => self.sieve(&first),
            Kind::Irc => self.irc(&first, &second),
        }
    }

    fn plain(&self) -> Vec<u8> {
        match self.kind {
            Kind::Smtp | Kind::Lmtp => b"250 2.1.0 Ok\r\n".into(),
            Kind::Pop3 => b"+OK\r\n".into(),
            Kind::Imap => b"* OK [ALERT] in the clear\r\n".into(),
            Kind::Ftp => b"230 Login successful.\r\n".into(),
            Kind::Nntp => b"281 Authentication accepted\r\n".into(),
            Kind::Sieve => b"OK\r\n".into(),
            Kind::Irc => b":irc.example.test 001 guest :Welcome\r\n".into(),
        }
    }

    fn endless(&self) -> Endless {
        let (field, piece) = match self.kind {
            Kind::Smtp | Kind::Lmtp | Kind::Ftp => ("220 ", "220-more\r\n"),
            Kind::Pop3 => ("+OK ", ""),
            Kind::Imap => ("* OK ", "* OK more\r\n"),
            Kind::Nntp => ("200 ", ""),
            Kind::Sieve => ("\"IMPLEMENTATION\" \"", "\"SIEVE\" \"more\"\r\n"),
            Kind::Irc => (":irc.example.test NOTICE * :", ":irc.example.test NOTICE * :more\r\n"),
        };
        Endless { field: field.into(), head: Vec::new(), piece: piece.into() }
    }
}

struct Xmpp {
    space: &'static str,
    mood: Mood,
    open: bool,
}

impl Xmpp {
    fn header(&self) -> String {
        format!(
            "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='http://etherx.jabber.org/streams' \
             id='1' from='chat.example.test' version='1.0'>",
            self.space
        )
    }
}

/// Takes everything up to the end of this element's opening tag, when all of it has come.
fn tag(held: &mut Vec<u8>, name: &str) -> bool {
    let text = String::from_utf8_lossy(held).into_owned();
    let end = text.find(name).and_then(|at| Some(at + text.get(at..)?.find('>')?));
    if let Some(end) = end {
        held.drain(..=end);
    }
    end.is_some()
}

impl Speaker for Xmpp {
    fn greeting(&mut self) -> Heard {
        Heard::More
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        if !self.open && tag(held, "<stream:stream") {
            self.open = true;
            let tls = match self.mood {
                Mood::Busy => {
                    let error = "<stream:error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                                 </stream:error></stream:stream>";
                    return Heard::Bye((self.header() + error).into_bytes());
                }
                Mood::Refuses => "",
                Mood::Honest | Mood::Later => "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            };
            let other = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
            return say(format!("{}<stream:features>{tls}{other}</stream:features>", self.header()));
        }
        if self.open && tag(held, "<starttls") {
            return if self.mood == Mood::Honest {
                Heard::Go(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".into())
            } else {
                Heard::Bye(b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>".into())
            };
        }
        Heard::More
    }

    fn plain(&self) -> Vec<u8> {
        b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into()
    }

    fn endless(&self) -> Endless {
        let head = self.header() + "<stream:features>";
        Endless { field: format!("{head}<mechanism>").into(), head: head.into(), piece: b"<a/>".into() }
    }
}
