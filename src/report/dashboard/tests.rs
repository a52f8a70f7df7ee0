//! The dashboard from the sample incident: what it counts, that it reads back, hides and holds hostile text.

use super::{
    data::{Dashboard, Happening},
    *,
};
use crate::{
    model::{
        facet::{FacetKind, State},
        ids::Sha256,
        kinds::SecretType,
        secret::Tier,
        time::Timestamp,
    },
    report::sample::{HOSTILE, Sample, at},
};

fn secret_type(kind: &str) -> SecretType {
    SecretType {
        code: kind.to_owned(),
        tier: Tier::B,
        title: "a key".to_owned(),
        aliases: Vec::new(),
        exposed_if: String::new(),
        steps: Vec::new(),
        evidence: String::new(),
        checkable: String::new(),
        overlap: false,
        impact: String::new(),
        after: Vec::new(),
        attest: String::new(),
        commands: Vec::new(),
        tries: Vec::new(),
        bulk: false,
    }
}

fn dashboard(sample: &Sample) -> Dashboard {
    let last = sample.evidence.sweeps.last().map(|sweep| snapshot(sweep, &sample.assessment));
    let history: Vec<Snapshot> = last.into_iter().collect();
    let beside = Beside {
        history: &history,
        left_out: 0,
        secret_type: &secret_type,
        undeclared: &|_| false,
        hosts: &[],
        rules: Sha256::of(b"rules"),
    };
    sample.with(|view| build(view, &beside).expect("a disclosure"))
}

fn page(d: &Dashboard) -> String {
    html(d, How::default()).html
}

#[test]
fn the_counts_add_up_and_every_service_is_there() {
    let sample = Sample::new();
    let d = dashboard(&sample);
    let t = d.totals;
    let services = sample.evidence.services.len() as u64;
    assert_eq!(t.vulnerable + t.unknown + t.clean + t.waived + t.decommissioned, services);
    assert_eq!(t.open + t.finished, services);
    assert_eq!(d.services.len() as u64, services);
    for stage in &d.funnel {
        for (kind, c) in &stage.facets {
            let sum = c.done + c.not_owed + c.waived + c.weak + c.open + c.unknown;
            assert_eq!(sum, stage.services, "{kind} of {:?}", stage.exposure);
        }
    }
    assert_eq!(d.owners.iter().map(|o| o.services).sum::<u64>(), services);
    assert!(d.services.is_sorted_by_key(|s| (s.state.is_finished(), s.state)), "the worst first");
    assert!(d.services.iter().all(|s| s.facets.len() == FacetKind::ALL.len()));
    assert!(d.events.iter().any(|e| e.what == Happening::Regressed));
}

#[test]
fn what_cannot_be_judged_any_more_is_no_step_forward() {
    let mut sample = Sample::new();
    let rows: Vec<_> = sample.evidence.services.iter().map(|s| s.row_id.clone()).collect();
    let change = |row: usize, from: State, to: State| {
        let mut change = sample.changes[0].clone();
        (change.row_id, change.from, change.to, change.code) = (rows[row].clone(), Some(from), to, None);
        change
    };
    let changes = vec![
        change(0, State::Exposed, State::Unknown),
        change(1, State::Exposed, State::ClosedKeyAtRisk),
        change(2, State::Verified, State::Stale),
    ];
    sample.changes = changes;
    let mut before = sample.evidence.sweeps[0].clone();
    before.id = crate::model::ids::SweepId(1);
    let history =
        [snapshot(&before, &sample.assessment), snapshot(&sample.evidence.sweeps[0], &sample.assessment)];
    let beside = Beside {
        history: &history,
        left_out: 0,
        secret_type: &secret_type,
        undeclared: &|_| false,
        hosts: &[],
        rules: Sha256::of(b"rules"),
    };
    let d = sample.with(|view| build(view, &beside).unwrap());
    assert_eq!((d.changes.worse, d.changes.better), (2, 1), "{:?}", d.changes);
}

#[test]
fn it_reads_back_as_it_was_written() {
    let d = dashboard(&Sample::new());
    let mut text = Vec::new();
    json(&d, &mut text).unwrap();
    assert_eq!(serde_json::from_slice::<Dashboard>(&text).unwrap(), d);
}

