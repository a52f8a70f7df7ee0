//! From the text of a configuration, and the files that it includes, to its blocks.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    FORMAT, READ,
    config::{Block, Condition, Config, MOST_PATTERNS, MOST_WILD, Mention},
};
use crate::{
    inventory::{format::TextFile, host::quoted, include::Includes, intake::Intake, records::FIELD_LIMIT},
    model::service::Source,
};

const WILD: &str =
    "a pattern with a wildcard names no one host; its values count for the hosts that it matches";
const NEGATED: &str = "a negated pattern names no host";
const MATCH: &str = "what `Match` asks is known to the client alone; the block is not read";
const TOO_MANY: &str = "more wildcards than are held against each host; their values are not read";

/// The keyword of a line in lower case, and its argument as it is written. `=` may stand between them.
pub(super) fn keyword(line: &[u8]) -> Option<(String, &str)> {
    if line.len() > FIELD_LIMIT {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?.trim();
    let text = text.strip_prefix('"').unwrap_or(text);
    let end = text.find(|c: char| c.is_whitespace() || c == '=' || c == '"').unwrap_or(text.len());
    let (keyword, rest) = text.split_at(end);
    let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let word = !keyword.is_empty() && keyword.bytes().all(|b| b.is_ascii_alphanumeric());
    word.then(|| (keyword.to_ascii_lowercase(), rest))
}

/// The words of an argument, quotes worked out; a `#` ends them. The error says what is wrong.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(words),
            Some(_) => {}
        }
        let (mut word, mut quote) = (String::new(), None);
        while let Some(c) = chars.next_if(|c| quote.is_some() || !c.is_whitespace()) {
            match (c, quote) {
                ('\\', _) if chars.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                    word.extend(chars.next());
                }
                ('\\', None) if chars.peek() == Some(&' ') => word.extend(chars.next()),
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return Err("a quote that is not closed on its line");
        }
        words.push(word);
    }
}

/// Reads the file and what it includes.
pub(super) fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Config {
    let mut reader = Reader {
        intake,
        includes: Includes::of(file),
        config: Config::default(),
        known: HashSet::new(),
        wild: 0,
    };
    reader.text(file.text, &file.name, file.folder.as_deref(), None);
    let Reader { intake, includes, config, .. } = reader;
    includes.tell(intake);
    config
}

struct Reader<'i, 'o> {
    intake: &'i mut Intake<'o>,
    includes: Includes,
    config: Config,
    /// The hosts that were named.
    known: HashSet<String>,
    /// How many blocks have wildcards.
    wild: usize,
}

/// One line, for messages.
struct At<'f> {
    file: &'f Arc<str>,
    line: u32,
}

impl At<'_> {
    fn source(&self) -> Source {
        Source { format: FORMAT.name.into(), file: Arc::clone(self.file), line: self.line, path: None }
    }
}

