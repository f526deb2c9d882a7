//! `preau hub adopt`: what a lost box had not sent, from its disk.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use archive::{Trust, VerifierKey, verify};
use hub::adoption::{self, AdoptError};
use hub::blobs::Blobs;
use hub::register::{BoxId, Register, StoredFile};
use model::Timestamp;
use sync::StandingFile;
use system::clock::now;
use system::limits::limit_memory;
use system::seal_key;
use system::segments::Directory;
use system::vault::Folder;

use crate::hub_command::WITNESS_FILE;
use crate::hub_engines::{open_blobs, open_register};
use crate::verify_command::MEMORY_BYTES_MAX;

/// Takes the sealed files of a found disk, whose data folder is `disk`, and signs the end of its log.
pub(crate) fn adopt(disk: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of a verification")?;
    let (register, blobs) = (open_register(data)?, open_blobs(data)?);
    let witness =
        seal_key::find(&data.join(WITNESS_FILE))?.context("this hub has never run: it has no key")?;
    let vault = Folder::new(disk);
    // By it the box is found; what is believed is what the register has.
    let shown = vault.read_key().context("the key in sealed/key cannot be read")?;
    let Some(shown) = shown else {
        bail!("{} has no key of a log: is it a box's data folder?", disk.display())
    };
    let of = adoption::find_signer(&*register, &shown.to_string())?;
    let signer: VerifierKey = of.log_key.parse().context("the key in the register")?;
    let witnessed = adoption::signed_of(&*register, &witness, of.id)?;
    let report = verify(&vault, &Directory::new(disk), &Trust { signer, witnessed });
    adoption::judge(&report)?;
    let log = vault.read_log()?;
    let size = adoption::sign_end(&*register, &witness, &of, &log, now())?;

    let mut out = io::stdout().lock();
    writeln!(out, "box {} of the school {}: {size} entries of its log are signed", of.id.0, of.uai)?;
    let standing = sync::standing_files(&log, now());
    let (fit, plain): (Vec<_>, Vec<_>) = standing.into_iter().partition(StandingFile::is_fit);
    let (mut taken, mut spoiled) = (0, 0);
    for it in fit {
        match take((&*register, &*blobs), (&vault, of.id), &it) {
            Ok(is_new) => taken += u32::from(is_new),
            Err(error) => {
                spoiled += 1;
                writeln!(out, "{}: {:#}", it.name, anyhow::Error::from(error))?;
            }
        }
    }
    writeln!(out, "{taken} files were taken")?;
    if !plain.is_empty() {
        writeln!(out, "{} files stay on the disk: anybody could read them", plain.len())?;
    }
    if report.waiting > 0 {
        let waiting = report.waiting;
        writeln!(
            out,
            "{waiting} records wait there to be sealed: preau journal seal --data {}",
            disk.display()
        )?;
    }
    Ok(if spoiled == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes one file; whether the hub did not have it.
fn take(
    (register, blobs): (&dyn Register, &dyn Blobs),
    (vault, of): (&Folder, BoxId),
    it: &StandingFile,
) -> Result<bool, AdoptError> {
    if adoption::has_file(register, of, it.file.hash)? {
        return Ok(false);
    }
    let file = StoredFile {
        hash: it.file.hash,
        name: it.name.clone(),
        bytes: it.file.bytes,
        until: Timestamp::from_unix_ms(it.until_ms),
    };
    adoption::take_file((register, blobs), of, &file, &mut vault.open_sealed(&it.name)?)?;
    Ok(true)
}
