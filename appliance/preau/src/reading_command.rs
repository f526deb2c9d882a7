//! Readings of the log from the command line: each command is one, and `preau journal readings` lists them all.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use journal::Query;
use model::{
    Motive, PersonName, Purpose, Reading, ReadingEnd, ReadingId, ReadingTerms, Selection, Sought, Timestamp,
};
use store::{Look, Store};
use system::clock::SystemClock;
use system::segments::Directory;
use system::vault::Folder;

use crate::{data_folder, operator};

/// What stands for a reason in words where there is none.
const NO_DETAIL: &str = "ligne de commande";
/// Readings that are listed: some years of a school.
const LISTED_MAX: u32 = 1_000;

/// What a command looks for, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looking<'l> {
    /// Why, from the list.
    pub(crate) purpose: Purpose,
    /// Why, in words.
    pub(crate) detail: Option<&'l Motive>,
    /// For what.
    pub(crate) selection: &'l Selection,
    /// For what else, that a selection does not tell.
    pub(crate) more: Option<&'l str>,
}

/// Refuses a look into sealed days that the head's page would not open: for maintenance, or without a window. Where nobody has
/// keys, they are those that were sealed for everybody.
pub(crate) fn check_sealed(
    data: &Path,
    has_keys: bool,
    query: &Query,
    looking: &Looking<'_>,
) -> anyhow::Result<()> {
    if !reaches_sealed(data, has_keys, query)? {
        return Ok(());
    }
    check_purpose(looking.purpose)?;
    let Selection { from, to, device, .. } = looking.selection;
    ReadingTerms::check_window(*from, *to, device.is_some()).context("give --from and --to, or --device")
}

/// Whether a search reads more than the segments: then it needs a better reason than maintenance.
pub(crate) fn reaches_sealed(data: &Path, has_keys: bool, query: &Query) -> anyhow::Result<bool> {
    if has_keys {
        return Ok(true);
    }
    let log = Folder::new(data).log_so_far().context("the log of seals cannot be read")?;
    let reads = archive::reads_plain_seals(&log, &Directory::new(data), query);
    reads.context("the journal cannot be listed")
}

/// Refuses maintenance as a reason to read sealed days.
pub(crate) fn check_purpose(purpose: Purpose) -> anyhow::Result<()> {
    if purpose == Purpose::Maintenance {
        bail!("sealed days are read for other reasons than maintenance: it is done with the log of today")
    }
    Ok(())
}

/// Has the box note a reading that lasts for one command: opened, used, ended. Nothing is looked at where that fails.
pub(crate) fn note(
    data: &Path,
    looking: &Looking<'_>,
    author: Option<&PersonName>,
    look: Look,
    zone: &TimeZone,
) -> anyhow::Result<ReadingId> {
    let Looking { purpose, detail, selection, more } = *looking;
    let (author, nothing) = (operator::attribute(author)?, NO_DETAIL.parse()?);
    let detail = detail.unwrap_or(&nothing);
    let terms = ReadingTerms {
        purpose,
        detail: detail.clone(),
        from: selection.from,
        to: selection.to,
        target: selection.device.clone(),
        with_people: selection.with_people,
    };
    let now = SystemClock::new().now().at;
    let file = data.join(data_folder::STATE_FILE);
    let mut store = Store::open(&file).context("the reading cannot be noted, and nothing is shown")?;
    let sought = describe(selection, zone);
    let sought = match more {
        Some(more) => append(&sought, more),
        None => sought,
    };
    let noted = store.note_command(&terms, now, (look, &sought), (&author, None));
    noted.context("the reading cannot be noted, and nothing is shown")
}

fn append(sought: &Sought, more: &str) -> Sought {
    let parts = [sought.as_str(), more];
    Sought::new(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

/// What is looked for, in one line.
pub(crate) fn describe(selection: &Selection, zone: &TimeZone) -> Sought {
    let Selection { from, to, device, room, person, host, category, verdict, with_people } = selection;
    let part = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        part("from", from.map(|from| local(from, zone))),
        part("to", to.map(|to| local(to, zone))),
        part("device", device.as_ref().map(ToString::to_string)),
        part("room", room.as_ref().map(ToString::to_string)),
        part("person", person.as_ref().map(ToString::to_string)),
        part("host", host.as_ref().map(ToString::to_string)),
        part("category", category.as_ref().map(ToString::to_string)),
        part("verdict", verdict.map(|verdict| verdict.to_string())),
        with_people.then(|| "with people".to_owned()),
    ];
    Sought::new(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Lists all readings that the box remembers, the last first.
pub(crate) fn list(data: &Path, zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let file = data.join(data_folder::STATE_FILE);
    if !file.is_file() {
        bail!("there is no {}", file.display());
    }
    let mut out = std::io::stdout().lock();
    for reading in Store::open(&file)?.readings(LISTED_MAX)? {
        let Reading { id, author, terms, opened, until, closed, searches, exports, .. } = reading;
        let end = match closed {
            Some((at, ReadingEnd::Hand)) => format!("ended {}", local(at, zone)),
            Some((at, ReadingEnd::Time)) => format!("ran out {}", local(at, zone)),
            None => format!("open until {}", local(until, zone)),
        };
        let window = [terms.from, terms.to].map(|at| at.map_or_else(|| "-".to_owned(), |at| local(at, zone)));
        let device = terms.target.map_or_else(|| "-".to_owned(), |target| target.to_string());
        writeln!(
            out,
            "{id}\t{}\t{author}\t{}\t{}\t{} to {}\t{device}\t{searches} searches\t{exports} extracts\t{end}",
            local(opened, zone),
            terms.purpose,
            terms.detail,
            window[0],
            window[1],
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.unix_ms()) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.unix_ms().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use model::PersonDeed;

    use super::*;

    #[test]
    fn a_command_is_a_reading_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let selection = Selection {
            device: Some("CM2-04".parse().unwrap()),
            host: model::Host::parse("casino.example").ok(),
            from: Some(Timestamp::from_unix_ms(1_795_422_600_000)),
            ..Selection::default()
        };
        let more = Some("lesson Histoire");
        let looking = Looking { purpose: Purpose::Maintenance, detail: None, selection: &selection, more };
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let id = note(folder.path(), &looking, None, Look::Search, &zone).unwrap();
        let store = Store::open(&folder.path().join(data_folder::STATE_FILE)).unwrap();
        let reading = store.find_reading(id).unwrap().unwrap();
        assert_eq!(
            (reading.author.as_str(), reading.searches, reading.exports),
            (operator::COMMAND_LINE, 1, 0)
        );
        assert!(reading.closed.is_some());
        let deeds: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act.deed).collect();
        let words: Vec<_> = deeds.iter().map(PersonDeed::as_str).collect();
        assert_eq!(words, ["open-reading", "search-journal", "close-reading"]);
        // On the head's page, it is not hers.
        let head: PersonName = "Mme Durand".parse().unwrap();
        let claimed = note(folder.path(), &looking, Some(&head), Look::Search, &zone).unwrap();
        let claimed = store.find_reading(claimed).unwrap().unwrap().author;
        assert!(
            claimed != head && claimed.as_str().starts_with("Mme Durand (ligne de commande, "),
            "{claimed}"
        );
        let expected =
            Sought::new("from 2026-11-23 09:30, device CM2-04, host casino.example, lesson Histoire");
        assert_eq!(deeds[1], PersonDeed::SearchJournal { reading: id, sought: expected });
    }
}
