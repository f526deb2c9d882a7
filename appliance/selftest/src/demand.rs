//! What must come back, and what it means when something else does.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use serde::{Deserialize, Serialize};

use crate::action::{End, Seen};
use crate::dns::Answer;
use crate::place::NOWHERE_IPV4;

/// The alert by which the gate refuses a name (RFC 8446 section 6.2, `access_denied`).
const ACCESS_DENIED: u8 = 49;
/// The alert by which it says that nothing can be recorded (`internal_error`).
const INTERNAL_ERROR: u8 = 80;
/// Longest detail that is kept, in characters: it may hold words of a stranger's server.
const DETAIL_CHARACTERS_MAX: usize = 120;

/// What became of an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// What must happen did.
    Pass,
    /// Something else happened.
    Fail {
        /// What.
        why: Why,
        /// With which name or port, or what came.
        detail: String,
    },
    /// Nothing can be said.
    NotTested {
        /// Why.
        why: Why,
        /// With which name or port, or what came.
        detail: String,
    },
}

impl Outcome {
    pub(crate) fn fail(why: Why, detail: impl Into<String>) -> Self {
        Self::Fail { why, detail: shorten(&detail.into()) }
    }

    pub(crate) fn not_tested(why: Why, detail: impl Into<String>) -> Self {
        Self::NotTested { why, detail: shorten(&detail.into()) }
    }
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(DETAIL_CHARACTERS_MAX).collect()
}

/// Why an attack did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It got through.
    Open,
    /// The box kept silent, where it always answers.
    Silent,
    /// Something came that is neither.
    Odd,
    /// What is permitted is refused.
    Refused,
    /// Keys for an encrypted hello came through.
    Keys,
    /// An answer leads inside.
    Inside,
    /// A search engine does not answer by its safe variant.
    Unsafe,
    /// It was refused, and the journal has no record of it.
    Unrecorded,
    /// This machine has no way to such an address.
    NoWay,
    /// This machine could not do it.
    Machine,
    /// There is no firewall in the way.
    NoFirewall,
    /// The school has no IPv6.
    NoIpv6,
    /// The line, or the site beyond it, does not answer.
    Line,
    /// There is no list here to take names from.
    NoList,
    /// The profile shows little or nothing at this time.
    ProfileClosed,
    /// Rules of the commune or the school open each name of the category that was looked at.
    Opened,
    /// The profile does not ask for it.
    NotAsked,
    /// Too many questions a moment ago: the box takes this machine for a tunnel for ten minutes.
    Tunnel,
    /// The box does not know the zone of the self-test.
    NoZone,
    /// Somebody else gives addresses.
    Stranger,
    /// The school's port is no bridge, at which a PC could be made up.
    NoBridge,
    /// The box itself was not heard to offer an address.
    NoOffer,
    /// The run ended before.
    Cut,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 23] = [
        Self::Open,
        Self::Silent,
        Self::Odd,
        Self::Refused,
        Self::Keys,
        Self::Inside,
        Self::Unsafe,
        Self::Unrecorded,
        Self::NoWay,
        Self::Machine,
        Self::NoFirewall,
        Self::NoIpv6,
        Self::Line,
        Self::NoList,
        Self::ProfileClosed,
        Self::Opened,
        Self::NotAsked,
        Self::Tunnel,
        Self::NoZone,
        Self::Stranger,
        Self::NoBridge,
        Self::NoOffer,
        Self::Cut,
    ];
}

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// An answer of the box's own zone.
    ZoneAnswer,
    /// An address outside.
    Address,
    /// The box's own address, and no other.
    OwnAddress,
    /// A refusal by DNS: no address but the box's, and the extended error that says so.
    NameRefused,
    /// The same, or an answer.
    NameRefusedOrAnswered,
    /// No such name, or no data.
    Negative(ResponseCode),
    /// A record of a service, without keys.
    ServiceWithoutKeys,
    /// The same, out of what is kept past its time.
    StaleServiceWithoutKeys,
    /// No address inside; with `outside`, the one outside.
    NothingInside { outside: bool },
    /// One of these aliases, or a refusal.
    LedTo(&'static [&'static str]),
    /// The begin of a TLS handshake.
    ServerHello,
    /// The alert that says that the name is refused.
    TlsRefused,
    /// Another alert, or the end of the connection: what is said is no hello that could be judged.
    NoHello,
    /// An HTTP answer that is none of the box's refusals.
    HttpAnswer,
    /// The box's page that refuses; in this turn.
    HttpRefused { turn: usize },
    /// One of the box's pages, or the way to one.
    OwnPage,
    /// `CONNECT` is refused, or what comes inside it is.
    TunnelRefused,
    /// `CONNECT` is accepted.
    TunnelOpen,
    /// The connection or the datagram is refused at once.
    Rejected,
}

