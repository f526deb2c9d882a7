//! An office that keeps everything in memory, and notes what it is asked to do.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{
    DomainName, LessonId, LessonPlan, MadeCard, Motive, Override, OverrideId, Person, PersonId, PlanId,
    PreparationId, ReaderRole, Reading, ReadingId, RequestId, Role, RoomName, Selection, Timestamp,
};

use crate::pages::samples;
use crate::{
    AdoptionRoom, Asked, Card, Chore, ChoreLine, ChoreRoom, Claimed, Classes, CommuneDesk, CommuneRoom,
    CommuneWish, Custody, DeviceList, DeviceRoom, Findings, Held, HubRoom, HubSeat, InstallRoom, JoinCode,
    JoinFile, JoinTrouble, KeyBearer, KeyList, KeyRoom, LessonChoice, LessonRoom, LessonStart, LessonTurn,
    LineFault, LineRoom, LineSeat, LineTrouble, NetworkRoom, NewCodes, NewHold, NewKey, NewReading, Newcomer,
    Office, Points, PreparationLine, PreparationRoom, Reader, ReadingList, ReadingRoom, RemovedKey, Reply,
    RoomKeys, RoomNow, SaidOfPoint, SchoolRule, SelftestRun, Setback, ShownKey, Summary, TelephoneRoom,
    TelephoneState, Tile, Trouble, TypedHub, TypedLine, TypedTelephone, WaitingRelease, WantedThing,
    WifiLine, Wish,
};

/// Its teacher is number 1, its head number 2, its officer number 3; all have this secret.
pub(super) const SECRET: &str = "402817";
/// What each telephone shows.
pub(super) const CODE: &str = "081804";

#[derive(Default)]
pub(super) struct Clerk {
    /// The tokens of the sessions, with the number of the person.
    pub(super) sessions: Mutex<Vec<(String, u32)>>,
    /// What it was asked to do.
    pub(super) done: Mutex<Vec<String>>,
    /// Who has a telephone.
    pub(super) telephones: Mutex<Vec<u32>>,
    /// Who has to have one.
    pub(super) asked_for_telephones: Mutex<Vec<u32>>,
    /// Whether it can write nothing.
    pub(super) is_stuck: AtomicBool,
}

impl Clerk {
    fn note(&self, deed: String) -> Result<(), Trouble> {
        self.done.lock().unwrap().push(deed);
        Ok(())
    }

    fn begin(&self, id: u32) -> String {
        let mut sessions = self.sessions.lock().unwrap();
        let token = format!("{:064x}", sessions.len() + 1);
        sessions.push((token.clone(), id));
        token
    }
}

fn find(id: u32) -> Option<Person> {
    match id {
        1 => Some(samples::teacher()),
        2 => Some(samples::head()),
        3 => Some(samples::officer()),
        _ => None,
    }
}

impl DeviceRoom for Clerk {
    fn devices(&self, _: IpAddr) -> Result<DeviceList, Trouble> {
        Ok(samples::device_list())
    }

    fn add_device(&self, _: IpAddr, by: &Person, device: &model::Device) -> Result<(), Trouble> {
        let room = device.room.as_ref().map_or("-", RoomName::as_str);
        self.note(format!("{} adds {} {} {room} {}", by.name, device.mac, device.name, device.profile))
    }

    fn remove_device(&self, _: IpAddr, by: &Person, mac: model::Mac) -> Result<(), Trouble> {
        self.note(format!("{} forgets {mac}", by.name))
    }
}

impl NetworkRoom for Clerk {
    fn networks(&self) -> Result<Vec<RoomKeys>, Trouble> {
        Ok(samples::networks())
    }

    fn join_file(
        &self,
        _: IpAddr,
        by: &Person,
        bearer: &KeyBearer,
        kind: JoinFile,
    ) -> Result<Vec<u8>, Trouble> {
        let device = bearer.device.as_ref().ok_or(Trouble::Unknown)?;
        self.note(format!("{} takes {} of {device} in {}", by.name, kind.as_str(), bearer.room))?;
        Ok(b"a key".to_vec())
    }

