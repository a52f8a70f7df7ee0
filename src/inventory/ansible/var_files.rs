//! The folders `group_vars` and `host_vars` beside an inventory, where owners and ports usually stand.
//!
//! Only regular files below the inventory's own folder are read, so many and so large as somebody may have written.
//! Vaults are counted and left alone.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Model, Vars, is_vault};
use crate::{
    inventory::{
        format::TextFile,
        intake::Intake,
        load::read_file,
        tree::{Entry, Node, Value, yaml},
    },
    model::{loading::NoticeKind, service::Source},
};

/// The most files that are read.
const MOST_FILES: usize = 20_000;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The most bytes that all of them may have.
const MOST_BYTES: u64 = 256 << 20;

/// How deep folders may stand in `group_vars/NAME`.
const DEPTH: usize = 8;

/// What a file may be called after a group or host, in the order in which Ansible looks; the first one is taken.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// Reads the variables of files beside the inventory into the model. Bad files are bad rows; what is left out is
/// told in one notice for each reason, at `source`.
pub(in crate::inventory) fn read_beside(
    model: &mut Model<'_>,
    file: &TextFile<'_>,
    source: &Source,
    intake: &mut Intake<'_>,
) {
    let Some(folder) = &file.folder else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(root) = fs::canonicalize(folder) else { return };
    let mut reader =
        Reader { root, files: 0, bytes: 0, vaults: 0, vaulted: 0, outside: 0, beyond: 0, intake };
    let groups = listing(&folder.join("group_vars"));
    for group in &mut model.groups {
        group.file_vars = reader.all(&groups, &group.name);
    }
    let hosts = listing(&folder.join("host_vars"));
    if !hosts.is_empty() {
        for host in &mut model.hosts {
            host.file_vars = reader.all(&hosts, &host.name);
        }
    }
    reader.tell(source);
}

/// What a folder holds, by name; nothing where it is none.
fn listing(folder: &Path) -> HashMap<String, PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect()
}

struct Reader<'r, 'o> {
    root: PathBuf,
    files: usize,
    bytes: u64,
    vaults: u64,
    vaulted: u64,
    outside: u64,
    beyond: u64,
    intake: &'r mut Intake<'o>,
}

impl Reader<'_, '_> {
    /// The variables that the files of one group or host set.
    fn all(&mut self, listing: &HashMap<String, PathBuf>, name: &str) -> Vars<'static> {
        let mut vars = Vec::new();
        if !listing.is_empty()
            && let Some(path) = ENDINGS.iter().find_map(|ending| listing.get(&format!("{name}{ending}")))
        {
            self.path(path, &mut vars, 0);
        }
        vars
    }

    fn path(&mut self, path: &Path, vars: &mut Vars<'static>, depth: usize) {
        // Also a link that leads elsewhere in the folder is read; one that leads out of it is not.
        let inside = fs::canonicalize(path).is_ok_and(|real| real.starts_with(&self.root));
        match fs::metadata(path) {
            Ok(_) | Err(_) if !inside => self.outside += 1,
            Ok(meta) if meta.is_dir() && depth < DEPTH => {
                let mut inner: Vec<_> = listing(path).into_iter().collect();
                inner.sort();
                for (name, path) in inner {
                    let ending =
                        name.rfind('.').filter(|at| *at > 0).and_then(|at| name.get(at..)).unwrap_or("");
                    let wanted = ENDINGS.contains(&ending) && !name.starts_with('.') && !name.ends_with('~');
                    if wanted && (ending.is_empty() || !path.is_dir()) {
                        self.path(&path, vars, depth + 1);
                    }
                }
            }
            Ok(meta) if meta.is_file() => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(meta.len());
                if self.files > MOST_FILES || meta.len() > LARGEST || self.bytes > MOST_BYTES {
                    self.beyond += 1;
                    return;
                }
                match read_file(path) {
                    Ok(text) => self.text(path, &text, vars),
                    Err(error) => self.bad(path, 1, 1, unreadable(&error)),
                }
            }
            Ok(_) | Err(_) => self.outside += 1,
        }
    }

    fn text(&mut self, path: &Path, text: &[u8], vars: &mut Vars<'static>) {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.trim_ascii_start().starts_with(b"$ANSIBLE_VAULT") {
            self.vaults += 1;
            return;
        }
        match yaml(text) {
            Err(fault) => self.bad(path, fault.place.line, fault.place.column, fault.message),
            Ok(documents) => match documents.into_iter().next() {
                None | Some(Node { value: Value::Null, .. }) => {}
                Some(Node { value: Value::Map(entries), .. }) => {
                    for entry in entries {
                        if let Some(node) = self.owned(entry.node) {
                            vars.push((Cow::Owned(entry.key.into_owned()), node));
                        }
                    }
                }
                Some(node) => {
                    let message = format!("this is {}; expected variables as `name: value`", node.kind());
                    self.bad(path, node.place.line, node.place.column, message);
                }
            },
        }
    }

    /// The value without its file; `None` for a vault.
    fn owned(&mut self, node: Node<'_>) -> Option<Node<'static>> {
        if is_vault(&node) {
            self.vaulted += 1;
            return None;
        }
        let value = match node.value {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(text) => Value::Number(Cow::Owned(text.into_owned())),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Seq(items) => Value::Seq(items.into_iter().filter_map(|item| self.owned(item)).collect()),
            Value::Map(entries) => {
                let entry = |entry: Entry<'_>| {
                    let node = self.owned(entry.node)?;
                    Some(Entry { at: entry.at, key: Cow::Owned(entry.key.into_owned()), node })
                };
                Value::Map(entries.into_iter().filter_map(entry).collect())
            }
        };
        Some(Node { place: node.place, value })
    }

    fn bad(&mut self, path: &Path, line: u32, column: u32, message: String) {
        self.intake.count_row();
        let name: Arc<str> = path.to_string_lossy().into();
        self.intake.bad(&name, line, column, message);
    }

    fn tell(self, source: &Source) {
        let mut say =
            |message: String| self.intake.notice(NoticeKind::LeftOut, message, Some(source.clone()));
        if self.vaults + self.vaulted > 0 {
            let parts =
                [("files", self.vaults), ("values", self.vaulted)].into_iter().filter(|(_, n)| *n > 0);
            let parts: Vec<String> = parts.map(|(what, n)| format!("{what}: {n}")).collect();
            say(format!("vaults of group_vars and host_vars are not read: {}", parts.join(", ")));
        }
        if self.outside > 0 {
            say(format!(
                "{} entries of group_vars and host_vars are no regular files below the inventory's folder, and are not read",
                self.outside
            ));
        }
        if self.beyond > 0 {
            say(format!(
                "{} files of group_vars and host_vars are not read: more than {MOST_FILES} files, {LARGEST} bytes in one or {MOST_BYTES} in all",
                self.beyond
            ));
        }
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}
