use super::kind;
use crate::{
    inventory::{Error, Input, Loaded, Options, load},
    model::loading::NoticeKind,
};

const SAMPLE: &str = include_str!("../../../../inventory/gitleaks.json");

fn tried(text: &str) -> Result<Loaded, Error> {
    let input = Input::Text { name: "g.json".into(), text: text.into(), format: Some("gitleaks") };
    load(&[input], &[], &Options { partial: true, ..Options::default() })
}

#[test]
fn findings_become_secrets_by_their_place() {
    let options = Options { partial: true, ..Options::default() };
    let loaded = load(&[Input::text("g.json", SAMPLE)], &[], &options).unwrap();
    let got: Vec<_> = loaded
        .secrets
        .iter()
        .map(|s| (s.id.as_str(), s.kind.as_str(), s.location.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        got,
        [
            (
                "gitleaks:0123456789abcdef0123456789abcdef01234567:deploy/env.sh:aws-access-token:12",
                "C3",
                "deploy/env.sh:12 at 01234567"
            ),
            ("gitleaks:tls/www.key:private-key:1", "B1", "tls/www.key:1"),
            ("gitleaks:tls/www.key:private-key:1#2", "B1", "tls/www.key:1"),
            ("gitleaks:89abcdef0123:app.py:house-rule:3", "house-rule", "app.py:3 at 89abcdef"),
        ]
    );
    assert!(loaded.secrets.iter().all(|s| s.issued_at.is_none() && s.services.is_empty()));
    assert_eq!(loaded.secrets[1].source.as_ref().map(|s| (&*s.format, s.line)), Some(("gitleaks", 22)));
    assert_eq!(loaded.bad.len(), 1);
    assert_eq!((loaded.bad[0].line, loaded.rows), (46, 5));
    let without = loaded.notices.iter().filter(|n| n.kind == NoticeKind::SecretWithoutService).count();
    assert_eq!(without, 4);
}

#[test]
fn values_are_nowhere() {
    for text in [SAMPLE.to_owned(), SAMPLE.replace("\"File\"", "\"Fiel\""), SAMPLE.replace("},", "}")] {
        let all = match tried(&text) {
            Ok(loaded) => format!("{loaded:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!all.contains("MARKER") && !all.contains("person@"), "{all}");
    }
}

#[test]
fn a_report_is_taken_where_secrets_are_named() {
    let service = [Input::text("l", "web01.example.test\n")];
    let loaded = load(&service, &[Input::text("g.json", SAMPLE)], &Options::default()).unwrap();
    assert_eq!((loaded.services.len(), loaded.secrets.len(), loaded.bad.len()), (1, 4, 1));
}

#[test]
fn a_csv_report_holds_values_and_is_refused() {
    let text =
        "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine\naws-access-token,0,a,,MARKER,MARKER,1\n";
    let error = load(&[Input::text("g.csv", text)], &[], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("`secret`") && !error.contains("MARKER"), "{error}");
}

#[test]
fn many_secrets_without_a_service_are_told_once() {
    let finding =
        |n: u32| format!(r#"{{"RuleID":"generic-api-key","File":"a{n}","StartLine":{n},"Secret":"MARKER"}}"#);
    for (count, told) in [(20, 20), (21, 1)] {
        let all: Vec<String> = (1..=count).map(finding).collect();
        let loaded = tried(&format!("[{}]", all.join(","))).unwrap();
        let notices: Vec<_> =
            loaded.notices.iter().filter(|n| n.kind == NoticeKind::SecretWithoutService).collect();
        assert_eq!((loaded.secrets.len(), notices.len()), (count as usize, told));
        assert!(told > 1 || notices[0].message.starts_with("21 secrets of this file"));
    }
}

#[test]
fn a_second_report_adds_nothing_twice() {
    let text = |n: u32| {
        Input::text(format!("g{n}"), SAMPLE.replace("\"Description\": \"an object", "\"File\": \"an object"))
    };
    let options = Options { partial: true, ..Options::default() };
    let loaded = load(&[text(1), text(2)], &[], &options).unwrap();
    assert_eq!((loaded.secrets.len(), loaded.bad.len()), (5, 0));
    assert!(loaded.notices.iter().any(|n| n.message.contains("an earlier report has too: 5")));
}

#[test]
fn rules_become_codes_where_they_leave_no_doubt() {
    let table = [
        ("private-key", "B1"),
        ("aws-access-token", "C3"),
        ("gcp-api-key", "C3"),
        ("github-pat", "C4"),
        ("generic-api-key", "C4"),
        ("slack-bot-token", "C4"),
        ("slack-webhook-url", "C5"),
        ("azure-ad-client-secret", "C6"),
        ("jwt", "D3"),
        ("curl-auth-user", "curl-auth-user"),
        ("\u{1b}[31m", "gitleaks"),
        ("", "gitleaks"),
    ];
    for (rule, expected) in table {
        assert_eq!(kind(rule), expected, "{rule}");
    }
}

#[test]
fn hostile_texts_end_in_a_clear_error_or_a_count() {
    for cut in 0..SAMPLE.trim_end().len() {
        assert!(tried(SAMPLE.get(..cut).unwrap_or_default()).is_err(), "{cut}");
    }
    let long = format!(r#"[{{"RuleID":"r","File":"{}","StartLine":1}}]"#, "x;".repeat(5 << 20));
    let loaded = tried(&long).unwrap();
    assert!(loaded.secrets[0].id.len() < 64 && loaded.secrets[0].location.as_ref().unwrap().len() < 600);
    assert!(tried("[]").unwrap().notices[0].message.contains("names no secret"));
    for text in ["7", "[7,null,[]]", "[{\"RuleID\":{},\"File\":[]}]"] {
        let _ = tried(text);
    }
}
