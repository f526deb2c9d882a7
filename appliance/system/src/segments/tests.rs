//! Segments as files, one property at a time.

use super::*;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

#[test]
fn only_segments_are_listed() {
    let check = |name: &str, expected: Option<u64>| {
        assert_eq!(parse_name(name).map(SegmentId::number), expected, "{name}");
    };
    check("segment-00000000000000000042.pjs", Some(42));
    check("segment-42.pjs", None);
    check("segment-09223372036854775807.pjs", Some(u64::MAX >> 1));
    check("segment-18446744073709551615.pjs", None);
    check("segment-+0000000000000000042.pjs", None);
    check("segment-00000000000000000042.pjs~", None);
    check("lock", None);
}

#[test]
fn a_reservation_takes_space_and_an_end_gives_it_back() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let mut file = directory.create(SegmentId::FIRST).unwrap();
    file.reserve(0, 1 << 20).unwrap();
    file.write_at(0, b"abc").unwrap();
    file.sync().unwrap();
    let metadata = || fs::metadata(directory.path(SegmentId::FIRST)).unwrap();
    assert_eq!((metadata().len(), metadata().mode() & 0o777), (in_file(3), FILE_MODE));
    let reserved = metadata().blocks();
    drop(file);
    let mut directory = Directory::new(data.path());
    directory.end(SegmentId::FIRST).unwrap();
    let blocks = fs::metadata(directory.path(SegmentId::FIRST)).unwrap().blocks();
    assert!(blocks <= reserved && blocks * 512 < 64 << 10, "{reserved} then {blocks}");
    assert!(directory.create(SegmentId::FIRST).is_err(), "no segment is written twice");
}

#[test]
fn what_is_erased_loses_its_name_first_and_goes_after_a_power_cut() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    directory.create(SegmentId::FIRST).unwrap().write_at(0, b"plain").unwrap();
    let key = directory.path(SegmentId::FIRST).with_extension(KEY_EXTENSION);
    let mut open = File::open(&key).unwrap();
    directory.erase(SegmentId::FIRST).unwrap();
    let mut rest = Vec::new();
    Read::read_to_end(&mut open, &mut rest).unwrap();
    assert!(rest.len() > 64 && rest.iter().all(|byte| *byte == 0), "of the key nothing is left");
    assert!(!key.exists());
    directory.erase(SegmentId::FIRST).unwrap();
    let gone = directory.path(SegmentId::FIRST).with_extension(GONE_EXTENSION);
    fs::write(&gone, "half").unwrap();
    assert_eq!(directory.list().unwrap(), []);
    // One of an earlier box is written over itself.
    let plain = directory.path(SegmentId::new(3));
    fs::write(&plain, "PREAUJNL and words in the clear").unwrap();
    let mut open = File::open(&plain).unwrap();
    directory.erase(SegmentId::new(3)).unwrap();
    let mut rest = Vec::new();
    Read::read_to_end(&mut open, &mut rest).unwrap();
    assert_eq!(rest, [0; 31]);
    // Nor is anything else taken for one, or keeps the others.
    let other = data.path().join("journal/x.gone");
    fs::write(&other, "of somebody").unwrap();
    let sick = directory.path(SegmentId::new(2)).with_extension(GONE_EXTENSION);
    fs::create_dir(&sick).unwrap();
    directory.erase_gone().unwrap();
    assert!(!gone.exists() && other.exists() && sick.exists());
}

/// What is written is read, also by whoever has a copy of both files; neither of them tells anything alone.
#[test]
fn a_segment_is_veiled() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let mut file = directory.create(SegmentId::FIRST).unwrap();
    let words = b"PREAUJNL: who saw what".repeat(100);
    file.write_at(0, &words).unwrap();
    file.write_at(words.len() as u64, b" and more").unwrap();
    let read = |directory: &Directory| {
        let mut bytes = Vec::new();
        directory.open(SegmentId::FIRST)?.read_to_end(&mut bytes).map(|_| bytes)
    };
    assert_eq!(read(&directory).unwrap(), [&words[..], b" and more"].concat());
    let path = directory.path(SegmentId::FIRST);
    let raw = fs::read(&path).unwrap();
    assert!(raw.starts_with(&MARK) && !raw.windows(3).any(|part| part == b"saw"));
    // No two segments have a key in common.
    let other = SegmentId::new(2);
    directory.create(other).unwrap().write_at(0, &words).unwrap();
    let other = fs::read(directory.path(other)).unwrap();
    assert_ne!(raw[MARK.len()..][..words.len()], other[MARK.len()..]);
    let key = path.with_extension(KEY_EXTENSION);
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, FILE_MODE);
    let text = fs::read_to_string(&key).unwrap();
    let damage = |places: &[usize]| {
        let change = |line: &str| format!("{}{}", if line.starts_with('0') { '1' } else { '0' }, &line[1..]);
        let lines = text.lines().enumerate().map(|(place, line)| {
            if places.contains(&place) { change(line) + "\n" } else { format!("{line}\n") }
        });
        fs::write(&key, lines.collect::<String>()).unwrap();
    };
    // Four lines for each copy, of which the first two are for people; spaces stand before the second.
    for places in [&[0][..], &[1], &[2], &[3], &[2, 3], &[0, 1, 4, 5], &[6], &[7], &[6, 7]] {
        damage(places);
        assert!(read(&directory).unwrap().starts_with(&words), "one copy of two: {places:?}");
    }
    damage(&[2, 6]);
    assert_eq!(read(&directory).unwrap_err().kind(), io::ErrorKind::InvalidData, "a damaged key");
    fs::remove_file(&key).unwrap();
    assert_eq!(read(&directory).unwrap_err().kind(), io::ErrorKind::InvalidData, "no key");
    fs::remove_file(&path).unwrap();
    assert_eq!(read(&directory).unwrap_err().kind(), io::ErrorKind::NotFound, "no segment");
}

