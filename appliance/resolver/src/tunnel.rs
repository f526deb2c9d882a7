//! Data that leaves hidden in questions: name after name under one domain, each new, none of them a site.
//!
//! Only names that are not kept, or past their time, count: those are the ones that leave the school. So do questions
//! for them: names that are asked for again and again carry data as well, in their order and in their answers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use model::DomainName;

use crate::clock::Seconds;
use crate::quota::Client;

/// Different names under one domain that a device may ask for in a window. Sites with a name for each server, film or
/// picture need some dozens in a lesson, the largest of them a hundred; a tunnel hides a hundred bytes in a name and
/// asks for hundreds of them in a minute.
const NAMES_MAX: usize = 300;
/// Questions for names under one domain that a device may have leave in a window, new names or not: five a second, on
/// and on. A page's dozens of names that live for a minute, each asked for in three types, come to a third of them; a
/// tunnel whose answers have no time to live, so that each question leaves, wants as many as it gets.
const QUESTIONS_MAX: usize = 3_000;
/// The window, in seconds. What goes out in all windows of a day together is a few photographs.
const WINDOW_S: Seconds = 600;
/// Domains that are watched at once, over all devices: a classroom opens some hundreds in a window.
const WATCHES_MAX: usize = 4_096;
/// Labels of a domain that somebody registers. Under some public suffixes a third belongs to it (`co.uk`); no school
/// needs 300 new names under one of these either, and a list of all of them would have to be kept up.
const DOMAIN_LABELS: usize = 2;
/// The same for names of addresses: two octets, or four digits. Looking up a whole classroom's is no tunnel.
const ARPA_LABELS: usize = 4;
/// Domains of antivirus programs and mail filters that put all their questions as names: the sum of a file, the
/// address of a sender. Nobody else gets what is asked there.
const SERVICES: [&str; 4] = ["sophosxl.net", "mcafee.com", "e5.sk", "spamhaus.org"];

/// What each device asks for under each domain.
pub(crate) struct Tunnels {
    watches: Mutex<HashMap<u64, Watch>>,
    key: RandomState,
}

struct Watch {
    since_s: Seconds,
    /// Hashes of the names, so that a name that is asked for again and again is one.
    names: Vec<u32>,
    /// How many times these have been asked for outside.
    questions: usize,
}

impl Tunnels {
    pub(crate) fn new() -> Self {
        Self { watches: Mutex::default(), key: RandomState::new() }
    }

    /// Notes that a device asks for a name that has to be asked for outside. True when it has asked for too many
    /// others under the same domain, or too often: then this one should stay here.
    pub(crate) fn note(&self, client: Client, name: &DomainName, now_s: Seconds) -> bool {
        let domain = domain_of(name);
        if SERVICES.contains(&domain) {
            return false;
        }
        let watch = self.key.hash_one((client, domain));
        let name = low_half(self.key.hash_one(name));
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.len() >= WATCHES_MAX && !watches.contains_key(&watch) {
            make_room(&mut watches, now_s);
        }
        let watch = watches.entry(watch).or_insert_with(|| Watch::start(now_s));
        if watch.is_over(now_s) {
            *watch = Watch::start(now_s);
        }
        let is_new = !watch.names.contains(&name);
        if watch.questions >= QUESTIONS_MAX || is_new && watch.names.len() >= NAMES_MAX {
            return true;
        }
        watch.questions += 1;
        if is_new {
            watch.names.push(name);
        }
        false
    }
}

impl Watch {
    fn start(now_s: Seconds) -> Self {
        Self { since_s: now_s, names: Vec::new(), questions: 0 }
    }

    fn is_over(&self, now_s: Seconds) -> bool {
        now_s.saturating_sub(self.since_s) >= WINDOW_S
    }
}

/// Forgets what is over; if that is not enough, the domains with the fewest questions, so that a flood of other domains
/// does not hide a tunnel.
fn make_room(watches: &mut HashMap<u64, Watch>, now_s: Seconds) {
    watches.retain(|_, watch| !watch.is_over(now_s));
    if watches.len() >= WATCHES_MAX {
        let questions: usize = watches.values().map(|watch| watch.questions).sum();
        let mean = questions / watches.len().max(1);
        watches.retain(|_, watch| watch.questions > mean);
    }
}

/// The part of a name that somebody registers, as far as its labels tell.
fn domain_of(name: &DomainName) -> &str {
    let labels = if name.as_str().ends_with(".arpa") { ARPA_LABELS } else { DOMAIN_LABELS };
    let start = name.as_str().rmatch_indices('.').nth(labels.saturating_sub(1));
    start.and_then(|(at, _)| name.as_str().get(at + 1..)).unwrap_or(name.as_str())
}

