//! The flows under way, each with its record.
//!
//! ```text
//!        begin, or a look at all: judged, recorded
//!   kernel -------------------------------------> open --stage, lapse--> to be deleted
//!      |  refused: recorded once, to be deleted     |                          |
//!      |  one too many: closed as cut, to be deleted|                          |
//!      |  not recordable: to be deleted, shut       +------------ end ---------+--> closed, with its bytes
//!      +--> recorded as soon as it can be, with what was counted by then
//! ```
//!
//! The kernel lets the first packet of a flow through before anybody has heard of it. So a flow that cannot be recorded, or
//! that the policy refuses by now, ends at once; and when nothing can be recorded, all services shut.

use std::collections::{BTreeMap, HashMap, HashSet};

use access::{Admission, Desk, Recorded, Request};
use model::{Closing, End, Fault, Transport};
use policy::{Permit, Target};

use crate::{FlowKey, Names, News, Sighting, Stage};

/// Most flows under way: several times what a school's mail programs and conferences hold, and less than what the journal
/// keeps in mind as open. What begins beyond is ended, and on record as cut.
pub const FLOWS_MAX: usize = 8_192;
/// Most flows under way of one device: twice what the firewall lets it have, which counts anew with each of its tables.
const SHARE_MAX: usize = 2 * firewall::FLOWS_OF_DEVICE_MAX as usize;
/// Flows whose record waits for the journal: those that began in the moment before the services were shut.
const UNRECORDED_MAX: usize = 1_024;
/// Settled flows that are kept in mind until the kernel has forgotten them. Beyond, one is recorded again at its next news.
const SETTLED_MAX: usize = FLOWS_MAX;
/// How long the kernel must not have named a flow before its end is taken for lost, in seconds. It leaves out flows whose time is
/// up and whose end it tells a moment later, or once there is room for it.
const LOST_AFTER_S: u64 = 10;

/// What the kernel has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// To forget a flow, so that nothing of it passes any more.
    Delete(FlowKey),
    /// To let nothing through: nothing can be recorded.
    Shut,
}

/// The flows under way.
#[derive(Debug, Default)]
pub struct Flows {
    open: HashMap<FlowKey, Open>,
    /// How many of them each device has, by what its marks have in common.
    shares: HashMap<u32, usize>,
    /// Those whose records are closed, while the kernel still has something to say of them; since when it does not name them.
    settled: HashMap<FlowKey, Option<u64>>,
    /// What the kernel said last of those that could not be recorded, until they are.
    unrecorded: BTreeMap<FlowKey, Sighting>,
    /// How many of them there was no room for.
    unrecorded_lost: u64,
}

#[derive(Debug)]
struct Open {
    permit: Recorded<Permit>,
    /// Whose share it is in: other news may have another mark.
    sender: u32,
    /// What the kernel said last.
    last: Sighting,
    is_lapsing: bool,
    /// Its beginning was heard; otherwise a look at all was faster than the news of it.
    is_announced: bool,
    /// Since when the kernel does not name it, in seconds.
    missing_since_s: Option<u64>,
}

impl Flows {
    /// Takes note of news, and records what they say.
    pub fn hear(&mut self, desk: &Desk, names: &Names, news: News) -> Vec<Order> {
        match news {
            News::Begin(sighting) => {
                self.settled.remove(&sighting.key);
                let known = self.open.get_mut(&sighting.key);
                if known.is_some_and(|open| !std::mem::replace(&mut open.is_announced, true)) {
                    return Vec::new();
                }
                // The end of an earlier flow between the same ends was not heard.
                self.end(desk, &sighting.key, None, None);
                let orders = self.begin(desk, names, sighting);
                if let Some(open) = self.open.get_mut(&sighting.key) {
                    open.is_announced = true;
                }
                orders
            }
            News::Change(sighting) => self.change(desk, names, sighting),
            News::End(sighting) => {
                let mut orders = Vec::new();
                let is_settled = self.settled.remove(&sighting.key).is_some();
                if !is_settled && !self.open.contains_key(&sighting.key) {
                    orders = self.begin(desk, names, sighting);
                    self.settled.remove(&sighting.key);
                }
                self.end(desk, &sighting.key, Some(sighting), None);
                orders.retain(|order| *order == Order::Shut);
                orders
            }
        }
    }

