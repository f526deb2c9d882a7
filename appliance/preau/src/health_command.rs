//! `preau health`: whether a PC that is plugged in would have what it needs of the box: an address, names, the filter, the pages.
//! Never a line: one that is cut is no fault of what runs here.

use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use access::Clock as _;
use anyhow::Context as _;
use model::{DomainName, Subject, Tester, UnknownDevice};
use policy::Snapshot;
use selftest::{Attack, Outcome, Overheard, Place, Samples, Seen, Stranger, needs};
use system::clock::{SystemClock, monotonic};
use system::health::{Bridge, Lease, LeaseError, Network, OverhearError, Pc};
use system::selftest::{Sources, Testbed, Wires, carry_out};

use crate::cli::HealthArguments;
use crate::config::{self, Config};
use crate::policy_command::School;
use crate::selftest_command::{doors, word};

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);
/// What the first need is called; the others have names of their own.
const ADDRESS: &str = "DHCP";
/// What others that give addresses are called.
const OTHER_SERVER: &str = "other DHCP";
const OTHER_ROUTER: &str = "other router";

/// One thing that a PC needs.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    thing: &'static str,
    met: Met,
}

/// Whether it has it.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    Good(String),
    Bad(String),
    /// Nobody can say: why.
    Skipped(String),
    /// Somebody should know it; it is no fault of the box.
    Warning(String),
}

impl Need {
    fn is_bad(&self) -> bool {
        matches!(self.met, Met::Bad(_))
    }

    fn line(&self) -> String {
        let (level, text) = match &self.met {
            Met::Good(text) => ("good", text),
            Met::Bad(text) => ("bad", text),
            Met::Skipped(text) => ("skipped", text),
            Met::Warning(text) => ("warning", text),
        };
        format!("{level}\t{}\t{text}", self.thing)
    }
}

