//! What was prepared, and may have been changed since: it is asked for again at once, not only when somebody wants it.
//!
//! Whoever sends a form to the address of something prepared makes it doubtful (RFC 9111 section 4.4), be it by mistake or because a
//! workspace answers forms to any address with a redirection. The server's word on it is had at once, as it would be at night: as
//! somebody who is signed in nowhere, by the rules of the device that has sent the form.
//!
//! Invariant: one look at a time for each key, few in all, and slow: forms take little more of the line than they do by themselves.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache::Key;
use model::DomainName;

use super::caching::Quest;
use super::pace::Pace;
use super::preparing::Wanted;
use crate::depot::Depot;

/// Looks at once. What is beyond is asked for when somebody wants it, or before the school opens.
const LOOKS_MAX: usize = 4;
/// How fast all of them together bring new versions: an eighth of a line of 8 Mbit/s. Whoever opens one meanwhile does not wait.
const BYTES_PER_SECOND: u64 = 125_000;
/// Forms that are sent during a look make another one of it, and no more.
const ROUNDS_MAX: usize = 2;

/// The looks that are under way.
pub(super) struct Looks {
    under_way: Mutex<HashSet<u128>>,
    pace: Arc<Pace>,
}

/// One of them, until it is dropped.
struct Look {
    looks: Arc<Looks>,
    name: u128,
}

impl Default for Looks {
    fn default() -> Self {
        Self { under_way: Mutex::default(), pace: Arc::new(Pace::new(BYTES_PER_SECOND)) }
    }
}

impl Looks {
    /// `None` where one is under way for this, or too many are.
    fn begin(self: &Arc<Self>, name: u128) -> Option<Look> {
        let mut under_way = self.lock();
        let has_begun = under_way.len() < LOOKS_MAX && under_way.insert(name);
        has_begun.then(|| Look { looks: Arc::clone(self), name })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u128>> {
        // Names come and go whole.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.looks.lock().remove(&self.name);
    }
}

impl Quest<'_> {
    /// Has something be asked for again that was changed, where it was prepared. Nobody waits for it.
    pub(super) fn look_again(&self, key: &Key) {
        if !self.depot.is_pinned(key) {
            return;
        }
        let (gate, workspaces) = (Arc::clone(&self.connection.gate), &self.connection.workspaces);
        // One that is registered no more has nothing asked for its sake.
        let Some(device) = self.device.and_then(|device| gate.find_device(device)) else { return };
        let Ok(host) = key.host().parse::<DomainName>() else { return };
        let Some(look) = workspaces.looks.begin(Depot::name(key)) else { return };
        let path = key.path_and_query().to_owned();
        let wanted = Wanted { host, path, tag: None, digest: None, device, until: None };
        let (depot, key, stop) = (Arc::clone(&self.depot), key.clone(), self.connection.caller.stop.clone());
        let pace = Arc::clone(&workspaces.looks.pace);
        tokio::spawn(async move {
            let _look = look;
            for _ in 0..ROUNDS_MAX {
                let (gate, pace) = (Arc::clone(&gate), Arc::clone(&pace));
                let _settled = gate.prepare(wanted.clone(), pace, Arc::default(), stop.clone()).await;
                if !depot.is_doubted(&key).await {
                    return;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_few_and_one_for_each() {
        let looks = Arc::new(Looks::default());
        let mut under_way: Vec<_> = (0..10).map_while(|name| looks.begin(name)).collect();
        assert_eq!(under_way.len(), LOOKS_MAX);
        under_way.pop();
        assert!(looks.begin(0).is_none(), "it is under way");
        assert!(looks.begin(9).is_some());
        drop(under_way);
        assert!(looks.lock().is_empty());
    }
}
