//! Views of a loaded inventory: `inventory list` as JSON Lines and as a table, `inventory check` as
//! text. It reads nothing and decides nothing; what is a fault was decided while loading.

use super::table::{char_width, width as display_width};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use crate::model::{
    classified::Classified,
    ids::RowId,
    loading::{BadRow, Loaded, NoticeKind},
    secret::Secret,
    service::{Exposure, Service, Source, TlsStack},
    text::{acts_on_a_terminal, printable, printable_lines},
};

/// Ids of secrets by service, made once for a whole listing.
pub type SecretsByService<'s> = BTreeMap<&'s RowId, Vec<&'s str>>;

/// Puts secrets in order by the services that they name.
pub fn secrets_by_service(secrets: &[Secret]) -> SecretsByService<'_> {
    let mut by_service: SecretsByService<'_> = BTreeMap::new();
    for secret in secrets {
        for row_id in &secret.services {
            by_service.entry(row_id).or_default().push(&secret.id);
        }
    }
    by_service
}

/// One line of `inventory list --jsonl` without its line end (DESIGN: other JSON). What is unknown is
/// absent; `tags`, `secrets` and `sources` are always there. `addresses` comes with a second address, `derived` has the
/// answers to the questions of a response, each with its basis and reason.
pub fn list_jsonl(
    service: &Service,
    classified: Option<&Classified>,
    secrets: &SecretsByService<'_>,
) -> String {
    let declared = &service.declared;
    let mut line = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            line.insert(key.to_owned(), value);
        }
    };
    put("row_id", Some(json!(service.row_id)));
    put("name", service.name.as_ref().map(|v| json!(v)));
    put("address", service.addresses.first().map(|v| json!(v)));
    put("addresses", (service.addresses.len() > 1).then(|| json!(service.addresses)));
    put("port", Some(json!(service.port)));
    put("transport", Some(json!(service.transport)));
    put("wrap", Some(json!(service.wrap)));
    put("sni", service.sni.as_ref().map(|v| json!(v)));
    put("owner", service.owner().map(|v| json!(v)));
    put("team", declared.team.as_ref().map(|v| json!(v)));
    put("env", declared.env.as_ref().map(|v| json!(v)));
    put("site", declared.site.as_ref().map(|v| json!(v)));
    put("exposure", Some(service.exposure()).filter(|v| *v != Exposure::Unknown).map(|v| json!(v)));
    put("service_type", declared.service_type.as_ref().map(|v| json!(v)));
    put("tls_stack", Some(service.tls_stack()).filter(|v| *v != TlsStack::Unknown).map(|v| json!(v)));
    put("issues_tokens", declared.issues_tokens.map(|v| json!(v)));
    put("zone", declared.zone.as_ref().map(|v| json!(v)));
    put("fragile", declared.fragile.map(|v| json!(v)));
    put("expect", declared.expect.as_ref().map(|v| json!(v)));
    put("tags", Some(json!(declared.tags)));
    put("secrets", Some(json!(secrets.get(&service.row_id).map(Vec::as_slice).unwrap_or_default())));
    put("sources", Some(json!(service.sources)));
    put("derived", classified.map(super::classified::derived));
    escaped(&Value::Object(line).to_string())
}

