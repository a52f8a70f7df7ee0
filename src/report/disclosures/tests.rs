use super::*;
use crate::{
    model::disclosure::{Owed, ProbeFact, ProbeKind, Rotation},
    model::host::TlsLibrary,
    report::{style::Style, table::width},
};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn bleed() -> Disclosure {
    let mut fixed = Affected::new("Debian:13", "openssl", "DSA-1");
    (fixed.introduced, fixed.fixed) = (Some("3.2.0-1".to_owned()), Some("3.5.7-1~deb13u3".to_owned()));
    fixed.note = Some("read in the package's changelog".to_owned());
    let mut upstream = Affected::new("upstream", "openssl", "secadv/20300101");
    (upstream.introduced, upstream.last_affected) = (Some("3.2.0".to_owned()), Some("3.2.4".to_owned()));
    let mut older = Affected::new("upstream", "openssl", "secadv/20300101");
    (older.status, older.fixed) = (RowStatus::NotAffected, Some("3.0.0".to_owned()));
    let mut exact = Affected::new("CentOS:6", "openssl", "centos-announce");
    (exact.status, exact.confidence) = (RowStatus::NotAffected, Confidence::Unconfirmed);
    exact.versions = texts(&["1.0.1e-16.el6_5.4.0.1.centos"]);
    let firmware = Affected { status: RowStatus::Unknown, ..Affected::new("vendor:F5 BIG-IP", "tmos", "K1") };
    Disclosure {
        id: "CVE-2030-0001".into(),
        aliases: texts(&["nextbleed", "VU#1"]),
        title: "Nextbleed: a library answers with memory that is not its own".to_owned(),
        disclosed_at: "2030-01-01".parse().unwrap(),
        severity: Some("High".to_owned()),
        confidence: "high".to_owned(),
        leaks: "memory of the process: private keys, session keys, passwords".to_owned(),
        exposes: texts(&["private key", "passwords"]),
        preconditions: "Servers and clients alike.".to_owned(),
        first_words: texts(&[
            "Do not restart before the fixed version is installed: a restart puts fresh keys into leaking memory.",
        ]),
        links: texts(&[
            "https://example.test/a/very/long/address/that/nobody/wants/to/see/broken/over/two/lines.txt",
        ]),
        notes: texts(&["The banner decides nothing."]),
        sources: Vec::new(),
        feature: Some("next_process".to_owned()),
        never_in: vec![TlsLibrary::Boringssl, TlsLibrary::Libressl],
        only_over: None,
        not_analysed: texts(&["3.0", "3.1"]),
        rotate: Rotation {
            keys: Owed::Yes,
            secrets: Owed::ByPolicy,
            steps: texts(&["Install the fixed version.", "Make new keys."]),
        },
        probe: ProbeFact {
            kind: ProbeKind::SafeActive,
            method: "Ask it politely.".to_owned(),
            proves: "That it answers.".to_owned(),
            cannot: "Say why.".to_owned(),
        },
        affected: vec![fixed, upstream, older, exact, firmware],
    }
}

fn hostile() -> Disclosure {
    let mut d = bleed();
    let bad = "\u{1b}[2J\u{202e}x";
    d.id = format!("X{bad}").into();
    (d.title, d.leaks, d.preconditions, d.confidence) = (bad.into(), bad.into(), bad.into(), bad.into());
    (d.severity, d.feature, d.probe.method) = (Some(bad.into()), Some(bad.into()), bad.into());
    for list in
        [&mut d.aliases, &mut d.exposes, &mut d.first_words, &mut d.links, &mut d.notes, &mut d.sources]
    {
        *list = texts(&[bad]);
    }
    (d.not_analysed, d.rotate.steps) = (texts(&[bad]), texts(&[bad]));
    let mut row = Affected::new(bad, bad, bad);
    (row.introduced, row.fixed, row.note) = (Some(bad.into()), Some(bad.into()), Some(bad.into()));
    row.versions = texts(&[bad]);
    d.affected = vec![row];
    d
}

fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn one_disclosure_is_laid_out_for_a_tired_reader() {
    let d = bleed();
    insta::assert_snapshot!(text(|out| show(&d, &Screen::default(), out)), @r#"
    CVE-2030-0001: Nextbleed: a library answers with memory that is not its own
      Public since 2030-01-01, severity High, confidence high; built-in.
      Also called nextbleed, VU#1.

    First of all
        - Do not restart before the fixed version is installed: a restart puts fresh
          keys into leaking memory.

    What leaks or breaks
      memory of the process: private keys, session keys, passwords
      In reach: private key; passwords.

    When it matters
      Servers and clients alike.
      A build without the function next_process does not have it.
      Never in boringssl, libressl.

    What to rotate, in this order
      Keys: yes. Secrets: by-policy.
       1. Install the fixed version.
       2. Make new keys.

    From the network
      Probe: safe-active.
      Ask it politely.
      What it proves: That it answers.
      What it cannot tell: Say why.

    Versions
      Branches of OpenSSL that nobody analysed: 3.0, 3.1.
      upstream
        openssl: affected from 3.2.0 up to and with 3.2.4 (secadv/20300101)
        openssl: not affected below 3.0.0 (secadv/20300101)
      CentOS:6
        openssl: not affected in exactly 1.0.1e-16.el6_5.4.0.1.centos
        (centos-announce, unconfirmed)
      Debian:13
        openssl: affected from 3.2.0-1, fixed in 3.5.7-1~deb13u3 (DSA-1)
          read in the package's changelog
      vendor:F5 BIG-IP (for people: not compared)
        tmos: not known (K1)

    Notes
        - The banner decides nothing.

    Links
      https://example.test/a/very/long/address/that/nobody/wants/to/see/broken/over/two/lines.txt
    "#);
}

#[test]
fn the_list_has_a_line_for_each() {
    let mut second = bleed();
    (second.id, second.severity, second.aliases) = ("RHSA-2030:1".into(), None, Vec::new());
    second.sources = texts(&["csaf, x.json, sha256:00"]);
    let all = [Arc::new(bleed()), Arc::new(second)];
    let screen = Screen { width: 110, ..Screen::default() };
    insta::assert_snapshot!(text(|out| list(&all, &screen, out)), @r#"
    DATE        ID             NAME       SEVERITY  PROBE        ROWS  FROM      WHAT LEAKS OR BREAKS
    2030-01-01  CVE-2030-0001  nextbleed  High      safe-active     5  built-in  memory of the process: private k…
    2030-01-01  RHSA-2030:1    -          -         safe-active     5  imported  memory of the process: private k…

    2 disclosures.
    "#);
    assert_eq!(text(|out| list(&[], &screen, out)).lines().last(), Some("No disclosure."));
}

#[test]
fn json_has_the_keys_of_the_file_and_comes_back() {
    let d = bleed();
    let line = text(|out| show_json(&d, out));
    assert!(line.starts_with(r#"{"schema":"allclear.disclosure/1","origin":"built-in","id":"CVE-2030-0001","aliases":["nextbleed","VU#1"],"#), "{line}");
    let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    value.retain(|key, _| key != "schema" && key != "origin");
    let back: Disclosure = serde_json::from_value(value.into()).unwrap();
    assert_eq!(back, d);
    let lines = text(|out| list_json(&[Arc::new(bleed()), Arc::new(hostile())], out));
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(lines.lines().next(), Some(line.trim_end()));
}

#[test]
fn nothing_of_an_imported_record_acts_on_a_terminal() {
    let d = hostile();
    let screen = Screen::default();
    let all = [Arc::new(hostile())];
    for text in [
        text(|out| show(&d, &screen, out)),
        text(|out| list(&all, &screen, out)),
        text(|out| show_json(&d, out)),
    ] {
        assert!(!text.chars().any(|c| c != '\n' && crate::model::text::acts_on_a_terminal(c)), "{text:?}");
        assert!(text.contains("imported"), "{text}");
    }
}

#[test]
fn lines_fit_the_screen_but_for_what_people_copy() {
    let d = bleed();
    for columns in [60, 80, 120] {
        let screen = Screen { width: columns, ..Screen::default() };
        for line in text(|out| show(&d, &screen, out)).lines().filter(|line| !line.contains("https://")) {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
    }
    let coloured = Screen { style: Style { color: true }, ..Screen::default() };
    assert!(text(|out| show(&d, &coloured, out)).contains("\u{1b}[1;31mFirst of all\u{1b}[0m"));
}
