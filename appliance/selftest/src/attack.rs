//! A row of the table.

use std::net::{IpAddr, SocketAddr};

use model::{AccessKind, Fault, Host, Tester};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Seen};
use crate::demand::{Demand, Outcome, Why};

/// Steps that are named where they went wrong: a table has little room.
const STEPS_NAMED_MAX: usize = 4;

/// One attack: what is done, in order, and what must come of it.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Its name: the key of its words in every language.
    pub id: &'static str,
    /// What it belongs to.
    pub family: Family,
    /// With what: a name, a category, an engine.
    pub with: String,
    /// The profile by which the attacker is judged, where that makes a difference.
    pub profile: Option<String>,
    /// Who attacks.
    pub sender: Sender,
    /// The records that the journal must have afterwards.
    pub records: Vec<ExpectedRecord>,
    pub(crate) steps: Vec<Step>,
    pub(crate) skip: Option<Why>,
}

/// The made-up machine that attacks; `None`: the machine itself.
pub type Sender = Option<Tester>;

/// What is done at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// What must come of it; `None`: whatever comes.
    pub(crate) demand: Option<Demand>,
    /// What tells it from the others.
    pub(crate) label: String,
}

/// What attacks are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// What is permitted passes.
    Control,
    /// Names that are refused.
    Names,
    /// Encrypted names.
    Encryption,
    /// Pages by TLS and HTTP.
    Web,
    /// Other services.
    Ports,
    /// Doors of the box that are not for the school.
    Inside,
    /// The lists in force.
    Lists,
    /// Search engines.
    Search,
    /// Who else gives addresses in the school's network.
    Network,
}

impl Family {
    /// Every family, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Control,
        Self::Names,
        Self::Encryption,
        Self::Web,
        Self::Ports,
        Self::Inside,
        Self::Lists,
        Self::Search,
        Self::Network,
    ];

    /// The word that tables use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Names => "names",
            Self::Encryption => "encryption",
            Self::Web => "web",
            Self::Ports => "ports",
            Self::Inside => "inside",
            Self::Lists => "lists",
            Self::Search => "search",
            Self::Network => "network",
        }
    }
}

/// A refusal that must stand in the journal, under the attacker's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedRecord {
    /// By one of the doors.
    Door {
        /// Which.
        kind: AccessKind,
        /// For which host.
        host: Host,
    },
    /// By one of the doors, for what it is, whatever the host was taken for.
    Fault {
        /// Which door.
        kind: AccessKind,
        /// What it is.
        fault: Fault,
    },
    /// By the firewall.
    Firewall,
}

impl Attack {
    /// What is done, in order; nothing where there is nothing to try.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.steps.iter().map(|step| &step.action).filter(|_| self.skip.is_none())
    }

    /// The connections and datagrams that it tries, and where they go.
    pub fn knocks(&self) -> impl Iterator<Item = (AccessKind, SocketAddr)> {
        self.actions().filter_map(|action| match action {
            Action::Say { to, .. } => Some((AccessKind::Tcp, *to)),
            Action::Throw { to, .. } => Some((AccessKind::Udp, *to)),
            Action::Ask { .. } | Action::Wait(_) => None,
        })
    }

    /// Judges what came of the actions. `own` are the box's addresses.
    #[must_use]
    pub fn judge(&self, seen: &[Seen], own: &[IpAddr]) -> Outcome {
        if let Some(why) = self.skip {
            return Outcome::not_tested(why, "");
        }
        if seen.len() < self.steps.len() {
            return Outcome::not_tested(Why::Cut, "");
        }
        let judged = self.steps.iter().zip(seen).filter_map(|(step, seen)| {
            let outcome = step.demand.as_ref()?.judge(seen, own);
            Some((step, outcome))
        });
        let (mut failed, mut untested) = (Vec::new(), Vec::new());
        for (step, outcome) in judged {
            match outcome {
                Outcome::Pass => {}
                Outcome::Fail { why, detail } => failed.push((why, step.describe(&detail))),
                Outcome::NotTested { why, detail } => untested.push((why, step.describe(&detail))),
            }
        }
        if let Some((why, detail)) = gather(&failed) {
            return Outcome::fail(why, detail);
        }
        gather(&untested).map_or(Outcome::Pass, |(why, detail)| Outcome::not_tested(why, detail))
    }

    /// Judges whether the journal has what it must have. `has` tells of each expected record whether it is there.
    #[must_use]
    pub fn judge_records(&self, outcome: Outcome, has: impl Fn(&ExpectedRecord) -> bool) -> Outcome {
        if outcome != Outcome::Pass {
            return outcome;
        }
        match self.records.iter().find(|record| !has(record)) {
            Some(ExpectedRecord::Door { kind, host }) => {
                Outcome::fail(Why::Unrecorded, format!("{} {host}", kind.as_str()))
            }
            Some(ExpectedRecord::Fault { kind, fault }) => {
                Outcome::fail(Why::Unrecorded, format!("{} {}", kind.as_str(), fault.as_str()))
            }
            Some(ExpectedRecord::Firewall) => Outcome::fail(Why::Unrecorded, "firewall"),
            None => outcome,
        }
    }
}

impl Step {
    fn describe(&self, detail: &str) -> String {
        match (self.label.as_str(), detail) {
            ("", detail) => detail.to_owned(),
            (label, "") => label.to_owned(),
            (label, detail) => format!("{label}: {detail}"),
        }
    }
}

/// The first reason, with the steps that it, or another one, is about.
fn gather(found: &[(Why, String)]) -> Option<(Why, String)> {
    let (why, _) = found.first()?;
    let mut named: Vec<&str> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    named.dedup();
    named.retain(|text| !text.is_empty());
    let more = named.len().saturating_sub(STEPS_NAMED_MAX);
    named.truncate(STEPS_NAMED_MAX);
    let rest = if more > 0 { format!(" +{more}") } else { String::new() };
    Some((*why, named.join("; ") + &rest))
}
