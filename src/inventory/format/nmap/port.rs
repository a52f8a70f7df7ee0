//! One port of a host in nmap's XML: its state, its service, and what scripts say of it.

use quick_xml::events::BytesStart;

use super::xml::{Pull, attribute};
use crate::{
    inventory::{records::Place, scanned::certificate},
    model::{discovery::PortState, wrap::Transport},
};

/// How deep the tables of a script are followed.
const DEPTH: usize = 16;

/// One port, until its host's end.
pub(super) struct Port {
    pub(super) place: Place,
    pub(super) transport: Transport,
    pub(super) number: Result<u16, String>,
    pub(super) state: Option<PortState>,
    pub(super) service: Option<Service>,
    pub(super) script: Option<Script>,
    pub(super) tls: bool,
    pub(super) names: Vec<String>,
}

pub(super) struct Service {
    pub(super) name: String,
    pub(super) probed: bool,
    pub(super) tunnel: bool,
    pub(super) product: Option<String>,
    pub(super) banner: Option<String>,
}

/// A script's output, while it is read.
pub(super) struct Script {
    pub(super) id: String,
    pub(super) tables: Vec<String>,
    /// Tables below those.
    pub(super) deeper: u32,
    pub(super) key: String,
    pub(super) text: Option<String>,
    /// The name of the certificate's extension that comes next.
    pub(super) extension: String,
}

impl Port {
    /// `None` for what has no ports, such as SCTP associations and IP protocols.
    pub(super) fn new(tag: &BytesStart<'_>, pull: &mut Pull<'_>) -> Result<Option<Self>, String> {
        let protocol =
            attribute(tag, "protocol")?.ok_or("a port without its `protocol`; expected tcp or udp")?;
        let transport = protocol.parse().ok();
        let id = attribute(tag, "portid")?.unwrap_or_default();
        let number = crate::inventory::host::parse_port(&id);
        Ok(transport.map(|transport| Self {
            place: pull.place(),
            transport,
            number,
            state: None,
            service: None,
            script: None,
            tls: false,
            names: Vec::new(),
        }))
    }

    pub(super) fn element(&mut self, name: &str, tag: &BytesStart<'_>) -> Result<(), String> {
        match name {
            "state" => self.state = attribute(tag, "state")?.map(|word| state(&word)),
            "service" => self.service = Some(Service::new(tag)?),
            "script" => {
                let id = attribute(tag, "id")?.unwrap_or_default().into_owned();
                let output = attribute(tag, "output")?.unwrap_or_default();
                self.tls |= shows_tls(&id, &output);
                self.script = Some(Script::new(id));
            }
            "table" => {
                if let Some(script) = &mut self.script {
                    let key = attribute(tag, "key")?.unwrap_or_default();
                    script.table(&key);
                }
            }
            "elem" => {
                if let Some(script) = self.script.as_mut().filter(|script| script.id == "ssl-cert") {
                    script.key = attribute(tag, "key")?.unwrap_or_default().into_owned();
                    script.text = Some(String::new());
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn end(&mut self, name: &str) {
        let Some(script) = &mut self.script else { return };
        match name {
            "elem" => self.names.extend(script.elem()),
            "table" => script.end_of_table(),
            _ => self.script = None,
        }
    }

    /// Says what was seen of an open port.
    pub(super) fn tell(self, found: &mut crate::inventory::scanned::Found) {
        found.tls |= self.tls;
        found.certificates(self.names);
        let Some(service) = self.service else { return };
        if service.tunnel {
            (found.tls, found.tunnel) = (true, true);
        }
        if let Some(banner) = &service.banner {
            found.banner(&service.name, banner);
        } else if service.probed && !service.name.is_empty() {
            found.recognised(&service.name);
        } else if !service.name.is_empty() && found.service.is_none() {
            found.service = Some(service.name);
        }
        found.product = found.product.take().or(service.product);
    }
}

impl Service {
    pub(super) fn new(tag: &BytesStart<'_>) -> Result<Self, String> {
        let own = |name| attribute(tag, name).map(|value| value.map(std::borrow::Cow::into_owned));
        let words = [own("product")?, own("version")?];
        let product: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        Ok(Self {
            name: own("name")?.unwrap_or_default(),
            probed: own("method")?.is_some_and(|method| method == "probed"),
            tunnel: own("tunnel")?.is_some_and(|tunnel| tunnel == "ssl"),
            product: (!product.is_empty()).then(|| product.join(" ")),
            banner: own("banner")?,
        })
    }
}

impl Script {
    pub(super) fn new(id: String) -> Self {
        Self { id, tables: Vec::new(), deeper: 0, key: String::new(), text: None, extension: String::new() }
    }

    pub(super) fn table(&mut self, key: &str) {
        if self.tables.len() < DEPTH {
            self.tables.push(key.chars().take(40).collect());
        } else {
            self.deeper = self.deeper.saturating_add(1);
        }
    }

    pub(super) fn end_of_table(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.tables.pop();
        }
    }

    /// The names in an element of a certificate that is at its end.
    pub(super) fn elem(&mut self) -> Vec<String> {
        let Some(text) = self.text.take() else { return Vec::new() };
        let first = self.tables.first().map(String::as_str);
        match (first, self.key.as_str()) {
            (None, "pem") => certificate::of_pem(&text),
            (Some("subject"), "commonName") => certificate::checked(text.trim()).into_iter().collect(),
            (Some("extensions"), "name") => {
                self.extension = text;
                Vec::new()
            }
            (Some("extensions"), "value") if self.extension.contains("Subject Alternative Name") => {
                certificate::of_printed(&text)
            }
            _ => Vec::new(),
        }
    }
}

/// Whether a script's output shows that TLS was spoken. Scripts that look for a weakness say `NOT VULNERABLE` of a
/// port that answers nothing as well; `VULNERABLE` takes a handshake.
fn shows_tls(id: &str, output: &str) -> bool {
    match id {
        "ssl-cert" => output.contains("Subject:"),
        "ssl-enum-ciphers" => ["TLSv1", "SSLv3", "SSLv2"].iter().any(|version| output.contains(version)),
        "sslv2" => output.contains("SSLv2 supported"),
        "ssl-heartbleed" | "ssl-poodle" | "ssl-ccs-injection" | "ssl-dh-params" | "sslv2-drown" => {
            output.contains("VULNERABLE") && !output.contains("NOT VULNERABLE")
        }
        _ => false,
    }
}

/// `open|filtered` and its kind say less than open.
pub(super) fn state(word: &str) -> PortState {
    match word {
        "open" => PortState::Open,
        "closed" => PortState::Closed,
        _ => PortState::Filtered,
    }
}
