//! Services with a syntax of their own of which only a little is needed: Squid's options, ejabberd's list,
//! RabbitMQ's terms, strongSwan's secrets, Caddy's `tls`, and Pure-FTPd's file with one value.

use std::path::Path;

use super::{At, Include, Kind, Mention, Scope, Unit, Visit, glob, lines};

/// Reads all of them.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    for main in ["/etc/squid/squid.conf", "/etc/squid3/squid.conf", "/usr/local/etc/squid/squid.conf"] {
        visit.walk(main, &mut squid);
    }
    for main in [
        "/etc/ejabberd/ejabberd.yml",
        "/opt/ejabberd/conf/ejabberd.yml",
        "/usr/local/etc/ejabberd/ejabberd.yml",
    ] {
        visit.walk(main, &mut ejabberd);
    }
    for main in ["/etc/rabbitmq/rabbitmq.config", "/etc/rabbitmq/advanced.config"] {
        visit.walk(main, &mut rabbitmq);
    }
    for main in ["/etc/ipsec.secrets", "/etc/strongswan/ipsec.secrets"] {
        visit.walk(main, &mut ipsec);
    }
    for main in ["/etc/caddy/Caddyfile", "/usr/local/etc/caddy/Caddyfile"] {
        visit.walk(main, &mut caddy);
    }
    visit.walk("/etc/pure-ftpd/conf/CertFile", &mut pure_ftpd);
    visit.walk("/etc/pure-ftpd/conf/CertFileAndKey", &mut pure_ftpd);
}

fn mention(visit: &mut Visit<'_>, service: &str, value: &str, kind: Kind, base: &Path, at: At<'_>) {
    let Some(path) = visit.path(service, value, base, at) else { return };
    let certificate = Some(path.clone());
    let at = Some(at.to_string());
    visit.mention(Mention { path, kind, service: service.to_owned(), client: false, at, certificate });
}

fn folder<'a>(unit: &Unit<'a>) -> &'a Path {
    unit.path.parent().unwrap_or(Path::new("/"))
}

fn squid(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    const SERVICE: &str = "squid";
    let mut includes = Vec::new();
    for (n, line) in unit.text.lines().enumerate() {
        let words = lines::words(line);
        let Some((name, options)) = words.split_first() else { continue };
        let at = unit.at(n.saturating_add(1));
        let client = match name.as_str() {
            "include" => {
                for value in options {
                    let pattern = visit.path(SERVICE, value, folder(unit), at);
                    includes.extend(pattern.map(|pattern| Include { pattern, optional: false, suffix: "" }));
                }
                continue;
            }
            "http_port" | "https_port" | "ftp_port" => false,
            "tls_outgoing_options" | "cache_peer" => true,
            _ => continue,
        };
        let mut scope = Scope::default();
        for option in options {
            let Some((name, value)) = option.split_once('=') else { continue };
            let (key, certificate) = (
                matches!(name, "tls-key" | "key" | "sslkey"),
                matches!(name, "tls-cert" | "cert" | "sslcert"),
            );
            if !(key || certificate) {
                continue;
            }
            let Some(path) = visit.path(SERVICE, value, folder(unit), at) else { continue };
            if key {
                scope.key(path, at, client);
            } else {
                scope.certificate(path, at, client);
            }
        }
        scope.end(visit, SERVICE, true);
    }
    includes
}

fn ejabberd(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    for (line, value) in yaml_files(unit.text) {
        let at = unit.at(line);
        let Some(pattern) = visit.path("ejabberd", value, folder(unit), at) else { continue };
        for path in glob::expand(visit.root, visit.cover, &pattern) {
            let kind =
                if glob::is_pattern(value) || value.contains("chain") { Kind::Maybe } else { Kind::Combined };
            mention(visit, "ejabberd", &path.to_string_lossy(), kind, Path::new("/"), at);
        }
    }
    Vec::new()
}

