//! The part of nftables that the box needs, as values that print themselves.
//!
//! The text is read by nft 1.0.6 and later. Traps of that version: a chain named by a word of its grammar, such as
//! `redirect` or `log`, does not load, and the JSON of a table leaves out the comments of tables and chains, so
//! the hash that tells rulesets apart stands in the comment of a rule.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use model::{FlowMark, Mac, PortRange, SenderMark, Transport};

use crate::Interface;

/// The table that holds everything the box intends, family included.
pub const TABLE: &str = "inet preau";

/// Words before the hash, in the comment of the rule that carries it.
const HASH_LABEL: &str = "intent";

/// How many hexadecimal digits of the hash tell rulesets apart: 128 bits.
const HASH_DIGITS: usize = 32;

/// The box's firewall: table `inet preau`, entire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    sets: Vec<Set>,
    chains: Vec<Chain>,
    mark: String,
}

impl Ruleset {
    pub(crate) fn new(sets: Vec<Set>, chains: Vec<Chain>) -> Self {
        let unmarked = Self { sets, chains, mark: String::new() };
        let hash = blake3::hash(unmarked.to_string().as_bytes()).to_hex();
        let digits: String = hash.chars().take(HASH_DIGITS).collect();
        Self { mark: format!("{HASH_LABEL} {digits}"), ..unmarked }
    }

    /// The comment of the ruleset's first rule: it changes whenever the ruleset does.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Each chain's name, and how many rules it has.
    pub fn chains(&self) -> impl Iterator<Item = (&str, usize)> {
        // The rule that carries the mark opens the first chain.
        let marks = std::iter::once(1).chain(std::iter::repeat(0));
        self.chains.iter().zip(marks).map(|(chain, mark)| (&*chain.name, chain.rules.len() + mark))
    }

    /// What `nft -f -` reads to put the ruleset in place of the one that stands, in one transaction.
    #[must_use]
    pub fn transaction(&self) -> String {
        format!("add table {TABLE}\ndelete table {TABLE}\n{self}")
    }

    /// The same for a box whose services are open: they stay so for this long, without a gap.
    #[must_use]
    pub fn transaction_while_open(&self, open_for: Duration) -> String {
        let is_declared = self.sets.iter().any(|set| set.name == OPEN_SET);
        let opening = if is_declared { open_services(open_for) } else { String::new() };
        format!("{}{opening}", self.transaction())
    }
}

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {TABLE} {{")?;
        for set in &self.sets {
            write!(f, "{set}")?;
        }
        let marks = std::iter::once(Some(self.mark.as_str())).chain(std::iter::repeat(None));
        for (chain, mark) in self.chains.iter().zip(marks) {
            writeln!(f, "\tchain {} {{", chain.name)?;
            if let Some(Base { kind, hook, priority, policy }) = chain.base {
                writeln!(f, "\t\ttype {kind} hook {hook} priority {priority}; policy {policy};")?;
            }
            if let Some(mark) = mark {
                writeln!(f, "\t\tcontinue comment \"{mark}\"")?;
            }
            for rule in &chain.rules {
                writeln!(f, "\t\t{rule}")?;
            }
            writeln!(f, "\t}}")?;
        }
        writeln!(f, "}}")
    }
}

/// A chain: at a hook when it has a base, called by other chains otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) name: Cow<'static, str>,
    pub(crate) base: Option<Base>,
    pub(crate) rules: Vec<Rule>,
}

/// The protocols that services let through at the moment: TCP, UDP, and the errors about them. Its elements end by
/// themselves, and the running box renews them: a box that does not run lets nothing through.
pub const OPEN_SET: &str = "open";

/// The protocols that stand in [`OPEN_SET`] while services are open, as nftables names them, with their numbers.
pub const OPEN_PROTOCOLS: [(&str, u8); 4] = [("icmp", 1), ("tcp", 6), ("udp", 17), ("ipv6-icmp", 58)];

/// What opens the services of a table that stands, for this long.
fn open_services(open_for: Duration) -> String {
    let milliseconds = open_for.as_millis().max(1);
    let elements = OPEN_PROTOCOLS.map(|(protocol, _)| format!("{protocol} timeout {milliseconds}ms"));
    format!("add element {TABLE} {OPEN_SET} {{ {} }}\n", elements.join(", "))
}

