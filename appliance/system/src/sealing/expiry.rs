//! Expiry: what is past its time goes for good, and the log keeps the proof of it.
//!
//! ```text
//! clock believed? -> what is due and not held -> each file measured, stated -> log replaced -> files erased
//! ```
//! A power cut between the last two leaves files whose deletion is in the log: the next run erases them first.
//!
//! What cannot be read or erased keeps nothing else: each file goes by itself, before segments are looked at, and segments one
//! by one. A deletion does not need the content: what the disk does not give back is stated so, and goes.
//!
//! Invariant: nothing goes without its entry, and nothing that is due stays but for a hold or a clock in doubt.

use std::io;
use std::path::Path;

use access::Instant;
use archive::{
    Belief, Bounds, Chronicle, Doubt, Due, Expiry, Fact, Field, Hash, Hold, Retention, State, Term, Unsealed,
    Vault, after, check_vouched, list_due, promptness, settled,
};
use journal::{SegmentId, Tally, harvest};
use model::{PersonName, Timestamp};

use super::ledger::Ledger;
use super::{Finished, Manner, SealingError, list_finished, newest_with_header};
use crate::segments::Directory;
use crate::vault::measure;

/// Somebody who vouches for the time, where the box does not know it by itself.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Who.
    pub name: PersonName,
    /// Whether she means a time that is far from all that the log knows.
    pub is_far_meant: bool,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Expired {
    /// The files that are deleted, by name.
    pub files: Vec<String>,
    /// The segments that are deleted unsealed.
    pub segments: Vec<u64>,
    /// How many files would be due by the clock as it is, and stay because it is in doubt.
    pub waiting: usize,
    /// Why nothing is deleted.
    pub doubt: Option<Doubt>,
    /// How many files are past their time and held.
    pub held: usize,
    /// What the log says is deleted and is not: files that could not be erased, each with the reason.
    pub stuck: Vec<(String, io::Error)>,
}

/// Deletes what is past its time in a data folder, whether a box runs on it or not.
///
/// # Errors
/// [`SealingError`]; what is stated to be deleted and is not yet, the next run deletes.
pub fn expire(
    data: &Path,
    manner: &Manner,
    now: Instant,
    vouched: Option<&Vouched>,
) -> Result<Expired, SealingError> {
    let mut ledger = Ledger::open(data)?;
    let mut stuck = erase_stated(&ledger)?;
    ledger.state_policy(now, manner.policy.as_ref())?;
    let doubt = match vouched {
        Some(vouched) if vouched.is_far_meant => None,
        Some(_) => check_vouched(ledger.log.leaves(), now.at).err(),
        None => Belief::after(ledger.log.leaves()).check((now.at, now.quality)).err(),
    };
    if let Some(doubt) = doubt {
        note_leap(&mut ledger, now, doubt)?;
        let waiting = list_due(&ledger.log, now.at).len();
        return Ok(Expired { waiting, doubt: Some(doubt), stuck, ..Expired::default() });
    }
    let chronicle = Chronicle::new(ledger.log.leaves(), now.at);
    let retention = settled(ledger.log.leaves(), &chronicle, now.at);
    let mut run = Run { ledger, retention, now, vouched };
    let mut expired = Expired::default();
    run.state_files(&mut expired);
    if !expired.files.is_empty() {
        run.ledger.write()?;
        stuck = erase_stated(&run.ledger)?;
    }
    let segments = run.state_segments(manner)?;
    if !segments.is_empty() {
        run.ledger.write()?;
        stuck = erase_stated(&run.ledger)?;
    }
    expired.segments.extend(segments);
    expired.stuck = stuck;
    // What is gone has made room.
    run.ledger.keep_room();
    expired.held = count_held(&run.ledger, &retention, now);
    Ok(expired)
}

