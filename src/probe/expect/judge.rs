//! The verifier of a user's client: dates, names and chain against the trust store, and the handshake's own signature.
//! It keeps what it found, since an error of the TLS library has no room for all of it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::{super::certificate::Leaf, Said};
use crate::{
    model::{observation::Certificate, served::TrustResult, time::Timestamp},
    probe::trust::TrustStore,
};

/// What rustls leaves out.
const MODERN_ONLY: &str = "this build speaks TLS 1.2 and later with modern ciphers only";
/// The smallest RSA key whose signatures the provider verifies.
const SMALLEST_RSA: u32 = 2048;

/// One handshake's judge.
#[derive(Debug)]
pub(super) struct Judge {
    store: Arc<TrustStore>,
    now: Timestamp,
    algorithms: WebPkiSupportedAlgorithms,
    /// What is wrong with the certificate.
    found: Mutex<Option<Said>>,
    /// The server asked for a certificate of ours.
    asked: AtomicBool,
}

impl Judge {
    /// A judge for one handshake at this moment, and the configuration that asks it.
    pub(super) fn with_config(
        store: Arc<TrustStore>,
        now: Timestamp,
        protocols: &[&[u8]],
    ) -> Result<(Arc<Self>, Arc<ClientConfig>), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let judge = Arc::new(Self {
            store,
            now,
            algorithms: provider.signature_verification_algorithms,
            found: Mutex::default(),
            asked: AtomicBool::new(false),
        });
        let config = Self::config(&judge, provider, protocols)?;
        Ok((judge, Arc::new(config)))
    }

    fn config(
        judge: &Arc<Self>,
        provider: Arc<CryptoProvider>,
        protocols: &[&[u8]],
    ) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous() // the name of the method; the judge verifies
            .with_custom_certificate_verifier(Arc::clone(judge) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::clone(judge) as Arc<dyn ResolvesClientCert>);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        Ok(config)
    }

    /// What a handshake that failed with this error means.
    pub(super) fn said(&self, error: &Error) -> Said {
        if let Some(found) = self.found() {
            return found;
        }
        match error {
            Error::AlertReceived(alert) => self.alert((*alert).into()),
            Error::PeerIncompatible(_) => Said::untried(MODERN_ONLY),
            Error::PeerMisbehaved(_) => {
                Said::untried("the server's handshake is one that this build does not follow")
            }
            Error::NoCertificatesPresented => Said::failed("the server shows no certificate"),
            Error::NoApplicationProtocol => Said::failed("the server does not speak HTTP/1.1 over TLS"),
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::PeerSentOversizedRecord => {
                Said::failed("the answer is not TLS, or makes no sense in it")
            }
            Error::DecryptError => Said::failed("the server's TLS records do not decrypt"),
            _ => Said::untried("the handshake could not be carried out"),
        }
    }

    /// What it means that the connection ended. `begun`: the server had chosen a version and a cipher.
    pub(super) fn ended(&self, how: &str, begun: bool) -> Said {
        if let Some(found) = self.found() {
            return found;
        }
        if self.asked() {
            return Said::untried(WANTS_OURS);
        }
        if begun {
            return Said::failed(format!("{how} in the middle of the handshake"));
        }
        // Old servers end like this where they share no version with us.
        Said::untried(format!("{how} in answer to the handshake; {MODERN_ONLY}"))
    }

    fn alert(&self, number: u8) -> Said {
        match number {
            42 | 116 => Said::untried(format!("{WANTS_OURS} (alert {number})")),
            _ if self.asked() => Said::untried(format!("{WANTS_OURS} (alert {number})")),
            40 | 70 | 71 => {
                Said::untried(format!("no common TLS version or cipher (alert {number}); {MODERN_ONLY}"))
            }
            112 => Said::failed("the server does not know the host's name (alert 112)"),
            _ => Said::failed(format!("the server ends the handshake with alert {number}")),
        }
    }

    /// Whether the server asked for a certificate of ours, so that what it does later may come from there.
    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn found(&self) -> Option<Said> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, said: Said) -> Error {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
    }

    /// The signature over the handshake: a wrong one is a failure, one of a kind that is not verified is not known.
    fn signature(&self, leaf: &CertificateDer<'_>, error: Error) -> Error {
        let details = Leaf::read(leaf).certificate.details;
        let rsa = details.as_ref().is_some_and(|d| d.key.as_deref().is_some_and(|k| k.starts_with("rsa")));
        let bits = details.as_ref().and_then(|d| d.key_bits);
        match error {
            Error::InvalidCertificate(CertificateError::BadSignature)
                if !(rsa && bits.is_some_and(|b| b < SMALLEST_RSA)) =>
            {
                self.refuse(Said::failed("the server's signature does not match its certificate"))
            }
            Error::InvalidCertificate(_) => self.refuse(Said::untried(
                "this build does not verify signatures of the certificate's kind of key",
            )),
            other => other,
        }
    }
}

/// What a server that wants a client certificate leaves us with.
pub(super) const WANTS_OURS: &str = "the server wants a client certificate, and there is none to give";

/// What is wrong with a chain.
fn fault(result: TrustResult, leaf: &Certificate, now: Timestamp) -> Option<&'static str> {
    Some(match result {
        TrustResult::Trusted => return None,
        TrustResult::OutsideDates if leaf.not_after.is_some_and(|end| end < now) => {
            "the certificate has expired"
        }
        TrustResult::OutsideDates if leaf.not_before.is_some_and(|from| from > now) => {
            "the certificate is not valid yet"
        }
        TrustResult::OutsideDates => "a certificate behind the server's is outside its dates",
        TrustResult::SelfSigned => "the certificate signed itself, and is not trusted",
        TrustResult::UnknownIssuer => "the certificate's issuer is not trusted",
        TrustResult::Incomplete => "the chain breaks off: a certificate that clients need is not served",
        TrustResult::Broken => "a signature or a constraint in the chain does not hold",
        TrustResult::Unsupported => "a certificate of the chain is of a kind that this build cannot judge",
    })
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<&[u8]> = std::iter::once(leaf).chain(others).map(AsRef::as_ref).collect();
        let trust = self.store.check(&chain, self.now).result;
        let fault = fault(trust, &Leaf::read(leaf).certificate, self.now);
        let named = ParsedCertificate::try_from(leaf).map(|parsed| verify_server_name(&parsed, name).is_ok());
        let said = match (fault, named) {
            (None, Ok(true)) => return Ok(ServerCertVerified::assertion()),
            (None, Ok(false)) => Said::failed(OTHER_HOST),
            (None, Err(_)) => Said::untried("the certificate is of a form that this build does not read"),
            (Some(fault), Ok(false)) => Said::failed(format!("{OTHER_HOST}; {fault}")),
            (Some(fault), Ok(true) | Err(_)) if trust == TrustResult::Unsupported => Said::untried(fault),
            (Some(fault), Ok(true) | Err(_)) => Said::failed(fault),
        };
        Err(self.refuse(said))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.algorithms)
            .map_err(|e| self.signature(leaf, e))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
            .map_err(|e| self.signature(leaf, e))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const OTHER_HOST: &str = "the certificate names another host";

/// There is none to give; that one is asked for explains what may follow.
impl ResolvesClientCert for Judge {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
