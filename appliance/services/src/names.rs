//! The addresses of services' hosts.
//!
//! A name may have other addresses at each question, and a client goes on with those that it was told. So an address that
//! the name had stays good for an hour after it was last seen, while clients are told the latest only: a connection right
//! after an answer finds its address in force, and so does one of a program that asked a while ago.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use model::{DomainName, Host};
use policy::{Service, ServiceHost};

/// How soon a name is resolved again, in seconds: whatever its servers say, not more often, and not more rarely.
const TTL_S_MIN: u32 = 30;
const TTL_S_MAX: u32 = 3_600;
/// How soon it is tried again when nobody answered, in seconds.
const RETRY_S: u64 = 10;
/// How long an address stays good after the name was last seen to have it, in seconds: mail programs keep what they were
/// told for as long as they run.
const HOLD_S: u64 = 3_600;
/// Addresses that are held of one name: a rotating pool of a large service. Beyond, the oldest go; of one answer, the last.
pub const ADDRESSES_MAX: usize = 64;

/// What clients are told of services' hosts: the addresses of each, all of which the firewall lets through.
pub type ServiceAddresses = HashMap<DomainName, Vec<IpAddr>>;

/// What resolving a host has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Its addresses, perhaps none, and how long they are good, in seconds.
    Found {
        /// The addresses.
        addresses: Vec<IpAddr>,
        /// Their time to live.
        ttl_s: u32,
    },
    /// Nobody answered.
    Silence,
    /// It leads to what is not permitted.
    Forbidden,
}

/// The names, and what is known of each. Seconds are those of a clock that only goes forward.
#[derive(Debug, Default)]
pub struct Names {
    known: BTreeMap<DomainName, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `None` until somebody has answered.
    latest: Option<Vec<IpAddr>>,
    /// When each address was last seen.
    held: BTreeMap<IpAddr, u64>,
    due_s: u64,
    /// Whether it was resolved once, whatever came of it.
    is_tried: bool,
}

impl Names {
    /// Forgets the names that are not among `hosts`, and gives those that have to be resolved now. They count as resolved
    /// for a moment, so that nobody resolves them twice.
    pub fn take_due(&mut self, hosts: &BTreeSet<ServiceHost>, now_s: u64) -> Vec<ServiceHost> {
        self.known.retain(|name, _| hosts.iter().any(|host| host.name() == name));
        let mut due = Vec::new();
        for host in hosts {
            let known = self.known.entry(host.name().clone()).or_default();
            // What clients are told stays good as long as nobody has told otherwise.
            let latest = known.latest.as_deref().unwrap_or_default();
            known
                .held
                .retain(|address, seen_s| latest.contains(address) || now_s.saturating_sub(*seen_s) < HOLD_S);
            if known.due_s <= now_s {
                known.due_s = now_s.saturating_add(RETRY_S);
                due.push(host.clone());
            }
        }
        due
    }

    /// Notes what resolving a host has brought.
    pub fn learn(&mut self, host: &ServiceHost, resolution: Resolution, now_s: u64) {
        let Some(known) = self.known.get_mut(host.name()) else { return };
        known.is_tried = true;
        match resolution {
            Resolution::Found { mut addresses, ttl_s } => {
                addresses.truncate(ADDRESSES_MAX);
                known.held.extend(addresses.iter().map(|address| (*address, now_s)));
                known.latest = Some(addresses);
                known.due_s = now_s.saturating_add(ttl_s.clamp(TTL_S_MIN, TTL_S_MAX).into());
                known.forget_oldest();
            }
            // What was good a moment ago is better than nothing, as long as it is held.
            Resolution::Silence => known.due_s = now_s.saturating_add(RETRY_S),
            Resolution::Forbidden => {
                let due_s = now_s.saturating_add(TTL_S_MIN.into());
                *known = Known { due_s, is_tried: true, ..Known::default() };
            }
        }
    }

    /// Whether each of these hosts was resolved once: before, nobody can tell whose address is whose.
    #[must_use]
    pub fn are_tried(&self, hosts: &BTreeSet<ServiceHost>) -> bool {
        hosts.iter().all(|host| self.known.get(host.name()).is_some_and(|known| known.is_tried))
    }

    /// The addresses that are good for a name.
    pub fn addresses<'n>(&'n self, name: &DomainName) -> impl Iterator<Item = IpAddr> + use<'n> {
        self.known.get(name).into_iter().flat_map(|known| known.held.keys().copied())
    }

    /// What clients are told, once the firewall lets it through.
    #[must_use]
    pub fn answers(&self) -> ServiceAddresses {
        let answers =
            self.known.iter().filter_map(|(name, known)| Some((name.clone(), known.latest.clone()?)));
        answers.collect()
    }

    /// The host of a service that stands behind an address: the name that has it, else the address itself.
    #[must_use]
    pub fn host_of(&self, service: &Service, address: IpAddr) -> Host {
        let mut names = service.hosts.iter();
        let named = names.find(|name| self.known.get(*name).is_some_and(|it| it.held.contains_key(&address)));
        named.map_or_else(|| Host::from(address), |name| Host::Name(name.clone()))
    }
}

