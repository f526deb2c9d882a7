//! A file from an address, fetched once by the hub for all schools.
//!
//! Invariant: whoever names an address has the hub ask nobody whom only the commune's own network reaches: neither by a name that leads inside, nor by a
//! redirection to one. The address that was looked at is the one that is connected to.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use model::{FileName, LIBRARY_FILE_BYTES_MAX};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::{Incoming, LibraryError, Spool};
use crate::alerts::tls_for;

/// Redirections that are followed: a file has often moved once or twice.
const REDIRECTS_MAX: u32 = 5;
/// Longest silence, and longest time for all of a file.
const SILENCE: Duration = Duration::from_secs(30);
const ALL_OF_IT: Duration = Duration::from_secs(2 * 3_600);
const HEAD_BYTES_MAX: usize = 32 << 10;
const BUFFER_BYTES: usize = 256 << 10;
/// Longest address.
const ADDRESS_BYTES_MAX: usize = 2_000;

/// Whom the hub may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the Internet alone.
    Internet,
    /// Those of the commune's own networks as well: somebody who works on the hub's machine has said so.
    Inside,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address of a file.
    #[error("no address of a file, as https://museum.example/film.mp4: http or https, a name, no password")]
    Address,
    /// It leads to somebody whom the Internet does not reach.
    #[error("{0} leads inside, and not into the Internet: give --inside where the hub may ask there")]
    Inside(String),
    /// Another answer than the file.
    #[error("the server answers {0}, and no file")]
    Status(u16),
    /// The file is packed for the way, or was cut.
    #[error("the file did not come whole, as it is")]
    Cut,
    /// The server cannot be asked.
    #[error("the server cannot be asked")]
    Server(#[source] Box<ureq::Error>),
    /// It cannot be kept.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// Fetches the file at an address; `told` hears how much is here, and how much there is where that is known. Nothing of the hub's goes along: no cookie, no
/// password.
///
/// # Errors
/// [`FetchError`]; nothing is left of it.
pub fn fetch(
    address: &str,
    reach: Reach,
    incoming: &Incoming,
    told: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Spool, FetchError> {
    let uri = read_address(address).ok_or(FetchError::Address)?;
    let answer = agent(reach).get(uri).call().map_err(explain)?;
    if answer.status().as_u16() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    if answer.headers().get(header::CONTENT_ENCODING).is_some_and(|it| it != "identity") {
        return Err(FetchError::Cut);
    }
    let length = answer.headers().get(header::CONTENT_LENGTH);
    let total: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if total.is_some_and(|total| total > LIBRARY_FILE_BYTES_MAX) {
        return Err(LibraryError::TooLong.into());
    }
    let mut spool = incoming.begin()?;
    let limit = LIBRARY_FILE_BYTES_MAX.saturating_add(1);
    let mut body = answer.into_body().into_with_config().limit(limit).reader();
    let (mut buffer, mut bytes) = (vec![0; BUFFER_BYTES], 0_u64);
    loop {
        let read = body.read(&mut buffer).map_err(|error| explain(ureq::Error::Io(error)))?;
        if read == 0 {
            break;
        }
        spool.take(buffer.get(..read).unwrap_or_default())?;
        bytes = bytes.saturating_add(read as u64);
        told(bytes, total);
    }
    if total.is_some_and(|total| total != bytes) { Err(FetchError::Cut) } else { Ok(spool) }
}

/// What a file would be called that is fetched from there.
#[must_use]
pub fn name_of(address: &str) -> Option<FileName> {
    let uri = read_address(address)?;
    uri.path().rsplit('/').next()?.parse().ok()
}

fn read_address(address: &str) -> Option<Uri> {
    let uri: Uri = Some(address.trim()).filter(|it| it.len() <= ADDRESS_BYTES_MAX)?.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_name = |it: &ureq::http::uri::Authority| !it.as_str().contains('@') && !it.host().is_empty();
    (is_web && uri.authority().is_some_and(is_name)).then_some(uri)
}

fn agent(reach: Reach) -> Agent {
    let config = Agent::config_builder()
        .tls_config(tls_for(&[]))
        // Another program would ask whomever it likes.
        .proxy(None)
        .max_redirects(REDIRECTS_MAX)
        .http_status_as_error(false)
        .max_response_header_size(HEAD_BYTES_MAX)
        .user_agent(concat!("preau/", env!("CARGO_PKG_VERSION")))
        // The file as it is.
        .accept_encoding("identity")
        .timeout_resolve(Some(SILENCE))
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_global(Some(ALL_OF_IT))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Guard { reach, inner: DefaultResolver::default() })
}

/// What a failure is called.
fn explain(error: ureq::Error) -> FetchError {
    if let ureq::Error::Io(io) = &error
        && let Some(inside) = io.get_ref().and_then(|source| source.downcast_ref::<LeadsInside>())
    {
        return FetchError::Inside(inside.0.clone());
    }
    FetchError::Server(Box::new(error))
}

/// The name that leads inside.
#[derive(Debug)]
struct LeadsInside(String);

impl fmt::Display for LeadsInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads inside", self.0)
    }
}

impl std::error::Error for LeadsInside {}

/// Looks at where each name leads, of the first address and of each redirection.
struct Guard {
    reach: Reach,
    inner: DefaultResolver,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let is_inside = addresses.iter().any(|address| !is_public(address.ip()));
        if self.reach == Reach::Internet && is_inside {
            let name = uri.host().unwrap_or_default().to_owned();
            let error = io::Error::new(io::ErrorKind::PermissionDenied, LeadsInside(name));
            return Err(ureq::Error::Io(error));
        }
        Ok(addresses)
    }
}

