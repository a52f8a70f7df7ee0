//! Answers as scripted peers give them, good and hostile, over an in-memory stream and a real socket.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
};

use super::*;

const GET: Request<'_> = Request {
    method: Method::Get,
    host: "h.example",
    path: "/a?b",
    headers: &[("accept", "*/*")],
    body: b"",
};

fn limits(body: usize, cut: bool) -> Limits {
    Limits { time: Duration::from_millis(400), body, cut }
}

/// A peer that reads a little and writes `answer` in pieces, then closes or stays.
fn peer(answer: &[u8], piece: usize, stays: bool) -> DuplexStream {
    let (ours, mut theirs) = duplex(1 << 20);
    let answer = answer.to_vec();
    tokio::spawn(async move {
        let mut heard = [0; 4096];
        let _ = theirs.read(&mut heard).await;
        for part in answer.chunks(piece) {
            if theirs.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if stays {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    });
    ours
}

async fn answered(answer: &str) -> Result<Response, Failure> {
    exchange(peer(answer.as_bytes(), 7, false), &GET, limits(64, false)).await
}

#[tokio::test]
async fn a_request_is_written_as_asked_and_its_answer_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"the body") {
            let mut piece = [0; 256];
            let n = stream.read(&mut piece).await.unwrap();
            heard.extend_from_slice(&piece[..n]);
        }
        let answer = "HTTP/1.1 302 Found\r\nServer: s/1\r\nServer: second\r\nContent-Type: text/html\r\n\
                      Location: http://elsewhere/\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(heard).unwrap()
    });
    let request = Request {
        method: Method::Post,
        host: "[::1]:8080",
        path: "/ocsp",
        headers: &[("content-type", "application/ocsp-request")],
        body: b"the body",
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let response = exchange(stream, &request, limits(64, false)).await.unwrap();
    let expected = Response {
        status: 302,
        server: Some("s/1".into()),
        content_type: Some("text/html".into()),
        policy: None,
        location: Some("http://elsewhere/".into()),
        body: b"abcde".to_vec(),
        cut: false,
    };
    assert_eq!(response, expected);
    let heard = server.await.unwrap().to_lowercase();
    assert!(heard.starts_with("post /ocsp http/1.1\r\n"), "{heard}");
    for line in [
        "host: [::1]:8080",
        "content-type: application/ocsp-request",
        "content-length: 8",
        "connection: close",
    ] {
        assert!(heard.contains(&format!("\r\n{line}\r\n")), "{line} is missing in {heard}");
    }
}

#[tokio::test]
async fn bodies_end_by_length_by_chunks_or_by_the_end_of_the_stream() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde and more that is not the body",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nabcde",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    ] {
        let response = answered(answer).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, &b"abcde"[..]), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 18));
    let many_lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000));
    let table: &[(&str, Failure)] = &[
        ("", Failure::Closed),
        ("HTTP/1.1 200", Failure::Closed),
        ("SSH-2.0-x\r\n\r\n", Failure::NotHttp),
        ("<html>hello</html>", Failure::NotHttp),
        (&long_head, Failure::NotHttp),
        (&many_lines, Failure::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", Failure::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", Failure::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc", Failure::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", Failure::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", Failure::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc", Failure::Body),
        ("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", Failure::LongBody(64)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", Failure::NotHttp),
    ];
    for (answer, expected) in table {
        let shown: String = answer.chars().take(80).collect();
        assert_eq!(answered(answer).await, Err(*expected), "{shown}");
    }
    let long = format!("HTTP/1.0 200 OK\r\n\r\n{}", "y".repeat(65));
    assert_eq!(answered(&long).await, Err(Failure::LongBody(64)));
}

#[tokio::test]
async fn a_long_body_is_cut_where_that_is_wanted() {
    for head in ["Content-Length: 1000", "Connection: close"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{}", "y".repeat(1000));
        let response = exchange(peer(answer.as_bytes(), 100, false), &GET, limits(64, true)).await.unwrap();
        assert_eq!((response.body.len(), response.cut), (64, true), "{head}");
        let response = exchange(peer(answer.as_bytes(), 100, false), &GET, limits(1000, true)).await.unwrap();
        assert_eq!((response.body.len(), response.cut), (1000, false), "{head}: just as long as is borne");
    }
}

#[tokio::test]
async fn silence_and_dripping_end_by_the_limit() {
    let table: &[(&str, Failure)] = &[
        ("", Failure::NoAnswer(400)),
        ("HTTP/1.1 200 OK\r\nX: ", Failure::NoAnswer(400)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Failure::Slow(400)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", Failure::Slow(400)),
        ("HTTP/1.1 200 OK\r\n\r\nabc", Failure::Slow(400)),
    ];
    for (answer, expected) in table {
        let began = Instant::now();
        let got = exchange(peer(answer.as_bytes(), 7, true), &GET, limits(64, false)).await;
        assert_eq!(got, Err(*expected), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(5), "{answer}");
    }
}

#[tokio::test]
async fn endless_answers_end_by_a_limit() {
    for (head, endless) in [
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", ";ext=1"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "endless "),
    ] {
        let (ours, mut theirs) = duplex(4096);
        let task = tokio::spawn(async move {
            let _ = theirs.write_all(head.as_bytes()).await;
            while theirs.write_all(endless.as_bytes()).await.is_ok() {}
        });
        let began = Instant::now();
        let got = exchange(ours, &GET, limits(1000, false)).await;
        assert!(got.is_err(), "{head:?} {endless:?}: {got:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{head:?} {endless:?}");
        task.abort();
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_sent() {
    for (host, path) in [("h", "no-slash"), ("h\r\nX: y", "/"), ("", "/"), ("h", "/a b"), ("h", "/a\r\nX: y")]
    {
        let request = Request { host, path, ..GET };
        let got = exchange(peer(b"HTTP/1.1 200 OK\r\n\r\n", 7, false), &request, limits(64, false)).await;
        assert_eq!(got, Err(Failure::Request), "{host:?} {path:?}");
    }
}

#[tokio::test]
async fn header_values_are_cut_and_hold_no_controls() {
    let answer =
        format!("HTTP/1.1 200 OK\r\nServer: a\tb\u{9f}{}\r\nContent-Length: 0\r\n\r\n", "z".repeat(2000));
    let response = answered(&answer).await.unwrap();
    let server = response.server.unwrap();
    assert_eq!(server.chars().count(), 512);
    assert!(!server.chars().any(char::is_control), "{server}");
}
