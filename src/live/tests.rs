//! The server with a source that counts what it is asked.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use axum::http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

/// A source whose mark is what it was last set to.
#[derive(Default)]
struct Fake {
    mark: Mutex<String>,
    pages: AtomicUsize,
    asked: AtomicUsize,
    together: AtomicUsize,
    takes: Duration,
    long: usize,
    broken: bool,
}

impl Fake {
    fn set(&self, mark: &str) {
        mark.clone_into(&mut self.mark.lock().unwrap());
    }

    fn pages(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }
}

impl Source for Fake {
    fn page(&self) -> Result<Page, String> {
        assert!(!self.broken, "as a fault of ours would");
        assert_eq!(self.together.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
        let mark = self.mark.lock().unwrap().clone();
        std::thread::sleep(self.takes);
        self.pages.fetch_add(1, Ordering::SeqCst);
        self.together.fetch_sub(1, Ordering::SeqCst);
        match mark.as_str() {
            "bad" => Err("a <script> & a \u{202e}sign".to_owned()),
            _ => Ok(Page {
                html: format!("page {mark}{}", " ".repeat(self.long)),
                mark,
                csp: "default-src 'self'".to_owned(),
            }),
        }
    }

    fn progress(&self) -> Result<Progress, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mark = self.mark.lock().unwrap().clone();
        Ok(Progress { json: format!("{{\"at\":\n\"{mark}\"}}"), mark })
    }
}

struct Up {
    address: SocketAddr,
    fake: Arc<Fake>,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<io::Result<()>>,
}

async fn up(fake: Fake) -> Up {
    fake.set("m1");
    let fake = Arc::new(fake);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options { listen: address, token: "secret".to_owned(), every: Duration::from_millis(20) };
    let (stop, stopped) = watch::channel(false);
    let source: Arc<dyn Source> = Arc::clone(&fake) as _;
    let served = tokio::spawn(serve(listener, options, source, stopped));
    Up { address, fake, stop, served }
}

impl Up {
    async fn open(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET /secret/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn get(&self, path: &str) -> String {
        let mut all = String::new();
        self.open(path).await.read_to_string(&mut all).await.unwrap();
        all
    }
}

/// Reads events until the text is among them.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let (mut all, mut piece) = (String::new(), [0; 1024]);
    while !all.contains(text) {
        let reading = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut piece));
        let got = reading.await.unwrap_or_else(|_| panic!("no {text} in {all}")).unwrap();
        assert!(got > 0, "no {text} in {all}");
        all.push_str(std::str::from_utf8(&piece[..got]).unwrap());
    }
    all
}

#[test]
fn only_the_right_host_method_secret_and_path_get_in() {
    let at = |listen: &str, method: &str, uri: &str, host: &str| {
        let request = Request::builder().method(method).uri(uri).header("Host", host).body(()).unwrap();
        Door::new(listen.parse().unwrap(), "secret").asked(&request)
    };
    let refused = |status: u16| Asked::Refused(StatusCode::from_u16(status).unwrap());
    let events = |has: Option<&str>| Asked::Events { has: has.map(str::to_owned) };
    let table = [
        ("127.0.0.1", "GET", "/secret/", "127.0.0.1:80", Asked::Page),
        ("127.0.0.1", "HEAD", "/secret/?x=1", "Localhost", Asked::Page),
        ("::1", "GET", "/secret/", "[::1]:80", Asked::Page),
        ("::1", "GET", "/secret/", "[::1]", Asked::Page),
        ("::1", "GET", "/secret/", "[::1]x", refused(421)),
        ("::1", "GET", "/secret/", "[::1", refused(421)),
        ("0.0.0.0", "GET", "/secret/", "192.0.2.1:80", Asked::Page),
        ("0.0.0.0", "GET", "/secret/", "name.test:80", refused(421)),
        ("192.0.2.1", "GET", "/secret/", "192.0.2.2", refused(421)),
        ("192.0.2.1", "GET", "/secret/", "192.0.2.1:x", refused(421)),
        ("127.0.0.1", "POST", "/wrong/", "127.0.0.1", refused(405)),
        ("127.0.0.1", "GET", "/wrong/", "127.0.0.1", refused(404)),
        ("127.0.0.1", "GET", "/secret", "127.0.0.1", refused(404)),
        ("127.0.0.1", "GET", "/secret//", "127.0.0.1", refused(404)),
        ("127.0.0.1", "GET", "/secret/../secret/", "127.0.0.1", refused(404)),
        ("127.0.0.1", "GET", "/secret/events", "127.0.0.1", events(None)),
        ("127.0.0.1", "GET", "/secret/events?mark=sha256%3Aab", "127.0.0.1", events(Some("sha256:ab"))),
        ("127.0.0.1", "GET", "/secret/events?mark=%0a", "127.0.0.1", events(None)),
        ("127.0.0.1", "GET", "http://evil.test/secret/", "127.0.0.1", refused(421)),
    ];
    for (listen, method, uri, host, expected) in table {
        assert_eq!(at(listen, method, uri, host), expected, "{listen} {method} {uri} {host}");
    }
}

