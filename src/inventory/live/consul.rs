//! Asks Consul: `/v1/catalog/services`, then `/v1/catalog/service/NAME` for each. The answers are joined, one record
//! on a line; what they mean is the format's (`format/consul`).

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::{
    Access, Live,
    web::{Web, bad_status},
};
use crate::http::{Method, Response};

/// Services that are asked about at once.
const AT_ONCE: usize = 8;

/// Every service of the catalogue, as a text of the format `consul`.
pub(super) async fn fetch(live: &Live, access: &Access) -> Result<Vec<u8>, String> {
    if live.user.is_some() {
        return Err("Consul knows no user here: leave it out, and set CONSUL_HTTP_TOKEN".to_owned());
    }
    let datacenter = live.path.trim_matches('/');
    if datacenter.contains('/') {
        return Err("expected consul://HOST:PORT, or consul://HOST:PORT/DATACENTER".to_owned());
    }
    let query = if datacenter.is_empty() { String::new() } else { format!("?dc={}", encoded(datacenter)) };
    let asker =
        Arc::new(Asker { web: Web::new(live, access, AT_ONCE).await?, token: access.token.clone(), query });
    let body = asker.ask("/v1/catalog/services").await?;
    let names: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&body).map_err(|_| not_consul("/v1/catalog/services"))?;
    let names: Vec<String> = names.into_keys().collect();
    let mut text = b"[".to_vec();
    let mut records = 0_u64;
    for some in names.chunks(AT_ONCE) {
        for body in bodies(&asker, some).await? {
            let entries: Vec<&RawValue> =
                serde_json::from_slice(&body).map_err(|_| not_consul("/v1/catalog/service"))?;
            for entry in entries {
                text.extend_from_slice(if records == 0 { b"" } else { b"\n," });
                text.extend(entry.get().bytes().filter(|b| !matches!(b, b'\n' | b'\r')));
                records += 1;
            }
        }
    }
    if records == 0 {
        let token =
            if access.token.is_some() { "the token may read none" } else { "CONSUL_HTTP_TOKEN is needed" };
        return Err(format!("it shows no service: none is registered, or {token}"));
    }
    text.extend_from_slice(b"]\n");
    Ok(text)
}

fn not_consul(path: &str) -> String {
    format!("its answer is not what Consul gives to {path}; is it Consul?")
}

/// The answers for some services, in their order.
async fn bodies(shared: &Arc<Asker>, names: &[String]) -> Result<Vec<Vec<u8>>, String> {
    let mut running = JoinSet::new();
    for (number, service) in names.iter().enumerate() {
        let (asker, path) = (Arc::clone(shared), format!("/v1/catalog/service/{}", encoded(service)));
        running.spawn(async move { (number, asker.ask(&path).await) });
    }
    let mut bodies = BTreeMap::new();
    // An error drops the set, which ends the others.
    while let Some(joined) = running.join_next().await {
        let (number, body) = joined.map_err(|_| "asking it broke off".to_owned())?;
        bodies.insert(number, body?);
    }
    Ok(bodies.into_values().collect())
}

struct Asker {
    web: Web,
    token: Option<String>,
    /// `?dc=...`, or nothing.
    query: String,
}

impl Asker {
    async fn ask(&self, path: &str) -> Result<Vec<u8>, String> {
        let headers: Vec<_> = self.token.iter().map(|token| ("x-consul-token", token.as_str())).collect();
        let answer = self.web.ask(Method::Get, &format!("{path}{}", self.query), &headers, b"").await?;
        good(answer, self.token.is_some())
    }
}

/// The body of a good answer.
fn good(answer: Response, with_token: bool) -> Result<Vec<u8>, String> {
    match answer.status {
        200 => Ok(answer.body),
        401 | 403 if with_token => {
            Err("Consul refuses the token: it needs the right to read services and nodes".to_owned())
        }
        401 | 403 => Err("Consul asks for a token: set CONSUL_HTTP_TOKEN".to_owned()),
        status => Err(bad_status(status)),
    }
}

/// Percent-encoded (RFC 3986 section 2): everything but unreserved characters.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}"); // writing to a String cannot fail
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_whole() {
        assert_eq!(encoded("web-1.a_b~"), "web-1.a_b~");
        assert_eq!(encoded("a/b?c=d é\r\n"), "a%2Fb%3Fc%3Dd%20%C3%A9%0D%0A");
        assert_eq!(encoded(".."), "..");
    }
}
