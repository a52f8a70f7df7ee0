//! The real servers behind the tests of services, looked at with `openssl s_client`: each serves the certificate that
//! it was given, on every port and in the way that the port's description says; it outlives clients that break off;
//! and nothing of it is left when it is dropped.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    HANG, Work,
    certs::Identity,
    daemons::{
        Daemon, Port,
        files::vsftpd,
        mail::{dovecot, exim, postfix},
        news::inn,
    },
    peers::need,
    run_with_limit,
};

/// Starts it, looks at every port, and looks for what is left of it.
#[track_caller]
fn examine(start: fn(&Path, &Identity) -> Option<Daemon>) {
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "server");
    let daemon = need!(start(work.folder(), &identity));
    // A second one beside it: nothing may be shared.
    let other_folder = Work::new();
    let other_identity = Identity::rsa(other_folder.folder(), "other");
    let other = need!(start(other_folder.folder(), &other_identity));

    let open: Vec<TcpStream> = daemon.ports.iter().flat_map(|port| break_off(&daemon, port)).collect();
    check(&daemon, &identity, &["", "-tls1_2", "-tls1_3"]);
    check(&other, &other_identity, &[""]);
    let (address, processes) = (daemon.address, daemon.processes());
    assert!(processes.len() >= daemon.ports.len().min(2), "{processes:?}");
    assert!(!sockets(address).is_empty(), "what is looked for below must be seen now");
    let began = Instant::now();
    drop(daemon);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?} until it had ended", began.elapsed());
    assert_eq!(sockets(address), Vec::<String>::new(), "processes still hold sockets");
    assert_eq!(naming(work.folder()), Vec::<String>::new(), "processes are left");
    check(&other, &other_identity, &[""]);
    drop((open, other));
    assert_eq!(naming(other_folder.folder()), Vec::<String>::new(), "processes are left");
}

/// Clients that stop in the middle: some have gone, some are still there.
fn break_off(daemon: &Daemon, port: &Port) -> Vec<TcpStream> {
    let hello = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    let texts: [&[u8]; 4] = [b"", &hello, b"STARTT", b"\0\0\0\xff\xff\xff\xff\n\n\n"];
    let mut open = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        for kept in [false, true] {
            let mut stream = TcpStream::connect(daemon.place(port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            if number % 2 == 0 {
                let _ = stream.read(&mut [0; 64]); // half of them do not wait for a greeting
            }
            stream.write_all(text).unwrap();
            if kept {
                open.push(stream);
            }
        }
    }
    open
}

/// Holds every port to its description. `versions`: options of `s_client`, none of them if empty.
#[track_caller]
fn check(daemon: &Daemon, identity: &Identity, versions: &[&str]) {
    let file = fs::read_to_string(&identity.certificate).unwrap();
    let wanted = first_certificate(&file).unwrap();
    for port in &daemon.ports {
        let what = port.what;
        if what.ends_with("without TLS") || what.ends_with("that defers") {
            let said = s_client(daemon, port, "");
            assert!(
                !said.contains("BEGIN CERTIFICATE") && said.contains("Cipher is (NONE)"),
                "{what}: {said}"
            );
            continue;
        }
        for version in versions {
            let said = s_client(daemon, port, version);
            assert_eq!(first_certificate(&said), Some(wanted), "{what} {version}: {said}\n{}", daemon.said());
        }
    }
}

fn s_client(daemon: &Daemon, port: &Port, version: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-showcerts", "-connect", &daemon.place(port).to_string()]);
    command.args(Some(version).filter(|v| !v.is_empty()));
    if let Some(protocol) = port.wrap.strip_prefix("starttls-") {
        command.args(["-starttls", protocol]);
    }
    let ended = run_with_limit(&mut command, b"", HANG);
    ended.out() + &ended.err()
}

/// The first certificate in a text, as PEM, which is the same whenever `openssl` writes it.
fn first_certificate(text: &str) -> Option<&str> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let from = &text[text.find(begin)?..];
    Some(&from[..from.find(end)?])
}

/// Sockets at this address that a process listens on or has a connection at.
fn sockets(address: IpAddr) -> Vec<String> {
    let IpAddr::V4(address) = address else { panic!("{address}") };
    let local = format!("{:08X}:", u32::from_le_bytes(address.octets()));
    let held = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        // Established, close-wait, listen. The kernel alone keeps sockets in other states.
        fields.next().is_some_and(|f| f.starts_with(&local))
            && fields.nth(1).is_some_and(|state| ["01", "08", "0A"].contains(&state))
    };
    fs::read_to_string("/proc/net/tcp").unwrap().lines().filter(held).map(str::to_owned).collect()
}

/// Processes that have something to do with a folder: by command line, working or root folder, or an open file.
fn naming(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|p| p.path()) {
        if process.file_name().is_some_and(|id| *id == *std::process::id().to_string()) {
            continue;
        }
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let open =
            fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok).map(|f| f.path());
        let places = ["cwd", "root"].map(|link| process.join(link)).into_iter().chain(open);
        let near = places.filter_map(|p| fs::read_link(p).ok()).any(|p| p.starts_with(folder));
        let line = String::from_utf8_lossy(&line).into_owned();
        if near || line.contains(name) {
            found.push(format!("{} {line}", process.display()));
        }
    }
    found
}

#[test]
fn postfix_serves_what_it_is_given() {
    examine(postfix);
}

#[test]
fn postfix_that_defers_says_so_at_once() {
    let work = Work::new();
    let daemon = need!(postfix(work.folder(), &Identity::rsa(work.folder(), "server")));
    let mut stream = TcpStream::connect(daemon.place(daemon.port("postfix that defers"))).unwrap();
    let mut code = [0; 4];
    stream.read_exact(&mut code).unwrap();
    assert_eq!(&code, b"450 ");
}

#[test]
fn exim_serves_what_it_is_given() {
    examine(exim);
}

#[test]
fn dovecot_serves_what_it_is_given() {
    examine(dovecot);
}

#[test]
fn inn_serves_what_it_is_given() {
    examine(inn);
}

#[test]
fn vsftpd_serves_what_it_is_given() {
    examine(vsftpd);
}
