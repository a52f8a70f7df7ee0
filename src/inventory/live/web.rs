//! Exchanges of HTTP with one live source: its addresses are looked up once, each exchange has a connection of its
//! own, and time and size are bounded in all. No redirect is followed.
//!
//! What is asked for and what an answer means is the source's own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{Access, Live, MOST_BYTES};
use crate::{
    http::{Failure, Limits, Method, Request, Response, exchange},
    inventory::{host::quoted, resolve::Resolver},
};

/// The limit of one exchange, where none is given.
const TIME: Duration = Duration::from_secs(10);

/// All exchanges together take at most so many times the limit of one.
const WHOLE: u32 = 60;

/// One source.
pub(super) struct Web {
    /// `host:port`, `[..]` around an IPv6 address.
    authority: String,
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    time: Duration,
    /// When nothing is asked any more.
    end: Instant,
    /// Bytes that may still come, and how many exchanges share them at one time.
    room: AtomicUsize,
    share: usize,
}

impl Web {
    /// Looks the host up and makes ready for TLS. Nothing is connected yet. At most `share` exchanges run at one time.
    pub(super) async fn new(live: &Live, access: &Access, share: usize) -> Result<Self, String> {
        let tls = live.tls.then(|| secure(&live.host, access)).transpose()?;
        let authority = if live.host.contains(':') {
            format!("[{}]:{}", live.host, live.port)
        } else {
            format!("{}:{}", live.host, live.port)
        };
        let time = access.time.unwrap_or(TIME);
        let end = Instant::now() + time.saturating_mul(WHOLE);
        let addresses = look_up(live, access).await?;
        Ok(Self { authority, addresses, tls, time, end, room: AtomicUsize::new(MOST_BYTES), share })
    }

    /// One exchange. The answer may have any status but one of a redirect.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, String> {
        let began = Instant::now();
        if began >= self.end {
            return Err(format!("not done within {} seconds; it is too slow", (self.time * WHOLE).as_secs()));
        }
        let deadline = self.end.min(began + self.time);
        let room = self.room.load(Ordering::Relaxed) / self.share.max(1);
        let agent = concat!("allclear/", env!("CARGO_PKG_VERSION"));
        let all: Vec<_> = [("user-agent", agent), ("accept", "application/json")]
            .into_iter()
            .chain(headers.iter().copied())
            .collect();
        let request = Request { method, host: &self.authority, path, headers: &all, body };
        let stream = self.connect(deadline).await?;
        let left = || deadline.saturating_duration_since(Instant::now());
        let answer = match &self.tls {
            None => exchange(stream, &request, Limits { time: left(), body: room, cut: false }).await,
            Some((connector, name)) => {
                let opening = timeout_at(deadline, connector.connect(name.clone(), stream)).await;
                let stream =
                    opening.map_err(|_| "no TLS handshake in time".to_owned())?.map_err(|e| refusal(&e))?;
                exchange(stream, &request, Limits { time: left(), body: room, cut: false }).await
            }
        };
        let answer = answer.map_err(|failure| self.told(failure))?;
        // What runs at one time has its share each, so there is always enough to take from.
        self.room.fetch_sub(answer.body.len(), Ordering::Relaxed);
        match answer.status {
            300..=399 => Err(format!(
                "it answers with a redirect (status {}), which is not followed; name the address where the answer is",
                answer.status
            )),
            _ => Ok(answer),
        }
    }

    fn told(&self, failure: Failure) -> String {
        match failure {
            Failure::LongBody(most) => {
                format!("it gives too much: {most} bytes were left of {MOST_BYTES}; ask for less")
            }
            Failure::NotHttp if self.tls.is_none() => {
                "the answer is not HTTP; does it speak TLS? Then write etcds:// or consuls://".to_owned()
            }
            Failure::Closed if self.tls.is_none() => {
                format!("{failure}; does it speak TLS? Then write etcds:// or consuls://")
            }
            Failure::Closed | Failure::Broken(_) if self.tls.is_some() => {
                format!("{failure}; does it want a client certificate?")
            }
            // What is left of a limit tells nothing; the limit does.
            Failure::NoAnswer(_) => Failure::NoAnswer(self.time.as_millis()).to_string(),
            Failure::Slow(_) => Failure::Slow(self.time.as_millis()).to_string(),
            _ => failure.to_string(),
        }
    }

    /// The first address that takes a connection.
    async fn connect(&self, deadline: Instant) -> Result<TcpStream, String> {
        let mut why = "it has no address".to_owned();
        let mut left = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        for &address in &self.addresses {
            // The next one gets its share of the time.
            let now = Instant::now();
            let until = now + deadline.saturating_duration_since(now) / left.max(1);
            left = left.saturating_sub(1);
            match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = format!("{address} takes no connection: {}", error.kind()),
                Err(_) => why = format!("{address} does not answer in time"),
            }
        }
        Err(why)
    }
}

/// Every address of the host, by the given name servers or the system's.
async fn look_up(live: &Live, access: &Access) -> Result<Vec<SocketAddr>, String> {
    let mut resolvers: Vec<Resolver> = access.resolvers.iter().map(|&at| Resolver::at(at)).collect();
    if resolvers.is_empty() {
        resolvers.push(Resolver::system());
    }
    let mut why = String::new();
    for resolver in resolvers {
        match resolver.addresses(&live.host).await {
            Ok(addresses) => {
                return Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, live.port)).collect());
            }
            Err(failure) => why = failure.to_string(),
        }
    }
    Err(why)
}

/// TLS with the roots and the identity that were given.
fn secure(host: &str, access: &Access) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = RootCertStore::empty();
    if let Some((name, pem)) = &access.roots {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let read = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            read.ok_or_else(|| format!("{name} holds something that is no certificate in PEM"))?;
        }
        if roots.is_empty() {
            return Err(format!("{name} holds no certificate in PEM"));
        }
    } else {
        let system = rustls_native_certs::load_native_certs().certs;
        if roots.add_parsable_certificates(system).0 == 0 {
            return Err("this system has no roots that could be trusted; name those of the source".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &access.identity {
        None => builder.with_no_client_auth(),
        Some((name, certificate, key)) => {
            let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes()).flatten().collect();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|_| format!("the key of {name} is no private key in PEM without a password"))?;
            let wrong = |_| format!("{name} is no certificate in PEM, or its key is another one's");
            builder.with_client_auth_cert(chain, key).map_err(wrong)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| format!("{} cannot be verified", quoted(host)))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Why a handshake failed, and what to do where that is clear.
fn refusal(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            format!("its certificate is not trusted ({why:?}); give the roots of its authority (CACERT)")
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS; write etcd:// or consul:// for HTTP in the clear".to_owned()
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("it refuses the TLS handshake ({alert:?}); does it want a client certificate?")
        }
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it closes in the TLS handshake; does it speak TLS, and want a client certificate?".to_owned()
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}

/// What to say of a status that is no good answer.
pub(super) fn bad_status(status: u16) -> String {
    match status {
        404 => "it answers with status 404: this address is no such service, or a very old one".to_owned(),
        500..=599 => format!("it answers with status {status}: it cannot serve this now; ask again later"),
        _ => format!("it answers with status {status}"),
    }
}
