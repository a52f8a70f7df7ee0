//! Configuration in tags with attributes: InspIRCd's, and Tomcat's server.xml.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use super::{At, Include, Kind, Mention, Unit, Visit};

/// Reads the configuration of InspIRCd and of Tomcat.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    for main in ["/etc/inspircd/inspircd.conf", "/usr/local/etc/inspircd/inspircd.conf"] {
        visit.walk(main, &mut inspircd);
    }
    for main in [
        "/etc/tomcat*/server.xml",
        "/opt/tomcat*/conf/server.xml",
        "/opt/apache-tomcat*/conf/server.xml",
        "/usr/share/tomcat*/conf/server.xml",
        "/var/lib/tomcat*/conf/server.xml",
        "/usr/local/tomcat*/conf/server.xml",
    ] {
        visit.walk(main, &mut tomcat);
    }
}

/// One tag. No `Debug`: an attribute may be a password.
pub(in super::super) struct Tag<'a> {
    pub(in super::super) line: usize,
    pub(in super::super) name: &'a str,
    pub(in super::super) attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

fn inspircd(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    const SERVICE: &str = "inspircd";
    let base = unit.main.parent().unwrap_or(Path::new("/"));
    let mut includes = Vec::new();
    for tag in tags(unit.text, true) {
        let at = unit.at(tag.line);
        match tag.name.to_ascii_lowercase().as_str() {
            "include" => {
                if tag.get("executable").is_some() {
                    visit.gap("include-executable", SERVICE, at);
                }
                let optional = tag.get("missingokay").is_some_and(|v| v.eq_ignore_ascii_case("yes"));
                let value = tag.get("file").or(tag.get("directory")).unwrap_or_default();
                let pattern = visit.path(SERVICE, value, base, at);
                includes.extend(pattern.map(|pattern| Include { pattern, optional, suffix: ".conf" }));
            }
            "sslprofile" | "openssl" | "gnutls" | "mbedtls" => {
                let certificate = tag.get("certfile").unwrap_or("cert.pem");
                let (key, kind) = tag.get("keyfile").map_or(("key.pem", Kind::Maybe), |key| (key, Kind::Key));
                pair(visit, SERVICE, (key, Some(certificate)), kind, base, at);
            }
            _ => {}
        }
    }
    includes
}

fn tomcat(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    const SERVICE: &str = "tomcat";
    let conf = unit.main.parent().unwrap_or(Path::new("/"));
    // Debian keeps conf elsewhere and links to it from below the base.
    let base = match conf.strip_prefix("/etc") {
        Ok(name) => Path::new("/var/lib").join(name),
        Err(_) => conf.parent().unwrap_or(Path::new("/")).to_path_buf(),
    };
    for tag in tags(unit.text, false) {
        let at = unit.at(tag.line);
        for store in ["keystoreFile", "certificateKeystoreFile"] {
            if let Some(value) = tag.get(store) {
                pair(visit, SERVICE, (&catalina(value, &base), None), Kind::Key, &base, at);
            }
        }
        for (key, certificate) in
            [("certificateKeyFile", "certificateFile"), ("SSLCertificateKeyFile", "SSLCertificateFile")]
        {
            if let Some(value) = tag.get(key) {
                let certificate = tag.get(certificate).map(|c| catalina(c, &base));
                pair(visit, SERVICE, (&catalina(value, &base), certificate.as_deref()), Kind::Key, &base, at);
            }
        }
    }
    Vec::new()
}

fn catalina<'v>(value: &'v str, base: &Path) -> Cow<'v, str> {
    for name in ["${catalina.base}", "${catalina.home}"] {
        if let Some(rest) = value.strip_prefix(name) {
            return format!("{}{rest}", base.display()).into();
        }
    }
    value.into()
}

fn pair(
    visit: &mut Visit<'_>,
    service: &str,
    (key, certificate): (&str, Option<&str>),
    kind: Kind,
    base: &Path,
    at: At<'_>,
) {
    // `&name;` is replaced by something that another tag defines.
    if key.contains('&') {
        visit.gap("variable-path", service, at);
        return;
    }
    let Some(path) = visit.path(service, key, base, at) else { return };
    let certificate: Option<PathBuf> = certificate.and_then(|c| visit.path(service, c, base, at));
    let at = Some(at.to_string());
    visit.mention(Mention { path, kind, service: service.to_owned(), client: false, at, certificate });
}

/// All tags outside comments. `hashes`: a line that begins with `#` is a comment.
pub(in super::super) fn tags(text: &str, hashes: bool) -> Vec<Tag<'_>> {
    let mut out = Vec::new();
    let mut line: usize = 1;
    let mut rest = text;
    loop {
        let at = rest.find(if hashes { &['<', '#'][..] } else { &['<'][..] });
        let Some((before, after)) = at.and_then(|at| rest.split_at_checked(at)) else { return out };
        line = line.saturating_add(newlines(before));
        let length = if after.starts_with('#') {
            after.find('\n').unwrap_or(after.len())
        } else if after.starts_with("<!--") {
            after.find("-->").map_or(after.len(), |end| end.saturating_add(3))
        } else {
            let (tag, length) = tag(after, line, hashes);
            out.push(tag);
            length
        };
        let Some((taken, left)) = after.split_at_checked(length) else { return out };
        line = line.saturating_add(newlines(taken));
        rest = left;
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

/// The tag that a text begins with, and how long it is.
fn tag(text: &str, line: usize, hashes: bool) -> (Tag<'_>, usize) {
    let inside = text.get(1..).unwrap_or_default();
    let end =
        inside.find(|c: char| c.is_whitespace() || matches!(c, '>' | '=' | '<')).unwrap_or(inside.len());
    let (name, mut rest) = inside.split_at_checked(end).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if hashes && rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        let Some(end) = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '<' | '"')) else {
            break;
        };
        let Some((attribute, after)) = rest.split_at_checked(end) else { break };
        let Some(value) = after.trim_start().strip_prefix('=') else {
            rest = if attribute.is_empty() { rest } else { after };
            if attribute.is_empty() {
                break;
            }
            continue;
        };
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            rest = value;
            break;
        };
        let Some((inside, after)) = value.get(1..).and_then(|v| v.split_once(quote)) else {
            rest = "";
            break;
        };
        attributes.push((attribute, inside));
        rest = after;
    }
    let length = text.len().saturating_sub(rest.len()).max(1);
    (Tag { line, name, attributes }, length)
}
