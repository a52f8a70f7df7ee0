//! Writing a bundle: the payload goes to a file beside the target, is hashed on its way, and comes behind the lines that
//! cover it. The bundle appears under its name only once it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read as _, Seek as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use ring::digest::{Context, SHA256};

use super::{Error, MAGIC, Manifest, Payload, SigningKey};
use crate::model::ids::Sha256;

/// A bundle on its way.
pub struct Writer {
    gzip: GzEncoder<Hashed>,
    target: PathBuf,
    part: Part,
    lines: u64,
    expanded: u64,
}

/// A file that goes with whoever made it.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("target", &self.target).finish_non_exhaustive()
    }
}

/// A file, and the digest of what went into it.
struct Hashed {
    file: BufWriter<File>,
    digest: Context,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.digest.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Writer {
    /// Begins a bundle at `target`. What stands there stays until [`Self::finish`].
    pub fn create(target: &Path) -> Result<Self, Error> {
        let part = Part(beside(target, "payload"));
        let _ = fs::remove_file(&part.0); // of a process of this number that was killed
        let file = new_file(&part.0)?;
        let hashed = Hashed { file: BufWriter::new(file), digest: Context::new(&SHA256), bytes: 0 };
        // No time and no name in the head of it: the same evidence gives the same bytes.
        let gzip = GzBuilder::new().mtime(0).write(hashed, Compression::default());
        Ok(Self { gzip, target: target.to_path_buf(), part, lines: 0, expanded: 0 })
    }

    /// Adds a line. It holds no line end.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.gzip.write_all(text.as_bytes())?;
        self.gzip.write_all(b"\n")?;
        self.lines += 1;
        self.expanded += text.len() as u64 + 1;
        Ok(())
    }

    /// Ends it: payload and public key of `manifest` are filled in, and the whole stands under its name.
    pub fn finish(self, mut manifest: Manifest, key: Option<&SigningKey>) -> Result<Manifest, Error> {
        let target = self.target.clone();
        let whole = beside(&target, "part");
        let made = self.assemble(&mut manifest, key, &whole);
        let made = made.and_then(|()| fs::rename(&whole, &target).map_err(Error::io("write", &target)));
        if made.is_err() {
            let _ = fs::remove_file(&whole);
        }
        made.map(|()| manifest)
    }

    fn assemble(self, manifest: &mut Manifest, key: Option<&SigningKey>, whole: &Path) -> Result<(), Error> {
        let Self { gzip, target, part: _part, lines, expanded } = self;
        let failed = |error| Error::io("write", &target)(error);
        let hashed = gzip.finish().map_err(failed)?;
        let mut digest = [0; 32];
        digest.copy_from_slice(hashed.digest.finish().as_ref());
        manifest.payload =
            Payload { sha256: Sha256::from_bytes(digest), bytes: hashed.bytes, expanded, lines };
        manifest.public_key = key.map(|key| key.public().base64());
        let json = serde_json::to_string(manifest).map_err(|e| failed(e.into()))?;
        let head = format!("{MAGIC}\n{json}\n");
        let seal = match key {
            Some(key) => format!("ed25519:{}", key.sign(head.as_bytes())),
            None => format!("sha256:{}", HEXLOWER.encode(Sha256::of(head.as_bytes()).bytes())),
        };
        let mut payload = hashed.file.into_inner().map_err(|e| failed(e.into_error()))?;
        let _ = fs::remove_file(whole);
        let mut out = new_file(whole)?;
        let copied = out
            .write_all(format!("{head}{seal}\n").as_bytes())
            .and_then(|()| payload.rewind())
            .and_then(|()| io::copy(&mut (&payload).take(hashed.bytes), &mut out))
            .and_then(|_| out.sync_all());
        copied.map_err(failed)
    }
}

fn beside(target: &Path, what: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{what}-{}", std::process::id()));
    target.with_file_name(name)
}

/// For nobody else to read: it tells what is vulnerable.
fn new_file(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path).map_err(Error::io("write", path))
}
