//! `cuts check`: what a cut may leave is looked at where it lies, without a machine that starts from it.
//!
//! In two passes. What decides whether a machine starts (the table, the boot files, the roots that they name) is looked at in every
//! state that a cut can leave it in: between two flushes, any of the writes may be lost, and each choice of them is made. What the box
//! keeps is looked at after every entry of the log, with the losses that chance takes there.
//!
//! It is an argument about files: neither firmware nor boot loader is in it. Those are played where a machine starts, and the report
//! says from which entries one has to be started to have played each state.

mod boot;
mod boot_files;
mod data;
mod kept;
mod part;
mod report;
mod table;
mod tools;
mod volume;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::booted::DISK_BYTES;
use crate::release::Release;
use crate::write_log::{Borrowed, Disk as _, Span, WriteLog};
use part::Plain;
use report::Report;
use table::{Ends, Partition, Piece};
use volume::{HEADERS_BYTES, Key, Opener};

/// The partition of all that a box keeps.
const DATA: &str = "preau-data";

/// What is looked at.
pub(crate) struct Job<'j> {
    pub(crate) image: &'j Path,
    /// Where there is room for the parts of a disk.
    pub(crate) folder: &'j Path,
    pub(crate) log: &'j WriteLog,
    /// The version of the image, and that of the update.
    pub(crate) releases: [&'j Release; 2],
    /// What decides which writes are lost.
    pub(crate) seed: u64,
    /// The first point at which what the box keeps is looked at.
    pub(crate) from: usize,
}

