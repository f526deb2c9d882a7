//! `preau hub export`: all that a hub has, in files that any program reads: the end of a contract, or somebody who wants to look.
//!
//! Invariant: no secret leaves: neither keys of the hub, nor codes, nor what people sign in with. What is encrypted stays so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use hub::blobs::{Blobs, Place};
use hub::register::people::Act;
use hub::register::{BoxState, Records, SIGNED_MAX, StoredFile, StoredSnapshot};
use model::Timestamp;
use replication::School;
use replication::limits::{FILE_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::hub_engines::{open_blobs, open_register};

/// What is exported tells of schools and people.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Acts that are read at a time.
const ACTS_A_TIME: u32 = 1_000;
/// Alerts are kept in this number at most, with those that wait.
const ALERTS_MAX: u32 = 10_000;

/// Writes everything into a folder that is empty, or is not there yet.
pub(crate) fn export(out: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    let (register, blobs) = (open_register(data)?, open_blobs(data)?);
    let mut export = Export::begin(out)?;
    write_schools(&mut export, &*register)?;
    write_people(&mut export, &*register)?;
    let missing = write_boxes(&mut export, &*register, &*blobs)?;
    export.end()?;
    let mut said = io::stdout().lock();
    writeln!(said, "{} files, {} bytes are in {}", export.files, export.bytes, out.display())?;
    writeln!(said, "sha256sum --check SHA256SUMS says there whether they are whole")?;
    for path in &missing {
        writeln!(said, "missing among the hub's files: {path}")?;
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_schools(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let schools = register.schools()?.into_iter();
    let schools =
        schools.map(|School { uai, name, rooms }| json!({ "uai": uai, "name": name, "rooms": rooms }));
    export.write_lines("schools.jsonl", schools)?;
    let standings = register.standings()?.into_iter().map(
        |kept| json!({ "uai": kept.uai, "level": kept.level.as_str(), "since_ms": kept.since.unix_ms() }),
    );
    export.write_lines("standings.jsonl", standings)?;
    let alerts = register.alerts(ALERTS_MAX)?.into_iter().map(|alert| {
        json!({
            "id": alert.id, "channel": alert.new.channel.as_str(), "uai": alert.new.uai, "subject": alert.new.subject,
            "made_ms": alert.made.unix_ms(), "tries": alert.tries, "is_sent": alert.is_sent,
            "ended_ms": alert.ended.map(Timestamp::unix_ms),
        })
    });
    export.write_lines("alerts.jsonl", alerts)?;
    if let Some((_, note)) = register.policy()? {
        export.write("policy.note", note.as_bytes())?;
    }
    Ok(())
}

fn write_people(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let people = register.members()?.into_iter().map(|member| {
        let duties: Vec<&str> = member.duties.iter().map(|duty| duty.as_str()).collect();
        let disabled = member.disabled.map(Timestamp::unix_ms);
        json!({ "id": member.id.0, "name": member.name.as_str(), "duties": duties, "disabled_ms": disabled })
    });
    export.write_lines("people.jsonl", people)?;
    let (mut acts, mut before) = (Vec::new(), None);
    loop {
        let page = register.acts(before, ACTS_A_TIME)?;
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        acts.extend(page.into_iter().map(|(number, Act { at, author, network, deed, about })| {
            json!({ "number": number, "at_ms": at.unix_ms(), "author": author, "network": network, "deed": deed, "about": about })
        }));
    }
    acts.reverse();
    export.write_lines("acts.jsonl", acts.into_iter())
}

/// Boxes, with all that they have sent; what is noted and is not there.
fn write_boxes(
    export: &mut Export,
    register: &dyn Records,
    blobs: &dyn Blobs,
) -> anyhow::Result<Vec<String>> {
    let (mut boxes, mut files, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for state in register.boxes()? {
        let id = state.id;
        for StoredFile { hash, name, bytes, until } in register.files(id)? {
            let path = format!("files/{}/{hash}", id.0);
            files.push(json!({ "box": id.0, "name": name, "hash": hash.to_string(), "bytes": bytes, "until_ms": until.unix_ms(), "path": path }));
            match blobs.read(Place::sealed(id, hash), FILE_BYTES_MAX).with_context(|| path.clone())? {
                Some(bytes) => export.write(&path, &bytes)?,
                None => missing.push(path),
            }
        }
        for signed in register.signed_states(id, SIGNED_MAX)? {
            export.write(&format!("checkpoints/{}/{}", id.0, signed.size), signed.note.as_bytes())?;
        }
        let reports = register.reports(id, Timestamp::from_unix_ms(0))?.into_iter();
        let reports = reports.map(|report| {
            let health: Value = serde_json::from_str(&report.health).unwrap_or_default();
            json!({ "at_ms": report.at.unix_ms(), "health": health })
        });
        export.write_lines(&format!("reports/{}.jsonl", id.0), reports)?;
        boxes.push(describe(&state));
    }
    let schools = register.schools()?;
    for (id, StoredSnapshot { hash, .. }) in
        schools.iter().map(|school| register.snapshots(&school.uai)).collect::<Result<Vec<_>, _>>()?.concat()
    {
        let path = format!("states/{}/{hash}.age", id.0);
        match blobs.read(Place::state(id, hash), SNAPSHOT_BYTES_MAX).with_context(|| path.clone())? {
            Some(bytes) => export.write(&path, &bytes)?,
            None => missing.push(path),
        }
    }
    export.write_lines("boxes.jsonl", boxes.into_iter())?;
    export.write_lines("files.jsonl", files.into_iter())?;
    Ok(missing)
}

fn describe(state: &BoxState) -> Value {
    json!({
        "id": state.id.0, "uai": state.uai, "log_key": state.log_key, "version": state.version,
        "enrolled_ms": state.enrolled.unix_ms(), "revoked_ms": state.revoked.map(Timestamp::unix_ms),
        "seen_ms": state.seen.map(Timestamp::unix_ms), "log_size": state.log_size,
    })
}

/// A folder that is filled.
struct Export {
    root: PathBuf,
    /// Lines of `SHA256SUMS`.
    sums: String,
    files: u64,
    bytes: u64,
}

impl Export {
    fn begin(root: &Path) -> anyhow::Result<Self> {
        let is_empty = !root.exists() || fs::read_dir(root)?.next().is_none();
        ensure!(is_empty, "{} is not empty: give a folder that is", root.display());
        make_folder(root)?;
        Ok(Self { root: root.to_owned(), sums: String::new(), files: 0, bytes: 0 })
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.root.join(name);
        path.parent().map(make_folder).transpose()?;
        let mut file = create(&path)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| path.display().to_string())?;
        let digits: String =
            digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.sums.push_str(&format!("{digits}  {name}\n"));
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// A JSON document a line.
    fn write_lines(&mut self, name: &str, lines: impl Iterator<Item = Value>) -> anyhow::Result<()> {
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        self.write(name, text.as_bytes())
    }

    fn end(&self) -> anyhow::Result<()> {
        let mut out = BufWriter::new(create(&self.root.join("SHA256SUMS"))?);
        out.write_all(self.sums.as_bytes())?;
        Ok(out.into_inner()?.sync_all()?)
    }
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    file.with_context(|| path.display().to_string())
}
