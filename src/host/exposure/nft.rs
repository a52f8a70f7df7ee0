//! What `nft -j list ruleset` prints: tables, chains with their hooks, sets, rules. Alternatives that one
//! rule offers (a verdict map, joined keys) become rules of their own, in order.
//!
//! What a single expression asks is [`super::expressions`].

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value;

use super::{
    expressions,
    rules::{Base, Chain, Fit, Hook, Rule, Ruleset, Table, Test, Verdict, quote, target},
    text::{self, string},
};

/// Alternatives of all rules together.
const ALTERNATIVES: usize = 200_000;

/// Errors kept of one text.
const ERRORS: usize = 50;

/// The sets and maps of one table.
pub(super) type Sets<'a> = BTreeMap<&'a str, &'a [Value]>;

/// Reads a whole text. The error is one line, for a gap.
pub(super) fn read(json: &[u8], source: &str) -> Result<Ruleset, String> {
    let document: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let objects = document.get("nftables").and_then(Value::as_array).ok_or("no list called nftables")?;
    let mut reader = Reader {
        set: Ruleset { source: source.to_owned(), ..Ruleset::default() },
        sets: BTreeMap::new(),
        left: ALTERNATIVES,
    };
    // Sets first: a rule may name one that is listed after it.
    for object in objects {
        for kind in ["set", "map"] {
            if let Some(found) = object.get(kind) {
                let elements = found.get("elem").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                reader.sets.entry(key(found, "table")).or_default().insert(string(found, "name"), elements);
            }
        }
    }
    for object in objects {
        if let Some(table) = object.get("table") {
            reader.table(string(table, "family"), string(table, "name"));
        } else if let Some(chain) = object.get("chain") {
            reader.chain(chain);
        } else if let Some(rule) = object.get("rule") {
            reader.rule(rule);
        }
    }
    Ok(reader.set)
}

fn key<'a>(value: &'a Value, table: &str) -> (&'a str, &'a str) {
    (string(value, "family"), string(value, table))
}

struct Reader<'a> {
    set: Ruleset,
    sets: BTreeMap<(&'a str, &'a str), Sets<'a>>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn error(&mut self, what: String) {
        if self.set.errors.len() < ERRORS {
            self.set.errors.push(what);
        }
    }

    fn table(&mut self, family: &str, name: &str) -> &mut Table {
        let tables = &mut self.set.tables;
        let at = tables.iter().position(|t| t.family == family && t.name == name).unwrap_or_else(|| {
            tables.push(Table { family: family.to_owned(), name: name.to_owned(), chains: BTreeMap::new() });
            tables.len() - 1
        });
        &mut tables[at]
    }

    fn chain(&mut self, chain: &Value) {
        let name = string(chain, "name");
        let hook = chain.get("hook").and_then(Value::as_str);
        let base = hook.and_then(Hook::parse).map(|hook| Base {
            hook,
            priority: chain.get("prio").and_then(Value::as_i64).unwrap_or(0),
            nat: string(chain, "type") == "nat",
            drops: string(chain, "policy") == "drop",
            devices: match chain.get("dev") {
                Some(Value::String(name)) => vec![name.clone()],
                Some(Value::Array(names)) => {
                    names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
        });
        if base.is_none() && hook.is_some_and(|hook| hook != "egress") {
            self.error(format!("chain {}: a hook that is not known", quote(name)));
            self.set.partial = true;
        }
        let (family, table) = key(chain, "table");
        self.table(family, table).chains.entry(name.to_owned()).or_default().base = base;
    }

    fn rule(&mut self, rule: &'a Value) {
        let at = key(rule, "table");
        let name = string(rule, "chain");
        let none = Sets::new();
        let sets = self.sets.get(&at).unwrap_or(&none);
        let expressions = rule.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut draft = Draft {
            sets,
            alternatives: vec![(Vec::new(), Verdict::Continue)],
            asides: Vec::new(),
            room: self.left,
        };
        let readable = expressions.iter().all(|expression| draft.statement(expression).is_some());
        let shown = text::rule(string(rule, "table"), name, rule, expressions);
        let mut alternatives = Vec::new();
        for aside in &draft.asides {
            alternatives.extend(draft.alternatives.iter().map(|(tests, _)| (tests.clone(), aside.clone())));
        }
        alternatives.append(&mut draft.alternatives);
        let mut rules: Vec<Rule> = alternatives
            .into_iter()
            .enumerate()
            .map(|(index, (tests, verdict))| Rule { text: shown.clone(), tests, verdict, more: index > 0 })
            .collect();
        if !readable {
            rules = vec![Rule::unreadable(&shown)];
            self.error(format!("a rule that is not understood: {shown}"));
        }
        self.left = self.left.saturating_sub(rules.len());
        if rules.is_empty() {
            // It cannot match, and still is a rule.
            rules.push(Rule {
                text: shown,
                tests: vec![Test::Outcome(Fit::No)],
                verdict: Verdict::Continue,
                more: false,
            });
        }
        let chain: &mut Chain = self.table(at.0, at.1).chains.entry(name.to_owned()).or_default();
        chain.rules.append(&mut rules);
    }
}

/// A rule while it is read: what must match and what happens then, in alternatives.
struct Draft<'a> {
    sets: &'a Sets<'a>,
    alternatives: Vec<(Vec<Test>, Verdict)>,
    /// What it does to a packet besides its verdict.
    asides: Vec<Verdict>,
    room: usize,
}

