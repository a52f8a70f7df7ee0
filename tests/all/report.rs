//! The dashboard in a real browser: what it answers, sorts and filters, that nothing leaves it, and that no name that
//! somebody chose can act in it.

use std::{net::TcpListener, path::Path};

use serde_json::{Value, json};

use crate::support::{
    Running, Work,
    certs::Key,
    chromium::{Browser, Page},
    peers::{self, Server, need},
};

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Nothing went wrong, and nothing but the page itself was asked for.
#[track_caller]
fn quiet(page: &Page, at: &str) {
    assert_eq!(page.errors(), [""; 0]);
    assert_eq!(page.requests(), [at]);
}

/// The cells of one column of a table, in the order in which they stand.
fn column(page: &Page, table: &str, column: usize) -> Vec<String> {
    let js = format!(
        "[...document.querySelectorAll('#t-{table} tbody tr')].filter(r => !r.hidden).map(r => r.cells[{column}].textContent.trim())"
    );
    serde_json::from_value(page.eval(&js)).unwrap()
}

#[test]
fn the_dashboard_answers_sorts_and_filters_in_a_browser() {
    let browser = need!(Browser::start());
    let work = Work::new();
    work.ok(&["drill"]);
    let at = url(&work.path("drill/report-day1.html"));
    let page = browser.page();
    page.size(1280, 900);
    page.open(&at);
    quiet(&page, &at);
    let answers = page.eval("[...document.querySelectorAll('.answers .big')].map(e => e.textContent)");
    let answers: Vec<String> = serde_json::from_value(answers).unwrap();
    assert_eq!(answers[..3], ["2 vulnerable", "2 unknown", "7 overdue"], "{answers:?}");
    assert_eq!((answers[3].len(), answers[4].as_str()), (8, "3 worse"), "{answers:?}");
    let shown = page.eval("document.querySelector('.answers').getBoundingClientRect().bottom < innerHeight");
    assert_eq!(shown, true, "the answers stand on the first screen");

    sorts_and_filters(&page);
    looks(&page, &work);

    // The policy of the page holds: what is put into it later is not fetched, and says so.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    page.eval(&format!(
        "document.body.insertAdjacentHTML('beforeend', '<img src=http://127.0.0.1:{port}/x onerror=window.pwned=1>')"
    ));
    page.eval(&format!("fetch('http://127.0.0.1:{port}/y').catch(() => 0)"));
    assert!(listener.accept().is_err(), "nobody was asked");
    assert!(page.errors().iter().any(|e| e.contains("Content Security Policy")), "{:?}", page.errors());
    assert_eq!(page.eval("window.pwned === undefined"), true);

    // Without script everything stands there, and nothing offers what it cannot do.
    let plain = browser.page();
    plain.without_script();
    plain.open(&at);
    assert_eq!(plain.eval("document.querySelectorAll('#t-services tbody tr').length"), 15);
    assert_eq!(plain.eval("document.querySelectorAll('.tools, th button').length"), 0);
}

fn sorts_and_filters(page: &Page) {
    let head = |n: usize| format!("#t-services th:nth-child({n}) button");
    let worst_first = column(page, "services", 3);
    assert_eq!(worst_first[0], "contradicted", "{worst_first:?}");
    page.click(&head(1));
    let names = column(page, "services", 0);
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(page.eval("document.querySelector('#t-services th').ariaSort"), "ascending");
    page.click(&head(1));
    assert!(column(page, "services", 0).iter().rev().is_sorted());
    // By keyboard, and by what a state means rather than by its letters.
    page.eval("document.querySelector('#t-services th:nth-child(4) button').focus()");
    page.press("Enter");
    assert_eq!(column(page, "services", 3), worst_first);
    // Numbers as numbers: what nobody knows stands last either way.
    page.click("#t-owners th:nth-child(2) button");
    let counts: Vec<u64> = column(page, "owners", 1).iter().map(|n| n.parse().unwrap()).collect();
    assert!(counts.is_sorted(), "{counts:?}");

    page.press("/");
    page.type_text("WWW team-web");
    page.wait_for("document.querySelector('#t-services').closest('.scroll').previousElementSibling.textContent.includes('2 of 15')");
    assert!(column(page, "services", 0).iter().all(|n| n.starts_with("www")));
    page.press("Escape");
    assert_eq!(column(page, "services", 0).len(), 15);
    page.eval("(() => { const s = document.getElementsByName('t-services-3')[0]; s.value = 'closed-key-at-risk'; s.dispatchEvent(new Event('change')); })()");
    assert_eq!(column(page, "services", 3), ["closed-key-at-risk"; 3]);
    page.eval("(() => { const s = document.getElementsByName('t-services-3')[0]; s.value = ''; s.dispatchEvent(new Event('change')); })()");
}

