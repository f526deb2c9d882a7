//! One complete `ClientHello` message (RFC 8446 section 4.1.2).

use std::net::IpAddr;

use model::{DomainName, Fault, Host};

use super::Alert;
use super::cursor::Cursor;

/// Length of the client's random (RFC 8446 section 4.1.2).
const RANDOM_BYTES: usize = 32;
/// Longest legacy session identifier (RFC 8446 section 4.1.2).
const SESSION_ID_BYTES_MAX: usize = 32;
/// The `server_name` extension (RFC 6066 section 3).
const SERVER_NAME_EXTENSION: u16 = 0;
/// The only kind of server name that exists (RFC 6066 section 3).
const HOST_NAME_KIND: u8 = 0;

/// What the gate needs of a client's hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The name of the server that the client wants.
    pub server_name: DomainName,
}

/// Why a client's first bytes are not a hello that the gate can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The stream does not start like TLS.
    #[error("not TLS")]
    NotTls,
    /// A hello that breaks its protocol.
    #[error("the hello is malformed: {0}")]
    Malformed(&'static str),
    /// A record or a hello beyond the limits.
    #[error("the hello is too long")]
    TooLong,
    /// A hello without a server name.
    #[error("the hello has no server name")]
    Unnamed,
    /// An IP address in place of the server name, which RFC 6066 section 3 forbids.
    #[error("the server name is the address {0}")]
    Address(IpAddr),
    /// A server name that is no domain name.
    #[error("the server name is no domain name")]
    BadName,
}

impl HelloError {
    /// The fault under which the attempt is recorded.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::NotTls => Fault::NotTls,
            Self::Malformed(_) | Self::TooLong | Self::BadName => Fault::Malformed,
            Self::Unnamed => Fault::Unnamed,
            Self::Address(_) => Fault::AddressLiteral,
        }
    }

    /// The alert that answers the client; `None` where it does not speak TLS, so that it gets a reset.
    #[must_use]
    pub fn alert(self) -> Option<Alert> {
        match self {
            Self::NotTls => None,
            Self::Malformed(_) => Some(Alert::DecodeError),
            Self::TooLong => Some(Alert::RecordOverflow),
            Self::Unnamed => Some(Alert::MissingExtension),
            Self::Address(_) | Self::BadName => Some(Alert::IllegalParameter),
        }
    }

    /// The host that the hello named, where it named one.
    #[must_use]
    pub fn host(self) -> Option<Host> {
        match self {
            Self::Address(address) => Some(Host::from(address)),
            Self::NotTls | Self::Malformed(_) | Self::TooLong | Self::Unnamed | Self::BadName => None,
        }
    }
}

impl ClientHello {
    /// Reads the body of a `ClientHello` message, without the four bytes of its handshake header.
    pub(super) fn parse(body: &[u8]) -> Result<Self, HelloError> {
        let mut cursor = Cursor::new(body);
        skip_fixed_fields(&mut cursor)?;
        // A hello without extensions is valid up to TLS 1.2; it names nobody.
        if cursor.is_empty() {
            return Err(HelloError::Unnamed);
        }
        let mut extensions = cursor.vector16().ok_or(HelloError::Malformed("extensions"))?;
        if !cursor.is_empty() {
            return Err(HelloError::Malformed("bytes after the extensions"));
        }
        let server_names = find_server_names(&mut extensions)?.ok_or(HelloError::Unnamed)?;
        parse_host_name(only_host_name(server_names)?).map(|server_name| Self { server_name })
    }
}

fn skip_fixed_fields(cursor: &mut Cursor<'_>) -> Result<(), HelloError> {
    cursor.u16().filter(|version| version >> 8 == 3).ok_or(HelloError::Malformed("version"))?;
    cursor.take(RANDOM_BYTES).ok_or(HelloError::Malformed("random"))?;
    cursor
        .vector8()
        .filter(|id| id.rest().len() <= SESSION_ID_BYTES_MAX)
        .ok_or(HelloError::Malformed("session identifier"))?;
    cursor
        .vector16()
        .filter(|suites| !suites.is_empty() && suites.rest().len().is_multiple_of(2))
        .ok_or(HelloError::Malformed("cipher suites"))?;
    cursor
        .vector8()
        .filter(|methods| !methods.is_empty())
        .ok_or(HelloError::Malformed("compression methods"))?;
    Ok(())
}

/// Walks all extensions: a second `server_name` behind the first would let a server see another name than
/// the box.
fn find_server_names<'a>(extensions: &mut Cursor<'a>) -> Result<Option<Cursor<'a>>, HelloError> {
    let mut found = None;
    while !extensions.is_empty() {
        let kind = extensions.u16().ok_or(HelloError::Malformed("extension type"))?;
        let body = extensions.vector16().ok_or(HelloError::Malformed("extension"))?;
        if kind == SERVER_NAME_EXTENSION && found.replace(body).is_some() {
            return Err(HelloError::Malformed("two server_name extensions"));
        }
    }
    Ok(found)
}

/// The list has one entry in practice, and every other kind of entry is undefined: a longer list is a way to
/// be read differently by two parsers.
fn only_host_name(mut extension: Cursor<'_>) -> Result<&[u8], HelloError> {
    let mut list = extension.vector16().ok_or(HelloError::Malformed("server name list"))?;
    if !extension.is_empty() {
        return Err(HelloError::Malformed("bytes after the server names"));
    }
    list.u8().filter(|&kind| kind == HOST_NAME_KIND).ok_or(HelloError::Malformed("server name kind"))?;
    let name = list.vector16().ok_or(HelloError::Malformed("server name"))?;
    if !list.is_empty() {
        return Err(HelloError::Malformed("several server names"));
    }
    Ok(name.rest())
}

