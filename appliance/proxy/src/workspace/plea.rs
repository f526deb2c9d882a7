//! A request, as far as the answer in place of the workspace's depends on it: who asks, for what, and what was typed.
//!
//! What was typed goes back to the browser that sent it, in the page that says that it was not sent. Invariant: it is in
//! memory for as long as its request is, and never on the disk; and it is shown only where the workspace's own page sent it.
//! A form of a stranger's page that the box offered to send again would be the workspace's own form by then.

use std::time::Duration;

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request};
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as _, Incoming};
use model::{DomainName, Host};
use seats::Share;
use tokio::time::timeout;

use super::exchange::{Flow, Reply};
use super::turnstile::Turn;
use super::typed::{Form, boundary_of};
use super::upload::{Hold, Reading, Upload, Way, pass};
use crate::http::{SendError, page_reply, status_of};
use crate::pages::{Delivery, KeptPage, Outage, Pages};

/// Longest form that is held until the workspace has answered: a long essay. A longer one passes while it comes, and is not
/// shown again.
pub(super) const FORM_BYTES_MAX: u64 = 64 * 1024;
/// For such a form to come: a page sends it at once.
const FORM_WAIT: Duration = Duration::from_secs(10);
/// Seconds after which a browser may ask again: about as long as the return of a line takes to be noticed.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");
/// What a program gets in place of the workspace's answer (RFC 9457).
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What an answer in place of the workspace's depends on.
pub(super) struct Plea {
    accept_language: Option<HeaderValue>,
    /// Whether a person looks at the answer.
    wants_page: bool,
    /// Whether it asks for something, and changes nothing.
    pub(super) is_safe: bool,
    has_files: bool,
    /// Path and query.
    target: Option<PathAndQuery>,
    form: Option<Form>,
    /// What comes with it and is not held.
    hold: Option<Hold>,
    /// Whether the box waited for the form in vain: no byte of it has gone on.
    has_never_left: bool,
}

impl Plea {
    /// What `head` says.
    pub(super) fn new(head: &request::Parts) -> Self {
        Self {
            accept_language: head.headers.get(header::ACCEPT_LANGUAGE).cloned(),
            wants_page: wants_page(&head.headers),
            is_safe: [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method),
            has_files: is_type(&head.headers, "multipart/form-data"),
            target: head.uri.path_and_query().cloned(),
            form: None,
            hold: None,
            has_never_left: false,
        }
    }

    /// The body of the request. A form that a page of the workspace sends is waited for, and held; one with files passes, and is
    /// read for what was typed beside them where `take_place` finds it a place.
    ///
    /// # Errors
    /// It does not come.
    pub(super) async fn hold(
        &mut self,
        head: &request::Parts,
        name: &DomainName,
        body: Incoming,
        take_place: impl FnOnce() -> Option<Turn<Share>>,
    ) -> Result<Upload, SendError> {
        if self.is_safe && body.is_end_stream() {
            return Ok(Either::Right(Full::default()));
        }
        let is_own = head.method == Method::POST && is_from(&head.headers, name);
        let is_short = body.size_hint().exact().is_some_and(|bytes| bytes <= FORM_BYTES_MAX);
        let parts = parts_of(&head.headers);
        let is_form = is_type(&head.headers, "application/x-www-form-urlencoded") || parts.is_some();
        if !(is_own && is_form && is_short) {
            let boundary = parts.filter(|_| is_own);
            let reading = boundary.and_then(|boundary| Some(Reading::new(boundary, take_place()?)));
            let (body, hold) = pass(body, reading);
            self.hold = Some(hold);
            return Ok(Either::Left(body));
        }
        let bytes = Box::pin(self.collect(body)).await?;
        self.form = Some(match parts {
            Some(boundary) => Form::Parts(boundary, bytes.clone()),
            None => Form::Plain(bytes.clone()),
        });
        Ok(Either::Right(Full::new(bytes)))
    }

