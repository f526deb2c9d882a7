//! The desk where every access passes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use journal::{Journal, Recorded, Unrecorded};
use model::{
    AccessKind, Closing, Device, Fault, FlowMark, LessonId, Mac, Reason, SenderMark, Subject, Tester,
    Timestamp,
};
use policy::{
    Claim, Decided as _, Decision, Finding, Permit, Question, Refusal, Snapshot, Target, decide, screen,
    still_permits,
};

use crate::forgeries::Ledger;
use crate::misses::Misses;
use crate::refusals::Memory;
use crate::sightings::Sightings;
use crate::{Clock, Directory, Forgeries, Instant, Miss, Neighbours, Refused, Stations, Testers};

/// Attributes, judges and records accesses. Shared by all doors; swapping lists or devices never blocks them.
pub struct Desk {
    neighbours: Arc<dyn Neighbours>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    directory: ArcSwap<Directory>,
    stations: ArcSwap<Stations>,
    testers: Testers,
    policy: ArcSwap<Snapshot>,
    forgeries: Ledger,
    refusals: Memory,
    misses: Misses,
    sightings: Sightings,
}

/// What a client asks for, as a door sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The client's address.
    pub client: IpAddr,
    /// By which door it came.
    pub kind: AccessKind,
    /// For what.
    pub target: Target,
    /// Where its packets were bound for before the box took them.
    pub destination: Option<SocketAddr>,
}

/// A packet that the firewall refused.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The hardware address that it came from.
    pub sender: Mac,
    /// The address that it said it came from.
    pub source: IpAddr,
    /// By which protocol.
    pub kind: AccessKind,
    /// For what.
    pub target: Target,
    /// Where it was bound for.
    pub destination: Option<SocketAddr>,
}

/// An access that is judged and recorded.
#[derive(Debug)]
pub enum Admission {
    /// It may go out.
    Permit(Recorded<Permit>),
    /// It may not.
    Refusal(Recorded<Refusal>),
}

/// A permitted access that leads to what is not permitted.
#[derive(Debug)]
pub enum Screened {
    /// It is refused, and that is recorded.
    Refused(Box<Recorded<Refusal>>),
    /// The refusal could not be recorded.
    Closed(Closed),
}

