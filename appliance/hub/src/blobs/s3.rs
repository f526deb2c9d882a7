//! Files in an object store that speaks S3: any number of hubs on one.
//!
//! A file that is whole is the object `BOX/NAME`. What has arrived of one lies in pieces, `parts/BOX/NAME/OFFSET`: the last one grows, rewritten whole,
//! until it is large enough, and the next one begins. Once all of it is there the pieces are joined under their name, and go. An object is there
//! whole or not at all; two hubs that get the same bytes write the same pieces.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use archive::Hasher;
use model::Timestamp;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rusty_s3::actions::{CompleteMultipartUpload, CreateMultipartUpload, ListObjectsV2, S3Action as _};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::{AppendError, Arrived, Blobs, Lying, Place};
use crate::register::BoxId;

/// How long a signed address is good: a request is made at once.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// Longest silence of the store.
const SILENCE: Duration = Duration::from_secs(20);
/// Longest time of one request: eight megabytes at 140 kilobytes a second. What may be longer goes in several.
const REQUEST: Duration = Duration::from_secs(60);
/// What is read of a whole object at a time.
const RANGE_BYTES: u64 = 8 << 20;
/// The last piece grows until it has so many bytes: a box that sends little at a time fills no list.
const PIECE_BYTES: u64 = 1 << 20;
/// What is joined goes in parts of this size: five megabytes are the least that stores take, but of the last.
const PART_BYTES: usize = 8 << 20;
/// Files of one box that are under way, as in a folder.
const PARTS_MAX: usize = 16;
/// Most pages of a list: of a file of 256 MB there are 300 pieces, of a box under way 16 files.
const PAGES_MAX: u32 = 16;
/// Most bytes of a page, which has a thousand names.
const PAGE_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of a piece that is read: the least that it has, and what came last.
const PIECE_BYTES_MAX: u64 = 4 << 20;

/// Where an object store is, and who asks.
pub struct S3Blobs {
    bucket: Bucket,
    credentials: Credentials,
    /// Before each name: one bucket may have several hubs' files.
    prefix: String,
    agent: Agent,
}

/// What tells one store from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// Its address, as `https://s3.commune.example`.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What names begin with; may be empty.
    pub prefix: String,
    /// The region, which is part of each signature.
    pub region: String,
}

/// An object of a list.
struct Object {
    key: String,
    bytes: u64,
    changed: Timestamp,
}

/// A piece of a file under way.
struct Piece {
    key: String,
    offset: u64,
    bytes: u64,
}

