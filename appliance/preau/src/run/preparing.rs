//! What shall be here before a lesson: it is fetched at night, one thing after the other, and pinned until its day is over.
//!
//! The thread takes no orders: it reads the whole list, does what is due, and notes what came of it. What comes is shown while
//! it comes; after a restart, what is not here yet is due again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Clock, Desk};
use arc_swap::ArcSwap;
use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{
    ClockQuality, Device, DomainName, NewPreparation, Preparation, PreparationId, PreparationStage,
    ProfileName, RoomName, Timestamp, WorkspacePlace,
};
use proxy::{Gate, Pace, Progress, Settled, Wanted};
use store::{Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::library::Library;
use crate::data_folder::STATE_FILE;
use crate::hub_letters::NO_DEVICE;

/// Between two looks at the list: a teacher watches the page.
const PERIOD: Duration = Duration::from_secs(1);
/// How often in a period it is looked whether what is on its way is here.
const LOOKS: u32 = 10;
/// The night, in hours of the school's clock: nobody teaches, and nobody who works late is left by its end.
const NIGHT: (i8, i8) = (21, 7);
/// From this hour on what is here is looked at once more before the school opens.
const DAWN: i8 = 5;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Before something that failed is tried again, in milliseconds.
const AGAIN_MS: u64 = 10 * 60 * 1_000;
/// The same where a lesson closes the Internet: it may end at any moment.
const LESSON_MS: u64 = 5 * 1_000;
/// The same where only somebody else can change it.
const MUCH_LATER_MS: u64 = 3 * 60 * 60 * 1_000;
/// For how long it has to be served unasked, at most: from dawn, when it was looked at, to the end of the day.
const UNASKED_MS: i64 = 19 * 60 * 60 * 1_000;

/// What is prepared, as pages show it.
#[derive(Default)]
pub(crate) struct Prepared {
    list: ArcSwap<Vec<Preparation>>,
    /// Files from the commune.
    pub(crate) library: Library,
    coming: Mutex<Option<(PreparationId, Arc<Progress>)>>,
}

impl Prepared {
    /// What is here for this room, or for all.
    pub(crate) fn ready_for(&self, room: Option<&RoomName>) -> Vec<NewPreparation> {
        let list = self.list.load();
        let is_for_room = |it: &&Preparation| it.wanted.room.is_none() || it.wanted.room.as_ref() == room;
        let ready = list.iter().filter(|it| it.stage == PreparationStage::Here).filter(is_for_room);
        ready.map(show).collect()
    }

    /// What is here of this host, for whatever room.
    pub(crate) fn ready_of(&self, host: &DomainName) -> Vec<NewPreparation> {
        let list = self.list.load();
        let ready = list.iter().filter(|it| it.stage == PreparationStage::Here && it.place().host == *host);
        ready.map(show).collect()
    }

    /// Bytes that are here of what comes at this moment, and bytes of the whole.
    pub(crate) fn progress(&self, id: PreparationId) -> Option<(u64, u64)> {
        let coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.as_ref().filter(|(coming, _)| *coming == id).map(|(_, progress)| progress.read())
    }

    fn show_coming(&self, coming: Option<(PreparationId, Arc<Progress>)>) {
        *self.coming.lock().unwrap_or_else(PoisonError::into_inner) = coming;
    }
}

/// Something that is here, as pupils open it: where it is, though the line be down.
fn show(it: &Preparation) -> NewPreparation {
    NewPreparation { place: it.place().clone(), ..it.wanted.clone() }
}

/// Who prepares.
pub(crate) struct Preparer {
    state_file: PathBuf,
    gate: Arc<Gate>,
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    pace: Arc<Pace>,
    prepared: Arc<Prepared>,
    runtime: Handle,
    served: Vec<(Vec<DomainName>, BTreeSet<ProfileName>)>,
    store: Option<Store>,
    /// On which day what is used most was looked at.
    refreshed: Option<Date>,
    /// When what is on the list was tried last: a disk that takes no note makes nobody ask each second.
    tried: BTreeMap<PreparationId, Timestamp>,
    /// A failure of the state file is told once.
    is_failure_told: bool,
}

/// What a preparer works with.
pub(crate) struct Parts {
    pub(crate) gate: Arc<Gate>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) zone: TimeZone,
    pub(crate) bytes_per_second: u64,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) runtime: Handle,
    /// Names of workspaces that the box serves, each with the profiles that it serves them to.
    pub(crate) served: Vec<(Vec<DomainName>, BTreeSet<ProfileName>)>,
}