/// Two texts under one part of a key's stream would tell each other.
#[test]
fn no_place_of_a_segment_is_written_twice() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let mut file = directory.create(SegmentId::FIRST).unwrap();
    file.write_at(0, b"header").unwrap();
    file.write_at(6, b"batch").unwrap();
    let before = fs::read(directory.path(SegmentId::FIRST)).unwrap();
    for place in [0, 6, 10] {
        assert!(file.write_at(place, b"other").is_err(), "{place}");
    }
    assert_eq!(fs::read(directory.path(SegmentId::FIRST)).unwrap(), before);
    file.write_at(11, b"next").unwrap();
}

#[test]
fn a_key_of_nothing_goes() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    directory.create(SegmentId::new(2)).unwrap();
    let of = |number: u64, extension: &str| directory.path(SegmentId::new(number)).with_extension(extension);
    let key = |number: u64| of(number, KEY_EXTENSION);
    fs::copy(key(2), key(1)).unwrap();
    fs::copy(key(2), key(3)).unwrap();
    fs::copy(key(2), of(1, PART_EXTENSION)).unwrap();
    fs::copy(key(2), of(2, PART_EXTENSION)).unwrap();
    directory.erase_gone().unwrap();
    assert!(!key(1).exists() && !of(1, PART_EXTENSION).exists());
    // A box may be making these.
    assert!(key(2).exists() && key(3).exists() && of(2, PART_EXTENSION).exists());
    fs::remove_file(key(3)).unwrap();
    fs::remove_file(of(2, PART_EXTENSION)).unwrap();
    let mut directory = Directory::new(data.path());
    directory.remove(SegmentId::new(2)).unwrap();
    assert_eq!(fs::read_dir(data.path().join("journal")).unwrap().count(), 0);
}

/// A power cut takes what is not durable, of the key first.
#[test]
fn a_segment_whose_key_was_being_made_is_empty() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let path = directory.path(SegmentId::FIRST);
    let key = path.with_extension(KEY_EXTENSION);
    for (bytes, has_key) in [(&b""[..], true), (&b""[..], false), (&MARK[..9], true)] {
        fs::write(&path, bytes).unwrap();
        drop(fs::remove_file(&key));
        if has_key {
            fs::write(&key, "").unwrap();
        }
        let mut read = Vec::new();
        directory.open(SegmentId::FIRST).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }
    fs::write(&path, MARK).unwrap();
    let error = directory.open(SegmentId::FIRST).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "it has a mark, and a key of nothing");
}

/// Nobody would read what is durable.
#[test]
fn a_key_that_somebody_takes_away_is_written_anew() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let mut file = directory.create(SegmentId::FIRST).unwrap();
    file.write_at(0, b"PREAUJNL who").unwrap();
    let key = directory.path(SegmentId::FIRST).with_extension(KEY_EXTENSION);
    let text = fs::read(&key).unwrap();
    let check = |what: &str| {
        file.check_in_place(12).unwrap();
        file.keep_readable().unwrap();
        assert_eq!(fs::read(&key).unwrap(), text, "{what}");
        let mut read = Vec::new();
        directory.open(SegmentId::FIRST).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, b"PREAUJNL who", "{what}");
    };
    check("it is there");
    fs::remove_file(&key).unwrap();
    check("removed");
    fs::write(&key, "").unwrap();
    check("cut");
    fs::remove_file(&key).unwrap();
    std::os::unix::fs::symlink("elsewhere", &key).unwrap();
    check("a link");
    // Of the same length, and with the time of the one before.
    let (before, written) = (stamp(&key).unwrap(), fs::metadata(&key).unwrap().modified().unwrap());
    let changed = OpenOptions::new().write(true).open(&key).unwrap();
    // The system's clock for it goes by milliseconds.
    while stamp(&key).unwrap() == before {
        changed.write_all_at(&vec![b'0'; text.len()], 0).unwrap();
        changed.set_modified(written).unwrap();
    }
    check("changed, with the time of before");
    assert!(!key.with_extension(PART_EXTENSION).exists());
}

