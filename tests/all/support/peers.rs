//! Real servers and real scanners that nobody here wrote (see `scripts/peers.sh`): where they are, and
//! how they are started and ended.

use std::{
    io::{Write, stderr},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{certs::Identity, free_port, fresh_address};

/// Ends the test here, as skipped, when a peer is missing.
macro_rules! need {
    ($found:expr) => {
        match $found {
            Some(found) => found,
            None => return,
        }
    };
}
pub(crate) use need;

/// Where peers are: `ALLCLEAR_PEERS`, then the folder that `scripts/peers.sh` fills, then the path.
fn find(name: &str, in_folder: &str, on_path: &str) -> Option<PathBuf> {
    let named = std::env::var_os("ALLCLEAR_PEERS").map(PathBuf::from);
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let found = named.into_iter().chain([usual]).map(|f| f.join(in_folder)).find(|p| p.exists());
    let found = found.or_else(|| which(on_path));
    if found.is_none() {
        missing(name);
    }
    found
}

fn which(program: &str) -> Option<PathBuf> {
    if program.is_empty() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|p| p.is_file())
}

/// LibreOffice, which opens and saves sheets without a screen.
pub fn soffice() -> Option<PathBuf> {
    find("LibreOffice Calc", "libreoffice/soffice", "soffice")
}

/// Says that a peer is missing, past the capture of test output, and fails where it must not be.
pub fn missing(name: &str) {
    static SKIPPED: AtomicU32 = AtomicU32::new(0);
    let set = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|v| v == value);
    assert!(
        !set("ALLCLEAR_REQUIRE_PEERS", "1") && !set("CI", "true"),
        "{name} is not installed, and ALLCLEAR_REQUIRE_PEERS=1 or CI=true demands every peer: scripts/peers.sh"
    );
    let count = SKIPPED.fetch_add(1, Ordering::SeqCst) + 1;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test").to_owned();
    let _ = writeln!(stderr(), "SKIPPED: {name} is not installed ({test}; {count} so far)");
}

/// node with OpenSSL 1.0.1e and heartbeats, statically linked: really vulnerable.
pub fn node_vulnerable() -> Option<PathBuf> {
    find("node 0.10.0", "node-0.10.0/bin/node", "")
}

/// The same OpenSSL version built without heartbeats.
pub fn node_safe() -> Option<PathBuf> {
    find("node 0.10.2", "node-0.10.2/bin/node", "")
}

/// An old node of this version, with an old OpenSSL linked in.
pub fn node_old(version: &str) -> Option<PathBuf> {
    find(&format!("node {version}"), &format!("node-{version}/bin/node"), "")
}

/// The folder with the libraries of OpenSSL 1.0.2q.
pub fn openssl102() -> Option<PathBuf> {
    which("python3").map_or_else(
        || {
            missing("python3");
            None
        },
        |_| find("OpenSSL 1.0.2q", "openssl-1.0.2q", ""),
    )
}

/// The folder of wheels, npm packages and Debian packages that hold or use TLS libraries.
pub fn subjects() -> Option<PathBuf> {
    find("subjects", "subjects", "")
}

pub fn nginx() -> Option<PathBuf> {
    find("nginx", "nginx/sbin/nginx", "nginx")
}

pub fn openssl() -> Option<PathBuf> {
    find("openssl", "openssl/bin/openssl", "openssl")
}

pub fn gnutls_serv() -> Option<PathBuf> {
    find("gnutls-serv", "gnutls/bin/gnutls-serv", "gnutls-serv")
}

pub fn testssl() -> Option<PathBuf> {
    find("testssl", "testssl/testssl.sh", "testssl")
}

pub fn turnserver() -> Option<PathBuf> {
    find("coturn", "coturn/bin/turnserver", "turnserver")
}

pub fn nmap() -> Option<PathBuf> {
    find("nmap", "nmap/bin/nmap", "nmap")
}

pub fn sslscan() -> Option<PathBuf> {
    find("sslscan", "sslscan/bin/sslscan", "sslscan")
}

pub fn sslyze() -> Option<PathBuf> {
    find("sslyze", "sslyze/bin/sslyze", "sslyze")
}

/// Python with other people's readers of what is exported, for `tests/peers/formats.py`.
pub fn formats() -> Option<PathBuf> {
    find("formats", "formats/bin/junitparser", "").map(|p| p.with_file_name("python"))
}

