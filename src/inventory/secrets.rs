//! The secrets CSV: names, places and dates of secrets. Never a value: a file with a column for one
//! is refused whole, and messages repeat no cell but ids and names of services, since somebody may
//! have put a value into any other.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::{
    Error,
    credential::is_credential,
    format::TextFile,
    host::{Host, parse_host, parse_port, quoted, split_port},
    intake::Intake,
    records::{Next, Records},
    table::{self, Header},
};
use crate::model::{
    check::{CheckKind, SecretCheck},
    ids::RowId,
    loading::{Loaded, Notice, NoticeKind},
    secret::Secret,
    service::{Service, Source},
};

/// The columns of the contract.
pub(super) const COLUMNS: &[&str] = &[
    "secret_id",
    "type",
    "services",
    "owner",
    "location",
    "issued_at",
    "runbook",
    "delivered_through",
    "check",
];

/// The most secrets of one file that are told one by one for naming no service.
const ONE_BY_ONE: usize = 20;

/// Reads a file that was named with `--secrets`.
pub(super) fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut records = Records::new(file.text);
    let Some(header) = Header::read(file, &mut records)? else {
        return Err(Error::Empty { file: Arc::clone(&file.name) });
    };
    if header.position("secret_id").is_none() {
        let message = format!("the header has no `secret_id`; expected {}", COLUMNS.join(","));
        return Err(file.refused(records.first_line(), 1, message));
    }
    read_rows(file, &header, &mut records, intake)
}

/// Reads the rows below a header that has `secret_id`.
pub(super) fn read_rows(
    file: &TextFile<'_>,
    header: &Header,
    records: &mut Records<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    for (key, name) in header.keys.iter().zip(&header.names).filter(|(key, _)| !key.is_empty()) {
        if !COLUMNS.contains(&key.as_str()) {
            intake.loaded.notices.push(Notice {
                kind: NoticeKind::IgnoredColumn,
                message: not_kept("column", name),
                source: Some(source(file, records.first_line())),
            });
        }
    }
    loop {
        match records.advance() {
            Next::End => return Ok(()),
            Next::Broken(place, message) => {
                intake.count_row();
                intake.bad(&file.name, place.line, place.column, message);
            }
            Next::Record => {
                intake.count_row();
                take(file, header, records, intake);
            }
        }
    }
}

/// What is said of a column or key that is none of a secret's.
pub(super) fn not_kept(what: &str, name: &str) -> String {
    format!("{what} {} has no place in a secrets file and is not kept", quoted(name))
}

/// Whether a column holds one line of text.
pub(super) fn one_line(key: &str) -> bool {
    COLUMNS.contains(&key) && key != "runbook" && key != "location"
}

fn source(file: &TextFile<'_>, line: u32) -> Source {
    Source { format: table::FORMAT.into(), file: Arc::clone(&file.name), line, path: None }
}

fn take(file: &TextFile<'_>, header: &Header, records: &mut Records<'_>, intake: &mut Intake<'_>) {
    let fields = match table::fields(records, header, one_line) {
        Ok(fields) => fields,
        Err(unfit) => return unfit.report(&file.name, records, intake),
    };
    let get = |key: &str| header.position(key).and_then(|at| fields.get(at).copied()).unwrap_or_default();
    match secret(get, source(file, records.first_line())) {
        Ok(secret) => {
            if let Err(message) = intake.take_secret(secret) {
                let place = records.place(header.position("secret_id").unwrap_or(0));
                intake.bad(&file.name, place.line, place.column, message);
            }
        }
        Err((column, message)) => {
            let place = records.place(header.position(column).unwrap_or(0));
            intake.bad(&file.name, place.line, place.column, message);
        }
    }
}

/// A secret of the texts of its columns; lists are separated by `;`. The error names the column, and repeats no text
/// but an id.
pub(super) fn secret<'a>(
    get: impl Fn(&str) -> &'a str,
    source: Source,
) -> Result<Secret, (&'static str, String)> {
    let own = |key: &str| Some(get(key).to_owned()).filter(|text| !text.is_empty());
    if let Some(column) = COLUMNS.iter().copied().find(|column| is_credential(get(column))) {
        let message = format!(
            "{column} looks like a credential; names and places of secrets belong here, values do not"
        );
        return Err((column, message));
    }
    let id = own("secret_id")
        .ok_or(("secret_id", "secret_id is empty; expected a name for the secret".to_owned()))?;
    let kind = own("type")
        .ok_or(("type", "type is empty; expected a code such as C7, or a word of your own".to_owned()))?;
    let issued_at = match get("issued_at") {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            (
                "issued_at",
                "issued_at is not a time; expected a date such as 2026-11-22, or RFC 3339".to_owned(),
            )
        })?),
    };
    Ok(Secret {
        // As they were written, until `resolve` has seen every service.
        delivered_through: entries(get("delivered_through")).map(RowId::declared).collect(),
        checks: checks(get("check"))?,
        id,
        kind: if is_code(&kind) { kind.to_ascii_uppercase() } else { kind },
        services: Vec::new(),
        unresolved: entries(get("services")).map(str::to_owned).collect(),
        owner: own("owner"),
        location: own("location"),
        issued_at,
        runbook: own("runbook"),
        implied: false,
        source: Some(source),
    })
}