    fn renew_wifi_key(&self, _: IpAddr, by: &Person, bearer: &KeyBearer) -> Result<(), Trouble> {
        self.note(format!("{} renews the key of {}", by.name, bearer.room))
    }
}

impl InstallRoom for Clerk {
    fn waiting_release(&self) -> Result<WaitingRelease, Trouble> {
        Ok(samples::waiting_release())
    }

    fn install_release(
        &self,
        _: IpAddr,
        by: &Person,
        version: &model::ReleaseVersion,
        is_despite_lessons: bool,
    ) -> Result<(), Trouble> {
        if !is_despite_lessons {
            return Err(Trouble::LessonsRun);
        }
        self.note(format!("{} installs {version}", by.name))
    }
}

impl HubRoom for Clerk {
    fn hub_seat(&self) -> Result<HubSeat, Trouble> {
        Ok(samples::hub_seat())
    }

    fn join_hub(&self, _: IpAddr, by: &Person, typed: &TypedHub<'_>) -> Result<(), JoinTrouble> {
        if typed.secret != SECRET {
            return Err(Trouble::Wrong.into());
        }
        if typed.code.len() < 12 {
            return Err(JoinTrouble::Typed(Setback::Code));
        }
        self.note(format!("{} joins {} by {}", by.name, typed.hub, typed.code)).map_err(Into::into)
    }
}

impl AdoptionRoom for Clerk {
    fn hear_point(&self, client: IpAddr, said: &SaidOfPoint<'_>) -> Result<bool, Trouble> {
        self.note(format!("{client} says {} {} {}", said.mac, said.certificate, said.radios))?;
        Ok(said.proof == CODE)
    }

    fn count_heard(&self) -> usize {
        2
    }

    fn points(&self) -> Result<Points, Trouble> {
        Ok(samples::points())
    }

    fn adopt_point(&self, _: IpAddr, by: &Person, mac: model::Mac, room: &RoomName) -> Result<(), Trouble> {
        self.note(format!("{} adopts {mac} for {room}", by.name))
    }

    fn release_point(&self, _: IpAddr, by: &Person, name: &model::AccessPointName) -> Result<(), Trouble> {
        self.note(format!("{} releases {name}", by.name))
    }

    fn point_files(&self, _: IpAddr, by: &Person) -> Result<Vec<u8>, Trouble> {
        self.note(format!("{} takes the files of access points", by.name))?;
        Ok(b"packed".to_vec())
    }

    fn renew_adoption_key(&self, _: IpAddr, by: &Person) -> Result<(), Trouble> {
        self.note(format!("{} has another adoption key drawn", by.name))
    }
}

impl ChoreRoom for Clerk {
    fn chores(&self) -> Vec<ChoreLine> {
        samples::chores()
    }

    fn do_chore(&self, _: IpAddr, by: &Person, chore: Chore) -> Result<(), Trouble> {
        if chore == Chore::Lists {
            return Err(Trouble::Unknown);
        }
        self.note(format!("{} does {}", by.name, chore.as_str()))
    }

    fn last_selftest(&self) -> Result<SelftestRun, Trouble> {
        Ok(samples::selftest_run())
    }
}

impl LineRoom for Clerk {
    fn line(&self) -> Option<LineSeat> {
        Some(samples::line_seat())
    }

    fn change_line(&self, _: IpAddr, by: &Person, typed: &TypedLine<'_>) -> Result<(), LineTrouble> {
        let TypedLine::Fixed { address, gateway, resolvers } = typed else {
            return self.note(format!("{} goes back to DHCP", by.name)).map_err(Into::into);
        };
        if !address.contains('/') {
            return Err(LineFault::Address.into());
        }
        self.note(format!("{} has {address} by {gateway}, {resolvers}", by.name)).map_err(Into::into)
    }
}

impl KeyRoom for Clerk {
    fn keys(&self, _: &Person) -> Result<KeyList, Trouble> {
        Ok(samples::keys())
    }

    fn draw_key(&self, _: IpAddr, by: &Person, role: ReaderRole, secret: &str) -> Result<NewKey, Trouble> {
        if secret != SECRET {
            return Err(Trouble::Wrong);
        }
        self.note(format!("{} makes a key for {role}", by.name))?;
        Ok(NewKey { role, ..samples::new_key() })
    }

