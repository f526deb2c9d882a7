//! From the intended state to the ruleset.
//!
//! A packet from the school's network meets the chains in this order:
//!
//! ```text
//! spoof ── false source ──> dropped; questions are marked with their sender
//!   │
//!  take   port 53 -> resolver; 80, 443 -> gate; to any address
//!   │
//! past ──── for another machine ──> services, where the school has any ──> refuse
//!   │
//! input ── lan ── not for a door ──> refuse
//!            │
//!          a door of the box
//! ```
//!
//! The school's network is two interfaces: its own, and the one by which the box attacks itself
//! ([`Interface::TESTERS`]). Every rule but those on sources is for both alike, so that a hole in one is a hole in the
//! other, and is found.
//!
//! What is for other machines is refused in `past`, before routing: so it is refused at once even when the
//! kernel does not forward, which is how a box without services runs (a silent drop would cost a browser that tries
//! QUIC seconds a page). `forward` refuses it again should somebody switch forwarding on.
//!
//! The doors are recognised by the port that the connection had before redirection: a connection made straight
//! to a gate's port is refused, and a box whose resolver listens on 53 itself needs no rule of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{Tester, Transport};

use crate::leases::{DHCP_CLIENT, DHCP_SERVER, DHCP6_CLIENT, DHCP6_SERVER};
use crate::ruleset::{Base, Chain, Condition, Family, Rule, Ruleset, Verdict, when};
use crate::{FirewallPolicy, Intent, Interface, leases, notes, passage};

/// Echo requests a second that the box answers: more than any technician's ping, less than a flood.
const ECHO_PER_SECOND: u32 = 20;

/// Well-known ports.
const DNS: u16 = 53;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const DNS_OVER_TLS: u16 = 853;

/// Computes the whole ruleset.
#[must_use]
pub fn compile(policy: &FirewallPolicy) -> Ruleset {
    let intent = policy.intent();
    let mut sets: Vec<_> = notes::sets().chain(leases::set(policy)).collect();
    let mut chains = vec![spoof(policy), take(intent), past(policy), input(intent), lan(policy), wan()];
    if let Some(passages) = policy.passages() {
        sets.extend(passage::sets());
        chains.extend(passage::chains(passages));
        chains.push(passage::leave(intent));
    }
    chains.extend([forward(policy), refuse()]);
    chains.extend(notes::chains(policy));
    chains.extend(leases::chain(policy));
    Ruleset::new(sets, chains)
}

/// No rule may trust a source address before this chain has seen the packet (BCP 38).
fn spoof(policy: &FirewallPolicy) -> Chain {
    let intent = policy.intent();
    let from_lan = || from_lans(intent);
    let from_wan = || Condition::Input(intent.wan.clone());
    let ipv4 = networks(intent, Family::Ipv4);
    let ipv6 = networks(intent, Family::Ipv6);
    // Whoever asks for an address has none yet (RFC 2131 section 4.1).
    let mut rules: Vec<Rule> = policy
        .gives_addresses()
        .then(|| {
            when([
                from_lan(),
                Condition::SourceIn(Family::Ipv4, vec![unspecified_ipv4()]),
                Condition::SourcePort(Transport::Udp, DHCP_CLIENT),
                Condition::Port(Transport::Udp, vec![DHCP_SERVER]),
            ])
            .then(Verdict::Accept, "asks for an address")
        })
        .into_iter()
        .collect();
    for (interface, own) in lans(intent) {
        let sources = [
            (Family::Ipv4, own_sources(&own, Family::Ipv4)),
            (Family::Ipv6, own_sources(&own, Family::Ipv6)),
        ];
        rules.extend(sources.map(|(family, networks)| {
            when([Condition::Input(interface.clone()), Condition::SourceNotIn(family, networks)])
                .then(Verdict::Drop, "not an address of the school")
        }));
    }
    rules.push(when([from_lan(), Condition::SourceOwn]).then(Verdict::Drop, "an address of the box"));
    rules.extend(testers().map(|(family, networks)| {
        let sources = match family {
            Family::Ipv4 => networks,
            Family::Ipv6 => [networks, vec![link_local(), unspecified()]].concat(),
        };
        when([Condition::Input(Interface::of_testers()), Condition::SourceNotIn(family, sources)])
            .then(Verdict::Drop, "not an address of the self-test")
    }));
    for from in [from_lan(), from_wan()] {
        rules.extend(testers().map(|(family, networks)| {
            when([from.clone(), Condition::SourceIn(family, networks)])
                .then(Verdict::Drop, "an address of the self-test, and not from there")
        }));
    }
    for (family, networks) in [(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)] {
        let nobodys: Vec<_> = networks.iter().flat_map(addresses_of_nobody).collect();
        if !nobodys.is_empty() {
            rules.push(
                when([from_lan(), Condition::SourceIn(family, nobodys)])
                    .then(Verdict::Drop, "an address of no machine"),
            );
        }
        if !networks.is_empty() {
            rules.push(
                when([from_wan(), Condition::SourceIn(family, networks)])
                    .then(Verdict::Drop, "an address of the school, from outside"),
            );
        }
    }
    rules.push(
        when([from_school(intent), Condition::RoutingHeader])
            .then(Verdict::Drop, "asks for a way of its own (RFC 5095)"),
    );
    // A datagram's source address is what its sender likes. The resolver compares the mark with the neighbour table.
    rules.push(
        when([from_lan(), Condition::Port(Transport::Udp, vec![DNS])])
            .then(Verdict::MarkSender, "who asks, by hardware address"),
    );
    rules.push(notes::pace(intent));
    let base = Base { kind: "filter", hook: "prerouting", priority: "raw", policy: "accept" };
    Chain { name: "spoof".into(), base: Some(base), rules }
}