    /// Whether a part of it alone has gone: where the line falls now, nobody ever has all of it.
    pub(super) fn is_half_sent(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.way() != Way::Over)
    }

    /// Takes back what goes nowhere any more, and reads it to its end, within limits.
    pub(super) async fn let_go(&mut self) {
        if let Some(hold) = &self.hold
            && let Some(fields) = hold.take_back().await
        {
            self.form = Some(Form::Read(fields));
        }
    }

    async fn collect(
        &mut self,
        body: impl hyper::body::Body<Data = Bytes, Error = hyper::Error>,
    ) -> Result<Bytes, SendError> {
        let come = match timeout(FORM_WAIT, body.collect()).await {
            Ok(come) => come.map_err(SendError::Broken),
            Err(_) => Err(SendError::TimedOut),
        };
        self.has_never_left = come.is_err();
        Ok(come?.to_bytes())
    }

    /// The answer in place of the workspace's. `kept` are pages of it that are there.
    pub(super) fn answer(
        &self,
        pages: &dyn Pages,
        name: &DomainName,
        error: &SendError,
        (kept, is_registered): (&[KeptPage], bool),
    ) -> Reply {
        let delivery = self.delivery(error);
        let status = outage_status(error);
        let mut reply = if self.wants_page {
            let host = Host::from(name.clone());
            let target = self.target.as_ref().map_or("/", PathAndQuery::as_str);
            let typed = self.form.as_ref().and_then(|form| form.typed(target));
            let has_files = self.has_files;
            let typed = typed.as_ref();
            let outage = Outage { host: &host, delivery, typed, has_files, kept, is_registered };
            page_reply(status, pages.outage(&outage, self.accept_language())).map(BodyExt::boxed_unsync)
        } else {
            problem(status, delivery)
        };
        reply.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S);
        reply
    }

    pub(super) fn accept_language(&self) -> Option<&str> {
        self.accept_language.as_ref().and_then(|value| value.to_str().ok())
    }

    fn delivery(&self, error: &SendError) -> Delivery {
        let way = self.hold.as_ref().map_or(Way::Over, Hold::way);
        match error {
            _ if self.is_safe => Delivery::Nothing,
            _ if self.has_never_left => Delivery::Unsent,
            _ if way == Way::Unbegun => Delivery::Unsent,
            _ if way == Way::Half => Delivery::Half,
            SendError::LineDown | SendError::Unreached(_) | SendError::Untrusted(_) => Delivery::Unsent,
            SendError::Broken(_) | SendError::TimedOut | SendError::Unasked => Delivery::Unknown,
        }
    }
}

/// RFC 9110 section 15.6: the box waited in vain, got no usable answer, or has no way to the server for now.
fn outage_status(error: &SendError) -> StatusCode {
    match error {
        SendError::Unreached(_) => StatusCode::SERVICE_UNAVAILABLE,
        SendError::LineDown
        | SendError::Broken(_)
        | SendError::Untrusted(_)
        | SendError::TimedOut
        | SendError::Unasked => status_of(error),
    }
}

/// Whether a person looks at the answer (Fetch Metadata; browsers that do not send it ask for HTML first). A picture, a script's
/// request or a style sheet shows no page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-dest") {
        Some(dest) => ["document", "iframe", "frame"].contains(&dest),
        None => text("accept").is_some_and(|accept| accept.trim_start().starts_with("text/html")),
    }
}

fn is_type(headers: &HeaderMap, expected: &str) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.and_then(|said| said.split(';').next())
        .is_some_and(|said| said.trim().eq_ignore_ascii_case(expected))
}

/// What parts an upload of files and what was typed beside them.
fn parts_of(headers: &HeaderMap) -> Option<String> {
    boundary_of(headers.get(header::CONTENT_TYPE)?.to_str().ok()?)
}

/// Whether a page of this very server sends it (Fetch Metadata; `Origin` where a browser does not know that).
fn is_from(headers: &HeaderMap, name: &DomainName) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.get(header::ORIGIN).is_some_and(|origin| *origin == format!("https://{name}")),
    }
}

fn problem(status: StatusCode, delivery: Delivery) -> Response<Flow> {
    let title = match delivery {
        Delivery::Nothing => "The line to this service is down.",
        Delivery::Unsent => "The line to this service is down: nothing was sent.",
        Delivery::Half => "The line to this service broke off before all was sent: it has not arrived.",
        Delivery::Unknown => {
            "The line to this service broke off: nobody knows whether what was sent has arrived."
        }
    };
    let text = format!("{{\"title\":\"{title}\",\"status\":{}}}\n", status.as_u16());
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_page_is_for_who_looks_at_it() {
        let check = |lines: &[(&'static str, &'static str)], expected: bool| {
            assert_eq!(wants_page(&map(lines)), expected, "{lines:?}");
        };
        check(&[("sec-fetch-dest", "document"), ("accept", "*/*")], true);
        check(&[("sec-fetch-dest", "empty"), ("accept", "text/html")], false);
        check(&[("sec-fetch-dest", "image")], false);
        check(&[("accept", "text/html,application/xhtml+xml")], true);
        check(&[("accept", "application/json, text/html")], false);
        check(&[], false);
    }

    #[test]
    fn only_forms_of_the_workspace_itself_are_held() {
        let name: DomainName = "ent.example".parse().unwrap();
        let check = |lines: &[(&'static str, &'static str)], expected: bool| {
            assert_eq!(is_from(&map(lines), &name), expected, "{lines:?}");
        };
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "https://ent.example")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://ent.example")], true);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "null")], false);
        check(&[], false);
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_does_not_come_to_its_end_is_not_sent() {
        let request = request::Request::post("/message").body(()).unwrap().into_parts().0;
        let mut plea = Plea::new(&request);
        assert_eq!(plea.delivery(&SendError::TimedOut), Delivery::Unknown);
        let slow = stream::pending::<Result<Frame<Bytes>, hyper::Error>>();
        let error = plea.collect(StreamBody::new(slow)).await.unwrap_err();
        assert!(matches!(error, SendError::TimedOut), "{error}");
        assert_eq!(plea.delivery(&error), Delivery::Unsent);
    }
}
