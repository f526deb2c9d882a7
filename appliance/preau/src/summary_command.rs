//! `preau journal summary`: what classes did, by day; never what one child did.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use archive::{ClassDay, DEVICES_MIN, FoundAnywhere, Overview, Seal};
use jiff::tz::TimeZone;
use journal::{Hit, Listed, Query};
use model::{Purpose, Selection, Timestamp, When};
use serde::Serialize;
use store::Look;
use system::clock::SystemClock;
use system::sealing::day;
use system::segments::Directory;
use system::vault::Folder;

use crate::cli::Asking;
use crate::journal_command::{is_broken_pipe, is_nothing_readable, read_identities, read_log, tell_locked};
use crate::reading_command::{self, Looking};
use crate::times::{self, TimeError};

/// What stands for rooms that are too small to be told alone.
const OTHERS: &str = "-";
/// What a summary is recorded as.
pub(crate) const SUMMARY: &str = "summary by day and room";

/// What `preau journal summary` is asked for.
#[derive(Clone, Debug)]
pub(crate) struct SummaryOptions {
    /// The box's data folder, or a copy of it. It is only read.
    pub(crate) data: PathBuf,
    /// The first time; a date means its first moment.
    pub(crate) from: Option<String>,
    /// The time after the last; a date means the whole day.
    pub(crate) to: Option<String>,
    /// One JSON object a line instead of a table.
    pub(crate) json: bool,
    /// The file with the secret key of a reader.
    pub(crate) identity: Option<PathBuf>,
    /// Who looks, and why.
    pub(crate) asking: Asking,
    /// Where the school's days begin.
    pub(crate) time_zone: TimeZone,
}

/// A class on a day.
#[derive(Serialize)]
struct Line<'l> {
    day: &'l str,
    room: Option<&'l str>,
    accesses: u64,
    refused: Vec<Refused<'l>>,
}

#[derive(Serialize)]
struct Refused<'l> {
    category: &'l str,
    count: u64,
}

