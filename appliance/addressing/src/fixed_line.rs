//! A line without DHCP: an address for the box, the provider's router and resolvers, as somebody has them on paper.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use firewall::Interface;
use ipnet::Ipv4Net;

/// Shortest and longest prefix of a line: a shorter one is no network of a provider's, a longer one has no router in it.
const PREFIX_MIN: u8 = 8;
const PREFIX_MAX: u8 = 31;
/// Most resolvers: as many as resolv.conf(5) takes.
const RESOLVERS_MAX: usize = 3;

/// What the box is on such a line. Its values fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedLine {
    /// The box's address, with the length of its network's prefix.
    address: Ipv4Net,
    gateway: Ipv4Addr,
    resolvers: Vec<Ipv4Addr>,
}

/// Why it is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FixedLineError {
    /// The address is not written as one.
    #[error("`{0}` is no address with its prefix, as 192.0.2.10/24 is")]
    Address(String),
    /// The prefix is none of a line.
    #[error("/{0} is no prefix of a line: from /{PREFIX_MIN} to /{PREFIX_MAX}")]
    Prefix(u8),
    /// The address is of no machine.
    #[error("{0} is not an address of a machine on a line")]
    NoMachine(Ipv4Addr),
    /// The gateway is not written as an address.
    #[error("`{0}` is no IPv4 address, as 192.0.2.1 is")]
    Gateway(String),
    /// The gateway is somewhere else.
    #[error("the gateway {0} is not in the prefix {1}")]
    GatewayOutside(Ipv4Addr, Ipv4Net),
    /// The gateway cannot be one.
    #[error("the gateway {0} is the box itself, or of no machine")]
    GatewayNobody(Ipv4Addr),
    /// There is no resolver, or there are too many.
    #[error("a line without DHCP names from 1 to {RESOLVERS_MAX} DNS servers: nobody else does")]
    Resolvers,
    /// A resolver is not written as an address.
    #[error("`{0}` is no IPv4 address of a DNS server")]
    Resolver(String),
    /// The line and the school would be one network.
    #[error("{0} overlaps {1}, which is the school's own: the box would not know where to send what")]
    School(Ipv4Net, Ipv4Net),
    /// A resolver is in the school.
    #[error("the DNS server {0} is in the school's own network, where the box itself answers")]
    ResolverInside(Ipv4Addr),
}

/// Which of the values a mistake is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinePart {
    /// The address and its prefix.
    Address,
    /// The gateway.
    Gateway,
    /// The resolvers.
    Resolvers,
}

impl FixedLineError {
    /// Which of the values it is about.
    #[must_use]
    pub fn part(&self) -> LinePart {
        match self {
            Self::Address(_) | Self::Prefix(_) | Self::NoMachine(_) | Self::School(..) => LinePart::Address,
            Self::Gateway(_) | Self::GatewayOutside(..) | Self::GatewayNobody(_) => LinePart::Gateway,
            Self::Resolvers | Self::Resolver(_) | Self::ResolverInside(_) => LinePart::Resolvers,
        }
    }
}

impl FixedLine {
    /// From what somebody has written.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read<'t>(
        address: &str,
        gateway: &str,
        resolvers: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, FixedLineError> {
        let address = read_address(address.trim())?;
        let gateway = read_gateway(gateway.trim(), address)?;
        let resolvers: Vec<_> = resolvers.into_iter().map(read_resolver).collect::<Result<_, _>>()?;
        if !(1..=RESOLVERS_MAX).contains(&resolvers.len()) {
            return Err(FixedLineError::Resolvers);
        }
        if let Some(own) = resolvers.iter().find(|resolver| **resolver == address.addr()) {
            return Err(FixedLineError::Resolver(own.to_string()));
        }
        Ok(Self { address, gateway, resolvers })
    }

