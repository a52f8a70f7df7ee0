//! STUN and TURN over UDP: what the server calls itself (SOFTWARE, RFC 8489, 14.14). Nothing else: the DTLS that may
//! stand behind the same port is not spoken here, so no look of this probe is ever a verdict.

use std::time::Duration;

use super::{Kind, Seen, Target};
use crate::{
    model::{
        observation::Contact,
        wrap::{Transport, Wrap},
    },
    probe::{context::Context, trace::Way},
    wire::{banner, stun},
};

/// The probe.
pub(super) const KIND: Kind = Kind {
    name: "stun",
    transport: Transport::Udp,
    wraps: &[Wrap::Stun, Wrap::Turn],
    look: |target, context| Box::pin(look(target, context)),
};

/// Waits after each of three requests: RFC 8489, 6.2.1, cut short.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

async fn look(target: Target<'_>, context: &Context) -> Seen {
    let transaction: [u8; 12] = rand::random();
    let question = stun::binding_request(transaction);
    target.tell(Way::Sent, || "STUN Binding request".to_owned());
    let waits = WAITS.map(|wait| wait.min(context.settings.timeouts.step));
    let take = |bytes: &[u8]| stun::software(bytes, &transaction).ok();
    match context.dialer.ask_datagram(target.address, &question, &waits, take).await {
        Ok(answer) => {
            target.tell(Way::Came, || match answer.error {
                None => "STUN Binding success".to_owned(),
                Some(code) => format!("STUN Binding error {code}"),
            });
            target.aside.add_software(banner::software(banner::Source::StunSoftware, &answer.software));
            let mut seen = Seen::ended(Contact::Skipped);
            seen.detail =
                Some("STUN is answered; DTLS and TURN behind it are not spoken by this release".to_owned());
            seen
        }
        Err(contact) => {
            target.tell(Way::Came, || format!("no answer: {contact}"));
            Seen::ended(contact)
        }
    }
}
