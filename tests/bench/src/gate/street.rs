//! A PC, a box and the Internet, each a machine of its own, joined by two wires:
//!
//! ```text
//!   PC 10.77.0.11 --- lan0 10.77.0.1  box  192.0.2.2 wan0 --- 192.0.2.1  Internet 198.51.100.0/24
//! ```
//!
//! Each contender has a street of its own, so that all have the same wires and none the other's rules.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::Result;

use super::{ENDLESS, RESOLVER, SHORT};
use crate::process::{command, run};
use crate::sandbox::Machine;

/// The box, as the PC sees it.
pub const BOX: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// What every machine is told about TCP. A short connection takes a port for a minute (TIME_WAIT), so all of
/// them are needed; the congestion control is the one that every namespace may choose, and without pacing by
/// timers, whatever the host has chosen for itself.
const SETTINGS: [(&str, &str); 2] =
    [("ip_local_port_range", "1024 65535"), ("tcp_congestion_control", "reno")];

/// The machines.
#[derive(Debug)]
pub struct Street {
    /// A PC.
    pub client: Machine,
    /// Where the contender runs.
    pub gateway: Machine,
    /// Everything beyond.
    pub internet: Machine,
}

impl Street {
    /// Builds it.
    ///
    /// # Errors
    /// `ip` is missing, or the kernel does not allow it.
    pub fn new() -> Result<Self> {
        let street = Self { client: Machine::new()?, gateway: Machine::new()?, internet: Machine::new()? };
        let Self { client, gateway, internet } = &street;
        wire((client, "eth0"), (gateway, "lan0"))?;
        wire((gateway, "wan0"), (internet, "net0"))?;
        gateway.run(|| {
            configure(&["link set lan0 up", "link set wan0 up", "address add 10.77.0.1/24 dev lan0"])?;
            configure(&["address add 192.0.2.2/24 dev wan0", "route add default via 192.0.2.1"])?;
            set_up_tcp()?;
            Ok(fs::write("/proc/sys/net/ipv4/ip_forward", "1")?)
        })?;
        client.run(|| {
            configure(&["link set eth0 up", "address add 10.77.0.11/24 dev eth0"])?;
            configure(&["route add default via 10.77.0.1"])?;
            set_up_tcp()
        })?;
        internet.run(|| {
            configure(&["link set net0 up", "address add 192.0.2.1/24 dev net0"])?;
            configure(&["route add 10.77.0.0/24 via 192.0.2.2"])?;
            set_up_tcp()?;
            [ENDLESS.1, SHORT.1, RESOLVER]
                .iter()
                .try_for_each(|address| ip(&format!("address add {address} dev lo")))
        })?;
        Ok(street)
    }
}

fn set_up_tcp() -> Result<()> {
    SETTINGS.iter().try_for_each(|(name, value)| Ok(fs::write(format!("/proc/sys/net/ipv4/{name}"), value)?))
}

fn wire((machine, interface): (&Machine, &str), (other, peer): (&Machine, &str)) -> Result<()> {
    let (here, there) = (machine.path(), other.path());
    ip(&format!("link add {interface} netns {here} type veth peer name {peer} netns {there}"))
}

fn configure(lines: &[&str]) -> Result<()> {
    lines.iter().try_for_each(|line| ip(line))
}

fn ip(arguments: &str) -> Result<()> {
    let mut ip = command("ip");
    ip.args(arguments.split(' '));
    run(ip)
}

/// What a box on a street is configured with, whatever is measured; the section `[gate]` is open at its end. Its limit of new connections is
/// raised: one PC stands for a school here.
pub(crate) fn configuration() -> String {
    format!(
        "version = 1
[school]
name = \"École du banc d'essai\"
[lan]
interface = \"lan0\"
ipv4_network = \"10.77.0.0/24\"
ipv4_address = \"{BOX}\"
[wan]
interface = \"wan0\"
ipv6 = false
[[dns.upstream]]
address = \"{RESOLVER}\"
[gate]
connections_per_second = 1000000
"
    )
}
