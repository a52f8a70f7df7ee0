//! What a report is a view of: the evidence, one assessment per disclosure, and what was asked for.
//!
//! Not a query language: the filter knows an owner and a service, since the command line knows no more.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::model::{
    assessment::{Assessment, Change, ServiceAssessment},
    ids::RowId,
    observation::Observation,
    service::Service,
    sweep::Evidence,
    verdict::Judgement,
};

/// One disclosure, judged.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    /// What was concluded.
    pub assessment: &'a Assessment,
    /// Judges one observation against this disclosure; reports do not see how.
    pub judge: &'a dyn Fn(&Observation) -> Judgement,
    /// What changed since the sweep before.
    pub changes: &'a [Change],
}

/// Which rows were asked for. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Services of this owner; the empty string means those without one.
    pub owner: Option<String>,
    /// One service by row id, name, `name:port` or declared address, in any case.
    pub service: Option<String>,
    /// These rows and no others.
    pub rows: Option<BTreeSet<RowId>>,
}

impl Filter {
    /// Whether everything is asked for.
    pub const fn is_empty(&self) -> bool {
        self.owner.is_none() && self.service.is_none() && self.rows.is_none()
    }

    /// Whether this service is asked for.
    pub fn allows(&self, service: &Service) -> bool {
        let owner = self.owner.as_deref();
        let wanted = self.service.as_deref();
        owner.is_none_or(|o| service.owner().unwrap_or_default().trim() == o.trim())
            && wanted.is_none_or(|w| is_called(service, w))
            && self.rows.as_ref().is_none_or(|rows| rows.contains(&service.row_id))
    }
}

fn is_called(service: &Service, wanted: &str) -> bool {
    service.row_id.as_str() == wanted
        || service.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(wanted))
        || service.display_port().eq_ignore_ascii_case(wanted)
        || service.addresses.iter().any(|a| a.to_string().eq_ignore_ascii_case(wanted))
}

/// The common input of every report. Cheap to clone.
#[derive(Clone)]
pub struct View<'a> {
    /// Everything that was recorded.
    pub evidence: &'a Evidence,
    /// One entry per disclosure of the incident, the first being the one it began with.
    pub judged: &'a [Judged<'a>],
    /// What was asked for.
    pub filter: Filter,
    services: Arc<HashMap<&'a RowId, &'a Service>>,
}

impl<'a> View<'a> {
    /// A view of everything.
    pub fn new(evidence: &'a Evidence, judged: &'a [Judged<'a>]) -> Self {
        let services = evidence.services.iter().map(|s| (&s.row_id, s)).collect();
        Self { evidence, judged, filter: Filter::default(), services: Arc::new(services) }
    }

    /// The same view of fewer rows.
    pub fn filtered(&self, filter: Filter) -> Self {
        Self { filter, ..self.clone() }
    }

    /// The service of a row id.
    pub fn service(&self, row_id: &RowId) -> Option<&'a Service> {
        self.services.get(row_id).copied()
    }

    /// What to call a row for people: `name:port`, or its id where it is not known.
    pub fn label(&self, row_id: &RowId) -> String {
        self.service(row_id).map_or_else(|| row_id.to_string(), Service::display_port)
    }

    /// Whether a row is asked for. A row without a service is shown only where nothing is filtered.
    pub fn wants(&self, row_id: &RowId) -> bool {
        self.filter.is_empty() || self.service(row_id).is_some_and(|s| self.filter.allows(s))
    }

    /// Every row that is asked for, one per service and disclosure, by owner, name, port and row id.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let mut rows: Vec<Row<'a>> = self
            .judged
            .iter()
            .flat_map(|j| j.assessment.services.iter().map(move |e| (j.assessment, e)))
            .filter(|(_, entry)| self.wants(&entry.row_id))
            .map(|(assessment, entry)| Row { service: self.service(&entry.row_id), entry, assessment })
            .collect();
        rows.sort_by(Row::order);
        rows
    }

    /// The changes that are asked for, with the row they speak of, in the order of [`View::rows`].
    pub fn changes(&self) -> Vec<(Row<'a>, &'a Change)> {
        let mut changes = Vec::new();
        for judged in self.judged {
            let entries: HashMap<&RowId, &ServiceAssessment> =
                judged.assessment.services.iter().map(|s| (&s.row_id, s)).collect();
            for change in judged.changes.iter().filter(|c| self.wants(&c.row_id)) {
                if let Some(entry) = entries.get(&change.row_id) {
                    let row =
                        Row { service: self.service(&change.row_id), entry, assessment: judged.assessment };
                    changes.push((row, change));
                }
            }
        }
        changes.sort_by(|(a, _), (b, _)| a.order(b));
        changes
    }
}

/// One service against one disclosure.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// What was declared; absent where evidence speaks of a row that no inventory holds.
    pub service: Option<&'a Service>,
    /// What was concluded.
    pub entry: &'a ServiceAssessment,
    /// The assessment it belongs to.
    pub assessment: &'a Assessment,
}

impl<'a> Row<'a> {
    /// The owner, where one is declared.
    pub fn owner(&self) -> Option<&'a str> {
        self.service.and_then(Service::owner).map(str::trim)
    }

    /// Its name, or its address, or its id.
    pub fn name(&self) -> String {
        self.service.map_or_else(|| self.entry.row_id.to_string(), Service::display_name)
    }

    /// `name:port`, or its id.
    pub fn label(&self) -> String {
        self.service.map_or_else(|| self.entry.row_id.to_string(), Service::display_port)
    }

    /// Whether it is owed work and past its date.
    pub fn is_overdue(&self) -> bool {
        !self.entry.state.is_finished() && self.entry.due.is_some_and(|d| d < self.assessment.now)
    }

    /// Whole hours since it is in its state, or since it was first seen; never negative.
    pub fn age_hours(&self) -> Option<i64> {
        let since = self.entry.state_since.or(self.entry.first_seen)?;
        Some((self.assessment.now.seconds_since(since) / 3600).max(0))
    }

    fn sort_name(&self) -> (Option<&'a str>, Option<std::net::IpAddr>) {
        let Some(service) = self.service else {
            return (None, None);
        };
        let name = service.name.as_deref();
        let address = if name.is_some() { None } else { service.addresses.first().copied() };
        (name, address)
    }

    /// By owner, name (addresses in their own order), port, row id, disclosure.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| {
            (
                row.owner(),
                row.sort_name(),
                row.service.map(|s| s.port),
                &row.entry.row_id,
                &row.entry.disclosure,
            )
        };
        key(self).cmp(&key(other))
    }
}
