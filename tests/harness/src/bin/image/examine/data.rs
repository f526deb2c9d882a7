//! What the box keeps, as a start after a cut finds it: the file system mends itself, the journal and the state are whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use ring::digest::{Context, SHA256};

use super::table::hex;
use super::tools::{self, text};
use crate::write_log::Span;

/// The box's folder in the file system.
const DATA: &str = "/lib/preau";
/// Files and folders of it that are large, and of which nothing is verified here: what is set aside, and a release that waits.
const LARGE: [&str; 3] = ["reserve", "reserve-of-log", "releases"];
/// What is mended after any cut, and loses nothing: sums of what is free, which the journal of the file system does not have, and
/// files that were erased while they were open.
const HARMLESS: [&str; 5] = [
    "Free blocks count wrong",
    "Free inodes count wrong",
    "Feature orphan_present is set but orphan file is clean",
    "Orphan file block is not clean",
    "Clearing orphaned inode",
];
const VERIFIED: &str = "verified: nothing was changed";
/// The file without which nothing was ever sealed.
const SEAL_KEY: &str = "sealed/key";
const STATE: &str = "state.sqlite";

/// Looks at one volume after another.
pub(crate) struct Examiner {
    /// Where files are taken out to.
    pub(crate) folder: PathBuf,
    /// The program of the box.
    pub(crate) preau: PathBuf,
    /// What was found of files, by the hash of them all.
    pub(crate) known: BTreeMap<String, Result<Files, String>>,
}

/// What was found of the box's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    records: Option<u64>,
    has_state: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What the start mended, and how often.
    pub(crate) mended: BTreeMap<String, usize>,
    /// How many records the journal has, where anything was sealed.
    pub(crate) records: Option<u64>,
    /// Whether there was a state.
    pub(crate) has_state: bool,
}

impl Examiner {
    /// Looks at a volume. Its file is mended, as a start does it; which bytes of it were written is told, too.
    ///
    /// # Errors
    /// Something is lost or damaged.
    pub(crate) fn look(&mut self, volume: &Path) -> Result<(Found, Vec<Span>)> {
        let volume = text(volume)?;
        let (mended, written) = tools::run_watched("e2fsck", &["-y", volume], &self.folder.join("trace"))?;
        ensure!(
            matches!(mended.status, Some(0 | 1)),
            "e2fsck ends with {:?}: {}{}",
            mended.status,
            mended.out,
            mended.error
        );
        let again = tools::run("e2fsck", &["-f", "-n", volume])?;
        ensure!(again.status == Some(0), "e2fsck finds more: {}{}", again.out, again.error);
        let found = Found { mended: questions(&mended.out), ..Found::default() };
        for question in found.mended.keys() {
            ensure!(HARMLESS.contains(&question.as_str()), "e2fsck had to mend: {question}\n{}", mended.out);
        }
        self.take_out(volume)?;
        let data = self.folder.join("preau");
        let mut hash = Context::new(&SHA256);
        add_to_hash(&data, &mut hash)?;
        let hash = hex(hash.finish().as_ref());
        let files = match self.known.get(&hash) {
            Some(known) => known.clone(),
            None => self.look_at_files(&data).map_err(|wrong| format!("{wrong:#}")),
        };
        self.known.insert(hash, files.clone());
        let Files { records, has_state } = files.map_err(anyhow::Error::msg)?;
        Ok((Found { records, has_state, ..found }, written))
    }

    fn look_at_files(&self, data: &Path) -> Result<Files> {
        let mut found = Files::default();
        let state = data.join(STATE);
        found.has_state = state.exists();
        if found.has_state {
            let said = tools::run("sqlite3", &[text(&state)?, "PRAGMA integrity_check"])?;
            let is_whole = said.status == Some(0) && said.out.trim() == "ok";
            ensure!(is_whole, "{STATE}: {}{}", said.out, said.error);
        }
        if data.join(SEAL_KEY).exists() {
            let said = tools::run(text(&self.preau)?, &["journal", "verify", "--data", text(data)?])?;
            let is_whole = said.status == Some(0) && said.out.contains(VERIFIED);
            ensure!(is_whole, "the journal: {}{}", said.out, said.error);
            found.records = Some(records(&said.out).with_context(|| format!("no count: {}", said.out))?);
        }
        Ok(found)
    }

