use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

/// The categories of UT1, by the names of their folders; aliases lead to these.
const UT1_CATEGORIES: &str = "adult agressif ai arjel associations_religieuses astrology audio-video bank \
    bitcoin blog celebrity chat child cleaning cooking cryptojacking dangerous_material dating ddos dialer \
    doh download drogue dynamic-dns educational_games examen_pix exceptions_liste_bu fakenews filehosting \
    financial forums gambling games hacking jobsearch lingerie liste_blanche liste_bu malware manga \
    marketingware mixed_adult mobile-phone phishing press publicite radio reaffected redirector \
    remote-control residential-proxies sect sexual_education shopping shortener social_networks special \
    sports stalkerware strict_redirector strong_redirector translation tricheur tricheur_pix update vpn \
    warez webhosting webmail";

/// Each message of a file with the variables that it needs: `refusal-listed $category`.
fn signatures(source: &str) -> BTreeSet<String> {
    let lines = source.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut entries: Vec<String> = Vec::new();
    for line in lines {
        // Of a message that chooses by a number, further lines are indented, and a brace ends it.
        match entries.last_mut().filter(|_| line.starts_with([' ', '}'])) {
            Some(entry) => entry.push_str(line),
            None => entries.push(line.to_owned()),
        }
    }
    let mut signatures = BTreeSet::new();
    for entry in &entries {
        let (key, text) = entry.split_once(" = ").unwrap_or_else(|| panic!("no message: {entry:?}"));
        let variables: BTreeSet<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
        let variables = Vec::from_iter(variables).join(" ");
        let is_new = signatures.insert(format!("{key} {variables}").trim_end().to_owned());
        assert!(is_new, "{key} stands twice");
    }
    signatures
}

fn keys(source: &str) -> BTreeSet<String> {
    signatures(source).iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// How keys begin that views name by themselves.
const PREFIXES: &[&str] = &[
    "frame-",
    "refusal-",
    "closed-",
    "unreachable-",
    "outage-",
    "notice-",
    "home-",
    "why-",
    "certificate-",
    "names-",
    "signin-",
    "guarded-",
    "secret-",
    "teacher-",
    "head-",
    "staff-",
    "card-",
    "trouble-",
    "nav-",
    "wish-",
    "selftest-",
    "reading-",
    "cover-",
    "journal-",
    "kept-",
    "safe-",
    "lesson-",
    "report-",
    "register-",
    "council-",
    "door-",
    "week-",
    "diagnosis-",
    "charter-",
    "legal-",
    "prepare-",
    "commune-",
    "hold-",
    "holds-",
    "telephone-",
    "phone-",
    "paper-",
    "points-",
    "networks-",
    "join-",
    "devices-",
    "enrol-",
    "console-",
    "keys-",
    "line-",
];

/// Every key that views and templates name.
fn used_keys(folder: &Path) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            used.append(&mut used_keys(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "html") {
            let source = fs::read_to_string(&path).unwrap();
            used.extend(
                source
                    .split('"')
                    .filter(|text| PREFIXES.iter().any(|prefix| text.starts_with(prefix)))
                    .filter(|text| {
                        text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
                    })
                    .filter(|text| !text.ends_with('-'))
                    .map(str::to_owned),
            );
        }
    }
    used
}

#[test]
fn both_files_are_whole() {
    for (language, source) in [(Language::French, FRENCH_SOURCE), (Language::English, ENGLISH_SOURCE)] {
        if let Err((_, errors)) = FluentResource::try_new(source.to_owned()) {
            panic!("{language:?}: {errors:?}");
        }
    }
}

#[test]
fn both_languages_say_the_same_messages() {
    assert_eq!(signatures(FRENCH_SOURCE), signatures(ENGLISH_SOURCE));
}

#[test]
fn every_key_in_use_exists_and_every_key_is_in_use() {
    let known: BTreeSet<String> =
        keys(FRENCH_SOURCE).into_iter().filter(|key| !key.starts_with("category-")).collect();
    let used = used_keys(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "never used");
}

#[test]
fn every_category_has_a_label() {
    let expected: BTreeSet<String> =
        UT1_CATEGORIES.split_whitespace().map(|name| format!("category-{name}")).collect();
    let known: BTreeSet<String> =
        keys(FRENCH_SOURCE).into_iter().filter(|key| key.starts_with("category-")).collect();
    assert_eq!(known, expected);
}

#[test]
fn categories_are_named_in_words() {
    let check = |language: Language, category: &str, expected: &str| {
        assert_eq!(language.name_category(&category.parse().unwrap()), expected);
    };
    check(Language::French, "gambling", "jeux d’argent (gambling)");
    check(Language::English, "gambling", "gambling");
    check(Language::English, "drogue", "drugs (drogue)");
    check(Language::French, "commune_noire", "commune_noire");
}

#[test]
fn one_thing_is_said_otherwise_than_several() {
    let check = |language: Language, count: u64, expected: &str| {
        let ready = language.group_digits(count);
        let said = language.say_counted("prepare-ready", count, &[("ready", &ready), ("all", "9")]);
        assert_eq!(said, expected);
    };
    check(Language::French, 0, "0 prêt sur 9");
    check(Language::French, 1, "1 prêt sur 9");
    check(Language::French, 2, "2 prêts sur 9");
    check(Language::English, 0, "0 of 9 are ready");
    check(Language::English, 1, "1 of 9 is ready");
    check(Language::English, 2, "2 of 9 are ready");
}

/// What the printed guide has teachers touch is what stands on their pages.
#[test]
fn the_teachers_guide_names_buttons_as_they_are() {
    const GUIDE: &str = include_str!("../../../../docs/enseignant.md");
    /// Beginnings of paragraphs, and other words in bold.
    const OTHERS: [&str; 3] = ["Ce que la classe cherche en vain", "En partant", "votre salle"];
    let plain = |text: &str| text.replace('’', "'").replace('\u{a0}', " ");
    let texts: Vec<String> = FRENCH_SOURCE
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(_, text)| plain(text).replace("{ $minutes }", "15"))
        .collect();
    let bold = GUIDE.split("**").skip(1).step_by(2);
    let bold = bold.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let labels: Vec<String> = bold
        .filter(|text| !text.ends_with(['.', ':', '?']) && !OTHERS.contains(&text.as_str()))
        .map(|text| plain(&text).replace("5 min", "15 min").replace("115", "15"))
        .collect();
    assert!(labels.len() > 12, "{labels:?}");
    for label in labels {
        assert!(texts.iter().any(|text| text.starts_with(&label)), "no page has {label:?}");
    }
}
