//! The dashboard as JSON: the whole of it for `--format json`, and the compact copy inside the page.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::data::{Dashboard, Key, SecretRow, ServiceRow};
use crate::model::{facet::FacetKind, time::Timestamp};

/// Writes all of it as one object on one line.
pub fn json(dashboard: &Dashboard, out: &mut dyn Write) -> io::Result<()> {
    super::super::json::write(dashboard, out)?;
    writeln!(out)
}

/// The copy inside the page: the same keys, but services, keys and secrets as rows under `columns`, so that thousands
/// fit, and without what stands in these as well; `full` says where the whole of it is had. Safe inside a `script`
/// element: no `<`, `>` or `&`.
pub(super) fn embedded(dashboard: &Dashboard) -> String {
    // Lists are written as rows below: the object is made without them.
    let small = Dashboard {
        services: Vec::new(),
        keys: Vec::new(),
        secrets: Vec::new(),
        unknowns: Vec::new(),
        events: Vec::new(),
        words: Vec::new(),
        regressions: Vec::new(),
        undeclared: Vec::new(),
        ..dashboard.clone()
    };
    let mut value = serde_json::to_value(small).unwrap_or_default();
    if let Value::Object(object) = &mut value {
        object.insert("full".to_owned(), json!("allclear report --format json"));
        for name in ["unknowns", "events", "words", "regressions", "undeclared"] {
            object.remove(name);
        }
        object.insert("services".to_owned(), rows(&SERVICE, dashboard.services.iter().map(service)));
        object.insert("keys".to_owned(), rows(&KEY, dashboard.keys.iter().map(key)));
        let in_reach = dashboard.secrets.iter().filter(|s| s.in_reach);
        object.insert("secrets_in_reach".to_owned(), rows(&SECRET, in_reach.map(secret)));
        object.remove("secrets");
    }
    let text = super::super::json::to_string(&value);
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn rows(columns: &[&str], rows: impl Iterator<Item = Value>) -> Value {
    json!({ "columns": columns, "rows": rows.collect::<Vec<_>>() })
}

fn seconds(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::seconds)
}

const SERVICE: [&str; 9] =
    ["row_id", "label", "owner", "exposure", "state", "reason", "facets", "due", "last_seen"];

fn service(service: &ServiceRow) -> Value {
    // A facet in one word, with its grade: `done E3`.
    let facet = |kind: &FacetKind| {
        service.facets.get(kind).map_or_else(String::new, |cell| match cell.grade {
            Some(grade) => format!("{} {grade}", cell.value),
            None => cell.value.to_string(),
        })
    };
    let facets: Vec<String> = FacetKind::ALL.iter().map(facet).collect();
    json!([
        service.row_id,
        service.label,
        service.owner,
        service.exposure,
        service.state,
        service.reason,
        facets.join(","),
        seconds(service.due),
        seconds(service.last_seen),
    ])
}

const KEY: [&str; 7] =
    ["spki", "exposure", "serving", "endpoints", "certificates", "in_reach_until", "last_served"];

fn key(key: &Key) -> Value {
    json!([
        key.spki,
        key.exposure,
        key.serving,
        key.endpoints.len(),
        key.certificates.len(),
        seconds(key.window.until),
        seconds(key.window.last_served),
    ])
}

const SECRET: [&str; 5] = ["id", "kind", "owner", "state", "closed"];

fn secret(secret: &SecretRow) -> Value {
    json!([secret.id, secret.kind, secret.owner, secret.state, secret.closed])
}
