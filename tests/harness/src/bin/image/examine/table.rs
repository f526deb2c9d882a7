//! The disk's table of partitions (GPT; UEFI 2.10, chapter 5.3), as it lies at the disk's beginning and, once more, at its end.

use anyhow::{Context as _, Result, bail, ensure};

use crate::write_log::{Disk, Span};

/// Bytes of a sector.
const SECTOR: u64 = 512;
/// How much of the beginning and of the end of a disk the table may take: its 33 sectors, and the one before it.
const END_BYTES: u64 = 64 << 10;
const MAGIC: &[u8] = b"EFI PART";
/// Bytes of a header that count, at least, and of an entry.
const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: usize = 128;
/// Entries that a table may have.
const ENTRIES_MAX: usize = 128;

/// The two ends of a disk, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ends([Piece; 2]);

/// Some of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

/// A table, whose sums are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Whether the one at the disk's beginning is damaged, and this is the one at its end.
    pub(crate) is_copy: bool,
    pub(crate) partitions: Vec<Partition>,
}

/// One of the partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Piece {
    /// Zeros.
    pub(crate) fn new(span: Span) -> Result<Self> {
        Ok(Self { start: span.start, bytes: vec![0; usize::try_from(span.bytes)?] })
    }

    pub(crate) fn span(&self) -> Span {
        Span { start: self.start, bytes: self.bytes.len() as u64 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The part of it that a span of the disk is.
    fn part(&mut self, span: Span) -> Option<&mut [u8]> {
        let shared = self.span().shared(span)?;
        let [start, count] = [shared.start - self.start, shared.bytes].map(usize::try_from);
        let (start, count) = (start.ok()?, count.ok()?);
        self.bytes.get_mut(start..start.checked_add(count)?)
    }

    fn get(&self, start: u64, count: usize) -> Option<&[u8]> {
        let start = usize::try_from(start.checked_sub(self.start)?).ok()?;
        self.bytes.get(start..start.checked_add(count)?)
    }
}

impl Disk for Piece {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let span = Span { start, bytes: bytes.len() as u64 };
        let skipped = usize::try_from(self.start.saturating_sub(start))?;
        if let Some(part) = self.part(span) {
            let count = part.len();
            part.copy_from_slice(bytes.get(skipped..skipped + count).context("a write within itself")?);
        }
        Ok(())
    }

    fn forget(&mut self, span: Span) -> Result<()> {
        if let Some(part) = self.part(span) {
            part.fill(0);
        }
        Ok(())
    }
}

impl Disk for Ends {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        self.0.iter_mut().try_for_each(|end| end.write(start, bytes))
    }

    fn forget(&mut self, span: Span) -> Result<()> {
        self.0.iter_mut().try_for_each(|end| end.forget(span))
    }
}

impl Ends {
    /// The ends of an empty disk.
    pub(crate) fn new(disk_bytes: u64) -> Result<Self> {
        ensure!(disk_bytes >= 2 * END_BYTES, "a disk of {disk_bytes} bytes");
        let at = |start| Piece::new(Span { start, bytes: END_BYTES });
        Ok(Self([at(0)?, at(disk_bytes - END_BYTES)?]))
    }

    /// Where they are.
    pub(crate) fn spans(&self) -> [Span; 2] {
        self.0.each_ref().map(Piece::span)
    }

    /// The table that a machine goes by: the one at the beginning, or its copy where that is damaged.
    ///
    /// # Errors
    /// Both are damaged.
    pub(crate) fn table(&self) -> Result<Table> {
        let Self([first, last]) = self;
        let damage = match self.read(SECTOR) {
            Ok(partitions) => return Ok(Table { is_copy: false, partitions }),
            Err(damage) => damage,
        };
        match self.read(last.span().end() - SECTOR) {
            Ok(partitions) => Ok(Table { is_copy: true, partitions }),
            Err(other) => bail!("no table at byte {}: {damage:#}; nor its copy: {other:#}", first.start),
        }
    }

    fn read(&self, at: u64) -> Result<Vec<Partition>> {
        let get = |at, count| self.0.iter().find_map(|end| end.get(at, count)).context("beyond the ends");
        let sector = get(at, usize::try_from(SECTOR)?)?;
        ensure!(sector.starts_with(MAGIC), "no header");
        let bytes = usize::try_from(number(sector, 12, 4)?)?;
        ensure!((HEADER_BYTES..=sector.len()).contains(&bytes), "a header of {bytes} bytes");
        let mut header = sector.get(..bytes).context("no header")?.to_vec();
        header.get_mut(16..20).context("no header")?.fill(0);
        ensure!(u64::from(crc32fast::hash(&header)) == number(sector, 16, 4)?, "the header's sum is wrong");
        ensure!(number(sector, 24, 8)?.checked_mul(SECTOR) == Some(at), "a header of another place");
        let place = number(sector, 72, 8)?.checked_mul(SECTOR).context("beyond any disk")?;
        let count = usize::try_from(number(sector, 80, 4)?)?;
        ensure!(count <= ENTRIES_MAX && number(sector, 84, 4)? == ENTRY_BYTES as u64, "{count} entries");
        let entries = get(place, count * ENTRY_BYTES)?;
        ensure!(u64::from(crc32fast::hash(entries)) == number(sector, 88, 4)?, "the entries' sum is wrong");
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        let used = entries.iter().filter(|entry| !entry.starts_with(&[0; 16]));
        used.map(|entry| Partition::read(entry)).collect()
    }
}

