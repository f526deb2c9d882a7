//! Named services: what is let past the doors, and only while the box runs.
//!
//! ```text
//! past ── of a flow that its own device began ──────────────> forward
//!   │ ──── of a flow, but from another ──> refuse
//!   │
//! services ── no passage for it ──> refuse
//!   │
//! passage-N ── too many of one device ──> refuse
//!   │           marked, told to the box
//! forward ── the box does not run, or cannot record ──> dropped
//!   │
//!  leave   with the box's own address
//! ```
//!
//! A flow is judged when it begins. One that must not go on is taken out of the kernel's table by the running box; what
//! comes of it then belongs to no flow, and is refused. Each of its packets must come from the device that began it.
//!
//! What passes is marked before the kernel looks where to send it. By the routing's own rules it forwards nothing else, so that
//! whoever removes this table opens no way.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::{FlowMark, Mac, PortRange, ServiceName, Transport};

use crate::Intent;
use crate::compile::{disjoint, from_lans, to_lans};
use crate::ruleset::{Base, Chain, Condition, Elements, Family, OPEN_SET, Rule, Set, Verdict, when};

/// Flows of services that one device may begin in a second, and at once: a mail program opens a dozen, a conference a few.
/// Each is a record, so that a device that opens them as fast as it can fills no journal.
const FLOWS_PER_SECOND: u32 = 20;
const FLOWS_BURST: u32 = 200;
/// Flows that one device may have at a time: more than a mail program, a conference and all else together, and so few that dozens
/// of devices together do not take the room for all.
pub const FLOWS_OF_DEVICE_MAX: u32 = 256;
/// Devices whose flows are paced and counted apart: only registered ones get here, and no school has so many.
const DEVICES_MAX: u32 = 4_096;
/// How long a device's pace is remembered, in seconds: its burst is whole again by then.
const PACE_S: u32 = 60;
/// The set of paces.
const FLOWS: &str = "flows";
/// The set that counts flows under way. It counts anew when the table is replaced.
const HELD: &str = "held";

/// What some devices may use of a service. All of it is let through together: each of the devices to each of the
/// destinations, at each of the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The service.
    pub service: ServiceName,
    /// Its number, which its flows are marked with.
    pub number: u16,
    /// Who may use it.
    pub devices: BTreeSet<Mac>,
    /// Where it is.
    pub destinations: Vec<IpNet>,
    /// Its ports by TCP.
    pub tcp: Vec<PortRange>,
    /// Its ports by UDP.
    pub udp: Vec<PortRange>,
}

/// The sets of a box with services.
pub(crate) fn sets() -> [Set; 3] {
    [
        Set { name: OPEN_SET, elements: Elements::Protocols },
        Set { name: FLOWS, elements: Elements::Senders { size: DEVICES_MAX, timeout_s: PACE_S } },
        Set { name: HELD, elements: Elements::Holders { size: DEVICES_MAX } },
    ]
}

/// What goes before the refusal of all that is for other machines.
pub(crate) fn exceptions(intent: &Intent, passages: &[Passage]) -> Vec<Rule> {
    let from_lan = || from_lans(intent);
    // A datagram that nobody has answered yet is `new` still, and was let begin.
    let owners = owners(passages);
    let own = (!owners.is_empty()).then(|| {
        when([from_lan(), Condition::State(&["new", "established"]), Condition::OwnFlow(owners)])
            .then(Verdict::Route, "a flow of a service")
    });
    let mut rules: Vec<Rule> = own.into_iter().collect();
    rules.extend([
        when([from_lan(), Condition::State(&["related"]), Condition::ServiceFlow])
            .then(Verdict::Drop, "errors have room for a letter, and no record"),
        // They may go on once the box is back.
        when([from_lan(), Condition::ServiceFlow, Condition::Closed])
            .then(Verdict::Drop, "the box does not record, so nothing passes"),
        when([from_lan(), Condition::ServiceFlow])
            .then(Verdict::Goto("refuse".into()), "a flow of another device"),
        when([from_lan(), Condition::ForOthers, Condition::Open])
            .then(Verdict::Goto("services".into()), "may begin a flow of a service"),
        when([
            Condition::Input(intent.wan.clone()),
            Condition::State(&["established", "related"]),
            Condition::ServiceFlow,
        ])
        .then(Verdict::Route, "the answers of a service"),
    ]);
    rules
}

