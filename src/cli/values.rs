//! What is typed behind options of several commands: times, resolvers, wraps, files. It runs nothing.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use crate::{error::Error, model::wrap::Wrap};

/// A time such as 3s, 1.5s or 500ms.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write 3s, 1.5s or 500ms");
    let (number, unit) = if let Some(n) = text.strip_suffix("ms") {
        (n, 0.001)
    } else if let Some(n) = text.strip_suffix('s') {
        (n, 1.0)
    } else {
        (text, 1.0)
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
    if !(0.001..=3600.0).contains(&seconds) {
        return Err(format!("`{text}` is out of range; from 1ms to 3600s"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// An address with a port, or the port of DNS.
pub(super) fn parse_resolver(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let with_port = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    let found = with_port.or_else(|_| text.parse::<SocketAddr>());
    found.ok().filter(|at| at.port() != 0).ok_or_else(|| {
        format!("`{text}` is no address; write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353")
    })
}

/// The help of `--wrap`, with every word that it takes.
pub(super) fn wrap_help() -> &'static str {
    static HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let all: Vec<&str> = Wrap::ALL.iter().map(|w| w.as_str()).collect();
        format!(
            "How TLS is reached where a row does not say. Without it the port decides, and a greeting of another \
             protocol corrects it; auto: ports that show nothing are also tried with protocols in which the client \
             speaks first, at up to five connections each; or one of {}",
            all.join(", ")
        )
    });
    &HELP
}

/// A wrap, or none: to be found out.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrapChoice(pub(super) Option<Wrap>);

pub(super) fn parse_wrap(text: &str) -> Result<WrapChoice, String> {
    if text == "auto" {
        return Ok(WrapChoice(None));
    }
    Wrap::named(text).map(|wrap| WrapChoice(Some(wrap))).map_err(|e| e.to_string())
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| Error::Input(format!("cannot read {}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_an_address() {
        let table = [
            ("192.0.2.53", Some("192.0.2.53:53")),
            ("127.0.0.1:5353", Some("127.0.0.1:5353")),
            ("2001:db8::53", Some("[2001:db8::53]:53")),
            ("[2001:db8::53]", Some("[2001:db8::53]:53")),
            ("[2001:db8::53]:5353", Some("[2001:db8::53]:5353")),
            ("127.0.0.1:0", None),
            ("dns.example.test", None),
            ("", None),
        ];
        for (input, expected) in table {
            let got = parse_resolver(input).ok().map(|at| at.to_string());
            assert_eq!(got.as_deref(), expected, "input: {input:?}");
        }
    }

    #[test]
    fn times_are_read_with_their_units() {
        let table = [
            ("3s", Some(3000)),
            ("500ms", Some(500)),
            ("1.5s", Some(1500)),
            ("2", Some(2000)),
            ("0s", None),
            ("-1s", None),
            ("1e9s", None),
            ("NaN", None),
            ("soon", None),
        ];
        for (input, expected) in table {
            let got = parse_duration(input).ok().map(|d| d.as_millis());
            assert_eq!(got, expected, "input: {input:?}");
        }
    }
}
