//! What must hold for searches: what went in comes out, encrypted or not, by whatever is asked; nothing is read that is not
//! asked for, and nothing is believed that is not what was sealed.

use std::collections::HashSet;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use journal::simulation::Disk;
use journal::{
    Ended, Found, FoundPersonAct, Harvested, Hit, Kind, Late, Listed, News, Query, Sequence, Source, Tally,
};
use model::{
    AccessKind, ClockQuality, Closing, End, Host, PersonAct, PersonDeed, Reason, Timestamp, Verdict, When,
};
use proptest::prelude::*;

use super::fixture::{Asked, Box as Appliance, Memory, at, box_of_days};
use crate::row::Row;
use crate::table::TableWriter;
use crate::{
    FileBytes, Filter, Form, FoundAnywhere, Hash, Identity, Log, Seal, Sealed, SealedFile, Searched,
    SigningKey, Table, TableError, encrypt, reads_plain_seals, search, search_signed,
};

static READER: LazyLock<Identity> = LazyLock::new(Identity::generate);

/// A file and its seal, plain and encrypted.
type Files = [(Seal, Vec<u8>); 2];

/// Accesses of several groups and blocks, of which some are to the [`RARE`] host, and their files: plain and encrypted.
static MANY: LazyLock<(Vec<Found>, Files)> = LazyLock::new(|| {
    let access = |number: u32| access(number.into(), number.wrapping_mul(2_654_435_761));
    let mut accesses: Vec<_> = (1..=9_000_u32).map(access).collect();
    for place in [7, 5_000, 8_990] {
        accesses[place].host = Host::parse(RARE).ok();
    }
    let files = [Form::Plain, Form::Encrypted].map(|form| seal(&accesses, form));
    (accesses, files)
});
const RARE: &str = "www.rare.example";

/// Accesses, sealed as a file.
fn seal(accesses: &[Found], form: Form) -> (Seal, Vec<u8>) {
    let mut writer = TableWriter::new().unwrap();
    let harvested = accesses.iter().map(|found| Harvested::Access(Box::new(found.clone())));
    harvested.flat_map(|harvested| Row::of(&harvested)).for_each(|row| writer.push(row).unwrap());
    let table = writer.finish().unwrap();
    let opened = Table::open(table.clone()).unwrap();
    let file = match form {
        Form::Plain => table,
        Form::Encrypted => encrypt(&table, &[READER.reader()]).unwrap(),
    };
    let rows = accesses.len() as u64;
    let sealed = SealedFile { form, bytes: file.len() as u64, hash: Hash::of(&file), rows };
    let last_sequence = accesses.last().map_or(0, |found| found.sequence.number());
    let times = Some((at(0), at(1_000_000)));
    let tally = Tally { records: rows, last_sequence, times, ..Tally::default() };
    let seal = Seal::new(&tally, last_sequence - rows, (1, 1), "2026-11-23".to_owned(), sealed);
    (Seal { tail: opened.tail(form, &file), ..seal }, file)
}

fn open(seal: &Seal, file: impl FileBytes + 'static) -> Result<Table, TableError> {
    Table::open_sealed(seal, file, std::slice::from_ref(&*READER))
        .map(|table| table.expect("its reader's key"))
}

fn find(table: &Table, query: &Query) -> Result<Vec<Found>, TableError> {
    let mut all = Vec::new();
    let flow = table.search(&Filter::from(query), |sealed| {
        match sealed {
            Sealed::Hit(hit) => match *hit {
                Hit::Access(found) => all.push(*found),
                other @ (Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. }) => {
                    panic!("{other:?}")
                }
            },
            other @ (Sealed::Late(_) | Sealed::Other(_)) => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    })?;
    assert!(flow.is_continue());
    Ok(all)
}

