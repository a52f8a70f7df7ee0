//! TLS over TCP: reaching a handshake whatever it takes, the heartbeat ladder up to TLS 1.2, the certificate
//! of TLS 1.3, the other keys of an endpoint, and the other questions of `--depth full`.
//!
//! One connection at a time, always. Nothing here says vulnerable or clean.

pub(super) mod account;
mod encrypted;
pub(super) mod fallback;
mod full;
pub(super) mod keys;
mod ladder;
mod peer;
pub(super) mod session;
mod wraps;

use std::{sync::Arc, time::Duration};

use fallback::{Plan, What};
use session::{Missed, Session};

use super::{Kind, Seen, Target};
use crate::{
    model::{
        observation::{Attempt, Contact, Skip, TlsFacts, TlsVersion},
        wrap::{Transport, Wrap},
    },
    probe::{
        certificate::Leaf,
        context::{Context, Depth},
        dial::Wait,
        flight::{answered, seen_flight},
        limits::Timeouts,
        link::Link,
        tls13::{self, Schemes, Shown},
        trace,
    },
    wire::tls::{hello::Hello, suites},
};

/// How long a service that asks for patience is waited for, once (DESIGN: command line).
const PAUSE: Duration = Duration::from_secs(5);

/// The probe. A service that was declared plain is asked too: whether it really is.
pub(super) const KIND: Kind = Kind {
    name: "tls",
    transport: Transport::Tcp,
    wraps: &[
        Wrap::Tls,
        Wrap::Plain,
        Wrap::Smtp,
        Wrap::Lmtp,
        Wrap::Pop3,
        Wrap::Imap,
        Wrap::Ftp,
        Wrap::Ldap,
        Wrap::Nntp,
        Wrap::Sieve,
        Wrap::XmppClient,
        Wrap::XmppServer,
        Wrap::Postgres,
        Wrap::Mysql,
        Wrap::Mssql,
        Wrap::Rdp,
        Wrap::Irc,
        Wrap::Telnet,
        Wrap::Vnc,
    ],
    look: |target, context| Box::pin(look(target, context)),
};

/// Any bytes as what a server says on a connection whose handshake is to be finished.
pub(super) fn fuzz(data: &[u8]) {
    encrypted::fuzz(data);
}

pub(super) async fn look(declared: Target<'_>, context: &Context) -> Seen {
    // Each stage is boxed: what is in flight takes the memory of the stage that it is in.
    let (mut seen, mut first) = Box::pin(wraps::first_sample(declared, context)).await;
    if declared.fragile || seen.skip.is_some() {
        return seen;
    }
    let target = Target { wrap: seen.wrap.unwrap_or(declared.wrap), ..declared };
    let mut found = keys::Found::new(&seen);
    let reached = !matches!(
        seen.contact,
        Contact::Refused | Contact::NoRoute | Contact::ConnectTimedOut | Contact::LocalError
    );
    for _ in 1..context.settings.samples {
        if !reached {
            break;
        }
        let Sampled { seen: next, first: way, .. } = Box::pin(sample(target, context)).await;
        first = first.or(way);
        found.add(next.certificate.clone());
        add_sample(&mut seen, next);
    }
    // What may have been blocked is left alone.
    let ask_on = context.settings.depth >= Depth::Standard && seen.contact != Contact::Blocked;
    if let Some(first) = first.filter(|_| ask_on) {
        Box::pin(found.look_for_another_kind(&first, target, context)).await;
        if context.settings.depth >= Depth::Full {
            Box::pin(found.look_without_sni(&first, target, context)).await;
            seen.asked = Box::pin(full::ask_all(&first, target, context)).await;
        }
    }
    seen.other_keys = found.into_other_keys();
    if target.relays && ask_on && seen.contact == Contact::Answered {
        seen.relay = Box::pin(encrypted::relay(target, context)).await;
    }
    seen
}

/// One more look at the same address: its attempt counts, its handshake where the first brought none.
pub(super) fn add_sample(seen: &mut Seen, next: Seen) {
    seen.attempts.extend(next.attempts);
    if next.contact == Contact::NotTls {
        // Which protocol it was decides what that attempt means.
        seen.detail = next.detail.or(seen.detail.take());
    } else if next.contact == Contact::Answered && seen.contact != Contact::Answered {
        if seen.contact != Contact::NotTls {
            seen.detail = None;
        }
        seen.contact = next.contact;
    }
    if next.skip.is_some() {
        // One of several behind the address was spared: it was not asked, whatever the others say.
        (seen.contact, seen.skip) = (next.contact, next.skip);
    }
    if seen.tls.is_none() {
        seen.tls = next.tls;
    }
    if seen.certificate.is_none() {
        seen.certificate = next.certificate;
        seen.chain = next.chain;
        seen.served = next.served;
    }
}

/// How a handshake was reached, so that it can be repeated.
#[derive(Clone, Copy, Debug)]
enum Way<'a> {
    Hello(Hello<'a>),
    Tls13,
}

/// The handshake that a sample came to, and the kind of key in its leaf.
#[derive(Clone, Copy, Debug)]
struct First<'a> {
    way: Way<'a>,
    key: Option<suites::Auth>,
}

/// What was reached: a session after ServerHelloDone, or the facts of a TLS 1.3 handshake.
enum Reached<'a> {
    Session(Box<Session>, Hello<'a>),
    Tls13(Shown),
}

/// What one sample brought.
struct Sampled<'a> {
    seen: Seen,
    /// The handshake that it came to, if it did.
    first: Option<First<'a>>,
    /// What tells most about why it did not.
    missed: Option<Missed>,
}

