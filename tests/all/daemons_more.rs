//! The directory, chat and database servers that other tests scan, and the scripted ones, seen by programs that
//! have nothing to do with allclear: what is tested here is that the tests' peers are what they are said to be.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    HANG, Work,
    certs::{Identity, Key},
    daemons::{
        Daemon,
        chat::{ejabberd, inspircd, prosody},
        database::{mariadb, postgresql},
        directory::slapd,
    },
    free_port, fresh_address,
    peers::{self, Server, need},
    run_with_limit,
    scripted::{self, Fault, Scripted, WRAPS},
};

const HOST: &str = "chat.example.test";

/// A certificate for [`HOST`] under an intermediate one; the file holds both, the root is not in it.
fn chained(folder: &Path) -> Identity {
    let path = |name: &str| folder.join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        run_with_limit(command.args(arguments).current_dir(folder), b"", HANG).expect_code(0);
    };
    let authority = |name: &str, more: &[&str]| {
        let (key, file, subject) =
            (path(&format!("{name}.key")), path(&format!("{name}.crt")), format!("/CN={name}"));
        let basic =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", &key, "-out", &file];
        run(&[&basic[..], &["-subj", &subject], more].concat());
        (key, file)
    };
    let (root_key, root) = authority("root", &[]);
    let below = ["-CA", &root, "-CAkey", &root_key, "-addext", "basicConstraints=critical,CA:true"];
    let (middle_key, middle) = authority("middle", &below);
    let name = format!("subjectAltName=DNS:{HOST}");
    let end =
        ["-CA", &middle, "-CAkey", &middle_key, "-addext", &name, "-addext", "basicConstraints=CA:false"];
    let (key, leaf) = authority(HOST, &end);
    let chain = folder.join("chain.crt");
    fs::write(&chain, [fs::read(leaf).unwrap(), fs::read(middle).unwrap()].concat()).unwrap();
    Identity { key: key.into(), certificate: chain }
}

/// The certificates that a server shows to `openssl s_client` within so many seconds, as they are in PEM.
fn shown(openssl: &Path, place: SocketAddr, wrap: &str, seconds: u32) -> Vec<String> {
    let mut command = Command::new("timeout");
    command.arg(seconds.to_string()).arg(openssl).args(["s_client", "-showcerts", "-servername", HOST]);
    command.arg("-connect").arg(place.to_string());
    if let Some(protocol) = wrap.strip_prefix("starttls-") {
        command.args(["-starttls", if protocol == "xmpp-client" { "xmpp" } else { protocol }]);
        if protocol.starts_with("xmpp") {
            command.args(["-xmpphost", HOST]);
        }
    }
    certificates(&run_with_limit(&mut command, b"", HANG).out())
}

/// The PEM blocks in a text.
fn certificates(text: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let from_begin = |part: &str| Some(part[part.find("-----BEGIN CERTIFICATE-----")?..].trim().to_owned());
    text.split_inclusive(END).filter(|part| part.ends_with(END)).filter_map(from_begin).collect()
}

/// Whether every port shows exactly the identity's chain, or no certificate where it says that it has none.
#[track_caller]
fn every_port_is_as_it_says(daemon: &Daemon, identity: &Identity) {
    let openssl = peers::openssl().unwrap();
    let wanted = certificates(&fs::read_to_string(&identity.certificate).unwrap());
    assert!(!wanted.is_empty());
    for port in &daemon.ports {
        let without = port.what.ends_with("without TLS");
        let came = shown(&openssl, daemon.place(port), port.wrap, if without { 2 } else { 20 });
        let wanted = if without { &[][..] } else { &wanted };
        assert_eq!(came, wanted, "{}\n{}", port.what, daemon.said());
    }
}

