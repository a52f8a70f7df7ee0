//! What lists of services promise: no group without a name, no cut that is silent, no key without the
//! other service that has it.

use std::sync::Arc;

use crate::{
    model::{
        assessment::{Change, ServiceAssessment, StandingClaim},
        facet::{Regression, State},
        ids::{Sha256, SweepId},
        sweep::Sweep,
        verdict::{Reason, Verdict},
    },
    report::{
        Filter, View,
        sample::{Sample, at},
        status,
        style::Screen,
        summary, table, verify,
    },
};

use super::{GATE, screens::screen_text};

/// A fleet of unknown services, so many for each reason, and one that is clean.
fn unknown(counts: &[(Reason, usize)]) -> Sample {
    let total: usize = counts.iter().map(|(_, n)| n).sum();
    let mut sample = Sample::large(total + 1);
    let reasons = counts.iter().flat_map(|(reason, n)| std::iter::repeat_n(*reason, *n));
    for (entry, reason) in sample.assessment.services.iter_mut().zip(reasons) {
        let verdict = if reason == Reason::Refused { Verdict::Unreachable } else { Verdict::Inconclusive };
        (entry.state, entry.verdict, entry.reason) = (State::Unknown, Some(verdict), Some(reason));
        for endpoint in &mut entry.endpoints {
            (endpoint.verdict, endpoint.reason) = (verdict, reason);
        }
    }
    if let Some(last) = sample.assessment.services.last_mut() {
        (last.state, last.verdict) = (State::NotAffected, Some(Verdict::NotApplicable));
    }
    for (i, service) in sample.evidence.services.iter_mut().enumerate() {
        service.name = Some(format!("h{i:03}.test").into());
    }
    sample
}

/// The lines from a heading with these words up to the next heading.
fn under<'t>(text: &'t str, words: &str) -> Vec<&'t str> {
    let rest = text.lines().skip_while(|l| !l.contains(words)).skip(1);
    rest.take_while(|l| l.starts_with("        ")).collect()
}

#[test]
fn every_reason_names_its_services_however_many_another_has() {
    let counts = [
        (Reason::Refused, 300),
        (Reason::ProbeTimedOut, 40),
        (Reason::ClosedEarly, 2),
        (Reason::DnsFailed, 1),
        (Reason::WrapUnsupported, 3),
    ];
    let sample = unknown(&counts);
    sample.with(|view| {
        let table = [
            ("summary", screen_text(view, summary::write), 100),
            ("status", screen_text(view, status::text), 40),
        ];
        for (name, text, most) in table {
            assert!(text.lines().count() <= most, "{name} has {} lines:\n{text}", text.lines().count());
            for (reason, count) in counts {
                let listed = under(&text, &format!("({reason})")).join("\n");
                let named = listed.matches(".test").count();
                assert!(named >= count.min(2), "{name} names {named} of {count} {reason}:\n{text}");
                let rest = count - named;
                let says = listed.contains(&format!("and {rest} more: allclear export tracker"));
                assert_eq!(says, rest > 0, "{name}, {reason}: {rest} are left out:\n{text}");
            }
        }
        let text = screen_text(view, summary::write);
        assert!(under(&text, "(probe-timed-out)").len() > 15, "the summary has room for more:\n{text}");
    });
}

#[test]
fn a_screen_that_is_too_small_still_names_two_of_each() {
    let mut sample = Sample::large(4000);
    for entry in sample.assessment.services.iter_mut().filter(|s| s.state == State::Unknown) {
        entry.verdict = Some(Verdict::Inconclusive);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.lines().count() <= 40, "{} lines:\n{text}", text.lines().count());
    for state in State::ALL.iter().filter(|s| !s.is_finished()) {
        let line = text.lines().find(|l| l.contains(&format!("250  {:<25}", state.as_str())));
        let line = line.unwrap_or_else(|| panic!("{state} is missing:\n{text}"));
        assert_eq!(line.matches("host-").count(), 2, "{state}: {line}");
        assert!(line.ends_with(" and 248 more") && table::width(line) <= 80, "{state}: {line}");
    }
    assert!(text.contains("all of them: allclear export tracker"), "{text}");
}

