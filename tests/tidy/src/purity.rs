//! What sources must not mention.

use std::collections::BTreeSet;

use crate::house;
use crate::rooms::ROOMS;

/// A path of the standard library that only some rooms may name.
struct Ban {
    path: &'static str,
    because: &'static str,
}

const PURE_BANS: &[Ban] = &[
    Ban { path: "std::fs", because: "files come in as readers and bytes" },
    Ban { path: "std::env", because: "only the binary reads the environment" },
    Ban { path: "std::process", because: "only `system` runs programs" },
    Ban { path: "std::net::TcpStream", because: "pure rooms open no socket" },
    Ban { path: "std::net::TcpListener", because: "pure rooms open no socket" },
    Ban { path: "std::net::UdpSocket", because: "pure rooms open no socket" },
    Ban { path: "std::os", because: "pure rooms know no operating system" },
    Ban { path: "std::time::Instant", because: "time is an argument" },
    Ban { path: "std::time::SystemTime", because: "time is an argument" },
    Ban { path: "std::thread::sleep", because: "time is an argument" },
    Ban { path: "tokio", because: "pure rooms know no async runtime" },
];

const PROGRAM_BANS: &[Ban] = &[
    Ban { path: "std::process::Command", because: "only `system` runs programs" },
    Ban { path: "tokio::process", because: "only `system` runs programs" },
];

/// The code of a file without its comments, its text literals and its tests, which stand last.
fn strip(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut stripped = String::new();
    for line in code.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        let outside_literals = line.split('"').step_by(2);
        stripped.extend(outside_literals.flat_map(|part| [part, " "]));
        stripped.push('\n');
    }
    stripped
}

/// Every path that code names, with the groups of `use` written out: `use std::{fs, io::Read};` names
/// `std::fs` and `std::io::Read`.
fn named_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut prefixes = vec![String::new()];
    let mut current = String::new();
    let mut is_spaced = false;
    for c in code.chars() {
        match c {
            c if c.is_alphanumeric() || c == '_' || c == ':' => {
                if is_spaced && c != ':' && !current.ends_with(':') {
                    paths.push(full_path(&prefixes, &current));
                    current.clear();
                }
                is_spaced = false;
                current.push(c);
            }
            c if c.is_whitespace() => is_spaced = true,
            '{' => {
                let prefix =
                    if current.ends_with("::") { full_path(&prefixes, &current) } else { String::new() };
                prefixes.push(prefix);
                current.clear();
            }
            _ => {
                paths.push(full_path(&prefixes, &current));
                current.clear();
                if c == '}' && prefixes.len() > 1 {
                    prefixes.pop();
                }
            }
        }
    }
    paths.push(full_path(&prefixes, &current));
    paths.retain(|path| !path.is_empty());
    paths
}

fn full_path(prefixes: &[String], path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    format!("{}{path}", prefixes.last().map_or("", String::as_str))
}

fn is_under(path: &str, ban: &str) -> bool {
    path.strip_prefix(ban).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The first mention of a banned path in a file.
fn find_fault(source: &str, bans: &[Ban]) -> Option<String> {
    let paths = named_paths(&strip(source));
    let fault = paths.iter().find_map(|path| Some((path, bans.iter().find(|ban| is_under(path, ban.path))?)));
    fault.map(|(path, ban)| format!("names {path}: {}", ban.because))
}

/// The sources of a room that are not tests: not `tests.rs`, and no other module that is declared for tests.
fn sources(room: &str) -> Vec<String> {
    let files = house::files(&format!("appliance/{room}/src"), "rs");
    let test_modules: BTreeSet<String> =
        files.iter().flat_map(|path| test_modules(&house::read(path))).collect();
    let is_test = |path: &str| {
        let names = path.trim_end_matches(".rs").split('/').skip(3);
        names.into_iter().any(|name| test_modules.contains(name))
    };
    files.into_iter().filter(|path| !is_test(path)).collect()
}

/// The modules that a file declares for its tests: `#[cfg(test)]`, then `mod laws;`.
fn test_modules(source: &str) -> Vec<String> {
    let declared = source.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
    let names = declared.filter_map(|line| line.strip_suffix(';')?.split_once("mod "));
    names.map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn pure_rooms_touch_nothing() {
    for path in ROOMS.iter().filter(|room| room.is_pure).flat_map(|room| sources(room.name)) {
        assert_eq!(find_fault(&house::read(&path), PURE_BANS), None, "{path}");
    }
}

#[test]
fn only_system_runs_programs() {
    for path in ROOMS.iter().filter(|room| room.name != "system").flat_map(|room| sources(room.name)) {
        assert_eq!(find_fault(&house::read(&path), PROGRAM_BANS), None, "{path}");
    }
}

/// A test that does not run proves nothing.
#[test]
fn no_test_is_ignored() {
    // Written in two parts, so that this file does not find itself.
    let mark = concat!("#[", "ignore");
    for path in ["appliance", "tests"].into_iter().flat_map(|folder| house::files(folder, "rs")) {
        assert!(!house::read(&path).contains(mark), "{path}");
    }
}

#[test]
fn banned_paths_are_found_however_they_are_written() {
    let check = |source: &str, is_fault: bool| {
        assert_eq!(find_fault(source, PURE_BANS).is_some(), is_fault, "{source}");
    };
    check("use std::fs;", true);
    check("use std::fs::File;", true);
    check("use std::{fmt, fs};", true);
    check("use std::{\n    fmt,\n    net::{IpAddr, TcpStream},\n};", true);
    check("fn f() -> io::Result<Vec<u8>> { std::fs::read(\"x\") }", true);
    check("let now = std::time::Instant::now();", true);
    check("use tokio::net::UdpSocket;", true);
    check("async fn f() { tokio::spawn(g()).await }", true);
    check("use std::net::IpAddr;", false);
    check("use std::{fmt, io};\nuse std::time::Duration;", false);
    check("// std::fs is not for us\n/// nor std::env", false);
    check("let text = \"std::fs\";", false);
    check("#[cfg(test)]\nmod tests { use std::fs; }", false);
    check("use crate::Instant;", false);
    check("match a { B { fs } => {} }", false);
}

#[test]
fn test_modules_are_found() {
    let source = "mod a;\n#[cfg(test)]\nmod laws;\nmod b;\n#[cfg(test)]\npub(crate) mod samples;\n\
                  #[cfg(test)]\nmod tests {\n";
    assert_eq!(test_modules(source), ["laws", "samples"]);
}
