//! What the firewall lets through: all that the policy permits now, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use access::Desk;
use firewall::Passage;
use ipnet::IpNet;
use model::{FlowMark, Host, Mac, Transport};
use policy::{Service, Target};

use crate::Names;

/// Computes the passages. Destinations that the same devices may reach share one.
#[must_use]
pub fn plan(desk: &Desk, names: &Names) -> Vec<Passage> {
    let policy = desk.policy();
    let services = policy.services().iter().take(FlowMark::SERVICES_MAX).zip(0_u16..);
    services.flat_map(|(service, number)| plan_service(desk, names, service, number)).collect()
}

fn plan_service(desk: &Desk, names: &Names, service: &Service, number: u16) -> Vec<Passage> {
    let mut destinations: BTreeMap<BTreeSet<Mac>, Vec<IpNet>> = BTreeMap::new();
    for name in &service.hosts {
        let addresses: Vec<IpNet> = names.addresses(name).map(IpNet::from).collect();
        if !addresses.is_empty() {
            let devices = find_devices(desk, service, &Host::Name(name.clone()));
            destinations.entry(devices).or_default().extend(addresses);
        }
    }
    for network in &service.networks {
        let devices = find_devices(desk, service, &Host::from(network.addr()));
        destinations.entry(devices).or_default().push(*network);
    }
    let passages = destinations.into_iter().filter(|(devices, _)| !devices.is_empty());
    let passages = passages.map(|(devices, mut destinations)| {
        destinations.sort_unstable();
        let Service { name, tcp, udp, .. } = service.clone();
        Passage { service: name, number, devices, destinations, tcp, udp }
    });
    passages.collect()
}

/// The registered devices that may use the service at this host. All its ports are alike.
fn find_devices(desk: &Desk, service: &Service, host: &Host) -> BTreeSet<Mac> {
    let Some((transport, port)) = a_port(service) else { return BTreeSet::new() };
    let target = || Target::Service { service: service.name.clone(), host: host.clone(), transport, port };
    let directory = desk.directory();
    let devices = directory.devices().filter(|it| desk.would_permit(it, transport.kind(), target()));
    devices.map(|device| device.mac).collect()
}

