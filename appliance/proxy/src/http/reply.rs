//! Answers that the box gives in place of a server.

use ::http::{HeaderValue, Response, StatusCode, header};
use access::Recorded;
use bytes::Bytes;
use http_body_util::{Either, Full};
use policy::Refusal;

use super::body::Metered;
use crate::pages::{Page, Pages};

/// What a client gets: a page of the box, or what a server says.
pub(crate) type Reply = Response<Either<Full<Bytes>, Metered>>;

/// Seconds after which a client may ask again while the web is closed: the journal tries to reopen more often.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("30");

/// Why a request is not forwarded.
#[derive(Debug)]
pub(crate) enum Objection {
    /// The desk refused it.
    Refused(StatusCode, Box<Recorded<Refusal>>),
    /// It cannot be recorded.
    Closed,
}

impl Objection {
    pub(crate) fn reply(&self, pages: &dyn Pages, accept_language: Option<&str>) -> Reply {
        match self {
            Self::Refused(status, refusal) => page_reply(*status, pages.refusal(refusal, accept_language)),
            Self::Closed => {
                let mut reply = page_reply(StatusCode::SERVICE_UNAVAILABLE, pages.closed(accept_language));
                reply.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S);
                reply
            }
        }
    }
}

/// An answer with a page. No cache keeps it: what is refused now may be permitted in a minute.
pub(crate) fn page_reply(status: StatusCode, page: Page) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(page.body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// An answer without a body.
pub(super) fn empty_reply(status: StatusCode) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(Bytes::new())));
    *reply.status_mut() = status;
    reply
}
