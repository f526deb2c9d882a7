//! A mirror of the lists: files on an HTTP(S) server, fetched whole however often the line drops.
//!
//! What has arrived stays on the disk, and the rest is asked for with `Range` and `If-Range` (RFC 9110 section
//! 13.1.5): a file that changed meanwhile begins anew. What is here already is asked for with its validators, so
//! that nothing is sent twice.
//!
//! Invariant: nothing that a server sends takes unbounded time, memory or room on the disk; a mirror that was
//! named with https is never left for http.

mod difference;
#[cfg(test)]
pub(crate) mod server;
mod shelf;
#[cfg(test)]
mod tests;
mod url;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use blocklist::{Checksums, UNPACKED_BYTES_MAX};
use rustls::pki_types::CertificateDer;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, ResponseExt};

use crate::clock::monotonic;
pub(crate) use difference::{SHEET_EXTENSION, map, unpack};
pub(crate) use shelf::Shelf;
use shelf::{Begun, Origin};
pub use url::{MirrorUrl, MirrorUrlError};

/// The list of checksums that UT1 publishes beside its archives.
pub(crate) const CHECKSUMS_NAME: &str = "MD5SUM.LST";
/// Most bytes of it: two hundred times UT1's.
const CHECKSUMS_BYTES_MAX: u64 = 1 << 20;
/// The first bytes of gzip (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Redirects that are followed: from the old name to the new one, and to TLS, and to the nearest server.
const REDIRECTS_MAX: u32 = 5;
/// Most bytes of a response's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long and how much a mirror may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most bytes of a file.
    pub(crate) file_bytes_max: u64,
    /// Most bytes of an archive, unpacked.
    pub(crate) unpacked_bytes_max: u64,
    /// Longest wait for a connection, for the head of an answer, and for any next byte.
    pub(crate) silence: Duration,
    /// In each such span ...
    pub(crate) pace: Duration,
    /// ... so many bytes have to come.
    pub(crate) pace_bytes: u64,
    /// Longest time for one answer, from its first byte to its last.
    pub(crate) answer: Duration,
    /// How often a transfer is begun or gone on with in one go. Each but the first follows one that brought bytes.
    pub(crate) tries: u32,
    /// The pause before going on.
    pub(crate) pause: Duration,
}

impl Limits {
    /// For a school: UT1's whole archive has 40 MB, and the poorest line brings 10 kB/s.
    pub(crate) const USUAL: Self = Self {
        file_bytes_max: 256 << 20,
        unpacked_bytes_max: UNPACKED_BYTES_MAX,
        silence: Duration::from_secs(30),
        pace: Duration::from_secs(60),
        pace_bytes: 64 * 1024,
        answer: Duration::from_secs(3_600),
        tries: 20,
        pause: Duration::from_secs(1),
    };
}

/// A client of one mirror.
pub(crate) struct Mirror {
    agent: Agent,
    url: MirrorUrl,
    limits: Limits,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// There is another one on the shelf, whole and verified.
    New,
    /// The one on the shelf is the mirror's still.
    Unchanged,
}

/// Something that happens while a file is fetched.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// More of the file is here.
    Received {
        /// The file.
        name: &'a str,
        /// Bytes on the disk.
        bytes: u64,
        /// Bytes of the whole file, where the mirror said so.
        total: Option<u64>,
    },
    /// The transfer was cut and goes on.
    Resumed {
        /// The file.
        name: &'a str,
        /// Bytes on the disk.
        bytes: u64,
    },
    /// The mirror has no checksum for it: only the archive's own were checked.
    Unlisted {
        /// The file.
        name: &'a str,
    },
}