    /// Compares with all flows that the kernel has at this second of a clock that only goes forward. Those whose beginning was
    /// not heard are recorded now; those whose end was not heard are once they were missing for a while.
    pub fn reconcile(&mut self, desk: &Desk, names: &Names, all: &[Sighting], now_s: u64) -> Vec<Order> {
        let present: HashSet<FlowKey> = all.iter().map(|sighting| sighting.key).collect();
        let is_lost = |key: &FlowKey, since_s: &mut Option<u64>| {
            *since_s = if present.contains(key) { None } else { since_s.or(Some(now_s)) };
            since_s.is_some_and(|since_s| now_s.saturating_sub(since_s) >= LOST_AFTER_S)
        };
        self.settled.retain(|key, since_s| !is_lost(key, since_s));
        let lost = self
            .open
            .iter_mut()
            .filter_map(|(key, open)| is_lost(key, &mut open.missing_since_s).then_some(*key));
        let lost: Vec<FlowKey> = lost.collect();
        lost.iter().for_each(|key| self.end(desk, key, None, None));
        all.iter().flat_map(|sighting| self.change(desk, names, *sighting)).collect()
    }

    /// Looks which flows the policy no longer permits.
    pub fn lapse(&mut self, desk: &Desk) -> Vec<Order> {
        let mut orders = Vec::new();
        for (key, open) in &mut self.open {
            open.is_lapsing |= !desk.still_permits(open.permit.decision().claim());
            orders.extend(open.is_lapsing.then_some(Order::Delete(*key)));
        }
        orders
    }

    /// Records what could not be recorded when it happened. Whether all is on record that there was room to keep.
    pub fn catch_up(&mut self, desk: &Desk, names: &Names) -> bool {
        while let Some((key, sighting)) = self.unrecorded.first_key_value().map(|(key, it)| (*key, *it)) {
            match admit(desk, names, &sighting) {
                Ok(Admission::Permit(permit)) => {
                    desk.close(permit, closing(desk, &sighting, Some(End::Abort)));
                }
                Ok(Admission::Refusal(_)) => {}
                Err(_) => return false,
            }
            self.unrecorded.remove(&key);
            self.settle(key);
        }
        true
    }

