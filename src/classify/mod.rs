//! Classification: from what is declared, the user's rules, the table of service types and what hosts
//! say, to answers to the three questions of a response. Pure.
//!
//! It decides no state and no verdict. What a person said, in a row, a rule, a tag or a zone, is laid
//! over services before they are judged ([`fill`]); guesses are only shown ([`Classifier`]): no service
//! gets a later due date because of the look of its address.

mod exposure;
mod holds;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::model::{
    classified::{Answer, Basis, Classified},
    host::OpenTo,
    ids::RowId,
    joined::Graded,
    kinds::ServiceType,
    policy::Policy,
    secret::Secret,
    service::{Declared, Exposure, Service, TlsStack},
};

/// What hosts say of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How it comes by its TLS code.
    pub stack: Option<Graded<TlsStack>>,
    /// To whom its port is open, and which host says so.
    pub open_to: Option<(String, OpenTo)>,
}

/// A declaration, and the owner and exposure that it is to get.
type Wanted = (*const Declared, Option<String>, Option<Exposure>);

/// Owners and exposure that rules, tags and zones give to services that name none. What the inventory or a person's
/// edit says always stands.
pub fn fill(services: &mut [Service], policy: &Policy) {
    // Many services share one declaration, and are to share what is made of it.
    let mut made: HashMap<Wanted, (Arc<Declared>, Arc<Declared>)> = HashMap::new();
    for service in services {
        let owner = match service.owner() {
            Some(_) => None,
            None => owner_by_rule(service, policy).map(|owner| owner.value),
        };
        let known = service.exposure() != Exposure::Unknown;
        let exposure = if known { None } else { exposure::said(service, policy).map(|said| said.value) };
        if owner.is_none() && exposure.is_none() {
            continue;
        }
        let key = (Arc::as_ptr(&service.declared), owner, exposure);
        let (owner, exposure) = (key.1.clone(), key.2);
        let (_, filled) = made.entry(key).or_insert_with(|| {
            let mut declared = Declared::clone(&service.declared);
            declared.owner = owner.or(declared.owner);
            declared.exposure = exposure.or(declared.exposure);
            // The original is held, so that its address stays its own.
            (Arc::clone(&service.declared), Arc::new(declared))
        });
        service.declared = Arc::clone(filled);
    }
}

/// Answers the three questions, service by service: a million answers need not be held at once.
pub struct Classifier<'a, 't> {
    policy: &'a Policy,
    kind: &'a (dyn Fn(&Service) -> &'t ServiceType + Sync),
    seen: &'a BTreeMap<RowId, Seen>,
    listed: BTreeMap<&'a RowId, BTreeSet<String>>,
}

impl<'a, 't> Classifier<'a, 't> {
    /// `kind` tells a service's type, `code` a secret's; services are to come as the inventory declares them, before
    /// [`fill`].
    pub fn new(
        secrets: &'a [Secret],
        policy: &'a Policy,
        kind: &'a (dyn Fn(&Service) -> &'t ServiceType + Sync),
        code: &dyn Fn(&Secret) -> String,
        seen: &'a BTreeMap<RowId, Seen>,
    ) -> Self {
        let mut listed: BTreeMap<&RowId, BTreeSet<String>> = BTreeMap::new();
        for secret in secrets {
            let code = code(secret);
            for row in &secret.services {
                listed.entry(row).or_default().insert(code.clone());
            }
        }
        Self { policy, kind, seen, listed }
    }

    /// The answers for one service.
    pub fn answer(&self, service: &Service) -> Classified {
        let kind = (self.kind)(service);
        let seen = self.seen.get(&service.row_id);
        Classified {
            owner: owner(service, self.policy),
            exposure: exposure::of(service, self.policy, seen.and_then(|seen| seen.open_to.as_ref())),
            stack: stack(service, kind, seen),
            issues_tokens: holds::issues_tokens(service, kind),
            holds: holds::codes(service, kind, self.listed.get(&service.row_id)),
            kind: kind.name.clone(),
        }
    }
}

/// By the inventory's own word.
fn declared<T>(value: T) -> Answer<T> {
    Answer::new(value, Basis::Said, "the inventory says so")
}

fn owner(service: &Service, policy: &Policy) -> Option<Answer<String>> {
    service.owner().map(|owner| declared(owner.to_owned())).or_else(|| owner_by_rule(service, policy))
}

fn owner_by_rule(service: &Service, policy: &Policy) -> Option<Answer<String>> {
    policy.rule.iter().find_map(|rule| {
        let owner = rule.owner.as_ref()?;
        let why = rule.fits(service)?;
        Some(Answer::new(owner.clone(), Basis::Said, format!("rule: {why}")))
    })
}

/// Host evidence first, then the inventory's word, then what a service of its type usually has.
fn stack(service: &Service, kind: &ServiceType, seen: Option<&Seen>) -> Answer<TlsStack> {
    if let Some(stack) = seen.and_then(|seen| seen.stack.as_ref()) {
        return Answer::new(stack.value, Basis::Seen, stack.because.clone());
    }
    let by_tag = || {
        let tags = service.declared.tags.iter();
        let mut word =
            tags.filter_map(|tag| tag.strip_prefix("tls_stack=").unwrap_or(tag).parse::<TlsStack>().ok());
        word.find(|stack| *stack != TlsStack::Unknown)
    };
    match (service.tls_stack(), by_tag(), kind.stack) {
        (TlsStack::Unknown, None, None) => Answer::new(TlsStack::Unknown, Basis::Nothing, "nobody said"),
        (TlsStack::Unknown, None, Some(usual)) => {
            Answer::new(usual, Basis::Guessed, format!("usual for {}", kind.title))
        }
        (TlsStack::Unknown, Some(tag), _) => Answer::new(tag, Basis::Said, "a tag says so"),
        (said, ..) => declared(said),
    }
}
