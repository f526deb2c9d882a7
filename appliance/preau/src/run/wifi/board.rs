//! What is known of the access points: for pages, for `preau wifi status`, and for the desk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::Desk;
use model::{AccessPointName, Mac, RoomName, Timestamp};
use portal::WifiStatus;
use serde::{Deserialize, Serialize};
use system::derived::write_private;
use wifi::{AccessPoint, Silence, Status};

use crate::config::read_file_up_to;
use crate::run::radios::Radios;

/// The file for `preau wifi status`, which another process reads. It tells of the box that runs: it has this lock.
const STATUS_FILE: &str = "status.json";
const LOCK_FILE: &str = "lock";
/// Largest status file that is read, in MiB: it has a line for each access point.
const STATUS_MIB_MAX: u64 = 1;
/// Who is in which room is for nobody else on the machine.
const MODE: u32 = 0o600;

/// What is known of one access point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) access_point: String,
    pub(crate) room: String,
    /// The word of its status.
    pub(crate) status: String,
    /// Since when, in milliseconds since 1970 UTC.
    pub(crate) since_ms: Option<i64>,
    /// The lesson that it sends for.
    pub(crate) lesson: Option<u32>,
    /// Devices that have joined.
    pub(crate) stations: usize,
    /// Devices that tried with a wrong key in the last minutes.
    pub(crate) wrong_keys: usize,
    /// Why it is not as intended.
    pub(crate) trouble: Option<String>,
}

/// What is known of all of them.
pub(crate) struct WifiBoard {
    folder: PathBuf,
    desk: Arc<Desk>,
    radios: Arc<Radios>,
    state: Mutex<State>,
    /// Held as long as the box runs.
    _lock: File,
}

#[derive(Default)]
struct State {
    points: BTreeMap<AccessPointName, Known>,
    is_failure_told: bool,
}

struct Known {
    room: RoomName,
    status: Status,
    line: Line,
    /// The registered devices that have joined, each by both its hardware addresses.
    devices: Vec<(Mac, Mac)>,
    /// Devices that tried with a wrong key, by their registered hardware addresses where these are known.
    wrong_keys: Vec<Mac>,
}

impl WifiBoard {
    /// A board whose file is in this folder.
    pub(crate) fn open(folder: &Path, desk: Arc<Desk>, radios: Arc<Radios>) -> io::Result<Self> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(MODE)
            .open(folder.join(LOCK_FILE))?;
        // Readers hold it for a moment at most; another box does not run on this data folder.
        lock.lock()?;
        let board = Self { folder: folder.to_owned(), desk, radios, state: Mutex::default(), _lock: lock };
        board.write(&mut board.lock());
        Ok(board)
    }

    pub(super) fn show(
        &self,
        point: &AccessPoint,
        status: Status,
        lesson: Option<u32>,
        wrong_keys: Vec<Mac>,
        trouble: Option<String>,
    ) {
        let mut state = self.lock();
        let before = state.points.remove(&point.name);
        let (stations, devices) =
            before.as_ref().map_or((0, vec![]), |known| (known.line.stations, known.devices.clone()));
        let line = Line {
            access_point: point.name.to_string(),
            room: point.room.to_string(),
            status: status.as_str().to_owned(),
            since_ms: status.since().map(Timestamp::unix_ms),
            lesson,
            stations,
            wrong_keys: wrong_keys.len(),
            trouble,
        };
        let is_news = before.is_none_or(|before| before.line != line);
        let known = Known { room: point.room.clone(), status, line, devices, wrong_keys };
        state.points.insert(point.name.clone(), known);
        self.radios.show(&point.room, state.describe(&point.room));
        self.radios.show_wrong_keys(&point.room, state.wrong_keys(&point.room));
        if is_news {
            self.write(&mut state);
        }
    }

    /// So many devices have joined there, these registered ones among them.
    pub(super) fn show_stations(&self, name: &AccessPointName, devices: Vec<(Mac, Mac)>, count: usize) {
        let mut state = self.lock();
        let Some(known) = state.points.get_mut(name) else { return };
        let is_other_count = std::mem::replace(&mut known.line.stations, count) != count;
        if known.devices != devices {
            known.devices = devices;
            let all = state.points.values().flat_map(|known| known.devices.iter().copied());
            self.desk.swap_stations(all.collect());
        }
        if is_other_count {
            self.write(&mut state);
        }
    }

    pub(super) fn forget(&self, point: &AccessPoint) {
        let mut state = self.lock();
        state.points.remove(&point.name);
        self.radios.show(&point.room, state.describe(&point.room));
        self.radios.show_wrong_keys(&point.room, state.wrong_keys(&point.room));
        self.write(&mut state);
    }

    /// A disk that is full keeps no Wi-Fi from working.
    fn write(&self, state: &mut State) {
        let lines: Vec<&Line> = state.points.values().map(|known| &known.line).collect();
        let written = serde_json::to_string(&lines)
            .map_err(io::Error::other)
            .and_then(|text| write_private(&self.folder.join(STATUS_FILE), &text));
        let is_told = std::mem::replace(&mut state.is_failure_told, written.is_err());
        if let Err(error) = written
            && !is_told
        {
            tracing::warn!(%error, "the status of the Wi-Fi cannot be written");
        }
    }

    /// A part is replaced whole, so all is right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The devices that tried with a wrong key in a room.
    fn wrong_keys(&self, room: &RoomName) -> Vec<Mac> {
        let of_room = self.points.values().filter(|known| known.room == *room);
        let devices: BTreeSet<Mac> = of_room.flat_map(|known| known.wrong_keys.iter().copied()).collect();
        devices.into_iter().collect()
    }

    /// What pages say of a room.
    fn describe(&self, room: &RoomName) -> WifiStatus {
        let of_room = self.points.values().filter(|known| known.room == *room);
        match Status::of_room(of_room.map(|known| known.status)) {
            None => WifiStatus::None,
            Some(Status::Off(Silence::Heard)) => WifiStatus::Off,
            Some(Status::Off(Silence::Said)) => WifiStatus::OffUnverified,
            Some(Status::Starting) => WifiStatus::Starting,
            Some(Status::On { since }) => WifiStatus::On { since },
            Some(Status::Unreachable { since }) => WifiStatus::Unreachable { since },
        }
    }
}

/// What the running box has written; `None` when none runs.
pub(crate) fn read_status(folder: &Path) -> anyhow::Result<Option<Vec<Line>>> {
    let lock = match File::open(folder.join(LOCK_FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        outcome => outcome?,
    };
    match lock.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let bytes = read_file_up_to(&folder.join(STATUS_FILE), STATUS_MIB_MAX)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}
