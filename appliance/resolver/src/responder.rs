//! From a client's packet to its reply.
//!
//! Invariant: nothing but a [`Recorded`] permit leads to a kept answer or to an upstream.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Admission, Closed, Desk, Recorded, Request, Screened};
use model::{AccessKind, DomainName, Fault, Host, Reason, SenderMark};
use policy::{Decided as _, Denial, Permit, Refusal, Target};
use seats::Share;
use wire::dns::{ExtendedError, Objection, Query, RecordType, ResponseCode, write_objection};

use crate::cache::{Asked, Cache, Entry, Found};
use crate::clock::Seconds;
use crate::exchange::Exchange;
use crate::explanation::{
    CLOSED, Explanation, FAILED_LATELY, STALE, UNREADY, explain_failure, explain_refusal,
};
use crate::forward::Obtained;
use crate::local::LocalNames;
use crate::quota::Client;
use crate::screen::Screen;
use crate::settings::ServiceAddresses;
use crate::statistics::Statistics;

/// Time to live of a stale answer, in seconds (RFC 8767 section 5).
const STALE_TTL_S: u32 = 30;
/// Most UDP payload that the box sends, in bytes: fits every path unfragmented (RFC 9715).
const UDP_BYTES_MAX: u16 = 1232;

/// On what a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Udp,
    Tcp,
    /// By TLS or HTTPS.
    Encrypted,
}

impl Channel {
    fn bytes_max(self, query: &Query<'_>) -> u16 {
        match self {
            Self::Udp => query.udp_bytes_max(UDP_BYTES_MAX),
            Self::Tcp | Self::Encrypted => u16::MAX,
        }
    }
}

/// A packet as it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'p> {
    pub(crate) packet: &'p [u8],
    pub(crate) client: IpAddr,
    /// What the firewall noted of the sender; nothing where a connection proves the client's address.
    pub(crate) sender: Option<SenderMark>,
    pub(crate) channel: Channel,
    pub(crate) now_s: Seconds,
}

/// What becomes of a packet.
#[derive(Debug)]
pub(crate) enum Response {
    /// The reply is written.
    Ready,
    /// There is nothing to say.
    Silence,
    /// An upstream has to be asked first.
    Pending(Box<Pending>),
}

/// A permitted question without a fresh answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) permit: Recorded<Permit>,
    /// Whose share of those that wait it takes.
    pub(crate) client: Client,
    pub(crate) share: Share,
    pub(crate) asked: Asked,
    pub(crate) stale: Option<Entry>,
    pub(crate) packet: Box<[u8]>,
    pub(crate) channel: Channel,
}

/// Answers what can be answered at once.
pub(crate) struct Responder {
    desk: Arc<Desk>,
    screen: Screen,
    cache: Arc<Cache>,
    local: LocalNames,
    addresses: Vec<IpAddr>,
    explanation: Explanation,
    service_addresses: ServiceAddresses,
}

impl Responder {
    pub(crate) fn new(
        desk: Arc<Desk>,
        cache: Arc<Cache>,
        local: LocalNames,
        addresses: Vec<IpAddr>,
        explanation: Explanation,
        service_addresses: ServiceAddresses,
    ) -> Self {
        let screen = Screen::new(Arc::clone(&desk));
        Self { desk, screen, cache, local, addresses, explanation, service_addresses }
    }

    /// Whether the box answers this name by itself, so that nobody is ever asked for it.
    pub(crate) fn is_local(&self, name: &DomainName) -> bool {
        self.local.find(name, RecordType::A).is_some()
    }

    /// Judges what would leave the school, and what would reach a client.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Who shares limits with whoever has this address and sends with this mark. A mark names the machine at no cost,
    /// whatever address it writes on its questions.
    pub(crate) fn find_client(&self, address: IpAddr, sender: Option<SenderMark>) -> (Client, Share) {
        match sender {
            Some(mark) => {
                let share =
                    self.desk.find_sender(mark).map_or(Share::Unknown, |device| Share::Device(device.mac));
                (Client::Sender(mark), share)
            }
            None => {
                let subject = self.desk.identify(address);
                (Client::of(&subject), Share::of(&subject))
            }
        }
    }

    /// Who shares the room for connections with this address.
    pub(crate) fn share(&self, address: IpAddr) -> Share {
        Share::of(&self.desk.identify(address))
    }

    /// What people call whoever sends with this mark from this address.
    pub(crate) fn name_sender(&self, address: IpAddr, sender: Option<SenderMark>) -> String {
        match sender.and_then(|mark| self.desk.find_sender(mark)) {
            Some(device) => device.name.to_string(),
            None => self.desk.identify(address).to_string(),
        }
    }

