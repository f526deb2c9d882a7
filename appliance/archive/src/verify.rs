//! Verification: whether a journal is what was sealed. Offline, on a copy, without reading a record.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use journal::{DamageKind, Harvested, SegmentId, Source, Tally, harvest, inspect};
use model::{ClockQuality, Timestamp};

use crate::audit::{Audit, audit};
use crate::checkpoint::Checkpoint;
use crate::finding::{Finding, Remark};
use crate::hash::{Hash, Hasher};
use crate::key::VerifierKey;
use crate::leaf::Leaf;
use crate::log::{Entry, Log};
use crate::note::Note;
use crate::seal::{Seal, SealedFile, Tail};
use crate::search::{is_all, is_gone};
use crate::statement::{Expiry, Fact, Promptness};
use crate::term::{DELETED_WITHIN_DAYS, after};
use crate::tree::Tree;
use crate::witness::Witnessed;

/// From how far ahead on a clock is told to have been so, in milliseconds: clocks that are right differ by less, a repeat bears the
/// time of up to a minute before, and a day of the journal ends a moment after midnight.
const AHEAD_MS_MIN: u64 = 600_000;
/// 2026-11-01 00:00:00 UTC: no box was built before. A clock that shows less was never set, and tells nothing of another; what closes
/// an access does not say so of itself.
const EARLIEST_PLAUSIBLE: Timestamp = Timestamp::from_unix_ms(1_793_491_200_000);

/// The sealed part of a journal, as files.
pub trait Vault {
    /// The log; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn log(&self) -> io::Result<Option<Vec<u8>>>;

    /// The latest checkpoint, as it is kept for others to fetch; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn checkpoint(&self) -> io::Result<Option<String>>;

    /// The names of all files that are, or pretend to be, sealed.
    ///
    /// # Errors
    /// They cannot be listed.
    fn files(&self) -> io::Result<Vec<String>>;

    /// How long a file is, and the hash of its bytes; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn measure(&self, name: &str) -> io::Result<Option<(u64, Hash)>>;

    /// The same for a file that was sealed last, and that a power cut left without its name.
    ///
    /// # Errors
    /// It cannot be read.
    fn measure_unnamed(&self, name: &str) -> io::Result<Option<(u64, Hash)>>;
}

/// What a verification goes by.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The box's key.
    pub signer: VerifierKey,
    /// What a witness has signed, where somebody asks for that.
    pub witnessed: Option<Witnessed>,
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct Report {
    /// Seals that are right, as far as the log tells.
    pub seals: u64,
    /// Records that they have.
    pub records: u64,
    /// The number of the last of them.
    pub through: u64,
    /// Records that wait in segments to be sealed.
    pub waiting: u64,
    /// Files and segments that were deleted when their time was over: on time, and late.
    pub deleted: (u64, u64),
    /// The days of the school of the first and of the last seal.
    pub days: Option<(String, String)>,
    /// When the last entry of the log was made, and by which clock. Nothing in the log tells whether there was a later one.
    pub last: Option<(Timestamp, ClockQuality)>,
    /// What is wrong. None: nothing was changed.
    pub findings: Vec<Finding>,
    /// What is not wrong, but worth knowing.
    pub remarks: Vec<Remark>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seals, records, through, waiting, deleted, days, last: _, findings, remarks } = self;
        remarks.iter().try_for_each(|remark| writeln!(f, "note: {remark}"))?;
        findings.iter().try_for_each(|finding| writeln!(f, "WRONG: {finding}"))?;
        writeln!(
            f,
            "{seals} seals with {records} records, up to number {through}; {waiting} wait to be sealed"
        )?;
        if let Some((first, last)) = days {
            writeln!(f, "the first seal is of {first}, the last of {last}")?;
        }
        if let (on_time, late) = deleted
            && on_time + late > 0
        {
            writeln!(f, "deleted when their time was over: {on_time} on time, {late} late")?;
        }
        match findings.len() {
            0 => writeln!(f, "verified: nothing was changed, removed or added"),
            number => writeln!(f, "NOT VERIFIED: {number} things are wrong"),
        }
    }
}

