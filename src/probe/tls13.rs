//! A whole TLS 1.3 handshake, for servers that speak nothing older: their certificate is encrypted.
//!
//! rustls does the protocol and the cryptography. Nothing is verified: a probe wants to see version 1
//! certificates, odd keys and expired dates, and trusts none of what it sees. Nothing is sent over the
//! connection but the handshake and the notice of closing it.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{dial::Wait, limits::Timeouts, link::Link};

/// Which signatures are asked for, which decides the key that a server with several shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// Everything there is.
    Any,
    /// RSA alone.
    Rsa,
    /// Everything but RSA.
    NotRsa,
}

/// What a finished handshake showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The suite's IANA number.
    pub suite: u16,
    /// The chain as DER, leaf first.
    pub chain: Vec<Vec<u8>>,
}

/// Why no handshake came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server sent a fatal alert.
    Alert(u8),
    /// What it sent is not TLS 1.3, or not TLS.
    Protocol,
    /// The connection ended or fell silent.
    Ended(Wait),
}

/// Shakes hands over a fresh link.
///
/// # Errors
///
/// [`Failure`].
pub async fn handshake(
    link: &mut Link,
    sni: Option<&str>,
    address: IpAddr,
    schemes: Schemes,
    limits: Timeouts,
) -> Result<Shown, Failure> {
    // The name of an address is never sent as SNI.
    let name = sni
        .and_then(|n| ServerName::try_from(n.to_owned()).ok())
        .unwrap_or_else(|| ServerName::IpAddress(address.into()));
    let client = ClientConnection::new(config(schemes).ok_or(Failure::Protocol)?, name)
        .map_err(|_| Failure::Protocol)?;
    let mut client = Box::new(client);
    while client.is_handshaking() {
        flush(&mut client, link, limits).await?;
        let mut error = None;
        let wait = link
            .receive(limits.step, |bytes| {
                error = take(&mut client, bytes).err();
                error.is_some() || !client.is_handshaking() || client.wants_write()
            })
            .await;
        if let Some(error) = error {
            let _ = flush(&mut client, link, limits).await; // our alert, as a courtesy
            return Err(failure_of(&error));
        }
        if wait != Wait::Met {
            return Err(Failure::Ended(wait));
        }
    }
    let shown = shown(&client);
    client.send_close_notify();
    let _ = flush(&mut client, link, limits).await;
    shown
}

fn shown(client: &ClientConnection) -> Result<Shown, Failure> {
    let suite = client.negotiated_cipher_suite().ok_or(Failure::Protocol)?;
    let chain = client.peer_certificates().unwrap_or_default();
    Ok(Shown { suite: suite.suite().into(), chain: chain.iter().map(|c| c.to_vec()).collect() })
}

async fn flush(client: &mut ClientConnection, link: &mut Link, limits: Timeouts) -> Result<(), Failure> {
    let mut out = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut out).map_err(|_| Failure::Protocol)?;
    }
    if out.is_empty() {
        return Ok(());
    }
    match link.send(&out, limits.step).await {
        // The server may have said why before it closed.
        Ok(()) | Err(Wait::Reset) => Ok(()),
        Err(wait) => Err(Failure::Ended(wait)),
    }
}

fn take(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        let n = client.read_tls(&mut bytes).map_err(|_| own_error())?;
        client.process_new_packets()?;
        if n == 0 {
            break;
        }
    }
    Ok(())
}

/// rustls takes no more bytes before it has worked off what it holds; that is not the server's alert.
fn own_error() -> Error {
    Error::General("the handshake holds too much".to_owned())
}

fn failure_of(error: &Error) -> Failure {
    match error {
        Error::AlertReceived(alert) => Failure::Alert((*alert).into()),
        _ => Failure::Protocol,
    }
}

/// One configuration for each list of schemes, made once.
fn config(schemes: Schemes) -> Option<Arc<ClientConfig>> {
    type Made = [Option<Arc<ClientConfig>>; 3];
    static CONFIGS: LazyLock<Made> =
        LazyLock::new(|| [Schemes::Any, Schemes::Rsa, Schemes::NotRsa].map(build));
    let [any, rsa, not_rsa] = &*CONFIGS;
    match schemes {
        Schemes::Any => any,
        Schemes::Rsa => rsa,
        Schemes::NotRsa => not_rsa,
    }
    .clone()
}

fn build(schemes: Schemes) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .ok()?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(schemes)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Some(Arc::new(config))
}

/// Accepts whatever is shown, in any version.
#[derive(Debug)]
pub(super) struct Anything(pub(super) Schemes);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let lists: &[&[u16]] = match self.0 {
            Schemes::Any => &[RSA, NOT_RSA],
            Schemes::Rsa => &[RSA],
            Schemes::NotRsa => &[NOT_RSA],
        };
        lists.concat().into_iter().map(SignatureScheme::from).collect()
    }
}

/// rsa_pss_rsae and rsa_pss_pss with three digests, then PKCS#1, which TLS 1.3 knows in chains alone.
const RSA: &[u16] = &[0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0201];
/// ECDSA on the NIST curves and on brainpool (RFC 8734), Ed25519 and Ed448.
const NOT_RSA: &[u16] = &[0x0403, 0x0503, 0x0603, 0x081a, 0x081b, 0x081c, 0x0807, 0x0808, 0x0203];
