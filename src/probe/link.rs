//! A connection on which TLS can be spoken: dialled, and taken through the dialogue that its protocol wants before
//! the first byte of TLS. It knows no TLS itself.
//!
//! Bytes that came behind the go-ahead, before our hello, belong to nobody: the look ends there (PROBING C15). Where records travel inside packets of another protocol, they are packed and unpacked
//! here.

use std::time::{Duration, Instant};

use super::{
    context::Context,
    dial::{Connection, Wait},
    kind::Target,
    limits::Timeouts,
    trace::Way,
};
use crate::{
    model::{observation::Contact, wrap::Wrap},
    wire::{
        banner,
        greeting::Greeting,
        starttls::{self, Asked, Dialogue, Ended, MAX_SAID, Note, Step, Tunnel, tds},
    },
};

/// Why there is no connection on which TLS can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// There was no connection.
    NoConnection(Contact),
    /// The dialogue ended in words.
    Said(Ended),
    /// Closed or reset in the middle of the dialogue; whether anything had come before.
    Closed {
        /// Something was said before.
        spoke: bool,
    },
    /// Bytes behind the go-ahead, before TLS was begun by us (PROBING C15).
    Ahead,
    /// Silence within the time, or a dialogue that does not end; whether anything had come before.
    TimedOut {
        /// Something was said before.
        spoke: bool,
    },
}

/// A connection, ready for TLS.
#[derive(Debug)]
pub struct Link {
    connection: Connection,
    /// The time to the first answer of the dialogue, where there was one.
    answered: Duration,
    /// What must go out with the first bytes of TLS.
    say_first: Vec<u8>,
    tunnel: Option<tds::Unwrapper>,
    /// Packets were expected and something else came.
    broken: bool,
    /// A dialogue came before TLS.
    upgraded: bool,
}

impl Link {
    /// Connects and goes through the dialogue of `target`'s wrap.
    ///
    /// # Errors
    ///
    /// [`Unlinked`].
    pub async fn open(target: Target<'_>, context: &Context, limits: Timeouts) -> Result<Self, Unlinked> {
        target.tell(Way::Note, || format!("connecting to {}", target.address));
        let dialled = context.dialer.dial(target.address, limits.connect).await;
        let connection = dialled.map_err(|contact| {
            target.tell(Way::Came, || format!("no connection: {contact}"));
            Unlinked::NoConnection(contact)
        })?;
        target.tell(Way::Came, || format!("connected in {:.1} ms", millis(connection.rtt())));
        let mut link = Self {
            connection,
            answered: Duration::ZERO,
            say_first: Vec::new(),
            tunnel: None,
            broken: false,
            upgraded: false,
        };
        if let Some(entry) = starttls::find(target.wrap) {
            let mut dialogue = (entry.begin)(&Asked { host: target.sni });
            let talked = link.talk(&mut *dialogue, target, limits).await;
            tell(&mut *dialogue, target);
            if let Some(source) = source_of(target.wrap) {
                target.aside.add_software(banner::software(source, dialogue.banner()));
            }
            if let Err(unlinked) = talked {
                if target.sni.is_none() && matches!(target.wrap, Wrap::XmppClient | Wrap::XmppServer) {
                    target.tell(Way::Note, || {
                        "XMPP servers answer for a domain alone: give the row a name".to_owned()
                    });
                }
                target.tell(Way::Note, || format!("no TLS here: {}", words(unlinked)));
                return Err(unlinked);
            }
            link.upgraded = true;
        }
        Ok(link)
    }

    /// About one round trip: the longest time that an answer took so far.
    pub fn rtt(&self) -> Duration {
        self.connection.rtt().max(self.answered)
    }

    /// Whether a dialogue came before TLS: the server itself said that TLS begins.
    pub const fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    /// Speaks until TLS begins. All of it takes at most twice a step's limit, however slowly it is dragged out.
    async fn talk(
        &mut self,
        dialogue: &mut dyn Dialogue,
        target: Target<'_>,
        limits: Timeouts,
    ) -> Result<(), Unlinked> {
        let deadline = Instant::now() + limits.step.saturating_mul(2);
        let mut spoke = false;
        let mut said = 0;
        let mut step = dialogue.open();
        loop {
            match step {
                Step::More => {}
                Step::Say(bytes) => {
                    said += 1;
                    if said > MAX_SAID {
                        return Err(Unlinked::Said(Ended::Garbled));
                    }
                    // What went wrong while sending shows in what is received.
                    let _ = self.connection.send(&bytes, limits.step).await;
                }
                Step::Tls { tunnel, say, rest } => {
                    self.say_first = say;
                    self.tunnel = (tunnel == Tunnel::Tds).then(tds::Unwrapper::new);
                    if !rest.is_empty() {
                        target.tell(Way::Came, || {
                            format!("{} bytes behind the go-ahead, before any hello of ours", rest.len())
                        });
                        return Err(Unlinked::Ahead);
                    }
                    return Ok(());
                }
                Step::End(ended) => return Err(Unlinked::Said(ended)),
            }
            tell(dialogue, target);
            let left = deadline.saturating_duration_since(Instant::now()).min(limits.step);
            let mut next = None;
            let asked = Instant::now();
            let wait = self
                .connection
                .receive(left, |bytes| match dialogue.hear(bytes) {
                    Step::More => {
                        spoke = true;
                        false
                    }
                    other => {
                        spoke = true;
                        next = Some(other);
                        true
                    }
                })
                .await;
            self.answered = self.answered.max(asked.elapsed().min(limits.step));
            step = match (next, wait) {
                (Some(next), _) => next,
                (None, Wait::TimedOut) => return Err(Unlinked::TimedOut { spoke }),
                (None, Wait::Closed | Wait::Reset) => return Err(Unlinked::Closed { spoke }),
                (None, Wait::Flooded | Wait::Met) => return Err(Unlinked::Said(Ended::Garbled)),
            };
        }
    }

