//! The resolvers that the box asks: hickory's connections, and our order among them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access::Recorded;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, Query as Question};
use hickory_proto::rr::{Name, RecordType as Kind};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsError, DnsHandle, NetError, NoRecords};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use model::{DomainName, Host};
use policy::{Permit, ServiceHost};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::cache::Asked;
use crate::clock::{Clock, Seconds};
use crate::keep::wire_name;
use crate::settings::Upstream;

/// How long one resolver has for an answer, retransmissions included: clients give up after 5 s.
const ATTEMPT_MS_MAX: u64 = 4_000;
/// How long to wait for one resolver before the next is asked as well: most names take a tenth of it.
const HEDGE_MS: u64 = 700;
/// How long a resolver that was slow or silent is asked last, and a line on which all are silent counts as down, in
/// seconds: the first answer ends it before.
const SHUN_S: Seconds = 30;
/// Most questions under way on one TCP or TLS connection: a class that opens its browsers at once.
const CONNECTION_REQUESTS_MAX: usize = 256;

/// A name that somebody has a recorded permit for: no other name is ever asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PermittedName(DomainName);

impl PermittedName {
    /// The name by whose addresses the permit's host is reached; `None` for a permit of an address.
    pub(crate) fn of(permit: &Recorded<Permit>) -> Option<Self> {
        permit.decision().resolved_name().cloned().map(Self)
    }

    /// The name of a host that a service names: the box asks for it on its own behalf.
    pub(crate) fn of_service(host: &ServiceHost) -> Self {
        Self(host.name().clone())
    }

    pub(crate) fn as_domain(&self) -> &DomainName {
        &self.0
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No upstream is configured.
    #[error("there is nobody to ask")]
    NobodyAsked,
    /// The box has too many questions under way.
    #[error("too many questions are under way")]
    Busy,
    /// No upstream answered in time.
    #[error("no upstream answered")]
    Silent,
    /// Upstreams answered that they cannot or will not tell, or made no sense.
    #[error("the upstream has no answer")]
    Refused,
}

/// The upstream cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS towards upstream resolvers")]
pub struct UpstreamError(#[source] rustls::Error);

/// Where the box itself listens for questions. A system's list of resolvers may well name the box: asking itself, it
/// would wait for its own answer.
#[derive(Debug, Default)]
pub(crate) struct OwnEnds(OnceLock<Vec<SocketAddr>>);

impl OwnEnds {
    /// Says where the box listens; the first call counts.
    pub(crate) fn set(&self, ends: Vec<SocketAddr>) {
        self.0.get_or_init(|| ends);
    }

    fn include(&self, address: SocketAddr) -> bool {
        let is_own = |end: &SocketAddr| {
            let any_own = end.ip().is_unspecified() && address.ip().is_loopback();
            end.port() == address.port() && (end.ip() == address.ip() || any_own)
        };
        self.0.get().is_some_and(|ends| ends.iter().any(is_own))
    }
}

/// The upstream resolvers, in the order of preference.
pub(crate) struct Upstreams {
    servers: Vec<Server>,
    clock: Arc<Clock>,
    own_ends: Arc<OwnEnds>,
}

impl Upstreams {
    pub(crate) fn new(
        upstreams: &[Upstream],
        extra_roots: &[CertificateDer<'static>],
        clock: Arc<Clock>,
        own_ends: Arc<OwnEnds>,
    ) -> Result<Self, UpstreamError> {
        let context = Arc::new(PoolContext::new(options(), TlsConfig { config: tls_config(extra_roots)? }));
        let servers = upstreams.iter().map(|upstream| Server::new(upstream, &context)).collect();
        Ok(Self { servers, clock, own_ends })
    }

    /// Asks one resolver after the other, the next one also when the last takes long; the first answer wins.
    pub(crate) async fn ask(&self, name: &PermittedName, asked: Asked) -> Result<Message, Failure> {
        let request = request(wire_name(name.as_domain().as_str())?, asked);
        let mut waiting = self.order().into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut latest = waiting.next();
        attempts.extend(latest.map(|server| server.ask(request.clone())));
        let mut failure = Failure::NobodyAsked;
        while !attempts.is_empty() {
            match tokio::time::timeout(Duration::from_millis(HEDGE_MS), attempts.next()).await {
                Ok(Some(Ok((server, message)))) => {
                    server.forgive();
                    return Ok(message);
                }
                Ok(Some(Err((server, error)))) => {
                    if error == Failure::Silent {
                        server.note_silence(self.clock.now_s());
                    }
                    failure = error;
                }
                Ok(None) => break,
                Err(_elapsed) => latest.into_iter().for_each(|server| server.shun(self.clock.now_s())),
            }
            latest = waiting.next();
            attempts.extend(latest.map(|server| server.ask(request.clone())));
        }
        Err(failure)
    }

    /// Whether all of them were silent a moment ago: nobody needs to wait for them.
    pub(crate) fn are_silent(&self) -> bool {
        let now_s = self.clock.now_s();
        self.servers.iter().all(|server| now_s < server.silent_until_s.load(Ordering::Relaxed))
    }

    /// The box itself is none of them. Those that were slow a moment ago come last.
    fn order(&self) -> Vec<&Server> {
        let now_s = self.clock.now_s();
        let others = self.servers.iter().filter(|server| !self.own_ends.include(server.address));
        let mut order: Vec<&Server> = others.collect();
        order.sort_by_key(|server| server.is_shunned(now_s));
        order
    }
}

struct Server {
    address: SocketAddr,
    pool: NameServerPool<TokioRuntimeProvider>,
    answers: AtomicU32,
    shunned_until_s: AtomicU32,
    silent_until_s: AtomicU32,
}

impl Server {
    fn new(upstream: &Upstream, context: &Arc<PoolContext>) -> Self {
        let (address, connections) = match upstream {
            Upstream::Plain(address) => (address, vec![ConnectionConfig::udp(), ConnectionConfig::tcp()]),
            Upstream::Tls { address, server } => {
                (address, vec![ConnectionConfig::tls(server_name(server).into())])
            }
        };
        let with_port = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            connection
        };
        let connections = connections.into_iter().map(with_port).collect();
        let server = NameServerConfig::new(address.ip(), true, connections);
        let pool =
            NameServerPool::from_config([server], Arc::clone(context), TokioRuntimeProvider::default());
        Self {
            address: *address,
            pool,
            answers: AtomicU32::new(0),
            shunned_until_s: AtomicU32::new(0),
            silent_until_s: AtomicU32::new(0),
        }
    }

    async fn ask(&self, request: DnsRequest) -> Result<(&Self, Message), (&Self, Failure)> {
        let answers = self.answers.load(Ordering::Relaxed);
        let attempt = self.pool.send(request).first_answer();
        match tokio::time::timeout(Duration::from_millis(ATTEMPT_MS_MAX), attempt).await {
            Ok(Ok(response)) => Ok((self, response.into_message())),
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(found)))) => Ok((self, negative(&found))),
            Ok(Err(NetError::Dns(_) | NetError::Proto(_))) => Err((self, Failure::Refused)),
            // It answers others, so it is this answer that makes no sense: on a stream, the library passes over such
            // a message and goes on waiting for a better one. A zone can make it so, and must not make the line down.
            Ok(Err(_)) | Err(_) if self.answers.load(Ordering::Relaxed) != answers => {
                Err((self, Failure::Refused))
            }
            Ok(Err(_)) | Err(_) => Err((self, Failure::Silent)),
        }
    }

    fn shun(&self, now_s: Seconds) {
        self.shunned_until_s.store(now_s.saturating_add(SHUN_S), Ordering::Relaxed);
    }

    fn note_silence(&self, now_s: Seconds) {
        self.shun(now_s);
        self.silent_until_s.store(now_s.saturating_add(SHUN_S), Ordering::Relaxed);
    }

    fn forgive(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.silent_until_s.store(0, Ordering::Relaxed);
        self.shunned_until_s.store(0, Ordering::Relaxed);
    }

    fn is_shunned(&self, now_s: Seconds) -> bool {
        now_s < self.shunned_until_s.load(Ordering::Relaxed)
    }
}