    /// Takes the box's files out, as far as they are looked at.
    fn take_out(&self, volume: &str) -> Result<()> {
        let data = self.folder.join("preau");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        let to = text(&data)?;
        let listed = tools::run("debugfs", &["-R", &format!("ls -p {DATA}"), volume])?;
        let names = listed.out.lines().filter_map(|line| line.split('/').nth(5));
        let names = names.filter(|name| !matches!(*name, "." | ".." | "") && !LARGE.contains(name));
        let commands: String = names.map(|name| format!("rdump \"{DATA}/{name}\" \"{to}\"\n")).collect();
        let orders = self.folder.join("orders");
        fs::write(&orders, commands)?;
        let said = tools::run("debugfs", &["-f", text(&orders)?, volume])?;
        ensure!(said.status == Some(0), "debugfs: {}", said.error);
        // Its own name and version are all that it says where it succeeds.
        let trouble = said.error.lines().find(|line| !line.starts_with("debugfs ") && !line.is_empty());
        ensure!(trouble.is_none(), "debugfs: {}", said.error);
        Ok(())
    }
}

/// The names and bytes of all files of a folder.
fn add_to_hash(folder: &Path, hash: &mut Context) -> Result<()> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort_unstable();
    for path in paths {
        hash.update(path.as_os_str().as_encoded_bytes());
        if path.is_dir() {
            hash.update(&[0]);
            add_to_hash(&path, hash)?;
        } else {
            let bytes = fs::read(&path)?;
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
    }
    Ok(())
}

/// What e2fsck asked, and how often. Numbers, and what is said of them, are left out.
fn questions(said: &str) -> BTreeMap<String, usize> {
    let mut questions = BTreeMap::new();
    let mut before = "";
    for line in said.lines() {
        let is_alone = ["Fix? yes", "Clear? yes"].contains(&line.trim());
        if line.ends_with("? yes") || line.starts_with("Clearing orphaned inode") {
            let asked = if is_alone { before } else { line };
            let asked = without_numbers(asked.split(['.', '?']).next().unwrap_or(asked));
            *questions.entry(asked).or_insert(0) += 1;
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    questions
}

/// The words that are neither numbers nor in brackets.
fn without_numbers(text: &str) -> String {
    let (mut kept, mut depth) = (Vec::new(), 0_usize);
    for word in text.split_whitespace() {
        let is_outside = depth == 0 && !word.starts_with('(');
        depth = (depth + word.matches('(').count()).saturating_sub(word.matches(')').count());
        if is_outside && !word.starts_with(|letter: char| letter.is_ascii_digit()) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// How many records there are, by the words of `preau journal verify`: those that are sealed, and those that wait for it.
fn records(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains(" wait to be sealed"))?;
    let (sealed, waiting) = line.split_once("; ")?;
    let sealed: u64 = sealed.rsplit_once(' ')?.1.parse().ok()?;
    sealed.checked_add(waiting.split_once(' ')?.0.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_that_are_sealed_and_those_that_wait() {
        let said =
            "key: x\n2 seals with 194 records, up to number 194; 7 wait to be sealed\nverified: nothing";
        assert_eq!(records(said), Some(201));
        assert_eq!(records("verified"), None);
    }

    #[test]
    fn what_is_mended_is_named_without_its_numbers() {
        let said = "preau-data: recovering journal\nClearing orphaned inode 12 (uid=0, gid=0)\n\
                    Free blocks count wrong (5, counted=4).\nFix? yes\n\n\
                    Feature orphan_present is set but orphan file is clean.\nClear? yes\n\n\
                    Orphan file (inode 12) block 0 is not clean.\nClear? yes\n\n\
                    Entry 'a' in /lib (13) has deleted/unused inode 14.  Clear? yes\n";
        let found = questions(said);
        let known: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            known,
            [
                "Clearing orphaned inode",
                "Entry 'a' in /lib has deleted/unused inode",
                "Feature orphan_present is set but orphan file is clean",
                "Free blocks count wrong",
                "Orphan file block is not clean",
            ]
        );
        assert_eq!(known.iter().filter(|question| !HARMLESS.contains(question)).count(), 1);
    }
}
