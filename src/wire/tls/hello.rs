//! Building ClientHellos (RFC 5246, section 7.4.1.2), from TLS 1.2 down to SSL 3.0.

use super::{handshake as hs, record, suites::Offer, version_number};
use crate::{
    model::observation::TlsVersion,
    wire::{cursor::put_vec16, secure::exchange},
};

/// What a hello says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The highest version on offer; TLS 1.3 is written as TLS 1.2, which is all that is spoken here.
    pub version: TlsVersion,
    /// The suites on offer.
    pub offer: Offer,
    /// The host name to send; what is no host name is not sent.
    pub sni: Option<&'a str>,
    /// Whether there are extensions at all. SSL 3.0 never has any.
    pub extensions: bool,
}

impl<'a> Hello<'a> {
    /// The hello that comes first: TLS 1.2, everything with a certificate, extensions.
    pub const fn first(sni: Option<&'a str>) -> Self {
        Self { version: TlsVersion::Tls12, offer: Offer::Certificates, sni, extensions: true }
    }

    /// The same over datagrams: DTLS 1.2.
    pub const fn over_datagrams(sni: Option<&'a str>) -> Self {
        Self { version: TlsVersion::Dtls12, ..Self::first(sni) }
    }

    /// Whether the heartbeat extension is in it.
    pub const fn offers_heartbeat(&self) -> bool {
        self.has_extensions()
    }

    /// Whether an SNI is in it.
    pub fn sends_sni(&self) -> bool {
        self.has_extensions() && self.host_name().is_some()
    }

    /// Appends the hello as records.
    pub fn encode(&self, out: &mut Vec<u8>, random: &[u8; 32]) {
        let body = self.body(random, None);
        let mut message = Vec::with_capacity(body.len() + 4);
        hs::encode_message(&mut message, hs::CLIENT_HELLO, &body);
        // Old servers refuse a hello whose record says more than TLS 1.0 (RFC 5246, E.1).
        record::encode(out, record::HANDSHAKE, self.number().min(0x0301), &message);
    }

    /// The version as it is written.
    pub fn number(&self) -> u16 {
        let written = if self.version == TlsVersion::Tls13 { TlsVersion::Tls12 } else { self.version };
        version_number(written)
    }

    /// The body of the message. A hello over datagrams has a cookie, which is empty at first (RFC 6347, 4.2.1).
    pub fn body(&self, random: &[u8; 32], cookie: Option<&[u8]>) -> Vec<u8> {
        let mut body = Vec::with_capacity(512);
        body.extend_from_slice(&self.number().to_be_bytes());
        body.extend_from_slice(random);
        body.push(0);
        if let Some(cookie) = cookie {
            let cookie = cookie.get(..255).unwrap_or(cookie);
            body.push(u8::try_from(cookie.len()).unwrap_or(u8::MAX));
            body.extend_from_slice(cookie);
        }
        put_u16s(&mut body, self.numbers());
        body.extend_from_slice(&[1, 0]);
        if self.has_extensions() {
            self.put_extensions(&mut body);
        }
        body
    }

    const fn has_extensions(&self) -> bool {
        self.extensions && !matches!(self.version, TlsVersion::Ssl3)
    }

