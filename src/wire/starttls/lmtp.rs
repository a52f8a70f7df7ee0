//! STARTTLS in LMTP (RFC 2033): SMTP with another hello.

use super::{Asked, Dialogue, Entry, lines::Text, smtp::Smtp};
use crate::{model::wrap::Wrap, wire::greeting::Greeting};

/// The registration.
pub(super) const ENTRY: Entry = Entry { name: "lmtp", wrap: Wrap::Lmtp, begin };

fn begin(_: &Asked<'_>) -> Box<dyn Dialogue> {
    Box::new(Text::new(Smtp::new("LHLO", &[Greeting::Smtp, Greeting::Ftp])))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Ended,
            testing::{ends, flood, hostile, leads_to_tls, sent},
        },
        *,
    };

    #[test]
    fn lhlo_leads_to_tls() {
        let script = b"220 mx.example Dovecot ready.\r\n250-mx.example\r\n250-STARTTLS\r\n250 PIPELINING\r\n220 2.0.0 Begin TLS\r\n";
        let outcome = leads_to_tls(&ENTRY, script);
        assert_eq!(sent(&outcome), "LHLO allclear.invalid\r\nSTARTTLS\r\n");
    }

    #[test]
    fn smtp_is_told_apart_by_its_greeting_once_it_refuses_the_hello() {
        let script = b"220 mx.example ESMTP Postfix\r\n502 5.5.2 Error\r\n";
        ends(&ENTRY, script, Ended::NotThis(Some(Greeting::Smtp)));
        let script = b"220 mx.example ready\r\n502 5.5.2 Error\r\n503 5.5.1 Error\r\n";
        ends(&ENTRY, script, Ended::Refused);
    }

    #[test]
    fn no_bytes_break_it() {
        hostile(
            &ENTRY,
            &[b"220 a LMTP\r\n", b"250-STARTTLS", b"250 ok", b"220 ", b"421 ", b"502 ", b"-", b"\0"],
        );
        assert_eq!(flood(&ENTRY, b"220 a LMTP\r\n", b"250-x\r\n"), Ended::Garbled);
    }
}
