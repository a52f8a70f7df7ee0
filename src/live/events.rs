//! What browsers are told while they look: how far things are, that another page can be had, that the server ends.
//!
//! One task asks the source for all of them. Each stream holds the last word only, never a queue: whoever reads slowly
//! hears of fewer steps.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::MissedTickBehavior,
};

use super::{Source, page::Pages, stopped};

/// How things are, as far as browsers are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    /// One JSON object on one line.
    pub(super) progress: Option<Arc<str>>,
    /// The mark of the newest page that can be had; absent until a page was made, empty where there is none now.
    pub(super) newest: Option<Arc<str>>,
    /// Why it cannot be told how far things are.
    pub(super) trouble: Option<Arc<str>>,
}

/// Asks the source again and again; ends only when it is dropped.
pub(super) async fn ask(source: Arc<dyn Source>, pages: Arc<Pages>, every: Duration) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let source = Arc::clone(&source);
        let asked = tokio::task::spawn_blocking(move || source.progress()).await;
        let broken = |_| Err("Asking how far it is failed by a fault of ours.".to_owned());
        pages.heard(asked.unwrap_or_else(broken));
    }
}

/// One browser that follows.
struct Follower {
    now: watch::Receiver<Now>,
    stop: watch::Receiver<bool>,
    /// The mark of the page that it has or was told of.
    has: Option<Arc<str>>,
    told: Option<Arc<str>>,
    told_trouble: Option<Arc<str>>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// The events of one browser, which has the page with the mark `has`, or the one that was made last.
pub(super) fn follow(
    now: watch::Receiver<Now>,
    stop: watch::Receiver<bool>,
    has: Option<String>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    let has = has.map(Arc::from).or_else(|| now.borrow().newest.clone());
    let follower = Follower { now, stop, has, told: None, told_trouble: None, ended: false, _permit: permit };
    stream::unfold(follower, |follower| async {
        let (event, follower) = follower.next().await?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if self.ended {
                return None;
            }
            if *self.stop.borrow() {
                self.ended = true;
                return Some((Event::default().event("end").data("{}"), self));
            }
            let now = self.now.borrow_and_update().clone();
            if let Some(event) = self.news(&now) {
                return Some((event, self));
            }
            tokio::select! {
                () = stopped(&mut self.stop) => {}
                changed = self.now.changed() => if changed.is_err() {
                    return None;
                },
            }
        }
    }

    /// The first thing that it has not been told.
    fn news(&mut self, now: &Now) -> Option<Event> {
        if now.trouble != self.told_trouble {
            self.told_trouble.clone_from(&now.trouble);
            if let Some(why) = &now.trouble {
                self.told = None; // so that it hears how far things are once that is known again
                return Some(event("trouble", &serde_json::json!({ "error": **why }).to_string()));
            }
        }
        if now.trouble.is_none() && now.progress != self.told {
            self.told.clone_from(&now.progress);
            return now.progress.as_ref().map(|json| event("progress", json));
        }
        if now.newest.is_some() && now.newest != self.has {
            self.has.clone_from(&now.newest);
            let mark = now.newest.as_deref().unwrap_or_default();
            return Some(event("changed", &serde_json::json!({ "mark": mark }).to_string()));
        }
        None
    }
}

fn event(name: &str, data: &str) -> Event {
    Event::default().event(name).data(data)
}
