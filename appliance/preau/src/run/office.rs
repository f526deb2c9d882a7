//! The portal's office: people, sessions and requests, over the store and the policy in force.

mod asking;
mod commune;
mod custody;
mod devices;
mod holding;
mod hurrying;
mod installing;
mod joining;
mod keys;
mod lessons;
mod lining;
mod moving;
mod networks;
mod notebook;
mod overview;
mod points;
mod preparing;
mod reading;
mod ruling;
mod signing;
mod staff;
mod telephone;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use access::{Clock, Desk};
use jiff::tz::TimeZone;
use model::{
    AccessPointName, Device, DomainName, LessonId, LessonPlan, Mac, Machine, MadeCard, Motive, Override,
    OverrideId, Person, PersonId, PlanId, PreparationId, ProfileName, ReaderRole, Reading, ReadingId,
    ReleaseVersion, RequestId, Role, RoomName, Selection, Subject, Timestamp,
};
use portal::{
    Asked, Card, Chore, ChoreLine, Claimed, Classes, CommuneDesk, CommuneWish, Custody, DeviceList, Findings,
    Held, HubSeat, JoinCode, JoinFile, JoinTrouble, KeyBearer, KeyList, LessonChoice, LessonStart,
    LessonTurn, LibraryLine, LineSeat, LineTrouble, NewCodes, NewHold, NewKey, NewReading, Newcomer, Points,
    PreparationLine, Reader, ReadingList, RemovedKey, Reply, RoomKeys, RoomNow, SaidOfPoint, SchoolRule,
    SelftestRun, ShownKey, Summary, TelephoneState, Tile, Trouble, TypedHub, TypedLine, TypedTelephone,
    WaitingRelease, WantedThing, WifiLine, Wish,
};
use ring::rand::SystemRandom;
use store::{AddOverrideError, AnswerError, AskError, EndOverrideError, PersonError, Store, StoreError};

use super::chores::Chores;
use super::radios::Radios;
use super::readings::Readings;
use crate::data_folder::STATE_FILE;
use crate::join_files::JoinDesk;
use crate::line::LineDesk;
use crate::releases::REPORT;
use keys::KeyDesk;
use moving::Moving;
use notebook::Notebook;
pub(crate) use points::PointPlan;
pub(crate) use preparing::Larder;

/// What the office works with.
pub(crate) struct Office {
    data: PathBuf,
    state_file: PathBuf,
    /// A connection of its own; opened anew after a failure.
    store: Mutex<Option<Store>>,
    /// A failure of it is told once, until something was written again: on a full disk all can be read, and anybody may
    /// have something written.
    is_failure_told: AtomicBool,
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    random: SystemRandom,
    notebook: Notebook,
    /// Sessions that are over, and that the state file has still.
    ended: Mutex<HashSet<[u8; 32]>>,
    /// Held while a secret is compared: one at a time takes memory and a core.
    hashing: Mutex<()>,
    /// How many wait for it, or have it.
    hashers: AtomicUsize,
    /// Keys of readers: those of the configuration, and those that wait to be confirmed.
    keys: KeyDesk,
    /// The keys of open readings.
    readings: Arc<Readings>,
    /// The school's name, for extracts.
    school: String,
    /// Held while the journal is searched: one at a time takes memory and a core.
    looking: Mutex<()>,
    /// How long a lesson usually is, in minutes.
    lesson_minutes: u32,
    /// The Wi-Fi of the rooms.
    radios: Arc<Radios>,
    /// What is prepared of the workspaces.
    larder: Larder,
    /// The roles whose people have to have a telephone.
    telephones: Vec<Role>,
    /// Access points that are plugged in.
    points: PointPlan,
    /// Where the machine's system tells of its releases.
    release_report: PathBuf,
    /// What may be asked for at once.
    chores: Arc<Chores>,
    /// The hub that the box is to enrol at.
    moving: Arc<Moving>,
    /// Where the line is changed, on a box that has one.
    line_desk: Option<LineDesk>,
    /// The profiles that devices may have.
    profiles: Vec<ProfileName>,
    /// What stands in files for devices besides their network.
    join_desk: JoinDesk,
    /// What was counted of the day under way, and up to which hour.
    counted: Mutex<Option<(Timestamp, Summary)>>,
}

