//! Whole outputs: Docker's rules and those of firewalld, as the tools show them.
//!
//! `docker.rules` is written by hand in Docker's form; `firewalld.json` is what nft 1.0.6 printed for rules
//! written by hand in firewalld's form.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, time::Instant};

use crate::{
    host::{
        cover::Cover,
        exposure::{
            Filters, collect, iptables,
            network::Net,
            nft, read,
            run::{Ran, Runner},
            space::Family,
        },
        root::Root,
    },
    model::host::{FirewallFact, Protocol, Reach},
};

const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";

const TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.0.7
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.1
        /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
";

#[test]
fn the_network_is_read_from_proc() {
    let net = Net::read(|path| {
        match path {
        "/proc/net/route" => Some(ROUTES.to_owned()),
        "/proc/net/fib_trie" => Some(TRIE.to_owned()),
        "/proc/net/if_inet6" => Some(
            "fd770001000000000000000000000001 02 40 00 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n"
                .to_owned(),
        ),
        "/proc/net/dev" => Some("Inter-| Receive\n face |bytes\n    lo: 1 2\n  eth0: 3 4\n".to_owned()),
        _ => None,
    }
    });
    let addresses: Vec<String> = net.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.0.7", "172.17.0.1", "fd77:1::1"]);
    assert_eq!(net.interfaces, ["eth0", "lo"]);
    let ways = [("172.17.0.2", "docker0"), ("10.0.0.9", "eth0"), ("192.0.2.1", "eth0")];
    for (to, by) in ways {
        assert_eq!(format!("{:?}", net.way_to(to.parse().unwrap())), format!("By({by:?})"));
    }
}

#[test]
fn dockers_rules_publish_what_they_translate() {
    let set = iptables::read(include_str!("../fixtures/docker.rules"), Family::V4, "iptables-save");
    assert!(set.errors.is_empty(), "{:?}", set.errors);
    let net = Net::read(|path| (path == "/proc/net/route").then(|| ROUTES.to_owned()));
    let filters = Filters::new(vec![set.clone()], net, [None, None], true);
    let published = filters.published();
    let lines: Vec<String> = published
        .iter()
        .map(|one| {
            let to = one.published.as_ref().unwrap();
            format!(
                "{} {} {} {}:{}",
                one.address,
                one.port,
                one.open_to.reach.as_str(),
                to.to_address,
                to.to_port
            )
        })
        .collect();
    assert_eq!(lines, ["0.0.0.0 8080 anyone 172.17.0.2:80", "127.0.0.1 8443 loopback 172.17.0.2:443"]);
    assert!(published[0].open_to.because.contains("-A DOCKER -d 172.17.0.2/32"), "{published:?}");
    // Without routes it is not told by which interface a container is reached.
    let blind = Filters::new(vec![set], Net::default(), [None, None], true);
    assert_eq!(blind.published()[0].open_to.reach, Reach::Unknown);
}

#[test]
fn firewalld_differs_by_zone() {
    let set = nft::read(include_bytes!("../fixtures/firewalld.json"), "nft").unwrap();
    assert!(set.errors.is_empty(), "{:?}", set.errors);
    let filters = Filters::new(vec![set], Net::default(), [None, None], true);
    let said = |port| filters.open_to(Protocol::Tcp, "0.0.0.0".parse().unwrap(), port);
    assert_eq!((said(22).reach, said(22).from), (Reach::Some, vec!["iface other than eth1".to_owned()]));
    assert_eq!((said(443).reach, said(443).from), (Reach::Some, vec!["iface eth1".to_owned()]));
    assert_eq!(
        said(443).because,
        "nft: firewalld filter_IN_internal tcp dport { 80, 443 } ct state { new, untracked } accept"
    );
    assert_eq!(said(8080).reach, Reach::Nobody);
    assert!(said(8080).because.contains("filter_INPUT reject"), "{:?}", said(8080));
}

#[test]
fn rules_that_were_not_seen_leave_only_what_is_surely_closed() {
    let set = iptables::read(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        Family::V4,
        "iptables-save",
    );
    let unseen = [Some("nft: not-permitted".to_owned()), None];
    let filters = Filters::new(vec![set], Net::default(), unseen, true);
    let any = "0.0.0.0".parse().unwrap();
    let open = filters.open_to(Protocol::Tcp, any, 22);
    assert_eq!((open.reach, open.because.starts_with("nft: not-permitted")), (Reach::Unknown, true));
    assert_eq!(filters.open_to(Protocol::Tcp, any, 23).reach, Reach::Nobody);
}

