//! The incident's policy: what `allclear.toml` can set. Printed in every report, so that a reader
//! knows by which rules a row became green.

use serde::{Deserialize, Serialize};

use super::{
    facet::FacetKind,
    finding::FindingRules,
    kinds::{SecretType, ServiceType},
    rules::Rule,
    service::Exposure,
    verdict::Grade,
    vocabulary,
};

vocabulary! {
    /// Which services that were clean on their first look owe new keys all the same (DESIGN).
    Presume, "presumption" {
        /// Those on OpenSSL or an unknown stack whose certificate is older than the disclosure.
        Dated = "dated",
        /// Every one that may have had the hole.
        All = "all",
        /// None: only what was observed.
        None = "none",
    }
}

/// Minimum grades, one a facet (REMEDIATION 1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinimumGrades {
    /// Default E1.
    pub patched: Grade,
    /// Default E3.
    pub restarted: Grade,
    /// Default E3.
    pub rekeyed: Grade,
    /// Default E2: a CRL, an OCSP answer, or the certificate's end. Where a certificate names neither, a person's word
    /// with a reference (E1) is the best that can be had, and is enough.
    pub revoked: Grade,
    /// Default E1.
    pub secrets: Grade,
    /// Default E3.
    pub verified: Grade,
}

impl Default for MinimumGrades {
    fn default() -> Self {
        Self {
            patched: Grade::E1,
            restarted: Grade::E3,
            rekeyed: Grade::E3,
            revoked: Grade::E2,
            secrets: Grade::E1,
            verified: Grade::E3,
        }
    }
}

impl MinimumGrades {
    /// The minimum of one facet.
    pub const fn of(&self, kind: FacetKind) -> Grade {
        match kind {
            FacetKind::Patched => self.patched,
            FacetKind::Restarted => self.restarted,
            FacetKind::Rekeyed => self.rekeyed,
            FacetKind::Revoked => self.revoked,
            FacetKind::Secrets => self.secrets,
            FacetKind::Verified => self.verified,
        }
    }
}

/// Hours from the disclosure, or from the first sight if that is later, until a service is overdue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DueHours {
    /// Default 24.
    pub public: u32,
    /// Default 72.
    pub partner: u32,
    /// Default 168.
    pub internal: u32,
    /// Default 24: an unknown exposure is treated as public.
    pub unknown: u32,
}

impl Default for DueHours {
    fn default() -> Self {
        Self { public: 24, partner: 72, internal: 168, unknown: 24 }
    }
}

impl DueHours {
    /// The hours for one exposure.
    pub const fn of(&self, exposure: Exposure) -> u32 {
        match exposure {
            Exposure::Public => self.public,
            Exposure::Partner => self.partner,
            Exposure::Internal => self.internal,
            Exposure::Unknown => self.unknown,
        }
    }
}

/// The rules by which evidence becomes a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Default `dated`.
    pub presume: Presume,
    /// Minimum grades by facet.
    pub minimum_grades: MinimumGrades,
    /// Due dates by exposure.
    pub due_hours: DueHours,
    /// How many hours after everything is done the confirming sweep must come. Default 0: any later sweep.
    pub confirm_after_hours: u32,
    /// After how many days without a look a verified service is stale. Default 30.
    pub stale_after_days: u32,
    /// How many unreachable sweeps in a row prove a decommissioning. Default 2.
    pub decommission_sweeps: u32,
    /// Whether keys and secrets are owed for disclosures that leave it to policy (a leak that needs a man in the
    /// middle, a few bytes of memory). Default no.
    pub rotate_by_policy: bool,
    /// What is told of certificates.
    pub findings: FindingRules,
    /// Owners and exposure of services that name none; for each the first rule that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<Rule>,
    /// Kinds of services beside those that come with the tool; one of the same name takes its place.
    pub service_type: Vec<ServiceType>,
    /// Kinds of secrets beside those that come with the tool; one of the same code takes its place.
    pub secret_type: Vec<SecretType>,
}

impl Policy {
    /// The rules in one line, for reports.
    pub fn summary(&self) -> String {
        let grades: Vec<String> =
            FacetKind::ALL.iter().map(|kind| format!("{kind} {}", self.minimum_grades.of(*kind))).collect();
        format!(
            "presumption {}; minimum grades {}; confirming sweep {} h after everything is done; stale after {} days; \
             {} unreachable sweeps prove a decommissioning; rotation that is left to policy is {}owed; \
             certificates are told {} before they end",
            self.presume,
            grades.join(", "),
            self.confirm_after_hours,
            self.stale_after_days,
            self.decommission_sweeps,
            if self.rotate_by_policy { "" } else { "not " },
            self.findings.warn_in_words()
        )
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            presume: Presume::Dated,
            minimum_grades: MinimumGrades::default(),
            due_hours: DueHours::default(),
            confirm_after_hours: 0,
            stale_after_days: 30,
            decommission_sweeps: 2,
            rotate_by_policy: false,
            findings: FindingRules::default(),
            rule: Vec::new(),
            service_type: Vec::new(),
            secret_type: Vec::new(),
        }
    }
}