/// Reaches a handshake and asks the heartbeat question once.
async fn sample<'a>(target: Target<'a>, context: &Context) -> Sampled<'a> {
    match reach(target, context).await {
        Err((missed, (contact, detail))) => {
            Sampled { seen: failed(target, contact, detail), first: None, missed }
        }
        Ok(Reached::Tls13(shown)) => {
            let leaf = shown.chain.first().map(|der| Leaf::read(der));
            let first = First { way: Way::Tls13, key: leaf.as_ref().and_then(|l| l.key) };
            let seen = seen_tls13(target, context, &shown, leaf.as_ref());
            Sampled { seen, first: Some(first), missed: None }
        }
        Ok(Reached::Session(session, hello)) => {
            let extension = session.extension(hello);
            let (mut seen, key) = session.facts().map_or_else(
                || (Seen::ended(Contact::HandshakeFailed), None),
                |facts| seen_flight(target, context, facts, extension, hello),
            );
            if seen.skip.is_some() {
                drop(session);
            } else {
                let attempt = Box::pin(ladder::ask(*session, target, context, hello)).await;
                seen.contact = attempt.contact;
                seen.attempts.push(attempt);
            }
            Sampled { seen, first: Some(First { way: Way::Hello(hello), key }), missed: None }
        }
    }
}

/// Why nothing was reached, and what it comes to.
type Unreached = (Option<Missed>, (Contact, Option<String>));

/// Tries one hello after the other until one works or nothing is left.
async fn reach<'a>(target: Target<'a>, context: &Context) -> Result<Reached<'a>, Unreached> {
    let mut plan = if target.trial { Plan::trial(target.sni) } else { Plan::new(target.sni) };
    let mut next = Some(plan.first());
    while let Some(now) = next {
        if now.paused {
            target
                .tell(trace::Way::Note, || format!("waiting {} s, once, since it asked to", PAUSE.as_secs()));
            tokio::time::sleep(PAUSE.min(context.settings.timeouts.step)).await;
        }
        let limits =
            if now.patient { context.settings.timeouts.doubled() } else { context.settings.timeouts };
        let missed = match now.what {
            What::Hello(hello) => match Session::open(target, context, hello, limits).await {
                Ok(session) => return Ok(Reached::Session(Box::new(session), hello)),
                Err(missed) => missed,
            },
            What::Tls13 => match open_tls13(target, context, Schemes::Any, limits).await {
                Ok(shown) => return Ok(Reached::Tls13(shown)),
                Err(missed) => missed,
            },
        };
        next = plan.after(now, missed);
    }
    let (mut contact, mut detail) = plan.ended();
    let xmpp = matches!(target.wrap, Wrap::XmppClient | Wrap::XmppServer);
    if xmpp && target.sni.is_none() && contact == Contact::StarttlsRefused {
        // It answers for a domain alone, and none was asked for: that is our lack and not its refusal.
        contact = Contact::HandshakeFailed;
        detail = Some("an XMPP server answers for a domain alone: give the row a name or an sni".to_owned());
    }
    Err((plan.worst(), (contact, detail)))
}

async fn open_tls13(
    target: Target<'_>,
    context: &Context,
    schemes: Schemes,
    limits: Timeouts,
) -> Result<Shown, Missed> {
    let mut link = Box::pin(Link::open(target, context, limits)).await.map_err(Missed::from)?;
    target.tell(trace::Way::Sent, || "ClientHello, TLS 1.3 alone, for a whole handshake".to_owned());
    let shaking = tls13::handshake(&mut link, target.sni, target.address.ip(), schemes, limits);
    let shaken = Box::pin(shaking).await.map_err(|failure| match failure {
        tls13::Failure::Alert(code) => Missed::Alert(code),
        tls13::Failure::Protocol | tls13::Failure::Ended(Wait::Met | Wait::Flooded) => Missed::Broken,
        tls13::Failure::Ended(Wait::TimedOut) => Missed::TimedOut,
        tls13::Failure::Ended(Wait::Closed | Wait::Reset) => Missed::Closed,
    });
    target.tell(trace::Way::Came, || match &shaken {
        Ok(shown) => account::tls13(shown),
        Err(missed) => account::missed(*missed),
    });
    shaken
}

fn failed(target: Target<'_>, contact: Contact, detail: Option<String>) -> Seen {
    let mut seen = Seen::ended(contact);
    seen.detail = detail;
    if target.fragile {
        seen.skip = Some(Skip::Fragile);
        // An address that cannot be reached is not one that policy spared.
        let unreachable = matches!(
            contact,
            Contact::Refused | Contact::NoRoute | Contact::ConnectTimedOut | Contact::LocalError
        );
        if !unreachable {
            seen.contact = Contact::Skipped;
        }
    } else {
        seen.attempts.push(Attempt::ended(contact));
    }
    seen
}

fn seen_tls13(target: Target<'_>, context: &Context, shown: &Shown, leaf: Option<&Leaf>) -> Seen {
    let mut seen = answered(target, context, leaf, &shown.chain);
    seen.tls = Some(TlsFacts {
        version: TlsVersion::Tls13,
        cipher: Arc::from(suites::name(shown.suite)),
        heartbeat_extension: None,
        without_sni: false,
    });
    if seen.skip.is_none() {
        let mut attempt = Attempt::ended(Contact::Answered);
        attempt.version = Some(TlsVersion::Tls13);
        seen.attempts.push(attempt);
    }
    seen
}

#[cfg(test)]
mod tests;
