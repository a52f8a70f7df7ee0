//! The outside view: what users get of a service, tried with certificates that are right and wrong in every way,
//! against servers in this process and against servers that nobody here wrote.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use allclear::{
    clock::Clock,
    model::{
        expect,
        ids::SweepId,
        served::{Expectation, Software},
        wrap::Wrap,
    },
    probe::{
        Context, Settings,
        dial::Dialer,
        expect::try_all,
        kind::Target,
        limits::{Rate, Timeouts},
        trace::Aside,
        trust::TrustStore,
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::support::{
    Work,
    certs::Identity,
    daemons,
    peers::{self, Server, need},
    scripted,
};

const HOST: &str = "www.example.test";

/// An authority, and what a client that trusts it alone looks with.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    context: Context,
}

/// A leaf and its key, and what is served behind it.
struct Made {
    leaf: rcgen::Certificate,
    key: KeyPair,
    behind: Vec<CertificateDer<'static>>,
}

impl Authority {
    fn new() -> Self {
        Self::named("Test Authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            step: Duration::from_secs(3),
            short: Duration::from_millis(50),
        };
        let settings = Settings { timeouts, ..Settings::default() };
        let dialer = Dialer::new(None, Rate::per_second(0));
        let mut context = Context::new(settings, dialer, Clock::System, SweepId(1));
        context.trust = Some(Arc::new(TrustStore::from_pem("test", issuer.pem().as_bytes()).unwrap()));
        Self { issuer, context }
    }

    /// A leaf for these names that is valid from and until so many days from now.
    fn issue(&self, names: &[&str], from: i64, until: i64) -> Made {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = OffsetDateTime::now_utc() + time::Duration::days(from);
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(until);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        Made { leaf: params.signed_by(&key, &self.issuer).unwrap(), key, behind: Vec::new() }
    }

    fn good(&self) -> Made {
        self.issue(&[HOST], -1, 30)
    }

    async fn look(&self, text: &str, address: SocketAddr, wrap: Wrap) -> (Vec<Expectation>, Vec<Software>) {
        let aside = Aside::default();
        let target = Target {
            aside: &aside,
            address,
            wrap,
            sni: Some(HOST),
            fragile: false,
            trial: false,
            sturdy: false,
            relays: false,
            transport: allclear::model::wrap::Transport::Tcp,
        };
        let found = try_all(&expect::parse(text).unwrap(), target, &self.context).await;
        (found, aside.take_software())
    }

    /// The one expectation's outcome.
    async fn outcome(&self, text: &str, address: SocketAddr, wrap: Wrap) -> (Option<bool>, String) {
        let (mut found, _) = self.look(text, address, wrap).await;
        let one = found.pop().unwrap();
        (one.met, one.saw.unwrap_or_default())
    }
}

impl Made {
    /// With the authority's own certificate behind it.
    fn behind(mut self, authority: &Authority) -> Self {
        self.behind.push(authority.issuer.der().clone());
        self
    }

    fn chain(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = std::iter::once(self.leaf.der().clone()).chain(self.behind.clone()).collect();
        (chain, PrivateKeyDer::try_from(self.key.serialize_der()).unwrap())
    }

    /// As files, for servers that are other programs.
    fn identity(&self, folder: &Path, name: &str) -> Identity {
        let (key, certificate) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        std::fs::write(&certificate, self.leaf.pem()).unwrap();
        Identity { key, certificate }
    }

    fn config(&self) -> ServerConfig {
        let (chain, key) = self.chain();
        builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

/// What a peer does with a connection after the handshake.
#[derive(Clone)]
enum Does {
    /// Reads a request and says this.
    Answers(String),
    /// Says this at once and listens.
    Greets(&'static str),
    /// Says nothing.
    Nothing,
    /// Reads a request, says this and then an endless row of `x`.
    Endless(&'static str),
}

async fn conversation(mut stream: TlsStream<TcpStream>, does: Does) {
    let mut heard = vec![0; 4096];
    match does {
        Does::Answers(text) => {
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Does::Greets(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Does::Nothing => {}
        Does::Endless(text) => {
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(text.as_bytes()).await;
            while stream.write_all(&[b'x'; 16384]).await.is_ok() {}
        }
    }
    while stream.read(&mut heard).await.is_ok_and(|n| n > 0) {}
}

async fn serve(config: ServerConfig, does: Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, does) = (acceptor.clone(), does.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    conversation(stream, does).await;
                }
            });
        }
    });
    address
}

