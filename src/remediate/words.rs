//! Sentences and commands. Names come from inventories and servers: here they lose their control
//! characters and backticks, and what enters a command is quoted for a shell.

use crate::model::{text::printable, verdict::Reason};

/// How many names a sentence lists before it says how many more there are.
const NAMED: usize = 4;

/// A name between backticks, which readers show as code; it cannot end the code itself.
pub(super) fn tick(name: &str) -> String {
    format!("`{}`", printable(name).replace('`', "'"))
}

/// A text that is not ours, inside a sentence: it opens no code of its own.
pub(super) fn quiet(text: &str) -> String {
    printable(text).replace('`', "'")
}

/// Names between backticks, the first few of them.
pub(super) fn ticks(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMED).map(|n| tick(n)).collect();
    let more = names.len().saturating_sub(shown.len());
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A word for a POSIX shell: bare where that is safe, else in single quotes.
pub(super) fn shell(text: &str) -> String {
    let text = printable(text);
    let bare = |c: char| c.is_ascii_alphanumeric() || "._/:@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Asks whether a gate holds, about what `which` selects (options, already quoted; empty: everything).
pub(super) fn verify(which: &str, gate: Option<&str>) -> String {
    let gate = gate.map_or(String::new(), |g| format!(" --gate {g}"));
    let which = if which.is_empty() { String::new() } else { format!(" {which}") };
    format!("allclear verify{which}{gate}")
}

/// Records that a facet of services is done.
pub(super) fn attest_facet(which: &str, facet: &str) -> String {
    format!("allclear attest {which} --facet {facet} --reference TICKET")
}

/// Records how far a secret has come.
pub(super) fn attest_secret(id: &str, state: &str, reference: &str) -> String {
    format!("allclear attest --secret {} --state {state} --reference {reference}", shell(id))
}

/// `one service` or `3 services`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("one {one}") } else { format!("{n} {many}") }
}

/// What was seen, as the rest of a sentence after the endpoint's name.
pub(super) fn seen(reason: Reason) -> String {
    match reason {
        Reason::MalformedHeartbeatAnswered => "answered a malformed heartbeat".to_owned(),
        Reason::PackageAffected => "runs a package that its distribution lists as affected".to_owned(),
        Reason::VersionAffected | Reason::FeaturePresent => "runs an affected version".to_owned(),
        other => format!("was found vulnerable (`{other}`)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_cannot_break_out() {
        let table = [
            ("svc-2wyf2llav7a7", "svc-2wyf2llav7a7"),
            ("svc-2wyf2llav7a7/C7", "svc-2wyf2llav7a7/C7"),
            ("", "''"),
            ("two words", "'two words'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's; rm -rf /", r"'it'\''s; rm -rf /'"),
            ("a\nrm -rf /", r"'a\x0Arm -rf /'"),
        ];
        for (input, expected) in table {
            assert_eq!(shell(input), expected, "input: {input:?}");
        }
    }

    #[test]
    fn names_stay_inside_their_backticks() {
        assert_eq!(tick("a`b\u{1b}"), "`a'b\\x1B`");
        let names: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        assert_eq!(ticks(&names), "`a`, `b`, `c`, `d` and 2 more");
        assert_eq!(ticks(&names[..2]), "`a` and `b`");
        assert_eq!(ticks(&names[..1]), "`a`");
        assert_eq!(ticks(&[]), "");
    }
}