impl S3Blobs {
    /// The files in a bucket. Touches nothing yet. The store's certificate is believed by `roots`; without them, by the public authorities.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(
        place: &S3Place,
        key: &str,
        secret: &str,
        roots: Option<Vec<CertificateDer<'static>>>,
    ) -> io::Result<Self> {
        let wrong =
            |_| io::Error::new(io::ErrorKind::InvalidInput, "the address of the object store is none");
        let endpoint = place.endpoint.parse().map_err(|_| wrong(()))?;
        let (name, region) = (place.bucket.clone(), place.region.clone());
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, region).map_err(|_| wrong(()))?;
        let roots = roots.map_or(RootCerts::WebPki, |roots| {
            RootCerts::Specific(Arc::new(
                roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect(),
            ))
        });
        let provider = Arc::new(default_provider());
        let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("preau/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_global(Some(REQUEST))
            .build()
            .into();
        let prefix = match place.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self { bucket, credentials: Credentials::new(key, secret), prefix, agent })
    }

    fn whole(&self, place: Place) -> String {
        format!("{}{}/{}", self.prefix, place.of.0, place.name())
    }

    fn parts_of_box(&self, of: BoxId) -> String {
        format!("{}parts/{}/", self.prefix, of.0)
    }

    fn parts(&self, place: Place) -> String {
        format!("{}{}/", self.parts_of_box(place.of), place.name())
    }

    /// How long an object is; `None` where there is none.
    fn length(&self, key: &str) -> io::Result<Option<u64>> {
        let url = self.bucket.head_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer = self.agent.head(url.as_str()).call().map_err(failed)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let length = answer.headers().get("content-length").and_then(|length| length.to_str().ok());
                let length = length.and_then(|length| length.parse().ok());
                length.map(Some).ok_or_else(|| io::Error::other("the object store says no length"))
            }
            status => Err(refused("HEAD", status)),
        }
    }

    /// The bytes of an object, so many at most; `None` where there is none.
    fn get(&self, key: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let url = self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer = self.agent.get(url.as_str()).call().map_err(failed)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => read(answer, bytes_max).map(Some),
            status => Err(refused("GET", status)),
        }
    }

    /// The same of one that may be long, range by range.
    fn get_long(&self, key: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.length(key)? else { return Ok(None) };
        if length > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        let mut end = 0;
        while end < length {
            let range = end..length.min(end + RANGE_BYTES);
            end = range.end;
            // Where it is gone meanwhile, there is none.
            let Some(part) = self.get_range(key, range)? else { return Ok(None) };
            bytes.extend_from_slice(&part);
        }
        Ok(Some(bytes))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        let url = self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let wanted = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let answer = self.agent.get(url.as_str()).header("range", wanted).call().map_err(failed)?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        // A store may give all of an object that is no longer than the range.
        if status != StatusCode::PARTIAL_CONTENT && status != StatusCode::OK {
            return Err(refused("GET", status));
        }
        let length = range.end.saturating_sub(range.start);
        let bytes = read(answer, length)?;
        if bytes.len() as u64 == length {
            return Ok(Some(bytes));
        }
        Err(io::Error::other("the object store gives another range than it was asked for"))
    }

    fn put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let url = self.bucket.put_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer = self.agent.put(url.as_str()).send(bytes).map_err(failed)?;
        if answer.status().is_success() { Ok(()) } else { Err(refused("PUT", answer.status())) }
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        let url = self.bucket.delete_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        self.delete_at(url.as_str())
    }

    /// Has what is at a signed address be gone.
    fn delete_at(&self, url: &str) -> io::Result<()> {
        let answer = self.agent.delete(url).call().map_err(failed)?;
        let is_gone = answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND;
        if is_gone { Ok(()) } else { Err(refused("DELETE", answer.status())) }
    }

    /// The objects whose names begin so, each with its length.
    fn list(&self, prefix: &str) -> io::Result<Vec<Object>> {
        let (mut found, mut more) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
            action.with_prefix(prefix);
            if let Some(token) = &more {
                action.with_continuation_token(token.as_str());
            }
            let answer = self.agent.get(action.sign(SIGNED_FOR).as_str()).call().map_err(failed)?;
            if answer.status() != StatusCode::OK {
                return Err(refused("LIST", answer.status()));
            }
            let text = String::from_utf8_lossy(&read(answer, PAGE_BYTES_MAX)?).into_owned();
            let page = ListObjectsV2::parse_response(&text).map_err(io::Error::other)?;
            found.extend(page.contents.into_iter().map(|it| Object {
                key: it.key,
                bytes: it.size.unwrap_or(0),
                changed: read_time(it.last_modified.as_deref()),
            }));
            more = page.next_continuation_token;
            if more.is_none() {
                return Ok(found);
            }
        }
        Err(io::Error::other("the object store has more pieces than there can be"))
    }

    /// The pieces that follow on each other from the first byte on.
    fn pieces(&self, place: Place) -> io::Result<Vec<Piece>> {
        let prefix = self.parts(place);
        let mut pieces: Vec<Piece> = self
            .list(&prefix)?
            .into_iter()
            .filter_map(|Object { key, bytes, .. }| {
                let offset = key.strip_prefix(&prefix)?.parse().ok()?;
                Some(Piece { key, offset, bytes })
            })
            .collect();
        pieces.sort_by_key(|piece| piece.offset);
        let mut end = 0;
        pieces.retain(|piece| {
            let is_next = piece.offset == end;
            end += if is_next { piece.bytes } else { 0 };
            is_next
        });
        Ok(pieces)
    }

    /// Puts bytes behind what is there: into the last piece, as long as that is small.
    fn add(&self, place: Place, pieces: &mut Vec<Piece>, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let small = pieces.pop_if(|last| last.bytes < PIECE_BYTES);
        let (key, from, mut joined) = match small {
            Some(last) => {
                let before = self.get(&last.key, PIECE_BYTES_MAX)?.unwrap_or_default();
                if before.len() as u64 != last.bytes {
                    return Err(io::Error::other("a piece in the object store has changed meanwhile"));
                }
                (last.key, last.offset, before)
            }
            None => (format!("{}{offset:020}", self.parts(place)), offset, Vec::new()),
        };
        joined.extend_from_slice(bytes);
        self.put(&key, &joined)?;
        pieces.push(Piece { key, offset: from, bytes: joined.len() as u64 });
        Ok(())
    }

    /// Joins the pieces under the name of the file, where they are what it should be.
    fn join(&self, place: Place, pieces: &[Piece]) -> Result<(), AppendError> {
        let mut joint = Joint { blobs: self, key: self.whole(place), upload: None, etags: vec![] };
        let outcome = self.join_pieces(place, pieces, &mut joint);
        if outcome.is_err() {
            joint.abort();
        }
        outcome?;
        Ok(self.remove_pieces(place)?)
    }

    fn join_pieces(&self, place: Place, pieces: &[Piece], joint: &mut Joint<'_>) -> Result<(), AppendError> {
        let (mut hasher, mut part) = (Hasher::new(), Vec::new());
        for piece in pieces {
            // Where it is gone, another process has joined them meanwhile: who asks again hears what is there.
            let Some(bytes) = self.get(&piece.key, PIECE_BYTES_MAX)? else {
                return Err(AppendError::Offset(end_of(pieces)));
            };
            hasher.update(&bytes);
            part.extend_from_slice(&bytes);
            if part.len() >= PART_BYTES {
                joint.send(&part)?;
                part.clear();
            }
        }
        if hasher.finish() != place.hash {
            self.remove_pieces(place)?;
            return Err(AppendError::Hash);
        }
        Ok(joint.finish(&part)?)
    }

    fn remove_pieces(&self, place: Place) -> io::Result<()> {
        for object in self.list(&self.parts(place))? {
            self.delete(&object.key)?;
        }
        Ok(())
    }

    /// Whether a box has begun so many other files that it may begin no more.
    fn is_crowded(&self, place: Place) -> io::Result<bool> {
        let prefix = self.parts_of_box(place.of);
        let names = self.list(&prefix)?;
        let name = |key: &str| Some(key.strip_prefix(&prefix)?.split('/').next()?.to_owned());
        let begun: BTreeSet<String> = names.iter().filter_map(|object| name(&object.key)).collect();
        Ok(begun.len() >= PARTS_MAX)
    }
}