impl Preparer {
    pub(crate) fn new(data: &Path, parts: Parts) -> Self {
        let Parts { gate, desk, clock, zone, bytes_per_second, prepared, runtime, served } = parts;
        let pace = Arc::new(Pace::new(bytes_per_second));
        let state_file = data.join(STATE_FILE);
        Self {
            state_file,
            gate,
            desk,
            clock,
            zone,
            pace,
            prepared,
            runtime,
            served,
            store: None,
            refreshed: None,
            tried: BTreeMap::new(),
            is_failure_told: false,
        }
    }

    /// Prepares until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let goes_on = match self.look() {
                Some(due) => self.prepare(&due, stopped),
                None => self.refresh_used(stopped),
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Reads the list, pins what is on it, and finds what is due.
    fn look(&mut self) -> Option<Preparation> {
        let clock = self.clock.now();
        // A clock that nobody confirms takes nothing away.
        let confirmed = (clock.quality == ClockQuality::Synchronised).then_some(clock.at);
        let mut list = self.work(|store| {
            let list = store.preparations()?;
            match confirmed.filter(|now| list.iter().any(|it| it.wanted.until <= *now)) {
                Some(now) => {
                    store.lapse_preparations(now)?;
                    store.preparations()
                }
                None => Ok(list),
            }
        })?;
        if **self.prepared.list.load() != list {
            let places = list.iter().map(|it| (it.place().host.clone(), it.place().path.clone()));
            self.gate.pin(&places.collect::<Vec<_>>());
            self.prepared.list.store(Arc::new(list.clone()));
        }
        self.tried.retain(|id, _| list.iter().any(|it| it.id == *id));
        for it in &mut list {
            it.tried = self.tried.get(&it.id).copied().or(it.tried);
        }
        find_due(&list, clock.plausible()?, &self.zone).cloned()
    }

    /// Whether something that is on its way is still on the list, and may still come at this hour.
    fn may_go_on(&mut self, due: &Preparation) -> bool {
        let list = self.work(|store| store.preparations());
        let is_listed = list.is_none_or(|list| list.iter().any(|it| it.id == due.id));
        is_listed && self.clock.now().plausible().is_none_or(|now| is_its_time(&due.wanted, now, &self.zone))
    }

    /// Whether it is dawn by the school's clock.
    fn is_dawn(&self) -> bool {
        let clock = self.clock.now().plausible().and_then(|now| read_clock(now, &self.zone));
        clock.is_some_and(|clock| is_dawn(&clock))
    }

    /// Fetches one thing; false once it is told to stop.
    fn prepare(&mut self, due: &Preparation, stopped: &Receiver<()>) -> bool {
        let Some(device) = self.find_device(due) else {
            self.note(due, proxy::Preparation::Elsewhere.into());
            return true;
        };
        // From where it was asked for: the workspace may lead elsewhere today.
        let place = due.wanted.place.clone();
        let until = Some(find_end(&due.wanted, self.clock.now().at));
        let wanted = Wanted { host: place.host, path: place.path, tag: None, digest: None, device, until };
        let progress = Arc::new(Progress::default());
        let (stop, stopping) = watch::channel(false);
        self.prepared.show_coming(Some((due.id, Arc::clone(&progress))));
        let (gate, pace) = (Arc::clone(&self.gate), Arc::clone(&self.pace));
        let task = self.runtime.spawn(gate.prepare(wanted, pace, progress, stopping));
        let awaited = await_task(&task, &stop, stopped, || self.may_go_on(due));
        self.prepared.show_coming(None);
        match awaited {
            Awaited::Over => {
                let settled = self.runtime.block_on(task);
                let settled = settled.unwrap_or_else(|_| proxy::Preparation::Later.into());
                self.note(due, settled);
                true
            }
            // It is due again at its time, where it is on the list.
            Awaited::GivenUp => true,
            Awaited::Stopped => false,
        }
    }

