//! Keeps every flow of a service on record, and the services open as long as it does.
//!
//! Invariant: it is this thread that opens the services, and only as long as it hears of flows, the journal takes records, and
//! the firewall follows the policy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use ::services::{Flows, News, Order};
use system::clock::monotonic;
use system::netfilter::conntrack::{FlowNews, FlowTable, is_loss};
use system::netfilter::opening::Opening;

use super::{Services, lock};

/// How often services are kept open for another while: [`system::netfilter::opening::OPEN_FOR`] is four times as long.
const RENEWAL_PERIOD: Duration = Duration::from_secs(1);
/// How often flows are held against the policy: whoever closes the Internet for a class sees it closed within a second.
const LAPSE_PERIOD: Duration = Duration::from_millis(500);
/// How often all flows are compared with those that were heard of: news may be lost without a word.
const COMPARISON_PERIOD: Duration = Duration::from_secs(10);
/// Between two tries, when the kernel does not tell of flows, or names are not resolved yet.
const PAUSE: Duration = Duration::from_millis(250);
/// How long news are read at the stop: what comes in while services are shut is little.
const LAST_NEWS_WITHIN: Duration = Duration::from_secs(2);

/// The flows of services.
pub(crate) struct FlowKeeper {
    services: Arc<Services>,
    news: FlowNews,
    table: FlowTable,
    opening: Opening,
    flows: Flows,
    renewed: Option<Instant>,
    lapsed: Instant,
    compared: Instant,
    /// Services are not opened before: a try has just failed.
    shut_until: Instant,
    is_failure_told: bool,
}

impl FlowKeeper {
    /// Hears of flows from now on; opens nothing yet. `None` where the kernel does not tell: services stay shut.
    pub(crate) fn new(services: Arc<Services>) -> Option<Self> {
        Self::open(services)
            .inspect_err(|error| {
                tracing::error!(%error, "the kernel does not tell of flows (nf_conntrack_netlink): services stay shut");
            })
            .ok()
    }

    fn open(services: Arc<Services>) -> io::Result<Self> {
        let now = monotonic();
        Ok(Self {
            services,
            news: FlowNews::open()?,
            table: FlowTable::open()?,
            opening: Opening::new()?,
            flows: Flows::default(),
            renewed: None,
            lapsed: now,
            compared: now,
            shut_until: now,
            is_failure_told: false,
        })
    }

