//! How the texts for people are set, whatever room they are in.

use crate::house::{files, read};

/// French typography: no plain space beside the double punctuation, no typewriter apostrophe.
const WRONG: [&str; 8] = [" :", " ;", " ?", " !", " »", "« ", "'", "..."];

#[test]
fn french_texts_are_well_set() {
    let french: Vec<String> =
        files("appliance", "ftl").into_iter().filter(|path| path.ends_with("/fr.ftl")).collect();
    assert!(!french.is_empty(), "no texts");
    for path in french {
        for line in read(&path).lines().filter(|line| !line.starts_with('#')) {
            // Further lines of a text have no key.
            let text = line.split_once(" = ").map_or(line, |(_, text)| text);
            for wrong in WRONG {
                assert!(!text.contains(wrong), "{path}: {wrong:?} in {line:?}");
            }
        }
    }
}
