//! The plan as one HTML page: no script, nothing from outside, light and dark, made to be printed. Nothing is cut but
//! the pictures, which count what they do not draw.

use std::fmt::Write as _;

use handlebars::html_escape;

use super::{Context, ORDER, Only, keys, words};
use crate::{
    model::{
        facet::State,
        plan::{Action, Blast, Plan, Wave},
        text::printable,
    },
    report::{blast, checklist::escape::Format},
};

const STYLE: &str = "\
:root { color-scheme: light dark; --text: #1b1f24; --back: #fff; --soft: #f2f4f6; --line: #8b949e; --mute: #57606a;
  --open: #0550ae; --bad: #b3261e; --done: #1a6e2e; --wait: #7a5200; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --back: #14171a; --soft: #1f2428; --line: #6e7681;
  --mute: #a0a8b0; --open: #79b8ff; --bad: #ff9a92; --done: #7ddc92; --wait: #f0c050; --warn: #3a2f10; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--back); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 2px solid var(--line); }
code { font-family: ui-monospace, monospace; font-size: .92em; background: var(--soft); border-radius: .2rem; padding: .05rem .25rem; }
.warning { background: var(--warn); border-left: .35rem solid var(--wait); padding: .5rem 1rem; }
.first { background: var(--soft); border-left: .35rem solid var(--open); padding: .5rem 1rem; font-size: 1.1rem; }
.mute { color: var(--mute); } .bad { color: var(--bad); font-weight: 700; } .done { color: var(--done); }
ul.tasks { padding-left: 1.2rem; } ul.tasks > li { margin: .5rem 0; } .care { color: var(--wait); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
section.key { break-inside: avoid; }
@media print { :root { --text: #000; --back: #fff; --soft: #fff; --warn: #fff; --mute: #333; } body { max-width: none; padding: 0;
  font-size: 10pt; } .warning, .first, li, tr { break-inside: avoid; } }
";

/// The plan as a page.
pub fn html(plan: &Plan, context: &Context) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = page(plan, context, &mut out);
    out
}

fn text(words: &str) -> String {
    html_escape(&printable(words))
}

fn prose(words: &str) -> String {
    Format::Html.prose(&printable(words))
}

fn mono(name: &str) -> String {
    Format::Html.code(&printable(name))
}