/// The web is closed: the journal cannot take a record, and access without a log is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the web is closed: {0}")]
pub struct Closed(#[from] Unrecorded);

impl Desk {
    /// A desk over these ports, with these first states of devices and policy.
    pub fn new(
        neighbours: Arc<dyn Neighbours>,
        clock: Arc<dyn Clock>,
        journal: Journal,
        directory: Directory,
        policy: Snapshot,
    ) -> Self {
        let sightings = Sightings::default();
        sightings.follow(&directory);
        Self {
            neighbours,
            clock,
            journal,
            directory: ArcSwap::from_pointee(directory),
            stations: ArcSwap::default(),
            testers: Testers::default(),
            policy: ArcSwap::from_pointee(policy),
            forgeries: Ledger::default(),
            refusals: Memory::default(),
            misses: Misses::default(),
            sightings,
        }
    }

    /// The same desk, which knows the devices by which the box attacks itself.
    #[must_use]
    pub fn with_testers(self, testers: Testers) -> Self {
        Self { testers, ..self }
    }

    /// Attributes, judges and records one access.
    ///
    /// # Errors
    /// [`Closed`] when it cannot be recorded: the door says so, and lets nothing through.
    pub fn admit(&self, request: Request) -> Result<Admission, Closed> {
        let subject = self.identify(request.client);
        self.judge(subject, request)
    }

    /// The same for an access that the box makes for the sake of a registered device, which may be switched off.
    ///
    /// # Errors
    /// As [`Desk::admit`].
    pub fn admit_for(&self, device: &Arc<Device>, request: Request) -> Result<Admission, Closed> {
        // It is not seen: nobody sits before it.
        self.decide(Subject::Device(Arc::clone(device)), request, self.clock.now())
    }

    /// The same for an access that came as a datagram, whose source address proves nothing: attributed as by
    /// [`Desk::identify_sender`].
    ///
    /// # Errors
    /// As [`Desk::admit`].
    pub fn admit_datagram(&self, request: Request, sender: Option<SenderMark>) -> Result<Admission, Closed> {
        let subject = self.identify_sender(request.client, sender);
        self.judge(subject, request)
    }

    /// The same for a flow that the firewall let begin and marked: attributed to the machine whose mark it bears.
    ///
    /// # Errors
    /// As [`Desk::admit`]: the flow must end.
    pub fn admit_flow(&self, request: Request, mark: FlowMark) -> Result<Admission, Closed> {
        let subject = self.identify_marked(request.client, mark);
        self.judge(subject, request)
    }

    /// Records packets of one kind that the firewall refused, so many of them. The reason is the policy's; where it would
    /// permit them by now, that they came at a wrong moment.
    ///
    /// # Errors
    /// [`Closed`] when they cannot be recorded.
    pub fn record_attempts(&self, attempt: Attempt, times: NonZeroU32) -> Result<(), Closed> {
        let Attempt { sender, source, kind, target, destination } = attempt;
        let tester = self.testers.find(source.to_canonical());
        let subject = tester.unwrap_or_else(|| self.find(Some(sender), source));
        let question = |target| Question { subject: subject.clone(), kind, target, destination };
        let now = self.clock.now();
        let policy = self.policy.load();
        let decision = match decide(&policy, question(target), now.plausible()) {
            Decision::Permit(permit) => {
                let host = Some(permit.permitted_host().clone());
                let fault = Target::Fault { fault: Fault::Unready, host };
                decide(&policy, question(fault), now.plausible())
            }
            refusal @ Decision::Refusal(_) => refusal,
        };
        match decision {
            Decision::Refusal(refusal) => self.record_refusal(now, refusal, times).map(drop),
            // A fault is never permitted; were it, nothing would be done with the permit.
            Decision::Permit(_) => Ok(()),
        }
    }

    /// Whether this device would be permitted to do this now. Records nothing, and gives nothing out but the answer.
    #[must_use]
    pub fn would_permit(&self, device: &Arc<Device>, kind: AccessKind, target: Target) -> bool {
        let subject = Subject::Device(Arc::clone(device));
        let question = Question { subject, kind, target, destination: None };
        let now = self.clock.now().plausible();
        matches!(decide(&self.policy.load(), question, now), Decision::Permit(_))
    }

    /// Whether this device would be permitted to do this, were it not for the lesson in its room. Records nothing either.
    #[must_use]
    pub fn is_closed_by_lesson(&self, device: &Arc<Device>, kind: AccessKind, target: Target) -> bool {
        let subject = Subject::Device(Arc::clone(device));
        let question = Question { subject, kind, target, destination: None };
        let now = self.clock.now().plausible();
        match decide(&self.policy.load(), question, now) {
            Decision::Refusal(refusal) => matches!(refusal.reason(), Reason::Narrowed(_)),
            Decision::Permit(_) => false,
        }
    }

    fn judge(&self, subject: Subject, request: Request) -> Result<Admission, Closed> {
        let now = self.clock.now();
        self.sightings.note(now.at, &subject);
        self.decide(subject, request, now)
    }

    fn decide(&self, subject: Subject, request: Request, now: Instant) -> Result<Admission, Closed> {
        let Request { client: _, kind, target, destination } = request;
        let question = Question { subject, kind, target, destination };
        match decide(&self.policy.load(), question, now.plausible()) {
            Decision::Permit(permit) => {
                Ok(Admission::Permit(self.journal.record(now.at, now.quality, permit)?))
            }
            Decision::Refusal(refusal) => {
                Ok(Admission::Refusal(self.record_refusal(now, refusal, NonZeroU32::MIN)?))
            }
        }
    }

    /// Judges what a permitted host turned out to lead to: nothing of it reaches the client before.
    ///
    /// # Errors
    /// [`Screened::Refused`] when the permit does not hold for it: the refusal is a record of its own.
    pub fn screen(&self, permit: &Recorded<Permit>, finding: Finding<'_>) -> Result<(), Screened> {
        let now = self.clock.now();
        match screen(&self.policy.load(), permit.decision(), finding, now.plausible()) {
            None => Ok(()),
            Some(refusal) => match self.record_refusal(now, refusal, NonZeroU32::MIN) {
                Ok(refusal) => Err(Screened::Refused(Box::new(refusal))),
                Err(closed) => Err(Screened::Closed(closed)),
            },
        }
    }

    /// Only what is on record is told to anybody. A tester has nobody to tell, and takes no room.
    fn record_refusal(
        &self,
        now: Instant,
        refusal: Refusal,
        times: NonZeroU32,
    ) -> Result<Recorded<Refusal>, Closed> {
        let recorded = self.journal.record_times(now.at, now.quality, refusal, times)?;
        let is_tester = matches!(recorded.decision().subject(), Subject::Device(device) if Tester::of(device.mac).is_some());
        if !is_tester {
            self.refusals.note(now.at, recorded.decision());
            self.misses.note(now.at, recorded.decision());
        }
        Ok(recorded)
    }

    /// What was refused to this client in the last quarter of an hour, the last first, repeats folded. What
    /// programs try on their own is left out where there is anything else.
    #[must_use]
    pub fn recall_refusals(&self, client: IpAddr) -> Vec<Refused> {
        self.refusals.recall(self.clock.now().at, &self.identify(client))
    }

    /// What the devices of a lesson's room looked for in vain, the last first. Who did is not told.
    #[must_use]
    pub fn recall_misses(&self, lesson: LessonId) -> Vec<Miss> {
        self.misses.recall(lesson)
    }

    /// Forgets what was looked for in vain in all lessons but these, which run.
    pub fn forget_misses_but_of(&self, running: &[LessonId]) {
        self.misses.keep_only(running);
    }

    /// When an access of this registered device was recorded last, since the box began.
    #[must_use]
    pub fn last_seen(&self, mac: Mac) -> Option<Timestamp> {
        self.sightings.find(mac)
    }

    /// Whether what was permitted would be permitted now: lists, rules, devices and the time may have changed.
    #[must_use]
    pub fn still_permits(&self, claim: &Claim) -> bool {
        // The address that a registered device had is of no concern to its rules.
        let (mac, address) = match claim.subject() {
            Subject::Device(device) => (Some(device.mac), IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            Subject::Unknown(unknown) => (unknown.mac, unknown.address),
        };
        // Anybody can take a tester's hardware address: its address on the wire alone proves one, and makes it a device.
        let tester = match claim.subject() {
            Subject::Device(device) => self.testers.find_by_mac(device.mac),
            Subject::Unknown(_) => None,
        };
        let subject = tester.unwrap_or_else(|| self.directory.load().identify(mac, address));
        still_permits(&self.policy.load(), claim, &subject, self.clock.now().plausible())
    }

    /// Records how a permitted access ended.
    pub fn close(&self, access: Recorded<Permit>, closing: Closing) {
        self.journal.close(self.clock.now().at, access, closing);
    }

    /// Who uses this address.
    #[must_use]
    pub fn identify(&self, client: IpAddr) -> Subject {
        let client = client.to_canonical();
        if let Some(tester) = self.testers.find(client) {
            return tester;
        }
        self.find(self.neighbours.find_mac(client), client)
    }

    /// The registered device with this hardware address, or with the key of this station; else whoever has the address.
    fn find(&self, mac: Option<Mac>, client: IpAddr) -> Subject {
        let mac = mac.map(|mac| self.stations.load().resolve(mac));
        self.directory.load().identify(mac, client)
    }

    /// Who sent a datagram from this address. When the firewall's mark says that it came from another machine than
    /// the one that has the address, nobody known did: no device gets a record that it did not cause. It is still
    /// somebody, because a machine with two network cards may answer on one and ask by the other.
    #[must_use]
    pub fn identify_sender(&self, client: IpAddr, sender: Option<SenderMark>) -> Subject {
        let client = client.to_canonical();
        if let Some(tester) = self.testers.find(client) {
            return tester;
        }
        let mac = self.neighbours.find_mac(client);
        let is_forged = mac.zip(sender).is_some_and(|(mac, sender)| SenderMark::of(mac) != sender);
        if let Some(sender) = sender.filter(|_| is_forged) {
            self.forgeries.note(client, sender);
        }
        self.find(mac.filter(|_| !is_forged), client)
    }

    /// Whose flow bears this mark: the registered machine that has the address, where the mark may be its own, else the
    /// registered one that the mark was made of. On the Wi-Fi, whoever has its key.
    fn identify_marked(&self, client: IpAddr, mark: FlowMark) -> Subject {
        let client = client.to_canonical();
        self.find(self.find_marked(client, mark), client)
    }

    /// The hardware address of the registered machine whose flow from this address bears this mark. Any other machine may
    /// have made up a hardware address with the same mark, so that the flow would be taken for its own: the firewall marks
    /// none of them.
    #[must_use]
    pub fn find_marked(&self, client: IpAddr, mark: FlowMark) -> Option<Mac> {
        let directory = self.directory.load();
        let neighbour = self.neighbours.find_mac(client.to_canonical());
        let own = neighbour.filter(|mac| mark.may_be_of(*mac) && directory.holds(*mac));
        own.or_else(|| directory.find_marked(mark).map(|device| device.mac))
    }

    /// What people call the machine with this hardware address.
    #[must_use]
    pub fn name_machine(&self, mac: Mac) -> String {
        self.find(Some(mac), Ipv4Addr::UNSPECIFIED.into()).to_string()
    }

    /// The registered devices.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// The time by the box's clock, if it can be a time at all.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.now().plausible()
    }

    /// The datagrams that came from other machines than their addresses say.
    #[must_use]
    pub fn forgeries(&self) -> Forgeries {
        self.forgeries.read()
    }

    /// The registered device that marks its datagrams so.
    #[must_use]
    pub fn find_sender(&self, mark: SenderMark) -> Option<Arc<Device>> {
        self.directory.load().find_sender(mark).cloned()
    }

    /// Whether the journal has more to write than it takes in a while: a door that can wait a moment should.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.journal.is_crowded()
    }

    /// Whether accesses can be recorded at the moment.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.journal.is_writable()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Snapshot> {
        self.policy.load_full()
    }

    /// Puts another policy in force: decisions from now on follow it.
    pub fn swap_policy(&self, policy: Snapshot) {
        self.policy.store(Arc::new(policy));
    }

    /// Puts another list of devices in force.
    pub fn swap_directory(&self, directory: Directory) {
        self.sightings.follow(&directory);
        self.directory.store(Arc::new(directory));
    }

    /// Other devices have joined the Wi-Fi with keys of their own.
    pub fn swap_stations(&self, stations: Stations) {
        self.stations.store(Arc::new(stations));
    }
}

