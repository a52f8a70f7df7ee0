use super::super::invariants::{History, Shows, heartbleed};
use super::super::judge;
use crate::model::{
    observation::{
        Answer::{self, Closed, Echoed, Reset, Silent},
        Attempt, Contact,
        HeartbeatExtension::{self, Acknowledged, NotOffered, Offered},
        Observation, Skip, TlsVersion,
    },
    verdict::{
        Grade, Reason,
        Verdict::{self, Inconclusive, NotApplicable, NotVulnerable, Skipped, Unreachable, Vulnerable},
    },
    wrap::Wrap,
};

#[expect(clippy::unnecessary_wraps, reason = "the table's cells are options")]
const fn alert(code: u8) -> Option<Answer> {
    Some(Answer::Alert { level: 2, code })
}

fn blank(contact: Contact) -> Observation {
    let mut history = History::new(1);
    history.sweep(1);
    history.look("a", 1, Shows::Clean, &["K1"], true);
    let mut look = history.evidence.observations.remove(0);
    look.contact = contact;
    look.attempts.clear();
    look.tls = None;
    look.certificate = None;
    look
}

fn asked(
    extension: HeartbeatExtension,
    malformed: Option<Answer>,
    control: Option<Answer>,
    poke: Option<Answer>,
    alone: Option<Answer>,
) -> Attempt {
    Attempt {
        version: Some(TlsVersion::Tls12),
        extension: Some(extension),
        malformed,
        control,
        poke,
        alone,
        ..Attempt::ended(Contact::Answered)
    }
}

type Row = (&'static str, HeartbeatExtension, [Option<Answer>; 4], (Verdict, Reason));

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_ladder_by_designs_table() {
    const OTHER: Option<Answer> = Some(Answer::Other { len: 7 });
    const ODD: Option<Answer> = Some(Answer::Unexpected { content_type: 23 });
    const E: Option<Answer> = Some(Echoed);
    const S: Option<Answer> = Some(Silent);
    const C: Option<Answer> = Some(Closed);
    const R: Option<Answer> = Some(Reset);
    const N: Option<Answer> = None;
    let answered = (Vulnerable, Reason::MalformedHeartbeatAnswered);
    let fixed = (NotVulnerable, Reason::FixProved);
    let refused = (NotVulnerable, Reason::HeartbeatRefused);
    let blocked = (Inconclusive, Reason::Blocked);
    let odd = (Inconclusive, Reason::UnexpectedAnswer);
    let late = (Inconclusive, Reason::ProbeTimedOut);
    let quiet = Reason::HeartbeatNotAnswered;
    let table: &[Row] = &[
        ("our bytes came back", Acknowledged, [E, N, N, N], answered),
        ("whatever else came after", Offered, [E, OTHER, C, N], answered),
        ("the extension does not matter", NotOffered, [E, N, N, N], answered),
        ("ignored, then answered", Acknowledged, [S, E, N, N], fixed),
        ("fatal 10", Offered, [alert(10), N, N, N], refused),
        ("fatal 10, acknowledged", Acknowledged, [alert(10), N, N, N], refused),
        ("fatal 10 by a slow server", Offered, [S, alert(10), N, N], refused),
        (
            "a warning 10 is no refusal",
            Offered,
            [Some(Answer::Alert { level: 1, code: 10 }), N, N, N],
            blocked,
        ),
        ("close, alone closes too", Offered, [C, N, N, C], refused),
        ("close and reset are the same", Offered, [C, N, N, R], refused),
        ("reset, alone closes", Offered, [R, N, N, C], refused),
        ("close at the control, alone closes", Offered, [S, C, N, C], refused),
        ("another alert, the same alone", Offered, [alert(80), N, N, alert(80)], refused),
        ("another alert, a third alone", Offered, [alert(80), N, N, alert(40)], blocked),
        ("an alert, a close alone", Offered, [alert(80), N, N, C], blocked),
        ("close, alone answered: an IPS", Offered, [C, N, N, E], blocked),
        ("close, alone ignored", Offered, [C, N, N, S], blocked),
        ("close, alone never asked", Offered, [C, N, N, N], blocked),
        ("close, extension acknowledged", Acknowledged, [C, N, N, C], blocked),
        ("close, extension never offered", NotOffered, [C, N, N, C], blocked),
        ("close at the control, alone answered", Offered, [S, C, N, E], blocked),
        ("foreign answer", Acknowledged, [OTHER, N, N, N], odd),
        ("foreign answer to the control", Acknowledged, [S, OTHER, N, N], odd),
        ("foreign answer on the second connection", Offered, [C, N, N, OTHER], odd),
        ("data in mid-handshake", Acknowledged, [ODD, N, N, N], odd),
        ("data at the poke", Acknowledged, [S, S, ODD, N], odd),
        ("silent, alert at the poke", Offered, [S, S, alert(10), N], (NotVulnerable, quiet)),
        ("silent, close at the poke", Offered, [S, S, C, N], (NotVulnerable, quiet)),
        ("silent, reset at the poke", Offered, [S, S, R, N], (NotVulnerable, quiet)),
        ("silent, extension acknowledged", Acknowledged, [S, S, alert(10), N], (Inconclusive, quiet)),
        ("silent, SSLv3", NotOffered, [S, S, C, N], (Inconclusive, quiet)),
        ("silent to the end", Offered, [S, S, S, N], late),
        ("cut off after the malformed one", Offered, [S, N, N, N], late),
        ("cut off before the poke", Offered, [S, S, N, N], late),
        ("never asked", Offered, [N, N, N, N], (Inconclusive, Reason::BranchNotAnalysed)),
    ];
    for (what, extension, [malformed, control, poke, alone], expected) in table {
        let mut look = blank(Contact::Answered);
        look.attempts = vec![asked(*extension, *malformed, *control, *poke, *alone)];
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), *expected, "{what}");
        assert_eq!((got.grade, got.tried), (Grade::E2, 1), "{what}");
    }
}

