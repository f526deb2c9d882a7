//! The compiled index against a naive reading of the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use model::{DomainName, Host};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Compiled, Compiler, Event, Index, OpenError, Query, builtin};

/// The lists as anybody would read them: a map from each line's meaning to its categories.
#[derive(Default)]
struct Naive {
    domains: BTreeMap<String, BTreeSet<String>>,
    urls: BTreeMap<String, BTreeSet<String>>,
}

impl Naive {
    fn add(&mut self, path: &str, content: &str) {
        let (category, name) = path.split_once('/').unwrap();
        for line in content.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let lower = line.to_lowercase();
            let entries = match name {
                "domains" => self.domains.entry(lower.trim_matches('.').to_owned()),
                _ if line.contains('#') => continue,
                _ => self.urls.entry(normal_url(&lower)),
            };
            entries.or_default().insert(category.to_owned());
        }
    }

    /// The covering entries of a name, most specific first, by looking at every parent.
    fn match_name(&self, name: &str) -> Vec<(String, Vec<String>)> {
        let mut rest = Some(name);
        let mut found = Vec::new();
        while let Some(suffix) = rest {
            if let Some(categories) = self.domains.get(suffix) {
                found.push((suffix.to_owned(), categories.iter().cloned().collect()));
            }
            rest = suffix.split_once('.').map(|(_, parent)| parent);
        }
        found
    }

    /// The entries that a URL starts with, longest first, by looking at every beginning of it.
    fn match_url(&self, url: &str) -> Vec<(String, Vec<String>)> {
        let url = normal_url(url);
        let ends = (0..=url.len()).rev().filter(|&end| url.is_char_boundary(end));
        ends.filter_map(|end| self.urls.get_key_value(&url[..end]))
            .map(|(entry, categories)| (entry.clone(), categories.iter().cloned().collect()))
            .collect()
    }
}

fn normal_url(url: &str) -> String {
    let (host, path_and_query) = url.split_at(url.find('/').unwrap_or(url.len()));
    format!("{host}{}", crate::path::normalise(path_and_query))
}

fn compile(files: &[(String, String)]) -> Compiled {
    let mut ignore = |_: Event<'_>| {};
    let mut compiler = Compiler::new(&mut ignore);
    for (path, content) in files {
        compiler.add_file(path, content.as_bytes()).unwrap();
    }
    compiler.finish().unwrap()
}

fn names_of(index: &Index, set: crate::CategorySet) -> Vec<String> {
    set.iter().map(|id| index.categories()[id.rank()].to_string()).collect()
}

fn found_for_name(index: &Index, text: &str) -> Vec<(String, Vec<String>)> {
    match text.parse() {
        Ok(address) => {
            let set = index.match_address(address);
            let found = (!set.is_empty()).then(|| (text.to_owned(), names_of(index, set)));
            found.into_iter().collect()
        }
        Err(_) => {
            let name = DomainName::parse(text).unwrap();
            let found = index.match_name(&name);
            found.iter().map(|found| (found.entry.to_owned(), names_of(index, found.set))).collect()
        }
    }
}

fn found_for_url(index: &Index, url: &str) -> Vec<(String, Vec<String>)> {
    let (host, path) = url.split_at(url.find('/').unwrap());
    let found = index.match_url(&Host::parse(host).unwrap(), path);
    found.iter().map(|found| (found.entry.clone(), names_of(index, found.set))).collect()
}

fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
}

