//! `allclear serve` as a browser, a stranger and a nuisance see it: plain HTTP over sockets of our own, since no client
//! would send half of this.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Ended, HANG, Running, Work, free_port, fresh_address};

/// A server over an incident of one sweep.
struct Served {
    work: Work,
    running: Option<Running>,
    address: SocketAddr,
    /// `/TOKEN/`.
    path: String,
}

fn inventory() -> Work {
    let work = Work::new();
    let rows = format!("id,address,port,wrap\nshop,{},{},tls\n", fresh_address(), free_port());
    work.write("services.csv", rows);
    work
}

fn incident() -> Work {
    let work = inventory();
    sweep(&work);
    work
}

/// Nobody answers there, so the row is unknown.
fn sweep(work: &Work) {
    work.ok(&["sweep", "services.csv", "--offline"]);
}

impl Served {
    fn start() -> Self {
        Self::over(incident())
    }

    fn over(work: Work) -> Self {
        let mut running = Running::start(&mut work.command(&["serve", "--every", "100ms"]), b"");
        running.wait_for_lines(1);
        let line = running.out_so_far();
        let url = line.trim_end().strip_prefix("http://").unwrap_or_else(|| panic!("{line}"));
        let (address, path) = url.split_once('/').unwrap();
        let (address, path) = (address.parse().unwrap(), format!("/{path}"));
        Self { work, running: Some(running), address, path }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        stream
    }

    /// Sends bytes and reads to the end; what cannot be sent any more is not.
    fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all); // a reset after the answer is one way to close
        Answer(String::from_utf8_lossy(&all).into_owned())
    }

    fn ask(&self, method: &str, path: &str, host: &str) -> Answer {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &self.address.to_string())
    }

    fn page(&self) -> Answer {
        self.get(&self.path)
    }

    fn events(&self, query: &str) -> Events {
        let mut stream = self.connect();
        let request = format!("GET {}events{query} HTTP/1.1\r\nHost: {}\r\n\r\n", self.path, self.address);
        stream.write_all(request.as_bytes()).unwrap();
        Events { stream, text: String::new() }
    }

    /// Asks for the page until it has this status.
    #[track_caller]
    fn until_status(&self, status: u16) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.page();
            if answer.status() == status {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "never {status}: {}", answer.0);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stop(&mut self, signal: &str) -> Ended {
        let running = self.running.take().unwrap();
        running.signal(signal);
        running.finish(HANG)
    }
}

struct Answer(String);

