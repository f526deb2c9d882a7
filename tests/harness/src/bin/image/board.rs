//! The kinds of machine that an image may be for, and what QEMU makes of each. The image itself says which it is.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Where the table of partitions lies on a disk, and how long it is: 128 entries of 128 bytes, behind two sectors (UEFI 2.10,
/// section 5.3).
const TABLE: (u64, usize) = (1_024, 128 * 128);
/// Bytes of an entry; it begins with the type of the partition.
const ENTRY_BYTES: usize = 128;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Board {
    /// A PC.
    Pc,
    /// ARM with 64 bits, and UEFI.
    Arm64,
}

impl Board {
    const ALL: [Self; 2] = [Self::Pc, Self::Arm64];

    /// The kind that an image is for: its root says so by its type.
    ///
    /// # Errors
    /// It has no root that is known here.
    pub(crate) fn of(image: &Path) -> Result<Self> {
        let mut table = vec![0; TABLE.1];
        File::open(image)
            .and_then(|disk| disk.read_exact_at(&mut table, TABLE.0))
            .with_context(|| format!("no disk image: {}", image.display()))?;
        for board in Self::ALL {
            if table.chunks(ENTRY_BYTES).any(|entry| entry.starts_with(&board.root())) {
                return Ok(board);
            }
        }
        bail!("{} has no root for x86-64 or ARM64", image.display())
    }

    /// The type of its root, as a disk has it (the Discoverable Partitions Specification: 4f68bce3-e8cd-4db1-96e7-fbcaf984b709,
    /// b921b045-1df0-41c3-af44-4c6f280d3fae).
    fn root(self) -> [u8; 16] {
        let (first, second, third, rest): (u32, u16, u16, u64) = match self {
            Self::Pc => (0x4f68_bce3, 0xe8cd, 0x4db1, 0x96e7_fbca_f984_b709),
            Self::Arm64 => (0xb921_b045, 0x1df0, 0x41c3, 0xaf44_4c6f_280d_3fae),
        };
        let mut bytes = [0; 16];
        let parts = first.to_le_bytes().into_iter().chain(second.to_le_bytes()).chain(third.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(parts.chain(rest.to_be_bytes())) {
            *byte = value;
        }
        bytes
    }

    /// QEMU, and what it is told of the machine, without any help of this one's hardware.
    pub(crate) fn qemu(self) -> &'static str {
        match self {
            Self::Pc => "qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max",
            // Signed pointers by ARM's own cipher would take half of the time.
            Self::Arm64 => {
                "qemu-system-aarch64 -machine virt -accel tcg,thread=multi -cpu max,pauth-impdef=on"
            }
        }
    }

    /// What shows a picture, from the firmware on.
    pub(crate) fn screen(self) -> &'static str {
        match self {
            Self::Pc => "VGA,addr=0x6",
            Self::Arm64 => "ramfb",
        }
    }

    /// The firmware, and its empty memory.
    pub(crate) fn firmware(self) -> [&'static str; 2] {
        match self {
            Self::Pc => ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
            Self::Arm64 => ["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"],
        }
    }

    /// Debian's package of the firmware.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Pc => "ovmf",
            Self::Arm64 => "qemu-efi-aarch64",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// The beginning of a disk whose second partition is a root for that machine.
    pub(crate) fn disk(folder: &Path, board: Board) -> PathBuf {
        let mut bytes = vec![0; 1 << 20];
        bytes[1_024 + ENTRY_BYTES..][..16].copy_from_slice(&board.root());
        let path = folder.join("disk");
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_disk_says_for_what_machine_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for board in Board::ALL {
            assert_eq!(Board::of(&disk(folder.path(), board)).unwrap(), board);
        }
        let arm64 =
            [0x45, 0xb0, 0x21, 0xb9, 0xf0, 0x1d, 0xc3, 0x41, 0xaf, 0x44, 0x4c, 0x6f, 0x28, 0x0d, 0x3f, 0xae];
        assert_eq!(Board::Arm64.root(), arm64);
        let path = folder.path().join("other");
        fs::write(&path, vec![0; 1 << 20]).unwrap();
        assert!(Board::of(&path).is_err(), "no root");
        fs::write(&path, "short").unwrap();
        assert!(Board::of(&path).is_err() && Board::of(&folder.path().join("missing")).is_err());
    }
}
