//! One request to a workspace, and its answer.

use std::future::pending;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use access::{Admission, ResolveError, Screened};
use bytes::Bytes;
use cache::{CacheStatus, ContentRange, POSTER};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Incoming};
use hyper::upgrade::{self, OnUpgrade};
use model::{AccessKind, End, Fault, Host, Subject};
use policy::Target;
use wire::http::{Authority, TargetError, find_authority};

use super::caching::{Found, Quest};
use super::connection::{Connection, Tunnel};
use super::cut::{Cut, cut};
use super::lull::UnderWay;
use super::measure::Measured;
use super::plea::Plea;
use super::pool::{Answer, UpBody};
use super::server::Server;
use super::serving::add_status;
use super::turnstile::Turn;
use super::upload::Upload;
use crate::dial::DialError;
use crate::http::{
    Metered, Objection, SendError, accept_language, cause_of, check, discard, host_fields, is_plainly_coded,
    leave_one_question, leave_out_named, page_reply, prepare_request, prepare_response, status_of,
    wants_websocket,
};
use crate::passage::Passage;
use crate::seats::Client;

/// What flows to a device.
pub(super) type Flow = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// What a device gets.
pub(super) type Reply = Response<Flow>;

/// Seconds after which a device that has too many requests under way may ask again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("2");

/// Most fields of a head: as many as hyper takes by HTTP/1.1, where it says 431 by itself. Browsers send about twenty.
const FIELDS_MAX: usize = 100;

/// What a request needs on its way.
pub(super) struct Journey {
    pub(super) passage: Passage,
    /// What comes with the request has it as well: a server may answer long before all of that has gone.
    rest: Arc<Rest>,
}

/// What a request holds until its answer is over.
pub(super) struct Rest {
    _turn: Turn,
    _under_way: UnderWay,
}

