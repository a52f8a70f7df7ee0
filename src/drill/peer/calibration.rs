//! The three endpoints that every sweep measures its own probe against before it believes it (PROBING 6).

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use super::{Behaviour, Face, Identity, Peer};
use crate::model::time::Timestamp;

/// One vulnerable endpoint, one fixed, one without heartbeats, on loopback ports of their own.
#[derive(Debug)]
pub struct Calibration {
    vulnerable: Peer,
    fixed: Peer,
    without_heartbeats: Peer,
}

impl Calibration {
    /// Starts all three on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be bound, or no certificate be made.
    pub async fn start() -> io::Result<Calibration> {
        let from = Timestamp::from_seconds(1_577_836_800); // 2020-01-01
        let until = Timestamp::from_seconds(2_524_608_000); // 2050-01-01
        let name = "calibration.test";
        let identity = Identity::issue(None, name, &[name], from, until, 1).map_err(io::Error::other)?;
        let start = |behaviour| {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Peer::start(any, Face::new(behaviour, &identity))
        };
        Ok(Calibration {
            vulnerable: start(Behaviour::Vulnerable).await?,
            fixed: start(Behaviour::Fixed).await?,
            without_heartbeats: start(Behaviour::WithoutHeartbeats).await?,
        })
    }

    /// Answers malformed heartbeats.
    pub fn vulnerable(&self) -> SocketAddr {
        self.vulnerable.address()
    }

    /// Drops malformed heartbeats and answers well-formed ones.
    pub fn fixed(&self) -> SocketAddr {
        self.fixed.address()
    }

    /// Ends with alert 10 on any heartbeat.
    pub fn without_heartbeats(&self) -> SocketAddr {
        self.without_heartbeats.address()
    }
}
