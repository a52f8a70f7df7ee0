//! What two rows about one service say together: gaps filled, the first word kept, every
//! disagreement listed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::model::{
    loading::Disagreement,
    service::{Declared, Service, Source},
};

/// A field of [`Declared`] as text, for comparing and for people.
type Field = (&'static str, fn(&Declared) -> Option<String>, fn(&mut Declared, &Declared));

macro_rules! field {
    ($field:ident, $show:expr) => {
        (
            stringify!($field),
            |d: &Declared| d.$field.as_ref().map($show),
            |to: &mut Declared, from: &Declared| to.$field.clone_from(&from.$field),
        )
    };
}

/// Every field that has one value. Tags are a set and are united.
const FIELDS: &[Field] = &[
    field!(owner, String::clone),
    field!(team, String::clone),
    field!(env, String::clone),
    field!(site, String::clone),
    field!(exposure, ToString::to_string),
    field!(service_type, String::clone),
    field!(tls_stack, ToString::to_string),
    field!(issues_tokens, |v| yes_no(*v)),
    field!(zone, String::clone),
    field!(fragile, |v| yes_no(*v)),
    field!(expect, String::clone),
];

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// One later word about a service, and the line that said it.
pub(super) type Later = (Arc<Declared>, Source);

/// Merges, and remembers what was merged, so that a CIDR listed twice still shares one [`Declared`].
#[derive(Default)]
pub(super) struct Merger {
    merged: HashMap<Vec<usize>, Merged>,
    seen: HashMap<(&'static str, Source, Source), usize>,
    pub(super) disagreements: Vec<Disagreement>,
}

/// What was merged is held, so that the pointers by which it is known stay its own.
struct Merged {
    _held: Vec<Arc<Declared>>,
    result: Arc<Declared>,
}

impl Merger {
    /// What `service` and all later rows about it declare together.
    pub(super) fn merge(&mut self, service: &Service, later: &[Later]) -> Arc<Declared> {
        let first = &service.declared;
        if later.iter().all(|(declared, _)| Arc::ptr_eq(first, declared)) {
            return Arc::clone(first);
        }
        if let Some(source) = service.sources.first() {
            for field in FIELDS {
                self.compare(service, source, later, field);
            }
        }
        let held = || std::iter::once(first).chain(later.iter().map(|(declared, _)| declared));
        let key = held().map(|declared| Arc::as_ptr(declared) as usize).collect();
        let merged = self
            .merged
            .entry(key)
            .or_insert_with(|| Merged { _held: held().cloned().collect(), result: united(first, later) });
        Arc::clone(&merged.result)
    }

    /// Lists every later word about one field that is not the one that stands.
    fn compare(&mut self, service: &Service, source: &Source, later: &[Later], &(field, show, _): &Field) {
        let mut standing = show(&service.declared).map(|value| (value, source.clone()));
        for (declared, at) in later {
            let Some(word) = show(declared).map(|value| (value, at.clone())) else {
                continue;
            };
            let Some(stands) = &mut standing else {
                standing = Some(word);
                continue;
            };
            if stands.0 == word.0 {
                continue;
            }
            let (kept, other) = if overrules(field, &stands.0, &word.0) {
                (word.clone(), std::mem::replace(stands, word))
            } else {
                (stands.clone(), word)
            };
            let row_id = service.row_id.clone();
            self.disagree(Disagreement { row_id, field, kept, other, more: 0 });
        }
    }

    /// Keeps a disagreement, or counts it with the one that the same two lines had already.
    fn disagree(&mut self, new: Disagreement) {
        let key = (new.field, new.kept.1.clone(), new.other.1.clone());
        if let Some(first) = self.seen.get(&key).and_then(|&at| self.disagreements.get_mut(at)) {
            first.more += 1;
            return;
        }
        self.seen.insert(key, self.disagreements.len());
        self.disagreements.push(new);
    }
}

/// The first word stands, with two exceptions: who says that a device is fragile is believed, since
/// the other way round a device may hang; and so is who says that more people can reach a service.
fn overrules(field: &str, standing: &str, later: &str) -> bool {
    let width = |word: &str| ["internal", "partner", "public"].iter().position(|known| *known == word);
    match field {
        "fragile" => later == "yes",
        "exposure" => width(later) > width(standing),
        _ => false,
    }
}

fn united(first: &Declared, later: &[Later]) -> Arc<Declared> {
    let mut result = first.clone();
    let mut tags: HashSet<&str> = first.tags.iter().map(String::as_str).collect();
    for (declared, _) in later {
        for &(field, show, copy) in FIELDS {
            let takes = match (show(&result), show(declared)) {
                (None, _) => true,
                (Some(standing), Some(later)) => overrules(field, &standing, &later),
                (Some(_), None) => false,
            };
            if takes {
                copy(&mut result, declared);
            }
        }
        let new = declared.tags.iter().filter(|tag| tags.insert(tag));
        result.tags.extend(new.cloned());
    }
    Arc::new(result)
}
