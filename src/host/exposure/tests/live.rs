//! The answers against the kernel: rules loaded with the real tools, connections really tried.

use super::{
    lab::{Lab, PORTS},
    sets::{Case, IPTABLES, NFT},
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{FirewallFact, Protocol, Reach},
};

const TOOLS: [&str; 6] = ["ip", "iptables-save", "ip6tables-save", "iptables-legacy", "nft", "python3"];

fn all(cases: &[Case]) {
    let Some(lab) = Lab::new(&TOOLS) else { return };
    for (name, script, untold) in cases {
        lab.clear();
        lab.load(script);
        let answers = lab.agree(name, &PORTS, |_| true);
        let unknown: Vec<_> = answers.iter().filter(|(_, said)| said.reach == Reach::Unknown).collect();
        assert!(unknown.len() <= *untold, "{name}: {unknown:#?}");
    }
}

#[test]
fn answers_agree_with_connections_through_iptables() {
    all(&IPTABLES);
}

#[test]
fn answers_agree_with_connections_through_nft() {
    all(&NFT);
}

/// Published ports: only TCP over IPv4 has somebody behind it.
#[test]
fn published_ports_agree_with_connections_into_a_container() {
    let Some(lab) = Lab::new(&TOOLS) else { return };
    let docker = include_str!("../fixtures/docker.rules");
    let cases = [
        ("docker", "true", Reach::Anyone),
        ("the host lets nothing in", "iptables -P INPUT DROP", Reach::Anyone),
        ("kept out in DOCKER-USER", "iptables -I DOCKER-USER -i eth0 -s 10.77.1.3 -j DROP", Reach::Anyone),
        (
            "only one network",
            "iptables -I DOCKER-USER -i eth+ ! -s 10.77.2.0/24 -m conntrack --ctstate NEW -j DROP",
            Reach::Some,
        ),
        ("only one interface", "iptables -I DOCKER-USER ! -i eth1 -o docker0 -j REJECT", Reach::Some),
        (
            "the container's rule is gone",
            "iptables -D DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
            Reach::Nobody,
        ),
        (
            "nft drops it",
            "nft 'add table ip x; add chain ip x f { type filter hook forward priority 5; }; add rule ip x f oifname \"docker0\" ct status dnat drop'",
            Reach::Nobody,
        ),
    ];
    for (name, script, reach) in cases {
        lab.clear();
        lab.load(&format!("iptables-restore <<'E'\n{docker}\nE\n{script}"));
        lab.agree(name, &[8080], |(protocol, _, v6)| *protocol == Protocol::Tcp && !v6);
        let published = lab.filters(&Root::new("/nowhere"), &Cover::default()).published();
        assert_eq!(published.len(), 2, "{published:?}");
        assert_eq!((published[0].port, published[0].open_to.reach), (8080, reach), "{name}");
        assert_eq!(published[1].open_to.reach, Reach::Loopback, "{name}");
        let leads = published[0].published.as_ref().unwrap();
        assert_eq!((leads.to_address.to_string().as_str(), leads.to_port), ("172.17.0.2", 80));
    }
}

#[test]
fn containers_without_names_are_told_exactly_when_it_is_so() {
    let Some(lab) = Lab::new(&TOOLS) else { return };
    let docker = include_str!("../fixtures/docker.rules");
    let restore = format!("iptables-restore <<'E'\n{docker}\nE\n");
    let cases = [
        ("docker", restore.clone(), false),
        ("nothing", "true".to_owned(), false),
        ("a policy alone", "iptables -P FORWARD DROP".to_owned(), true),
        (
            "a restored server's own rules",
            "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables -A FORWARD -p tcp --dport 443 -j ACCEPT".to_owned(),
            true,
        ),
        (
            "questions pass and answers do not",
            "iptables -P FORWARD DROP; iptables -A FORWARD -i docker0 -j ACCEPT".to_owned(),
            true,
        ),
        (
            "only names",
            "iptables -P FORWARD DROP; iptables -A FORWARD -i docker0 -p udp --dport 53 -j ACCEPT; iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT".to_owned(),
            false,
        ),
        (
            "nft drops by its policy",
            format!("{restore}nft 'add table inet x; add chain inet x f {{ type filter hook forward priority 5; policy drop; }}; add rule inet x f tcp dport 443 accept'"),
            true,
        ),
    ];
    for (name, script, blocked) in cases {
        lab.clear();
        lab.load(&script);
        assert_eq!(lab.container_resolves(), !blocked, "{name}: the rules are not as meant");
        let facts = lab.filters(&Root::new("/nowhere"), &Cover::default()).firewall();
        let told: Vec<_> = facts.iter().filter(|f| f.fact == FirewallFact::ContainerDnsBlocked).collect();
        assert_eq!(!told.is_empty(), blocked, "{name}: {facts:#?}");
        assert!(told.iter().all(|fact| fact.message.contains("cannot resolve names")));
    }
}

