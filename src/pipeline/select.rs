//! Which services a command is about: `--service`, `--owner`, `--filter`. Nothing here looks at
//! evidence beyond the state it is given.

use std::collections::BTreeSet;

use crate::{
    disclosure,
    error::Error,
    model::{facet::State, ids::RowId, service::Service},
};

/// What the user asked for. Empty: every service.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Row ids, names or `name:port`; a service that fits any is meant.
    pub services: Vec<String>,
    /// Owners; a service of any is meant.
    pub owners: Vec<String>,
    /// `key=value` pairs, all of which must hold.
    pub filters: Vec<(Key, String)>,
}

/// What a filter can ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `owner=`
    Owner,
    /// `state=`
    State,
    /// `env=`
    Env,
    /// `exposure=`
    Exposure,
    /// `type=`
    Type,
    /// `tag=`
    Tag,
}

const KEYS: &[(&str, Key)] = &[
    ("owner", Key::Owner),
    ("state", Key::State),
    ("env", Key::Env),
    ("exposure", Key::Exposure),
    ("type", Key::Type),
    ("tag", Key::Tag),
];

/// Reads `owner=web,state=exposed`.
pub fn parse_filter(text: &str) -> Result<Vec<(Key, String)>, String> {
    text.split(',')
        .map(|part| {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                format!("`{part}` is not KEY=VALUE, such as owner=web-team or state=exposed")
            })?;
            let known = || KEYS.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(", ");
            let (_, key) = KEYS
                .iter()
                .find(|(k, _)| *k == key.trim())
                .ok_or_else(|| format!("`{}` cannot be filtered by; known: {}", key.trim(), known()))?;
            if *key == Key::State {
                value.trim().parse::<State>().map_err(|e| e.to_string())?;
            }
            Ok((*key, value.trim().to_owned()))
        })
        .collect()
}

impl Selection {
    /// Whether nothing was asked for in particular.
    pub const fn is_all(&self) -> bool {
        self.services.is_empty() && self.owners.is_empty() && self.filters.is_empty()
    }

    /// Whether the state of services must be known to answer.
    pub fn needs_state(&self) -> bool {
        self.filters.iter().any(|(key, _)| *key == Key::State)
    }

    /// The services that fit, in their order. A name that fits none, or a selection that fits none
    /// at all, is an error: a silent nothing would read as done.
    pub fn of<'a>(
        &self,
        services: &'a [Service],
        state: &dyn Fn(&RowId) -> Option<State>,
    ) -> Result<Vec<&'a Service>, Error> {
        for wanted in &self.services {
            if !services.iter().any(|s| names(s, wanted)) {
                let called: Vec<String> =
                    services.iter().flat_map(|s| [s.display_name(), s.display_port()]).collect();
                let near = disclosure::near(wanted, called.iter().map(String::as_str), 3);
                let near =
                    if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
                return Err(Error::Usage(format!(
                    "no service is called `{wanted}`{near}; `allclear inventory list` shows ids, names and ports"
                )));
            }
        }
        for wanted in &self.owners {
            if !services.iter().any(|s| s.owner() == Some(wanted)) {
                let known: BTreeSet<&str> = services.iter().filter_map(Service::owner).collect();
                let known = if known.is_empty() {
                    "none is named in the inventory".to_owned()
                } else {
                    known.into_iter().collect::<Vec<_>>().join(", ")
                };
                return Err(Error::Usage(format!("no service belongs to `{wanted}`; owners: {known}")));
            }
        }
        let chosen: Vec<&Service> = services.iter().filter(|s| self.fits(s, state)).collect();
        if chosen.is_empty() && !self.is_all() {
            return Err(Error::Usage("no service fits what was asked for".to_owned()));
        }
        Ok(chosen)
    }

    fn fits(&self, service: &Service, state: &dyn Fn(&RowId) -> Option<State>) -> bool {
        let by_name = self.services.is_empty() || self.services.iter().any(|w| names(service, w));
        let by_owner =
            self.owners.is_empty() || self.owners.iter().any(|o| service.owner() == Some(o.as_str()));
        by_name && by_owner && self.filters.iter().all(|(key, value)| holds(service, *key, value, state))
    }
}

fn names(service: &Service, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    service.row_id.as_str().to_lowercase() == wanted
        || service.display_name() == wanted
        || service.display_port() == wanted
        || service.place() == wanted
        || service.addresses.iter().any(|a| a.to_string() == wanted)
}

fn holds(service: &Service, key: Key, value: &str, state: &dyn Fn(&RowId) -> Option<State>) -> bool {
    let d = &service.declared;
    match key {
        Key::Owner => service.owner().unwrap_or("") == value,
        Key::State => state(&service.row_id).is_some_and(|s| s.as_str() == value),
        Key::Env => d.env.as_deref().unwrap_or("") == value,
        Key::Exposure => service.exposure().as_str() == value,
        Key::Type => d.service_type.as_deref().unwrap_or("") == value,
        Key::Tag => d.tags.iter().any(|t| t == value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_and_mistakes_say_what_is_known() {
        assert_eq!(
            parse_filter("owner=web team, state=exposed"),
            Ok(vec![(Key::Owner, "web team".into()), (Key::State, "exposed".into())])
        );
        let table = [
            ("owner", "not KEY=VALUE"),
            ("colour=red", "known: owner, state"),
            ("state=fine", "not a known state"),
        ];
        for (input, expected) in table {
            let error = parse_filter(input).unwrap_err();
            assert!(error.contains(expected), "input: {input:?}, got: {error}");
        }
    }
}
