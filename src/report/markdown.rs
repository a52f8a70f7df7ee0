//! Text of others in Markdown that another system renders (GitHub, GitLab, DefectDojo, SARIF viewers).
//!
//! There, escaping is not enough: `\@all` is rendered to `@all` first and taken for a mention afterwards. A code span is
//! the one place where neither links nor mentions, references, emoji, HTML or quick actions are looked for. So what
//! could act stands in code spans, and a line never begins with a text of others, since `/close` at its beginning is a
//! command to GitLab. Nothing is lost: a reader sees every character.
//!
//! Not a renderer, and not the checklist's Markdown, which nobody acts upon.

use std::fmt::Write as _;

use crate::model::text::printable;

/// The most bytes that one text of others may take: systems refuse or cut a description that is too long.
const MOST: usize = 4_000;

/// A text as it stands, in a code span that it cannot leave.
pub(super) fn code(text: &str) -> String {
    let text = printable(cut(text, MOST).as_str()).into_owned();
    if text.trim().is_empty() {
        return "`(blank)`".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // One blank at either side is taken off again by the renderer (CommonMark 6.1).
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A sentence of ours that may quote others: words that could act stand in code spans, the others as they are.
pub(super) fn prose(text: &str) -> String {
    let text = printable(cut(text, MOST).as_str()).into_owned();
    let mut out = String::with_capacity(text.len() + 16);
    let mut odd: Vec<&str> = Vec::new();
    let put = |out: &mut String, odd: &mut Vec<&str>| {
        if !odd.is_empty() {
            let blank = if out.is_empty() { "" } else { " " };
            let _ = write!(out, "{blank}{}", code(&odd.join(" "))); // writing to a string cannot fail
            odd.clear();
        }
    };
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if is_plain(word) {
            put(&mut out, &mut odd);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        } else {
            odd.push(word);
        }
    }
    put(&mut out, &mut odd);
    out
}

/// Whether a word means nothing but itself: no mark-up, mention, reference, address, emoji or commit.
fn is_plain(word: &str) -> bool {
    let core =
        word.trim_start_matches(['(', '"', '\'']).trim_end_matches([')', ',', ';', '.', ':', '"', '\'', '?']);
    let first = core.chars().next();
    let ordinary = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '\'' | ',');
    let commit = core.len() >= 7
        && core.bytes().all(|b| b.is_ascii_hexdigit())
        && core.bytes().any(|b| b.is_ascii_digit());
    let reference = core.split_once('-').is_some_and(|(a, b)| {
        !a.is_empty()
            && !b.is_empty()
            && a.chars().all(char::is_alphabetic)
            && b.chars().all(char::is_numeric)
    });
    let time = core.ends_with(|c: char| c.is_ascii_digit() || c == 'Z')
        && first.is_some_and(|c| c.is_ascii_digit())
        && core.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '-' | '.' | 'T' | 'Z'));
    let known = word.chars().all(|c| ordinary(c) || matches!(c, '(' | ')' | ';' | ':' | '"' | '?'));
    known
        && (time || core.chars().all(ordinary))
        && first.is_none_or(char::is_alphanumeric)
        && !word.starts_with(':')
        && !core.to_ascii_lowercase().starts_with("www.")
        && !commit
        && !reference
}

/// A text of at most so many bytes, with a sign where it was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end =
        text.char_indices().map(|(i, _)| i).take_while(|i| *i <= most.saturating_sub(3)).last().unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// A text of others where nothing can be escaped, such as the title of an issue: what is no letter, digit or sign of a
/// host name becomes `_`. The whole text stands in the description.
pub(super) fn tame(text: &str, most: usize) -> String {
    let sign =
        |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | ' ') { c } else { '_' };
    let mut out = String::new();
    for c in text.chars().map(sign) {
        if !(c == '_' && out.ends_with("__")) {
            out.push(c);
        }
    }
    cut(out.trim(), most)
}