/// Whether an address is one of the Internet's, where servers live. Networks of documents lead nowhere, and laboratories play the Internet with them.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Nothing of RFC 6890's registry of special addresses, of RFC 1918 and of RFC 6598.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = matches!(
        (first, second, third),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0)
            | (192, 168, _)
            | (198, 18 | 19, _)
    );
    !is_special
}

/// Global unicast (RFC 4291), without tunnels that lead to an address of IPv4: Teredo and 6to4. Mapped and translated ones are outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first & 0xe000) == 0x2000 && first != 0x2002 && !(first == 0x2001 && second == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;
    use crate::fixture::read_request;

    /// A server that gives these answers, one after the other; what it was asked.
    fn serve(answers: Vec<Vec<u8>>) -> (u16, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let answer = |answer: Vec<u8>| {
                let (mut stream, _) = listener.accept().unwrap();
                let (head, _) = read_request(&stream);
                stream.write_all(&answer).unwrap();
                head
            };
            answers.into_iter().map(answer).collect()
        });
        (port, thread)
    }

    fn answer(head: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
    }

    fn get(port: u16, path: &str, reach: Reach) -> Result<(Spool, Vec<u64>), FetchError> {
        let folder = tempfile::tempdir().unwrap();
        let (incoming, mut told) = (Incoming::new(folder.path(), |_| None), Vec::new());
        let address = format!("http://127.0.0.1:{port}{path}");
        let spool = fetch(&address, reach, &incoming, &mut |bytes, _| told.push(bytes))?;
        Ok((spool, told))
    }

    #[test]
    fn nobody_inside_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = get(port, "/film.mp4", Reach::Internet).err();
        assert!(matches!(&refused, Some(FetchError::Inside(name)) if name == "127.0.0.1"), "{refused:?}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "it was not even connected to");
        let folder = tempfile::tempdir().unwrap();
        let incoming = Incoming::new(folder.path(), |_| None);
        for host in ["localhost", "[::1]", "0", "2130706433", "[::ffff:10.0.0.1]"] {
            let address = format!("http://{host}:{port}/x");
            let outcome = fetch(&address, Reach::Internet, &incoming, &mut |_, _| {}).err();
            assert!(outcome.is_some(), "{address}");
        }
        assert!(listener.accept().is_err(), "by none of its names");
    }

    #[test]
    fn a_file_comes_whole_and_takes_nothing_along() {
        let moved =
            answer("302 Found\r\nLocation: /new.mp4\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0", b"");
        let (port, server) = serve(vec![moved, answer("200 OK\r\nContent-Length: 9", b"a volcano")]);
        let (spool, told) = get(port, "/film.mp4", Reach::Inside).unwrap();
        assert_eq!((spool.bytes, told.last()), (9, Some(&9)));
        let heads = server.join().unwrap();
        assert!(heads[1].starts_with("GET /new.mp4 "), "{heads:?}");
        assert!(!heads.iter().any(|head| head.to_lowercase().contains("cookie")), "{heads:?}");
    }

    #[test]
    fn what_is_no_file_or_is_cut_is_not_kept() {
        let check = |reply: Vec<u8>, expected: fn(&FetchError) -> bool| {
            let (port, _server) = serve(vec![reply]);
            let error = get(port, "/film.mp4", Reach::Inside).err().unwrap();
            assert!(expected(&error), "{error:?}");
        };
        check(answer("404 Not Found\r\nContent-Length: 0", b""), |it| matches!(it, FetchError::Status(404)));
        let packed = answer("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1", b"x");
        check(packed, |it| matches!(it, FetchError::Cut));
        let cut = answer("200 OK\r\nContent-Length: 10", b"a volcano");
        check(cut, |it| matches!(it, FetchError::Cut | FetchError::Server(_)));
        let long = answer("200 OK\r\nContent-Length: 99999999999", b"x");
        check(long, |it| matches!(it, FetchError::Library(LibraryError::TooLong)));
    }

    #[test]
    fn an_address_is_one_of_the_web() {
        for right in ["https://museum.example/a.mp4", " http://museum.example:8080/a "] {
            assert!(read_address(right).is_some(), "{right}");
        }
        let wrong = ["", "file:///etc/passwd", "ftp://a/b", "museum.example/a", "https://me:pin@a.example/"];
        for wrong in wrong {
            assert!(read_address(wrong).is_none(), "{wrong}");
        }
        let name = |address: &str| name_of(address).map(|name| name.to_string());
        assert_eq!(name("https://a.example/x/volcan.mp4?token=1").as_deref(), Some("volcan.mp4"));
        assert_eq!((name("https://a.example/"), name("https://a.example/%2e%2e")), (None, None));
    }

    #[test]
    fn the_internet_is_what_everybody_reaches() {
        for public in ["9.9.9.9", "198.51.100.7", "172.32.0.1", "100.128.0.1", "2620:fe::fe", "2001:db8::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let v4 = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.8 192.168.1.1 \
                  198.18.0.1 224.0.0.1 255.255.255.255";
        let v6 = ":: ::1 ::ffff:9.9.9.9 64:ff9b::a00:1 fc00::1 fe80::1 ff02::1 2002:a00:1::1 2001:0:1::1";
        for inside in v4.split_whitespace().chain(v6.split_whitespace()) {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }
}
