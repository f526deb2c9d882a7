//! `preau hub lists`: the hub mirrors UT1 once for all its boxes, by the same steps as a box does for itself, and publishes what is right.
//!
//! Invariant: nothing is published that a box would hold back: what lost much waits for a person's word. What is in force is published, at the latest by
//! the next run, wherever the one before was cut.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::Context as _;
use hub::lists::{ListShelf, ListState, Told};
use model::Timestamp;
use system::clock::now;
use system::derived::write_private;
use system::priority::yield_to_all;
use system::publication::publish_archive;
use system::updates::{self, Held, InForce, LockError, Places, Plan, State, UpdateError, Updater};

use crate::cli::{HubListsCommand, HubListsPlace};
use crate::config::HubConfig;
use crate::data_folder;
use crate::hub_command::note_act;
use crate::hub_engines::open_register;

/// The folder of the lists within the hub's, and of what is served within that.
const FOLDER: &str = "lists";
const PUBLISHED_FOLDER: &str = "published";
/// What tells the hub's plan from those of boxes.
const PLAN_NAME: &str = "hub";
/// How often it is looked whether an update is due.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// A mirror that was not reached for so long is told of: a line is down now and then.
const FAILED_MS: u64 = 2 * 86_400_000;
/// Longest reason of a failure that is kept, in characters.
const REASON_CHARACTERS_MAX: usize = 300;

pub(crate) fn carry_out(command: &HubListsCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubListsCommand::Update { background, place } => update(place, *background),
        HubListsCommand::Accept { place } => {
            let places = places(&place.data.path);
            note_act(&*open_register(&place.data.path)?, "list-accepted", "")?;
            let accepted = updates::accept(&places, now());
            // Also what was accepted before, by a command that was cut.
            let state = settle(place, &places)?;
            accepted?;
            tell(&state)
        }
        HubListsCommand::Status { place } => {
            let state = shelf(&place.data.path).state().context("the hub has fetched no list yet")?;
            tell(&state)
        }
    }
}

/// What the hub serves.
pub(crate) fn shelf(data: &Path) -> ListShelf {
    ListShelf::new(&published(data))
}

fn published(data: &Path) -> PathBuf {
    data.join(FOLDER).join(PUBLISHED_FOLDER)
}

fn places(data: &Path) -> Places {
    data_folder::list_places(&data.join(FOLDER), None)
}

