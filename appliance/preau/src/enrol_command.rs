//! `preau enrol`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use replication::School;
use store::Store;
use sync::{Applicant, HubFolder, Identity, NightState, SyncError};
use system::private::PrivateLock;
use system::sealing;
use system::vault::Folder;

use crate::cli::EnrolArguments;
use crate::config::Config;
use crate::{data_folder, take_over};

/// What is still to be done where sealed days are in the clear.
const NO_READERS: &str = "to do\tnobody's key is set, and days are sealed in the clear: the head and the data protection officer make a \
     key each with `preau journal keys`, the commune makes one for its safe with `preau journal keys --sheet safe.html`; their age1 \
     lines go into the configuration, under [journal] as `readers` and `recovery`";

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
    let log_key = sealing::open_key(&data)?.verifier().to_string();
    let has_state = has_state(arguments, &data)?;
    // A box that was enrolled before goes on with what it has, whatever the code is for: its certificate was over.
    let has_state_to_lose = has_state && !arguments.again;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let identity = sync::enrol(
        &arguments.hub,
        &arguments.code,
        &Applicant { log_key, version, has_state: has_state_to_lose },
        folder.open_applicant(&arguments.code.number())?,
    )?;
    if identity.enrolled.replaces && !has_state {
        folder.keep_heir(&identity)?;
        folder.forget_applicant()?;
        return inherit(arguments, (&data, &folder, &lock), &identity);
    }
    folder.keep(&identity)?;
    folder.forget_heir()?;
    folder.forget_applicant()?;
    finish(arguments, (&data, &folder), &identity)
}

/// Whether somebody has entered something into this box that has to stay.
fn has_state(arguments: &EnrolArguments, data: &Path) -> anyhow::Result<bool> {
    let path = data.join(data_folder::STATE_FILE);
    if arguments.discard_state || !path.exists() {
        return Ok(false);
    }
    Ok(!Store::open(&path)?.is_blank()?)
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
            let told =
                take_over::put_in_place(&snapshot, folder.write(heir)?.as_bytes(), (data, lock), arguments)?;
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

/// Whether days are sealed to somebody: by the configuration that is given, or that the box ran with last, and where that does not
/// say, by the log of seals.
fn has_readers(data: &Path, config: Option<&Path>) -> bool {
    let kept = data.join(data_folder::CONFIGURATION_FILE);
    let config = Config::load(config.unwrap_or(&kept)).ok();
    match config.and_then(|config| config.journal_readers) {
        Some(readers) => !readers.is_empty(),
        None => Folder::new(data)
            .log_so_far()
            .is_ok_and(|log| log.readers().is_some_and(|readers| !readers.is_empty())),
    }
}