/// The parts of a list, each once.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let mut known = HashSet::new();
    list.split(';').map(str::trim).filter(move |entry| !entry.is_empty() && known.insert(*entry))
}

/// What the network shows of a secret. A bad one is counted and not repeated: it may hold anything.
fn checks(cell: &str) -> Result<Vec<SecretCheck>, (&'static str, String)> {
    let bad = |number: usize, why: &str| {
        let message = format!(
            "check {} of this row {why}; expected KIND TARGET [OLD], such as `jwks https://id.example.test/jwks kid-2014`, with KIND one of: {}",
            number + 1,
            CheckKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
        );
        ("check", message)
    };
    entries(cell)
        .enumerate()
        .map(|(number, entry)| {
            let check: SecretCheck = entry.parse().map_err(|_| bad(number, "cannot be read"))?;
            if check.kind == CheckKind::Jwks && !check.target.starts_with("https://") {
                return Err(bad(number, "names no https address"));
            }
            Ok(check)
        })
        .collect()
}

/// A code of the table of secrets: a tier's letter and a number.
fn is_code(kind: &str) -> bool {
    let mut bytes = kind.bytes();
    bytes.next().is_some_and(|b| matches!(b.to_ascii_uppercase(), b'A'..=b'F'))
        && kind.len() > 1
        && bytes.all(|b| b.is_ascii_digit())
}

/// What an entry of `services` asks for, where it is no id.
#[derive(PartialEq, Eq, Hash)]
enum Wanted {
    Name(String),
    Address(IpAddr),
}

/// Replaces what secrets name by row ids, once every service is known. One pass over the services,
/// however many secrets there are.
pub(super) fn resolve(loaded: &mut Loaded, index: &HashMap<RowId, usize>) {
    let entries = loaded.secrets.iter().flat_map(|secret| {
        let channels = secret.delivered_through.iter().map(RowId::as_str);
        let targets =
            secret.checks.iter().filter(|c| c.kind == CheckKind::TicketKey).map(|c| c.target.as_str());
        secret.unresolved.iter().map(String::as_str).chain(channels).chain(targets)
    });
    let wanted: HashSet<Wanted> = entries.filter_map(|entry| Some(parse(entry)?.0)).collect();
    let found = if wanted.is_empty() { HashMap::new() } else { find(&loaded.services, &wanted) };
    let services = &loaded.services;
    let place = |row: &RowId| services.get(*index.get(row)?);
    let mut unnamed = Vec::new();
    for secret in &mut loaded.secrets {
        let named = !secret.unresolved.is_empty();
        let mut path = BTreeSet::new();
        secret.unresolved.retain(|entry| !known(entry, index, &found, &mut path));
        secret.services = path.into_iter().collect();
        let mut channels = BTreeSet::new();
        for entry in std::mem::take(&mut secret.delivered_through) {
            if !known(entry.as_str(), index, &found, &mut channels) {
                secret.unresolved.push(entry.to_string());
            }
        }
        secret.delivered_through = channels.into_iter().collect();
        let checks = std::mem::take(&mut secret.checks);
        secret.checks = checks.into_iter().flat_map(|check| targets(check, index, &found, &place)).collect();
        let mut notice = |kind, message| {
            loaded.notices.push(Notice { kind, message, source: secret.source.clone() });
        };
        let id = quoted(&secret.id);
        for entry in &secret.unresolved {
            let message = format!(
                "secret {id} names {}, which is no id, name or name:port of the inventory",
                quoted(entry)
            );
            notice(NoticeKind::UnresolvedService, message);
        }
        if !named {
            let message = format!("secret {id} names no service, so nothing tells what exposed it");
            unnamed.push(Notice {
                kind: NoticeKind::SecretWithoutService,
                message,
                source: secret.source.clone(),
            });
        }
    }
    loaded.notices.extend(few_for_each_file(unnamed));
}

