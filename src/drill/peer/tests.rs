//! Each behaviour and each knob, as a client sees it.

mod handshake;
mod heartbeats;
mod listening;
mod questions;

use std::net::SocketAddr;

use super::{Behaviour, Face, Identity, Peer};

pub(super) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn identity() -> Identity {
    let at = |text: &str| text.parse().unwrap();
    Identity::issue(None, "a.test", &["a.test"], at("2024-01-01"), at("2034-01-01"), 7).unwrap()
}

fn rsa_identity() -> Identity {
    let at = |text: &str| text.parse().unwrap();
    Identity::issue_rsa("a.test", &["a.test"], at("2024-01-01"), at("2034-01-01"), 8).unwrap()
}

async fn start(face: Face) -> Peer {
    Peer::start(LOOPBACK, face).await.unwrap()
}

async fn start_as(behaviour: Behaviour) -> Peer {
    start(Face::new(behaviour, &identity())).await
}