    /// The suites on offer, in order.
    pub fn numbers(&self) -> &'static [u16] {
        match self.version.of_stream() {
            TlsVersion::Ssl3 => self.offer.suites_ssl3(),
            TlsVersion::Tls10 | TlsVersion::Tls11 => self.offer.suites_before_tls12(),
            _ => self.offer.suites(),
        }
    }

    /// The name without a final dot (RFC 6066, 3), where it is one that can be sent.
    fn host_name(&self) -> Option<&'a str> {
        let name = self.sni?;
        let name = name.strip_suffix('.').unwrap_or(name);
        let sendable = !name.is_empty() && name.len() <= 253 && name.bytes().all(|b| b.is_ascii_graphic());
        sendable.then_some(name)
    }

    fn put_extensions(&self, body: &mut Vec<u8>) {
        put_vec16(body, |list| {
            if let Some(name) = self.host_name() {
                put_extension(list, hs::EXT_SERVER_NAME, |out| {
                    put_vec16(out, |out| {
                        out.push(0);
                        put_vec16(out, |out| out.extend_from_slice(name.as_bytes()));
                    });
                });
            }
            if self.offer == Offer::Certificates {
                // An OCSP answer, from any responder.
                put_extension(list, hs::EXT_STATUS_REQUEST, |out| out.extend_from_slice(&[1, 0, 0, 0, 0]));
            }
            put_extension(list, hs::EXT_RENEGOTIATION_INFO, |out| out.push(0));
            put_extension(list, hs::EXT_SUPPORTED_GROUPS, |out| put_u16s(out, self.groups()));
            put_extension(list, hs::EXT_EC_POINT_FORMATS, |out| {
                out.extend_from_slice(&[3, 0, 1, 2]);
            });
            // A handshake that is finished here derives its keys in the old way, and resumes nothing.
            let is_finished = self.offer == Offer::Finishable || self.version.is_datagram();
            if !is_finished {
                put_extension(list, hs::EXT_SESSION_TICKET, |_| {});
            }
            if self.version.of_stream() >= TlsVersion::Tls12 {
                put_extension(list, hs::EXT_SIGNATURE_ALGORITHMS, |out| {
                    put_u16s(out, SIGNATURE_ALGORITHMS);
                });
            }
            put_extension(list, hs::EXT_HEARTBEAT, |out| out.push(1)); // peer_allowed_to_send
            if !is_finished {
                put_extension(list, hs::EXT_EXTENDED_MASTER_SECRET, |_| {});
            }
            if let Some(n) = padding(list.len()).filter(|_| !self.version.is_datagram()) {
                put_extension(list, hs::EXT_PADDING, |out| out.resize(out.len() + n, 0));
            }
        });
    }

    fn groups(&self) -> &'static [u16] {
        match self.offer {
            Offer::Finishable => exchange::GROUPS,
            Offer::Short | Offer::Anything => SHORT_GROUPS,
            _ => GROUPS,
        }
    }
}

/// Some load balancers hang on a ClientHello of 256 to 511 bytes (RFC 7685, 1): how many bytes of padding
/// make it longer than that, for a body of `n` bytes.
const fn padding(n: usize) -> Option<usize> {
    let message = n + 4;
    match message {
        256..=507 => Some(512 - message - 4),
        508..=511 => Some(1),
        _ => None,
    }
}

/// Curves that servers use today, then every other one that an OpenSSL 1.0.1 has: its certificate's curve must
/// be among them.
const GROUPS: &[u16] = &[
    29, 23, 24, 25, 30, 22, 14, 13, 11, 12, 9, 10, 26, 27, 28, 8, 6, 7, 20, 21, 18, 19, 16, 17, 4, 5, 1, 2,
    3, 15,
];
const SHORT_GROUPS: &[u16] = &[29, 23, 24, 25];

/// Everything that may sign a certificate chain or a key exchange; suites alone choose the kind of key.
const SIGNATURE_ALGORITHMS: &[u16] = &[
    0x0401, 0x0403, 0x0501, 0x0503, 0x0601, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0807,
    0x0808, 0x0301, 0x0303, 0x0201, 0x0203, 0x0402, 0x0502, 0x0602, 0x0302, 0x0202, 0x0101,
];

fn put_extension(out: &mut Vec<u8>, kind: u16, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&kind.to_be_bytes());
    put_vec16(out, content);
}

