//! Which wheel, npm package, gem or conda package brought a file on disk along.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::metadata;
use crate::{
    host::root::{Root, path_text},
    model::host::{Bundle, Library},
};

/// Folders above a file that are looked at.
const UP: usize = 40;
/// Most that is read of one file that names a package.
const MOST: u64 = 16 << 20;
/// Packages of one folder that are looked at.
const PACKAGES: usize = 5_000;

/// What a folder holds that names packages.
#[derive(Debug, Default)]
struct Folder {
    dist_infos: Vec<String>,
    package: Option<(String, String)>,
    conda: Vec<String>,
}

/// Names the bundle of each library: that of the nearest folder that says.
pub(super) fn find(libraries: &mut [Library], root: &Root) {
    let mut folders = BTreeMap::new();
    for library in libraries {
        let file = PathBuf::from(&library.path);
        for above in file.ancestors().skip(1).take(UP) {
            let folder = folders.entry(above.to_path_buf()).or_insert_with(|| Folder::read(above, root));
            let Ok(inside) = file.strip_prefix(above) else { break };
            if of(folder, above, &path_text(inside), root, library) {
                break;
            }
        }
    }
}

fn of(folder: &Folder, above: &Path, file: &str, root: &Root, library: &mut Library) -> bool {
    let said = |kind: &str, (name, version): (String, String), by: PathBuf| {
        Some(Bundle { kind: kind.to_owned(), name, version, said_by: path_text(&by) })
    };
    for info in &folder.dist_infos {
        let info = above.join(info);
        let record = root.read(info.join("RECORD"), MOST).unwrap_or_default();
        if !metadata::record(&record).any(|listed| listed == file) {
            continue;
        }
        let package = root.read(info.join("METADATA"), MOST).ok().and_then(|bytes| metadata::wheel(&bytes));
        library.bundle = said("wheel", package.unwrap_or_default(), info.join("RECORD"));
        sboms(&info, root, library);
        return true;
    }
    for name in &folder.conda {
        let path = above.join("conda-meta").join(name);
        let package = root.read(&path, MOST).ok().and_then(|bytes| metadata::conda(&bytes, file));
        if let Some(package) = package {
            library.bundle = said("conda", package, path);
            return true;
        }
    }
    if let Some(package) = folder.package.clone() {
        library.bundle = said("npm", package, above.join("package.json"));
        return true;
    }
    if above.parent().and_then(Path::file_name).is_some_and(|name| name == "gems")
        && let (Some(gem), Some(home)) = (above.file_name(), above.parent().and_then(Path::parent))
    {
        let gem = path_text(Path::new(gem));
        let specification = home.join("specifications").join(format!("{gem}.gemspec"));
        if root.metadata(&specification).is_ok_and(|meta| meta.is_file()) {
            // `by_file_name` takes an ending off.
            let package = metadata::by_file_name(&format!("{gem}.gem"));
            library.bundle = said("gem", package, specification);
            return true;
        }
    }
    false
}

fn sboms(info: &Path, root: &Root, library: &mut Library) {
    let folder = info.join("sboms");
    for name in root.list(&folder).unwrap_or_default().into_iter().take(20) {
        let name = Path::new(&name);
        if !metadata::is_sbom(&format!("sboms/{}", path_text(name))) {
            continue;
        }
        let said = root.read(folder.join(name), MOST).ok().and_then(|bytes| metadata::sbom(&bytes));
        if let Some(said) = said {
            return metadata::add_note(library, &said);
        }
    }
}

impl Folder {
    fn read(path: &Path, root: &Root) -> Self {
        let mut folder = Self::default();
        // A folder that cannot be listed names nothing; the sweep has counted it already.
        for name in root.list(path).unwrap_or_default() {
            let name = path_text(Path::new(&name));
            if name.ends_with(".dist-info") && folder.dist_infos.len() < PACKAGES {
                folder.dist_infos.push(name);
            } else if name == "package.json" {
                let bytes = root.read(path.join(name), MOST).unwrap_or_default();
                folder.package = metadata::package_json(&bytes);
            } else if name == "conda-meta" {
                let names = root.list(path.join(name)).unwrap_or_default().into_iter().take(PACKAGES);
                folder.conda = names
                    .map(|name| path_text(Path::new(&name)))
                    .filter(|name| Path::new(name).extension().is_some_and(|e| e == "json"))
                    .collect();
            }
        }
        folder
    }
}