    fn keep_key(&self, _: IpAddr, by: &Person, public: &str, end: &str) -> Result<(), Trouble> {
        if end != CODE {
            return Err(Trouble::KeyEnd);
        }
        self.note(format!("{} keeps {public}", by.name))
    }

    fn remove_key(&self, _: IpAddr, by: &Person, key: &RemovedKey<'_>) -> Result<(), Trouble> {
        if !key.is_last_meant {
            return Err(Trouble::LastOfRole);
        }
        self.note(format!("{} removes {}", by.name, key.public))
    }
}

impl TelephoneRoom for Clerk {
    fn lacks_telephone(&self, person: &Person) -> bool {
        let id = person.id.number();
        self.asked_for_telephones.lock().unwrap().contains(&id)
            && !self.telephones.lock().unwrap().contains(&id)
    }

    fn telephone(&self, person: &Person) -> Result<TelephoneState, Trouble> {
        let has = self.telephones.lock().unwrap().contains(&person.id.number());
        Ok(TelephoneState { papers: has.then_some(8), is_asked: self.lacks_telephone(person) })
    }

    fn show_key(&self, _: &Person, letters: Option<&str>) -> Result<ShownKey, Trouble> {
        let letters = letters.unwrap_or("GEZDGNBV").to_owned();
        Ok(ShownKey { address: format!("otpauth://totp/a?secret={letters}"), letters })
    }

    fn take_telephone(
        &self,
        _: IpAddr,
        person: &Person,
        typed: &TypedTelephone<'_>,
    ) -> Result<(NewCodes, String), Trouble> {
        if (typed.key, typed.code) != ("GEZDGNBV", CODE) {
            return Err(Trouble::Code);
        }
        let mut telephones = self.telephones.lock().unwrap();
        if !telephones.contains(&person.id.number()) && typed.secret != SECRET {
            return Err(Trouble::Wrong);
        }
        telephones.push(person.id.number());
        Ok((NewCodes(vec!["abcd-efgh-jkmn-pqrs".to_owned()]), self.begin(person.id.number())))
    }

    fn remove_telephone(&self, _: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.note(format!("{} removes the telephone of {id}", by.name))
    }
}

impl Office for Clerk {
    fn teachers(&self) -> Result<Vec<Tile>, Trouble> {
        Ok(vec![Tile { id: PersonId::new(1), name: samples::teacher().name }])
    }

    fn sign_in(&self, _: IpAddr, who: &Claimed, secret: &str, code: &str) -> Result<String, Trouble> {
        let id = match who {
            Claimed::Tile(id) => id.number(),
            Claimed::Named(name) if *name == samples::officer().name => 3,
            Claimed::Named(name) => 1 + u32::from(*name == samples::head().name),
        };
        let has_telephone = self.telephones.lock().unwrap().contains(&id);
        let is_right = secret == SECRET && (!has_telephone || code == CODE);
        if is_right { Ok(self.begin(id)) } else { Err(Trouble::Wrong) }
    }

    fn enter(&self, _: IpAddr, token: &str, _: bool) -> Result<Option<Person>, Trouble> {
        let sessions = self.sessions.lock().unwrap();
        Ok(sessions.iter().find(|(known, _)| known == token).and_then(|(_, id)| find(*id)))
    }

