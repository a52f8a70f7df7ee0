//! Patterns of `Host`: `*` and `?`, in the case in which they are written.

/// Whether a name matches a pattern. Linear in the name for each `*`, whatever the pattern.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == b'?' || Some(&c) == name.get(n) => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((after, from)) = back else { return false };
                (p, n) = (after, from + 1);
                back = Some((after, from + 1));
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_openssh() {
        let table = [
            ("*", "", true),
            ("*", "web01", true),
            ("web?", "web1", true),
            ("web?", "web", false),
            ("*.test", "a.test", true),
            ("*.test", "a.test.", false),
            ("a*b*c", "aXbXbXc", true),
            ("web01", "Web01", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
