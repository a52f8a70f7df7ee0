//! Text of somebody else's making, from a certificate or an inventory, stays inert wherever it comes out:
//! in a terminal, a spreadsheet, Markdown, HTML.

use crate::support::{
    Work,
    certs::Key,
    control_byte, free_port, fresh_address,
    peers::{self, Server, need},
    row,
};

/// A subject that is dangerous in a terminal, in a spreadsheet, in Markdown and in HTML.
const HOSTILE: &str = "=cmd|'\u{1b}]0;x\u{7}\u{1b}[31m<script>alert(1)<\\/script>`[x](y)";

#[test]
fn a_hostile_certificate_is_inert_in_every_output() {
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let identity = Key::rsa(work.folder(), "hostile").certify("hostile", HOSTILE);
    let server = Server::s_server(&openssl, &identity, &["-tls1_2"]);
    // The inventory is somebody else's text as well.
    work.write(
        "services.csv",
        format!(
            "id,name,address,port,owner,tags\nevil,,{},{},\"=HYPERLINK(\"\"http://x\"\")\",@SUM(1)\n",
            server.address, server.port
        ),
    );
    let swept = work.ok(&["-v", "sweep", "services.csv", "--jsonl"]);
    let subject = row(&swept.rows(), "evil")["certificate"]["subject"].as_str().unwrap().to_owned();
    assert!(subject.contains("cmd|"), "the subject is reported: {subject}");
    let outputs: &[&[&str]] = &[
        &["status"],
        &["status", "--json"],
        &["--color", "never", "verify", "--no-sweep"],
        &["verify", "--no-sweep", "--json"],
        &["export", "tracker"],
        &["export", "tracker", "--tsv"],
        &["export", "tracker", "--excel"],
        &["export", "findings"],
        &["export", "keys"],
        &["export", "secrets"],
        &["export", "delta"],
        &["checklist"],
        &["checklist", "--format", "html"],
        &["inventory", "list", "services.csv"],
        &["inventory", "list", "services.csv", "--jsonl"],
        &["inventory", "check", "services.csv"],
        &["sweep", "services.csv", "--dry-run"],
        &["sweep", "services.csv"],
        &["attest", "--service", "evil", "--facet", "patched", "--note", HOSTILE, "--reference", HOSTILE],
    ];
    let mut all = vec![(vec!["sweep", "--jsonl"], swept)];
    all.extend(outputs.iter().map(|arguments| (arguments.to_vec(), work.run(arguments))));
    for (arguments, ended) in &all {
        for (stream, bytes) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(control_byte(bytes), None, "{arguments:?} {stream}: {text:?}");
            assert!(!text.contains("panicked"), "{arguments:?} {stream}: {text}");
        }
        if arguments.contains(&"html") {
            assert!(!ended.out().contains("<script>alert"), "{}", ended.out());
        }
        if arguments[0] == "export" {
            no_formula(arguments, &ended.stdout);
        }
    }
}

/// No cell starts with what a spreadsheet would run.
#[track_caller]
fn no_formula(arguments: &[&str], csv: &[u8]) {
    let delimiter = match arguments.last() {
        Some(&"--tsv") => b'\t',
        Some(&"--excel") => b';',
        _ => b',',
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(csv);
    for record in reader.records() {
        for cell in &record.unwrap() {
            let first = cell.trim_start_matches([' ', '\u{a0}', '\u{feff}']).chars().next();
            assert!(!first.is_some_and(|c| "=+-@\t\r＝＋－＠".contains(c)), "{arguments:?}: cell {cell:?}");
        }
    }
}

#[test]
fn the_guard_of_cells_can_be_taken_off_and_says_so() {
    let work = Work::new();
    let (host, port) = (fresh_address(), free_port());
    work.write("services.csv", format!("id,address,port,owner\nx,{host},{port},=1+1\n"));
    work.ok(&["sweep", "services.csv"]);
    let guarded = work.ok(&["export", "tracker"]);
    assert_eq!(guarded.csv()[0]["owner"], "'=1+1");
    assert!(guarded.out().contains("\r\n"), "RFC 4180 line ends");
    let raw = work.ok(&["export", "tracker", "--csv-raw"]);
    assert_eq!(raw.csv()[0]["owner"], "=1+1");
    assert!(raw.err().contains("formula"), "{}", raw.err());
    let excel = work.ok(&["export", "tracker", "--excel"]);
    assert!(excel.stdout.starts_with(b"\xef\xbb\xbf"), "a byte order mark for Excel");
    work.ok(&["export", "tracker", "-o", "tracker.csv"]);
    assert_eq!(std::fs::read(work.path("tracker.csv")).unwrap(), guarded.stdout);
    let meta = std::fs::read(work.path("tracker.csv.meta.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&meta).unwrap();
}
