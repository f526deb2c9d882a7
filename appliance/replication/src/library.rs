//! Files that a school is to have from the hub, for its pupils.

use model::{LibraryFile, MediaType, Timestamp, is_library};
use serde::{Deserialize, Serialize};

/// A file, as the sheet names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFile {
    /// The SHA-256 of its bytes, in small hexadecimal digits.
    pub sha256: String,
    /// How long it is.
    pub bytes: u64,
    /// What it is called where it is saved.
    pub name: String,
    /// What pupils read for it.
    pub title: String,
    /// What it is, as HTTP says it.
    pub media: String,
    /// Up to when it is there, in milliseconds since 1970.
    pub until_ms: i64,
}

/// What a box tells of a file that it has from the hub, whole.
#[must_use]
pub fn short_sum(sha256: &str) -> &str {
    sha256.get(..SHORT_DIGITS).unwrap_or(sha256)
}

/// Digits of a sum that a box tells: of fifty files, no two begin with the same.
const SHORT_DIGITS: usize = 16;

/// How a box is with the files of the commune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryHealth {
    /// How many it is to have.
    pub wanted: u32,
    /// The first sixteen digits of the sums of those that are there, whole.
    #[serde(default)]
    pub here: Vec<String>,
    /// Why others are not: `no-room`, `damaged`; nothing where they are on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl LibraryHealth {
    /// The disk has no room for a file beside the journal.
    pub const NO_ROOM: &str = "no-room";
    /// One came whole, and with another sum.
    pub const DAMAGED: &str = "damaged";

    /// Whether all of it is what may be shown to people.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_short =
            |sum: &String| sum.len() == SHORT_DIGITS && sum.bytes().all(|it| it.is_ascii_hexdigit());
        self.here.len() <= model::LIBRARY_FILES_MAX
            && self.here.iter().all(is_short)
            && self.trouble.as_deref().is_none_or(|word| [Self::NO_ROOM, Self::DAMAGED].contains(&word))
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, sha256: &str) -> bool {
        self.here.iter().any(|sum| sum == short_sum(sha256))
    }
}

impl SheetFile {
    /// How a file is told.
    #[must_use]
    pub fn write(file: &LibraryFile) -> Self {
        Self {
            sha256: file.sha256.clone(),
            bytes: file.bytes,
            name: file.name.as_str().to_owned(),
            title: file.title.as_str().to_owned(),
            media: file.media.as_str().to_owned(),
            until_ms: file.until.unix_ms(),
        }
    }

    /// The file; `None` where it is none. A kind that this program does not know is one of bytes, which are saved.
    #[must_use]
    pub fn read(&self) -> Option<LibraryFile> {
        let file = LibraryFile {
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            name: self.name.parse().ok()?,
            title: self.title.parse().ok()?,
            media: MediaType::find(&self.media),
            until: Timestamp::from_unix_ms(self.until_ms),
        };
        is_library(std::slice::from_ref(&file)).then_some(file)
    }

    /// All of these; `None` where one is none, or they are more than a school may have.
    #[must_use]
    pub fn read_all(files: &[Self]) -> Option<Vec<LibraryFile>> {
        let files: Vec<LibraryFile> = files.iter().map(Self::read).collect::<Option<_>>()?;
        is_library(&files).then_some(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Health, SchoolSheet, read_json};

    fn file(mark: &str) -> SheetFile {
        SheetFile {
            sha256: mark.repeat(64),
            bytes: 5,
            name: "volcan.mp4".to_owned(),
            title: "Le volcan".to_owned(),
            media: "video/mp4".to_owned(),
            until_ms: 1_795_996_800_000,
        }
    }

    #[test]
    fn a_sheet_has_files_and_one_of_before_has_none() {
        let sheet = SchoolSheet { serial: 3, school: "0750655E".to_owned(), ..SchoolSheet::default() };
        assert!(!sheet.write().contains("files"), "an older box reads what it knows");
        let with = SchoolSheet { files: vec![file("a"), file("b")], ..sheet };
        let read = SchoolSheet::read(&with.write()).unwrap();
        assert_eq!(read, with);
        let files = SheetFile::read_all(&read.files).unwrap();
        assert_eq!((files.len(), SheetFile::write(&files[0])), (2, file("a")));
    }

    #[test]
    fn what_is_no_file_makes_no_sheet() {
        let check = |change: fn(&mut Vec<SheetFile>)| {
            let mut files = vec![file("a"), file("b")];
            change(&mut files);
            let sheet = SchoolSheet {
                serial: 3,
                school: "0750655E".to_owned(),
                files: files.clone(),
                ..SchoolSheet::default()
            };
            assert_eq!(SchoolSheet::read(&sheet.write()), None, "{files:?}");
        };
        check(|files| files[0].sha256 = "../../etc/passwd".to_owned());
        check(|files| files[0].sha256 = "A".repeat(64));
        check(|files| files[0].name = "../volcan.mp4".to_owned());
        check(|files| files[0].title = "\u{1b}[2J".to_owned());
        check(|files| files[0].bytes = 0);
        check(|files| files[0].bytes = u64::MAX);
        check(|files| files[1] = files[0].clone());
        check(|files| *files = vec![files[0].clone(); 51]);
        // One that a later program knows is saved, and no more.
        let later = SheetFile { media: "text/html".to_owned(), ..file("a") };
        assert_eq!(later.read().unwrap().media, MediaType::BYTES);
    }

    #[test]
    fn what_is_there_is_told_by_the_beginning_of_its_sum() {
        let old: Health = read_json(br#"{"version":"0.1.0","now_ms":5,"clock":"synchronised"}"#).unwrap();
        assert!(old.library.is_none() && !serde_json::to_string(&old).unwrap().contains("library"));
        let here = vec![short_sum(&file("a").sha256).to_owned()];
        let health = LibraryHealth { wanted: 2, here, trouble: Some("no-room".to_owned()) };
        assert!(health.is_right() && health.has(&file("a").sha256) && !health.has(&file("b").sha256));
        assert!(!LibraryHealth { here: vec!["a".to_owned()], ..health.clone() }.is_right());
        assert!(!LibraryHealth { here: vec!["a".repeat(16); 51], ..health.clone() }.is_right());
        assert!(!LibraryHealth { trouble: Some("<b>".to_owned()), ..health.clone() }.is_right());
        let text = serde_json::to_string(&Health { library: Some(health.clone()), ..old }).unwrap();
        assert_eq!(read_json::<Health>(text.as_bytes()).unwrap().library, Some(health));
    }
}
