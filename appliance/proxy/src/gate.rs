//! The gate itself: its doors, and what they share.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access::{Admission, Closed, Desk, Recorded, Request, Resolve};
use arc_swap::ArcSwap;
use model::{AccessKind, Device, DomainName, Host, Mac, Subject};
use policy::{Permit, Target};
use seats::{Eviction, Seats, Share, Throttle};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::destinations::{Destinations, Forbidden};
use crate::dial::tune;
use crate::front::{Callers, Front};
use crate::pages::Pages;
use crate::passage::Passage;
use crate::pipe::Pipes;
use crate::seats::{Client, Limits, Seat};
use crate::settings::Settings;

/// After a failed accept: long enough for connections to close, short enough for nobody to notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often each connection is held against the policy in force: what becomes forbidden ends within this time. With the time
/// that a touch on a page takes to get into force, a class that is to look up has no Internet within a second.
const REVIEW_PERIOD: Duration = Duration::from_millis(500);

/// How long a client waits for the journal to catch up, at most: half of what a disk may take before the web is closed.
const CROWD_PATIENCE: Duration = Duration::from_millis(2_500);
/// Between two looks whether it has, where few wait: a fraction of what a disk takes to write.
const CROWD_PAUSE: Duration = Duration::from_millis(2);
/// With each so many who wait, all look less often: some ten thousand looks a second, however many there are.
const CROWD_STEP: u32 = 64;

/// The listening sockets. Several for one door: one for each address family.
#[derive(Debug, Default)]
pub struct Doors {
    /// Where TLS is redirected to.
    pub tls: Vec<TcpListener>,
    /// Where HTTP is redirected to.
    pub http: Vec<TcpListener>,
    /// The explicit proxy.
    pub explicit: Vec<TcpListener>,
}

/// Which door a connection came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Tls,
    Http,
    Explicit,
}

/// The TLS and HTTP enforcement point.
pub struct Gate {
    settings: Settings,
    desk: Arc<Desk>,
    resolver: Arc<dyn Resolve>,
    pages: Arc<dyn Pages>,
    destinations: ArcSwap<Destinations>,
    listeners: OnceLock<Vec<SocketAddr>>,
    limits: Limits,
    seats: Arc<Seats<Client>>,
    front: Arc<Front>,
    pipes: Pipes,
    complaints: Complaints,
    crowd: Crowd,
}

/// How many wait for the journal.
#[derive(Debug, Default)]
struct Crowd(AtomicU32);

/// One of those who wait.
struct Waiting<'c>(&'c Crowd);

impl Crowd {
    fn enter(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }
}

impl Waiting<'_> {
    fn count(&self) -> u32 {
        self.0.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is written into the log now and then, each kind by itself: one must not keep another back.
#[derive(Debug, Default)]
struct Complaints {
    accept: Throttle,
    crowd: Throttle,
    closed: Throttle,
}

/// The client's side of a connection.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Its address and port.
    pub(crate) address: SocketAddr,
    /// Where its packets were bound for, where the kernel knows it.
    pub(crate) destination: Option<SocketAddr>,
    /// Its place among all connections.
    pub(crate) seat: Arc<Seat>,
    /// Turns true once the box stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// The registered device for whose sake the box asks, while it may be switched off: then there is no connection.
    pub(crate) sake: Option<Arc<Device>>,
}

impl Gate {
    /// A gate over these ports. `destinations` tells where it may dial.
    pub fn new(
        settings: Settings,
        destinations: Destinations,
        desk: Arc<Desk>,
        resolver: Arc<dyn Resolve>,
        pages: Arc<dyn Pages>,
    ) -> Self {
        let limits = Limits::of(settings.descriptors_max);
        Self {
            settings,
            desk,
            resolver,
            pages,
            destinations: ArcSwap::from_pointee(destinations),
            listeners: OnceLock::new(),
            limits,
            seats: Seats::new(limits.connections),
            front: Arc::default(),
            pipes: Pipes::new(limits.pipes),
            complaints: Complaints::default(),
            crowd: Crowd::default(),
        }
    }

    /// Dials by other rules from now on: the box has a new address, for instance.
    pub fn swap_destinations(&self, destinations: Destinations) {
        self.destinations.store(Arc::new(destinations));
    }

