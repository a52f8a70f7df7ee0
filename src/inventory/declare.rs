//! One row, built up by the names of the native columns: what CSV, JSON Lines, YAML, host variables,
//! labels and metadata have in common.
//!
//! It reads no file. What a word means is decided here once, for every format.

use std::{str::FromStr, sync::Arc};

use super::{
    credential::{is_credential, password_in_address},
    host::{Addresses, Host, parse_addresses, parse_host, parse_name, parse_ports, quoted},
    intake::Row,
    table::{self, key},
};
use crate::model::{
    UnknownWord, expect,
    service::{COLUMNS, Declared, Exposure, Source, TlsStack},
    wrap::{Transport, Wrap},
};

/// The longest id, in bytes. It is printed in every table.
const ID_LIMIT: usize = 128;

/// The longest tag that is made of somebody's variable or label, in bytes.
const TAG_LIMIT: usize = 256;

/// A row that is being built.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<String>,
    /// In lower case.
    pub(super) name: Option<String>,
    pub(super) addresses: Option<Addresses>,
    pub(super) ports: Vec<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) wrap: Option<Wrap>,
    pub(super) sni: Option<String>,
    pub(super) declared: Declared,
}

impl Draft {
    /// Sets one field by its native name (as [`key`] writes it). An empty text says nothing. `Ok(false)`: it is no
    /// native column. The error says what was expected.
    pub(super) fn set(&mut self, column: &str, text: &str) -> Result<bool, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(COLUMNS.contains(&column));
        }
        match column {
            "id" => self.id = Some(checked_id(text)?.to_owned()),
            "name" => self.host(text)?,
            "address" => self.addresses = Some(parse_addresses(text)?),
            "port" => self.ports = parse_ports(text)?,
            "transport" => self.transport = Some(word(text)?),
            "wrap" => self.wrap = Some(Wrap::named(&text.to_ascii_lowercase()).map_err(|e| e.to_string())?),
            "sni" => self.sni = Some(checked_sni(text)?),
            _ => return declare(&mut self.declared, column, text),
        }
        Ok(true)
    }

    /// Takes a name; one that is an address becomes the address, where there is none yet.
    pub(super) fn host(&mut self, text: &str) -> Result<(), String> {
        let given = self.addresses;
        let (name, addresses) = hosts(Some(text), given)?;
        (self.name, self.addresses) = (name, addresses);
        Ok(())
    }

    /// Adds a tag, once, and without a value that looks like a credential.
    pub(super) fn tag(&mut self, tag: impl Into<String>) {
        add_tag(&mut self.declared, tag.into());
    }

    /// Keeps a variable or label that is no native column as a tag `key=value`. False where it is not kept: it may be
    /// a credential, or is too long for a tag.
    pub(super) fn tag_pair(&mut self, key: &str, value: &str) -> bool {
        let kept = value.len() + key.len() < TAG_LIMIT
            && !looks_secret(key, value)
            && !value.chars().chain(key.chars()).any(char::is_control);
        if kept {
            self.tag(format!("{key}={value}"));
        }
        kept
    }

    /// The row, as the intake takes it.
    pub(super) fn row(self, source: Source) -> Row<'static> {
        Row {
            source,
            id: self.id.map(Into::into),
            name: self.name,
            addresses: self.addresses,
            ports: self.ports,
            transport: self.transport,
            wrap: self.wrap,
            sni: self.sni,
            declared: Arc::new(self.declared),
        }
    }
}

/// Whether a variable may hold a secret: by its name, or by the look of its value. Better one tag too few.
pub(super) fn looks_secret(name: &str, value: &str) -> bool {
    const PARTS: &[&str] = &[
        "secret",
        "token",
        "vault",
        "private",
        "auth",
        "cred",
        "_key",
        "key_",
        "cert",
        "community",
        "login",
        "dsn",
        "webhook",
        "connection",
        "connstr",
        "conn_str",
    ];
    let name = key(name);
    let random = value.len() >= 20
        && !value.contains(['.', '/', ':', ' ', '-', '_'])
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic());
    // `pgpass`, `ldap_pass`: a tag too few for `bypass`.
    table::is_forbidden(&name)
        || name.ends_with("pass")
        || PARTS.iter().any(|part| name.contains(part))
        || is_credential(value)
        || password_in_address(value).is_some()
        || random
}

/// Sets one field of what is declared. `Ok(false)`: it is none.
pub(super) fn declare(to: &mut Declared, column: &str, text: &str) -> Result<bool, String> {
    if COLUMNS.contains(&column) && !matches!(column, "expect" | "tags") && is_credential(text) {
        return Err(format!("{column} looks like a credential, which has no place here"));
    }
    let own = || Some(text.to_owned());
    match column {
        "owner" => to.owner = own(),
        "team" => to.team = own(),
        "env" => to.env = own(),
        "site" => to.site = own(),
        "service_type" => to.service_type = own(),
        "zone" => to.zone = own(),
        "expect" => {
            // A slip in what users expect must not keep the service out of the sweep: told once all is read.
            to.expect = Some(expect::parse(text).map_or_else(
                |_| text.to_owned(),
                |all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            ));
        }
        // `unknown` says what an empty cell says, and must not stand against what another file knows.
        "exposure" => to.exposure = Some(word(text)?).filter(|e| *e != Exposure::Unknown),
        "tls_stack" => to.tls_stack = Some(word(text)?).filter(|s| *s != TlsStack::Unknown),
        "issues_tokens" => to.issues_tokens = Some(yes_or_no(text)?),
        "fragile" => to.fragile = Some(yes_or_no(text)?),
        "tags" => text.split(';').map(str::trim).for_each(|tag| add_tag(to, tag.to_owned())),
        _ => return Ok(false),
    }
    Ok(true)
}

