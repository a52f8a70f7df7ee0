//! The tracker's way out and back: exported, edited, spoiled by a real spreadsheet, taken in, undone.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    HANG, Work, free_port, fresh_address,
    peers::{self, need},
    run_with_limit,
};

/// Owners that spreadsheets take for something else, by row.
const OWNERS: &[(&str, &str)] = &[
    ("formula", "=1+1"),
    ("zeros", "00012"),
    ("exponent", "1e5"),
    ("date", "3-4"),
    ("phone", "+49 30 1234"),
    ("number", "+49301234"),
    ("letters", "Jürgen Größe"),
    ("logic", "true"),
    ("percent", "50%"),
    ("plain", "web"),
    ("claimed", "mail"),
];

/// What changes with every export.
const VOLATILE: &[&str] = &["age_hours", "row_version", "edit_version", "revocation_checked"];
const HUMAN: &[&str] = &[
    "owner",
    "team",
    "ticket",
    "due",
    "priority",
    "environment",
    "exposure",
    "site",
    "tags",
    "claim",
    "claim_by",
    "waiver_reason",
    "waiver_by",
    "waiver_until",
    "na_justification",
    "note",
];

type Rows = BTreeMap<String, BTreeMap<String, String>>;

/// An incident with one sweep over ports where nothing listens.
fn incident() -> Work {
    let work = Work::new();
    let mut inventory = "id,address,port,owner,env,tags\n".to_owned();
    let (address, port) = (fresh_address(), free_port());
    for (n, (id, owner)) in (0..).zip(OWNERS) {
        let port = port.wrapping_add(n).max(1024);
        inventory.push_str(&format!("{id},{address},{port},{owner},prod,rack=7\n"));
    }
    work.write("services.csv", inventory);
    work.write(
        "secrets.csv",
        "secret_id,type,services,owner,location\nshop-db,C7,plain,team-db,vault:shop/db\n",
    );
    work.ok(&["sweep", "services.csv", "--secrets", "secrets.csv", "--timeout", "1s"]);
    work
}

/// An export by row, without guards.
fn rows(work: &Work, incident: &str, kind: &str, key: &str) -> Rows {
    let ended = work.ok(&["--incident", incident, "export", kind, "--csv-raw"]);
    ended.csv().into_iter().map(|row| (row[key].clone(), row)).collect()
}

fn tracker(work: &Work, incident: &str) -> Rows {
    rows(work, incident, "tracker", "row_id")
}

/// Writes a file anew with some cells changed: row, column, text.
fn edit(file: &Path, key: &str, cells: &[(&str, &str, &str)]) {
    let bytes = std::fs::read(file).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|h| h == name).unwrap();
    let mut writer = csv::Writer::from_path(file).unwrap();
    writer.write_record(&header).unwrap();
    let mut changed = 0;
    for record in reader.records() {
        let mut row: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        for (_, column, text) in cells.iter().filter(|(id, _, _)| *id == row[place(key)]).collect::<Vec<_>>()
        {
            (*text).clone_into(&mut row[place(column)]);
            changed += 1;
        }
        writer.write_record(&row).unwrap();
    }
    assert_eq!(changed, cells.len(), "every row is there");
    writer.flush().unwrap();
}

/// A copy of the incident to try one import on.
fn fork(work: &Work, name: &str) -> String {
    let file = format!("{name}.db");
    for ending in ["", "-wal"] {
        let from = work.path(&format!("incident.db{ending}"));
        if from.exists() {
            std::fs::copy(from, work.path(&format!("{file}{ending}"))).unwrap();
        }
    }
    file
}

