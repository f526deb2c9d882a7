//! An answer from what is kept.

use std::cell::LazyCell;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use cache::{
    CacheStatus, ContentRange, Multipart, RangeSet, Resolved, Span, is_known_to_client, is_range_wanted,
};
use futures_util::stream;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use model::Timestamp;

use super::exchange::Flow;
use super::measure::Measured;
use crate::depot::{Fetch, Larder, Object, Reader};

/// How the cache tells what it did (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Fields that a 304 does not repeat (RFC 9110 section 15.4.5): they are about the body.
const BODY_FIELDS: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
];

/// Whom an answer is for.
pub(super) struct Asking<'r> {
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
    pub(super) now: Timestamp,
    pub(super) larder: &'r Arc<Larder>,
}

/// What of a body is sent.
enum Share {
    None,
    Whole,
    Part(Span),
    Parts(Vec<Span>, Multipart),
}

impl Asking<'_> {
    /// The answer, for a client's conditions and ranges. `fetch` is a reader's way to what is missing; where nothing is read, or all
    /// of it is in memory, it is not asked for.
    pub(super) fn answer(
        &self,
        object: &Object,
        fetch: impl FnOnce() -> Arc<dyn Fetch>,
        status: CacheStatus,
    ) -> Response<Flow> {
        let age_ms = object.stored.age_ms(self.now);
        let mut headers = object.stored.present(age_ms);
        let ttl_s = object.stored.left_ms_at(age_ms).div_euclid(1_000);
        add_status(&mut headers, CacheStatus { ttl_s: Some(ttl_s), ..status });
        let (code, share) = self.settle(object, &mut headers);
        let mut response = Response::new(self.flow(object, fetch, share));
        *response.status_mut() = code;
        *response.headers_mut() = headers;
        response
    }

    fn flow(&self, object: &Object, fetch: impl FnOnce() -> Arc<dyn Fetch>, share: Share) -> Flow {
        let fetch = LazyCell::new(fetch);
        let reader = |at: u64, end: u64| {
            let (body, fetch) = (Arc::clone(&object.body), Arc::clone(LazyCell::force(&fetch)));
            Reader::new(body, at, end, fetch, Arc::clone(self.larder))
        };
        let (left, pieces) = match share {
            Share::None => return Empty::new().map_err(|never| match never {}).boxed_unsync(),
            Share::Whole => match self.larder.whole(&object.body) {
                Some(bytes) => return Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
                None => (object.body.length(), vec![Piece::Read(reader(0, u64::MAX))]),
            },
            Share::Part(span) => (Some(span.len()), vec![Piece::Read(reader(span.start(), span.end()))]),
            Share::Parts(parts, multipart) => {
                let bytes = multipart.body_bytes(&parts);
                let pieces = parts.iter().flat_map(|span| {
                    [Piece::Text(multipart.part_head(*span)), Piece::Read(reader(span.start(), span.end()))]
                });
                (Some(bytes), pieces.chain([Piece::Text(multipart.tail())]).collect())
            }
        };
        stream_of(pieces, left)
    }

    /// The status, the fields that go with it, and the share of the body (RFC 9110 section 13.2.2).
    fn settle(&self, object: &Object, headers: &mut HeaderMap) -> (StatusCode, Share) {
        let status = object.stored.status;
        if status == StatusCode::OK && is_known_to_client(&object.stored.headers, self.headers) {
            BODY_FIELDS.iter().for_each(|name| drop(headers.remove(name)));
            return (StatusCode::NOT_MODIFIED, Share::None);
        }
        let length = object.body.length();
        if let Some(length) = length.filter(|_| status != StatusCode::NO_CONTENT) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if self.method == Method::HEAD {
            return (status, Share::None);
        }
        let ranges = RangeSet::of(self.headers)
            .filter(|_| status == StatusCode::OK && is_range_wanted(&object.stored.headers, self.headers));
        match ranges.zip(length) {
            Some((ranges, length)) => share(&ranges.resolve(length), length, headers),
            None => (status, Share::Whole),
        }
    }
}

fn share(resolved: &Resolved, length: u64, headers: &mut HeaderMap) -> (StatusCode, Share) {
    match resolved {
        Resolved::Whole => (StatusCode::OK, Share::Whole),
        Resolved::Unsatisfiable => {
            BODY_FIELDS.iter().for_each(|name| drop(headers.remove(name)));
            headers.insert(header::CONTENT_RANGE, ContentRange::unsatisfied(length));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
            (StatusCode::RANGE_NOT_SATISFIABLE, Share::None)
        }
        Resolved::Parts(parts) => match parts.as_slice() {
            [part] => {
                headers.insert(header::CONTENT_RANGE, ContentRange::part(*part, length));
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.len()));
                (StatusCode::PARTIAL_CONTENT, Share::Part(*part))
            }
            parts => {
                let multipart = Multipart::new(boundary(), headers, length);
                headers.insert(header::CONTENT_TYPE, multipart.content_type());
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(multipart.body_bytes(parts)));
                (StatusCode::PARTIAL_CONTENT, Share::Parts(parts.to_vec(), multipart))
            }
        },
    }
}

/// Adds what this cache did, after what the caches before it did.
pub(super) fn add_status(headers: &mut HeaderMap, status: CacheStatus) {
    if let Some(value) = status.to_value() {
        headers.append(CACHE_STATUS, value);
    }
}

/// The pieces one after the other, so many bytes of them.
fn stream_of(pieces: Vec<Piece>, left: Option<u64>) -> Flow {
    let frames = stream::unfold(pieces.into_iter().rev().collect::<Vec<_>>(), |mut pieces| async move {
        loop {
            match pieces.last_mut()? {
                Piece::Text(text) => {
                    let bytes = std::mem::take(text).into();
                    pieces.pop();
                    return Some((Ok(Frame::data(bytes)), pieces));
                }
                Piece::Read(reader) => match reader.next().await {
                    Some(Ok(bytes)) => return Some((Ok(Frame::data(bytes)), pieces)),
                    Some(Err(error)) => return Some((Err(error.into()), pieces)),
                    None => drop(pieces.pop()),
                },
            }
        }
    });
    // Boxed, because the measure has to move it.
    Measured::new(StreamBody::new(frames).boxed_unsync(), 0, left).boxed_unsync()
}

/// A piece of an answer.
enum Piece {
    Text(Vec<u8>),
    Read(Reader),
}

/// What parts are told apart by: as long as 16 bytes of chance, which are in no body.
fn boundary() -> String {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher as _, Hasher as _};
    let chance = || RandomState::new().build_hasher().finish();
    format!("preau{:016x}{:016x}", chance(), chance())
}
