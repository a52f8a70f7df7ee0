//! Packet filter rules in one form, whichever tool printed them: what each base chain asks of a packet and
//! what it does. It keeps what decides about a new inbound connection; what it cannot express becomes
//! [`Test::Outcome`] with [`Fit::Maybe`], never nothing.

use std::{collections::BTreeMap, net::IpAddr};

use super::space::Family;
use crate::model::text::printable;

/// Characters of a rule that are quoted.
const QUOTED: usize = 200;

/// Where a packet is on its way through the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Ingress,
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

impl Hook {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ingress" => Self::Ingress,
            "prerouting" => Self::Prerouting,
            "input" => Self::Input,
            "forward" => Self::Forward,
            "output" => Self::Output,
            "postrouting" => Self::Postrouting,
            _ => return None,
        })
    }
}

/// What makes a chain a base chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) hook: Hook,
    pub(super) priority: i64,
    /// It translates addresses, and does not filter.
    pub(super) nat: bool,
    /// What no rule decides is dropped.
    pub(super) drops: bool,
    /// It sees only packets of these interfaces; empty: of all.
    pub(super) devices: Vec<String>,
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// `ip`, `ip6`, `inet`, `netdev`, …
    pub(super) family: String,
    pub(super) name: String,
    pub(super) chains: BTreeMap<String, Chain>,
}

impl Table {
    /// Whether it sees packets of a family.
    pub(super) fn sees(&self, family: Family) -> bool {
        self.family == family.word() || self.family == "inet" || self.family == "netdev"
    }

    pub(super) fn rules(&self) -> usize {
        self.chains.values().map(|chain| chain.rules.iter().filter(|rule| !rule.more).count()).sum()
    }
}

/// A text that was read: what one tool said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    /// The tool, or the path of a file.
    pub(super) source: String,
    pub(super) tables: Vec<Table>,
    /// What was wrong with it: a line and a few words.
    pub(super) errors: Vec<String>,
    /// Rules or whole tables are missing from it.
    pub(super) partial: bool,
    /// It is the view of `iptables` on tables that `nft` lists as well.
    pub(super) over_nft: bool,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// As it is printed by the tool.
    pub(super) text: String,
    pub(super) tests: Vec<Test>,
    pub(super) verdict: Verdict,
    /// A further alternative of the rule before it, which the filter shows as one rule.
    pub(super) more: bool,
}

impl Rule {
    /// A rule that cannot be read at all: it may do anything.
    pub(super) fn unreadable(text: &str) -> Self {
        Self { text: quote(text), tests: Vec::new(), verdict: Verdict::Unknown, more: false }
    }
}

/// How a test stands to the packet that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// Not told.
    Maybe,
    /// An ordinary connection does not match, only one too many (a rate exceeded, an earlier knock).
    Rare,
    /// An ordinary connection matches until there are too many.
    Common,
    /// The client decides: a source port.
    Chosen,
}

impl Fit {
    pub(super) const fn when(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// Both of two tests.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, fit) | (fit, Self::Yes) => fit,
            (a, b) if a == b => a,
            _ => Self::Maybe,
        }
    }

    pub(super) const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Rare => Self::Common,
            Self::Common => Self::Rare,
            Self::Maybe | Self::Chosen => self,
        }
    }

    pub(super) const fn not_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }
}

/// The name of an interface, or how it begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Iface {
    Named(String),
    Prefix(String),
}

impl Iface {
    /// A name in which `wild` at the end stands for any rest.
    pub(super) fn parse(name: &str, wild: char) -> Self {
        name.strip_suffix(wild)
            .map_or_else(|| Self::Named(name.to_owned()), |prefix| Self::Prefix(prefix.to_owned()))
    }

