//! Readings of the journal through the pages: who may look, at what, for how long; and that each look is recorded first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, TryLockError};
use std::time::Duration;

use archive::{
    FoundAnywhere, Identity, Log, Request, Seal, Searched, Vault, is_selected, is_unreadable, query,
    seals_that_may_have,
};
use journal::{Found, Hit, Listed, Query};
use model::{
    Category, MadeCard, Person, PersonAct, PersonName, READING_MINUTES_MAX, Reading, ReadingId, ReadingTerms,
    RoomName, Selection, Sought, Timestamp, Verdict, When,
};
use people::Token;
use portal::{
    Findings, FoundDeed, FoundLine, LessonChoice, NewReading, Reader, ReadingList, RefusedCount, RoutineDay,
    Summary, Trouble,
};
use store::{PageOfReadings, PersonError};
use system::clock::monotonic;
use system::export::{Export, ExportError, export};
use system::segments::Directory;
use system::vault::Folder;
use zeroize::Zeroizing;

use super::{Failure, Office};
use crate::export_command::{describe_sealed, render_cover};
use crate::reading_command::{append, describe};
use crate::run::readings::SessionHash;
use crate::run::unsealed;
use crate::times::{day_of, last_hour};

/// Records of a page of results.
const PAGE_LINES: usize = 100;
/// Longest search of a page: somebody waits for it, and the box has a class to serve.
const SEARCH_MAX: Duration = Duration::from_secs(20);
/// Most records of an extract that a browser is sent; it is made in memory. The command line takes more.
const EXTRACT_ROWS_MAX: u64 = 50_000;
/// Most bytes of sealed files that go along with it.
const WHOLE_BYTES_MAX: u64 = 64 << 20;
/// Readings that a page lists, those that are open aside.
const LISTED_MAX: u32 = 100;
/// Lessons that a page offers: those of a week in a large school. More are nothing to choose from.
const LESSONS_OFFERED_MAX: usize = 200;
/// How long the head is told of a card that lets somebody read, in milliseconds: thirty days, holidays aside the longest that
/// she does not look.
const CARDS_MS: i64 = 30 * 24 * 3_600_000;
/// Fewest refusals, and fewest devices that share them, that the day's counts tell of: what fewer share is somebody's.
const COUNT_MIN: u64 = 5;
const DEVICES_MIN: usize = 3;
/// What secret keys begin with, and how long they are (age-encryption.org/v1, Bech32).
const KEY_BEGIN: &str = "AGE-SECRET-KEY-1";
const KEY_BYTES: usize = 74;

impl Office {
    pub(super) fn list_readings(&self, before: Option<ReadingId>) -> Result<ReadingList, Trouble> {
        let page = self.work(|store| store.page_of_readings(before, LISTED_MAX))?;
        let PageOfReadings { readings, routine, total, next, is_full } = page;
        let mut days: Vec<RoutineDay> = Vec::new();
        for at in routine {
            let (day, _) = day_of(at, &self.zone);
            match days.iter_mut().find(|known| known.day == day) {
                Some(known) => known.count += 1,
                None => days.push(RoutineDay { day, count: 1 }),
            }
        }
        let unsealed_since = self.find_unsealed();
        Ok(ReadingList { readings, routine: days, total, next, is_full, unsealed_since })
    }

    /// Since when records wait to be sealed, where that is before today.
    fn find_unsealed(&self) -> Option<Timestamp> {
        let log = Folder::new(&self.data).log_so_far().ok()?;
        let created = unsealed::find(&log, &Directory::new(&self.data))?;
        let (today, _) = day_of(self.clock.now().plausible()?, &self.zone);
        (created < today).then_some(created)
    }

    pub(super) fn list_reader_cards(&self) -> Result<Vec<MadeCard>, Trouble> {
        let now = self.clock.now().at.unix_ms();
        let since = Timestamp::from_unix_ms(now.saturating_sub(CARDS_MS));
        self.work(|store| store.reader_cards(since))
    }

