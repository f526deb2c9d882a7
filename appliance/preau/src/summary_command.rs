//! `preau journal summary`: what classes did, by day; never what one child did.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use archive::{ClassDay, DEVICES_MIN, FoundAnywhere, Overview, Seal};
use jiff::tz::TimeZone;
use journal::{Hit, Query};
use serde::Serialize;
use system::sealing::day;
use system::segments::Directory;
use system::vault::Folder;

use crate::journal_command::{is_broken_pipe, is_nothing_readable, read_identities, read_log, tell_locked};
use crate::times;

/// What stands for rooms that are too small to be told alone.
const OTHERS: &str = "-";

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
    let start = options.from.as_deref().map(|text| times::parse_start(text, zone)).transpose();
    let end = options.to.as_deref().map(|text| times::parse_end(text, zone)).transpose();
    let query = Query { from: start.context("--from")?, to: end.context("--to")?, ..Query::default() };
    let folder = Folder::new(&options.data);
    let identities = read_identities(options.identity.as_deref())?;
    let open = |seal: &Seal| folder.open_table(seal, &identities).map_err(Into::into);
    let mut overview = Overview::default();
    let mut failure = None;
    let directory = Directory::new(&options.data);
    let searched = archive::search(&read_log(&folder)?, open, &directory, &query, |found| {
        let told = match found {
            FoundAnywhere::Hit(hit) => {
                if let Hit::Access(found) = *hit {
                    overview.note(day(found.at, zone), &found);
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
