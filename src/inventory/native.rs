//! Records in the words of the native columns, as JSON Lines and the native YAML have them: a map becomes a service
//! or a secret.
//!
//! It reads no text and knows no file's layout; which map stands where is the format's. What a word means is
//! `declare`'s and `secrets`' to say.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Error,
    declare::{Draft, checked_id},
    format::{Format, TextFile},
    host::{Addresses, parse_addresses, parse_ports, quoted},
    intake::{Intake, Part, Row},
    records::{FIELD_LIMIT, Place},
    secrets,
    slip::{self, hint},
    table::{self, key},
    tree::{Node, Value},
};
use crate::model::{ids::RowId, loading::NoticeKind, service::COLUMNS, wrap::Wrap};

#[cfg(test)]
mod tests;

/// What `inventory list --jsonl` prints beside native columns; `addresses` and `row_id` are read, the rest is ours.
const PRINTED: &[&str] = &["sources", "secrets", "derived"];

/// Why a record is bad, and where.
pub(super) type Fault = (Place, String);

/// One map that says something about a record. What a later layer says takes the place of what an earlier one says.
#[derive(Clone, Copy)]
pub(super) struct Layer<'n, 't> {
    pub(super) node: &'n Node<'t>,
    /// Keys that are not the record's.
    pub(super) without: &'static [&'static str],
}

impl<'n, 't> Layer<'n, 't> {
    pub(super) const fn whole(node: &'n Node<'t>) -> Self {
        Self { node, without: &[] }
    }
}

/// One field of a record.
struct Field<'n, 't> {
    /// As it was written, trimmed.
    name: &'n str,
    key: String,
    at: Place,
    node: &'n Node<'t>,
}

/// Reads the records of one file.
pub(super) struct Records<'f> {
    file: &'f TextFile<'f>,
    format: &'static Format,
    /// The file may be our own listing, or somebody's export: a key with a list or a map is passed over and counted.
    /// Otherwise a person wrote it, and such a key is a slip.
    listing: bool,
    /// Keys of secrets that were told already.
    ignored: BTreeSet<String>,
    /// Lists and maps passed over: how many, and the first one's key and line.
    passed: u64,
    first: Option<(String, u32)>,
    /// Keys that became tags and are nearly a column, each with its first line.
    slips: BTreeMap<String, u32>,
}

impl<'f> Records<'f> {
    pub(super) const fn new(file: &'f TextFile<'f>, format: &'static Format, listing: bool) -> Self {
        Self {
            file,
            format,
            listing,
            ignored: BTreeSet::new(),
            passed: 0,
            first: None,
            slips: BTreeMap::new(),
        }
    }

    /// Tells what was passed over, and what may be a slip.
    pub(super) fn finish(self, intake: &mut Intake<'_>) {
        for (name, line) in &self.slips {
            slip::tell(name, self.file.source(self.format, *line, None), intake);
        }
        let Some((name, line)) = self.first else { return };
        let message = format!(
            "{} below keys that are no columns, the first below {}, cannot be tags and are not kept",
            if self.passed == 1 {
                "1 list or map".to_owned()
            } else {
                format!("{} lists or maps", self.passed)
            },
            quoted(&name)
        );
        intake.notice(NoticeKind::LeftOut, message, Some(self.file.source(self.format, line, None)));
    }

    /// Takes one service, or counts it as bad. The last layer is the record itself.
    pub(super) fn service(&mut self, layers: &[Layer<'_, '_>], intake: &mut Intake<'_>) -> Result<(), Error> {
        intake.count_row();
        let Some(own) = layers.last().map(|layer| layer.node) else { return Ok(()) };
        let built = fields(layers).and_then(|fields| Ok((self.rows(&fields, own.place)?, fields)));
        let (rows, fields) = match built {
            Ok(built) => built,
            Err(fault) => {
                self.bad(fault, intake);
                return Ok(());
            }
        };
        let at = |keys: &[&str]| {
            let place = keys.iter().find_map(|key| fields.iter().find(|field| field.key == *key));
            place.map_or(own.place, |field| field.node.place)
        };
        for row in rows {
            if let Err(refusal) = intake.take(row) {
                return refusal.settle(intake, &self.file.name, |part| {
                    let place = match part {
                        Part::Id => at(&["id", "row_id"]),
                        Part::Host => at(&["name", "address", "addresses"]),
                        Part::Address => at(&["address", "addresses", "name"]),
                        Part::Transport => at(&["transport", "wrap", "port"]),
                    };
                    (place.line, place.column)
                });
            }
        }
        Ok(())
    }

