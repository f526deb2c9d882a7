//! The list that the box and its peers filter with: the one that the blocklist's benchmark has left, or made now.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use model::DomainName;

use crate::lists::{FULL_NAMES, make_names, write_list};

/// What a school refuses in these benchmarks: the names of every category that is not for permitting.
pub struct Listed {
    /// The refused categories.
    pub categories: Vec<String>,
    /// Their names, each once.
    pub names: Vec<String>,
    /// The compiled list, all categories.
    pub index: PathBuf,
}

impl Listed {
    /// Finds the list in `folder`, or makes it there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn find(folder: &Path) -> Result<Self> {
        let folder = fs::canonicalize(folder).context("the folder of the benchmarks")?;
        let index = folder.join("index");
        // One of an older format is none either.
        if system::lists::open_index(&index).is_err() {
            write_list(&folder, FULL_NAMES)?;
            system::lists::build_index(&folder, &index, &mut |_: blocklist::Event<'_>| {})?;
        }
        let (mut categories, mut names) = (Vec::new(), BTreeSet::new());
        for entry in fs::read_dir(folder.join(blocklist::ROOT_FOLDER))? {
            let entry = entry?;
            // An alias is a link to the folder of its category.
            if entry.file_type()?.is_dir() && !is_for_permitting(&entry.path()) {
                categories.push(entry.file_name().to_string_lossy().into_owned());
                let domains = fs::read_to_string(entry.path().join("domains")).unwrap_or_default();
                names.extend(domains.lines().filter_map(plain_name));
            }
        }
        categories.sort_unstable();
        Ok(Self { categories, names: names.into_iter().collect(), index })
    }

    /// `count` names that no category has, shaped like those that some have.
    ///
    /// # Errors
    /// The compiled list is damaged.
    pub fn permitted(&self, count: usize) -> Result<Vec<String>> {
        /// Listed names to take shapes from.
        const MODELS: usize = 100_000;
        const SEED: u64 = 0x5052_4541_5500_0003;
        let index = system::lists::open_index(&self.index)?;
        let models: Vec<String> = self.names.iter().step_by(self.names.len() / MODELS + 1).cloned().collect();
        // Some come out under a listed name; twice as many leave enough.
        let made = make_names(&models, count * 2, SEED);
        let is_free =
            |name: &String| DomainName::parse(name).is_ok_and(|name| index.match_name(&name).is_empty());
        Ok(made.into_iter().filter(is_free).take(count).collect())
    }

    /// `count` of the refused names, from all of the list, every other one by a name under it.
    #[must_use]
    pub fn refused(&self, count: usize) -> Vec<String> {
        let names = self.names.iter().step_by(self.names.len() / count.max(1) + 1);
        let asked = |(number, name): (usize, &String)| match number % 2 {
            0 => name.clone(),
            _ => format!("www.{name}"),
        };
        names.enumerate().map(asked).collect()
    }
}

/// Whether a category is meant for lists of what is permitted, alone or also: its `usage` says so.
fn is_for_permitting(category: &Path) -> bool {
    let usage = fs::read_to_string(category.join("usage")).unwrap_or_default();
    usage.lines().any(|line| line.trim() == "white")
}

/// A name as every peer's configuration takes it; addresses and the rare other spellings stay out.
fn plain_name(line: &str) -> Option<String> {
    DomainName::parse(line).ok().filter(|name| name.as_str() == line).map(|_| line.to_owned())
}
