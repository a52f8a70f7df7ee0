//! DTLS 1.0 and 1.2 over UDP: reaching a flight whatever it takes, the heartbeat ladder, the other keys of an endpoint.
//!
//! One association at a time, always. No claim of a heartbeat is longer than what it carries, and that is 16 bytes: large
//! claims kill old servers (PROBING 3). Nothing here says vulnerable or clean. DTLS 1.3 is not spoken.

mod association;
mod ear;
mod ladder;

use std::time::Duration;

use association::Association;

use super::{
    Kind, Seen, Target,
    tls::{fallback::contact_of, keys::Found, session::Missed},
};
use crate::{
    model::{
        observation::{Attempt, Contact, Skip, TlsVersion},
        relay::Relay,
        wrap::{Transport, Wrap},
    },
    probe::{
        context::{Context, Depth},
        flight::{Facts, seen_flight},
        relay::Relaying,
        trace::Way,
    },
    wire::tls::{
        alert,
        hello::Hello,
        record,
        suites::{Auth, Offer},
    },
};

/// The probe.
pub(super) const KIND: Kind = Kind {
    name: "dtls",
    transport: Transport::Udp,
    wraps: &[Wrap::Dtls],
    look: |target, context| Box::pin(look(target, context)),
};

/// Any bytes as datagrams of a server: whole, and cut in two.
pub(super) fn fuzz(data: &[u8]) {
    ear::fuzz(data);
}

/// Looks at one endpoint.
pub(super) async fn look(target: Target<'_>, context: &Context) -> Seen {
    let mut seen: Option<Seen> = None;
    let mut found: Option<Found> = None;
    let mut way: Option<(Hello<'_>, Option<Auth>)> = None;
    for _ in 0..context.settings.samples.max(1) {
        let (next, reached) = Box::pin(sample(target, context)).await;
        let stop = next.skip.is_some() || next.contact != Contact::Answered;
        way = way.or(reached);
        if let (Some(seen), Some(found)) = (&mut seen, &mut found) {
            found.add(next.certificate.clone());
            super::tls::add_sample(seen, next);
        } else {
            found = Some(Found::new(&next));
            seen = Some(next);
        }
        if stop {
            break;
        }
    }
    let mut seen = seen.unwrap_or_else(|| Seen::ended(Contact::ProbeTimedOut));
    let spared = target.fragile || seen.skip.is_some() || seen.contact == Contact::Blocked;
    if let (Some(mut found), Some((hello, key)), false) = (found, way, spared) {
        if context.settings.depth >= Depth::Standard {
            other_kind(&mut found, hello, key, target, context).await;
        }
        if context.settings.depth >= Depth::Full && hello.sends_sni() {
            let without = Hello { sni: None, ..hello };
            if let Ok(association) =
                Association::open(target, context, without, context.settings.timeouts, false).await
            {
                let facts = association.into_facts(target).await;
                found.add(facts.and_then(|f| f.leaf).map(|leaf| leaf.certificate));
            }
        }
        seen.other_keys = found.into_other_keys();
        if target.relays && context.settings.depth >= Depth::Standard {
            seen.relay = relay(hello, target, context).await;
        }
    }
    seen
}

/// Waits after each of three requests inside an association.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// Asks a relay behind a finished handshake. `None`: none came about, or nobody answers STUN there.
async fn relay(hello: Hello<'_>, target: Target<'_>, context: &Context) -> Option<Relay> {
    target.tell(Way::Note, || "STUN and TURN behind a finished handshake".to_owned());
    let opened = Association::open(target, context, hello, context.settings.timeouts, true).await;
    let mut association = opened.ok()?;
    if let Err(why) = association.finish(target).await {
        target.tell(Way::Note, || format!("the handshake cannot be finished: {why}"));
        association.leave().await;
        return None;
    }
    let mut relaying = Relaying::new(true);
    while let Some(message) = relaying.message() {
        target.tell(Way::Sent, || relaying.told().to_owned());
        let mut answered = false;
        for wait in WAITS {
            if association.send(record::APPLICATION_DATA, &message).await.is_err() {
                break;
            }
            let heard = association.listen(wait, |ear| !ear.plain.is_empty() || ear.has_ended()).await;
            for plain in std::mem::take(&mut association.ear.plain) {
                answered |= relaying.hear(&plain, target);
            }
            if answered || heard.is_err() || association.ear.has_ended() {
                break;
            }
        }
        if !answered {
            relaying.silent(target);
        }
    }
    association.leave().await;
    relaying.is_answered().then(|| relaying.into_relay())
}

/// Asks with a hello that only another kind of key can serve.
async fn other_kind(
    found: &mut Found,
    hello: Hello<'_>,
    key: Option<Auth>,
    target: Target<'_>,
    context: &Context,
) {
    let Some(key) = key else { return };
    let hello = Hello { offer: Offer::for_other_key(key), ..hello };
    match Association::open(target, context, hello, context.settings.timeouts, false).await {
        Ok(association) => {
            let facts = association.into_facts(target).await;
            found.learn(facts.and_then(|f| f.leaf).map(|leaf| leaf.certificate));
        }
        Err(Missed::Alert(_)) => found.learn(None),
        Err(_) => {}
    }
}

type Reached<'a> = (Hello<'a>, Option<Auth>);

