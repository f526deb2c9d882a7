//! What must hold for seals: nothing can be changed, removed, moved or added unseen.
//!
//! Among the attacks are those that break the sealing of systemd-journald: cutting the log and going on, sealing what is
//! old with a newer key, and passing off a file that was never sealed.

use journal::Source;
use model::{ClockQuality, Timestamp};
use proptest::prelude::*;

use super::fixture::{Asked, Box as Appliance, at, box_of_days, files_of_days, segment, trust};
use crate::{
    Entry, Finding, Form, Leaf, Log, LogErrorKind, Note, Remark, Report, Seal, SigningKey, Trust,
    WitnessError, Witnessed, cosign, file_name, verify,
};

const GOLDEN: &str = include_str!("../../testdata/log-v1.txt");

fn name(number: u64) -> String {
    file_name(number, Form::Plain)
}

fn findings(report: &Report) -> Vec<String> {
    report.findings.iter().map(Finding::to_string).collect()
}

/// What is said of a box after an attack: at least this.
fn check(what: &str, attack: impl FnOnce(&mut Appliance), expected: &str) {
    let mut it = box_of_days();
    attack(&mut it);
    let report = it.verify();
    let found = findings(&report);
    assert!(
        found.iter().any(|finding| finding.contains(expected)),
        "{what}: {expected} is not in {found:#?}"
    );
}

#[test]
fn what_nobody_touched_is_right() {
    let it = box_of_days();
    let report = it.verify();
    assert!(report.is_right(), "{report}");
    assert_eq!((report.seals, report.through - report.records, report.waiting > 0), (3, 0, true), "{report}");
}

#[test]
fn what_is_done_to_files_is_found() {
    let second = name(2);
    check(
        "an edited byte",
        |it| it.vault.files.get_mut(&second).unwrap()[40] ^= 1,
        "seal 2: seal-00000000000000000002.parquet was changed",
    );
    check(
        "a removed file",
        |it| drop(it.vault.files.remove(&second)),
        "seal 2: seal-00000000000000000002.parquet is missing",
    );
    check("a cut file", |it| it.vault.files.get_mut(&second).unwrap().truncate(9), "has 9 bytes");
    check("a longer file", |it| it.vault.files.get_mut(&second).unwrap().push(0), "something was added");
    check(
        "swapped files",
        |it| {
            let (one, two) = (it.vault.files[&name(1)].clone(), it.vault.files[&name(2)].clone());
            it.vault.files.insert(name(1), two);
            it.vault.files.insert(name(2), one);
        },
        "seal 1: seal-00000000000000000001.parquet is the file of seal 2",
    );
    check(
        "a file that was never sealed",
        |it| {
            let file = it.vault.files[&name(3)].clone();
            it.vault.files.insert(name(4), file);
        },
        "seal-00000000000000000004.parquet was never sealed",
    );
    check(
        "sealed files without a log",
        |it| it.vault.log = None,
        "there is none, but there are sealed files",
    );
}

fn rewrite(it: &mut Appliance, change: impl FnOnce(&mut Vec<Entry>)) {
    let mut entries = it.log.entries().to_vec();
    change(&mut entries);
    it.vault.log = Some(entries.iter().map(Entry::to_string).collect::<String>().into_bytes());
}

fn seal_of(entry: &mut Entry) -> &mut Seal {
    match &mut entry.leaf {
        Leaf::Seal(seal) => seal,
        Leaf::Statement(statement) => panic!("{statement}"),
    }
}

