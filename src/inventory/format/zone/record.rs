//! The records that say where a service is. Every other type is known by name, to be counted.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::{
    lexer::{Fault, Word},
    name::{Name, absolute, unescaped},
};
use crate::inventory::host::quoted;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Address(IpAddr),
    Alias(Name),
    Mail(Name),
    Service {
        port: u16,
        target: Name,
    },
    Tlsa {
        usage: u8,
        selector: u8,
        matching: u8,
    },
    /// Who may issue certificates; None: it says something else, and ends the search upwards all the same.
    Issuer(Option<String>),
    Binding(Binding),
    Pointer(Name),
}

/// An HTTPS or SVCB record (RFC 9460).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) https: bool,
    /// Priority 0: the owner is another name of the target.
    pub(super) alias: bool,
    pub(super) target: Name,
    pub(super) port: Option<u16>,
    pub(super) alpn: Vec<String>,
    pub(super) no_default_alpn: bool,
}

/// A record with its place.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) owner: Name,
    pub(super) data: Data,
    pub(super) file: Arc<str>,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The types whose records are read.
const READ: &[&str] = &["A", "AAAA", "CNAME", "MX", "SRV", "TLSA", "CAA", "HTTPS", "SVCB", "PTR"];

/// The other types that have names (IANA, DNS parameters).
const COUNTED: &[&str] = &[
    "SOA",
    "NS",
    "TXT",
    "SPF",
    "HINFO",
    "RP",
    "AFSDB",
    "LOC",
    "NAPTR",
    "KX",
    "CERT",
    "DNAME",
    "APL",
    "DS",
    "SSHFP",
    "IPSECKEY",
    "RRSIG",
    "NSEC",
    "DNSKEY",
    "DHCID",
    "NSEC3",
    "NSEC3PARAM",
    "SMIMEA",
    "HIP",
    "CDS",
    "CDNSKEY",
    "OPENPGPKEY",
    "CSYNC",
    "ZONEMD",
    "URI",
    "EUI48",
    "EUI64",
    "DLV",
    "NID",
    "L32",
    "L64",
    "LP",
    "WKS",
    "X25",
    "ISDN",
    "RT",
    "NSAP",
    "SIG",
    "KEY",
    "PX",
    "GPOS",
    "MB",
    "MG",
    "MR",
    "MINFO",
    "NULL",
    "AVC",
    "DOA",
    "AMTRELAY",
    "RESINFO",
    "WALLET",
    "TA",
];

/// The type of a record, by its mnemonic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read(&'static str),
    Counted(String),
}

/// The type that a word names. None: no type is written like this.
pub(super) fn kind(word: &Word<'_>) -> Option<Kind> {
    if let Some(read) = READ.iter().find(|name| word.is(name)) {
        return Some(Kind::Read(read));
    }
    let text = std::str::from_utf8(word.raw).ok()?.to_ascii_uppercase();
    let like_a_type = text.len() <= 12
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    like_a_type.then_some(Kind::Counted(text))
}

/// Whether a word is a type that has a name, for telling a zone from other texts.
pub(super) fn is_known_type(word: &[u8]) -> bool {
    READ.iter().chain(COUNTED).any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether a word is a TTL: a number, or numbers with units (`1h30m`).
pub(super) fn is_ttl(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit)
        && word.iter().all(|b| b.is_ascii_digit() || b"wdhms".contains(&b.to_ascii_lowercase()))
}

/// Whether a word is a class, and whether that is the Internet's.
pub(super) fn class(word: &[u8]) -> Option<bool> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let numbered = word.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case(b"CLASS"))
        && word.len() > 5
        && word.iter().skip(5).all(u8::is_ascii_digit);
    match () {
        () if is("IN") || is("CLASS1") => Some(true),
        () if is("CH") || is("CHAOS") || is("HS") || is("HESIOD") || is("CS") || numbered => Some(false),
        () => None,
    }
}

/// Reads what stands behind the type. `end` is where the record's line begins, for faults about what is missing.
pub(super) fn data(
    kind: &'static str,
    words: &[Word<'_>],
    origin: Option<&Name>,
    end: &Word<'_>,
) -> Result<Data, Fault> {
    let mut rest = Rdata { kind, words, origin, end };
    let data = match kind {
        "A" => Data::Address(rest.parsed::<Ipv4Addr>("an IPv4 address")?.into()),
        "AAAA" => Data::Address(rest.parsed::<Ipv6Addr>("an IPv6 address")?.into()),
        "CNAME" => Data::Alias(rest.name()?),
        "PTR" => Data::Pointer(rest.name()?),
        "MX" => {
            rest.parsed::<u16>("a preference from 0 to 65535")?;
            Data::Mail(rest.name()?)
        }
        "SRV" => {
            rest.parsed::<u16>("a priority from 0 to 65535")?;
            rest.parsed::<u16>("a weight from 0 to 65535")?;
            Data::Service { port: rest.parsed("a port from 0 to 65535")?, target: rest.name()? }
        }
        "TLSA" => rest.tlsa()?,
        "CAA" => rest.issuer()?,
        _ => Data::Binding(rest.binding(kind == "HTTPS")?),
    };
    match rest.words.first() {
        Some(extra) => Err(Fault::at(
            extra,
            format!("{} stands behind the end of this {kind} record", quoted(&extra.text())),
        )),
        None => Ok(data),
    }
}

/// The rest of a record.
struct Rdata<'w, 't> {
    kind: &'static str,
    words: &'w [Word<'t>],
    origin: Option<&'w Name>,
    end: &'w Word<'t>,
}

