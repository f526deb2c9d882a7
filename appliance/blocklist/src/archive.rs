//! Lists as they are published: a tar archive, usually compressed with gzip.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry};

use crate::compiler::{BuildError, Compiler};
use crate::report::Oddity;

/// Most bytes of an unpacked archive: six times UT1. A small archive can unpack to a petabyte.
pub const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Most bytes between two files of an archive: headers and long names, which are read into memory.
const HEADERS_BYTES_MAX: u64 = 1 << 20;
/// The first bytes of gzip (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The folder that holds the categories in the published archive.
pub const ROOT_FOLDER: &str = "blacklists";

/// Reads a `.tar` or `.tar.gz` archive of at most so many bytes, unpacked, into a compiler. Nothing is written: no
/// path in it can do harm.
///
/// # Errors
/// [`BuildError::Archive`] for a damaged or hostile archive, and what [`Compiler::add_file`] returns.
pub fn read_archive(
    archive: impl Read,
    unpacked_bytes_max: u64,
    compiler: &mut Compiler<'_>,
) -> Result<(), BuildError> {
    let mut archive = BufReader::new(archive);
    if archive.fill_buf().map_err(BuildError::Archive)?.starts_with(&GZIP_MAGIC) {
        read_tar(MultiGzDecoder::new(archive), unpacked_bytes_max, compiler)
    } else {
        read_tar(archive, unpacked_bytes_max, compiler)
    }
}

fn read_tar(tar: impl Read, unpacked_bytes_max: u64, compiler: &mut Compiler<'_>) -> Result<(), BuildError> {
    let allowance = Rc::new(Cell::new(0));
    let mut left = unpacked_bytes_max;
    let mut archive = Archive::new(Metered { inner: tar, allowance: Rc::clone(&allowance) });
    let mut entries = archive.entries().map_err(BuildError::Archive)?;
    loop {
        allowance.set(left.min(HEADERS_BYTES_MAX));
        let before = allowance.get();
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(BuildError::Archive)?;
        left -= before - allowance.get();
        allowance.set(left);
        read_entry(&mut entry, compiler)?;
        // What is not read here would be read with the next header, and counted as such.
        io::copy(&mut entry, &mut io::sink()).map_err(BuildError::Archive)?;
        left = allowance.get();
    }
    // The checksum of a compressed archive comes after its last file.
    allowance.set(left);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(BuildError::Archive)?;
    Ok(())
}

fn read_entry(entry: &mut Entry<'_, impl Read>, compiler: &mut Compiler<'_>) -> Result<(), BuildError> {
    let full_path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let Some(path) = place_in_list(&full_path) else { return Ok(()) };
    let kind = entry.header().entry_type();
    let is_in_category = path.contains('/');
    if kind.is_symlink() && !is_in_category {
        let target = entry.link_name_bytes().unwrap_or_default();
        return compiler.add_alias(&path, &String::from_utf8_lossy(&target));
    }
    if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
        return compiler.add_file(&path, entry);
    }
    if is_in_category && !kind.is_dir() {
        compiler.pass_over(&full_path, Oddity::Kind);
    }
    Ok(())
}

/// The path from the list's root on: `adult/domains` of `./blacklists/adult/domains`, an alias without slash.
/// `None` for everything that is no part of a category.
fn place_in_list(path: &str) -> Option<String> {
    let mut parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if let Some(root) = parts.iter().position(|part| *part == ROOT_FOLDER) {
        parts.drain(..=root);
    }
    (matches!(parts.len(), 1 | 2) && !parts.contains(&"..")).then(|| parts.join("/"))
}

