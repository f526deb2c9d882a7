//! What a box has sealed by each of its nights: made once, and given to all boxes. Each file is there once on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use access::Instant;
use anyhow::{Context, Result};
use archive::Identity;
use jiff::tz::TimeZone;
use journal::Writer;
use model::{ClockQuality, Timestamp};
use system::clock::now;
use system::sealing::{Manner, day_number, open_key, seal};
use system::segments::Directory;

use crate::journal::box_year::Recorder;
use crate::journal::school::{School, Visit, day_times};

/// Accesses of a day: a school of ten classes, half a megabyte when they are sealed.
const VISITS: usize = 25_000;
/// Visits between two commits.
const VISITS_A_COMMIT: usize = 2_000;
const DAY_MS: i64 = 86_400_000;

/// What is sealed, night by night.
#[derive(Debug)]
pub struct Template {
    nights: Vec<PathBuf>,
    /// The key of the log.
    pub log_key: String,
}

impl Template {
    /// Makes the days before so many nights, in a folder of its own.
    ///
    /// # Errors
    /// They cannot be recorded or sealed.
    pub fn make(place: &Path, count: usize) -> Result<Self> {
        Self::make_of(place, count, VISITS)
    }

    /// The same with so many accesses a day.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn make_of(place: &Path, count: usize, visits: usize) -> Result<Self> {
        let data = place.join("data");
        fs::create_dir_all(&data)?;
        let readers = Some(vec![Identity::generate().reader()]);
        let manner = Manner { time_zone: TimeZone::UTC, readers, policy: None };
        let school = School::new()?;
        let first = first_day(count)?;
        let (journal, mut writer) = journal::open(Directory::new(&data));
        writer.split_days_by(|at| day_number(at, &TimeZone::UTC));
        writer.commit(Timestamp::from_unix_ms(day_times(first).0))?;
        let recorder = Recorder::new(&school, journal);
        let mut nights = Vec::new();
        for day in first..first + count {
            record(&recorder, &mut writer, &school.day(day, visits))?;
            let next = Timestamp::from_unix_ms(day_times(day + 1).0);
            writer.commit(next)?;
            seal(&data, &manner, Instant { at: next, quality: ClockQuality::Synchronised })?;
            let night = place.join(format!("night-{}", nights.len()));
            link_all(&data.join("sealed"), &night)?;
            nights.push(night);
        }
        writer.finish(Timestamp::from_unix_ms(day_times(first + count).0))?;
        let log_key = open_key(&data)?.verifier().to_string();
        Ok(Self { nights, log_key })
    }

    /// Gives a box what it has sealed by a night.
    ///
    /// # Errors
    /// There is no such night, or the disk fails.
    pub fn give(&self, night: usize, data: &Path) -> Result<()> {
        link_all(self.nights.get(night).context("no such night")?, &data.join("sealed"))
    }
}

/// The days end yesterday: what is older than a year, no box sends.
fn first_day(count: usize) -> Result<usize> {
    let days = (now().unix_ms() - day_times(0).0) / DAY_MS;
    Ok(usize::try_from(days)?.saturating_sub(count + 1))
}

fn record(recorder: &Recorder<'_>, writer: &mut Writer<Directory>, visits: &[Visit]) -> Result<()> {
    for some in visits.chunks(VISITS_A_COMMIT) {
        some.iter().try_for_each(|visit| recorder.record(visit))?;
        let last = some.last().map_or(0, |visit| visit.at_ms);
        writer.commit(Timestamp::from_unix_ms(last))?;
    }
    Ok(())
}

/// Files are replaced and never changed: one that is linked stays what it is.
fn link_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if place.exists() {
            fs::remove_file(&place)?;
        }
        fs::hard_link(entry.path(), &place)?;
    }
    Ok(())
}
