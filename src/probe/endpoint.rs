//! One endpoint from the first connection to its observation.
//!
//! Everything on one endpoint happens one connection after the other. Which endpoints are looked at when, and
//! how many at a time, is the scheduler's business; what an observation means is assessment's.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use super::{
    context::{Context, Depth},
    kind::{self, Seen, Target},
    trace::Aside,
};
use crate::model::{
    expect,
    ids::Sha256,
    observation::{Attempt, Contact, Observation, Skip},
    served::Expectation,
    service::Service,
};

/// One endpoint to look at.
#[derive(Clone, Debug)]
pub struct Job {
    /// The service.
    pub service: Arc<Service>,
    /// One of its addresses.
    pub address: IpAddr,
    /// Whether it must not be probed beyond a handshake, by inventory or by policy.
    pub fragile: bool,
}

/// What a look brought, whole.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The service.
    pub service: Arc<Service>,
    /// The observation.
    pub observation: Observation,
    /// Certificates behind leaves, as DER by digest.
    pub issuers: Vec<(Sha256, Vec<u8>)>,
    /// The OCSP answer that came with the leaf.
    pub staple: Option<Vec<u8>>,
}

impl Looked {
    /// One that brought nothing beside its observation.
    pub const fn plain(service: Arc<Service>, observation: Observation) -> Self {
        Self { service, observation, issuers: Vec::new(), staple: None }
    }
}

/// Looks at one endpoint, and brings what came beside the observation as well.
pub async fn look(job: &Job, context: &Context, aside: &Aside) -> Looked {
    let observation = probe_aside(job, context, aside).await;
    let service = Arc::clone(&job.service);
    Looked { service, observation, issuers: aside.take_issuers(), staple: aside.take_staple() }
}

/// Looks at one endpoint. Always comes back, and always with an observation: a failure is evidence too.
pub async fn probe_endpoint(job: &Job, context: &Context) -> Observation {
    probe_aside(job, context, &Aside::default()).await
}

/// The same, with what comes beside it.
async fn probe_aside(job: &Job, context: &Context, aside: &Aside) -> Observation {
    let started = Instant::now();
    let service = &*job.service;
    let seen = match kind::find(service.wrap, service.transport) {
        Some(kind) => {
            let target = Target {
                aside,
                address: SocketAddr::new(job.address, service.port),
                transport: service.transport,
                wrap: service.wrap,
                sni: service.sni_to_send(),
                fragile: job.fragile,
                trial: false,
                sturdy: service.declared.fragile == Some(false),
                relays: relays(service),
            };
            let mut seen = (kind.look)(target, context).await;
            // Counted wherever they came: the figure is of the whole look.
            let stray = aside.stray();
            if stray > 0 {
                if seen.attempts.is_empty() {
                    seen.attempts.push(Attempt::ended(seen.contact));
                }
                if let Some(first) = seen.attempts.first_mut() {
                    first.foreign_bytes = first.foreign_bytes.saturating_add(stray);
                }
            }
            let wrap = seen.wrap.unwrap_or(service.wrap);
            let fragile = job.fragile || seen.skip == Some(Skip::Fragile);
            seen.expectations = as_users(service, Target { wrap, fragile, ..target }, context).await;
            seen
        }
        None => not_built_yet(service),
    };
    observation(job, context, seen, aside, started)
}

/// Whether a service is a STUN or TURN server: by the word of its row, or by the port that nobody else has (RFC 8489,
/// 18.6).
fn relays(service: &Service) -> bool {
    let word = service.declared.service_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let named = ["turn", "stun", "coturn", "turns", "stuns"].contains(&&*word);
    named || (word.is_empty() && [3478, 5349].contains(&service.port))
}

/// What users must still get, as the inventory says it. Nothing where it says nothing, and for a quick look.
async fn as_users(service: &Service, target: Target<'_>, context: &Context) -> Vec<Expectation> {
    let Some(text) = service.declared.expect.as_deref().filter(|_| context.settings.depth > Depth::Quick)
    else {
        return Vec::new();
    };
    match expect::parse(text) {
        Ok(expects) => Box::pin(super::expect::try_all(&expects, target, context)).await,
        // The inventory was read by the same rules, unless an earlier release did it.
        Err(error) => {
            let saw = Some(format!("it cannot be read: character {}: {}", error.column, error.message));
            vec![Expectation { expect: Arc::from(text), met: None, saw, mixed: Vec::new() }]
        }
    }
}

