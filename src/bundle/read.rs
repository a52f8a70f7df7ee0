//! Reading a bundle: nothing of the payload is looked at before the whole of it was found to be what was made.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use flate2::read::GzDecoder;
use ring::digest::{Context, SHA256};

use super::{Error, MAGIC, Manifest, PublicKey, SCHEMA};
use crate::model::{ids::Sha256, text::printable};

/// No manifest is longer.
const HEAD: u64 = 64 * 1024;
/// No line of the payload is: the documents of a host are the longest.
const LINE: u64 = 256 << 20;
/// What a payload may unpack to: evidence shrinks to a twentieth, a bomb to a thousandth.
const RATIO: u64 = 250;

/// A bundle that is what was made.
#[derive(Debug)]
pub struct Bundle {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: Option<PublicKey>,
    path: PathBuf,
    file: File,
    payload: u64,
}

impl Bundle {
    /// Opens a bundle, checks its signature or digest, and that the payload is the one it was made with.
    ///
    /// # Errors
    ///
    /// A file that is none, or that was changed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            let what = "it is no regular file".to_owned();
            return Err(Error::NotABundle { path: path.to_path_buf(), what });
        }
        let mut file = File::open(path).map_err(Error::io("read", path))?;
        let head = Head::read(&mut file).map_err(|fault| fault.at(path))?;
        let signer = head.check().map_err(|fault| fault.at(path))?;
        let bytes = metadata.len().saturating_sub(head.length);
        let payload = &head.manifest.payload;
        if bytes != payload.bytes {
            let what = format!("{bytes} bytes follow its head, and it says {}", payload.bytes);
            return Err(Error::edited(path, what));
        }
        file.seek(SeekFrom::Start(head.length)).map_err(Error::io("read", path))?;
        let digest = digest(&mut file).map_err(Error::io("read", path))?;
        if digest != payload.sha256 {
            return Err(Error::edited(path, "what it carries does not fit its digest"));
        }
        if payload.expanded > payload.bytes.saturating_mul(RATIO) + (64 << 20) {
            return Err(Error::edited(path, "it would unpack to more than any evidence does"));
        }
        Ok(Self { payload: head.length, manifest: head.manifest, signer, path: path.to_path_buf(), file })
    }

    /// Whether it was signed by this key and no other.
    pub fn signed_by(&self, key: &PublicKey) -> Result<(), Error> {
        let what = match self.signer {
            Some(signer) if signer == *key => return Ok(()),
            Some(signer) => format!("it is signed by {signer}, and not by {key}"),
            None => "nobody signed it".to_owned(),
        };
        Err(Error::Signer { path: self.path.clone(), what })
    }

    /// The lines of the payload, in order.
    pub fn lines(&mut self) -> Result<Lines<'_>, Error> {
        self.file.seek(SeekFrom::Start(self.payload)).map_err(Error::io("read", &self.path))?;
        let packed = BufReader::new((&self.file).take(self.manifest.payload.bytes));
        let unpacked = GzDecoder::new(packed).take(self.manifest.payload.expanded + 1);
        Ok(Lines {
            path: &self.path,
            from: BufReader::with_capacity(1 << 16, unpacked),
            left: self.manifest.payload.lines,
            expanded: self.manifest.payload.expanded,
            read: 0,
        })
    }
}

/// The lines of a payload.
pub struct Lines<'b> {
    path: &'b Path,
    from: BufReader<io::Take<GzDecoder<BufReader<io::Take<&'b File>>>>>,
    left: u64,
    expanded: u64,
    read: u64,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Lines<'_> {
    /// Whether nothing stands behind the packed lines.
    fn is_spent(&mut self) -> bool {
        let packed = self.from.get_mut().get_mut().get_mut();
        packed.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    fn one(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let got = self.from.by_ref().take(LINE).read_until(b'\n', &mut line);
        let got =
            got.map_err(|e| Error::edited(self.path, format!("what it carries cannot be unpacked: {e}")))?;
        self.read += got as u64;
        if got == 0 {
            return match (self.left, self.read == self.expanded) {
                (0, true) if self.is_spent() => Ok(None),
                (0, true) => Err(Error::edited(self.path, "bytes follow what it carries")),
                _ => Err(Error::edited(self.path, "it has fewer lines than it says")),
            };
        }
        if line.pop() != Some(b'\n') || self.left == 0 {
            return Err(Error::edited(self.path, "a line without an end, or more lines than it says"));
        }
        self.left -= 1;
        String::from_utf8(line).map(Some).map_err(|_| Error::edited(self.path, "a line that is no text"))
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.one().transpose()
    }
}