impl Partition {
    fn read(entry: &[u8]) -> Result<Self> {
        let (first, last) = (number(entry, 32, 8)?, number(entry, 40, 8)?);
        let sectors =
            last.checked_sub(first).and_then(|more| more.checked_add(1)).context("it ends early")?;
        let bytes_of = |sectors: u64| sectors.checked_mul(SECTOR).context("beyond any disk");
        let (units, _) = entry.get(56..).unwrap_or_default().as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
        let rest = entry.get(24..32).context("no whole entry")?;
        let uuid = format!(
            "{:08x}-{:04x}-{:04x}-{}",
            number(entry, 16, 4)?,
            number(entry, 20, 2)?,
            number(entry, 22, 2)?,
            hex(rest)
        );
        let (head, tail) = uuid.split_at_checked(23).context("a short number")?;
        Ok(Self {
            uuid: format!("{head}-{tail}"),
            name: char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
            span: Span { start: bytes_of(first)?, bytes: bytes_of(sectors)? },
        })
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8], at: usize, count: usize) -> Result<u64> {
    let bytes = bytes.get(at..at + count).context("it ends early")?;
    Ok(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const DISK_BYTES: u64 = 1 << 20;

    /// A table of these partitions, as it lies at one end of a disk: the entries and the header, with their places.
    pub(crate) fn lay(partitions: &[(u8, &str, Span)], is_copy: bool) -> [(u64, Vec<u8>); 2] {
        let mut entries = vec![0; ENTRIES_MAX * ENTRY_BYTES];
        for (entry, (id, name, span)) in entries.chunks_mut(ENTRY_BYTES).zip(partitions) {
            entry[..16].fill(7);
            entry[16..32].copy_from_slice(&std::array::from_fn::<u8, 16, _>(|at| {
                id.wrapping_add(u8::try_from(at).unwrap())
            }));
            entry[32..40].copy_from_slice(&(span.start / SECTOR).to_le_bytes());
            entry[40..48].copy_from_slice(&(span.end() / SECTOR - 1).to_le_bytes());
            for (unit, place) in name.encode_utf16().zip(entry[56..].chunks_mut(2)) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
        let last = DISK_BYTES / SECTOR - 1;
        let (own, other, place) = if is_copy { (last, 1, last - 32) } else { (1, last, 2) };
        let mut header = vec![0; 512];
        header[..8].copy_from_slice(MAGIC);
        header[12] = u8::try_from(HEADER_BYTES).unwrap();
        for (at, number) in [(24, own), (32, other), (72, place)] {
            header[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        header[80] = u8::try_from(ENTRIES_MAX).unwrap();
        header[84] = u8::try_from(ENTRY_BYTES).unwrap();
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let sum = crc32fast::hash(&header[..HEADER_BYTES]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        [(place * SECTOR, entries), (own * SECTOR, header)]
    }

    const SPAN: Span = Span { start: 1 << 18, bytes: 4_096 };

    #[test]
    fn the_copy_counts_where_the_table_is_damaged() {
        let mut ends = Ends::new(DISK_BYTES).unwrap();
        assert!(ends.table().is_err());
        let mut put = |parts: &[(u64, Vec<u8>)]| {
            parts.iter().for_each(|(at, bytes)| ends.write(*at, bytes).unwrap());
            ends.table()
        };
        let old = [(0x10, "esp", SPAN)];
        let new = [(0x10, "esp", SPAN), (0x20, "preau_1.0", SPAN)];
        let names = |table: Table| (table.is_copy, table.partitions.len());
        assert_eq!(names(put(&lay(&old, true)).unwrap()), (true, 1));
        assert_eq!(names(put(&lay(&old, false)).unwrap()), (false, 1));
        // As programs write it: the copy first, entries before their header.
        assert_eq!(names(put(&lay(&new, true)[..1]).unwrap()), (false, 1));
        assert_eq!(names(put(&lay(&new, true)).unwrap()), (false, 1));
        assert_eq!(names(put(&lay(&new, false)[..1]).unwrap()), (true, 2), "no header fits the entries");
        let table = put(&lay(&new, false)).unwrap();
        let Table { is_copy: false, partitions } = table else { panic!("{table:?}") };
        assert_eq!(partitions[1].uuid, "23222120-2524-2726-2829-2a2b2c2d2e2f");
        assert_eq!((partitions[1].name.as_str(), partitions[1].span), ("preau_1.0", SPAN));
        assert!(put(&[(1_024, vec![9]), (DISK_BYTES - 33 * SECTOR, vec![9])]).is_err(), "both are damaged");
    }

    #[test]
    fn a_piece_takes_its_part_of_a_write() {
        let mut piece = Piece::new(Span { start: 10, bytes: 4 }).unwrap();
        piece.write(8, &[1, 2, 3, 4]).unwrap();
        piece.write(13, &[5, 6, 7]).unwrap();
        piece.write(20, &[8]).unwrap();
        assert_eq!(piece.bytes(), [3, 4, 0, 5]);
        piece.forget(Span { start: 0, bytes: 11 }).unwrap();
        assert_eq!(piece.bytes(), [0, 4, 0, 5]);
    }
}
