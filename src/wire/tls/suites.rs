//! Cipher suites up to TLS 1.2: their OpenSSL names, what they authenticate with, and which of them a hello
//! offers in which order.
//!
//! The order is PROBING C2: RSA key exchange first, since a server that follows our order then signs
//! nothing; anonymous, pre-shared and export suites only in a second hello, since some servers prefer
//! anonymous ones and then no certificate comes.

use std::sync::LazyLock;

use crate::wire::secure;

/// The kind of key in the leaf certificate that a suite needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Auth {
    /// An RSA key.
    Rsa,
    /// A key on an elliptic curve, for ECDSA or fixed ECDH.
    Ecdsa,
    /// A DSA key.
    Dsa,
    /// A GOST key.
    Gost,
    /// A pre-shared key; RSA-PSK has a certificate beside it.
    Psk,
    /// A password (RFC 5054).
    Srp,
    /// Nobody is authenticated.
    Anonymous,
    /// TLS 1.3: the suite does not say.
    Tls13,
}

impl Auth {
    /// Whether a certificate decides who the server is.
    pub const fn has_certificate(self) -> bool {
        matches!(self, Self::Rsa | Self::Ecdsa | Self::Dsa | Self::Gost)
    }
}

/// One cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its IANA number.
    pub number: u16,
    /// Its OpenSSL name.
    pub name: &'static str,
    /// The kind of key that it needs.
    pub auth: Auth,
}

impl Suite {
    /// Whether the suite was weakened for export.
    pub fn is_export(&self) -> bool {
        self.name.starts_with("EXP")
    }

    /// Whether the suite exists from TLS 1.2 on only.
    pub fn needs_tls12(&self) -> bool {
        ["GCM", "CCM", "SHA256", "SHA384", "POLY1305"].iter().any(|word| self.name.contains(word))
    }

    /// Whether the suite needs elliptic curves, which SSL 3.0 does not have.
    pub fn needs_curves(&self) -> bool {
        self.number >= 0xc000
    }

    /// Whether the client encrypts a secret with an RSA key: the certificate's, or a short one for export.
    pub fn is_rsa_exchange(&self) -> bool {
        self.auth == Rsa && !self.is_dhe() && !self.needs_ecdhe()
    }

    /// Whether keys are agreed on by ephemeral Diffie-Hellman, not on curves.
    pub fn is_dhe(&self) -> bool {
        ["DHE-", "EDH-", "ADH-"].iter().any(|word| self.without_export().starts_with(word))
    }

    /// Whether blocks are chained (CBC): neither a stream, nor authenticated encryption, nor nothing at all.
    pub fn is_cbc(&self) -> bool {
        !["RC4", "GCM", "CCM", "POLY1305", "NULL", "GOST"].iter().any(|word| self.name.contains(word))
    }

    fn needs_ecdhe(&self) -> bool {
        self.name.starts_with("ECDH")
    }

    fn without_export(&self) -> &'static str {
        self.name.trim_start_matches("EXP1024-").trim_start_matches("EXP-")
    }

    fn is_offered_first(&self) -> bool {
        self.auth.has_certificate() && !self.is_export()
    }
}

const fn s(number: u16, name: &'static str, auth: Auth) -> Suite {
    Suite { number, name, auth }
}

use Auth::{Anonymous, Dsa, Ecdsa, Gost, Psk, Rsa, Srp, Tls13};

