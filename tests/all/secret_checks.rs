//! What the network shows of secrets, at real servers: session ticket keys and key sets at nginx, host keys at OpenSSH,
//! DKIM and TLSA records at BIND. What is named is compared with what the server's own files say.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use allclear::{
    clock::Clock,
    model::{
        check::{CheckKind, Checked},
        ids::{RowId, Sha256, SweepId},
        policy::{Policy, Presume},
        wrap::Wrap,
    },
    pipeline::{
        checks,
        judged::{self, Choice},
    },
    probe::{
        Context, Settings,
        dial::Dialer,
        limits::{Rate, Timeouts},
        secret::{self, Place, Question, Seen, dns::Dns},
        trust::TrustStore,
    },
    store::Reader,
};

use crate::support::{
    HANG, Work,
    ca::{Ca, Issued},
    certs::Identity,
    free_port,
    peers::{self, Server, need},
    run_with_limit, scripted,
};

fn context(trust: Option<&Ca>) -> Context {
    let timeouts =
        Timeouts { connect: Duration::from_secs(10), step: Duration::from_secs(10), ..Timeouts::default() };
    let settings = Settings { timeouts, ..Settings::default() };
    let dialer = Dialer::new(None, Rate::per_second(0));
    let mut context = Context::new(settings, dialer, Clock::System, SweepId(1));
    context.trust = trust
        .map(|ca| Arc::new(TrustStore::from_pem("root.pem", &fs::read(ca.root_pem()).unwrap()).unwrap()));
    context
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn ask(question: &Question, place: &Place, context: &Context) -> Seen {
    run(secret::ask(question, place, context))
}

fn at(address: SocketAddr, wrap: Wrap, name: Option<&str>) -> Place {
    Place { addresses: vec![address], name: name.map(str::to_owned), wrap }
}

fn place(server: &Server) -> SocketAddr {
    SocketAddr::new(server.address, server.port)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A key file as nginx reads it: 16 bytes of name, and 64 of key. Gives the name as it is shown.
fn ticket_key(path: &Path, first: u8) -> String {
    let bytes: Vec<u8> = (0..80).map(|n| first.wrapping_add(n)).collect();
    fs::write(path, &bytes).unwrap();
    hex(&bytes[..16])
}

fn tls_block(identity: &Identity, further: &str) -> String {
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; {further}",
        identity.certificate.display(),
        identity.key.display()
    )
}

#[test]
fn the_ticket_key_of_nginx_is_the_one_of_its_file_and_changes_with_it() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "tickets");
    let file = work.path("ticket.key");
    let old = ticket_key(&file, 1);
    let block = tls_block(&identity, &format!("ssl_session_ticket_key {};", file.display()));
    let server = Server::nginx(&nginx, work.folder(), &[&block]);
    let tls = at(place(&server), Wrap::Tls, None);
    let context = context(None);
    let seen = ask(&Question::TicketKey, &tls, &context);
    assert_eq!(seen, Seen { seen: Some(vec![old.clone()]), detail: None });
    // Through a dialogue before TLS as well.
    let mail = scripted::relayed("starttls-smtp", place(&server));
    let seen = ask(&Question::TicketKey, &at(mail.place(), Wrap::Smtp, None), &context);
    assert_eq!(seen.seen, Some(vec![old.clone()]), "{seen:?}");
    let new = ticket_key(&file, 101);
    server.restart();
    assert_eq!(ask(&Question::TicketKey, &tls, &context).seen, Some(vec![new.clone()]));
    // Two nodes with a key each are one service with two keys.
    let other = work.path("other.key");
    let third = ticket_key(&other, 51);
    let block = tls_block(&identity, &format!("ssl_session_ticket_key {};", other.display()));
    let second = Server::nginx(&nginx, work.folder(), &[&block]);
    let both = Place { addresses: vec![place(&server), place(&second)], ..tls };
    let mut expected = vec![new, third];
    expected.sort();
    assert_eq!(ask(&Question::TicketKey, &both, &context).seen, Some(expected));
}

