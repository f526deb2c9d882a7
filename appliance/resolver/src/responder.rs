//! From a client's packet to its reply.
//!
//! Invariant: nothing but a [`Recorded`] permit leads to a kept answer or to an upstream.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Admission, Desk, Recorded, Request};
use model::{AccessKind, DomainName, Fault, Host, Reason, SenderMark};
use policy::{Decided, Permit, Refusal, Target};
use wire::dns::{
    ExtendedError, Objection, Query, RecordType, Reply, ResponseCode, WireName, write_objection,
};

use crate::cache::{Asked, Cache, Entry, Found};
use crate::clock::Seconds;
use crate::forward::Obtained;
use crate::local::{LocalNames, write_addresses};
use crate::quota::Client;
use crate::statistics::Statistics;
use crate::upstream::Failure;

/// Time to live of everything that the filter says, in seconds: a teacher's unblocking works within it.
const FILTER_TTL_S: u32 = 5;
/// Time to live of a stale answer, in seconds (RFC 8767 section 5).
const STALE_TTL_S: u32 = 30;
/// Time to live of the refusal to list everything (RFC 8482), in seconds.
const ANY_TTL_S: u32 = 3_600;
/// The data of that refusal: CPU "RFC8482", no operating system.
const ANY_DATA: &[u8] = b"\x07RFC8482\0";
/// Most UDP payload that the box sends, in bytes: fits every path unfragmented (RFC 9715).
const UDP_BYTES_MAX: u16 = 1232;

/// On what a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Udp,
    Tcp,
}

impl Channel {
    fn bytes_max(self, query: &Query<'_>) -> u16 {
        match self {
            Self::Udp => query.udp_bytes_max(UDP_BYTES_MAX),
            Self::Tcp => u16::MAX,
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
    pub(crate) asked: Asked,
    pub(crate) stale: Option<Entry>,
    packet: Box<[u8]>,
    channel: Channel,
}

/// Answers what can be answered at once.
pub(crate) struct Responder {
    desk: Arc<Desk>,
    cache: Arc<Cache>,
    local: LocalNames,
    addresses: Vec<IpAddr>,
}

impl Responder {
    pub(crate) fn new(desk: Arc<Desk>, cache: Arc<Cache>, local: LocalNames, addresses: Vec<IpAddr>) -> Self {
        Self { desk, cache, local, addresses }
    }

    /// Whether the box answers this name by itself, so that nobody is ever asked for it.
    pub(crate) fn is_local(&self, name: &DomainName) -> bool {
        self.local.find(name, RecordType::A).is_some()
    }

    /// Who shares limits with this address.
    pub(crate) fn client(&self, address: IpAddr) -> Client {
        Client::of(&self.desk.identify(address))
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
        let Incoming { packet, client, sender, channel, now_s: _ } = incoming;
        let query = match Query::read(packet) {
            Ok(query) => query,
            Err(objection) => {
                tally.malformed += 1;
                return object(objection, bytes);
            }
        };
        let exchange = Exchange { query: &query, bytes_max: channel.bytes_max(&query) };
        let name = match check(&query) {
            Ok(name) => name,
            Err(code) => return exchange.fail(code, None, bytes),
        };
        if let Some(answer) = self.local.find(&name, query.question.kind) {
            tally.local += 1;
            self.local.write(answer, &query, bytes, exchange.bytes_max);
            return Response::Ready;
        }
        let target = Target::Host(Host::Name(name));
        let request = Request { client, kind: AccessKind::Dns, target, destination: None };
        match self.desk.admit_datagram(request, sender) {
            Ok(Admission::Permit(permit)) => self.serve(permit, exchange, incoming, bytes, tally),
            Ok(Admission::Refusal(refusal)) => {
                tally.blocked += 1;
                self.block(&refusal, exchange, bytes)
            }
            Err(closed) => {
                tally.closed += 1;
                tracing::debug!(%closed, "a question is not recorded, so it is not answered");
                let error = ExtendedError { code: ExtendedError::NOT_READY, text: CLOSED_TEXT };
                self.lead_home(exchange, error, bytes)
            }
        }
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
        let Incoming { packet, client: _, sender: _, channel, now_s } = incoming;
        let kind = exchange.query.question.kind;
        if kind == RecordType::ANY {
            Reply::to(exchange.query, bytes).answer(RecordType::HINFO, ANY_TTL_S, ANY_DATA).finish(
                ResponseCode::NoError,
                exchange.bytes_max,
                None,
            );
            return Response::Ready;
        }
        let asked = Asked::by(exchange.query);
        let found = match permit.decision().permitted_host() {
            Host::Name(name) => self.cache.find(name, asked, now_s),
            Host::Address(_) => return exchange.fail(ResponseCode::Refused, None, bytes),
        };
        let stale = match found {
            Found::Fresh(entry) => {
                tally.cached += 1;
                return exchange.give(&entry, now_s, bytes);
            }
            Found::Postponed(entry) => {
                tally.stale += 1;
                return exchange.give_stale(&entry, bytes);
            }
            Found::Stale(entry) => Some(entry),
            Found::Nothing => None,
        };
        Response::Pending(Box::new(Pending { permit, asked, stale, packet: packet.into(), channel }))
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
        match obtained {
            Obtained::Fresh(entry) => exchange.give(entry, now_s, bytes),
            Obtained::Stale(entry) => {
                tally.stale += 1;
                exchange.give_stale(entry, bytes)
            }
            Obtained::Nothing(failure) => {
                tally.failed += 1;
                exchange.fail(ResponseCode::ServFail, Some(explain_failure(*failure)), bytes)
            }
        }
    }

    /// Answers a refused name: the box's own address, so that the block page shows.
    fn block(&self, refusal: &Recorded<Refusal>, exchange: Exchange<'_>, bytes: &mut Vec<u8>) -> Response {
        let text = explain_refusal(refusal.decision().reason());
        self.lead_home(exchange, ExtendedError { code: ExtendedError::BLOCKED, text: &text }, bytes)
    }

    /// Leads the client to the box's page that tells why.
    fn lead_home(&self, exchange: Exchange<'_>, error: ExtendedError<'_>, bytes: &mut Vec<u8>) -> Response {
        let Exchange { query, bytes_max } = exchange;
        let name_bytes = query.question.name.as_bytes().len();
        let reply = Reply::to(query, bytes);
        write_addresses(reply, query.question.kind, &self.addresses, name_bytes, FILTER_TTL_S).finish(
            ResponseCode::NoError,
            bytes_max,
            Some(error),
        );
        Response::Ready
    }
}

/// A query and the room for its reply.
#[derive(Clone, Copy)]
struct Exchange<'q> {
    query: &'q Query<'q>,
    bytes_max: u16,
}

impl Exchange<'_> {
    fn give(self, entry: &Entry, now_s: Seconds, bytes: &mut Vec<u8>) -> Response {
        if entry.is_failure() {
            let text = "Préau : le serveur DNS n'a pas répondu il y a un instant";
            let error = ExtendedError { code: ExtendedError::CACHED_ERROR, text };
            return self.fail(ResponseCode::ServFail, Some(error), bytes);
        }
        let age_s = entry.age_s(now_s);
        self.write(entry, |ttl_s| ttl_s.saturating_sub(age_s), None, bytes)
    }