    /// A reading that is open: by the store, and by the steady clock.
    pub(super) fn find_open(&self, reader: Reader<'_>, id: ReadingId) -> Result<(Reading, bool), Trouble> {
        let (person, session) = (reader.person, hash_session(reader)?);
        let reading = self.work(|store| store.find_reading(id))?.ok_or(Trouble::Unknown)?;
        if !person.role.reads_journal() || reading.author != person.name {
            return Err(Trouble::Denied);
        }
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        if !reading.is_open(now) || self.readings.is_over(id) {
            return Err(Trouble::Ended);
        }
        Ok((reading, self.readings.has(id, &session)))
    }

    /// The lessons of a reading's time, as the store remembers them; of what is asked for, where that is narrower.
    pub(super) fn list_lessons(
        &self,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
    ) -> Result<LessonChoice, Trouble> {
        let (reading, _) = self.find_open(reader, id)?;
        let Some(seen) = asked.clone().within(&reading.terms) else { return Ok(LessonChoice::default()) };
        let limit = u32::try_from(LESSONS_OFFERED_MAX.saturating_add(1)).unwrap_or(u32::MAX);
        let window = (seen.from, seen.to);
        let mut lessons = self.work(|store| store.lessons_within(window, seen.room.as_ref(), limit))?;
        let is_cut = lessons.len() > LESSONS_OFFERED_MAX;
        lessons.truncate(LESSONS_OFFERED_MAX);
        Ok(LessonChoice { lessons, is_cut })
    }

    pub(super) fn begin_reading(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        new: &NewReading,
    ) -> Result<ReadingId, Trouble> {
        let person = reader.person;
        if !person.role.reads_journal() {
            return Err(Trouble::Denied);
        }
        let is_hers = person.role.may_ask_for(new.terms.purpose);
        if !is_hers || !(1..=READING_MINUTES_MAX).contains(&new.minutes) {
            return Err(Trouble::Field);
        }
        let identities = read_key(&new.key)?;
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let ms = i64::from(new.minutes) * 60_000;
        let until = Timestamp::from_unix_ms(now.unix_ms().saturating_add(ms));
        let terms = new.terms.clone().bounded(until);
        terms.check().map_err(|_| Trouble::Window)?;
        let machine = self.identify(client).machine.mac();
        let opened = self.write(|store| {
            let opener = (&person.name, machine);
            store.open_reading(&terms, (now, until), opener).map_err(Refused)
        })?;
        self.hold(reader, &opened, identities, now)?;
        Ok(opened.id)
    }

    pub(super) fn unlock(&self, reader: Reader<'_>, id: ReadingId, key: &str) -> Result<(), Trouble> {
        let (reading, _) = self.find_open(reader, id)?;
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        self.hold(reader, &reading, read_key(key)?, now)
    }

    /// Holds the keys of a reading that is open, also once they are held: somebody may end it meanwhile.
    fn hold(
        &self,
        reader: Reader<'_>,
        reading: &Reading,
        identities: Vec<Identity>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        self.readings.hold(reading, hash_session(reader)?, identities, now);
        self.find_open(reader, reading.id).map(drop).inspect_err(|_| self.readings.wipe(reading.id))
    }

    /// Whoever may read may end a reading of anybody: a colleague left her PC.
    pub(super) fn end_reading(&self, client: IpAddr, person: &Person, id: ReadingId) -> Result<(), Trouble> {
        if !person.role.reads_journal() {
            return Err(Trouble::Denied);
        }
        // The keys first: a store that cannot be written keeps none.
        self.readings.wipe(id);
        let (machine, now) = (self.identify(client).machine.mac(), self.clock.now().at);
        self.write(|store| store.close_reading(id, now, (&person.name, machine))).map(drop)
    }

