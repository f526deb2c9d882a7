//! `preau blocklist`: compile a list, ask an index.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use blocklist::{Event, Index, Query, Summary};
use system::lists;
use system::publication::publish_archive;

/// What stands in a column that has nothing to say.
const NOTHING: &str = "-";

/// Compiles the list at `source` into the index `out`, and shows on standard error what is read and what is
/// left out.
pub(crate) fn build(source: &Path, out: &Path) -> anyhow::Result<ExitCode> {
    let mut shown = io::stderr().lock();
    // Progress that nobody can read any more is no reason to stop.
    let mut report = |event: Event<'_>| drop(show_event(&mut shown, &event));
    let summary = lists::build_index(source, out, &mut report)
        .with_context(|| format!("no index from {}", source.display()))?;
    let _shown = show_summary(&mut shown, out, &summary);
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each argument: the argument, the categories, the list line, between tabs. An argument
/// that is neither a name, an address nor a URL has its line too, and makes the exit code 1.
pub(crate) fn lookup(index: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let index = lists::open_index(index)?;
    let mut answers = io::BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for argument in arguments {
        let answer = argument.parse().map(|query| answer(&index, &query));
        if let Err(error) = &answer {
            let _told = writeln!(io::stderr(), "preau: {argument:?}: {error}");
            code = ExitCode::FAILURE;
        }
        let (categories, line) = answer.ok().flatten().unwrap_or((NOTHING.into(), NOTHING.into()));
        writeln!(answers, "{argument}\t{categories}\t{line}")?;
    }
    answers.flush()?;
    Ok(code)
}

/// Publishes an archive in a mirror's folder, and prints a line for each difference that leads to it: the file and its size in
/// bytes, between tabs.
pub(crate) fn publish(archive: &Path, out: &Path) -> anyhow::Result<ExitCode> {
    let published = publish_archive(archive, out)?;
    let mut shown = io::stdout().lock();
    for (file, bytes) in &published.differences {
        writeln!(shown, "{file}\t{bytes}")?;
    }
    let state = if published.is_new { "a new archive" } else { "the archive is published already" };
    writeln!(io::stderr(), "preau: {state}, {} differences lead to it", published.differences.len())?;
    Ok(ExitCode::SUCCESS)
}

/// The categories, joined by commas, and the line.
fn answer(index: &Index, query: &Query) -> Option<(String, String)> {
    let found = index.find(query)?;
    let names = found.set.iter().filter_map(|id| index.categories().get(id.rank()));
    let categories: Vec<_> = names.map(|category| category.as_str()).collect();
    Some((categories.join(","), found.line))
}

pub(crate) fn show_event(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    match event {
        Event::Read { path, accepted, rejected: 0 } => writeln!(out, "{path}: {accepted} lines"),
        Event::Read { path, accepted, rejected } => {
            writeln!(out, "{path}: {accepted} lines, {rejected} rejected")
        }
        Event::Rejected { path, line, reason, excerpt } => {
            writeln!(out, "{path}:{line}: {reason}: {excerpt}")
        }
        Event::Odd { path, oddity } => writeln!(out, "{}: {oddity}", path.escape_debug()),
    }
}

fn show_summary(out: &mut impl Write, index: &Path, summary: &Summary) -> io::Result<()> {
    show_counts(out, summary)?;
    writeln!(out, "{}: {} bytes", index.display(), summary.bytes)
}

/// What went into an index.
pub(crate) fn show_counts(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary { domains, addresses, urls, removed, rejected, categories, aliases, expressions, bytes: _ } =
        summary;
    writeln!(out, "{categories} categories, {aliases} aliases")?;
    writeln!(out, "{domains} domains, {addresses} addresses, {urls} URLs; {rejected} lines rejected")?;
    if *removed > 0 {
        writeln!(out, "{removed} lines taken out by difference files")?;
    }
    if *expressions > 0 {
        writeln!(
            out,
            "{expressions} regular expressions not applied: they are about whole URLs, which the box does not see"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_categories_and_line() {
        let index = blocklist::builtin();
        let check = |argument: &str, expected: Option<(&str, &str)>| {
            let found = answer(&index, &argument.parse().unwrap());
            let found = found.as_ref().map(|(categories, line)| (categories.as_str(), line.as_str()));
            assert_eq!(found, expected, "{argument}");
        };
        check("https://www.adult.preau.test/a", Some(("adult", "adult.preau.test")));
        check("Gambling.preau.test.", Some(("gambling", "gambling.preau.test")));
        check("preau.test", None);
    }

    #[test]
    fn a_build_says_what_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("blacklists/adult");
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(source.join("domains"), "a.example\n\nb c.example\n").unwrap();
        std::fs::write(source.join("expressions"), "(a|b)\n").unwrap();
        let out = folder.path().join("index");
        let mut shown = Vec::new();
        let mut report = |event: Event<'_>| show_event(&mut shown, &event).unwrap();
        let summary = lists::build_index(folder.path(), &out, &mut report).unwrap();
        show_summary(&mut shown, Path::new("index"), &summary).unwrap();
        let expected = format!(
            "adult/domains:3: not a domain: ' ' cannot stand in a host name: b c.example\n\
             adult/domains: 1 lines, 1 rejected\n\
             1 categories, 0 aliases\n\
             1 domains, 0 addresses, 0 URLs; 1 lines rejected\n\
             1 regular expressions not applied: they are about whole URLs, which the box does not see\n\
             index: {} bytes\n",
            summary.bytes
        );
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }

    #[test]
    fn an_argument_without_meaning_makes_the_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("index");
        let list = folder.path().join("adult");
        std::fs::create_dir(&list).unwrap();
        std::fs::write(list.join("domains"), "a.example\n").unwrap();
        assert_eq!(build(folder.path(), &out).unwrap(), ExitCode::SUCCESS);
        let code = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            lookup(&out, &arguments).unwrap()
        };
        assert_eq!(code(&["a.example", "b.example"]), ExitCode::SUCCESS);
        assert_eq!(code(&["a.example", "a b"]), ExitCode::FAILURE);
        assert!(build(&folder.path().join("missing"), &out).is_err());
        assert!(lookup(&folder.path().join("missing"), &[]).is_err());
    }
}
