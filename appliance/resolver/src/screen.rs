//! What a permitted name leads to is judged before anybody gets it.

use std::sync::Arc;

use access::{Desk, Recorded, Screened};
use model::{DomainName, Reason};
use policy::{Finding, Permit, ServiceHost};

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

    /// The same for what a service's host leads to, which the box asked on its own behalf.
    pub(crate) fn judge_service(&self, host: &ServiceHost, entry: &Entry) -> Result<(), Reason> {
        let (policy, now) = (self.desk.policy(), self.desk.now());
        let aliases = entry.aliases().iter().map(Finding::Alias);
        let addresses = entry.addresses().map(Finding::Address);
        let inward = entry.is_inward().then_some(Finding::Inward);
        let mut findings = inward.into_iter().chain(aliases).chain(addresses);
        findings.find_map(|finding| policy.screen_service(host, finding, now)).map_or(Ok(()), Err)
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
