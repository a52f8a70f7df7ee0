//! The native CSV (DESIGN: native inventory CSV), and the secrets CSV where the header shows one.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::{add_tag, checked_id, checked_sni, declare, hosts, word},
        host::{parse_addresses, parse_ports, quoted},
        intake::{Intake, Part, Row},
        records::{Next, Records},
        secrets, slip,
        table::{self, Header, fields, key},
    },
    model::{
        discovery::Role,
        service::{COLUMNS, Declared, Source},
        wrap::Wrap,
    },
};

pub(super) const FORMAT: Format =
    Format { name: table::FORMAT, letter: b'V', role: Role::Declares, detect, read };

/// Columns that say how to reach a service; the others are kept together and shared by rows that agree.
const REACH: &[&str] = &["id", "name", "address", "port", "transport", "wrap", "sni"];

/// How many different declarations are remembered for sharing.
const REMEMBERED: usize = 1 << 16;

/// A fault and the column of the record that it is about.
type Fault = (usize, String);

/// No line of a plain list has a comma, and none is a column's name alone.
fn detect(peek: &Peek<'_>) -> bool {
    let line = peek.first_line();
    if line.starts_with(b"{") {
        return false; // JSON of nobody's, which is told as such
    }
    let head = String::from_utf8_lossy(line.get(..1000).unwrap_or(line));
    let names: Vec<String> = head.split([',', ';', '\t']).map(|n| key(n.trim().trim_matches('"'))).collect();
    let known = |n: &String| {
        let alias = table::ALIASES.iter().any(|(_, theirs)| theirs.contains(&n.as_str()));
        alias || matches!(n.as_str(), "name" | "address" | "secret_id")
    };
    line.contains(&b',') || names.iter().any(known)
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut records = Records::new(file.text);
    let Some(header) = Header::read(file, &mut records)? else {
        return Ok(());
    };
    if header.position("secret_id").is_some() {
        return secrets::read_rows(file, &header, &mut records, intake);
    }
    if header.position("name").is_none() && header.position("address").is_none() {
        let place = records.place(0);
        return Err(file.refused(place.line, place.column, no_host_column(&header)));
    }
    let at = records.first_line();
    for (name, _) in header.names.iter().zip(&header.keys).filter(|(_, key)| !COLUMNS.contains(&key.as_str()))
    {
        slip::tell(name, file.source(&FORMAT, at, None), intake);
    }
    intake.expect_lines(file.text);
    let mut services = Services::new(file, &header);
    loop {
        match records.advance() {
            Next::End => return Ok(()),
            Next::Broken(place, message) => {
                intake.count_row();
                intake.bad(&file.name, place.line, place.column, message);
            }
            Next::Record => {
                intake.count_row();
                services.take(&mut records, intake)?;
            }
        }
    }
}

fn no_host_column(header: &Header) -> String {
    let found = quoted(&header.names.join(", "));
    format!("the header has neither `name` nor `address`, and one of them is needed; found {found}")
}

/// Reads the records of a services CSV.
struct Services<'h> {
    file: Arc<str>,
    format: Arc<str>,
    header: &'h Header,
    at: Places,
    /// Column by column: whether it belongs to [`Declared`], that is, not to [`REACH`].
    declares: Vec<bool>,
    remembered: HashMap<Vec<u8>, Arc<Declared>>,
    key: Vec<u8>,
}

/// Where the columns that reach a service stand.
struct Places {
    id: Option<usize>,
    name: Option<usize>,
    address: Option<usize>,
    port: Option<usize>,
    transport: Option<usize>,
    wrap: Option<usize>,
    sni: Option<usize>,
}

impl<'h> Services<'h> {
    fn new(file: &TextFile<'_>, header: &'h Header) -> Self {
        let at = |key| header.position(key);
        Self {
            file: Arc::clone(&file.name),
            format: FORMAT.name.into(),
            header,
            at: Places {
                id: at("id"),
                name: at("name"),
                address: at("address"),
                port: at("port"),
                transport: at("transport"),
                wrap: at("wrap"),
                sni: at("sni"),
            },
            declares: header.keys.iter().map(|k| !REACH.contains(&k.as_str())).collect(),
            remembered: HashMap::new(),
            key: Vec::new(),
        }
    }

