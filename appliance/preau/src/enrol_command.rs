//! `preau enrol`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use replication::School;
use sync::{HubFolder, Identity, NightState, SyncError};
use system::private::PrivateLock;
use system::vault::Folder;

use crate::cli::EnrolArguments;
use crate::config::Config;
use crate::enrolment::{self, Admission};
use crate::{data_folder, reader_keys, take_over};

/// What is still to be done where sealed days are in the clear.
const NO_READERS: &str = "to do\tnobody's key is set, and days are sealed in the clear: the head makes the keys on her page (/direction/journal/cles), her \
     own, the data protection officer's and that of the commune's safe; or their age1 lines, made with `preau journal keys`, go into the \
     configuration, under [journal] as `readers` and `recovery`";

/// Makes this box one of the commune's. One that takes another one's place is its heir until it has that one's state, and goes on where the
/// power was cut.
pub(crate) fn enrol(arguments: &EnrolArguments) -> anyhow::Result<ExitCode> {
    let data = data_folder::find(arguments.data.path.as_deref())?;
    data_folder::make(&data)?;
    let folder = HubFolder::new(&data);
    let lock = folder.lock()?;
    if !arguments.again {
        if let Some(heir) = folder.read_heir()? {
            return inherit(arguments, (&data, &folder, &lock), &heir);
        }
        if folder.is_enrolled() {
            bail!("this box is enrolled already (preau sync status); with --again it is enrolled anew")
        }
    }
    let has_state = has_state(arguments, &data)?;
    let asked = (&arguments.hub, &arguments.code);
    match enrolment::enrol(&data, &folder, asked, (has_state, arguments.again))? {
        Admission::Heir(identity) => inherit(arguments, (&data, &folder, &lock), &identity),
        Admission::Member(identity) => finish(arguments, (&data, &folder), &identity),
    }
}

/// Whether somebody has entered something into this box that has to stay.
fn has_state(arguments: &EnrolArguments, data: &Path) -> anyhow::Result<bool> {
    Ok(!arguments.discard_state && enrolment::has_state(data)?)
}

/// Takes over the state of the box before, and is its heir no more.
fn inherit(
    arguments: &EnrolArguments,
    (data, folder, lock): (&Path, &HubFolder, &PrivateLock),
    heir: &Identity,
) -> anyhow::Result<ExitCode> {
    if has_state(arguments, data)? {
        return Err(SyncError::HasState.into());
    }
    // A box that runs would go on with the state that it has read.
    let _journal =
        data_folder::claim(data).context("the box must not run while it takes over another one's state")?;
    let mut out = io::stdout().lock();
    match sync::inherit(heir)? {
        Some(snapshot) => {
            let (identity, place) = (folder.write(heir)?, arguments.config.as_deref());
            let told = take_over::put_in_place(&snapshot, identity.as_bytes(), (data, lock), place)?;
            told.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        None => {
            folder.keep(heir)?;
            writeln!(
                out,
                "the hub has no state of the box before: devices, people and rules have to be entered"
            )?;
        }
    }
    folder.forget_heir()?;
    drop(out);
    finish(arguments, (data, folder), heir)
}

fn finish(
    arguments: &EnrolArguments,
    (data, folder): (&Path, &HubFolder),
    identity: &Identity,
) -> anyhow::Result<ExitCode> {
    // What became of another hub's nights, or of another box's, keeps this one from none.
    folder.keep_night(&NightState::default())?;
    let School { uai, name, rooms } = &identity.enrolled.school;
    let mut out = io::stdout().lock();
    writeln!(out, "this box is number {} at {}", identity.enrolled.box_id, identity.url)?;
    writeln!(out, "school\t{uai}\t{name}")?;
    for room in rooms {
        writeln!(out, "room\t{room}")?;
    }
    writeln!(out, "witness\t{}", identity.enrolled.witness_key)?;
    if !has_readers(data, arguments.config.as_deref()) {
        writeln!(out, "{NO_READERS}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether days are sealed to somebody: by keys that were made on the pages, by the configuration that is given, or that the box ran with
/// last, and where that does not say, by the log of seals.
fn has_readers(data: &Path, config: Option<&Path>) -> bool {
    if reader_keys::of_pages(data).is_ok_and(|keys| !keys.is_empty()) {
        return true;
    }
    let kept = data.join(data_folder::CONFIGURATION_FILE);
    let config = Config::load(config.unwrap_or(&kept)).ok();
    match config.and_then(|config| config.journal_readers) {
        Some(readers) => !readers.is_empty(),
        None => Folder::new(data)
            .log_so_far()
            .is_ok_and(|log| log.readers().is_some_and(|readers| !readers.is_empty())),
    }
}
