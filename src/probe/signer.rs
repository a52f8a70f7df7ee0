//! Which certificate signed which: by the signature itself, since a name can be anybody's.

use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// Whether `issuer` is an authority, with a key of its own, whose key signed `certificate`; both in DER. Nobody speaks for
/// itself: a leaf that signed itself, or another one on the same key, has no authority. A signature of a kind that is
/// not known here is none.
pub fn is_authority_of(issuer: &[u8], certificate: &[u8]) -> bool {
    let (Ok((_, certificate)), Ok((_, issuer))) =
        (X509Certificate::from_der(certificate), X509Certificate::from_der(issuer))
    else {
        return false;
    };
    issuer.is_ca()
        && issuer.public_key().raw != certificate.public_key().raw
        && certificate.issuer().as_raw() == issuer.subject().as_raw()
        && certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn the_key_decides_and_not_the_name() {
        let (right, namesake) = (authority("One"), authority("One"));
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new(vec!["a.test".to_owned()]).unwrap().signed_by(&key, &right).unwrap();
        assert!(is_authority_of(right.der(), leaf.der()));
        assert!(!is_authority_of(namesake.der(), leaf.der()));
        assert!(!is_authority_of(right.der(), right.der()), "nobody speaks for itself");
        assert!(!is_authority_of(b"0", leaf.der()));
        let own = CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        assert!(!is_authority_of(own.der(), own.der()));
    }
}
