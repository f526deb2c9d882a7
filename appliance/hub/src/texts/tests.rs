use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use portal::Language;

use super::*;
use crate::register::history::Level;
use crate::register::people::Duty;
use crate::register::web::WebFailure;

/// What the hub's pages have from those of boxes.
const SHARED: &str = "../portal/src/pages/shared";

/// Each message of a file with the variables that it needs.
fn signatures(source: &str) -> BTreeSet<String> {
    let entries = source.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut signatures = BTreeSet::new();
    for entry in entries {
        let (key, text) = entry.split_once(" = ").unwrap_or_else(|| panic!("one message a line: {entry:?}"));
        let variables: BTreeSet<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::trim).collect();
        let signature = format!("{key} {}", Vec::from_iter(variables).join(" "));
        assert!(signatures.insert(signature.trim_end().to_owned()), "{key} stands twice");
    }
    signatures
}

fn keys() -> BTreeSet<String> {
    let signatures = signatures(FRENCH_SOURCE);
    signatures.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Every text between quotation marks in the sources that is one of the keys.
fn named(folder: &Path, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.append(&mut named(&path, known));
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "html") {
            let source = fs::read_to_string(&path).unwrap();
            found.extend(source.split('"').filter(|text| known.contains(*text)).map(str::to_owned));
        }
    }
    found
}

/// Keys that are put together of a beginning and a word of the program.
fn composed() -> BTreeSet<String> {
    const FINDINGS: &str = "no-box revoked never-came absent unreadable disk memory no-list list certificate unsigned sealed \
        plain web uncertified no-clock clock warm policy release configuration open untested selftest";
    let mut keys = BTreeSet::new();
    let mut add = |beginning: &str, words: &mut dyn Iterator<Item = &str>| {
        keys.extend(words.map(|word| format!("{beginning}-{word}")));
    };
    add("finding", &mut FINDINGS.split_whitespace());
    add("remedy", &mut FINDINGS.split_whitespace());
    add("uncertified", &mut WebFailure::ALL.iter().map(|failure| failure.as_str()).chain(["nobody"]));
    add("duty", &mut Duty::ALL.iter().map(|duty| duty.as_str()));
    add("level", &mut Level::ALL.iter().map(|level| level.as_str()));
    add("fleet", &mut Level::ALL.iter().map(|level| level.as_str()));
    add("plot", &mut "disk list temperature log".split_whitespace());
    add("rules", &mut ["permit", "refuse"].into_iter());
    add("wishes", &mut ["all", "school", "no"].into_iter());
    add("letter-lists", &mut ["held-subject", "failed-subject", "well-subject"].into_iter());
    add("settings", &mut ["lesson", "restart", "file"].into_iter());
    add("alerts", &mut ["mail", "webhook"].into_iter());
    add(
        "deed",
        &mut "sign-in sign-in-by-paper sign-in-by-provider sign-in-failed sign-out secret-changed telephone-added school-added code-made \
              code-made-replacement code-cancelled box-revoked rule-added rule-removed category-locked category-unlocked request-answered content-added content-removed file-added file-removed notice-added notice-removed list-accepted release-added release-offered release-withdrawn name-added name-removed certificate-put configuration-sent exported engines-moved person-added person-reset \
              person-account person-no-account person-disabled"
            .split_whitespace(),
    );
    keys
}

#[test]
fn both_languages_say_the_same_messages() {
    assert_eq!(signatures(FRENCH_SOURCE), signatures(ENGLISH_SOURCE));
}

#[test]
fn every_key_is_in_use_and_every_composed_one_exists() {
    let (known, composed) = (keys(), composed());
    assert_eq!(composed.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = named(&here.join("src"), &known);
    used.append(&mut named(&here.join(SHARED), &known));
    used.extend(composed);
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "never used");
}

/// What templates and views say with a key of their own is there: a key that is missing would show as itself.
#[test]
fn no_page_names_a_key_that_is_missing() {
    let known = keys();
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHARED);
    let folders = [pages, shared].map(|folder| fs::read_dir(folder).unwrap());
    for path in folders.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let source = fs::read_to_string(&path).unwrap();
        for call in source.split("say(\"").skip(1) {
            let key = call.split('"').next().unwrap();
            assert!(known.contains(key), "{}: {key}", path.display());
        }
    }
}

#[test]
fn variables_are_filled_in() {
    let text = TEXTS.say(Language::French, "trouble-wait", &[("seconds", "15")]);
    assert!(text.contains("dans 15 secondes"), "{text}");
}
