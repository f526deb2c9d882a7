//! Requests for sites: who asks, what stands against it, who answers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::{
    AccessKind, Device, DomainName, Host, Layer, Machine, Narrowing, NewOverride, Obstacle, Override,
    OverrideId, Person, PersonAct, PersonDeed, Reason, RequestId, Rule, Scope, SiteRequest, Subject,
    Timestamp, Topic, UnknownDevice, Verdict,
};
use policy::{Decided, Decision, Question, Target, decide};
use portal::{Asked, Hold, Reply, Trouble, Wish};
use store::{NewRequest, Store, StoreError};

use super::Office;

const MINUTE_MS: u64 = 60_000;
/// How long a device is told what became of its requests: as long as the store knows who asked.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

impl Office {
    pub(super) fn list_asked(&self, client: IpAddr) -> Result<Vec<Asked>, Trouble> {
        let machine = self.identify(client).machine;
        let (requests, overrides) =
            self.work(|store| Ok::<_, StoreError>((store.requests_of(machine)?, store.overrides()?)))?;
        let now = self.clock.now().at;
        let is_recent = |request: &SiteRequest| {
            let last = request.answer.as_ref().map_or(request.asked, |answer| answer.at);
            request.answer.is_none() || now.ms_since(last) < REMEMBERED_MS
        };
        let asked = requests.into_iter().filter(is_recent);
        Ok(asked.map(|request| Asked { granted: find_granted(&overrides, &request), request }).collect())
    }

    /// Nothing is typed freely: the host is one that was just refused to this very device, and what is asked for is the
    /// site behind it.
    pub(super) fn ask_for(&self, client: IpAddr, site: &DomainName) -> Result<(), Trouble> {
        let asker = self.identify(client);
        let refusals = self.desk.recall_refusals(client);
        let refused = refusals
            .iter()
            .find(|it| !it.is_noise() && it.host.as_ref().and_then(Host::name) == Some(site))
            .ok_or(Trouble::Unknown)?;
        let new = NewRequest {
            site: refused.reason.site_of(site).ok_or(Trouble::Unknown)?,
            room: asker.subject.room().cloned(),
            obstacle: Obstacle::of(&refused.reason).ok_or(Trouble::Unknown)?,
            asker: asker.machine,
            is_registered: asker.registered().is_some(),
        };
        let now = self.clock.now();
        self.work(|store| store.ask(&new, now.at, now.quality)).map(drop)
    }

    pub(super) fn list_wishes(&self, person: &Person) -> Result<Vec<Wish>, Trouble> {
        let (requests, overrides, askers) = self.work(|store| {
            Ok::<_, StoreError>((store.requests()?, store.overrides()?, Askers::read(store)?))
        })?;
        let requests = requests.into_iter().filter(|it| person.teaches_in(it.room.as_ref()));
        let wishes = requests.map(|request| Wish {
            hold: match &request.answer {
                None => self.find_hold(&askers, &request),
                Some(_) => Hold::Open,
            },
            granted: find_granted(&overrides, &request),
            request,
        });
        Ok(wishes.collect())
    }

    pub(super) fn list_standing(&self, person: &Person) -> Result<Vec<Override>, Trouble> {
        let now = self.clock.now().plausible();
        let (overrides, reports) =
            self.work(|store| Ok::<_, StoreError>((store.overrides()?, store.reports()?)))?;
        let is_hers = |it: &Override| !it.is_over(now) && may_end(person, it, &reports);
        let standing = overrides.into_iter().rev().filter(is_hers);
        Ok(standing.collect())
    }

    /// What the policy in force says to those who asked: a room has devices of several profiles, and what holds the
    /// site from one of them holds it from the room.
    fn find_hold(&self, askers: &Askers, request: &SiteRequest) -> Hold {
        let holds = askers.of(request.id).map(|asker| self.judge(asker, request));
        holds.max_by_key(|hold| strength(*hold)).unwrap_or(Hold::By(request.obstacle.lifter))
    }

