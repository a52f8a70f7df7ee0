//! The files that say which package brought a file along: RECORD and METADATA of wheels, package.json,
//! conda-meta, SBOMs. Each reader takes whatever bytes and answers with what it understood.

use serde_json::Value;

use crate::{host::root::bytes_text, model::host::Library};

/// Longest name or version that is believed.
const TEXT: usize = 200;

/// Name and version of a package.json; one without a name only configures a folder.
pub(super) fn package_json(bytes: &[u8]) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    Some((text(value.get("name")?)?, value.get("version").and_then(text).unwrap_or_default()))
}

/// Name and version of a wheel's METADATA: the lines above the first empty one.
pub(super) fn wheel(bytes: &[u8]) -> Option<(String, String)> {
    let (mut name, mut version) = (None, String::new());
    for line in bytes.split(|b| *b == b'\n').take(1000) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let value = |key: &[u8]| line.strip_prefix(key).map(|v| cut(&bytes_text(v.trim_ascii())));
        if let Some(value) = value(b"Name:") {
            name = Some(value);
        } else if let Some(value) = value(b"Version:") {
            version = value;
        }
    }
    Some((name.filter(|name| !name.is_empty())?, version))
}

/// The paths of a RECORD: the first field of each line of CSV.
pub(super) fn record(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    bytes.split(|b| *b == b'\n').filter_map(|line| {
        let field = match line.strip_prefix(b"\"") {
            Some(quoted) => quoted.get(..memchr::memmem::find(quoted, b"\",")?)?,
            None => line.get(..memchr::memchr(b',', line)?)?,
        };
        (!field.is_empty()).then(|| bytes_text(field).replace("\"\"", "\""))
    })
}

/// Whether a file of that name may be a library, a program, or an archive that holds one.
pub(super) fn may_be_binary(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    !file.contains('.') || file.contains(".so") || ending(file) == "a" || by_name(file)
}

/// Name and version of a record of conda-meta, if it lists a file.
pub(super) fn conda(bytes: &[u8], file: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let listed = value.get("files")?.as_array()?.iter().any(|listed| listed.as_str() == Some(file));
    if !listed {
        return None;
    }
    Some((text(value.get("name")?)?, value.get("version").and_then(text).unwrap_or_default()))
}

/// Whether a path below a dist-info is an SBOM.
pub(super) fn is_sbom(rest: &str) -> bool {
    rest.starts_with("sboms/") && ending(rest) == "json"
}

/// What an SBOM, CycloneDX or SPDX, says of OpenSSL: a sentence for a note.
pub(super) fn sbom(bytes: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let lists = [("components", "version"), ("packages", "versionInfo")];
    for (list, version) in lists {
        for item in value.get(list).and_then(Value::as_array).into_iter().flatten() {
            let name = item.get("name").and_then(text).unwrap_or_default();
            if name.eq_ignore_ascii_case("openssl") {
                let version = item.get(version).and_then(text).unwrap_or_default();
                return Some(format!("its SBOM names openssl {version}").trim_end().to_owned());
            }
        }
    }
    None
}

/// Name and version from a file's name: `netty-tcnative-2.0.61.Final-linux-x86_64.jar`.
pub(super) fn by_file_name(path: &str) -> (String, String) {
    let file = path.rsplit(['/', '!']).next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let digit = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    match stem.match_indices('-').map(|(at, _)| at).find(digit) {
        Some(at) => {
            let (name, rest) = stem.split_at(at);
            let version = rest.get(1..).unwrap_or_default().split('-').next().unwrap_or_default();
            (cut(name), cut(version))
        }
        None => (cut(stem), String::new()),
    }
}

/// What stands behind the last point of a name; nothing where there is none.
pub(super) fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Adds to a record's note.
pub(super) fn add_note(library: &mut Library, more: &str) {
    let note = library.note.get_or_insert_default();
    if !note.is_empty() {
        note.push_str("; ");
    }
    note.push_str(more);
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(cut)
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// Whether a name is that of a zip file of some kind.
pub(super) fn zip_by_name(name: &str) -> bool {
    matches!(ending(name), "zip" | "whl" | "jar" | "war" | "ear" | "egg" | "pyz" | "pex" | "nupkg" | "aar")
}

/// Whether a name is that of an archive in which libraries travel: not of any compressed file, as every manual
/// page is one.
pub(super) fn may_hold_libraries(name: &str) -> bool {
    by_name(name) && (ending(name) != "gz" || name.ends_with(".tar.gz"))
}

/// Whether a name is that of an archive.
pub(super) fn by_name(name: &str) -> bool {
    NAMES.iter().any(|ending| name.ends_with(ending)) || closed_stream(name)
}

/// Names of archives, for files too small to be looked into otherwise.
const NAMES: [&str; 24] = [
    ".pyz", ".pex", ".tar", ".tgz", ".gz", ".zip", ".whl", ".jar", ".war", ".ear", ".egg", ".gem", ".nupkg",
    ".crate", ".apk", ".aar", ".conda", ".deb", ".rpm", ".7z", ".rar", ".txz", ".tbz2", ".snap",
];

/// Whether a compressed stream's name says that it holds an archive or a library.
pub(super) fn closed_stream(name: &str) -> bool {
    let Some((stem, last)) = name.rsplit_once('.') else { return false };
    match last {
        "xz" | "zst" | "bz2" | "lz4" => ending(stem) == "tar" || stem.contains(".so"),
        "txz" | "tzst" | "tbz" | "tbz2" => true,
        _ => false,
    }
}
