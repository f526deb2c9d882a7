//! The machine itself: memory, temperature, kernel, and whether something is at the other end of a cable.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::statvfs::statvfs;
use nix::unistd::syncfs;
use sysinfo::{Components, MemoryRefreshKind, RefreshKind, System};

/// Warmer, or colder, is no temperature but a sensor that is broken or not connected: processors switch themselves off before.
const CELSIUS: Range<f32> = -40.0..115.0;
/// How the labels of processors' sensors begin, by the kernel's drivers. Other chips (Super-I/O) show inputs that lead nowhere.
const PROCESSOR: &[&str] = &[
    "coretemp",
    "k8temp",
    "k10temp",
    "zenpower",
    "x86_pkg_temp",
    "cpu",
    "package_thermal",
    "package-thermal",
    "soc_thermal",
    "soc-thermal",
];
/// The board's own, where no processor tells.
const BOARD: &[&str] = &["acpitz"];

/// How the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its memory, in bytes; 0 where the system does not say.
    pub memory_bytes: u64,
    /// What of it can be had at once.
    pub memory_free_bytes: u64,
    /// Its processor at the warmest, in degrees Celsius.
    pub temperature_c: Option<i32>,
    /// For how long it has been on, in seconds.
    pub up_s: u64,
}

/// Looks at the machine.
#[must_use]
pub fn look() -> Condition {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory).ok();
    Condition {
        memory_bytes: system.as_ref().map_or(0, System::total_memory),
        memory_free_bytes: system.as_ref().map_or(0, System::available_memory),
        temperature_c: measure(),
        up_s: System::uptime().unwrap_or(0),
    }
}

/// Has all that was written to the disk of a folder survive a power cut, many files in one go.
///
/// # Errors
/// The system's; also where something that was written before could not be.
pub fn sync_disk(folder: &Path) -> io::Result<()> {
    Ok(syncfs(File::open(folder)?)?)
}

/// The disk on which a folder is: what is free of it for programs, and all of it, in bytes.
#[must_use]
pub fn measure_disk(folder: &Path) -> Option<(u64, u64)> {
    let disk = statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    Some((bytes(disk.blocks_available()), bytes(disk.blocks())))
}

fn measure() -> Option<i32> {
    let sensors = Components::new_with_refreshed_list().ok()?;
    let read = sensors.iter().filter_map(|sensor| Some((sensor.label(), sensor.temperature()?)));
    warmest(&read.collect::<Vec<_>>())
}

/// The warmest of these sensors, each with its label.
fn warmest(sensors: &[(&str, f32)]) -> Option<i32> {
    let of = |kinds: &[&str]| {
        let read = sensors.iter().filter(|(label, _)| kinds.iter().any(|kind| label.starts_with(*kind)));
        read.map(|(_, degrees)| *degrees).filter(|degrees| CELSIUS.contains(degrees)).max_by(f32::total_cmp)
    };
    let degrees = of(PROCESSOR).or_else(|| of(BOARD))?;
    #[expect(clippy::cast_possible_truncation, reason = "it lies between the limits above")]
    Some(degrees.round() as i32)
}

/// What runs on it: the system, its kernel, the kind of processor.
#[must_use]
pub fn describe() -> String {
    let parts = [System::long_os_version(), System::kernel_version(), Ok(System::cpu_arch())];
    parts.into_iter().filter_map(Result::ok).collect::<Vec<_>>().join(", ")
}

/// The names of its interfaces, loopback aside, in their order.
#[must_use]
pub fn interfaces() -> Vec<String> {
    let found = getifaddrs().into_iter().flatten();
    let mut names: Vec<String> = found
        .filter(|found| !found.flags.contains(InterfaceFlags::IFF_LOOPBACK))
        .map(|found| found.interface_name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether an interface is switched on, and there is something at the other end of its cable; `None` where there is no such
/// interface.
#[must_use]
pub fn has_carrier(interface: &str) -> Option<bool> {
    let mut found = getifaddrs().ok()?.filter(|found| found.interface_name == interface);
    let flags = found.next()?.flags;
    Some(flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_tells_how_it_is() {
        let found = look();
        assert!(found.memory_bytes > 0 && found.memory_free_bytes <= found.memory_bytes, "{found:?}");
        assert!(found.up_s > 0, "{found:?}");
        let (free, all) = measure_disk(Path::new("/")).unwrap();
        assert!(free <= all && all > 0);
        assert_eq!(measure_disk(Path::new("/no-such-folder")), None);
        assert!(!describe().is_empty());
    }

    #[test]
    fn inputs_that_lead_nowhere_are_no_temperature() {
        let check = |sensors: &[(&str, f32)], expected: Option<i32>| {
            assert_eq!(warmest(sensors), expected, "{sensors:?}");
        };
        let (core, board) = (("coretemp Package id 0", 51.6), ("acpitz temp1", 60.0));
        let loose = [("nct6775 AUXTIN2", 127.0), ("nct6775 SYSTIN", 99.0), ("nvme Composite", 80.0)];
        check(&[core, ("coretemp Core 1", 49.0), board, loose[0], loose[1], loose[2]], Some(52));
        check(&[("k10temp Tctl", 127.0), board], Some(60));
        check(&[("cpu_thermal temp1", 44.0)], Some(44));
        check(&loose, None);
        check(&[], None);
    }

    #[test]
    fn a_cable_is_asked_for_where_there_is_one() {
        assert_eq!(has_carrier("lo"), Some(true));
        assert_eq!(has_carrier("no-such-one"), None);
    }
}
