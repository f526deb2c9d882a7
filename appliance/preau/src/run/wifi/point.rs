//! One access point: what it shall do, and what it does, brought together again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use access::Clock;
use model::{AccessPointName, Mac, Timestamp};
use system::clock::monotonic;
use wifi::{
    AccessPoint, Drive, DriveError, Event, Intent, Kind, Reality, STEPS_MAX, Setup, Sight, Silence, Stamps,
    Station, Status, Step, intend, plan,
};

use super::air::Air;
use super::board::WifiBoard;
use super::orders::{Order, Orders};

/// How often orders and events are looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often an access point that is as intended is looked at. A radio of the box answers within a millisecond; of another
/// machine, each look is a new session.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
const REMOTE_LOOK_PERIOD: Duration = Duration::from_secs(10);
/// Pauses after failures: each twice as long as the one before. An access point that comes back is noticed within the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a try with a wrong key is told of: somebody stands in the room with the tablet.
const WRONG_KEY_MS: u64 = 10 * 60 * 1_000;
/// Devices with wrong keys that are told apart: a class set with last year's.
const WRONG_KEYS_MAX: usize = 64;
/// Addresses that are remembered of registered devices: some class sets.
const JOINED_AS_MAX: usize = 256;

/// What all access points share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(super) orders: Arc<Orders>,
    pub(super) board: Arc<WifiBoard>,
    pub(super) air: Arc<Air>,
    pub(super) clock: Arc<dyn Clock>,
}

/// One access point, and whoever speaks to it.
pub(crate) struct Point {
    point: AccessPoint,
    drive: Box<dyn Drive>,
    shared: Shared,
    /// What was last tried to bring about.
    tried: Option<(Arc<Order>, Intent)>,
    status: Option<Status>,
    /// Why it is not as intended; told once.
    trouble: Option<String>,
    next_look: Instant,
    pause: Duration,
    wrong_keys: BTreeMap<Mac, Timestamp>,
    /// As what registered devices have joined: a tablet makes up one address for each network, and keeps to it. So one that comes with an
    /// old key is known, too.
    joined_as: BTreeMap<Mac, Mac>,
}

impl Point {
    pub(super) fn new(point: &AccessPoint, drive: Box<dyn Drive>, shared: Shared) -> Self {
        Self {
            point: point.clone(),
            drive,
            shared,
            tried: None,
            status: None,
            trouble: None,
            next_look: monotonic(),
            pause: PAUSE_MIN,
            wrong_keys: BTreeMap::new(),
            joined_as: BTreeMap::new(),
        }
    }

    /// What the configuration calls it.
    pub(crate) fn name(&self) -> &AccessPointName {
        &self.point.name
    }

