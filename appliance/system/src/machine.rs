//! The machine itself: memory, temperature, kernel, and whether something is at the other end of a cable.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use sysinfo::{Components, MemoryRefreshKind, RefreshKind, System};

/// Warmer, or colder, is no temperature but a broken sensor.
const CELSIUS: std::ops::RangeInclusive<f32> = -40.0..=150.0;

/// How the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its memory, in bytes; 0 where the system does not say.
    pub memory_bytes: u64,
    /// What of it can be had at once.
    pub memory_free_bytes: u64,
    /// The warmest of its sensors, in degrees Celsius.
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
        temperature_c: warmest(),
        up_s: System::uptime().unwrap_or(0),
    }
}

fn warmest() -> Option<i32> {
    let sensors = Components::new_with_refreshed_list().ok()?;
    let degrees = sensors.iter().filter_map(|sensor| sensor.temperature());
    let warmest = degrees.filter(|degrees| CELSIUS.contains(degrees)).max_by(f32::total_cmp)?;
    #[expect(clippy::cast_possible_truncation, reason = "it lies between the limits above")]
    Some(warmest.round() as i32)
}

/// What runs on it: the system, its kernel, the kind of processor.
#[must_use]
pub fn describe() -> String {
    let parts = [System::long_os_version(), System::kernel_version(), Ok(System::cpu_arch())];
    parts.into_iter().filter_map(Result::ok).collect::<Vec<_>>().join(", ")
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
        assert!(!describe().is_empty());
    }

    #[test]
    fn a_cable_is_asked_for_where_there_is_one() {
        assert_eq!(has_carrier("lo"), Some(true));
        assert_eq!(has_carrier("no-such-one"), None);
    }
}
