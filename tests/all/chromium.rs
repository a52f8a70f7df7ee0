//! The browser that other tests look at pages with: it sees what is there, reports what goes wrong, and obeys.
//! What this project's own pages look like is not tested here.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    Work,
    chromium::{Browser, Page},
    peers::need,
};

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Opens a page of this head and body.
#[track_caller]
fn open(work: &Work, page: &Page, head: &str, body: &str) -> String {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>A page</title>\
         <meta name=viewport content='width=device-width'>{head}<body>{body}"
    );
    let name = format!("{}.html", page.eval("Math.random()"));
    let url = url(&work.write(&name, html));
    page.open(&url);
    url
}

#[track_caller]
fn assert_one(errors: &[String], wanted: &[&str]) {
    let [error] = errors else { panic!("not one error: {errors:#?}") };
    assert!(wanted.iter().all(|w| error.contains(w)), "{wanted:?} in {error}");
}

/// What is said when this fails.
#[track_caller]
fn panic_of(fails: impl FnOnce()) -> String {
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails));
    *panicked.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn chromium_sees_a_page_and_reports_what_goes_wrong() {
    let browser = need!(Browser::start());
    let (work, page) = (Work::new(), browser.page());

    let at = open(&work, &page, "", "<h1>Größe</h1><script>console.log('fine')</script>");
    assert_eq!(page.eval("document.querySelector('h1').textContent"), "Größe");
    assert_eq!(page.eval("Promise.resolve({ a: [1, null] })"), json!({ "a": [1, null] }));
    assert_eq!(page.eval("undefined"), Value::Null);
    assert_eq!(page.eval("-1 / 0"), "-Infinity");
    assert_eq!(page.requests(), [at]);
    assert_eq!(page.errors(), [""; 0]);

    let said = panic_of(|| drop(page.eval("null.nothing")));
    assert!(said.contains("TypeError: Cannot read properties of null"), "{said}");

    open(&work, &page, "", "<script>console.error('bad', 7, { a: 1 }, NaN)</script>");
    assert_one(&page.errors(), &["console.error: bad 7 Object NaN"]);
    open(&work, &page, "", "<script>console.warn('hm'); console.assert(1 > 2, 'more')</script>");
    assert_eq!(page.errors(), ["console.warning: hm", "console.assert: more"]);
    open(&work, &page, "", "<script>setTimeout(() => { document.title = 'B'; nothing() })</script>");
    page.wait_for("document.title === 'B'");
    assert_one(&page.errors(), &["Uncaught ReferenceError: nothing is not defined"]);
    open(&work, &page, "", "<script>Promise.reject(7)</script>");
    assert_one(&page.errors(), &["Uncaught (in promise) 7"]);

    let csp = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">";
    open(&work, &page, csp, "<script>document.title = 'B'</script>");
    assert_eq!(page.eval("document.title"), "A page");
    assert_one(&page.errors(), &["security error", "violates", "script-src"]);

    let data = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
    let images = format!("<img src=http://127.0.0.1:9/x.png><img src={data}>");
    let at = open(&work, &page, "", &images);
    assert_eq!(page.requests(), [at.as_str(), "http://127.0.0.1:9/x.png", data]);
    assert_one(&page.errors(), &["network error: Failed to load resource", "http://127.0.0.1:9/x.png"]);
    // Names outside do not even resolve, and addresses are not asked.
    open(&work, &page, "", "<img src=http://example.org/><img src=http://198.18.0.1/>");
    assert_eq!(page.errors().len(), 2, "{:?}", page.errors());
    assert!(page.errors().iter().all(|e| e.contains("ERR_NAME_NOT_RESOLVED")), "{:?}", page.errors());
}

/// Notes trusted keys outside its fields, and clicks on its button.
const TAKES_INPUT: &str = "<input id=a autofocus><textarea id=b></textarea>\
    <details style='margin-top: 3000px'><summary>More</summary>there</details>\
    <button onclick='seen.push(`clicked`)'>Go</button>\
    <a id=away href='#b'>away</a> <div id=under style='height: 3em'>under</div>\
    <div style='position: relative; top: -3em; height: 3em; background: red'></div>\
    <script>var seen = []; addEventListener('keydown', e => { \
    const key = [e.shiftKey, e.key, e.code, e.keyCode]; \
    if (e.isTrusted && e.target === document.body) seen.push(key.join(' ')) })</script>";

