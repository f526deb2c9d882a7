//! What the box is told of what the firewall refuses: enough for a record of each device's attempts, too little for a
//! flood. And how fast a device may open connections to the box itself.
//!
//! Devices are told apart by the hardware address of their packets. Registered ones, and the box's own testers, have sets of
//! their own: whoever makes up hardware addresses fills those of the unknown only, and all unknown devices share a pace
//! beside the one of each.
//!
//! ```text
//! note ── a registered device, a tester ──> note-known ── at its pace ──> told
//!   │                                          └── beyond ──> flood-known: counted
//!   ├── an unknown one, at its pace and at that of all ──> told
//!   └── beyond ──> flood: counted
//! ```
//!
//! `arrive` and `hasten` do the same for connections that begin.

use model::Mac;

use crate::compile::from_lans;
use crate::ruleset::{Chain, Condition, Elements, Rule, Set, Verdict, when};
use crate::{FirewallPolicy, Intent, Interface};

/// Refused packets of one device that are told in a second, and at once: what a browser tries on a page of forty QUIC
/// servers, twice.
const NOTES_PER_SECOND: u32 = 10;
const NOTES_BURST: u32 = 80;
/// Refused packets of all unknown devices together that are told in a second: a record each, which a laptop with thousands of
/// made-up hardware addresses must not make by the thousand.
const NOTES_OF_UNKNOWN_PER_SECOND: u32 = 100;
/// All unknown devices together open connections as fast as so many devices: a class of visitors.
const UNKNOWN_DEVICES: u32 = 4;
/// Seconds whose connections a device may open at once: a page of many pictures, after a minute of reading.
const CONNECTIONS_BURST_S: u32 = 5;
/// Devices that are paced apart: four times as many as a network of 1,000 addresses has.
const DEVICES_MAX: u32 = 4_096;
/// How long a device's pace is remembered, in seconds: its burst is whole again by then.
const PACE_S: u32 = 30;
/// How long counts stay, in seconds: they are read every ten.
const COUNTS_S: u32 = 300;

/// The sets of those that are paced together, and the chains of what is beyond.
struct Circle {
    /// Whose refused packets are told.
    noted: &'static str,
    /// Who had more packets refused than are told, with their counts.
    unnoted: &'static str,
    /// Who opens connections.
    newcomers: &'static str,
    /// Who opened them too fast, with the counts of those that were dropped.
    hasty: &'static str,
    flood: &'static str,
    hasten: &'static str,
}

/// Registered devices, and testers.
const KNOWN: Circle = Circle {
    noted: "noted-known",
    unnoted: "unnoted-known",
    newcomers: "newcomers-known",
    hasty: "hasty-known",
    flood: "flood-known",
    hasten: "hasten-known",
};
/// All others.
const UNKNOWN: Circle = Circle {
    noted: "noted",
    unnoted: "unnoted",
    newcomers: "newcomers",
    hasty: "hasty",
    flood: "flood",
    hasten: "hasten",
};

/// The sets of the devices that had more packets refused than are told, with their counts.
pub const UNNOTED_SETS: [&str; 2] = [KNOWN.unnoted, UNKNOWN.unnoted];
/// The sets of the devices that opened connections too fast, with the counts of those that were dropped.
pub const HASTY_SETS: [&str; 2] = [KNOWN.hasty, UNKNOWN.hasty];

pub(crate) fn sets() -> impl Iterator<Item = Set> {
    let set = |name, timeout_s| Set { name, elements: Elements::Senders { size: DEVICES_MAX, timeout_s } };
    [KNOWN, UNKNOWN].into_iter().flat_map(move |Circle { noted, unnoted, newcomers, hasty, .. }| {
        [set(noted, PACE_S), set(unnoted, COUNTS_S), set(newcomers, PACE_S), set(hasty, COUNTS_S)]
    })
}

/// Sends connections that begin to the chain that paces them.
pub(crate) fn pace(intent: &Intent) -> Rule {
    when([from_lans(intent), Condition::Syn]).then(Verdict::Goto("arrive".into()), "opens a connection")
}

