use super::{kind, without_user};
use crate::inventory::{Error, Input, Loaded, Options, load};

const SAMPLE: &str = include_str!("../../../../inventory/trufflehog.ndjson");

fn tried(text: impl Into<Vec<u8>>) -> Result<Loaded, Error> {
    let input = Input::Text { name: "t".into(), text: text.into(), format: Some("trufflehog") };
    load(&[input], &[], &Options { partial: true, ..Options::default() })
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn findings_become_secrets_and_those_that_still_work_are_told() {
    let options = Options { partial: true, ..Options::default() };
    let loaded = load(&[Input::text("t", SAMPLE)], &[], &options).unwrap();
    let got: Vec<_> = loaded
        .secrets
        .iter()
        .map(|s| (s.id.as_str(), s.kind.as_str(), s.location.as_deref().unwrap_or_default()))
        .collect();
    let place = "deploy/env.sh:12 at 01234567 in https://git.example.test/shop.git";
    assert_eq!(
        got,
        [
            ("trufflehog:AWS:01234567:deploy/env.sh:12", "C3", place),
            ("trufflehog:AWS:01234567:deploy/env.sh:12#2", "C3", place),
            ("trufflehog:Postgres::/srv/app/settings.py:3", "C1", "/srv/app/settings.py:3"),
            ("trufflehog:Flickr::2024/dump.sql:", "flickr", "2024/dump.sql in backups"),
        ]
    );
    assert_eq!(loaded.secrets[0].source.as_ref().map(|s| (&*s.format, s.line)), Some(("trufflehog", 2)));
    assert!(loaded.bad.is_empty() && loaded.rows == 4);
    let live = "2 of 4 findings still work: rotate these first: trufflehog:AWS:01234567:deploy/env.sh:12, trufflehog:Flickr::2024/dump.sql:";
    assert!(notices(&loaded).contains(live), "{}", notices(&loaded));
}

#[test]
fn values_are_nowhere() {
    for text in [SAMPLE.to_owned(), SAMPLE.replace("DetectorName", "Detector"), SAMPLE.replace("}}", "}")] {
        let all = match tried(text) {
            Ok(loaded) => format!("{loaded:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!all.contains("MARKER") && !all.contains("person@"), "{all}");
    }
}

#[test]
fn addresses_of_repositories_lose_their_credentials() {
    let table = [
        ("https://u:p@git.example.test/a.git", "https://git.example.test/a.git"),
        ("https://git.example.test/a@b?token=x#y", "https://git.example.test/a@b"),
        ("https://a@b@git.example.test", "https://git.example.test"),
        ("git@git.example.test:a.git", "git.example.test:a.git"),
        ("bucket", "bucket"),
        ("", ""),
    ];
    for (given, expected) in table {
        assert_eq!(without_user(given), expected, "{given}");
    }
}

#[test]
fn detectors_become_codes_where_they_leave_no_doubt() {
    for (name, expected) in [
        ("PrivateKey", "B1"),
        ("Github", "C4"),
        ("SlackWebhook", "C5"),
        ("JWT", "D3"),
        ("A\nb", "trufflehog"),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
}

#[test]
fn a_log_alone_an_array_and_broken_lines_are_read() {
    let log = SAMPLE.lines().next().unwrap();
    let options = Options { partial: true, ..Options::default() };
    let loaded = load(&[Input::text("t", log)], &[], &options).unwrap();
    assert!(loaded.secrets.is_empty() && notices(&loaded).contains("names no secret"));
    let findings: Vec<&str> = SAMPLE.lines().skip(1).take(4).collect();
    let array = format!("[{}]", findings.join(",\n"));
    assert_eq!(load(&[Input::text("t", array)], &[], &options).unwrap().secrets.len(), 4);
    let mixed = format!("\u{feff}{}\r\n{{\"a\":\r\n\u{0}\r\n7\r\n{}", findings[0], findings[2]);
    let loaded = tried(mixed).unwrap();
    assert_eq!(
        (loaded.secrets.len(), loaded.bad.iter().map(|b| b.line).collect::<Vec<_>>()),
        (2, vec![2, 3, 4])
    );
    let long = format!("{{\"DetectorName\":\"{}\"}}", "x".repeat(10 << 20));
    assert!(tried(long).unwrap().secrets[0].id.len() < 64);
    assert!(tried(b"\xff\n".to_vec()).is_err());
    for cut in 0..SAMPLE.len() {
        let _ = tried(&SAMPLE[..cut]);
    }
}
