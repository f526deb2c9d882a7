//! Files that the commune has boxes keep for pupils: a film, a map, a booklet.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{PreparationTitle, Timestamp};

/// Most files that a school is to have at a time.
pub const LIBRARY_FILES_MAX: usize = 50;
/// Most bytes of one: a film of two hours.
pub const LIBRARY_FILE_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of all that a school is to have.
pub const LIBRARY_BYTES_MAX: u64 = 16 << 30;
/// Longest name, in letters, and in bytes: names of files have no more on most disks.
const NAME_LETTERS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 200;
/// Digits of a SHA-256.
const SUM_DIGITS: usize = 64;

/// What a file is called where it is saved: no path, nothing that a system or a terminal takes for more than a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// Why a text is no name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no name of a file: up to 100 letters, none of / \\ : * ? \" < > | ; %, no dot or space at its beginning or end"
)]
pub struct FileNameError;

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_letter =
            |letter: char| !letter.is_control() && !"/\\:*?\"<>|;%".contains(letter) && !is_turning(letter);
        let ends = |text: &str| text.starts_with(['.', ' ']) || text.ends_with(['.', ' ']);
        let fits = (1..=NAME_LETTERS_MAX).contains(&text.chars().count()) && text.len() <= NAME_BYTES_MAX;
        if fits && text.chars().all(is_letter) && !ends(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FileNameError)
        }
    }
}

/// Letters that turn the direction of a text, or are not seen: what reads as the name of a film would be that of a program.
const TURNING: [RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{e0000}'..='\u{e007f}',
];

fn is_turning(letter: char) -> bool {
    TURNING.iter().any(|range| range.contains(&letter))
}

impl FileName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a browser may show a file from the box's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Pictures, sound and films: nothing in them acts.
    Media,
    /// A document that a browser shows by a program of its own, apart from the page.
    Document,
    /// Letters.
    Text,
    /// Not at all: it is saved. A page or a drawing with scripts would act in the name of the box.
    Saved,
}

/// What a file is, as HTTP says it. A type that is not known is one of bytes, which are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    text: &'static str,
    endings: &'static [&'static str],
    shown: Shown,
}

