//! The fuzz target of this stage: any bytes as a list and as an answer of one fixed issuer.

use super::{
    authority::Authority,
    crl::{self, Wanted},
    fetch::Place,
    ocsp,
    serial::Serial,
};
use crate::model::time::Timestamp;

/// An authority whose key nobody has any more. The seeds are signed by it.
const ISSUER: &str = "\
MIIBrjCCAVOgAwIBAgIURa08tkLwUEpCYCCDlDmnUQgEW6EwCgYIKoZIzj0EAwIwIzEQMA4GA1UECgwHRnV6emluZzEPMA0GA1UE\
AwwGSXNzdWVyMCAXDTI2MTEyNDIxMDEzNFoYDzIxMjYxMDMxMjEwMTM0WjAjMRAwDgYDVQQKDAdGdXp6aW5nMQ8wDQYDVQQDDAZJ\
c3N1ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARS/UNsXbJHhjpe5ZHbhq7nQgbI47dq+0/aoFVrTs8ENriWR9s2bJF2MJbK\
kcmCwPJEGs0VMRp3IVjO2gSMQrfmo2MwYTAdBgNVHQ4EFgQUQLQgmJ52TTcJHVu59JwQx/M3tlYwHwYDVR0jBBgwFoAUQLQgmJ52\
TTcJHVu59JwQx/M3tlYwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAYYwCgYIKoZIzj0EAwIDSQAwRgIhAOZ0O2mlj0LY\
60aLqv9NnOOK+3A/FUmBUOiXnHe9Nlp8AiEArw3y+VBLiMdt9lwJ9JMCH7vmjWukhVOwE5xfjetVJNY=\
";

/// Judges any bytes as a list, as an OCSP answer, as an issuer and as a URL. What is past the signature is also done
/// without it, since hardly any mutation of a signed text gets that far.
///
/// # Panics
///
/// Where a parser does, or where something revoked comes out as good: that is what fuzzing looks for.
pub fn fuzz(data: &[u8]) {
    let now = Timestamp::from_seconds(1_798_761_600);
    let _ = Authority::read(data);
    let _ = std::str::from_utf8(data).map(Place::read);
    let Ok(issuer) = data_encoding::BASE64.decode(ISSUER.as_bytes()) else { return };
    let (Ok(authority), Some(listed), Some(other)) =
        (Authority::read(&issuer), Serial::of_text("0x1234"), Serial::of_text("0x1235"))
    else {
        return;
    };
    let urls = ["http://127.0.0.1/a.crl".to_owned()];
    let wanted = [&listed, &other].map(|serial| Wanted { serial, is_ca: false, urls: &urls });
    let _ = crl::judge(data, &authority, &wanted, now);
    crl::exercise(data, &authority, &wanted, now);
    for serial in [&listed, &other] {
        let _ = ocsp::judge(data, &authority, serial, None, now);
        ocsp::exercise(data, &authority, serial, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_issuer_can_be_read() {
        let issuer = data_encoding::BASE64.decode(ISSUER.as_bytes()).unwrap();
        assert!(Authority::read(&issuer).unwrap().signs_lists);
    }
}
