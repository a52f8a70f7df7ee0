//! The ladder of PROBING 3 over datagrams: malformed, control, poke, with payloads of 16 bytes; behind a finished handshake
//! where one comes about, and in the clear where none does, where that decides nothing, and at full depth.
//!
//! Behind a handshake comes first, other than over TCP: answers come at once there, nothing waits for a retransmission, and
//! no server is left in the middle of a handshake (one that serves one peer at a time may never leave it: measured on
//! gnutls-serv).
//!
//! Datagrams are lost, and a lost question looks like a question that was ignored: that would be a clean verdict on a
//! server that is not. So questions go out in pairs of a malformed and a well-formed one, in either order, on one
//! association after the other, until loss cannot explain any more that none of the malformed ones was answered
//! ([`Pairs::outweighs_loss`]). One that is answered decides at once.

use std::time::Duration;

use super::{
    super::tls::account,
    association::{Association, SILENCE},
};
use crate::{
    model::observation::{Answer, Attempt, Contact, HeartbeatExtension, Pairs},
    probe::{
        context::{Context, Depth},
        kind::Target,
        trace::Way,
    },
    wire::tls::{
        alert,
        heartbeat::{self, PADDING_LEN, Payload},
        hello::Hello,
        record,
    },
};

/// Pairs on one association. Few, since servers that read by events may serve no more of them.
const PAIRS: u32 = 2;
/// Pairs where some were lost already.
const PAIRS_WITH_LOSS: u32 = 4;
/// Associations at most, where some of the control questions are answered and some are not.
const MOST: u32 = 12;
/// Associations in which nothing is heard before silence counts.
const MOST_SILENT: u32 = 3;
/// Associations that do not come about before no more are tried.
const MOST_FAILURES: u32 = 2;
/// The same where some questions were answered.
const MOST_FAILURES_WITH_LOSS: u32 = 4;
/// Between two questions: a server that reads by events must be given time to read the one before.
const GAP: Duration = Duration::from_millis(4);
/// After an association that did not come about.
const MOMENT: Duration = Duration::from_millis(50);

/// In the clear or behind a finished handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Clear,
    Encrypted,
}

/// Asks the heartbeat question, beginning with an association that stands.
pub(super) async fn ask(
    first: Association,
    target: Target<'_>,
    context: &Context,
    hello: Hello<'_>,
) -> Attempt {
    let mut attempt = Attempt::ended(Contact::Answered);
    attempt.version = first.agreed().map(|(version, _)| version);
    attempt.extension = Some(first.extension(hello));
    let Asked { attempt: behind, gone } = stage(Stage::Encrypted, Some(first), target, context, hello).await;
    let decided = behind.as_ref().is_some_and(is_conclusive);
    if gone && !decided {
        // There was a handshake, and none comes about any more (PROBING C13).
        (attempt.still_up, attempt.contact) = (Some(false), Contact::Blocked);
    } else if !decided || context.settings.depth >= Depth::Full {
        target.tell(Way::Note, || "the same questions in the clear, before keys are exchanged".to_owned());
        let clear = stage(Stage::Clear, None, target, context, hello).await;
        match clear.attempt {
            Some(clear) => attempt = clear,
            None if behind.is_none() => {
                (attempt.still_up, attempt.contact) = (Some(false), Contact::Blocked);
            }
            None => {}
        }
        if calls_for_a_heartbeat_alone(&attempt) {
            follow_up(&mut attempt, target, context, hello).await;
        }
    }
    if let Some(behind) = behind {
        attempt.foreign_bytes = attempt.foreign_bytes.saturating_add(behind.foreign_bytes);
        attempt.encrypted = Some(Box::new(behind));
    }
    attempt
}

/// What came of a stage.
struct Asked {
    /// The answers. `None`: not one association came about.
    attempt: Option<Attempt>,
    /// No association comes about any more.
    gone: bool,
}

