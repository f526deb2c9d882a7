//! What the French manuals quote is what the box says, and the pictures that they ask for are taken.

use std::collections::BTreeSet;

use crate::house::{files, read};

const TECHNICIAN: &str = "docs/technicien.md";
/// Where that manual tells what each failure looks like: a table, what is read first.
const FAILURES: &str = "### Ce que l'on voit quand cela ne va pas";
/// Texts for whoever puts a fresh box in its place: each is told what to do in that table.
const TROUBLES: [&str; 2] = ["enrol-fault-", "enrol-way-"];
/// Where the box's words are: those of its pages and its screen, and those of a machine that cannot start.
const TEXTS: &str = "appliance/portal/src/texts/fr.ftl";
const EMERGENCY: &str = "image/tree/usr/lib/preau/emergency";

/// A text in the letters of a keyboard.
fn plain(text: &str) -> String {
    let letter = |letter| match letter {
        '’' => '\'',
        '\u{a0}' | '\u{202f}' => ' ',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// What the box says, by its keys; what has none, by itself.
fn texts() -> Vec<(String, String)> {
    let (pages, emergency) = (plain(&read(TEXTS)), plain(&read(EMERGENCY)));
    let pages = pages.lines().map(|line| line.split_once(" = ").unwrap_or(("", line)));
    let texts = pages.chain(emergency.lines().map(|line| ("", line)));
    texts.map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}

/// What stands between two marks, each time.
fn between<'t>(text: &'t str, (open, close): (&str, &str)) -> Vec<&'t str> {
    let rests = text.split(open).skip(1);
    rests.filter_map(|rest| rest.split_once(close)).map(|(inside, _)| inside.trim()).collect()
}

/// What is to be read where something fails, as the manual quotes it: words, and buttons.
fn failures(manual: &str) -> Vec<String> {
    let (_, rest) = manual.split_once(FAILURES).expect("the table of failures");
    let is_row = |line: &&str| line.starts_with('|');
    let rows = rest.lines().skip_while(|line| !is_row(line)).take_while(is_row);
    let cells: Vec<String> = rows.filter_map(|row| row.split('|').nth(1)).map(plain).collect();
    let quote = |cell| [between(cell, ("«", "»")), between_pairs(cell, "**")].concat();
    cells.iter().flat_map(|cell| quote(cell.as_str())).map(str::to_owned).collect()
}

/// What stands between each first and second mark.
fn between_pairs<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    text.split(mark).skip(1).step_by(2).collect()
}

/// Whether a text has all parts of a quotation, which leaves out what stands for `…`.
fn says(text: &str, quotation: &str) -> bool {
    quotation.split('…').all(|part| text.contains(part.trim()))
}

#[test]
fn each_failure_of_the_manual_is_in_the_words_of_the_box() {
    let (texts, quotations) = (texts(), failures(&read(TECHNICIAN)));
    assert!(quotations.len() > 20, "the table has become smaller: {quotations:?}");
    for quotation in quotations {
        assert!(texts.iter().any(|(_, text)| says(text, &quotation)), "nothing says {quotation:?}");
    }
}

#[test]
fn the_manual_tells_of_each_failure_of_a_fresh_box() {
    let quotations = failures(&read(TECHNICIAN));
    let mut troubles = texts();
    troubles.retain(|(key, _)| TROUBLES.iter().any(|start| key.starts_with(start)));
    assert!(troubles.len() > 20, "{troubles:?}");
    for (key, text) in troubles {
        let is_told = quotations.iter().any(|quotation| says(&text, quotation));
        assert!(is_told, "{TECHNICIAN} has no row for {key}");
    }
}

/// The drawing of the screen has the screen's words.
#[test]
fn the_drawn_screen_says_what_the_screen_says() {
    let drawing = plain(&read("docs/ecran.svg"));
    let drawn = between(&drawing, ("class=\"dit\">", "<"));
    assert!(drawn.len() > 8, "{drawn:?}");
    let texts = texts();
    for words in drawn {
        assert!(texts.iter().any(|(_, text)| text.contains(words)), "nothing says {words:?}");
    }
}

/// `./dev guide` finds each picture that a manual asks for, and none is taken for nothing.
#[test]
fn the_pictures_of_the_manuals_are_taken_by_a_test() {
    let whole = |paths: BTreeSet<String>| paths.iter().map(|path| read(path)).collect::<String>();
    let manuals = whole(files("docs", "md"));
    let marks = between(&manuals, ("<!-- image: ", "-->"));
    let names = marks.iter().filter_map(|mark| mark.split_once(" | ")).map(|(name, _)| name);
    let asked: BTreeSet<&str> = names.collect();
    assert_eq!(asked.len(), marks.len(), "a name, and what is to be seen: {marks:?}");
    let tests = whole(files("tests/e2e/tests", "rs"));
    let kept = tests.split(".keep(").skip(1).filter_map(|call| call.split('"').nth(1));
    assert_eq!(kept.collect::<BTreeSet<_>>(), asked);
}

#[test]
fn quotations_are_found() {
    let rows = "| read | so | do |\n| « L’un », « l'autre… là » | « x » | |\n| no **Button** | | |\n";
    let manual = format!("« before »\n{FAILURES}\n\n{rows}\n| « after » | | |\n");
    assert_eq!(failures(&manual), ["L'un", "l'autre… là", "Button"]);
    assert!(says("on dit : l'autre est là.", "l'autre… là") && !says("l'autre", "l'autre… là"));
}