/// Sockets that take in bytes from elsewhere: those of these processes that are not on loopback.
fn open_to_others(processes: &[u32]) -> Vec<String> {
    let inodes: BTreeSet<String> = processes
        .iter()
        .flat_map(|id| fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().filter_map(Result::ok))
        .filter_map(|entry| {
            let to = fs::read_link(entry.path()).ok()?;
            Some(to.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    assert!(!inodes.is_empty(), "a server has sockets");
    let mut open = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        for line in fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A: listening. Addresses are in the byte order of the machine.
            let takes = table.starts_with("udp") || fields[3] == "0A";
            let loopback = fields[1].split(':').next().unwrap().ends_with("7F");
            if inodes.contains(fields[9]) && takes && !loopback {
                open.push(format!("{table} {}", fields[1]));
            }
        }
    }
    open
}

fn ended(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Everything that a server has to hold to: what it shows, also after clients that go in the middle of a handshake;
/// where it listens; and that nothing of it is left.
#[track_caller]
fn holds(daemon: Daemon, identity: &Identity) {
    every_port_is_as_it_says(&daemon, identity);
    let mut held = Vec::new();
    for port in &daemon.ports {
        for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"", b"\x00", b"STARTTLS\r\n"] {
            let mut stream = TcpStream::connect(daemon.place(port)).unwrap();
            stream.write_all(bytes).unwrap();
            held.push(stream);
        }
    }
    every_port_is_as_it_says(&daemon, identity);
    drop(held);
    every_port_is_as_it_says(&daemon, identity);
    let processes = daemon.processes();
    assert!(!processes.is_empty());
    assert_eq!(open_to_others(&processes), Vec::<String>::new());
    let places: Vec<SocketAddr> = daemon.ports.iter().map(|port| daemon.place(port)).collect();
    let began = Instant::now();
    drop(daemon);
    assert!(began.elapsed() < Duration::from_secs(5));
    let left: Vec<u32> = processes.into_iter().filter(|id| !ended(*id)).collect();
    assert!(left.is_empty(), "{left:?} are left");
    for place in places {
        assert!(TcpStream::connect(place).is_err(), "{place} still accepts");
    }
}

#[test]
fn slapd_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    holds(need!(slapd(work.folder(), &identity)), &identity);
}

#[test]
fn prosody_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    holds(need!(prosody(work.folder(), &identity, HOST)), &identity);
}

#[test]
fn ejabberd_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    holds(need!(ejabberd(work.folder(), &identity, HOST)), &identity);
}

#[test]
fn inspircd_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    holds(need!(inspircd(work.folder(), &identity)), &identity);
}

#[test]
fn postgresql_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    let daemon = need!(postgresql(work.folder(), &identity));
    if Command::new("unshare")
        .args(["--ipc", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        let memory = |process: u32| fs::read_link(format!("/proc/{process}/ns/ipc")).ok();
        let ours = memory(std::process::id());
        // A process may end between the two questions.
        let theirs: Vec<_> = daemon.processes().into_iter().filter_map(memory).collect();
        assert!(
            !theirs.is_empty() && !theirs.contains(&ours.unwrap()),
            "a segment of shared memory would be left"
        );
    }
    holds(daemon, &identity);
}

#[test]
fn mariadb_serves_what_it_is_given() {
    let work = Work::new();
    let identity = chained(work.folder());
    holds(need!(mariadb(work.folder(), &identity)), &identity);
}

/// A self-signed certificate on an elliptic curve, with no name but its common name: also this is served.
#[test]
fn other_keys_are_served_as_well() {
    let work = Work::new();
    let identity = Key::ecdsa(work.folder(), "chat").certify("chat", HOST);
    let started: Vec<Option<Daemon>> = vec![
        slapd(work.folder(), &identity),
        prosody(work.folder(), &identity, HOST),
        ejabberd(work.folder(), &identity, HOST),
        inspircd(work.folder(), &identity),
        postgresql(work.folder(), &identity),
        mariadb(work.folder(), &identity),
    ];
    for daemon in started.iter().flatten() {
        every_port_is_as_it_says(daemon, &identity);
    }
}

/// What `openssl s_client` cannot speak.
const NOT_OPENSSLS: [&str; 3] = ["starttls-mssql", "starttls-rdp", "starttls-vnc"];

/// A real TLS server for the scripted ones to hand connections to.
fn behind(openssl: &Path, identity: &Identity) -> (Server, SocketAddr) {
    let server = Server::s_server(openssl, identity, &[]);
    let place = SocketAddr::new(server.address, server.port);
    (server, place)
}

#[test]
fn scripted_openings_satisfy_openssl() {
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "chat");
    let (_server, tls) = behind(&openssl, &identity);
    let wanted = certificates(&fs::read_to_string(&identity.certificate).unwrap());
    for wrap in WRAPS.into_iter().filter(|wrap| !NOT_OPENSSLS.contains(wrap)) {
        let scripted = scripted::relayed(wrap, tls);
        assert_eq!(shown(&openssl, scripted.place(), wrap, 20), wanted, "{wrap}");
        assert_eq!((scripted.taken(), scripted.handed()), (1, 1), "{wrap}");
    }
}

