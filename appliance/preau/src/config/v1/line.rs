//! `[lan]` and `[wan]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addressing::{ApartSchool, FixedLine, Leases, Pool, School};
use firewall::{Apart, FirewallPolicy, Intent, Interface, PolicyError, Ports, check_networks};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use toml_span::{Span, Spanned};

use crate::config::Network;
use crate::config::line_file::{has_fixed_line, read_fixed_line};
use crate::config::section::{Section, Side};

/// A box between a school and its line, as far as the file tells.
pub(super) struct Line {
    lan: Option<Spanned<LanKeys>>,
    wan: Option<WanKeys>,
}

struct LanKeys {
    interface: Option<Interface>,
    ipv4: Option<Side<Ipv4Net, Ipv4Addr>>,
    ipv6: Option<Side<Ipv6Net, Ipv6Addr>>,
    apart: Vec<Option<ApartSchool>>,
}

/// Most networks apart: those who teach, guests, what hangs on a wall.
const APART_MAX: usize = 4;

struct WanKeys {
    interface: Option<Spanned<Interface>>,
    ipv6: bool,
    /// Where it is no line with DHCP; inside, where it is read.
    fixed: Option<Option<Spanned<FixedLine>>>,
}

impl Line {
    /// `None` with neither table: loopback only.
    pub(super) fn read(table: &mut Section<'_>) -> Option<Self> {
        let written = (table.contains("lan"), table.contains("wan"));
        let lan = table.table("lan", LanKeys::read);
        let wan = table.table("wan", WanKeys::read);
        match written {
            (false, false) => return None,
            (true, true) => {}
            (true, false) | (false, true) => {
                let message = "[lan] and [wan] go together: a box has both, a demonstration neither";
                table.reject(table.span(), message);
            }
        }
        Some(Self { lan, wan: wan.map(|wan| wan.value) })
    }

    /// The school's networks.
    pub(super) fn networks(&self) -> Vec<IpNet> {
        self.lan.as_ref().map_or_else(Vec::new, |lan| lan.value.networks())
    }

    /// The bridges of the networks apart.
    pub(super) fn bridges(&self) -> Vec<Interface> {
        let apart = self.lan.iter().flat_map(|lan| lan.value.apart.iter().flatten());
        apart.map(|apart| apart.interface.clone()).collect()
    }

    /// The box's addresses on the school's network.
    pub(super) fn box_addresses(&self) -> Vec<IpAddr> {
        self.lan.as_ref().map_or_else(Vec::new, |lan| lan.value.box_addresses())
    }

    /// The school's IPv4 network, and the box's address in it.
    pub(super) fn ipv4(&self) -> Option<(Ipv4Net, Ipv4Addr)> {
        let side = self.lan.as_ref().and_then(|lan| lan.value.ipv4)?;
        Some((side.network, side.address))
    }

    /// Whether no machine of the school can have this address.
    pub(super) fn is_nobodys(&self, address: IpAddr) -> bool {
        let network = self.lan.as_ref().and_then(|lan| lan.value.ipv4).map(|side| side.network);
        network.is_some_and(|network| {
            network.prefix_len() < 31
                && [network.network(), network.broadcast()].map(IpAddr::V4).contains(&address)
        })
    }

    /// Compares what is known; the network when all of it is known, and right.
    pub(super) fn check(
        self,
        table: &mut Section<'_>,
        ports: Option<Ports>,
        connections_per_second: u32,
        leases: Option<Leases>,
    ) -> Option<Network> {
        let (lan, wan) = (self.lan?, self.wan);
        let (span, lan) = (lan.span, lan.value);
        for error in check_networks(&lan.networks(), &lan.box_addresses()) {
            // An address outside its network is told already, at the address itself.
            if !matches!(error, PolicyError::OutsideNetworks(_)) {
                table.reject(span, error.to_string());
            }
        }
        let wan = wan?;
        if let (Some(lan), Some(wan)) = (&lan.interface, &wan.interface)
            && *lan == wan.value
        {
            table.reject(wan.span, PolicyError::SameInterface.to_string());
        }
        let apart: Vec<ApartSchool> = lan.apart.clone().into_iter().collect::<Option<_>>()?;
        let intended = apart.iter().map(|apart| {
            let (network, address) = apart.ipv4;
            Apart { interface: apart.interface.clone(), network, address }
        });
        let intended = intended.collect();
        let school = School {
            lan: lan.interface.clone()?,
            ipv4: lan.ipv4.map(|side| (side.network, side.address))?,
            ipv6: lan.ipv6.map(|side| (side.network, side.address)),
            leases,
            apart,
        };
        let intent = Intent {
            networks: lan.networks(),
            lan: lan.interface?,
            wan: wan.interface?.value,
            box_ipv4: lan.ipv4?.address,
            box_ipv6: lan.ipv6.map(|side| side.address),
            apart: intended,
            ports: ports?,
            connections_per_second,
        };
        let fixed = check_fixed_line(table, wan.fixed, &school)?;
        let firewall = build_firewall(table, span, intent)?;
        let firewall = if leases.is_some() { firewall.with_addresses_given() } else { firewall };
        Some(Network { firewall, wan_ipv6: wan.ipv6, school, fixed_line: fixed })
    }
}