/// One of many accesses.
fn access(number: u64, seed: u32) -> Found {
    let pick = |count: u32, shift: u32| (seed >> shift) % count;
    let of = |names: &[&'static str], shift: u32| {
        names[usize::try_from(pick(u32::try_from(names.len()).unwrap(), shift)).unwrap()]
    };
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let device = pick(5, 0);
    let category = some(of(&["", "games", "adult"], 3));
    let time = at(i64::from(pick(100, 5)));
    let closing =
        Closing { bytes_up: 1, bytes_down: u64::from(seed), duration_ms: 5, peer: None, end: End::Finish };
    Found {
        sequence: Sequence::new(number),
        at: time,
        clock: ClockQuality::Synchronised,
        when: When::Shown(time),
        device: ["CM2-01", "cm2-02", "Écran", "inconnu-10.77.0.11", "CE1-é"]
            [usize::try_from(device).unwrap()]
        .to_owned(),
        mac: (device != 3).then(|| format!("02:00:00:00:00:{device:02x}").parse().unwrap()),
        room: some(of(&["CM2", "", "CE1"], 8)).map(|room| room.parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
        lesson: some(of(&["", "Histoire"], 11)).map(str::to_owned),
        person: some(of(&["Mme Martin", "", ""], 12)).map(str::to_owned),
        kind: [AccessKind::Dns, AccessKind::Tls][usize::try_from(pick(2, 15)).unwrap()],
        host: some(of(
            &[
                "a.example.com",
                "example.com",
                "b.a.example.com",
                "xexample.com",
                "192.0.2.7",
                "2001:db8::7",
                "",
            ],
            17,
        ))
        .map(|host| Host::parse(host).unwrap()),
        destination: None,
        verdict: if category.is_some() && pick(2, 21) == 0 { Verdict::Refuse } else { Verdict::Permit },
        reason: category.map_or(Reason::NotListed, |category| Reason::WhiteListed {
            category: category.parse().unwrap(),
            entry: "a.fr".into(),
        }),
        ended: (pick(2, 22) == 0).then_some(Ended::new(time, closing)),
        count: 1 + pick(3, 23),
        last_at: Timestamp::from_unix_ms(time.unix_ms() + i64::from(pick(3, 25)) * 20_000),
    }
}

/// That somebody signed in.
fn act(number: u64, at: Timestamp) -> FoundPersonAct {
    let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed: PersonDeed::SignIn };
    let (clock, when) = (ClockQuality::Synchronised, When::Shown(at));
    FoundPersonAct { sequence: Sequence::new(number), at, clock, when, act }
}

/// What a query says, read naively.
fn is_asked(query: &Query, found: &Found) -> bool {
    let is_device = |wanted: &String| {
        found.device.to_lowercase() == wanted.to_lowercase()
            || found.mac.is_some_and(|mac| mac.to_string() == wanted.to_lowercase())
    };
    let is_host = |wanted: &Host| match (&found.host, wanted.name()) {
        (Some(host), Some(name)) => {
            let text = host.to_string();
            text == name.as_str() || text.ends_with(&format!(".{name}"))
        }
        (Some(host), None) => host == wanted,
        (None, _) => false,
    };
    let category =
        if let Reason::WhiteListed { category, .. } = &found.reason { Some(category) } else { None };
    query.from.is_none_or(|from| found.last_at >= from)
        && query.to.is_none_or(|to| found.at < to)
        && query.device.as_ref().is_none_or(is_device)
        && query.room.as_ref().is_none_or(|room| found.room.as_ref() == Some(room))
        && query.lesson.as_ref().is_none_or(|lesson| found.lesson.as_ref() == Some(lesson))
        && query.person.as_ref().is_none_or(|person| found.person.as_deref() == Some(person.as_str()))
        && query.host.as_ref().is_none_or(is_host)
        && query.category.as_ref().is_none_or(|wanted| category == Some(wanted))
        && query.verdict.is_none_or(|verdict| found.verdict == verdict)
        && query.kind.is_none_or(|kind| Kind::Access(found.kind) == kind)
}

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop::option::weighted(0.3, prop::sample::select(names))
}