/// A client, as the box knows it at this moment.
struct Asker {
    subject: Subject,
    machine: Machine,
}

impl Asker {
    /// The hardware address of a device that somebody registered: failures count for it alone.
    fn registered(&self) -> Option<Mac> {
        match &self.subject {
            Subject::Device(device) => Some(device.mac),
            Subject::Unknown(_) => None,
        }
    }
}

impl Office {
    /// An office over the state file of the data folder.
    pub(crate) fn new(data: &Path, desk: Arc<Desk>, clock: Arc<dyn Clock>, zone: TimeZone) -> Self {
        Self {
            data: data.to_owned(),
            state_file: data.join(STATE_FILE),
            store: Mutex::new(None),
            is_failure_told: AtomicBool::new(false),
            desk,
            clock,
            zone,
            random: SystemRandom::new(),
            notebook: Notebook::default(),
            ended: Mutex::default(),
            hashing: Mutex::new(()),
            hashers: AtomicUsize::new(0),
            keys: KeyDesk::default(),
            readings: Arc::default(),
            school: String::new(),
            looking: Mutex::new(()),
            lesson_minutes: model::LESSON_MINUTES_USUAL,
            radios: Arc::default(),
            larder: Larder::default(),
            telephones: Vec::new(),
            points: PointPlan::default(),
            release_report: PathBuf::from(REPORT),
            chores: Arc::default(),
            moving: Arc::default(),
            line_desk: None,
            profiles: Vec::new(),
            join_desk: JoinDesk::default(),
            counted: Mutex::default(),
        }
    }

    /// The same of this school, with the keys of readings that somebody else ends in their time.
    pub(crate) fn of_school(self, school: String, readings: Arc<Readings>) -> Self {
        Self { school, readings, ..self }
    }

    /// The same with lessons of so many minutes, in rooms with this Wi-Fi.
    pub(crate) fn with_lessons(self, minutes: u32, radios: Arc<Radios>) -> Self {
        Self { lesson_minutes: minutes, radios, ..self }
    }

    /// Writes to the store, in any case: what succeeds shows that all is well again.
    fn write<T, E: Into<Failure>>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, E>,
    ) -> Result<T, Trouble> {
        let outcome = self.work(work)?;
        self.is_failure_told.store(false, Ordering::Relaxed);
        Ok(outcome)
    }

    /// Works on the store. A failure of it is unavailability for whoever looks at a page.
    fn work<T, E: Into<Failure>>(&self, work: impl FnOnce(&mut Store) -> Result<T, E>) -> Result<T, Trouble> {
        let mut place = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match &mut *place {
            Some(store) => store,
            absent => match Store::open(&self.state_file) {
                Ok(store) => absent.insert(store),
                Err(error) => return Err(self.tell(error)),
            },
        };
        let outcome = work(store).map_err(Into::into);
        if let Err(Failure::Store(error)) = outcome {
            *place = None;
            return Err(self.tell(error));
        }
        outcome.map_err(|failure| match failure {
            Failure::Trouble(trouble) => trouble,
            Failure::Store(_) => Trouble::Unavailable,
        })
    }

    fn tell(&self, error: impl std::error::Error + Send + Sync + 'static) -> Trouble {
        if !self.is_failure_told.swap(true, Ordering::Relaxed) {
            tracing::error!("people cannot be served: {:#}", anyhow::Error::from(error));
        }
        Trouble::Unavailable
    }

    fn identify(&self, client: IpAddr) -> Asker {
        let subject = self.desk.identify(client);
        Asker { machine: Machine::of(&subject), subject }
    }
}

impl portal::Office for Office {
    fn teachers(&self) -> Result<Vec<Tile>, Trouble> {
        self.list_teachers()
    }