/// Ansible's command of this name, such as `ansible-inventory`.
pub fn ansible(command: &str) -> Option<PathBuf> {
    find("ansible-core", "ansible/bin/ansible-inventory", "").map(|p| p.with_file_name(command))
}

/// `pre-commit`, which runs git hooks.
pub fn pre_commit() -> Option<PathBuf> {
    find("pre-commit", "ansible/bin/pre-commit", "")
}

pub fn masscan() -> Option<PathBuf> {
    find("masscan", "masscan/bin/masscan", "masscan")
}

/// etcd's server.
pub fn etcd() -> Option<PathBuf> {
    find("etcd", "etcd/bin/etcd", "etcd")
}

pub fn etcdctl() -> Option<PathBuf> {
    find("etcdctl", "etcd/bin/etcdctl", "etcdctl")
}

pub fn kubectl() -> Option<PathBuf> {
    find("kubectl", "kubectl/bin/kubectl", "kubectl")
}

pub fn named_compilezone() -> Option<PathBuf> {
    find("named-compilezone", "bind9/bin/named-compilezone", "named-compilezone")
}

/// A browser without a screen, for [`super::chromium`].
pub fn chromium() -> Option<PathBuf> {
    find("Chromium", "chromium/bin/chromium", "chromium")
}

/// A server on loopback. It is started again when it dies, until it is dropped.
#[derive(Debug)]
pub struct Server {
    pub address: IpAddr,
    pub port: u16,
    stop: Arc<AtomicBool>,
    child: Arc<Mutex<Option<Child>>>,
    keeper: Option<JoinHandle<()>>,
}

/// How a command is made again after its process died.
type Recipe = Box<dyn Fn() -> Command + Send>;

fn spawn(recipe: &Recipe) -> Child {
    let mut command = recipe();
    // s_server ends when its standard input does, so the pipe stays open with the child.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"))
}