/// Looks at all that a cut may leave, and says what was found.
///
/// # Errors
/// A program is missing, the log cannot be read, or anything is not as it has to be.
pub(crate) fn run(job: &Job<'_>) -> Result<()> {
    tools::check()?;
    let began = crate::booted::now();
    let layout = Layout::read(job)?;
    // In two halves, which meet where all is safe.
    let middle = job.log.safe_until(usize::midpoint(job.from, job.log.len())).max(job.from);
    let halves = [(job.from, middle), (middle, job.log.len())];
    let reports = std::thread::scope(|scope| {
        let boot = scope.spawn(|| boot::look(job, &layout, Report::new(began)));
        let kept = halves.map(|half| {
            let layout = &layout;
            scope.spawn(move || kept::look(job, layout, half, Report::new(began)))
        });
        std::iter::once(boot).chain(kept).map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut whole = Report::new(began);
    for report in reports {
        whole.add(report.map_err(|_| anyhow::anyhow!("a part of it ended early"))??);
    }
    whole.end()
}

/// Where everything is on the disk.
struct Layout {
    /// The ends of the disk, as the image is laid onto it.
    ends: Ends,
    /// The partitions of the image.
    first: Vec<Partition>,
    /// The partition of all that a box keeps, which is made at its first start.
    data: Volume,
}

struct Volume {
    headers: Span,
    data: Span,
    key: Key,
    /// What was written to it.
    plain: Plain,
}

impl Layout {
    /// By the image, and by what the disk is in the end.
    fn read(job: &Job<'_>) -> Result<Self> {
        let mut ends = Ends::new(DISK_BYTES)?;
        let [head, _] = ends.spans();
        let mut bytes = vec![0; usize::try_from(head.bytes)?];
        File::open(job.image)?.read_exact_at(&mut bytes, 0).context("no whole image")?;
        ends.write(0, &bytes)?;
        let first = ends.table().context("the image")?.partitions;
        let mut last = ends.clone();
        for number in 0..job.log.len() {
            if ends.is_touched(job.log, number) {
                job.log.replay(number, number + 1, Borrowed(&mut last))?;
            }
        }
        let table = last.table().context("the disk, in the end")?;
        let data = table.partitions.into_iter().find(|partition| partition.name == DATA);
        let Span { start, bytes } = data.context("no data partition, in the end")?.span;
        let payload = bytes.checked_sub(HEADERS_BYTES).context("no room for a volume")?;
        let headers = Span { start, bytes: HEADERS_BYTES };
        let mut piece = Piece::new(headers)?;
        for number in 0..job.log.len() {
            if is_within(job.log, number, headers) {
                job.log.replay(number, number + 1, Borrowed(&mut piece))?;
            }
        }
        let key = Opener::default().open(piece.bytes()).context("the volume, in the end")?;
        let data = Span { start: headers.end(), bytes: payload };
        let plain = Plain::new(job.folder, job.log, data, &key)?;
        Ok(Self { ends, first, data: Volume { headers, data, key, plain } })
    }

    /// The partition of the boot files, which the image has first.
    fn boot(&self) -> Result<Span> {
        Ok(self.first.first().context("no partitions")?.span)
    }

    /// The partitions of roots and of what verifies them.
    fn slots(&self) -> impl Iterator<Item = Span> {
        self.first.iter().skip(1).map(|partition| partition.span)
    }
}

impl Ends {
    /// Whether an entry changes anything of them.
    fn is_touched(&self, log: &WriteLog, number: usize) -> bool {
        self.spans().into_iter().any(|span| is_within(log, number, span))
    }

    /// The ends with these entries.
    fn with(&self, log: &WriteLog, more: &[usize]) -> Result<Self> {
        let mut ends = self.clone();
        for number in more {
            log.replay(*number, number + 1, Borrowed(&mut ends))?;
        }
        Ok(ends)
    }
}

fn is_within(log: &WriteLog, number: usize, span: Span) -> bool {
    log.span(number).and_then(|changed| changed.shared(span)).is_some()
}

/// The versions, by what a slot of each has.
struct Version {
    name: String,
    /// The boot file.
    file: PathBuf,
    /// The number of the partition, and what is in it: of the root, and of what verifies it.
    parts: [(String, PathBuf); 2],
    /// Whether its kernel looks for the table's copy, where the table is damaged (`gpt` among its words).
    knows_copy: bool,
}

impl Version {
    fn read(release: &Release, folder: &Path) -> Result<Self> {
        let name = release.version.clone();
        let (file, _) = release.file(".efi")?;
        let unpack = |kind: &str| -> Result<(String, PathBuf)> {
            let (packed, uuid) = release.file(&format!(".{kind}.raw.gz"))?;
            let path = folder.join(format!("{name}.{kind}"));
            let mut unpacked = flate2::read::MultiGzDecoder::new(File::open(packed)?);
            std::io::copy(&mut unpacked, &mut File::create(&path)?)?;
            Ok((uuid, path))
        };
        let parts = [unpack("root")?, unpack("verity")?];
        let words = words(&std::fs::read(&file)?, &parts.each_ref().map(|(uuid, _)| uuid.as_str()))?;
        Ok(Self { name, file, parts, knows_copy: words.split(' ').any(|word| word == "gpt") })
    }
}

/// The kernel's words in a boot file: they begin with the hash of the root, of which the partitions' numbers are the two halves.
fn words(boot_file: &[u8], uuids: &[&str; 2]) -> Result<String> {
    let begin = format!("roothash={}", uuids.concat().replace('-', ""));
    let begin = begin.as_bytes();
    let Some(at) = boot_file.windows(begin.len()).position(|bytes| bytes == begin) else {
        bail!("a boot file that does not name its root")
    };
    let words = boot_file.get(at..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(words).into_owned())
}

/// What a state is of: so many entries of the log, without these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    point: usize,
    lost: BTreeSet<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_file_says_its_words() {
        let uuids = ["3cbc0bcf-2a37-1d3c-9b6e-50f58a1fe862", "0903f25b-96a0-f4c5-d072-b58d7dc19521"];
        let file = |root: &str| format!("MZ\0roothash=\0roothash={root} ro gpt quiet\0\0rest").into_bytes();
        let root = "3cbc0bcf2a371d3c9b6e50f58a1fe8620903f25b96a0f4c5d072b58d7dc19521";
        assert_eq!(words(&file(root), &uuids).unwrap(), format!("roothash={root} ro gpt quiet"));
        assert!(words(&file("3cbc"), &uuids).is_err());
    }
}
