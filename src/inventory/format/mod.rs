//! The input formats. To add one, write `format/<name>.rs` with a `pub(super) const FORMAT`, and add
//! its `mod` line and its entry in [`FORMATS`] here.
//!
//! A format turns text into rows with their places; what the rows mean together is `intake`'s.

use std::sync::Arc;

use super::{Error, intake::Intake};

/// One file's text, without a byte order mark.
pub(super) struct TextFile<'t> {
    /// As it was named; `-` is standard input.
    pub(super) name: Arc<str>,
    pub(super) text: &'t [u8],
}

impl TextFile<'_> {
    /// The whole file is refused, for a reason that stands at this place.
    pub(super) fn refused(&self, line: u32, column: u32, message: String) -> Error {
        Error::Refused { file: Arc::clone(&self.name), line, column, message }
    }
}

/// One input format.
pub(super) struct Format {
    /// As in `--format NAME`.
    pub(super) name: &'static str,
    /// Whether a text is of this format, by its content.
    pub(super) detect: fn(&[u8]) -> bool,
    /// Hands every row of the file to the intake.
    pub(super) read: fn(&TextFile<'_>, &mut Intake<'_>) -> Result<(), Error>,
}

mod csv;
mod list;

/// Every format, in the order in which a text is tried. The last takes what no other one takes.
pub(super) const FORMATS: &[Format] = &[csv::FORMAT, list::FORMAT];

/// Formats that the command line knows by name and that are read by a later release.
const PLANNED: &[&str] = &[
    "jsonl",
    "yaml",
    "hosts",
    "ansible-ini",
    "ansible-yaml",
    "ansible-json",
    "nmap",
    "masscan",
    "zone",
    "etcd",
    "consul",
    "kubernetes",
    "ssh-config",
    "known-hosts",
    "terraform",
    "gitleaks",
    "trufflehog",
    "host",
];

/// The names of the formats that this build reads.
pub fn names() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

/// The format of this name.
pub(super) fn by_name(name: &str) -> Result<&'static Format, Error> {
    if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
        return Ok(format);
    }
    let (name, built) = (name.to_owned(), names().join(", "));
    Err(if PLANNED.contains(&name.as_str()) {
        Error::FormatNotBuilt { name, built }
    } else {
        Error::UnknownFormat { name, built }
    })
}

/// The format that the content shows.
pub(super) fn by_content(file: &TextFile<'_>) -> Result<&'static Format, Error> {
    if let Some(what) = foreign(file.text) {
        let built = names().join(", ");
        return Err(file.refused(
            1,
            1,
            format!("this looks like {what}, which is not built yet; this build reads: {built}"),
        ));
    }
    let last = &list::FORMAT;
    Ok(FORMATS.iter().find(|format| (format.detect)(file.text)).unwrap_or(last))
}

/// Content that no list of hosts begins with: one clear message is better than a bad row for each line.
fn foreign(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii_start();
    let (first, rest) = text.split_first()?;
    match first {
        b'<' => Some("XML"),
        b'{' => Some("JSON"),
        b'[' if matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b'"' | b'[')) => Some("JSON"),
        _ if text.starts_with(b"---") => Some("YAML"),
        _ if text.starts_with(b"$ORIGIN") || text.starts_with(b"$TTL") => Some("a DNS zone"),
        _ => None,
    }
}

/// The first line that is neither blank nor a comment.
pub(super) fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty() && !line.starts_with(b"#"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_format_file_is_registered() {
        let files: BTreeSet<String> = std::fs::read_dir("src/inventory/format")
            .expect("the tests run from the package root")
            .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.replace('_', "-")))
            .filter(|stem| stem != "mod")
            .collect();
        let registered: BTreeSet<String> = FORMATS.iter().map(|format| format.name.to_owned()).collect();
        assert_eq!(files, registered);
        assert_eq!(registered.len(), FORMATS.len(), "no name twice");
        assert!(
            PLANNED.iter().all(|name| !registered.contains(*name)),
            "a format that is built is no longer planned"
        );
    }

    #[test]
    fn the_content_tells_the_format() {
        let table: &[(&str, Result<&str, &str>)] = &[
            ("name,port\nweb01,443\n", Ok("csv")),
            ("\n\"Name\" , \"Port\"\nweb01,443\n", Ok("csv")),
            ("address\n192.0.2.1\n", Ok("csv")),
            ("secret_id,type\n", Ok("csv")),
            ("host,port\nweb01,443\n", Ok("csv")),
            ("name;port\nweb01;443\n", Ok("csv")),
            ("web01.example.test\n", Ok("list")),
            ("# a comment, with a comma\n\n[2001:db8::1]:443\n", Ok("list")),
            ("", Ok("list")),
            ("{\"name\":\"web01\"}", Err("JSON")),
            ("[ {\"ip\":\"192.0.2.1\"} ]", Err("JSON")),
            ("<?xml version=\"1.0\"?>", Err("XML")),
            ("---\nall:\n", Err("YAML")),
        ];
        for (input, expected) in table {
            let file = TextFile { name: "t".into(), text: input.as_bytes() };
            match (by_content(&file), expected) {
                (Ok(format), Ok(name)) => assert_eq!(format.name, *name, "input: {input:?}"),
                (Err(error), Err(want)) => {
                    assert!(error.to_string().contains(want), "input: {input:?} gave: {error}");
                }
                (got, _) => panic!("input: {input:?} gave {:?}", got.map(|f| f.name)),
            }
        }
    }

    #[test]
    fn a_named_format_is_taken_or_refused_clearly() {
        assert!(by_name("csv").is_ok());
        let planned = by_name("nmap").map(|f| f.name).expect_err("not built yet").to_string();
        assert!(planned.contains("not built yet") && planned.contains("csv, list"), "{planned}");
        let unknown = by_name("nmpa").map(|f| f.name).expect_err("unknown").to_string();
        assert!(unknown.contains("no such format"), "{unknown}");
    }
}
