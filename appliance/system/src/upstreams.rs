//! The resolvers that the system uses.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::net::if_::if_nametoindex;
use resolv_conf::{Config, ScopedIp};

/// Where systems list their resolvers (resolv.conf(5)).
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The port of plain DNS.
const DNS_PORT: u16 = 53;

/// The resolvers listed in `path`, in order. May be empty; may name a resolver of this very machine.
///
/// # Errors
/// [`UpstreamsError`] when the file cannot be read or understood.
pub fn system_resolvers(path: &Path) -> Result<Vec<SocketAddr>, UpstreamsError> {
    let text = fs::read(path).map_err(|source| UpstreamsError::Read { path: path.to_owned(), source })?;
    let config = Config::parse(text)
        .map_err(|source| UpstreamsError::Parse { path: path.to_owned(), source: Box::new(source) })?;
    Ok(config.nameservers.iter().map(resolver).collect())
}

fn resolver(address: &ScopedIp) -> SocketAddr {
    match address {
        ScopedIp::V4(address) => SocketAddrV4::new(*address, DNS_PORT).into(),
        ScopedIp::V6(address, scope) => {
            let index =
                scope.as_deref().and_then(|scope| scope.parse().ok().or_else(|| if_nametoindex(scope).ok()));
            SocketAddrV6::new(*address, DNS_PORT, 0, index.unwrap_or(0)).into()
        }
    }
}

/// Why the system's resolvers are not known.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no resolv.conf(5).
    #[error("cannot understand {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<resolv_conf::ParseError>,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let resolvers = system_resolvers(file.path()).unwrap();
        let resolvers: Vec<_> = resolvers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(resolvers, expected, "{text:?}");
    }

    #[test]
    fn resolvers_in_the_order_of_the_file() {
        check("", &[]);
        check("# none\nsearch ecole.example\noptions edns0\n", &[]);
        check("nameserver 192.0.2.53\nnameserver 2001:db8::53\n", &["192.0.2.53:53", "[2001:db8::53]:53"]);
        check("nameserver fe80::1%lo\n", &["[fe80::1%1]:53"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = system_resolvers(Path::new("/nowhere/resolv.conf")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/resolv.conf");
    }
}
