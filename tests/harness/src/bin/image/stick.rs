//! USB sticks, as a technician has them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harness::Lab;

use crate::booted::{Booted, START_WITHIN};
use crate::monitor::Monitor;

/// What the box reads.
const FILE: &str = "preau-enrol.toml";
/// How large sticks are here, in bytes: FAT32 begins at 33 MB.
const BYTES: u64 = 64 << 20;
/// Where the partition begins that a stick is sold with, and what a sector is, in bytes.
const PARTITION: u64 = 1 << 20;
const SECTOR: u64 = 512;
/// Where the first partition stands in a disk's table, and the table's end (UEFI 2.10, section 5.2).
const ENTRY: u64 = 446;
const END: ([u8; 2], u64) = ([0x55, 0xaa], 510);
/// A partition with FAT32, by its blocks' numbers.
const FAT32: u8 = 0x0c;

/// A stick.
pub(crate) struct Stick {
    name: &'static str,
    file: PathBuf,
}

impl Stick {
    /// As it is sold: a table with one partition, of FAT32; with the file.
    ///
    /// # Errors
    /// A program is missing, or the disk is full.
    pub(crate) fn fat(lab: &Lab, folder: &Path, name: &'static str, text: &str) -> Result<Self> {
        let stick = Self::empty(folder, name)?;
        let disk = File::options().write(true).open(&stick.file)?;
        let mut entry = [0; 16];
        let sectors = [PARTITION / SECTOR, (BYTES - PARTITION) / SECTOR];
        for (place, sectors) in entry.as_chunks_mut::<4>().0.iter_mut().skip(2).zip(sectors) {
            *place = u32::try_from(sectors)?.to_le_bytes();
        }
        if let Some(kind) = entry.get_mut(4) {
            *kind = FAT32;
        }
        disk.write_all_at(&entry, ENTRY)?;
        disk.write_all_at(&END.0, END.1)?;
        let place = stick.path()?;
        let offset = (PARTITION / SECTOR).to_string();
        let kib = ((BYTES - PARTITION) >> 10).to_string();
        let run = |command: &[&str]| lab.appliance.run(command)?.success();
        run(&["mkfs.vfat", "-F", "32", "--offset", &offset, place, &kib])?;
        let written = folder.join(FILE);
        fs::write(&written, text)?;
        let written = written.to_str().context("a path that is text")?;
        run(&["mcopy", "-i", &format!("{place}@@{PARTITION}"), written, &format!("::{FILE}")])?;
        Ok(stick)
    }

    /// A large one: exFAT, here without a table of partitions. Nothing is on it.
    ///
    /// # Errors
    /// A program is missing, or the disk is full.
    pub(crate) fn exfat(lab: &Lab, folder: &Path, name: &'static str) -> Result<Self> {
        let stick = Self::empty(folder, name)?;
        lab.appliance.run(&["mkfs.exfat", stick.path()?])?.success()?;
        Ok(stick)
    }

    fn empty(folder: &Path, name: &'static str) -> Result<Self> {
        let file = folder.join(format!("{name}.raw"));
        File::create(&file)?.set_len(BYTES)?;
        Ok(Self { name, file })
    }

    fn path(&self) -> Result<&str> {
        self.file.to_str().context("a path that is text")
    }

    /// Plugs it in.
    pub(crate) fn plug(&self, monitor: &mut Monitor) -> Result<()> {
        monitor.plug(self.name, &self.file)
    }

    /// Takes it out.
    pub(crate) fn unplug(&self, monitor: &mut Monitor) -> Result<()> {
        monitor.unplug(self.name)
    }

    /// All of its bytes: who only reads leaves them as they were.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        Ok(fs::read(&self.file)?)
    }

    /// Writes the file onto one without partitions that is plugged in, by the machine's own kernel, as another machine would.
    pub(crate) fn write(&self, machine: &mut Booted<'_>, text: &str) -> Result<()> {
        let device = format!("/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_{}-0:0", self.name);
        let script = format!("test -b {device}");
        machine.wait("the stick", START_WITHIN, |machine| Ok(machine.peek(&script)?.is_some()))?;
        let folder = "/run/test-stick";
        machine.inside(&format!(
            "set -e; mkdir -p {folder}; mount {device} {folder}; printf %s '{text}' > {folder}/{FILE}; umount {folder}"
        ))?;
        Ok(())
    }
}