/// A report of leaked secrets names no service for any of them: one notice tells of all in a file, where they are many.
fn few_for_each_file(notices: Vec<Notice>) -> Vec<Notice> {
    let file = |notice: &Notice| notice.source.as_ref().map(|source| Arc::clone(&source.file));
    let mut counts: HashMap<_, usize> = HashMap::new();
    for notice in &notices {
        *counts.entry(file(notice)).or_default() += 1;
    }
    let mut told = HashSet::new();
    let few = notices.into_iter().filter_map(|mut notice| {
        let file = file(&notice);
        let count = counts.get(&file).copied().unwrap_or_default();
        if count > ONE_BY_ONE {
            if !told.insert(file) {
                return None;
            }
            notice.message =
                format!("{count} secrets of this file name no service, so nothing tells what exposed them");
        }
        Some(notice)
    });
    few.collect()
}

/// Whether an entry names services; adds them.
fn known(entry: &str, index: &HashMap<RowId, usize>, found: &Found, rows: &mut BTreeSet<RowId>) -> bool {
    let ids = ids_of(entry, index, found);
    let any = !ids.is_empty();
    rows.extend(ids);
    any
}

/// A check whose target is a service of the inventory looks at where that is; any other stays as it is. Of a name
/// without a port, tickets are looked at on every service.
fn targets<'s>(
    check: SecretCheck,
    index: &HashMap<RowId, usize>,
    found: &Found,
    place: &impl Fn(&RowId) -> Option<&'s Service>,
) -> Vec<SecretCheck> {
    let rows = match check.kind {
        CheckKind::TicketKey => ids_of(&check.target, index, found),
        CheckKind::SshHostKey => index
            .get_key_value(&RowId::declared(&check.target))
            .map(|(row, _)| row.clone())
            .into_iter()
            .collect(),
        CheckKind::Jwks | CheckKind::Dkim | CheckKind::Tlsa => Vec::new(),
    };
    let with_port = matches!(parse(&check.target), Some((_, Some(_))))
        && !index.contains_key(&RowId::declared(&check.target));
    if rows.is_empty() || with_port {
        return vec![check];
    }
    let target = |service: &Service| match check.kind {
        CheckKind::SshHostKey => Some(format!("{}:22", bracketed(service)?)),
        _ => Some(format!("{}:{}", bracketed(service)?, service.port)),
    };
    let targets: BTreeSet<String> = rows.iter().filter_map(|row| target(place(row)?)).collect();
    if targets.is_empty() {
        return vec![check];
    }
    targets.into_iter().map(|target| SecretCheck { target, ..check.clone() }).collect()
}

/// Name or address of a service as it stands before a port.
fn bracketed(service: &Service) -> Option<String> {
    let address = service.addresses.first();
    let address = || address.map(|a| if a.is_ipv6() { format!("[{a}]") } else { a.to_string() });
    service.name.as_deref().map(str::to_owned).or_else(address)
}

/// Services by what secrets call them: row id and port.
type Found = HashMap<Wanted, Vec<(RowId, u16)>>;

fn find(services: &[Service], wanted: &HashSet<Wanted>) -> Found {
    let mut found: Found = HashMap::new();
    for service in services {
        let name = service.name.as_deref().map(|name| Wanted::Name(name.to_owned()));
        let addresses = service.addresses.iter().map(|&address| Wanted::Address(address));
        for host in name.into_iter().chain(addresses).filter(|host| wanted.contains(host)) {
            found.entry(host).or_default().push((service.row_id.clone(), service.port));
        }
    }
    found
}

/// A `name`, `name:port`, address, `address:port` or `[v6]:port`.
fn parse(entry: &str) -> Option<(Wanted, Option<u16>)> {
    let (host, port) = split_port(entry);
    let port = port.map(parse_port).transpose().ok()?;
    let wanted = match parse_host(host).ok()? {
        Host::Name(name) => Wanted::Name(name),
        Host::Address(address) => Wanted::Address(address),
    };
    Some((wanted, port))
}

/// The row ids that an entry names: an id names one, a host names every service on it.
fn ids_of(entry: &str, index: &HashMap<RowId, usize>, found: &Found) -> Vec<RowId> {
    if let Some((row_id, _)) = index.get_key_value(&RowId::declared(entry)) {
        return vec![row_id.clone()];
    }
    let Some((wanted, port)) = parse(entry) else {
        return Vec::new();
    };
    let services = found.get(&wanted).map(Vec::as_slice).unwrap_or_default();
    services
        .iter()
        .filter(|(_, p)| port.is_none_or(|port| port == *p))
        .map(|(row_id, _)| row_id.clone())
        .collect()
}
