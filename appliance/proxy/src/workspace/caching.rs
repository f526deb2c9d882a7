//! A request that may be answered from what is kept, or bring something to keep.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, Response, StatusCode, header, request};
use cache::{
    CacheStatus, Cause, ContentRange, Exchange, Failure, Key, Lookup, Newer, RangeSet, Resolved, Span,
    Stored, Unstorable, Validator, content_length, invalidated, is_range_wanted, is_same_as_head, judge,
    look_up, may_serve_stale,
};
use model::Timestamp;
use tokio::time::timeout;

use super::connection::Connection;
use super::errand::{Errand, Fetcher};
use super::exchange::{Flow, Journey};
use super::pool::Answer;
use super::serving::Asking;
use crate::depot::{Arrival, Boarding, Depot, EntryHandle, Landing, Object, Outcome, await_landing};
use crate::http::{SendError, check};

/// How often a request looks again because the one it waited for brought nothing for it; then it goes by itself.
const ROUNDS_MAX: usize = 4;
/// For the request of another to be answered: a server that takes longer for the head of something is asked by each.
const FOLLOW: Duration = Duration::from_secs(10);
/// For a server to answer, where there is something that may be served in its place.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a block: a range is asked for from the beginning of one.
const BLOCK_BYTES: u64 = cache::BLOCK_BYTES as u64;

/// A request, and what it takes to bring what it asks for.
pub(super) struct Quest<'c> {
    connection: &'c Connection,
    depot: Arc<Depot>,
    pub(super) errand: Arc<Errand>,
    key: Key,
    method: &'c Method,
    /// As the client sent them.
    headers: &'c HeaderMap,
    /// It brings a body, or wants another protocol.
    is_more: bool,
}

/// What became of a request.
pub(super) enum Found {
    /// An answer from what is kept, or from what is coming.
    Kept(Response<Flow>),
    /// The server's own answer to what the cache asked, and what to tell of it.
    Passed(Response<Answer>, CacheStatus),
    /// It is between client and server; what to tell of it, where there is a cache.
    Pass(Option<CacheStatus>),
    /// There is none.
    Failed(SendError),
    /// The client wants nothing that is not here.
    Unavailable,
}

impl<'c> Quest<'c> {
    /// `None` where the request has nothing to do with what is kept.
    /// `is_more`: it brings a body, or wants another protocol.
    pub(super) fn new(connection: &'c Connection, head: &'c request::Parts, is_more: bool) -> Option<Self> {
        let depot = connection.workspaces.depot.clone()?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let key = Key::new(connection.name.as_str(), path)?;
        let is_more = is_more || wants_events(&head.headers);
        let mut sent = request::Builder::new().body(()).ok()?.into_parts().0;
        (sent.headers, sent.uri) = (head.headers.clone(), head.uri.clone());
        super::exchange::prepare(&mut sent, false);
        for name in [header::RANGE, header::IF_RANGE] {
            sent.headers.remove(name);
        }
        let errand = Arc::new(Errand {
            gate: Arc::clone(&connection.gate),
            workspaces: Arc::clone(&connection.workspaces),
            depot: Arc::clone(&depot),
            caller: connection.caller.clone(),
            name: connection.name.clone(),
            uri: sent.uri,
            headers: sent.headers,
        });
        Some(Self { connection, depot, errand, key, method: &head.method, headers: &head.headers, is_more })
    }

    /// Looks, and asks the server where that is needed.
    pub(super) async fn find(&self, journey: &mut Journey) -> Found {
        let mut is_collapsed = false;
        if self.is_more {
            return pass(Cause::Bypass, None);
        }
        for _ in 0..ROUNDS_MAX {
            let entry = self.depot.find(&self.key).await;
            let objects = entry.as_ref().map(EntryHandle::objects).unwrap_or_default();
            let now = self.depot.now();
            let (known, cause) = match look_up(&objects, self.method, self.headers, now) {
                Lookup::Fresh(object) => return self.serve(entry, object, is_collapsed),
                Lookup::Revalidate(object) => {
                    self.revalidate_behind(entry.clone(), object);
                    return self.serve(entry, object, is_collapsed);
                }
                Lookup::Unavailable => return Found::Unavailable,
                Lookup::Pass(cause) => return pass(cause, None),
                Lookup::Validate(object, cause) => {
                    (entry.clone().map(|entry| (entry, object.clone())), cause)
                }
                Lookup::Fetch(cause) => (None, cause),
            };
            if self.method == Method::HEAD {
                return pass(cause, None);
            }
            // The end of something of unknown length, or several parts of it: not what a class does at the same time.
            if known.is_none() && RangeSet::of(self.headers).is_some_and(|set| set.first_byte().is_none()) {
                return pass(cause, Some("range"));
            }
            let name = Depot::name(&self.key);
            if self.depot.is_alone(name) {
                return pass(cause, Some("alone"));
            }
            match self.depot.flights.board(name) {
                Boarding::Leader(landing) => return self.fetch(journey, known, cause, landing).await,
                Boarding::Follower(waiting) => match timeout(FOLLOW, await_landing(waiting)).await {
                    Ok(Outcome::Alone) | Err(_) => return pass(cause, Some("alone")),
                    Ok(Outcome::Again | Outcome::Pending) => is_collapsed = true,
                },
            }
        }
        pass(Cause::Bypass, Some("crowd"))
    }