#[test]
fn the_summary_names_what_is_clean_and_serves_an_exposed_key() {
    let mut sample = Sample::new();
    let text = sample.with(|view| screen_text(view, summary::write));
    let listed = under(&text, "closed-key-at-risk").join("\n");
    assert!(listed.contains("mail.example.test:25"), "{text}");
    assert!(listed.contains("shares its key with web01.example.test:443"), "{text}");

    let new_key = |entry: &mut ServiceAssessment| entry.spki_now = vec![Sha256::of(b"new")];
    new_key(&mut sample.assessment.services[1]);
    let text = sample.with(|view| screen_text(view, summary::write));
    let listed = under(&text, "closed-key-at-risk").join("\n");
    assert!(listed.contains("its old key is also at web01.example.test:443"), "{text}");

    let mut many = Sample::large(400);
    for entry in &mut many.assessment.services {
        (entry.state, entry.verdict) = (State::PresumedAffected, Some(Verdict::NotVulnerable));
    }
    let text = many.with(|view| screen_text(view, summary::write));
    let listed = under(&text, "presumed-affected");
    assert_eq!(listed.iter().filter(|l| l.contains("host-")).count(), 8, "{text}");
    assert!(listed.last().is_some_and(|l| l.contains("and 392 more: allclear export tracker")), "{text}");
}

