//! `allclear watch` as cron and as somebody at a terminal run it: what changed is told once, nothing is said where
//! nothing changed, and another writer is neither kept out nor stumbled over.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::support::{
    Ended, HANG, Running, Work,
    certs::{Identity, Key},
    free_port, fresh_address,
    listen::{Listener, Manner},
    peers::{self, Server, need},
};

/// One service that leaked at the first sweep.
struct Shop {
    work: Work,
    vulnerable: PathBuf,
    safe: PathBuf,
    address: IpAddr,
    port: u16,
    identity: Identity,
}

fn shop() -> Option<(Shop, Server)> {
    let (vulnerable, safe) = (peers::node_vulnerable()?, peers::node_safe()?);
    let work = Work::new();
    let identity = Key::rsa(work.folder(), "first").certify("first", "shop.test");
    let shop = Shop { work, vulnerable, safe, address: fresh_address(), port: free_port(), identity };
    shop.work.write(
        "services.csv",
        format!("id,address,port,owner\nshop,{},{},team-shop\n", shop.address, shop.port),
    );
    let server = shop.serve(&shop.vulnerable);
    shop.work.ok(&["sweep", "services.csv", "--offline"]);
    Some((shop, server))
}

impl Shop {
    fn serve(&self, build: &Path) -> Server {
        Server::node_at(build, &self.identity, "{}", self.address, self.port)
    }

    #[track_caller]
    fn once(&self, more: &[&str], code: i32) -> Ended {
        let arguments = [&["watch", "--once", "--offline"], more].concat();
        self.work.run(&arguments).expect_code(code)
    }

    fn sweeps(&self) -> u64 {
        let rows = self.work.ok(&["export", "findings"]).csv();
        let sweeps: std::collections::BTreeSet<String> = rows.iter().map(|r| r["sweep_id"].clone()).collect();
        sweeps.len() as u64
    }
}

#[track_caller]
fn silent(ended: &Ended) {
    assert_eq!((ended.out().as_str(), ended.err().as_str()), ("", ""), "nothing changed");
}

#[test]
fn one_round_tells_what_changed_once_and_is_silent_otherwise() {
    let (shop, server) = need!(shop());
    silent(&shop.once(&[], 0));
    assert_eq!(shop.sweeps(), 2, "it was swept all the same");
    // A gate that is open is told by the exit code alone.
    silent(&shop.once(&["--until", "closed"], 1));

    drop(server);
    let server = shop.serve(&shop.safe);
    let repaired = shop.once(&[], 0);
    let text = repaired.out();
    assert_eq!(text.lines().count(), 1, "{text}");
    let name = format!("{}:{}", shop.address, shop.port);
    let words: Vec<&str> = text.trim_end().split("  ").collect();
    assert_eq!(words[1..4], [name.as_str(), "exposed -> closed-key-at-risk", "-"], "{text}");
    assert!(words[0].ends_with('Z') && words[4].contains("new key"), "{text}");
    assert_eq!(repaired.err(), "");
    silent(&shop.once(&["--until", "closed"], 0));

    drop(server);
    let _server = shop.serve(&shop.vulnerable);
    let back = shop.once(&["--jsonl"], 4).rows();
    assert_eq!(back.len(), 1, "{back:?}");
    assert_eq!(back[0]["schema"], "allclear.change/1");
    assert_eq!((&back[0]["row_id"], &back[0]["code"]), (&"shop".into(), &"R1".into()), "{back:?}");
    assert_eq!((&back[0]["from"], &back[0]["to"]), (&"closed-key-at-risk".into(), &"regressed".into()));
    // Still so, which is no news.
    silent(&shop.once(&[], 0));
    // What leaves the selection is none either.
    silent(&shop.once(&["--filter", "state=exposed"], 0));
    let unknown = shop.once(&["--service", "nobody"], 2);
    assert!(unknown.err().contains("no service is called `nobody`"), "{}", unknown.err());
}

#[test]
fn a_service_that_goes_silent_is_told_as_unknown() {
    let (shop, server) = need!(shop());
    drop(server);
    let server = shop.serve(&shop.safe);
    shop.once(&[], 0);
    drop(server);
    let gone = shop.once(&[], 3);
    assert!(gone.out().contains("closed-key-at-risk -> unknown"), "{}", gone.out());
    silent(&shop.once(&[], 0));
}