    fn serve(&self, entry: Option<EntryHandle>, object: &Object, is_collapsed: bool) -> Found {
        let status = CacheStatus {
            is_hit: true,
            detail: is_collapsed.then_some("collapsed"),
            ..CacheStatus::default()
        };
        self.serve_as(entry, object, status)
    }

    fn serve_as(&self, entry: Option<EntryHandle>, object: &Object, status: CacheStatus) -> Found {
        let Some(entry) = entry else { return pass(Cause::UriMiss, None) };
        let asking = Asking { method: self.method, headers: self.headers, now: self.depot.now() };
        let fetcher = Fetcher { errand: Arc::clone(&self.errand), entry, object: object.clone() };
        Found::Kept(asking.answer(object, fetcher, status))
    }

    /// Asks the server, with what is known of it already; what comes is kept where it may be.
    async fn fetch(
        &self,
        journey: &mut Journey,
        known: Option<(EntryHandle, Object)>,
        cause: Cause,
        landing: Landing,
    ) -> Found {
        let mut headers = self.errand.headers.clone();
        if let Some((_, object)) = &known {
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            Validator::condition(&object.stored.headers, &mut headers);
        }
        let start = if known.is_none() { self.set_range(&mut headers) } else { None };
        let requested = self.depot.now();
        let asking = self.connection.ask(self.errand.request(headers), &mut journey.passage);
        // With something to serve in its place, nobody waits long for a line that swallows packets.
        let outcome = match known.as_ref().filter(|(_, object)| self.helps_out(object)) {
            Some(_) => timeout(PATIENCE, asking).await.unwrap_or(Err(SendError::TimedOut)),
            None => asking.await,
        };
        let received = self.depot.now();
        let response = match outcome.and_then(|response| check(response, false)) {
            Ok(response) => response,
            Err(error) => {
                return self.fall_back(known, Failure::Disconnected, cause).unwrap_or(Found::Failed(error));
            }
        };
        let status = response.status();
        if let Some((entry, object)) = &known
            && status == StatusCode::NOT_MODIFIED
        {
            let newer = Newer { headers: response.headers(), requested, received };
            if let Some(found) = self.confirm(entry, object, &newer, cause).await {
                return found;
            }
            // It speaks of another version than the one that it was asked about: that one is asked for.
            return Box::pin(self.fetch(journey, None, cause, landing)).await;
        }
        if is_trouble(status)
            && let Some(found) = self.fall_back(known.clone(), Failure::Status, cause)
        {
            return found;
        }
        let asked = Asked { cause, start, requested, received };
        self.take(response, &asked, landing).await
    }

    /// Asks for a part where the client does: from the beginning of a block, so that it can be kept, to the end, because the
    /// rest is asked for next. Where it begins.
    fn set_range(&self, headers: &mut HeaderMap) -> Option<u64> {
        if self.headers.contains_key(header::IF_RANGE) {
            return None;
        }
        let first = RangeSet::of(self.headers)?.first_byte()?;
        let start = first - first % BLOCK_BYTES;
        if start > 0 {
            headers.insert(header::RANGE, cache::range_field(start, None));
        }
        (start > 0).then_some(start)
    }

    /// A 304 about what is kept (RFC 9111 section 4.3.3): it is served, with its new fields. `None` where it is about something
    /// else, and what is kept is not right any more.
    async fn confirm(
        &self,
        entry: &EntryHandle,
        object: &Object,
        newer: &Newer<'_>,
        cause: Cause,
    ) -> Option<Found> {
        let is_same = object.stored.validator().is_some_and(|known| known.is_confirmed_by(newer.headers));
        let updated = if is_same {
            object.stored.update(newer, &[])
        } else {
            Stored { is_invalid: true, ..(*object.stored).clone() }
        };
        let object = self.depot.refresh(entry, object, updated).await.filter(|_| is_same)?;
        let status = CacheStatus {
            forwarded: Some(cause),
            forwarded_status: Some(StatusCode::NOT_MODIFIED.as_u16()),
            ..CacheStatus::default()
        };
        Some(self.serve_as(Some(entry.clone()), &object, status))
    }

