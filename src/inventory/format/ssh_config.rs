//! An SSH client's configuration: the hosts that somebody logs in to, with the name or address behind each.
//!
//! The first value of a keyword stands, as for OpenSSH, those of `Host *` included. Who logs in is not kept; a port is
//! that of SSH and becomes a tag. `Match` asks things that only the client knows, and is left out.

mod config;
mod reader;
#[cfg(test)]
mod tests;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Host, parse_host, parse_port, quoted},
        intake::Intake,
        machine::is_own_name,
    },
    model::discovery::Role,
};
use config::{Config, Found, Mention};

pub(super) const FORMAT: Format =
    Format { name: "ssh-config", letter: b'S', role: Role::Names, detect, read };

/// How many lines are looked at.
const LOOKED_AT: usize = 64;

const OWN_NAME: &str = "localhost is this machine, wherever the file is read";

/// Keywords of ssh_config(5), in lower case, without those that are read here.
const KEYWORDS: &[&str] = &[
    "addkeystoagent",
    "addressfamily",
    "batchmode",
    "bindaddress",
    "bindinterface",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "casignaturealgorithms",
    "certificatefile",
    "challengeresponseauthentication",
    "channeltimeout",
    "checkhostip",
    "ciphers",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "globalknownhostsfile",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "hashknownhosts",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "hostkeyalgorithms",
    "hostkeyalias",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "ignoreunknown",
    "ipqos",
    "kbdinteractiveauthentication",
    "kbdinteractivedevices",
    "kexalgorithms",
    "knownhostscommand",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "macs",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "passwordauthentication",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "preferredauthentications",
    "protocol",
    "proxyusefdpass",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "requiredrsasize",
    "revokedhostkeys",
    "securitykeyprovider",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "sessiontype",
    "setenv",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "stricthostkeychecking",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tunnel",
    "tunneldevice",
    "updatehostkeys",
    "usekeychain",
    "user",
    "userknownhostsfile",
    "verifyhostkeydns",
    "visualhostkey",
    "xauthlocation",
];

/// Keywords that are read here.
const READ: &[&str] = &["host", "match", "hostname", "port", "proxyjump", "proxycommand", "include"];

fn detect(peek: &Peek<'_>) -> bool {
    let (mut all, mut known, mut hosts, mut includes) = (0_usize, 0_usize, 0_usize, 0_usize);
    for line in peek.lines().take(LOOKED_AT) {
        all += 1;
        let Some((keyword, argument)) = reader::keyword(line) else {
            if all == 1 {
                return false;
            }
            continue;
        };
        let is_known = !argument.is_empty()
            && (READ.contains(&keyword.as_str()) || KEYWORDS.contains(&keyword.as_str()));
        if all == 1 && !is_known {
            return false;
        }
        known += usize::from(is_known);
        hosts += usize::from(is_known && keyword == "host");
        includes += usize::from(is_known && keyword == "include");
    }
    all > 0 && known * 4 >= all * 3 && (hosts > 0 || includes == all)
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let config = reader::read(file, intake);
    rows(config, intake)
}

/// A row for each host that is named without a wildcard.
fn rows(mut config: Config, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mentions = std::mem::take(&mut config.mentions);
    let mut left = std::mem::take(&mut config.left);
    let evaluator = config.evaluator();
    let total = config.patterns;
    for mention in &mentions {
        let found = evaluator.found(&mention.alias);
        match draft(mention, &found) {
            Ok(None) => left.add(OWN_NAME, || quoted(&mention.alias), || mention.source.clone()),
            Ok(Some(draft)) => {
                intake.count_row();
                if let Err(refusal) = intake.take(draft.row(mention.source.clone())) {
                    refusal
                        .settle(intake, &mention.source.file, |_| (mention.source.line, mention.column))?;
                }
            }
            Err(message) => {
                intake.count_row();
                intake.bad(&mention.source.file, mention.source.line, mention.column, message);
            }
        }
    }
    left.tell(total, "patterns and blocks", intake);
    Ok(())
}

/// The row of one host. None: it is this machine.
fn draft(mention: &Mention, found: &Found<'_>) -> Result<Option<Draft>, String> {
    let alias = mention.alias.as_str();
    let mut draft = Draft::default();
    let target = match found.host_name {
        Some(written) => expanded(written, alias)?,
        None => alias.to_owned(),
    };
    if is_own_name(&target) {
        return Ok(None);
    }
    draft.host(&target)?;
    match (parse_host(alias), &draft.name) {
        // `Host web01` with an address behind it: the name that people know it by.
        (Ok(Host::Name(name)), None) => draft.name = Some(name),
        (Ok(Host::Name(name)), Some(own)) if name != *own => {
            draft.tag_pair("alias", &name);
        }
        _ => {}
    }
    if let Some(port) = found.port {
        let port = parse_port(port)?;
        if port != 22 {
            draft.tag(format!("ssh-port={port}"));
        }
    }
    if let Some(jump) = found.jump.as_deref() {
        draft.tag_pair("jump", jump);
    }
    Ok(Some(draft))
}

/// A `HostName` with its `%h` and `%%` worked out.
fn expanded(written: &str, alias: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => match rest.next() {
                Some('h') => text.push_str(alias),
                Some('%') => text.push('%'),
                _ => return Err(format!("HostName {} has a `%` that is neither %h nor %%", quoted(written))),
            },
            _ => text.push(c),
        }
        if text.len() > 1024 {
            return Err(format!("HostName {} is longer than any name", quoted(written)));
        }
    }
    Ok(text)
}
