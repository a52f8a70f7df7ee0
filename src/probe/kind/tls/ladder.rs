//! The ladder of PROBING 2: malformed, control, poke, each after the last was answered or a short wait has
//! passed, on one connection after ServerHelloDone; and the follow-ups on one more connection.
//!
//! What the answers mean is not decided here. The ladder stops as soon as they cannot change any more.

use super::{
    account, encrypted,
    session::{Missed, Request, Session},
};
use crate::{
    model::observation::{Answer, Attempt, Contact, HeartbeatExtension},
    probe::{
        context::{Context, Depth},
        kind::Target,
        link::Unlinked,
        trace::Way,
    },
    wire::{
        starttls::Ended,
        tls::{alert, hello::Hello},
    },
};

/// Asks the heartbeat question on a session, with the follow-ups that its answers call for.
pub(super) async fn ask(
    mut session: Session,
    target: Target<'_>,
    context: &Context,
    hello: Hello<'_>,
) -> Attempt {
    let mut attempt = climb(&mut session, target, hello).await;
    drop(session); // never two connections at once to one port
    if attempt.contact == Contact::ProbeTimedOut {
        attempt = once_more(attempt, target, context, hello).await;
    }
    if calls_for_a_heartbeat_alone(&attempt) {
        target.tell(Way::Note, || {
            "an end without alert 10 may be a filter's: a well-formed heartbeat alone, on one more connection, tells"
                .to_owned()
        });
        follow_up(&mut attempt, target, context, hello).await;
    }
    target.tell(Way::Note, || account::attempt(&attempt));
    if calls_for_the_encrypted_stage(&attempt, context) {
        let behind = Box::pin(encrypted::ask(target, context, hello)).await;
        attempt.foreign_bytes =
            attempt.foreign_bytes.saturating_add(behind.as_ref().map_or(0, |b| b.foreign_bytes));
        attempt.encrypted = behind.map(Box::new);
    }
    attempt
}

/// Silence in the clear that decides nothing (DESIGN: verdicts), and full depth wherever anybody answered.
fn calls_for_the_encrypted_stage(attempt: &Attempt, context: &Context) -> bool {
    let silent = attempt.malformed == Some(Answer::Silent)
        && attempt.control == Some(Answer::Silent)
        && attempt.extension != Some(HeartbeatExtension::Offered);
    attempt.contact == Contact::Answered
        && attempt.version.is_some_and(encrypted::is_finishable)
        && (silent || context.settings.depth >= Depth::Full)
}

/// The three steps.
async fn climb(session: &mut Session, target: Target<'_>, hello: Hello<'_>) -> Attempt {
    let mut attempt = Attempt::ended(Contact::Answered);
    attempt.version = session.facts().map(|f| f.version);
    attempt.extension = Some(session.extension(hello));
    let (malformed, answer) = session.ask(Request::Malformed, target).await;
    attempt.malformed = Some(answer);
    if goes_on(session, answer) {
        let (control, answer) = session.ask(Request::WellFormed, target).await;
        attempt.control = Some(answer);
        if goes_on(session, answer) && !session.has_echoed(malformed) {
            attempt.poke = Some(session.poke(target).await);
        }
        if session.has_echoed(control) {
            attempt.control = Some(Answer::Echoed);
        }
    }
    if session.has_echoed(malformed) {
        attempt.malformed = Some(Answer::Echoed);
    }
    attempt.foreign_bytes = session.foreign_bytes();
    if attempt.poke == Some(Answer::Silent) && !has_echo(&attempt) {
        attempt.contact = Contact::ProbeTimedOut;
    }
    attempt
}

/// Whether the next step is worth taking: nothing has answered yet, and there is somebody to talk to.
const fn goes_on(session: &Session, answer: Answer) -> bool {
    matches!(answer, Answer::Silent | Answer::Unexpected { .. }) && !session.has_ended()
}

fn has_echo(attempt: &Attempt) -> bool {
    [attempt.malformed, attempt.control].contains(&Some(Answer::Echoed))
}

/// A close, a reset or an alert other than the one that refuses heartbeats: an intrusion prevention system
/// does the same. A heartbeat that is well formed tells them apart.
fn calls_for_a_heartbeat_alone(attempt: &Attempt) -> bool {
    let odd_end = |answer: Option<Answer>| match answer {
        Some(Answer::Closed | Answer::Reset) => true,
        Some(Answer::Alert { code, .. }) => code != alert::UNEXPECTED_MESSAGE,
        _ => false,
    };
    !has_echo(attempt) && (odd_end(attempt.malformed) || odd_end(attempt.control))
}

/// The well-formed heartbeat alone, on a connection of its own.
async fn follow_up(attempt: &mut Attempt, target: Target<'_>, context: &Context, hello: Hello<'_>) {
    match Session::open(target, context, hello, context.settings.timeouts).await {
        Ok(mut session) => {
            let (alone, mut answer) = session.ask(Request::WellFormed, target).await;
            if goes_on(&session, answer) {
                session.poke(target).await; // sets free what the server holds back
            }
            if session.has_echoed(alone) {
                answer = Answer::Echoed;
            }
            attempt.alone = Some(answer);
            attempt.foreign_bytes = attempt.foreign_bytes.saturating_add(session.foreign_bytes());
        }
        Err(missed) => note_down(attempt, missed),
    }
}

/// After silence: the whole ladder once more with doubled limits, and after silence again one plain
/// handshake (PROBING C4, C13).
async fn once_more(mut silent: Attempt, target: Target<'_>, context: &Context, hello: Hello<'_>) -> Attempt {
    let patient = context.settings.timeouts.doubled();
    target.tell(Way::Note, || "silence: the whole ladder once more, with doubled limits".to_owned());
    let mut attempt = match Session::open(target, context, hello, patient).await {
        Ok(mut session) => climb(&mut session, target, hello).await,
        Err(missed) => {
            note_down(&mut silent, missed);
            return silent;
        }
    };
    attempt.foreign_bytes = attempt.foreign_bytes.saturating_add(silent.foreign_bytes);
    if attempt.contact == Contact::ProbeTimedOut {
        target.tell(Way::Note, || "silence again: does a plain handshake still work?".to_owned());
        match Session::open(target, context, hello, context.settings.timeouts).await {
            Ok(_) => attempt.still_up = Some(true),
            Err(missed) => note_down(&mut attempt, missed),
        }
    }
    attempt
}

/// A handshake that worked before the probe does not any more. Failures of our own say nothing, and neither does
/// a service that asks for patience.
fn note_down(attempt: &mut Attempt, missed: Missed) {
    let ours = missed == Missed::NoConnection(Contact::LocalError);
    if !ours && missed != Missed::Unlinked(Unlinked::Said(Ended::RateLimited)) {
        attempt.still_up = Some(false);
        attempt.contact = Contact::Blocked;
    }
}