/// Puts the negative answer together again that hickory has taken apart.
fn negative(found: &NoRecords) -> Message {
    let mut message = Message::query().into_response();
    message.metadata.response_code = found.response_code;
    message.add_authorities(found.authorities.iter().flat_map(|records| records.iter().cloned()));
    message
}

fn request(name: Name, asked: Asked) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = asked.dnssec_ok;
    options.case_randomization = true;
    let mut request = DnsRequest::from_query(Question::query(name, Kind::from(asked.kind.0)), options);
    request.metadata.checking_disabled = asked.checking_disabled;
    request
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_millis(ATTEMPT_MS_MAX);
    options.num_concurrent_reqs = 1;
    options.max_active_requests = CONNECTION_REQUESTS_MAX;
    options.case_randomization = true;
    options
}

/// The host in the form that certificates are compared with.
fn server_name(server: &Host) -> String {
    server.to_string()
}

fn tls_config(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, UpstreamError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let (_, ignored) = roots.add_parsable_certificates(extra_roots.iter().cloned());
    if ignored > 0 {
        tracing::warn!(ignored, "certificates for upstream resolvers that cannot be read");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(UpstreamError)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams() -> Upstreams {
        let list = ["192.0.2.1:53", "192.0.2.2:53"].map(|address| Upstream::Plain(address.parse().unwrap()));
        Upstreams::new(&list, &[], Arc::new(Clock::start()), Arc::default()).unwrap()
    }

    #[test]
    fn who_was_slow_comes_last_until_its_next_answer() {
        let upstreams = upstreams();
        let [first, second] = upstreams.servers.as_slice() else { panic!("two") };
        let leader = || upstreams.order()[0].shunned_until_s.as_ptr();
        assert_eq!(leader(), first.shunned_until_s.as_ptr());
        first.shun(0);
        assert_eq!(leader(), second.shunned_until_s.as_ptr());
        first.forgive();
        assert_eq!(leader(), first.shunned_until_s.as_ptr());
    }

    #[test]
    fn a_line_is_down_when_all_are_silent() {
        let upstreams = upstreams();
        assert!(!upstreams.are_silent());
        upstreams.servers[0].note_silence(0);
        upstreams.servers[1].shun(0);
        assert!(!upstreams.are_silent());
        upstreams.servers[1].note_silence(0);
        assert!(upstreams.are_silent());
        upstreams.servers[0].forgive();
        assert!(!upstreams.are_silent());
    }
}