/// Every suite that is known here, in the order of offer.
#[rustfmt::skip]
pub const SUITES: &[Suite] = &[
    // RSA key exchange: the server signs nothing.
    s(0x009c, "AES128-GCM-SHA256", Rsa),
    s(0x009d, "AES256-GCM-SHA384", Rsa),
    s(0x002f, "AES128-SHA", Rsa),
    s(0x0035, "AES256-SHA", Rsa),
    s(0x003c, "AES128-SHA256", Rsa),
    s(0x003d, "AES256-SHA256", Rsa),
    // ECDHE with RSA.
    s(0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", Rsa),
    s(0xc030, "ECDHE-RSA-AES256-GCM-SHA384", Rsa),
    s(0xc027, "ECDHE-RSA-AES128-SHA256", Rsa),
    s(0xc028, "ECDHE-RSA-AES256-SHA384", Rsa),
    s(0xc013, "ECDHE-RSA-AES128-SHA", Rsa),
    s(0xc014, "ECDHE-RSA-AES256-SHA", Rsa),
    s(0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", Rsa),
    // DHE with RSA.
    s(0x009e, "DHE-RSA-AES128-GCM-SHA256", Rsa),
    s(0x009f, "DHE-RSA-AES256-GCM-SHA384", Rsa),
    s(0x0067, "DHE-RSA-AES128-SHA256", Rsa),
    s(0x006b, "DHE-RSA-AES256-SHA256", Rsa),
    s(0x0033, "DHE-RSA-AES128-SHA", Rsa),
    s(0x0039, "DHE-RSA-AES256-SHA", Rsa),
    s(0xccaa, "DHE-RSA-CHACHA20-POLY1305", Rsa),
    // Keys on elliptic curves: ECDHE, and fixed ECDH, whose certificate holds such a key whoever signed it.
    s(0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", Ecdsa),
    s(0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", Ecdsa),
    s(0xc023, "ECDHE-ECDSA-AES128-SHA256", Ecdsa),
    s(0xc024, "ECDHE-ECDSA-AES256-SHA384", Ecdsa),
    s(0xc009, "ECDHE-ECDSA-AES128-SHA", Ecdsa),
    s(0xc00a, "ECDHE-ECDSA-AES256-SHA", Ecdsa),
    s(0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", Ecdsa),
    s(0xc02d, "ECDH-ECDSA-AES128-GCM-SHA256", Ecdsa),
    s(0xc02e, "ECDH-ECDSA-AES256-GCM-SHA384", Ecdsa),
    s(0xc025, "ECDH-ECDSA-AES128-SHA256", Ecdsa),
    s(0xc026, "ECDH-ECDSA-AES256-SHA384", Ecdsa),
    s(0xc004, "ECDH-ECDSA-AES128-SHA", Ecdsa),
    s(0xc005, "ECDH-ECDSA-AES256-SHA", Ecdsa),
    s(0xc031, "ECDH-RSA-AES128-GCM-SHA256", Ecdsa),
    s(0xc032, "ECDH-RSA-AES256-GCM-SHA384", Ecdsa),
    s(0xc029, "ECDH-RSA-AES128-SHA256", Ecdsa),
    s(0xc02a, "ECDH-RSA-AES256-SHA384", Ecdsa),
    s(0xc00e, "ECDH-RSA-AES128-SHA", Ecdsa),
    s(0xc00f, "ECDH-RSA-AES256-SHA", Ecdsa),
    // DSA keys.
    s(0x00a2, "DHE-DSS-AES128-GCM-SHA256", Dsa),
    s(0x00a3, "DHE-DSS-AES256-GCM-SHA384", Dsa),
    s(0x0040, "DHE-DSS-AES128-SHA256", Dsa),
    s(0x006a, "DHE-DSS-AES256-SHA256", Dsa),
    s(0x0032, "DHE-DSS-AES128-SHA", Dsa),
    s(0x0038, "DHE-DSS-AES256-SHA", Dsa),
    // CAMELLIA, and CCM of later servers.
    s(0x0041, "CAMELLIA128-SHA", Rsa),
    s(0x0084, "CAMELLIA256-SHA", Rsa),
    s(0x00ba, "CAMELLIA128-SHA256", Rsa),
    s(0x00c0, "CAMELLIA256-SHA256", Rsa),
    s(0xc076, "ECDHE-RSA-CAMELLIA128-SHA256", Rsa),
    s(0xc077, "ECDHE-RSA-CAMELLIA256-SHA384", Rsa),
    s(0x0045, "DHE-RSA-CAMELLIA128-SHA", Rsa),
    s(0x0088, "DHE-RSA-CAMELLIA256-SHA", Rsa),
    s(0x00be, "DHE-RSA-CAMELLIA128-SHA256", Rsa),
    s(0x00c4, "DHE-RSA-CAMELLIA256-SHA256", Rsa),
    s(0xc072, "ECDHE-ECDSA-CAMELLIA128-SHA256", Ecdsa),
    s(0xc073, "ECDHE-ECDSA-CAMELLIA256-SHA384", Ecdsa),
    s(0x0044, "DHE-DSS-CAMELLIA128-SHA", Dsa),
    s(0x0087, "DHE-DSS-CAMELLIA256-SHA", Dsa),
    s(0xc09c, "AES128-CCM", Rsa),
    s(0xc09d, "AES256-CCM", Rsa),
    s(0xc09e, "DHE-RSA-AES128-CCM", Rsa),
    s(0xc09f, "DHE-RSA-AES256-CCM", Rsa),
    s(0xc0ac, "ECDHE-ECDSA-AES128-CCM", Ecdsa),
    s(0xc0ad, "ECDHE-ECDSA-AES256-CCM", Ecdsa),
    s(0xc0ae, "ECDHE-ECDSA-AES128-CCM8", Ecdsa),
    s(0xc0af, "ECDHE-ECDSA-AES256-CCM8", Ecdsa),
    // SEED and IDEA.
    s(0x0096, "SEED-SHA", Rsa),
    s(0x009a, "DHE-RSA-SEED-SHA", Rsa),
    s(0x0099, "DHE-DSS-SEED-SHA", Dsa),
    s(0x0007, "IDEA-CBC-SHA", Rsa),
    // RC4.
    s(0x0005, "RC4-SHA", Rsa),
    s(0x0004, "RC4-MD5", Rsa),
    s(0xc011, "ECDHE-RSA-RC4-SHA", Rsa),
    s(0xc007, "ECDHE-ECDSA-RC4-SHA", Ecdsa),
    s(0xc002, "ECDH-ECDSA-RC4-SHA", Ecdsa),
    s(0xc00c, "ECDH-RSA-RC4-SHA", Ecdsa),
    s(0x0066, "DHE-DSS-RC4-SHA", Dsa),
    // Triple and single DES.
    s(0x000a, "DES-CBC3-SHA", Rsa),
    s(0xc012, "ECDHE-RSA-DES-CBC3-SHA", Rsa),
    s(0x0016, "EDH-RSA-DES-CBC3-SHA", Rsa),
    s(0xc008, "ECDHE-ECDSA-DES-CBC3-SHA", Ecdsa),
    s(0xc003, "ECDH-ECDSA-DES-CBC3-SHA", Ecdsa),
    s(0xc00d, "ECDH-RSA-DES-CBC3-SHA", Ecdsa),
    s(0x0013, "EDH-DSS-DES-CBC3-SHA", Dsa),
    s(0x0009, "DES-CBC-SHA", Rsa),
    s(0x0015, "EDH-RSA-DES-CBC-SHA", Rsa),
    s(0x0012, "EDH-DSS-DES-CBC-SHA", Dsa),
    // GOST, and suites without encryption: a server that offers nothing else still has a certificate.
    s(0x0081, "GOST2001-GOST89-GOST89", Gost),
    s(0x0080, "GOST94-GOST89-GOST89", Gost),
    s(0x003b, "NULL-SHA256", Rsa),
    s(0x0002, "NULL-SHA", Rsa),
    s(0x0001, "NULL-MD5", Rsa),
    s(0xc010, "ECDHE-RSA-NULL-SHA", Rsa),
    s(0xc006, "ECDHE-ECDSA-NULL-SHA", Ecdsa),
    s(0xc001, "ECDH-ECDSA-NULL-SHA", Ecdsa),
    s(0xc00b, "ECDH-RSA-NULL-SHA", Ecdsa),
    // Export, with certificates.
    s(0x0003, "EXP-RC4-MD5", Rsa),
    s(0x0006, "EXP-RC2-CBC-MD5", Rsa),
    s(0x0008, "EXP-DES-CBC-SHA", Rsa),
    s(0x0014, "EXP-EDH-RSA-DES-CBC-SHA", Rsa),
    s(0x0011, "EXP-EDH-DSS-DES-CBC-SHA", Dsa),
    s(0x0062, "EXP1024-DES-CBC-SHA", Rsa),
    s(0x0064, "EXP1024-RC4-SHA", Rsa),
    s(0x0063, "EXP1024-DHE-DSS-DES-CBC-SHA", Dsa),
    s(0x0065, "EXP1024-DHE-DSS-RC4-SHA", Dsa),
    // Pre-shared keys and passwords. The SRP suites are here for their names: without a user name no server takes them.
    s(0xc01e, "SRP-RSA-AES-128-CBC-SHA", Srp),
    s(0xc021, "SRP-RSA-AES-256-CBC-SHA", Srp),
    s(0xc01b, "SRP-RSA-3DES-EDE-CBC-SHA", Srp),
    s(0x00ac, "RSA-PSK-AES128-GCM-SHA256", Psk),
    s(0x00ad, "RSA-PSK-AES256-GCM-SHA384", Psk),
    s(0x0094, "RSA-PSK-AES128-CBC-SHA", Psk),
    s(0x0095, "RSA-PSK-AES256-CBC-SHA", Psk),
    s(0x00b6, "RSA-PSK-AES128-CBC-SHA256", Psk),
    s(0x00b7, "RSA-PSK-AES256-CBC-SHA384", Psk),
    s(0x0092, "RSA-PSK-RC4-SHA", Psk),
    s(0x0093, "RSA-PSK-3DES-EDE-CBC-SHA", Psk),
    s(0x008c, "PSK-AES128-CBC-SHA", Psk),
    s(0x008d, "PSK-AES256-CBC-SHA", Psk),
    s(0x008a, "PSK-RC4-SHA", Psk),
    s(0x008b, "PSK-3DES-EDE-CBC-SHA", Psk),
    s(0x00a8, "PSK-AES128-GCM-SHA256", Psk),
    s(0x00a9, "PSK-AES256-GCM-SHA384", Psk),
    s(0x00ae, "PSK-AES128-CBC-SHA256", Psk),
    s(0x00af, "PSK-AES256-CBC-SHA384", Psk),
    s(0x00aa, "DHE-PSK-AES128-GCM-SHA256", Psk),
    s(0x00ab, "DHE-PSK-AES256-GCM-SHA384", Psk),
    s(0x0090, "DHE-PSK-AES128-CBC-SHA", Psk),
    s(0x0091, "DHE-PSK-AES256-CBC-SHA", Psk),
    s(0x00b2, "DHE-PSK-AES128-CBC-SHA256", Psk),
    s(0x00b3, "DHE-PSK-AES256-CBC-SHA384", Psk),
    s(0xc035, "ECDHE-PSK-AES128-CBC-SHA", Psk),
    s(0xc036, "ECDHE-PSK-AES256-CBC-SHA", Psk),
    s(0xc037, "ECDHE-PSK-AES128-CBC-SHA256", Psk),
    s(0xc038, "ECDHE-PSK-AES256-CBC-SHA384", Psk),
    s(0xccab, "PSK-CHACHA20-POLY1305", Psk),
    s(0xccac, "ECDHE-PSK-CHACHA20-POLY1305", Psk),
    s(0xc01d, "SRP-AES-128-CBC-SHA", Srp),
    s(0xc020, "SRP-AES-256-CBC-SHA", Srp),
    s(0xc01a, "SRP-3DES-EDE-CBC-SHA", Srp),
    s(0xc01c, "SRP-DSS-3DES-EDE-CBC-SHA", Srp),
    s(0xc01f, "SRP-DSS-AES-128-CBC-SHA", Srp),
    s(0xc022, "SRP-DSS-AES-256-CBC-SHA", Srp),
    // Anonymous.
    s(0x00a6, "ADH-AES128-GCM-SHA256", Anonymous),
    s(0x00a7, "ADH-AES256-GCM-SHA384", Anonymous),
    s(0x0034, "ADH-AES128-SHA", Anonymous),
    s(0x003a, "ADH-AES256-SHA", Anonymous),
    s(0x006c, "ADH-AES128-SHA256", Anonymous),
    s(0x006d, "ADH-AES256-SHA256", Anonymous),
    s(0xc018, "AECDH-AES128-SHA", Anonymous),
    s(0xc019, "AECDH-AES256-SHA", Anonymous),
    s(0x0046, "ADH-CAMELLIA128-SHA", Anonymous),
    s(0x0089, "ADH-CAMELLIA256-SHA", Anonymous),
    s(0x009b, "ADH-SEED-SHA", Anonymous),
    s(0xc016, "AECDH-RC4-SHA", Anonymous),
    s(0x0018, "ADH-RC4-MD5", Anonymous),
    s(0xc017, "AECDH-DES-CBC3-SHA", Anonymous),
    s(0x001b, "ADH-DES-CBC3-SHA", Anonymous),
    s(0x001a, "ADH-DES-CBC-SHA", Anonymous),
    s(0xc015, "AECDH-NULL-SHA", Anonymous),
    s(0x0017, "EXP-ADH-RC4-MD5", Anonymous),
    s(0x0019, "EXP-ADH-DES-CBC-SHA", Anonymous),
    // TLS 1.3, for their names.
    s(0x1301, "TLS_AES_128_GCM_SHA256", Tls13),
    s(0x1302, "TLS_AES_256_GCM_SHA384", Tls13),
    s(0x1303, "TLS_CHACHA20_POLY1305_SHA256", Tls13),
    s(0x1304, "TLS_AES_128_CCM_SHA256", Tls13),
    s(0x1305, "TLS_AES_128_CCM_8_SHA256", Tls13),
];

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, 3.3), for hellos without extensions.
pub const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// TLS_FALLBACK_SCSV (RFC 7507): this hello is below what the client can.
pub const FALLBACK_SCSV: u16 = 0x5600;

/// The suite with this number.
pub fn find(number: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|s| s.number == number)
}

/// The OpenSSL name of a suite, or `0xNNNN`.
pub fn name(number: u16) -> std::borrow::Cow<'static, str> {
    find(number).map_or_else(|| format!("0x{number:04X}").into(), |s| s.name.into())
}

/// Which suites a hello offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// Everything with a certificate, export excepted: the first hello.
    Certificates,
    /// Export, pre-shared and anonymous suites: the hello after a failure.
    LastResort,
    /// What needs an RSA key: the second hello where another kind came first.
    RsaOnly,
    /// What needs a certificate with another key than RSA: the second hello where RSA came first.
    NotRsa,
    /// What needs a key on an elliptic curve.
    EcdsaOnly,
    /// A dozen common suites, for servers that choke on a long hello.
    Short,
    /// The short list and then the last resort: the last hello to a server that only ever closes.
    Anything,
    /// What a handshake can be finished with here.
    Finishable,
    /// As the first hello, and the mark of a fallback behind it.
    Fallback,
    /// What works on blocks in CBC mode.
    Cbc,
    /// RSA key exchange with a short key.
    RsaExport,
    /// Ephemeral Diffie-Hellman over a short prime.
    DheExport,
    /// Ephemeral Diffie-Hellman, not on curves.
    Dhe,
    /// RSA key exchange.
    RsaExchange,
    /// Suites whose keys an early ChangeCipherSpec makes known (`empty_secret`).
    EmptySecret,
}

impl Offer {
    /// The numbers to offer with TLS 1.2, in order.
    pub fn suites(self) -> &'static [u16] {
        &self.lists().tls12
    }

    /// The numbers to offer with TLS 1.0 and 1.1: without what needs TLS 1.2.
    pub fn suites_before_tls12(self) -> &'static [u16] {
        &self.lists().tls10
    }

    /// The numbers to offer with SSL 3.0: without curves, and with the signalling suite of RFC 5746.
    pub fn suites_ssl3(self) -> &'static [u16] {
        &self.lists().ssl3
    }

    /// The offer that finds another key than the one of this kind.
    pub const fn for_other_key(first: Auth) -> Self {
        match first {
            Rsa => Self::NotRsa,
            _ => Self::RsaOnly,
        }
    }

    fn holds(self, suite: &Suite) -> bool {
        let first = suite.is_offered_first();
        match self {
            Self::Certificates | Self::Fallback => first,
            Self::Cbc => first && suite.is_cbc(),
            Self::RsaExport => suite.is_export() && suite.is_rsa_exchange(),
            Self::DheExport => suite.is_export() && suite.auth.has_certificate() && suite.is_dhe(),
            Self::Dhe => first && suite.is_dhe(),
            Self::RsaExchange => first && suite.is_rsa_exchange(),
            Self::EmptySecret => super::empty_secret::SUITES.contains(&suite.number),
            Self::LastResort => !first && !matches!(suite.auth, Srp | Tls13),
            Self::RsaOnly => first && suite.auth == Rsa,
            Self::NotRsa => first && suite.auth != Rsa,
            Self::EcdsaOnly => first && suite.auth == Ecdsa,
            Self::Short => SHORT.contains(&suite.number),
            Self::Anything => Self::Short.holds(suite) || Self::LastResort.holds(suite),
            Self::Finishable => secure::suite::find(suite.number).is_some(),
        }
    }

    /// Every offer.
    const ALL: [Self; 15] = [
        Self::Certificates,
        Self::LastResort,
        Self::RsaOnly,
        Self::NotRsa,
        Self::EcdsaOnly,
        Self::Short,
        Self::Anything,
        Self::Finishable,
        Self::Fallback,
        Self::Cbc,
        Self::RsaExport,
        Self::DheExport,
        Self::Dhe,
        Self::RsaExchange,
        Self::EmptySecret,
    ];

    fn lists(self) -> &'static Lists {
        static LISTS: LazyLock<[Lists; 15]> = LazyLock::new(|| Offer::ALL.map(Lists::of));
        static NONE: Lists = Lists { tls12: Vec::new(), tls10: Vec::new(), ssl3: Vec::new() };
        let place = Self::ALL.iter().position(|offer| *offer == self);
        place.and_then(|n| LISTS.get(n)).unwrap_or(&NONE)
    }
}