    fn take(&mut self, records: &mut Records<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
        let row = match fields(records, self.header, |key| COLUMNS.contains(&key)) {
            Ok(fields) => self.row(&fields, records.first_line()),
            Err(fault) => {
                fault.report(&self.file, records, intake);
                return Ok(());
            }
        };
        match row {
            Ok(row) => match intake.take(row) {
                Ok(()) => Ok(()),
                Err(refusal) => refusal.settle(intake, &self.file, |part| {
                    let place = records.place(self.column_of(part));
                    (place.line, place.column)
                }),
            },
            Err((column, message)) => {
                let place = records.place(column);
                intake.bad(&self.file, place.line, place.column, message);
                Ok(())
            }
        }
    }

    fn column_of(&self, part: Part) -> usize {
        let at = &self.at;
        let found = match part {
            Part::Id => at.id,
            Part::Host => at.name.or(at.address),
            Part::Address => at.address.or(at.name),
            Part::Transport => at.transport.or(at.wrap).or(at.port),
        };
        found.unwrap_or(0)
    }

    fn row<'a>(&mut self, fields: &[&'a str], line: u32) -> Result<Row<'a>, Fault> {
        let at = &self.at;
        let get = |column: Option<usize>| {
            column.and_then(|c| Some((c, *fields.get(c)?))).filter(|(_, text)| !text.is_empty())
        };
        let id = get(at.id)
            .map(|(c, text)| checked_id(text).map(Cow::Borrowed).map_err(|why| (c, why)))
            .transpose()?;
        let addresses =
            get(at.address).map(|(c, text)| parse_addresses(text).map_err(|why| (c, why))).transpose()?;
        let named = get(at.name);
        let (name, addresses) = hosts(named.map(|(_, text)| text), addresses)
            .map_err(|why| (named.map_or(0, |(column, _)| column), why))?;
        let ports =
            get(at.port).map_or(Ok(Vec::new()), |(c, text)| parse_ports(text).map_err(|why| (c, why)))?;
        let sni = get(at.sni).map(|(c, text)| checked_sni(text).map_err(|why| (c, why))).transpose()?;
        let (transport, wrap) = (get(at.transport), get(at.wrap));
        Ok(Row {
            source: Source {
                format: Arc::clone(&self.format),
                file: Arc::clone(&self.file),
                line,
                path: None,
            },
            id,
            name,
            addresses,
            ports,
            transport: transport.map(|(c, text)| word(text).map_err(|why| (c, why))).transpose()?,
            wrap: wrap
                .map(|(c, text)| Wrap::named(&text.to_ascii_lowercase()).map_err(|why| (c, why.to_string())))
                .transpose()?,
            sni,
            declared: self.declared(fields)?,
        })
    }

    /// What the row declares, shared with earlier rows that declare the same.
    fn declared(&mut self, fields: &[&str]) -> Result<Arc<Declared>, Fault> {
        self.key.clear();
        for (field, _) in fields.iter().zip(&self.declares).filter(|(_, declares)| **declares) {
            self.key.extend_from_slice(field.as_bytes());
            self.key.push(0); // in no field, they were checked
        }
        if let Some(known) = self.remembered.get(&self.key) {
            return Ok(Arc::clone(known));
        }
        let mut declared = Declared::default();
        for (column, text) in fields.iter().enumerate() {
            if text.is_empty() || !self.declares.get(column).is_some_and(|declares| *declares) {
                continue;
            }
            self.declare(&mut declared, column, text).map_err(|why| (column, why))?;
        }
        declared.tags.shrink_to_fit(); // a million rows may have a tag of their own each
        let declared = Arc::new(declared);
        if self.remembered.len() < REMEMBERED {
            self.remembered.insert(self.key.clone(), Arc::clone(&declared));
        }
        Ok(declared)
    }

    fn declare(&self, to: &mut Declared, column: usize, text: &str) -> Result<(), String> {
        let key = self.header.keys.get(column).map_or("", String::as_str);
        if key.is_empty() {
            return Err("a cell below an empty heading; give the column a name".to_owned());
        }
        if !declare(to, key, text)? {
            let name = self.header.names.get(column).map_or("", String::as_str);
            add_tag(to, format!("{name}={text}"));
        }
        Ok(())
    }
}
