//! Bringing a body: the one who owns the way to the server, whoever reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use access::Admission;
use cache::{
    ContentRange, Exchange, Key, Span, TARGETS, Unstorable, Validator, content_length, judge, judge_file,
    range_field,
};
use http_body_util::{BodyExt, Empty};
use hyper::body::Body as _;
use model::{AccessKind, DomainName, End, Host};
use policy::Target;
use seats::Share;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::caching::Asked;
use super::lines::Prober;
use super::pace::Pace;
use super::pool::{Answer, UpBody};
use super::server::Server;
use super::settings::Workspaces;
use super::turnstile::Turn;
use crate::depot::{Arrival, Body, Depot, EntryHandle, Fetch, Object, StreamNumber, Succession};
use crate::gate::{Caller, Gate};
use crate::http::has_two_lengths;
use crate::passage::Passage;

/// For the next bytes of a transfer: a line that is silent for so long is gone on with from another connection.
const STALL: Duration = Duration::from_secs(15);
/// Attempts in a row to go on with a transfer that bring nothing: with the pauses between them half a minute.
const ATTEMPTS_MAX: u32 = 8;
/// For how long a transfer goes on that nobody reads: whoever closes a film opens it again, or her neighbour does.
const UNREAD_WAIT: Duration = Duration::from_secs(60);
/// What is missing of it is brought all the same where it is no more than that: four seconds of a line of 8 Mbit/s.
const UNREAD_BYTES_MAX: u64 = 4 << 20;
/// Why something is not kept: whoever asks for it has so much on its way that others would have no room.
pub(super) const SHARE: &str = "share";
/// The longest pause between two attempts is so many times the first one: eight seconds.
const PAUSE_GROWTH_MAX: u32 = 80;

/// What a request was, as far as it takes to ask the server for more of the same.
pub(super) struct Errand {
    pub(super) gate: Arc<Gate>,
    pub(super) workspaces: Arc<Workspaces>,
    pub(super) depot: Arc<Depot>,
    pub(super) caller: Caller,
    pub(super) name: DomainName,
    pub(super) uri: Uri,
    /// The request's fields as they go to the server, conditions and ranges left out.
    pub(super) headers: HeaderMap,
    /// How fast it comes, where nobody waits for it.
    pub(super) pace: Option<Arc<Pace>>,
    /// Its place among what the device has on its way, while something is.
    pub(super) turn: Mutex<Option<Turn<Share>>>,
}

/// A body on its way.
struct Cargo {
    entry: EntryHandle,
    object: Object,
    /// Its place among the bodies on their way; `None` for a piece that was damaged.
    _place: Option<OwnedSemaphorePermit>,
}

/// How a transfer ended.
enum Poured {
    /// All that it should bring is there. Bytes came.
    Over,
    /// It broke off; whether bytes came.
    Cut(bool),
    /// The disk does not take it, or it has no end.
    Spilt,
    /// Nobody reads it any more, and much of it is missing: the line is for what somebody waits for.
    Unread,
}

/// How far a stream came.
enum Brought {
    /// All that it stands for is there.
    All,
    /// The rest does not come for now.
    Part,
    /// It never comes: the server has another version, or the disk takes no more.
    Nothing,
}

/// Why a transfer cannot be gone on with.
enum Refused {
    /// Not now.
    Unreached,
    /// The server has another version, or does not speak of parts.
    Changed,
}

impl Errand {
    /// Brings a body whose beginning, or the piece of it that `stream` stands for, is coming with `answer`.
    pub(super) fn bring(
        self: &Arc<Self>,
        (entry, object, place): (EntryHandle, Object, OwnedSemaphorePermit),
        stream: StreamNumber,
        answer: Answer,
    ) {
        let errand = Arc::clone(self);
        let cargo = Cargo { entry, object, _place: Some(place) };
        tokio::spawn(async move { errand.fill(cargo, stream, Some(answer)).await });
    }

    async fn fill(self: Arc<Self>, cargo: Cargo, stream: StreamNumber, answer: Option<Answer>) {
        let body = Arc::clone(&cargo.object.body);
        let pauses = body.pauses();
        let mut next = Some((stream, answer));
        while let Some((stream, answer)) = next.take() {
            match self.bring_stream(&cargo, stream, answer).await {
                Brought::All if body.pauses() == pauses => {}
                Brought::All => break,
                Brought::Part if body.keeps_parts() => {
                    body.leave(stream);
                    break;
                }
                Brought::Part | Brought::Nothing => {
                    body.give_up(stream);
                    break;
                }
            }
            // What readers jumped over, behind them.
            next = body.rest().and_then(|rest| Some((body.begin(rest.start(), Some(rest.end()))?, None)));
        }
        self.depot.finish(&cargo.entry, &cargo.object).await;
        drop(self.lock_turn().take());
    }