/// Prints a line for each need, once all are met or the time is over. Exit status 1 where one is not met.
pub(crate) fn health(arguments: &HealthArguments) -> anyhow::Result<ExitCode> {
    let until = monotonic() + Duration::from_secs(arguments.within);
    loop {
        // Of a box that starts, anything may not be there yet.
        let needs = try_all(arguments).unwrap_or_else(|error| {
            vec![Need { thing: "box", met: Met::Bad(format!("nothing was tried: {error:#}")) }]
        });
        let is_bad = needs.iter().any(Need::is_bad);
        if !is_bad || monotonic() >= until {
            let mut out = io::stdout().lock();
            for need in needs {
                writeln!(out, "{}", need.line())?;
            }
            return Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        thread::sleep(PAUSE);
    }
}

fn try_all(arguments: &HealthArguments) -> anyhow::Result<Vec<Need>> {
    let school = School::open(Config::load(&arguments.config)?, arguments.data.path.as_deref())?;
    let network = school.config.network.as_ref();
    let network =
        network.context("the configuration has no network of a school: nothing can be plugged in")?;
    let place = Place {
        ipv4: network.firewall.intent().box_ipv4,
        ipv6: None,
        doors: doors(&school.config),
        has_firewall: true,
        own_name: school.config.portal.name.clone(),
    };
    let snapshot = Snapshot::new(school.open_list()?, &school.rulebook()?);
    match find_bridge(network) {
        Ok(bridge) => on_the_bridge(bridge, network, &place, &snapshot),
        Err(why) => on_a_wire(&school.config, &place, &snapshot, why),
    }
}

/// The bridge at which a PC can ask for an address, or why there is none.
fn find_bridge(network: &config::Network) -> Result<Bridge, String> {
    let lan = &network.firewall.intent().lan;
    if network.school.leases.is_none() {
        return Err("not tried: the box gives no addresses".to_owned());
    }
    Bridge::find(lan).ok_or_else(|| format!("not tried: {lan} is no bridge with a port for a PC"))
}

/// As a PC at a port of the school's bridge, which nobody has registered.
fn on_the_bridge(
    bridge: Bridge,
    network: &config::Network,
    place: &Place,
    snapshot: &Snapshot,
) -> anyhow::Result<Vec<Need>> {
    let stranger = UnknownDevice { mac: None, address: Ipv4Addr::UNSPECIFIED.into() };
    let listed = draw(snapshot, &stranger.into());
    let attacks = needs(place, listed.as_ref(), None);
    let network = Network { bridge, address: place.ipv4, spare: spare(network), port: Pc::HEALTH_PORT };
    let (lease, seen) = Pc::with(&network, |pc| {
        let lease = pc.take_address();
        let seen = if lease.is_ok() { carry_out(&attacks, Sources::Machine) } else { vec![] };
        (lease, seen)
    })?;
    let has_address = lease.is_ok();
    let mut needs = vec![Need { thing: ADDRESS, met: judge_lease(lease, place.ipv4) }];
    needs.extend(attacks.iter().enumerate().map(|(number, attack)| match has_address {
        true => judge(attack, seen.get(number), place),
        false => Need {
            thing: attack.id,
            met: Met::Skipped("not tried: there is no address to ask from".to_owned()),
        },
    }));
    // Whoever else gives addresses is looked for once nothing is amiss: it takes some seconds, and is no fault of the box.
    if !needs.iter().any(Need::is_bad) {
        needs.extend(strangers(&Pc::with(&network, Pc::overhear)?));
    }
    Ok(needs)
}

/// Whoever else gives addresses in the school's network; nothing where there is nobody, or nobody can say.
fn strangers(heard: &Result<Overheard, OverhearError>) -> Vec<Need> {
    let Ok(Overheard { servers, routers, .. }) = heard else { return vec![] };
    let tell = |(thing, stranger): (&'static str, &Stranger)| Need {
        thing,
        met: Met::Warning(format!("{stranger} gives addresses, too: devices of the school go round the box")),
    };
    let servers = servers.iter().map(|server| (OTHER_SERVER, server));
    servers.chain(routers.iter().map(|router| (OTHER_ROUTER, router))).map(tell).collect()
}

/// The last address of the school's network that the box gives to nobody.
fn spare(network: &config::Network) -> Option<(Ipv4Addr, u8)> {
    let (school, own) = network.school.ipv4;
    let pool = network.school.leases?.pool;
    let free = school.hosts().rev().find(|address| *address != own && !pool.contains(*address))?;
    Some((free, school.prefix_len()))
}

/// As one of the self-test's machines, on a wire of its own, where the school's port is no bridge or the box gives no addresses.
fn on_a_wire(config: &Config, place: &Place, snapshot: &Snapshot, why: String) -> anyhow::Result<Vec<Need>> {
    let (number, listed) = choose_tester(config, snapshot);
    let attacks = needs(place, listed.as_ref(), Tester::new(number));
    let wires = Wires { ipv4: place.ipv4, ipv6: None, testers: number };
    let seen = Testbed::with(wires, || carry_out(&attacks, Sources::School))?;
    let others = attacks.iter().enumerate().map(|(number, attack)| judge(attack, seen.get(number), place));
    let address = Need { thing: ADDRESS, met: Met::Skipped(why) };
    Ok(std::iter::once(address).chain(others).collect())
}

/// The first tester to whom a name is refused, and the name; else the first.
fn choose_tester(config: &Config, snapshot: &Snapshot) -> (u8, Option<DomainName>) {
    let testers = (1..=Tester::COUNT_MAX).zip(config.tester_profiles().take(config.testers_each()));
    let mut refused = testers.filter_map(|(number, profile)| {
        let device = Tester::new(number)?.device(profile);
        Some((number, Some(draw(snapshot, &Subject::Device(Arc::new(device)))?)))
    });
    refused.next().unwrap_or((1, None))
}

/// A name that is refused to somebody now, and that nothing opens.
fn draw(snapshot: &Snapshot, subject: &Subject) -> Option<DomainName> {
    let now = SystemClock::new().now().plausible();
    Samples::draw(snapshot, &Samples::pool(snapshot), subject, now).any().cloned()
}

fn judge_lease(lease: Result<Lease, LeaseError>, own: Ipv4Addr) -> Met {
    match lease {
        Ok(Lease { address, router, resolver, is_offered, .. }) if router == own && resolver == own => {
            let how = if is_offered {
                "is offered"
            } else {
                "was taken by hand: the box answers, but has none left"
            };
            Met::Good(format!("{address} {how}"))
        }
        Ok(Lease { router, resolver, .. }) => {
            Met::Bad(format!("the offer names {router} as router and {resolver} as resolver, not {own}"))
        }
        Err(error) => Met::Bad(format!("{:#}", anyhow::Error::from(error))),
    }
}

fn judge(attack: &Attack, seen: Option<&Vec<Seen>>, place: &Place) -> Need {
    let seen = seen.map(Vec::as_slice).unwrap_or_default();
    let tell = |why: &selftest::Why, detail: &str| match detail {
        "" => word(why),
        detail => format!("{}: {detail}", word(why)),
    };
    let met = match attack.judge(seen, &place.own_addresses()) {
        Outcome::Pass => Met::Good(attack.with.clone()),
        // What was not tried is no sign of health.
        Outcome::Fail { why, detail } | Outcome::NotTested { why, detail } => Met::Bad(tell(&why, &detail)),
    };
    Need { thing: attack.id, met }
}

#[cfg(test)]
mod tests {
    use selftest::{Doors, End};

    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn place() -> Place {
        Place {
            ipv4: OWN,
            ipv6: None,
            doors: Doors { dns: 53, tls: 8443, http: 8080, proxy: 3128, portal: 8000, portal_tls: 8444 },
            has_firewall: true,
            own_name: "preau.lan".parse().unwrap(),
        }
    }

    #[test]
    fn a_spare_address_is_nobody_elses() {
        let mut config = Config::load(std::path::Path::new("../../docs/preau.example.toml")).unwrap();
        let network = config.network.as_mut().unwrap();
        let (school, own) = network.school.ipv4;
        let (address, bits) = spare(network).unwrap();
        let pool = network.school.leases.unwrap().pool;
        assert!(school.contains(&address) && address != own && !pool.contains(address));
        assert_eq!(bits, school.prefix_len());
        network.school.leases = None;
        assert_eq!(spare(network), None);
    }

    #[test]
    fn an_offer_is_good_that_leads_to_the_box_alone() {
        let lease = Lease {
            address: [10, 77, 0, 101].into(),
            prefix_bits: 24,
            router: OWN,
            resolver: OWN,
            is_offered: true,
        };
        assert_eq!(judge_lease(Ok(lease), OWN), Met::Good("10.77.0.101 is offered".to_owned()));
        let by_hand = judge_lease(Ok(Lease { is_offered: false, ..lease }), OWN);
        assert!(matches!(&by_hand, Met::Good(text) if text.contains("none left")), "{by_hand:?}");
        let other = Ipv4Addr::new(192, 0, 2, 53);
        for wrong in [Lease { router: other, ..lease }, Lease { resolver: other, ..lease }] {
            let met = judge_lease(Ok(wrong), OWN);
            assert!(matches!(&met, Met::Bad(text) if text.contains("192.0.2.53")), "{met:?}");
        }
        assert_eq!(judge_lease(Err(LeaseError::Silent), OWN), Met::Bad("no offer".to_owned()));
    }

    /// Else a pupil with a router could keep every new version from being good.
    #[test]
    fn others_that_give_addresses_are_told_and_are_no_fault_of_the_box() {
        let stranger = |address: &str| Stranger { address: address.parse().unwrap(), mac: None };
        let heard = Overheard {
            is_own_heard: true,
            servers: vec![stranger("192.168.1.1")],
            routers: vec![stranger("fe80::12")],
        };
        let needs = strangers(&Ok(heard));
        assert!(needs.len() == 2 && !needs.iter().any(Need::is_bad), "{needs:?}");
        assert!(needs[0].line().starts_with("warning\tother DHCP\t192.168.1.1 gives"), "{needs:?}");
        assert!(needs[1].line().starts_with("warning\tother router\tfe80::12 gives"), "{needs:?}");
        assert_eq!(strangers(&Ok(Overheard::default())), []);
        assert_eq!(strangers(&Err(OverhearError::Ask(io::Error::other("no wire")))), []);
    }

    #[test]
    fn what_was_not_seen_is_bad_and_what_cannot_be_tried_is_not() {
        let listed = "casino.example".parse().ok();
        let attacks = needs(&place(), listed.as_ref(), None);
        let lines = |seen: Option<&Vec<Seen>>| -> Vec<String> {
            attacks.iter().map(|attack| judge(attack, seen, &place()).line()).collect()
        };
        assert_eq!(
            lines(Some(&vec![Seen::Silence])),
            ["bad\tDNS\tsilent: preau.lan", "bad\tfilter\tsilent: casino.example", "bad\tportal\tsilent"]
        );
        assert!(lines(None).iter().all(|line| line.starts_with("bad\t") && line.contains("cut")));
        assert!(lines(Some(&vec![Seen::NoWay])).iter().all(|line| line.starts_with("bad\t")));
        let page = Seen::Heard { turns: vec![b"HTTP/1.1 303 See Other\r\n\r\n".to_vec()], end: End::Closed };
        assert_eq!(lines(Some(&vec![page]))[2], "good\tportal\tpreau.lan");
        // A version that refuses nobody anything finds no name that it refuses: it is not healthy for that.
        let nothing_listed = needs(&place(), None, None);
        let line = |seen| judge(&nothing_listed[1], Some(&vec![seen]), &place()).line();
        assert_eq!(line(Seen::Silence), "bad\tfilter\tsilent: cloudflare-ech.com");
        assert!(line(Seen::NoWay).starts_with("bad\tfilter\t"));
    }
}
