//! What may be touched, case by case.

use std::fs;

use super::*;
use crate::inventory::{Options, load};

fn services() -> Vec<Service> {
    let csv = "name,address,port,fragile,tags\nweb01.example.test,192.0.2.11,443,,\nmx1.example.test,,25,,\n,192.0.2.90,631,yes,\n,2001:db8::1,443,,Fragile\n";
    let input = Input::text("t", csv);
    load(&[input], &[], &Options::default()).expect("good rows").services
}

fn text(text: &str) -> Input {
    Input::text("scope.txt", text)
}

fn scope(rules: Option<&str>, excludes: &[&str]) -> Scope {
    let excludes: Vec<String> = excludes.iter().map(|&e| e.to_owned()).collect();
    Scope::new(&services(), rules.map(text).as_ref(), &excludes).expect("rules that can be read")
}

const WEB: usize = 0;
const MX: usize = 1;
const PRINTER: usize = 2;

/// Scope file, exclusions, service, address, and what is decided.
type Case = (Option<&'static str>, &'static [&'static str], usize, Option<&'static str>, Option<Skip>);

#[test]
#[rustfmt::skip] // one case a line
fn decisions() {
    use Skip::{Excluded, OutOfScope};
    let all = services();
    let table: &[Case] = &[
        // Without a scope: what is listed, and what names resolve to.
        (None, &[], WEB, Some("192.0.2.11"), None),
        (None, &[], MX, Some("198.51.100.7"), None),
        (None, &[], MX, None, None),
        (None, &[], PRINTER, Some("192.0.2.90"), None),
        (None, &[], PRINTER, Some("192.0.2.91"), Some(OutOfScope)),
        // With one: the address must be in it, or the name.
        (Some("192.0.2.0/28"), &[], WEB, Some("192.0.2.11"), None),
        (
            Some("192.0.2.0/28"),
            &[],
            WEB,
            Some("192.0.2.16"),
            Some(OutOfScope),
        ),
        (Some("192.0.2.0/28"), &[], WEB, None, None),
        (
            Some("192.0.2.0/28"),
            &[],
            PRINTER,
            Some("192.0.2.90"),
            Some(OutOfScope),
        ),
        (
            Some("# all mail\nMX1.example.test\n"),
            &[],
            MX,
            Some("198.51.100.7"),
            None,
        ),
        (Some("mx1.example.test"), &[], WEB, None, Some(OutOfScope)),
        (Some("*.example.test # ours"), &[], MX, Some("198.51.100.7"), None),
        (
            Some("*.mx1.example.test"),
            &[],
            MX,
            Some("198.51.100.7"),
            Some(OutOfScope),
        ),
        (
            Some("*.ample.test"),
            &[],
            MX,
            Some("198.51.100.7"),
            Some(OutOfScope),
        ),
        (Some("0.0.0.0/0"), &[], WEB, Some("255.255.255.255"), None),
        (Some("0.0.0.0/0"), &[], WEB, Some("2001:db8::1"), Some(OutOfScope)),
        (
            Some("192.0.2.0/25\n192.0.2.64/26\n192.0.2.192/26"),
            &[],
            WEB,
            Some("192.0.2.127"),
            None,
        ),
        (
            Some("192.0.2.0/25\n192.0.2.64/26\n192.0.2.192/26"),
            &[],
            WEB,
            Some("192.0.2.128"),
            Some(OutOfScope),
        ),
        // Exclusion wins.
        (
            Some("192.0.2.0/24"),
            &["192.0.2.11"],
            WEB,
            Some("192.0.2.11"),
            Some(Excluded),
        ),
        (None, &["192.0.2.8/29"], WEB, Some("192.0.2.11"), Some(Excluded)),
        (
            None,
            &["192.0.2.11"],
            WEB,
            Some("::ffff:192.0.2.11"),
            Some(Excluded),
        ),
        (
            None,
            &["::ffff:192.0.2.11"],
            WEB,
            Some("192.0.2.11"),
            Some(Excluded),
        ),
        (None, &["Web01.example.test"], WEB, None, Some(Excluded)),
        (None, &["*.example.test"], MX, None, Some(Excluded)),
        (None, &["*.example.test"], PRINTER, Some("192.0.2.90"), None),
    ];
    for (rules, excludes, at, address, expected) in table {
        let address = address.map(|a| a.parse().expect("an address"));
        let got = scope(*rules, excludes).decide(&all[*at], address);
        assert_eq!(
            got,
            *expected,
            "scope {rules:?} exclude {excludes:?} service {} address {address:?}",
            all[*at].display_name()
        );
    }
}

#[test]
fn half_a_scope_is_none() {
    let rules = text("192.0.2.0/24\n  192.0.2.5/24\n\nweb 01\n");
    let error = Scope::new(&[], Some(&rules), &["*".to_owned()]).expect_err("three bad lines");
    let bad: Vec<String> = error.bad_rows().iter().map(ToString::to_string).collect();
    assert_eq!(bad.len(), 3, "{bad:?}");
    assert!(bad[0].starts_with("scope.txt:2:3: `192.0.2.5/24` has host bits"), "{bad:?}");
    assert!(bad[1].starts_with("scope.txt:4:1: "), "{bad:?}");
    assert!(bad[2].starts_with("--exclude:1:1: "), "{bad:?}");
    let empty = Scope::new(&[], Some(&text("# nothing yet\n")), &[]).expect_err("an empty scope");
    assert!(empty.to_string().contains("holds no row"), "{empty}");
}

#[test]
fn exclusions_come_from_files_and_a_missing_file_is_no_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("never");
    fs::write(&path, "# power supplies\r\n192.0.2.11\r\n*.oob.example.test\r\n").expect("a file");
    let all = services();
    let scope = Scope::new(&all, None, &[path.display().to_string()]).expect("a file of rules");
    assert_eq!(scope.decide(&all[0], Some("192.0.2.11".parse().expect("an address"))), Some(Skip::Excluded));
    assert_eq!(scope.unmatched(), ["`*.oob.example.test`"]);
    for missing in ["no-such-exclusions.txt", "no/such/file", "LIST.CSV"] {
        let error = Scope::new(&all, None, &[missing.to_owned()]).expect_err("a file that is missing");
        assert!(matches!(error, Error::Unreadable { .. }), "{missing}: {error}");
    }
}

#[test]
fn fragile_is_a_column_or_a_tag() {
    let fragile: Vec<bool> = services().iter().map(is_fragile).collect();
    assert_eq!(fragile, [false, false, true, true]);
}
