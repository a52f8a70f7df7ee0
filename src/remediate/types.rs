//! The tables of service types and secret types: what is in a process's memory, how it is restarted,
//! how a secret is rotated. Data, embedded; the logic that uses them is elsewhere.

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use serde::Deserialize;

pub use crate::model::kinds::{SecretType, ServiceType};
use crate::model::{
    policy::Policy,
    secret::{SecretState, Tier},
    service::Service,
};

/// The embedded table of service types.
const SERVICE_TYPES: &str = include_str!("service_types.toml");
/// The embedded table of secret types.
const SECRET_TYPES: &str = include_str!("secret_types.toml");

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// It is not TOML of the expected shape.
    #[error("the table of {table} types cannot be read: {source}")]
    Shape {
        /// Which table.
        table: &'static str,
        /// Where and why.
        source: toml::de::Error,
    },
    /// Two rows answer to one word, port or wrap.
    #[error("`{word}` means two {table} types")]
    Ambiguous {
        /// Which table.
        table: &'static str,
        /// The word, port or wrap.
        word: String,
    },
    /// A row names a code that no row has.
    #[error("`{row}` names the secret type `{code}`, which is not in the table")]
    UnknownCode {
        /// The row.
        row: String,
        /// The code.
        code: String,
    },
    /// A row that has to be there is not.
    #[error("the service type `generic` is missing")]
    NoGeneric,
    /// A row cannot be used as it stands.
    #[error("the {table} type `{row}`: {why}")]
    Row {
        /// Which table.
        table: &'static str,
        /// The row.
        row: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Codes of lines that are no secrets.
const TAKEN: [&str; 5] = ["a0", "a0c", "a1", "a2", "b1r"];

#[derive(Deserialize)]
struct ServiceFile {
    #[serde(rename = "type")]
    types: Vec<ServiceType>,
}

#[derive(Deserialize)]
struct SecretFile {
    #[serde(rename = "type")]
    types: Vec<SecretType>,
    other: SecretType,
}

/// Both tables with their look-ups.
#[derive(Clone, Debug)]
pub struct Types {
    services: Vec<ServiceType>,
    generic: ServiceType,
    secrets: Vec<SecretType>,
    other: SecretType,
}

static EMBEDDED: LazyLock<Types> = LazyLock::new(|| {
    // A test proves that the embedded tables parse; a panic here would cost a user the checklist.
    Types::parse(SERVICE_TYPES, SECRET_TYPES).unwrap_or_else(|_| Types {
        services: Vec::new(),
        generic: ServiceType {
            name: "generic".to_owned(),
            title: "TLS service".to_owned(),
            ..ServiceType::default()
        },
        secrets: Vec::new(),
        other: SecretType::fallback(),
    })
});

impl Types {
    /// The tables that come with the tool.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads both tables from TOML (`[[type]]` rows; the second also has `[other]`) and checks that
    /// every word, port and wrap means one type and that every code named exists.
    pub fn parse(services: &str, secrets: &str) -> Result<Self, TypesError> {
        let services: ServiceFile =
            toml::from_str(services).map_err(|source| TypesError::Shape { table: "service", source })?;
        let secrets: SecretFile =
            toml::from_str(secrets).map_err(|source| TypesError::Shape { table: "secret", source })?;
        let generic =
            services.types.iter().find(|t| t.name == "generic").cloned().ok_or(TypesError::NoGeneric)?;
        let types = Self { services: services.types, generic, secrets: secrets.types, other: secrets.other };
        types.check()?;
        Ok(types)
    }

    /// The tables with a user's own rows in them: one of the same name or code takes the place of what is there, the
    /// others are added. The same rules hold for all of them afterwards.
    ///
    /// # Errors
    ///
    /// Where a word would mean two types, a code is named that no row has, a row lacks something, or rows would wait
    /// for each other in a circle.
    pub fn with(policy: &Policy) -> Result<Cow<'static, Self>, TypesError> {
        if policy.service_type.is_empty() && policy.secret_type.is_empty() {
            return Ok(Cow::Borrowed(Self::embedded()));
        }
        let mut types = Self::embedded().clone();
        let mut names = BTreeSet::new();
        for row in &policy.service_type {
            let row = spelled(row);
            if !names.insert(row.name.clone()) {
                return Err(TypesError::Ambiguous { table: "service", word: row.name });
            }
            match types.services.iter_mut().find(|t| t.name == row.name) {
                Some(place) => *place = row,
                None => types.services.push(row),
            }
        }
        if let Some(generic) = types.services.iter().find(|t| t.name == "generic") {
            types.generic = generic.clone();
        }
        let mut codes = BTreeSet::new();
        for row in &policy.secret_type {
            let row = SecretType { aliases: row.aliases.iter().map(|a| word(a)).collect(), ..row.clone() };
            if !codes.insert(word(&row.code)) {
                return Err(TypesError::Ambiguous { table: "secret", word: row.code });
            }
            if word(&types.other.code) == word(&row.code) {
                types.other = row;
                continue;
            }
            match types.secrets.iter_mut().find(|t| word(&t.code) == word(&row.code)) {
                Some(place) => *place = row,
                None => types.secrets.push(row),
            }
        }
        types.check()?;
        Ok(Cow::Owned(types))
    }

    fn check(&self) -> Result<(), TypesError> {
        let service_words = self.services.iter().flat_map(|t| {
            let words = std::iter::once(t.name.clone()).chain(t.aliases.iter().cloned());
            words.chain(t.ports.iter().map(u16::to_string)).chain(t.wraps.iter().map(|w| format!("wrap {w}")))
        });
        unique("service", service_words)?;
        let all = || self.secrets.iter().chain(std::iter::once(&self.other));
        unique(
            "secret",
            all().flat_map(|t| std::iter::once(word(&t.code)).chain(t.aliases.iter().cloned())),
        )?;
        let named = self.services.iter().flat_map(|t| t.holds.iter().map(move |c| (&t.name, c)));
        for (row, code) in named.chain(all().flat_map(|t| t.after.iter().map(move |c| (&t.code, c)))) {
            if !self.secrets.iter().any(|t| &t.code == code) {
                return Err(TypesError::UnknownCode { row: row.clone(), code: code.clone() });
            }
        }
        for row in &self.services {
            service_fault(row).map_or(Ok(()), |why| Err(TypesError::row("service", &row.name, why)))?;
        }
        for row in all() {
            secret_fault(row).map_or(Ok(()), |why| Err(TypesError::row("secret", &row.code, why)))?;
            self.order_fault(row).map_or(Ok(()), |why| Err(TypesError::row("secret", &row.code, why)))?;
        }
        Ok(())
    }

    /// What is wrong with what a row waits for: a later tier, or in the end itself.
    fn order_fault(&self, row: &SecretType) -> Option<String> {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut todo: Vec<&SecretType> = vec![row];
        while let Some(at) = todo.pop() {
            for code in &at.after {
                let first = self.secrets.iter().find(|t| &t.code == code)?;
                if first.tier > at.tier {
                    return Some(format!("`{}` comes after `{code}`, which is of a later tier", at.code));
                }
                if reached.insert(code) {
                    todo.push(first);
                }
            }
        }
        reached.contains(row.code.as_str()).then(|| "it comes after itself, by way of `after`".to_owned())
    }

    /// The type of a service: as declared, else what its wrap and then its port mean, else generic.
    pub fn of_service(&self, service: &Service) -> &ServiceType {
        let declared = service.declared.service_type.as_deref().and_then(|t| self.service_type(t));
        declared
            .or_else(|| self.services.iter().find(|t| t.wraps.contains(&service.wrap)))
            .or_else(|| self.services.iter().find(|t| t.ports.contains(&service.port)))
            .unwrap_or(&self.generic)
    }

    /// The service type of that name or alias, in any case, with spaces or underscores for hyphens.
    pub fn service_type(&self, name: &str) -> Option<&ServiceType> {
        let name = word(name);
        self.services.iter().find(|t| t.name == name || t.aliases.contains(&name))
    }

    /// The secret type of that code or alias; the type for all others where no row knows the word.
    pub fn secret_type(&self, kind: &str) -> &SecretType {
        let kind = word(kind);
        let known = self.secrets.iter().find(|t| word(&t.code) == kind || t.aliases.contains(&kind));
        known.unwrap_or(&self.other)
    }

    /// Every secret type, in the order of the table, without the one for all others.
    pub fn secret_types(&self) -> &[SecretType] {
        &self.secrets
    }

    /// Every service type, in the order of the table.
    pub fn service_types(&self) -> &[ServiceType] {
        &self.services
    }
}

