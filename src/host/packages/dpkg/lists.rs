//! dpkg's file lists: which package brought a path. Gone through once for all asked paths, in parallel;
//! nothing of them is kept (7 MB of text on a plain server).

use std::collections::HashMap;

use memchr::memchr_iter;
use rayon::prelude::*;

use super::{DIVERSIONS, Dpkg, INFO};
use crate::{
    host::{
        cover::Cover,
        packages::{
            Hit, MAX_HITS, MAX_TEXT,
            digest::{Algorithm, Digest},
            note,
            spell::Wanted,
        },
        root::Root,
    },
    model::host::Part,
};

/// The largest single list that is read.
const MAX_LIST: u64 = 64 << 20;

/// An asked path under one listed name.
#[derive(Clone, Debug)]
struct Target {
    asked: usize,
    order: usize,
    diverted: Diverted,
}

/// What a diversion means for a listed name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Diverted {
    No,
    /// Only this package's file lies there; a local diversion (`None`) leaves no package's.
    OnlyOf(Option<String>),
    /// It is the file of any package but this.
    NotOf(Option<String>),
}

impl Diverted {
    fn allows(&self, package: &str) -> bool {
        match self {
            Self::No => true,
            Self::OnlyOf(by) => by.as_deref() == Some(package),
            Self::NotOf(by) => by.as_deref() != Some(package),
        }
    }
}

/// One entry of the diversions file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diversion {
    pub(super) from: String,
    pub(super) to: String,
    /// The package that it was made for; absent where the administrator made it.
    pub(super) by: Option<String>,
}

/// Reads the diversions file: three lines an entry.
pub(super) fn diversions(text: &str) -> Vec<Diversion> {
    let lines: Vec<&str> = text.lines().collect();
    let entries = lines.chunks_exact(3).filter_map(|entry| match entry {
        [from, to, by] => Some(Diversion {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            by: (*by != ":").then(|| (*by).to_owned()),
        }),
        _ => None,
    });
    entries.collect()
}

impl Dpkg {
    /// The packages that list a wanted path.
    pub(in super::super) fn hits<'a>(
        &'a self,
        root: &Root,
        wanted: &Wanted,
        cover: &Cover,
        hits: &mut Vec<Hit<'a>>,
    ) {
        if !self.present || wanted.paths.is_empty() {
            return;
        }
        let targets = targets(root, wanted, cover);
        let names = match root.list(INFO) {
            Ok(names) => names,
            Err(error) => {
                note(cover, Part::Packages, INFO, &error);
                Vec::new()
            }
        };
        let stems: Vec<&str> = names.iter().filter_map(|name| name.to_str()?.strip_suffix(".list")).collect();
        let found: Vec<Vec<Hit<'a>>> = stems
            .par_iter()
            .map(|stem| match self.of_list(stem) {
                Some(package) => in_list(root, cover, &targets, stem, package),
                None => Vec::new(),
            })
            .collect();
        hits.extend(found.into_iter().flatten().take(MAX_HITS + 1));
        for (place, number) in &self.loose {
            let Some(package) = self.packages.get(*number) else { continue };
            in_digests(root, cover, &targets, place, package, hits);
        }
    }
}

fn targets(root: &Root, wanted: &Wanted, cover: &Cover) -> HashMap<Vec<u8>, Vec<Target>> {
    let diversions = match root.read_text(DIVERSIONS, MAX_LIST) {
        Ok(text) => diversions(&text),
        Err(error) => {
            note(cover, Part::Packages, DIVERSIONS, &error);
            Vec::new()
        }
    };
    let plain = |diverted: &Diverted, pairs: &[(usize, usize)]| {
        let target = |(asked, order): &(usize, usize)| Target {
            asked: *asked,
            order: *order,
            diverted: diverted.clone(),
        };
        pairs.iter().map(target).collect::<Vec<_>>()
    };
    let mut targets: HashMap<Vec<u8>, Vec<Target>> =
        wanted.paths.iter().map(|(path, pairs)| (path.clone(), plain(&Diverted::No, pairs))).collect();
    for Diversion { from, to, by } in diversions {
        if let Some(pairs) = wanted.paths.get(from.as_bytes()) {
            targets.insert(from.clone().into_bytes(), plain(&Diverted::OnlyOf(by.clone()), pairs));
        }
        if let Some(pairs) = wanted.paths.get(to.as_bytes()) {
            let more = plain(&Diverted::NotOf(by), pairs);
            targets.entry(from.into_bytes()).or_default().extend(more);
        }
    }
    targets
}

