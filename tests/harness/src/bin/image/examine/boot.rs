//! What decides whether a machine starts, in every state that a cut can leave it in: between two flushes, each choice of the writes
//! may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use harness::random::Random;

use super::boot_files::{self, Expected};
use super::part::{Part, State};
use super::report::{Look, Report};
use super::table::{Ends, Table};
use super::{DATA, Job, Layout, Place, Version};
use crate::write_log::{Span, WriteLog};

/// Of so many writes every choice is made; of more, as many by chance.
const WRITES_MAX: usize = 10;
/// So much is compared at once.
const PIECE_BYTES: usize = 1 << 20;

/// Looks at each state.
pub(super) fn look(job: &Job<'_>, layout: &Layout, mut report: Report) -> Result<Report> {
    let mut boot = Boot::new(job, layout)?;
    for (first, end) in windows(job.log) {
        let changed: Vec<usize> = (first..end).filter(|number| boot.is_boot(job.log, *number)).collect();
        let is_slot = |number: usize| boot.slots.iter().any(|slot| slot.is_touched(job.log, number));
        if !changed.is_empty() || (first..end).any(is_slot) {
            let (choices, is_all) = choices(&changed, job.seed.wrapping_add(end as u64));
            report.look_at_window(choices.len(), is_all);
            for lost in choices {
                let place = Place { point: end, lost };
                match boot.look(job.log, first, &changed, &place)? {
                    Ok(found) => report.note_boot(found, &place),
                    Err(wrong) => report.fail(&wrong, &place),
                }
            }
        }
        boot.keep(job.log, first, end)?;
    }
    report.boot_states(boot.tables.len(), boot.files.len(), boot.compared.len());
    Ok(report)
}

/// The entries between flushes: the first, and the one behind the last.
fn windows(log: &WriteLog) -> Vec<(usize, usize)> {
    let flushes = (0..log.len()).filter(|number| log.is_flush(*number)).chain([log.len()]);
    let windows = flushes.scan(0, |next, flush| {
        let window = (*next, flush);
        *next = flush + 1;
        Some(window)
    });
    windows.filter(|(first, end)| first < end).collect()
}

/// Which of the writes are lost: every choice of them, or some by chance where there are many. Says whether it is every one.
fn choices(writes: &[usize], seed: u64) -> (Vec<BTreeSet<usize>>, bool) {
    let choose = |choice: u64| -> BTreeSet<usize> {
        let lost = writes.iter().enumerate().filter(|(at, _)| (choice >> at) & 1 == 1);
        lost.map(|(_, number)| *number).collect()
    };
    if writes.len() <= WRITES_MAX {
        return ((0..1_u64 << writes.len()).map(choose).collect(), true);
    }
    let mut chance = Random::new(seed);
    let mut draw = |_| writes.iter().copied().filter(|_| chance.draw() & 1 == 0).collect();
    let mut choices: Vec<BTreeSet<usize>> = (0..1 << WRITES_MAX).map(&mut draw).collect();
    // All that was written up to any moment, as well.
    choices.extend((0..=writes.len()).map(|kept| writes.iter().copied().skip(kept).collect()));
    (choices, false)
}

/// What decides, as far as it is safe.
struct Boot<'j> {
    ends: Ends,
    /// How many writes are in the ends.
    changes: usize,
    first: Vec<Span>,
    esp: Part<'j>,
    slots: Vec<Part<'j>>,
    versions: Vec<Version>,
    expected: Expected,
    tables: BTreeMap<State, Result<Table, String>>,
    files: BTreeMap<State, Result<boot_files::Found, String>>,
    /// Whether a slot in a state has what it has to have: the slot's place, its changes, and the file.
    compared: BTreeMap<(u64, usize, String), bool>,
}

