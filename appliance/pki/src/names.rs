//! What an authority may vouch for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::DomainName;
use rcgen::string::Ia5String;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

/// A mail domain that nobody has (RFC 2606): permitting it alone permits no mailbox at all.
const NO_MAIL: &str = "nobody.invalid";

/// The names and addresses of a box, each once, in order: the same box gives the same value however it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    domains: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// These names and addresses.
    pub fn new(
        domains: impl IntoIterator<Item = DomainName>,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        Self {
            domains: domains.into_iter().map(|name| name.as_str().to_owned()).collect(),
            addresses: addresses.into_iter().map(|address| address.to_canonical()).collect(),
        }
    }

    pub(crate) fn first(&self) -> Option<&str> {
        self.domains.first().map(String::as_str)
    }

    /// Whether an authority over these may vouch for a name: one of them, or a name under one of them.
    #[must_use]
    pub fn covers(&self, name: &DomainName) -> bool {
        name.suffixes().any(|suffix| self.domains.contains(suffix))
    }

    /// Each in its usual spelling: names first, then addresses.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.domains.iter().cloned().chain(self.addresses.iter().map(IpAddr::to_string))
    }

    /// What a certificate for all of them carries.
    pub(crate) fn alternatives(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let domains =
            self.domains.iter().map(|name| Ok(SanType::DnsName(Ia5String::try_from(name.as_str())?)));
        domains.chain(self.addresses.iter().map(|&address| Ok(SanType::IpAddress(address)))).collect()
    }

    /// Nothing but these, among the kinds of names that a server proves. A kind of which nothing is permitted would be
    /// free (RFC 5280 section 4.2.1.10), so addresses of a family that the box has not are excluded, all of them, and
    /// so are mailboxes. The authority's use for servers alone keeps out the kinds that have no constraint here.
    pub(crate) fn constraints(&self) -> NameConstraints {
        let domains = self.domains.iter().cloned().map(GeneralSubtree::DnsName);
        let addresses = self.addresses.iter().map(|&address| whole(address));
        let no_mail = GeneralSubtree::Rfc822Name(NO_MAIL.to_owned());
        let absent = [IpAddr::is_ipv4, IpAddr::is_ipv6]
            .into_iter()
            .zip([CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])]);
        let absent = absent.filter(|(is_of, _)| !self.addresses.iter().any(is_of));
        NameConstraints {
            permitted_subtrees: domains.chain(addresses).chain([no_mail]).collect(),
            excluded_subtrees: absent.map(|(_, all)| GeneralSubtree::IpAddress(all)).collect(),
        }
    }
}

/// This address alone.
fn whole(address: IpAddr) -> GeneralSubtree {
    GeneralSubtree::IpAddress(match address {
        IpAddr::V4(address) => CidrSubnet::V4(address.octets(), [0xff; 4]),
        IpAddr::V6(address) => CidrSubnet::V6(address.octets(), [0xff; 16]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn names(domains: &[&str], addresses: &[&str]) -> Names {
        let domains = domains.iter().map(|name| name.parse().unwrap());
        Names::new(domains, addresses.iter().map(|address| address.parse().unwrap()))
    }

    #[test]
    fn spelling_and_order_do_not_matter() {
        let one = names(&["Preau.lan", "ent.example"], &["fd77::1", "10.77.0.1"]);
        assert_eq!(
            one,
            names(&["ent.example.", "preau.lan"], &["::ffff:10.77.0.1", "fd77:0::1", "10.77.0.1"])
        );
        assert_eq!(one.texts().collect::<Vec<_>>(), ["ent.example", "preau.lan", "10.77.0.1", "fd77::1"]);
    }

    #[test]
    fn a_name_covers_those_under_it() {
        let names = names(&["preau.lan", "ent.example"], &[]);
        for (name, expected) in
            [("ent.example", true), ("media.ent.example", true), ("xent.example", false), ("example", false)]
        {
            assert_eq!(names.covers(&name.parse().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_family_without_addresses_is_excluded() {
        let excluded = |addresses: &[&str]| names(&["preau.lan"], addresses).constraints().excluded_subtrees;
        let ipv4 = GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4]));
        let ipv6 = GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16]));
        assert_eq!(excluded(&["10.77.0.1", "fd77::1"]), []);
        assert_eq!(excluded(&["10.77.0.1"]), std::slice::from_ref(&ipv6));
        assert_eq!(excluded(&[]), [ipv4, ipv6]);
    }
}