/// JSON in which nothing acts on a terminal. Outside of strings JSON has no such character, so each
/// stands in a string, where `\u` escapes say the same (RFC 8259 section 7).
fn escaped(json: &str) -> String {
    if !json.chars().any(acts_on_a_terminal) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if acts_on_a_terminal(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}"); // into a string, cannot fail
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The widest a cell of the table gets, in columns. Row ids are never cut: people copy them.
const CELL: usize = 40;

/// `inventory list` for people: a line each, columns aligned, nothing that acts on a terminal.
pub fn list_table(services: &[Service], out: &mut dyn Write) -> io::Result<()> {
    let head = ["ROW", "SERVICE", "WRAP", "OWNER", "ENV", "EXPOSURE", "TYPE", "TLS STACK", "FROM"];
    let mut widths = head.map(str::len);
    for service in services {
        for (width, cell) in widths.iter_mut().zip(cells(service)) {
            *width = (*width).max(display_width(&cell));
        }
    }
    write_row(out, &head.map(str::to_owned), &widths)?;
    for service in services {
        write_row(out, &cells(service), &widths)?;
    }
    Ok(())
}

fn cells(service: &Service) -> [String; 9] {
    let declared = &service.declared;
    let cell = |text: Option<&str>| cut(&printable(text.filter(|t| !t.is_empty()).unwrap_or("-")));
    let from = service.sources.first().map(|source| match service.sources.len() - 1 {
        0 => format!("{}:{}", source.file, source.line),
        more => format!("{}:{} (+{more})", source.file, source.line),
    });
    // The port decides much and is never cut off.
    let mut reached = format!("{}:{}", cut(&printable(&service.display_name())), service.port);
    if service.name.is_none() {
        reached = service.display_port();
    }
    if service.addresses.len() > 1 {
        let _ = write!(reached, " ({} addresses)", service.addresses.len()); // into a string, cannot fail
    }
    [
        printable(service.row_id.as_str()).into_owned(),
        printable(&reached).into_owned(),
        cell(Some(service.wrap.as_str())),
        cell(service.owner()),
        cell(declared.env.as_deref()),
        cell(Some(service.exposure().as_str())),
        cell(declared.service_type.as_deref()),
        cell(Some(service.tls_stack().as_str())),
        cell(from.as_deref()),
    ]
}

fn write_row(out: &mut dyn Write, cells: &[String; 9], widths: &[usize; 9]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let gap = width.saturating_sub(display_width(cell)) + 2;
        line.extend(std::iter::repeat_n(' ', gap));
    }
    writeln!(out, "{}", line.trim_end())
}

/// Cuts a text to the width of a cell; an ellipsis shows it.
fn cut(text: &str) -> String {
    if display_width(text) <= CELL {
        return text.to_owned();
    }
    let mut taken = 1; // the ellipsis
    let fits = |c: &char| {
        taken += char_width(*c);
        taken <= CELL
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('\u{2026}');
    cut
}

/// How many services one list of the check names.
const LISTED: usize = 20;

/// `inventory check` for people: what was loaded, then everything that somebody should correct or know.
/// `questions` is what is known of the services, as [`super::classified::summary`] has it.
pub fn check_text(loaded: &Loaded, questions: &str, out: &mut dyn Write) -> io::Result<()> {
    let services = &loaded.services;
    writeln!(
        out,
        "{} read: {}, {}, {}.",
        count(loaded.rows, "row"),
        count(services.len() as u64, "service"),
        count(loaded.secrets.len() as u64, "secret"),
        count(loaded.bad.len() as u64, "bad row"),
    )?;
    if loaded.merged > 0 {
        writeln!(
            out,
            "{} named a service that was there already and went into it.",
            count(loaded.merged, "duplicate")
        )?;
    }
    section(out, "Bad rows", &loaded.bad)?;
    section(out, "Disagreements (the first word stands)", &loaded.disagreements)?;
    for (title, kinds) in NOTICES {
        let notices: Vec<_> = loaded.notices.iter().filter(|notice| kinds.contains(&notice.kind)).collect();
        section(out, title, &notices)?;
    }
    let unowned: Vec<&Service> = services.iter().filter(|service| service.owner().is_none()).collect();
    short_section(out, "Services without an owner", &unowned)?;
    out.write_all(questions.as_bytes())?;
    match loaded.faults() {
        0 => writeln!(out, "\nNothing to correct."),
        n => writeln!(out, "\n{} to correct.", count(n as u64, "thing")),
    }
}

/// `inventory check --annotate`: everything that was found as workflow commands of GitHub, one a line.
pub fn annotations(loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    bad_row_annotations(&loaded.bad, out)?;
    for disagreement in &loaded.disagreements {
        let source = &disagreement.other.1;
        let text = disagreement.to_string();
        let message = without_place(&text, source);
        annotation(true, Some((&source.file, Some((source.line, 1)))), message, out)?;
    }
    for notice in &loaded.notices {
        let place = notice.source.as_ref().map(|source| (&*source.file, Some((source.line, 1))));
        annotation(notice.kind.is_fault(), place, &notice.message, out)?;
    }
    Ok(())
}

/// The same of bad rows alone.
pub fn bad_row_annotations(bad: &[BadRow], out: &mut dyn Write) -> io::Result<()> {
    bad.iter().try_for_each(|row| {
        annotation(true, Some((&row.file, Some((row.line, row.column)))), &row.message, out)
    })
}

/// A disagreement's text begins with its place, which an annotation has already.
fn without_place<'t>(text: &'t str, source: &Source) -> &'t str {
    let place = format!("{}:{}: ", printable(&source.file), source.line);
    text.strip_prefix(&place).unwrap_or(text)
}