    fn helps_out(&self, object: &Object) -> bool {
        may_serve_stale(&object.stored, self.headers, Failure::Disconnected, self.depot.now())
    }

    /// What is stale, where asking failed and it may be served (RFC 9111 section 4.2.4).
    fn fall_back(
        &self,
        known: Option<(EntryHandle, Object)>,
        failure: Failure,
        cause: Cause,
    ) -> Option<Found> {
        let (entry, object) = known?;
        if !may_serve_stale(&object.stored, self.headers, failure, self.depot.now()) {
            return None;
        }
        let status = CacheStatus {
            is_hit: true,
            forwarded: Some(cause),
            detail: Some("stale"),
            ..CacheStatus::default()
        };
        Some(self.serve_as(Some(entry), &object, status))
    }

    /// Keeps an answer where it may be kept, and serves it from there while it comes; passes it on otherwise.
    async fn take(&self, response: Response<Answer>, asked: &Asked, landing: Landing) -> Found {
        let code = response.status();
        let status = CacheStatus {
            forwarded: Some(asked.cause),
            forwarded_status: Some(code.as_u16()),
            ..CacheStatus::default()
        };
        match self.errand.receive(&self.key, self.headers, &response, asked).await {
            Ok((Arrival { entry, object, place }, stream)) => {
                self.depot.note_shared(Depot::name(&self.key));
                self.errand.bring((entry.clone(), object.clone(), place), stream, response.into_body());
                landing.tell(Outcome::Again);
                self.serve_as(Some(entry), &object, CacheStatus { is_stored: true, ..status })
            }
            Err(why) => {
                let is_telling = is_telling(code) && why != Unstorable::Partial.as_str();
                if is_telling {
                    self.depot.note_alone(Depot::name(&self.key));
                }
                landing.tell(if is_telling { Outcome::Alone } else { Outcome::Again });
                Found::Passed(response, CacheStatus { detail: Some(why), ..status })
            }
        }
    }

    /// Asks for something again that is served meanwhile: once, whoever else wants it (RFC 5861 section 3).
    fn revalidate_behind(&self, entry: Option<EntryHandle>, object: &Object) {
        let Some(entry) = entry else { return };
        let Boarding::Leader(landing) = self.depot.flights.board(Depot::name(&self.key)) else { return };
        let (errand, depot, object) = (Arc::clone(&self.errand), Arc::clone(&self.depot), object.clone());
        let (key, client) = (self.key.clone(), self.headers.clone());
        tokio::spawn(async move {
            let mut headers = errand.headers.clone();
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            Validator::condition(&object.stored.headers, &mut headers);
            let requested = depot.now();
            let Some(response) = errand.send(headers).await else { return };
            let received = depot.now();
            if response.status() == StatusCode::NOT_MODIFIED {
                let newer = Newer { headers: response.headers(), requested, received };
                if object.stored.validator().is_some_and(|known| known.is_confirmed_by(newer.headers)) {
                    let updated = object.stored.update(&newer, &[]);
                    let _updated = depot.refresh(&entry, &object, updated).await;
                }
                return landing.tell(Outcome::Again);
            }
            let asked = Asked { cause: Cause::Stale, start: None, requested, received };
            if let Ok((Arrival { entry, object, place }, stream)) =
                errand.receive(&key, &client, &response, &asked).await
            {
                errand.bring((entry, object, place), stream, response.into_body());
            }
            landing.tell(Outcome::Again);
        });
    }

    /// What an answer to a request that was passed on changes in what is kept.
    pub(super) async fn heed(&self, status: StatusCode, response: &HeaderMap, requested: Timestamp) {
        for key in invalidated(self.method, &self.key, status, response) {
            self.depot.invalidate(&key).await;
        }
        if self.method == Method::HEAD && status == StatusCode::OK {
            self.heed_head(response, requested).await;
        }
        if self.method == Method::GET && !self.is_more {
            self.heed_passed(status, response, requested);
        }
    }

    /// Whether those who ask next should wait for each other.
    fn heed_passed(&self, status: StatusCode, response: &HeaderMap, requested: Timestamp) {
        let exchange = Exchange {
            method: self.method,
            request: self.headers,
            status,
            response,
            requested,
            received: self.depot.now(),
        };
        let name = Depot::name(&self.key);
        match judge(&exchange, &[]) {
            Ok(_) => self.depot.note_shared(name),
            // A part says nothing of the whole.
            Err(Unstorable::Partial) => {}
            Err(_) if is_telling(status) => self.depot.note_alone(name),
            Err(_) => {}
        }
    }

