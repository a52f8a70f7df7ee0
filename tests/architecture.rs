//! The house keeps its shape: arrows between stages run one way, and no file stands unregistered.
//!
//! Reads the sources as text. It sees `crate::stage` and `super` paths, which is how modules name
//! each other here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which modules each top-level module may name, besides itself. `main -> cli -> pipeline -> stages -> model, wire`.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("clock", &["model"]),
    ("config", &["model"]),
    ("inventory", &["model", "clock", "http"]),
    ("disclosure", &["model"]),
    ("http", &[]),
    ("probe", &["model", "clock", "wire", "http"]),
    ("revocation", &["model", "clock", "http"]),
    ("host", &["model", "clock"]),
    ("classify", &["model"]),
    ("store", &["model", "clock"]),
    ("bundle", &["model"]),
    ("assess", &["model"]),
    ("remediate", &["model"]),
    ("report", &["model"]),
    ("tracker", &["model"]),
    ("live", &["model"]),
    ("drill", &["model", "clock", "wire"]),
    ("error", &["bundle", "config", "disclosure", "inventory", "report", "store"]),
    (
        "pipeline",
        &[
            "model",
            "clock",
            "config",
            "error",
            "inventory",
            "disclosure",
            "probe",
            "revocation",
            "host",
            "store",
            "bundle",
            "assess",
            "classify",
            "remediate",
            "report",
            "tracker",
            "live",
            "drill",
        ],
    ),
    ("cli", &["model", "clock", "config", "error", "pipeline", "report"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the tests run from the package root") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    found.sort();
    found
}

/// The top-level module that a file belongs to.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix("src").expect("a source file");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a text names: `crate::x`, also in `use crate::{x::.., y}` groups.
fn named(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else if !word.is_empty() {
                    // Only the first word of each path of the group names a module.
                    if c == ':' || c == ',' || c == '}' || c.is_whitespace() {
                        found.insert(std::mem::take(&mut word));
                    }
                    if c == ':' {
                        "\u{0}".clone_into(&mut word); // swallow the rest of this path
                    }
                }
                if c == ',' && depth == 1 {
                    word.clear();
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn arrows_run_one_way() {
    let rooms: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for path in all_sources() {
        let room = room(&path);
        if room == "main" || room == "lib" {
            continue;
        }
        let Some(may) = rooms.get(room.as_str()) else {
            wrong.push(format!("{} is in no known room", path.display()));
            continue;
        };
        let text = fs::read_to_string(&path).expect("a readable source");
        for name in named(&text) {
            let is_room = rooms.contains_key(name.as_str());
            if is_room && name != room && !may.contains(name.as_str()) {
                wrong.push(format!("{} sees {name}, and {room} may not", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_arrows_sees_them() {
    let text = "use crate::{\n  model::{ids::RowId, time},\n  store,\n};\nfn f() { crate::report::x() } // crate::probe\n";
    let names: Vec<String> = named(text).into_iter().filter(|n| !n.starts_with('\u{0}')).collect();
    assert_eq!(names, ["model", "report", "store"]);
}

#[test]
fn the_table_of_arrows_has_no_circle_and_names_every_room() {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<_> = ARROWS.to_vec();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|(room, may)| {
            let ready = may.iter().all(|m| done.contains(m));
            if ready {
                done.insert(room);
            }
            !ready
        });
        assert!(left.len() < before, "a circle among {left:?}");
    }
    let rooms: BTreeSet<String> =
        all_sources().iter().map(|p| room(p)).filter(|r| r != "main" && r != "lib").collect();
    assert_eq!(rooms, done.iter().map(|r| (*r).to_owned()).collect());
}

#[test]
fn every_file_is_named_by_its_parent_module() {
    for path in all_sources() {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if matches!(stem.as_str(), "mod" | "main" | "lib") {
            continue;
        }
        let folder = path.parent().expect("a folder");
        let candidates = [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")];
        let registered = candidates.iter().filter_map(|p| fs::read_to_string(p).ok()).any(|text| {
            text.lines().any(|l| {
                let l = l.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
                l.trim_start_matches("pub ") == format!("mod {stem};")
            })
        });
        assert!(registered, "{} is not registered by a `mod {stem};` in its parent", path.display());
    }
}

#[test]
fn files_stay_short_enough_to_find_a_line_in() {
    let long: Vec<String> = all_sources()
        .iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(path).expect("a readable source").lines().count();
            (lines > 600).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