#[test]
fn a_server_without_tickets_or_without_tls_1_2_says_so() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "none");
    let context = context(None);
    for (further, seen, why) in [
        ("ssl_session_tickets off;", Some(vec![]), "issues no tickets"),
        ("ssl_protocols TLSv1.3;", None, "alert 70; tickets are seen in TLS 1.2"),
    ] {
        let server = Server::nginx(&nginx, work.folder(), &[&tls_block(&identity, further)]);
        let got = ask(&Question::TicketKey, &at(place(&server), Wrap::Tls, None), &context);
        assert_eq!(got.seen, seen, "{further} {got:?}");
        assert!(got.detail.as_deref().unwrap_or("").contains(why), "{further} {got:?}");
    }
}

/// Tickets without a name of a key, as servers make them that try each of their keys.
#[derive(Debug)]
struct Nameless;

impl rustls::server::ProducesTickets for Nameless {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        300
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; 32] = rand::random();
        Some([&nonce, plain].concat())
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn tickets_that_begin_at_random_name_no_key() {
    let made = rcgen::generate_simple_self_signed(vec!["random.test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        builder.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.into()], key).unwrap();
    config.ticketer = Arc::new(Nameless);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let seen = run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    }
                });
            }
        });
        secret::ask(&Question::TicketKey, &at(address, Wrap::Tls, Some("random.test")), &context(None)).await
    });
    assert_eq!(seen.seen, None);
    assert!(seen.detail.as_deref().unwrap().contains("the ticket names no key"), "{seen:?}");
}

/// Key and chain of an authority's leaf.
fn identity(work: &Work, ca: &Ca, issued: &Issued, name: &str) -> Identity {
    let mut chain = fs::read(&issued.pem).unwrap();
    chain.extend(fs::read(ca.intermediate_pem()).unwrap());
    Identity { key: issued.key.clone(), certificate: work.write(name, chain) }
}

