//! What shall be here before anybody asks: a teacher wants it for tomorrow's lesson, or the hub sends it to all schools.
//!
//! It comes as if somebody asked who is signed in nowhere: what the workspace shows to such a one, and says is for all, is kept as
//! ever. Whatever needs a pupil's rights is nobody's before that pupil asks.
//!
//! Invariant: each request is an access of the device for whose sake it is made, judged and recorded as any other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use cache::{
    Audience, BLOCK_BYTES, BROWSER_CODINGS, Cause, Key, Lookup, Newer, Stored, TARGETS, Unstorable,
    Validator, Validity, content_length, judge, look_up, may_serve_prepared,
};
use model::{Device, DomainName, Timestamp, WorkspacePlace};
use tokio::sync::watch;

use super::caching::Asked;
use super::errand::{Errand, SHARE, exchange};
use super::nobody::is_invitation;
use super::pace::Pace;
use super::pool::Answer;
use super::redirection::Redirection;
use crate::depot::{Arrival, Boarding, Body, Depot, EntryHandle, Landing, Object, Outcome};
use crate::gate::{Caller, Gate};

/// The codings that browsers take: what is kept for one is kept for all that say the same.
const CODINGS: HeaderValue = HeaderValue::from_static(BROWSER_CODINGS);

/// Redirections that are followed: from an old address to a new one, and on to where the file is. More of them lead in a circle.
const HOPS_MAX: usize = 4;

/// Something that shall be here.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The workspace's name that it is under.
    pub host: DomainName,
    /// Its path and query.
    pub path: String,
    /// The tag that it has, where whoever wants it knows.
    pub tag: Option<String>,
    /// Its SHA-256, likewise.
    pub digest: Option<[u8; 32]>,
    /// For whose sake it is fetched: by the rules of this device.
    pub device: Arc<Device>,
    /// Until when it shall be served though nobody can be asked, where that is wanted.
    pub until: Option<Timestamp>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// It is here, whole and right.
    Here,
    /// Not now: the workspace does not answer, the line broke off, or too much is on its way.
    Later,
    /// A lesson closes the Internet to the device: not before its end.
    Closed,
    /// The filter does not permit it.
    Refused,
    /// The workspace shows it to those alone who are signed in, or each gets one of his own.
    Personal,
    /// The workspace does not let it be served to all unasked for as long as it is wanted.
    NotShared,
    /// The workspace has nothing there.
    Missing,
    /// It is more than may be pinned.
    Full,
    /// It is something else than was wanted.
    Different,
    /// It is of no workspace that the box keeps.
    Elsewhere,
}

/// What became of it, and where it is: the workspace may lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What became of it.
    pub preparation: Preparation,
    /// Where it is not where it was wanted.
    pub place: Option<WorkspacePlace>,
}

impl From<Preparation> for Settled {
    fn from(preparation: Preparation) -> Self {
        Self { preparation, place: None }
    }
}

/// How much of it is here, for whoever looks on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    all: AtomicU64,
}

impl Progress {
    /// Bytes that are here, and bytes of the whole; 0 where that is not known.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.all.load(Ordering::Relaxed))
    }

    fn show(&self, done: u64, all: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        self.all.store(all.unwrap_or_default(), Ordering::Relaxed);
    }
}

impl Gate {
    /// Has something be here, at this pace, until `stop` turns true. What is here already is asked for again only where it is
    /// stale; a transfer that was cut goes on where it stopped. Where the workspace leads to another place of its own, it is
    /// followed, and what is there stays, until [`pin`](Self::pin) says anew what does.
    pub async fn prepare(
        self: Arc<Self>,
        wanted: Wanted,
        pace: Arc<Pace>,
        progress: Arc<Progress>,
        mut stop: watch::Receiver<bool>,
    ) -> Settled {
        let Some((caller, eviction)) = self.stand_in(Arc::clone(&wanted.device), stop.clone()) else {
            return Preparation::Later.into();
        };
        let (device, host) = (Arc::clone(&wanted.device), wanted.host.clone());
        tokio::select! {
            settled = Arc::clone(&self).follow(wanted, pace, progress, caller) => settled,
            // What it did is not permitted any more, or the box stops.
            Ok(()) = eviction => match self.would_permit(&device, &host) {
                true => Preparation::Later.into(),
                false => self.why_refused(&device, &host).into(),
            },
            _ = stop.wait_for(|&is_stopping| is_stopping) => Preparation::Later.into(),
        }
    }

