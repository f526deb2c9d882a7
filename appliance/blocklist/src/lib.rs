//! The lists of Université Toulouse Capitole (UT1): reading, compiling, and exact lookup.
//!
//! A [`Compiler`] takes the files of a list and makes the bytes of an [`Index`], which answers for names,
//! addresses and URLs exactly as the lines of the list say.
//!
//! Invariant: pure. Sources come in as readers, indexes as bytes; the `system` room opens files and maps them.
//! No bytes of a list, an archive or an index make it panic or take unbounded memory.

mod archive;
mod automaton;
mod builtin;
mod catalog;
mod changes;
mod checksums;
mod compile;
mod compiler;
mod difference;
mod directory;
mod format;
mod index;
mod keys;
mod line;
mod lines;
mod loss;
mod names;
mod path;
mod query;
mod report;
mod set;
mod symbols;

#[cfg(test)]
mod exactness;

pub use archive::{ROOT_FOLDER, UNPACKED_BYTES_MAX, read_archive};
pub use builtin::builtin;
pub use catalog::{CategoryFacts, Colour, LineCounts};
pub use checksums::Checksums;
pub use compiler::{BuildError, Compiled, Compiler};
pub use difference::{
    ContentSum, DIFFERENCE_SHEET_BYTES_MAX, DifferenceSheet, SheetError, apply_difference, make_difference,
};
pub use format::{OpenError, Verified, verify};
pub use index::{Index, LineMatch, NameMatch, UrlMatch};
pub use line::{DomainLine, LINE_BYTES_MAX, LineError, UrlLine};
pub use loss::{Loss, count_lines, find_losses};
pub use query::Query;
pub use report::{Event, Oddity, Summary};
pub use set::{CATEGORIES_MAX, CategoryId, CategorySet};