prop_compose! {
    fn queries()(
        from in prop::option::weighted(0.3, 0..130_i64),
        to in prop::option::weighted(0.3, 0..130_i64),
        device in one_of(&["CM2-01", "CM2-02", "écran", "ÉCRAN", "02:00:00:00:00:04", "02:00:00:00:00:03", "nobody"]),
        room in one_of(&["CM2", "CE1", "CP"]),
        lesson in one_of(&["Histoire", "Sport"]),
        person in one_of(&["Mme Martin", "M. Durand"]),
        host in one_of(&["example.com", "a.example.com", "com", "192.0.2.7", "2001:db8::7", "absent.example.com"]),
        category in one_of(&["games", "adult", "warez"]),
        verdict in prop::option::weighted(0.2, prop::sample::select(vec![Verdict::Permit, Verdict::Refuse])),
        kind in prop::option::weighted(0.2, prop::sample::select(vec![
            Kind::Access(AccessKind::Dns), Kind::Access(AccessKind::Tls), Kind::Act,
        ])),
    ) -> Query {
        Query {
            from: from.map(at),
            to: to.map(at),
            device: device.map(str::to_owned),
            room: room.map(|room| room.parse().unwrap()),
            lesson: lesson.map(str::to_owned),
            person: person.map(|person| person.parse().unwrap()),
            host: host.map(|host| Host::parse(host).unwrap()),
            category: category.map(|category| category.parse().unwrap()),
            verdict,
            kind,
        }
    }
}

proptest! {
    /// What went in comes out, by whatever is asked for.
    #[test]
    fn a_search_finds_what_was_sealed(
        seeds in prop::collection::vec(any::<u32>(), 1..60),
        form in prop::sample::select(vec![Form::Plain, Form::Encrypted]),
        asked in prop::collection::vec(queries(), 8),
    ) {
        let accesses: Vec<_> = (1..).zip(&seeds).map(|(number, seed)| access(number, *seed)).collect();
        let (seal, file) = seal(&accesses, form);
        let table = open(&seal, file).unwrap();
        for query in &asked {
            let expected: Vec<_> = accesses.iter().filter(|found| is_asked(query, found)).cloned().collect();
            prop_assert_eq!(find(&table, query).unwrap(), expected, "{:?}", query);
        }
        prop_assert_eq!(find(&table, &Query::default()).unwrap(), accesses);
    }

    /// Acts are found by their times among accesses whose repeats came earlier, or later.
    #[test]
    fn a_search_finds_acts_by_their_times(
        seeds in prop::collection::vec(any::<u32>(), 0..20),
        times in prop::collection::vec(0..200_i64, 1..5),
        from in prop::option::of(0..210_i64),
        to in prop::option::of(0..210_i64),
    ) {
        let accesses = (1..).zip(&seeds).map(|(number, seed)| Harvested::Access(Box::new(access(number, *seed))));
        let acts = (100..).zip(&times).map(|(number, time)| Harvested::Person(Box::new(act(number, at(*time)))));
        let mut writer = TableWriter::new().unwrap();
        accesses.chain(acts).flat_map(|it| Row::of(&it)).for_each(|row| writer.push(row).unwrap());
        let table = Table::open(writer.finish().unwrap()).unwrap();
        let query =
            Query { from: from.map(at), to: to.map(at), kind: Some(Kind::Act), ..Query::default() };
        let mut found = Vec::new();
        let flow = table.search(&Filter::from(&query), |sealed| {
            if let Sealed::Hit(hit) = sealed && let Hit::Person(act) = *hit {
                found.push(act.sequence.number());
            }
            ControlFlow::Continue(())
        });
        prop_assert!(flow.unwrap().is_continue());
        let is_asked =
            |time: &i64| from.is_none_or(|from| *time >= from) && to.is_none_or(|to| *time < to);
        let expected: Vec<u64> =
            (100..).zip(&times).filter(|(_, time)| is_asked(time)).map(|(number, _)| number).collect();
        prop_assert_eq!(found, expected);
    }

    /// Whatever byte is changed: nothing that was not sealed is found, and nothing is left out in silence that a search read.
    #[test]
    fn no_changed_byte_is_believed(
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        form in prop::sample::select(vec![Form::Plain, Form::Encrypted]),
    ) {
        let accesses: Vec<_> = (1..40).map(|number| access(number, u32::try_from(number).unwrap() * 7_919)).collect();
        let (seal, mut file) = seal(&accesses, form);
        let place = place.index(file.len());
        file[place] ^= 1 << bit;
        let footer = file_footer(&seal, &file);
        let opened = Table::open_sealed(&seal, file, std::slice::from_ref(&*READER));
        let found = opened.and_then(|table| table.map(|table| find(&table, &Query::default())).transpose());
        // With another header, it is for other keys: that is told, too. The first bytes of a plain file are a mark that no
        // search reads, nor does it read what the footer says before its chart.
        if let Ok(Some(found)) = found {
            prop_assert!(form == Form::Plain && (place < 4 || footer.contains(&place)), "byte {}", place);
            prop_assert_eq!(found, accesses);
        }
    }

    /// The same of a search that reads some groups and blocks of many.
    #[test]
    fn no_changed_byte_hides_a_host(
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        is_encrypted in any::<bool>(),
    ) {
        let (accesses, files) = &*MANY;
        let (seal, file) = &files[usize::from(is_encrypted)];
        let mut file = file.clone();
        let place = place.index(file.len());
        file[place] ^= 1 << bit;
        let query = Query { host: Host::parse(RARE).ok(), ..Query::default() };
        let opened = Table::open_sealed(seal, file, std::slice::from_ref(&*READER));
        let found = opened.and_then(|table| table.map(|table| find(&table, &query)).transpose());
        if let Ok(Some(found)) = found {
            let expected: Vec<_> = accesses.iter().filter(|access| access.host == query.host).cloned().collect();
            prop_assert_eq!(expected.len(), 3);
            prop_assert_eq!(found, expected, "byte {}", place);
        }
    }
}

