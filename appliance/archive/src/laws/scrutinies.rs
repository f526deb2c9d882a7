//! What must hold for a verification with a reader's key: nothing that was really sealed is wrong, and whatever a file or its
//! seal says wrongly of the rows is found, though it be signed.

use std::io::{self, Cursor};
use std::ops::Range;

use model::Timestamp;
use proptest::prelude::*;

use super::fixture::{Asked, Box as Appliance, at, box_of_days};
use crate::{Finding, Form, Hash, Log, Scrutiny, Seal, SealedFile, Table, Tail, check_tails, scrutinise};

fn look(it: &Appliance) -> Scrutiny {
    let open = |seal: &Seal, _| {
        let table = it.vault.files.get(&seal.file_name()).cloned();
        table.map(Table::open).transpose()
    };
    scrutinise(&it.log, open, |_| {})
}

fn findings(it: &Appliance) -> Vec<String> {
    look(it).findings.iter().map(Finding::to_string).collect()
}

/// Seals anew what the box's key can sign: files and seals as somebody has changed them.
fn reseal(it: &mut Appliance, change: impl Fn(&mut Seal, &mut Vec<u8>)) {
    let mut log = Log::default();
    for seal in it.log.clone().seals() {
        let table = it.vault.files.get_mut(&seal.file_name()).unwrap();
        let mut seal = seal.clone();
        change(&mut seal, table);
        let file = SealedFile { hash: Hash::of(table), bytes: table.len() as u64, ..seal.file };
        log.append(Seal { file, tail: None, ..seal }, &it.key);
    }
    it.log = log;
    it.publish();
}

/// Seals anew with tails, as boxes do, that somebody has changed.
fn reseal_with_tails(it: &mut Appliance, change: impl Fn(&mut Tail)) {
    let mut log = Log::default();
    for seal in it.log.clone().seals() {
        let file = &it.vault.files[&seal.file_name()];
        let mut tail = Table::open(file.clone()).unwrap().tail(Form::Plain, file).unwrap();
        if seal.number == 2 {
            change(&mut tail);
        }
        log.append(Seal { tail: Some(tail), ..seal.clone() }, &it.key);
    }
    it.log = log;
    it.publish();
}

/// What is found by the way that a search goes: the end of each file first.
fn look_by_tails(it: &Appliance) -> Scrutiny {
    let open = |seal: &Seal, _| {
        let file = it.vault.files[&seal.file_name()].clone();
        Table::open_sealed(seal, file, &[])
    };
    scrutinise(&it.log, open, |_| {})
}

/// What is found without a key: in the log, and at the end of each file.
fn verify_with_tails(it: &Appliance) -> Vec<String> {
    let open = |name: &str| {
        let file = it.vault.files.get(name).cloned().map(Cursor::new);
        file.ok_or(io::Error::from(io::ErrorKind::NotFound))
    };
    let ends = check_tails(&it.log, open);
    it.verify().findings.iter().chain(&ends).map(Finding::to_string).collect()
}

/// Where the sieves of a table of one group are.
pub(super) fn sieves(table: &[u8]) -> Range<usize> {
    let text = String::from_utf8_lossy(&table[place_of_chart(table)..]).into_owned();
    let words: Vec<&str> = text.lines().nth(1).unwrap().split(' ').collect();
    let [at, blocks] = [words[1], words[2]].map(|word| word.parse::<usize>().unwrap());
    at..at + 32 * blocks
}

fn place_of_chart(table: &[u8]) -> usize {
    let wanted = b"PREAU CHART 1\n";
    table.windows(wanted.len()).rposition(|part| part == wanted).unwrap()
}

/// Changes a word of the first group's line of the chart: 0 is its name.
fn change_chart(table: &mut [u8], word: usize, change: impl Fn(&str) -> String) {
    let start = place_of_chart(table);
    let text = String::from_utf8_lossy(&table[start..]).into_owned();
    let line = text.lines().nth(2).unwrap();
    let before: usize = line.split(' ').take(word).map(|word| word.len() + 1).sum();
    let place = start + text.find(line).unwrap() + before;
    let old = line.split(' ').nth(word).unwrap();
    let new = change(old);
    assert_eq!(old.len(), new.len(), "{line}");
    table[place..place + new.len()].copy_from_slice(new.as_bytes());
}

/// Writes other bytes in the place of the last ones that are these.
fn replace_last(table: &mut [u8], old: &[u8], new: &[u8]) {
    let place = table.windows(old.len()).rposition(|part| part == old).unwrap();
    table[place..place + new.len()].copy_from_slice(new);
}

#[test]
fn what_was_sealed_is_right() {
    let it = box_of_days();
    let scrutiny = look(&it);
    assert!(scrutiny.findings.is_empty(), "{:#?}", scrutiny.findings);
    assert_eq!((scrutiny.files, scrutiny.rows, scrutiny.locked), (3, 30, 0));
}