    /// Prepares something wherever the workspace leads to for it.
    async fn follow(
        self: Arc<Self>,
        mut wanted: Wanted,
        pace: Arc<Pace>,
        progress: Arc<Progress>,
        caller: Caller,
    ) -> Settled {
        let mut place = None;
        let mut is_led = false;
        for _ in 0..=HOPS_MAX {
            let (pace, progress, caller) = (Arc::clone(&pace), Arc::clone(&progress), caller.clone());
            let work = match self.plan(wanted.clone(), pace, progress, caller, is_led) {
                Ok(work) => work,
                Err(preparation) => return preparation.into(),
            };
            if place.is_some() && wanted.until.is_some() {
                work.depot.pin_also(&work.key);
            }
            match work.run().await {
                Step::Over(preparation) => return Settled { preparation, place },
                Step::Led(Redirection { place: led, is_permanent }) => {
                    let workspaces = &work.errand.workspaces;
                    let is_own = workspaces.are_of_one(&wanted.host, &led.host);
                    if !is_own || !workspaces.are_for(&led.host, &wanted.device) {
                        return Preparation::NotShared.into();
                    }
                    is_led |= !is_permanent;
                    (wanted.host, wanted.path) = (led.host.clone(), led.path.clone());
                    place = Some(led);
                }
            }
        }
        Preparation::Personal.into()
    }

    fn why_refused(&self, device: &Arc<Device>, host: &DomainName) -> Preparation {
        match self.is_closed_by_lesson(device, host) {
            true => Preparation::Closed,
            false => Preparation::Refused,
        }
    }

    fn plan(
        self: &Arc<Self>,
        wanted: Wanted,
        pace: Arc<Pace>,
        progress: Arc<Progress>,
        caller: Caller,
        is_led: bool,
    ) -> Result<Preparing, Preparation> {
        let workspaces = self.settings().workspaces.clone().ok_or(Preparation::Elsewhere)?;
        let depot = workspaces.depot.clone().ok_or(Preparation::Elsewhere)?;
        let key =
            Key::new(wanted.host.as_str(), &wanted.path).filter(|_| workspaces.find(&wanted.host).is_some());
        let (key, uri) = key.zip(wanted.path.parse::<Uri>().ok()).ok_or(Preparation::Elsewhere)?;
        if !self.would_permit(&wanted.device, &wanted.host) {
            return Err(self.why_refused(&wanted.device, &wanted.host));
        }
        // Until a day it is wanted for whoever opens it, be it as a page: then it has to be for all by its own word.
        let may_be_static = wanted.until.is_none();
        let is_static = may_be_static
            && workspaces.find(&wanted.host).is_some_and(|it| it.family().is_for_all(&wanted.path));
        let errand = Errand {
            gate: Arc::clone(self),
            workspaces,
            depot: Arc::clone(&depot),
            caller,
            name: wanted.host.clone(),
            uri,
            headers: fields(&wanted.host),
            pace: Some(pace),
            turn: Mutex::default(),
        };
        Ok(Preparing { errand: Arc::new(errand), depot, key, wanted, progress, is_led, is_static })
    }

