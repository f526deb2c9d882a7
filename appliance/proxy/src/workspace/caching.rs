//! A request that may be answered from what is kept, or bring something to keep.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use cache::{
    Audience, CacheStatus, Cause, Exchange, Failure, Family, FileName, Key, Lookup, Newer, RangeSet, TARGETS,
    Unstorable, Validator, Validity, invalidated, is_for, is_personal, is_safe, is_same_as_head, judge,
    languages_by_weight, look_up, may_serve_prepared, may_serve_stale, wants_nothing_kept,
};
use model::{Mac, Timestamp};
use tokio::time::timeout;

use super::banner;
use super::connection::Connection;
use super::errand::{Errand, Fetcher, SHARE};
use super::exchange::{Flow, Journey};
use super::pool::Answer;
use super::posted::Posted;
use super::serving::Asking;
use crate::depot::{
    Arrival, Boarding, Change, Depot, EntryHandle, Fetch, Landing, Moment, Object, Outcome, await_landing,
};
use crate::http::{SendError, check};

/// How often a request looks again because the one it waited for brought nothing for it; then it goes by itself.
const ROUNDS_MAX: usize = 4;
/// For the request of another to be answered: a server that takes longer for the head of something is asked by each.
const FOLLOW: Duration = Duration::from_secs(10);
/// For a server to answer, where there is something that may be served in its place: a line that is down is found out before.
const PATIENCE: Duration = Duration::from_millis(4_500);
/// Why something is not kept that says nothing of what others get: a part says nothing of the whole, nor does what one client says.
const ABOUT_CLIENT: [Unstorable; 3] = [Unstorable::Partial, Unstorable::Request, Unstorable::Long];
/// Bytes of a block: a range is asked for from the beginning of one.
const BLOCK_BYTES: u64 = cache::BLOCK_BYTES as u64;
/// What a request for a channel of events accepts.
const EVENTS: &[u8] = b"text/event-stream";

