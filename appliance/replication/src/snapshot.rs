//! The state of a school's box, for the one that takes its place: one archive.
//!
//! Invariant: what is read has the names of a closed list, each once, and no more bytes than each may have: no path leads out of a folder,
//! and nothing unpacks into more than there is room for.

use std::io::{self, Read, Write as _};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, Entry, EntryType, Header};

use crate::limits::{FILES_MAX, SNAPSHOT_BYTES_MAX};

/// The first line: what it is, and in which version.
const FIRST_LINE: &[u8] = b"PREAU SNAPSHOT 1\n";
/// Letters of the second line, which has the SHA-256 of all that follows.
const HASH_LETTERS: usize = 64;
/// Between zstd's usual level and its best: an archive is made once a night, and is small.
const LEVEL: i32 = 9;
/// How far zstd may look back, as a power of two: what it holds in memory for a hostile archive.
const WINDOW_LOG_MAX: u32 = 24;
/// Most bytes of the state: what SQLite keeps for a large school's year is a tenth of it.
const STATE_BYTES_MAX: u64 = 96 << 20;
/// Most bytes of a configuration, an authority or a catalogue: what the box itself takes.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of all parts with their heads.
const UNPACKED_BYTES_MAX: u64 = STATE_BYTES_MAX + 5 * TEXT_BYTES_MAX;

/// The state of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose it is.
    pub about: About,
    /// Devices, overrides, people, lessons, keys of the Wi-Fi: a state file of SQLite.
    pub state: Vec<u8>,
    /// The configuration file, as it was written; `None` where the box has none.
    pub configuration: Option<Vec<u8>>,
    /// The box's own authority with its key, which is constrained to the box's names; `None` where it has none.
    pub authority: Option<Vec<u8>>,
    /// What the box had sealed: that it exists, not what is in it.
    pub catalogue: Catalogue,
}

/// Whose a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The school's national identifier.
    pub uai: String,
    /// The box's number at the hub.
    pub box_id: u64,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
    /// The version of the box's program.
    pub version: String,
}

/// What a box had sealed, as its log tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The key of its log of seals, as a verifier key.
    pub log_key: String,
    /// The last checkpoint of the log, signed by the box; `None` where nothing was sealed.
    pub checkpoint: Option<String>,
    /// The sealed files that were there.
    pub files: Vec<Catalogued>,
}

/// A sealed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogued {
    /// What the box calls it.
    pub name: String,
    /// The hash of its bytes, in hexadecimal digits.
    pub hash: String,
    /// How long it is.
    pub bytes: u64,
    /// When it has to be gone, in milliseconds since 1970.
    pub until_ms: i64,
}

/// Bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// They do not begin as one.
    #[error("it is no snapshot of version 1")]
    Kind,
    /// They were cut or changed.
    #[error("its checksum is wrong: it was cut short or changed")]
    Checksum,
    /// Something in it is none of its parts, is missing, there twice, or too long.
    #[error("it has other parts than a snapshot has")]
    Parts,
    /// It cannot be unpacked, or not be packed.
    #[error("it cannot be packed or unpacked")]
    Archive(#[source] io::Error),
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Archive(error)
    }
}

/// The parts, as they are called in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    About,
    State,
    Configuration,
    Authority,
    Catalogue,
}

impl Part {
    const ALL: [Self; 5] = [Self::About, Self::State, Self::Configuration, Self::Authority, Self::Catalogue];

    fn name(self) -> &'static str {
        match self {
            Self::About => "about.json",
            Self::State => "state.sqlite",
            Self::Configuration => "preau.toml",
            Self::Authority => "authority",
            Self::Catalogue => "catalogue.json",
        }
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::State => STATE_BYTES_MAX,
            Self::About | Self::Configuration | Self::Authority | Self::Catalogue => TEXT_BYTES_MAX,
        }
    }
}