    /// Goes on with a body that was left for later. False where nothing of it is missing, or too much is on its way.
    pub(super) fn go_on(self: &Arc<Self>, entry: EntryHandle, object: Object) -> bool {
        let Some(place) = self.depot.take_place(object.body.length()) else { return false };
        let Some(rest) = object.body.rest() else { return false };
        let Some(stream) = object.body.begin(rest.start(), Some(rest.end())) else { return false };
        let errand = Arc::clone(self);
        let cargo = Cargo { entry, object, _place: Some(place) };
        tokio::spawn(async move { errand.fill(cargo, stream, None).await });
        true
    }

    /// Brings what a stream stands for.
    async fn bring_stream(&self, cargo: &Cargo, stream: StreamNumber, mut answer: Option<Answer>) -> Brought {
        let body = &cargo.object.body;
        let mut attempts = 0;
        loop {
            let poured = match answer.take() {
                Some(answer) => self.pour(body, stream, answer).await,
                None => match self.ask(&cargo.object, stream).await {
                    Ok(None) => Poured::Over,
                    Ok(Some(answer)) => self.pour(body, stream, answer).await,
                    Err(Refused::Unreached) => Poured::Cut(false),
                    Err(Refused::Changed) => return Brought::Nothing,
                },
            };
            match poured {
                Poured::Over => {
                    body.end(stream);
                    return Brought::All;
                }
                Poured::Cut(has_moved) if body.is_divisible() => {
                    attempts = if has_moved { 0 } else { attempts + 1 };
                }
                Poured::Cut(_) | Poured::Spilt => return Brought::Nothing,
                Poured::Unread => {
                    // What is for all is gone on with when somebody opens it again.
                    if body.file_key().is_none() {
                        self.depot.keep_parts(&cargo.entry, &cargo.object).await;
                    }
                    // Unless somebody has just come.
                    if body.is_unread() {
                        return Brought::Part;
                    }
                }
            }
            if attempts >= ATTEMPTS_MAX {
                return Brought::Part;
            }
            let growth = PAUSE_GROWTH_MAX.min(1 << attempts.min(16));
            sleep(self.gate.settings().timeouts.again.saturating_mul(growth)).await;
        }
    }

    async fn pour(&self, body: &Arc<Body>, stream: StreamNumber, mut answer: Answer) -> Poured {
        let mut has_moved = false;
        let mut unread_since = None;
        loop {
            let frame = match timeout(STALL, answer.frame()).await {
                Err(_) | Ok(Some(Err(_))) => return Poured::Cut(has_moved),
                Ok(Some(Ok(frame))) => Some(frame),
                Ok(None) => None,
            };
            let Some(frame) = frame else {
                let run = body.conclude(stream);
                let is_short = body.position(stream).is_some() && body.length().is_some();
                return match run.filter(|_| !is_short) {
                    _ if is_short => Poured::Cut(has_moved),
                    Some(run) => self.store(body, stream, run).await,
                    None => Poured::Over,
                };
            };
            let Some(bytes) = frame.data_ref().filter(|bytes| !bytes.is_empty()) else { continue };
            has_moved = true;
            // Whoever opens it meanwhile does not wait for what nobody waits for.
            if let Some(pace) = self.pace.as_ref().filter(|_| body.watchers() <= 1) {
                pace.keep(bytes.len()).await;
            }
            let progress = body.push(stream, bytes);
            if let Some(run) = progress.run
                && let Poured::Spilt = self.store(body, stream, run).await
            {
                return Poured::Spilt;
            }
            // What says how long it is was judged by that before it came. Where somebody waits, it is hers to say when it is enough, but
            // for the disk.
            let at = body.position(stream).map_or(0, |(next, _)| next);
            let is_waited_for = self.pace.is_none() || body.watchers() > 1;
            let bytes_max = if is_waited_for { self.depot.bytes_max() } else { self.depot.body_bytes_max() };
            if body.length().is_none() && at > bytes_max {
                tracing::debug!("an answer without a length is longer than what is kept");
                return Poured::Spilt;
            }
            if progress.is_over {
                // The connection is given back where the server has no more to say.
                if let Ok(Some(Ok(_)) | Some(Err(_))) | Err(_) = timeout(STALL / 15, answer.frame()).await {
                    tracing::debug!("a transfer ends before its server has said all");
                }
                return Poured::Over;
            }
            if self.pace.is_some() || !body.is_unread() {
                unread_since = None;
            } else if is_much_missing(body.position(stream))
                && unread_since.get_or_insert_with(Instant::now).elapsed() > UNREAD_WAIT
            {
                return Poured::Unread;
            }
        }
    }