/// The marks of all flows that may be under way, each with its device.
fn owners(passages: &[Passage]) -> Vec<(FlowMark, Mac)> {
    let owners: BTreeSet<(u16, Mac)> = passages
        .iter()
        .flat_map(|passage| passage.devices.iter().map(|device| (passage.number, *device)))
        .collect();
    owners.into_iter().map(|(number, device)| (FlowMark::of(number, device), device)).collect()
}

/// The chains of the services themselves.
pub(crate) fn chains(passages: &[Passage]) -> Vec<Chain> {
    let mut rules: Vec<Rule> = passages.iter().flat_map(openings).collect();
    rules.push(when([]).then(Verdict::Goto("refuse".into()), "no service of the school"));
    let mut chains = vec![Chain { name: "services".into(), base: None, rules }];
    let numbers: BTreeSet<u16> = passages.iter().map(|passage| passage.number).collect();
    chains.extend(numbers.into_iter().map(|number| Chain {
        name: name(number).into(),
        base: None,
        rules: vec![
            when([Condition::HoldsMoreThan { set: HELD, connections: FLOWS_OF_DEVICE_MAX }])
                .then(Verdict::Goto("refuse".into()), "more flows than any device needs"),
            when([Condition::WithinPace { set: FLOWS, per_second: FLOWS_PER_SECOND, burst: FLOWS_BURST }])
                .then(Verdict::Serve(number), "begins a flow of the service"),
            when([]).then(Verdict::Goto("refuse".into()), "more flows than any program begins"),
        ],
    }));
    chains
}

/// What goes before the refusal of all that is forwarded.
pub(crate) fn forwarded(intent: &Intent) -> Vec<Rule> {
    let wan = || intent.wan.clone();
    vec![
        when([Condition::Closed]).then(Verdict::Drop, "the box does not record, so nothing passes"),
        when([Condition::Handshake, Condition::ServiceFlow])
            .then(Verdict::FitSegments, "a line with a smaller frame than the school's network"),
        when([from_lans(intent), Condition::Output(wan()), Condition::ServiceFlow])
            .then(Verdict::Accept, "a flow of a service"),
        when([
            Condition::Input(wan()),
            to_lans(intent),
            Condition::State(&["established", "related"]),
            Condition::ServiceFlow,
        ])
        .then(Verdict::Accept, "the answers of a service"),
    ]
}

/// Addresses of the school mean nothing beyond the line.
pub(crate) fn leave(intent: &Intent) -> Chain {
    let rule = when([Condition::Output(intent.wan.clone()), Condition::ServiceFlow])
        .then(Verdict::Masquerade, "leaves with the box's address");
    let base = Base { kind: "nat", hook: "postrouting", priority: "srcnat", policy: "accept" };
    Chain { name: "leave".into(), base: Some(base), rules: vec![rule] }
}

/// A rule for each family and protocol of a passage. Only the beginning of a connection begins a TCP flow.
fn openings(passage: &Passage) -> Vec<Rule> {
    let devices: Vec<Mac> = passage.devices.iter().copied().collect();
    let families = [Family::Ipv4, Family::Ipv6].map(|family| {
        let of_family = |network: &&IpNet| Family::of(network.network()) == family;
        let networks: Vec<IpNet> = passage.destinations.iter().filter(of_family).map(IpNet::trunc).collect();
        (family, disjoint(&networks))
    });
    let transports = [(Transport::Tcp, &passage.tcp), (Transport::Udp, &passage.udp)];
    let mut rules = Vec::new();
    for (family, networks) in families {
        for (transport, ports) in transports {
            if devices.is_empty() || networks.is_empty() || ports.is_empty() {
                continue;
            }
            let mut conditions = vec![
                Condition::Sender(devices.clone()),
                Condition::DestinationIn(family, networks.clone()),
                Condition::PortIn(transport, ports.clone()),
            ];
            conditions.extend((transport == Transport::Tcp).then_some(Condition::Syn));
            rules.push(
                when(conditions)
                    .then(Verdict::Goto(name(passage.number).into()), passage.service.as_str().to_owned()),
            );
        }
    }
    rules
}

fn name(number: u16) -> String {
    format!("passage-{number}")
}