    /// Whether a school with these networks can have this line.
    ///
    /// # Errors
    /// One of them would be on both sides of the box.
    pub fn check_beside(&self, school: &[Ipv4Net]) -> Result<(), FixedLineError> {
        let line = self.address.trunc();
        let overlaps = |inside: &&Ipv4Net| inside.contains(&line) || line.contains(&inside.trunc());
        if let Some(inside) = school.iter().find(overlaps) {
            return Err(FixedLineError::School(line, *inside));
        }
        let is_inside = |resolver: &&Ipv4Addr| school.iter().any(|network| network.contains(*resolver));
        match self.resolvers.iter().find(is_inside) {
            Some(resolver) => Err(FixedLineError::ResolverInside(*resolver)),
            None => Ok(()),
        }
    }

    /// The box's address, with the length of its network's prefix.
    #[must_use]
    pub fn address(&self) -> Ipv4Net {
        self.address
    }

    /// The provider's router.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// Whom the box asks for names.
    #[must_use]
    pub fn resolvers(&self) -> &[Ipv4Addr] {
        &self.resolvers
    }
}

fn read_address(text: &str) -> Result<Ipv4Net, FixedLineError> {
    let address: Ipv4Net = text.parse().map_err(|_| FixedLineError::Address(text.to_owned()))?;
    if !(PREFIX_MIN..=PREFIX_MAX).contains(&address.prefix_len()) {
        return Err(FixedLineError::Prefix(address.prefix_len()));
    }
    if !is_machine(address.addr()) || is_nobodys(address.addr(), address) {
        return Err(FixedLineError::NoMachine(address.addr()));
    }
    Ok(address)
}

fn read_gateway(text: &str, address: Ipv4Net) -> Result<Ipv4Addr, FixedLineError> {
    let gateway: Ipv4Addr = text.parse().map_err(|_| FixedLineError::Gateway(text.to_owned()))?;
    if !address.contains(&gateway) {
        return Err(FixedLineError::GatewayOutside(gateway, address.trunc()));
    }
    if gateway == address.addr() || is_nobodys(gateway, address) {
        return Err(FixedLineError::GatewayNobody(gateway));
    }
    Ok(gateway)
}

fn read_resolver(text: &str) -> Result<Ipv4Addr, FixedLineError> {
    let text = text.trim();
    let resolver = text.parse::<Ipv4Addr>().ok().filter(|resolver| is_machine(*resolver));
    resolver.ok_or_else(|| FixedLineError::Resolver(text.to_owned()))
}

/// Whether a machine beyond a line can have it: RFC 6890 without what is of this machine, this wire, or nobody.
fn is_machine(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first < 224 && !address.is_loopback() && !address.is_link_local()
}

/// The first and the last address of a network are of no machine, but where there are two (RFC 3021).
fn is_nobodys(address: Ipv4Addr, network: Ipv4Net) -> bool {
    network.prefix_len() < PREFIX_MAX && [network.network(), network.broadcast()].contains(&address)
}