    /// Sends all of `bytes` within `limit`.
    ///
    /// # Errors
    ///
    /// How it went wrong. What the other side said before is still to be read.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Wait> {
        if self.say_first.is_empty() && self.tunnel.is_none() {
            return self.connection.send(bytes, limit).await;
        }
        let mut out = std::mem::take(&mut self.say_first);
        if self.tunnel.is_some() {
            tds::wrap(&mut out, bytes);
        } else {
            out.extend_from_slice(bytes);
        }
        self.connection.send(&out, limit).await
    }

    /// Hands what comes to `enough` until that says so, or for at most `limit`.
    pub async fn receive(&mut self, limit: Duration, mut enough: impl FnMut(&[u8]) -> bool + Send) -> Wait {
        if self.broken {
            return Wait::Flooded;
        }
        let Self { connection, tunnel, broken, .. } = self;
        let Some(tunnel) = tunnel else {
            return connection.receive(limit, enough).await;
        };
        let wait = connection
            .receive(limit, |mut bytes| {
                let mut out = Vec::new();
                *broken = tunnel.read(&mut bytes, &mut out).is_err();
                (!out.is_empty() && enough(&out)) || *broken
            })
            .await;
        if *broken { Wait::Flooded } else { wait }
    }

    /// The stream below, for a client that speaks TLS itself.
    pub fn into_stream(self) -> tokio::net::TcpStream {
        self.connection.into_stream()
    }
}

/// The wraps that a greeting may mean, likeliest first; none where it cannot be upgraded to TLS.
pub fn wraps_of(greeting: Greeting) -> &'static [Wrap] {
    match greeting {
        Greeting::Smtp => &[Wrap::Smtp],
        Greeting::Lmtp => &[Wrap::Lmtp],
        Greeting::Ftp => &[Wrap::Ftp],
        Greeting::SmtpOrFtp => &[Wrap::Smtp, Wrap::Ftp],
        Greeting::Pop3 => &[Wrap::Pop3],
        Greeting::Imap => &[Wrap::Imap],
        Greeting::Nntp => &[Wrap::Nntp],
        Greeting::Sieve => &[Wrap::Sieve],
        Greeting::Xmpp => &[Wrap::XmppClient, Wrap::XmppServer],
        Greeting::Ldap => &[Wrap::Ldap],
        Greeting::Mysql => &[Wrap::Mysql],
        Greeting::Postgres => &[Wrap::Postgres],
        Greeting::Irc => &[Wrap::Irc],
        Greeting::Telnet => &[Wrap::Telnet],
        Greeting::Vnc => &[Wrap::Vnc],
        Greeting::Rdp => &[Wrap::Rdp],
        Greeting::Mssql => &[Wrap::Mssql],
        Greeting::Http | Greeting::Ssh | Greeting::Nats | Greeting::Ssl2 => &[],
    }
}

/// What a banner of this wrap is.
const fn source_of(wrap: Wrap) -> Option<banner::Source> {
    Some(match wrap {
        Wrap::Smtp => banner::Source::Smtp,
        Wrap::Lmtp => banner::Source::Lmtp,
        Wrap::Pop3 => banner::Source::Pop3,
        Wrap::Imap => banner::Source::Imap,
        Wrap::Ftp => banner::Source::Ftp,
        Wrap::Nntp => banner::Source::Nntp,
        Wrap::Sieve => banner::Source::Sieve,
        Wrap::Mysql => banner::Source::Mysql,
        _ => return None,
    })
}

fn tell(dialogue: &mut dyn Dialogue, target: Target<'_>) {
    for note in dialogue.notes() {
        match note {
            Note::Said(text) => target.tell(Way::Sent, || text),
            Note::Came(text) => target.tell(Way::Came, || text),
        }
    }
}

/// The end of a dialogue in words.
pub fn words(unlinked: Unlinked) -> String {
    match unlinked {
        Unlinked::NoConnection(contact) => contact.to_string(),
        Unlinked::Said(Ended::Refused) => "STARTTLS is not offered, or was refused".to_owned(),
        Unlinked::Said(Ended::RateLimited) => "it asks to come again later".to_owned(),
        Unlinked::Said(Ended::NotThis(Some(greeting))) => format!("greeting of {greeting}"),
        Unlinked::Said(Ended::NotThis(None)) => "another protocol is spoken".to_owned(),
        Unlinked::Said(Ended::Garbled) => "what came makes no sense in the protocol".to_owned(),
        Unlinked::Ahead => "plain text after STARTTLS".to_owned(),
        Unlinked::Closed { spoke: false } => "closed without a word".to_owned(),
        Unlinked::Closed { spoke: true } => "closed in the middle of the dialogue".to_owned(),
        Unlinked::TimedOut { spoke: false } => "silence".to_owned(),
        Unlinked::TimedOut { spoke: true } => "silence in the middle of the dialogue".to_owned(),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
