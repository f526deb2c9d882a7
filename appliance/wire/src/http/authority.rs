//! `host[:port]`, and its agreement over a request.

use model::{Fault, Host, HostError};

/// Longest authority that is read: a name of 253 bytes, a port, and room for a mistake worth naming.
const AUTHORITY_BYTES_MAX: usize = 300;

/// A host, and the port where one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port; `None` where the scheme's own is meant.
    pub port: Option<u16>,
}

/// Why a request does not name one host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No host anywhere, or an empty one.
    #[error("the request names no host")]
    Unnamed,
    /// More than one `Host` field (RFC 9112 section 3.2 refuses it).
    #[error("several Host fields")]
    SeveralHosts,
    /// The request line and the `Host` field name different servers.
    #[error("the request line and the Host field differ")]
    Mismatch,
    /// `user@host`: what stands before the `@` is meant to look like a host (RFC 9110 section 4.2.4).
    #[error("user information before the host")]
    UserInformation,
    /// Not a decimal port from 1 to 65535.
    #[error("not a port")]
    Port,
    /// Bytes that no host is written with.
    #[error("not text")]
    NotText,
    /// Not a host.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl TargetError {
    /// The fault under which the attempt is recorded.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unnamed => Fault::Unnamed,
            Self::SeveralHosts
            | Self::Mismatch
            | Self::UserInformation
            | Self::Port
            | Self::NotText
            | Self::Host(_) => Fault::Malformed,
        }
    }
}

/// Finds the one host that a request is for.
///
/// `target` is the authority of the request line, where it has one (absolute-form and authority-form);
/// `fields` are the values of all `Host` fields; `default_port` is the port of the request's scheme. The two
/// places must agree: a server may follow either.
///
/// # Errors
/// [`TargetError`] when there is no host, or no single one.
pub fn find_authority<'a>(
    target: Option<&[u8]>,
    fields: impl IntoIterator<Item = &'a [u8]>,
    default_port: u16,
) -> Result<Authority, TargetError> {
    let mut fields = fields.into_iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(TargetError::SeveralHosts);
    }
    match (target, field) {
        (None, None) => Err(TargetError::Unnamed),
        (Some(only), None) | (None, Some(only)) => Authority::parse(only),
        (Some(target), Some(field)) => {
            let target = Authority::parse(target)?;
            let field = Authority::parse(field)?;
            let is_same = target.host == field.host
                && target.port.unwrap_or(default_port) == field.port.unwrap_or(default_port);
            if is_same { Ok(target) } else { Err(TargetError::Mismatch) }
        }
    }
}