/// What stands in a tag for a value that looks like a credential.
const WITHHELD: &str = "withheld";

/// The most tags of a row: each is compared with all before it.
const MOST_TAGS: usize = 500;

/// Adds a tag, once, and without a value that looks like a credential.
pub(super) fn add_tag(to: &mut Declared, tag: String) {
    let tag = match tag.split_once('=') {
        Some((name, value))
            if table::is_forbidden(&key(name))
                || is_credential(value)
                || password_in_address(value).is_some() =>
        {
            format!("{name}={WITHHELD}")
        }
        None if is_credential(&tag) => WITHHELD.to_owned(),
        _ => tag,
    };
    if tag.is_empty() || to.tags.len() > MOST_TAGS || to.tags.contains(&tag) {
        return;
    }
    let last = to.tags.len() == MOST_TAGS;
    to.tags.push(if last { "more-tags=not-kept".to_owned() } else { tag });
}

/// A name and addresses together; a name that is an address becomes one.
pub(super) fn hosts(
    name: Option<&str>,
    addresses: Option<Addresses>,
) -> Result<(Option<String>, Option<Addresses>), String> {
    let Some(text) = name else {
        return Ok((None, addresses));
    };
    match (parse_host(text)?, addresses) {
        (Host::Name(name), addresses) => Ok((Some(name), addresses)),
        (Host::Address(named), None) => Ok((None, Some(Addresses::One(named)))),
        (Host::Address(named), Some(Addresses::One(address))) if named == address => Ok((None, addresses)),
        (Host::Address(_), Some(_)) => Err(format!(
            "the name {} is an address, and another one than the address column has",
            quoted(text)
        )),
    }
}

/// An id as it may stand in a row.
pub(super) fn checked_id(text: &str) -> Result<&str, String> {
    if text.len() > ID_LIMIT {
        return Err(format!("the id {} has {} bytes; at most {ID_LIMIT} are read", quoted(text), text.len()));
    }
    if text.contains(';') {
        return Err(format!("the id {} has a `;`, which separates ids in the secrets file", quoted(text)));
    }
    Ok(text)
}

/// An SNI: a host name, never an address.
pub(super) fn checked_sni(text: &str) -> Result<String, String> {
    match parse_host(text) {
        Ok(Host::Address(_)) => {
            Err(format!("{} is an address; an SNI is a host name (RFC 6066 section 3)", quoted(text)))
        }
        _ => parse_name(text),
    }
}

/// A word of a closed list, in any case.
pub(super) fn word<W: FromStr<Err = UnknownWord>>(text: &str) -> Result<W, String> {
    text.to_ascii_lowercase().parse().map_err(|unknown: UnknownWord| unknown.to_string())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err(format!("{} is not yes or no; expected yes, no, true, false, 1 or 0", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_may_be_a_credential_is_no_tag() {
        let kept = [("role", "web"), ("rack", "12"), ("domain", "www.example.test"), ("uuid", "a-b-c-d")];
        let dropped = [
            ("db_password", "x"),
            ("api_key", "x"),
            ("vault_name", "x"),
            ("note", "$ANSIBLE_VAULT;1.1;AES256"),
            ("url", "postgres://app:hunter2@db.example.test/x"),
            ("thing", "AKIAIOSFODNN7EXAMPLE1"),
            ("pem", "-----BEGIN PRIVATE KEY-----"),
            ("two", "lines\nof text"),
        ];
        for (key, value) in kept {
            assert!(Draft::default().tag_pair(key, value), "{key}");
        }
        for (key, value) in dropped {
            let mut draft = Draft::default();
            assert!(!draft.tag_pair(key, value) && draft.declared.tags.is_empty(), "{key}");
        }
    }

    #[test]
    fn a_row_is_built_by_the_native_names() {
        let mut draft = Draft::default();
        for (column, text) in
            [("name", "WEB01.example.test."), ("port", "443;8443"), ("owner", "ops"), ("tags", "a;b")]
        {
            assert_eq!(draft.set(column, text), Ok(true));
        }
        assert_eq!(draft.set("rack", "12"), Ok(false));
        assert!(draft.set("port", "x").is_err() && draft.set("wrap", "ssl").is_err());
        assert_eq!(
            (draft.name.as_deref(), draft.ports.as_slice()),
            (Some("web01.example.test"), [443, 8443].as_slice())
        );
        assert_eq!(draft.declared.owner.as_deref(), Some("ops"));
    }
}
