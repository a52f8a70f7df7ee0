//! Lists of weak keys that a user brings (docs/weak-keys.md): which keys stand in them, and which kinds of keys they speak of.
//! The text is read here, the file elsewhere; nothing here decides what a match means.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER_PERMISSIVE;

/// Bytes of a fingerprint: the last ten of a SHA-1.
const FINGERPRINT: usize = 10;

/// Fingerprints of weak RSA keys, and the sizes that they cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeakKeys {
    fingerprints: Vec<[u8; FINGERPRINT]>,
    bits: BTreeSet<u32>,
}

/// A line that is none of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl WeakKeys {
    /// Adds a list. Its sizes come out of lines such as `# covers rsa 1024 2048`, or out of a name that ends like
    /// `blacklist.RSA-2048`, as Debian's files do.
    ///
    /// # Errors
    ///
    /// [`BadLine`], the first; nothing is added then.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), BadLine> {
        let mut found = Vec::new();
        let mut bits = BTreeSet::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let bad = |column: usize, message: String| BadLine { line: number + 1, column, message };
            let entry = line.trim();
            if let Some(remark) = entry.strip_prefix('#') {
                let mut words = remark.split_whitespace();
                if words.next() == Some("covers") && words.next() == Some("rsa") {
                    for word in words {
                        let size = word.parse().ok().filter(|n| (384..=16_384).contains(n));
                        bits.insert(size.ok_or_else(|| {
                            bad(
                                line.find(word).unwrap_or(0) + 1,
                                format!("`{}` is no size of an RSA key in bits", cut(word)),
                            )
                        })?);
                    }
                }
                continue;
            }
            if entry.is_empty() {
                continue;
            }
            let wrong = || {
                let column = entry.find(|c: char| !c.is_ascii_hexdigit()).map_or(1, |at| {
                    line.find(entry).unwrap_or(0) + entry.get(..at).map_or(0, |head| head.chars().count()) + 1
                });
                bad(column, format!("`{}` is no fingerprint: 20 or 40 hex digits of a SHA-1", cut(entry)))
            };
            let bytes = HEXLOWER_PERMISSIVE.decode(entry.as_bytes()).map_err(|_| wrong())?;
            let tail = matches!(bytes.len(), FINGERPRINT | 20).then(|| bytes.last_chunk()).flatten();
            found.push(*tail.ok_or_else(wrong)?);
        }
        if bits.is_empty() {
            bits.extend(name.rsplit_once("RSA-").and_then(|(_, size)| size.parse::<u32>().ok()));
        }
        if found.is_empty() {
            return Err(BadLine { line: 1, column: 1, message: "the list holds no fingerprint".to_owned() });
        }
        self.fingerprints.append(&mut found);
        self.fingerprints.sort_unstable();
        self.fingerprints.dedup();
        self.bits.append(&mut bits);
        Ok(())
    }

    /// Whether a key stands in a list. `None`: it does not, and none covers its size.
    pub fn holds(&self, fingerprint: &str, bits: u32) -> Option<bool> {
        let bytes = HEXLOWER_PERMISSIVE.decode(fingerprint.as_bytes()).ok()?;
        let bytes: [u8; FINGERPRINT] = bytes.try_into().ok()?;
        let listed = self.fingerprints.binary_search(&bytes).is_ok();
        (listed || self.bits.contains(&bits)).then_some(listed)
    }

    /// How many keys, and of which sizes nothing is missing.
    pub fn told(&self) -> String {
        let sizes: Vec<String> = self.bits.iter().map(ToString::to_string).collect();
        let sizes = if sizes.is_empty() {
            "no size is said to be covered".to_owned()
        } else {
            format!("RSA of {} bits covered", sizes.join(", "))
        };
        format!("{} weak keys; {sizes}", self.fingerprints.len())
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "0123456789abcdef0123";

    #[test]
    fn a_list_says_whom_it_holds_and_what_it_covers() {
        let mut lists = WeakKeys::default();
        assert_eq!(lists.holds(KEY, 2048), None);
        lists.add("mine", "\u{feff}# covers rsa 1024 2048\r\n\r\n0123456789ABCDEF0123\r\n").unwrap();
        lists
            .add(
                "/usr/share/openssl-blacklist/blacklist.RSA-4096",
                &format!("{}ffff0000ffff0000ffff\n", "0".repeat(20)),
            )
            .unwrap();
        assert_eq!(lists.holds(KEY, 2048), Some(true));
        assert_eq!(lists.holds(KEY, 3072), Some(true), "in a list, whatever its size");
        assert_eq!(lists.holds("ffff0000ffff0000ffff", 512), Some(true), "the tail of a whole SHA-1");
        assert_eq!(lists.holds("00000000000000000001", 4096), Some(false));
        assert_eq!(lists.holds("00000000000000000001", 3072), None);
        assert_eq!(lists.told(), "2 weak keys; RSA of 1024, 2048, 4096 bits covered");
    }

    #[test]
    fn a_bad_line_is_told_with_its_place_and_nothing_of_its_list_counts() {
        let table = [
            ("", 1, 1),
            ("# only a remark\n", 1, 1),
            ("0123456789abcdef0123\nnot hex at all\n", 2, 1),
            ("  0123456789abcdeg0123\n", 1, 18),
            ("0123\n", 1, 1),
            ("# covers rsa 2048 many\n0123456789abcdef0123\n", 1, 19),
        ];
        for (text, line, column) in table {
            let mut lists = WeakKeys::default();
            let error = lists.add("x", text).unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
            assert_eq!(lists, WeakKeys::default());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), name in any::<String>()) {
            let mut lists = WeakKeys::default();
            let _ = lists.add(&name, &text);
            let _ = lists.holds(&text, 1);
        }
    }
}