/// Whatever address a client asks, the box's doors answer. The target is named: `redirect` would take the
/// interface's first address, which may be one that the doors do not listen on.
fn take(intent: &Intent) -> Chain {
    let ports = intent.ports;
    let rules = box_addresses(intent).flat_map(|address| {
        let to = |transport, from, port, comment| {
            when([
                from_school(intent),
                Condition::Family(Family::of(address)),
                Condition::Port(transport, vec![from]),
            ])
            .then(Verdict::Redirect(address, port), comment)
        };
        [
            to(Transport::Udp, DNS, ports.dns, "any resolver is the box's"),
            to(Transport::Tcp, DNS, ports.dns, "any resolver is the box's"),
            to(Transport::Tcp, HTTP, ports.gate_http, "gate; also the portal"),
            to(Transport::Tcp, HTTPS, ports.gate_tls, "gate"),
        ]
    });
    let base = Base { kind: "nat", hook: "prerouting", priority: "dstnat", policy: "accept" };
    Chain { name: "take".into(), base: Some(base), rules: rules.collect() }
}

/// Nothing goes past the box but flows of services.
fn past(policy: &FirewallPolicy) -> Chain {
    let intent = policy.intent();
    let exceptions = policy.passages().map(|passages| passage::exceptions(intent, passages));
    let mut rules = exceptions.unwrap_or_default();
    rules.push(
        when([from_school(intent), Condition::ForOthers])
            .then(Verdict::Goto("refuse".into()), "nothing else goes past the box"),
    );
    let base = Base { kind: "filter", hook: "prerouting", priority: "filter", policy: "accept" };
    Chain { name: "past".into(), base: Some(base), rules }
}

fn input(intent: &Intent) -> Chain {
    let rules = vec![
        when([Condition::Loopback]).then(Verdict::Accept, "the box to itself"),
        when([Condition::State(&["established", "related"])])
            .then(Verdict::Accept, "answers, and errors about them"),
        when([Condition::State(&["invalid"])]).then(Verdict::Drop, "part of no connection"),
        when([from_school(intent)]).then(Verdict::Goto("lan".into()), "the school"),
        when([Condition::Input(intent.wan.clone())]).then(Verdict::Goto("wan".into()), "the line"),
        when([]).then(Verdict::Drop, "an interface that nobody named"),
    ];
    let base = Base { kind: "filter", hook: "input", priority: "filter", policy: "drop" };
    Chain { name: "input".into(), base: Some(base), rules }
}