impl Boot<'_> {
    fn new(job: &Job<'_>, layout: &Layout) -> Result<Self> {
        let image = File::open(job.image)?;
        let part = |name: &str, span| Part::new(job.folder, name, &image, span, None);
        let esp = part("boot", layout.boot()?)?;
        let slots = layout.slots().enumerate().map(|(at, span)| part(&format!("slot-{at}"), span));
        let versions: Vec<Version> =
            job.releases.iter().map(|release| Version::read(release, job.folder)).collect::<Result<_>>()?;
        let known: Vec<(&str, &Path)> =
            versions.iter().map(|version| (version.name.as_str(), version.file.as_path())).collect();
        Ok(Self {
            ends: layout.ends.clone(),
            changes: 0,
            first: layout.first.iter().map(|partition| partition.span).collect(),
            expected: Expected::new(esp.safe(), &known)?,
            slots: slots.collect::<Result<_>>()?,
            esp,
            versions,
            tables: BTreeMap::new(),
            files: BTreeMap::new(),
            compared: BTreeMap::new(),
        })
    }

    /// Whether an entry changes the table or the boot files.
    fn is_boot(&self, log: &WriteLog, number: usize) -> bool {
        self.ends.is_touched(log, number) || self.esp.is_touched(log, number)
    }

    fn keep(&mut self, log: &WriteLog, first: usize, end: usize) -> Result<()> {
        for number in first..end {
            if self.ends.is_touched(log, number) {
                self.ends = self.ends.with(log, &[number])?;
                self.changes += 1;
            }
            self.esp.keep(log, number)?;
            self.slots.iter_mut().try_for_each(|slot| slot.keep(log, number))?;
        }
        Ok(())
    }

    /// What there is after the entries from `first` on, without those that are lost; or what is wrong with it.
    fn look(
        &mut self,
        log: &WriteLog,
        first: usize,
        changed: &[usize],
        place: &Place,
    ) -> Result<Result<Look, String>> {
        let kept: Vec<usize> =
            changed.iter().copied().filter(|number| !place.lost.contains(number)).collect();
        let table = match self.table(log, &kept)? {
            Ok(table) => table,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let files = match self.files(log, &kept)? {
            Ok(files) => files,
            Err(wrong) => return Ok(Err(wrong)),
        };
        for span in &self.first {
            if !table.partitions.iter().any(|partition| partition.span == *span) {
                return Ok(Err(format!("the table has lost the partition at byte {}", span.start)));
            }
        }
        let offered = files.offered.iter().map(|file| (file, true));
        for ((name, version), is_offered) in offered.chain(files.emptied.iter().map(|file| (file, false))) {
            let file = (name.as_str(), version.as_str(), is_offered);
            if let Err(wrong) = self.check_root(log, (first, place.point), file, &table) {
                return Ok(Err(format!("{wrong:#}")));
            }
        }
        let names = table.partitions.into_iter().map(|partition| partition.name).collect();
        Ok(Ok(Look { is_copy: table.is_copy, names, files }))
    }

    fn table(&mut self, log: &WriteLog, kept: &[usize]) -> Result<Result<Table, String>> {
        let more = kept.iter().copied().filter(|number| self.ends.is_touched(log, *number));
        let state = State { safe: self.changes, more: more.collect() };
        if let Some(known) = self.tables.get(&state) {
            return Ok(known.clone());
        }
        let table = self.ends.with(log, &state.more)?.table().map_err(|wrong| format!("{wrong:#}"));
        self.tables.insert(state, table.clone());
        Ok(table)
    }

    fn files(&mut self, log: &WriteLog, kept: &[usize]) -> Result<Result<boot_files::Found, String>> {
        let state = self.esp.state(log, kept);
        if let Some(known) = self.files.get(&state) {
            return Ok(known.clone());
        }
        let found =
            self.esp.look(log, &state, |partition| Ok((self.expected.look(partition)?, Vec::new())))?;
        let found = found.map_err(|wrong| format!("{wrong:#}"));
        self.files.insert(state, found.clone());
        Ok(found)
    }

    /// A boot file that is offered has its root, which is safe: nothing between the last flush and the cut has to do with it. One that is
    /// empty is written again, and of its root only what has no partition by then.
    fn check_root(
        &mut self,
        log: &WriteLog,
        (first, end): (usize, usize),
        (name, version, is_offered): (&str, &str, bool),
        table: &Table,
    ) -> Result<()> {
        let version = self.versions.iter().find(|known| known.name == version).context("no such version")?;
        ensure!(
            !is_offered || !table.is_copy || version.knows_copy,
            "the table is damaged: the kernel of {} does not look for its copy (`gpt`), so it starts only where the firmware mends it",
            version.name
        );
        for (uuid, file) in &version.parts {
            let partition = table.partitions.iter().find(|partition| partition.uuid == *uuid);
            if partition.is_none() && !is_offered {
                continue;
            }
            let partition =
                partition.with_context(|| format!("{name} names a partition {uuid}, which is not there"))?;
            let slot = self.slots.iter().find(|slot| slot.span() == partition.span);
            let slot = slot.with_context(|| format!("{} is no slot", partition.name))?;
            let is_safe = !(first..end).any(|number| slot.is_touched(log, number));
            ensure!(is_safe, "{name} is there while its root is being written");
            let key = (slot.span().start, slot.changes(), uuid.clone());
            let is_alike = match self.compared.get(&key) {
                Some(known) => *known,
                None => is_alike(slot.safe(), file)?,
            };
            self.compared.insert(key, is_alike);
            ensure!(is_alike, "{name} is there, and {} is not as its release has it", partition.name);
        }
        ensure!(
            table.partitions.iter().filter(|partition| partition.name == DATA).count() <= 1,
            "two data partitions"
        );
        Ok(())
    }
}

