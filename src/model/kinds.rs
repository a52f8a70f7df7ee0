//! Kinds of services and kinds of secrets, as rows of a table: what a process holds, how it is restarted, how a secret is
//! rotated. The tables that come with the tool are `remediate`'s; users add rows of their own in `allclear.toml`.

use serde::{Deserialize, Serialize};

use super::{secret::Tier, service::TlsStack, wrap::Wrap};

/// What a kind of service holds and how it is handled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceType {
    /// The word for it in an inventory.
    pub name: String,
    /// Other words for it, in lower case with hyphens.
    pub aliases: Vec<String>,
    /// For people.
    pub title: String,
    /// Ports that mean this type where nobody named one.
    pub ports: Vec<u16>,
    /// Wraps that mean this type where nobody named one.
    pub wraps: Vec<Wrap>,
    /// Codes of the secrets it always has in memory, besides its TLS key and tickets.
    pub holds: Vec<String>,
    /// What a restart does to the people who use it.
    pub drops: String,
    /// systemd units on Debian and its kin, and on Red Hat and its kin.
    pub units: Option<[String; 2]>,
    /// A command that checks the configuration.
    pub test: Option<String>,
    /// A command that makes it read a new certificate.
    pub reload: Option<String>,
    /// Where key and certificate are named in its configuration, for people.
    pub place: Option<String>,
    /// A box with firmware, whose maker decides.
    pub appliance: bool,
    /// How it usually comes by its TLS code; absent: it differs too much to say.
    pub stack: Option<TlsStack>,
    /// Whether it issues tokens (sessions, API keys, credentials) to others; absent: some do.
    pub issues_tokens: Option<bool>,
}

/// How a kind of secret is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretType {
    /// The code, such as `C7`.
    pub code: String,
    /// Its tier.
    pub tier: Tier,
    /// For people.
    pub title: String,
    /// Words that a secrets file may use instead of the code, in lower case with hyphens.
    pub aliases: Vec<String>,
    /// When such a secret was in reach.
    pub exposed_if: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What proves that the old one is dead.
    pub evidence: String,
    /// How far a machine can prove it.
    pub checkable: String,
    /// Whether old and new can be valid together.
    pub overlap: bool,
    /// What breaks while it is done.
    pub impact: String,
    /// Codes that come first where they concern the same service.
    #[serde(default)]
    pub after: Vec<String>,
    /// The state to record when it is done.
    #[serde(default = "old_refused")]
    pub attest: String,
    /// Commands and places by product, each part of one of the steps.
    #[serde(default)]
    pub commands: Vec<Hint>,
    /// Examples of a try with the old value.
    #[serde(default)]
    pub tries: Vec<Try>,
    /// A store of many (sessions, tokens, passwords): what proves it is how many from before are still active.
    #[serde(default)]
    pub bulk: bool,
}

/// How a step is done with one product, for people; commands stand between backticks. No value of a secret stands in
/// it: values come out of files, prompts or standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The service types, or beginnings of the words of a secrets file, for which it holds; empty: for all.
    #[serde(rename = "for", default)]
    pub kinds: Vec<String>,
    /// The step that it belongs to, from 1.
    #[serde(default = "first")]
    pub step: usize,
    /// The hint.
    pub text: String,
}

/// A command that tries the old value and fails when that is refused. The value comes out of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// As in [`Hint`].
    #[serde(rename = "for", default)]
    pub kinds: Vec<String>,
    /// The command.
    pub run: String,
    /// The same with the new value, which has to succeed: then it was the value that was refused and not the way there.
    #[serde(default)]
    pub control: Option<String>,
    /// The exit codes by which it says that the value was refused; empty: any but 0.
    #[serde(default)]
    pub refused: Vec<u8>,
}

fn old_refused() -> String {
    "old-refused".to_owned()
}

const fn first() -> usize {
    1
}

impl SecretType {
    /// The type of last resort, should the table not be readable.
    pub fn fallback() -> Self {
        Self {
            code: "C0".to_owned(),
            tier: Tier::C,
            title: "Another secret".to_owned(),
            aliases: Vec::new(),
            exposed_if: "it was in the memory of a process that leaked".to_owned(),
            steps: vec!["Make a new one, switch to it, and switch the old one off.".to_owned()],
            evidence: "A try with the old one fails.".to_owned(),
            checkable: "negative test".to_owned(),
            overlap: false,
            impact: "Whatever still uses the old one fails.".to_owned(),
            after: Vec::new(),
            attest: old_refused(),
            commands: Vec::new(),
            tries: Vec::new(),
            bulk: false,
        }
    }
}
