//! Lessons: who has which room, what she changes there, and what a page tells of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use model::{
    AccessKind, DomainName, Host, Layer, Lesson, LessonEnd, LessonEnding, LessonId, LessonPlan,
    LessonSettings, Mac, Motive, NewLesson, NewOverride, Override, OverrideId, Person, PlanId, Reason,
    RoomName, Rule, Scope, SiteList, Subject, Timestamp, Topic, Verdict,
};
use policy::{Decided, Decision, Question, Target, decide};
use portal::{Hold, LessonStart, LessonTurn, Missed, RoomNow, SeenDevice, Trouble, WifiLine};
use store::{LessonChange, LessonError, Store, StoreError};

use super::{Failure, Office};

const MINUTE_MS: u64 = 60_000;
/// Most devices of a room that a page shows: a class has fewer.
const DEVICES_SHOWN_MAX: usize = 60;
/// Most planned lessons of one teacher: each hour of her week.
const PLANS_OF_ONE_MAX: usize = 50;
/// Most lines of the register: a school year of a large school.
const REGISTER_MAX: u32 = 5_001;

impl Office {
    pub(super) fn describe_room(&self, person: &Person) -> Result<RoomNow, Trouble> {
        let rooms = self.rooms_of(person)?;
        let now = self.clock.now().plausible();
        let remembered = self.work(|store| store.remembered_room(person.id))?;
        let room = remembered.filter(|room| rooms.contains(room)).or_else(|| rooms.first().cloned());
        let Some(room) = room else {
            return Ok(RoomNow { minutes: self.lesson_minutes, ..RoomNow::default() });
        };
        let (open, last) = self.work(|store| {
            Ok::<_, StoreError>((store.open_lessons()?, store.last_lesson(&person.name, &room)?))
        })?;
        let lesson = open.into_iter().find(|it| it.room == room && it.is_running(now));
        let is_hers = lesson.as_ref().is_some_and(|it| may_change(person, it));
        let sites = last.as_ref().map(|it| it.internet.sites()).unwrap_or_default();
        let sites = sites.iter().map(DomainName::as_str).collect::<Vec<_>>().join(" ");
        let (old_keys, strange_keys) = self.list_wrong_keys(&room)?;
        Ok(RoomNow {
            old_keys,
            strange_keys,
            wifi: self.radios.status(&room),
            devices: self.list_devices(&room),
            missed: lesson.as_ref().filter(|_| is_hers).map_or(Vec::new(), |it| self.list_missed(it, now)),
            taken: last.and_then(|it| find_taken(it, now)),
            sites,
            minutes: self.lesson_minutes,
            rooms,
            room: Some(room),
            lesson,
            is_hers,
        })
    }

    /// The school's devices that tried the room's Wi-Fi with an old key, and how many others did with a wrong one.
    fn list_wrong_keys(&self, room: &RoomName) -> Result<(Vec<String>, usize), Trouble> {
        let tried = self.radios.wrong_keys(room);
        if tried.is_empty() {
            return Ok((vec![], 0));
        }
        let devices = self.work(|store| store.devices())?;
        let of_school = devices.iter().filter(|device| tried.contains(&device.mac));
        let known: Vec<_> = of_school.map(|device| device.name.to_string()).collect();
        let strange = tried.len().saturating_sub(known.len());
        Ok((known, strange))
    }

    /// The rooms with devices where somebody teaches.
    fn rooms_of(&self, person: &Person) -> Result<Vec<RoomName>, Trouble> {
        let rooms = self.list_rooms()?;
        Ok(rooms.into_iter().filter(|room| person.teaches_in(Some(room))).collect())
    }

    pub(super) fn check_room(&self, person: &Person, room: &RoomName) -> Result<(), Trouble> {
        if !self.list_rooms()?.contains(room) {
            return Err(Trouble::Unknown);
        }
        if person.teaches_in(Some(room)) { Ok(()) } else { Err(Trouble::Denied) }
    }

    pub(super) fn remember_room(&self, person: &Person, room: &RoomName) -> Result<(), Trouble> {
        self.check_room(person, room)?;
        self.write(|store| store.remember_room(person.id, room))
    }

    pub(super) fn begin_lesson(
        &self,
        client: IpAddr,
        person: &Person,
        start: &LessonStart,
    ) -> Result<(), Trouble> {
        self.check_room(person, &start.room)?;
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let settings = LessonSettings {
            until: Timestamp::from_unix_ms(
                now.unix_ms().saturating_add_unsigned(u64::from(start.minutes) * MINUTE_MS),
            ),
            internet: start.internet.clone(),
            is_wifi_on: start.is_wifi_on,
        };
        let new = NewLesson::new(person.name.clone(), start.room.clone(), now, settings)
            .map_err(|_| Trouble::Length)?;
        let device = self.device_of(client);
        self.write(|store| -> Result<(), LessonError> {
            store.start_lesson(new, start.takes_over, device)?;
            Ok(store.remember_room(person.id, &start.room)?)
        })
    }