    /// Looks at what was used most since the last time, so that it is right when the school opens. Returns how much of it is here.
    pub async fn refresh_used(self: Arc<Self>, pace: Arc<Pace>, stop: watch::Receiver<bool>) -> usize {
        let Some(workspaces) = self.settings().workspaces.clone() else { return 0 };
        let mut here = 0;
        for (key, mac) in workspaces.favourites.take() {
            if *stop.borrow() {
                break;
            }
            let Ok(host) = key.host().parse::<DomainName>() else { continue };
            let device = self.find_device(mac).filter(|device| workspaces.are_for(&host, device));
            // It is gone since, or has another profile.
            let Some(device) = device else { continue };
            let path = key.path_and_query().to_owned();
            let wanted = Wanted { host, path, tag: None, digest: None, device, until: None };
            let (gate, pace) = (Arc::clone(&self), Arc::clone(&pace));
            let outcome = gate.prepare(wanted, pace, Arc::default(), stop.clone()).await;
            here += usize::from(outcome.preparation == Preparation::Here);
        }
        here
    }

    /// Whether something is here whole, and a class gets it until then though the line is down.
    pub async fn has_ready(&self, host: &DomainName, path: &str, until: Timestamp) -> bool {
        let depot = self.settings().workspaces.as_ref().and_then(|workspaces| workspaces.depot.clone());
        let Some((depot, key)) = depot.zip(Key::new(host.as_str(), path)) else { return false };
        let Some(entry) = depot.find(&key).await else { return false };
        let is_ready = |object: &Object| {
            let (stored, is_whole) = (&object.stored, object.body.whole_length().is_some());
            let is_for_all = stored.audience == Audience::Everyone;
            is_whole && is_for_all && is_for_class(stored, &fields(host), Some(until))
        };
        entry.objects().iter().any(is_ready)
    }

    /// Has these stay, and nothing else, whatever comes: the first ones where they are too much.
    pub fn pin(&self, wanted: &[(DomainName, String)]) {
        let depot = self.settings().workspaces.as_ref().and_then(|workspaces| workspaces.depot.as_ref());
        if let Some(depot) = depot {
            let keys: Vec<Key> =
                wanted.iter().filter_map(|(host, path)| Key::new(host.as_str(), path)).collect();
            depot.pin(keys.iter());
        }
    }
}

/// The request of somebody who is signed in nowhere.
fn fields(host: &DomainName) -> HeaderMap {
    let mut fields = HeaderMap::new();
    if let Ok(host) = HeaderValue::from_str(host.as_str()) {
        fields.insert(header::HOST, host);
    }
    fields.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(header::ACCEPT_ENCODING, CODINGS);
    fields
}

/// Whether a class gets it, in whatever language, and though nobody can be asked until then.
fn is_for_class(stored: &Stored, request: &HeaderMap, until: Option<Timestamp>) -> bool {
    let is_for_any = stored.vary.fields.iter().all(|(name, _)| name.as_str() == "accept-encoding");
    is_for_any && until.is_none_or(|until| may_serve_prepared(stored, request, until))
}

/// Whether an answer is of a type: a stream of events has no end, and a page may be one to sign in at.
fn is_of_type(headers: &HeaderMap, expected: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|kind| kind.starts_with(expected))
}

/// What becomes of one look.
enum Step {
    Over(Preparation),
    /// The workspace leads to another place of its own.
    Led(Redirection),
}

/// A transfer that nobody but the preparer waits for ends with the preparation.
struct Tie(Arc<Body>);

impl Drop for Tie {
    fn drop(&mut self) {
        // Who prepares does not look any more.
        match self.0.whole_length().is_none() && self.0.watchers() == 0 {
            // What came of it is gone on with another time.
            true if self.0.keeps_parts() => self.0.pause(),
            true => self.0.fail(),
            false => {}
        }
    }
}

/// One thing on its way.
struct Preparing {
    errand: Arc<Errand>,
    depot: Arc<Depot>,
    key: Key,
    wanted: Wanted,
    progress: Arc<Progress>,
    /// Whether a redirection that holds for now alone has led here: a page is then where one signs in.
    is_led: bool,
    /// It is the same for everybody, as the workspace's profile says: the class gets what nobody in particular gets.
    is_static: bool,
}

