//! What can be told of addresses by their look alone.

use std::net::IpAddr;

use ipnet::IpNet;

/// Whether a text is an address or a network, and can be nothing else.
pub fn is_address_or_network(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok()
}

/// Whether an address is for inside use: RFC 1918, RFC 4193, RFC 6598, loopback and link-local ones.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
