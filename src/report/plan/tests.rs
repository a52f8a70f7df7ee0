use super::*;
use crate::{
    model::{
        assessment::KeyExposure,
        checklist::{Line, LineState},
        facet::State,
        ids::{RowId, Sha256},
        plan::{
            Action, Blast, BlastCertificate, BlastEndpoint, Counts, Need, Part, Plan, Revoke, Split, Step,
            Wave,
        },
        secret::Tier,
        text::acts_on_a_terminal,
    },
    report::{
        blast,
        sample::{HOSTILE, at},
        style::Screen,
        table::width,
    },
};

fn line(id: &str, tier: Tier, title: &str, names: &[&str], owner: &str) -> Line {
    let code = id.rsplit('/').next().unwrap_or_default();
    Line {
        id: id.to_owned(),
        tier,
        code: code.to_owned(),
        title: title.to_owned(),
        services: names.iter().map(|n| RowId::declared(n)).collect(),
        service_names: names.iter().map(|n| (*n).to_owned()).collect(),
        service_owners: names.iter().map(|_| Some(owner.to_owned())).collect(),
        secret: None,
        location: None,
        owner: Some(owner.to_owned()),
        why: String::new(),
        steps: Vec::new(),
        impact: None,
        overlap: true,
        blocked_by: Vec::new(),
        blocked_by_text: Vec::new(),
        tool_checks: None,
        attest: None,
        evidence_wanted: String::new(),
        evidence_seen: None,
        grade: None,
        state: LineState::Open,
        done_by: None,
        done_at: None,
        runbook: None,
    }
}

fn step(line: Line, wave: usize, waits: &[usize]) -> Step {
    Step { line, wave: Some(wave), unit: None, waits: waits.to_vec(), blocks: Vec::new() }
}

fn action(plan: &[Step], places: &[usize]) -> Action {
    let first = &plan[places[0]];
    Action {
        tier: first.line.tier,
        code: first.line.code.clone(),
        title: first.line.title.clone(),
        unit: first.unit.clone(),
        owners: first.owners().into_iter().map(|o| o.map(str::to_owned)).collect(),
        steps: places.to_vec(),
    }
}

fn endpoint(name: &str, owner: Option<&str>, state: State, serves_now: bool) -> BlastEndpoint {
    BlastEndpoint {
        row_id: RowId::declared(name),
        name: name.to_owned(),
        address: Some("192.0.2.7".parse().expect("an address")),
        port: 443,
        owner: owner.map(str::to_owned),
        state: Some(state),
        serves_now,
        leaked: state == State::Exposed,
        leaks_now: state == State::Exposed,
    }
}

fn part(who: &str, waits: &[usize], wave: usize) -> Part {
    Part { who: Some(who.to_owned()), services: 1, endpoints: 1, waits: waits.to_vec(), wave }
}

