//! The look of credentials: texts that are values of secrets, whatever they stand under. Better one text too many.

/// How the tokens of well-known makers begin, and how long the shortest ones are.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xoxa-", 20),
    ("eyJ", 20),
    ("AIza", 35),
    ("npm_", 36),
    ("pypi-", 40),
    ("dop_v1_", 40),
    ("SG.", 40),
    ("hvs.", 24),
    ("ya29.", 30),
];

/// Words before a value, in lower case.
const ASSIGNED: &[&str] =
    &["password=", "passwd=", "pwd=", "passphrase=", "secret=", "token=", "apikey=", "api_key="];

/// Whether it is the value of a secret by its own marks: a key in PEM, a vault, a password in a URL or a setting, the
/// token of a maker.
pub(super) fn is_credential(text: &str) -> bool {
    text.contains("-----BEGIN")
        || text.contains("$ANSIBLE_VAULT")
        || text.contains("hooks.slack.com/")
        || (text.contains("://") && password_in_address(text).is_some())
        || (text.contains('=') && {
            let lower = text.to_ascii_lowercase();
            ASSIGNED.iter().any(|word| lower.contains(word))
        })
        || text.split(|c: char| c.is_whitespace() || "=:,;\"'".contains(c)).any(is_token)
}

fn is_token(word: &str) -> bool {
    let has_digit = word.bytes().any(|b| b.is_ascii_digit());
    // An access key of AWS; `ASIA-PACIFIC` is none.
    let aws = (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.len() == 20
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    has_digit && (aws || TOKENS.iter().any(|(begin, least)| word.len() >= *least && word.starts_with(begin)))
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
    if text.trim_start().get(..7).is_some_and(|begin| begin.eq_ignore_ascii_case("mailto:")) {
        return None;
    }
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
            ("Server=db;Password=hunter2", true),
            ("-Ddb.password=hunter2", true),
            ("https://hooks.slack.com/services/T0/B0/x", true),
            ("eyJhbGciOiJIUzI1NiJ9.e30.x", true),
            ("vault:web/session", false),
            ("AKIAIOSFODNN7EXAMPLE", true),
            ("ASIA-PACIFIC-OPERATIONS-1", false),
            ("SG.Infrastructure-Team-2", false),
            ("npm_registry_servers_01", false),
            ("mailto:ops@example.test", false),
            ("ops:ana@example.test", false),
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
        let cut = |text: &str| password_in_address(text).map(|(from, to)| text[from..to].to_owned());
        assert_eq!(cut("admin:hunter2@db").as_deref(), Some("hunter2"));
        assert_eq!(cut("https://u:p@ss@h/x").as_deref(), Some("p@ss"));
        assert_eq!(cut("mailto:ops@example.test"), None);
        assert!(is_random("MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7"));
        assert!(
            !is_random("ip-10-0-0-12.eu-central-1.compute.internal")
                && !is_random("WebServer01.Example.Test")
        );
    }
}
