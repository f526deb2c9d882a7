//! The reader of list lines.

use blocklist::{BuildError, Compiler, DomainLine, Event, Index, UrlLine};
use model::Host;

/// Reads `data` as a `domains` file and as a `urls` file. Each line that is accepted must cover what it says.
///
/// # Panics
/// When one does not, or when the two readings of one line differ.
pub fn run(data: &[u8]) {
    let mut rejected = 0_u64;
    let mut report = |event: Event<'_>| rejected += u64::from(matches!(event, Event::Rejected { .. }));
    let mut compiler = Compiler::new(&mut report);
    for path in ["adult/domains", "games/urls"] {
        let read = compiler.add_file(path, data);
        assert!(read.is_ok(), "{read:?}");
    }
    let compiled = match compiler.finish() {
        Ok(compiled) => compiled,
        Err(BuildError::Empty) => return,
        Err(error) => unreachable!("{error}"),
    };
    assert_eq!(compiled.summary.rejected, rejected);
    let opened = Index::open(compiled.bytes);
    assert!(opened.is_ok(), "a new index does not open");
    let Ok(index) = opened else { return };
    let lines = data.split(|&byte| byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    for line in lines.map(str::trim).filter(|line| !line.is_empty() && line.len() < 1_000) {
        check_domain(&index, line);
        check_url(&index, line);
    }
}

fn check_domain(index: &Index, line: &str) {
    if line.starts_with(['#', '\u{feff}']) {
        return;
    }
    match DomainLine::parse(line) {
        Ok(DomainLine::Name(name)) => {
            let found = index.match_name(&name);
            assert_eq!(found.first().map(|found| found.entry), Some(name.as_str()), "{line:?}");
        }
        Ok(DomainLine::Address(address)) => assert!(!index.match_address(address).is_empty(), "{line:?}"),
        Err(_) => {}
    }
}

fn check_url(index: &Index, line: &str) {
    if line.starts_with(['#', '\u{feff}']) {
        return;
    }
    if let Ok(UrlLine { host, prefix }) = UrlLine::parse(line) {
        let found = index.match_url(&host, &prefix);
        assert_eq!(found.first().map(|found| &found.entry), Some(&format!("{host}{prefix}")), "{line:?}");
        assert_eq!(Host::parse(&host.to_string()), Ok(host), "{line:?}");
    }
}
