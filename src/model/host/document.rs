//! A whole document, and a document as evidence.

use serde::{Deserialize, Serialize};

use super::{Firewall, Footer, Header, Key, Library, Listener, Package, Process, Update};
use crate::model::{ids::Sha256, time::Timestamp, vocabulary};

/// One line of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record {
    /// The first line.
    Header(Box<Header>),
    /// An installed package.
    Package(Package),
    /// A copy of a TLS library.
    Library(Box<Library>),
    /// A running process.
    Process(Box<Process>),
    /// A listening socket.
    Listener(Listener),
    /// A fact about the packet filter.
    Firewall(Firewall),
    /// A private key on disk.
    Key(Box<Key>),
    /// A pending update.
    Update(Update),
    /// The last line.
    Footer(Footer),
}

impl Record {
    /// The word in the field `record`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Package(_) => "package",
            Self::Library(_) => "library",
            Self::Process(_) => "process",
            Self::Listener(_) => "listener",
            Self::Firewall(_) => "firewall",
            Self::Key(_) => "key",
            Self::Update(_) => "update",
            Self::Footer(_) => "footer",
        }
    }
}

/// A document that was read: everything of it that could be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The header; its coverage also counts what could not be read of the document itself.
    pub header: Header,
    /// The packages.
    pub packages: Vec<Package>,
    /// The copies of libraries.
    pub libraries: Vec<Library>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The listeners.
    pub listeners: Vec<Listener>,
    /// The packet filter.
    pub firewall: Vec<Firewall>,
    /// The keys.
    pub keys: Vec<Key>,
    /// The updates.
    pub updates: Vec<Update>,
    /// The footer; absent when the document was cut off.
    pub footer: Option<Footer>,
}

impl Document {
    /// A document with a header and nothing else.
    pub const fn new(header: Header) -> Self {
        Self {
            header,
            packages: Vec::new(),
            libraries: Vec::new(),
            processes: Vec::new(),
            listeners: Vec::new(),
            firewall: Vec::new(),
            keys: Vec::new(),
            updates: Vec::new(),
            footer: None,
        }
    }
}

vocabulary! {
    /// What a text of host evidence is.
    Origin, "kind of host evidence" {
        /// A document of `allclear.host/1`.
        Document = "allclear.host/1",
        /// `dpkg-query -W`.
        DpkgQuery = "dpkg-query",
        /// `rpm -qa`.
        RpmQa = "rpm-qa",
        /// `apk list -I` or `apk info -v`.
        ApkList = "apk-list",
        /// `needrestart -b`.
        Needrestart = "needrestart",
        /// `lsof`, plain or `-F`.
        Lsof = "lsof",
    }
}

/// One text that a host gave, as it came: a row of evidence. Read again at every judgement, so that a
/// better reader finds more in it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEvidence {
    /// The host that it is about.
    pub host: String,
    /// When it was taken in.
    pub at: Timestamp,
    /// What it is.
    pub origin: Origin,
    /// Where it came from: a file's name, `-`, or `ssh web01`.
    pub source: String,
    /// SHA-256 of the text.
    pub sha256: Sha256,
    /// The text, compressed with gzip, base64.
    pub gzip: String,
    /// The text's length, bytes.
    pub bytes: u64,
}
