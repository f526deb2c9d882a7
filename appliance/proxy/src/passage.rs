//! A permitted access on its way.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{Desk, Recorded};
use model::{Closing, End, Subject};
use policy::{Decided as _, Permit};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gate::Caller;
use crate::relay::Traffic;
use crate::seats::{Grant, Seat};

/// A permit in use. However its task ends, the desk hears once how the access ended.
pub(crate) struct Passage {
    desk: Arc<Desk>,
    /// There until the passage is dropped.
    permit: Option<Recorded<Permit>>,
    traffic: Arc<Traffic>,
    started: Instant,
    stop: watch::Receiver<bool>,
    /// The place of the client's connection.
    seat: Arc<Seat>,
    grant: Grant,
    /// Where the box connected to.
    pub(crate) peer: Option<SocketAddr>,
    /// Where it might have, by the host's name: there as well, in the order in which they are tried.
    pub(crate) choice: Vec<SocketAddr>,
    /// How it ended, once that is known.
    pub(crate) end: Option<End>,
}

impl Passage {
    pub(crate) fn new(desk: Arc<Desk>, permit: Recorded<Permit>, caller: &Caller) -> Self {
        let grant = caller.seat.grant(permit.decision().claim().clone());
        Self {
            desk,
            permit: Some(permit),
            traffic: Arc::default(),
            started: Instant::now(),
            stop: caller.stop.clone(),
            seat: Arc::clone(&caller.seat),
            grant,
            peer: None,
            choice: Vec::new(),
            end: None,
        }
    }

    pub(crate) fn permit(&self) -> Option<&Recorded<Permit>> {
        self.permit.as_ref()
    }

    /// Who asked, as it was judged.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.permit.as_ref().map(|permit| permit.decision().subject())
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        // A passage that nobody ended was cut: by the box when it stops or must not carry it any more, else by a
        // side.
        let cut = match (self.seat.end_grant(&self.grant), *self.stop.borrow()) {
            (true, _) => End::Lapse,
            (false, true) => End::Cut,
            (false, false) => End::Abort,
        };
        let closing = Closing {
            bytes_up: self.traffic.up(),
            bytes_down: self.traffic.down(),
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            peer: self.peer,
            end: self.end.unwrap_or(cut),
        };
        self.desk.close(permit, closing);
    }
}
