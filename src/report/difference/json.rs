//! A comparison as JSON, `allclear.diff/1`. It compares nothing.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::json;
use crate::model::{
    difference::{Difference, Endpoint, Kind, Near, Stray, Undeclared, Why},
    service::Service,
};

/// The comparison as one JSON document, `allclear.diff/1`.
pub fn json(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let c = &difference.counts;
    let list = |kind: Kind| difference.count(kind);
    let document = json!({
        "schema": "allclear.diff/1",
        "counts": {
            "declared": c.declared, "discovered": c.discovered, "agree": c.agree, "probable": c.probable,
            "undeclared": list(Kind::Undeclared), "retired": list(Kind::Retired), "gone": list(Kind::Gone),
            "names": list(Kind::Names), "not_looked_at": c.not_looked_at, "no_address": c.no_address,
            "filtered": c.filtered, "closed_in_networks": c.closed_in_networks,
            "retired_closed": c.retired_closed, "retired_shared": c.retired_shared,
            "without_tls": c.without_tls, "names_elsewhere": c.names_elsewhere,
        },
        "undeclared": difference.undeclared.iter().map(undeclared_json).collect::<Vec<_>>(),
        "probable": difference.probable.iter().map(|p| {
            let mut item = endpoint_json(&p.found);
            item["probably"] = service_json(&p.service);
            item
        }).collect::<Vec<_>>(),
        "retired": difference.retired.iter().map(|r| {
            let mut item = service_json(&r.service);
            item["says"] = json!(r.says);
            item["open"] = r.found.iter().map(endpoint_json).collect();
            item
        }).collect::<Vec<_>>(),
        "gone": difference.gone.iter().map(|g| {
            let mut item = service_json(&g.service);
            item["why"] = why_json(&g.why);
            item
        }).collect::<Vec<_>>(),
        "names": difference.names.iter().map(stray_json).collect::<Vec<_>>(),
        "not_looked_at": c.not_looked_at,
        "filtered": c.filtered,
    });
    json::write(&document, out)?;
    writeln!(out)
}

fn endpoint_json(found: &Endpoint) -> Value {
    json!({
        "address": found.address, "port": found.port, "transport": found.transport, "wrap": found.wrap,
        "tls": found.tls, "service": found.service, "names": found.names,
        "certificate_names": found.certificate_names, "at": found.at, "sources": found.sources,
    })
}

fn undeclared_json(one: &Undeclared) -> Value {
    let mut item = endpoint_json(&one.found);
    item["near"] = rows(one.near.as_ref());
    item["near_by"] = json!(one.near.as_ref().map(|near| near.tie));
    item["near_owners"] = json!(one.near.as_ref().map(Near::owners).unwrap_or_default());
    item
}

fn rows(near: Option<&Near>) -> Value {
    near.into_iter().flat_map(|near| &near.services).map(|service| json!(service.row_id)).collect()
}

fn service_json(service: &Service) -> Value {
    json!({
        "row_id": service.row_id, "name": service.name, "address": service.addresses.first(), "port": service.port,
        "transport": service.transport, "owner": service.owner(), "sources": &*service.sources,
    })
}

fn why_json(why: &Why) -> Value {
    match why {
        Why::Closed { addresses, scans } => json!({
            "kind": "closed", "addresses": addresses,
            "scans": scans.iter().map(|(file, at)| json!({"file": file, "started_at": at})).collect::<Vec<_>>(),
        }),
        Why::NotInZone { origin, source, port } => {
            json!({"kind": "not-in-zone", "zone": origin, "source": source, "port": port})
        }
    }
}

fn stray_json(stray: &Stray) -> Value {
    json!({
        "name": stray.name, "addresses": stray.addresses, "near": rows(stray.near.as_ref()),
        "near_owners": stray.near.as_ref().map(Near::owners).unwrap_or_default(),
        "open": stray.open.iter().map(|(t, p)| json!({"transport": t, "port": p})).collect::<Vec<_>>(),
        "sources": stray.sources,
    })
}
