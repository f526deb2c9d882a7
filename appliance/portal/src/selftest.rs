//! What became of a self-test of the filter, as pages and tables tell it.

use jiff::tz::TimeZone;
use model::Timestamp;

use crate::Language;

/// What the home page tells of the self-test.
#[derive(Clone, Debug)]
pub struct SelftestStatus {
    /// When the last one began, and what became of it.
    pub last: Option<(Timestamp, SelftestOutcome)>,
    /// Whoever else gave addresses in the school's network then: addresses, for technicians.
    pub strangers: Vec<String>,
    /// When the next one is.
    pub next: Timestamp,
    /// The school's.
    pub time_zone: TimeZone,
}

/// What became of a self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelftestOutcome {
    /// No way around is open.
    Closed {
        /// How many attacks failed to get through.
        passed: u64,
        /// How many could not be made.
        untested: u64,
    },
    /// None was found, but it could not be tried that what is permitted passes.
    Unproven,
    /// Some are.
    Open {
        /// How many.
        failed: u64,
    },
    /// It did not come to its end.
    Cut,
    /// It is under way.
    Running,
}

/// A self-test, for the page that is printed.
#[derive(Clone, Debug)]
pub struct SelftestRun {
    /// The school's name.
    pub school: String,
    /// When it began.
    pub started: Timestamp,
    /// The school's.
    pub time_zone: TimeZone,
    /// Whether it came to its end.
    pub is_whole: bool,
    /// Whether nothing is open.
    pub is_good: bool,
    /// From where: `school`, `machine`, `loopback`.
    pub way: String,
    /// The program's version.
    pub program: String,
    /// When the list in force was built.
    pub list_built: Option<Timestamp>,
    /// How many lines it has.
    pub list_lines: Option<u64>,
    /// How many attacks are closed, open, not tested.
    pub counts: [usize; 3],
    /// Each attack.
    pub lines: Vec<SelftestLine>,
    /// How to reach the commune's IT service.
    pub helpdesk: Option<String>,
}

/// One attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelftestLine {
    /// Its name.
    pub id: String,
    /// What it belongs to.
    pub family: String,
    /// With what.
    pub with: String,
    /// By which profile.
    pub profile: Option<String>,
    /// `pass`, `fail` or `not-tested`.
    pub outcome: &'static str,
    /// Why it did not pass.
    pub why: Option<String>,
    /// More of it, for technicians.
    pub detail: String,
}

/// Every word of attacks and outcomes, by its key.
const KEYS: &[&str] = &[
    "selftest-attack-control-dns",
    "selftest-attack-control-name",
    "selftest-attack-control-https",
    "selftest-attack-control-http",
    "selftest-attack-control-proxy",
    "selftest-attack-control-pages",
    "selftest-attack-dns-listed",
    "selftest-attack-dns-foreign",
    "selftest-attack-dns-ipv6",
    "selftest-attack-cloak",
    "selftest-attack-cloak-chain",
    "selftest-attack-cloak-web",
    "selftest-attack-rebind",
    "selftest-attack-rebind-half",
    "selftest-attack-tunnel",
    "selftest-attack-doh-canary",
    "selftest-attack-doh-known",
    "selftest-attack-doh-known-web",
    "selftest-attack-dot",
    "selftest-attack-doq",
    "selftest-attack-quic",
    "selftest-attack-encryption-ipv6",
    "selftest-attack-relay",
    "selftest-attack-ddr",
    "selftest-attack-ech",
    "selftest-attack-ech-service",
    "selftest-attack-ech-alias",
    "selftest-attack-ech-dnssec",
    "selftest-attack-ech-stale",
    "selftest-attack-ech-outer",
    "selftest-attack-tls-listed",
    "selftest-attack-tls-address",
    "selftest-attack-tls-nameless",
    "selftest-attack-tls-literal",
    "selftest-attack-tls-ipv6",
    "selftest-attack-not-tls",
    "selftest-attack-tls-segments",
    "selftest-attack-tls-records",
    "selftest-attack-tls-large",
    "selftest-attack-http-listed",
    "selftest-attack-http-literal",
    "selftest-attack-http-second",
    "selftest-attack-http-absolute",
    "selftest-attack-proxy-listed",
    "selftest-attack-proxy-lie",
    "selftest-attack-proxy-port",
    "selftest-attack-proxy-literal",
    "selftest-attack-ports",
    "selftest-attack-ports-ipv6",
    "selftest-attack-doors",
    "selftest-attack-category",
    "selftest-attack-search",
    "selftest-attack-youtube",
    "selftest-attack-other-dhcp",
    "selftest-attack-other-router",
    "selftest-outcome-pass",
    "selftest-outcome-fail",
    "selftest-outcome-not-tested",
    "selftest-why-open",
    "selftest-why-silent",
    "selftest-why-odd",
    "selftest-why-refused",
    "selftest-why-keys",
    "selftest-why-inside",
    "selftest-why-unsafe",
    "selftest-why-unrecorded",
    "selftest-why-no-way",
    "selftest-why-machine",
    "selftest-why-no-firewall",
    "selftest-why-no-ipv6",
    "selftest-why-line",
    "selftest-why-no-list",
    "selftest-why-profile-closed",
    "selftest-why-opened",
    "selftest-why-not-asked",
    "selftest-why-tunnel",
    "selftest-why-no-zone",
    "selftest-why-stranger",
    "selftest-why-no-bridge",
    "selftest-why-no-offer",
    "selftest-why-cut",
    "selftest-family-control",
    "selftest-family-names",
    "selftest-family-encryption",
    "selftest-family-web",
    "selftest-family-ports",
    "selftest-family-inside",
    "selftest-family-lists",
    "selftest-family-search",
    "selftest-family-network",
    "selftest-advice-control",
    "selftest-advice-names",
    "selftest-advice-encryption",
    "selftest-advice-web",
    "selftest-advice-ports",
    "selftest-advice-inside",
    "selftest-advice-lists",
    "selftest-advice-search",
    "selftest-advice-network",
    "selftest-way-school",
    "selftest-way-machine",
    "selftest-way-loopback",
];

/// The words for an attack, a reason, an outcome, a family, what to do about it, or a way: `group` says which, and `word` is what files have.
/// The word itself where there are none.
#[must_use]
pub fn selftest_word(language: Language, group: &str, word: &str) -> String {
    let key = format!("selftest-{group}-{word}");
    if KEYS.contains(&key.as_str()) { language.say(&key) } else { word.to_owned() }
}