/// Web leaks, mail only shares its key; `web` and `mail` are what they are called and whose they are.
fn plan(web: &str, mail: &str) -> Plan {
    let mut restart = line("web/A2", Tier::A, "Restart everything that runs the old code", &[web], web);
    restart.impact = Some("Open requests end; browsers ask again.".to_owned());
    restart.blocked_by = vec!["web/A1".to_owned()];
    let mut rekey = line("key:2c70e12b7a06/B1", Tier::B, "New key and certificate", &[mail, web], web);
    rekey.owner = None;
    rekey.service_owners = vec![Some(mail.to_owned()), Some(web.to_owned())];
    let revoke = Line {
        id: "key:2c70e12b7a06/B1r".to_owned(),
        code: "B1r".to_owned(),
        title: "Revoke the old certificates".to_owned(),
        ..rekey.clone()
    };
    let mut password = line("db/C1", Tier::C, "Database password", &[mail], mail);
    password.secret = Some("db-main".to_owned());
    password.state = LineState::TooEarly;
    password.overlap = false;
    let mut steps = vec![
        step(line("web/A1", Tier::A, "Install the fixed version", &[web], web), 1, &[]),
        step(password, 1, &[]),
        step(restart, 2, &[0]),
        step(rekey, 3, &[2]),
        step(revoke, 4, &[3]),
    ];
    steps[2].unit = Some("nginx".to_owned());
    let wave = |number: usize, title: &str, places: &[&[usize]], need: Option<(&str, &str)>| Wave {
        number,
        title: title.to_owned(),
        actions: places.iter().map(|p| action(&steps, p)).collect(),
        waits_for: need
            .map(|(code, title)| Need {
                wave: number - 1,
                code: code.to_owned(),
                title: title.to_owned(),
                lines: 1,
            })
            .into_iter()
            .collect(),
    };
    let waves = vec![
        wave(1, "install fixes, machine secrets", &[&[1], &[0]], None),
        wave(2, "restart", &[&[2]], Some(("A1", "Install the fixed version"))),
        wave(3, "new keys", &[&[3]], Some(("A2", "Restart everything that runs the old code"))),
        wave(4, "revoke old certificates", &[&[4]], Some(("B1", "New key and certificate"))),
    ];
    let blast = Blast {
        spki: Sha256::of(b"key"),
        exposure: KeyExposure::Exposed,
        exposed_at: Some(at("14:00:00")),
        endpoints: vec![
            endpoint(mail, Some(mail), State::ClosedKeyAtRisk, true),
            endpoint("old.example.test:443", None, State::RekeyedOldNotRevoked, false),
            endpoint(web, Some(web), State::Exposed, true),
        ],
        certificates: vec![BlastCertificate {
            sha256: Sha256::of(b"certificate"),
            subject: Some(format!("CN={web}")),
            serial: Some("0x1e10".to_owned()),
            issuer: Some("CN=Test CA".to_owned()),
            not_after: Some("2027-01-01".parse().expect("a date")),
            revoked: false,
            expired: false,
            reissued: true,
        }],
        owners: vec![Some(mail.to_owned()), Some(web.to_owned()), None],
        services: 3,
        rekey: Some(3),
        revoke: Revoke { step: Some(4), blocked_by: vec![0, 2], waits: vec![3] },
        split: Some(Split {
            shared: Part { who: None, services: 2, endpoints: 2, waits: vec![0, 2], wave: 3 },
            owners: vec![part(mail, &[], 1), part(web, &[0, 2], 3)],
            services: vec![part(mail, &[], 1), part(web, &[0, 2], 3)],
        }),
    };
    let counts = Counts { lines: 9, settled: 3, seen: 1, services: 4, nothing_owed: 1, unknown: 1 };
    Plan { steps, waves, held: Vec::new(), blasts: vec![blast], counts }
}

fn sample() -> Plan {
    plan("web01.example.test:443", "mail.example.test:993")
}

fn context(only: Option<Only>) -> Context {
    Context {
        incident: "incident".to_owned(),
        disclosure: "CVE-2014-0160".to_owned(),
        title: "Heartbleed".to_owned(),
        sweep: Some(SweepId(2)),
        generated_at: at("20:30:00"),
        chain_head: "sha256:00".to_owned(),
        presume: crate::model::policy::Presume::Dated,
        tool: "allclear 0.1.0".to_owned(),
        only,
    }
}

fn shown(plan: &Plan, only: Option<Only>, screen: &Screen) -> String {
    let mut out = Vec::new();
    text(plan, &context(only), screen, &mut out).expect("memory takes every byte");
    String::from_utf8(out).expect("text")
}

