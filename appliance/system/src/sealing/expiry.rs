//! Expiry: what is past its time goes for good, and the log keeps the proof of it.
//!
//! ```text
//! clock believed? -> what is due and not held -> each file measured, stated -> log replaced -> files erased
//! ```
//! A power cut between the last two leaves files whose deletion is in the log: the next run erases them first.
//!
//! Invariant: nothing goes without its entry, and nothing that is due stays but for a hold or a clock in doubt.

use std::io;
use std::path::Path;

use access::Instant;
use archive::{
    Belief, Bounds, Doubt, Due, Expiry, Fact, Field, Hash, Hold, Retention, State, Term, Unsealed, Vault,
    after, list_due, promptness,
};
use journal::harvest;
use model::PersonName;

use super::ledger::Ledger;
use super::{Finished, Manner, SealingError, list_finished, newest_with_header};
use crate::erasing;
use crate::vault::measure;

/// Somebody who vouches for the time, where the box does not know it by itself.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Who.
    pub name: PersonName,
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
    erase_stated(&ledger)?;
    ledger.state_policy(now, manner.policy.as_ref())?;
    let retention = ledger.log.retention();
    let doubt = match vouched {
        Some(_) => None,
        None => Belief::after(ledger.log.leaves()).check((now.at, now.quality)).err(),
    };
    if let Some(doubt) = doubt {
        note_leap(&mut ledger, now, doubt)?;
        let waiting = list_due(&ledger.log, &retention, now.at).len();
        return Ok(Expired { waiting, doubt: Some(doubt), ..Expired::default() });
    }
    let mut run = Run { ledger, retention, now, vouched };
    let mut expired = Expired::default();
    run.state_files(&mut expired)?;
    let segments = run.state_segments(manner, &mut expired)?;
    if !expired.files.is_empty() || !segments.is_empty() {
        run.ledger.write()?;
    }
    erase_stated(&run.ledger)?;
    for one in &segments {
        erasing::erase(&run.ledger.directory.path(one.id))?;
    }
    expired.held = count_held(&run.ledger, &retention, now);
    Ok(expired)
}

/// Erases what the log says is deleted.
fn erase_stated(ledger: &Ledger) -> io::Result<()> {
    let there = ledger.folder.files()?;
    let expiries = ledger.log.expiries();
    for seal in ledger.log.seals() {
        for (field, _, name) in seal.files() {
            if expiries.contains_key(&(seal.number, field)) && there.contains(&name) {
                ledger.folder.erase(&name)?;
            }
        }
    }
    let directory = &ledger.directory;
    for statement in ledger.log.statements() {
        if let Fact::Unsealed(unsealed) = &statement.fact {
            erasing::erase(&directory.path(journal::SegmentId::new(unsealed.segment)))?;
        }
    }
    Ok(())
}

/// From an entry on, the clock can show that it goes on from there. Where something was sealed meanwhile, there is one.
fn note_leap(ledger: &mut Ledger, now: Instant, doubt: Doubt) -> io::Result<()> {
    let is_noted = Belief::after(ledger.log.leaves()).waits_for(now.at);
    match doubt {
        Doubt::Leap { .. } if !is_noted && ledger.log.last().is_some() => {
            ledger.state(now, Fact::Clock);
            ledger.write()
        }
        Doubt::Leap { .. } | Doubt::Unset | Doubt::Alone => Ok(()),
    }
}

/// How many files past their time are held.
fn count_held(ledger: &Ledger, retention: &Retention, now: Instant) -> usize {
    let log = &ledger.log;
    let (holds, expiries) = (log.holds(), log.expiries());
    let held = log.seals().filter(|seal| holds.values().any(|(_, hold)| hold.covers(seal)));
    let files = held.flat_map(|seal| {
        let bounds = Bounds::of(log.leaves(), seal.number, now.at);
        seal.files().map(move |(field, _, _)| (seal, field, bounds))
    });
    let past = files.filter(|(seal, field, bounds)| {
        let over = archive::due(bounds, seal, retention.days(*field)).is_some_and(|at| at <= now.at);
        over && !expiries.contains_key(&(seal.number, *field))
    });
    past.count()
}

struct Run<'r> {
    ledger: Ledger,
    retention: Retention,
    now: Instant,
    vouched: Option<&'r Vouched>,
}

impl Run<'_> {
    fn state_files(&mut self, expired: &mut Expired) -> io::Result<()> {
        let log = self.ledger.log.clone();
        for Due { seal, field, days, at } in list_due(&log, &self.retention, self.now.at) {
            let Some((_, file, name)) = seal.files().find(|(of, _, _)| *of == field) else { continue };
            let found = match self.ledger.folder.measure(&name)? {
                None => State::Missing,
                Some(found) if found == (file.bytes, file.hash) => State::Intact,
                Some(_) => State::Changed,
            };
            let term = self.term(days, at, &|hold| hold.covers(seal));
            let expiry = Expiry { seal: seal.number, field, hash: file.hash, found, term };
            self.ledger.state(self.now, Fact::Expiry(expiry));
            expired.files.push(name);
        }
        Ok(())
    }

    /// Segments that could not be sealed in all their time, oldest first, up to the first that stays.
    fn state_segments(
        &mut self,
        manner: &Manner,
        expired: &mut Expired,
    ) -> Result<Vec<Finished>, SealingError> {
        let newest = newest_with_header(&self.ledger.directory)?;
        let finished = list_finished(&self.ledger, &manner.time_zone)?;
        let sealed_through = self.ledger.log.through_segment();
        let days = self.retention.days(Field::Access);
        let mut stated = Vec::new();
        for one in finished.into_iter().filter(|one| one.id.number() > sealed_through) {
            // The newest tells the next start which accesses were open.
            if Some(one.id) >= newest || !self.state_segment(&one, days)? {
                break;
            }
            expired.segments.push(one.id.number());
            stated.push(one);
        }
        Ok(stated)
    }

    fn state_segment(&mut self, one: &Finished, days: u32) -> Result<bool, SealingError> {
        let Ledger { directory, log, .. } = &self.ledger;
        let after_sequence = log.through();
        let tally = harvest(directory, &[one.id], after_sequence, |_| {})?;
        let latest = tally.times.map(|(_, latest)| latest);
        let made = Bounds::after_all(log.leaves(), self.now.at).reckon(latest, tally.clocks);
        let due = made.map(|made| after(made, days)).filter(|due| *due <= self.now.at);
        let covers = |hold: &Hold| hold.covers_records(tally.times, tally.clocks);
        let is_held = log.holds().values().any(|(_, hold)| covers(hold));
        let (Some(due), false) = (due, is_held) else { return Ok(false) };
        let (bytes, hash) = measure(&directory.path(one.id))?.unwrap_or((0, Hash::of(&[])));
        let term = self.term(days, due, &covers);
        let through = tally.last_sequence;
        let unsealed =
            Unsealed { segment: one.id.number(), after: after_sequence, through, bytes, hash, term };
        self.ledger.state(self.now, Fact::Unsealed(unsealed));
        Ok(true)
    }

    fn term(&self, days: u32, due: model::Timestamp, covers: &dyn Fn(&Hold) -> bool) -> Term {
        let promptness = promptness(self.ledger.log.leaves(), covers, due, self.now.at);
        Term { days, due, promptness, vouched: self.vouched.map(|vouched| vouched.name.clone()) }
    }
}
