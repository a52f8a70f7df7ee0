//! The version of a libssl that carries no banner: that of the libcrypto which it loads.
//!
//! Follows the loader's order as far as files tell it: DT_RUNPATH or DT_RPATH, the file's own folder, the
//! usual folders. It does not read `ld.so.cache` and knows no LD_LIBRARY_PATH: for a running process, the
//! library that is mapped beside it is the truth.

use std::{fs::File, path::Path};

use super::{
    classify::{NO_BANNER, half},
    elf::Elf,
    features::{self, Half},
    identify::identify,
};
use crate::{
    host::root::{Root, path_text},
    model::host::{CopyRole, Library},
};

/// Where loaders look when nothing else is said.
const USUAL: [&str; 14] = [
    "/usr/local/lib64",
    "/usr/local/lib",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib/i386-linux-gnu",
    "/usr/lib/i386-linux-gnu",
    "/lib/arm-linux-gnueabihf",
    "/usr/lib/arm-linux-gnueabihf",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// Folders of one search list that are tried.
const FOLDERS: usize = 32;

/// Learns the version of a library that has none of its own from the libcrypto that it needs, in the files of
/// one root. `file` is the library itself; its record's path is a path inside that root.
pub fn resolve(library: &mut Library, file: &File, root: &Root) {
    if library.version.is_some() {
        return;
    }
    if library.role == CopyRole::BuildInput {
        return beside(library, root);
    }
    if library.role != CopyRole::Embeds {
        return;
    }
    let Some(needed) = library.needed.iter().find(|name| half(name) == Some(Half::Crypto)).cloned() else {
        return;
    };
    let Ok(Some(elf)) = Elf::read(file) else { return };
    let search = elf.dynamic(file).and_then(|d| d.search).unwrap_or_default();
    let place = Place { path: Path::new(&library.path), search: &search, wide: elf.wide() };
    let Some((path, other)) = place.find(&needed, root) else { return };
    if let Ok(Some(other)) = identify(&other, &path) {
        adopt(library, &other);
    }
}

/// A file that loads others: where a loader would look for them.
pub(super) struct Place<'a> {
    /// The file's path inside the root.
    pub(super) path: &'a Path,
    /// Its DT_RUNPATH or DT_RPATH, empty where there is none.
    pub(super) search: &'a str,
    /// Its word size.
    pub(super) wide: bool,
}

impl Place<'_> {
    /// The library of a name, with its path inside the root.
    pub(super) fn find(&self, needed: &str, root: &Root) -> Option<(String, File)> {
        let own = self.path.parent().map(path_text).unwrap_or_default();
        let listed = self.search.split(':').filter(|folder| !folder.is_empty()).take(FOLDERS);
        let listed = listed.map(|folder| folder.replace("${ORIGIN}", &own).replace("$ORIGIN", &own));
        let folders = listed.chain([own.clone()]).chain(USUAL.map(str::to_owned));
        for folder in folders.filter(|folder| folder.starts_with('/')) {
            let Ok(path) = root.resolve(Path::new(&folder).join(needed)) else { continue };
            let Ok(other) = root.open(&path) else { continue };
            // A loader passes over the library of another word size.
            if Elf::read(&other).ok().flatten().is_none_or(|other| other.wide() != self.wide) {
                continue;
            }
            return Some((path_text(&path), other));
        }
        None
    }
}

/// The static libssl has no banner either; the libcrypto of its build stands next to it.
fn beside(library: &mut Library, root: &Root) {
    let own = Path::new(&library.path);
    if own.file_name().is_none_or(|name| name != "libssl.a") {
        return;
    }
    let path = own.with_file_name("libcrypto.a");
    let Ok(other) = root.open(&path) else { return };
    if let Ok(Some(other)) = identify(&other, &path_text(&path)) {
        adopt(library, &other);
    }
}

/// Takes over what a libcrypto says of the build that both are of.
pub(super) fn adopt(library: &mut Library, other: &Library) {
    let Some(version) = &other.version else { return };
    // Forks keep their banner in libcrypto alone as well.
    library.lib = other.lib;
    if library.note.as_deref() == Some(NO_BANNER) {
        library.note = None;
    }
    library.version = Some(version.clone());
    library.version_from = Some(other.path.clone());
    features::keep_fitting(&mut library.features, version);
    // Only a build without heartbeats makes a libcrypto speak of them.
    if other.features.get("tls1_process_heartbeat") == Some(&Some(false)) {
        features::without_heartbeats(&mut library.features);
    }
}