/// The file of the line's port for systemd-networkd, in the place of the one that asks for everything (`20-wan.network`). IPv6 is as it was: the
/// line's router advertises it, or there is none; whom to ask for names, it does not say.
#[must_use]
pub fn render_fixed_line(wan: &Interface, line: &FixedLine) -> String {
    let mut text = format!(
        "# Written by preau from what somebody has typed of the line: what is changed here is lost.\n\
         [Match]\nName={wan}\n\n\
         [Network]\nDHCP=no\nAddress={}\nGateway={}\n",
        line.address, line.gateway
    );
    for resolver in &line.resolvers {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "DNS={resolver}");
    }
    text.push_str(
        "IPv6AcceptRA=yes\n\
         IPv4Forwarding=no\n\
         IPv6Forwarding=no\n\
         LLDP=no\n\
         LLMNR=no\n\
         MulticastDNS=no\n\
         LinkLocalAddressing=ipv6\n\
         IPv6PrivacyExtensions=no\n\n\
         [DHCPv6]\nUseDNS=no\nUseDomains=no\n\n\
         [IPv6AcceptRA]\nUseDNS=no\nUseDomains=no\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, gateway: &str, resolvers: &[&str]) -> Result<FixedLine, FixedLineError> {
        FixedLine::read(address, gateway, resolvers.iter().copied())
    }

    #[test]
    fn the_port_of_a_line_without_dhcp() {
        let line = read(" 192.0.2.10/24 ", "192.0.2.1", &["192.0.2.53", " 198.51.100.53"]).unwrap();
        let text = render_fixed_line(&"wan0".parse().unwrap(), &line);
        assert_eq!(
            text,
            "# Written by preau from what somebody has typed of the line: what is changed here is lost.\n\
             [Match]\nName=wan0\n\n\
             [Network]\nDHCP=no\nAddress=192.0.2.10/24\nGateway=192.0.2.1\nDNS=192.0.2.53\nDNS=198.51.100.53\n\
             IPv6AcceptRA=yes\nIPv4Forwarding=no\nIPv6Forwarding=no\nLLDP=no\nLLMNR=no\nMulticastDNS=no\n\
             LinkLocalAddressing=ipv6\nIPv6PrivacyExtensions=no\n\n\
             [DHCPv6]\nUseDNS=no\nUseDomains=no\n\n\
             [IPv6AcceptRA]\nUseDNS=no\nUseDomains=no\n"
        );
    }

    #[test]
    fn a_line_of_two_machines_has_no_address_of_nobody() {
        assert!(read("192.0.2.0/31", "192.0.2.1", &["192.0.2.1"]).is_ok());
        assert!(read("192.0.2.1/31", "192.0.2.0", &["192.0.2.0"]).is_ok());
    }

    #[test]
    fn what_is_no_line_is_refused_where_it_is_wrong() {
        let check = |address: &str, gateway: &str, resolvers: &[&str], part: LinePart| {
            let told = read(address, gateway, resolvers).unwrap_err();
            assert_eq!(told.part(), part, "{address} {gateway} {resolvers:?}: {told}");
        };
        let good = ("192.0.2.10/24", "192.0.2.1", ["192.0.2.53"]);
        assert!(read(good.0, good.1, &good.2).is_ok());
        for address in [
            "",
            "192.0.2.10",
            "192.0.2.10/33",
            "192.0.2.10/32",
            "192.0.2.10/7",
            "192.0.2.0/24",
            "192.0.2.255/24",
            "127.0.0.2/8",
            "169.254.1.2/16",
            "224.0.0.5/24",
            "0.0.0.5/8",
            "fd77::2/64",
            "192.0.2.10/24\nDHCP=yes",
        ] {
            check(address, good.1, &good.2, LinePart::Address);
        }
        for gateway in
            ["", "192.0.3.1", "192.0.2.10", "192.0.2.0", "192.0.2.255", "fe80::1", "192.0.2.1\n[Link]"]
        {
            check(good.0, gateway, &good.2, LinePart::Gateway);
        }
        for resolver in ["", "127.0.0.53", "0.0.0.0", "224.0.0.251", "192.0.2.10", "dns.example", "fd77::1"] {
            check(good.0, good.1, &[resolver], LinePart::Resolvers);
        }
        check(good.0, good.1, &[], LinePart::Resolvers);
        check(good.0, good.1, &["192.0.2.53"; 4], LinePart::Resolvers);
    }

    #[test]
    fn a_line_and_the_school_are_two_networks() {
        let school: Vec<Ipv4Net> =
            ["10.77.0.0/24", "10.77.8.0/24"].iter().map(|net| net.parse().unwrap()).collect();
        let check = |address: &str, gateway: &str, resolver: &str, expected: Option<LinePart>| {
            let line = read(address, gateway, &[resolver]).unwrap();
            let told = line.check_beside(&school).err().map(|error| error.part());
            assert_eq!(told, expected, "{address} {resolver}");
        };
        check("192.168.1.2/24", "192.168.1.1", "192.168.1.1", None);
        check("10.77.1.2/24", "10.77.1.1", "192.0.2.53", None);
        check("10.77.0.2/24", "10.77.0.254", "192.0.2.53", Some(LinePart::Address));
        check("10.77.8.2/30", "10.77.8.1", "192.0.2.53", Some(LinePart::Address));
        check("10.0.0.2/8", "10.0.0.1", "192.0.2.53", Some(LinePart::Address));
        check("192.168.1.2/24", "192.168.1.1", "10.77.0.1", Some(LinePart::Resolvers));
    }
}