    /// Whether a real name is meant.
    pub(super) fn covers(&self, name: &str) -> bool {
        match self {
            Self::Named(own) => own == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// Inclusive ranges of ports.
pub(super) type Ports = Vec<(u16, u16)>;

/// One thing that a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The protocols that fit.
    Protocol {
        tcp: bool,
        udp: bool,
    },
    Port {
        ranges: Ports,
        negated: bool,
    },
    SourcePort {
        ranges: Ports,
        negated: bool,
    },
    /// Either port.
    AnyPort {
        ranges: Ports,
        negated: bool,
    },
    Source {
        family: Family,
        ranges: Vec<(u128, u128)>,
        negated: bool,
    },
    Dest {
        family: Family,
        ranges: Vec<(u128, u128)>,
        negated: bool,
    },
    In {
        names: Vec<Iface>,
        negated: bool,
    },
    Out {
        names: Vec<Iface>,
        negated: bool,
    },
    /// Connection states: bits of [`state`].
    State {
        mask: u8,
        negated: bool,
    },
    TcpFlags {
        mask: u8,
        value: u8,
        negated: bool,
    },
    /// Whether any of the flags is set.
    TcpFlagIn {
        mask: u8,
        negated: bool,
    },
    /// The destination is an address of the host.
    DestLocal {
        negated: bool,
    },
    Mark {
        value: u32,
        mask: u32,
        negated: bool,
    },
    Family(Family),
    /// Decided when it was read.
    Outcome(Fit),
}

/// Connection states as bits.
pub(super) mod state {
    pub(in super::super) const NEW: u8 = 1;
    pub(in super::super) const ESTABLISHED: u8 = 2;
    /// Its destination was translated.
    pub(in super::super) const DNAT: u8 = 4;
    /// Related, invalid, untracked: never the packet that is asked about.
    pub(in super::super) const OTHER: u8 = 8;

    pub(in super::super) fn parse(word: &str) -> Option<u8> {
        Some(match word.to_ascii_lowercase().as_str() {
            "new" => NEW,
            "established" => ESTABLISHED,
            "related" | "invalid" | "untracked" | "snat" => OTHER,
            "dnat" => DNAT,
            _ => return None,
        })
    }
}

/// The bit of a TCP flag by its name.
pub(super) fn tcp_flag(word: &str) -> Option<u8> {
    Some(match word.to_ascii_lowercase().as_str() {
        "fin" => 1,
        "syn" => SYN,
        "rst" => 4,
        "psh" => 8,
        "ack" => 16,
        "urg" => 32,
        "ecn" | "ece" => 64,
        "cwr" => 128,
        "all" => 63,
        "none" => 0,
        _ => return None,
    })
}

/// The bit of the flag that opens a connection.
pub(super) const SYN: u8 = 2;

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// Goes on with the next rule.
    Continue,
    /// Goes on; sets or restores a mark.
    SetsMark,
    /// Goes on; the connection is not tracked.
    Untracked,
    /// To another address or port; absent: the same one.
    Dnat {
        address: Option<IpAddr>,
        port: Option<u16>,
    },
    /// To the same port, or another one, of the host itself.
    Redirect {
        port: Option<u16>,
    },
    /// May do anything.
    Unknown,
}

/// A rule's text, safe to show and not too long.
pub(super) fn quote(text: &str) -> String {
    let safe = printable(text.trim());
    if safe.chars().count() <= QUOTED {
        return safe.into_owned();
    }
    let mut short: String = safe.chars().take(QUOTED).collect();
    short.push('…');
    short
}

/// A port, or a range of them with `separator`.
pub(super) fn ports(text: &str, separator: char) -> Option<(u16, u16)> {
    let Some((first, last)) = text.split_once(separator) else {
        let port = text.parse().ok()?;
        return Some((port, port));
    };
    let first = if first.is_empty() { 0 } else { first.parse().ok()? };
    let last = if last.is_empty() { u16::MAX } else { last.parse().ok()? };
    (first <= last).then_some((first, last))
}

/// Which of TCP and UDP a protocol's name or number means.
pub(super) fn protocol(word: &str) -> (bool, bool) {
    match word.to_ascii_lowercase().as_str() {
        "tcp" | "6" => (true, false),
        "udp" | "17" => (false, true),
        "all" | "0" => (true, true),
        _ => (false, false),
    }
}

/// What a target that neither accepts nor drops does, by its name; absent where it is not known.
pub(super) fn target(name: &str) -> Option<Verdict> {
    Some(match name {
        // What translates the source comes after everything was decided.
        "ACCEPT" | "MASQUERADE" | "SNAT" => Verdict::Accept,
        "DROP" | "REJECT" | "TARPIT" | "CHAOS" | "DELUDE" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "MARK" | "CONNMARK" | "HMARK" => Verdict::SetsMark,
        "NOTRACK" => Verdict::Untracked,
        "LOG" | "NFLOG" | "ULOG" | "SECMARK" | "CONNSECMARK" | "TCPMSS" | "SET" | "TRACE" | "DSCP"
        | "TOS" | "TTL" | "HL" | "CHECKSUM" | "CLASSIFY" | "AUDIT" | "RATEEST" | "TCPOPTSTRIP" | "ECN"
        | "IDLETIMER" | "LED" | "TEE" | "CT" | "ACCOUNT" => Verdict::Continue,
        _ => return None,
    })
}