impl Mirror {
    /// A client of the mirror at `url`. With `authorities`, certificates count that one of them signed, and no
    /// others; without, those of the public authorities.
    pub(crate) fn new(url: MirrorUrl, authorities: &[CertificateDer<'static>], limits: Limits) -> Self {
        let roots = match authorities {
            [] => RootCerts::WebPki,
            own => own.iter().map(|own| Certificate::from_der(own).to_owned()).into(),
        };
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(ring).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // The school's traffic is filtered by this very box: it asks for itself, through nobody.
            .proxy(None)
            .https_only(url.is_tls())
            .max_redirects(REDIRECTS_MAX)
            .save_redirect_history(true)
            .http_status_as_error(false)
            .max_response_header_size(HEAD_BYTES_MAX)
            .user_agent(concat!("preau/", env!("CARGO_PKG_VERSION")))
            // Bytes as they are in the file: ranges and checksums count those.
            .accept_encoding("identity")
            .timeout_resolve(Some(limits.silence))
            .timeout_connect(Some(limits.silence))
            .timeout_recv_response(Some(limits.silence))
            .timeout_per_read(Some(limits.silence))
            .timeout_recv_body(Some(limits.answer))
            .build()
            .into();
        Self { agent, url, limits }
    }

    /// Brings the file on the shelf to the mirror's state, verified by the mirror's checksum: by the difference to it, where the
    /// mirror has one, else whole.
    ///
    /// # Errors
    /// [`FetchError`]; what was on the shelf is there still, and what has arrived is gone on with the next time,
    /// unless it is known to be wrong.
    pub(crate) fn fetch(
        &self,
        shelf: &Shelf,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Fetched, FetchError> {
        let url = self.url.file(shelf.name());
        let kept = shelf.kept(&url);
        if let Some(kept) = kept.as_ref().filter(|_| shelf.begun(&url).is_none())
            && let Some(fetched) = self.follow(shelf, kept, report)?
        {
            return Ok(fetched);
        }
        let Some(begun) = self.bring(&url, shelf, kept.as_ref(), report)? else {
            return Ok(Fetched::Unchanged);
        };
        match self.verify(shelf, report) {
            Ok(sum) => shelf.keep(begun, sum).map(|()| Fetched::New).map_err(|source| disk(shelf, source)),
            Err(error) => {
                if error.condemns() {
                    shelf.abandon();
                } else if let Err(error) = shelf.mark_whole(&begun) {
                    tracing::warn!(%error, "{} will be fetched anew", shelf.name());
                }
                Err(error)
            }
        }
    }

    /// Asks for the file until all of it has arrived. `None`: the one that is kept is the mirror's still.
    fn bring(
        &self,
        url: &str,
        shelf: &Shelf,
        kept: Option<&Origin>,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Option<Begun>, FetchError> {
        let mut tries = 1;
        loop {
            let before = shelf.begun(url).map_or(0, |begun| begun.bytes);
            let error = match self.transfer(url, shelf, kept, report) {
                Ok(begun) => return Ok(begun),
                Err(error) => error,
            };
            let bytes = shelf.begun(url).map_or(0, |begun| begun.bytes);
            if !error.is_passing() || bytes <= before || tries >= self.limits.tries {
                return Err(error);
            }
            tries += 1;
            report(Step::Resumed { name: shelf.name(), bytes });
            std::thread::sleep(self.limits.pause);
        }
    }

    /// Asks once for the file, or for the rest of it, and takes what comes. `None`: the one that is kept is the
    /// mirror's still.
    fn transfer(
        &self,
        url: &str,
        shelf: &Shelf,
        kept: Option<&Origin>,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Option<Begun>, FetchError> {
        let begun = shelf.begun(url);
        if let Some(whole) = begun.as_ref().filter(|begun| begun.is_whole()) {
            return Ok(Some(whole.clone()));
        }
        let response = self.ask(url, begun.as_ref(), kept)?;
        let (mut begun, mut file) = match response.status() {
            StatusCode::NOT_MODIFIED if kept.is_some() && begun.is_none() => return Ok(None),
            StatusCode::OK => {
                let begun = Begun { origin: Origin::of(url, response.headers()), bytes: 0 };
                self.check_size(begun.origin.length.unwrap_or(0))?;
                let file = shelf.begin(&begun.origin).map_err(|source| disk(shelf, source))?;
                (begun, file)
            }
            StatusCode::PARTIAL_CONTENT => {
                match begun.filter(|begun| begun.is_continued_by(response.headers())) {
                    Some(begun) => {
                        let file = shelf.go_on().map_err(|source| disk(shelf, source))?;
                        (begun, file)
                    }
                    None => {
                        shelf.abandon();
                        return Err(FetchError::WrongPart);
                    }
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                shelf.abandon();
                return Err(FetchError::WrongPart);
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(FetchError::Absent { name: shelf.name().to_owned() });
            }
            other => return Err(FetchError::Status(other.as_u16())),
        };
        let received = self.receive(response.into_body(), &mut file, &mut begun, |begun| {
            let Begun { origin, bytes } = begun;
            report(Step::Received { name: shelf.name(), bytes: *bytes, total: origin.length });
        });
        if let Err(ReceiveError::Disk(source)) = received {
            // A full disk is not to be kept full.
            shelf.abandon();
            return Err(disk(shelf, source));
        }
        if let Err(ReceiveError::Fetch(error)) = received {
            if matches!(error, FetchError::TooLarge(_)) {
                shelf.abandon();
            }
            return Err(error);
        }
        Ok(Some(begun))
    }

    fn ask(
        &self,
        url: &str,
        begun: Option<&Begun>,
        kept: Option<&Origin>,
    ) -> Result<Response<Body>, FetchError> {
        let mut request = self.agent.get(url);
        if let Some((begun, validator)) =
            begun.and_then(|begun| Some((begun, begun.origin.if_range.as_ref()?)))
        {
            request = request.header(header::RANGE, format!("bytes={}-", begun.bytes));
            request = request.header(header::IF_RANGE, validator);
        } else if let Some(kept) = kept {
            for (name, value) in
                [(header::IF_NONE_MATCH, &kept.etag), (header::IF_MODIFIED_SINCE, &kept.last_modified)]
            {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
        }
        let response = request.call().map_err(FetchError::from_client)?;
        refuse_downgrade(&response)?;
        Ok(response)
    }

    fn check_size(&self, bytes: u64) -> Result<(), FetchError> {
        if bytes > self.limits.file_bytes_max {
            return Err(FetchError::TooLarge(self.limits.file_bytes_max));
        }
        Ok(())
    }

    /// Writes what comes to the end of the file, until the answer is over.
    fn receive(
        &self,
        body: Body,
        file: &mut std::fs::File,
        begun: &mut Begun,
        mut report: impl FnMut(&Begun),
    ) -> Result<(), ReceiveError> {
        let mut reader = body.into_reader();
        let mut pace = Pace { limits: self.limits, since: monotonic(), bytes: 0 };
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = reader.read(&mut buffer).map_err(FetchError::Cut)?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
            begun.bytes += count as u64;
            self.check_size(begun.bytes)?;
            file.write_all(chunk).map_err(ReceiveError::Disk)?;
            pace.check(count as u64, monotonic())?;
            report(begun);
        }
        file.sync_all().map_err(ReceiveError::Disk)?;
        if begun.origin.length.is_some_and(|length| length != begun.bytes) {
            return Err(FetchError::Cut(io::ErrorKind::UnexpectedEof.into()).into());
        }
        Ok(())
    }

    /// The checksum of what has arrived, if it is an archive, and the one that the mirror publishes.
    fn verify(&self, shelf: &Shelf, report: &mut dyn FnMut(Step<'_>)) -> Result<[u8; 16], FetchError> {
        let (first, sum) = shelf.examine().map_err(|source| disk(shelf, source))?;
        if !first.starts_with(&GZIP_MAGIC) {
            return Err(FetchError::NoArchive { name: shelf.name().to_owned() });
        }
        match self.checksums()?.and_then(|sums| sums.of(shelf.name())) {
            Some(published) if published != sum => {
                Err(FetchError::Checksum { name: shelf.name().to_owned() })
            }
            Some(_) => Ok(sum),
            None => {
                report(Step::Unlisted { name: shelf.name() });
                Ok(sum)
            }
        }
    }

    /// The mirror's checksums at the moment; `None` where it publishes none.
    fn checksums(&self) -> Result<Option<Checksums>, FetchError> {
        let Some(text) = self.read(CHECKSUMS_NAME, CHECKSUMS_BYTES_MAX)? else { return Ok(None) };
        let sums = Checksums::parse(&String::from_utf8_lossy(&text));
        if sums.is_empty() { Err(FetchError::NoChecksums) } else { Ok(Some(sums)) }
    }

    /// The first bytes of a small file of the mirror; `None` where there is none.
    fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, FetchError> {
        let response = self.ask(&self.url.file(name), None, None)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            other => return Err(FetchError::Status(other.as_u16())),
        }
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_reader().take(bytes_max);
        body.read_to_end(&mut bytes).map_err(FetchError::Cut)?;
        Ok(Some(bytes))
    }
}

/// A mirror that is named with http may lead to https, and not back again.
fn refuse_downgrade(response: &Response<Body>) -> Result<(), FetchError> {
    let history = response.get_redirect_history().unwrap_or_default();
    if falls_from_tls(history) { Err(FetchError::Downgrade) } else { Ok(()) }
}

fn falls_from_tls(history: &[Uri]) -> bool {
    let is_tls = |uri: &Uri| uri.scheme_str() == Some("https");
    history.windows(2).any(|pair| matches!(pair, [from, to] if is_tls(from) && !is_tls(to)))
}

/// Notices a server that keeps a connection alive with a byte now and then.
struct Pace {
    limits: Limits,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn check(&mut self, count: u64, now: Instant) -> Result<(), FetchError> {
        self.bytes += count;
        if now.saturating_duration_since(self.since) >= self.limits.pace {
            if self.bytes < self.limits.pace_bytes {
                return Err(FetchError::Slow);
            }
            (self.since, self.bytes) = (now, 0);
        }
        Ok(())
    }
}

fn disk(shelf: &Shelf, source: io::Error) -> FetchError {
    FetchError::Disk { path: shelf.file(), source }
}

enum ReceiveError {
    Fetch(FetchError),
    Disk(io::Error),
}

impl From<FetchError> for ReceiveError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// Why a file of the mirror is not here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The mirror cannot be reached, does not answer in time, or its certificate is not to be trusted.
    #[error("the mirror does not answer")]
    Unreachable(#[source] Box<ureq::Error>),
    /// The transfer ended before the file did.
    #[error("the transfer was cut")]
    Cut(#[source] io::Error),
    /// Hardly anything comes.
    #[error("the mirror is too slow")]
    Slow,
    /// An answer that is no file.
    #[error("the mirror answers with status {0}")]
    Status(u16),
    /// There is no such file.
    #[error("the mirror has no {name}")]
    Absent {
        /// The file.
        name: String,
    },
    /// A redirect away from TLS.
    #[error("the mirror leads from https to http")]
    Downgrade,
    /// Redirects without end, or to nowhere.
    #[error("the mirror's redirects lead nowhere")]
    Redirects,
    /// Another part than the one that was missing.
    #[error("the mirror sends another part than was asked for")]
    WrongPart,
    /// More than a list ever has.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Something else, most likely a page that explains an error to people.
    #[error("what the mirror sends as {name} is no archive")]
    NoArchive {
        /// The file.
        name: String,
    },
    /// The list of checksums is something else.
    #[error("what the mirror sends as {CHECKSUMS_NAME} is no list of checksums")]
    NoChecksums,
    /// The file is not the one that the mirror describes.
    #[error("{name} does not have the checksum that the mirror publishes")]
    Checksum {
        /// The file.
        name: String,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FetchError {
    /// Of the errors of the client, those that tell people what to do have a name of their own.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others all mean that nothing came")]
    fn from_client(error: ureq::Error) -> Self {
        match error {
            ureq::Error::RequireHttpsOnly(_) => Self::Downgrade,
            ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Self::Redirects,
            other => Self::Unreachable(Box::new(other)),
        }
    }

    /// Whether what has arrived is of no use. Checksums that do not come say nothing against a whole archive; one
    /// that the disk does not give back would fail for ever.
    fn condemns(&self) -> bool {
        matches!(self, Self::Checksum { .. } | Self::NoArchive { .. } | Self::Disk { .. })
    }

    /// Whether going on at once may help.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Cut(_) | Self::Slow | Self::Unreachable(_))
    }
}
