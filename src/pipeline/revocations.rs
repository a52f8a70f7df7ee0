//! Which certificates are asked about, with which issuer's key, and what comes of it: CRL and OCSP after a sweep, and
//! OCSP answers that came with a handshake.
//!
//! Only certificates of the inventory's own services are asked about, at the URLs that stand in them: those on keys
//! that were in reach or presumed so, until their revocation was seen twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    time::{Duration, Instant},
};

use super::{judged::Judged, runtime};
use crate::{
    clock::Clock,
    error::Error,
    model::{
        assessment::KeyExposure,
        ids::{RowId, Sha256},
        observation::Certificate,
        revocation::{Revocation, RevocationReason, RevocationStatus},
        time::Timestamp,
    },
    probe::Looked,
    revocation::{self, Asked},
    store::{Reader, Store},
};

/// What a round of checks came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Certificates asked about.
    pub asked: usize,
    /// Of those: revoked.
    pub revoked: usize,
    /// Of those: still vouched for.
    pub good: usize,
    /// Why one of the others is unknown.
    pub why_unknown: Option<String>,
    /// Why nothing was asked or recorded, where that is a fault. The sweep before it stands all the same.
    pub failed: Option<String>,
}

impl Round {
    /// The round in words; none where nothing was asked.
    pub fn words(&self) -> Option<String> {
        if let Some(why) = &self.failed {
            return Some(format!("The revocation of old certificates could not be asked or recorded: {why}"));
        }
        let unknown = self.asked.saturating_sub(self.revoked + self.good);
        let why = self.why_unknown.as_ref().filter(|_| unknown > 0);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        (self.asked > 0).then(|| {
            format!(
                "Revocation of {} certificates on keys at risk, by CRL and OCSP: {} revoked, {} still good, {unknown} unknown{why}.",
                self.asked, self.revoked, self.good
            )
        })
    }
}

/// Asks about what the incident owes, or what these services of it owe, and stores the answers.
pub fn after_sweep(incident: &Path, judged: &Judged, rows: Option<&[RowId]>, clock: &Clock) -> Round {
    ask_and_store(incident, judged, rows, clock)
        .unwrap_or_else(|why| Round { failed: Some(why.to_string()), ..Round::default() })
}

fn ask_and_store(
    incident: &Path,
    judged: &Judged,
    rows: Option<&[RowId]>,
    clock: &Clock,
) -> Result<Round, Error> {
    let certificates = owed(judged, rows, clock.now());
    if certificates.is_empty() {
        return Ok(Round::default());
    }
    let known: Vec<Vec<u8>> =
        Reader::open(incident)?.issuers()?.iter().filter_map(crate::model::revocation::Issuer::der).collect();
    let runtime = runtime::start()?;
    let (began, asked) = (Instant::now(), certificates.len());
    let mut found = Vec::new();
    for batch in batches(certificates) {
        if began.elapsed() > WHOLE {
            break;
        }
        // Stored at once: what was answered is kept, whatever happens next.
        let limit = WHOLE.saturating_sub(began.elapsed()).max(Duration::from_secs(20));
        let asking = async { tokio::time::timeout(limit, check(batch, &known, clock)).await };
        let Ok(answers) = runtime.block_on(asking) else { break };
        Store::open(incident)?.append_revocations(&answers)?;
        found.extend(answers);
    }
    runtime.shutdown_background();
    let of = |status| found.iter().filter(|r| r.status == status).count();
    Ok(Round {
        asked,
        revoked: of(RevocationStatus::Revoked),
        good: of(RevocationStatus::Good),
        why_unknown: found
            .iter()
            .find(|r| r.status == RevocationStatus::Unknown)
            .and_then(|r| r.detail.clone()),
        failed: None,
    })
}

/// The longest that a round of checks may take; who was not asked then is asked after the next sweep.
const WHOLE: Duration = Duration::from_secs(120);
/// Certificates of OCSP alone in one batch.
const BATCH: usize = 16;

