//! Takes in list files.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use model::Category;

use crate::catalog::{Colour, LineCounts};
use crate::changes::{Change, Changes, Table};
use crate::compile::compile;
use crate::keys::Keys;
use crate::line::{DomainLine, LineError, UrlLine};
use crate::lines::Lines;
use crate::report::{Event, Oddity, Summary};
use crate::set::CATEGORIES_MAX;

/// Most aliases: UT1 has seven. A hostile archive must not fill the memory with them.
const ALIASES_MAX: usize = 1_000;

/// Takes the files of a list one by one, in any order, and compiles them.
pub struct Compiler<'r> {
    report: &'r mut dyn FnMut(Event<'_>),
    draft: Draft,
}

/// All that has been read.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) categories: BTreeMap<Category, CategoryDraft>,
    /// The names of symbolic links, and what they point to.
    pub(crate) aliases: BTreeMap<Category, String>,
    /// Names.
    pub(crate) domains: Keys,
    /// The octets of addresses.
    pub(crate) addresses: Keys,
    /// Hosts and paths.
    pub(crate) urls: Keys,
    pub(crate) summary: Summary,
}

/// A category while its files are read.
#[derive(Default)]
pub(crate) struct CategoryDraft {
    /// How many categories were met before it.
    pub(crate) number: u8,
    pub(crate) colour: Colour,
    pub(crate) counts: LineCounts,
}

/// A compiled list.
#[derive(Debug)]
pub struct Compiled {
    /// The index file.
    pub bytes: Vec<u8>,
    /// What went into it.
    pub summary: Summary,
}

impl<'r> Compiler<'r> {
    /// Starts with no list; `report` hears of progress and of everything that is left out.
    pub fn new(report: &'r mut dyn FnMut(Event<'_>)) -> Self {
        Self { report, draft: Draft::default() }
    }

    /// Reads a file of the list. `path` is relative to the list's root: `adult/domains`. Files that are not
    /// part of a category are passed over.
    ///
    /// # Errors
    /// [`BuildError`] when the file cannot be read, or the list outgrows an index. A bad line is not an error:
    /// it is reported and left out.
    pub fn add_file(&mut self, path: &str, file: impl Read) -> Result<(), BuildError> {
        let Some((folder, name)) = path.split_once('/') else { return Ok(()) };
        let Some(kind) = FileKind::of(name) else { return Ok(()) };
        let Ok(category) = folder.parse::<Category>() else {
            self.pass_over(path, Oddity::Category);
            return Ok(());
        };
        let number = self.draft.category(&category)?.number;
        let (mut accepted, mut rejected) = (0, 0);
        let mut changes = Changes::default();
        let mut lines = Lines::new(BufReader::new(file));
        let read_error = |source| BuildError::Read { path: path.to_owned(), source };
        while let Some(line) = lines.next().map_err(read_error)? {
            let line_number = line.number;
            let taken = line.text.map_err(BadLine::from).and_then(|text| match kind {
                FileKind::Domains => self.draft.add_domain(&category, number, text),
                FileKind::Urls => self.draft.add_url(&category, number, text),
                FileKind::Usage => self.draft.read_colour(&category, text, accepted == 0),
                FileKind::Expressions => self.draft.count_expression(),
                FileKind::DomainChanges => Ok(changes.add_domain(text)??),
                FileKind::UrlChanges => Ok(changes.add_url(text)??),
            });
            match taken {
                Ok(()) => accepted += 1,
                Err(BadLine::Fatal(error)) => return Err(error),
                Err(BadLine::Rejected(reason)) => {
                    rejected += 1;
                    let excerpt = lines.excerpt();
                    (self.report)(Event::Rejected { path, line: line_number, reason, excerpt });
                }
            }
        }
        self.draft.apply(&category, changes)?;
        self.draft.summary.rejected += rejected;
        if kind.is_shown() {
            (self.report)(Event::Read { path, accepted, rejected });
        }
        Ok(())
    }

    /// Notes that the folder `path` is a symbolic link to `target`.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`] for more aliases than a list can have.
    pub fn add_alias(&mut self, path: &str, target: &str) -> Result<(), BuildError> {
        if self.draft.aliases.len() >= ALIASES_MAX {
            return Err(BuildError::TooLarge);
        }
        match path.parse() {
            Ok(alias) => drop(self.draft.aliases.insert(alias, target.to_owned())),
            Err(_) => self.pass_over(path, Oddity::Category),
        }
        Ok(())
    }

    /// Reports that something at `path` is left out.
    pub fn pass_over(&mut self, path: &str, oddity: Oddity) {
        (self.report)(Event::Odd { path, oddity });
    }

    /// Compiles what has been read.
    ///
    /// # Errors
    /// [`BuildError::Empty`] for a list without any line, and [`BuildError::TooLarge`].
    pub fn finish(self) -> Result<Compiled, BuildError> {
        compile(self.draft, self.report)
    }
}