impl Demand {
    /// Judges what was seen. `own` are the box's addresses.
    pub(crate) fn judge(&self, seen: &Seen, own: &[IpAddr]) -> Outcome {
        match seen {
            Seen::NoWay => Outcome::not_tested(Why::NoWay, ""),
            Seen::Failed(error) => Outcome::not_tested(Why::Machine, error),
            Seen::Waited => Outcome::Pass,
            Seen::Silence => Outcome::fail(Why::Silent, ""),
            Seen::Rejected if *self == Self::Rejected => Outcome::Pass,
            // Whoever is beyond the box and says no has got the datagram.
            Seen::Forbidden { by } if *self == Self::Rejected => {
                match own.contains(by) || is_on_the_wire(*by) {
                    true => Outcome::Pass,
                    false => Outcome::fail(Why::Open, by.to_string()),
                }
            }
            Seen::Rejected | Seen::Forbidden { .. } => Outcome::fail(Why::Odd, "refused"),
            Seen::Answer(bytes) => match Answer::read(bytes) {
                Some(answer) => self.judge_answer(&answer, own),
                None if *self == Self::Rejected => Outcome::fail(Why::Open, "answer"),
                None => Outcome::fail(Why::Odd, "answer"),
            },
            Seen::Heard { turns, end } => self.judge_connection(turns, *end),
        }
    }

    fn judge_answer(&self, answer: &Answer, own: &[IpAddr]) -> Outcome {
        let strangers = || answer.leads().filter(|address| !own.contains(address)).map(|it| it.to_string());
        let list = || strangers().collect::<Vec<_>>().join(", ");
        let is_refused = answer.is_blocked && strangers().next().is_none();
        let code = answer.code;
        match self {
            Self::ZoneAnswer if answer.addresses == [IpAddr::from(NOWHERE_IPV4)] => Outcome::Pass,
            Self::ZoneAnswer if is_refused => Outcome::not_tested(Why::Tunnel, ""),
            Self::ZoneAnswer => Outcome::fail(Why::NoZone, code.to_string()),
            Self::Address if is_refused => Outcome::fail(Why::Refused, ""),
            Self::Address if strangers().next().is_some() => Outcome::Pass,
            Self::Address => Outcome::not_tested(Why::Line, code.to_string()),
            Self::OwnAddress if is_refused => Outcome::fail(Why::Refused, ""),
            Self::OwnAddress if answer.addresses.is_empty() => Outcome::fail(Why::Odd, code.to_string()),
            Self::OwnAddress if strangers().next().is_some() => Outcome::fail(Why::Odd, list()),
            Self::OwnAddress => Outcome::Pass,
            Self::NameRefused if is_refused => Outcome::Pass,
            Self::NameRefused => {
                Outcome::fail(Why::Open, if answer.count > 0 { list() } else { code.to_string() })
            }
            Self::NameRefusedOrAnswered if is_refused || answer.count > 0 => Outcome::Pass,
            Self::NameRefusedOrAnswered => Outcome::fail(Why::NoZone, code.to_string()),
            Self::Negative(expected) if code == *expected && answer.count == 0 => Outcome::Pass,
            Self::Negative(_) if answer.count > 0 => Outcome::fail(Why::Open, list()),
            Self::Negative(_) => Outcome::fail(Why::Odd, code.to_string()),
            Self::ServiceWithoutKeys | Self::StaleServiceWithoutKeys => self.judge_service(answer),
            Self::NothingInside { outside } => judge_inside(answer, own, *outside),
            Self::LedTo(variants) => judge_variant(answer, variants, is_refused, &list()),
            Self::Rejected => Outcome::fail(Why::Open, "answer"),
            Self::ServerHello
            | Self::TlsRefused
            | Self::NoHello
            | Self::HttpAnswer
            | Self::HttpRefused { .. }
            | Self::OwnPage
            | Self::TunnelRefused
            | Self::TunnelOpen => Outcome::fail(Why::Odd, "answer"),
        }
    }

