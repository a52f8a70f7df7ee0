//! Tests of the databases against real hosts, the distributions' own tools, and hostile inputs.

mod apk;
mod build;
mod dpkg;
mod hostile;
mod owners;
mod rpm;
mod rpm_peers;
mod times;
mod updates;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::host::cover::Cover;

/// Writes a file below a root, with its folders.
fn put(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The words of all gaps.
fn gaps(cover: &Cover) -> Vec<String> {
    cover.coverage().gaps.into_iter().map(|gap| gap.what).collect()
}

/// A tool to compare with. Without it a test is skipped, unless it was asked for.
fn peer(name: &str) -> Option<PathBuf> {
    let found = super::tool::find(name);
    if found.is_none() {
        let required = std::env::var("ALLCLEAR_REQUIRE_PEERS").is_ok_and(|v| !v.is_empty() && v != "0");
        assert!(!required, "{name} is not installed");
        skipped(&format!("no {name}"));
    }
    found
}

#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// What a tool prints; it must succeed.
fn output(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