    /// Answers a packet into `bytes`, or says what is missing for it.
    pub(crate) fn respond(
        &self,
        incoming: Incoming<'_>,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        let query = match Query::read(incoming.packet) {
            Ok(query) => query,
            Err(objection) => {
                tally.malformed += 1;
                return object(objection, bytes);
            }
        };
        let exchange = Exchange { query: &query, bytes_max: incoming.channel.bytes_max(&query) };
        let name = match check(&query) {
            Ok(name) => name,
            Err(Unfit::Query(code)) => {
                exchange.fail(code, None, bytes);
                return Response::Ready;
            }
            Err(Unfit::Name) => {
                tally.malformed += 1;
                // The answer is the same whether or not the attempt could be recorded.
                let _recorded = self.admit(Target::Fault { fault: Fault::Malformed, host: None }, incoming);
                exchange.fail(ResponseCode::NxDomain, None, bytes);
                return Response::Ready;
            }
        };
        if let Some(answer) = self.local.find(&name, query.question.kind) {
            tally.local += 1;
            self.local.write(answer, &query, bytes, exchange.bytes_max);
            return Response::Ready;
        }
        match self.admit(Target::Host(Host::Name(name)), incoming) {
            Ok(Admission::Permit(permit)) => self.serve(permit, exchange, incoming, bytes, tally),
            Ok(Admission::Refusal(refusal)) => self.refuse(&refusal, exchange, bytes, tally),
            Err(closed) => self.close(closed, exchange, bytes, tally),
        }
    }

    fn admit(&self, target: Target, incoming: Incoming<'_>) -> Result<Admission, Closed> {
        let Incoming { client, sender, .. } = incoming;
        let request = Request { client, kind: AccessKind::Dns, target, destination: None };
        self.desk.admit_datagram(request, sender)
    }

    /// Answers a permitted question from what is kept.
    fn serve(
        &self,
        permit: Recorded<Permit>,
        exchange: Exchange<'_>,
        incoming: Incoming<'_>,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        let Incoming { packet, sender, channel, now_s, .. } = incoming;
        let client = Client::asking(permit.decision().subject(), sender);
        let kind = exchange.query.question.kind;
        if kind == RecordType::ANY {
            exchange.decline_any(bytes);
            return Response::Ready;
        }
        let is_address = matches!(kind, RecordType::A | RecordType::AAAA);
        if is_address && matches!(permit.decision().reason(), Reason::Service(_)) {
            return self.tell_service(&permit, exchange, bytes);
        }
        let mut asked = Asked::by(exchange.query);
        if permit.decision().substitute().is_some() {
            if !is_address {
                exchange.deny(ResponseCode::NoError, exchange.forged(), bytes);
                return Response::Ready;
            }
            // An answer under another name proves nothing of this one.
            asked = Asked::plain(kind);
        }
        let Some(name) = permit.decision().resolved_name() else {
            exchange.fail(ResponseCode::Refused, None, bytes);
            return Response::Ready;
        };
        let stale = match self.cache.find(name, asked, now_s) {
            Found::Fresh(entry) => {
                tally.cached += 1;
                return self.answer(&permit, &Obtained::Fresh(entry), exchange, now_s, bytes, tally);
            }
            Found::Postponed(entry) => {
                return self.answer(&permit, &Obtained::Stale(entry), exchange, now_s, bytes, tally);
            }
            Found::Stale(entry) => Some(entry),
            Found::Nothing => None,
        };
        if let Err(screened) = self.screen.judge_question(&permit, client, name, now_s) {
            return self.turn_away(screened, exchange, bytes, tally);
        }
        let share = Share::of(permit.decision().subject());
        let packet = packet.into();
        Response::Pending(Box::new(Pending { permit, client, share, asked, stale, packet, channel }))
    }

    /// Tells whoever may use a service where it is: at the addresses that the firewall lets through, so that a connection
    /// right after the answer passes.
    fn tell_service(
        &self,
        permit: &Recorded<Permit>,
        exchange: Exchange<'_>,
        bytes: &mut Vec<u8>,
    ) -> Response {
        let services = self.service_addresses.load();
        match permit.decision().permitted_host().name().and_then(|name| services.get(name)) {
            Some(addresses) => exchange.tell(addresses, bytes),
            None => exchange.fail(ResponseCode::ServFail, Some(UNREADY), bytes),
        }
        Response::Ready
    }

    /// Answers a question for which an upstream was asked.
    pub(crate) fn conclude(
        &self,
        pending: &Pending,
        obtained: &Obtained,
        now_s: Seconds,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        let Ok(query) = Query::read(&pending.packet) else {
            return Response::Silence;
        };
        let exchange = Exchange { query: &query, bytes_max: pending.channel.bytes_max(&query) };
        self.answer(&pending.permit, obtained, exchange, now_s, bytes, tally)
    }

    /// Answers a permitted question with what there is for it, once all that it leads to is judged.
    fn answer(
        &self,
        permit: &Recorded<Permit>,
        obtained: &Obtained,
        exchange: Exchange<'_>,
        now_s: Seconds,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        let (entry, stale) = match obtained {
            Obtained::Fresh(entry) if entry.is_failure() => {
                exchange.fail(ResponseCode::ServFail, Some(FAILED_LATELY), bytes);
                return Response::Ready;
            }
            Obtained::Fresh(entry) => (entry, None),
            Obtained::Stale(entry) => (entry, Some(STALE)),
            Obtained::Nothing(failure) => {
                tally.failed += 1;
                exchange.fail(ResponseCode::ServFail, Some(explain_failure(*failure)), bytes);
                return Response::Ready;
            }
        };
        tally.stale += u64::from(stale.is_some());
        if let Err(screened) = self.screen.judge_answer(permit, entry) {
            return self.turn_away(screened, exchange, bytes, tally);
        }
        let age_s = entry.age_s(now_s);
        match (permit.decision().substitute(), stale) {
            (Some(other), stale) => exchange.substitute(other, entry, stale.or(exchange.forged()), bytes),
            (None, None) => exchange.give(entry, |ttl_s| ttl_s.saturating_sub(age_s), None, bytes),
            (None, stale) => exchange.give(entry, |_| STALE_TTL_S, stale, bytes),
        }
        Response::Ready
    }

    fn turn_away(
        &self,
        screened: Screened,
        exchange: Exchange<'_>,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        match screened {
            Screened::Refused(refusal) => self.refuse(&refusal, exchange, bytes, tally),
            Screened::Closed(closed) => self.close(closed, exchange, bytes, tally),
        }
    }

    /// Answers a refused question, and says why.
    fn refuse(
        &self,
        refusal: &Recorded<Refusal>,
        exchange: Exchange<'_>,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        tally.blocked += 1;
        let reason = refusal.decision().reason();
        if exchange.query.wants_structured_errors() {
            let explained = self.explanation.structure(reason);
            // Whoever reads the reason needs no address where it is told: its program shows it, and goes nowhere.
            exchange.deny(ResponseCode::NxDomain, explained.error(), bytes);
            return Response::Ready;
        }
        let text = explain_refusal(reason);
        let error = ExtendedError::plain(ExtendedError::BLOCKED, &text);
        match refusal.decision().denial() {
            Denial::OwnAddress => exchange.lead_home(&self.addresses, error, bytes),
            Denial::NxDomain => exchange.deny(ResponseCode::NxDomain, Some(error), bytes),
            Denial::NoData => exchange.deny(ResponseCode::NoError, Some(error), bytes),
        }
        Response::Ready
    }

    /// Says that the web is closed.
    fn close(
        &self,
        closed: Closed,
        exchange: Exchange<'_>,
        bytes: &mut Vec<u8>,
        tally: &mut Statistics,
    ) -> Response {
        tally.closed += 1;
        tracing::debug!(%closed, "a question is not recorded, so it is not answered");
        exchange.lead_home(&self.addresses, CLOSED, bytes);
        Response::Ready
    }
}

/// Why a query is not one that the box forwards.
enum Unfit {
    /// It is for something else than the records of a name.
    Query(ResponseCode),
    /// No host can have the name, so that it cannot be judged.
    Name,
}

/// The name that is asked for, when the question is one that the box forwards at all.
fn check(query: &Query<'_>) -> Result<DomainName, Unfit> {
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Err(Unfit::Query(ResponseCode::BadVers));
    }
    let kind = query.question.kind;
    let is_forwarded = query.question.is_internet() && (!kind.is_meta() || kind == RecordType::ANY);
    // The root is no secret, but no client of a school needs it.
    if !is_forwarded || query.question.name.is_root() {
        return Err(Unfit::Query(ResponseCode::Refused));
    }
    query.question.name.to_domain().map_err(|_| Unfit::Name)
}

fn object(objection: Objection<'_>, bytes: &mut Vec<u8>) -> Response {
    match objection {
        Objection::Silence => Response::Silence,
        Objection::Answer { header, question, code } => {
            write_objection(header, question, code, bytes);
            Response::Ready
        }
    }
}
