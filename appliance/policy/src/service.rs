//! Named services: what devices of some profiles may use beside the web.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::{
    AccessKind, DomainName, Fault, Host, Layer, Narrowing, PortRange, ProfileName, Reason, ServiceName,
    Subject, Timestamp, Transport, UnknownDevice, Verdict,
};

use crate::evasion;
use crate::explanation::{Silent, Witness};
use crate::judgement::{Case, Judged};
use crate::profile::Mode;
use crate::{Finding, Snapshot};

/// A service that the school names: mail, a video conference, the town's print server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name under which records know it.
    pub name: ServiceName,
    /// What it is for, in the words of whoever named it.
    pub purpose: String,
    /// Its ports by TCP.
    pub tcp: Vec<PortRange>,
    /// Its ports by UDP.
    pub udp: Vec<PortRange>,
    /// The names that it is reached by; the box resolves them.
    pub hosts: Vec<DomainName>,
    /// Networks that it is reached in, whatever the names.
    pub networks: Vec<IpNet>,
    /// The profiles whose devices may use it.
    pub profiles: BTreeSet<ProfileName>,
}

impl Service {
    /// Whether it uses this port.
    #[must_use]
    pub fn has_port(&self, transport: Transport, port: u16) -> bool {
        let ports = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        };
        ports.iter().any(|range| range.contains(port))
    }

    /// Whether it is reached at this host: one of its names, or an address in one of its networks.
    #[must_use]
    pub fn has_host(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.hosts.contains(name),
            Host::Address(address) => self.networks.iter().any(|network| network.contains(address)),
        }
    }
}

/// By which service a flow goes, and to which port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doorway {
    pub(crate) service: ServiceName,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
}

impl Case<'_> {
    /// Judges a flow. Whatever rules on sites, and locks, refuse of the web at a host, they refuse of a service there; what
    /// they permit opens no service to a profile that it is not named for.
    pub(crate) fn judge_service(&self, host: &Host, door: &Doorway, witness: &mut impl Witness) -> Judged {
        let fault = |fault| Judged::refuse(Reason::Fault(fault));
        let Some(service) = self.snapshot.service(&door.service) else { return fault(Fault::NoService) };
        if !service.has_port(door.transport, door.port) {
            return fault(Fault::NoService);
        }
        if !service.has_host(host) {
            return fault(Fault::Elsewhere);
        }
        let refusal = match host {
            Host::Name(name) => self.judge_by_rules(name, witness),
            Host::Address(address) => self.lock_address(*address),
        };
        if let Some(refusal) = refusal.filter(|judged| judged.verdict == Verdict::Refuse) {
            return refusal;
        }
        if self.standing().mode == Mode::Closed {
            return Judged::refuse(Reason::ClosedHours);
        }
        if !service.profiles.contains(self.snapshot.profile_of(self.subject)) {
            return fault(Fault::NotForProfile);
        }
        if self.is_closed_by_lesson() {
            return Judged::refuse(Reason::Narrowed(Narrowing::Closed));
        }
        Judged::permit(Reason::Service(service.name.clone()))
    }

    /// What is stronger than any profile says of a name.
    fn judge_by_rules(&self, name: &DomainName, witness: &mut impl Witness) -> Option<Judged> {
        let lines = self.find_lines(name, None);
        self.judge_by_commune(name, witness)
            .or_else(|| self.rule(Layer::School, name, &lines, witness))
            .or_else(|| self.rule(Layer::Lesson, name, &lines, witness))
    }

    /// What the commune says of a name, for the whole school.
    fn judge_by_commune(&self, name: &DomainName, witness: &mut impl Witness) -> Option<Judged> {
        if evasion::find(name).is_some() {
            return Some(Judged::refuse(Reason::Fault(Fault::Evasion)));
        }
        let lines = self.find_lines(name, None);
        self.rule(Layer::Commune, name, &lines, witness).or_else(|| self.lock(&lines, witness))
    }

    /// The service that makes a DNS question for this name right for the subject, whatever its profile shows of the web.
    pub(crate) fn service_asked_for(&self, name: &DomainName) -> Option<&ServiceName> {
        if self.kind != AccessKind::Dns {
            return None;
        }
        let profile = self.snapshot.profile_of(self.subject);
        let mut services = self.snapshot.services().iter();
        let found =
            services.find(|service| service.hosts.contains(name) && service.profiles.contains(profile));
        found.map(|service| &service.name)
    }
}

/// The right of the box to resolve a host of a service by itself. Only [`Snapshot::service_hosts`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceHost(DomainName);

impl ServiceHost {
    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &DomainName {
        &self.0
    }
}

impl Snapshot {
    /// The hosts of all services, each once; those that the commune closes apart, with the reason.
    #[must_use]
    pub fn service_hosts(
        &self,
        now: Option<Timestamp>,
    ) -> (BTreeSet<ServiceHost>, Vec<(DomainName, Reason)>) {
        let (mut open, mut closed) = (BTreeSet::new(), Vec::new());
        let somebody = somebody();
        let case = Case { snapshot: self, subject: &somebody, now, kind: AccessKind::Dns };
        for name in self.services().iter().flat_map(|service| &service.hosts) {
            match case.judge_by_commune(name, &mut Silent) {
                Some(Judged { verdict: Verdict::Refuse, reason }) => closed.push((name.clone(), reason)),
                Some(_) | None => {
                    open.insert(ServiceHost(name.clone()));
                }
            }
        }
        (open, closed)
    }

    /// Judges what a service's host turned out to lead to: as [`screen`](crate::screen) does for a permit. `None`: nothing
    /// speaks against it.
    #[must_use]
    pub fn screen_service(
        &self,
        host: &ServiceHost,
        finding: Finding<'_>,
        now: Option<Timestamp>,
    ) -> Option<Reason> {
        let somebody = somebody();
        let case = Case { snapshot: self, subject: &somebody, now, kind: AccessKind::Dns };
        let judged = match finding {
            Finding::Alias(alias) => case.judge_by_commune(alias, &mut Silent)?,
            Finding::Address(address) => case.lock_address(address)?,
            Finding::Inward => return Some(Reason::Fault(Fault::Inward)),
            Finding::Tunnel => return None,
        };
        // What the commune opened by name is open, whatever it stands on.
        let is_opened = case.judge_by_commune(host.name(), &mut Silent).is_some();
        (judged.verdict == Verdict::Refuse && !is_opened).then_some(judged.reason)
    }
}

/// Nobody in particular: rules for one room, profile or device are not for him.
fn somebody() -> Subject {
    UnknownDevice { mac: None, address: IpAddr::V4(Ipv4Addr::UNSPECIFIED) }.into()
}
