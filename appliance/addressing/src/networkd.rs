//! The box's own port, for systemd-networkd (systemd.network(5)).

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use firewall::Interface;
use ipnet::Ipv4Net;

use crate::School;

/// The file of the school's port: the box's addresses, with or without a cable, and none from others.
#[must_use]
pub fn render_networkd(school: &School) -> String {
    let mut text = begin(&school.lan, school.ipv4);
    if let Some((network, address)) = school.ipv6 {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "Address={address}/{}", network.prefix_len());
    }
    text.push_str(END);
    text
}

/// The bridges of the networks apart: each with its file's name, what it is, and the box's address on it.
#[must_use]
pub fn render_networkd_apart(school: &School) -> Vec<(String, String)> {
    // The system's links to these files are there before them, by number.
    let files = school.apart.iter().zip(1..).flat_map(|(apart, number): (_, u8)| {
        let name = &apart.interface;
        let device = format!("{WRITTEN}[NetDev]\nName={name}\nKind=bridge\n");
        let network = format!("{}{END}", begin(name, apart.ipv4));
        [(format!("apart-{number}.netdev"), device), (format!("apart-{number}.network"), network)]
    });
    files.collect()
}

const WRITTEN: &str = "# Written by preau from the box's configuration: what is changed here is lost.\n";
const END: &str = "ConfigureWithoutCarrier=yes\n\
    LinkLocalAddressing=ipv6\n\
    IPv6AcceptRA=no\n\
    LLDP=no\n\
    LLMNR=no\n\
    MulticastDNS=no\n";

fn begin(interface: &Interface, (network, address): (Ipv4Net, Ipv4Addr)) -> String {
    format!(
        "{WRITTEN}[Match]\nName={interface}\n\n\
         [Link]\nRequiredForOnline=no\n\n\
         [Network]\nAddress={address}/{}\n",
        network.prefix_len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::school::tests::school;

    #[test]
    fn school_with_both_families() {
        insta::assert_snapshot!(render_networkd(&school()));
    }

    #[test]
    fn a_network_apart_is_a_bridge_where_the_box_has_an_address() {
        let files = render_networkd_apart(&crate::school::tests::school_apart());
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["apart-1.netdev", "apart-1.network"]);
        let [(_, device), (_, network)] = files.as_slice() else { panic!("two files") };
        assert!(device.contains("Name=br-staff\nKind=bridge\n"), "{device}");
        assert!(network.contains("Address=10.77.8.1/24\n"), "{network}");
        assert!(network.contains("ConfigureWithoutCarrier=yes\n"), "{network}");
        assert!(render_networkd_apart(&school()).is_empty());
    }

    #[test]
    fn without_ipv6_there_is_no_address_of_it() {
        let text = render_networkd(&School { ipv6: None, ..school() });
        assert_eq!(text.matches("Address=").count(), 1, "{text}");
    }
}
