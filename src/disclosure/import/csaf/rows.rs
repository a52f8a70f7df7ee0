//! The statuses of a CSAF document's products, made into rows.
//!
//! Builds of one package for several architectures are one row; where they differ, the source package counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    Facts,
    products::{Tree, Versions},
};
use crate::{
    disclosure::import::{
        ImportError,
        draft::{Collector, Row, name_fault, unknown},
        read::{Node, Trail, shown},
        settle::version_fault,
        vers::Span,
    },
    model::{
        disclosure::{Affected, RowStatus, UPSTREAM},
        version::Scheme,
    },
};

/// What a status says: its name, and which of the four answers it is, so that two answers are seen.
const STATUSES: &[(&str, Answer)] = &[
    ("first_fixed", Answer::Fixed),
    ("fixed", Answer::Fixed),
    ("known_affected", Answer::Affected),
    ("first_affected", Answer::Affected),
    ("last_affected", Answer::Affected),
    ("known_not_affected", Answer::NotAffected),
    ("under_investigation", Answer::Open),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Fixed,
    Affected,
    NotAffected,
    Open,
}

/// What is said of one package of one ecosystem by products that differ in architecture alone.
struct Said<'a> {
    answer: Answer,
    first: bool,
    source: bool,
    versions: Versions,
    advisory: String,
    note: Option<String>,
    at: Trail<'a>,
}

type Packages<'a> = BTreeMap<(String, String), Vec<Said<'a>>>;

/// One product under one status.
struct Listed<'a> {
    id: &'a str,
    first: bool,
    answer: Answer,
    node: Node<'a>,
}

pub(super) fn read<'a>(
    status: &Node<'a>,
    tree: &Tree<'a>,
    facts: &Facts<'a>,
    into: &mut Collector<'a>,
) -> Result<Vec<Row<'a>>, ImportError> {
    let listed = listed(status, into)?;
    let contradicted = contradicted(&listed);
    let mut packages: Packages<'a> = BTreeMap::new();
    let mut left_out = LeftOut::default();
    for item in &listed {
        let read = tree.resolve(item.id).and_then(|(ecosystem, package)| {
            match name_fault(&package.name).or_else(|| name_fault(&ecosystem)) {
                Some(fault) => Err(format!("the name of a package or an ecosystem {fault}")),
                None => Ok((ecosystem, package)),
            }
        });
        let (ecosystem, package) = match read {
            Ok(found) => found,
            Err(reason) => {
                left_out.add(&item.node, &reason);
                continue;
            }
        };
        let versions = if contradicted.contains(item.id) {
            Versions::Unclear("the product stands under two statuses".to_owned())
        } else {
            package.versions.clone()
        };
        packages.entry((ecosystem, package.name.clone())).or_default().push(Said {
            answer: item.answer,
            first: item.first,
            source: package.source,
            versions,
            advisory: facts.advisories.get(item.id).unwrap_or(&facts.own).clone(),
            note: facts.remarks.get(item.id).cloned(),
            at: item.node.at.clone(),
        });
    }
    left_out.tell(status, into);
    if let Some(recommended) = into.notes.keep(status.get("recommended")) {
        into.notes.add(&recommended.at, "says what to install and not who is affected; left out");
    }
    made(packages, into)
}

fn listed<'a>(status: &Node<'a>, into: &mut Collector<'a>) -> Result<Vec<Listed<'a>>, ImportError> {
    let known = |key: &str| key == "recommended" || STATUSES.iter().any(|(word, _)| *word == key);
    for key in status.object()?.keys().filter(|key| !known(key)) {
        into.notes.add(&status.at, &format!("`{}` is not a status; left out", shown(key)));
    }
    let mut found = Vec::new();
    for (word, answer) in STATUSES {
        let list = into.notes.keep(status.list_of(word).map(Some));
        for node in list.into_iter().flatten() {
            let Some(id) = into.notes.keep(node.text().map(Some)) else { continue };
            found.push(Listed { id, first: *word == "first_fixed", answer: *answer, node });
        }
    }
    Ok(found)
}

/// Products for which the document has two answers.
fn contradicted<'a>(listed: &[Listed<'a>]) -> HashSet<&'a str> {
    let mut answers: HashMap<&'a str, Answer> = HashMap::new();
    let two = |item: &&Listed<'a>| *answers.entry(item.id).or_insert(item.answer) != item.answer;
    listed.iter().filter(two).map(|item| item.id).collect()
}

/// Reasons why products are left out: one note for each, with the first place and the count.
#[derive(Default)]
struct LeftOut<'a> {
    reasons: BTreeMap<String, (Vec<Trail<'a>>, usize)>,
}

impl<'a> LeftOut<'a> {
    fn add(&mut self, item: &Node<'a>, reason: &str) {
        let entry = self.reasons.entry(reason.to_owned()).or_default();
        entry.1 = entry.1.saturating_add(1);
        if entry.0.is_empty() {
            entry.0.push(item.at.clone());
        }
    }