/// Dark, printed, on a phone; and the copy of the data in it.
fn looks(page: &Page, work: &Work) {
    let back = || page.eval("getComputedStyle(document.body).backgroundColor");
    page.emulate(false);
    let light = back();
    page.emulate(true);
    assert_ne!(back(), light);
    let bar = "getComputedStyle(document.querySelector('#facets ~ .pair svg rect')).fill";
    let dark_bar = page.eval(bar);
    page.emulate(false);
    assert_ne!(page.eval(bar), dark_bar, "charts have colours of their own in the dark");
    assert_eq!(page.eval("document.querySelectorAll('[style]').length"), 0);

    page.emulate_print();
    assert_eq!(page.eval("getComputedStyle(document.querySelector('.tools')).display"), "none");
    let pdf = page.pdf();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000, "{} bytes", pdf.len());
    page.emulate(false);

    page.size(390, 844);
    let wide = page.eval("[document.scrollingElement.scrollWidth, innerWidth]");
    assert!(wide[0].as_u64() <= wide[1].as_u64(), "the page itself does not scroll sideways: {wide}");
    page.size(1280, 900);

    let data = page.eval("JSON.parse(document.getElementById('data').textContent)");
    assert_eq!((&data["schema"], &data["totals"]["vulnerable"]), (&json!("allclear.report/1"), &json!(2)));
    assert_eq!(data["services"]["rows"].as_array().unwrap().len(), 15);
    let whole = work
        .ok(&[
            "report",
            "--format",
            "json",
            "--incident",
            "drill/incident-day1.db",
            "--config",
            "drill/allclear.toml",
        ])
        .json();
    assert_eq!(whole["totals"]["clean"], data["totals"]["clean"]);
    assert_eq!(whole["services"].as_array().unwrap().len(), 15);
}

const HOSTILE: &str = "\"'><img src=http://127.0.0.1:9/x onerror=window.pwned=1>";

