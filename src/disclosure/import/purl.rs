//! Package URLs: `pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=1`.
//!
//! Strict and bounded: what is not one is refused with its reason. It does not know what a type's names mean.

use std::collections::BTreeMap;

use crate::model::text::acts_on_a_terminal;

/// Longest text taken.
const MAX_BYTES: usize = 2_000;
/// Most qualifiers taken.
const MAX_QUALIFIERS: usize = 64;

/// A package URL in its parts, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purl {
    /// `deb`, `rpm`, `apk`, `oci`; lower case.
    pub kind: String,
    /// Whose: `debian`, `redhat`; parts joined by `/`. Empty where there is none.
    pub namespace: String,
    /// The package.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What else is said: `arch`, `distro`, `epoch`. Keys in lower case; without empty values.
    pub qualifiers: BTreeMap<String, String>,
}

/// Why a text is not a package URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a package URL: {0}")]
pub struct BadPurl(&'static str);

impl Purl {
    /// Whether the text means to be one at all.
    pub fn claims(text: &str) -> bool {
        text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("pkg:"))
    }

    /// The parts of a package URL.
    pub fn parse(text: &str) -> Result<Self, BadPurl> {
        if text.len() > MAX_BYTES {
            return Err(BadPurl("longer than 2000 bytes"));
        }
        if !Self::claims(text) {
            return Err(BadPurl("it does not start with `pkg:`"));
        }
        let rest = text.get(4..).unwrap_or_default().trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.split_once('/').ok_or(BadPurl("it has a type and no name"))?;
        let (path, last) = path.trim_matches('/').rsplit_once('/').unwrap_or(("", path.trim_matches('/')));
        let (name, version) =
            last.split_once('@').map_or((last, None), |(name, version)| (name, Some(version)));
        Ok(Self {
            kind: checked_kind(kind)?,
            namespace: namespace(path)?,
            name: segment(name)?,
            version: version.map(decode).transpose()?.filter(|version| !version.is_empty()),
            qualifiers: read_qualifiers(qualifiers)?,
        })
    }

    /// A qualifier's value.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }
}

fn checked_kind(kind: &str) -> Result<String, BadPurl> {
    let starts = kind.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if starts && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        Ok(kind.to_ascii_lowercase())
    } else {
        Err(BadPurl("its type is not letters, digits, `.`, `+` and `-`"))
    }
}

fn namespace(path: &str) -> Result<String, BadPurl> {
    let parts: Result<Vec<String>, BadPurl> =
        path.split('/').filter(|p| !p.is_empty()).map(segment).collect();
    Ok(parts?.join("/"))
}

fn segment(text: &str) -> Result<String, BadPurl> {
    let decoded = decode(text)?;
    if decoded.is_empty() {
        return Err(BadPurl("its name is empty"));
    }
    if decoded.contains('/') {
        return Err(BadPurl("a part of its name hides a `/`"));
    }
    Ok(decoded)
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<String, String>, BadPurl> {
    let mut found = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if found.len() >= MAX_QUALIFIERS {
            return Err(BadPurl("more than 64 qualifiers"));
        }
        let (key, value) = pair.split_once('=').ok_or(BadPurl("a qualifier without `=`"))?;
        let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        if !fits {
            return Err(BadPurl("a qualifier's key is not letters, digits, `.`, `-` and `_`"));
        }
        let value = decode(value)?;
        if !value.is_empty() && found.insert(key.to_ascii_lowercase(), value).is_some() {
            return Err(BadPurl("a qualifier stands twice"));
        }
    }
    Ok(found)
}

fn decode(text: &str) -> Result<String, BadPurl> {
    const BROKEN: BadPurl = BadPurl("a `%` without two hex digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut from = text.bytes();
    while let Some(byte) = from.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || -> Result<u8, BadPurl> {
            let value = from.next().and_then(|b| char::from(b).to_digit(16)).ok_or(BROKEN)?;
            u8::try_from(value).map_err(|_| BROKEN)
        };
        bytes.push((digit()? << 4) | digit()?);
    }
    let decoded = String::from_utf8(bytes).map_err(|_| BadPurl("it is not UTF-8"))?;
    if decoded.chars().any(acts_on_a_terminal) {
        return Err(BadPurl("it has a control character"));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, String, Option<String>) {
        let purl = Purl::parse(text).unwrap();
        (purl.kind, purl.namespace, purl.name, purl.version)
    }

    fn said(
        kind: &str,
        namespace: &str,
        name: &str,
        version: Option<&str>,
    ) -> (String, String, String, Option<String>) {
        (kind.into(), namespace.into(), name.into(), version.map(Into::into))
    }

    #[test]
    fn parts_are_told_apart_and_decoded() {
        let table = [
            (
                "pkg:deb/debian/openssl@1.0.1e-2%2Bdeb7u5?arch=source",
                said("deb", "debian", "openssl", Some("1.0.1e-2+deb7u5")),
            ),
            ("pkg:RPM/redhat/openssl", said("rpm", "redhat", "openssl", None)),
            ("pkg:generic/openssl@3.0.7#src/lib", said("generic", "", "openssl", Some("3.0.7"))),
            ("pkg://apk/alpine/openssl@3.3.1-r1", said("apk", "alpine", "openssl", Some("3.3.1-r1"))),
            ("pkg:npm/%40types/node@1", said("npm", "@types", "node", Some("1"))),
            ("pkg:npm/@types/node@1", said("npm", "@types", "node", Some("1"))),
            ("pkg:golang/a//b/c@v1", said("golang", "a/b", "c", Some("v1"))),
            ("pkg:deb/debian/openssl@", said("deb", "debian", "openssl", None)),
        ];
        for (text, expected) in table {
            assert_eq!(parts(text), expected, "input: {text}");
        }
        let purl = Purl::parse("pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&EPOCH=1&distro=").unwrap();
        assert_eq!(purl.qualifier("epoch"), Some("1"));
        assert_eq!(purl.qualifier("arch"), Some("src"));
        assert_eq!(purl.qualifier("distro"), None);
    }

    #[test]
    fn what_is_not_one_is_refused_with_its_reason() {
        let long = format!("pkg:deb/debian/{}", "a".repeat(2000));
        let many = (0..70).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
        let many = format!("pkg:deb/debian/openssl?{many}");
        let table = [
            ("", "does not start"),
            ("pk€:x", "does not start"),
            ("https://example.test/", "does not start"),
            ("pkg:", "no name"),
            ("pkg:deb", "no name"),
            ("pkg:deb/", "name is empty"),
            ("pkg:deb/debian/@1", "name is empty"),
            ("pkg:d b/x", "its type"),
            ("pkg:/x", "no name"),
            ("pkg:deb/debian/a%2", "hex digits"),
            ("pkg:deb/debian/a%zz", "hex digits"),
            ("pkg:deb/debian/a%+1", "hex digits"),
            ("pkg:deb/debian/a%ff", "UTF-8"),
            ("pkg:deb/debian/a%00", "control"),
            ("pkg:deb/debian/a%1b[2J", "control"),
            ("pkg:deb/debian/a%2f..%2fb", "hides"),
            ("pkg:deb/debian/a?x", "without `=`"),
            ("pkg:deb/debian/a?=1", "key"),
            ("pkg:deb/debian/a?arch=1&ARCH=2", "twice"),
            (&*long, "longer"),
            (&*many, "64"),
        ];
        for (text, expected) in table {
            let error = Purl::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "input: {text:.60}, error: {error}");
        }
    }
}