/// Prints what each class did on each day, as far as enough devices did it.
pub(crate) fn summarise(options: &SummaryOptions) -> anyhow::Result<ExitCode> {
    if !options.data.is_dir() {
        bail!("there is no data folder {}", options.data.display());
    }
    let zone = &options.time_zone;
    let query = note(options, build_query(options)?)?;
    let folder = Folder::new(&options.data);
    let identities = read_identities(options.identity.as_deref())?;
    let mut overview = Overview::default();
    let mut failure = None;
    let directory = Directory::new(&options.data);
    // The segments first: the child that seals may move some of them into the log meanwhile.
    let segments = Listed::new(&directory).context("the journal cannot be listed")?;
    let log = read_log(&folder)?;
    let tables = folder.tables(&log, &identities);
    let open = |seal: &Seal| tables.open(seal).map_err(Into::into);
    let searched = archive::search(&log, open, &segments, &query, |found| {
        let told = match found {
            FoundAnywhere::Hit(hit) => {
                // Of a day that nobody knows there are no numbers.
                if let Hit::Access(found) = *hit
                    && let When::Shown(at) | When::Reckoned(at) = found.when
                {
                    overview.note(day(at, zone), &found);
                }
                Ok(())
            }
            FoundAnywhere::Unreadable { seal, error } => {
                writeln!(io::stderr(), "seal {seal} cannot be read: {error}")
            }
            FoundAnywhere::Other(_) => Ok(()),
        };
        told.map_or_else(
            |error| {
                failure = Some(error);
                ControlFlow::Break(())
            },
            ControlFlow::Continue,
        )
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    tell_locked(&searched, identities.is_empty())?;
    if overview.uncounted() > 0 {
        writeln!(io::stderr(), "{} accesses are not counted: ask for a shorter time", overview.uncounted())?;
    }
    match print(&overview.tell(), options.json, BufWriter::new(io::stdout().lock())) {
        Err(error) if is_broken_pipe(&error) => {}
        done => done?,
    }
    Ok(if is_nothing_readable(&searched) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Of whole days, and of the day under way up to the last full hour: two summaries that differ in a moment would show what one
/// device did in it.
fn build_query(options: &SummaryOptions) -> anyhow::Result<Query> {
    let day = |text: &Option<String>, parse: fn(&str, &TimeZone) -> Result<Timestamp, TimeError>| {
        let Some(text) = text else { return Ok(None) };
        let at = parse(text, &options.time_zone)?;
        if !times::is_midnight(at, &options.time_zone) {
            bail!("`{text}` is in the middle of a day: a summary is of whole days")
        }
        Ok(Some(at))
    };
    let from = day(&options.from, times::parse_start).context("--from")?;
    let to = day(&options.to, times::parse_end).context("--to")?;
    let now = SystemClock::new().now().plausible().map(times::last_hour);
    let to = match (to, now) {
        (Some(to), Some(now)) => Some(to.min(now)),
        (to, now) => to.or(now),
    };
    Ok(Query { from, to, ..Query::default() })
}

/// Has the box on this folder note who looks, as it does for a search. What a class did needs no window: a summary may be of
/// the whole year.
fn note(options: &SummaryOptions, mut query: Query) -> anyhow::Result<Query> {
    if !Directory::new(&options.data).is_in_use() {
        return Ok(query);
    }
    let Asking { reason, detail, author } = &options.asking;
    let purpose = reason.context(
        "who looks into the log of a box that runs says why, and the box notes it: give --reason (and --detail, --author)",
    )?;
    if purpose == Purpose::Maintenance {
        let now = SystemClock::new().now().at;
        (query.from, query.to) = reading_command::today((query.from, query.to), now, &options.time_zone);
    }
    if reading_command::reaches_sealed(&options.data, options.identity.is_some(), &query)? {
        reading_command::check_purpose(purpose)?;
    }
    let selection = Selection { from: query.from, to: query.to, ..Selection::default() };
    let looking = Looking { purpose, detail: detail.as_ref(), selection: &selection, more: Some(SUMMARY) };
    reading_command::note(&options.data, &looking, author.as_ref(), Look::Search, &options.time_zone)?;
    Ok(query)
}

fn print(days: &[ClassDay], is_json: bool, mut output: impl Write) -> anyhow::Result<()> {
    if is_json {
        for day in days {
            let refused =
                day.refused.iter().map(|(category, count)| Refused { category, count: *count }).collect();
            let room = day.room.as_ref().map(model::RoomName::as_str);
            let line = Line { day: &day.day, room, accesses: day.accesses, refused };
            writeln!(output, "{}", serde_json::to_string(&line)?)?;
        }
        return Ok(output.flush()?);
    }
    for ClassDay { day, room, accesses, refused } in days {
        let room = room.as_ref().map_or(OTHERS, model::RoomName::as_str);
        let refused: Vec<_> = refused.iter().map(|(category, count)| format!("{category} {count}")).collect();
        writeln!(output, "{day}\t{room}\t{accesses}\t{}", refused.join(", "))?;
    }
    writeln!(output, "Numbers of fewer than {DEVICES_MIN} devices are left out.")?;
    Ok(output.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(data: PathBuf, from: &str, to: &str) -> SummaryOptions {
        SummaryOptions {
            data,
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            json: false,
            identity: None,
            asking: Asking { reason: None, detail: None, author: None },
            time_zone: TimeZone::get("Europe/Paris").unwrap(),
        }
    }

    #[test]
    fn a_summary_is_of_whole_days() {
        let folder = tempfile::tempdir().unwrap();
        let ask = |from, to| summarise(&options(folder.path().to_owned(), from, to));
        assert_eq!(ask("2026-11-23", "2026-11-24").unwrap(), ExitCode::SUCCESS);
        assert_eq!(ask("2026-11-23T00:00:00+01:00", "2026-11-24 00:00").unwrap(), ExitCode::SUCCESS);
        for (from, to) in [("2026-11-23 09:30", "2026-11-24"), ("2026-11-23", "2026-11-24T00:00:01+01:00")] {
            let error = format!("{:#}", ask(from, to).unwrap_err());
            assert!(error.contains("a summary is of whole days"), "{error}");
        }
    }

    #[test]
    fn a_day_under_way_ends_with_the_last_full_hour() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock::new().now().at;
        for (to, expected) in [("2026-11-24", "2026-11-25T00:00:00+01:00"), ("2999-01-01", "-")] {
            let query = build_query(&options(folder.path().to_owned(), "2026-11-23", to)).unwrap();
            match expected {
                "-" => {
                    let to = query.to.unwrap();
                    assert!(to <= now && to.unix_ms() % 3_600_000 == 0 && now.ms_since(to) < 2 * 3_600_000);
                }
                expected => {
                    let zone = TimeZone::get("Europe/Paris").unwrap();
                    assert_eq!(query.to, Some(times::parse_start(expected, &zone).unwrap()));
                }
            }
        }
        let open = SummaryOptions { to: None, ..options(folder.path().to_owned(), "2026-11-23", "-") };
        assert!(build_query(&open).unwrap().to.is_some());
    }

    /// On the folder of a box that runs, a look without a reason shows nothing, and one with a reason is on record.
    #[test]
    fn a_box_that_runs_notes_a_summary() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        let mut held = Directory::new(&data);
        journal::Storage::acquire(&mut held).unwrap();
        let silent = options(data.clone(), "2026-11-23", "2026-11-24");
        assert!(format!("{:#}", summarise(&silent).unwrap_err()).contains("--reason"));
        let asking = Asking { reason: Some(Purpose::Oversight), detail: None, author: None };
        summarise(&SummaryOptions { asking, ..silent }).unwrap();
        let store = store::Store::open(&data.join(crate::data_folder::STATE_FILE)).unwrap();
        assert_eq!(store.readings(9).unwrap().len(), 1);
    }

    #[test]
    fn days_are_lines() {
        let day = |room: Option<&str>, refused| ClassDay {
            day: "2026-11-23".to_owned(),
            room: room.map(|room| room.parse().unwrap()),
            accesses: 12,
            refused,
        };
        let days =
            [day(Some("CM2"), vec![("games".to_owned(), 7), ("adult".to_owned(), 5)]), day(None, vec![])];
        let check = |is_json, expected: &str| {
            let mut output = Vec::new();
            print(&days, is_json, &mut output).unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        };
        check(
            false,
            "2026-11-23\tCM2\t12\tgames 7, adult 5\n2026-11-23\t-\t12\t\n\
             Numbers of fewer than 5 devices are left out.\n",
        );
        check(
            true,
            "{\"day\":\"2026-11-23\",\"room\":\"CM2\",\"accesses\":12,\"refused\":[{\"category\":\"games\",\"count\":7},\
             {\"category\":\"adult\",\"count\":5}]}\n\
             {\"day\":\"2026-11-23\",\"room\":null,\"accesses\":12,\"refused\":[]}\n",
        );
    }
}
