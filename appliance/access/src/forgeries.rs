//! Datagrams that came from other machines than their addresses say.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::SenderMark;

/// How many there were, and what the last one said. For whoever tells a person; the desk itself judges all alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgeries {
    /// So many since the start.
    pub count: u64,
    /// The address that the last one bore, and the machine that it came from.
    pub last: Option<(IpAddr, SenderMark)>,
}

/// The same, shared by all doors. Only forgers wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Forgeries>);

impl Ledger {
    pub(crate) fn note(&self, client: IpAddr, sender: SenderMark) {
        let mut forgeries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forgeries.count = forgeries.count.saturating_add(1);
        forgeries.last = Some((client, sender));
    }

    pub(crate) fn read(&self) -> Forgeries {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
