//! From the text of a master file, and the files that it includes, to its records.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use super::{
    FORMAT,
    generate::{MOST_OF_ONE, Range, put},
    lexer::{Entry, Fault, Lexer, Word},
    name::{Name, absolute, first_origin},
    record::{Kind, Record, class, data, is_ttl, kind},
};
use crate::{
    inventory::{format::TextFile, host::quoted, include::Includes, intake::Intake, left_out::LeftOut},
    model::{loading::NoticeKind, service::Source},
};

/// The most records that all `$GENERATE` of a zone make.
const MOST_GENERATED: u64 = 1 << 20;

/// How many types without a name of their own are told apart when they are counted.
const MOST_TYPES: usize = 100;

/// What a zone file and the files that it includes hold.
#[derive(Debug, Default)]
pub(super) struct Zone {
    pub(super) records: Vec<Record>,
    /// Records of types that say nothing of a service, by type, and the first of them.
    pub(super) types: BTreeMap<String, u64>,
    pub(super) first_of_types: Option<Source>,
    pub(super) left: LeftOut,
    /// All records, bad ones and those that were left out too.
    pub(super) all: u64,
    /// Owners of SOA records: where zones begin.
    pub(super) origins: Vec<(Name, Source)>,
    /// Every owner, of whatever type.
    pub(super) owners: BTreeSet<Name>,
    /// Owners of NS records.
    pub(super) delegated: BTreeSet<Name>,
    /// Something could not be read, or was not: what is missing here may be there all the same.
    pub(super) incomplete: bool,
}

impl Zone {
    fn holds(&mut self, owner: Name, kind: &Kind, source: Source) {
        match kind {
            Kind::Counted(kind) if kind == "SOA" => self.origins.push((owner.clone(), source)),
            Kind::Counted(kind) if kind == "NS" => {
                self.delegated.insert(owner.clone());
            }
            _ => {}
        }
        self.owners.insert(owner);
    }
}

/// Reads the file. Bad records go to the intake as they are met.
pub(super) fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Zone {
    let bad = intake.loaded.bad.len();
    let mut reader =
        Reader { intake, includes: Includes::of(file), zone: Zone::default(), generated: 0, guess: None };
    let (origin, guessed) = match first_origin(file.text, &file.name) {
        Some((origin, guessed)) => (Some(origin), guessed),
        None => (None, false),
    };
    let mut place =
        Place { file: Arc::clone(&file.name), folder: file.folder.clone(), origin, guessed, owner: None };
    reader.text(file.text, &mut place);
    let Reader { intake, includes, mut zone, guess, .. } = reader;
    zone.incomplete |= intake.loaded.bad.len() > bad || includes.left_any();
    includes.tell(intake);
    if let Some((origin, source)) = guess {
        let message = format!(
            "no `$ORIGIN` is above this line: names are read as below {}, by the name of the file",
            quoted(&origin)
        );
        intake.notice(NoticeKind::LeftOut, message, Some(source));
    }
    zone
}

/// Where the reader is, and what a line means there.
struct Place {
    file: Arc<str>,
    folder: Option<PathBuf>,
    origin: Option<Name>,
    /// The origin was told by the name of the file alone.
    guessed: bool,
    /// The owner of the last record.
    owner: Option<Name>,
}

struct Reader<'i, 'o> {
    intake: &'i mut Intake<'o>,
    includes: Includes,
    zone: Zone,
    generated: u64,
    /// The first use of an origin that the file's name told.
    guess: Option<(Name, Source)>,
}

impl Reader<'_, '_> {
    fn text(&mut self, text: &[u8], place: &mut Place) {
        for entry in Lexer::new(text) {
            let done = match (&entry.fault, entry.words.first()) {
                (Some(fault), _) => Err(fault.clone()),
                (None, Some(first)) if first.raw.starts_with(b"$") => self.directive(&entry, first, place),
                (None, Some(_)) => self.record(&entry, place, None),
                (None, None) => Ok(()),
            };
            if let Err(fault) = done {
                self.bad(place, fault);
            }
        }
    }

    fn bad(&mut self, place: &Place, fault: Fault) {
        self.zone.all += 1;
        self.intake.count_row();
        self.intake.bad(&place.file, fault.line, fault.column, fault.message);
    }

