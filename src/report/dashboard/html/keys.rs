//! The keys that were in reach: a table of all, and for the worst a picture of everything on it.

use std::fmt::Write as _;

use super::{
    Pen, blast, count, counted, minute,
    table::{Cell, Column, Table},
    text,
};
use crate::{
    model::{
        assessment::KeyExposure,
        plan::{Blast, BlastCertificate, BlastEndpoint, Revoke},
        time::Timestamp,
        verdict::Verdict,
    },
    report::dashboard::data::Key,
};

/// Keys that are drawn.
const DRAWN: usize = 50;
/// Boxes that all pictures together may have: a page of thousands of services stays light.
const BOXES: usize = 400;
/// Keys in the table.
const ROWS: usize = 1000;

impl Pen<'_> {
    pub(super) fn keys(&mut self) -> std::fmt::Result {
        let d = self.d;
        self.heading("keys", "Keys: whoever has one of these can pose as everything on it")?;
        writeln!(
            self.out,
            "<p>{} in reach of the leak or presumed so, {} of them still served; {} never were.</p>",
            counted(d.keys.len() as u64, "key was", "keys were"),
            count(d.totals.keys_at_risk),
            counted(d.clean_keys, "key", "keys")
        )?;
        if d.keys.is_empty() {
            return Ok(());
        }
        let columns = [
            Column::text("Key"),
            Column::choose("Exposure"),
            Column::number("Still served by"),
            Column::number("Served by, ever"),
            Column::text("Owners"),
            Column::number("Certificates that stand"),
            Column::text("In reach until"),
            Column::text("Last seen served"),
        ];
        let rows: Vec<Vec<Cell>> = d.keys.iter().map(key_row).collect();
        let table = Table {
            id: "keys",
            caption: "Every key that was in reach, the worst first",
            columns: &columns,
            filter: rows.len() > 12,
        };
        table.write(&mut self.out, ROWS, rows.into_iter())?;
        let mut boxes = 0;
        let mut open = " open";
        for key in d.keys.iter().take(DRAWN) {
            boxes += key.endpoints.len().min(41) + key.certificates.len().min(13);
            if boxes > BOXES {
                break;
            }
            self.picture(key, open)?;
            open = "";
        }
        Ok(())
    }

    fn picture(&mut self, key: &Key, open: &str) -> std::fmt::Result {
        let short = key.spki.short();
        let owners =
            if key.owners.is_empty() { "nobody known".to_owned() } else { text(&key.owners.join(", ")) };
        let drawn = blast::svg(&self.blast(key));
        writeln!(
            self.out,
            "<details class=\"key\" id=\"key-{short}\"{open}><summary>Key <code>{short}</code>: {} of {} serve it; {owners}</summary>\n<p class=\"small mute\">{}. Earliest possible: {}, the hole itself is older. First seen {}, last seen {}.</p>\n{drawn}</details>",
            count(key.serving),
            counted(key.endpoints.len() as u64, "endpoint", "endpoints"),
            key.spki,
            key.window.from.short(),
            key.first_seen.short(),
            key.last_seen.short(),
        )
    }

    fn blast(&self, key: &Key) -> Blast {
        let endpoints: Vec<BlastEndpoint> = key
            .endpoints
            .iter()
            .map(|place| {
                let service = self.services.get(&place.row_id);
                BlastEndpoint {
                    row_id: place.row_id.clone(),
                    name: service.map_or_else(|| place.row_id.to_string(), |s| s.label.clone()),
                    address: place.address,
                    port: place.port,
                    owner: service.and_then(|s| s.owner.clone()),
                    state: service.map(|s| s.state),
                    serves_now: place.serves_now,
                    leaked: place.leaked,
                    leaks_now: place.leaks_now
                        || (place.address.is_none()
                            && service.is_some_and(|s| s.verdict == Some(Verdict::Vulnerable))),
                }
            })
            .collect();
        let serving = endpoints.iter().zip(0..).filter(|(e, _)| e.serves_now).map(|(_, i)| i).collect();
        Blast {
            spki: key.spki,
            exposure: key.exposure,
            exposed_at: key.window.until,
            endpoints,
            certificates: key
                .certificates
                .iter()
                .map(|c| BlastCertificate {
                    sha256: c.sha256,
                    subject: c.subject.clone(),
                    serial: c.serial.clone(),
                    issuer: None,
                    not_after: c.not_after,
                    revoked: c.revoked,
                    expired: c.expired,
                    reissued: c.reissued,
                })
                .collect(),
            owners: key.owners.iter().cloned().map(Some).collect(),
            services: 0,
            rekey: None,
            revoke: Revoke { blocked_by: serving, ..Revoke::default() },
            split: None,
        }
    }
}

fn key_row(key: &Key) -> Vec<Cell> {
    let standing = key.certificates.iter().filter(|c| !c.revoked && !c.expired).count() as u64;
    let mut owners: Vec<String> = key.owners.iter().take(4).map(|o| text(o)).collect();
    if key.owners.len() > 4 {
        owners.push(format!("{} more", key.owners.len() - 4));
    }
    let until = if key.window.open { "open now".to_owned() } else { minute(key.window.until) };
    vec![
        format!("<a href=\"#key-{0}\"><code>{0}</code></a>", key.spki.short()).into(),
        Cell::of(if key.exposure == KeyExposure::Exposed { "b" } else { "w" }, key.exposure.as_str()),
        Cell::number(key.serving, "b"),
        Cell::number(key.endpoints.len() as u64, ""),
        if owners.is_empty() { "nobody known".into() } else { owners.join(", ").into() },
        Cell::number(standing, "w"),
        Cell::of(if key.window.open { "b" } else { "t" }, until),
        Cell::of("t", key.window.last_served.map_or_else(|| "still is".to_owned(), Timestamp::short)),
    ]
}
