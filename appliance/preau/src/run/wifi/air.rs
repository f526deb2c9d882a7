//! What the box itself hears of its access points, by a radio that does nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firewall::Interface;
use system::air::Listener;
use system::clock::monotonic;
use wifi::Ssid;

/// How long a network has not been heard that is silent: twenty beacons.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// The pause before an interface is listened to again that was not there.
const PAUSE: Duration = Duration::from_secs(5);

/// When each of the school's networks was last heard.
#[derive(Debug, Default)]
pub(crate) struct Air(Mutex<BTreeMap<String, Instant>>);

impl Air {
    /// Whether this network was heard, and is not any more. One that was never heard may be on another channel than the one that
    /// is listened to: of it nothing is known.
    pub(crate) fn is_silent(&self, ssid: &Ssid, now: Instant) -> bool {
        self.lock()
            .get(ssid.as_str())
            .is_some_and(|heard| now.saturating_duration_since(*heard) > SILENT_AFTER)
    }

    fn note(&self, ssid: String, now: Instant) {
        self.lock().insert(ssid, now);
    }

    /// Nobody listens: nothing is known.
    fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever listens.
pub(crate) struct AirKeeper {
    interface: Interface,
    /// The school's own networks; what neighbours send is nobody's business here.
    names: BTreeSet<String>,
    air: Arc<Air>,
}

impl AirKeeper {
    pub(crate) fn new(interface: Interface, names: impl IntoIterator<Item = Ssid>, air: Arc<Air>) -> Self {
        let names = names.into_iter().map(|name| name.as_str().to_owned()).collect();
        Self { interface, names, air }
    }

    /// Listens until it is told to stop.
    pub(crate) fn keep(self, stopped: &Receiver<()>) {
        let mut is_told = false;
        loop {
            match Listener::open(&self.interface).and_then(|listener| self.listen(listener, stopped)) {
                Ok(()) => return,
                Err(error) => {
                    self.air.forget();
                    if !std::mem::replace(&mut is_told, true) {
                        let interface = &self.interface;
                        tracing::warn!(%interface, %error, "the radio that listens hears nothing: nobody verifies that the Wi-Fi is off");
                    }
                }
            }
            if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn listen(&self, mut listener: Listener, stopped: &Receiver<()>) -> std::io::Result<()> {
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            if let Some(name) = listener.hear()?.filter(|name| self.names.contains(name)) {
                self.air.note(name, monotonic());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_heard_can_fall_silent() {
        let (air, now) = (Air::default(), monotonic());
        let (own, other): (Ssid, Ssid) = ("tilleul".parse().unwrap(), "hetre".parse().unwrap());
        let is_silent = |ssid: &Ssid, seconds| air.is_silent(ssid, now + Duration::from_secs(seconds));
        assert!(!is_silent(&own, 10), "it may be on another channel");
        air.note("tilleul".to_owned(), now);
        assert!(!is_silent(&own, 1) && is_silent(&own, 3));
        assert!(!is_silent(&other, 3));
        air.forget();
        assert!(!is_silent(&own, 10), "nobody listens");
    }
}