impl<'w, 't> Rdata<'w, 't> {
    fn word(&mut self, what: &str) -> Result<&'w Word<'t>, Fault> {
        let (first, rest) = self
            .words
            .split_first()
            .ok_or_else(|| Fault::at(self.end, format!("this {} record lacks {what}", self.kind)))?;
        self.words = rest;
        Ok(first)
    }

    fn parsed<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Fault> {
        let kind = self.kind;
        let word = self.word(what)?;
        let bad = || Fault::at(word, format!("{} in this {kind} record is not {what}", quoted(&word.text())));
        let text = std::str::from_utf8(word.raw).map_err(|_| bad())?;
        if text.starts_with('+') {
            return Err(bad());
        }
        text.parse().map_err(|_| bad())
    }

    fn name(&mut self) -> Result<Name, Fault> {
        let word = self.word("a name")?;
        absolute(word.raw, self.origin).map_err(|why| Fault::at(word, why))
    }

    fn tlsa(&mut self) -> Result<Data, Fault> {
        let usage = self.parsed("a certificate usage from 0 to 255 (RFC 6698)")?;
        let selector = self.parsed("a selector from 0 to 255 (RFC 6698)")?;
        let matching = self.parsed("a matching type from 0 to 255 (RFC 6698)")?;
        // The digest may be split anywhere.
        let mut digits = 0;
        for word in std::mem::take(&mut self.words) {
            if !word.raw.iter().all(u8::is_ascii_hexdigit) {
                return Err(Fault::at(
                    word,
                    format!("{} in this TLSA record is not hexadecimal", quoted(&word.text())),
                ));
            }
            digits += word.raw.len();
        }
        if digits % 2 == 1 || digits == 0 {
            return Err(Fault::at(
                self.end,
                format!("this TLSA record has {digits} hexadecimal digits; expected pairs"),
            ));
        }
        Ok(Data::Tlsa { usage, selector, matching })
    }

    fn issuer(&mut self) -> Result<Data, Fault> {
        self.parsed::<u8>("flags from 0 to 255 (RFC 8659)")?;
        let tag = self.word("a tag such as issue")?;
        let value = self.word("a value")?;
        if !tag.is("issue") {
            return Ok(Data::Issuer(None));
        }
        let value = unescaped(value.raw);
        let issuer = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        Ok(Data::Issuer(Some(String::from_utf8_lossy(issuer).to_ascii_lowercase())))
    }

    fn binding(&mut self, https: bool) -> Result<Binding, Fault> {
        let alias = self.parsed::<u16>("a priority from 0 to 65535")? == 0;
        let target = self.name()?;
        let mut binding =
            Binding { https, alias, target, port: None, alpn: Vec::new(), no_default_alpn: false };
        for word in std::mem::take(&mut self.words) {
            let (key, value) = match word.raw.iter().position(|&b| b == b'=') {
                Some(at) => {
                    (word.raw.get(..at).unwrap_or_default(), word.raw.get(at + 1..).unwrap_or_default())
                }
                None => (word.raw, &b""[..]),
            };
            let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
            let value = unescaped(value);
            match key.to_ascii_lowercase().as_slice() {
                b"port" => binding.port = Some(port(&value).ok_or_else(|| no_port(word))?),
                // The form of a key without a name (RFC 9460, 2.1): two bytes.
                b"key3" => {
                    let [high, low] = value.as_slice() else { return Err(no_port(word)) };
                    binding.port = Some(u16::from_be_bytes([*high, *low]));
                }
                b"alpn" => {
                    let ids = value.split(|&b| b == b',');
                    binding.alpn = ids.map(|id| String::from_utf8_lossy(id).into_owned()).collect();
                }
                b"no-default-alpn" => binding.no_default_alpn = true,
                _ => {}
            }
        }
        Ok(binding)
    }
}

fn port(value: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok().filter(|port| *port > 0)
}

fn no_port(word: &Word<'_>) -> Fault {
    Fault::at(word, format!("{} has no port from 1 to 65535", quoted(&word.text())))
}
