//! Keys and certificates of the endpoints, issued by a private authority that lives as long as the process
//! and that nobody trusts: ECDSA keys on P-256, and RSA keys that are numbers without a private half, for
//! handshakes that are never finished.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use rand::Rng as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm,
};
use time::OffsetDateTime;

use crate::{
    drill::Error,
    model::{
        ids::{Sha256, Spki},
        time::Timestamp,
    },
    wire::tls::suites::Auth,
};

/// The common name of the authority that issues every certificate here.
pub const AUTHORITY: &str = "Drill CA";

/// A key and a certificate on it. Cloning shares both.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, DER.
    pub certificate_der: Arc<[u8]>,
    /// The authority's certificate, DER; served behind the leaf.
    pub issuer_der: Arc<[u8]>,
    /// The private key, PKCS #8 DER; empty for RSA.
    pub key_der: Arc<[u8]>,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo.
    pub spki: Spki,
    /// The kind of key.
    pub(super) auth: Auth,
    /// The public key as the certificate has it: an uncompressed point, or an RSAPublicKey (RFC 8017, A.1.1).
    pub(super) public: Arc<[u8]>,
}

/// Shows the key's hash, never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("spki", &self.spki).finish_non_exhaustive()
    }
}

impl Identity {
    /// Issues a certificate: on the key of another identity, or on a new ECDSA key. `names` are DNS names or
    /// addresses for subjectAltName; the validity is cut to whole seconds, as X.509 has it.
    ///
    /// # Errors
    ///
    /// [`Error::Issue`] when a name cannot stand in a certificate.
    pub fn issue(
        key: Option<&Identity>,
        subject_cn: &str,
        names: &[&str],
        not_before: Timestamp,
        not_after: Timestamp,
        serial: u64,
    ) -> Result<Identity, Error> {
        let key = match key {
            Some(identity) => Ok(Key::of(identity)),
            None => Key::new_ecdsa().map_err(|error| failed(subject_cn, &error)),
        };
        certify(key?, subject_cn, names, [not_before, not_after], serial)
    }

    /// As [`Self::issue`], on a new RSA key of 2048 bits that has no private half: it can be served up to
    /// TLS 1.2, where nobody finishes a handshake here, and not in TLS 1.3.
    ///
    /// # Errors
    ///
    /// [`Error::Issue`] when a name cannot stand in a certificate.
    pub fn issue_rsa(
        subject_cn: &str,
        names: &[&str],
        not_before: Timestamp,
        not_after: Timestamp,
        serial: u64,
    ) -> Result<Identity, Error> {
        certify(Key::new_rsa(), subject_cn, names, [not_before, not_after], serial)
    }
}

/// A key to certify.
struct Key {
    auth: Auth,
    private: Arc<[u8]>,
    public: Arc<[u8]>,
}

impl Key {
    fn of(identity: &Identity) -> Self {
        Self {
            auth: identity.auth,
            private: Arc::clone(&identity.key_der),
            public: Arc::clone(&identity.public),
        }
    }

    fn new_ecdsa() -> Result<Self, rcgen::Error> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(Self {
            auth: Auth::Ecdsa,
            private: Arc::from(pair.serialized_der()),
            public: Arc::from(pair.public_key_raw()),
        })
    }

    /// A modulus of random bytes, odd and of full length, with the exponent 65537.
    fn new_rsa() -> Self {
        let mut modulus = [0; 256];
        rand::rng().fill_bytes(&mut modulus);
        modulus[0] |= 0x80;
        modulus[255] |= 1;
        let mut der = vec![0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
        der.extend_from_slice(&modulus);
        der.extend_from_slice(&[0x02, 0x03, 0x01, 0x00, 0x01]);
        Self { auth: Auth::Rsa, private: Arc::from([]), public: der.into() }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.auth {
            Auth::Rsa => &PKCS_RSA_SHA256,
            _ => &PKCS_ECDSA_P256_SHA256,
        }
    }
}

fn failed(subject: &str, reason: &impl ToString) -> Error {
    Error::Issue { subject: subject.to_owned(), reason: reason.to_string() }
}