#[test]
fn below_another_root_there_are_only_saved_rules() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("etc/iptables")).unwrap();
    fs::create_dir_all(folder.path().join("etc/ufw")).unwrap();
    fs::write(folder.path().join("etc/iptables/rules.v4"), include_str!("../fixtures/docker.rules")).unwrap();
    let user = "*filter\n:ufw-user-input - [0:0]\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";
    fs::write(folder.path().join("etc/ufw/user.rules"), user).unwrap();
    fs::write(folder.path().join("etc/nftables.conf"), "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n").unwrap();
    let cover = Cover::default();
    let filters = read(&Root::new(folder.path()), &cover);
    let facts = filters.firewall();
    assert_eq!(facts.len(), 1, "{facts:?}");
    assert_eq!(
        (facts[0].fact, facts[0].source.as_str(), facts[0].rules),
        (FirewallFact::Rules, "/etc/iptables/rules.v4", Some(19))
    );
    assert_eq!(cover.coverage().counts["saved_rules_not_enabled"], 1);
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
    let open = filters.open_to(Protocol::Tcp, "0.0.0.0".parse().unwrap(), 22);
    assert_eq!((open.reach, open.because.contains("only saved rules")), (Reach::Unknown, true));
    fs::write(folder.path().join("etc/ufw/ufw.conf"), "ENABLED=yes\n").unwrap();
    assert_eq!(read(&Root::new(folder.path()), &Cover::default()).firewall().len(), 2);
}

#[test]
fn a_tool_that_is_silent_or_endless_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let tool = |name: &str, body: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let start = Instant::now();
    let limit = Some(std::time::Duration::from_millis(300));
    let run = |path: &str| Runner::default().run(path, &[], limit);
    // A grandchild that keeps the pipe open ends with it.
    assert_eq!(run(&tool("silent", "sleep 77 & sleep 77")), Ran::TimeLimit);
    assert_eq!(run(&tool("endless", "exec cat /dev/zero")), Ran::TooLarge);
    assert_eq!(run(&tool("closed", "exec >&- 2>&-; sleep 77")), Ran::TimeLimit);
    assert_eq!(run(&tool("fails", "echo oops >&2; exit 3")), Ran::Failed("oops".to_owned()));
    let denied = "x: Operation not permitted (you must be root)";
    assert_eq!(
        run(&tool("denied", &format!("echo '{denied}' >&2; exit 4"))),
        Ran::NotPermitted(denied.to_owned())
    );
    assert_eq!(run(&tool("fine", "printf %s \"$LC_ALL\"")), Ran::Output(b"C".to_vec()));
    assert_eq!(run("no-such-tool-anywhere"), Ran::NoTool);
    assert!(start.elapsed().as_secs() < 8, "{:?}", start.elapsed());
}

#[test]
fn a_user_who_may_not_look_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let cover = Cover::default();
    let runner = Runner {
        prefix: ["setpriv", "--reuid", "65534", "--clear-groups"].map(str::to_owned).to_vec(),
        folders: None,
    };
    let required = std::env::var_os("ALLCLEAR_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
    let able = rustix::process::geteuid().is_root()
        && runner.run("iptables-save", &[], None) != Ran::NoTool
        && runner.run("true", &[], None) == Ran::Output(Vec::new());
    if !able {
        assert!(!required, "peers are required: root, setpriv and iptables");
        let _ = writeln!(std::io::stderr(), "skipped: no root, setpriv or iptables");
        return;
    }
    let filters = collect::read(&Root::new(folder.path()), &cover, &runner, true);
    let open = filters.open_to(Protocol::Tcp, "0.0.0.0".parse().unwrap(), 22);
    assert_eq!(open.reach, Reach::Unknown, "{open:?}");
    assert!(cover.coverage().gaps.iter().any(|gap| gap.what == "not-permitted"), "{:?}", cover.coverage());
    let facts = filters.firewall();
    assert!(
        facts.iter().any(|fact| fact.fact == FirewallFact::Unreadable && fact.family == "ip"),
        "{facts:?}"
    );
    assert!(!facts.iter().any(|fact| fact.fact == FirewallFact::NoRules), "{facts:?}");
}

#[test]
fn without_any_tool_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let cover = Cover::default();
    let runner = Runner { prefix: Vec::new(), folders: Some(vec![folder.path().to_path_buf()]) };
    let filters = collect::read(&Root::new(folder.path()), &cover, &runner, true);
    let gaps = cover.coverage().gaps;
    assert!(gaps.iter().any(|gap| gap.what == "no-tool"), "{gaps:?}");
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        assert_eq!(filters.open_to(Protocol::Tcp, address.parse().unwrap(), 22).reach, Reach::Unknown);
    }
    assert!(filters.firewall().iter().all(|fact| fact.fact == FirewallFact::Unreadable));
    assert_eq!(filters.firewall().len(), 2);
}
