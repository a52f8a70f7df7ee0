//! Globs: whether a text fits a pattern. One way for names, SSH patterns, and files; it opens nothing.

/// Whether a text fits a pattern in which `*` stands for any text and `?` for one part. Over bytes or characters.
pub fn matches<T: Copy + PartialEq + From<u8>>(pattern: &[T], text: &[T]) -> bool {
    fits(pattern, text, |piece, part| {
        let first = *piece.first()?;
        (first == T::from(b'?') || first == part).then_some(1)
    })
}

/// The same as a shell matches the names of files: with `[a-z]` and `[!a-z]`, and a name that begins with a dot fits only
/// where the pattern does, too.
pub fn matches_file<T: Copy + PartialOrd + From<u8>>(pattern: &[T], name: &[T]) -> bool {
    let hidden = |text: &[T]| text.first() == Some(&T::from(b'.'));
    (!hidden(name) || hidden(pattern))
        && fits(pattern, name, |piece, part| {
            let first = *piece.first()?;
            if first == T::from(b'[') {
                return class(piece, part);
            }
            (first == T::from(b'?') || first == part).then_some(1)
        })
}

/// The loop of both. `one` says how long the piece at the beginning of a pattern is, where it fits a part of the text.
fn fits<T: Copy + PartialEq + From<u8>>(
    pattern: &[T],
    text: &[T],
    one: impl Fn(&[T], T) -> Option<usize>,
) -> bool {
    let star = T::from(b'*');
    // One star is remembered at a time, so the work is at most the product of the lengths.
    let (mut p, mut t, mut back) = (0, 0, None);
    while let Some(&part) = text.get(t) {
        let piece = pattern.get(p..).unwrap_or_default();
        if piece.first() == Some(&star) {
            p += 1;
            back = Some((p, t));
        } else if let Some(length) = one(piece, part) {
            (p, t) = (p + length, t + 1);
        } else if let Some((after, from)) = back {
            (p, t) = (after, from + 1);
            back = Some((after, from + 1));
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == star)
}

/// The length of the bracket expression at the beginning, where it takes the part. One without an end is a `[`; a bracket
/// that comes first belongs to the set.
fn class<T: Copy + PartialOrd + From<u8>>(pattern: &[T], part: T) -> Option<usize> {
    let [open, close, minus] = [b'[', b']', b'-'].map(T::from);
    let negated = pattern.get(1).is_some_and(|c| *c == T::from(b'!') || *c == T::from(b'^'));
    let begin = if negated { 2 } else { 1 };
    let end = pattern.iter().skip(begin + 1).position(|c| *c == close).map(|at| at + begin + 1);
    let Some(end) = end else { return (part == open).then_some(1) };
    let mut set = pattern.get(begin..end).unwrap_or_default();
    let mut within = false;
    while let [first, rest @ ..] = set {
        (within, set) = match rest {
            [dash, last, rest @ ..] if *dash == minus => (within || (*first..=*last).contains(&part), rest),
            _ => (within || *first == part, rest),
        };
    }
    (within != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_fit_and_nothing_else_does() {
        let table = [
            ("*", "", true),
            ("*", "web01", true),
            ("web?", "web1", true),
            ("web?", "web", false),
            ("*.test", "a.test", true),
            ("*.test", "a.test.", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbYbZ", false),
            ("web01", "Web01", false),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn names_of_files_fit_as_in_a_shell() {
        let table = [
            ("*", "a.conf", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]?.pem", "bx.pem", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[^a-c]x", "dx", true),
            ("[]x]", "]", true),
            ("[!]x]", "]", false),
            ("[", "[", true),
            ("[a", "a", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("**", "x", true),
            ("", "", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches_file(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(matches_file(&chars(pattern), &chars(name)), expected, "{pattern} {name}");
        }
    }
}