    fn sign_out(&self, _: IpAddr, token: &str) -> Result<(), Trouble> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Err(Trouble::Unavailable);
        }
        self.sessions.lock().unwrap().retain(|(known, _)| known != token);
        Ok(())
    }

    fn change_secret(&self, _: IpAddr, person: &Person, old: &str, _: &str) -> Result<String, Trouble> {
        if old == SECRET { Ok(self.begin(person.id.number())) } else { Err(Trouble::Wrong) }
    }

    fn asked(&self, _: IpAddr) -> Result<Vec<Asked>, Trouble> {
        Ok(vec![])
    }

    fn ask(&self, client: IpAddr, site: &DomainName) -> Result<(), Trouble> {
        self.note(format!("{client} asks for {site}"))
    }

    fn wishes(&self, _: &Person) -> Result<Vec<Wish>, Trouble> {
        Ok(samples::wishes())
    }

    fn standing(&self, _: &Person) -> Result<Vec<Override>, Trouble> {
        Ok(samples::standing())
    }

    fn answer(&self, _: IpAddr, person: &Person, id: RequestId, reply: &Reply) -> Result<(), Trouble> {
        let reply = match reply {
            Reply::Lesson { minutes, motive } => format!("{minutes} minutes, {motive}"),
            Reply::ThisLesson { lesson, motive } => format!("lesson {lesson}, {motive}"),
            Reply::School { until, motive } => format!("until {until}, {motive}"),
            Reply::Decline => "no".to_owned(),
        };
        self.note(format!("{} answers {id}: {reply}", person.name))
    }

    fn make_rule(&self, person: &Person, rule: &SchoolRule) -> Result<(), Trouble> {
        let SchoolRule { site, effect, until, motive } = rule;
        let until = until.map_or_else(|| "for good".to_owned(), |day| format!("until {day}"));
        self.note(format!("{} rules {effect} {site} {until}, {motive}", person.name))
    }

    fn change_rooms(&self, _: IpAddr, by: &Person, id: PersonId, rooms: &[RoomName]) -> Result<(), Trouble> {
        let rooms: Vec<_> = rooms.iter().map(RoomName::as_str).collect();
        self.note(format!("{} gives {id} the rooms {}", by.name, rooms.join(" ")))
    }

    fn end(&self, person: &Person, id: OverrideId) -> Result<(), Trouble> {
        self.note(format!("{} ends {id}", person.name))
    }

    fn people(&self) -> Result<Vec<Person>, Trouble> {
        Ok(vec![samples::teacher(), samples::head()])
    }

    fn rooms(&self) -> Result<Vec<RoomName>, Trouble> {
        Ok(vec!["CM2".parse().unwrap()])
    }

    fn add_person(&self, _: IpAddr, by: &Person, new: &Newcomer) -> Result<Card, Trouble> {
        self.note(format!("{} adds {}, {}", by.name, new.name, new.role))?;
        Ok(Card { person: samples::newcomer(Role::Teacher), secret: "40281793".to_owned() })
    }

    fn reset_person(&self, _: IpAddr, by: &Person, id: PersonId) -> Result<Card, Trouble> {
        self.note(format!("{} resets {id}", by.name))?;
        Ok(Card { person: samples::newcomer(Role::Teacher), secret: "40281793".to_owned() })
    }

    fn disable_person(&self, _: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.note(format!("{} disables {id}", by.name))
    }

    fn now(&self) -> Option<Timestamp> {
        Some(samples::at(20))
    }
}

/// Its lesson is number 7, and the teacher's.
impl LessonRoom for Clerk {
    fn join_code(&self, _: &Person) -> Result<JoinCode, Trouble> {
        Ok(samples::join_code())
    }

    fn room_now(&self, _: &Person) -> Result<RoomNow, Trouble> {
        Ok(samples::room_now())
    }

    fn choose_room(&self, person: &Person, room: &RoomName) -> Result<(), Trouble> {
        self.note(format!("{} chooses {room}", person.name))
    }

    fn start_lesson(&self, _: IpAddr, person: &Person, start: &LessonStart) -> Result<(), Trouble> {
        let LessonStart { room, minutes, internet, is_wifi_on, takes_over } = start;
        let takes_over = takes_over.map(|id| format!(" from {id}")).unwrap_or_default();
        let (name, mode) = (&person.name, internet.as_str());
        self.note(format!("{name} starts in {room}{takes_over}: {minutes} min, {mode}, wifi {is_wifi_on}"))
    }

    fn change_lesson(
        &self,
        _: IpAddr,
        person: &Person,
        id: LessonId,
        turn: &LessonTurn,
    ) -> Result<(), Trouble> {
        let turn = match turn {
            LessonTurn::Internet(mode) => format!("{} {}", mode.as_str(), mode.sites().len()),
            LessonTurn::Wifi(is_on) => format!("wifi {is_on}"),
            LessonTurn::Until(until) => format!("until {}", until.unix_ms()),
        };
        self.note(format!("{} turns {id}: {turn}", person.name))
    }

