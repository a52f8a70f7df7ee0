//! Ranges of versions as `vers:` writes them: `vers:rpm/>=1.0|<2.0`. The simple forms alone; others have no answer.

use super::read::shown;

/// One run of versions, or exact ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All there are.
    All,
    /// From the first (absent: the very first) up to, and not with, the end; without an end, all from there on.
    Before(Option<String>, Option<String>),
    /// The same up to and with the end.
    UpTo(Option<String>, String),
    /// Exactly these.
    Exactly(Vec<String>),
}

/// The type and the runs of a range.
pub(super) fn parse(text: &str) -> Result<(String, Vec<Span>), String> {
    let unclear = |why: &str| format!("the range `{}` {why}", shown(text));
    let rest = text.strip_prefix("vers:").ok_or_else(|| unclear("is not written as vers:"))?;
    let (kind, list) = rest.split_once('/').ok_or_else(|| unclear("has no type"))?;
    if list.len() > 2_000 || list.contains('%') {
        return Err(unclear("is longer or more involved than what is read"));
    }
    let mut spans = Vec::new();
    let mut exact = Vec::new();
    let mut from: Option<String> = None;
    for part in list.split('|').map(str::trim) {
        let end =
            part.strip_prefix("<=").map(|v| (v, true)).or_else(|| part.strip_prefix('<').map(|v| (v, false)));
        if let Some(start) = part.strip_prefix(">=").filter(|v| !v.is_empty()) {
            if from.replace(start.to_owned()).is_some() {
                return Err(unclear("starts twice"));
            }
        } else if let Some((version, with)) = end.filter(|(v, _)| !v.is_empty()) {
            if from.is_none() && !spans.is_empty() {
                return Err(unclear("ends twice"));
            }
            let version = version.to_owned();
            let start = from.take();
            spans.push(if with { Span::UpTo(start, version) } else { Span::Before(start, Some(version)) });
        } else if part == "*" && list.trim() == "*" {
            spans.push(Span::All);
        } else {
            let version = part.strip_prefix('=').unwrap_or(part);
            if version.is_empty() || version.contains(['<', '>', '!', '=', '*']) {
                return Err(unclear("has a part that is not read"));
            }
            exact.push(version.to_owned());
        }
    }
    spans.extend(from.map(|start| Span::Before(Some(start), None)));
    if !exact.is_empty() {
        spans.push(Span::Exactly(exact));
    }
    Ok((kind.to_ascii_lowercase(), spans))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_ranges_are_read_and_others_are_not_guessed() {
        let some = |text: &str| Some(text.to_owned());
        let table = [
            ("vers:deb/<1.0.1e-2+deb7u5", Ok(vec![Span::Before(None, some("1.0.1e-2+deb7u5"))])),
            ("vers:openssl/>=3.0.0|<3.0.7", Ok(vec![Span::Before(some("3.0.0"), some("3.0.7"))])),
            (
                "vers:openssl/>=1.0.1|<=1.0.1f|1.0.2-beta1",
                Ok(vec![
                    Span::UpTo(some("1.0.1"), "1.0.1f".to_owned()),
                    Span::Exactly(vec!["1.0.2-beta1".to_owned()]),
                ]),
            ),
            ("vers:rpm/>=1", Ok(vec![Span::Before(some("1"), None)])),
            ("vers:rpm/*", Ok(vec![Span::All])),
            (
                "vers:rpm/>=1|<2|>=3|<4",
                Ok(vec![Span::Before(some("1"), some("2")), Span::Before(some("3"), some("4"))]),
            ),
            ("vers:rpm/>1", Err("not read")),
            ("vers:rpm/!=1", Err("not read")),
            ("vers:rpm/>=1|>=2", Err("starts twice")),
            ("vers:rpm/<1|<2", Err("ends twice")),
            ("vers:rpm/", Err("not read")),
            ("vers:rpm/1%7C2", Err("involved")),
            ("vers:rpm", Err("no type")),
            ("vls:1.0 to 2.0", Err("not written")),
            (">=1", Err("not written")),
        ];
        for (text, expected) in table {
            match (parse(text), expected) {
                (Ok((_, found)), Ok(wanted)) => assert_eq!(found, wanted, "input: {text}"),
                (Err(found), Err(wanted)) => assert!(found.contains(wanted), "input: {text}, error: {found}"),
                (found, wanted) => panic!("input: {text}, found {found:?}, wanted {wanted:?}"),
            }
        }
    }
}
