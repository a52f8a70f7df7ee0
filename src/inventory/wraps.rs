//! Which wrap a well-known port has, to notice a declaration that contradicts it. Only for notices:
//! what is declared always stands.

use crate::model::wrap::{Transport, Wrap};

/// The usual wrap of a TCP port, where the declared one is of another kind. `plain` is somebody's
/// plain word and contradicts nothing.
pub(super) fn contradicted(port: u16, transport: Transport, declared: Wrap) -> Option<Wrap> {
    if transport == Transport::Udp || declared == Wrap::Plain {
        return None;
    }
    let usual = match Wrap::for_port(port) {
        Wrap::Tls if is_implicit_tls(port) => Wrap::Tls,
        Wrap::Tls => return None,
        wrap => wrap,
    };
    // LMTP has no port of its own, and some put it on the ports of mail.
    let same = usual == declared || (usual == Wrap::Smtp && declared == Wrap::Lmtp);
    (!same).then_some(usual)
}

/// Ports that IANA assigns to a protocol with TLS from the first byte.
const fn is_implicit_tls(port: u16) -> bool {
    matches!(
        port,
        443 | 465
            | 563
            | 636
            | 853
            | 989
            | 990
            | 992
            | 993
            | 994
            | 995
            | 3269
            | 5061
            | 5223
            | 5349
            | 5671
            | 6514
            | 6697
            | 8443
            | 8883
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_contradictions_are_noticed() {
        let table = [
            (443, Transport::Tcp, Wrap::Tls, None),
            (443, Transport::Tcp, Wrap::Smtp, Some(Wrap::Tls)),
            (25, Transport::Tcp, Wrap::Tls, Some(Wrap::Smtp)),
            (25, Transport::Tcp, Wrap::Lmtp, None),
            (465, Transport::Tcp, Wrap::Smtp, Some(Wrap::Tls)),
            (5432, Transport::Tcp, Wrap::Postgres, None),
            (5349, Transport::Udp, Wrap::Dtls, None),
            (443, Transport::Udp, Wrap::Dtls, None),
            (10_443, Transport::Tcp, Wrap::Smtp, None),
            (25, Transport::Tcp, Wrap::Plain, None),
        ];
        for (port, transport, wrap, expected) in table {
            assert_eq!(contradicted(port, transport, wrap), expected, "{port} {transport} {wrap}");
        }
    }
}
