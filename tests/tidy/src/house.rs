//! Reading the house: its folders, manifests and sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The names in a folder of the house, in order; none when there is no such folder.
pub(crate) fn entries(folder: &str) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file under `folder` with this extension, by its path from the root of the house.
pub(crate) fn files(folder: &str, extension: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in entries(folder) {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            found.append(&mut files(&path, extension));
        } else if name.ends_with(&format!(".{extension}")) {
            found.insert(path);
        }
    }
    found
}

/// The dependencies of a crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// What its code uses, on any target, and its build script.
    pub(crate) used: BTreeSet<String>,
    /// What its tests use besides.
    pub(crate) tested_with: BTreeSet<String>,
}

/// The dependencies of the crate in `folder`.
pub(crate) fn dependencies(folder: &str) -> Dependencies {
    parse_dependencies(&read(&format!("{folder}/Cargo.toml")))
}

fn parse_dependencies(manifest: &str) -> Dependencies {
    let manifest = toml_span::parse(manifest).unwrap();
    let mut tables = vec![&manifest];
    if let Some(targets) = manifest.pointer("/target").and_then(|targets| targets.as_table()) {
        tables.extend(targets.values());
    }
    let names = |table: &str| -> BTreeSet<String> {
        let tables = tables.iter().filter_map(|value| value.pointer(table)?.as_table());
        tables.flat_map(|table| table.keys().map(|key| key.name.to_string())).collect()
    };
    let mut used = names("/dependencies");
    used.append(&mut names("/build-dependencies"));
    Dependencies { used, tested_with: names("/dev-dependencies") }
}

#[test]
fn dependencies_are_found_wherever_they_stand() {
    let found = parse_dependencies(
        "dependencies = { a.workspace = true }\n\
         [build-dependencies]\nb = \"1\"\n\
         [target.'cfg(unix)'.dependencies]\nc = { version = \"1\" }\n\
         [dev-dependencies.d]\nworkspace = true\n",
    );
    let names = |text: &str| text.split(' ').map(str::to_owned).collect();
    assert_eq!(found, Dependencies { used: names("a b c"), tested_with: names("d") });
}
