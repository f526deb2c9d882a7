//! Asking upstreams on behalf of clients: once for all who wait for the same, and never longer than they wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::Message;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use wire::dns::{Records, ResponseCode};

use crate::cache::{Asked, Cache, Entry, Found};
use crate::clock::Clock;
use crate::keep::keep;
use crate::settings::{IsInward, OwnZone};
use crate::sift::Leads;
use crate::statistics::{Counters, Statistics};
use crate::upstream::{Failure, PermittedName, Upstreams};

/// How long a client waits while a stale answer could help out (RFC 8767 section 5: 1.8 s).
const STALE_AFTER_MS: u64 = 1_800;
/// Most questions under way to upstreams: each takes a task, a socket and some kilobytes.
const FLIGHTS_MAX: usize = 512;
/// How long a failure is remembered, so that retries of clients do not reach the upstreams, in seconds (RFC 9520
/// section 3.2: at least one, at most 300).
const FAILURE_S: u32 = 5;

/// What a flight is for.
type Key = (PermittedName, Asked);
type Landing = watch::Receiver<Option<Result<Entry, Failure>>>;

/// Forwards questions.
pub(crate) struct Forwarder {
    cache: Arc<Cache>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
    upstreams: ArcSwap<Upstreams>,
    is_inward: IsInward,
    own_zone: OwnZone,
    flights: Mutex<HashMap<Key, Landing>>,
    slots: Arc<Semaphore>,
    /// Where upstreams are asked, once the doors are open.
    runtime: OnceLock<Handle>,
}

/// What forwarding has brought.
#[derive(Debug)]
pub(crate) enum Obtained {
    /// An answer.
    Fresh(Entry),
    /// None in time; this one from earlier helps out.
    Stale(Entry),
    /// None.
    Nothing(Failure),
}

impl Obtained {
    pub(crate) fn into_entry(self) -> Option<Entry> {
        match self {
            Self::Fresh(entry) | Self::Stale(entry) => Some(entry),
            Self::Nothing(_) => None,
        }
    }
}

impl Forwarder {
    pub(crate) fn new(
        cache: Arc<Cache>,
        clock: Arc<Clock>,
        counters: Arc<Counters>,
        upstreams: Upstreams,
        is_inward: IsInward,
        own_zone: OwnZone,
    ) -> Self {
        Self {
            cache,
            clock,
            counters,
            upstreams: ArcSwap::from_pointee(upstreams),
            is_inward,
            own_zone,
            flights: Mutex::default(),
            slots: Arc::new(Semaphore::new(FLIGHTS_MAX)),
            runtime: OnceLock::new(),
        }
    }

    /// Asks upstreams on this runtime, whoever needs an answer: the first call counts.
    pub(crate) fn work_on(&self, runtime: Handle) {
        self.runtime.get_or_init(|| runtime);
    }

    pub(crate) fn swap_upstreams(&self, upstreams: Upstreams) {
        self.upstreams.store(Arc::new(upstreams));
    }

    /// Gets an answer for a name that is permitted. With a stale one at hand it does not wait for long; the
    /// question stays under way then, and its answer is kept for the next client.
    pub(crate) async fn obtain(
        self: &Arc<Self>,
        name: &PermittedName,
        asked: Asked,
        stale: Option<Entry>,
    ) -> Obtained {
        let landing = self.take_off(name, asked, stale.clone());
        let Some(stale) = stale else {
            return match wait(landing).await {
                Ok(entry) => Obtained::Fresh(entry),
                Err(failure) => Obtained::Nothing(failure),
            };
        };
        // On a line that is down, a lesson goes on with what is kept; the question itself finds out when it is back.
        let wait_ms = if self.upstreams.load().are_silent() { 0 } else { STALE_AFTER_MS };
        match tokio::time::timeout(Duration::from_millis(wait_ms), wait(landing)).await {
            Ok(Ok(entry)) => Obtained::Fresh(entry),
            Ok(Err(_)) | Err(_) => Obtained::Stale(stale),
        }
    }

    /// Joins the flight for this question, or starts one.
    fn take_off(self: &Arc<Self>, name: &PermittedName, asked: Asked, stale: Option<Entry>) -> Landing {
        let key = (name.clone(), asked);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(landing) = flights.get(&key) {
            return landing.clone();
        }
        let (sender, landing) = watch::channel(None);
        // The flight that this client would have joined may have landed since it looked.
        if let Found::Fresh(entry) = self.cache.find(name.as_domain(), asked, self.clock.now_s()) {
            sender.send_replace(Some(Ok(entry)));
            return landing;
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            sender.send_replace(Some(Err(Failure::Busy)));
            return landing;
        };
        flights.insert(key.clone(), landing.clone());
        drop(flights);
        let flight = Flight { forwarder: Arc::clone(self), key };
        let name = name.clone();
        self.runtime.get().cloned().unwrap_or_else(Handle::current).spawn(async move {
            let outcome = flight.fly(&name, asked, stale.as_ref()).await;
            drop(flight);
            drop(slot);
            sender.send_replace(Some(outcome));
        });
        landing
    }
}

/// A question under way; leaves the list of flights when it ends, however it ends.
struct Flight {
    forwarder: Arc<Forwarder>,
    key: Key,
}

impl Flight {
    async fn fly(&self, name: &PermittedName, asked: Asked, stale: Option<&Entry>) -> Result<Entry, Failure> {
        let forwarder = &self.forwarder;
        let outcome = match (forwarder.own_zone)(name.as_domain(), asked.kind.0) {
            Some(bytes) => Message::from_vec(&bytes).map_err(|_| Failure::Refused),
            None => {
                forwarder.counters.add(&Statistics { forwarded: 1, ..Statistics::default() });
                let upstreams = forwarder.upstreams.load_full();
                upstreams.ask(name, asked).await
            }
        };
        let now_s = forwarder.clock.now_s();
        let is_inward = forwarder.is_inward.as_ref();
        let outcome = outcome.and_then(|message| keep(message, name.as_domain(), asked, now_s, is_inward));
        match outcome {
            Ok(entry) => {
                forwarder.cache.keep(entry.clone());
                Ok(entry)
            }
            Err(failure) => {
                tracing::debug!(name = %name.as_domain(), %failure, "cannot resolve");
                match stale {
                    Some(stale) => stale.postpone(now_s),
                    None => {
                        let none = Records::none(ResponseCode::ServFail);
                        let leads = Leads::default();
                        let entry = Entry::new(name.as_domain(), asked, &none, leads, now_s, FAILURE_S);
                        forwarder.cache.keep(entry);
                    }
                }
                Err(failure)
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.forwarder.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

async fn wait(mut landing: Landing) -> Result<Entry, Failure> {
    match landing.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Err(Failure::Silent)),
        // The flight has ended without a word.
        Err(_) => Err(Failure::Silent),
    }
}
