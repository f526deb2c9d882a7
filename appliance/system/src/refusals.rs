//! How fast the kernel says no.
//!
//! The kernel sends one client six "unreachable" errors, then one a second (icmp_ratelimit in icmp(7)). A page
//! with twenty QUIC servers gets six refusals, and its browser waits for the rest. The firewall's refusals go to
//! the school's network only, one small packet for one packet, so nothing is lost by sending them all.

use std::{fs, io};

/// The IPv4 errors whose rate is limited, a bit for each type (icmp(7)).
const IPV4_LIMITED: &str = "/proc/sys/net/ipv4/icmp_ratemask";

/// The bit of "destination unreachable", type 3.
const IPV4_UNREACHABLE: u32 = 1 << 3;

/// The IPv6 errors whose rate is limited, as a list of ranges of types.
const IPV6_LIMITED: &str = "/proc/sys/net/ipv6/icmp/ratemask";

/// The kernel's own list.
const IPV6_USUAL_TYPES: &str = "0-1,3-127";

/// The kernel's own list without "destination unreachable", type 1, and, as ever, without "packet too big".
const IPV6_LIMITED_TYPES: &str = "0,3-127";

/// Takes refusals out of the kernel's limits, for the network namespace of this process.
///
/// # Errors
/// The kernel's error: the files are not writable here.
pub fn send_at_once() -> io::Result<()> {
    let limited = fs::read_to_string(IPV4_LIMITED)?;
    let limited: u32 = limited.trim().parse().map_err(io::Error::other)?;
    fs::write(IPV4_LIMITED, (limited & !IPV4_UNREACHABLE).to_string())?;
    match fs::write(IPV6_LIMITED, IPV6_LIMITED_TYPES) {
        // A kernel without IPv6 has nobody to refuse.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// Takes refusals back into the kernel's limits, as they are in a kernel that nobody has changed. What the limits were
/// before [`send_at_once`] is not known any more: the box may have started anew since. Lists that somebody else wrote
/// stay as they are.
///
/// # Errors
/// As [`send_at_once`].
pub fn limit_again() -> io::Result<()> {
    let limited = fs::read_to_string(IPV4_LIMITED)?;
    let limited: u32 = limited.trim().parse().map_err(io::Error::other)?;
    if limited & IPV4_UNREACHABLE == 0 {
        fs::write(IPV4_LIMITED, (limited | IPV4_UNREACHABLE).to_string())?;
    }
    match fs::read_to_string(IPV6_LIMITED) {
        Ok(types) if types.trim() == IPV6_LIMITED_TYPES => fs::write(IPV6_LIMITED, IPV6_USUAL_TYPES),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