/// Certificates that share their lists together, so that each list is fetched once; the rest a few at a time.
fn batches(certificates: Vec<Certificate>) -> Vec<Vec<Certificate>> {
    let mut by_list: BTreeMap<Vec<String>, Vec<Certificate>> = BTreeMap::new();
    for certificate in certificates {
        let lists = certificate.details.as_ref().map_or_else(Vec::new, |d| d.crl.clone());
        by_list.entry(lists).or_default().push(certificate);
    }
    let alone = by_list.remove(&Vec::new()).unwrap_or_default();
    by_list.into_values().chain(alone.chunks(BATCH).map(<[_]>::to_vec)).collect()
}

/// Certificates on keys at risk that have not ended, name somebody to ask, and were not seen revoked twice.
fn owed(judged: &Judged, rows: Option<&[RowId]>, now: Timestamp) -> Vec<Certificate> {
    let mut seen_revoked: BTreeMap<Sha256, usize> = BTreeMap::new();
    for check in &judged.evidence.revocations {
        let count = seen_revoked.entry(check.certificate).or_default();
        match check.status {
            RevocationStatus::Revoked if check.reason == Some(RevocationReason::CertificateHold) => {
                *count = 0;
            }
            RevocationStatus::Revoked => *count += 1,
            RevocationStatus::Good => *count = 0,
            RevocationStatus::Unknown => {}
        }
    }
    let at_risk = judged.assessment.keys.iter().filter(|k| k.exposure != KeyExposure::Clean);
    let all = at_risk.flat_map(|k| &k.certificates);
    let these: Option<BTreeSet<Sha256>> = rows.map(|rows| {
        let asked: HashSet<&RowId> = rows.iter().collect();
        let services = judged.assessment.services.iter().filter(|s| asked.contains(&s.row_id));
        services.flat_map(|s| &s.old_certificates).map(|old| old.certificate.sha256).collect()
    });
    let all = all.filter(|c| these.as_ref().is_none_or(|these| these.contains(&c.sha256)));
    let mut certificates: BTreeMap<Sha256, &Certificate> = BTreeMap::new();
    for certificate in all {
        let ended = certificate.not_after.is_some_and(|end| end < now);
        let details = certificate.details.as_ref();
        let named = details.is_some_and(|d| !d.crl.is_empty() || !d.ocsp.is_empty());
        let settled = seen_revoked.get(&certificate.sha256).is_some_and(|n| *n >= 2);
        if named && !ended && !settled {
            certificates.insert(certificate.sha256, certificate);
        }
    }
    certificates.into_values().cloned().collect()
}

/// Asks about certificates, with the issuers that are `known` as DER. One whose issuer is not among them stays unknown.
pub async fn check(certificates: Vec<Certificate>, known: &[Vec<u8>], clock: &Clock) -> Vec<Revocation> {
    let by_digest: BTreeMap<Sha256, &Vec<u8>> = known.iter().map(|der| (Sha256::of(der), der)).collect();
    let asked = certificates.into_iter().map(|certificate| {
        // By the key that signed it, as the look found: a name alone would let a stranger speak for an authority.
        let signer = certificate.details.as_ref().and_then(|d| d.issuer);
        let issuer = signer.and_then(|digest| by_digest.get(&digest)).map(|der| (*der).clone());
        Asked { certificate, issuer }
    });
    let settings = revocation::Settings { clock: clock.clone(), ..revocation::Settings::default() };
    revocation::check(asked.collect(), &settings).await
}

/// Judges the OCSP answer that came with a handshake and notes it in the observation.
pub fn take_staple(looked: &mut Looked, now: Timestamp) -> Option<Revocation> {
    let staple = looked.staple.take()?;
    let certificate = looked.observation.certificate.as_ref()?;
    let signer = certificate.details.as_ref().and_then(|d| d.issuer)?;
    let (_, issuer) = looked.issuers.iter().find(|(digest, _)| *digest == signer)?;
    let found = revocation::judge_staple(certificate, issuer, &staple, now);
    if found.status == RevocationStatus::Unknown {
        return None;
    }
    if let Some(served) = &mut looked.observation.served {
        served.staple = Some(found.status);
    }
    Some(found)
}
