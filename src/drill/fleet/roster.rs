//! Who is in the fleet: 15 services and 7 secrets, with what is wrong with them.

use crate::{
    drill::peer::Behaviour,
    model::service::{Exposure, TlsStack},
};

/// What is found at an address.
#[derive(Debug)]
pub(super) enum Kind {
    Listens(Behaviour),
    Closed,
}

/// One service.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) port: u16,
    /// As declared; empty where the port decides.
    pub(super) wrap: &'static str,
    pub(super) owner: &'static str,
    pub(super) team: &'static str,
    pub(super) exposure: Exposure,
    pub(super) service_type: &'static str,
    pub(super) tls_stack: TlsStack,
    pub(super) issues_tokens: bool,
    pub(super) fragile: bool,
    pub(super) tags: &'static str,
    /// Services with the same word share a key. None: it does not speak TLS.
    pub(super) key: Option<&'static str>,
    /// Whether its certificate was issued before 2014.
    pub(super) old_certificate: bool,
    /// Last octet of each address, and what is there.
    pub(super) endpoints: &'static [(u8, Kind)],
}

const PLAIN: Spec = Spec {
    name: "",
    port: 0,
    wrap: "",
    owner: "",
    team: "",
    exposure: Exposure::Internal,
    service_type: "https",
    tls_stack: TlsStack::Unknown,
    issues_tokens: false,
    fragile: false,
    tags: "",
    key: None,
    old_certificate: false,
    endpoints: &[],
};

use Kind::{Closed, Listens};

