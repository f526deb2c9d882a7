//! Resolves the hosts of services, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ::services::{ADDRESSES_MAX, Resolution};
use model::{DomainName, Reason};
use policy::ServiceHost;
use resolver::{Resolver, ServiceAnswer};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Services;
use crate::reasons;

/// How often it is looked which names are due.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// Keeps the addresses of services' hosts.
pub(crate) struct NameKeeper {
    services: Arc<Services>,
    resolver: Resolver,
    /// Where upstreams are asked.
    runtime: Handle,
    /// Hosts that are closed, and the log has told so.
    told: BTreeMap<DomainName, Reason>,
    /// Hosts with more addresses than are let through, and the log has told so.
    crowded: BTreeSet<DomainName>,
}

impl NameKeeper {
    /// Asks nobody yet.
    pub(crate) fn new(services: Arc<Services>, resolver: Resolver, runtime: Handle) -> Self {
        Self { services, resolver, runtime, told: BTreeMap::new(), crowded: BTreeSet::new() }
    }

    /// Keeps until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = LOOK_PERIOD;
            let desk = &self.services.desk;
            let (open, mut closed) = desk.policy().service_hosts(desk.now());
            let due = self.services.names().take_due(&open, self.services.now_s());
            if !due.is_empty() {
                closed.extend(self.resolve(due));
            } else {
                // What names lead to was judged when they were resolved.
                closed.extend(self.told.clone());
            }
            self.tell(closed.into_iter().collect());
        }
    }

    /// Resolves these hosts, all at once, and notes what came of it. Those that lead to what is not permitted.
    fn resolve(&mut self, due: Vec<ServiceHost>) -> Vec<(DomainName, Reason)> {
        let answers = self.runtime.block_on(async {
            let mut asked = JoinSet::new();
            for host in due {
                let resolver = self.resolver.clone();
                asked.spawn(async move { (resolver.resolve_service(&host).await, host) });
            }
            asked.join_all().await
        });
        let now_s = self.services.now_s();
        let mut names = self.services.names();
        let mut forbidden = Vec::new();
        for (answer, host) in answers {
            let resolution = match answer {
                ServiceAnswer::Found { addresses, ttl_s } => {
                    if addresses.len() >= ADDRESSES_MAX && self.crowded.insert(host.name().clone()) {
                        tracing::warn!(
                            host = %host.name(),
                            "a host of a service has very many addresses: no more than {ADDRESSES_MAX} of them are open"
                        );
                    }
                    Resolution::Found { addresses, ttl_s }
                }
                ServiceAnswer::Silence => Resolution::Silence,
                ServiceAnswer::Forbidden(reason) => {
                    forbidden.push((host.name().clone(), reason));
                    Resolution::Forbidden
                }
            };
            names.learn(&host, resolution, now_s);
        }
        forbidden
    }

    /// Told once, and again when the reason is another.
    fn tell(&mut self, closed: BTreeMap<DomainName, Reason>) {
        for (name, reason) in closed.iter().filter(|(name, reason)| self.told.get(*name) != Some(reason)) {
            tracing::warn!(host = %name, reason = reasons::describe(reason), "a host of a service stays closed");
        }
        self.told = closed;
    }
}