    pub(super) fn search(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
        after: u64,
    ) -> Result<Findings, Trouble> {
        let (keys, selection) = self.prepare(reader, id, asked)?;
        let _alone = self.looking.try_lock().map_err(|error| name_busy(&error))?;
        self.note_search(client, reader.person, id, &describe(&selection, &self.zone))?;
        let mut page = Page { selection: &selection, after, findings: Findings::default(), last: 0 };
        self.read_journal(&keys, &mut page).ok_or(Trouble::Unavailable)?;
        Ok(page.findings)
    }

    /// Notes what somebody looks for, before she sees anything.
    pub(super) fn note_search(
        &self,
        client: IpAddr,
        person: &Person,
        id: ReadingId,
        sought: &Sought,
    ) -> Result<(), Trouble> {
        let machine = self.identify(client).machine.mac();
        self.write(|store| store.note_search(id, sought, (&person.name, machine)).map_err(Refused))
    }

    /// The keys of an open reading, and what of a selection it may see.
    pub(super) fn prepare(
        &self,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
    ) -> Result<(Arc<Vec<Identity>>, Selection), Trouble> {
        let (reading, _) = self.find_open(reader, id)?;
        let keys = self.readings.keys(id, &hash_session(reader)?).ok_or(Trouble::Locked)?;
        let selection = asked.clone().within(&reading.terms).ok_or(Trouble::Outside)?;
        Ok((keys, selection))
    }

    /// `None` where the journal cannot be searched at all.
    fn read_journal(&self, keys: &[Identity], page: &mut Page<'_>) -> Option<()> {
        let (asked, after) = (query(page.selection), page.after);
        let Scanned { searched, is_late, is_damaged } =
            self.scan(keys, &asked, after, |found| page.take(found))?;
        page.findings.unreadable += usize::from(is_damaged);
        page.findings.is_cut = is_late;
        // Told once, on the first page.
        let is_whole = after == 0 && !is_late;
        page.findings.locked = if is_whole { searched.seals_locked } else { 0 };
        page.findings.nameless = if is_whole { searched.seals_nameless } else { 0 };
        Some(())
    }

