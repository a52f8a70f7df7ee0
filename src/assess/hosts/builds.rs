//! Build-IDs of files that packages brought, learned from every host: they name the package of a copy whose own
//! package is out of reach.
//!
//! What one host says of a Build-ID counts on another one. Where two disagree, it is used only as far as
//! both lead to the same verdict.

use std::collections::HashMap;

use crate::model::{
    host::{Collector, Document, Ecosystem, Finding, Package, TlsLibrary},
    version::OpensslVersion,
};

use super::{
    Judge, Subject, caveated,
    release::Place,
    upstream::{OPENSSL, upstream_part},
};

/// From a Build-ID to the packages that it was seen in.
#[derive(Clone, Debug, Default)]
pub struct BuildIds {
    seen: HashMap<String, Vec<Seen>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    name: String,
    source: String,
    version: String,
    shown: String,
    database: Ecosystem,
    place: Place,
    epoch_hidden: bool,
}

/// How many packages are kept for one Build-ID. With more, somebody makes them up.
const KEPT: usize = 4;
/// The longest Build-ID that is kept, in hexadecimal digits.
const LONGEST: usize = 128;

impl BuildIds {
    /// Learns from the files of a document that are as their packages brought them.
    pub fn learn(&mut self, document: &Document) {
        for copy in &document.libraries {
            let (Some(id), Some(owner)) = (&copy.build_id, &copy.owner) else { continue };
            let told = owner.intact == Some(true) && copy.lib == TlsLibrary::Openssl;
            if !told || copy.deleted || copy.replaced.is_some() || id.is_empty() || id.len() > LONGEST {
                continue;
            }
            let is_owner = |package: &&Package| {
                package.name == owner.package
                    && package.ecosystem == owner.ecosystem
                    && package.version == owner.version
                    && package.container == copy.container
            };
            let Some(package) = document.packages.iter().find(is_owner) else { continue };
            let subject = Subject::new(package, &document.header);
            let seen = Seen {
                name: package.name.clone(),
                source: package.source.clone(),
                version: subject.version.to_owned(),
                shown: format!("{} {}", package.name, package.version),
                database: package.ecosystem,
                place: subject.place,
                epoch_hidden: document.header.collector == Collector::Import,
            };
            let known = self.seen.entry(id.clone()).or_default();
            if known.len() <= KEPT && !known.contains(&seen) {
                known.push(seen);
            }
        }
    }

    /// What the package of a Build-ID means for a disclosure. `version` is what the copy says of itself: a package of
    /// another release is not the one that it came from, whatever its Build-ID is.
    pub(super) fn judge(
        &self,
        judge: &Judge<'_>,
        id: Option<&str>,
        version: Option<&str>,
    ) -> Option<Finding> {
        let seen = self.seen.get(id?)?;
        let same = |one: &Seen| {
            let part = upstream_part(&one.version, OPENSSL).parse::<OpensslVersion>();
            version
                .and_then(|v| v.parse::<OpensslVersion>().ok())
                .is_none_or(|v| part.is_ok_and(|part| part == v))
        };
        if seen.len() > KEPT || !seen.iter().all(same) {
            return None;
        }
        let mut said: Option<Finding> = None;
        for one in seen {
            if !judge.concerns(&one.name, &one.source) {
                return None;
            }
            let finding = judge.subject(&one.subject());
            match &said {
                Some(first) if first.verdict != finding.verdict => return None,
                Some(_) => {}
                None => said = Some(caveated(&finding, &format!("by Build-ID, seen as {}", one.shown))),
            }
        }
        said
    }
}

impl Seen {
    fn subject(&self) -> Subject<'_> {
        Subject {
            name: &self.name,
            source: &self.source,
            version: &self.version,
            database: self.database,
            place: self.place.clone(),
            epoch_hidden: self.epoch_hidden,
        }
    }
}
