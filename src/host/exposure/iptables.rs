//! The text of `iptables-save` and of files for `iptables-restore`: tables, chains with policies, rules.
//! A line that is not understood is an error with its number, and a rule in that chain which may do anything.
//!
//! What a single option means is [`super::options`].

use std::collections::BTreeMap;

use super::{
    options,
    rules::{Base, Hook, Ruleset, Table, Verdict},
    space::Family,
};

/// Lines read of one text.
const LINES: usize = 400_000;

/// Errors kept of one text.
const ERRORS: usize = 50;

/// A word of a line, and whether it stood in quotes (then it is never an option).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// An option with what follows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) option: String,
    pub(super) negated: bool,
    pub(super) values: Vec<String>,
}

/// Reads a whole text.
pub(super) fn read(text: &str, family: Family, source: &str) -> Ruleset {
    let mut reader = Reader {
        family,
        set: Ruleset {
            source: source.to_owned(),
            over_nft: text
                .lines()
                .take(3)
                .any(|line| line.contains("(nf_tables)") || line.contains("by xtables-save")),
            ..Ruleset::default()
        },
        table: None,
    };
    for (index, line) in text.lines().enumerate() {
        if index >= LINES {
            reader.error(index, "too many lines");
            reader.set.partial = true;
            break;
        }
        reader.line(index, line.trim());
    }
    if reader.table.is_some() {
        reader.error(text.lines().count().saturating_sub(1), "no COMMIT at the end");
        reader.set.partial = true;
        reader.finish();
    }
    reader.set
}

struct Reader {
    family: Family,
    set: Ruleset,
    table: Option<Table>,
}

impl Reader {
    fn error(&mut self, index: usize, what: &str) {
        if self.set.errors.len() < ERRORS {
            self.set.errors.push(format!("line {}: {what}", index.saturating_add(1)));
        }
    }

    fn finish(&mut self) {
        if let Some(table) = self.table.take() {
            self.set.tables.push(table);
        }
    }

    fn line(&mut self, index: usize, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            // Said where a table of that name was made with nft; nft shows it.
            if line.contains("is incompatible, use 'nft' tool") {
                self.error(index, "a table cannot be shown by iptables");
            }
        } else if let Some(name) = line.strip_prefix('*') {
            if self.table.is_some() {
                self.error(index, "a table begins before the last one ends");
                self.finish();
            }
            self.table = Some(Table {
                family: self.family.word().to_owned(),
                name: name.trim().to_owned(),
                chains: BTreeMap::new(),
            });
        } else if line == "COMMIT" {
            if self.table.is_none() {
                self.error(index, "COMMIT without a table");
            }
            self.finish();
        } else if let Some(chain) = line.strip_prefix(':') {
            self.chain(index, chain);
        } else {
            self.rule(index, line);
        }
    }

    fn chain(&mut self, index: usize, line: &str) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(policy), Some(table)) = (words.next(), words.next(), self.table.as_mut())
        else {
            self.error(index, "a chain without a name, a policy or a table");
            self.set.partial = true;
            return;
        };
        let base = base(&table.name, name, policy.eq_ignore_ascii_case("DROP"));
        table.chains.entry(name.to_owned()).or_default().base = base;
    }

    fn rule(&mut self, index: usize, line: &str) {
        let Some(groups) = words(strip_counters(line)).map(|words| groups(&words)) else {
            self.error(index, "quotes that do not end");
            self.set.partial = true;
            return;
        };
        let Some((chain, rest)) = appended(&groups) else {
            self.error(index, "not a rule that is appended to a chain");
            self.set.partial = true;
            return;
        };
        let text = strip_counters(line);
        let rule = options::rule(text, rest, self.family);
        let odd = matches!(rule.verdict, Verdict::Unknown) && rule.tests.is_empty();
        let Some(table) = self.table.as_mut() else {
            self.error(index, "a rule outside of a table");
            self.set.partial = true;
            return;
        };
        table.chains.entry(chain.to_owned()).or_default().rules.push(rule);
        if odd {
            self.error(index, "a rule that is not understood");
        }
    }
}

