//! The start of the box: whether the servers that were used last are there is found out before anybody asks.
//!
//! After a power cut the line may be down as well. Whoever comes first shall get what is kept at once, and not wait for a line that
//! swallows packets.

use std::sync::Arc;
use std::time::Duration;

use cache::Reached;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::lines::{Look, Prober};
use super::settings::Workspaces;
use crate::gate::Gate;

/// Servers that are looked for: those of an ENT and its media. Others are found out by whoever asks first.
const LOOKED_MAX: usize = 8;
/// While one of them is not there it is looked for again: a modem that starts with the box takes some minutes.
const PAUSE: Duration = Duration::from_secs(60);
/// How often at most: then whoever asks finds out.
const LOOKS_MAX: u32 = 10;
/// While the box cannot record an access yet.
const CLOSED_PAUSE: Duration = Duration::from_millis(200);
/// How often it is tried to record one: a minute, and then whoever asks finds out.
const CLOSED_LOOKS_MAX: u32 = 300;

impl Gate {
    /// Looks for the servers that were used last, until all are there, or often enough.
    pub(crate) async fn look_for_servers(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let Some(workspaces) = self.settings().workspaces.clone() else { return };
        if self.settings().timeouts.silence.is_none() {
            return;
        }
        let (mut due, mut silent) = (known(&workspaces), Vec::new());
        let (mut looks, mut closed) = (0, 0);
        while looks < LOOKS_MAX && closed < CLOSED_LOOKS_MAX {
            let mut unrecorded = Vec::new();
            for (server, look) in self.look_once(&workspaces, &stop, due).await {
                match look {
                    Look::Closed => unrecorded.push(server),
                    Look::Silent => silent.push(server),
                    Look::There | Look::Untold => {}
                }
            }
            if !unrecorded.is_empty() {
                closed += 1;
                due = unrecorded;
                sleep(CLOSED_PAUSE).await;
            } else if silent.is_empty() {
                return;
            } else {
                looks += 1;
                due = std::mem::take(&mut silent);
                sleep(PAUSE).await;
            }
        }
    }

    /// Looks for each of these at the same time.
    async fn look_once(
        self: &Arc<Self>,
        workspaces: &Arc<Workspaces>,
        stop: &watch::Receiver<bool>,
        servers: Vec<Reached>,
    ) -> Vec<(Reached, Look)> {
        let looks = servers.into_iter().filter_map(|server| {
            // A device that is gone since, has another profile, or may not go there at this hour, asks for nothing.
            let device = self.find_device(server.device);
            let device = device.filter(|device| {
                workspaces.are_for(&server.name, device) && self.would_permit(device, &server.name)
            })?;
            let (caller, eviction) = self.stand_in(device, stop.clone())?;
            let (gate, workspaces, name) = (Arc::clone(self), Arc::clone(workspaces), server.name.clone());
            let prober = Prober { gate, workspaces, caller, name };
            Some(async move {
                let look = tokio::select! {
                    look = prober.look() => look,
                    Ok(()) = eviction => Look::Untold,
                };
                (server, look)
            })
        });
        join_all(looks).await
    }
}

/// The servers that were used last, as long as it is worth something where they were.
fn known(workspaces: &Workspaces) -> Vec<Reached> {
    let Some(depot) = &workspaces.depot else { return vec![] };
    let now = depot.now();
    let mut known = depot.servers.list();
    known.retain(|server| !depot.servers.addresses(&server.name, now).is_empty());
    known.truncate(LOOKED_MAX);
    known
}
