//! What people changed in the tracker, laid over what inventories declare, whenever evidence is read.
//!
//! The last word on each field counts; a person's word wins over the inventory's until the person takes it back (an
//! empty cell of `owner`, `tags`, ... is such a word). Claims that came with an import that was undone are left out. Not here: reading a tracker and
//! finding what changed (`tracker`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::model::{
    claim::Subject,
    edit::{Edit, Field, ImportId, Tracked},
    secret::Secret,
    service::{Declared, Exposure},
    sweep::Evidence,
    time::Timestamp,
};

/// Imports that were undone.
pub fn undone(edits: &[Edit]) -> BTreeSet<ImportId> {
    let undo = |edit: &Edit| match edit {
        Edit::Undo { undoes, .. } => Some(*undoes),
        Edit::Row(_) => None,
    };
    edits.iter().filter_map(undo).collect()
}

/// The edits that stand: the last word on each field.
#[derive(Debug)]
pub struct Standing<'e>(BTreeMap<&'e Subject, BTreeMap<Field, &'e str>>);

/// Leaves out the claims of imports that were undone, and lays the edits that stand over services. Secrets come after,
/// since those that a service implies have its owner.
pub fn apply<'e>(evidence: &mut Evidence, edits: &'e [Edit]) -> Standing<'e> {
    let undone = undone(edits);
    evidence.claims.retain(|claim| {
        let mut imports = claim.import.iter().chain(&claim.repeats);
        !imports.any(|import| undone.contains(import))
    });
    let mut last: BTreeMap<&Subject, BTreeMap<Field, &str>> = BTreeMap::new();
    for edit in edits {
        let Edit::Row(row) = edit else { continue };
        if !undone.contains(&row.import) {
            let set = row.set.iter().map(|(field, value)| (*field, value.as_str()));
            last.entry(&row.subject).or_default().extend(set);
        }
    }
    let rows: HashMap<String, usize> =
        evidence.services.iter().enumerate().map(|(n, s)| (s.row_id.to_string(), n)).collect();
    for (subject, set) in &last {
        let tracked = tracked(set);
        if tracked != Tracked::default() {
            evidence.tracked.insert((*subject).clone(), tracked);
        }
        let Subject::Service(row) = subject else { continue };
        if let Some(service) = rows.get(row.as_str()).and_then(|n| evidence.services.get_mut(*n)) {
            let mut declared = (*service.declared).clone();
            declare(&mut declared, set);
            service.declared = Arc::new(declared);
        }
    }
    Standing(last)
}

impl Standing<'_> {
    /// Lays them over secrets.
    pub fn own(&self, secrets: &mut [Secret]) {
        for secret in secrets {
            let set = self.0.get(&Subject::Secret(secret.id.clone()));
            if let Some(owner) = set.and_then(|set| set.get(&Field::Owner)) {
                secret.owner = text(owner);
            }
        }
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.trim().to_owned()).filter(|v| !v.is_empty())
}

fn tracked(set: &BTreeMap<Field, &str>) -> Tracked {
    let get = |field| set.get(&field).copied().and_then(text);
    Tracked {
        ticket: get(Field::Ticket),
        priority: get(Field::Priority),
        due: get(Field::Due).and_then(|t| Timestamp::end_of(&t).ok()),
        note: get(Field::Note),
    }
}

fn declare(declared: &mut Declared, set: &BTreeMap<Field, &str>) {
    for (field, value) in set {
        let value = text(value);
        match field {
            Field::Owner => declared.owner = value,
            Field::Team => declared.team = value,
            Field::Environment => declared.env = value,
            Field::Site => declared.site = value,
            Field::Exposure => declared.exposure = value.and_then(|v| v.parse::<Exposure>().ok()),
            Field::Tags => {
                let list = value.unwrap_or_default();
                declared.tags =
                    list.split(';').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
            }
            Field::Ticket | Field::Due | Field::Priority | Field::Note => {}
        }
    }
}
