//! What was looked at, and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Result, bail};

use super::Place;
use super::boot_files;
use super::data;

/// Of one kind of failure so many places are named.
const PLACES: usize = 5;

/// A state of what decides whether a machine starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Look {
    /// Whether the table is read by its copy.
    pub(crate) is_copy: bool,
    /// The names of the partitions.
    pub(crate) names: Vec<String>,
    pub(crate) files: boot_files::Found,
}

/// What is known so far.
pub(crate) struct Report {
    began: Instant,
    windows: usize,
    by_chance: usize,
    choices: usize,
    /// Where each state was found first, and how often.
    states: BTreeMap<Look, (Place, usize)>,
    points: usize,
    without_volume: usize,
    without_state: usize,
    without_seals: usize,
    records: BTreeSet<u64>,
    mended: BTreeMap<String, usize>,
    failures: BTreeMap<String, (Vec<Place>, usize)>,
}

impl Report {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            windows: 0,
            by_chance: 0,
            choices: 0,
            states: BTreeMap::new(),
            points: 0,
            without_volume: 0,
            without_state: 0,
            without_seals: 0,
            records: BTreeSet::new(),
            mended: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// So many choices of what is lost between two flushes are looked at.
    pub(crate) fn look_at_window(&mut self, choices: usize, is_all: bool) {
        self.windows += 1;
        self.by_chance += usize::from(!is_all);
        self.choices += choices;
    }

    pub(crate) fn note_boot(&mut self, found: Look, place: &Place) {
        self.states.entry(found).or_insert_with(|| (place.clone(), 0)).1 += 1;
    }

    pub(crate) fn note_no_volume(&mut self) {
        self.points += 1;
        self.without_volume += 1;
    }

    pub(crate) fn note_kept(&mut self, found: &data::Found) {
        self.points += 1;
        self.without_state += usize::from(!found.has_state);
        match found.records {
            Some(records) => drop(self.records.insert(records)),
            None => self.without_seals += 1,
        }
        for (what, count) in &found.mended {
            *self.mended.entry(what.clone()).or_insert(0) += count;
        }
    }

    /// Something is not as it has to be.
    pub(crate) fn fail(&mut self, wrong: &str, place: &Place) {
        let (places, count) = self.failures.entry(wrong.to_owned()).or_default();
        if places.len() < PLACES {
            places.push(place.clone());
        }
        *count += 1;
    }

    pub(crate) fn boot_states(&self, tables: usize, files: usize, compared: usize) {
        println!(
            "what starts         {} choices of lost writes between {} pairs of flushes, {} of them by chance: {tables} states of the \
             table, {files} of the boot files, {compared} comparisons of a slot, {:.0} s",
            self.choices,
            self.windows,
            self.by_chance,
            self.began.elapsed().as_secs_f64()
        );
    }

    pub(crate) fn tell(&self, point: usize, points: usize, states: usize) {
        println!(
            "                    entry {point} of {points}, {states} states, {} kinds of failure, {:.0} s",
            self.failures.len(),
            self.began.elapsed().as_secs_f64()
        );
    }

    pub(crate) fn kept_states(&self, states: usize, headers: usize) {
        println!(
            "what is kept        {} points, {} of them before there is a volume, {} before it has a state, {} before anything is sealed: \
             {headers} states of the volume's headers, {states} of what is in it, {:.0} s",
            self.points,
            self.without_volume,
            self.without_state,
            self.without_seals,
            self.began.elapsed().as_secs_f64()
        );
        if let (Some(first), Some(last)) = (self.records.first(), self.records.last()) {
            println!(
                "journal             verified with {first} to {last} records, never fewer than were safe"
            );
        }
        for (what, count) in &self.mended {
            println!("mended              {count} times: {what}");
        }
    }

    /// Says what failed, and where a machine has to be started to play each state that decides whether one starts.
    ///
    /// # Errors
    /// Something failed.
    pub(crate) fn end(&self) -> Result<()> {
        for (look, (place, count)) in &self.states {
            println!("to be started       {}: {} ({count} choices)", say(place), look.describe());
        }
        for (wrong, (places, count)) in &self.failures {
            let places: Vec<String> = places.iter().map(say).collect();
            println!("FAILED              {count} times, such as {}: {wrong}", places.join("; "));
        }
        if !self.failures.is_empty() {
            bail!("{} kinds of failure", self.failures.len());
        }
        println!("all are whole");
        Ok(())
    }
}

impl Look {
    fn describe(&self) -> String {
        let offered: Vec<&str> = self.files.offered.keys().map(String::as_str).collect();
        let more: Vec<&str> = self.files.more.iter().map(String::as_str).collect();
        format!(
            "table{} of {}; boot files {}{}{}{}",
            if self.is_copy { ", by its copy," } else { "" },
            self.names.join(" "),
            offered.join(" "),
            if more.is_empty() { "" } else { "; beside them " },
            more.join(" "),
            if self.files.is_shared { "; two names of the same bytes" } else { "" }
        )
    }
}

/// How `cuts` is told to start from there.
fn say(place: &Place) -> String {
    let lost: Vec<String> = place.lost.iter().map(usize::to_string).collect();
    let lost = if lost.is_empty() { "none".to_owned() } else { lost.join(",") };
    format!("--at {} --lost {lost}", place.point)
}