const fn media(text: &'static str, endings: &'static [&'static str]) -> MediaType {
    MediaType { text, endings, shown: Shown::Media }
}

const fn saved(text: &'static str, endings: &'static [&'static str]) -> MediaType {
    MediaType { text, endings, shown: Shown::Saved }
}

const KNOWN: &[MediaType] = &[
    MediaType { text: "application/pdf", endings: &["pdf"], shown: Shown::Document },
    MediaType { text: "text/plain", endings: &["txt"], shown: Shown::Text },
    media("video/mp4", &["mp4", "m4v"]),
    media("video/webm", &["webm"]),
    media("video/ogg", &["ogv"]),
    media("audio/mpeg", &["mp3"]),
    media("audio/mp4", &["m4a"]),
    media("audio/ogg", &["ogg", "oga", "opus"]),
    media("audio/flac", &["flac"]),
    media("audio/wav", &["wav"]),
    media("image/jpeg", &["jpg", "jpeg"]),
    media("image/png", &["png"]),
    media("image/gif", &["gif"]),
    media("image/webp", &["webp"]),
    media("image/avif", &["avif"]),
    saved("application/epub+zip", &["epub"]),
    saved("application/vnd.oasis.opendocument.text", &["odt"]),
    saved("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    saved("application/vnd.oasis.opendocument.presentation", &["odp"]),
    saved("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    saved("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    saved("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    saved("application/zip", &["zip"]),
    saved("text/csv", &["csv"]),
    MediaType::BYTES,
];

impl MediaType {
    /// Bytes of which nobody knows more.
    pub const BYTES: Self = saved("application/octet-stream", &[]);

    /// By the ending of a name.
    #[must_use]
    pub fn of(name: &FileName) -> Self {
        let ending = name.as_str().rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let known = KNOWN.iter().find(|known| known.endings.contains(&ending.as_str()));
        known.copied().unwrap_or(Self::BYTES)
    }

    /// By its own name. What a program before this one does not know is saved there.
    #[must_use]
    pub fn find(text: &str) -> Self {
        KNOWN.iter().find(|known| known.text == text).copied().unwrap_or(Self::BYTES)
    }

    /// As HTTP says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.text
    }

    /// How a browser may show it.
    #[must_use]
    pub fn shown(self) -> Shown {
        self.shown
    }
}

/// A file that a school is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFile {
    /// The SHA-256 of its bytes, in small hexadecimal digits: by that it is found.
    pub sha256: String,
    /// How long it is.
    pub bytes: u64,
    /// What it is called where it is saved.
    pub name: FileName,
    /// What pupils read for it.
    pub title: PreparationTitle,
    /// What it is.
    pub media: MediaType,
    /// Until when it is there.
    pub until: Timestamp,
}

/// Whether a text is a SHA-256 as they are written here.
#[must_use]
pub fn is_sum(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == SUM_DIGITS && text.bytes().all(is_digit)
}

/// Whether these are no more than a school may have, each of a length that can be, and each once.
#[must_use]
pub fn is_library(files: &[LibraryFile]) -> bool {
    let bytes = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    let mut sums: Vec<&str> = files.iter().map(|file| file.sha256.as_str()).collect();
    sums.sort_unstable();
    sums.dedup();
    let is_right =
        |file: &LibraryFile| is_sum(&file.sha256) && (1..=LIBRARY_FILE_BYTES_MAX).contains(&file.bytes);
    files.len() <= LIBRARY_FILES_MAX
        && bytes <= LIBRARY_BYTES_MAX
        && sums.len() == files.len()
        && files.iter().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_no_path_and_hides_nothing() {
        for right in ["volcan.mp4", "Le volcan – partie 2 (été).pdf", "a", &"é".repeat(100)] {
            assert!(right.parse::<FileName>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "..",
            ".profile",
            " a",
            "a ",
            "a.",
            "../a",
            "a\\b",
            "a\nb",
            "a\"b",
            "a;b",
            "film\u{202e}4pm.exe",
            "a\u{200b}b",
            "a\u{ad}b",
            "film\u{61c}4pm.exe",
            "a\u{e0041}b",
            "%2e%2e",
            &"a".repeat(101),
            &"文".repeat(67),
        ] {
            assert_eq!(wrong.parse::<FileName>(), Err(FileNameError), "{wrong:?}");
        }
    }

    #[test]
    fn what_could_act_is_saved() {
        let check = |text: &str, kind: &str, shown: Shown| {
            let media = MediaType::of(&name(text));
            assert_eq!((media.as_str(), media.shown()), (kind, shown), "{text}");
            assert_eq!(MediaType::find(kind), media);
        };
        check("a.MP4", "video/mp4", Shown::Media);
        check("a.b.pdf", "application/pdf", Shown::Document);
        check("a.txt", "text/plain", Shown::Text);
        check("a.odt", "application/vnd.oasis.opendocument.text", Shown::Saved);
        for active in ["a.html", "a.svg", "a.xhtml", "a.xml", "a.js", "a.exe", "mp4", "a"] {
            check(active, "application/octet-stream", Shown::Saved);
        }
        for said in ["text/html", "image/svg+xml", "", "video/mp4; x", "VIDEO/MP4"] {
            assert_eq!(MediaType::find(said), MediaType::BYTES, "{said}");
        }
    }

    #[test]
    fn a_library_has_its_limits() {
        let file = |number: usize, bytes: u64| LibraryFile {
            sha256: format!("{number:064x}"),
            bytes,
            name: name("a.pdf"),
            title: "A".parse().unwrap(),
            media: MediaType::of(&name("a.pdf")),
            until: Timestamp::from_unix_ms(5),
        };
        let many = |count: usize, bytes: u64| -> Vec<LibraryFile> {
            (0..count).map(|number| file(number, bytes)).collect()
        };
        assert!(is_library(&[]) && is_library(&many(LIBRARY_FILES_MAX, 1)));
        assert!(!is_library(&many(LIBRARY_FILES_MAX + 1, 1)));
        assert!(is_library(&many(16, LIBRARY_FILE_BYTES_MAX)));
        assert!(!is_library(&many(17, LIBRARY_FILE_BYTES_MAX)), "more than all may be");
        assert!(!is_library(&many(1, 0)) && !is_library(&many(1, LIBRARY_FILE_BYTES_MAX + 1)));
        assert!(!is_library(&[file(1, 1), file(1, 1)]), "one twice");
        let wrong = LibraryFile { sha256: "A".repeat(64), ..file(1, 1) };
        assert!(!is_library(&[wrong]) && !is_sum("../x"));
    }
}