    /// Serves all doors until `stop` turns true, or its sender is gone. Open connections then have
    /// [`Timeouts::drain`](crate::Timeouts) to end; what is left is cut.
    pub async fn run(self: Arc<Self>, doors: Doors, stop: watch::Receiver<bool>) {
        let Doors { tls, http, explicit } = doors;
        let all: Vec<(Door, TcpListener)> =
            [(Door::Tls, tls), (Door::Http, http), (Door::Explicit, explicit)]
                .into_iter()
                .flat_map(|(door, listeners)| listeners.into_iter().map(move |listener| (door, listener)))
                .collect();
        let addresses = all.iter().filter_map(|(_, listener)| listener.local_addr().ok()).collect();
        self.listeners.get_or_init(|| addresses);
        let walk = self.settings.workspaces.as_ref().and_then(|workspaces| workspaces.begin_walk());
        let look = tokio::spawn(Arc::clone(&self).look_for_servers(stop.clone()));
        let mut serving = JoinSet::new();
        for (door, listener) in all {
            serving.spawn(Arc::clone(&self).serve_door(door, listener, stop.clone()));
        }
        while serving.join_next().await.is_some() {}
        look.abort();
        if let Some(walk) = walk {
            walk.abort();
        }
    }

    async fn serve_door(self: Arc<Self>, door: Door, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|&is_stopping| is_stopping) => break,
                accepted = listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, address)) => {
                    if let Some((caller, eviction)) = self.seat(&stream, address, &stop) {
                        connections.spawn(Arc::clone(&self).serve(door, stream, caller, eviction));
                    }
                }
                Err(error) => self.complain_of_accept(&error).await,
            }
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(self.settings.timeouts.drain, ended).await.is_err() {
            connections.shutdown().await;
        }
    }

    /// A connection that its client gave up before it was accepted costs nothing; anything else (no descriptor
    /// or memory left) needs a pause, or the loop would spin.
    async fn complain_of_accept(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if let Some(kept_back) = self.complaints.accept.pass() {
            tracing::warn!(%error, kept_back, "a connection cannot be accepted");
        }
        sleep(ACCEPT_PAUSE).await;
    }

    fn seat(
        &self,
        stream: &TcpStream,
        address: SocketAddr,
        stop: &watch::Receiver<bool>,
    ) -> Option<(Caller, Eviction)> {
        let Some((seat, eviction)) = Seat::take(&self.seats, self.identify(address.ip()), self.limits) else {
            crate::alert::reset(stream);
            self.complain_of_crowd(address);
            return None;
        };
        let destination =
            self.settings.is_redirected.then(|| original_destination(stream, address)).flatten();
        let caller = Caller { address, destination, seat: Arc::new(seat), stop: stop.clone(), sake: None };
        Some((caller, eviction))
    }

    /// The box itself, which asks for the sake of a registered device; `None` where the gate is full. Whoever holds it gives up
    /// when it is told to, as a connection has to.
    pub(crate) fn stand_in(
        &self,
        device: Arc<Device>,
        stop: watch::Receiver<bool>,
    ) -> Option<(Caller, Eviction)> {
        let (seat, eviction) = Seat::take(&self.seats, Client::Device(device.mac), self.limits)?;
        // It has decided what it is for: it is not given up before connections that have not.
        seat.decide();
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Some((
            Caller { address, destination: None, seat: Arc::new(seat), stop, sake: Some(device) },
            eviction,
        ))
    }

    fn complain_of_crowd(&self, address: SocketAddr) {
        if let Some(kept_back) = self.complaints.crowd.pass() {
            tracing::warn!(client = %address.ip(), kept_back, "too many connections: one is given up");
        }
    }

    /// Serves a connection until it ends, or has to leave for another: whatever it holds then is dropped, and an
    /// open access is closed as aborted.
    async fn serve(self: Arc<Self>, door: Door, stream: TcpStream, caller: Caller, eviction: Eviction) {
        tune(&stream);
        let address = caller.address;
        let seat = Arc::clone(&caller.seat);
        let conversation = async {
            match door {
                Door::Tls => crate::tls::serve(&self, stream, &caller).await,
                Door::Http | Door::Explicit => crate::http::serve(&self, door, stream, caller).await,
            }
        };
        tokio::select! {
            () = conversation => {}
            Ok(()) = eviction => self.complain_of_crowd(address),
            () = self.await_lapse(&seat) => {}
        }
    }

    /// Ends once what the connection is used for is no longer permitted: a teacher who closes a site does not
    /// have to wait for a video's end.
    async fn await_lapse(&self, seat: &Seat) {
        loop {
            sleep(REVIEW_PERIOD).await;
            if seat.review(|claim| self.desk.still_permits(claim)) {
                return;
            }
        }
    }

    /// Waits where more is asked than the disk can record: whoever asks that much is slowed by it, and nobody is refused.
    pub(crate) async fn await_room(&self, caller: &Caller) {
        if !self.desk.is_crowded() {
            return;
        }
        let waiting = self.crowd.enter();
        let mut stop = caller.stop.clone();
        let room = async {
            while self.desk.is_crowded() {
                sleep(CROWD_PAUSE * (1 + waiting.count() / CROWD_STEP)).await;
            }
        };
        tokio::select! {
            () = room => {}
            () = sleep(CROWD_PATIENCE) => {}
            _ = stop.wait_for(|&is_stopping| is_stopping) => {}
        }
    }

    /// Attributes, judges and records an access of this caller.
    pub(crate) fn admit(
        &self,
        caller: &Caller,
        kind: AccessKind,
        target: Target,
    ) -> Result<Admission, Closed> {
        let request = Request { client: caller.address.ip(), kind, target, destination: caller.destination };
        let outcome = match &caller.sake {
            Some(device) => self.desk.admit_for(device, request),
            None => self.desk.admit(request),
        };
        outcome.inspect_err(|closed| {
            if let Some(kept_back) = self.complaints.closed.pass() {
                tracing::warn!(%closed, kept_back, "an access is refused");
            }
        })
    }

    /// The device with this hardware address, where it is registered.
    pub(crate) fn find_device(&self, mac: Mac) -> Option<Arc<Device>> {
        let directory = self.desk.directory();
        directory.devices().find(|device| device.mac == mac).cloned()
    }

    /// Whether the filter lets this device have something of a host, as things are.
    pub(crate) fn would_permit(&self, device: &Arc<Device>, host: &DomainName) -> bool {
        self.desk.would_permit(device, AccessKind::Http, Target::Host(Host::from(host.clone())))
    }

    /// Whether it is the lesson in the device's room alone that keeps it from something of a host.
    pub(crate) fn is_closed_by_lesson(&self, device: &Arc<Device>, host: &DomainName) -> bool {
        self.desk.is_closed_by_lesson(device, AccessKind::Http, Target::Host(Host::from(host.clone())))
    }

    /// Puts a permit to use.
    pub(crate) fn begin(&self, permit: Recorded<Permit>, caller: &Caller) -> Passage {
        Passage::new(Arc::clone(&self.desk), permit, caller)
    }

    /// Whether the gate may dial this address: never its own doors, whatever the configuration says.
    pub(crate) fn check_destination(&self, to: SocketAddr) -> Result<(), Forbidden> {
        let destinations = self.destinations.load();
        let leads_to = |listener: &SocketAddr| {
            let ip = listener.ip().to_canonical();
            let is_local = to.ip().is_loopback() || destinations.is_own(to.ip());
            listener.port() == to.port() && (ip == to.ip() || (ip.is_unspecified() && is_local))
        };
        if self.listeners.get().is_some_and(|listeners| listeners.iter().any(leads_to)) {
            return Err(Forbidden::Own);
        }
        destinations.check(to.ip())
    }

    /// Whether a request for this address is one for the box itself.
    pub(crate) fn is_own_address(&self, address: IpAddr) -> bool {
        self.destinations.load().is_own(address)
    }

    /// The device behind a connection, if it is a registered one.
    pub(crate) fn device_of(&self, caller: &Caller) -> Option<Arc<Device>> {
        if let Some(device) = &caller.sake {
            return Some(Arc::clone(device));
        }
        match self.desk.identify(caller.address.ip()) {
            Subject::Device(device) => Some(device),
            Subject::Unknown(_) => None,
        }
    }

    /// Whose limits an address counts towards.
    fn identify(&self, address: IpAddr) -> Client {
        Client::of(&self.desk.identify(address), address)
    }

    /// Whose limits a caller counts towards.
    pub(crate) fn client_of(&self, caller: &Caller) -> Client {
        let sake = caller.sake.as_ref().map(|device| Client::Device(device.mac));
        sake.unwrap_or_else(|| self.identify(caller.address.ip()))
    }

    /// Whose share of the box's own pages, and of its memory, a caller takes of.
    pub(crate) fn share_of(&self, caller: &Caller) -> Share {
        Share::of(&self.desk.identify(caller.address.ip()))
    }

    /// Who stands behind the gate's connections to the portal.
    #[must_use]
    pub fn callers(&self) -> &Arc<Callers> {
        self.front.callers()
    }

    pub(crate) fn front(&self) -> &Arc<Front> {
        &self.front
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn resolver(&self) -> &dyn Resolve {
        &*self.resolver
    }

    pub(crate) fn pages(&self) -> &dyn Pages {
        &*self.pages
    }

    pub(crate) fn pipes(&self) -> &Pipes {
        &self.pipes
    }
}

/// Where the client's packets were bound for before the firewall redirected them (`SO_ORIGINAL_DST`). A client
/// with an IPv4 address has an IPv4 destination, on a socket for both families too.
fn original_destination(stream: &TcpStream, client: SocketAddr) -> Option<SocketAddr> {
    let socket = SockRef::from(stream);
    let original = if client.ip().to_canonical().is_ipv4() {
        socket.original_dst_v4()
    } else {
        socket.original_dst_v6()
    };
    original.ok().and_then(|address| address.as_socket())
}
