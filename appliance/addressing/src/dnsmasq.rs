//! What devices are told, for dnsmasq (dnsmasq(8)): addresses and router advertisements, and nothing else.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Leases, Pool, School};

/// That the network has no captive portal (RFC 8910 section 2): what is refused is refused for good, and no sign-in opens it. A
/// system that knows this asks no website whether it is online.
const UNRESTRICTED: &str = "urn:ietf:params:capport:unrestricted";
/// Devices with an address of their own: some more than a school has. dnsmasq keeps as many leases besides those of the pool.
const FIXED_MAX: u32 = 1_024;
/// Seconds between router advertisements: a PC whose port comes up asks for one anyway.
const ADVERTISE_EVERY_S: u32 = 60;
/// How long a router is one without being heard of, in seconds. The kernel's own default is as long.
const ROUTER_LIFETIME_S: u32 = 1_800;

/// Files that dnsmasq uses.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'p> {
    /// Fixed addresses, which the box writes.
    pub hosts: &'p Path,
    /// Leases, which dnsmasq keeps.
    pub leases: &'p Path,
}

/// The whole configuration of dnsmasq; `None` where the box gives no addresses.
#[must_use]
pub fn render_dnsmasq(school: &School, paths: Paths<'_>) -> Option<String> {
    let Leases { pool, minutes } = school.leases?;
    let (network, address) = school.ipv4;
    let lan = &school.lan;
    let mut text = format!(
        "# Written by preau from the box's configuration: what is changed here is lost.\n\
         # No names: the box's resolver has port 53.\n\
         port=0\n\
         no-resolv\n\
         no-hosts\n\
         interface={lan}\n\
         bind-dynamic\n\
         # Who has which address is in the leases; the system's log needs no list of devices, nor of their names.\n\
         quiet-dhcp\n\
         quiet-dhcp6\n\
         quiet-ra\n\
         dhcp-ignore-names\n\
         # There is no other server: a device that comes from another network is told so at once, and nobody waits for a ping.\n\
         dhcp-authoritative\n\
         no-ping\n\
         dhcp-range={},{},{},{minutes}m\n\
         dhcp-lease-max={}\n\
         dhcp-leasefile={}\n\
         dhcp-hostsfile={}\n\
         dhcp-option=option:router,{address}\n\
         dhcp-option=option:dns-server,{address}\n\
         dhcp-option=114,\"{UNRESTRICTED}\"\n",
        pool.first(),
        pool.last(),
        network.netmask(),
        leases_max(school, pool),
        paths.leases.display(),
        paths.hosts.display(),
    );
    if let Some((network, address)) = school.ipv6 {
        // Writing to a text cannot fail.
        let _written = write!(
            text,
            "# IPv6: devices make their own addresses.\n\
             enable-ra\n\
             dhcp-range={},ra-stateless,{},{minutes}m\n\
             ra-param={lan},high,{ADVERTISE_EVERY_S},{ROUTER_LIFETIME_S}\n\
             dhcp-option=option6:dns-server,[{address}]\n\
             dhcp-option=option6:103,\"{UNRESTRICTED}\"\n",
            network.network(),
            network.prefix_len(),
        );
    }
    for apart in &school.apart {
        let Some(pool) = apart.pool else { continue };
        let (network, address) = apart.ipv4;
        // An option's tag is the interface by which somebody asks.
        let interface = &apart.interface;
        let _written = write!(
            text,
            "# A network apart.\n\
             interface={interface}\n\
             dhcp-range=set:{interface},{},{},{},{minutes}m\n\
             dhcp-option=tag:{interface},option:router,{address}\n\
             dhcp-option=tag:{interface},option:dns-server,{address}\n",
            pool.first(),
            pool.last(),
            network.netmask(),
        );
    }
    Some(text)
}

/// Leases of all networks at a time.
fn leases_max(school: &School, pool: Pool) -> u32 {
    let apart = school.apart.iter().filter_map(|apart| apart.pool).map(|pool| pool.count());
    apart.fold(pool.count().saturating_add(FIXED_MAX), u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::school::tests::{school, school_apart};

    fn paths() -> Paths<'static> {
        Paths { hosts: Path::new("/run/preau/dhcp-hosts"), leases: Path::new("/var/lib/preau-dhcp/leases") }
    }

    #[test]
    fn school_with_both_families() {
        insta::assert_snapshot!(render_dnsmasq(&school(), paths()).unwrap());
    }

    #[test]
    fn a_network_apart_has_a_pool_and_a_router_of_its_own() {
        let (with, without) = (render_dnsmasq(&school_apart(), paths()), render_dnsmasq(&school(), paths()));
        let (with, without) = (with.unwrap(), without.unwrap());
        let (_, apart) = with.split_once("# A network apart.\n").unwrap();
        assert_eq!(
            apart,
            "interface=br-staff\n\
             dhcp-range=set:br-staff,10.77.8.100,10.77.8.199,255.255.255.0,240m\n\
             dhcp-option=tag:br-staff,option:router,10.77.8.1\n\
             dhcp-option=tag:br-staff,option:dns-server,10.77.8.1\n"
        );
        assert!(
            with.contains("dhcp-lease-max=1224\n") && without.contains("dhcp-lease-max=1124\n"),
            "{with}"
        );
    }

    #[test]
    fn without_ipv6_nothing_is_advertised() {
        let text = render_dnsmasq(&School { ipv6: None, ..school() }, paths()).unwrap();
        assert!(!text.contains("enable-ra"), "{text}");
        assert!(!text.contains("option6"), "{text}");
    }

    #[test]
    fn a_box_that_gives_no_addresses_has_no_configuration() {
        assert_eq!(render_dnsmasq(&School { leases: None, ..school() }, paths()), None);
    }
}
