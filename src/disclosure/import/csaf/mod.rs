//! CSAF 2.0: VEX files and security advisories, in the way Red Hat and SUSE write them.
//!
//! A fixed build of a distribution says that what lies below it is affected. A fixed release of upstream says so of
//! itself alone: it belongs to one branch of several.

mod products;
mod rows;

use std::collections::HashMap;

use self::products::Tree;
use super::{
    ImportError,
    draft::{Collector, Draft, Notes, SENTENCE, checked_id, time_of},
    read::{Node, Wrong, one_line, shown},
};
use crate::model::time::Timestamp;

pub(super) fn read<'a>(doc: &Node<'a>, into: &mut Collector<'a>) -> Result<(), ImportError> {
    let document = doc.need("document")?;
    let category = document.need("category")?;
    if !["csaf_vex", "csaf_security_advisory"].contains(&category.text()?) {
        let found = shown(category.text()?);
        return Err(category
            .wrong(format!("expected csaf_vex or csaf_security_advisory, found `{found}`"))
            .into());
    }
    if let Some(version) = document.text_of("csaf_version")?.filter(|version| *version != "2.0") {
        into.notes.add(&document.at, &format!("CSAF {}: read as 2.0", shown(version)));
    }
    let tracking = document.need("tracking")?;
    let own = checked_id(&tracking.need("id")?)?;
    let tree = Tree::read(&doc.need("product_tree")?, &mut into.notes)?;
    let frame = doc.need("vulnerabilities")?;
    let mut any = false;
    for vulnerability in frame.list()? {
        any = true;
        one(&vulnerability, &document, own, &tree, into)?;
    }
    if !any {
        into.notes.add(&frame.at, "empty: nobody is judged");
    }
    Ok(())
}

fn one<'a>(
    vulnerability: &Node<'a>,
    document: &Node<'a>,
    own: &str,
    tree: &Tree<'a>,
    into: &mut Collector<'a>,
) -> Result<(), ImportError> {
    let id = id_of(vulnerability)?.to_owned();
    let public = public(vulnerability, document, &mut into.notes)?;
    let title = title(vulnerability, document, &mut into.notes);
    let severity = severity(vulnerability, document, &mut into.notes);
    let mut draft = Draft::new(&id, &vulnerability.at, public, title, severity);
    for holder in [document, vulnerability] {
        let references = into.notes.keep(holder.list_of("references").map(Some));
        for reference in references.into_iter().flatten() {
            if let Some(url) = into.notes.keep(reference.need_text("url").map(Some)) {
                draft.link(url);
            }
        }
    }
    let facts = Facts::read(vulnerability, tree, own, &mut draft.notes, &mut into.notes);
    let status = vulnerability.need("product_status")?;
    draft.rows = rows::read(&status, tree, &facts, into)?;
    into.push(&draft, &[id])
}

fn id_of<'a>(vulnerability: &Node<'a>) -> Result<&'a str, Wrong> {
    if let Some(cve) = vulnerability.get("cve")? {
        return checked_id(&cve);
    }
    let first = vulnerability.list_of("ids")?.next();
    let first = first.ok_or_else(|| vulnerability.wrong("neither `cve` nor `ids` is there"))?;
    checked_id(&first.need("text")?)
}

fn public<'a>(
    vulnerability: &Node<'a>,
    document: &Node<'a>,
    notes: &mut Notes,
) -> Result<Timestamp, ImportError> {
    if let Some(time) = notes.keep(time_of(vulnerability, "release_date")) {
        return Ok(time);
    }
    let tracking = document.need("tracking")?;
    let first = notes.keep(time_of(&tracking, "initial_release_date"));
    let time = match first {
        Some(time) => Some(time),
        None => time_of(&tracking, "current_release_date")?,
    };
    let time = time.ok_or_else(|| tracking.wrong("no time of release is there"))?;
    notes.add(&vulnerability.at, "no time of publication: that of the document is taken");
    Ok(time)
}

fn title<'a>(vulnerability: &Node<'a>, document: &Node<'a>, notes: &mut Notes) -> Option<&'a str> {
    if let Some(title) = notes.keep(vulnerability.text_of("title")) {
        return Some(title);
    }
    let said = notes.keep(vulnerability.list_of("notes").map(Some));
    let mut described = None;
    for note in said.into_iter().flatten() {
        let both = note.need_text("category").and_then(|kind| Ok(Some((kind, note.need_text("text")?))));
        match notes.keep(both) {
            Some(("summary", text)) => return Some(text),
            Some(("description", text)) => described = described.or(Some(text)),
            _ => {}
        }
    }
    described.or_else(|| notes.keep(document.text_of("title")))
}