    async fn store(&self, body: &Arc<Body>, stream: StreamNumber, run: crate::depot::Run) -> Poured {
        let writer = Arc::clone(body);
        let written = spawn_blocking(move || writer.write(&run).map(|()| run)).await;
        match written.map_err(std::io::Error::other).flatten() {
            Ok(run) => {
                body.settle(stream, &run);
                Poured::Over
            }
            Err(error) => {
                tracing::warn!(%error, "the ENT's cache cannot write to the disk");
                Poured::Spilt
            }
        }
    }

    /// Asks for what a stream lacks still. `None`: it lacks nothing.
    async fn ask(&self, object: &Object, stream: StreamNumber) -> Result<Option<Answer>, Refused> {
        let Some((start, end)) = object.body.position(stream) else { return Ok(None) };
        let known = object.stored.validator().ok_or(Refused::Changed)?;
        let condition = known.if_range().ok_or(Refused::Changed)?;
        let mut headers = self.headers.clone();
        headers.insert(header::RANGE, range_field(start, end));
        headers.insert(header::IF_RANGE, condition.clone());
        let response = self.send(headers).await.ok_or(Refused::Unreached)?;
        check_part(response.status(), response.headers(), &known, start, object.body.length())?;
        object.body.confirm(stream);
        Ok(Some(response.into_body()))
    }

    /// Room for an answer that may be kept, and the transfer of its body.
    ///
    /// # Errors
    /// A word that tells why it is not kept.
    pub(super) async fn receive(
        &self,
        key: &Key,
        client: &HeaderMap,
        response: &Response<Answer>,
        asked: &Asked,
    ) -> Result<(Arrival, StreamNumber), &'static str> {
        let (status, headers) = (response.status(), response.headers());
        let exchange = exchange(client, response, asked);
        let stored = judge(&exchange, &TARGETS).map_err(Unstorable::as_str)?;
        let start = find_start(status, headers, asked.start).ok_or("partial")?;
        // A body that says in two ways where it ends is for nobody but the one who asked.
        if has_two_lengths(headers) {
            return Err("length");
        }
        let length = match content_length(&stored.headers) {
            None if response.body().is_end_stream() => Some(0),
            length => length,
        };
        if !self.has_turn() {
            return Err(SHARE);
        }
        // What nobody waits for takes nothing away before it is here, and nothing does from what was prepared: the line may fall
        // meanwhile.
        let is_later = self.pace.is_some() || self.depot.is_pinned(key);
        let succession = if is_later { Succession::OnceWhole } else { Succession::AtOnce };
        // What nobody waits for is for all who come.
        let reader = self.gate.device_of(&self.caller).filter(|_| self.pace.is_none()).map(|it| it.mac);
        let requested = Some(asked.requested);
        let arrival = self.depot.receive(key, stored, length, succession, requested, reader).await;
        let arrival = arrival.ok_or("no-room")?;
        let stream = arrival.object.body.begin(start, None).ok_or("no-room")?;
        arrival.object.body.confirm(stream);
        if self.pace.is_some() {
            self.depot.keep_parts(&arrival.entry, &arrival.object).await;
        }
        Ok((arrival, stream))
    }

    /// The same for a file that each has to be authorised for.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub(super) async fn receive_file(
        &self,
        key: &Key,
        client: &HeaderMap,
        response: &Response<Answer>,
        asked: &Asked,
    ) -> Result<(Arrival, StreamNumber), &'static str> {
        let headers = response.headers();
        let exchange = exchange(client, response, asked);
        let stored = judge_file(&exchange).map_err(Unstorable::as_str)?;
        let length = content_length(&stored.headers).filter(|_| !has_two_lengths(headers)).ok_or("length")?;
        if !self.has_turn() {
            return Err(SHARE);
        }
        let arrival = self.depot.receive_file(key, stored, length).await.ok_or("no-room")?;
        let stream = arrival.object.body.begin(0, None).ok_or("no-room")?;
        arrival.object.body.confirm(stream);
        Ok((arrival, stream))
    }

    /// Whether the device may have something more on its way; it leaves room to others.
    fn has_turn(&self) -> bool {
        let mut turn = self.lock_turn();
        if turn.is_none() {
            *turn = self.workspaces.fills.enter(self.gate.share_of(&self.caller));
        }
        turn.is_some()
    }

    fn lock_turn(&self) -> MutexGuard<'_, Option<Turn<Share>>> {
        // It comes and goes whole.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server on the box's own account.
    pub(super) async fn send(&self, headers: HeaderMap) -> Option<Response<Answer>> {
        let mut passage = self.admit()?;
        let (gate, workspaces, name) = (&*self.gate, &*self.workspaces, &self.name);
        let workspace = workspaces.find(name)?;
        let server = Server { gate, workspaces, workspace, name };
        let prober = self.prober();
        let sending = prober.attend(server.send(self.request(headers), &mut passage));
        let response = timeout(STALL, sending).await.ok()?.ok()?;
        passage.end = Some(End::Finish);
        Some(response)
    }

    fn prober(&self) -> Prober {
        Prober {
            gate: Arc::clone(&self.gate),
            workspaces: Arc::clone(&self.workspaces),
            caller: self.caller.clone(),
            name: self.name.clone(),
        }
    }

    /// What the box asks on its own is an access of the device for which it does so.
    fn admit(&self) -> Option<Passage> {
        let target = Target::Host(Host::from(self.name.clone()));
        match self.gate.admit(&self.caller, AccessKind::Http, target) {
            Ok(Admission::Permit(permit)) => Some(self.gate.begin(permit, &self.caller)),
            Ok(Admission::Refusal(_)) | Err(_) => None,
        }
    }

    /// The request again, with these fields.
    pub(super) fn request(&self, headers: HeaderMap) -> Request<UpBody> {
        let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

/// Whether a transfer that is there would go on for long: the next byte, and where it ends.
fn is_much_missing(position: Option<(u64, Option<u64>)>) -> bool {
    let Some((next, end)) = position else { return false };
    end.is_none_or(|end| end.saturating_sub(next) > UNREAD_BYTES_MAX)
}

/// What was asked for and answered, on a client's behalf.
pub(super) fn exchange<'e>(
    client: &'e HeaderMap,
    response: &'e Response<Answer>,
    asked: &Asked,
) -> Exchange<'e> {
    Exchange {
        method: &Method::GET,
        request: client,
        status: response.status(),
        response: response.headers(),
        requested: asked.requested.at,
        received: asked.received,
    }
}

