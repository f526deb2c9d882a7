//! `preau blocklist update`, `accept` and `status`: the lists of a box and its mirror.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use jiff::tz::TimeZone;
use model::Timestamp;
use system::clock::now;
use system::priority::yield_to_all;
use system::updates::{self, Held, LockError, Outcome, Places, Plan, Progress, State, Step, UpdateError};

use crate::blocklist_command::{show_counts, show_event};
use crate::cli::ListPlace;
use crate::config::{Config, School};
use crate::data_folder;

/// The exit status for a list that is held back: neither success nor failure.
const HELD: u8 = 3;
/// Progress is shown each time that so many bytes more have come.
const SHOWN_EVERY_BYTES: u64 = 4 << 20;

/// Carries out one update. In the background, what became of it stands in the state only.
pub(crate) fn update(place: &ListPlace, is_background: bool) -> anyhow::Result<ExitCode> {
    let (config, places) = find(place)?;
    let source =
        config.list_source.context("the configuration names no mirror: [lists] mirror = \"https://...\"")?;
    let data = data_folder::find(place.data.path.as_deref())?;
    if is_background {
        if let Err(error) = yield_to_all() {
            let _told = writeln!(io::stderr(), "preau: the update has a usual priority: {error}");
        }
        let source = match source.find(&data) {
            Ok(source) => source,
            Err(error) => {
                updates::note_failure(&places, now(), &format!("{error:#}"))?;
                return Ok(ExitCode::FAILURE);
            }
        };
        // The box reads there what went wrong, and tells it.
        return Ok(match updates::update(&source, &places, now(), &mut |_| {}) {
            Ok(_) => ExitCode::SUCCESS,
            Err(UpdateError::Lock(LockError::Busy)) => ExitCode::from(updates::BUSY_STATUS),
            Err(_) => ExitCode::FAILURE,
        });
    }
    let source = source.find(&data)?;
    let mut shown = Shown { out: io::stderr().lock(), next_bytes: SHOWN_EVERY_BYTES };
    // Progress that nobody can read any more is no reason to stop.
    let outcome = updates::update(&source, &places, now(), &mut |progress| drop(shown.show(&progress)))
        .with_context(|| format!("no new list from {}", source.mirror))?;
    drop(shown);
    let state = State::read(&places).unwrap_or_default();
    show_state(&mut io::stdout().lock(), &state, &config.school.timezone)?;
    Ok(if outcome == Outcome::Held { ExitCode::from(HELD) } else { ExitCode::SUCCESS })
}

/// Puts a held list in force.
pub(crate) fn accept(place: &ListPlace) -> anyhow::Result<ExitCode> {
    let (_, places) = find(place)?;
    updates::accept(&places, now())?;
    writeln!(io::stdout(), "the list is in force: {}", places.list.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what became of the last update, and when the next one is.
pub(crate) fn status(place: &ListPlace) -> anyhow::Result<ExitCode> {
    let (config, places) = find(place)?;
    let mut out = io::stdout().lock();
    let state = State::read(&places);
    let time_zone = &config.school.timezone;
    match &state {
        Some(state) => show_state(&mut out, state, time_zone)?,
        None => writeln!(out, "no update has been made yet")?,
    }
    if config.list_source.is_some() {
        let next = plan(&config.school).next(now(), state.as_ref(), places.has_list(state.as_ref()));
        match next {
            Some(next) => writeln!(out, "next:    {}", show_time(next, time_zone))?,
            None => writeln!(out, "next:    when the box knows the time")?,
        }
    } else {
        writeln!(out, "next:    never: the configuration names no mirror")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// When a school's box fetches its lists.
pub(crate) fn plan(school: &School) -> Plan {
    let name = school.uai.as_ref().map_or(school.name.as_str(), |uai| uai.as_str());
    Plan::new(name, school.timezone.clone())
}

fn find(place: &ListPlace) -> anyhow::Result<(Config, Places)> {
    let config = Config::load_or_default(place.config.as_deref())?;
    let data = data_folder::find(place.data.path.as_deref())?;
    let places = data_folder::list_places(&data, config.list_index.as_deref());
    Ok((config, places))
}

struct Shown<W> {
    out: W,
    next_bytes: u64,
}

impl<W: Write> Shown<W> {
    fn show(&mut self, progress: &Progress<'_>) -> io::Result<()> {
        let out = &mut self.out;
        match progress {
            Progress::Fetch(Step::Received { name, bytes, total }) => {
                if *bytes < self.next_bytes && Some(*bytes) != *total {
                    return Ok(());
                }
                self.next_bytes = bytes + SHOWN_EVERY_BYTES;
                match total {
                    Some(total) => writeln!(out, "{name}: {bytes} of {total} bytes"),
                    None => writeln!(out, "{name}: {bytes} bytes"),
                }
            }
            Progress::Fetch(Step::Resumed { name, bytes }) => {
                writeln!(out, "{name}: the transfer was cut, it goes on at byte {bytes}")
            }
            Progress::Fetch(Step::Unlisted { name }) => {
                writeln!(out, "{name}: the mirror publishes no checksum for it")
            }
            Progress::Unchanged(name) => writeln!(out, "{name}: unchanged"),
            Progress::Fetched(name) => {
                self.next_bytes = SHOWN_EVERY_BYTES;
                writeln!(out, "{name}: whole")
            }
            Progress::Build(event) => show_event(out, event),
            Progress::Built(summary) => show_counts(out, summary),
        }
    }
}

fn show_state(out: &mut impl Write, state: &State, time_zone: &TimeZone) -> io::Result<()> {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| show_time(at, time_zone));
    let outcome = match state.outcome {
        Some(Outcome::Updated) => "a new list is in force",
        Some(Outcome::Unchanged) => "nothing new",
        Some(Outcome::Held) => "the new list is held back: it lost too much",
        Some(Outcome::Accepted) => "the list that was held back is in force",
        Some(Outcome::Failed(_)) => "failed",
        None => "nothing yet",
    };
    writeln!(out, "last:    {}: {outcome}", time(state.attempted))?;
    if let Some(detail) = &state.detail {
        writeln!(out, "why:     {}", detail.escape_debug())?;
    }
    if let Some(mirror) = &state.mirror {
        writeln!(out, "mirror:  {mirror}")?;
    }
    writeln!(out, "checked: {}", time(state.checked))?;
    for loss in state.held.iter().flat_map(Held::losses) {
        writeln!(out, "held:    {loss}")?;
    }
    if state.held.is_some() {
        writeln!(out, "         put it in force with: preau blocklist accept")?;
    }
    Ok(())
}

fn show_time(at: Timestamp, time_zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or_default();
    at.to_zoned(time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