    /// Counts a record that is none.
    pub(super) fn no_record(&mut self, node: &Node<'_>, expected: &str, intake: &mut Intake<'_>) {
        intake.count_row();
        self.bad((node.place, format!("{} stands here; expected {expected}", node.kind())), intake);
    }

    pub(super) fn bad(&self, (place, message): Fault, intake: &mut Intake<'_>) {
        intake.bad(&self.file.name, place.line, place.column, message);
    }

    /// The rows of one record: one, or one for each address.
    fn rows(&mut self, fields: &[Field<'_, '_>], place: Place) -> Result<Vec<Row<'static>>, Fault> {
        let Reach { name, addresses, row_id } = reach(fields, self.listing)?;
        let mut draft = self.draft(fields, place.line)?;
        let source = self.file.source(self.format, place.line, None);
        if addresses.len() > 1 {
            let net = addresses.iter().find(|(_, a)| matches!(a, Addresses::Net(_)));
            if let (Some(_), Some((at, _))) = (&name, net) {
                let message =
                    "a CIDR with a name: a name is one service; leave the name out, or list addresses";
                return Err((*at, message.to_owned()));
            }
            if let (None, true, Some((at, _))) = (&name, draft.id.is_some(), addresses.first()) {
                let message = "an id is one row, and this record has more than one address and no name";
                return Err((*at, message.to_owned()));
            }
        }
        let mut drafts = Vec::with_capacity(addresses.len().max(1));
        let each = addresses.iter().map(|(_, address)| Some(*address));
        let each: Vec<_> = if addresses.is_empty() { vec![None] } else { each.collect() };
        for address in each {
            draft.addresses = address;
            if let Some((at, name)) = &name {
                draft.host(name).map_err(|why| (*at, why))?;
            }
            drafts.push(draft.clone());
        }
        if let (Some((at, id)), Some(first)) = (row_id, drafts.first().filter(|first| first.id.is_none()))
            && derived(first).is_none_or(|own| own.as_str() != id)
        {
            if drafts.len() > 1 && first.name.is_none() {
                return Err((
                    at,
                    "a row_id is one row, and this record has more than one address".to_owned(),
                ));
            }
            let id = checked_id(&id).map_err(|why| (at, why))?.to_owned();
            for draft in &mut drafts {
                draft.id = Some(id.clone());
            }
        }
        Ok(drafts.into_iter().map(|draft| draft.row(source.clone())).collect())
    }

    /// What a record says besides its host.
    fn draft(&mut self, fields: &[Field<'_, '_>], line: u32) -> Result<Draft, Fault> {
        let mut draft = Draft::default();
        for field in fields {
            match field.key.as_str() {
                "name" | "address" => {}
                "addresses" | "row_id" if self.listing => {}
                printed if self.listing && PRINTED.contains(&printed) => {}
                "" => return Err((field.at, "an empty key; expected the name of a column".to_owned())),
                "port" => {
                    for (at, text) in words(field, true)? {
                        for port in parse_ports(&text).map_err(|why| (at, why))? {
                            if !draft.ports.contains(&port) {
                                draft.ports.push(port);
                            }
                        }
                    }
                }
                "expect" => {
                    let all: Vec<_> = words(field, true)?.into_iter().map(|(_, text)| text).collect();
                    draft.set("expect", &all.join("; ")).map_err(|why| (field.node.place, why))?;
                }
                column if COLUMNS.contains(&column) => {
                    for (at, text) in words(field, column == "tags")? {
                        draft.set(column, &text).map_err(|why| (at, why))?;
                    }
                }
                _ if matches!(field.node.value, Value::Seq(_) | Value::Map(_)) => {
                    self.no_tag(field, line)?;
                }
                _ => {
                    if slip::column(field.name).is_some() {
                        self.slips.entry(field.name.to_owned()).or_insert(field.at.line);
                    }
                    for (_, text) in words(field, false)? {
                        draft.tag(format!("{}={text}", field.name));
                    }
                }
            }
        }
        Ok(draft)
    }

    /// A list or a map below a key that is no column.
    fn no_tag(&mut self, field: &Field<'_, '_>, line: u32) -> Result<(), Fault> {
        if self.listing {
            self.passed += 1;
            self.first.get_or_insert_with(|| (field.name.to_owned(), line));
            return Ok(());
        }
        let kind = field.node.kind();
        let message = format!(
            "{} is no column, and {kind} cannot be kept as a tag{}",
            quoted(field.name),
            hint(&field.key, COLUMNS)
        );
        Err((field.at, message))
    }

    /// Whether what stands for every service can be read at all.
    pub(super) fn defaults(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let fields = fields(&[Layer::whole(node)])?;
        if let Some(field) = fields.iter().find(|f| matches!(f.key.as_str(), "id" | "name" | "address")) {
            let message = format!("{} belongs to one service and is no default", quoted(field.name));
            return Err((field.at, message));
        }
        self.draft(&fields, node.place.line).map(|_| ())
    }

    /// Takes one secret, or counts it as bad.
    pub(super) fn secret(&mut self, node: &Node<'_>, intake: &mut Intake<'_>) {
        intake.count_row();
        let taken = fields(&[Layer::whole(node)]).and_then(|fields| self.secret_of(node, &fields, intake));
        if let Err(fault) = taken {
            self.bad(fault, intake);
        }
    }

    fn secret_of(
        &mut self,
        node: &Node<'_>,
        fields: &[Field<'_, '_>],
        intake: &mut Intake<'_>,
    ) -> Result<(), Fault> {
        let mut texts = BTreeMap::new();
        for field in fields {
            let list = matches!(field.key.as_str(), "services" | "delivered_through" | "check");
            if secrets::COLUMNS.contains(&field.key.as_str()) {
                let all: Vec<_> = words(field, list)?.into_iter().map(|(_, text)| text).collect();
                texts.insert(field.key.as_str(), all.join(";"));
            } else if self.ignored.insert(field.key.clone()) {
                let source = self.file.source(self.format, field.at.line, None);
                intake.notice(NoticeKind::IgnoredColumn, secrets::not_kept("key", field.name), Some(source));
            }
        }
        let at = |column: &str| {
            fields.iter().find(|field| field.key == column).map_or(node.place, |field| field.node.place)
        };
        let source = self.file.source(self.format, node.place.line, None);
        let get = |column: &str| texts.get(column).map_or("", String::as_str);
        let secret = secrets::secret(get, source).map_err(|(column, message)| (at(column), message))?;
        intake.take_secret(secret).map_err(|message| (at("secret_id"), message))
    }
}

