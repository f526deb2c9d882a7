//! What must hold for a harvest.

use std::collections::BTreeSet;

use model::{AccessKind, ClockQuality, Deed, PersonAct, PersonDeed, Timestamp, When};
use proptest::prelude::*;

use super::{CLOCK, all, finished, opened, record};
use crate::fixture::{Asked, act, at, find_acts, find_person_acts};
use crate::simulation::Disk;
use crate::{
    DamageKind, Floor, Found, Harvested, News, Query, SegmentId, Sequence, Source, Tally, harvest, inspect,
};

fn gather(disk: &Disk, segments: &[SegmentId], after: u64) -> (Vec<Harvested>, Tally) {
    let mut harvested = Vec::new();
    let tally = harvest(disk, segments, after, |one| harvested.push(one)).unwrap();
    (harvested, tally)
}

fn gather_all(disk: &Disk) -> (Vec<Harvested>, Tally) {
    gather(disk, &disk.list().unwrap(), 0)
}

fn accesses(harvested: Vec<Harvested>) -> Vec<Found> {
    let accesses = harvested.into_iter().filter_map(|one| match one {
        Harvested::Access(found) => Some(*found),
        Harvested::Act(_)
        | Harvested::Person(_)
        | Harvested::Late(_)
        | Harvested::Clock(_)
        | Harvested::Unknown { .. }
        | Harvested::Damaged { .. } => None,
    });
    accesses.collect()
}

#[test]
fn a_clock_that_is_set_is_tied_to_what_was_recorded_before() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    let early = Timestamp::from_unix_ms(5_000);
    let ask = |now, clock| journal.record(now, clock, Asked::dns("A", "a.fr")).unwrap().sequence();
    let first = ask(early, ClockQuality::Unset);
    let tie = journal.record_clock(at(1_000), CLOCK, Timestamp::from_unix_ms(65_000)).unwrap();
    let again = journal.record_clock(at(2_000), CLOCK, at(1_990)).unwrap();
    writer.finish(at(2_000)).unwrap();
    let mut ties = Vec::new();
    crate::read_clock_ties(&disk, &disk.list().unwrap(), |tie| ties.push(tie));
    let numbers: Vec<_> = ties.iter().map(|tie| (tie.since, tie.sequence)).collect();
    assert_eq!(numbers, [(first, tie), (tie, again)], "each is about the records since the one before");
    let harvested = gather_all(&disk).0;
    let kept: Vec<_> = harvested
        .iter()
        .filter_map(|one| if let Harvested::Clock(tie) = one { Some(*tie) } else { None })
        .collect();
    assert_eq!(kept, ties);
    let when = crate::Reckoning::new(ties).when(first, early, ClockQuality::Unset);
    assert_eq!(when, When::Reckoned(at(940)));
    assert_eq!(all(&disk).len(), 1, "a search finds accesses only");
    // The next run begins anew.
    let (journal, mut writer) = opened(&disk, at(3_000));
    let next = journal.record_clock(at(3_001), CLOCK, at(3_000)).unwrap();
    writer.commit(at(3_001)).unwrap();
    let mut last = None;
    crate::read_clock_ties(&disk, &disk.list().unwrap(), |tie| last = Some(tie));
    assert_eq!(last.map(|tie| tie.since), Some(next));
}

#[test]
fn everything_is_harvested_and_counted() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let tls = record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    for second in 2..6 {
        record(&journal, at(second), Asked::dns("A", "b.fr")).unwrap();
        writer.commit(at(second)).unwrap();
    }
    journal.record_act(at(7), CLOCK, &act(Deed::Make)).unwrap();
    let signed_in =
        PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed: PersonDeed::SignIn };
    journal.record_person_act(at(8), CLOCK, &signed_in).unwrap();
    journal.close_kind(at(9), AccessKind::Tls, tls, finished(7));
    writer.finish(at(9)).unwrap();
    let (harvested, tally) = gather_all(&disk);
    assert_eq!(harvested.len(), 4, "{harvested:#?}");
    assert_eq!(accesses(harvested), all(&disk));
    assert_eq!((tally.records, tally.last_sequence), (8, 8), "one repeat each second, and the closing");
    assert_eq!((tally.times, tally.clocks, tally.set_back_ms), (Some((at(1), at(9))), [4, 0, 0], 0));
    assert_eq!(
        (find_acts(&disk, &Query::default()).len(), find_person_acts(&disk, &Query::default()).len()),
        (1, 1)
    );
}

#[test]
fn what_is_said_of_an_earlier_access_comes_by_itself() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    // Days of ten seconds.
    writer.split_days_by(|at| at.unix_ms().div_euclid(10_000));
    let tls = record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    let dns = record(&journal, at(1), Asked::dns("A", "a.fr")).unwrap();
    writer.commit(at(1)).unwrap();
    writer.commit(at(10)).unwrap();
    for second in 11..14 {
        record(&journal, at(second), Asked::dns("A", "a.fr")).unwrap();
        writer.commit(at(second)).unwrap();
    }
    journal.close_kind(at(14), AccessKind::Tls, tls, finished(7));
    writer.finish(at(14)).unwrap();
    let segments = disk.list().unwrap();
    let [first, second] = &segments[..] else { panic!("{segments:?}") };
    let (mut sealed, tally) = gather(&disk, &[*first], 0);
    assert_eq!(tally.last_sequence, 2);
    let (late, tally) = gather(&disk, &[*first, *second], 2);
    assert_eq!((tally.records, tally.last_sequence), (4, 6));
    let mut whole = Vec::new();
    for one in &late {
        let Harvested::Late(late) = one else { panic!("{one:?}") };
        whole.push((late.of, matches!(late.news, News::End(_))));
        for access in &mut sealed {
            if let Harvested::Access(found) = access
                && found.sequence == late.of
            {
                late.join(found);
            }
        }
    }
    assert_eq!(whole, [(dns, false), (tls, true)], "only the last repeat");
    assert_eq!(accesses(sealed), all(&disk));
}

