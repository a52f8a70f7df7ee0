//! `tracker.csv`: one row per service and disclosure, the sheet that the security lead works with
//! (REMEDIATION 3.1).
//!
//! Not the import: that is told here which columns are people's ([`Owner::Human`]) and what each cell holds now
//! ([`table`]).

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use crate::model::{
    claim::Subject,
    disclosure::DisclosureId,
    edit::Tracked,
    edit_version,
    facet::FacetKind,
    ids::{RowId, Sha256},
    observation::Certificate,
    revocation::Revocation,
    service::{Service, TlsStack},
};

use super::{
    Export, Form, Row, View,
    csv::{Cell, Dialect, Sheet, list},
    joined,
};

/// The schema's name and version, in the first column of every row.
pub const SCHEMA: &str = "allclear.tracker/1";

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "tracker",
    about: "one row per service: state, facets, keys, owner, dates",
    form: Form::Csv,
    notes: &[],
    header,
    write,
};

/// Whose a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// People's: taken back by `tracker import`.
    Human,
    /// The tool's: part of the row's version, ignored on import.
    Tool,
    /// The tool's, and not part of the row's version.
    Volatile,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// Whose it is.
    pub owner: Owner,
    value: fn(&Context<'_>) -> Cell<'static>,
}

struct Context<'a> {
    row: Row<'a>,
    incident: &'a str,
    tracked: Option<&'a Tracked>,
    version: String,
}

const fn human(name: &'static str, value: fn(&Context<'_>) -> Cell<'static>) -> Column {
    Column { name, owner: Owner::Human, value }
}

const fn tool(name: &'static str, value: fn(&Context<'_>) -> Cell<'static>) -> Column {
    Column { name, owner: Owner::Tool, value }
}

const fn volatile(name: &'static str, value: fn(&Context<'_>) -> Cell<'static>) -> Column {
    Column { name, owner: Owner::Volatile, value }
}

