//! The schema that editors use says what the loader reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::inventory::{Input, Options, load};

fn schema() -> Value {
    let text = include_str!("../../../inventory/allclear-inventory.schema.json");
    serde_json::from_str(text).expect("the schema is JSON")
}

fn names(schema: &Value, at: &str) -> BTreeSet<String> {
    let properties = schema.pointer(at).and_then(Value::as_object).expect("properties");
    properties.keys().cloned().collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_schema_has_the_columns_of_the_loader() {
    let schema = schema();
    assert_eq!(names(&schema, "/$defs/columns/properties"), set(COLUMNS));
    assert_eq!(names(&schema, "/$defs/secret/properties"), set(secrets::COLUMNS));
    let mut host = set(COLUMNS);
    host.insert("services".to_owned());
    assert_eq!(names(&schema, "/$defs/host/then/properties"), host);
    let described = schema.pointer("/$defs/columns/properties").and_then(Value::as_object).expect("a map");
    assert!(described.values().all(|property| property["description"].is_string()));
}

#[test]
fn a_misspelt_column_is_told_once_and_stays_a_tag() {
    let yaml = "allclear: 1\nservices:\n- {name: a.test, prt: 443, rack: 7}\n- {name: b.test, prt: 443}\n";
    let csv = "Name;Adress;Onwer;Rack\nweb;;ops;7\n";
    let table = [("yaml", yaml, &["`prt`", "`port`", ":3"][..]), ("csv", csv, &["`Onwer`", "`owner`", ":1"])];
    for (format, text, parts) in table {
        let input = Input::Text { name: "t".into(), text: text.into(), format: Some(format) };
        let loaded = load(&[input], &[], &Options::default()).unwrap();
        let slips = loaded.notices.iter().filter(|n| n.kind == NoticeKind::LikelySlip);
        let slips: Vec<String> = slips.map(ToString::to_string).collect();
        let told = slips.iter().any(|slip| parts.iter().all(|part| slip.contains(part)));
        assert!(told && slips.len() <= 2, "{format}: {slips:?}");
        assert_eq!(loaded.faults(), 0);
    }
}

#[test]
fn a_row_of_very_many_columns_is_read_in_bounded_time() {
    let names: String = (0..60_000).map(|n| format!(",c{n}")).collect();
    let text = format!("name{names}\nweb{}\n", ",1".repeat(60_000));
    let input = Input::Text { name: "t".into(), text: text.into(), format: None };
    let loaded = load(&[input], &[], &Options::default()).unwrap();
    let tags = &loaded.services[0].declared.tags;
    assert_eq!((tags.len(), tags.last().map(String::as_str)), (501, Some("more-tags=not-kept")));
}
