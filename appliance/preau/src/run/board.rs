//! What the portal tells of the box: the last known state of each part.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use access::{Clock, Desk};
use model::{LibraryFile, NewPreparation, Subject};
use portal::{
    Diagnosis, Enrolment, Firewall, Health, LineFault, LineSeat, ListOrigin, ListStatus, Listener, Refused,
    SelftestStatus, Service, Setback, Status, StatusSource, Trial, TypedLine, UpdateStatus, Upstream,
};
use resolver::{Resolver, Statistics};
use system::clock::monotonic;

use super::chores::Chores;
use super::intent::List;
use super::listeners::Listeners;
use super::preparing::Prepared;
use super::reception::Reception;
use crate::config::Config;
use crate::line::LineDesk;
use crate::support;

/// The state of the box, part by part; each part is written by whoever keeps it.
pub(crate) struct Board {
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    resolver: Resolver,
    upstreams: Mutex<Vec<String>>,
    listeners: Vec<Listener>,
    trials: Vec<Trial>,
    list: Mutex<ListStatus>,
    update: Mutex<Option<UpdateStatus>>,
    selftest: Mutex<Option<SelftestStatus>>,
    firewall: Mutex<Firewall>,
    journal_days: Mutex<Option<u64>>,
    line: Mutex<LineState>,
    diagnosis: Mutex<Diagnosis>,
    support: OnceLock<support::Place>,
    prepared: Arc<Prepared>,
    reception: OnceLock<Arc<Reception>>,
    line_desk: OnceLock<LineDesk>,
    chores: Arc<Chores>,
}

/// Whether the upstream resolvers answer, as far as the school's own questions show.
struct LineState {
    counted: Statistics,
    health: Health,
}

/// The parts of a box that a board tells about.
pub(crate) struct Parts {
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) resolver: Resolver,
    pub(crate) upstreams: Vec<String>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) prepared: Arc<Prepared>,
}

impl Board {
    /// A board over these parts.
    pub(crate) fn new(parts: Parts, config: &Config, listeners: &Listeners, list: &List) -> Self {
        let Parts { desk, clock, resolver, upstreams, trials, prepared } = parts;
        let firewall = if config.network.is_some() { Firewall::Applied } else { Firewall::Absent };
        let list = describe_list(&desk, list);
        Self {
            desk,
            clock,
            resolver,
            upstreams: Mutex::new(upstreams),
            listeners: describe_listeners(listeners),
            trials,
            list: Mutex::new(list),
            update: Mutex::new(None),
            selftest: Mutex::new(None),
            firewall: Mutex::new(firewall),
            journal_days: Mutex::new(None),
            line: Mutex::new(LineState { counted: Statistics::default(), health: Health::Unknown }),
            diagnosis: Mutex::default(),
            support: OnceLock::new(),
            prepared,
            reception: OnceLock::new(),
            line_desk: OnceLock::new(),
            chores: Arc::default(),
        }
    }

    /// Who judges accesses, and the clock of the box.
    pub(crate) fn judge(&self) -> (&Arc<Desk>, &Arc<dyn Clock>) {
        (&self.desk, &self.clock)
    }

    /// What may be asked for at once.
    pub(crate) fn chores(&self) -> &Arc<Chores> {
        &self.chores
    }

    /// The list in force.
    pub(crate) fn list(&self) -> ListStatus {
        lock(&self.list).clone()
    }

    /// Another list is in force.
    pub(crate) fn show_list(&self, list: &List) {
        *lock(&self.list) = describe_list(&self.desk, list);
    }

    /// A new list is refused: the one in force stays.
    pub(crate) fn show_refused_list(&self) {
        lock(&self.list).is_refused = true;
    }

    /// An update of the list was made, or is planned at another time.
    pub(crate) fn show_update(&self, update: UpdateStatus) {
        *lock(&self.update) = Some(update);
    }

    /// The box has attacked itself, or will at another time.
    pub(crate) fn show_selftest(&self, selftest: SelftestStatus) {
        *lock(&self.selftest) = Some(selftest);
    }

    /// Others are asked for names.
    pub(crate) fn show_upstreams(&self, upstreams: Vec<String>) {
        *lock(&self.upstreams) = upstreams;
    }

    /// The firewall is in another state.
    pub(crate) fn show_firewall(&self, firewall: Firewall) {
        *lock(&self.firewall) = firewall;
    }

    /// For so many days there is room for the journal; `None`: for long enough.
    pub(crate) fn show_journal_days(&self, days: Option<u64>) {
        *lock(&self.journal_days) = days;
    }

    /// The machine was looked at.
    pub(crate) fn show_diagnosis(&self, diagnosis: Diagnosis) {
        *lock(&self.diagnosis) = diagnosis;
    }

    /// Where the text for whoever helps from afar is put together from. Told once.
    pub(crate) fn set_support(&self, place: support::Place) {
        self.support.get_or_init(|| place);
    }

    /// Who enrols the box while it is fresh. Told once.
    pub(crate) fn set_reception(&self, reception: &Arc<Reception>) {
        self.reception.get_or_init(|| Arc::clone(reception));
    }

    /// Where the line is changed, on a box that has one. Told once.
    pub(crate) fn set_line_desk(&self, desk: LineDesk) {
        self.line_desk.get_or_init(|| desk);
    }

