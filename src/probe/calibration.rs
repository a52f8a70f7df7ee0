//! Asking the real probe code three questions whose answers are known, before any verdict is believed
//! (PROBING 6).
//!
//! The endpoints are the caller's: one vulnerable, one fixed, one without heartbeats, over loopback. Whether
//! assessment makes the right verdicts of what comes out is the caller's to compare as well.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;

use super::{
    context::{Context, Depth, Settings},
    dial::Dialer,
    endpoint::{Job, probe_endpoint},
    limits::{Rate, Timeouts},
};
use crate::{
    clock::Clock,
    model::{
        ids::{RowId, SweepId},
        observation::{Answer, Contact, Observation},
        service::Service,
        wrap::{Transport, Wrap},
    },
};

/// What a calibration endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Answers a heartbeat without padding.
    Vulnerable,
    /// Drops it, and answers a well-formed one.
    Fixed,
    /// Refuses heartbeats with alert 10.
    None,
}

/// The three endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints {
    /// Answers a heartbeat without padding.
    pub vulnerable: SocketAddr,
    /// Drops it, and answers a well-formed one.
    pub fixed: SocketAddr,
    /// Refuses heartbeats with alert 10.
    pub none: SocketAddr,
}

/// What came out at one endpoint.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the endpoint is.
    pub role: Role,
    /// What was seen; absent when the deadline passed first.
    pub observation: Option<Observation>,
    /// Whether that is what must be seen there.
    pub as_expected: bool,
}

/// What came out at all three.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Vulnerable, fixed, none.
    pub outcomes: [Outcome; 3],
}

impl Calibration {
    /// Whether everything came out as it must.
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|o| o.as_expected)
    }
}

/// How long an endpoint that may stay silent is waited for, try after try. A busy machine answers late, and then
/// a refusal shows one step further down; patience cures that, and nothing that is wrong.
const SHORT_WAITS: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(300), Duration::from_secs(2)];

/// Probes the three endpoints at the same time, with limits of its own and within `deadline`. An endpoint that
/// does not come out as it must is asked again with more patience; the vulnerable one has to be right at once,
/// since a late answer of its counts too.
pub async fn calibrate(
    endpoints: Endpoints,
    clock: Clock,
    sweep: SweepId,
    deadline: Duration,
) -> Calibration {
    let ask = |role, address| ask(role, address, &clock, sweep, deadline);
    let (vulnerable, fixed, none) = tokio::join!(
        ask(Role::Vulnerable, endpoints.vulnerable),
        ask(Role::Fixed, endpoints.fixed),
        ask(Role::None, endpoints.none),
    );
    Calibration { outcomes: [vulnerable, fixed, none] }
}

async fn ask(role: Role, address: SocketAddr, clock: &Clock, sweep: SweepId, deadline: Duration) -> Outcome {
    let mut outcome = Outcome { role, observation: None, as_expected: false };
    let asking = async {
        for short in SHORT_WAITS {
            let seen = probe_endpoint(&job(address), &context(short, clock, sweep)).await;
            outcome.as_expected = is_expected(role, &seen);
            outcome.observation = Some(seen);
            if outcome.as_expected || role == Role::Vulnerable {
                break;
            }
        }
    };
    let _ = timeout(deadline, asking).await; // what was seen by then stands
    outcome
}

/// Neither the source address nor the rate of the sweep: those are for targets, and this is loopback.
fn context(short: Duration, clock: &Clock, sweep: SweepId) -> Context {
    let timeouts = Timeouts { short, ..Timeouts::default() };
    let settings = Settings { timeouts, depth: Depth::Quick, ..Settings::default() };
    Context::new(settings, Dialer::new(None, Rate::per_second(0)), clock.clone(), sweep)
}

fn job(address: SocketAddr) -> Job {
    Job { service: Arc::new(service(address.ip(), address.port())), address: address.ip(), fragile: false }
}

fn service(address: IpAddr, port: u16) -> Service {
    Service {
        row_id: RowId::declared("calibration"),
        name: None,
        addresses: Box::new([address]),
        port,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: true,
        sni: None,
        id_declared: true,
        declared: Arc::default(),
        sources: Arc::from([]),
    }
}

fn is_expected(role: Role, seen: &Observation) -> bool {
    let [attempt] = &*seen.attempts else { return false };
    let answers = (attempt.malformed, attempt.control);
    let right = match role {
        Role::Vulnerable => matches!(answers, (Some(Answer::Echoed), _)),
        Role::Fixed => answers == (Some(Answer::Silent), Some(Answer::Echoed)),
        Role::None => matches!(answers, (Some(Answer::Alert { level: 2, code: 10 }), None)),
    };
    right && seen.contact == Contact::Answered && seen.foreign_bytes() == 0 && seen.certificate.is_some()
}
