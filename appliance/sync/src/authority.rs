//! Which authority a hub shows, before anything is believed of it.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use system::shown::see_certificates;

use crate::error::SyncError;
use crate::url::HubUrl;

/// How long all of it may take: connecting to one of the addresses, and the handshake.
const SEE_WITHIN: Duration = Duration::from_secs(10);
/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The certificate of the authority that whoever answers at `url` shows last. It proves nothing: the exchange does, which it is
/// a part of.
pub(crate) fn see(url: &HubUrl) -> Result<Vec<u8>, SyncError> {
    let no_answer = |source: Box<dyn std::error::Error + Send + Sync>| SyncError::NoAnswer {
        url: url.to_string(),
        source,
    };
    let name = url.server_name().map_err(|error| no_answer(Box::new(error)))?;
    let (host, port) = url.place();
    let addresses = (host.as_str(), port).to_socket_addrs().map_err(|error| no_answer(Box::new(error)))?;
    let addresses: Vec<SocketAddr> = addresses.take(ADDRESSES_MAX).collect();
    let shown = see_certificates(&addresses, name, SEE_WITHIN).map_err(|error| no_answer(Box::new(error)))?;
    // The first is its own: a hub shows its authority's as well.
    let above = shown.get(1..).unwrap_or_default();
    above.last().map(|last| last.to_vec()).ok_or_else(|| SyncError::NoHub(url.to_string()))
}
