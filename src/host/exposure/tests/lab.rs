//! Network namespaces with real packet filters: a server with two interfaces, a client on each, a container
//! behind a bridge. Nothing leaves them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    host::{
        cover::Cover,
        exposure::{Filters, collect, run::Runner},
        root::Root,
    },
    model::host::{OpenTo, Protocol, Reach},
};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Ports that the server listens on, TCP and UDP, each family on its own.
pub(super) const PORTS: [u16; 6] = [22, 80, 443, 5432, 8000, 9005];

const SERVER: &str = r"
import socket, selectors, sys
sel = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    for family, any in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((any, port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            sel.register(s, selectors.EVENT_READ)
print('ready', flush=True)
while True:
    for key, _ in sel.select():
        s = key.fileobj
        try:
            if s.type == socket.SOCK_STREAM:
                s.accept()[0].close()
            else:
                data, peer = s.recvfrom(64)
                s.sendto(b'pong', peer)
        except OSError:
            pass
";

const CLIENT: &str = r"
import socket, sys, threading
out, lock = [], threading.Lock()
def attempt(line):
    proto, source, own, dest, port = line.split()
    family = socket.AF_INET6 if ':' in dest else socket.AF_INET
    ok = False
    try:
        s = socket.socket(family, socket.SOCK_STREAM if proto == 'tcp' else socket.SOCK_DGRAM)
        s.settimeout(0.9)
        s.bind((source, int(own)))
        s.connect((dest, int(port)))
        if proto == 'udp':
            s.send(b'ping')
            s.recv(16)
        ok = True
    except OSError:
        pass
    with lock:
        out.append(line + ' ' + ('open' if ok else 'closed'))
threads = [threading.Thread(target=attempt, args=(l.strip(),)) for l in sys.stdin if l.strip()]
[t.start() for t in threads]
[t.join() for t in threads]
print('\n'.join(out))
";

/// A source: its client's namespace, its addresses, the server's interface that it comes in by.
struct Source {
    client: usize,
    v4: &'static str,
    v6: &'static str,
    iface: &'static str,
}

const SOURCES: [Source; 3] = [
    Source { client: 0, v4: "10.77.1.2", v6: "fd77:1::2", iface: "eth0" },
    Source { client: 0, v4: "10.77.1.3", v6: "fd77:1::3", iface: "eth0" },
    Source { client: 1, v4: "10.77.2.2", v6: "fd77:2::2", iface: "eth1" },
];

pub(super) struct Lab {
    server: String,
    clients: [String; 2],
    container: String,
    listeners: Vec<Child>,
    next_port: AtomicU32,
    python: &'static str,
}

impl Lab {
    /// Builds the namespaces. Absent, with a word about why, where that is not possible here.
    pub(super) fn new(tools: &[&str]) -> Option<Self> {
        let required = std::env::var_os("ALLCLEAR_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
        match Self::build(tools) {
            Ok(lab) => Some(lab),
            Err(why) => {
                assert!(!required, "peers are required: {why}");
                // Not through a macro of print: a test's own channel is what is meant here.
                let _ = writeln!(std::io::stderr(), "skipped: {why}");
                None
            }
        }
    }

    fn build(tools: &[&str]) -> Result<Self, String> {
        for tool in tools {
            shell(&format!("PATH=$PATH:/usr/sbin:/sbin command -v {tool}"))?;
        }
        let python =
            if std::path::Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = |role: &str| format!("acl-{role}-{id}");
        let mut lab = Self {
            server: name("s"),
            clients: [name("a"), name("b")],
            container: name("c"),
            listeners: Vec::new(),
            next_port: AtomicU32::new(0),
            python,
        };
        let (s, [a, b], c) = (&lab.server, &lab.clients, &lab.container);
        let mut script = String::from("set -e\n");
        for ns in [s, a, b, c] {
            writeln!(script, "ip netns add {ns}\nip -n {ns} link set lo up").unwrap();
        }
        for (index, ns) in [a, b].into_iter().enumerate() {
            let (eth, net) = (format!("eth{index}"), index + 1);
            write!(
                script,
                "ip -n {s} link add {eth} type veth peer name up0 netns {ns}
                 ip -n {s} addr add 10.77.{net}.1/24 dev {eth}
                 ip -n {s} addr add fd77:{net}::1/64 dev {eth} nodad
                 ip -n {s} link set {eth} up
                 ip -n {ns} addr add 10.77.{net}.2/24 dev up0
                 ip -n {ns} addr add 10.77.{net}.3/24 dev up0
                 ip -n {ns} addr add fd77:{net}::2/64 dev up0 nodad
                 ip -n {ns} addr add fd77:{net}::3/64 dev up0 nodad
                 ip -n {ns} link set up0 up
                 ip -n {ns} route add default via 10.77.{net}.1
                 ip -n {ns} route add default via fd77:{net}::1\n"
            )
            .unwrap();
        }
        write!(
            script,
            "ip -n {s} link add docker0 type bridge
             ip -n {s} addr add 172.17.0.1/16 dev docker0
             ip -n {s} link set docker0 up
             ip -n {s} link add veth1 type veth peer name up0 netns {c}
             ip -n {s} link set veth1 master docker0
             ip -n {s} link set veth1 up
             ip -n {c} addr add 172.17.0.2/16 dev up0
             ip -n {c} link set up0 up
             ip -n {c} route add default via 172.17.0.1
             ip -n {s} route add default via 10.77.1.2
             ip netns exec {s} sysctl -qw net.ipv4.ip_forward=1\n"
        )
        .unwrap();
        shell(&script)?;
        lab.listen(&lab.server.clone(), &PORTS)?;
        lab.listen(&lab.container.clone(), &[80])?;
        lab.listen(&lab.clients[0].clone(), &[53])?;
        // Interfaces take a moment to come up.
        for _ in 0..10 {
            if lab.reality(&PORTS[..1]).values().flatten().all(|open| *open) {
                return Ok(lab);
            }
        }
        Err("connections without any rule do not get through".to_owned())
    }

    fn listen(&mut self, ns: &str, ports: &[u16]) -> Result<(), String> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", ns, self.python, "-c", SERVER])
            .args(ports.iter().map(u16::to_string))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        self.listeners.push(child);
        if line.trim() == "ready" { Ok(()) } else { Err("the listener did not start".to_owned()) }
    }

    /// Runs a script in the server's namespace.
    pub(super) fn load(&self, script: &str) {
        let path = std::env::temp_dir().join(format!("{}.sh", self.server));
        std::fs::write(&path, format!("set -e\nPATH=$PATH:/usr/sbin:/sbin\n{script}\n")).unwrap();
        let done = shell(&format!("ip netns exec {} sh {}", self.server, path.display()));
        let _ = std::fs::remove_file(path);
        done.unwrap();
    }

    /// Takes every rule out again.
    pub(super) fn clear(&self) {
        self.load(
            "nft flush ruleset 2>/dev/null || true
             for t in iptables-legacy ip6tables-legacy; do
               command -v $t >/dev/null || continue
               for table in filter nat mangle raw; do
                 case $(cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null) in *$table*) ;; *) continue;; esac
                 $t -t $table -F 2>/dev/null || true
                 $t -t $table -X 2>/dev/null || true
               done
               for c in INPUT FORWARD OUTPUT; do $t -P $c ACCEPT 2>/dev/null || true; done
             done",
        );
    }

    /// What the part says about the server.
    pub(super) fn filters(&self, root: &Root, cover: &Cover) -> Filters {
        let prefix = ["ip", "netns", "exec", &self.server].map(str::to_owned).to_vec();
        collect::read(root, cover, &Runner { prefix, folders: None }, true)
    }

    /// Tries every port from every source, at every address of the server: `(protocol, port, v6)` to the
    /// sources that got through.
    fn reality(&self, ports: &[u16]) -> BTreeMap<(Protocol, u16, bool), Vec<bool>> {
        let mut seen: BTreeMap<(Protocol, u16, bool), Vec<bool>> = BTreeMap::new();
        for (client, ns) in self.clients.iter().enumerate() {
            let mut lines = String::new();
            for source in SOURCES.iter().filter(|source| source.client == client) {
                for port in ports {
                    for proto in ["tcp", "udp"] {
                        for dest in ["10.77.1.1", "10.77.2.1"] {
                            writeln!(lines, "{proto} {} {} {dest} {port}", source.v4, self.own_port())
                                .unwrap();
                        }
                        for dest in ["fd77:1::1", "fd77:2::1"] {
                            writeln!(lines, "{proto} {} {} {dest} {port}", source.v6, self.own_port())
                                .unwrap();
                        }
                    }
                }
            }
            for line in self.attempts(ns, &lines).lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let [proto, from, _, _, port, end] = words[..] else { panic!("odd line {line}") };
                let index = SOURCES.iter().position(|s| s.v4 == from || s.v6 == from).unwrap();
                let protocol = if proto == "tcp" { Protocol::Tcp } else { Protocol::Udp };
                let key = (protocol, port.parse().unwrap(), from.contains(':'));
                seen.entry(key).or_insert_with(|| vec![false; SOURCES.len()])[index] |= end == "open";
            }
        }
        seen
    }

    /// Whether the container gets an answer on the port of DNS from a server outside.
    pub(super) fn container_resolves(&self) -> bool {
        let seen =
            self.attempts(&self.container, &format!("udp 172.17.0.2 {} 10.77.1.2 53\n", self.own_port()));
        seen.trim().ends_with("open")
    }

    /// A client's port that was not used before: a connection that the rules of an earlier set let through is
    /// still an established one.
    fn own_port(&self) -> u32 {
        10_000 + self.next_port.fetch_add(1, Ordering::Relaxed) % 50_000
    }

    /// Tries connections, one a line, and gives each line back with how it ended.
    fn attempts(&self, ns: &str, lines: &str) -> String {
        let mut child = Command::new("ip")
            .args(["netns", "exec", ns, self.python, "-c", CLIENT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Compares what the part says with what really gets through.
    pub(super) fn agree(
        &self,
        name: &str,
        ports: &[u16],
        asked: impl Fn(&(Protocol, u16, bool)) -> bool,
    ) -> Answers {
        let cover = Cover::default();
        let folder = tempfile::tempdir().unwrap();
        let filters = self.filters(&Root::new(folder.path()), &cover);
        let mut answers = Answers::new();
        let mut again = self.reality(ports);
        // A connection that did not come about on a busy machine says nothing: what is let in comes through once.
        for (key, got) in self.reality(ports) {
            if let Some(known) = again.get_mut(&key) {
                known.iter_mut().zip(got).for_each(|(known, got)| *known |= got);
            }
        }
        for ((protocol, port, v6), got) in again.into_iter().filter(|(key, _)| asked(key)) {
            let any = if v6 { "::2" } else { "0.0.0.0" };
            // No family's wildcard but its own: for IPv6 alone the first address that is asked is enough where
            // no rule asks for one.
            let said = if v6 {
                filters.open_to(protocol, "fd77:1::1".parse().unwrap(), port)
            } else {
                filters.open_to(protocol, any.parse().unwrap(), port)
            };
            for (source, got) in SOURCES.iter().zip(&got) {
                let address = if v6 { source.v6 } else { source.v4 };
                if let Some(expected) = lets_in(&said, address, source.iface) {
                    assert_eq!(
                        expected, *got,
                        "{name}: {protocol:?} {port} from {address} by {}: said {said:?}",
                        source.iface
                    );
                }
            }
            answers.insert((protocol, port, v6), said);
        }
        answers
    }
}

/// Answers by protocol, port and whether for IPv6.
pub(super) type Answers = BTreeMap<(Protocol, u16, bool), OpenTo>;

/// Whether an answer lets this source in; absent where it does not say.
pub(super) fn lets_in(said: &OpenTo, address: &str, iface: &str) -> Option<bool> {
    let listed = |list: &str| {
        list.split(", ").any(|one| match one.strip_suffix('*') {
            Some(prefix) => iface.starts_with(prefix),
            None => one == iface,
        })
    };
    let entry = |entry: &String| {
        let (net, by) = match entry.split_once("iface") {
            Some((net, by)) => (net.trim().trim_end_matches("any").trim(), by.trim()),
            None => (entry.as_str(), ""),
        };
        let net_fits = net.is_empty()
            || net.parse::<ipnet::IpNet>().unwrap().contains(&address.parse::<std::net::IpAddr>().unwrap());
        let (by, kept_out) = by.split_once(" but not ").unwrap_or((by, ""));
        let net_fits = net_fits
            && !kept_out
                .split(", ")
                .filter_map(|net| net.parse::<ipnet::IpNet>().ok())
                .any(|net| net.contains(&address.parse::<std::net::IpAddr>().unwrap()));
        let (wanted, but) = by.split_once("other than ").unwrap_or((by, ""));
        let by_fits = (wanted.trim().is_empty() || listed(wanted.trim())) && !listed(but);
        net_fits && by_fits
    };
    match said.reach {
        // A few sources may be kept out of "anyone": the answer names them, on some interface or on all.
        Reach::Anyone => {
            let but = said.because.split("; not ").skip(1).flat_map(|part| part.split([' ', ',']));
            let named = but
                .filter_map(|word| word.parse::<ipnet::IpNet>().ok())
                .any(|net| net.contains(&address.parse::<std::net::IpAddr>().unwrap()));
            (!named && !said.because.contains('…')).then_some(true)
        }
        Reach::Nobody => Some(false),
        // Long lists are cut short, and say so.
        Reach::Some if said.from.iter().any(|entry| entry.contains('…')) => None,
        Reach::Some => Some(said.from.iter().any(entry)),
        Reach::Unknown | Reach::Loopback => None,
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.listeners {
            let _ = child.kill();
            let _ = child.wait();
        }
        for ns in [&self.server, &self.clients[0], &self.clients[1], &self.container] {
            let _ = shell(&format!("ip netns del {ns}"));
        }
    }
}

fn shell(script: &str) -> Result<(), String> {
    let output =
        Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ({})", errors.trim(), script.lines().next().unwrap_or_default()))
}
