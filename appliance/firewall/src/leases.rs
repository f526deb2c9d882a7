//! Who may ask the box for an address, and how often.
//!
//! Registered devices have a pace each, and all others one together: whoever asks without end keeps no registered device from
//! its address, and whoever does so by the hardware address of one keeps that one alone.

use model::{Mac, Transport};

use crate::FirewallPolicy;
use crate::compile::{from_lans, link_local, neighbour_discovery};
use crate::ruleset::{Chain, Condition, Elements, Family, Rule, Set, Verdict, when};

/// Requests for an address that the box takes in a second, of all devices together that are not registered: a school that opens
/// after the holidays asks some hundreds of times within a minute, and asks again. More is no school, and keeps nobody from the
/// other doors.
const LEASES_PER_SECOND: u32 = 100;
/// Requests of one registered device that the box takes in a second, and at once: an access point that puts its own hardware
/// address before those of a class of tablets asks for all of them, and asks again.
const LEASES_OF_DEVICE_PER_SECOND: u32 = 10;
const LEASES_OF_DEVICE_BURST: u32 = 100;
/// Devices that are paced apart: only registered ones get here, and no school has so many.
const DEVICES_MAX: u32 = 4_096;
/// How long a device's pace is remembered, in seconds: its burst is whole again by then.
const PACE_S: u32 = 30;
/// The set of paces.
const ASKERS: &str = "askers-known";
/// The chain of registered devices.
const KNOWN: &str = "ask-known";

/// Well-known ports.
pub(crate) const DHCP_SERVER: u16 = 67;
pub(crate) const DHCP_CLIENT: u16 = 68;
pub(crate) const DHCP6_SERVER: u16 = 547;
pub(crate) const DHCP6_CLIENT: u16 = 546;

/// The registered devices of a box that gives addresses; none where no rule is for them.
fn devices(policy: &FirewallPolicy) -> Vec<Mac> {
    if policy.gives_addresses() { policy.devices().iter().copied().collect() } else { vec![] }
}

/// The set of paces; nothing where nobody is paced apart.
pub(crate) fn set(policy: &FirewallPolicy) -> Option<Set> {
    let elements = Elements::Senders { size: DEVICES_MAX, timeout_s: PACE_S };
    (!devices(policy).is_empty()).then_some(Set { name: ASKERS, elements })
}

/// The chain that paces each registered device; nothing where there are none.
pub(crate) fn chain(policy: &FirewallPolicy) -> Option<Chain> {
    let within = Condition::WithinPace {
        set: ASKERS,
        per_second: LEASES_OF_DEVICE_PER_SECOND,
        burst: LEASES_OF_DEVICE_BURST,
    };
    let rules = vec![
        when([within]).then(Verdict::Accept, "at an ordinary pace"),
        when([]).then(Verdict::Goto("refuse".into()), "more often than any device asks"),
    ];
    (!devices(policy).is_empty()).then(|| Chain { name: KNOWN.into(), base: None, rules })
}

/// What devices ask of whoever gives them addresses; nothing where the box gives none.
pub(crate) fn rules(policy: &FirewallPolicy) -> Vec<Rule> {
    if !policy.gives_addresses() {
        return vec![];
    }
    let intent = policy.intent();
    let from_lan = || from_lans(intent);
    let asks = |client, server| {
        [Condition::SourcePort(Transport::Udp, client), Condition::Port(Transport::Udp, vec![server])]
    };
    let by_ipv4 = [from_lan()].into_iter().chain(asks(DHCP_CLIENT, DHCP_SERVER));
    let mut rules = paced(policy, by_ipv4.collect(), "asks for an address");
    if intent.box_ipv6.is_some() {
        let from_neighbour = Condition::SourceIn(Family::Ipv6, vec![link_local()]);
        let by_ipv6 = [from_lan(), from_neighbour].into_iter().chain(asks(DHCP6_CLIENT, DHCP6_SERVER));
        rules.push(neighbour_discovery(&["nd-router-solicit"]));
        rules.extend(paced(policy, by_ipv6.collect(), "asks for the resolver"));
    }
    rules
}

/// Lets in what meets these conditions: of registered devices at the pace of each, of all others at one.
fn paced(policy: &FirewallPolicy, asks: Vec<Condition>, comment: &'static str) -> Vec<Rule> {
    let devices = devices(policy);
    let known = (!devices.is_empty()).then(|| {
        let conditions = asks.iter().cloned().chain([Condition::Sender(devices)]);
        when(conditions).then(Verdict::Goto(KNOWN.into()), "a registered device")
    });
    let of_all = asks.into_iter().chain([Condition::PerSecond(LEASES_PER_SECOND)]);
    known.into_iter().chain([when(of_all).then(Verdict::Accept, comment)]).collect()
}