    fn sign_in(&self, client: IpAddr, who: &Claimed, secret: &str, code: &str) -> Result<String, Trouble> {
        self.begin(client, who, secret, code)
    }

    fn enter(&self, client: IpAddr, token: &str, is_use: bool) -> Result<Option<Person>, Trouble> {
        self.go_on(client, token, is_use)
    }

    fn sign_out(&self, client: IpAddr, token: &str) -> Result<(), Trouble> {
        self.leave(client, token)
    }

    fn change_secret(
        &self,
        client: IpAddr,
        person: &Person,
        old: &str,
        new: &str,
    ) -> Result<String, Trouble> {
        self.replace_secret(client, person, old, new)
    }

    fn asked(&self, client: IpAddr) -> Result<Vec<Asked>, Trouble> {
        self.list_asked(client)
    }

    fn ask(&self, client: IpAddr, site: &DomainName) -> Result<(), Trouble> {
        self.ask_for(client, site)
    }

    fn wishes(&self, person: &Person) -> Result<Vec<Wish>, Trouble> {
        self.list_wishes(person)
    }

    fn standing(&self, person: &Person) -> Result<Vec<Override>, Trouble> {
        self.list_standing(person)
    }

    fn answer(&self, client: IpAddr, person: &Person, id: RequestId, reply: &Reply) -> Result<(), Trouble> {
        match self.reply(client, person, id, reply) {
            // The second click of a double one: all is as she wants it.
            Err(Trouble::Answered) if self.is_answered_so(person, id, reply)? => Ok(()),
            outcome => outcome,
        }
    }

    fn make_rule(&self, person: &Person, rule: &SchoolRule) -> Result<(), Trouble> {
        self.rule_for_school(person, rule)
    }

    fn end(&self, person: &Person, id: OverrideId) -> Result<(), Trouble> {
        self.end_rule(person, id)
    }

    fn people(&self) -> Result<Vec<Person>, Trouble> {
        self.work(|store| store.people())
    }

    fn rooms(&self) -> Result<Vec<RoomName>, Trouble> {
        self.list_rooms()
    }

    fn add_person(&self, client: IpAddr, by: &Person, new: &Newcomer) -> Result<Card, Trouble> {
        self.register(client, by, new)
    }

    fn reset_person(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<Card, Trouble> {
        self.make_card(client, by, id)
    }

    fn change_rooms(
        &self,
        client: IpAddr,
        by: &Person,
        id: PersonId,
        rooms: &[RoomName],
    ) -> Result<(), Trouble> {
        self.give_rooms(client, by, id, rooms)
    }

    fn disable_person(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.disable(client, by, id)
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.now().plausible()
    }
}

impl portal::PreparationRoom for Office {
    fn preparations(&self, person: &Person) -> Result<Vec<PreparationLine>, Trouble> {
        self.list_preparations(person)
    }

    fn prepare(&self, client: IpAddr, person: &Person, wanted: &WantedThing) -> Result<(), Trouble> {
        self.prepare_place(client, person, wanted)
    }

    fn unprepare(&self, client: IpAddr, person: &Person, id: PreparationId) -> Result<(), Trouble> {
        self.give_up_preparation(client, person, id)
    }

    fn library(&self) -> Vec<LibraryLine> {
        self.larder.prepared.library.lines()
    }

    fn tomorrow(&self) -> Option<jiff::civil::Date> {
        self.find_tomorrow()
    }
}

impl portal::DeviceRoom for Office {
    fn devices(&self, client: IpAddr) -> Result<DeviceList, Trouble> {
        self.list_all_devices(client)
    }

    fn add_device(&self, client: IpAddr, person: &Person, device: &Device) -> Result<(), Trouble> {
        self.register_device(client, person, device)
    }

    fn remove_device(&self, client: IpAddr, person: &Person, mac: Mac) -> Result<(), Trouble> {
        self.forget_device(client, person, mac)
    }
}

impl portal::NetworkRoom for Office {
    fn networks(&self) -> Result<Vec<RoomKeys>, Trouble> {
        self.list_networks()
    }

