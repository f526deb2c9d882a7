//! One file of a mirror on the disk: as it is, what is known of it, and the one that is on its way.
//!
//! Invariant: what is written beside a file is never about another file: it goes before the file changes, and
//! comes back after. A file without it is fetched anew, which harms nobody.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use ureq::http::{HeaderMap, HeaderName, header};

use crate::lists;

/// Bytes that tell what a file is.
const FIRST_BYTES: usize = 2;

/// The place of one file.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    name: String,
}

/// What the mirror said of a file when it sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Where it is.
    url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The validator that a part can be asked for with: a strong one.
    pub(super) if_range: Option<String>,
    /// Its size in bytes, where that is known.
    pub(super) length: Option<u64>,
    /// Its MD5 checksum in hexadecimal digits, once it is whole.
    sum: Option<String>,
    /// That of the mirror's own file, where this one has the same content but was packed here.
    #[serde(default)]
    published: Option<String>,
}

/// A file that has not arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) origin: Origin,
    /// How much of it is here.
    pub(super) bytes: u64,
}

impl Origin {
    /// What the head of an answer says.
    pub(super) fn of(url: &str, head: &HeaderMap) -> Self {
        let etag = header_text(head, &header::ETAG);
        let last_modified = header_text(head, &header::LAST_MODIFIED);
        let length = header_text(head, &header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let strong = etag.clone().filter(|etag| !etag.starts_with("W/"));
        // A file may change twice in one second: the date is strong when that second was over (RFC 9110 section
        // 8.8.2.2), which a later date of the answer shows.
        let date = header_text(head, &header::DATE);
        let dated =
            last_modified.clone().filter(|_| etag.is_none() && date.is_some() && date != last_modified);
        Self {
            url: url.to_owned(),
            etag,
            last_modified,
            if_range: strong.or(dated),
            length,
            sum: None,
            published: None,
        }
    }
}

impl Origin {
    /// The MD5 checksum of the mirror's own file, in hexadecimal digits.
    pub(super) fn published(&self) -> Option<&str> {
        self.published.as_deref().or(self.sum.as_deref())
    }
}

impl Begun {
    /// Whether nothing is missing: the box was stopped after the last byte.
    pub(super) fn is_whole(&self) -> bool {
        self.origin.length == Some(self.bytes)
    }

    /// Whether an answer with this head has the missing rest, of the same file.
    pub(super) fn is_continued_by(&self, head: &HeaderMap) -> bool {
        let etag = header_text(head, &header::ETAG);
        let is_same = etag.is_none() || self.origin.etag.is_none() || etag == self.origin.etag;
        let range = header_text(head, &header::CONTENT_RANGE);
        let range = range.as_deref().and_then(parse_range);
        is_same
            && range.is_some_and(|(first, total)| {
                first == self.bytes
                    && (total.is_none() || self.origin.length.is_none() || total == self.origin.length)
            })
    }
}

/// The first byte and the size of `bytes 100-999/1000`; no size for `*` (RFC 9110 section 14.4).
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.parse().ok()?, total))
}

/// The value of a field, where it is text.
fn header_text(head: &HeaderMap, name: &HeaderName) -> Option<String> {
    head.get(name).and_then(|value| value.to_str().ok()).map(|value| value.trim().to_owned())
}

