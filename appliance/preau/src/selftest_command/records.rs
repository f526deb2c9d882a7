//! Whether the journal has what it must have.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::Duration;

use journal::{FOLD_WINDOW_MS, Found, Hit, Query, SegmentId, Source};
use model::{AccessKind, Fault, Host, Reason, Timestamp, Verdict};
use selftest::{Attack, ExpectedRecord};
use system::segments::Directory;

use super::targets::Plan;

/// The journal's last segments: a run falls into two of them when one is full, or a day ends, or the box starts anew.
const SEGMENTS_MAX: usize = 4;
/// Looks at the journal before a record counts as missing. It becomes durable within a second.
const LOOKS_MAX: u32 = 10;
/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The refusals that the journal has of a run.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Device, door and host.
    found: HashSet<(String, AccessKind, Host)>,
    /// Device, door and what was wrong.
    faults: HashSet<(String, AccessKind, Fault)>,
    /// Device, protocol and destination of packets that the firewall refused.
    refused: HashSet<(String, AccessKind, SocketAddr)>,
    names: Vec<(model::Tester, String)>,
}

impl Records {
    /// Reads the journal until it has everything that these attacks expect, or no longer can be waited for.
    pub(super) fn await_all(data: &Path, plan: &Plan, attacks: &[Attack], since: Timestamp) -> Self {
        let testers = attacks.iter().filter_map(|attack| attack.sender);
        let names: HashSet<_> =
            testers.filter_map(|tester| Some((tester, plan.device(tester)?.to_string()))).collect();
        let mut records = Self { names: names.into_iter().collect(), ..Self::default() };
        for _ in 0..LOOKS_MAX {
            records.read(data, since);
            let has_all = |attack: &Attack| attack.records.iter().all(|record| records.has(attack, record));
            if attacks.iter().filter(|attack| attack.actions().next().is_some()).all(has_all) {
                break;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        records
    }

    /// Whether there is such a record under the attacker's name.
    pub(super) fn has(&self, attack: &Attack, record: &ExpectedRecord) -> bool {
        let name = self.names.iter().find(|(tester, _)| Some(*tester) == attack.sender);
        let Some((_, name)) = name else { return false };
        match record {
            ExpectedRecord::Door { kind, host } => self.found.contains(&(name.clone(), *kind, host.clone())),
            ExpectedRecord::Fault { kind, fault } => self.faults.contains(&(name.clone(), *kind, *fault)),
            // Each of them: what comes back may come from beyond, this does not. An attacker who knocks faster than is told has
            // a count for the rest.
            ExpectedRecord::Firewall => {
                self.faults.contains(&(name.clone(), AccessKind::Ip, Fault::Flood))
                    || attack.knocks().all(|(kind, to)| self.refused.contains(&(name.clone(), kind, to)))
            }
        }
    }

    fn read(&mut self, data: &Path, since: Timestamp) {
        let window_ms = i64::try_from(FOLD_WINDOW_MS).unwrap_or_default();
        let from = Timestamp::from_unix_ms(since.unix_ms().saturating_sub(window_ms));
        let query = Query { from: Some(from), verdict: Some(Verdict::Refuse), ..Query::default() };
        let searched = journal::search(&Recent(Directory::new(data)), &query, |hit| {
            if let Hit::Access(found) = hit
                && found.last_at >= since
            {
                self.note(*found);
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = searched {
            tracing::debug!(%error, "the journal cannot be read");
        }
    }

    fn note(&mut self, found: Found) {
        let Found { device, kind, host, destination, reason, .. } = found;
        if let Reason::Fault(fault) = reason {
            self.faults.insert((device.clone(), kind, fault));
        }
        match kind {
            AccessKind::Tcp | AccessKind::Udp | AccessKind::Ip => {
                self.refused.extend(destination.map(|destination| (device.clone(), kind, destination)));
            }
            AccessKind::Dns | AccessKind::Tls | AccessKind::Http | AccessKind::Connect => {}
        }
        self.found.extend(host.map(|host| (device, kind, host)));
    }
}

/// The end of a journal: a year of it is not read for what happened a minute ago.
struct Recent(Directory);

impl Source for Recent {
    type Reader = <Directory as Source>::Reader;

    fn list(&self) -> io::Result<Vec<SegmentId>> {
        let mut all = self.0.list()?;
        let before = all.len().saturating_sub(SEGMENTS_MAX);
        Ok(all.split_off(before))
    }

    fn open(&self, segment: SegmentId) -> io::Result<Self::Reader> {
        self.0.open(segment)
    }
}
