//! The connection that is asked about, and how one test of a rule stands to it.

use super::{
    rules::{Fit, SYN, Test, state},
    space::Family,
};
use crate::model::host::Protocol;

/// Where a forwarded packet leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// It does not: it is for the host.
    Nowhere,
    By(String),
    Untold,
}

/// The connection that is asked about.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) protocol: Protocol,
    pub(super) dest: Option<u128>,
    /// Whether the destination is the host itself.
    pub(super) local: bool,
    pub(super) port: Option<u16>,
    pub(super) source_port: Option<u16>,
    pub(super) established: bool,
    pub(super) translated: bool,
    pub(super) out: Out,
}

/// What rules before may have done to the packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A mark was set.
    pub(super) marked: bool,
    /// It was left out of connection tracking.
    pub(super) untracked: bool,
}

impl Packet {
    /// How a test stands to the packet, apart from where it comes from.
    pub(super) fn fit(&self, test: &Test, family: Family, seen: Seen) -> Fit {
        let tcp = self.protocol == Protocol::Tcp;
        match test {
            Test::Protocol { tcp: of_tcp, udp } => Fit::when(if tcp { *of_tcp } else { *udp }),
            Test::Port { ranges, negated } => port(self.port, ranges).not_if(*negated),
            Test::SourcePort { ranges, negated } => source_port(self.source_port, ranges).not_if(*negated),
            Test::AnyPort { ranges, negated } => {
                let here = port(self.port, ranges);
                let there = source_port(self.source_port, ranges);
                (if here == Fit::No { there } else { here }).not_if(*negated)
            }
            Test::Source { family: of, .. } | Test::Family(of) => Fit::when(*of == family),
            Test::In { .. } => Fit::Yes,
            Test::Dest { family: of, .. } if *of != family => Fit::No,
            Test::Dest { ranges, negated, .. } => self.dest(family, ranges).not_if(*negated),
            Test::Out { names, negated } => match &self.out {
                Out::Nowhere => Fit::No,
                Out::By(name) => Fit::when(names.iter().any(|iface| iface.covers(name))),
                Out::Untold => Fit::Maybe,
            }
            .not_if(*negated),
            Test::State { mask, negated } => {
                let mut bits = if self.established { state::ESTABLISHED } else { state::NEW };
                if self.translated {
                    bits |= state::DNAT;
                }
                if seen.untracked { Fit::Maybe } else { Fit::when(mask & bits != 0).not_if(*negated) }
            }
            Test::TcpFlags { .. } | Test::TcpFlagIn { .. } if !tcp => Fit::No,
            Test::TcpFlags { .. } | Test::TcpFlagIn { .. } if self.established => Fit::Maybe,
            Test::TcpFlags { mask, value, negated } => Fit::when(SYN & mask == *value).not_if(*negated),
            Test::TcpFlagIn { mask, negated } => Fit::when(SYN & mask != 0).not_if(*negated),
            Test::DestLocal { negated } => Fit::when(self.local).not_if(*negated),
            Test::Mark { .. } if seen.marked => Fit::Maybe,
            Test::Mark { value, negated, .. } => Fit::when(*value == 0).not_if(*negated),
            Test::Outcome(fit) => *fit,
        }
    }

    fn dest(&self, family: Family, ranges: &[(u128, u128)]) -> Fit {
        match self.dest {
            Some(dest) => Fit::when(ranges.iter().any(|(first, last)| (*first..=*last).contains(&dest))),
            None if ranges.iter().any(|range| *range == (0, family.last())) => Fit::Yes,
            None => Fit::Maybe,
        }
    }
}

fn port(port: Option<u16>, ranges: &[(u16, u16)]) -> Fit {
    port.map_or(Fit::Maybe, |port| {
        Fit::when(ranges.iter().any(|(first, last)| (*first..=*last).contains(&port)))
    })
}

/// A client takes a port above 1023 without asking, and any other if it likes.
fn source_port(own: Option<u16>, ranges: &[(u16, u16)]) -> Fit {
    if own.is_some() {
        return port(own, ranges);
    }
    if ranges.iter().any(|(first, last)| *first <= 1024 && *last == u16::MAX) {
        Fit::Yes
    } else {
        Fit::Chosen
    }
}