/// Erases what the log says is deleted, and tells what stays all the same.
fn erase_stated(ledger: &Ledger) -> io::Result<Vec<(String, io::Error)>> {
    let there = ledger.folder.files()?;
    let expiries = ledger.log.expiries();
    let mut stuck = Vec::new();
    for seal in ledger.log.seals() {
        for (field, _, name) in seal.files() {
            if expiries.contains_key(&(seal.number, field)) && there.contains(&name) {
                let erased = ledger.folder.erase(&name);
                stuck.extend(erased.err().map(|error| (name, error)));
            }
        }
    }
    for statement in ledger.log.statements() {
        if let Fact::Unsealed(unsealed) = &statement.fact {
            let erased = erase_segment(&ledger.directory, unsealed);
            let name = SegmentId::new(unsealed.segment).to_string();
            stuck.extend(erased.err().map(|error| (name, error)));
        }
    }
    Ok(stuck)
}

/// Erases a segment that is what was stated: where numbers began again, another may have its own.
pub(super) fn erase_segment(directory: &Directory, unsealed: &Unsealed) -> io::Result<()> {
    let id = SegmentId::new(unsealed.segment);
    if measure_segment(directory, id) == (unsealed.bytes, unsealed.hash) {
        directory.erase(id)?;
    }
    Ok(())
}

/// The bytes of a segment that can be read: none where not all can.
pub(super) fn measure_segment(directory: &Directory, id: SegmentId) -> (u64, Hash) {
    measure(&directory.path(id)).ok().flatten().unwrap_or((0, Hash::of(&[])))
}

/// From an entry on, the clock can show that it goes on from there. Where something was sealed meanwhile, there is one.
fn note_leap(ledger: &mut Ledger, now: Instant, doubt: Doubt) -> io::Result<()> {
    let is_noted = Belief::after(ledger.log.leaves()).waits_for(now.at);
    match doubt {
        Doubt::Leap { .. } if !is_noted && ledger.log.last().is_some() => {
            ledger.state(now, Fact::Clock);
            ledger.write()
        }
        Doubt::Leap { .. } | Doubt::Far { .. } | Doubt::Unset | Doubt::Alone => Ok(()),
    }
}

/// How many files past their time are held.
fn count_held(ledger: &Ledger, retention: &Retention, now: Instant) -> usize {
    let log = &ledger.log;
    let (holds, expiries) = (log.holds(), log.expiries());
    let chronicle = Chronicle::new(log.leaves(), now.at);
    let seals = log.seals().map(|seal| (seal, chronicle.bounds(seal.number)));
    let held = seals.filter(|(seal, bounds)| holds.values().any(|(_, hold)| hold.covers(seal, bounds)));
    let files = held.flat_map(|(seal, bounds)| seal.files().map(move |(field, _, _)| (seal, field, bounds)));
    let past = files.filter(|(seal, field, bounds)| {
        let days = log.days_kept(seal.number, *field, retention);
        let over = archive::due(bounds, seal, days).is_some_and(|at| at <= now.at);
        over && !expiries.contains_key(&(seal.number, *field))
    });
    past.count()
}

struct Run<'r> {
    ledger: Ledger,
    /// Of what is sealed already, or could not be.
    retention: Retention,
    now: Instant,
    vouched: Option<&'r Vouched>,
}