impl Connection {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        let under_way = self.lull.end();
        self.gate.await_room(&self.caller).await;
        self.caller.seat.decide();
        let passage = match self.judge(&request) {
            Ok(passage) => passage,
            Err(objection) => return Box::pin(self.object(request, &objection)).await,
        };
        // As it was judged: to find out who asks once more tells nothing new.
        let client = match passage.subject() {
            Some(subject) => Client::of(subject, self.caller.address.ip()),
            None => self.gate.client_of(&self.caller),
        };
        match self.workspaces.turnstile.enter(client) {
            Some(turn) => {
                let rest = Arc::new(Rest { _turn: turn, _under_way: under_way });
                self.forward(request, Journey { passage, rest }).await
            }
            None => Box::pin(self.turn_back(request, passage)).await,
        }
    }

    /// Judges and records the access. As with TLS that is carried through, its host decides: what is served here is neither
    /// more nor less than what is there.
    fn judge(&self, request: &Request<Incoming>) -> Result<Passage, Objection> {
        let ports = self.gate.settings().ports;
        let is_https = request.uri().scheme_str().is_none_or(|scheme| scheme == "https");
        let Authority { host, port } =
            self.find_authority(request).map_err(|error| self.fault(error.fault(), None))?;
        if count_fields(request.headers()) > FIELDS_MAX {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(self.refuse(status, Fault::Malformed, Some(host)));
        }
        let is_here = host.name() == Some(&self.name) && port.is_none_or(|port| port == ports.tls);
        let is_plain = is_plainly_coded(request.headers()) && request.method() != Method::CONNECT;
        if !(is_https && is_here && is_plain) {
            return Err(self.fault(Fault::Malformed, Some(host)));
        }
        match self.gate.admit(&self.caller, AccessKind::Http, Target::Host(host)) {
            Ok(Admission::Permit(permit)) => Ok(self.gate.begin(permit, &self.caller)),
            Ok(Admission::Refusal(refusal)) => {
                Err(Objection::Refused(StatusCode::FORBIDDEN, Box::new(refusal)))
            }
            Err(_) => Err(Objection::Closed),
        }
    }

    /// The one host that a request is for. Most spell the connection's own name as it is: then nothing has to be read of it.
    fn find_authority(&self, request: &Request<Incoming>) -> Result<Authority, TargetError> {
        let target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let mut fields = host_fields(request);
        let is_plain = target.is_none()
            && fields.next() == Some(self.name.as_str().as_bytes())
            && fields.next().is_none();
        if is_plain {
            return Ok(Authority { host: Host::from(self.name.clone()), port: None });
        }
        find_authority(target, host_fields(request), self.gate.settings().ports.tls)
    }

    /// Records a request that is refused for what it is. One for another name than the connection's is misdirected: the
    /// browser asks again on a connection of its own (RFC 9110 section 15.5.20).
    fn fault(&self, fault: Fault, host: Option<Host>) -> Objection {
        let is_elsewhere = host.as_ref().is_some_and(|host| host.name() != Some(&self.name));
        let status = if is_elsewhere { StatusCode::MISDIRECTED_REQUEST } else { StatusCode::BAD_REQUEST };
        self.refuse(status, fault, host)
    }

    fn refuse(&self, status: StatusCode, fault: Fault, host: Option<Host>) -> Objection {
        match self.gate.admit(&self.caller, AccessKind::Http, Target::Fault { fault, host }) {
            Ok(Admission::Refusal(refusal)) => Objection::Refused(status, Box::new(refusal)),
            Ok(Admission::Permit(_)) | Err(_) => Objection::Closed,
        }
    }

    async fn object(&self, request: Request<Incoming>, objection: &Objection) -> Reply {
        let (head, body) = request.into_parts();
        // A client that still sends would not hear the answer; one that asked first whether to send is told no by it.
        if !head.headers.contains_key(header::EXPECT) {
            discard(body).await;
        }
        objection.reply(self.gate.pages(), accept_language(&head)).map(BodyExt::boxed_unsync)
    }

    async fn turn_back(&self, request: Request<Incoming>, mut passage: Passage) -> Reply {
        passage.end = Some(End::Abort);
        let (head, body) = request.into_parts();
        discard(body).await;
        let host = Host::from(self.name.clone());
        let cause = crate::pages::Unreachable::NoAnswer;
        let page = self.gate.pages().unreachable(&host, cause, accept_language(&head));
        let mut reply = page_reply(StatusCode::SERVICE_UNAVAILABLE, page);
        reply.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S);
        reply.map(BodyExt::boxed_unsync)
    }

    async fn forward(&self, mut request: Request<Incoming>, mut journey: Journey) -> Reply {
        let upgrade = wants_websocket(request.method(), request.version(), request.headers())
            .then(|| upgrade::on(&mut request));
        let (mut head, body) = request.into_parts();
        leave_what_is_asked(&mut head);
        self.mark(&mut head.headers);
        let mut plea = Plea::new(&head);
        let take_place = || self.workspaces.readers.enter(self.gate.share_of(&self.caller));
        let body = match plea.hold(&head, &self.name, body, take_place).await {
            Ok(body) => body,
            Err(error) => return self.fail(journey, &error, &plea),
        };
        let device = match journey.passage.subject() {
            Some(Subject::Device(device)) => Some(device.mac),
            Some(Subject::Unknown(_)) | None => None,
        };
        let quest = Quest::new(self, &head, upgrade.is_some() || !body.is_end_stream(), device);
        let found = match &quest {
            Some(quest) => {
                let finding = async { Ok(self.find(quest, &head, device, &mut journey).await) };
                self.within_limit(finding).await
            }
            None => Ok(Found::Pass(None)),
        };
        let told = match found.unwrap_or_else(Found::Failed) {
            Found::Kept(response) => return self.give(response, journey),
            Found::Passed(response, told) => {
                return self.give_part(&head.headers, response, told, journey, &plea);
            }
            Found::Failed(error) => return self.fail(journey, &error, &plea),
            Found::Unavailable => return self.fail(journey, &SendError::TimedOut, &plea),
            Found::Pass(told) => told,
        };
        if self.prober().is_down() {
            Box::pin(plea.let_go()).await;
            return self.fail(journey, &SendError::LineDown, &plea);
        }
        let request = self.build(&head, body, upgrade.is_some(), &journey);
        let asked = quest.as_ref().map(|quest| (quest, quest.moment(), quest.begin_change()));
        // Of what may have arrived the server's answer is waited for.
        let is_given_up = || plea.is_safe || plea.is_half_sent();
        let asking = Box::pin(self.ask(request, &mut journey.passage, is_given_up));
        let outcome = self.within_limit(asking).await;
        match outcome.and_then(|response| check(response, upgrade.is_some())) {
            Ok(mut response) => {
                let posted = match asked {
                    Some((quest, requested, change)) => {
                        Box::pin(quest.heed(&response, requested, change)).await
                    }
                    None => None,
                };
                if let Some(told) = told {
                    add_status(response.headers_mut(), told);
                }
                let reply = self.respond(response, journey, upgrade);
                match posted {
                    Some(posted) => posted.note(reply),
                    None => reply,
                }
            }
            Err(error) => {
                Box::pin(plea.let_go()).await;
                self.fail(journey, &error, &plea)
            }
        }
    }

    /// Says by which connection it comes, where that has posted something. No client says it by itself.
    fn mark(&self, headers: &mut HeaderMap) {
        headers.remove(POSTER);
        if let Some(poster) = self.poster() {
            headers.insert(POSTER, poster.clone());
        }
    }

    /// What takes longer, while nothing moves, is given up.
    async fn within_limit<T>(
        &self,
        work: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        // The work first: most of it is done at once, and needs no timer.
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.caller.seat.pulse().stop(self.gate.settings().timeouts.response) => Err(SendError::TimedOut),
        }
    }

    fn build(
        &self,
        head: &request::Parts,
        body: Upload,
        is_websocket: bool,
        Journey { passage, rest }: &Journey,
    ) -> Request<UpBody> {
        let mut head = head.clone();
        prepare(&mut head, is_websocket);
        let body = Metered::up(Some(body), Arc::clone(passage.traffic()), Arc::clone(&self.caller.seat));
        let (line, rest) = (self.prober().line(), Arc::clone(rest));
        let body = body.map_err(Into::into).map_frame(move |frame| {
            let _rest = &rest;
            line.hear_sending();
            frame
        });
        Request::from_parts(head, body.boxed_unsync())
    }

    /// An answer from what is kept.
    fn give(&self, response: Response<Flow>, journey: Journey) -> Reply {
        let Journey { passage, rest } = journey;
        let (traffic, seat) = (Arc::clone(passage.traffic()), Arc::clone(&self.caller.seat));
        response.map(|flow| held(Metered::down(flow, traffic, seat, Some(passage)), Some(rest)))
    }

    /// An answer of the server to a request that the cache made of the client's: the part that the client wants of it.
    fn give_part(
        &self,
        asked: &HeaderMap,
        response: Response<Answer>,
        told: CacheStatus,
        journey: Journey,
        plea: &Plea,
    ) -> Reply {
        let (mut head, body) = match check(response, false) {
            Ok(response) => response.into_parts(),
            Err(error) => return self.fail(journey, &error, plea),
        };
        let measured = match cut(asked, head.status, &head.headers) {
            Cut::Whole => Measured::new(body, 0, None),
            Cut::Part { skip, part, length } => {
                head.status = StatusCode::PARTIAL_CONTENT;
                head.headers.insert(header::CONTENT_RANGE, ContentRange::part(part, length));
                head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.len()));
                Measured::new(body, skip, Some(part.len()))
            }
            Cut::Wrong => return self.fail(journey, &SendError::Unasked, plea),
        };
        prepare_response(&mut head, false);
        add_status(&mut head.headers, told);
        let Journey { passage, rest } = journey;
        let (traffic, seat) = (Arc::clone(passage.traffic()), Arc::clone(&self.caller.seat));
        Response::from_parts(head, held(Metered::down(measured, traffic, seat, Some(passage)), Some(rest)))
    }

    /// Asks the server. Where the line falls meanwhile, it `is_given_up` then, or goes on.
    pub(super) async fn ask(
        &self,
        request: Request<UpBody>,
        passage: &mut Passage,
        is_given_up: impl Fn() -> bool,
    ) -> Result<Response<Answer>, SendError> {
        let (gate, workspaces, name) = (&*self.gate, &*self.workspaces, &self.name);
        let Some(workspace) = workspaces.find(name) else {
            return Err(SendError::Unreached(DialError::TimedOut));
        };
        let (prober, server) = (self.prober(), Server { gate, workspaces, workspace, name });
        let line = prober.line();
        let fall = async {
            line.fall().await;
            if !is_given_up() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            outcome = prober.attend(server.send(request, passage)) => outcome,
            () = fall => Err(SendError::LineDown),
        }
    }

    fn respond(&self, mut response: Response<Answer>, journey: Journey, client: Option<OnUpgrade>) -> Reply {
        let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let Journey { passage, rest } = journey;
        let (traffic, seat) = (Arc::clone(passage.traffic()), Arc::clone(&self.caller.seat));
        let (rest, passage) = match client.filter(|_| is_switching) {
            Some(client) => {
                let server = upgrade::on(&mut response);
                self.leave_to(Tunnel { client, server, passage, rest });
                (None, None)
            }
            None => (Some(rest), Some(passage)),
        };
        let (mut head, body) = response.into_parts();
        prepare_response(&mut head, is_switching);
        Response::from_parts(head, held(Metered::down(body, traffic, seat, passage), rest))
    }

    /// The page in place of a workspace that does not answer.
    fn fail(&self, journey: Journey, error: &SendError, plea: &Plea) -> Reply {
        tracing::debug!(%error, "a workspace does not answer");
        let Journey { mut passage, rest: _rest } = journey;
        passage.end.get_or_insert(End::Abort);
        let (pages, language) = (self.gate.pages(), plea.accept_language());
        let reply = match error {
            SendError::Unreached(DialError::Unresolved(ResolveError::Screened(screened))) => {
                match &**screened {
                    Screened::Refused(refusal) => {
                        page_reply(StatusCode::FORBIDDEN, pages.refusal(refusal, language))
                    }
                    Screened::Closed(_) => Objection::Closed.reply(pages, language),
                }
            }
            SendError::Unreached(
                DialError::Unresolved(ResolveError::NoAddress) | DialError::Forbidden(_),
            ) => {
                let host = Host::from(self.name.clone());
                page_reply(status_of(error), pages.unreachable(&host, cause_of(error), language))
            }
            SendError::Unreached(_)
            | SendError::Broken(_)
            | SendError::Untrusted(_)
            | SendError::TimedOut
            | SendError::LineDown
            | SendError::Unasked => {
                let depot = self.workspaces.depot.as_ref();
                let kept = depot.map_or(vec![], |depot| depot.list_pages(self.name.as_str()));
                let is_registered = matches!(passage.subject(), Some(Subject::Device(_)));
                return plea.answer(pages, &self.name, error, (&kept, is_registered));
            }
        };
        reply.map(BodyExt::boxed_unsync)
    }
}