    pub(super) fn turn_lesson(
        &self,
        client: IpAddr,
        person: &Person,
        id: LessonId,
        turn: &LessonTurn,
    ) -> Result<(), Trouble> {
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let change = match turn.clone() {
            LessonTurn::Internet(internet) => {
                LessonChange { internet: Some(internet), ..LessonChange::default() }
            }
            LessonTurn::Wifi(is_on) => LessonChange { is_wifi_on: Some(is_on), ..LessonChange::default() },
            LessonTurn::Until(until) => LessonChange { until: Some(until), ..LessonChange::default() },
        };
        let device = self.device_of(client);
        self.write(|store| {
            find_own(store, person, id)?;
            store.change_lesson(id, change, now, (&person.name, device)).map(drop).map_err(Failure::from)
        })
    }

    /// By a clock that is not set, too: what is to end ends.
    pub(super) fn finish_lesson(&self, client: IpAddr, person: &Person, id: LessonId) -> Result<(), Trouble> {
        let (now, device) = (self.clock.now().at, self.device_of(client));
        self.write(|store| {
            if find_own(store, person, id)?.ended.is_some() {
                return Ok(());
            }
            store.end_lesson(id, now, (&person.name, device)).map(drop).map_err(Failure::from)
        })
    }

    pub(super) fn permit_site(
        &self,
        person: &Person,
        id: LessonId,
        site: &DomainName,
        motive: &Motive,
    ) -> Result<(), Trouble> {
        let clock = self.clock.now();
        let now = clock.plausible().ok_or(Trouble::NoClock)?;
        let lesson = self.work(|store| find_own(store, person, id))?;
        if !lesson.is_running(Some(now)) {
            return Err(Trouble::LessonOver);
        }
        // Only what the room was refused in this lesson: nothing is typed.
        let missed = self.list_missed(&lesson, Some(now)).into_iter().find(|it| it.site == *site);
        match missed.ok_or(Trouble::Unknown)?.hold {
            Hold::Open => return Ok(()),
            Hold::By(Layer::Lesson) => {}
            Hold::By(Layer::Commune | Layer::School) | Hold::Lesson | Hold::Nobody => {
                return Err(Trouble::Stronger);
            }
        }
        let rule = Rule {
            layer: Layer::Lesson,
            effect: Verdict::Permit,
            topic: Topic::Site(site.clone()),
            scope: Scope::Room(lesson.room.clone()),
            author: person.name.clone(),
            motive: motive.clone(),
            from: None,
            until: Some(lesson.until),
        };
        let new = NewOverride::new(rule, now).map_err(|_| Trouble::LessonOver)?;
        self.write(|store| store.permit_in_lesson(id, new, clock.quality)).map(drop)
    }

