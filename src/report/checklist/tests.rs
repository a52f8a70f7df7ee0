use super::view::{FIRST, SERVICES};
use super::*;
use crate::model::{
    checklist::{Line, LineState},
    ids::RowId,
    secret::Tier,
    verdict::Grade,
};

mod sheet;
mod template;

const AT: Timestamp = Timestamp::from_seconds(1_795_356_000);

fn context() -> Context {
    Context {
        incident: "incident".to_owned(),
        disclosure: "CVE-2014-0160".to_owned(),
        title: "Heartbleed".to_owned(),
        disclosed_at: Timestamp::from_seconds(1_396_828_800),
        sweep: Some(SweepId(2)),
        generated_at: AT,
        policy: "presume dated; minimum grades E1 E3 E3 E2 E1 E3".to_owned(),
        chain_head: "sha256:00".to_owned(),
        first_words: Vec::new(),
        preconditions: "OpenSSL 1.0.1 answers heartbeats.".to_owned(),
        rotate: vec!["New key and certificate.".to_owned(), "Session secrets.".to_owned()],
        tool: "allclear 0.1.0".to_owned(),
        about: String::new(),
        nothing_owed: vec![NothingOwed {
            row_id: RowId::declared("svc-new"),
            name: "new.example.test:443".to_owned(),
            owner: Some("team-web".to_owned()),
            why: "not affected (`tls13-only`)".to_owned(),
        }],
    }
}

fn line(id: &str, tier: Tier, title: &str, state: LineState) -> Line {
    Line {
        id: format!("svc-web/{id}"),
        tier,
        code: id.to_owned(),
        title: title.to_owned(),
        services: vec![RowId::declared("svc-web")],
        service_names: vec!["web01.example.test:443".to_owned()],
        service_owners: vec![Some("team-web".to_owned())],
        secret: None,
        location: None,
        owner: Some("team-web".to_owned()),
        why: "`192.0.2.11` answered a malformed heartbeat (s0001, 2026-11-22 14:00).".to_owned(),
        steps: vec!["Do this: `sudo systemctl restart nginx`.".to_owned(), "Then that.".to_owned()],
        impact: Some("Open requests end.".to_owned()),
        overlap: false,
        blocked_by: Vec::new(),
        blocked_by_text: Vec::new(),
        tool_checks: None,
        attest: None,
        evidence_wanted: "The installed version.".to_owned(),
        evidence_seen: None,
        grade: None,
        state,
        done_by: None,
        done_at: None,
        runbook: None,
    }
}

/// A fix that is done, a restart to be done, a key that waits for it, a listed password, a proof.
fn lists() -> Vec<Checklist> {
    let fixed = Line {
        evidence_seen: Some("recorded by ada, 2026-11-22 14:00, CHG-7".to_owned()),
        grade: Some(Grade::E1),
        done_by: Some("ada".to_owned()),
        done_at: Some(AT),
        ..line("A1", Tier::A, "Install the fixed version", LineState::Done)
    };
    let restart = Line {
        tool_checks: Some("Clean looks at every address: `allclear verify --service svc-web`.".to_owned()),
        ..line("A2", Tier::A, "Restart everything that maps the old library", LineState::Open)
    };
    let key = Line {
        id: "key:0123456789ab/B1".to_owned(),
        overlap: true,
        service_names: vec!["mx1.example.test:25".to_owned(), "web01.example.test:443".to_owned()],
        blocked_by: vec!["svc-web/A2".to_owned()],
        blocked_by_text: vec![
            "A2 Restart everything that maps the old library: `web01.example.test:443`".to_owned(),
        ],
        ..line("B1", Tier::B, "New key and certificate", LineState::Blocked)
    };
    let password = Line {
        id: "db-main/C1".to_owned(),
        secret: Some("db-main".to_owned()),
        location: Some("vault kv/web/db".to_owned()),
        runbook: Some("https://wiki.example.test/db".to_owned()),
        attest: Some(
            "# when it is done\nallclear attest --secret db-main --state old-refused --reference TICKET"
                .to_owned(),
        ),
        evidence_seen: Some("too-early; recorded by bob, 2026-11-22 13:00".to_owned()),
        grade: Some(Grade::E0),
        ..line("C1", Tier::C, "Database passwords", LineState::TooEarly)
    };
    let unowned =
        Line { owner: None, service_owners: vec![None], ..line("A0", Tier::A, "Find out", LineState::Open) };
    let lines =
        vec![fixed, restart, key, password, line("F1", Tier::F, "Confirming sweep", LineState::Blocked)];
    vec![
        Checklist { owner: Some("team-web".to_owned()), lines },
        Checklist { owner: None, lines: vec![unowned] },
    ]
}