impl Answer {
    /// 0 where there was no answer.
    fn status(&self) -> u16 {
        self.0.strip_prefix("HTTP/1.1 ").and_then(|s| s.get(..3)?.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        head.lines().find_map(|l| {
            let (key, value) = l.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// The data of the next event of this name; the events before it are passed over.
    #[track_caller]
    fn next(&mut self, name: &str) -> Value {
        let began = Instant::now();
        let mut piece = [0_u8; 4096];
        loop {
            let head = format!("event: {name}\n");
            let found = self.text.find(&head).and_then(|at| {
                let rest = &self.text[at + head.len()..];
                let end = rest.find("\n\n")?;
                Some((at + head.len() + end + 2, rest[..end].trim_start_matches("data: ").to_owned()))
            });
            if let Some((end, data)) = found {
                self.text.drain(..end);
                return serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e} in {data}"));
            }
            let got = self.stream.read(&mut piece).unwrap_or(0);
            assert!(got > 0 && began.elapsed() < HANG, "no event {name}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&piece[..got]));
        }
    }
}

#[track_caller]
fn has_every_header(answer: &Answer) {
    let table = [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in table {
        assert_eq!(answer.header(name), Some(value), "{name} in {}", answer.0);
    }
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{}", answer.0);
}

#[test]
fn the_page_is_given_to_who_has_its_address_and_to_nobody_else() {
    let mut served = Served::start();
    let page = served.page();
    assert_eq!(page.status(), 200, "{}", page.0);
    assert!(page.body().contains("<!doctype html>") && page.body().contains("allclear"), "{}", page.0);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    has_every_header(&page);

    let host = served.address.to_string();
    let head = served.ask("HEAD", &served.path, &host);
    assert_eq!((head.status(), head.body()), (200, ""), "{}", head.0);
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let head = served.ask("HEAD", &format!("{}events", served.path), &host);
    assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));

    let token = served.path.trim_matches('/');
    assert_eq!(token.len(), 64, "32 random bytes");
    let flipped = if token.starts_with('0') { "1" } else { "0" };
    let wrong = [
        "/".to_owned(),
        format!("/{token}"),
        format!("/{flipped}{}/", &token[1..]),
        format!("/{}/", token.to_uppercase() + "x"),
        format!("/{token}/x"),
        format!("/{token}/events/"),
        format!("/{token}//"),
        format!("/{token}/../.."),
        format!("/{token}/%2e%2e/etc/passwd"),
        format!("/%{:02x}{}/", token.as_bytes()[0], &token[1..]),
        format!("//{token}/"),
        "/favicon.ico".to_owned(),
    ];
    let bodies: Vec<String> = wrong
        .iter()
        .map(|path| {
            let answer = served.get(path);
            assert_eq!(answer.status(), 404, "{path}: {}", answer.0);
            has_every_header(&answer);
            answer.body().to_owned()
        })
        .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");

    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"] {
        let answer = served.ask(method, &served.path, &host);
        assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        has_every_header(&answer);
    }
    let ended = served.stop("INT").expect_code(0);
    assert_eq!(ended.out().lines().count(), 1, "{}", ended.out());
    assert!(ended.err().contains("can read what is vulnerable. Ctrl-C stops it"), "{}", ended.err());
}

#[test]
fn another_name_for_this_machine_is_refused() {
    let served = Served::start();
    let port = served.address.port();
    for good in
        [format!("127.0.0.1:{port}"), "127.0.0.1".into(), format!("localhost:{port}"), "LOCALHOST".into()]
    {
        assert_eq!(served.ask("GET", &served.path, &good).status(), 200, "{good}");
    }
    let bad = [
        format!("evil.test:{port}"),
        "127.0.0.1.evil.test".into(),
        "192.0.2.1".into(),
        "[::1]".into(),
        "localhost@evil.test".into(),
        "127.0.0.1:".into(),
        "127.1".into(),
        "2130706433".into(),
        String::new(),
    ];
    for host in bad {
        let answer = served.ask("GET", &served.path, &host);
        assert_eq!(answer.status(), 421, "{host}: {}", answer.0);
        has_every_header(&answer);
    }
    let path = &served.path;
    let requests = [
        (format!("GET {path} HTTP/1.1\r\n\r\n"), 421),
        (format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n\r\n"), 421),
        (format!("GET http://evil.test{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), 421),
        (format!("GET http://127.0.0.1{path} HTTP/1.1\r\nHost: evil.test\r\n\r\n"), 421),
        (format!("GET http://127.0.0.1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), 200),
    ];
    for (request, status) in requests {
        assert_eq!(served.send(request.as_bytes()).status(), status, "{request}");
    }
}

#[test]
fn a_browser_hears_of_progress_and_of_another_page_and_of_the_end() {
    let mut served = Served::start();
    let first = served.page();
    let mut events = served.events("");
    let progress = events.next("progress");
    let parts = (&progress["sweep"], &progress["state"], &progress["done"], &progress["total"]);
    assert_eq!(parts, (&"s0001".into(), &"finished".into(), &1.into(), &1.into()), "{progress}");
    assert_eq!((&progress["vulnerable"], &progress["unknown"]), (&0.into(), &1.into()), "{progress}");
    assert!(progress["at"].as_str().unwrap().ends_with('Z'), "{progress}");

    served.work.ok(&["attest", "--service", "shop", "--facet", "patched", "--reference", "CHG-1"]);
    let mark = events.next("changed")["mark"].as_str().unwrap().to_owned();
    served.work.ok(&["export", "tracker", "-o", "t.csv"]);
    let meta = std::fs::read_to_string(served.work.path("t.csv.meta.json")).unwrap();
    assert!(meta.contains(&mark), "{mark} is no head of the chain");
    assert_ne!(served.page().body(), first.body(), "the page is another one, and at once");

    sweep(&served.work);
    let progress = events.next("progress");
    assert_eq!(progress["sweep"], "s0002", "{progress}");
    let next = events.next("changed");
    assert_ne!(next["mark"], mark.as_str());

    let asked = Instant::now();
    let ended = served.stop("TERM").expect_code(0);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}\n{}", asked.elapsed(), ended.err());
    events.next("end");
}

#[test]
fn a_browser_with_an_older_page_is_told_at_once() {
    let served = Served::start();
    served.page();
    served.events("?mark=sha256%3Aold").next("changed");
}

#[test]
fn idle_and_slow_clients_keep_nobody_out_and_do_not_stay() {
    let served = Served::start();
    let idle: Vec<TcpStream> = (0..100).map(|_| served.connect()).collect();
    let mut slow = served.connect();
    slow.write_all(b"GET / HT").unwrap();
    let asked = Instant::now();
    assert_eq!(served.page().status(), 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // One byte a second does not keep a connection.
    let began = Instant::now();
    slow.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut piece = [0_u8; 1024];
    loop {
        let sent = slow.write_all(b"x");
        match slow.read(&mut piece) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        assert!(began.elapsed() < Duration::from_secs(25), "it still stays: {sent:?}");
    }
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(served.page().status(), 200);
}

#[test]
fn event_streams_are_counted_and_leave_room_for_the_page() {
    let served = Served::start();
    let mut streams: Vec<Events> = (0..32).map(|_| served.events("")).collect();
    for events in &mut streams {
        events.next("progress");
    }
    let path = format!("{}events", served.path);
    assert_eq!(served.get(&path).status(), 503);
    assert_eq!(served.page().status(), 200);
    // One that goes makes room.
    let began = Instant::now();
    drop(streams.pop());
    loop {
        let mut events = served.events("");
        let mut piece = [0_u8; 64];
        let got = events.stream.read(&mut piece).unwrap();
        if piece[..got].starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the place is never given back");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn whatever_is_sent_gets_an_answer_or_a_close() {
    let mut served = Served::start();
    let host = served.address.to_string();
    let long = "a".repeat(1 << 20);
    let path = served.path.clone();
    let requests: Vec<(Vec<u8>, &[u16])> = vec![
        (format!("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(), &[0, 414, 431]),
        (format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX: {long}\r\n\r\n").into_bytes(), &[0, 431]),
        (format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "A: b\r\n".repeat(500)).into_bytes(), &[0, 431]),
        (format!("GET {path}\0 HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(), &[0, 400]),
        (format!("GET {path} HTTP/1.1\r\nHost: {host}\0\r\n\r\n").into_bytes(), &[0, 400]),
        (vec![0; 4096], &[0, 400]),
        (b"GET /\r\n\r\n".to_vec(), &[0, 400]),
        (format!("GET {path}\r\n\r\n").into_bytes(), &[0, 400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(50), &[0, 400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[0, 400, 421, 505]),
        (format!("OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(), &[405]),
        (format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(), &[405]),
        (format!("GET {path} HTTP/3.0\r\nHost: {host}\r\n\r\n").into_bytes(), &[0, 400, 505]),
        (format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1048576\r\n\r\n{long}").into_bytes(), &[405]),
        (
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .into_bytes(),
            &[0, 200, 400],
        ),
        (
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").into_bytes(),
            &[200],
        ),
    ];
    for (request, statuses) in requests {
        let began = Instant::now();
        let answer = served.send(&request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert!(statuses.contains(&answer.status()), "{shown:?}: {}", answer.0);
        assert!(began.elapsed() < Duration::from_secs(5), "{shown:?}: {:?}", began.elapsed());
    }
    // A client that asks and goes at once.
    for _ in 0..50 {
        let mut stream = served.connect();
        let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let _ = stream.shutdown(Shutdown::Both);
    }
    assert_eq!(served.page().status(), 200);
    let ended = served.stop("TERM").expect_code(0);
    assert!(!ended.err().contains("panicked"), "{}", ended.err());
}

#[test]
fn a_file_that_is_gone_or_edited_is_told_and_the_server_goes_on() {
    let served = Served::start();
    assert_eq!(served.page().status(), 200);
    let mut events = served.events("");
    events.next("progress");
    let (file, aside) = (served.work.path("incident.db"), served.work.path("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    assert!(events.next("trouble")["error"].as_str().unwrap().contains("incident.db"));
    let gone = served.until_status(500);
    assert!(
        gone.body().contains("There is no page now") && gone.body().contains("incident.db"),
        "{}",
        gone.0
    );
    has_every_header(&gone);
    std::fs::write(&file, b"something else <script>alert(1)</script>").unwrap();
    served.until_status(500);
    std::fs::remove_file(&file).unwrap();
    // Another incident at the same place is not the one that was shown.
    sweep(&served.work);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(served.page().status(), 500);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(served.work.path(&format!("incident.db{end}")));
    }
    std::fs::rename(&aside, &file).unwrap();
    served.until_status(200);
    events.next("progress");

    // An edit that leaves the head of the chain alone.
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER evidence_is_never_updated;
             UPDATE evidence SET body = replace(body, 'refused', 'refuse!') WHERE kind = 'observation';",
        )
        .unwrap();
    drop(connection);
    let edited = served.until_status(500);
    assert!(edited.body().contains("was changed after it was recorded"), "{}", edited.0);
}

#[test]
fn before_any_sweep_there_is_a_page_and_the_first_sweep_is_followed() {
    let work = inventory();
    work.write("record.toml", include_str!("../../disclosures/CVE-2014-0160.toml"));
    work.ok(&["disclosure", "import", "record.toml"]);
    let served = Served::over(work);
    assert_eq!(served.page().status(), 200);
    let mut events = served.events("");
    assert_eq!(events.next("progress"), serde_json::json!({}));
    sweep(&served.work);
    let mut progress = events.next("progress");
    while progress["state"] != "finished" {
        progress = events.next("progress");
    }
    assert_eq!((&progress["sweep"], &progress["done"]), (&"s0001".into(), &1.into()), "{progress}");
    events.next("changed");
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let work = Work::new();
    let ended = work.run(&["serve"]).expect_code(5);
    assert!(
        ended.err().contains("run `allclear sweep INVENTORY`") && ended.out().is_empty(),
        "{}",
        ended.err()
    );
    let work = incident();
    for listen in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let ended = work.run(&["serve", "--listen", listen]).expect_code(2);
        assert!(ended.err().contains("--allow-remote") && ended.out().is_empty(), "{}", ended.err());
    }
    for bad in [["--listen", "nonsense"], ["--every", "0s"], ["--every", "1ms"]] {
        work.run(&["serve", bad[0], bad[1]]).expect_code(2);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = work.run(&["serve", "--listen", &address]).expect_code(5);
    assert!(ended.err().contains(&format!("cannot listen on {address}")), "{}", ended.err());

    let remote = ["serve", "--listen", "0.0.0.0:0", "--allow-remote"];
    let mut running = Running::start(&mut work.command(&remote), b"");
    running.wait_for_lines(1);
    running.signal("INT");
    let ended = running.finish(HANG).expect_code(0);
    assert!(ended.err().contains("not") && ended.err().contains("encrypted"), "{}", ended.err());
}