#[test]
fn what_is_done_to_the_log_is_found() {
    check(
        "a removed seal",
        |it| rewrite(it, |entries| drop(entries.remove(1))),
        "seal 3 stands where seal 2 should",
    );
    check(
        "swapped seals",
        |it| rewrite(it, |entries| entries.swap(0, 1)),
        "seal 2 stands where seal 1 should",
    );
    check(
        "a seal twice",
        |it| rewrite(it, |entries| entries.push(entries[2].clone())),
        "seal 3 stands where seal 4 should",
    );
    check(
        "another count",
        |it| rewrite(it, |entries| seal_of(&mut entries[1]).records += 1),
        "seal 3: it does not follow the seal before it",
    );
    check(
        "another time",
        |it| rewrite(it, |entries| seal_of(&mut entries[2]).sealed = at(9)),
        "seal 3: its checkpoint is not that",
    );
    for (change, expected) in [
        (|seal| seal.records = u64::MAX, "seal 2: it has more records than numbers"),
        (|seal| seal.clocks = [u64::MAX; 3], "seal 2: its clocks are those of more records"),
        (|seal| seal.times = Some((at(9), at(8))), "seal 2: its latest time is before its earliest"),
        (|seal| seal.segments = (9, 8), "seal 2: its last segment is before its first"),
    ] as [(fn(&mut Seal), &str); 4]
    {
        check("what cannot be", |it| rewrite(it, |entries| change(seal_of(&mut entries[1]))), expected);
    }
    check(
        "a log without its last day",
        |it| rewrite(it, |entries| drop(entries.pop())),
        "seal-00000000000000000003.parquet was never sealed",
    );
    check(
        "the same, and its file removed",
        |it| {
            rewrite(it, |entries| drop(entries.pop()));
            it.vault.files.remove(&name(3));
        },
        "checkpoint: it is of another state",
    );
    check(
        "the same, and the checkpoint put back",
        |it| {
            rewrite(it, |entries| drop(entries.pop()));
            it.vault.files.remove(&name(3));
            it.vault.checkpoint = Some(it.log.entries()[1].note.write());
        },
        "are neither sealed nor in a segment: before segment 4",
    );
    check(
        "a seal that nobody signed",
        |it| rewrite(it, |entries| entries[2].note = Note::new("a\n1\n".to_owned())),
        "cut off",
    );
}

#[test]
fn all_sealed_days_cannot_be_taken_away() {
    check(
        "everything sealed is removed",
        |it| it.vault = super::fixture::Memory::default(),
        "are neither sealed nor in a segment",
    );
}

#[test]
fn what_is_done_to_segments_is_found() {
    let mut days = Appliance::new();
    for second in 0..4 {
        days.record(at(second * 100), Asked::dns(3, &format!("h{second}.fr")));
    }
    let segments = days.disk.list().unwrap();
    assert_eq!(segments.len(), 4);
    assert!(days.verify().is_right(), "{}", days.verify());
    let check = |what: &str, attack: &dyn Fn(&Appliance), expected: &str| {
        let before: Vec<_> = segments.iter().map(|segment| (*segment, days.disk.bytes(*segment))).collect();
        attack(&days);
        let found = findings(&days.verify());
        before.into_iter().for_each(|(segment, bytes)| days.disk.put(segment, bytes));
        assert!(
            found.iter().any(|finding| finding.contains(expected)),
            "{what}: {expected} is not in {found:#?}"
        );
    };
    check(
        "a removed segment",
        &|it| it.disk.take_away(segment(2)),
        "records 3 to 3 are neither sealed nor in a segment: before segment 3",
    );
    check(
        "a swapped segment",
        &|it| {
            let (two, three) = (it.disk.bytes(segment(2)), it.disk.bytes(segment(3)));
            it.disk.put(segment(2), three);
            it.disk.put(segment(3), two);
        },
        "segment 2: its file is that of segment 3",
    );
    check(
        "an edited byte",
        &|it| {
            let mut bytes = it.disk.bytes(segment(2));
            *bytes.last_mut().unwrap() ^= 1;
            it.disk.put(segment(2), bytes);
        },
        "segment 2: records are damaged",
    );
    check(
        "a cut segment",
        &|it| {
            let mut bytes = it.disk.bytes(segment(2));
            bytes.pop();
            it.disk.put(segment(2), bytes);
        },
        "records 3 to 3 are neither sealed",
    );
}

#[test]
fn a_log_goes_on_with_its_own_key_only() {
    // Somebody without the box's key seals the last day again, with a newer one.
    let mut it = box_of_days();
    let stranger = SigningKey::of_box([8; 32]).unwrap();
    let mut log =
        Log::read(it.log.entries()[..2].iter().map(Entry::to_string).collect::<String>().as_bytes()).0;
    let seal = it.log.last().unwrap().clone();
    log.append(Seal { records: seal.records - 1, ..seal }, &stranger);
    it.log = log;
    it.publish();
    let found = findings(&it.verify());
    assert!(
        found.iter().any(|finding| finding.contains("seal 3: it is not signed by preau/journal/")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|finding| finding.contains("checkpoint: it is not signed by the box")),
        "{found:#?}"
    );
    // Whoever verifies with another key than the box's hears so at every seal.
    let it = box_of_days();
    let report = verify(&it.vault, &it.disk, &Trust { signer: stranger.verifier().clone(), witnessed: None });
    let unsigned =
        report.findings.iter().filter(|finding| matches!(finding, Finding::Signature { .. })).count();
    assert_eq!((unsigned, report.seals), (3, 0));
}

