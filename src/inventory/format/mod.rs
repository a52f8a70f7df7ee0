//! The input formats. To add one, write `format/<name>.rs` with a `pub(super) const FORMAT`, and add
//! its `mod` line and its entry in [`FORMATS`] here.
//!
//! A format turns text into rows with their places; what the rows mean together is `intake`'s.

use std::{path::PathBuf, sync::Arc};

pub(super) use peek::Peek;

use super::{Error, intake::Intake, tree::Fault};
use crate::model::{discovery::Role, service::Source};

/// One file's text, without a byte order mark.
pub(super) struct TextFile<'t> {
    /// As it was named; `-` is standard input.
    pub(super) name: Arc<str>,
    pub(super) text: &'t [u8],
    /// The folder in which it lies, where it is a file: what it includes is looked for there.
    pub(super) folder: Option<PathBuf>,
}

impl TextFile<'_> {
    /// The whole file is refused, for a reason that stands at this place.
    pub(super) fn refused(&self, line: u32, column: u32, message: String) -> Error {
        Error::Refused { file: Arc::clone(&self.name), line, column, message }
    }

    /// The whole file is refused, because it is no tree.
    pub(super) fn broken(&self, fault: Fault) -> Error {
        self.refused(fault.place.line, fault.place.column, fault.message)
    }

    /// A place in this file as a source of `format`.
    pub(super) fn source(&self, format: &Format, line: u32, path: Option<&str>) -> Source {
        Source { format: format.name.into(), file: Arc::clone(&self.name), line, path: path.map(Arc::from) }
    }
}

/// One input format.
pub(super) struct Format {
    /// As in `--format NAME`.
    pub(super) name: &'static str,
    /// Picks it in the fuzz target; a letter is never given to another format.
    pub(super) letter: u8,
    /// What it says about a service by naming it.
    pub(super) role: Role,
    /// Whether a text is of this format, by its content.
    pub(super) detect: fn(&Peek<'_>) -> bool,
    /// Hands every row of the file to the intake.
    pub(super) read: fn(&TextFile<'_>, &mut Intake<'_>) -> Result<(), Error>,
}

mod ansible_ini;
mod ansible_json;
mod ansible_yaml;
mod consul;
mod csv;
mod etcd;
mod gitleaks;
mod host;
mod hosts;
mod jsonl;
mod known_hosts;
mod kubernetes;
mod list;
mod masscan;
mod nmap;
mod peek;
mod ssh_config;
mod terraform;
mod trufflehog;
mod yaml;
mod zone;

/// Every format, in the order in which a text is tried: those that leave no doubt first. The last takes what no
/// other one takes.
pub(super) const FORMATS: &[Format] = &[
    nmap::FORMAT,
    masscan::FORMAT,
    host::FORMAT,
    gitleaks::FORMAT,
    trufflehog::FORMAT,
    terraform::FORMAT,
    kubernetes::FORMAT,
    etcd::FORMAT,
    consul::FORMAT,
    ansible_json::FORMAT,
    jsonl::FORMAT,
    yaml::FORMAT,
    ansible_yaml::FORMAT,
    zone::FORMAT,
    ansible_ini::FORMAT,
    known_hosts::FORMAT,
    ssh_config::FORMAT,
    hosts::FORMAT,
    csv::FORMAT,
    list::FORMAT,
];

/// The names of the formats that this build reads.
pub fn names() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

/// What a format says about a service by naming it; a format that is not known declares.
pub fn role(name: &str) -> Role {
    FORMATS.iter().find(|format| format.name == name).map_or(Role::Declares, |format| format.role)
}

/// The format of this name.
pub(super) fn by_name(name: &str) -> Result<&'static Format, Error> {
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| Error::UnknownFormat { name: name.to_owned(), built: names().join(", ") })
}

/// The format that the content shows.
pub(super) fn by_content(file: &TextFile<'_>) -> Result<&'static Format, Error> {
    let peek = Peek::new(file.text);
    let found = FORMATS.iter().find(|format| (format.detect)(&peek)).unwrap_or(&list::FORMAT);
    if found.name == list::FORMAT.name
        && let Some(what) = foreign(file.text)
    {
        return Err(file.refused(
            1,
            1,
            format!(
                "this is {what}, and of no format that is known; name it with --format, one of: {}",
                names().join(", ")
            ),
        ));
    }
    Ok(found)
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
        _ => None,
    }
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
            .filter(|stem| stem != "mod" && stem != "peek")
            .collect();
        let registered: BTreeSet<String> = FORMATS.iter().map(|format| format.name.to_owned()).collect();
        assert_eq!(files, registered);
        assert_eq!(registered.len(), FORMATS.len(), "no name twice");
        let letters: BTreeSet<u8> = FORMATS.iter().map(|format| format.letter).collect();
        assert_eq!(letters.len(), FORMATS.len(), "no letter twice");
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
            ("{\"what\":\"web01\"}", Err("JSON")),
            ("<?xml version=\"1.0\"?>", Err("XML")),
            ("---\nwhat\n", Err("YAML")),
        ];
        for (input, expected) in table {
            let file = TextFile { name: "t".into(), text: input.as_bytes(), folder: None };
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
        let unknown = by_name("nmpa").map(|f| f.name).expect_err("unknown").to_string();
        assert!(unknown.contains("no such format"), "{unknown}");
    }
}