    /// Keeps until it is told to stop, or the kernel tells nothing any more. The services are shut then.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            if !self.is_ready() {
                // What is heard meanwhile waits.
                if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                continue;
            }
            let outcome = self.look();
            match outcome {
                Ok(()) => self.is_failure_told = false,
                Err(error) => {
                    self.shut("they cannot be followed");
                    if !std::mem::replace(&mut self.is_failure_told, true) {
                        tracing::error!(%error, "flows of services cannot be followed: services are shut");
                    }
                    if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
            }
        }
        self.stop();
    }

    fn look(&mut self) -> io::Result<()> {
        if !self.services.desk.is_open() {
            self.shut("what passes cannot be recorded");
        } else if !self.services.is_fenced() {
            self.shut("the firewall does not follow the policy");
        }
        match self.news.wait() {
            Ok(news) => self.hear_all(news.unwrap_or_default())?,
            // The kernel drops news that are not read in time: a look at all makes up for it.
            Err(error) if is_loss(&error) => {
                tracing::warn!(%error, "news of flows lost: looking at all");
                self.compare()?;
            }
            Err(error) => return Err(error),
        }
        if monotonic().duration_since(self.lapsed) >= LAPSE_PERIOD {
            self.lapsed = monotonic();
            let orders = self.flows.lapse(&self.services.desk);
            self.carry_out(orders)?;
        }
        if self.is_ready() && monotonic().duration_since(self.compared) >= COMPARISON_PERIOD {
            self.compare()?;
        }
        self.renew()
    }

    /// Hears them all, also when what follows from one of them cannot be done: what is not heard is on no record.
    fn hear_all(&mut self, news: Vec<News>) -> io::Result<()> {
        let mut outcome = Ok(());
        for news in news {
            let orders = self.flows.hear(&self.services.desk, &self.services.names(), news);
            outcome = outcome.and(self.carry_out(orders));
        }
        outcome
    }

    fn compare(&mut self) -> io::Result<()> {
        self.compared = monotonic();
        let all = self.table.list()?;
        let orders =
            self.flows.reconcile(&self.services.desk, &self.services.names(), &all, self.services.now_s());
        self.carry_out(orders)
    }

    /// Carries them all out, and tells the first that failed.
    fn carry_out(&mut self, orders: Vec<Order>) -> io::Result<()> {
        let mut outcome = Ok(());
        for order in orders {
            match order {
                Order::Delete(key) => outcome = outcome.and(self.table.delete(key)),
                Order::Shut => self.shut("what passes cannot be recorded"),
            }
        }
        outcome
    }

    /// Keeps the services open, where all that passes can be recorded. Before they open, what passed before is.
    fn renew(&mut self) -> io::Result<()> {
        let may_open = self.services.desk.is_open() && self.services.is_fenced();
        if !may_open || monotonic() < self.shut_until {
            return Ok(());
        }
        match self.renewed {
            Some(renewed) if monotonic().duration_since(renewed) < RENEWAL_PERIOD => return Ok(()),
            Some(_) => {}
            None => {
                self.compare()?;
                if !self.flows.catch_up(&self.services.desk, &self.services.names()) {
                    self.shut_until = monotonic() + PAUSE;
                    return Ok(());
                }
                self.tell_lost();
            }
        }
        match self.opening.renew() {
            Ok(()) => {
                let renewed = monotonic();
                *lock(&self.services.renewed) = Some(renewed);
                if self.renewed.replace(renewed).is_none() {
                    tracing::info!("services are open");
                }
                Ok(())
            }
            // Somebody took the table away: the fence puts it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.services.is_table_missed.store(true, Ordering::Release);
                self.renewed = None;
                self.shut_until = monotonic() + PAUSE;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn tell_lost(&mut self) {
        let flows = self.flows.take_lost();
        if flows > 0 {
            tracing::error!(
                flows,
                "flows of services have no record: they began while nothing could be recorded"
            );
        }
    }

    fn is_ready(&self) -> bool {
        self.renewed.is_some() || self.services.has_tried_names()
    }

    /// Also while they are shut: the fence may have been about to put an open table in place.
    fn shut(&mut self, why: &'static str) {
        *lock(&self.services.renewed) = None;
        if self.renewed.take().is_some() {
            tracing::warn!("services are shut: {why}");
        }
        match self.opening.shut() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "services cannot be shut at once: they shut by themselves"),
        }
    }

    fn stop(&mut self) {
        let is_ready = self.is_ready();
        // An orderly end is no failure.
        self.renewed = None;
        self.shut("the box stops");
        if !is_ready {
            // Nobody could say yet what they are for. Nothing of them passes, and the next start records them.
            return;
        }
        let heard = self.hear_last();
        let compared = self.compare();
        let is_all_recorded = self.flows.catch_up(&self.services.desk, &self.services.names());
        self.tell_lost();
        if !is_all_recorded {
            tracing::error!("the last flows of services have no record: nothing can be recorded");
        }
        let last = self.table.list().unwrap_or_default();
        let orders = self.flows.stop(&self.services.desk, &last);
        if let Err(error) = heard.and(compared).and(self.carry_out(orders)) {
            tracing::warn!(%error, "flows of services could not be ended");
        }
    }

    /// Flows whose news still wait are about to be ended: they must be on record before.
    fn hear_last(&mut self) -> io::Result<()> {
        let until = monotonic() + LAST_NEWS_WITHIN;
        let mut outcome = Ok(());
        while monotonic() < until {
            match self.news.wait() {
                Ok(Some(news)) => outcome = outcome.and(self.hear_all(news)),
                Ok(None) => return outcome,
                // The look at all makes up for it.
                Err(error) if is_loss(&error) => {}
                Err(error) => return outcome.and(Err(error)),
            }
        }
        tracing::warn!("more news of flows came than could be recorded at the stop");
        outcome
    }
}
