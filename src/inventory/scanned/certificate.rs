//! The names in a certificate that a scan brought along: common name and alternative names.
//!
//! They are hints for people. Nothing is verified here, and nothing else of a certificate is read.

use std::net::IpAddr;

use data_encoding::BASE64;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

use crate::inventory::host::parse_name;

/// The longest certificate that is looked at, in bytes of its text form.
pub(in crate::inventory) const LONGEST: usize = 64 << 10;

/// The most names of one certificate.
const MOST: usize = 64;

/// The names of the first certificate of a PEM text (RFC 7468). Empty where it cannot be read.
pub(in crate::inventory) fn of_pem(text: &str) -> Vec<String> {
    let body = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"));
    body.map(|(body, _)| of_base64(body)).unwrap_or_default()
}

/// The names of a certificate in base64, white space allowed. Empty where it cannot be read.
pub(in crate::inventory) fn of_base64(text: &str) -> Vec<String> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    BASE64.decode(&packed).map(|der| of_der(&der)).unwrap_or_default()
}

fn of_der(der: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return Vec::new() };
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.filter_map(checked).collect();
    for extension in parsed.extensions() {
        if let ParsedExtension::SubjectAlternativeName(san) = extension.parsed_extension() {
            names.extend(san.general_names.iter().take(MOST).filter_map(|name| match name {
                GeneralName::DNSName(text) => checked(text),
                GeneralName::IPAddress(bytes) => address(bytes),
                _ => None,
            }));
        }
    }
    names.truncate(MOST);
    names
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| sixteen()).ok().map(|address| address.to_string())
}

/// Alternative names as OpenSSL prints them: `DNS:www.example.test, IP Address:192.0.2.1`.
pub(in crate::inventory) fn of_printed(text: &str) -> Vec<String> {
    let parts = text.split(',').filter_map(|part| part.trim().split_once(':'));
    let wanted = parts.filter(|(kind, _)| matches!(kind.trim(), "DNS" | "IP Address"));
    wanted.filter_map(|(_, name)| checked(name.trim())).take(MOST).collect()
}

/// A name as it may stand in a certificate of a service: a host name, a wildcard or an address, in lower case.
pub(in crate::inventory) fn checked(text: &str) -> Option<String> {
    if text.len() > 255 {
        return None;
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    match text.strip_prefix("*.") {
        Some(rest) => parse_name(rest).ok().map(|rest| format!("*.{rest}")),
        None => parse_name(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.distinguished_name.push(rcgen::DnType::CommonName, "WEB01.example.test");
        let made = params.self_signed(&key).expect("a certificate");
        (made.pem(), BASE64.encode(made.der()))
    }

    #[test]
    fn names_are_read_from_each_form() {
        let (pem, base64) = made(&["www.example.test", "*.api.example.test", "192.0.2.1"]);
        let expected = ["web01.example.test", "www.example.test", "*.api.example.test", "192.0.2.1"];
        assert_eq!(of_pem(&pem), expected);
        assert_eq!(of_base64(&base64), expected);
        let printed = "DNS:www.example.test, DNS:*.example.test, IP Address:192.0.2.1, email:a@example.test";
        assert_eq!(of_printed(printed), ["www.example.test", "*.example.test", "192.0.2.1"]);
    }

    #[test]
    fn what_is_no_certificate_gives_no_name() {
        let (pem, base64) = made(&["www.example.test"]);
        let cut = |text: &str| -> Vec<String> {
            (0..text.len()).filter(|n| n % 7 == 0).map(|n| text[..n].to_owned()).collect()
        };
        let pieces = [cut(&pem), cut(&base64)].concat();
        for piece in pieces {
            assert!(of_pem(&piece).is_empty(), "{piece}");
            let _ = of_base64(&piece);
        }
        assert!(of_base64(&"A".repeat(LONGEST + 4)).is_empty());
        let odd = ["", "a b", "\u{1b}[31m", "-x.example.test", "*.", "**.example.test"];
        assert!(odd.iter().all(|text| checked(text).is_none()));
    }
}
