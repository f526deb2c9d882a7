//! `preau journal verify` and `preau journal witness`.

use std::fs::{self, DirBuilder};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use archive::{
    Identity, Report, Scrutiny, SigningKey, Trust, Vault, VerifierKey, Witnessed, check_tails, cosign,
    scrutinise,
};
use jiff::tz::TimeZone;
use model::Timestamp;
use system::clock::now;
use system::limits::limit_memory;
use system::seal_key;
use system::segments::Directory;
use system::vault::Folder;

use crate::cli::VerifyArguments;
use crate::journal_command::read_identities;
use crate::{data_folder, times};

/// How often a box is verified that changes meanwhile: it seals and deletes within a minute, once a night.
const RUNS_MAX: u32 = 3;
/// A box that is on seals each night; school is closed for two days.
const UNSEALED_DAYS_MAX: i64 = 3;
const DAY_MS: i64 = 86_400_000;
/// Most memory that a verification takes, or a command that searches: some times what the largest sealed file needs. It reads what
/// anybody may have made, and a forged file of some kilobytes must end the command, not the machine.
pub(crate) const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// The exit status where nothing is wrong, and some of what was asked for was not looked at.
pub(crate) const INCOMPLETE_STATUS: u8 = 2;
/// The witness's key, in its folder.
const WITNESS_KEY_FILE: &str = "key";
/// What a witness's folder is for nobody else: its key is in it.
const FOLDER_MODE: u32 = 0o700;

/// Prints what is wrong, and what is worth knowing.
pub(crate) fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of a verification")?;
    let data = find_data(arguments.data.path.as_deref())?;
    let folder = Folder::new(&data);
    // Before a year is hashed: it takes minutes, and she may have mistyped the name.
    let identity = arguments.identity.as_deref();
    let identities = identity.map(|identity| read_identities(Some(identity))).transpose()?;
    let own = folder.read_key().context("the box's key in sealed/key cannot be read")?;
    let Some(signer) = arguments.key.clone().or(own) else {
        bail!(
            "{} has no sealed/key: give the box's key with --key, or nothing was ever sealed",
            data.display()
        )
    };
    let witnessed = match &arguments.witness {
        Some(witness) => Some(read_witnessed(&folder, arguments.checkpoint.as_deref(), witness)?),
        None => None,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "key: {signer}")?;
    if arguments.key.is_none() {
        writeln!(
            out,
            "note: this key is the folder's own. Compare it with the one that was written down, or give --key"
        )?;
    }
    if let (Some(witness), Some(witnessed)) = (&arguments.witness, &witnessed) {
        tell_witness(&mut out, arguments, witnessed.signed_at(witness))?;
    }
    let trust = Trust { signer, witnessed };
    let mut report = verify_unmoved(&folder, || verify_once(&folder, &data, &trust));
    tell_end(&mut out, &report, now())?;
    let mut locked = 0;
    if let Some(identities) = &identities {
        let scrutiny = look_into(&folder, identities)?;
        let Scrutiny { files, rows, .. } = scrutiny;
        locked = scrutiny.locked;
        report.findings.extend(scrutiny.findings);
        writeln!(out, "note: {files} sealed files were opened, and their {rows} rows compared")?;
    }
    write!(out, "{report}")?;
    if locked > 0 {
        // She asked for all of it.
        writeln!(
            out,
            "NOT COMPLETE: {locked} sealed files are encrypted to others, and nobody has looked into them"
        )?;
    }
    Ok(match status(report.is_right(), locked) {
        0 => ExitCode::SUCCESS,
        status => ExitCode::from(status),
    })
}

/// How the command ends: what is wrong comes before what nobody has looked at.
fn status(is_right: bool, locked: u64) -> u8 {
    const WRONG_STATUS: u8 = 1;
    match (is_right, locked) {
        (false, _) => WRONG_STATUS,
        (true, 0) => 0,
        (true, _) => INCOMPLETE_STATUS,
    }
}

/// All that can be verified without a reader's key.
fn verify_once(folder: &Folder, data: &Path, trust: &Trust) -> Report {
    let mut report = archive::verify(folder, &Directory::new(data), trust);
    // A log that cannot be read is told by the report.
    if let Ok(log) = folder.log_so_far() {
        report.findings.extend(check_tails(&log, |name| folder.open_sealed(name)));
    }
    report
}

/// Opens each sealed file with a reader's keys. Somebody may wait for it in front of a terminal.
fn look_into(folder: &Folder, identities: &[Identity]) -> anyhow::Result<Scrutiny> {
    let log = folder.log_so_far()?;
    let (tables, total) = (folder.tables(&log, identities), log.seals().count());
    let mut shown = Some(io::stderr()).filter(IsTerminal::is_terminal);
    let scrutiny = scrutinise(
        &log,
        |seal, field| tables.open_file(seal, field),
        |done| {
            if let Some(shown) = &mut shown {
                // Whoever closes the terminal does not want to see it.
                let _shown = write!(shown, "\r{done} of {total} seals");
            }
        },
    );
    if let Some(shown) = &mut shown {
        let _shown = writeln!(shown, "\r{total} of {total} seals");
    }
    Ok(scrutiny)
}

/// When the witness signed, and whether it was asked itself.
fn tell_witness(
    out: &mut impl Write,
    arguments: &VerifyArguments,
    signed_at: Option<Timestamp>,
) -> io::Result<()> {
    if let Some(at) = signed_at {
        writeln!(out, "note: the witness signed at {}", times::write(at, &TimeZone::UTC))?;
    }
    if arguments.checkpoint.is_none() {
        writeln!(
            out,
            "note: this is the copy on the box, which can be put back together with the log: give the witness's own with \
             --checkpoint"
        )?;
    }
    if arguments.key.is_none() {
        writeln!(
            out,
            "note: a witness may have signed for more than one box: give the box's key with --key"
        )?;
    }
    Ok(())
}

