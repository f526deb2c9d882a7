//! Names by which programs find out whether they may go around the network's filter.

use model::DomainName;

use crate::decision::Denial;

/// Each name, with all names under it, and how a question for it is answered.
const NAMES: &[(&str, Denial)] = &[
    // Firefox: an address would switch DNS over HTTPS on (support.mozilla.org, "Canary domain").
    ("use-application-dns.net", Denial::NxDomain),
    // Apple's Private Relay: a negative answer has the device go without; an address would fail slowly
    // (developer.apple.com, "Prepare your network or web server for iCloud Private Relay").
    ("mask.icloud.com", Denial::NxDomain),
    ("mask-h2.icloud.com", Denial::NxDomain),
    ("mask.apple-dns.net", Denial::NxDomain),
    // The outer name of Cloudflare's encrypted hellos: what is behind it cannot be known.
    ("cloudflare-ech.com", Denial::OwnAddress),
];

/// How a question for this name is answered, when it is such a name.
pub(crate) fn find(name: &DomainName) -> Option<Denial> {
    let covers = |zone: &str| {
        name.as_str().strip_suffix(zone).is_some_and(|child| child.is_empty() || child.ends_with('.'))
    };
    NAMES.iter().find(|(zone, _)| covers(zone)).map(|&(_, denial)| denial)
}

/// Whether programs ask for this name to find a way around the filter: it is closed to everybody, and nobody can open it.
#[must_use]
pub fn is_way_around(name: &DomainName) -> bool {
    find(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_lies_under_them() {
        let check = |name: &str, expected| assert_eq!(find(&name.parse().unwrap()), expected, "{name}");
        check("use-application-dns.net", Some(Denial::NxDomain));
        check("x.use-application-dns.net", Some(Denial::NxDomain));
        check("mask.icloud.com", Some(Denial::NxDomain));
        check("mask-h2.icloud.com", Some(Denial::NxDomain));
        check("cloudflare-ech.com", Some(Denial::OwnAddress));
        check("www.icloud.com", None);
        check("unmask.icloud.com", None);
        check("notcloudflare-ech.com", None);
    }
}
