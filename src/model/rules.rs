//! Rules by which owners and exposure are given to services that name none: globs of names, networks,
//! tags, zones. They stand in `allclear.toml` as `[[policy.rule]]`; for each of the two the first rule
//! that fits and gives it counts.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    glob,
    service::{Exposure, Service},
};

/// One rule. One condition that fits is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Who answers for the services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who can reach them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Globs of names, such as `*.mail.example.test`; `*` stands for any text, dots included.
    pub names: Vec<String>,
    /// Networks that hold one of its declared addresses; for an exposure, all of them.
    pub networks: Vec<IpNet>,
    /// Tags, such as `lb` or `role=web`, in any case; a glob is allowed.
    pub tags: Vec<String>,
    /// The inventory's zones, in any case.
    pub zones: Vec<String>,
}

impl Rule {
    /// The first condition that fits a service, in words: `name *.example.test`, `network 192.0.2.0/24`, `tag lb`,
    /// `zone dmz`.
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

    /// The same, where a network has to hold all of its declared addresses: one address elsewhere may be the one that
    /// everybody reaches.
    pub fn fits_whole(&self, service: &Service) -> Option<String> {
        let outside = |net: &IpNet| service.addresses.iter().any(|address| !net.contains(address));
        let networks = self.networks.iter().filter(|net| !outside(net)).copied().collect();
        Self { networks, ..self.clone() }.fits(service)
    }

    /// What is wrong with it, if anything: a rule that gives nothing, or fits nothing, was meant otherwise.
    pub fn check(&self) -> Result<(), String> {
        let blank = self.owner.as_ref().is_some_and(|owner| owner.trim().is_empty());
        if blank || (self.owner.is_none() && self.exposure.is_none()) {
            return Err("a rule gives an `owner` or an `exposure`".to_owned());
        }
        if self.exposure == Some(Exposure::Unknown) {
            return Err("`unknown` is what a service is without a rule".to_owned());
        }
        let lists = [self.names.len(), self.networks.len(), self.tags.len(), self.zones.len()];
        if lists.iter().all(|n| *n == 0) {
            return Err("a rule needs one of `names`, `networks`, `tags`, `zones`".to_owned());
        }
        Ok(())
    }
}

/// Whether a text fits a glob, in any case. `*` stands for any text, `?` for one character.
pub fn matches(glob: &str, text: &str) -> bool {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    glob::matches(&lower(glob), &lower(text))
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

    #[test]
    fn a_rule_that_says_nothing_is_refused() {
        let owner = || Rule { owner: Some("ops".to_owned()), ..Rule::default() };
        let names = || vec!["*".to_owned()];
        let table = [
            (Rule { names: names(), ..owner() }, None),
            (owner(), Some("needs one of")),
            (Rule { names: names(), ..Rule::default() }, Some("gives an")),
            (Rule { owner: Some(" ".to_owned()), names: names(), ..Rule::default() }, Some("gives an")),
            (
                Rule { exposure: Some(Exposure::Unknown), names: names(), ..Rule::default() },
                Some("`unknown`"),
            ),
        ];
        for (rule, expected) in table {
            let got = rule.check().err();
            assert_eq!(got.is_some(), expected.is_some(), "{rule:?}");
            assert!(got.unwrap_or_default().contains(expected.unwrap_or_default()), "{rule:?}");
        }
    }
}
