//! What the values of service registries have in common: places as text, and fields that are native words or
//! become tags.
//!
//! Values of a registry may be secrets, so nothing here quotes one.

use super::{
    declare::{Draft, looks_secret},
    host::{Addresses, Host, parse_host, parse_port, split_port},
    intake::Intake,
    tree::{Node, Value},
};
use crate::model::{
    loading::NoticeKind,
    service::{COLUMNS, Source},
};

/// The longest text that is a place, in bytes.
const LONGEST: usize = 512;

/// The longest native field that is taken from a registry, in bytes.
const FIELD: usize = 256;

/// The columns that a registry's field of the same name does not fill: names, addresses and ports have their own places
/// in each registry, its ids are ids of instances, and its tags are read as such.
const ITS_OWN: [&str; 5] = ["id", "name", "address", "port", "tags"];

/// Where a service is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: Host,
    /// As it was written, or the usual one of the scheme.
    pub(super) port: Option<u16>,
    /// Whether the port was written.
    pub(super) explicit: bool,
}

/// Reads `host`, `host:port`, `[v6]:port` or a URL of which only host and port are kept: what stands before `@` or
/// behind the host may be a credential.
pub(super) fn endpoint(text: &str) -> Option<Endpoint> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let (scheme, place) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            (scheme, authority.rsplit_once('@').map_or(authority, |(_, place)| place))
        }
        None => ("", text),
    };
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        return None;
    }
    let (host, port) = split_port(place);
    let host = parse_host(host).ok()?;
    let written = port.map(parse_port).transpose().ok()?;
    let usual = matches!(scheme, "https" | "wss").then_some(443);
    Some(Endpoint { host, port: written.or(usual), explicit: written.is_some() })
}

/// A port as registries write it, as a number or as text; 0 and an empty text are none.
pub(super) fn port(node: &Node<'_>) -> Result<Option<u16>, &'static str> {
    let text = match &node.value {
        Value::Null => return Ok(None),
        _ => node.scalar().ok_or("it is no number")?,
    };
    match text.trim() {
        "" | "0" => Ok(None),
        text => parse_port(text).map(Some).map_err(|_| "expected 1 to 65535"),
    }
}

/// Puts a host where the draft has none yet. False where it has another one.
pub(super) fn put_host(draft: &mut Draft, host: Host) -> bool {
    match host {
        Host::Name(name) => *draft.name.get_or_insert_with(|| name.clone()) == name,
        Host::Address(address) => {
            let address = Addresses::One(address);
            *draft.addresses.get_or_insert(address) == address
        }
    }
}

/// Sets the native column of this name, or keeps a tag `key=value`. False where nothing was kept.
pub(super) fn field(draft: &mut Draft, key: &str, value: &str) -> bool {
    let value = value.trim();
    let column = super::table::key(key);
    let harmless = value.len() <= FIELD && !value.chars().any(char::is_control) && !looks_secret("", value);
    let known = COLUMNS.contains(&&*column) && !ITS_OWN.contains(&&*column);
    let native = known && harmless && draft.set(&column, value).is_ok();
    value.is_empty() || native || draft.tag_pair(key, value)
}

/// Keeps a registry's own tag, which may be `key=value`. False where it was not kept.
pub(super) fn tag(draft: &mut Draft, text: &str) -> bool {
    let text = text.trim();
    if let Some((key, value)) = text.split_once('=') {
        return field(draft, key, value);
    }
    let kept = text.len() <= FIELD && !text.chars().any(char::is_control) && !looks_secret("tag", text);
    if kept {
        draft.tag(text);
    }
    kept
}

/// Keeps what a node holds besides the place: `tags` as a list, metadata as a map. The number of values that were
/// not kept.
pub(super) fn fields(draft: &mut Draft, node: &Node<'_>) -> u64 {
    let of_list = |item: &Node<'_>, draft: &mut Draft| item.scalar().is_some_and(|text| tag(draft, &text));
    let mut refused = 0;
    for item in node.items() {
        refused += u64::from(!of_list(item, draft));
    }
    for entry in node.entries() {
        let kept = match &entry.node.value {
            Value::Null => true,
            _ => entry.node.scalar().is_some_and(|text| field(draft, &entry.key, &text)),
        };
        refused += u64::from(!kept);
    }
    refused
}

/// Tells once how many values were not kept.
pub(super) fn tell_refused(intake: &mut Intake<'_>, refused: u64, source: Source) {
    if refused > 0 {
        let message = format!(
            "{refused} values beside the services were not kept as tags: they may be credentials, are too long, or \
             are lists and maps"
        );
        intake.notice(NoticeKind::LeftOut, message, Some(source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_credentials_in_them_are_not_kept() {
        let table = [
            ("192.0.2.11:443", Some("192.0.2.11 443 true")),
            ("[2001:db8::1]:8443", Some("2001:db8::1 8443 true")),
            ("web01.example.test", Some("web01.example.test - false")),
            ("https://app:hunter2@WEB01.example.test/x?token=1", Some("web01.example.test 443 false")),
            ("http://192.0.2.11:8080/", Some("192.0.2.11 8080 true")),
            ("app:hunter2@192.0.2.11:5432", None),
            ("correct horse battery", None),
            ("https://", None),
            ("", None),
            ("192.0.2.11:0", None),
            ("192.0.2.11:65536", None),
        ];
        for (text, expected) in table {
            let found = endpoint(text).map(|found| {
                let host = match found.host {
                    Host::Name(name) => name,
                    Host::Address(address) => address.to_string(),
                };
                let port = found.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
                format!("{host} {port} {}", found.explicit)
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        assert_eq!(endpoint(&"a".repeat(10_000)), None);
    }

    #[test]
    fn a_field_is_a_native_word_or_a_tag_and_never_a_credential() {
        let mut draft = Draft::default();
        assert!(field(&mut draft, "Owner", "team-web") && field(&mut draft, "exposure", "vpn"));
        assert!(field(&mut draft, "id", "web-1") && tag(&mut draft, "tls=false") && tag(&mut draft, "http"));
        assert!(field(&mut draft, "issues_tokens", "yes"));
        assert!(!field(&mut draft, "password", "hunter2") && !tag(&mut draft, "api_key=hunter2"));
        assert!(!field(&mut draft, "owner", "AKIAIOSFODNN7EXAMPLE1"));
        assert_eq!(draft.declared.owner.as_deref(), Some("team-web"));
        assert_eq!(draft.declared.issues_tokens, Some(true));
        assert_eq!(draft.declared.tags, ["exposure=vpn", "id=web-1", "tls=false", "http"]);
    }
}