    fn give_stale(self, entry: &Entry, bytes: &mut Vec<u8>) -> Response {
        let text = "Préau : réponse gardée, le serveur DNS ne répond pas";
        let error = ExtendedError { code: ExtendedError::STALE_ANSWER, text };
        self.write(entry, |_| STALE_TTL_S, Some(error), bytes)
    }

    fn write(
        self,
        entry: &Entry,
        age: impl Fn(u32) -> u32,
        error: Option<ExtendedError<'_>>,
        bytes: &mut Vec<u8>,
    ) -> Response {
        let records = entry.records();
        Reply::to(self.query, bytes).records(&records, age).finish(records.code, self.bytes_max, error);
        Response::Ready
    }

    fn fail(self, code: ResponseCode, error: Option<ExtendedError<'_>>, bytes: &mut Vec<u8>) -> Response {
        Reply::to(self.query, bytes).finish(code, self.bytes_max, error);
        Response::Ready
    }
}

/// The name that is asked for, when the question is one that the box forwards at all.
fn check(query: &Query<'_>) -> Result<DomainName, ResponseCode> {
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Err(ResponseCode::BadVers);
    }
    let kind = query.question.kind;
    if !query.question.is_internet() || (kind.is_meta() && kind != RecordType::ANY) {
        return Err(ResponseCode::Refused);
    }
    parse(query.question.name)
}

/// A name that no host can have cannot be judged, so it stays here. The root is no secret, but no client of a
/// school needs it either.
fn parse(name: WireName<'_>) -> Result<DomainName, ResponseCode> {
    if name.is_root() {
        return Err(ResponseCode::Refused);
    }
    name.to_domain().map_err(|_| ResponseCode::NxDomain)
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

const CLOSED_TEXT: &str = "Préau : le journal ne peut pas être écrit, l'accès au web est suspendu";

fn explain_refusal(reason: &Reason) -> String {
    match reason {
        Reason::Listed { category, entry } => format!("Préau : catégorie {category}, ligne {entry}"),
        Reason::NotListed => "Préau : site refusé".to_owned(),
        Reason::Fault(fault) => format!("Préau : {}", explain_fault(*fault)),
    }
}

fn explain_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Unnamed => "demande sans nom de site",
        Fault::AddressLiteral => "adresse au lieu d'un nom de site",
        Fault::NotTls | Fault::Malformed => "demande mal formée",
        Fault::Port => "port refusé",
    }
}

fn explain_failure(failure: Failure) -> ExtendedError<'static> {
    let (code, text) = match failure {
        Failure::NobodyAsked => {
            (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : aucun serveur DNS à interroger")
        }
        Failure::Busy => {
            (ExtendedError::NOT_READY, "Préau : trop de questions à la fois, réessayez dans un instant")
        }
        Failure::Silent => (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : aucun serveur DNS n'a répondu"),
        Failure::Refused => {
            (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : le serveur DNS n'a pas de réponse")
        }
    };
    ExtendedError { code, text }
}
