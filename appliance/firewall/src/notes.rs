//! What the box is told of what the firewall refuses: enough for a record of each device's attempts, too little for a
//! flood. And how fast a device may open connections to the box itself.
//!
//! Devices are told apart by the hardware address of their packets. Who makes up many of them gets no more than a common
//! share for all those for which a set has no room.

use crate::Intent;
use crate::ruleset::{Chain, Condition, Elements, Rule, Set, Verdict, when};

/// Refused packets of one device that are told in a second, and at once: what a browser tries on a page of forty QUIC
/// servers, twice.
const NOTES_PER_SECOND: u32 = 10;
const NOTES_BURST: u32 = 80;
/// Seconds whose connections a device may open at once: a page of many pictures, after a minute of reading.
const CONNECTIONS_BURST_S: u32 = 5;
/// Devices that are paced apart: four times as many as a network of 1,000 addresses has.
const DEVICES_MAX: u32 = 4_096;
/// How long a device's pace is remembered, in seconds: its burst is whole again by then.
const PACE_S: u32 = 30;
/// How long counts stay, in seconds: they are read every ten.
const COUNTS_S: u32 = 300;

/// The set of the devices whose refused packets are told.
const NOTED: &str = "noted";
/// The set of the devices that open connections.
const NEWCOMERS: &str = "newcomers";
/// The set of the devices that had more packets refused than are told, with their counts.
pub const UNNOTED_SET: &str = "unnoted";
/// The set of the devices that opened connections too fast, with the counts of those that were dropped.
pub const HASTY_SET: &str = "hasty";

pub(crate) fn sets() -> [Set; 4] {
    let set = |name, timeout_s| Set { name, elements: Elements::Senders { size: DEVICES_MAX, timeout_s } };
    [set(NOTED, PACE_S), set(UNNOTED_SET, COUNTS_S), set(NEWCOMERS, PACE_S), set(HASTY_SET, COUNTS_S)]
}

/// Sends connections that begin to the chain that paces them.
pub(crate) fn pace(intent: &Intent) -> Rule {
    when([Condition::Input(intent.lan.clone()), Condition::Syn])
        .then(Verdict::Goto("arrive".into()), "opens a connection")
}

/// Tells a refused packet, and comes back.
pub(crate) fn note() -> Rule {
    when([]).then(Verdict::Jump("note"), "told to the box")
}

pub(crate) fn chains(intent: &Intent) -> [Chain; 4] {
    let connections = intent.connections_per_second;
    let connections_burst = connections.saturating_mul(CONNECTIONS_BURST_S);
    let chain = |name: &'static str, rules| Chain { name: name.into(), base: None, rules };
    let within = |set, per_second, burst| Condition::WithinPace { set, per_second, burst };
    let of_others = |set, per_second| [Condition::NotIn(set), Condition::PerSecond(per_second)];
    [
        chain(
            "arrive",
            vec![
                when([within(NEWCOMERS, connections, connections_burst)])
                    .then(Verdict::Accept, "at an ordinary pace"),
                when(of_others(NEWCOMERS, connections))
                    .then(Verdict::Accept, "one of more devices than are told apart"),
                when([]).then(Verdict::Goto("hasten".into()), "faster than any class opens connections"),
            ],
        ),
        chain(
            "hasten",
            vec![
                when([]).then(Verdict::Count(HASTY_SET), "who it was"),
                when([]).then(Verdict::Drop, "tries again in a second"),
            ],
        ),
        chain(
            "note",
            vec![
                when([within(NOTED, NOTES_PER_SECOND, NOTES_BURST)])
                    .then(Verdict::Note, "a record, with the reason"),
                when(of_others(NOTED, NOTES_PER_SECOND))
                    .then(Verdict::Note, "of one of more devices than are told apart"),
                when([]).then(Verdict::Goto("flood".into()), "more than is told one by one"),
            ],
        ),
        chain("flood", vec![when([]).then(Verdict::Count(UNNOTED_SET), "how many, and whose")]),
    ]
}