/// The line without DHCP, where there is one that this school can have; the outer one is `None` where a mistake was told.
fn check_fixed_line(
    table: &mut Section<'_>,
    read: Option<Option<Spanned<FixedLine>>>,
    school: &School,
) -> Option<Option<FixedLine>> {
    let Some(read) = read else { return Some(None) };
    let Spanned { value: line, span } = read?;
    if let Err(error) = line.check_beside(&school.ipv4_networks()) {
        table.reject(span, error.to_string());
        return None;
    }
    Some(Some(line))
}

/// What the firewall says against the whole stands at `[lan]`; what it says against a part was told there.
fn build_firewall(table: &mut Section<'_>, span: Span, intent: Intent) -> Option<FirewallPolicy> {
    match FirewallPolicy::new(intent) {
        Ok(firewall) => Some(firewall),
        Err(errors) => {
            if !table.has_mistakes() {
                errors.into_iter().for_each(|error| table.reject(span, error.to_string()));
            }
            None
        }
    }
}

impl LanKeys {
    fn read(lan: &mut Section<'_>) -> Self {
        let interface = lan.required_parse::<Interface>("interface");
        let has_ipv4 = lan.contains("ipv4_network") || lan.contains("ipv4_address");
        let ipv4 = lan.side::<Ipv4Net, _>("ipv4_network", "ipv4_address");
        let ipv6 = lan.side::<Ipv6Net, _>("ipv6_network", "ipv6_address");
        if !has_ipv4 {
            lan.reject(lan.span(), "[lan] needs `ipv4_network` and `ipv4_address`");
        }
        let apart = lan.tables("apart", read_apart);
        if let Some(apart) = apart.as_ref().filter(|apart| apart.value.len() > APART_MAX) {
            lan.reject(apart.span, format!("more than {APART_MAX} networks apart"));
        }
        Self { interface, ipv4, ipv6, apart: apart.map(|apart| apart.value).unwrap_or_default() }
    }

    fn networks(&self) -> Vec<IpNet> {
        let ipv4 = self.ipv4.map(|side| IpNet::V4(side.network));
        ipv4.into_iter().chain(self.ipv6.map(|side| IpNet::V6(side.network))).collect()
    }

    fn box_addresses(&self) -> Vec<IpAddr> {
        let ipv4 = self.ipv4.map(|side| IpAddr::V4(side.address));
        ipv4.into_iter().chain(self.ipv6.map(|side| IpAddr::V6(side.address))).collect()
    }
}

/// A network apart from the first one, of IPv4 alone.
fn read_apart(table: &mut Section<'_>) -> Option<ApartSchool> {
    let interface = table.required_parse::<Interface>("interface");
    let side = table.side::<Ipv4Net, Ipv4Addr>("ipv4_network", "ipv4_address");
    if side.is_none() {
        table.reject(table.span(), "[[lan.apart]] needs `ipv4_network` and `ipv4_address`");
    }
    let side = side?;
    let pool = table.parse::<Pool>("pool");
    let (network, own) = (side.network, side.address);
    let is_usable = |pool: &Pool| {
        let nobodys = [network.network(), network.broadcast(), own];
        [pool.first(), pool.last()].iter().all(|address| network.contains(address))
            && !nobodys.into_iter().any(|address| pool.contains(address))
    };
    if let Some(pool) = pool.filter(|pool| !is_usable(pool)) {
        table.reject(
            table.span(),
            format!("the addresses {pool} are not all of devices in the network {network}"),
        );
    }
    Some(ApartSchool { interface: interface?, ipv4: (network, own), pool })
}

impl WanKeys {
    fn read(wan: &mut Section<'_>) -> Self {
        let interface = wan.required_parse_spanned::<Interface>("interface");
        let fixed = has_fixed_line(wan).then(|| read_fixed_line(wan));
        Self { interface, ipv6: wan.optional("ipv6").unwrap_or(true), fixed }
    }
}
