//! Scans by the real nmap and masscan, made in the test run, as inventories.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    Running, Work,
    certs::Identity,
    free_port,
    peers::{self, Server, need},
    run_with_limit,
};

/// nmap waits for answers on a loaded machine.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn nmap_finds_a_tls_server_and_the_sweep_takes_it() {
    let (nmap, openssl) = (need!(peers::nmap()), need!(peers::openssl()));
    let work = Work::new();
    let server = Server::s_server(&openssl, &Identity::rsa(work.folder(), "web"), &[]);
    let closed = free_port();
    let mut command = Command::new(nmap);
    command.args(["-n", "-sT", "-Pn", "-sV", "--version-light", "--script", "ssl-cert", "-oX", "scan.xml"]);
    command.args(["-p", &format!("{},{closed}", server.port), &server.address.to_string()]);
    run_with_limit(command.current_dir(work.folder()), b"", LIMIT).expect_code(0);

    let rows = work.ok(&["inventory", "list", "--jsonl", "scan.xml"]).rows();
    assert_eq!(rows.len(), 1, "the closed port is none: {rows:#?}");
    assert_eq!((&rows[0]["port"], &rows[0]["wrap"]), (&server.port.into(), &"tls".into()), "{rows:#?}");
    work.ok(&["inventory", "check", "scan.xml"]);
    let swept = work.run(&["sweep", "scan.xml", "--incident", "incident.db", "--jsonl", "--offline"]).rows();
    assert!(swept.iter().any(|row| row["port"] == server.port), "{swept:#?}");
}

#[test]
fn a_scan_that_was_killed_keeps_the_hosts_that_it_finished() {
    let (nmap, openssl) = (need!(peers::nmap()), need!(peers::openssl()));
    let work = Work::new();
    let server = Server::s_server(&openssl, &Identity::rsa(work.folder(), "web"), &[]);
    let mut command = Command::new(nmap);
    command.args(["-n", "-sT", "-Pn", "--max-hostgroup", "1", "--max-rate", "4", "-oX", "scan.xml"]);
    command.args([
        "-p",
        &format!("{},1-19", server.port),
        &server.address.to_string(),
        "127.0.0.2",
        "127.0.0.3",
    ]);
    let running = Running::start(command.current_dir(work.folder()), b"");
    let (began, path) = (Instant::now(), work.path("scan.xml"));
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("</host>")) {
        assert!(began.elapsed() < LIMIT, "nmap finished no host");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal("KILL");
    drop(running);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("</nmaprun>"), "it was killed too late");

    let rows = work.ok(&["inventory", "list", "--jsonl", "scan.xml"]).rows();
    assert!(rows.iter().any(|row| row["port"] == server.port), "{rows:#?}");
    let checked = work.ok(&["inventory", "check", "scan.xml"]);
    let said = checked.out() + &checked.err();
    assert!(said.contains("did not come to its end"), "{said}");
}

/// Two network namespaces with a cable between them. Their names carry the process id; they are gone in the end.
struct Cable {
    names: [String; 2],
    listener: Option<Child>,
}

impl Cable {
    fn new() -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("acl-scan-{end}-{}", std::process::id()));
        let cable = Self { names, listener: None };
        let [a, b] = &cable.names;
        shell(&format!(
            "set -e
             ip netns add {a}
             ip netns add {b}
             ip -n {a} link add up0 type veth peer name up0 netns {b}
             ip -n {a} addr add 192.0.2.1/24 dev up0
             ip -n {b} addr add 192.0.2.11/24 dev up0
             ip -n {a} link set up0 up
             ip -n {b} link set up0 up"
        ))?;
        Ok(cable)
    }

    /// Starts a TLS server at the far end.
    fn listen(&mut self, openssl: &Path, folder: &Path) {
        let made = Command::new(openssl)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "far.key", "-out", "far.pem"])
            .args(["-days", "30", "-subj", "/CN=far.example.test"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        let child = Command::new("ip")
            .args(["netns", "exec", &self.names[1]])
            .arg(openssl)
            .args(["s_server", "-quiet", "-accept", "443", "-cert", "far.pem", "-key", "far.key"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.listener = Some(child.unwrap());
        let began = Instant::now();
        while !shell(&format!("ip netns exec {} ss -Hltn", self.names[1]))
            .is_ok_and(|out| out.contains(":443 "))
        {
            assert!(began.elapsed() < Duration::from_secs(30), "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        if let Some(listener) = &mut self.listener {
            let _ = listener.kill();
            let _ = listener.wait();
        }
        for name in &self.names {
            let _ = shell(&format!("ip netns del {name}"));
        }
    }
}

fn shell(script: &str) -> Result<String, String> {
    let script = format!("PATH=$PATH:/usr/sbin:/sbin\n{script}");
    let out = Command::new("sh").args(["-c", &script]).output().map_err(|e| e.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
}

#[test]
fn masscan_says_the_same_in_every_form() {
    let (masscan, openssl) = (need!(peers::masscan()), need!(peers::openssl()));
    let mut cable = match Cable::new() {
        Ok(cable) => cable,
        Err(why) => return peers::missing(&format!("network namespaces ({})", why.trim())),
    };
    let work = Work::new();
    cable.listen(&openssl, work.folder());
    let [near, far] = cable.names.clone();
    let mac = shell(&format!("ip netns exec {far} cat /sys/class/net/up0/address")).unwrap();
    for form in ["-oJ", "-oD", "-oL", "-oX"] {
        let file = format!("scan{form}");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &near]).arg(&masscan);
        command.args(["192.0.2.11", "-p443,8080", "--rate", "1000", "--wait", "3", "-e", "up0"]);
        // Of an address of its own: the kernel would end connections that it has not begun.
        command.args(["--router-mac", mac.trim(), "--adapter-ip", "192.0.2.77", "--banners", form, &file]);
        run_with_limit(command.current_dir(work.folder()), b"", LIMIT).expect_code(0);
        let rows = work.ok(&["inventory", "list", "--jsonl", &file]).rows();
        assert_eq!(rows.len(), 1, "{form}: {rows:#?}");
        assert_eq!((&rows[0]["port"], &rows[0]["wrap"]), (&443.into(), &"tls".into()), "{form}: {rows:#?}");
        let text = std::fs::read_to_string(work.path(&file)).unwrap();
        assert!(text.contains("192.0.2.11"), "{form}: {text}");
    }
}
