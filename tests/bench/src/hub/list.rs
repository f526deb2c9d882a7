//! What a night's change of a list costs each box that follows it by differences.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use blocklist::ROOT_FOLDER;
use flate2::Compression;
use flate2::write::GzEncoder;
use system::publication::publish_archive;

use crate::lists::{make_names, write_list};

/// One name in so many goes in a night, and one comes: a list of 4.6 million changes by some 4,400.
const CHANGED_EVERY: usize = 2_090;
const NAME: &str = "blacklists.tar.gz";

/// What a box fetches of a change, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The difference.
    pub difference: u64,
    /// What tells of it: checksums and the sheet.
    pub sheets: u64,
    /// The archive, for a box that has none.
    pub whole: u64,
    /// How long the hub takes to make it, once for all boxes, in seconds.
    pub making_s: f64,
    /// Names that came or went.
    pub changes: usize,
}

/// Publishes a list of so many names, and the one of the next night.
///
/// # Errors
/// The disk fails.
pub fn measure(place: &Path, names: usize) -> Result<Cost> {
    let (lists, mirror, archive) = (place.join("lists"), place.join("mirror"), place.join(NAME));
    let listed = write_list(&lists, names)?;
    pack(&lists, &archive)?;
    publish_archive(&archive, &mirror)?;
    let made = make_names(listed.get(..10_000.min(listed.len())).unwrap_or(&[]), names / CHANGED_EVERY, 7);
    let gone = change(&lists.join(ROOT_FOLDER).join("adult/domains"), &made)?;
    pack(&lists, &archive)?;
    let begun = Instant::now();
    let published = publish_archive(&archive, &mirror)?;
    let making_s = begun.elapsed().as_secs_f64();
    let (_, difference) = published.differences.first().context("no difference was made")?;
    let mut sheets = 0;
    for entry in fs::read_dir(&mirror)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_sheet = name == "MD5SUM.LST" || name == format!("{NAME}.differences");
        sheets += if is_sheet { entry.metadata()?.len() } else { 0 };
    }
    let whole = fs::metadata(&archive)?.len();
    Ok(Cost { difference: *difference, sheets, whole, making_s, changes: gone + made.len() })
}

/// Takes names out all over the list, and puts others in their places; how many went.
fn change(path: &Path, made: &[String]) -> Result<usize> {
    let changed = path.with_extension("changed");
    let mut out = BufWriter::new(File::create(&changed)?);
    let (mut made, mut gone) = (made.iter(), 0);
    for (number, line) in BufReader::new(File::open(path)?).lines().enumerate() {
        if number % CHANGED_EVERY == CHANGED_EVERY - 1 {
            gone += 1;
            made.next().map(|name| writeln!(out, "{name}")).transpose()?;
        } else {
            writeln!(out, "{}", line?)?;
        }
    }
    made.try_for_each(|name| writeln!(out, "{name}"))?;
    out.flush()?;
    fs::rename(changed, path)?;
    Ok(gone)
}

fn pack(lists: &Path, archive: &Path) -> Result<()> {
    let mut builder = tar::Builder::new(GzEncoder::new(File::create(archive)?, Compression::fast()));
    builder.append_dir_all(ROOT_FOLDER, lists.join(ROOT_FOLDER))?;
    builder.into_inner()?.finish()?.flush()?;
    Ok(())
}