/// Verifies a journal: its log, its sealed files, and the segments that wait.
pub fn verify<S: Source>(vault: &impl Vault, segments: &S, trust: &Trust) -> Report {
    let mut report = Report::default();
    let log = match vault.log() {
        Ok(log) => log,
        Err(source) => return report.fail("log".to_owned(), source),
    };
    let has_log = log.is_some();
    let (log, error) = Log::read(&log.unwrap_or_default());
    report.findings.extend(error.map(Finding::Log));
    report.check_log(&log, trust);
    report.check_files(vault, &log, has_log);
    report.check_checkpoint(vault, &log, trust);
    report.check_witness(&log, trust);
    report.check_segments(segments, &log);
    report
}

/// Whether the end of each sealed file is the one that its seal names: a search goes by the hash of that alone, and a file with
/// another one has rows that nobody finds. `open` opens a file by its name.
///
/// That a file is missing, cannot be read, or is another one, is for [`verify`] to say.
pub fn check_tails<R: Read + Seek>(log: &Log, mut open: impl FnMut(&str) -> io::Result<R>) -> Vec<Finding> {
    let deleted = log.expiries();
    let mut findings = Vec::new();
    for seal in log.seals() {
        let Some(tail) = seal.tail else { continue };
        if seal.files().next().is_none_or(|(field, _, _)| deleted.contains_key(&(seal.number, field))) {
            continue;
        }
        let hashed = open(&seal.file_name()).and_then(|file| hash_end(file, seal.file.bytes, &tail));
        if hashed.is_ok_and(|hash| hash.is_some_and(|hash| hash != tail.hash)) {
            let what = "its tail is not what it says: no search opens its file";
            findings.push(Finding::Impossible { seal: seal.number, what });
        }
    }
    findings
}

