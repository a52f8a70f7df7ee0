//! What the DNS shows of keys: the key in a DKIM record (RFC 6376, 3.6.1) and the associations of a TLSA record
//! (RFC 6698). Asked of the system's resolver, or of one that the user names. Signatures of DNSSEC are not validated
//! here: whoever can forge an answer of that resolver can forge this one.
//!
//! A name without such a record shows nothing, which is an answer; a server that fails, refuses or is silent is none.

use std::{net::SocketAddr, time::Duration};

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};

use super::Seen;
use crate::model::ids::Sha256;

/// The most tags of a DKIM record.
const MAX_TAGS: usize = 64;

/// Asks a resolver.
pub struct Dns {
    resolver: Result<TokioResolver, String>,
    whole: Duration,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").field("whole", &self.whole).finish_non_exhaustive()
    }
}

impl Dns {
    /// A resolver at this address, or the system's; `step` is the limit of one try of two.
    pub fn new(at: Option<SocketAddr>, step: Duration) -> Self {
        Self { resolver: build(at, step), whole: step.saturating_mul(3) }
    }

    /// The keys of the DKIM records at `SELECTOR._domainkey.DOMAIN`: none where the selector was emptied or removed.
    pub async fn dkim(&self, name: &str) -> Seen {
        let records = match self.ask(name, RecordType::TXT).await {
            Ok(Answer::Records(records)) => records,
            Ok(Answer::None) => return Seen::these([], Some("no such record".to_owned())),
            Err(why) => return Seen::nothing(why),
        };
        let texts = records.iter().filter_map(|data| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        });
        keys(texts)
    }

    /// The associations at `_PORT._tcp.HOST`, each as `USAGE SELECTOR MATCHING HEX`.
    pub async fn tlsa(&self, name: &str) -> Seen {
        let records = match self.ask(name, RecordType::TLSA).await {
            Ok(Answer::Records(records)) => records,
            Ok(Answer::None) => return Seen::these([], Some("no such record".to_owned())),
            Err(why) => return Seen::nothing(why),
        };
        let all = records.iter().filter_map(|data| match data {
            RData::TLSA(found) => {
                let (usage, selector) = (u8::from(found.cert_usage), u8::from(found.selector));
                let hex = HEXLOWER.encode(&found.cert_data);
                Some(format!("{usage} {selector} {} {hex}", u8::from(found.matching)))
            }
            _ => None,
        });
        Seen::these(all, Some("DNSSEC was not validated".to_owned()))
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Answer, String> {
        let resolver = self.resolver.as_ref().map_err(Clone::clone)?;
        let mut name = Name::from_ascii(name).map_err(|_| "no name that can be asked for".to_owned())?;
        name.set_fqdn(true); // as it is written, without search domains
        let asked = tokio::time::timeout(self.whole, resolver.lookup(name, kind)).await;
        match asked {
            Ok(Ok(lookup)) => {
                let of_kind = lookup.answers().iter().filter(|r| r.record_type() == kind);
                let records: Vec<RData> = of_kind.map(|record| record.data.clone()).collect();
                if records.is_empty() {
                    Err("an answer without the record".to_owned())
                } else {
                    Ok(Answer::Records(records))
                }
            }
            Ok(Err(error)) => none(&error),
            Err(_elapsed) => Err("no name server answered in time".to_owned()),
        }
    }
}

/// What came of a question.
enum Answer {
    /// At least one record.
    Records(Vec<RData>),
    /// The name servers say that there is none.
    None,
}

fn build(at: Option<SocketAddr>, step: Duration) -> Result<TokioResolver, String> {
    let (config, mut options) = match at {
        Some(at) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = at.port();
                connection
            });
            let server = NameServerConfig::new(at.ip(), true, connections.into());
            (
                ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                hickory_resolver::config::ResolverOpts::default(),
            )
        }
        None => read_system_conf().map_err(|e| format!("no name server can be asked: {e}"))?,
    };
    if config.name_servers().is_empty() {
        return Err("no name server is configured".to_owned());
    }
    options.timeout = step;
    options.attempts = 1; // counted after the first
    options.use_hosts_file = ResolveHosts::Never;
    options.try_tcp_on_error = true;
    options.cache_size = 0; // an old answer would be taken for the present
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options).build().map_err(|e| e.to_string())
}

/// Whether an error says that there is no record. Without an SOA an empty answer may be a referral (RFC 2308, 2.2).
fn none(error: &NetError) -> Result<Answer, String> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Ok(Answer::None),
            ResponseCode::NoError if none.soa.is_some() => Ok(Answer::None),
            ResponseCode::NoError => Err("the name server knows nothing of the name".to_owned()),
            code => Err(format!("the name server answered {code}")),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Err(format!("the name server answered {code}")),
        NetError::Timeout => Err("no name server answered in time".to_owned()),
        _ => Err("the name could not be looked up".to_owned()),
    }
}