impl Snapshot {
    /// The archive.
    ///
    /// # Errors
    /// [`SnapshotError::Parts`] where it would be one that nobody takes.
    pub fn write(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut builder = Builder::new(zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?);
        for (part, bytes) in self.parts()? {
            if bytes.len() as u64 > part.bytes_max() {
                return Err(SnapshotError::Parts);
            }
            builder.append(&head(part, bytes.len() as u64)?, &*bytes)?;
        }
        let packed = builder.into_inner()?.finish()?;
        let mut archive = FIRST_LINE.to_vec();
        writeln!(archive, "{}", hash(&packed))?;
        archive.extend_from_slice(&packed);
        if archive.len() as u64 > SNAPSHOT_BYTES_MAX { Err(SnapshotError::Parts) } else { Ok(archive) }
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn read(archive: &[u8]) -> Result<Self, SnapshotError> {
        let rest = archive.strip_prefix(FIRST_LINE).ok_or(SnapshotError::Kind)?;
        let (written, rest) = rest.split_at_checked(HASH_LETTERS).ok_or(SnapshotError::Checksum)?;
        let packed = rest.strip_prefix(b"\n").ok_or(SnapshotError::Checksum)?;
        if written != hash(packed).as_bytes() {
            return Err(SnapshotError::Checksum);
        }
        let mut unpacked = zstd::stream::read::Decoder::new(packed)?;
        unpacked.window_log_max(WINDOW_LOG_MAX)?;
        let mut archive = Archive::new(unpacked.take(UNPACKED_BYTES_MAX));
        let mut found: [Option<Vec<u8>>; Part::ALL.len()] = Default::default();
        // Raw: long names and other additions are entries of kinds that are refused.
        for entry in archive.entries()?.raw(true) {
            let (place, bytes) = read_part(entry?)?;
            let slot = found.get_mut(place).ok_or(SnapshotError::Parts)?;
            if slot.replace(bytes).is_some() {
                return Err(SnapshotError::Parts);
            }
        }
        let [about, state, configuration, authority, catalogue] = found;
        let catalogue: Catalogue = parse(catalogue.as_deref())?;
        if catalogue.files.len() > FILES_MAX {
            return Err(SnapshotError::Parts);
        }
        let (about, state) = (parse(about.as_deref())?, state.ok_or(SnapshotError::Parts)?);
        Ok(Self { about, state, configuration, authority, catalogue })
    }

    /// What tells one state of a box from another, whenever it is looked at: the SHA-256 of all but whose it is and when it was made.
    #[must_use]
    pub fn content(&self) -> String {
        let mut text = Vec::new();
        let catalogue = serde_json::to_vec(&self.catalogue).unwrap_or_default();
        let parts =
            [Some(&self.state), self.configuration.as_ref(), self.authority.as_ref(), Some(&catalogue)];
        for part in parts {
            text.extend(part.map_or_else(|| "none".to_owned(), |part| hash(part)).into_bytes());
        }
        hash(&text)
    }

    fn parts(&self) -> Result<Vec<(Part, Vec<u8>)>, SnapshotError> {
        let json = |outcome: serde_json::Result<Vec<u8>>| outcome.map_err(|_| SnapshotError::Parts);
        let mut parts =
            vec![(Part::About, json(serde_json::to_vec(&self.about))?), (Part::State, self.state.clone())];
        parts.extend(self.configuration.clone().map(|bytes| (Part::Configuration, bytes)));
        parts.extend(self.authority.clone().map(|bytes| (Part::Authority, bytes)));
        parts.push((Part::Catalogue, json(serde_json::to_vec(&self.catalogue))?));
        Ok(parts)
    }
}

/// The head of a part: the same for the same part, whoever makes it, and whenever.
fn head(part: Part, bytes: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(part.name())?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// Which part an entry is, by its place among all, and its bytes.
fn read_part(entry: Entry<'_, impl Read>) -> Result<(usize, Vec<u8>), SnapshotError> {
    let place = {
        let name = entry.path_bytes();
        Part::ALL.iter().position(|part| part.name().as_bytes() == &*name)
    };
    let place = place.ok_or(SnapshotError::Parts)?;
    let bytes_max = Part::ALL.get(place).map_or(0, |part| part.bytes_max());
    let bytes = entry.header().entry_size()?;
    if entry.header().entry_type() != EntryType::Regular || bytes > bytes_max {
        return Err(SnapshotError::Parts);
    }
    let mut read = Vec::new();
    entry.take(bytes_max).read_to_end(&mut read)?;
    if read.len() as u64 == bytes { Ok((place, read)) } else { Err(SnapshotError::Checksum) }
}

fn parse<T: for<'t> Deserialize<'t>>(bytes: Option<&[u8]>) -> Result<T, SnapshotError> {
    bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).ok_or(SnapshotError::Parts)
}

/// SHA-256, in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../testdata/snapshot-v1.bin");

