//! Asks etcd 3.4 and later through its JSON gateway: `POST /v3/kv/range`, page by page at one revision.
//!
//! What keys and values mean is the format's (`format/etcd`); here they are only joined, one record on a line.

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    Access, Live,
    web::{Web, bad_status},
};
use crate::{
    http::{Method, Response},
    inventory::host::quoted,
};

/// Keys in one page.
const PAGE: u32 = 1000;

/// Everything below the prefix, as a text of the format `etcd`.
pub(super) async fn fetch(live: &Live, access: &Access) -> Result<Vec<u8>, String> {
    let web = Web::new(live, access, 1).await?;
    let token = token(&web, live, access).await?;
    let prefix = if live.path == "/" { "" } else { live.path.as_str() };
    for _ in 0..2 {
        match pages(&web, token.as_deref(), prefix.as_bytes()).await {
            Ok(text) => return Ok(text),
            // The revision went away between two pages: once more, at a newer one.
            Err(Refusal { code: Some(11), .. }) => {}
            Err(refusal) => return Err(refusal.told(live, access)),
        }
    }
    Err("its history was compacted twice while it was read; ask again".to_owned())
}

/// Why there is no answer: etcd's own code and words, or ours alone.
struct Refusal {
    code: Option<u64>,
    message: String,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { code: None, message }
    }
}

impl Refusal {
    /// In our own words with what to do, where we know it.
    fn told(self, live: &Live, access: &Access) -> String {
        let says = |what: &str| self.message.contains(what);
        let user = live.user.as_ref().or(access.user.as_ref());
        match (self.code, user) {
            (None, _) => self.message,
            (Some(_), None) if says("user name is empty") => {
                "etcd asks for a user: set ETCDCTL_USER and ETCDCTL_PASSWORD".to_owned()
            }
            (Some(_), Some(_)) if says("authentication failed") => {
                "etcd does not know this user with this password: check ETCDCTL_USER and ETCDCTL_PASSWORD"
                    .to_owned()
            }
            (Some(7), Some(user)) => {
                format!("the user {} may not read this prefix: grant its role that right", quoted(user))
            }
            (Some(7), None) => "etcd lets nobody read this prefix without a user: set ETCDCTL_USER and \
                                ETCDCTL_PASSWORD"
                .to_owned(),
            (Some(14), _) => {
                "etcd cannot answer now (no leader, or too many requests); ask again later".to_owned()
            }
            (Some(code), _) => format!("etcd refuses with code {code}: {}", quoted(&self.message)),
        }
    }
}

#[derive(Deserialize)]
struct Failure {
    code: u64,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// The body of a good answer.
fn good(answer: Response) -> Result<Vec<u8>, Refusal> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    match serde_json::from_slice::<Failure>(&answer.body) {
        Ok(failure) => {
            let message = failure.message.or(failure.error).unwrap_or_default();
            Err(Refusal { code: Some(failure.code), message })
        }
        Err(_) => Err(bad_status(answer.status).into()),
    }
}

