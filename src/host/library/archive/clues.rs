//! Which package the members of an archive belong to, by the files beside them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::library::metadata,
    model::host::{Bundle, Library},
};

/// Packages remembered of one outer archive, and files remembered of all their lists.
const PACKAGES: usize = 20_000;
const FILES: usize = 200_000;

/// What was learned of packages. Folders are written with the `/` or `!` at their end.
#[derive(Debug, Default)]
pub(super) struct Clues {
    /// Folder of a package.json: name and version.
    npm: BTreeMap<String, (String, String)>,
    /// Folder that holds a `*.dist-info`, and that one's name.
    wheels: BTreeMap<(String, String), Wheel>,
    files: usize,
}

#[derive(Debug, Default)]
struct Wheel {
    name: String,
    version: String,
    files: BTreeSet<String>,
    /// What its SBOMs say of OpenSSL.
    sbom: Option<String>,
}

/// `…/site-packages/x.dist-info/RECORD` to folder, dist-info, and the rest.
fn dist_info(path: &str) -> Option<(&str, &str, &str)> {
    let at = path.rfind(".dist-info/")?;
    let end = at + ".dist-info".len();
    let start = path.get(..at)?.rfind(['/', '!'])? + 1;
    Some((path.get(..start)?, path.get(start..end)?, path.get(end + 1..)?))
}

impl Clues {
    /// Whether a file says which package others belong to.
    pub(super) fn wanted(path: &str) -> bool {
        let file = path.rsplit(['/', '!']).next().unwrap_or(path);
        match dist_info(path) {
            Some((_, _, rest)) => metadata::is_sbom(rest) || matches!(rest, "RECORD" | "METADATA"),
            None => file == "package.json",
        }
    }

    /// Takes in such a file.
    pub(super) fn learn(&mut self, path: &str, bytes: &[u8]) {
        if self.npm.len() + self.wheels.len() >= PACKAGES {
            return;
        }
        let Some((folder, info, rest)) = dist_info(path) else {
            if let (Some(folder), Some(package)) =
                (path.strip_suffix("package.json"), metadata::package_json(bytes))
            {
                self.npm.insert(folder.to_owned(), package);
            }
            return;
        };
        let wheel = self.wheels.entry((folder.to_owned(), info.to_owned())).or_default();
        if rest == "METADATA" {
            (wheel.name, wheel.version) = metadata::wheel(bytes).unwrap_or_default();
        } else if rest == "RECORD" {
            for file in metadata::record(bytes).filter(|file| metadata::may_be_binary(file)) {
                if self.files >= FILES {
                    break;
                }
                self.files += usize::from(wheel.files.insert(file));
            }
        } else {
            wheel.sbom = wheel.sbom.take().or_else(|| metadata::sbom(bytes));
        }
    }

    /// Names the bundle of each library: that of the nearest folder, or archive around it, that says.
    pub(super) fn assign(&self, libraries: &mut [Library]) {
        for library in libraries {
            let path = library.path.clone();
            let mut end = path.len();
            while let Some(at) = path.get(..end).and_then(|p| p.rfind(['/', '!'])) {
                let folder = path.get(..=at).unwrap_or_default();
                if self.of(folder, path.get(at + 1..).unwrap_or_default(), library) || at == 0 {
                    break;
                }
                end = at;
            }
        }
    }

    fn of(&self, folder: &str, file: &str, library: &mut Library) -> bool {
        let outer = folder.strip_suffix('!').unwrap_or_default();
        // What lies deeper is not in this list by its whole name, but by that of the archive it is in.
        let listed = file.split('!').next().unwrap_or(file);
        let here = (folder.to_owned(), String::new());
        for ((at, info), wheel) in self.wheels.range(here..).take_while(|((at, _), _)| at == folder) {
            // Everything in a wheel is of it; in a folder of many, the list decides.
            if metadata::ending(outer) == "whl" || wheel.files.contains(listed) {
                let said_by = format!("{at}{info}/RECORD");
                library.bundle = Some(bundle("wheel", &wheel.name, &wheel.version, said_by));
                if let Some(sbom) = &wheel.sbom {
                    metadata::add_note(library, sbom);
                }
                return true;
            }
        }
        if let Some((name, version)) = self.npm.get(folder) {
            library.bundle = Some(bundle("npm", name, version, format!("{folder}package.json")));
            return true;
        }
        let kind = match metadata::ending(outer) {
            "jar" | "war" | "ear" => "jar",
            "gem" => "gem",
            _ => return false,
        };
        let (name, version) = metadata::by_file_name(outer);
        library.bundle = Some(bundle(kind, &name, &version, outer.to_owned()));
        true
    }
}

fn bundle(kind: &str, name: &str, version: &str, said_by: String) -> Bundle {
    Bundle { kind: kind.to_owned(), name: name.to_owned(), version: version.to_owned(), said_by }
}