    fn sample() -> Snapshot {
        let about = About {
            uai: "0750655E".to_owned(),
            box_id: 7,
            made_ms: 1_795_392_000_000,
            version: "0.1.0".to_owned(),
        };
        let file = Catalogued {
            name: "seal-1.parquet.age".to_owned(),
            hash: "00".repeat(32),
            bytes: 4_096,
            until_ms: 1_826_928_000_000,
        };
        let catalogue =
            Catalogue { log_key: "preau/journal/x+1+AQ".to_owned(), checkpoint: None, files: vec![file] };
        Snapshot {
            about,
            state: b"SQLite format 3".repeat(100),
            configuration: Some(b"version = 1\n".to_vec()),
            authority: None,
            catalogue,
        }
    }

    /// An archive with a right checksum around other entries.
    fn forge(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(zstd::stream::write::Encoder::new(Vec::new(), LEVEL).unwrap());
        for (name, kind, bytes) in entries {
            let mut header = head(Part::State, bytes.len() as u64).unwrap();
            let field = &mut header.as_old_mut().name;
            field.fill(0);
            field[..name.len()].copy_from_slice(name);
            header.set_entry_type(*kind);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        let packed = builder.into_inner().unwrap().finish().unwrap();
        [FIRST_LINE, hash(&packed).as_bytes(), b"\n", &packed].concat()
    }

    #[test]
    fn the_golden_file_is_read_and_a_snapshot_comes_back_as_it_was() {
        assert_eq!(Snapshot::read(GOLDEN).unwrap(), sample());
        let archive = sample().write().unwrap();
        assert_eq!(archive, sample().write().unwrap(), "the same state is the same archive");
        assert_eq!(Snapshot::read(&archive).unwrap(), sample());
        let whole = Snapshot { authority: Some(b"PREAU AUTHORITY 1".to_vec()), ..sample() };
        assert_eq!(Snapshot::read(&whole.write().unwrap()).unwrap(), whole);
    }

    #[test]
    fn the_time_is_no_part_of_the_content() {
        let later = Snapshot { about: About { made_ms: 1, ..sample().about }, ..sample() };
        assert_eq!(sample().content(), later.content());
        let other = Snapshot { authority: Some(vec![]), ..sample() };
        assert_ne!(sample().content(), other.content());
        assert_ne!(sample().content(), Snapshot { configuration: None, ..sample() }.content());
    }

    #[test]
    fn every_cut_and_every_change_is_found() {
        let archive = sample().write().unwrap();
        for end in 0..archive.len() {
            assert!(Snapshot::read(&archive[..end]).is_err(), "{end}");
            let mut changed = archive.clone();
            changed[end] ^= 1;
            assert!(Snapshot::read(&changed).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_no_part_is_refused_whatever_it_is_called() {
        let about = serde_json::to_vec(&sample().about).unwrap();
        let catalogue = serde_json::to_vec(&sample().catalogue).unwrap();
        let file = EntryType::Regular;
        let whole: [(&[u8], EntryType, &[u8]); 3] = [
            (b"about.json", file, &about),
            (b"state.sqlite", file, b"x"),
            (b"catalogue.json", file, &catalogue),
        ];
        assert!(Snapshot::read(&forge(&whole)).is_ok());
        for name in
            [&b"../state.sqlite"[..], b"/etc/passwd", b"./authority", b"state.sqlite/", b"seal-key", b""]
        {
            let more = [&whole[..], &[(name, file, b"x")]].concat();
            assert!(matches!(Snapshot::read(&forge(&more)), Err(SnapshotError::Parts)), "{name:?}");
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::GNULongName] {
            let more = [&whole[..], &[(&b"authority"[..], kind, &b"x"[..])]].concat();
            assert!(matches!(Snapshot::read(&forge(&more)), Err(SnapshotError::Parts)), "{kind:?}");
        }
        let twice = [&whole[..], &whole[..1]].concat();
        assert!(matches!(Snapshot::read(&forge(&twice)), Err(SnapshotError::Parts)));
        assert!(matches!(Snapshot::read(&forge(&whole[1..])), Err(SnapshotError::Parts)));
        let long = vec![0; usize::try_from(TEXT_BYTES_MAX).unwrap() + 1];
        let bomb = [&whole[..], &[(&b"preau.toml"[..], file, &long[..])]].concat();
        assert!(matches!(Snapshot::read(&forge(&bomb)), Err(SnapshotError::Parts)));
    }
}