    fn judge_service(&self, answer: &Answer) -> Outcome {
        if answer.services.iter().any(|service| service.has_keys) {
            return Outcome::fail(Why::Keys, "ech");
        }
        if answer.is_blocked {
            return Outcome::not_tested(Why::Tunnel, "");
        }
        if answer.services.is_empty() {
            let is_stale_wanted = *self == Self::StaleServiceWithoutKeys;
            let why = if is_stale_wanted { Outcome::not_tested } else { Outcome::fail };
            return why(Why::NoZone, answer.code.to_string());
        }
        if answer.is_authenticated {
            return Outcome::fail(Why::Keys, "dnssec");
        }
        if *self == Self::StaleServiceWithoutKeys && !answer.is_stale {
            return Outcome::not_tested(Why::Odd, "not stale");
        }
        Outcome::Pass
    }

    fn judge_connection(&self, turns: &[Vec<u8>], end: End) -> Outcome {
        let heard = turns.concat();
        let first = turns.first().map(Vec::as_slice).unwrap_or_default();
        match self {
            Self::Rejected => Outcome::fail(Why::Open, "connection"),
            Self::ServerHello => judge_hello(&heard),
            Self::TlsRefused => judge_refused_hello(&heard, end),
            Self::NoHello => judge_no_hello(&heard, end),
            Self::HttpAnswer => match status(&heard) {
                Some(400..=403) if is_own_page(&heard) => Outcome::fail(Why::Refused, ""),
                Some(500..) | None => Outcome::not_tested(Why::Line, ""),
                Some(_) => Outcome::Pass,
            },
            Self::HttpRefused { turn } => judge_page(turns, *turn, end),
            Self::OwnPage => match status(&heard) {
                Some(200..=399) => Outcome::Pass,
                Some(status) => Outcome::fail(Why::Odd, format!("HTTP {status}")),
                None => Outcome::fail(if end == End::Open { Why::Silent } else { Why::Odd }, ""),
            },
            Self::TunnelOpen => match (status(first), turns.get(1)) {
                (Some(200..=299), Some(inside)) => judge_hello(inside),
                (Some(400..=403), _) => Outcome::fail(Why::Refused, ""),
                (Some(_) | None, _) => Outcome::not_tested(Why::Line, ""),
            },
            Self::TunnelRefused => judge_tunnel(turns, end),
            Self::ZoneAnswer
            | Self::Address
            | Self::OwnAddress
            | Self::NameRefused
            | Self::NameRefusedOrAnswered
            | Self::Negative(_)
            | Self::ServiceWithoutKeys
            | Self::StaleServiceWithoutKeys
            | Self::NothingInside { .. }
            | Self::LedTo(_) => Outcome::fail(Why::Odd, "connection"),
        }
    }
}