impl Shelf {
    /// The place of the file `name` in `folder`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self { folder: folder.to_owned(), name: name.to_owned() }
    }

    /// What the mirror calls the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file, once it is here.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The checksum of the file, where there is one that arrived whole.
    pub(crate) fn sum(&self) -> Option<String> {
        read_origin(&self.origin_file())?.sum
    }

    fn origin_file(&self) -> PathBuf {
        self.folder.join(format!("{}.origin", self.name))
    }

    fn part(&self) -> PathBuf {
        self.folder.join(format!("{}.part", self.name))
    }

    fn part_origin_file(&self) -> PathBuf {
        self.folder.join(format!("{}.part.origin", self.name))
    }

    /// What is known of the file, if it came from `url` and is as it was then: a disk may forget.
    pub(super) fn kept(&self, url: &str) -> Option<Origin> {
        let origin = read_origin(&self.origin_file()).filter(|origin| origin.url == url)?;
        let (_, sum) = examine(&self.file()).ok()?;
        (origin.sum == Some(digits(sum))).then_some(origin)
    }

    /// What is here of a file that is on its way from `url`, if the rest can be asked for.
    pub(super) fn begun(&self, url: &str) -> Option<Begun> {
        let origin = read_origin(&self.part_origin_file()).filter(|origin| origin.url == url)?;
        let bytes = fs::metadata(self.part()).ok()?.len();
        let begun = Begun { origin, bytes };
        let is_of_use = begun.bytes > 0 && (begun.origin.if_range.is_some() || begun.is_whole());
        is_of_use.then_some(begun)
    }

    /// Makes room for a new file.
    pub(super) fn begin(&self, origin: &Origin) -> io::Result<File> {
        remove(&self.part_origin_file())?;
        let file = File::create(self.part())?;
        lists::replace(&self.part_origin_file(), &write_origin(origin)?)?;
        Ok(file)
    }

    /// Opens the file that is on its way at its end.
    pub(super) fn go_on(&self) -> io::Result<File> {
        File::options().append(true).open(self.part())
    }

    /// Notes that nothing is missing of the file, also where the mirror did not say its size: it is not asked for
    /// again.
    pub(super) fn mark_whole(&self, begun: &Begun) -> io::Result<()> {
        let origin = Origin { length: Some(begun.bytes), ..begun.origin.clone() };
        lists::replace(&self.part_origin_file(), &write_origin(&origin)?)
    }

    /// Forgets the file that is on its way.
    pub(super) fn abandon(&self) {
        for path in [self.part_origin_file(), self.part()] {
            if let Err(error) = remove(&path) {
                tracing::warn!(%error, "cannot remove {}", path.display());
            }
        }
    }

    /// The first bytes and the checksum of the file that has arrived.
    pub(super) fn examine(&self) -> io::Result<([u8; FIRST_BYTES], [u8; 16])> {
        examine(&self.part())
    }

    /// Puts the file that has arrived in the place of the one that is here.
    pub(super) fn keep(&self, begun: Begun, sum: [u8; 16]) -> io::Result<()> {
        remove(&self.origin_file())?;
        fs::rename(self.part(), self.file())?;
        let origin = Origin { length: Some(begun.bytes), sum: Some(digits(sum)), ..begun.origin };
        lists::replace(&self.origin_file(), &write_origin(&origin)?)?;
        remove(&self.part_origin_file())
    }
}

impl Shelf {
    /// A shelf for the difference to the next state of the file. It has room for one.
    pub(super) fn of_difference(&self) -> Self {
        Self { folder: self.folder.clone(), name: format!("{}.difference", self.name) }
    }

    /// What has arrived of the file so far, all of it when all of it has.
    pub(super) fn arrived(&self) -> io::Result<File> {
        File::open(self.part())
    }

    /// A file beside this one, gone when nobody holds it.
    pub(super) fn scratch(&self) -> io::Result<NamedTempFile> {
        lists::temporary_beside(&self.file())
    }

    /// Notes that the file here has the content of the mirror's file with the checksum `published`.
    pub(super) fn note_published(&self, published: &str) -> io::Result<()> {
        let origin = read_origin(&self.origin_file()).ok_or(io::ErrorKind::NotFound)?;
        let origin = Origin { published: Some(published.to_owned()), ..origin };
        lists::replace(&self.origin_file(), &write_origin(&origin)?)
    }

    /// Puts a file in the place of the one that is here: it has the content of the one at `url` with the checksum `published`,
    /// but was packed here.
    pub(super) fn keep_packed(&self, packed: NamedTempFile, url: &str, published: &str) -> io::Result<()> {
        packed.as_file().sync_all()?;
        let (_, sum) = examine(packed.path())?;
        remove(&self.origin_file())?;
        lists::publish(packed, &self.file())?;
        let origin = Origin {
            url: url.to_owned(),
            etag: None,
            last_modified: None,
            if_range: None,
            length: None,
            sum: Some(digits(sum)),
            published: Some(published.to_owned()),
        };
        lists::replace(&self.origin_file(), &write_origin(&origin)?)
    }
}