    fn end_lesson(&self, _: IpAddr, person: &Person, id: LessonId) -> Result<(), Trouble> {
        self.note(format!("{} finishes {id}", person.name))
    }

    fn permit_for_lesson(
        &self,
        person: &Person,
        id: LessonId,
        site: &DomainName,
        motive: &Motive,
    ) -> Result<(), Trouble> {
        self.note(format!("{} opens {site} for {id}, {motive}", person.name))
    }

    fn report_site(&self, person: &Person, site: &str, motive: &Motive) -> Result<(), Trouble> {
        self.note(format!("{} reports {site}, {motive}", person.name))
    }

    fn reports(&self) -> Result<Vec<Override>, Trouble> {
        Ok(samples::reports())
    }

    fn keep_report(&self, _: IpAddr, _: &Person, id: OverrideId) -> Result<(), Trouble> {
        self.note(format!("{id} is kept"))
    }

    fn wifi_register(&self) -> Result<Vec<WifiLine>, Trouble> {
        Ok(vec![])
    }

    fn wifi_rooms(&self) -> Vec<RoomName> {
        vec!["CM2".parse().unwrap()]
    }

    fn plans(&self, _: &Person) -> Result<Vec<(PlanId, LessonPlan)>, Trouble> {
        Ok(samples::plans())
    }

    fn add_plan(&self, _: IpAddr, person: &Person, plan: &LessonPlan) -> Result<(), Trouble> {
        let LessonPlan { room, weekday, from_minute, minutes, internet, is_wifi_on, .. } = plan;
        let (name, mode) = (&person.name, internet.as_str());
        self.note(format!("{name} plans {room} {weekday} {from_minute} {minutes} {mode} {is_wifi_on}"))
    }

    fn remove_plan(&self, _: IpAddr, person: &Person, id: PlanId) -> Result<(), Trouble> {
        self.note(format!("{} gives {id} up", person.name))
    }

    fn pulse(&self, _: &Person) -> Result<u64, Trouble> {
        Ok(u64::try_from(self.done.lock().unwrap().len()).unwrap())
    }
}

impl PreparationRoom for Clerk {
    fn preparations(&self, _: &Person) -> Result<Vec<PreparationLine>, Trouble> {
        Ok(samples::preparations())
    }

    fn prepare(&self, _: IpAddr, person: &Person, wanted: &WantedThing) -> Result<(), Trouble> {
        if !wanted.url.starts_with("https://ent.example/") {
            return Err(Trouble::NotWorkspace);
        }
        let WantedThing { url, title, room, day } = wanted;
        let room = room.as_ref().map_or("all rooms".to_owned(), ToString::to_string);
        self.note(format!("{} prepares {url} as {title} in {room} for {day}", person.name))
    }

    fn unprepare(&self, _: IpAddr, person: &Person, id: PreparationId) -> Result<(), Trouble> {
        self.note(format!("{} gives preparation {id} up", person.name))
    }

    fn tomorrow(&self) -> Option<jiff::civil::Date> {
        "2026-11-30".parse().ok()
    }
}

impl CommuneRoom for Clerk {
    fn commune(&self, _: &Person) -> Result<CommuneDesk, Trouble> {
        Ok(samples::commune_desk())
    }

    fn ask_commune(&self, person: &Person, wish: &CommuneWish) -> Result<(), Trouble> {
        let CommuneWish { site, wants, motive, is_urgent } = wish;
        self.note(format!("{} asks the commune: {wants} {site} ({motive}) {is_urgent}", person.name))
    }
}

/// Its reading is number 7, and the head's; number 8 has lost its keys, number 9 is over.
impl ReadingRoom for Clerk {
    fn readings(&self, before: Option<ReadingId>) -> Result<ReadingList, Trouble> {
        match before.map(ReadingId::number) {
            None => Ok(samples::reading_list()),
            Some(_) => {
                Ok(ReadingList { readings: samples::readings().split_off(2), ..ReadingList::default() })
            }
        }
    }