#[test]
fn what_a_newer_program_wrote_and_what_is_damaged_is_kept() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for number in 0..3 {
        record(&journal, at(number), Asked::tls("A", &format!("h{number}.fr"))).unwrap();
    }
    writer.finish(at(3)).unwrap();
    let whole = disk.bytes(SegmentId::FIRST);
    // The second record gets a variant that there is not yet, with the right checksum; the third a wrong byte.
    let places: Vec<_> = (0..3)
        .map(|number| whole.windows(5).position(|text| text == format!("h{number}.fr").as_bytes()).unwrap())
        .collect();
    let start =
        whole.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 2, bytes[2]]).map(|(at, _)| at);
    let start = start.filter(|start| *start < places[1]).max().unwrap();
    let mut bytes = whole.clone();
    bytes[start] = 99;
    let length = usize::from(u16::from_le_bytes([bytes[start - 6], bytes[start - 5]]));
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[start - 6..start - 4]);
    crc.update(&bytes[start..start + length]);
    bytes[start - 4..start].copy_from_slice(&crc.finalize().to_le_bytes());
    bytes[places[2]] ^= 1;
    disk.put(SegmentId::FIRST, bytes.clone());
    let (harvested, tally) = gather_all(&disk);
    assert_eq!(tally.records, 5, "the third access is lost, but not the three closings: {harvested:#?}");
    let [
        Harvested::Access(_),
        Harvested::Unknown { sequence: 2, payload },
        Harvested::Late(of_second),
        Harvested::Late(of_third),
        Harvested::Damaged { damage, bytes: damaged },
    ] = &harvested[..]
    else {
        panic!("{harvested:#?}")
    };
    assert_eq!(payload[..], bytes[start..start + length]);
    assert_eq!((of_second.of, of_third.of), (Sequence::new(2), Sequence::new(3)));
    assert_eq!(damage.kind, DamageKind::Record);
    let end = usize::try_from(damage.offset + damage.bytes).unwrap();
    assert_eq!(damaged[..], bytes[usize::try_from(damage.offset).unwrap()..end]);
}

#[test]
fn a_clock_that_is_set_back_is_noticed() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for second in [100, 101, 40, 41, 700] {
        record(&journal, at(second), Asked::dns("A", &format!("h{second}.fr"))).unwrap();
    }
    writer.finish(at(701)).unwrap();
    let (_, tally) = gather_all(&disk);
    assert_eq!((tally.times, tally.set_back_ms), (Some((at(40), at(700))), 61_000));
}

#[test]
fn a_segment_is_for_one_day_of_the_school() {
    let disk = Disk::default();
    let (journal, mut writer) = crate::open(disk.clone());
    // One hour east of UTC.
    writer.split_days_by(|at| (at.unix_ms() + 3_600_000).div_euclid(86_400_000));
    for hour in [0, 22, 23, 24, 25] {
        writer.commit(at(hour * 3_600)).unwrap();
        record(&journal, at(hour * 3_600), Asked::dns("A", &format!("h{hour}.fr"))).unwrap();
    }
    writer.finish(at(25 * 3_600)).unwrap();
    let segments = disk.list().unwrap();
    let created: Vec<_> =
        segments.iter().map(|segment| inspect(&disk, *segment).unwrap().unwrap().created).collect();
    assert_eq!(created, [at(0), at(23 * 3_600)]);
}

#[test]
fn numbers_go_on_above_what_is_kept_elsewhere() {
    let disk = Disk::default();
    disk.set_floor(Floor { segment: 41, sequence: 900 });
    let (journal, writer) = opened(&disk, at(0));
    assert_eq!(record(&journal, at(0), Asked::dns("A", "a.fr")), Ok(Sequence::new(901)));
    writer.finish(at(1)).unwrap();
    assert_eq!(disk.list().unwrap(), [SegmentId::new(42)]);
}

proptest! {
    /// Whatever is recorded, and wherever the harvest is cut: each record is harvested once, and the accesses are those
    /// that a search finds.
    #[test]
    fn nothing_is_lost_between_two_harvests(hosts in prop::collection::vec((0..6_u8, any::<bool>()), 1..60), cut in 0..90_u64) {
        let disk = Disk::default();
        let (journal, mut writer) = opened(&disk, at(0));
        let mut open = Vec::new();
        for (second, (host, is_question)) in (0..).zip(&hosts) {
            let name = format!("h{host}.fr");
            if *is_question {
                record(&journal, at(second), Asked::dns("A", &name)).unwrap();
            } else {
                open.push(record(&journal, at(second), Asked::tls("A", &name)).unwrap());
            }
            if *host == 0 {
                writer.commit(at(second)).unwrap();
                open.drain(..).for_each(|access| journal.close_kind(at(second), AccessKind::Tls, access, finished(1)));
            }
        }
        writer.finish(at(90)).unwrap();
        let (everything, tally) = gather_all(&disk);
        prop_assert_eq!(accesses(everything), all(&disk));
        let (rest, rest_tally) = gather(&disk, &disk.list().unwrap(), cut);
        prop_assert_eq!(rest_tally.records, tally.last_sequence.saturating_sub(cut));
        let numbers: BTreeSet<_> = accesses(rest).iter().map(|found| found.sequence.number()).collect();
        prop_assert!(numbers.iter().all(|number| *number > cut));
    }
}
