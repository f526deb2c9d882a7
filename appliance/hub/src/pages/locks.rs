//! The categories that the commune locks.

use std::collections::BTreeSet;

use askama::Template;
use model::Timestamp;
use replication::{CategoryLock, CommunePolicy};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::policy::{Reach, Reached};

/// Schools that are named before a lock is there; the others are counted.
const NAMED_MAX: usize = 50;

#[derive(Template)]
#[template(path = "locks.html")]
struct View<'a> {
    frame: Frame<'a>,
    locks: Vec<LockLine>,
    known: Vec<String>,
    may_act: bool,
    asked: Option<Asked>,
}

struct LockLine {
    category: String,
    reason: String,
    author: String,
    since: String,
}

/// A lock that somebody wants to make, and what is known of it before.
struct Asked {
    category: String,
    reason: String,
    notes: Vec<String>,
}

/// The locked categories; with one that somebody `wanted` to lock, what that would reach.
pub(crate) fn locks(
    place: Place<'_>,
    bar: Bar,
    policy: &CommunePolicy,
    known: &BTreeSet<String>,
    may_act: bool,
    wanted: Option<(&CategoryLock, &Reach)>,
) -> String {
    let line = |lock: &CategoryLock| LockLine {
        category: lock.category.clone(),
        reason: lock.reason.clone(),
        author: lock.author.clone(),
        since: place.moment(Timestamp::from_unix_ms(lock.made_ms)),
    };
    let asked = wanted.map(|(lock, reach)| Asked {
        category: lock.category.clone(),
        reason: lock.reason.clone(),
        notes: foresee(place, reach),
    });
    render(&View {
        locks: policy.locks.iter().map(line).collect(),
        known: known.iter().cloned().collect(),
        may_act,
        asked,
        frame: Frame::new(place, Some(bar)),
    })
}

/// What boxes have told of the category: who sees it now, and whose own rules count no more. Who went there, the hub does not know.
fn foresee(place: Place<'_>, reach: &Reach) -> Vec<String> {
    let count = |key: &str, number: usize| place.say_with(key, &[("number", &number.to_string())]);
    let mut notes = Vec::new();
    match (reach.known, reach.schools.len()) {
        (0, _) => notes.push(place.say("locks-unheard")),
        (_, 0) => notes.push(place.say("locks-reach-none")),
        (_, schools) => notes.push(count("locks-reach", schools)),
    }
    notes.extend(warn_of_workspace(place, reach));
    let mut schools: Vec<&Reached> = reach.schools.iter().collect();
    // Whose own decision counts no more is told first.
    schools.sort_by_key(|school| std::cmp::Reverse((school.rules, school.devices)));
    notes.extend(schools.iter().take(NAMED_MAX).map(|school| {
        let (devices, rules) = (school.devices.to_string(), school.rules.to_string());
        let variables =
            [("school", school.name.as_str()), ("devices", devices.as_str()), ("rules", rules.as_str())];
        place.say_with("locks-school", &variables)
    }));
    let others = schools.len().saturating_sub(NAMED_MAX);
    notes.extend((others > 0).then(|| count("locks-others", others)));
    notes.extend((reach.silent > 0).then(|| count("locks-silent", reach.silent)));
    notes
}

/// Whose workspace (ENT) would close, and of whom that is not known: a lock is stronger than the workspace's being open to all.
fn warn_of_workspace(place: Place<'_>, reach: &Reach) -> Vec<String> {
    let mut notes = Vec::new();
    if !reach.workspace.is_empty() {
        let named: Vec<&str> = reach.workspace.iter().take(NAMED_MAX).map(String::as_str).collect();
        let (number, mut schools) = (reach.workspace.len().to_string(), named.join(", "));
        if reach.workspace.len() > NAMED_MAX {
            schools.push_str(", …");
        }
        let variables = [("number", number.as_str()), ("schools", schools.as_str())];
        notes.push(place.say_with("locks-workspace", &variables));
    }
    if reach.unsure > 0 {
        let number = reach.unsure.to_string();
        notes.push(place.say_with("locks-workspace-unknown", &[("number", &number)]));
    }
    notes
}