impl Draft<'_> {
    fn test(&mut self, test: &Test) {
        for (tests, _) in &mut self.alternatives {
            tests.push(test.clone());
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn fit(&mut self, fit: Fit) -> Option<()> {
        self.test(&Test::Outcome(fit));
        Some(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn verdict(&mut self, verdict: &Verdict) -> Option<()> {
        for (_, own) in &mut self.alternatives {
            own.clone_from(verdict);
        }
        Some(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn aside(&mut self, aside: Verdict) -> Option<()> {
        if !self.asides.contains(&aside) {
            self.asides.push(aside);
        }
        Some(())
    }

    /// Each of the alternatives so far with each of `further`.
    fn multiply(&mut self, further: &[(Vec<Test>, Option<Verdict>)]) -> Option<()> {
        let count = self.alternatives.len().checked_mul(further.len())?;
        if count > self.room {
            return None;
        }
        let mut all = Vec::with_capacity(count);
        for (tests, verdict) in &self.alternatives {
            for (more, other) in further {
                let tests = tests.iter().chain(more).cloned().collect();
                all.push((tests, other.clone().unwrap_or_else(|| verdict.clone())));
            }
        }
        self.alternatives = all;
        Some(())
    }

    /// Takes in one expression. Absent: the rule is not understood.
    fn statement(&mut self, expression: &Value) -> Option<()> {
        let Some((kind, value)) = expression.as_object().and_then(|object| object.iter().next()) else {
            // Older versions print some statements as bare words.
            return match expression.as_str() {
                Some("notrack") => self.aside(Verdict::Untracked),
                _ => None,
            };
        };
        match kind.as_str() {
            "match" => {
                let ways = expressions::comparison(value, self.sets);
                if let [way] = &ways[..] {
                    for test in way {
                        self.test(test);
                    }
                    return Some(());
                }
                let ways: Vec<_> = ways.into_iter().map(|tests| (tests, None)).collect();
                self.multiply(&ways)
            }
            "vmap" => self.map(value),
            "xt" => self.extension(value),
            "limit" | "ct count" => self.fit(rate(value)),
            "quota" | "meter" => self.fit(Fit::Maybe),
            "set" => self.update(value),
            "mangle" => match value.pointer("/key/meta/key").and_then(Value::as_str) {
                Some("mark") => self.aside(Verdict::SetsMark),
                _ if value.pointer("/key/ct/key").is_some() => self.aside(Verdict::SetsMark),
                _ => Some(()),
            },
            "notrack" => self.aside(Verdict::Untracked),
            "counter" | "log" | "comment" | "last" | "ct helper" | "ct timeout" | "ct expectation"
            | "secmark" | "flow" | "continue" | "dup" => Some(()),
            _ => self.verdict(&verdict(kind, value)?),
        }
    }

    fn map(&mut self, value: &Value) -> Option<()> {
        let data = value.get("data")?;
        let elements = match data.as_str() {
            Some(name) => *self.sets.get(name.trim_start_matches('@'))?,
            None => data.get("set")?.as_array()?,
        };
        let key = value.get("key")?;
        let mut ways = Vec::new();
        let mut rest = None;
        for element in elements {
            let [own, then] = element.as_array()?.as_slice() else { return None };
            let (kind, inner) = then.as_object()?.iter().next()?;
            let then = Some(if kind == "continue" { Verdict::Continue } else { verdict(kind, inner)? });
            let own = expressions::element(own);
            if own.as_str() == Some("*") {
                rest = Some((Vec::new(), then));
            } else {
                ways.push((expressions::equal(key, own, self.sets), then));
            }
        }
        // The element for everything else comes after all others.
        ways.extend(rest);
        self.multiply(&ways)
    }

    /// A match or target of iptables, of which only the name is printed.
    fn extension(&mut self, value: &Value) -> Option<()> {
        let name = string(value, "name");
        match (string(value, "type"), name) {
            ("match", "comment") => Some(()),
            ("match", "limit") => self.fit(Fit::Common),
            ("match", _) => self.fit(Fit::Maybe),
            // Where to is not printed.
            ("target", "DNAT" | "REDIRECT") => self.verdict(&Verdict::Unknown),
            ("target", name) => self.verdict(&target(name).unwrap_or(Verdict::Unknown)),
            _ => None,
        }
    }

    /// An element put into a set while packets come, with a limit of its own perhaps.
    #[expect(clippy::unnecessary_wraps, reason = "the last step of an arm that may end in nothing")]
    fn update(&mut self, value: &Value) -> Option<()> {
        let statements = value.get("stmt").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for statement in statements {
            if let Some(limit) = statement.get("limit").or_else(|| statement.get("ct count")) {
                self.fit(rate(limit));
            }
        }
        Some(())
    }
}

fn rate(value: &Value) -> Fit {
    if value.get("inv").and_then(Value::as_bool).unwrap_or(false) { Fit::Rare } else { Fit::Common }
}

/// What a verdict or a translation does. Absent: not known.
fn verdict(kind: &str, value: &Value) -> Option<Verdict> {
    let port = |field: &str| match value.get(field) {
        None | Some(Value::Null) => Some(None),
        Some(port) => port.as_u64().and_then(|port| u16::try_from(port).ok()).map(Some),
    };
    Some(match kind {
        // What translates the source comes after everything was decided.
        "accept" | "snat" | "masquerade" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(string(value, "target").to_owned()),
        "goto" => Verdict::Goto(string(value, "target").to_owned()),
        "dnat" => {
            let address: Option<Option<IpAddr>> = match value.get("addr") {
                None | Some(Value::Null) => Some(None),
                Some(address) => address.as_str().and_then(|text| text.parse().ok()).map(Some),
            };
            match (address, port("port")) {
                (Some(address), Some(port)) => Verdict::Dnat { address, port },
                _ => Verdict::Unknown,
            }
        }
        "redirect" => port("port").map_or(Verdict::Unknown, |port| Verdict::Redirect { port }),
        "queue" | "tproxy" | "synproxy" | "fwd" => Verdict::Unknown,
        _ => return None,
    })
}