#[test]
fn answers_with_the_line_as_it_is_written() {
    let compiled = compile(&files(&[
        (
            "gambling/domains",
            "example.com\n.dotted.example\nWWW.Capital.example.\nBücher.example\n192.0.2.1\n",
        ),
        ("adult/domains", "a.example.com\nexample.com\ncom.example\n192.0.2.1\n198.51.100.7.\n"),
        (
            "games/urls",
            "Example.com/Play\nexample.com/play/more?x=\nexample.com/Café\n192.0.2.9/a\nwhole.example\n",
        ),
        ("press/urls", "http://example.com/play\n"),
    ]));
    let index = Index::open(compiled.bytes).unwrap();
    let check = |query: &str, categories: &str, line: &str| {
        let found = index.find(&query.parse::<Query>().unwrap());
        let found = found.map(|found| (names_of(&index, found.set).join(","), found.line));
        let expected = (!line.is_empty()).then(|| (categories.to_owned(), line.to_owned()));
        assert_eq!(found, expected, "{query}");
    };
    check("example.com", "adult,gambling", "example.com");
    check("www.EXAMPLE.com.", "adult,gambling", "example.com");
    check("x.a.example.com", "adult", "a.example.com");
    check("notexample.com", "", "");
    check("com", "", "");
    check("example", "", "");
    check("dotted.example", "gambling", ".dotted.example");
    check("x.dotted.example", "gambling", ".dotted.example");
    check("www.capital.example", "gambling", "WWW.Capital.example.");
    check("capital.example", "", "");
    check("www.bücher.example", "gambling", "Bücher.example");
    check("xn--bcher-kva.example", "gambling", "Bücher.example");
    check("192.0.2.1", "adult,gambling", "192.0.2.1");
    check("192.0.2.10", "", "");
    check("198.51.100.7", "adult", "198.51.100.7.");
    check("::ffff:192.0.2.1", "adult,gambling", "192.0.2.1");
    check("2001:db8::1", "", "");
    check("http://example.com/PLAYing", "games,press", "Example.com/Play");
    check("example.com/play/more?x=1", "games", "example.com/play/more?x=");
    check("https://user@example.com:443/other", "adult,gambling", "example.com");
    check("www.example.com/play", "adult,gambling", "example.com");
    check("http://EXAMPLE.com//a/../%50%6Cay/./more?x=", "games", "example.com/play/more?x=");
    check("example.com/%2fplay", "adult,gambling", "example.com");
    check("example.com/Caf%c3%a9/x", "games", "example.com/Café");
    check("http://192.0.2.9/abc", "games", "192.0.2.9/a");
    check("http://192.0.2.9/b", "", "");
    check("whole.example/any", "games", "whole.example");
    check("http://whole.example?x", "games", "whole.example");
    check("whole.example", "", "");
}

#[test]
fn reports_what_it_leaves_out() {
    let mut events = Vec::new();
    let mut report = |event: Event<'_>| {
        events.push(match event {
            Event::Read { path, accepted, rejected } => format!("{path} {accepted} {rejected}"),
            Event::Rejected { path, line, reason, excerpt } => format!("{path}:{line}: {reason}: {excerpt}"),
            Event::Odd { path, oddity } => format!("{path}: {oddity}"),
        });
    };
    let mut compiler = Compiler::new(&mut report);
    for (path, content) in [
        ("adult/domains", &b"ok.example\r\n# note\na b.example\n\xff.example\n"[..]),
        ("adult/urls", b"ok.example/a#b\n"),
        ("adult/usage", b"white\nblack\n"),
        ("adult/expressions", b"(a|b)\n\n# c\n"),
        ("adult/LICENSE.pdf", b"\x00"),
        ("a b/domains", b"x.example\n"),
        ("global_usage", b"NAME: adult\n"),
    ] {
        compiler.add_file(path, content).unwrap();
    }
    for (alias, target) in [
        ("porn", "./adult/"),
        ("sexe", "porn"),
        ("lost", "nothing"),
        ("a1", "a2"),
        ("a2", "a1"),
        ("adult", "x"),
    ] {
        compiler.add_alias(alias, target).unwrap();
    }
    let compiled = compiler.finish().unwrap();
    assert_eq!(
        events,
        [
            "adult/domains:3: not a domain: ' ' cannot stand in a host name: a b.example",
            "adult/domains:4: not UTF-8: \u{fffd}.example",
            "adult/domains 1 2",
            "adult/urls:1: a URL with a #fragment can never match: browsers do not send it: ok.example/a#b",
            "adult/urls 0 1",
            "a b/domains: the folder's name cannot be a category: letters, digits, '-' and '_' only",
            "a1: the alias points to itself",
            "a2: the alias points to itself",
            "adult: there is a category of the same name as the alias",
            "lost: the alias points to no category of this list",
        ]
    );
    assert_eq!((compiled.summary.rejected, compiled.summary.expressions), (3, 1));
    let index = Index::open(compiled.bytes).unwrap();
    let adult = index.category_id("adult").unwrap();
    assert_eq!((index.category_id("porn"), index.category_id("sexe")), (Some(adult), Some(adult)));
    assert_eq!(index.category_id("lost"), None);
    let facts = index.category_facts(adult).unwrap();
    assert_eq!((facts.colour, facts.counts.domains), (crate::Colour::White, 1));
}