fn page(plan: &Plan, context: &Context, out: &mut String) -> std::fmt::Result {
    let title = format!("{} ({})", text(&context.title), text(&context.disclosure));
    write!(
        out,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Plan: {title}</title>
<style>
{STYLE}{}</style>
</head>
<body>
<header>
<h1>Plan: {title}</h1>
"#,
        blast::STYLE
    )?;
    let sweep = context.sweep.map_or_else(|| "no sweep yet".to_owned(), |s| format!("sweep {s}"));
    writeln!(
        out,
        "<p class=\"mute\">Incident {}, {sweep}, written {} (UTC) by {}. Presumption: {}. Evidence chain {}.</p>",
        mono(&context.incident),
        context.generated_at.short(),
        text(&context.tool),
        context.presume,
        mono(&context.chain_head)
    )?;
    if matches!(context.only, Some(Only::Key(_))) {
        writeln!(out, "</header>\n<main>")?;
    } else {
        head(plan, context, out)?;
        for wave in &plan.waves {
            one_wave(plan, wave, out)?;
        }
        if !plan.held.is_empty() {
            writeln!(
                out,
                "<section>\n<h2>Held</h2>\n<p>These wait for a key that stays in use by a waiver or a person's word; no wave brings them up.</p>"
            )?;
            actions(plan, &plan.held, out)?;
            writeln!(out, "</section>")?;
        }
    }
    if !plan.blasts.is_empty() {
        writeln!(out, "<h2>Keys</h2>\n<p>Whoever has one of these can pose as everything on it.</p>")?;
        for (i, each) in plan.blasts.iter().enumerate() {
            key(plan, each, i, out)?;
        }
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

fn head(plan: &Plan, context: &Context, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<p class=\"first\"><strong>{}</strong></p>", text(&words::headline(plan, context)))?;
    writeln!(out, "<div class=\"warning\" role=\"note\" aria-label=\"Order that matters\">\n<ul>")?;
    for rule in ORDER {
        writeln!(out, "<li><strong>{}</strong></li>", text(rule))?;
    }
    writeln!(out, "</ul>\n</div>\n<p>{}</p>", text(&words::progress(plan)))?;
    writeln!(out, "</header>\n<main>")
}

fn one_wave(plan: &Plan, wave: &Wave, out: &mut String) -> std::fmt::Result {
    let n = wave.number;
    let needs = words::needs(wave).unwrap_or_else(|| "can start now".to_owned());
    writeln!(
        out,
        "<section aria-labelledby=\"w{n}\">\n<h2 id=\"w{n}\">Wave {n}: {}</h2>",
        text(&wave.title)
    )?;
    let things = words::count(words::size(wave), "thing", "things");
    writeln!(out, "<p>{things}, which can go in parallel; {}.</p>", text(&needs))?;
    actions(plan, &wave.actions, out)?;
    writeln!(out, "</section>")
}

fn actions(plan: &Plan, actions: &[Action], out: &mut String) -> std::fmt::Result {
    let mut before: Option<&[Option<String>]> = None;
    for action in actions {
        if before != Some(action.owners.as_slice()) {
            if before.is_some() {
                writeln!(out, "</ul>")?;
            }
            writeln!(out, "<h3>{}</h3>\n<ul class=\"tasks\">", text(&words::owners(&action.owners)))?;
            before = Some(&action.owners);
        }
        let names: Vec<String> = words::names_of(plan, action).iter().map(|n| mono(n)).collect();
        let state = words::state(plan, action)
            .map_or_else(String::new, |s| format!(" <span class=\"bad\">{}</span>", text(s)));
        write!(
            out,
            "<li><strong>{}</strong> {}{state}: {}",
            text(&action.code),
            prose(&words::title(action)),
            names.join(", ")
        )?;
        for caution in words::cautions(plan, action) {
            write!(out, "<br><span class=\"care\">Care: {}</span>", prose(&caution))?;
        }
        for wait in words::waits(plan, action, true) {
            write!(out, "<br><span class=\"mute\">Waits for {}</span>", text(&wait.sentence(usize::MAX)))?;
        }
        writeln!(out, "</li>")?;
    }
    if before.is_some() {
        writeln!(out, "</ul>")?;
    }
    Ok(())
}

fn key(plan: &Plan, blast: &Blast, i: usize, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<section class=\"key\" aria-labelledby=\"k{i}\">")?;
    writeln!(out, "<h3 id=\"k{i}\">{} {}</h3>", mono(&keys::short(blast)), text(&keys::summary(blast)))?;
    writeln!(out, "<p><strong>{}</strong></p>", text(&keys::revoke(plan, blast, usize::MAX)))?;
    let sentences = keys::split(plan, blast);
    if !sentences.is_empty() {
        writeln!(out, "<p>If the key is split:</p>\n<ul>")?;
        for sentence in sentences {
            writeln!(out, "<li>{}</li>", text(&sentence))?;
        }
        writeln!(out, "</ul>")?;
    }
    out.push_str(&blast::svg(blast));
    writeln!(
        out,
        "<table>\n<thead><tr><th>Endpoint</th><th>Owner</th><th>Key</th><th>Leak</th><th>State</th></tr></thead>\n<tbody>"
    )?;
    for e in &blast.endpoints {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td><td>{}</td></tr>",
            mono(&e.place()),
            text(words::owner(e.owner.as_deref())),
            if e.serves_now { "bad" } else { "done" },
            keys::serving(e),
            keys::role(e),
            e.state.map_or("not judged", State::as_str)
        )?;
    }
    writeln!(
        out,
        "</tbody>\n</table>\n<table>\n<thead><tr><th>Certificate</th><th>Serial</th><th>Subject</th><th>Standing</th></tr></thead>\n<tbody>"
    )?;
    for c in &blast.certificates {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            mono(&c.sha256.to_string()),
            mono(c.serial.as_deref().unwrap_or("none")),
            text(c.subject.as_deref().unwrap_or("none")),
            text(&keys::fate(c))
        )?;
    }
    writeln!(out, "</tbody>\n</table>\n</section>")
}