    fn judge(&self, subject: Subject, request: &SiteRequest) -> Hold {
        let target = Target::Host(request.site.clone().into());
        let question = Question { subject, kind: AccessKind::Http, target, destination: None };
        match decide(&self.desk.policy(), question, self.clock.now().plausible()) {
            Decision::Refusal(refusal) => hold_of(refusal.reason()),
            Decision::Permit(permit) if matches!(permit.reason(), Reason::Ruled(_)) => Hold::Open,
            // A list may have refused a page of the site: which one, nobody kept, and the site by itself is open.
            Decision::Permit(_) if request.obstacle.category.is_some() => Hold::By(request.obstacle.lifter),
            Decision::Permit(_) => Hold::Open,
        }
    }

    pub(super) fn reply(
        &self,
        client: IpAddr,
        person: &Person,
        id: RequestId,
        reply: &Reply,
    ) -> Result<(), Trouble> {
        let (request, askers) =
            self.work(|store| Ok::<_, StoreError>((store.find_request(id)?, Askers::read(store)?)))?;
        let request = request.ok_or(Trouble::Unknown)?;
        if !person.teaches_in(request.room.as_ref()) {
            return Err(Trouble::Denied);
        }
        if request.answer.is_some() {
            return Err(Trouble::Answered);
        }
        let (layer, scope, until, motive) = match reply {
            Reply::Decline => return self.decline(client, person, &request),
            Reply::Lesson { minutes, motive } => {
                let room = request.room.clone().ok_or(Trouble::Denied)?;
                (Layer::Lesson, Scope::Room(room), self.minutes_ahead(*minutes)?, motive)
            }
            Reply::ThisLesson { lesson, motive } => {
                let lesson = self.work(|store| store.find_lesson(*lesson))?.ok_or(Trouble::Unknown)?;
                let room = request.room.clone().filter(|room| *room == lesson.room).ok_or(Trouble::Denied)?;
                (Layer::Lesson, Scope::Room(room), lesson.until, motive)
            }
            Reply::School { until, motive } if person.role.directs() => {
                (Layer::School, Scope::Everyone, self.end_of(*until)?, motive)
            }
            Reply::School { .. } => return Err(Trouble::Denied),
        };
        // Nothing of the rule would be in force where something stronger refuses the site.
        let is_stronger = match self.find_hold(&askers, &request) {
            Hold::Open => false,
            Hold::By(lifter) => lifter < layer,
            Hold::Lesson | Hold::Nobody => true,
        };
        if is_stronger {
            return Err(Trouble::Stronger);
        }
        let rule = Rule {
            layer,
            effect: Verdict::Permit,
            topic: Topic::Site(request.site),
            scope,
            author: person.name.clone(),
            motive: motive.clone(),
            from: None,
            until: Some(until),
        };
        let clock = self.clock.now();
        let now = clock.plausible().ok_or(Trouble::NoClock)?;
        let lesson = if let Reply::ThisLesson { lesson, .. } = reply { Some(*lesson) } else { None };
        let new = NewOverride::new(rule, now).map_err(|_| Trouble::Field)?;
        self.write(|store| store.grant_request(id, new, lesson, clock.quality)).map(drop)
    }

    /// Whether this is the answer that this person gave.
    pub(super) fn is_answered_so(
        &self,
        person: &Person,
        id: RequestId,
        reply: &Reply,
    ) -> Result<bool, Trouble> {
        let (request, overrides) =
            self.work(|store| Ok::<_, StoreError>((store.find_request(id)?, store.overrides()?)))?;
        let Some(answer) = request.as_ref().and_then(|request| request.answer.as_ref()) else {
            return Ok(false);
        };
        let granted = request.as_ref().and_then(|request| find_granted(&overrides, request));
        let is_same = match (reply, granted) {
            (Reply::Decline, _) => answer.granted.is_none(),
            (Reply::Lesson { minutes, .. }, Some(it)) => {
                // Two readings of the clock lie between its making and its end.
                let ms =
                    it.rule.until.map_or(0, |until| until.ms_since(it.made).saturating_add(MINUTE_MS / 2));
                it.rule.layer == Layer::Lesson && ms / MINUTE_MS == u64::from(*minutes)
            }
            (Reply::ThisLesson { lesson, .. }, Some(it)) => {
                self.work(|store| store.overrides_of(*lesson))?.contains(&it.id)
            }
            (Reply::School { until, .. }, Some(it)) => {
                it.rule.layer == Layer::School && it.rule.until == Some(self.end_of(*until)?)
            }
            (Reply::Lesson { .. } | Reply::ThisLesson { .. } | Reply::School { .. }, None) => false,
        };
        Ok(is_same && answer.by == person.name)
    }

