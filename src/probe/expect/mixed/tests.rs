use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn of(html: &str) -> Vec<String> {
    mixed(html.as_bytes())
}

#[test]
fn what_browsers_load_in_the_clear_is_told_by_kind_and_host() {
    let table = [
        ("<script src=http://cdn.example.test/a.js></script>", "script from cdn.example.test"),
        ("<SCRIPT SRC='HTTP://CDN.Example.Test:8080/a.js'></SCRIPT>", "script from cdn.example.test:8080"),
        ("<iframe src=\"http://a.example.test\">", "frame from a.example.test"),
        ("<object data=http://a.example.test/x>", "object from a.example.test"),
        ("<embed src=http://a.example.test/x>", "embed from a.example.test"),
        ("<img src=http://a.example.test/x>", "image from a.example.test"),
        ("<img srcset='/a 1x, http://b.example.test/x 2x'>", "image from b.example.test"),
        ("<picture><source srcset=http://b.example.test/x></picture>", "image from b.example.test"),
        ("<audio src=http://a.example.test/x>", "audio from a.example.test"),
        ("<video src=http://a.example.test/x>", "video from a.example.test"),
        ("<video poster=http://a.example.test/x>", "image from a.example.test"),
        ("<video><source src=http://a.example.test/x></video>", "media from a.example.test"),
        ("<video><track src=http://a.example.test/x></video>", "track from a.example.test"),
        ("<input type=Image src=http://a.example.test/x>", "image from a.example.test"),
        ("<link rel=stylesheet href=http://a.example.test/x>", "stylesheet from a.example.test"),
        ("<link rel='Alternate StyleSheet' href=http://a.example.test/x>", "stylesheet from a.example.test"),
        ("<link href=http://a.example.test/x rel='shortcut icon'>", "icon from a.example.test"),
        ("<link rel=preload as=font href=http://a.example.test/x>", "preload from a.example.test"),
        ("<form action=http://a.example.test/login>", "form from a.example.test"),
        ("<button formaction=http://a.example.test/login>", "form from a.example.test"),
        ("<svg><image xlink:href=http://a.example.test/x /></svg>", "image from a.example.test"),
        ("<body background=http://a.example.test/x>", "image from a.example.test"),
        ("<p style=\"background: URL( 'http://a.example.test/x' )\">", "style from a.example.test"),
        ("<style>@import \"http://a.example.test/x\";</style>", "style from a.example.test"),
        ("<style>p { background: url(http://a.example.test/x) }</style>", "style from a.example.test"),
        ("<base href=http://old.example.test/><img src=/logo.png>", "image from old.example.test"),
        ("<base href=http://old.example.test/><img src=//b.example.test/x>", "image from b.example.test"),
        ("<iframe srcdoc=\"&lt;img src=http://a.example.test/x&gt;\">", "image from a.example.test"),
        ("<img src=' \n ht\ttp:\\\\a.example.test\\x'>", "image from a.example.test"),
        ("<img src=http:a.example.test/x>", "image from a.example.test"),
        ("<img src=http://user:secret@a.example.test/x>", "image from a.example.test"),
        ("<img src=http&#58;//a.example.test/x>", "image from a.example.test"),
        ("<img src=http://[2001:db8::1]:80/x>", "image from [2001:db8::1]:80"),
        ("<img src=http://a.example.test/x", ""),
    ];
    for (html, expected) in table {
        let wanted: Vec<&str> = Some(expected).filter(|e| !e.is_empty()).into_iter().collect();
        assert_eq!(of(html), wanted, "{html}");
    }
}

#[test]
fn what_is_not_loaded_in_the_clear_is_left_out() {
    let table = [
        "<a href=http://a.example.test/>a link that a user may follow</a>",
        "<img src=https://a.example.test/x>",
        "<img src=//a.example.test/x>",
        "<img src=/x/http://a.example.test/>",
        "<img src=data:image/png;base64,http://a>",
        "<img alt='src=http://a.example.test/x'>",
        "<!-- <script src=http://a.example.test/x></script> -->",
        "<script>document.write('<img src=http://a.example.test/x>')</script>",
        "<textarea><img src=http://a.example.test/x></textarea>",
        "<title><img src=http://a.example.test/x></title>",
        "<noscript><img src=http://a.example.test/x></noscript>",
        "<template><img src=http://a.example.test/x></template>",
        "<link rel=canonical href=http://a.example.test/>",
        "<link rel=dns-prefetch href=http://a.example.test/>",
        "<meta property=og:image content=http://a.example.test/x>",
        "<svg xmlns=http://www.w3.org/2000/svg></svg>",
        "<img src=http://localhost:8080/x><img src=http://127.0.0.1/x><img src=http://[::1]/x>",
        "<img src=http://>",
        "<input type=text src=http://a.example.test/x>",
        "<iframe src=http://a.example.test srcdoc='nothing'></iframe>",
        "<base href=/x><base href=http://a.example.test/><img src=y>",
        "<img src=https://a.example.test/x src=http://b.example.test/x>",
        "",
    ];
    for html in table {
        assert_eq!(of(html), Vec::<String>::new(), "{html}");
    }
}