fn witness() -> SigningKey {
    SigningKey::of_witness([9; 32]).unwrap()
}

fn witnessed(before: Option<&Witnessed>, it: &Appliance) -> Result<Witnessed, WitnessError> {
    let from = before.map_or(1, |before| before.checkpoint().size);
    let proof = it.log.tree().prove_growth(from).unwrap_or_default();
    let note = &it.log.entries().last().unwrap().note;
    cosign(before, note, &proof, it.key.verifier(), &witness(), at(1_000))
}

fn verify_witnessed(it: &Appliance, witnessed: &Witnessed) -> Report {
    verify(&it.vault, &it.disk, &Trust { witnessed: Some(witnessed.clone()), ..it.trust() })
}

/// The box itself is the attacker: it has the key. A copy of it goes on from an old state.
fn copy_that_goes_on() -> (Appliance, Appliance) {
    let original = box_of_days();
    let mut copy = Appliance::new();
    for day in 0..3 {
        for second in 0..10 {
            // The third day is another one.
            let seed = u32::try_from(day * 7_919 + second * 104_729 + i64::from(day == 2)).unwrap();
            copy.record(at(day * 100 + second), Asked::varied(seed));
        }
        copy.commit(at((day + 1) * 100));
        copy.seal(at((day + 1) * 100));
    }
    assert_eq!(copy.log.entries()[1], original.log.entries()[1]);
    assert_ne!(copy.log.entries()[2], original.log.entries()[2]);
    (original, copy)
}

#[test]
fn a_witness_signs_what_grew() {
    let it = box_of_days();
    let early =
        Log::read(it.log.entries()[..1].iter().map(Entry::to_string).collect::<String>().as_bytes()).0;
    let first =
        cosign(None, &early.entries()[0].note, &[], it.key.verifier(), &witness(), at(1_000)).unwrap();
    let again = Witnessed::read(&first.note().write(), witness().verifier()).unwrap();
    assert_eq!(again, first);
    let second = witnessed(Some(&first), &it).unwrap();
    assert_eq!(second.checkpoint().size, 3);
    assert_eq!(witnessed(Some(&second), &it).unwrap(), second, "nothing new");
    let report = verify_witnessed(&it, &second);
    assert!(report.is_right() && report.remarks.contains(&Remark::Witnessed(3)), "{report}");
    assert!(verify_witnessed(&it, &first).is_right());
    assert_eq!(
        cosign(Some(&first), second.note(), &[], it.key.verifier(), &witness(), at(1_000)),
        Err(WitnessError::Fork(1)),
        "no proof, no signature"
    );
}

#[test]
fn a_witness_finds_what_the_box_itself_did() {
    let (original, copy) = copy_that_goes_on();
    assert!(copy.verify().is_right(), "the box's key alone cannot tell: {}", copy.verify());
    let seen = witnessed(None, &original).unwrap();
    assert_eq!(witnessed(Some(&seen), &copy), Err(WitnessError::Fork(3)));
    let found = findings(&verify_witnessed(&copy, &seen));
    assert!(found[0].starts_with("witness: at seal 3 the log is not what was witnessed"), "{found:#?}");
    // Cut, and gone on with: first it is shorter.
    let mut cut = box_of_days();
    cut.log = Log::read(cut.log.entries()[..2].iter().map(Entry::to_string).collect::<String>().as_bytes()).0;
    cut.vault.files.remove(&name(3));
    cut.publish();
    assert_eq!(witnessed(Some(&seen), &cut), Err(WitnessError::Shrunk { before: 3, now: 2 }));
    let found = findings(&verify_witnessed(&cut, &seen));
    assert!(
        found.iter().any(|finding| finding.starts_with("witness: the log has 2 seals, 3 were witnessed")),
        "{found:#?}"
    );
}

