//! What was just refused, to whom: for the people in front of a browser that can show no page.
//!
//! A refused TLS connection ends in an alert, and the browser says whatever it likes. The box remembers its last
//! refusals for a quarter of an hour, so that it can tell the device that asks. This is no log: it is small, it is
//! in memory only, and it forgets. The journal has everything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::{Fault, Host, Mac, Reason, Subject, Timestamp, UnknownDevice};
use policy::{Decided, Refusal};

/// How long a refusal is remembered: whoever asks why does so now, and the next class has another pupil there.
const MEMORY_MS: u64 = 15 * 60 * 1000;
/// Different refusals that are remembered of one device: what fits a page that a pupil reads.
const REFUSALS_MAX: usize = 10;
/// Devices whose refusals are remembered: more than a school has, and with [`REFUSALS_MAX`] a few megabytes at most.
const DEVICES_MAX: usize = 512;

/// A refusal that a device met, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For which host; `None` where the requests named none.
    pub host: Option<Host>,
    /// Why.
    pub reason: Reason,
    /// When it was refused for the first time.
    pub first: Timestamp,
    /// When it was refused for the last time.
    pub last: Timestamp,
    /// How often, by all doors: one look at a site is several requests.
    pub count: u32,
}

impl Refused {
    /// Whether programs try it and nobody waits for it: ways around the filter, QUIC before TLS, ports that no service
    /// has.
    #[must_use]
    pub fn is_noise(&self) -> bool {
        is_noise(&self.reason)
    }

    fn is_like(&self, refusal: &Refusal) -> bool {
        self.host.as_ref() == refusal.host() && self.reason == *refusal.reason()
    }

    /// Whether it is remembered: a clock that is set in between, forward or back, forgets it.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.ms_since(self.last) <= MEMORY_MS && self.last.ms_since(now) <= MEMORY_MS
    }
}

/// [`Refused::is_noise`], of a reason.
pub(crate) fn is_noise(reason: &Reason) -> bool {
    let Reason::Fault(fault) = reason else { return false };
    match fault {
        Fault::Evasion
        | Fault::Quic
        | Fault::DnsOverTls
        | Fault::DnsOverQuic
        | Fault::NoService
        | Fault::Protocol
        | Fault::Flood => true,
        // Somebody waits for a site, or for a service of the school.
        Fault::Unnamed
        | Fault::AddressLiteral
        | Fault::NotTls
        | Fault::Malformed
        | Fault::Port
        | Fault::Tunnel
        | Fault::Inward
        | Fault::Elsewhere
        | Fault::NotForProfile
        | Fault::Unready => false,
    }
}

/// The last refusals, shared by all doors. A permitted access never comes here.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<Asker, Vec<Refused>>>);

/// Whom a refusal is told to. A machine that is known by its hardware address is told nothing of what its IP
/// addresses alone were refused: that may have been asked by another in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Asker {
    Address(IpAddr),
    Machine(Mac),
}

impl Asker {
    fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Device(device) => Self::Machine(device.mac),
            Subject::Unknown(UnknownDevice { mac: Some(mac), .. }) => Self::Machine(*mac),
            Subject::Unknown(UnknownDevice { mac: None, address }) => Self::Address(*address),
        }
    }
}

impl Memory {
    /// Remembers a refusal.
    pub(crate) fn note(&self, now: Timestamp, refusal: &Refusal) {
        let asker = Asker::of(refusal.subject());
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.len() >= DEVICES_MAX && !devices.contains_key(&asker) {
            forget_one(&mut devices);
        }
        add(devices.entry(asker).or_default(), now, refusal);
    }

    /// What was refused to a subject, the last first. Noise is left out where there is anything else.
    pub(crate) fn recall(&self, now: Timestamp, subject: &Subject) -> Vec<Refused> {
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusals) = devices.get_mut(&Asker::of(subject)) else { return Vec::new() };
        refusals.retain(|refused| refused.is_fresh(now));
        let is_all_noise = refusals.iter().all(Refused::is_noise);
        refusals.iter().rev().filter(|refused| is_all_noise || !refused.is_noise()).cloned().collect()
    }
}

