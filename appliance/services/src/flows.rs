//! The flows under way, each with its record.
//!
//! ```text
//!        begin, or a look at all: judged, recorded
//!   kernel -------------------------------------> open --stage, lapse--> to be deleted
//!      |  refused: recorded, to be deleted          |                          |
//!      |  not recordable: to be deleted, shut       +------------ end ---------+--> closed, with its bytes
//!      +--> recorded as soon as it can be
//! ```
//!
//! The kernel lets the first packet of a flow through before anybody has heard of it. So a flow that cannot be recorded, or
//! that the policy refuses by now, ends at once; and when nothing can be recorded, all services shut.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use access::{Admission, Attempt, Desk, Recorded, Request};
use model::{Closing, End, Fault, Transport};
use policy::{Permit, Target};

use crate::{FlowKey, Names, News, Sighting, Stage};

/// Most flows under way: several times what a school's mail programs and conferences hold, and less than what the journal
/// keeps in mind as open. What begins beyond is ended.
pub const FLOWS_MAX: usize = 8_192;
/// Flows whose record waits for the journal: those that began in the moment before the services were shut.
const UNRECORDED_MAX: usize = 1_024;

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
    unrecorded: Vec<Sighting>,
}

#[derive(Debug)]
struct Open {
    permit: Recorded<Permit>,
    /// What the kernel said last.
    last: Sighting,
    is_lapsing: bool,
    /// Its beginning was heard; otherwise a look at all was faster than the news of it.
    is_announced: bool,
    /// The kernel did not name it at the last look. It leaves out flows whose time is up and whose end it tells a moment
    /// later.
    is_missing: bool,
}

impl Flows {
    /// Takes note of news, and records what they say.
    pub fn hear(&mut self, desk: &Desk, names: &Names, news: News) -> Vec<Order> {
        match news {
            News::Begin(sighting) => {
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
                if !self.open.contains_key(&sighting.key) {
                    orders = self.begin(desk, names, sighting);
                }
                self.end(desk, &sighting.key, Some(sighting), None);
                orders.retain(|order| *order == Order::Shut);
                orders
            }
        }
    }

    /// Compares with all flows that the kernel has. Those whose beginning was not heard are recorded now; those whose end was
    /// not heard either by the second look that misses them.
    pub fn reconcile(&mut self, desk: &Desk, names: &Names, all: &[Sighting]) -> Vec<Order> {
        let present: HashSet<FlowKey> = all.iter().map(|sighting| sighting.key).collect();
        let mut gone = Vec::new();
        for (key, open) in &mut self.open {
            let was_missing = std::mem::replace(&mut open.is_missing, !present.contains(key));
            gone.extend((was_missing && open.is_missing).then_some(*key));
        }
        gone.iter().for_each(|key| self.end(desk, key, None, None));
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

    /// Records what could not be recorded when it happened.
    pub fn catch_up(&mut self, desk: &Desk, names: &Names) {
        while let Some(sighting) = self.unrecorded.last().copied().filter(|_| desk.is_open()) {
            match admit(desk, names, &sighting) {
                Ok(Admission::Permit(permit)) => desk.close(permit, closing(&sighting, Some(End::Abort))),
                Ok(Admission::Refusal(_)) => {}
                Err(_) => return,
            }
            self.unrecorded.pop();
        }
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
        if self.open.len() >= FLOWS_MAX {
            record_overflow(desk, names, &sighting);
            return vec![Order::Delete(key)];
        }
        match admit(desk, names, &sighting) {
            Ok(Admission::Permit(permit)) => {
                self.open.insert(
                    key,
                    Open {
                        permit,
                        last: sighting,
                        is_lapsing: false,
                        is_announced: false,
                        is_missing: false,
                    },
                );
                Vec::new()
            }
            Ok(Admission::Refusal(_)) => vec![Order::Delete(key)],
            Err(_) => {
                if self.unrecorded.len() < UNRECORDED_MAX {
                    self.unrecorded.push(sighting);
                }
                vec![Order::Shut, Order::Delete(key)]
            }
        }
    }

    /// A flow is at another stage, or has other counts.
    fn change(&mut self, desk: &Desk, names: &Names, sighting: Sighting) -> Vec<Order> {
        let mut orders = Vec::new();
        if !self.open.contains_key(&sighting.key) {
            orders = self.begin(desk, names, sighting);
        }
        if let Some(open) = self.open.get_mut(&sighting.key) {
            open.last = Sighting {
                bytes_up: open.last.bytes_up.max(sighting.bytes_up),
                bytes_down: open.last.bytes_down.max(sighting.bytes_down),
                started_ns: sighting.started_ns.or(open.last.started_ns),
                ..sighting
            };
            // What is over would stay in the kernel's table for minutes: its record is closed with what was counted.
            orders.extend((sighting.stage != Stage::Open).then_some(Order::Delete(sighting.key)));
        }
        orders
    }

    /// Closes the record of a flow: with what the kernel counted at its end, or with what it said before.
    fn end(&mut self, desk: &Desk, key: &FlowKey, counted: Option<Sighting>, end: Option<End>) {
        let Some(Open { permit, last, is_lapsing, .. }) = self.open.remove(key) else { return };
        let stage = last.stage;
        let mut sighting = counted.unwrap_or(last);
        if stage != Stage::Open {
            sighting.stage = stage;
        }
        desk.close(permit, closing(&sighting, is_lapsing.then_some(End::Lapse).or(end)));
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

/// A flow that is ended because there are too many is on record as refused.
fn record_overflow(desk: &Desk, names: &Names, sighting: &Sighting) {
    let FlowKey { transport, source, destination } = sighting.key;
    let Some(sender) = desk.find_marked(source.ip(), sighting.mark) else { return };
    let target = target(desk, names, sighting);
    let attempt = Attempt {
        sender,
        source: source.ip(),
        kind: transport.kind(),
        target,
        destination: Some(destination),
    };
    // When it cannot be recorded, the next flow that begins shuts the services.
    let _recorded = desk.record_attempts(attempt, NonZeroU32::MIN);
}

fn closing(sighting: &Sighting, end: Option<End>) -> Closing {
    const NS_PER_MS: u64 = 1_000_000;
    let Sighting { key, bytes_up, bytes_down, started_ns, stopped_ns, stage, peer, .. } = *sighting;
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
            started_ns: Some(1_000_000_000),
            stopped_ns: None,
            stage: Stage::Open,
        }
    }

    fn counted(sighting: Sighting, bytes: u64) -> Sighting {
        Sighting { bytes_up: bytes, bytes_down: 2 * bytes, stopped_ns: Some(1_250_000_000), ..sighting }
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
            format!("{} {host} {verdict} {reason}{}", found.device, end.unwrap_or_default())
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
            assert_eq!(closing(&sighting, None).end.as_str(), expected, "{sighting:?}");
        }
    }