    fn join_file(
        &self,
        client: IpAddr,
        person: &Person,
        bearer: &KeyBearer,
        kind: JoinFile,
    ) -> Result<Vec<u8>, Trouble> {
        self.take_join_file(client, person, bearer, kind)
    }

    fn renew_wifi_key(&self, client: IpAddr, person: &Person, bearer: &KeyBearer) -> Result<(), Trouble> {
        self.replace_wifi_key(client, person, bearer)
    }
}

impl portal::InstallRoom for Office {
    fn waiting_release(&self) -> Result<WaitingRelease, Trouble> {
        self.find_waiting_release()
    }

    fn install_release(
        &self,
        client: IpAddr,
        person: &Person,
        version: &ReleaseVersion,
        is_despite_lessons: bool,
    ) -> Result<(), Trouble> {
        self.hurry_release(client, person, version, is_despite_lessons)
    }
}

impl portal::HubRoom for Office {
    fn hub_seat(&self) -> Result<HubSeat, Trouble> {
        Ok(self.find_seat())
    }

    fn join_hub(&self, client: IpAddr, person: &Person, typed: &TypedHub<'_>) -> Result<(), JoinTrouble> {
        self.try_hub(client, person, typed)
    }
}

impl portal::AdoptionRoom for Office {
    fn hear_point(&self, client: IpAddr, said: &SaidOfPoint<'_>) -> Result<bool, Trouble> {
        self.hear(client, said)
    }

    fn count_heard(&self) -> usize {
        self.list_heard().len()
    }

    fn points(&self) -> Result<Points, Trouble> {
        self.list_points()
    }

    fn adopt_point(&self, client: IpAddr, person: &Person, mac: Mac, room: &RoomName) -> Result<(), Trouble> {
        self.adopt(client, person, mac, room)
    }

    fn release_point(&self, client: IpAddr, person: &Person, name: &AccessPointName) -> Result<(), Trouble> {
        self.release(client, person, name)
    }

    fn point_files(&self, client: IpAddr, person: &Person) -> Result<Vec<u8>, Trouble> {
        self.pack_point_files(client, person)
    }

    fn renew_adoption_key(&self, client: IpAddr, person: &Person) -> Result<(), Trouble> {
        self.replace_adoption_key(client, person)
    }
}

impl portal::ChoreRoom for Office {
    fn chores(&self) -> Vec<ChoreLine> {
        self.chores.list()
    }

    fn do_chore(&self, client: IpAddr, person: &Person, chore: Chore) -> Result<(), Trouble> {
        self.hurry_chore(client, person, chore)
    }

    fn last_selftest(&self) -> Result<SelftestRun, Trouble> {
        self.find_last_selftest()
    }
}

impl portal::LineRoom for Office {
    fn line(&self) -> Option<LineSeat> {
        self.find_line()
    }

    fn change_line(&self, client: IpAddr, person: &Person, typed: &TypedLine<'_>) -> Result<(), LineTrouble> {
        self.alter_line(client, person, typed)
    }
}

impl portal::KeyRoom for Office {
    fn keys(&self, person: &Person) -> Result<KeyList, Trouble> {
        self.list_keys(person)
    }

    fn draw_key(
        &self,
        client: IpAddr,
        person: &Person,
        role: ReaderRole,
        secret: &str,
    ) -> Result<NewKey, Trouble> {
        self.make_key(client, person, role, secret)
    }

    fn keep_key(&self, client: IpAddr, person: &Person, public: &str, end: &str) -> Result<(), Trouble> {
        self.confirm_key(client, person, public, end)
    }

    fn remove_key(&self, client: IpAddr, person: &Person, key: &RemovedKey<'_>) -> Result<(), Trouble> {
        self.take_key_away(client, person, key)
    }
}

impl portal::TelephoneRoom for Office {
    fn lacks_telephone(&self, person: &Person) -> bool {
        self.lacks_telephone(person)
    }

