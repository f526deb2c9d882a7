//! Every format on the disk and on the wire has its page, its golden file and its fuzz target.
//!
//! `docs/formats.md` describes the formats, and names each in a line for this check, invisible on the page:
//! `<!-- format: NAME; magic: TEXT; golden: PATH; fuzz: TARGET -->`, with paths from the root of the house.

use std::collections::BTreeMap;

use crate::house;

const PAGE: &str = "docs/formats.md";
const TARGETS: &str = "tests/fuzz/fuzz_targets";
const CORPUS: &str = "tests/fuzz/corpus";

/// The fields of each format's line.
fn parse_formats(page: &str) -> Vec<BTreeMap<String, String>> {
    let lines = page.lines().filter_map(|line| line.trim().strip_prefix("<!-- format:")?.strip_suffix("-->"));
    lines
        .map(|line| {
            let fields = line.split(';').filter_map(|field| field.split_once(':'));
            let mut format: BTreeMap<String, String> =
                fields.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
            let name = line.split(';').next().unwrap_or_default().trim();
            format.insert("format".to_owned(), name.to_owned());
            format
        })
        .collect()
}

#[test]
fn every_format_has_its_golden_file_and_fuzz_target() {
    let formats = parse_formats(&house::read(PAGE));
    assert!(!formats.is_empty(), "{PAGE} names no format");
    for format in formats {
        let field =
            |name: &str| format.get(name).unwrap_or_else(|| panic!("{PAGE}: no {name} in {format:?}"));
        let golden = house::root().join(field("golden"));
        let has_bytes = golden.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
        assert!(has_bytes, "{}: no golden file {}", field("format"), field("golden"));
        let target = format!("{}.rs", field("fuzz"));
        assert!(house::entries(TARGETS).contains(&target), "{}: no {TARGETS}/{target}", field("format"));
    }
}

/// A format cannot hide: every magic in the code stands on the page.
#[test]
fn every_magic_is_on_the_page() {
    let formats = parse_formats(&house::read(PAGE));
    let known: Vec<&String> = formats.iter().filter_map(|format| format.get("magic")).collect();
    for path in house::files("appliance", "rs") {
        for magic in magics(&house::read(&path)) {
            assert!(known.contains(&&magic), "{path}: {PAGE} has no format with the magic {magic}");
        }
    }
}

/// The texts of constants like `const INDEX_MAGIC: [u8; 8] = *b"PREAUIDX";`.
fn magics(source: &str) -> Vec<String> {
    let constants = source.lines().filter(|line| line.contains("const ") && line.contains("MAGIC"));
    let texts = constants.filter_map(|line| line.split("b\"").nth(1)?.split('"').next());
    texts.map(str::to_owned).collect()
}

#[test]
fn every_fuzz_target_has_a_corpus() {
    let targets = house::entries(TARGETS);
    assert!(!targets.is_empty(), "{TARGETS} is empty");
    for target in targets.iter().filter_map(|name| name.strip_suffix(".rs")) {
        let corpus = format!("{CORPUS}/{target}");
        assert!(!house::entries(&corpus).is_empty(), "{corpus} is empty: CI has nothing to replay");
    }
}

#[test]
fn lines_and_magics_are_read() {
    let page = "# Index\n<!-- format: index; magic: PREAUIDX; golden: a/b.idx; fuzz: index_open -->\n";
    let formats = parse_formats(page);
    let fields: Vec<(&str, &str)> =
        formats.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected =
        [("format", "index"), ("fuzz", "index_open"), ("golden", "a/b.idx"), ("magic", "PREAUIDX")];
    assert_eq!(fields, expected);
    assert_eq!(magics("pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b\"PREAUJNL\";\n"), ["PREAUJNL"]);
}
