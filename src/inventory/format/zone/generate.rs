//! BIND's `$GENERATE range lhs [ttl] [class] type rhs`: one record for each number of a range.
//!
//! It makes text; the records in it are read as any other.

use crate::inventory::host::quoted;

/// The most records of one `$GENERATE`.
pub(super) const MOST_OF_ONE: u64 = 1 << 16;

/// The widest number that a modifier makes.
const MOST_WIDE: u32 = 255;

/// The numbers of a range `start-stop[/step]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    /// The error says what was expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad = || {
            format!("{} is not a range; expected start-stop or start-stop/step such as 1-20/2", quoted(text))
        };
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let (first, last) = range.split_once('-').ok_or_else(bad)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u32>().ok().filter(|n| digits && *n <= i32::MAX.unsigned_abs()).ok_or_else(bad)
        };
        let range = Self { start: number(first)?, stop: number(last)?, step: number(step)? };
        if range.step == 0 || range.start > range.stop {
            return Err(bad());
        }
        Ok(range)
    }

    /// How many numbers there are.
    pub(super) fn count(self) -> u64 {
        u64::from(self.stop.saturating_sub(self.start) / self.step.max(1)) + 1
    }

    pub(super) fn numbers(self) -> impl Iterator<Item = u32> {
        (self.start..=self.stop).step_by(usize::try_from(self.step.max(1)).unwrap_or(usize::MAX))
    }
}

/// Adds a template with its `$`, `$$` and `${offset,width,base}` worked out for one number.
pub(super) fn put(template: &[u8], number: u32, to: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = template;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, rest) {
            (b'\\', [escaped, after @ ..]) => {
                to.extend_from_slice(&[b'\\', *escaped]);
                rest = after;
            }
            // BIND writes a dollar for two of them.
            (b'$', [b'$', after @ ..]) => {
                to.extend_from_slice(b"\\$");
                rest = after;
            }
            (b'$', [b'{', after @ ..]) => {
                let bad = || {
                    let text = String::from_utf8_lossy(template);
                    format!("{} has a `${{` that is no `${{offset,width,base}}`", quoted(&text))
                };
                let end = after.iter().position(|&b| b == b'}').ok_or_else(bad)?;
                let inner = std::str::from_utf8(after.get(..end).unwrap_or_default()).map_err(|_| bad())?;
                to.extend_from_slice(modified(inner, number).ok_or_else(bad)?.as_bytes());
                rest = after.get(end + 1..).unwrap_or_default();
            }
            (b'$', _) => to.extend_from_slice(number.to_string().as_bytes()),
            (byte, _) => to.push(*byte),
        }
    }
    Ok(())
}

/// `offset[,width[,base]]`, with base one of d, o, x, X, n and N. None: it is none, or the number falls below 0.
fn modified(inner: &str, number: u32) -> Option<String> {
    let mut parts = inner.split(',');
    let offset: i64 = parts.next()?.trim().parse().ok()?;
    let width: u32 = parts.next().map_or(Some(0), |width| width.trim().parse().ok())?;
    let base = parts.next().map_or("d", str::trim);
    let value = u32::try_from(i64::from(number).checked_add(offset)?).ok()?;
    if parts.next().is_some() || width > MOST_WIDE {
        return None;
    }
    let wide = width as usize;
    Some(match base {
        "d" => format!("{value:0wide$}"),
        "o" => format!("{value:0wide$o}"),
        "x" => format!("{value:0wide$x}"),
        "X" => format!("{value:0wide$X}"),
        "n" => nibbles(value, width),
        "N" => nibbles(value, width).to_ascii_uppercase(),
        _ => return None,
    })
}

/// Hexadecimal digits from the last to the first, a dot between them; the width counts the dots.
fn nibbles(mut value: u32, mut width: u32) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from_digit(value & 0xf, 16).unwrap_or('0'));
        value >>= 4;
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return text;
        }
        text.push('.');
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_worked_out_as_bind_does() {
        let table: &[(&str, u32, Option<&str>)] = &[
            ("node$", 7, Some("node7")),
            ("a$$b", 7, Some(r"a\$b")),
            (r"a\$b$", 7, Some(r"a\$b7")),
            ("h${0,3}", 7, Some("h007")),
            ("h${10}", 7, Some("h17")),
            ("h${-5,2,d}", 7, Some("h02")),
            ("h${0,4,x}", 255, Some("h00ff")),
            ("h${0,2,X}", 171, Some("hAB")),
            ("h${0,0,o}", 8, Some("h10")),
            ("${0,5,n}", 0x12, Some("2.1.0")),
            ("${0,0,n}", 0x12, Some("2.1")),
            ("${0,3,N}", 0xab, Some("B.A")),
            ("h${-8}", 7, None),
            ("h${0", 7, None),
            ("h${0,3,q}", 7, None),
            ("h${0,99999}", 7, None),
            ("h${99999999999999999999}", 7, None),
        ];
        for (template, number, expected) in table {
            let mut text = Vec::new();
            let done = put(template.as_bytes(), *number, &mut text);
            let got = done.is_ok().then(|| String::from_utf8_lossy(&text).into_owned());
            assert_eq!(got.as_deref(), *expected, "{template}");
        }
    }

    #[test]
    fn ranges_have_a_beginning_an_end_and_a_step() {
        let table = [
            ("1-3", Some(3)),
            ("0-10/5", Some(3)),
            ("5-5", Some(1)),
            ("1-999999999", Some(999_999_999)),
            ("3-1", None),
            ("1-3/0", None),
            ("1", None),
            ("-1-3", None),
            ("1-99999999999", None),
        ];
        for (text, count) in table {
            assert_eq!(Range::parse(text).ok().map(Range::count), count, "{text}");
        }
        assert_eq!(Range::parse("1-9/4").map(|r| r.numbers().collect::<Vec<_>>()), Ok(vec![1, 5, 9]));
    }
}