#[test]
fn hostile_names_are_inert_in_every_section() {
    let browser = need!(Browser::start());
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Key::rsa(work.folder(), "evil").certify("evil", "\"'><img src=x onerror=window.pwned=1>");
    let peer = Server::node(&node, &identity, "{}");
    let owner = HOSTILE.replace('"', "\"\"");
    let rows = format!(
        "id,name,address,port,owner,service_type,exposure,tags\n\"svc{owner}\",,{},{},\"{owner}\",https,public,\"{owner}\"\nsilent,,127.0.0.1,9,\"{owner}\",turn,,\nmute,,127.0.0.1,10,\"{owner}\",,,\n",
        peer.address, peer.port
    );
    work.write("services.csv", rows);
    work.write(
        "secrets.csv",
        format!("secret_id,type,services,owner,location\n\"key{owner}\",\"{owner}\",\"svc{owner}\",\"{owner}\",\"{owner}\"\n"),
    );
    let id = format!("svc{HOSTILE}");
    for _ in 0..2 {
        work.ok(&["sweep", "services.csv", "secrets.csv", "--vantage", HOSTILE, "--offline"]);
    }
    work.ok(&["attest", "--service", &id, "--facet", "patched", "--reference", HOSTILE, "--by", HOSTILE]);
    work.ok(&["waive", "--service", "silent", "--until", "2099-01-01", "--reason", HOSTILE, "--by", HOSTILE]);
    work.ok(&[
        "attest",
        "--secret",
        &format!("key{HOSTILE}"),
        "--state",
        "new-issued",
        "--reference",
        HOSTILE,
    ]);
    work.ok(&["report", "-o", "report.html", "--by", "owner"]);
    let at = url(&work.path("report.html"));
    let page = browser.page();
    page.open(&at);
    page.eval("(() => { for (const d of document.querySelectorAll('details')) d.open = true; })()");
    page.press("/");
    page.type_text("<img");
    for table in ["services", "secrets", "owners", "words", "keys", "unknown", "changes"] {
        page.eval(&format!("document.querySelector('#t-{table} th button')?.click()"));
    }
    quiet(&page, &at);
    assert_eq!(page.eval("window.pwned === undefined"), true);
    assert_eq!(page.eval("document.querySelectorAll('img, iframe, object, script:not(#data)').length"), 1);
    // Everywhere where such a name has a place it stands as text.
    let text = |what: &str| {
        page.eval(&format!("document.querySelector('{what}')?.textContent ?? ''"))
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (section, wanted) in [
        ("#t-services", HOSTILE),
        ("#t-owners", HOSTILE),
        ("#t-words", HOSTILE),
        ("#t-secrets", HOSTILE),
        ("#t-unknown", HOSTILE),
        ("#t-method", HOSTILE),
        ("#t-keys", HOSTILE),
        ("details.key svg", "onerror=window.pwned=1"),
        ("details.key", HOSTILE),
    ] {
        assert!(text(section).contains(wanted), "{section}: {}", text(section));
    }
    let subject =
        page.eval("[...document.querySelectorAll('details.key svg title')].map(e => e.textContent).join()");
    assert!(
        subject.as_str().unwrap().contains("CN=\\\"'\\><img src=x onerror=window.pwned=1>")
            || subject.as_str().unwrap().contains("<img src=x"),
        "{subject}"
    );
    assert_eq!(page.eval("JSON.parse(document.getElementById('data').textContent).services.rows.length"), 3);
    // The owner's own page, linked from the table.
    let link = page.eval("document.querySelector('#t-owners a').href");
    let link = link.as_str().unwrap();
    page.open(link);
    quiet(&page, link);
    assert_eq!(
        page.eval("window.pwned === undefined && document.querySelectorAll('img, script').length === 0"),
        true
    );
}

#[test]
fn the_live_page_follows_what_happens() {
    let browser = need!(Browser::start());
    let work = Work::new();
    work.ok(&["drill"]);
    let incident = ["--incident", "drill/incident-day1.db", "--config", "drill/allclear.toml"];
    let mut command = work.command(&[&["serve", "--every", "100ms"], &incident[..]].concat());
    let mut server = Running::start(&mut command, b"");
    server.wait_for_lines(1);
    let at = server.out_so_far().trim().to_owned();
    let page = browser.page();
    page.open(&at);
    page.wait_for("document.getElementById('live').textContent.includes('Sweep s0002 is finished')");
    assert_eq!(page.eval("document.querySelectorAll('#t-words tbody tr').length"), 2);
    page.eval("document.querySelector('details.key:not([open])').open = true");
    page.eval("(() => { const f = document.getElementsByName('t-services-words')[0]; f.value = 'www'; f.dispatchEvent(new Event('input')); })()");
    work.ok(&[
        &["attest", "--service", "www1.drill.test", "--facet", "patched", "--reference", "CHG-1"],
        &incident[..],
    ]
    .concat());
    page.wait_for("document.querySelectorAll('#t-words tbody tr').length === 3");
    // What the reader had chosen stands as it was.
    page.wait_for("document.getElementsByName('t-services-words')[0].value === 'www'");
    assert_eq!(column(&page, "services", 0).len(), 2);
    assert_eq!(page.eval("document.querySelectorAll('details.key[open]').length"), 2);
    assert_eq!(page.errors(), [""; 0]);
    let asked: Vec<String> = page.requests();
    assert!(asked.iter().all(|to| to.starts_with(&at)), "{asked:?}");
    server.signal("TERM");
    page.wait_for("document.getElementById('live').textContent.includes('stopped')");
    server.finish(crate::support::HANG).expect_code(0);
}

/// A page of 5,000 services, made by `scripts/bench-report.sh`: its size, and how long until a reader can work with it.
#[test]
#[ignore = "a benchmark: scripts/bench-report.sh"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn bench_a_page_of_5000_services() {
    let path = std::env::var("ALLCLEAR_BENCH_PAGE").expect("scripts/bench-report.sh names it");
    let size = std::fs::metadata(&path).unwrap().len();
    let browser = Browser::start().expect("chromium");
    let at = url(Path::new(&path));
    let mut all: Vec<(f64, f64, f64)> = Vec::new();
    for _ in 0..5 {
        let page = browser.page();
        page.open(&at);
        let ready = page.eval("performance.getEntriesByType('navigation')[0].loadEventEnd").as_f64().unwrap();
        let timed = |js: &str| -> f64 {
            let js = format!(
                "(async () => {{ const t = performance.now(); {js}; await new Promise(r => requestAnimationFrame(() => setTimeout(r))); return performance.now() - t; }})()"
            );
            page.eval(&js).as_f64().unwrap()
        };
        let sorted = timed("document.querySelector('#t-services th button').click()");
        let filtered = timed(
            "const f = document.getElementsByName('t-services-words')[0]; f.value = 'team-03'; f.dispatchEvent(new Event('input'))",
        );
        quiet(&page, &at);
        all.push((ready, sorted, filtered));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows: Value = json!(all.len());
    println!("{size} bytes; loaded and interactive / sorted / filtered, ms, {rows} runs: {all:.0?}");
}

#[test]
fn a_long_list_stands_in_steps_and_whole_without_script() {
    let browser = need!(Browser::start());
    let work = Work::new();
    let hosts: String = (0..260).map(|n| format!("127.98.{}.{}\n", n / 200, n % 200 + 1)).collect();
    work.write("hosts.txt", hosts);
    let port = crate::support::free_port().to_string();
    work.ok(&["sweep", "hosts.txt", "--ports", &port, "--offline", "--rate", "0"]);
    work.ok(&["report", "-o", "report.html"]);
    let at = url(&work.path("report.html"));
    let page = browser.page();
    page.open(&at);
    let shown = |page: &Page| column(page, "services", 0).len();
    assert_eq!(shown(&page), 200);
    let more = page.eval("document.querySelector('#t-services + .more').textContent");
    assert_eq!(more, "Show 60 more of 60 that are left");
    page.eval("document.querySelector('#t-services + .more').click()");
    assert_eq!(shown(&page), 260);
    assert_eq!(page.eval("document.querySelector('#t-services + .more').hidden"), true);
    // What is filtered for is found wherever it stands.
    page.press("/");
    page.type_text("127.98.1.60");
    page.wait_for("document.querySelectorAll('#t-services tbody tr:not([hidden])').length === 1");
    quiet(&page, &at);
    let plain = browser.page();
    plain.without_script();
    plain.open(&at);
    let all = "[...document.querySelectorAll('#t-services tbody tr')].filter(r => r.offsetHeight > 0).length";
    assert_eq!(plain.eval(all), 260);
}