#[cfg(test)]
mod tests {
    use journal::simulation::Disk;
    use model::{ClockQuality, Host, Mac, Timestamp};
    use policy::Rulebook;

    use super::*;

    /// A neighbour table: the machine 02:00:00:00:00:11 has two addresses; another is not registered.
    struct Class;

    impl Neighbours for Class {
        fn find_mac(&self, address: IpAddr) -> Option<Mac> {
            match address.to_string().as_str() {
                "10.77.0.11" | "fd77::11" => Some(mac(0x11)),
                "10.77.0.99" => Some(TWIN),
                _ => None,
            }
        }
    }

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Instant {
            Instant { at: Timestamp::from_unix_ms(0), quality: ClockQuality::Synchronised }
        }
    }

    fn mac(last: u8) -> Mac {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn device(last: u8, name: &str) -> Device {
        let profile = "elementaire".parse().unwrap();
        Device { mac: mac(last), name: name.parse().unwrap(), room: None, profile }
    }

    fn desk() -> Desk {
        desk_over(journal::open(Disk::default()).0)
    }

    fn desk_over(journal: Journal) -> Desk {
        let directory = [device(0x11, "CM2-01"), device(0x12, "CM2-02")].into_iter().collect();
        let policy = Snapshot::new(Arc::new(blocklist::builtin()), &Rulebook::default());
        Desk::new(Arc::new(Class), Arc::new(Stopped), journal, directory, policy)
    }

    #[test]
    fn a_datagram_is_its_senders_or_nobodys() {
        let desk = desk();
        let check = |client: &str, sender: Option<u8>, expected: &str| {
            let sender = sender.map(|last| SenderMark::of(mac(last)));
            let subject = desk.identify_sender(client.parse().unwrap(), sender);
            assert_eq!(subject.to_string(), expected, "{client} from {sender:?}");
        };
        check("10.77.0.11", Some(0x11), "CM2-01");
        check("fd77::11", Some(0x11), "CM2-01");
        // Without a firewall, or with an old kernel, the neighbour table is all there is.
        check("10.77.0.11", None, "CM2-01");
        check("10.77.0.98", Some(0x12), "inconnu-10.77.0.98");
        assert_eq!(desk.forgeries(), Forgeries::default());
        check("10.77.0.11", Some(0x12), "inconnu-10.77.0.11");
        check("::ffff:10.77.0.11", Some(0x99), "inconnu-10.77.0.11");
        check("fd77::11", Some(0x12), "inconnu-fd77::11");
        let mark = SenderMark::of(mac(0x12));
        let last = Some(("fd77::11".parse().unwrap(), mark));
        assert_eq!(desk.forgeries(), Forgeries { count: 3, last });
        assert_eq!(desk.find_sender(mark).unwrap().name.to_string(), "CM2-02");
        assert_eq!(desk.find_sender(SenderMark::of(mac(0x99))), None);
    }

    /// A question for a listed site, which is refused.
    fn question(client: &str, host: &str) -> Request {
        let target = Target::Host(Host::parse(host).unwrap());
        Request { client: client.parse().unwrap(), kind: AccessKind::Dns, target, destination: None }
    }

    fn told(desk: &Desk, client: &str) -> Vec<String> {
        let refusals = desk.recall_refusals(client.parse().unwrap());
        refusals.iter().map(|it| format!("{} {}", it.host.as_ref().unwrap(), it.count)).collect()
    }

    #[test]
    fn a_refusal_is_told_to_the_device_that_met_it() {
        let (journal, mut writer) = journal::open(Disk::default());
        writer.commit(Timestamp::from_unix_ms(0)).unwrap();
        let desk = desk_over(journal);
        let listed = "gambling.preau.test";
        assert!(matches!(desk.admit(question("10.77.0.11", listed)), Ok(Admission::Refusal(_))));
        assert!(matches!(desk.admit(question("10.77.0.11", "site.example")), Ok(Admission::Permit(_))));
        // Another asks with its address.
        let sender = Some(SenderMark::of(mac(0x12)));
        let forged = desk.admit_datagram(question("10.77.0.11", "adult.preau.test"), sender);
        assert!(matches!(forged, Ok(Admission::Refusal(_))));
        assert_eq!(told(&desk, "10.77.0.11"), ["gambling.preau.test 1"]);
        assert_eq!(told(&desk, "fd77::11"), ["gambling.preau.test 1"]);
        assert_eq!(told(&desk, "10.77.0.12"), [""; 0]);
    }

    /// A machine of the pupil's own has this hardware address, whose mark is that of 02:00:00:00:00:11, and answers at
    /// 10.77.0.99.
    const TWIN: Mac = Mac::new([0x02, 0xaa, 0x00, 0x07, 0xb2, 0x05]);

    /// The mark says who began a flow, whatever address he wrote on its packets, and whoever else has it.
    #[test]
    fn a_flow_is_his_whose_mark_it_bears() {
        let desk = desk();
        let check = |client: &str, marked: u8, expected: &str| {
            let subject = desk.identify_marked(client.parse().unwrap(), FlowMark::of(3, mac(marked)));
            assert_eq!(subject.to_string(), expected, "{client} {marked:#x}");
        };
        check("10.77.0.11", 0x11, "CM2-01");
        check("fd77::11", 0x12, "CM2-02");
        check("10.77.0.98", 0x12, "CM2-02");
        check("10.77.0.11", 0x99, "inconnu-10.77.0.11");
        assert!(FlowMark::of(3, mac(0x11)).may_be_of(TWIN));
        check("10.77.0.99", 0x11, "CM2-01");
    }

    /// The key with which a device joined the Wi-Fi tells who it is, whatever hardware address it took.
    #[test]
    fn a_station_is_the_device_whose_key_it_has() {
        let desk = desk();
        let check = |client: &str, expected: &str| {
            let client = client.parse().unwrap();
            assert_eq!(desk.identify(client).to_string(), expected);
            assert_eq!(desk.identify_sender(client, None).to_string(), expected);
        };
        check("10.77.0.99", &format!("inconnu-{TWIN}"));
        desk.swap_stations([(TWIN, mac(0x12))].into_iter().collect());
        check("10.77.0.99", "CM2-02");
        assert_eq!(desk.name_machine(TWIN), "CM2-02");
        check("10.77.0.11", "CM2-01");
        // It took the hardware address of another registered device: its key tells.
        desk.swap_stations([(mac(0x11), mac(0x12))].into_iter().collect());
        check("10.77.0.11", "CM2-02");
        let marked = desk.identify_marked("10.77.0.11".parse().unwrap(), FlowMark::of(3, mac(0x11)));
        assert_eq!(marked.to_string(), "CM2-02");
        // Whoever sends with its address and has another hardware address is nobody known, as ever.
        let forged = desk.identify_sender("10.77.0.11".parse().unwrap(), Some(SenderMark::of(mac(0x12))));
        assert_eq!(forged.to_string(), "inconnu-10.77.0.11");
        desk.swap_stations(Stations::default());
        check("10.77.0.11", "CM2-01");
    }

    #[test]
    fn refused_packets_are_their_senders_and_counted() {
        let disk = Disk::default();
        let (journal, mut writer) = journal::open(disk.clone());
        writer.commit(Timestamp::from_unix_ms(0)).unwrap();
        let desk = desk_over(journal);
        let target = Target::Fault { fault: Fault::NotForProfile, host: None };
        let source = "10.77.0.11".parse().unwrap();
        let attempt = Attempt { sender: mac(0x12), source, kind: AccessKind::Tcp, target, destination: None };
        desk.record_attempts(attempt.clone(), NonZeroU32::MIN).unwrap();
        desk.record_attempts(attempt, NonZeroU32::new(4).unwrap()).unwrap();
        writer.commit(Timestamp::from_unix_ms(0)).unwrap();
        let mut found = Vec::new();
        journal::search(&disk, &journal::Query::default(), |hit| {
            if let journal::Hit::Access(access) = hit {
                found.push(format!("{} {} {}", access.device, access.reason.as_str(), access.count));
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(found, ["CM2-02 not-for-profile 5"]);
        assert_eq!(desk.recall_refusals(source).len(), 0, "it was another's");
    }

    #[test]
    fn a_tester_is_known_by_its_address_alone() {
        let profile = "elementaire".parse().unwrap();
        let desk = desk().with_testers(Testers::on_network([&profile]));
        let tester = Tester::new(1).unwrap();
        for address in [IpAddr::from(tester.ipv4()), tester.ipv6().into()] {
            assert_eq!(desk.identify(address).to_string(), "autotest-elementaire");
            let sender = Some(SenderMark::of(mac(0x11)));
            assert_eq!(desk.identify_sender(address, sender).to_string(), "autotest-elementaire");
        }
        // There are no more profiles than this one, and on a network loopback is nobody's.
        for address in [IpAddr::from(Tester::new(2).unwrap().ipv4()), tester.loopback().into()] {
            assert!(matches!(desk.identify(address), Subject::Unknown(_)), "{address}");
        }
        assert_eq!(desk.forgeries(), Forgeries::default());
    }

    #[test]
    fn what_is_not_on_record_is_not_told() {
        let desk = desk();
        assert!(desk.admit(question("10.77.0.11", "gambling.preau.test")).is_err());
        assert_eq!(told(&desk, "10.77.0.11"), [""; 0]);
    }
}