/// A set whose elements come and go by themselves: rules add them, or the running box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) elements: Elements,
}

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elements {
    /// Protocols that the box lets through for a while.
    Protocols,
    /// Hardware addresses that rules note: so many at most, and each until nothing was noted of it for so long.
    Senders { size: u32, timeout_s: u32 },
    /// Hardware addresses with the connections of each, as long as it has any: so many addresses at most.
    Holders { size: u32 },
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tset {} {{", self.name)?;
        match self.elements {
            Elements::Protocols => writeln!(f, "\t\ttype inet_proto\n\t\tflags timeout")?,
            Elements::Senders { size, timeout_s } => writeln!(
                f,
                "\t\ttype ether_addr\n\t\tsize {size}\n\t\tflags dynamic,timeout\n\t\ttimeout {timeout_s}s"
            )?,
            Elements::Holders { size } => {
                writeln!(f, "\t\ttype ether_addr\n\t\tsize {size}\n\t\tflags dynamic")?;
            }
        }
        writeln!(f, "\t}}")
    }
}

/// Where a chain meets packets, and what becomes of those that no rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) kind: &'static str,
    pub(crate) hook: &'static str,
    pub(crate) priority: &'static str,
    pub(crate) policy: &'static str,
}

/// One rule: all its conditions, then its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    conditions: Vec<Condition>,
    verdict: Verdict,
    comment: Cow<'static, str>,
}

/// Starts a rule.
pub(crate) fn when(conditions: impl IntoIterator<Item = Condition>) -> Conditions {
    Conditions(conditions.into_iter().collect())
}

/// A rule that lacks its verdict.
pub(crate) struct Conditions(Vec<Condition>);

impl Conditions {
    /// Ends the rule. `comment` says why, to whoever lists the table.
    pub(crate) fn then(self, verdict: Verdict, comment: impl Into<Cow<'static, str>>) -> Rule {
        Rule { conditions: self.0, verdict, comment: comment.into() }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for condition in &self.conditions {
            write!(f, "{condition} ")?;
        }
        // Only what is refused is counted: that is what people look for when something does not work.
        let counter = if self.verdict.refuses() { "counter " } else { "" };
        write!(f, "{counter}{} comment \"{}\"", self.verdict, self.comment)
    }
}

/// What a rule asks of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It came in by this interface.
    Input(Interface),
    /// It goes out by this interface.
    Output(Interface),
    /// It goes out by one of these interfaces.
    OutputAny(Vec<Interface>),
    /// It came in by one of these interfaces.
    InputAny(Vec<Interface>),
    /// It came in by the loopback interface.
    Loopback,
    /// It is of this family.
    Family(Family),
    /// Its source is in one of these networks, all of one family.
    SourceIn(Family, Vec<IpNet>),
    /// Its source is in none of these networks, all of one family.
    SourceNotIn(Family, Vec<IpNet>),
    /// Its source is an address of the box itself.
    SourceOwn,
    /// It was sent by one of these machines.
    Sender(Vec<Mac>),
    /// Its sender, noted in this set, sends at most so many a second after a burst of so many. Not so a sender for whom the
    /// set has no room.
    WithinPace { set: &'static str, per_second: u32, burst: u32 },
    /// Its sender, whose connections are counted in this set, has more than so many, this one included.
    HoldsMoreThan { set: &'static str, connections: u32 },
    /// Its sender does not stand in this set. The other way round would not do: looking an element up counts as a packet.
    NotIn(&'static str),
    /// It is for this address.
    Destination(IpAddr),
    /// Its destination is in one of these networks, all of one family.
    DestinationIn(Family, Vec<IpNet>),
    /// It is for another machine, after redirection.
    ForOthers,
    /// It was sent to everybody, or to a group.
    ToMany,
    /// It is TCP.
    Tcp,
    /// It says by which routers it goes (an IPv6 routing header).
    RoutingHeader,
    /// It opens a TCP connection.
    Syn,
    /// It is TCP, and opens no connection.
    LateSegment,
    /// It opens a TCP connection, or answers such a packet: both say how long segments may be.
    Handshake,
    /// It belongs to a flow of a service.
    ServiceFlow,
    /// It belongs to a flow with one of these marks, and comes from the machine beside it.
    OwnFlow(Vec<(FlowMark, Mac)>),
    /// The running box lets its protocol through at the moment.
    Open,
    /// It does not.
    Closed,
    /// It is for one of these ports.
    Port(Transport, Vec<u16>),
    /// It is for a port in one of these ranges.
    PortIn(Transport, Vec<PortRange>),
    /// It is from this port.
    SourcePort(Transport, u16),
    /// Its connection was for this port before redirection. Goes after a [`Condition::Port`].
    OriginalPort(u16),
    /// It is of one of these ICMP types.
    Icmp(Family, &'static [&'static str]),
    /// No router passed it on (RFC 4861 section 7.1).
    FromThisLink,
    /// Its connection is in one of these states.
    State(&'static [&'static str]),
    /// At most so many a second, after a burst of as many.
    PerSecond(u32),
}