    fn directive(&mut self, entry: &Entry<'_>, first: &Word<'_>, place: &mut Place) -> Result<(), Fault> {
        let argument = |at: usize, what: &str| {
            let word = entry.words.get(at);
            word.ok_or_else(|| Fault::at(first, format!("{} lacks {what}", quoted(&first.text()))))
        };
        let name = |word: &Word<'_>, place: &Place| {
            absolute(word.raw, place.origin.as_ref()).map_err(|why| Fault::at(word, why))
        };
        if first.is("$ORIGIN") {
            let origin = name(argument(1, "a name")?, place)?;
            self.uses_guess(place, entry.line, &entry.words, 1);
            place.guessed &= !argument(1, "a name")?.raw.ends_with(b".");
            place.origin = Some(origin);
            return Ok(());
        }
        if first.is("$TTL") {
            return Ok(());
        }
        if first.is("$INCLUDE") {
            let path = argument(1, "the path of a file")?;
            let origin = entry.words.get(2).map(|word| name(word, place)).transpose()?;
            self.include(path, origin, place);
            return Ok(());
        }
        if first.is("$GENERATE") {
            let (range, lhs) = (argument(1, "a range")?, argument(2, "an owner")?);
            let rest = entry.words.get(3..).unwrap_or_default();
            return self.generate(first, range, lhs, rest, place);
        }
        Err(Fault::at(
            first,
            format!(
                "{} is no directive; expected $ORIGIN, $TTL, $INCLUDE or $GENERATE",
                quoted(&first.text())
            ),
        ))
    }

    fn include(&mut self, path: &Word<'_>, origin: Option<Name>, place: &Place) {
        let source = source(place, path.line);
        let Some(included) = self.includes.open(&path.text(), place.folder.as_deref(), &source) else {
            return;
        };
        let mut inner = Place {
            file: included.name,
            folder: Some(included.folder),
            guessed: place.guessed && origin.is_none(),
            origin: origin.or_else(|| place.origin.clone()),
            owner: place.owner.clone(),
        };
        self.text(&included.text, &mut inner);
        self.includes.close();
    }

    fn generate(
        &mut self,
        first: &Word<'_>,
        range_word: &Word<'_>,
        lhs: &Word<'_>,
        rest: &[Word<'_>],
        place: &mut Place,
    ) -> Result<(), Fault> {
        let range = Range::parse(&range_word.text()).map_err(|why| Fault::at(range_word, why))?;
        let (kind, internet, rdata) = head(rest, lhs)?;
        if !internet || matches!(kind, Kind::Counted(_)) {
            self.zone.incomplete = true; // their names are not made
            self.zone.all = self.zone.all.saturating_add(range.count());
            self.counted(&kind, internet, range.count(), place, first.line);
            return Ok(());
        }
        if range.count() > MOST_OF_ONE || self.generated + range.count() > MOST_GENERATED {
            return Err(Fault::at(
                range_word,
                format!(
                    "this $GENERATE makes {} records; at most {MOST_OF_ONE} are made by one and {MOST_GENERATED} by all, and none of these is read",
                    range.count()
                ),
            ));
        }
        self.generated += range.count();
        let Kind::Read(kind) = kind else { return Ok(()) };
        let before = place.owner.clone();
        let mut text = Vec::new();
        let mut done = Ok(());
        for number in range.numbers() {
            text.clear();
            done = line(&mut text, lhs, kind, rdata, number)
                .map_err(|why| Fault::at(lhs, why))
                .and_then(|()| self.generated_record(&text, first, place));
            if let Err(fault) = &mut done {
                // What is wrong with one is wrong with the others: told once.
                fault.message = format!("$GENERATE, at {number}: {}", fault.message);
                break;
            }
        }
        place.owner = before;
        done
    }

    fn generated_record(&mut self, text: &[u8], first: &Word<'_>, place: &mut Place) -> Result<(), Fault> {
        for entry in Lexer::new(text) {
            let done = match entry.fault.clone() {
                Some(fault) => Err(fault),
                None => self.record(&entry, place, Some((first.line, first.column))),
            };
            done.map_err(|fault| Fault::at(first, fault.message))?;
        }
        Ok(())
    }

    fn record(&mut self, entry: &Entry<'_>, place: &mut Place, at: Option<(u32, u32)>) -> Result<(), Fault> {
        let Some(first) = entry.words.first() else { return Ok(()) };
        let rest = if entry.indented {
            let none = "this line has no owner, and no record is before it whose owner it could have";
            place.owner.as_ref().ok_or_else(|| Fault::at(first, none))?;
            entry.words.as_slice()
        } else {
            match absolute(first.raw, place.origin.as_ref()) {
                Ok(owner) if place.owner.as_ref() == Some(&owner) => {}
                Ok(owner) => place.owner = Some(owner),
                Err(why) => {
                    // What follows without an owner must not go to another one.
                    place.owner = None;
                    return Err(Fault::at(first, why));
                }
            }
            entry.words.get(1..).unwrap_or_default()
        };
        let (kind, internet, rdata) = head(rest, first)?;
        let (line, column) = at.unwrap_or((first.line, first.column));
        if let Some(owner) = place.owner.clone().filter(|_| internet) {
            let source = source(place, line);
            self.zone.holds(owner, &kind, source);
        }
        let kind = match kind {
            Kind::Read(kind) if internet && rdata.first().is_none_or(|word| word.raw != b"\\#") => kind,
            kind => {
                self.zone.all += 1;
                self.counted(&kind, internet, 1, place, line);
                return Ok(());
            }
        };
        let data = data(kind, rdata, place.origin.as_ref(), first)?;
        self.uses_guess(place, line, &entry.words, 0);
        let Some(owner) = place.owner.clone() else { return Ok(()) };
        self.zone.all += 1;
        self.zone.records.push(Record { owner, data, file: Arc::clone(&place.file), line, column });
        Ok(())
    }

    /// Counts records that are not read.
    fn counted(&mut self, kind: &Kind, internet: bool, count: u64, place: &Place, line: u32) {
        let source = source(place, line);
        if !internet {
            self.zone.left.add("their class is not IN", String::new, || source);
            return;
        }
        let name = match kind {
            Kind::Read(kind) => format!("{kind} in the generic form"),
            Kind::Counted(kind) => kind.clone(),
        };
        let known = self.zone.types.len() < MOST_TYPES || self.zone.types.contains_key(&name);
        let name = if known { name } else { "others".to_owned() };
        let of_type = self.zone.types.entry(name).or_default();
        *of_type = of_type.saturating_add(count);
        self.zone.first_of_types.get_or_insert(source);
    }

    /// Keeps the first line where a relative name was read with an origin that the file's name told.
    fn uses_guess(&mut self, place: &Place, line: u32, words: &[Word<'_>], at: usize) {
        let relative = words.get(at).is_some_and(|word| !word.raw.ends_with(b"."));
        if place.guessed && relative && self.guess.is_none() {
            let source = source(place, line);
            self.guess = place.origin.clone().map(|origin| (origin, source));
        }
    }
}

fn source(place: &Place, line: u32) -> Source {
    Source { format: FORMAT.name.into(), file: Arc::clone(&place.file), line, path: None }
}

/// Type, whether the class is IN, and the rest of a record behind its owner: TTL and class come in either order.
fn head<'w, 't>(words: &'w [Word<'t>], owner: &Word<'_>) -> Result<(Kind, bool, &'w [Word<'t>]), Fault> {
    let (mut ttl, mut in_class, mut rest) = (false, None, words);
    while let Some((word, after)) = rest.split_first() {
        if !ttl && is_ttl(word.raw) {
            ttl = true;
        } else if let (None, Some(internet)) = (in_class, class(word.raw)) {
            in_class = Some(internet);
        } else {
            let kind = kind(word).ok_or_else(|| {
                Fault::at(
                    word,
                    format!("{} is no record type; expected one such as A, MX or TLSA", quoted(&word.text())),
                )
            })?;
            return Ok((kind, in_class.unwrap_or(true), after));
        }
        rest = after;
    }
    Err(Fault::at(owner, "this line has no record type; expected an owner, a type such as A, and its data"))
}

/// One record of a `$GENERATE` as a line.
fn line(
    text: &mut Vec<u8>,
    lhs: &Word<'_>,
    kind: &str,
    rdata: &[Word<'_>],
    number: u32,
) -> Result<(), String> {
    put(lhs.raw, number, text)?;
    text.push(b' ');
    text.extend_from_slice(kind.as_bytes());
    for word in rdata {
        text.push(b' ');
        put(word.raw, number, text)?;
    }
    Ok(())
}