/// Every column, in the order of the header. New ones only at the end.
pub const COLUMNS: &[Column] = &[
    tool("schema", |_| Cell::tool(SCHEMA)),
    tool("incident", |c| text(format!("{}/{}", c.incident, c.row.entry.disclosure))),
    tool("row_id", |c| text(c.row.entry.row_id.to_string())),
    volatile("row_version", |c| Cell::tool(&c.version)),
    human("owner", |c| declared(c, |d| d.owner.clone())),
    human("team", |c| declared(c, |d| d.team.clone())),
    human("ticket", |c| maybe_text(c.tracked.and_then(|t| t.ticket.as_deref()))),
    human("due", |c| Cell::time(c.row.entry.due)),
    human("priority", |c| maybe_text(c.tracked.and_then(|t| t.priority.as_deref()))),
    tool("name", |c| text(c.row.name())),
    tool("port", |c| Cell::maybe(c.row.service.map(|s| s.port))),
    tool("transport", |c| Cell::maybe(c.row.service.map(|s| s.transport))),
    tool("wrap", |c| Cell::maybe(c.row.service.map(|s| s.wrap))),
    tool("sni", |c| maybe_text(c.row.service.and_then(|s| s.sni.as_deref()))),
    tool("service_type", |c| declared(c, |d| d.service_type.clone())),
    tool("addresses", |c| Cell::tool(list(addresses(c)))),
    tool("address_count", |c| Cell::tool(addresses(c).len())),
    human("environment", |c| declared(c, |d| d.env.clone())),
    human("exposure", |c| Cell::maybe(c.row.service.and_then(|s| s.declared.exposure))),
    human("site", |c| declared(c, |d| d.site.clone())),
    human("tags", |c| declared(c, |d| Some(list(&d.tags)))),
    tool("inventory_sources", sources),
    tool("state", |c| Cell::tool(c.row.entry.state)),
    tool("state_since", |c| Cell::time(c.row.entry.state_since)),
    volatile("age_hours", |c| Cell::maybe(c.row.age_hours())),
    tool("patched", |c| value(c, FacetKind::Patched)),
    tool("restarted", |c| value(c, FacetKind::Restarted)),
    tool("rekeyed", |c| value(c, FacetKind::Rekeyed)),
    tool("revoked", |c| value(c, FacetKind::Revoked)),
    tool("secrets", |c| value(c, FacetKind::Secrets)),
    tool("verified", |c| value(c, FacetKind::Verified)),
    tool("patched_grade", |c| grade(c, FacetKind::Patched)),
    tool("restarted_grade", |c| grade(c, FacetKind::Restarted)),
    tool("rekeyed_grade", |c| grade(c, FacetKind::Rekeyed)),
    tool("revoked_grade", |c| grade(c, FacetKind::Revoked)),
    tool("secrets_grade", |c| grade(c, FacetKind::Secrets)),
    tool("verified_grade", |c| grade(c, FacetKind::Verified)),
    tool("verdict", |c| Cell::maybe(c.row.entry.verdict)),
    tool("verdict_reason", |c| Cell::maybe(c.row.entry.reason)),
    tool("vantage", |c| {
        text(list(c.row.entry.endpoints.iter().map(|e| &*e.vantage).collect::<BTreeSet<_>>()))
    }),
    tool("probes_ok", |c| Cell::tool(c.row.entry.probes_ok)),
    tool("probes_total", |c| Cell::tool(c.row.entry.probes_total)),
    tool("last_bad", |c| Cell::time(c.row.entry.last_bad)),
    tool("first_good", |c| Cell::time(c.row.entry.first_good)),
    tool("last_seen", |c| Cell::time(c.row.entry.last_seen)),
    tool("first_seen", |c| Cell::time(c.row.entry.first_seen)),
    tool("tls_stack", |c| Cell::maybe(stack(c))),
    tool("version_evidence", version),
    tool("spki_before", |c| Cell::tool(list(&c.row.entry.spki_before))),
    tool("spki_now", |c| Cell::tool(list(&c.row.entry.spki_now))),
    tool("key_shared_with", |c| text(list(&c.row.entry.key_shared_with))),
    tool("cert_now", |c| Cell::maybe(certificate(c).map(|x| x.sha256))),
    tool("issuer", |c| maybe_text(certificate(c).and_then(|x| x.issuer.as_deref()))),
    tool("serial", |c| maybe_text(certificate(c).and_then(|x| x.serial.as_deref()))),
    tool("not_before", |c| Cell::time(certificate(c).and_then(|x| x.not_before))),
    tool("not_after", |c| Cell::time(certificate(c).and_then(|x| x.not_after))),
    tool("sct_first", |c| {
        Cell::time(certificate(c).and_then(|x| x.details.as_ref()).and_then(|d| d.sct.first().copied()))
    }),
    tool("revocation_old", |c| text(list(checks(c).map(|r| r.status).collect::<BTreeSet<_>>()))),
    tool("revocation_reason", |c| text(list(checks(c).filter_map(|r| r.reason).collect::<BTreeSet<_>>()))),
    volatile("revocation_checked", |c| Cell::time(checks(c).map(|r| r.at).max())),
    tool("secrets_total", |c| Cell::tool(c.row.entry.secrets_total)),
    tool("secrets_done", |c| Cell::tool(c.row.entry.secrets_done)),
    tool("next_action", |c| text(c.row.entry.next_action.clone())),
    tool("blocked_by", |c| text(list(&c.row.entry.blocked_by))),
    tool("regressions", |c| Cell::tool(list(&c.row.entry.regressions))),
    human("claim", |c| maybe_text(c.row.entry.claim.as_ref().map(|x| x.what.as_str()))),
    human("claim_by", |c| maybe_text(c.row.entry.claim.as_ref().map(|x| x.by.as_str()))),
    human("claim_at", |c| Cell::time(c.row.entry.claim.as_ref().map(|x| x.at))),
    human("waiver_reason", |c| maybe_text(c.row.entry.waiver.as_ref().and_then(|x| x.reference.as_deref()))),
    human("waiver_by", |c| maybe_text(c.row.entry.waiver.as_ref().map(|x| x.by.as_str()))),
    human("waiver_until", |c| Cell::time(c.row.entry.waiver.as_ref().and_then(|x| x.until))),
    human("na_justification", |c| Cell::maybe(c.row.entry.justification)),
    human("note", |c| maybe_text(c.tracked.and_then(|t| t.note.as_deref()))),
    tool("conflict", |c| {
        text(c.row.entry.conflicts.iter().map(|x| x.words.as_str()).collect::<Vec<_>>().join("; "))
    }),
    tool("act_on", |c| text(joined::to_do(c.row.entry).join(" "))),
    tool("findings", |c| {
        text(
            c.row
                .entry
                .findings
                .iter()
                .map(|f| format!("{}: {}", f.kind, f.detail))
                .collect::<Vec<_>>()
                .join("; "),
        )
    }),
    tool("software", |c| {
        text(c.row.entry.software.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }),
    volatile("edit_version", edit_version),
];

/// The header.
pub fn header() -> Vec<&'static str> {
    COLUMNS.iter().map(|c| c.name).collect()
}