#[test]
fn what_every_service_of_a_group_has_to_do_is_said_once_and_in_full() {
    let mut sample = Sample::large(3);
    let long = "Have the certificates on the old keys revoked (reason keyCompromise), once nothing serves \
                them any more, and attest it with a reference.";
    for entry in &mut sample.assessment.services {
        (entry.state, entry.verdict) = (State::RekeyedOldNotRevoked, Some(Verdict::NotVulnerable));
        entry.next_action = long.to_owned();
        entry.endpoints.truncate(1);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    let said = under(&text, "rekeyed-old-not-revoked").iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(said.matches(long).count(), 1, "{text}");
    assert_eq!(said.matches("host-").count(), 3, "{text}");
}

#[test]
fn that_nobody_owns_anything_is_said_once() {
    let mut sample = Sample::new();
    for service in &mut sample.evidence.services {
        let mut declared = (*service.declared).clone();
        declared.owner = None;
        service.declared = Arc::new(declared);
    }
    let text = sample.with(|view| screen_text(view, summary::write));
    assert_eq!(text.matches("no owner").count(), 1, "{text}");
    let some = Sample::new().with(|view| screen_text(view, verify_text));
    assert!(some.contains("192.0.2.99:8443") && some.contains("no owner"), "{some}");
}

#[test]
fn where_nothing_answers_is_told_after_what_answered_oddly() {
    let sample = unknown(&[(Reason::Refused, 9), (Reason::ProbeTimedOut, 1), (Reason::ClosedEarly, 2)]);
    let text = sample.with(|view| screen_text(view, summary::write));
    let at = |reason: Reason| text.find(&format!("({reason})")).expect("it is listed");
    assert!(at(Reason::ClosedEarly) < at(Reason::ProbeTimedOut), "{text}");
    assert!(at(Reason::ProbeTimedOut) < at(Reason::Refused), "{text}");
}

#[test]
fn a_waiver_says_whose_it_is_until_when_and_what_it_does_not_hide() {
    let mut sample = Sample::new();
    for entry in &mut sample.assessment.services {
        entry.state = State::Waived;
        entry.waiver = Some(StandingClaim {
            what: "waived".to_owned(),
            by: "kim".to_owned(),
            at: at("13:00:00"),
            reference: None,
            until: Some(at("23:00:00")),
        });
    }
    let text = sample.with(|view| screen_text(view, status::text));
    let listed = under(&text, "accepted by a person").iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(listed.matches("until 2026-11-22 23:00 UTC, by kim").count(), 7, "{text}");
    assert_eq!(listed.matches("STILL VULNERABLE").count(), 2, "{text}");
    assert!(listed.contains("still serves a key at risk"), "{text}");
    for entry in &mut sample.assessment.services {
        entry.verdict = Some(Verdict::NotVulnerable);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(!text.contains("All clear") && text.contains("7 of them only by somebody's word"), "{text}");
}

#[test]
fn fixing_one_address_of_two_is_no_step_backwards() {
    let mut sample = Sample::new();
    let change = |from, to| Change {
        row_id: sample.evidence.services[0].row_id.clone(),
        from: Some(from),
        to,
        code: Some(Regression::R4),
        sweep_a: Some(SweepId(1)),
        sweep_b: SweepId(2),
    };
    let table = [
        (
            change(State::Exposed, State::Exposed),
            "MOVED ON: 1",
            "R4 mixed: some addresses are old: still exposed",
        ),
        (
            change(State::ClosedKeyAtRisk, State::Exposed),
            "WENT BACKWARDS: 1",
            "closed-key-at-risk -> exposed",
        ),
        (change(State::Exposed, State::Regressed), "WENT BACKWARDS: 1", "exposed -> regressed"),
    ];
    for (change, title, words) in table {
        sample.changes = vec![change];
        let text = sample.with(|view| screen_text(view, verify_text));
        assert!(text.contains(title) && text.contains(words), "{title}, {words}:\n{text}");
    }
}

#[test]
fn a_service_with_several_addresses_says_which_of_them_are_bad() {
    let mut sample = Sample::new();
    let text = sample.with(|view| screen_text(view, summary::write));
    assert!(text.contains("1 of 2 addresses (192.0.2.11)"), "{text}");
    for endpoint in &mut sample.assessment.services[0].endpoints {
        endpoint.verdict = Verdict::Vulnerable;
    }
    let text = sample.with(|view| screen_text(view, summary::write));
    assert!(text.contains("2 of 2 addresses (192.0.2.11, 192.0.2.12)"), "{text}");
}

fn verify_text(view: &View<'_>, screen: &Screen, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    verify::text(view, GATE, screen, out)
}

#[test]
fn after_the_first_sweep_nothing_is_called_a_change() {
    let mut sample = Sample::new();
    for change in &mut sample.changes {
        (change.from, change.code, change.sweep_a) = (None, None, None);
    }
    let text = sample.with(|view| screen_text(view, verify_text));
    assert!(text.contains("This is the first sweep: nothing to compare with yet.\n"), "{text}");
    assert!(!text.contains("NEW") && !text.contains("Changed:"), "{text}");
    sample.changes.clear();
    let text = sample.with(|view| screen_text(view, verify_text));
    assert!(text.contains("This is the first sweep"), "{text}");
}

#[test]
fn a_second_look_of_the_same_command_is_no_later_sweep() {
    let mut sample = Sample::new();
    let sweep = |id, command: &str| Sweep {
        id: SweepId(id),
        command_line: command.to_owned(),
        ..sample.evidence.sweeps[0].clone()
    };
    sample.evidence.sweeps = vec![sweep(1, "sweep"), sweep(2, "verify"), sweep(3, "verify")];
    sample.assessment.sweep = Some(SweepId(3));
    let text = sample.with(|view| screen_text(view, verify_text));
    assert!(
        text.contains("Changed: 4; as before: 3\n"),
        "all were looked at in the first of the two: {text}"
    );
    assert!(text.contains("sweep s0003 was that look"), "{text}");
    sample.changes.clear();
    let text = sample.with(|view| screen_text(view, verify_text));
    assert!(text.contains("Changed: 0; as before: 7\n"), "{text}");
    sample.evidence.sweeps[1].command_line = "sweep".to_owned();
    let text = sample.with(|view| screen_text(view, verify_text));
    assert!(text.contains("not looked at this time: 7"), "{text}");
}

#[test]
fn a_part_of_the_fleet_counts_as_probed_what_was_contacted() {
    let counts = [(Reason::WrapUnsupported, 2), (Reason::Refused, 1), (Reason::ProbeTimedOut, 3)];
    let sample = unknown(&counts);
    sample.with(|view| {
        let owners = (0..6).map(|i| format!("team number {i:03}"));
        let rows = owners.map(|owner| {
            let part = view.filtered(Filter { owner: Some(owner), ..Filter::default() });
            screen_text(&part, status::text).lines().next().unwrap_or_default().to_owned()
        });
        let probed: Vec<bool> = rows.map(|line| line.starts_with("1 of 1 services probed;")).collect();
        assert_eq!(probed, [false, false, false, true, true, true]);
    });
}