#[test]
fn a_small_checklist_as_markdown() {
    let text = markdown(&lists(), &context(), None).expect("it renders");
    for wanted in [
        "- [x] **A1 Install the fixed version**",
        "- [ ] **A2 Restart everything that maps the old library**",
        "Do not restart before the fix is installed",
        "Do not make new keys before the restart",
        "Do not revoke before every endpoint serves the new key",
        "    allclear attest --secret db-main --state old-refused --reference TICKET",
        "    1. Do this",
        "    2. Then that",
        "disclosed 2014-04-07, sweep",
        "## Without an owner",
        "too early: do it again",
        "`new.example.test:443`",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
    let first = text.split("- Must wait:").next().unwrap_or_default();
    assert!(
        first.contains("**A2** Restart") && first.contains("**C1** Database"),
        "what can start now: {first}"
    );
    assert!(
        !first.contains("**B1**") && !first.contains("**A1**"),
        "what waits or is done is not first: {first}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_small_checklist_as_html() {
    let text = html(&lists(), &context(), None).expect("it renders");
    assert!(text.starts_with("<!DOCTYPE html>"), "begins {:?}", text.get(..40));
    assert!(text.contains("default-src 'none'"));
    for forbidden in ["<script", "http://", "src=", "@import", "url("] {
        assert!(!text.contains(forbidden), "{forbidden:?} in the page");
    }
    assert_eq!(text.matches("<input type=\"checkbox\" disabled").count(), 6, "one box a line");
    assert_eq!(text.matches(" checked").count(), 1, "one line is done");
    balanced(&text);
    let body = text.split("</style>").nth(1).expect("a body");
    insta::assert_snapshot!(body);
}

/// Every element that is opened is closed, in order.
fn balanced(html: &str) {
    let void = ["meta", "input", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|t| t.split('>').next()) {
        let name = tag.split_whitespace().next().unwrap_or_default();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "closing {closed:?}");
        } else if !void.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// Everything that people or servers wrote, hostile.
fn hostile(bad: &str) -> (Vec<Checklist>, Context) {
    let text = || Some(bad.to_owned());
    let line = Line {
        id: bad.to_owned(),
        code: bad.to_owned(),
        title: bad.to_owned(),
        services: vec![RowId::declared(bad)],
        service_names: vec![bad.to_owned()],
        secret: text(),
        location: text(),
        owner: text(),
        why: bad.to_owned(),
        steps: vec![bad.to_owned()],
        impact: text(),
        blocked_by: vec![bad.to_owned()],
        blocked_by_text: vec![bad.to_owned()],
        tool_checks: text(),
        attest: text(),
        evidence_wanted: bad.to_owned(),
        evidence_seen: text(),
        done_by: text(),
        done_at: Some(AT),
        runbook: text(),
        ..line("A1", Tier::A, "x", LineState::Contradicted)
    };
    let first = Line { blocked_by_text: Vec::new(), ..line.clone() };
    let mut context = context();
    context.incident = bad.to_owned();
    context.title = bad.to_owned();
    context.policy = bad.to_owned();
    context.chain_head = bad.to_owned();
    context.first_words = vec![bad.to_owned()];
    context.preconditions = bad.to_owned();
    context.rotate = vec![bad.to_owned()];
    context.about = bad.to_owned();
    context.nothing_owed = vec![NothingOwed {
        row_id: RowId::declared(bad),
        name: bad.to_owned(),
        owner: text(),
        why: bad.to_owned(),
    }];
    (vec![Checklist { owner: text(), lines: vec![line, first] }], context)
}

const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.test/pixel)",
    "https://evil.test/",
    "# big\r\n\r\n## heading",
    "`<b>`</code></pre><b>",
    "```\n<b>",
    "\u{1b}]0;owned\u{7}\u{202e}",
    "{{title}} {{{title}}}",
];