fn parse_host_name(bytes: &[u8]) -> Result<DomainName, HelloError> {
    // RFC 6066 section 3: ASCII, U-labels already turned into A-labels.
    let text = str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).ok_or(HelloError::BadName)?;
    match Host::parse(text) {
        Ok(Host::Name(name)) => Ok(name),
        Ok(Host::Address(address)) => Err(HelloError::Address(address)),
        Err(_) => Err(HelloError::BadName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello body with these extensions, each a type and its content.
    fn body(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; RANDOM_BYTES]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        let listed: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, content)| {
                let length = u16::try_from(content.len()).unwrap();
                [&kind.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
            })
            .collect();
        body.extend(u16::try_from(listed.len()).unwrap().to_be_bytes());
        body.extend(listed);
        body
    }

    fn sni(name: &[u8]) -> Vec<u8> {
        let length = u16::try_from(name.len()).unwrap();
        [&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), name].concat()
    }

    fn parse(body: &[u8]) -> Result<String, HelloError> {
        ClientHello::parse(body).map(|hello| hello.server_name.to_string())
    }

    #[test]
    fn the_server_name_in_one_form() {
        let check = |name: &[u8], expected: Result<&str, HelloError>| {
            assert_eq!(parse(&body(&[(0, sni(name))])), expected.map(str::to_owned), "{name:?}");
        };
        check(b"WWW.Example.org", Ok("www.example.org"));
        check(b"example.org.", Ok("example.org"));
        check(b"xn--cole-9oa.fr", Ok("xn--cole-9oa.fr"));
        check(b"192.0.2.1", Err(HelloError::Address("192.0.2.1".parse().unwrap())));
        check(b"2001:db8::1", Err(HelloError::Address("2001:db8::1".parse().unwrap())));
        check(b"127.1", Err(HelloError::BadName));
        check(b"", Err(HelloError::BadName));
        check(b"exa\0mple.org", Err(HelloError::BadName));
        check(b"a b.org", Err(HelloError::BadName));
        check("école.fr".as_bytes(), Err(HelloError::BadName));
        check(&[0xff, 0xfe], Err(HelloError::BadName));
    }

    #[test]
    fn extensions_around_the_name() {
        let name = || sni(b"example.org");
        let check = |extensions: &[(u16, Vec<u8>)], expected: Result<&str, HelloError>| {
            assert_eq!(parse(&body(extensions)), expected.map(str::to_owned));
        };
        // GREASE (RFC 8701) and GREASE ECH around the name.
        check(&[(0x0a0a, vec![0]), (0xfe0d, vec![9; 200]), (0, name()), (43, vec![])], Ok("example.org"));
        check(&[], Err(HelloError::Unnamed));
        check(&[(0xfe0d, vec![9; 200])], Err(HelloError::Unnamed));
        check(
            &[(0, name()), (0, sni(b"other.org"))],
            Err(HelloError::Malformed("two server_name extensions")),
        );
        check(&[(0, vec![])], Err(HelloError::Malformed("server name list")));
        check(&[(0, vec![0, 0])], Err(HelloError::Malformed("server name kind")));
        check(&[(0, vec![0, 4, 1, 0, 1, b'a'])], Err(HelloError::Malformed("server name kind")));
        let two = [&[0, 8][..], &[0, 0, 1, b'a', 0, 0, 1, b'b']].concat();
        check(&[(0, two)], Err(HelloError::Malformed("several server names")));
        let padded = [name(), vec![0]].concat();
        check(&[(0, padded)], Err(HelloError::Malformed("bytes after the server names")));
    }

    #[test]
    fn a_hello_without_extensions_names_nobody() {
        let whole = body(&[]);
        assert_eq!(parse(&whole[..whole.len() - 2]), Err(HelloError::Unnamed));
    }

    #[test]
    fn any_shortened_hello_is_malformed_or_unnamed() {
        let whole = body(&[(0, sni(b"example.org")), (43, vec![2, 3, 4])]);
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(parse(&longer), Err(HelloError::Malformed("bytes after the extensions")));
    }

    #[test]
    fn broken_fixed_fields() {
        let whole = body(&[(0, sni(b"example.org"))]);
        let check = |at: usize, value: u8, what: &'static str| {
            let mut broken = whole.clone();
            broken[at] = value;
            assert_eq!(parse(&broken), Err(HelloError::Malformed(what)));
        };
        check(0, 2, "version");
        check(34, 33, "session identifier");
        check(36, 3, "cipher suites");
        check(36, 0, "cipher suites");
        check(39, 0, "compression methods");
    }

    #[test]
    fn each_error_has_its_alert_and_its_fault() {
        let check = |error: HelloError, alert: Option<u8>, fault: Fault| {
            assert_eq!((error.alert().map(Alert::code), error.fault()), (alert, fault));
        };
        check(HelloError::NotTls, None, Fault::NotTls);
        check(HelloError::Malformed("x"), Some(50), Fault::Malformed);
        check(HelloError::TooLong, Some(22), Fault::Malformed);
        check(HelloError::Unnamed, Some(109), Fault::Unnamed);
        check(HelloError::Address("192.0.2.1".parse().unwrap()), Some(47), Fault::AddressLiteral);
        check(HelloError::BadName, Some(47), Fault::Malformed);
    }
}