/// Where the footer of a plain file is, up to its chart.
fn file_footer(seal: &Seal, file: &[u8]) -> Range<usize> {
    let end = file.len() - 8;
    let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap());
    let start = end.saturating_sub(usize::try_from(length).unwrap());
    start..usize::try_from(seal.tail.unwrap().at).unwrap()
}

#[test]
fn a_seal_with_a_tail_is_read_as_it_was_written() {
    for form in [Form::Plain, Form::Encrypted] {
        let (seal, _) = seal(&[access(1, 7)], form);
        assert!(seal.tail.is_some());
        assert_eq!(seal.to_string().parse(), Ok(seal.clone()));
        let before = Seal { tail: None, ..seal.clone() };
        assert_eq!(before.to_string().parse(), Ok(before));
        for wrong in ["tail 1 2\n", "tail 01 2 3\n", "tail\n", "more\n"] {
            let text = format!("{}{wrong}", Seal { tail: None, ..seal.clone() });
            assert!(text.parse::<Seal>().is_err(), "{wrong}");
        }
    }
}

/// A file of before there were tails is read as a whole, and compared as a whole.
#[test]
fn a_seal_without_a_tail_is_read() {
    let accesses: Vec<_> = (1..9).map(|number| access(number, 7)).collect();
    for form in [Form::Plain, Form::Encrypted] {
        let (seal, mut file) = seal(&accesses, form);
        let seal = Seal { tail: None, ..seal };
        assert_eq!(find(&open(&seal, file.clone()).unwrap(), &Query::default()).unwrap(), accesses);
        *file.last_mut().unwrap() ^= 1;
        assert!(matches!(open(&seal, file), Err(TableError::Changed)));
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: Vec<u8>,
    bytes: Arc<AtomicU64>,
}

impl FileBytes for Counted {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.file.read_at(offset, buffer)
    }
}