impl Authority {
    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    ///
    /// # Errors
    /// [`TargetError`] tells what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, TargetError> {
        if bytes.is_empty() {
            return Err(TargetError::Unnamed);
        }
        // RFC 3986 section 3.2.2: what is not ASCII is percent-encoded or an A-label. Raw UTF-8 would be
        // mapped to a name by the box, and perhaps to another one by the server.
        let text = str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii() && text.len() <= AUTHORITY_BYTES_MAX)
            .ok_or(TargetError::NotText)?;
        if text.contains('@') {
            return Err(TargetError::UserInformation);
        }
        let (host, port) = split_port(text)?;
        if host.is_empty() {
            return Err(TargetError::Unnamed);
        }
        Ok(Self { host: Host::parse(host)?, port })
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), TargetError> {
    let port_at = match text.rfind(']') {
        Some(bracket) => text.get(bracket..).and_then(|rest| rest.find(':')).map(|colon| bracket + colon),
        // Two colons without brackets are an address whose last group could be a port: neither is certain.
        None if text.matches(':').count() > 1 => return Err(TargetError::Port),
        None => text.find(':'),
    };
    let Some((host, port)) = port_at.and_then(|at| text.split_at_checked(at)) else {
        return Ok((text, None));
    };
    let digits = port.strip_prefix(':').unwrap_or_default();
    // RFC 3986 section 3.2.3 allows an empty port, and means the scheme's own.
    if digits.is_empty() {
        return Ok((host, None));
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::Port);
    }
    match digits.parse() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        Ok(_) | Err(_) => Err(TargetError::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(authority: &Authority) -> String {
        match authority.port {
            Some(port) => format!("{}|{port}", authority.host),
            None => authority.host.to_string(),
        }
    }

    #[test]
    fn authorities() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                Authority::parse(text.as_bytes()).as_ref().map(written),
                Ok(expected.to_owned()),
                "{text}"
            );
        };
        check("Example.org", "example.org");
        check("example.org.", "example.org");
        check("example.org:80", "example.org|80");
        check("example.org:00080", "example.org|80");
        check("example.org:", "example.org");
        check("192.0.2.1:8080", "192.0.2.1|8080");
        check("[2001:db8::1]", "2001:db8::1");
        check("[2001:DB8::1]:443", "2001:db8::1|443");
    }

    #[test]
    fn broken_authorities_are_malformed() {
        let check = |text: &[u8], expected: Option<TargetError>| {
            let error = Authority::parse(text).unwrap_err();
            assert_eq!(error.fault(), Fault::Malformed, "{text:?}");
            if let Some(expected) = expected {
                assert_eq!(error, expected, "{text:?}");
            }
        };
        check(b"allowed.org@blocked.org", Some(TargetError::UserInformation));
        check(b"user:password@blocked.org:80", Some(TargetError::UserInformation));
        check(b"example.org:http", Some(TargetError::Port));
        check(b"example.org:0", Some(TargetError::Port));
        check(b"example.org:65536", Some(TargetError::Port));
        check(b"example.org:-80", Some(TargetError::Port));
        check(b"example.org:+80", Some(TargetError::Port));
        check(b"example.org:80:80", Some(TargetError::Port));
        check(b"2001:db8::1", Some(TargetError::Port));
        check("école.fr".as_bytes(), Some(TargetError::NotText));
        check(&[0xff], Some(TargetError::NotText));
        check(&[b'a'; 301], Some(TargetError::NotText));
        for text in [
            "a b",
            "a,b",
            "a/b",
            "exa%6dple.org",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]x:80",
            "2130706433",
            "127.1",
        ] {
            check(text.as_bytes(), None);
        }
    }

    #[test]
    fn one_host_for_a_request() {
        let check = |target: Option<&str>, fields: &[&str], expected: Result<&str, TargetError>| {
            let found =
                find_authority(target.map(str::as_bytes), fields.iter().map(|field| field.as_bytes()), 80);
            assert_eq!(found.as_ref().map(written), expected.as_ref().map(|text| text.to_string()));
        };
        check(None, &["example.org"], Ok("example.org"));
        check(Some("example.org"), &[], Ok("example.org"));
        check(Some("example.org:80"), &["EXAMPLE.org"], Ok("example.org|80"));
        check(Some("example.org"), &["example.org:80"], Ok("example.org"));
        check(None, &[], Err(TargetError::Unnamed));
        check(None, &[""], Err(TargetError::Unnamed));
        check(None, &[":80"], Err(TargetError::Unnamed));
        check(Some("example.org"), &[""], Err(TargetError::Unnamed));
        check(None, &["example.org", "example.org"], Err(TargetError::SeveralHosts));
        check(Some("a.org"), &["b.org"], Err(TargetError::Mismatch));
        check(Some("a.org:81"), &["a.org"], Err(TargetError::Mismatch));
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_back(text in "[a-z0-9.:@\\[\\]-]{0,40}") {
            if let Ok(authority) = Authority::parse(text.as_bytes()) {
                let host = match &authority.host {
                    Host::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
                    Host::Address(_) | Host::Name(_) => authority.host.to_string(),
                };
                let again = authority.port.map_or(host.clone(), |port| format!("{host}:{port}"));
                proptest::prop_assert_eq!(Authority::parse(again.as_bytes()), Ok(authority));
            }
        }
    }
}