/// Whether a partition begins with all of a file.
fn is_alike(partition: &Path, file: &Path) -> Result<bool> {
    let (partition, file) = (File::open(partition)?, File::open(file)?);
    let (bytes, mut at) = (file.metadata()?.len(), 0);
    if partition.metadata()?.len() < bytes {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    while at < bytes {
        let count = usize::try_from(bytes - at).map_or(PIECE_BYTES, |all| all.min(PIECE_BYTES));
        let one = one.get_mut(..count).context("a piece")?;
        let other = other.get_mut(..count).context("a piece")?;
        partition.read_exact_at(one, at)?;
        file.read_exact_at(other, at)?;
        if one != other {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::write_log::tests::{Deed, log_of};

    #[test]
    fn every_choice_of_a_few_writes_is_made() {
        let (all, is_all) = choices(&[4, 7, 9], 0);
        assert!(is_all && all.len() == 8);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 8);
        let none = choices(&[], 0).0;
        assert_eq!(none, [BTreeSet::new()], "where nothing is lost there is one state, too");
        let many: Vec<usize> = (0..20).collect();
        let (some, is_all) = choices(&many, 3);
        assert!(!is_all && some.len() == 1_024 + 21);
        assert!(some.contains(&BTreeSet::new()) && some.contains(&many.iter().copied().collect()));
        assert_eq!(choices(&many, 3).0, some, "the same seed chooses the same");
    }

    #[test]
    fn windows_lie_between_flushes() {
        let write = || Deed::Write { sector: 0, letters: vec![1], is_safe: false };
        let log = log_of(&[Deed::Flush, write(), write(), Deed::Flush, Deed::Flush, write()]);
        assert_eq!(windows(&log), [(1, 3), (5, 6)]);
    }

    #[test]
    fn a_slot_has_all_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [slot, file] = ["slot", "file"].map(|name| folder.path().join(name));
        let check = |has: &[u8], wanted: &[u8], expected| {
            fs::write(&slot, has).unwrap();
            fs::write(&file, wanted).unwrap();
            assert_eq!(is_alike(&slot, &file).unwrap(), expected);
        };
        let large = vec![3; PIECE_BYTES + 7];
        check(&large, &large, true);
        check(&large, &large[1..], true);
        check(&large[1..], &large, false);
        let mut other = large.clone();
        other[PIECE_BYTES + 3] = 4;
        check(&large, &other, false);
    }
}
