//! Which groups are above which, how deep each stands, and where groups would be above themselves.

use std::{cmp::Reverse, collections::BTreeSet, rc::Rc};

use super::{ALL, Model, UNGROUPED};
use crate::inventory::records::Place;

/// The most groups that one host may be in, those above its own included.
pub(super) const MOST_GROUPS: usize = 256;

/// The groups in their order.
pub(super) struct Graph {
    /// The groups above each one, without itself; `None`: more than [`MOST_GROUPS`].
    above: Vec<Option<Rc<[usize]>>>,
    /// How Ansible sorts: the deeper one wins, then the one of higher priority, then the later name.
    rank: Vec<usize>,
    /// Parent, child and place of every statement that would put a group above itself.
    pub(super) cycles: Vec<(usize, usize, Place)>,
}

impl Graph {
    pub(super) fn new(model: &Model<'_>) -> Self {
        let (order, cycles) = sorted(model);
        let refused: BTreeSet<(usize, usize)> = cycles.iter().map(|&(p, c, _)| (p, c)).collect();
        let mut parents = vec![Vec::new(); model.groups.len()];
        for (at, group) in model.groups.iter().enumerate() {
            for &(child, _) in &group.children {
                if let Some(parents) = parents.get_mut(child)
                    && !refused.contains(&(at, child))
                {
                    parents.push(at);
                }
            }
        }
        let mut above: Vec<Option<Rc<[usize]>>> = vec![None; model.groups.len()];
        let mut depth = vec![0_usize; model.groups.len()];
        for at in order {
            let own = parents.get(at).map_or(&[][..], Vec::as_slice);
            let deepest = own.iter().filter_map(|&p| depth.get(p)).max().copied();
            let set = union(own, &above);
            if let (Some(to), Some(deep)) = (above.get_mut(at), depth.get_mut(at)) {
                *to = set;
                *deep = if at == ALL { 0 } else { deepest.unwrap_or(0) + 1 };
            }
        }
        let mut by_rank: Vec<usize> = (0..model.groups.len()).collect();
        by_rank.sort_by_key(|&at| {
            let group = model.groups.get(at);
            (depth.get(at).copied(), group.map(|g| g.priority), group.map(|g| g.name.as_ref()))
        });
        let mut rank = vec![0; model.groups.len()];
        for (place, at) in by_rank.into_iter().enumerate() {
            if let Some(rank) = rank.get_mut(at) {
                *rank = place;
            }
        }
        Self { above, rank, cycles }
    }

    /// Every group of a host from the weakest to the strongest, `all` first. `None`: they are too many.
    pub(super) fn groups_of(&self, direct: &[usize]) -> Option<Vec<usize>> {
        let mut all: Vec<usize> = union(direct, &self.above)?.to_vec();
        // A host in some group is not ungrouped, whatever else a file says.
        all.retain(|&at| at != ALL && at != UNGROUPED);
        all.push(ALL);
        if all.len() == 1 {
            all.push(UNGROUPED);
        }
        all.sort_by_key(|&at| (Reverse(at == ALL), self.rank.get(at).copied()));
        Some(all)
    }
}

/// These groups and all above them.
fn union(groups: &[usize], above: &[Option<Rc<[usize]>>]) -> Option<Rc<[usize]>> {
    let mut all = BTreeSet::new();
    for &at in groups {
        all.insert(at);
        all.extend(above.get(at)?.as_ref()?.iter().copied());
        if all.len() > MOST_GROUPS {
            return None;
        }
    }
    Some(all.into_iter().collect())
}

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    No,
    /// On the way from the first group to the one that is looked at.
    Open,
    Done,
}

/// The groups with parents before children, and what was left out for that. No recursion: a chain of groups may be
/// as long as its file.
fn sorted(model: &Model<'_>) -> (Vec<usize>, Vec<(usize, usize, Place)>) {
    let mut seen = vec![Seen::No; model.groups.len()];
    let (mut order, mut cycles) = (Vec::with_capacity(seen.len()), Vec::new());
    for root in 0..model.groups.len() {
        let mut way = Vec::new();
        if seen.get(root) == Some(&Seen::No) {
            way.push((root, 0));
        }
        while let Some((at, next)) = way.last_mut() {
            let (parent, step) = (*at, *next);
            *next += 1;
            if step == 0
                && let Some(seen) = seen.get_mut(parent)
            {
                *seen = Seen::Open;
            }
            match model.groups.get(parent).and_then(|group| group.children.get(step)) {
                Some(&(child, place)) if child == ALL => cycles.push((parent, child, place)),
                Some(&(child, place)) => match seen.get(child) {
                    Some(Seen::No) => way.push((child, 0)),
                    Some(Seen::Open) => cycles.push((parent, child, place)),
                    _ => {}
                },
                None => {
                    if let Some(seen) = seen.get_mut(parent) {
                        *seen = Seen::Done;
                    }
                    order.push(parent);
                    way.pop();
                }
            }
        }
    }
    order.reverse();
    (order, cycles)
}