impl Draft {
    fn category(&mut self, category: &Category) -> Result<&mut CategoryDraft, BuildError> {
        let count = self.categories.len();
        if count >= CATEGORIES_MAX && !self.categories.contains_key(category) {
            return Err(BuildError::TooLarge);
        }
        let number = u8::try_from(count).map_err(|_| BuildError::TooLarge)?;
        let new = || CategoryDraft { number, ..CategoryDraft::default() };
        Ok(self.categories.entry(category.clone()).or_insert_with(new))
    }

    fn add_domain(&mut self, category: &Category, number: u8, line: &str) -> Result<(), BadLine> {
        match DomainLine::parse(line)? {
            DomainLine::Name(name) => {
                self.domains.add(number, name.as_str().as_bytes(), unusual(line, name.as_str()))?;
                self.category(category)?.counts.domains += 1;
            }
            DomainLine::Address(address) => {
                self.addresses.add(number, &address.octets(), unusual(line, &address.to_string()))?;
                self.category(category)?.counts.addresses += 1;
            }
        }
        Ok(())
    }

    fn add_url(&mut self, category: &Category, number: u8, line: &str) -> Result<(), BadLine> {
        let url = UrlLine::parse(line)?;
        let key = format!("{}{}", url.host, url.prefix);
        self.urls.add(number, key.as_bytes(), unusual(line, &key))?;
        self.category(category)?.counts.urls += 1;
        Ok(())
    }

    /// Takes in what difference files say of a category.
    fn apply(&mut self, category: &Category, changes: Changes) -> Result<(), BuildError> {
        let number = self.category(category)?.number;
        for ((table, key), change) in changes.into_iter() {
            let keys = match table {
                Table::Domains => &mut self.domains,
                Table::Addresses => &mut self.addresses,
                Table::Urls => &mut self.urls,
            };
            match change {
                Change::Add(spelling) => {
                    keys.add(number, &key, &spelling)?;
                    *self.category(category)?.counts.of(table) += 1;
                }
                Change::Remove => keys.remove(number, &key)?,
            }
        }
        Ok(())
    }

    /// Counts lines that were taken out, each by its kind and its category's number.
    pub(crate) fn subtract(&mut self, removed: &[(Table, u8)]) {
        for category in self.categories.values_mut() {
            for (table, _) in removed.iter().filter(|(_, number)| *number == category.number) {
                let count = category.counts.of(*table);
                *count = count.saturating_sub(1);
            }
        }
        self.summary.removed = removed.len() as u64;
    }

    /// The first line of a `usage` file tells what the category is for; the others are other names of it.
    fn read_colour(&mut self, category: &Category, line: &str, is_first: bool) -> Result<(), BadLine> {
        if is_first && line.eq_ignore_ascii_case("white") {
            self.category(category)?.colour = Colour::White;
        }
        Ok(())
    }

    fn count_expression(&mut self) -> Result<(), BadLine> {
        self.summary.expressions += 1;
        Ok(())
    }
}

/// The line, where it is not the usual text of what it means.
fn unusual<'l>(line: &'l str, usual: &str) -> &'l str {
    if line == usual { "" } else { line }
}

/// The files of a category that mean something here.
#[derive(Clone, Copy)]
enum FileKind {
    Domains,
    Urls,
    Usage,
    Expressions,
    DomainChanges,
    UrlChanges,
}

impl FileKind {
    fn of(name: &str) -> Option<Self> {
        match name {
            "domains" => Some(Self::Domains),
            "urls" => Some(Self::Urls),
            "domains.diff" => Some(Self::DomainChanges),
            "urls.diff" => Some(Self::UrlChanges),
            "usage" => Some(Self::Usage),
            "expressions" | "very_restrictive_expression" => Some(Self::Expressions),
            _ => None,
        }
    }

    /// Whether its lines are sites.
    fn is_shown(self) -> bool {
        match self {
            Self::Domains | Self::Urls | Self::DomainChanges | Self::UrlChanges => true,
            Self::Usage | Self::Expressions => false,
        }
    }
}

/// Why a line is not taken.
enum BadLine {
    /// Because of itself: the next one may be.
    Rejected(LineError),
    /// Because there are too many.
    Fatal(BuildError),
}

impl From<LineError> for BadLine {
    fn from(reason: LineError) -> Self {
        Self::Rejected(reason)
    }
}

impl From<BuildError> for BadLine {
    fn from(error: BuildError) -> Self {
        Self::Fatal(error)
    }
}

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The source has no line at all: a wrong folder, most likely.
    #[error("no list found: not one domain, address or URL in it")]
    Empty,
    /// More than any list has: categories, lines, or bytes.
    #[error("the list is too large for an index")]
    TooLarge,
    /// A file of the list cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its place in the list.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The archive is damaged, truncated, or none.
    #[error("cannot read the archive")]
    Archive(#[source] io::Error),
}