    fn telephone(&self, person: &Person) -> Result<TelephoneState, Trouble> {
        self.describe_telephone(person)
    }

    fn show_key(&self, person: &Person, letters: Option<&str>) -> Result<ShownKey, Trouble> {
        self.show_telephone_key(person, letters)
    }

    fn take_telephone(
        &self,
        client: IpAddr,
        person: &Person,
        typed: &TypedTelephone<'_>,
    ) -> Result<(NewCodes, String), Trouble> {
        self.add_telephone(client, person, typed)
    }

    fn remove_telephone(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.forget_telephone(client, by, id)
    }
}

impl portal::CommuneRoom for Office {
    fn commune(&self, person: &Person) -> Result<CommuneDesk, Trouble> {
        self.describe_commune(person)
    }

    fn ask_commune(&self, person: &Person, wish: &CommuneWish) -> Result<(), Trouble> {
        self.write_to_commune(person, wish)
    }
}

impl portal::ReadingRoom for Office {
    fn readings(&self, before: Option<ReadingId>) -> Result<ReadingList, Trouble> {
        self.list_readings(before)
    }

    fn reader_cards(&self) -> Result<Vec<MadeCard>, Trouble> {
        self.list_reader_cards()
    }

    fn custody(&self) -> Result<Custody, Trouble> {
        self.describe_custody()
    }

    fn sign_retention(&self, client: IpAddr, person: &Person, entry: u64) -> Result<(), Trouble> {
        self.approve_retention(client, person, entry)
    }

    fn reading(&self, reader: Reader<'_>, id: ReadingId) -> Result<(Reading, bool), Trouble> {
        self.find_open(reader, id)
    }

    fn open_reading(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        new: &NewReading,
    ) -> Result<ReadingId, Trouble> {
        self.begin_reading(client, reader, new)
    }

    fn unlock_reading(&self, reader: Reader<'_>, id: ReadingId, key: &str) -> Result<(), Trouble> {
        self.unlock(reader, id, key)
    }

    fn close_reading(&self, client: IpAddr, person: &Person, id: ReadingId) -> Result<(), Trouble> {
        self.end_reading(client, person, id)
    }

    fn lesson_choice(
        &self,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
    ) -> Result<LessonChoice, Trouble> {
        self.list_lessons(reader, id, asked)
    }

    fn look(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        selection: &Selection,
        after: u64,
    ) -> Result<Findings, Trouble> {
        self.search(client, reader, id, selection, after)
    }

    fn classes(&self, client: IpAddr, reader: Reader<'_>, id: ReadingId) -> Result<Classes, Trouble> {
        self.count_classes(client, reader, id)
    }

    fn extract(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        selection: &Selection,
        is_whole: bool,
    ) -> Result<Vec<u8>, Trouble> {
        self.take_extract(client, reader, id, selection, is_whole)
    }

    fn holds(&self) -> Result<Vec<Held>, Trouble> {
        self.list_holds()
    }

    fn place_hold(&self, client: IpAddr, person: &Person, new: &NewHold) -> Result<u64, Trouble> {
        self.hold_journal(client, person, new)
    }

    fn lift_hold(
        &self,
        client: IpAddr,
        person: &Person,
        number: u64,
        reason: &Motive,
    ) -> Result<(), Trouble> {
        self.free_journal(client, person, number, reason)
    }

    fn summary(&self) -> Result<Option<Summary>, Trouble> {
        self.count_today()
    }
}

impl portal::LessonRoom for Office {
    fn room_now(&self, person: &Person) -> Result<RoomNow, Trouble> {
        self.describe_room(person)
    }

    fn choose_room(&self, person: &Person, room: &RoomName) -> Result<(), Trouble> {
        self.remember_room(person, room)
    }

    fn start_lesson(&self, client: IpAddr, person: &Person, start: &LessonStart) -> Result<(), Trouble> {
        self.begin_lesson(client, person, start)
    }