impl Reader<'_, '_> {
    fn text(&mut self, text: &[u8], file: &Arc<str>, folder: Option<&Path>, parent: Option<usize>) {
        let all = Condition { parent, possible: true, all: true, ..Condition::default() };
        let mut condition = self.condition(all);
        self.block(condition);
        for (number, line) in (1_u32..).zip(text.split(|&b| b == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let at = At { file, line: number };
            let Some((keyword, argument)) = keyword(line) else {
                self.bad(&at, "this line has no keyword; expected one such as Host or HostName".to_owned());
                continue;
            };
            if !READ.contains(&keyword.as_str()) {
                continue;
            }
            // A command is one argument to the end of its line, and none of its quotes need to be closed.
            if keyword == "proxycommand" {
                self.set(|block| &mut block.jump, jump_of_command(argument));
                continue;
            }
            let words = match words(argument) {
                Ok(words) if !words.is_empty() => words,
                Ok(_) => {
                    self.bad(&at, format!("{} has no argument", quoted(&keyword)));
                    continue;
                }
                Err(why) => {
                    self.bad(&at, format!("{} has {why}", quoted(&keyword)));
                    if matches!(keyword.as_str(), "host" | "match") {
                        // Its lines must not go to the block before.
                        condition = self.condition(Condition { parent, ..Condition::default() });
                        self.block(condition);
                    }
                    continue;
                }
            };
            match keyword.as_str() {
                "host" => {
                    let block = self.host(words, parent, &at);
                    condition = self.condition(block);
                    self.block(condition);
                }
                "match" => {
                    self.config.patterns += 1;
                    self.config.left.add(MATCH, String::new, || at.source());
                    condition = self.condition(Condition { parent, ..Condition::default() });
                    self.block(condition);
                }
                "include" => self.include(&words, folder, condition, &at),
                "hostname" => self.first(|block| &mut block.host_name, words),
                "port" => self.first(|block| &mut block.port, words),
                _ => {
                    let hops = words.first().map(|hops| jump_of_hops(hops)).unwrap_or_default();
                    self.set(|block| &mut block.jump, hops);
                }
            }
        }
    }

    fn condition(&mut self, condition: Condition) -> usize {
        self.config.conditions.push(condition);
        self.config.conditions.len() - 1
    }

    fn block(&mut self, condition: usize) {
        self.config.blocks.push(Block { condition, ..Block::default() });
    }

    fn bad(&mut self, at: &At<'_>, message: String) {
        self.intake.count_row();
        self.intake.bad(at.file, at.line, 1, message);
    }

    /// Sets a value of the present block, where it has none.
    fn set(&mut self, field: impl Fn(&mut Block) -> &mut Option<String>, value: String) {
        if let Some(block) = self.config.blocks.last_mut() {
            field(block).get_or_insert(value);
        }
    }

    fn first(&mut self, field: impl Fn(&mut Block) -> &mut Option<String>, words: Vec<String>) {
        if let Some(value) = words.into_iter().next() {
            self.set(field, value);
        }
    }

    fn host(&mut self, patterns: Vec<String>, parent: Option<usize>, at: &At<'_>) -> Condition {
        let mut condition = Condition { parent, possible: true, ..Condition::default() };
        for pattern in patterns {
            self.config.patterns += 1;
            if let Some(negated) = pattern.strip_prefix('!') {
                self.config.left.add(NEGATED, || quoted(&pattern), || at.source());
                condition.negated.push(negated.to_owned());
            } else if pattern.contains(['*', '?']) {
                self.config.left.add(WILD, || quoted(&pattern), || at.source());
                condition.wild.push(pattern);
            } else {
                if self.known.insert(pattern.clone()) {
                    self.config.mentions.push(Mention {
                        alias: pattern.clone(),
                        source: at.source(),
                        column: 1,
                    });
                }
                condition.names.push(pattern);
            }
        }
        self.wild += usize::from(!condition.wild.is_empty());
        let many = condition.wild.len() + condition.negated.len() > MOST_PATTERNS;
        if many || (self.wild > MOST_WILD && !condition.wild.is_empty()) {
            self.config.left.add(TOO_MANY, String::new, || at.source());
            condition.possible = false;
        }
        condition
    }

    fn include(&mut self, patterns: &[String], folder: Option<&Path>, condition: usize, at: &At<'_>) {
        for pattern in patterns {
            // Relative paths are below the user's own folder, which is the one in which the first file lies.
            let pattern = pattern.strip_prefix("~/.ssh/").unwrap_or(pattern);
            for path in self.includes.matching(pattern, folder) {
                let Some(included) = self.includes.open(&path, folder, &at.source()) else { continue };
                let folder: PathBuf = included.folder;
                self.text(&included.text, &included.name, Some(&folder), Some(condition));
                self.includes.close();
            }
        }
        // What follows in the including block comes after what was included.
        self.block(condition);
    }
}

/// The hosts of a `ProxyJump`, without users and ports; empty for `none`.
fn jump_of_hops(text: &str) -> String {
    if text.eq_ignore_ascii_case("none") {
        return String::new();
    }
    let hosts: Vec<&str> = text.split(',').map(host_of_hop).collect();
    hosts.join(",")
}

fn host_of_hop(hop: &str) -> &str {
    let hop = hop.strip_prefix("ssh://").unwrap_or(hop);
    let host = hop.rsplit_once('@').map_or(hop, |(_, host)| host);
    crate::inventory::host::split_port(host.trim_end_matches('/')).0
}

/// The host of a `ProxyCommand` such as `ssh -W %h:%p bastion`; `proxy-command` for any other command, which may hold
/// anything and is not kept; empty for `none`.
fn jump_of_command(text: &str) -> String {
    if text.trim().eq_ignore_ascii_case("none") {
        return String::new();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let ssh = words.first().is_some_and(|command| command.rsplit('/').next() == Some("ssh"));
    let forwards = words.iter().any(|word| word.starts_with("-W"));
    match words.last() {
        Some(last) if ssh && forwards && !last.starts_with('-') && !last.contains('%') => {
            host_of_hop(last).to_owned()
        }
        _ => "proxy-command".to_owned(),
    }
}
