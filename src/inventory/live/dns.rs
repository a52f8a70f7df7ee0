//! Asks DNS for what it says of a domain: hosts, services, and what their keys are bound to. The answers are written as
//! a master file (RFC 1035, 5.1), one absolute record a line, which the zone format reads.
//!
//! No zone transfer: name servers refuse it to strangers, and an attempt looks like an attack. So only the usual names
//! are asked for, and a host of another name does not come out of it.

mod records;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::task::JoinSet;

use super::{
    super::dns::ask::{Asker, Found, absolute},
    Access, Live,
};
use crate::model::text::printable;

/// The limit of a whole source.
const WHOLE: Duration = Duration::from_secs(30);
/// The most hosts that are looked up because MX, SRV and HTTPS records name them.
const TARGETS: usize = 256;
/// What begins a line that tells of a question without an answer.
const UNANSWERED: &str = "; unanswered: ";

/// Service labels (RFC 2782) over TCP of which TLS is spoken, or can be.
const TCP: &[&str] = &[
    "_imaps",
    "_imap",
    "_pop3s",
    "_pop3",
    "_submission",
    "_submissions",
    "_sieve",
    "_smtps",
    "_nntps",
    "_xmpp-client",
    "_xmpp-server",
    "_xmpps-client",
    "_xmpps-server",
    "_ircs",
    "_matrix",
    "_matrix-fed",
    "_sips",
    "_turn",
    "_turns",
    "_stun",
    "_stuns",
    "_ldap",
    "_ldaps",
    "_amqps",
    "_https",
    "_caldavs",
    "_carddavs",
    "_jmap",
    "_autodiscover",
];
/// The same over UDP, with DTLS.
const UDP: &[&str] = &["_turn", "_turns", "_stun", "_stuns"];

/// A question.
type Question = (Name, RecordType);

/// What came of questions so far.
#[derive(Default)]
struct Answers {
    records: Vec<Record>,
    /// Lines about what could not be asked.
    failed: BTreeSet<String>,
    asked: usize,
    no_name: BTreeSet<Name>,
    first_failure: Option<String>,
}

/// The records of a domain, as a text of the zone format.
pub(super) async fn fetch(live: &Live, access: &Access) -> Result<Vec<u8>, String> {
    let apex = Name::from_ascii(&live.host).map_err(|_| "no name that can be asked for".to_owned())?;
    let asker = Arc::new(Asker::new(&access.resolvers, WHOLE)?);
    let mut answers = Answers::default();
    // Alone and first: a dead server costs the time of a few questions, and not of all.
    answers.ask(&asker, [RecordType::A, RecordType::AAAA, RecordType::MX].map(|k| (apex.clone(), k))).await;
    if answers.no_name.contains(&apex) {
        return Err("there is no such name".to_owned());
    }
    if answers.failed.len() == answers.asked {
        return Err(answers.first_failure.unwrap_or_else(|| "no name server answered".to_owned()));
    }
    answers.ask(&asker, further(&apex)).await;
    let (targets, more) = targets(&answers.records);
    if more > 0 {
        answers.failed.insert(format!("{more} more hosts that MX, SRV and HTTPS records name: too many"));
    }
    answers.ask(&asker, targets).await;
    let text = records::text(&answers.records);
    if text.is_empty() && answers.failed.is_empty() {
        return Err("it has no record of a host or of a service with TLS".to_owned());
    }
    let failed = answers.failed.iter().map(|line| format!("{UNANSWERED}{}\n", printable(line)));
    Ok(failed.chain([text]).collect::<String>().into_bytes())
}

/// Which questions had no answer, in the words of the text that [`fetch`] gave: `NAME TYPE: why`.
pub(in crate::inventory) fn unanswered(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix(UNANSWERED)).map(str::to_owned).collect()
}

impl Answers {
    /// Asks all at once and takes in what comes. The order of what is kept does not hang on who answers first.
    async fn ask(&mut self, asker: &Arc<Asker>, questions: impl IntoIterator<Item = Question>) {
        let mut running = JoinSet::new();
        for (number, (name, kind)) in questions.into_iter().enumerate() {
            let asker = Arc::clone(asker);
            running.spawn(async move {
                let found = asker.ask(&name, kind).await;
                (number, name, kind, found)
            });
        }
        let mut all = running.join_all().await;
        all.sort_by_key(|(number, ..)| *number);
        for (_, name, kind, found) in all {
            self.asked += 1;
            match found {
                Ok(Found::Records(records)) => self.records.extend(records),
                Ok(Found::NoRecord(_)) => {}
                Ok(Found::NoName) => {
                    self.no_name.insert(name);
                }
                Err(why) => {
                    let at = absolute(&name);
                    self.failed.insert(format!("{} {kind}: {why}", at.trim_end_matches('.')));
                    self.first_failure.get_or_insert(why);
                }
            }
        }
    }
}

/// A name below another, where it is not too long for one.
fn below(labels: &[&str], name: &Name) -> Option<Name> {
    labels.iter().rev().try_fold(name.clone(), |name, label| name.prepend_label(*label)).ok()
}

/// What is asked of the domain besides its addresses and MX records.
fn further(apex: &Name) -> Vec<Question> {
    let mut all: Vec<Question> =
        [RecordType::CAA, RecordType::HTTPS].iter().map(|kind| (apex.clone(), *kind)).collect();
    let mut add = |labels: &[&str], kinds: &[RecordType]| {
        if let Some(name) = below(labels, apex) {
            all.extend(kinds.iter().map(|kind| (name.clone(), *kind)));
        }
    };
    for host in ["www", "mail"] {
        add(&[host], &[RecordType::A, RecordType::AAAA]);
    }
    add(&["_443", "_tcp"], &[RecordType::TLSA]);
    add(&["_443", "_tcp", "www"], &[RecordType::TLSA]);
    for (transport, labels) in [("_tcp", TCP), ("_udp", UDP)] {
        for label in labels {
            add(&[label, transport], &[RecordType::SRV]);
        }
    }
    all
}

/// The questions about hosts that records name, and how many hosts are left out for their number.
fn targets(records: &[Record]) -> (Vec<Question>, usize) {
    let (mut mail, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for record in records {
        match &record.data {
            // The root says that there is no such service (RFC 7505, RFC 2782); of HTTPS, that it is the owner itself.
            RData::MX(mx) if !mx.exchange.is_root() => mail.insert(mx.exchange.to_lowercase()),
            RData::SRV(srv) if !srv.target.is_root() => hosts.insert(srv.target.to_lowercase()),
            RData::HTTPS(https) if !https.0.target_name.is_root() => {
                hosts.insert(https.0.target_name.to_lowercase())
            }
            _ => false,
        };
    }
    let all: BTreeSet<&Name> = mail.iter().chain(&hosts).collect();
    let more = all.len().saturating_sub(TARGETS);
    let mut questions = Vec::new();
    for host in all.into_iter().take(TARGETS) {
        questions.extend([RecordType::A, RecordType::AAAA].map(|kind| (host.clone(), kind)));
        if let Some(name) = mail.get(host).and_then(|host| below(&["_25", "_tcp"], host)) {
            questions.push((name, RecordType::TLSA));
        }
    }
    (questions, more)
}

#[cfg(test)]
mod tests;