/// Refuses the whole file where a key says that it holds values of secrets, however deep it stands.
pub(super) fn refuse_values(file: &TextFile<'_>, node: &Node<'_>) -> Result<(), Error> {
    for entry in node.entries().iter().filter(|entry| entry.key != "derived") {
        let key = key(&entry.key);
        if table::is_forbidden(&key) {
            return Err(file.refused(entry.at.line, entry.at.column, table::refusal("key", &key)));
        }
        refuse_values(file, &entry.node)?;
    }
    node.items().iter().try_for_each(|item| refuse_values(file, item))
}

/// The fields of a record, each once.
fn fields<'n, 't>(layers: &[Layer<'n, 't>]) -> Result<Vec<Field<'n, 't>>, Fault> {
    let mut fields: Vec<Field<'n, 't>> = Vec::new();
    let mut known: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate() {
        let place = layer.node.place;
        for entry in layer.node.entries() {
            let field =
                Field { name: entry.key.trim(), key: key(&entry.key), at: entry.at, node: &entry.node };
            if layer.without.contains(&field.key.as_str()) {
                continue;
            }
            // What was merged by `<<` stands before the map, and may be said again.
            let own = (entry.at.line, entry.at.column) >= (place.line, place.column);
            let layer_of = if own { number * 2 + 1 } else { number * 2 };
            match known.get(&field.key).copied() {
                Some((_, before)) if before == layer_of && own => {
                    return Err((entry.at, format!("{} stands twice in this record", quoted(field.name))));
                }
                Some((at, _)) => {
                    known.insert(field.key.clone(), (at, layer_of));
                    if let Some(slot) = fields.get_mut(at) {
                        *slot = field;
                    }
                }
                None => {
                    known.insert(field.key.clone(), (fields.len(), layer_of));
                    fields.push(field);
                }
            }
        }
    }
    Ok(fields)
}

