//! Readings of the log from the command line: each command is one, and `preau journal readings` lists them all.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use journal::Query;
use model::{
    Motive, PersonName, Purpose, Reading, ReadingEnd, ReadingId, ReadingTerms, Selection, Sought, Timestamp,
};
use store::{Look, READINGS_MAX, Store};
use system::clock::SystemClock;
use system::segments::Directory;
use system::vault::Folder;

use crate::{data_folder, operator, times};

/// What stands for a reason in words where there is none.
const NO_DETAIL: &str = "ligne de commande";
/// Readings that are listed: all that are kept, of the pages and of commands.
const LISTED_MAX: u32 = 2 * READINGS_MAX;

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

/// What of the time that is asked for a command may look at, on the folder of a box that runs. Nothing that the head's page would
/// not open: maintenance is done with the day under way, whatever is sealed of the days before; sealed days take a window or a
/// device; without either, what is not sealed is that of today.
pub(crate) fn bound(
    data: &Path,
    has_keys: bool,
    query: &Query,
    looking: &Looking<'_>,
    zone: &TimeZone,
) -> anyhow::Result<Query> {
    let now = SystemClock::new().now().at;
    let bounded = bound_at(now, query, looking, zone, |query| reaches_sealed(data, has_keys, query))?;
    let whole = (query.from, query.to);
    if let (Some(from), Some(to)) = (bounded.from, bounded.to)
        && (bounded.from, bounded.to) != whole
    {
        let [from, to] = [from, to].map(|at| local(at, zone));
        writeln!(io::stderr(), "looked at: from {from} to {to}")?;
    }
    Ok(bounded)
}

fn bound_at(
    now: Timestamp,
    query: &Query,
    looking: &Looking<'_>,
    zone: &TimeZone,
    reaches_sealed: impl Fn(&Query) -> anyhow::Result<bool>,
) -> anyhow::Result<Query> {
    let within = |(from, to)| Query { from, to, ..query.clone() };
    if looking.purpose == Purpose::Maintenance {
        let query = within(today((query.from, query.to), now, zone));
        if reaches_sealed(&query)? {
            check_purpose(looking.purpose)?;
        }
        return Ok(query);
    }
    let terms = terms(looking)?.bounded(now);
    match terms.check() {
        Ok(()) => Ok(within((terms.from, terms.to))),
        Err(error) if reaches_sealed(query)? => Err(error).context("give --from and --to, or --device"),
        Err(_) => Ok(within(today((query.from, query.to), now, zone))),
    }
}

/// What of a time is in the day under way.
pub(crate) fn today(
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
    zone: &TimeZone,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let (start, end) = times::day_of(now, zone);
    (from.max(Some(start)), Some(to.map_or(end, |to| to.min(end))))
}

