//! What a new list lacks of the one in force: a list that lost much is more likely broken than cleaned.

use std::collections::BTreeMap;
use std::fmt;

use model::Category;

use crate::catalog::CategoryFacts;
use crate::index::Index;
use crate::set::CategoryId;

/// A category may lose this share of its lines from one list to the next: one fifth.
const SHARE_MAX: u64 = 5;
/// Lines that any category may lose: a small one is put in order by hand, a few lines at a time.
const LINES_ALWAYS_LOST: u64 = 9;

/// A category that lost more than a new list should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The category, or another name of one.
    pub category: Category,
    /// Its lines in the list in force.
    pub before: u64,
    /// Its lines in the new list; `None` where nothing has its name any more.
    pub after: Option<u64>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(after) => write!(f, "{}: {} lines, {after} in the new list", self.category, self.before),
            None => write!(f, "{}: {} lines, gone from the new list", self.category, self.before),
        }
    }
}

/// The lines of each category, by its own name and by its other names: what a later list is compared with.
#[must_use]
pub fn count_lines(index: &Index) -> BTreeMap<Category, u64> {
    let ids = (0..index.categories().len()).filter_map(CategoryId::new);
    let named = ids.flat_map(|id| {
        let facts = index.category_facts(id);
        let lines = facts.map(CategoryFacts::lines).unwrap_or_default();
        let own = index.categories().get(id.rank());
        let aliases = facts.map(|facts| facts.aliases.as_slice()).unwrap_or_default();
        own.into_iter().chain(aliases).map(move |name| (name.clone(), lines))
    });
    named.collect()
}

/// The categories of `before` that shrank in `after` by more than a fifth of their lines and by ten lines at
/// least, and those that are empty or gone, in alphabetical order. Other names of a category count like its
/// own: a profile may use them. Only categories for which `is_wanted` says so are compared.
#[must_use]
pub fn find_losses(
    before: &BTreeMap<Category, u64>,
    after: &BTreeMap<Category, u64>,
    is_wanted: impl Fn(&Category) -> bool,
) -> Vec<Loss> {
    let wanted = before.iter().filter(|(name, _)| is_wanted(name));
    wanted
        .map(|(name, before)| Loss {
            category: name.clone(),
            before: *before,
            after: after.get(name).copied(),
        })
        .filter(|loss| is_loss(loss.before, loss.after))
        .collect()
}

fn is_loss(before: u64, after: Option<u64>) -> bool {
    let after = after.unwrap_or(0);
    let lost = before.saturating_sub(after);
    let is_empty = before > 0 && after == 0;
    let shrank = lost > LINES_ALWAYS_LOST && lost.saturating_mul(SHARE_MAX) > before;
    is_empty || shrank
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compiler, Event};

    #[test]
    fn a_fifth_and_ten_lines_are_too_much_and_so_is_everything() {
        for (before, after, expected) in [
            (4_600_000, Some(3_680_000), false),
            (4_600_000, Some(3_679_999), true),
            (4_600_000, Some(5_000_000), false),
            (100, Some(80), false),
            (100, Some(79), true),
            (49, Some(39), true),
            (49, Some(40), false),
            (12, Some(3), false),
            (12, Some(2), true),
            (12, Some(1), true),
            (12, Some(0), true),
            (1, Some(0), true),
            (1, None, true),
            (0, None, false),
            (0, Some(0), false),
        ] {
            assert_eq!(is_loss(before, after), expected, "{before} -> {after:?}");
        }
    }

    /// The counts of an index with so many lines in each category, and other names for some.
    fn counts(categories: &[(&str, u64)], aliases: &[(&str, &str)]) -> BTreeMap<Category, u64> {
        let mut ignore = |_: Event<'_>| {};
        let mut compiler = Compiler::new(&mut ignore);
        for (category, lines) in categories {
            let lines: String = (0..*lines).map(|n| format!("site-{n}.{category}.example\n")).collect();
            compiler.add_file(&format!("{category}/domains"), lines.as_bytes()).unwrap();
        }
        for (alias, target) in aliases {
            compiler.add_alias(alias, target).unwrap();
        }
        count_lines(&Index::open(compiler.finish().unwrap().bytes).unwrap())
    }

    #[test]
    fn losses_are_told_by_name_in_order() {
        let before = counts(&[("adult", 100), ("games", 50), ("press", 30)], &[("porn", "adult")]);
        let check = |after: &BTreeMap<Category, u64>, expected: &[&str]| {
            let found: Vec<_> = find_losses(&before, after, |_| true).iter().map(Loss::to_string).collect();
            assert_eq!(found, expected);
        };
        check(&before, &[]);
        check(
            &counts(&[("adult", 10), ("games", 41), ("press", 30)], &[]),
            &["adult: 100 lines, 10 in the new list", "porn: 100 lines, gone from the new list"],
        );
        // Another name for the same sites is no loss.
        check(&counts(&[("porn", 100), ("games", 50), ("press", 30), ("new", 1)], &[("adult", "porn")]), &[]);
        check(
            &counts(&[("adult", 100), ("games", 50)], &[("porn", "adult")]),
            &["press: 30 lines, gone from the new list"],
        );
    }

    #[test]
    fn what_nobody_wants_any_more_is_no_loss() {
        let (before, after) = (counts(&[("adult", 100), ("press", 30)], &[]), counts(&[("adult", 100)], &[]));
        assert_eq!(find_losses(&before, &after, |name| name.as_str() != "press"), []);
        assert_eq!(find_losses(&before, &after, |_| true).len(), 1);
    }
}
