//! Kubernetes ingresses, services, gateways and certificates, as `kubectl get ingress,svc -A -o json` (or `-o yaml`)
//! prints them: lists, single objects and several one after another.
//!
//! The data of a `Secret` object is not read, whoever put it into the file. It asks no cluster.

mod hints;
mod ingress;
mod meta;
mod service;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Addresses, one_address},
        intake::Intake,
        left_out::Tally,
        tree::{self, Node, Value},
    },
    model::{discovery::Role, loading::NoticeKind, secret::Secret, service::Source},
};

pub(super) const FORMAT: Format =
    Format { name: "kubernetes", letter: b'K', role: Role::Declares, detect, read };

/// Keys whose values are never read: what `Secret` and `ConfigMap` objects hold.
const UNREAD: &[&str] = &["data", "stringData", "binaryData"];

/// JSON objects and documents of YAML that name their API version at the top.
fn detect(peek: &Peek<'_>) -> bool {
    if matches!(peek.first_byte(), Some(b'{' | b'[')) {
        // A long list ends with its kind, out of sight.
        return peek.has_json_keys(&["apiVersion", "kind"]) || peek.has_json_keys(&["apiVersion", "items"]);
    }
    let begins = |with: &[u8]| peek.text.split(|&b| b == b'\n').any(|line| line.starts_with(with));
    begins(b"apiVersion:") && (begins(b"kind:") || begins(b"items:"))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let documents = match file.text.trim_ascii_start().first() {
        Some(b'{' | b'[') => tree::json_stream(file.text, UNREAD).collect::<Result<Vec<_>, _>>(),
        _ => tree::yaml(file.text),
    };
    let documents = documents.map_err(|fault| file.broken(fault))?;
    let mut dump = Dump::new(file);
    for document in &documents {
        dump.document(document, None, intake)?;
    }
    dump.end(intake);
    Ok(())
}

/// What one file gives while it is read.
struct Dump<'f, 't> {
    file: &'f TextFile<'t>,
    tally: Tally<'f, 't>,
    /// By namespace and name.
    secrets: BTreeMap<(String, String), TlsSecret>,
    /// `name:port` of every row.
    rows: BTreeSet<String>,
    /// Objects that are not read, by kind.
    others: BTreeMap<String, u64>,
}

/// A TLS secret and what uses it.
#[derive(Default)]
struct TlsSecret {
    line: u32,
    /// `name:port`.
    used_by: BTreeSet<String>,
    /// Names in the certificate, from a Certificate object.
    names: BTreeSet<String>,
    /// Whether a new certificate gets a new key; absent where nothing says it.
    new_key: Option<bool>,
}

/// An object: its node, kind and name.
struct Object<'n, 't> {
    node: &'n Node<'t>,
    namespace: String,
    name: String,
}

impl Object<'_, '_> {
    /// `namespace/name`.
    fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn source(&self, file: &TextFile<'_>) -> Source {
        file.source(&FORMAT, self.node.place.line, Some(&self.path()))
    }
}

impl<'f, 't> Dump<'f, 't> {
    fn new(file: &'f TextFile<'t>) -> Self {
        Self {
            file,
            tally: Tally::new(file, &FORMAT),
            secrets: BTreeMap::new(),
            rows: BTreeSet::new(),
            others: BTreeMap::new(),
        }
    }