/// One annotation: `::error file=F,line=L,col=C,title=T::message`. Standard input is no file, so it has none.
pub fn annotation(
    fault: bool,
    place: Option<(&str, Option<(u32, u32)>)>,
    message: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = if fault { "::error ".to_owned() } else { "::warning ".to_owned() };
    if let Some((file, at)) = place.filter(|(file, _)| *file != "-") {
        let _ = write!(line, "file={},", command_property(file)); // into a string, cannot fail
        if let Some((row, column)) = at {
            let _ = write!(line, "line={row},col={column},"); // into a string, cannot fail
        }
    }
    writeln!(out, "{line}title=allclear inventory::{}", command_data(&printable_lines(message)))
}

/// Text behind a workflow command, as GitHub's runner reads it back.
fn command_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command. Nothing in it acts on a terminal that shows the log.
fn command_property(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' => out.push_str("%3A"),
            ',' => out.push_str("%2C"),
            c => out.push_str(&printable(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// The sections of notices, what has to be corrected first.
const NOTICES: &[(&str, &[NoticeKind])] = &[
    ("Secrets of services that are not in the inventory", &[NoticeKind::UnresolvedService]),
    ("One service under two row ids", &[NoticeKind::SameService]),
    ("What users must still get cannot be read", &[NoticeKind::BadExpectation]),
    ("Names that do not exist", &[NoticeKind::NoSuchName]),
    ("Secrets that name no service", &[NoticeKind::SecretWithoutService]),
    ("Columns that may be misspelt", &[NoticeKind::LikelySlip]),
    ("Ports that nobody wrote", &[NoticeKind::DefaultPort]),
    ("Wraps that their port does not usually have", &[NoticeKind::UnusualWrap]),
    ("Columns that are not kept", &[NoticeKind::IgnoredColumn]),
    ("Held besides services, or left out", &[NoticeKind::LeftOut]),
    ("One address and port under several names (right for virtual hosts)", &[NoticeKind::SharedAddress]),
    ("What hangs on one provider, or on which resolver is asked", &[NoticeKind::DnsRisk]),
    ("What DNS says", &[NoticeKind::Dns]),
];

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A titled list, whole: these are the lines that somebody works through.
fn section(out: &mut dyn Write, title: &str, lines: &[impl std::fmt::Display]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}: {}", lines.len())?;
    lines.iter().try_for_each(|line| writeln!(out, "  {line}"))
}

/// A titled list of services, cut where it gets long: the count is what matters.
fn short_section(out: &mut dyn Write, title: &str, services: &[&Service]) -> io::Result<()> {
    if services.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}: {}", services.len())?;
    for service in services.iter().take(LISTED) {
        let place = service.sources.first().map_or_else(String::new, |s| format!(" ({}:{})", s.file, s.line));
        writeln!(out, "  {}", printable(&format!("{} {}{place}", service.row_id, service.display_port())))?;
    }
    match services.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

#[cfg(test)]
mod tests;
