//! The page that was made last, and when the next one is made: once for each mark, by one at a time, and not again
//! before some rest, however many ask.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{body::Bytes, http::HeaderValue};
use tokio::sync::{OwnedMutexGuard, watch};

use super::{Page, Progress, Source, answer::STRICT, events::Now};

/// The shortest time from one page to the next.
const REST: Duration = Duration::from_secs(2);
/// The rest after a page, as a multiple of what making it took.
const REST_FACTOR: u32 = 5;

/// A page as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) html: Bytes,
    pub(super) csp: HeaderValue,
}

/// What was made last.
#[derive(Clone, Debug)]
struct Kept {
    page: Result<Shown, String>,
    mark: Arc<str>,
    not_before: Instant,
}

/// What a try came to.
enum Made {
    /// The page that is held is still the right one.
    Same,
    /// Another one, and how long it took.
    Other(Result<Page, String>, Duration),
}

/// The page, and who is told that another one can be had.
pub(super) struct Pages {
    source: Arc<dyn Source>,
    /// Held by the one who makes a page.
    making: Arc<tokio::sync::Mutex<()>>,
    /// Never held for long.
    kept: Mutex<Option<Kept>>,
    tell: watch::Sender<Now>,
}

impl Pages {
    pub(super) fn new(source: Arc<dyn Source>, tell: watch::Sender<Now>) -> Self {
        Self { source, making: Arc::default(), kept: Mutex::new(None), tell }
    }

    /// The page as it stands, or why there is none. Everyone who asks while one is made gets that one.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Shown, String> {
        let turn = Arc::clone(&self.making).lock_owned().await;
        let this = Arc::clone(self);
        // In a task of its own: when a browser goes away, the next one must not begin anew beside it.
        let made = tokio::spawn(async move { this.in_turn(turn).await });
        made.await.unwrap_or_else(|_| Err(broken()))
    }

    async fn in_turn(&self, turn: OwnedMutexGuard<()>) -> Result<Shown, String> {
        let kept = self.kept();
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.not_before) {
            return kept.page.clone();
        }
        // A page that could not be made is tried again even where nothing changed.
        let held = kept.as_ref().filter(|kept| kept.page.is_ok()).map(|kept| Arc::clone(&kept.mark));
        let source = Arc::clone(&self.source);
        let made = tokio::task::spawn_blocking(move || make(&*source, held.as_deref())).await;
        let (page, took) = match (made, kept) {
            (Ok(Made::Same), Some(kept)) => return kept.page,
            (Ok(Made::Other(page, took)), _) => (page, took),
            _ => (Err(broken()), Duration::ZERO),
        };
        let mark: Arc<str> = page.as_ref().map_or("", |page| page.mark.as_str()).into();
        let page = page.map(|page| Shown {
            html: page.html.into(),
            csp: page.csp.parse().unwrap_or(HeaderValue::from_static(STRICT)),
        });
        let not_before = Instant::now() + REST.max(took * REST_FACTOR);
        let new = Kept { page: page.clone(), mark: Arc::clone(&mark), not_before };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        self.tell.send_modify(|now| now.newest = Some(mark));
        drop(turn);
        page
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what the source said of how things are, and tells everyone who follows. A page is announced only once it
    /// can be had: otherwise a browser would come at once, get the old one, and never hear of the last change.
    pub(super) fn heard(&self, progress: Result<Progress, String>) {
        let kept = self.kept();
        let due = |mark: &str| {
            let kept = kept.as_ref().filter(|kept| Instant::now() >= kept.not_before);
            kept.is_some_and(|kept| *kept.mark != *mark)
        };
        self.tell.send_if_modified(|now| {
            let before = now.clone();
            let mark = match progress {
                Ok(progress) => {
                    now.trouble = None;
                    now.progress = Some(one_line(&progress.json).into());
                    progress.mark
                }
                Err(why) => {
                    // Once: the page may be well where the progress is not, and would come again and again.
                    let first = now.trouble.is_none();
                    now.trouble = Some(why.into());
                    if !first {
                        return *now != before;
                    }
                    String::new()
                }
            };
            if due(&mark) {
                now.newest = Some(mark.into());
            }
            *now != before
        });
    }
}

fn make(source: &dyn Source, held: Option<&str>) -> Made {
    match source.progress() {
        Err(why) => Made::Other(Err(why), Duration::ZERO),
        Ok(progress) if held == Some(progress.mark.as_str()) => Made::Same,
        Ok(_) => {
            let began = Instant::now();
            let page = source.page();
            Made::Other(page, began.elapsed())
        }
    }
}

/// Line ends stand between the tokens of JSON alone, and would end a line of an event.
fn one_line(json: &str) -> String {
    json.replace(['\r', '\n'], " ")
}

fn broken() -> String {
    "Making the page failed by a fault of ours.".to_owned()
}