#[test]
fn only_the_end_of_a_file_and_its_groups_that_may_match_are_read() {
    let mut accesses: Vec<_> =
        (1..=70_000_u32).map(|number| access(number.into(), number.wrapping_mul(2_654_435_761))).collect();
    let rare = Host::parse("www.rare.example").unwrap();
    accesses[40_000].host = Some(rare.clone());
    for form in [Form::Plain, Form::Encrypted] {
        let (seal, file) = seal(&accesses, form);
        let (length, tail) = (file.len() as u64, seal.tail.unwrap().bytes);
        assert!(tail < length / 3, "{tail} of {length}");
        let check = |query: &Query, expected: usize, most: u64| {
            let bytes = Arc::new(AtomicU64::new(0));
            let table = open(&seal, Counted { file: file.clone(), bytes: Arc::clone(&bytes) }).unwrap();
            assert_eq!(find(&table, query).unwrap().len(), expected, "{query:?}");
            let read = bytes.load(Ordering::Relaxed);
            assert!(read <= most, "{query:?}: {read} bytes of {length} are read, {tail} of them the end");
        };
        let host = |name: &str| Query { host: Host::parse(name).ok(), ..Query::default() };
        // The header of an encrypted file is read beside its end; of the sieves two blocks at most, or two pieces.
        let ends = if form == Form::Plain { 2 * (16 << 10) } else { 2 * (65 << 10) };
        check(&host("absent.example"), 0, tail + 4_096 + ends);
        // Of eighteen groups, one, and what is compared with it at both of its ends.
        check(&host("rare.example"), 1, tail + 4_096 + length / 12 + 2 * ends);
        // Each group begins and ends within a piece.
        check(&Query::default(), 70_000, 2 * length + 18 * ends);
    }
}

fn year(days: u64) -> (Log, Vec<Vec<u8>>) {
    let (mut log, mut files) = (Log::default(), Vec::new());
    let key = SigningKey::of_box([7; 32]).unwrap();
    for day in 0..days {
        let (seal, file) = seal(&[access(day * 2 + 1, 1), access(day * 2 + 2, 2)], Form::Plain);
        log.append(seal, &key);
        files.push(file);
    }
    (log, files)
}

