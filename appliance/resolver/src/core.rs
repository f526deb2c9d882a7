//! What all doors share.

use std::net::IpAddr;
use std::sync::Arc;

use model::SenderMark;

use crate::cache::Cache;
use crate::clock::{Clock, Seconds};
use crate::forward::{Forwarder, Obtained};
use crate::quota::{Client, Quota};
use crate::rate::Rates;
use crate::responder::{Channel, Incoming, Pending, Responder, Response};
use crate::statistics::{Counters, Statistics};
use crate::upstream::{Failure, PermittedName};

/// Most clients' questions that wait for upstreams: a classroom waits for a few dozen.
const WAITING_MAX: usize = 1_024;
/// Most of them for one client: a browser that restores a hundred tabs.
const WAITING_OF_CLIENT_MAX: usize = 128;

/// The parts of the resolver behind its doors.
pub(crate) struct Core {
    pub(crate) responder: Responder,
    pub(crate) cache: Arc<Cache>,
    pub(crate) forwarder: Arc<Forwarder>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) waiting: Quota,
    rates: Rates,
}

impl Core {
    pub(crate) fn new(
        responder: Responder,
        cache: Arc<Cache>,
        forwarder: Arc<Forwarder>,
        clock: Arc<Clock>,
        counters: Arc<Counters>,
        rates: Rates,
    ) -> Self {
        let waiting = Quota::new(WAITING_MAX, WAITING_OF_CLIENT_MAX);
        Self { responder, cache, forwarder, clock, counters, waiting, rates }
    }

    /// Whether whoever has this address, and sends with this mark, may ask another question. One that asks too many is
    /// counted, and gets no answer.
    pub(crate) fn may_ask(
        &self,
        address: IpAddr,
        sender: Option<SenderMark>,
        now_s: Seconds,
        tally: &mut Statistics,
    ) -> bool {
        // A mark names the machine at no cost, whatever address it writes on its questions.
        let client = sender.map_or_else(|| self.responder.client(address), Client::Sender);
        let may_ask = self.rates.take(client, now_s, || self.responder.name_sender(address, sender));
        tally.limited += u64::from(!may_ask);
        may_ask
    }

    /// Answers a packet, or says what is missing for it. For a single packet; see [`Responder::respond`] for many.
    pub(crate) fn respond(
        &self,
        packet: &[u8],
        client: IpAddr,
        channel: Channel,
        bytes: &mut Vec<u8>,
    ) -> Response {
        let mut tally = Statistics::default();
        let incoming = Incoming { packet, client, sender: None, channel, now_s: self.clock.now_s() };
        let response = self.responder.respond(incoming, bytes, &mut tally);
        self.counters.add(&tally);
        response
    }

    /// Asks upstreams for a pending question and writes its reply. False when there is nothing to say.
    pub(crate) async fn settle(&self, pending: &Pending, bytes: &mut Vec<u8>) -> bool {
        let obtained = match PermittedName::of(&pending.permit) {
            Some(name) => self.forwarder.obtain(&name, pending.asked, pending.stale.clone()).await,
            None => Obtained::Nothing(Failure::NobodyAsked),
        };
        let mut tally = Statistics::default();
        let now_s = self.clock.now_s();
        let response = self.responder.conclude(pending, &obtained, now_s, bytes, &mut tally);
        self.counters.add(&tally);
        matches!(response, Response::Ready)
    }
}