#[test]
fn what_a_signed_file_says_wrongly_is_found() {
    let check = |what: &str, change: &dyn Fn(&mut Seal, &mut Vec<u8>), expected: &str| {
        let mut it = box_of_days();
        reseal(&mut it, change);
        assert!(it.verify().is_right(), "{what}: without a reader's key nobody can tell");
        let found = findings(&it);
        assert!(found.iter().any(|finding| finding.contains(expected)), "{what}: {expected}: {found:#?}");
    };
    check(
        "a sieve with nothing in it",
        &|_, table| {
            let place = sieves(table);
            table[place].fill(0);
        },
        "seal 2: seal-00000000000000000002.parquet: group 1 of its rows: the sieve denies what record 11 has",
    );
    check(
        "a filter of Parquet's with nothing in it",
        &|_, table| {
            // After the columns of the group stand its filters: the last of them, a block of 32 bytes.
            let end = sieves(table).start;
            table[end - 32..end].fill(0);
        },
        "what it says of the column site is not so: its bloom filter denies a value",
    );
    check(
        "bounds that leave the day out",
        &|seal, table| {
            let (earliest, _) = seal.times.unwrap();
            let later = Timestamp::from_unix_ms(earliest.unix_ms() + 5_000);
            let bytes = |at: Timestamp| at.unix_ms().to_le_bytes();
            replace_last(table, &bytes(earliest), &bytes(later));
        },
        "its bounds deny a value",
    );
    let chart = "group 1 of its rows is not where the guide says, or not what it says";
    check(
        "a chart whose bounds leave the day out",
        &|_, table| change_chart(table, 4, |time| format!("{}", time.parse::<i64>().unwrap() + 5_000)),
        chart,
    );
    check(
        "a chart that says that hosts are empty",
        // The host is the 24th column, after the name, six bounds and three numbers: its length loses a digit for the sign.
        &|_, table| change_chart(table, 10 + 23, |length| format!("-{}", &length[1..])),
        chart,
    );
    check(
        "a block that is other bytes",
        &|_, table| {
            let start = place_of_chart(table);
            let text = String::from_utf8_lossy(&table[start..]).into_owned();
            let hash = start + text.find("\nblock ").unwrap() + 7;
            table[hash] = if table[hash] == b'0' { b'1' } else { b'0' };
        },
        "block 1 of the file is not what the chart says",
    );
    check("rows that are not there", &|seal, _| seal.file.rows = 9, "it has 10 rows, its seal says 9");
    check(
        "fewer records",
        &|seal, _| (seal.records, seal.clocks) = (9, [9, 0, 0]),
        "another number of records than its rows",
    );
    check("another clock", &|seal, _| seal.clocks = [9, 1, 0], "other clocks than its rows");
    check(
        "a later time",
        &|seal, _| {
            let (earliest, latest) = seal.times.unwrap();
            seal.times = Some((earliest, Timestamp::from_unix_ms(latest.unix_ms() + 86_400_000)));
        },
        "other times than its rows",
    );
}

/// A file that no search can open, for its seal says of its end what is not so, though each of its bytes is what was sealed.
#[test]
fn a_tail_that_hides_a_file_is_found() {
    let mut it = box_of_days();
    reseal_with_tails(&mut it, |_| {});
    let (scrutiny, verified) = (look_by_tails(&it), verify_with_tails(&it));
    assert!(scrutiny.findings.is_empty() && verified.is_empty(), "{:#?} {verified:#?}", scrutiny.findings);
    assert_eq!((scrutiny.files, scrutiny.rows), (3, 30));

    let check = |what: &str, change: &dyn Fn(&mut Tail), expected: &str| {
        let mut it = box_of_days();
        reseal_with_tails(&mut it, change);
        let verified = verify_with_tails(&it);
        assert!(verified.iter().any(|finding| finding.contains(expected)), "{what}: {verified:#?}");
        let found: Vec<String> = look_by_tails(&it).findings.iter().map(Finding::to_string).collect();
        assert!(found.iter().any(|finding| finding.starts_with("seal 2: ")), "{what}: {found:#?}");
    };
    check("another hash", &|tail| tail.hash = Hash::of(b"another"), "seal 2: its tail is not what it says");
    check("a long one", &|tail| tail.bytes = 1 << 27, "seal 2: its tail is longer than its file");
    check("a short one", &|tail| tail.bytes -= 1, "seal 2: its tail is not the end of its file");
}

#[test]
fn files_that_change_places_are_found() {
    let mut it = box_of_days();
    let tables: Vec<Vec<u8>> = it.vault.files.values().cloned().collect();
    reseal(&mut it, |seal, table| {
        let other = usize::from(seal.number == 1);
        if seal.number < 3 {
            table.clone_from(&tables[other]);
        }
    });
    let found = findings(&it);
    assert!(
        found.iter().any(|finding| finding.contains("seal 1: ") && finding.contains("record 11 is not of"))
    );
    assert!(
        found.iter().any(|finding| finding.contains("seal 2: ") && finding.contains("record 1 is not of"))
    );
}

#[test]
fn what_nobody_can_open_is_counted_and_told() {
    let it = box_of_days();
    let locked = scrutinise(&it.log, |_, _| Ok(None), |_| {});
    assert_eq!((locked.files, locked.locked, locked.findings.len()), (0, 3, 0));
    let mut seen = Vec::new();
    scrutinise(&it.log, |_, _| Ok(None), |done| seen.push(done));
    assert_eq!(seen, [0, 1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Ends, repeats, clocks that are set and steps of the clock: what a box seals is right.
    #[test]
    fn no_day_that_a_box_sealed_is_wrong(
        seeds in prop::collection::vec((any::<u32>(), -30..60_i64, 0..4_u8), 1..60),
    ) {
        let mut it = Appliance::new();
        let mut second = 10;
        for (seed, step, what) in seeds {
            second = (second + step).max(1);
            match what {
                0 => it.set_clock(at(second), at(second - 20)),
                1 => drop(it.record_unset(at(second), Asked::varied(seed))),
                // One that folds with itself.
                _ => drop(it.record(at(second), Asked::dns(3, "fr.vikidia.org"))),
            }
        }
        it.commit(at(second + 200));
        it.record(at(second + 200), Asked::varied(7));
        it.commit(at(second + 500));
        it.record(at(second + 500), Asked::varied(8));
        it.seal(at(second + 500));
        let found = findings(&it);
        prop_assert!(found.is_empty(), "{:#?}\n{}", found, it.log);
    }
}