fn search_year(
    (log, files): &(Log, Vec<Vec<u8>>),
    opened: &Mutex<HashSet<u64>>,
    mut each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Searched {
    let open = |seal: &Seal| {
        opened.lock().unwrap().insert(seal.number);
        let file = files[usize::try_from(seal.number).unwrap() - 1].clone();
        Table::open_sealed(seal, file, &[]).map_err(Into::into)
    };
    search(log, open, &Disk::default(), &Query::default(), &mut each).unwrap()
}

#[test]
fn what_is_found_is_given_out_in_order_and_before_the_last_file_is_read() {
    let year = year(60);
    let opened = Mutex::new(HashSet::new());
    let (mut numbers, mut opened_at_first) = (Vec::new(), 0);
    let searched = search_year(&year, &opened, |found| {
        let FoundAnywhere::Hit(hit) = found else { panic!("{found:?}") };
        let Hit::Access(found) = *hit else { panic!("{hit:?}") };
        if numbers.is_empty() {
            opened_at_first = opened.lock().unwrap().len();
        }
        numbers.push(found.sequence.number());
        ControlFlow::Continue(())
    });
    assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
    assert_eq!(searched.seals_read, 60);
    assert!(
        opened_at_first < 40,
        "{opened_at_first} files were opened before the first record was given out"
    );
}

#[test]
fn a_search_that_nobody_reads_any_more_stops() {
    let year = year(60);
    let opened = Mutex::new(HashSet::new());
    let mut count = 0;
    search_year(&year, &opened, |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!(count, 1);
    assert!(opened.lock().unwrap().len() < 40, "{opened:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_its_place() {
    let mut year = year(12);
    year.1[4].truncate(100);
    let mut told = Vec::new();
    let searched = search_year(&year, &Mutex::default(), |found| {
        if let FoundAnywhere::Unreadable { seal, error } = found {
            told.push((seal, error.to_string()));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(told, [(5, "the file is not what was sealed".to_owned())]);
    assert_eq!((searched.seals_read, searched.seals_unreadable), (11, 1));
}

/// The numbers that a search finds, and how many segments it cannot read.
fn look(log: &Log, vault: &Memory, source: &impl Source, meanwhile: impl Fn() + Sync) -> (Vec<u64>, usize) {
    let open = |seal: &Seal| {
        meanwhile();
        let file = vault.files.get(&seal.file_name()).cloned().unwrap();
        Table::open_sealed(seal, file, &[]).map_err(Into::into)
    };
    let mut numbers = Vec::new();
    let searched = search(log, open, source, &Query::default(), |found| {
        if let FoundAnywhere::Hit(hit) = found
            && let Hit::Access(found) = *hit
        {
            numbers.push(found.sequence.number());
        }
        ControlFlow::Continue(())
    });
    (numbers, searched.unwrap().segments.segments_unreadable)
}

/// The child that seals works on while others search.
#[test]
fn what_is_sealed_during_a_search_is_found_or_told() {
    let mut it = box_of_days();
    it.commit(at(400));
    let (disk, before) = (it.disk.clone(), it.log.clone());
    let listed = Listed::new(&disk).unwrap();
    let waiting = disk.list().unwrap()[0];
    let bytes = disk.bytes(waiting);
    it.seal(at(400));
    let all: Vec<u64> = (1..=it.log.through()).collect();
    assert_eq!(look(&it.log, &it.vault, &listed, || ()), (all.clone(), 0), "sealed before the log was read");
    let (found, unreadable) = look(&before, &it.vault, &listed, || ());
    assert_eq!((found.last(), unreadable), (Some(&before.through()), 1), "sealed after the log was read");
    disk.put(waiting, bytes);
    assert_eq!(look(&it.log, &it.vault, &disk, || ()), (all.clone(), 0));
    let found = look(&it.log, &it.vault, &disk, || disk.take_away(waiting));
    assert_eq!(found, (all, 0), "removed while seals are read");
}

#[test]
fn a_search_reads_plain_seals_where_no_segment_has_their_records() {
    let it = box_of_days();
    let reads = |disk: &Disk, from| {
        let query = Query { from, ..Query::default() };
        reads_plain_seals(&it.log, disk, &query).unwrap()
    };
    assert!(reads(&it.disk, None), "three sealed days");
    assert!(!reads(&it.disk, Some(at(300))), "the day that waits");
    let segments = Disk::default();
    let mut whole = Appliance::new();
    whole.record(at(0), Asked::varied(7));
    let first = whole.disk.list().unwrap()[0];
    segments.put(first, whole.disk.bytes(first));
    let day = Query { from: Some(at(0)), to: Some(at(100)), ..Query::default() };
    assert!(
        !reads_plain_seals(&it.log, &segments, &day).unwrap(),
        "segments that are sealed stay for a while"
    );
    assert!(reads(&segments, None));
}

/// A segment that somebody puts back, or makes, takes nothing away and adds nothing: what is sealed is read where it is sealed.
#[test]
fn a_segment_of_elsewhere_hides_nothing() {
    let it = box_of_days();
    let all = it.find(&Query::default());
    assert_eq!(all.len(), 40);
    // One without records, and one with others.
    let mut strangers = vec![Appliance::new(), Appliance::new()];
    strangers[1].record(at(5), Asked::dns(3, "forged.example"));
    for stranger in strangers {
        let first = stranger.disk.list().unwrap()[0];
        it.disk.put(first, stranger.disk.bytes(first));
        assert_eq!(it.find(&Query::default()), all);
        let report = it.verify();
        let found: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["seal 1: its segments are still here, and are not what was sealed"], "{report}");
    }
    // A number that no seal knows, above all that are sealed, with records that are sealed already.
    let mut late = Appliance::new();
    late.record(at(5), Asked::dns(3, "forged.example"));
    let first = late.disk.list().unwrap()[0];
    it.disk.take_away(first);
    it.disk.put(journal::SegmentId::new(99), late.disk.bytes(first));
    assert_eq!(it.find(&Query::default()), all);
    assert!(!it.verify().is_right());
}

/// Where nobody has a key, the segments of the day stand for what is sealed of it; what they lack is told as locked.
#[test]
fn segments_stand_for_what_cannot_be_opened() {
    let mut it = box_of_days();
    it.commit(at(400));
    let kept: Vec<_> = it.disk.list().unwrap().into_iter().map(|id| (id, it.disk.bytes(id))).collect();
    it.seal(at(400));
    let search = |disk: &Disk| {
        let mut numbers = Vec::new();
        let open = |seal: &Seal| if seal.number < 4 { it.vault.open(seal) } else { Ok(None) };
        let searched = search(&it.log, open, disk, &Query::default(), |found| {
            let FoundAnywhere::Hit(hit) = found else { panic!("{found:?}") };
            if let Hit::Access(found) = *hit {
                numbers.push(found.sequence.number());
            }
            ControlFlow::Continue(())
        });
        (numbers, searched.unwrap().seals_locked)
    };
    assert_eq!(search(&it.disk), ((1..=30).collect(), 1));
    let (first, bytes) = &kept[0];
    it.disk.put(*first, bytes.clone());
    assert_eq!(search(&it.disk), ((1..=40).collect(), 0));
    // Half of it is told as far as it goes, and the rest as locked.
    it.disk.put(*first, bytes[..bytes.len() - 40].to_vec());
    let (numbers, locked) = search(&it.disk);
    assert!(numbers.len() < 40 && numbers.len() > 30 && locked == 1, "{numbers:?} {locked}");
}

/// Records that nobody has signed say nothing impossible of sealed ones, and nothing at all in evidence.
#[test]
fn what_is_not_sealed_rewrites_no_sealed_record() {
    let closing = |bytes_down: u64| {
        let closing = Closing { bytes_up: 1, bytes_down, duration_ms: 5, peer: None, end: End::Finish };
        News::End(Ended::new(at(9), closing))
    };
    let repeat = |second: i64| News::Repeat { count: 987_654, last_at: at(second) };
    let (permit, refuse) = (Verdict::Permit, Verdict::Refuse);
    let check = |kind: AccessKind, verdict: Verdict, news: News, expected: bool| {
        let before = Found { kind, verdict, ended: None, at: at(0), last_at: at(0), ..access(1, 0) };
        let mut found = before.clone();
        Late { sequence: Sequence::new(2), of: Sequence::new(1), news }.join(&mut found);
        assert_eq!(found != before, expected, "{kind:?} {verdict} {news:?}");
    };
    check(AccessKind::Dns, permit, repeat(59), true);
    check(AccessKind::Dns, permit, repeat(61), false);
    check(AccessKind::Tls, permit, repeat(9), false);
    check(AccessKind::Udp, refuse, repeat(9), true);
    check(AccessKind::Tls, permit, closing(1_000), true);
    check(AccessKind::Tls, permit, closing(99_999_999_999), false);
    check(AccessKind::Tls, refuse, closing(1_000), false);
    check(AccessKind::Dns, permit, closing(1_000), false);

    // A clock that is tied by today's segment: the head's page says so, an extract does not.
    let mut it = Appliance::new();
    let early = Timestamp::from_unix_ms(10_000);
    let first = it.record_unset(early, Asked::dns(3, "early.fr"));
    it.commit(Timestamp::from_unix_ms(110_000));
    it.seal_by(ClockQuality::Unset, Timestamp::from_unix_ms(110_000));
    it.set_clock(at(1_000), Timestamp::from_unix_ms(200_000));
    assert_eq!(it.find(&Query::default()), [(first, When::Reckoned(at(810)))]);
    let mut signed = Vec::new();
    let open = |seal: &Seal| it.vault.open(seal);
    search_signed(&it.log, open, &it.disk, &Query::default(), |found| {
        if let FoundAnywhere::Hit(hit) = found
            && let Hit::Access(found) = *hit
        {
            signed.push(found.when);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(signed, [When::Between(None, None)]);
}
