//! Members of a tar stream. Long names are read here and not by the tar crate, which would read a name of
//! gigabytes into memory.

use std::io::Read;

use super::Unpacker;
use crate::host::root::bytes_text;

/// Longest name that is read.
const NAME: u64 = 64 << 10;

impl Unpacker<'_> {
    /// Looks at each regular member.
    pub(super) fn tar(&mut self, stream: &mut dyn Read, path: &str, depth: usize) {
        let mut archive = tar::Archive::new(stream);
        // One archive may stand behind another, as `tar -i` reads them.
        archive.set_ignore_zeros(true);
        let entries = match archive.entries() {
            Ok(entries) => entries.raw(true),
            Err(error) => return self.broken(&error, path),
        };
        let mut long = None;
        for entry in entries {
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.broken(&error, path),
            };
            if !self.go_on(path) || !self.budget.member() {
                return;
            }
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                let mut text = Vec::new();
                if let Err(error) = Read::take(&mut entry, NAME).read_to_end(&mut text) {
                    return self.broken(&error, path);
                }
                if memchr::memmem::find(&text, b"GNU.sparse.").is_some() {
                    self.gap("sparse-member", path);
                }
                let name = if kind.is_gnu_longname() { gnu_name(&text) } else { pax_name(&text) };
                long = name.or(long);
                continue;
            }
            if kind.is_gnu_longlink() || kind.is_pax_global_extensions() {
                continue;
            }
            let name = long.take().unwrap_or_else(|| bytes_text(&entry.path_bytes()));
            let size = entry.size();
            if matches!(kind, tar::EntryType::Regular | tar::EntryType::Continuous) {
                let name = name.trim_start_matches("./");
                self.stream(&mut entry, &format!("{path}!{name}"), Some(size), depth + 1);
            } else if size > 0 && !kind.is_dir() && !kind.is_symlink() && !kind.is_hard_link() {
                self.gap("member-of-another-kind", &format!("{path}!{name}"));
            }
        }
    }
}

fn gnu_name(text: &[u8]) -> Option<String> {
    let name = text.split(|b| *b == 0).next()?;
    (!name.is_empty()).then(|| bytes_text(name))
}

/// The `path` of a pax header, whose records are `LENGTH KEY=VALUE\n`.
pub(super) fn pax_name(mut text: &[u8]) -> Option<String> {
    let mut name = None;
    while let Some(blank) = text.iter().take(20).position(|b| *b == b' ') {
        let length: usize = std::str::from_utf8(text.get(..blank)?).ok()?.parse().ok()?;
        let record = text.get(blank + 1..length.checked_sub(1)?)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            name = Some(bytes_text(value));
        }
        text = text.get(length..)?;
    }
    name
}