/// RSA and ECDSA, old and new.
const SHORT: &[u16] = &[
    0x009c, 0x009d, 0x002f, 0x0035, 0xc02f, 0xc030, 0xc013, 0xc014, 0xc02b, 0xc009, 0xc00a, 0x0033, 0x0039,
    0x0005, 0x000a,
];

struct Lists {
    tls12: Vec<u16>,
    tls10: Vec<u16>,
    ssl3: Vec<u16>,
}

impl Lists {
    fn of(offer: Offer) -> Self {
        let numbers = |wanted: &dyn Fn(&Suite) -> bool| {
            SUITES.iter().filter(|s| offer.holds(s) && wanted(s)).map(|s| s.number).collect::<Vec<_>>()
        };
        let mut ssl3 = numbers(&|s| !s.needs_tls12() && !s.needs_curves());
        ssl3.push(RENEGOTIATION_SCSV);
        let mut lists = Self { tls12: numbers(&|_| true), tls10: numbers(&|s| !s.needs_tls12()), ssl3 };
        if offer == Offer::Fallback {
            for list in [&mut lists.tls12, &mut lists.tls10, &mut lists.ssl3] {
                list.push(FALLBACK_SCSV);
            }
        }
        lists
    }
}

#[cfg(test)]
mod tests;