/// A file that is joined from its pieces: one object where it is small, parts of one where it is large.
struct Joint<'b> {
    blobs: &'b S3Blobs,
    key: String,
    upload: Option<String>,
    etags: Vec<String>,
}

impl Joint<'_> {
    /// Sends a part that is not the last one.
    fn send(&mut self, part: &[u8]) -> io::Result<()> {
        let (bucket, credentials) = (&self.blobs.bucket, Some(&self.blobs.credentials));
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let action = bucket.create_multipart_upload(credentials, &self.key);
                let text = self.blobs.post(action.sign(SIGNED_FOR).as_str(), b"")?;
                let begun = CreateMultipartUpload::parse_response(&text).map_err(io::Error::other)?;
                self.upload.insert(begun.upload_id().to_owned()).clone()
            }
        };
        let number = u16::try_from(self.etags.len() + 1).map_err(io::Error::other)?;
        let url = bucket.upload_part(credentials, &self.key, number, &upload).sign(SIGNED_FOR);
        let answer = self.blobs.agent.put(url.as_str()).send(part).map_err(failed)?;
        if !answer.status().is_success() {
            return Err(refused("PUT", answer.status()));
        }
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok());
        self.etags.push(etag.ok_or_else(|| io::Error::other("the object store names no part"))?.to_owned());
        Ok(())
    }

    /// Sends the last part, and gives the object its name.
    fn finish(&mut self, last: &[u8]) -> io::Result<()> {
        if self.upload.is_none() {
            return self.blobs.put(&self.key, last);
        }
        if !last.is_empty() {
            self.send(last)?;
        }
        let (bucket, credentials) = (&self.blobs.bucket, Some(&self.blobs.credentials));
        let upload = self.upload.take().unwrap_or_default();
        let etags = self.etags.iter().map(String::as_str);
        let action = CompleteMultipartUpload::new(bucket, credentials, &self.key, &upload, etags);
        let url = action.sign(SIGNED_FOR);
        let text = self.blobs.post(url.as_str(), action.body().as_bytes());
        // A store may say with a good status that it did not join them (AWS: "a 200 OK response can contain an error").
        let is_joined = text.as_ref().is_ok_and(|text| text.contains("CompleteMultipartUploadResult"));
        if is_joined {
            return Ok(());
        }
        self.upload = Some(upload);
        Err(text.err().unwrap_or_else(|| io::Error::other("the object store has not joined the parts")))
    }

    /// What was sent of a file that comes to nothing takes no room. Where it cannot be said, the store's own rule for what was begun ends it.
    fn abort(&self) {
        let Some(upload) = &self.upload else { return };
        let (bucket, credentials) = (&self.blobs.bucket, Some(&self.blobs.credentials));
        let url = bucket.abort_multipart_upload(credentials, &self.key, upload).sign(SIGNED_FOR);
        if let Err(error) = self.blobs.delete_at(url.as_str()) {
            tracing::warn!(%error, "what was begun in the object store cannot be ended");
        }
    }
}