fn put_u16s(out: &mut Vec<u8>, numbers: &[u16]) {
    put_vec16(out, |out| {
        out.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of the ClientHello in these records.
    fn body(records: &[u8]) -> Vec<u8> {
        assert_eq!(records[0], record::HANDSHAKE);
        assert_eq!(
            usize::from(u16::from_be_bytes([records[3], records[4]])),
            records.len() - 5,
            "one record"
        );
        assert_eq!(records[5], hs::CLIENT_HELLO);
        records[9..].to_vec()
    }

    fn encoded(hello: &Hello<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        hello.encode(&mut out, &[7; 32]);
        out
    }

    #[test]
    fn hellos_say_what_they_were_told() {
        let table = [
            (TlsVersion::Tls12, 0x0303, 0x0301),
            (TlsVersion::Tls11, 0x0302, 0x0301),
            (TlsVersion::Tls10, 0x0301, 0x0301),
            (TlsVersion::Ssl3, 0x0300, 0x0300),
            (TlsVersion::Tls13, 0x0303, 0x0301),
        ];
        for (version, number, record_version) in table {
            let hello = Hello { version, ..Hello::first(Some("web01.example.test")) };
            let records = encoded(&hello);
            assert_eq!(u16::from_be_bytes([records[1], records[2]]), record_version, "{version}");
            let body = body(&records);
            let read = hs::ClientHello::parse(&body).unwrap();
            assert_eq!(read.version, number, "{version}");
            assert_eq!(read.random, &[7; 32]);
            assert_eq!(read.compressions, [0], "no compression");
            assert_eq!(read.suites().collect::<Vec<_>>(), hello.numbers(), "{version}");
            let extended = version != TlsVersion::Ssl3;
            assert_eq!(read.heartbeat(), extended.then_some(1), "{version}");
            assert_eq!(hello.offers_heartbeat(), extended, "{version}");
            assert_eq!(read.sni().is_some(), extended, "{version}");
            assert_eq!(read.signature_algorithms().is_some(), number == 0x0303, "{version}");
            assert!(read.supported_versions().is_none(), "TLS 1.3 is never offered here");
        }
    }

    #[test]
    fn only_host_names_are_sent_as_sni() {
        let long = "a".repeat(254);
        let table = [
            (Some("web01.example.test"), Some("web01.example.test")),
            (Some("web01.example.test."), Some("web01.example.test")),
            (Some(""), None),
            (Some("."), None),
            (Some("bad name"), None),
            (Some("bell\u{7}"), None),
            (Some("ümlaut.test"), None),
            (Some(&*long), None),
            (None, None),
        ];
        for (sni, expected) in table {
            let hello = Hello::first(sni);
            let body = body(&encoded(&hello));
            let read = hs::ClientHello::parse(&body).unwrap();
            assert_eq!(read.sni(), expected.map(str::as_bytes), "sni: {sni:?}");
            assert_eq!(hello.sends_sni(), expected.is_some(), "sni: {sni:?}");
        }
    }

    #[test]
    fn no_hello_has_a_length_that_balancers_hang_on() {
        let offers = [
            Offer::Certificates,
            Offer::LastResort,
            Offer::RsaOnly,
            Offer::NotRsa,
            Offer::EcdsaOnly,
            Offer::Short,
            Offer::Anything,
            Offer::Fallback,
            Offer::Cbc,
            Offer::RsaExport,
            Offer::DheExport,
            Offer::Dhe,
            Offer::RsaExchange,
            Offer::EmptySecret,
        ];
        for offer in offers {
            for version in [TlsVersion::Tls12, TlsVersion::Tls11, TlsVersion::Tls10, TlsVersion::Ssl3] {
                for n in 0..=253 {
                    let name = "a".repeat(n);
                    let hello = Hello { version, offer, sni: Some(&name), extensions: true };
                    let length = encoded(&hello).len() - 5;
                    assert!(!(256..512).contains(&length), "{offer:?} {version} name of {n}: {length} bytes");
                }
            }
        }
    }

    #[test]
    fn the_short_hello_is_short() {
        let hello = Hello { offer: Offer::Short, ..Hello::first(Some("web01.example.test")) };
        assert!(encoded(&hello).len() < 256);
        let bare = Hello { version: TlsVersion::Tls10, offer: Offer::Anything, extensions: false, ..hello };
        assert!(encoded(&bare).len() < 256);
        let body = body(&encoded(&bare));
        assert_eq!(hs::ClientHello::parse(&body).unwrap().extensions.iter().count(), 0);
    }
}