/// The keys in the texts of DKIM records. One that cannot be read leaves all of it unseen.
fn keys(texts: impl Iterator<Item = Vec<u8>>) -> Seen {
    let (mut keys, mut emptied) = (Vec::new(), false);
    for text in texts {
        match key_of(&text) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => emptied = true,
            Err(why) => return Seen::nothing(why),
        }
    }
    let told = (keys.is_empty() && emptied).then(|| "revoked: `p=` is empty".to_owned());
    Seen::these(keys, told)
}

/// The digest of the key in a DKIM record: of the octets of its `p=`, decoded. None where that is empty, which is how
/// a key is revoked.
fn key_of(text: &[u8]) -> Result<Option<String>, &'static str> {
    const NOT_DKIM: &str = "a record that is no DKIM key";
    let (mut seen, mut value) = (Vec::new(), None);
    let parts: Vec<&[u8]> = text.split(|b| *b == b';').collect();
    let (last, before) = parts.split_last().ok_or(NOT_DKIM)?;
    // A semicolon may stand at the end (RFC 6376, 3.2).
    let last = (!last.trim_ascii().is_empty()).then_some(last);
    for (number, part) in before.iter().chain(last).enumerate() {
        let at = part.iter().position(|b| *b == b'=').ok_or(NOT_DKIM)?;
        let (tag, rest) = part.split_at_checked(at).ok_or(NOT_DKIM)?;
        let (tag, content) = (tag.trim_ascii(), rest.get(1..).unwrap_or_default().trim_ascii());
        let good = tag.first().is_some_and(u8::is_ascii_alphabetic)
            && tag.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if !good || number >= MAX_TAGS || seen.contains(&tag) {
            return Err(NOT_DKIM);
        }
        seen.push(tag);
        match tag {
            b"v" if content != b"DKIM1" || number != 0 => return Err(NOT_DKIM),
            b"p" => value = Some(content),
            _ => {}
        }
    }
    let letters: Vec<u8> =
        value.ok_or(NOT_DKIM)?.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if letters.is_empty() {
        return Ok(None);
    }
    let decoded = BASE64.decode(&letters).or_else(|_| BASE64_NOPAD.decode(&letters));
    let decoded = decoded.map_err(|_| "a DKIM record whose key is no base64")?;
    Ok(Some(Sha256::of(&decoded).to_string()))
}

/// Any bytes as a DKIM record.
pub(super) fn fuzz(data: &[u8]) {
    if let Ok(Some(key)) = key_of(data) {
        assert!(key.starts_with("sha256:") && key.len() == 71);
    }
    let seen = keys(data.split(|b| *b == 0).map(<[u8]>::to_vec));
    assert!(seen.seen.is_some() || seen.detail.is_some());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_tag_lists() {
        let key = Sha256::of(b"key").to_string();
        let with = |text: &str| text.replace("KEY", &BASE64.encode(b"key"));
        let table: &[(&str, Result<Option<String>, ()>)] = &[
            ("v=DKIM1; k=rsa; p=KEY", Ok(Some(key.clone()))),
            ("p=KEY", Ok(Some(key.clone()))),
            ("v=DKIM1;p=KEY;", Ok(Some(key.clone()))),
            (" v = DKIM1 ;\tk = ed25519 ; p = a2 V5 ; t=y", Ok(Some(key.clone()))),
            ("v=DKIM1; p=", Ok(None)),
            ("v=DKIM1; p= ; n=gone", Ok(None)),
            ("v=DKIM1; k=rsa", Err(())),
            ("v=DKIM2; p=KEY", Err(())),
            ("p=KEY; v=DKIM1", Err(())),
            ("p=KEY; p=KEY", Err(())),
            ("v=spf1 -all", Err(())),
            ("v=DKIM1; p=!!!", Err(())),
            ("v=DKIM1;; p=KEY", Err(())),
            ("", Err(())),
            (";", Err(())),
            ("hello", Err(())),
        ];
        for (text, expected) in table {
            assert_eq!(key_of(with(text).as_bytes()).map_err(|_| ()), *expected, "{text:?}");
        }
    }

    #[test]
    fn an_unreadable_record_beside_a_key_hides_it_all() {
        let texts = ["v=DKIM1; p=a2V5", "v=spf1 -all"].map(|t| t.as_bytes().to_vec());
        assert_eq!(keys(texts.into_iter()).seen, None);
        let emptied = keys([b"v=DKIM1; p=".to_vec()].into_iter());
        assert_eq!((emptied.seen, emptied.detail.is_some()), (Some(vec![]), true));
    }
}