#[test]
fn secrets_are_long_and_never_the_same() {
    let (a, b) = (token().unwrap(), token().unwrap());
    assert!(a.len() == 64 && a != b && a.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_made_once_for_everybody_and_not_again_before_some_rest() {
    let up = up(Fake { takes: Duration::from_millis(500), ..Fake::default() }).await;
    // One goes away while it is made.
    drop(up.open("").await);
    let up = Arc::new(up);
    let mut pages = JoinSet::new();
    for _ in 0..20 {
        let up = Arc::clone(&up);
        pages.spawn(async move { up.get("").await });
    }
    let pages = pages.join_all().await;
    assert!(pages.iter().all(|page| page.contains("page m1")), "{pages:?}");
    assert_eq!(up.fake.pages(), 1);

    let made = Instant::now();
    up.fake.set("m2");
    assert!(up.get("").await.contains("page m1"), "the older one meanwhile");
    while !up.get("").await.contains("page m2") {
        assert!(made.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(made.elapsed() > Duration::from_millis(2400), "five times 500 ms: {:?}", made.elapsed());
    assert_eq!(up.fake.pages(), 2);
    tokio::time::sleep(Duration::from_secs(3)).await;
    up.get("").await;
    assert_eq!(up.fake.pages(), 2, "nothing changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_of_the_last_change_whenever_it_falls() {
    let up = up(Fake::default()).await;
    up.get("").await;
    let mut first = up.open("events?mark=m1").await;
    let mut second = up.open("events").await;
    assert!(until(&mut first, "\n\n").await.len() < 4096);
    let began = Instant::now();
    // Within the rest: it is told once the new page can be had, and not before.
    up.fake.set("m2");
    for stream in [&mut first, &mut second] {
        let text = until(stream, "event: changed\ndata: {\"mark\":\"m2\"}\n\n").await;
        assert!(text.contains("event: progress\ndata: {\"at\": \"m2\"}\n\n"), "{text}");
        assert_eq!(text.matches("changed").count(), 1, "{text}");
    }
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(up.get("").await.contains("page m2"));
    // One task asks, however many follow.
    let before = up.fake.asked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = up.fake.asked.load(Ordering::SeqCst) - before;
    assert!(asked <= 55, "{asked} times in a second");

    let stopped = Instant::now();
    up.stop.send_replace(true);
    until(&mut first, "event: end\n").await;
    up.served.await.unwrap().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_faults_are_told_in_plain_words_and_pass() {
    let up = up(Fake::default()).await;
    up.fake.set("bad");
    let page = up.get("").await;
    assert!(page.starts_with("HTTP/1.1 500"), "{page}");
    assert!(page.contains("a &lt;script&gt; &amp; a \u{fffd}sign"), "{page}");
    up.fake.set("m3");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(up.get("").await.contains("page m3"));

    let up = self::up(Fake { broken: true, ..Fake::default() }).await;
    for _ in 0..2 {
        let page = up.get("").await;
        assert!(page.starts_with("HTTP/1.1 500") && page.contains("fault of ours"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_a_long_page_keeps_neither_a_seat_nor_the_end() {
    let up = up(Fake { long: 8 << 20, ..Fake::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..connections::SEATS {
        slow.push(up.open("").await);
    }
    let began = Instant::now();
    // All seats are in use for an answer; the oldest goes once it has had its time.
    loop {
        let mut stream = up.open("").await;
        let mut all = Vec::new();
        if stream.read_to_end(&mut all).await.is_ok() && all.len() > 8 << 20 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "nobody gets in");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(up.fake.pages(), 1);
    let stopped = Instant::now();
    up.stop.send_replace(true);
    up.served.await.unwrap().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_being_made_does_not_hold_up_the_end() {
    let up = up(Fake { takes: Duration::from_secs(3), ..Fake::default() }).await;
    let _waits = up.open("").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopped = Instant::now();
    up.stop.send_replace(true);
    up.served.await.unwrap().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
}