/// Everything but what changes with every export.
fn lasting(rows: &Rows) -> Rows {
    let keep = |row: &BTreeMap<String, String>| {
        row.iter()
            .filter(|(k, _)| !VOLATILE.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    rows.iter().map(|(id, row)| (id.clone(), keep(row))).collect()
}

#[test]
fn a_dry_run_changes_nothing_and_an_import_can_be_undone() {
    let work = incident();
    let before = tracker(&work, "incident.db");
    work.ok(&["export", "tracker", "-o", "tracker.csv"]);
    edit(
        &work.path("tracker.csv"),
        "row_id",
        &[
            ("plain", "owner", "payments"),
            ("plain", "ticket", "CHG-7"),
            ("plain", "state", "verified"),
            ("zeros", "due", "24.12.2099"),
            ("claimed", "claim", "patched: CHG-12"),
            ("claimed", "claim_by", "ana"),
        ],
    );
    let dry = work.ok(&["tracker", "import", "tracker.csv"]).out();
    let port = &before["plain"]["name"];
    assert!(dry.contains(&format!("{port}:{}  owner: web -> payments\n", before["plain"]["port"])), "{dry}");
    assert!(dry.contains("ticket: (empty) -> CHG-7"), "{dry}");
    assert!(dry.contains("claim: patched done, by ana, CHG-12"), "{dry}");
    assert!(dry.contains("1 row: the tool's columns were edited; they are not taken."), "{dry}");
    assert!(dry.contains("allclear tracker import tracker.csv --apply"), "{dry}");
    assert_eq!(lasting(&tracker(&work, "incident.db")), lasting(&before), "a dry run records nothing");
    let json = work.ok(&["tracker", "import", "tracker.csv", "--json"]).json();
    assert_eq!((&json["schema"], &json["applied"]), (&Value::from("allclear.import/1"), &Value::Null));
    assert_eq!(json["plan"]["rows"].as_array().unwrap().len(), 3);

    let done = work.ok(&["tracker", "import", "tracker.csv", "--apply", "--by", "bo"]).out();
    assert!(done.contains("recorded: claimed: patched done, by ana, grade E1"), "{done}");
    assert!(done.contains("  state: "), "a word that changes nothing must not look as if it had: {done}");
    assert!(done.contains("Recorded as i0001. To take it back: allclear tracker undo i0001"), "{done}");
    let after = tracker(&work, "incident.db");
    assert_eq!((&*after["plain"]["owner"], &*after["plain"]["ticket"]), ("payments", "CHG-7"));
    assert_eq!(after["plain"]["state"], before["plain"]["state"]);
    assert_eq!(after["zeros"]["due"], "2099-12-24T23:59:59Z");
    assert_eq!((&*after["claimed"]["claim"], &*after["claimed"]["claim_by"]), ("patched", "ana"));
    let again = work.ok(&["tracker", "import", "tracker.csv", "--apply", "--by", "bo"]).out();
    assert!(again.contains("Nothing to record."), "the same file changes nothing twice: {again}");

    let listed = work.ok(&["tracker", "imports"]).out();
    assert!(
        listed.starts_with("i0001  ") && listed.contains("bo  tracker.csv  3 rows, 3 fields, 1 claim"),
        "{listed}"
    );
    let undone = work.ok(&["tracker", "undo", "--by", "cy"]).out();
    assert!(undone.starts_with("undone: i0001 (tracker.csv, "), "{undone}");
    assert_eq!(lasting(&tracker(&work, "incident.db")), lasting(&before), "undo restores");
    assert!(work.ok(&["tracker", "imports"]).out().contains(" by cy"), "the list says who took it back");
    let twice = work.run(&["tracker", "undo", "i0001", "--by", "cy"]).expect_code(2);
    assert!(twice.err().contains("i0001 was undone already"), "{}", twice.err());
    work.run(&["tracker", "undo", "--by", "cy"]).expect_code(2);
    work.run(&["tracker", "undo", "i0009", "--by", "cy"]).expect_code(2);
}

#[test]
fn two_people_who_edit_one_cell_are_told_and_neither_is_overwritten() {
    let work = incident();
    for file in ["ana.csv", "bo.csv"] {
        work.ok(&["export", "tracker", "-o", file]);
    }
    edit(&work.path("ana.csv"), "row_id", &[("plain", "owner", "ana-team"), ("zeros", "note", "from ana")]);
    edit(&work.path("bo.csv"), "row_id", &[("plain", "owner", "bo-team"), ("plain", "site", "fra1")]);
    work.ok(&["tracker", "import", "ana.csv", "--apply", "--by", "ana"]);
    let said = work.ok(&["tracker", "import", "bo.csv", "--apply", "--by", "bo"]).out();
    let conflict = "owner: the file says bo-team, and since the export somebody made it ana-team (by ana, ";
    assert!(said.contains(conflict) && said.contains(", i0001); not taken"), "{said}");
    let row = tracker(&work, "incident.db").remove("plain").unwrap();
    assert_eq!((&*row["owner"], &*row["site"]), ("ana-team", "fra1"), "the rest of the file is taken");
    assert_eq!(tracker(&work, "incident.db")["zeros"]["note"], "from ana", "an old file erases nothing");
    work.run(&["tracker", "import", "bo.csv", "--strict"]).expect_code(1);
    work.ok(&["tracker", "import", "bo.csv", "--apply", "--by", "bo", "--force"]);
    assert_eq!(tracker(&work, "incident.db")["plain"]["owner"], "bo-team");
    work.ok(&["tracker", "undo", "--by", "bo"]);
    assert_eq!(tracker(&work, "incident.db")["plain"]["owner"], "ana-team");
}

#[test]
fn files_that_hold_nothing_of_ours_are_refused_with_their_places() {
    let work = incident();
    work.ok(&["export", "tracker", "-o", "bad.csv"]);
    edit(
        &work.path("bad.csv"),
        "row_id",
        &[("plain", "claim", "verified"), ("zeros", "exposure", "everybody"), ("date", "due", "03/04/2026")],
    );
    work.write("foreign.csv", "row_id,owner\nnobody,x\n");
    work.write("other.csv", "name,owner\nweb,x\n");
    work.write("binary.csv", b"\x00\x01\x02");
    let table: &[(&[&str], i32, &str)] = &[
        (&["tracker", "import", "missing.csv"], 5, "missing.csv"),
        (&["tracker", "import", "other.csv"], 5, "no header with a column `row_id` or `secret_id`"),
        (
            &["tracker", "import", "foreign.csv"],
            5,
            "foreign.csv:2:1: no row of this incident has the row_id `nobody`",
        ),
        (&["tracker", "import", "binary.csv"], 5, "binary.csv: is neither text nor XLSX nor ODS"),
        (&["tracker", "import", "bad.csv"], 5, "claim: nobody can attest `verified`"),
        (&["tracker", "import", "bad.csv"], 5, "exposure: `everybody` is none of public, partner"),
        (&["tracker", "import", "bad.csv"], 5, "can be 2026-04-03 or 2026-03-04"),
        (&["tracker", "import", "bad.csv", "--apply", "--by", " "], 2, "--by"),
        (&["tracker", "undo", "seven", "--by", "x"], 2, "seven"),
    ];
    for (arguments, code, words) in table {
        let ended = work.run(arguments).expect_code(*code);
        assert!(ended.err().contains(words), "{arguments:?}: {}", ended.err());
    }
    edit(&work.path("bad.csv"), "row_id", &[("formula", "owner", "now-named")]);
    let some = work.ok(&["tracker", "import", "bad.csv"]);
    assert!(some.out().contains("1 field, 0 claims, 0 conflicts, 3 refused"), "{}", some.out());
    work.run(&["tracker", "import", "bad.csv", "--strict"]).expect_code(5);
}

#[test]
fn secrets_come_back_too() {
    let work = incident();
    let before = rows(&work, "incident.db", "secrets", "secret_id");
    work.ok(&["export", "secrets", "-o", "secrets-out.csv"]);
    edit(
        &work.path("secrets-out.csv"),
        "secret_id",
        &[
            ("shop-db", "owner", "dba"),
            ("shop-db", "ticket", "CHG-5"),
            ("shop-db", "due", "2099-12-24"),
            ("shop-db", "note", "ask first"),
            ("shop-db", "claim", "new-issued"),
            ("shop-db", "state", "verified"),
        ],
    );
    work.ok(&["tracker", "import", "secrets-out.csv", "--apply", "--by", "bo"]);
    let row = rows(&work, "incident.db", "secrets", "secret_id").remove("shop-db").unwrap();
    assert_eq!((&*row["owner"], &*row["ticket"], &*row["note"]), ("dba", "CHG-5", "ask first"));
    assert_eq!(
        (&*row["due"], &*row["claim"], &*row["claim_by"]),
        ("2099-12-24T23:59:59Z", "new-issued", "bo")
    );
    work.ok(&["tracker", "undo", "--by", "bo"]);
    assert_eq!(lasting(&rows(&work, "incident.db", "secrets", "secret_id")), lasting(&before));
}

#[test]
fn an_export_that_nobody_touched_changes_nothing_in_any_dialect() {
    let work = incident();
    let options = ["--excel", "--tsv", "--csv-raw", "--multiline"];
    for bits in 0..16 {
        let chosen: Vec<&str> = (0..4).filter(|n| bits & (1 << n) != 0).map(|n| options[n]).collect();
        if chosen.contains(&"--excel") && chosen.contains(&"--tsv") {
            continue; // the command line refuses these together
        }
        for kind in ["tracker", "secrets"] {
            let arguments = [&["export", kind, "-o", "out.csv"], &chosen[..]].concat();
            work.ok(&arguments);
            let json = work.ok(&["tracker", "import", "out.csv", "--json"]).json();
            let plan = &json["plan"];
            for empty in ["rows", "conflicts", "problems", "notices"] {
                assert_eq!(plan[empty], Value::Array(Vec::new()), "{kind} {chosen:?}: {empty}");
            }
            assert_eq!(plan["counts"]["damaged"], 0, "{kind} {chosen:?}");
            assert_eq!(plan["counts"]["tool_rows"], 0, "{kind} {chosen:?}");
        }
    }
}

/// One start of LibreOffice with a profile of its own.
fn convert(soffice: &Path, work: &Work, to: &str, filter: Option<&str>, file: &str, folder: &str) {
    let profile = format!("-env:UserInstallation=file://{}", work.path("profile").display());
    let mut command = Command::new(soffice);
    command.current_dir(work.folder()).args([&profile, "--headless", "--norestore"]);
    if let Some(filter) = filter {
        command.arg(format!("--infilter={filter}"));
    }
    command.args(["--convert-to", to, "--outdir", folder, file]);
    let ended = run_with_limit(&mut command, b"", HANG);
    let made = work.path(folder).join(Path::new(file).with_extension(to.split(':').next().unwrap()));
    assert!(made.exists(), "LibreOffice made no {}: {}{}", made.display(), ended.out(), ended.err());
}

#[test]
fn a_tracker_survives_libreoffice_with_every_edit_and_no_tool_column_changed() {
    let soffice = need!(peers::soffice());
    let work = incident();
    let before = tracker(&work, "incident.db");
    work.ok(&["export", "tracker", "-o", "tracker.csv"]);
    let edits = [
        ("plain", "owner", "payments"),
        ("plain", "team", "Zahlung & Versand"),
        ("letters", "ticket", "CHG-7"),
        ("letters", "priority", "high"),
        ("zeros", "due", "2099-12-24"),
        ("zeros", "exposure", "internal"),
        ("exponent", "environment", ""),
        ("exponent", "site", "fra1"),
        ("phone", "tags", "rack=8;blue"),
        ("date", "note", "first; \"second\", third"),
        ("number", "waiver_until", "2099-12-31"),
        ("number", "waiver_reason", "goes away"),
        ("claimed", "claim", "patched: CHG-12"),
        ("claimed", "claim_by", "ana"),
    ];
    edit(&work.path("tracker.csv"), "row_id", &edits);
    let text = "CSV:44,34,76,1,1/2/2/2/3/2,0,true,false";
    for (name, to, filter) in [
        ("plain-xlsx", "xlsx", None),
        ("plain-ods", "ods", None),
        ("plain-csv", "csv", None),
        ("filter-xlsx", "xlsx", Some(text)),
        ("filter-ods", "ods", Some(text)),
        ("filter-csv", "csv", Some(text)),
    ] {
        convert(&soffice, &work, to, filter, "tracker.csv", name);
        let incident = fork(&work, name);
        let file = format!("{name}/tracker.{to}");
        let said = work.ok(&["--incident", &incident, "tracker", "import", &file, "--apply", "--by", "bo"]);
        let seen = format!("{name}:\n{}{}", said.out(), said.err());
        let after = tracker(&work, &incident);
        for (id, row) in &before {
            for (column, old) in row.iter().filter(|(c, _)| !VOLATILE.contains(&c.as_str())) {
                let edited = edits.iter().find(|(i, c, _)| i == id && c == column).map(|(_, _, new)| *new);
                let new = &after[id][column];
                match (edited, column.as_str()) {
                    (Some(date), "due" | "waiver_until") => {
                        assert_eq!(*new, format!("{date}T23:59:59Z"), "{id} {column} {seen}");
                    }
                    (Some("patched: CHG-12"), _) => assert_eq!(new, "patched", "{seen}"),
                    (Some(text), _) => assert_eq!(new, text, "{id} {column} {seen}"),
                    // Words change what follows from them, as `attest` and `waive` do.
                    (None, _)
                        if matches!(id.as_str(), "number" | "claimed")
                            && !["owner", "name", "port"].contains(&column.as_str()) => {}
                    (None, _) => assert_eq!(new, old, "{id} {column} {seen}"),
                }
            }
        }
        assert!(!seen.contains("the tool's columns were edited"), "{seen}");
        assert!(!seen.contains("conflict:") && seen.contains(" 0 refused"), "{seen}");
        if name.starts_with("filter") {
            // Cells without quotes become numbers there all the same; letters come through.
            assert!(seen.contains(": 11 rows of ours") && !seen.contains("Ã"), "{seen}");
        }
        let human = |rows: &Rows, id: &str| HUMAN.iter().map(|c| rows[id][*c].clone()).collect::<Vec<_>>();
        work.ok(&["--incident", &incident, "tracker", "undo", "--by", "bo"]);
        let undone = tracker(&work, &incident);
        assert_eq!(human(&undone, "number"), human(&before, "number"), "{name}");
        assert_eq!(lasting(&undone), lasting(&before), "{name}: undo restores everything");
    }
}