    fn change_lesson(
        &self,
        client: IpAddr,
        person: &Person,
        id: LessonId,
        turn: &LessonTurn,
    ) -> Result<(), Trouble> {
        self.turn_lesson(client, person, id, turn)
    }

    fn end_lesson(&self, client: IpAddr, person: &Person, id: LessonId) -> Result<(), Trouble> {
        self.finish_lesson(client, person, id)
    }

    fn permit_for_lesson(
        &self,
        person: &Person,
        id: LessonId,
        site: &DomainName,
        motive: &Motive,
    ) -> Result<(), Trouble> {
        self.permit_site(person, id, site, motive)
    }

    fn report_site(&self, person: &Person, site: &str, motive: &Motive) -> Result<(), Trouble> {
        self.report(person, site, motive)
    }

    fn reports(&self) -> Result<Vec<Override>, Trouble> {
        self.list_reports()
    }

    fn keep_report(&self, client: IpAddr, person: &Person, id: OverrideId) -> Result<(), Trouble> {
        self.settle_report(client, person, id)
    }

    fn wifi_register(&self) -> Result<Vec<WifiLine>, Trouble> {
        self.list_wifi()
    }

    fn wifi_rooms(&self) -> Vec<RoomName> {
        self.points.networks.iter().map(|network| network.room.clone()).collect()
    }

    fn plans(&self, person: &Person) -> Result<Vec<(PlanId, LessonPlan)>, Trouble> {
        self.list_plans(person)
    }

    fn add_plan(&self, client: IpAddr, person: &Person, plan: &LessonPlan) -> Result<(), Trouble> {
        self.plan_lesson(client, person, plan)
    }

    fn remove_plan(&self, client: IpAddr, person: &Person, id: PlanId) -> Result<(), Trouble> {
        self.give_plan_up(client, person, id)
    }

    fn join_code(&self, person: &Person) -> Result<JoinCode, Trouble> {
        self.show_join(person)
    }

    fn pulse(&self, person: &Person) -> Result<u64, Trouble> {
        self.take_pulse(person)
    }
}

/// Why work on the store came to nothing.
enum Failure {
    /// As somebody should be told.
    Trouble(Trouble),
    /// The state file cannot be used.
    Store(StoreError),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PersonError> for Failure {
    fn from(error: PersonError) -> Self {
        Self::Trouble(match error {
            PersonError::NameTaken(_) => Trouble::NameTaken,
            PersonError::TooMany => Trouble::Full,
            PersonError::Unknown => Trouble::Unknown,
            PersonError::Replaced => Trouble::Wrong,
            PersonError::Unrecorded => Trouble::Unavailable,
            PersonError::Store(error) => return Self::Store(error),
        })
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::Trouble(match error {
            AskError::TooMany => Trouble::TooMany,
            AskError::Full => Trouble::Full,
            AskError::Declined => Trouble::Declined,
            AskError::Store(error) => return Self::Store(error),
        })
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Unknown => Self::Trouble(Trouble::Unknown),
            AnswerError::Answered => Self::Trouble(Trouble::Answered),
            AnswerError::Override(error) => error.into(),
            AnswerError::Person(error) => error.into(),
            AnswerError::Lesson(error) => error.into(),
        }
    }
}

impl From<AddOverrideError> for Failure {
    fn from(error: AddOverrideError) -> Self {
        match error {
            AddOverrideError::TooMany => Self::Trouble(Trouble::Full),
            AddOverrideError::Store(error) => Self::Store(error),
        }
    }
}

impl From<EndOverrideError> for Failure {
    fn from(error: EndOverrideError) -> Self {
        match error {
            EndOverrideError::Unknown(_) | EndOverrideError::Over(_) => Self::Trouble(Trouble::Unknown),
            EndOverrideError::Commune(_) => Self::Trouble(Trouble::Denied),
            EndOverrideError::Store(error) => Self::Store(error),
        }
    }
}