    async fn heed_head(&self, response: &HeaderMap, requested: Timestamp) {
        let Some(entry) = self.depot.find(&self.key).await else { return };
        let received = self.depot.now();
        for object in entry.objects().iter().filter(|object| object.stored.vary.matches(self.headers)) {
            let newer = Newer { headers: response, requested, received };
            let updated = if is_same_as_head(&object.stored, response) {
                object.stored.update(&newer, &[])
            } else {
                Stored { is_invalid: true, ..(*object.stored).clone() }
            };
            let _updated = self.depot.refresh(&entry, object, updated).await;
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.depot.now()
    }
}

/// How the server was asked.
pub(super) struct Asked {
    cause: Cause,
    /// From which byte on, where not from the first.
    pub(super) start: Option<u64>,
    pub(super) requested: Timestamp,
    pub(super) received: Timestamp,
}

fn pass(cause: Cause, detail: Option<&'static str>) -> Found {
    Found::Pass(Some(CacheStatus { forwarded: Some(cause), detail, ..CacheStatus::default() }))
}

/// Whether a request opens a channel of events, which has no end.
fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/event-stream"))
}

/// Whether an answer that is not kept says what others would get: one to a client that has it already, and one of a server in
/// trouble, does not.
fn is_telling(status: StatusCode) -> bool {
    let is_about_client = [StatusCode::NOT_MODIFIED, StatusCode::RANGE_NOT_SATISFIABLE].contains(&status);
    !is_about_client && !status.is_server_error()
}

/// RFC 5861 section 4.
fn is_trouble(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// What of the server's answer a client gets, whose range the cache made a larger one of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// All of it.
    Whole,
    /// This part, so many bytes after the answer's first.
    Part { skip: u64, part: Span, length: u64 },
    /// It is not what was asked for.
    Wrong,
}

/// The part of an answer that a client asked for.
pub(super) fn cut(asked: &HeaderMap, status: StatusCode, answered: &HeaderMap) -> Cut {
    let ranges = RangeSet::of(asked).filter(|_| is_range_wanted(answered, asked));
    let span = match status {
        StatusCode::OK => content_length(answered).and_then(|length| Some((Span::new(0, length)?, length))),
        StatusCode::PARTIAL_CONTENT => match ContentRange::of(answered) {
            Some(ContentRange::Part { span, length: Some(length) }) => Some((span, length)),
            Some(ContentRange::Part { .. } | ContentRange::Unsatisfied(_)) | None => return Cut::Wrong,
        },
        _ => None,
    };
    let is_part = status == StatusCode::PARTIAL_CONTENT;
    let Some((ranges, (span, length))) = ranges.zip(span) else {
        return if is_part { Cut::Wrong } else { Cut::Whole };
    };
    match ranges.resolve(length) {
        Resolved::Parts(parts) => match parts.as_slice() {
            [part] if span.intersect(*part) == Some(*part) => {
                Cut::Part { skip: part.start() - span.start(), part: *part, length }
            }
            _ if is_part => Cut::Wrong,
            _ => Cut::Whole,
        },
        Resolved::Whole | Resolved::Unsatisfiable => {
            if is_part {
                Cut::Wrong
            } else {
                Cut::Whole
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_range_that_it_asked_for() {
        let map = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        let check =
            |range: &'static str, status: u16, answered: &[(&'static str, &'static str)], expected: Cut| {
                let asked = if range.is_empty() { HeaderMap::new() } else { map(&[("range", range)]) };
                let status = StatusCode::from_u16(status).unwrap();
                assert_eq!(cut(&asked, status, &map(answered)), expected, "{range} {status} {answered:?}");
            };
        let part = |skip, start, end| Cut::Part { skip, part: Span::new(start, end).unwrap(), length: 100 };
        let whole = ("content-length", "100");
        check("", 200, &[whole], Cut::Whole);
        check("bytes=0-1", 200, &[whole], part(0, 0, 2));
        check("bytes=50-", 200, &[whole], part(50, 50, 100));
        check("bytes=0-1,5-6", 200, &[whole], Cut::Whole);
        check("bytes=0-1", 200, &[], Cut::Whole);
        check("bytes=0-1", 404, &[whole], Cut::Whole);
        check("bytes=45-49", 206, &[("content-range", "bytes 40-99/100")], part(5, 45, 50));
        check("bytes=30-49", 206, &[("content-range", "bytes 40-99/100")], Cut::Wrong);
        check("bytes=45-49", 206, &[("content-range", "bytes 40-99/*")], Cut::Wrong);
        check("", 206, &[("content-range", "bytes 40-99/100")], Cut::Wrong);
    }
}
