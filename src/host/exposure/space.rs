//! Sets of source addresses, as ranges that do not overlap. Exact, so that "everything but these" stays
//! what it says however many rules there are.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{Ipv4Subnets, Ipv6Subnets};

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The last address, as a number.
    pub(super) const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    /// The word that packet filters use.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// The name that people use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// An address as a number within its family.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// A number as an address.
fn address(number: u128, family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

/// The first and last number of a network.
pub(super) fn network(address: IpAddr, length: u8) -> Option<(u128, u128)> {
    let family = Family::of(address);
    let host = family.bits().checked_sub(length)?;
    let mask = 1_u128.checked_shl(u32::from(host)).map_or(u128::MAX, |size| size - 1);
    let first = number(address) & !mask;
    Some((first, first | mask))
}

/// A set of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(BTreeMap<u128, u128>);

impl Spans {
    /// Every address of a family.
    pub(super) fn whole(family: Family) -> Self {
        Self(BTreeMap::from([(0, family.last())]))
    }

    pub(super) fn of(ranges: &[(u128, u128)]) -> Self {
        let mut set = Self::default();
        for (first, last) in ranges {
            set.insert(*first, *last);
        }
        set
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many numbers, as far as that can be counted.
    pub(super) fn size(&self) -> u128 {
        self.0.iter().fold(0, |sum: u128, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// Adds a range; touching ranges become one.
    pub(super) fn insert(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        let until = last.saturating_add(1);
        while let Some((start, end)) = self.0.range(..=until).next_back().map(|(s, e)| (*s, *e)) {
            if end.saturating_add(1) < first {
                break;
            }
            self.0.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// Adds all of another set.
    pub(super) fn join(&mut self, mut other: Self) {
        if other.len() > self.len() {
            std::mem::swap(self, &mut other);
        }
        for (first, last) in other.0 {
            self.insert(first, last);
        }
    }

    /// Takes a range out, and gives what was there of it.
    fn take(&mut self, first: u128, last: u128, out: &mut Self) {
        while let Some((start, end)) = self.0.range(..=last).next_back().map(|(s, e)| (*s, *e)) {
            if end < first {
                break;
            }
            self.0.remove(&start);
            if end > last {
                self.0.insert(last + 1, end);
            }
            if start < first {
                self.0.insert(start, first - 1);
            }
            out.insert(start.max(first), end.min(last));
        }
    }

    /// Takes out and gives what is in `ranges`, or with `negated` what is not.
    pub(super) fn split(&mut self, ranges: &[(u128, u128)], negated: bool) -> Self {
        let mut taken = Self::default();
        for (first, last) in ranges {
            self.take(*first, *last, &mut taken);
        }
        if negated {
            std::mem::swap(self, &mut taken);
        }
        taken
    }

    pub(super) fn ranges(&self) -> Vec<(u128, u128)> {
        self.0.iter().map(|(first, last)| (*first, *last)).collect()
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut left = self.clone();
        left.split(&other.ranges(), false);
        left
    }

    pub(super) fn both(&self, other: &Self) -> Self {
        self.clone().split(&other.ranges(), false)
    }

    /// The networks that make it up, at most `max`, and whether that is all of them.
    pub(super) fn networks(&self, family: Family, max: usize) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        for (first, last) in &self.0 {
            let nets: Box<dyn Iterator<Item = String>> =
                match (address(*first, family), address(*last, family)) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => {
                        Box::new(Ipv4Subnets::new(a, b, 0).map(|n| n.to_string()))
                    }
                    (IpAddr::V6(a), IpAddr::V6(b)) => {
                        Box::new(Ipv6Subnets::new(a, b, 0).map(|n| n.to_string()))
                    }
                    _ => continue,
                };
            for net in nets {
                if found.len() >= max {
                    return (found, false);
                }
                found.push(net);
            }
        }
        (found, true)
    }
}