/// The hash of a file's last bytes; `None` where it is not as long as it was, or has not so many.
fn hash_end(mut file: impl Read + Seek, length: u64, tail: &Tail) -> io::Result<Option<Hash>> {
    let Some(start) = length.checked_sub(tail.bytes) else { return Ok(None) };
    if file.seek(SeekFrom::End(0))? != length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start))?;
    // Nothing that grows meanwhile is read on.
    let mut end = file.take(tail.bytes);
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 64 << 10]);
    loop {
        let read = end.read(&mut buffer)?;
        if read == 0 {
            return Ok(Some(hasher.finish()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

impl Report {
    fn fail(mut self, what: String, source: io::Error) -> Self {
        self.findings.push(Finding::Unreadable { what, source });
        self
    }

    fn check_log(&mut self, log: &Log, trust: &Trust) {
        let mut tree = Tree::default();
        let mut before: Option<&Leaf> = None;
        let mut through = 0;
        for (expected, entry) in (1..).zip(log.entries()) {
            tree.push(&entry.leaf.to_string());
            let found_before = self.findings.len();
            self.check_entry(expected, entry, before, &tree, trust);
            self.check_sequences(expected, &entry.leaf, &mut through);
            if before.is_some_and(|before| entry.leaf.made().0 < before.made().0) {
                self.remarks.push(Remark::Back(expected));
            }
            before = Some(&entry.leaf);
            self.last = Some(entry.leaf.made());
            let Some(seal) = entry.leaf.seal() else { continue };
            let impossible = seal.flaw().map(|what| Finding::Impossible { seal: expected, what });
            self.findings.extend(impossible);
            if self.findings.len() == found_before {
                self.seals += 1;
                self.records = self.records.saturating_add(seal.records);
            }
            let first = self.days.take().map_or_else(|| seal.day.clone(), |(first, _)| first);
            self.days = Some((first, seal.day.clone()));
            self.remark(seal);
        }
        self.remark_ahead(log);
        self.through = log.through();
        if self.findings.iter().any(is_of_entries) {
            // Anybody writes such a log, as long and as strange as she likes.
            return self.findings.push(Finding::Unaudited("an entry is not as the box has signed it"));
        }
        let Audit { findings, remarks, on_time, late } = audit(log);
        self.findings.extend(findings);
        self.remarks.extend(remarks);
        self.deleted = (on_time, late);
    }

    fn check_sequences(&mut self, seal: u64, leaf: &Leaf, through: &mut u64) {
        let Some((after, up_to)) = leaf.sequences() else { return };
        if after != *through || up_to < *through {
            self.findings.push(Finding::Gap { seal, expected: *through, found: after });
        }
        *through = up_to;
    }

    fn check_entry(
        &mut self,
        expected: u64,
        entry: &Entry,
        before: Option<&Leaf>,
        tree: &Tree,
        trust: &Trust,
    ) {
        let Entry { leaf, note } = entry;
        if leaf.number() != expected {
            self.findings.push(Finding::Number { expected, found: leaf.number() });
        }
        if leaf.previous() != before.map(Leaf::hash) {
            self.findings.push(Finding::Chain(expected));
        }
        if !note.is_signed_by(&trust.signer) {
            let signer = trust.signer.name().to_owned();
            self.findings.push(Finding::Signature { seal: expected, signer });
        }
        let right =
            Checkpoint { origin: trust.signer.name().to_owned(), size: tree.size(), root: tree.root() };
        if note.text() != right.write() || note.signatures().len() != 1 {
            self.findings.push(Finding::Root(expected));
        }
    }

    fn remark(&mut self, seal: &Seal) {
        let number = seal.number;
        if seal.set_back_ms > 0 {
            self.remarks.push(Remark::SetBack { seal: number, by_ms: seal.set_back_ms });
        }
        let [_, _, unset] = seal.clocks;
        if unset > 0 {
            self.remarks.push(Remark::Unset { seal: number, records: unset });
        }
        if seal.missing() > 0 {
            self.remarks.push(Remark::Lost { seal: number, records: seal.missing() });
        }
    }

    /// A step forward looks like time that has passed: what came after shows that it had not.
    fn remark_ahead(&mut self, log: &Log) {
        let next = log.seals().skip(1).map(Some).chain([None]);
        self.remarks.extend(log.seals().zip(next).filter_map(|(seal, next)| {
            let by_ms = ahead_ms(seal, next)?;
            Some(Remark::Ahead { seal: seal.number, by_ms })
        }));
    }

    fn check_files(&mut self, vault: &impl Vault, log: &Log, has_log: bool) {
        let mut known = BTreeSet::new();
        let expiries = log.expiries();
        for (seal, (field, file, name)) in
            log.seals().flat_map(|seal| seal.files().map(move |file| (seal, file)))
        {
            let checked = if let Some((statement, expiry)) = expiries.get(&(seal.number, field)) {
                let is_long_ago = is_before(log, statement.at);
                self.check_deleted(vault, seal, &name, (expiry, is_long_ago))
            } else {
                self.check_file(vault, log, (seal, file), &name)
            };
            if let Err(source) = checked {
                self.findings.push(Finding::Unreadable { what: name.clone(), source });
            }
            known.insert(name);
        }
        match vault.files() {
            Ok(files) if !has_log && !files.is_empty() => self.findings.push(Finding::NoLog),
            Ok(files) => {
                let strangers = files.into_iter().filter(|name| !known.contains(name));
                self.findings.extend(strangers.map(Finding::Unsealed));
            }
            Err(source) => {
                self.findings.push(Finding::Unreadable { what: "sealed files".to_owned(), source });
            }
        }
    }

    /// A power cut may come between the entry and the deletion: the next run makes up for it. What no run of two days did is not
    /// deleted.
    fn check_deleted(
        &mut self,
        vault: &impl Vault,
        seal: &Seal,
        name: &str,
        (expiry, is_long_ago): (&Expiry, bool),
    ) -> io::Result<()> {
        // What cannot be read is there all the same.
        let found = vault.measure(name);
        if matches!(found, Ok(None)) {
            return Ok(());
        }
        let (seal, file) = (seal.number, name.to_owned());
        if is_long_ago {
            self.findings.push(Finding::Undeleted { seal, file });
            self.discount(expiry.term.promptness);
        } else {
            self.remarks.push(Remark::Kept { seal, file });
        }
        found.map(drop)
    }

    /// What is there is not deleted.
    fn discount(&mut self, promptness: Promptness) {
        let (on_time, late) = &mut self.deleted;
        let counted = if promptness == Promptness::OnTime { on_time } else { late };
        *counted = counted.saturating_sub(1);
    }

    fn check_file(
        &mut self,
        vault: &impl Vault,
        log: &Log,
        (seal, file): (&Seal, &SealedFile),
        name: &str,
    ) -> io::Result<()> {
        let sealed = (file.bytes, file.hash);
        let (seal_number, file) = (seal.number, name.to_owned());
        let Some(found) = vault.measure(name)? else {
            let is_last = log.last().is_some_and(|last| last.number == seal.number);
            if is_last && vault.measure_unnamed(name)? == Some(sealed) {
                self.remarks.push(Remark::Unnamed(seal.number));
            } else {
                self.findings.push(Finding::Missing { seal: seal_number, file });
            }
            return Ok(());
        };
        if found == sealed {
            return Ok(());
        }
        let is_of = |other: &&Seal| other.files().any(|(_, file, _)| (file.bytes, file.hash) == found);
        let of = log.seals().find(is_of);
        self.findings.push(match of {
            Some(of) => Finding::Swapped { seal: seal_number, file, of: of.number },
            None if found.0 != sealed.0 => {
                Finding::Length { seal: seal_number, file, expected: sealed.0, found: found.0 }
            }
            None => Finding::Bytes { seal: seal_number, file },
        });
        Ok(())
    }

    /// The checkpoint that is kept for others is one of the log's. A power cut may leave the one before the last.
    fn check_checkpoint(&mut self, vault: &impl Vault, log: &Log, trust: &Trust) {
        let text = match vault.checkpoint() {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(source) => {
                return self.findings.push(Finding::Unreadable { what: "checkpoint".to_owned(), source });
            }
        };
        let note = Note::read(&text).ok().filter(|note| note.is_signed_by(&trust.signer));
        let Some(note) = note else {
            return self.findings.push(Finding::Checkpoint("it is not signed by the box, or was changed"));
        };
        if !log.entries().iter().any(|entry| entry.note == note) {
            self.findings.push(Finding::Checkpoint(
                "it is of another state than any of the log: the log was cut or changed",
            ));
        }
    }

    fn check_witness(&mut self, log: &Log, trust: &Trust) {
        let Some(witnessed) = trust.witnessed.as_ref().map(Witnessed::checkpoint) else { return };
        if witnessed.origin != trust.signer.name() {
            return self.findings.push(Finding::OtherLog(witnessed.origin.clone()));
        }
        let found = log.entries().len() as u64;
        if found < witnessed.size {
            return self.findings.push(Finding::RolledBack { witnessed: witnessed.size, found });
        }
        let mut tree = Tree::default();
        log.leaves()
            .take_while(|leaf| leaf.number() <= witnessed.size)
            .for_each(|leaf| tree.push(&leaf.to_string()));
        if (tree.size(), tree.root()) == (witnessed.size, witnessed.root) {
            self.remarks.push(Remark::Witnessed(witnessed.size));
        } else {
            self.findings.push(Finding::Forked(witnessed.size));
        }
    }

    /// Segments have no signature: what is not sealed yet is whole, follows the last seal, and has no gap.
    fn check_segments<S: Source>(&mut self, source: &S, log: &Log) {
        let segments = match source.list() {
            Ok(segments) => segments,
            Err(source) => {
                return self.findings.push(Finding::Unreadable { what: "segments".to_owned(), source });
            }
        };
        self.check_sealed_segments(source, &segments, log);
        let (mut through, sealed_through) = (log.through(), log.through_segment());
        let is_waiting = |(_, segment): &(usize, &SegmentId)| segment.number() > sealed_through;
        for (place, &segment) in segments.iter().enumerate().filter(is_waiting) {
            let is_last = place + 1 == segments.len();
            if let Err(error) = self.check_segment(source, segment, is_last, &mut through) {
                self.findings.push(Finding::Unreadable { what: segment.to_string(), source: error });
            }
        }
        self.waiting = through.saturating_sub(log.through());
    }

    /// Segments of a day that is under way stay beside their seals; a power cut may leave others. None of them is anything
    /// but what was sealed. What cannot be read waits for that.
    fn check_sealed_segments<S: Source>(&mut self, source: &S, segments: &[SegmentId], log: &Log) {
        let sealed_through = log.through_segment();
        let is_sealed = |segment: &SegmentId| segment.number() <= sealed_through;
        let (unread, mut strangers): (BTreeSet<SegmentId>, BTreeSet<SegmentId>) =
            segments.iter().copied().filter(is_sealed).partition(|segment| is_unread(source, *segment));
        for seal in log.seals() {
            let (first, last) = seal.segments;
            let is_own = |segment: &SegmentId| (first..=last).contains(&segment.number());
            let own: Vec<SegmentId> = strangers.iter().copied().filter(is_own).collect();
            let is_right = own.is_empty() || is_sealed_so(source, &own, seal);
            // What the disk gives back later than that has more than was sealed: it is looked at by itself.
            if !is_right && seal.unreadable > 0 {
                continue;
            }
            own.iter().for_each(|segment| _ = strangers.remove(segment));
            if !is_right && !own.iter().any(|it| is_gone(source, *it)) {
                self.findings.push(Finding::Segments(seal.number));
            }
        }
        strangers.extend(unread);
        self.check_deleted_segments(source, &mut strangers, log);
        strangers.into_iter().for_each(|segment| self.check_stranger(source, segment, log));
    }

    /// A segment with a number that is sealed, and of which no seal has all: it could not be read then, or somebody put it there.
    fn check_stranger<S: Source>(&mut self, source: &S, segment: SegmentId, log: &Log) {
        let first = inspect(source, segment).ok().flatten().map_or(0, |info| info.next_sequence);
        match harvest(source, &[segment], 0, |_| {}) {
            _ if is_gone(source, segment) => {}
            // One that was begun and never written to is sealed with nobody.
            Ok(tally) if tally == Tally::default() => {}
            Ok(tally) if !tally.unreadable.is_empty() => self.remarks.push(Remark::Unread(segment)),
            Ok(tally) if tally.records > 0 && log.may_lack(first, tally.last_sequence) => {
                self.remarks.push(Remark::PassedOver(segment));
            }
            Ok(_) | Err(_) => self.findings.push(Finding::StrangeSegment(segment)),
        }
    }

    /// Segments that the log says are deleted are no strangers. As with files, what no run of two days did is not deleted.
    fn check_deleted_segments<S: Source>(
        &mut self,
        source: &S,
        strangers: &mut BTreeSet<SegmentId>,
        log: &Log,
    ) {
        for statement in log.statements() {
            let Fact::Unsealed(unsealed) = &statement.fact else { continue };
            let (entry, segment) = (statement.number, SegmentId::new(unsealed.segment));
            if !strangers.remove(&segment) || is_gone(source, segment) {
                continue;
            }
            if is_before(log, statement.at) {
                self.findings.push(Finding::UndeletedSegment { entry, segment });
                self.discount(unsealed.term.promptness);
            } else {
                self.remarks.push(Remark::KeptSegment { entry, segment });
            }
        }
    }

    fn check_segment<S: Source>(
        &mut self,
        source: &S,
        segment: SegmentId,
        is_last: bool,
        through: &mut u64,
    ) -> io::Result<()> {
        let info = inspect(source, segment)?;
        match info {
            Some(info) if info.segment != segment.number() => {
                let was = SegmentId::new(info.segment);
                self.findings.push(Finding::Damage(format!("{segment}: its file is that of {was}")));
            }
            None if is_last => self.remarks.push(Remark::Torn(segment)),
            None => self.findings.push(Finding::Damage(format!("{segment}: the header is damaged"))),
            Some(_) => {}
        }
        let mut damages = Vec::new();
        let tally = harvest(source, &[segment], *through, |one| match one {
            Harvested::Damaged { damage, .. } => damages.push(damage),
            Harvested::Access(_)
            | Harvested::Act(_)
            | Harvested::Person(_)
            | Harvested::Late(_)
            | Harvested::Clock(_)
            | Harvested::Unknown { .. } => {}
        });
        let tally = tally.map_err(io::Error::other)?;
        // After a failed append the header says what the segment before may have got of it: all of that is written again here.
        let own = tally.first_sequence.unwrap_or(u64::MAX);
        let info = info.filter(|info| info.segment == segment.number());
        let promised = info.map_or(0, |info| info.promised_below);
        self.note_gap(through, promised.min(own).saturating_sub(1), format!("before {segment}"));
        // Where a segment is damaged, they may have stood there.
        let is_whole = damages.iter().all(|damage| damage.kind == DamageKind::Tail);
        if let (Some(info), Some(first)) = (info.filter(|_| is_whole), tally.first_sequence) {
            self.note_unpromised(through, info.next_sequence.min(first).saturating_sub(1), segment);
        }
        for damage in damages {
            match damage.kind {
                // Nobody was promised what it should have been: where records are missing after it, they are told.
                DamageKind::Tail => self.remarks.push(Remark::Torn(segment)),
                // The first bytes of a last segment that was just begun.
                DamageKind::Header if is_last => {}
                DamageKind::Header | DamageKind::Block | DamageKind::Record => {
                    self.findings.push(Finding::Damage(damage.to_string()));
                }
            }
        }
        let found = *through + tally.records;
        *through = tally.last_sequence.max(*through);
        if found < *through {
            let (from, place) = (found + 1, format!("{} are missing in {segment}", *through - found));
            self.findings.push(Finding::Records { from, through: *through, place });
        }
        Ok(())
    }

    /// Passes over the numbers of what a disk refused, and what the box was killed before it wrote again.
    fn note_unpromised(&mut self, through: &mut u64, last: u64, segment: SegmentId) {
        if last > *through {
            self.remarks.push(Remark::Unpromised { segment, from: *through + 1, through: last });
            *through = last;
        }
    }

    fn note_gap(&mut self, through: &mut u64, expected: u64, place: String) {
        if expected > *through {
            self.findings.push(Finding::Records { from: *through + 1, through: expected, place });
            *through = expected;
        }
    }
}

/// Whether somebody else than the box may have written the log.
fn is_of_entries(finding: &Finding) -> bool {
    matches!(
        finding,
        Finding::Number { .. } | Finding::Chain(_) | Finding::Signature { .. } | Finding::Root(_)
    )
}

/// Whether segments have what was sealed of them; of a part of a seal's segments, and where the disk did not give back all,
/// whether they have no more.
fn is_sealed_so<S: Source>(source: &S, own: &[SegmentId], seal: &Seal) -> bool {
    let (after, through) = seal.sequences;
    let is_headed = |segment: &SegmentId| match inspect(source, *segment) {
        Ok(Some(info)) => info.segment == segment.number(),
        Ok(None) | Err(_) => seal.unreadable > 0,
    };
    let Ok(tally) = harvest(source, own, after, |_| {}) else { return false };
    let (first, last) = seal.segments;
    let is_whole = own.len() as u64 == last.saturating_sub(first).saturating_add(1) && seal.unreadable == 0;
    let is_within = tally.records <= seal.records && tally.last_sequence <= through;
    own.iter().all(is_headed) && if is_whole { is_all(&tally, seal) } else { is_within }
}

/// How far the last record of a seal is beyond the moment when it was sealed, or beyond the first record of the next, as far as their
/// clocks can tell; `None` where that is nothing to speak of.
fn ahead_ms(seal: &Seal, next: Option<&Seal>) -> Option<u64> {
    let (_, latest) = seal.times?;
    let sealed = (seal.sealed_clock == ClockQuality::Synchronised).then_some(seal.sealed);
    let earliest =
        next.filter(|next| next.is_certain()).and_then(|next| next.times).map(|(earliest, _)| earliest);
    let earliest = earliest.filter(|earliest| *earliest >= EARLIEST_PLAUSIBLE);
    let reached = sealed.into_iter().chain(earliest).min()?;
    Some(latest.ms_since(reached)).filter(|by_ms| *by_ms >= AHEAD_MS_MIN)
}

/// Whether a segment is there and cannot be read to its end.
fn is_unread<S: Source>(source: &S, segment: SegmentId) -> bool {
    let tally = harvest(source, &[segment], 0, |_| {});
    tally.is_ok_and(|tally| !tally.unreadable.is_empty()) && !is_gone(source, segment)
}

/// Whether the log went on for days after this: by the last clock in it that a time server disciplined.
fn is_before(log: &Log, at: Timestamp) -> bool {
    let known = log.leaves().rev().map(Leaf::made).find(|(_, clock)| *clock == ClockQuality::Synchronised);
    known.is_some_and(|(made, _)| made > after(at, DELETED_WITHIN_DAYS))
}
