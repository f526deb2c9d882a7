//! What the box keeps, after every entry of the log, with the losses that chance takes there.

use std::collections::BTreeMap;
use std::fs::{self, File};

use anyhow::Result;
use harness::preau_binary;

use super::data::{Examiner, Found};
use super::part::{Part, State};
use super::report::Report;
use super::table::{Ends, Piece};
use super::volume::{Key, Opener};
use super::{DATA, Job, Layout, Place, is_within};
use crate::write_log::{Borrowed, Span, WriteLog};

/// After so many points the report says how far it is, and what was undone is compared.
const TOLD: usize = 500;

/// Looks at each point from one to another.
pub(super) fn look(
    job: &Job<'_>,
    layout: &Layout,
    (first, last): (usize, usize),
    mut report: Report,
) -> Result<Report> {
    let name = format!("data-{first}");
    let mut kept = Kept::new(job, layout, &name)?;
    let mut examiner = Examiner {
        folder: job.folder.join(format!("{name}.out")),
        preau: fs::canonicalize(preau_binary()?)?,
        known: BTreeMap::new(),
    };
    fs::create_dir_all(&examiner.folder)?;
    // As many as every box has that the last flush made safe.
    let mut floor = None;
    let mut done = 0;
    for point in first..=last {
        let until = job.log.safe_until(point);
        kept.keep(job.log, done, until)?;
        done = until.max(done);
        let lost = job.log.draw_lost(point, job.seed)?;
        let more: Vec<usize> = (until..point).filter(|number| !lost.contains(number)).collect();
        let place = Place { point, lost };
        // Where the halves meet, the one before has told of it.
        let is_new = point > first || first == job.from;
        match kept.look(job.log, &more, &mut examiner)? {
            Ok(None) if is_new => report.note_no_volume(),
            Ok(None) => {}
            Ok(Some(found)) => {
                if found.records < floor {
                    report.fail(&format!("{:?} records, after {floor:?} were safe", found.records), &place);
                }
                if point == until {
                    floor = floor.max(found.records);
                }
                if is_new {
                    report.note_kept(&found);
                }
            }
            Err(wrong) => report.fail(&wrong, &place),
        }
        if point % TOLD == 0 || point == last {
            kept.data.check()?;
            report.tell(point, last, kept.known.len());
        }
    }
    report.kept_states(kept.known.len(), kept.opened.len());
    Ok(report)
}

/// What is kept, as far as it is safe.
struct Kept<'j> {
    ends: Ends,
    headers: Piece,
    data: Part<'j>,
    /// How many writes are in the ends, and in the headers.
    changes: [usize; 2],
    key: Key,
    opener: Opener,
    has_volume: BTreeMap<State, bool>,
    /// Whether the volume's headers in a state open it.
    opened: BTreeMap<State, Result<(), String>>,
    known: BTreeMap<State, Result<Found, String>>,
}

impl<'j> Kept<'j> {
    fn new(job: &Job<'_>, layout: &'j Layout, name: &str) -> Result<Self> {
        let image = File::open(job.image)?;
        let volume = &layout.data;
        Ok(Self {
            ends: layout.ends.clone(),
            headers: Piece::new(volume.headers)?,
            data: Part::new(job.folder, name, &image, volume.data, Some(&volume.plain))?,
            changes: [0; 2],
            key: volume.key.clone(),
            opener: Opener::default(),
            has_volume: BTreeMap::new(),
            opened: BTreeMap::new(),
            known: BTreeMap::new(),
        })
    }

    fn keep(&mut self, log: &WriteLog, first: usize, end: usize) -> Result<()> {
        let headers = self.headers.span();
        for number in first..end {
            let [ends, opened] = &mut self.changes;
            if self.ends.is_touched(log, number) {
                self.ends = self.ends.with(log, &[number])?;
                *ends += 1;
            }
            if is_within(log, number, headers) {
                log.replay(number, number + 1, Borrowed(&mut self.headers))?;
                *opened += 1;
            }
            self.data.keep(log, number)?;
        }
        Ok(())
    }

    /// What there is with these entries; nothing before the first start has made it. Or what is wrong with it.
    fn look(
        &mut self,
        log: &WriteLog,
        more: &[usize],
        examiner: &mut Examiner,
    ) -> Result<Result<Option<Found>, String>> {
        match self.has_volume(log, more)? {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(None)),
            Err(wrong) => return Ok(Err(wrong)),
        }
        if let Err(wrong) = self.open(log, more)? {
            return Ok(Err(wrong));
        }
        let state = self.data.state(log, more);
        if let Some(known) = self.known.get(&state) {
            return Ok(known.clone().map(Some));
        }
        let found = self.data.look(log, &state, |volume| examiner.look(volume))?;
        let found = found.map_err(|wrong| format!("{wrong:#}"));
        self.known.insert(state, found.clone());
        Ok(found.map(Some))
    }

    /// Whether the table has the partition.
    fn has_volume(&mut self, log: &WriteLog, more: &[usize]) -> Result<Result<bool, String>> {
        let more = more.iter().copied().filter(|number| self.ends.is_touched(log, *number));
        let [safe, _] = self.changes;
        let state = State { safe, more: more.collect() };
        if let Some(known) = self.has_volume.get(&state) {
            return Ok(Ok(*known));
        }
        let table = match self.ends.with(log, &state.more)?.table() {
            Ok(table) => table,
            Err(wrong) => return Ok(Err(format!("{wrong:#}"))),
        };
        let has = table.partitions.iter().any(|partition| partition.name == DATA);
        self.has_volume.insert(state, has);
        Ok(Ok(has))
    }

    /// Opens the volume by its headers.
    fn open(&mut self, log: &WriteLog, more: &[usize]) -> Result<Result<(), String>> {
        let headers: Span = self.headers.span();
        let more = more.iter().copied().filter(|number| is_within(log, *number, headers));
        let [_, safe] = self.changes;
        let state = State { safe, more: more.collect() };
        if let Some(known) = self.opened.get(&state) {
            return Ok(known.clone());
        }
        let mut piece = self.headers.clone();
        for number in &state.more {
            log.replay(*number, number + 1, Borrowed(&mut piece))?;
        }
        let opened = match self.opener.open(piece.bytes()) {
            Ok(key) if key == self.key => Ok(()),
            Ok(_) => Err("another volume's headers".to_owned()),
            Err(wrong) => Err(format!("the volume does not open: {wrong:#}")),
        };
        self.opened.insert(state, opened.clone());
        Ok(opened)
    }
}