/// Holds a text to what this file promises; for the fuzz target.
pub(super) fn check_inert(text: &str) {
    let span = code(text);
    let fence = span.chars().take_while(|c| *c == '`').count();
    let inner = span.get(fence..span.len().saturating_sub(fence)).unwrap_or_default();
    assert!(fence > 0, "{span:?} is a span");
    assert!(!inner.split(|c| c != '`').any(|run| run.len() == fence), "nobody leaves {span:?}");
    let (words, title) = (prose(text), tame(text, 100));
    assert!(!span.contains(['\n', '\r']) && !words.contains(['\n', '\r']), "one line: {words:?}");
    assert!(!words.starts_with(['/', '@', '#', '-', '=', '+']), "{words:?} begins with nothing that acts");
    assert!(title.len() <= 100 && !title.contains(['@', '/', '#', '<', '`', '\n']), "{title:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_act_stands_in_a_code_span_and_words_stay_words() {
        let table = [
            ("patch, then restart", "patch, then restart"),
            ("ask @all now", "ask `@all` now"),
            ("/close", "`/close`"),
            ("see #1 and !2", "see `#1` and `!2`"),
            ("a ~label %milestone x", "a `~label %milestone` x"),
            ("https://evil.test/ x", "`https://evil.test/` x"),
            ("www.evil.test", "`www.evil.test`"),
            ("me@evil.test.", "`me@evil.test.`"),
            ("<img src=x> ok", "`<img src=x>` ok"),
            ("[a](b)", "`[a](b)`"),
            ("![a](b)", "`![a](b)`"),
            (":smile:", "`:smile:`"),
            ("- item", "`-` item"),
            ("GH-12", "`GH-12`"),
            ("deadbeef1", "`deadbeef1`"),
            ("a `b` c", "a `` `b` `` c"),
            ("two\nlines", "`two\\x0Alines`"),
            ("web01.example.test is exposed.", "web01.example.test is exposed."),
            ("(E4: web01, 2026-11-22)", "(E4: web01, 2026-11-22)"),
            ("at 2026-11-22T14:00:00Z or 14:00", "at 2026-11-22T14:00:00Z or 14:00"),
            ("", ""),
        ];
        for (input, expected) in table {
            assert_eq!(prose(input), expected, "input: {input:?}");
        }
    }

    #[test]
    fn a_title_keeps_names_and_loses_what_acts() {
        assert_eq!(tame("web01.example.test:443", 100), "web01.example.test:443");
        assert_eq!(tame("[2001:db8::1]:443", 100), "[2001:db8::1]:443");
        assert_eq!(tame("@everyone /close #1", 100), "_everyone _close _1");
        assert!(tame(&"é".repeat(10_000), 120).len() <= 120);
    }

    proptest! {
        #[test]
        fn nobody_leaves_a_code_span(text in "\\PC*|[`@ a/\n\\\\<>]{0,20}") {
            check_inert(&text);
        }

        #[test]
        fn a_mention_never_stands_outside_a_span(text in "[@/#!~ a.`-]{0,24}") {
            let mut outside = String::new();
            let mut rest = prose(&text);
            while let Some(at) = rest.find('`') {
                outside.push_str(&rest[..at]);
                let fence: String = rest[at..].chars().take_while(|c| *c == '`').collect();
                let after = rest[at + fence.len()..].to_owned();
                let mut from = 0;
                let end = loop {
                    let Some(i) = after[from..].find('`') else { break None };
                    let run = after[from + i..].chars().take_while(|c| *c == '`').count();
                    if run == fence.len() { break Some(from + i + run) }
                    from += i + run;
                };
                prop_assert!(end.is_some(), "an open span in {}", prose(&text));
                rest = after[end.unwrap_or(0)..].to_owned();
            }
            outside.push_str(&rest);
            prop_assert!(!outside.contains(['@', '/', '#', '!', '~']), "{}", outside);
        }
    }
}
