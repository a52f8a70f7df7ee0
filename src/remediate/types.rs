//! The tables of service types and secret types: what is in a process's memory, how it is restarted,
//! how a secret is rotated. Data, embedded; the logic that uses them is elsewhere.

use std::sync::LazyLock;

use serde::Deserialize;

pub use crate::model::kinds::{SecretType, ServiceType};
use crate::model::service::Service;

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
}

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
        Ok(())
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

/// A word as the tables write it.
fn word(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '_'], "-")
}

fn unique(table: &'static str, words: impl Iterator<Item = String>) -> Result<(), TypesError> {
    let mut seen = std::collections::BTreeSet::new();
    for word in words {
        if !seen.insert(word.clone()) {
            return Err(TypesError::Ambiguous { table, word });
        }
    }
    Ok(())
}
