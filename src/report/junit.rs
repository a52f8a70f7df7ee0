//! JUnit XML, as CI systems read it: a suite for each owner, a test case for each service and disclosure.
//!
//! | outcome | test case |
//! |---|---|
//! | open, unconfirmed | `failure`, its type the state |
//! | unknown | `error`: it could not be judged, which is no pass |
//! | waived | `skipped`, with until when and by whom |
//! | done, not applicable, gone | passes |
//!
//! There is no standard. The elements, attributes and their order are those of the schema that most readers were written
//! for (Ant's, with `skipped`): all counts, `hostname`, a `timestamp` without a zone (UTC). `time` is how long the last look at
//! the service took, in seconds. XML 1.0 forbids most control characters even as references: they are shown as `\xNN`.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

use super::{
    Export, Form, View,
    case::{Case, Outcome, cases},
    csv::Dialect,
};
use crate::model::{ids::RowId, text::printable, time::Timestamp};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "junit",
    about: "JUnit XML for CI: a suite for each owner, a test case for each row",
    form: Form::Xml,
    notes: &["what could not be judged is an error, what is waived is skipped"],
    header: Vec::new,
    write,
};

/// How a test case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Pass,
    Failure,
    Error,
    Skipped,
}

/// The ending of an outcome.
pub(super) const fn ending(outcome: Outcome) -> Ending {
    match outcome {
        Outcome::Open | Outcome::Unconfirmed => Ending::Failure,
        Outcome::Unknown => Ending::Error,
        Outcome::Waived => Ending::Skipped,
        Outcome::Done | Outcome::NotApplicable | Outcome::Gone => Ending::Pass,
    }
}

/// Counts and time of a suite, or of all.
#[derive(Default)]
struct Sum {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    ms: f64,
}

impl Sum {
    fn of(cases: &[(&Case<'_>, f64)]) -> Self {
        let mut sum = Self { tests: cases.len(), ..Self::default() };
        for (case, ms) in cases {
            sum.ms += ms;
            match ending(case.outcome) {
                Ending::Pass => {}
                Ending::Failure => sum.failures += 1,
                Ending::Error => sum.errors += 1,
                Ending::Skipped => sum.skipped += 1,
            }
        }
        sum
    }

    fn attributes(&self) -> String {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
            self.tests,
            self.failures,
            self.errors,
            self.skipped,
            seconds(self.ms)
        )
    }
}

/// Writes the file; returns the number of test cases.
pub fn write(view: &View<'_>, _: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let cases = cases(view);
    let took = took(view);
    let timed: Vec<(&Case<'_>, f64)> =
        cases.iter().map(|c| (c, took.get(&c.row.entry.row_id).copied().unwrap_or(0.0))).collect();
    let mut suites: BTreeMap<Option<&str>, Vec<(&Case<'_>, f64)>> = BTreeMap::new();
    for (case, ms) in &timed {
        suites.entry(case.row.owner()).or_default().push((case, *ms));
    }
    let name = attribute(&format!("allclear {}", view.evidence.incident.name));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"{name}\" {}>", Sum::of(&timed).attributes())?;
    for (id, (owner, cases)) in suites.iter().enumerate() {
        suite(view, id, *owner, cases, out)?;
    }
    writeln!(out, "</testsuites>")?;
    Ok(cases.len() as u64)
}

/// Milliseconds that the last look at each service took, all its endpoints together.
fn took<'a>(view: &View<'a>) -> HashMap<&'a RowId, f64> {
    let mut took: HashMap<&RowId, (crate::model::ids::SweepId, f64)> = HashMap::new();
    for observation in &view.evidence.observations {
        let entry = took.entry(&observation.row_id).or_insert((observation.sweep, 0.0));
        if observation.sweep > entry.0 {
            *entry = (observation.sweep, 0.0);
        }
        if observation.sweep == entry.0 {
            entry.1 += observation.ms;
        }
    }
    took.into_iter().map(|(row, (_, ms))| (row, ms)).collect()
}