impl S3Blobs {
    fn post(&self, url: &str, body: &[u8]) -> io::Result<String> {
        let answer = self.agent.post(url).send(body).map_err(failed)?;
        if !answer.status().is_success() {
            return Err(refused("POST", answer.status()));
        }
        Ok(String::from_utf8_lossy(&read(answer, PAGE_BYTES_MAX)?).into_owned())
    }
}

impl Blobs for S3Blobs {
    fn arrived(&self, place: Place) -> io::Result<Arrived> {
        if let Some(bytes) = self.length(&self.whole(place))? {
            return Ok(Arrived::Whole(bytes));
        }
        Ok(Arrived::Part(end_of(&self.pieces(place)?)))
    }

    fn append(&self, place: Place, offset: u64, total: u64, bytes: &[u8]) -> Result<Arrived, AppendError> {
        if let Some(whole) = self.length(&self.whole(place))? {
            // A hub that was slow, or was killed before it had removed them, may have left pieces.
            self.remove_pieces(place)?;
            return Ok(Arrived::Whole(whole));
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end > total {
            return Err(AppendError::TooMuch);
        }
        let mut pieces = self.pieces(place)?;
        let found = end_of(&pieces);
        if found != offset {
            return Err(AppendError::Offset(found));
        }
        if offset == 0 && end < total && self.is_crowded(place)? {
            return Err(AppendError::TooMuch);
        }
        self.add(place, &mut pieces, offset, bytes)?;
        if end < total {
            return Ok(Arrived::Part(end));
        }
        self.join(place, &pieces)?;
        Ok(Arrived::Whole(total))
    }

    fn read(&self, place: Place, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        self.get_long(&self.whole(place), bytes_max)
    }

    fn read_part(&self, place: Place, from: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
        self.get_range(&self.whole(place), from..from.saturating_add(length))
    }

    fn lying(&self, of: BoxId) -> io::Result<Vec<Lying>> {
        let (whole, parts) = (format!("{}{}/", self.prefix, of.0), self.parts_of_box(of));
        let mut lying: Vec<Lying> = Vec::new();
        for (prefix, is_part) in [(whole, false), (parts, true)] {
            for it in self.list(&prefix)? {
                let name = it.key.strip_prefix(&prefix).and_then(|name| name.split('/').next());
                let Some(place) = name.and_then(|name| Place::read(of, name)) else { continue };
                match lying.iter_mut().find(|other| other.place == place && other.is_part == is_part) {
                    Some(other) => other.changed = other.changed.max(it.changed),
                    None => lying.push(Lying { place, is_part, changed: it.changed }),
                }
            }
        }
        Ok(lying)
    }

    fn remove_part(&self, place: Place) -> io::Result<()> {
        self.remove_pieces(place)
    }

    fn remove(&self, place: Place) -> io::Result<()> {
        self.delete(&self.whole(place))?;
        self.remove_pieces(place)
    }
}

fn end_of(pieces: &[Piece]) -> u64 {
    pieces.last().map_or(0, |last| last.offset + last.bytes)
}

/// A time that cannot be read is the latest: what may be new is left alone.
fn read_time(text: Option<&str>) -> Timestamp {
    let read = text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    Timestamp::from_unix_ms(read.map_or(i64::MAX, jiff::Timestamp::as_millisecond))
}

fn read(answer: Response<Body>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = answer.into_body().into_reader().take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn refused(what: &str, status: StatusCode) -> io::Error {
    io::Error::other(format!("the object store answers {status} to {what}"))
}

/// The client's error has the signed address in it: what the hub's log does not need is left out.
fn failed(error: ureq::Error) -> io::Error {
    if let ureq::Error::Io(error) = error {
        return error;
    }
    io::Error::other(format!("the object store cannot be asked: {error}"))
}

#[cfg(test)]
mod tests {
    use archive::Hash;
    use harness::ObjectStore;

    use super::*;
    use crate::blobs::suite;

    fn place(store: &ObjectStore, prefix: &str) -> S3Place {
        S3Place {
            endpoint: store.endpoint(),
            bucket: store.bucket().to_owned(),
            prefix: prefix.to_owned(),
            region: store.region().to_owned(),
        }
    }

    fn open(store: &ObjectStore) -> S3Blobs {
        let (key, secret) = store.credentials();
        S3Blobs::new(&place(store, "a hub"), &key, secret, None).unwrap()
    }

    #[test]
    fn an_object_store_keeps_what_blobs_keep() {
        let store = ObjectStore::start().unwrap();
        suite::check(|| Box::new(open(&store)));
    }

    #[test]
    fn a_large_file_of_small_pieces_is_joined_and_leaves_none() {
        let store = ObjectStore::start().unwrap();
        let (one, other) = (open(&store), open(&store));
        // More than a part of a multipart upload, and than what is read at a time.
        let bytes: Vec<u8> = (0..2_200_000_u32).flat_map(u32::to_le_bytes).collect();
        let total = bytes.len() as u64;
        let send = |place: Place| {
            let mut last = Ok(Arrived::Part(0));
            for (turn, piece) in bytes.chunks(600_000).enumerate() {
                let hub = if turn % 2 == 0 { &one } else { &other };
                last = hub.append(place, (turn * 600_000) as u64, total, piece);
                let pieces = one.list(&one.parts(place)).unwrap().len();
                assert!(pieces <= turn.div_ceil(2) + 1, "small ones grow: {pieces} after {turn}");
            }
            last
        };
        let place = Place::sealed(BoxId(1), Hash::of(&bytes));
        assert_eq!(send(place).unwrap(), Arrived::Whole(total));
        assert!(other.read(place, total).unwrap().unwrap() == bytes);
        assert!(one.list(&one.parts(place)).unwrap().is_empty());
        let wrong = Place::sealed(BoxId(1), Hash::of(b"another"));
        assert!(matches!(send(wrong), Err(AppendError::Hash)));
        assert_eq!(one.arrived(wrong).unwrap(), Arrived::Part(0));
        assert!(one.list(&one.parts(wrong)).unwrap().is_empty());
    }

    #[test]
    fn two_hubs_that_join_one_file_at_the_same_time_leave_it_whole() {
        let store = ObjectStore::start().unwrap();
        let (one, other) = (open(&store), open(&store));
        let place = Place::sealed(BoxId(1), Hash::of(b"abcdef"));
        one.append(place, 0, 6, b"abc").unwrap();
        // The other one has seen the pieces, and is slow.
        let mut pieces = other.pieces(place).unwrap();
        other.add(place, &mut pieces, 3, b"def").unwrap();
        assert_eq!(one.append(place, 6, 6, b"").unwrap(), Arrived::Whole(6));
        assert!(matches!(other.join(place, &pieces), Err(AppendError::Offset(6))));
        assert_eq!(other.read(place, 6).unwrap().as_deref(), Some(&b"abcdef"[..]));
        // It puts one more piece where it had begun.
        other.add(place, &mut Vec::new(), 0, b"abc").unwrap();
        assert_eq!(other.append(place, 6, 6, b"").unwrap(), Arrived::Whole(6));
        assert!(one.list(&one.parts(place)).unwrap().is_empty(), "no piece stays beside the whole");
    }

    #[test]
    fn whoever_has_another_key_is_told_nothing() {
        let store = ObjectStore::start().unwrap();
        let place = place(&store, "");
        let stranger = S3Blobs::new(&place, &store.credentials().0, "another", None).unwrap();
        let error = stranger.arrived(Place::sealed(BoxId(1), Hash::of(b"x"))).unwrap_err().to_string();
        assert!(error.contains("answers 403") && !error.contains("X-Amz"), "{error}");
        let gone = S3Place { endpoint: "http://127.0.0.1:1".to_owned(), ..place };
        let gone = S3Blobs::new(&gone, "key", "secret", None).unwrap();
        assert!(gone.arrived(Place::sealed(BoxId(1), Hash::of(b"x"))).is_err());
    }
}