#[test]
fn it_goes_on_until_the_gate_holds_and_leaves_the_file_free_between_rounds() {
    let (shop, server) = need!(shop());
    let arguments = ["watch", "--every", "1s", "--until", "closed", "--offline"];
    let mut watching = Running::start(&mut shop.work.command(&arguments), b"");
    let began = Instant::now();
    while shop.sweeps() < 3 {
        assert!(began.elapsed() < HANG, "no third sweep");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(watching.lines_so_far(), 0, "nothing changed yet");
    // Another command gets in between two rounds.
    let attest = ["attest", "--service", "shop", "--facet", "patched", "--reference", "CHG-1"];
    while shop.work.run(&attest).code != Some(0) {
        assert!(began.elapsed() < HANG, "the file is never free");
        std::thread::sleep(Duration::from_millis(100));
    }
    watching.wait_for_lines(1);
    drop(server);
    let _server = shop.serve(&shop.safe);
    let ended = watching.finish(HANG).expect_code(0);
    let text = ended.out();
    let moves: Vec<&str> = text.lines().filter_map(|line| line.split("  ").nth(2)).collect();
    assert_eq!(moves.first(), Some(&"exposed -> contradicted"), "said to be patched, and it is not:\n{text}");
    assert!(moves.last().unwrap().ends_with("-> closed-key-at-risk"), "{text}");
    assert!(moves.len() <= 4, "each change once: {text}");
}

#[test]
fn ctrl_c_ends_it_with_130_at_once() {
    let (shop, _server) = need!(shop());
    let watching = Running::start(&mut shop.work.command(&["watch", "--every", "1h", "--offline"]), b"");
    let began = Instant::now();
    while shop.sweeps() < 2 {
        assert!(began.elapsed() < HANG, "no second sweep");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Its round has ended when the file is free.
    while shop.work.run(&["waive", "--service", "shop", "--until", "2099-01-01", "--reason", "x"]).code
        != Some(0)
    {
        assert!(began.elapsed() < HANG, "the file is never free");
        std::thread::sleep(Duration::from_millis(100));
    }
    watching.signal("INT");
    let asked = Instant::now();
    let ended = watching.finish(HANG).expect_code(130);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    silent(&ended);
}

#[test]
fn another_writer_is_waited_for_with_one_message() {
    let work = Work::new();
    let tarpit = Listener::start(Manner::Tarpit { answered: 1 });
    work.write("services.csv", format!("id,address,port,wrap\na,127.88.1.2,{0},tls\n", tarpit.port));
    let slow = ["sweep", "services.csv", "--offline", "--timeout", "60s", "--probe-timeout", "60s"];
    let sweeping = Running::start(&mut work.command(&slow), b"");
    let began = Instant::now();
    while tarpit.connections().is_empty() {
        assert!(began.elapsed() < HANG, "the sweep never came");
        std::thread::sleep(Duration::from_millis(20));
    }
    let watch = ["watch", "--once", "--offline", "--probe-timeout", "300ms"];
    let watching = Running::start(&mut work.command(&watch), b"");
    // Long enough that it tries more than once.
    std::thread::sleep(Duration::from_secs(3));
    sweeping.signal("INT");
    sweeping.finish(HANG).expect_code(130);
    let ended = watching.finish(HANG);
    assert!(matches!(ended.code, Some(0 | 3)), "{:?}\n{}\n{}", ended.code, ended.out(), ended.err());
    assert_eq!(ended.err().matches("Waiting for another writer").count(), 1, "{}", ended.err());
    assert!(ended.err().contains("is being written by process"), "{}", ended.err());
}

#[test]
fn without_an_incident_file_it_says_what_to_do() {
    let work = Work::new();
    for arguments in [&["watch", "--once"][..], &["watch"]] {
        let ended = work.run(arguments).expect_code(5);
        assert!(ended.err().contains("run `allclear sweep INVENTORY`"), "{}", ended.err());
    }
    for (bad, why) in [("15", "write 90s, 15m, 6h or 1d"), ("0s", "out of range")] {
        let ended = work.run(&["watch", "--every", bad]).expect_code(2);
        assert!(ended.err().contains(why), "{}", ended.err());
    }
}
