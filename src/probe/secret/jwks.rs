//! The names of the keys in a JSON Web Key Set (RFC 7517): each `kid`, or the thumbprint of a public key without one
//! (RFC 7638). Key material is not kept.
//!
//! Over https the server's certificate is verified, since anybody could hand out another set; over http it is not
//! authenticated, and the answer says so.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use hyper::Uri;
use serde_json::{Map, Value};

use super::{MAX_IDENTIFIERS, Question, Seen};
use crate::probe::{context::Context, expect, kind::Target};

/// The longest URL that is asked.
const LONGEST: usize = 2048;

/// Host, port and question of a URL.
pub(super) fn read_url(text: &str) -> Result<(String, u16, Question), &'static str> {
    let bad = "its address is no URL such as https://id.example.test/jwks.json";
    if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad);
    }
    let url: Uri = text.split('#').next().unwrap_or_default().parse().map_err(|_| bad)?;
    let tls = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("its address is neither https nor http"),
    };
    let authority = url.authority().ok_or(bad)?;
    if authority.as_str().contains('@') {
        return Err("its address holds a user, and secrets have no place here");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        None if tls => 443,
        None => 80,
    };
    if host.is_empty() || port == 0 {
        return Err(bad);
    }
    let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    Ok((host, port, Question::Jwks { tls, path }))
}

pub(super) async fn ask(tls: bool, path: &str, target: Target<'_>, context: &Context) -> Seen {
    let accept = "application/jwk-set+json, application/json";
    let response = match expect::document(tls, accept, path, target, context).await {
        Ok(response) => response,
        Err(why) => return Seen::nothing(why),
    };
    match response.status {
        200 => {}
        status @ 300..=399 => return Seen::nothing(format!("status {status}; redirects are not followed")),
        status => return Seen::nothing(format!("status {status}")),
    }
    let detail =
        (!tls).then(|| "not authenticated: over http, anybody on the way could have made it up".to_owned());
    match names(&response.body) {
        Ok(names) => Seen::these(names, detail),
        Err(why) => Seen::nothing(why),
    }
}

/// The names of the keys of a set.
fn names(body: &[u8]) -> Result<Vec<String>, String> {
    let set: Value = serde_json::from_slice(body).map_err(|e| {
        // The error's own text may quote what came.
        format!("the answer is not JSON (line {}, column {})", e.line(), e.column())
    })?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("the answer has no list `keys`")?;
    if keys.len() > MAX_IDENTIFIERS {
        return Err(format!("more than {MAX_IDENTIFIERS} keys"));
    }
    let named = keys.iter().enumerate().map(|(n, key)| {
        let key = key.as_object().ok_or_else(|| format!("key {} is no object", n + 1))?;
        match key.get("kid") {
            Some(Value::String(kid)) if !kid.is_empty() => Ok(kid.clone()),
            Some(Value::String(_) | Value::Null) | None => thumbprint(key).ok_or_else(|| {
                format!("key {} has no `kid`, and is of a kind without a thumbprint here", n + 1)
            }),
            Some(_) => Err(format!("the `kid` of key {} is no text", n + 1)),
        }
    });
    named.collect()
}

/// The members that enter the thumbprint, in order (RFC 7638, 3.2; RFC 8037, 2). A symmetric key has none here: its
/// digest would tell something of it.
fn thumbprint(key: &Map<String, Value>) -> Option<String> {
    let members: &[&str] = match key.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut canonical: BTreeMap<&str, &str> = BTreeMap::new();
    for member in members {
        canonical.insert(member, key.get(*member)?.as_str()?);
    }
    let text = serde_json::to_string(&canonical).ok()?;
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    Some(BASE64URL_NOPAD.encode(digest.as_ref()))
}

/// Any bytes as a key set and as a URL.
pub(super) fn fuzz(data: &[u8]) {
    if let Ok(names) = names(data) {
        assert!(names.len() <= MAX_IDENTIFIERS && names.iter().all(|n| !n.is_empty()));
        assert!(
            Seen::these(names, None)
                .seen
                .is_some_and(|all| all.iter().all(|n| n.len() <= super::MAX_IDENTIFIER))
        );
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok((host, port, Question::Jwks { path, .. })) = read_url(text)
    {
        assert!(!host.is_empty() && port > 0 && path.starts_with('/'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_kid_or_thumbprint() {
        // RFC 7638, 3.1.
        let rsa = r#"{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256"}]}"#;
        // RFC 8037, A.3.
        let okp =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let table: &[(&str, Result<&[&str], &str>)] = &[
            (rsa, Ok(&["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"])),
            (okp, Ok(&["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"])),
            (r#"{"keys":[{"kid":"b"},{"kid":"a"}]}"#, Ok(&["b", "a"])),
            (r#"{"keys":[]}"#, Ok(&[])),
            (r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, Err("key 1 has no `kid`")),
            (r#"{"keys":[{"kid":7}]}"#, Err("the `kid` of key 1 is no text")),
            (r#"{"keys":[7]}"#, Err("key 1 is no object")),
            (r#"{"keys":{}}"#, Err("no list `keys`")),
            ("[]", Err("no list `keys`")),
            ("<html>", Err("not JSON (line 1, column 1)")),
            ("", Err("not JSON")),
        ];
        for (text, expected) in table {
            match (names(text.as_bytes()), expected) {
                (Ok(got), Ok(want)) => assert_eq!(got, *want, "{text}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{text}: {got}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_long_name_is_kept_as_its_digest() {
        let seen = Seen::these(["x".repeat(5000), "short".to_owned()], None).seen.unwrap();
        assert_eq!(seen[1], "short".to_owned());
        assert!(seen[0].starts_with("sha256:") && seen[0].len() == 71, "{seen:?}");
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
    fn urls_lead_where_they_say() {
        let table: &[(&str, Option<(&str, u16, bool, &str)>)] = &[
            ("https://Id.Example.test/jwks?x=1#f", Some(("id.example.test", 443, true, "/jwks?x=1"))),
            ("https://id.test", Some(("id.test", 443, true, "/"))),
            ("http://127.0.0.1:8080/k", Some(("127.0.0.1", 8080, false, "/k"))),
            ("https://[::1]:8443/k", Some(("::1", 8443, true, "/k"))),
            ("https://user:pw@id.test/", None),
            ("ftp://id.test/", None),
            ("id.test/jwks", None),
            ("/jwks", None),
            ("https://", None),
            ("https://id.test:0/", None),
            ("https://id.test/a b", None),
        ];
        for (url, expected) in table {
            let got = read_url(url).ok();
            let got = got.as_ref().map(|(host, port, question)| match question {
                Question::Jwks { tls, path } => (host.as_str(), *port, *tls, path.as_str()),
                _ => panic!("{url}"),
            });
            assert_eq!(got, *expected, "{url}");
        }
    }
}