impl Preparing {
    async fn run(&self) -> Step {
        let entry = self.depot.find(&self.key).await;
        // What was cut is gone on with, whatever older version of it is here.
        let part = entry.as_ref().and_then(|entry| entry.part(&self.errand.headers));
        let objects = match part {
            Some(part) => vec![part],
            None => entry.as_ref().map(EntryHandle::objects).unwrap_or_default(),
        };
        let method = ::http::Method::GET;
        let known = match look_up(&objects, &method, &self.errand.headers, self.depot.now()) {
            Lookup::Fresh(object) => return Step::Over(self.complete(entry.as_ref(), object).await),
            Lookup::Revalidate(object) | Lookup::Validate(object, _) => {
                entry.clone().map(|entry| (entry, object.clone()))
            }
            Lookup::Fetch(_) | Lookup::Unavailable | Lookup::Pass(_) => None,
        };
        match self.depot.flights.board(Depot::name(&self.key)) {
            Boarding::Leader(landing) => self.fetch(known, landing).await,
            // Somebody asks for it at this very moment: it is looked at again later.
            Boarding::Follower(_) => Step::Over(Preparation::Later),
        }
    }

    async fn fetch(&self, known: Option<(EntryHandle, Object)>, landing: Landing) -> Step {
        let mut headers = self.errand.headers.clone();
        if let Some((_, object)) = &known {
            Validator::condition(&object.stored.headers, &mut headers);
        }
        let requested = self.depot.moment();
        let Some(response) = self.errand.send(headers).await else { return Step::Over(Preparation::Later) };
        let received = self.depot.now();
        let status = response.status();
        if let Some((entry, object)) = known
            && status == StatusCode::NOT_MODIFIED
        {
            let newer = Newer { headers: response.headers(), requested: requested.at, received };
            if !object.stored.validator().is_some_and(|known| known.is_confirmed_by(newer.headers)) {
                return Step::Over(Preparation::Later);
            }
            let updated = object.stored.update(&newer, &TARGETS);
            let refreshed = self.depot.refresh(&entry, &object, updated, requested).await;
            // Whoever opens it meanwhile has what is here of it, and waits for the rest alone.
            landing.tell(Outcome::Again);
            return Step::Over(match refreshed {
                Some(object) => self.complete(Some(&entry), &object).await,
                None => Preparation::Later,
            });
        }
        let from = WorkspacePlace { host: self.wanted.host.clone(), path: self.wanted.path.clone() };
        if let Some(redirection) = Redirection::read(&from, status, response.headers()) {
            return Step::Led(redirection);
        }
        let asked = Asked::new(Cause::UriMiss, requested, received);
        Step::Over(self.receive(response, &asked, landing).await)
    }