/// Fetches, looks, publishes. In the background, what became of it stands in the state, and people are told of it.
fn update(place: &HubListsPlace, is_background: bool) -> anyhow::Result<ExitCode> {
    let (config, places) = (HubConfig::load(place.config.as_deref())?, places(&place.data.path));
    let source =
        config.lists.as_ref().context("hub.toml names no mirror: [lists] mirror = \"https://...\"")?;
    if is_background && let Err(error) = yield_to_all() {
        tracing::warn!(%error, "the update has a usual priority");
    }
    let outcome = updates::update(source, &places, now(), &mut |_| {});
    if let Err(UpdateError::Lock(LockError::Busy)) = outcome {
        return if is_background {
            Ok(ExitCode::from(updates::BUSY_STATUS))
        } else {
            Err(anyhow::anyhow!("another process updates the lists right now"))
        };
    }
    let state = settle(place, &places)?;
    if is_background {
        return Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    outcome.with_context(|| format!("no new list from {}", source.mirror))?;
    tell(&state)
}

/// What was published just now.
struct Publication {
    sum: String,
    bytes: u64,
    is_new: bool,
    differences: Vec<(String, u64)>,
}

/// Publishes what is in force where that is not served yet, and notes what became of it.
fn settle(place: &HubListsPlace, places: &Places) -> anyhow::Result<ListState> {
    fs::create_dir_all(published(&place.data.path))?;
    let in_force = match updates::hold_in_force(places) {
        // Whoever updates right now publishes, too.
        Err(LockError::Busy) => None,
        found => found?,
    };
    let published = in_force.as_ref().map_or(Ok(None), |in_force| publish(place, in_force));
    let state = note(place, places, &published)?;
    published.map(|_| state)
}

/// Publishes what is in force; `None` where it is served already: its files stay as they are.
fn publish(place: &HubListsPlace, in_force: &InForce) -> anyhow::Result<Option<Publication>> {
    let served = shelf(&place.data.path).state().and_then(|state| state.published_sum);
    if served.as_deref() == Some(in_force.sum()) {
        return Ok(None);
    }
    let archive = in_force.archive().context(
        "what is in force was not published, and another archive has come into its place: the next list that is right is published",
    )?;
    let made = publish_archive(archive, &published(&place.data.path)).context("nothing is published")?;
    let (sum, bytes) = (in_force.sum().to_owned(), fs::metadata(archive)?.len());
    Ok(Some(Publication { sum, bytes, is_new: made.is_new, differences: made.differences }))
}

/// Writes what became of it, and has people be told where that is news.
fn note(
    place: &HubListsPlace,
    places: &Places,
    published: &anyhow::Result<Option<Publication>>,
) -> anyhow::Result<ListState> {
    let shelf = shelf(&place.data.path);
    let found = State::read(places).unwrap_or_default();
    let mut state = shelf.state().unwrap_or_default();
    let ms = |at: Option<Timestamp>| at.map(Timestamp::unix_ms);
    (state.tried_ms, state.checked_ms) = (ms(found.attempted), ms(found.checked));
    state.mirror = found.mirror.clone().unwrap_or_default();
    let losses = found.held.as_ref().map(Held::losses).unwrap_or_default();
    let losses = losses.into_iter();
    state.losses =
        losses.map(|loss| (loss.category.to_string(), loss.before, loss.after.unwrap_or(0))).collect();
    let detail = found.detail.as_ref().filter(|_| found.failures > 0);
    state.failure = detail.map(|detail| shorten(detail));
    match published {
        Ok(Some(made)) => {
            if made.is_new || state.published_ms.is_none() {
                state.published_ms = Some(now().unix_ms());
            }
            state.published_sum = Some(made.sum.clone());
            (state.bytes, state.differences) = (made.bytes, made.differences.clone());
        }
        Ok(None) => {}
        Err(error) => state.failure = Some(shorten(&format!("{error:#}"))),
    }
    let is_old = found.checked.is_none_or(|checked| now().ms_since(checked) > FAILED_MS);
    // A line is down now and then; what came and is not published waits for a person.
    if let Some(told) = state.news(published.is_err() || (found.failures > 0 && is_old))
        && tell_people(place, &state, told)?
    {
        state.told = told;
    }
    write_private(&shelf.state_file(), &serde_json::to_string(&state)?)?;
    Ok(state)
}

fn shorten(reason: &str) -> String {
    reason.chars().take(REASON_CHARACTERS_MAX).collect()
}

/// Whether there was a way to tell them: where no configuration names one, the next run that knows one does.
fn tell_people(place: &HubListsPlace, state: &ListState, told: Told) -> anyhow::Result<bool> {
    let HubConfig { commune, timezone, ways, .. } = HubConfig::load(place.config.as_deref())?;
    let channels = ways.channels();
    if channels.is_empty() {
        return Ok(false);
    }
    let register = open_register(&place.data.path)?;
    for channel in channels {
        register.add_alert(&state.write_alert(told, channel, &commune, &timezone), now())?;
    }
    Ok(true)
}

fn tell(state: &ListState) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    writeln!(out, "mirror\t{}", state.mirror)?;
    writeln!(out, "archive\t{} bytes", state.bytes)?;
    for (file, bytes) in &state.differences {
        writeln!(out, "difference\t{file}\t{bytes} bytes")?;
    }
    for (category, before, after) in &state.losses {
        writeln!(out, "held\t{category}\t{before} lines, then {after}")?;
    }
    if let Some(failure) = &state.failure {
        writeln!(out, "failed\t{}", failure.escape_debug())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the lists be updated each night, each time by a process of its own, on a thread that ends with the value. `None` where the configuration names no
/// mirror.
pub(crate) fn keep(
    config: &HubConfig,
    file: Option<&Path>,
    data: &Path,
) -> anyhow::Result<Option<Sender<()>>> {
    if config.lists.is_none() {
        return Ok(None);
    }
    let mut arguments: Vec<OsString> =
        ["hub", "lists", "update", "--background", "--data"].map(Into::into).into();
    arguments.push(data.into());
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.into()]);
    }
    let plan = Plan::new(PLAN_NAME, config.timezone.clone());
    let mut updater = Updater::new(arguments, places(data), plan, now());
    let (keeping, ended) = mpsc::channel();
    std::thread::Builder::new().name("lists".to_owned()).spawn(move || {
        while ended.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Timeout) {
            if updater.keep(now())
                && let Some(state) = updater.state()
            {
                state.tell();
            }
        }
    })?;
    Ok(Some(keeping))
}