#[test]
fn a_witness_signs_nothing_of_others() {
    let it = box_of_days();
    let note = &it.log.entries()[2].note;
    let stranger = SigningKey::of_box([8; 32]).unwrap();
    assert!(matches!(
        cosign(None, note, &[], stranger.verifier(), &witness(), at(0)),
        Err(WitnessError::Signature(_))
    ));
    let seen = witnessed(None, &it).unwrap();
    assert!(matches!(Witnessed::read(&note.write(), witness().verifier()), Err(WitnessError::Signature(_))));
    let mut other = Appliance::new();
    other.key = SigningKey::of_box([8; 32]).unwrap();
    other.record(at(0), Asked::dns(3, "a.fr"));
    other.commit(at(100));
    other.seal(at(100));
    assert!(matches!(
        cosign(Some(&seen), &other.log.entries()[0].note, &[], other.key.verifier(), &witness(), at(0)),
        Err(WitnessError::Origin(_))
    ));
    let found = findings(&verify_witnessed(&other, &seen));
    assert!(found[0].starts_with("witness: its checkpoint is of the log preau/journal/"), "{found:#?}");
}

#[test]
fn a_clock_that_steps_is_told_and_breaks_nothing() {
    let mut it = Appliance::new();
    for second in [5, 90, 20, 30] {
        it.record(at(second), Asked::dns(3, &format!("h{second}.fr")));
    }
    it.commit(at(100));
    it.seal(at(100));
    // The battery is empty: back to 1970, and then right again.
    it.record(Timestamp::from_unix_ms(1_000), Asked::dns(3, "old.fr"));
    it.record(at(700), Asked::dns(3, "new.fr"));
    it.commit(at(800));
    it.seal(at(50));
    // Ahead by an hour, also when it is sealed; and right again.
    it.record(at(4_000), Asked::dns(3, "ahead.fr"));
    it.commit(at(4_100));
    it.seal(at(4_100));
    it.record(at(500), Asked::dns(3, "right.fr"));
    it.commit(at(600));
    it.seal(at(600));
    let report = it.verify();
    assert!(report.is_right(), "{report}");
    assert!(report.remarks.contains(&Remark::SetBack { seal: 1, by_ms: 70_000 }), "{report}");
    assert!(report.remarks.contains(&Remark::Back(2)), "{report}");
    let ahead = [Remark::Ahead { seal: 2, by_ms: 650_000 }, Remark::Ahead { seal: 3, by_ms: 3_500_000 }];
    assert_eq!(list_ahead(&report), ahead.iter().collect::<Vec<_>>(), "{report}");
}

fn list_ahead(report: &Report) -> Vec<&Remark> {
    report.remarks.iter().filter(|remark| matches!(remark, Remark::Ahead { .. })).collect()
}

#[test]
fn clocks_that_differ_a_little_are_not_told() {
    let report = box_of_days().verify();
    assert_eq!(list_ahead(&report), Vec::<&Remark>::new(), "{report}");
    let mut it = Appliance::new();
    // Sealed some minutes before its last record, and followed by an earlier one.
    it.record(at(590), Asked::dns(3, "evening.fr"));
    it.commit(at(600));
    it.seal(at(50));
    it.record(at(20), Asked::dns(3, "midnight.fr"));
    it.commit(at(700));
    it.seal(at(700));
    // A start without the time, and a seal by a clock on its own.
    it.record_unset(Timestamp::from_unix_ms(1_000), Asked::dns(3, "lost.fr"));
    it.commit(at(9_000));
    it.seal(at(9_000));
    it.record(at(9_100), Asked::dns(3, "known.fr"));
    it.commit(at(9_200));
    it.seal_by(ClockQuality::Unsynchronised, at(10));
    let report = it.verify();
    assert_eq!(list_ahead(&report), Vec::<&Remark>::new(), "{report}");
}

#[test]
fn a_power_cut_before_the_last_name_is_no_harm() {
    let mut it = box_of_days();
    let file = it.vault.files.remove(&name(3)).unwrap();
    it.vault.unnamed.insert(name(3), file.clone());
    it.vault.checkpoint = Some(it.log.entries()[1].note.write());
    let report = it.verify();
    assert!(report.is_right() && report.remarks.contains(&Remark::Unnamed(3)), "{report}");
    it.vault.unnamed.insert(name(3), file[1..].to_vec());
    assert!(!it.verify().is_right(), "only the whole file");
}

#[test]
fn the_golden_log_is_read_and_written_back() {
    let (log, error) = Log::read(GOLDEN.as_bytes());
    assert_eq!((error, log.entries().len()), (None, 3));
    assert_eq!(log.to_string(), GOLDEN);
    let key = SigningKey::of_box([7; 32]).unwrap();
    assert!(log.entries().iter().all(|entry| entry.note.is_signed_by(key.verifier())));
    let mut again = Log::default();
    log.seals().for_each(|seal| again.append(seal.clone(), &key));
    assert_eq!(again.to_string(), GOLDEN, "signatures have no chance in them");
}

