//! A certificate authority of the `openssl` command: a root, an intermediate, leaves with any URLs in them, lists and
//! OCSP answers; and a small HTTP server on loopback that hands them out, or misbehaves.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// What every `openssl ca` command reads. `crlnumber` makes lists of version 2.
const CONFIG: &str = "\
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
unique_subject = no
default_md = sha256
default_days = 30
policy = anything
[anything]
commonName = supplied
[plain]
authorityKeyIdentifier = keyid
";

/// The authority. Its files lie in a folder that goes with it.
#[derive(Debug)]
pub struct Ca {
    folder: tempfile::TempDir,
    made: AtomicU32,
    /// The kind of the leaves' keys, by the options of `openssl req`.
    leaves: &'static [&'static str],
}

const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: &[&str] = &["-newkey", "rsa:2048"];

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Issued {
    pub der: Vec<u8>,
    /// The certificate as PEM.
    pub pem: PathBuf,
    /// The key as PEM.
    pub key: PathBuf,
    /// `0x` and hex digits.
    pub serial: String,
    pub crl: Vec<String>,
    pub ocsp: Vec<String>,
}

/// Runs `openssl` in a folder to a good end and gives its standard output.
#[track_caller]
fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|e| panic!("openssl cannot be started: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

impl Ca {
    /// One with keys on P-256.
    pub fn new() -> Self {
        Self::with_key(P256)
    }

    /// One whose keys, and those of its leaves, a server of 2013 can use.
    pub fn rsa() -> Self {
        Self { leaves: RSA, ..Self::with_key(RSA) }
    }

    /// One with keys of another kind, by the options of `openssl req`.
    pub fn with_key(kind: &[&str]) -> Self {
        let ca = Self { folder: tempfile::tempdir().unwrap(), made: AtomicU32::new(0x1000), leaves: P256 };
        for (file, text) in [("ca.cnf", CONFIG), ("index.txt", ""), ("serial", "1000"), ("crlnumber", "01")] {
            std::fs::write(ca.path(file), text).unwrap();
        }
        let usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature";
        let mut root = vec!["req", "-x509", "-nodes", "-keyout", "root.key", "-out", "root.pem"];
        root.extend(["-subj", "/CN=Test Root", "-days", "60", "-addext", usage]);
        root.extend(kind);
        openssl(ca.folder(), &root);
        std::fs::write(ca.path("int.ext"), format!("basicConstraints=critical,CA:TRUE\n{usage}\n")).unwrap();
        let mut request = vec!["req", "-new", "-nodes", "-keyout", "int.key", "-out", "int.csr"];
        request.extend(["-subj", "/O=Test/CN=Test Intermediate"]);
        request.extend(kind);
        openssl(ca.folder(), &request);
        let mut sign = vec!["x509", "-req", "-in", "int.csr", "-CA", "root.pem", "-CAkey", "root.key"];
        sign.extend(["-set_serial", "2", "-days", "50", "-extfile", "int.ext", "-out", "int.pem"]);
        openssl(ca.folder(), &sign);
        ca
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The root as PEM: a trust store.
    pub fn root_pem(&self) -> PathBuf {
        self.path("root.pem")
    }

    /// The intermediate, which issues everything, as PEM.
    pub fn intermediate_pem(&self) -> PathBuf {
        self.path("int.pem")
    }

    /// The intermediate in DER.
    pub fn issuer(&self) -> Vec<u8> {
        openssl(self.folder(), &["x509", "-in", "int.pem", "-outform", "DER"])
    }

    /// A leaf for a host name, with these URLs in it.
    pub fn issue(&self, name: &str, crl: &[&str], ocsp: &[&str]) -> Issued {
        let line = |key: &str, kind: &str, urls: &[&str]| {
            let urls: Vec<String> = urls.iter().map(|url| format!("{kind}{url}")).collect();
            if urls.is_empty() { String::new() } else { format!("{key}={}\n", urls.join(",")) }
        };
        let lists = line("crlDistributionPoints", "URI:", crl);
        let responders = line("authorityInfoAccess", "OCSP;URI:", ocsp);
        let extensions = format!("subjectAltName=DNS:{name}\n{lists}{responders}");
        let mut issued = self.sign(name, &extensions);
        issued.crl = crl.iter().map(|u| (*u).to_owned()).collect();
        issued.ocsp = ocsp.iter().map(|u| (*u).to_owned()).collect();
        issued
    }

    /// A responder's certificate with these extensions, such as `extendedKeyUsage=OCSPSigning`.
    pub fn responder_certificate(&self, extensions: &str) -> Issued {
        self.sign("Test Responder", extensions)
    }

    fn sign(&self, name: &str, extensions: &str) -> Issued {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let file = |end: &str| format!("{number:x}.{end}");
        std::fs::write(self.path(&file("ext")), extensions).unwrap();
        std::fs::write(self.path("serial"), format!("{number:X}")).unwrap();
        let subject = format!("/CN={name}");
        let (key, request, pem) = (file("key"), file("csr"), file("crt"));
        let mut ask = vec!["req", "-new", "-nodes"];
        ask.extend(self.leaves);
        ask.extend(["-keyout", &key, "-out", &request, "-subj", &subject]);
        openssl(self.folder(), &ask);
        let with = file("ext");
        let mut sign = vec!["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "int.pem"];
        sign.extend(["-keyfile", "int.key", "-extfile", &with, "-in", &request, "-out", &pem]);
        openssl(self.folder(), &sign);
        Issued {
            der: openssl(self.folder(), &["x509", "-in", &pem, "-outform", "DER"]),
            pem: self.path(&pem),
            key: self.path(&key),
            serial: format!("0x{number:x}"),
            crl: Vec::new(),
            ocsp: Vec::new(),
        }
    }

    /// Revokes a certificate, with a reason such as `keyCompromise`.
    pub fn revoke(&self, issued: &Issued, reason: &str) {
        let file = issued.pem.to_str().unwrap();
        let mut revoke = vec!["ca", "-config", "ca.cnf", "-cert", "int.pem", "-keyfile", "int.key"];
        revoke.extend(["-revoke", file, "-crl_reason", reason]);
        openssl(self.folder(), &revoke);
    }

    /// The list of now, for a day, in DER.
    pub fn crl(&self) -> Vec<u8> {
        self.crl_with(&["-crldays", "1"], "")
    }

    /// A list by these options of `openssl ca -gencrl`, with further lines among its extensions.
    pub fn crl_with(&self, options: &[&str], extensions: &str) -> Vec<u8> {
        std::fs::write(self.path("list.cnf"), format!("{CONFIG}{extensions}\n")).unwrap();
        let mut make =
            vec!["ca", "-config", "list.cnf", "-gencrl", "-cert", "int.pem", "-keyfile", "int.key"];
        make.extend(["-crlexts", "plain", "-out", "list.pem"]);
        make.extend(options);
        openssl(self.folder(), &make);
        openssl(self.folder(), &["crl", "-in", "list.pem", "-outform", "DER"])
    }

    /// The answer to an OCSP request, made without a network. `signer` is the intermediate where there is none.
    pub fn ocsp_answer(&self, request: &[u8], signer: Option<&Issued>, options: &[&str]) -> Vec<u8> {
        std::fs::write(self.path("request.der"), request).unwrap();
        let mut answer = vec!["ocsp", "-index", "index.txt", "-CA", "int.pem", "-reqin", "request.der"];
        answer.extend(["-respout", "answer.der"]);
        let (certificate, key) = self.signer(signer);
        answer.extend(["-rsigner", &certificate, "-rkey", &key]);
        answer.extend(options);
        openssl(self.folder(), &answer);
        std::fs::read(self.path("answer.der")).unwrap()
    }

    /// A question about a certificate without a nonce, as a server makes it for a staple.
    pub fn ocsp_request(&self, issued: &Issued) -> Vec<u8> {
        let mut ask = vec!["ocsp", "-issuer", "int.pem", "-serial", &issued.serial, "-no_nonce"];
        ask.extend(["-reqout", "request.der"]);
        openssl(self.folder(), &ask);
        std::fs::read(self.path("request.der")).unwrap()
    }

    fn signer(&self, signer: Option<&Issued>) -> (String, String) {
        let own = (self.path("int.pem"), self.path("int.key"));
        let (certificate, key) = signer.map_or(own, |s| (s.pem.clone(), s.key.clone()));
        (certificate.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned())
    }

    /// Starts `openssl ocsp` as a responder on this port, and waits until it takes connections.
    #[track_caller]
    pub fn responder(&self, port: u16, signer: Option<&Issued>) -> Responder {
        let (certificate, key) = self.signer(signer);
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-index", "index.txt", "-CA", "int.pem", "-ndays", "1", "-timeout", "30"]);
        command.args(["-rsigner", &certificate, "-rkey", &key, "-port", &port.to_string()]);
        command.current_dir(self.folder()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !said.contains("ACCEPT") {
            let n = lines.read_line(&mut said).unwrap();
            assert!(n > 0, "the responder ended: {said}");
        }
        // Nobody reads on, and a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Responder { child }
    }
}

/// `openssl ocsp` at work; ended when it is dropped.
#[derive(Debug)]
pub struct Responder {
    child: Child,
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a path answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status 200 and this body.
    Body(Vec<u8>),
    /// A status and a word.
    Status(u16),
    /// Status 301 to this URL.
    Redirect(String),
    /// These bytes and nothing else.
    Raw(Vec<u8>),
    /// Nothing, and the connection stays.
    Silent,
    /// What a function makes of the request's body.
    Made(fn(&Ca, &[u8]) -> Vec<u8>, Arc<Ca>),
}

/// A small HTTP server on loopback, with one thread for each connection.
#[derive(Debug)]
pub struct Files {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    replies: Mutex<BTreeMap<String, Reply>>,
    asked: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Files {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ours.ended.load(Ordering::Relaxed) {
                    return;
                }
                let ours = Arc::clone(&ours);
                std::thread::spawn(move || serve(stream, &ours));
            }
        });
        Self { address, shared }
    }

    /// The URL of a path, from `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sets what a path answers, and gives its URL.
    pub fn put(&self, path: &str, reply: Reply) -> String {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
        self.url(path)
    }

    /// `GET /path` or `POST /path` of every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut length) = (String::new(), 0_usize);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length.min(1 << 20)];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    shared.asked.lock().unwrap().push(format!("{method} {path}"));
    let reply = shared.replies.lock().unwrap().get(path).cloned().unwrap_or(Reply::Status(404));
    let whole = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let answer = match reply {
        Reply::Body(body) => whole(&body),
        Reply::Status(status) => format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        Reply::Redirect(to) => {
            format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        }
        Reply::Raw(bytes) => bytes,
        Reply::Made(make, ca) => whole(&make(&ca, &body)),
        Reply::Silent => {
            let until = Instant::now() + Duration::from_secs(20);
            while Instant::now() < until && !shared.ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
            return None;
        }
    };
    stream.write_all(&answer).ok()
}
