//! One endpoint from the first connection to its observation.
//!
//! Everything on one endpoint happens one connection after the other. Which endpoints are looked at when, and
//! how many at a time, is the scheduler's business; what an observation means is assessment's.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{
    context::Context,
    kind::{self, Seen, Target},
};
use crate::model::{
    observation::{Attempt, Contact, Observation},
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

/// Looks at one endpoint. Always comes back, and always with an observation: a failure is evidence too.
pub async fn probe_endpoint(job: &Job, context: &Context) -> Observation {
    let started = Instant::now();
    let service = &*job.service;
    let seen = match kind::find(service.wrap, service.transport) {
        Some(kind) => {
            let stray = AtomicU64::new(0);
            let target = Target {
                stray: &stray,
                address: SocketAddr::new(job.address, service.port),
                sni: service.sni_to_send(),
                fragile: job.fragile,
            };
            let mut seen = (kind.look)(target, context).await;
            // Counted wherever they came: the figure is of the whole look.
            let stray = stray.load(Ordering::Relaxed);
            if stray > 0 {
                if seen.attempts.is_empty() {
                    seen.attempts.push(Attempt::ended(seen.contact));
                }
                if let Some(first) = seen.attempts.first_mut() {
                    first.foreign_bytes = first.foreign_bytes.saturating_add(stray);
                }
            }
            seen
        }
        None => not_built_yet(service),
    };
    observation(job, context, seen, started)
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

fn observation(job: &Job, context: &Context, seen: Seen, started: Instant) -> Observation {
    let service = &*job.service;
    let sni = service.sni_to_send().and_then(|_| service.sni.clone().or_else(|| service.name.clone()));
    Observation {
        sweep: context.sweep,
        row_id: service.row_id.clone(),
        name: service.name.clone(),
        address: Some(job.address),
        port: service.port,
        transport: service.transport,
        wrap: service.wrap,
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
        Context {
            settings: Settings::default(),
            dialer: Dialer::new(None, Rate::per_second(0)),
            clock: Clock::simulated("2026-11-22".parse().unwrap()),
            sweep: SweepId(7),
        }
    }

    #[tokio::test]
    async fn a_wrap_that_cannot_be_spoken_is_not_contacted() {
        let table = [
            (Wrap::Smtp, Transport::Tcp, "wrap not built yet: starttls-smtp"),
            (Wrap::Dtls, Transport::Udp, "wrap not built yet: dtls"),
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