/// The doors of the box, and what a neighbour must be able to say.
fn lan(policy: &FirewallPolicy) -> Chain {
    let (intent, ports) = (policy.intent(), policy.intent().ports);
    let mut rules =
        vec![neighbour_discovery(&["nd-neighbor-solicit", "nd-neighbor-advert"]), multicast_listener_query()];
    rules.extend(leases::rules(policy));
    if intent.box_ipv6.is_none() {
        rules.push(
            when([Condition::Family(Family::Ipv6)])
                .then(Verdict::Goto("refuse".into()), "the school has no IPv6"),
        );
    }
    rules.extend([Family::Ipv4, Family::Ipv6].map(|family| {
        when([Condition::Icmp(family, &["echo-request"]), Condition::PerSecond(ECHO_PER_SECOND)])
            .then(Verdict::Accept, "is the box there?")
    }));
    let door = |transport, from, port, comment| {
        when([Condition::Port(transport, vec![port]), Condition::OriginalPort(from)])
            .then(Verdict::Accept, comment)
    };
    rules.extend([
        door(Transport::Udp, DNS, ports.dns, "resolver"),
        door(Transport::Tcp, DNS, ports.dns, "resolver"),
        door(Transport::Tcp, HTTP, ports.gate_http, "gate; also the portal"),
        door(Transport::Tcp, HTTPS, ports.gate_tls, "gate"),
    ]);
    let own_doors = [(ports.dns_tls, "the box's own DNS over TLS"), (ports.explicit_proxy, "explicit proxy")];
    for (port, comment) in own_doors {
        rules.extend(box_addresses(intent).map(|address| {
            when([Condition::Destination(address), Condition::Port(Transport::Tcp, vec![port])])
                .then(Verdict::Accept, comment)
        }));
    }
    rules.push(when([]).then(Verdict::Goto("refuse".into()), "no door of the box"));
    Chain { name: "lan".into(), base: None, rules }
}

/// What the line needs to work; no door.
fn wan() -> Chain {
    let rules = vec![
        neighbour_discovery(&["nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert"]),
        multicast_listener_query(),
        when([
            Condition::SourcePort(Transport::Udp, DHCP_SERVER),
            Condition::Port(Transport::Udp, vec![DHCP_CLIENT]),
        ])
        .then(Verdict::Accept, "the line gives the box its address"),
        when([
            Condition::SourceIn(Family::Ipv6, vec![link_local()]),
            Condition::SourcePort(Transport::Udp, DHCP6_SERVER),
            Condition::Port(Transport::Udp, vec![DHCP6_CLIENT]),
        ])
        .then(Verdict::Accept, "the line gives the box its address"),
        when([]).then(Verdict::Drop, "nothing comes in"),
    ];
    Chain { name: "wan".into(), base: None, rules }
}

fn forward(policy: &FirewallPolicy) -> Chain {
    let intent = policy.intent();
    let mut rules = policy.passages().map(|_| passage::forwarded(intent)).unwrap_or_default();
    rules.extend([
        when([from_school(intent)]).then(Verdict::Goto("refuse".into()), "nothing else goes past the box"),
        when([]).then(Verdict::Drop, "nothing else is forwarded"),
    ]);
    let base = Base { kind: "filter", hook: "forward", priority: "filter", policy: "drop" };
    Chain { name: "forward".into(), base: Some(base), rules }
}

/// Says no to a client of the school at once.
fn refuse() -> Chain {
    let rules = vec![
        when([Condition::ToMany]).then(Verdict::Drop, "announcements want no answer"),
        when([Condition::LateSegment])
            .then(Verdict::Reset, "of a connection that is over: nothing was tried"),
        notes::note(),
        when([Condition::SourceIn(Family::Ipv6, vec![link_local()])])
            .then(Verdict::Prohibited, "the kernel has no TCP reset for link-local addresses"),
        when([Condition::Port(Transport::Udp, vec![HTTPS])])
            .then(Verdict::PortUnreachable, "QUIC: browsers fall back to TLS at once"),
        when([Condition::Port(Transport::Udp, vec![DNS_OVER_TLS])])
            .then(Verdict::PortUnreachable, "DNS over QUIC: systems fall back to port 53 at once"),
        when([Condition::Port(Transport::Tcp, vec![DNS_OVER_TLS])])
            .then(Verdict::Reset, "DNS over TLS elsewhere: systems fall back to port 53 at once"),
        when([Condition::Tcp]).then(Verdict::Reset, "not a service of the school"),
        when([]).then(Verdict::Prohibited, "not a service of the school"),
    ];
    Chain { name: "refuse".into(), base: None, rules }
}