    /// How many flows stay without a record since the last call, because there was no room to keep them.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.unrecorded_lost)
    }

    /// Closes all records, because the box stops; `last` is what the kernel has counted.
    pub fn stop(&mut self, desk: &Desk, last: &[Sighting]) -> Vec<Order> {
        last.iter().for_each(|sighting| {
            if let Some(open) = self.open.get_mut(&sighting.key) {
                open.last = *sighting;
            }
        });
        let keys: Vec<FlowKey> = self.open.keys().copied().collect();
        keys.iter().for_each(|key| self.end(desk, key, None, Some(End::Cut)));
        last.iter().map(|sighting| Order::Delete(sighting.key)).collect()
    }

    fn begin(&mut self, desk: &Desk, names: &Names, sighting: Sighting) -> Vec<Order> {
        let key = sighting.key;
        // What could not be recorded of it before is recorded now.
        let waiting = self.unrecorded.remove(&key);
        let sighting = waiting.map_or(sighting, |waiting| waiting.followed_by(sighting));
        let is_too_many = self.open.len() >= FLOWS_MAX || self.share(&sighting) >= SHARE_MAX;
        match admit(desk, names, &sighting) {
            // What has passed is on record as such.
            Ok(Admission::Permit(permit)) if is_too_many => {
                desk.close(permit, closing(desk, &sighting, Some(End::Cut)));
                self.settle(key);
                vec![Order::Delete(key)]
            }
            Ok(Admission::Permit(permit)) => {
                *self.shares.entry(sighting.mark.sender()).or_default() += 1;
                self.open.insert(
                    key,
                    Open {
                        permit,
                        sender: sighting.mark.sender(),
                        last: sighting,
                        is_lapsing: false,
                        is_announced: false,
                        missing_since_s: None,
                    },
                );
                Vec::new()
            }
            Ok(Admission::Refusal(_)) => {
                self.settle(key);
                vec![Order::Delete(key)]
            }
            Err(_) => {
                self.put_off(sighting);
                vec![Order::Shut, Order::Delete(key)]
            }
        }
    }

    fn share(&self, sighting: &Sighting) -> usize {
        self.shares.get(&sighting.mark.sender()).copied().unwrap_or_default()
    }

    /// Keeps what was said of a flow, to record it later.
    fn put_off(&mut self, sighting: Sighting) {
        if self.unrecorded.len() < UNRECORDED_MAX {
            self.unrecorded.insert(sighting.key, sighting);
        } else {
            self.unrecorded_lost = self.unrecorded_lost.saturating_add(1);
        }
    }

    /// Nothing more is recorded of this flow.
    fn settle(&mut self, key: FlowKey) {
        if self.settled.len() < SETTLED_MAX {
            self.settled.insert(key, None);
        }
    }

    /// A flow is at another stage, or has other counts.
    fn change(&mut self, desk: &Desk, names: &Names, sighting: Sighting) -> Vec<Order> {
        if self.settled.contains_key(&sighting.key) {
            return vec![Order::Delete(sighting.key)];
        }
        let mut orders = Vec::new();
        if !self.open.contains_key(&sighting.key) {
            orders = self.begin(desk, names, sighting);
        }
        if let Some(open) = self.open.get_mut(&sighting.key) {
            open.last = open.last.followed_by(sighting);
            // What is over would stay in the kernel's table for minutes: its record is closed with what was counted.
            orders.extend((sighting.stage != Stage::Open).then_some(Order::Delete(sighting.key)));
        }
        orders
    }

    fn leave(&mut self, sender: u32) {
        if let Some(share) = self.shares.get_mut(&sender) {
            *share = share.saturating_sub(1);
            if *share == 0 {
                self.shares.remove(&sender);
            }
        }
    }

    /// Closes the record of a flow: with what the kernel counted at its end, or with what it said before.
    fn end(&mut self, desk: &Desk, key: &FlowKey, counted: Option<Sighting>, end: Option<End>) {
        let Some(Open { permit, last, is_lapsing, sender, .. }) = self.open.remove(key) else { return };
        self.leave(sender);
        let stage = last.stage;
        let mut sighting = counted.unwrap_or(last);
        if stage != Stage::Open {
            sighting.stage = stage;
        }
        let closing = closing(desk, &sighting, is_lapsing.then_some(End::Lapse).or(end));
        desk.close(permit, closing);
    }
}

fn admit(desk: &Desk, names: &Names, sighting: &Sighting) -> Result<Admission, access::Closed> {
    let FlowKey { transport, source, destination } = sighting.key;
    let target = target(desk, names, sighting);
    let request =
        Request { client: source.ip(), kind: transport.kind(), target, destination: Some(destination) };
    desk.admit_flow(request, sighting.mark)
}

/// What a flow is for. A mark of a service that the school does not name any more says nothing.
fn target(desk: &Desk, names: &Names, sighting: &Sighting) -> Target {
    let FlowKey { transport, destination, .. } = sighting.key;
    let policy = desk.policy();
    match policy.services().get(usize::from(sighting.mark.service())) {
        Some(service) => Target::Service {
            service: service.name.clone(),
            host: names.host_of(service, destination.ip()),
            transport,
            port: destination.port(),
        },
        None => Target::Fault { fault: Fault::NoService, host: Some(destination.ip().into()) },
    }
}