#[test]
fn what_is_wrong_with_a_log_is_told_with_its_place() {
    let check = |bytes: &[u8], entries: usize, expected: &str| {
        let (log, error) = Log::read(bytes);
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!((log.entries().len(), error.as_str()), (entries, expected));
    };
    check(b"", 0, "");
    check(
        &GOLDEN.as_bytes()[..GOLDEN.len() - 1],
        2,
        &format!("byte {} on: the log is cut off", GOLDEN.find("PREAU SEAL 1\nseal 3").unwrap()),
    );
    check(
        GOLDEN.replacen("rows", "rowz", 1).as_bytes(),
        0,
        "byte 0 on: a seal is damaged: the line `rows` is missing or wrong",
    );
    check(
        GOLDEN.replacen("PREAU SEAL 1", "PREAU SEAL 3", 1).as_bytes(),
        0,
        "byte 0 on: a seal is damaged: it is no seal and no statement of a version that this program knows",
    );
    check(&[GOLDEN.as_bytes(), &[0xff]].concat(), 3, &format!("byte {} on: there is no text", GOLDEN.len()));
}

proptest! {
    /// No bit of what is kept can be another: not of the log, of the checkpoint, of a sealed file, of a segment.
    #[test]
    fn any_flipped_bit_is_found(
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        part in 0..4_usize,
        file in 0..3_usize,
    ) {
        let (mut vault, disk) = files_of_days();
        let flip = |bytes: &mut Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        };
        match part {
            0 => flip(vault.log.as_mut().unwrap()),
            1 => {
                let mut bytes = vault.checkpoint.take().unwrap().into_bytes();
                flip(&mut bytes);
                // What is no text is no checkpoint.
                vault.checkpoint = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
            2 => flip(vault.files.values_mut().nth(file).unwrap()),
            _ => {
                let last = *disk.list().unwrap().last().unwrap();
                let mut bytes = disk.bytes(last);
                flip(&mut bytes);
                disk.put(last, bytes);
            }
        }
        let report = verify(&vault, &disk, &trust());
        // The last segment has no signature yet: its end may be an append that was cut.
        let is_torn = report.remarks.iter().any(|remark| matches!(remark, Remark::Torn(_)));
        prop_assert!(!report.is_right() || (part == 3 && is_torn), "{}", report);
    }

    /// What is left of a log that was cut is right up to there, and the cut is named.
    #[test]
    fn any_truncation_verifies_as_a_prefix(place in any::<prop::sample::Index>()) {
        let (mut vault, disk) = files_of_days();
        let log = vault.log.clone().unwrap();
        let place = place.index(log.len());
        let whole = Log::read(&log).0.entries().iter().scan(0, |end, entry| {
            *end += entry.to_string().len();
            Some(*end)
        }).filter(|end| *end <= place).count();
        vault.log = Some(log[..place].to_vec());
        let report = verify(&vault, &disk, &trust());
        prop_assert_eq!(report.seals, whole as u64);
        prop_assert!(!report.is_right());
        let is_cut = |finding: &Finding| matches!(finding, Finding::Log(error) if error.kind == LogErrorKind::Cut);
        let is_at_an_end = Log::read(&log[..place]).1.is_none();
        prop_assert!(is_at_an_end || report.findings.iter().any(is_cut), "{}", report);
    }

    /// The last segment is cut by a power cut, at any byte: what is left is right.
    #[test]
    fn a_torn_last_segment_is_right(place in any::<prop::sample::Index>()) {
        let (vault, disk) = files_of_days();
        let last = *disk.list().unwrap().last().unwrap();
        let bytes = disk.bytes(last);
        disk.put(last, bytes[..place.index(bytes.len())].to_vec());
        let report = verify(&vault, &disk, &trust());
        prop_assert!(report.is_right(), "{}", report);
    }

    #[test]
    fn a_seal_is_written_as_it_was_read(line in 0..21_usize, text in "[ -~]{0,20}") {
        let seal = Log::read(GOLDEN.as_bytes()).0.last().unwrap().to_string();
        let mut lines: Vec<_> = seal.lines().map(str::to_owned).collect();
        let word = lines[line].split(' ').next().unwrap().to_owned();
        lines[line] = format!("{word} {text}");
        let changed = lines.join("\n") + "\n";
        if let Ok(read) = changed.parse::<Seal>() {
            prop_assert_eq!(read.to_string(), changed);
        }
    }
}