/// Parts of the grammar that stand for a condition as they are.
const SYN: &str = "tcp flags & (fin | syn | rst | ack) == syn";
const FOR_OTHERS: &str = "fib daddr type != { local, broadcast, multicast }";
const TO_MANY: &str = "meta pkttype { broadcast, multicast }";

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(interface) => write!(f, "iifname \"{interface}\""),
            Self::Output(interface) => write!(f, "oifname \"{interface}\""),
            Self::InputAny(interfaces) => write!(f, "iifname {}", one_of(&quote(interfaces))),
            Self::OutputAny(interfaces) => write!(f, "oifname {}", one_of(&quote(interfaces))),
            Self::Loopback => f.write_str("iifname \"lo\""),
            Self::Family(family) => write!(f, "meta nfproto {}", family.nfproto()),
            Self::SourceIn(family, networks) => write!(f, "{} saddr {}", family.header(), one_of(networks)),
            Self::SourceNotIn(family, networks) => {
                write!(f, "{} saddr != {}", family.header(), one_of(networks))
            }
            Self::SourceOwn => f.write_str("fib saddr type local"),
            Self::Sender(machines) => write!(f, "ether saddr {}", one_of(machines)),
            Self::NotIn(set) => write!(f, "ether saddr != @{set}"),
            Self::WithinPace { set, per_second, burst } => write!(
                f,
                "update @{set} {{ ether saddr limit rate {per_second}/second burst {burst} packets }}"
            ),
            Self::HoldsMoreThan { set, connections } => {
                write!(f, "add @{set} {{ ether saddr ct count over {connections} }}")
            }
            Self::DestinationIn(family, networks) => {
                write!(f, "{} daddr {}", family.header(), one_of(networks))
            }
            Self::Destination(address) => write!(f, "{} daddr {address}", Family::of(*address).header()),
            Self::ForOthers => f.write_str(FOR_OTHERS),
            Self::ToMany => f.write_str(TO_MANY),
            Self::Tcp => f.write_str("meta l4proto tcp"),
            Self::RoutingHeader => f.write_str("exthdr rt exists"),
            Self::Syn => f.write_str(SYN),
            Self::LateSegment => f.write_str("tcp flags & (fin | syn | rst | ack) != syn"),
            Self::Handshake => f.write_str("tcp flags & (syn | rst) == syn"),
            Self::ServiceFlow => write!(f, "ct mark {}", FlowMark::ANY),
            Self::OwnFlow(owners) => {
                let owner = |(mark, mac): &(FlowMark, Mac)| format!("{:#x} . {mac}", mark.bits());
                let owners: Vec<_> = owners.iter().map(owner).collect();
                write!(f, "ct mark . ether saddr {{ {} }}", owners.join(", "))
            }
            Self::Open => write!(f, "meta l4proto @{OPEN_SET}"),
            Self::Closed => write!(f, "meta l4proto != @{OPEN_SET}"),
            Self::Port(transport, ports) => write!(f, "{} dport {}", transport.as_str(), one_of(ports)),
            Self::PortIn(transport, ports) => write!(f, "{} dport {}", transport.as_str(), one_of(ports)),
            Self::SourcePort(transport, port) => write!(f, "{} sport {port}", transport.as_str()),
            Self::OriginalPort(port) => write!(f, "ct original proto-dst {port}"),
            Self::Icmp(family, types) => write!(f, "{} type {}", family.icmp(), one_of(types)),
            Self::FromThisLink => f.write_str("ip6 hoplimit 255"),
            Self::State(states) => write!(f, "ct state {}", states.join(",")),
            Self::PerSecond(rate) => write!(f, "limit rate {rate}/second burst {rate} packets"),
        }
    }
}