#[test]
fn hostile_text_is_text_in_every_form() {
    let mut d = dashboard(&Sample::new());
    let attack = "</script></style></svg><img src=x onerror=alert(1)>\" ' ` | \u{202e}\r\n| x |";
    d.incident = attack.to_owned();
    d.disclosure.title = attack.to_owned();
    d.tool = attack.to_owned();
    for service in &mut d.services {
        (service.label, service.owner) = (attack.to_owned(), Some(attack.to_owned()));
        service.next_action = attack.to_owned();
    }
    for key in &mut d.keys {
        key.owners = vec![attack.to_owned()];
        for certificate in &mut key.certificates {
            certificate.subject = Some(attack.to_owned());
            certificate.serial = Some(attack.to_owned());
        }
    }
    for owner in &mut d.owners {
        owner.owner = Some(attack.to_owned());
    }
    for word in &mut d.words {
        (word.what, word.by, word.reference) =
            (attack.to_owned(), attack.to_owned(), Some(attack.to_owned()));
    }
    for secret in &mut d.secrets {
        (secret.id, secret.kind, secret.title) = (attack.to_owned(), attack.to_owned(), attack.to_owned());
    }
    for sweep in &mut d.method.sweeps {
        (sweep.vantage, sweep.command_line) = (attack.to_owned(), attack.to_owned());
    }
    d.method.not_tested.push(attack.to_owned());
    d.method.records.push(attack.to_owned());
    let page = page(&d);
    assert!(!page.contains("<img") && !page.contains('\u{202e}'), "nothing of it is markup");
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains(" style="));
    let text = markdown(&d);
    for line in text.lines().filter(|l| l.starts_with('|')) {
        let bars = line.replace("\\|", "").matches('|').count();
        assert!([3, 4, 5, 6, 7, 8, 9, 10, 11, 12].contains(&bars), "{line}");
    }
    let tables: Vec<&str> = text.split("\n\n").filter(|part| part.starts_with('|')).collect();
    for table in tables {
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut lines = table.lines();
        let wanted = bars(lines.next().unwrap());
        assert!(lines.all(|line| bars(line) == wanted), "{table}");
    }
}

#[test]
fn names_are_hidden_and_structure_stays() {
    let d = dashboard(&Sample::new());
    let hidden = redacted(&d, &[7; 32]);
    let mut text = Vec::new();
    json(&hidden, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap() + &page(&hidden) + &markdown(&hidden);
    let names = ["example.test", "192.0.2.", "messaging", "voice", "infra", "web01", "calc", "session-key"];
    for name in names.iter().chain([&HOSTILE]) {
        assert!(!text.contains(name), "{name}");
    }
    for row in &d.services {
        assert!(!text.contains(row.row_id.as_str()), "{}: derived from the name", row.row_id);
    }
    for key in &d.keys {
        assert!(!text.contains(&key.spki.to_string()) && !text.contains(&key.spki.short()));
    }
    assert_eq!((hidden.totals, hidden.coverage, &hidden.funnel), (d.totals, d.coverage, &d.funnel));
    assert_eq!(hidden, redacted(&d, &[7; 32]), "the same key, the same stand-ins");
    assert_ne!(hidden.services[0].row_id, redacted(&d, &[8; 32]).services[0].row_id);
    let rows: std::collections::BTreeSet<_> = hidden.services.iter().map(|s| &s.row_id).collect();
    assert!(
        hidden.keys.iter().flat_map(|k| &k.endpoints).all(|e| rows.contains(&e.row_id)),
        "they still join"
    );
}

#[test]
fn five_thousand_services_stay_below_five_megabytes() {
    let d = dashboard(&Sample::large(5000));
    let size = page(&d).len();
    assert!(size < 5_000_000, "{size} bytes");
    let more = page(&dashboard(&Sample::large(5600)));
    assert!(more.contains("600 more rows are not on this page"));
}

#[test]
fn odd_times_and_empty_fleets_are_drawn_without_a_panic() {
    let sample = Sample::large(0);
    let mut d = dashboard(&sample);
    assert!(page(&d).contains("0 vulnerable"));
    for (disclosed, judged) in [
        ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"),
        ("9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("2026-11-22T00:00:00Z", "2026-12-30T00:00:00Z"),
    ] {
        d = dashboard(&Sample::new());
        d.disclosure.disclosed_at = disclosed.parse().unwrap();
        d.judged_at = judged.parse().unwrap();
        d.begun_at = Timestamp::from_micros(i64::MAX);
        for key in &mut d.keys {
            key.window.from = d.disclosure.disclosed_at;
            key.window.last_served = Some(at("00:00:00"));
        }
        let page = page(&d);
        assert!(page.contains("</html>") && page.matches("<svg class=\"chart\"").count() >= 3, "{disclosed}");
    }
}
