//! Why a connection gave nothing, from what the ssh client said.

use crate::model::{
    host::{Failure, FailureCode},
    text::printable,
};

/// Characters of a message at most.
const MAX_MESSAGE: usize = 600;

/// Phrases of OpenSSH and of the system below it, in lower case; the first that fits decides. What ends a
/// connection often leaves several lines, so those that name a reason stand before those that do not.
const PHRASES: &[(FailureCode, &[&str])] = &[
    (
        FailureCode::HostKey,
        &["host key verification failed", "host identification has changed", "host key is known for"],
    ),
    (
        FailureCode::DnsFailed,
        &[
            "could not resolve hostname",
            "name or service not known",
            "temporary failure in name resolution",
            "no address associated",
        ],
    ),
    (FailureCode::Refused, &["connection refused"]),
    (
        FailureCode::NoRoute,
        &[
            "no route to host",
            "network is unreachable",
            "network is down",
            "host is down",
            "cannot assign requested address",
            "address family not supported",
        ],
    ),
    (
        FailureCode::ConnectTimedOut,
        &["connection timed out", "operation timed out", "during banner exchange"],
    ),
    (
        FailureCode::Denied,
        &[
            "permission denied (",
            "too many authentication failures",
            "no more authentication methods",
            "access denied",
            "account has expired",
            "account is currently not available",
            "password has expired",
            "password change required",
        ],
    ),
    (FailureCode::TimedOut, &["timeout, server"]),
    (
        FailureCode::LocalError,
        &[
            "unable to negotiate",
            "bad configuration option",
            "bad owner or permissions",
            "can't open user config file",
            "terminating,",
            "no such file or directory",
            "too many open files",
        ],
    ),
];

/// The code for what the client said before it ended with 255.
pub(super) fn classify(said: &str) -> FailureCode {
    let said = said.to_lowercase();
    PHRASES
        .iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| said.contains(phrase)))
        .map_or(FailureCode::CutOff, |(code, _)| *code)
}

/// A failure with what was said on one line; `otherwise` where nothing was.
pub(super) fn failure(code: FailureCode, said: &[u8], otherwise: &str) -> Failure {
    let line = one_line(said);
    Failure { code, message: if line.is_empty() { otherwise.to_owned() } else { line } }
}

/// Untrusted text on one line, safe to show. Rows of `@`, with which OpenSSH frames warnings, are left out.
pub(super) fn one_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.chars().all(|c| c == '@')).collect();
    let joined = lines.join(" / ");
    let line = printable(&joined);
    if line.chars().count() <= MAX_MESSAGE {
        return line.into_owned();
    }
    // The end says most: the client speaks last.
    let skip = line.chars().count() - MAX_MESSAGE;
    std::iter::once('…').chain(line.chars().skip(skip)).collect()
}
