//! The schema that editors use says what the loader reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

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
fn a_near_miss_is_named() {
    let table = [
        ("servces", "; did you mean `services`?"),
        ("serivces", "; did you mean `services`?"),
        ("Hosts", "; did you mean `hosts`?"),
        ("hots", "; did you mean `hosts`?"),
        ("inventory", ""),
        ("", ""),
    ];
    for (word, expected) in table {
        assert_eq!(hint(word, &["hosts", "services"]), expected, "{word}");
    }
    assert_eq!(distance("ab", "ba"), 1);
    assert_eq!(distance("kitten", "sitting"), 3);
}
