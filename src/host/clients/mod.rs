//! Programs that are known to speak TLS as clients, and what they hold: kinds of secrets and the places
//! where they lie by custom. A table of data, in `clients.toml`; it never looks at a host.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::host::Program;

#[cfg(test)]
mod tests;

/// The table, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    client: Vec<Client>,
}

/// Programs of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    /// Names of files, without versions.
    programs: Vec<String>,
    /// `client`, or `proxy` for one that is both.
    role: String,
    /// What it is.
    what: String,
    /// What it holds.
    holds: Vec<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("clients.toml")).unwrap_or_default());

/// What is known of a program by the name of its file. A version behind the name does not matter:
/// `python3.11`, `php-fpm8.2`, `ruby3.1`, `mysql-8.0`.
pub fn program(path: &str) -> Option<Program> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let client = find(name).or_else(|| find(without_version(name)))?;
    Some(Program { role: client.role.clone(), what: client.what.clone(), holds: client.holds.clone() })
}

fn find(name: &str) -> Option<&'static Client> {
    if name.is_empty() {
        return None;
    }
    TABLE.client.iter().find(|client| client.programs.iter().any(|program| program == name))
}

/// A name without the version at its end.
fn without_version(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'))
}
