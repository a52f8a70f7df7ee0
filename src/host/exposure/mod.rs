//! Who can reach a listening port: the packet filters in force, read with the tools that show them.
//!
//! Rules of iptables and nft are brought into one form ([`rules`]) and a new connection from outside is
//! followed through them ([`walk`]) for all sources at once. It does not send a packet, does not look at
//! filters outside of the host, and does not judge what leaves the host. What is not understood and could
//! decide makes the answer `unknown`.

mod collect;
mod containers;
mod drift;
mod expressions;
mod facts;
mod iptables;
mod network;
mod nft;
mod open;
mod options;
mod packet;
mod rules;
mod run;
mod saved;
mod space;
mod text;
mod view;
mod walk;

#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicU64, Ordering},
};

use network::Net;
use open::{Scene, WORK, answer};
use rules::{Ruleset, Verdict};
use space::Family;
use view::View;

use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Firewall, Listener, OpenTo, Protocol, Reach},
};

/// Work for all questions of one collection.
const ALL_WORK: u64 = 150_000_000;

/// The packet filters of a host.
#[derive(Debug)]
pub struct Filters {
    running: Vec<Ruleset>,
    views: [View; 2],
    net: Net,
    /// For IPv4 and IPv6: why rules may be in force that were not seen.
    unseen: [Option<String>; 2],
    /// Whether this is about the running host; otherwise only saved rules are known.
    live: bool,
    facts: Vec<Firewall>,
    left: AtomicU64,
}

/// Reads the packet filters that are in force, and what is saved for the next start. Below another root than
/// the running host's there is only what is saved.
pub fn read(root: &Root, cover: &Cover) -> Filters {
    collect::read(root, cover, &run::Runner::default(), root.is_host())
}

impl Filters {
    fn new(running: Vec<Ruleset>, net: Net, unseen: [Option<String>; 2], live: bool) -> Self {
        let views = [View::new(&running, Family::V4), View::new(&running, Family::V6)];
        Self { running, views, net, unseen, live, facts: Vec::new(), left: AtomicU64::new(ALL_WORK) }
    }

    /// What is known of the filters themselves, sorted by fact and source.
    pub fn firewall(&self) -> Vec<Firewall> {
        self.facts.clone()
    }

    /// To whom a listening socket is open: who outside of the host may open a new connection to it.
    pub fn open_to(&self, protocol: Protocol, address: IpAddr, port: u16) -> OpenTo {
        let left = self.left.load(Ordering::Relaxed);
        let mut budget = left.min(WORK);
        let before = budget;
        let answer = self.open_with(protocol, address, port, false, &mut budget);
        self.left.store(left.saturating_sub(before.saturating_sub(budget)), Ordering::Relaxed);
        answer
    }

    /// The ports that container engines publish: they lead into a container and may have no socket.
    pub fn published(&self) -> Vec<Listener> {
        containers::published(self)
    }

    fn open_with(
        &self,
        protocol: Protocol,
        address: IpAddr,
        port: u16,
        published: bool,
        budget: &mut u64,
    ) -> OpenTo {
        let address = address.to_canonical();
        if address.is_loopback() {
            return self.loopback(address, port);
        }
        if !self.live {
            return answer(Reach::Unknown, Vec::new(), "only saved rules are known, not what is in force");
        }
        if address != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            let one = (!address.is_unspecified()).then_some(address);
            return self.ask(Family::of(address), protocol, one, port, published, budget);
        }
        // Such a socket takes IPv4 as well, unless its program asked for IPv6 alone, which cannot be seen.
        let v4 = self.ask(Family::V4, protocol, None, port, published, budget);
        let v6 = self.ask(Family::V6, protocol, None, port, published, budget);
        let (family, mut more) =
            if openness(v4.reach) >= openness(v6.reach) { (Family::V4, v4) } else { (Family::V6, v6) };
        more.because = format!("by {}: {}", family.name(), more.because);
        more
    }

    fn ask(
        &self,
        family: Family,
        protocol: Protocol,
        address: Option<IpAddr>,
        port: u16,
        published: bool,
        budget: &mut u64,
    ) -> OpenTo {
        match self.scene(family) {
            Some(scene) => open::ask(scene, protocol, address, port, published, budget),
            None => answer(Reach::Unknown, Vec::new(), "the packet filter was not read"),
        }
    }

    fn scene(&self, family: Family) -> Option<Scene<'_>> {
        let [v4, v6] = &self.views;
        let [unseen_v4, unseen_v6] = &self.unseen;
        let (view, unseen) = match family {
            Family::V4 => (v4, unseen_v4),
            Family::V6 => (v6, unseen_v6),
        };
        self.live.then_some(Scene { sets: &self.running, view, net: &self.net, unseen: unseen.as_deref() })
    }

    fn loopback(&self, address: IpAddr, port: u16) -> OpenTo {
        let led = view::translations(&self.running, Family::of(address)).find(|(_, rule)| {
            let to = |own: u16| {
                own == port && view::asked(rule).iter().all(|(first, last)| (*first..=*last).contains(&own))
            };
            match rule.verdict {
                Verdict::Dnat { address: Some(led), port: Some(own) } => led == address && own == port,
                Verdict::Dnat { address: Some(led), port: None } => led == address && to(port),
                _ => false,
            }
        });
        match led {
            // It does so only where the setting route_localnet allows it.
            Some((at, _)) => {
                let because = format!("bound to loopback, but a rule may lead there: {}", at.text(""));
                answer(Reach::Unknown, Vec::new(), because)
            }
            None => answer(Reach::Loopback, Vec::new(), "bound to a loopback address"),
        }
    }
}

/// Which of two answers is the more open one. What is not told may be anything but is surely not worse than
/// open to anyone.
const fn openness(reach: Reach) -> u8 {
    match reach {
        Reach::Anyone => 4,
        Reach::Unknown => 3,
        Reach::Some => 2,
        Reach::Nobody => 1,
        Reach::Loopback => 0,
    }
}

/// Reads arbitrary bytes as one of the formats and asks about a few ports.
///
/// # Panics
///
/// Where an answer contradicts itself: that is what a fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let sets = match first % 4 {
        0 => vec![iptables::read(&text, Family::V4, "iptables-save")],
        1 => vec![iptables::read(&text, Family::V6, "ip6tables-save")],
        2 => nft::read(rest, "nft").into_iter().collect(),
        _ => {
            let (one, other) = text.split_once('\0').unwrap_or((&text, ""));
            let drift = drift::compare(one, &[other], first & 4 != 0);
            assert!(drift.only_saved.len() <= drift.saved_total);
            assert!(drift::compare(one, &[one], true).is_empty());
            return;
        }
    };
    let mut filters = Filters::new(sets, Net::default(), [None, None], true);
    filters.left = AtomicU64::new(400_000);
    filters.facts = facts::facts(&filters);
    for port in [22, 53, 80, 443, 8080] {
        for address in
            [IpAddr::from([0, 0, 0, 0]), IpAddr::from([192, 0, 2, 1]), Ipv6Addr::UNSPECIFIED.into()]
        {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let open = filters.open_to(protocol, address, port);
                assert_eq!(open.reach == Reach::Some, !open.from.is_empty(), "{open:?}");
            }
        }
    }
    let _ = filters.published();
}