/// A request, and what it takes to bring what it asks for.
pub(super) struct Quest<'c> {
    pub(super) connection: &'c Connection,
    pub(super) depot: Arc<Depot>,
    /// Made once the server may have to be asked: most answers from what is kept do without.
    errand: OnceLock<Arc<Errand>>,
    pub(super) family: Arc<Family>,
    pub(super) key: Key,
    /// Where it is a file that each has to be authorised for.
    pub(super) file: Option<FileName>,
    head: &'c request::Parts,
    pub(super) method: &'c Method,
    /// As the client sent them.
    pub(super) headers: &'c HeaderMap,
    /// The registered device that asks.
    pub(super) device: Option<Mac>,
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
    /// `is_more`: it brings a body, or wants another protocol. `device`: the registered one that asks.
    pub(super) fn new(
        connection: &'c Connection,
        head: &'c request::Parts,
        is_more: bool,
        device: Option<Mac>,
    ) -> Option<Self> {
        let depot = connection.workspaces.depot.clone()?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let key = Key::new(connection.name.as_str(), path)?;
        let family = Arc::clone(connection.workspaces.find(&connection.name)?.family());
        let file = family.file(connection.name.as_str(), path);
        let is_more = is_more || wants_events(&head.headers);
        let (method, headers) = (&head.method, &head.headers);
        let errand = OnceLock::new();
        Some(Self { connection, depot, errand, family, key, file, head, method, headers, device, is_more })
    }

    /// What it takes to ask the server.
    pub(super) fn errand(&self) -> &Arc<Errand> {
        self.errand.get_or_init(|| {
            let mut sent = Request::new(()).into_parts().0;
            (sent.headers, sent.uri) = (self.head.headers.clone(), self.head.uri.clone());
            super::exchange::prepare(&mut sent, false);
            for name in [header::RANGE, header::IF_RANGE, header::EXPECT, header::CONTENT_LENGTH] {
                sent.headers.remove(name);
            }
            // In one order: what is kept for all who say the same is not what one of them has a server make of an order of his own.
            if let Some(languages) = languages_by_weight(&sent.headers) {
                sent.headers.insert(header::ACCEPT_LANGUAGE, languages);
            }
            // In one spelling: what a server makes of another one (`ENT.example.:443`) would be in what the class gets.
            if let Ok(host) = HeaderValue::from_str(self.connection.name.as_str()) {
                sent.headers.insert(header::HOST, host);
            }
            Arc::new(Errand {
                gate: Arc::clone(&self.connection.gate),
                workspaces: Arc::clone(&self.connection.workspaces),
                depot: Arc::clone(&self.depot),
                caller: self.connection.caller.clone(),
                name: self.connection.name.clone(),
                uri: sent.uri,
                headers: sent.headers,
                pace: None,
                turn: Mutex::default(),
            })
        })
    }

    /// Looks, and asks the server where that is needed.
    pub(super) async fn find(&self, journey: &mut Journey) -> Found {
        let (mut is_collapsed, mut arrived) = (false, None);
        self.heed_log_out().await;
        if self.is_more {
            return pass(Cause::Bypass, None);
        }
        for _ in 0..ROUNDS_MAX {
            let entry = self.depot.find(&self.key).await;
            let objects = entry.as_ref().map(EntryHandle::objects).unwrap_or_default();
            let now = self.depot.now();
            let arrived = *arrived.get_or_insert(now);
            let lookup = look_up(&objects, self.method, self.headers, now);
            // What takes a way to the server, or a while, is boxed: a hit shall not carry around the room for it.
            if matches!(lookup, Lookup::Fetch(_))
                && let Some(found) = Box::pin(self.find_file(journey)).await
            {
                return found;
            }
            if let Some(found) = self.spare(&lookup, entry.as_ref()).await {
                return found;
            }
            let (known, cause) = match lookup {
                Lookup::Fresh(object) => return self.serve(entry, object, is_collapsed),
                Lookup::Revalidate(object) => {
                    self.revalidate_behind(entry.clone(), object);
                    return self.serve(entry, object, is_collapsed);
                }
                Lookup::Unavailable => return Found::Unavailable,
                Lookup::Pass(cause) => return pass(cause, None),
                // What another one asked the server after this one came is its answer as well: a class does not stand in line.
                Lookup::Validate(object, _) if is_collapsed && self.is_answered(object, arrived) => {
                    return self.serve(entry, object, true);
                }
                Lookup::Validate(object, cause) => {
                    (entry.clone().map(|entry| (entry, object.clone())), cause)
                }
                Lookup::Fetch(cause) => (None, cause),
            };
            if self.method == Method::HEAD {
                return pass(cause, None);
            }
            // Nobody waits for an answer that is kept nowhere.
            if known.is_none() && wants_nothing_kept(self.headers) {
                return pass(cause, Some(Unstorable::Request.as_str()));
            }
            // The end of something of unknown length, or several parts of it: not what a class does at the same time.
            if known.is_none() && RangeSet::of(self.headers).is_some_and(|set| set.first_byte().is_none()) {
                return pass(cause, Some("range"));
            }
            let name = Depot::name(self.asked_file().map_or(&self.key, |file| &file.key));
            if self.depot.is_alone(name) {
                return pass(cause, Some("alone"));
            }
            match self.depot.flights.board(name) {
                // Between the look and the boarding somebody may have landed with it.
                Boarding::Leader(_) if known.is_none() && self.has_come().await => is_collapsed = true,
                Boarding::Leader(landing) => {
                    return Box::pin(self.fetch(journey, known, cause, landing)).await;
                }
                Boarding::Follower(waiting) => match timeout(FOLLOW, await_landing(waiting)).await {
                    Ok(Outcome::Alone) | Err(_) => return pass(cause, Some("alone")),
                    Ok(Outcome::Again | Outcome::Pending) => is_collapsed = true,
                },
            }
        }
        pass(Cause::Bypass, Some("crowd"))
    }

    /// Whether the family's profile says that it is the same for everybody.
    pub(super) fn is_for_all(&self) -> bool {
        let is_plain = self.method == Method::GET && !self.is_more && self.file.is_none();
        is_plain && self.family.is_for_all(self.key.path_and_query())
    }

    /// Whether what the server has said since `arrived` is an answer to this request as well. What it wants to be asked for each
    /// time may be for some and not for others: whoever says who it is has it asked (RFC 9111 section 5.2.2.4).
    fn is_answered(&self, object: &Object, arrived: Timestamp) -> bool {
        let stored = &object.stored;
        let is_for_each = stored.terms.no_cache && is_personal(self.headers);
        stored.requested >= arrived && stored.validity == Validity::Standing && !is_for_each
    }

    /// Whether something is here, or coming, that was not there before.
    async fn has_come(&self) -> bool {
        if let Some(file) = self.asked_file()
            && self.depot.find_file(&file.key).await.is_some()
        {
            return true;
        }
        let entry = self.depot.find(&self.key).await;
        let objects = entry.as_ref().map(EntryHandle::objects).unwrap_or_default();
        let found = look_up(&objects, self.method, self.headers, self.depot.now());
        !matches!(found, Lookup::Fetch(_))
    }

    /// What is here where the line is down: nobody waits to find that out again. `None` while it stands, and for what does not
    /// need it.
    async fn spare(&self, lookup: &Lookup<'_, Object>, entry: Option<&EntryHandle>) -> Option<Found> {
        let is_part = matches!(lookup, Lookup::Fresh(object) if object.body.is_resting());
        let needs = is_part || !matches!(lookup, Lookup::Fresh(_) | Lookup::Unavailable | Lookup::Pass(_));
        if !needs || !self.connection.prober().is_down() {
            return None;
        }
        let spared = match lookup {
            // A part would break off.
            Lookup::Revalidate(object) | Lookup::Validate(object, _) if object.body.is_resting() => None,
            // It may be served in any case.
            Lookup::Revalidate(object) => {
                Some(Box::pin(self.serve_stale(entry?.clone(), object, Cause::Stale)).await)
            }
            Lookup::Validate(object, cause) => {
                let known = entry.map(|entry| (entry.clone(), (*object).clone()));
                Box::pin(self.fall_back(known, Failure::Disconnected, *cause)).await
            }
            Lookup::Fresh(_) | Lookup::Fetch(_) | Lookup::Unavailable | Lookup::Pass(_) => None,
        };
        Some(spared.unwrap_or(Found::Failed(SendError::LineDown)))
    }

    fn serve(&self, entry: Option<EntryHandle>, object: &Object, is_collapsed: bool) -> Found {
        let status = CacheStatus {
            is_hit: true,
            detail: is_collapsed.then_some("collapsed"),
            ..CacheStatus::default()
        };
        self.serve_as(entry, object, status)
    }

    pub(super) fn serve_as(&self, entry: Option<EntryHandle>, object: &Object, status: CacheStatus) -> Found {
        let Some(entry) = entry else { return pass(Cause::UriMiss, None) };
        self.note_use(object);
        let asking = Asking {
            method: self.method,
            headers: self.headers,
            now: self.depot.now(),
            larder: &self.depot.larder,
        };
        Found::Kept(asking.answer(object, || self.fetcher(entry, object), status))
    }

    /// Counts what the class uses, and notes who has read it.
    fn note_use(&self, object: &Object) {
        if object.body.file_key().is_some() {
            return;
        }
        if let Some(device) = self.device {
            object.body.note_reader(device);
        }
        // The profile is asked only where the answer alone does not tell.
        let has_query = self.key.path_and_query().contains('?');
        let is_plain = object.stored.audience == Audience::Everyone && !has_query;
        let is_static = !is_plain && self.is_for_all();
        if is_plain || is_static {
            self.connection.workspaces.favourites.note(&self.key, self.device, is_static);
        }
    }

    /// A reader's way to what is missing.
    fn fetcher(&self, entry: EntryHandle, object: &Object) -> Arc<dyn Fetch> {
        Arc::new(Fetcher { errand: Arc::clone(self.errand()), entry, object: object.clone() })
    }

    /// Asks the server, with what is known of it already; what comes is kept where it may be.
    async fn fetch(
        &self,
        journey: &mut Journey,
        known: Option<(EntryHandle, Object)>,
        cause: Cause,
        landing: Landing,
    ) -> Found {
        let mut headers = self.errand().headers.clone();
        if let Some((_, object)) = &known {
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            Validator::condition(&object.stored.headers, &mut headers);
        }
        let start = if known.is_none() { self.set_range(&mut headers) } else { None };
        let requested = self.depot.moment();
        let asking = self.connection.ask(self.errand().request(headers), &mut journey.passage, || true);
        // With something to serve in its place, nobody waits long for a line that swallows packets.
        let helps_out = |object: &Object| self.may_stand_in(object, Failure::Disconnected);
        let outcome = match known.as_ref().filter(|(_, object)| helps_out(object)) {
            Some(_) => timeout(PATIENCE, asking).await.unwrap_or(Err(SendError::TimedOut)),
            None => asking.await,
        };
        let received = self.depot.now();
        let response = match outcome.and_then(|response| check(response, false)) {
            Ok(response) => response,
            Err(error) if error.is_out_of_reach() => {
                let spared = self.fall_back(known, Failure::Disconnected, cause).await;
                return spared.unwrap_or(Found::Failed(error));
            }
            Err(error) => return Found::Failed(error),
        };
        let status = response.status();
        if let Some((entry, object)) = &known
            && status == StatusCode::NOT_MODIFIED
        {
            let newer = Newer { headers: response.headers(), requested: requested.at, received };
            if let Some(found) = self.confirm((entry, object), &newer, requested, cause).await {
                return found;
            }
            // It speaks of another version than the one that it was asked about: that one is asked for.
            return Box::pin(self.fetch(journey, None, cause, landing)).await;
        }
        if is_trouble(status)
            && let Some(found) = self.fall_back(known.clone(), Failure::Status, cause).await
        {
            return found;
        }
        let asked = Asked { cause, start, requested, received };
        self.take(response, &asked, Some(landing)).await
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
        (entry, object): (&EntryHandle, &Object),
        newer: &Newer<'_>,
        asked: Moment,
        cause: Cause,
    ) -> Option<Found> {
        let is_same = object.stored.validator().is_some_and(|known| known.is_confirmed_by(newer.headers));
        let updated = if is_same {
            object.stored.update(newer, &TARGETS)
        } else {
            object.stored.at_best(Validity::Doubted)
        };
        let object = self.depot.refresh(entry, object, updated, asked).await.filter(|_| is_same)?;
        let status = CacheStatus {
            forwarded: Some(cause),
            forwarded_status: Some(StatusCode::NOT_MODIFIED.as_u16()),
            ..CacheStatus::default()
        };
        let mut found = self.serve_as(Some(entry.clone()), &object, status);
        if let Found::Kept(response) = &mut found {
            // What the server says to this client alone is not kept, and told.
            for cookie in newer.headers.get_all(header::SET_COOKIE) {
                response.headers_mut().append(header::SET_COOKIE, cookie.clone());
            }
        }
        Some(found)
    }

    /// Whether something is served in the place of what the server did not say.
    fn may_stand_in(&self, object: &Object, failure: Failure) -> bool {
        let (stored, now) = (&object.stored, self.depot.now());
        let is_prepared = || failure == Failure::Disconnected && self.depot.is_pinned(&self.key);
        may_serve_stale(stored, self.headers, failure, now)
            || (is_prepared() && may_serve_prepared(stored, self.headers, now))
    }

    /// What is stale, where asking failed and it may be served (RFC 9111 section 4.2.4).
    async fn fall_back(
        &self,
        known: Option<(EntryHandle, Object)>,
        failure: Failure,
        cause: Cause,
    ) -> Option<Found> {
        let (entry, object) = known?;
        if !self.may_stand_in(&object, failure) {
            return None;
        }
        Some(self.serve_stale(entry, &object, cause).await)
    }

    /// What is stale; a page that a person opens says so at its top.
    async fn serve_stale(&self, entry: EntryHandle, object: &Object, cause: Cause) -> Found {
        let status = CacheStatus {
            is_hit: true,
            forwarded: Some(cause),
            detail: Some("stale"),
            ..CacheStatus::default()
        };
        let length = object.body.length();
        let fits = self.family.has_banner && banner::fits(self.method, self.headers, &object.stored, length);
        let banners = fits.then(|| Arc::clone(&self.connection.workspaces.banners));
        let room = banners.and_then(|banners| banners.try_acquire_owned().ok());
        let Some(room) = room else { return self.serve_as(Some(entry), object, status) };
        // All of it, whatever the browser has of it already: that one says nothing.
        let now = self.depot.now();
        let no_fields = HeaderMap::new();
        let asking = Asking { method: self.method, headers: &no_fields, now, larder: &self.depot.larder };
        let notice = self.connection.gate.pages().stale_notice(object.stored.age_ms(now) / 1_000);
        let answer = asking.answer(object, || self.fetcher(entry, object), status);
        match banner::put(answer, notice, room).await {
            Ok(page) => Found::Kept(page),
            Err(_) => Found::Failed(SendError::LineDown),
        }
    }

    /// Keeps an answer where it may be kept, and serves it from there while it comes; passes it on otherwise.
    pub(super) async fn take(
        &self,
        response: Response<Answer>,
        asked: &Asked,
        landing: Option<Landing>,
    ) -> Found {
        let code = response.status();
        let status = CacheStatus {
            forwarded: Some(asked.cause),
            forwarded_status: Some(code.as_u16()),
            ..CacheStatus::default()
        };
        let tell = |outcome| landing.into_iter().for_each(|landing| landing.tell(outcome));
        match self.receive(&response, asked).await {
            Ok((Arrival { entry, object, place }, stream)) => {
                self.depot.note_shared(Depot::name(&self.key));
                let (head, body) = response.into_parts();
                self.errand().bring((entry.clone(), object.clone(), place), stream, body);
                tell(Outcome::Again);
                let status = CacheStatus { is_stored: true, ..status };
                if object.body.file_key().is_some() {
                    let (requested, received) = (asked.requested.at, asked.received);
                    let own = Newer { headers: &head.headers, requested, received };
                    return self.serve_authorised(entry, &object, &own, status);
                }
                self.serve_as(Some(entry), &object, status)
            }
            Err(why) => {
                let is_about_client =
                    why == SHARE || ABOUT_CLIENT.iter().any(|reason| reason.as_str() == why);
                let is_telling = self.is_telling(code) && !is_about_client;
                if is_telling {
                    self.depot.note_alone(Depot::name(&self.key));
                }
                tell(if is_telling { Outcome::Alone } else { Outcome::Again });
                Found::Passed(response, CacheStatus { detail: Some(why), ..status })
            }
        }
    }

    /// Asks for something again that is served meanwhile: once, whoever else wants it (RFC 5861 section 3).
    fn revalidate_behind(&self, entry: Option<EntryHandle>, object: &Object) {
        let Some(entry) = entry else { return };
        let Boarding::Leader(landing) = self.depot.flights.board(Depot::name(&self.key)) else { return };
        // Between the look and the boarding the server may have answered somebody: then it is not stale any more.
        if !entry.objects().iter().any(|it| Arc::ptr_eq(&it.stored, &object.stored)) {
            return;
        }
        let (errand, depot, object) = (Arc::clone(self.errand()), Arc::clone(&self.depot), object.clone());
        let (key, client) = (self.key.clone(), self.headers.clone());
        tokio::spawn(async move {
            let mut headers = errand.headers.clone();
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            Validator::condition(&object.stored.headers, &mut headers);
            let requested = depot.moment();
            let Some(response) = errand.send(headers).await else { return };
            let received = depot.now();
            if response.status() == StatusCode::NOT_MODIFIED {
                let newer = Newer { headers: response.headers(), requested: requested.at, received };
                if object.stored.validator().is_some_and(|known| known.is_confirmed_by(newer.headers)) {
                    let updated = object.stored.update(&newer, &TARGETS);
                    let _updated = depot.refresh(&entry, &object, updated, requested).await;
                }
                return landing.tell(Outcome::Again);
            }
            let asked = Asked::new(Cause::Stale, requested, received);
            if let Ok((Arrival { entry, object, place }, stream)) =
                errand.receive(&key, &client, &response, &asked).await
            {
                errand.bring((entry, object, place), stream, response.into_body());
            }
            landing.tell(Outcome::Again);
        });
    }

    /// A request that may change something is about to be passed on.
    pub(super) fn begin_change(&self) -> Option<Change> {
        (!is_safe(self.method)).then(|| self.depot.begin_change(&self.key))
    }

    /// What an answer to a request that was passed on changes in what is kept; and what is to be kept of it, once it is here.
    pub(super) async fn heed(
        &self,
        response: &Response<Answer>,
        requested: Moment,
        begun: Option<Change>,
    ) -> Option<Posted> {
        let (status, fields) = (response.status(), response.headers());
        let keys = invalidated(self.method, &self.key, status, fields);
        // Before anything is waited for: changes have an order.
        let change = begun.and_then(|begun| self.depot.end_change(&self.key, begun, &keys));
        for key in &keys {
            let is_gone = *key == self.key && is_removed(self.method, status);
            let validity = if is_gone { Validity::Withdrawn } else { Validity::Doubted };
            self.depot.invalidate(key, validity).await;
            self.look_again(key);
        }
        if self.method == Method::HEAD && status == StatusCode::OK && !self.is_more {
            self.heed_head(fields, requested).await;
        }
        if self.method == Method::GET && !self.is_more {
            self.heed_passed(status, fields, requested.at);
        }
        self.posted(response, requested.at, change?)
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
        match judge(&exchange, &TARGETS) {
            Ok(_) => self.depot.note_shared(name),
            Err(why) if self.is_telling(status) && !ABOUT_CLIENT.contains(&why) => {
                self.depot.note_alone(name);
            }
            Err(_) => {}
        }
    }

    async fn heed_head(&self, response: &HeaderMap, requested: Moment) {
        let Some(entry) = self.depot.find(&self.key).await else { return };
        let received = self.depot.now();
        // What one pupil is told is nothing to those who are told something else.
        for object in entry.objects().iter().filter(|object| is_for(&object.stored, self.headers)) {
            let newer = Newer { headers: response, requested: requested.at, received };
            let updated = if is_same_as_head(&object.stored, response) {
                object.stored.update(&newer, &TARGETS)
            } else {
                object.stored.at_best(Validity::Doubted)
            };
            let _updated = self.depot.refresh(&entry, object, updated, requested).await;
        }
    }

    /// Whether an answer that is not kept says what others would get: one to a client that has it already, or is refused it, and one
    /// of a server in trouble, does not, nor does one about a file that each has to be authorised for.
    fn is_telling(&self, status: StatusCode) -> bool {
        let is_missing = [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status);
        let is_about_client = status == StatusCode::NOT_MODIFIED || (status.is_client_error() && !is_missing);
        !is_about_client && !status.is_server_error() && self.file.is_none()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.depot.now()
    }

    pub(super) fn moment(&self) -> Moment {
        self.depot.moment()
    }
}

/// How the server was asked.
pub(super) struct Asked {
    cause: Cause,
    /// From which byte on, where not from the first.
    pub(super) start: Option<u64>,
    pub(super) requested: Moment,
    pub(super) received: Timestamp,
}

impl Asked {
    /// For the whole of something.
    pub(super) fn new(cause: Cause, requested: Moment, received: Timestamp) -> Self {
        Self { cause, start: None, requested, received }
    }
}

pub(super) fn pass(cause: Cause, detail: Option<&'static str>) -> Found {
    Found::Pass(Some(CacheStatus { forwarded: Some(cause), detail, ..CacheStatus::default() }))
}

/// Whether a request opens a channel of events, which has no end.
fn wants_events(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| {
        let mut pieces = value.as_bytes().windows(EVENTS.len());
        pieces.any(|piece| piece.eq_ignore_ascii_case(EVENTS))
    })
}

/// Whether the server has done away with what was asked for (RFC 9110 section 9.3.5).
fn is_removed(method: &Method, status: StatusCode) -> bool {
    method == Method::DELETE && status.is_success()
}

/// RFC 5861 section 4.
fn is_trouble(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}
