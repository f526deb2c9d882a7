//! Who attacks what.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::Clock as _;
use anyhow::bail;
use model::{DeviceName, ProfileName, Subject, Tester, Timestamp};
use policy::Snapshot;
use selftest::{Attacker, Doors, Place, Run, Samples, State, Targets, Way};
use system::clock::SystemClock;
use system::selftest::Wires;

use crate::cli::SelftestArguments;
use crate::config::Config;
use crate::policy_command::School;

/// The profile of grown-ups, which nobody takes for a pupil's.
const ADULTS: &str = "adulte";
/// A name that every school's lists refuse, for a machine that has no list.
const LISTED: &str = "pornhub.com";

/// What a run is about to do.
pub(super) struct Plan {
    /// The run, as it begins.
    pub(super) run: Run,
    pub(super) targets: Targets,
    /// The wire to lay; `None` where there is no firewall to come through.
    pub(super) wires: Option<Wires>,
    devices: Vec<(Tester, DeviceName)>,
}

impl Plan {
    /// From a machine of the school; `None` without an address of the box.
    pub(super) fn for_machine(config: &Config, arguments: &SelftestArguments, at: Timestamp) -> Option<Self> {
        let place = Place {
            ipv4: arguments.address?,
            ipv6: arguments.box_ipv6,
            doors: doors(config),
            has_firewall: true,
            own_name: config.portal.name.clone(),
        };
        let listed = arguments.listed.clone().or_else(|| LISTED.parse().ok());
        let attacker = Attacker { profile: None, tester: None, spare: None, samples: None };
        let targets = targets(config, arguments, place, listed, vec![attacker], at);
        Some(Self { run: begin(config, Way::Machine, at), targets, wires: None, devices: vec![] })
    }

    /// On the box itself.
    pub(super) fn for_box(
        school: &School,
        arguments: &SelftestArguments,
        at: Timestamp,
    ) -> anyhow::Result<Self> {
        let config = &school.config;
        let network = config.network.as_ref().map(|network| network.firewall.intent());
        let place = Place {
            ipv4: network.map_or(std::net::Ipv4Addr::LOCALHOST, |intent| intent.box_ipv4),
            ipv6: network.and_then(|intent| intent.box_ipv6),
            doors: doors(config),
            has_firewall: network.is_some(),
            own_name: config.portal.name.clone(),
        };
        let index = school.open_list()?;
        let lines = (0..index.categories().len())
            .filter_map(blocklist::CategoryId::new)
            .filter_map(|id| index.category_facts(id))
            .map(|facts| facts.counts.domains + facts.counts.addresses + facts.counts.urls)
            .sum();
        let snapshot = Snapshot::new(index, &school.rulebook()?);
        let attackers = attackers(config, &chosen(school, &arguments.profile)?, &snapshot);
        let wires = network.map(|intent| Wires {
            ipv4: intent.box_ipv4,
            ipv6: intent.box_ipv6,
            testers: u8::try_from(config.testers_each() * 2).unwrap_or(Tester::COUNT_MAX),
        });
        let way = if network.is_some() { Way::School } else { Way::Loopback };
        let run =
            Run { list_lines: Some(lines), list_built_ms: school.list_built_ms(), ..begin(config, way, at) };
        let targets = targets(config, arguments, place, None, attackers, at);
        let devices = (1..=Tester::COUNT_MAX).filter_map(Tester::new).zip(config.tester_profiles());
        let devices = devices.map(|(tester, profile)| (tester, tester.device(profile).name)).collect();
        Ok(Self { run, targets, wires, devices })
    }

    /// The name by which the journal knows an attacker.
    pub(super) fn device(&self, tester: Tester) -> Option<&DeviceName> {
        self.devices.iter().find(|(other, _)| *other == tester).map(|(_, name)| name)
    }
}

fn begin(config: &Config, way: Way, at: Timestamp) -> Run {
    Run {
        started_ms: at.unix_ms(),
        ended_ms: None,
        state: State::Running,
        way,
        school: config.school.name.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        list_built_ms: None,
        list_lines: None,
        results: vec![],
    }
}

fn targets(
    config: &Config,
    arguments: &SelftestArguments,
    place: Place,
    listed: Option<model::DomainName>,
    profiles: Vec<Attacker>,
    at: Timestamp,
) -> Targets {
    let site = arguments.site.clone().unwrap_or_else(|| config.selftest.site.clone());
    Targets { place, site, listed, profiles, mark: at.unix_ms().unsigned_abs() }
}

/// Where the box listens.
pub(crate) fn doors(config: &Config) -> Doors {
    Doors {
        dns: config.dns.port,
        tls: config.gate.tls_port,
        http: config.gate.http_port,
        proxy: config.gate.proxy_port,
        portal: config.portal.port,
        portal_tls: config.portal.tls_port,
    }
}

/// The profiles that attack: those that were named, or those of pupils.
fn chosen(school: &School, named: &[ProfileName]) -> anyhow::Result<BTreeSet<ProfileName>> {
    let config = &school.config;
    let known = |profile: &ProfileName| config.tester_profiles().any(|other| other == profile);
    let wanted: Vec<ProfileName> = match (named, &config.selftest.profiles) {
        ([], None) => {
            let devices = school.open_store()?.map(|store| store.devices()).transpose()?.unwrap_or_default();
            let used = devices.into_iter().map(|device| device.profile).filter(|it| it.as_str() != ADULTS);
            return Ok(used.chain([ProfileName::unknown()]).filter(known).collect());
        }
        ([], Some(profiles)) => profiles.clone(),
        (named, _) => named.to_vec(),
    };
    if let Some(unknown) = wanted.iter().find(|profile| !known(profile)) {
        bail!("there is no profile `{unknown}`");
    }
    Ok(wanted.into_iter().collect())
}

fn attackers(config: &Config, chosen: &BTreeSet<ProfileName>, snapshot: &Snapshot) -> Vec<Attacker> {
    let now = SystemClock::new().now().plausible();
    let each = config.testers_each();
    let pool = Samples::pool(snapshot);
    let number = |place: usize| u8::try_from(place + 1).ok().and_then(Tester::new);
    let profiles = config.tester_profiles().take(each).enumerate();
    profiles
        .filter(|(_, profile)| chosen.contains(*profile))
        .filter_map(|(place, profile)| {
            let tester = number(place)?;
            let subject = Subject::Device(Arc::new(tester.device(profile)));
            let samples = Some(Samples::draw(snapshot, &pool, &subject, now));
            Some(Attacker {
                profile: Some(profile.clone()),
                tester: Some(tester),
                spare: number(place + each),
                samples,
            })
        })
        .collect()
}