/// What a reading of a command is for.
fn terms(looking: &Looking<'_>) -> anyhow::Result<ReadingTerms> {
    let Looking { purpose, detail, selection, .. } = *looking;
    let nothing = NO_DETAIL.parse()?;
    Ok(ReadingTerms {
        purpose,
        detail: detail.unwrap_or(&nothing).clone(),
        from: selection.from,
        to: selection.to,
        target: selection.device.clone(),
        with_people: selection.with_people,
    })
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
    let Looking { selection, more, .. } = *looking;
    let (author, terms) = (operator::attribute(author)?, terms(looking)?);
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

/// The same line, and what else is looked for.
pub(crate) fn append(sought: &Sought, more: &str) -> Sought {
    let parts = [sought.as_str(), more];
    Sought::new(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

/// What is looked for, in one line.
pub(crate) fn describe(selection: &Selection, zone: &TimeZone) -> Sought {
    let Selection { from, to, device, room, lesson, person, host, category, verdict, with_people } =
        selection;
    let part = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        part("from", from.map(|from| local(from, zone))),
        part("to", to.map(|to| local(to, zone))),
        part("device", device.as_ref().map(ToString::to_string)),
        part("room", room.as_ref().map(ToString::to_string)),
        part("lesson", lesson.map(|lesson| lesson.to_string())),
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
    let mut out = io::stdout().lock();
    for reading in Store::open(&file)?.readings(LISTED_MAX)? {
        let Reading { id, author, terms, opened, until, closed, searches, exports, whole_exports, .. } =
            reading;
        let end = match closed {
            Some((at, ReadingEnd::Hand)) => format!("ended {}", local(at, zone)),
            Some((at, ReadingEnd::Time)) => format!("ran out {}", local(at, zone)),
            None => format!("open until {}", local(until, zone)),
        };
        let window = [terms.from, terms.to].map(|at| at.map_or_else(|| "-".to_owned(), |at| local(at, zone)));
        let device = terms.target.map_or_else(|| "-".to_owned(), |target| target.to_string());
        let whole = match whole_exports {
            0 => String::new(),
            count => format!(", {count} with sealed files"),
        };
        writeln!(
            out,
            "{id}\t{}\t{author}\t{}\t{}\t{} to {}\t{device}\t{searches} searches\t{exports} extracts{whole}\t{end}",
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
            lesson: Some(model::LessonId::new(7)),
            host: model::Host::parse("casino.example").ok(),
            from: Some(Timestamp::from_unix_ms(1_795_422_600_000)),
            ..Selection::default()
        };
        let more = Some("with 2 sealed files");
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
        let expected = Sought::new(
            "from 2026-11-23 09:30, device CM2-04, lesson 7, host casino.example, with 2 sealed files",
        );
        assert_eq!(deeds[1], PersonDeed::SearchJournal { reading: id, sought: expected });
    }
    /// Weeks that could not be sealed, or a log that is damaged, are no day under way.
    #[test]
    fn maintenance_is_done_with_the_log_of_today() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str| times::parse_start(text, &zone).unwrap();
        let (now, year_ago) = (at("2026-11-29 09:30"), at("2025-11-28 09:30"));
        let check = |purpose, [from, to]: [Option<&str>; 2], device: bool, is_sealed: bool| {
            let (from, to) = (from.map(at), to.map(at));
            let device = device.then(|| "CM2-04".parse().unwrap());
            let selection = Selection { from, to, device, ..Selection::default() };
            let looking = Looking { purpose, detail: None, selection: &selection, more: None };
            let query = Query { from, to, ..Query::default() };
            let bounded = bound_at(now, &query, &looking, &zone, |_| Ok(is_sealed));
            bounded.map(|query| (query.from, query.to)).map_err(|error| format!("{error:#}"))
        };
        let today = (Some(at("2026-11-29")), Some(at("2026-11-30")));
        let (old, later) = (Some("2026-10-20"), Some("2026-11-29 08:00"));
        use Purpose::{Incident, Maintenance};
        assert_eq!(check(Maintenance, [None, None], false, false), Ok(today));
        assert_eq!(check(Maintenance, [None, None], true, false), Ok(today));
        assert_eq!(check(Maintenance, [old, None], true, false), Ok(today));
        assert_eq!(check(Maintenance, [old, old], false, false), Ok((today.0, old.map(at))), "nothing");
        assert_eq!(check(Maintenance, [later, None], false, false), Ok((later.map(at), today.1)));
        assert!(check(Maintenance, [later, None], false, true).unwrap_err().contains("for other reasons"));
        // Another reason sees what a reading would see.
        assert_eq!(check(Incident, [None, None], false, false), Ok(today));
        assert_eq!(check(Incident, [old, None], false, false), Ok(today), "without an end, it is no window");
        assert!(check(Incident, [None, None], false, true).unwrap_err().contains("--device"));
        assert_eq!(
            check(Incident, [Some("2026-11-01"), later], false, true),
            Ok((Some(at("2026-11-01")), later.map(at)))
        );
        assert_eq!(check(Incident, [None, None], true, true), Ok((Some(year_ago), Some(now))));
        assert!(check(Incident, [Some("2020-01-01"), None], true, true).unwrap_err().contains("366 days"));
    }
}