fn in_list<'a>(
    root: &Root,
    cover: &Cover,
    targets: &HashMap<Vec<u8>, Vec<Target>>,
    stem: &str,
    package: &'a crate::model::host::Package,
) -> Vec<Hit<'a>> {
    let place = format!("{INFO}/{stem}.list");
    if cover.out_of_time() {
        cover.gap(Part::Packages, "time-limit", place);
        return Vec::new();
    }
    let list = match root.read(&place, MAX_LIST) {
        Ok(list) => list,
        Err(error) => {
            note(cover, Part::Packages, place, &error);
            return Vec::new();
        }
    };
    let listed: Vec<(&[u8], &Target)> = lines(&list)
        .filter_map(|line| Some((line, targets.get(line)?)))
        .flat_map(|(line, targets)| targets.iter().map(move |target| (line, target)))
        .filter(|(_, target)| target.diverted.allows(&package.name))
        .take(MAX_HITS)
        .collect();
    if listed.is_empty() {
        return Vec::new();
    }
    let digests = match root.read(format!("{INFO}/{stem}.md5sums"), MAX_TEXT) {
        Ok(digests) => digests,
        Err(error) => {
            note(cover, Part::Packages, format_args!("{INFO}/{stem}.md5sums"), &error);
            Vec::new()
        }
    };
    let hit = |(path, target): (&[u8], &Target)| Hit {
        asked: target.asked,
        order: target.order,
        normal: true,
        package,
        digest: digest_in(&digests, path),
    };
    listed.into_iter().map(hit).collect()
}

/// An image without dpkg has lists of digests only.
fn in_digests<'a>(
    root: &Root,
    cover: &Cover,
    targets: &HashMap<Vec<u8>, Vec<Target>>,
    place: &str,
    package: &'a crate::model::host::Package,
    hits: &mut Vec<Hit<'a>>,
) {
    let list = match root.read(place, MAX_LIST) {
        Ok(list) => list,
        Err(error) => return note(cover, Part::Packages, place, &error),
    };
    let mut path = Vec::new();
    for (digest, name) in lines(&list).filter_map(digest_line) {
        path.clear();
        path.push(b'/');
        path.extend_from_slice(name);
        for target in targets.get(&path).into_iter().flatten() {
            hits.push(Hit {
                asked: target.asked,
                order: target.order,
                normal: true,
                package,
                digest: Digest::from_hex(Algorithm::Md5, digest),
            });
        }
    }
}

/// The digest of a listed path.
pub(super) fn digest_in(digests: &[u8], path: &[u8]) -> Option<Digest> {
    let path = path.strip_prefix(b"/")?;
    let (digest, _) = lines(digests).filter_map(digest_line).find(|(_, name)| *name == path)?;
    Digest::from_hex(Algorithm::Md5, digest)
}

/// `d41d8cd98f00b204e9800998ecf8427e  usr/lib/x`, in old packages `./usr/lib/x`.
fn digest_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digest, name) = line.split_at_checked(32)?;
    let name = name.strip_prefix(b"  ").or_else(|| name.strip_prefix(b" *"))?;
    Some((digest, name.strip_prefix(b"./").unwrap_or(name)))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', text).chain(std::iter::once(text.len())).map(move |end| {
        let line = text.get(start..end).unwrap_or_default();
        start = end + 1;
        line
    })
}