/// Whether what was heard behind a handshake leaves nothing to ask in the clear.
fn is_conclusive(attempt: &Attempt) -> bool {
    match (attempt.malformed, attempt.control) {
        (
            Some(Answer::Echoed | Answer::Alert { level: alert::FATAL, code: alert::UNEXPECTED_MESSAGE }),
            _,
        ) => true,
        (Some(Answer::Silent), Some(Answer::Echoed)) => attempt.pairs.unwrap_or_default().outweighs_loss(),
        (Some(Answer::Silent), Some(Answer::Silent)) => {
            attempt.extension == Some(HeartbeatExtension::Offered)
                && matches!(attempt.poke, Some(Answer::Alert { .. }))
        }
        _ => false,
    }
}

/// Association after association until the answers decide.
async fn stage(
    stage: Stage,
    first: Option<Association>,
    target: Target<'_>,
    context: &Context,
    hello: Hello<'_>,
) -> Asked {
    let mut sum: Option<Attempt> = None;
    let mut gone = false;
    let mut next = first;
    let mut failures = 0;
    for number in 1..=MOST {
        let opened = match next.take() {
            Some(association) => Ok(association),
            None => open(target, context, hello).await,
        };
        let opened = match opened {
            Ok(association) if stage == Stage::Encrypted => finished(association, target).await,
            opened => opened,
        };
        let one = match opened {
            Ok(association) => {
                let lossy =
                    sum.as_ref().and_then(|s| s.pairs).is_some_and(|p| (1..p.sent).contains(&p.answered));
                let pairs = if lossy { PAIRS_WITH_LOSS } else { PAIRS };
                climb(association, pairs, target, hello).await
            }
            Err(why) => {
                target.tell(Way::Note, || why.clone());
                // What refuses to finish a handshake refuses it again; a server that serves one peer at a time may need a
                // moment.
                let refused = stage == Stage::Encrypted && sum.is_none() && !why.ends_with(SILENCE);
                failures += 1;
                // A path that loses some of everything is not one that is cut.
                let heard = sum.as_ref().and_then(|s| s.pairs).is_some_and(|p| p.answered > 0);
                let most = if heard { MOST_FAILURES_WITH_LOSS } else { MOST_FAILURES };
                gone = failures >= most && !refused;
                if gone || refused {
                    break;
                }
                tokio::time::sleep(MOMENT).await;
                continue;
            }
        };
        let all = match sum.take() {
            None => one,
            Some(before) => together(before, &one),
        };
        let done = has_decided(&all, number);
        sum = Some(all);
        if done {
            break;
        }
    }
    let attempt = sum.map(settled);
    Asked { attempt, gone }
}

/// The sum of the associations, with what it comes to as a contact.
fn settled(mut attempt: Attempt) -> Attempt {
    // Some of the controls came back, and loss may still be why no malformed one did.
    if attempt.control == Some(Answer::Echoed)
        && attempt.malformed == Some(Answer::Silent)
        && !attempt.pairs.unwrap_or_default().outweighs_loss()
    {
        attempt.contact = Contact::ProbeTimedOut;
    }
    if attempt.poke == Some(Answer::Silent) && attempt.control != Some(Answer::Echoed) {
        attempt.contact = Contact::ProbeTimedOut;
    }
    attempt
}

async fn open(target: Target<'_>, context: &Context, hello: Hello<'_>) -> Result<Association, String> {
    let opened = Association::open(target, context, hello, context.settings.timeouts, true).await;
    opened.map_err(|missed| format!("no association: {}", account::missed(missed)))
}

async fn finished(mut association: Association, target: Target<'_>) -> Result<Association, String> {
    match association.finish(target).await {
        Ok(()) => Ok(association),
        Err(why) => {
            association.leave().await;
            Err(format!("the handshake cannot be finished: {why}"))
        }
    }
}

/// Whether another association would change nothing.
fn has_decided(attempt: &Attempt, number: u32) -> bool {
    match (attempt.malformed, attempt.control) {
        (Some(Answer::Silent), Some(Answer::Echoed)) => attempt.pairs.unwrap_or_default().outweighs_loss(),
        (Some(Answer::Silent), Some(Answer::Silent)) => number >= MOST_SILENT,
        _ => true,
    }
}

