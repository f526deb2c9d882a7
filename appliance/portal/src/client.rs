//! Who talks to the portal, and to whom they think they talk.

use std::net::{IpAddr, SocketAddr};

use model::Host;

/// Whether a request's authority (`Host` field or absolute target) names the box itself.
///
/// A hostile site can point its own name at the box and read the portal with the visitor's browser (DNS
/// rebinding); it cannot make the browser send one of the box's names.
pub(crate) fn is_own_authority(authority: &str, own: &[Host]) -> bool {
    match Host::parse(strip_port(authority)) {
        Ok(Host::Address(address)) if address.is_loopback() => true,
        Ok(host) => own.contains(&host) || host.name().is_some_and(|name| name.as_str() == "localhost"),
        Err(_) => false,
    }
}

fn strip_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The client's address: the connection's other end, or, when that is the box's own gate, the client that the
/// gate names in `X-Forwarded-For`. The gate removes what clients put there themselves.
pub(crate) fn find_client(peer: SocketAddr, forwarded_for: Option<&str>) -> IpAddr {
    let peer = peer.ip().to_canonical();
    match forwarded_for.and_then(|field| field.parse::<IpAddr>().ok()) {
        Some(client) if peer.is_loopback() => client.to_canonical(),
        _ => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_and_addresses_are_answered() {
        let own = ["preau.lan", "10.77.0.1", "fd77::1"].map(|text| Host::parse(text).unwrap());
        let check = |authority: &str, expected: bool| {
            assert_eq!(is_own_authority(authority, &own), expected, "{authority:?}");
        };
        check("preau.lan", true);
        check("PREAU.lan.:80", true);
        check("10.77.0.1:8000", true);
        check("[fd77::1]", true);
        check("[fd77::1]:8000", true);
        check("127.0.0.1:8000", true);
        check("[::1]:8000", true);
        check("localhost:8000", true);
        check("evil.example", false);
        check("preau.lan.evil.example", false);
        check("10.77.0.2", false);
        check("", false);
        check(":80", false);
        check("preau.lan:80:80", false);
    }

    #[test]
    fn only_the_gate_may_name_another_client() {
        let check = |peer: &str, forwarded: Option<&str>, expected: &str| {
            assert_eq!(find_client(peer.parse().unwrap(), forwarded).to_string(), expected, "{forwarded:?}");
        };
        check("10.77.0.11:40000", None, "10.77.0.11");
        check("10.77.0.11:40000", Some("10.77.0.12"), "10.77.0.11");
        check("[::ffff:10.77.0.11]:40000", None, "10.77.0.11");
        check("127.0.0.1:40000", Some("10.77.0.11"), "10.77.0.11");
        check("[::1]:40000", Some("fd77::11"), "fd77::11");
        check("127.0.0.1:40000", None, "127.0.0.1");
        check("127.0.0.1:40000", Some("unknown"), "127.0.0.1");
        check("127.0.0.1:40000", Some("10.77.0.11, 10.77.0.12"), "127.0.0.1");
        check("127.0.0.1:40000", Some(""), "127.0.0.1");
    }
}
