//! The dashboard as JSON: the whole of it for `--format json`, and the compact copy inside the page.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::data::{Dashboard, ServiceRow};
use crate::model::facet::FacetKind;

/// Writes all of it as one object on one line.
pub fn json(dashboard: &Dashboard, out: &mut dyn Write) -> io::Result<()> {
    super::super::json::write(dashboard, out)?;
    writeln!(out)
}

/// The columns of the services in the page's copy.
const COLUMNS: [&str; 11] = [
    "row_id",
    "label",
    "owner",
    "exposure",
    "state",
    "verdict",
    "reason",
    "facets",
    "due",
    "first_seen",
    "last_seen",
];

/// The copy inside the page: the same keys, but services as rows under `columns` and keys without their places, so
/// that thousands fit; `full` says where the whole of it is had. Safe inside a `script` element: no `<`, `>` or `&`.
pub(super) fn embedded(dashboard: &Dashboard) -> String {
    let mut value = serde_json::to_value(dashboard).unwrap_or_default();
    if let Value::Object(object) = &mut value {
        object.insert("full".to_owned(), json!("allclear report --format json"));
        let rows: Vec<Value> = dashboard.services.iter().map(row).collect();
        object.insert("services".to_owned(), json!({ "columns": COLUMNS, "rows": rows }));
        if let Some(Value::Array(keys)) = object.get_mut("keys") {
            for key in keys {
                narrow(key);
            }
        }
        // Each of these stands in the services' rows as well.
        for name in ["unknowns", "events", "words"] {
            object.remove(name);
        }
    }
    let text = super::super::json::to_string(&value);
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn narrow(key: &mut Value) {
    let Value::Object(key) = key else { return };
    let places: Vec<Value> = match key.get("endpoints") {
        Some(Value::Array(places)) => places.iter().filter_map(|p| p.get("row_id").cloned()).collect(),
        _ => Vec::new(),
    };
    key.insert("endpoints".to_owned(), Value::Array(places));
    if let Some(Value::Array(certificates)) = key.get_mut("certificates") {
        for certificate in certificates {
            let digest = certificate.get("sha256").cloned().unwrap_or_default();
            *certificate = Value::Object(Map::from_iter([("sha256".to_owned(), digest)]));
        }
    }
}

fn row(service: &ServiceRow) -> Value {
    // A facet in one word, with its grade: `done E3`.
    let facet = |kind: &FacetKind| {
        service.facets.get(kind).map_or_else(String::new, |cell| match cell.grade {
            Some(grade) => format!("{} {grade}", cell.value),
            None => cell.value.to_string(),
        })
    };
    let facets: Vec<String> = FacetKind::ALL.iter().map(facet).collect();
    let seconds = |at: Option<crate::model::time::Timestamp>| at.map(crate::model::time::Timestamp::seconds);
    json!([
        service.row_id,
        service.label,
        service.owner,
        service.exposure,
        service.state,
        service.verdict,
        service.reason,
        facets.join(","),
        seconds(service.due),
        seconds(service.first_seen),
        seconds(service.last_seen),
    ])
}