fn low_half(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const PUPIL: [u8; 4] = [10, 77, 0, 11];
    const TEACHER: [u8; 4] = [10, 77, 0, 12];

    /// How many of these names are turned away.
    fn ask(tunnels: &Tunnels, client: [u8; 4], now_s: Seconds, names: impl Iterator<Item = String>) -> usize {
        let client = Client::Address(IpAddr::from(client));
        names.filter(|name| tunnels.note(client, &name.parse().unwrap(), now_s)).count()
    }

    fn under(domain: &str, count: usize) -> impl Iterator<Item = String> {
        (0..count).map(move |number| format!("n{number}.{domain}"))
    }

    #[test]
    fn a_domain_is_what_somebody_registers() {
        for (name, expected) in [
            ("fr", "fr"),
            ("example.fr", "example.fr"),
            ("a.b.c.example.fr", "example.fr"),
            ("www.example.co.uk", "co.uk"),
            ("4.3.2.1.in-addr.arpa", "2.1.in-addr.arpa"),
            ("8.b.d.0.1.0.0.2.ip6.arpa", "0.2.ip6.arpa"),
            ("notarpa", "notarpa"),
        ] {
            assert_eq!(domain_of(&name.parse().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn names_beyond_the_limit_stay_until_the_window_has_passed() {
        let tunnels = Tunnels::new();
        let check = |client, now_s, domain, count, expected| {
            assert_eq!(ask(&tunnels, client, now_s, under(domain, count)), expected, "{now_s} s {domain}");
        };
        check(PUPIL, 0, "tunnel.example", NAMES_MAX, 0);
        check(PUPIL, 1, "tunnel.example", NAMES_MAX, 0);
        check(PUPIL, 2, "deep.down.tunnel.example", 20, 20);
        check(TEACHER, 2, "tunnel.example", NAMES_MAX, 0);
        check(PUPIL, 2, "other.example", NAMES_MAX, 0);
        check(PUPIL, WINDOW_S - 1, "tunnel.example", NAMES_MAX + 20, 20);
        check(PUPIL, WINDOW_S, "tunnel.example", NAMES_MAX + 20, 20);
    }

    #[test]
    fn names_that_are_asked_for_again_and_again_stay_as_well() {
        let tunnels = Tunnels::new();
        let again = |count| std::iter::repeat_n("a.tunnel.example".to_owned(), count);
        assert_eq!(ask(&tunnels, PUPIL, 0, again(QUESTIONS_MAX)), 0);
        assert_eq!(ask(&tunnels, PUPIL, WINDOW_S - 1, again(20)), 20);
        assert_eq!(ask(&tunnels, PUPIL, WINDOW_S - 1, under("tunnel.example", 20)), 20);
        assert_eq!(ask(&tunnels, TEACHER, WINDOW_S - 1, again(20)), 0);
        // A flood of other domains does not make it be forgotten either.
        let flood = (0..3 * WATCHES_MAX).map(|number| format!("www.flood{number}.example"));
        assert_eq!(ask(&tunnels, PUPIL, WINDOW_S - 1, flood), 0);
        assert_eq!(ask(&tunnels, PUPIL, WINDOW_S - 1, again(20)), 20);
        assert_eq!(ask(&tunnels, PUPIL, WINDOW_S, again(QUESTIONS_MAX + 20)), 20);
    }

    #[test]
    fn programs_that_speak_in_names_are_left_alone() {
        let tunnels = Tunnels::new();
        for domain in SERVICES {
            assert_eq!(
                ask(&tunnels, PUPIL, 0, under(&format!("a.b.{domain}"), 2 * NAMES_MAX)),
                0,
                "{domain}"
            );
        }
        assert!(ask(&tunnels, PUPIL, 0, under("a.b.note5.sk", 2 * NAMES_MAX)) > 0);
    }

    #[test]
    fn a_flood_of_domains_takes_no_memory_and_hides_nothing() {
        let tunnels = Tunnels::new();
        assert_eq!(ask(&tunnels, PUPIL, 0, under("tunnel.example", NAMES_MAX)), 0);
        let flood = (0..3 * WATCHES_MAX).map(|number| format!("www.flood{number}.example"));
        assert_eq!(ask(&tunnels, PUPIL, 1, flood), 0);
        assert!(tunnels.watches.lock().unwrap().len() <= WATCHES_MAX);
        assert_eq!(ask(&tunnels, PUPIL, 2, under("new.tunnel.example", 20)), 20);
    }
}