/// Python's libraries: address, port, protocol.
const PYTHON: &str = "
import ftplib, imaplib, poplib, smtplib, ssl, sys
host, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl._create_unverified_context()
if protocol in ('smtp', 'lmtp'):
    client = (smtplib.SMTP if protocol == 'smtp' else smtplib.LMTP)(host, port)
    client.starttls(context=context)
elif protocol == 'pop3':
    client = poplib.POP3(host, port)
    client.stls(context)
elif protocol == 'imap':
    client = imaplib.IMAP4(host, port)
    client._get_capabilities = lambda: None  # which would wait for an answer inside TLS
    client.starttls(context)
else:
    client = ftplib.FTP_TLS(context=context)
    client.connect(host, port)
    client.auth()
print(ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(True)))
";

/// openssl takes the first byte of a go-ahead for all of it, so somebody more patient is asked here.
#[test]
fn scripted_crumbs_satisfy_python() {
    let openssl = need!(peers::openssl());
    if Command::new("python3").arg("--version").output().is_err() {
        return peers::missing("python3");
    }
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "chat");
    let (_server, tls) = behind(&openssl, &identity);
    let wanted = certificates(&fs::read_to_string(&identity.certificate).unwrap());
    for protocol in ["smtp", "lmtp", "pop3", "imap", "ftp"] {
        let scripted = scripted::crumbs(&format!("starttls-{protocol}"), tls);
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, &scripted.address.to_string(), &scripted.port.to_string(), protocol]);
        let ended = run_with_limit(&mut command, b"", HANG).expect_code(0);
        assert_eq!(certificates(&ended.out()), wanted, "{protocol}");
    }
}

/// A scripted server at the port by which nmap knows the protocol, and what nmap says about it.
fn by_nmap(wrap: &str, tls: SocketAddr, port: u16, script: &str) -> Option<(Scripted, String)> {
    let nmap = peers::nmap()?;
    let scripted = scripted::relayed_at(wrap, tls, fresh_address(), port);
    let mut command = Command::new(nmap);
    command.args(["-Pn", "-n", "-sT", "-vv", "-p", &port.to_string(), "--script", script]);
    command.arg(scripted.address.to_string());
    let out = run_with_limit(&mut command, b"", HANG).out();
    Some((scripted, out))
}

#[test]
fn scripted_mssql_satisfies_nmap() {
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "chat");
    let (_server, tls) = behind(&openssl, &identity);
    let (_scripted, out) = need!(by_nmap("starttls-mssql", tls, 1433, "ssl-cert"));
    let leaf = certificates(&fs::read_to_string(&identity.certificate).unwrap()).swap_remove(0);
    // Each line of it begins with a bar.
    let bare = |text: &str| text.replace(['|', '_', ' ', '\n'], "");
    assert!(bare(&out).contains(&bare(&leaf)), "{out}");
}

#[test]
fn scripted_rdp_satisfies_sslyze() {
    let openssl = need!(peers::openssl());
    let sslyze = need!(peers::sslyze());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "chat");
    let (_server, tls) = behind(&openssl, &identity);
    let scripted = scripted::relayed("starttls-rdp", tls);
    let report = work.path("sslyze.json");
    let mut command = Command::new(sslyze);
    command
        .args(["--starttls", "rdp", "--certinfo", "--json_out"])
        .arg(&report)
        .arg(scripted.place().to_string());
    let ended = run_with_limit(&mut command, b"", HANG);
    let report = fs::read_to_string(report).unwrap_or_default().replace("\\n", "\n");
    let leaf = certificates(&fs::read_to_string(&identity.certificate).unwrap()).swap_remove(0);
    assert!(report.contains(&leaf), "{}{}{report}", ended.out(), ended.err());
}

/// Hands a connection on whose opening is over, so that `openssl` may take it from there.
fn handed_on(stream: TcpStream) -> SocketAddr {
    let listener = TcpListener::bind((fresh_address(), free_port())).unwrap();
    let place = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let (mut back, mut to) = (stream.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Both);
        });
        let _ = std::io::copy(&mut &client, &mut &stream);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    place
}

