//! How the machine is: what the hub's people look at before they drive to a school.

use std::fs;
use std::path::Path;

/// What there is. What the kernel does not tell is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Since when the machine is on, in seconds.
    pub up_s: Option<u64>,
    /// Room on the disk of a folder, in bytes.
    pub disk_free_bytes: Option<u64>,
    /// All of that disk.
    pub disk_bytes: Option<u64>,
    /// Memory that programs could have, in bytes.
    pub memory_free_bytes: Option<u64>,
    /// All of the memory.
    pub memory_bytes: Option<u64>,
}

/// Looks at the machine, and at the disk on which `folder` is.
#[must_use]
pub fn look(folder: &Path) -> Inventory {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let disk = nix::sys::statvfs::statvfs(folder).ok();
    let bytes = |blocks: u64, disk: &nix::sys::statvfs::Statvfs| blocks.saturating_mul(disk.fragment_size());
    let memory = read("/proc/meminfo");
    Inventory {
        up_s: parse_uptime(&read("/proc/uptime")),
        disk_free_bytes: disk.as_ref().map(|disk| bytes(disk.blocks_available(), disk)),
        disk_bytes: disk.as_ref().map(|disk| bytes(disk.blocks(), disk)),
        memory_free_bytes: parse_memory(&memory, "MemAvailable:"),
        memory_bytes: parse_memory(&memory, "MemTotal:"),
    }
}

/// The whole seconds of `/proc/uptime`: `12345.67 23456.78`.
fn parse_uptime(text: &str) -> Option<u64> {
    text.split('.').next()?.parse().ok()
}

/// A line of `/proc/meminfo`: `MemTotal:       16303428 kB`.
fn parse_memory(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_is_read() {
        assert_eq!(parse_uptime("12345.67 23456.78\n"), Some(12_345));
        assert_eq!(parse_uptime(""), None);
        let text = "MemTotal:       16303428 kB\nMemAvailable:    9000 kB\n";
        assert_eq!(parse_memory(text, "MemAvailable:"), Some(9_216_000));
        assert_eq!(parse_memory(text, "MemFree:"), None);
        let found = look(Path::new("/"));
        assert!(found.disk_free_bytes <= found.disk_bytes && found.memory_free_bytes <= found.memory_bytes);
        assert!(found.up_s.is_some() && found.disk_bytes.is_some(), "{found:?}");
    }
}