fn a_port(service: &Service) -> Option<(Transport, u16)> {
    let tcp = service.tcp.first().map(|range| (Transport::Tcp, range.first()));
    tcp.or_else(|| service.udp.first().map(|range| (Transport::Udp, range.first())))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use access::{Clock, Directory, Instant, Neighbours};
    use journal::Writer;
    use journal::simulation::Disk;
    use model::{ClockQuality, Device, Layer, Rule, Scope, Timestamp, Topic, Verdict};
    use policy::{Profile, Rulebook, Snapshot};

    use super::*;
    use crate::Resolution;

    pub(crate) struct School {
        pub(crate) desk: Desk,
        pub(crate) disk: Disk,
        pub(crate) writer: Writer<Disk>,
    }

    struct World;

    impl Neighbours for World {
        fn find_mac(&self, address: IpAddr) -> Option<Mac> {
            let IpAddr::V4(address) = address else { return None };
            let [_, _, _, last] = address.octets();
            Some(mac(last))
        }
    }

    impl Clock for World {
        fn now(&self) -> Instant {
            Instant { at: noon(), quality: ClockQuality::Synchronised }
        }
    }

    pub(crate) fn noon() -> Timestamp {
        Timestamp::from_unix_ms(1_795_392_000_000)
    }

    pub(crate) fn mac(last: u8) -> Mac {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn device(last: u8, profile: &str) -> Device {
        let name = format!("PC-{last}").parse().unwrap();
        Device { mac: mac(last), name, room: None, profile: profile.parse().unwrap() }
    }

    pub(crate) fn rulebook() -> Rulebook {
        let service = |name: &str, hosts: &[&str], networks: &[&str], profiles: &[&str]| Service {
            name: name.parse().unwrap(),
            purpose: String::new(),
            tcp: vec!["993".parse().unwrap()],
            udp: vec!["5000-5999".parse().unwrap()],
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            profiles: profiles.iter().map(|profile| profile.parse().unwrap()).collect(),
        };
        let profile = |name: &str| Profile::open(name.parse().unwrap(), [].into());
        Rulebook {
            profiles: vec![profile("adulte"), profile("elementaire")],
            services: vec![
                service("imaps", &["mail.example", "web.mail.example"], &[], &["adulte"]),
                service("visio", &[], &["203.0.113.0/24"], &["adulte", "elementaire"]),
            ],
            ..Rulebook::default()
        }
    }

    impl School {
        pub(crate) fn policy(&self) -> Arc<Snapshot> {
            self.desk.policy()
        }

        pub(crate) fn swap(&self, rulebook: &Rulebook) {
            self.desk.swap_policy(Snapshot::new(Arc::new(blocklist::builtin()), rulebook));
        }

        pub(crate) fn register(&self, devices: &[(u8, &str)]) {
            self.desk.swap_directory(devices.iter().map(|(last, profile)| device(*last, profile)).collect());
        }
    }

    /// A school with adults' machines 11 and 12 and a pupil's 21.
    pub(crate) fn school() -> School {
        let disk = Disk::default();
        let (journal, mut writer) = journal::open(disk.clone());
        writer.commit(noon()).unwrap();
        let policy = Snapshot::new(Arc::new(blocklist::builtin()), &rulebook());
        let desk = Desk::new(Arc::new(World), Arc::new(World), journal, Directory::default(), policy);
        let school = School { desk, disk, writer };
        school.register(&[(11, "adulte"), (12, "adulte"), (21, "elementaire")]);
        school
    }

    pub(crate) fn resolved(school: &School) -> Names {
        let mut names = Names::default();
        for (host, number) in names.take_due(&school.policy().service_hosts(None).0, 0).iter().zip(1_u8..) {
            let addresses = vec![IpAddr::from([192, 0, 2, number])];
            names.learn(host, Resolution::Found { addresses, ttl_s: 60 }, 0);
        }
        names
    }

    /// `imaps 0 [11 12] 192.0.2.1/32`.
    fn said(passages: &[Passage]) -> Vec<String> {
        let passage = |it: &Passage| {
            let devices: Vec<_> = it.devices.iter().map(|mac| mac.octets()[5].to_string()).collect();
            let destinations: Vec<_> = it.destinations.iter().map(IpNet::to_string).collect();
            format!("{} {} [{}] {}", it.service, it.number, devices.join(" "), destinations.join(" "))
        };
        passages.iter().map(passage).collect()
    }

    #[test]
    fn each_passage_is_what_the_policy_permits() {
        let school = school();
        let names = resolved(&school);
        assert_eq!(
            said(&plan(&school.desk, &names)),
            ["imaps 0 [11 12] 192.0.2.1/32 192.0.2.2/32", "visio 1 [11 12 21] 203.0.113.0/24"]
        );
        assert_eq!(said(&plan(&school.desk, &Names::default())), ["visio 1 [11 12 21] 203.0.113.0/24"]);
        school.register(&[(11, "elementaire"), (12, "adulte")]);
        assert_eq!(
            said(&plan(&school.desk, &names)),
            ["imaps 0 [12] 192.0.2.1/32 192.0.2.2/32", "visio 1 [11 12] 203.0.113.0/24"]
        );
    }

    #[test]
    fn a_rule_closes_a_host_to_those_whom_it_is_for() {
        let school = school();
        let names = resolved(&school);
        let rule = Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic: Topic::Site("web.mail.example".parse().unwrap()),
            scope: Scope::Device(mac(12)),
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: None,
        };
        school.swap(&Rulebook { rules: vec![rule], ..rulebook() });
        assert_eq!(
            said(&plan(&school.desk, &names)),
            [
                "imaps 0 [11] 192.0.2.2/32",
                "imaps 0 [11 12] 192.0.2.1/32",
                "visio 1 [11 12 21] 203.0.113.0/24"
            ]
        );
        school.swap(&Rulebook::default());
        assert_eq!(said(&plan(&school.desk, &names)), [""; 0]);
    }
}
