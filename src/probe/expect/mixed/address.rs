//! Whether a browser would take a text for an address in the clear, and of which host. As forgiving as browsers are
//! (WHATWG URL, 4.4): blanks around, tabs and line breaks inside, any number of slashes of either kind.

/// The longest host that is told.
const MAX_HOST: usize = 100;

/// What a text is, as an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `http:`, with the host.
    Clear(String),
    /// Another scheme: TLS, data, a script.
    Other,
    /// Without a scheme, and whether it names a host of its own (`//host/path`), given without its slashes.
    Relative(Option<String>),
}

/// Reads one address.
pub(super) fn read(text: &[u8]) -> Address {
    let blank = |b: &u8| *b <= b' ';
    let from = text.iter().position(|b| !blank(b)).unwrap_or(text.len());
    let rest = text.get(from..).unwrap_or_default();
    // More than this is no host, and the path does not matter.
    let clean: Vec<u8> =
        rest.iter().copied().filter(|b| !matches!(b, b'\t' | b'\r' | b'\n')).take(2048).collect();
    if let Some((scheme, behind)) = scheme(&clean) {
        if !scheme.eq_ignore_ascii_case(b"http") {
            return Address::Other;
        }
        return match host(behind) {
            Some(host) => Address::Clear(host),
            None => Address::Other,
        };
    }
    match clean.as_slice() {
        [b'/' | b'\\', b'/' | b'\\', behind @ ..] => Address::Relative(host(behind)),
        _ => Address::Relative(None),
    }
}

/// The scheme and what is behind its colon.
fn scheme(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().position(|b| *b == b':')?;
    let (scheme, behind) = (text.get(..colon)?, text.get(colon + 1..)?);
    let [first, others @ ..] = scheme else { return None };
    let fits = first.is_ascii_alphabetic()
        && others.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    fits.then_some((scheme, behind))
}

/// The host, with its port, that stands behind the slashes. None where there is none, or where it is this machine's own,
/// which browsers trust without TLS (W3C Secure Contexts, 3.1).
fn host(behind: &[u8]) -> Option<String> {
    let from = behind.iter().position(|b| !matches!(b, b'/' | b'\\'))?;
    let authority = behind.get(from..)?.split(|b| matches!(b, b'/' | b'\\' | b'?' | b'#')).next()?;
    let host = authority.rsplit(|b| *b == b'@').next()?; // a password stays where it is
    let kept = |b: u8| match b {
        b'a'..=b'z' | b'0'..=b'9' | b'.' | b':' | b'-' | b'[' | b']' | b'_' => char::from(b),
        _ => '?',
    };
    let host: String = host.iter().take(MAX_HOST).map(|b| kept(b.to_ascii_lowercase())).collect();
    (!host.is_empty() && !is_own(&host)).then_some(host)
}

fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(literal) => return literal.split(']').next() == Some("::1"),
        None => host.split(':').next().unwrap_or(host),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let loopback = name.parse::<std::net::Ipv4Addr>().is_ok_and(|a| a.is_loopback());
    name == "localhost" || name.ends_with(".localhost") || loopback
}
