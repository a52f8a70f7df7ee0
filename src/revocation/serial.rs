//! A serial number as the number that it is: neither leading zeros nor letter case make it another one.

use super::der;

/// The longest serial number in octets. RFC 5280 allows 20; people do more.
const LONGEST: usize = 64;

/// A whole number: the content of its INTEGER in the shortest form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Serial(Vec<u8>);

impl Serial {
    /// From `0x..` or `-0x..`.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let digits = rest.strip_prefix("0x")?;
        let even = if digits.len() % 2 == 0 { digits.to_owned() } else { format!("0{digits}") };
        let magnitude = data_encoding::HEXLOWER_PERMISSIVE.decode(even.as_bytes()).ok()?;
        if magnitude.is_empty() || magnitude.len() > LONGEST {
            return None;
        }
        let mut content = vec![0];
        content.extend_from_slice(&magnitude);
        if negative {
            let mut carry = true;
            for byte in content.iter_mut().rev() {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        der::number(&content).ok().map(|shortest| Self(shortest.to_vec()))
    }

    /// The content of its INTEGER.
    pub(super) fn content(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Serial {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_the_number_and_not_its_spelling() {
        let table: &[(&str, Option<&[u8]>)] = &[
            ("0x01", Some(&[1])),
            ("0x1", Some(&[1])),
            ("0x0000000001", Some(&[1])),
            ("0x80", Some(&[0, 0x80])),
            ("0xAbCd", Some(&[0, 0xab, 0xcd])),
            ("0x00", Some(&[0])),
            ("-0x01", Some(&[0xff])),
            ("-0x80", Some(&[0x80])),
            ("-0x81", Some(&[0xff, 0x7f])),
            ("-0x00", Some(&[0])),
            ("0x", None),
            ("12", None),
            ("0xzz", None),
            ("--0x01", None),
            ("", None),
        ];
        for (text, expected) in table {
            let got = Serial::of_text(text);
            assert_eq!(got.as_ref().map(Serial::content), *expected, "{text}");
        }
        assert!(Serial::of_text(&format!("0x{}", "11".repeat(64))).is_some());
        assert!(Serial::of_text(&format!("0x{}", "11".repeat(65))).is_none());
    }
}
