//! Templates of users: the documented data model is the real one, the documented example works, errors point.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/checklist-template.md");

/// The rows of a section's table: field and type.
fn documented(section: &str) -> BTreeMap<String, String> {
    let heading = format!("\n## Fields of {section}\n");
    let text = DOCUMENT.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {section:?}"));
    let text = text.split("\n## ").next().unwrap_or_default();
    let rows = text.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "field, type, example, meaning: {row}");
        assert!(!cells[3].is_empty(), "what it is: {row}");
        let simple = ![
            "glance",
            "list of list",
            "list of line",
            "list of tier",
            "list of group",
            "list of nothing owed",
        ]
        .contains(&cells[1]);
        assert!(!simple || !cells[2].is_empty(), "an example: {row}");
        (cells[0].trim_matches('`').to_owned(), cells[1].to_owned())
    })
    .collect()
}

/// What a template gets, with something in every list.
fn everything() -> Value {
    let mut context = context();
    context.first_words = vec!["Patch first.".to_owned()];
    let (hostile, _) = hostile("x");
    let mut lists = lists();
    lists[0].lines.push(hostile[0].lines[0].clone());
    lists[0].lines[1].attest = Some("allclear attest".to_owned());
    serde_json::to_value(view::view(&lists, &context)).expect("it serialises")
}

#[test]
fn the_documented_fields_are_those_that_there_are() {
    let page = everything();
    let list = &page["lists"][0];
    let line = &list["tiers"][0]["lines"][0];
    let sections = [
        ("the page", &page),
        ("a list", list),
        ("a tier", &list["tiers"][0]),
        ("a line", line),
        ("a glance", &list["glance"]),
        ("a group", &list["glance"]["waits"][0]),
        ("a nothing owed", &page["nothing_owed"][0]),
    ];
    for (section, value) in sections {
        let fields = value.as_object().unwrap_or_else(|| panic!("{section} has no sample"));
        let documented = documented(section);
        let known: BTreeSet<&String> = fields.keys().collect();
        assert_eq!(documented.keys().collect::<BTreeSet<_>>(), known, "fields of {section}");
        for (name, value) in fields {
            let kind = documented[name].as_str();
            let fits = match value {
                Value::String(_) => matches!(kind, "text" | "prose"),
                Value::Number(_) => kind == "number",
                Value::Bool(_) => kind == "yes or no",
                Value::Array(items) => match items.first() {
                    None => kind.starts_with("list of "),
                    Some(Value::String(_)) => matches!(kind, "list of text" | "list of prose"),
                    Some(_) => !matches!(kind, "list of text" | "list of prose"),
                },
                Value::Object(_) => kind == "glance",
                Value::Null => false,
            };
            assert!(fits, "{section}: `{name}` is documented as {kind}, and is {value}");
        }
    }
}

#[test]
fn the_documented_example_works() {
    let example = DOCUMENT.split("```handlebars\n").nth(1).and_then(|t| t.split("```").next());
    let template = Template { name: "example.hbs", text: example.expect("an example") };
    let text = markdown(&lists(), &context(), Some(template)).expect("it renders");
    for wanted in [
        "*team-web*: 1 of 5 settled",
        "- A2 Restart everything that maps the old library `web01.example.test:443` (to do)",
        "  - waits for A2 Restart everything that maps the old library: `web01.example.test:443`",
        "*nobody yet*: 0 of 1 settled",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
    assert!(!text.contains("A1"), "what is done is left out: {text}");
    html(&lists(), &context(), Some(template)).expect("it renders as HTML too");
}

#[test]
fn mistakes_point_at_file_line_and_column() {
    let table = [
        ("{{incident}}\n{{incidents}}", "ours.hbs:2:", "`incidents` is no field here"),
        ("\n\n{{#each lists}}\n  {{ownr}}\n{{/each}}", "ours.hbs:4:", "`ownr` is no field here"),
        ("a\n{{#if rotation}}x{{/if}}", "ours.hbs:2:", "`rotation` is no field here"),
        ("a\n{{#unless rotation}}x{{/unless}}", "ours.hbs:2:", "is no field here"),
        ("a\n{{#each listz}}x{{/each}}", "ours.hbs:2:", "is no field here"),
        ("a\n{{prose abuot}}", "ours.hbs:2:", "`abuot` is no field here"),
        ("a\n{{shout title}}", "ours.hbs:2:", "Helper not found shout"),
        ("a\nbc{{#each lists}}", "ours.hbs:2:", "the template cannot be read"),
        ("a\nbc{{> other}}", "ours.hbs:2:3: ", "templates stand alone"),
    ];
    for (text, place, why) in table {
        let error =
            markdown(&lists(), &context(), Some(Template { name: "ours.hbs", text })).expect_err(text);
        let error = error.to_string();
        assert!(error.starts_with(place) && error.contains(why), "input: {text:?}, got: {error}");
    }
}

#[test]
fn conditions_take_what_is_there() {
    let text = "{{#if about}}a{{else}}b{{/if}}{{#unless about}}c{{/unless}}{{#each lists}}{{#if total}}d{{/if}}{{#unless @last}},{{/unless}}{{/each}}";
    let shown = markdown(&lists(), &context(), Some(Template { name: "t", text })).expect("it renders");
    assert_eq!(shown, "bcd,d");
}