pub(crate) fn neighbour_discovery(types: &'static [&'static str]) -> Rule {
    when([Condition::Icmp(Family::Ipv6, types), Condition::FromThisLink])
        .then(Verdict::Accept, "IPv6 neighbour discovery")
}

/// Switches that are never answered stop delivering solicitations (RFC 4890 section 4.4.1).
fn multicast_listener_query() -> Rule {
    when([
        Condition::SourceIn(Family::Ipv6, vec![link_local()]),
        Condition::Icmp(Family::Ipv6, &["mld-listener-query"]),
    ])
    .then(Verdict::Accept, "IPv6 multicast groups")
}

/// By the school's network, or as if by it.
fn from_school(intent: &Intent) -> Condition {
    Condition::InputAny(intent.lans().into_iter().chain([Interface::of_testers()]).collect())
}

/// The addresses of the devices by which the box attacks itself.
fn testers() -> impl Iterator<Item = (Family, Vec<IpNet>)> {
    testers_networks().into_iter().map(|network| (Family::of(network.addr()), vec![network]))
}

/// The networks of the devices by which the box attacks itself: no server is there.
#[must_use]
pub fn testers_networks() -> [IpNet; 2] {
    let (ipv4, ipv4_bits) = Tester::IPV4_NETWORK;
    let (ipv6, ipv6_bits) = Tester::IPV6_NETWORK;
    [Ipv4Net::new_assert(ipv4, ipv4_bits).into(), Ipv6Net::new_assert(ipv6, ipv6_bits).into()]
}

fn box_addresses(intent: &Intent) -> impl Iterator<Item = IpAddr> {
    [Some(IpAddr::V4(intent.box_ipv4)), intent.box_ipv6.map(IpAddr::V6)].into_iter().flatten()
}

/// The addresses of all of the school's networks.
fn networks(intent: &Intent, family: Family) -> Vec<IpNet> {
    let all: Vec<_> = lans(intent).flat_map(|(_, networks)| networks).collect();
    of_family(&all, family)
}

/// Each of the school's networks by its interface.
fn lans(intent: &Intent) -> impl Iterator<Item = (Interface, Vec<IpNet>)> {
    let apart = intent.apart.iter();
    let apart = apart.map(|apart| (apart.interface.clone(), vec![IpNet::V4(apart.network)]));
    std::iter::once((intent.lan.clone(), intent.networks.clone())).chain(apart)
}

/// What clients of a network may have for a source. Of IPv6 also link-local addresses, and the unspecified one of duplicate address
/// detection (RFC 4862 section 5.4.2).
fn own_sources(networks: &[IpNet], family: Family) -> Vec<IpNet> {
    let own = of_family(networks, family);
    match family {
        Family::Ipv4 => own,
        Family::Ipv6 => disjoint(&[own.as_slice(), &[link_local(), unspecified()]].concat()),
    }
}

fn of_family(networks: &[IpNet], family: Family) -> Vec<IpNet> {
    let networks = networks.iter().map(IpNet::trunc);
    let networks: Vec<_> = networks.filter(|network| Family::of(network.network()) == family).collect();
    disjoint(&networks)
}

/// By one of the school's networks.
pub(crate) fn from_lans(intent: &Intent) -> Condition {
    match intent.apart.is_empty() {
        true => Condition::Input(intent.lan.clone()),
        false => Condition::InputAny(intent.lans()),
    }
}

/// Into one of the school's networks.
pub(crate) fn to_lans(intent: &Intent) -> Condition {
    match intent.apart.is_empty() {
        true => Condition::Output(intent.lan.clone()),
        false => Condition::OutputAny(intent.lans()),
    }
}

/// The addresses of a network that no machine has: the one that all its machines listen to, and the one that names
/// the network, to which old systems listen as well (RFC 1122 section 3.2.1.3) and which in IPv6 is that of all its
/// routers (RFC 4291 section 2.6.1). A network of one or two addresses has none of these (RFC 3021, RFC 6164).
fn addresses_of_nobody(network: &IpNet) -> Vec<IpNet> {
    if network.prefix_len() + 1 >= network.max_prefix_len() {
        return Vec::new();
    }
    let broadcast = network.addr().is_ipv4().then(|| network.broadcast());
    std::iter::once(network.network()).chain(broadcast).map(IpNet::from).collect()
}

