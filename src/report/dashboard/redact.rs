//! The dashboard without names: for showing outside how a response went. Counts, states, grades and times stay; every
//! name, address, digest of a key or certificate, sentence and reference is hidden or left out. What is not known to be
//! harmless goes. The same name has the same stand-in everywhere, so what belongs together can still be seen.

use data_encoding::BASE32_NOPAD;
use ring::hmac;

use super::data::{
    Backwards, Changed, Dashboard, Event, Key, KeyCertificate, KeyPlace, SecretRow, ServiceRow, Unknown, Word,
};
use crate::model::ids::{RowId, Sha256};

/// Makes stand-ins. Without the key nobody can try whether a name that he guesses is the one behind a stand-in.
struct Hide(hmac::Key);

impl Hide {
    fn tag(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// `owner-k3v…`: the kind and 12 characters.
    fn name(&self, kind: &str, value: &str) -> String {
        let text = BASE32_NOPAD.encode(&self.tag(kind, value)).to_lowercase();
        format!("{kind}-{}", text.get(..12).unwrap_or_default())
    }

    fn maybe(&self, kind: &str, value: Option<&String>) -> Option<String> {
        value.map(|value| self.name(kind, value))
    }

    fn row(&self, row: &RowId) -> RowId {
        RowId::declared(&self.name("svc", row.as_str()))
    }

    fn rows(&self, rows: &[RowId]) -> Vec<RowId> {
        rows.iter().map(|row| self.row(row)).collect()
    }

    fn digest(&self, digest: &Sha256) -> Sha256 {
        Sha256::from_bytes(self.tag("digest", &digest.to_string()))
    }
}

/// The same report with stand-ins made by a key of 32 bytes.
pub fn redacted(d: &Dashboard, key: &[u8; 32]) -> Dashboard {
    let hide = Hide(hmac::Key::new(hmac::HMAC_SHA256, key));
    let mut out = d.clone();
    out.redacted = true;
    out.incident = hide.name("incident", &d.incident);
    out.only_owner = d
        .only_owner
        .as_ref()
        .map(|owner| if owner.is_empty() { String::new() } else { hide.name("owner", owner) });
    out.changes.rows =
        d.changes.rows.iter().map(|c| Changed { row_id: hide.row(&c.row_id), ..c.clone() }).collect();
    for owner in &mut out.owners {
        owner.owner = hide.maybe("owner", owner.owner.as_ref());
    }
    out.keys = d.keys.iter().map(|key| one_key(&hide, key)).collect();
    out.events = d.events.iter().map(|e| Event { rows: hide.rows(&e.rows), ..e.clone() }).collect();
    out.unknowns = d.unknowns.iter().map(|u| Unknown { row_id: hide.row(&u.row_id), ..u.clone() }).collect();
    out.undeclared = hide.rows(&d.undeclared);
    out.words = d.words.iter().map(|w| word(&hide, w)).collect();
    out.secrets = d.secrets.iter().map(|s| secret(&hide, s)).collect();
    out.regressions =
        d.regressions.iter().map(|r| Backwards { row_id: hide.row(&r.row_id), ..r.clone() }).collect();
    out.services = d.services.iter().map(|s| service(&hide, s)).collect();
    for host in &mut out.hosts {
        host.host = hide.name("host", &host.host);
    }
    out.other_disclosures = d.other_disclosures.iter().map(|id| disclosure_id(&hide, id)).collect();
    if !d.method.records.is_empty() {
        // What was taken in from a file may be somebody's own words.
        out.disclosure.id = disclosure_id(&hide, &d.disclosure.id);
        out.disclosure.title = format!("{} (its title is withheld)", out.disclosure.id);
        out.disclosure.leaks = String::new();
        out.disclosure.probe = String::new();
        out.disclosure.first_words = Vec::new();
    }
    out.method.rules = hide.digest(&d.method.rules); // policy holds names, and a digest can be guessed at
    out.method.records = Vec::new(); // files, by name
    for sweep in &mut out.method.sweeps {
        sweep.vantage = hide.name("vantage", &sweep.vantage);
        "(withheld)".clone_into(&mut sweep.command_line);
    }
    out
}

/// A CVE's number names nobody.
fn disclosure_id(hide: &Hide, id: &str) -> String {
    let number = id.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match number {
        Some((year, number)) if digits(year) && digits(number) => id.to_owned(),
        _ => hide.name("disclosure", id),
    }
}

fn one_key(hide: &Hide, key: &Key) -> Key {
    let place = |p: &KeyPlace| KeyPlace { row_id: hide.row(&p.row_id), address: None, ..p.clone() };
    // A public log of certificates would tell the name behind a digest, a serial, or an end to the second.
    let certificate = |c: &KeyCertificate| KeyCertificate {
        sha256: hide.digest(&c.sha256),
        subject: None,
        serial: None,
        not_after: None,
        ..c.clone()
    };
    Key {
        spki: hide.digest(&key.spki),
        owners: key.owners.iter().map(|o| hide.name("owner", o)).collect(),
        endpoints: key.endpoints.iter().map(place).collect(),
        certificates: key.certificates.iter().map(certificate).collect(),
        ..key.clone()
    }
}

fn word(hide: &Hide, w: &Word) -> Word {
    Word {
        row_id: w.row_id.as_ref().map(|row| hide.row(row)),
        secret: hide.maybe("secret", w.secret.as_ref()),
        // `decommissioned 192.0.2.7` names an address.
        what: w.what.split(' ').next().unwrap_or_default().to_owned(),
        by: hide.name("person", &w.by),
        reference: w.reference.as_ref().map(|_| "(withheld)".to_owned()),
        ..w.clone()
    }
}

fn secret(hide: &Hide, s: &SecretRow) -> SecretRow {
    let (letter, number) = s.kind.split_at_checked(1).unwrap_or_default();
    let ours = letter.bytes().all(|b| b.is_ascii_uppercase())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    SecretRow {
        id: hide.name("secret", &s.id),
        kind: if ours { s.kind.clone() } else { hide.name("type", &s.kind) },
        title: String::new(), // a type of one's own may have any
        owner: hide.maybe("owner", s.owner.as_ref()),
        services: hide.rows(&s.services),
        blocked_by: hide.rows(&s.blocked_by),
        ..s.clone()
    }
}

fn service(hide: &Hide, s: &ServiceRow) -> ServiceRow {
    let row_id = hide.row(&s.row_id);
    let port =
        s.label.rsplit_once(':').map(|(_, port)| port).filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    ServiceRow {
        label: port.map_or_else(|| row_id.to_string(), |port| format!("{row_id}:{port}")),
        row_id,
        owner: hide.maybe("owner", s.owner.as_ref()),
        next_action: String::new(),
        ..s.clone()
    }
}