/// The fleet, in the order of its inventory.
pub(super) const ROSTER: &[Spec] = &[
    Spec {
        name: "www1.drill.test",
        port: 8443,
        owner: "team-web",
        team: "web",
        exposure: Exposure::Public,
        service_type: "nginx",
        tls_stack: TlsStack::OpensslDynamic,
        issues_tokens: true,
        key: Some("W"),
        endpoints: &[(11, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "www2.drill.test",
        port: 8443,
        owner: "team-web",
        team: "web",
        exposure: Exposure::Public,
        service_type: "nginx",
        tls_stack: TlsStack::OpensslDynamic,
        issues_tokens: true,
        key: Some("W"),
        endpoints: &[(12, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "mail.drill.test",
        port: 9465,
        owner: "team-mail",
        team: "mail",
        exposure: Exposure::Public,
        service_type: "smtp",
        tls_stack: TlsStack::Other,
        key: Some("W"),
        endpoints: &[(13, Listens(Behaviour::WithoutHeartbeats))],
        ..PLAIN
    },
    Spec {
        name: "turn.drill.test",
        port: 5349,
        wrap: "tls",
        owner: "team-rtc",
        team: "rtc",
        exposure: Exposure::Public,
        service_type: "turn",
        tls_stack: TlsStack::OpensslStatic,
        issues_tokens: true,
        key: Some("T"),
        endpoints: &[(14, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "chat.drill.test",
        port: 9223,
        wrap: "tls",
        owner: "team-chat",
        team: "chat",
        exposure: Exposure::Public,
        service_type: "xmpp",
        tls_stack: TlsStack::OpensslDynamic,
        key: Some("C"),
        endpoints: &[(15, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "pay.drill.test",
        port: 8444,
        owner: "team-pay",
        team: "pay",
        exposure: Exposure::Public,
        service_type: "balancer",
        tls_stack: TlsStack::OpensslDynamic,
        key: Some("P"),
        endpoints: &[(16, Listens(Behaviour::Fixed)), (17, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "vpn.drill.test",
        port: 9943,
        owner: "team-net",
        team: "net",
        exposure: Exposure::Partner,
        service_type: "vpn",
        tls_stack: TlsStack::Appliance,
        key: Some("V"),
        endpoints: &[(18, Listens(Behaviour::Vulnerable))],
        ..PLAIN
    },
    Spec {
        name: "shop.drill.test",
        port: 8445,
        owner: "team-web",
        team: "web",
        exposure: Exposure::Public,
        tls_stack: TlsStack::OpensslDynamic,
        key: Some("S"),
        old_certificate: true,
        endpoints: &[(19, Listens(Behaviour::Fixed))],
        ..PLAIN
    },
    Spec {
        name: "docs.drill.test",
        port: 8446,
        owner: "team-docs",
        team: "docs",
        tls_stack: TlsStack::Other,
        key: Some("D"),
        endpoints: &[(20, Listens(Behaviour::WithoutHeartbeats))],
        ..PLAIN
    },
    Spec {
        name: "api.drill.test",
        port: 8447,
        owner: "team-api",
        team: "api",
        exposure: Exposure::Partner,
        tls_stack: TlsStack::OpensslDynamic,
        issues_tokens: true,
        key: Some("A"),
        endpoints: &[(21, Listens(Behaviour::ClosesOnHeartbeat))],
        ..PLAIN
    },
    Spec {
        name: "edge.drill.test",
        port: 8448,
        owner: "team-edge",
        team: "edge",
        exposure: Exposure::Public,
        tls_stack: TlsStack::Other,
        key: Some("E"),
        endpoints: &[(22, Listens(Behaviour::Tls13Only))],
        ..PLAIN
    },
    Spec {
        name: "printer.drill.test",
        port: 6310,
        owner: "facilities",
        team: "facilities",
        service_type: "printer",
        tls_stack: TlsStack::Appliance,
        fragile: true,
        tags: "floor-2",
        key: Some("R"),
        endpoints: &[(23, Listens(Behaviour::WithoutHeartbeats))],
        ..PLAIN
    },
    Spec {
        name: "gateway.drill.test",
        port: 8449,
        owner: "team-net",
        team: "net",
        endpoints: &[(24, Listens(Behaviour::Tarpit))],
        ..PLAIN
    },
    Spec {
        name: "legacy.drill.test",
        port: 8450,
        owner: "team-docs",
        team: "docs",
        endpoints: &[(25, Closed)],
        ..PLAIN
    },
    Spec {
        name: "status.drill.test",
        port: 8080,
        wrap: "tls",
        owner: "team-web",
        team: "web",
        exposure: Exposure::Public,
        endpoints: &[(26, Listens(Behaviour::PlainHttp))],
        ..PLAIN
    },
];

/// One secret: its name and place, never its value.
#[derive(Debug)]
pub(super) struct SecretSpec {
    pub(super) id: &'static str,
    /// A code of REMEDIATION 2.
    pub(super) kind: &'static str,
    pub(super) services: &'static [&'static str],
    pub(super) owner: &'static str,
    pub(super) location: &'static str,
    pub(super) age_days: i64,
    pub(super) runbook: &'static str,
}

/// The secrets that somebody listed.
pub(super) const SECRETS: &[SecretSpec] = &[
    SecretSpec {
        id: "web-session-key",
        kind: "D1",
        services: &["www1.drill.test", "www2.drill.test"],
        owner: "team-web",
        location: "vault:web/session",
        age_days: 210,
        runbook: "https://runbooks.drill.test/web-session-key",
    },
    SecretSpec {
        id: "web-api-tokens",
        kind: "D3",
        services: &["www1.drill.test", "www2.drill.test"],
        owner: "team-web",
        location: "database:web/api_tokens",
        age_days: 400,
        runbook: "https://runbooks.drill.test/web-api-tokens",
    },
    SecretSpec {
        id: "turn-shared",
        kind: "C7",
        services: &["turn.drill.test", "www1.drill.test", "www2.drill.test"],
        owner: "team-rtc",
        location: "vault:rtc/turn",
        age_days: 320,
        runbook: "https://runbooks.drill.test/turn-shared",
    },
    SecretSpec {
        id: "pay-database",
        kind: "C1",
        services: &["pay.drill.test"],
        owner: "team-pay",
        location: "vault:pay/database",
        age_days: 150,
        runbook: "https://runbooks.drill.test/pay-database",
    },
    SecretSpec {
        id: "chat-component",
        kind: "C8",
        services: &["chat.drill.test"],
        owner: "team-chat",
        location: "vault:chat/component",
        age_days: 600,
        runbook: "https://runbooks.drill.test/chat-component",
    },
    SecretSpec {
        id: "vpn-psk",
        kind: "B6",
        services: &["vpn.drill.test"],
        owner: "team-net",
        location: "vault:net/vpn",
        age_days: 730,
        runbook: "https://runbooks.drill.test/vpn-psk",
    },
    SecretSpec {
        id: "printer-admin",
        kind: "C9",
        services: &["printer.drill.test"],
        owner: "facilities",
        location: "safe:facilities/printer",
        age_days: 1200,
        runbook: "https://runbooks.drill.test/printer-admin",
    },
];
