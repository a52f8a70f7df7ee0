//! A stream of XMPP (RFC 6120, 4): opened, and its features told. After STARTTLS, the stream is opened again inside of
//! TLS, where the features are those that a user gets.

use super::{
    Said, host,
    judge::WANTS_OURS,
    lines::hear,
    open,
    secure::{Heard, Secure},
};
use crate::{
    model::wrap::Wrap,
    probe::{context::Context, kind::Target, trace::Way},
};

/// The most of a stream that is looked at before its features.
const MAX_STREAM: usize = 16 * 1024;

/// Opens a stream, gets its features and takes leave.
pub(super) async fn stream(target: Target<'_>, context: &Context) -> Said {
    let (wrap, namespace) = match (target.wrap, target.address.port()) {
        (Wrap::XmppServer, _) => (Wrap::XmppServer, "jabber:server"),
        // The ports of servers among themselves (RFC 6120, 14.7; XEP-0368).
        (wrap @ (Wrap::Plain | Wrap::Tls), 5269 | 5270) => (wrap, "jabber:server"),
        (wrap @ (Wrap::Plain | Wrap::Tls | Wrap::XmppClient), _) => (wrap, "jabber:client"),
        (wrap, _) => return Said::untried(format!("XMPP is not spoken where the wrap is {wrap}")),
    };
    let host = host(target);
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c)) {
        return Said::untried("the host's name is none that a stream can be opened for");
    }
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    let spoken = if wrap == Wrap::Plain {
        in_the_clear(&header, target, context).await
    } else {
        inside_tls(&header, wrap, target, context).await
    };
    spoken.unwrap_or_else(|said| said)
}

const END: &[u8] = b"</stream:stream>";

async fn in_the_clear(header: &str, target: Target<'_>, context: &Context) -> Result<Said, Said> {
    let limits = context.settings.timeouts;
    let mut link = open(Wrap::Plain, target, context).await?;
    target.tell(Way::Sent, || "opening of a stream".to_owned());
    let _ = link.send(header.as_bytes(), limits.step).await;
    let mut stream = Stream::default();
    hear(&mut link, limits, |bytes| stream.push(bytes)).await?;
    let _ = link.send(END, limits.step).await;
    Ok(stream.said(false))
}

async fn inside_tls(header: &str, wrap: Wrap, target: Target<'_>, context: &Context) -> Result<Said, Said> {
    let mut secure = Secure::open(wrap, target, context).await?;
    target.tell(Way::Sent, || "opening of a stream".to_owned());
    secure.send(header.as_bytes()).await;
    let mut stream = Stream::default();
    let heard = secure.receive(context.settings.timeouts.step, |text| stream.push(text)).await;
    secure.send(END).await;
    secure.leave().await;
    match heard {
        Heard::Met => Ok(stream.said(secure.asked())),
        Heard::Not(said) => Err(said),
    }
}

/// Conditions of a stream error (RFC 6120, 4.9.3) that tell an operator something.
const CONDITIONS: &[&str] = &[
    "host-unknown",
    "host-gone",
    "improper-addressing",
    "internal-server-error",
    "policy-violation",
    "remote-connection-failed",
    "resource-constraint",
    "see-other-host",
    "system-shutdown",
    "unsupported-version",
    "invalid-namespace",
    "not-authorized",
    "connection-timeout",
    "undefined-condition",
];

/// What came of a stream so far.
#[derive(Debug, Default)]
struct Stream {
    held: Vec<u8>,
}

impl Stream {
    /// Takes in a piece; whether it is clear what becomes of the stream.
    fn push(&mut self, piece: &[u8]) -> bool {
        let room = MAX_STREAM.saturating_sub(self.held.len());
        self.held.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.held.len() >= MAX_STREAM || self.opens("features") || self.ends()
    }

    /// Whether an element begins, under whatever prefix.
    fn opens(&self, name: &str) -> bool {
        self.opening(name).is_some()
    }

    /// Where it does: the byte behind its name.
    fn opening(&self, name: &str) -> Option<usize> {
        let is = |from: usize, found: &[u8]| {
            let before = from.checked_sub(1).and_then(|b| self.held.get(b));
            let after = self.held.get(from + name.len());
            found == name.as_bytes()
                && before.is_some_and(|b| matches!(b, b'<' | b':'))
                && after.is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/'))
        };
        let mut places = self.held.windows(name.len()).enumerate();
        places.find(|(from, found)| is(*from, found)).map(|(from, _)| from + name.len())
    }

    /// Whether the stream was closed, or an error's element, whose condition is there then.
    fn ends(&self) -> bool {
        let error = self.opening("error").and_then(|from| self.held.get(from..)).unwrap_or_default();
        has(error, "</") || has(&self.held, "</stream:stream")
    }

    /// What came of it. `asked`: the server wanted a certificate of ours, as servers do among themselves; without one,
    /// some have nothing to offer and say that something undefined is wrong.
    fn said(&self, asked: bool) -> Said {
        if self.opens("features") {
            return Said::met();
        }
        if !self.opens("error") {
            return Said::failed("no stream was opened");
        }
        match CONDITIONS.iter().find(|c| self.opens(c)) {
            Some(condition @ (&"undefined-condition" | &"not-authorized" | &"policy-violation")) if asked => {
                Said::untried(format!("{WANTS_OURS} (stream error: {condition})"))
            }
            Some(condition) => Said::failed(format!("stream error: {condition}")),
            None => Said::failed("stream error"),
        }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, step: usize) -> Option<Said> {
        let mut stream = Stream::default();
        let done = text.as_bytes().chunks(step).any(|piece| stream.push(piece));
        done.then(|| stream.said(false))
    }

    const HEADER: &str = "<?xml version='1.0'?><stream:stream id='x' from='a.test' xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

    #[test]
    fn streams_are_told_apart_however_they_are_cut() {
        let features = format!("{HEADER}<stream:features><mechanisms/></stream:features>");
        let own_prefix = "<s:stream xmlns:s='http://etherx.jabber.org/streams'><s:features/>";
        let unknown = format!(
            "{HEADER}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        let table = [
            (features.as_str(), Some(Said::met())),
            (own_prefix, Some(Said::met())),
            (&unknown, Some(Said::failed("stream error: host-unknown"))),
            (HEADER, None),
            ("<stream:stream id='features'>", None),
            ("<stream:stream></stream:stream>", Some(Said::failed("no stream was opened"))),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", None),
        ];
        for (text, expected) in table {
            for step in [1, 2, 3, 7, 64, 4096] {
                assert_eq!(of(text, step), expected, "{text} in pieces of {step}");
            }
        }
    }

    #[test]
    fn a_server_that_has_nothing_for_strangers_is_not_called_broken() {
        let of = |condition: &str| {
            let mut stream = Stream::default();
            assert!(stream.push(format!("{HEADER}<stream:error><{condition}/></stream:error>").as_bytes()));
            (stream.said(true).met, stream.said(false).met)
        };
        assert_eq!(of("undefined-condition"), (None, Some(false)));
        assert_eq!(of("host-unknown"), (Some(false), Some(false)));
    }

    #[test]
    fn a_flood_is_no_stream() {
        let flood = "x".repeat(MAX_STREAM * 2);
        assert_eq!(of(&flood, 1000), Some(Said::failed("no stream was opened")));
    }
}
