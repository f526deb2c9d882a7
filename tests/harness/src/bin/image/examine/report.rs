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
    /// States of the table and of the boot files, and comparisons of a slot.
    boot: [usize; 3],
    /// States of what is kept, and of its headers.
    kept: [usize; 2],
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
            boot: [0; 3],
            kept: [0; 2],
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
            Some(records) => {
                self.records.insert(records);
            }
            None => self.without_seals += 1,
        }
        for (what, count) in &found.mended {
            *self.mended.entry(what.clone()).or_insert(0) += count;
        }
    }

    /// Something is not as it has to be. It is said at once: the rest takes long.
    pub(crate) fn fail(&mut self, wrong: &str, place: &Place) {
        let (places, count) = self.failures.entry(wrong.to_owned()).or_default();
        if *count == 0 {
            println!("FAILED              {}: {wrong}", say(place));
        }
        if places.len() < PLACES {
            places.push(place.clone());
        }
        *count += 1;
    }

    /// So many states of what starts there were.
    pub(crate) fn boot_states(&mut self, tables: usize, files: usize, compared: usize) {
        self.boot = [tables, files, compared];
        println!("                    all that starts was looked at, {:.0} s", self.seconds());
    }

    pub(crate) fn tell(&self, point: usize, last: usize, states: usize) {
        println!("                    entry {point} of {last}, {states} states, {:.0} s", self.seconds());
    }

    /// So many states of what is kept there were.
    pub(crate) fn kept_states(&mut self, states: usize, headers: usize) {
        self.kept = [states, headers];
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Adds what another one has.
    pub(crate) fn add(&mut self, other: Self) {
        self.windows += other.windows;
        self.by_chance += other.by_chance;
        self.choices += other.choices;
        self.points += other.points;
        self.without_volume += other.without_volume;
        self.without_state += other.without_state;
        self.without_seals += other.without_seals;
        self.boot.iter_mut().zip(other.boot).for_each(|(all, more)| *all += more);
        self.kept.iter_mut().zip(other.kept).for_each(|(all, more)| *all += more);
        self.records.extend(other.records);
        for (look, (place, count)) in other.states {
            self.states.entry(look).or_insert((place, 0)).1 += count;
        }
        for (what, count) in other.mended {
            *self.mended.entry(what).or_insert(0) += count;
        }
        for (wrong, (places, count)) in other.failures {
            let (all, total) = self.failures.entry(wrong).or_default();
            all.extend(places);
            all.truncate(PLACES);
            *total += count;
        }
    }

    fn sum_up(&self) {
        let [tables, files, compared] = self.boot;
        println!(
            "what starts         {} choices of lost writes between {} pairs of flushes, {} of them by chance: {tables} states of the \
             table, {files} of the boot files, {compared} comparisons of a slot",
            self.choices, self.windows, self.by_chance
        );
        let [states, headers] = self.kept;
        println!(
            "what is kept        {} points, {} of them before there is a volume, {} before it has a state, {} before anything is sealed: \
             {headers} states of the volume's headers, {states} of what is in it",
            self.points, self.without_volume, self.without_state, self.without_seals
        );
        if let (Some(first), Some(last)) = (self.records.first(), self.records.last()) {
            println!("journal             verified with {first} to {last} records");
        }
        for (what, count) in &self.mended {
            println!("mended              {count} times: {what}");
        }
        let (states, choices) = self.emptied();
        if states > 0 {
            println!(
                "emptied             {states} states ({choices} choices) have an empty boot file, which the box removes at its \
                 start"
            );
        }
    }

    /// In how many states there is an empty boot file, and in how many choices of what is lost.
    fn emptied(&self) -> (usize, usize) {
        let emptied = self.states.iter().filter(|(look, _)| !look.files.emptied.is_empty());
        emptied.fold((0, 0), |(states, choices), (_, (_, count))| (states + 1, choices + count))
    }

    /// Says what failed, and where a machine has to be started to play each state that decides whether one starts.
    ///
    /// # Errors
    /// Something failed.
    pub(crate) fn end(&self) -> Result<()> {
        self.sum_up();
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
        println!("all are whole       {:.0} s", self.seconds());
        Ok(())
    }
}

impl Look {
    fn describe(&self) -> String {
        let offered: Vec<&str> = self.files.offered.keys().map(String::as_str).collect();
        let emptied: Vec<&str> = self.files.emptied.keys().map(String::as_str).collect();
        let more: Vec<&str> = self.files.more.iter().map(String::as_str).collect();
        format!(
            "table{} of {}; boot files {}{}{}{}{}{}",
            if self.is_copy { ", by its copy," } else { "" },
            self.names.join(" "),
            offered.join(" "),
            if emptied.is_empty() { "" } else { "; empty " },
            emptied.join(" "),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_boot_file_is_counted_apart_and_to_be_started() {
        let look = |emptied: &[&str]| Look {
            is_copy: false,
            names: vec!["esp".to_owned(), "preau_1.0.0".to_owned()],
            files: boot_files::Found {
                offered: [("preau_1.0.0.efi".to_owned(), "1.0.0".to_owned())].into(),
                emptied: emptied.iter().map(|name| ((*name).to_owned(), "1.1.0".to_owned())).collect(),
                more: BTreeSet::new(),
                is_shared: false,
            },
        };
        let place = |point, lost: &[usize]| Place { point, lost: lost.iter().copied().collect() };
        let mut report = Report::new(crate::booted::now());
        report.note_boot(look(&[]), &place(1, &[]));
        assert_eq!(report.emptied(), (0, 0));
        report.note_boot(look(&["preau_1.1.0+3-0.efi"]), &place(7, &[4, 5]));
        report.note_boot(look(&["preau_1.1.0+3-0.efi"]), &place(7, &[3, 4, 5]));
        report.note_boot(look(&["preau_1.1.0.efi"]), &place(9, &[8]));
        assert_eq!(report.emptied(), (2, 3));
        let (first, _) = &report.states[&look(&["preau_1.1.0+3-0.efi"])];
        assert_eq!(say(first), "--at 7 --lost 4,5");
        assert_eq!(
            look(&["preau_1.1.0+3-0.efi"]).describe(),
            "table of esp preau_1.0.0; boot files preau_1.0.0.efi; empty preau_1.1.0+3-0.efi"
        );
        report.end().unwrap();
        report.fail("a file is gone", &place(9, &[]));
        assert!(report.end().is_err());
    }
}
