//! Keys and certificates, made by the `openssl` command and described by it: facts that allclear
//! reports are compared with what another program says about the same file.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{HANG, run_with_limit};

/// A private key on disk.
#[derive(Clone, Debug)]
pub struct Key {
    pub path: PathBuf,
}

/// A key with a certificate on it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub key: PathBuf,
    pub certificate: PathBuf,
}

/// What `openssl` says about a certificate.
#[derive(Debug)]
pub struct Facts {
    /// `sha256:` and hex.
    pub sha256: String,
    /// `sha256:` and hex.
    pub spki_sha256: String,
    /// `0x` and lower-case hex of the number, so without leading zeros.
    pub serial: String,
    /// `YYYY-MM-DDTHH:MM:SS`.
    pub not_before: String,
    pub not_after: String,
}

#[track_caller]
fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder);
    run_with_limit(&mut command, b"", HANG).expect_code(0).stdout
}

impl Key {
    pub fn rsa(folder: &Path, name: &str) -> Self {
        let file = format!("{name}.key");
        openssl(
            folder,
            &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &file],
        );
        // Old servers read the traditional form only.
        openssl(folder, &["rsa", "-in", &file, "-traditional", "-out", &file]);
        Self { path: folder.join(file) }
    }

    pub fn ecdsa(folder: &Path, name: &str) -> Self {
        let file = format!("{name}.key");
        openssl(
            folder,
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &file],
        );
        Self { path: folder.join(file) }
    }

    /// A self-signed certificate on this key; every call makes another serial number.
    pub fn certify(&self, name: &str, common_name: &str) -> Identity {
        let folder = self.path.parent().unwrap();
        let file = format!("{name}.crt");
        let key = self.path.to_str().unwrap();
        let subject = format!("/CN={common_name}");
        openssl(
            folder,
            &["req", "-x509", "-new", "-key", key, "-days", "90", "-utf8", "-subj", &subject, "-out", &file],
        );
        Identity { key: self.path.clone(), certificate: folder.join(file) }
    }
}

impl Identity {
    /// A fresh RSA key and a certificate on it.
    pub fn rsa(folder: &Path, name: &str) -> Self {
        Key::rsa(folder, name).certify(name, &format!("{name}.test"))
    }

    #[track_caller]
    pub fn facts(&self) -> Facts {
        let folder = self.key.parent().unwrap();
        let file = self.certificate.to_str().unwrap();
        let key = self.key.to_str().unwrap();
        openssl(folder, &["x509", "-in", file, "-outform", "DER", "-out", "facts.der"]);
        openssl(folder, &["pkey", "-in", key, "-pubout", "-outform", "DER", "-out", "facts.spki"]);
        let hash = |path: &str| {
            let said = String::from_utf8(openssl(folder, &["dgst", "-sha256", "-r", path])).unwrap();
            format!("sha256:{}", said.split_whitespace().next().unwrap())
        };
        let said = openssl(
            folder,
            &["x509", "-in", file, "-noout", "-serial", "-startdate", "-enddate", "-dateopt", "iso_8601"],
        );
        let said = String::from_utf8(said).unwrap();
        let field = |name: &str| {
            let line = said.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
        };
        let time = |name: &str| field(name).trim_end_matches('Z').replacen(' ', "T", 1);
        Facts {
            sha256: hash("facts.der"),
            spki_sha256: hash("facts.spki"),
            serial: format!("0x{}", field("serial").to_lowercase()),
            not_before: time("notBefore"),
            not_after: time("notAfter"),
        }
    }
}