/// What is wrong with a head, before it is known where it stood.
enum Fault {
    None(&'static str),
    Edited(String),
    Io(io::Error),
}

impl Fault {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::None(what) => Error::NotABundle { path: path.to_path_buf(), what: what.to_owned() },
            Self::Edited(what) => Error::edited(path, what),
            Self::Io(error) => Error::io("read", path)(error),
        }
    }
}

/// The three lines before the payload.
struct Head {
    manifest: Manifest,
    covered: String,
    seal: String,
    length: u64,
}

impl Head {
    fn read(from: &mut impl Read) -> Result<Self, Fault> {
        let mut reader = BufReader::new(from.take(HEAD + 1));
        let mut line = |what: &'static str| {
            let mut text = Vec::new();
            reader.read_until(b'\n', &mut text).map_err(Fault::Io)?;
            if text.pop() != Some(b'\n') {
                return Err(Fault::None(what));
            }
            String::from_utf8(text).map_err(|_| Fault::None(what))
        };
        let magic = line("it does not begin as one")?;
        if magic != MAGIC {
            return Err(Fault::None(if magic.starts_with("allclear-bundle/") {
                "a form of another release"
            } else {
                "it does not begin as one"
            }));
        }
        let json = line("it ends in its head")?;
        let seal = line("it ends in its head")?;
        let length = (magic.len() + json.len() + seal.len() + 3) as u64;
        let manifest: Manifest = serde_json::from_str(&json).map_err(|e| {
            Fault::Edited(format!("its manifest cannot be read: {}", printable(&e.to_string())))
        })?;
        if manifest.schema != SCHEMA {
            return Err(Fault::None("a schema of another release"));
        }
        Ok(Self { manifest, covered: format!("{magic}\n{json}\n"), seal, length })
    }

    /// Whether the third line fits the first two; who signed them.
    fn check(&self) -> Result<Option<PublicKey>, Fault> {
        let edited = |what: &str| Fault::Edited(what.to_owned());
        match (&self.manifest.public_key, self.seal.split_once(':')) {
            (None, Some(("sha256", _))) => {
                // The one way of writing it: a capital would be another byte.
                if self.seal == Sha256::of(self.covered.as_bytes()).to_string() {
                    return Ok(None);
                }
                Err(edited("its head does not fit its digest"))
            }
            (Some(key), Some(("ed25519", signature))) => {
                let key = PublicKey::parse(key).ok_or_else(|| edited("the public key in it is none"))?;
                let signature =
                    BASE64.decode(signature.as_bytes()).map_err(|_| edited("its signature is none"))?;
                if key.checks(self.covered.as_bytes(), &signature) {
                    return Ok(Some(key));
                }
                Err(edited("its head does not fit its signature"))
            }
            _ => Err(edited("its third line is neither the signature nor the digest that belongs there")),
        }
    }
}

fn digest(file: &mut File) -> io::Result<Sha256> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            break;
        }
        context.update(buffer.get(..got).unwrap_or_default());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok(Sha256::from_bytes(hash))
}

/// The entry for fuzzing: a head from arbitrary bytes. One that is accepted is one whose bytes are covered.
///
/// # Panics
/// When that does not hold; that is what the fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    let mut from = data;
    if let Ok(head) = Head::read(&mut from)
        && head.check().is_ok()
    {
        assert!(data.starts_with(head.covered.as_bytes()), "what was checked is what was read");
    }
}