/// Writes header and rows, by owner, name and port; returns the number of rows.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for row in view.rows() {
        let context = context(view, row);
        sheet.row(COLUMNS.iter().map(|column| (column.value)(&context)))?;
    }
    sheet.finish()
}

/// One row as it stands now, before a dialect lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The service.
    pub row_id: RowId,
    /// The disclosure.
    pub disclosure: DisclosureId,
    /// What to call it: `name:port`, or its id.
    pub label: String,
    /// The version of the tool's columns.
    pub version: String,
    /// Every cell, in the order of [`COLUMNS`], without a guard.
    pub cells: Vec<String>,
}

/// Every row as it stands now, for an import to compare with what its file holds.
pub fn table(view: &View<'_>) -> Vec<TableRow> {
    let row = |row: Row<'_>| {
        let context = context(view, row);
        TableRow {
            row_id: row.entry.row_id.clone(),
            disclosure: row.entry.disclosure.clone(),
            label: row.label(),
            cells: COLUMNS.iter().map(|column| plain((column.value)(&context))).collect(),
            version: context.version,
        }
    };
    view.rows().into_iter().map(row).collect()
}

fn plain(cell: Cell<'_>) -> String {
    let (Cell::Text(value) | Cell::Tool(value)) = cell;
    value.into_owned()
}

/// The marks of people's columns, by which an import tells who changed a cell.
fn edit_version(context: &Context<'_>) -> Cell<'static> {
    let human = COLUMNS.iter().filter(|c| c.owner == Owner::Human);
    let cells: Vec<(&str, String)> = human.map(|c| (c.name, plain((c.value)(context)))).collect();
    Cell::tool(edit_version::stamp(cells.iter().map(|(name, value)| (*name, value.as_str()))))
}

fn context<'a>(view: &View<'a>, row: Row<'a>) -> Context<'a> {
    let subject = Subject::Service(row.entry.row_id.clone());
    let mut context = Context {
        row,
        incident: &view.evidence.incident.name,
        tracked: view.evidence.tracked.get(&subject),
        version: String::new(),
    };
    // Length before value, so that no two rows of different cells run together to the same bytes.
    let mut bytes = Vec::with_capacity(1024);
    for column in COLUMNS.iter().filter(|c| c.owner == Owner::Tool) {
        let (Cell::Text(value) | Cell::Tool(value)) = (column.value)(&context);
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    context.version = Sha256::of(&bytes).short();
    context
}

fn text(value: String) -> Cell<'static> {
    Cell::Text(value.into())
}

fn maybe_text(value: Option<&str>) -> Cell<'static> {
    text(value.unwrap_or_default().to_owned())
}

fn declared(
    context: &Context<'_>,
    field: fn(&crate::model::service::Declared) -> Option<String>,
) -> Cell<'static> {
    let value = context.row.service.and_then(|s| field(&s.declared));
    text(value.unwrap_or_default())
}

fn addresses(context: &Context<'_>) -> BTreeSet<std::net::IpAddr> {
    let seen = context.row.entry.endpoints.iter().filter_map(|e| e.address);
    let declared = context.row.service.into_iter().flat_map(|s| s.addresses.iter().copied());
    seen.chain(declared).collect()
}

/// As the inventory says; where it does not know, as a host says.
fn stack(context: &Context<'_>) -> Option<TlsStack> {
    let declared = context.row.service.map(Service::tls_stack);
    let seen = context.row.entry.linkage.as_ref().map(|l| l.value);
    declared.filter(|s| *s != TlsStack::Unknown).or(seen).or(declared)
}