/// nmap goes as far as the kinds of VeNCrypt; the last step, and TLS, are ours here.
#[test]
fn scripted_vnc_satisfies_nmap_and_the_specification() {
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "chat");
    let (_server, tls) = behind(&openssl, &identity);
    let (scripted, out) = need!(by_nmap("starttls-vnc", tls, 5900, "vnc-info"));
    assert!(out.contains("VeNCrypt (19)") && out.contains("Server-authenticated TLS (261)"), "{out}");
    let mut stream = TcpStream::connect(scripted.place()).unwrap();
    let mut exchange = |say: &[u8], hear: &[u8]| {
        stream.write_all(say).unwrap();
        let mut heard = vec![0; hear.len()];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, hear);
    };
    exchange(b"", b"RFB 003.008\n");
    exchange(b"RFB 003.008\n", &[2, 19, 2]);
    exchange(&[19], &[0, 2]);
    exchange(&[0, 2], &[0, 3, 0, 0, 1, 2, 0, 0, 1, 5, 0, 0, 1, 6]);
    exchange(&[0, 0, 1, 5], &[1]);
    let wanted = certificates(&fs::read_to_string(&identity.certificate).unwrap());
    assert_eq!(shown(&openssl, handed_on(stream), "tls", 20), wanted);
}

/// Every fault that shows once the client has done its part, to a client that means well: no certificate is seen,
/// and what is said to come before the go-ahead comes before it.
#[test]
fn faults_of_the_opening_show_to_openssl() {
    let openssl = need!(peers::openssl());
    let cases: Vec<_> = scripted::table()
        .into_iter()
        .filter(|(wrap, fault)| {
            let late = [Fault::ClosesAfter, Fault::PlainAfter, Fault::Injected];
            let early = [Fault::Refuses, Fault::Busy, Fault::Later];
            !NOT_OPENSSLS.contains(wrap) && (late.contains(fault) || early.contains(fault))
        })
        .collect();
    assert!(cases.len() > 60);
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(6)) {
            let openssl = &openssl;
            scope.spawn(move || {
                for (wrap, fault) in part {
                    let scripted = scripted::hostile(wrap, *fault);
                    let came = shown(openssl, scripted.place(), wrap, 2);
                    assert!(came.is_empty(), "{wrap} {fault:?}");
                    assert_eq!(scripted.taken(), 1, "{wrap} {fault:?}");
                    let late = ![Fault::Refuses, Fault::Busy, Fault::Later].contains(fault);
                    assert_eq!(scripted.handed(), usize::from(late), "{wrap} {fault:?}");
                }
            });
        }
    });
}

/// Every fault of the first message, to a client that sends anything at all: what comes, and whether it ends.
#[test]
fn faults_of_the_first_message_are_what_they_are_called() {
    for wrap in WRAPS {
        for fault in [Fault::Silent, Fault::Tarpit, Fault::Flood, Fault::Chatter, Fault::Other, Fault::Closes]
        {
            if !scripted::possible(wrap, fault) {
                continue;
            }
            let scripted = scripted::hostile(wrap, fault);
            let mut stream = TcpStream::connect(scripted.place()).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let _ = stream.write_all(b"NOOP\r\n"); // may be closed already
            let (mut came, mut ended, mut piece) = (Vec::new(), false, vec![0; 65536]);
            while let Ok(read) = stream.read(&mut piece) {
                came.extend_from_slice(&piece[..read]);
                ended = read == 0;
                if ended || came.len() > 2_000_000 {
                    break;
                }
            }
            let much = came.len() > 2_000_000;
            let right = match fault {
                Fault::Silent => came.is_empty() && !ended,
                Fault::Tarpit => came.len() == 1 && !ended,
                Fault::Flood | Fault::Chatter => much,
                Fault::Other => came.starts_with(b"SSH-") && !ended,
                _ => came.is_empty(),
            };
            assert!(right, "{wrap} {fault:?}: {} bytes, ended: {ended}", came.len());
            let began = Instant::now();
            drop(scripted);
            assert!(began.elapsed() < Duration::from_secs(2), "{wrap} {fault:?} does not end");
        }
    }
}

/// Whoever speaks on before the go-ahead is not taken for a client that has begun TLS.
#[test]
fn a_scripted_server_does_not_take_what_comes_too_early() {
    let nowhere = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 1);
    let scripted = scripted::relayed("starttls-smtp", nowhere);
    let mut stream = TcpStream::connect(scripted.place()).unwrap();
    stream.write_all(b"EHLO me.test\r\nSTARTTLS\r\n\x16\x03\x01").unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.contains("STARTTLS") && !heard.contains("Ready"), "{heard}");
    assert_eq!(scripted.handed(), 0);
}