fn certify(
    key: Key,
    subject_cn: &str,
    names: &[&str],
    [not_before, not_after]: [Timestamp; 2],
    serial: u64,
) -> Result<Identity, Error> {
    let authority = AUTHORITY_OF_PROCESS.as_ref().map_err(|reason| failed(subject_cn, reason))?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).and_then(|mut params| {
        params.distinguished_name = common_name(subject_cn);
        params.not_before = date(not_before);
        params.not_after = date(not_after);
        params.serial_number = Some(serial_number(serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(&key, authority)
    });
    let certificate = certificate.map_err(|error| failed(subject_cn, &error))?;
    Ok(Identity {
        certificate_der: Arc::from(certificate.der().as_ref()),
        issuer_der: Arc::from(authority.der().as_ref()),
        spki: Sha256::of(&key.subject_public_key_info()),
        key_der: key.private,
        auth: key.auth,
        public: key.public,
    })
}

/// The certificate of the fleet's authority in PEM: what a client of the fleet trusts.
pub fn authority_pem() -> Option<String> {
    AUTHORITY_OF_PROCESS.as_ref().ok().map(CertifiedIssuer::pem)
}

static AUTHORITY_OF_PROCESS: LazyLock<Result<CertifiedIssuer<'static, KeyPair>, String>> =
    LazyLock::new(|| authority().map_err(|error| error.to_string()));

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(AUTHORITY);
    params.not_before = rcgen::date_time_ymd(2010, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn common_name(cn: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, cn);
    name
}

fn date(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.micros().div_euclid(1_000_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The number's bytes without leading zeros: DER knows one form of an integer only.
fn serial_number(serial: u64) -> SerialNumber {
    let bytes: Vec<u8> = serial.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    SerialNumber::from(if bytes.is_empty() { vec![0] } else { bytes })
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn certificates_say_what_was_asked_for() {
        let names = ["www1.drill.test", "127.83.0.1"];
        let identity = Identity::issue(
            None,
            "www1.drill.test",
            &names,
            at("2013-06-01"),
            at("2033-06-01T12:00:00.5Z"),
            0x5300_0001,
        )
        .unwrap();
        let (rest, leaf) = X509Certificate::from_der(&identity.certificate_der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(leaf.subject().to_string(), "CN=www1.drill.test");
        assert_eq!(leaf.issuer().to_string(), "CN=Drill CA");
        assert_eq!(leaf.serial, 0x5300_0001_u64.into());
        assert_eq!(leaf.validity().not_before.timestamp(), at("2013-06-01").micros() / 1_000_000);
        assert_eq!(leaf.validity().not_after.timestamp(), at("2033-06-01T12:00:00Z").micros() / 1_000_000);
        let alternative = leaf.subject_alternative_name().unwrap().unwrap();
        assert_eq!(alternative.value.general_names.len(), 2);
        assert_eq!(Sha256::of(leaf.public_key().raw), identity.spki);
        assert_eq!(identity.public.len(), 65);
        let (_, issuer) = X509Certificate::from_der(&identity.issuer_der).unwrap();
        assert_eq!(issuer.subject().to_string(), "CN=Drill CA");
        assert!(issuer.is_ca());
    }

    #[test]
    fn a_reissue_keeps_the_key_and_a_new_identity_does_not() {
        let issue = |key: Option<&Identity>, serial| {
            Identity::issue(key, "a.test", &["a.test"], at("2020-01-01"), at("2030-01-01"), serial).unwrap()
        };
        let first = issue(None, 1);
        let again = issue(Some(&first), 2);
        let other = issue(None, 3);
        assert_eq!(first.spki, again.spki);
        assert_ne!(first.certificate_der, again.certificate_der);
        assert_ne!(first.spki, other.spki);
        assert_eq!(first.issuer_der, other.issuer_der, "one authority for the process");
    }

    #[test]
    fn an_rsa_identity_is_read_as_one_and_can_be_reissued() {
        let first =
            Identity::issue_rsa("a.test", &["a.test"], at("2020-01-01"), at("2030-01-01"), 1).unwrap();
        let (_, leaf) = X509Certificate::from_der(&first.certificate_der).unwrap();
        let key = leaf.public_key();
        assert!(matches!(key.parsed(), Ok(x509_parser::public_key::PublicKey::RSA(rsa))
            if rsa.key_size() == 2048 && rsa.try_exponent() == Ok(65537)));
        assert_eq!(Sha256::of(key.raw), first.spki);
        let from = at("2021-01-01");
        let again = Identity::issue(Some(&first), "b.test", &[], from, at("2030-01-01"), 2).unwrap();
        assert_eq!(again.spki, first.spki);
        assert_ne!(again.certificate_der, first.certificate_der);
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_certificate_is_an_error() {
        let table = ["ümlaut.test", "日本"];
        for name in table {
            let got = Identity::issue(None, "a.test", &[name], at("2020-01-01"), at("2030-01-01"), 1);
            assert!(matches!(got, Err(Error::Issue { .. })), "name: {name}");
        }
    }

    #[test]
    fn every_time_and_serial_can_be_issued() {
        let table = [
            (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX), 0),
            (at("1969-12-31"), at("1950-01-01"), u64::MAX),
            (at("2049-12-31"), at("2050-01-01"), 0x80),
        ];
        for (from, until, serial) in table {
            let identity = Identity::issue(None, "", &[], from, until, serial).unwrap();
            let (_, leaf) = X509Certificate::from_der(&identity.certificate_der).unwrap();
            assert_eq!(leaf.serial, serial.into(), "serial: {serial}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let identity = Identity::issue(None, "a.test", &[], at("2020-01-01"), at("2030-01-01"), 1).unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity {{ spki: {:?}, .. }}", identity.spki));
    }
}
