//! What is wrong with what a service shows, at its last looks, and the software that it names. Apart from any
//! disclosure: nothing here moves a verdict or a facet.

use std::collections::BTreeSet;

use super::{facets::View, findings};
use crate::model::{
    finding::{Finding, FindingKind},
    joined::Graded,
    observation::{Certificate, Observation, TlsVersion},
    policy::Policy,
    relay::Allocation,
    revocation::{Revocation, RevocationStatus},
    served::Software,
    service::Service,
    time::Timestamp,
    verdict::Grade,
};

/// Everything that one observation shows to be wrong; `checks` are what is known of the revocation of its certificates.
pub fn findings_of(
    observation: &Observation,
    service: &Service,
    checks: &[Revocation],
    now: Timestamp,
    policy: &Policy,
) -> Vec<Finding> {
    let revoked = |certificate: &Certificate| {
        checks
            .iter()
            .rfind(|c| c.certificate == certificate.sha256 && c.status != RevocationStatus::Unknown)
            .filter(|c| c.status == RevocationStatus::Revoked)
    };
    all_of(observation, service, &revoked, now, policy)
}

/// The same over the last looks of a service's endpoints.
pub(super) fn of_service(view: &View<'_, '_>) -> (Vec<Finding>, Vec<Software>) {
    let Some(service) = view.index.evidence.services.get(view.service) else {
        return (Vec::new(), Vec::new());
    };
    let revoked = |certificate: &Certificate| {
        let standing = view.index.revocations.of(certificate)?;
        standing.decided.map(|(check, _)| check).filter(|_| standing.is_revoked())
    };
    let mut found: Vec<Finding> = Vec::new();
    let mut software = BTreeSet::new();
    for endpoint in view.endpoints().filter(|e| e.last.host.is_none()) {
        let seen = endpoint.last.seen;
        for finding in all_of(seen, service, &revoked, view.now, view.index.policy) {
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        software.extend(seen.software.iter().cloned());
    }
    found.sort_by_key(|f| (!f.kind.is_outage(), f.kind));
    (found, software.into_iter().collect())
}

/// Versions out of banners: the weakest evidence there is, where there is no other.
pub(super) fn named(software: &[Software]) -> Option<Graded<String>> {
    let versions: Vec<String> =
        software.iter().filter(|s| s.version.is_some()).map(ToString::to_string).collect();
    (!versions.is_empty()).then(|| Graded {
        value: versions.join(", "),
        grade: Grade::E0,
        because: "a banner, which proves nothing".to_owned(),
    })
}

fn all_of<'c>(
    observation: &Observation,
    service: &Service,
    revoked: &dyn Fn(&Certificate) -> Option<&'c Revocation>,
    now: Timestamp,
    policy: &Policy,
) -> Vec<Finding> {
    let mut found = findings::findings(observation, service, now, &policy.findings, staple(observation));
    found.extend(observation.certificates().filter_map(|c| Some(serves_revoked(c, revoked(c)?))));
    if observation.wrap != service.wrap {
        found.push(Finding {
            kind: FindingKind::OtherWrap,
            detail: if observation.tls.is_some() {
                format!(
                    "TLS is reached by {} and not by {}, as the row or its port says",
                    observation.wrap, service.wrap
                )
            } else {
                format!(
                    "it speaks {} and not {}, as the row or its port says",
                    observation.wrap, service.wrap
                )
            },
            certificate: None,
        });
    }
    if let Some(relay) = observation.relay.as_ref().filter(|r| r.allocation == Some(Allocation::Open)) {
        let end = match relay.given_back {
            Some(true) => "was given back at once",
            _ => "ends by itself within its lifetime, since giving it back was not confirmed",
        };
        found.push(Finding {
            kind: FindingKind::OpenRelay,
            detail: format!(
                "it relays for strangers: an allocation was granted without credentials, and {end}"
            ),
            certificate: None,
        });
    }
    found.sort_by_key(|f| (!f.kind.is_outage(), f.kind));
    found
}

/// Whether a staple that can be believed came; absent where none was asked for. Only hellos up to TLS 1.2 ask.
fn staple(observation: &Observation) -> Option<bool> {
    let asked = observation.tls.as_ref().is_some_and(|tls| tls.version.of_stream() < TlsVersion::Tls13);
    let served = observation.served.as_ref().filter(|_| asked)?;
    Some(served.staple.is_some())
}

fn serves_revoked(certificate: &Certificate, check: &Revocation) -> Finding {
    let since = check.revoked_at.map_or(String::new(), |at| format!(" since {}", at.date()));
    let reason = check.reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let serial = certificate.serial.as_deref().unwrap_or("without serial");
    Finding {
        kind: FindingKind::ServesRevoked,
        detail: format!("the certificate {serial} that it serves is revoked{since}{reason}"),
        certificate: Some(certificate.sha256),
    }
}
