//! Greetings of line protocols: in the clear, inside TLS, or before STARTTLS, as the service's wrap has it.

use super::{
    Said, open,
    secure::{Heard, Secure},
};
use crate::{
    model::{
        expect::{Greeter, Status},
        wrap::Wrap,
    },
    probe::{context::Context, dial::Wait, kind::Target, limits::Timeouts, link::Link, trace::Way},
    wire::banner::{self, Source},
};

/// The longest first line.
const MAX_LINE: usize = 4096;

/// What a greeting must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A number.
    Code(Greeter, Status),
    /// `* OK`.
    Imap,
    /// `+OK`.
    Pop3,
}

impl Wanted {
    /// The wrap in which the protocol upgrades.
    const fn upgrade(self) -> Wrap {
        match self {
            Self::Code(Greeter::Smtp, _) => Wrap::Smtp,
            Self::Code(Greeter::Lmtp, _) => Wrap::Lmtp,
            Self::Code(Greeter::Ftp, _) => Wrap::Ftp,
            Self::Code(Greeter::Nntp, _) => Wrap::Nntp,
            Self::Imap => Wrap::Imap,
            Self::Pop3 => Wrap::Pop3,
        }
    }

    /// What its greeting is for those who read banners.
    const fn source(self) -> Source {
        match self {
            Self::Code(Greeter::Smtp, _) => Source::Smtp,
            Self::Code(Greeter::Lmtp, _) => Source::Lmtp,
            Self::Code(Greeter::Ftp, _) => Source::Ftp,
            Self::Code(Greeter::Nntp, _) => Source::Nntp,
            Self::Imap => Source::Imap,
            Self::Pop3 => Source::Pop3,
        }
    }

    /// What follows from the dialogue having led to TLS: it does so behind one greeting alone, or behind two in NNTP,
    /// which say whether posting is allowed.
    fn upgraded(self) -> Said {
        match self {
            Self::Code(Greeter::Nntp, code) if code.includes(200) || code.includes(201) => Said::met(),
            Self::Code(Greeter::Nntp, _) => Said::failed("code 200 or 201"),
            Self::Code(_, code) if code.includes(220) => Said::met(),
            Self::Code(..) => Said::failed("code 220"),
            Self::Imap | Self::Pop3 => Said::met(),
        }
    }

    /// What a first line means.
    fn compare(self, line: &[u8]) -> Said {
        let begins = |text: &str| {
            line.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
        };
        match self {
            Self::Code(_, wanted) => match code(line) {
                Some(code) if wanted.includes(code) => Said::met(),
                Some(code @ 400..=499) => Said::untried(format!("code {code}: it asks to come again later")),
                Some(code) => Said::failed(format!("code {code}")),
                None => Said::failed(ANOTHER),
            },
            Self::Imap if begins("* OK") => Said::met(),
            Self::Imap if begins("* PREAUTH") => Said::failed("PREAUTH"),
            Self::Imap if begins("* BYE") => Said::failed("BYE"),
            Self::Pop3 if begins("+OK") => Said::met(),
            Self::Pop3 if begins("-ERR") => Said::failed("-ERR"),
            Self::Imap | Self::Pop3 => Said::failed(ANOTHER),
        }
    }
}

const ANOTHER: &str = "the greeting is of another protocol";

/// The number at the start of a reply (RFC 5321, 4.2).
fn code(line: &[u8]) -> Option<u16> {
    let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else { return None };
    let digit = |d: &u8| u16::from(d - b'0');
    let ends = matches!(rest.first(), None | Some(b' ' | b'-' | b'\r' | b'\n'));
    ends.then(|| digit(a) * 100 + digit(b) * 10 + digit(c))
}

/// Reads a greeting. Where TLS comes after it, that is verified too.
pub(super) async fn greeting(wanted: Wanted, target: Target<'_>, context: &Context) -> Said {
    let tried = match target.wrap {
        Wrap::Plain => in_the_clear(wanted, target, context).await,
        Wrap::Tls => inside_tls(wanted, target, context).await,
        wrap if wrap == wanted.upgrade() => upgraded(wanted, target, context).await,
        wrap => Err(Said::untried(format!("this protocol is not spoken where the wrap is {wrap}"))),
    };
    tried.unwrap_or_else(|said| said)
}

async fn upgraded(wanted: Wanted, target: Target<'_>, context: &Context) -> Result<Said, Said> {
    let mut secure = Secure::open(target.wrap, target, context).await?;
    secure.leave().await;
    Ok(wanted.upgraded())
}

async fn inside_tls(wanted: Wanted, target: Target<'_>, context: &Context) -> Result<Said, Said> {
    let mut secure = Secure::open(Wrap::Tls, target, context).await?;
    let mut line = Line::default();
    let heard = secure.receive(context.settings.timeouts.step, |text| line.push(text)).await;
    secure.leave().await;
    match heard {
        Heard::Met => Ok(judged(wanted, &line, target)),
        Heard::Not(said) => Err(said),
    }
}

async fn in_the_clear(wanted: Wanted, target: Target<'_>, context: &Context) -> Result<Said, Said> {
    let mut link = open(Wrap::Plain, target, context).await?;
    let mut first = Line::default();
    hear(&mut link, context.settings.timeouts, |bytes| first.push(bytes)).await?;
    Ok(judged(wanted, &first, target))
}

fn judged(wanted: Wanted, line: &Line, target: Target<'_>) -> Said {
    target.tell(Way::Came, || match code(&line.held) {
        Some(code) => format!("greeting, code {code}"),
        None => "greeting".to_owned(),
    });
    target.aside.add_software(banner::software(wanted.source(), &line.held));
    wanted.compare(&line.held)
}

/// Hands what comes in the clear to `enough` until that says so, for one step.
pub(super) async fn hear(
    link: &mut Link,
    limits: Timeouts,
    enough: impl FnMut(&[u8]) -> bool + Send,
) -> Result<(), Said> {
    match link.receive(limits.step, enough).await {
        Wait::Met => Ok(()),
        Wait::Closed | Wait::Reset => Err(Said::failed("closed without an answer")),
        Wait::TimedOut => Err(Said::failed(format!("no answer within {} ms", limits.step.as_millis()))),
        Wait::Flooded => Err(Said::failed("more was said than makes sense")),
    }
}

/// A first line, as far as it is of interest.
#[derive(Debug, Default)]
struct Line {
    held: Vec<u8>,
}

impl Line {
    /// Takes in a piece; whether the line is whole, or too long for one.
    fn push(&mut self, piece: &[u8]) -> bool {
        let end = piece.iter().position(|b| *b == b'\n');
        let upto = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
        let room = MAX_LINE.saturating_sub(self.held.len());
        self.held.extend_from_slice(upto.get(..room).unwrap_or(upto));
        end.is_some() || self.held.len() >= MAX_LINE
    }
}

#[cfg(test)]
mod tests;