/// The same addresses in networks that do not overlap, which is all that nft takes in a set.
pub(crate) fn disjoint(networks: &[IpNet]) -> Vec<IpNet> {
    IpNet::aggregate(&networks.to_vec())
}

pub(crate) fn link_local() -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10))
}

fn unspecified_ipv4() -> IpNet {
    IpNet::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn unspecified() -> IpNet {
    IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::Passage;
    use crate::policy::tests::school;

    fn text(intent: Intent) -> String {
        compile(&FirewallPolicy::new(intent).unwrap()).transaction()
    }

    #[test]
    fn school_with_both_families() {
        insta::assert_snapshot!(text(school()));
    }

    /// The differences of a school with a network apart: what comes from each is of that one alone, and nothing goes from one to the other.
    #[test]
    fn school_with_a_network_apart() {
        let policy = |intent: Intent| {
            let passages = with_services().passages().unwrap().to_vec();
            compile(&FirewallPolicy::new(intent).unwrap().with_passages(passages).with_addresses_given())
                .transaction()
        };
        let (without, with) = (policy(school()), policy(crate::policy::tests::school_apart()));
        let before: Vec<_> = without.lines().collect();
        let other = with
            .lines()
            .filter(|line| !before.contains(line) && !line.contains("mark") && !line.contains("intent"));
        insta::assert_snapshot!(other.map(|line| format!("{}\n", line.trim())).collect::<String>());
    }

    #[test]
    fn school_without_ipv6() {
        let networks = vec!["10.77.0.0/25".parse().unwrap(), "10.77.0.128/25".parse().unwrap()];
        insta::assert_snapshot!(text(Intent { box_ipv6: None, networks, ..school() }));
    }

    /// nft refuses a set whose intervals overlap.
    #[test]
    fn sets_are_disjoint_whatever_the_networks() {
        let networks = ["10.77.0.0/16", "10.77.3.0/24", "10.77.0.0/16", "fc00::/7", "fd77::/64", "fe00::/8"];
        let networks = networks.map(|network| network.parse().unwrap()).to_vec();
        let text = text(Intent { networks, ..school() });
        assert!(text.contains("ip saddr != 10.77.0.0/16 counter"), "{text}");
        assert!(text.contains("ip6 saddr != { ::/128, fc00::/7, fe00::/8 } counter"), "{text}");
    }

    #[test]
    fn some_addresses_are_nobodys() {
        for (network, expected) in [
            ("10.77.0.0/24", &["10.77.0.0/32", "10.77.0.255/32"][..]),
            ("10.77.0.4/30", &["10.77.0.4/32", "10.77.0.7/32"]),
            ("10.77.0.4/31", &[]),
            ("10.77.0.4/32", &[]),
            ("fd77::/64", &["fd77::/128"]),
            ("fd77::/127", &[]),
        ] {
            let found = addresses_of_nobody(&network.parse().unwrap());
            assert_eq!(found.iter().map(IpNet::to_string).collect::<Vec<_>>(), expected, "{network}");
        }
    }

    #[test]
    fn the_mark_follows_the_rules() {
        let mark = |intent| compile(&FirewallPolicy::new(intent).unwrap()).mark().to_owned();
        let other = Intent { box_ipv6: None, ..school() };
        assert_eq!(mark(school()), mark(school()));
        assert_ne!(mark(school()), mark(other));
    }

    #[test]
    fn school_with_services() {
        insta::assert_snapshot!(compile(&with_services()).transaction_while_open(Duration::from_secs(5)));
    }

    /// Requests for addresses come from nowhere, and are let in by these rules alone.
    #[test]
    fn a_box_that_gives_addresses_hears_who_asks_for_one() {
        let rules = |policy: &FirewallPolicy| {
            let text = compile(policy).transaction();
            let asking = ["dport 67", "dport 547", "nd-router-solicit"];
            let lines = text.lines().filter(|line| asking.iter().any(|words| line.contains(words)));
            lines.map(|line| format!("{}\n", line.trim())).collect::<String>()
        };
        let without = FirewallPolicy::new(school()).unwrap();
        assert_eq!(rules(&without), "");
        insta::assert_snapshot!(rules(&without.with_addresses_given()));
        let ipv4 = FirewallPolicy::new(Intent { box_ipv6: None, ..school() }).unwrap();
        assert_eq!(rules(&ipv4.with_addresses_given()).lines().count(), 2);
    }

    #[test]
    fn services_that_nobody_may_use_have_no_passage() {
        let policy = FirewallPolicy::new(school()).unwrap().with_passages(vec![]);
        let text = compile(&policy).transaction();
        assert!(text.contains("chain services {") && !text.contains("chain passage-"), "{text}");
    }

    #[test]
    fn every_chain_and_set_that_a_rule_names_exists() {
        let devices = BTreeSet::from(["02:00:00:00:00:11".parse().unwrap()]);
        let registered = with_services().with_devices(devices).with_addresses_given();
        let policies = [FirewallPolicy::new(school()).unwrap(), with_services(), registered];
        for text in policies.iter().map(|policy| compile(policy).transaction()) {
            for (word, kind) in [("goto ", "chain "), ("jump ", "chain "), ("@", "set ")] {
                for target in text.lines().filter_map(|line| line.split(word).nth(1)?.split(' ').next()) {
                    assert!(text.contains(&format!("\t{kind}{target} {{")), "{target}");
                }
            }
        }
    }

    /// Whoever makes up hardware addresses fills no set that a registered device needs.
    #[test]
    fn registered_devices_are_paced_apart() {
        let devices = ["02:00:00:00:00:11", "02:00:00:00:00:12"].map(|mac| mac.parse().unwrap());
        let policy = FirewallPolicy::new(school()).unwrap().with_devices(BTreeSet::from(devices));
        let text = compile(&policy).transaction();
        for chain in ["arrive", "note"] {
            let rule =
                format!("ether saddr {{ 02:00:00:00:00:11, 02:00:00:00:00:12 }} goto {chain}-known comment");

            let rest = text.split(&format!("chain {chain} {{")).nth(1).unwrap();
            assert!(rest.contains(&rule), "{rest}");
        }
    }

    /// A laptop that asks for addresses without end takes that of no registered device.
    #[test]
    fn registered_devices_ask_for_addresses_at_a_pace_of_their_own() {
        let devices = ["02:00:00:00:00:11", "02:00:00:00:00:12"].map(|mac| mac.parse().unwrap());
        let policy = FirewallPolicy::new(school()).unwrap().with_devices(BTreeSet::from(devices));
        assert!(!compile(&policy).transaction().contains("ask-known"), "it gives no addresses");
        let text = compile(&policy.with_addresses_given()).transaction();
        let doors = text.split("chain lan {").nth(1).unwrap().split("\t}\n").next().unwrap();
        for asks in ["udp sport 68 udp dport 67", "udp sport 546 udp dport 547"] {
            let of_all = doors.find(&format!("{asks} limit rate 100/second")).unwrap();
            let known = format!(
                "{asks} ether saddr {{ 02:00:00:00:00:11, 02:00:00:00:00:12 }} goto ask-known comment"
            );
            assert!(doors.find(&known).unwrap() < of_all, "{doors}");
        }
        let paced =
            "update @askers-known { ether saddr limit rate 10/second burst 100 packets } accept comment";
        let chain = text.split("chain ask-known {").nth(1).unwrap().split("\t}\n").next().unwrap();
        assert!(chain.contains(paced) && chain.contains("goto refuse"), "{chain}");
        assert!(text.contains("set askers-known {"), "{text}");
    }

    fn with_services() -> FirewallPolicy {
        let passage = |service: &str, number, devices: &[&str], destinations: &[&str]| Passage {
            service: service.parse().unwrap(),
            number,
            devices: devices.iter().map(|mac| mac.parse().unwrap()).collect(),
            destinations: destinations.iter().map(|network| network.parse().unwrap()).collect(),
            tcp: vec!["993".parse().unwrap()],
            udp: vec![],
        };
        let [pc1, pc2] = ["02:00:00:00:00:11", "02:00:00:00:00:12"];
        let range = |text: &str| text.parse().unwrap();
        let passages = vec![
            passage("imaps", 0, &[pc1, pc2], &["198.51.100.10/32", "2001:db8:1::a/128"]),
            Passage {
                tcp: vec![],
                udp: vec![range("10000-20000"), range("3478")],
                ..passage("visio", 1, &[pc1], &["203.0.113.0/24", "203.0.113.7/32"])
            },
            passage("visio", 1, &[], &["203.0.114.0/24"]),
        ];
        FirewallPolicy::new(school()).unwrap().with_passages(passages)
    }
}
