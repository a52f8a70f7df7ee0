//! Several names and addresses of one machine, as one line of a hosts file or of known hosts gives them, in rows.

use std::net::IpAddr;

use super::{
    declare::Draft,
    host::{Addresses, Host, parse_host},
};

/// Names for this machine itself and for groups of machines, which systems put into hosts files.
const OWN_NAMES: &[&str] = &[
    "localhost",
    "localhost4",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "broadcasthost",
];

/// Whether a name is one of those for the machine itself, with any domain behind it.
pub(super) fn is_own_name(name: &str) -> bool {
    name.split('.').next().is_some_and(|first| OWN_NAMES.iter().any(|own| own.eq_ignore_ascii_case(first)))
}

/// Whether a server can be at an address.
pub(super) fn leads_somewhere(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// The most names and addresses on one line.
const MOST: usize = 256;

/// The names and addresses of one machine.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// The first one is its own.
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Machine {
    /// Adds a name or an address, once. The error says what was expected.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let host = parse_host(text)?;
        if self.names.len() + self.addresses.len() >= MOST {
            return Err(format!("more than {MOST} names and addresses on one line; the others are not read"));
        }
        match host {
            Host::Name(name) if !self.names.contains(&name) => self.names.push(name),
            Host::Address(address) if !self.addresses.contains(&address) => self.addresses.push(address),
            Host::Name(_) | Host::Address(_) => {}
        }
        Ok(())
    }

    /// A row for each name, with each address: an alias without a dot that is the first label of the first name is no
    /// other name of the network, and becomes a tag. Without a name, a row for each address.
    pub(super) fn drafts(&self) -> Vec<Draft> {
        let Some((own, others)) = self.names.split_first() else {
            return self.addresses.iter().map(|address| at(None, Some(*address))).collect();
        };
        let label = own.split_once('.').map(|(label, _)| label);
        let mut drafts = self.each(own);
        for other in others {
            if Some(other.as_str()) == label {
                for draft in &mut drafts {
                    draft.tag(format!("alias={other}"));
                }
            }
        }
        for other in others.iter().filter(|other| Some(other.as_str()) != label) {
            drafts.extend(self.each(other));
        }
        drafts
    }

    fn each(&self, name: &str) -> Vec<Draft> {
        let none = self.addresses.is_empty().then_some(None);
        self.addresses.iter().copied().map(Some).chain(none).map(|address| at(Some(name), address)).collect()
    }
}

fn at(name: Option<&str>, address: Option<IpAddr>) -> Draft {
    Draft { name: name.map(str::to_owned), addresses: address.map(Addresses::One), ..Draft::default() }
}