/// Two associations as one attempt: what was answered outweighs silence.
fn together(before: Attempt, one: &Attempt) -> Attempt {
    let louder = |a: Option<Answer>, b: Option<Answer>| match (a, b) {
        (Some(Answer::Echoed), _) | (_, Some(Answer::Echoed)) => Some(Answer::Echoed),
        (None | Some(Answer::Silent), Some(other)) => Some(other),
        (a, _) => a,
    };
    Attempt {
        malformed: louder(before.malformed, one.malformed),
        control: louder(before.control, one.control),
        poke: louder(before.poke, one.poke),
        pairs: Some(before.pairs.unwrap_or_default().with(one.pairs.unwrap_or_default())),
        foreign_bytes: before.foreign_bytes.saturating_add(one.foreign_bytes),
        ..before
    }
}

/// What went out on one association.
#[derive(Default)]
struct Out {
    malformed: Vec<usize>,
    controls: Vec<usize>,
}

/// The pairs and the poke on one association.
async fn climb(mut association: Association, pairs: u32, target: Target<'_>, hello: Hello<'_>) -> Attempt {
    let mut attempt = Attempt::ended(Contact::Answered);
    attempt.version = association.agreed().map(|(version, _)| version);
    attempt.extension = Some(association.extension(hello));
    let mut out = Out::default();
    target.tell(Way::Sent, || {
        format!(
            "{pairs} pairs of heartbeats: {}; {}",
            account::malformed(heartbeat::SHORT_LEN),
            account::well_formed(heartbeat::SHORT_LEN)
        )
    });
    let ended = send_pairs(&mut association, pairs, &mut out).await;
    let mut early = ended;
    if early.is_none() {
        early = hear(&mut association, &out).await;
    }
    let heartbeats = early;
    // Where all controls came back there is nothing to set free, and nothing to provoke.
    let all_back = out.controls.iter().all(|i| association.ear.has_echoed(*i));
    if early.is_none() && !any(&association, &out.malformed) && !all_back {
        target.tell(Way::Sent, account::poke);
        attempt.poke = Some(poke(&mut association, &out).await);
    }
    settle(&mut attempt, &association, &out, heartbeats);
    target.tell(Way::Came, || told(&attempt));
    if attempt.poke.is_none_or(|p| p == Answer::Silent) {
        association.leave().await;
    }
    attempt
}

/// Sends the pairs, each in the other order than the one before. `Some`: the association ended meanwhile.
async fn send_pairs(association: &mut Association, pairs: u32, out: &mut Out) -> Option<Answer> {
    for pair in 0..pairs {
        for well_formed in [pair % 2 == 1, pair % 2 == 0] {
            let payload = Payload::short(rand::random());
            let padding: [u8; PADDING_LEN] = rand::random();
            let message = heartbeat::message(&payload, if well_formed { &padding } else { &[] });
            let index = association.ear.expect(payload);
            if well_formed { &mut out.controls } else { &mut out.malformed }.push(index);
            let sent = association.send(record::HEARTBEAT, &message).await;
            let heard = association.listen(GAP, |ear| ear.has_ended() || ear.other.is_some()).await;
            if sent.is_err() || heard.is_err() {
                return Some(Answer::Reset);
            }
            if association.ear.has_ended() {
                return ending(association);
            }
        }
    }
    None
}

/// Waits for answers to the pairs. `Some`: the association ended meanwhile.
async fn hear(association: &mut Association, out: &Out) -> Option<Answer> {
    let wait = association.limits.short_wait(association.rtt);
    let (malformed, controls) = (out.malformed.clone(), out.controls.clone());
    let heard = association.listen(wait, move |ear| {
        malformed.iter().any(|i| ear.has_echoed(*i))
            || controls.iter().all(|i| ear.has_echoed(*i))
            || ear.other.is_some()
            || ear.has_ended()
    });
    match heard.await {
        Err(_) => Some(Answer::Reset),
        Ok(_) => ending(association),
    }
}

/// Sends the poke, again where it may have been lost.
async fn poke(association: &mut Association, out: &Out) -> Answer {
    let short = association.limits.short_wait(association.rtt);
    for wait in [short, short.saturating_mul(2), short.saturating_mul(4)] {
        if association.send_poke().await.is_err() {
            return Answer::Reset;
        }
        let malformed = out.malformed.clone();
        let heard = association
            .listen(wait, move |ear| ear.has_ended() || malformed.iter().any(|i| ear.has_echoed(*i)));
        if heard.await.is_err() {
            return Answer::Reset;
        }
        if let Some(answer) = ending(association) {
            return answer;
        }
        if any(association, &out.malformed) {
            break;
        }
    }
    Answer::Silent
}