#[test]
fn a_server_that_died_of_the_probe_was_blocked() {
    let silent = Some(Silent);
    for (still_up, reason) in
        [(Some(false), Reason::Blocked), (Some(true), Reason::ProbeTimedOut), (None, Reason::ProbeTimedOut)]
    {
        let mut look = blank(Contact::Answered);
        let mut attempt = asked(Offered, silent, silent, silent, None);
        attempt.still_up = still_up;
        look.attempts = vec![attempt];
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), (Inconclusive, reason), "{still_up:?}");
    }
}

#[test]
fn contacts_by_designs_table() {
    let table = [
        (Contact::HandshakeFailed, Inconclusive, Reason::HandshakeFailed, 1),
        (Contact::ProbeTimedOut, Inconclusive, Reason::ProbeTimedOut, 1),
        (Contact::ClosedEarly, Inconclusive, Reason::ClosedEarly, 1),
        (Contact::Blocked, Inconclusive, Reason::Blocked, 1),
        (Contact::StarttlsRefused, Inconclusive, Reason::StarttlsRefused, 1),
        (Contact::RateLimited, Inconclusive, Reason::RateLimited, 1),
        (Contact::LocalError, Inconclusive, Reason::LocalError, 0),
        (Contact::Interrupted, Inconclusive, Reason::Interrupted, 0),
        (Contact::Refused, Unreachable, Reason::Refused, 1),
        (Contact::NoRoute, Unreachable, Reason::NoRoute, 1),
        (Contact::ConnectTimedOut, Unreachable, Reason::ConnectTimedOut, 1),
        (Contact::DnsFailed, Unreachable, Reason::DnsFailed, 0),
        (Contact::NotTls, NotApplicable, Reason::NotTls, 1),
        (Contact::Skipped, Inconclusive, Reason::WrapUnsupported, 0),
        (Contact::Answered, Inconclusive, Reason::BranchNotAnalysed, 1),
    ];
    assert_eq!(table.len(), Contact::ALL.len(), "every contact has a row");
    for (contact, verdict, reason, tried) in table {
        let got = judge(&blank(contact), &heartbleed());
        assert_eq!((got.verdict, got.reason, got.tried), (verdict, reason, tried), "{contact}");
        // The same, said by the attempt instead of the whole contact.
        let mut look = blank(contact);
        look.attempts = vec![Attempt::ended(contact)];
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), (verdict, reason), "attempt: {contact}");
    }
    for (skip, reason) in [
        (Skip::Fragile, Reason::Fragile),
        (Skip::OutOfScope, Reason::OutOfScope),
        (Skip::Excluded, Reason::Excluded),
    ] {
        let mut look = blank(Contact::Skipped);
        look.skip = Some(skip);
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), (Skipped, reason), "{skip}");
    }
}

