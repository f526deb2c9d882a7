//! The wires and addresses of a lab.

use anyhow::{Result, ensure};

use crate::machine::Machine;
use crate::namespaces::Namespaces;
use crate::site::Site;

/// The box on the school's network.
pub const APPLIANCE_IPV4: &str = "10.77.0.1";
/// The box on the school's network.
pub const APPLIANCE_IPV6: &str = "fd77::1";
/// The box on the line.
pub const WAN_IPV4: &str = "192.0.2.2";
/// The box on the line.
pub const WAN_IPV6: &str = "2001:db8:ff::2";
/// The Internet's resolver: DNS on port 53, DNS over TLS on port 853 under the name `dns.example`.
pub const RESOLVER_IPV4: &str = "198.51.100.53";
/// The Internet's resolver.
pub const RESOLVER_IPV6: &str = "2001:db8:1::53";
/// The resolver that a pupil writes into the settings; the Internet's resolver answers there too.
pub const FOREIGN_RESOLVER_IPV4: &str = "8.8.8.8";
/// The resolver that a pupil writes into the settings.
pub const FOREIGN_RESOLVER_IPV6: &str = "2001:4860:4860::8888";
/// A server of DNS over HTTPS, under the names `dns.google` and `resolveur.example`; it answers like the Internet's
/// resolver.
pub(crate) const DOH_IPV4: &str = "198.51.100.54";
/// Where that server listens; what is bound for its port 443, which the web server has, is led there.
pub(crate) const DOH_PORT: u16 = 8443;
/// Hardware address of the first PC.
pub const PC1_MAC: &str = "02:00:00:00:00:11";
/// Hardware address of the second PC.
pub const PC2_MAC: &str = "02:00:00:00:00:12";
/// Hardware address of the tablet.
pub const TABLET_MAC: &str = "02:00:00:00:00:13";

/// A client of the school: its hardware address and the end of its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) mac: &'static str,
    pub(crate) number: u8,
}

/// The machines that are wired together.
pub(crate) struct Wiring<'a> {
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) clients: [(&'a Machine, Client); 3],
    pub(crate) switch: &'a Machine,
    pub(crate) appliance: &'a Machine,
    pub(crate) internet: &'a Machine,
}

impl Wiring<'_> {
    /// Joins the machines and gives them their addresses.
    pub(crate) fn connect(&self, sites: &[Site]) -> Result<()> {
        let Self { clients, switch, appliance, internet, .. } = self;
        configure(switch, "ip link add bridge0 type bridge\nip link set bridge0 up\n")?;
        self.wire((appliance, "lan0"), (switch, "appliance"))?;
        self.wire((appliance, "wan0"), (internet, "net0"))?;
        for (machine, client) in clients {
            self.wire((machine, "eth0"), (switch, machine.name()))?;
            configure(machine, &client_script(*client))?;
            machine.set_resolvers(&[APPLIANCE_IPV4])?;
        }
        let ports = ["appliance"].into_iter().chain(clients.iter().map(|(machine, _)| machine.name()));
        let ports = ports.map(|port| format!("ip link set {port} master bridge0 up\n"));
        configure(switch, &ports.collect::<String>())?;
        configure(appliance, &appliance_script())?;
        appliance.set_resolvers(&[RESOLVER_IPV4])?;
        configure(internet, &internet_script(sites))
    }

    fn wire(&self, (machine, interface): (&Machine, &str), (other, peer): (&Machine, &str)) -> Result<()> {
        let mut command = self.namespaces.enter();
        command.args(["ip", "link", "add", interface, "netns", machine.process(), "type", "veth"]);
        command.args(["peer", "name", peer, "netns", other.process()]);
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

fn configure(machine: &Machine, script: &str) -> Result<()> {
    machine.shell(&format!("set -e\n{script}"))?.success().map(drop)
}

fn client_script(Client { mac, number }: Client) -> String {
    format!(
        "ip link set eth0 address {mac} up
        ip address add 10.77.0.{number}/24 dev eth0
        ip address add fd77::{number}/64 dev eth0 nodad
        ip route add default via {APPLIANCE_IPV4}
        ip route add default via {APPLIANCE_IPV6}
        "
    )
}

fn appliance_script() -> String {
    format!(
        "ip link set lan0 up
        ip link set wan0 up
        ip address add {APPLIANCE_IPV4}/24 dev lan0
        ip address add {APPLIANCE_IPV6}/64 dev lan0 nodad
        ip address add {WAN_IPV4}/24 dev wan0
        ip address add {WAN_IPV6}/64 dev wan0 nodad
        ip route add default via 192.0.2.1
        ip route add default via 2001:db8:ff::1
        "
    )
}

/// The Internet has every server's address. It knows the way to the school: a leak must not look like silence.
fn internet_script(sites: &[Site]) -> String {
    let resolvers = [RESOLVER_IPV4, RESOLVER_IPV6, FOREIGN_RESOLVER_IPV4, FOREIGN_RESOLVER_IPV6, DOH_IPV4];
    let servers = sites.iter().flat_map(|site| [site.ipv4.to_string(), site.ipv6.to_string()]);
    let servers = resolvers.iter().map(|address| (*address).to_owned()).chain(servers);
    // An IPv6 address is not to be used until a check for duplicates is over, which takes a moment on a busy
    // machine.
    let checked = |address: &str| if address.contains(':') { "nodad" } else { "" };
    let servers: String =
        servers.map(|address| format!("ip address add {address} dev lo {}\n", checked(&address))).collect();
    format!(
        "ip link set net0 up
        ip address add 192.0.2.1/24 dev net0
        ip address add 2001:db8:ff::1/64 dev net0 nodad
        ip route add 10.77.0.0/24 via {WAN_IPV4}
        ip route add fd77::/64 via {WAN_IPV6}
        nft 'table inet internet {{
            chain doh {{
                type nat hook prerouting priority dstnat
                ip daddr {DOH_IPV4} tcp dport 443 dnat ip to {DOH_IPV4}:{DOH_PORT}
            }}
            chain quic {{
                type filter hook input priority filter
                udp dport 443 counter comment \"QUIC\"
            }}
        }}'
        {servers}"
    )
}
