//! The look of credentials: texts that are values of secrets, whatever they stand under. Better one text too many.

/// How the tokens of well-known makers begin.
const PREFIXES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
    "npm_",
    "pypi-",
    "dop_v1_",
    "SG.",
    "hvs.",
    "ya29.",
];

/// Words before a value, in lower case.
const ASSIGNED: &[&str] =
    &["password=", "passwd=", "pwd=", "passphrase=", "secret=", "token=", "apikey=", "api_key="];

/// Whether it is the value of a secret by its own marks: a key in PEM, a vault, a password in an address or a setting,
/// the token of a maker.
pub(super) fn is_credential(text: &str) -> bool {
    let lower = || text.to_ascii_lowercase();
    text.contains("-----BEGIN")
        || text.contains("$ANSIBLE_VAULT")
        || text.contains("hooks.slack.com/")
        || password_in_address(text).is_some()
        || (text.contains('=') && ASSIGNED.iter().any(|word| lower().contains(word)))
        || text
            .split(|c: char| c.is_whitespace() || "=:,;\"'".contains(c))
            .any(|word| word.len() >= 16 && PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
}

/// Whether it looks like key material: long, and of letters of both cases and digits without order.
pub(super) fn is_random(text: &str) -> bool {
    let run = |word: &str| {
        let has = |f: fn(&u8) -> bool| word.bytes().any(|b| f(&b));
        word.len() >= 24
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_digit)
    };
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    text.split(|c| !base64(c)).any(run)
}

/// Where the password in `user:password@host` or `scheme://user:password@host` begins and ends, in bytes.
pub(super) fn password_in_address(text: &str) -> Option<(usize, usize)> {
    let from = text.find("://").map_or(0, |at| at + 3);
    let rest = text.get(from..)?;
    let authority = rest.split(['/', '?', '#', ' ', '\t', ',']).next()?;
    let at = authority.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    Some((from + colon + 1, from + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_marks_and_harmless_words_are_not() {
        let table = [
            ("glpat-abcdefghij1234567890", true),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", true),
            ("-----BEGIN RSA PRIVATE KEY-----MIIE", true),
            ("https://u:hunter2@git.example.test/x", true),
            ("admin:hunter2@db", true),
            ("Server=db;Password=hunter2", true),
            ("-Ddb.password=hunter2", true),
            ("https://hooks.slack.com/services/T0/B0/x", true),
            ("eyJhbGciOiJIUzI1NiJ9.e30.x", true),
            ("vault:web/session", false),
            ("ops@example.test", false),
            ("https://wiki.example.test/rotate/session", false),
            ("web01.example.test:8443", false),
            ("role=web", false),
            ("eyJ", false),
            ("", false),
        ];
        for (text, expected) in table {
            assert_eq!(is_credential(text), expected, "{text}");
        }
        assert!(is_random("MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7"));
        assert!(
            !is_random("ip-10-0-0-12.eu-central-1.compute.internal")
                && !is_random("WebServer01.Example.Test")
        );
    }
}
