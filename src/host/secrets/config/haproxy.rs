//! HAProxy: certificates with their keys in one file, folders and lists of them.

use std::path::{Path, PathBuf};

use super::{At, Include, Kind, Mention, Unit, Visit, glob, lines};

const SERVICE: &str = "haproxy";

/// Reads HAProxy's configuration.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    let mut state = State::default();
    for main in
        ["/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*.cfg", "/usr/local/etc/haproxy/haproxy.cfg"]
    {
        visit.walk(main, &mut |visit, unit| state.one(visit, unit));
    }
}

/// What `global` and a certificate store say of relative names.
#[derive(Default)]
struct State {
    crt_base: Option<PathBuf>,
    key_base: Option<PathBuf>,
}

impl State {
    fn one(&mut self, visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
        let folder = unit.main.parent().unwrap_or(Path::new("/")).to_path_buf();
        for (n, line) in unit.text.lines().enumerate() {
            let words = lines::words(line);
            let at = unit.at(n.saturating_add(1));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let base = self.crt_base.as_ref().unwrap_or(&folder).clone();
            match words.as_slice() {
                ["crt-base", value, ..] => self.crt_base = visit.path(SERVICE, value, &folder, at),
                ["key-base", value, ..] => self.key_base = visit.path(SERVICE, value, &folder, at),
                ["load" | "ssl-f-use", rest @ ..] => self.load(visit, rest, &base, at),
                ["bind" | "server" | "default-server" | "ssl-default-bind-options", rest @ ..] => {
                    let client = words.first() != Some(&"bind");
                    for pair in rest.windows(2) {
                        match *pair {
                            ["crt", value] => with_key(visit, value, &base, client, at),
                            ["crt-list", value] => {
                                if let Some(path) = visit.path(SERVICE, value, &folder, at) {
                                    list(visit, &path, &base);
                                }
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Vec::new()
    }

    /// `load crt X key Y`: the key may be a file of its own.
    fn load(&self, visit: &mut Visit<'_>, words: &[&str], base: &Path, at: At<'_>) {
        let named =
            |name: &str| words.windows(2).find_map(|p| (*p.first()? == name).then(|| p.get(1)).flatten());
        let (certificate, key) = (named("crt"), named("key"));
        let certificate = certificate.and_then(|value| visit.path(SERVICE, value, base, at));
        let key_base = self.key_base.as_deref().unwrap_or(base);
        let (path, kind) = match (key, &certificate) {
            (Some(key), _) => (visit.path(SERVICE, key, key_base, at), Kind::Key),
            (None, Some(certificate)) => (Some(certificate.clone()), Kind::Combined),
            (None, None) => return,
        };
        let Some(path) = path else { return };
        let at = Some(at.to_string());
        visit.mention(Mention { path, kind, service: SERVICE.to_owned(), client: false, at, certificate });
    }
}

/// A file, or a folder of such files.
fn with_key(visit: &mut Visit<'_>, value: &str, base: &Path, client: bool, at: At<'_>) {
    // A name of a store that `load` has filled.
    if value.starts_with('@') {
        return;
    }
    let Some(path) = visit.path(SERVICE, value, base, at) else { return };
    let mention = |path: PathBuf, kind| Mention {
        certificate: Some(path.clone()),
        path,
        kind,
        service: SERVICE.to_owned(),
        client,
        at: Some(at.to_string()),
    };
    if !visit.root.metadata(&path).is_ok_and(|m| m.is_dir()) {
        visit.mention(mention(path, Kind::Combined));
        return;
    }
    for name in glob::list(visit.root, visit.cover, &path) {
        let text = name.to_string_lossy();
        // OCSP answers, issuers and transparency records lie there as well.
        if text.starts_with('.') || [".ocsp", ".issuer", ".sctl"].iter().any(|e| text.ends_with(e)) {
            continue;
        }
        visit.mention(mention(path.join(&name), Kind::Maybe));
    }
}

/// The files that a list names, one a line: a path, options in brackets, filters.
fn list(visit: &mut Visit<'_>, path: &Path, base: &Path) {
    let Some(text) = visit.text(path, false) else { return };
    for (n, line) in text.lines().enumerate() {
        let words = lines::words(line);
        if let Some(value) = words.first().filter(|w| !w.starts_with('#')) {
            let at = At { file: path, line: n.saturating_add(1) };
            with_key(visit, value, base, false, at);
        }
    }
}