/// Tells a refused packet, and comes back.
pub(crate) fn note() -> Rule {
    when([]).then(Verdict::Jump("note"), "told to the box")
}

pub(crate) fn chains(policy: &FirewallPolicy) -> Vec<Chain> {
    let mut chains = Vec::new();
    chains.extend(arrivals(policy));
    chains.extend(notes(policy));
    chains.extend([KNOWN, UNKNOWN].iter().flat_map(excesses));
    chains
}

/// Lets connections begin at a pace.
fn arrivals(policy: &FirewallPolicy) -> [Chain; 2] {
    let of_device = policy.intent().connections_per_second;
    let of_unknown = of_device.saturating_mul(UNKNOWN_DEVICES);
    let burst = of_device.saturating_mul(CONNECTIONS_BURST_S);
    let within = |set| Condition::WithinPace { set, per_second: of_device, burst };
    let too_fast = |chain: &'static str| {
        when([]).then(Verdict::Goto(chain.into()), "faster than any class opens connections")
    };
    let mut rules: Vec<Rule> = of_registered(policy, "arrive-known").into_iter().collect();
    rules.extend([
        when([within(UNKNOWN.newcomers), Condition::PerSecond(of_unknown)])
            .then(Verdict::Accept, "at an ordinary pace"),
        when([Condition::NotIn(UNKNOWN.newcomers), Condition::PerSecond(of_device)])
            .then(Verdict::Accept, "one of more devices than are told apart"),
        too_fast(UNKNOWN.hasten),
    ]);
    let known = vec![
        when([within(KNOWN.newcomers)]).then(Verdict::Accept, "at an ordinary pace"),
        too_fast(KNOWN.hasten),
    ];
    [chain("arrive", rules), chain("arrive-known", known)]
}

/// Tells refused packets at a pace.
fn notes(policy: &FirewallPolicy) -> [Chain; 2] {
    let within = |set| Condition::WithinPace { set, per_second: NOTES_PER_SECOND, burst: NOTES_BURST };
    let too_many =
        |chain: &'static str| when([]).then(Verdict::Goto(chain.into()), "more than is told one by one");
    let mut rules = vec![
        when([Condition::Input(Interface::of_testers())])
            .then(Verdict::Goto("note-known".into()), "the box attacks itself"),
    ];
    rules.extend(of_registered(policy, "note-known"));
    rules.extend([
        when([within(UNKNOWN.noted), Condition::PerSecond(NOTES_OF_UNKNOWN_PER_SECOND)])
            .then(Verdict::Note, "a record, with the reason"),
        when([Condition::NotIn(UNKNOWN.noted), Condition::PerSecond(NOTES_PER_SECOND)])
            .then(Verdict::Note, "of one of more devices than are told apart"),
        too_many(UNKNOWN.flood),
    ]);
    let known = vec![
        when([within(KNOWN.noted)]).then(Verdict::Note, "a record, with the reason"),
        too_many(KNOWN.flood),
    ];
    [chain("note", rules), chain("note-known", known)]
}

/// Counts what is beyond.
fn excesses(circle: &Circle) -> [Chain; 2] {
    let hasten = vec![
        when([]).then(Verdict::Count(circle.hasty), "who it was"),
        when([]).then(Verdict::Drop, "tries again in a second"),
    ];
    let flood = vec![when([]).then(Verdict::Count(circle.unnoted), "how many, and whose")];
    [chain(circle.hasten, hasten), chain(circle.flood, flood)]
}

/// Sends what registered devices send to this chain; nothing where there are none.
fn of_registered(policy: &FirewallPolicy, chain: &'static str) -> Option<Rule> {
    let devices: Vec<Mac> = policy.devices().iter().copied().collect();
    let rule =
        |devices| when([Condition::Sender(devices)]).then(Verdict::Goto(chain.into()), "a registered device");
    (!devices.is_empty()).then(|| rule(devices))
}

fn chain(name: &'static str, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), base: None, rules }
}
