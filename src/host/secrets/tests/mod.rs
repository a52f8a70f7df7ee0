//! Tests of this part: keys against the real `openssl`, configurations, hostile input.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::keys;
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Coverage, Key},
};

mod configs;
mod hostile;
mod mail;
mod oracle;
mod places;

/// A small host in a folder.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A key that ring made and its certificate, in files.
    fn pair(&self, key: &str, certificate: &str) -> &Self {
        let (key_pem, certificate_pem) = pair();
        self.write(key, key_pem).write(certificate, certificate_pem)
    }

    fn keys(&self) -> (Vec<Key>, Coverage) {
        let cover = Cover::default();
        let keys = keys(&Root::new(self.folder.path()), &cover);
        (keys, cover.coverage())
    }

    /// `path services configured_at` of every key.
    fn seen(&self) -> Vec<String> {
        let line = |k: &Key| format!("{} [{}] {}", k.path, k.services.join(","), k.configured_at.join(","));
        self.keys().0.iter().map(line).collect()
    }

    /// `what: examples` of every gap.
    fn gaps(&self) -> Vec<String> {
        self.keys().1.gaps.iter().map(|g| format!("{}: {}", g.what, g.examples.join(" | "))).collect()
    }
}

fn pair() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["host.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    (key.serialize_pem(), certificate.pem())
}

/// Says that a test was skipped.
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn root(path: &Path) -> Root {
    Root::new(path)
}

#[test]
fn nothing_there_is_no_gap() {
    let host = Host::new();
    let (keys, coverage) = host.keys();
    assert!(keys.is_empty());
    assert!(coverage.complete, "{:?}", coverage.gaps);
    assert_eq!(coverage.parts, [crate::model::host::Part::Secrets]);
}