#[test]
fn what_is_saved_by_the_tool_itself_does_not_drift_and_a_change_does() {
    let Some(lab) = Lab::new(&TOOLS) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    std::fs::create_dir_all(folder.path().join("etc/iptables")).unwrap();
    let saved = folder.path().join("etc/iptables/rules.v4");
    lab.clear();
    lab.load(&format!("{}\niptables-save -c > {}", IPTABLES[1].1, saved.display()));
    let drift = |cover: &Cover| {
        let facts = lab.filters(&root, cover).firewall();
        facts.into_iter().find(|fact| fact.fact == FirewallFact::Drift)
    };
    assert_eq!(drift(&Cover::default()), None);
    // What Docker puts in later is no drift.
    lab.load("iptables -t nat -N DOCKER; iptables -N DOCKER; iptables -I FORWARD -o docker0 -j DOCKER; iptables -P FORWARD DROP");
    let cover = Cover::default();
    assert_eq!(drift(&cover), None);
    assert!(cover.coverage().counts["firewall_rules_generated"] > 0);
    lab.load("iptables -I INPUT 2 -p tcp --dport 3306 -j ACCEPT; iptables -P INPUT ACCEPT; iptables -D INPUT -p tcp --dport 22 -m comment --comment 'it is \"open\"' -j ACCEPT");
    let drift = drift(&Cover::default()).unwrap();
    assert_eq!(drift.source, "/etc/iptables/rules.v4");
    assert_eq!(
        drift.only_running,
        ["filter: :INPUT ACCEPT", "filter: -A INPUT -p tcp -m tcp --dport 3306 -j ACCEPT"]
    );
    assert_eq!(drift.only_saved.len(), 2, "{drift:?}");
    assert!(drift.only_saved[0] == "filter: :INPUT DROP" && drift.only_saved[1].contains("--dport 22"));
    // The file of nft is only compared as text.
    std::fs::write(
        folder.path().join("etc/nftables.conf"),
        "table inet x {\n chain c {\n tcp dport 1 drop\n }\n}\n",
    )
    .unwrap();
    let cover = Cover::default();
    lab.filters(&root, &cover);
    assert!(cover.coverage().gaps.iter().any(|gap| gap.what == "not-compared"));
    lab.load(&format!("nft list ruleset > {}", folder.path().join("etc/nftables.conf").display()));
    let cover = Cover::default();
    lab.filters(&root, &cover);
    assert!(!cover.coverage().gaps.iter().any(|gap| gap.what == "not-compared"), "{:?}", cover.coverage());
}

#[test]
fn facts_say_which_rules_are_in_force() {
    let Some(lab) = Lab::new(&TOOLS) else { return };
    let facts = |lab: &Lab| {
        let cover = Cover::default();
        let facts = lab.filters(&Root::new("/nowhere"), &cover).firewall();
        assert!(cover.coverage().complete, "{:?}", cover.coverage());
        facts
            .iter()
            .map(|f| format!("{} {} {} {}", f.fact.as_str(), f.source, f.family, f.message))
            .collect::<Vec<_>>()
    };
    lab.clear();
    lab.load(IPTABLES[1].1);
    assert_eq!(
        facts(&lab),
        [
            "rules iptables-save ip 5 rules in force; INPUT policy drop.",
            "no-rules ip6tables-save ip6 No IPv6 rule is in force: every listening port is open.",
        ]
    );
    lab.clear();
    lab.load(NFT[1].1);
    assert_eq!(
        facts(&lab),
        [
            "rules nft inet 3 rules in force; INPUT policy accept.",
            "rules nft ip 2 rules in force; INPUT policy drop.",
        ]
    );
}