    /// Whoever sees a request may decline it, also one that she could not grant: else it would stay, and count.
    fn decline(&self, client: IpAddr, person: &Person, request: &SiteRequest) -> Result<(), Trouble> {
        let deed = PersonDeed::Decline { site: request.site.clone(), room: request.room.clone() };
        let device = self.identify(client).machine.mac();
        let act = PersonAct { author: person.name.clone(), device, deed };
        let now = self.clock.now().at;
        self.write(|store| store.decline_request(request.id, &person.name, now, &act)).map(drop)
    }

    pub(super) fn end_rule(&self, person: &Person, id: OverrideId) -> Result<(), Trouble> {
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        self.work(|store| {
            let found = store.overrides()?.into_iter().find(|it| it.id == id);
            let found = found.ok_or(super::Failure::Trouble(Trouble::Unknown))?;
            if !may_end(person, &found, &store.reports()?) {
                return Err(super::Failure::Trouble(Trouble::Denied));
            }
            store.end_override(id, &person.name, now).map(drop).map_err(Into::into)
        })
    }

    fn minutes_ahead(&self, minutes: u32) -> Result<Timestamp, Trouble> {
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let ms = u64::from(minutes) * MINUTE_MS;
        Ok(Timestamp::from_unix_ms(now.unix_ms().saturating_add_unsigned(ms)))
    }

    /// The end of a day by the school's clock.
    pub(super) fn end_of(&self, day: Date) -> Result<Timestamp, Trouble> {
        let next = day.checked_add(1.day()).map_err(|_| Trouble::Field)?;
        let end = next.to_zoned(self.zone.clone()).map_err(|_| Trouble::Field)?;
        Ok(Timestamp::from_unix_ms(end.timestamp().as_millisecond()))
    }
}

/// The devices that made the open requests, as they are registered now.
struct Askers {
    devices: Vec<Device>,
    machines: Vec<(RequestId, Machine)>,
}

impl Askers {
    fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { devices: store.devices()?, machines: store.open_askers()? })
    }

    fn of(&self, id: RequestId) -> impl Iterator<Item = Subject> {
        let machines = self.machines.iter().filter(move |(request, _)| *request == id);
        machines.map(|(_, machine)| self.identify(*machine))
    }

    fn identify(&self, machine: Machine) -> Subject {
        let device = self.devices.iter().find(|device| Some(device.mac) == machine.mac());
        let address = match machine {
            Machine::Address(address) => address,
            Machine::Mac(_) => Ipv4Addr::UNSPECIFIED.into(),
        };
        match device {
            Some(device) => Subject::Device(Arc::new(device.clone())),
            None => UnknownDevice { mac: machine.mac(), address }.into(),
        }
    }
}

/// What a refusal for this reason holds.
pub(super) fn hold_of(reason: &Reason) -> Hold {
    match (reason, reason.lifter()) {
        (Reason::Narrowed(Narrowing::Closed), _) => Hold::Lesson,
        (_, Some(lifter)) => Hold::By(lifter),
        (_, None) => Hold::Nobody,
    }
}

/// What holds a site more, the more it takes to open it.
pub(super) fn strength(hold: Hold) -> u8 {
    match hold {
        Hold::Open => 0,
        Hold::By(Layer::Lesson) => 1,
        Hold::By(Layer::School) => 2,
        Hold::By(Layer::Commune) => 3,
        Hold::Lesson => 4,
        Hold::Nobody => 5,
    }
}

/// The override that a request was granted.
fn find_granted(overrides: &[Override], request: &SiteRequest) -> Option<Override> {
    let id = request.answer.as_ref()?.granted?;
    overrides.iter().find(|it| it.id == id).cloned()
}

/// Whose rule it is: a teacher's own, for a lesson, or one of these that wait for a look of the head. The head ends any but the
/// commune's, which its hub takes back.
fn may_end(person: &Person, it: &Override, reports: &[Override]) -> bool {
    let is_teachers = it.rule.layer == Layer::Lesson || reports.iter().any(|report| report.id == it.id);
    let is_ours = it.rule.layer != Layer::Commune;
    is_ours && (person.role.directs() || is_teachers && it.rule.author == person.name)
}
