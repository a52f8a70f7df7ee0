//! A new key and certificate, said for the TLS server at hand: how the key is made, where it goes, how it is read
//! again, and how one sees which key is served. Words only.

use std::collections::BTreeSet;

use super::{
    fleet::Fleet,
    words::{shell, tick},
};
use crate::model::{ids::RowId, service::Service, wrap::Wrap};

/// How many endpoints a step shows the check for.
const CHECKED: usize = 3;

/// Making the key and asking for the certificate.
pub(super) fn new_key() -> Vec<String> {
    [
        "Make a new key on a host that no longer leaks; never reuse the old one: `umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new.key`, or `-algorithm RSA -pkeyopt rsa_keygen_bits:3072` where old clients need RSA.",
        "Ask for a certificate with it: `openssl req -new -key new.key -subj /CN=NAME -addext subjectAltName=DNS:NAME -out new.csr`, with every name of the old certificate. Check that the reissue takes this request: many CAs offer the old key again. What came back carries the new key when `openssl x509 -in new.pem -pubkey -noout | sha256sum` and `openssl pkey -in new.key -pubout | sha256sum` print the same.",
        "Where an ACME client renews by itself: certbot makes a new key at every renewal unless `reuse_key = True` stands in `/etc/letsencrypt/renewal/NAME.conf`, so `sudo certbot renew --cert-name NAME --force-renewal --new-key`. acme.sh keeps the key at a renewal: issue again with the options of the first time and `--force --always-force-new-domain-key`.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Where it goes and how it is read again, once for each type of the services.
pub(super) fn install(fleet: &Fleet<'_>, rows: &[RowId]) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut steps = Vec::new();
    let kinds = rows.iter().filter_map(|row| fleet.service(row)).map(|s| fleet.kind(s));
    for kind in kinds.filter(|k| told.insert(&k.name)) {
        let test = kind.test.as_ref().filter(|test| kind.reload.as_ref().is_none_or(|r| !r.contains(*test)));
        let parts: Vec<String> = [
            kind.place.as_ref().map(|p| format!("key and certificate are named by {p}")),
            test.map(|t| format!("check the configuration: `{t}`")),
            kind.reload.as_ref().map(|r| format!("make it read them: `{r}`")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !parts.is_empty() {
            steps.push(format!("{}: {}.", kind.title, parts.join("; ")));
        }
    }
    steps
}

/// How one sees which key is served, for the first few services.
pub(super) fn check(fleet: &Fleet<'_>, rows: &[RowId], old: &str) -> Option<String> {
    let services: Vec<&Service> = rows.iter().filter_map(|row| fleet.service(row)).collect();
    let mut each: Vec<String> = services.iter().take(CHECKED).map(|s| format!("`{}`", look(s))).collect();
    let more = services.len().saturating_sub(CHECKED);
    if more > 0 {
        each.push(format!("and so for the {more} others"));
    }
    let old = if old.is_empty() {
        String::from("the digest of the old key")
    } else {
        format!("a digest that begins with {}", tick(old))
    };
    (!each.is_empty()).then(|| {
        format!("See which key is served, at every address; {old} means the old one: {}.", each.join(", "))
    })
}

/// The command that prints the SHA-256 of the key that an endpoint serves.
pub(super) fn look(service: &Service) -> String {
    let name = service.display_name();
    let connect = if name.contains(':') {
        format!("[{name}]:{}", service.port)
    } else {
        format!("{name}:{}", service.port)
    };
    let Some(dialect) = dialect(service.wrap) else {
        return format!("allclear probe {}", quoted(&service.display_port()));
    };
    let sni = service.sni.as_deref().map_or_else(
        || {
            if name.parse::<std::net::IpAddr>().is_ok() {
                String::new()
            } else {
                format!(" -servername {}", quoted(&name))
            }
        },
        |sni| format!(" -servername {}", quoted(sni)),
    );
    format!(
        "openssl s_client -connect {}{sni}{dialect} </dev/null 2>/dev/null | openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum",
        quoted(&connect)
    )
}

/// A word of a command that stands between backticks.
fn quoted(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "._:-[]".contains(c);
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { shell(text).replace('`', "'") }
}

/// What `openssl s_client` needs for a wrap; nothing where it does not speak it.
const fn dialect(wrap: Wrap) -> Option<&'static str> {
    Some(match wrap {
        Wrap::Tls => "",
        Wrap::Dtls => " -dtls",
        Wrap::Smtp => " -starttls smtp",
        Wrap::Lmtp => " -starttls lmtp",
        Wrap::Pop3 => " -starttls pop3",
        Wrap::Imap => " -starttls imap",
        Wrap::Ftp => " -starttls ftp",
        Wrap::Ldap => " -starttls ldap",
        Wrap::Nntp => " -starttls nntp",
        Wrap::Sieve => " -starttls sieve",
        Wrap::XmppClient => " -starttls xmpp",
        Wrap::XmppServer => " -starttls xmpp-server",
        Wrap::Postgres => " -starttls postgres",
        Wrap::Mysql => " -starttls mysql",
        Wrap::Irc => " -starttls irc",
        Wrap::Plain | Wrap::Mssql | Wrap::Rdp | Wrap::Telnet | Wrap::Vnc | Wrap::Stun | Wrap::Turn => {
            return None;
        }
    })
}
