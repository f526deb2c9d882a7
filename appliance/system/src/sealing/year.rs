//! More than a year of a school, by a clock that the test sets: sealed each night to one reader, countersigned by a witness, deleted a
//! year later, held in between, verified at the end. With summer holidays, a clock that is lost, one that is ahead, and a time server
//! that is.

use archive::{Hold, Identity, Lift, Remark, SigningKey, Trust, Witnessed, cosign, verify};

use super::on_disk::{DAY_MS, ask_at, look_into, manner, noon, open};
use super::*;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

const DAYS: i64 = 400;
/// The box is off in the holidays.
const HOLIDAYS: std::ops::Range<i64> = 225..260;
/// How many days are sealed: those that it is on.
const DAYS_SEALED: u64 = 365;
/// Its clock begins in 1970 in the morning of this day, ...
const LOST: i64 = 10;
/// ... and is two years ahead on this one; a time server puts both right at noon.
const AHEAD: i64 = 12;
/// A time server is a year ahead on this day.
const ASTRAY: i64 = 15;
/// A court asks for the records of these days, ...
const HELD: std::ops::Range<i64> = 20..25;
/// ... from this day ...
const HELD_FROM: i64 = 300;
/// ... to this one.
const HELD_UNTIL: i64 = 395;

/// What the box's clock shows in the morning.
fn morning(day: i64) -> Instant {
    let wrong = |at, quality| Instant { at, quality };
    match day {
        LOST => wrong(Timestamp::from_unix_ms(60_000), ClockQuality::Unset),
        AHEAD => wrong(noon(day + 730), ClockQuality::Unsynchronised),
        ASTRAY => known(day),
        day => wrong(Timestamp::from_unix_ms(noon(day).unix_ms() - DAY_MS / 8), ClockQuality::Synchronised),
    }
}

fn known(day: i64) -> Instant {
    let shown = if day == ASTRAY { day + 365 } else { day };
    Instant { at: noon(shown), quality: ClockQuality::Synchronised }
}

/// A school day: accesses in the morning, others at noon, and the evening's stop.
fn live(data: &Path, day: i64) {
    let (journal, mut writer) = open(data, morning(day).at);
    for (now, part) in [(morning(day), "am"), (known(day), "pm")] {
        for number in 0..3 {
            ask_at(&journal, now, &format!("h{number}.{part}.d{day}.fr"));
        }
        writer.commit(now.at).unwrap();
    }
    writer.finish(noon(day)).unwrap();
}

/// The night's process, by the clock of the morning and by that of noon.
fn night(data: &Path, day: i64, manner: &Manner) -> Vec<String> {
    let mut files = expire(data, manner, morning(day), None).unwrap().files;
    seal(data, manner, known(day)).unwrap();
    files.extend(expire(data, manner, known(day), None).unwrap().files);
    files
}

fn witness(data: &Path, before: Option<&Witnessed>, key: &SigningKey, now: Timestamp) -> Witnessed {
    let folder = Folder::new(data);
    let (signer, log) = (folder.read_key().unwrap().unwrap(), folder.read_log().unwrap());
    let proof = before.map(|before| log.tree().prove_growth(before.checkpoint().size).unwrap());
    let note = &log.entries().last().unwrap().note;
    cosign(before, note, &proof.unwrap_or_default(), &signer, key, now).unwrap()
}

/// A disk in memory: a year of nights has ten thousand syncs.
#[test]
fn a_year_of_a_school() {
    let said = run_test_on("64m", "sealing::year::child_lives_a_year");
    assert!(said.contains("a year is over"), "{said}");
}

#[test]
fn child_lives_a_year() {
    #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = Path::new(&folder);
    let (key, reader) = (SigningKey::of_witness([9; 32]).unwrap(), Identity::generate());
    let manner = manner(Some(vec![reader.reader()]));
    let (mut witnessed, mut deleted, mut hold) = (None, 0, 0);
    let author: model::PersonName = "Tribunal judiciaire".parse().unwrap();
    let reason: model::Motive = "réquisition 26/123".parse().unwrap();
    for day in (0..DAYS).filter(|day| !HOLIDAYS.contains(day)) {
        live(data, day);
        let files = night(data, day, &manner).len();
        // What was recorded on the day of the wrong time server was made before the next one's seal.
        let is_usual = day < HELD_UNTIL && day != ASTRAY + 366;
        assert!(files <= 1 || !is_usual, "day {day}: one a night");
        deleted += files;
        if day == HELD_FROM {
            let (from, to) = (Some(noon(HELD.start - 1)), Some(noon(HELD.end - 1)));
            let (author, reason) = (author.clone(), reason.clone());
            let asked = Hold { from, to, device: None, author, reason };
            hold = add_hold(data, known(day), asked, PATIENCE).unwrap();
        }
        if day == HELD_UNTIL {
            let (author, reason) = (author.clone(), reason.clone());
            lift_hold(data, known(day), Lift { hold, author, reason }, PATIENCE).unwrap();
        }
        witnessed = Some(witness(data, witnessed.as_ref(), &key, noon(day)));
    }
    // Of day 34 the last record is a year old at noon of day 399.
    assert_eq!(deleted, 35);
    let folder = Folder::new(data);
    let trust = Trust { signer: folder.read_key().unwrap().unwrap(), witnessed };
    let report = verify(&folder, &Directory::new(data), &trust);
    assert!(report.is_right(), "{report}");
    // The hold is for all that may be of its window: six seals, and the one whose clock was two years ahead for a morning. Of the
    // one without the time the log knows that it was before.
    assert_eq!((report.seals, report.deleted), (DAYS_SEALED, (28, 7)), "{report}");
    let ahead = report.remarks.iter().filter(|remark| matches!(remark, Remark::Ahead { .. }));
    assert_eq!(ahead.count(), 2, "the box's own clock, and the time server's: {report}");
    let left = DAYS_SEALED - 35;
    assert_eq!(archive::Vault::files(&folder).unwrap().len() as u64, left);
    let looked = look_into(data, std::slice::from_ref(&reader));
    assert_eq!(looked, (vec![], left, 0), "and what is in them is what was sealed");
    assert_eq!(look_into(data, &[]), (vec![], 0, left), "for its reader alone");
    let bytes = fs::metadata(data.join("sealed/log")).unwrap().len();
    assert!(bytes < 1 << 20, "the log of a year has {bytes} bytes");
    println!("a year is over");
}
