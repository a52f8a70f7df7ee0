//! How far a sweep has come, on standard error: a line that redraws itself on a terminal, plain
//! lines elsewhere, nothing with `--quiet`.

use std::{
    fmt::Write as _,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    model::{text::printable, verdict::Verdict},
    pipeline::record::{Counts, Progress},
};

/// Between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Progress as the user sees it.
#[derive(Debug)]
pub(crate) struct Shown {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Quiet,
    Bar(ProgressBar, Mutex<usize>),
    Plain(Mutex<Plain>),
}

#[derive(Debug)]
struct Plain {
    last: Instant,
    named: usize,
}

impl Shown {
    /// For this console.
    pub(crate) fn new(quiet: bool, animate: bool) -> Self {
        let kind = if quiet {
            Kind::Quiet
        } else if animate {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
                bar.set_style(style);
            }
            Kind::Bar(bar, Mutex::new(0))
        } else {
            Kind::Plain(Mutex::new(Plain { last: Instant::now(), named: 0 }))
        };
        Self { kind }
    }

    /// Takes the line away, so that results start on a clean one.
    pub(crate) fn finish(&self) {
        if let Kind::Bar(bar, _) = &self.kind {
            bar.finish_and_clear();
        }
    }
}

fn line(counts: &Counts, total: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "shown with no digits after the point")]
    let rate = counts.done as f64 / seconds;
    let mut text = format!(
        "{} of {total}  {} vulnerable  {} unknown  {rate:.0}/s",
        counts.done,
        counts.of(Verdict::Vulnerable),
        counts.unknown()
    );
    let left = total.saturating_sub(counts.done);
    if left > 0 && rate > 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate in whole seconds")]
        let eta = left as f64 / rate;
        let _ = write!(text, "  about {eta:.0} s left");
    }
    text
}

impl Progress for Shown {
    fn update(&self, counts: &Counts, total: u64, elapsed: Duration) {
        match &self.kind {
            Kind::Quiet => {}
            Kind::Bar(bar, named) => {
                bar.set_length(total.max(counts.done));
                bar.set_position(counts.done);
                bar.set_message(line(counts, total, elapsed));
                if let Ok(mut named) = named.lock() {
                    for name in counts.vulnerable.get(*named..).unwrap_or_default() {
                        bar.println(format!("VULNERABLE  {}", printable(name)));
                    }
                    *named = counts.vulnerable.len();
                }
            }
            Kind::Plain(plain) => {
                let Ok(mut plain) = plain.lock() else { return };
                for name in counts.vulnerable.get(plain.named..).unwrap_or_default() {
                    say(&format!("VULNERABLE  {}", printable(name)));
                }
                plain.named = counts.vulnerable.len();
                if plain.last.elapsed() >= PLAIN_EVERY {
                    plain.last = Instant::now();
                    say(&line(counts, total, elapsed));
                }
            }
        }
    }

    fn note(&self, text: &str) {
        match &self.kind {
            Kind::Quiet => {}
            Kind::Bar(bar, _) => bar.println(text),
            Kind::Plain(_) => say(text),
        }
    }
}

fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}"); // nothing is left to say it with
}
