//! What to do about a service that nobody could judge, by the reason why. Words alone.

use super::on_hosts;
use crate::model::{
    assessment::ServiceAssessment, disclosure::ProbeKind, host::ActKind, service::Service, verdict::Reason,
};

/// Why the answer is missing, and the first steps towards it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Advice {
    /// A sentence about one service, without its end.
    pub(super) why: String,
    pub(super) steps: Vec<String>,
    /// What can decide.
    pub(super) by: Decides,
}

/// What can decide about a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decides {
    /// Another look from the network.
    Look,
    /// Its host's own word; the command that asks for it.
    Host(String),
    /// Only what people find out.
    People,
}

/// The advice for a service, by the reason why its last look decided nothing, and by what can be seen of the
/// disclosure from the network at all.
pub(super) fn advice(
    service: &Service,
    judged: &ServiceAssessment,
    reason: Option<Reason>,
    probe: ProbeKind,
) -> Advice {
    let find = on_hosts::steps(judged, |kind| kind == ActKind::FindOut);
    let kept_away = matches!(reason, Some(Reason::Fragile));
    if !kept_away && (probe != ProbeKind::BuiltIn || !find.is_empty()) {
        return by_host(judged, reason, probe, find);
    }
    let by = match reason {
        Some(Reason::WrapUnsupported | Reason::Fragile) => Decides::People,
        _ => Decides::Look,
    };
    let (why, steps) = words(reason);
    let why = if reason == Some(Reason::WrapUnsupported) {
        format!("this release does not speak `{}`, so nothing was asked", service.wrap)
    } else {
        why.to_owned()
    };
    Advice { why, steps: steps.iter().map(|s| (*s).to_owned()).collect(), by }
}

/// Where the network cannot tell, or a host was read and could not either: host evidence decides.
fn by_host(
    judged: &ServiceAssessment,
    reason: Option<Reason>,
    probe: ProbeKind,
    find: Vec<String>,
) -> Advice {
    let collect = on_hosts::collect(judged);
    let unseen = match probe {
        ProbeKind::None => "it cannot be seen from the network",
        ProbeKind::SafeActive | ProbeKind::Passive => "this release does not look for it from the network",
        ProbeKind::BuiltIn => "the network could not tell",
    };
    let mut steps = vec![format!("Collect its host, as root: {collect}. Another sweep would not decide.")];
    let why = if judged.hosts.is_empty() {
        steps.push(
            "Where no ssh leads there, run `allclear host collect` on the host itself and take in the document with `allclear host import FILE`."
                .to_owned(),
        );
        format!("{unseen}, and its host was not read yet")
    } else {
        steps.extend(find);
        steps.push(
            "See what was compared: `allclear host show`. If the catalogue lacks the record of its distribution, take it in: `allclear disclosure import FILE`."
                .to_owned(),
        );
        let reason = reason.map_or_else(String::new, |r| format!(" (`{r}`)"));
        format!("{unseen}, and its host could not settle it{reason}")
    };
    steps.push(
        "If it has no host that can be read, get a statement with a date from whoever makes or runs it."
            .to_owned(),
    );
    Advice { why, steps, by: Decides::Host(collect) }
}

/// Where host evidence names a version, and nothing known of that version decides.
const VERSION: &[&str] = &[
    "See what was compared: `allclear host show`. If the catalogue lacks the record of its distribution, take it in: `allclear disclosure import FILE`.",
    "Compare the version and build on the host with the advisory of its distribution or maker.",
];