impl Known {
    fn forget_oldest(&mut self) {
        while self.held.len() > ADDRESSES_MAX {
            let oldest = self.held.iter().min_by_key(|(_, seen_s)| **seen_s).map(|(address, _)| *address);
            let Some(oldest) = oldest else { return };
            self.held.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passages::tests::school;

    fn hosts() -> BTreeSet<ServiceHost> {
        school().policy().service_hosts(None).0
    }

    fn mail() -> ServiceHost {
        hosts().into_iter().find(|host| host.name().as_str() == "mail.example").unwrap()
    }

    fn found(addresses: &[&str], ttl_s: u32) -> Resolution {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Resolution::Found { addresses, ttl_s }
    }

    fn good(names: &Names) -> Vec<String> {
        names.addresses(mail().name()).map(|address| address.to_string()).collect()
    }

    fn told(names: &Names) -> Option<usize> {
        names.answers().get(mail().name()).map(Vec::len)
    }

    #[test]
    fn a_name_is_resolved_again_as_its_time_ends() {
        let mut names = Names::default();
        assert!(names.take_due(&hosts(), 0).contains(&mail()));
        assert!(!names.take_due(&hosts(), 1).contains(&mail()), "it is under way");
        assert_eq!((told(&names), names.are_tried(&hosts())), (None, false));
        hosts().iter().for_each(|host| names.learn(host, Resolution::Silence, 1));
        assert!(names.are_tried(&hosts()));
        names.learn(&mail(), found(&["192.0.2.1"], 300), 1);
        for (second, expected) in [(2, false), (300, false), (301, true)] {
            assert_eq!(names.take_due(&hosts(), second).contains(&mail()), expected, "{second}");
        }
        names.learn(&mail(), Resolution::Silence, 302);
        assert!(!names.take_due(&hosts(), 311).contains(&mail()));
        assert!(names.take_due(&hosts(), 312).contains(&mail()));
        for (ttl_s, again) in [(0, 30), (u32::MAX, 3_600)] {
            names.learn(&mail(), found(&[], ttl_s), 400);
            assert!(!names.take_due(&hosts(), 400 + again - 1).contains(&mail()), "{ttl_s}");
            assert!(names.take_due(&hosts(), 400 + again).contains(&mail()), "{ttl_s}");
        }
    }

    #[test]
    fn an_address_stays_good_after_the_name_has_others() {
        let mut names = Names::default();
        names.take_due(&hosts(), 0);
        names.learn(&mail(), found(&["192.0.2.1"], 60), 0);
        names.learn(&mail(), found(&["192.0.2.2"], 60), 60);
        assert_eq!(
            (good(&names), told(&names)),
            (vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()], Some(1))
        );
        names.take_due(&hosts(), HOLD_S);
        assert_eq!(good(&names), ["192.0.2.2"]);
        // What clients are told stays good until there is another answer, however late.
        names.take_due(&hosts(), 3 * HOLD_S);
        names.learn(&mail(), Resolution::Silence, 3 * HOLD_S);
        assert_eq!((good(&names), told(&names)), (vec!["192.0.2.2".to_owned()], Some(1)));
        names.learn(&mail(), found(&[], 60), HOLD_S);
        assert_eq!((good(&names).len(), told(&names)), (1, Some(0)));
        names.learn(&mail(), Resolution::Forbidden, HOLD_S);
        assert_eq!((good(&names).len(), told(&names)), (0, None), "at once");
        names.take_due(&BTreeSet::new(), HOLD_S);
        names.learn(&mail(), found(&["192.0.2.1"], 60), HOLD_S);
        assert_eq!(good(&names).len(), 0, "a host that no service names any more");
    }

    #[test]
    fn a_pool_without_an_end_is_held_in_part() {
        let mut names = Names::default();
        names.take_due(&hosts(), 0);
        for number in 0..1_000_u64 {
            let address = format!("2001:db8::{number:x}");
            names.learn(&mail(), found(&[&address], 60), number);
        }
        assert_eq!(good(&names).len(), ADDRESSES_MAX);
        assert!(good(&names).contains(&"2001:db8::3e7".to_owned()), "the last one");
    }

    #[test]
    fn an_address_leads_back_to_its_name() {
        let mut names = Names::default();
        names.take_due(&hosts(), 0);
        names.learn(&mail(), found(&["192.0.2.1"], 60), 0);
        let policy = school().policy();
        let service = policy.services().first().unwrap();
        let host = |address: &str| names.host_of(service, address.parse().unwrap()).to_string();
        assert_eq!(
            (host("192.0.2.1"), host("192.0.2.9")),
            ("mail.example".to_owned(), "192.0.2.9".to_owned())
        );
    }
}
