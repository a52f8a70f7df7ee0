//! Keys that were in reach of the leak, or are presumed so: what serves them, whose, their certificates and windows.

use std::collections::{BTreeSet, HashMap};

use super::super::{
    super::View,
    data::{Key, KeyCertificate, KeyPlace, Window},
};
use crate::model::{
    assessment::{Assessment, KeyAssessment, KeyEndpoint, KeyExposure, OldCertificate, ServiceAssessment},
    ids::{RowId, Sha256},
    observation::Certificate,
    time::Timestamp,
    verdict::Verdict,
};

/// The keys, the worst first: seen in reach before presumed, then by what still serves it, by owners, by certificates
/// that stand.
pub(super) fn keys(view: &View<'_>, assessment: &Assessment) -> Vec<Key> {
    let entries: HashMap<&RowId, &ServiceAssessment> =
        assessment.services.iter().map(|s| (&s.row_id, s)).collect();
    let old: HashMap<Sha256, &OldCertificate> = assessment
        .services
        .iter()
        .flat_map(|s| &s.old_certificates)
        .map(|old| (old.certificate.sha256, old))
        .collect();
    let at_risk = assessment.keys.iter().filter(|k| k.exposure != KeyExposure::Clean);
    let wanted =
        at_risk.filter(|k| view.filter.is_empty() || k.endpoints.iter().any(|e| view.wants(&e.row_id)));
    let mut keys: Vec<Key> = wanted.map(|key| one(view, assessment, key, &entries, &old)).collect();
    keys.sort_by_cached_key(|key| {
        let standing = key.certificates.iter().filter(|c| !c.revoked && !c.expired).count();
        (
            key.serving == 0,
            key.exposure,
            std::cmp::Reverse((key.serving, key.owners.len(), standing, key.endpoints.len())),
            key.spki,
        )
    });
    keys
}

fn one(
    view: &View<'_>,
    assessment: &Assessment,
    key: &KeyAssessment,
    entries: &HashMap<&RowId, &ServiceAssessment>,
    old: &HashMap<Sha256, &OldCertificate>,
) -> Key {
    let places: Vec<KeyPlace> = key.endpoints.iter().map(|e| place(e, entries)).collect();
    let owners: BTreeSet<&str> =
        key.endpoints.iter().filter_map(|e| view.service(&e.row_id)?.owner()).collect();
    let certificates = key.certificates.iter().map(|c| certificate(c, key, old, assessment.now)).collect();
    Key {
        spki: key.spki,
        exposure: key.exposure,
        serving: key.endpoints.iter().filter(|e| e.serves_now).count() as u64,
        owners: owners.into_iter().map(str::to_owned).collect(),
        window: window(assessment, key, &places),
        first_seen: key.first_seen,
        last_seen: key.last_seen,
        endpoints: places,
        certificates,
    }
}

fn place(endpoint: &KeyEndpoint, entries: &HashMap<&RowId, &ServiceAssessment>) -> KeyPlace {
    let entry = entries.get(&endpoint.row_id);
    let leaks = |e: &&ServiceAssessment| {
        e.endpoints.iter().any(|at| at.address == endpoint.address && at.verdict == Verdict::Vulnerable)
    };
    KeyPlace {
        row_id: endpoint.row_id.clone(),
        address: endpoint.address,
        port: endpoint.port,
        serves_now: endpoint.serves_now,
        leaked: entry.is_some_and(|e| e.last_bad.is_some()),
        leaks_now: entry.is_some_and(leaks),
    }
}

fn certificate(
    certificate: &Certificate,
    key: &KeyAssessment,
    old: &HashMap<Sha256, &OldCertificate>,
    now: Timestamp,
) -> KeyCertificate {
    let known = old.get(&certificate.sha256);
    KeyCertificate {
        sha256: certificate.sha256,
        subject: certificate.subject.clone(),
        serial: certificate.serial.clone(),
        not_after: certificate.not_after,
        revoked: known.is_some_and(|old| old.revoked),
        expired: certificate.not_after.is_some_and(|end| end < now),
        reissued: key.reissued.contains(&certificate.sha256),
    }
}

/// The date of issue says when a certificate came to be and not when its key did: only where every certificate of a key
/// is younger than the disclosure does the window begin with the first sight of it.
fn window(assessment: &Assessment, key: &KeyAssessment, places: &[KeyPlace]) -> Window {
    let disclosed = assessment.disclosure.disclosed_at;
    let younger = |c: &Certificate| c.not_before.is_some_and(|begin| begin > disclosed);
    let made_later = !key.certificates.is_empty() && key.certificates.iter().all(younger);
    let served = key.endpoints.iter().any(|e| e.serves_now);
    Window {
        from: if made_later { key.first_seen.max(disclosed) } else { disclosed },
        until: key.exposed_at,
        open: places.iter().any(|p| p.serves_now && p.leaks_now),
        last_served: (!served).then_some(key.last_seen),
    }
}