impl Server {
    /// Starts it and waits until it accepts.
    #[track_caller]
    fn start(address: IpAddr, port: u16, recipe: Recipe) -> Self {
        let child = Arc::new(Mutex::new(Some(spawn(&recipe))));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, end) = (Arc::clone(&child), Arc::clone(&stop));
        let shown = format!("{:?}", recipe());
        let keeper = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                let mut child = kept.lock().unwrap();
                let died = child.as_mut().is_some_and(|c| matches!(c.try_wait(), Ok(Some(_))));
                if died && !end.load(Ordering::SeqCst) {
                    *child = Some(spawn(&recipe));
                }
            }
        });
        let server = Self { address, port, stop, child, keeper: Some(keeper) };
        server.wait_until_it_accepts(&shown);
        server
    }

    /// Ends the process, so that it begins again with what its files say now.
    #[track_caller]
    pub fn restart(&self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.wait_until_it_accepts("a server that was ended");
    }

    #[track_caller]
    fn wait_until_it_accepts(&self, shown: &str) {
        let began = Instant::now();
        let target = SocketAddr::new(self.address, self.port);
        while TcpStream::connect_timeout(&target, Duration::from_secs(1)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "{shown} does not accept on {target}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A node server at a place of its own.
    #[track_caller]
    pub fn node(binary: &Path, identity: &Identity, options: &str) -> Self {
        Self::node_at(binary, identity, options, fresh_address(), free_port())
    }

    /// A node server at this place. `options`: JSON that `https.createServer` takes beside key and
    /// certificate.
    #[track_caller]
    pub fn node_at(binary: &Path, identity: &Identity, options: &str, address: IpAddr, port: u16) -> Self {
        let (binary, identity, options) = (binary.to_path_buf(), identity.clone(), options.to_owned());
        // 0.10.0 throws on a TLS error; without the first line that is the end of the process.
        let script = "process.on('uncaughtException', function () {});\n\
            var fs = require('fs'), a = process.argv, o = JSON.parse(a[6]);\n\
            o.key = fs.readFileSync(a[2]); o.cert = fs.readFileSync(a[3]);\n\
            require('https').createServer(o, function (q, r) { r.end('ok\\n'); }).listen(+a[5], a[4]);\n";
        let script_file = identity.key.with_file_name("https-server.js");
        std::fs::write(&script_file, script).unwrap();
        Self::start(
            address,
            port,
            Box::new(move || {
                let mut command = Command::new(&binary);
                command.arg(&script_file).arg(&identity.key).arg(&identity.certificate);
                command.arg(address.to_string()).arg(port.to_string()).arg(&options);
                command
            }),
        )
    }

    /// The OpenSSL inside a node binary, as a server that sends its alerts (`tests/peers/node_openssl.c`). Absent where
    /// there is no C compiler.
    #[track_caller]
    pub fn node_openssl(binary: &Path, identity: &Identity) -> Option<Self> {
        let compiler = which("cc").or_else(|| {
            missing("a C compiler");
            None
        })?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node_openssl.c");
        let library = identity.key.with_file_name("node_openssl.so");
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success(), "{} does not compile", source.display());
        let (binary, identity) = (binary.to_path_buf(), identity.clone());
        let (address, port) = (fresh_address(), free_port());
        Some(Self::start(
            address,
            port,
            Box::new(move || {
                let mut command = Command::new(&binary);
                command.env("LD_PRELOAD", &library).env("PEER_ADDRESS", address.to_string());
                command.env("PEER_PORT", port.to_string());
                command.env("PEER_CERTIFICATE", &identity.certificate).env("PEER_KEY", &identity.key);
                command
            }),
        ))
    }

    /// OpenSSL 1.0.2q, heartbeats compiled in and the bounds check in place.
    #[track_caller]
    pub fn openssl102(libraries: &Path, identity: &Identity) -> Self {
        let (libraries, identity) = (libraries.to_path_buf(), identity.clone());
        let (address, port) = (fresh_address(), free_port());
        Self::start(
            address,
            port,
            Box::new(move || {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openssl102_server.py");
                let mut command = Command::new("python3");
                command.arg(script).arg(&libraries).arg(port.to_string());
                command.arg(&identity.certificate).arg(&identity.key).arg(address.to_string());
                command
            }),
        )
    }

    /// `openssl s_server` with further options.
    #[track_caller]
    pub fn s_server(binary: &Path, identity: &Identity, options: &[&str]) -> Self {
        let (binary, identity) = (binary.to_path_buf(), identity.clone());
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        let (address, port) = (fresh_address(), free_port());
        Self::start(
            address,
            port,
            Box::new(move || {
                let mut command = Command::new(&binary);
                command.arg("s_server").arg("-accept").arg(format!("{address}:{port}")).arg("-www");
                command.arg("-cert").arg(&identity.certificate).arg("-key").arg(&identity.key).args(&options);
                command
            }),
        )
    }

    /// gnutls-serv that offers heartbeats. Listens on every address.
    #[track_caller]
    pub fn gnutls(binary: &Path, identity: &Identity) -> Self {
        let (binary, identity, port) = (binary.to_path_buf(), identity.clone(), free_port());
        Self::start(
            fresh_address(),
            port,
            Box::new(move || {
                let mut command = Command::new(&binary);
                command.args(["--quiet", "--heartbeat", "--priority", "NORMAL:-VERS-TLS1.3"]);
                command
                    .arg("--x509keyfile")
                    .arg(&identity.key)
                    .arg("--x509certfile")
                    .arg(&identity.certificate);
                command.arg("--port").arg(port.to_string());
                command
            }),
        )
    }

    /// nginx with one `server` block of this content, `listen` left to us.
    #[track_caller]
    pub fn nginx(binary: &Path, folder: &Path, servers: &[&str]) -> Self {
        let (address, port) = (fresh_address(), free_port());
        let home = folder.join(format!("nginx-{port}"));
        std::fs::create_dir(&home).unwrap();
        let blocks: String =
            servers.iter().map(|s| format!("  server {{ listen {address}:{port} ssl; {s} }}\n")).collect();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", home.display()))
            .collect();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {home}/pid;\nerror_log {home}/error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\n  access_log off;\n{temporary}{blocks}}}\n",
            home = home.display()
        );
        let file = home.join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let binary = binary.to_path_buf();
        Self::start(
            address,
            port,
            Box::new(move || {
                let mut command = Command::new(&binary);
                command.arg("-p").arg(&home).arg("-c").arg(&file).arg("-e").arg(home.join("error.log"));
                command
            }),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join(); // so that nothing starts it again
        }
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
