//! The native CSV (DESIGN: native inventory CSV), and the secrets CSV where the header shows one.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use super::{Format, TextFile, first_line};
use crate::{
    inventory::{
        Error,
        host::{Addresses, Host, parse_addresses, parse_host, parse_name, parse_ports, quoted},
        intake::{Intake, Part, Row},
        records::{Next, Records},
        secrets,
        table::{self, Header, fields, key},
    },
    model::{
        UnknownWord, expect,
        service::{Declared, Exposure, Source, TlsStack},
        wrap::Wrap,
    },
};

pub(super) const FORMAT: Format = Format { name: table::FORMAT, detect, read };

/// The columns of the contract.
pub(super) const COLUMNS: &[&str] = &[
    "id",
    "name",
    "address",
    "port",
    "transport",
    "wrap",
    "sni",
    "owner",
    "team",
    "env",
    "site",
    "exposure",
    "service_type",
    "tls_stack",
    "issues_tokens",
    "zone",
    "fragile",
    "expect",
    "tags",
];

/// Columns that say how to reach a service; the others are kept together and shared by rows that agree.
const REACH: &[&str] = &["id", "name", "address", "port", "transport", "wrap", "sni"];

/// How many different declarations are remembered for sharing.
const REMEMBERED: usize = 1 << 16;

/// A fault and the column of the record that it is about.
type Fault = (usize, String);

/// No line of a plain list has a comma, and none is a column's name alone.
fn detect(text: &[u8]) -> bool {
    let line = first_line(text);
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
    let separator = |c: char| {
        header.names.iter().any(|n| n.split(c).any(|p| matches!(key(p).as_str(), "name" | "address")))
    };
    let hint =
        if separator(';') || separator('\t') { "; the columns are to be separated by commas" } else { "" };
    format!("the header has neither `name` nor `address`, and one of them is needed; found {found}{hint}")
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
        let id = get(at.id).map(|(c, text)| checked_id(text).map_err(|why| (c, why))).transpose()?;
        let (name, addresses) = hosts(get(at.name), get(at.address))?;
        let ports =
            get(at.port).map_or(Ok(Vec::new()), |(c, text)| parse_ports(text).map_err(|why| (c, why)))?;
        let sni = get(at.sni).map(|(c, text)| checked_sni(text).map_err(|why| (c, why))).transpose()?;
        let (transport, wrap) = (get(at.transport), get(at.wrap));
        Ok(Row {
            source: Source { format: Arc::clone(&self.format), file: Arc::clone(&self.file), line },
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
        let own = || Some(text.to_owned());
        match self.header.keys.get(column).map_or("", String::as_str) {
            "owner" => to.owner = own(),
            "team" => to.team = own(),
            "env" => to.env = own(),
            "site" => to.site = own(),
            "service_type" => to.service_type = own(),
            "zone" => to.zone = own(),
            "expect" => {
                // A slip in what users expect must not keep the service out of the sweep: told once all is read.
                to.expect = Some(expect::parse(text).map_or_else(
                    |_| text.to_owned(),
                    |all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                ));
            }
            // `unknown` says what an empty cell says, and must not stand against what another file knows.
            "exposure" => to.exposure = Some(word(text)?).filter(|e| *e != Exposure::Unknown),
            "tls_stack" => to.tls_stack = Some(word(text)?).filter(|s| *s != TlsStack::Unknown),
            "issues_tokens" => to.issues_tokens = Some(yes_or_no(text)?),
            "fragile" => to.fragile = Some(yes_or_no(text)?),
            "tags" => text.split(';').map(str::trim).for_each(|tag| add_tag(to, tag.to_owned())),
            "" => return Err("a cell below an empty heading; give the column a name".to_owned()),
            _ => {
                let name = self.header.names.get(column).map_or("", String::as_str);
                add_tag(to, format!("{name}={text}"));
            }
        }
        Ok(())
    }
}

fn add_tag(to: &mut Declared, tag: String) {
    if !tag.is_empty() && !to.tags.contains(&tag) {
        to.tags.push(tag);
    }
}

fn hosts(
    name: Option<(usize, &str)>,
    address: Option<(usize, &str)>,
) -> Result<(Option<String>, Option<Addresses>), Fault> {
    let addresses = address.map(|(c, text)| parse_addresses(text).map_err(|why| (c, why))).transpose()?;
    let Some((column, text)) = name else {
        return Ok((None, addresses));
    };
    match (parse_host(text).map_err(|why| (column, why))?, addresses) {
        (Host::Name(name), addresses) => Ok((Some(name), addresses)),
        (Host::Address(named), None) => Ok((None, Some(Addresses::One(named)))),
        (Host::Address(named), Some(Addresses::One(address))) if named == address => Ok((None, addresses)),
        (Host::Address(_), Some(_)) => Err((
            column,
            format!("the name {} is an address, and another one than the address column has", quoted(text)),
        )),
    }
}

/// The longest id, in bytes. It is printed in every table.
const ID_LIMIT: usize = 128;

fn checked_id(text: &str) -> Result<&str, String> {
    if text.len() > ID_LIMIT {
        return Err(format!("the id {} has {} bytes; at most {ID_LIMIT} are read", quoted(text), text.len()));
    }
    if text.contains(';') {
        return Err(format!("the id {} has a `;`, which separates ids in the secrets file", quoted(text)));
    }
    Ok(text)
}

fn checked_sni(text: &str) -> Result<String, String> {
    match parse_host(text) {
        Ok(Host::Address(_)) => {
            Err(format!("{} is an address; an SNI is a host name (RFC 6066 section 3)", quoted(text)))
        }
        _ => parse_name(text),
    }
}

/// A word of a closed list, in any case.
fn word<W: FromStr<Err = UnknownWord>>(text: &str) -> Result<W, String> {
    text.to_ascii_lowercase().parse().map_err(|unknown: UnknownWord| unknown.to_string())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err(format!("{} is not yes or no; expected yes, no, true, false, 1 or 0", quoted(text))),
    }
}