    /// What was counted since the start.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let counted = self.resolver.statistics();
        let counters = [
            ("answered", counted.answered),
            ("blocked", counted.blocked),
            ("closed", counted.closed),
            ("cached", counted.cached),
            ("stale", counted.stale),
            ("forwarded", counted.forwarded),
            ("failed", counted.failed),
            ("malformed", counted.malformed),
            ("dropped", counted.dropped),
            ("limited", counted.limited),
            ("unsent", counted.unsent),
        ];
        counters.map(|(name, count)| (format!("dns {name}"), count)).into()
    }

    /// Judges the upstreams by what became of the questions since the last look.
    fn line_health(&self) -> Health {
        let now = self.resolver.statistics();
        let mut line = lock(&self.line);
        let asked = now.forwarded.saturating_sub(line.counted.forwarded);
        let failed = now.failed.saturating_sub(line.counted.failed);
        if asked > 0 || failed > 0 {
            line.health = if failed < asked.max(1) { Health::Good } else { Health::Bad };
            line.counted = now;
        }
        line.health
    }
}

impl StatusSource for Board {
    fn status(&self) -> Status {
        let health = self.line_health();
        Status {
            is_open: self.desk.is_open(),
            journal_days: *lock(&self.journal_days),
            list: lock(&self.list).clone(),
            update: lock(&self.update).clone(),
            selftest: lock(&self.selftest).clone(),
            upstreams: lock(&self.upstreams)
                .iter()
                .map(|server| Upstream { server: server.clone(), health })
                .collect(),
            clock: self.clock.now().quality,
            firewall: *lock(&self.firewall),
            listeners: self.listeners.clone(),
            trials: self.trials.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn identify(&self, client: IpAddr) -> Subject {
        self.desk.identify(client)
    }

    fn diagnosis(&self) -> Diagnosis {
        lock(&self.diagnosis).clone()
    }

    fn support(&self) -> Option<String> {
        self.support.get().map(support::write)
    }

    fn enrolment(&self) -> Option<Enrolment> {
        self.reception.get().and_then(|reception| reception.enrolment())
    }

    fn enrol(&self, code: &str, hub: &str, head: (&str, &str)) -> Result<(), Setback> {
        let reception = self.reception.get().ok_or(Setback::HasState)?;
        reception.ask(code, hub, head, monotonic())
    }

    fn fresh_line(&self) -> Option<LineSeat> {
        let is_fresh = self.reception.get().is_some_and(|reception| reception.is_fresh());
        self.line_desk.get().filter(|_| is_fresh).map(LineDesk::look)
    }

    fn change_fresh_line(&self, typed: &TypedLine<'_>) -> Result<(), LineFault> {
        let desk = self.line_desk.get().ok_or(LineFault::Taken)?;
        let choice = desk.read_typed(typed)?;
        let reception = self.reception.get().ok_or(LineFault::Taken)?;
        let kept = reception.while_fresh(|| desk.keep(&choice)).ok_or(LineFault::Taken)?;
        kept.map_err(|error| {
            tracing::error!(%error, "what was typed of the line cannot be kept");
            LineFault::Disk
        })
    }

    fn recall_refusals(&self, client: IpAddr) -> Vec<Refused> {
        self.desk.recall_refusals(client).into_iter().map(describe_refused).collect()
    }

    fn prepared(&self, client: IpAddr) -> Vec<NewPreparation> {
        // Whoever is no device of the school sees nothing of its lessons.
        match self.desk.identify(client) {
            Subject::Device(device) => self.prepared.ready_for(device.room.as_ref()),
            Subject::Unknown(_) => vec![],
        }
    }

    fn library(&self, client: IpAddr) -> Vec<LibraryFile> {
        match self.desk.identify(client) {
            Subject::Device(_) => self.prepared.library.ready(),
            Subject::Unknown(_) => vec![],
        }
    }

    fn open_file(&self, client: IpAddr, sum: &str) -> Option<(LibraryFile, File)> {
        match self.desk.identify(client) {
            Subject::Device(_) => self.prepared.library.open(sum),
            Subject::Unknown(_) => None,
        }
    }
}

fn describe_list(desk: &Desk, list: &List) -> ListStatus {
    let facts = (0..list.index.categories().len())
        .filter_map(blocklist::CategoryId::new)
        .filter_map(|id| list.index.category_facts(id));
    let counts = facts.map(|facts| facts.counts.domains + facts.counts.addresses + facts.counts.urls);
    // That the built-in list has few categories is no news.
    let is_builtin = list.origin == ListOrigin::Embedded;
    let missing = if is_builtin { vec![] } else { desk.policy().missing_categories().to_vec() };
    ListStatus {
        origin: list.origin,
        entries: counts.sum(),
        categories: list.index.categories().len() as u64,
        missing,
        is_refused: false,
    }
}

fn describe_refused(refused: access::Refused) -> Refused {
    let is_noise = refused.is_noise();
    let access::Refused { host, reason, first, last, count } = refused;
    Refused { host, reason, first, last, count, is_noise }
}

fn describe_listeners(listeners: &Listeners) -> Vec<Listener> {
    let tcp = |service: Service, sockets: &[TcpListener]| -> Vec<Listener> {
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok());
        addresses.map(|address: SocketAddr| Listener { service, address }).collect()
    };
    let portal = std::slice::from_ref(&listeners.portal);
    let portal_tls = listeners.portal_tls.as_slice();
    [
        tcp(Service::Dns, &listeners.dns_tcp),
        tcp(Service::DnsTls, &listeners.dns_tls),
        tcp(Service::GateTls, &listeners.tls),
        tcp(Service::GateHttp, &listeners.http),
        tcp(Service::ExplicitProxy, &listeners.proxy),
        tcp(Service::Portal, portal),
        tcp(Service::PortalTls, portal_tls),
    ]
    .concat()
}

/// A part of the board is replaced whole, so it is right even after a panic elsewhere.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
