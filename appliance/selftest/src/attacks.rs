//! The table of attacks.

mod encryption;
mod health;
mod names;
mod ports;
mod profile;
mod web;

use std::net::SocketAddr;

use hickory_proto::rr::RecordType;
use model::{AccessKind, DomainName, Fault, Host, ProfileName, Tester};

use crate::Place;
use crate::action::{Action, Transport};
use crate::attack::{Attack, ExpectedRecord, Family, Step};
use crate::demand::{Demand, Why};
use crate::dns::question;
use crate::samples::Samples;
use crate::zone::names as zone;

pub use health::needs;

/// What is attacked, by whom, with which names.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Where the attacker stands.
    pub place: Place,
    /// A site that is permitted, and answers by HTTP and HTTPS.
    pub site: DomainName,
    /// A name that every profile refuses, where no list is here to take one from.
    pub listed: Option<DomainName>,
    /// The profiles, each with its own attacker and a second one for what a device may do once in ten minutes only. A
    /// technician's PC is judged as itself: then there is one, without a name.
    pub profiles: Vec<Attacker>,
    /// A number that no other run has.
    pub mark: u64,
}

/// A profile that attacks.
#[derive(Clone, Debug)]
pub struct Attacker {
    /// The profile; `None`: whichever this machine has.
    pub profile: Option<ProfileName>,
    /// The machine that attacks; `None`: this one.
    pub tester: Option<Tester>,
    /// Another one of the same profile.
    pub spare: Option<Tester>,
    /// What it must be refused; `None` where no list is here.
    pub samples: Option<Samples>,
}

/// Every attack on these targets.
#[must_use]
pub fn list(targets: &Targets) -> Vec<Attack> {
    // What is the same for all is tried by the first profile that shows something.
    let is_open = |attacker: &&Attacker| attacker.samples.as_ref().is_none_or(|samples| samples.is_open);
    let Some(first) = targets.profiles.iter().find(is_open).or(targets.profiles.first()) else {
        return vec![];
    };
    let table = Table { targets, attacker: first };
    let mut attacks = names::controls(&table);
    attacks.extend(names::list(&table));
    attacks.extend(encryption::list(&table));
    attacks.extend(web::list(&table));
    attacks.extend(ports::list(&table));
    for attacker in &targets.profiles {
        attacks.extend(profile::list(&Table { targets, attacker }));
    }
    attacks
}

/// What the rows are made of.
struct Table<'t> {
    targets: &'t Targets,
    attacker: &'t Attacker,
}

impl Table<'_> {
    fn attack(&self, id: &'static str, family: Family, with: impl Into<String>) -> Attack {
        Attack {
            id,
            family,
            with: with.into(),
            profile: None,
            sender: self.attacker.tester,
            records: vec![],
            steps: vec![],
            skip: None,
        }
    }

    fn place(&self) -> &Place {
        &self.targets.place
    }

    /// A name that must be refused to this attacker.
    fn listed(&self) -> Option<&DomainName> {
        self.attacker.samples.as_ref().map_or(self.targets.listed.as_ref(), Samples::any)
    }

    /// The name, for texts that are sent.
    fn listed_text(&self) -> &str {
        self.listed().map_or("listed.invalid", DomainName::as_str)
    }

    /// A name under it that one attack alone uses: its record in the journal is no other's.
    fn listed_for(&self, attack: &str) -> String {
        format!("{attack}.{}", self.listed_text())
    }

    /// Why nothing that is permitted can be shown to pass.
    fn closed(&self) -> Option<Why> {
        let is_open = self.attacker.samples.as_ref().is_none_or(|samples| samples.is_open);
        (!is_open).then_some(Why::ProfileClosed)
    }

    /// Why a refusal says nothing of what is refused in lessons.
    fn shut(&self) -> Option<Why> {
        let is_closed = self.attacker.samples.as_ref().is_some_and(|samples| samples.is_closed);
        is_closed.then_some(Why::ProfileClosed)
    }

    /// Why attacks with a listed name cannot be made.
    fn no_list(&self) -> Option<Why> {
        self.shut().or_else(|| self.listed().is_none().then_some(Why::NoList))
    }

    /// Why attacks on addresses beyond the box cannot be made.
    fn no_firewall(&self) -> Option<Why> {
        (!self.place().has_firewall).then_some(Why::NoFirewall)
    }

    /// Why attacks by IPv6 cannot be made.
    fn no_ipv6(&self) -> Option<Why> {
        self.no_firewall().or_else(|| self.place().ipv6.is_none().then_some(Why::NoIpv6))
    }
}

impl Attack {
    fn unless(mut self, skip: Option<Why>) -> Self {
        self.skip = self.skip.or(skip);
        self
    }

    fn step(mut self, label: impl Into<String>, action: Action, demand: Option<Demand>) -> Self {
        self.steps.push(Step { action, demand, label: label.into() });
        self
    }

    /// Asks for a name of the zone that is new to the box, and must be answered: where it is not, refusals of the zone's other
    /// names have reasons of their own.
    fn first_honest(self, table: &Table<'_>) -> Self {
        let name = zone::fresh(self.id, table.targets.mark);
        self.unless(table.closed()).ask(table.place().dns(), &name, RecordType::A, Demand::ZoneAnswer)
    }

    /// Asks for a name by a datagram.
    fn ask(self, to: SocketAddr, name: &str, kind: RecordType, demand: Demand) -> Self {
        let label = name.to_owned();
        self.step(label, ask(to, Transport::Udp, name, kind, false), Some(demand))
    }

    /// Says something, and listens.
    fn say(self, to: SocketAddr, text: impl Into<Vec<u8>>, demand: Demand) -> Self {
        self.say_in_pieces(to, vec![text.into()], demand)
    }

    fn say_in_pieces(self, to: SocketAddr, pieces: Vec<Vec<u8>>, demand: Demand) -> Self {
        self.step("", Action::Say { to, pieces, in_turn: false }, Some(demand))
    }

    fn recorded(mut self, kind: AccessKind, host: &str) -> Self {
        self.records.extend(Host::parse(host).ok().map(|host| ExpectedRecord::Door { kind, host }));
        self
    }

    fn recorded_as(mut self, kind: AccessKind, fault: Fault) -> Self {
        self.records.push(ExpectedRecord::Fault { kind, fault });
        self
    }

    fn recorded_by_firewall(mut self) -> Self {
        self.records.push(ExpectedRecord::Firewall);
        self
    }
}

fn ask(to: SocketAddr, by: Transport, name: &str, kind: RecordType, dnssec: bool) -> Action {
    Action::Ask { to, by, message: question(name, kind, dnssec) }
}
