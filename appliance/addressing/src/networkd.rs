//! The box's own port, for systemd-networkd (systemd.network(5)).

use std::fmt::Write as _;

use crate::School;

/// The file of the school's port: the box's addresses, with or without a cable, and none from others.
#[must_use]
pub fn render_networkd(school: &School) -> String {
    let (network, address) = school.ipv4;
    let mut text = format!(
        "# Written by preau from the box's configuration: what is changed here is lost.\n\
         [Match]\nName={}\n\n\
         [Link]\nRequiredForOnline=no\n\n\
         [Network]\nAddress={address}/{}\n",
        school.lan,
        network.prefix_len()
    );
    if let Some((network, address)) = school.ipv6 {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "Address={address}/{}", network.prefix_len());
    }
    text.push_str(
        "ConfigureWithoutCarrier=yes\n\
         LinkLocalAddressing=ipv6\n\
         IPv6AcceptRA=no\n\
         LLDP=no\n\
         LLMNR=no\n\
         MulticastDNS=no\n",
    );
    text
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
    fn without_ipv6_there_is_no_address_of_it() {
        let text = render_networkd(&School { ipv6: None, ..school() });
        assert_eq!(text.matches("Address=").count(), 1, "{text}");
    }
}