fn quote(interfaces: &[Interface]) -> Vec<String> {
    interfaces.iter().map(|interface| format!("\"{interface}\"")).collect()
}

/// A set as nft writes it; one element needs no set.
fn one_of<T: fmt::Display>(elements: &[T]) -> String {
    match elements {
        [element] => element.to_string(),
        _ => {
            let elements: Vec<_> = elements.iter().map(T::to_string).collect();
            format!("{{ {} }}", elements.join(", "))
        }
    }
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    fn nfproto(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
        }
    }

    fn icmp(self) -> &'static str {
        match self {
            Self::Ipv4 => "icmp",
            Self::Ipv6 => "icmpv6",
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes this chain.
    Accept,
    /// It passes this chain with its connection's mark, by which the kernel's routing knows what may be forwarded
    /// ([`ROUTED_MARK`]).
    Route,
    /// It vanishes.
    Drop,
    /// It is answered with a TCP reset.
    Reset,
    /// It is answered with the ICMP error that every system hands to the program that sent it.
    PortUnreachable,
    /// It is answered with the ICMP error that says why.
    Prohibited,
    /// Another chain decides, for good.
    Goto(Cow<'static, str>),
    /// Another chain looks at it, and this one goes on.
    Jump(&'static str),
    /// It goes to this address and port of the box.
    Redirect(IpAddr, u16),
    /// It carries a mark that follows from its sender's hardware address, and goes on.
    MarkSender,
    /// Its head goes to the running box, and its own chain goes on after this one.
    Note,
    /// It is counted on its sender in this set.
    Count(&'static str),
    /// It begins a flow of the service of this number: the kernel tells the box of its beginning and its end.
    Serve(u16),
    /// It leaves with the box's own address.
    Masquerade,
    /// Its segments are made to fit the line.
    FitSegments,
}

/// The bit that the marks of packets have which the kernel's routing may forward. It stands in all marks of flows, and the
/// firewall alone sets it: without the table no packet has it.
pub const ROUTED_MARK: u32 = FlowMark::BASE;

/// Where heads of refused packets go: a group of nfnetlink_log. Any number would do that no other program has.
pub const NOTES_GROUP: u16 = 0x7072;
/// How much of a refused packet goes there, in bytes: an IPv6 header, some extensions, the ports.
const NOTE_BYTES: u16 = 128;

impl Verdict {
    fn refuses(&self) -> bool {
        match self {
            Self::Drop | Self::Reset | Self::PortUnreachable | Self::Prohibited => true,
            Self::Accept
            | Self::Route
            | Self::Goto(_)
            | Self::Jump(_)
            | Self::Redirect(..)
            | Self::MarkSender
            | Self::Note
            | Self::Count(_)
            | Self::Serve(_)
            | Self::Masquerade
            | Self::FitSegments => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Route => f.write_str("meta mark set ct mark accept"),
            Self::Drop => f.write_str("drop"),
            Self::Reset => f.write_str("reject with tcp reset"),
            Self::PortUnreachable => f.write_str("reject with icmpx port-unreachable"),
            Self::Prohibited => f.write_str("reject with icmpx admin-prohibited"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Redirect(IpAddr::V4(address), port) => write!(f, "dnat ip to {address}:{port}"),
            Self::Redirect(IpAddr::V6(address), port) => write!(f, "dnat ip6 to [{address}]:{port}"),
            Self::MarkSender => write!(f, "meta mark set {}", SenderMark::EXPRESSION),
            Self::Note => write!(f, "log group {NOTES_GROUP} snaplen {NOTE_BYTES} return"),
            Self::Count(set) => write!(f, "update @{set} {{ ether saddr counter }}"),
            Self::Serve(service) => write!(
                f,
                "ct mark set {} ct event set new,destroy,protoinfo {}",
                FlowMark::expression(*service),
                Self::Route
            ),
            Self::Masquerade => f.write_str("masquerade"),
            Self::FitSegments => f.write_str("tcp option maxseg size set rt mtu"),
        }
    }
}
