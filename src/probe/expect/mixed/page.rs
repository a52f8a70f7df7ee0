//! One page, tag by tag. Nothing of it is kept but the few attributes that load something.

use std::collections::BTreeSet;

use html5gum::{
    Span, Tokenizer,
    emitters::callback::{CallbackEmitter, CallbackEvent},
};
use memchr::memmem;

use super::address::{self, Address};

/// The longest value that is looked at, but for the page inside a frame.
const MAX_VALUE: usize = 16 * 1024;
/// The longest address in a style sheet.
const MAX_ADDRESS: usize = 2048;
/// The most of one page's entries: enough to sort, and no more than a hostile page may fill.
const MAX_CLEAR: usize = 1000;
/// The most of one page's frames.
const MAX_FRAMES: usize = 16;

/// What one page has.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What is loaded in the clear.
    pub(super) clear: BTreeSet<String>,
    /// The pages inside its frames.
    pub(super) frames: Vec<Vec<u8>>,
}

/// Reads one page.
pub(super) fn read(html: &[u8]) -> Seen {
    let mut reader = Reader { in_head: true, ..Reader::default() };
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<()> {
        reader.take(&event);
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    // What is inside of script, style and the like is text, as it is for a browser that runs scripts.
    emitter.naively_switch_states(true);
    // It hands everything to the callback and comes up with no token of its own.
    for token in Tokenizer::new_with_emitter(html, emitter) {
        debug_assert!(token.is_ok(), "slices are read without errors");
    }
    reader.seen
}

/// The attributes that matter.
const ATTRIBUTES: [&str; 16] = [
    "src",
    "href",
    "data",
    "action",
    "formaction",
    "poster",
    "background",
    "srcset",
    "imagesrcset",
    "rel",
    "style",
    "srcdoc",
    "http-equiv",
    "content",
    "xlink:href",
    "type",
];

/// Where the page says that it is.
#[derive(Debug, Default)]
enum Base {
    /// It does not say.
    #[default]
    Unsaid,
    /// At a host in the clear.
    Clear(String),
    /// Elsewhere.
    Other,
}

/// What may stand in a head without ending it.
const OF_THE_HEAD: [&str; 10] =
    ["html", "head", "base", "link", "meta", "title", "style", "script", "noscript", "template"];

#[derive(Debug, Default)]
struct Reader {
    seen: Seen,
    tag: String,
    /// Values of the tag at hand, by their place in [`ATTRIBUTES`]. The first of a name counts.
    values: [Option<Vec<u8>>; ATTRIBUTES.len()],
    /// Where the value that comes next goes.
    next: Option<usize>,
    in_head: bool,
    in_style: bool,
    /// How many templates are open: what is inside of them is not loaded.
    templates: usize,
    /// What addresses without a scheme or host of their own are of.
    base: Base,
    /// The page asks for TLS from here on.
    upgraded: bool,
}

impl Reader {
    fn take(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = String::from_utf8_lossy(name.get(..32).unwrap_or(name)).into_owned();
                self.values = Default::default();
                self.next = None;
            }
            CallbackEvent::AttributeName { name } => {
                let place = ATTRIBUTES.iter().position(|a| a.as_bytes() == *name);
                self.next = place.filter(|p| self.values.get(*p).is_some_and(Option::is_none));
            }
            CallbackEvent::AttributeValue { value } => self.value(value),
            CallbackEvent::CloseStartTag { .. } => self.tag_ends(),
            CallbackEvent::EndTag { name } => {
                self.in_style = false;
                match *name {
                    b"template" => self.templates = self.templates.saturating_sub(1),
                    b"head" => self.in_head = false,
                    _ => {}
                }
            }
            CallbackEvent::String { value } if self.in_style => {
                for address in urls(value) {
                    self.load("style", &address);
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, value: &[u8]) {
        let Some(place) = self.next else { return };
        let limit = if ATTRIBUTES.get(place) == Some(&"srcdoc") { usize::MAX } else { MAX_VALUE };
        if let Some(kept) = self.values.get_mut(place) {
            let kept = kept.get_or_insert_default();
            let room = limit.saturating_sub(kept.len());
            kept.extend_from_slice(value.get(..room).unwrap_or(value));
        }
    }

    /// The value of an attribute, moved out.
    fn attribute(&mut self, name: &str) -> Option<Vec<u8>> {
        let place = ATTRIBUTES.iter().position(|a| *a == name)?;
        self.values.get_mut(place)?.take()
    }

    fn tag_ends(&mut self) {
        let tag = std::mem::take(&mut self.tag);
        self.in_head &= OF_THE_HEAD.contains(&tag.as_str());
        self.in_style = tag == "style";
        if tag == "template" {
            self.templates = self.templates.saturating_add(1);
        }
        if self.templates > 0 {
            return;
        }
        if let Some(style) = self.attribute("style") {
            for address in urls(&style) {
                self.load("style", &address);
            }
        }
        match tag.as_str() {
            "script" => self.source("script", "src"),
            "iframe" | "frame" => self.frame(),
            "embed" => self.source("embed", "src"),
            "object" => self.source("object", "data"),
            "img" => {
                self.source("image", "src");
                self.set("image", "srcset");
            }
            "source" => {
                self.source("media", "src");
                self.set("image", "srcset");
            }
            "image" => {
                self.source("image", "href");
                self.source("image", "xlink:href");
            }
            "audio" => self.source("audio", "src"),
            "track" => self.source("track", "src"),
            "video" => {
                self.source("video", "src");
                self.source("image", "poster");
            }
            "body" | "table" | "td" | "th" => self.source("image", "background"),
            "input" => {
                if self.is("type", b"image") {
                    self.source("image", "src");
                }
                self.source("form", "formaction");
            }
            "form" => self.source("form", "action"),
            "button" => self.source("form", "formaction"),
            "link" => self.link(),
            "base" => self.base(),
            "meta" => self.meta(),
            _ => {}
        }
    }

    fn frame(&mut self) {
        match self.attribute("srcdoc") {
            // The page inside counts, and `src` does not.
            Some(page) if self.seen.frames.len() < MAX_FRAMES => self.seen.frames.push(page),
            Some(_) => {}
            None => self.source("frame", "src"),
        }
    }

    fn link(&mut self) {
        let rel = self.attribute("rel").unwrap_or_default().to_ascii_lowercase();
        let has = |word: &str| rel.split(u8::is_ascii_whitespace).any(|r| r == word.as_bytes());
        let kind = if has("stylesheet") {
            "stylesheet"
        } else if has("icon") || has("apple-touch-icon") {
            "icon"
        } else if has("manifest") {
            "manifest"
        } else if has("preload") || has("modulepreload") || has("prefetch") {
            "preload"
        } else {
            return;
        };
        self.source(kind, "href");
        self.set(kind, "imagesrcset");
    }

    /// Only the first one with an address counts.
    fn base(&mut self) {
        if !matches!(self.base, Base::Unsaid) {
            return;
        }
        if let Some(address) = self.attribute("href") {
            self.base = match address::read(&address) {
                Address::Clear(host) => Base::Clear(host),
                Address::Other | Address::Relative(_) => Base::Other,
            };
        }
    }

    fn meta(&mut self) {
        let is_policy = self.is("http-equiv", b"content-security-policy");
        let policy = self.attribute("content").unwrap_or_default();
        // Browsers heed it in the head alone.
        if is_policy && self.in_head && upgrades(&policy) {
            self.upgraded = true;
        }
    }

    fn is(&self, name: &str, wanted: &[u8]) -> bool {
        let place = ATTRIBUTES.iter().position(|a| *a == name);
        let value = place.and_then(|p| self.values.get(p)).and_then(Option::as_ref);
        value.is_some_and(|v| v.trim_ascii().eq_ignore_ascii_case(wanted))
    }

    fn source(&mut self, kind: &str, name: &str) {
        if let Some(address) = self.attribute(name) {
            self.load(kind, &address);
        }
    }

    /// The addresses of a set, each followed by what it is for: `a.png 1x, b.png 2x`.
    fn set(&mut self, kind: &str, name: &str) {
        let Some(set) = self.attribute(name) else { return };
        for candidate in set.split(|b| *b == b',') {
            let address = candidate.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
            self.load(kind, address);
        }
    }

    fn load(&mut self, kind: &str, address: &[u8]) {
        if self.upgraded || self.seen.clear.len() >= MAX_CLEAR {
            return;
        }
        let host = match address::read(address) {
            Address::Clear(host) => host,
            Address::Other => return,
            // The base's scheme is the one that is inherited.
            Address::Relative(own) => match &self.base {
                Base::Clear(host) => own.unwrap_or_else(|| host.clone()),
                Base::Unsaid | Base::Other => return,
            },
        };
        self.seen.clear.insert(format!("{kind} from {host}"));
    }
}

/// Whether a policy has browsers load everything over TLS.
pub(super) fn upgrades(policy: &[u8]) -> bool {
    let directives = policy.split(|b| matches!(b, b';' | b','));
    directives
        .filter_map(|d| d.trim_ascii().split(u8::is_ascii_whitespace).next())
        .any(|name| name.eq_ignore_ascii_case(b"upgrade-insecure-requests"))
}

/// The addresses that a style sheet loads: `url(...)` and `@import "..."`. Comments are not told apart.
fn urls(css: &[u8]) -> Vec<Vec<u8>> {
    let lower = css.to_ascii_lowercase();
    let mut found = Vec::new();
    for (mark, quote_needed) in [("url(", false), ("@import", true)] {
        let finder = memmem::Finder::new(mark);
        let mut from = 0;
        while let Some(at) = finder.find(lower.get(from..).unwrap_or_default()) {
            from += at + mark.len();
            let rest = css.get(from..).unwrap_or_default().trim_ascii_start();
            let (end, rest): (fn(&u8) -> bool, _) = match rest {
                [b'"', rest @ ..] => (|b| *b == b'"', rest),
                [b'\'', rest @ ..] => (|b| *b == b'\'', rest),
                _ if quote_needed => continue,
                _ => (|b| *b == b')' || b.is_ascii_whitespace(), rest),
            };
            let looked_at = rest.get(..MAX_ADDRESS).unwrap_or(rest);
            match looked_at.iter().position(end) {
                Some(length) => found.extend(looked_at.get(..length).map(<[u8]>::to_vec)),
                // What does not end is no address, and neither is anything inside of it.
                None => from += looked_at.len(),
            }
            if found.len() >= MAX_CLEAR {
                return found;
            }
        }
    }
    found
}
