//! STUN and TURN in the clear, over UDP and TCP: what the server calls itself (SOFTWARE, RFC 8489, 14.14), whether it
//! relays for anybody, and what else stands on the same port: relays answer DTLS and TLS where they answer STUN.
//!
//! Where STUN is answered and the other is not, before and after, the port has no TLS; where nothing is answered at all,
//! nothing is known.

use std::time::Duration;

use super::{Kind, Seen, Target};
use crate::{
    model::{
        observation::Contact,
        relay::Relay,
        wrap::{Transport, Wrap},
    },
    probe::{
        context::{Context, Depth},
        dial::Wait,
        relay::Relaying,
        trace::Way,
    },
};

/// The probe over UDP.
pub(super) const OVER_UDP: Kind = Kind {
    name: "stun",
    transport: Transport::Udp,
    wraps: &[Wrap::Stun, Wrap::Turn],
    look: |target, context| Box::pin(look(target, context)),
};

/// The probe over TCP.
pub(super) const OVER_TCP: Kind = Kind {
    name: "stun",
    transport: Transport::Tcp,
    wraps: &[Wrap::Stun, Wrap::Turn],
    look: |target, context| Box::pin(look(target, context)),
};

/// Waits after each of three requests: RFC 8489, 6.2.1, cut short.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

async fn look(target: Target<'_>, context: &Context) -> Seen {
    let over = target.transport;
    let asks = target.wrap == Wrap::Turn && context.settings.depth >= Depth::Standard && !target.fragile;
    let asked = ask(target, context, asks).await;
    let (relay, contact) = match asked {
        Ok(relay) => (Some(relay), None),
        Err(contact) => (None, Some(contact)),
    };
    if matches!(
        contact,
        Some(Contact::Refused | Contact::NoRoute | Contact::ConnectTimedOut | Contact::LocalError)
    ) {
        return Seen::ended(contact.unwrap_or(Contact::NoRoute));
    }
    let beside = Target { trial: true, relays: false, wrap: beside(over), ..target };
    target.tell(Way::Note, || {
        format!("{} on the same port", if over == Transport::Udp { "DTLS" } else { "TLS" })
    });
    let mut seen = match over {
        Transport::Udp => Box::pin(super::dtls::look(beside, context)).await,
        Transport::Tcp => Box::pin(super::tls::look(beside, context)).await,
    };
    seen.wrap = None; // the row's own protocol is spoken as well
    let none = matches!(
        seen.contact,
        Contact::ProbeTimedOut | Contact::ClosedEarly | Contact::NotTls | Contact::Refused
    );
    if relay.is_some() && none && seen.tls.is_none() {
        // It must still be there: a filter that has cut us off answers nothing any more.
        if ask(target, context, asks).await.is_ok() {
            let skip = seen.skip;
            seen = Seen::ended(if skip.is_some() { Contact::Skipped } else { Contact::NotTls });
            seen.skip = skip;
            let name = if over == Transport::Udp { "DTLS" } else { "TLS" };
            seen.detail = Some(format!("STUN is answered before and after, and no {name} on this port"));
        }
    }
    seen.relay = relay;
    seen
}

/// What else is spoken on a relay's port.
const fn beside(over: Transport) -> Wrap {
    match over {
        Transport::Udp => Wrap::Dtls,
        Transport::Tcp => Wrap::Tls,
    }
}

/// Asks in the clear.
async fn ask(target: Target<'_>, context: &Context, allocates: bool) -> Result<Relay, Contact> {
    match target.transport {
        Transport::Udp => ask_datagrams(target, context, allocates).await,
        Transport::Tcp => ask_stream(target, context, allocates).await,
    }
}

async fn ask_datagrams(target: Target<'_>, context: &Context, allocates: bool) -> Result<Relay, Contact> {
    let mut datagrams = context.dialer.associate(target.address).await?;
    let mut relaying = Relaying::new(allocates);
    while let Some(message) = relaying.message() {
        target.tell(Way::Sent, || relaying.told().to_owned());
        let mut answered = false;
        for wait in WAITS {
            datagrams.send(&message).await?;
            let heard = datagrams
                .receive(wait.min(context.settings.timeouts.step), |bytes| relaying.hear(bytes, target))
                .await?;
            answered = heard == Wait::Met;
            if answered {
                break;
            }
        }
        if !answered {
            relaying.silent(target);
        }
    }
    if relaying.is_answered() { Ok(relaying.into_relay()) } else { Err(Contact::ProbeTimedOut) }
}

async fn ask_stream(target: Target<'_>, context: &Context, allocates: bool) -> Result<Relay, Contact> {
    let limits = context.settings.timeouts;
    let mut connection = context.dialer.dial(target.address, limits.connect).await?;
    let mut relaying = Relaying::new(allocates);
    while let Some(message) = relaying.message() {
        target.tell(Way::Sent, || relaying.told().to_owned());
        let _ = connection.send(&message, limits.step).await; // what went wrong shows in what is received
        let heard = connection.receive(limits.step, |bytes| relaying.hear_stream(bytes, target)).await;
        if heard != Wait::Met {
            relaying.silent(target);
        }
    }
    if relaying.is_answered() { Ok(relaying.into_relay()) } else { Err(Contact::ProbeTimedOut) }
}
