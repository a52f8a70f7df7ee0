//! Hosts that are reached over ssh: real OpenSSH servers on loopback, each with a host key, users and mounts
//! of its own, and the client's configuration for them. Nothing of this machine's configuration is used or
//! changed: users and mounts exist in a mount namespace that ends with the server.
#![allow(dead_code, reason = "each of the test programs that share this uses a part of it")]
#![allow(clippy::format_push_string, reason = "configurations are easier to read as texts than as writes")]

use std::{
    fs,
    io::{Write, stderr},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The user whom [`Setup::user`] makes.
pub const USER: &str = "responder";
const USER_ID: &str = "47110";

/// What a host is like.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The user is [`USER`], who has no rights, instead of the one who runs the test. Needs root.
    pub user: bool,
    /// That user may become root through sudo. Needs sudo.
    pub sudo: bool,
    /// Folders in which no program may run. Needs root.
    pub noexec: Vec<String>,
    /// Environment variables of every session.
    pub environment: Vec<(String, String)>,
    /// A command that runs instead of the one that the client asks for, which is in SSH_ORIGINAL_COMMAND.
    pub forced: Option<String>,
    /// The user's .bashrc; only together with `user`.
    pub bashrc: Option<String>,
    /// No key is let in.
    pub locked: bool,
    /// The network namespace that it is in, and its address there; else loopback.
    pub network: Option<(String, Ipv4Addr)>,
}

/// A server. It is ended, by its own number, when it is dropped.
#[derive(Debug)]
pub struct Sshd {
    pub address: Ipv4Addr,
    pub port: u16,
    /// The home of [`USER`], where there is one.
    pub home: PathBuf,
    name: String,
    host_key: String,
    child: Child,
    folder: tempfile::TempDir,
}

/// Which key of a host the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Right,
    Wrong,
    Nothing,
}

/// A user's ssh configuration, keys and known hosts, in a folder of their own.
#[derive(Debug)]
pub struct Client {
    folder: tempfile::TempDir,
    config: String,
    known: String,
}