/// A reader that fails when more is read than it is allowed.
struct Metered<R> {
    inner: R,
    allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.allowance.get().checked_sub(count as u64) {
            Some(rest) => self.allowance.set(rest),
            None => {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the archive unpacks to too much"));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, EntryType, Header};

    use super::*;
    use crate::{Compiled, Event};

    fn append(tar: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, link: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        if !link.is_empty() {
            header.set_link_name_literal(link).unwrap();
        }
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }

    fn published() -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        append(&mut tar, EntryType::Directory, "blacklists/", "", b"");
        append(&mut tar, EntryType::Regular, "blacklists/README", "", b"read me");
        append(&mut tar, EntryType::Regular, "blacklists/global_usage", "", b"NAME: adult");
        append(&mut tar, EntryType::Symlink, "blacklists/porn", "adult", b"");
        append(&mut tar, EntryType::Regular, "blacklists/adult/usage", "", b"black\nadult\n");
        append(&mut tar, EntryType::Regular, "blacklists/adult/domains", "", b"a.example\n");
        append(&mut tar, EntryType::Regular, "blacklists/adult/expressions", "", b"(sex|xxx)\n");
        append(&mut tar, EntryType::Link, "blacklists/adult/urls", "blacklists/games/urls", b"");
        append(&mut tar, EntryType::Regular, "../../etc/passwd", "", b"b.example\n");
        append(&mut tar, EntryType::Regular, "blacklists/../games/domains", "", b"b.example\n");
        tar.into_inner().unwrap()
    }

    fn compress(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    fn compile(archive: &[u8]) -> Result<(Compiled, Vec<String>), BuildError> {
        let mut events = Vec::new();
        let mut report = |event: Event<'_>| {
            if let Event::Odd { path, oddity } = event {
                events.push(format!("{path}: {oddity}"));
            }
        };
        let mut compiler = Compiler::new(&mut report);
        read_archive(archive, UNPACKED_BYTES_MAX, &mut compiler)?;
        Ok((compiler.finish()?, events))
    }

    #[test]
    fn plain_and_compressed_archives_are_the_same() {
        let (plain, events) = compile(&published()).unwrap();
        let (compressed, _) = compile(&compress(&published())).unwrap();
        assert_eq!(plain.bytes, compressed.bytes);
        let summary = plain.summary;
        assert_eq!((summary.domains, summary.categories, summary.aliases, summary.expressions), (1, 1, 1, 1));
        assert_eq!(events, ["blacklists/adult/urls: neither a regular file nor a folder"]);
    }

    #[test]
    fn places_in_the_list() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(place_in_list(path).as_deref(), expected);
        check("blacklists/adult/domains", Some("adult/domains"));
        check("./blacklists//adult/domains", Some("adult/domains"));
        check("/var/lists/blacklists/adult/urls", Some("adult/urls"));
        check("adult/domains", Some("adult/domains"));
        check("blacklists/ads", Some("ads"));
        check("blacklists/", None);
        check("blacklists/a/b/domains", None);
        check("blacklists/../domains", None);
    }

    #[test]
    fn damaged_archives_are_refused() {
        let archive = compress(&published());
        for length in [0, 1, 10, archive.len() / 2, archive.len() - 1] {
            assert!(compile(&archive[..length]).is_err(), "{length} bytes");
        }
        assert!(matches!(compile(&[b'a'; 2_000]), Err(BuildError::Archive(_))));
    }

    #[test]
    fn archives_that_unpack_to_too_much_are_refused() {
        let long_name = vec![b'a'; usize::try_from(HEADERS_BYTES_MAX).unwrap()];
        let mut tar = Builder::new(Vec::new());
        append(&mut tar, EntryType::GNULongName, "././@LongLink", "", &long_name);
        append(&mut tar, EntryType::Regular, "x", "", b"");
        let error = compile(&compress(&tar.into_inner().unwrap())).unwrap_err();
        assert!(
            matches!(&error, BuildError::Archive(source) if source.to_string().contains("too much")),
            "{error:?}"
        );
        let mut reader = Metered { inner: io::repeat(0), allowance: Rc::new(Cell::new(10)) };
        assert!(reader.read_exact(&mut [0; 11]).is_err());
    }
}
