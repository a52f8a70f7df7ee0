//! What loading the inventory gave: services and secrets, and beside them everything that a person
//! has to be told about the files. Plain data; reading files is the inventory stage's business.

use std::{fmt, sync::Arc};

use super::{
    discovery::{Discovered, Scan, Zone},
    ids::RowId,
    secret::Secret,
    service::{Service, Source},
    text::Printable,
    vocabulary,
};

/// A row that could not be read. One for each bad row, with its first fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file as it was named; `-` is standard input.
    pub file: Arc<str>,
    /// The line on which the faulty field begins, from 1.
    pub line: u32,
    /// The byte column at which the faulty field begins, from 1.
    pub column: u32,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for BadRow {
    /// `file:line:column: message`, safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, message) = (Printable(&self.file), Printable(&self.message));
        write!(f, "{file}:{}:{}: {message}", self.line, self.column)
    }
}

/// Two lines that declare the same service and do not agree on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The service; the first of them where the two lines declare many (a CIDR).
    pub row_id: RowId,
    /// The column, such as `owner`.
    pub field: &'static str,
    /// The value that stands, and the line that gave it.
    pub kept: (String, Source),
    /// The value that was not taken, and the line that gave it.
    pub other: (String, Source),
    /// How many more services of the same two lines disagree in the same way.
    pub more: u64,
}

impl fmt::Display for Disagreement {
    /// `file:line: ...` of the value that was not taken, safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((kept, by), (other, at)) = (&self.kept, &self.other);
        write!(
            f,
            "{}:{}: {} of {} is `{}` here and `{}` at {}:{}; `{}` stands",
            Printable(&at.file),
            at.line,
            self.field,
            Printable(self.row_id.as_str()),
            Printable(other),
            Printable(kept),
            Printable(&by.file),
            by.line,
            Printable(kept),
        )?;
        if self.more > 0 {
            write!(f, " (and {} more services of these lines)", self.more)?;
        }
        Ok(())
    }
}

vocabulary! {
    /// What a notice is about.
    NoticeKind, "notice kind" {
        /// A secret names a service that is not in the inventory.
        UnresolvedService = "unresolved-service",
        /// A secret names no service at all, so nothing says what exposed it.
        SecretWithoutService = "secret-without-service",
        /// A column of the secrets file that has no place here and was not kept.
        IgnoredColumn = "ignored-column",
        /// A name that became a tag and is nearly a column.
        LikelySlip = "likely-slip",
        /// Rows without a port got the usual one of their kind, which has others.
        DefaultPort = "default-port",
        /// The declared wrap is not the one that the port usually has.
        UnusualWrap = "unusual-wrap",
        /// The same service under two row ids.
        SameService = "same-service",
        /// One address and port under several names.
        SharedAddress = "shared-address",
        /// What users must get cannot be read; the service is swept all the same.
        BadExpectation = "bad-expectation",
        /// What a file holds besides services, or what of it was left out on purpose, with a count.
        LeftOut = "left-out",
        /// A name that DNS does not know, of a service whose address nothing else gives.
        NoSuchName = "no-such-name",
        /// Something that DNS says, or does not say.
        Dns = "dns",
        /// Names or zones that hang on one provider, or on which resolvers disagree.
        DnsRisk = "dns-risk",
    }
}

impl NoticeKind {
    /// Whether somebody has to correct a file; the rest is worth knowing and may be right.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::UnresolvedService | Self::SameService | Self::BadExpectation | Self::NoSuchName)
    }
}

/// Something that is worth telling and no bad row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// One sentence for a person.
    pub message: String,
    /// The line that it is about.
    pub source: Option<Source>,
}

impl fmt::Display for Notice {
    /// `file:line: message`, safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{}:{}: ", Printable(&source.file), source.line)?;
        }
        Printable(&self.message).fmt(f)
    }
}

/// Everything that loading gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The services, in reading order, each once.
    pub services: Vec<Service>,
    /// The secrets, in reading order.
    pub secrets: Vec<Secret>,
    /// Every row that could not be read, in reading order.
    pub bad: Vec<BadRow>,
    /// Every field on which two lines about one service disagree.
    pub disagreements: Vec<Disagreement>,
    /// Everything else worth telling.
    pub notices: Vec<Notice>,
    /// Open ports that scans found, whether or not they became services.
    pub discovered: Vec<Discovered>,
    /// What the scans looked at.
    pub scans: Vec<Scan>,
    /// DNS zones that inputs hold whole.
    pub zones: Vec<Zone>,
    /// The scope that native inventories bring: names of the files, and one CIDR, address, name or `*.suffix` a line.
    pub scope: Option<(String, String)>,
    /// What native inventories exclude, in the same words.
    pub exclude: Vec<String>,
    /// Data rows read, bad ones and secrets included; blank lines, comments and headers are none.
    pub rows: u64,
    /// Services that the good rows stood for (port lists and CIDRs expanded), before merging:
    /// `services.len() + merged`.
    pub expanded: u64,
    /// Of these, how many were folded into one that was there already.
    pub merged: u64,
}

impl Loaded {
    /// How many things somebody has to correct: what makes `inventory check` exit with 5.
    pub fn faults(&self) -> usize {
        let notices = self.notices.iter().filter(|n| n.kind.is_fault()).count();
        self.bad.len() + self.disagreements.len() + notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(line: u32) -> Source {
        Source { format: "csv".into(), file: "a\u{1b}.csv".into(), line, path: None }
    }

    #[test]
    fn messages_point_at_a_place_and_are_safe_to_print() {
        let bad =
            BadRow { file: "a\u{1b}.csv".into(), line: 3, column: 7, message: "`\u{7}` is no port".into() };
        assert_eq!(bad.to_string(), r"a\x1B.csv:3:7: `\x07` is no port");

        let disagreement = Disagreement {
            row_id: RowId::declared("web1"),
            field: "owner",
            kept: ("ops".into(), source(2)),
            other: ("dev\n".into(), source(9)),
            more: 1,
        };
        assert_eq!(
            disagreement.to_string(),
            r"a\x1B.csv:9: owner of web1 is `dev\x0A` here and `ops` at a\x1B.csv:2; `ops` stands (and 1 more services of these lines)"
        );

        let notice =
            Notice { kind: NoticeKind::SharedAddress, message: "two\nlines".into(), source: Some(source(4)) };
        assert_eq!(notice.to_string(), r"a\x1B.csv:4: two\x0Alines");
    }
}