/// Tests that look for what was left in the folders that all share run one at a time, also where each is a
/// process of its own. Held until the value is dropped.
pub fn alone() -> fs::File {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("ssh-tests.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// Whether servers can be run here. Says what is missing, and fails where it must not be missing.
pub fn available() -> bool {
    let missing: Vec<&str> =
        ["ssh", "sshd", "ssh-keygen"].into_iter().filter(|name| which(name).is_none()).collect();
    missing.is_empty() || skip(&format!("{} (openssh-client, openssh-server)", missing.join(", ")))
}

/// Whether hosts with users and mounts of their own can be made here; says so like [`available`].
pub fn namespaces() -> bool {
    if !available() {
        return false;
    }
    let tried = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
    (root && tried.is_ok_and(|s| s.success())) || skip("root with the right to make mount namespaces")
}

/// Whether sudo is here; says so like [`available`].
pub fn sudo() -> bool {
    which("sudo").is_some() || skip("sudo")
}

fn skip(what: &str) -> bool {
    let required = std::env::var("ALLCLEAR_REQUIRE_PEERS").is_ok_and(|v| !v.is_empty());
    assert!(!required, "{what} is missing, and ALLCLEAR_REQUIRE_PEERS demands every peer");
    let thread = std::thread::current();
    // Past the capture of test output.
    let _ = writeln!(stderr(), "skipped: {what} is missing ({})", thread.name().unwrap_or("a test"));
    false
}

/// A client's network namespace and hosts' ones behind a bridge in it, at 198.18.0.1 and on (RFC 2544). They end
/// with the value.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    hosts: u8,
}

impl Network {
    /// Makes the namespaces; nothing, with a word about why, where that is not possible.
    pub fn new(hosts: u8) -> Option<Self> {
        if !namespaces() {
            return None;
        }
        let network = Self { prefix: format!("acl{}", std::process::id()), hosts };
        let prefix = &network.prefix;
        let mut script = format!(
            "set -e\nip netns add {prefix}c\nip -n {prefix}c link set lo up\nip -n {prefix}c link add br0 type bridge\n\
             ip -n {prefix}c addr add 198.18.0.254/24 dev br0\nip -n {prefix}c link set br0 up\n"
        );
        for n in 1..=hosts {
            script.push_str(&format!(
                "ip netns add {prefix}h{n}\nip -n {prefix}h{n} link set lo up\n\
                 ip -n {prefix}c link add p{n} type veth peer name eth0 netns {prefix}h{n}\n\
                 ip -n {prefix}c link set p{n} master br0 up\n\
                 ip -n {prefix}h{n} addr add 198.18.0.{n}/24 dev eth0\nip -n {prefix}h{n} link set eth0 up\n"
            ));
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let made =
            Command::new("sh").args(["-c", &script]).env("PATH", format!("{path}:/usr/sbin:/sbin")).output();
        match made {
            Ok(output) if output.status.success() => Some(network),
            Ok(output) => {
                skip(&format!("network namespaces ({})", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                skip(&format!("network namespaces ({error})"));
                None
            }
        }
    }

    /// The namespace and address of a host, from 1.
    pub fn host(&self, n: u8) -> (String, Ipv4Addr) {
        (format!("{}h{n}", self.prefix), Ipv4Addr::new(198, 18, 0, n))
    }

    /// The client's namespace.
    pub fn client(&self) -> String {
        format!("{}c", self.prefix)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let names = (1..=self.hosts).map(|n| self.host(n).0).chain([self.client()]);
        for name in names {
            let _ = Command::new("ip").args(["netns", "del", &name]).stderr(Stdio::null()).status();
        }
    }
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|p| p.is_file())
}

#[track_caller]
fn keygen(path: &Path) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

impl Client {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        keygen(&folder.path().join("id"));
        Self { folder, config: String::new(), known: String::new() }
    }

    /// The file for `ssh -F`.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn public_key(&self) -> String {
        fs::read_to_string(self.folder.path().join("id.pub")).unwrap()
    }

    /// Adds a server under an alias.
    pub fn add(&mut self, alias: &str, server: &Sshd, known: Known) {
        self.add_address(alias, server.address, server.port, &server.name);
        let key = match known {
            Known::Right => server.host_key.clone(),
            Known::Wrong => keygen(&self.folder.path().join(format!("other-{alias}"))),
            Known::Nothing => return,
        };
        self.known.push_str(&format!("{alias} {key}\n"));
        fs::write(self.folder.path().join("known_hosts"), &self.known).unwrap();
    }

    /// Adds a port of loopback on which something else or nothing listens.
    pub fn add_port(&mut self, alias: &str, port: u16, user: &str) {
        self.add_address(alias, Ipv4Addr::LOCALHOST, port, user);
    }

    /// Adds an address at which something else or nothing is.
    pub fn add_address(&mut self, alias: &str, address: Ipv4Addr, port: u16, user: &str) {
        let folder = self.folder.path().display();
        self.config.push_str(&format!(
            "Host {alias}\n  HostName {address}\n  Port {port}\n  User {user}\n  HostKeyAlias {alias}\n  \
             IdentityFile {folder}/id\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        ));
        fs::write(self.config(), &self.config).unwrap();
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Sshd {
    /// Starts a server that lets the client in, and waits until it accepts.
    #[track_caller]
    pub fn start(client: &Client, setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server reads the user's keys with the user's rights.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let host_key = keygen(&folder.path().join("host"));
        let keys = if setup.locked { String::new() } else { client.public_key() };
        fs::write(folder.path().join("authorized_keys"), keys).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = setup.network.as_ref().map_or(Ipv4Addr::LOCALHOST, |(_, address)| *address);
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(folder.path().join("sshd_config"), config(folder.path(), (address, port), setup)).unwrap();
        let mut start = String::new();
        if setup.user {
            start.push_str(&user(folder.path(), &home, setup));
        }
        for place in &setup.noexec {
            // On itself, so that only what may be run changes, and not what is there.
            start.push_str(&format!(
                "mount --bind '{place}' '{place}' && mount -o remount,bind,noexec '{place}' || exit 1\n"
            ));
        }
        let sshd = which("sshd").unwrap();
        start.push_str(&format!(
            "[ \"$(id -u)\" != 0 ] || mkdir -p /run/sshd\nexec {} -D -e -f {}/sshd_config\n",
            sshd.display(),
            folder.path().display()
        ));
        let own_mounts = setup.user || !setup.noexec.is_empty();
        let mut words: Vec<&str> = Vec::new();
        if let Some((name, _)) = &setup.network {
            words.extend(["ip", "netns", "exec", name]);
        }
        if own_mounts {
            words.extend(["unshare", "-m", "--propagation", "private"]);
        }
        words.push("sh");
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.args(["-c", &start]).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let me = Command::new("id").arg("-un").output().unwrap();
        let me = String::from_utf8(me.stdout).unwrap().trim().to_owned();
        let name = if setup.user { USER.to_owned() } else { me };
        let mut server = Self { address, port, home, name, host_key, child, folder };
        server.wait();
        server
    }

    #[track_caller]
    fn wait(&mut self) {
        let began = Instant::now();
        let target = SocketAddr::from((self.address, self.port));
        // Another network is not reached from here: there the server's own word has to do.
        let accepts = |server: &Self| {
            if server.address.is_loopback() {
                TcpStream::connect_timeout(&target, Duration::from_secs(1)).is_ok()
            } else {
                server.log().contains("Server listening on")
            }
        };
        while !accepts(self) {
            let ended = self.child.try_wait().unwrap();
            let slow = began.elapsed() > Duration::from_secs(30);
            assert!(ended.is_none() && !slow, "sshd does not run: {ended:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill(); // an error means that it has ended already
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, (address, port): (Ipv4Addr, u16), setup: &Setup) -> String {
    let folder = folder.display();
    let mut text = format!(
        "Port {port}\nListenAddress {address}\nHostKey {folder}/host\nPidFile none\n\
         AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 100\n"
    );
    if !setup.environment.is_empty() {
        // One line: only the first SetEnv counts.
        text.push_str("SetEnv");
        for (name, value) in &setup.environment {
            text.push_str(&format!(" \"{name}={value}\""));
        }
        text.push('\n');
    }
    if let Some(command) = &setup.forced {
        text.push_str(&format!("ForceCommand {command}\n"));
    }
    text
}

/// The commands that make the user, in the server's mount namespace alone.
fn user(folder: &Path, home: &Path, setup: &Setup) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = format!("{USER}:*:{USER_ID}:{USER_ID}::{}:/bin/bash\n", home.display());
    fs::write(folder.join("passwd"), format!("{}\n{line}", passwd.trim_end())).unwrap();
    let group = fs::read_to_string("/etc/group").unwrap();
    fs::write(folder.join("group"), format!("{}\n{USER}:x:{USER_ID}:\n", group.trim_end())).unwrap();
    if let Some(text) = &setup.bashrc {
        fs::write(home.join(".bashrc"), text).unwrap();
    }
    let rule = if setup.sudo { format!("{USER} ALL=(ALL) NOPASSWD: ALL\n") } else { String::new() };
    fs::write(folder.join("sudoers"), format!("root ALL=(ALL) ALL\n{rule}")).unwrap();
    fs::set_permissions(folder.join("sudoers"), fs::Permissions::from_mode(0o440)).unwrap();
    let mut text = format!("chown -R {USER_ID}:{USER_ID} '{}' || exit 1\n", home.display());
    for name in ["passwd", "group", "sudoers"] {
        if name != "sudoers" || Path::new("/etc/sudoers").exists() {
            text.push_str(&format!("mount --bind '{}/{name}' /etc/{name} || exit 1\n", folder.display()));
        }
    }
    text
}

/// What a stand-in for the program does once it has written its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Ends with this code.
    Exit(u8),
    /// Waits until it is killed.
    Wait,
}

/// A whole static ELF program for x86_64 that writes a text to standard output: what can be run where neither
/// a compiler nor a library is.
pub fn program(text: &[u8], then: Then) -> Vec<u8> {
    const BASE: u32 = 0x40_0000;
    const HEADERS: u32 = 64 + 56;
    let end: Vec<u8> = match then {
        // mov edi, code; mov eax, 60 (exit); syscall
        Then::Exit(code) => vec![0xbf, code, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05],
        // again: mov eax, 34 (pause); syscall; jmp again
        Then::Wait => vec![0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7],
    };
    let length = u32::try_from(text.len()).unwrap();
    let start_of_text = HEADERS + 33 + u32::try_from(end.len()).unwrap();
    let mut code = vec![0xbe]; // mov esi, text
    code.extend((BASE + start_of_text).to_le_bytes());
    code.push(0xba); // mov edx, length
    code.extend(length.to_le_bytes());
    // A loop, since a pipe takes as much as it likes.
    // more: mov edi, 1; mov eax, 1 (write); syscall; test eax, eax; jle out
    code.extend([0xbf, 1, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x85, 0xc0, 0x7e, 0x07]);
    // add rsi, rax; sub edx, eax; jnz more; out:
    code.extend([0x48, 0x01, 0xc6, 0x29, 0xc2, 0x75, 0xe9]);
    code.extend(&end);
    let size = u64::from(start_of_text) + u64::from(length);
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]); // a program, for x86_64
    for field in [u64::from(BASE + HEADERS), 64, 0] {
        file.extend(field.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]); // loaded, readable and executable
    for field in [0, u64::from(BASE), u64::from(BASE), size, size, 0x1000] {
        file.extend(field.to_le_bytes());
    }
    file.extend(code);
    file.extend(text);
    file
}
