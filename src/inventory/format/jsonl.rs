//! Native JSON Lines: one service or secret a line, in the words of the native CSV; also a JSON array of such
//! objects. It reads back what `inventory list --jsonl` prints.

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        intake::Intake,
        native::{Layer, Records, refuse_values},
        tree::{self, Node, Value},
    },
    model::discovery::Role,
};

#[cfg(test)]
mod tests;

pub(super) const FORMAT: Format = Format { name: "jsonl", letter: b'J', role: Role::Declares, detect, read };

/// The keys of which a record has one. As they are written here: `Address` is another tool's.
const TELLING: &[&str] = &["name", "address", "addresses", "row_id", "secret_id"];

/// Keys by which another document of ours, or of another tool, names its kind.
const FOREIGN: &[&str] = &["schema", "record", "kind", "apiVersion", "version", "allclear"];

fn detect(peek: &Peek<'_>) -> bool {
    let keys = peek.json_keys();
    let any = |known: &[&str]| keys.iter().any(|key| known.contains(&key.as_str()));
    any(TELLING) && !any(FOREIGN)
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut records = Records::new(file, &FORMAT, true);
    match whole(file)? {
        Some(node) => {
            let one = std::slice::from_ref(&node);
            let items = if matches!(node.value, Value::Seq(_)) { node.items() } else { one };
            items.iter().try_for_each(|item| record(file, item, &mut records, intake))?;
        }
        None => {
            for line in tree::json_lines(file.text) {
                match line {
                    Ok(node) => record(file, &node, &mut records, intake)?,
                    Err(fault) => {
                        intake.count_row();
                        records.bad((fault.place, fault.message), intake);
                    }
                }
            }
        }
    }
    records.finish(intake);
    Ok(())
}

/// The text as one document: an array, or an object over several lines.
fn whole<'t>(file: &TextFile<'t>) -> Result<Option<Node<'t>>, Error> {
    match file.text.trim_ascii_start().first() {
        Some(b'[') => tree::json(file.text).map(Some).map_err(|fault| file.broken(fault)),
        Some(b'{') => match tree::json_lines(file.text).next() {
            Some(Err(_)) => Ok(tree::json(file.text).ok()),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn record(
    file: &TextFile<'_>,
    node: &Node<'_>,
    records: &mut Records<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    if !matches!(node.value, Value::Map(_)) {
        records.no_record(node, "an object such as {\"name\":\"web01.example.test\",\"port\":443}", intake);
        return Ok(());
    }
    refuse_values(file, node)?;
    if node.get("secret_id").is_some() {
        records.secret(node, intake);
        return Ok(());
    }
    records.service(&[Layer::whole(node)], intake)
}