/// The version that decided, with its grade.
fn version(context: &Context<'_>) -> Cell<'static> {
    let known = context.row.entry.version.as_ref();
    text(known.map_or_else(String::new, |v| format!("{} ({}: {})", v.value, v.grade, v.because)))
}

fn sources(context: &Context<'_>) -> Cell<'static> {
    let sources = context.row.service.into_iter().flat_map(|s| s.sources.iter());
    text(list(sources.map(|s| format!("{}:{}", s.file, s.line))))
}

fn certificate<'a>(context: &Context<'a>) -> Option<&'a Certificate> {
    context.row.entry.certificate.as_ref()
}

/// What is known of the revocation of its old certificates.
fn checks<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Revocation> {
    context.row.entry.old_certificates.iter().filter_map(|old| old.check.as_ref())
}

fn value(context: &Context<'_>, kind: FacetKind) -> Cell<'static> {
    Cell::tool(context.row.entry.facets.get(kind).value)
}

fn grade(context: &Context<'_>, kind: FacetKind) -> Cell<'static> {
    Cell::maybe(context.row.entry.facets.get(kind).grade)
}

#[cfg(test)]
mod tests {
    use crate::report::sample::Sample;

    use super::*;

    /// Section 3.1 of the remediation document, letter for letter, and what was added at its end: other tools read by it.
    const HEADER: &str = "schema,incident,row_id,row_version,owner,team,ticket,due,priority,name,port,transport,wrap,sni,service_type,addresses,address_count,environment,exposure,site,tags,inventory_sources,state,state_since,age_hours,patched,restarted,rekeyed,revoked,secrets,verified,patched_grade,restarted_grade,rekeyed_grade,revoked_grade,secrets_grade,verified_grade,verdict,verdict_reason,vantage,probes_ok,probes_total,last_bad,first_good,last_seen,first_seen,tls_stack,version_evidence,spki_before,spki_now,key_shared_with,cert_now,issuer,serial,not_before,not_after,sct_first,revocation_old,revocation_reason,revocation_checked,secrets_total,secrets_done,next_action,blocked_by,regressions,claim,claim_by,claim_at,waiver_reason,waiver_by,waiver_until,na_justification,note,conflict,act_on,findings,software,edit_version";
    const HUMAN: &str = "owner, team, ticket, due, priority, environment, exposure, site, tags, claim, claim_by, claim_at, waiver_reason, waiver_by, waiver_until, na_justification, note";

    #[test]
    fn the_header_is_the_published_one() {
        assert_eq!(header().join(","), HEADER);
        let human: Vec<_> = COLUMNS.iter().filter(|c| c.owner == Owner::Human).map(|c| c.name).collect();
        assert_eq!(human.join(", "), HUMAN);
    }

    #[test]
    fn a_row_says_what_is_known_and_leaves_the_rest_empty() {
        let sample = Sample::new();
        sample.with(|view| {
            let rows = crate::report::tests::parse(&EXPORT, view, Dialect::default());
            let web = rows.iter().find(|r| r["name"] == "web01.example.test").unwrap();
            let filled = web.iter().filter(|(_, v)| !v.is_empty());
            let shown: Vec<String> = filled.map(|(k, v)| format!("{k}={v}")).collect();
            insta::assert_snapshot!(shown.join("\n"), @r#"
            act_on=on web01: upgrade openssl from 1.0.1e-2+deb7u4 to 1.0.1e-2+deb7u5 or later. on web01: restart nginx.service (systemctl restart nginx.service), which runs nginx (pid 812, 813).
            address_count=2
            addresses=192.0.2.11;192.0.2.12
            age_hours=20
            cert_now=sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72
            due=2026-11-22T12:00:00Z
            edit_version=v1:acrsgqfhtsdu6x45hpgaba4rfyxf2qgfrowduhaps5z7u4mno2isqtktstpqrmc3d7uotu4vi5kqvrgkd334n
            environment=prod
            exposure=public
            first_seen=2026-11-22T00:15:00Z
            incident=incident/CVE-2014-0160
            inventory_sources=services.csv:2
            issuer=CN=Test CA
            key_shared_with=svc-qr2m4e3oingv
            last_bad=2026-11-22T14:00:00Z
            last_seen=2026-11-22T14:00:00Z
            name=web01.example.test
            next_action=patch, then restart
            not_after=2027-01-01T00:00:00Z
            not_before=2014-01-01T00:00:00Z
            owner=web
            patched=open
            port=443
            probes_ok=1
            probes_total=1
            rekeyed=open
            restarted=open
            revoked=open
            row_id=svc-2wyf2llav7a7
            row_version=4f56b96c
            schema=allclear.tracker/1
            secrets=open
            secrets_done=0
            secrets_total=1
            serial=0x1e10
            spki_before=sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683
            spki_now=sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683
            state=exposed
            state_since=2026-11-22T00:15:00Z
            tags=dmz;rack=7
            tls_stack=openssl-dynamic
            transport=tcp
            vantage=local
            verdict=vulnerable
            verdict_reason=malformed-heartbeat-answered
            verified=open
            version_evidence=runs openssl 1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5 (fixed; Debian:7, DSA-2896-1) (E4: web01, 2026-11-22 15:00)
            wrap=tls
            "#);
            assert_eq!(web["age_hours"], "20", "whole hours since state_since");
            for blank in ["ticket", "priority", "note", "sct_first", "conflict"] {
                assert_eq!(web[blank], "", "{blank} is not invented");
            }
            let mail = rows.iter().find(|r| r["name"] == "mail.example.test").unwrap();
            assert!(mail["conflict"].contains("by the network, and vulnerable by host mail"), "{mail:?}");
            let turn = rows.iter().find(|r| r["name"] == "turn.example.test").unwrap();
            assert!(turn["act_on"].contains("on turn: rebuild or replace /opt/turn/restund"), "{turn:?}");
            assert!(turn["act_on"].contains("cuts people off"), "{turn:?}");
            assert_eq!(turn["tls_stack"], "openssl-dynamic", "what the inventory says is not overruled");
        });
    }

    #[test]
    fn where_the_inventory_does_not_know_the_host_says_how_it_is_linked() {
        let mut sample = Sample::new();
        for service in &mut sample.evidence.services {
            let mut declared = (*service.declared).clone();
            declared.tls_stack = None;
            service.declared = std::sync::Arc::new(declared);
        }
        sample.with(|view| {
            let rows = crate::report::tests::parse(&EXPORT, view, Dialect::default());
            let stack = |name: &str| rows.iter().find(|r| r["name"] == name).unwrap()["tls_stack"].clone();
            assert_eq!(stack("turn.example.test"), "openssl-static");
            assert_eq!(stack("chat.example.test"), "unknown");
        });
    }

    #[test]
    fn hostile_words_of_a_host_are_guarded() {
        let mut sample = Sample::new();
        let entry = &mut sample.assessment.services[1];
        entry.conflicts[0].words = "=1+1\u{1b}[2J".to_owned();
        entry.hosts[0].acts[0].target = crate::report::sample::HOSTILE.to_owned();
        sample.with(|view| {
            let rows = crate::report::tests::parse(&EXPORT, view, Dialect::default());
            let mail = rows.iter().find(|r| r["name"] == "mail.example.test").unwrap();
            assert_eq!(mail["conflict"], "'=1+1\\x1B[2J");
            assert!(!mail["act_on"].contains(crate::model::text::acts_on_a_terminal), "{mail:?}");
        });
    }

    #[test]
    fn the_version_follows_the_tools_columns_and_nothing_else() {
        let version = |change: fn(&mut Sample)| {
            let mut sample = Sample::new();
            change(&mut sample);
            sample
                .with(|view| table(view).into_iter().find(|r| r.label.starts_with("web01")).unwrap().version)
        };
        let first = version(|_| ());
        assert_eq!(first.len(), 8);
        let later = version(|s| s.assessment.now = s.assessment.now.plus_seconds(7200));
        assert_eq!(first, later, "age alone is no change");
        let dated = version(|s| s.assessment.services[0].due = None);
        assert_eq!(first, dated, "people's columns are no change");
        let moved = version(|s| {
            for service in &mut s.assessment.services {
                service.probes_ok += 1;
            }
        });
        assert_ne!(first, moved, "a tool's column is");
    }
}
