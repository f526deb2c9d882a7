//! What the box asks, and what the hub answers.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use replication::limits::{LIST_BYTES_MAX, MESSAGE_BYTES_MAX, WAIT_MS};
use replication::{Refusal, read_json};
use rustls::crypto::ring::default_provider;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::error::SyncError;
use crate::identity::Identity;
use crate::url::HubUrl;

/// Longest silence: a line that is slow still says something.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a hub may let a box wait for what is new.
const WAIT: Duration = Duration::from_millis(WAIT_MS);
/// Longest time for a whole answer: the longest is a megabyte.
const ANSWER: Duration = Duration::from_secs(120);
/// Longest time for a message to whoever has proven nothing, from the name on: somebody waits before the box, and whoever answers drop by drop
/// keeps the next try waiting.
const UNPROVEN: Duration = Duration::from_secs(30);
/// Most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
const RANGE: &str = "range";
const CONTENT_RANGE: &str = "content-range";
const OFFSET: &str = "upload-offset";
const COMPLETE: &str = "upload-complete";
const LENGTH: &str = "upload-length";

/// A client of one hub.
pub(crate) struct Client {
    agent: Agent,
    url: HubUrl,
}

/// A file on its way: where it goes, and what is said of it beside its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) path: String,
    pub(crate) about: Vec<(&'static str, String)>,
}

/// How much of a file is at the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) bytes: u64,
    pub(crate) is_whole: bool,
}

impl Client {
    /// Believes who shows a certificate of this authority, and shows none.
    pub(crate) fn new(url: &HubUrl, authority: &[u8]) -> Self {
        Self::build(url, authority, None, SILENCE)
    }

    /// Shows the box's own certificate.
    pub(crate) fn of_box(identity: &Identity) -> Result<Self, SyncError> {
        Ok(Self::build(&identity.url, &identity.authority, Some(shown_by(identity)?), SILENCE))
    }

    /// The same, for a box that waits until the hub has something to say.
    pub(crate) fn of_waiting_box(identity: &Identity) -> Result<Self, SyncError> {
        Ok(Self::build(&identity.url, &identity.authority, Some(shown_by(identity)?), SILENCE + WAIT))
    }

