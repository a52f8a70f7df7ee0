//! Names that were perhaps meant.

/// Longer words are not compared: nobody mistypes those.
const LONGEST: usize = 64;

/// Up to `most` candidates close to a word, the closest first: few edits away, or one the beginning of the other.
pub fn names<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if word.is_empty() || word.len() > LONGEST {
        return Vec::new();
    }
    let mut close: Vec<(usize, &str)> = candidates.filter_map(|c| Some((distance(&word, c)?, c))).collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(most).map(|(_, name)| name.to_owned()).collect()
}

/// How far a candidate is from the word; absent when too far.
fn distance(word: &[char], candidate: &str) -> Option<usize> {
    let other: Vec<char> = candidate.to_lowercase().chars().take(LONGEST + 1).collect();
    if other.len() > LONGEST {
        return None;
    }
    let shorter = word.len().min(other.len());
    if shorter >= 3 && word.iter().zip(&other).all(|(a, b)| a == b) {
        return Some(1); // one begins with the other
    }
    let edits = edits(word, &other);
    // A third of the word may be wrong; of identifiers, whose digits all look alike, no more than two.
    let most = if word.iter().any(char::is_ascii_digit) { 2 } else { 3 };
    (edits <= most.min(word.len().div_ceil(3))).then_some(edits)
}

/// Levenshtein's distance, by the row-wise algorithm.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut above_left = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let here = (above_left + usize::from(x != y)).min(*cell + 1).min(left + 1);
            above_left = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let table = [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)];
        for (a, b, expected) in table {
            let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(edits(&x, &y), expected, "{a} to {b}");
            assert_eq!(edits(&y, &x), expected, "{b} to {a}");
        }
    }

    #[test]
    fn the_closest_come_first_and_strangers_not_at_all() {
        let known = ["heartbleed", "ticketbleed", "poodle", "cve-2014-0160", "cve-2014-0224"];
        let near = |word| names(word, known.into_iter(), 5);
        assert_eq!(near("hartbleed"), ["heartbleed"]);
        assert_eq!(near("heart"), ["heartbleed"]);
        assert_eq!(near("CVE-2014-016"), ["cve-2014-0160"]);
        assert!(near("shellshock").is_empty());
        assert!(near("").is_empty());
        assert!(near(&"x".repeat(100_000)).is_empty());
    }
}
