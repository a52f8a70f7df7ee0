//! Host evidence: what one host said of its packages, libraries, processes, listeners, firewall and keys.
//!
//! The records of `allclear.host/1`, one JSON object a line: a header, records, a footer. Facts only:
//! no record carries a verdict. Field names are relied on from outside and only ever added to. What a
//! fact means is the business of `assess`; how it is found out is that of `host`.
//!
//! Every text in here comes from a host that may be hostile. It is kept as it came, and made safe by
//! [`crate::model::text::printable`] where it is shown.

mod act;
mod document;
mod exposure;
mod header;
mod key;
mod library;
mod package;
mod process;
mod state;

pub use act::{Act, ActKind};
pub use document::{Document, HostEvidence, Origin, Record};
pub use exposure::{Firewall, FirewallFact, Listener, OpenTo, Protocol, Published, Reach};
pub use header::{Collector, Coverage, Failure, FailureCode, Footer, Gap, Header, Os, Part};
pub use key::{Key, KeyAlgorithm, KeyForm};
pub use library::{Bundle, CopyKind, CopyRole, Library, OnDisk, Owner, Program, Replaced, TlsLibrary};
pub use package::{Ecosystem, Package, Update, is_openssl_source};
pub use process::{Process, ProcessRole, Runner, RunnerKind};
pub use state::{CopiesAssessed, Finding, HostJudged, HostState, Look, OldCopy};

/// The schema that every line names.
pub const SCHEMA: &str = "allclear.host/1";
