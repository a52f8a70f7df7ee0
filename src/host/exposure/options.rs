//! What the options of one iptables rule mean, for a new inbound connection.

use std::net::{IpAddr, SocketAddr};

use super::{
    iptables::Group,
    rules::{self, Fit, Iface, Rule, Test, Verdict, protocol, quote, state, tcp_flag},
    space::{Family, network, number},
};

/// Values of one option that are read.
const VALUES: usize = 4096;

/// Reads a rule from its options, without the chain that it is appended to.
pub(super) fn rule(text: &str, groups: &[Group], family: Family) -> Rule {
    let mut built = Built {
        family,
        rule: Rule { text: quote(text), tests: Vec::new(), verdict: Verdict::Continue, more: false },
        module: String::new(),
        target: None,
    };
    for group in groups {
        if built.option(group).is_none() {
            built.rule.tests.push(Test::Outcome(Fit::Maybe));
        }
    }
    built.rule
}

struct Built {
    family: Family,
    rule: Rule,
    module: String,
    target: Option<String>,
}

impl Built {
    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn test(&mut self, test: Test) -> Option<()> {
        self.rule.tests.push(test);
        Some(())
    }

    fn fit(&mut self, fit: Fit, negated: bool) -> Option<()> {
        self.test(Test::Outcome(fit.not_if(negated)))
    }

