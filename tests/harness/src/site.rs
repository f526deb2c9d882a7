//! The servers of the lab's Internet.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Size of the file `/big.bin` that every site serves: a gigabyte and a bit, so that no buffer's size divides it.
pub const BIG_FILE_BYTES: u64 = 1_000_000_007;

/// Distance between two marks in the big file; between them it is zeros that take no room on the disk.
const MARK_DISTANCE_BYTES: u64 = 1_048_573;

/// A server with HTTP and HTTPS, for a name and its `www.` sub-domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// The list that it is in, when it is in one.
    pub category: Option<String>,
    /// Where it is.
    pub ipv4: Ipv4Addr,
    /// Where it is.
    pub ipv6: Ipv6Addr,
    /// Where an application listens on the Internet's loopback that answers for it; `None`: it has files.
    pub application: Option<u16>,
}

/// Sites of these names and lists, each with addresses of its own.
///
/// # Errors
/// More than two hundred sites.
pub fn sites(names: &[(&str, Option<&str>)]) -> Result<Vec<Site>> {
    let number = |position: usize| u8::try_from(position).ok().filter(|number| *number < 200);
    let site = |(position, (name, category)): (usize, &(&str, Option<&str>))| {
        let number = number(position).context("too many sites")? + 10;
        Ok(Site {
            name: (*name).to_owned(),
            category: category.map(str::to_owned),
            ipv4: Ipv4Addr::new(198, 51, 100, number),
            ipv6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, number.into()),
            application: None,
        })
    };
    names.iter().enumerate().map(site).collect()
}

/// The sites of a lab that asks for none in particular: two that pass, one of each list, and one whose name ends
/// like a listed one without being under it.
pub(crate) fn usual_sites() -> Result<Vec<Site>> {
    sites(&[
        ("mediatheque.example", None),
        ("encyclopedie.example", None),
        ("casino.example", Some("gambling")),
        ("adulte.example", Some("adult")),
        ("notcasino.example", None),
    ])
}

/// Writes the lists that the sites are in, in the layout of UT1: a directory for each category.
pub(crate) fn write_lists(sites: &[Site], directory: &Path) -> Result<()> {
    let listed = |category: &str| {
        let sites = sites.iter().filter(|site| site.category.as_deref() == Some(category));
        sites.map(|site| format!("{}\n", site.name)).collect::<String>()
    };
    let categories = sites.iter().filter_map(|site| site.category.as_deref());
    for category in categories.chain(["adult", "gambling"]) {
        let directory = directory.join(category);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("domains"), listed(category))?;
        std::fs::write(directory.join("urls"), "")?;
        std::fs::write(directory.join("usage"), "black\n")?;
    }
    Ok(())
}

/// Writes the big file.
pub(crate) fn write_big_file(path: &Path) -> Result<()> {
    let file = File::create(path)?;
    file.set_len(BIG_FILE_BYTES)?;
    for (number, offset) in (0..BIG_FILE_BYTES).step_by(MARK_DISTANCE_BYTES.try_into()?).enumerate() {
        let mark = format!("mark {number} at {offset}\n");
        let room = BIG_FILE_BYTES - offset;
        let mark: Vec<u8> = mark.into_bytes().into_iter().take(room.try_into()?).collect();
        file.write_all_at(&mark, offset)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_big_file_takes_little_room() {
        use std::os::unix::fs::MetadataExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        write_big_file(file.path()).unwrap();
        let metadata = file.path().metadata().unwrap();
        assert_eq!(metadata.len(), BIG_FILE_BYTES);
        assert!(metadata.blocks() * 512 < 16 << 20, "{} blocks", metadata.blocks());
    }

    #[test]
    fn lists_have_the_layout_of_ut1() {
        let directory = tempfile::tempdir().unwrap();
        write_lists(&usual_sites().unwrap(), directory.path()).unwrap();
        let read = |path| std::fs::read_to_string(directory.path().join(path)).unwrap();
        assert_eq!(read("gambling/domains"), "casino.example\n");
        assert_eq!(read("adult/usage"), "black\n");
    }
}