    /// Goes through what comes after a record, for as long as somebody waits. `None` where the journal cannot be searched at all.
    pub(super) fn scan(
        &self,
        keys: &[Identity],
        asked: &Query,
        after: u64,
        mut each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> Option<Scanned> {
        let (folder, directory) = (Folder::new(&self.data), Directory::new(&self.data));
        // The segments first: the child that seals may move some of them into the log meanwhile.
        let segments = Listed::new(&directory).ok()?;
        let (log, damage) = Log::read(&folder.log().ok()?.unwrap_or_default());
        let tables = folder.tables(&log, keys);
        let (started, is_late) = (monotonic(), AtomicBool::new(false));
        let read = |seal: &Seal| {
            // What is left is not read: the page says so.
            if started.elapsed() > SEARCH_MAX {
                is_late.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            // Seals of earlier pages have nothing more.
            if seal.sequences.1 <= after {
                return Ok(None);
            }
            tables.open(seal).map_err(Into::into)
        };
        let searched = archive::search(&log, read, &segments, asked, |found| {
            if started.elapsed() > SEARCH_MAX {
                is_late.store(true, Ordering::Relaxed);
                return ControlFlow::Break(());
            }
            each(found)
        });
        let (searched, is_late) = (searched.ok()?, is_late.load(Ordering::Relaxed));
        Some(Scanned { searched, is_late, is_damaged: damage.is_some() })
    }

    pub(super) fn take_extract(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
        is_whole: bool,
    ) -> Result<Vec<u8>, Trouble> {
        let person = reader.person;
        let (keys, selection) = self.prepare(reader, id, asked)?;
        let _alone = self.looking.try_lock().map_err(|error| name_busy(&error))?;
        let (reading, _) = self.find_open(reader, id)?;
        let (machine, sought) = (self.identify(client).machine.mac(), describe(&selection, &self.zone));
        let sought = match is_whole {
            true => self.append_sealed(&reading.terms, &selection, &sought)?,
            false => sought,
        };
        let taken = (&sought, is_whole);
        self.write(|store| store.note_export(id, taken, (&person.name, machine)).map_err(Refused))?;
        let request = Request {
            author: person.name.clone(),
            purpose: reading.terms.purpose,
            detail: reading.terms.detail,
            reading: Some(id),
        };
        let what = Export {
            data: &self.data,
            request: &request,
            selection: &selection,
            identities: &keys,
            is_whole,
            rows_max: EXTRACT_ROWS_MAX,
        };
        let cover =
            |manifest: &archive::Manifest, key: &str| render_cover(manifest, key, &self.school, &self.zone);
        match export(&what, self.clock.now(), Vec::new(), cover) {
            Ok((bytes, _)) => Ok(bytes),
            Err(ExportError::Extract(_)) => Err(Trouble::TooMuch),
            Err(error) => Err(self.tell(error)),
        }
    }

    /// What is sought where the sealed files of its time go along, all parts of each. They are everybody's: whoever reads of one device,
    /// and of a year of it, does not take them.
    fn append_sealed(
        &self,
        terms: &ReadingTerms,
        selection: &Selection,
        sought: &Sought,
    ) -> Result<Sought, Trouble> {
        ReadingTerms::check_window(terms.from, terms.to, false).map_err(|_| Trouble::Outside)?;
        let log = Folder::new(&self.data).log_so_far().map_err(|_| Trouble::Unavailable)?;
        let asked = query(selection);
        if bytes_left(&log, seals_that_may_have(&log, &asked)) > WHOLE_BYTES_MAX {
            return Err(Trouble::TooMuch);
        }
        Ok(append(sought, &describe_sealed(&log, selection)))
    }

    /// What was refused today up to the last full hour, from what is not sealed yet: no key is needed, and no device is told.
    /// The same numbers until the next one: two that differ by some minutes would show what one child did in them.
    pub(super) fn count_today(&self) -> Result<Option<Summary>, Trouble> {
        let Some(now) = self.clock.now().plausible() else { return Ok(None) };
        let hour = last_hour(now);
        // Whoever counts may take long: nobody waits for it.
        let mut counted = match self.counted.try_lock() {
            Ok(counted) => counted,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        if let Some((_, summary)) = counted.as_ref().filter(|(until, _)| *until == hour) {
            return Ok(Some(summary.clone()));
        }
        let Ok(_alone) = self.looking.try_lock() else { return Ok(None) };
        let selection = Selection {
            from: Some(day_of(now, &self.zone).0),
            to: Some(hour),
            verdict: Some(Verdict::Refuse),
            ..Selection::default()
        };
        let mut counts = Counts::default();
        let directory = Directory::new(&self.data);
        let searched = journal::search(&directory, &query(&selection), |hit| {
            if let Hit::Access(found) = hit {
                counts.add(&found);
            }
            ControlFlow::Continue(())
        });
        searched.map_err(|_| Trouble::Unavailable)?;
        let summary = counts.summarise();
        *counted = Some((hour, summary.clone()));
        Ok(Some(summary))
    }
}

/// Which session this is: keys are its own.
fn hash_session(reader: Reader<'_>) -> Result<SessionHash, Trouble> {
    Token::parse(reader.session).map(|token| token.hash().0).ok_or(Trouble::Denied)
}

/// How long the files of seals are that are not deleted.
fn bytes_left<'l>(log: &Log, seals: impl Iterator<Item = &'l Seal>) -> u64 {
    let deleted = log.expiries();
    let files =
        seals.flat_map(|seal| seal.files().map(|(field, file, _)| ((seal.number, field), file.bytes)));
    files.filter(|(file, _)| !deleted.contains_key(file)).map(|(_, bytes)| bytes).sum()
}

/// What came of going through the journal.
pub(super) struct Scanned {
    pub(super) searched: Searched,
    /// Whether it took too long, and was ended.
    pub(super) is_late: bool,
    /// Whether the log of seals is damaged: what comes after that in it cannot be searched.
    pub(super) is_damaged: bool,
}

/// A page of results that is being filled.
struct Page<'p> {
    selection: &'p Selection,
    after: u64,
    findings: Findings,
    last: u64,
}

impl Page<'_> {
    fn take(&mut self, found: FoundAnywhere) -> ControlFlow<()> {
        self.findings.unreadable += usize::from(is_unreadable(&found));
        let FoundAnywhere::Hit(hit) = found else { return ControlFlow::Continue(()) };
        if !is_selected(self.selection, &hit) {
            return ControlFlow::Continue(());
        }
        let Some((number, line)) = describe_hit(&hit, self.selection.with_people) else {
            return ControlFlow::Continue(());
        };
        if number <= self.after {
            return ControlFlow::Continue(());
        }
        if self.findings.lines.len() >= PAGE_LINES {
            self.findings.next = Some(self.last);
            return ControlFlow::Break(());
        }
        self.last = number;
        self.findings.lines.push(line);
        ControlFlow::Continue(())
    }
}

