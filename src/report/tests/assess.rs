//! The answer to "where do we run it?".

use crate::{
    model::{
        host::{Footer, HostJudged, HostState},
        text::acts_on_a_terminal,
        time::Timestamp,
        verdict::{Reason, Verdict},
    },
    report::{
        assess::{self, AssessView, Counts, TableRow, Times},
        sample::{Sample, disclosure, fixed},
        style::Screen,
        table::width,
    },
};

use super::hosts::{document, judged, silent};

const NOW: Timestamp = Timestamp::from_seconds(1_795_600_000);

/// A host whose document was read whole, and in which nothing is open.
fn clean(name: &str) -> HostJudged {
    let mut host = judged(name);
    let document = document(&mut host);
    document.footer = Some(Footer::default());
    document.header.coverage.complete = true;
    document.header.coverage.gaps.clear();
    document.libraries.truncate(2);
    document.libraries.remove(0);
    host.assessed[0].verdicts = vec![Some(fixed())];
    host.assessed[0].old.clear();
    host.assessed[0].acts.clear();
    host
}

fn undecided(name: &str) -> HostJudged {
    let mut host = clean(name);
    let finding = host.assessed[0].verdicts[0].as_mut().unwrap();
    (finding.verdict, finding.reason) = (Verdict::Inconclusive, Reason::RowUnconfirmed);
    host
}

type Change = fn(&mut HostJudged);

/// A host that was never asked and of which nothing is known.
fn empty(name: &str) -> HostJudged {
    let state = HostState { host: name.to_owned(), latest: None, failed: None, others: Vec::new() };
    HostJudged { state, assessed: Vec::new() }
}