/// A wrap that this build cannot speak is not contacted at all.
fn not_built_yet(service: &Service) -> Seen {
    let mut seen = Seen::ended(Contact::Skipped);
    seen.detail = Some(if service.transport == service.wrap.transport() {
        format!("wrap not built yet: {}", service.wrap)
    } else {
        format!("wrap not built yet: {} over {}", service.wrap, service.transport)
    });
    seen
}

fn observation(job: &Job, context: &Context, mut seen: Seen, aside: &Aside, started: Instant) -> Observation {
    let service = &*job.service;
    if let Some(lists) = context.weak_keys.as_deref() {
        let others = seen.other_keys.iter_mut().flatten().filter_map(|k| k.certificate.as_mut());
        for certificate in seen.certificate.iter_mut().chain(others) {
            if let Some(details) = &mut certificate.details {
                let name = details.modulus_sha1.as_deref();
                details.listed_weak = name.and_then(|n| lists.holds(n, details.key_bits.unwrap_or(0)));
            }
        }
    }
    let sni = service.sni_to_send().and_then(|_| service.sni.clone().or_else(|| service.name.clone()));
    Observation {
        sweep: context.sweep,
        row_id: service.row_id.clone(),
        name: service.name.clone(),
        address: Some(job.address),
        port: service.port,
        transport: service.transport,
        wrap: seen.wrap.unwrap_or(service.wrap),
        sni,
        vantage: context.settings.vantage.clone(),
        at: context.clock.now(),
        ms: started.elapsed().as_secs_f64() * 1000.0,
        contact: seen.contact,
        skip: seen.skip,
        detail: seen.detail,
        tls: seen.tls,
        certificate: seen.certificate,
        chain: seen.chain,
        other_keys: seen.other_keys,
        attempts: seen.attempts,
        served: seen.served,
        expectations: seen.expectations,
        software: aside.take_software(),
        asked: seen.asked,
        relay: seen.relay,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{context::Settings, dial::Dialer},
        *,
    };
    use crate::{clock::Clock, model::ids::SweepId};
    use crate::{
        model::{
            ids::RowId,
            wrap::{Transport, Wrap},
        },
        probe::limits::Rate,
    };

    fn job(wrap: Wrap, transport: Transport, name: Option<&str>) -> Job {
        let service = Service {
            row_id: RowId::declared("row"),
            name: name.map(Arc::from),
            addresses: Box::new([]),
            port: 1,
            transport,
            wrap,
            wrap_declared: true,
            sni: None,
            id_declared: true,
            declared: Arc::default(),
            sources: Arc::from([]),
        };
        Job { service: Arc::new(service), address: "127.0.0.1".parse().unwrap(), fragile: false }
    }

    fn context() -> Context {
        let clock = Clock::simulated("2026-11-22".parse().unwrap());
        Context::new(Settings::default(), Dialer::new(None, Rate::per_second(0)), clock, SweepId(7))
    }

    #[tokio::test]
    async fn a_wrap_that_cannot_be_spoken_is_not_contacted() {
        let table = [
            (Wrap::Smtp, Transport::Udp, "wrap not built yet: starttls-smtp over udp"),
            (Wrap::Dtls, Transport::Tcp, "wrap not built yet: dtls over tcp"),
            (Wrap::Tls, Transport::Udp, "wrap not built yet: tls over udp"),
        ];
        for (wrap, transport, detail) in table {
            let seen = probe_endpoint(&job(wrap, transport, None), &context()).await;
            // A contact would have ended as refused: nothing listens on port 1.
            assert_eq!(seen.contact, Contact::Skipped, "{wrap}");
            assert_eq!((seen.skip, seen.detail.as_deref()), (None, Some(detail)), "{wrap}");
            assert!(seen.attempts.is_empty(), "{wrap}");
        }
    }

    #[tokio::test]
    async fn an_observation_carries_what_the_job_and_the_sweep_say() {
        let seen =
            probe_endpoint(&job(Wrap::Tls, Transport::Tcp, Some("web01.example.test")), &context()).await;
        assert_eq!(seen.contact, Contact::Refused);
        assert_eq!((seen.sweep, seen.row_id.as_str(), seen.port), (SweepId(7), "row", 1));
        assert_eq!(seen.sni.as_deref(), Some("web01.example.test"));
        assert_eq!(seen.address.map(|a| a.to_string()).as_deref(), Some("127.0.0.1"));
        assert_eq!(&*seen.vantage, "local");
        assert!(seen.at.to_string().starts_with("2026-11-22"));
        assert_eq!(seen.other_keys, None);
        let bare = probe_endpoint(&job(Wrap::Tls, Transport::Tcp, Some("127.0.0.1")), &context()).await;
        assert_eq!(bare.sni, None, "an address is no host name");
    }
}
