//! `preau hub move`: a hub goes to other engines, with all that it has. A commune begins with a file, and grows.
//!
//! Invariant: the old ones are left as they are, and count until all is in the new ones.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use system::private::PrivateFolder;

use crate::cli::EngineArguments;
use crate::hub_command::note_act;
use crate::hub_engines::{Change, open_register};

/// Moves it. Files go first: where they are cut, the same command goes on.
pub(crate) fn carry_out(engines: &EngineArguments, data: &Path) -> anyhow::Result<ExitCode> {
    let folder = PrivateFolder::new(data);
    let _lock = folder.lock().with_context(|| {
        format!("the hub of {} runs: stop it, on each machine that has its keys", data.display())
    })?;
    let change = Change::plan(data, engines)?;
    ensure!(
        change.moves_register() || change.moves_blobs(),
        "register and files are there already: say where they are to be, with --register or --blobs"
    );
    let register = open_register(data)?;
    note_act(&*register, "engines-moved", &describe(engines))?;
    let boxes: Vec<_> = register.boxes()?.into_iter().map(|state| state.id).collect();
    drop(register);
    let mut out = io::stdout().lock();
    if change.moves_blobs() {
        let (from, to) = change.blobs()?;
        let (files, bytes) =
            hub::blobs::transfer(&*from, &*to, boxes).context("the files cannot be copied")?;
        writeln!(out, "{files} files are there, {bytes} bytes went")?;
    }
    if change.moves_register() {
        let (from, to) = change.registers()?;
        let rows = from.copy_into(&to).context("the register cannot be copied, and is where it was")?;
        writeln!(out, "{rows} rows of the register went")?;
    }
    change.put()?;
    writeln!(out, "start the hub; once it serves, remove what it had before: codes are in there, too")?;
    Ok(ExitCode::SUCCESS)
}

/// Without a secret: none may stand in an address.
fn describe(engines: &EngineArguments) -> String {
    let said = [&engines.register, &engines.blobs, &engines.s3_endpoint];
    said.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}