/// Reaches a flight and asks the heartbeat question once.
async fn sample<'a>(target: Target<'a>, context: &Context) -> (Seen, Option<Reached<'a>>) {
    let (association, hello) = match reach(target, context).await {
        Ok(reached) => reached,
        Err(missed) => return (failed(target, missed), None),
    };
    let extension = association.extension(hello);
    let shown =
        association.ear.facts().map(|facts: &Facts| seen_flight(target, context, facts, extension, hello));
    let Some((mut seen, key)) = shown else { return (failed(target, Missed::Broken), None) };
    if seen.skip.is_some() {
        association.leave().await;
    } else {
        let attempt = Box::pin(ladder::ask(association, target, context, hello)).await;
        let behind = attempt.encrypted.as_ref().map(|behind| behind.contact);
        // Somebody who answers behind a handshake answers.
        seen.contact = behind.filter(|c| *c == Contact::Answered).unwrap_or(attempt.contact);
        seen.attempts.push(attempt);
    }
    (seen, Some((hello, key)))
}

/// Tries one hello after the other until one works or nothing is left.
async fn reach<'a>(target: Target<'a>, context: &Context) -> Result<(Association, Hello<'a>), Missed> {
    let first = Hello::over_datagrams(target.sni);
    let mut rest = vec![
        Hello { offer: Offer::LastResort, ..first },
        Hello { version: TlsVersion::Dtls10, ..first },
        Hello { version: TlsVersion::Dtls10, offer: Offer::Short, sni: None, ..first },
    ]
    .into_iter();
    let mut hello = first;
    let mut limits = context.settings.timeouts;
    let mut patient = target.trial;
    let mut worst: Option<Missed> = None;
    loop {
        let missed = match Association::open(target, context, hello, limits, true).await {
            Ok(association) => return Ok((association, hello)),
            Err(missed) => missed,
        };
        // An alert says more than silence after it.
        if !matches!(worst, Some(Missed::Alert(_))) || matches!(missed, Missed::Alert(_)) {
            worst = Some(missed);
        }
        let next = match missed {
            Missed::Alert(alert::UNRECOGNIZED_NAME) if hello.sends_sni() => {
                Some(Hello { sni: None, ..hello })
            }
            Missed::Alert(alert::PROTOCOL_VERSION) => {
                rest.find(|h| h.version < hello.version || h.offer == Offer::Short)
            }
            Missed::Alert(_) | Missed::Broken => rest.next(),
            // Slow, lossy, or hanging on a long hello: a short one with more patience serves all three.
            Missed::TimedOut if !patient => {
                patient = true;
                limits = limits.doubled();
                Some(Hello { offer: Offer::Short, ..first })
            }
            _ => None,
        };
        match next {
            Some(next) => hello = next,
            None => return Err(worst.unwrap_or(missed)),
        }
    }
}

fn failed(target: Target<'_>, missed: Missed) -> Seen {
    let (contact, detail) = contact_of(missed);
    let mut seen = Seen::ended(contact);
    seen.detail = detail;
    if target.fragile {
        seen.skip = Some(Skip::Fragile);
        if !matches!(contact, Contact::Refused | Contact::NoRoute | Contact::LocalError) {
            seen.contact = Contact::Skipped;
        }
    } else {
        seen.attempts.push(Attempt::ended(contact));
    }
    target.tell(Way::Note, || format!("no DTLS came about: {}", super::tls::account::missed(missed)));
    seen
}
