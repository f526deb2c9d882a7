//! What a permitted name leads to is judged before anybody gets it.

use std::sync::Arc;

use access::{Desk, Recorded, Screened};
use model::DomainName;
use policy::{Finding, Permit};

use crate::cache::Entry;
use crate::clock::Seconds;
use crate::quota::Client;
use crate::tunnel::Tunnels;

/// Judges questions that would leave the school, and answers that would reach a client or another door.
pub(crate) struct Screen {
    desk: Arc<Desk>,
    tunnels: Tunnels,
}

impl Screen {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, tunnels: Tunnels::new() }
    }

    /// Judges a permitted name that is not kept, or past its time, so that this client has it asked for outside.
    pub(crate) fn judge_question(
        &self,
        permit: &Recorded<Permit>,
        client: Client,
        name: &DomainName,
        now_s: Seconds,
    ) -> Result<(), Screened> {
        if self.tunnels.note(client, name, now_s) {
            self.desk.screen(permit, Finding::Tunnel)?;
        }
        Ok(())
    }

    /// Judges what an answer leads to: every alias, every address.
    pub(crate) fn judge_answer(&self, permit: &Recorded<Permit>, entry: &Entry) -> Result<(), Screened> {
        if entry.is_inward() {
            self.desk.screen(permit, Finding::Inward)?;
        }
        for alias in entry.aliases() {
            self.desk.screen(permit, Finding::Alias(alias))?;
        }
        entry.addresses().try_for_each(|address| self.desk.screen(permit, Finding::Address(address)))
    }
}
