//! A disclosure as the text of a catalogue file, in the layout of the files that come with the program.

use std::fmt::Write as _;

use crate::model::{
    disclosure::{Affected, Confidence, Disclosure, RowStatus},
    wrap::Transport,
};

/// The widest line that a list gets before it has an entry a line.
const WIDTH: usize = 100;

/// The TOML text: fields in the order in which people read them, one row a line. What is empty is left out.
pub fn write(disclosure: &Disclosure) -> String {
    let d = disclosure;
    let mut out = Text(String::with_capacity(1024 + d.affected.len() * 160));
    out.text("id", &d.id);
    out.list("aliases", &d.aliases);
    out.text("title", &d.title);
    out.text("disclosed_at", &time(d));
    out.optional("severity", d.severity.as_deref());
    out.optional("confidence", Some(&*d.confidence).filter(|c| !c.is_empty()));
    out.gap();
    out.text("leaks", &d.leaks);
    out.list("exposes", &d.exposes);
    out.optional("preconditions", Some(&*d.preconditions).filter(|p| !p.is_empty()));
    out.list("first_words", &d.first_words);
    out.gap();
    out.optional("feature", d.feature.as_deref());
    out.list("never_in", &d.never_in.iter().map(ToString::to_string).collect::<Vec<_>>());
    out.optional("only_over", d.only_over.map(Transport::as_str));
    out.gap();
    out.text("rotate.keys", d.rotate.keys.as_str());
    out.text("rotate.secrets", d.rotate.secrets.as_str());
    out.list("rotate.steps", &d.rotate.steps);
    out.gap();
    out.text("probe.kind", d.probe.kind.as_str());
    for (key, text) in [
        ("probe.method", &d.probe.method),
        ("probe.proves", &d.probe.proves),
        ("probe.cannot", &d.probe.cannot),
    ] {
        out.optional(key, Some(&**text).filter(|t| !t.is_empty()));
    }
    out.gap();
    out.list("not_analysed", &d.not_analysed);
    out.rows(&d.affected);
    out.gap();
    out.list("notes", &d.notes);
    out.list("links", &d.links);
    out.list("sources", &d.sources);
    let mut text = out.0;
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The date alone where the time of day is not known.
fn time(d: &Disclosure) -> String {
    match d.disclosed_at {
        at if at.date().parse() == Ok(at) => at.date(),
        at if at.seconds().parse() == Ok(at) => at.seconds(),
        at => at.to_string(),
    }
}

struct Text(String);

impl Text {
    fn text(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.0, "{key} = {}", quoted(value)); // into a string, cannot fail
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// A blank line, unless there is one or nothing stands before it.
    fn gap(&mut self) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        let line = inline(values);
        if key.len() + line.len() + 3 <= WIDTH {
            let _ = writeln!(self.0, "{key} = {line}");
            return;
        }
        let _ = writeln!(self.0, "{key} = [");
        for value in values {
            let _ = writeln!(self.0, "  {},", quoted(value));
        }
        self.0.push_str("]\n");
    }

    fn rows(&mut self, rows: &[Affected]) {
        if rows.is_empty() {
            return;
        }
        self.0.push_str("affected = [\n");
        for row in rows {
            let _ = writeln!(self.0, "  {{ {} }},", fields(row).join(", "));
        }
        self.0.push_str("]\n");
    }
}

fn fields(row: &Affected) -> Vec<String> {
    let mut fields = Vec::with_capacity(10);
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.push(format!("{key} = {}", quoted(value)));
        }
    };
    put("ecosystem", Some(&row.ecosystem));
    put("package", Some(&row.package));
    put("status", (row.status != RowStatus::Affected).then_some(row.status.as_str()));
    put("introduced", row.introduced.as_deref());
    put("fixed", row.fixed.as_deref());
    put("last_affected", row.last_affected.as_deref());
    let versions = (!row.versions.is_empty()).then(|| format!("versions = {}", inline(&row.versions)));
    fields.extend(versions);
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.push(format!("{key} = {}", quoted(value)));
        }
    };
    put("advisory", Some(&row.advisory));
    put("confidence", (row.confidence != Confidence::Confirmed).then_some(row.confidence.as_str()));
    put("note", row.note.as_deref());
    fields
}

fn inline(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|v| quoted(v)).collect::<Vec<_>>().join(", "))
}

/// A basic string (TOML 1.0, "String"). Everything that acts on a terminal is escaped, so that the text can be
/// shown as it is.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if crate::model::text::acts_on_a_terminal(c) => {
                let code = u32::from(c);
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08X}") } else { write!(out, "\\u{code:04X}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