/// The texts of a field that say something: one, or those of a list where one is allowed.
fn words<'n>(field: &Field<'n, '_>, list: bool) -> Result<Vec<(Place, Cow<'n, str>)>, Fault> {
    let node = field.node;
    let parts = match &node.value {
        Value::Null => &[],
        Value::Seq(items) if list => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut words = Vec::with_capacity(parts.len());
    for part in parts.iter().filter(|part| part.value != Value::Null) {
        let Some(text) = part.scalar() else {
            let expected = if list { "a text or a list of texts" } else { "a text" };
            let message = format!("{} is {}; expected {expected}", quoted(field.name), part.kind());
            return Err((part.place, message));
        };
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        fits(field, &text).map_err(|why| (part.place, why))?;
        if !text.is_empty() {
            words.push((part.place, text));
        }
    }
    Ok(words)
}

/// What holds of a cell of the CSV holds here.
fn fits(field: &Field<'_, '_>, text: &str) -> Result<(), String> {
    let name = quoted(field.name);
    if text.len() > FIELD_LIMIT {
        return Err(format!("{name} has {} bytes; at most {FIELD_LIMIT} are read", text.len()));
    }
    let key = field.key.as_str();
    let ours = COLUMNS.contains(&key) || secrets::one_line(key);
    let free = |c: char| matches!(c, '\n' | '\r' | '\t') && !ours;
    match text.chars().find(|&c| c.is_control() && !free(c)) {
        Some(c) => {
            let c = quoted(&c.to_string());
            Err(format!("{name} has the control character {c}; expected text on one line"))
        }
        None => Ok(()),
    }
}

/// How a record says where its service is.
struct Reach<'n> {
    name: Option<(Place, Cow<'n, str>)>,
    addresses: Vec<(Place, Addresses)>,
    row_id: Option<(Place, Cow<'n, str>)>,
}

fn reach<'n>(fields: &[Field<'n, '_>], listing: bool) -> Result<Reach<'n>, Fault> {
    let mut reach = Reach { name: None, addresses: Vec::new(), row_id: None };
    let mut seen = BTreeSet::new();
    for field in fields {
        match field.key.as_str() {
            "name" => reach.name = words(field, false)?.pop(),
            "row_id" if listing => reach.row_id = words(field, false)?.pop(),
            "address" | "addresses" if listing || field.key == "address" => {
                for (at, text) in words(field, true)? {
                    let addresses = parse_addresses(&text).map_err(|why| (at, why))?;
                    if seen.insert(format!("{addresses:?}")) {
                        reach.addresses.push((at, addresses));
                    }
                }
            }
            _ => {}
        }
    }
    if reach.name.is_none()
        && reach.addresses.is_empty()
        && let Some((field, ours)) = fields.iter().find_map(|f| Some((f, alias(&f.key)?)))
    {
        let message =
            format!("a row needs a name or an address; {} is called `{ours}` here", quoted(field.name));
        return Err((field.at, message));
    }
    Ok(reach)
}

/// What a host's key of an asset list is called here.
fn alias(theirs: &str) -> Option<&'static str> {
    table::ALIASES.iter().find(|(_, all)| all.contains(&theirs)).map(|(ours, _)| *ours)
}

/// The id that a record would have without one, where it is one service.
fn derived(draft: &Draft) -> Option<RowId> {
    let (&[port], address) = (draft.ports.as_slice(), draft.addresses) else { return None };
    let wrap = draft.wrap.unwrap_or_else(|| Wrap::for_port(port));
    let transport = draft.transport.unwrap_or_else(|| wrap.transport());
    let host = match (&draft.name, address) {
        (Some(name), _) => name.clone(),
        (None, Some(Addresses::One(address))) => address.to_string(),
        (None, _) => return None,
    };
    Some(RowId::derived(&host, port, transport, wrap, draft.sni.as_deref().unwrap_or_default()))
}