#[test]
fn the_plan_reads_from_the_top() {
    insta::assert_snapshot!(shown(&sample(), None, &Screen::default()), @"
    5 things left in 4 waves. 2 things can start now: mail.example.test:993 (1) and
    web01.example.test:443 (1).
    No restart before the fix is installed: it brings the key into fresh memory,
      where it leaks sooner.
    No new key before the restart: a key made while an endpoint that gets it still
      leaks is exposed as well.
    No revocation before every endpoint has left the key: clients would be turned
      away where it is still served.
    Of the whole fleet: 3 of 9 lines settled, 1 seen done once (another sweep has to
    confirm); 1 of 4 services owe nothing. 1 service could not be judged, which is
    not clean.
    Incident incident: CVE-2014-0160 Heartbleed, after sweep s0002; written
    2026-11-22 20:30 UTC. Presumption: dated.

    WAVE 1: install fixes, machine secrets (2 things, can go in parallel; can
      start now)
      mail.example.test:993
        C1 Database password [done too early: do it again]: db-main
            Old and new cannot be valid together: choose the hour.
      web01.example.test:443
        A1 Install the fixed version: web01.example.test:443

    WAVE 2: restart (1 thing; waits for wave 1: A1 Install the fixed version (1))
      web01.example.test:443
        A2 Restart nginx: web01.example.test:443
            Open requests end; browsers ask again.

    WAVE 3: new keys (1 thing; waits for wave 2: A2 Restart everything that runs
      the old code (1))
      mail.example.test:993 and web01.example.test:443, together
        B1 New key and certificate: key 2c70e12b7a06 on mail.example.test:993,
            web01.example.test:443
            waits for A2 Restart nginx (web01.example.test:443, wave 2):
              web01.example.test:443

    WAVE 4: revoke old certificates (1 thing; waits for wave 3: B1 New key and
      certificate (1))
      mail.example.test:993 and web01.example.test:443, together
        B1r Revoke the old certificates: key 2c70e12b7a06 on
            mail.example.test:993, web01.example.test:443
            waits for B1 New key and certificate (mail.example.test:993 and
              web01.example.test:443, wave 3): key 2c70e12b7a06 on
              mail.example.test:993, web01.example.test:443

    KEYS: 1 was in reach of the leak and not dealt with; whoever has one can pose
      as everything on it
      sha256:2c70e12b7a06… exposed, on 3 endpoints of 3 services, 2 owners and
        services of nobody known, 1 certificate
        Revoke waits for 2 endpoints still serving it:
          mail.example.test:993@192.0.2.7 (mail.example.test:993),
          web01.example.test:443@192.0.2.7 (web01.example.test:443).
        With one new key for all 2 endpoints: not before wave 3, after 2 steps of
          web01.example.test:443; put on an endpoint that still leaks, it is burnt
          for all.
        With a key for each owner: 2 new keys; 1 owner now
          (mail.example.test:993), 1 owner in wave 3 (web01.example.test:443).
        With a key for each service: 2 new keys; 1 service now
          (mail.example.test:993), 1 service in wave 3 (web01.example.test:443).
        Next time: shared, a leak at any of 2 endpoints burns the key of all of
          them, and revocation waits for 2 owners; split by owner, of 1 at most, and
          nobody waits for another owner; split by service, of 1 at most. This time
          the old key's revocation waits for every endpoint either way.

    How each is done, with evidence: allclear checklist --owner NAME. One owner's
    part: allclear plan --owner NAME. One key: allclear plan --key DIGITS.
    ");
}

#[test]
fn one_key_is_shown_whole() {
    let mut plan = sample();
    plan.waves.clear();
    let only = Some(Only::Key("2c70".to_owned()));
    insta::assert_snapshot!(shown(&plan, only, &Screen { width: 120, ..Screen::default() }), @"
    sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683
      sha256:2c70e12b7a06… exposed, on 3 endpoints of 3 services, 2 owners and services of nobody known, 1 certificate
        Revoke waits for 2 endpoints still serving it: mail.example.test:993@192.0.2.7 (mail.example.test:993),
          web01.example.test:443@192.0.2.7 (web01.example.test:443).
        With one new key for all 2 endpoints: not before wave 3, after 2 steps of web01.example.test:443; put on an
          endpoint that still leaks, it is burnt for all.
        With a key for each owner: 2 new keys; 1 owner now (mail.example.test:993), 1 owner in wave 3
          (web01.example.test:443).
        With a key for each service: 2 new keys; 1 service now (mail.example.test:993), 1 service in wave 3
          (web01.example.test:443).
        Next time: shared, a leak at any of 2 endpoints burns the key of all of them, and revocation waits for 2 owners;
          split by owner, of 1 at most, and nobody waits for another owner; split by service, of 1 at most. This time the
          old key's revocation waits for every endpoint either way.

      ENDPOINT                          OWNER                   KEY        LEAK            STATE
      mail.example.test:993@192.0.2.7   mail.example.test:993   serves it  shares the key  closed-key-at-risk
      old.example.test:443@192.0.2.7    nobody known            left it    shares the key  rekeyed-old-not-revoked
      web01.example.test:443@192.0.2.7  web01.example.test:443  serves it  leaks now       exposed

      certificate 0x1e10, CN=web01.example.test:443: not known to be revoked, valid until 2027-01-01; issued anew on the
        exposed key (sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72)
    ");
}

#[test]
fn no_line_is_wider_than_the_screen_where_words_allow() {
    for columns in [80, 100, 120] {
        let screen = Screen { width: columns, ..Screen::default() };
        for line in shown(&sample(), None, &screen).lines() {
            assert!(width(line) <= columns, "{} columns of {columns}: {line}", width(line));
        }
    }
}

#[test]
fn a_long_list_is_cut_in_the_text_and_nowhere_else() {
    let mut plan = sample();
    let first = plan.steps.len();
    for i in 0..100 {
        let name = format!("host{i:03}.example.test:443");
        plan.steps.push(step(
            line(&format!("h{i:03}/A1"), Tier::A, "Install the fixed version", &[&name], "it's us"),
            1,
            &[],
        ));
    }
    let places: Vec<usize> = (first..first + 100).collect();
    plan.waves[0].actions.push(action(&plan.steps, &places));
    let told = shown(&plan, None, &Screen::default());
    assert!(told.contains("and 88 more: allclear plan --owner 'it'\\''s us'"), "{told}");
    assert!(told.contains("host011.") && !told.contains("host012."), "{told}");
    let owner = shown(&plan, Some(Only::Owner("it's us".to_owned())), &Screen::default());
    assert!(owner.contains("host095.") && owner.contains("and 4 more"), "{owner}");
    let mut object = Vec::new();
    json(&plan, &context(None), &mut object).expect("memory takes every byte");
    for whole in [
        markdown(&plan, &context(None)),
        html(&plan, &context(None)),
        String::from_utf8(object).expect("text"),
    ] {
        assert!((0..100).all(|i| whole.contains(&format!("host{i:03}.example.test:443"))));
    }
}

#[test]
fn nothing_left_is_not_called_clean_while_a_look_is_missing() {
    let mut plan = sample();
    plan.waves.clear();
    plan.blasts.clear();
    let told = shown(&plan, None, &Screen::default()).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("another sweep has to confirm"), "{told}");
    assert!(told.contains("1 service could not be judged, which is not clean"), "{told}");
    assert!(!told.contains("No restart before"), "no order where nothing is to be ordered: {told}");
}

#[test]
fn hostile_names_do_nothing_anywhere() {
    const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=y>`</title></svg>";
    for name in [HOSTILE, MARKUP] {
        let plan = plan(name, "mail.example.test:993");
        let told = shown(&plan, None, &Screen::default());
        assert!(!told.replace('\n', "").contains(acts_on_a_terminal), "{told:?}");
        let page = html(&plan, &context(None));
        assert!(!page.replace('\n', "").contains(acts_on_a_terminal));
        for bad in ["<script", "<img", "onerror=y>", "</title></svg>"] {
            assert!(!page.contains(bad), "{bad} in the page");
        }
        assert!(!page.contains(" src=") && !page.contains(" href="), "nothing from outside");
        let markdown = markdown(&plan, &context(None));
        assert!(!markdown.replace('\n', "").contains(acts_on_a_terminal));
        let mut object = Vec::new();
        json(&plan, &context(None), &mut object).expect("memory takes every byte");
        let object = String::from_utf8(object).expect("text");
        assert!(!object.trim_end().contains(acts_on_a_terminal));
        let read: serde_json::Value = serde_json::from_str(&object).expect("JSON");
        assert_eq!(read["waves"][0]["actions"][1]["lines"][0]["names"][0], name);
    }
}

#[test]
fn the_picture_is_well_formed_and_draws_forty_endpoints() {
    let mut blast = sample().blasts.remove(0);
    for name in [HOSTILE, "a<b>&\"c\"", "plain.example.test:443"] {
        blast.endpoints[0].name = name.to_owned();
        let picture = blast::svg(&blast);
        assert_xml(&picture);
        assert_eq!(picture.matches("<rect").count(), 3 + 1 + 1, "endpoints, key, certificate");
    }
    let one = blast.endpoints[2].clone();
    blast.endpoints =
        (0..100).map(|i| BlastEndpoint { name: format!("h{i:03}:443"), ..one.clone() }).collect();
    blast.revoke.blocked_by = (50..100).collect();
    let picture = blast::svg(&blast);
    assert_xml(&picture);
    assert_eq!(picture.matches("<rect").count(), 40 + 1 + 1 + 1, "and a box that counts the rest");
    assert!(picture.contains("and 60 more endpoints") && picture.contains("10 of them still serve it"));
    assert!(
        picture.contains("h050:443") && !picture.contains("h049:443"),
        "those that hold things up come first"
    );
}

/// Every `<` opens an element of ours or closes the one that is open, and attributes are quoted.
fn assert_xml(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut parts = text.split('<');
    assert_eq!(parts.next(), Some(""), "{text}");
    for part in parts {
        let (tag, after) = part.split_once('>').unwrap_or_else(|| panic!("an open `<` in {text}"));
        assert!(!after.contains('>'), "a lone `>` after {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{text}");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        assert!(["svg", "g", "title", "rect", "text", "path"].contains(&name), "<{tag}>");
        assert_eq!(tag.matches('"').count(), 2 * tag.matches('=').count(), "<{tag}>");
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_stands_alone() {
    let page = html(&sample(), &context(None));
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
    assert!(
        page.contains("<svg class=\"blast\"")
            && page.contains("prefers-color-scheme: dark")
            && page.contains("@media print")
    );
    for (opened, closed) in
        [("<ul", "</ul>"), ("<section", "</section>"), ("<li", "</li>"), ("<table", "</table>")]
    {
        assert_eq!(page.matches(opened).count(), page.matches(closed).count(), "{opened}");
    }
}