impl TypesError {
    fn row(table: &'static str, row: &str, why: String) -> Self {
        Self::Row { table, row: row.to_owned(), why }
    }
}

/// A row with its words as the tables write them.
fn spelled(row: &ServiceType) -> ServiceType {
    ServiceType {
        name: word(&row.name),
        aliases: row.aliases.iter().map(|a| word(a)).collect(),
        ..row.clone()
    }
}

fn service_fault(row: &ServiceType) -> Option<String> {
    if row.name.is_empty() {
        return Some("`name` is empty".to_owned());
    }
    let needed = [("title", &row.title), ("drops", &row.drops)];
    needed.iter().find(|(_, text)| text.trim().is_empty()).map(|(field, _)| format!("`{field}` is empty"))
}

/// What a line could not be made of.
fn secret_fault(row: &SecretType) -> Option<String> {
    let code = row.code.as_str();
    if code.is_empty() || !code.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Some("a `code` is letters, digits, `-`, `_` and `.`".to_owned());
    }
    if TAKEN.contains(&word(code).as_str()) {
        return Some("this code is that of another kind of line".to_owned());
    }
    if tier_of_code(code).is_some_and(|tier| tier != row.tier) {
        return Some(format!("its code begins like one of another tier than {}", row.tier));
    }
    let texts = [
        ("title", &row.title),
        ("exposed_if", &row.exposed_if),
        ("evidence", &row.evidence),
        ("checkable", &row.checkable),
        ("impact", &row.impact),
    ];
    if let Some((field, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
        return Some(format!("`{field}` is empty"));
    }
    if row.steps.is_empty() || row.steps.iter().any(|s| s.trim().is_empty()) {
        return Some("`steps` is empty, or one of them is".to_owned());
    }
    if let Some(hint) = row.commands.iter().find(|h| h.step == 0 || h.step > row.steps.len()) {
        return Some(format!("a hint belongs to step {}, and there are {}", hint.step, row.steps.len()));
    }
    match row.attest.parse::<SecretState>() {
        Ok(state) if state.closes() => None,
        _ => Some(format!("`attest` is `{}`, after which the secret would stay open", row.attest)),
    }
}

/// The tier that a code of a letter and digits names.
fn tier_of_code(code: &str) -> Option<Tier> {
    let (letter, number) = code.split_at_checked(1)?;
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    letter.to_ascii_uppercase().parse().ok().filter(|_| numbered)
}

/// A word as the tables write it.
fn word(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '_'], "-")
}

fn unique(table: &'static str, words: impl Iterator<Item = String>) -> Result<(), TypesError> {
    let mut seen = BTreeSet::new();
    for word in words {
        if !seen.insert(word.clone()) {
            return Err(TypesError::Ambiguous { table, word });
        }
    }
    Ok(())
}