#[test]
fn hostile_text_makes_no_html() {
    let plain = html(&hostile("x").0, &hostile("x").1, None).expect("it renders");
    let shape = |page: &str| page.matches('<').count();
    for bad in HOSTILE {
        let (lists, context) = hostile(bad);
        let page = html(&lists, &context, None).unwrap_or_else(|e| panic!("{bad:?}: {e}"));
        for forbidden in ["<script", "<img", "<b>", "<a "] {
            assert!(!page.contains(forbidden), "{forbidden:?} came from {bad:?}");
        }
        if !bad.contains('`') {
            assert_eq!(shape(&page), shape(&plain), "{bad:?} changed the page's elements");
        }
        balanced(&page);
        assert_quiet(&page, bad);
    }
}

#[test]
fn hostile_text_makes_no_links_headings_or_html_in_markdown() {
    for bad in HOSTILE {
        let (lists, context) = hostile(bad);
        let page = markdown(&lists, &context, None).unwrap_or_else(|e| panic!("{bad:?}: {e}"));
        assert_quiet(&page, bad);
        let mut fenced = false;
        for text in page.lines() {
            if text.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            let shown = without_code(text);
            for forbidden in ["<script", "<img", "<b>", "](", "https://"] {
                let live = shown.match_indices(forbidden).any(|(i, _)| !shown[..i].ends_with('\\'));
                assert!(!live, "{forbidden:?} is live, from {bad:?}: {text}");
            }
            assert!(
                !text.trim_start().starts_with("# big") && !text.starts_with("## heading"),
                "{bad:?}: {text}"
            );
        }
        assert!(!fenced, "{bad:?} left a code block open");
    }
}

/// A line without its code spans. A backslash before a backtick makes it text.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let tail = &after[1..];
        let close = if before.ends_with('\\') { None } else { tail.find('`') };
        rest = close.map_or(tail, |end| &tail[end + 1..]);
    }
    out + rest
}

fn assert_quiet(page: &str, bad: &str) {
    let acts = page.chars().find(|c| *c != '\n' && crate::model::text::acts_on_a_terminal(*c));
    assert_eq!(acts, None, "a control character came through from {bad:?}");
}

#[test]
fn a_template_of_ones_own_gets_the_same_data() {
    let template = "{{#each lists}}{{owner}}:{{#each tiers}}{{#each lines}} {{code}}={{state}}{{/each}}{{/each}}\n{{/each}}";
    let text =
        markdown(&lists(), &context(), Some(Template { name: "t.hbs", text: template })).expect("it renders");
    assert_eq!(text, "team-web: A1=done A2=open B1=blocked C1=too-early F1=blocked\n: A0=open\n");
}

#[test]
fn a_bad_template_is_an_error_that_says_where() {
    let table = [
        ("{{#each lists}}", "cannot be read"),
        ("{{nothing_of_the_kind}}", "nothing_of_the_kind"),
        ("{{#each lists}}{{ownr}}{{/each}}", "ownr"),
    ];
    for (template, wanted) in table {
        let error = html(&lists(), &context(), Some(Template { name: "t.hbs", text: template }))
            .expect_err(template)
            .to_string();
        assert!(error.contains(wanted), "template {template:?}: {error}");
    }
}

#[test]
fn no_lines_at_all_still_make_a_page() {
    for lists in [Vec::new(), vec![Checklist { owner: Some("o".to_owned()), lines: Vec::new() }]] {
        let mut context = context();
        context.nothing_owed.clear();
        context.sweep = None;
        assert!(markdown(&lists, &context, None).expect("it renders").contains("no sweep yet"));
        balanced(&html(&lists, &context, None).expect("it renders"));
    }
}

