//! The plan as GitHub-flavoured Markdown. Nothing is cut. Names of others are code or escaped: they make no link, no
//! heading and no markup.

use std::fmt::Write as _;

use super::{Context, ORDER, Only, keys, words};
use crate::{
    model::plan::{Action, Blast, Plan},
    model::text::printable,
    report::checklist::escape::Format,
};

/// The plan as Markdown.
pub fn markdown(plan: &Plan, context: &Context) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = page(plan, context, &mut out);
    out
}

fn text(words: &str) -> String {
    Format::Markdown.text(&printable(words))
}

fn prose(words: &str) -> String {
    Format::Markdown.prose(&printable(words))
}

fn mono(name: &str) -> String {
    Format::Markdown.code(&printable(name))
}

fn page(plan: &Plan, context: &Context, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# Plan: {} ({})\n", text(&context.title), text(&context.disclosure))?;
    let sweep = context.sweep.map_or_else(|| "no sweep yet".to_owned(), |s| format!("sweep {s}"));
    writeln!(
        out,
        "Incident {}, {sweep}, written {} (UTC) by {}. Presumption: {}. Evidence chain {}.\n",
        mono(&context.incident),
        context.generated_at.short(),
        text(&context.tool),
        context.presume,
        mono(&context.chain_head)
    )?;
    if !matches!(context.only, Some(Only::Key(_))) {
        writeln!(out, "**{}**\n", text(&words::headline(plan, context)))?;
        for rule in ORDER {
            writeln!(out, "- **{rule}**")?;
        }
        writeln!(out, "\n{}", text(&words::progress(plan)))?;
        for wave in &plan.waves {
            let needs = words::needs(wave).unwrap_or_else(|| "can start now".to_owned());
            writeln!(out, "\n## Wave {}: {}\n", wave.number, text(&wave.title))?;
            let n = words::count(words::size(wave), "thing", "things");
            writeln!(out, "{n}, which can go in parallel; {}.\n", text(&needs))?;
            actions(plan, &wave.actions, out)?;
        }
        if !plan.held.is_empty() {
            writeln!(out, "\n## Held\n")?;
            writeln!(
                out,
                "These wait for a key that stays in use by a waiver or a person's word; no wave brings them up.\n"
            )?;
            actions(plan, &plan.held, out)?;
        }
    }
    if !plan.blasts.is_empty() {
        writeln!(out, "\n## Keys")?;
        for blast in &plan.blasts {
            key(plan, blast, out)?;
        }
    }
    Ok(())
}

fn actions(plan: &Plan, actions: &[Action], out: &mut String) -> std::fmt::Result {
    let mut before: Option<&[Option<String>]> = None;
    for action in actions {
        if before != Some(action.owners.as_slice()) {
            let gap = if before.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}### {}\n", text(&words::owners(&action.owners)))?;
            before = Some(&action.owners);
        }
        let names: Vec<String> = words::names_of(plan, action).iter().map(|n| mono(n)).collect();
        let state = words::state(plan, action).map_or_else(String::new, |s| format!(" *({s})*"));
        writeln!(
            out,
            "- [ ] **{}** {}{state}: {}",
            text(&action.code),
            prose(&words::title(action)),
            names.join(", ")
        )?;
        for caution in words::cautions(plan, action) {
            writeln!(out, "  - Care: {}", prose(&caution))?;
        }
        for wait in words::waits(plan, action, true) {
            writeln!(out, "  - Waits for {}", text(&wait.sentence(usize::MAX)))?;
        }
    }
    Ok(())
}

fn key(plan: &Plan, blast: &Blast, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n### {}\n", mono(&keys::short(blast)))?;
    writeln!(out, "{}: {}.\n", mono(&blast.spki.to_string()), keys::summary(blast))?;
    writeln!(out, "- {}", text(&keys::revoke(plan, blast, usize::MAX)))?;
    for sentence in keys::split(plan, blast) {
        writeln!(out, "- {}", text(&sentence))?;
    }
    writeln!(out, "\n| Endpoint | Owner | Key | Leak | State |\n|---|---|---|---|---|")?;
    for e in &blast.endpoints {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            cell(&mono(&e.place())),
            cell(&text(words::owner(e.owner.as_deref()))),
            keys::serving(e),
            keys::role(e),
            e.state.map_or("not judged", crate::model::facet::State::as_str)
        )?;
    }
    writeln!(out, "\n| Certificate | Serial | Subject | Standing |\n|---|---|---|---|")?;
    for c in &blast.certificates {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            mono(&c.sha256.to_string()),
            cell(&mono(c.serial.as_deref().unwrap_or("none"))),
            cell(&text(c.subject.as_deref().unwrap_or("none"))),
            cell(&keys::fate(c))
        )?;
    }
    Ok(())
}

/// Inside code a `|` would still end the cell of a table (GFM, 4.10).
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if c == '|' && before != '\\' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}
