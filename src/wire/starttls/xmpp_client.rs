//! STARTTLS in XMPP (RFC 6120, 5), for clients and, by way of `xmpp_server`, between servers.
//!
//! Not an authentication: what a server offers beside STARTTLS is read past. Entities are not resolved, so a namespace
//! that is written with them is an unknown one.

use self::xml::{Bad, Scanner, attributes};
use super::foreign::{Head, Seen, end, forget_said};
use super::{Asked, Dialogue, Ended, Entry, MAX_HELD, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::greeting::{ENOUGH, Greeting};

mod xml;

/// The dialogue's registration.
pub(super) const ENTRY: Entry = Entry {
    name: "xmpp-client",
    wrap: Wrap::XmppClient,
    begin: |asked: &Asked<'_>| Box::new(Xmpp::new("jabber:client", asked)),
};

/// The longest host name that is sent (RFC 7622, 3.2).
const MAX_HOST: usize = 1023;
/// The deepest element. What an answer is made of has depth 5.
const MAX_DEPTH: usize = 32;

const STREAMS: &[u8] = b"http://etherx.jabber.org/streams";
const ERRORS: &[u8] = b"urn:ietf:params:xml:ns:xmpp-streams";
const TLS: &[u8] = b"urn:ietf:params:xml:ns:xmpp-tls";

/// The conditions of RFC 6120, 4.9.3, and what they mean for us.
const CONDITIONS: [(&str, Ended); 25] = [
    ("bad-format", Ended::Refused),
    ("bad-namespace-prefix", Ended::Refused),
    ("conflict", Ended::Refused),
    ("connection-timeout", Ended::RateLimited),
    ("host-gone", Ended::Refused),
    ("host-unknown", Ended::Refused),
    ("improper-addressing", Ended::Refused),
    ("internal-server-error", Ended::Refused),
    ("invalid-from", Ended::Refused),
    // XMPP of the other kind: a server's port was asked as a client's, or the reverse.
    ("invalid-namespace", Ended::NotThis(Some(Greeting::Xmpp))),
    ("invalid-xml", Ended::Refused),
    ("not-authorized", Ended::Refused),
    ("not-well-formed", Ended::Refused),
    ("policy-violation", Ended::RateLimited),
    ("remote-connection-failed", Ended::Refused),
    ("reset", Ended::RateLimited),
    ("resource-constraint", Ended::RateLimited),
    ("restricted-xml", Ended::Refused),
    ("see-other-host", Ended::Refused),
    ("system-shutdown", Ended::RateLimited),
    ("undefined-condition", Ended::Refused),
    ("unsupported-encoding", Ended::Refused),
    ("unsupported-feature", Ended::Refused),
    ("unsupported-stanza-type", Ended::Refused),
    ("unsupported-version", Ended::Refused),
];

/// One conversation, of either kind.
#[derive(Debug)]
pub(super) struct Xmpp {
    namespace: &'static str,
    host: Option<String>,
    /// All that came, counted.
    heard: usize,
    /// The first bytes, to tell what it is if it is something else.
    first: Vec<u8>,
    head: Head,
    foreign: bool,
    scanner: Scanner,
    open: Vec<Element>,
    offered: bool,
    stage: Stage,
    notes: Vec<Note>,
}

/// What we said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The beginning of the stream.
    Opened,
    /// STARTTLS.
    Asked,
    /// The end of the stream; there may be something to say to that.
    Left,
}

/// An element that is not yet closed.
#[derive(Debug)]
struct Element {
    /// Its name as it was written, for its end tag.
    written: Vec<u8>,
    what: What,
    /// The prefixes that it declares, each with what it stands for.
    declared: Vec<(Vec<u8>, Space)>,
}

/// The namespaces that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Streams,
    Errors,
    Tls,
    Other,
}

/// The elements that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Stream,
    Features,
    StartTls,
    Proceed,
    Failure,
    Error,
    Condition(&'static str, Ended),
    Other,
}

/// What a tag leads to.
enum Turn {
    Nothing,
    Say(Vec<u8>),
    Tls,
    End(Ended),
}