    fn tell(self, status: &Node<'a>, into: &mut Collector<'a>) {
        for (reason, (first, count)) in self.reasons {
            let at = first.first().unwrap_or(&status.at);
            let more = count.saturating_sub(1);
            let others = if more == 0 { String::new() } else { format!(" (and {more} more products)") };
            into.notes.add(at, &format!("{reason}; left out{others}"));
        }
    }
}

fn made<'a>(packages: Packages<'a>, into: &mut Collector<'a>) -> Result<Vec<Row<'a>>, ImportError> {
    let mut rows = Vec::new();
    for ((ecosystem, package), mut said) in packages {
        let judged = Affected::new(&ecosystem, &package, "").scheme().is_some();
        if let Some(first) = said.first().filter(|_| !judged) {
            let message = format!("nobody is judged by a row of the ecosystem `{}`", shown(&ecosystem));
            into.notes.add(&first.at, &message);
        }
        fold_fixed(&mut said, &package, into);
        let mut seen: BTreeSet<Affected> = BTreeSet::new();
        for fact in said {
            let base =
                Affected { note: fact.note.clone(), ..Affected::new(&ecosystem, &package, &fact.advisory) };
            let made = row_of(&base, &fact).unwrap_or_else(|reason| {
                into.notes.add(&fact.at, &format!("{reason}; {package} of {ecosystem} is unknown"));
                vec![unknown(&base, &reason)]
            });
            for row in made {
                if seen.insert(row.clone()) {
                    rows.push(Row::new(row, &fact.at));
                }
            }
            into.fits(rows.len())?;
        }
    }
    Ok(rows)
}

/// The first fixed build decides where there is one, and the source package where it is among the fixed ones.
fn fold_fixed(said: &mut Vec<Said<'_>>, package: &str, into: &mut Collector<'_>) {
    for (name, decides) in
        [("first_fixed", (|s| s.first) as fn(&Said<'_>) -> bool), ("the source package", |s| s.source)]
    {
        let fixed = |s: &Said<'_>| s.answer == Answer::Fixed && !matches!(s.versions, Versions::Unclear(_));
        let deciding: Vec<Versions> =
            said.iter().filter(|s| fixed(s) && decides(s)).map(|s| s.versions.clone()).collect();
        if deciding.is_empty() {
            continue;
        }
        said.retain(|s| {
            let stays = !fixed(s) || decides(s);
            if !stays && !deciding.contains(&s.versions) {
                into.notes.add(&s.at, &format!("another build of {package} than {name}; left out"));
            }
            stays
        });
    }
}

fn row_of(base: &Affected, said: &Said<'_>) -> Result<Vec<Affected>, String> {
    let status = match said.answer {
        Answer::Affected => RowStatus::Affected,
        Answer::NotAffected | Answer::Fixed => RowStatus::NotAffected,
        Answer::Open => RowStatus::Unknown,
    };
    match &said.versions {
        Versions::Unclear(reason) => Err(reason.clone()),
        Versions::Any if said.answer == Answer::Fixed => {
            Err("it is called fixed without a version".to_owned())
        }
        Versions::Any => Ok(vec![Affected { status, ..base.clone() }]),
        Versions::One(version) => {
            if let Some(fault) = version_fault(base.scheme(), version) {
                return Err(fault);
            }
            // Upstream fixes each of its branches: a fixed release says nothing of the others.
            if said.answer == Answer::Fixed && base.ecosystem != UPSTREAM {
                return Ok(vec![Affected { fixed: Some(version.clone()), ..base.clone() }]);
            }
            Ok(vec![Affected { status, versions: vec![version.clone()], ..base.clone() }])
        }
        Versions::Ranges(kind, spans) => {
            let fits = match base.scheme() {
                Some(Scheme::Dpkg) => ["deb", "generic"].contains(&&**kind),
                Some(Scheme::Rpm) => kind == "rpm",
                Some(Scheme::Apk) => ["apk", "alpine"].contains(&&**kind),
                Some(Scheme::Openssl) => ["openssl", "generic"].contains(&&**kind),
                None => true,
            };
            if !fits {
                return Err(format!("a range of type `{}` in {}", shown(kind), base.ecosystem));
            }
            Ok(spans.iter().map(|span| of_span(base, status, span)).collect())
        }
    }
}

fn of_span(base: &Affected, status: RowStatus, span: &Span) -> Affected {
    let row = Affected { status, ..base.clone() };
    match span {
        Span::All => row,
        Span::Before(from, end) => Affected { introduced: from.clone(), fixed: end.clone(), ..row },
        Span::UpTo(from, last) => {
            Affected { introduced: from.clone(), last_affected: Some(last.clone()), ..row }
        }
        Span::Exactly(versions) => Affected { versions: versions.clone(), ..row },
    }
}
