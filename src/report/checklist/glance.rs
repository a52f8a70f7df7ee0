//! The box at the top of each list: what first, what waits and for what, what allclear checks by itself, what a person
//! attests, what goes down. Lines of the same kind stand together. Nothing in it is not in the lines below.

use serde::Serialize;

use super::view::{FIRST, can_start, clean, settled, to_do};
use crate::model::checklist::Line;

/// How many names a group spells out.
const NAMES: usize = 6;

/// The box. Each part names the first few groups and counts the others.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GlanceView {
    /// What can be worked on now.
    pub first: Vec<GlanceItem>,
    /// How many more groups there are.
    pub first_more: usize,
    /// What has to wait, and for what.
    pub waits: Vec<GlanceItem>,
    /// How many more.
    pub waits_more: usize,
    /// What allclear sees for itself.
    pub checks: Vec<GlanceItem>,
    /// How many more.
    pub checks_more: usize,
    /// What a person has to attest.
    pub attests: Vec<GlanceItem>,
    /// How many more.
    pub attests_more: usize,
    /// What goes down while it is done, and how.
    pub down: Vec<GlanceItem>,
    /// How many more.
    pub down_more: usize,
}

/// Lines of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct GlanceItem {
    /// Their code, such as `B1`.
    pub code: String,
    /// What to do (prose).
    pub title: String,
    /// Services, or secrets where the lines are about secrets (names); the first few.
    pub on: Vec<String>,
    /// How many more there are.
    pub on_more: usize,
    /// What is waited for, or what goes down (prose); empty where nothing is to be said.
    pub texts: Vec<String>,
}

pub(super) fn of(lines: &[Line]) -> GlanceView {
    let open = |l: &&Line| to_do(l.state);
    let (first, first_more) = groups(lines.iter().filter(|l| can_start(l)), |_| Vec::new(), false);
    let waiting = lines.iter().filter(open).filter(|l| !l.blocked_by_text.is_empty());
    let (waits, waits_more) =
        groups(waiting, |l| l.blocked_by_text.iter().map(|text| condition(text)).collect(), false);
    let seen = lines.iter().filter(|l| !settled(l.state)).filter(|l| sees_itself(l));
    let (checks, checks_more) = groups(seen, |_| Vec::new(), false);
    let (attests, attests_more) =
        groups(lines.iter().filter(open).filter(|l| l.attest.is_some()), |_| Vec::new(), false);
    let down = lines.iter().filter(open).filter(|l| impact(l).is_some());
    let (down, down_more) = groups(down, |l| impact(l).map(clean).into_iter().collect(), true);
    GlanceView {
        first,
        first_more,
        waits,
        waits_more,
        checks,
        checks_more,
        attests,
        attests_more,
        down,
        down_more,
    }
}

/// What goes down; nothing where the line says that nothing does as long as the order is kept.
fn impact(line: &Line) -> Option<&str> {
    line.impact.as_deref().filter(|text| !text.starts_with("Nothing"))
}

/// Whether a later look shows it, in part at least. Of a secret allclear knows what was recorded.
fn sees_itself(line: &Line) -> bool {
    line.code != "A1"
        && line.secret.is_none()
        && line.tool_checks.as_ref().is_some_and(|text| !text.starts_with("Nothing"))
}

/// `A2 Restart: `web01:443` (`team-web`)` without the names, which the line below has: `A2 Restart (`team-web`)`.
fn condition(text: &str) -> String {
    let text = clean(text);
    let Some((what, rest)) = text.split_once(": `") else { return text };
    match rest.rsplit_once("` (`") {
        Some((_, owner)) => format!("{what} (`{owner}"),
        None => what.to_owned(),
    }
}

/// Lines with the same code and title in one group, and with the same texts where these tell groups apart; in order.
fn groups<'a>(
    lines: impl Iterator<Item = &'a Line>,
    texts: impl Fn(&'a Line) -> Vec<String>,
    by_text: bool,
) -> (Vec<GlanceItem>, usize) {
    let mut out: Vec<(GlanceItem, Vec<String>)> = Vec::new();
    for line in lines {
        let (code, title, own) = (clean(&line.code), clean(&line.title), texts(line));
        let same =
            |item: &GlanceItem| item.code == code && item.title == title && (!by_text || item.texts == own);
        let at = out.iter().position(|(item, _)| same(item)).unwrap_or_else(|| {
            let item =
                GlanceItem { code: code.clone(), title, on: Vec::new(), on_more: 0, texts: Vec::new() };
            out.push((item, Vec::new()));
            out.len() - 1
        });
        let Some((item, names)) = out.get_mut(at) else { continue };
        for text in own {
            if !item.texts.contains(&text) {
                item.texts.push(text);
            }
        }
        // An implied secret has the line's own id, which says nothing beside the services.
        match line.secret.as_ref().filter(|secret| **secret != line.id) {
            Some(secret) => names.push(clean(secret)),
            None => names.extend(line.service_names.iter().map(|n| clean(n))),
        }
    }
    let more = out.len().saturating_sub(FIRST);
    let items = out.into_iter().take(FIRST).map(|(mut item, names)| {
        let mut seen = std::collections::BTreeSet::new();
        let each: Vec<String> = names.into_iter().filter(|name| seen.insert(name.clone())).collect();
        item.on_more = each.len().saturating_sub(NAMES);
        item.on = each.into_iter().take(NAMES).collect();
        item
    });
    (items.collect(), more)
}