/// Adds a refusal as the last one; the same one before it is counted on it.
fn add(refusals: &mut Vec<Refused>, now: Timestamp, refusal: &Refusal) {
    refusals.retain(|refused| refused.is_fresh(now));
    if let Some(place) = refusals.iter().position(|refused| refused.is_like(refusal)) {
        let before = refusals.remove(place);
        refusals.push(Refused { last: now, count: before.count.saturating_add(1), ..before });
        return;
    }
    if refusals.len() >= REFUSALS_MAX {
        // What people wait for is not pushed out by what programs try.
        let place = refusals.iter().position(Refused::is_noise).unwrap_or_default();
        refusals.remove(place);
    }
    let (host, reason) = (refusal.host().cloned(), refusal.reason().clone());
    refusals.push(Refused { host, reason, first: now, last: now, count: 1 });
}

/// Makes room: first by an address without a machine, of which anybody can make up many, then by the device that
/// was refused nothing for the longest time.
fn forget_one(devices: &mut HashMap<Asker, Vec<Refused>>) {
    let last = |refusals: &[Refused]| refusals.last().map(|refused| refused.last);
    let oldest =
        devices.iter().min_by_key(|(asker, refusals)| (matches!(asker, Asker::Machine(_)), last(refusals)));
    if let Some(asker) = oldest.map(|(asker, _)| *asker) {
        devices.remove(&asker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::AccessKind;
    use policy::{Decision, Question, Rulebook, Snapshot, Target, decide};

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_786_924_800_000 + minutes * MINUTE_MS)
    }

    fn unknown(mac: Option<u16>, address: &str) -> Subject {
        let mac = mac.map(|mac| {
            let [high, low] = mac.to_be_bytes();
            Mac::new([2, 0, 0, 0, high, low])
        });
        UnknownDevice { mac, address: address.parse().unwrap() }.into()
    }

    fn pc() -> Subject {
        unknown(Some(0x11), "10.77.0.11")
    }

    fn refuse(subject: &Subject, host: &str) -> Refusal {
        let host = Host::parse(host).unwrap();
        let fault = match &host {
            Host::Address(_) => Fault::AddressLiteral,
            Host::Name(name) if name.as_str().starts_with("mask") => Fault::Evasion,
            Host::Name(_) => Fault::Port,
        };
        let target = Target::Fault { fault, host: Some(host) };
        let policy = Snapshot::new(Arc::new(blocklist::builtin()), &Rulebook::default());
        let question =
            Question { subject: subject.clone(), kind: AccessKind::Tls, target, destination: None };
        match decide(&policy, question, None) {
            Decision::Refusal(refusal) => refusal,
            Decision::Permit(_) => panic!("a fault is refused"),
        }
    }

    /// The hosts that a subject is told, with their counts.
    fn told(memory: &Memory, minute: i64, subject: &Subject) -> Vec<String> {
        let told = memory.recall(at(minute), subject);
        told.iter().map(|it| format!("{} {}", it.host.as_ref().unwrap(), it.count)).collect()
    }

    #[test]
    fn repeats_fold_and_the_last_comes_first() {
        let memory = Memory::default();
        for (minute, host) in [(0, "a.example"), (1, "b.example"), (2, "203.0.113.7"), (3, "a.example")] {
            memory.note(at(minute), &refuse(&pc(), host));
        }
        assert_eq!(told(&memory, 3, &pc()), ["a.example 2", "203.0.113.7 1", "b.example 1"]);
        let first = memory.recall(at(3), &pc()).remove(0);
        assert_eq!((first.first, first.last), (at(0), at(3)));
    }

    #[test]
    fn refusals_are_forgotten_in_time() {
        let memory = Memory::default();
        memory.note(at(0), &refuse(&pc(), "a.example"));
        memory.note(at(10), &refuse(&pc(), "b.example"));
        for (minute, expected) in [
            (15, &["b.example 1", "a.example 1"][..]),
            // The clock was set back a little.
            (-5, &["b.example 1", "a.example 1"]),
            (16, &["b.example 1"]),
            (26, &[]),
        ] {
            assert_eq!(told(&memory, minute, &pc()), expected, "minute {minute}");
        }
        memory.note(at(0), &refuse(&pc(), "a.example"));
        memory.note(at(20), &refuse(&pc(), "a.example"));
        assert_eq!(told(&memory, 20, &pc()), ["a.example 1"], "what is forgotten is not counted");
        assert_eq!(told(&memory, -60, &pc()), [""; 0], "a time that is still to come");
    }

    #[test]
    fn each_is_told_its_own() {
        let memory = Memory::default();
        let other = unknown(Some(0x12), "10.77.0.12");
        let moved = unknown(Some(0x11), "10.77.0.201");
        let unseen = unknown(None, "10.77.0.11");
        memory.note(at(0), &refuse(&pc(), "a.example"));
        memory.note(at(0), &refuse(&unseen, "forged.example"));
        let device = model::Device {
            mac: Mac::new([2, 0, 0, 0, 0, 0x11]),
            name: "CM2-01".parse().unwrap(),
            room: None,
            profile: "elementaire".parse().unwrap(),
        };
        for (subject, expected) in [
            (pc(), &["a.example 1"][..]),
            (moved, &["a.example 1"]),
            (Subject::Device(Arc::new(device)), &["a.example 1"]),
            (other, &[]),
            (unseen, &["forged.example 1"]),
            (unknown(None, "10.77.0.12"), &[]),
        ] {
            assert_eq!(told(&memory, 0, &subject), expected, "{subject}");
        }
    }

    #[test]
    fn noise_is_told_where_it_is_all_there_is() {
        let memory = Memory::default();
        memory.note(at(0), &refuse(&pc(), "mask.icloud.com"));
        assert_eq!(told(&memory, 0, &pc()), ["mask.icloud.com 1"]);
        memory.note(at(1), &refuse(&pc(), "a.example"));
        memory.note(at(2), &refuse(&pc(), "mask.icloud.com"));
        assert_eq!(told(&memory, 2, &pc()), ["a.example 1"]);
        // However much of it there is.
        for number in 0..100 {
            memory.note(at(3), &refuse(&pc(), &format!("mask{number}.example")));
        }
        assert_eq!(told(&memory, 3, &pc()), ["a.example 1"]);
    }

    #[test]
    fn a_device_is_told_its_last_refusals_only() {
        let memory = Memory::default();
        for number in 0..REFUSALS_MAX + 3 {
            memory.note(at(0), &refuse(&pc(), &format!("site{number}.example")));
        }
        let told = told(&memory, 0, &pc());
        assert_eq!(told.len(), REFUSALS_MAX);
        let (first, last) = (told.first().unwrap().as_str(), told.last().unwrap().as_str());
        assert_eq!((first, last), ("site12.example 1", "site3.example 1"));
    }

    /// Whoever makes up addresses or machines pushes out made-up ones, and then the oldest, but takes no memory.
    #[test]
    fn devices_are_few() {
        let memory = Memory::default();
        let count = || memory.0.lock().unwrap().len();
        memory.note(at(0), &refuse(&pc(), "a.example"));
        for number in 0..DEVICES_MAX + 100 {
            memory.note(at(1), &refuse(&unknown(None, &format!("fd77::{number:x}")), "b.example"));
        }
        assert_eq!(count(), DEVICES_MAX);
        assert_eq!(told(&memory, 1, &pc()), ["a.example 1"]);
        for number in 0..DEVICES_MAX {
            let mac = 0x1000 + u16::try_from(number).unwrap();
            memory.note(at(2), &refuse(&unknown(Some(mac), "10.77.0.99"), "b.example"));
        }
        assert_eq!(count(), DEVICES_MAX);
        assert_eq!(told(&memory, 2, &pc()), [""; 0]);
        assert_eq!(told(&memory, 2, &unknown(Some(0x1000), "10.77.0.99")), ["b.example 1"]);
    }
}
