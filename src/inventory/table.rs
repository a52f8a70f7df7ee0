//! CSV as a table: which column is where, the columns that make a file be refused whole, and the
//! fields of a row. It knows nothing of what the columns mean.

use std::{collections::HashMap, sync::Arc};

use csv::ByteRecord;

use super::{
    Error,
    format::TextFile,
    host::quoted,
    intake::Intake,
    records::{FIELD_LIMIT, Next, Records},
};

/// The format's name in sources and on the command line.
pub(super) const FORMAT: &str = "csv";

/// Columns whose name says that they hold values. Values have no place here (DESIGN: secrets).
const FORBIDDEN: &[&str] = &["value", "values", "secret", "token", "tokens", "key", "pin", "pw"];

/// Parts of a column's name, without separators, that say the same: `db_password`, `API Key`, `psk2`.
const FORBIDDEN_PARTS: &[&str] = &[
    "passw",
    "passphrase",
    "passwd",
    "pwd",
    "secretvalue",
    "clientsecret",
    "sharedsecret",
    "authsecret",
    "privatekey",
    "apikey",
    "accesskey",
    "secretkey",
    "signingkey",
    "encryptionkey",
    "psk",
    "presharedkey",
    "credential",
    "authtoken",
    "apitoken",
    "accesstoken",
    "bearertoken",
    "refreshtoken",
    "tokenvalue",
];

/// Whether a column's name, as [`key`] writes it, says that it holds values of secrets.
pub(super) fn is_forbidden(key: &str) -> bool {
    let plain: String = key.chars().filter(|c| c.is_alphanumeric()).collect();
    FORBIDDEN.contains(&key)
        || FORBIDDEN_PARTS.iter().any(|part| plain.contains(part))
        || plain == "pass"
        || plain == "pw"
        || key.ends_with("_pw")
        || key.ends_with("_pass")
}

/// Why a file with such a column is not read. `what`: `column` or `key`.
pub(super) fn refusal(what: &str, key: &str) -> String {
    format!(
        "a {what} named {}: this file is refused whole, values of secrets have no place here; remove the {what}",
        quoted(key)
    )
}

/// What asset lists call our columns. Used only where the column itself is missing.
pub(super) const ALIASES: &[(&str, &[&str])] = &[
    ("name", &["hostname", "host", "host_name", "fqdn", "dns_name", "server"]),
    ("address", &["ip", "ip_address", "ipaddress", "ipv4", "ip_addr"]),
];

/// The columns of a CSV in file order.
pub(super) struct Header {
    /// As they stand in the file, trimmed.
    pub(super) names: Vec<String>,
    /// In lower case, with `_` for blanks and hyphens; what is compared.
    pub(super) keys: Vec<String>,
}

impl Header {
    /// Reads the first record as the header. `None`: there is no record.
    pub(super) fn read(file: &TextFile<'_>, records: &mut Records<'_>) -> Result<Option<Self>, Error> {
        let refused = |records: &Records<'_>, column: usize, message: String| {
            let place = records.place(column);
            Err(file.refused(place.line, place.column, message))
        };
        match records.advance() {
            Next::End => return Ok(None),
            Next::Broken(place, message) => return Err(file.refused(place.line, place.column, message)),
            Next::Record => {}
        }
        let mut header = Self { names: Vec::new(), keys: Vec::new() };
        let mut places: HashMap<String, usize> = HashMap::new();
        for (column, field) in records.record().iter().enumerate() {
            let Ok(name) = std::str::from_utf8(field) else {
                return refused(
                    records,
                    column,
                    "the header is not UTF-8; save the file as UTF-8".to_owned(),
                );
            };
            let key = key(name);
            if is_forbidden(&key) {
                return refused(records, column, refusal("column", &key));
            }
            let before = if key.is_empty() { None } else { places.insert(key.clone(), column) };
            if let Some(first) = before {
                let message = format!(
                    "column {} is named {} like column {}",
                    column + 1,
                    quoted(name.trim()),
                    first + 1
                );
                return refused(records, column, message);
            }
            header.names.push(name.trim().to_owned());
            header.keys.push(key);
        }
        header.understand_aliases();
        Ok(Some(header))
    }

    /// Asset lists call the host column by other names; where ours is missing, theirs is taken.
    fn understand_aliases(&mut self) {
        for (ours, theirs) in ALIASES {
            if self.position(ours).is_none()
                && let Some(at) = theirs.iter().find_map(|alias| self.position(alias))
                && let Some(key) = self.keys.get_mut(at)
            {
                (*ours).clone_into(key);
            }
        }
    }

    /// Where a column stands.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|k| k == key)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// The form in which column names are compared.
pub(super) fn key(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// A record whose fields cannot be used as they are.
pub(super) struct Unfit {
    column: usize,
    message: String,
    /// It looks as if a forgotten quote had swallowed lines that are rows of their own.
    swallowed: bool,
}

impl Unfit {
    /// Counts the bad row, and reads on where the next row begins.
    pub(super) fn report(self, file: &Arc<str>, records: &mut Records<'_>, intake: &mut Intake<'_>) {
        let place = records.place(self.column);
        intake.bad(file, place.line, place.column, self.message);
        if self.swallowed && records.is_multi_line() {
            records.restart_on_next_line();
        }
    }
}

/// The fields of a record as trimmed text, as many as the header has. `ours` are the columns that
/// hold one line each; others may hold line ends and tabs.
pub(super) fn fields<'r>(
    records: &'r Records<'_>,
    header: &Header,
    ours: impl Fn(&str) -> bool,
) -> Result<Vec<&'r str>, Unfit> {
    let record = records.record();
    let beyond = record.iter().skip(header.len()).position(|field| !field.trim_ascii().is_empty());
    if record.len() < header.len() || beyond.is_some() {
        return Err(wrong_number(record, header.len(), beyond));
    }
    let mut fields = Vec::with_capacity(header.len());
    for (column, (field, key)) in record.iter().zip(&header.keys).enumerate() {
        let unfit = |why: String| {
            let name = header.names.get(column).map_or_else(String::new, |name| quoted(name));
            Unfit { column, message: format!("{name} {why}"), swallowed: false }
        };
        if field.len() > FIELD_LIMIT {
            return Err(unfit(format!("has {} bytes; at most {FIELD_LIMIT} are read", field.len())));
        }
        let Ok(text) = std::str::from_utf8(field) else {
            return Err(unfit("is not UTF-8; save the file as UTF-8".to_owned()));
        };
        let text = text.trim();
        let free = |c: char| matches!(c, '\n' | '\r' | '\t') && !ours(key);
        if let Some(c) = text.chars().find(|&c| c.is_control() && !free(c)) {
            let why =
                format!("has the control character {}; expected text on one line", quoted(&c.to_string()));
            return Err(Unfit { swallowed: c == '\n', ..unfit(why) });
        }
        fields.push(text);
    }
    Ok(fields)
}

/// A row with too few fields, or with content behind the last column. Where one of its fields goes
/// over lines, that one is to blame: a quote that was forgotten takes in the rows that follow.
fn wrong_number(record: &ByteRecord, expected: usize, beyond: Option<usize>) -> Unfit {
    let found = record.len();
    let mut message =
        format!("the row has {found} fields and the header has {expected}; expected as many in each row");
    let quoted = record.iter().position(|field| field.contains(&b'\n'));
    if quoted.is_some() {
        message.push_str("; a quote opens here and takes in more than one line");
    }
    Unfit {
        column: quoted.unwrap_or_else(|| beyond.map_or(found, |at| at + expected)),
        message,
        swallowed: true,
    }
}