/// Where the body begins; `None` where it is not what was asked for.
fn find_start(status: StatusCode, headers: &HeaderMap, asked: Option<u64>) -> Option<u64> {
    if status != StatusCode::PARTIAL_CONTENT {
        return Some(0);
    }
    let start = asked?;
    match ContentRange::of(headers)? {
        ContentRange::Part { span, length } if span.start() == start && length == Some(span.end()) => {
            Some(start)
        }
        ContentRange::Part { .. } | ContentRange::Unsatisfied(_) => None,
    }
}

/// Whether an answer is the part of the same bytes that was asked for (RFC 9110 section 15.3.7.3): under a strong validator,
/// from the right byte, of the same length. A server that is in trouble is asked again.
fn check_part(
    status: StatusCode,
    headers: &HeaderMap,
    known: &Validator,
    start: u64,
    length: Option<u64>,
) -> Result<(), Refused> {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Refused::Unreached);
    }
    let is_part = match ContentRange::of(headers) {
        Some(ContentRange::Part { span, length: said }) => span.start() == start && said == length,
        Some(ContentRange::Unsatisfied(_)) | None => false,
    };
    let is_coded = headers
        .get(header::TRANSFER_ENCODING)
        .is_some_and(|coding| coding != HeaderValue::from_static("chunked"));
    if status == StatusCode::PARTIAL_CONTENT && is_part && !is_coded && known.is_same_bytes(headers) {
        Ok(())
    } else {
        Err(Refused::Changed)
    }
}

/// A reader's way to bytes that nobody has asked for.
pub(super) struct Fetcher {
    pub(super) errand: Arc<Errand>,
    pub(super) entry: EntryHandle,
    pub(super) object: Object,
}

impl Fetch for Fetcher {
    fn fetch(&self, body: &Arc<Body>, span: Span) {
        let Some(stream) = body.begin(span.start(), Some(span.end())) else { return };
        let (errand, entry, object) = (Arc::clone(&self.errand), self.entry.clone(), self.object.clone());
        let cargo = Cargo { entry, object, _place: None };
        tokio::spawn(async move { errand.fill(cargo, stream, None).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_brought_where_little_is_missing() {
        for (position, expected) in [
            (None, false),
            (Some((0, Some(UNREAD_BYTES_MAX))), false),
            (Some((0, Some(UNREAD_BYTES_MAX + 1))), true),
            (Some((1, Some(UNREAD_BYTES_MAX + 1))), false),
            // Nobody knows its end.
            (Some((9, None)), true),
        ] {
            assert_eq!(is_much_missing(position), expected, "{position:?}");
        }
    }
}