    #[test]
    fn what_the_policy_refuses_by_now_is_ended_and_on_record() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let pupil = flow(21, 4_000);
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(pupil)), [Order::Delete(pupil.key)]);
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
        assert_eq!(flows.reconcile(&school.desk, &names, &all), []);
        for all in [&all[..], &[three], &[three]] {
            assert_eq!(flows.reconcile(&school.desk, &names, all), []);
        }
        // Its end is heard, its beginning was not.
        flows.hear(&school.desk, &names, News::End(counted(flow(12, 4_003), 9)));
        // The news of its beginning came after the look. The same ends again: the first flow's end was not heard.
        flows.hear(&school.desk, &names, News::Begin(three));
        flows.hear(&school.desk, &names, News::Begin(three));
        let expected = [
            "PC-11 mail.example permit service unreachable 0 0 0",
            "PC-11 mail.example permit service abort 3 6 0",
            "PC-12 mail.example permit service unreachable 0 0 0",
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
        flows.catch_up(&school.desk, &names);
        school.disk.set_faults(Faults::default());
        school.writer.commit(noon()).unwrap();
        flows.catch_up(&school.desk, &names);
        let last = said(&mut school).into_iter().filter(|line| line.starts_with("PC-11")).collect::<Vec<_>>();
        assert_eq!(last, ["PC-11 mail.example permit service abort 0 0 0"]);
    }

    #[test]
    fn a_box_that_stops_closes_all() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let (one, two) = (flow(11, 4_000), flow(11, 4_001));
        flows.hear(&school.desk, &names, News::Begin(one));
        flows.hear(&school.desk, &names, News::Begin(two));
        let orders = flows.stop(&school.desk, &[counted(one, 5)]);
        assert_eq!(orders, [Order::Delete(one.key)]);
        let mut found = said(&mut school);
        found.sort();
        let cut = "PC-11 mail.example permit service cut";
        assert_eq!(found, [format!("{cut} 0 0 0"), format!("{cut} 5 10 250")]);
    }

    #[test]
    fn a_mark_of_another_time_and_a_flow_too_many_are_refused() {
        let mut school = school();
        let (names, mut flows) = (resolved(&school), Flows::default());
        let old = Sighting { mark: FlowMark::of(9, mac(11)), ..flow(11, 4_000) };
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(old)), [Order::Delete(old.key)]);
        let elsewhere = FlowKey { destination: "192.0.2.99:993".parse().unwrap(), ..flow(11, 4_001).key };
        let elsewhere = Sighting { key: elsewhere, ..flow(11, 4_001) };
        flows.hear(&school.desk, &names, News::Begin(elsewhere));
        let expected = ["PC-11 192.0.2.1 refuse no-service", "PC-11 192.0.2.99 refuse elsewhere"];
        assert_eq!(said(&mut school), expected);
        for port in 0..FLOWS_MAX {
            flows.hear(&school.desk, &names, News::Begin(flow(12, u16::try_from(port).unwrap())));
            if port % 1_000 == 0 {
                school.writer.commit(noon()).unwrap();
            }
        }
        let one = flow(11, 4_002);
        assert_eq!(flows.hear(&school.desk, &names, News::Begin(one)), [Order::Delete(one.key)]);
        assert_eq!(said(&mut school).last().unwrap(), "PC-11 mail.example refuse unready");
    }
}
