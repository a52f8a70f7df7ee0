//! Scripted peers on loopback: what each source is asked for, and what becomes of peers that do not keep to anything.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Access, Input, MOST_BYTES, fetch, parse};

/// Takes a request's path, header and body; gives an answer's bytes.
type Script = dyn Fn(&str, &str, &str, &mut TcpStream) + Send + Sync;

/// A peer until the test's process ends.
fn peer(script: impl Fn(&str, &str, &str, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<Script> = Arc::new(script);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let script = Arc::clone(&script);
            std::thread::spawn(move || {
                let (head, body) = request(&mut stream);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                script(&path, &head, &body, &mut stream);
            });
        }
    });
    address
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let (mut all, mut piece) = (Vec::new(), [0_u8; 4096]);
    loop {
        let n = stream.read(&mut piece).unwrap_or(0);
        all.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|l| l.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let first = text.lines().next().unwrap_or_default();
                return (format!("{first}\n{head}"), body.to_owned());
            }
        }
        if n == 0 {
            return (String::new(), String::new());
        }
    }
}

fn reply(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn ask(source: &str, access: &Access) -> Result<String, String> {
    let live = parse(source).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(fetch(&live, access)) {
        Ok(Input::Text { text, .. }) => Ok(String::from_utf8(text).unwrap()),
        Ok(_) => panic!("a text"),
        Err(error) => Err(error.to_string()),
    }
}

fn quick() -> Access {
    Access { time: Some(Duration::from_secs(2)), ..Access::default() }
}

fn kv(key: &str) -> Value {
    json!({ "key": BASE64.encode(key.as_bytes()), "value": "YQ==" })
}

#[test]
fn etcd_is_read_page_by_page_at_one_revision_and_begins_again_after_a_compaction() {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let address = peer(move |path, head, body, stream| {
        assert_eq!(path, "/v3/kv/range");
        assert!(!head.contains("authorization"), "no user, no token");
        let body: Value = serde_json::from_str(body).unwrap();
        let number = {
            let mut asked = kept.lock().unwrap();
            asked.push(body);
            asked.len()
        };
        let page = match number {
            1 => json!({"header":{"revision":"7"},"kvs":[kv("/s/a"), kv("/s/b")],"more":true,"count":"3"}),
            2 => {
                return reply(
                    stream,
                    400,
                    r#"{"error":"etcdserver: mvcc: required revision has been compacted","code":11}"#,
                );
            }
            3 => json!({"header":{"revision":"9"},"kvs":[kv("/s/a"), kv("/s/b")],"more":true,"count":"3"}),
            _ => json!({"header":{"revision":"12"},"kvs":[kv("/s/c")],"count":"1"}),
        };
        reply(stream, 200, &page.to_string());
    });
    let text = ask(&format!("etcd://{address}/s"), &quick()).unwrap();
    assert_eq!(text.lines().count(), 3, "one record on a line: {text}");
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["kvs"], json!([kv("/s/a"), kv("/s/b"), kv("/s/c")]));
    let asked = asked.lock().unwrap();
    let seen: Vec<_> = asked.iter().map(|a| (a["key"].as_str().unwrap(), a.get("revision"))).collect();
    let (first, next) = (BASE64.encode(b"/s"), BASE64.encode(b"/s/b\0"));
    let (seven, nine) = (json!("7"), json!("9"));
    assert_eq!(seen, [(&*first, None), (&*next, Some(&seven)), (&*first, None), (&*next, Some(&nine))]);
    assert!(asked.iter().all(|a| a["range_end"] == BASE64.encode(b"/t")));
}

#[test]
fn consul_is_asked_for_every_service_with_the_token_in_its_header() {
    let address = peer(|path, head, _, stream| {
        assert!(head.contains("x-consul-token: marker-of-a-token") && path.ends_with("?dc=dc%202"), "{path}");
        let entry = |name: &str| {
            format!(
                "[{{\"Node\":\"n1\",\n\"Address\":\"192.0.2.1\",\"ServiceName\":\"{name}\",\"ServicePort\":443}}]"
            )
        };
        match path.split('?').next().unwrap() {
            "/v1/catalog/services" => reply(stream, 200, r#"{"web":[],"a/b?c":["x"],"consul":[]}"#),
            "/v1/catalog/service/a%2Fb%3Fc" => reply(stream, 200, &entry("a/b?c")),
            "/v1/catalog/service/web" => reply(stream, 200, &entry("web")),
            "/v1/catalog/service/consul" => reply(stream, 200, "[]"),
            other => panic!("{other}"),
        }
    });
    let access = Access { token: Some("marker-of-a-token".to_owned()), ..quick() };
    let text = ask(&format!("consul://{address}/dc%202").replace("%202", " 2"), &access).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("a/b?c") && lines[1].contains("web"), "{text}");
}

