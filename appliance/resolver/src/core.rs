//! What all doors share.

use std::net::IpAddr;
use std::sync::Arc;

use model::SenderMark;
use wire::dns::Query;

use crate::cache::Cache;
use crate::clock::{Clock, Seconds};
use crate::forward::{Forwarder, Obtained};
use crate::quota::Quota;
use crate::rate::Rates;
use crate::responder::{Channel, Incoming, Pending, Responder, Response};
use crate::statistics::{Counters, Statistics};
use crate::upstream::{Failure, PermittedName};

/// Most clients' questions that wait for upstreams: a classroom waits for a few dozen.
const WAITING_MAX: usize = 1_024;
/// Most of them for one client: a browser that restores a hundred tabs.
const WAITING_OF_CLIENT_MAX: usize = 128;
/// Most of them for all devices that are not registered, together: half of what is asked of upstreams at a time, so that
/// made-up hardware addresses leave as much to the others.
const WAITING_OF_UNKNOWN_MAX: usize = 256;

/// Encrypted replies are multiples of so many bytes (RFC 8467 section 4.1).
const BLOCK_BYTES: usize = 468;

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
        let waiting = Quota::new(WAITING_MAX, WAITING_OF_CLIENT_MAX, WAITING_OF_UNKNOWN_MAX);
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
        let (client, share) = self.responder.find_client(address, sender);
        let may_ask = self.rates.take(client, share, now_s, || self.responder.name_sender(address, sender));
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
        if matches!(response, Response::Ready) {
            pad(packet, channel, bytes);
        }
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
        pad(&pending.packet, pending.channel, bytes);
        matches!(response, Response::Ready)
    }
}

/// Hides the length of an encrypted reply from whoever sees it pass by, where the client does so too.
fn pad(packet: &[u8], channel: Channel, reply: &mut Vec<u8>) {
    if channel == Channel::Encrypted && Query::read(packet).is_ok_and(|query| query.wants_padding()) {
        wire::dns::pad(reply, BLOCK_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use access::{Clock as Watch, Desk, Directory, Instant, Neighbours};
    use model::{ClockQuality, Mac, ProfileName, Timestamp};
    use policy::{Profile, Rulebook, Snapshot};

    use super::*;
    use crate::{Resolver, Settings};

    struct Noon;

    impl Watch for Noon {
        fn now(&self) -> Instant {
            let at = Timestamp::from_unix_ms(1_795_392_000_000);
            Instant { at, quality: ClockQuality::Synchronised }
        }
    }

    struct NoNeighbours;

    impl Neighbours for NoNeighbours {
        fn find_mac(&self, _: IpAddr) -> Option<Mac> {
            None
        }
    }

    /// A resolver without upstreams, and the journal that keeps its desk open.
    fn open() -> (Resolver, impl Sized) {
        let (journal, mut writer) = journal::open(journal::simulation::Disk::default());
        writer.commit(Noon.now().at).unwrap();
        let profiles = vec![Profile::open(ProfileName::unknown(), Default::default())];
        let rulebook = Rulebook { profiles, ..Rulebook::default() };
        let snapshot = Snapshot::new(Arc::new(blocklist::builtin()), &rulebook);
        let neighbours = Arc::new(NoNeighbours);
        let desk = Desk::new(neighbours, Arc::new(Noon), journal, Directory::default(), snapshot);
        (Resolver::new(Settings::default(), Arc::new(desk)).unwrap(), writer)
    }

    fn question(name: &str) -> Vec<u8> {
        let mut packet = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0".to_vec();
        for label in name.split('.') {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend_from_slice(label.as_bytes());
        }
        packet.extend_from_slice(b"\0\0\x01\0\x01");
        packet
    }

    /// Asks `count` names under a domain, each from an address of its own; those that wait for upstreams.
    fn ask(core: &Core, sender: Option<SenderMark>, domain: &str, count: u16) -> Vec<Pending> {
        let pending = (0..count).filter_map(|number| {
            let [high, low] = number.to_be_bytes();
            let packet = question(&format!("n{number}.{domain}"));
            let incoming = Incoming {
                packet: &packet,
                client: IpAddr::from([10, 77, high, low]),
                sender,
                channel: Channel::Udp,
                now_s: 0,
            };
            match core.responder.respond(incoming, &mut Vec::new(), &mut Statistics::default()) {
                Response::Pending(pending) => Some(*pending),
                Response::Ready | Response::Silence => None,
            }
        });
        pending.collect()
    }

    #[test]
    fn forged_addresses_do_not_multiply_a_machines_share() {
        let (resolver, _journal) = open();
        let core = resolver.core();
        let mark = Some(SenderMark::of(Mac::new([2, 0, 0, 0, 0, 1])));
        let forged = ask(core, mark, "tunnel.example", 400);
        assert_eq!(forged.len(), 300, "names under one domain, whatever the addresses");
        let waiting: Vec<_> =
            forged.iter().filter_map(|pending| core.waiting.enter(pending.client, pending.share)).collect();
        assert_eq!(waiting.len(), WAITING_OF_CLIENT_MAX);

        // Addresses that nobody else can use are clients, each with a share; those that nobody has registered have one together.
        let honest = ask(core, None, "tunnel.example", 400);
        assert_eq!(honest.len(), 400);
        let served: Vec<_> =
            honest.iter().filter_map(|pending| core.waiting.enter(pending.client, pending.share)).collect();
        assert_eq!(waiting.len() + served.len(), WAITING_OF_UNKNOWN_MAX);
    }
}
