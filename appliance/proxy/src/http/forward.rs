//! A permitted request, and its response.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::{Request, Response, StatusCode, header};
use access::{ResolveError, Screened};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::upgrade::{self, OnUpgrade};
use model::{End, Host};

use super::body::Metered;
use super::fields::{
    is_plainly_coded, is_websocket, name_client, prepare_request, prepare_response, wants_websocket,
};
use super::reply::{Objection, Reply, page_reply};
use super::session::{Session, Way, accept_language};
use super::tunnel::Tunnel;
use super::upstream::{Route, SendError};
use crate::dial::DialError;
use crate::pages::Unreachable;
use crate::passage::Passage;
use crate::relay::Traffic;

impl Session {
    /// Forwards a request, and gives back the response as soon as its head is there.
    pub(super) async fn forward(&self, mut request: Request<Incoming>, way: Way) -> Reply {
        let (mut passage, route) = match (way, &self.gate.settings().portal) {
            (Way::Web(passage, route), _) => (Some(*passage), route),
            (Way::Portal, Some(portal)) => (None, Route::Portal(portal.address)),
            (Way::Portal, None) => return super::reply::empty_reply(StatusCode::NOT_FOUND),
        };
        let traffic: Arc<Traffic> =
            passage.as_ref().map(|passage| Arc::clone(passage.traffic())).unwrap_or_default();
        let upgrade = wants_websocket(request.method(), request.version(), request.headers())
            .then(|| upgrade::on(&mut request));

        let (mut head, body) = request.into_parts();
        let language = accept_language(&head).map(str::to_owned);
        prepare_request(&mut head, upgrade.is_some());
        if passage.is_none() {
            name_client(&mut head.headers, self.caller.address.ip());
        }
        let body = Metered::up(Some(body), Arc::clone(&traffic), Arc::clone(&self.caller.seat));
        let request = Request::from_parts(head, body);

        let limit = self.gate.settings().timeouts.response;
        let outcome = tokio::select! {
            outcome = self.send(request, &route, &mut passage) => outcome,
            () = self.caller.seat.pulse().stop(limit) => Err(SendError::TimedOut),
        };
        match outcome.and_then(|response| check(response, upgrade.is_some())) {
            Ok(response) => self.respond(response, passage, traffic, upgrade),
            Err(error) => self.fail(&route, passage, &error, language.as_deref()),
        }
    }

    fn respond(
        &self,
        mut response: Response<Incoming>,
        passage: Option<Passage>,
        traffic: Arc<Traffic>,
        client: Option<OnUpgrade>,
    ) -> Reply {
        let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let mut passage = passage;
        if let Some(client) = client.filter(|_| is_switching) {
            let server = upgrade::on(&mut response);
            self.leave_to(Tunnel::WebSocket { client, server, passage: passage.take() });
        }
        let (mut head, body) = response.into_parts();
        prepare_response(&mut head, is_switching);
        let body = Metered::down(body, traffic, Arc::clone(&self.caller.seat), passage);
        Response::from_parts(head, Either::Right(body))
    }

    /// The page in place of a server that does not answer.
    fn fail(
        &self,
        route: &Route,
        passage: Option<Passage>,
        error: &SendError,
        accept_language: Option<&str>,
    ) -> Reply {
        tracing::debug!(%error, "a request has no answer");
        if let Some(mut passage) = passage
            && passage.end.is_none()
        {
            passage.end = Some(End::Abort);
        }
        if let SendError::Unreached(DialError::Unresolved(ResolveError::Screened(screened))) = error {
            return self.turn_away(screened, accept_language);
        }
        let host = match route {
            Route::Web { host, .. } => host.clone(),
            Route::Portal(address) => Host::from(IpAddr::from(*address.ip())),
        };
        page_reply(status_of(error), self.gate.pages().unreachable(&host, cause_of(error), accept_language))
    }

    /// The page in place of a site that leads to what is refused.
    fn turn_away(&self, screened: &Screened, accept_language: Option<&str>) -> Reply {
        let pages = self.gate.pages();
        match screened {
            Screened::Refused(refusal) => {
                page_reply(StatusCode::FORBIDDEN, pages.refusal(refusal, accept_language))
            }
            Screened::Closed(_) => Objection::Closed.reply(pages, accept_language),
        }
    }
}

/// A server may switch to the one protocol that the gate offered it, and may lay nothing over its body that
/// nobody asked for.
pub(crate) fn check<B>(response: Response<B>, is_offered: bool) -> Result<Response<B>, SendError> {
    let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let is_agreed = is_offered && response.headers().get(header::UPGRADE).is_some_and(is_websocket);
    let is_understood = is_plainly_coded(response.headers()) && (is_agreed || !is_switching);
    if is_understood { Ok(response) } else { Err(SendError::Unasked) }
}

/// RFC 9110 section 15.6: 504 where the box waited in vain, 502 where it got no usable answer.
pub(crate) fn status_of(error: &SendError) -> StatusCode {
    match error {
        SendError::LineDown => StatusCode::SERVICE_UNAVAILABLE,
        SendError::TimedOut
        | SendError::Unreached(DialError::TimedOut | DialError::Unresolved(ResolveError::Unreachable)) => {
            StatusCode::GATEWAY_TIMEOUT
        }
        SendError::Broken(_)
        | SendError::Untrusted(_)
        | SendError::Unasked
        | SendError::Unreached(
            DialError::Unresolved(ResolveError::NoAddress | ResolveError::Screened(_))
            | DialError::Forbidden(_)
            | DialError::Refused(_),
        ) => StatusCode::BAD_GATEWAY,
    }
}

pub(crate) fn cause_of(error: &SendError) -> Unreachable {
    match error {
        SendError::Unreached(DialError::Unresolved(ResolveError::NoAddress)) => Unreachable::NoAddress,
        SendError::Unreached(DialError::Unresolved(ResolveError::Unreachable)) => Unreachable::NoResolver,
        SendError::Unreached(DialError::Forbidden(_) | DialError::Unresolved(ResolveError::Screened(_))) => {
            Unreachable::Forbidden
        }
        SendError::Unreached(DialError::TimedOut | DialError::Refused(_))
        | SendError::Broken(_)
        | SendError::Untrusted(_)
        | SendError::Unasked
        | SendError::LineDown
        | SendError::TimedOut => Unreachable::NoAnswer,
    }
}
