//! The list that a box has before its first real one.

use crate::compiler::{BuildError, Compiler};
use crate::index::Index;

/// Widely known sites that nobody takes for anything else, and names that exist in tests only. Every box
/// refuses something from its first minute on; it does not replace the UT1 lists.
const BUILTIN: [(&str, &str); 2] = [
    (
        "adult/domains",
        "adult.preau.test
        bangbros.com
        beeg.com
        brazzers.com
        chaturbate.com
        eporner.com
        jacquieetmichel.net
        livejasmin.com
        onlyfans.com
        playboy.com
        pornhub.com
        redtube.com
        spankbang.com
        stripchat.com
        tube8.com
        xhamster.com
        xnxx.com
        xvideos.com
        youporn.com",
    ),
    (
        "gambling/domains",
        "gambling.preau.test
        888casino.com
        bet365.com
        betclic.fr
        betway.com
        bwin.com
        pokerstars.com
        unibet.fr
        winamax.fr",
    ),
];

/// The built-in list: `adult` and `gambling`, with `adult.preau.test` and `gambling.preau.test` to try.
#[must_use]
pub fn builtin() -> Index {
    #[expect(clippy::expect_used, reason = "the list is a constant: a test compiles it")]
    compile().expect("the built-in list compiles")
}

fn compile() -> Option<Index> {
    let mut ignore = |_: crate::Event<'_>| {};
    let mut compiler = Compiler::new(&mut ignore);
    let files = BUILTIN.iter().try_for_each(|(path, lines)| compiler.add_file(path, lines.as_bytes()));
    let compiled: Result<_, BuildError> = files.and_then(|()| compiler.finish());
    Index::open(compiled.ok()?.bytes).ok()
}

#[cfg(test)]
mod tests {
    use model::DomainName;

    use super::*;

    #[test]
    fn every_line_compiles_and_covers_names_under_it() {
        let index = builtin();
        assert_eq!(index.categories().iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["adult", "gambling"]);
        for (rank, (_, lines)) in BUILTIN.iter().enumerate() {
            for line in lines.lines() {
                let name = DomainName::parse(&format!("www.{}", line.trim())).unwrap();
                let found = index.match_name(&name);
                assert_eq!(found.len(), 1, "{line}");
                assert_eq!(found[0].set.first().map(|id| id.rank()), Some(rank), "{line}");
            }
        }
        assert!(index.match_name(&DomainName::parse("education.gouv.fr").unwrap()).is_empty());
    }
}
