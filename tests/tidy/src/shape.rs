//! How the house looks from outside, and how long its files are.

use crate::house;

/// Longest file of code, in lines: what does not fit has more than one subject.
const LINES_MAX: usize = 800;

/// What may stand at the top of the repository, hidden files aside.
const TOP: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "appliance",
    "dev",
    "docs",
    "firmware-config",
    "image",
    "systemd",
    "target",
    "tests",
];

#[test]
fn the_top_has_only_what_belongs_there() {
    let strangers: Vec<String> = house::entries(".")
        .into_iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn what_a_stranger_needs_is_there() {
    let top = house::entries(".");
    for name in ["README.md", "LICENSE", "CHANGELOG.md", "dev", "Cargo.lock", "docs"] {
        assert!(top.contains(name), "{name}");
    }
    assert!(house::read("LICENSE").starts_with("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n"));
}

#[test]
fn no_file_is_too_long() {
    for path in ["appliance", "tests"].into_iter().flat_map(|folder| house::files(folder, "rs")) {
        let lines = house::read(&path).lines().count();
        assert!(
            lines <= LINES_MAX,
            "{path} has {lines} lines, {LINES_MAX} at most: it has more than one subject"
        );
    }
}

/// Every link of a document to a file of the house leads somewhere.
#[test]
fn links_of_documents_lead_somewhere() {
    let mut documents: Vec<String> = house::files("docs", "md").into_iter().collect();
    documents.extend(["README.md", "CHANGELOG.md"].map(str::to_owned));
    for document in documents {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&house::read(&document)) {
            let is_there = house::root().join(folder).join(&link).exists();
            assert!(is_there, "{document} links to {link}, which is not there");
        }
    }
}

/// The files that a Markdown text links to, without the place inside the file.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files.filter_map(|target| target.split('#').next()).map(str::to_owned).collect()
}

#[test]
fn links_are_found() {
    let text = "[a](b.md) [c](d/e.md#f) [g](https://example.org) [h](#i)";
    assert_eq!(links(text), ["b.md", "d/e.md"]);
}