/// What stands for the user in every further request; none where there is no user, or etcd wants none.
async fn token(web: &Web, live: &Live, access: &Access) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct Answer {
        token: String,
    }
    let Some(user) = live.user.as_ref().or(access.user.as_ref()) else {
        return Ok(None);
    };
    let Some(password) = &access.password else {
        return Err(format!("the user {} needs a password: set ETCDCTL_PASSWORD", quoted(user)));
    };
    let body = json!({ "name": user, "password": password }).to_string();
    let answer = web.ask(Method::Post, "/v3/auth/authenticate", JSON, body.as_bytes()).await?;
    match good(answer) {
        Ok(body) => match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) if answer.token.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(answer.token)),
            _ => Err("its answer to user and password makes no sense; is it etcd?".to_owned()),
        },
        Err(refusal) if refusal.message.contains("authentication is not enabled") => Ok(None),
        Err(refusal) => Err(refusal.told(live, access)),
    }
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// One answer of `range`, as far as it is needed for the next page.
#[derive(Deserialize)]
struct Page<'t> {
    #[serde(borrow, default)]
    header: Option<Header<'t>>,
    #[serde(borrow, default)]
    kvs: Vec<&'t RawValue>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct Header<'t> {
    #[serde(borrow)]
    revision: Option<&'t RawValue>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

async fn pages(web: &Web, token: Option<&str>, prefix: &[u8]) -> Result<Vec<u8>, Refusal> {
    let end = BASE64.encode(&range_end(prefix));
    let mut from = if prefix.is_empty() { vec![0] } else { prefix.to_vec() };
    let mut revision: Option<String> = None;
    let mut text = b"{\"kvs\":[".to_vec();
    let mut keys = 0_u64;
    let mut headers = JSON.to_vec();
    headers.extend(token.map(|token| ("authorization", token)));
    loop {
        let mut body = json!({ "key": BASE64.encode(&from), "range_end": &end, "limit": PAGE });
        if let (Some(revision), Some(body)) = (&revision, body.as_object_mut()) {
            body.insert("revision".to_owned(), revision.clone().into());
        }
        let answer = web.ask(Method::Post, "/v3/kv/range", &headers, body.to_string().as_bytes()).await?;
        let body = good(answer)?;
        let page: Page<'_> = serde_json::from_slice(&body).map_err(|_| {
            "its answer is not what etcd gives to /v3/kv/range; is it etcd 3.4 or later?".to_owned()
        })?;
        if revision.is_none() {
            revision = Some(revision_of(&page)?);
        }
        for kv in &page.kvs {
            text.extend_from_slice(if keys == 0 { b"" } else { b"\n," });
            text.extend(kv.get().bytes().filter(|b| !matches!(b, b'\n' | b'\r')));
            keys += 1;
        }
        if !page.more {
            break;
        }
        from = behind(page.kvs.last(), &from)?;
    }
    if keys == 0 {
        let what = String::from_utf8_lossy(prefix).into_owned();
        let what = if prefix.is_empty() {
            "it holds no key".to_owned()
        } else {
            format!("no key begins with {}", quoted(&what))
        };
        return Err(what.into());
    }
    text.extend_from_slice(b"]}\n");
    Ok(text)
}

/// The revision at which every page is read: they are of one moment.
fn revision_of(page: &Page<'_>) -> Result<String, String> {
    let raw = page.header.as_ref().and_then(|header| header.revision).map(RawValue::get);
    let digits = raw.map(|raw| raw.trim_matches('"').to_owned());
    digits
        .filter(|digits| (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| "its answer has no revision; is it etcd 3.4 or later?".to_owned())
}

/// The key behind the last one of a page, which must lie behind where the page began.
fn behind(last: Option<&&RawValue>, from: &[u8]) -> Result<Vec<u8>, String> {
    let last = last.and_then(|kv| serde_json::from_str::<Key>(kv.get()).ok());
    let last = last.and_then(|kv| BASE64.decode(kv.key.as_bytes()).ok());
    let mut next = last.filter(|key| key.as_slice() >= from).ok_or("its pages do not go on; is it etcd?")?;
    next.push(0);
    Ok(next)
}

/// The first key that does not begin with the prefix (etcd's API: `range_end`); a zero byte: there is none.
fn range_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_key_behind_it() {
        let table: &[(&[u8], &[u8])] =
            &[(b"/services", b"/servicet"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"", b"\0")];
        for (prefix, end) in table {
            assert_eq!(range_end(prefix), *end, "{prefix:?}");
        }
    }

    #[test]
    fn a_page_that_does_not_go_on_ends_the_reading() {
        let kv = |key: &str| {
            RawValue::from_string(format!("{{\"key\":\"{}\"}}", BASE64.encode(key.as_bytes()))).unwrap()
        };
        assert_eq!(behind(Some(&&*kv("/b")), b"/a"), Ok(b"/b\0".to_vec()));
        assert!(behind(Some(&&*kv("/a")), b"/b").is_err());
        assert!(behind(None, b"/b").is_err());
    }
}
