//! Ed25519 keys (RFC 8032) in the files that OpenSSL writes and reads: PKCS#8 and SubjectPublicKeyInfo in PEM
//! (RFC 8410). The user keeps the key; nothing of it enters a bundle or a message but the public half.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use data_encoding::BASE64;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use super::Error;

/// No key file is longer.
const MOST: u64 = 64 * 1024;
/// What stands before the 32 bytes of a private key in PKCS#8 of version 1.
const PRIVATE: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key in SubjectPublicKeyInfo.
const PUBLIC: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

/// A key that checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl SigningKey {
    /// From a PEM file with a private key, as `allclear evidence keygen` or `openssl genpkey -algorithm ed25519` makes
    /// them.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Key { path: path.to_path_buf(), what: what.to_owned() };
        let text = text(path)?;
        if text.contains("ENCRYPTED PRIVATE KEY") {
            return Err(wrong(
                "the key has a passphrase, and allclear asks for none: give it decrypted, as `openssl pkey -in FILE` prints it, through a file that only you can read",
            ));
        }
        let der = pem(&text, "PRIVATE KEY").ok_or_else(|| wrong("no `PRIVATE KEY` in PEM stands in it"))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        pair.map(Self)
            .map_err(|_| wrong("it is no Ed25519 key (`openssl genpkey -algorithm ed25519` makes one)"))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(super) fn sign(&self, text: &[u8]) -> String {
        BASE64.encode(self.0.sign(text).as_ref())
    }
}

impl PublicKey {
    /// From a PEM file with a public key, or one that holds the 32 bytes in base64 as manifests write them.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = text(path)?;
        let found = match pem(&text, "PUBLIC KEY") {
            Some(der) => der.strip_prefix(PUBLIC).and_then(|key| key.try_into().ok()).map(Self),
            None => Self::parse(text.trim().trim_start_matches("ed25519:")),
        };
        found.ok_or_else(|| Error::Key {
            path: path.to_path_buf(),
            what: "it holds no public Ed25519 key, neither in PEM nor as 32 bytes in base64".to_owned(),
        })
    }

    pub(super) fn parse(base64: &str) -> Option<Self> {
        BASE64.decode(base64.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    pub(super) fn base64(self) -> String {
        BASE64.encode(&self.0)
    }

    pub(super) fn checks(self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, signature).is_ok()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ed25519:{}", self.base64())
    }
}

/// Makes a new key: the private half at `path` with mode 0600, the public half at `path` with `.pub` behind it. Neither
/// may exist.
pub fn generate(path: &Path) -> Result<PublicKey, Error> {
    let mut seed = [0; 32];
    let no_random =
        |_| Error::Key { path: path.to_path_buf(), what: "the system gives no random bytes".to_owned() };
    SystemRandom::new().fill(&mut seed).map_err(no_random)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Error::Key {
        path: path.to_path_buf(),
        what: "no key can be made of what the system gave".to_owned(),
    })?;
    let key = SigningKey(pair);
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = Path::new(&public);
    if public.exists() {
        // Else the new private half would stand beside a public half of another key.
        return Err(Error::Key {
            path: public.to_path_buf(),
            what: "it is there already; name another file".to_owned(),
        });
    }
    put(path, 0o600, &pem_of("PRIVATE KEY", &[PRIVATE, &seed].concat()))?;
    put(public, 0o644, &pem_of("PUBLIC KEY", &[PUBLIC, key.public().0.as_slice()].concat()))?;
    Ok(key.public())
}

fn put(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(Error::io("create", path))?;
    file.write_all(text.as_bytes()).map_err(Error::io("write", path))
}

fn pem_of(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

/// The bytes of the first block with this label.
fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let packed: String = body.split_ascii_whitespace().collect();
    BASE64.decode(packed.as_bytes()).ok()
}

fn text(path: &Path) -> Result<String, Error> {
    let wrong = |what: &str| Error::Key { path: path.to_path_buf(), what: what.to_owned() };
    if !fs::metadata(path).map_err(Error::io("read", path))?.is_file() {
        return Err(wrong("it is no regular file"));
    }
    let file = fs::File::open(path).map_err(Error::io("read", path))?;
    let mut text = String::new();
    let read = file.take(MOST).read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(wrong("it is no text")),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}