impl Run<'_> {
    fn state_files(&mut self, expired: &mut Expired) {
        let log = self.ledger.log.clone();
        let chronicle = Chronicle::new(log.leaves(), self.now.at);
        for Due { seal, field, days, at } in list_due(&log, self.now.at) {
            let Some((_, file, name)) = seal.files().find(|(of, _, _)| *of == field) else { continue };
            let found = match self.ledger.folder.measure(&name) {
                Ok(None) => State::Missing,
                Ok(Some(found)) if found == (file.bytes, file.hash) => State::Intact,
                Ok(Some(_)) => State::Changed,
                Err(_) => State::Unreadable,
            };
            let bounds = chronicle.bounds(seal.number);
            let term = self.term(days, at, &|hold| hold.covers(seal, &bounds));
            let expiry = Expiry { seal: seal.number, field, hash: file.hash, found, term };
            self.ledger.state(self.now, Fact::Expiry(expiry));
            expired.files.push(name);
        }
    }

    /// Segments that could not be sealed in all their time.
    fn state_segments(&mut self, manner: &Manner) -> Result<Vec<u64>, SealingError> {
        let newest = newest_with_header(&self.ledger.directory)?;
        let mut finished = list_finished(&self.ledger, &manner.time_zone)?;
        // The newest tells the next start which accesses were open.
        finished.retain(|one| Some(one.id) < newest);
        let mut stated = self.state_passed(&finished);
        stated.extend(self.state_waiting(&finished));
        Ok(stated)
    }

    /// Those that what came after them was sealed without, each by itself: nothing waits for them.
    fn state_passed(&mut self, finished: &[Finished]) -> Vec<u64> {
        let log = &self.ledger.log;
        let sealed_through = log.through_segment();
        let numbers = finished.iter().map(|one| one.id.number());
        let passed = numbers.filter(|number| *number <= sealed_through && !log.accounts_for(*number));
        let passed: Vec<SegmentId> = passed.map(SegmentId::new).collect();
        let mut stated = Vec::new();
        for id in passed {
            let due = self.made(id).map(|made| after(made, self.retention.days(Field::Access)));
            if let Some(due) = due.filter(|due| *due <= self.now.at)
                && self.state_segment(id, due)
            {
                stated.push(id.number());
            }
        }
        stated
    }

    /// Those after all that is sealed, oldest first, up to the first that stays. What cannot be read was made before what comes after
    /// it, and goes with that.
    fn state_waiting(&mut self, finished: &[Finished]) -> Vec<u64> {
        let sealed_through = self.ledger.log.through_segment();
        let is_waiting = |one: &&Finished| one.id.number() > sealed_through;
        let (mut unknown, mut stated) = (Vec::new(), Vec::new());
        for one in finished.iter().filter(is_waiting) {
            unknown.push(one.id);
            let Some(made) = self.made(one.id) else { continue };
            let due = after(made, self.retention.days(Field::Access));
            if due > self.now.at {
                break;
            }
            for id in unknown.drain(..) {
                if !self.state_segment(id, due) {
                    return stated;
                }
                stated.push(id.number());
            }
        }
        stated
    }

    /// When the last record of a segment was made, where that can be known: of one that cannot be read to its end the log alone tells.
    fn made(&self, id: SegmentId) -> Option<Timestamp> {
        let tally = self.harvest(id);
        let latest = tally.times.filter(|_| tally.unreadable.is_empty()).map(|(_, latest)| latest);
        self.bounds(id).reckon(latest, tally.clocks)
    }

    fn bounds(&self, id: SegmentId) -> Bounds {
        Bounds::of_segment(self.ledger.log.leaves(), id.number(), self.now.at)
    }

    /// What can be read of a segment after what is sealed; of one that was passed over, all.
    fn harvest(&self, id: SegmentId) -> Tally {
        let log = &self.ledger.log;
        let after = if id.number() <= log.through_segment() { 0 } else { log.through() };
        let harvested = harvest(&self.ledger.directory, &[id], after, |_| {});
        harvested.unwrap_or_else(|_| Tally { last_sequence: after, ..Tally::default() })
    }

    /// States that a segment is deleted; whether that may be.
    fn state_segment(&mut self, id: SegmentId, due: Timestamp) -> bool {
        let log = &self.ledger.log;
        let (tally, bounds) = (self.harvest(id), self.bounds(id));
        // What cannot be read to its end may be of any time.
        let times = tally.times.filter(|_| tally.unreadable.is_empty());
        let covers = |hold: &Hold| hold.covers_records(times, tally.clocks, &bounds);
        if log.holds().values().any(|(_, hold)| covers(hold)) {
            return false;
        }
        let (bytes, hash) = measure_segment(&self.ledger.directory, id);
        let term = self.term(self.retention.days(Field::Access), due, &covers);
        // Of one that was passed over the numbers were counted when what came after it was sealed.
        let after = log.through();
        let through = tally.last_sequence.max(after);
        let unsealed = Unsealed { segment: id.number(), after, through, bytes, hash, term };
        self.ledger.state(self.now, Fact::Unsealed(unsealed));
        true
    }

    fn term(&self, days: u32, due: Timestamp, covers: &dyn Fn(&Hold) -> bool) -> Term {
        let promptness = promptness(self.ledger.log.leaves(), covers, due, self.now.at);
        Term { days, due, promptness, vouched: self.vouched.map(|vouched| vouched.name.clone()) }
    }
}