impl Dialogue for Xmpp {
    fn open(&mut self) -> Step {
        let (to, what) = match &self.host {
            Some(host) => (format!(" to='{host}'"), "to the name that is asked for"),
            None => (String::new(), "to no name"),
        };
        self.notes.push(Note::Said(format!("a stream of {}, {what}", self.namespace)));
        let out = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{}'{to} version='1.0' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            self.namespace
        );
        Step::Say(out.into_bytes())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        let room = ENOUGH.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let (mut say, before) = (Vec::new(), self.notes.len());
        let mut left = bytes;
        while let Some((byte, rest)) = left.split_first() {
            if self.foreign {
                break;
            }
            left = rest;
            self.heard += 1;
            let turn = match self.scanner.take(*byte) {
                _ if self.heard > MAX_HELD => Turn::End(Ended::Garbled),
                Ok(None) => Turn::Nothing,
                Ok(Some(tag)) => self.tag(&tag).unwrap_or_else(|Bad| self.nonsense()),
                Err(Bad) => self.nonsense(),
            };
            match turn {
                Turn::Nothing => {}
                Turn::Say(more) => say.extend(more),
                Turn::Tls => return Step::Tls { tunnel: Tunnel::Bare, say, rest: rest.to_vec() },
                Turn::End(ended) => {
                    forget_said(before, &mut self.notes);
                    return end(ended, &mut self.notes);
                }
            }
        }
        if self.foreign {
            return match self.head.look(&self.first) {
                Seen::More => Step::More,
                // XML, but no stream.
                Seen::Known(Greeting::Xmpp) => end(Ended::NotThis(None), &mut self.notes),
                seen => end(Ended::NotThis(seen.known()), &mut self.notes),
            };
        }
        if say.is_empty() { Step::More } else { Step::Say(say) }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

impl Xmpp {
    /// Begins a conversation in this namespace. Without a name that can be written, `to` is left out: servers of one
    /// domain answer that, others with an error.
    pub(super) fn new(namespace: &'static str, asked: &Asked<'_>) -> Self {
        Self {
            namespace,
            host: asked.host.and_then(escaped),
            heard: 0,
            first: Vec::new(),
            head: Head::default(),
            foreign: false,
            scanner: Scanner::default(),
            open: Vec::new(),
            offered: false,
            stage: Stage::Opened,
            notes: Vec::new(),
        }
    }

    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    /// What bytes that are no XML, or the wrong XML, mean: before the stream begins, that this is something else.
    fn nonsense(&mut self) -> Turn {
        if !self.open.is_empty() {
            return Turn::End(Ended::Garbled);
        }
        self.foreign = true;
        Turn::Nothing
    }

    fn tag(&mut self, tag: &[u8]) -> Result<Turn, Bad> {
        if let Some(name) = tag.strip_prefix(b"/") {
            return self.close(name.trim_ascii_end());
        }
        let (tag, empty) = tag.strip_suffix(b"/").map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = attributes(tag)?;
        let declared: Vec<(Vec<u8>, Space)> = attributes
            .iter()
            .filter_map(|(key, value)| {
                let prefix = if *key == b"xmlns" { b"" } else { key.strip_prefix(b"xmlns:")? };
                Some((prefix.to_vec(), Space::of(value)))
            })
            .collect();
        let what = self.what(name, &declared);
        if self.open.len() >= MAX_DEPTH || (self.open.is_empty() && what != What::Stream) {
            return Err(Bad);
        }
        self.open.push(Element { written: name.to_vec(), what, declared });
        let turn = self.begin(what, &attributes);
        if empty && !matches!(turn, Turn::End(_)) { self.close(name) } else { Ok(turn) }
    }