/// Whether an address is good on the asker's own wire only.
fn is_on_the_wire(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn judge_inside(answer: &Answer, own: &[IpAddr], outside: bool) -> Outcome {
    let is_inside = |address: &IpAddr| match address {
        IpAddr::V4(v4) => own.contains(address) || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => own.contains(address) || v6.is_loopback(),
    };
    if let Some(address) = answer.leads().find(|address| is_inside(address)) {
        return Outcome::fail(Why::Inside, address.to_string());
    }
    let has_outside = answer.addresses.contains(&NOWHERE_IPV4.into());
    match (outside, answer.is_blocked) {
        (true, _) if has_outside => Outcome::Pass,
        (false, true) => Outcome::Pass,
        (true, true) => Outcome::not_tested(Why::Tunnel, ""),
        (true | false, _) => Outcome::fail(Why::NoZone, answer.code.to_string()),
    }
}

/// An engine that is refused altogether is no way to unsafe results either.
fn judge_variant(answer: &Answer, variants: &[&str], is_refused: bool, found: &str) -> Outcome {
    let is_led = answer.aliases.iter().any(|alias| variants.contains(&alias.as_str()));
    if is_led || is_refused {
        Outcome::Pass
    } else if answer.count > 0 {
        Outcome::fail(Why::Unsafe, found)
    } else {
        Outcome::not_tested(Why::Line, answer.code.to_string())
    }
}

fn judge_hello(heard: &[u8]) -> Outcome {
    match tls(heard) {
        Tls::Handshake => Outcome::Pass,
        Tls::Alert(ACCESS_DENIED) => Outcome::fail(Why::Refused, ""),
        Tls::Alert(_) | Tls::Nothing | Tls::Other => Outcome::not_tested(Why::Line, ""),
    }
}

fn judge_refused_hello(heard: &[u8], end: End) -> Outcome {
    match tls(heard) {
        Tls::Alert(ACCESS_DENIED) => Outcome::Pass,
        Tls::Alert(alert) => Outcome::fail(Why::Odd, format!("alert {alert}")),
        Tls::Handshake => Outcome::fail(Why::Open, "TLS"),
        Tls::Nothing if end == End::Open => Outcome::fail(Why::Silent, ""),
        Tls::Nothing => Outcome::fail(Why::Odd, "closed"),
        Tls::Other => Outcome::fail(Why::Open, String::from_utf8_lossy(heard)),
    }
}

/// What cannot be judged ends with an alert or a reset, before any handshake.
fn judge_no_hello(heard: &[u8], end: End) -> Outcome {
    match (tls(heard), end) {
        (Tls::Handshake, _) => Outcome::fail(Why::Open, "TLS"),
        (Tls::Alert(INTERNAL_ERROR), _) => Outcome::fail(Why::Odd, "alert 80"),
        (Tls::Alert(_), _) | (Tls::Nothing, End::Closed | End::Reset) => Outcome::Pass,
        (Tls::Nothing, End::Open) => Outcome::fail(Why::Silent, ""),
        (Tls::Other, _) => Outcome::fail(Why::Open, String::from_utf8_lossy(heard)),
    }
}

fn judge_page(turns: &[Vec<u8>], turn: usize, end: End) -> Outcome {
    let answer = turns.get(turn).map(Vec::as_slice).unwrap_or_default();
    match status(answer) {
        Some(400..=403) if is_own_page(answer) => Outcome::Pass,
        Some(status) => Outcome::fail(Why::Open, format!("HTTP {status}")),
        None if turn > 0 => Outcome::not_tested(Why::Line, ""),
        None => Outcome::fail(if end == End::Open { Why::Silent } else { Why::Odd }, ""),
    }
}

fn judge_tunnel(turns: &[Vec<u8>], end: End) -> Outcome {
    let first = turns.first().map(Vec::as_slice).unwrap_or_default();
    match (status(first), turns.get(1)) {
        (Some(200..=299), Some(inside)) => judge_refused_hello(inside, end),
        (Some(200..=299), None) => Outcome::fail(Why::Open, "CONNECT"),
        (Some(400..=403), _) if is_own_page(first) => Outcome::Pass,
        // It was tried: a site that does not answer was permitted.
        (Some(status @ 500..), _) => Outcome::fail(Why::Open, format!("HTTP {status}")),
        (Some(status), _) => Outcome::fail(Why::Odd, format!("HTTP {status}")),
        (None, _) => Outcome::fail(if end == End::Open { Why::Silent } else { Why::Odd }, ""),
    }
}

/// What a TLS server said first.
enum Tls {
    Handshake,
    Alert(u8),
    Nothing,
    Other,
}

fn tls(heard: &[u8]) -> Tls {
    match heard {
        [] => Tls::Nothing,
        [22, 3, ..] => Tls::Handshake,
        [21, 3, _, 0, 2, _, alert, ..] => Tls::Alert(*alert),
        _ => Tls::Other,
    }
}

/// The status of an HTTP answer.
fn status(heard: &[u8]) -> Option<u16> {
    let line = heard.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// Whether the box itself says no: its pages are not kept by caches, and carry its name.
fn is_own_page(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard).to_lowercase();
    text.contains("cache-control: no-store") && text.contains("préau")
}
