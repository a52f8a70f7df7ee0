//! A sweep that is cut off keeps what it saw and goes on where it stopped, after Ctrl-C and after
//! `kill -9`: in the end every service has exactly one row.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{
    Ended, HANG, Running, Work,
    listen::{Listener, Manner},
};

/// Services of the list; the first ones answer, the others hold the connection without a word.
const SERVICES: u8 = 60;
const ANSWERED: u8 = 20;

struct Cut {
    work: Work,
    tarpit: Listener,
    printed: Vec<String>,
    ended: Ended,
}

const ARGUMENTS: &[&str] = &[
    "sweep",
    "services.csv",
    "--jsonl",
    "--concurrency",
    "40",
    "--timeout",
    "30s",
    "--probe-timeout",
    "60s",
];

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|r| r["row_id"].as_str().unwrap().to_owned()).collect()
}

/// Sweeps until the answering services have their rows, and sends a signal then.
fn cut_off_by(signal: &str) -> Cut {
    let work = Work::new();
    let tarpit = Listener::start(Manner::Tarpit { answered: ANSWERED });
    let rows: String =
        (1..=SERVICES).map(|n| format!("s{n:02},127.88.0.{n},{},tls\n", tarpit.port)).collect();
    work.write("services.csv", format!("id,address,port,wrap\n{rows}"));
    let mut running = Running::start(&mut work.command(ARGUMENTS), b"");
    running.wait_for_lines(usize::from(ANSWERED));
    running.signal(signal);
    let ended = running.finish(HANG);
    // A process that was killed may leave half a line behind.
    let whole = ended.out();
    let whole = &whole[..whole.rfind('\n').map_or(0, |at| at + 1)];
    let rows: Vec<Value> = whole.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    Cut { work, tarpit, printed: ids(&rows), ended }
}

/// Times that each service stands in the incident file with a row that says something.
fn stored(work: &Work) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for finding in work.ok(&["export", "findings"]).csv() {
        *count.entry(finding["row_id"].clone()).or_default() += 1;
    }
    count
}

/// Goes on, and demands one row for each service and each printed row among them.
#[track_caller]
fn goes_on(cut: &Cut, arguments: &[&str]) {
    let before = stored(&cut.work);
    for id in &cut.printed {
        assert!(before.contains_key(id), "{id} was printed, so it must be kept");
    }
    cut.tarpit.release();
    let resumed = cut.work.ok(arguments);
    let resumed_ids = ids(&resumed.rows());
    for id in &resumed_ids {
        assert!(!cut.printed.contains(id), "{id} was printed before the cut and again after it");
    }
    let after = stored(&cut.work);
    let twice: Vec<_> = after.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty(), "services with more than one row: {twice:?}");
    assert_eq!(after.len(), usize::from(SERVICES), "every service has its row");
    assert_eq!(resumed_ids.len(), usize::from(SERVICES) - before.len(), "the new rows only are printed");
    let status = cut.work.ok(&["status", "--json"]).json();
    assert_eq!(status["coverage"]["known"], SERVICES, "{}", status["coverage"]);
    // Nothing is left to resume.
    let nothing = cut.work.run(&["sweep", "--resume"]).expect_code(2);
    assert!(nothing.err().contains("nothing to resume"), "{}", nothing.err());
}

#[test]
fn after_ctrl_c_the_rows_are_kept_and_resume_finishes_without_an_inventory() {
    let cut = cut_off_by("INT");
    assert_eq!(cut.ended.code, Some(130), "{}", cut.ended.err());
    assert!(cut.ended.err().contains("--resume"), "it says how to go on: {}", cut.ended.err());
    goes_on(&cut, &["sweep", "--resume", "--jsonl"]);
}

#[test]
fn sigterm_is_a_clean_stop_as_well() {
    let cut = cut_off_by("TERM");
    assert_eq!(cut.ended.code, Some(130), "{}", cut.ended.err());
    goes_on(&cut, &["sweep", "services.csv", "--resume", "--jsonl"]);
}

#[test]
fn after_kill_9_nothing_that_was_printed_is_lost() {
    let cut = cut_off_by("KILL");
    assert_eq!(cut.ended.code, None, "killed by the signal");
    assert!(cut.printed.len() >= usize::from(ANSWERED));
    goes_on(&cut, &["sweep", "--resume", "--jsonl"]);
}

#[test]
fn another_inventory_cannot_take_a_cut_off_sweep_over() {
    let cut = cut_off_by("INT");
    cut.work.write("other.csv", "id,address,port\nother,127.88.0.1,1\n");
    let refused = cut.work.run(&["sweep", "other.csv", "--resume"]).expect_code(5);
    assert!(refused.err().contains("another inventory"), "{}", refused.err());
    goes_on(&cut, &["sweep", "services.csv", "--resume", "--jsonl"]);
}

#[test]
fn asking_to_resume_without_an_incident_says_so_and_makes_none() {
    let work = Work::new();
    let refused = work.run(&["sweep", "--resume"]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.err().contains("incident.db"), "{}", refused.err());
    assert!(!work.path("incident.db").exists(), "asking to resume makes no incident");
}

#[test]
fn a_second_writer_is_told_so_and_does_not_hang() {
    let work = Work::new();
    let tarpit = Listener::start(Manner::Tarpit { answered: 1 });
    work.write(
        "services.csv",
        format!("id,address,port\na,127.88.1.1,{p}\nb,127.88.1.2,{p}\n", p = tarpit.port),
    );
    let mut first = Running::start(&mut work.command(ARGUMENTS), b"");
    first.wait_for_lines(1);
    let second = work.run(ARGUMENTS).expect_code(6);
    let said = second.err();
    assert!(said.contains("incident.db"), "{said}");
    assert!(said.contains("is being written by"), "{said}");
    // Readers are welcome meanwhile.
    assert_eq!(work.ok(&["status", "--json"]).json()["coverage"]["known"], 2);
    first.signal("INT");
    first.finish(HANG).expect_code(130);
}