/// Where it cannot be written anew, it is tried again: nobody else has it.
#[test]
fn a_segment_whose_key_cannot_be_written_anew_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let (journal, mut writer) = journal::open(Directory::new(data.path()));
    let now = Timestamp::from_unix_ms(1_795_392_000_000);
    writer.commit(now).unwrap();
    let ask = |name: &str| {
        let asked = crate::asked::Asked::new(model::AccessKind::Dns, name);
        journal.record(now, model::ClockQuality::Synchronised, asked).map(drop)
    };
    ask("first.fr").unwrap();
    writer.commit(now).unwrap();
    let key = Directory::new(data.path()).path(SegmentId::FIRST).with_extension(KEY_EXTENSION);
    fs::remove_file(&key).unwrap();
    // A folder has its name: no file takes that.
    fs::create_dir(&key).unwrap();
    for _ in 0..3 {
        assert!(matches!(writer.commit(now), Err(CommitError::Keep { .. })), "it is tried again");
    }
    assert!(ask("closed.fr").is_err());
    fs::remove_dir(&key).unwrap();
    writer.commit(now).unwrap();
    ask("second.fr").unwrap();
    // And for the last time at the end.
    fs::remove_file(&key).unwrap();
    writer.finish(now).unwrap();
    let tally = journal::harvest(&Directory::new(data.path()), &[SegmentId::FIRST], 0, |_| {});
    assert_eq!(tally.unwrap().records, 2);
}

/// One of another segment, or of another copy of the box, is none.
#[test]
fn another_segments_key_opens_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    let key = |number: u64| directory.path(SegmentId::new(number)).with_extension(KEY_EXTENSION);
    let (first, second) = (key(1), key(2));
    for number in 1..=2 {
        let mut file = directory.create(SegmentId::new(number)).unwrap();
        file.write_at(0, &[&b"PREAUJNL"[..], &[7; 5_000]].concat()).unwrap();
    }
    let open = |directory: &Directory| directory.open(SegmentId::FIRST).map(drop).map_err(|it| it.kind());
    assert_eq!(open(&directory), Ok(()));
    fs::copy(&second, &first).unwrap();
    assert_eq!(open(&directory), Err(io::ErrorKind::InvalidData), "its number is another");
    // A key of an earlier box has no number: it is what it opens.
    let sum = |byte: u8| {
        let hash = ring::digest::digest(&ring::digest::SHA256, &[byte; 32]);
        hash.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let pair = format!("{}\n{}\n", "09".repeat(32), sum(9));
    fs::write(&first, format!("PREAU SEGMENT KEY 1\n{pair}{pair}")).unwrap();
    assert_eq!(open(&directory), Err(io::ErrorKind::InvalidData), "all would be noise");
    // Nor does any count beside a segment that has no mark.
    fs::write(directory.path(SegmentId::FIRST), b"PREAUJNL\x01\0 in the clear").unwrap();
    let mut read = Vec::new();
    directory.open(SegmentId::FIRST).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, b"PREAUJNL\x01\0 in the clear");
}

/// A program of before there were veils leaves what it cannot read.
#[test]
fn the_mark_is_the_header_of_a_newer_version() {
    struct Bare;
    impl Source for Bare {
        type Reader = &'static [u8];

        fn list(&self) -> io::Result<Vec<SegmentId>> {
            Ok(vec![SegmentId::FIRST])
        }

        fn open(&self, _: SegmentId) -> io::Result<&'static [u8]> {
            Ok(&MARK)
        }
    }
    let error = journal::inspect(&Bare, SegmentId::FIRST).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
}

#[test]
fn of_an_overlong_segment_only_its_beginning_is_read() {
    let data = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(data.path());
    directory.acquire().unwrap();
    directory.create(SegmentId::FIRST).unwrap().write_at(0, b"PREAUJNL").unwrap();
    let file = OpenOptions::new().write(true).open(directory.path(SegmentId::FIRST)).unwrap();
    file.set_len(1 << 40).unwrap();
    let read = io::copy(&mut directory.open(SegmentId::FIRST).unwrap(), &mut io::sink()).unwrap();
    assert_eq!(read, READ_BYTES_MAX);
}

#[test]
fn a_second_writer_is_kept_off() {
    let data = tempfile::tempdir().unwrap();
    let mut first = Directory::new(data.path());
    first.acquire().unwrap();
    first.acquire().unwrap();
    fs::remove_dir_all(data.path().join("journal")).unwrap();
    let mut second = Directory::new(data.path());
    assert_eq!(second.acquire().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    second.acquire().unwrap();
}

#[test]
fn a_pipe_in_the_place_of_the_lock_keeps_nobody_waiting() {
    let data = tempfile::tempdir().unwrap();
    nix::unistd::mkfifo(&data.path().join("lock"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut directory = Directory::new(data.path());
    assert!(directory.is_in_use(), "it may be anybody's");
    assert!(directory.lock().is_err());
}

#[test]
fn a_journal_that_was_never_written_is_empty() {
    let data = tempfile::tempdir().unwrap();
    assert!(Directory::new(&data.path().join("missing")).list().unwrap().is_empty());
}