    /// One object, or a list of them. The items of a typed list (`IngressList`) do not repeat their kind.
    fn document(
        &mut self,
        node: &Node<'_>,
        of: Option<(&str, &str)>,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        for item in node.items() {
            self.document(item, None, intake)?;
        }
        let word = |key: &str| node.get(key).and_then(Node::text);
        let kind = word("kind").or(of.map(|(kind, _)| kind)).unwrap_or_default();
        let version = word("apiVersion").or(of.map(|(_, version)| version)).unwrap_or_default();
        if let Some(items) = node.get("items").filter(|_| kind.ends_with("List") || kind.is_empty()) {
            let inner = kind.strip_suffix("List").unwrap_or_default();
            for item in items.items() {
                self.document(item, Some((inner, version)), intake)?;
            }
            return Ok(());
        }
        if node.entries().is_empty() {
            if !matches!(node.value, Value::Seq(_)) {
                self.bad(
                    node,
                    "this is no object of Kubernetes; expected a map with `kind`".to_owned(),
                    intake,
                );
            }
            return Ok(());
        }
        let text = |key: &str| node.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
        let object = Object {
            node,
            namespace: text("namespace").unwrap_or_else(|| "default".to_owned()),
            name: text("name").unwrap_or_default(),
        };
        let group = version.split_once('/').map_or("", |(group, _)| group);
        match (kind, group) {
            ("Ingress", "networking.k8s.io" | "extensions") => ingress::ingress(self, &object, intake),
            // Others have a `Service` of their own (Knative), and a `Gateway` (Istio).
            ("Service", "") | ("Ingress", _) if node.get("spec").is_none() => {
                self.bad(node, format!("this {kind} has no `spec`"), intake);
                Ok(())
            }
            ("Service", "") => service::service(self, &object, intake),
            ("Gateway", "gateway.networking.k8s.io") => ingress::gateway(self, &object, intake),
            ("Certificate", "cert-manager.io") => {
                self.certificate(&object);
                Ok(())
            }
            _ => {
                let name = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
                *self.others.entry(name.chars().take(60).collect()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// A Certificate of cert-manager: which names its secret is for, and whether a renewal makes a new key.
    fn certificate(&mut self, object: &Object<'_, '_>) {
        let Some(spec) = object.node.get("spec") else { return };
        let Some(name) = spec.get("secretName").and_then(Node::text) else { return };
        let policy = spec.at(&["privateKey", "rotationPolicy"]).and_then(Node::text);
        let secret = self.secret(&object.namespace, name, object.node.place.line);
        secret.new_key = Some(policy == Some("Always"));
        let names = spec.get("dnsNames").map(Node::items).unwrap_or_default();
        secret.names.extend(names.iter().filter_map(Node::text).map(str::to_lowercase));
    }

    fn secret(&mut self, namespace: &str, name: &str, line: u32) -> &mut TlsSecret {
        let key = (namespace.to_owned(), name.to_owned());
        self.secrets.entry(key).or_insert_with(|| TlsSecret { line, ..TlsSecret::default() })
    }

    /// Takes one row for each address, or one without any. False: it is bad, and counted as such.
    fn take(
        &mut self,
        draft: &Draft,
        addresses: &[Addresses],
        object: &Object<'_, '_>,
        intake: &mut Intake<'_>,
    ) -> Result<bool, Error> {
        let each: Vec<Option<Addresses>> = match addresses {
            [] => vec![draft.addresses],
            some => some.iter().copied().map(Some).collect(),
        };
        for address in each {
            intake.count_row();
            let row = Draft { addresses: address, ..draft.clone() }.row(object.source(self.file));
            if let Err(refusal) = intake.take(row) {
                let place = object.node.place;
                refusal.settle(intake, &self.file.name, |_| (place.line, place.column))?;
                return Ok(false);
            }
        }
        if let Some(name) = &draft.name {
            self.rows.extend(draft.ports.iter().map(|port| format!("{name}:{port}")));
        }
        Ok(true)
    }

    /// Counts a bad record at the place of a value.
    fn bad(&self, node: &Node<'_>, message: String, intake: &mut Intake<'_>) {
        intake.count_row();
        intake.bad(&self.file.name, node.place.line, node.place.column, message);
    }

    /// Secrets with what uses them, and what was left out.
    fn end(mut self, intake: &mut Intake<'_>) {
        for ((namespace, name), secret) in std::mem::take(&mut self.secrets) {
            self.take_secret(&format!("{namespace}/{name}"), secret, intake);
        }
        let here = |line| Some(self.file.source(&FORMAT, line, None));
        if let Some(count) = self.others.remove("Secret") {
            let message = format!(
                "Secret objects in this file, whose data is not read: {count}; better leave them out of it"
            );
            intake.notice(NoticeKind::LeftOut, message, here(1));
        }
        if !self.others.is_empty() {
            let all: Vec<String> =
                self.others.iter().take(20).map(|(kind, count)| format!("{kind} {count}")).collect();
            let message = format!("objects of kinds that are not read: {}", all.join(", "));
            intake.notice(NoticeKind::LeftOut, message, here(1));
        }
        self.tally.tell(intake);
    }

    fn take_secret(&mut self, path: &str, secret: TlsSecret, intake: &mut Intake<'_>) {
        let mut used_by = secret.used_by;
        for name in &secret.names {
            let entry = format!("{name}:443");
            if self.rows.contains(&entry) {
                used_by.insert(entry);
            } else {
                let reason = "names of Certificate objects that no row of this file serves on port 443";
                self.tally.add(reason, secret.line, name);
            }
        }
        if secret.new_key == Some(false) {
            let reason =
                "Certificate objects whose rotationPolicy is not `Always`, so a renewal may keep the old key";
            self.tally.add(reason, secret.line, path);
        }
        let joined = intake.join_secret(Secret {
            id: format!("kubernetes:{path}"),
            kind: "B1".to_owned(),
            services: Vec::new(),
            delivered_through: Vec::new(),
            checks: Vec::new(),
            unresolved: used_by.into_iter().collect(),
            owner: None,
            location: Some(format!("Kubernetes secret {path}")),
            issued_at: None,
            runbook: None,
            implied: false,
            source: Some(self.file.source(&FORMAT, secret.line, Some(path))),
        });
        if !joined {
            let reason = "TLS secrets that an earlier file has too, taken as the same: of two clusters, load one at a time";
            self.tally.add(reason, secret.line, path);
        }
    }
}

/// What `status.loadBalancer.ingress` says: addresses and names.
fn balancer(object: &Object<'_, '_>) -> (Vec<Addresses>, Vec<String>) {
    let points = object.node.at(&["status", "loadBalancer", "ingress"]).map(Node::items).unwrap_or_default();
    let text = |key: &'static str| points.iter().filter_map(move |point| point.get(key)?.text());
    let addresses = text("ip").filter_map(one_address).collect();
    (addresses, text("hostname").map(str::to_owned).collect())
}