fn suite(
    view: &View<'_>,
    id: usize,
    owner: Option<&str>,
    cases: &[(&Case<'_>, f64)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let sweep = view.evidence.sweeps.last();
    let at = sweep.map_or(view.evidence.incident.created_at, |s| s.started_at);
    let host = sweep.map_or_else(|| "localhost".to_owned(), |s| s.vantage.to_string());
    writeln!(
        out,
        " <testsuite name=\"{}\" package=\"allclear\" id=\"{id}\" hostname=\"{}\" timestamp=\"{}\" {}>",
        attribute(owner.unwrap_or("nobody's")),
        attribute(&host),
        without_zone(at),
        Sum::of(cases).attributes()
    )?;
    writeln!(out, "  <properties/>")?;
    for (case, ms) in cases {
        test_case(view, case, *ms, out)?;
    }
    writeln!(out, "  <system-out/>\n  <system-err/>\n </testsuite>")
}

fn test_case(view: &View<'_>, case: &Case<'_>, ms: f64, out: &mut dyn Write) -> io::Result<()> {
    let row = case.row;
    write!(
        out,
        "  <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        attribute(&format!("{} [{}]", row.label(), row.entry.row_id)),
        attribute(&row.entry.disclosure),
        seconds(ms)
    )?;
    let (element, message) = match ending(case.outcome) {
        Ending::Pass => return writeln!(out, "/>"),
        Ending::Failure => ("failure", format!("is {}: {}", row.entry.state, case.next())),
        Ending::Error => ("error", format!("is {}, which is not clean: {}", row.entry.state, case.why())),
        Ending::Skipped => ("skipped", case.waiver().unwrap_or_else(|| "waived".to_owned())),
    };
    writeln!(out, ">")?;
    if element == "skipped" {
        writeln!(out, "   <skipped message=\"{}\"/>", attribute(&message))?;
    } else {
        let text: Vec<String> =
            case.facts(view).iter().map(|(name, text)| format!("{name}: {}", printable(text))).collect();
        let (message, kind) = (attribute(&message), row.entry.state);
        writeln!(
            out,
            "   <{element} message=\"{message}\" type=\"{kind}\">{}</{element}>",
            escape(&text.join("\n"))
        )?;
    }
    writeln!(out, "  </testcase>")
}

fn seconds(ms: f64) -> String {
    format!("{:.3}", ms / 1000.0)
}

/// ISO 8601 without a zone, as that schema has it.
fn without_zone(at: Timestamp) -> String {
    at.seconds().trim_end_matches('Z').to_owned()
}

/// A text of others as the value of an attribute: one line.
fn attribute(text: &str) -> String {
    escape(&printable(text))
}

/// What XML would take for mark-up, as references; what XML 1.0 (2.2) does not allow at all, replaced. Every `>` is a
/// reference too, so that `]]>` stands nowhere.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Holds a text to what this file promises; for the fuzz target.
pub(super) fn check_legal(text: &str) {
    for shown in [escape(text), attribute(text)] {
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown:?} is no mark-up");
        let legal =
            |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(shown.chars().all(legal), "{shown:?} is XML 1.0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn only_what_xml_allows_and_no_markup_of_others() {
        let table = [
            ("]]><x a='1' b=\"2\">&amp;", "]]&gt;&lt;x a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;amp;"),
            ("a\u{0}\u{1b}\u{fffe}\u{ffff}b", "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}b"),
            ("日本 \u{1f512}", "日本 \u{1f512}"),
        ];
        for (input, expected) in table {
            assert_eq!(escape(input), expected, "input: {input:?}");
        }
    }

    #[test]
    fn counts_are_those_of_the_cases() {
        let text = Sample::new().with(|view| {
            let mut out = Vec::new();
            assert_eq!(write(view, Dialect::default(), &mut out).unwrap(), 7);
            String::from_utf8(out).unwrap()
        });
        let count = |what: &str| text.matches(what).count();
        assert_eq!(
            (count("<testcase "), count("<failure "), count("<error "), count("<skipped")),
            (7, 4, 1, 0)
        );
        assert!(
            text.contains("tests=\"7\" failures=\"4\" errors=\"1\" skipped=\"0\" time=\"0.087\""),
            "{text}"
        );
        assert_eq!(count("<testsuite "), 6, "one for each owner and one for nobody's");
    }
}