#[test]
fn lists_without_a_line_and_lists_too_large_are_refused() {
    let build = |files: &[(String, String)]| {
        let mut ignore = |_: Event<'_>| {};
        let mut compiler = Compiler::new(&mut ignore);
        files.iter().try_for_each(|(path, content)| compiler.add_file(path, content.as_bytes()))?;
        compiler.finish().map(|compiled| compiled.summary)
    };
    assert!(matches!(build(&[]), Err(crate::BuildError::Empty)));
    let empty = files(&[("adult/domains", "# nothing\n"), ("adult/usage", "black\n")]);
    assert!(matches!(build(&empty), Err(crate::BuildError::Empty)));
    let category = |n: usize| (format!("category{n}/domains"), "a.example\n".to_owned());
    assert_eq!(build(&(0..128).map(category).collect::<Vec<_>>()).unwrap().categories, 128);
    let one_more = build(&(0..129).map(category).collect::<Vec<_>>());
    assert!(matches!(one_more, Err(crate::BuildError::TooLarge)));
}

#[test]
fn altered_and_truncated_indexes_are_refused() {
    let compiled =
        compile(&files(&[("adult/domains", "a.example\nb.example\n"), ("adult/urls", "c.example/d\n")]));
    for length in 0..compiled.bytes.len() {
        assert!(Index::open(compiled.bytes[..length].to_vec()).is_err(), "{length} bytes");
    }
    for at in 0..compiled.bytes.len() {
        let mut altered = compiled.bytes.clone();
        altered[at] ^= 0x10;
        assert!(Index::open(altered).is_err(), "byte {at}");
    }
    let verified = crate::verify(compiled.bytes.as_slice()).unwrap();
    let other = compile(&files(&[("adult/domains", "a.example\n")]));
    assert!(matches!(Index::open_verified(other.bytes, &verified), Err(OpenError::Altered)));
    assert!(Index::open_verified(compiled.bytes, &verified).is_ok());
}

/// The list of the golden index: every section has something in it.
fn golden_list() -> Compiled {
    let mut ignore = |_: Event<'_>| {};
    let mut compiler = Compiler::new(&mut ignore);
    for (path, content) in [
        ("adult/domains", "example.com\nBücher.example\n192.0.2.1\n"),
        ("adult/urls", "Example.com/A?b\n"),
        ("child/domains", "kids.example.com\n192.0.2.1\n"),
        ("child/usage", "white\n"),
    ] {
        compiler.add_file(path, content.as_bytes()).unwrap();
    }
    compiler.add_alias("porn", "adult").unwrap();
    compiler.finish().unwrap()
}

#[test]
fn the_golden_index_opens_and_is_what_is_written() {
    let golden: String = include_str!("../testdata/index-v2.hex").split_whitespace().collect();
    let digits = golden.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let golden: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let written: String = golden_list().bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let read: String = golden.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(read, written);
    let index = Index::open(golden).unwrap();
    for (query, line) in [
        ("www.kids.example.com", "kids.example.com"),
        ("bücher.example", "Bücher.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("http://example.com/a?bc", "Example.com/A?b"),
    ] {
        assert_eq!(index.find(&query.parse().unwrap()).unwrap().line, line);
    }
    assert_eq!(index.category_id("porn"), index.category_id("adult"));
}

/// Names of few labels from few letters, so that they meet, cover and nearly cover each other.
fn name() -> impl Strategy<Value = String> {
    vec("[ab]{1,2}|xn--bcher-kva", 1..4).prop_map(|labels| labels.join("."))
}

fn domain_line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => name(),
        1 => name().prop_map(|name| format!(".{}.", name.to_uppercase())),
        1 => "10\\.0\\.0\\.[0-3]",
    ]
}

fn url() -> impl Strategy<Value = String> {
    let host = prop_oneof![name(), Just("10.0.0.1".to_owned())];
    (host, vec("/|[abAB?.]|é|%4[12]|%2[eEfF]", 0..5))
        .prop_map(|(host, path)| format!("{host}/{}", path.concat()))
}

fn list() -> impl Strategy<Value = Vec<(String, String)>> {
    let category = prop_oneof![Just("adult"), Just("games"), Just("press")];
    let file = prop_oneof![
        vec(domain_line(), 0..30).prop_map(|lines| ("domains", lines)),
        vec(url(), 0..30).prop_map(|lines| ("urls", lines)),
    ];
    let files = vec((category, file), 1..6).prop_map(|files| {
        let named = files.into_iter().map(|(category, (name, lines))| (format!("{category}/{name}"), lines));
        named.map(|(path, lines)| (path, lines.join("\n"))).collect::<Vec<_>>()
    });
    files.prop_filter("a list has a line", |files| files.iter().any(|(_, content)| !content.is_empty()))
}

