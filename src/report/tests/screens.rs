//! What a terminal shows and what scripts read: `sweep`'s summary, `status`, `verify`.

use crate::{
    model::{facet::State, sweep::SweepState, verdict::Verdict},
    report::{
        Filter, View,
        sample::{Sample, unrestarted},
        status,
        style::{Screen, Style},
        summary, table, verify,
    },
};

use super::GATE;

pub(super) fn screen_text(
    view: &View<'_>,
    write: fn(&View<'_>, &Screen, &mut dyn std::io::Write) -> std::io::Result<()>,
) -> String {
    let mut out = Vec::new();
    write(view, &Screen::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn verify_text(view: &View<'_>, screen: &Screen, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    verify::text(view, GATE, screen, out)
}

#[test]
fn the_summary_says_how_much_was_seen_and_what_not_to_do_first() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, summary::write));
    insta::assert_snapshot!(text, @r#"
    7 of 7 services probed; 2 VULNERABLE, 1 unknown, 4 clean
    Do not restart before the fix is installed; do not make new keys before the
    restart.
    CONFLICT: network and host say opposite things of 1 service:
      mail.example.test:25: 192.0.2.11 is not-vulnerable by the network, and
      vulnerable by host mail. The network counts; collect the host again to
      settle it.

    VULNERABLE
         2  leaks memory to malformed heartbeats (malformed-heartbeat-answered)
            turn.example.test:5349  voice     R1 vulnerable again
            web01.example.test:443  web
              1 of 2 addresses (192.0.2.11); shares its key with
              mail.example.test:25

    UNKNOWN, which is not clean
         1  took the connection and stayed silent (probe-timed-out)
            tarpit.example.test:443  infra

    BY STATE
         1  regressed                was closed, and went backwards
            turn.example.test:5349  voice      R1 vulnerable again
         1  exposed                  the hole is open: patch, then restart
         1  unknown                  could not be judged: not clean
         2  closed-key-at-risk       hole closed; still serves an exposed key
            =cmd|' /C calc'!A0\x1B[2J\x0D\x0A+1,"x"\u{202E}gpj\x9B31m;\x…  =cmd|' /…
            mail.example.test:25    messaging
              shares its key with web01.example.test:443
         1  verified                 done and confirmed
         1  not-affected             cannot have the hole

    OWNER                 SERVICES  VULNERABLE  UNKNOWN  OPEN  OVERDUE  OLDEST h
    web                          1           1        0     1        1        20
    voice                        1           1        0     1        0        20
    infra                        1           0        1     1        0        20
    =cmd|' /C calc'!A0\…         1           0        0     1        0        20
    messaging                    2           0        0     1        0        20
    Overdue: 1, worst web01.example.test:443 by 8 h; 4 more by the end of Monday
    Foreign bytes received: 0 (none were asked for)

    Incident file incident.db: CVE-2014-0160 Heartbleed. Sweep s0002 at 2026-11-22
    14:00 UTC from local, took 40 s. Presumption: dated.
    2 of 7 services owe nothing more; open: 5.
    Next:
      allclear checklist                      what to do, in order, by owner
      allclear verify                         after a repair: what has changed
      allclear export tracker -o tracker.csv  one row per service, for a spreadsheet
    "#);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("7 of 7 services probed; 2 VULNERABLE, 1 unknown, 4 clean"));
    assert_eq!(
        lines.next(),
        Some("Do not restart before the fix is installed; do not make new keys before the")
    );
}

#[test]
fn the_status_is_one_screen_and_names_every_open_service_of_a_small_fleet() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, status::text));
    insta::assert_snapshot!(text, @r#"
    7 of 7 services probed; 2 VULNERABLE, 1 unknown, 4 clean
    Do not restart before the fix is installed; do not make new keys before the
    restart.
    CONFLICT: network and host say opposite things of 1 service:
      mail.example.test:25: 192.0.2.11 is not-vulnerable by the network, and
      vulnerable by host mail. The network counts; collect the host again to
      settle it.
    Incident file incident.db: CVE-2014-0160 Heartbleed. Sweep s0002 at 2026-11-22
    14:00 UTC from local, took 40 s. Presumption: dated.
    2 of 7 services owe nothing more; open: 5.

         1  regressed                was closed, and went backwards
            turn.example.test:5349   voice      R1 vulnerable again
         1  exposed                  the hole is open: patch, then restart
            web01.example.test:443   web
              1 of 2 addresses (192.0.2.11); shares its key with
              mail.example.test:25
         1  unknown                  could not be judged: not clean
         2  closed-key-at-risk       hole closed; still serves an exposed key
            =cmd|' /C calc'!A0\x1B[2J\x0D\x0A+1,"x"\u{202E}gpj\x9B31m;\x…  =cmd|' /…
              patch, then restart
            mail.example.test:25     messaging
              reissued on the same key; shares its key with web01.example.test:443
         1  verified                 done and confirmed
         1  not-affected             cannot have the hole
    Why unknown:
         1  took the connection and stayed silent (probe-timed-out)
            tarpit.example.test:443  infra

    OWNER  SERVICES  VULNERABLE  UNKNOWN  OPEN  OVERDUE  OLDEST h
    web           1           1        0     1        1        20
    voice         1           1        0     1        0        20
    infra         1           0        1     1        0        20
    and 2 more owners: allclear export tracker --by owner -o tracker.csv
    Overdue: 1, worst web01.example.test:443 by 8 h; 4 more by the end of Monday
    Foreign bytes received: 0 (none were asked for)
    Next:
      allclear checklist                      what to do, in order, by owner
      allclear verify                         after a repair: what has changed
      allclear export tracker -o tracker.csv  one row per service, for a spreadsheet
    "#);
    for name in ["web01.example.test:443", "turn.example.test:5349", "tarpit.example.test:443"] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn verify_says_the_gate_and_what_went_backwards_first() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, verify_text));
    insta::assert_snapshot!(text, @r#"
    REGRESSED, by the gate `closed`: something that was closed went backwards.
    7 of 7 services probed; 2 VULNERABLE, 1 unknown, 4 clean
    Do not restart before the fix is installed; do not make new keys before the
    restart.
    CONFLICT: network and host say opposite things of 1 service:
      mail.example.test:25: 192.0.2.11 is not-vulnerable by the network, and
      vulnerable by host mail. The network counts; collect the host again to
      settle it.

    Changed: 4; as before: 3
    WENT BACKWARDS: 1
      turn.example.test:5349  voice     R1 vulnerable again: verified -> regressed
    FOUND OPEN, OR MORE OPEN THAN KNOWN: 1
      tarpit.example.test:443  infra     verified -> unknown
    NEW: 1
      192.0.2.99:8443       no owner  new -> not-affected
    MOVED ON: 1
      mail.example.test:25  messaging  exposed -> closed-key-at-risk

    STILL OPEN
         1  regressed                was closed, and went backwards
            turn.example.test:5349   voice      R1 vulnerable again
         1  exposed                  the hole is open: patch, then restart
            web01.example.test:443   web
              1 of 2 addresses (192.0.2.11); shares its key with
              mail.example.test:25
         1  unknown                  could not be judged: not clean
            tarpit.example.test:443  infra
              took the connection and stayed silent
         2  closed-key-at-risk       hole closed; still serves an exposed key
            =cmd|' /C calc'!A0\x1B[2J\x0D\x0A+1,"x"\u{202E}gpj\x9B31m;\x…  =cmd|' /…
              patch, then restart
            mail.example.test:25     messaging
              reissued on the same key; shares its key with web01.example.test:443

    Incident file incident.db: CVE-2014-0160 Heartbleed. Sweep s0002 at 2026-11-22
    14:00 UTC from local, took 40 s. Presumption: dated.
    2 of 7 services owe nothing more; open: 5.
    Policy in force: presumption dated; minimum grades patched E1, restarted E3,
    rekeyed E3, revoked E2, secrets E1, verified E3; confirming sweep 0 h after
    everything is done; stale after 30 days; 2 unreachable sweeps prove a
    decommissioning; rotation that is left to policy is not owed; certificates are
    told 15 days before they end.
    Next:
      allclear checklist                      what to do, in order, by owner
      allclear verify                         after a repair: what has changed
      allclear export tracker -o tracker.csv  one row per service, for a spreadsheet
    "#);
    let backwards = text.find("R1 vulnerable again").unwrap();
    assert!(backwards < text.find("MOVED ON").unwrap());
}

#[test]
fn fifty_thousand_services_fit_a_screen_and_no_cut_is_silent() {
    let sample = Sample::large(50_000);
    sample.with(|view| {
        let table: [(&str, String, usize); 3] = [
            ("status", screen_text(view, status::text), 40),
            ("summary", screen_text(view, summary::write), 170),
            ("verify", screen_text(view, verify_text), 70),
        ];
        for (name, text, most) in &table {
            assert!(text.lines().count() <= *most, "{name} has {} lines:\n{text}", text.lines().count());
            let wide: Vec<_> = text.lines().filter(|l| table::width(l) > 80).collect();
            assert!(wide.is_empty(), "{name} is wider than 80: {wide:#?}");
            assert!(text.contains(": allclear export tracker"), "{name} says what it left out");
            assert!(
                text.contains("more owners") || *name == "verify",
                "{name} says that owners are left out"
            );
        }
        insta::assert_snapshot!(table[0].1, @r#"
        25000 of 50000 services probed; 34374 VULNERABLE, 13543 unknown, 0 clean, 1041
        waived, 1042 decommissioned
        Do not restart before the fix is installed; do not make new keys before the
        restart.
        Incident file incident.db: CVE-2014-0160 Heartbleed. Sweep s0002 at 2026-11-22
        14:00 UTC from local, took 40 s. Presumption: dated.
        12500 of 50000 services owe nothing more; open: 37500.

          3125  regressed                host-000000.a-…, host-000400.a-… and 3123 more
          3125  contradicted             host-000001.a-…, host-000401.a-… and 3123 more
          3125  exposed                  host-000002.a-…, host-000402.a-… and 3123 more
          3125  unknown                  host-000003.a-…, host-000403.a-… and 3123 more
          3125  patched-not-restarted    host-000100.a-…, host-000500.a-… and 3123 more
          3125  rekeyed-too-early        host-000101.a-…, host-000501.a-… and 3123 more
          3125  closed-key-at-risk       host-000102.a-…, host-000502.a-… and 3123 more
          3125  presumed-affected        host-000103.a-…, host-000503.a-… and 3123 more
          3125  rekeyed-old-not-revoked  host-000200.a-…, host-000600.a-… and 3123 more
          3125  secrets-pending          host-000201.a-…, host-000601.a-… and 3123 more
          3125  awaiting-verification    host-000202.a-…, host-000602.a-… and 3123 more
          3125  stale                    host-000203.a-…, host-000603.a-… and 3123 more
          3125  verified                 done and confirmed
          3125  not-affected             cannot have the hole
          3125  waived                   host-000302.a-…, host-000702.a-… and 3123 more
          3125  decommissioned           gone
                all of them: allclear export tracker

        OWNER            SERVICES  VULNERABLE  UNKNOWN  OPEN  OVERDUE  OLDEST h
        team number 014       500         376       83   375      125        20
        team number 062       500         376       83   375      125        20
        team number 026       500         376       82   375      125        20
        and 97 more owners: allclear export tracker --by owner -o tracker.csv
        Overdue: 12500, worst host-049899.a-rather-long-dom… by 8 h; 25000 more by the
        end of Monday
        Foreign bytes received: 0 (none were asked for)
        Next:
          allclear checklist                      what to do, in order, by owner
          allclear verify                         after a repair: what has changed
          allclear export tracker -o tracker.csv  one row per service, for a spreadsheet
        "#);
    });
}

#[test]
fn the_status_stays_one_screen_when_everything_is_wrong_at_once() {
    let mut sample = Sample::large(1000);
    let words = "A long sentence that everyone must read before they touch anything at all here. ";
    sample.assessment.disclosure.first_words = vec![words.repeat(4), "And another.".to_owned()];
    sample.evidence.sweeps[0].state = SweepState::Interrupted;
    sample.evidence.sweeps[0].bad_rows = 7;
    sample.evidence.incident.name = "a very long name ".repeat(20);
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.lines().count() <= 40, "{} lines:\n{text}", text.lines().count());
    for said in [
        "There is more to know: allclear checklist",
        "did not finish: allclear sweep --resume",
        "NOT probed: 7",
        "more: allclear export tracker",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
}

#[test]
fn a_waived_hole_is_still_counted_as_a_hole() {
    let mut sample = Sample::new();
    for service in &mut sample.assessment.services {
        service.state = State::Waived;
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.starts_with("7 of 7 services probed; 2 VULNERABLE, "), "{text}");
    assert!(!text.contains("All clear") && text.contains("only by somebody's word"), "{text}");
}

#[test]
fn unknown_is_never_called_clean() {
    for verdict in [None, Some(Verdict::Inconclusive), Some(Verdict::Unreachable), Some(Verdict::Skipped)] {
        for &state in State::ALL {
            let mut sample = Sample::new();
            for service in &mut sample.assessment.services {
                (service.verdict, service.state) = (verdict, state);
            }
            let text = sample.with(|view| screen_text(view, summary::write));
            let first = text.lines().next().unwrap();
            assert!(first.contains(", 0 clean"), "{verdict:?} in state {state}: {first}");
        }
    }
    let mut sample = Sample::new();
    for service in &mut sample.assessment.services {
        (service.verdict, service.state) = (Some(Verdict::NotVulnerable), State::Unknown);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.starts_with("7 of 7 services probed; 0 VULNERABLE, 7 unknown, 0 clean\n"), "{text}");
}

#[test]
fn all_clear_is_said_only_when_nothing_is_owed() {
    let mut sample = Sample::new();
    for service in &mut sample.assessment.services {
        (service.verdict, service.state) = (Some(Verdict::NotVulnerable), State::Verified);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.contains("All clear: 7 of 7 services owe nothing more."), "{text}");
    assert!(!text.contains("Do not restart"), "the warning ends with the exposure");
    sample.assessment.services[6].state = State::SecretsPending;
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(
        !text.contains("All clear") && text.contains("6 of 7 services owe nothing more; open: 1."),
        "{text}"
    );
    let empty = Sample::large(0).with(|view| screen_text(view, status::text));
    assert!(!empty.contains("All clear"), "nothing known is not all clear: {empty}");
}

#[test]
fn colour_is_added_only_when_asked_and_changes_no_word() {
    let sample = Sample::new();
    sample.with(|view| {
        let mut out = Vec::new();
        let screen = Screen { style: Style { color: true }, ..Screen::default() };
        status::text(view, &screen, &mut out).unwrap();
        let coloured = String::from_utf8(out).unwrap();
        assert!(coloured.contains("\u{1b}["));
        let mut plain = coloured;
        for code in ["1;31", "33", "32", "1", "2", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, screen_text(view, status::text));
    });
}

#[test]
fn status_json_has_the_keys_of_the_design_in_their_order() {
    let sample = Sample::new();
    sample.with(|view| {
        let filter = Filter {
            service: Some("web01.example.test".to_owned()),
            ..Filter::default()
        };
        let mut out = Vec::new();
        status::json(&view.filtered(filter), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"{"schema":"allclear.status/1","incident":"incident","sweep":"s0002","coverage":{"known":1,"probed":1,"unknown":0},"counts":{"regressed":0,"contradicted":0,"exposed":1,"unknown":0,"patched-not-restarted":0,"rekeyed-too-early":0,"closed-key-at-risk":0,"presumed-affected":0,"rekeyed-old-not-revoked":0,"secrets-pending":0,"awaiting-verification":0,"stale":0,"verified":0,"not-affected":0,"waived":0,"decommissioned":0},"services":[{"row_id":"svc-2wyf2llav7a7","disclosure":"CVE-2014-0160","name":"web01.example.test","port":443,"owner":"web","state":"exposed","verdict":"vulnerable","reason":"malformed-heartbeat-answered","facets":{"patched":{"value":"open"},"restarted":{"value":"open"},"rekeyed":{"value":"open"},"revoked":{"value":"open"},"secrets":{"value":"open"},"verified":{"value":"open"}},"spki_before":["sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"],"spki_now":["sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"],"key_shared_with":["svc-qr2m4e3oingv"],"next_action":"patch, then restart","blocked_by":[],"regressions":[],"linkage":{"value":"openssl-dynamic","grade":"E4","because":"web01, 2026-11-22 15:00"},"version":{"value":"runs openssl 1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5 (fixed; Debian:7, DSA-2896-1)","grade":"E4","because":"web01, 2026-11-22 15:00"},"conflicts":[],"hosts":[{"host":"web01","at":"2026-11-22T15:00:00.000000Z","address":"192.0.2.11","weight":"agrees","programs":["nginx"],"stack":"openssl-dynamic","running":{"verdict":"vulnerable","reason":"package-affected","compare":{"subject":"openssl","installed":"1.0.1e-2+deb7u4","relation":"<","bound":"1.0.1e-2+deb7u5","bound_is":"fixed","scheme":"dpkg","ecosystem":"Debian:7","advisory":"DSA-2896-1","confidence":"confirmed"}},"disk":{"verdict":"vulnerable","reason":"package-affected","compare":{"subject":"openssl","installed":"1.0.1e-2+deb7u4","relation":"<","bound":"1.0.1e-2+deb7u5","bound_is":"fixed","scheme":"dpkg","ecosystem":"Debian:7","advisory":"DSA-2896-1","confidence":"confirmed"}},"acts":[{"sentence":"upgrade openssl from 1.0.1e-2+deb7u4 to 1.0.1e-2+deb7u5 or later.","kind":"upgrade","target":"openssl","from":"1.0.1e-2+deb7u4","to":"1.0.1e-2+deb7u5"},{"sentence":"restart nginx.service (systemctl restart nginx.service), which runs nginx (pid 812, 813).","kind":"restart","target":"nginx.service","runner":{"kind":"unit","name":"nginx.service"},"program":"nginx","processes":[812,813]}]}]}]}"#);
        let mut out = Vec::new();
        status::json(view, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let counts: Vec<&str> = value["counts"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let states: Vec<&str> = State::ALL.iter().map(|s| s.as_str()).collect();
        assert_eq!(
            counts, states,
            "every state is counted, in order, also those with none"
        );
        assert_eq!(value["services"].as_array().unwrap().len(), 7);
        let mut out = Vec::new();
        verify::json(view, GATE, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["gate"], "regressed");
        assert_eq!(value["schema"], "allclear.status/1");
        let codes: Vec<_> = value["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["code"].clone())
            .collect();
        assert_eq!(
            codes.iter().filter(|c| c.is_null()).count(),
            3,
            "null unless a regression: {codes:?}"
        );
        assert!(value["changes"][0].get("disclosure").is_none());
    });
}

#[test]
fn a_conflict_is_near_the_top_and_in_every_view() {
    let sample = Sample::new();
    sample.with(|view| {
        for (name, write) in [
            (
                "status",
                status::text as fn(&View<'_>, &Screen, &mut dyn std::io::Write) -> std::io::Result<()>,
            ),
            ("summary", summary::write),
            ("verify", verify_text),
        ] {
            let text = screen_text(view, write);
            let at = text.find("CONFLICT: network and host say opposite things of 1 service:");
            let at = at.unwrap_or_else(|| panic!("{name}: {text}"));
            assert!(text.get(..at).unwrap().lines().count() <= 4, "{name}: {text}");
            assert!(
                text.contains("mail.example.test:25: 192.0.2.11 is not-vulnerable by the network"),
                "{name}: {text}"
            );
        }
        let mut out = Vec::new();
        status::json(view, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let named = |name: &str| {
            value["services"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone()
        };
        let mail = named("mail.example.test");
        assert!(mail["conflicts"][0]["words"].as_str().unwrap().contains("by host mail"));
        assert_eq!(mail["conflicts"][0]["found"]["compare"]["installed"], "1.0.1e-2+deb7u4");
        let turn = named("turn.example.test");
        assert_eq!(
            (&turn["linkage"]["value"], &turn["linkage"]["grade"]),
            (&"openssl-static".into(), &"E3".into())
        );
        assert!(turn["hosts"][0]["acts"][0]["sentence"].as_str().unwrap().contains("cuts people off"));
        let mut out = Vec::new();
        verify::json(view, GATE, &mut out).unwrap();
        let again: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(again["services"], value["services"], "one source");
    });
}

#[test]
fn many_conflicts_leave_room_for_the_rest_of_the_screen() {
    let mut sample = Sample::large(300);
    let conflict = Sample::new().assessment.services[1].conflicts[0].clone();
    for service in &mut sample.assessment.services {
        service.conflicts = vec![conflict.clone(); 3];
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(text.lines().count() <= 40, "{} lines:\n{text}", text.lines().count());
    assert!(text.contains("say opposite things of 300 services; the first 2:"), "{text}");
    assert!(text.lines().all(|l| table::width(l) <= 80), "{text}");
}

#[test]
fn what_was_patched_and_not_restarted_names_its_unit() {
    let mut sample = Sample::new();
    unrestarted(&mut sample.assessment.services[6]);
    let text = sample.with(|view| screen_text(view, status::text));
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains("restart openvpn.service on vpn01, which cuts people off"), "{text}");
}