#[test]
fn a_page_that_asks_for_tls_itself_loads_nothing_in_the_clear() {
    let policy =
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'self'; Upgrade-Insecure-Requests\">";
    let image = "<img src=http://a.example.test/x>";
    assert_eq!(of(&format!("<html><head>{policy}</head><body>{image}")), Vec::<String>::new());
    assert_eq!(of(&format!("<html><body>{policy}{image}")).len(), 1, "outside of the head nobody heeds it");
    assert_eq!(
        of(&format!("<link rel=icon href=http://a.example.test/x>{policy}{image}")).len(),
        1,
        "not before it"
    );
    let other = policy.replace("Upgrade-Insecure-Requests", "report-uri /upgrade-insecure-requests");
    assert_eq!(of(&format!("<html><head>{other}</head><body>{image}")).len(), 1);
}

#[test]
fn entries_are_sorted_few_and_once_each() {
    let images: Vec<String> =
        (0..40).rev().map(|n| format!("<img src=http://h{:02}.example.test/{n}>", n % 20)).collect();
    let found = of(&images.concat());
    assert_eq!(found.len(), MAX_ENTRIES);
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!(found[0], "image from h00.example.test");
}

#[test]
fn hosts_are_harmless_text_whatever_the_page_says() {
    let found = of("<img src='http://a\u{1b}[31m\u{202e}\"<b>.example.test/x'>");
    assert_eq!(found.len(), 1);
    assert!(found[0].chars().all(|c| c.is_ascii_graphic() || c == ' '), "{found:?}");
    let long = of(&format!("<img src=http://{}/>", "a".repeat(100_000)));
    assert!(long[0].len() < 150, "{} bytes", long[0].len());
}

#[test]
fn utf_16_is_read_by_its_mark() {
    let html = "<img src=http://a.example.test/x>";
    let little: Vec<u8> =
        [0xfeff].into_iter().chain(html.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = [0xfeff].into_iter().chain(html.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    assert_eq!(mixed(&little), ["image from a.example.test"]);
    assert_eq!(mixed(&big), ["image from a.example.test"]);
}

#[test]
fn a_mebibyte_of_anything_is_read_in_a_moment() {
    let one = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let pages = [
        one("<iframe srcdoc='"),
        one("<img src=http://a.example.test/x>"),
        one("<template>"),
        one("<a a=b a1=c "),
        format!("<style>{}", one("url(")),
        format!("<p style='{}", one("url(\"")),
        format!("<style>{}", one("@import \"")),
        one("<!--"),
        one("&amp;&#58"),
        format!("<img srcset='{}'>", one("http://a,")),
        format!("<iframe srcdoc='{}'>", one("&lt;iframe srcdoc=&quot;x&quot;&gt;")),
    ];
    for page in pages {
        let began = Instant::now();
        assert!(mixed(page.as_bytes()).len() <= MAX_ENTRIES);
        assert!(began.elapsed() < Duration::from_secs(10), "{:.40}: {:?}", page, began.elapsed());
    }
}

proptest! {
    #[test]
    fn any_bytes_give_few_harmless_entries(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let found = mixed(&bytes);
        prop_assert!(found.len() <= MAX_ENTRIES);
        prop_assert!(found.iter().all(|e| e.chars().all(|c| c.is_ascii_graphic() || c == ' ')));
    }

    #[test]
    fn cut_anywhere_a_page_never_gives_more_than_the_whole(cut in 0_usize..400) {
        let html = "<!doctype html><html><head><base href=http://b.example.test><link rel=icon href=i>\
            <style>@import 'http://c.example.test';</style></head><body style='x:url(http://d.example.test/)'>\
            <img srcset='http://e.example.test/ 1x'><iframe srcdoc='&lt;img src=http://f.example.test&gt;'></iframe>";
        let whole = of(html);
        let part = mixed(html.as_bytes().get(..cut).unwrap_or(html.as_bytes()));
        prop_assert!(part.iter().all(|e| whole.contains(e)), "{part:?}");
    }
}