/// The chain that a rule is appended to, and the options after that.
pub(super) fn appended(groups: &[Group]) -> Option<(&str, &[Group])> {
    let (first, rest) = groups.split_first()?;
    let chain = first.values.first()?;
    (first.values.len() == 1 && !first.negated && matches!(first.option.as_str(), "-A" | "--append"))
        .then_some((chain.as_str(), rest))
}

/// A rule without the counters that may stand before it.
pub(super) fn strip_counters(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('[') {
        line.split_once(']').map_or(line, |(_, rest)| rest.trim_start())
    } else {
        line
    }
}

fn base(table: &str, chain: &str, drops: bool) -> Option<Base> {
    let hook = match chain {
        "PREROUTING" | "INPUT" | "FORWARD" | "OUTPUT" | "POSTROUTING" => Hook::parse(chain)?,
        _ => return None,
    };
    let priority = match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("security", _) => 50,
        _ => 0,
    };
    Some(Base { hook, priority, nat: table == "nat", drops, devices: Vec::new() })
}

/// The words of a line. Absent where quotes do not end.
pub(super) fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = chars.peek() else {
            return Some(words);
        };
        let mut word = Word { text: String::new(), quoted: first == '"' || first == '\'' };
        let mut quote = None;
        loop {
            match (chars.next(), quote) {
                (None, None) => break,
                (None, Some(_)) => return None,
                (Some(c), Some(end)) if c == end => quote = None,
                (Some('\\'), Some('"')) => word.text.push(chars.next()?),
                (Some(c @ ('"' | '\'')), None) => quote = Some(c),
                (Some(c), None) if c.is_whitespace() => break,
                (Some(c), _) => word.text.push(c),
            }
        }
        words.push(word);
    }
}

/// The options of a line with their values and negations.
pub(super) fn groups(words: &[Word]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut negated = false;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let option = is_option(word);
        if !word.quoted && word.text == "!" {
            match (words.peek(), groups.last_mut()) {
                // The old order: `-s ! 192.0.2.0/24`.
                (Some(next), Some(last)) if !is_option(next) && last.values.is_empty() => last.negated = true,
                _ => negated = true,
            }
        } else if option {
            groups.push(Group { option: word.text.clone(), negated, values: Vec::new() });
            negated = false;
        } else if let Some(last) = groups.last_mut() {
            last.values.push(word.text.clone());
        } else {
            groups.push(Group { option: String::new(), negated, values: vec![word.text.clone()] });
        }
    }
    groups
}

fn is_option(word: &Word) -> bool {
    !word.quoted && word.text.len() > 1 && word.text.starts_with('-')
}

/// Chains with their rules' words: what a comparison of two texts needs of one.
pub(super) fn outline(text: &str) -> BTreeMap<String, Outline> {
    let mut tables: BTreeMap<String, Outline> = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines().take(LINES).map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
            tables.entry(table.clone()).or_default();
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            if let (Some(name), Some(policy)) = (words.next(), words.next()) {
                let outline = tables.entry(table.clone()).or_default();
                outline.policies.insert(name.to_owned(), policy.to_owned());
                outline.rules.entry(name.to_owned()).or_default();
            }
        } else if let Some(words) = words(strip_counters(line)) {
            let groups = groups(&words);
            if let Some((chain, rest)) = appended(&groups) {
                let outline = tables.entry(table.clone()).or_default();
                let rule = (options::canonical(rest), strip_counters(line).to_owned());
                outline.rules.entry(chain.to_owned()).or_default().push(rule);
            }
        }
    }
    tables
}

/// A table for a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// Policies by chain; `-` where there is none.
    pub(super) policies: BTreeMap<String, String>,
    /// Rules by chain: in one spelling, and as they stand there.
    pub(super) rules: BTreeMap<String, Vec<(Vec<Group>, String)>>,
}