    /// Reads one option. Absent: it is not understood.
    fn option(&mut self, group: &Group) -> Option<()> {
        let value = group.values.first().map_or("", String::as_str);
        let negated = group.negated;
        match spelled(&group.option) {
            "-m" => {
                value.clone_into(&mut self.module);
                // Some modules ask something without any option.
                match value {
                    "socket" | "dhcpmac" | "unclean" | "cluster" => None,
                    _ => Some(()),
                }
            }
            "-j" => self.jump(value),
            "-g" => {
                self.rule.verdict = Verdict::Goto(value.to_owned());
                Some(())
            }
            "-c" | "--comment" => Some(()),
            "-p" => {
                let (tcp, udp) = protocol(value);
                self.test(Test::Protocol { tcp: tcp != negated, udp: udp != negated })
            }
            "-s" | "-d" | "--src-range" | "--dst-range" => self.addresses(group),
            "-i" => self.test(Test::In { names: vec![Iface::parse(value, '+')], negated }),
            "-o" => self.test(Test::Out { names: vec![Iface::parse(value, '+')], negated }),
            "-f" => self.fit(Fit::No, negated),
            "--dport" | "--sport" | "--dports" | "--sports" | "--ports" => self.ports(group),
            "--syn" => self.test(Test::TcpFlags { mask: 23, value: rules::SYN, negated }),
            "--tcp-flags" => {
                let (mask, set) = (flags(value)?, flags(group.values.get(1)?)?);
                self.test(Test::TcpFlags { mask, value: set, negated })
            }
            "--ctstate" | "--state" => {
                let mask = value.split(',').map(state::parse).try_fold(0, |sum, bit| Some(sum | bit?))?;
                self.test(Test::State { mask, negated })
            }
            "--ctdir" => self.fit(Fit::when(value.eq_ignore_ascii_case("ORIGINAL")), negated),
            "--to-destination" | "--to-ports" | "--notrack" if self.target.is_some() => {
                self.translation(group)
            }
            _ if self.target.is_some() && !matches!(self.rule.verdict, Verdict::Unknown) => Some(()),
            _ => self.module_option(group),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn jump(&mut self, value: &str) -> Option<()> {
        self.target = Some(value.to_owned());
        self.rule.verdict = match value {
            "DNAT" => Verdict::Dnat { address: None, port: None },
            "REDIRECT" => Verdict::Redirect { port: None },
            _ => rules::target(value).unwrap_or_else(|| match value {
                // Built-in targets that are not in that list hand the packet to something else.
                "NFQUEUE" | "QUEUE" | "TPROXY" | "SYNPROXY" | "NETMAP" | "" => Verdict::Unknown,
                _ => Verdict::Jump(value.to_owned()),
            }),
        };
        Some(())
    }

    fn addresses(&mut self, group: &Group) -> Option<()> {
        let source = matches!(spelled(&group.option), "-s" | "--src-range");
        let value = group.values.first()?;
        let mut ranges = Vec::new();
        for part in value.split(',').take(VALUES) {
            ranges.push(if group.option.ends_with("-range") { range(part)? } else { net(part)? });
        }
        let (family, negated) = (self.family, group.negated);
        self.test(if source {
            Test::Source { family, ranges, negated }
        } else {
            Test::Dest { family, ranges, negated }
        })
    }

    fn ports(&mut self, group: &Group) -> Option<()> {
        let ranges = group
            .values
            .first()?
            .split(',')
            .take(VALUES)
            .map(|part| rules::ports(part, ':'))
            .collect::<Option<Vec<_>>>()?;
        let negated = group.negated;
        self.test(match spelled(&group.option) {
            "--dport" | "--dports" => Test::Port { ranges, negated },
            "--sport" | "--sports" => Test::SourcePort { ranges, negated },
            _ => Test::AnyPort { ranges, negated },
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn translation(&mut self, group: &Group) -> Option<()> {
        let value = group.values.first().map_or("", String::as_str);
        self.rule.verdict = match (spelled(&group.option), &self.rule.verdict) {
            ("--notrack", _) => Verdict::Untracked,
            ("--to-destination", Verdict::Dnat { .. }) => {
                destination(value).map_or(Verdict::Unknown, |(address, port)| Verdict::Dnat { address, port })
            }
            ("--to-ports", Verdict::Redirect { .. }) => match rules::ports(value, '-') {
                Some((first, last)) if first == last => Verdict::Redirect { port: Some(first) },
                _ => Verdict::Unknown,
            },
            (_, verdict) => verdict.clone(),
        };
        Some(())
    }

    fn module_option(&mut self, group: &Group) -> Option<()> {
        let value = group.values.first().map_or("", String::as_str);
        let negated = group.negated;
        match (self.module.as_str(), group.option.as_str()) {
            ("limit", "--limit")
            | ("hashlimit", "--hashlimit-upto" | "--hashlimit")
            | (_, "--connlimit-upto") => self.fit(Fit::Common, negated),
            ("hashlimit", "--hashlimit-above")
            | (_, "--connlimit-above")
            | ("recent", "--rcheck" | "--update" | "--remove") => self.fit(Fit::Rare, negated),
            ("hashlimit", option) if option.starts_with("--hashlimit-") => Some(()),
            ("recent", "--set") if negated => None,
            ("limit", "--limit-burst")
            | ("connlimit", "--connlimit-mask" | "--connlimit-saddr")
            | ("rpfilter", "--loose" | "--validmark" | "--accept-local")
            | (
                "recent",
                "--set" | "--seconds" | "--hitcount" | "--name" | "--mask" | "--rsource" | "--rdest"
                | "--reap" | "--rttl",
            ) => Some(()),
            ("addrtype", "--dst-type") => self.dest_type(value, negated),
            ("pkttype", "--pkt-type") => self.fit(Fit::when(matches!(value, "unicast" | "host")), negated),
            // A client is not the host itself, and its packet came by the way that leads back to it.
            ("addrtype", "--src-type") if !value.eq_ignore_ascii_case("LOCAL") => None,
            ("addrtype", "--src-type") | ("rpfilter", "--invert") => self.fit(Fit::No, negated),
            ("mark", "--mark") => {
                let (value, mask) = value.split_once('/').map_or((value, None), |(v, m)| (v, Some(m)));
                let mask = mask.map_or(Some(u32::MAX), hex)?;
                self.test(Test::Mark { value: hex(value)?, mask, negated })
            }
            _ => None,
        }
    }

    fn dest_type(&mut self, value: &str, negated: bool) -> Option<()> {
        let kinds: Vec<String> = value.split(',').map(str::to_ascii_uppercase).collect();
        if kinds.iter().any(|kind| kind == "UNICAST") {
            return None;
        }
        if kinds.iter().any(|kind| kind == "LOCAL") {
            self.test(Test::DestLocal { negated })
        } else {
            self.fit(Fit::No, negated)
        }
    }
}

/// The short spelling of an option.
fn spelled(option: &str) -> &str {
    match option {
        "--protocol" | "--proto" => "-p",
        "--source" | "--src" => "-s",
        "--destination" | "--dst" => "-d",
        "--in-interface" => "-i",
        "--out-interface" => "-o",
        "--jump" => "-j",
        "--goto" => "-g",
        "--match" => "-m",
        "--fragment" | "--fragments" => "-f",
        "--set-counters" => "-c",
        "--destination-port" => "--dport",
        "--source-port" => "--sport",
        "--destination-ports" => "--dports",
        "--source-ports" => "--sports",
        "--port" => "--ports",
        other => other,
    }
}

fn flags(text: &str) -> Option<u8> {
    text.split(',').map(tcp_flag).try_fold(0, |sum, bit| Some(sum | bit?))
}

fn hex(text: &str) -> Option<u32> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok())
}

/// A network: an address, with a length or a mask.
fn net(text: &str) -> Option<(u128, u128)> {
    let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
    let address: IpAddr = address.parse().ok()?;
    let length = match mask {
        None => Family::of(address).bits(),
        Some(mask) => length(mask)?,
    };
    network(address, length)
}

/// The length of a mask; absent where its bits have a gap.
fn length(mask: &str) -> Option<u8> {
    if let Ok(length) = mask.parse() {
        return Some(length);
    }
    let mask: IpAddr = mask.parse().ok()?;
    let bits = Family::of(mask).bits();
    let ones = u8::try_from(number(mask).count_ones()).ok()?;
    (network(mask, ones)?.0 == number(mask) && ones <= bits).then_some(ones)
}

fn range(text: &str) -> Option<(u128, u128)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    (Family::of(first) == Family::of(last) && first <= last).then(|| (number(first), number(last)))
}

/// One address, one port, or both; absent where there is a choice of several.
fn destination(text: &str) -> Option<(Option<IpAddr>, Option<u16>)> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Some((Some(both.ip()), Some(both.port())));
    }
    if let Some(port) = text.strip_prefix(':') {
        return Some((None, Some(port.parse().ok()?)));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    Some((Some(bare.parse().ok()?), None))
}

/// A rule's options in one order and one spelling, for comparing saved with running rules.
pub(super) fn canonical(groups: &[Group]) -> Vec<Group> {
    let protocol = groups
        .iter()
        .find(|group| spelled(&group.option) == "-p")
        .and_then(|group| group.values.first())
        .map_or("", String::as_str);
    let mut found: Vec<Group> = groups
        .iter()
        .filter(|group| !matches!(spelled(&group.option), "--comment" | "-c"))
        .filter(|group| {
            let module = group.values.first().map_or("", String::as_str);
            // Named with its protocol anyway, or only there for the comment.
            !(spelled(&group.option) == "-m" && (module == protocol || module == "comment"))
        })
        .map(|group| {
            let mut group = group.clone();
            spelled(&group.option).to_owned().clone_into(&mut group.option);
            if group.option == "--syn" {
                "--tcp-flags".clone_into(&mut group.option);
                group.values = vec!["FIN,SYN,RST,ACK".to_owned(), "SYN".to_owned()];
            }
            if matches!(group.option.as_str(), "-s" | "-d") {
                for value in &mut group.values {
                    if let Some((first, last)) = net(value) {
                        *value = format!("{first}-{last}");
                    }
                }
            }
            group
        })
        .collect();
    found.sort();
    found
}
