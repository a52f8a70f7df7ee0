use std::collections::{BTreeMap, BTreeSet};

use super::super::types::{SecretType, Types, TypesError};
use super::build;
use crate::model::secret::{SecretState, Tier};

const SERVICES: &str = include_str!("../service_types.toml");
const SECRETS: &str = include_str!("../secret_types.toml");

fn types() -> Types {
    Types::parse(SERVICES, SECRETS).expect("the embedded tables parse")
}

#[test]
fn every_code_of_the_rotation_table_is_there_once() {
    let types = types();
    let codes: Vec<&str> = types.secret_types().iter().map(|t| t.code.as_str()).collect();
    let expected = [
        "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9",
        "C10", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "E1", "E2", "F1",
    ];
    assert_eq!(codes, expected);
    assert_eq!(types.secret_type("a word of our own").code, "C0");
}

#[test]
fn every_row_says_all_that_a_line_needs() {
    let types = types();
    for kind in types.secret_types() {
        let texts = [&kind.title, &kind.exposed_if, &kind.evidence, &kind.checkable, &kind.impact];
        assert!(texts.iter().all(|t| !t.trim().is_empty()), "{} has an empty text", kind.code);
        assert!(!kind.steps.is_empty(), "{} has no steps", kind.code);
        assert_eq!(kind.tier.as_str(), &kind.code[..1], "tier of {}", kind.code);
        let attest: SecretState = kind.attest.parse().expect("a secret state");
        assert!(attest.closes(), "{} would stay open after it is attested", kind.code);
        let hints = kind.commands.iter().map(|h| &h.text);
        for text in kind.steps.iter().chain(texts).chain(hints) {
            assert_eq!(text.matches('`').count() % 2, 0, "{}: backticks in {text:?}", kind.code);
        }
    }
    for kind in types.service_types() {
        assert!(!kind.drops.is_empty() && !kind.title.is_empty(), "{} lacks words", kind.name);
        for text in kind.place.iter().chain([&kind.drops]) {
            assert_eq!(text.matches('`').count() % 2, 0, "{}: backticks in {text:?}", kind.name);
        }
        for command in kind.test.iter().chain(&kind.reload).chain(kind.units.iter().flatten()) {
            assert!(!command.contains('`'), "{}: {command:?} is put between backticks", kind.name);
        }
        let own = ["B1", "B2"].iter().filter(|c| kind.holds.iter().any(|h| h == *c)).count();
        assert!(
            own == 0 || ["balancer", "haproxy"].contains(&kind.name.as_str()),
            "{} implies what every TLS service has",
            kind.name
        );
    }
}

#[test]
fn what_comes_first_never_runs_in_a_circle_or_to_a_later_tier() {
    let types = types();
    let by_code: BTreeMap<&str, &SecretType> =
        types.secret_types().iter().map(|t| (t.code.as_str(), t)).collect();
    for kind in types.secret_types() {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut todo: Vec<&str> = kind.after.iter().map(String::as_str).collect();
        while let Some(code) = todo.pop() {
            assert!(by_code[code].tier <= kind.tier, "{} waits for {code} of a later tier", kind.code);
            if reached.insert(code) {
                todo.extend(by_code[code].after.iter().map(String::as_str));
            }
        }
        assert!(!reached.contains(kind.code.as_str()), "{} waits for itself", kind.code);
    }
}

#[test]
fn services_are_typed_by_word_then_wrap_then_port() {
    let types = types();
    let table: &[(&str, u16, &str)] = &[
        ("coturn", 443, "turn"),
        ("Management Card", 443, "bmc"),
        ("management_card", 443, "bmc"),
        ("redis", 443, "redis"),
        ("amqp", 443, "queue"),
        ("vsftpd", 443, "vsftpd"),
        ("", 21, "ftp"),
        ("", 119, "news"),
        ("", 3389, "rdp"),
        ("", 1433, "mssql"),
        ("httpd", 25, "apache"),
        ("", 25, "smtp"),
        ("", 465, "smtp"),
        ("", 587, "smtp"),
        ("", 993, "imap"),
        ("", 110, "imap"),
        ("", 5222, "xmpp"),
        ("", 5269, "xmpp"),
        ("", 5349, "turn"),
        ("", 3478, "turn"),
        ("", 389, "ldap"),
        ("", 636, "ldap"),
        ("", 443, "https"),
        ("", 8443, "https"),
        ("", 5432, "postgres"),
        ("", 3306, "mysql"),
        ("", 631, "printer"),
        ("", 1194, "vpn"),
        ("our own word", 636, "ldap"),
        ("our own word", 40_000, "generic"),
    ];
    for (word, port, expected) in table {
        let service = build::typed("h.example.test", *port, word, None);
        assert_eq!(types.of_service(&service).name, *expected, "type {word:?} port {port}");
    }
}

#[test]
fn secret_words_are_read_in_any_spelling() {
    let types = types();
    let table = [
        ("c7", "C7"),
        ("TURN secret", "C7"),
        ("static_auth_secret", "C7"),
        (" Database-Password ", "C1"),
        ("dkim", "D6"),
        ("C10", "C10"),
        ("", "C0"),
        ("\u{1b}[31m", "C0"),
    ];
    for (word, expected) in table {
        assert_eq!(types.secret_type(word).code, expected, "word: {word:?}");
    }
    assert_eq!(types.secret_type("whatever").tier, Tier::C);
}

#[test]
fn bad_tables_are_refused() {
    let twice = format!("{SERVICES}\n[[type]]\nname = \"coturn\"\n");
    let unknown = format!("{SERVICES}\n[[type]]\nname = \"new\"\nholds = [\"Z9\"]\n");
    let empty = format!("{SERVICES}\n[[type]]\nname = \"new\"\ntitle = \"x\"\n");
    let table = [
        (twice.as_str(), "Ambiguous"),
        (unknown.as_str(), "UnknownCode"),
        ("[[type]]\nname = \"a\"\n", "NoGeneric"),
        ("[[type]]\nnoname = 1\n", "Shape"),
        ("\0", "Shape"),
        (empty.as_str(), "Row"),
    ];
    for (services, expected) in table {
        let got = Types::parse(services, SECRETS).map(|_| ());
        let name = match got {
            Ok(()) => "accepted",
            Err(TypesError::Shape { .. }) => "Shape",
            Err(TypesError::Ambiguous { .. }) => "Ambiguous",
            Err(TypesError::UnknownCode { .. }) => "UnknownCode",
            Err(TypesError::NoGeneric) => "NoGeneric",
            Err(TypesError::Row { .. }) => "Row",
        };
        assert_eq!(name, expected, "table ends: {:?}", services.lines().last());
    }
}
