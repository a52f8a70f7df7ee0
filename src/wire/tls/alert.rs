//! Alerts (RFC 5246, section 7.2). What an alert means for a probe is not decided here.

use super::record;

/// The connection will be closed in order.
pub const CLOSE_NOTIFY: u8 = 0;
/// A message that does not belong there.
pub const UNEXPECTED_MESSAGE: u8 = 10;
/// A record whose check does not hold (RFC 5246: also one that cannot be decrypted).
pub const BAD_RECORD_MAC: u8 = 20;
/// No parameters in common.
pub const HANDSHAKE_FAILURE: u8 = 40;
/// A field out of range.
pub const ILLEGAL_PARAMETER: u8 = 47;
/// A message that cannot be decoded.
pub const DECODE_ERROR: u8 = 50;
/// The version is not supported.
pub const PROTOCOL_VERSION: u8 = 70;
/// The server wants stronger suites.
pub const INSUFFICIENT_SECURITY: u8 = 71;
/// The server's own fault.
pub const INTERNAL_ERROR: u8 = 80;
/// A fallback that was not needed (RFC 7507).
pub const INAPPROPRIATE_FALLBACK: u8 = 86;
/// The name of the SNI is not known (RFC 6066, 3).
pub const UNRECOGNIZED_NAME: u8 = 112;

/// The level of a warning.
pub const WARNING: u8 = 1;
/// The level of an alert that ends the connection.
pub const FATAL: u8 = 2;

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// 1 warning, 2 fatal; whatever the server sent.
    pub level: u8,
    /// The description.
    pub code: u8,
}

impl Alert {
    /// The first alert of a record's fragment; `None` where the fragment is shorter than one.
    pub fn parse(fragment: &[u8]) -> Option<Self> {
        match *fragment {
            [level, code, ..] => Some(Self { level, code }),
            _ => None,
        }
    }

    /// Whether the connection goes on after it: a warning other than the notice of closing.
    pub const fn goes_on(self) -> bool {
        self.level == WARNING && self.code != CLOSE_NOTIFY
    }

    /// Appends the alert as a record.
    pub fn encode(self, out: &mut Vec<u8>, version: u16) {
        record::encode(out, record::ALERT, version, &[self.level, self.code]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_read_what_they_write() {
        let alert = Alert { level: FATAL, code: PROTOCOL_VERSION };
        let mut out = Vec::new();
        alert.encode(&mut out, 0x0301);
        assert_eq!(out, [21, 3, 1, 0, 2, 2, 70]);
        assert_eq!(Alert::parse(&out[5..]), Some(alert));
        assert_eq!(Alert::parse(&[2]), None);
        assert_eq!(Alert::parse(&[]), None);
    }

    #[test]
    fn only_warnings_go_on() {
        let table = [
            (WARNING, UNRECOGNIZED_NAME, true),
            (WARNING, CLOSE_NOTIFY, false),
            (FATAL, 10, false),
            (0, 0, false),
        ];
        for (level, code, expected) in table {
            assert_eq!(Alert { level, code }.goes_on(), expected, "alert {level} {code}");
        }
    }
}