    fn build(url: &HubUrl, authority: &[u8], shown: Option<ClientCert>, silence: Duration) -> Self {
        let is_proven = shown.is_some();
        let roots: RootCerts = [Certificate::from_der(authority).to_owned()].into_iter().into();
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .client_cert(shown)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .https_only(true)
            // A hub leads nowhere else.
            .max_redirects(0)
            .http_status_as_error(false)
            .max_response_header_size(HEAD_BYTES_MAX)
            .user_agent(concat!("preau/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_global((!is_proven).then_some(UNPROVEN))
            .timeout_resolve(Some(SILENCE))
            .timeout_connect(Some(SILENCE))
            .timeout_send_request(Some(SILENCE))
            .timeout_send_body(Some(ANSWER))
            .timeout_recv_response(Some(silence))
            .timeout_recv_body(Some(ANSWER))
            .build()
            .into();
        Self { agent, url: url.clone() }
    }

    pub(crate) fn url(&self) -> String {
        self.url.to_string()
    }

    /// Sends a message, and reads the answer.
    pub(crate) fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<A, SyncError> {
        let body = serde_json::to_string(message).map_err(|_| self.no_hub())?;
        let request = self.agent.post(self.url.join(path)).content_type("application/json");
        self.read(request.send(body), MESSAGE_BYTES_MAX)
    }

    /// Asks for something.
    pub(crate) fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, SyncError> {
        self.read(self.agent.get(self.url.join(path)).call(), LIST_BYTES_MAX)
    }

    /// The same of something that an older hub does not know: `None` then.
    pub(crate) fn find<A: DeserializeOwned>(&self, path: &str) -> Result<Option<A>, SyncError> {
        let answer = self.agent.get(self.url.join(path)).call();
        if answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        self.read(answer, LIST_BYTES_MAX).map(Some)
    }

    /// Fetches bytes, so many at most.
    pub(crate) fn fetch(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SyncError> {
        let answer = self.agent.get(self.url.join(path)).call();
        let mut answer = answer.map_err(|error| SyncError::from_client(error, &self.url()))?;
        let body = answer.body_mut().with_config().limit(bytes_max).read_to_vec();
        let body = body.map_err(|error| SyncError::from_client(error, &self.url()))?;
        if answer.status() == StatusCode::OK {
            return Ok(body);
        }
        Err(read_json::<Refusal>(&body).map_or_else(|| self.no_hub(), SyncError::Refused))
    }

    /// Fetches a piece of a file of `total` bytes, from one on: so many bytes, or what comes of them.
    pub(crate) fn piece(
        &self,
        path: &str,
        (from, total): (u64, u64),
        length: u64,
    ) -> Result<Vec<u8>, SyncError> {
        let range = format!("bytes={from}-{}", from.saturating_add(length).saturating_sub(1));
        let answer = self.agent.get(self.url.join(path)).header(RANGE, range).call();
        let mut answer = answer.map_err(|error| SyncError::from_client(error, &self.url()))?;
        let is_piece = answer.status() == StatusCode::PARTIAL_CONTENT
            && find_text(answer.headers(), CONTENT_RANGE).is_some_and(|it| is_range(it, from, total));
        if is_piece {
            let bytes = read_what_comes(answer.body_mut().with_config().limit(length).reader());
            let bytes = bytes.map_err(|error| SyncError::from_client(error.into(), &self.url()))?;
            return if bytes.is_empty() { Err(self.no_hub()) } else { Ok(bytes) };
        }
        let body = answer.body_mut().with_config().limit(MESSAGE_BYTES_MAX as u64).read_to_vec();
        let refusal = body.ok().and_then(|body| read_json::<Refusal>(&body));
        Err(refusal.map_or_else(|| self.no_hub(), SyncError::Refused))
    }

    /// How much of a file is there.
    pub(crate) fn arrived(&self, parcel: &Parcel) -> Result<Arrived, SyncError> {
        let answer = self.agent.head(self.url.join(&parcel.path)).call();
        self.read_arrived(answer)
    }

    /// Sends the bytes of a file that follow on the first `offset` ones.
    pub(crate) fn append(
        &self,
        parcel: &Parcel,
        (offset, total): (u64, u64),
        bytes: &[u8],
    ) -> Result<Arrived, SyncError> {
        let request = self.agent.patch(self.url.join(&parcel.path));
        let request = parcel.about.iter().fold(request, |request, (name, value)| request.query(name, value));
        let request = request.header(OFFSET, offset.to_string()).header(LENGTH, total.to_string());
        self.read_arrived(request.content_type("application/octet-stream").send(bytes))
    }

    fn read<A: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
        bytes_max: usize,
    ) -> Result<A, SyncError> {
        let mut answer = answer.map_err(|error| SyncError::from_client(error, &self.url()))?;
        let body = answer.body_mut().with_config().limit(bytes_max as u64).read_to_vec();
        let body = body.map_err(|error| SyncError::from_client(error, &self.url()))?;
        if answer.status() == StatusCode::OK {
            return read_json_owned(&body).ok_or_else(|| self.no_hub());
        }
        Err(read_json::<Refusal>(&body).map_or_else(|| self.no_hub(), SyncError::Refused))
    }

    fn read_arrived(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Arrived, SyncError> {
        let mut answer = answer.map_err(|error| SyncError::from_client(error, &self.url()))?;
        if answer.status() == StatusCode::NO_CONTENT {
            let field = |name: &str| find_text(answer.headers(), name);
            let bytes = field(OFFSET).and_then(|bytes| bytes.parse().ok()).ok_or_else(|| self.no_hub())?;
            return Ok(Arrived { bytes, is_whole: field(COMPLETE) == Some("?1") });
        }
        let body = answer.body_mut().with_config().limit(MESSAGE_BYTES_MAX as u64).read_to_vec();
        let refusal = body.ok().and_then(|body| read_json::<Refusal>(&body));
        Err(match (refusal, answer.status()) {
            (Some(refusal), _) => SyncError::Refused(refusal),
            // An answer to `HEAD` has no body: the status alone says it.
            (None, StatusCode::FORBIDDEN) => SyncError::Refused(Refusal::RevokedBox),
            (None, StatusCode::UNAUTHORIZED) => SyncError::Refused(Refusal::UnknownBox),
            (None, StatusCode::SERVICE_UNAVAILABLE) => SyncError::Refused(Refusal::Broken),
            (None, StatusCode::TOO_MANY_REQUESTS) => SyncError::Refused(Refusal::TooOften),
            (None, _) => self.no_hub(),
        })
    }

    fn no_hub(&self) -> SyncError {
        SyncError::NoHub(self.url())
    }
}

/// The certificate and the key that a box shows.
fn shown_by(identity: &Identity) -> Result<ClientCert, SyncError> {
    let certificate = Certificate::from_der(&identity.enrolled.certificate.0).to_owned();
    let key = PrivateKey::from_pem(Zeroizing::new(identity.key.write()).as_bytes());
    let key = key.map_err(|_| SyncError::Damaged("the box's key".to_owned()))?;
    Ok(ClientCert::new_with_certs(&[certificate], key))
}

fn read_json_owned<A: DeserializeOwned>(body: &[u8]) -> Option<A> {
    serde_json::from_slice(body).ok()
}

/// All bytes, or those that came before the line was cut: they count, or a line that is cut more often than once a piece would never bring one.
fn read_what_comes(mut body: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match body.read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(bytes),
    }
}

fn find_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether an answer has the bytes of a file of `total` bytes from this one on (RFC 9110 section 14.4).
fn is_range(field: &str, from: u64, total: u64) -> bool {
    let rest = field.strip_prefix("bytes ").and_then(|rest| rest.strip_prefix(&format!("{from}-")));
    rest.and_then(|rest| rest.split_once('/')).is_some_and(|(_, all)| all.parse() == Ok(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_proven_nothing_does_not_keep_a_box_busy_for_long() {
        let client = Client::new(&"https://hub.example".parse().unwrap(), b"none");
        assert_eq!(client.agent.config().timeouts().global, Some(UNPROVEN));
    }

    #[test]
    fn what_came_of_a_piece_before_a_cut_counts() {
        struct Cut;
        impl Read for Cut {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        assert_eq!(read_what_comes(&b"abc"[..]).unwrap(), b"abc");
        assert_eq!(read_what_comes(b"ab".chain(Cut)).unwrap(), b"ab");
        assert_eq!(read_what_comes(Cut).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_piece_is_of_the_byte_that_was_asked_for() {
        assert!(is_range("bytes 5-9/10", 5, 10) && is_range("bytes 0-0/1", 0, 1));
        for wrong in
            ["bytes 50-59/10", "bytes 4-9/10", "bytes 5-9/11", "bytes 5-9/*", "bytes */10", "5-9/10", ""]
        {
            assert!(!is_range(wrong, 5, 10), "{wrong}");
        }
    }
}