fn words(reason: Option<Reason>) -> Words {
    if let Some(words) = reason.and_then(of_full_depth) {
        return words;
    }
    match reason {
        None => ("nobody has looked at it yet", &["Let allclear look from a place that reaches it."]),
        Some(Reason::Fragile) => (
            "it is marked fragile, and was not asked, because such devices have hung when probed",
            &[
                "Get a statement with a date from its maker: which firmware is affected, and which is fixed.",
                "Compare it with the firmware that the device shows, and keep both in the ticket.",
                "If nobody can say: take its TLS port off every network that does not need it, and waive it with an end.",
            ],
        ),
        Some(Reason::ProbeTimedOut) => (
            "it accepts connections and then says nothing (a tarpit, a filter in between, or a service that hangs)",
            &[
                "Look again from the same network segment, where no filter stands in between.",
                "If it is a tarpit by design, write down where that is documented.",
            ],
        ),
        Some(Reason::ConnectTimedOut | Reason::NoRoute) => (
            "it could not be reached from where allclear looked",
            &[
                "Look again from a network that reaches it.",
                "If it is gone for good, record that; the sweeps that follow must not find it either.",
            ],
        ),
        Some(Reason::Refused) => (
            "its port is closed (stopped for now, moved, or gone)",
            &[
                "If it is only stopped, start it on a fixed version and look again; it is not clean because it is down.",
                "If it moved, correct the inventory. If it is gone for good, record that.",
            ],
        ),
        Some(Reason::DnsFailed) => (
            "its name has no address",
            &[
                "Correct the name in the inventory, or ask from inside where the name is known.",
                "If the service is gone for good, record that; the name staying gone is part of the proof.",
            ],
        ),
        Some(Reason::HandshakeFailed) => (
            "it speaks TLS and no handshake came about",
            &[
                "Find out what it insists on (a server name, a client certificate, a suite) and look again.",
                "If it cannot be asked from outside, compare the version on the host with the advisory.",
            ],
        ),
        Some(
            Reason::ClosedEarly | Reason::Blocked | Reason::UnexpectedAnswer | Reason::HeartbeatNotAnswered,
        ) => (
            "its answer decides nothing, perhaps because a device in between eats the question",
            &[
                "Look again from inside, past any intrusion prevention or balancer.",
                "If it stays unclear, compare the version on the host with the advisory.",
            ],
        ),
        Some(Reason::WrapUnsupported) => (
            "this release does not speak its wrap",
            &[
                "The inventory is not wrong: test it with another tool that speaks this protocol, or compare the version on the host with the advisory.",
                "Keep what that showed in the ticket, and record it here: as not affected, or waived with an end.",
            ],
        ),
        Some(Reason::StarttlsRefused | Reason::WrapMismatch | Reason::NotTls) => (
            "TLS could not be reached in the way the inventory says",
            &[
                "Check `wrap` and `port` in the inventory against what the service speaks, and look again.",
                "If allclear cannot speak it, compare the version on the host with the advisory.",
            ],
        ),
        Some(Reason::RateLimited) => (
            "it asked for patience, was waited for once, and asked for it again",
            &["Look again later, or from an address that it does not limit."],
        ),
        Some(Reason::LocalError | Reason::Interrupted) => (
            "the look was cut short on allclear's side",
            &["Look again; `allclear sweep --resume` goes on where it stopped."],
        ),
        Some(Reason::OutOfScope | Reason::Excluded) => (
            "it lies outside what allclear may touch",
            &[
                "Widen the scope if you may, and look again.",
                "If it must not be probed, compare the version on the host with the advisory.",
            ],
        ),
        Some(
            Reason::BackportLikely
            | Reason::RowUnconfirmed
            | Reason::SymbolsUnavailable
            | Reason::BranchNotAnalysed
            | Reason::BannerOnly,
        ) => ("the evidence decides nothing: what is known of its version does not tell", VERSION),
        Some(_) => (
            "the evidence decides nothing",
            &["Compare the version and build on the host with the advisory of its distribution or maker."],
        ),
    }
}

/// Why it is not known, and what to do.
type Words = (&'static str, &'static [&'static str]);

/// The same for the questions of `--depth full`.
const fn of_full_depth(reason: Reason) -> Option<Words> {
    Some(match reason {
        Reason::NotAsked => (
            "it was not asked: only a look at full depth asks about this disclosure",
            &[
                "Sweep it with `--depth full`.",
                "If it cannot be asked from outside, compare the version on the host with the advisory.",
            ],
        ),
        Reason::EndedWithoutAlert | Reason::OtherAnswer => (
            "it ended the conversation without saying why, as some servers (dovecot, old node) and some filters do",
            &[
                "Look again from inside, past any intrusion prevention or balancer.",
                "If it stays unclear, compare version and configuration on the host with the advisory.",
            ],
        ),
        Reason::RsaKeyExchangeOffered => (
            "RSA key exchange is offered, and whether it gives anything away is not asked",
            &[
                "Switch RSA key exchange off and look again; or ask its maker whether it is affected.",
                "Keep what the maker said in the ticket, and record it here.",
            ],
        ),
        Reason::ListDoesNotCover => (
            "no list of weak keys that was given covers its key",
            &[
                "Look again with `--weak-keys FILE` (docs/weak-keys.md says where such lists come from).",
                "A key that was made after the repair of the host that made it is not concerned: find out where it was made, and record that.",
            ],
        ),
        Reason::DhPrimeUnknown => (
            "its Diffie-Hellman prime has 1024 bits, and whether others share it cannot be seen",
            &["Put a prime of 2048 bits or more in its place, or elliptic curves alone, and look again."],
        ),
        Reason::Sslv2NoCiphers => (
            "it speaks SSLv2 without any cipher, which old OpenSSL does not enforce",
            &["Switch SSLv2 off, and look again."],
        ),
        _ => return None,
    })
}
