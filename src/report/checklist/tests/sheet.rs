//! The CSV: every field, guarded, as many rows as lines.

use super::*;
use crate::report::csv::Dialect;

fn rows(lines: &[Line], dialect: Dialect) -> Vec<Vec<String>> {
    let mut bytes = Vec::new();
    let written = csv(lines, dialect, &mut bytes).expect("it writes");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(dialect.delimiter())
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|r| r.expect("every row has the header's length").iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows.len() as u64, written + 1, "a header and a row a line");
    rows
}

fn cell<'a>(rows: &'a [Vec<String>], row: usize, column: &str) -> &'a str {
    let at = rows[0].iter().position(|c| c == column).expect("the column");
    &rows[row][at]
}

#[test]
fn every_line_is_a_row_in_order_with_its_fields() {
    let lines = lists().remove(0).lines;
    for dialect in [
        Dialect::default(),
        Dialect { tsv: true, ..Dialect::default() },
        Dialect { excel: true, ..Dialect::default() },
    ] {
        let rows = rows(&lines, dialect);
        let codes: Vec<&str> = (1..rows.len()).map(|row| cell(&rows, row, "code")).collect();
        assert_eq!(codes, ["A1", "A2", "B1", "C1", "F1"]);
        assert_eq!(cell(&rows, 1, "done_at"), "2026-11-22T14:00:00Z");
        assert_eq!(cell(&rows, 1, "grade"), "E1");
        assert_eq!(cell(&rows, 2, "steps"), "1. Do this: `sudo systemctl restart nginx`. / 2. Then that.");
        assert_eq!(cell(&rows, 3, "blocked_by"), "svc-web/A2");
        assert_eq!(cell(&rows, 3, "service_names"), "mx1.example.test:25;web01.example.test:443");
        assert_eq!(cell(&rows, 3, "overlap"), "yes");
        assert_eq!(cell(&rows, 4, "secret"), "db-main");
        assert_eq!(cell(&rows, 4, "state"), "too-early");
        assert!(cell(&rows, 4, "attest").contains("# when it is done / allclear attest --secret db-main"));
    }
    let whole = rows(&lines, Dialect { multiline: true, ..Dialect::default() });
    assert!(cell(&whole, 2, "steps").contains("nginx`.\n2. Then that."));
}

#[test]
fn a_line_of_several_owners_names_them() {
    let owners = ["team-web", "team-mail", "team-web"].map(|o| Some(o.to_owned()));
    let shared =
        Line { owner: None, service_owners: owners.to_vec(), ..line("B1", Tier::B, "Key", LineState::Open) };
    assert_eq!(cell(&rows(&[shared], Dialect::default()), 1, "owner"), "team-mail;team-web");
}

#[test]
fn what_people_and_servers_wrote_runs_in_no_spreadsheet() {
    for bad in ["=1+1", "+cmd", "@SUM(A1)", "\t=1", "a\n=1+1"] {
        let (lists, _) = hostile(bad);
        let rows = rows(&lists[0].lines, Dialect { multiline: true, ..Dialect::default() });
        for text in rows.iter().skip(1).flatten().flat_map(|cell| cell.split('\n')) {
            let first = text.trim_start_matches(' ').chars().next();
            assert!(!matches!(first, Some('=' | '+' | '@' | '\t')), "{bad:?} gives {text:?}");
        }
    }
}
