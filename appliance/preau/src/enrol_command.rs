//! `preau enrol`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use replication::School;
use sync::{Applicant, HubFolder, NightState};
use system::sealing;

use crate::cli::EnrolArguments;
use crate::data_folder;

/// Makes this box one of the commune's.
pub(crate) fn enrol(arguments: &EnrolArguments) -> anyhow::Result<ExitCode> {
    let data = data_folder::find(arguments.data.path.as_deref())?;
    data_folder::make(&data)?;
    let folder = HubFolder::new(&data);
    let _lock = folder.lock()?;
    if folder.is_enrolled() && !arguments.again {
        bail!("this box is enrolled already (preau sync status); with --again it is enrolled anew")
    }
    let log_key = sealing::open_key(&data)?.verifier().to_string();
    let applicant = Applicant { log_key, version: env!("CARGO_PKG_VERSION").to_owned() };
    let identity = sync::enrol(&arguments.hub, &arguments.code, &applicant)?;
    folder.keep(&identity)?;
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
    Ok(ExitCode::SUCCESS)
}