    /// By whose rules it is fetched: those of the device from which it was asked for. What the commune wants was asked for from none: by those of any that the
    /// workspace is served to.
    fn find_device(&self, due: &Preparation) -> Option<Arc<Device>> {
        let directory = self.desk.directory();
        let (mac, host) = (due.wanted.device, &due.wanted.place.host);
        if mac != NO_DEVICE {
            return directory.devices().find(|device| device.mac == mac).cloned();
        }
        let served = self.served.iter().find(|(hosts, _)| hosts.iter().any(|of| host.is_under(of)));
        let (_, profiles) = served?;
        directory.devices().find(|device| profiles.contains(&device.profile)).cloned()
    }

    /// Looks once each morning at what was used most; false once it is told to stop.
    fn refresh_used(&mut self, stopped: &Receiver<()>) -> bool {
        let Some(clock) = self.clock.now().plausible().and_then(|now| read_clock(now, &self.zone)) else {
            return true;
        };
        if !is_refresh_due(&clock, self.refreshed) {
            return true;
        }
        self.refreshed = Some(clock.date());
        let (stop, stopping) = watch::channel(false);
        let task = self.runtime.spawn(Arc::clone(&self.gate).refresh_used(Arc::clone(&self.pace), stopping));
        if await_task(&task, &stop, stopped, || self.is_dawn()) == Awaited::Stopped {
            return false;
        }
        // What was given up ends with the request that it is at.
        if let Ok(objects @ 1..) = self.runtime.block_on(task) {
            tracing::info!(objects, "what is used most of the ENT was looked at for this day");
        }
        true
    }

    fn note(&mut self, due: &Preparation, settled: Settled) {
        let (id, stage, tried) = (due.id, stage_of(settled.preparation), self.clock.now().at);
        let kept = find_kept(due, stage, settled.place);
        // What is here is here whether the workspace answers or not.
        let is_unanswered = due.stage == PreparationStage::Here && stage == PreparationStage::Waiting;
        let stage = if is_unanswered && self.is_here(due, tried) { due.stage } else { stage };
        self.tried.insert(id, tried);
        // It is looked at several times a minute: the disk has that already.
        if stage == PreparationStage::Closed && due.stage == stage && kept == due.kept {
            return;
        }
        // Where it cannot be noted, it is tried again as after a failure.
        let noted = self.work(|store| store.note_preparation(id, stage, kept.as_ref(), tried));
        if noted.is_some() {
            tracing::info!(
                number = id.number(),
                stage = stage.as_str(),
                "something of the ENT was prepared for a lesson"
            );
        }
    }

    /// Whether something that was fetched is still here.
    fn is_here(&self, due: &Preparation, now: Timestamp) -> bool {
        let place = due.place();
        let until = find_end(&due.wanted, now);
        self.runtime.block_on(self.gate.has_ready(&place.host, &place.path, until))
    }

    fn work<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Option<T> {
        let outcome: anyhow::Result<T> = match &mut self.store {
            Some(store) => work(store).map_err(Into::into),
            absent => match Store::open(&self.state_file) {
                Ok(store) => work(absent.insert(store)).map_err(Into::into),
                Err(error) => Err(error.into()),
            },
        };
        if let Err(error) = &outcome {
            self.store = None;
            if !self.is_failure_told {
                tracing::error!("nothing is prepared for lessons: {error:#}");
            }
        }
        self.is_failure_told = outcome.is_err();
        outcome.ok()
    }
}