fn page(status: &str, body: &str) -> Does {
    let length = body.len();
    Does::Answers(format!(
        "HTTP/1.1 {status}\r\nServer: nginx/1.24.0\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn a_user_gets_the_page_or_is_told_apart_why_not() {
    let authority = Authority::new();
    let stranger = Authority::named("Stranger");
    let self_signed = {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
        Made { leaf, key, behind: Vec::new() }
    };
    let table = [
        (authority.good(), Some(true), ""),
        (authority.issue(&["*.example.test"], -1, 30), Some(true), ""),
        (authority.issue(&["other.example.test"], -1, 30), Some(false), "the certificate names another host"),
        (authority.issue(&["127.0.0.1"], -1, 30), Some(false), "the certificate names another host"),
        (authority.issue(&[HOST], -30, -1), Some(false), "the certificate has expired"),
        (authority.issue(&[HOST], 1, 30), Some(false), "the certificate is not valid yet"),
        (
            authority.issue(&["old.example.test"], -30, -1),
            Some(false),
            "the certificate names another host; the certificate has expired",
        ),
        (self_signed, Some(false), "the certificate signed itself, and is not trusted"),
        (stranger.good(), Some(false), "the chain breaks off: a certificate that clients need is not served"),
        (stranger.good().behind(&stranger), Some(false), "the certificate's issuer is not trusted"),
        // Another authority of the same name.
        (Authority::new().good(), Some(false), "a signature or a constraint in the chain does not hold"),
    ];
    for (made, met, saw) in table {
        let address = serve(made.config(), page("200 OK", "hello")).await;
        for text in ["https 200 /", "tls"] {
            let outcome = authority.outcome(text, address, Wrap::Tls).await;
            assert_eq!(outcome, (met, saw.to_owned()), "{text}");
        }
    }
}

#[tokio::test]
async fn statuses_are_compared_and_redirects_are_not_followed() {
    let authority = Authority::new();
    let table = [
        ("200 OK", "https 200 /login", Some(true), ""),
        ("204 No Content", "https 2xx /", Some(true), ""),
        ("502 Bad Gateway", "https 200 /", Some(false), "status 502"),
        ("301 Moved\r\nLocation: https://elsewhere.example.test/", "https 200 /", Some(false), "status 301"),
        ("301 Moved\r\nLocation: https://elsewhere.example.test/", "https 301 /", Some(true), ""),
    ];
    for (status, text, met, saw) in table {
        let address = serve(authority.good().config(), page(status, "")).await;
        assert_eq!(
            authority.outcome(text, address, Wrap::Tls).await,
            (met, saw.to_owned()),
            "{status}: {text}"
        );
    }
    // Plain HTTP where TLS is spoken is no answer, and no panic.
    let address = serve(authority.good().config(), page("200 OK", "")).await;
    let (met, saw) = authority.outcome("http 200 /", address, Wrap::Tls).await;
    assert!(met == Some(false) && !saw.is_empty(), "{saw}");
}

#[tokio::test]
async fn mixed_content_is_told_for_pages_over_tls() {
    let authority = Authority::new();
    let body = "<html><head><script src=http://cdn.example.test/a.js></script></head>\
                <body><img src=http://img.example.test/x><a href=http://a.example.test/>a link</a></body>";
    let address = serve(authority.good().config(), page("200 OK", body)).await;
    let (found, software) = authority.look("https 200 /", address, Wrap::Tls).await;
    assert_eq!(found[0].met, Some(true));
    assert_eq!(found[0].mixed, ["image from img.example.test", "script from cdn.example.test"]);
    assert_eq!(software[0].product, "nginx");
    assert_eq!((software[0].version.as_deref(), &*software[0].source), (Some("1.24.0"), "http-server"));
}

#[tokio::test]
async fn silence_and_endless_bodies_end_within_the_limits() {
    let authority = Authority::new();
    let silent = serve(authority.good().config(), Does::Nothing).await;
    for text in ["https 200 /", "imap ok", "xmpp stream"] {
        let began = Instant::now();
        let (met, saw) = authority.outcome(text, silent, Wrap::Tls).await;
        assert!(met == Some(false) && saw.starts_with("no answer within"), "{text}: {saw}");
        assert!(began.elapsed() < Duration::from_secs(9), "{text}: {:?}", began.elapsed());
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<img src=http://img.example.test/x>";
    let endless = serve(authority.good().config(), Does::Endless(head)).await;
    let (found, _) = authority.look("https 200 /", endless, Wrap::Tls).await;
    assert_eq!(found[0].met, Some(true), "the status came: {found:?}");
    assert_eq!(found[0].saw.as_deref(), Some("only the first 1048576 bytes of the page were read"));
    assert_eq!(found[0].mixed, ["image from img.example.test"]);
}

#[tokio::test]
async fn greetings_are_heard_inside_tls_and_behind_starttls() {
    let authority = Authority::new();
    let table = [
        ("imap ok", "* OK ready\r\n", Some(true), ""),
        ("pop3 ok", "-ERR no\r\n", Some(false), "-ERR"),
        ("smtp 220", "220 ready\r\n", Some(true), ""),
        ("smtp 220", "554 no\r\n", Some(false), "code 554"),
        ("nntp 200", "201 no posting\r\n", Some(false), "code 201"),
        ("xmpp stream", "<stream:stream><stream:features/>", Some(true), ""),
        (
            "xmpp stream",
            "<stream:stream><stream:error><host-unknown/></stream:error>",
            Some(false),
            "stream error: host-unknown",
        ),
    ];
    for (text, greeting, met, saw) in table {
        let address = serve(authority.good().config(), Does::Greets(greeting)).await;
        assert_eq!(authority.outcome(text, address, Wrap::Tls).await, (met, saw.to_owned()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_starttls_wrap_is_verified_behind_its_dialogue() {
    let authority = Authority::new();
    let features = Does::Greets("<stream:stream><stream:features/>");
    let good = serve(authority.good().config(), features.clone()).await;
    let wrong = serve(authority.issue(&["other.example.test"], -1, 30).config(), features).await;
    for wrap in scripted::WRAPS {
        let parsed: Wrap = wrap.parse().unwrap();
        let protocol = wrap.trim_start_matches("starttls-");
        let mut expects = vec!["tls"];
        expects.extend(match protocol {
            "smtp" => Some("smtp 220"),
            "lmtp" => Some("lmtp 220"),
            "ftp" => Some("ftp 220"),
            "nntp" => Some("nntp 200"),
            "imap" => Some("imap ok"),
            "pop3" => Some("pop3 ok"),
            "xmpp-client" | "xmpp-server" => Some("xmpp stream"),
            _ => None,
        });
        let (right, other) = (scripted::relayed(wrap, good), scripted::relayed(wrap, wrong));
        for text in expects {
            let outcome = authority.outcome(text, right.place(), parsed).await;
            assert_eq!(outcome, (Some(true), String::new()), "{text} at {wrap}");
            let outcome = authority.outcome(text, other.place(), parsed).await;
            assert_eq!(
                outcome,
                (Some(false), "the certificate names another host".to_owned()),
                "{text} at {wrap}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_or_postponed_starttls_is_told_apart() {
    let authority = Authority::new();
    let refuses = scripted::hostile("starttls-smtp", scripted::Fault::Refuses);
    let (met, saw) = authority.outcome("smtp 220", refuses.place(), Wrap::Smtp).await;
    assert_eq!((met, saw.as_str()), (Some(false), "STARTTLS is not offered, or was refused"));
    let busy = scripted::hostile("starttls-smtp", scripted::Fault::Busy);
    let (met, saw) = authority.outcome("smtp 220", busy.place(), Wrap::Smtp).await;
    assert_eq!((met, saw.as_str()), (None, "it asks to come again later"));
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_cannot_be_judged() {
    let authority = Authority::new();
    let (chain, key) = authority.good().chain();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let config = builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    let address = serve(config, page("200 OK", "")).await;
    for text in ["https 200 /", "tls", "imap ok"] {
        let (met, saw) = authority.outcome(text, address, Wrap::Tls).await;
        assert!(
            met.is_none() && saw.starts_with("the server wants a client certificate"),
            "{text}: {met:?} {saw}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_and_openssl_are_looked_at_as_users_do() {
    let authority = Authority::new();
    let work = Work::new();
    let identity = authority.good().identity(work.folder(), "good");
    if let Some(nginx) = peers::nginx() {
        let (certificate, key) = (identity.certificate.display(), identity.key.display());
        let block = format!(
            "server_name {HOST}; ssl_certificate {certificate}; ssl_certificate_key {key}; default_type text/html; \
             location / {{ return 200 '<script src=http://cdn.example.test/a.js></script>'; }} \
             location /old {{ return 301 https://{HOST}/; }} location /gone {{ return 502; }}"
        );
        let server = Server::nginx(&nginx, work.folder(), &[&block]);
        let address = SocketAddr::new(server.address, server.port);
        let text = "https 200 /login?a=b; https 301 /old; https 200 /gone; tls; http 400 /";
        let (found, software) = authority.look(text, address, Wrap::Tls).await;
        let outcomes: Vec<_> = found.iter().map(|e| (e.met, e.saw.as_deref())).collect();
        let bad = (Some(false), Some("status 502"));
        assert_eq!(
            outcomes,
            [(Some(true), None), (Some(true), None), bad, (Some(true), None), (Some(true), None)]
        );
        assert_eq!(found[0].mixed, ["script from cdn.example.test"]);
        assert_eq!(software[0].product, "nginx");
    }
    let openssl = need!(peers::openssl());
    let table: &[(&[&str], Option<bool>, &str)] = &[
        (&["-tls1_2"], Some(true), ""),
        (&["-tls1_3"], Some(true), ""),
        (&["-tls1_2", "-cipher", "AES128-SHA"], None, "no common TLS version or cipher (alert 40)"),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], None, "no common TLS version or cipher (alert 70)"),
        (&["-tls1_3", "-Verify", "1", "-verify_return_error"], None, "the server wants a client certificate"),
        (&["-tls1_2", "-Verify", "1", "-verify_return_error"], None, "the server wants a client certificate"),
        (
            &["-servername", "other.test", "-servername_fatal", "-tls1_2"],
            Some(false),
            "the server does not know the host's name (alert 112)",
        ),
    ];
    for (options, met, saw) in table {
        let mut options = options.to_vec();
        let (certificate, key) = (identity.certificate.to_str().unwrap(), identity.key.to_str().unwrap());
        if options.contains(&"-servername") {
            options.extend(["-cert2", certificate, "-key2", key]);
        }
        let server = Server::s_server(&openssl, &identity, &options);
        let address = SocketAddr::new(server.address, server.port);
        for text in ["https 200 /", "tls"] {
            let outcome = authority.outcome(text, address, Wrap::Tls).await;
            assert!(outcome.0 == *met && outcome.1.starts_with(saw), "{text} {options:?}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_and_chat_servers_serve_their_users_through_a_good_certificate_and_not_through_a_wrong_one() {
    let authority = Authority::new();
    let work = Work::new();
    for (made, met) in [(authority.good(), true), (authority.issue(&["old.example.test"], -1, 30), false)] {
        let folder = work.path(if met { "good" } else { "wrong" });
        std::fs::create_dir(&folder).unwrap();
        let identity = made.identity(&folder, "server");
        let started = [
            daemons::mail::dovecot(&folder, &identity),
            daemons::mail::postfix(&folder, &identity),
            daemons::chat::prosody(&folder, &identity, HOST),
        ];
        for daemon in started.into_iter().flatten() {
            for port in daemon.ports.iter().filter(|p| !p.what.ends_with("without TLS")) {
                let text = match (port.wrap, port.what) {
                    ("starttls-imap", _) | (_, "dovecot imaps") => "imap ok",
                    ("starttls-pop3", _) | (_, "dovecot pop3s") => "pop3 ok",
                    ("starttls-lmtp", _) => "lmtp 220",
                    ("starttls-smtp", _) | (_, "postfix smtps") => "smtp 220",
                    // Servers among themselves on a port of their own have no number that says so.
                    (_, "prosody s2s direct TLS") => "tls",
                    ("starttls-xmpp-client" | "starttls-xmpp-server", _) | (_, "prosody c2s direct TLS") => {
                        "xmpp stream"
                    }
                    _ => "tls",
                };
                let outcome = authority.outcome(text, daemon.place(port), port.wrap.parse().unwrap()).await;
                let (met, saw) = match port.what {
                    "postfix that defers" => (None, "it asks to come again later"),
                    // This one has no dialback, and so nothing for a server without a certificate.
                    "prosody s2s" if met => (None, "the server wants a client certificate"),
                    _ if met => (Some(true), ""),
                    _ => (Some(false), "the certificate names another host"),
                };
                let as_it_is = outcome.0 == met && outcome.1.starts_with(saw);
                assert!(as_it_is, "{text} of {}: {outcome:?}\n{}", port.what, daemon.said());
            }
        }
    }
}
