//! `preau hub file`: files that boxes fetch in the night and keep for pupils.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use hub::blobs::Blobs;
use hub::library::fetch::{Reach, fetch, name_of};
use hub::library::{Spool, hand_out, take_back};
use hub::register::library::Held;
use hub::register::{Records, Register};
use jiff::tz::TimeZone;
use model::{FileName, LibraryFile, PreparationTitle, Timestamp, Uai};
use replication::{Health, LibraryHealth, read_json};
use system::clock::now;

use crate::cli::{HandedOut, HubFileCommand};
use crate::hub_command::note_act;
use crate::hub_engines::{open_blobs, open_incoming, open_register};
use crate::times;

const DAY_MS: i64 = 86_400_000;
/// How much of a file is read at a time.
const BUFFER_BYTES: usize = 256 << 10;
const MEGABYTE: u64 = 1_000_000;

pub(crate) fn carry_out(command: HubFileCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubFileCommand::Add { file, title, name, to } => {
            let name = name.map_or_else(|| find_name(&file), Ok)?;
            let spool = read(&file, &to.data.path)?;
            hand(spool, name, title, &to)?;
        }
        HubFileCommand::Fetch { address, title, name, inside, to } => {
            let name = name.or_else(|| name_of(&address));
            let name = name.context("the address ends with no name of a file: give --name")?;
            let reach = if inside { Reach::Inside } else { Reach::Internet };
            let incoming = open_incoming(&to.data.path);
            let spool = fetch(&address, reach, &incoming, &mut show()).with_context(|| address.clone())?;
            hand(spool, name, title, &to)?;
        }
        HubFileCommand::List { data } => list(&*open_register(&data.path)?)?,
        HubFileCommand::Remove { id, data } => {
            let (register, blobs) = (open_register(&data.path)?, open_blobs(&data.path)?);
            let found = register.library(now())?.into_iter().find(|held| held.id == id);
            let found = found.with_context(|| format!("there is no file {id}: preau hub file list"))?;
            note_act(&*register, "file-removed", &about(found.uai.as_deref(), found.file.name.as_str()))?;
            let register: &dyn Register = &*register;
            take_back((register, &*blobs), id, now())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a file of this machine is called.
fn find_name(file: &Path) -> anyhow::Result<FileName> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse().with_context(|| format!("{}: give --name", file.display()))
}

fn read(file: &Path, data: &Path) -> anyhow::Result<Spool> {
    let place = || file.display().to_string();
    let mut source = File::open(file).with_context(place)?;
    ensure!(source.metadata().with_context(place)?.is_file(), "{} is no file", file.display());
    let (mut spool, mut buffer) = (open_incoming(data).begin()?, vec![0; BUFFER_BYTES]);
    loop {
        let read = source.read(&mut buffer).with_context(place)?;
        if read == 0 {
            return Ok(spool);
        }
        spool.take(buffer.get(..read).unwrap_or_default()).with_context(place)?;
    }
}

/// Says how much is here, each ten megabytes.
fn show() -> impl FnMut(u64, Option<u64>) {
    let mut told = 0;
    move |bytes, total| {
        let megabytes = bytes / MEGABYTE;
        if megabytes >= told + 10 {
            told = megabytes;
            let of = total.map_or_else(String::new, |total| format!(" of {}", total / MEGABYTE));
            // Who does not listen misses nothing.
            let _said = writeln!(io::stderr(), "{megabytes}{of} MB");
        }
    }
}

fn hand(spool: Spool, name: FileName, title: PreparationTitle, to: &HandedOut) -> anyhow::Result<()> {
    let HandedOut { days, schools, author, data } = to;
    let (register, blobs) = (open_register(&data.path)?, open_blobs(&data.path)?);
    let known = register.schools()?;
    for uai in schools {
        ensure!(known.iter().any(|school| school.uai == uai.as_str()), "the commune has no school {uai}");
    }
    let until = Timestamp::from_unix_ms(now().unix_ms().saturating_add(i64::from(*days) * DAY_MS));
    let to: Vec<Option<Uai>> =
        if schools.is_empty() { vec![None] } else { schools.iter().cloned().map(Some).collect() };
    for uai in &to {
        note_act(&*register, "file-added", &about(uai.as_ref().map(Uai::as_str), name.as_str()))?;
    }
    let blobs: &dyn Blobs = &*blobs;
    let register: &dyn Register = &*register;
    let file = spool.finish(blobs, name, title, until)?;
    hand_out((register, blobs), &to, &file, (author.as_str(), now()))?;
    let media = file.media.as_str();
    writeln!(io::stdout(), "{} is here, {} bytes, {media}, {}", file.name, file.bytes, file.sha256)?;
    Ok(())
}

fn about(uai: Option<&str>, name: &str) -> String {
    format!("{} {name}", uai.unwrap_or("*"))
}

fn list(register: &dyn Records) -> anyhow::Result<()> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    let boxes = register.boxes()?;
    let told: Vec<(String, Option<LibraryHealth>)> = boxes
        .into_iter()
        .filter(|state| state.revoked.is_none())
        .map(|state| {
            let health = state.health.and_then(|text| read_json::<Health>(text.as_bytes()));
            (state.uai, health.and_then(|health| health.library))
        })
        .collect();
    for Held { id, uai, file, author, .. } in register.library(now())? {
        let to = || told.iter().filter(|(of, _)| uai.as_ref().is_none_or(|uai| uai == of));
        let here = to().filter(|(_, library)| library.as_ref().is_some_and(|it| it.has(&file.sha256)));
        let (here, all, until) = (here.count(), to().count(), times::write(file.until, &zone));
        let uai = uai.as_deref().unwrap_or("*");
        let LibraryFile { name, title, bytes, .. } = &file;
        writeln!(out, "{id}\t{uai}\t{name}\t{title}\t{bytes}\t{until}\t{author}\t{here}/{all}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_and_called_as_it_is_here() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volcan.mp4");
        std::fs::write(&path, vec![7; BUFFER_BYTES + 5]).unwrap();
        assert_eq!(find_name(&path).unwrap().as_str(), "volcan.mp4");
        assert!(find_name(Path::new("/")).is_err() && find_name(Path::new(".profile")).is_err());
        assert!(read(&path, folder.path()).is_ok());
        assert!(read(folder.path(), folder.path()).is_err(), "a folder is none");
        assert!(read(&folder.path().join("none"), folder.path()).is_err());
    }
}