fn read_origin(path: &Path) -> Option<Origin> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write_origin(origin: &Origin) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(origin)?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn digits(sum: [u8; 16]) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn examine(path: &Path) -> io::Result<([u8; FIRST_BYTES], [u8; 16])> {
    let mut file = File::open(path)?;
    let mut sum = md5::Context::new();
    let mut first = [0; FIRST_BYTES];
    let mut buffer = vec![0; 64 * 1024];
    let mut is_start = true;
    loop {
        let count = file.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        if is_start {
            first.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            is_start = false;
        }
        sum.consume(chunk);
    }
    Ok((first, sum.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| ((*name).clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_strong_validator_serves_to_go_on() {
        let (monday, tuesday) = ("Mon, 23 Nov 2026 01:00:00 GMT", "Tue, 24 Nov 2026 01:00:00 GMT");
        let check =
            |etag: Option<&str>, modified: Option<&str>, date: Option<&str>, expected: Option<&str>| {
                let fields =
                    [(&header::ETAG, etag), (&header::LAST_MODIFIED, modified), (&header::DATE, date)];
                let fields: Vec<_> =
                    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
                let origin = Origin::of("http://a.example/x", &head(&fields));
                assert_eq!(origin.if_range.as_deref(), expected, "{fields:?}");
            };
        check(Some("\"a\""), Some(monday), Some(tuesday), Some("\"a\""));
        check(Some("W/\"a\""), Some(monday), Some(tuesday), None);
        check(None, Some(monday), Some(tuesday), Some(monday));
        check(None, Some(monday), Some(monday), None);
        check(None, Some(monday), None, None);
        check(None, None, Some(monday), None);
    }

    #[test]
    fn the_rest_of_a_file_fits_to_its_beginning() {
        let origin = Origin::of(
            "http://a.example/x",
            &head(&[(&header::ETAG, "\"a\""), (&header::CONTENT_LENGTH, "1000")]),
        );
        let begun = Begun { origin, bytes: 100 };
        let check = |etag: &str, range: &str, expected: bool| {
            let head = head(&[(&header::ETAG, etag), (&header::CONTENT_RANGE, range)]);
            assert_eq!(begun.is_continued_by(&head), expected, "{etag} {range}");
        };
        check("\"a\"", "bytes 100-999/1000", true);
        check("\"a\"", "bytes 100-999/*", true);
        check("\"b\"", "bytes 100-999/1000", false);
        check("\"a\"", "bytes 99-999/1000", false);
        check("\"a\"", "bytes 100-999/2000", false);
        check("\"a\"", "bytes */1000", false);
        check("\"a\"", "lines 100-999/1000", false);
        check("\"a\"", "bytes -1-2/3", false);
        assert!(!begun.is_continued_by(&HeaderMap::new()));
    }

    #[test]
    fn what_changed_on_the_disk_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path(), "adult.tar.gz");
        let url = "http://a.example/adult.tar.gz";
        let origin = Origin::of(url, &head(&[(&header::ETAG, "\"a\""), (&header::CONTENT_LENGTH, "4")]));
        let mut file = shelf.begin(&origin).unwrap();
        io::Write::write_all(&mut file, b"list").unwrap();
        let begun = shelf.begun(url).unwrap();
        assert!(begun.is_whole() && shelf.begun("http://b.example/").is_none());
        let (first, sum) = shelf.examine().unwrap();
        assert_eq!(&first, b"li");
        shelf.keep(begun, sum).unwrap();
        assert!(shelf.begun(url).is_none());
        assert_eq!(shelf.kept(url).unwrap().etag.as_deref(), Some("\"a\""));
        assert_eq!(shelf.kept("http://b.example/"), None);
        fs::write(shelf.file(), "lost").unwrap();
        assert_eq!(shelf.kept(url), None);
    }
}