#[test]
fn the_same_lists_give_the_same_page() {
    let pages: Vec<String> = (0..2).map(|_| html(&lists(), &context(), None).expect("it renders")).collect();
    assert_eq!(pages[0], pages[1]);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut lists = lists();
    let names: Vec<String> = (0..SERVICES + 3).map(|i| format!("h{i}.example.test:443")).collect();
    lists[0].lines[1].service_names = names;
    lists[0].lines.extend((0..FIRST).map(|i| line(&format!("D{i}"), Tier::D, "More", LineState::Open)));
    let text = markdown(&lists, &context(), None).expect("it renders");
    assert!(text.contains("`h11.example.test:443` and 3 more"), "{text}");
    assert!(text.contains("And 2 more below."), "{text}");
}

#[test]
fn a_list_without_work_says_whether_it_is_over_or_for_what_it_waits() {
    let waits = Line {
        blocked_by_text: vec!["A2 Restart: `web01.example.test:443` (`team-web`)".to_owned()],
        ..line("B1", Tier::B, "New key", LineState::Blocked)
    };
    let done = line("A1", Tier::A, "Fix", LineState::Done);
    let waived = line("A0", Tier::A, "Find out", LineState::Waived);
    let claimed = line("B1r", Tier::B, "Revoke", LineState::Claimed);
    let over = "Everything is settled.";
    let stuck = "Nothing can be started now";
    let table: &[(&[&Line], &str, &str)] = &[
        (&[&done, &waived], over, stuck),
        (&[], over, stuck),
        (&[&done, &waits], stuck, over),
        (&[&done, &claimed], "**B1r** Revoke: claimed, not confirmed yet", over),
        (&[&waits], "**B1** New key waits for:\n  - A2 Restart: `web01.example.test:443` (`team-web`)", over),
    ];
    for (lines, wanted, unwanted) in table {
        let lines: Vec<Line> = lines.iter().map(|l| (*l).clone()).collect();
        let states: Vec<LineState> = lines.iter().map(|l| l.state).collect();
        let lists = [Checklist { owner: Some("o".to_owned()), lines }];
        let text = markdown(&lists, &context(), None).expect("it renders");
        assert!(text.contains(wanted) && !text.contains(unwanted), "{states:?}: {text}");
        balanced(&html(&lists, &context(), None).expect("it renders"));
    }
}

#[test]
fn what_a_waived_or_confirmed_line_would_have_one_do_is_left_out() {
    for (state, shown) in [
        (LineState::Open, true),
        (LineState::Claimed, true),
        (LineState::Seen, false),
        (LineState::Waived, false),
        (LineState::Done, false),
    ] {
        let lists = [Checklist { owner: None, lines: vec![line("A2", Tier::A, "Restart", state)] }];
        for text in [markdown(&lists, &context(), None), html(&lists, &context(), None)] {
            assert_eq!(text.expect("it renders").contains("systemctl restart"), shown, "{state}");
        }
    }
}

#[test]
fn what_is_to_be_rotated_stands_once_at_the_head_and_nothing_where_nothing_is() {
    for page in [markdown(&lists(), &context(), None), html(&lists(), &context(), None)] {
        let page = page.expect("it renders");
        assert_eq!(page.matches("To be rotated after this disclosure").count(), 1, "{page}");
        let at = page.find("Session secrets.").expect("the steps");
        assert!(page.find("It matters where: OpenSSL 1.0.1").is_some_and(|before| before < at), "{page}");
        assert!(at < page.find("At a glance").expect("the first list"), "{page}");
    }
    let bare = Context { preconditions: String::new(), rotate: Vec::new(), ..context() };
    for page in [markdown(&lists(), &bare, None), html(&lists(), &bare, None)] {
        let page = page.expect("it renders");
        assert!(!page.contains("To be rotated") && !page.contains("It matters where"), "{page}");
    }
}

#[test]
fn a_template_that_includes_itself_is_refused() {
    for template in
        ["{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}", "{{~> checklist}}", "{{#> layout}}{{/layout}}"]
    {
        let error =
            markdown(&[], &context(), Some(Template { name: "t.hbs", text: template })).expect_err(template);
        assert!(error.to_string().contains("stand alone"), "input: {template:?}, got: {error}");
    }
}