/// Where the log ends. An end that was cut off shows by nothing else than this, or by the witness.
fn tell_end(out: &mut impl Write, report: &Report, now: Timestamp) -> io::Result<()> {
    let Some((made, clock)) = report.last else { return Ok(()) };
    let at = times::write(made, &TimeZone::UTC);
    writeln!(out, "note: the log ends with an entry of {at}, clock {}", clock.as_str())?;
    let days = now.unix_ms().saturating_sub(made.unix_ms()) / DAY_MS;
    if days > UNSEALED_DAYS_MAX {
        writeln!(
            out,
            "note: that is {days} days ago. If the box was on since, its end may have been cut off: only the witness's own \
             checkpoint tells"
        )?;
    }
    Ok(())
}

/// Verifies again where a box that runs has sealed or deleted meanwhile: what was read of before and of after does not fit.
fn verify_unmoved(vault: &impl Vault, mut verify: impl FnMut() -> Report) -> Report {
    for _ in 1..RUNS_MAX {
        let before = vault.log().ok();
        let report = verify();
        if report.is_right() || vault.log().ok() == before {
            return report;
        }
    }
    verify()
}

fn find_data(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let data = data_folder::find(given)?;
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    Ok(data)
}

/// What the witness has signed, from its own file or from the copy on the box.
fn read_witnessed(folder: &Folder, file: Option<&Path>, witness: &VerifierKey) -> anyhow::Result<Witnessed> {
    let text = match file {
        Some(file) => fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => folder.read_witnessed()?.context("there is no sealed/witnessed: give --checkpoint FILE")?,
    };
    Witnessed::read(&text, witness).context("what the witness is said to have signed")
}

/// Signs what a box's log has grown into. A box with another key than those that it knows is another box: somebody has to
/// say that it is one, or the log could be written anew under a new key.
pub(crate) fn witness(data: &Path, state: &Path, is_new_box: bool) -> anyhow::Result<ExitCode> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(state)
        .with_context(|| format!("cannot make the witness's folder {}", state.display()))?;
    let witness = seal_key::open(&state.join(WITNESS_KEY_FILE), SigningKey::of_witness)?;
    let folder = Folder::new(data);
    let signer = folder.read_key()?.context("the folder has no sealed/key: nothing was ever sealed")?;
    let log = folder.read_log()?;
    let Some(last) = log.entries().last() else { bail!("nothing is sealed yet") };
    let signed = Signed::new(state, &signer);
    let before = signed.read(witness.verifier())?;
    if before.is_none() && !is_new_box && Signed::knows_any(state)? {
        bail!(
            "nothing is signed: {signer} is a key that this witness has never seen. Where a box is new or was replaced, say \
             --new-box; where none was, somebody has to look at the box"
        )
    }
    let proof = match &before {
        // Where there is no proof, the witness says why it signs nothing.
        Some(before) => log.tree().prove_growth(before.checkpoint().size).unwrap_or_default(),
        None => Vec::new(),
    };
    let now_signed = cosign(before.as_ref(), &last.note, &proof, &signer, &witness, now())
        .context("nothing is signed: somebody has to look at the box")?;
    let note = now_signed.note().write();
    signed.write(&note)?;
    writeln!(io::stderr(), "witness: {}", witness.verifier())?;
    write!(io::stdout(), "{note}")?;
    Ok(ExitCode::SUCCESS)
}

/// What a witness has signed of one box.
struct Signed(PathBuf);

impl Signed {
    fn new(state: &Path, signer: &VerifierKey) -> Self {
        Self(state.join(signer.name().replace('/', "-")))
    }

    /// Whether the witness has signed for any box.
    fn knows_any(state: &Path) -> anyhow::Result<bool> {
        let entries = fs::read_dir(state).with_context(|| format!("cannot read {}", state.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            if name != WITNESS_KEY_FILE && !name.as_encoded_bytes().starts_with(b".") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&self, witness: &VerifierKey) -> anyhow::Result<Option<Witnessed>> {
        let Some(text) = seal_key::read_note(&self.0)? else { return Ok(None) };
        let witnessed = Witnessed::read(&text, witness);
        witnessed.map(Some).with_context(|| format!("{} is damaged", self.0.display()))
    }

    fn write(&self, note: &str) -> anyhow::Result<()> {
        seal_key::write_note(&self.0, note).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use archive::Finding;

    use super::*;

    #[test]
    fn what_nobody_looked_at_is_neither_right_nor_wrong() {
        for (is_right, locked, expected) in [(true, 0, 0), (true, 3, 2), (false, 0, 1), (false, 3, 1)] {
            assert_eq!(status(is_right, locked), expected, "{is_right}, {locked}");
        }
    }

    #[test]
    fn what_moved_meanwhile_is_verified_again() {
        let check = |is_moving: bool, expected: (u32, bool)| {
            let data = tempfile::tempdir().unwrap();
            let log = data.path().join("sealed/log");
            fs::create_dir(data.path().join("sealed")).unwrap();
            let mut runs = 0;
            let report = verify_unmoved(&Folder::new(data.path()), || {
                runs += 1;
                if is_moving && runs == 1 {
                    fs::write(&log, "grown").unwrap();
                }
                let is_wrong = runs == 1 || !is_moving;
                Report {
                    findings: is_wrong.then_some(Finding::NoLog).into_iter().collect(),
                    ..Report::default()
                }
            });
            assert_eq!((runs, report.is_right()), expected, "{is_moving}");
        };
        check(true, (2, true));
        check(false, (1, false));
    }
}
