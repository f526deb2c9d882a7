//! The lists of Université Toulouse Capitole (UT1): reading, compiling, and exact lookup.
//!
//! Invariant: pure. Sources come in as readers, indexes as bytes; the `system` room opens files and maps them.

mod index;
mod set;

pub use index::{Index, NameMatch, OpenError, UrlMatch};
pub use set::{CATEGORIES_MAX, CategoryId, CategorySet};
