//! Records what the firewall refused.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use ::services::Refusals;
use system::netfilter::refused::{Heard, RefusedNews};

use super::Services;

/// How often counts of what has no record of its own are recorded, in seconds.
const TELL_PERIOD_S: u64 = 10;
/// Between two tries, when the kernel does not tell any more.
const PAUSE: Duration = Duration::from_secs(1);

/// The refused packets.
pub(crate) struct RefusalKeeper {
    services: Arc<Services>,
    /// `None` after a failure, until the kernel tells again.
    news: Option<RefusedNews>,
    refusals: Refusals,
}

impl RefusalKeeper {
    /// Hears of packets from now on. `None` where the kernel does not tell: they are refused all the same, without a record.
    pub(crate) fn new(services: Arc<Services>) -> Option<Self> {
        match RefusedNews::open() {
            Ok(news) => Some(Self { services, news: Some(news), refusals: Refusals::default() }),
            Err(error) => {
                tracing::error!(%error, "the kernel does not tell what is refused (nfnetlink_log): it has no records");
                None
            }
        }
    }

    /// Keeps until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let (mut told_s, mut is_failure_told) = (0, false);
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            let heard = match self.hear() {
                Ok(heard) => heard,
                Err(error) => {
                    if !std::mem::replace(&mut is_failure_told, true) {
                        tracing::error!(%error, "the kernel does not tell what is refused: it has no records until then");
                    }
                    if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                    continue;
                }
            };
            is_failure_told = false;
            let now_s = self.services.now_s();
            let names = self.services.names();
            for packet in heard.packets {
                self.refusals.note(&self.services.desk, &names, packet, now_s);
            }
            drop(names);
            self.refusals.miss(heard.missed.into());
            while let Some(floods) = self.services.take_floods() {
                for (sender, count) in floods.unnoted {
                    self.refusals.leave_out(
                        &self.services.desk,
                        sender,
                        u32::try_from(count).unwrap_or(u32::MAX),
                    );
                }
            }
            if now_s.saturating_sub(told_s) >= TELL_PERIOD_S {
                told_s = now_s;
                self.tell();
            }
        }
        self.tell();
    }

    /// Asks the kernel anew after a failure: the old socket is closed before, because only one may listen.
    fn hear(&mut self) -> io::Result<Heard> {
        let news = match &mut self.news {
            Some(news) => news,
            None => self.news.insert(RefusedNews::open()?),
        };
        let heard = news.wait();
        if heard.is_err() {
            self.news = None;
        }
        heard
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