/// How a flow ended: at the moment that the kernel tells, else now.
fn closing(desk: &Desk, sighting: &Sighting, end: Option<End>) -> Closing {
    const NS_PER_MS: u64 = 1_000_000;
    let Sighting { key, bytes_up, bytes_down, started_ns, stopped_ns, stage, peer, .. } = *sighting;
    let now_ms = || u64::try_from(desk.now()?.unix_ms()).ok();
    let stopped_ns = stopped_ns.or_else(|| now_ms()?.checked_mul(NS_PER_MS));
    let duration_ns = stopped_ns.zip(started_ns).map(|(stop, start)| stop.saturating_sub(start));
    let usual = match (stage, key.transport) {
        (_, _) if bytes_down == 0 => End::Unreachable,
        (Stage::Finished, _) | (Stage::Open, Transport::Udp) => End::Finish,
        (Stage::Reset, _) | (Stage::Open, Transport::Tcp) => End::Abort,
    };
    Closing {
        bytes_up,
        bytes_down,
        duration_ms: duration_ns.unwrap_or_default() / NS_PER_MS,
        peer: Some(peer),
        end: end.unwrap_or(usual),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use journal::simulation::Faults;
    use journal::{Found, Hit, Query};
    use model::FlowMark;
    use policy::Rulebook;

    use super::*;
    use crate::passages::tests::{School, mac, noon, resolved, rulebook, school};

    /// When flows begin: a minute before noon.
    fn beginning_ns() -> u64 {
        u64::try_from(noon().unix_ms()).unwrap() * 1_000_000 - 60_000_000_000
    }

    /// A flow of machine `last` from its port to the mail server.
    fn flow(last: u8, port: u16) -> Sighting {
        let key = FlowKey {
            transport: Transport::Tcp,
            source: format!("10.77.0.{last}:{port}").parse().unwrap(),
            destination: "192.0.2.1:993".parse().unwrap(),
        };
        Sighting {
            key,
            mark: FlowMark::of(0, mac(last)),
            peer: key.destination,
            bytes_up: 0,
            bytes_down: 0,
            started_ns: Some(beginning_ns()),
            stopped_ns: None,
            stage: Stage::Open,
        }
    }

    fn counted(sighting: Sighting, bytes: u64) -> Sighting {
        Sighting {
            bytes_up: bytes,
            bytes_down: 2 * bytes,
            stopped_ns: Some(beginning_ns() + 250_000_000),
            ..sighting
        }
    }

    /// What is on record: `PC-11 mail.example permit service finish 7 14 250`.
    fn said(school: &mut School) -> Vec<String> {
        school.writer.commit(noon()).unwrap();
        let say = |found: &Found| {
            let host = found.host.as_ref().map(ToString::to_string).unwrap_or_default();
            let (verdict, reason) = (found.verdict.as_str(), found.reason.as_str());
            let end = found.ended.map(|ended| ended.closing).map(|it| {
                format!(" {} {} {} {}", it.end.as_str(), it.bytes_up, it.bytes_down, it.duration_ms)
            });
            let times = if found.count > 1 { format!(" {} times", found.count) } else { String::new() };
            format!("{} {host} {verdict} {reason}{times}{}", found.device, end.unwrap_or_default())
        };
        let mut lines = Vec::new();
        journal::search(&school.disk, &Query::default(), |hit| {
            if let Hit::Access(found) = hit {
                lines.push(say(&found));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn a_flow_is_on_record_from_its_beginning_to_its_end() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let one = flow(11, 4_000);
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(one)), []);
        assert_eq!(said(&mut school), ["PC-11 mail.example permit service"]);
        let finished = Sighting { stage: Stage::Finished, ..one };
        let orders = flows.hear(&school.desk, &names, News::Change(finished));
        assert_eq!(orders, [Order::Delete(one.key)]);
        assert_eq!(flows.hear(&school.desk, &names, News::End(counted(one, 7))), []);
        assert_eq!(said(&mut school), ["PC-11 mail.example permit service finish 7 14 250"]);
        assert_eq!(flows.open.len(), 0);
    }

    #[test]
    fn ends_say_how() {
        let school = school();
        let udp = |sighting: Sighting| {
            let key = FlowKey {
                transport: Transport::Udp,
                destination: "203.0.113.7:5000".parse().unwrap(),
                ..sighting.key
            };
            Sighting { key, mark: FlowMark::of(1, mac(11)), ..sighting }
        };
        let silent = |sighting| Sighting { bytes_down: 0, ..counted(sighting, 7) };
        let one = flow(11, 4_000);
        for (sighting, expected) in [
            (counted(Sighting { stage: Stage::Reset, ..one }, 7), "abort"),
            (counted(one, 7), "abort"),
            (silent(one), "unreachable"),
            (counted(udp(one), 7), "finish"),
            (silent(udp(one)), "unreachable"),
        ] {
            assert_eq!(closing(&school.desk, &sighting, None).end.as_str(), expected, "{sighting:?}");
        }
    }

    #[test]
    fn what_the_policy_refuses_by_now_is_ended_and_on_record() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let pupil = flow(21, 4_000);
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(pupil)), [Order::Delete(pupil.key)]);
        // It is on record once, whatever is still said of it.
        assert_eq!(flows.hear(&school.desk, &names, News::Change(pupil)), [Order::Delete(pupil.key)]);
        assert_eq!(flows.reconcile(&school.desk, &names, &[pupil], 0), [Order::Delete(pupil.key)]);
        assert_eq!(flows.hear(&school.desk, &names, News::End(counted(pupil, 1))), []);
        assert_eq!(flows.settled.len(), 0);
        let (one, two) = (flow(11, 4_000), flow(12, 4_000));
        flows.hear(&school.desk, &names, News::Begin(one));
        flows.hear(&school.desk, &names, News::Begin(two));
        assert_eq!(flows.lapse(&school.desk), []);
        school.register(&[(11, "elementaire"), (12, "adulte")]);
        assert_eq!(flows.lapse(&school.desk), [Order::Delete(one.key)]);
        assert_eq!(flows.lapse(&school.desk), [Order::Delete(one.key)], "until it is gone");
        flows.hear(&school.desk, &names, News::End(counted(one, 7)));
        school.swap(&Rulebook { services: vec![], ..rulebook() });
        assert_eq!(flows.lapse(&school.desk), [Order::Delete(two.key)]);
        let expected = [
            "PC-21 mail.example refuse not-for-profile",
            "PC-11 mail.example permit service lapse 7 14 250",
            "PC-12 mail.example permit service",
        ];
        assert_eq!(said(&mut school), expected);
    }

    #[test]
    fn a_look_at_all_makes_good_what_was_not_heard() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let (one, two, three) = (flow(11, 4_000), flow(11, 4_001), flow(12, 4_002));
        flows.hear(&school.desk, &names, News::Begin(one));
        flows.hear(&school.desk, &names, News::Begin(two));
        let all = [Sighting { stopped_ns: None, ..counted(two, 3) }, three];
        assert_eq!(flows.reconcile(&school.desk, &names, &all, 0), []);
        // Looks right after each other say nothing more: the end may be told yet.
        assert_eq!(flows.reconcile(&school.desk, &names, &all, 1), []);
        assert_eq!(flows.open.len(), 3);
        for (all, now_s) in [(&all[..], LOST_AFTER_S), (&[three], 20), (&[three], 20 + LOST_AFTER_S)] {
            assert_eq!(flows.reconcile(&school.desk, &names, all, now_s), []);
        }
        // Its end is heard, its beginning was not.
        flows.hear(&school.desk, &names, News::End(counted(flow(12, 4_003), 9)));
        // The news of its beginning came after the look. The same ends again: the first flow's end was not heard.
        flows.hear(&school.desk, &names, News::Begin(three));
        flows.hear(&school.desk, &names, News::Begin(three));
        let expected = [
            "PC-11 mail.example permit service unreachable 0 0 60000",
            "PC-11 mail.example permit service abort 3 6 60000",
            "PC-12 mail.example permit service unreachable 0 0 60000",
            "PC-12 mail.example permit service abort 9 18 250",
            "PC-12 mail.example permit service",
        ];
        assert_eq!(said(&mut school), expected);
    }

    #[test]
    fn what_cannot_be_recorded_ends_and_is_recorded_later() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        school.disk.set_faults(Faults { space_left: Some(0), ..Faults::default() });
        while school.desk.is_open() {
            let _full = school.writer.commit(noon());
            flows.hear(&school.desk, &names, News::Begin(flow(12, 1)));
            flows.hear(&school.desk, &names, News::End(counted(flow(12, 1), 1)));
        }
        let one = flow(11, 4_000);
        let orders = flows.hear(&school.desk, &names, News::Begin(one));
        assert_eq!(orders, [Order::Shut, Order::Delete(one.key)]);
        // What is said of it later belongs to the same record.
        flows.hear(&school.desk, &names, News::Change(Sighting { stage: Stage::Reset, ..one }));
        flows.hear(&school.desk, &names, News::End(counted(one, 7)));
        let waiting = flows.unrecorded.len();
        for port in 0..u16::try_from(UNRECORDED_MAX).unwrap() {
            flows.hear(&school.desk, &names, News::Begin(flow(12, 10_000 + port)));
        }
        let two = flow(11, 4_001);
        flows.unrecorded.insert(two.key, two);
        assert!(!flows.catch_up(&school.desk, &names), "nothing can be recorded yet");
        school.disk.set_faults(Faults::default());
        school.writer.commit(noon()).unwrap();
        assert!(flows.catch_up(&school.desk, &names));
        assert_eq!((flows.take_lost(), flows.take_lost()), (u64::try_from(waiting).unwrap(), 0));
        // The end of what is on record by now makes no record of its own.
        flows.hear(&school.desk, &names, News::End(counted(two, 3)));
        let last = said(&mut school).into_iter().filter(|line| line.starts_with("PC-11")).collect::<Vec<_>>();
        assert_eq!(
            last,
            [
                "PC-11 mail.example permit service abort 7 14 250",
                "PC-11 mail.example permit service abort 0 0 60000"
            ]
        );
    }

    #[test]
    fn a_box_that_stops_closes_all() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let (one, two) = (flow(11, 4_000), flow(11, 4_001));
        flows.hear(&school.desk, &names, News::Begin(one));
        flows.hear(&school.desk, &names, News::Begin(two));
        let orders = flows.stop(&school.desk, &[Sighting { stopped_ns: None, ..counted(one, 5) }]);
        assert_eq!(orders, [Order::Delete(one.key)]);
        let mut found = said(&mut school);
        found.sort();
        let cut = "PC-11 mail.example permit service cut";
        assert_eq!(found, [format!("{cut} 0 0 60000"), format!("{cut} 5 10 60000")]);
    }

    #[test]
    fn a_mark_of_another_time_and_another_address_are_refused() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let old = Sighting { mark: FlowMark::of(9, mac(11)), ..flow(11, 4_000) };
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(old)), [Order::Delete(old.key)]);
        let elsewhere = FlowKey { destination: "192.0.2.99:993".parse().unwrap(), ..flow(11, 4_001).key };
        let elsewhere = Sighting { key: elsewhere, ..flow(11, 4_001) };
        flows.hear(&school.desk, &names, News::Begin(elsewhere));
        let expected = ["PC-11 192.0.2.1 refuse no-service", "PC-11 192.0.2.99 refuse elsewhere"];
        assert_eq!(said(&mut school), expected);
    }

    /// One device takes no more than its share, and what is ended because there are too many has passed for a moment.
    #[test]
    fn flows_too_many_are_ended_and_on_record_as_cut() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let devices: Vec<u8> = (100..).take(FLOWS_MAX / SHARE_MAX + 1).collect();
        school.register(&devices.iter().map(|last| (*last, "adulte")).collect::<Vec<_>>());
        let (last, crowd) = devices.split_last().unwrap();
        let port = |number: usize| u16::try_from(number).unwrap();
        for device in crowd {
            for number in 0..SHARE_MAX {
                assert_eq!(flows.hear(&school.desk, &names, News::Begin(flow(*device, port(number)))), []);
            }
            school.writer.commit(noon()).unwrap();
        }
        let cut = |device: u8| format!("PC-{device} mail.example permit service cut 0 0 60000");
        let beyond = flow(crowd[0], 60_000);
        let first = flow(*last, 4_000);
        for one in [beyond, first] {
            assert_eq!(flows.hear(&school.desk, &names, News::Begin(one)), [Order::Delete(one.key)]);
        }
        assert_eq!(said(&mut school).split_off(FLOWS_MAX), [cut(crowd[0]), cut(*last)]);
        // There is room for all again, but the device has its share still.
        flows.hear(&school.desk, &names, News::End(counted(flow(crowd[1], 0), 7)));
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(beyond)), [Order::Delete(beyond.key)]);
        flows.hear(&school.desk, &names, News::End(counted(flow(crowd[0], 0), 7)));
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(beyond)), []);
    }
}
