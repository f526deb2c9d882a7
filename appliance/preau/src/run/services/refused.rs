//! Records what the firewall refused.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use ::services::Refusals;
use system::netfilter::refused::RefusedNews;

use super::Services;

/// How often counts of what has no record of its own are recorded, in seconds.
const TELL_PERIOD_S: u64 = 10;

/// The refused packets.
pub(crate) struct RefusalKeeper {
    services: Arc<Services>,
    news: RefusedNews,
    refusals: Refusals,
}

impl RefusalKeeper {
    /// Hears of packets from now on. `None` where the kernel does not tell: they are refused all the same, without a record.
    pub(crate) fn new(services: Arc<Services>) -> Option<Self> {
        match RefusedNews::open() {
            Ok(news) => Some(Self { services, news, refusals: Refusals::default() }),
            Err(error) => {
                tracing::error!(%error, "the kernel does not tell what is refused (nfnetlink_log): it has no records");
                None
            }
        }
    }

    /// Keeps until it is told to stop, or the kernel tells nothing any more.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let mut told_s = 0;
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            let heard = match self.news.wait() {
                Ok(heard) => heard,
                Err(error) => {
                    tracing::error!(%error, "the kernel does not tell any more what is refused");
                    return;
                }
            };
            let now_s = self.services.now_s();
            let names = self.services.names();
            for packet in heard.packets {
                self.refusals.note(&self.services.desk, &names, packet, now_s);
            }
            drop(names);
            self.refusals.miss(heard.missed.into());
            while let Some(floods) = self.services.take_floods() {
                for (sender, count) in floods.unnoted {
                    self.refusals.leave_out(sender, u32::try_from(count).unwrap_or(u32::MAX));
                }
            }
            if now_s.saturating_sub(told_s) >= TELL_PERIOD_S {
                told_s = now_s;
                self.tell();
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        let untold = self.refusals.tell(&self.services.desk);
        if untold > 0 {
            tracing::warn!(
                packets = untold,
                "refused packets of many devices have no record: somebody floods the box"
            );
        }
    }
}
