//! Lines of `/proc/PID/net/{tcp,tcp6,udp,udp6}`: the sockets that wait for somebody. Text in, values out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::host::Protocol;

/// A socket that waits for connections or datagrams of anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Socket {
    /// The protocol.
    pub(super) protocol: Protocol,
    /// The address that it is bound to; an IPv4 address where an IPv6 socket is bound to one.
    pub(super) address: IpAddr,
    /// The port.
    pub(super) port: u16,
    /// Its inode: how the processes that hold it are found. 0 for sockets of the kernel.
    pub(super) inode: u64,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A socket that waits.
    Listens(Socket),
    /// The heading, or a socket of a connection.
    Other,
    /// Not a line of this format.
    Odd,
}

/// The states that count: a TCP socket that listens, a UDP socket without a peer.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// Reads one line, without its line feed.
pub(super) fn line(protocol: Protocol, text: &[u8]) -> Line {
    let text = text.trim_ascii();
    if text.starts_with(b"sl ") || text.is_empty() {
        return Line::Other;
    }
    parse(protocol, text).unwrap_or(Line::Odd)
}

fn parse(protocol: Protocol, text: &[u8]) -> Option<Line> {
    let mut fields = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let (local, remote, state) = (fields.nth(1)?, fields.next()?, fields.next()?);
    let (address, port) = endpoint(local)?;
    let (_, peer) = endpoint(remote)?;
    // Queues, timer, retransmits, user and timeout stand between.
    let inode = fields.nth(5)?.parse().ok()?;
    let waits = match protocol {
        Protocol::Tcp => state == LISTEN,
        Protocol::Udp => state == UNCONNECTED && peer == 0 && port != 0,
    };
    Some(if waits { Line::Listens(Socket { protocol, address, port, inode }) } else { Line::Other })
}

fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    Some((self::address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the kernel prints it: words of 32 bits, each in network order in memory and printed as a
/// number of this machine.
fn address(text: &str) -> Option<IpAddr> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let word = |at: usize| -> Option<[u8; 4]> {
        let digits = text.get(at.checked_mul(8)?..at.checked_add(1)?.checked_mul(8)?)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// The ports that the kernel gives to sockets that ask for none, from `ip_local_port_range`.
pub(super) fn port_range(text: &[u8]) -> Option<(u16, u16)> {
    let mut fields = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let (first, last) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The inode of a socket, from the text of a link in `/proc/PID/fd`.
pub(super) fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number in the text of a link in `/proc/PID/ns`, such as `mnt:[4026531832]`.
pub(super) fn namespace(link: &[u8]) -> Option<u64> {
    let at = link.iter().position(|b| *b == b'[')?;
    let digits = link.get(at.checked_add(1)?..)?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
