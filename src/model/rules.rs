//! Rules by which owners and exposure are given to services that name none: globs of names, networks,
//! tags, zones. They stand in `allclear.toml` under `[policy]`; the first one that fits counts.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::service::{Exposure, Service};

/// For which services a rule holds: one condition that fits is enough; a list that is empty says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fit {
    /// Globs of names, such as `*.mail.example.test`; `*` stands for any text, dots included.
    pub names: Vec<String>,
    /// Networks that hold one of its declared addresses.
    pub networks: Vec<IpNet>,
    /// Tags, such as `lb` or `role=web`, in any case; a glob is allowed.
    pub tags: Vec<String>,
    /// The inventory's zones, in any case.
    pub zones: Vec<String>,
}

/// Who answers for services that name no owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRule {
    /// The owner.
    pub owner: String,
    /// For which services.
    #[serde(flatten)]
    pub fit: Fit,
}

/// Who can reach services that do not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureRule {
    /// Who.
    pub exposure: Exposure,
    /// For which services.
    #[serde(flatten)]
    pub fit: Fit,
}

/// Which condition of a rule fits, for people: `name *.example.test`, `network 192.0.2.0/24`, `tag lb`, `zone dmz`.
impl Fit {
    /// The first condition that fits a service, in words.
    pub fn fits(&self, service: &Service) -> Option<String> {
        let name = service.name.as_deref();
        let by_name = self.names.iter().find(|glob| name.is_some_and(|name| matches(glob, name)));
        if let Some(glob) = by_name {
            return Some(format!("name {glob}"));
        }
        let inside = |net: &&IpNet| service.addresses.iter().any(|address: &IpAddr| net.contains(address));
        if let Some(net) = self.networks.iter().find(inside) {
            return Some(format!("network {net}"));
        }
        let tags = &service.declared.tags;
        if let Some(tag) = self.tags.iter().find(|glob| tags.iter().any(|tag| matches(glob, tag))) {
            return Some(format!("tag {tag}"));
        }
        let zone = service.declared.zone.as_deref()?;
        self.zones.iter().find(|z| z.eq_ignore_ascii_case(zone)).map(|zone| format!("zone {zone}"))
    }

    /// Whether no condition is given: such a rule fits nothing.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.networks.is_empty() && self.tags.is_empty() && self.zones.is_empty()
    }
}

/// Whether a text fits a glob, in any case. `*` stands for any text, `?` for one character.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) =
        (glob.to_lowercase().chars().collect(), text.to_lowercase().chars().collect());
    let (mut g, mut t, mut star) = (0, 0, None);
    // One star is remembered at a time, so the work is at most the product of the lengths.
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(&c) if c == '?' || text.get(t) == Some(&c) => (g, t) = (g + 1, t + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (g, t) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_as_people_mean_them() {
        let table = [
            ("*.example.test", "www.example.test", true),
            ("*.example.test", "a.b.EXAMPLE.test", true),
            ("*.example.test", "example.test", false),
            ("web*", "web01", true),
            ("web??", "web01", true),
            ("web?", "web01", false),
            ("*", "", true),
            ("", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
        ];
        for (glob, text, expected) in table {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }
}