#[test]
fn peers_that_keep_to_nothing_end_in_a_clear_error_within_the_limit() {
    let endless = |_: &str, _: &str, _: &str, stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'['; 65536]).is_ok() {}
    };
    let slow = |_: &str, _: &str, _: &str, stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let again = |_: &str, _: &str, _: &str, stream: &mut TcpStream| {
        reply(stream, 200, &json!({"header":{"revision":"7"},"kvs":[kv("/a")],"more":true}).to_string());
    };
    let plain = |status: u16, body: &'static str| {
        peer(move |_, _, _, stream: &mut TcpStream| reply(stream, status, body))
    };
    let redirect = |_: &str, _: &str, _: &str, stream: &mut TcpStream| {
        let _ =
            stream.write_all(b"HTTP/1.1 307 X\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n");
    };
    let table = [
        (peer(slow), "not complete within 2000 ms", "not complete within 2000 ms"),
        (
            peer(|_, _, _, s| std::thread::sleep(Duration::from_secs(s.ttl().map_or(9, |_| 9)))),
            "no answer",
            "no answer",
        ),
        (peer(again), "its pages do not go on", "is it Consul?"),
        (peer(redirect), "a redirect (status 307)", "a redirect (status 307)"),
        (peer(|_, _, _, s| drop(s.write_all(b"SSH-2.0-x\r\n"))), "not HTTP", "not HTTP"),
        (peer(|_, _, _, _| {}), "closed without an answer", "closed without an answer"),
        (plain(500, "{}"), "status 500", "status 500"),
        (plain(404, "no"), "status 404", "status 404"),
        (plain(403, "{}"), "status 403", "set CONSUL_HTTP_TOKEN"),
        (plain(200, "{\"kvs\":"), "is it etcd 3.4", "is it Consul?"),
        (plain(200, "{}"), "no revision", "it shows no service"),
        (plain(200, "{\"header\":{\"revision\":\"1\"}}"), "no key begins with `/s`", "is it Consul?"),
        (
            plain(400, "{\"error\":\"etcdserver: user name is empty\",\"code\":3}"),
            "set ETCDCTL_USER and ETCDCTL_PASSWORD",
            "status 400",
        ),
    ];
    for (address, of_etcd, of_consul) in table {
        for (source, expected) in
            [(format!("etcd://{address}/s"), of_etcd), (format!("consul://{address}"), of_consul)]
        {
            let began = Instant::now();
            let said = ask(&source, &quick()).expect_err(&source);
            assert!(said.starts_with(&source) && said.contains(expected), "{said}, expected: {expected}");
            assert!(began.elapsed() < Duration::from_secs(10), "{said}");
        }
    }
    let patient = Access { time: Some(Duration::from_secs(60)), ..Access::default() };
    let said = ask(&format!("consul://{}", peer(endless)), &patient).expect_err("endless");
    assert!(said.contains(&MOST_BYTES.to_string()), "{said}");
}

#[test]
fn a_password_reaches_etcd_alone_and_a_wrong_one_is_told_without_it() {
    let address = peer(|path, head, body, stream| match path {
        "/v3/auth/authenticate" if body.contains("marker-right") => {
            reply(stream, 200, r#"{"token":"tok.1"}"#);
        }
        "/v3/auth/authenticate" => reply(
            stream,
            400,
            r#"{"error":"etcdserver: authentication failed, invalid user ID or password","code":3}"#,
        ),
        _ if head.contains("authorization: tok.1") => {
            reply(stream, 200, &json!({"header":{"revision":"7"},"kvs":[kv("/a")]}).to_string());
        }
        _ => reply(stream, 400, r#"{"error":"etcdserver: user name is empty","code":3}"#),
    });
    let source = format!("etcd://root@{address}");
    let with = |password: Option<&str>| Access { password: password.map(str::to_owned), ..quick() };
    assert!(ask(&source, &with(Some("marker-right"))).is_ok());
    let said = ask(&source, &with(Some("marker-wrong"))).expect_err("a wrong password");
    assert!(said.contains("check ETCDCTL_USER") && !said.contains("marker"), "{said}");
    let said = ask(&source, &with(None)).expect_err("no password");
    assert!(said.contains("set ETCDCTL_PASSWORD"), "{said}");
}