fn describe_hit(hit: &Hit, with_people: bool) -> Option<(u64, FoundLine)> {
    match hit {
        Hit::Access(found) => {
            let line = FoundLine {
                when: found.when,
                device: Some(found.device.clone()),
                room: found.room.clone(),
                host: found.host.clone(),
                verdict: Some(found.verdict),
                reason: Some(found.reason.clone()),
                count: found.count,
                person: found.person.clone().filter(|_| with_people),
                deed: None,
            };
            Some((found.sequence.number(), line))
        }
        Hit::Act(found) => {
            let by = found.act.deed.by().unwrap_or(&found.act.rule.author);
            Some((found.sequence.number(), act_line(found.when, by, FoundDeed::Rule(found.act.deed.clone()))))
        }
        Hit::Person(found) => {
            let PersonAct { author, deed, .. } = &found.act;
            let line = act_line(found.when, author, FoundDeed::Person(deed.clone()));
            let room = deed.room().cloned();
            Some((found.sequence.number(), FoundLine { room, ..line }))
        }
        Hit::Damage(_) | Hit::Unreadable { .. } => None,
    }
}

fn act_line(when: When, person: &PersonName, deed: FoundDeed) -> FoundLine {
    FoundLine {
        when,
        device: None,
        room: None,
        host: None,
        verdict: None,
        reason: None,
        count: 1,
        person: Some(person.to_string()),
        deed: Some(deed),
    }
}

/// What was refused, by room and category, and to which devices.
#[derive(Default)]
struct Counts(BTreeMap<Cell, (u64, BTreeSet<String>)>);

/// A room and a category.
type Cell = (Option<RoomName>, Option<Category>);

impl Counts {
    fn add(&mut self, found: &Found) {
        let category = found.reason.category().cloned();
        let (count, devices) = self.0.entry((found.room.clone(), category)).or_default();
        *count += u64::from(found.count);
        devices.insert(found.device.clone());
    }

    /// What enough devices share, in steps: one refusal more is somebody's.
    fn summarise(self) -> Summary {
        let mut summary = Summary::default();
        for ((room, category), (count, devices)) in self.0 {
            if count >= COUNT_MIN && devices.len() >= DEVICES_MIN {
                summary.refused.push(RefusedCount { room, category, count: round_down(count) });
            } else {
                summary.hidden += count;
            }
        }
        summary.hidden = round_down(summary.hidden);
        summary.refused.sort_by_key(|refused| Reverse(refused.count));
        summary
    }
}

/// To a multiple of the fewest that are told.
fn round_down(count: u64) -> u64 {
    count / COUNT_MIN * COUNT_MIN
}