/// What became of waiting for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// It is over.
    Over,
    /// It may not go on, and was told to stop.
    GivenUp,
    /// So was whoever waited.
    Stopped,
}

/// Waits for a task, for as long as it may go on.
fn await_task<T>(
    task: &JoinHandle<T>,
    stop: &watch::Sender<bool>,
    stopped: &Receiver<()>,
    mut may_go_on: impl FnMut() -> bool,
) -> Awaited {
    let mut looks = 0;
    while !task.is_finished() {
        if stopped.recv_timeout(PERIOD / LOOKS) != Err(RecvTimeoutError::Timeout) {
            stop.send_replace(true);
            return Awaited::Stopped;
        }
        looks = (looks + 1) % LOOKS;
        if looks == 0 && !may_go_on() {
            stop.send_replace(true);
            return Awaited::GivenUp;
        }
    }
    Awaited::Over
}

fn read_clock(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?.to_zoned(zone.clone()))
}

/// The last hours before the school opens.
fn is_dawn(clock: &Zoned) -> bool {
    (DAWN..NIGHT.1).contains(&clock.hour())
}

/// Where it is kept after a look that came to this stage, and was led to `led`. Of what is here it is where it is.
fn find_kept(
    due: &Preparation,
    stage: PreparationStage,
    led: Option<WorkspacePlace>,
) -> Option<WorkspacePlace> {
    if stage == PreparationStage::Here {
        led
    } else if due.stage == PreparationStage::Here {
        due.kept.clone()
    } else {
        led.or_else(|| due.kept.clone())
    }
}

/// Whether what was used most is to be looked at now: once each morning, before the school opens.
fn is_refresh_due(clock: &Zoned, refreshed: Option<Date>) -> bool {
    is_dawn(clock) && refreshed != Some(clock.date())
}

fn stage_of(outcome: proxy::Preparation) -> PreparationStage {
    match outcome {
        proxy::Preparation::Here => PreparationStage::Here,
        proxy::Preparation::Later => PreparationStage::Waiting,
        proxy::Preparation::Closed => PreparationStage::Closed,
        proxy::Preparation::Refused => PreparationStage::Refused,
        proxy::Preparation::Personal => PreparationStage::Personal,
        proxy::Preparation::NotShared => PreparationStage::NotShared,
        // Only a manifest says what it must be.
        proxy::Preparation::Missing | proxy::Preparation::Different => PreparationStage::Missing,
        proxy::Preparation::Full => PreparationStage::Full,
        proxy::Preparation::Elsewhere => PreparationStage::Elsewhere,
    }
}

/// Until when it has to be served unasked, as far as can be told now: what is looked at tomorrow has to last for today.
fn find_end(wanted: &NewPreparation, now: Timestamp) -> Timestamp {
    wanted.until.min(Timestamp::from_unix_ms(now.unix_ms().saturating_add(UNASKED_MS)))
}

/// Whether something may come now: at night, or where its day has come, and never after it.
fn is_its_time(wanted: &NewPreparation, now: Timestamp, zone: &TimeZone) -> bool {
    let hour = read_clock(now, zone).map(|clock| clock.hour());
    let is_night = hour.is_some_and(|hour| !(NIGHT.1..NIGHT.0).contains(&hour));
    // It ends with its day.
    now < wanted.until && (is_night || wanted.until.ms_since(now) <= DAY_MS)
}

