//! The start of the box: whether the servers that were used last are there is found out before anybody asks.
//!
//! After a power cut the line may be down as well. Whoever comes first shall get what is kept at once, and not wait for a line that
//! swallows packets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::lines::Prober;
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
        let (mut looks, mut closed) = (0, 0);
        while looks < LOOKS_MAX && closed < CLOSED_LOOKS_MAX {
            let looked = self.look_once(&workspaces, &stop).await;
            let pause = if looked.contains(&None) {
                closed += 1;
                CLOSED_PAUSE
            } else {
                looks += 1;
                PAUSE
            };
            if looked.iter().all(|is_there| *is_there == Some(true)) {
                return;
            }
            sleep(pause).await;
        }
    }

    /// Whether each is there; `None` where that cannot be told.
    async fn look_once(
        self: &Arc<Self>,
        workspaces: &Arc<Workspaces>,
        stop: &watch::Receiver<bool>,
    ) -> Vec<Option<bool>> {
        let known = workspaces.depot.as_ref().map_or(vec![], |depot| depot.servers.list());
        let looks = known.into_iter().take(LOOKED_MAX).filter_map(|reached| {
            // A device that is gone since, or has another profile, asks for nothing.
            let device = self.find_device(reached.device);
            let device = device.filter(|device| workspaces.are_for(&reached.name, device))?;
            let (caller, eviction) = self.stand_in(device, stop.clone())?;
            let (gate, workspaces) = (Arc::clone(self), Arc::clone(workspaces));
            let prober = Prober { gate, workspaces, caller, name: reached.name };
            Some(async move {
                tokio::select! {
                    is_there = prober.look() => is_there,
                    Ok(()) = eviction => None,
                }
            })
        });
        join_all(looks).await
    }
}