fn with<T>(hosts: &[HostJudged], test: impl FnOnce(&AssessView<'_>) -> T) -> T {
    let disclosure = disclosure();
    Sample::new().with(|view| {
        let times = Times::of(hosts, NOW);
        test(&AssessView { disclosure: &disclosure, hosts, services: Some(view), times })
    })
}

fn shown(hosts: &[HostJudged], whole: bool) -> String {
    with(hosts, |view| {
        let mut out = Vec::new();
        assess::text(view, whole, &Screen::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    })
}

fn counted(view: &AssessView<'_>) -> Counts {
    view.counts()
}

fn counts(hosts: &[HostJudged]) -> [usize; 5] {
    let Counts { affected, undecided, silent, in_part, clean, .. } = with(hosts, counted);
    [affected, undecided, silent, in_part, clean]
}

fn value(hosts: &[HostJudged]) -> serde_json::Value {
    with(hosts, |view| {
        let mut out = Vec::new();
        assess::json(view, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1, "one line");
        serde_json::from_str(&text).unwrap()
    })
}

#[test]
fn affected_hosts_come_first_each_with_its_comparison_and_its_work() {
    let hosts = [clean("good01"), silent("dark01"), undecided("odd01"), judged("web01")];
    let text = shown(&hosts, false);
    insta::assert_snapshot!(text);
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain.contains(
            "4 hosts: 1 AFFECTED, 1 not decided, 1 gave nothing, 0 seen in part with nothing open, 1 clean"
        ),
        "{text}"
    );
    assert!(plain.contains("no traffic was sent"), "{text}");
    assert!(plain.contains("do: restart nginx.service") && plain.contains("cuts people off"), "{text}");
    assert!(plain.contains("would decide: a primary record"), "{text}");
    assert!(plain.contains("CONFLICT: 192.0.2.11 is not-vulnerable by the network"), "{text}");
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(at("web01") < at("odd01") && at("odd01") < at("dark01") && at("dark01") < at("good01"));
    let whole = shown(&hosts, true);
    assert!(whole.len() > text.len() && whole.contains("\nCLEAN\n"), "{whole}");
}

#[test]
fn what_was_not_seen_is_never_clean() {
    assert_eq!(counts(&[clean("a")]), [0, 0, 0, 0, 1]);
    assert_eq!(counts(&[silent("a"), empty("b")]), [0, 0, 2, 0, 0]);
    let cases: [(&str, Change); 5] = [
        ("in part", |h| document(h).header.coverage.complete = false),
        ("cut off", |h| document(h).footer = None),
        ("failed since", |h| h.state.failed = silent("x").state.failed),
        ("only another tool's output", |h| h.state.others = h.state.latest.take().into_iter().collect()),
        ("archives left closed", |h| {
            let coverage = &mut document(h).header.coverage;
            coverage.counts.insert("archives_not_opened".to_owned(), 3);
        }),
    ];
    for (case, change) in cases {
        let mut host = clean("a");
        change(&mut host);
        let failed = usize::from(case == "failed since");
        assert_eq!(counts(std::slice::from_ref(&host)), [0, failed, 0, 1 - failed, 0], "{case}");
        let text = shown(&[host], false);
        assert!(text.contains("not seen: ") && !text.contains("CLEAN:"), "{case}: {text}");
    }
    let mut untold = judged("a");
    untold.assessed[0].verdicts = vec![None; 4];
    untold.assessed[0].packages = vec![None; 2];
    untold.assessed[0].old[0].verdict = None;
    assert_eq!(counts(&[untold]), [0, 1, 0, 0, 0], "what runs and was not told");
}

#[test]
fn every_host_in_is_one_entry_out() {
    let hosts = [clean("good01"), silent("dark01"), empty("never01"), undecided("odd01"), judged("web01")];
    let value = value(&hosts);
    assert_eq!(value["schema"], "allclear.assess/1");
    let entries = value["hosts"].as_array().unwrap();
    let names: Vec<&str> = entries.iter().map(|h| h["host"].as_str().unwrap()).collect();
    assert_eq!(names, ["web01", "odd01", "dark01", "never01", "good01"]);
    assert_eq!(value["evidence"]["documents"], 3);
    assert_eq!(value["counts"]["hosts"]["gave_nothing"], 2);
    let web = &entries[0];
    let what: Vec<&str> =
        web["findings"].as_array().unwrap().iter().map(|f| f["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["package", "package", "library", "library", "process"]);
    let process = &web["findings"][4];
    assert_eq!((&process["unit"], &process["processes"][1]), (&"nginx.service".into(), &813.into()));
    assert_eq!(process["compare"]["relation"], "<");
    assert!(web["acts"][1]["sentence"].as_str().unwrap().contains("cuts people off"));
    assert_eq!(entries[2]["verdict"], "unreachable");
    assert!(entries[3].get("verdict").is_none(), "nothing is known of it");
    let services = value["services"].as_array().unwrap();
    assert_eq!(services.len(), 7);
    let mail = services.iter().find(|s| s["name"] == "mail.example.test").unwrap();
    assert_eq!(mail["conflicts"][0]["network"]["verdict"], "not-vulnerable");
    assert_eq!(mail["hosts"][0]["weight"], "outranked");
}

#[test]
fn no_hosts_and_no_services_are_said_and_not_called_clean() {
    let disclosure = disclosure();
    let view = AssessView { disclosure: &disclosure, hosts: &[], services: None, times: Times::of(&[], NOW) };
    let mut out = Vec::new();
    assess::text(&view, false, &Screen::default(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("There is no evidence yet") && !text.contains("CLEAN"), "{text}");
}

#[test]
fn many_disclosures_are_a_table_the_worst_first() {
    let row = |id: &str, date: &str, hosts: &[HostJudged]| {
        let mut row = with(hosts, TableRow::of);
        (row.id, row.disclosed_at) = (id.to_owned(), date.parse().unwrap());
        row
    };
    let rows = [
        row("CVE-1", "2014-04-07", &[clean("a")]),
        row("CVE-2", "2015-04-07", &[undecided("a"), silent("b")]),
        row("CVE-3", "2013-04-07", &[judged("a")]),
    ];
    let shown = |rows: &[TableRow]| {
        let mut out = Vec::new();
        assess::table(rows, &Screen::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = shown(&rows);
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|l| width(l) <= 80), "{text}");
    let alone: Vec<TableRow> = rows
        .iter()
        .map(|row| {
            let Counts { affected, undecided, silent, clean, .. } = row.counts;
            let counts = Counts { affected, undecided, silent, clean, ..Counts::default() };
            TableRow { counts, ..row.clone() }
        })
        .collect();
    let text = shown(&alone);
    let ids: Vec<&str> = text.lines().skip(1).take(3).filter_map(|l| l.split_whitespace().next()).collect();
    assert_eq!(ids, ["CVE-3", "CVE-2", "CVE-1"], "{text}");
    assert!(!text.contains("SVCS"), "no column without a service: {text}");
}

#[test]
fn hostile_hosts_act_in_no_answer() {
    let evil = "x\u{1b}[2J\u{9b}\u{202e}\r\ny";
    let mut host = judged(evil);
    let document = document(&mut host);
    document.packages[0].name = evil.to_owned();
    document.header.coverage.gaps[0].examples = vec![evil.to_owned()];
    evil.clone_into(&mut document.libraries[2].path);
    evil.clone_into(&mut host.assessed[0].old[0].program);
    host.assessed[0].acts[0].target = evil.to_owned();
    let hosts = [host];
    let acting = |c: char| c != '\n' && acts_on_a_terminal(c);
    assert!(!shown(&hosts, true).contains(acting));
    with(&hosts, |view| {
        let mut out = Vec::new();
        assess::json(view, &mut out).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains(acting));
    });
}

#[test]
fn the_age_is_of_the_oldest_and_the_newest_evidence() {
    let mut old = clean("old01");
    document(&mut old).header.at = Timestamp::from_seconds(1_795_000_000);
    let times = Times::of(&[old, clean("new01")], NOW);
    assert_eq!(times.oldest, Some(Timestamp::from_seconds(1_795_000_000)));
    assert_eq!(times.newest, Some(Timestamp::from_seconds(1_795_500_000)));
    assert_eq!(times.with(NOW).newest, Some(NOW));
}
