//! Labels and annotations: owners, words of ours, and tags.
//!
//! Annotations hold whole copies of objects and more; of them only those that begin with `allclear.` are read.

use super::{Dump, Object};
use crate::{
    inventory::{declare::Draft, host::quoted, intake::Intake, table::key, tree::Node},
    model::service::COLUMNS,
};

/// What every row of an object begins with. A word of ours that cannot be read is a bad record; the row is kept.
pub(super) fn draft(dump: &mut Dump<'_, '_>, object: &Object<'_, '_>, intake: &mut Intake<'_>) -> Draft {
    let mut draft = Draft::default();
    draft.tag_pair("namespace", &object.namespace);
    let part = |name: &str| object.node.at(&["metadata", name]).map(Node::entries).unwrap_or_default();
    for entry in part("labels") {
        let Some(value) = entry.node.scalar() else { continue };
        if entry.key.starts_with("allclear.") {
            continue;
        }
        let word = entry.key.rsplit('/').next().unwrap_or_default();
        let slot = match word {
            "owner" => &mut draft.declared.owner,
            "team" => &mut draft.declared.team,
            "env" | "environment" => &mut draft.declared.env,
            _ => {
                if !draft.tag_pair(&entry.key, &value) {
                    let reason = "labels that are not kept, since they may hold a credential or are too long";
                    dump.tally.add(reason, entry.at.line, &object.path());
                }
                continue;
            }
        };
        if slot.is_none() && !value.trim().is_empty() {
            *slot = Some(value.trim().to_owned());
        }
    }
    for entry in part("labels").iter().chain(part("annotations")) {
        let Some(word) = entry.key.strip_prefix("allclear.") else { continue };
        let column = key(word.rsplit('/').next().unwrap_or_default());
        let reach = ["id", "name", "address", "port", "transport"].contains(&column.as_str());
        let value = entry.node.scalar().unwrap_or_default();
        if reach || !COLUMNS.contains(&column.as_str()) {
            let message =
                format!("{} is no word for a service that is declared elsewhere", quoted(&entry.key));
            dump.bad(&entry.node, message, intake);
        } else if let Err(message) = draft.set(&column, &value) {
            dump.bad(&entry.node, format!("{}: {message}", quoted(&entry.key)), intake);
        }
    }
    draft
}

/// The value of an annotation.
pub(super) fn annotation<'n>(object: &'n Object<'_, '_>, name: &str) -> Option<&'n str> {
    object.node.at(&["metadata", "annotations"])?.get(name)?.text()
}

/// Whether an annotation says that TLS ends at this object, whatever its `tls` says.
pub(super) fn says_tls(object: &Object<'_, '_>) -> bool {
    let annotations = object.node.at(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    annotations.iter().any(|entry| {
        let value = entry.node.scalar().unwrap_or_default();
        let word = entry.key.rsplit('/').next().unwrap_or_default();
        let about = ["ssl", "tls", "certificate", "pre-shared-cert"].iter().any(|part| word.contains(part));
        let off = ["", "false", "off", "0", "disabled"].contains(&value.as_ref());
        (about && !off) || (word == "listen-ports" && value.contains("HTTPS"))
    })
}