#[test]
fn changes_of_urls_and_lines_without_a_sign() {
    let list = files(&[
        ("games/urls", "a.example/x\nA.example/y\n"),
        ("games/urls.diff", "# a comment\n-a.example/Y\n+b.example/z\n+ .c.example/\na.example/x\n-\n"),
    ]);
    let mut rejected = Vec::new();
    let mut report = |event: Event<'_>| {
        if let Event::Rejected { line, reason, .. } = event {
            rejected.push(format!("{line}: {reason}"));
        }
    };
    let mut compiler = Compiler::new(&mut report);
    list.iter().for_each(|(path, content)| compiler.add_file(path, content.as_bytes()).unwrap());
    let index = Index::open(compiler.finish().unwrap().bytes).unwrap();
    let is_listed = |url: &str| !found_for_url(&index, url).is_empty();
    assert!(is_listed("a.example/x") && !is_listed("a.example/y") && is_listed("b.example/z"));
    assert_eq!(rejected.len(), 3, "{rejected:?}");
    assert_eq!(rejected[1], "5: neither + nor - before the line");
}

proptest! {
    #[test]
    fn a_compiled_list_is_the_naive_set(
        files in list(),
        names in vec(name(), 50),
        addresses in vec("10\\.0\\.0\\.[0-5]", 5),
        urls in vec(url(), 50),
    ) {
        let mut naive = Naive::default();
        files.iter().for_each(|(path, content)| naive.add(path, content));
        let index = Index::open(compile(&files).bytes).unwrap();
        for name in names.iter().chain(&addresses) {
            let expected: Vec<_> = naive.match_name(name);
            prop_assert_eq!(found_for_name(&index, name), expected, "{}", name);
        }
        for url in &urls {
            prop_assert_eq!(found_for_url(&index, url), naive.match_url(url), "{}", url);
        }
    }

    /// Difference files have the last word, wherever they stand in the archive, and the counts say so.
    #[test]
    fn changes_go_before_whole_files(
        lines in vec("[a-c](\\.[a-c]){0,1}|10\\.0\\.0\\.[0-3]", 0..12),
        changes in vec("[+-][a-c](\\.[a-c]){0,1}|[+-]10\\.0\\.0\\.[0-3]", 0..12),
        is_first in any::<bool>(),
    ) {
        // A line of another category stays, and keeps the list from being empty.
        let mut files = files(&[
            ("games/domains", &lines.join("\n")),
            ("games/domains.diff", &changes.join("\n")),
            ("press/domains", "a\nx\n10.0.0.1\n"),
        ]);
        if is_first {
            files.swap(0, 1);
        }
        let last: BTreeMap<&str, bool> =
            changes.iter().map(|line| (&line[1..], line.starts_with('+'))).collect();
        let mut expected: Vec<&str> =
            lines.iter().map(String::as_str).filter(|line| last.get(line) != Some(&false)).collect();
        let removed = lines.len() - expected.len();
        expected.extend(last.iter().filter(|(_, is_added)| **is_added).map(|(line, _)| *line));

        let compiled = compile(&files);
        prop_assert_eq!(compiled.summary.removed, removed as u64);
        let index = Index::open(compiled.bytes).unwrap();
        let games = index.category_id("games").unwrap();
        prop_assert_eq!(index.category_facts(games).unwrap().lines(), expected.len() as u64);
        let names = ["a", "b", "c"].iter().flat_map(|a| {
            ["", ".a", ".b", ".c"].iter().map(move |b| format!("{a}{b}"))
        });
        for name in names.chain((0..4).map(|n| format!("10.0.0.{n}"))) {
            let found = found_for_name(&index, &name);
            let is_listed = found.iter().any(|(line, set)| *line == name && set.contains(&"games".to_owned()));
            prop_assert_eq!(is_listed, expected.contains(&name.as_str()), "{}", name);
        }
    }

    /// However a listed URL is spelled, its line is found.
    #[test]
    fn respelled_urls_are_found(
        segments in vec("[a-c.~_-]{1,3}", 1..4),
        spelling in vec((0..5_u8, any::<bool>()), 20),
    ) {
        let line = format!("Example.com/{}", segments.join("/"));
        let index = Index::open(compile(&files(&[("games/urls", &line)])).bytes).unwrap();
        let mut choices = spelling.into_iter().cycle();
        let mut respelled = String::new();
        for character in line.trim_start_matches("Example.com").chars() {
            let (way, is_upper) = choices.next().unwrap();
            let code = u32::from(character);
            respelled += &match (character, way) {
                ('/', 0) => "//".to_owned(),
                ('/', 1) => "/./".to_owned(),
                ('/', 2) => "/%2E/a%2F/%2e./".to_owned(),
                ('/', 3) => "/x/y/../../".to_owned(),
                ('/', _) => "/".to_owned(),
                (_, 0) if is_upper => format!("%{code:02X}"),
                (_, 0) => format!("%{code:02x}"),
                (_, 1) => character.to_ascii_uppercase().to_string(),
                _ => character.to_string(),
            };
        }
        let found = index.match_url(&Host::parse("example.com").unwrap(), &respelled);
        prop_assert_eq!(found.len(), 1, "{} as {}", line, respelled);
        prop_assert_eq!(index.find(&format!("http://EXAMPLE.COM:80{respelled}?a").parse().unwrap()).unwrap().line, line);
    }

    #[test]
    fn any_order_of_files_gives_the_same_index(files in list()) {
        let mut sorted = files.clone();
        sorted.sort();
        let mut reversed = sorted.clone();
        reversed.reverse();
        // Two files of one path are one file in two parts, whose order counts.
        sorted.dedup_by(|a, b| a.0 == b.0);
        reversed.retain(|file| sorted.contains(file));
        reversed.dedup_by(|a, b| a.0 == b.0);
        if sorted.iter().any(|(_, content)| !content.is_empty()) {
            prop_assert_eq!(compile(&sorted).bytes, compile(&reversed).bytes);
        }
    }

    /// A forged checksum brings no lookup down.
    #[test]
    fn forged_indexes_answer_something(
        files in list(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        names in vec(name(), 20),
        urls in vec(url(), 20),
    ) {
        let mut bytes = compile(&files).bytes;
        let end = bytes.len() - 32;
        for (at, byte) in edits {
            bytes[at.index(end)] = byte;
        }
        let checksum = blake3::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(checksum.as_bytes());
        if let Ok(index) = Index::open(bytes) {
            for text in names.iter().chain(&urls) {
                let found = text.parse().ok().and_then(|query| index.find(&query));
                prop_assert!(found.is_none_or(|found| found.line.len() < 1_000));
            }
        }
    }
}

#[test]
fn the_empty_answer_takes_no_memory() {
    let index = builtin();
    assert_eq!(index.match_name(&DomainName::parse("www.education.gouv.fr").unwrap()).capacity(), 0);
}

/// Every line of the published lists, where this machine has them.
#[test]
fn agrees_with_a_naive_reading_of_ut1() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ut1/blacklists.tar.gz");
    let Ok(archive) = fs::read(archive) else { return };
    let mut rejected = BTreeMap::<String, u64>::new();
    let mut report = |event: Event<'_>| {
        if let Event::Rejected { reason, .. } = event {
            *rejected.entry(reason.to_string()).or_default() += 1;
        }
    };
    let mut compiler = Compiler::new(&mut report);
    crate::read_archive(archive.as_slice(), crate::UNPACKED_BYTES_MAX, &mut compiler).unwrap();
    let compiled = compiler.finish().unwrap();
    let naive = naive_reading(&archive);
    assert_eq!(rejected.values().sum::<u64>(), compiled.summary.rejected);
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!(compiled.summary.urls, naive.urls.len());
    assert_eq!(compiled.summary.domains + compiled.summary.addresses, naive.domains.len());
    let index = Index::open(compiled.bytes).unwrap();
    for (position, name) in naive.domains.keys().enumerate() {
        assert_eq!(found_for_name(&index, name), naive.match_name(name), "{name}");
        // A test build takes a minute for near misses of every line.
        if position % 16 == 0 {
            for near in [
                format!("www.a-b.{name}"),
                format!("not{name}"),
                format!("{name}s"),
                name.replacen('.', "-", 1),
            ] {
                if DomainName::parse(&near).is_ok() {
                    assert_eq!(found_for_name(&index, &near), naive.match_name(&near), "{near}");
                }
            }
        }
    }
    for url in naive.urls.keys() {
        for url in [url.clone(), format!("{url}more?a=b"), url[..url.len() - 1].to_owned()] {
            if url.contains('/') {
                assert_eq!(found_for_url(&index, &url), naive.match_url(&url), "{url}");
            }
        }
    }
}

fn naive_reading(archive: &[u8]) -> Naive {
    let mut naive = Naive::default();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let path = path.strip_prefix("blacklists/").unwrap();
        if entry.header().entry_type().is_file() && (path.ends_with("/domains") || path.ends_with("/urls")) {
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            naive.add(path, &content);
        }
    }
    naive
}