    async fn receive(&self, response: Response<Answer>, asked: &Asked, landing: Landing) -> Preparation {
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Preparation::Later;
        }
        if [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status) {
            // Said to nobody in particular: nobody gets it any more, with the line or without.
            self.depot.invalidate(&self.key, Validity::Withdrawn).await;
        }
        if status != StatusCode::OK {
            // A page to sign in at is where most of a workspace leads to.
            let needs_session = self.is_led || status.is_redirection() || status == StatusCode::UNAUTHORIZED;
            let is_closed = needs_session || status == StatusCode::FORBIDDEN;
            return if is_closed { Preparation::Personal } else { Preparation::Missing };
        }
        // What is not for all is not even fetched.
        if let Err(why) = self.judge(&response, asked) {
            return why;
        }
        if content_length(response.headers())
            .is_some_and(|length| !self.depot.has_room_to_pin(&self.key, length))
        {
            return Preparation::Full;
        }
        let received = self.errand.receive(&self.key, &self.errand.headers, &response, asked).await;
        let (Arrival { entry, object, place }, stream) = match received {
            Ok(arrived) => arrived,
            Err("no-room") => return Preparation::Full,
            Err(SHARE) => return Preparation::Later,
            Err(_) => return Preparation::NotShared,
        };
        let _tie = Tie(Arc::clone(&object.body));
        self.errand.bring((entry, object.clone(), place), stream, response.into_body());
        landing.tell(Outcome::Again);
        self.await_whole(&object).await
    }

    /// Whether an answer is one that a class gets.
    fn judge(&self, response: &Response<Answer>, asked: &Asked) -> Result<(), Preparation> {
        let headers = response.headers();
        let is_page = is_of_type(headers, b"text/html");
        let is_invitation = self.is_static && is_invitation(self.errand.uri.path(), headers);
        if headers.contains_key(header::SET_COOKIE) || (self.is_led && is_page) || is_invitation {
            return Err(Preparation::Personal);
        }
        if is_of_type(headers, b"text/event-stream") {
            return Err(Preparation::NotShared);
        }
        let stored = judge(&exchange(&self.errand.headers, response, asked), &TARGETS);
        match stored {
            // It does not say that it is for all.
            Err(Unstorable::Private | Unstorable::Unmarked) => Err(Preparation::Personal),
            Ok(stored) if !self.is_for_all(&stored) => Err(Preparation::Personal),
            Ok(stored) if self.is_for_class(&stored) => Ok(()),
            Ok(_) | Err(_) => Err(Preparation::NotShared),
        }
    }

    /// Goes on with what was left for later, and waits for all of it.
    async fn complete(&self, entry: Option<&EntryHandle>, object: &Object) -> Preparation {
        let Some(entry) = entry.filter(|_| object.body.is_resting()) else {
            return self.await_whole(object).await;
        };
        if !self.is_for_class(&object.stored) {
            return Preparation::NotShared;
        }
        self.depot.take_up(entry, object).await;
        let _tie = Tie(Arc::clone(&object.body));
        if !self.errand.go_on(entry.clone(), object.clone()) {
            // All of it was here, or it is not its turn.
            self.depot.finish(entry, object).await;
            if object.body.whole_length().is_none() {
                return Preparation::Later;
            }
        }
        self.await_whole(object).await
    }

    /// Waits for all of it, and looks whether it is what was wanted.
    async fn await_whole(&self, object: &Object) -> Preparation {
        if !self.is_for_class(&object.stored) {
            return Preparation::NotShared;
        }
        if !object.body.watch_whole(|done, all| self.progress.show(done, all)).await {
            return if self.is_too_long(&object.body) { Preparation::Full } else { Preparation::Later };
        }
        let tag = object.stored.headers.get(header::ETAG).map(HeaderValue::as_bytes);
        if self.wanted.tag.as_ref().is_some_and(|wanted| tag != Some(wanted.as_bytes())) {
            return Preparation::Different;
        }
        if let Some(digest) = self.wanted.digest
            && !self.depot.has_digest(object, digest).await
        {
            // Nobody gets it before the workspace has said again that it is right.
            self.depot.invalidate(&self.key, Validity::Withdrawn).await;
            return Preparation::Different;
        }
        Preparation::Here
    }

    fn is_for_class(&self, stored: &Stored) -> bool {
        self.is_for_all(stored) && is_for_class(stored, &self.errand.headers, self.wanted.until)
    }

    /// Whether a class gets it, whoever is signed in.
    fn is_for_all(&self, stored: &Stored) -> bool {
        match stored.audience {
            Audience::Everyone => true,
            Audience::Anonymous => self.is_static,
            Audience::Authorised => false,
        }
    }

    /// Whether something that did not say how long it is was given up because it is too long: all whole blocks of it came.
    fn is_too_long(&self, body: &Body) -> bool {
        let block = u64::try_from(BLOCK_BYTES).unwrap_or_default();
        let (done, _) = self.progress.read();
        body.length().is_none() && done.saturating_add(block) > self.depot.body_bytes_max()
    }
}
