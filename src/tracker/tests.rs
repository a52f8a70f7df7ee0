//! Files against rows, as a table: what is an edit, a conflict, damage, a claim.

use super::{
    How, Known, Plan, Refused,
    fuzzing::{self, file},
    merge,
    read::{self, Error, Row, Table},
};
use crate::model::{
    claim::{Claim, Statement, Subject},
    edit::{Field, ImportId},
    facet::FacetKind,
    ids::RowId,
    time::Timestamp,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn how(force: bool) -> How {
    How { force, now: at("2026-11-23T12:00:00Z") }
}

fn table(rows: Vec<Vec<String>>) -> Table {
    let rows = rows.into_iter().zip(1..).map(|(cells, line)| Row { line, cells }).collect();
    Table { rows, ..Table::default() }
}

/// The file of `known` with some cells written over: row (from 1), column, text.
fn edited(known: &Known, cells: &[(usize, &str, &str)]) -> Table {
    let mut rows = file(known);
    for (row, column, text) in cells {
        let place = known.columns.iter().position(|c| c.name == *column).unwrap();
        (*text).clone_into(&mut rows[*row][place]);
    }
    table(rows)
}

fn set(known: &mut Known, row: usize, column: &str, text: &str) {
    let place = known.columns.iter().position(|c| c.name == column).unwrap();
    text.clone_into(&mut known.rows[row - 1].cells[place]);
}

/// A plan in short: what a person would read.
fn shown(plan: &Plan) -> Vec<String> {
    let changes = plan.rows.iter().flat_map(|r| {
        let fields = r.changes.iter().map(|c| format!("{} {}={}", r.label, c.column, c.to));
        let said = r.said.iter().map(|s| {
            let again = if s.again { "again " } else { "" };
            format!("{} {again}{}", r.label, serde_json::to_string(&s.statement).unwrap())
        });
        fields.chain(said).collect::<Vec<_>>()
    });
    let conflicts =
        plan.conflicts.iter().map(|c| format!("conflict {} {} {}|{}", c.label, c.column, c.file, c.now));
    let problems = plan.problems.iter().map(|p| format!("{}:{}: {}", p.line, p.place, p.message));
    changes.chain(conflicts).chain(problems).collect()
}

#[test]
#[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
fn a_cell_is_an_edit_only_where_its_editor_changed_it() {
    let known = fuzzing::known();
    let table: &[(&[(usize, &str, &str)], &[&str])] = &[
        (&[], &[]),
        (&[(1, "owner", "payments")], &["web:443 owner=payments"]),
        (&[(1, "owner", "")], &["web:443 owner="]),
        (&[(1, "owner", "=2+2")], &["web:443 owner==2+2"]),
        (&[(1, "owner", "'=2+2")], &["web:443 owner==2+2"]),
        (&[(1, "owner", " '=1+1 ")], &[]),
        (&[(1, "owner", "2")], &[]),
        (&[(2, "owner", "12"), (2, "row_id", "12")], &[]),
        (&[(2, "owner", "13")], &["00012:443 owner=13"]),
        (&[(3, "owner", "grün\nweb")], &[]),
        (&[(1, "tags", "rack=7; dmz")], &["web:443 tags=rack=7;dmz"]),
        (&[(1, "tags", "dmz; rack=7")], &[]),
        (&[(1, "exposure", "PUBLIC")], &[]),
        (&[(1, "exposure", "Internal")], &["web:443 exposure=internal"]),
        (
            &[(1, "exposure", "world")],
            &["2:6: exposure: `world` is none of public, partner, internal, unknown"],
        ),
        (&[(1, "due", "22.11.2026 14:00")], &[]),
        (&[(1, "due", "01.12.2026")], &["web:443 due=2026-12-01"]),
        (&[(3, "due", "03/04/2026")], &[]),
        (
            &[(1, "due", "03/04/2026"), (1, "owner", "b")],
            &[
                "web:443 owner=b",
                "2:5: due: `03/04/2026` can be 2026-04-03 or 2026-03-04; write the one you mean",
            ],
        ),
        (&[(1, "due", "soon")], &["2:5: due: `soon` is no time; write 2026-11-22 or 2026-11-22T14:00:00Z"]),
        (&[(1, "state", "verified"), (1, "row_version", "x")], &[]),
        (&[(1, "row_id", "nobody")], &["2:2: no row of this incident has the row_id `nobody`"]),
        (&[(1, "row_id", "")], &["2:2: no row_id: nobody knows which row this is"]),
        (&[(2, "row_id", "web")], &["3:2: `web` was in line 2 already: the first one counts"]),
        (&[(1, "incident", "j/CVE-1")], &["2:1: belongs to `j/CVE-1`, and this is `i/CVE-2014-0160`"]),
    ];
    for (cells, expected) in table {
        let plan = merge(&edited(&known, cells), &known, how(false)).unwrap();
        assert_eq!(shown(&plan), *expected, "{cells:?}");
    }
}

#[test]
fn damage_and_edited_tool_columns_are_counted() {
    let known = fuzzing::known();
    let cells =
        [(1, "owner", "2"), (2, "owner", "12"), (2, "state", "verified"), (3, "row_version", "00000000")];
    let plan = merge(&edited(&known, &cells), &known, how(false)).unwrap();
    assert!(plan.is_empty());
    let counts = plan.counts;
    assert_eq!((counts.rows, counts.damaged, counts.tool_rows, counts.older), (3, 2, 1, 1));
    assert!(
        plan.notices[0].contains("2:4: owner: `2` is what a spreadsheet makes of `=1+1`"),
        "{:?}",
        plan.notices
    );
}

#[test]
fn two_peoples_edits_never_overwrite_each_other() {
    let exported = fuzzing::known();
    let theirs = edited(&exported, &[(1, "owner", "payments"), (1, "tags", "x"), (3, "owner", "mail-team")]);
    let mut now = exported.clone();
    set(&mut now, 1, "owner", "shop");
    set(&mut now, 2, "owner", "changed by somebody, untouched in the file");
    set(&mut now, 3, "owner", "mail-team");
    let plan = merge(&theirs, &now, how(false)).unwrap();
    assert_eq!(shown(&plan), ["web:443 tags=x", "conflict web:443 owner payments|shop"]);
    let plan = merge(&theirs, &now, how(true)).unwrap();
    assert_eq!(shown(&plan), ["web:443 owner=payments", "web:443 tags=x"]);
}

#[test]
fn without_marks_only_rows_that_did_not_move_are_taken() {
    let known = fuzzing::known();
    let cells =
        [(1, "edit_version", ""), (1, "owner", "a"), (2, "edit_version", "v1:short"), (2, "owner", "b")];
    let mut file = edited(&known, &cells);
    assert_eq!(shown(&merge(&file, &known, how(false)).unwrap()), ["web:443 owner=a", "00012:443 owner=b"]);
    "00000000".clone_into(&mut file.rows[1].cells[2]);
    let plan = merge(&file, &known, how(false)).unwrap();
    assert_eq!(shown(&plan), ["00012:443 owner=b", "conflict web:443 owner a|=1+1"]);
}

#[test]
fn headers_are_found_wherever_they_stand_and_refused_where_they_do_not_fit() {
    let known = fuzzing::known();
    let mut moved = edited(&known, &[(1, "owner", "a")]);
    moved.rows.insert(0, Row { line: 1, cells: vec!["Tracker of Monday".to_owned()] });
    for row in &mut moved.rows {
        row.cells.reverse();
        row.cells.resize(16, String::new());
    }
    moved.rows[1].cells[14] = " Row_ID ".to_owned();
    assert_eq!(shown(&merge(&moved, &known, how(false)).unwrap()), ["web:443 owner=a"]);
    let one = |cells: &[&str]| table(vec![cells.iter().map(|c| (*c).to_owned()).collect()]);
    let refused = merge(&one(&["name", "port"]), &known, how(false)).unwrap_err();
    assert_eq!(refused, Refused::NoHeader);
    let refused = merge(&one(&["row_id", "owner", "owner"]), &known, how(false)).unwrap_err();
    assert_eq!(refused, Refused::TwoColumns("owner".to_owned(), 2, 3));
    let plan = merge(&edited(&known, &[]), &known, how(false)).unwrap();
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    let few = table(vec![vec!["row_id".into(), "owner".into()], vec!["web".into(), "x".into()]]);
    let plan = merge(&few, &known, how(false)).unwrap();
    assert_eq!(
        shown(&plan),
        ["conflict web:443 owner x|=1+1"],
        "neither marks nor a version: nobody can tell"
    );
    assert!(plan.notices[0].starts_with("has no column due, exposure"), "{:?}", plan.notices);
}

#[test]
fn a_row_of_another_length_is_not_taken() {
    let known = fuzzing::known();
    let mut file = edited(&known, &[(1, "owner", "a"), (2, "owner", "b")]);
    file.rows[1].cells.pop();
    file.rows[2].cells.push("more".to_owned());
    assert_eq!(
        shown(&merge(&file, &known, how(false)).unwrap()),
        [
            "2:15: 15 fields where the header has 16: nothing of this row is taken",
            "3:16: 17 fields where the header has 16: nothing of this row is taken"
        ]
    );
}

#[test]
#[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
fn changed_claims_become_statements_and_what_cannot_be_is_named() {
    let known = fuzzing::known();
    let done = |facet: &str| format!("web:443 {{\"kind\":\"facet-done\",\"facet\":\"{facet}\"}}");
    let table: &[(&[(&str, &str)], &[String])] = &[
        (&[("claim", "patched")], &[done("patched")]),
        (&[("claim", "Patched: CHG-12; restarted")], &[done("patched"), done("restarted")]),
        (&[("claim", "verified")], &["2:9: claim: nobody can attest `verified`: it follows from a later sweep (allclear verify)".into()]),
        (&[("claim", "decommissioned")], &["2:9: claim: `decommissioned` needs a reference: a ticket, or `decommissioned: CHG-12`".into()]),
        (&[("claim", "decommissioned: CHG-1")], &["web:443 {\"kind\":\"decommissioned\",\"address\":null}".into()]),
        (&[("claim", "done")], &["2:9: claim: `done` cannot be claimed; known: patched, restarted, rekeyed, revoked, secrets, decommissioned".into()]),
        (&[("claim", "patched"), ("claim_at", "2026-11-24")], &["2:11: claim_at: 2026-11-24T00:00:00Z lies in the future: claim it when it is done".into()]),
        (&[("claim", "patched"), ("claim_at", "2014-04-06")], &["2:11: claim_at: 2014-04-06 lies before the disclosure (2014-04-07): nothing done then answers it".into()]),
        (&[("claim_by", "ana")], &["2:10: claim_by: says nothing without a `claim`".into()]),
        (&[("waiver_until", "2026-12-24"), ("waiver_reason", "Christmas")], &["web:443 {\"kind\":\"waive\",\"facet\":null,\"until\":\"2026-12-24T23:59:59.000000Z\"}".into()]),
        (&[("waiver_until", "2026-12-24")], &["2:14: waiver_until: a waiver needs a reason: `waiver_reason`".into()]),
        (&[("waiver_until", "2026-11-01"), ("waiver_reason", "r")], &["2:14: waiver_until: 2026-11-01 is not in the future".into()]),
        (&[("waiver_reason", "r")], &["2:12: waiver_reason: a waiver needs an end: `waiver_until`".into()]),
        (&[("na_justification", "component_not_present")], &["2:15: na_justification: `na_justification` needs evidence: put the ticket or document that bears it out into `ticket`".into()]),
    ];
    for (cells, expected) in table {
        let cells: Vec<_> = cells.iter().map(|(column, text)| (1, *column, *text)).collect();
        let plan = merge(&edited(&known, &cells), &known, how(false)).unwrap();
        assert_eq!(shown(&plan), *expected, "{cells:?}");
    }
    let cells =
        [(1, "claim", "patched: CHG-12"), (1, "claim_by", "ana"), (1, "claim_at", "22.11.2026 10:00")];
    let plan = merge(&edited(&known, &cells), &known, how(false)).unwrap();
    let said = &plan.rows[0].said[0];
    assert_eq!((said.by.as_deref(), said.reference.as_deref()), (Some("ana"), Some("CHG-12")));
    assert_eq!(said.done_at, Some(at("2026-11-22T10:00:00Z")));
}

fn claim(by: &str, statement: Statement) -> Claim {
    Claim {
        at: at("2026-11-22T09:00:00Z"),
        done_at: None,
        after_sweep: None,
        by: by.to_owned(),
        subject: Subject::Service(RowId::declared("web")),
        statement,
        reference: Some("CHG-1".to_owned()),
        note: None,
        through: Vec::new(),
        repeats: None,
        import: Some(ImportId(1)),
    }
}

/// The first row with these cells now, exported so, and the claims behind them.
fn standing(cells: &[(&str, &str)], claims: Vec<Claim>) -> Known {
    let mut known = fuzzing::known();
    for (column, text) in cells {
        set(&mut known, 1, column, text);
    }
    let human = known.columns.iter().zip(&known.rows[0].cells);
    let human =
        human.filter(|(c, _)| c.whose == super::Whose::Human).map(|(c, text)| (c.name, text.as_str()));
    let stamp = crate::model::edit_version::stamp(human);
    set(&mut known, 1, "edit_version", &stamp);
    known.rows[0].standing = claims;
    known
}

#[test]
fn an_emptied_claim_takes_back_what_stood_there_and_nothing_else() {
    let patched = claim("ana", Statement::FacetDone { facet: FacetKind::Patched });
    let waived = claim("bo", Statement::Waive { facet: None, until: at("2026-12-24T00:00:00Z") });
    let cells = [
        ("claim", "patched"),
        ("claim_by", "ana"),
        ("waiver_reason", "CHG-1"),
        ("waiver_until", "2026-12-24T00:00:00Z"),
    ];
    let known = standing(&cells, vec![patched, waived]);
    let plan = |cells: &[(usize, &str, &str)]| merge(&edited(&known, cells), &known, how(false)).unwrap();
    let claim_gone = shown(&plan(&[(1, "claim", "")]));
    assert_eq!(claim_gone, ["web:443 {\"kind\":\"withdraw\",\"facet\":\"patched\"}"]);
    let waiver_gone = plan(&[(1, "waiver_until", "")]);
    assert_eq!(
        shown(&waiver_gone),
        [
            "web:443 {\"kind\":\"withdraw\",\"facet\":null}",
            "web:443 again {\"kind\":\"facet-done\",\"facet\":\"patched\"}"
        ]
    );
    let again = &waiver_gone.rows[0].said[1];
    assert_eq!((again.by.as_deref(), again.done_at), (Some("ana"), Some(at("2026-11-22T09:00:00Z"))));
    let other = plan(&[(1, "claim", "patched; restarted")]);
    assert_eq!(shown(&other), ["web:443 {\"kind\":\"facet-done\",\"facet\":\"restarted\"}"]);
    assert_eq!(other.rows[0].said[0].by, None, "the name beside it belongs to the old claim");
}

#[test]
fn a_field_has_one_value_however_many_disclosures_a_service_has() {
    let mut known = fuzzing::known();
    let mut second = known.rows[0].clone();
    second.incident = Some("i/CVE-2026-1".to_owned());
    "i/CVE-2026-1".clone_into(&mut second.cells[0]);
    known.rows.push(second);
    let plan = merge(&edited(&known, &[(1, "owner", "a"), (4, "owner", "a")]), &known, how(false)).unwrap();
    assert_eq!(shown(&plan), ["web:443 owner=a", "web:443 owner=a"]);
    let plan = merge(&edited(&known, &[(1, "owner", "a"), (4, "owner", "b")]), &known, how(false)).unwrap();
    let said = "5:4: owner: line 2 of this file says `a` for the same service, under another disclosure";
    assert_eq!(shown(&plan), ["web:443 owner=a", said]);
    assert_eq!(plan.rows[0].set.get(&Field::Owner).map(String::as_str), Some("a"));
}

#[test]
fn text_is_read_in_every_encoding_and_with_every_delimiter() {
    let wide =
        |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let text = "row_id,owner\r\nweb,\"a;\nb ü\"\r\n\r\nx,y\r\n";
    let little = [&[0xff, 0xfe][..], &wide(&text.replace(',', "\t"), u16::to_le_bytes)].concat();
    let big = [&[0xfe, 0xff][..], &wide(text, u16::to_be_bytes)].concat();
    let table: &[(&[u8], &str, &str)] = &[
        (text.as_bytes(), "CSV, commas, UTF-8", "a;\nb ü"),
        (&[b"\xef\xbb\xbf", text.replace(',', ";").as_bytes()].concat(), "CSV, semicolons, UTF-8", "a;\nb ü"),
        (&little, "CSV, tabs, UTF-16", "a;\nb ü"),
        (&big, "CSV, commas, UTF-16", "a;\nb ü"),
        (b"sep=;\r\nrow_id;owner\r\nweb;\"a,\nb\"\r\n\nx;y", "CSV, semicolons, UTF-8", "a,\nb"),
        (b"row_id,owner\rweb,\"a\nb\"\r\rx,y", "CSV, commas, UTF-8", "a\nb"),
        (b"row_id,owner\nweb,\"J\xfcrgen \x80\nb\"\n\nx,y\n", "CSV, commas, Windows-1252", "Jürgen €\nb"),
    ];
    for (bytes, form, cell) in table {
        let read = read::table(bytes).unwrap();
        assert_eq!(read.form, *form);
        let last = &read.rows[read.rows.len() - 1];
        assert_eq!(read.rows[read.rows.len() - 2].cells, ["web", cell], "{form}");
        assert_eq!(last.cells, ["x", "y"], "{form}");
        let above = usize::from(bytes.starts_with(b"sep"));
        assert_eq!(last.line, 5 + above as u64, "{form}: a broken cell and a blank line are counted");
        assert_eq!(read.notices.len(), usize::from(form.ends_with("1252")), "a guess is said");
    }
}

#[test]
#[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
fn files_that_are_no_table_are_refused_with_words() {
    let odd = [0xff, 0xfe, 0x41];
    let half = [0xff, 0xfe, 0x00, 0xd8];
    let table: &[(&[u8], fn(&Error) -> bool)] = &[
        (b"", |e| *e == Error::Empty),
        (b"\r\n , \r\n", |e| *e == Error::Empty),
        (b"a\0b", |e| matches!(e, Error::Kind(_))),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", |e| matches!(e, Error::Kind(words) if words.contains("XLSX"))),
        (b"PK\x03\x04 and nothing more", |e| matches!(e, Error::Broken(_))),
        (&odd, |e| matches!(e, Error::Broken(_))),
        (&half, |e| matches!(e, Error::Broken(_))),
    ];
    for (bytes, expected) in table {
        let error = read::table(bytes).unwrap_err();
        assert!(expected(&error), "{error:?} for {bytes:?}");
    }
}

#[test]
fn workbooks_that_libreoffice_saved_are_read_cell_by_cell() {
    let xlsx = &include_bytes!("../../fuzz/seeds/t-tracker-xlsx")[1..];
    let ods = &include_bytes!("../../fuzz/seeds/t-tracker-ods")[1..];
    for (bytes, form) in [(xlsx, "XLSX, sheet `t`"), (ods, "ODS, sheet `t`")] {
        let table = read::table(bytes).unwrap();
        assert_eq!(table.form, form);
        let rows: Vec<_> = table.rows.iter().map(|r| (r.line, r.cells.join("|"))).collect();
        let expected = [
            (1, "row_id|owner|due|edit_version".to_owned()),
            (2, "web|2|2026-11-22T14:00:31Z|x".to_owned()),
            (3, "12|12|2026-12-24|y".to_owned()),
            (4, "letters|JÃ¼rgen|2026-03-04T00:00:00Z|50%".to_owned()),
            (5, "3-4|100000|12345678|true".to_owned()),
        ];
        assert_eq!(rows, expected, "{form}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_and_no_cells_break_it(data in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        fuzzing::fuzz(&data);
    }

    #[test]
    fn no_words_break_it(text in "(?s)([-'=+0-9./: a-zA-Z;ü]{0,12}\\|){0,40}") {
        fuzzing::fuzz(text.as_bytes());
    }
}
