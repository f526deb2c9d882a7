//! The resolver as the rest of the house sees it.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use access::Desk;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::core::Core;
use crate::forward::Forwarder;
use crate::local::LocalNames;
use crate::rate::Rates;
use crate::recollection::Recollection;
use crate::responder::Responder;
use crate::settings::{Settings, Upstream};
use crate::statistics::{Counters, Statistics};
use crate::tcp;
use crate::udp::{Door, want_marks};
use crate::upstream::{OwnEnds, UpstreamError, Upstreams};

/// The DNS enforcement point. Clones share it.
#[derive(Clone)]
pub struct Resolver {
    core: Arc<Core>,
    extra_roots: Arc<[CertificateDer<'static>]>,
    own_ends: Arc<OwnEnds>,
    expects_marks: bool,
    pub(crate) ipv6: bool,
}

/// Bound sockets, handed over by whoever may bind port 53. Several UDP sockets of one address (`SO_REUSEPORT`)
/// share its load; an IPv6 socket should be for IPv6 only.
#[derive(Debug, Default)]
pub struct Sockets {
    /// A thread serves each of them.
    pub udp: Vec<UdpSocket>,
    /// The runtime serves all of them.
    pub tcp: Vec<TcpListener>,
    /// The same by TLS (RFC 7858).
    pub tls: Vec<TcpListener>,
    /// What TLS needs; without it, `tls` is not served.
    pub tls_config: Option<Arc<ServerConfig>>,
}

impl Sockets {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let udp = self.udp.iter().map(UdpSocket::local_addr);
        udp.chain(self.tcp.iter().chain(&self.tls).map(TcpListener::local_addr)).collect()
    }
}

/// The resolver cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A socket cannot be set up.
    #[error("cannot set up a socket for questions")]
    Socket(#[source] io::Error),
    /// No thread for a socket.
    #[error("cannot start a thread for a socket")]
    Thread(#[source] io::Error),
    /// A door broke down: that is a mistake of this program, and it should start anew.
    #[error("a door for questions broke down")]
    Door,
}

impl Resolver {
    /// A resolver that serves nobody yet.
    ///
    /// # Errors
    /// [`UpstreamError`] when TLS cannot be set up.
    pub fn new(settings: Settings, desk: Arc<Desk>) -> Result<Self, UpstreamError> {
        let Settings {
            addresses,
            own_names,
            upstreams,
            extra_roots,
            ipv6,
            cache_bytes_max,
            questions_per_second,
            expects_marks,
            is_inward,
            explanation,
            service_addresses,
            own_zone,
            last_addresses,
        } = settings;
        let recollection = Recollection::new(last_addresses, Arc::clone(&is_inward));
        let cache = Arc::new(Cache::new(cache_bytes_max).with(recollection));
        let clock = Arc::new(Clock::start());
        let counters = Arc::new(Counters::default());
        let own_ends = Arc::new(OwnEnds::default());
        let upstreams = Upstreams::new(&upstreams, &extra_roots, Arc::clone(&clock), Arc::clone(&own_ends))?;
        let forwarder = Forwarder::new(
            Arc::clone(&cache),
            Arc::clone(&clock),
            Arc::clone(&counters),
            upstreams,
            is_inward,
            own_zone,
        );
        let local = LocalNames::new(own_names, addresses.clone());
        let responder =
            Responder::new(desk, Arc::clone(&cache), local, addresses, explanation, service_addresses);
        let rates = Rates::new(questions_per_second);
        let core = Core::new(responder, cache, Arc::new(forwarder), clock, counters, rates);
        Ok(Self { core: Arc::new(core), extra_roots: extra_roots.into(), own_ends, expects_marks, ipv6 })
    }

    /// Serves until `shutdown` is over, then closes its sockets. Must run in a tokio runtime.
    ///
    /// # Errors
    /// [`ServeError`] when a socket cannot be served; the others are closed then, too.
    pub async fn run(&self, sockets: Sockets, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        self.own_ends.set(sockets.addresses().map_err(ServeError::Socket)?);
        self.core.forwarder.work_on(Handle::current());
        self.want_marks(&sockets.udp);
        let stop = Stop(Arc::default());
        let (ends, mut ended) = mpsc::channel(1);
        let mut doors = Vec::new();
        for socket in sockets.udp {
            let core = Arc::clone(&self.core);
            let door = Door::open(socket, core, Handle::current(), Arc::clone(&stop.0))
                .map_err(ServeError::Socket)?;
            doors.push(start(door, ends.clone()).map_err(ServeError::Thread)?);
        }
        drop(ends);
        let room = tcp::Room::new();
        let mut listeners = JoinSet::new();
        let acceptor = sockets.tls_config.map(TlsAcceptor::from);
        let by_tls =
            sockets.tls.into_iter().zip(std::iter::repeat(&acceptor)).filter(|(_, tls)| tls.is_some());
        for (listener, tls) in sockets.tcp.into_iter().map(|plain| (plain, &None)).chain(by_tls) {
            listeners.spawn(tcp::serve(listener, tls.clone(), Arc::clone(&self.core), Arc::clone(&room)));
        }
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            _ = ended.recv(), if !doors.is_empty() => Err(ServeError::Door),
            Some(end) = listeners.join_next() => match end {
                Ok(Err(error)) => Err(ServeError::Socket(error)),
                Ok(Ok(())) | Err(_) => Err(ServeError::Door),
            },
        };
        drop(stop);
        listeners.shutdown().await;
        // All senders are gone once all threads are.
        while ended.recv().await.is_some() {}
        outcome
    }

    /// A wish: without marks, source addresses are believed. Only a box with a firewall has marks at all.
    fn want_marks(&self, sockets: &[UdpSocket]) {
        match want_marks(sockets) {
            Err(error) if self.expects_marks => tracing::warn!(
                %error,
                "the kernel does not tell who sent a DNS question: a device that forges an address passes for its owner"
            ),
            Err(error) => tracing::debug!(%error, "the kernel does not tell the marks of questions"),
            Ok(()) => {}
        }
    }

    /// Asks these resolvers from now on; what is kept stays. For a line that tells its resolvers (DHCP).
    ///
    /// # Errors
    /// [`UpstreamError`] when TLS cannot be set up; those before stay then.
    pub fn swap_upstreams(&self, upstreams: &[Upstream]) -> Result<(), UpstreamError> {
        let (clock, own_ends) = (Arc::clone(&self.core.clock), Arc::clone(&self.own_ends));
        let upstreams = Upstreams::new(upstreams, &self.extra_roots, clock, own_ends)?;
        self.core.forwarder.swap_upstreams(upstreams);
        Ok(())
    }

    /// What it has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.core.counters.read()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

/// Tells the doors to close when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Serves a door on a thread of its own. `end` is dropped when the thread ends, however it ends.
fn start(door: Arc<Door>, end: mpsc::Sender<()>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("dns-udp".to_owned()).spawn(move || {
        let _end = EndOfDoor(end);
        door.serve();
    })
}

/// Reports the end of a door's thread, a panic included.
struct EndOfDoor(mpsc::Sender<()>);

impl Drop for EndOfDoor {
    fn drop(&mut self) {
        // Full means that another door has ended as well.
        let _full = self.0.try_send(());
    }
}