    /// Keeps it as intended until it is told to stop; then it is silent.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            self.look();
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        self.end();
    }

    /// One round. Never later than a tenth of a second after another order or the end of a lesson, unless the access point itself
    /// is slow.
    pub(super) fn look(&mut self) {
        let order = self.shared.orders.last();
        let now = self.shared.clock.now();
        let intent = intend(&self.point.room, &order.wishes, now.plausible());
        let is_new = self
            .tried
            .as_ref()
            .is_none_or(|(tried, before)| !Arc::ptr_eq(tried, &order) || *before != intent);
        let has_moved = self.note_events(now.at);
        if is_new || has_moved || monotonic() >= self.next_look {
            self.reconcile(&order, intent, now.plausible());
            self.tried = Some((order, intent));
            self.publish(intent);
        }
    }

    fn reconcile(&mut self, order: &Order, intent: Intent, now: Option<Timestamp>) {
        let setup = order.rooms.get(&self.point.room).map(|room| room.setup(self.point.channel));
        let outcome = self.converge(intent, setup.as_ref(), now).and_then(|sight| {
            let stations = if sight == Sight::Sending { self.drive.stations()? } else { vec![] };
            Ok((sight, stations))
        });
        let at = self.shared.clock.now().at;
        match outcome {
            Ok((sight, stations)) => {
                self.pause = PAUSE_MIN;
                self.next_look = monotonic() + self.look_period();
                let lacks_keys = setup.is_none() && matches!(intent, Intent::Send { .. });
                let trouble = lacks_keys.then(|| "no device of the room has a key".to_owned());
                if self.trouble.is_some() && trouble.is_none() {
                    tracing::info!(access_point = %self.point.name, "the access point is as intended again");
                }
                self.trouble = trouble;
                self.status = Some(Status::after(self.status, sight, at));
                let devices = self.identify(order, &stations);
                if self.joined_as.len() < JOINED_AS_MAX {
                    self.joined_as.extend(devices.iter().copied());
                }
                self.shared.board.show_stations(&self.point.name, devices, stations.len());
            }
            Err(error) => self.fail(error, at),
        }
    }

    /// Step by step, each read back, until it is as intended.
    fn converge(
        &mut self,
        intent: Intent,
        setup: Option<&Setup>,
        now: Option<Timestamp>,
    ) -> Result<Sight, DriveError> {
        let target = setup.map(|setup| self.drive.stamps(setup));
        for _ in 0..=STEPS_MAX {
            let reality = self.drive.look(setup)?;
            let Some(step) = plan(intent, target.as_ref(), &reality, now) else {
                let is_wanted = target.is_some() && matches!(intent, Intent::Send { .. });
                return Ok(self.see(is_wanted, &reality, setup));
            };
            self.tell(intent, step, &reality, target.as_ref());
            self.drive.apply(step, setup)?;
        }
        Err(DriveError::Refused("it does not do as it is told".to_owned()))
    }

    fn see(&self, is_wanted: bool, reality: &Reality, setup: Option<&Setup>) -> Sight {
        let is_silent = |setup: &Setup| self.shared.air.is_silent(&setup.ssid, monotonic());
        let silence = if setup.is_some_and(is_silent) { Silence::Heard } else { Silence::Said };
        if reality.is_sending { Sight::Sending } else { Sight::Silent { is_wanted, silence } }
    }

    /// What takes seconds is shown before.
    fn tell(&mut self, intent: Intent, step: Step, reality: &Reality, target: Option<&Stamps>) {
        let access_point = &self.point.name;
        match (step, intent) {
            (Step::Send { .. }, Intent::Send { lesson, .. }) => {
                tracing::info!(%access_point, room = %self.point.room, lesson, "the Wi-Fi goes on");
            }
            (Step::Silence, _) => {
                tracing::info!(%access_point, room = %self.point.room, "the Wi-Fi goes off");
            }
            (Step::Send { .. } | Step::SetUp | Step::LoadKeys, _) => {
                tracing::debug!(%access_point, ?step, ?reality, ?target, "a step of an access point");
            }
        }
        if matches!(intent, Intent::Send { .. }) && !reality.is_sending {
            self.status = Some(Status::Starting);
            self.publish(intent);
        }
    }

    fn fail(&mut self, error: DriveError, at: Timestamp) {
        self.next_look = monotonic() + self.pause;
        self.pause = PAUSE_MAX.min(self.pause * 2);
        self.status = Some(Status::after(self.status, Sight::Nothing, at));
        self.shared.board.show_stations(&self.point.name, vec![], 0);
        let trouble = format!("{:#}", anyhow::Error::from(error));
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::error!(access_point = %self.point.name, "the access point is not as intended: {trouble}");
        }
        self.trouble = Some(trouble);
    }

    /// Whether devices have come or gone.
    fn note_events(&mut self, at: Timestamp) -> bool {
        let events = self.drive.take_events();
        for event in &events {
            match event {
                Event::WrongKey(mac) if self.wrong_keys.len() < WRONG_KEYS_MAX => {
                    self.wrong_keys.insert(*mac, at);
                }
                Event::Join(Station { mac, .. }) => {
                    self.wrong_keys.remove(mac);
                }
                Event::WrongKey(_) | Event::Leave(_) => {}
            }
        }
        self.wrong_keys.retain(|_, tried| at.ms_since(*tried) < WRONG_KEY_MS);
        !events.is_empty()
    }

    /// The registered devices among them, each by both its hardware addresses.
    fn identify(&self, order: &Order, stations: &[Station]) -> Vec<(Mac, Mac)> {
        let known = |station: &Station| Some((station.mac, *order.owners.get(&station.key?)?));
        stations.iter().filter_map(known).collect()
    }

    fn look_period(&self) -> Duration {
        match self.point.kind {
            Kind::Hostapd { .. } => LOOK_PERIOD,
            Kind::OpenWrt { .. } => REMOTE_LOOK_PERIOD,
        }
    }

    fn publish(&self, intent: Intent) {
        let Some(status) = self.status else { return };
        let lesson = match intent {
            Intent::Send { lesson, .. } => Some(lesson),
            Intent::Silent => None,
        };
        let wrong_keys = self.wrong_keys.keys().map(|mac| *self.joined_as.get(mac).unwrap_or(mac)).collect();
        let trouble = self.trouble.clone();
        self.shared.board.show(&self.point, status, lesson, wrong_keys, trouble);
    }

    /// Nothing is left sending.
    fn end(&mut self) {
        let is_sending = self.drive.look(None).map_or(true, |reality| reality.is_sending);
        let ended = if is_sending { self.drive.apply(Step::Silence, None) } else { Ok(()) };
        if let Err(error) = ended {
            let error = anyhow::Error::from(error);
            tracing::warn!(access_point = %self.point.name, "the access point could not be told to be silent: {error:#}");
        }
        self.shared.board.forget(&self.point);
    }
}

#[cfg(test)]
mod tests;