fn severity<'a>(vulnerability: &Node<'a>, document: &Node<'a>, notes: &mut Notes) -> Option<&'a str> {
    let threats = notes.keep(vulnerability.list_of("threats").map(Some));
    for threat in threats.into_iter().flatten() {
        let both =
            threat.need_text("category").and_then(|kind| Ok(Some((kind, threat.need_text("details")?))));
        if let Some(("impact", details)) = notes.keep(both) {
            return Some(details);
        }
    }
    let aggregate = notes.keep(document.get("aggregate_severity"));
    aggregate.and_then(|severity| notes.keep(severity.text_of("text")))
}

/// What a vulnerability says of single products beside their status.
struct Facts<'a> {
    /// The document's own id.
    own: String,
    advisories: HashMap<&'a str, String>,
    remarks: HashMap<&'a str, String>,
}

impl<'a> Facts<'a> {
    fn read(
        vulnerability: &Node<'a>,
        tree: &Tree<'a>,
        own: &str,
        people: &mut Vec<String>,
        notes: &mut Notes,
    ) -> Self {
        let mut facts = Self { own: own.to_owned(), advisories: HashMap::new(), remarks: HashMap::new() };
        let flags = notes.keep(vulnerability.list_of("flags").map(Some));
        for flag in flags.into_iter().flatten() {
            if let Err(wrong) = facts.flag(&flag, tree) {
                notes.wrong(&wrong, "; the flag is left out");
            }
        }
        let remediations = notes.keep(vulnerability.list_of("remediations").map(Some));
        for remediation in remediations.into_iter().flatten() {
            if let Err(wrong) = facts.remediation(&remediation, tree, people) {
                notes.wrong(&wrong, "; the remediation is left out");
            }
        }
        facts
    }

    fn flag(&mut self, flag: &Node<'a>, tree: &Tree<'a>) -> Result<(), Wrong> {
        let label = one_line(flag.need_text("label")?, 80);
        for id in tree.meant(flag)? {
            self.remark(id, &label);
        }
        Ok(())
    }

    fn remediation(
        &mut self,
        entry: &Node<'a>,
        tree: &Tree<'a>,
        people: &mut Vec<String>,
    ) -> Result<(), Wrong> {
        let category = entry.need_text("category")?;
        let details = entry.text_of("details")?.unwrap_or_default();
        let advisory = entry.text_of("url")?.and_then(advisory_in).or_else(|| advisory_in(details));
        if let Some(restart) = entry.get("restart_required")? {
            let kind = one_line(restart.need_text("category")?, 80);
            let more = restart.text_of("details")?.map(|text| format!(": {text}")).unwrap_or_default();
            let whose = advisory.map(|id| format!(" of {id}")).unwrap_or_default();
            people.push(one_line(&format!("restart after the fix{whose}: {kind}{more}"), SENTENCE));
        }
        for id in tree.meant(entry)? {
            match category {
                "vendor_fix" => {
                    if let Some(advisory) = advisory {
                        self.advisories.entry(id).or_insert_with(|| advisory.to_owned());
                    }
                }
                "none_available" | "no_fix_planned" | "fix_planned" => {
                    self.remark(id, &format!("{}: {}", category.replace('_', " "), one_line(details, 100)));
                }
                _ => {}
            }
        }
        if ["workaround", "mitigation"].contains(&category) && !details.trim().is_empty() {
            people.push(one_line(&format!("{category}: {details}"), SENTENCE));
        }
        Ok(())
    }

    fn remark(&mut self, id: &'a str, text: &str) {
        let remark = self.remarks.entry(id).or_default();
        if remark.is_empty() {
            text.clone_into(remark);
        } else if remark.len() < SENTENCE {
            remark.push_str("; ");
            remark.push_str(text);
        }
    }
}

/// The advisory that a link or a sentence names: `RHSA-2024:7848`, `SUSE-SU-2024:1234-1`.
fn advisory_in(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "/()<>,;\"'?#".contains(c));
    let advisory = |word: &&str| {
        let maker =
            ["RHSA-", "RHBA-", "RHEA-", "SUSE-", "openSUSE-"].iter().any(|maker| word.starts_with(maker));
        maker
            && word.len() <= 60
            && word.contains(':')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:_".contains(&b))
    };
    words.map(|word| word.trim_end_matches([':', '.'])).find(advisory)
}
