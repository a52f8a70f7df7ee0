//! A real headless Chromium, driven as a reader would use it, and asked what went wrong: not a browser for
//! pages of strangers, and not a client of the whole DevTools protocol.
//!
//! Pages of one browser share its storage, like tabs. Workers and frames of other sites are not looked into.

mod keys;
mod wire;

use std::{
    cell::Cell,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use self::{keys::Key, wire::Wire};
use super::peers;

/// No single wait is longer.
const LIMIT: Duration = Duration::from_secs(20);

const FLAGS: [&str; 17] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox", // which root cannot have; the pages are the tests' own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--hide-scrollbars",
    // A page behind another one must not be slower, or tests depend on which was opened last.
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    // Nothing outside 127.0.0.0/8 is touched, whatever a page asks for.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",
];

/// A browser with a profile of its own. Both end with the value.
#[derive(Debug)]
pub struct Browser {
    wire: Arc<Wire>,
    child: Child,
    folder: Option<tempfile::TempDir>,
}

impl Browser {
    /// Starts it, or says that it is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let program = peers::chromium()?;
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        let made = Command::new("mkfifo").arg("-m").arg("600").arg(&to).arg(&from).status().unwrap();
        assert!(made.success(), "mkfifo: {made}");
        let log = folder.path().join("stderr");
        // Its own process group, so that it can be ended with all its children. A test that is killed
        // closes the pipe instead, and that ends the browser as well.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .envs([("TO", &to), ("FROM", &from)])
            .envs(["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"].map(|name| (name, folder.path())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = std::os::unix::process::CommandExt::process_group(&mut command, 0)
            .spawn()
            .unwrap_or_else(|e| panic!("sh cannot be started: {e}"));
        let browser = Self { wire: Arc::new(Wire::open(&to, from, log)), child, folder: Some(folder) };
        browser.call("Browser.getVersion", &json!({}));
        Some(browser)
    }

    #[track_caller]
    fn call(&self, method: &str, parameters: &Value) -> Value {
        expect(method, self.wire.call(None, method, parameters, Instant::now() + LIMIT))
    }

    /// A new empty page, 1280 by 800.
    #[track_caller]
    pub fn page(&self) -> Page {
        // In a window of its own: only the page in front of a window is painted.
        let target = self.call("Target.createTarget", &json!({ "url": "about:blank", "newWindow": true }));
        let target = target["targetId"].clone();
        let attached = self.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let page = Page { wire: Arc::clone(&self.wire), target, session, opened: Cell::new(0) };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call("Page.setLifecycleEventsEnabled", &json!({ "enabled": true }));
        page.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        page.size(1280, 800);
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // By itself it ends its children and waits for them.
        self.wire.tell(None, "Browser.close", &json!({}));
        self.wire.wait_for_end(Duration::from_secs(5));
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL); // an error means that all have ended already
        }
        let _ = self.child.wait();
        let Some(folder) = self.folder.take().map(tempfile::TempDir::keep) else { return };
        // A child that was killed may still be writing for a moment.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[track_caller]
fn expect(method: &str, answer: Result<Value, String>) -> Value {
    answer.unwrap_or_else(|e| panic!("{method}: {e}"))
}

/// A page. It is closed with the value.
#[derive(Debug)]
pub struct Page {
    wire: Arc<Wire>,
    target: Value,
    session: String,
    /// How many events there were before the last `open`.
    opened: Cell<usize>,
}

impl Page {
    #[track_caller]
    fn call(&self, method: &str, parameters: &Value) -> Value {
        expect(method, self.wire.call(Some(&self.session), method, parameters, Instant::now() + LIMIT))
    }

    /// Opens an address and waits until everything of it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.opened.set(self.wire.mark());
        let to = self.call("Page.navigate", &json!({ "url": url }));
        assert!(to.get("errorText").is_none(), "{url}: {}", to["errorText"]);
        let Some(loader) = to.get("loaderId") else { return }; // another place of the same document
        let loaded = |event: &Value| {
            let of = &event["params"];
            event["method"] == "Page.lifecycleEvent" && of["name"] == "load" && of["loaderId"] == *loader
        };
        let what = format!("the load event of {url}");
        self.wire.wait_for_event(&self.session, self.opened.get(), Instant::now() + LIMIT, &what, loaded);
    }

    /// The value of an expression, awaited if it is a promise; `undefined` is null.
    #[track_caller]
    pub fn eval(&self, js: &str) -> Value {
        self.try_eval(js, Instant::now() + LIMIT).unwrap_or_else(|e| panic!("{e}\nin: {js}"))
    }