    fn reader_cards(&self) -> Result<Vec<MadeCard>, Trouble> {
        Ok(samples::cards())
    }

    fn reading(&self, Reader { person, .. }: Reader<'_>, id: ReadingId) -> Result<(Reading, bool), Trouble> {
        let reading = samples::readings().remove(0);
        match id.number() {
            _ if person.name != reading.author => Err(Trouble::Denied),
            7 => Ok((reading, true)),
            8 => Ok((Reading { id, ..reading }, false)),
            9 => Err(Trouble::Ended),
            _ => Err(Trouble::Unknown),
        }
    }

    fn open_reading(
        &self,
        _: IpAddr,
        Reader { person, .. }: Reader<'_>,
        new: &NewReading,
    ) -> Result<ReadingId, Trouble> {
        new.terms.clone().bounded(samples::at(0)).check().map_err(|_| Trouble::Window)?;
        let NewReading { terms, minutes, key } = new;
        self.note(format!(
            "{} opens: {}, {}, {minutes} min, {}",
            person.name,
            terms.purpose,
            terms.detail,
            key.len()
        ))?;
        Ok(ReadingId::new(7))
    }

    fn unlock_reading(
        &self,
        Reader { person, .. }: Reader<'_>,
        id: ReadingId,
        key: &str,
    ) -> Result<(), Trouble> {
        if key.is_empty() { self.note(format!("{} unlocks {id}", person.name)) } else { Err(Trouble::Key) }
    }

    fn close_reading(&self, _: IpAddr, person: &Person, id: ReadingId) -> Result<(), Trouble> {
        self.note(format!("{} closes {id}", person.name))
    }

    fn custody(&self) -> Result<Custody, Trouble> {
        Ok(samples::custody())
    }

    fn sign_retention(&self, _: IpAddr, person: &Person, entry: u64) -> Result<(), Trouble> {
        self.note(format!("{} signs {entry}", person.name))
    }

    fn holds(&self) -> Result<Vec<Held>, Trouble> {
        Ok(samples::holds())
    }

    fn place_hold(&self, _: IpAddr, person: &Person, new: &NewHold) -> Result<u64, Trouble> {
        self.note(format!("{} holds: {}", person.name, new.reason))?;
        Ok(12)
    }

    fn lift_hold(&self, _: IpAddr, person: &Person, number: u64, reason: &Motive) -> Result<(), Trouble> {
        self.note(format!("{} lifts {number}: {reason}", person.name))
    }

    fn lesson_choice(
        &self,
        reader: Reader<'_>,
        id: ReadingId,
        _: &Selection,
    ) -> Result<LessonChoice, Trouble> {
        self.reading(reader, id).map(|_| samples::lesson_choice())
    }

    fn look(
        &self,
        _: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        selection: &Selection,
        after: u64,
    ) -> Result<Findings, Trouble> {
        let person = reader.person;
        self.reading(reader, id)?;
        let host = selection.host.as_ref().map(ToString::to_string).unwrap_or_default();
        let lesson = selection.lesson.map(|lesson| format!(" in lesson {lesson}")).unwrap_or_default();
        self.note(format!("{} looks in {id} for `{host}`{lesson} after {after}", person.name))?;
        Ok(samples::findings())
    }

    fn classes(&self, _: IpAddr, reader: Reader<'_>, id: ReadingId) -> Result<Classes, Trouble> {
        let person = reader.person;
        let (_, is_unlocked) = self.reading(reader, id)?;
        if !is_unlocked {
            return Err(Trouble::Locked);
        }
        self.note(format!("{} looks at the classes in {id}", person.name))?;
        Ok(samples::classes())
    }

    fn extract(
        &self,
        _: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        _: &Selection,
        is_whole: bool,
    ) -> Result<Vec<u8>, Trouble> {
        let person = reader.person;
        self.reading(reader, id)?;
        self.note(format!("{} takes {id}, whole: {is_whole}", person.name))?;
        Ok(b"PK".to_vec())
    }

    fn summary(&self) -> Result<Option<Summary>, Trouble> {
        Ok(Some(samples::summary()))
    }
}
