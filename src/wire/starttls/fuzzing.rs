//! One dialogue over any bytes, whole and in pieces: what holds for every dialogue is asserted here. For fuzzers and
//! property tests.

use super::{Asked, Dialogue, Ended, Entry, MAX_BANNER, MAX_SAID, Note, Step, Tunnel};

/// The most bytes that any dialogue sends in all.
const MAX_SENT: usize = 16 * 1024;

/// How a dialogue went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that it sent, message by message.
    pub said: Vec<Vec<u8>>,
    /// How it came out; `None` where it wants more.
    pub ended: Option<Out>,
    /// What it told about itself.
    pub notes: Vec<Note>,
    /// The banner that it kept.
    pub banner: Vec<u8>,
}

/// How a dialogue came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// TLS, with all that is read as TLS: what was left over, and what was not yet heard.
    Tls(Tunnel, Vec<u8>),
    /// Something else.
    End(Ended),
}

impl Outcome {
    /// All that was sent.
    pub fn sent(&self) -> Vec<u8> {
        self.said.concat()
    }

    /// What may not depend on how the bytes were cut. What was sent belongs to it unless the dialogue ended, since a
    /// dialogue that sees its end ahead need not speak any more.
    fn invariant(mut self) -> Self {
        self.said = if matches!(self.ended, Some(Out::End(_))) { Vec::new() } else { vec![self.sent()] };
        self.notes.retain(|note| matches!(note, Note::Came(_)));
        self
    }
}

/// Runs one dialogue over `data` that arrives in pieces of `step` bytes.
///
/// # Panics
///
/// When the dialogue speaks too often or too much, sends an empty message, keeps too long a banner, or never settles.
pub fn drive(entry: &Entry, host: Option<&str>, data: &[u8], step: usize) -> Outcome {
    let mut dialogue = (entry.begin)(&Asked { host });
    let mut outcome = Outcome::default();
    let first = dialogue.open();
    take(&mut outcome, dialogue.as_mut(), first, data);
    for (i, chunk) in data.chunks(step.max(1)).enumerate() {
        let ahead = data.get((i * step.max(1) + chunk.len())..).unwrap_or_default();
        let mut input = chunk;
        // A dialogue may answer what came with one message at a time: it is asked again until it wants more.
        for _ in 0..=MAX_SAID {
            if outcome.ended.is_some() {
                return outcome;
            }
            let step = dialogue.hear(input);
            let settled = step == Step::More;
            take(&mut outcome, dialogue.as_mut(), step, ahead);
            if settled {
                break;
            }
            input = &[];
        }
    }
    outcome
}

fn take(outcome: &mut Outcome, dialogue: &mut dyn Dialogue, step: Step, ahead: &[u8]) {
    match step {
        Step::More => {}
        Step::Say(bytes) => {
            assert!(!bytes.is_empty(), "an empty message");
            outcome.said.push(bytes);
        }
        Step::Tls { tunnel, say, mut rest } => {
            if !say.is_empty() {
                outcome.said.push(say);
            }
            rest.extend_from_slice(ahead);
            outcome.ended = Some(Out::Tls(tunnel, rest));
        }
        Step::End(ended) => outcome.ended = Some(Out::End(ended)),
    }
    assert!(outcome.said.len() <= MAX_SAID, "too many messages");
    assert!(outcome.said.iter().map(Vec::len).sum::<usize>() <= MAX_SENT, "too many bytes sent");
    outcome.notes.extend(dialogue.notes());
    dialogue.banner().clone_into(&mut outcome.banner);
    assert!(outcome.banner.len() <= MAX_BANNER, "too long a banner");
}

/// Runs one dialogue over `data`, whole and cut into pieces whose size the first byte gives, and asserts that both come
/// out the same.
///
/// # Panics
///
/// When they do not, or when [`drive`] does.
pub fn fuzz(entry: &Entry, data: &[u8]) {
    let (step, rest) = match data.split_first() {
        Some((first, rest)) => (usize::from(*first % 37) + 1, rest),
        None => (1, data),
    };
    let host = Some("host.example");
    let whole = drive(entry, host, rest, rest.len());
    let cut = drive(entry, host, rest, step);
    assert_eq!(whole.invariant(), cut.invariant(), "{}: the end depends on pieces of {step}", entry.name);
}
