//! Messages to and from a browser over two named pipes, each ended by a NUL byte: who asked gets the answer,
//! and events are kept. What the messages mean is not known here.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// What came.
#[derive(Debug, Default)]
struct Inbox {
    answers: BTreeMap<u64, Value>,
    events: Vec<Value>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
}

/// Nothing is left half done under these locks, so that a panic elsewhere takes nothing with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Reads until the browser ends.
    fn read(&self, from: &Path) {
        // Opening waits for the browser to open its side.
        let mut reader = File::open(from).map(BufReader::new).ok();
        let mut message = Vec::new();
        while let Some(reader) = &mut reader {
            message.clear();
            if !reader.read_until(0, &mut message).is_ok_and(|n| n > 0) || message.pop() != Some(0) {
                break;
            }
            let read = serde_json::from_slice::<Value>(&message);
            let message = read.unwrap_or_else(|e| json!({ "method": format!("what is not JSON: {e}") }));
            let mut inbox = lock(&self.inbox);
            match message["id"].as_u64() {
                Some(id) => drop(inbox.answers.insert(id, message)),
                None => inbox.events.push(message),
            }
            self.news.notify_all();
        }
        lock(&self.inbox).ended = true;
        self.news.notify_all();
    }
}

/// Both pipes.
#[derive(Debug)]
pub(super) struct Wire {
    writer: Mutex<(File, u64)>,
    shared: Arc<Shared>,
    log: PathBuf,
}

impl Wire {
    /// `to`, `from`: the named pipes. `log`: where the browser's complaints are.
    pub(super) fn open(to: &Path, from: PathBuf, log: PathBuf) -> Self {
        let shared = Arc::new(Shared::default());
        let reading = Arc::clone(&shared);
        std::thread::spawn(move || reading.read(&from));
        // Reading too, since opening for writing alone waits for a browser that may never come.
        let writer = OpenOptions::new().read(true).write(true).open(to).unwrap();
        Self { writer: Mutex::new((writer, 0)), shared, log }
    }

    /// Sends a message and returns its number, without waiting for the answer.
    pub(super) fn tell(&self, session: Option<&str>, method: &str, parameters: &Value) -> u64 {
        let mut writer = lock(&self.writer);
        writer.1 += 1;
        let mut message = json!({ "id": writer.1, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let _ = writer.0.write_all(format!("{message}\0").as_bytes()); // the missing answer tells of it
        writer.1
    }

    /// Sends a message and waits for its answer: the result, or what the browser has against it.
    #[track_caller]
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
        until: Instant,
    ) -> Result<Value, String> {
        let id = self.tell(session, method, parameters);
        let mut answer = self.wait(until, method, |inbox| inbox.answers.remove(&id));
        match answer.get("error") {
            Some(error) => Err(error["message"].as_str().unwrap_or("an error without a message").to_owned()),
            None => Ok(answer["result"].take()),
        }
    }

    /// How many events there are so far.
    pub(super) fn mark(&self) -> usize {
        lock(&self.shared.inbox).events.len()
    }

    /// The events of a session after a mark.
    pub(super) fn events(&self, session: &str, mark: usize) -> Vec<Value> {
        let inbox = lock(&self.shared.inbox);
        inbox.events[mark..].iter().filter(|e| e["sessionId"] == session).cloned().collect()
    }

    /// Waits for an event of a session after a mark.
    #[track_caller]
    pub(super) fn wait_for_event(
        &self,
        session: &str,
        mark: usize,
        until: Instant,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) {
        self.wait(until, what, |inbox| {
            inbox.events[mark..].iter().any(|e| e["sessionId"] == session && fits(e)).then_some(())
        });
    }

    /// Waits until the browser has ended, but not for ever.
    pub(super) fn wait_for_end(&self, limit: Duration) {
        let inbox = lock(&self.shared.inbox);
        drop(self.shared.news.wait_timeout_while(inbox, limit, |inbox| !inbox.ended));
    }

    #[track_caller]
    fn wait<T>(&self, until: Instant, what: &str, take: impl Fn(&mut Inbox) -> Option<T>) -> T {
        let mut inbox = lock(&self.shared.inbox);
        loop {
            if let Some(taken) = take(&mut inbox) {
                return taken;
            }
            let left = until.saturating_duration_since(Instant::now());
            if inbox.ended || left.is_zero() {
                break;
            }
            inbox = self.shared.news.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let why = if inbox.ended { "Chromium has ended" } else { "Chromium does not answer in time" };
        let last = inbox.events.last().map(|e| e["method"].to_string()).unwrap_or_default();
        drop(inbox);
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned();
        panic!("{why}, and this is awaited: {what} (the last event: {last})\n{log}")
    }
}