/// How an association ended, if it did.
fn ending(association: &Association) -> Option<Answer> {
    match association.ear.alert {
        Some(alert) => Some(Answer::Alert { level: alert.level, code: alert.code }),
        None if association.ear.garbled => Some(Answer::Unexpected { content_type: record::HANDSHAKE }),
        None => None,
    }
}

fn any(association: &Association, indexes: &[usize]) -> bool {
    indexes.iter().any(|i| association.ear.has_echoed(*i))
}

/// Writes down what came. `heartbeats`: how the association ended before any poke.
fn settle(attempt: &mut Attempt, association: &Association, out: &Out, heartbeats: Option<Answer>) {
    let answered = out.controls.iter().filter(|i| association.ear.has_echoed(**i)).count();
    attempt.pairs = Some(Pairs {
        sent: u32::try_from(out.controls.len().min(out.malformed.len())).unwrap_or(u32::MAX),
        answered: u32::try_from(answered).unwrap_or(u32::MAX),
    });
    let came = match association.ear.other {
        Some(len) => Answer::Other { len },
        None => heartbeats.unwrap_or(Answer::Silent),
    };
    attempt.malformed = Some(if any(association, &out.malformed) { Answer::Echoed } else { came });
    if attempt.malformed == Some(Answer::Silent) || answered > 0 {
        attempt.control = Some(if answered > 0 { Answer::Echoed } else { came });
    }
    if answered > 0 && matches!(attempt.malformed, Some(Answer::Alert { .. } | Answer::Reset)) {
        // Something was answered and then it ended: the end is no answer to the malformed one.
        attempt.malformed = Some(Answer::Silent);
    }
    attempt.foreign_bytes = association.ear.foreign;
}

/// The answers in words.
fn told(attempt: &Attempt) -> String {
    let step = |name: &str, came: Option<Answer>| came.map(|a| format!("{name}: {}", account::answer(a)));
    let steps = [
        step("malformed", attempt.malformed),
        step("well formed", attempt.control),
        step("poke", attempt.poke),
    ];
    steps.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// An end that a filter makes as well (PROBING 2).
fn calls_for_a_heartbeat_alone(attempt: &Attempt) -> bool {
    match attempt.malformed {
        Some(Answer::Alert { level, code }) => level != alert::FATAL || code != alert::UNEXPECTED_MESSAGE,
        Some(Answer::Reset | Answer::Closed) => true,
        _ => false,
    }
}

/// Well-formed heartbeats alone, on an association of their own.
async fn follow_up(attempt: &mut Attempt, target: Target<'_>, context: &Context, hello: Hello<'_>) {
    target.tell(Way::Note, || {
        "an end without alert 10 may be a filter's: well-formed heartbeats alone tell".to_owned()
    });
    let Ok(mut association) =
        Association::open(target, context, hello, context.settings.timeouts, false).await
    else {
        attempt.still_up = Some(false);
        attempt.contact = Contact::Blocked;
        return;
    };
    let mut out = Out::default();
    let mut ended = None;
    for _ in 0..PAIRS {
        let payload = Payload::short(rand::random());
        let padding: [u8; PADDING_LEN] = rand::random();
        out.controls.push(association.ear.expect(payload));
        if association.send(record::HEARTBEAT, &heartbeat::message(&payload, &padding)).await.is_err() {
            ended = Some(Answer::Reset);
        }
    }
    if ended.is_none() {
        ended = hear(&mut association, &out).await;
    }
    if ended.is_none() && !any(&association, &out.controls) {
        poke(&mut association, &out).await; // sets free what the server holds back
    }
    attempt.alone = Some(match (any(&association, &out.controls), association.ear.other) {
        (true, _) => Answer::Echoed,
        (false, Some(len)) => Answer::Other { len },
        (false, None) => ended.unwrap_or(Answer::Silent),
    });
    attempt.foreign_bytes = attempt.foreign_bytes.saturating_add(association.ear.foreign);
    association.leave().await;
}
