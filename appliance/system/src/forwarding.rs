//! Whether the kernel passes packets on between interfaces, and counts what it passes on: only where services need it, and only
//! what the firewall has marked.

mod barrier;

use std::path::Path;
use std::{fs, io};

use firewall::Interface;
use netlink_packet_route::AddressFamily;

/// The kernel's switches of a box with services, in the order of their writing: what counts comes before what passes.
/// Byte counts and times of connections, for their records; news of those connections only for which the firewall wants
/// them; then forwarding.
const SWITCHES: [(&str, &str); 5] = [
    ("/proc/sys/net/netfilter/nf_conntrack_acct", "1"),
    ("/proc/sys/net/netfilter/nf_conntrack_timestamp", "1"),
    ("/proc/sys/net/netfilter/nf_conntrack_events", "0"),
    (IPV4_FORWARDING, "1"),
    (IPV6_FORWARDING, "1"),
];
const IPV4_FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6_FORWARDING: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

/// Has the kernel forward between these interfaces, for the network namespace of this process. The firewall says what; without
/// its table, nothing passes.
///
/// # Errors
/// The kernel's error: the files are not writable here, or its routing knows no rules.
pub fn begin(lan: &Interface, wan: &Interface) -> io::Result<()> {
    barrier::put_up(families(), &[lan.as_str(), wan.as_str(), Interface::TESTERS])?;
    keep_router_advertisements(wan)?;
    SWITCHES.into_iter().try_for_each(|(file, value)| switch(file, value))
}

/// Has the kernel forward nothing. What its routing forbids stays forbidden, should somebody else have it forward.
///
/// # Errors
/// As [`begin`].
pub fn end() -> io::Result<()> {
    [IPV4_FORWARDING, IPV6_FORWARDING].into_iter().try_for_each(|file| switch(file, "0"))
}

/// Leaves the kernel's routing as it was before the box came.
///
/// # Errors
/// As [`begin`].
pub fn forget() -> io::Result<()> {
    barrier::take_down(families())
}

/// What this kernel may forward: without IPv6 it has no rules for it either.
fn families() -> &'static [AddressFamily] {
    const BOTH: &[AddressFamily] = &[AddressFamily::Inet, AddressFamily::Inet6];
    const IPV4: &[AddressFamily] = &[AddressFamily::Inet];
    if Path::new(IPV6_FORWARDING).exists() { BOTH } else { IPV4 }
}

/// A kernel that forwards takes itself for a router, and would take no address from the line's any more, unless it is told
/// to do so all the same: 2 instead of 1 (accept_ra in the kernel's ip-sysctl).
fn keep_router_advertisements(wan: &Interface) -> io::Result<()> {
    let file = Path::new("/proc/sys/net/ipv6/conf").join(wan.as_str()).join("accept_ra");
    match fs::read_to_string(&file) {
        Ok(value) if value.trim() == "1" => fs::write(&file, "2"),
        Ok(_) => Ok(()),
        // No such interface at the moment, or no IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes only what differs: some of these files do more when they are written than when they are not.
fn switch(file: &str, value: &str) -> io::Result<()> {
    match fs::read_to_string(file) {
        Ok(found) if found.trim() == value => Ok(()),
        Ok(_) => fs::write(file, value),
        // A kernel without IPv6 forwards none.
        Err(error) if error.kind() == io::ErrorKind::NotFound && file == IPV6_FORWARDING => Ok(()),
        Err(error) => Err(error),
    }
}
