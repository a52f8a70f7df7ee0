//! Other people's mail, news, file, directory, chat and database servers as Debian packages them: how one is
//! started on loopback with nothing of this machine's configuration or data, and how it is ended with every process
//! that it made. No init script and no packaged configuration is used.
#![allow(dead_code, reason = "each of the test programs that share this uses a part of it")]

pub mod chat;
pub mod database;
pub mod directory;
pub mod files;
pub mod mail;
pub mod news;

use std::{
    fs::{self, File, Permissions},
    io::Read,
    net::{IpAddr, SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{Work, certs::Identity, free_port, peers::missing};

/// Nothing here needs longer until it serves.
const START: Duration = Duration::from_secs(60);

/// A server on loopback, ended when dropped.
#[derive(Debug)]
pub struct Daemon {
    pub address: IpAddr,
    pub ports: Vec<Port>,
    /// Each leads a process group of its own.
    children: Vec<Child>,
    logs: Vec<PathBuf>,
}

/// A port that a server answers on.
#[derive(Clone, Debug)]
#[allow(clippy::struct_field_names, reason = "it is a port's number, and everybody calls it the port")]
pub struct Port {
    /// How TLS is reached there: `tls`, `plain`, or `starttls-` and a protocol.
    pub wrap: &'static str,
    pub port: u16,
    /// Which server and service it is, such as `postfix submission`.
    pub what: &'static str,
}

impl Port {
    /// A free port for this service.
    pub fn free(wrap: &'static str, what: &'static str) -> Self {
        Self { wrap, port: free_port(), what }
    }

    /// Whether the server speaks first there.
    fn greets(&self) -> bool {
        let protocol = self.wrap.strip_prefix("starttls-").unwrap_or_default();
        ["smtp", "lmtp", "imap", "pop3", "ftp", "nntp", "sieve", "mysql"].contains(&protocol)
    }
}

impl Daemon {
    /// Starts the commands, none of which may go to the background, and waits until every port accepts and, where
    /// the server speaks first, has spoken. What they say goes into files in `home`.
    #[track_caller]
    pub fn start(address: IpAddr, ports: Vec<Port>, commands: Vec<Command>, home: &Path) -> Self {
        let mut daemon = Self { address, ports, children: Vec::new(), logs: Vec::new() };
        for (number, mut command) in commands.into_iter().enumerate() {
            let log = home.join(format!("said-{number}"));
            let said = File::create(&log).unwrap();
            command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).process_group(0);
            let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
            daemon.children.push(child);
            daemon.logs.push(log);
        }
        let began = Instant::now();
        for port in daemon.ports.clone() {
            while let Err(error) = daemon.answers(&port) {
                let ended = daemon.children.iter_mut().any(|c| matches!(c.try_wait(), Ok(Some(_)) | Err(_)));
                assert!(
                    !ended && began.elapsed() < START,
                    "{} on {}:{}: {error}{}\n{}",
                    port.what,
                    daemon.address,
                    port.port,
                    if ended { ", and a process has ended" } else { "" },
                    daemon.said()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        daemon
    }

    fn answers(&self, port: &Port) -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.place(port), Duration::from_secs(1))?;
        if port.greets() {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.read_exact(&mut [0])?;
        }
        Ok(())
    }

    /// Address and port.
    pub fn place(&self, port: &Port) -> SocketAddr {
        SocketAddr::new(self.address, port.port)
    }

    /// The port that is described in these words.
    #[track_caller]
    pub fn port(&self, what: &str) -> &Port {
        let found = self.ports.iter().find(|p| p.what == what);
        found.unwrap_or_else(|| panic!("no {what} among {:?}", self.ports))
    }

    /// Everything that its processes have said so far.
    pub fn said(&self) -> String {
        let read = |log: &PathBuf| fs::read(log).unwrap_or_default();
        self.logs.iter().map(|log| String::from_utf8_lossy(&read(log)).into_owned()).collect()
    }

    /// The processes that are there on its account now: those of its groups and everything below its leaders.
    pub fn processes(&self) -> Vec<u32> {
        let leaders: Vec<u32> = self.children.iter().map(Child::id).collect();
        let all = running();
        let mut ours: Vec<u32> = all
            .iter()
            .filter(|p| leaders.contains(&p.id) || leaders.contains(&p.group))
            .map(|p| p.id)
            .collect();
        // A process of a group of its own is found by its parent; its children then by it.
        loop {
            let below = all.iter().find(|p| ours.contains(&p.parent) && !ours.contains(&p.id));
            match below {
                Some(process) => ours.push(process.id),
                None => return ours,
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let number = |id: u32| i32::try_from(id).ok().and_then(Pid::from_raw);
        let ours = self.processes();
        // The leaders first, so that they start nothing anew. They stay our children, so their numbers stay theirs.
        for child in &mut self.children {
            let _ = child.kill();
        }
        let began = Instant::now();
        loop {
            for group in self.children.iter().filter_map(|c| number(c.id())) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let left: Vec<u32> = running().iter().map(|p| p.id).filter(|id| ours.contains(id)).collect();
            for process in left.iter().filter_map(|id| number(*id)) {
                let _ = kill_process(process, Signal::KILL);
            }
            if left.is_empty() || began.elapsed() > Duration::from_secs(5) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// A process that has not ended.
struct Process {
    id: u32,
    parent: u32,
    group: u32,
}

fn running() -> Vec<Process> {
    let folders = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = folders.filter_map(|f| f.file_name().to_str()?.parse::<u32>().ok());
    let describe = |id: u32| {
        let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name may hold anything, so what counts begins after its last parenthesis.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let ended = fields.next()? == "Z";
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (!ended).then_some(Process { id, parent, group })
    };
    ids.filter_map(describe).collect()
}

/// The program at the first of these places: absolute, or in the folder that `scripts/peers.sh` fills. Says so when
/// there is none.
fn installed(name: &str, places: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os("ALLCLEAR_PEERS").map(PathBuf::from);
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let roots: Vec<PathBuf> = named.into_iter().chain([usual]).collect();
    let found =
        places.iter().flat_map(|place| roots.iter().map(move |root| root.join(place))).find(|p| p.is_file());
    if found.is_none() {
        missing(name);
    }
    found
}

/// Whether the test runs as root; says that the server needs it otherwise.
fn root(name: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        missing(&format!("{name}, which needs root,"));
    }
    root
}

/// A folder for one server, which the users that the server runs as may enter.
fn home(folder: &Path, name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Temporary folders are closed to others as a rule.
    fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
    let home = folder.join(format!("{name}{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
    home
}

/// Makes a folder in a server's home.
fn subfolder(home: &Path, name: &str, mode: u32) -> PathBuf {
    let path = home.join(name);
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// Writes a configuration file into a server's home.
fn configuration(home: &Path, name: &str, text: &str) -> PathBuf {
    let path = home.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A command with nothing of the test's environment but a path.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// User and group of that name on this machine, as numbers.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let mut fields =
        users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Key and certificates in one file, for servers that want them so.
fn both(home: &Path, identity: &Identity) -> PathBuf {
    let path = home.join("both.pem");
    let texts = [fs::read(&identity.key).unwrap(), fs::read(&identity.certificate).unwrap()];
    fs::write(&path, texts.concat()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// Every real server that is here, each with a key of its own.
pub fn every(work: &Work) -> Vec<(Daemon, Identity)> {
    type Start = fn(&Path, &Identity) -> Option<Daemon>;
    let starts: &[(&str, Start)] = &[
        ("postfix", mail::postfix),
        ("exim", mail::exim),
        ("dovecot", mail::dovecot),
        ("inn", news::inn),
        ("vsftpd", files::vsftpd),
        ("slapd", directory::slapd),
        ("prosody", |folder, identity| chat::prosody(folder, identity, "prosody.test")),
        ("ejabberd", |folder, identity| chat::ejabberd(folder, identity, "ejabberd.test")),
        ("inspircd", chat::inspircd),
        ("postgresql", database::postgresql),
        ("mariadb", database::mariadb),
    ];
    let mut all = Vec::new();
    for (name, start) in starts {
        let folder = work.path(name);
        std::fs::create_dir(&folder).unwrap();
        let identity = Identity::rsa(&folder, name);
        if let Some(daemon) = start(&folder, &identity) {
            all.push((daemon, identity));
        }
    }
    all
}