#[test]
fn a_greeting_that_can_be_upgraded_is_not_clean() {
    let mismatch = (Inconclusive, Reason::WrapMismatch);
    let plain = (NotApplicable, Reason::NotTls);
    let table = [
        (Some("greeting of smtp"), Wrap::Tls, mismatch),
        (Some("greeting of xmpp-client"), Wrap::Plain, mismatch),
        (Some("greeting of postgres"), Wrap::Tls, mismatch),
        (Some("greeting of imap"), Wrap::Smtp, mismatch),
        (Some("greeting of ssh"), Wrap::Tls, plain),
        (Some("greeting of http"), Wrap::Tls, plain),
        (Some("greeting of "), Wrap::Tls, plain),
        (Some("smtp"), Wrap::Tls, plain),
        (None, Wrap::Tls, plain),
    ];
    for (detail, wrap, expected) in table {
        let mut look = blank(Contact::NotTls);
        look.detail = detail.map(str::to_owned);
        look.wrap = wrap;
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), expected, "{detail:?} {wrap}");
    }
}

#[test]
fn several_attempts_come_out_as_the_worst() {
    let bad = asked(Acknowledged, Some(Echoed), None, None, None);
    let fixed = asked(Acknowledged, Some(Silent), Some(Echoed), None, None);
    let refused = asked(Offered, alert(10), None, None, None);
    let quiet = asked(Offered, Some(Silent), Some(Silent), Some(Closed), None);
    let mut tls13 = Attempt::ended(Contact::Answered);
    tls13.version = Some(TlsVersion::Tls13);
    let late = Attempt::ended(Contact::ProbeTimedOut);
    let closed = Attempt::ended(Contact::Refused);
    let table: &[(&str, Vec<&Attempt>, Verdict, Reason, u32)] = &[
        ("one of three", vec![&fixed, &bad, &late], Vulnerable, Reason::MalformedHeartbeatAnswered, 1),
        ("two of three", vec![&bad, &bad, &fixed], Vulnerable, Reason::MalformedHeartbeatAnswered, 2),
        ("late spoils clean", vec![&fixed, &late], Inconclusive, Reason::ProbeTimedOut, 0),
        ("refused spoils clean", vec![&fixed, &closed], Unreachable, Reason::Refused, 0),
        (
            "the weakest proof",
            vec![&tls13, &fixed, &refused, &quiet],
            NotVulnerable,
            Reason::HeartbeatNotAnswered,
            0,
        ),
        ("the next", vec![&tls13, &fixed, &refused], NotVulnerable, Reason::HeartbeatRefused, 0),
        ("and the next", vec![&tls13, &fixed], NotVulnerable, Reason::FixProved, 0),
        ("the strongest", vec![&tls13, &tls13], NotApplicable, Reason::Tls13Only, 0),
    ];
    for (what, attempts, verdict, reason, vulnerable) in table {
        let mut look = blank(Contact::Answered);
        look.attempts = attempts.iter().map(|a| (*a).clone()).collect();
        let got = judge(&look, &heartbleed());
        assert_eq!((got.verdict, got.reason), (*verdict, *reason), "{what}");
        assert_eq!((got.vulnerable, got.tried as usize), (*vulnerable, attempts.len()), "{what}");
    }
}

#[test]
fn a_look_that_was_cut_off_is_not_clean_for_its_first_sample() {
    let mut look = blank(Contact::Interrupted);
    look.attempts = vec![asked(Acknowledged, Some(Silent), Some(Echoed), None, None)];
    let got = judge(&look, &heartbleed());
    assert_eq!((got.verdict, got.reason), (Inconclusive, Reason::Interrupted));
    // Bad is bad, whatever came after.
    look.attempts = vec![asked(Acknowledged, Some(Echoed), None, None, None)];
    assert_eq!(judge(&look, &heartbleed()).verdict, Vulnerable);
}

#[test]
fn foreign_bytes_are_counted_and_an_unknown_disclosure_is_never_clean() {
    let mut look = blank(Contact::Answered);
    let mut attempt = asked(Acknowledged, Some(Silent), Some(Echoed), None, None);
    attempt.foreign_bytes = 3;
    look.attempts = vec![attempt.clone(), attempt];
    assert_eq!(judge(&look, &heartbleed()).foreign_bytes, 6);
    let mut other = heartbleed();
    other.id = "CVE-2099-0001".into();
    let got = judge(&look, &other);
    assert_eq!((got.verdict, got.reason), (Inconclusive, Reason::BranchNotAnalysed));
    assert_eq!(&*got.disclosure, "CVE-2099-0001");
}