#[test]
fn chromium_takes_keys_and_clicks() {
    let browser = need!(Browser::start());
    let (work, page) = (Work::new(), browser.page());
    // Another page in front must not take the keys away.
    let other = browser.page();
    open(&work, &page, "", TAKES_INPUT);
    open(&work, &other, "", "<input autofocus>");

    page.wait_for("document.activeElement.id === 'a'");
    page.type_text("Müller & 7/");
    page.press("Backspace");
    page.press("ArrowLeft");
    page.type_text("x");
    page.press("Tab");
    page.type_text("one\ntwo");
    assert_eq!(page.eval("[a.value, b.value]"), json!(["Müller & x7", "one\ntwo"]));
    page.press("Control+a");
    page.press("Delete");
    assert_eq!(page.eval("b.value"), "");
    page.press("Shift+Tab");
    assert_eq!(page.eval("document.activeElement.id"), "a");
    assert_eq!(other.eval("document.querySelector('input').value"), "");

    page.eval("document.activeElement.blur()");
    for key in ["/", "Shift++", "k", "Space", "Enter"] {
        page.press(key);
    }
    let keys =
        ["false / Slash 191", "true +  0", "false k KeyK 75", "false   Space 32", "false Enter Enter 13"];
    assert_eq!(page.eval("seen"), json!(keys));

    page.eval("seen = [], scrollTo(0, 0)");
    page.click("button");
    page.press("Enter"); // on the button, which has the focus by the click
    page.press("Space");
    page.wait_for("seen.join() === 'clicked,clicked,clicked'");
    assert!(page.eval("scrollY").as_f64() > Some(1000.0));
    let said = panic_of(|| page.click("#under"));
    assert!(said.contains("#under is covered by <div style="), "{said}");
    page.click("#away");
    page.wait_for("location.hash === '#b'");
    assert_eq!(page.errors(), [""; 0]);

    other.without_script();
    let asked = "<details><summary>More</summary>there</details><script>document.title = 'B'</script>";
    open(&work, &other, "", &format!("{asked}<noscript><p>none</p></noscript>"));
    other.click("summary");
    other.wait_for("document.querySelector('details').open");
    assert_eq!(
        other.eval("[document.title, document.querySelector('p').textContent]"),
        json!(["A page", "none"])
    );
    assert_eq!(other.errors(), [""; 0]);
}

/// Width and height of a PNG.
#[track_caller]
fn png_size(path: &Path) -> [u32; 2] {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
}

#[test]
fn chromium_shows_a_page_as_it_is_told_to() {
    let browser = need!(Browser::start());
    let (work, page) = (Work::new(), browser.page());
    let style = "<style>body { margin: 0; height: 1500px } @page { size: 100mm 200mm }</style>";
    page.emulate(true);
    open(&work, &page, style, "");
    let shown =
        "[matchMedia('(prefers-color-scheme: dark)').matches, matchMedia('print').matches, innerWidth]";
    assert_eq!(page.eval(shown), json!([true, false, 1280]));
    page.emulate(false);
    assert_eq!(page.eval(shown), json!([false, false, 1280]));
    page.emulate_print();
    assert_eq!(page.eval(shown), json!([false, true, 1280]));
    page.emulate(true);
    page.size(320, 640);
    assert_eq!(page.eval(shown), json!([true, false, 320]));

    let (part, whole) = (work.path("part.png"), work.path("whole.png"));
    page.screenshot(&part);
    page.screenshot_full(&whole);
    assert_eq!((png_size(&part), png_size(&whole)), ([320, 640], [320, 1500]));
    let pdf = page.pdf();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 500, "{} bytes", pdf.len());
    let sized = pdf.windows(9).any(|w| w == b"/MediaBox");
    assert!(sized, "no page in it");
    assert_eq!(page.eval(shown), json!([true, false, 320]));
    assert_eq!(page.errors(), [""; 0]);
}