    #[track_caller]
    fn try_eval(&self, js: &str, until: Instant) -> Result<Value, String> {
        let parameters = json!({ "expression": js, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.wire.call(Some(&self.session), "Runtime.evaluate", &parameters, until)?;
        if let Some(details) = answer.get("exceptionDetails") {
            return Err(exception(details));
        }
        let result = &mut answer["result"];
        // NaN, the infinities and big integers are not JSON.
        Ok(result.get("value").or_else(|| result.get("unserializableValue")).cloned().unwrap_or_default())
    }

    /// Waits until an expression is true as JavaScript sees it. An exception counts as not yet.
    #[track_caller]
    pub fn wait_for(&self, js_condition: &str) {
        let until = Instant::now() + LIMIT;
        // Awaited before it is judged: a promise itself is always true.
        let js = format!("(async () => Boolean(await ({js_condition}\n)))()");
        loop {
            let last = self.try_eval(&js, until);
            if last == Ok(Value::Bool(true)) {
                return;
            }
            assert!(Instant::now() < until, "not so within {LIMIT:?}: {js_condition}: {last:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The events since the page was opened.
    #[track_caller]
    fn events(&self) -> Vec<Value> {
        // Its answer comes after everything that the page has reported until now.
        self.call("Runtime.evaluate", &json!({ "expression": "0" }));
        self.wire.events(&self.session, self.opened.get())
    }

    /// What went wrong since the page was opened: errors, warnings and failed assertions on the console,
    /// uncaught exceptions, and what the browser itself logs, such as failed loads and violations of a CSP.
    #[track_caller]
    pub fn errors(&self) -> Vec<String> {
        self.events().iter().filter_map(error).collect()
    }

    /// What was requested since the page was opened, from the document itself on, `data:` included.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        let requested = |event: &Value| {
            let sent = event["method"] == "Network.requestWillBeSent";
            sent.then(|| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
        };
        self.events().iter().filter_map(requested).collect()
    }

    /// Presses and releases a key: a character, or a name as in `KeyboardEvent.key`, or `Space`; with
    /// `Shift+`, `Control+`, `Alt+` or `Meta+` before it.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let key = Key::named(key);
        self.call("Input.dispatchKeyEvent", &key.down());
        self.call("Input.dispatchKeyEvent", &key.up());
    }

    /// Types into what has the focus, key by key.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        for character in text.chars() {
            let mut buffer = [0; 4];
            self.press(if character == '\n' { "Enter" } else { character.encode_utf8(&mut buffer) });
        }
    }

    /// Scrolls to an element and clicks with the mouse at its centre, which must not be covered.
    #[track_caller]
    pub fn click(&self, css_selector: &str) {
        let selector = Value::from(css_selector);
        let place = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector});
            if (!e) return 'is not there';
            e.scrollIntoView({{ block: 'center', inline: 'center', behavior: 'instant' }});
            const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
            const hit = document.elementFromPoint(x, y);
            if (!hit) return 'is out of sight';
            return e.contains(hit) ? [x, y] : 'is covered by ' + hit.outerHTML.slice(0, 200); }})()"
        ));
        assert!(place.is_array(), "{css_selector} {}", place.as_str().unwrap_or_default());
        let (x, y) = (&place[0], &place[1]);
        for (kind, button, clicks) in
            [("mouseMoved", "none", 0), ("mousePressed", "left", 1), ("mouseReleased", "left", 1)]
        {
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": clicks });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// On a screen, and whether the reader wants it dark.
    #[track_caller]
    pub fn emulate(&self, dark: bool) {
        self.media("screen", if dark { "dark" } else { "light" });
    }

    /// As on paper, until [`Page::emulate`].
    #[track_caller]
    pub fn emulate_print(&self) {
        self.media("print", "light");
    }

    #[track_caller]
    fn media(&self, media: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "media": media, "features": features }));
    }

    /// The viewport in CSS pixels. A narrow one is a telephone's.
    #[track_caller]
    pub fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What is opened from now on runs no script of its own; [`Page::eval`] still works.
    #[track_caller]
    pub fn without_script(&self) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// The viewport as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        self.shoot(path, &json!({ "format": "png" }));
    }

    /// The whole page as PNG, as high as it is.
    #[track_caller]
    pub fn screenshot_full(&self, path: &Path) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        self.shoot(path, &json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }));
    }

    #[track_caller]
    fn shoot(&self, path: &Path, parameters: &Value) {
        std::fs::write(path, self.bytes("Page.captureScreenshot", parameters)).unwrap();
    }

    /// The page as it is printed, on the paper that it asks for.
    #[track_caller]
    pub fn pdf(&self) -> Vec<u8> {
        self.bytes("Page.printToPDF", &json!({ "printBackground": true, "preferCSSPageSize": true }))
    }

    #[track_caller]
    fn bytes(&self, method: &str, parameters: &Value) -> Vec<u8> {
        let answer = self.call(method, parameters);
        BASE64.decode(answer["data"].as_str().unwrap_or_default().as_bytes()).unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.wire.tell(None, "Target.closeTarget", &json!({ "targetId": self.target }));
    }
}

/// An exception as the console shows it.
fn exception(details: &Value) -> String {
    let thrown = &details["exception"];
    let shown = thrown["description"].as_str().map(str::to_owned).or_else(|| {
        let value = thrown.get("value").or_else(|| thrown.get("unserializableValue"));
        value.map(ToString::to_string)
    });
    let text = details["text"].as_str().unwrap_or("an exception");
    shown.map_or_else(|| text.to_owned(), |shown| format!("{text} {shown}"))
}

/// What an event says went wrong, if it does.
fn error(event: &Value) -> Option<String> {
    let of = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(exception(&of["exceptionDetails"])),
        "Runtime.consoleAPICalled" => {
            let kind = of["type"].as_str().filter(|kind| ["error", "warning", "assert"].contains(kind))?;
            let shown = |value: &Value| {
                let text = ["value", "unserializableValue", "description", "type"];
                let found = text.iter().find_map(|name| value.get(name)).unwrap_or(value);
                found.as_str().map_or_else(|| found.to_string(), str::to_owned)
            };
            let words: Vec<String> = of["args"].as_array().into_iter().flatten().map(shown).collect();
            Some(format!("console.{kind}: {}", words.join(" ")))
        }
        "Log.entryAdded" => {
            let entry = &of["entry"];
            let level = entry["level"].as_str().filter(|level| ["warning", "error"].contains(level))?;
            let [source, text, url] =
                ["source", "text", "url"].map(|name| entry[name].as_str().unwrap_or("?"));
            Some(format!("{source} {level}: {text} ({url})"))
        }
        _ => None,
    }
}