    /// What a name means at this place.
    fn what(&self, name: &[u8], declared: &[(Vec<u8>, Space)]) -> What {
        let colon = name.iter().position(|b| *b == b':');
        let (prefix, local) = match colon.and_then(|at| name.split_at_checked(at)) {
            Some((prefix, local)) => (prefix, local.get(1..).unwrap_or_default()),
            None => (&b""[..], name),
        };
        let mut scopes =
            std::iter::once(declared).chain(self.open.iter().rev().map(|e| e.declared.as_slice()));
        let space =
            scopes.find_map(|scope| scope.iter().find(|(known, _)| known == prefix).map(|(_, space)| *space));
        let parent = self.open.last().map(|e| e.what);
        match (parent, space.unwrap_or(Space::Other), local) {
            (None, Space::Streams, b"stream") => What::Stream,
            (Some(What::Stream), Space::Streams, b"features") => What::Features,
            (Some(What::Stream), Space::Streams, b"error") => What::Error,
            (Some(What::Stream), Space::Tls, b"proceed") => What::Proceed,
            (Some(What::Stream), Space::Tls, b"failure") => What::Failure,
            (Some(What::Features), Space::Tls, b"starttls") => What::StartTls,
            (Some(What::Error), Space::Errors, local) => CONDITIONS
                .iter()
                .find(|(known, _)| known.as_bytes() == local)
                .map_or(What::Other, |(name, ended)| What::Condition(name, *ended)),
            _ => What::Other,
        }
    }

    fn begin(&mut self, what: What, attributes: &[(&[u8], &[u8])]) -> Turn {
        match what {
            What::Stream => {
                let version = attributes.iter().find(|(key, _)| *key == b"version").map(|(_, value)| *value);
                // Without a version of 1.0 or later there are no features (RFC 6120, 4.7.5), but there may be an error:
                // prosody gives none where it ends a stream before it has read ours. Our end tag gets an answer from
                // servers that have nothing else to say.
                if version.is_none_or(|v| v.is_empty() || v.starts_with(b"0")) {
                    self.came("a stream without a version, so without features");
                    self.stage = Stage::Left;
                    self.notes.push(Note::Said("the end of the stream".to_owned()));
                    return Turn::Say(b"</stream:stream>".to_vec());
                }
                self.came("a stream with a version");
            }
            What::StartTls => self.offered = true,
            What::Failure => {
                self.came("failure");
                return Turn::End(Ended::Refused);
            }
            What::Condition(name, ended) => {
                self.came(format!("a stream error: {name}"));
                return Turn::End(ended);
            }
            What::Proceed if self.stage != Stage::Asked => {
                self.came("proceed out of turn");
                return Turn::End(Ended::Garbled);
            }
            What::Features | What::Proceed | What::Error | What::Other => {}
        }
        Turn::Nothing
    }

    fn close(&mut self, name: &[u8]) -> Result<Turn, Bad> {
        let element = self.open.pop_if(|e| e.written == name).ok_or(Bad)?;
        Ok(match element.what {
            What::Features if self.stage == Stage::Asked => Turn::Nothing,
            What::Features if self.offered && self.stage == Stage::Opened => {
                self.stage = Stage::Asked;
                self.came("features with starttls");
                self.notes.push(Note::Said("starttls".to_owned()));
                Turn::Say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec())
            }
            What::Features => {
                self.came(if self.stage == Stage::Left { "features" } else { "features without starttls" });
                Turn::End(Ended::Refused)
            }
            What::Proceed => {
                self.came("proceed: TLS begins");
                Turn::Tls
            }
            What::Error => {
                self.came("a stream error without a known condition");
                Turn::End(Ended::Refused)
            }
            What::Stream => {
                self.came("the end of the stream");
                Turn::End(Ended::Refused)
            }
            What::StartTls | What::Failure | What::Condition(..) | What::Other => Turn::Nothing,
        })
    }
}

impl Space {
    fn of(name: &[u8]) -> Self {
        match name {
            STREAMS => Self::Streams,
            ERRORS => Self::Errors,
            TLS => Self::Tls,
            _ => Self::Other,
        }
    }
}

/// A host name as it may stand between quotes; none for one that XML or XMPP has no place for.
fn escaped(host: &str) -> Option<String> {
    if host.is_empty() || host.len() > MAX_HOST || host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let mut out = String::with_capacity(host.len());
    for c in host.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            // The two that are no characters of XML although they are ones of Unicode.
            '\u{fffe}' | '\u{ffff}' => return None,
            _ => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
