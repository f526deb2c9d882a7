//! The lists' updates, as the box makes them: when, in which process, and what the pages say of them.

use std::ffi::OsString;
use std::path::Path;

use jiff::tz::TimeZone;
use portal::{Shrunk, UpdateOutcome, UpdateStatus};
use system::clock::now;
use system::updates::{Failure, Held, Outcome, State, Updater};

use crate::config::Config;
use crate::{data_folder, update_command};

/// Plans the updates of a box with this configuration, read from `file`; `None` where it names no mirror.
pub(super) fn plan(config: &Config, file: Option<&Path>, data: &Path) -> Option<Updater> {
    config.list_source.as_ref()?;
    let places = data_folder::list_places(data, config.list_index.as_deref());
    let mut arguments: Vec<OsString> =
        ["blocklist", "update", "--background", "--data"].map(Into::into).into();
    arguments.push(data.into());
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.into()]);
    }
    Some(Updater::new(arguments, places, update_command::plan(&config.school), now()))
}

/// What the pages say.
pub(super) fn describe(updater: &Updater, time_zone: &TimeZone) -> UpdateStatus {
    let state = updater.state();
    let held = state.and_then(|state| state.held.as_ref()).map(Held::losses).unwrap_or_default();
    let held = held.into_iter().map(|loss| Shrunk {
        category: loss.category,
        before: loss.before,
        after: loss.after.unwrap_or(0),
    });
    UpdateStatus {
        last: state.and_then(|state| Some((state.attempted?, describe_outcome(state)?))),
        next: updater.next(),
        held: held.collect(),
        time_zone: time_zone.clone(),
    }
}

fn describe_outcome(state: &State) -> Option<UpdateOutcome> {
    Some(match state.outcome? {
        Outcome::Updated | Outcome::Unchanged | Outcome::Accepted => UpdateOutcome::Good,
        Outcome::Held => UpdateOutcome::Held,
        Outcome::Failed(Failure::Line) => UpdateOutcome::Line,
        Outcome::Failed(Failure::Mirror) => UpdateOutcome::Mirror,
        Outcome::Failed(Failure::List) => UpdateOutcome::List,
        Outcome::Failed(Failure::Disk) => UpdateOutcome::Disk,
        Outcome::Failed(Failure::Ended) => UpdateOutcome::Ended,
    })
}
