//! The list of checksums that a mirror publishes beside its archives: `MD5SUM.LST`.

use std::collections::BTreeMap;

/// Most files that are taken from one list: UT1 has some eighty.
const FILES_MAX: usize = 10_000;
/// Hexadecimal digits of an MD5 checksum.
const DIGITS: usize = 32;

/// The MD5 checksums of a mirror's files, as md5sum(1) writes them. MD5 tells a damaged file from a whole one;
/// against somebody who forges files it proves nothing, and TLS has to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    sums: BTreeMap<String, [u8; 16]>,
}

impl Checksums {
    /// Reads the list. A line that is none is passed over: what it should have said is then not known.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let sums = text.lines().filter_map(parse_line).take(FILES_MAX).collect();
        Self { sums }
    }

    /// The checksum of a file, where the list has one.
    #[must_use]
    pub fn of(&self, file: &str) -> Option<[u8; 16]> {
        self.sums.get(file).copied()
    }

    /// Whether no line of the list could be read: then it is something else.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }
}

/// `d41d8cd98f00b204e9800998ecf8427e  ./adult.tar.gz`: a star before the name says that the file is binary.
fn parse_line(line: &str) -> Option<(String, [u8; 16])> {
    let (digits, name) = line.trim().split_once(char::is_whitespace)?;
    let name = name.trim_start();
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.is_empty() || digits.len() != DIGITS {
        return None;
    }
    let mut sum = [0; DIGITS / 2];
    for (byte, pair) in sum.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    // A sign is no digit, though numbers may have one.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| (name.to_owned(), sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_every_spelling() {
        let empty = "d41d8cd98f00b204e9800998ecf8427e";
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(parse_line(line).map(|(name, _)| name).as_deref(), expected, "{line:?}");
        };
        check(&format!("{empty}  adult.tar.gz"), Some("adult.tar.gz"));
        check(&format!("{empty} *./adult.tar.gz\r"), Some("adult.tar.gz"));
        check(&format!("{}\tadult.tar.gz", empty.to_uppercase()), Some("adult.tar.gz"));
        check(empty, None);
        check(&format!("{empty}  "), None);
        check(&format!("{}  adult.tar.gz", &empty[1..]), None);
        check(&format!("+{}  adult.tar.gz", &empty[1..]), None);
        check(&format!("g{}  adult.tar.gz", &empty[1..]), None);
        check("<html><body>Not found</body></html>", None);
        check("é".repeat(16).as_str(), None);
        check(&format!("{}  a", "é".repeat(16)), None);
    }

    #[test]
    fn a_file_has_its_own_sum() {
        let sums = Checksums::parse(
            "d41d8cd98f00b204e9800998ecf8427e  adult.tar.gz\nrubbish\n\
             00112233445566778899aabbccddeeff  blacklists.tar.gz\n",
        );
        assert_eq!(sums.of("blacklists.tar.gz").map(|sum| sum[1]), Some(0x11));
        assert_eq!(sums.of("games.tar.gz"), None);
        assert!(!sums.is_empty() && Checksums::parse("<html>").is_empty());
    }
}
