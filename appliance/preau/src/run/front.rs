//! The box by TLS: who vouches for it, and what it serves so.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use access::Clock;
use anyhow::Context;
use pki::{Identity, Names};
use portal::{AnswerNames, Answering, Authority, Callers, Front, NameAnswer, Unanswered};
use proxy::{Depot, DepotSettings, Workspace, Workspaces};
use resolver::Resolver;
use system::authority::{self, Opened};

use super::listeners::door_addresses;
use crate::config::Config;
use crate::data_folder;

/// What clients of DNS over TLS name it (RFC 7858, in the IANA's table of ALPN).
const DNS_OVER_TLS: &[u8] = b"dot";

/// The box's certificate, by this clock. Without one, a school still has its filter: that is told, and the rest goes on.
pub(crate) fn open_identity(config: &Config, data: &Path, clock: Arc<dyn Clock>) -> Option<Arc<Identity>> {
    let (addresses, _) = door_addresses(config);
    let own = Names::new(config.portal.names(), addresses.clone());
    let served = config.served_workspaces.iter().flat_map(|workspace| workspace.hosts.iter().cloned());
    let names = Names::new(served.chain(config.portal.names()), addresses);
    match authority::open(&data.join(data_folder::AUTHORITY_FILE), names) {
        Ok((authority, opened)) => {
            tell(opened, &authority.fingerprint());
            let read = move || {
                let now = clock.now();
                (now.at, now.quality)
            };
            Some(Arc::new(Identity::new(authority, own, read)))
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::error!("{error:#}: no pages by HTTPS and no encrypted DNS until then; the filter works");
            None
        }
    }
}

fn tell(opened: Opened, fingerprint: &str) {
    match opened {
        Opened::Found => {}
        Opened::Made => tracing::info!(
            fingerprint,
            "a new certificate authority: devices that shall trust the box have to be given it (preau ca export)"
        ),
        Opened::Renamed => tracing::warn!(
            fingerprint,
            "the box's names or addresses are others now: devices that trust it trust the new ones once they are given \
             the new certificate (preau ca export)"
        ),
    }
}

/// The workspaces that the box serves. Without a certificate it passes all of them through.
pub(crate) fn open_workspaces(
    config: &Config,
    data: &Path,
    clock: &Arc<dyn Clock>,
    identity: Option<&Arc<Identity>>,
    descriptors: u64,
) -> anyhow::Result<Option<Arc<Workspaces>>> {
    let Some(identity) = identity.filter(|_| !config.served_workspaces.is_empty()) else { return Ok(None) };
    let tls = identity.server_config(&Workspaces::PROTOCOLS).context("cannot set up TLS for the ENT")?;
    let workspaces = config.served_workspaces.iter().map(|workspace| {
        let crate::config::Workspace { hosts, profiles, upstream, authorities, family } = workspace.clone();
        let workspace = Workspace::new(hosts, profiles, upstream, &authorities);
        Ok(workspace.context("cannot set up TLS towards the ENT")?.of_family(family))
    });
    let workspaces = workspaces.collect::<anyhow::Result<_>>()?;
    let descriptors_max = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let depot = open_depot(config, data, Arc::clone(clock), descriptors_max);
    Ok(Some(Arc::new(Workspaces::new(workspaces, Arc::new(tls), depot, descriptors_max))))
}

/// Where the box keeps what workspaces say is for all. Without it, they are served all the same: that is told.
fn open_depot(
    config: &Config,
    data: &Path,
    clock: Arc<dyn Clock>,
    descriptors_max: usize,
) -> Option<Arc<Depot>> {
    if config.cache_bytes_max == 0 {
        return None;
    }
    let folder = data.join(data_folder::DEPOT_FOLDER);
    let settings = DepotSettings { folder, bytes_max: config.cache_bytes_max, descriptors_max };
    match Depot::open(&settings, clock) {
        Ok(depot) => Some(Arc::new(depot)),
        Err(error) => {
            tracing::error!(%error, folder = %settings.folder.display(), "the ENT is not kept: its folder cannot be made");
            None
        }
    }
}

/// What DNS over TLS shows.
pub(crate) fn dns_config(identity: &Arc<Identity>) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let config = identity.server_config(&[DNS_OVER_TLS]).context("cannot set up DNS over TLS")?;
    Ok(Arc::new(config))
}

/// The portal's part behind TLS.
pub(crate) fn build(
    config: &Config,
    identity: &Arc<Identity>,
    listener: TcpListener,
    callers: Arc<proxy::Callers>,
    resolver: Resolver,
) -> anyhow::Result<Front> {
    let authority = identity.authority();
    Ok(Front {
        listener,
        tls: identity.server_config(&[]).context("cannot set up the portal's TLS")?,
        callers: Arc::new(GateCallers { gate: callers, is_direct: config.network.is_none() }),
        resolver: Arc::new(ByHttps(resolver)),
        authority: Authority {
            certificate_der: authority.certificate_der(),
            fingerprint: authority.fingerprint(),
            names: authority.names().texts().collect(),
            origin: url(config).trim_end_matches('/').to_owned(),
        },
    })
}

/// Where the portal is by HTTPS.
pub(crate) fn url(config: &Config) -> String {
    match config.network {
        Some(_) => format!("https://{}/", config.portal.name),
        None => format!("https://127.0.0.1:{}/", config.portal.tls_port),
    }
}

/// The gate's connections.
struct GateCallers {
    gate: Arc<proxy::Callers>,
    /// Whether people come to the portal's own port too: on a box without a network, which serves its own machine.
    is_direct: bool,
}

impl Callers for GateCallers {
    fn find(&self, end: SocketAddr) -> Option<IpAddr> {
        self.gate.find(end).or_else(|| self.is_direct.then(|| end.ip()))
    }
}

/// The school's resolver.
struct ByHttps(Resolver);

impl AnswerNames for ByHttps {
    fn answer<'a>(&'a self, question: &'a [u8], client: IpAddr) -> Answering<'a> {
        Box::pin(async move {
            match self.0.answer(question, client).await {
                Ok(resolver::Answer { bytes, lifetime_s }) => Ok(NameAnswer { message: bytes, lifetime_s }),
                Err(resolver::Unanswered::NotAQuery) => Err(Unanswered::NotAQuery),
                Err(resolver::Unanswered::TooMany) => Err(Unanswered::TooMany),
            }
        })
    }
}