fn jwks(kids: &[&str]) -> String {
    let keys: Vec<String> =
        kids.iter().map(|kid| format!(r#"{{"kty":"RSA","n":"AQ","e":"AQAB","kid":"{kid}"}}"#)).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

#[test]
fn a_key_set_is_read_from_whom_the_trust_store_vouches_for_alone() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let ca = Ca::new();
    let issued = ca.issue("id.test", &[], &[]);
    let identity = identity(&work, &ca, &issued, "id.pem");
    let file = work.write("jwks.json", jwks(&["2014-a", "2014-b"]));
    let locations = format!(
        "location = /jwks {{ default_type application/json; alias {}; }} location = /moved {{ return 302 /jwks; }}",
        file.display()
    );
    let server = Server::nginx(&nginx, work.folder(), &[&tls_block(&identity, &locations)]);
    let id = at(place(&server), Wrap::Tls, Some("id.test"));
    let question = |path: &str| Question::Jwks { tls: true, path: path.to_owned() };
    let trusting = context(Some(&ca));
    let names = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    let seen = ask(&question("/jwks"), &id, &trusting);
    assert_eq!(seen, Seen { seen: names(&["2014-a", "2014-b"]), detail: None });
    fs::write(&file, jwks(&["2014-b", "2026"])).unwrap();
    assert_eq!(ask(&question("/jwks"), &id, &trusting).seen, names(&["2014-b", "2026"]));
    // Another authority, another name, no store, another page: nothing is seen, and it says why.
    let other = Ca::new();
    for (path, place, context, why) in [
        ("/jwks", id.clone(), context(Some(&other)), "does not hold|is not trusted"),
        (
            "/jwks",
            Place { name: Some("other.test".to_owned()), ..id.clone() },
            context(Some(&ca)),
            "names another host",
        ),
        ("/jwks", id.clone(), context(None), "no trust store"),
        ("/moved", id.clone(), context(Some(&ca)), "status 302; redirects are not followed"),
        ("/none", id.clone(), context(Some(&ca)), "status 404"),
    ] {
        let seen = ask(&question(path), &place, &context);
        let detail = seen.detail.unwrap_or_default();
        assert_eq!(seen.seen, None, "{path} {why}");
        assert!(why.split('|').any(|w| detail.contains(w)), "{path}: {detail}");
    }
    fs::write(&file, vec![b' '; 1024 * 1024 + 1]).unwrap();
    let seen = ask(&question("/jwks"), &id, &trusting);
    assert!(seen.seen.is_none() && seen.detail.as_deref().unwrap().contains("longer than"), "{seen:?}");
}

/// An OpenSSH server with these kinds of host keys. It is ended, by its own number, when it is dropped.
struct Keys {
    child: Child,
    port: u16,
    fingerprints: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(usual).map(|f| f.join(name)).find(|p| p.is_file());
    if found.is_none() {
        peers::missing(name);
    }
    found
}

#[track_caller]
fn wait_for(port: u16, child: &mut Child) {
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none() && began.elapsed() < Duration::from_secs(30), "does not run: {ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sshd(kinds: &[&[&str]], further: &str) -> Option<Keys> {
    let (sshd, keygen) = (program("sshd")?, program("ssh-keygen")?);
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\nMaxStartups 100\n{further}\n"
    );
    let mut fingerprints = Vec::new();
    for (n, kind) in kinds.iter().enumerate() {
        let key = folder.path().join(format!("host-{n}"));
        let mut make = Command::new(&keygen);
        make.args(["-q", "-N", "", "-t"]).args(*kind).arg("-f").arg(&key);
        run_with_limit(&mut make, b"", HANG).expect_code(0);
        let mut list = Command::new(&keygen);
        list.arg("-l").arg("-f").arg(key.with_extension("pub"));
        let said = run_with_limit(&mut list, b"", HANG).expect_code(0).out();
        fingerprints.push(said.split_whitespace().nth(1).unwrap().to_owned());
        config.push_str(&format!("HostKey {}\n", key.display()));
    }
    fingerprints.sort();
    let file = folder.path().join("sshd_config");
    fs::write(&file, config).unwrap();
    let _ = fs::create_dir_all("/run/sshd"); // root's servers want it
    let mut command = Command::new(sshd);
    command
        .args(["-D", "-e", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_for(port, &mut child);
    Some(Keys { child, port, fingerprints, _folder: folder })
}

#[test]
fn host_keys_are_named_as_ssh_keygen_names_them() {
    let all: &[&[&str]] = &[&["ed25519"], &["ecdsa", "-b", "256"], &["rsa", "-b", "2048"]];
    let context = context(None);
    let mut before = Vec::new();
    for (kinds, further) in
        [(all, ""), (all, "KexAlgorithms ecdh-sha2-nistp256"), (&all[2..], "HostKeyAlgorithms rsa-sha2-512")]
    {
        let server = need!(sshd(kinds, further));
        let seen = ask(
            &Question::SshHostKey,
            &at(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port)), Wrap::Tls, None),
            &context,
        );
        assert_eq!(seen, Seen { seen: Some(server.fingerprints.clone()), detail: None }, "{further}");
        assert!(!server.fingerprints.iter().any(|f| before.contains(f)), "every server has keys of its own");
        before.extend(server.fingerprints.clone());
    }
    let server = need!(sshd(&all[..1], "KexAlgorithms diffie-hellman-group14-sha256"));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let seen = ask(&Question::SshHostKey, &at(address, Wrap::Tls, None), &context);
    assert!(
        seen.seen.is_none() && seen.detail.as_deref().unwrap().contains("no common key exchange"),
        "{seen:?}"
    );
}

/// A name server of BIND on loopback.
struct Named {
    child: Child,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ZONE: &str = "$TTL 60\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\nns IN A 127.0.0.1\n\
                    sub IN NS ns.sub\nns.sub IN A 127.0.0.1\nalias._domainkey IN CNAME mail2026._domainkey\n";

fn named(work: &Work, port: u16, records: &str) -> Option<Named> {
    let named = program("named")?;
    work.write("zone", format!("{ZONE}{records}"));
    let folder = work.folder().display();
    let config = work.write(
        "named.conf",
        format!(
            "options {{ directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; recursion no; allow-query {{ any; }}; dnssec-validation no; }};\n\
             controls {{ }};\nzone \"example.test\" {{ type primary; file \"{folder}/zone\"; }};\n\
             zone \"broken.test\" {{ type primary; file \"{folder}/no-such-file\"; }};\n"
        ),
    );
    let mut command = Command::new(named);
    command.args(["-g", "-n", "1", "-c"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(work.path("named.log")).unwrap());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    while !fs::read_to_string(work.path("named.log")).unwrap().contains(" running") {
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none() && began.elapsed() < Duration::from_secs(30),
            "named does not run: {ended:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_for(port, &mut child);
    Some(Named { child })
}

#[test]
fn records_of_a_real_name_server_are_told_apart() {
    let work = Work::new();
    let port = free_port();
    let key: Vec<u8> = (0..290).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let letters = data_encoding::BASE64.encode(&key);
    let digest = Sha256::of(&key).to_string();
    let (one, two) = letters.split_at(200);
    let association = "ab".repeat(32);
    let records = format!(
        "mail2014._domainkey IN TXT \"v=DKIM1; k=rsa; p={one}\" \"{two}\"\n\
         mail2026._domainkey IN TXT \"v=DKIM1; k=ed25519; p=a2V5\"\n\
         spf._domainkey IN TXT \"v=spf1 -all\"\n_443._tcp.www IN TLSA 3 1 1 {association}\n\
         _443._tcp.www IN TLSA 2 0 1 {association}\nwww IN A 127.0.0.1\n"
    );
    let first = need!(named(&work, port, &records));
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let dkim = |name: &str| {
        run(async { Dns::new(Some(server), Duration::from_secs(5)).dkim(&format!("{name}.test")).await })
    };
    let tlsa = |name: &str| {
        run(async { Dns::new(Some(server), Duration::from_secs(5)).tlsa(&format!("{name}.test")).await })
    };
    assert_eq!(dkim("mail2014._domainkey.example").seen, Some(vec![digest]));
    let new = Some(vec![Sha256::of(b"key").to_string()]);
    assert_eq!(dkim("mail2026._domainkey.example").seen, new);
    assert_eq!(dkim("alias._domainkey.example").seen, new, "a provider's name is followed");
    let both = vec![format!("2 0 1 {association}"), format!("3 1 1 {association}")];
    assert_eq!(tlsa("_443._tcp.www.example").seen, Some(both));
    for (seen, why) in [
        (dkim("gone._domainkey.example"), "no such record"),
        (dkim("www.example"), "no such record"),
        (tlsa("www.example"), "no such record"),
    ] {
        assert_eq!(seen, Seen { seen: Some(vec![]), detail: Some(why.to_owned()) });
    }
    for (seen, why) in [
        (dkim("spf._domainkey.example"), "no DKIM key"),
        (dkim("mail._domainkey.broken"), "Server Failure"),
        (tlsa("_443._tcp.www.broken"), "Server Failure"),
        (dkim("mail._domainkey.elsewhere"), "Refused"),
        (tlsa("_443._tcp.www.sub.example"), "name server"),
    ] {
        assert_eq!(seen.seen, None, "{why}: {seen:?}");
        assert!(seen.detail.as_deref().unwrap().contains(why), "{why}: {seen:?}");
    }
    // The old selector is emptied, as RFC 6376 wants it.
    drop(first);
    let _second = need!(named(&work, port, "mail2014._domainkey IN TXT \"v=DKIM1; k=rsa; p=\"\n"));
    let seen = dkim("mail2014._domainkey.example");
    assert_eq!(seen, Seen { seen: Some(vec![]), detail: Some("revoked: `p=` is empty".to_owned()) });
}

fn stored(work: &Work) -> Vec<Checked> {
    Reader::open(&work.path("incident.db")).unwrap().evidence().unwrap().checks
}

#[test]
fn a_sweep_and_a_verification_ask_and_store() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let ca = Ca::new();
    let issued = ca.issue("id.test", &[], &[]);
    let identity = identity(&work, &ca, &issued, "id.pem");
    let (file, set) = (work.path("ticket.key"), work.write("jwks.json", jwks(&["old"])));
    let old = ticket_key(&file, 1);
    let block =
        format!("ssl_session_ticket_key {}; location = /jwks {{ alias {}; }}", file.display(), set.display());
    let server = Server::nginx(&nginx, work.folder(), &[&tls_block(&identity, &block)]);
    let (address, port) = (server.address, server.port);
    let list = work.write("services.csv", format!("id,name,address,port\nid,id.test,{address},{port}\n"));
    work.write("secrets.csv", "secret_id,type,services\ntickets,B2,id\nsigning,D4,id\n");
    let root = ca.root_pem();
    let inventory =
        [list.to_str().unwrap(), "secrets.csv", "--trust", root.to_str().unwrap(), "--presume", "all"];
    let sweep = [&["sweep"], &inventory[..]].concat();

    let said = work.ok(&[&sweep[..], &["--offline"]].concat()).err();
    assert!(!said.contains("Secrets seen") && stored(&work).is_empty(), "--offline asks nobody: {said}");
    let said = work.ok(&sweep).err();
    assert!(said.contains("Secrets seen from the network: 1 check: 1 answered."), "{said}");
    let first = stored(&work).pop().unwrap();
    let expected = (CheckKind::TicketKey, format!("id.test:{port}"), "tickets".to_owned(), Some(vec![old]));
    assert_eq!((first.kind, first.target, first.secret, first.seen), expected);
    assert_eq!(first.after_sweep, Some(SweepId(2)));

    let new = ticket_key(&file, 101);
    server.restart();
    // A verification goes by the configuration, not by what the sweep was told.
    work.write("policy.toml", "[policy]\npresume = \"all\"\n");
    let verify = ["verify", "--config", "policy.toml", "--service", "id", "--trust", root.to_str().unwrap()];
    let said = work.run(&verify).err();
    assert!(said.contains("Secrets seen from the network: 1 check: 1 answered."), "{said}");
    assert_eq!(stored(&work).pop().unwrap().seen, Some(vec![new]));

    // Declared ones as well: asked at the inventory's address for the name, verified by the sweep's trust store.
    let policy = Policy { presume: Presume::All, ..Policy::default() };
    let choice = Choice { policy: Some(policy), ..Choice::default() };
    let judge = || judged::load(&work.path("incident.db"), &choice, Clock::System.now()).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let with = |checks: &[String]| {
        let mut judged = judge();
        let secret = judged.evidence.secrets.iter_mut().find(|s| s.id == "signing").unwrap();
        secret.checks = checks.iter().map(|c| c.parse().unwrap()).collect();
        judged
    };
    let declared = [
        format!("jwks https://id.test:{port}/jwks old"),
        format!("ssh-host-key {closed}"),
        "jwks ftp://id.test/".to_owned(),
    ];
    let count = stored(&work).len();
    let round = checks::after_sweep(&work.path("incident.db"), &with(&declared), None, &Clock::System);
    assert_eq!((round.owed, round.answered, round.held, round.silent, round.failed), (4, 2, 0, 2, None));
    let mut fresh = stored(&work).split_off(count);
    fresh.retain(|c| c.secret == "signing");
    fresh.sort_by(|a, b| (a.kind, &a.target).cmp(&(b.kind, &b.target)));
    let told: Vec<_> = fresh.iter().map(|c| (c.seen.clone(), c.detail.clone().unwrap_or_default())).collect();
    assert_eq!(told[0], (None, "its address is neither https nor http".to_owned()));
    assert_eq!(told[1], (Some(vec!["old".to_owned()]), String::new()));
    assert_eq!(told[2], (None, "no connection: refused".to_owned()));
    let other = [RowId::declared("another")];
    let round =
        checks::after_sweep(&work.path("incident.db"), &with(&declared), Some(&other), &Clock::System);
    assert_eq!(round, checks::Round::default(), "only secrets of the services that were asked about");
    drop(server);
}

#[test]
fn what_a_sweep_leaves_alone_is_left_alone() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "left");
    let server = Server::nginx(&nginx, work.folder(), &[&tls_block(&identity, "")]);
    let (address, port) = (server.address, server.port);
    let list = work.write("services.csv", format!("id,name,address,port\nid,id.test,{address},{port}\n"));
    work.write("secrets.csv", "secret_id,type,services\ntickets,B2,id\n");
    let sweep = ["sweep", list.to_str().unwrap(), "secrets.csv", "--presume", "all"];
    work.ok(&sweep);
    let before = stored(&work).len();
    assert_eq!(before, 1);
    for (option, value) in [("--exclude", address.to_string()), ("--exclude", "id.test".to_owned())] {
        let said = work.ok(&[&sweep[..], &[option, &value]].concat()).err();
        assert!(said.contains("1 check: 0 answered, 1 not asked (ticket-key"), "{value}: {said}");
        assert!(said.contains(": excluded)"), "{value}: {said}");
    }
    let left = stored(&work).split_off(before);
    assert!(left.len() == 2 && left.iter().all(|c| c.seen.is_none()), "{left:?}");
    assert!(left.iter().all(|c| c.detail.as_deref() == Some("not asked: excluded")), "{left:?}");
    assert!(matches!(address, IpAddr::V4(_)));
}