/// A body that holds the rest of its request until it is over.
fn held<B>(body: B, rest: Option<Arc<Rest>>) -> Flow
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let frames = body.map_err(Into::into).map_frame(move |frame| {
        let _rest = &rest;
        frame
    });
    frames.boxed_unsync()
}

/// Leaves of a request what the workspace hears of it: whom an answer is for, and for which other requests it is kept, is decided by
/// that. A device that calls itself a surrogate is not believed (W3C, Edge Architecture Specification): a server would speak to it, in
/// answers that others get. Nor is what it says of other questions than its own.
fn leave_what_is_asked(head: &mut request::Parts) {
    leave_out_named(&mut head.headers);
    head.headers.remove("surrogate-capability");
    leave_one_question(head);
}

/// Prepares the head of such a request for the workspace.
pub(super) fn prepare(head: &mut request::Parts, is_websocket: bool) {
    prepare_request(head, is_websocket);
    head.headers.remove(POSTER);
    join_cookies(&mut head.headers);
}

/// How many fields a head has; the cookies are one, which HTTP/2 parts.
fn count_fields(headers: &HeaderMap) -> usize {
    let crumbs = headers.get_all(header::COOKIE).iter().count();
    headers.len().saturating_sub(crumbs.saturating_sub(1))
}

/// HTTP/2 parts the cookies into fields of their own; HTTP/1.1 has one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_are_one_cookie() {
        let mut headers = HeaderMap::new();
        for crumb in ["oneSessionId=1", "XSRF-TOKEN=2; authenticated=true"] {
            headers.append(header::COOKIE, HeaderValue::from_static(crumb));
        }
        assert_eq!(count_fields(&headers), 1);
        headers.append(header::LINK, HeaderValue::from_static("<a>"));
        headers.append(header::LINK, HeaderValue::from_static("<b>"));
        assert_eq!((count_fields(&headers), count_fields(&HeaderMap::new())), (3, 0));
        join_cookies(&mut headers);
        let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["oneSessionId=1; XSRF-TOKEN=2; authenticated=true"]);
    }
}