/// The values of `certfile:` and those in the list under `certfiles:`.
pub(in super::super) fn yaml_files(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut in_list = false;
    for (n, line) in text.lines().enumerate() {
        let trimmed = line.split(" #").next().unwrap_or_default().trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let item = trimmed.strip_prefix("- ").map(str::trim);
        let value = if let (true, Some(item)) = (in_list, item) {
            Some(item)
        } else {
            let entry = item.unwrap_or(trimmed);
            let (name, value) = entry.split_once(':').unwrap_or((entry, ""));
            in_list = name.trim() == "certfiles";
            let single =
                matches!(name.trim(), "certfile" | "s2s_certfile" | "domain_certfile" | "c2s_certfile");
            single.then_some(value.trim())
        };
        let value = value.map(|v| v.trim_matches(['"', '\'']));
        out.extend(value.filter(|v| !v.is_empty()).map(|v| (n.saturating_add(1), v)));
    }
    out
}

fn rabbitmq(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    let mut scope = Scope::default();
    for (line, name, value) in erlang_files(unit.text) {
        let at = unit.at(line);
        let Some(path) = visit.path("rabbitmq", value, folder(unit), at) else { continue };
        if name == "keyfile" {
            scope.key(path, at, false);
        } else {
            scope.certificate(path, at, false);
        }
    }
    scope.end(visit, "rabbitmq", false);
    Vec::new()
}

/// `{keyfile, "path"}` and `{certfile, "path"}` outside comments.
pub(in super::super) fn erlang_files(text: &str) -> Vec<(usize, &str, &str)> {
    let mut out = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let mut rest = line.split('%').next().unwrap_or_default();
        while let Some((_, after)) = rest.split_once('{') {
            rest = after;
            let Some((name, after)) = after.split_once(',') else { break };
            let name = name.trim();
            if !matches!(name, "keyfile" | "certfile") {
                continue;
            }
            let Some(value) = after.trim_start().strip_prefix('"').and_then(|v| v.split_once('"')) else {
                continue;
            };
            out.push((n.saturating_add(1), name, value.0));
        }
    }
    out
}

fn ipsec(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    const SERVICE: &str = "strongswan";
    let mut includes = Vec::new();
    let private = folder(unit).join("ipsec.d/private");
    for (n, line) in unit.text.lines().enumerate() {
        let at = unit.at(n.saturating_add(1));
        let words = lines::words(line);
        if words.first().is_some_and(|w| w == "include") {
            let pattern = words.get(1).and_then(|value| visit.path(SERVICE, value, folder(unit), at));
            includes.extend(pattern.map(|pattern| Include { pattern, optional: true, suffix: "" }));
            continue;
        }
        // `selectors : RSA file "pass phrase"`; other kinds stand before a secret, never before a file.
        let after = words.iter().skip_while(|w| !w.ends_with(':')).skip(1).collect::<Vec<_>>();
        if let [kind, value, ..] = after.as_slice()
            && ["RSA", "ECDSA", "BLISS", "PKCS8", "P12"].contains(&kind.as_str())
        {
            mention(visit, SERVICE, value, Kind::Key, &private, at);
        }
    }
    includes
}

fn caddy(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    const SERVICE: &str = "caddy";
    let mut includes = Vec::new();
    for (n, line) in unit.text.lines().enumerate() {
        let words = lines::words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let at = unit.at(n.saturating_add(1));
        match words.as_slice() {
            // A snippet of this file has a name without a folder.
            ["import", value, ..] if value.contains(['/', '*']) => {
                let pattern = visit.path(SERVICE, value, folder(unit), at);
                includes.extend(pattern.map(|pattern| Include { pattern, optional: true, suffix: "" }));
            }
            ["tls", certificate, key, ..] if *key != "{" => {
                let mut scope = Scope::default();
                let certificate = visit.path(SERVICE, certificate, folder(unit), at);
                if let (Some(certificate), Some(key)) =
                    (certificate, visit.path(SERVICE, key, folder(unit), at))
                {
                    scope.certificate(certificate, at, false);
                    scope.key(key, at, false);
                }
                scope.end(visit, SERVICE, false);
            }
            _ => {}
        }
    }
    includes
}

/// One value: the certificate's path, with the key in it, or the key's path behind a comma.
fn pure_ftpd(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    let line = unit.text.lines().next().unwrap_or_default();
    let value = line.split(',').next_back().unwrap_or_default().trim();
    mention(visit, "pure-ftpd", value, Kind::Combined, Path::new("/"), unit.at(1));
    Vec::new()
}
