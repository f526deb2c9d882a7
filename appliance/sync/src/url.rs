//! Where a hub is.

use std::fmt;
use std::str::FromStr;

use model::Host;
use rustls::pki_types::ServerName;

/// The port of HTTPS.
const USUAL_PORT: u16 = 443;
/// Longest address: a name has 253 letters.
const LENGTH_MAX: usize = 300;

/// The address of a hub, as in `https://hub.commune.example` or `https://10.0.0.1:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUrl {
    host: Host,
    port: u16,
}

/// The text is no hub's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a hub's address is written as in https://hub.commune.example or https://hub.commune.example:8443, without anything behind"
)]
pub struct HubUrlError;

impl HubUrl {
    /// The name or the address, and the port.
    #[must_use]
    pub fn place(&self) -> (String, u16) {
        (self.host.to_string(), self.port)
    }

    /// What its certificate has to be for.
    ///
    /// # Errors
    /// [`HubUrlError`] where no certificate can be for it.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, HubUrlError> {
        match &self.host {
            Host::Address(address) => Ok(ServerName::from(*address)),
            Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).map_err(|_| HubUrlError),
        }
    }

    /// The address of something that it has.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl FromStr for HubUrl {
    type Err = HubUrlError;

    fn from_str(text: &str) -> Result<Self, HubUrlError> {
        let rest = text.strip_prefix("https://").filter(|_| text.len() <= LENGTH_MAX).ok_or(HubUrlError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| HubUrlError)?),
            _ => (rest, USUAL_PORT),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = Host::parse(bare.unwrap_or(host)).map_err(|_| HubUrlError)?;
        let is_v6 = matches!(host, Host::Address(std::net::IpAddr::V6(_)));
        if port == 0 || is_v6 != bare.is_some() { Err(HubUrlError) } else { Ok(Self { host, port }) }
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(std::net::IpAddr::V6(address)) => write!(f, "https://[{address}]:{}", self.port),
            Host::Address(_) | Host::Name(_) => write!(f, "https://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_strictly() {
        let check = |text: &str, expected: Option<&str>| {
            let read: Option<String> = text.parse::<HubUrl>().ok().map(|url| url.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("https://hub.commune.example", Some("https://hub.commune.example:443"));
        check("https://hub.commune.example:8443/", Some("https://hub.commune.example:8443"));
        check("https://10.0.0.1:1", Some("https://10.0.0.1:1"));
        check("https://[fd77::1]:8443", Some("https://[fd77::1]:8443"));
        check("https://[fd77::1]", Some("https://[fd77::1]:443"));
        for wrong in
            ["", "http://hub.example", "hub.example", "https://", "https://a b", "https://hub.example/api"]
        {
            check(wrong, None);
        }
        for wrong in
            ["https://hub.example:0", "https://hub.example:99999", "https://fd77::1", "https://u@hub.example"]
        {
            check(wrong, None);
        }
    }
}
