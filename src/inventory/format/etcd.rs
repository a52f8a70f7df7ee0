//! etcd v3 keys and values, as `etcdctl get --prefix -w json` prints them and `/v3/kv/range` answers: several such
//! answers may stand one after another.
//!
//! A value is a service where it says so: a record of SkyDNS, a JSON object with a host, a bare `host:port`. Every
//! other value is somebody's configuration or secret: it is counted, and neither kept nor quoted.

mod value;

use data_encoding::BASE64;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::quoted,
        intake::Intake,
        registry,
        tree::{self, Node, Value},
    },
    model::{discovery::Role, loading::NoticeKind},
};
use value::Found;

pub(super) const FORMAT: Format = Format { name: "etcd", letter: b'E', role: Role::Declares, detect, read };

/// How to get what is read here.
const HOW: &str = "print it with `etcdctl get --prefix -w json`";

fn detect(peek: &Peek<'_>) -> bool {
    let begins = peek.text.get(..512).unwrap_or(peek.text);
    peek.first_byte() == Some(b'{')
        && (peek.has_json_keys(&["header", "kvs"])
            || peek.has_json_keys(&["kvs", "count"])
            || (peek.has_json_keys(&["header"]) && memchr::memmem::find(begins, b"\"cluster_id\"").is_some()))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let first = file.text.trim_ascii_start().first();
    if first.is_some_and(|&first| first != b'{') {
        let message = format!("this is not JSON, and plain output of etcdctl is ambiguous; {HOW}");
        return Err(file.refused(1, 1, message));
    }
    let mut counts = Counts::default();
    for answer in tree::json_stream(file.text, &[]) {
        let answer = answer.map_err(|fault| file.broken(fault))?;
        let keys = keys_of(file, &answer)?;
        counts.more = matches!(answer.get("more").map(|more| &more.value), Some(Value::Bool(true)));
        for kv in keys {
            counts.keys += 1;
            one(file, intake, kv, &mut counts)?;
        }
    }
    counts.tell(file, intake)
}

/// The key-value pairs of one answer.
fn keys_of<'a, 't>(file: &TextFile<'_>, answer: &'a Node<'t>) -> Result<&'a [Node<'t>], Error> {
    let place = answer.place;
    let refused = |message: String| Err(file.refused(place.line, place.column, message));
    if answer.get("kvs").is_none() && answer.get("error").is_some() {
        return refused("this is an error of etcd, not an answer with keys".to_owned());
    }
    match answer.get("kvs").map(|kvs| &kvs.value) {
        Some(Value::Seq(kvs)) => Ok(kvs),
        None | Some(Value::Null) if answer.get("header").is_some() => Ok(&[]),
        _ => refused(format!("expected an answer of etcd with a list `kvs`; {HOW}")),
    }
}

#[derive(Default)]
struct Counts {
    keys: u64,
    /// Values that are no service.
    other: u64,
    /// Values beside the services that were not kept.
    refused: u64,
    /// The last answer says that there is more than it holds.
    more: bool,
}

impl Counts {
    fn tell(self, file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
        if self.keys == 0 {
            return Err(file.refused(1, 1, "holds no key; look at the prefix that was asked for".to_owned()));
        }
        let source = file.source(&FORMAT, 1, None);
        if self.other > 0 {
            let message = format!(
                "{} of {} keys hold no service and were left out: a service is a record of SkyDNS, a JSON object \
                 with a host, or `host:port`",
                self.other, self.keys
            );
            intake.notice(NoticeKind::LeftOut, message, Some(source.clone()));
        }
        if self.more {
            let message = "etcd has more keys than were printed (`more` is true); print them without --limit";
            intake.notice(NoticeKind::LeftOut, message, Some(source.clone()));
        }
        registry::tell_refused(intake, self.refused, source);
        Ok(())
    }
}

/// One key and its value.
fn one(
    file: &TextFile<'_>,
    intake: &mut Intake<'_>,
    kv: &Node<'_>,
    counts: &mut Counts,
) -> Result<(), Error> {
    let (line, column) = (kv.place.line, kv.place.column);
    let (Some(key), Some(value)) = (bytes(kv, "key").filter(|key| !key.is_empty()), bytes(kv, "value"))
    else {
        intake.count_row();
        let message = "expected a `key` and a `value` in base64; print them with `-w json`".to_owned();
        intake.bad(&file.name, line, column, message);
        return Ok(());
    };
    let Ok(key) = String::from_utf8(key) else {
        counts.other += 1; // such keys belong to programs
        return Ok(());
    };
    match value::service(&key, &value) {
        Found::Other => counts.other += 1,
        Found::Bad(why) => {
            intake.count_row();
            intake.bad(&file.name, line, column, format!("key {}: {why}", quoted(&key)));
        }
        Found::Service(draft, refused) => {
            intake.count_row();
            counts.refused += refused;
            let row = draft.row(file.source(&FORMAT, line, Some(&key)));
            if let Err(refusal) = intake.take(row) {
                refusal.settle(intake, &file.name, |_| (line, column))?;
            }
        }
    }
    Ok(())
}

/// Bytes in base64. An empty value is left out of the answers of the JSON gateway.
fn bytes(kv: &Node<'_>, name: &str) -> Option<Vec<u8>> {
    match kv.get(name) {
        None => matches!(kv.value, Value::Map(_)).then(Vec::new),
        Some(node) => BASE64.decode(node.text()?.as_bytes()).ok(),
    }
}

#[cfg(test)]
mod tests;