/// The key that somebody typed or pasted, a whole file of one included; none for an empty field.
fn read_key(text: &str) -> Result<Vec<Identity>, Trouble> {
    // One copy, with room for all of it from the start: what is moved to more room is not wiped.
    let mut folded = Zeroizing::new(String::with_capacity(text.len()));
    // On paper it stands in groups.
    folded.extend(text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()));
    if folded.is_empty() {
        return Ok(Vec::new());
    }
    let place = folded.find(KEY_BEGIN).ok_or(Trouble::Key)?;
    let key = folded.get(place..place + KEY_BYTES).ok_or(Trouble::Key)?;
    Identity::read_all(key).map_err(|_| Trouble::Key)
}

/// Whoever looks looks alone.
pub(super) fn name_busy<T>(error: &TryLockError<T>) -> Trouble {
    match error {
        TryLockError::WouldBlock => Trouble::Busy,
        TryLockError::Poisoned(_) => Trouble::Unavailable,
    }
}

/// Why the store did not open or note a reading.
struct Refused(PersonError);

impl From<Refused> for Failure {
    fn from(Refused(error): Refused) -> Self {
        match error {
            PersonError::TooMany => Self::Trouble(Trouble::ReadingsFull),
            // It was closed meanwhile.
            PersonError::Unknown => Self::Trouble(Trouble::Ended),
            error @ (PersonError::NameTaken(_)
            | PersonError::Replaced
            | PersonError::Unrecorded
            | PersonError::Store(_)) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use journal::Sequence;
    use model::{AccessKind, ClockQuality, Reason};

    use super::*;

    fn refused(device: &str, room: &str, category: Option<&str>, count: u32) -> Found {
        let at = Timestamp::from_unix_ms(1_795_422_600_000);
        let listed = category
            .map(|category| Reason::Listed { category: category.parse().unwrap(), entry: "a.fr".into() });
        Found {
            sequence: Sequence::new(1),
            at,
            clock: ClockQuality::Synchronised,
            when: When::Shown(at),
            device: device.to_owned(),
            mac: None,
            room: room.parse().ok(),
            profile: "elementaire".parse().unwrap(),
            lesson: None,
            person: None,
            kind: AccessKind::Dns,
            host: None,
            destination: None,
            verdict: Verdict::Refuse,
            reason: listed.unwrap_or(Reason::NotListed),
            ended: None,
            count,
            last_at: at,
        }
    }

    #[test]
    fn counts_are_of_no_child() {
        let mut counts = Counts::default();
        for device in ["CM2-01", "CM2-02", "CM2-03"] {
            counts.add(&refused(device, "CM2", Some("games"), 2));
            counts.add(&refused(device, "CM2", Some("adult"), 1));
        }
        // One child, a hundred times; and two.
        counts.add(&refused("CM1-01", "CM1", Some("adult"), 100));
        counts.add(&refused("CM1-01", "CM1", Some("games"), 5));
        counts.add(&refused("CM1-02", "CM1", Some("games"), 5));
        let summary = counts.summarise();
        let expected = RefusedCount { room: "CM2".parse().ok(), category: "games".parse().ok(), count: 5 };
        assert_eq!(summary, Summary { refused: vec![expected], hidden: 110 }, "in fives");
    }

    #[test]
    fn keys_are_read_as_people_paste_them() {
        let identity = Identity::generate();
        let file = identity.write();
        let key = file.lines().last().unwrap();
        for text in [
            key.to_owned(),
            format!("  {key}\n"),
            format!("{} {}", &key[..20], &key[20..]),
            file.replace('\n', ""),
            file.clone(),
            key.to_lowercase(),
        ] {
            assert_eq!(read_key(&text).unwrap()[0].reader(), identity.reader(), "{text}");
        }
        assert!(read_key(" ").unwrap().is_empty());
        for wrong in ["age1abc", "AGE-SECRET-KEY-1", &key[..60], &"é".repeat(80)] {
            assert_eq!(read_key(wrong).unwrap_err(), Trouble::Key, "{wrong}");
        }
        let mut mistyped = key.to_owned();
        mistyped.replace_range(40..41, if &key[40..41] == "Q" { "P" } else { "Q" });
        assert_eq!(read_key(&mistyped).unwrap_err(), Trouble::Key);
    }
}
