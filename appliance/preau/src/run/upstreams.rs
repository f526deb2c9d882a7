//! The resolvers that the box asks.

use std::net::SocketAddr;
use std::path::Path;

use model::Host;
use resolver::Upstream;
use rustls::pki_types::CertificateDer;
use system::upstreams::{RESOLV_CONF, system_resolvers};

use crate::config::{Config, Dns};

/// The resolvers of the configuration, or those that the system names at the moment.
pub(crate) fn find(config: &Config) -> Vec<Upstream> {
    if !config.dns.upstreams.is_empty() {
        return configured(&config.dns);
    }
    match system_resolvers(Path::new(RESOLV_CONF)) {
        Ok(found) => found.into_iter().map(Upstream::Plain).collect(),
        Err(error) => {
            tracing::debug!("no resolver: {:#}", anyhow::Error::from(error));
            vec![]
        }
    }
}

/// Tells whom the box asks. A box without anybody to ask serves what needs nobody.
pub(crate) fn tell(upstreams: &[Upstream]) {
    if upstreams.is_empty() {
        tracing::warn!(
            "neither the configuration nor {RESOLV_CONF} names a resolver: no name has an address"
        );
    } else {
        let names: Vec<_> = upstreams.iter().map(ToString::to_string).collect();
        tracing::info!("names are asked from {}", names.join(", "));
    }
}

fn configured(dns: &Dns) -> Vec<Upstream> {
    let upstreams = dns.upstreams.iter().map(|upstream| {
        let address = SocketAddr::new(upstream.address, upstream.port);
        match &upstream.tls_name {
            Some(name) => Upstream::Tls { address, server: Host::Name(name.clone()) },
            None => Upstream::Plain(address),
        }
    });
    upstreams.collect()
}

/// The certificates of the configuration's own authorities.
pub(crate) fn authorities(dns: &Dns) -> Vec<CertificateDer<'static>> {
    dns.upstreams.iter().flat_map(|upstream| upstream.authorities.iter().cloned()).collect()
}