    pub(super) fn report(&self, person: &Person, site: &str, motive: &Motive) -> Result<(), Trouble> {
        let clock = self.clock.now();
        let now = clock.plausible().ok_or(Trouble::NoClock)?;
        let sites = site.parse::<SiteList>().map_err(|_| Trouble::Sites)?;
        let [site] = sites.names() else { return Err(Trouble::Sites) };
        let policy = self.desk.policy();
        // The page says that the site is closed: where something of it would stay open, it is not.
        if policy.touches_workspace(site) || policy.is_held_open(site, Some(now)) {
            return Err(Trouble::Stronger);
        }
        let rule = Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic: Topic::Site(site.clone()),
            scope: Scope::Everyone,
            author: person.name.clone(),
            motive: motive.clone(),
            from: None,
            until: None,
        };
        let new = NewOverride::new(rule, now).map_err(|_| Trouble::Sites)?;
        self.write(|store| store.add_report(new, clock.quality))?;
        self.tell_of_report(person, site, motive, now)
    }

    pub(super) fn list_reports(&self) -> Result<Vec<Override>, Trouble> {
        self.work(|store| store.reports())
    }

    pub(super) fn settle_report(
        &self,
        client: IpAddr,
        person: &Person,
        id: OverrideId,
    ) -> Result<(), Trouble> {
        let author = self.author(client, person);
        self.write(|store| store.settle_report(id, author))
    }

    pub(super) fn list_wifi(&self) -> Result<Vec<WifiLine>, Trouble> {
        let uses = self.work(|store| store.wifi_uses(REGISTER_MAX))?;
        let line = |it: store::WifiUse| WifiLine {
            lesson: it.lesson,
            room: it.room,
            on: it.on,
            on_by: it.on_by,
            off: it.off,
        };
        Ok(uses.into_iter().map(line).collect())
    }

    /// The minute is a part of it: a page shows how much time is left, and who was seen.
    pub(super) fn take_pulse(&self, person: &Person) -> Result<u64, Trouble> {
        let mut hasher = DefaultHasher::new();
        self.work(|store| store.pulse())?.hash(&mut hasher);
        self.radios.pulse().hash(&mut hasher);
        let now = self.clock.now().plausible();
        now.map(|now| now.unix_ms().div_euclid(60_000)).hash(&mut hasher);
        let open = self.work(|store| store.open_lessons())?;
        for lesson in open.iter().filter(|it| it.is_running(now) && may_change(person, it)) {
            for miss in self.desk.recall_misses(lesson.id) {
                (miss.site, miss.devices).hash(&mut hasher);
            }
        }
        Ok(hasher.finish())
    }

    pub(super) fn list_plans(&self, person: &Person) -> Result<Vec<(PlanId, LessonPlan)>, Trouble> {
        let plans = self.work(|store| store.plans())?;
        Ok(plans.into_iter().filter(|(_, plan)| plan.teacher == person.name).collect())
    }

    pub(super) fn plan_lesson(
        &self,
        client: IpAddr,
        person: &Person,
        plan: &LessonPlan,
    ) -> Result<(), Trouble> {
        self.check_room(person, &plan.room)?;
        if !plan.is_fit() {
            return Err(Trouble::Length);
        }
        if self.list_plans(person)?.len() >= PLANS_OF_ONE_MAX {
            return Err(Trouble::Full);
        }
        let device = self.device_of(client);
        self.write(|store| store.plan_lesson(plan, device)).map(drop)
    }

    pub(super) fn give_plan_up(&self, client: IpAddr, person: &Person, id: PlanId) -> Result<(), Trouble> {
        let device = self.device_of(client);
        self.write(|store| store.remove_plan(id, &person.name, device)).map(drop)
    }

    fn device_of(&self, client: IpAddr) -> Option<Mac> {
        self.identify(client).machine.mac()
    }

    fn list_devices(&self, room: &RoomName) -> Vec<SeenDevice> {
        let directory = self.desk.directory();
        let of_room = directory.devices().filter(|device| device.room.as_ref() == Some(room));
        let mut devices: Vec<_> = of_room
            .map(|device| SeenDevice { name: device.name.to_string(), last: self.desk.last_seen(device.mac) })
            .collect();
        // Those never seen come last.
        devices.sort_by(|one, other| other.last.cmp(&one.last).then_with(|| one.name.cmp(&other.name)));
        devices.truncate(DEVICES_SHOWN_MAX);
        devices
    }

    fn list_missed(&self, lesson: &Lesson, now: Option<Timestamp>) -> Vec<Missed> {
        let misses = self.desk.recall_misses(lesson.id);
        let told = misses.into_iter().map(|miss| Missed {
            hold: self.hold_in(lesson, &miss.site, &miss.reason, now),
            site: miss.site,
            devices: miss.devices,
        });
        told.collect()
    }

    /// What holds a site from the devices of a lesson's room that the lesson is for: the strictest verdict counts.
    fn hold_in(&self, lesson: &Lesson, site: &DomainName, reason: &Reason, now: Option<Timestamp>) -> Hold {
        let (policy, directory) = (self.desk.policy(), self.desk.directory());
        let of_room = directory.devices().filter(|device| device.room.as_ref() == Some(&lesson.room));
        let holds = of_room.map(|device| {
            let target = Target::Host(Host::from(site.clone()));
            let subject = Subject::Device(Arc::clone(device));
            let question = Question { subject, kind: AccessKind::Http, target, destination: None };
            match decide(&policy, question, now) {
                Decision::Permit(_) => Hold::Open,
                Decision::Refusal(refusal) => super::asking::hold_of(refusal.reason()),
            }
        });
        holds
            .max_by_key(|hold| super::asking::strength(*hold))
            .unwrap_or_else(|| super::asking::hold_of(reason))
    }
}

/// Whose lesson it is: its teacher's. Those who direct may change any.
fn may_change(person: &Person, lesson: &Lesson) -> bool {
    person.role.directs() || lesson.teacher == person.name
}

fn find_own(store: &Store, person: &Person, id: LessonId) -> Result<Lesson, Failure> {
    let lesson = store.find_lesson(id)?.ok_or(Failure::Trouble(Trouble::Unknown))?;
    if may_change(person, &lesson) { Ok(lesson) } else { Err(Failure::Trouble(Trouble::Denied)) }
}

/// That a colleague took the room over, until the lesson's own end.
fn find_taken(lesson: Lesson, now: Option<Timestamp>) -> Option<LessonEnd> {
    let is_news = now.is_some_and(|now| now < lesson.until);
    lesson.ended.filter(|end| is_news && end.how == LessonEnding::TakeOver)
}

impl From<LessonError> for Failure {
    fn from(error: LessonError) -> Self {
        Self::Trouble(match error {
            LessonError::Occupied(_) => Trouble::Occupied,
            LessonError::TooMany => Trouble::Full,
            LessonError::Unknown(_) => Trouble::Unknown,
            LessonError::Over(_) => Trouble::LessonOver,
            LessonError::Unfit(_) => Trouble::Length,
            LessonError::Unrecorded => Trouble::Unavailable,
            LessonError::Override(error) => return error.into(),
            LessonError::Store(error) => return Self::Store(error),
        })
    }
}
