//! `allclear.toml`: the incident's policy and the sweep's default limits. Flags win over it.
//!
//! Only reading and finding: what the values mean is in `model::policy` and in the sweep's settings.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{fragile::Signature, policy::Policy};

/// The name looked for beside the inventory, the incident file and in the working folder.
pub const FILE_NAME: &str = "allclear.toml";

/// What the file may hold. Unknown keys are errors: a misspelt rule must not be a silent default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Rules by which evidence becomes a state.
    pub policy: Policy,
    /// Defaults of `sweep` options.
    pub limits: Limits,
    /// Devices that a probe may hurt, beside the built-in ones.
    pub fragile: Vec<Signature>,
}

/// Defaults of `sweep` options; absent ones keep the built-in default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// `--concurrency`.
    pub concurrency: Option<usize>,
    /// `--rate`, new connections a second.
    pub rate: Option<u32>,
    /// `--per-host`.
    pub per_host: Option<usize>,
    /// `--vantage`.
    pub vantage: Option<String>,
    /// `--exclude`: CIDRs, addresses or names.
    pub exclude: Vec<String>,
}

/// A configuration and where it was read; no path for the built-in defaults.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The values.
    pub config: Config,
    /// The file.
    pub path: Option<PathBuf>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not hold what it should.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

/// Reads the file that was named, else the first [`FILE_NAME`] in `folders`, else the defaults.
pub fn find(named: Option<&Path>, folders: &[&Path]) -> Result<Found, Error> {
    let candidate = named.map(Path::to_path_buf).or_else(|| {
        let mut paths = folders.iter().map(|folder| folder.join(FILE_NAME));
        paths.find(|path| path.is_file())
    });
    let Some(path) = candidate else {
        return Ok(Found::default());
    };
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    Ok(Found { config: parse(&path, &text)?, path: Some(path) })
}

fn parse(path: &Path, text: &str) -> Result<Config, Error> {
    let bad = |at: usize, message: String| {
        let before = text.get(..at.min(text.len())).unwrap_or("");
        Error::Bad {
            path: path.to_path_buf(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            message,
        }
    };
    let config: Config = toml::from_str(text)
        .map_err(|e| bad(e.span().map_or(0, |span| span.start), e.message().to_owned()))?;
    // The tables stand in the order of the file.
    let places = text.match_indices("[[fragile]]").map(|(at, _)| at).chain(std::iter::repeat(0));
    for (signature, at) in config.fragile.iter().zip(places) {
        signature.check().map_err(|why| bad(at, why))?;
    }
    let places = text.match_indices("[[policy.rule]]").map(|(at, _)| at).chain(std::iter::repeat(0));
    for (rule, at) in config.policy.rule.iter().zip(places) {
        rule.check().map_err(|why| bad(at, why))?;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{policy::Presume, verdict::Grade};

    #[test]
    fn a_policy_is_read_and_the_rest_keeps_its_default() {
        let text =
            "[policy]\npresume = \"all\"\n[policy.minimum_grades]\nrevoked = \"E1\"\n[limits]\nrate = 50\n";
        let config = parse(Path::new("allclear.toml"), text).unwrap();
        assert_eq!(config.policy.presume, Presume::All);
        assert_eq!(config.policy.minimum_grades.revoked, Grade::E1);
        assert_eq!(config.policy.minimum_grades.restarted, Grade::E3);
        assert_eq!(config.limits.rate, Some(50));
    }

    #[test]
    fn mistakes_point_at_line_and_column() {
        let table = [
            ("[policy]\npresumed = \"all\"\n", "allclear.toml:2:1: unknown field `presumed`"),
            ("[policy]\npresume = \"some\"\n", "allclear.toml:2:11: `some` is not a known presumption"),
            ("[policy\n", "allclear.toml:1:8: "),
            (
                "[limits]\n\n[[fragile]]\nname = \"x\"\n",
                "allclear.toml:3:1: the signature `x` has no pattern",
            ),
            ("[policy]\n[[policy.rule]]\nowner = \"ops\"\n", "allclear.toml:2:1: a rule needs one of"),
            ("[[policy.rule]]\nowners = \"ops\"\n", "allclear.toml:2:1: unknown field `owners`"),
        ];
        for (text, expected) in table {
            let error = parse(Path::new("allclear.toml"), text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "input: {text:?}, got: {error}");
        }
    }
}