/// What is to be fetched or looked at now: at night, or where its day has come and it is not here.
fn find_due<'l>(list: &'l [Preparation], now: Timestamp, zone: &TimeZone) -> Option<&'l Preparation> {
    let clock = read_clock(now, zone)?;
    // What is to come was noted by a clock that was wrong.
    let find_tried = |it: &Preparation| it.tried.filter(|tried| *tried <= now);
    let is_due = |it: &&Preparation| {
        let tried = find_tried(it);
        let rested_ms = tried.map_or(u64::MAX, |tried| now.ms_since(tried));
        let has_rested = match it.stage {
            PreparationStage::Here => {
                let tried = tried.and_then(|tried| read_clock(tried, zone));
                let was_seen = tried.is_some_and(|tried| tried.date() == clock.date() && is_dawn(&tried));
                is_dawn(&clock) && !was_seen
            }
            PreparationStage::Waiting => rested_ms >= AGAIN_MS,
            PreparationStage::Closed => rested_ms >= LESSON_MS,
            PreparationStage::Refused
            | PreparationStage::Personal
            | PreparationStage::NotShared
            | PreparationStage::Missing
            | PreparationStage::Full
            | PreparationStage::Elsewhere => rested_ms >= MUCH_LATER_MS,
        };
        has_rested && is_its_time(&it.wanted, now, zone)
    };
    // What was not tried for the longest time comes first, what was never tried before all.
    list.iter().filter(is_due).min_by_key(|it| (find_tried(it), it.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let zoned: Zoned = format!("{text}[Europe/Paris]").parse().unwrap();
        Timestamp::from_unix_ms(zoned.timestamp().as_millisecond())
    }

    fn preparation(number: u32, stage: PreparationStage, tried: Option<&str>) -> Preparation {
        let wanted = NewPreparation {
            place: format!("https://ent.example/{number}").parse().unwrap(),
            title: "Le volcan".parse().unwrap(),
            room: None,
            by: "Mme Martin".parse().unwrap(),
            device: "02:00:00:00:00:11".parse().unwrap(),
            made: at("2026-11-26T15:00"),
            // For the thirtieth.
            until: at("2026-12-01T00:00"),
        };
        Preparation { id: PreparationId::new(number), wanted, kept: None, stage, tried: tried.map(at) }
    }

    #[test]
    fn it_is_fetched_at_night_and_on_its_day() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let check = |stage: PreparationStage, tried: Option<&str>, now: &str, expected: bool| {
            let list = [preparation(1, stage, tried)];
            assert_eq!(find_due(&list, at(now), &zone).is_some(), expected, "{stage:?} {tried:?} {now}");
        };
        use PreparationStage::{Closed, Here, NotShared, Waiting};
        // A lesson closes the Internet: a moment after its end.
        check(Closed, Some("2026-11-30T09:00"), "2026-11-30T09:01", true);
        check(Closed, Some("2026-11-30T09:00"), "2026-11-30T09:00", false);
        check(Closed, Some("2026-11-26T09:00"), "2026-11-26T10:00", false);
        check(Waiting, None, "2026-11-26T15:01", false);
        check(Waiting, None, "2026-11-26T21:00", true);
        check(Waiting, Some("2026-11-26T21:00"), "2026-11-26T21:05", false);
        check(Waiting, Some("2026-11-26T21:00"), "2026-11-26T21:10", true);
        check(Waiting, Some("2026-11-30T07:55"), "2026-11-30T08:30", true);
        check(NotShared, Some("2026-11-26T21:00"), "2026-11-26T23:00", false);
        check(NotShared, Some("2026-11-26T21:00"), "2026-11-27T01:00", true);
        check(Here, Some("2026-11-26T21:10"), "2026-11-27T04:59", false);
        check(Here, Some("2026-11-26T21:10"), "2026-11-27T05:00", true);
        check(Here, Some("2026-11-27T05:00"), "2026-11-27T06:59", false);
        check(Here, Some("2026-11-27T05:00"), "2026-11-27T10:00", false);
        // By a clock that was set back since.
        check(Waiting, Some("2027-01-01T00:00"), "2026-11-26T21:00", true);
        check(Here, Some("2026-11-27T06:30"), "2026-11-27T05:00", true);
        // Its day is over, and nobody has taken it from the list.
        check(Waiting, None, "2026-12-01T00:00", false);
        check(Here, None, "2026-12-01T05:00", false);
    }

    #[test]
    fn what_was_used_most_is_looked_at_once_each_morning() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let mut refreshed = None;
        let mut looks = Vec::new();
        // Two days, each quarter of an hour, over the change of the clocks.
        for quarter in 0..2 * 24 * 4 {
            let now = Timestamp::from_unix_ms(at("2026-10-24T12:00").unix_ms() + quarter * 15 * 60 * 1_000);
            let clock = read_clock(now, &zone).unwrap();
            if is_refresh_due(&clock, refreshed) {
                refreshed = Some(clock.date());
                looks.push((clock.day(), clock.hour(), clock.minute()));
            }
        }
        assert_eq!(looks, [(25, 5, 0), (26, 5, 0)]);
    }

    #[test]
    fn it_comes_at_its_time_and_has_to_last_for_its_day() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let wanted = preparation(1, PreparationStage::Waiting, None).wanted;
        let check = |now: &str, is_time: bool, end: &str| {
            assert_eq!(is_its_time(&wanted, at(now), &zone), is_time, "{now}");
            assert_eq!(find_end(&wanted, at(now)), at(end), "{now}");
        };
        check("2026-11-26T20:59", false, "2026-11-27T15:59");
        check("2026-11-26T21:00", true, "2026-11-27T16:00");
        check("2026-11-27T06:59", true, "2026-11-28T01:59");
        check("2026-11-27T07:00", false, "2026-11-28T02:00");
        check("2026-11-30T05:00", true, "2026-12-01T00:00");
        check("2026-11-30T10:00", true, "2026-12-01T00:00");
        check("2026-12-01T00:00", false, "2026-12-01T00:00");
    }

    #[test]
    fn where_it_is_kept_is_where_it_came_from_last() {
        use PreparationStage::{Here, Missing, Waiting};
        let place = |path: &str| -> WorkspacePlace { format!("https://ent.example{path}").parse().unwrap() };
        let (old, new) = (Some(place("/old")), Some(place("/new")));
        let check = |before, stage, led: &Option<WorkspacePlace>, expected: &Option<WorkspacePlace>| {
            let due = Preparation { kept: old.clone(), ..preparation(1, before, None) };
            assert_eq!(find_kept(&due, stage, led.clone()), *expected, "{before:?} {stage:?} {led:?}");
        };
        check(Here, Here, &new, &new);
        // The workspace does not lead elsewhere any more.
        check(Here, Here, &None, &None);
        // What is here is served on, whatever did not come.
        check(Here, Waiting, &new, &old);
        check(Here, Missing, &None, &old);
        // What was begun there is gone on with there.
        check(Waiting, Waiting, &new, &new);
        check(Waiting, Waiting, &None, &old);
    }

    #[test]
    fn a_task_that_may_not_go_on_is_told_to_stop() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (stop, mut stopping) = watch::channel(false);
        let task = runtime.spawn(async move { stopping.wait_for(|&is_stopping| is_stopping).await.is_ok() });
        let (_keep, stopped) = std::sync::mpsc::channel();
        assert_eq!(await_task(&task, &stop, &stopped, || false), Awaited::GivenUp);
        assert!(runtime.block_on(task).unwrap());
    }

    #[test]
    fn each_has_its_turn() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let list = [
            preparation(1, PreparationStage::Waiting, Some("2026-11-26T21:00")),
            preparation(2, PreparationStage::Waiting, Some("2026-11-26T20:00")),
            preparation(3, PreparationStage::Waiting, None),
        ];
        let first =
            |list: &[Preparation]| find_due(list, at("2026-11-26T22:00"), &zone).map(|it| it.id.number());
        assert_eq!([first(&list), first(&list[..2]), first(&list[..1])], [Some(3), Some(2), Some(1)]);
        assert_eq!(first(&[]), None);
    }
}
