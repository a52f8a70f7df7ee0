//! A host as an inventory names it: with an SSH port, and with ranges such as `web[01:10:2].example.test`.
//!
//! Ranges are counted before they are written out, so that a short line cannot stand for millions of hosts.

use crate::inventory::{
    host::{parse_host, quoted},
    intake::MOST_WITHOUT_SCOPE,
};

/// Why hosts are not read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::inventory) enum Fault {
    /// This entry is wrong.
    Bad(String),
    /// It stands for more hosts than an inventory may have.
    TooMany(String),
}

/// The letters of a range in Ansible's order.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Every host that a pattern stands for. Its SSH port is passed over: TLS is not there. `before`: how many hosts
/// the inventory has already.
pub(in crate::inventory) fn hosts(pattern: &str, before: usize) -> Result<Vec<String>, Fault> {
    let name = without_port(pattern);
    // An IPv6 address in brackets is no range.
    if !name.contains('[') || parse_host(name).is_ok() {
        return Ok(vec![name.to_owned()]);
    }
    let bad = |why: &str| Fault::Bad(format!("the range in {} is not read: {why}", quoted(name)));
    let (mut parts, mut rest, mut count) = (Vec::new(), name, 1_u64);
    while let Some((head, after)) = rest.split_once('[') {
        let (inner, tail) = after.split_once(']').ok_or_else(|| bad("`]` is missing"))?;
        let range = Range::parse(inner).map_err(bad)?;
        count = count.saturating_mul(range.count());
        parts.push((head, range));
        rest = tail;
    }
    if count.saturating_add(before as u64) > MOST_WITHOUT_SCOPE {
        return Err(Fault::TooMany(format!(
            "with {} the inventory has more than {MOST_WITHOUT_SCOPE} hosts, which is the most that one file may have; write smaller ranges",
            quoted(name)
        )));
    }
    let mut all = vec![String::new()];
    for (head, range) in &parts {
        all = all
            .iter()
            .flat_map(|start| range.texts().map(move |text| format!("{start}{head}{text}")))
            .collect();
    }
    for host in &mut all {
        host.push_str(rest);
    }
    Ok(all)
}

/// `host:22`, `[2001:db8::5]:22` without the port.
fn without_port(pattern: &str) -> &str {
    let inner = |text: &'_ str| -> Option<usize> {
        let close = text.strip_prefix('[')?.find(']')? + 1;
        (close + 1 == text.len()).then_some(close)
    };
    let split = pattern.rsplit_once(':').filter(|(host, port)| {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        digits && !host.is_empty() && !has_outer_colon(host)
    });
    let host = split.map_or(pattern, |(host, _)| host);
    match inner(host) {
        // `[web01]:22` and `[2001:db8::5]:22`; `[1:3]` alone would be a range.
        Some(close) => {
            let inside = host.get(1..close).unwrap_or(host);
            if parse_host(inside).is_ok() { inside } else { host }
        }
        None => host,
    }
}

fn has_outer_colon(text: &str) -> bool {
    let mut depth = 0_usize;
    text.chars().any(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
}

/// What stands between the brackets.
enum Range {
    /// First, last, step, and the width to which numbers are filled with zeros.
    Numbers(u64, u64, u64, usize),
    Letters(usize, usize, usize),
}

impl Range {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let shape = "expected [first:last] or [first:last:step]";
        let mut bounds = text.split(':');
        let (first, last, step) = (bounds.next(), bounds.next(), bounds.next());
        let (Some(first), Some(last), None) = (first, last, bounds.next()) else {
            return Err(shape);
        };
        let first = if first.is_empty() { "0" } else { first };
        let step = match step {
            None => 1,
            Some(step) => number(step).filter(|n| *n > 0).ok_or("the step is to be a number from 1 on")?,
        };
        if let (Some(from), Some(to)) = (letter(first), letter(last)) {
            if from > to {
                return Err("it ends before it begins");
            }
            return Ok(Self::Letters(from, to, usize::try_from(step).unwrap_or(usize::MAX)));
        }
        let (Some(from), Some(to)) = (number(first), number(last)) else {
            return Err(shape);
        };
        let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
        if width > 0 && width != last.len() {
            return Err("a first number with leading zeros and the last one are to be of one length");
        }
        if from > to {
            return Err("it ends before it begins");
        }
        Ok(Self::Numbers(from, to, step, width))
    }

    const fn count(&self) -> u64 {
        match *self {
            Self::Numbers(from, to, step, _) => ((to - from) / step).saturating_add(1),
            Self::Letters(from, to, step) => ((to - from) / step + 1) as u64,
        }
    }

    fn texts(&self) -> Box<dyn Iterator<Item = String>> {
        match *self {
            Self::Numbers(from, _, step, width) => {
                Box::new((0..self.count()).map(move |n| format!("{:0width$}", from + n * step)))
            }
            Self::Letters(from, to, step) => {
                let letters = LETTERS.get(from..=to).unwrap_or_default();
                Box::new(letters.chars().step_by(step).map(String::from))
            }
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn letter(text: &str) -> Option<usize> {
    (text.len() == 1).then(|| LETTERS.find(text)).flatten()
}
