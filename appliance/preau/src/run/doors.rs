//! The doors: resolver, gate and portal, opened together and closed together.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use access::Desk;
use anyhow::{Context, bail};
use archive::Field;
use model::Host;
use pki::Identity;
use portal::pages::Place;
use portal::{Notices, PortalHandle};
use proxy::{Gate, Workspaces};
use resolver::{Explanation, Resolver, Sockets};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::board::Board;
use super::front;
use super::keeper::{Keeper, destinations};
use super::listeners::Listeners;
use super::office::Office;
use super::pages::PortalPages;
use super::preparing::Prepared;
use super::reception::Reception;
use crate::config::Config;

/// How often threads without a handle to wait for are looked at.
const WATCH_PERIOD: Duration = Duration::from_secs(5);

/// Open doors.
pub(crate) struct Doors {
    gate: JoinHandle<()>,
    resolver: JoinHandle<anyhow::Result<()>>,
    portal: PortalHandle,
    stop: watch::Sender<bool>,
    /// Awaited since before anybody was told that the box runs: none that comes from then on is missed.
    signals: [Signal; 3],
}

/// A gate that serves nobody yet.
pub(crate) fn build_gate(
    config: &Config,
    descriptors: u64,
    desk: &Arc<Desk>,
    resolver: &Resolver,
    has_certificate: bool,
    (workspaces, prepared): (Option<Arc<Workspaces>>, &Arc<Prepared>),
) -> Arc<Gate> {
    let settings = proxy::Settings {
        is_redirected: config.network.is_some(),
        portal: Some(proxy::Portal {
            names: config.portal.names(),
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, config.portal.port),
            tls_address: has_certificate
                .then(|| SocketAddrV4::new(Ipv4Addr::LOCALHOST, config.portal.tls_port)),
        }),
        descriptors_max: usize::try_from(descriptors).unwrap_or(usize::MAX),
        workspaces,
        ..proxy::Settings::default()
    };
    let pages = Arc::new(PortalPages { place: place(config), prepared: Arc::clone(prepared) });
    let (desk, resolver) = (Arc::clone(desk), Arc::new(resolver.clone()));
    Arc::new(Gate::new(settings, destinations(config), desk, resolver, pages))
}

/// What pages say of where they are shown.
fn place(config: &Config) -> Place {
    let portal_url = match config.network {
        Some(_) => format!("http://{}/", config.portal.name),
        None => format!("http://127.0.0.1:{}/", config.portal.port),
    };
    Place {
        school: config.school.name.clone(),
        helpdesk: config.school.helpdesk.clone(),
        portal_url: Some(portal_url),
        timezone: config.school.timezone.clone(),
    }
}

/// What the school says of its network.
fn notices(config: &Config) -> Notices {
    Notices {
        charter: config.portal.charter.clone(),
        controller: config.portal.controller.clone(),
        officer: config.portal.officer.clone(),
        days: config.journal_policy.retention.days(Field::Access),
    }
}

/// Whom refusals name, for programs that show them.
pub(crate) fn explanation(config: &Config) -> Explanation {
    Explanation {
        contacts: config.school.contacts.iter().map(ToString::to_string).collect(),
        organization: config.school.name.clone(),
        page: place(config).why_url(),
    }
}

/// What stands behind the doors.
pub(crate) struct Rooms {
    pub(crate) resolver: Resolver,
    pub(crate) gate: Arc<Gate>,
    pub(crate) board: Arc<Board>,
    pub(crate) office: Arc<Office>,
    /// The box's certificate, where it has one.
    pub(crate) identity: Option<Arc<Identity>>,
}

impl Doors {
    /// Opens every door. `runtime` serves the gate, `dns` the resolver.
    pub(crate) fn open(
        config: &Config,
        listeners: Listeners,
        rooms: Rooms,
        runtime: &Runtime,
        dns: &Runtime,
    ) -> anyhow::Result<Self> {
        let _inside = runtime.enter();
        let Rooms { resolver, gate, board, office, identity } = rooms;
        let sources = portal::Sources { status: board, office };
        let own_addresses = listeners.addresses.iter().map(|&address| Host::Address(address));
        let own_hosts = config.portal.names().into_iter().map(Host::Name).chain(own_addresses).collect();
        let portal_settings = portal::Settings { place: place(config), own_hosts, notices: notices(config) };
        let behind_tls = identity.as_ref().zip(listeners.portal_tls);
        let front = behind_tls.map(|(identity, listener)| {
            front::build(config, identity, listener, Arc::clone(gate.callers()), resolver.clone())
        });
        let portal = portal::spawn(portal_settings, listeners.portal, sources, front.transpose()?)
            .context("cannot open the portal")?;

        let (stop, stopped) = watch::channel(false);
        let doors = proxy::Doors {
            tls: adopt(listeners.tls)?,
            http: adopt(listeners.http)?,
            explicit: adopt(listeners.proxy)?,
        };
        let gate = tokio::spawn(gate.run(doors, stopped.clone()));
        let sockets = Sockets {
            udp: listeners.dns_udp,
            tcp: listeners.dns_tcp,
            tls: listeners.dns_tls,
            tls_config: identity.as_ref().map(front::dns_config).transpose()?,
        };
        let resolver = dns.spawn(async move { Ok(resolver.run(sockets, wait_for_stop(stopped)).await?) });
        let usual = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = usual.map(signal);
        Ok(Self { gate, resolver, portal, stop, signals: [terminate?, interrupt?, hangup?] })
    }

    /// Waits until somebody stops the box, or it is to begin anew with another one's state, or a part of it breaks down: then the box should
    /// start anew.
    pub(crate) async fn wait(&mut self, keeper: &Keeper, reception: &Reception) -> anyhow::Result<()> {
        let [terminate, interrupt, hangup] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            _ = hangup.recv() => Ok(()),
            () = reception.wait_to_leave() => Ok(()),
            () = wait_for_end(|| keeper.is_running() && self.portal.is_running()) => {
                bail!("the keeper or the portal broke down")
            }
            outcome = &mut self.resolver => outcome.context("the resolver broke down")?,
            outcome = &mut self.gate => { outcome.context("the gate broke down")?; bail!("the gate stopped") }
        }
    }

    /// Closes every door: open connections have a moment to end, as each door says.
    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        let Self { gate, resolver, portal, stop: _, signals: _ } = self;
        settle(gate).await;
        settle(resolver).await;
        if let Err(error) = portal.stop() {
            tracing::error!(%error, "the portal did not close well");
        }
    }
}

/// Waits for a task, unless it is over: its outcome was looked at then.
async fn settle<T>(task: JoinHandle<T>) {
    if !task.is_finished()
        && let Err(error) = task.await
    {
        tracing::error!(%error, "a door did not close well");
    }
}

/// Returns once `is_running` says no.
async fn wait_for_end(is_running: impl Fn() -> bool) {
    while is_running() {
        tokio::time::sleep(WATCH_PERIOD).await;
    }
}

async fn wait_for_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the doors are gone, which is a stop as well.
    let _gone = stopped.wait_for(|&is_stopping| is_stopping).await;
}

/// Hands bound sockets to the runtime.
fn adopt(listeners: Vec<std::net::TcpListener>) -> std::io::Result<Vec<TcpListener>> {
    listeners.into_iter().map(TcpListener::from_std).collect()
}
