//! Named services, and what is refused past the doors: the threads that keep them, and what these share.
//!
//! ```text
//! names ----- resolves hosts ------> Names ------+
//!                                                v
//! fence ----- policy, devices, Names ----> firewall; then clients are told the addresses
//! flows ----- the kernel's news ----> records; what is to end, ends; opens and shuts the services
//! refused --- the firewall's notes -> records
//! ```
//!
//! The fence closes what the policy no longer permits to new flows, and the flows' thread ends those under way: each looks
//! once a second.

mod fence;
mod floods;
mod flows;
mod names;
mod refused;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::services::Names;
use access::Desk;
use model::Mac;
use resolver::ServiceAddresses;
use system::clock::monotonic;
use system::netfilter::opening::OPEN_FOR;
use system::nft::Floods;

pub(crate) use fence::Fence;
pub(crate) use flows::FlowKeeper;
pub(crate) use names::NameKeeper;
pub(crate) use refused::RefusalKeeper;

/// Counts of floods that wait to be recorded: the fence makes one every ten seconds at most.
const FLOODS_MAX: usize = 16;

/// How long the start waits until the hosts of services were resolved: before, a flow that goes on from an earlier run would
/// be taken for one to an address that is none of the service's.
const START_MAX: Duration = Duration::from_secs(10);

/// How long the firewall's last good look counts. Several times as long as looks take, and as short as [`OPEN_FOR`]: while
/// nft hangs, the firewall lets through what the policy may have closed.
const FENCED_FOR: Duration = Duration::from_secs(4);

/// What the threads share.
pub(crate) struct Services {
    pub(crate) desk: Arc<Desk>,
    /// What clients are told: what the firewall lets through.
    pub(crate) told: ServiceAddresses,
    names: Mutex<Names>,
    /// When the firewall last had what the policy permits, and nothing else, all names resolved; `None` while it has not.
    fenced: Mutex<Option<Instant>>,
    /// Whether the kernel has said that the firewall's table is gone.
    is_table_missed: AtomicBool,
    /// When the kernel was last told to let services through for a while; `None` once they are shut.
    renewed: Mutex<Option<Instant>>,
    floods: Mutex<VecDeque<Floods>>,
    start: Instant,
}

impl Services {
    /// Nothing is known yet.
    pub(crate) fn new(desk: Arc<Desk>, told: ServiceAddresses) -> Self {
        Self {
            desk,
            told,
            names: Mutex::default(),
            fenced: Mutex::default(),
            is_table_missed: AtomicBool::new(false),
            renewed: Mutex::default(),
            floods: Mutex::default(),
            start: monotonic(),
        }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        lock(&self.names)
    }

    /// The hardware addresses of registered devices.
    fn registered(&self) -> BTreeSet<Mac> {
        self.desk.directory().devices().map(|device| device.mac).collect()
    }

    /// Whether the hosts of services were resolved, or time enough was given to it.
    fn has_tried_names(&self) -> bool {
        monotonic().duration_since(self.start) >= START_MAX
            || self.names().are_tried(&self.desk.policy().service_hosts(self.desk.now()).0)
    }

    /// How long services stay open if nothing renews that.
    fn open_for(&self) -> Option<Duration> {
        let age = monotonic().duration_since((*lock(&self.renewed))?);
        OPEN_FOR.checked_sub(age)
    }

    /// Whether the firewall has what the policy permits, and nothing else: otherwise services stay shut.
    fn is_fenced(&self) -> bool {
        lock(&self.fenced).is_some_and(|fenced| monotonic().duration_since(fenced) < FENCED_FOR)
    }

    /// Seconds on a clock that only goes forward.
    fn now_s(&self) -> u64 {
        monotonic().duration_since(self.start).as_secs()
    }

    fn give_floods(&self, floods: Floods) {
        let mut waiting = lock(&self.floods);
        if waiting.len() < FLOODS_MAX {
            waiting.push_back(floods);
        }
    }

    fn take_floods(&self) -> Option<Floods> {
        lock(&self.floods).pop_front()
    }
}

/// A part is changed in one step, so it is right even after a panic elsewhere.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
